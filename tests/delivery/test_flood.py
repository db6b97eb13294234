"""flood: the first alert is shown, its repeats are counted, too many different ones become a digest."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import RawCall, normalized
from gntp_logging.delivery import flood as floods
from gntp_logging.delivery.digest import Tally, span
from gntp_logging.delivery.flood import UPDATE_INTERVAL, Decision, Flood, RepeatGroup
from tests.support import as_it_is, make_alert


def alert(text: str = "no connection", created: float = 0.0, level: int = logging.ERROR) -> Alert:
    """Make an alert."""
    return make_alert(text, level, created=created)


class Desk:
    """Plays the worker: offers alerts, shows what is to be shown, and notes each notification with its time."""

    def __init__(self, window: float = 60.0, burst: int = 20, rate: float = 0.0) -> None:
        self.flood = Flood(window, burst, rate)
        self.sent: list[tuple[float, str, int]] = []
        self.sequence = 0
        self.now = 0.0
        self.decisions: list[Decision] = []

    def offer(
        self, now: float, fingerprint: str = "a", level: int = logging.ERROR, *, delivers: bool = True
    ) -> RepeatGroup | None:
        """Offer one alert; unless told otherwise the first of a fingerprint is delivered at once."""
        self.sequence += 1
        self.now = now
        decision, group = self.flood.offer(alert(fingerprint, now, level), (fingerprint,), self.sequence, now)
        self.decisions.append(decision)
        if decision is Decision.SHOW and delivers:
            self.sent.append((now, fingerprint, 1))
            if group is not None:
                self.flood.mark_reported(group, group.count, now)
        return group

    def run(self, until: float, *, delivers: bool = True) -> None:
        """Let the time pass; send what is due when it is due."""
        until = max(until, self.now)
        while (due := self.flood.next_due()) <= until:
            self.now = now = max(self.now, due)
            while (group := self.flood.update_due(now)) is not None:
                if delivers:
                    self.sent.append((now, group.alert.text, group.count))
                    self.flood.mark_reported(group, group.count, now)
                else:
                    self.flood.mark_refused(group, now, 10**9)
            assert self.flood.next_due() > now, "the worker would never rest"

    def counts(self) -> list[int]:
        """The counts that were shown, in order."""
        return [count for _, _, count in self.sent]


def test_the_first_is_shown_and_its_repeats_are_not() -> None:
    """Until there is something to tell."""
    desk = Desk()
    for second in range(9):
        desk.offer(float(second))
    desk.run(59)
    assert desk.counts() == [1]
    assert desk.decisions == [Decision.SHOW] + [Decision.FOLD] * 8


def test_the_windows_end_tells_the_exact_count() -> None:
    """Even of a single repeat."""
    desk = Desk()
    desk.offer(0.0)
    desk.offer(1.0)
    desk.run(60)
    assert desk.sent == [(0.0, "a", 1), (60.0, "a", 2)]


def test_the_10th_and_100th_repeat_are_told_at_least_5_seconds_apart() -> None:
    """One a second: the 10th repeat at its second; the 100th would be in the next window, and is told there."""
    desk = Desk(window=1000.0)
    for second in range(1, 121):
        desk.offer(second - 1.0)
        desk.run(second - 0.5)
    assert desk.sent == [(0.0, "a", 1), (10.0, "a", 11), (100.0, "a", 101)]


@pytest.mark.slow
def test_a_burst_is_told_when_the_first_has_been_read() -> None:
    """100,000 in a second: the first, the count five seconds later, and nothing more when that was all."""
    desk = Desk()
    for number in range(100_000):
        desk.offer(number / 100_000)
    desk.run(10_000)
    assert desk.sent == [(0.0, "a", 1), (UPDATE_INTERVAL, "a", 100_000)]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1, 6, 12, 30, 59, 61, 120])
def test_a_hundred_thousand_make_five_notifications_at_most_with_the_exact_count(seconds: int) -> None:
    """However long the burst takes."""
    desk = Desk()
    total = 100_000
    for number in range(total):
        now = seconds * number / total
        desk.offer(now)
        if number % 100 == 0:
            desk.run(now)
    desk.run(100_000)
    assert len(desk.sent) <= 5
    assert desk.counts()[-1] == total
    gaps = [later - earlier for (earlier, *_), (later, *_) in zip(desk.sent, desk.sent[1:], strict=False)]
    assert min(gaps) >= UPDATE_INTERVAL


def test_what_goes_on_is_told_in_windows_that_double_until_one_is_quiet() -> None:
    """Ten seconds apart for an hour: updates at 60 s, then 120 s, 240 s ...; a quiet window ends the group."""
    desk = Desk()
    second = 0.0
    while second < 3600:
        desk.offer(second)
        desk.run(second + 9.9)
        second += 10
    desk.run(50_000)
    at_window_ends = [now for now, *_ in desk.sent]
    assert at_window_ends[:2] == [0.0, 60.0]
    assert {180.0, 420.0, 900.0, 1860.0} <= set(at_window_ends)
    assert desk.counts()[-1] == 360
    assert len(desk.sent) <= 12
    assert not desk.flood.groups()
    desk.offer(60_000.0)
    assert desk.decisions[-1] is Decision.SHOW


def test_a_quiet_window_ends_the_fold() -> None:
    """The next alert of the fingerprint is news again."""
    desk = Desk()
    desk.offer(0.0)
    desk.run(60)
    desk.offer(61.0)
    assert desk.counts() == [1, 1]


def test_while_the_first_is_undelivered_repeats_raise_its_count() -> None:
    """When the server is back, one toast says all."""
    desk = Desk()
    group = desk.offer(0.0, delivers=False)
    assert group is not None
    for second in range(1, 200):
        desk.offer(float(second))
        desk.run(float(second))
    assert desk.sent == []
    assert group.as_alert(as_it_is).title == "200 × title"
    assert group.as_alert(as_it_is).text == f"a\n{span(0.0, 199.0)}"
    desk.flood.mark_reported(group, group.count, 200.0)
    desk.run(259)
    assert desk.sent == []


def test_an_update_that_failed_gives_its_count_back() -> None:
    """The next one tells it."""
    desk = Desk()
    for _ in range(20):
        desk.offer(0.0)
    desk.run(59, delivers=False)
    assert desk.counts() == [1]
    desk.run(60)
    assert desk.counts() == [1, 20]


def test_an_update_that_always_fails_comes_once_in_a_window() -> None:
    """And never keeps the worker busy."""
    desk = Desk()
    desk.offer(0.0)
    desk.offer(0.0)
    for end in (60.0, 180.0, 300.0, 420.0):
        desk.run(end - 1, delivers=False)
    assert len(desk.flood.groups()) == 1
    desk.run(10_000)
    assert desk.counts() == [1, 2]


def test_an_update_that_failed_is_asked_for_again_by_the_next_flush_only() -> None:
    """The flush that saw it fail must not send it again and again."""
    desk = Desk()
    desk.offer(0.0)
    desk.offer(0.1)
    group = desk.flood.update_due(0.2, flushed=3)
    assert group is not None
    desk.flood.mark_refused(group, 0.2, 4)
    assert desk.flood.update_due(0.2, flushed=3) is None
    assert desk.flood.update_due(0.3, flushed=5) is group


def test_flush_tells_what_is_pending_and_keeps_the_window_open() -> None:
    """However little it is."""
    desk = Desk()
    desk.offer(0.0)
    desk.offer(0.1)
    assert desk.flood.update_due(0.2) is None
    assert desk.flood.oldest_unreported() == 2
    group = desk.flood.update_due(0.2, flushed=3)
    assert group is not None
    desk.flood.mark_reported(group, group.count, 0.2)
    assert desk.flood.update_due(0.2, flushed=3) is None
    assert desk.flood.oldest_unreported() is None
    desk.offer(1.0)
    assert desk.decisions[-1] is Decision.FOLD


def test_a_burst_of_different_alerts_is_capped() -> None:
    """Twenty at once, then twelve a minute; what is more goes into a digest."""
    desk = Desk(burst=20, rate=12.0)
    for number in range(50):
        desk.offer(0.0, f"fingerprint {number}")
    assert desk.decisions == [Decision.SHOW] * 20 + [Decision.DIGEST] * 30
    for number in range(50, 70):
        desk.offer(60.0, f"fingerprint {number}")
    assert desk.decisions[50:] == [Decision.SHOW] * 12 + [Decision.DIGEST] * 8


def test_critical_passes_the_cap() -> None:
    """And a level above it."""
    desk = Desk(burst=1, rate=1.0)
    desk.offer(0.0, "a")
    desk.offer(0.0, "b")
    desk.offer(0.0, "c", logging.CRITICAL)
    assert desk.decisions == [Decision.SHOW, Decision.DIGEST, Decision.SHOW]


def test_repeats_are_not_capped() -> None:
    """They make no toast."""
    desk = Desk(burst=1, rate=1.0)
    for _ in range(5):
        desk.offer(0.0)
    assert desk.decisions == [Decision.SHOW] + [Decision.FOLD] * 4


def test_window_0_and_rate_0_switch_off() -> None:
    """Each alert is shown then."""
    desk = Desk(window=0.0, burst=1, rate=0.0)
    for _ in range(100):
        assert desk.offer(0.0) is None
    assert desk.decisions == [Decision.SHOW] * 100
    assert desk.flood.next_due() == float("inf")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ever new fingerprints the groups without news go first; where there are none, alerts are shown without."""
    monkeypatch.setattr(floods, "MAX_GROUPS", 10)
    desk = Desk()
    for number in range(1000):
        desk.offer(0.0, f"fingerprint {number}")
        assert len(desk.flood.groups()) <= 10
        assert len(desk.flood._fingerprints_by_place) <= 10
    for number in range(10):
        desk.offer(0.0, f"fingerprint {990 + number}")
    assert desk.offer(0.0, "one more") is None
    assert desk.decisions[-1] is Decision.SHOW


def test_a_fold_with_nothing_to_tell_makes_room_for_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one with a repeat stays."""
    monkeypatch.setattr(floods, "MAX_GROUPS", 2)
    desk = Desk()
    for fingerprint in ("told", "quiet", "told", "new"):
        desk.offer(0.0, fingerprint)
    assert [group.alert.text for group in desk.flood.groups()] == ["told", "new"]


def test_one_kinds_update_does_not_hurry_anothers() -> None:
    """Each is told at least five seconds after it was told before."""
    desk = Desk(window=1000.0)
    for fingerprint in ("a", "b"):
        desk.offer(0.0, fingerprint)
    for now, fingerprint, repeats in ((6.0, "a", 10), (7.0, "a", 100), (8.0, "b", 10)):
        for _ in range(repeats):
            desk.offer(now, fingerprint)
        desk.run(now)
    assert desk.sent[2:] == [(6.0, "a", 11), (8.0, "b", 11)]
    desk.run(20.0)
    assert desk.sent[4:] == [(11.0, "a", 111)]


def test_what_a_full_queue_had_no_room_for_is_counted_as_repeats() -> None:
    """By its fingerprint, or by its place where only that was at hand."""
    flood = Flood(60.0, 20, 0.0)
    raw = alert("order 17 failed")._replace(fingerprint=RawCall(40, "shop", "orders.py", "pay", "", "order 17 failed"))
    _, group = flood.offer(raw, normalized(raw.fingerprint), 1, 0.0)
    assert group is not None
    tally = Tally(raw)
    tally.count = 500
    assert flood.absorb((40, "shop", "orders.py", "pay", ""), tally, 2)
    assert group.count == 501
    assert not flood.absorb((40, "shop", "elsewhere.py", "pay", ""), tally, 3)


def test_what_a_full_queue_had_no_room_for_waits_to_be_told_from_its_place_on() -> None:
    """A flush that began before it does not wait for it, one that began afterwards does."""
    desk = Desk()
    group = desk.offer(0.0)
    assert group is not None
    assert desk.flood.absorb(("a",), Tally(alert("a")), 7)
    assert desk.flood.oldest_unreported() == 7
    assert desk.flood.update_due(1.0, flushed=6) is None
    assert desk.flood.update_due(1.0, flushed=7) is group


def test_flush_waits_for_no_count_of_what_is_not_on_the_desktop_yet() -> None:
    """The first will come with the count."""
    desk = Desk()
    desk.offer(0.0, delivers=False)
    desk.offer(1.0)
    assert desk.flood.oldest_unreported() is None
    assert desk.flood.update_due(1.0, flushed=2) is None


def test_a_window_that_ends_with_nothing_untold_hurries_no_later_repeat() -> None:
    """It waits for the end of its own window."""
    desk = Desk()
    desk.offer(0.0)
    group = desk.offer(1.0)
    assert desk.flood.update_due(2.0, flushed=2) is group
    assert group is not None
    desk.flood.mark_reported(group, 2, 2.0)
    desk.run(60.5)
    desk.offer(61.0)
    desk.run(179.0)
    assert desk.counts() == [1]
    desk.run(180.0)
    assert desk.counts() == [1, 3]


def test_a_fold_that_has_ended_leaves_nothing() -> None:
    """Neither by its fingerprint nor by its place."""
    desk = Desk()
    desk.offer(0.0)
    desk.run(1000.0)
    assert not desk.flood.groups()
    assert not desk.flood._fingerprints_by_place


def test_an_update_that_was_refused_is_none_any_more_once_something_happens() -> None:
    """Until then nothing is to be sent."""
    desk = Desk()
    desk.offer(0.0)
    desk.offer(1.0)
    (group,) = desk.flood.groups()
    seen = [group.is_refused]
    desk.flood.mark_refused(group, 2.0, 2)
    seen.append(group.is_refused)
    desk.offer(3.0)
    seen.append(group.is_refused)
    assert seen == [False, True, False]


def test_several_records_have_a_count_in_front_and_their_times_in_a_line() -> None:
    """Of alerts of one moment the one that came last is shown."""
    group = RepeatGroup(("a",), alert("first", 1000.0), 60.0, 0.0)
    assert group.as_alert(as_it_is) is group.alert
    for text in ("second", *["third"] * 4998):
        group.add(Tally(alert(text, 1003.0)), 2)
    shown = group.as_alert(as_it_is)
    assert shown.title == "5,000 × title"
    assert shown.text == f"third\n{span(1000.0, 1003.0)}\nseveral texts"


def test_a_title_that_says_all_leaves_the_times_alone() -> None:
    """No line is empty."""
    group = RepeatGroup(("a",), alert("", 1000.0), 60.0, 0.0)
    group.add(Tally(alert("", 1003.0)), 2)
    assert group.as_alert(as_it_is).text == span(1000.0, 1003.0)


def test_alerts_that_differ_say_so_and_quote_the_first() -> None:
    """By its title, where that is another one."""
    group = RepeatGroup(("a",), make_alert("", title="first"), 60.0, 0.0)
    group.add(Tally(make_alert("", title="second")), 2)
    assert group.as_alert(as_it_is).title == "2 × second"
    assert group.as_alert(as_it_is).text == f"{span(0.0, 0.0)}\nseveral texts, the first: first"


STEPS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([0.0, 0.01, 1.0, 7.0, 100.0]), st.booleans()), max_size=60
)


@pytest.mark.slow
@given(STEPS, st.integers(1, 5), st.sampled_from([0.0, 12.0]), st.sampled_from([0.0, 60.0]))
@settings(max_examples=300, deadline=None)
def test_the_numbers_add_up(steps: Iterable[tuple[str, float, bool]], burst: int, rate: float, window: float) -> None:
    """Shown + folded + digested = offered; and in the end each group has told as much as there was, in order."""
    desk = Desk(window, burst, rate)
    now, offered = 0.0, 0
    for fingerprint, pause, delivers in steps:
        now += pause
        desk.run(now, delivers=delivers)
        desk.offer(now, fingerprint)
        offered += 1
    digested = desk.decisions.count(Decision.DIGEST)
    shown, folded = desk.decisions.count(Decision.SHOW), desk.decisions.count(Decision.FOLD)
    assert shown + folded + digested == offered
    desk.run(now + 200_000)
    total = 0
    running: dict[str, int] = {}
    for _, fingerprint, count in desk.sent:
        if count == 1:  # the first of another group
            total += running.pop(fingerprint, 0)
        assert count > running.get(fingerprint, 0)
        running[fingerprint] = count
    assert total + sum(running.values()) == shown + folded
    assert not desk.flood.groups()
