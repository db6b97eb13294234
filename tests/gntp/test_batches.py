"""batches: requests one behind the other and side by side; each has its own answer, and none is guessed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from gntp_logging.gntp.batches import Outcome
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import (
    GNTPConnectionError,
    GNTPError,
    GNTPProtocolError,
    GNTPResponseError,
    GNTPTimeoutError,
    GNTPValidationError,
)
from gntp_logging.gntp.models import Event, Notification
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, Response
from tests.support import PATIENCE, ScriptedServer, receive_request, requests_of, send_response

ClientOf = Callable[..., GNTPClient]

REGISTER = RegisterRequest("app", None, (Event("event"),))


def notify(id_: object, coalescing_id: str = "") -> NotifyRequest:
    """Make a notification."""
    return NotifyRequest("app", Notification("event", "title", id_=str(id_), coalescing_id=coalescing_id or None))


def id_of(request: Request) -> str:
    """Return a notification's id."""
    assert isinstance(request, NotifyRequest)
    return request.notification.id_ or ""


def answer(sock: socket.socket, request: Request, *, keep_alive: bool = False) -> None:
    """Say -OK, with the notification's id."""
    named = {"Notification_ID": id_of(request)} if isinstance(request, NotifyRequest) else {}
    send_response(sock, keep_alive=keep_alive, Response_Action=request.message_type, **named)


def ids(answers: Sequence[Response | GNTPError]) -> list[str | type[GNTPError]]:
    """Return the ids that were answered, and the types of errors."""
    return [
        answer.headers.get("Notification-ID", "") if isinstance(answer, Response) else type(answer)
        for answer in answers
    ]


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """Make clients that have found out whether their server keeps the connection."""
    made: list[GNTPClient] = []

    def make(server: ScriptedServer, timeout: float = PATIENCE) -> GNTPClient:
        client = GNTPClient("127.0.0.1", server.port, timeout=timeout)
        made.append(client)
        client.process_request(REGISTER, timeout=PATIENCE)
        return client

    yield make
    for client in made:
        client.close()


# -- Side by side --------------------------------------------------------------------------------


class Counting:
    """A server that closes after each answer, and counts how many connections it has at once."""

    def __init__(self, together: int = 1) -> None:
        self.shown: list[str] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(together)

    def __call__(self, sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        if isinstance(request, NotifyRequest):
            self._barrier.wait(PATIENCE)  # nobody is answered before so many are here
            with self._lock:
                self.shown.append(id_of(request))
        with self._lock:
            self._now -= 1
        answer(sock, request)


def test_up_to_four_go_side_by_side_to_a_server_that_closes(client_of: ClientOf) -> None:
    """And the outcomes come in the order of the requests."""
    counting = Counting(together=4)
    with ScriptedServer(counting) as server:
        answers = client_of(server).process_requests(map(notify, range(40)))
    assert ids(answers) == [str(number) for number in range(40)]
    assert counting.most == 4


def test_one_coalescing_id_is_one_request_in_flight(client_of: ClientOf) -> None:
    """A toast's first alert and its updates arrive in their order."""
    counting = Counting()
    with ScriptedServer(counting) as server:
        client_of(server).process_requests([notify(number, "the toast") for number in range(10)])
    assert counting.shown == [str(number) for number in range(10)]
    assert counting.most == 1


def test_a_registration_goes_alone(client_of: ClientOf) -> None:
    """What comes before it is answered before, and what comes behind it waits."""
    log: list[str] = []
    lock = threading.Lock()

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        with lock:
            log.append(request.message_type)
        with lock:  # before it is answered: the client goes on at once
            log.append(f"{request.message_type} answered")
        answer(sock, request)

    with ScriptedServer(serve) as server:
        client_of(server).process_requests([notify(1), notify(2), REGISTER, notify(3)])
    at = [index for index, entry in enumerate(log) if entry.startswith("REGISTER")][2:]
    assert at[1] == at[0] + 1, log
    assert log[: at[0]].count("NOTIFY answered") == 2


def test_an_outcome_is_known_before_the_slow_ones_behind_it(client_of: ClientOf) -> None:
    """A generator: who waits for the first need not wait for the last."""
    gate = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        if isinstance(request, NotifyRequest) and id_of(request) == "1":
            assert gate.wait(PATIENCE)
        answer(sock, request)

    with ScriptedServer(serve) as server:
        outcomes = client_of(server).outcomes([notify(0), notify(1)])
        first = next(outcomes)
        assert isinstance(first.answer, Response)
        gate.set()
        assert [type(outcome.answer) for outcome in outcomes] == [Response]


def test_an_error_of_one_costs_the_others_nothing(client_of: ClientOf) -> None:
    """-ERROR, and a request that no message can hold."""

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        if isinstance(request, NotifyRequest) and id_of(request) == "2":
            send_response(sock, "-ERROR", Error_Code="402", Error_Description="no")
        else:
            answer(sock, request)

    bad = NotifyRequest("app", Notification("event", "title", id_="bad"), app_specific_headers=[("a b", "c")])
    with ScriptedServer(serve) as server:
        answers = client_of(server).process_requests([notify(1), notify(2), bad, notify(3), notify(4)])
    assert ids(answers) == ["1", GNTPResponseError, GNTPValidationError, "3", "4"]


def test_a_server_that_goes_away_is_not_tried_for_each(client_of: ClientOf) -> None:
    """What was on its way may have been read; what comes behind it was not sent."""
    count = 0
    lock = threading.Lock()

    def serve(sock: socket.socket, _number: int) -> None:
        nonlocal count
        request = receive_request(sock)
        with lock:
            count += 1
        if isinstance(request, RegisterRequest):
            answer(sock, request)

    with ScriptedServer(serve) as server:
        outcomes = list(client_of(server).outcomes([notify(number) for number in range(100)]))
    assert {type(outcome.answer) for outcome in outcomes} == {GNTPConnectionError}
    awaited = [outcome.was_awaited for outcome in outcomes]
    assert 1 <= sum(awaited) == count - 1 <= 4
    assert awaited == sorted(awaited, reverse=True)


def test_a_port_that_is_closed_meanwhile_is_a_connection_error(client_of: ClientOf) -> None:
    """Nobody has read anything."""
    counting = Counting()
    with ScriptedServer(counting) as server:
        client = client_of(server)
    outcomes = list(client.outcomes([notify(1), notify(2)]))
    assert [(type(one.answer), one.was_awaited) for one in outcomes] == [(GNTPConnectionError, False)] * 2


def test_one_that_hangs_ends_at_its_deadline(client_of: ClientOf) -> None:
    """Those beside it are answered."""
    gate = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        if isinstance(request, NotifyRequest) and id_of(request) == "1":
            gate.wait(PATIENCE)
        answer(sock, request)

    with ScriptedServer(serve) as server:
        answers = client_of(server, timeout=0.2).process_requests([notify(0), notify(1), notify(2)])
        gate.set()
    assert ids(answers) == ["0", GNTPTimeoutError, "2"]


# -- One behind the other ------------------------------------------------------------------------


def keeping(sock: socket.socket, extra: dict[int, bytes], end_after: int = -1) -> None:
    """Answer on a kept connection, and send something more behind the answers that a test names."""
    for index, request in enumerate(requests_of(sock)):
        if index == end_after:
            return
        answer(sock, request, keep_alive=True)
        if index in extra:
            sock.sendall(extra[index])


CALLBACK = (
    b"GNTP/1.0 -CALLBACK NONE\r\nApplication-Name: app\r\nNotification-ID: 1\r\n"
    b"Notification-Callback-Result: CLICKED\r\nNotification-Callback-Timestamp: 2026-01-01\r\n\r\n"
)


@pytest.mark.parametrize(
    "extra",
    [
        CALLBACK,
        b"GNTP/1.0 -OK NONE\r\nResponse-Action: REGISTER\r\n\r\n",
        b"GNTP/1.0 -OK NONE\r\nResponse-Action: NOTIFY\r\nNotification-ID: 1\r\n\r\n",
    ],
    ids=["callback", "another-action", "another-id"],
)
def test_what_nobody_asked_for_ends_a_pipeline(client_of: ClientOf, extra: bytes) -> None:
    """Answers behind it are not taken for those of other requests."""
    with ScriptedServer(lambda sock, _: keeping(sock, {2: extra})) as server:
        outcomes = list(client_of(server).outcomes([notify(number) for number in range(6)]))
    assert ids([outcome.answer for outcome in outcomes]) == ["0", "1", *[GNTPConnectionError] * 4]
    assert [outcome.was_awaited for outcome in outcomes] == [True] * 3 + [False] * 3


def test_a_servers_own_ids_are_no_reason_to_end(client_of: ClientOf) -> None:
    """Growl for Windows puts ids of its own into its answers."""

    def serve(sock: socket.socket, _number: int) -> None:
        for request in requests_of(sock):
            send_response(sock, keep_alive=True, Response_Action=request.message_type, Notification_ID="its own")

    with ScriptedServer(serve) as server:
        answers = client_of(server).process_requests(map(notify, range(6)))
    assert ids(answers) == ["its own"] * 6


def test_of_a_broken_pipeline_the_first_without_an_answer_was_awaited(client_of: ClientOf) -> None:
    """Those behind it may not have been read: it alone can be what broke the server."""
    with ScriptedServer(lambda sock, _: keeping(sock, {}, end_after=3)) as server:
        outcomes = list(client_of(server).outcomes([notify(number) for number in range(5)]))
    assert [(outcome.was_awaited, outcome.is_on_proven_connection) for outcome in outcomes] == [
        (True, True), (True, True), (True, True), (False, True), (False, True),
    ]  # fmt: skip
    assert not any(outcome.is_hopeless() for outcome in outcomes[:2])
    assert all(outcome.is_hopeless() for outcome in outcomes[2:])


def test_a_request_on_a_new_connection_has_no_proof() -> None:
    """A tunnel accepts connections for a server that is away."""
    with ScriptedServer(lambda sock, _: None) as server, GNTPClient("127.0.0.1", server.port) as client:
        (outcome,) = client.outcomes([notify(1)])
    assert outcome == Outcome(outcome.answer, was_awaited=True, is_on_proven_connection=False)
    assert outcome.is_hopeless()


def test_garbage_is_a_protocol_error(client_of: ClientOf) -> None:
    """Of the request that was awaited, and of those behind it."""
    with ScriptedServer(lambda sock, _: keeping(sock, {1: b"HTTP/1.1 200 OK\r\n\r\n"})) as server:
        answers = client_of(server).process_requests(map(notify, range(3)))
    assert ids(answers) == ["0", GNTPProtocolError, GNTPProtocolError]


def test_a_batch_ends_when_it_must(client_of: ClientOf) -> None:
    """However often an answer comes in time."""
    with ScriptedServer(lambda sock, _: keeping(sock, {})) as server:
        outcomes = client_of(server).outcomes([notify(number) for number in range(3)], until=time.monotonic() - 1)
        assert [type(outcome.answer) for outcome in outcomes] == [GNTPTimeoutError] * 3
