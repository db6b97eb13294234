"""TCP with a deadline: addresses, connecting, and a stream that turns the system's errors into ours.

Nothing here knows what a GNTP message looks like.
"""

from __future__ import annotations

import ipaddress
import math
import os
import select
import socket
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from .exceptions import GNTPConnectionError, GNTPTimeoutError, GNTPValidationError

if TYPE_CHECKING:
    from .tls import ClientTLS

READ_SIZE: Final = 65536
"""Bytes to read in one call: as many as a loopback socket delivers at once, and more than a record of TLS has."""

_MAX_EARLY_BYTES: Final = 1_048_576
"""Bytes that a peer may send before it has read the whole message: far more than an answer has."""

_LONGEST_WAIT: Final = 86_400.0
"""Seconds of one wait in a system call: the call's counters overflow at some value. A longer budget waits again."""


@dataclass(frozen=True)
class Deadline:
    """One budget of time for a whole operation, on the monotonic clock.

    Attributes:
        at: When the budget ends, in seconds of :func:`time.monotonic`; infinite for one that never does.
        timeout: How long it was at the start, in seconds, for error messages.
        awaited: What the operation waits for; named in the timeout error.
    """

    at: float
    timeout: float
    awaited: str = "complete answer"

    @classmethod
    def after(cls, timeout: float, awaited: str = "complete answer") -> Deadline:
        """Start a budget now.

        Args:
            timeout: Its length in seconds; ``math.inf`` for no limit.
            awaited: What the operation waits for; named in the timeout error.
        """
        return cls(time.monotonic() + timeout, timeout, awaited)

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            GNTPTimeoutError: If none are left.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise self.error()
        return left

    def error(self) -> GNTPTimeoutError:
        """Return the timeout error for this budget."""
        return GNTPTimeoutError(f"no {self.awaited} within {self.timeout:g} s")


def checked_seconds(name: str, value: object, *, positive: bool = False) -> float:
    """Check a number of seconds: neither a text nor NaN is one.

    Args:
        name: Its name in the error.
        positive: Whether it must be finite and above 0. If not, a value below 0 means that no time is left.

    Raises:
        GNTPValidationError: If it is not such a number.
    """
    try:
        seconds = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    except OverflowError:  # an integer beyond all floats
        seconds = math.nan
    if math.isnan(seconds) or (positive and not 0 < seconds < math.inf):
        raise GNTPValidationError(f"{name} must be a number of seconds{', finite and above 0' if positive else ''}")
    return seconds


# -- Addresses -----------------------------------------------------------------------------------


class Address(NamedTuple):
    """What a socket connects to.

    Attributes:
        family: ``AF_INET`` or ``AF_INET6``.
        sockaddr: What :meth:`socket.socket.connect` takes.
    """

    family: int
    sockaddr: tuple[Any, ...]  # what it holds differs by family


def checked_address(host: object, port: object) -> tuple[str, int]:
    """Check the address of a server. Nothing is looked up.

    Args:
        host: A name or an address; an IPv6 address may stand in brackets.
        port: From 1 to 65535.

    Returns:
        The host, without brackets, and the port.

    Raises:
        GNTPValidationError: If one of them has another type, or the port is out of range.
    """
    if not isinstance(host, str):
        raise GNTPValidationError(f"host must be a string, not {type(host).__name__}")
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise GNTPValidationError("port must be an integer from 1 to 65535")
    return without_brackets(host), port


def without_brackets(host: str) -> str:
    """Return a host as sockets take it: an IPv6 address without the brackets that it has in URLs."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def known_addresses(host: str, port: int) -> list[Address]:
    """Return the addresses that need no look-up: numeric ones, and localhost (IPv4 first, for growl-for-linux).

    Returns:
        The addresses in the order in which to try them; empty for any other name.
    """
    if host.lower() in ("localhost", ""):
        return [Address(socket.AF_INET, ("127.0.0.1", port)), Address(socket.AF_INET6, ("::1", port))]
    if "%" in host:  # "fe80::1%eth0": only the system knows the interface's number, which may change
        try:
            return _addresses(host, port, socket.AI_NUMERICHOST)
        except GNTPConnectionError:
            return []
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return []
    return [Address(socket.AF_INET if number.version == 4 else socket.AF_INET6, (host, port))]


def host_and_port(host: str, port: int) -> str:
    """Return ``host:port`` for people, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(address: str) -> bool:
    """Tell whether only programs of this machine can reach an address.

    Args:
        address: A host name or an IP address.

    Returns:
        True for localhost and loopback addresses; False for every other name, which is not looked up.
    """
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_absent_here(error: Exception, host: str) -> bool:
    """Tell whether an error says that this machine itself runs no server."""
    return isinstance(error.__cause__, ConnectionRefusedError) and is_loopback(host)


def look_up(host: str, port: int) -> list[Address]:
    """Ask the system for the addresses of a host's name. Only the system's own timeout bounds this.

    Returns:
        The addresses in the order in which to try them.

    Raises:
        GNTPConnectionError: If the name has none.
    """
    return _addresses(host, port)


def _addresses(host: str, port: int, flags: int = 0) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, ValueError) as error:  # ValueError: an impossible name
        raise GNTPConnectionError(f"cannot look up {host!r}: {_reason(error)}") from error
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]


def _connect(addresses: list[Address], deadline: Deadline) -> socket.socket:
    """Connect to the first address that accepts.

    Each address gets an equal share of the time that is left; then the next one is tried as well. No address is given
    up while there is time: a slow one goes on beside the others.
    """
    failure: OSError | None = None
    untried = deque(addresses)
    connecting: list[socket.socket] = []
    try:
        while untried or connecting:
            share = deadline.remaining() / max(1, len(untried))
            try:
                if untried:
                    is_alone = not connecting
                    sock, is_connected = _begin_connecting(untried.popleft(), share if is_alone else 0.0)
                    if is_connected:
                        return sock
                    connecting.append(sock)
                    if is_alone:
                        continue  # it has used up its share
                if (decided := _decided(connecting, share)) is not None:
                    connecting.remove(decided)
                    return _connected(decided)
            except OSError as error:
                failure = failure or error  # the first says most: for localhost it is that of IPv4; IPv6 may not exist
    finally:
        for sock in connecting:
            sock.close()
    raise failure or OSError("the name has no address")


def _begin_connecting(address: Address, seconds: float) -> tuple[socket.socket, bool]:
    """Return a socket that is connecting, and whether it has connected within some seconds."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)  # fails on a machine without IPv6
    try:
        sock.settimeout(min(seconds, _LONGEST_WAIT))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(address.sockaddr)
    except BaseException as error:
        if isinstance(error, BlockingIOError) or (isinstance(error, TimeoutError) and error.errno is None):
            return sock, False  # an error with a number means that the system has given up
        sock.close()
        raise
    return sock, True


def _decided(connecting: list[socket.socket], seconds: float) -> socket.socket | None:
    """Wait until a connection is made or has failed; return its socket."""
    return next(iter(wait_for(dict.fromkeys(connecting, True), seconds)), None)


def _connected(sock: socket.socket) -> socket.socket:
    """Return a socket that is connected; close one that is not, and raise why."""
    try:
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))  # noqa: TRY301 - as getpeername does
        sock.getpeername()  # fails if it is not connected, even if the system gives no reason
    except OSError:
        sock.close()
        raise
    return sock


def network_error(error: OSError, deadline: Deadline) -> GNTPConnectionError:
    """Turn an error of the system into one of ours. This is the only place that does so.

    Args:
        error: The system's error.
        deadline: The operation's budget, for the message of a time-out.

    Returns:
        The error to raise; a GNTPTimeoutError for a time-out.
    """
    return deadline.error() if isinstance(error, TimeoutError) else GNTPConnectionError(_reason(error))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _secured(sock: socket.socket, tls: ClientTLS, deadline: Deadline) -> socket.socket:
    """Put TLS on a connected socket, and return the socket that replaces it. If that fails, the socket is closed."""
    try:
        return tls.secure(sock, min(deadline.remaining(), _LONGEST_WAIT))
    except BaseException:
        sock.close()  # harmless if TLS has taken it over
        raise


# -- The stream ----------------------------------------------------------------------------------


class Stream:
    """A connected socket, with or without TLS. Every call has a deadline; calls of one operation may share one.

    Attributes:
        sock: The socket.
        send_failed: Whether a message was cut short. Answers that were sent before can still be read.
    """

    def __init__(self, addresses: list[Address], deadline: Deadline, tls: ClientTLS | None = None) -> None:
        """Connect, and make the handshake of TLS.

        Args:
            addresses: The server's, in the order in which to try them.
            deadline: Budget for all of them together.
            tls: How the connection is secured; None for TCP alone.

        Raises:
            GNTPConnectionError: If no address accepts the connection.
            GNTPTimeoutError: If none does in time; the text says that no connection was made.
            GNTPTLSError: If the handshake fails. No other address is tried, and nothing is sent in clear.
        """
        deadline = replace(deadline, awaited="connection")
        try:
            self.sock: socket.socket = _connect(addresses, deadline)
            if tls is not None:
                deadline = replace(deadline, awaited="TLS handshake")
                self.sock = _secured(self.sock, tls, deadline)
        except OSError as error:
            raise network_error(error, deadline) from error
        self.send_failed: bool = False
        self._has_tls = tls is not None
        self._arrived = b""  # what was read while a message was sent, or by has_news
        close_after_fork(self)

    def send(
        self,
        data: bytes,
        deadline: Deadline,
        *,
        half_close: bool,
        enough: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        """Write a whole message, in one call if the system takes it, and shut down the sending side after the last one.

        A server may answer early, and then read no further, close, or reset the connection. So what arrives meanwhile
        is kept for :meth:`receive`. A failed write raises nothing, because reading will find the answer or the end.

        Args:
            data: A whole message.
            deadline: Budget for writing.
            half_close: Whether this is the last message.
            enough: Called with what has arrived meanwhile; returns True if the rest need not be sent any more.

        Raises:
            GNTPTimeoutError: If the deadline passes.
        """
        deadline.remaining()  # raises when the deadline has passed
        rest = bytearray(memoryview(data)[self._write(data) :])
        try:
            while rest and not self.send_failed:
                arrived = self.transfer(rest, deadline)
                if arrived is not None:
                    self._arrived += arrived
                    is_too_much = len(self._arrived) > _MAX_EARLY_BYTES
                    self.send_failed |= not arrived or is_too_much or enough(self._arrived)
            if half_close and not self.send_failed:
                self.sock.shutdown(socket.SHUT_WR)
        except GNTPTimeoutError:
            self.send_failed = True
            raise
        except (OSError, GNTPConnectionError):
            self.send_failed = True

    def _write(self, data: bytes | bytearray) -> int:
        """Write what the system takes at once; return how much that was."""
        self.sock.settimeout(0)
        try:
            return self.sock.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.send_failed = True
        return 0

    def receive(self, deadline: Deadline) -> bytes:
        """Read what has arrived, or wait for it.

        Args:
            deadline: Budget for waiting.

        Returns:
            The bytes; empty at the end of the stream.

        Raises:
            GNTPConnectionError: If the connection broke.
            GNTPTimeoutError: If the deadline passes.
        """
        if self._arrived:
            arrived, self._arrived = self._arrived, b""
            return arrived
        while True:
            left = deadline.remaining()
            self._settimeout(left)
            try:
                return self.sock.recv(READ_SIZE)
            except TimeoutError as error:
                if left <= _LONGEST_WAIT:
                    raise network_error(error, deadline) from error
            except OSError as error:
                raise network_error(error, deadline) from error

    def transfer(self, data: bytearray, deadline: Deadline) -> bytes | None:
        """Write as much as the peer takes, or read what has arrived, whichever is possible first.

        Both are possible at any time, so the two sides cannot block each other.

        Args:
            data: Bytes to write; what was written is removed.
            deadline: Budget for waiting.

        Returns:
            What was read, empty at the end of the stream. None if there was nothing to read, or only a part of a TLS
            record.

        Raises:
            GNTPConnectionError: If the connection broke while reading.
            GNTPTimeoutError: If the deadline passes.
        """
        writing = bool(data) and not self.send_failed
        readable, writable = self._wait(deadline.remaining(), writing=writing)
        if not readable and not writable:
            deadline.remaining()  # raises when the deadline has passed
        if writable:
            del data[: self._write(data)]
        self.sock.settimeout(0)
        try:
            return self.sock.recv(READ_SIZE) if readable else None
        except BlockingIOError:
            return None
        except OSError as error:
            raise network_error(error, deadline) from error

    def has_news(self, seconds: float = 0.0) -> bool:
        """Tell whether there is something to read: bytes, or the end of the stream.

        Args:
            seconds: Seconds to wait for it; 0 only looks.
        """
        until = time.monotonic() + seconds
        while self._wait(until - time.monotonic(), writing=False)[0]:
            if not self._has_tls or self._take_news():
                return True
        return False

    def _take_news(self) -> bool:
        """Read ahead, and return whether there was data or an end. A TLS record may hold neither: a session ticket."""
        self.sock.settimeout(0)
        try:
            self._arrived += self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return False
        except OSError:
            pass  # the next read meets the same error, or the end
        return True

    def address(self) -> Address | None:
        """Return the address of the peer; None if the connection has ended already."""
        try:
            return Address(self.sock.family, self.sock.getpeername())
        except OSError:
            return None

    def close(self) -> None:
        """Close the socket; closing twice is harmless."""
        self.sock.close()

    def _settimeout(self, seconds: float) -> None:
        self.sock.settimeout(min(seconds, _LONGEST_WAIT))

    def _wait(self, seconds: float, *, writing: bool) -> tuple[bool, bool]:
        """Wait until the socket can be read, or written if ``writing``; return which."""
        return wait_for({self.sock: writing}, seconds).get(self.sock, (False, False))


def wait_for(sockets: Mapping[socket.socket, bool], seconds: float) -> dict[socket.socket, tuple[bool, bool]]:
    """Wait until one of several sockets can be read, or written.

    Args:
        sockets: For each whether writing is wanted; reading always is.
        seconds: How long to wait at most.

    Returns:
        For each socket that is ready: whether it can be read, or has failed, and whether it can be written.
    """
    seconds = max(0.0, min(seconds, _LONGEST_WAIT))
    if not hasattr(select, "poll"):  # Windows, where select accepts any descriptor, and reports a failure apart
        writing = [sock for sock, wanted in sockets.items() if wanted]
        readable, writable, failed = select.select(list(sockets), writing, writing, seconds)
        ready = {*readable, *writable, *failed}
        return {sock: (sock in readable or sock in failed, sock in writable) for sock in ready}
    poll = select.poll()  # select.select fails above descriptor 1023
    by_number = {sock.fileno(): sock for sock in sockets}
    for number, sock in by_number.items():
        poll.register(number, select.POLLIN | (select.POLLOUT if sockets[sock] else 0))
    return {
        by_number[number]: (bool(events & ~select.POLLOUT), bool(events & select.POLLOUT))
        for number, events in poll.poll(math.ceil(seconds * 1000))
    }


# -- Forked children -----------------------------------------------------------------------------


class _Closeable(Protocol):
    def close(self) -> None: ...


_open: weakref.WeakSet[_Closeable] = weakref.WeakSet()


def close_after_fork(closeable: _Closeable) -> None:
    """Let forked children close their copies of a stream or a socket.

    With a copy open in a child, the server would not see the end of the connection when the parent closes it. Where
    the hooks of fork do not run (uWSGI), users of a connection compare the process's id.
    """
    _open.add(closeable)


def _close_in_child() -> None:
    for closeable in list(_open):
        closeable.close()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_close_in_child)
