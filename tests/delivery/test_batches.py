"""The worker with a transport that takes many alerts at a time, as a broker does."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from gntp_logging.alerts.alert import Alert
from gntp_logging.delivery.transport import OutgoingAlert, SendResult, SendStatus, Transport
from gntp_logging.delivery.worker import DeliverySettings, Worker
from tests.support import AS_IT_IS, PATIENCE, make_alert

SHOWN = SendResult(SendStatus.SHOWN)
RETRY = SendResult(SendStatus.RETRY, "network", "the broker is away")

Answer = Callable[[Sequence[OutgoingAlert]], list[SendResult]]


class Broker:
    """Takes batches, keeps the newest count of each Coalescing-ID, and answers as a test says."""

    label = "a broker"
    timeout = 1.0
    batch_size = 50
    takes_tallies = False
    failure_key = "a broker"

    def __init__(self, answer: Answer | None = None) -> None:
        self.batches: list[list[str]] = []
        self.counts: dict[str, int] = {}
        self.deadlines: list[float] = []
        self.gate = threading.Event()
        self._answer = answer

    def may_deliver_inline(self) -> bool:
        """Say yes: nothing has to be looked up."""
        return True

    def forget(self) -> None:
        """Know nothing anyway."""

    def close(self) -> None:
        """Keep nothing open."""

    def send(self, batch: Sequence[OutgoingAlert], deadline: float) -> list[SendResult]:
        """Take a batch."""
        assert self.gate.wait(PATIENCE)
        self.deadlines.append(deadline)
        results = [SHOWN] * len(batch) if self._answer is None else self._answer(batch)
        self.batches.append([one.alert.text for one in batch])
        for one, result in zip(batch, results, strict=True):
            if result.status is SendStatus.SHOWN:
                self.counts[one.coalescing_id] = sum(tally.count for tally in one.tallies)
        return results


def alert(text: str, fingerprint: str = "") -> Alert:
    """Make an alert of its own fingerprint."""
    return make_alert(text, fingerprint=(fingerprint or text,))


@pytest.fixture
def work() -> Iterator[Callable[[Transport], Worker]]:
    """Make workers for transports; they are closed at the test's end."""
    made: list[Worker] = []

    def make(transport: Transport) -> Worker:
        settings = DeliverySettings(
            queue_size=10_000, max_age=0.0, shutdown_timeout=PATIENCE, repeat_window=60.0, burst=1, rate=0.0
        )
        made.append(Worker(transport, settings, redactor=AS_IT_IS, report=lambda _: None))
        return made[-1]

    yield make
    for worker in made:
        worker.close()


def test_what_waits_goes_out_in_batches_in_its_order(work: Callable[[Transport], Worker]) -> None:
    """The first goes at once; what came meanwhile goes together."""
    broker = Broker()
    worker = work(broker)
    for number in range(120):
        worker.submit(alert(str(number)))
    broker.gate.set()
    assert worker.flush(PATIENCE)
    assert [text for batch in broker.batches for text in batch] == [str(number) for number in range(120)]
    assert max(map(len, broker.batches)) == 50
    assert (worker.stats().shown, worker.stats().notifications) == (120, 120)


def test_each_alert_of_a_batch_has_its_own_fate(work: Callable[[Transport], Worker]) -> None:
    """What was taken is shown, what was not wanted is dropped, what is worth another try goes out again, in order."""
    fates = iter([[RETRY, SHOWN, SendResult(SendStatus.DROPPED, "too large"), RETRY]])

    def answer(batch: Sequence[OutgoingAlert]) -> list[SendResult]:
        return next(fates) if len(batch) == 4 and broker.batches else [SHOWN] * len(batch)

    broker = Broker(answer)
    broker.gate.set()
    worker = work(broker)
    worker.submit(alert("first"))
    assert worker.flush(PATIENCE)
    with worker._turn:  # all are there before the next batch is taken
        for text in "abcd":
            worker.submit(alert(text))
    assert not worker.flush(PATIENCE)
    stats = worker.stats()
    assert (stats.shown, stats.dropped, stats.queued, stats.state) == (2, {"too large": 1}, 2, "retrying")
    assert worker.flush(PATIENCE)
    assert broker.batches == [["first"], ["a", "b", "c", "d"], ["a\n(1 alert was dropped: too large)", "d"]]
    assert worker.stats().state == "running"


def test_a_place_can_count_for_itself(work: Callable[[Transport], Worker]) -> None:
    """The newest count of each Coalescing-ID, added up, is every record, whatever was sent twice or refused once."""
    results = iter([RETRY, SHOWN, SHOWN, RETRY, SHOWN, SendResult(SendStatus.DROPPED, "error 300")] * 20)

    def answer(batch: Sequence[OutgoingAlert]) -> list[SendResult]:
        return [next(results) if one.alert.text.startswith("often") else SHOWN for one in batch]

    broker = Broker(answer)
    broker.gate.set()
    worker = work(broker)
    for number in range(300):
        worker.submit(alert("often", f"often {number % 3}"))
        worker.submit(alert(str(number)))
        if number % 50 == 0:
            worker.flush(PATIENCE)
    while not worker.flush(PATIENCE):
        pass
    stats = worker.stats()
    assert stats.accepted == 600
    assert sum(broker.counts.values()) == stats.shown + stats.folded + stats.digested
    assert sum(broker.counts.values()) + sum(stats.dropped.values()) == 600


def test_a_thread_has_the_exchanges_own_time_and_an_inline_delivery_a_deadline(
    work: Callable[[Transport], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the calling thread delivers, it waits no longer than it may."""
    broker = Broker()
    broker.gate.set()
    worker = work(broker)
    worker.submit(alert("thread"))
    assert worker.flush(PATIENCE)

    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("gntp_logging.delivery.worker.start_thread", no_thread)
    worker = work(broker)
    worker.submit(alert("inline"))
    assert broker.deadlines[0] == math.inf
    assert all(deadline < math.inf for deadline in broker.deadlines[1:])
    assert len(broker.deadlines) == 2
