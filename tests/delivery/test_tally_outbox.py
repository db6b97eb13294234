"""Batches of tallies for a place that counts by itself: each record once, whatever has to be sent again."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import Alert
from gntp_logging.delivery.digest import MAX_FINGERPRINTS, Tally
from gntp_logging.delivery.dropped import DroppedAlerts
from gntp_logging.delivery.flood import Flood
from gntp_logging.delivery.kept import Kept, of_digest
from gntp_logging.delivery.queue import AlertQueue
from gntp_logging.delivery.tally_outbox import INTERVAL, MAX_TALLIES, TallyOutbox
from gntp_logging.delivery.transport import OutgoingAlert, SendResult, SendStatus
from gntp_logging.delivery.worker import DeliverySettings, Worker
from tests.support import AS_IT_IS, PATIENCE, as_it_is, make_alert, wait_until

TAKEN = SendResult(SendStatus.SHOWN)
UNANSWERED = SendResult(SendStatus.RETRY, "broker", "no answer", 1)
REFUSED = SendResult(SendStatus.RETRY, "broker", "it is full", 0)


class Batch(NamedTuple):
    """What has arrived at one time."""

    id_: str
    counts: dict[str, int]


class Broker:
    """Counts batches, each number once; loses answers, or refuses, as a test says."""

    label = "a broker"
    timeout = 1.0
    batch_size = 1
    takes_tallies = True
    failure_key = "a broker"

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.taken: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.gate = threading.Event()
        self.gate.set()
        self.answers: list[SendResult] = []

    def may_deliver_inline(self) -> bool:
        """Say yes: nothing has to be looked up."""
        return True

    def forget(self) -> None:
        """Know nothing anyway."""

    def close(self) -> None:
        """Keep nothing open."""

    def send(self, batch: Sequence[OutgoingAlert], deadline: float) -> list[SendResult]:
        """Take one batch."""
        assert self.gate.wait(PATIENCE)
        (outgoing,) = batch
        counts = {str(tally.newest.fingerprint): tally.count for tally in outgoing.tallies}
        answer = self.answers.pop(0) if self.answers else TAKEN
        if answer != REFUSED and outgoing.id_ not in self.taken:
            self.taken.add(outgoing.id_)
            self.counts.update(counts)
        self.batches.append(Batch(outgoing.id_, counts))
        return [answer]


@pytest.fixture
def broker() -> Broker:
    """A broker that takes everything."""
    return Broker()


@pytest.fixture
def worker(broker: Broker) -> Iterator[Worker]:
    """A worker that publishes to it."""
    settings = DeliverySettings(
        queue_size=10_000, max_age=0.0, shutdown_timeout=PATIENCE, repeat_window=60.0, burst=1, rate=1.0
    )
    worker = Worker(broker, settings, redactor=AS_IT_IS, report=lambda _: None)
    yield worker
    worker.close()


def alert(text: str) -> Alert:
    """Make an alert of its own fingerprint."""
    return make_alert(text, fingerprint=text)


def test_what_comes_while_a_batch_is_sent_is_one_tally(worker: Worker, broker: Broker) -> None:
    """The first goes at once; neither a window nor a rate applies."""
    broker.gate.clear()
    worker.submit(alert("a"))
    wait_until(lambda: worker.stats().queued == 1 and not worker._queue._waiting())
    for _ in range(500):
        worker.submit(alert("a"))
        worker.submit(alert("b"))
    broker.gate.set()
    assert worker.flush(PATIENCE)
    assert broker.counts == {"a": 501, "b": 500}
    assert broker.batches[0].counts == {"a": 1}
    stats = worker.stats()
    assert (stats.accepted, stats.published, stats.notifications) == (1001, 1001, 0)
    assert (stats.shown, stats.folded, stats.digested, stats.queued) == (0, 0, 0, 0)


def test_a_batch_without_an_answer_is_sent_again_unchanged(worker: Worker, broker: Broker) -> None:
    """Before what has come since, and with its number: it counts once."""
    broker.answers = [UNANSWERED]
    worker.submit(alert("a"))
    wait_until(lambda: len(broker.batches) == 1)
    for _ in range(3):
        worker.submit(alert("a"))
    assert worker.flush(PATIENCE)
    first, again, rest = broker.batches
    assert again == first == Batch(first.id_, {"a": 1})
    assert rest.counts == {"a": 3}
    assert rest.id_ != first.id_
    assert worker.stats().published == broker.counts["a"] == 4


def test_a_batch_that_was_refused_takes_in_what_has_come_since(worker: Worker, broker: Broker) -> None:
    """One number for each incident, however often it is refused."""
    broker.answers = [REFUSED] * 2
    worker.submit(alert("a"))
    wait_until(lambda: len(broker.batches) == 1)
    worker.submit(alert("b"))
    worker.submit(alert("a"))
    worker.flush(PATIENCE)
    worker.submit(alert("a"))
    assert worker.flush(PATIENCE)
    id_ = broker.batches[0].id_
    assert broker.batches == [Batch(id_, {"a": 1}), Batch(id_, {"a": 2, "b": 1}), Batch(id_, {"a": 3, "b": 1})]
    assert worker.stats().published == 4


def test_a_batch_that_may_have_arrived_once_never_changes(worker: Worker, broker: Broker) -> None:
    """A refusal of a later try says nothing about an earlier one."""
    broker.answers = [REFUSED, UNANSWERED, REFUSED]
    worker.submit(alert("a"))
    wait_until(lambda: len(broker.batches) == 1)
    for _ in range(3):
        worker.submit(alert("a"))
        worker.flush(PATIENCE)
    assert [batch.counts["a"] for batch in broker.batches] == [1, 2, 2, 2, 2]
    assert worker.stats().published == broker.counts["a"] == 4


def test_a_batch_has_a_bound(worker: Worker, broker: Broker) -> None:
    """What is beyond it goes in the next one."""
    broker.gate.clear()
    for number in range(3 * MAX_TALLIES):
        worker.submit(alert(str(number)))
    broker.gate.set()
    assert worker.flush(PATIENCE)
    assert max(len(batch.counts) for batch in broker.batches) <= MAX_TALLIES
    assert broker.counts == {str(number): 1 for number in range(3 * MAX_TALLIES)}


def test_too_many_incidents_are_counted_by_level(broker: Broker, worker: Worker) -> None:
    """None is lost."""
    broker.gate.clear()
    worker.submit(alert("first"))
    wait_until(lambda: not worker._queue._waiting())
    for number in range(MAX_FINGERPRINTS + 50):
        worker.submit(alert(str(number)))
    broker.gate.set()
    assert worker.flush(PATIENCE)
    assert broker.counts["other|40"] == 50
    assert worker.stats().published == MAX_FINGERPRINTS + 51


def test_what_cannot_be_published_before_the_end_is_dropped_and_counted(broker: Broker, worker: Worker) -> None:
    """The batch that waits for another try too."""
    broker.answers = [REFUSED, UNANSWERED] * 10
    worker.submit(alert("a"))
    wait_until(lambda: len(broker.batches) == 1)
    worker.submit(alert("b"))
    worker.close()
    stats = worker.stats()
    assert (stats.accepted, stats.published, stats.queued) == (2, 0, 0)
    assert sum(stats.dropped.values()) == 2


@given(st.lists(st.sampled_from(["log", "send", "retry", "refuse", "again", "full"]), max_size=40))
def test_each_record_is_in_one_batch(steps: list[str]) -> None:
    """Whatever fails, whatever is sent again, and however full the queue is."""
    queue = AlertQueue(5, 0.0, Flood(60.0, 1, 1.0), str, DroppedAlerts(None, 1, as_it_is), make_outbox=TallyOutbox)
    taken: dict[str, int] = {}
    arrived: set[str] = set()
    logged = 0
    for step in [*steps, "again", *["send"] * 50]:
        if step == "log":
            queue.add(alert(f"{logged % 3}"))
            logged += 1
        elif step == "full":
            for _ in range(9):
                queue.add(alert("many"))
            logged += 9
        else:
            for entry in queue.take(flushed=queue.mark()):
                entry.compose(as_it_is)
                count = sum(tally.count for tally in entry.tallies())
                assert taken.setdefault(entry.id_, count) == count
                arrived |= {entry.id_} if step in ("retry", "again") else set()
                if step == "retry":
                    queue.put_back(entry, 1)
                elif step == "refuse":
                    has_arrived = entry.id_ in arrived
                    taken = {id_: count for id_, count in taken.items() if id_ != entry.id_ or has_arrived}
                    queue.put_back(entry, 0)
                elif step == "send":
                    queue.settle(entry)  # "again": an exception leaves it in flight
        counts = queue.counts()
        assert counts.published + counts.queued == logged
    assert sum(taken.values()) == counts.published == logged


def test_batches_keep_a_distance() -> None:
    """What a flood logs meanwhile is one number; a flush waits for nothing."""
    outbox = _outbox()
    send: Callable[[float, int], bool] = lambda now, flushed: _send_next(outbox, now, flushed)  # noqa: E731 - reads better
    outbox.digest.current.add("a", alert("a"), 1)
    assert send(100.0, 0)
    outbox.digest.current.add("a", alert("a"), 2)
    assert not send(100.0 + INTERVAL / 2, 0)
    assert outbox.next_due() == 100.0 + INTERVAL
    assert send(100.0 + INTERVAL / 2, 2)


def _send_next(outbox: TallyOutbox, now: float, flushed: int) -> bool:
    entry = outbox.next_entry(flushed, now)
    if entry is None:
        return False
    entry.taken(now)
    entry.shown(now)
    return True


def test_a_spool_keeps_batches_under_the_numbers_that_they_will_have() -> None:
    """What was sent just before a crash is then known to the place."""
    outbox = _outbox()
    for number in range(MAX_TALLIES + 1):
        outbox.digest.current.add(str(number), alert(str(number)), number + 1)
    kept = Counter(kept.coalescing_id for kept in outbox.snapshot([]).kept())
    for _ in range(2):
        entry = outbox.next_entry(0, 0.0)
        assert entry is not None
        assert kept.pop(entry.coalescing_id) == entry.records
        entry.taken(-INTERVAL)
        assert entry.coalescing_id in {kept.coalescing_id for kept in outbox.snapshot([entry]).kept()}
    assert not kept


def test_what_was_left_goes_in_the_order_of_its_numbers() -> None:
    """In whatever order it is read: a lower number would be ignored after a greater one."""
    outbox = _outbox()
    for number in (10, 9, 11):
        outbox.digest.current.add("a", alert("a"), 1)
        outbox.restore(_left(number), number, 0.0)
    sent: list[str] = []
    while (entry := outbox.next_entry(9, 0.0)) is not None:
        entry.taken(0.0)
        if not sent:
            entry.requeue(0)
            entry = outbox.next_entry(9, 0.0)
            assert entry is not None
            entry.taken(0.0)
        entry.shown(0.0)
        sent.append(entry.id_)
    assert sent == [f"{'0' * 16}-{number}" for number in (9, 10, 11)] + [f"{outbox.id_prefix}-1"]


def test_what_comes_after_a_batch_that_was_left_is_another_producers() -> None:
    """Its number would be above that of what another process sends later."""
    outbox = _outbox()
    outbox.digest.current.add("a", alert("a"), 1)
    first = outbox.next_entry(0, 0.0)
    assert first is not None
    first.taken(0.0)
    first.requeue(1)
    outbox.digest.current.add("a", alert("a"), 2)
    outbox.abandon("late", math.inf, 0.0, {kept.key: kept.records for kept in outbox.snapshot([]).kept()})
    assert outbox.spooled == 2
    outbox.digest.current.add("a", alert("a"), 3)
    second = outbox.next_entry(9, 0.0)
    assert second is not None
    assert first.id_.rpartition("-")[0] != second.id_.rpartition("-")[0]


def test_what_waits_keeps_its_producer_where_nothing_was_left() -> None:
    """A spool has it under the number that it will have."""
    outbox = _outbox()
    outbox.digest.current.add("a", alert("a"), 2)
    (before,) = outbox.snapshot([]).kept()
    outbox.abandon("", 1, 0.0, {})
    assert outbox.snapshot([]).kept() == [before]


def test_a_batch_that_is_refused_after_its_producer_has_gone_keeps_its_number() -> None:
    """A spool may still have it under that."""
    outbox = _outbox()
    outbox.digest.current.add("a", alert("a"), 1)
    batch = outbox.next_entry(0, 0.0)
    assert batch is not None
    batch.taken(0.0)
    outbox.abandon("late", 0, 0.0, {"another": 1})
    outbox.digest.current.add("a", alert("a"), 2)
    batch.requeue(0)
    assert outbox.next_entry(9, 0.0) is batch


def test_what_came_while_a_batch_was_refused_gets_a_number_above_all_before() -> None:
    """So that the place knows both numbers under which a spool may still have something of it."""
    outbox = _outbox()
    outbox.digest.current.add("a", alert("a"), 1)
    batch = outbox.next_entry(0, 0.0)
    assert batch is not None
    batch.taken(0.0)
    outbox.digest.current.add("a", alert("a"), 2)
    batch.requeue(0)
    again = outbox.next_entry(9, 0.0)
    assert again is not None
    assert (again.id_, again.records) == (f"{outbox.id_prefix}-3", 2)


def test_a_refused_batch_takes_nothing_of_several_others() -> None:
    """The rest of these would have a lower number than what was taken from them."""
    outbox = _outbox()
    outbox.digest.current.add("a", alert("a"), 1)
    batch = outbox.next_entry(0, 0.0)
    assert batch is not None
    batch.taken(0.0)
    for number in range(MAX_TALLIES):
        outbox.digest.current.add(str(number), alert(str(number)), number + 2)
    batch.requeue(0)
    assert outbox.next_entry(9, 0.0) is batch
    assert batch.records == 1


def test_an_interrupt_before_a_batch_is_taken_out_changes_nothing() -> None:
    """It waits still, once."""
    outbox = _outbox()
    outbox.digest.current.add("a", alert("a"), 1)
    batch = outbox.next_entry(0, 0.0)
    assert batch is not None
    batch.requeue(1)
    assert (outbox.records(), list(outbox.fixed)) == (1, [])
    batch.taken(0.0)
    batch.requeue(1)
    batch.requeue(1)
    assert list(outbox.fixed) == [batch]


def _outbox() -> TallyOutbox:
    return TallyOutbox(Flood(60.0, 1, 1.0), DroppedAlerts(None, 1, as_it_is), Counter)  # type: ignore[arg-type]  # the last is not asked


def _left(number: int) -> Kept:
    id_ = f"{'0' * 16}-{number}"
    (kept,) = of_digest(id_, [("a", Tally(alert("a")))])
    return kept
