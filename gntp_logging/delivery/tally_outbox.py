"""An outbox for a place that counts by itself: alerts are sent as batches of tallies, neither folded nor capped.

What waits is cut into batches with numbers, each with room for as many fingerprints as one exchange carries. A batch
that the place has refused goes on filling up. One that may have arrived is fixed: it is sent again unchanged, and its
number tells the place to count it once.

The numbers are given before anything is sent, because a spool writes them. What a killed process has sent just before
its end is then known to the place by its number, when another process sends it from the spool.

The queue's lock guards everything here.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint
from gntp_logging.gntp.constants import random_hex_string

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
"""The id of a batch: its producer and its number. That of another digest in a spool has a letter more."""


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
    """What came since the last batch, and batches that may have arrived.

    Attributes:
        fixed: The batches that go before all others, unchanged: the last one, and those that earlier processes have
            left.
    """

    def __init__(self, _flood: Flood, dropped_alerts: DroppedAlerts, newest: Callable[[], int]) -> None:
        """Begin empty; the same arguments as for another outbox, whose flood is not needed."""
        super().__init__(_Unfolded(), dropped_alerts, newest)
        self.fixed: deque[Batch] = deque()
        self._last_number = 0
        self._last_spooled = 0  # the last number that a spool may have
        self._due = 0.0

    def next_entry(self, flushed: int, now: float) -> Entry | None:
        """Return the batch that is to be sent now, if there is one; see :meth:`.Outbox.next_entry`."""
        if self.fixed:
            return self.fixed[0]
        since = self.digest.current.since
        if since is None or (now < self._due and since > flushed):
            return None
        return Batch(self, self.filling()[0])

    def filling(self) -> list[Digest]:
        """Return what waits, cut into batches."""
        current = self.digest.current
        items = iter(current.tallies.items())
        found = []
        for number in itertools.count(self._last_number + 1):
            digest = Digest()
            digest.id_ = f"{self.id_prefix}-{number}"
            for fingerprint, tally in itertools.islice(items, MAX_TALLIES):
                digest.take_in(fingerprint, tally, current.since or 0)
            if not digest.tallies:
                break
            found.append(digest)
        return found

    def begin(self, batch: Batch, now: float) -> None:
        """Take a batch, or what it holds, out of what waits."""
        if batch in self.fixed:
            self.fixed.remove(batch)
            return
        rest = Digest()
        for fingerprint, tally in list(self.digest.current.tallies.items())[len(batch.digest.tallies) :]:
            rest.take_in(fingerprint, tally, self.digest.current.since or 0)
        self._due = now + INTERVAL
        self._last_number += 1
        self.digest.current = rest  # last, and in one step: an interrupt before leaves all of it waiting

    def is_waiting(self, batch: Batch) -> bool:
        """Tell whether a batch was not taken out yet."""
        tallies = self.digest.current.tallies
        return batch in self.fixed or any(tallies.get(key) is tally for key, tally in batch.digest.tallies.items())

    def fill_up(self, batch: Batch) -> bool:
        """Let a batch that has not arrived fill up again, with what came after it; return False if that cannot be.

        Where a spool has what came after it under greater numbers, both must fit into one batch. That gets a number
        above these: once it has arrived, the place knows all numbers under which the spool still has something of it.
        """
        current = self.digest.current
        is_spooled = self._last_spooled > self._last_number
        is_too_much = len(batch.digest.tallies.keys() | current.tallies.keys()) > MAX_TALLIES
        if batch.id_ != f"{self.id_prefix}-{self._last_number}" or (is_spooled and is_too_much):
            return False
        self._last_number = self._last_spooled if is_spooled else self._last_number - 1
        both = Digest()
        for digest in (batch.digest, current):
            for fingerprint, tally in digest.tallies.items():
                # A copy: the spool may be reading the batch's own.
                both.take_in(fingerprint, copy.copy(tally), digest.since or 0)
        self.digest.current = both
        return True

    def restore(self, kept: Kept, sequence: int, now: float) -> None:
        """Go on with what an earlier process has left: a batch of it may have been taken, so it keeps its number."""
        if kept.kind is not Kind.DIGEST or not _BATCH.fullmatch(kept.coalescing_id):
            super().restore(kept, sequence, now)
            return
        self.count_restored(kept.records)
        digest = next((batch.digest for batch in self.fixed if batch.id_ == kept.coalescing_id), Digest())
        digest.take_in(kept.alert.fingerprint or (OTHER, kept.alert.level), kept.tally(), sequence)
        if not digest.id_:
            digest.id_ = kept.coalescing_id
            # In the order of their numbers: the place ignores a number below the producer's last.
            self.fixed = deque(sorted([*self.fixed, Batch(self, digest, is_fixed=True)], key=_in_order))

    def snapshot(self, in_flight: Iterable[Entry]) -> Snapshot:
        """Return all that waits, for a spool; see :meth:`.Outbox.snapshot`."""
        self._last_spooled = self._last_number + len(self.filling())
        return super().snapshot([*in_flight, *self.fixed])

    def abandon(self, reason: str, mark: float, now: float, kept: Mapping[str, int]) -> None:
        """Give up everything that waits; see :meth:`.Outbox.abandon`."""
        for batch in [batch for batch in self.fixed if batch.sequence <= mark]:
            batch.dropped(reason, now, kept)
            self.fixed.remove(batch)
        super().abandon(reason, mark, now, kept)
        if kept:
            # Another process sends later what is left in the spool. Greater numbers of one producer must not go before.
            self.id_prefix: str = random_hex_string(8)
            self._last_number = self._last_spooled = 0

    def oldest(self) -> list[int]:
        """Return sequence numbers among which that of the oldest alert is that waits here."""
        return [*super().oldest(), *(batch.sequence for batch in self.fixed)]

    def has_news(self) -> bool:
        """Tell whether something waits."""
        return bool(self.fixed) or super().has_news()

    def records(self) -> int:
        """Return how many records wait here, those in lanes left out."""
        return super().records() + sum(batch.records for batch in self.fixed)

    def next_due(self) -> float:
        """Return when a batch is due, in seconds of time.monotonic; infinity when none is."""
        if self.fixed:
            return 0.0
        return math.inf if self.digest.current.since is None else self._due


class Batch(DigestEntry):
    """Tallies on their way, by fingerprint.

    Attributes:
        id_: Its producer and its number: ``3f09c5e2a7b14d68-12``; the same at every try, also by another process.
    """

    def __init__(self, outbox: TallyOutbox, digest: Digest, *, is_fixed: bool = False) -> None:
        """Send a digest, which has the batch's id.

        Args:
            is_fixed: Whether it may have arrived before.
        """
        super().__init__(outbox, digest)
        self._tally_outbox = outbox
        self._is_fixed = is_fixed
        self._finished: list[Tally] = []
        self.unanswered = 1  # until an answer says that it was refused, it may have arrived

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

    def requeue(self, unanswered: int) -> None:
        """Send it again, before all others; with what comes until then, if no try of it can have arrived."""
        if self._tally_outbox.is_waiting(self):  # an interrupt came before it was taken
            return
        if unanswered or self._is_fixed or not self._tally_outbox.fill_up(self):
            self._is_fixed = True
            self._tally_outbox.fixed.appendleft(self)


def _in_order(batch: Batch) -> tuple[str, int]:
    producer, _, number = batch.id_.rpartition("-")
    return producer, int(number)


def _finished(fingerprint: Fingerprint, tally: Tally, finish: Finish) -> Tally:
    """Return a tally without secrets, whose alert has the fingerprint under which it was counted."""
    alert = finish(tally.newest)
    if not isinstance(fingerprint, str):  # too many for one each: counted by their level
        fingerprint = f"other|{alert.level}"
    return Tally(alert._replace(fingerprint=fingerprint), tally.count, tally.first, tally.last)
