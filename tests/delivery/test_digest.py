"""digest: one alert that tells of many."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.levels import DEFAULT_STYLES
from gntp_logging.delivery import digest as digests
from gntp_logging.delivery.digest import Digest, Tally, span
from tests.support import as_it_is, make_alert


def test_it_tells_how_many_of_which_level_when_and_the_newest() -> None:
    """And looks like the most urgent of them."""
    digest = Digest()
    for number in range(20):
        digest.add(("db",), make_alert(f"no connection {number}\nsecond line", 40, created=1000 + number), number)
    for number in range(3):
        digest.add(("disk",), make_alert("disk full", 50, created=900 + number), number)
    told = digest.as_alert(as_it_is)
    assert told.title == "23 alerts not shown one by one"
    levels, newest, *fingerprints = told.text.split("\n")
    assert re.fullmatch(r"3 CRITICAL, 20 ERROR, \d\d:15:00 to \d\d:16:59", levels)
    assert newest == "newest: no connection 19"
    assert fingerprints == ["20 × no connection 19", "3 × disk full"]
    assert (told.event, told.priority, told.sticky, told.level) == ("Critical", 2, True, 50)


def test_one_alert_is_told_as_it_is() -> None:
    """A summary of one says less than the one; when it was logged is said where it is sent."""
    digest = Digest()
    digest.add((), make_alert("disk full", created=0.0), 1)
    assert digest.as_alert(as_it_is) == make_alert("disk full", created=0.0)


def test_many_kinds_are_named_by_number() -> None:
    """Those that came most often by their text."""
    digest = Digest()
    for number in range(10):
        for _ in range(10 - number):
            digest.add((number,), make_alert(f"fingerprint {number}", created=float(number)), number)
    assert digest.as_alert(as_it_is).text.split("\n")[2:] == [
        "10 × fingerprint 0",
        "9 × fingerprint 1",
        "8 × fingerprint 2",
        "28 × other kinds",
    ]


def test_a_span_over_midnight_says_the_days() -> None:
    """Otherwise 23:58 to 00:03 reads backwards."""
    assert re.fullmatch(r"\d\d \w+ [\d:]+ to \d\d \w+ [\d:]+", span(0.0, 86400.0))


@pytest.mark.parametrize("created", [float("nan"), float("inf"), 1e300, -1e300])
def test_a_time_that_is_none_costs_only_itself(created: float) -> None:
    """Records are made by anybody."""
    digest = Digest()
    digest.add((), make_alert(created=created), 1)
    digest.add((), make_alert(created=created), 2)
    assert "an unknown time" in digest.as_alert(as_it_is).text


def test_a_digest_is_nobodys_own_alert() -> None:
    """It has the newest one's time, what all have in common, and nothing else of any of them."""
    digest = Digest()
    own = make_alert(icon="x.png", url_parts=("https://", "1"), is_formatted=True, logger="shop", fingerprint=("raw",))
    digest.add(("a",), own._replace(created=5.0, context=(("host", "h"), ("user", "1"))), 1)
    digest.add(("b",), own._replace(priority=2, created=3.0, context=(("host", "h"), ("user", "2"))), 2)
    told = digest.as_alert(as_it_is)
    assert (told.created, told.context) == (5.0, (("host", "h"),))
    assert (told.icon, told.fingerprint, told.url_parts, told.is_formatted, told.logger) == (None, "", (), False, "")


def test_of_one_kind_there_is_no_list() -> None:
    """The newest is all there is to say of it: of those of one moment the one that came last, by its first line."""
    digest = Digest()
    digest.add((), make_alert("one", created=1000.0), 1)
    digest.add((), make_alert("two\nmore\nand more", created=1000.0), 2)
    assert digest.as_alert(as_it_is).text == f"2 ERROR, {span(1000.0, 1000.0)}\nnewest: two"
    digest.take_in((), Tally(make_alert("three", created=1000.0)), 3)
    assert digest.as_alert(as_it_is).text == f"3 ERROR, {span(1000.0, 1000.0)}\nnewest: three"


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
    assert digest.as_alert(as_it_is).text.split("\n")[0].startswith("8 CRITICAL, ")
    assert digest.as_alert(as_it_is).text.endswith("\n3 × other kinds")


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
        digest.take_in((number,), Tally(make_alert(f"fingerprint {number}", 40 if number % 2 else 50)), number)
    assert len(digest.tallies) <= digests.MAX_FINGERPRINTS + 2
    assert digest.as_alert(as_it_is).title == "100,000 alerts not shown one by one"
    assert digest.as_alert(as_it_is).text.startswith("50,000 CRITICAL, 50,000 ERROR")
    assert digest.as_alert(as_it_is).text.endswith("99,997 × other kinds")
