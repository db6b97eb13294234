"""known_calls: what is counted by a time alone comes to the same as what has an alert each."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import RawCall, raw_fingerprint
from gntp_logging.delivery import known_calls
from gntp_logging.delivery import queue as queues
from gntp_logging.delivery.dropped import DroppedAlerts
from gntp_logging.delivery.flood import Flood
from gntp_logging.delivery.known_calls import FRESH, KnownCalls
from gntp_logging.delivery.outbox import CountUpdate, Entry
from gntp_logging.delivery.queue import AlertQueue
from tests.support import AS_IT_IS, as_it_is, make_alert


def called(kind: str = "order", created: float = 100.0, number: int = 0, level: int = 40) -> Alert:
    """Make the alert of a call with an argument."""
    raw = RawCall(level, "shop", "/srv/shop.py", "pay", f"{kind} %d failed", f"{kind} {number} failed")
    return make_alert(f"{kind} {number} failed", level=level, created=created, fingerprint=raw)


PLACE = raw_fingerprint(called().fingerprint)


def opened(text_at: float = 100.0) -> KnownCalls:
    """Return calls of which one is known."""
    calls = KnownCalls()
    calls.open(PLACE, "1|call|...", called(created=text_at), 7, 0.0)
    return calls


def waiting(calls: KnownCalls) -> list[float]:
    """Return the times that wait."""
    return [time for call in calls.all() for time in call.times]


def test_of_a_known_call_only_the_time_is_needed() -> None:
    """Of any other an alert."""
    calls = opened()
    assert calls.count(PLACE, 100.001)
    assert not calls.count(("another",), 100.001)
    assert waiting(calls) == [100.001]
    (call,) = calls.waiting()
    tally = call.tally()
    assert (tally.count, tally.first, tally.last, tally.newest.text) == (1, 100.001, 100.001, "order 0 failed")


@pytest.mark.parametrize("created", [100.0 + FRESH, 99.0, 160.0, math.nan, math.inf])
def test_a_text_that_is_not_fresh_is_replaced(created: float) -> None:
    """Also where the clock steps; by one thread, while the others go on counting."""
    calls = opened()
    assert not calls.count(PLACE, created)
    assert waiting(calls) == []
    if math.isfinite(created):
        assert calls.count(PLACE, created + 0.001)
    assert calls.renew(PLACE, called(created=created, number=8))
    (call,) = calls.waiting()
    assert call.tally().newest.text == "order 8 failed"
    assert not calls.renew(("another",), called())


def test_times_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all calls together; what is too much becomes an alert in the queue, which has its own bounds."""
    monkeypatch.setattr(known_calls, "_ROOM", 6)
    calls = opened()
    assert [calls.count(PLACE, 100.0) for _ in range(8)] == [True] * 6 + [False] * 2
    assert not calls.renew(PLACE, called())
    calls.open(("another",), "another", called(), 8, 0.0)
    assert [calls.count(("another",), 100.0) for _ in range(4)] == [True] * 3 + [False]


def test_known_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of which nothing waits make room; where all are in use there is none."""
    monkeypatch.setattr(known_calls, "MAX_CALLS", 3)
    calls = KnownCalls()
    for number in range(4):
        if number == 2:
            calls.count((1,), 100.0)
        calls.open((number,), "", called(), number, 0.0)
    assert [call.place for call in calls.all()] == [(1,), (3,)]
    calls.open((4,), "", called(), 4, 0.0)
    for number in (3, 4):
        calls.count((number,), 100.0)
    calls.open((5,), "", called(), 5, 0.0)
    assert [call.place for call in calls.all()] == [(1,), (3,), (4,)]


def test_calls_that_are_not_logged_any_more_are_forgotten() -> None:
    """A minute after the last, by the times of the others."""
    calls = opened(100.0)
    calls.open(("another",), "", called(created=159.0), 8, 0.0)
    calls.forget_old()
    assert len(calls.all()) == 2
    calls.open(("a third",), "", called(created=161.0), 9, 0.0)
    calls.forget_old()
    assert [call.place for call in calls.all()] == [("another",), ("a third",)]


@pytest.mark.parametrize("how", ["count", "renew"])
@pytest.mark.parametrize("is_taken_out", [False, True])
def test_a_call_that_is_forgotten_while_it_is_counted_loses_nothing(how: str, *, is_taken_out: bool) -> None:
    """Between a thread's look into the dictionary and its time in the list anything may happen."""
    calls = opened()
    (call,) = calls.all()

    class Interrupted(list[float]):
        def append(self, time: float) -> None:
            calls.forget(call)
            if is_taken_out:
                calls.take_out(call, len(self))
            super().append(time)

    call.times = Interrupted([99.9])
    assert calls.count(PLACE, 100.0) if how == "count" else calls.renew(PLACE, called())
    assert waiting(calls) == ([100.0] if is_taken_out else [99.9, 100.0])
    assert calls.get(PLACE) is None
    calls.take_out(call, 2)
    assert calls.all() == []


# -- In the queue ------------------------------------------------------------------------------------


def make_queue(
    flood: Flood | None = None, on_error: Callable[[Alert, str], object] | None = None, size: int = 10_000
) -> AlertQueue:
    """Make a queue of alerts that hold no secrets."""
    dropped = DroppedAlerts(on_error, size, as_it_is)
    return AlertQueue(size, 0.0, flood or Flood(60.0, 20, 12.0), AS_IT_IS.fingerprint, dropped)


def log(queue: AlertQueue, alert: Alert) -> bool:
    """Log as the handler does; return whether no alert was needed."""
    place = raw_fingerprint(alert.fingerprint)
    if queue.known_calls.count(place, alert.created):
        return True
    queue.add(alert, place)
    return False


def settle(queue: AlertQueue, reason: str | None = None) -> None:
    """Take what there is to send, one alert, and settle it."""
    (first,) = queue.take()
    queue.settle(first, reason)


def test_a_repeat_is_queued_and_then_folded() -> None:
    """And a caller of flush waits until the desktop knows."""
    queue = make_queue()
    log(queue, called())
    settle(queue)
    assert log(queue, called(created=100.002, number=1))
    assert (queue.counts().queued, queue.counts().folded) == (1, 0)
    mark = queue.mark()
    assert queue.has_work()
    assert queue.has_come_in()
    assert not queue.is_settled(mark)
    (update,) = queue.take(mark)
    assert (queue.counts().queued, queue.counts().folded) == (0, 1)
    assert isinstance(update, CountUpdate)
    alert = update.compose(as_it_is)
    assert (alert.count, alert.text.split("\n")[0]) == (2, "order 0 failed")  # a text of 2 ms ago
    queue.settle(update)
    assert queue.is_settled(mark)


def test_what_has_a_text_of_its_own_is_not_counted_by_its_time() -> None:
    """A template without a word, one of several lines, one whose argument may be a line end; no group, no key."""
    for template in ("%s", "%s: %d", "failed:\n%s", "failed%c%s", ""):
        queue = make_queue()
        raw = RawCall(40, "shop", "/srv/shop.py", "pay", template, "failed")
        queue.add(make_alert(fingerprint=raw), raw_fingerprint(raw))
        queue.take()
        assert queue.known_calls.all() == []
    for flood in (Flood(0.0, 20, 0.0), Flood(60.0, 20, 12.0)):
        queue = make_queue(flood)
        queue.add(called(), raw_fingerprint(called().fingerprint) if flood.groups() else None)
        queue.take()
        assert queue.known_calls.all() == []


def test_what_is_given_up_is_handed_over_with_its_count() -> None:
    """Once for each place."""
    lost: list[tuple[str, int]] = []
    queue = make_queue(on_error=lambda alert, reason: lost.append((reason, alert.count)))
    log(queue, called())
    settle(queue)
    assert all(log(queue, called(created=100.0 + number / 1000)) for number in range(5))
    assert queue.abandon("earlier", queue.mark()).dropped == 0  # what has no number goes on waiting
    assert queue.abandon("late").dropped == 5
    queue.dropped_alerts.hand_over()
    assert lost == [("late", 5)]
    assert queue.counts().queued == 0


def test_the_order_of_logging_is_kept_where_nothing_but_a_number_before_is_known() -> None:
    """A known call that is shown again takes its place before what came after it."""
    queue = make_queue(Flood(60.0, 20, 0.0))
    log(queue, called())
    settle(queue, "error 300")  # its group ends
    assert log(queue, called(created=100.001))
    log(queue, called("mail"))
    mark = queue.mark()
    entries = queue.take(limit=10)
    assert [entry.compose(as_it_is).text for entry in entries] == ["order 0 failed", "mail 0 failed"]
    assert entries[0].sequence < entries[1].sequence < mark
    queue.settle(entries[1])
    assert not queue.is_settled(mark)


def test_what_came_first_is_decided_about_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one more may be shown it is the one that was logged first, whether it has an alert or not."""
    monkeypatch.setattr(queues, "time", clock := Clock())
    queue = make_queue(Flood(60.0, 1, 12.0))
    log(queue, called())
    settle(queue, "error 300")
    assert log(queue, called(created=100.001))
    log(queue, called("mail", created=100.002))
    clock.now += 6.0
    (entry,) = queue.take()
    assert entry.compose(as_it_is).text == "order 0 failed"


def test_where_there_are_too_many_groups_the_rest_is_digested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of alerts that are shown one by one each needs its text."""
    monkeypatch.setattr("gntp_logging.delivery.flood.MAX_GROUPS", 1)
    queue = make_queue(Flood(60.0, 20, 0.0))
    log(queue, called())
    settle(queue, "error 300")
    log(queue, called("mail"))  # takes the only group
    queue.take()
    log(queue, called("mail", created=200.0))
    assert all(log(queue, called(created=100.0)) for _ in range(3))
    entries = queue.take(queue.mark(), 10)
    assert [entry.compose(as_it_is).count for entry in entries] == [2, 1, 2]
    assert not log(queue, called(created=100.0))


class Clock:
    """A clock in the place of the module time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


class TwoWays(RuleBasedStateMachine):
    """Two queues get the same records, one as alerts only; both must count the same, and send the same counts."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(queues, "time", self.clock)
        self.logged = 0
        self.lost: tuple[list[tuple[str, int]], list[tuple[str, int]]] = ([], [])

    @initialize(burst=st.sampled_from([1, 3, 20]), rate=st.sampled_from([0, 12, 600]))
    def begin(self, burst: int, rate: float) -> None:
        """Begin empty."""

        def queue(lost: list[tuple[str, int]]) -> AlertQueue:
            return make_queue(Flood(60.0, burst, rate), lambda alert, reason: lost.append((reason, alert.count)))

        self.fast, self.slow = map(queue, self.lost)

    @rule(kind=st.sampled_from("abcd"), times=st.integers(1, 12), level=st.sampled_from([40, 50]))
    def log(self, kind: str, times: int, level: int) -> None:
        """Log one call, a record each millisecond or less."""
        for number in range(times):
            self.clock.now += 0.0007
            alert = called(f"kind {kind}", self.clock.now, number, level)
            log(self.fast, alert)
            self.slow.add(alert)
        self.logged += times

    @rule(seconds=st.sampled_from([0.001, 1.0, 6.0, 61.0, 400.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds

    @rule(is_flushed=st.booleans(), fate=st.sampled_from(["shown", "back", "error 300"]))
    def deliver(self, *, is_flushed: bool, fate: str) -> None:
        """Take everything that is due, and let all of it have one fate."""
        sent = []
        for queue in (self.fast, self.slow):
            entries = queue.take(queue.mark() if is_flushed else 0, 100)
            sent.append(sorted(self.told(entry) for entry in entries))
            for entry in reversed(entries):
                if fate == "back":
                    queue.put_back(entry, 0)
                else:
                    queue.settle(entry, None if fate == "shown" else fate)
        assert sent[0] == sent[1]

    @staticmethod
    def told(entry: Entry) -> tuple[str, int, list[int]]:
        """Return what somebody sees of an entry, but for the number in its text."""
        alert = entry.compose(as_it_is)
        return alert.title, alert.count, sorted(tally.count for tally in entry.tallies())

    @rule()
    def rest(self) -> None:
        """Let the worker's thread have nothing to do."""
        self.fast.rest()

    @rule()
    def give_up(self) -> None:
        """Close: all that waits is lost."""
        assert self.fast.abandon("late") == self.slow.abandon("late")

    @invariant()
    def both_count_the_same(self) -> None:
        """As often as it was logged."""
        if not hasattr(self, "fast"):
            return
        counts = [queue.counts() for queue in (self.fast, self.slow)]
        for queue in (self.fast, self.slow):
            queue.dropped_alerts.hand_over()
        for count in counts:
            assert count.shown + count.folded + count.digested + sum(count.dropped.values()) + count.queued == (
                self.logged
            )
        assert counts[0] == counts[1]
        fast, slow = map(sorted, self.lost)
        assert fast == slow

    def teardown(self) -> None:
        """Give the module its clock back."""
        self.patch.undo()


@pytest.mark.slow
def test_with_an_alert_for_each_record_or_without_the_same_is_counted_shown_and_lost() -> None:
    """In whatever order records come, and whatever becomes of them."""
    run_state_machine_as_test(TwoWays, settings=settings(max_examples=150, stateful_step_count=40, deadline=None))
