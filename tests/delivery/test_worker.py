"""worker: queue, thread, flush, close; the end of the process is in test_exit.py, its children in test_fork.py."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import math
import os
import re
import signal
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint, RawCall, RawKey, raw_fingerprint
from gntp_logging.alerts.redact import Redactor
from gntp_logging.delivery.gntp_transport import GNTPTransport
from gntp_logging.delivery.outbox import SingleEntry
from gntp_logging.delivery.queue import Abandoned, AlertQueue
from gntp_logging.delivery.threads import start_thread
from gntp_logging.delivery.transport import OutgoingAlert, SendResult, SendStatus
from gntp_logging.delivery.worker import DeliverySettings, Worker
from gntp_logging.delivery.worker_state import State
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.models import Event
from gntp_logging.gntp.requests import NotifyRequest
from tests.support import (
    AS_IT_IS,
    PATIENCE,
    Gate,
    RunningReceiver,
    ScriptedServer,
    answer_error,
    answer_ok,
    free_port,
    make_alert,
    receive_request,
    running_receiver,
    send_response,
    wait_until,
)

EVENTS = [Event(name) for name in ("Debug", "Info", "Warning", "Error", "Critical")]


def alert(text: str = "text", priority: int = 1) -> Alert:
    """Make an alert."""
    event = EVENTS[priority + 2].name
    return make_alert(text, event=event, priority=priority, created=time.time(), fingerprint=("k",))


class Lines:
    """Remembers the worker's lines of diagnosis."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


DELIVERY = {
    "queue_size": 10_000, "max_age": 300.0, "shutdown_timeout": 2.0, "repeat_window": 0, "burst": 1, "rate": 0,
}  # fmt: skip


def make_worker(port: int, lines: Callable[[str], None] | None = None, **options: Any) -> Worker:
    """Make a worker that delivers to a loopback port."""
    client = GNTPClient("127.0.0.1", port, timeout=options.pop("timeout", 5.0))
    settings = DeliverySettings(**{name: options.pop(name, usual) for name, usual in DELIVERY.items()})
    options.setdefault("redactor", AS_IT_IS)
    return Worker(GNTPTransport(client, "shop", None, EVENTS), settings, report=lines or Lines(), **options)


@pytest.fixture
def workers() -> Iterator[Callable[..., Worker]]:
    """Make workers that are closed at the test's end."""
    made: list[Worker] = []

    def make(*arguments: Any, **options: Any) -> Worker:
        made.append(make_worker(*arguments, **options))
        return made[-1]

    yield make
    for worker in made:
        worker.shutdown_timeout = 0.0
        worker.close()


# -- Delivery ------------------------------------------------------------------------------------


def test_alerts_are_delivered_in_order(workers: Callable[..., Worker], receiver: RunningReceiver) -> None:
    """A lower priority does not wait for a higher one: a desktop shows what happened, as it happened."""
    worker = workers(receiver.port)
    for number in range(20):
        worker.submit(alert(f"{number}", priority=number % 5 - 2))
    assert worker.flush(PATIENCE)
    assert [toast.text for toast in receiver.toasts] == [str(number) for number in range(20)]
    assert worker.stats().shown == 20


def test_each_alert_has_an_id_of_its_own(workers: Callable[..., Worker], receiver: RunningReceiver) -> None:
    """Notification-IDs differ within a worker and between two."""
    for worker in (workers(receiver.port), workers(receiver.port)):
        worker.submit(alert())
        worker.submit(alert())
        assert worker.flush(PATIENCE)
    assert len({toast.id_ for toast in receiver.toasts}) == 4


def test_a_worker_delivers_only_to_its_own_server(workers: Callable[..., Worker]) -> None:
    """Two handlers for two desktops are two workers, and a hung one delays the other by nothing."""
    gate = Gate()
    with ScriptedServer(gate) as hung, running_receiver() as works:
        slow, fast = workers(hung.port, timeout=60), workers(works.port)
        slow.submit(alert("slow"))
        assert gate.reached.wait(PATIENCE)
        fast.submit(alert("fast"))
        assert fast.flush(PATIENCE)
        assert [toast.text for toast in works.toasts] == ["fast"]
        gate.open.set()
        assert slow.flush(PATIENCE)
        assert gate.shown == ["slow"]


def test_submit_does_not_wait_for_the_server(workers: Callable[..., Worker]) -> None:
    """While the server hangs, alerts are only queued."""
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port)
        worker.submit(alert())
        assert gate.reached.wait(PATIENCE)
        for _ in range(1000):
            worker.submit(alert())
        assert worker.stats().queued == 1001
        gate.open.set()


def test_what_is_queued_holds_no_exception_and_no_argument(workers: Callable[..., Worker]) -> None:
    """Only strings and numbers wait: what an application made is freed while its alert is still queued."""

    class Argument:
        pass

    from gntp_logging.alerts.alert import AlertFactory
    from gntp_logging.alerts.levels import LevelMap

    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port)
        argument = Argument()
        reference = weakref.ref(argument)
        try:
            raise ValueError(argument)  # noqa: TRY301 - the exception must have a traceback of this frame
        except ValueError as error:
            info = (type(error), error, error.__traceback__)
            record = logging.LogRecord("x", logging.ERROR, "", 1, "%s", (argument,), info)
        worker.submit(AlertFactory("shop", LevelMap(), 1000).from_record(record).finished(1000))
        assert gate.reached.wait(PATIENCE)
        del argument, record, info
        gc.collect()
        assert reference() is None
        gate.open.set()
        assert worker.flush(PATIENCE)


def test_an_error_inside_the_delivery_ends_neither_thread_nor_counts(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever one alert does, the next is delivered."""
    lines = Lines()
    worker = workers(receiver.port, lines)
    real = GNTPTransport.send

    def send(self: GNTPTransport, batch: Sequence[OutgoingAlert], deadline: float) -> Iterable[SendResult]:
        if batch[0].alert.text == "bad":
            raise MemoryError("no")
        return real(self, batch, deadline)

    monkeypatch.setattr(GNTPTransport, "send", send)
    worker.submit(alert("bad"))
    worker.submit(alert("good"))
    assert worker.flush(PATIENCE)
    assert [toast.text for toast in receiver.toasts] == ["good\n(1 alert was dropped: internal error)"]
    assert worker.stats().dropped == {"internal error": 1}
    assert "MemoryError: no" in lines.lines[0]


def test_losses_are_told_once_by_the_next_alert_that_gets_through(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By reason; one that the server did not take tells nobody; what the user has disabled is no loss."""
    results = iter(
        [
            SendResult(SendStatus.DROPPED, "error 300"),
            SendResult(SendStatus.DROPPED, "disabled on the server"),
            SendResult(SendStatus.DROPPED, "error 300"),
            SendResult(SendStatus.DROPPED, "invalid"),
        ]
    )
    real = GNTPTransport.send

    def send(self: GNTPTransport, batch: Sequence[OutgoingAlert], deadline: float) -> Iterable[SendResult]:
        result = next(results, None)
        return real(self, batch, deadline) if result is None else [result]

    monkeypatch.setattr(GNTPTransport, "send", send)
    worker = workers(receiver.port)
    for text in ("a", "b", "c", "d", "e", "f"):
        worker.submit(alert(text))
        assert worker.flush(PATIENCE)
    assert [toast.text for toast in receiver.toasts] == ["e\n(3 alerts were dropped: 2 error 300, 1 invalid)", "f"]


def test_what_is_given_up_is_handed_over(workers: Callable[..., Worker]) -> None:
    """On the worker's thread, with its reason; what is left at the end on the thread that closes."""
    lost: list[tuple[str, str, bool]] = []

    def on_error(one: Alert, reason: str) -> None:
        lost.append((one.text, reason, worker.is_current_thread()))

    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port, on_error=on_error)
        worker.submit(alert("sent"))
        worker.submit(alert("a")._replace(event="\N{NO-BREAK SPACE}"))
        gate.open.set()
        assert worker.flush(PATIENCE)
        wait_until(lambda: lost == [("a", "invalid", True)])
    worker.shutdown_timeout = 0.0
    worker.submit(alert("late"))
    worker.close()
    assert lost[1:] == [("late", "not delivered in time", False)]


def test_a_report_that_raises_harms_nobody(workers: Callable[..., Worker], receiver: RunningReceiver) -> None:
    """sys.stderr can be anything: what it raises does not end the thread."""

    def report(line: str) -> None:
        raise AttributeError(line)

    worker = workers(free_port(), report)
    worker.submit(alert())
    assert not worker.flush(PATIENCE)
    worker._transport = GNTPTransport(GNTPClient("127.0.0.1", receiver.port), "shop", None, EVENTS)
    assert worker.flush(PATIENCE)
    assert worker.stats().shown == 1


class Blind(Redactor):
    """Fails on every alert, and quotes it."""

    def finished(self, alert: Alert) -> Alert:
        """Fail."""
        raise RuntimeError(alert.text)

    def fingerprint(self, raw: Fingerprint) -> Fingerprint:
        """Fail."""
        raise RuntimeError(str(raw))


def test_an_alert_that_cannot_be_looked_through_is_withheld(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """What waits, what a full queue had no room for, and what is given up: nothing of it is shown."""
    handed: list[Alert] = []
    worker = workers(receiver.port, redactor=Blind(), queue_size=1, on_error=lambda one, _: handed.append(one))
    secret = make_alert(
        "S3CRET", title="S3CRET", logger="shop.orders", url="https://t/S3CRET", context=(("user", "S3CRET"),)
    )
    with worker._turn:  # all are there before the first is taken
        for number in range(3):
            worker.submit(secret._replace(event="unknown" if number == 2 else "Error", fingerprint=RawKey("S3CRET")))
    worker.flush(PATIENCE)
    worker.submit(secret)
    worker.close()
    shown = [(toast.title, toast.text) for toast in receiver.toasts]
    assert shown[0][0] == "An alert is withheld"
    assert shown[0][1].endswith("\nshop.orders")
    said = worker.stats().last_error or ""
    assert "S3CRET" not in f"{shown} {handed} {said}"
    assert "secrets could not be looked for in an alert: RuntimeError" in said


# -- The queue -----------------------------------------------------------------------------------


def test_a_full_queue_gives_up_the_oldest_of_the_lowest_priority(workers: Callable[..., Worker]) -> None:
    """CRITICAL outlives a flood of INFO, and what went is counted."""
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port, queue_size=10)
        worker.submit(alert("first"))
        assert gate.reached.wait(PATIENCE)
        worker.submit(alert("critical", priority=2))
        for number in range(100):
            worker.submit(alert(f"info {number}", priority=-1))
        stats = worker.stats()
        assert (stats.accepted, stats.queued, stats.dropped) == (102, 102, {})
        gate.open.set()
        assert worker.flush(PATIENCE)
        digest, *alerts = sorted(gate.shown, key=lambda text: ", last " not in text)  # they went side by side
        assert sorted(alerts) == sorted(["first", "critical", *(f"info {number}" for number in range(91, 100))])
        assert digest.startswith("first ")
        stats = worker.stats()
        assert (stats.accepted, stats.shown, stats.digested, stats.notifications) == (102, 11, 91, 12)


def test_what_not_even_a_digest_has_room_for_is_dropped_and_told(
    workers: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of ever new fingerprints: those beyond the bound are counted, and the next alert says so."""
    monkeypatch.setattr("gntp_logging.delivery.digest.MAX_FINGERPRINTS", 5)
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port, queue_size=2)
        worker.submit(alert("first"))
        assert gate.reached.wait(PATIENCE)
        for number in range(21):
            worker.submit(alert(f"{number}")._replace(fingerprint=(number,)))
        assert worker.stats().dropped == {"queue full": 14}
        gate.open.set()
        assert worker.flush(PATIENCE)
        first, *others = gate.shown
        assert first == "first"
        reporting, digest, last = sorted(others, key=len, reverse=True)  # they went side by side
        assert (reporting, last) == ("19\n(14 alerts were dropped: queue full)", "20")
        assert digest.startswith("first ")


def test_many_threads_lose_nothing(workers: Callable[..., Worker], receiver: RunningReceiver) -> None:
    """Alerts of threads that log at once are all delivered, each once."""
    worker = workers(receiver.port)

    def log(name: int) -> None:
        for number in range(50):
            worker.submit(alert(f"{name}.{number}"))

    threads = [threading.Thread(target=log, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.flush(PATIENCE)
    texts = [toast.text for toast in receiver.toasts]
    assert sorted(texts) == sorted(f"{name}.{n}" for name in range(8) for n in range(50))
    assert worker.stats().shown == worker.stats().accepted == 400


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals of a timer")
def test_a_signal_handler_that_logs_neither_dead_locks_nor_loses(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """Submit may be interrupted anywhere, by code that calls submit."""
    worker = workers(receiver.port, queue_size=1_000_000)
    interruptions = 0

    def interrupt(_number: int, _frame: object) -> None:
        nonlocal interruptions
        interruptions += 1
        worker.submit(alert("signal"))
        signal.setitimer(signal.ITIMER_REAL, 0.0003)  # the next one, somewhere in what goes on then

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
        submitted = 0
        while interruptions < 30:
            worker.submit(alert("main"))
            submitted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    stats = worker.stats()
    assert stats.accepted == submitted + interruptions
    assert not stats.dropped


# -- Folds and digests come by themselves --------------------------------------------------------


def test_a_windows_count_is_told_without_any_call(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread wakes when it is due."""
    monkeypatch.setattr("gntp_logging.delivery.flood.UPDATE_INTERVAL", 0.0)
    worker = workers(receiver.port, repeat_window=0.2)
    worker.submit(alert("it broke"))
    receiver.wait_for(1)
    worker.submit(alert("it broke"))
    first, update = receiver.wait_for(2)
    assert (first.title, update.title) == ("title", "2 × title")
    assert first.coalescing_id == update.coalescing_id
    wait_until(lambda: worker.stats().notifications == 2)
    assert (worker.stats().shown, worker.stats().folded) == (1, 1)


def test_a_digest_of_too_many_comes_without_any_call(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A little later."""
    monkeypatch.setattr("gntp_logging.delivery.digest.DELAY", 0.1)
    worker = workers(receiver.port, repeat_window=60, burst=1, rate=1)
    for number in range(4):
        worker.submit(alert(f"fingerprint {number}")._replace(fingerprint=(number,)))
    _, digest = receiver.wait_for(2)
    assert digest.title == "3 more alerts: 3 × title"
    wait_until(lambda: worker.stats().digested == 3)


def test_flush_does_not_wait_for_an_update_that_the_server_refuses(workers: Callable[..., Worker]) -> None:
    """It is asked once; its count goes into the next."""
    updates = 0

    def serve(sock: socket.socket, number: int) -> None:
        nonlocal updates
        request = receive_request(sock)
        if isinstance(request, NotifyRequest) and "2 × " in request.notification.title:
            updates += 1
            send_response(sock, "-ERROR", Error_Code="302", Error_Description="no")
        else:
            send_response(sock, Response_Action=request.message_type)

    with ScriptedServer(serve) as server:
        worker = workers(server.port, repeat_window=60)
        worker.submit(alert())
        assert worker.flush(PATIENCE)
        worker.submit(alert())
        assert worker.flush(PATIENCE)
        assert updates == 1
        worker.shutdown_timeout = PATIENCE
        worker.close()
    stats = worker.stats()
    assert (stats.shown, stats.folded, stats.dropped) == (1, 0, {"not delivered in time": 1})


# -- flush and close -----------------------------------------------------------------------------


def test_flush_of_an_idle_worker_is_true_and_starts_no_thread(workers: Callable[..., Worker]) -> None:
    """Nothing waits, so there is nothing to do."""
    worker = workers(free_port())
    assert worker.flush()
    assert worker.stats().state == "idle"


def test_flush_is_bounded_when_the_server_hangs(workers: Callable[..., Worker]) -> None:
    """flush(timeout) returns False at its timeout, and the alert still waits."""
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port)
        worker.submit(alert())
        assert not worker.flush(0.05)
        assert worker.stats().queued == 1
        gate.open.set()
        assert worker.flush(PATIENCE)


def test_flush_waits_only_for_what_was_submitted_before(workers: Callable[..., Worker]) -> None:
    """Another thread that goes on logging does not hold up the caller."""
    answered = threading.Semaphore(0)

    def serve(sock: socket.socket, number: int) -> None:
        receive_request(sock)
        assert answered.acquire(timeout=PATIENCE)
        send_response(sock)

    with ScriptedServer(serve) as server:
        worker = workers(server.port)
        worker.submit(alert("before"))
        results: list[bool] = []
        flusher = threading.Thread(target=lambda: results.append(worker.flush(PATIENCE)))
        flusher.start()
        wait_until(lambda: bool(worker._waiters))
        worker.submit(alert("after"))
        answered.release(2)  # the REGISTER and the first NOTIFY
        flusher.join(PATIENCE)
        assert results == [True]
        assert worker.stats().queued == 1
        answered.release(10)


def test_the_state_has_changed_when_a_flush_returns(
    workers: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who waited for the server reads that it cannot be reached."""
    released: list[bool] = []
    real = Worker._enter

    def enter(self: Worker, state: State, mark: float = math.inf) -> None:
        released.extend(waiter.is_settled for waiter in self._waiters._waiters)
        real(self, state, mark)

    port = free_port()
    worker = workers(port)
    worker.submit(alert("one"))
    assert not worker.flush(PATIENCE)
    monkeypatch.setattr(Worker, "_enter", enter)
    with running_receiver(port=port):
        assert worker.flush(PATIENCE)
    assert worker.stats().state == "running"
    assert released == [False]


def test_flush_makes_one_attempt_while_the_server_is_down(workers: Callable[..., Worker]) -> None:
    """In back-off, flush tries now, once, and says that it failed; a server that is back gets everything."""
    lines = Lines()
    port = free_port()
    worker = workers(port, lines)
    worker.submit(alert("one"))
    assert not worker.flush(PATIENCE)
    worker.submit(alert("two"))
    assert not worker.flush(PATIENCE)
    assert worker.stats().state == "retrying"
    with running_receiver(port=port) as receiver:
        assert worker.flush(PATIENCE)
        assert [toast.text for toast in receiver.toasts] == ["one", "two"]
    assert worker.stats().state == "running"
    assert [line.split(":")[0] for line in lines.lines] == ["cannot show alerts on 127.0.0.1", "127.0.0.1"]
    assert "Connection refused" in lines.lines[0]
    assert "shows alerts again: 2 alerts waited, none lost" in lines.lines[1]


def test_handlers_of_one_server_complain_once_together(workers: Callable[..., Worker]) -> None:
    """One line, and one more when the server is back; another server's failure is another line."""
    lines = Lines()
    port = free_port()
    dead = [workers(port, lines), workers(port, lines)]
    for worker in (*dead, workers(free_port(), lines)):
        worker.submit(alert())
        assert not worker.flush(PATIENCE)
    assert len(lines.lines) == 2
    with running_receiver(port=port):
        assert all(worker.flush(PATIENCE) for worker in dead)
    assert len(lines.lines) == 3
    assert "shows alerts again" in lines.lines[2]


def test_no_attempt_is_made_for_each_record_while_the_server_is_down(workers: Callable[..., Worker]) -> None:
    """After a failure the server is left alone for a while, however much is logged."""

    def serve(sock: socket.socket, number: int) -> None:
        receive_request(sock)  # and closes without an answer

    with ScriptedServer(serve) as server:
        worker = workers(server.port)
        worker.submit(alert())
        assert not worker.flush(PATIENCE)
        wait_until(lambda: worker._state.current is State.RETRYING)
        wait_until(worker._wake.locked)  # the thread has heard of the flush
        tried = server.connections
        for _ in range(100):
            worker.submit(alert())
        assert worker._wake.locked()  # nothing has woken the thread, which sleeps out its pause
        assert server.connections == tried
        assert worker.stats().queued == 101


def test_a_server_that_comes_back_is_found_without_any_call(
    workers: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread tries again by itself, after a pause."""
    monkeypatch.setattr("gntp_logging.delivery.worker_state._FIRST_RETRY", 0.01)
    worker = workers(port := free_port())
    worker.submit(alert("one"))
    wait_until(lambda: worker.stats().state == "retrying")
    with running_receiver(port=port) as receiver:
        receiver.wait_for(1)


@pytest.mark.slow
def test_alerts_that_are_too_old_become_one_digest(workers: Callable[..., Worker]) -> None:
    """After max_age an alert is no news: one toast tells of all of them, after those that are still young."""
    port = free_port()
    worker = workers(port, max_age=0.5)
    for number in range(23):
        worker.submit(alert(f"old {number}")._replace(created=1000.0 + number))
    worker.flush(PATIENCE)
    submitted = time.monotonic()
    wait_until(lambda: time.monotonic() > submitted + 0.5)
    worker.submit(alert("young"))
    with running_receiver(port=port) as receiver:
        assert worker.flush(PATIENCE)
        young, digest = receiver.toasts
    assert young.text == "young"
    assert digest.title == "23 more alerts: 23 × title"
    assert re.fullmatch(r"first .*:\d\d:40, last .*:\d\d:02", digest.text)
    assert digest.id_ == digest.coalescing_id != young.id_
    stats = worker.stats()
    assert (stats.accepted, stats.shown, stats.digested, stats.notifications, stats.queued) == (24, 1, 23, 2, 0)


def test_a_digest_that_cannot_be_sent_grows_and_is_tried_again(
    workers: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the server is away nothing that it tells of is lost, and it keeps its id."""
    ids: list[str] = []
    port = free_port()
    worker = workers(port, max_age=0.001)
    real = GNTPTransport.send

    def send(self: GNTPTransport, batch: Sequence[OutgoingAlert], deadline: float) -> Iterable[SendResult]:
        ids.append(batch[0].id_)
        return real(self, batch, deadline)

    monkeypatch.setattr(GNTPTransport, "send", send)
    for text in ("a", "b"):
        worker.submit(alert(text))
        submitted = time.monotonic()
        wait_until(lambda: time.monotonic() > submitted + 0.001)  # noqa: B023 - called in this round only
        assert not worker.flush(PATIENCE)
        assert worker.stats().queued == worker.stats().accepted
    with running_receiver(port=port) as receiver:
        assert worker.flush(PATIENCE)
        (digest,) = receiver.toasts
    assert digest.title == "2 more alerts: 2 × title"
    assert digest.id_ == ids[-1]
    assert worker.stats().digested == 2


def test_a_digest_that_the_server_refuses_is_counted_as_what_it_holds(workers: Callable[..., Worker]) -> None:
    """And handed over as one."""
    lost: list[tuple[str, str]] = []
    with ScriptedServer(answer_error(500)) as server:
        worker = workers(server.port, max_age=1e-9, on_error=lambda one, reason: lost.append((one.title, reason)))
        for _ in range(3):
            worker._queue.add(alert())
        wait_until(lambda: worker.flush(0.01))
        wait_until(lambda: bool(lost))
    assert worker.stats().dropped == {"error 500": 3}
    assert lost == [("3 more alerts: 3 × title", worker.stats().last_error)]


def test_a_wrong_password_stops_the_tries(workers: Callable[..., Worker]) -> None:
    """After 400 alerts are dropped and counted, without asking the server for each."""
    lines = Lines()
    with ScriptedServer(answer_error(400)) as server:
        worker = workers(server.port, lines)
        for number in range(10):
            worker.submit(alert(f"alert {number}"))
            assert worker.flush(PATIENCE)
        assert server.connections == 1
    assert worker.stats().dropped == {"not authorized": 10}
    assert worker.stats().state == "refused"
    assert len(lines.lines) == 1


def test_a_refused_password_is_tried_again_after_minutes(
    workers: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords are mended while programs run."""
    monkeypatch.setattr("gntp_logging.delivery.worker_state._RETRY_AFTER_REFUSAL", 0.0)

    def serve(sock: socket.socket, number: int) -> None:
        (answer_error(400) if number == 0 else answer_ok)(sock, number)

    with ScriptedServer(serve) as server:
        worker = workers(server.port)
        for _ in range(2):
            worker.submit(alert())
            assert worker.flush(PATIENCE)
    assert (worker.stats().shown, worker.stats().dropped) == (1, {"not authorized": 1})
    assert worker.stats().state == "running"


def test_close_delivers_what_waits(workers: Callable[..., Worker], receiver: RunningReceiver) -> None:
    """What was logged before close is shown."""
    worker = workers(receiver.port)
    for number in range(10):
        worker.submit(alert(str(number)))
    worker.close()
    assert len(receiver.toasts) == 10
    assert worker.stats().state == "idle"


def test_close_gives_up_at_its_budget_and_counts(workers: Callable[..., Worker]) -> None:
    """A hung server costs close no more than shutdown_timeout; one line tells what was lost."""
    lines = Lines()
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port, lines, shutdown_timeout=0.05)
        for _ in range(3):
            worker.submit(alert())
        worker.close()
        assert worker.stats().dropped == {"not delivered in time": 3}
        assert worker.stats().queued == 0
        gate.open.set()
        assert [line for line in lines.lines if "3 alerts not delivered" in line]
        wait_until(lambda: server.connections == 1)
    assert worker.stats().accepted == 3


@pytest.mark.slow
def test_close_right_after_flush_uses_the_rest_of_its_budget(workers: Callable[..., Worker]) -> None:
    """logging.shutdown calls flush and then close: together they wait once."""
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port, shutdown_timeout=1.0)
        worker.submit(alert())
        began = time.monotonic()
        assert not worker.flush()
        worker.close()
        assert time.monotonic() - began < 1.9
        gate.open.set()


def test_close_counts_nothing_twice_when_the_answer_comes_late(workers: Callable[..., Worker]) -> None:
    """An alert that close has given up stays dropped in the counts, though the server shows it after all."""
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port, shutdown_timeout=0.0)
        worker.submit(alert("late"))
        assert gate.reached.wait(PATIENCE)
        worker.close()
        gate.open.set()
        wait_until(lambda: gate.shown == ["late"])
        wait_until(lambda: not worker._thread_ids)
    stats = worker.stats()
    assert (stats.accepted, stats.shown, stats.dropped) == (1, 0, {"not delivered in time": 1})


def test_a_worker_that_is_used_after_close_starts_again(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """Again and again, without losing a wake-up."""
    worker = workers(receiver.port)
    for number in range(20):
        worker.submit(alert(str(number)))
        if number % 2:
            worker.close()
    assert worker.flush(PATIENCE)
    assert len(receiver.toasts) == 20


def test_close_delivers_what_other_threads_submit_meanwhile(workers: Callable[..., Worker]) -> None:
    """One alert after another comes while the one before is sent: close waits for all, within its budget."""
    shown: list[str] = []

    def serve(sock: socket.socket, number: int) -> None:
        request = receive_request(sock)
        if isinstance(request, NotifyRequest):
            shown.append(request.notification.text)
            if len(shown) < 20:
                worker.submit(alert(f"{len(shown)}"))
        send_response(sock, Response_Action=request.message_type)

    lines = Lines()
    with ScriptedServer(serve) as server:
        worker = workers(server.port, lines, shutdown_timeout=PATIENCE)
        worker.submit(alert("0"))
        worker.close()
    assert shown == [str(number) for number in range(20)]
    stats = worker.stats()
    assert (stats.accepted, stats.shown, stats.dropped, stats.state) == (20, 20, {}, "idle")
    assert lines.lines == []


@pytest.mark.slow
def test_close_says_that_the_time_was_too_short_where_the_server_answers(workers: Callable[..., Worker]) -> None:
    """It would be untrue that there was no answer."""
    gate = Gate()

    def serve(sock: socket.socket, number: int) -> None:
        (answer_ok if number < 2 else gate)(sock, number)  # the REGISTER and the first NOTIFY

    lines = Lines()
    with ScriptedServer(serve) as server:
        worker = workers(server.port, lines, shutdown_timeout=0.5)
        for number in range(3):
            worker.submit(alert(f"{number}"))
        worker.close()
        (line,) = lines.lines
        assert line.endswith(": 0.5 s were not enough, 2 alerts not delivered")
        assert worker.stats().dropped == {"not delivered in time": 2}
        gate.open.set()


@pytest.mark.slow
def test_a_close_does_not_wait_for_a_thread_that_waits_for_it(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """As where the collector of garbage, on the worker's thread, waits for logging's lock, which dictConfig holds."""
    loggings, has_ours = threading.Lock(), threading.Event()

    def collect() -> None:
        with worker._queue._lock:
            has_ours.set()
            with loggings:
                pass

    worker = workers(receiver.port, shutdown_timeout=0.1)
    with loggings, worker._turn:
        worker.submit(alert("waits"))
        thread = threading.Thread(target=collect)
        thread.start()
        assert has_ours.wait(PATIENCE)
        worker.close()  # comes back
    thread.join(PATIENCE)
    assert worker.flush(PATIENCE)
    assert [toast.text for toast in receiver.toasts] == ["waits"]


def test_a_thread_that_hangs_is_taken_on_again_after_each_close(workers: Callable[..., Worker]) -> None:
    """Closed and used again while an exchange hangs, as by reloads: one thread, and everything is delivered."""
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port, shutdown_timeout=0.0)
        worker.submit(alert("first"))
        assert gate.reached.wait(PATIENCE)
        for number in range(5):
            worker.close()
            worker.submit(alert(f"after {number}"))
            assert len(worker._thread_ids) == 1
        gate.open.set()
        assert worker.flush(PATIENCE)
        assert gate.shown[-1].startswith("after 4\n(5 alerts were dropped")
        worker.shutdown_timeout = PATIENCE
        worker.close()
        wait_until(lambda: not worker._thread_ids)
    assert worker.stats().dropped == {"not delivered in time": 5}


@pytest.mark.slow
def test_closing_and_starting_at_any_moment_leaves_no_alert_behind(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """Threads that end and threads that are wanted back meet in every order."""
    worker = workers(receiver.port, shutdown_timeout=PATIENCE)
    for number in range(300):
        worker.submit(alert(str(number)))
        closing = threading.Thread(target=worker.close)
        closing.start()
        worker.submit(alert(f"meanwhile {number}"))
        closing.join()
    assert worker.flush(PATIENCE)
    stats = worker.stats()
    assert (stats.accepted, stats.shown, stats.queued) == (600, 600, 0)


def test_close_long_after_a_flush_has_a_budget_of_its_own(
    workers: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What flush has spent counts for a close right after it, as logging.shutdown makes one."""
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port, shutdown_timeout=0.01)
        worker.submit(alert())
        assert not worker.flush()
        monkeypatch.setattr("gntp_logging.delivery.worker._SOON", 0.0)
        worker.shutdown_timeout = PATIENCE

        def answer() -> None:
            wait_until(lambda: bool(worker._waiters))
            gate.open.set()

        answering = threading.Thread(target=answer)
        answering.start()
        worker.close()
        answering.join(PATIENCE)
    assert (worker.stats().shown, worker.stats().dropped) == (1, {})


def test_what_is_submitted_at_the_very_end_of_close_is_delivered(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a thread that has seen a running worker, after close has looked for the last time."""
    real = AlertQueue.abandon

    def abandon(self: AlertQueue, *rest: Any) -> Abandoned:
        monkeypatch.undo()
        worker.submit(alert("at the end"))
        return real(self, *rest)

    worker = workers(receiver.port)
    worker.submit(alert("before"))
    monkeypatch.setattr(AlertQueue, "abandon", abandon)
    worker.close()
    assert [toast.text for toast in receiver.wait_for(2)] == ["before", "at the end"]
    assert worker.stats().dropped == {}


def test_a_close_while_the_thread_is_started_leaves_a_worker_that_starts_again(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that was being started ends at once, and must not be taken for one that runs."""

    def start(function: Callable[..., object], *arguments: object) -> None:
        monkeypatch.undo()
        worker.close()
        start_thread(function, *arguments)

    worker = workers(receiver.port, shutdown_timeout=0.0)
    monkeypatch.setattr("gntp_logging.delivery.worker.start_thread", start)
    worker.submit(alert("one"))
    worker.submit(alert("two"))
    (toast,) = receiver.wait_for(1)
    assert toast.text == "two\n(1 alert was dropped: not delivered in time)"


def test_an_error_at_the_threads_start_leaves_a_worker_that_starts_again(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is; what came meanwhile is delivered by the next try."""

    def fail(*_: object) -> None:
        monkeypatch.undo()
        raise MemoryError

    worker = workers(receiver.port)
    monkeypatch.setattr("gntp_logging.delivery.worker.start_thread", fail)
    with pytest.raises(MemoryError):
        worker.submit(alert("one"))
    worker.submit(alert("two"))
    assert {toast.text for toast in receiver.wait_for(2)} == {"one", "two"}


@pytest.mark.slow
def test_a_close_that_is_interrupted_counts_what_waits(workers: Callable[..., Worker]) -> None:
    """Ctrl-C ends the waiting, and is raised; the worker works on."""
    gate = Gate()
    interrupted = threading.Event()

    def interrupt() -> None:
        wait_until(lambda: bool(worker._waiters))
        os.kill(os.getpid(), signal.SIGINT)
        while not interrupted.wait(0.2):  # a signal that comes just before the wait does not end it
            os.kill(os.getpid(), signal.SIGINT)

    def close() -> None:
        try:
            worker.close()
        finally:
            interrupted.set()

    with ScriptedServer(gate) as server:
        worker = workers(server.port, shutdown_timeout=PATIENCE)
        worker.submit(alert("one"))
        assert gate.reached.wait(PATIENCE)
        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            close()
        interrupter.join(PATIENCE)
        assert not worker._waiters
        assert worker.stats().dropped == {"not delivered in time": 1}
        gate.open.set()
        worker.submit(alert("two"))
        assert worker.flush(PATIENCE)
    assert worker.stats().shown == 1


# -- Nothing ends the thread ---------------------------------------------------------------------


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, ValueError])
def test_an_on_error_that_raises_does_not_end_the_thread(
    workers: Callable[..., Worker], error: type[BaseException]
) -> None:
    """Whatever it raises, on whatever thread."""
    handed: list[str] = []

    def on_error(one: Alert, _reason: str) -> None:
        handed.append(one.text)
        raise error

    def serve(sock: socket.socket, number: int) -> None:
        (answer_error(302) if number == 1 else answer_ok)(sock, number)

    with ScriptedServer(serve) as server:
        worker = workers(server.port, on_error=on_error)
        worker.submit(alert("refused"))
        assert worker.flush(PATIENCE)
        wait_until(lambda: handed == ["refused"])
        worker.submit(alert("good"))
        assert worker.flush(PATIENCE)
        assert (worker.stats().shown, worker.stats().queued) == (1, 0)
    worker.submit(alert("nobody there"))
    with pytest.raises(error) if error is KeyboardInterrupt else contextlib.nullcontext():
        worker.close()  # on the main thread, where that is Ctrl-C
    assert handed == ["refused", "nobody there"]
    assert worker.stats().queued == 0


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("where", ["take", "next_due", "is_settled"])
def test_what_fails_in_taking_an_alert_does_not_end_the_thread(
    workers: Callable[..., Worker],
    receiver: RunningReceiver,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    where: str,
) -> None:
    """It is reported, and tried again."""
    lines = Lines()
    worker = workers(receiver.port, lines)
    real = getattr(AlertQueue, where)
    failed = threading.Event()

    def fail(self: AlertQueue, *rest: Any) -> Any:
        if worker.is_current_thread() and not failed.is_set():
            failed.set()
            raise error("no")
        return real(self, *rest)

    monkeypatch.setattr(AlertQueue, where, fail)
    worker.submit(alert("one"))
    worker.flush(PATIENCE)
    assert failed.wait(PATIENCE)
    assert worker.flush(PATIENCE)
    assert [toast.text for toast in receiver.toasts] == ["one"]
    assert worker.stats().queued == 0
    assert f"internal error: {error.__name__}: no" in lines.lines[0]


@pytest.mark.parametrize("where", ["prepare", "taken"])
def test_an_alert_that_fails_halfway_out_of_the_queue_is_not_lost(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It is in flight, and goes out with the next try."""
    real = getattr(SingleEntry, where)
    failed = threading.Event()

    def fail(self: SingleEntry, *rest: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise MemoryError("no")
        return real(self, *rest)

    monkeypatch.setattr(SingleEntry, where, fail)
    worker = workers(receiver.port)
    worker.submit(alert("one"))
    worker.flush(PATIENCE)
    assert failed.is_set()
    worker.submit(alert("two"))
    assert worker.flush(PATIENCE)
    assert [toast.text for toast in receiver.toasts] == ["one", "two"]
    assert (worker.stats().shown, worker.stats().accepted) == (2, 2)


@pytest.mark.parametrize("error", [ValueError, SystemExit])
@pytest.mark.parametrize("where", ["flood.Flood.offer", "digest.Digest.take_in", "digest.DigestSchedule.wait_for_more"])
@pytest.mark.parametrize("queue_size", [2, 100])
def test_whatever_fails_while_alerts_are_taken_in_each_is_counted(
    workers: Callable[..., Worker],
    receiver: RunningReceiver,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    where: str,
    queue_size: int,
) -> None:
    """Those that wait, those that a full queue had no room for, and those of a digest."""
    worker = workers(receiver.port, repeat_window=60, burst=1, rate=1, queue_size=queue_size)
    module, owner, name = where.split(".")
    place = getattr(importlib.import_module(f"gntp_logging.delivery.{module}"), owner)
    real = getattr(place, name)
    failed = threading.Event()

    def fail(*arguments: Any) -> Any:
        if worker.is_current_thread() and not failed.is_set():
            failed.set()
            raise error("no")
        return real(*arguments)

    monkeypatch.setattr(place, name, fail)
    with worker._turn:  # all are there before the first is taken
        for number in range(6):
            worker.submit(alert(f"{number}")._replace(fingerprint=(number,)))
    assert failed.wait(PATIENCE)
    assert worker.flush(PATIENCE) or worker.flush(PATIENCE)
    stats = worker.stats()
    assert (stats.accepted, stats.queued) == (6, 0)
    assert stats.last_error is not None
    assert stats.last_error.startswith(f"internal error: {error.__name__}")


def test_a_signal_handler_that_closes_while_the_thread_is_started_waits_for_nobody(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has interrupted the very start, so it delivers itself."""

    def start(function: Callable[..., object], *arguments: object) -> None:
        monkeypatch.undo()
        worker.submit(alert("in the signal handler"))  # as if it came now
        assert worker.flush()
        worker.close()
        start_thread(function, *arguments)

    worker = workers(receiver.port, shutdown_timeout=PATIENCE)
    monkeypatch.setattr("gntp_logging.delivery.worker.start_thread", start)
    began = time.monotonic()
    worker.submit(alert("first"))
    assert time.monotonic() - began < PATIENCE / 2
    worker.submit(alert("later"))
    assert worker.flush(PATIENCE)
    assert [toast.text for toast in receiver.toasts] == ["first", "in the signal handler", "later"]


def test_a_close_ends_the_flushes_of_other_threads(workers: Callable[..., Worker]) -> None:
    """What they wait for is counted then."""
    gate = Gate()
    results: list[bool] = []
    with ScriptedServer(gate) as server:
        worker = workers(server.port, timeout=60, shutdown_timeout=0.0)
        worker.submit(alert())
        assert gate.reached.wait(PATIENCE)
        began = time.monotonic()
        flusher = threading.Thread(target=lambda: results.append(worker.flush(6 * PATIENCE)))
        flusher.start()
        wait_until(lambda: bool(worker._waiters))
        worker.close()
        flusher.join(PATIENCE)
        assert results == [True]
        assert time.monotonic() - began < PATIENCE
        gate.open.set()


def test_an_on_error_that_closes_the_handler_delivers_what_waits(workers: Callable[..., Worker]) -> None:
    """A call on the worker's own thread cannot wait for that thread, so it delivers itself."""
    shown: list[str] = []

    def serve(sock: socket.socket, number: int) -> None:
        request = receive_request(sock)
        if isinstance(request, NotifyRequest) and request.notification.text == "refused":
            worker.submit(alert("waits"))
            send_response(sock, "-ERROR", Error_Code="302", Error_Description="no")
            return
        if isinstance(request, NotifyRequest):
            shown.append(request.notification.text.split("\n")[0])
        send_response(sock, Response_Action=request.message_type)

    with ScriptedServer(serve) as server:
        worker: Worker = workers(server.port, on_error=lambda *_: worker.close(), shutdown_timeout=PATIENCE)
        worker.submit(alert("refused"))
        wait_until(lambda: shown == ["waits"])
        wait_until(lambda: worker.stats().state == "idle")
    assert worker.stats().dropped == {"error 302": 1}


def test_a_thread_with_the_number_of_one_that_has_ended_is_heard(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """The system gives numbers of threads again, mostly to the next one."""
    worker = workers(receiver.port)
    mistaken: list[bool] = []
    for _ in range(20):
        worker.submit(alert())
        worker.close()
        wait_until(lambda: not worker._thread_ids)
        thread = threading.Thread(target=lambda: mistaken.append(worker.is_current_thread()))
        thread.start()
        thread.join()
    assert mistaken == [False] * 20


def test_the_parents_thread_is_not_the_childs() -> None:
    """A fork without hooks leaves its number, which a thread of the child may have got."""
    worker = make_worker(free_port())
    worker._thread_ids.add(threading.get_ident())
    assert worker.is_current_thread()
    worker.pid = -1
    assert not worker.is_current_thread()
    assert worker.stats().accepted == 0
    assert worker.pid == os.getpid()


@pytest.fixture
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no raw thread be started, as uWSGI without threads and limits of the system do; tests' own are others."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("gntp_logging.delivery.worker.start_thread", refuse)


@pytest.mark.usefixtures("without_threads")
def test_where_threads_are_refused_alerts_are_delivered_at_once(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """Submit delivers itself, and says so once."""
    lines = Lines()
    worker = workers(receiver.port, lines)
    worker.submit(alert("one"))
    assert [toast.text for toast in receiver.toasts] == ["one"]
    worker.submit(alert("two"))
    assert [toast.text for toast in receiver.toasts] == ["one", "two"]
    assert lines.lines == ["no thread can be started (can't start new thread): alerts are sent by the thread that logs"]


@pytest.mark.usefixtures("without_threads")
def test_without_threads_a_dead_server_is_not_asked_for_each_record(workers: Callable[..., Worker]) -> None:
    """The first record tries within the budget; those after it wait in the queue like everywhere else."""
    gate = Gate()
    with ScriptedServer(gate) as server:
        worker = workers(server.port, shutdown_timeout=0.05)
        for _ in range(100):
            worker.submit(alert())
        assert server.connections == 1
        assert worker.stats().queued == 100
        gate.open.set()
        worker.shutdown_timeout = PATIENCE
        assert worker.flush()
    assert worker.stats().shown == 100


@pytest.mark.usefixtures("without_threads")
def test_without_threads_what_is_given_up_is_handed_over_all_the_same(workers: Callable[..., Worker]) -> None:
    """There is no worker's thread to do it, so the one that delivers does."""
    lost: list[str] = []
    with ScriptedServer(answer_error(500)) as server:
        worker = workers(server.port, on_error=lambda _, reason: lost.append(reason))
        worker.submit(alert())
    assert lost == [worker.stats().last_error]


@pytest.mark.usefixtures("without_threads")
def test_without_threads_a_delivery_that_is_interrupted_loses_nothing(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is raised where the program logs; the alert goes out with the next one."""

    def send(*_: object, **__: object) -> SendResult:
        monkeypatch.setattr(GNTPTransport, "send", real)
        raise KeyboardInterrupt

    real = GNTPTransport.send
    monkeypatch.setattr(GNTPTransport, "send", send)
    worker = workers(receiver.port)
    with pytest.raises(KeyboardInterrupt):
        worker.submit(alert("one"))
    assert worker.stats().queued == 1
    worker.submit(alert("two"))
    assert [toast.text for toast in receiver.toasts] == ["one", "two"]
    assert (worker.stats().shown, worker.stats().queued) == (2, 0)


@pytest.mark.usefixtures("without_threads")
@pytest.mark.parametrize(
    "where",
    [
        "queue.AlertQueue._sort_next", "queue.AlertQueue._decide", "outbox.SingleEntry.prepare",
        "outbox.SingleEntry.taken", "outbox.SingleEntry.shown", "queue.AlertQueue.settle", "queue.AlertQueue.take",
    ],
)  # fmt: skip
@pytest.mark.parametrize("after", [False, True])
def test_without_threads_ctrl_c_anywhere_loses_and_locks_nothing(
    workers: Callable[..., Worker],
    receiver: RunningReceiver,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    after: bool,
) -> None:
    """Before a step of the delivery or after it: the next logging call delivers what is there."""
    module, owner, name = where.split(".")
    place = getattr(importlib.import_module(f"gntp_logging.delivery.{module}"), owner)
    real = getattr(place, name)
    interrupted: list[bool] = []

    def interrupt(*arguments: Any) -> Any:
        if interrupted:
            return real(*arguments)
        interrupted.append(True)
        if after:
            real(*arguments)
        raise KeyboardInterrupt

    worker = workers(receiver.port)
    monkeypatch.setattr(place, name, interrupt)
    with pytest.raises(KeyboardInterrupt):
        worker.submit(alert("one"))
    worker.submit(alert("two"))
    assert worker.flush(PATIENCE)
    stats = worker.stats()
    assert stats.queued == 0
    assert {toast.text for toast in receiver.toasts} == {"one", "two"}
    if (
        not where.endswith(("_decide", "shown")) or not after
    ):  # what is decided is decided: it is counted twice rather than never
        assert stats.accepted == 2
    worker.close()
    assert worker.stats().state == "idle"


@pytest.mark.usefixtures("without_threads")
def test_without_threads_alerts_of_a_handler_that_was_thrown_away_wait_for_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody else would know of them."""
    kept: list[Any] = []
    monkeypatch.setattr("gntp_logging.delivery.process._kept", kept)
    port = free_port()
    worker = make_worker(port)
    worker.submit(alert("one"))
    worker.retire()
    assert kept == [worker]
    with running_receiver(port=port) as receiver:
        worker.finish(time.monotonic() + PATIENCE)
        assert [toast.text for toast in receiver.toasts] == ["one"]


# -- Looking, and being woken --------------------------------------------------------------------------


def call(number: int = 0, created: float | None = None) -> Alert:
    """Make the alert of a logging call with an argument."""
    raw = RawCall(40, "shop", "/srv/shop.py", "pay", "order %d failed", f"order {number} failed")
    created = time.time() if created is None else created
    return make_alert(f"order {number} failed", created=created, fingerprint=raw)


PLACE = raw_fingerprint(call().fingerprint)


class Flag:
    """The lock that wakes a worker's thread, and what was done with it."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.timeouts: list[float] = []
        self.released = 0

    def acquire(self, timeout: float = -1) -> bool:
        """Remember for how long it may take."""
        self.timeouts.append(timeout)
        return bool(self.lock.acquire(timeout=timeout))

    def release(self) -> None:
        """Count."""
        self.released += 1
        self.lock.release()

    def locked(self) -> bool:
        """Say what the lock says."""
        return bool(self.lock.locked())


def asleep(worker: Worker, flag: Flag) -> bool:
    """Tell whether the thread waits to be woken."""
    thread = worker._thread
    return thread is not None and not thread.is_awake and flag.locked() and flag.timeouts[-1] != 0.005


def test_while_alerts_come_the_thread_looks_and_at_rest_it_sleeps(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """The first of a quiet time wakes it; those that follow do not."""
    worker = workers(receiver.port, repeat_window=60)
    flag: Any = Flag(worker._wake)
    worker._wake = flag
    worker.submit(call(), PLACE)
    receiver.wait_for(1)
    wait_until(lambda: asleep(worker, flag))
    assert flag.timeouts[-1] > 1  # until the group's window ends
    before, looks = flag.released, len(flag.timeouts)
    newest = worker._queue.known_calls.get(PLACE)
    assert newest is not None
    assert worker.count(PLACE, newest.text_at)
    assert flag.released == before + 1
    wait_until(lambda: len(flag.timeouts) > looks)
    wait_until(lambda: asleep(worker, flag))
    assert 0.005 in flag.timeouts[looks:]
    assert worker.stats().folded == 1


def test_a_thread_that_is_awake_is_not_woken(workers: Callable[..., Worker], receiver: RunningReceiver) -> None:
    """It looks by itself: alerts of any kind cost no more than their place in the queue."""
    worker = workers(receiver.port, repeat_window=60)
    worker.submit(call(), PLACE)
    assert worker.flush(PATIENCE)
    flag: Any = Flag(worker._wake)
    with worker._turn:  # the thread waits for its turn, and is awake
        worker.submit(call(), PLACE)
        wait_until(lambda: worker._thread is not None and worker._thread.is_awake)
        worker._wake = flag
        worker.submit(call())
        worker.submit(alert())
        assert flag.released == 0
    assert worker.flush(PATIENCE)
    assert worker.stats().accepted == 4


@pytest.mark.parametrize("is_counted", [False, True])
def test_what_comes_while_the_thread_falls_asleep_is_delivered(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch, *, is_counted: bool
) -> None:
    """Whoever logs then does not wake it, and it looks once more."""
    worker = workers(receiver.port, repeat_window=60)
    real = worker._queue.rest
    came = threading.Event()

    def rest() -> None:
        real()
        if not came.is_set() and worker.stats().shown:
            came.set()
            assert worker._thread is not None
            assert worker._thread.is_awake
            if is_counted:
                # On a thread of its own, for those of the worker's are ignored.
                known = worker._queue.known_calls.get(PLACE)
                assert known is not None
                thread = threading.Thread(target=worker.count, args=(PLACE, known.text_at))
                thread.start()
                thread.join(PATIENCE)
            else:
                worker.submit(alert("meanwhile"))

    monkeypatch.setattr(worker._queue, "rest", rest)
    worker.submit(call(), PLACE)
    assert came.wait(PATIENCE)
    wait_until(lambda: worker.stats().shown + worker.stats().folded == 2)


def test_a_repeat_is_counted_by_no_thread_of_the_workers_and_in_no_other_process(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """Its own alerts are no news; what a forked child counts has a toast of its own, which needs an alert."""
    worker = workers(receiver.port, repeat_window=60)
    worker.submit(call(), PLACE)
    assert worker.flush(PATIENCE)
    known = worker._queue.known_calls.get(PLACE)
    assert known is not None
    assert worker.count(PLACE, known.text_at)
    worker._thread_ids.add(threading.get_ident())
    assert not worker.count(PLACE, known.text_at)
    worker._thread_ids.discard(threading.get_ident())
    worker.pid = -1
    for process in (os.getpid(), None, "-1"):
        assert not worker.count(PLACE, known.text_at, process)
    worker.pid = os.getpid()
    for process in (os.getpid(), -1, None, "a record that was made elsewhere"):
        assert worker.count(PLACE, known.text_at, process)
    assert worker.flush(PATIENCE)
    assert worker.stats().folded == 5


def test_a_repeat_after_close_starts_the_thread_again(
    workers: Callable[..., Worker], receiver: RunningReceiver
) -> None:
    """As an alert does."""
    worker = workers(receiver.port, repeat_window=60)
    worker.submit(call(), PLACE)
    worker.close()
    known = worker._queue.known_calls.get(PLACE)
    assert known is not None
    assert worker.stats().state == "idle"
    assert worker.count(PLACE, known.text_at)
    assert worker.stats().state == "running"
    assert worker.flush(PATIENCE)
    assert worker.stats().shown == 2


def test_a_repeat_after_a_flush_in_vain_gives_a_close_its_time_back(workers: Callable[..., Worker]) -> None:
    """What the flush has spent was not this one's."""
    gate = threading.Event()

    def serve(sock: socket.socket, number: int) -> None:
        gate.wait(PATIENCE)
        answer_ok(sock, number)

    with ScriptedServer(serve) as server:
        worker = workers(server.port, repeat_window=60, shutdown_timeout=0.0)
        worker.submit(call(), PLACE)
        wait_until(lambda: worker._queue.known_calls.get(PLACE) is not None)
        assert not worker.flush()
        unfinished = worker._unfinished_flush
        assert unfinished is not None
        known = worker._queue.known_calls.get(PLACE)
        assert known is not None
        assert worker.count(PLACE, known.text_at)
        assert worker._unfinished_flush is not unfinished
        gate.set()


def test_many_threads_count_one_call_and_each_record_counts(
    workers: Callable[..., Worker], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While calls are forgotten and opened again all the time, and the numbers are asked for."""
    monkeypatch.setattr("gntp_logging.delivery.known_calls._ROOM", 50)
    worker = workers(receiver.port, repeat_window=60)
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            with worker._queue._lock:
                for known in worker._queue.known_calls.all():
                    worker._queue.known_calls.forget(known)
            worker.stats()

    def work() -> None:
        for number in range(3000):
            made = call(number)
            if not worker.count(PLACE, made.created):
                worker.submit(made, PLACE)

    threads = [threading.Thread(target=work) for _ in range(3)]
    disturber = threading.Thread(target=disturb)
    for thread in (*threads, disturber):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    disturber.join()
    assert worker.flush(PATIENCE)
    stats = worker.stats()
    assert (stats.accepted, stats.shown + stats.folded, stats.queued) == (9000, 9000, 0)
