"""Sockets: one exchange with a GNTP server, within one deadline.

:class:`GNTPClient` is what an application holds: it owns the address and the secrets, makes no connection before its
first request, and turns every failure into one of :mod:`~gntp_logging.gntp.exceptions`.
"""

from __future__ import annotations

import importlib
import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from . import ciphers, keys
from .constants import (
    DEFAULT_PORT,
    DEFAULT_TIMEOUT,
    MAX_MESSAGE_SIZE,
    MESSAGE_DELIMITER,
    RESPONSE_CALLBACK,
    RESPONSE_OK,
)
from .exceptions import (
    GNTPConnectionError,
    GNTPEncryptionError,
    GNTPError,
    GNTPProtocolError,
    GNTPTimeoutError,
)
from .keys import Key
from .models import SocketCallback
from .requests import Request, Response, check_type, parse_response
from .wire import ResponseReader, encode

_READ_SIZE: Final = 65536
"""Bytes asked for at once: what a loopback socket hands over in one call."""


@dataclass(frozen=True)
class Deadline:
    """One budget of time for a whole operation, on the monotonic clock.

    Attributes:
        at: When the budget ends, in seconds of :func:`time.monotonic`.
        timeout: How long it was at the start, in seconds, for error messages.
    """

    at: float
    timeout: float

    @classmethod
    def after(cls, timeout: float) -> Deadline:
        """Start a budget of some seconds now."""
        return cls(time.monotonic() + timeout, timeout)

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            GNTPTimeoutError: If none are.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise GNTPTimeoutError(f"no complete answer within {self.timeout:g} s")
        return left


class _Address(NamedTuple):
    family: int
    sockaddr: tuple[Any, ...]  # what socket.connect takes differs by family


# -- Addresses -----------------------------------------------------------------------------------


def _known_addresses(host: str, port: int) -> list[_Address]:
    """Return the addresses that need no look-up: numbers, and localhost (IPv4 first, for growl-for-linux)."""
    if host.lower() in ("localhost", ""):
        return [_Address(socket.AF_INET, ("127.0.0.1", port)), _Address(socket.AF_INET6, ("::1", port))]
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return []
    return [_Address(socket.AF_INET if number.version == 4 else socket.AF_INET6, (host, port))]


def _look_up(host: str, port: int) -> list[_Address]:
    """Ask the system for a name's addresses. Nothing bounds the time this takes."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError, OverflowError) as error:  # also a host or a port that none can be
        raise GNTPConnectionError(f"cannot look up {host!r}: {_reason(error)}") from error
    return [_Address(family, sockaddr) for family, _, _, _, sockaddr in found]


def _connect(addresses: list[_Address], deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; each gets its share of the time that is left."""
    failure: OSError | None = None
    for index, address in enumerate(addresses):
        try:
            return _connected(address, deadline.remaining() / (len(addresses) - index))
        except OSError as error:
            failure = failure or error  # the first tells most: for localhost it is IPv4's, IPv6 may not exist
    raise failure or OSError("the name has no address")


def _connected(address: _Address, timeout: float) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)  # fails already where there is no IPv6
    try:
        sock.settimeout(timeout)
        sock.connect(address.sockaddr)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def _network_errors(deadline: Deadline) -> Iterator[None]:
    """Turn the system's errors into ours: the one place that does."""
    try:
        yield
    except TimeoutError as error:
        raise GNTPTimeoutError(f"no complete answer within {deadline.timeout:g} s") from error
    except (OSError, OverflowError) as error:  # OverflowError: a port above 65535
        raise GNTPConnectionError(_reason(error)) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


# -- The socket ----------------------------------------------------------------------------------


class _Stream:
    """A connected socket with one deadline over all its calls."""

    def __init__(self, addresses: list[_Address], deadline: Deadline) -> None:
        self.deadline = deadline
        with _network_errors(deadline):
            self.sock = _connect(addresses, deadline)

    def send(self, data: bytes, *, half_close: bool) -> None:
        """Write a whole message in one call, and shut down the sending side when nothing will follow.

        A server that answers early may reset the connection while the client still sends. Its answer is there to be
        read all the same, so a failed write is remembered by reading, not raised.

        Raises:
            GNTPTimeoutError: If the deadline passes.
        """
        try:
            with _network_errors(self.deadline):
                self.sock.settimeout(self.deadline.remaining())
                self.sock.sendall(data)
                if half_close:
                    self.sock.shutdown(socket.SHUT_WR)
        except GNTPTimeoutError:
            raise
        except GNTPConnectionError:
            pass  # reading tells: an answer, or the end

    def receive(self) -> bytes:
        """Read what has arrived, or wait for it; nothing at the end of the stream.

        Raises:
            GNTPConnectionError: If the connection broke or the deadline passed.
        """
        with _network_errors(self.deadline):
            self.sock.settimeout(self.deadline.remaining())
            return self.sock.recv(_READ_SIZE)

    def close(self) -> None:
        """Close the socket; closing twice is harmless."""
        self.sock.close()


def _receive_response(stream: _Stream, reader: ResponseReader) -> Response:
    """Read until one response is complete.

    Raises:
        GNTPConnectionError: If the server closed before, or the deadline passed.
        GNTPProtocolError: If it sent something else.
    """
    while (response := reader.next_message()) is None:
        data = stream.receive()
        if not data:
            reader.feed_eof()
            with suppress(GNTPProtocolError):
                if (response := reader.next_message()) is not None:
                    return response
            raise GNTPConnectionError("the server closed the connection without a complete answer")
        reader.feed(data)
    return response


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
        """Take the server's answer; then wait for the user's reaction, if it was asked for.

        Args:
            message: The response's bytes.

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
        """Take the report of the user's reaction.

        Args:
            message: The -CALLBACK response's bytes.

        Raises:
            GNTPResponseError: If it is an -ERROR.
            GNTPProtocolError: If it is no -CALLBACK.
        """
        response = parse_response(message, RESPONSE_CALLBACK)
        if self.socket_callback is not None:
            self.socket_callback(response)

    def write_message(self, message: bytes) -> None:
        """Send a message.

        Args:
            message: The message's bytes.
        """
        raise NotImplementedError

    def read_message(self, callback: Callable[[bytes], None]) -> None:
        """Read one message and hand it over.

        Args:
            callback: Called with the message's bytes.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection."""
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
            timeout: Seconds for the whole exchange, this connecting included.
            final_callback: Called when the exchange is complete.
            socket_callback: Called when the user reacted.

        Raises:
            GNTPConnectionError: If the connection fails.
        """
        super().__init__(final_callback, socket_callback)
        deadline = Deadline.after(timeout)
        self._stream = _Stream(_known_addresses(*address) or _look_up(*address), deadline)
        self.sock = self._stream.sock
        self._messages = _split_messages(self._stream.receive)

    def write_message(self, message: bytes) -> None:
        """Send a message; without a socket callback nothing will follow, and the sending side is shut down.

        Args:
            message: The message's bytes.

        Raises:
            GNTPConnectionError: If sending fails.
        """
        self._stream.send(message, half_close=self.socket_callback is None)

    def read_message(self, callback: Callable[[bytes], None]) -> None:
        """Read one response and hand it over.

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
        The bytes of one message. What was read past it belongs to the next.

    Raises:
        GNTPError: If a message is longer than ``MAX_MESSAGE_SIZE``, or the connection breaks or ends inside one.
    """

    def receive() -> bytes:
        try:
            return sock.recv(buffer_size)
        except TimeoutError as error:
            raise GNTPTimeoutError("no complete message within the socket's timeout") from error
        except OSError as error:
            raise GNTPConnectionError(_reason(error)) from error

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


@dataclass(frozen=True)
class Packer:
    """Turns one request into bytes, with a salt and an initialization vector of its own.

    Attributes:
        key: The message's key; None without a password.
        cipher: The message's cipher; None without encryption.
    """

    key: Key | None
    cipher: ciphers.Cipher | None

    def pack(self, request: Request, *, half_close: bool = True) -> bytes:
        """Encode a request.

        Args:
            request: The request.
            half_close: Whether the sending side is shut down after it.

        Returns:
            The message's bytes.
        """
        return encode(request, key=self.key, cipher=self.cipher, half_close=half_close)


@dataclass(frozen=True)
class PackerFactory:
    """What all messages of one client are secured with.

    Attributes:
        password: The password; None sends messages without a key.
        key_hashing: Hash algorithm of the keys.
        encryption: Cipher algorithm; None sends messages in clear.
    """

    password: str | None = field(repr=False)
    key_hashing: keys.Algorithm
    encryption: ciphers.Algorithm | None

    def __post_init__(self) -> None:
        """Refuse what could only fail, or be sent in clear, later.

        Raises:
            GNTPEncryptionError: If there is encryption without a password, with a hash that is too short, or without
                the library it needs.
        """
        if self.encryption is None:
            return
        if self.password is None:
            raise GNTPEncryptionError("encryption needs a password: give one, or leave encryption out")
        ciphers.require_key_size(
            self.encryption.algorithm_id,
            self.encryption.key_size,
            self.key_hashing.algorithm_id,
            self.key_hashing.key_size,
        )
        self.encryption.load()

    def create(self) -> Packer:
        """Return a packer for one message: "fresh salt and initialization vector for each"."""
        if self.password is None:
            return Packer(None, None)
        key = self.key_hashing.key(self.password)
        return Packer(key, self.encryption.cipher(key) if self.encryption else None)


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
    """A GNTP client: one server, one way to authenticate and encrypt.

    The constructor does no network. Each request is one connection, which the server closes after its answer.

    Attributes:
        address: Host and port of the server.
        timeout: Seconds that one whole exchange may take.
        connection_class: A connection class of the caller's; None uses the built-in path.
        packer_factory: What messages are secured with.
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
    ) -> None:
        """Keep the address and check the secrets.

        Args:
            host: Host name or address of the server.
            port: TCP port of the server.
            timeout: Seconds that one whole exchange may take.
            password: The server's password; None sends no key.
            key_hashing: Hash algorithm; None means SHA256.
            encryption: Cipher algorithm; None sends in clear.
            connection_class: Connection class; None means the built-in path.

        Raises:
            GNTPEncryptionError: If encryption was asked for without a password, or the hash is too short for it.
        """
        self.address = (host, port)
        self.timeout = timeout
        self.connection_class = connection_class
        self.packer_factory = PackerFactory(password, key_hashing or keys.SHA256, encryption)
        self._addresses = _known_addresses(host, port)
        if self.needs_look_up:
            # The first look-up imports this; were it in a background thread, a fork in that moment would leave the
            # child with half a module (CPython, seen on 3.10 to 3.13).
            importlib.import_module("encodings.idna")

    def process_request(
        self,
        request: Request,
        callback: Callable[[Response], object] | None = None,
        *,
        timeout: float | None = None,
        **kwargs: Any,  # what they are is between the caller and the connection class
    ) -> Response | None:
        """Send a request and return the server's answer.

        Args:
            request: The request.
            callback: Called with the -OK response.
            timeout: Seconds for this exchange; None means the client's.
            **kwargs: Passed to the connection; ``socket_callback`` waits for the user's reaction and is called with it.

        Returns:
            The -OK response; None when a connection class of the caller's handles it.

        Raises:
            GNTPConnectionError: If the server cannot be reached, or closes too early.
            GNTPTimeoutError: If the exchange is not complete in time.
            GNTPResponseError: If the server answers -ERROR.
            GNTPAuthenticationError: If that error is 400.
            GNTPProtocolError: If it answers something else.
        """
        seconds = self.timeout if timeout is None else timeout
        if self.connection_class is not None:
            self._exchange_with(self.connection_class, request, callback, seconds, kwargs)
            return None
        return self._exchange(request, callback, seconds, **kwargs)

    def _exchange(
        self,
        request: Request,
        callback: Callable[[Response], object] | None,
        timeout: float,
        socket_callback: SocketCallback | None = None,
    ) -> Response:
        packer = self.packer_factory.create()
        deadline = Deadline.after(timeout)
        stream = _Stream(self._addresses or _look_up(*self.address), deadline)
        try:
            half_close = socket_callback is None
            stream.send(packer.pack(request, half_close=half_close), half_close=half_close)
            reader = ResponseReader(packer.key)
            response = _receive_response(stream, reader)
            check_type(response, RESPONSE_OK)
            if callback is not None:
                callback(response)
            if socket_callback is not None:
                reaction = _receive_response(stream, reader)
                check_type(reaction, RESPONSE_CALLBACK)
                socket_callback(reaction)
            return response
        finally:
            stream.close()

    def _exchange_with(
        self,
        connection_class: _ConnectionClass,
        request: Request,
        callback: Callable[[Response], object] | None,
        timeout: float,
        kwargs: dict[str, Any],
    ) -> None:
        packer = self.packer_factory.create()
        half_close = kwargs.get("socket_callback") is None
        connection = connection_class(self.address, timeout, final_callback=callback, **kwargs)
        try:
            connection.write_message(packer.pack(request, half_close=half_close))
            connection.read_message(connection.on_ok_message)
        finally:
            connection.close()

    @property
    def needs_look_up(self) -> bool:
        """Whether connecting would ask the system for a name's addresses, which nothing bounds in time."""
        return not self._addresses

    def __repr__(self) -> str:
        """Show the address; the password stays secret."""
        host, port = self.address
        return f"<GNTPClient {host}:{port}>"
