"""digest: one alert that tells of many."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.levels import DEFAULT_STYLES
from gntp_logging.delivery import digest as digests
from gntp_logging.delivery.digest import Digest, Tally, span
from tests.support import as_it_is, make_alert


def test_it_tells_what_came_most_often_of_which_level_when_and_the_newest() -> None:
    """And looks like the most urgent of them."""
    digest = Digest()
    for number in range(20):
        digest.add(
            ("db",), make_alert(title=f"no connection {number}", level_name="ERROR", created=1000 + number), number
        )
    for number in range(3):
        digest.add(
            ("disk",), make_alert(title="disk full", level=50, level_name="CRITICAL", created=900 + number), number
        )
    told = digest.as_alert(as_it_is)
    assert told.title == "23 more alerts: 20 × no connection 19, 3 × disk full"
    assert told.text == f"3 CRITICAL, 20 ERROR\n{span(900, 1019)}"
    assert (told.event, told.priority, told.sticky, told.level) == ("Critical", 2, True, 50)


def test_exceptions_are_named_by_their_type() -> None:
    """Without its module, all that have it together; the newest is quoted whole."""
    digest = Digest()
    for number in range(12):
        failed = make_alert(title=f"db.ConnectionError: db-{number}", exc_type="db.ConnectionError", created=number)
        digest.add((number % 4,), failed, number)
    digest.add(("disk",), make_alert(title="disk full"), 1)
    told = digest.as_alert(as_it_is)
    assert told.title == "13 more alerts: 12 × ConnectionError, 1 × disk full"
    assert told.text == f"newest: db.ConnectionError: db-11\n{span(0, 11)}"
    assert told.exc_type == ""


def test_a_long_name_is_cut() -> None:
    """So that there is room for three."""
    digest = Digest()
    for number in range(2):
        digest.add((), make_alert(title="x" * 50), number)
    assert digest.as_alert(as_it_is).title == f"2 more alerts: 2 × {'x' * 39}…"


def test_one_alert_is_told_as_it_is() -> None:
    """A summary of one says less than the one; when it was logged is said where it is sent."""
    digest = Digest()
    digest.add((), make_alert("disk full", created=0.0), 1)
    assert digest.as_alert(as_it_is) == make_alert("disk full", created=0.0)


def test_of_many_kinds_three_are_named() -> None:
    """Those that came most often; the others are counted."""
    digest = Digest()
    for number in range(10):
        for _ in range(10 - number):
            digest.add((number,), make_alert(title=f"kind {number}", created=float(number)), number)
    told = digest.as_alert(as_it_is)
    assert told.title == "55 more alerts: 10 × kind 0, 9 × kind 1, 8 × kind 2, 28 others"
    assert told.text.split("\n")[0] == "newest: kind 9"


NOON = time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))
DAY = 86_400.0


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (NOON - 12, NOON, "first 11:59:48, last 12:00:00"),
        (NOON - DAY, NOON, "first 27 Nov 12:00:00, last 28 Nov 12:00:00"),
        (NOON - DAY, NOON - DAY + 1, "first 27 Nov 12:00:00, last 27 Nov 12:00:01"),
        (NOON - 365 * DAY, NOON, "first 28 Nov 2025 12:00:00, last 28 Nov 2026 12:00:00"),
    ],
)
def test_times_have_days_where_they_are_not_of_today(first: float, last: float, words: str) -> None:
    """Otherwise 23:58 to 00:03 reads backwards, and yesterday's like today's; years, too."""
    assert span(first, last, now=NOON + 60) == words


@pytest.mark.parametrize("created", [float("nan"), float("inf"), 1e300, -1e300])
def test_a_time_that_is_none_costs_only_itself(created: float) -> None:
    """Records are made by anybody."""
    digest = Digest()
    digest.add((), make_alert(created=created), 1)
    digest.add((), make_alert(created=created), 2)
    assert "at unknown times" in digest.as_alert(as_it_is).text


def test_a_digest_is_nobodys_own_alert() -> None:
    """It has the newest one's time, what all have in common, and nothing else of any of them."""
    digest = Digest()
    own = make_alert(icon="x.png", url_parts=("https://", "1"), exc_type="E", logger="shop", fingerprint=("raw",))
    digest.add(("a",), own._replace(created=5.0, context=(("host", "h"), ("user", "1"))), 1)
    digest.add(("b",), own._replace(priority=2, created=3.0, context=(("host", "h"), ("user", "2"))), 2)
    told = digest.as_alert(as_it_is)
    assert (told.created, told.context) == (5.0, (("host", "h"),))
    assert (told.icon, told.fingerprint, told.url_parts, told.exc_type, told.logger) == (None, "", (), "", "")


def test_what_the_title_says_is_not_quoted_again() -> None:
    """Of alerts of one moment the one that came last is the newest."""
    digest = Digest()
    digest.add((), make_alert(title="one", created=1000.0), 1)
    digest.add((), make_alert(title="two", created=1000.0), 2)
    told = digest.as_alert(as_it_is)
    assert (told.title, told.text) == ("2 more alerts: 2 × two", span(1000.0, 1000.0))


def test_a_digest_without_room_refuses_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """And counts on what it knows."""
    monkeypatch.setattr(digests, "MAX_FINGERPRINTS", 2)
    digest = Digest()
    assert [digest.add((kind,), make_alert(), 1) for kind in "abca"] == [True, True, False, True]
    assert digest.count == 3
    for kind in "adbee":
        digest.take_in((kind,), Tally(make_alert("other", level=50)), 2)
    assert {key: tally.count for key, tally in digest.tallies.items()} == {
        ("a",): 3, ("b",): 2, ("other", 50): 3,
    }  # fmt: skip
    assert digest.as_alert(as_it_is).title == "8 more alerts: 5 × title, 3 others"


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(list(DEFAULT_STYLES)), st.integers(0, 100)), min_size=1),
    st.integers(0, 30),
)
def test_the_numbers_add_up(offered: list[tuple[int, int, int]], cut: int) -> None:
    """Added one by one or merged: each is counted in its fingerprint or refused, by fingerprint and in all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "MAX_FINGERPRINTS", 8)
        parts = (Digest(), Digest())
        refused: Counter[int] = Counter()
        for sequence, (fingerprint, level, created) in enumerate(offered, 1):
            part = parts[sequence > cut]
            if not part.add((fingerprint,), make_alert(level=level, created=float(created)), sequence):
                refused[fingerprint] += 1
        first, second = parts
        first.merge(second)
    assert len(first.tallies) <= 8 + len(DEFAULT_STYLES)
    assert first.count + refused.total() == len(offered)
    assert first.count == sum(tally.count for tally in first.tallies.values())
    if not refused and len(first.tallies) < 8:
        assert first.since == 1
        for key, tally in first.tallies.items():
            times = [created for fingerprint, _, created in offered if (fingerprint,) == key]
            assert (tally.count, tally.first, tally.last) == (len(times), min(times), max(times))
            assert tally.newest.created == max(times)


@pytest.mark.slow
def test_beyond_its_bound_a_digest_counts_by_level_only() -> None:
    """A hundred thousand different alerts are told exactly, and remembered in little."""
    digest = Digest()
    for number in range(100_000):
        alert = make_alert(level=40, level_name="ERROR") if number % 2 else make_alert(level=50, level_name="CRITICAL")
        digest.take_in((number,), Tally(alert), number)
    assert len(digest.tallies) <= digests.MAX_FINGERPRINTS + 2
    told = digest.as_alert(as_it_is)
    assert told.title == "100,000 more alerts: 3 × title, 99,997 others"
    assert "50,000 CRITICAL, 50,000 ERROR" in told.text
