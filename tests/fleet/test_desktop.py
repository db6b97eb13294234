"""One desktop and its lease: who shows, until when, and what one that hangs may delay."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest

from gntp_logging.alerts.fingerprint import incident
from gntp_logging.delivery.transport import OutgoingAlert, SendResult
from gntp_logging.fleet.desktop import LEASE, LOOK, Desktop, DesktopSettings, Lease, ToServer
from gntp_logging.fleet.incidents import ANNOUNCED, CAUGHT_UP, Desk, DeskSettings, Route
from gntp_logging.fleet.match import Match
from gntp_logging.fleet.redis_streams import Counted, RedisStreams
from gntp_logging.fleet.relay import _counted
from gntp_logging.fleet.wire import Report, encode
from gntp_logging.gntp.keys import SHA256
from gntp_logging.gntp.requests import NotifyRequest
from gntp_logging.options.destination import Destination
from tests.fleet.servers import RedisServer
from tests.support import (
    RunningReceiver,
    ScriptedServer,
    answer_error,
    answer_ok,
    free_port,
    make_alert,
    receive_request,
    running_receiver,
    send_response,
)

DESK = DeskSettings((Route(Match(), repeat_window=60.0, burst=20, rate=12.0),), quiet=300.0)


class Clock:
    """This process's clock, which a test sets forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.monotonic() + self.ahead


@pytest.fixture
def streams(redis_server: RedisServer) -> Iterator[RedisStreams]:
    """A connection of a relay, whose group is there."""
    streams = redis_server.streams()
    streams.make_group()
    yield streams
    streams.close()


@pytest.fixture
def make_desktop(redis_server: RedisServer) -> Iterator[Callable[..., Desktop]]:
    """Makes desktops as a relay of some name sees them."""
    made: list[Desktop] = []

    def make(relay: str, port: int, lines: list[str] | None = None, clock: Clock | None = None) -> Desktop:
        settings = DesktopSettings("desk", ToServer(destination(port)), DESK)
        report = lines.append if lines is not None else print
        clock = clock or Clock()
        streams = redis_server.streams()
        made.append(Desktop(settings, streams, Lease(streams, "desk", relay, clock), report, clock))
        return made[-1]

    yield make
    for desktop in made:
        stop = threading.Event()
        stop.set()
        desktop.run(stop)


def destination(port: int) -> Destination:
    """Return a server of this machine, without a password."""
    return Destination("127.0.0.1", port, 5.0, None, SHA256, None)


_numbers = iter(range(1, 10**6))


def count(streams: RedisStreams, records: int = 1, text: str = "db-1 refused") -> None:
    """Publish one report, and count it."""
    report = Report.of("shop", "web-1", records, make_alert(text, fingerprint=text))
    streams.publish("p", next(_numbers), [encode(report, None)], math.inf)
    found: list[Counted] = [_counted(entry, ()) for entry in streams.read("relay", 0.5)]
    assert streams.count(found, 600) == records


def test_a_lease_lasts_by_its_holders_own_clock(streams: RedisStreams) -> None:
    """Counted from before the question, because the answer may take its time; and a little less than Redis thinks."""
    clock = Clock()
    lease = Lease(streams, "desk", "a", clock)
    assert not lease.is_held()
    assert lease.hold()
    assert clock() < lease.deadline() < clock() + LEASE
    assert lease.is_held()
    clock.ahead = LEASE
    assert not lease.is_held()
    assert not lease.hold()  # renewed: not a new one
    assert lease.is_held()
    lease.give_back()
    assert lease.deadline() == 0.0


def test_a_holder_whose_lease_is_over_sends_nothing(
    streams: RedisStreams, receiver: RunningReceiver, make_desktop: Callable[..., Desktop]
) -> None:
    """The look at the clock before each send: between the look at Redis and the send it may have been stopped."""
    clock = Clock()
    desktop = make_desktop("a", receiver.port, clock=clock)
    desktop.step()
    count(streams)
    look = desktop._look

    def stopped(desk: Desk) -> int:
        clock.ahead += LEASE
        return look(desk)

    desktop._look = stopped  # type: ignore[method-assign]  # the process is stopped after it
    assert desktop.step() == 0.0
    assert not receiver.toasts
    desktop._look = look  # type: ignore[method-assign]  # and goes on
    desktop.step()
    assert len(receiver.wait_for(1)) == 1


def test_looks_at_many_machines_are_rare(
    streams: RedisStreams, receiver: RunningReceiver, make_desktop: Callable[..., Desktop]
) -> None:
    """They read all that is known of an incident: on thousands of machines they would keep Redis from counting."""
    desktop = make_desktop("a", receiver.port)
    count(streams)
    assert desktop.step() == LOOK
    alert = make_alert("no", fingerprint="no")
    reports = [Report.of("shop", f"web-{number}", 1, alert) for number in range(400)]
    streams.publish("p", next(_numbers), [encode(report, None) for report in reports], math.inf)
    while entries := streams.read("relay", 0.01):
        streams.count([_counted(entry, ()) for entry in entries], 600)
    assert 2 * LOOK <= desktop.step() < 4 * LOOK
    assert {toast.headers["Data-Hosts"] for toast in receiver.wait_for(2)} == {"1", "400"}


def test_one_relay_shows(
    streams: RedisStreams, receiver: RunningReceiver, make_desktop: Callable[..., Desktop]
) -> None:
    """Another takes over when the first has ended, and shows each open incident once more, with the count of now."""
    one, two = make_desktop("a", receiver.port), make_desktop("b", receiver.port)
    count(streams, 3)
    one.step()
    assert two.step() > 1.0
    assert [toast.headers["Data-Count"] for toast in receiver.wait_for(1)] == ["3"]
    count(streams, 4)
    stop = threading.Event()
    stop.set()
    one.run(stop)
    two.step()
    toasts = receiver.wait_for(2)
    assert [toast.headers["Data-Count"] for toast in toasts] == ["3", "7"]
    assert len({toast.coalescing_id for toast in toasts}) == 1


def test_a_desktop_that_is_away_is_reported_once_and_its_lease_given_back(
    streams: RedisStreams, make_desktop: Callable[..., Desktop], redis_server: RedisServer
) -> None:
    """Another relay may reach it; when it is there again it is shown everything."""
    lines: list[str] = []
    port = free_port()
    desktop = make_desktop("a", port, lines)
    count(streams, 3)
    assert desktop.step() >= 1.0
    assert desktop.step() >= 1.0
    assert len(lines) == 1
    assert "cannot show alerts on desk" in lines[0]
    assert not redis_server.client().exists("{gntp-logging}:lease:desk")
    count(streams, 4)
    with running_receiver(port=port) as receiver:
        desktop.step()
        assert [toast.headers["Data-Count"] for toast in receiver.wait_for(1)] == ["7"]
    assert lines[1:] == ["desk shows alerts again"]


def test_what_ended_while_a_desktop_was_away_comes_as_one_digest(
    streams: RedisStreams, make_desktop: Callable[..., Desktop]
) -> None:
    """What is young comes singly; and a relay that takes over later reports none of it again."""
    port = free_port()
    desktop = make_desktop("a", port)
    for number in range(3):
        count(streams, 100, f"old {number}")
    desktop.step()
    assert streams.end_incidents(-1) == 3
    count(streams, 7, "young")
    with running_receiver(port=port) as receiver:
        desktop.step()
        toasts = receiver.wait_for(2)
        assert sorted(int(toast.headers["Data-Count"]) for toast in toasts) == [7, 300]
        desktop._ledger.give_back()
        make_desktop("b", port).step()
        assert [toast.headers["Data-Count"] for toast in receiver.wait_for(3)[2:]] == ["7"]
    assert streams.reported("desk").keys() == {CAUGHT_UP, ANNOUNCED, f"{incident('young')}:shop"}


class Killed(Exception):
    """The relay ends here, as after kill -9."""


def test_a_relay_that_is_killed_before_it_notes_a_digest(
    streams: RedisStreams, receiver: RunningReceiver, make_desktop: Callable[..., Desktop]
) -> None:
    """Who takes over shows it again with the same id, so that people see one toast; then it is settled."""
    one = make_desktop("a", receiver.port)
    one.step()
    count(streams, 100, "old")
    assert streams.end_incidents(-1) == 1
    note = one._note

    def killed(shown: dict[str, str]) -> None:
        if shown:
            raise Killed
        note(shown)

    one._note = killed  # type: ignore[method-assign]  # between showing and noting
    with pytest.raises(Killed):
        one.step()
    one._ledger.give_back()  # as if it had run out
    count(streams, 10, "older")
    assert streams.end_incidents(-1) == 1
    make_desktop("b", receiver.port).step()
    toasts = receiver.wait_for(2)
    assert [toast.headers["Data-Count"] for toast in toasts] == ["100", "110"]
    assert len({(toast.application, toast.coalescing_id) for toast in toasts}) == 1
    make_desktop("c", receiver.port).step()
    assert len(receiver.toasts) == 2


def test_who_lost_its_lease_announces_nothing_and_shows_nothing(
    streams: RedisStreams, receiver: RunningReceiver, make_desktop: Callable[..., Desktop], redis_server: RedisServer
) -> None:
    """A digest that it would show, another shows by now."""
    desktop = make_desktop("a", receiver.port)
    desktop.step()
    count(streams, 100, "old")
    assert streams.end_incidents(-1) == 1
    redis_server.client().delete("{gntp-logging}:lease:desk")
    streams.hold("desk", "b", "", 60)
    assert desktop.step() == 0.0
    assert not receiver.toasts
    assert streams.reported("desk").keys() == {CAUGHT_UP}


def test_a_send_gets_no_longer_than_the_lease_lasts(
    streams: RedisStreams, receiver: RunningReceiver, make_desktop: Callable[..., Desktop]
) -> None:
    """However long the client would wait for a desktop that hangs."""
    desktop = make_desktop("a", receiver.port)
    count(streams)
    deadlines: list[float] = []
    send = desktop._transport("shop").send

    def watched(batch: Sequence[OutgoingAlert], deadline: float) -> Iterable[SendResult]:
        deadlines.append(deadline)
        return send(batch, deadline)

    desktop._transport("shop").send = watched  # type: ignore[method-assign]  # to see what it is given
    desktop.step()
    assert deadlines == [desktop._ledger.deadline()]
    assert deadlines[0] < time.monotonic() + LEASE
    assert receiver.wait_for(1)


def test_what_a_desktop_refuses_is_reported_once(streams: RedisStreams, make_desktop: Callable[..., Desktop]) -> None:
    """Somebody may see to it; the next incident is tried all the same."""

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        refuses = isinstance(request, NotifyRequest)
        if refuses:
            send_response(sock, "-ERROR", Error_Code="303", Error_Description="no")
        else:
            send_response(sock, Response_Action=request.message_type)

    lines: list[str] = []
    with ScriptedServer(serve) as server:
        desktop = make_desktop("a", server.port, lines)
        for text in ("one", "two"):
            count(streams, text=text)
            desktop.step()
    (line,) = lines
    assert line.startswith("desk does not take an alert: ")


def test_what_a_desktop_does_not_want_is_settled(streams: RedisStreams, make_desktop: Callable[..., Desktop]) -> None:
    """A type that was switched off there is not sent again and again."""

    def serve(sock: socket.socket, number: int) -> None:
        (answer_ok if number == 0 else answer_error(403))(sock, number)  # registered, and then switched off

    with ScriptedServer(serve) as server:
        desktop = make_desktop("a", server.port)
        count(streams)
        desktop.step()
        before = server.connections
        assert desktop.step() < 1.0
        assert server.connections == before > 1
