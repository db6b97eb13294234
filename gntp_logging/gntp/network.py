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
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from .exceptions import GNTPConnectionError, GNTPTimeoutError

_READ_SIZE: Final = 65536
"""Bytes asked for at once: what a loopback socket hands over in one call."""

_LONGEST_WAIT: Final = 86_400.0
"""Seconds of one wait inside the system, whose clocks and counters end somewhere; a longer budget waits again."""


@dataclass(frozen=True)
class Deadline:
    """One budget of time for a whole operation, on the monotonic clock.

    Attributes:
        at: When the budget ends, in seconds of :func:`time.monotonic`; infinite for one that never does.
        timeout: How long it was at the start, in seconds, for error messages.
        awaited: What does not come when it ends, for error messages.
    """

    at: float
    timeout: float
    awaited: str = "complete answer"

    @classmethod
    def after(cls, timeout: float, awaited: str = "complete answer") -> Deadline:
        """Start a budget now.

        Args:
            timeout: Its length in seconds; ``math.inf`` for no limit.
            awaited: What does not come when it ends.

        Returns:
            The budget.
        """
        return cls(time.monotonic() + timeout, timeout, awaited)

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            GNTPTimeoutError: If none are.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise self.error()
        return left

    def error(self) -> GNTPTimeoutError:
        """Return the error that says that it has ended."""
        return GNTPTimeoutError(f"no {self.awaited} within {self.timeout:g} s")


# -- Addresses -----------------------------------------------------------------------------------


class Address(NamedTuple):
    """What a socket connects to.

    Attributes:
        family: ``AF_INET`` or ``AF_INET6``.
        sockaddr: What :meth:`socket.socket.connect` takes.
    """

    family: int
    sockaddr: tuple[Any, ...]  # what it holds differs by family


def known_addresses(host: str, port: int) -> list[Address]:
    """Return the addresses that need no look-up: numbers, and localhost (IPv4 first, for growl-for-linux).

    Args:
        host: Name or number of a host.
        port: TCP port.

    Returns:
        The addresses in the order in which to try them; none for a name.
    """
    if host.lower() in ("localhost", ""):
        return [Address(socket.AF_INET, ("127.0.0.1", port)), Address(socket.AF_INET6, ("::1", port))]
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return []
    return [Address(socket.AF_INET if number.version == 4 else socket.AF_INET6, (host, port))]


def host_and_port(host: str, port: int) -> str:
    """Return a server's host and port in one, for people.

    Args:
        host: A name or an address.
        port: The port.

    Returns:
        ``host:port``, with an IPv6 address in brackets.
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def look_up(host: str, port: int) -> list[Address]:
    """Ask the system for a name's addresses. Nothing bounds the time this takes.

    Args:
        host: Name of a host.
        port: TCP port.

    Returns:
        The addresses in the order in which to try them.

    Raises:
        GNTPConnectionError: If the name has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError, OverflowError) as error:  # also a host or a port that none can be
        raise GNTPConnectionError(f"cannot look up {host!r}: {_reason(error)}") from error
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]


def _connect(addresses: list[Address], deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; each gets its share of the time that is left."""
    failure: OSError | None = None
    for index, address in enumerate(addresses):
        try:
            return _connected(address, deadline.remaining() / (len(addresses) - index))
        except OSError as error:
            failure = failure or error  # the first tells most: for localhost it is IPv4's, IPv6 may not exist
    raise failure or OSError("the name has no address")


def _connected(address: Address, timeout: float) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)  # fails already where there is no IPv6
    try:
        sock.settimeout(min(timeout, _LONGEST_WAIT))
        sock.connect(address.sockaddr)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def network_error(error: Exception, deadline: Deadline) -> GNTPConnectionError:
    """Turn one of the system's errors into ours: the one place that does.

    Args:
        error: An OSError, or the OverflowError of a port above 65535.
        deadline: The operation's budget, for the message of a time-out.

    Returns:
        What to raise from it; a GNTPTimeoutError for the system's time-outs.
    """
    return deadline.error() if isinstance(error, TimeoutError) else GNTPConnectionError(_reason(error))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


# -- The stream ----------------------------------------------------------------------------------


class Stream:
    """A connected socket. Every call has a deadline; one and the same may be given to all calls of an operation.

    Attributes:
        sock: The socket.
        send_failed: Whether writing has failed: what comes now are answers written before, then the end.
    """

    def __init__(self, addresses: list[Address], deadline: Deadline) -> None:
        """Connect.

        Args:
            addresses: Where to, in the order in which to try them.
            deadline: Budget for all of them together.

        Raises:
            GNTPConnectionError: If none takes the connection.
        """
        try:
            self.sock: socket.socket = _connect(addresses, deadline)
        except (OSError, OverflowError) as error:
            raise network_error(error, deadline) from error
        self.send_failed: bool = False
        close_after_fork(self)

    def send(self, data: bytes, deadline: Deadline, *, half_close: bool) -> None:
        """Write a whole message in one call, and shut down the sending side when nothing will follow.

        A server that answers early may reset the connection while the client still sends. Its answer is there to be
        read all the same, so a failed write is remembered by ``send_failed`` and by reading, not raised.

        Args:
            data: The message's bytes.
            deadline: Budget for writing.
            half_close: Whether nothing will follow.

        Raises:
            GNTPTimeoutError: If the deadline passes.
        """
        self._settimeout(deadline.remaining())
        try:
            self.sock.sendall(data)
            if half_close:
                self.sock.shutdown(socket.SHUT_WR)
        except TimeoutError as error:
            raise network_error(error, deadline) from error
        except OSError:
            self.send_failed = True  # reading tells: an answer, or the end

    def receive(self, deadline: Deadline) -> bytes:
        """Read what has arrived, or wait for it.

        Args:
            deadline: Budget for waiting.

        Returns:
            The bytes; none at the end of the stream.

        Raises:
            GNTPConnectionError: If the connection broke.
            GNTPTimeoutError: If the deadline passes.
        """
        while True:
            left = deadline.remaining()
            self._settimeout(left)
            try:
                return self.sock.recv(_READ_SIZE)
            except TimeoutError as error:
                if left <= _LONGEST_WAIT:
                    raise network_error(error, deadline) from error
            except OSError as error:
                raise network_error(error, deadline) from error

    def transfer(self, data: bytearray, deadline: Deadline) -> bytes | None:
        """Write as much as the peer takes, or read what has arrived, whichever is possible first.

        With both at once, neither side can wait for the other to read.

        Args:
            data: Bytes to write; what was written is removed.
            deadline: Budget for waiting.

        Returns:
            What was read, nothing at the end of the stream; None if nothing was there to be read.

        Raises:
            GNTPConnectionError: If the connection broke while reading.
            GNTPTimeoutError: If the deadline passes.
        """
        writing = bool(data) and not self.send_failed
        readable, writable = self._wait(deadline.remaining(), writing=writing)
        if not readable and not writable:
            deadline.remaining()  # raises when the deadline has passed
        self.sock.settimeout(0)
        if writable:
            try:
                del data[: self.sock.send(data)]
            except BlockingIOError:
                pass
            except OSError:
                self.send_failed = True
        try:
            return self.sock.recv(_READ_SIZE) if readable else None
        except OSError as error:
            raise network_error(error, deadline) from error

    def has_news(self, seconds: float = 0.0) -> bool:
        """Tell whether there is something to read: bytes, or the end of the stream.

        Args:
            seconds: How long to wait for it.

        Returns:
            True if there is.
        """
        return self._wait(seconds, writing=False)[0]

    def close(self) -> None:
        """Close the socket; closing twice is harmless."""
        self.sock.close()

    def _settimeout(self, seconds: float) -> None:
        self.sock.settimeout(min(seconds, _LONGEST_WAIT))

    def _wait(self, seconds: float, *, writing: bool) -> tuple[bool, bool]:
        """Wait until the socket can be read, or written if that is wanted."""
        seconds = min(seconds, _LONGEST_WAIT)
        if not hasattr(select, "poll"):  # Windows, whose select takes any number of a socket
            readable, writable, _ = select.select([self.sock], [self.sock] if writing else [], [], seconds)
            return bool(readable), bool(writable)
        poll = select.poll()  # select.select fails above descriptor 1023
        poll.register(self.sock, select.POLLIN | (select.POLLOUT if writing else 0))
        ready = 0
        for _, events in poll.poll(math.ceil(seconds * 1000)):
            ready = events
        return bool(ready & ~select.POLLOUT), bool(ready & select.POLLOUT)


# -- Forked children -----------------------------------------------------------------------------


class _Closeable(Protocol):
    def close(self) -> None: ...


_open: weakref.WeakSet[_Closeable] = weakref.WeakSet()


def close_after_fork(closeable: _Closeable) -> None:
    """Let a forked child close its copy of something: what is sent on it, and its end, are the parent's.

    Args:
        closeable: A stream or a socket.
    """
    _open.add(closeable)


def _close_in_child() -> None:
    for closeable in list(_open):
        closeable.close()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_close_in_child)
