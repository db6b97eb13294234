"""Connections and the client that applications hold.

:class:`GNTPClient` owns the address and the secrets, makes no connection before its first request, and turns every
failure into one of :mod:`~gntp_logging.gntp.exceptions`. :class:`GNTPConnection` is one exchange, for callers who want
to hold the connection themselves; a subclass of :class:`BaseGNTPConnection` can replace it.
"""

from __future__ import annotations

import importlib
import math
import os
import socket
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from . import ciphers, keys
from .batches import Outcome
from .callbacks import MAX_REACTION_SIZE, CallbackWatcher
from .channel import Channel
from .constants import (
    DEFAULT_PORT,
    DEFAULT_TIMEOUT,
    MAX_MESSAGE_SIZE,
    MESSAGE_DELIMITER,
    RESPONSE_CALLBACK,
    RESPONSE_OK,
)
from .exceptions import GNTPConnectionError, GNTPError, GNTPValidationError
from .models import SocketCallback
from .network import (
    Deadline,
    Stream,
    checked_address,
    checked_seconds,
    host_and_port,
    known_addresses,
    look_up,
    network_error,
)
from .packing import PackerFactory
from .requests import NotifyRequest, Request, Response, check_type, parse_response
from .wire import DEFAULT_LIMITS, Limits, begins_like_an_error

if TYPE_CHECKING:
    from .tls import ClientTLS

# -- The reference's connection interface -----------------------------------------------------------


class BaseGNTPConnection:
    """What a connection class must do for :class:`GNTPClient`.

    Attributes:
        final_callback: Called with the Response when the exchange is complete.
        socket_callback: Called with the -CALLBACK Response, if one is awaited.
    """

    def __init__(
        self,
        final_callback: Callable[[Response], object] | None = None,
        socket_callback: Callable[[Response], object] | None = None,
    ) -> None:
        """Keep the callbacks.

        Args:
            final_callback: Called when the exchange is complete.
            socket_callback: Called when the user reacted.
        """
        self.final_callback = final_callback
        self.socket_callback = socket_callback

    def on_ok_message(self, message: bytes) -> None:
        """Handle the server's answer; then wait for the user's reaction, if there is a socket callback.

        Raises:
            GNTPResponseError: If it is an -ERROR.
            GNTPProtocolError: If it is no -OK.
        """
        try:
            response = parse_response(message, RESPONSE_OK)
            if self.final_callback is not None:
                self.final_callback(response)
            if self.socket_callback is not None:
                self.read_message(self.on_callback_message)
        finally:
            self.close()

    def on_callback_message(self, message: bytes) -> None:
        """Handle the report of the user's reaction.

        Raises:
            GNTPResponseError: If it is an -ERROR.
            GNTPProtocolError: If it is no -CALLBACK.
        """
        response = parse_response(message, RESPONSE_CALLBACK)
        if self.socket_callback is not None:
            self.socket_callback(response)

    def write_message(self, message: bytes) -> None:
        """Send a message.

        Raises:
            NotImplementedError: Unless a subclass does it.
        """
        raise NotImplementedError

    def read_message(self, callback: Callable[[bytes], None]) -> None:
        """Read one message and pass it to the callback.

        Args:
            callback: Called with the message's bytes.

        Raises:
            NotImplementedError: Unless a subclass does it.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection.

        Raises:
            NotImplementedError: Unless a subclass does it.
        """
        raise NotImplementedError


class GNTPConnection(BaseGNTPConnection):
    """A blocking connection for one exchange.

    Attributes:
        sock: The TCP socket.
    """

    def __init__(
        self,
        address: tuple[str, int],
        timeout: float,
        final_callback: Callable[[Response], object] | None = None,
        socket_callback: Callable[[Response], object] | None = None,
    ) -> None:
        """Connect.

        Args:
            address: Host and port of the server.
            timeout: Seconds for the whole exchange, this connecting included; above 0. They do not bound the look-up
                of a host's name.
            final_callback: Called when the exchange is complete.
            socket_callback: Called when the user reacted.

        Raises:
            GNTPConnectionError: If the connection fails.
            GNTPValidationError: If address or timeout cannot be used.
        """
        super().__init__(final_callback, socket_callback)
        address = checked_address(*address)
        self._deadline = Deadline.after(checked_seconds("timeout", timeout, positive=True))
        self._stream = Stream(known_addresses(*address) or look_up(*address), self._deadline)
        self.sock: socket.socket = self._stream.sock
        self._messages = _split_messages(lambda: self._stream.receive(self._deadline))

    def write_message(self, message: bytes) -> None:
        """Send a message. Without a socket callback it is the last, and the sending side is shut down.

        Raises:
            GNTPConnectionError: If sending fails.
        """
        half_close = self.socket_callback is None
        self._stream.send(message, self._deadline, half_close=half_close, enough=begins_like_an_error)

    def read_message(self, callback: Callable[[bytes], None]) -> None:
        """Read one response and pass it to the callback.

        Args:
            callback: Called with the message's bytes.

        Raises:
            GNTPConnectionError: If the connection ends first or the deadline passes.
        """
        message = next(self._messages, None)
        if message is None:
            raise GNTPConnectionError("the server closed the connection without a complete answer")
        callback(message)

    def close(self) -> None:
        """Close the socket connection."""
        self._stream.close()


def generate_messages(sock: socket.socket, buffer_size: int = 1024) -> Iterator[bytes]:
    """Yield the messages that arrive on a socket, each up to and with its empty line.

    Args:
        sock: A connected socket.
        buffer_size: Bytes to read at once.

    Yields:
        The bytes of one message. Bytes read past its end belong to the next.

    Raises:
        GNTPError: If a message is longer than ``MAX_MESSAGE_SIZE``, or the connection breaks or ends inside one.
    """

    def receive() -> bytes:
        try:
            return sock.recv(buffer_size)
        except OSError as error:
            raise network_error(error, Deadline(0.0, sock.gettimeout() or 0.0, "complete message")) from error

    return _split_messages(receive)


def _split_messages(receive: Callable[[], bytes]) -> Iterator[bytes]:
    buffer = bytearray()
    while True:
        at = buffer.find(MESSAGE_DELIMITER)
        size = at + len(MESSAGE_DELIMITER) if at >= 0 else len(buffer)
        if size > MAX_MESSAGE_SIZE:
            raise GNTPError(f"a message is longer than {MAX_MESSAGE_SIZE} bytes")
        if at >= 0:
            yield bytes(buffer[:size])
            del buffer[:size]
            continue
        data = receive()
        if not data:
            if buffer:
                raise GNTPConnectionError("the connection ended in the middle of a message")
            return
        buffer += data


# -- The client ----------------------------------------------------------------------------------


class _ConnectionClass(Protocol):
    """A class that makes connections as :class:`GNTPConnection` does."""

    def __call__(
        self,
        address: tuple[str, int],
        timeout: float,
        final_callback: Callable[[Response], object] | None = None,
        socket_callback: Callable[[Response], object] | None = None,
    ) -> BaseGNTPConnection: ...


class GNTPClient:
    """A GNTP client: one server, one password, hash and cipher. Also a context manager.

    The constructor does not use the network. If the server keeps the connection, requests share it; if the server
    closes, each request has its own. Threads may share a client: it does one exchange at a time.

    Attributes:
        address: Host and port of the server.
        timeout: Seconds that one whole exchange may take. They do not bound the look-up of a host's name.
        connection_class: The caller's own connection class; None means the built-in connection.
        packer_factory: Gives each message its key and cipher.
        tls: How each connection is secured; None for TCP alone.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        timeout: float = DEFAULT_TIMEOUT,
        password: str | None = None,
        key_hashing: keys.Algorithm | None = None,
        encryption: ciphers.Algorithm | None = None,
        connection_class: _ConnectionClass | None = None,
        limits: Limits = DEFAULT_LIMITS,
        *,
        tls: bool | str | os.PathLike[str] = False,
    ) -> None:
        """Check address, timeout and secrets, and keep them.

        Args:
            host: Host name or address of the server. An IPv6 address may stand in brackets; a link-local one names its
                interface: ``fe80::1%eth0``.
            port: TCP port of the server, from 1 to 65535.
            timeout: Seconds that one whole exchange may take, above 0. They do not bound the look-up of a host's name,
                which only the system does; an address needs none.
            password: The server's password; None sends no key.
            key_hashing: Hash algorithm; None means SHA256.
            encryption: Cipher algorithm; None sends in clear.
            connection_class: Makes a connection for each exchange; None means the built-in connection.
            limits: Bounds of an answer to ``process_request``; an answer beyond them is a GNTPProtocolError.
            tls: True or the path of a file connects by TLS, and never without. True trusts the issuers that the system
                trusts, a path those whose certificates are in the file. The server's certificate must be for ``host``.

        Raises:
            GNTPEncryptionError: If encryption was asked for without a password, or the hash is too short for it.
            GNTPValidationError: If host, port, timeout or tls cannot be used.
        """
        self.address: tuple[str, int] = checked_address(host, port)
        self.timeout: float = checked_seconds("timeout", timeout, positive=True)
        self.connection_class = connection_class
        self.packer_factory: PackerFactory = PackerFactory(password, key_hashing or keys.SHA256, encryption)
        self.tls: ClientTLS | None = None
        if tls is not False:
            if connection_class is not None:
                raise GNTPValidationError("tls: a connection_class of your own makes its connections itself")
            from .tls import ClientTLS  # ssl only where it is asked for

            self.tls = ClientTLS(tls, self.address[0])
        self._channel = Channel(self.address, self.packer_factory, limits, self.tls)
        self._watcher = CallbackWatcher()
        # A client that is garbage-collected closes its connection; its reactions in the background stay awaited.
        weakref.finalize(self, self._channel.close)
        if self.needs_look_up:
            # The first look-up imports this module. If a background thread did it, a fork at that moment would leave
            # the child with half a module (CPython, seen on 3.10 to 3.13).
            importlib.import_module("encodings.idna")

    def process_request(
        self,
        request: Request,
        callback: Callable[[Response], object] | None = None,
        *,
        timeout: float | None = None,
        **kwargs: Any,  # what the connection class takes
    ) -> Response | None:
        """Send a request and return the server's answer.

        If a kept connection ends without an answer, the request is sent once more, on a new one: see :attr:`sendings`.

        Args:
            callback: Called with the -OK response.
            timeout: Seconds for this exchange; None means the client's.
            **kwargs: Passed to the caller's connection class. The built-in connection takes three. ``socket_callback``
                is called with the user's reaction, for which this method waits. ``callback_timeout`` is how many
                seconds it waits; the client's timeout if not given. With ``background=True`` the method returns after
                the -OK. A thread then calls ``socket_callback`` when the reaction arrives, if that is within
                ``callback_timeout`` seconds (if given). Callbacks are called one after the other.

        Returns:
            The -OK response; None if the caller's connection class has not reported it yet.

        Raises:
            GNTPConnectionError: If the server cannot be reached, or closes too early.
            GNTPTimeoutError: If the exchange is not complete in time, or the reaction does not arrive in time. Also if
                another thread's exchange takes all of the time: then nothing was sent.
            GNTPResponseError: If the server answers -ERROR.
            GNTPAuthenticationError: If that error is 400.
            GNTPProtocolError: If it answers something else.
            GNTPValidationError: If a value cannot be sent; the error names its header.
        """
        seconds = self.timeout if timeout is None else checked_seconds("timeout", timeout)
        if self.connection_class is not None:
            return self._exchange_with(self.connection_class, request, callback, seconds, kwargs)
        return self._exchange(request, callback, seconds, **kwargs)

    def process_requests(
        self, requests: Iterable[Request], *, timeout: float | None = None
    ) -> list[Response | GNTPError]:
        """Send several requests, and return the result of each. Errors of the exchange are returned, not raised.

        Where the server keeps the connection, requests are written without waiting for earlier answers. The result of
        a request without an answer is a GNTPConnectionError: only those requests are worth sending again.

        Args:
            requests: One with a socket callback results in a GNTPValidationError: nothing would wait for the reaction.
            timeout: Seconds until the first answer, and from each to the next; None means the client's.

        Returns:
            For each request, in order, the -OK response or the error.

        Raises:
            GNTPTimeoutError: If another thread's exchange takes all of the time, so that nothing was sent.
        """
        seconds = self.timeout if timeout is None else checked_seconds("timeout", timeout)
        waiting = list(requests)
        sendable = [request for request in waiting if not _asks_for_reaction(request)]
        connection_class = self.connection_class
        found: Iterator[Response | GNTPError]
        if connection_class is None:
            found = (outcome.answer for outcome in self.outcomes(sendable, timeout=seconds))
        else:
            found = (self._answer_with(connection_class, request, seconds) for request in sendable)
        return [_reaction_in_a_batch() if _asks_for_reaction(request) else next(found) for request in waiting]

    def outcomes(
        self, requests: Sequence[Request], *, timeout: float | None = None, until: float = math.inf
    ) -> Iterator[Outcome]:
        """Send several requests as :meth:`process_requests` does, and yield the outcome of each as soon as it is known.

        The client is busy until the last one was yielded.

        Args:
            requests: None of them may ask for a socket callback.
            timeout: Seconds until the first answer, and from each to the next; None means the client's.
            until: When to end in any case, in seconds of time.monotonic.
        """
        return self._channel.exchange_all(requests, self.timeout if timeout is None else timeout, until)

    def close(self) -> None:
        """Close the kept connection, and stop waiting for reactions in the background.

        Closing twice is harmless. A client that is used again opens another connection.
        """
        self._channel.close()
        self._watcher.close()

    @property
    def lost_callbacks(self) -> int:
        """How many reactions awaited in the background will never arrive: the server closed, or the timeout passed."""
        return self._watcher.lost

    def _exchange(
        self,
        request: Request,
        callback: Callable[[Response], object] | None,
        timeout: float,
        socket_callback: SocketCallback | None = None,
        callback_timeout: float | None = None,
        background: bool = False,  # noqa: FBT002 - passed by its name, see process_request
    ) -> Response:
        deadline = Deadline.after(timeout)
        if callback_timeout is not None:
            checked_seconds("callback_timeout", callback_timeout)
        if socket_callback is not None:
            return self._exchange_for_reaction(
                request, callback, deadline, socket_callback, callback_timeout, background=background
            )
        response = self._channel.exchange(request, deadline, may_keep=not _asks_for_reaction(request))
        check_type(response, RESPONSE_OK)
        if callback is not None:
            callback(response)
        return response

    def _exchange_for_reaction(
        self,
        request: Request,
        callback: Callable[[Response], object] | None,
        deadline: Deadline,
        socket_callback: SocketCallback,
        callback_timeout: float | None,
        *,
        background: bool,
    ) -> Response:
        """Send a request on a connection of its own, which stays open until the user reacts.

        The wait does not hold the channel's lock: a toast that nobody clicks delays no other request.
        """
        packer = self.packer_factory.create()
        data = packer.pack(request, half_close=False)
        connection = self._channel.connect(deadline)
        watched = False
        try:
            response = connection.exchange(data, packer.key, deadline)
            check_type(response, RESPONSE_OK)
            if callback is not None:
                callback(response)
            if background:
                seconds = float("inf") if callback_timeout is None else callback_timeout
                self._watcher.watch(connection, socket_callback, Deadline.after(seconds))
                watched = True
                return response
            seconds = self.timeout if callback_timeout is None else callback_timeout
            reaction = connection.receive(Deadline.after(seconds, "reaction of the user"), MAX_REACTION_SIZE)
            check_type(reaction, RESPONSE_CALLBACK)
        finally:
            if not watched:
                connection.close()
        socket_callback(reaction)
        return response

    def _exchange_with(
        self,
        connection_class: _ConnectionClass,
        request: Request,
        callback: Callable[[Response], object] | None,
        timeout: float,
        kwargs: dict[str, Any],
    ) -> Response | None:
        """Do one exchange on a connection of the caller's class."""
        if unknown := kwargs.keys() & {"callback_timeout", "background"}:
            raise GNTPValidationError(f"a connection_class of your own has no {' and no '.join(sorted(unknown))}")
        answers: list[Response] = []

        def answered(response: Response) -> None:
            answers.append(response)
            if callback is not None:
                callback(response)

        message = self.packer_factory.create().pack(request, half_close=kwargs.get("socket_callback") is None)
        connection = connection_class(self.address, timeout, final_callback=answered, **kwargs)
        try:
            connection.write_message(message)
            connection.read_message(connection.on_ok_message)
        finally:
            connection.close()
        return answers[0] if answers else None

    def _answer_with(
        self, connection_class: _ConnectionClass, request: Request, timeout: float
    ) -> Response | GNTPError:
        try:
            answer = self._exchange_with(connection_class, request, None, timeout, {})
        except GNTPError as error:
            return error
        return answer or GNTPConnectionError("the connection class reported no answer")

    @property
    def sendings(self) -> int:
        """How many times a request was sent, without batches. The server may have read each, even without an answer.

        If one request adds two, a kept connection had ended without an answer, and the request was sent again. Most
        often the server had closed the connection before. But a server that crashed may have shown the notification.
        """
        return self._channel.sendings

    @property
    def needs_look_up(self) -> bool:
        """Whether connecting would look up the host's name, which only the system bounds."""
        return not self._channel.addresses

    def __enter__(self) -> GNTPClient:  # noqa: PYI034 - typing.Self is not in 3.10
        """Return the client."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def __repr__(self) -> str:
        """Show the address; the password stays secret."""
        return f"<GNTPClient {host_and_port(*self.address)}>"


def _asks_for_reaction(request: Request) -> bool:
    return isinstance(request, NotifyRequest) and isinstance(request.notification.callback, SocketCallback)


def _reaction_in_a_batch() -> GNTPValidationError:
    return GNTPValidationError("process_requests cannot wait for a socket callback: use process_request")
