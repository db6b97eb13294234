"""An outbox for a place that counts by itself: alerts are sent as batches of tallies, neither folded nor capped.

A batch holds what came since the one before, by fingerprint. It is sent again unchanged until the place has taken it,
and has one number at every try, so that the place counts it once however often it arrives. Meanwhile the next fills up.

The queue's lock guards everything here.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint

from .digest import OTHER, Digest, Finish, Tally
from .dropped import DroppedAlerts
from .flood import Decision, Flood, RepeatGroup
from .kept import Kept, Kind
from .outbox import DigestEntry, Entry, Outbox, Snapshot

INTERVAL: Final = 0.03
"""Seconds between two batches: what a flood logs meanwhile is one number, and the delay is too short to be seen."""

MAX_TALLIES: Final = 100
"""Fingerprints in one batch: with 16 KiB each, what one exchange carries."""


_BATCH: Final = re.compile("[0-9a-f]{16}-[0-9]+")
"""The id of a batch; that of the digest from which batches are made has a letter more."""


class _Unfolded(Flood):
    """Leaves everything to the digest, from which the batches are made."""

    def __init__(self) -> None:
        super().__init__(0.0, 0, 0.0)

    def offer(
        self, alert: Alert, fingerprint: Fingerprint, sequence: int, now: float
    ) -> tuple[Decision, RepeatGroup | None]:
        del alert, fingerprint, sequence, now
        return Decision.DIGEST, None


class TallyOutbox(Outbox):
    """What came since the last batch, and batches that were not taken yet.

    Attributes:
        unacknowledged: The batches that go before all others: the last one, and those that earlier processes have left.
    """

    def __init__(self, _flood: Flood, dropped_alerts: DroppedAlerts, newest: Callable[[], int]) -> None:
        """Begin empty; the same arguments as for another outbox, whose flood is not needed."""
        super().__init__(_Unfolded(), dropped_alerts, newest)
        self.unacknowledged: deque[Batch] = deque()
        self._numbers = itertools.count(1)
        self._due = 0.0

    def next_entry(self, flushed: int, now: float) -> Entry | None:
        """Return the batch that is to be sent now, if there is one; see :meth:`.Outbox.next_entry`."""
        if self.unacknowledged:
            return self.unacknowledged[0]
        since = self.digest.current.since
        if since is None or (now < self._due and since > flushed):
            return None
        digest = Digest()
        digest.id_ = f"{self.id_prefix}-{next(self._numbers)}"
        for fingerprint, tally in itertools.islice(self.digest.current.tallies.items(), MAX_TALLIES):
            digest.take_in(fingerprint, tally, since)
        return Batch(self, digest)

    def begin(self, batch: Batch, now: float) -> None:
        """Take a batch, or what it holds, out of what waits."""
        if batch in self.unacknowledged:
            self.unacknowledged.remove(batch)
            return
        for _ in batch.digest.tallies:
            self.digest.current.pop()
        self._due = now + INTERVAL

    def restore(self, kept: Kept, sequence: int, now: float) -> None:
        """Go on with what an earlier process has left: its last batch may have been taken, so it keeps its number."""
        if kept.kind is not Kind.DIGEST or not _BATCH.fullmatch(kept.coalescing_id):
            super().restore(kept, sequence, now)
            return
        self.count_restored(kept.records)
        digest = next((batch.digest for batch in self.unacknowledged if batch.id_ == kept.coalescing_id), Digest())
        digest.take_in(kept.alert.fingerprint or (OTHER, kept.alert.level), kept.tally(), sequence)
        if not digest.id_:
            digest.id_ = kept.coalescing_id
            self.unacknowledged.append(Batch(self, digest))

    def snapshot(self, in_flight: Iterable[Entry]) -> Snapshot:
        """Return all that waits, for a spool; see :meth:`.Outbox.snapshot`."""
        return super().snapshot([*in_flight, *self.unacknowledged])

    def abandon(self, reason: str, mark: float, now: float, kept: Mapping[str, int]) -> None:
        """Give up everything that waits; see :meth:`.Outbox.abandon`."""
        for batch in [batch for batch in self.unacknowledged if batch.sequence <= mark]:
            batch.dropped(reason, now, kept)
            self.unacknowledged.remove(batch)
        super().abandon(reason, mark, now, kept)

    def oldest(self) -> list[int]:
        """Return sequence numbers among which that of the oldest alert is that waits here."""
        return [*super().oldest(), *(batch.sequence for batch in self.unacknowledged)]

    def has_news(self) -> bool:
        """Tell whether something waits."""
        return bool(self.unacknowledged) or super().has_news()

    def records(self) -> int:
        """Return how many records wait here, those in lanes left out."""
        return super().records() + sum(batch.records for batch in self.unacknowledged)

    def next_due(self) -> float:
        """Return when a batch is due, in seconds of time.monotonic; infinity when none is."""
        if self.unacknowledged:
            return 0.0
        return math.inf if self.digest.current.since is None else self._due


class Batch(DigestEntry):
    """Tallies on their way, by fingerprint.

    Attributes:
        id_: Its sender and its number: ``3f09c5e2a7b14d68-12``; the same at every try, also by another process.
    """

    def __init__(self, outbox: TallyOutbox, digest: Digest) -> None:
        """Send a digest, which has the batch's id."""
        super().__init__(outbox, digest)
        self._tally_outbox = outbox
        self._finished: list[Tally] = []

    def compose(self, finish: Finish) -> Alert:
        """Finish everything in it, and return the first alert; at another try the same."""
        if not self._finished:
            self._finished = [_finished(key, tally, finish) for key, tally in self.digest.tallies.items()]
        return self._finished[0].newest

    def tallies(self) -> list[Tally]:
        """Return what it holds, without secrets; after :meth:`compose`."""
        return self._finished

    def taken(self, now: float) -> None:
        """Let the next batch fill up."""
        self._tally_outbox.begin(self, now)

    def shown(self, now: float) -> None:  # noqa: ARG002 - all entries have the same verbs
        """Count what is in it as published."""
        self._outbox.published += self.digest.count

    def requeue(self, unanswered: int) -> None:  # noqa: ARG002 - as above: it may arrive twice, and counts once
        """Send it again, before all others."""
        self._tally_outbox.unacknowledged.appendleft(self)


def _finished(fingerprint: Fingerprint, tally: Tally, finish: Finish) -> Tally:
    """Return a tally without secrets, whose alert has the fingerprint under which it was counted."""
    alert = finish(tally.newest)
    if not isinstance(fingerprint, str):  # too many for one each: counted by their level
        fingerprint = f"other|{alert.level}"
    return Tally(alert._replace(fingerprint=fingerprint), tally.count, tally.first, tally.last)
