"""What a spool keeps of something that waits, and which rows of its file have to change. Pure.

What waits is written as rows: one for an alert and its repeats, one for the repeats that an open toast does not count
yet, and in a digest one for each fingerprint. The queue says what waits. The spool compares that with what is written,
and writes the difference. So no step on an alert's way has to call the spool.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint

from .digest import OTHER, Tally

WRITE_AFTER: Final = 0.5
"""Seconds that an alert waits before it is written: most are answered in less."""

RECOUNT_AFTER: Final = 0.7
"""Seconds between two writes of one row, so that its count is never older than a second at the next look."""


class Kind(enum.Enum):
    """What becomes of a row that another process takes over."""

    ALERT = "alert"
    """It is shown."""
    UPDATE = "update"
    """It raises the count of a toast that was shown before."""
    DIGEST = "digest"
    """A digest reports it."""


class Kept(NamedTuple):
    """What a spool keeps: as much as another process needs to show it.

    Attributes:
        key: Names the row, in all processes.
        kind: What becomes of it.
        notification_id: Its Notification-ID; empty in a digest, whose rows share the Coalescing-ID.
        coalescing_id: The id of the toast that it makes or updates.
        total: Records that the toast stands for, those that were reported before included.
        records: Records that wait in it.
        first: When the first was logged, in seconds since 1970.
        last: When the newest was logged.
        alert: The newest: as it was logged, its secrets included, where this process has it.
        since: Since when it waits, in seconds of time.monotonic; 0 for what is written at once.
    """

    key: str
    kind: Kind
    notification_id: str
    coalescing_id: str
    total: int
    records: int
    first: float
    last: float
    alert: Alert
    since: float = 0.0

    def tally(self) -> Tally:
        """Return how often what waits in it came."""
        tally = Tally(self.alert)
        tally.count, tally.first, tally.last = self.records, self.first, self.last
        return tally


def of_digest(id_: str, tallies: Iterable[tuple[Fingerprint, Tally]]) -> list[Kept]:
    """Return what a spool keeps of a digest."""
    return [
        Kept(
            _key(id_, fingerprint),
            Kind.DIGEST,
            "",
            id_,
            tally.count,
            tally.count,
            tally.first,
            tally.last,
            # What is counted by its level only has no fingerprint: that of its newest alert is another count's.
            tally.newest._replace(fingerprint="") if fingerprint[:1] == (OTHER,) else tally.newest,
        )
        for fingerprint, tally in tallies
    ]


def keys_of_digest(id_: str, fingerprints: Iterable[Fingerprint]) -> list[str]:
    """Return the keys of a digest's rows."""
    return [_key(id_, fingerprint) for fingerprint in fingerprints]


def _key(digest: str, fingerprint: Fingerprint) -> str:
    return f"{digest}#{hashlib.sha256(repr(fingerprint).encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


class Written(NamedTuple):
    """What the file has of one key.

    Attributes:
        kept: What was written.
        at: When, in seconds of time.monotonic.
        row: Key of the row: its own, or that of a row which stands for many.
    """

    kept: Kept
    at: float
    row: str

    @property
    def is_merged(self) -> bool:
        """Whether it has no row of its own: the file is full."""
        return self.row != self.kept.key


class Changes(NamedTuple):
    """What is to be written.

    Attributes:
        gone: Keys of what no longer waits.
        new: What has no row yet.
        recounted: What differs from its row in more than its times.
    """

    gone: list[str]
    new: list[Kept]
    recounted: list[Kept]


def changes(
    waiting: Iterable[Kept], written: Mapping[str, Written], now: float, *, everything: bool = False
) -> Changes:
    """Compare what waits with what is written.

    Args:
        waiting: What waits; no two have one key.
        written: By key.
        now: The time, in seconds of time.monotonic.
        everything: Whether what has not waited for long is written, too.
    """
    by_key = {kept.key: kept for kept in waiting}
    new, recounted = [], []
    for key, kept in by_key.items():
        known = written.get(key)
        if known is None:
            if everything or now - kept.since >= WRITE_AFTER:
                new.append(kept)
        elif _counts(kept) != _counts(known.kept) and (everything or now - known.at >= RECOUNT_AFTER):
            recounted.append(kept)
    return Changes([key for key in written if key not in by_key], new, recounted)


def _counts(kept: Kept) -> tuple[object, ...]:
    return kept[1:6]  # not the times: those of a row that no record has reached stay as they are
