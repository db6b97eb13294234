"""What a spool keeps, and which rows change."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.delivery.digest import Digest, Tally
from gntp_logging.delivery.kept import RECOUNT_AFTER, WRITE_AFTER, Changes, Kept, Kind, Written, changes, of_digest
from tests.support import make_alert

KEYS = st.sampled_from("abcd")


def make_kept(key: str = "a", **changed: Any) -> Kept:
    """Return what is kept of one alert that waits since 100 s."""
    return Kept(key, Kind.ALERT, key, key, 1, 1, 1.0, 1.0, make_alert(), 100.0)._replace(**changed)


def written(*kept: Kept, at: float = 100.0) -> dict[str, Written]:
    """Return these as the file has them."""
    return {one.key: Written(one, at, one.key) for one in kept}


def test_an_alert_is_written_once_it_has_waited() -> None:
    """Most are answered before."""
    kept = make_kept()
    assert changes([kept], {}, 100.0 + WRITE_AFTER - 0.01) == Changes([], [], [])
    assert changes([kept], {}, 100.0 + WRITE_AFTER) == Changes([], [kept], [])
    assert changes([kept], {}, 100.0, everything=True) == Changes([], [kept], [])


def test_a_row_is_counted_anew_about_once_a_second() -> None:
    """However many repeats come."""
    now, before = make_kept(total=3, records=3), written(make_kept())
    assert changes([now], before, 100.0 + RECOUNT_AFTER - 0.01) == Changes([], [], [])
    assert changes([now], before, 100.0 + RECOUNT_AFTER) == Changes([], [], [now])
    assert changes([now], before, 100.0, everything=True) == Changes([], [], [now])


def test_what_waits_no_more_goes() -> None:
    """And what is as it was is left alone, whatever its newest alert says."""
    assert changes([make_kept(alert=make_alert("newer"))], written(make_kept(), make_kept("b")), 200.0) == Changes(
        ["b"], [], []
    )


@given(
    st.dictionaries(KEYS, st.integers(1, 3)),
    st.dictionaries(KEYS, st.integers(1, 3)),
    st.floats(100, 102),
    st.booleans(),
)
def test_what_is_written_becomes_what_waits(
    waiting: dict[str, int], before: dict[str, int], now: float, everything: bool
) -> None:
    """No key is in two lists, and with everything the file has exactly what waits."""
    kept = [make_kept(key, records=count) for key, count in waiting.items()]
    found = changes(
        kept, written(*(make_kept(key, records=count) for key, count in before.items())), now, everything=everything
    )
    keys = [*found.gone, *(one.key for one in (*found.new, *found.recounted))]
    assert len(keys) == len(set(keys))
    rows = {key: count for key, count in before.items() if key not in found.gone}
    rows.update({one.key: one.records for one in (*found.new, *found.recounted)})
    assert set(rows) <= set(waiting)
    if everything:
        assert rows == waiting


def test_of_a_digest_each_fingerprint_is_kept() -> None:
    """Under one Coalescing-ID, and under a key that stays while more come."""
    digest = Digest()
    digest.take_in("1|key|x", Tally(make_alert("x")), 1)
    (first,) = of_digest("d", digest.tallies.items())
    digest.take_in("1|key|y", Tally(make_alert("y")), 2)
    digest.take_in("1|key|x", Tally(make_alert("x")), 3)
    x, y = of_digest("d", digest.tallies.items())
    assert (x.key, x.coalescing_id, x.kind, x.records) == (first.key, "d", Kind.DIGEST, 2)
    assert (y.coalescing_id, y.records) == ("d", 1)
    assert x.tally().count == 2
