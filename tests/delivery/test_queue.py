"""queue: whatever happens to alerts, in whatever order, every one of them is accounted for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint, RawCall
from gntp_logging.delivery import digest as digests
from gntp_logging.delivery import queue as queues
from gntp_logging.delivery.dropped import DroppedAlerts
from gntp_logging.delivery.flood import Flood
from gntp_logging.delivery.outbox import CountUpdate, DigestEntry, Entry
from gntp_logging.delivery.queue import AlertQueue, Submitted
from tests.support import AS_IT_IS, PATIENCE, as_it_is, make_alert


def alert(fingerprint: str = "a", priority: int = 1) -> Alert:
    """Make an alert."""
    return make_alert(f"text {fingerprint}", priority=priority, created=time.time(), fingerprint=(fingerprint,))


def make_queue(
    size: int = 100,
    max_age: float = 0.0,
    flood: Flood | None = None,
    on_error: Callable[[Alert, str], object] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> AlertQueue:
    """Make a queue of alerts that hold no secrets."""
    dropped = DroppedAlerts(on_error, size, as_it_is)
    return AlertQueue(size, max_age, flood or Flood(60.0, 20, 0.0), AS_IT_IS.fingerprint, dropped, note)


def composed(entry: Entry) -> Alert:
    """Return what an entry sends."""
    return entry.compose(as_it_is)


def taken(queue: AlertQueue, flushed: int = 0) -> Entry:
    """Take what must be there."""
    (entry,) = queue.take(flushed)
    return entry


def count(entry: Entry) -> int:
    """Return how many records an entry's Coalescing-ID stands for."""
    return sum(tally.count for tally in entry.tallies())


def test_a_repeat_raises_the_count_of_what_waits() -> None:
    """While the first is undelivered: one toast, when it is sent, tells them all."""
    queue = make_queue(100, 0.0, Flood(60.0, 20, 0.0))
    for _ in range(3):
        queue.add(alert())
    first = taken(queue)
    assert (composed(first).title, count(first)) == ("3 × title", 3)
    queue.put_back(first, 1)
    queue.add(alert())
    again = taken(queue)
    assert (composed(again).title, again.id_, again.unanswered) == ("4 × title", first.id_, 1)
    queue.settle(again)
    counts = queue.counts()
    assert (counts.shown, counts.folded, counts.queued, counts.notifications) == (1, 3, 0, 1)


def test_updates_share_the_firsts_coalescing_id_and_no_other_does() -> None:
    """Ids are random: two processes with the same fingerprint do not overwrite each other's counts."""
    ids = []
    for _ in range(2):
        queue = make_queue(100, 0.0, Flood(60.0, 20, 0.0))
        queue.add(alert())
        first = taken(queue)
        queue.settle(first)
        queue.add(alert())
        update = taken(queue, queue.mark())
        assert isinstance(update, CountUpdate)
        assert first.id_ == first.coalescing_id == update.coalescing_id != update.id_
        ids.append(first.id_)
        queue.settle(update)
        queue.add(alert())
        another = taken(queue, queue.mark())
        assert another.id_ not in (first.id_, update.id_)
    assert ids[0] != ids[1]


def test_an_update_that_was_not_answered_is_the_same_when_it_is_sent_again() -> None:
    """Under the same id, with the count of then."""
    queue = make_queue(100, 0.0, Flood(60.0, 20, 0.0))
    queue.add(alert())
    queue.settle(taken(queue))
    queue.add(alert())
    update = taken(queue, queue.mark())
    queue.put_back(update, 1)
    queue.add(alert())
    again = taken(queue, queue.mark())
    assert (again.id_, again.unanswered, count(again)) == (update.id_, 1, 3)


def test_a_first_alert_that_is_given_up_takes_its_repeats_along() -> None:
    """They are dropped for the same reason, and the next one is a first one again."""
    lost: list[str] = []
    queue = make_queue(100, 0.0, Flood(60.0, 20, 0.0), lambda one, reason: lost.append(f"{one.title}: {reason}"))
    for _ in range(5):
        queue.add(alert())
    queue.settle(taken(queue), "error 300")
    assert queue.counts().dropped == {"error 300": 5}
    assert queue.counts().folded == 0
    queue.dropped_alerts.hand_over()
    assert lost == ["5 × title: error 300"]
    queue.add(alert())
    assert count(taken(queue)) == 1


def test_repeats_that_were_not_told_are_dropped_at_the_end() -> None:
    """A count that nobody has seen is a loss."""
    queue = make_queue(100, 0.0, Flood(60.0, 20, 0.0))
    queue.add(alert())
    queue.settle(taken(queue))
    for _ in range(4):
        queue.add(alert())
    assert not queue.take()
    assert queue.abandon("not delivered in time").dropped == 4
    counts = queue.counts()
    assert (counts.shown, counts.folded, counts.dropped) == (1, 0, {"not delivered in time": 4})


def test_what_was_added_after_a_mark_is_not_given_up() -> None:
    """Neither an alert, nor a repeat, nor what waits for a digest; and nothing is counted twice."""
    queue = make_queue(100, 0.0, Flood(60.0, 2, 1.0))
    for fingerprint in "ab":
        queue.add(alert(fingerprint))
        queue.settle(taken(queue))
    queue.add(alert("a"))
    mark = queue.mark()
    queue.add(alert("b"))
    queue.add(alert("digest"))
    queue.add(alert("critical")._replace(level=50))
    assert queue.abandon("too late", mark).dropped == 1
    counts = queue.counts()
    assert (counts.shown, counts.folded, counts.queued, counts.dropped) == (2, 0, 3, {"too late": 1})
    assert queue.has_work()
    while batch := queue.take(queue.mark()):
        queue.settle(batch[0])
    counts = queue.counts()
    assert (counts.shown, counts.folded, counts.digested, counts.queued) == (3, 0, 2, 0)
    assert not queue.has_work()
    assert queue.abandon("too late").dropped == 0


@pytest.mark.slow
def test_evicted_repeats_are_counted_in_the_fold() -> None:
    """100,000 identical errors while the server hangs: the queue is bounded, the count exact."""
    queue = make_queue(50, 0.0, Flood(60.0, 20, 0.0))
    queue.add(alert())
    first = taken(queue)
    for _ in range(100_000):
        queue.add(alert())
    queue.settle(first)
    update = taken(queue, queue.mark())
    assert count(update) == 100_001
    queue.settle(update)
    counts = queue.counts()
    assert (counts.shown, counts.folded, counts.queued, counts.dropped) == (1, 100_000, 0, {})


def test_what_fails_while_it_is_sorted_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert is shown plainly; what a full queue had no room for is given up."""

    def fail(*_: object) -> Any:
        raise MemoryError

    notes: list[str] = []
    flood = Flood(60.0, 20, 0.0)
    monkeypatch.setattr(flood, "offer", fail)
    monkeypatch.setattr(flood, "absorb", fail)
    queue = make_queue(1, 0.0, flood, note=notes.append)
    for fingerprint in "abc":
        queue.add(alert(fingerprint))
    assert composed(taken(queue)).text == "text c"
    counts = queue.counts()
    assert (counts.queued, counts.dropped) == (1, {"internal error": 2})
    assert set(notes) == {"internal error: MemoryError"}


def test_alerts_are_finished_when_they_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the digest that reports them, in what is handed over, and in what a close gives up; never before."""
    monkeypatch.setattr("gntp_logging.delivery.digest.MAX_FINGERPRINTS", 1)
    handed: list[str] = []
    finished: list[str] = []

    def masked(one: Alert) -> Alert:
        finished.append(one.text)
        return one._replace(text="***")

    dropped = DroppedAlerts(lambda one, reason: handed.append(f"{one.text}: {reason}"), 9, masked)
    queue = AlertQueue(1, 0.0, Flood(60.0, 20, 0.0), AS_IT_IS.fingerprint, dropped)
    for fingerprint in "abcd":
        queue.add(alert(fingerprint))
    queue.dropped_alerts.hand_over()
    assert handed == ["***: queue full"] * 2
    assert len(finished) == 2
    assert taken(queue).compose(masked).text == "***"
    queue.settle(taken(queue))
    digest = taken(queue)
    assert isinstance(digest, DigestEntry)
    assert digest.compose(masked).text.startswith("***")
    queue.add(alert("e"))
    queue.abandon("late")
    queue.dropped_alerts.hand_over()
    assert handed[2:] == ["***: late"] * 2


def test_what_cannot_be_identified_is_shown_plainly() -> None:
    """By its place: it folds with what else comes from there."""
    notes: list[str] = []

    def fail(_: object) -> Any:
        raise MemoryError

    queue = AlertQueue(9, 0.0, Flood(60.0, 20, 0.0), fail, DroppedAlerts(None, 9, as_it_is), notes.append)
    queue.add(alert("a"))
    assert composed(taken(queue)).text == "text a"
    assert notes == ["internal error: MemoryError"]


def test_stats_and_a_close_do_not_wait_for_what_is_identified() -> None:
    """Which takes longest: the lock is free meanwhile, and what a close gives up stays given up."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(raw: Fingerprint) -> Fingerprint:
        begun.set()
        assert go_on.wait(PATIENCE)
        return AS_IT_IS.fingerprint(raw)

    queue = AlertQueue(9, 0.0, Flood(60.0, 20, 0.0), slow, DroppedAlerts(None, 9, as_it_is))
    queue.add(alert("a"))
    queue.add(alert("b"))
    entries: list[Entry] = []
    thread = threading.Thread(target=lambda: entries.extend(queue.take()))
    thread.start()
    assert begun.wait(PATIENCE)
    assert queue.counts().queued == 2
    assert not queue.is_settled(queue.mark())
    assert queue.has_work()
    assert queue.abandon("late").dropped == 2
    assert queue.counts().dropped == {"late": 2}
    go_on.set()
    thread.join(PATIENCE)
    assert entries == []
    assert queue.counts().queued == 0


def test_a_digest_names_a_mistake_once() -> None:
    """Whether a full queue had no room for it, or there were too many."""

    def order(number: int) -> Alert:
        raw = RawCall(40, "shop", "/srv/shop.py", "pay", "", f"order {number} was not paid")
        return make_alert(title=f"order {number} was not paid", fingerprint=raw)

    queue = make_queue(4, flood=Flood(0.0, 1, 1.0))
    for number in range(10):
        queue.add(order(number))
    queue.settle(taken(queue))
    assert composed(taken(queue, queue.mark())).title == "9 more alerts: 9 × order 9 was not paid"


def test_texts_that_differ_are_admitted() -> None:
    """With the newest and the first."""
    queue = make_queue()
    for number in range(3):
        queue.add(alert("a")._replace(title=f"order {number} failed", text="at shop.py"))
    shown = composed(taken(queue))
    lines = shown.text.split("\n")
    assert (shown.title, lines[0]) == ("3 × order 2 failed", "at shop.py")
    assert lines[1].startswith("first ")
    assert lines[2:] == ["several texts, the first: order 0 failed"]


def test_what_is_too_much_becomes_a_digest_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which waits for more of the fingerprint, and comes at once for flush."""
    queue = make_queue(100, 0.0, Flood(60.0, 2, 1.0))
    for number in range(5):
        queue.add(alert(f"fingerprint {number}"))
    for _ in range(2):
        queue.settle(taken(queue))
    assert not queue.take()
    due = queue.next_due()
    assert due is not None
    assert digests.DELAY - 1 < due - time.monotonic() <= digests.DELAY
    digest = taken(queue, queue.mark())
    assert composed(digest).title == "3 more alerts: 3 × title"
    queue.settle(digest)
    assert queue.counts().digested == 3
    queue.add(alert("fingerprint 7"))
    assert not queue.take()
    due = queue.next_due()
    assert due is not None
    assert due - time.monotonic() > digests.INTERVAL - 1  # digests come once a minute


class Accounts(RuleBasedStateMachine):
    """Adds, takes, settles and loses at random, with a clock of its own; the sum must hold after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(queues, "time", self)
        self.accepted = 0
        self.held: list[Entry] = []
        self.published: dict[str, int] = {}  # by Coalescing-ID

    def monotonic(self) -> float:
        """Be the module time."""
        return self.now

    @initialize(size=st.sampled_from([3, 40, 600]), window=st.sampled_from([0.0, 60.0]), rate=st.sampled_from([0, 12]))
    def begin(self, size: int, window: float, rate: float) -> None:
        """Begin empty."""
        self.queue = make_queue(size, 30.0, Flood(window, 3, rate))
        self.size = size

    @rule(fingerprint=st.sampled_from("abcdefgh"), priority=st.integers(-2, 2), count=st.sampled_from([1, 2, 5, 700]))
    def add(self, fingerprint: str, priority: int, count: int) -> None:
        """Add some alerts of a fingerprint."""
        for _ in range(count):
            self.queue.add(alert(fingerprint, priority))
        self.accepted += count

    @precondition(lambda self: not self.held)
    @rule(flushes=st.booleans(), limit=st.sampled_from([1, 2, 30]))
    def take(self, flushes: bool, limit: int) -> None:
        """Take what is due: at most one notification for each toast at a time."""
        self.held = self.queue.take(self.queue.mark() if flushes else 0, limit)
        assert len({entry.coalescing_id for entry in self.held}) == len(self.held) <= limit

    @precondition(lambda self: self.held)
    @rule(unanswered=st.integers(0, 2))
    def put_back(self, unanswered: int) -> None:
        """Fail for now."""
        self.queue.put_back(self.held.pop(), unanswered)

    @precondition(lambda self: self.held)
    @rule(reason=st.sampled_from([None, None, "error 300"]))
    def settle(self, reason: str | None) -> None:
        """Succeed, or fail for good."""
        entry = self.held.pop(0)
        if reason is None and entry in self.queue._in_flight:
            assert count(entry) > self.published.get(entry.coalescing_id, 0), "a count falls"
            self.published[entry.coalescing_id] = count(entry)
        self.queue.settle(entry, reason)

    @precondition(lambda self: self.held)
    @rule()
    def break_off(self) -> None:
        """Interrupt a delivery halfway: what is in flight is taken again."""
        self.held = []

    @rule(seconds=st.sampled_from([0.1, 6.0, 31.0, 61.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def abandon(self) -> None:
        """Close; what is in flight is settled late."""
        self.queue.abandon("not delivered in time")
        counts = self.queue.counts()
        assert counts.queued == 0

    @invariant()
    def adds_up(self) -> None:
        """Every alert is accounted for, and the queue is bounded."""
        if not hasattr(self, "queue"):
            return
        counts = self.queue.counts()
        settled = counts.shown + counts.folded + counts.digested + sum(counts.dropped.values())
        assert settled + counts.queued == self.accepted
        assert min(counts.shown, counts.folded, counts.digested, counts.queued) >= 0
        assert self.queue._waiting() <= self.size + 30  # what was put back has been counted already

    def teardown(self) -> None:
        """Flush: in the end nothing waits, and flush finds it so."""
        if hasattr(self, "queue"):
            while self.held:
                self.settle(None)
            mark = self.queue.mark()
            for _ in range(10_000):
                self.held = self.queue.take(mark)
                if not self.held:
                    break
                self.settle(None)
            assert self.queue.is_settled(mark)
            assert self.queue.counts().queued == 0
            self.adds_up()
            # What a place has got, counted by itself, is what stats() says.
            counts = self.queue.counts()
            assert sum(self.published.values()) == counts.shown + counts.folded + counts.digested
        self.patch.undo()


Accounts.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAccounts = pytest.mark.slow(Accounts.TestCase)


def test_an_entrys_fields_stand_in_the_order_in_which_they_are_built() -> None:
    """``AlertQueue.add`` builds the tuple by position, which no type checker looks into."""
    assert Submitted._fields == ("sequence", "at", "alert", "place")


def test_ctrl_c_while_room_is_made_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to go is back in its place; the next alert makes the room."""

    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    queue = make_queue(2, 0.0, Flood(60.0, 20, 0.0))
    for fingerprint in "ab":
        queue.add(alert(fingerprint))
    with monkeypatch.context() as patch:
        patch.setattr(queue._evicted, "add", interrupt)
        with pytest.raises(KeyboardInterrupt):
            queue.add(alert("c"))
    assert queue.counts().queued == 3
    queue.add(alert("d"))
    assert queue.counts().queued == 4
    assert queue._evicted.count == 2
