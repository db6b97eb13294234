"""The GNTP server: asyncio around :class:`~gntp_logging.gntp.wire.RequestReader`.

A connection takes one request, as with Growl for Windows, unless the request asks for it to be kept: then each answer
ends with END, and the next request may already be there (pipelining); answers come in the order of the requests.

:class:`Server` lives in an event loop; :class:`Receiver` runs one in a thread of its own, for programs without a loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import platform
import threading
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol

from gntp_logging.gntp import ciphers
from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.constants import RESPONSE_ERROR, RESPONSE_OK, ErrorCode
from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.headers import is_name
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.models import SocketCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, Response, SubscribeRequest
from gntp_logging.gntp.wire import DEFAULT_LIMITS, Envelope, Limits, RequestReader, encode

from .budget import DEFAULT_BUDGET, Budget, Usage
from .displays import Display, Notice, Observer
from .hub import Hub
from .reactions import MAX_AWAITED, REPORT_DELAY, Awaited, Reaction
from .registry import Registry, Toast

_READ_SIZE: Final = 65536

REQUEST_TIMEOUT: Final = 10.0
"""Seconds for one whole request: the specification's clients send theirs in milliseconds."""

IDLE_TIMEOUT: Final = 15.0
"""Seconds for the next request on a connection that is kept, as with Growl for Mac 2."""

ANSWER_TIMEOUT: Final = 5.0
"""Seconds for the peer to take the answer, which fits into any socket's buffer unless it echoes a huge id."""

_LINGER: Final = 1.0
"""Seconds to read on after an early answer, so that closing does not reset the connection before it is read."""


_CANCEL_INTERVAL: Final = 0.05
"""Seconds after which a connection that goes on though it was cancelled is cancelled again."""


class Subscription(Protocol):
    """A subscription to a hub; :class:`~gntp_logging.gntp.lib.Subscriber` is one."""

    @property
    def id_(self) -> str:
        """The subscriber's id."""

    @property
    def password(self) -> str:
        """The hub's password."""


def _forwarding_password(subscription: Subscription) -> str:
    """Return what a hub makes its keys from when it forwards."""
    return subscription.password + subscription.id_


class Server:
    """A GNTP server inside an event loop. One request a connection, as Growl for Windows does.

    Attributes:
        port: The TCP port it listens on; 0 before ``start``.
        display_failures: How often a display raised.
    """

    def __init__(
        self,
        displays: Sequence[Display],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        passwords: Sequence[str] = (),
        subscriptions: Sequence[Subscription] = (),
        limits: Limits = DEFAULT_LIMITS,
        budget: Budget = DEFAULT_BUDGET,
        encrypt_answers: bool = False,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        """Prepare.

        Args:
            displays: What shows the toasts.
            host: Address to listen on; the default takes connections from this machine only.
            port: TCP port; 0 takes a free one.
            passwords: A request must have a key made from one of them; none for a server without a password.
            subscriptions: Subscribers whose hubs send here. What a hub forwards has a key made from its password and
                the subscriber's id; as with passwords, every request must then have a key.
            limits: What is taken of one message.
            budget: What peers may take of the server.
            encrypt_answers: Whether an encrypted request is answered with the same key and cipher, as the specification
                says; Growl for Windows and growl-for-linux answer in clear, and not every client reads anything else.
            request_timeout: Seconds for one whole request.
        """
        self._displays = tuple(displays)
        self._patience = max((getattr(display, "patience", 0.0) for display in displays), default=0.0)
        self._host = host
        self._passwords = (*passwords, *map(_forwarding_password, subscriptions))
        self._limits = limits
        self._usage = Usage(budget)
        self._encrypts_answers = encrypt_answers
        self._request_timeout = request_timeout
        self._registry = Registry()
        self._hub = Hub(platform.node())
        self._connections: set[asyncio.Task[None]] = set()
        self._awaited: deque[Awaited] = deque()
        self._server: asyncio.Server | None = None
        self._closing = False
        self.port: int = port
        self.display_failures: int = 0

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: If the address or the port is not to be had.
        """
        ciphers.AES.load()  # now, rather than while the first alert waits
        self._closing = False
        self._server = await asyncio.start_server(self._accept, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._hub.name = f"{platform.node() or self._host}:{self.port}"
        self._notice("listening", host=self._host, port=self.port)

    async def close(self) -> None:
        """Stop listening, and end the connections. Closing twice is harmless."""
        server, self._server = self._server, None
        if server is None:
            return
        self._closing = True
        self._hub.close()
        await _stop_accepting(server)
        server.close()
        # Again and again: below Python 3.12 wait_for forgets that it was cancelled when its result came that moment.
        while pending := {task for task in self._connections if not task.done()}:
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=_CANCEL_INTERVAL)
        await server.wait_closed()  # from Python 3.12 on this waits for the connections: none is left

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task that close() knows of from its first moment on.

        Were this a coroutine, asyncio would make the task, and one that close() cancels before it runs would close
        nothing.
        """
        address = writer.get_extra_info("peername")
        peer = str(address[0] if address else "")
        if self._closing or not self._usage.connect(peer):
            writer.close()
            return
        wire = RequestReader(self._passwords, self._limits)
        connection = _Connection(wire, reader, writer, peer, self._usage, self._encrypts_answers)
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._connections.add(task)
        task.add_done_callback(functools.partial(self._forget, connection))

    def _forget(self, connection: _Connection, task: asyncio.Task[None]) -> None:
        """Drop a connection, and what its peer has not read in time; wait_closed would wait for it for ever."""
        self._connections.discard(task)
        connection.give_back()
        connection.writer.transport.abort()

    async def _serve(self, connection: _Connection) -> None:
        timeout = self._request_timeout
        with contextlib.suppress(OSError, asyncio.TimeoutError):  # the peer went away, or does not read
            while await self._exchange(connection, timeout):
                timeout = IDLE_TIMEOUT
            await connection.report_reactions()
            await asyncio.wait_for(connection.close(), ANSWER_TIMEOUT)

    async def _exchange(self, connection: _Connection, timeout: float) -> bool:
        """Read one request and answer it; return whether the connection is kept."""
        try:
            request = await connection.next_request(timeout)
            if request is None:
                return False
        except GNTPProtocolError as error:  # where the next request begins is not known any more
            self._notice_error(error, connection)
            if error.error_code != ErrorCode.NOT_AUTHORIZED or await connection.serve_penalty():
                await connection.send(_error_response(error.error_code, str(error)))
            return False
        except asyncio.TimeoutError:  # an OSError from Python 3.11 on, so it is not left to the caller
            if not connection.wire.at_end:
                await connection.send(_error_response(ErrorCode.TIMED_OUT, f"no whole request within {timeout:g} s"))
            return False
        keep_alive = connection.asks_to_be_kept()
        secured = connection.secrets()
        response, awaited = self._response(request, connection)
        await connection.send(response, keep_alive=keep_alive, secured=secured)
        if awaited is not None:
            connection.await_reaction(awaited, keep_alive=keep_alive, secured=secured)
        return keep_alive

    def _response(self, request: Request, connection: _Connection) -> tuple[Response, Awaited | None]:
        """Return the answer to a request, and the reaction that its sender awaits, if it does."""
        try:
            return self._answer(request, connection)
        except GNTPProtocolError as error:
            self._notice_error(error, connection)
            return _error_response(error.error_code, str(error)), None
        except Exception as error:  # noqa: BLE001 - a mistake of this package's: the client should not wait for it
            context = {"message": "gntp_logging: a request could not be answered", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return _error_response(ErrorCode.INTERNAL_SERVER_ERROR, "internal error"), None

    def _answer(self, request: Request, connection: _Connection) -> tuple[Response, Awaited | None]:
        headers = {"Response-Action": request.message_type}
        awaited = None
        if isinstance(request, SubscribeRequest):
            ttl = self._hub.subscribe(request, connection.envelope, connection.peer)
            headers["Subscription-TTL"] = str(ttl)
            self._notice("subscribe", id=request.id_, name=request.name, port=request.port, ttl=ttl, **_way(connection))
        elif not self._hub.has_seen(request):
            awaited = self._take(request, connection)
        if isinstance(request, NotifyRequest) and request.notification.id_:
            headers["Notification-ID"] = request.notification.id_
        return Response(RESPONSE_OK, {**headers, **_echoed(request)}), awaited

    def _take(self, request: RegisterRequest | NotifyRequest, connection: _Connection) -> Awaited | None:
        """Register an application or show a notification, and hand it on to subscribers."""
        awaited = None
        if isinstance(request, RegisterRequest):
            self._registry.register(request)
            self._notice(
                "register",
                application=request.app_name,
                icon=request.app_icon,
                notifications=list(request.events),
                headers=dict(connection.envelope.headers),
                **_way(connection),
            )
        else:
            toast = _completed(self._registry.toast(request), connection)
            if isinstance(request.notification.callback, SocketCallback):
                awaited = Awaited(request, _echoed(request), self._patience)
                self._awaited.append(awaited)
                if len(self._awaited) > MAX_AWAITED:  # else a thousand who have left could take all connections
                    self._awaited.popleft().react(Reaction.TIMED_OUT)
                toast = dataclasses.replace(toast, react=awaited.react)
            self._show(toast)
        self._hub.forward(request, self._registry.registration(request.app_name), connection.peer)
        return awaited

    def _notice_error(self, error: GNTPProtocolError, connection: _Connection) -> None:
        self._notice("error", code=int(error.error_code), description=str(error), peer=connection.peer)

    def _notice(self, event: str, **fields: object) -> None:
        """Tell the displays that want to know it."""
        notice = Notice(event, fields)
        for display in self._displays:
            if isinstance(display, Observer):
                try:
                    display.notice(notice)
                except Exception:  # noqa: BLE001 - see _show
                    self.display_failures += 1

    def _show(self, toast: Toast) -> None:
        for display in self._displays:
            try:
                display.show(toast)
            except Exception:  # noqa: BLE001 - a display that fails takes neither the others nor the server with it
                self.display_failures += 1


async def _stop_accepting(server: asyncio.Server) -> None:
    """Let no more connections in, and let those that were accepted get as far as Server._accept.

    asyncio would forget the sockets of connections that it has accepted when the server is closed but not yet handed
    over: a client that came in that moment would wait for the garbage collector (CPython gh-109564).
    """
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        with contextlib.suppress(NotImplementedError):  # Windows: its loop has no readers
            loop.remove_reader(sock.fileno())
    for _ in range(3):  # from accept to the transport, to connection_made, and back to who waited for it
        await asyncio.sleep(0)


_Secured = tuple[Key | None, Cipher | None]
"""What a message is secured with."""

_IN_CLEAR: Final[_Secured] = (None, None)


@dataclasses.dataclass
class _Connection:
    """One client's connection.

    Attributes:
        wire: Reads the requests.
        reader: The bytes they come in.
        writer: Takes the answers.
        peer: Address of the client.
        usage: What peers have taken of the server.
        encrypts_answers: Whether encrypted requests are answered so.
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
        """How the request came that was read last."""
        assert self.wire.envelope is not None
        return self.wire.envelope

    async def next_request(self, timeout: float) -> Request | None:
        """Read one request; None when the peer closes without one.

        Raises:
            asyncio.TimeoutError: If it is not there in so many seconds.
            GNTPProtocolError: If what came is none, or there is no room for it.
        """
        request = self.wire.next_message()  # the one before may have brought it along
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

    def give_back(self) -> None:
        """Give back what the connection has taken; it is over."""
        self.usage.disconnect(self.peer)
        for task in self._reactions:
            task.cancel()

    async def serve_penalty(self) -> bool:
        """Wait before a wrong key is refused; return whether it shall be answered at all."""
        delay = self.usage.delay(self.peer)
        if delay:
            try:
                await asyncio.sleep(delay)
            finally:
                self.usage.end_delay(self.peer)
        return delay is not None

    def asks_to_be_kept(self) -> bool:
        """Tell whether the request that was read last wants the connection to be kept."""
        return self.envelope.headers.get("Connection", "").lower() == "keep-alive"

    def secrets(self) -> _Secured:
        """Return what the answer to the request that was read last is secured with."""
        envelope = self.envelope
        if not self.encrypts_answers or envelope.cipher_id is None:
            return _IN_CLEAR
        assert envelope.password is not None
        assert envelope.hash_id is not None
        key = Key(envelope.password, envelope.hash_id)
        return key, Cipher(key, envelope.cipher_id)

    async def send(self, response: Response, *, keep_alive: bool = False, secured: _Secured = _IN_CLEAR) -> None:
        """Send an answer, and wait while the peer does not take it."""
        key, cipher = secured
        self.writer.write(encode(response, key=key, cipher=cipher, keep_alive=keep_alive))
        if self.writer.transport.get_write_buffer_size():
            await asyncio.wait_for(self.writer.drain(), ANSWER_TIMEOUT)

    def await_reaction(self, awaited: Awaited, *, keep_alive: bool, secured: _Secured) -> None:
        """Report a reaction as soon as it comes, beside whatever else happens on the connection."""

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
        """Say that this was all, read what the peer still sends for a moment, and close."""
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


def _completed(toast: Toast, connection: _Connection) -> Toast:
    """Add what only the connection knows."""
    envelope = connection.envelope
    return dataclasses.replace(
        toast,
        headers=envelope.headers,
        encryption=envelope.cipher_id or "",
        hash_=envelope.hash_id or "",
        peer=connection.peer,
    )


def _way(connection: _Connection) -> dict[str, str]:
    """Tell how a request came."""
    envelope = connection.envelope
    return {"encryption": envelope.cipher_id or "", "hash": envelope.hash_id or "", "peer": connection.peer}


def _echoed(request: Request) -> dict[str, str]:
    """Return the Data- headers, which go back to the sender; a picture's bytes, and what has no proper name, do not."""
    return {
        name: value for name, value in request.app_specific_headers or () if isinstance(value, str) and is_name(name)
    }


def _error_response(code: int, description: str) -> Response:
    return Response(RESPONSE_ERROR, {"Error-Code": str(int(code)), "Error-Description": description})


class Receiver:
    """A server in a thread of its own. Also a context manager.

    Attributes:
        server: The server; its port is known after ``start``.
    """

    def __init__(self, server: Server) -> None:
        """Take a server that was not started.

        Args:
            server: The server.
        """
        self.server = server
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return self.server.port

    def start(self) -> Receiver:
        """Start, and return once it listens. A receiver that was stopped starts again, on the same port.

        Returns:
            Itself.

        Raises:
            OSError: If the address or the port is not to be had.
            RuntimeError: If it runs already.
        """
        if self._thread is not None:
            raise RuntimeError("the receiver runs already")
        self._ready.clear()
        thread = threading.Thread(target=self._run, name="gntp-receiver", daemon=True)
        thread.start()
        self._thread = thread
        self._ready.wait()
        if self._failure is not None:
            self.stop()
        return self

    def stop(self) -> None:
        """Stop, and return when the thread has ended. Stopping twice, or before the start, is harmless.

        Raises:
            Exception: What ended the server before, if it was not this.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._stop.set)
        thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        self._failure = None
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - it is raised where start() or stop() waits
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        await self.server.start()
        self._ready.set()
        await self._stop.wait()
        await self.server.close()

    def __enter__(self) -> Receiver:  # noqa: PYI034 - typing.Self is not in 3.10
        """Start."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Stop."""
        self.stop()
