"""The way to one server: connections that are kept where the server keeps them, one exchange at a time.

"Connection: Keep-Alive" is a wish: it is granted when the semaphore ``GNTP/1.0 END`` follows the answer. Growl for Mac
grants it; Growl for Windows and growl-for-linux close. Which one a server does is found out by asking. One that closes
is remembered, so that the next request can be followed by a half-close, which growl-for-linux likes best.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from .constants import RESPONSE_OK
from .exceptions import GNTPConnectionError, GNTPError, GNTPProtocolError, GNTPTimeoutError
from .keys import Key
from .network import Address, Deadline, Stream, known_addresses, look_up
from .packing import PackerFactory
from .requests import Request, Response, check_type
from .wire import ResponseReader

END_TIMEOUT: Final = 0.05
"""Seconds that END, or the end of the stream, may come after the first answer: both follow at once where they do."""

IDLE_TIMEOUT: Final = 60.0
"""Seconds after which an unused connection is not trusted any more. Growl for Mac closes after 15; what is between may
forget a connection without a word, and then only the deadline tells."""

CLOSING_TIMEOUT: Final = 600.0
"""Seconds for which a server is known to close: another one may have been started on its port since."""

_PIPELINE_REQUESTS: Final = 256
"""Requests without an answer at once: what is lost, at most, when the connection breaks."""

_PIPELINE_BYTES: Final = 65536
"""Bytes encoded ahead of the socket: what it takes in one call."""

_closing: dict[tuple[str, int], float] = {}
"""When each server was last seen to close after its answer, in seconds of :func:`time.monotonic`."""


def is_known_to_close(address: tuple[str, int]) -> bool:
    """Tell whether a server was seen to close after its answer, not long ago.

    Args:
        address: Host and port of the server.

    Returns:
        True if it was.
    """
    seen = _closing.get(address)
    return seen is not None and time.monotonic() - seen < CLOSING_TIMEOUT


def forget_servers() -> None:
    """Forget which servers close."""
    _closing.clear()


class _StaleConnectionError(GNTPConnectionError):
    """A kept connection had ended before the server could read the request."""


class PersistentConnection:
    """A connected stream, and the reader of the answers that come on it.

    Attributes:
        stream: The stream.
        reader: The reader.
    """

    def __init__(self, stream: Stream) -> None:
        """Begin with the first answer.

        Args:
            stream: A stream on which nothing was sent yet.
        """
        self.stream = stream
        self.reader: ResponseReader = ResponseReader()
        self._idle_since: float | None = None

    def exchange(self, data: bytes, key: Key | None, deadline: Deadline, *, half_close: bool = False) -> Response:
        """Send a request and read its answer.

        Args:
            data: The request's bytes.
            key: The request's key, for an encrypted answer.
            deadline: Budget for both.
            half_close: Whether this is the last request.

        Returns:
            The answer, of any type.

        Raises:
            GNTPConnectionError: If the connection broke before the answer was complete.
            GNTPTimeoutError: If the deadline passed.
            GNTPProtocolError: If the answer is none.
        """
        self.reader.key = key
        self.stream.send(data, deadline, half_close=half_close)
        if self._idle_since is not None:
            self.reader.feed(self._first_bytes(deadline))
        return self.receive(deadline)

    def receive(self, deadline: Deadline) -> Response:
        """Read until one response is complete.

        Args:
            deadline: Budget for waiting.

        Returns:
            The response, of any type.

        Raises:
            GNTPConnectionError: If the connection ended before.
            GNTPTimeoutError: If the deadline passed.
            GNTPProtocolError: If something else came.
        """
        while (response := self.reader.next_message()) is None:
            data = self.stream.receive(deadline)
            if not data:
                return self._last_response()
            self.reader.feed(data)
        return response

    def _last_response(self) -> Response:
        """Return the response that only the end of the stream completes."""
        self.reader.feed_eof()
        with suppress(GNTPProtocolError):
            if (response := self.reader.next_message()) is not None:
                return response
        raise GNTPConnectionError("the server closed the connection without a complete answer")

    def _first_bytes(self, deadline: Deadline) -> bytes:
        """Read the beginning of an answer on a connection that the server may have closed meanwhile."""
        try:
            data = self.stream.receive(deadline)
        except GNTPTimeoutError:
            raise
        except GNTPConnectionError as error:
            raise _StaleConnectionError(str(error)) from error
        if not data:
            raise _StaleConnectionError("the server closed the connection without an answer")
        return data

    def is_kept(self) -> bool | None:
        """Wait for a moment whether the server keeps the connection after its answer.

        Returns:
            Whether it does; None when nothing tells.
        """
        until = time.monotonic() + END_TIMEOUT
        try:
            while True:
                if self.reader.next_message() is not None:
                    return None  # nobody has asked for it, so it cannot be told what comes next
                if self.reader.at_end:
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
            return False  # closed with our END unread, a socket sends a reset
        except GNTPProtocolError:
            return None

    def is_usable(self) -> bool:
        """Tell whether an idle connection can take another request: one with something to read has ended."""
        fresh = self._idle_since is not None and time.monotonic() - self._idle_since < IDLE_TIMEOUT
        return fresh and not self.stream.has_news()

    def close(self) -> None:
        """Close the connection; closing twice is harmless."""
        self.stream.close()


def _surroundings() -> tuple[int, object]:
    """Return what a lock belongs to: the process, because uWSGI forks without Python's hooks, and the kind of lock.

    gevent, when it patches late, replaces the kind: a lock from before would block all greenlets.
    """
    return os.getpid(), threading.Lock


class Channel:
    """The way to one server. Threads may share it; each exchange has it for itself.

    Attributes:
        addresses: The server's addresses; none when its name must be looked up.
        sendings: How often a request was sent, pipelines not counted: a server may have read each, answered or not.
    """

    def __init__(self, address: tuple[str, int], packer_factory: PackerFactory) -> None:
        """Keep the address. Nothing is connected.

        Args:
            address: Host and port of the server.
            packer_factory: What messages are secured with.
        """
        self.addresses: list[Address] = known_addresses(*address)
        self._address = address
        self._packer_factory = packer_factory
        self.sendings: int = 0
        self._start_fresh()

    def _start_fresh(self) -> None:
        """Begin without a connection, also in a forked child: the inherited one, and the lock, are the parent's."""
        self._made_in = _surroundings()
        self._lock = threading.Lock()  # guards the connection; held for a whole exchange
        self._connection: PersistentConnection | None = None
        self._closings = 0

    def connect(self, deadline: Deadline) -> PersistentConnection:
        """Open a connection that the caller owns.

        Args:
            deadline: Budget for connecting; looking up a name is not bounded by it.

        Returns:
            The connection.

        Raises:
            GNTPConnectionError: If the server cannot be reached.
        """
        return PersistentConnection(Stream(self.addresses or look_up(*self._address), deadline))

    def exchange(self, request: Request, deadline: Deadline, *, may_keep: bool = True) -> Response:
        """Send one request and return the answer.

        On a kept connection that ends before the first byte of an answer, the request is sent once more on a new one:
        the server had closed it in the moment in which it was used.

        Args:
            request: The request.
            deadline: Budget for everything.
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

    def exchange_all(self, requests: Sequence[Request], timeout: float) -> list[Response | GNTPError]:
        """Send several requests; on a connection that the server keeps, without waiting for each answer.

        Args:
            requests: The requests.
            timeout: Seconds until the first answer, and from each to the next.

        Returns:
            For each request its -OK, or the error. Where the server could not be reached, or the connection broke, that
            is a GNTPConnectionError for each request without an answer.
        """
        answers: list[Response | GNTPError] = []
        with self._turn(Deadline.after(timeout)):
            while len(answers) < len(requests):
                rest = requests[len(answers) :]
                if (connection := self._idle_connection()) is not None:
                    answers += self._pipeline(connection, rest, timeout)
                    continue
                answer = self._answer(rest[0], timeout)
                # A server that cannot be reached, or talks nonsense, is not tried once for each request.
                hopeless = isinstance(answer, (GNTPConnectionError, GNTPProtocolError))
                answers += [answer] * (len(rest) if hopeless else 1)
        return answers

    def close(self) -> None:
        """Close the connection that is kept; an exchange in progress closes its own. The next one opens another."""
        self._closings += 1
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._drop_connection()
        finally:
            self._lock.release()

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        """Have the channel for one exchange."""
        if self._made_in != _surroundings():
            self._start_fresh()
        lock, closings = self._lock, self._closings
        if not lock.acquire(timeout=min(deadline.remaining(), threading.TIMEOUT_MAX)):
            raise deadline.error()
        try:
            yield
        finally:
            if closings != self._closings:
                self._drop_connection()
            lock.release()

    def _idle_connection(self) -> PersistentConnection | None:
        """Return the connection that was kept, if it still stands."""
        if self._connection is not None and not self._connection.is_usable():
            self._drop_connection()
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _on_new_connection(self, request: Request, deadline: Deadline, *, may_keep: bool = True) -> Response:
        keep_alive = may_keep and not is_known_to_close(self._address)
        connection = self.connect(deadline)
        try:
            data, key = self._pack(request, keep_alive=keep_alive)  # while the server accepts the connection
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

    def _answer(self, request: Request, timeout: float) -> Response | GNTPError:
        """Exchange on a new connection; an error is returned."""
        try:
            response = self._on_new_connection(request, Deadline.after(timeout))
        except GNTPError as error:
            return error
        return _ok_or_error(response)

    def _pipeline(
        self, connection: PersistentConnection, requests: Sequence[Request], timeout: float
    ) -> list[Response | GNTPError]:
        """Write requests on a kept connection while their answers come in.

        After an -ERROR, or when writing fails, reading goes on: answers that were sent before the server closed are
        there.
        """
        self._connection = None
        run = _Pipeline(requests, self._pack)
        try:
            failure = run.failure_on(connection, timeout)
            if failure is None and not run.refused:
                self._keep_if_granted(connection)
        finally:
            self._close_unless_kept(connection)
        lost = failure or GNTPConnectionError("the request was not sent")
        return [lost if answer is None else answer for answer in run.answers]


class _Pipeline:
    """Requests on their way over one kept connection.

    Attributes:
        answers: For each request its -OK, its error, or None.
        refused: Whether the server has answered -ERROR.
    """

    def __init__(self, requests: Sequence[Request], pack: Callable[..., tuple[bytes, Key | None]]) -> None:
        self.answers: list[Response | GNTPError | None] = [None] * len(requests)
        self.refused = False
        self._requests = iter(enumerate(requests))
        self._pack = pack
        self._outgoing = bytearray()
        self._unanswered: deque[tuple[int, Key | None]] = deque()

    def failure_on(self, connection: PersistentConnection, timeout: float) -> GNTPError | None:
        """Send the requests and read the answers.

        Args:
            connection: A connection that is kept.
            timeout: Seconds until the first answer, and from each to the next.

        Returns:
            What ended it before every request had its answer; None when each has one.
        """
        deadline = Deadline.after(timeout)
        try:
            while True:
                self._encode_ahead()
                if not self._unanswered:
                    return None
                data = connection.stream.transfer(self._outgoing, deadline)
                if data is not None and self._take(data, connection.reader):
                    deadline = Deadline.after(timeout)
        except (GNTPConnectionError, GNTPProtocolError) as error:
            return error

    def _encode_ahead(self) -> None:
        while len(self._outgoing) < _PIPELINE_BYTES and len(self._unanswered) < _PIPELINE_REQUESTS:
            index, request = next(self._requests, (-1, None))
            if request is None:
                return
            try:
                data, key = self._pack(request, keep_alive=True)
            except GNTPError as error:
                self.answers[index] = error
                continue
            self._outgoing += data
            self._unanswered.append((index, key))

    def _take(self, data: bytes, reader: ResponseReader) -> bool:
        """Match the answers that bytes complete with their requests; return whether there was one."""
        if not data:
            raise GNTPConnectionError("the server closed the connection before it answered the request")
        reader.feed(data)
        taken = False
        while self._unanswered:
            index, reader.key = self._unanswered[0]
            response = reader.next_message()
            if response is None:
                break
            self._unanswered.popleft()
            self.answers[index] = answer = _ok_or_error(response)
            self.refused |= isinstance(answer, GNTPError)
            taken = True
        return taken


def _ok_or_error(response: Response) -> Response | GNTPError:
    try:
        check_type(response, RESPONSE_OK)
    except GNTPError as error:
        return error
    return response
