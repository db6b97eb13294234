"""One client's connection: its requests are read one after the other, within a time and a budget, and answered."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import Callable
from typing import Final

from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.requests import Request, Response
from gntp_logging.gntp.wire import Envelope, RequestReader, encode

from .budget import Usage
from .reactions import REPORT_DELAY, Awaited
from .socket_stream import READ_SIZE, SocketStream

ANSWER_TIMEOUT: Final = 5.0
"""Seconds for the peer to accept the answer, which fits into any socket's buffer unless it echoes a huge id."""

PICTURE_TIMEOUT: Final = 2.0
"""Seconds to wait for a picture of which nothing comes; the notification is shown without it then."""

_LINGER: Final = 1.0
"""Seconds to read on after an early answer: closing with bytes unread would reset the connection."""

_LIVENESS_INTERVAL: Final = 5.0
"""Seconds between two checks whether a sender that awaits a reaction has left."""

_KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
"""TCP keepalive: seconds until the first probe (on macOS the second option), seconds between probes, and their number.

The end of a sender's stream does not show that it has left: clients shut down their sending side after the request, and
wait.
"""

Secured = tuple[Key | None, Cipher | None]
"""The key and the cipher of a message."""

_IN_CLEAR: Final[Secured] = (None, None)


@dataclasses.dataclass(eq=False)
class ClientSession:
    """One client's connection.

    It reads from the socket only while it waits for a request: what comes meanwhile stays in the system's buffers.

    Attributes:
        sock: The socket, as accepted.
        stream: Its bytes, once the connection is open.
        wire: Reads the requests.
        peer: Address of the client.
        group: What counts as one peer: the address, or the network it belongs to.
        usage: What peers use of the server.
        encrypts_answers: Whether the answers to encrypted requests are encrypted.
        speaks: Called when the client has shown a valid key; without passwords, when it has sent a whole request.
        first_line_timeout: Seconds from the accept until the first information line is accepted.
        gave_way: Called when the connection is closed to make room for another before it was begun.
        has_given_way: Whether it was closed to make room for another.
    """

    sock: socket.socket
    stream: SocketStream
    wire: RequestReader
    peer: str
    group: str
    usage: Usage
    encrypts_answers: bool
    speaks: Callable[[ClientSession], None]
    first_line_timeout: float
    gave_way: Callable[[ClientSession], None]
    has_given_way: bool = False
    _accepted_at: float = dataclasses.field(default_factory=lambda: asyncio.get_running_loop().time())
    _late: asyncio.TimerHandle | None = None
    _is_open: bool = False
    _is_closing: bool = False
    _has_read: bool = False
    _gone: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    _refusal: bytes = b""
    _fed: int = 0
    _held: int = 0
    _reactions: set[asyncio.Task[None]] = dataclasses.field(default_factory=set)

    def wait(self, begin: Callable[[], None]) -> None:
        """Wait for the first byte: until then the connection costs nothing but its socket.

        Args:
            begin: Called when the byte has come, or has not come in time.
        """

        def end() -> None:
            self._end_waiting()
            begin()

        loop = asyncio.get_running_loop()
        self._late = loop.call_later(self.first_line_timeout, end)
        try:
            loop.add_reader(self.sock.fileno(), end)
        except NotImplementedError:  # Windows: its loop has no readers
            end()

    def _end_waiting(self) -> bool:
        """Stop waiting for the first byte; return False if the connection was not waiting for it."""
        if self._late is None:
            return False
        self._late.cancel()
        self._late = None
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().remove_reader(self.sock.fileno())
        return True

    async def open(self) -> None:
        """Take the socket into the event loop.

        Raises:
            OSError: If the client has left.
        """
        await asyncio.get_running_loop().connect_accepted_socket(lambda: self.stream, self.sock)
        self._is_open = True
        self.stream.pause()
        if self.has_given_way:
            self.stream.transport.abort()

    @property
    def envelope(self) -> Envelope:
        """The envelope of the last request."""
        assert self.wire.envelope is not None
        return self.wire.envelope

    # -- Requests --------------------------------------------------------------------------------

    async def next_request(self, timeout: float) -> Request | None:
        """Read one request.

        Args:
            timeout: Seconds for the whole request.

        Returns:
            The request; None if the peer closes without one.

        Raises:
            asyncio.TimeoutError: If the request is not complete in time.
            GNTPProtocolError: If the bytes are not a request, or there is no room for them.
        """
        try:
            request = self.wire.next_message()  # it may have arrived together with the one before
            if request is None:
                request = await self._read_in_time(timeout)
        finally:
            self._fed = self.wire.unread
            self._hold(self._fed)
        if request is not None:
            self.speaks(self)
        return request

    async def _read_in_time(self, timeout: float) -> Request | None:
        if not self._has_read:  # the first request's time began with the accept
            waited = asyncio.get_running_loop().time() - self._accepted_at
            timeout = max(0.0, timeout - waited)
            self.first_line_timeout = max(0.0, self.first_line_timeout - waited)
        if not self._is_accepted() and self.first_line_timeout < timeout:
            request = await asyncio.wait_for(self._read(until_accepted=True), self.first_line_timeout)
            if request is not None or not self._is_accepted():  # the stream has ended
                return request
            timeout -= self.first_line_timeout
        return await asyncio.wait_for(self._read(), timeout)

    def _is_accepted(self) -> bool:
        return self.wire.line is not None

    async def _read(self, *, until_accepted: bool = False) -> Request | None:
        """Read until a request is complete or the stream ends; ``until_accepted``: until its first line is accepted."""
        while (request := self.wire.next_message()) is None:
            self._hold(self._fed + self.wire.overhead)  # which pictures are missing may be known only now
            line = self.wire.line
            if line is not None and line.hash_id is not None:
                self.speaks(self)
            if until_accepted and line is not None:
                break
            data = await self._more()
            if self.has_given_way:
                break
            self._has_read = True
            if data:
                self._fed += len(data)
                self._hold(self._fed + self.wire.overhead)
                self.wire.feed(data)
            elif data is not None:
                self.wire.feed_eof()
                return self.wire.next_message()
        return request

    async def _more(self) -> bytes | None:
        """Return the next bytes, empty at the end of the stream; None if a picture that is awaited does not come."""
        data = None
        with contextlib.suppress(asyncio.TimeoutError):
            data = await asyncio.wait_for(self.stream.read(), PICTURE_TIMEOUT if self.wire.awaits_section else None)
        if not data and self.wire.awaits_section:
            self.wire.awaits_section = False
            return None
        return data

    def _hold(self, size: int) -> None:
        """Count the bytes that are kept for this connection, in place of the number counted before."""
        added, self._held = size - self._held, size
        if added > 0:
            self.usage.hold(self.group, added)
        else:
            self.usage.release(self.group, -added)

    def forget_request(self) -> None:
        """Forget the last request's envelope with all its headers: waiting for a reaction may take an hour."""
        self.wire.envelope = None

    def security(self) -> dict[str, str]:
        """Return the security of the last request and its sender, as fields of a notice."""
        envelope = self.envelope
        return {"encryption": envelope.came_by or "", "hash": envelope.hash_id or "", "peer": self.peer}

    def asks_to_be_kept(self) -> bool:
        """Tell whether the last request asks for the connection to be kept."""
        return self.envelope.headers.get("Connection", "").lower() == "keep-alive"

    def secrets(self) -> Secured:
        """Return the key and the cipher for the answer to the last request."""
        envelope = self.envelope
        if not self.encrypts_answers or envelope.cipher_id is None:
            return _IN_CLEAR
        assert envelope.password is not None
        assert envelope.hash_id is not None
        key = Key(envelope.password, envelope.hash_id)
        return key, Cipher(key, envelope.cipher_id)

    # -- Answers ---------------------------------------------------------------------------------

    async def send(self, response: Response, *, keep_alive: bool = False, secured: Secured = _IN_CLEAR) -> None:
        """Send an answer, and wait until the peer accepts it.

        Raises:
            asyncio.TimeoutError: If it does not.
            GNTPProtocolError: If there is no room to keep the answer until then.
        """
        key, cipher = secured
        self.stream.write(encode(response, key=key, cipher=cipher, keep_alive=keep_alive))
        waiting = self.stream.unsent
        if waiting:
            try:
                self.usage.hold(self.group, waiting)
                await asyncio.wait_for(self.stream.drain(), ANSWER_TIMEOUT)
            finally:
                self.usage.release(self.group, waiting)

    async def refuse(self, response: Response) -> None:
        """Refuse a wrong key. The more of them came from this peer, the later the refusal."""
        self._refusal = encode(response)
        delay = self.usage.delay(self.group)
        if delay:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._gone.wait(), delay)
        self._refusal = b""
        if not self.has_given_way:
            await self.send(response)

    def await_reaction(
        self, awaited: Awaited, done: Callable[[Awaited], None], *, keep_alive: bool, secured: Secured
    ) -> None:
        """Report a reaction as soon as it is known, while the connection goes on with other requests.

        Args:
            done: Called when the reaction is reported, or when its sender has left.
        """

        async def report() -> None:
            await asyncio.sleep(REPORT_DELAY)
            response = await awaited.response()
            try:
                await self.send(response, keep_alive=keep_alive, secured=secured)
            except (OSError, asyncio.TimeoutError, GNTPProtocolError):  # the sender went away, or does not read
                self.stream.transport.abort()  # what it has not read takes room that is no longer counted

        _ask_whether_it_lives(self.sock)
        task = asyncio.get_running_loop().create_task(report())
        self._reactions.add(task)
        task.add_done_callback(self._reactions.discard)
        task.add_done_callback(lambda _: done(awaited))

    async def report_reactions(self) -> None:
        """Wait until all reactions that were asked for are reported, or until the sender has left; read no more."""
        self.wire.forget()
        self._hold(0)
        while self._reactions and not self._has_left():
            await asyncio.wait(self._reactions, timeout=_LIVENESS_INTERVAL)
        self._drop_reactions()

    def _drop_reactions(self) -> None:
        for task in self._reactions:
            task.cancel()

    def _has_left(self) -> bool:
        # While nothing is read, the event loop does not notice a reset.
        return self.stream.transport.is_closing() or bool(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    # -- The end ---------------------------------------------------------------------------------

    def is_idle(self) -> bool:
        """Tell whether its first bytes were looked at, and the server can only wait for more."""
        if self._refusal or self._is_closing:
            return True
        if self._is_open and not self.stream.is_waited_for:
            return False
        try:
            return self._has_read or not self.sock.recv(1, socket.MSG_PEEK)
        except OSError:  # BlockingIOError: there is nothing
            return True

    def give_way(self) -> None:
        """Close at once, to make room for another client. A refusal that waits is sent first."""
        self.has_given_way = True
        self._gone.set()
        if self._end_waiting():
            self.sock.close()
            self.gave_way(self)
            return
        if not self._is_open:
            return  # open() sees it
        if self._refusal:
            self.stream.write(self._refusal)
            with contextlib.suppress(OSError):  # closing with bytes unread would take the refusal back
                self.sock.recv(READ_SIZE)
        self.stream.transport.abort()

    def give_back(self) -> None:
        """Release what the connection has used, once it is over, and drop what its peer has not read in time."""
        self._hold(0)
        self._drop_reactions()
        if self._is_open:
            self.stream.transport.abort()
        else:
            self.sock.close()

    async def close(self) -> None:
        """Shut down the sending side, and read on for a moment.

        Raises:
            asyncio.TimeoutError: If the peer does not accept what is still to be sent.
        """
        self._is_closing = True
        await asyncio.wait_for(self._close(), ANSWER_TIMEOUT)

    async def _close(self) -> None:
        await self.stream.drain()
        self.stream.write_eof()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._discard(), _LINGER)

    async def _discard(self) -> None:
        while await self.stream.read():
            pass


def _ask_whether_it_lives(sock: socket.socket) -> None:
    """Let the system find out whether the peer is still there."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
