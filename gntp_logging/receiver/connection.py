"""One client's connection: its requests are read one after the other, within a time and a budget, and answered."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import Final

from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.requests import Request, Response
from gntp_logging.gntp.wire import Envelope, RequestReader, encode

from .budget import Usage
from .reactions import REPORT_DELAY, Awaited

_READ_SIZE: Final = 65536

ANSWER_TIMEOUT: Final = 5.0
"""Seconds for the peer to accept the answer, which fits into any socket's buffer unless it echoes a huge id."""

_LINGER: Final = 1.0
"""Seconds to read on after an early answer: closing with bytes unread would reset the connection."""

Secured = tuple[Key | None, Cipher | None]
"""The key and the cipher of a message."""

_IN_CLEAR: Final[Secured] = (None, None)


@dataclasses.dataclass
class ClientSession:
    """One client's connection.

    Attributes:
        wire: Reads the requests.
        reader: The bytes they come in.
        writer: Takes the answers.
        peer: Address of the client.
        usage: What peers use of the server.
        encrypts_answers: Whether the answers to encrypted requests are encrypted.
    """

    wire: RequestReader
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: str
    usage: Usage
    encrypts_answers: bool
    _held: int = 0
    _reactions: set[asyncio.Task[None]] = dataclasses.field(default_factory=set)

    @property
    def envelope(self) -> Envelope:
        """The envelope of the last request."""
        assert self.wire.envelope is not None
        return self.wire.envelope

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
        request = self.wire.next_message()  # it may have arrived together with the one before
        return await asyncio.wait_for(self._read_request(), timeout) if request is None else request

    async def _read_request(self) -> Request | None:
        try:
            while (request := self.wire.next_message()) is None:
                data = await self.reader.read(_READ_SIZE)
                if not data:
                    self.wire.feed_eof()
                    return self.wire.next_message()
                self._held += len(data)
                self.usage.hold(self.peer, len(data))
                self.wire.feed(data)
            return request
        finally:
            self._release()

    def _release(self) -> None:
        self.usage.release(self.peer, self._held)
        self._held = 0

    def security(self) -> dict[str, str]:
        """Return the security of the last request and its sender, as fields of a notice."""
        envelope = self.envelope
        return {"encryption": envelope.cipher_id or "", "hash": envelope.hash_id or "", "peer": self.peer}

    def give_back(self) -> None:
        """Release what the connection has used, when it is over."""
        self.usage.disconnect(self.peer)
        for task in self._reactions:
            task.cancel()

    async def serve_penalty(self) -> bool:
        """Wait before a wrong key is refused; return whether to answer it at all."""
        delay = self.usage.delay(self.peer)
        if delay:
            try:
                await asyncio.sleep(delay)
            finally:
                self.usage.end_delay(self.peer)
        return delay is not None

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

    async def send(self, response: Response, *, keep_alive: bool = False, secured: Secured = _IN_CLEAR) -> None:
        """Send an answer, and wait until the peer accepts it."""
        key, cipher = secured
        self.writer.write(encode(response, key=key, cipher=cipher, keep_alive=keep_alive))
        if self.writer.transport.get_write_buffer_size():
            await asyncio.wait_for(self.writer.drain(), ANSWER_TIMEOUT)

    def await_reaction(self, awaited: Awaited, *, keep_alive: bool, secured: Secured) -> None:
        """Report a reaction as soon as it is known, while the connection goes on with other requests."""

        async def report() -> None:
            await asyncio.sleep(REPORT_DELAY)
            response = await awaited.response()
            with contextlib.suppress(OSError, asyncio.TimeoutError):  # the sender went away
                await self.send(response, keep_alive=keep_alive, secured=secured)

        task = asyncio.get_running_loop().create_task(report())
        self._reactions.add(task)
        task.add_done_callback(self._reactions.discard)

    async def report_reactions(self) -> None:
        """Wait until all reactions that were asked for are reported."""
        while self._reactions:
            await asyncio.wait(self._reactions)

    async def close(self) -> None:
        """Shut down the sending side, read on for a moment, and close.

        Raises:
            asyncio.TimeoutError: If the peer does not accept what is still to be sent.
        """
        await asyncio.wait_for(self._close(), ANSWER_TIMEOUT)

    async def _close(self) -> None:
        await self.writer.drain()
        if self.writer.can_write_eof():
            self.writer.write_eof()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._discard(), _LINGER)
        self.writer.close()
        await self.writer.wait_closed()  # drain leaves the last of a long answer in the buffer

    async def _discard(self) -> None:
        while await self.reader.read(_READ_SIZE):
            pass
