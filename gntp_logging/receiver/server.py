"""The GNTP server: asyncio around :class:`~gntp_logging.gntp.wire.RequestReader`.

A connection takes one request, as with Growl for Windows, unless the request asks for it to be kept: then each answer
ends with END, and the next request may already be there (pipelining); answers come in the order of the requests.

:class:`Server` lives in an event loop; :class:`Receiver` runs one in a thread of its own, for programs without a loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import errno
import functools
import platform
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Protocol, TypeVar

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.constants import RESPONSE_ERROR, RESPONSE_OK, ErrorCode
from gntp_logging.gntp.exceptions import GNTPEncryptionError, GNTPProtocolError
from gntp_logging.gntp.headers import is_name
from gntp_logging.gntp.models import SocketCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, Response, SubscribeRequest
from gntp_logging.gntp.wire import Demands, Envelope, Limits, RequestReader, encode

from .budget import DEFAULT_BUDGET, REQUEST_LIMITS, Budget, Usage
from .connection import ClientSession
from .cuts import MAX_NAME, cut, cut_headers, cut_notification, cut_request
from .descriptors import affordable_connections
from .display_group import DisplayGroup
from .hub import Hub, Message
from .incidents import Incidents
from .loop_thread import LoopThread
from .mutes import Muted, Mutes
from .numbers import Numbers
from .places import Places, group_of
from .protocols import Display, Notice
from .reactions import MAX_AWAITED, MAX_AWAITED_BYTES, Awaited, AwaitedReactions, ignore
from .registry import Registry, Toast
from .socket_stream import READ_SIZE, SocketStream
from .tls_stream import TLSStream

REQUEST_TIMEOUT: Final = 10.0
"""Seconds for one whole request: the specification's clients send theirs in milliseconds."""

CROWDED_TIMEOUT: Final = 2.0
"""Seconds for the first line of a request while half the places are taken."""

BACKLOG: Final = 4096
"""Connections that the system keeps for a server that is busy with others.

As many as Linux allows by default. If a crowd fills them, the next client has to try again, a second later. However
fast the loop accepts, 2,400 clients that come again as soon as they are closed fill a thousand places.
"""

_ACCEPTS: Final = 32
"""Connections that are accepted in one turn of the loop: those that were accepted before go on between."""

_ACCEPT_PAUSE: Final = 0.05
"""Seconds after an accept that has failed: the process has no descriptor left, or the client has gone."""

IDLE_TIMEOUT: Final = 15.0
"""Seconds for the next request on a connection that is kept, as with Growl for Mac 2."""

NO_HUB: Final = "this server is no hub: start it with gntp-logging listen --hub"
"""How a server that was not started as a hub refuses a SUBSCRIBE."""

_CANCEL_INTERVAL: Final = 0.05
"""Seconds after which a connection that has outlived its cancellation is cancelled again."""


_Sent = TypeVar("_Sent", RegisterRequest, NotifyRequest)


class Subscription(Protocol):
    """A subscription to a hub; :class:`~gntp_logging.gntp.lib.Subscriber` is one."""

    @property
    def id_(self) -> str:
        """The subscriber's id."""

    @property
    def password(self) -> str:
        """The hub's password."""


def _forwarding_password(subscription: Subscription) -> str:
    """Return the password from which a hub makes the keys of the messages that it hands on."""
    return subscription.password + subscription.id_


def _leave_it(_display: Display, _error: Exception) -> None:
    """Ignore the failure; it is already counted and reported."""


class Server:
    """A GNTP server inside an event loop.

    Attributes:
        port: The TCP port it listens on; before ``start`` the one that was asked for. 0 where it listens nowhere.
        tls: The certificate for connections from now on; it may be replaced at any time. None on a server without TLS.
    """

    def __init__(
        self,
        displays: Sequence[Display],
        *,
        host: str = "127.0.0.1",
        port: int | None = 0,
        passwords: Sequence[str] = (),
        subscriptions: Sequence[Subscription] = (),
        limits: Limits = REQUEST_LIMITS,
        budget: Budget = DEFAULT_BUDGET,
        encrypt_answers: bool = False,
        request_timeout: float = REQUEST_TIMEOUT,
        hub: bool = False,
        require_encryption: bool = False,
        minimum_hash: str | None = None,
        numbers: Numbers | None = None,
        incidents: Incidents | None = None,
        muted: Sequence[Muted] = (),
        tls: ssl.SSLContext | None = None,
        on_failure: Callable[[Display, Exception], None] = _leave_it,
    ) -> None:
        """Prepare.

        Args:
            host: Address to listen on; the default takes connections from this machine only.
            port: TCP port; 0 takes a free one. None listens nowhere: only :meth:`take` shows notifications.
            passwords: A request must have a key made from one of them; none for a server without a password.
            subscriptions: Subscribers whose hubs send here. What a hub forwards has a key made from its password and
                the subscriber's id; as with passwords, every request must then have a key.
            limits: Bounds of one message.
            budget: Bounds of what peers may use.
            encrypt_answers: Whether an encrypted request is answered with the same key and cipher, as the specification
                says; Growl for Windows and growl-for-linux answer in clear, and not every client reads anything else.
            request_timeout: Seconds for one whole request.
            hub: Whether to accept subscriptions, and hand messages on. This needs passwords: a subscription without a
                key is refused.
            require_encryption: Whether to refuse what comes neither by TLS nor encrypted with AES or 3DES.
            minimum_hash: Hash that keys must be as long as, such as SHA256; None takes every hash.
            numbers: Gives each toast its number; a history's goes on from one run to the next.
            incidents: The toasts that count; a history's are those of an earlier run, too.
            muted: Incidents that were muted in an earlier run.
            tls: The server's certificate, as :func:`.tls_stream.server_context` reads it: every connection has TLS
                then. None for a server without.
            on_failure: Called in the loop with each display that could not show something, and the error. The failure
                is counted, and reported to the other displays, in any case.
        """
        self._displays = DisplayGroup(displays, on_failure)
        self._host = host
        self._passwords = (*passwords, *map(_forwarding_password, subscriptions))
        self._limits = limits
        connections = budget.connections if tls is None else min(budget.connections, budget.tls_connections)
        self._usage = Usage(replace(budget, connections=affordable_connections(connections)))
        self._encrypts_answers = encrypt_answers
        self._request_timeout = request_timeout
        self._registry = Registry()
        self._incidents = incidents or Incidents()
        self._mutes = Mutes()
        for each in muted:
            self._mutes.add(each, time.time())
        self._numbers = numbers or Numbers()
        self._demands = Demands(require_encryption and tls is None, minimum_hash)
        # One overheard message is enough to subscribe, so a server is a hub only if that was asked for.
        self._refused = {} if hub else {SubscribeRequest.message_type: NO_HUB}
        self._hub = Hub(platform.node(), self._notice_from_thread, self._registry.with_pictures)
        self._connections: set[ClientSession] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._places: Places[ClientSession] = Places(self._usage, is_protected=bool(self._passwords))
        self._scratch = bytearray(READ_SIZE)
        self._awaited = AwaitedReactions(MAX_AWAITED, MAX_AWAITED_BYTES)
        self._listeners: dict[socket.socket, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._listens = port is not None
        self.port: int = port or 0
        self.tls: ssl.SSLContext | None = tls

    @property
    def display_failures(self) -> int:
        """How often a display could not show something."""
        return self._displays.failures

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: If the address or the port is not available.
        """
        if self._passwords:  # else nothing encrypted is accepted
            with contextlib.suppress(GNTPEncryptionError):  # which is the answer to the first encrypted request
                ciphers.AES.load()  # now, rather than while the first alert waits
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._displays.take_reports(self._mute_from_thread)
        if not self._listens:
            return
        for listener in await _listening(self._host, self.port):
            self._listeners[listener] = self._loop.create_task(self._accept_from(listener))
            self.port = listener.getsockname()[1]
        self._hub.name = f"{platform.node() or self._host}:{self.port}"
        self._notice("listening", host=self._host, port=self.port)
        for muted in self._mutes.all(time.time()):
            self._notice("muted", **muted._asdict())

    async def close(self) -> None:
        """Stop listening, and end the connections. Closing twice is harmless."""
        if self._loop is None or self._closing:
            return
        self._closing = True
        self._hub.close()
        for listener in self._listeners:
            with contextlib.suppress(NotImplementedError):  # Windows: its loop has no readers
                asyncio.get_running_loop().remove_reader(listener)
        await asyncio.sleep(0)  # what is accepted and not handed over yet would be lost with a cancellation
        await _cancelled(set(self._listeners.values()))
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in list(self._connections):
            connection.give_way()
        await _cancelled(self._tasks)
        for connection in list(self._connections):  # those that had sent nothing
            self._forget(connection)

    async def _accept_from(self, listener: socket.socket) -> None:
        """Accept connections."""
        loop = asyncio.get_running_loop()
        accepted = 0
        while not self._closing:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError:
                self._places.dismiss_oldest()
                await asyncio.sleep(_ACCEPT_PAUSE)
            else:
                self._accept(sock, str(address[0] if address else ""))
                accepted += 1
                if accepted % _ACCEPTS == 0 or self._places.is_pressed:
                    await asyncio.sleep(0)

    def _accept(self, sock: socket.socket, peer: str) -> None:
        """Give a connection a place; it counts from here on, before a byte is read."""
        connection = ClientSession(
            sock,
            SocketStream(self._scratch) if self.tls is None else TLSStream(self._scratch, self.tls),
            RequestReader(self._passwords, self._limits, self._refused, self._demands, has_tls=self.tls is not None),
            peer,
            group_of(peer),
            self._usage,
            self._encrypts_answers,
            self._places.has_spoken,
            CROWDED_TIMEOUT if self._places.is_crowded else self._request_timeout,
            self._connections.discard,
        )
        if self._closing or not self._places.admit(connection, peer):
            sock.close()
            return
        self._connections.add(connection)
        if self._places.are_many_silent(peer):
            connection.wait(functools.partial(self._begin, connection))
        else:
            self._begin(connection)

    def _begin(self, connection: ClientSession) -> None:
        """Serve a connection in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._forget(connection))

    def _forget(self, connection: ClientSession) -> None:
        self._connections.discard(connection)
        self._places.leave(connection)
        connection.give_back()

    async def _serve(self, connection: ClientSession) -> None:
        timeout = self._request_timeout
        # The peer went away, or does not read, or there is no room for what it does not read.
        with contextlib.suppress(OSError, asyncio.TimeoutError, GNTPProtocolError):
            await connection.open()
            while await self._exchange(connection, timeout):
                timeout = IDLE_TIMEOUT
            await connection.report_reactions()
            await connection.close()

    async def _exchange(self, connection: ClientSession, timeout: float) -> bool:
        """Read one request and answer it; return whether the connection is kept."""
        try:
            request = await connection.next_request(timeout)
            if request is None:
                return False
        except GNTPProtocolError as error:  # where the next request begins is unknown
            self._notice_error(error, connection)
            response = _error_response(error.error_code, str(error))
            if error.error_code == ErrorCode.NOT_AUTHORIZED and connection.wire.line is None:
                await connection.refuse(response)
            else:
                await connection.send(response)
            return False
        except asyncio.TimeoutError:  # an OSError from Python 3.11 on, so it is not left to the caller
            if not connection.wire.at_end:
                await connection.send(_error_response(ErrorCode.TIMED_OUT, f"no whole request within {timeout:g} s"))
            return False
        keep_alive = connection.asks_to_be_kept()
        secured = connection.secrets()
        response, awaited = self._response(request, connection)
        del request  # with all its pictures: what follows may take an hour
        connection.forget_request()
        await connection.send(response, keep_alive=keep_alive, secured=secured)
        if awaited is not None:
            connection.await_reaction(awaited, self._awaited.discard, keep_alive=keep_alive, secured=secured)
        return keep_alive

    def _response(self, request: Request, connection: ClientSession) -> tuple[Response, Awaited | None]:
        """Return the answer to a request, and the reaction that its sender awaits, if it awaits one."""
        try:
            return self._answer(request, connection)
        except GNTPProtocolError as error:
            self._notice_error(error, connection)
            return _error_response(error.error_code, str(error)), None
        except Exception as error:  # noqa: BLE001 - a mistake of this package: the client gets an answer
            context = {"message": "gntp_logging: a request could not be answered", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return _error_response(ErrorCode.INTERNAL_SERVER_ERROR, "internal error"), None

    def _answer(self, request: Request, connection: ClientSession) -> tuple[Response, Awaited | None]:
        headers = {"Response-Action": request.message_type}
        if isinstance(request, NotifyRequest) and request.notification.id_:
            headers["Notification-ID"] = request.notification.id_
        echoed = _echoed(request, connection)
        request, awaited = cut_request(request), None  # the answer repeats whole headers; all else is cut
        if isinstance(request, SubscribeRequest):
            headers["Subscription-TTL"] = str(self._subscribe(request, connection))
        elif not self._hub.has_seen(request):
            awaited = self._take(request, connection)
        return Response(RESPONSE_OK, {**headers, **echoed}), awaited

    def _subscribe(self, request: SubscribeRequest, connection: ClientSession) -> int:
        """Add a subscription, show it to people if it is new, and return its length in seconds."""
        is_new = not self._hub.knows(request.id_)
        ttl = self._hub.subscribe(request, connection.envelope, connection.peer)
        name, security = cut(request.name, MAX_NAME), connection.security()
        fields = {"id": request.id_, "name": name, "port": request.port, "ttl": ttl, **security}
        toast = self._numbers.numbered(_announcement(name, connection)) if is_new else None
        self._displays.notice(Notice("subscribe", fields, toast))
        return ttl

    def _take(self, request: RegisterRequest | NotifyRequest, connection: ClientSession) -> Awaited | None:
        """Register an application or show a notification, and hand it on to subscribers.

        Returns:
            The reaction that the sender awaits; None if it awaits none.
        """
        awaited = None
        came_by = connection.envelope.came_by
        if isinstance(request, RegisterRequest):
            self._registry.register(request, came_by)
            self._notice(
                "register",
                application=request.app_name,
                icon=request.app_icon,
                notifications=list(request.events),
                headers=cut_headers(connection.envelope.headers),
                **connection.security(),
            )
        else:
            awaited = self._show(request, connection)
        self._hub.forward(Message(request, came_by, self._registry.find(request.app_name)), connection.peer)
        return awaited

    def _show(self, request: NotifyRequest, connection: ClientSession) -> Awaited | None:
        """Show a notification on the displays; return the reaction that the sender awaits, if it awaits one."""
        awaited = None
        if isinstance(request.notification.callback, SocketCallback):
            awaited = Awaited(request, _echoed(request, connection), self._displays.patience)
        react = ignore if awaited is None else awaited.react
        toast = self._registry.toast(request, connection.envelope, peer=connection.peer, react=react)
        if awaited is not None:  # only now: a notification that the registry refuses takes no place
            self._awaited.add(awaited)
        self._display(toast)
        return awaited

    def _display(self, toast: Toast) -> None:
        """Show a toast on the displays, with what others have reported of its incident."""
        joined = self._incidents.joined(toast, time.monotonic())
        if joined is not None:
            is_muted = self._mutes.is_muted(joined.application, joined.incident, time.time())
            self._displays.show(replace(self._numbers.numbered(joined), is_muted=is_muted))

    def take(self, registration: RegisterRequest, request: NotifyRequest, origin: str, *, has_tls: bool) -> None:
        """Show a notification of this program's own, as if it had come by a connection. Call it in the event loop.

        Args:
            registration: Its types are added to those that the application has registered.
            origin: Where this program got the notification.
            has_tls: Whether it came from there by TLS.

        Raises:
            GNTPError: If a client's request with this notification would be refused.
        """
        registration, _ = _read(registration, self._limits, has_tls=has_tls)
        read, envelope = _read(request, self._limits, has_tls=has_tls)
        # Notifications with a key and without one never share a toast. This one must share one with a relay's.
        envelope = replace(envelope, hash_id=keys.SHA256.algorithm_id if self._passwords else None)
        self._registry.add(registration, envelope.came_by)
        self._display(self._registry.toast(read, envelope, peer=origin))
        message = Message(cut_notification(read), envelope.came_by, self._registry.find(read.app_name))
        self._hub.forward(message, origin)

    def _mute(self, muted: Muted) -> None:
        self._mutes.add(muted, time.time())
        self._notice("muted", **muted._asdict())

    def _notice_error(self, error: GNTPProtocolError, connection: ClientSession) -> None:
        self._notice("error", code=int(error.error_code), description=str(error), peer=connection.peer)

    def _notice(self, event: str, **fields: object) -> None:
        """Report an event to the displays that observe."""
        self._displays.notice(Notice(event, fields))

    def _mute_from_thread(self, muted: Muted) -> None:
        """Mute an incident for a display."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._mute, muted)

    def _notice_from_thread(self, notice: Notice) -> None:
        """Report an event from a thread of the hub's."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._displays.notice, notice)


def _read(request: _Sent, limits: Limits, *, has_tls: bool) -> tuple[_Sent, Envelope]:
    """Return a request and its envelope as if a peer had sent it: bounded, and without what no peer can send."""
    reader = RequestReader((), limits, has_tls=has_tls)
    reader.feed(encode(request))
    read = reader.next_message()
    assert type(read) is type(request)
    assert reader.envelope is not None
    return read, reader.envelope


async def _listening(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket for each address of a host.

    asyncio finds and binds them. This package accepts by itself: in one turn of its loop, asyncio would accept as many
    connections as the backlog holds, more than there are descriptors. And it would count none before its TLS handshake.
    """
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    except OSError as error:
        if error.errno is None:  # Python 3.13 says so where this machine has none of the host's addresses
            raise OSError(errno.EADDRNOTAVAIL, str(error)) from error
        raise
    listeners = [bound.dup() for bound in server.sockets]
    server.close()
    for listener in listeners:
        listener.setblocking(False)
        listener.listen(BACKLOG)
    return listeners


async def _cancelled(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: before Python 3.12, wait_for loses a cancellation that meets its result."""
    while pending := {task for task in tasks if not task.done()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_CANCEL_INTERVAL)


def _announcement(name: str, connection: ClientSession) -> Toast:
    """Return the toast about a new subscriber: one that nobody expects may be a stranger with an overheard key."""
    cipher = connection.envelope.cipher_id
    what = f"what arrives, encrypted with {cipher}" if cipher else "what arrives in clear"
    text = f"{name} at {connection.peer} gets {what}. If you do not know it, change the password."
    return Toast("gntp-logging", "Subscription", f"{name} has subscribed", text, priority=1, peer=connection.peer)


def _echoed(request: Request, connection: ClientSession) -> dict[str, str]:
    """Return the Data- headers, which go back to the sender, without pictures and without names that are not valid.

    Headers that came encrypted do not go back in clear: a handler's context is in them.
    """
    if connection.envelope.cipher_id is not None and not connection.encrypts_answers:
        return {}
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
        """Take a server that was not started."""
        self.server = server
        self._loop = LoopThread("gntp-receiver", self._running)

    @property
    def port(self) -> int:
        """The TCP port it listens on; 0 where it listens nowhere."""
        return self.server.port

    def start(self) -> Receiver:
        """Start, and return once it listens. A receiver that was stopped starts again, on the same port.

        Returns:
            Itself.

        Raises:
            OSError: If the address or the port is not available.
            RuntimeError: If it runs already.
        """
        self._loop.start()
        return self

    def stop(self) -> None:
        """Stop, and return when the thread has ended. Stopping twice, or before the start, is harmless.

        Raises:
            Exception: What had ended the server before.
        """
        self._loop.stop()

    def take(self, registration: RegisterRequest, request: NotifyRequest, origin: str, *, has_tls: bool) -> None:
        """Show a notification of this program's own, and return when it is shown: :meth:`Server.take`.

        May be called from every thread but the receiver's.

        Raises:
            GNTPError: If a client's request with this notification would be refused.
            OSError: If the receiver does not run, or does not answer in time.
        """
        taken: concurrent.futures.Future[None] = concurrent.futures.Future()

        def take() -> None:
            try:
                self.server.take(registration, request, origin, has_tls=has_tls)
                taken.set_result(None)
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                taken.set_exception(error)

        self._loop.call(take)
        try:
            taken.result(REQUEST_TIMEOUT)
        except concurrent.futures.TimeoutError as error:
            raise OSError("the receiver does not answer") from error

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        try:
            await self.server.start()
            yield
        finally:
            await self.server.close()

    def __enter__(self) -> Receiver:  # noqa: PYI034 - typing.Self is not in 3.10
        """Start."""
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()
