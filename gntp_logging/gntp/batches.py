"""Several requests to one server: pipelined if it keeps the connection, else on several connections side by side.

Both ways yield the outcome of each request, in the order of the requests, as soon as it is known. Neither sends
anything twice, and neither guesses: an answer that cannot belong to its request ends the connection, and that request
and those behind it get no answer.
"""

from __future__ import annotations

import errno
import math
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from .constants import RESPONSE_ERROR, RESPONSE_OK
from .exceptions import GNTPConnectionError, GNTPError, GNTPProtocolError
from .keys import Key
from .network import READ_SIZE, Address, Deadline, Stream, close_after_fork, network_error, wait_for
from .requests import NotifyRequest, Request, Response, check_type
from .wire import ResponseReader

if TYPE_CHECKING:
    from .tls import ClientTLS, TLSSocket

_PIPELINE_REQUESTS: Final = 256
"""Unanswered requests at once: at most so many are in doubt if the connection breaks."""

_PIPELINE_BYTES: Final = 65536
"""Bytes encoded ahead of the socket: what it accepts in one call."""

_LANES: Final = 4
"""Connections at once to a server that closes after each answer."""

_CONNECTING: Final = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}

Pack = Callable[[Request], tuple[bytes, Key | None]]
"""Turns a request into bytes, and returns the key that its answer may be encrypted with."""


class Outcome(NamedTuple):
    """What became of one request.

    Attributes:
        answer: Its -OK, or the error in its place.
        was_awaited: Whether its answer was the next one to come on its connection. If it did not come, the server may
            still have read the request. Whether it has read those behind it in a pipeline is not known.
        is_on_proven_connection: Whether the server has answered on this connection before. If not, perhaps only a
            tunnel has read the request.
    """

    answer: Response | GNTPError
    was_awaited: bool = False
    is_on_proven_connection: bool = False

    def is_hopeless(self) -> bool:
        """Tell whether the next request would fare no better: no connection, or no GNTP."""
        return isinstance(self.answer, (GNTPConnectionError, GNTPProtocolError))


def ok_or_error(response: Response) -> Response | GNTPError:
    """Return an -OK as it is; turn any other response into an error."""
    try:
        check_type(response, RESPONSE_OK)
    except GNTPError as error:
        return error
    return response


def _seconds(timeout: float, until: float) -> float:
    return min(timeout, round(until - time.monotonic(), 3))  # rounded, because errors quote it


# -- One behind the other ------------------------------------------------------------------------


class Pipeline:
    """Requests on their way over one kept connection.

    Attributes:
        is_over: Whether the connection can take no more: it broke, or the server refused a request.
    """

    def __init__(self, requests: Sequence[Request], pack: Pack) -> None:
        """Begin. Nothing is sent.

        Args:
            pack: Turns the requests into bytes.
        """
        self.is_over: bool = False
        self._requests = deque(enumerate(requests))
        self._ids = {id_ for request in requests if (id_ := _id_of(request))}
        self._pack = pack
        self._outgoing = bytearray()
        self._unanswered: deque[tuple[int, Request, Key | None]] = deque()
        self._invalid: dict[int, GNTPError] = {}
        self._done = 0

    def outcomes(self, stream: Stream, reader: ResponseReader, timeout: float, until: float) -> Iterator[Outcome]:
        """Send the requests, and yield what becomes of each.

        Args:
            stream: A connection that is kept.
            reader: Reads its answers.
            timeout: Seconds until the first answer, and from each to the next.
            until: When to end in any case, in seconds of time.monotonic.
        """
        ended: GNTPError
        try:
            deadline = Deadline.after(_seconds(timeout, until))
            while True:
                self._encode_ahead()
                yield from self._invalid_ones()
                if not self._unanswered:
                    return
                data = stream.transfer(self._outgoing, deadline)
                if data is None:
                    continue
                reader.feed(data)
                for outcome in self._answered(reader):
                    yield outcome
                    yield from self._invalid_ones()
                    deadline = Deadline.after(_seconds(timeout, until))
                if not data:
                    break
            ended = GNTPConnectionError("the server closed the connection before it answered the request")
        except (GNTPConnectionError, GNTPProtocolError) as error:
            ended = error
        self.is_over = True
        yield from self._lost(ended)

    def _encode_ahead(self) -> None:
        while self._requests and len(self._outgoing) < _PIPELINE_BYTES and len(self._unanswered) < _PIPELINE_REQUESTS:
            index, request = self._requests.popleft()
            try:
                data, key = self._pack(request)
            except GNTPError as error:
                self._invalid[index] = error
                continue
            self._outgoing += data
            self._unanswered.append((index, request, key))

    def _answered(self, reader: ResponseReader) -> Iterator[Outcome]:
        """Yield the answers that have arrived: each belongs to the oldest request without one.

        Raises:
            GNTPConnectionError: If one cannot be the answer to that request.
        """
        while self._unanswered:
            _, request, reader.key = self._unanswered[0]
            response = reader.next_message()
            if response is None:
                return
            self._refuse_what_is_no_answer_to(request, response)
            self._unanswered.popleft()
            self._done += 1
            answer = ok_or_error(response)
            self.is_over |= isinstance(answer, GNTPError)
            yield Outcome(answer, was_awaited=True, is_on_proven_connection=True)

    def _refuse_what_is_no_answer_to(self, request: Request, response: Response) -> None:
        """Check that a response may be the answer to a request, as far as its headers tell.

        Raises:
            GNTPConnectionError: If it is not. Which requests the answers behind it belong to is then unknown.
        """
        if response.message_type == RESPONSE_ERROR:
            return
        action = response.headers.get("Response-Action", request.message_type)
        named = response.headers.get("Notification-ID", "")
        # Some servers put ids of their own there. So only the id of another request shows that the answer is not ours.
        is_to_another = named in self._ids and named != _id_of(request)
        if response.message_type != RESPONSE_OK or action != request.message_type or is_to_another:
            raise GNTPConnectionError(f"the server sent a {response.message_type} that is no answer to the request")

    def _invalid_ones(self) -> Iterator[Outcome]:
        """Yield the errors of requests that cannot be encoded, as far as it is their turn."""
        while self._done in self._invalid:
            self._done += 1
            yield Outcome(self._invalid.pop(self._done - 1))

    def _lost(self, error: GNTPError) -> Iterator[Outcome]:
        """Yield the error for each request without an answer. The first one that was sent was awaited."""
        was_awaited = bool(self._unanswered)
        while self._unanswered or self._requests or self._invalid:
            yield from self._invalid_ones()
            if self._unanswered:
                self._unanswered.popleft()
            elif self._requests:
                self._requests.popleft()
            else:
                return
            self._done += 1
            yield Outcome(error, was_awaited, is_on_proven_connection=True)
            was_awaited = False


def _id_of(request: Request) -> str:
    return (request.notification.id_ or "") if isinstance(request, NotifyRequest) else ""


# -- Side by side --------------------------------------------------------------------------------


class _Lane:
    """One request on a connection of its own. No call blocks."""

    def __init__(
        self, data: bytes, key: Key | None, address: Address, deadline: Deadline, tls: ClientTLS | None
    ) -> None:
        """Begin to connect.

        Raises:
            OSError: If that fails at once.
        """
        self.deadline = deadline if tls is None else replace(deadline, awaited="TLS handshake")
        self.has_sent = False
        self.sock: socket.socket = socket.socket(address.family, socket.SOCK_STREAM)
        close_after_fork(self)
        self._tls = tls
        self._secured: TLSSocket | None = None  # the same socket, once it is connected and has TLS
        self._is_shaking_hands = tls is not None
        self._outgoing = memoryview(data)
        self._reader = ResponseReader()
        self._reader.key = key
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self.sock.connect_ex(address.sockaddr)
        if code not in _CONNECTING:
            self.close()
            raise OSError(code, os.strerror(code))

    @property
    def is_writing(self) -> bool:
        if self._is_shaking_hands and self._secured is not None:
            return self._secured.wants_to_write
        return bool(self._outgoing)  # a socket that has connected is reported as writable, too

    def advance(self, *, readable: bool, writable: bool) -> Response | None:
        """Go on as far as the socket allows; return the answer when it is complete.

        Raises:
            GNTPConnectionError: If the connection fails, or ends before the answer.
            GNTPProtocolError: If the answer is not GNTP.
        """
        try:
            if self._is_shaking_hands:
                if readable or writable:
                    self._shake_hands()
                return None
            if writable and self._outgoing:
                self._write()
            if not readable:
                return None
            data = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise network_error(error, self.deadline) from error
        if data:
            self._reader.feed(data)
            return self._reader.next_message()
        self._reader.feed_eof()
        with suppress(GNTPProtocolError):
            if (response := self._reader.next_message()) is not None:
                return response
        raise GNTPConnectionError("the server closed the connection without a complete answer")

    def _shake_hands(self) -> None:
        if self._secured is None:
            assert self._tls is not None
            self._raise_what_failed()
            self._secured = self.sock = self._tls.wrap(self.sock)
        self._secured.do_handshake()
        self._is_shaking_hands = False
        self.deadline = replace(self.deadline, awaited=Deadline.awaited)

    def _raise_what_failed(self) -> None:
        code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _write(self) -> None:
        self._raise_what_failed()
        try:
            self._outgoing = self._outgoing[self.sock.send(self._outgoing) :]
            self.has_sent = True
            if not self._outgoing:
                self.sock.shutdown(socket.SHUT_WR)  # then growl-for-linux does not stall
        except BlockingIOError:
            return
        except OSError:
            self._outgoing = self._outgoing[:0]  # an early answer can be read all the same

    def close(self) -> None:
        self.sock.close()


def side_by_side(
    requests: Sequence[Request],
    pack: Pack,
    address: Address,
    timeout: float,
    until: float = math.inf,
    tls: ClientTLS | None = None,
) -> Iterator[Outcome]:
    """Send each request on a connection of its own, up to four at a time, and yield what becomes of each.

    A request that is no notification goes alone. Notifications with one Coalescing-ID go one after another.

    Args:
        pack: Turns the requests into bytes.
        address: The server's address.
        timeout: Seconds that one exchange may take.
        until: When to end in any case, in seconds of time.monotonic.
        tls: How each connection is secured; None for TCP alone.
    """
    lanes = _Lanes(requests, pack, address, timeout, until, tls)
    try:
        for index in range(len(requests)):
            while (outcome := lanes.outcomes.pop(index, None)) is None:
                lanes.start()
                lanes.advance()
            yield outcome
    finally:
        lanes.close()


class _Lanes:
    """The connections that :func:`side_by_side` has open.

    Attributes:
        outcomes: The outcomes that are known, by the requests' index.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        pack: Pack,
        address: Address,
        timeout: float,
        until: float,
        tls: ClientTLS | None,
    ) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self._waiting = deque(enumerate(requests))
        self._running: dict[int, tuple[Request, _Lane]] = {}
        self._failure: GNTPError | None = None  # of the server: every later request would fail as well
        self._pack = pack
        self._address = address
        self._timeout = timeout
        self._until = until
        self._tls = tls

    def start(self) -> None:
        """Open connections for the requests that may be sent now."""
        while self._waiting and (self._failure is not None or self._may_go(self._waiting[0][1])):
            index, request = self._waiting.popleft()
            if self._failure is not None:
                self.outcomes[index] = Outcome(self._failure)
                continue
            deadline = Deadline.after(_seconds(self._timeout, self._until))
            try:
                deadline.remaining()
                data, key = self._pack(request)
                self._running[index] = request, _Lane(data, key, self._address, deadline, self._tls)
            except OSError as error:
                self._settle(index, Outcome(network_error(error, deadline)))
            except GNTPError as error:
                self._settle(index, Outcome(error))

    def _may_go(self, request: Request) -> bool:
        others = [other for other, _ in self._running.values()]
        if not isinstance(request, NotifyRequest):
            return not others
        if len(others) >= _LANES or not all(isinstance(other, NotifyRequest) for other in others):
            return False
        coalescing_id = request.notification.coalescing_id
        return not coalescing_id or all(
            isinstance(other, NotifyRequest) and other.notification.coalescing_id != coalescing_id for other in others
        )

    def advance(self) -> None:
        """Wait until a connection can go on or its time is over; then let each go on or end."""
        if not self._running:
            return
        lanes = [lane for _, lane in self._running.values()]
        first_end = min(lane.deadline.at for lane in lanes)
        ready = wait_for({lane.sock: lane.is_writing for lane in lanes}, first_end - time.monotonic())
        for index, (_, lane) in list(self._running.items()):
            readable, writable = ready.get(lane.sock, (False, False))
            try:
                response = lane.advance(readable=readable, writable=writable)
                if response is None:
                    lane.deadline.remaining()
                    continue
                outcome = Outcome(ok_or_error(response), was_awaited=True)
            except GNTPError as error:
                outcome = Outcome(error, was_awaited=lane.has_sent)
            lane.close()
            del self._running[index]
            self._settle(index, outcome)

    def _settle(self, index: int, outcome: Outcome) -> None:
        self.outcomes[index] = outcome
        if outcome.is_hopeless():
            assert isinstance(outcome.answer, GNTPError)
            self._failure = outcome.answer

    def close(self) -> None:
        """Close what is open."""
        for _, lane in self._running.values():
            lane.close()
