"""Exchanges with one server, one at a time, over a connection that is kept if the server allows it.

A new connection asks for "Connection: Keep-Alive". The server grants it with the semaphore ``GNTP/1.0 END`` after its
answer: Growl for Mac does; Growl for Windows and growl-for-linux close the connection. A server that closes is
remembered for ten minutes. During these, each request has a connection of its own and is followed by a half-close,
after which growl-for-linux does not stall.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from .batches import Outcome, Pipeline, ok_or_error, side_by_side
from .constants import RESPONSE_OK
from .exceptions import GNTPConnectionError, GNTPError, GNTPProtocolError, GNTPTimeoutError
from .keys import Key
from .network import Address, Deadline, Stream, known_addresses, look_up
from .packing import PackerFactory
from .requests import Request, Response
from .wire import DEFAULT_LIMITS, Limits, ResponseReader, begins_like_an_error

if TYPE_CHECKING:
    from .tls import ClientTLS

END_TIMEOUT: Final = 0.05
"""Seconds to wait for END, or for the end of the stream, after the first answer. Servers send either at once."""

IDLE_TIMEOUT: Final = 60.0
"""Seconds after which an idle connection is not used again. Growl for Mac closes after 15. A router in between may drop
an idle connection silently: a request on it would wait for its whole deadline."""

CLOSING_TIMEOUT: Final = 600.0
"""Seconds for which a server is remembered as one that closes. Later, another server may run on its port."""

_closing: dict[tuple[str, int], float] = {}
"""When each server was last seen to close after its answer, in seconds of :func:`time.monotonic`.

Each connection shows that it is kept before anything is pipelined on it, so a wrong entry costs time, never a
notification.
"""


def is_known_to_close(address: tuple[str, int]) -> bool:
    """Tell whether a server was seen to close after its answer within :data:`CLOSING_TIMEOUT`.

    Args:
        address: Host and port of the server.
    """
    seen = _closing.get(address)
    return seen is not None and time.monotonic() - seen < CLOSING_TIMEOUT


def forget_servers() -> None:
    """Forget which servers close."""
    _closing.clear()


class _StaleConnectionError(GNTPConnectionError):
    """A kept connection ended without a byte of an answer."""


class PersistentConnection:
    """A connected stream and the reader of its answers."""

    def __init__(self, stream: Stream, limits: Limits = DEFAULT_LIMITS) -> None:
        """Expect the first answer.

        Args:
            stream: A stream on which nothing was sent yet.
            limits: Bounds of an answer.
        """
        self.stream = stream
        self.reader: ResponseReader = ResponseReader(limits=limits)
        self._idle_since: float | None = None
        self._heard = False  # whether anything of the answer has arrived

    def exchange(self, data: bytes, key: Key | None, deadline: Deadline, *, half_close: bool = False) -> Response:
        """Send a request and read its answer.

        Args:
            key: The request's key, for an encrypted answer.
            deadline: Budget for sending and receiving.
            half_close: Whether this is the last request.

        Returns:
            The answer, of any type.

        Raises:
            GNTPConnectionError: If the connection broke before the answer was complete.
            GNTPTimeoutError: If the deadline passed.
            GNTPProtocolError: If the answer is not a GNTP response.
        """
        self.reader.key = key
        self._heard = False
        with suppress(GNTPTimeoutError):  # an answer may have come all the same; if not, reading raises the error
            self.stream.send(data, deadline, half_close=half_close, enough=begins_like_an_error)
        try:
            return self.receive(deadline)
        except GNTPTimeoutError:
            raise
        except GNTPConnectionError as error:
            if self._idle_since is None or self._heard:
                raise
            raise _StaleConnectionError(str(error)) from error

    def receive(self, deadline: Deadline, max_bytes: float = math.inf) -> Response:
        """Read until one response is complete.

        Args:
            deadline: Budget for waiting.
            max_bytes: How many bytes may arrive meanwhile, whatever the limits of a response allow.

        Returns:
            The response, of any type.

        Raises:
            GNTPConnectionError: If the connection ended before the response was complete.
            GNTPTimeoutError: If the deadline passed.
            GNTPProtocolError: If the bytes are not a GNTP response, or too many.
        """
        while (response := self.reader.next_message()) is None:
            data = self.stream.receive(deadline)
            if not data:
                return self._last_response()
            self._heard = True
            max_bytes -= len(data)
            if max_bytes < 0:
                raise GNTPProtocolError("the server sends more than a response can need")
            self.reader.feed(data)
        return response

    def _last_response(self) -> Response:
        """Return the response that only the end of the stream completes."""
        self.reader.feed_eof()
        with suppress(GNTPProtocolError):
            if (response := self.reader.next_message()) is not None:
                return response
        raise GNTPConnectionError("the server closed the connection without a complete answer")

    def is_kept(self) -> bool | None:
        """Find out whether the server keeps the connection after its answer; wait :data:`END_TIMEOUT` at most.

        Returns:
            True after END; False when the server has closed; None when neither has arrived.
        """
        until = time.monotonic() + END_TIMEOUT
        try:
            while True:
                if self.reader.next_message() is not None:
                    return None  # an answer to no request: what follows it is unknown
                if self.reader.at_end and not self.stream.send_failed:
                    self._idle_since = time.monotonic()
                    return True
                left = until - time.monotonic()
                if left <= 0 or not self.stream.has_news(left):
                    return None
                data = self.stream.receive(Deadline.after(END_TIMEOUT))
                if not data:
                    return False
                self.reader.feed(data)
        except GNTPConnectionError:
            return False  # a server that closes with our END unread resets the connection
        except GNTPProtocolError:
            return None

    def is_usable(self) -> bool:
        """Tell whether an idle connection can take another request. If it is readable, the server has ended it."""
        fresh = self._idle_since is not None and time.monotonic() - self._idle_since < IDLE_TIMEOUT
        return fresh and not self.stream.has_news()

    def close(self) -> None:
        """Close the connection; closing twice is harmless."""
        self.stream.close()


def _surroundings() -> tuple[int, object]:
    """Return what a channel's lock and connection are bound to: the process, and the type of lock.

    uWSGI forks without Python's hooks, so each use compares the process. If gevent patches late, it replaces
    ``threading.Lock``: a lock that was made before would block all greenlets.
    """
    return os.getpid(), threading.Lock


class Channel:
    """Exchanges with one server. Threads may share a channel; it does one exchange at a time.

    Attributes:
        sendings: How many times a request was sent, without those of exchange_all. The server may have read each of
            them, even without an answer.
    """

    def __init__(
        self,
        address: tuple[str, int],
        packer_factory: PackerFactory,
        limits: Limits = DEFAULT_LIMITS,
        tls: ClientTLS | None = None,
    ) -> None:
        """Keep the address. Nothing is connected.

        Args:
            address: Host and port of the server.
            packer_factory: Gives each message its key and cipher.
            limits: Bounds of the answer of an exchange.
            tls: How each connection is secured; None for TCP alone.
        """
        self._limits = limits
        self._address = address
        self._tls = tls
        # The number of an interface ("fe80::1%eth0") changes when the interface goes and comes: it is asked for again.
        self._fixed_addresses = [] if "%" in address[0] else known_addresses(*address)
        self._packer_factory = packer_factory
        self.sendings: int = 0
        self._start_fresh()

    def _start_fresh(self) -> None:
        """Start without a connection. A forked child does so as well, because connection and lock are the parent's."""
        self._made_in = _surroundings()
        self._lock = threading.Lock()  # guards the connection; held for a whole exchange
        self._connection: PersistentConnection | None = None
        self._closings = 0
        self._reached: Address | None = None  # the one that accepted the latest connection

    @property
    def addresses(self) -> list[Address]:
        """The server's addresses; empty when its name must be looked up."""
        return self._fixed_addresses or known_addresses(*self._address)

    def connect(self, deadline: Deadline) -> PersistentConnection:
        """Open a connection that the caller owns.

        Args:
            deadline: Budget for connecting. Looking up a name takes from it, but is not bounded by it.

        Returns:
            The connection.

        Raises:
            GNTPConnectionError: If the server cannot be reached; a GNTPTLSError if TLS is why.
        """
        stream = Stream(self.addresses or look_up(*self._address), deadline, self._tls)
        connection = PersistentConnection(stream, self._limits)
        self._reached = connection.stream.address()
        return connection

    def exchange(self, request: Request, deadline: Deadline, *, may_keep: bool = True) -> Response:
        """Send one request and return the answer.

        If a kept connection ends before the first byte of an answer, the request is sent once more, on a new one. Most
        often the server had closed the connection before the request came. It may also have read the request, and ended
        without an answer: a client cannot tell, and shows a notification twice rather than never.

        Args:
            deadline: Budget for the whole exchange, a second sending included.
            may_keep: Whether the connection may be kept for the next request.

        Returns:
            The answer, of any type.

        Raises:
            GNTPError: If there is no answer.
        """
        with self._turn(deadline):
            if may_keep and (connection := self._idle_connection()) is not None:
                with suppress(_StaleConnectionError):
                    return self._on_kept_connection(connection, request, deadline)
            return self._on_new_connection(request, deadline, may_keep=may_keep)

    def exchange_all(self, requests: Sequence[Request], timeout: float, until: float = math.inf) -> Iterator[Outcome]:
        """Send several requests, and yield the outcome of each as soon as it is known, in their order.

        If the server keeps the connection, requests are written without waiting for earlier answers. If it closes, up
        to four requests at a time have a connection of their own. Nothing is sent twice. If a pipeline breaks, the
        requests in it without an answer fail. If the server cannot be reached, all that are left fail.

        Args:
            timeout: Seconds until the first answer, and from each to the next.
            until: When to end in any case, in seconds of time.monotonic.
        """
        with self._turn(Deadline.after(timeout)):
            count = 0
            while count < len(requests):
                for outcome in self._some(requests[count:], timeout, until):
                    yield outcome
                    count += 1

    def _some(self, requests: Sequence[Request], timeout: float, until: float) -> Iterator[Outcome]:
        """Send at least the first of some requests."""
        connection = self._idle_connection()
        if connection is not None:
            yield from self._pipeline(connection, requests, timeout, until)
        elif is_known_to_close(self._address) and self._reached is not None and len(requests) > 1:
            yield from side_by_side(requests, self._pack_last, self._reached, timeout, until, self._tls)
        else:
            first = self._answer(requests[0], min(timeout, until - time.monotonic()))
            yield first
            if first.is_hopeless():  # a server without a connection, or without GNTP, is tried only once
                for _ in requests[1:]:
                    yield Outcome(first.answer)

    def close(self) -> None:
        """Close the kept connection; an exchange in progress closes its own. The next exchange opens another."""
        self._closings += 1
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._drop_connection()
        finally:
            self._lock.release()

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        """Hold the lock for one exchange.

        Raises:
            GNTPTimeoutError: If other threads hold the lock until the deadline. Then nothing was sent.
        """
        if self._made_in != _surroundings():
            self._start_fresh()
        lock, closings = self._lock, self._closings
        if not lock.acquire(timeout=min(deadline.remaining(), threading.TIMEOUT_MAX)):
            raise GNTPTimeoutError(f"not sent: the connection was busy for {deadline.timeout:g} s")
        try:
            yield
        finally:
            if closings != self._closings:
                self._drop_connection()
            lock.release()

    def _idle_connection(self) -> PersistentConnection | None:
        """Return the kept connection, if it is still usable."""
        if self._connection is not None and not self._connection.is_usable():
            self._drop_connection()
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _on_new_connection(self, request: Request, deadline: Deadline, *, may_keep: bool = True) -> Response:
        keep_alive = may_keep and not is_known_to_close(self._address)
        request.blocks()  # raises a mistake of the program as such, even while the server is away
        # Connect first, and encode while the server accepts. With a server that closes after each answer, this makes
        # the client faster than others that encode less.
        connection = self.connect(deadline)
        try:
            data, key = self._pack(request, keep_alive=keep_alive)
            self.sendings += 1
            response = connection.exchange(data, key, deadline, half_close=not keep_alive)
            if keep_alive and response.message_type == RESPONSE_OK:
                self._keep_if_granted(connection)
            return response
        finally:
            self._close_unless_kept(connection)

    def _on_kept_connection(self, connection: PersistentConnection, request: Request, deadline: Deadline) -> Response:
        data, key = self._pack(request, keep_alive=True)
        self._connection = None
        self.sendings += 1
        try:
            response = connection.exchange(data, key, deadline)
            if response.message_type == RESPONSE_OK:
                self._keep_if_granted(connection)
            return response
        finally:
            self._close_unless_kept(connection)

    def _keep_if_granted(self, connection: PersistentConnection) -> None:
        kept = connection.is_kept()
        if kept:
            self._connection = connection
        elif kept is False:
            _closing[self._address] = time.monotonic()

    def _close_unless_kept(self, connection: PersistentConnection) -> None:
        if self._connection is not connection:
            connection.close()

    def _pack(self, request: Request, *, keep_alive: bool) -> tuple[bytes, Key | None]:
        packer = self._packer_factory.create()
        return packer.pack(request, half_close=not keep_alive, keep_alive=keep_alive), packer.key

    # -- Several requests ------------------------------------------------------------------------

    def _answer(self, request: Request, timeout: float) -> Outcome:
        """Exchange on a new connection; return an error instead of raising it."""
        before = self.sendings
        try:
            response = self._on_new_connection(request, Deadline.after(timeout))
        except GNTPError as error:
            return Outcome(error, was_awaited=self.sendings > before)
        return Outcome(ok_or_error(response), was_awaited=True)

    def _pipeline(
        self, connection: PersistentConnection, requests: Sequence[Request], timeout: float, until: float
    ) -> Iterator[Outcome]:
        """Write requests on a kept connection while their answers arrive.

        After an -ERROR, or when writing fails, reading goes on: answers that were sent before the server closed can
        still be read. Nothing is sent twice, because the server may have read it. A request without an answer gets the
        error.
        """
        self._connection = None
        try:
            run = Pipeline(requests, self._pack_kept)
            yield from run.outcomes(connection.stream, connection.reader, timeout, until)
            if not run.is_over:
                self._keep_if_granted(connection)
        finally:
            self._close_unless_kept(connection)

    def _pack_kept(self, request: Request) -> tuple[bytes, Key | None]:
        return self._pack(request, keep_alive=True)

    def _pack_last(self, request: Request) -> tuple[bytes, Key | None]:
        return self._pack(request, keep_alive=False)
