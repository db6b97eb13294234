"""What is to be sent: alerts, counts of repeats, a digest. Each kind of entry knows what follows from its fate.

The queue's lock guards everything here.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint
from gntp_logging.gntp.constants import random_hex_string

from .digest import OTHER, Digest, DigestSchedule, Finish, Tally
from .dropped import Compose, DroppedAlerts
from .flood import Decision, Flood, RepeatGroup
from .kept import Kept, Kind, keys_of_digest, of_digest

PRIORITIES: Final = 5
"""GNTP's priorities, -2 to 2: one lane for each."""

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
"""What is kept without a spool."""


class Outbox:
    """Everything that is decided and not settled yet, and the counts of what became of the rest.

    Attributes:
        lanes: Alerts that are to be shown, by priority, the oldest first.
        flood: The groups of repeats.
        digest: The digest that fills up.
        dropped_alerts: What was given up.
        shown: Alerts that the server acknowledged, one by one.
        digested: Alerts that a digest reported.
        published: Records that a broker has taken.
        notifications: Notifications that the server acknowledged.
        spooled: Records that the spool keeps, and that wait here no longer.
        restored: Records that an earlier process had left in the spool.
        left: Keys of the spool's rows that keep them.
        newest: Returns a sequence number greater than that of every alert added so far.
        id_prefix: Begins the ids of what has no group; random.
    """

    def __init__(self, flood: Flood, dropped_alerts: DroppedAlerts, newest: Callable[[], int]) -> None:
        """Begin empty.

        Args:
            flood: Folds, and caps the rate.
            dropped_alerts: Takes what is given up.
            newest: See above.
        """
        self.lanes: tuple[deque[SingleEntry], ...] = tuple(deque() for _ in range(PRIORITIES))
        self.flood: Flood = flood
        self.digest: DigestSchedule = DigestSchedule()
        self.dropped_alerts: DroppedAlerts = dropped_alerts
        self.shown: int = 0
        self.digested: int = 0
        self.published: int = 0
        self.notifications: int = 0
        self.spooled: int = 0
        self.restored: int = 0
        self.left: list[str] = []
        self.newest: Callable[[], int] = newest
        self.id_prefix: str = random_hex_string(8)

    def add(
        self, sequence: int, submitted: float, alert: Alert, fingerprint: Fingerprint, group: RepeatGroup | None
    ) -> None:
        """Let an alert wait to be shown.

        Args:
            sequence: Its place in the order of submission.
            submitted: When, in seconds of time.monotonic.
            alert: The alert as it was logged.
            fingerprint: Its fingerprint, normalized.
            group: The group that it is the first of.
        """
        lane = self.lanes[alert.priority + 2]
        place = len(lane)
        while place and lane[place - 1].sequence > sequence:  # repeats of known calls have only a lower bound
            place -= 1
        lane.insert(place, SingleEntry(self, sequence, submitted, alert, fingerprint, group))

    def to_digest(self, entry: SingleEntry) -> None:
        """Let a digest report an alert and its repeats."""
        tally = entry.tally()
        if entry.group is not None:
            self.flood.take_out(entry.group)
        self.digest.current.take_in(entry.fingerprint, tally, entry.sequence)

    def next_entry(self, flushed: int, now: float) -> Entry | None:
        """Return what is to be sent next: the caller marks it as in flight, and then calls its ``taken``.

        Args:
            flushed: The highest mark that a caller of flush waits for; 0 when no caller waits.
            now: The time, in seconds of time.monotonic.
        """
        lane = min((lane for lane in self.lanes if lane), key=lambda lane: lane[0].sequence, default=None)
        if self.digest.is_next(lane[0].sequence if lane else None, flushed, now):
            return DigestEntry(self, self.digest.current)
        if lane is not None:
            lane[0].prepare()
            return lane[0]
        group = self.flood.update_due(now, flushed)
        return None if group is None else CountUpdate(self, group)

    def count_restored(self, records: int) -> None:
        """Count what an earlier process has left in the spool."""
        self.restored += records

    def restore(self, kept: Kept, sequence: int, now: float) -> None:
        """Go on with what an earlier process has left in the spool.

        Args:
            sequence: Its place in the order of submission.
            now: The time, in seconds of time.monotonic.
        """
        self.count_restored(kept.records)
        fingerprint = kept.alert.fingerprint or (OTHER, kept.alert.level)
        decision, group = Decision.DIGEST, None
        if kept.kind is not Kind.DIGEST:
            decision, group = self.flood.restore(kept, fingerprint, sequence, now)
        if decision is Decision.SHOW:
            ids = (kept.notification_id, kept.coalescing_id)
            entry = SingleEntry(self, sequence, now, kept.alert, fingerprint, group, ids)
            self.lanes[kept.alert.priority + 2].append(entry)
        elif decision is Decision.DIGEST:
            digest = self.digest.current
            digest.id_ = digest.id_ or kept.coalescing_id
            digest.take_in(fingerprint, kept.tally(), sequence)
            digest.restored += kept.records
            self.digest.hurry(now)

    def snapshot(self, in_flight: Iterable[Entry]) -> Snapshot:
        """Return all that waits, for :meth:`Snapshot.kept`.

        Args:
            in_flight: What is being sent.
        """
        entries = [*in_flight, *itertools.chain(*self.lanes)]
        digests = [entry.digest for entry in entries if isinstance(entry, DigestEntry)]
        digests += [digest for digest in self.filling() if digest not in digests]
        return Snapshot(
            [entry for entry in entries if isinstance(entry, SingleEntry)],
            [(self.identify(digest), list(digest.tallies.items())) for digest in digests],
            [group for group in self.flood.groups() if group.displayed_count and group.unreported],
        )

    def filling(self) -> list[Digest]:
        """Return the digest that fills up, if there is something in it."""
        return [self.digest.current] if self.digest.current.count else []

    def identify(self, digest: Digest) -> str:
        """Give a digest its id, unless it has one, and return it."""
        digest.id_ = digest.id_ or f"{self.id_prefix}-d{digest.since}"
        return digest.id_

    def give_up(
        self, compose: Compose, records: int, reason: str, keys: Sequence[str] = (), kept: Mapping[str, int] = _NOTHING
    ) -> None:
        """Count records as spooled, as far as rows keep them, and the rest as dropped.

        Args:
            compose: Makes the alert that ``on_error`` gets.
            records: How many there are.
            reason: Why they are given up.
            keys: Of their rows.
            kept: How many records each row keeps.
        """
        own = [key for key in keys if key in kept]
        spooled = min(records, sum(kept[key] for key in own))
        self.spooled += spooled
        self.left += own
        if records > spooled:
            self.dropped_alerts.add(compose, reason, records - spooled)

    def abandon(self, reason: str, mark: float, now: float, kept: Mapping[str, int]) -> None:
        """Give up everything that waits, unreported repeats included.

        Args:
            reason: Why.
            mark: What was added after this mark goes on waiting.
            now: The time, in seconds of time.monotonic.
            kept: How many records each row of the spool keeps.
        """
        for lane in self.lanes:
            while lane and lane[0].sequence <= mark:
                lane.popleft().dropped(reason, now, kept)
        for digest in self.filling():
            if digest.since is not None and digest.since <= mark:
                DigestEntry(self, digest).dropped(reason, now, kept)
                self.digest.begin(now)
        for group in self.flood.groups():
            if not group.displayed_count or (group.since or 0) > mark:
                continue  # its first alert, or its newest repeat, goes on waiting
            count = self.flood.take_out(group)
            if count:
                self.give_up(group.as_alert, count, reason, [group.id_], kept)

    def oldest(self) -> list[int]:
        """Return sequence numbers, the smallest of which is that of the oldest alert that waits here."""
        marks = [lane[0].sequence for lane in self.lanes if lane]
        return [*marks, *(mark for mark in (self.digest.current.since, self.flood.oldest_unreported()) if mark)]

    def records(self) -> int:
        """Return how many records wait here, without those in lanes."""
        return self.digest.current.count

    def has_news(self) -> bool:
        """Tell whether the digest or a count is to be reported; counts that the server has just refused are not."""
        return bool(self.digest.current.count) or any(
            group.displayed_count and group.unreported and not group.is_refused for group in self.flood.groups()
        )

    def next_due(self) -> float:
        """Return when a count or the digest is due, in seconds of time.monotonic; infinity when none is."""
        return min(self.flood.next_due(), math.inf if self.digest.current.since is None else self.digest.due)


class SingleEntry:
    """An alert, which may be the first of a group.

    Attributes:
        sequence: Its place in the order of submission.
        submitted: When, in seconds of time.monotonic.
        alert: The alert as it was logged.
        fingerprint: Its fingerprint, normalized.
        group: The group that it is the first of.
        unanswered: How often it was sent without an answer.
        id_: Its Notification-ID; it is the same when it is sent again, by another process too.
        coalescing_id: Its Notification-Coalescing-ID.
    """

    __slots__ = (
        "_lane", "_outbox", "_reported", "alert", "coalescing_id", "fingerprint", "group", "id_", "sequence",
        "submitted", "unanswered",
    )  # fmt: skip

    records: Final = 1
    """How many records wait in it; the repeats of its group are counted there."""

    def __init__(
        self,
        outbox: Outbox,
        sequence: int,
        submitted: float,
        alert: Alert,
        fingerprint: Fingerprint,
        group: RepeatGroup | None,
        ids: tuple[str, str] | None = None,
    ) -> None:
        """Keep what :meth:`Outbox.add` was given, and the ids that it has in the spool."""
        self._outbox = outbox
        self._lane = outbox.lanes[alert.priority + 2]
        self._reported = Tally(alert)
        self.sequence: int = sequence
        self.submitted: float = submitted
        self.alert: Alert = alert
        self.fingerprint: Fingerprint = fingerprint
        self.group: RepeatGroup | None = group
        self.unanswered: int = 0
        # Random: an id made of the fingerprint would let two processes overwrite each other's counts.
        own_id = f"{outbox.id_prefix}-{sequence}" if group is None else random_hex_string(8)
        id_, coalescing_id = ids or (own_id, own_id)
        self.id_: str = id_
        self.coalescing_id: str = coalescing_id
        if group is not None:
            group.id_ = self.coalescing_id

    def prepare(self) -> None:
        """Give it the count that it has reached by now."""
        if self.group is not None:
            # Repeats that came while the first waited are part of its count: after an outage one toast says all.
            self._reported = self.group.tally()

    def kept(self) -> Kept:
        """Return what a spool keeps of it and its repeats."""
        group = self.group
        count, before = (1, 0) if group is None else (group.count, group.reported_before)
        first, last = (self.alert.created,) * 2 if group is None else (group.first, group.last)
        alert = self.alert if group is None else group.alert
        kind = Kind.UPDATE if before else Kind.ALERT
        return Kept(
            self.coalescing_id, kind, self.id_, self.coalescing_id, count, count - before, first, last, alert,
            self.submitted,
        )  # fmt: skip

    def compose(self, finish: Finish) -> Alert:
        """Return the alert that is sent. This takes long: call it without the lock."""
        return finish(self.alert) if self.group is None else self.group.as_alert(finish)

    def tally(self) -> Tally:
        """Return how often the alert came so far, without the records that an earlier process has reported."""
        if self.group is None:
            return self._reported
        tally = self.group.tally()
        tally.count -= self.group.reported_before
        return tally

    def tallies(self) -> list[Tally]:
        """Return what its Coalescing-ID stood for when it was prepared."""
        return [self._reported]

    def taken(self, now: float) -> None:  # noqa: ARG002 - all entries have the same verbs
        """Take it out of its lane, as the caller has it in flight."""
        self._lane.popleft()

    def shown(self, now: float) -> None:
        """Count it as shown."""
        self._outbox.notifications += 1
        self._outbox.shown += 1
        if self.group is not None:
            self._outbox.flood.mark_reported(self.group, self._reported.count, now)

    def requeue(self, unanswered: int) -> None:
        """Put it back to the front, unless an interrupt came before it was taken from there."""
        self.unanswered = unanswered
        if not self._lane or self._lane[0] is not self:
            self._lane.appendleft(self)

    def dropped(self, reason: str, now: float, kept: Mapping[str, int] = _NOTHING) -> None:  # noqa: ARG002 - as above
        """Give it up, and its repeats with it."""
        records = 1 if self.group is None else self._outbox.flood.take_out(self.group)
        self._outbox.give_up(self.compose, records, reason, [self.coalescing_id], kept)


class CountUpdate:
    """A new count for the toast of a group.

    Attributes:
        sequence: Place of the oldest repeat that it reports.
        unanswered: How often it was sent without an answer.
        id_: Its Notification-ID.
        coalescing_id: The Notification-ID of the group's first alert.
    """

    records: Final = 0
    """No record waits in it: repeats are folded already."""

    def __init__(self, outbox: Outbox, group: RepeatGroup) -> None:
        """Begin an update."""
        self._outbox = outbox
        self._group = group
        self._reported = group.tally()
        self.sequence: int = group.since or 0
        self.unanswered: int = group.unanswered
        self.id_: str = group.update_id()
        self.coalescing_id: str = group.id_

    def compose(self, finish: Finish) -> Alert:
        """Return the group's newest alert, with the count."""
        return self._group.as_alert(finish)

    def tallies(self) -> list[Tally]:
        """Return what its Coalescing-ID stood for when the update was begun."""
        return [self._reported]

    def taken(self, now: float) -> None:  # noqa: ARG002 - as above
        """Let no other update of the group go before this one has come to an end."""
        self._group.begin_update()

    def shown(self, now: float) -> None:
        """Record that the desktop shows the count."""
        self._outbox.notifications += 1
        self._outbox.flood.mark_reported(self._group, self._reported.count, now)

    def requeue(self, unanswered: int) -> None:
        """Let the next update take this one's id, with a later count."""
        self._group.take_back_update(unanswered)

    def dropped(self, reason: str, now: float, kept: Mapping[str, int] = _NOTHING) -> None:  # noqa: ARG002 - as above
        """Leave the count to the next update. Its repeats stay unreported, but no caller of flush waits for them.

        Otherwise a flush would have an update that the server does not take sent again and again.
        """
        self._outbox.flood.mark_refused(self._group, now, self._outbox.newest())


class DigestEntry:
    """A digest on its way.

    Attributes:
        digest: The digest.
        sequence: Place of the oldest alert in it.
        unanswered: How often it was sent without an answer.
        id_: Its Notification-ID.
        coalescing_id: The same.
    """

    def __init__(self, outbox: Outbox, digest: Digest) -> None:
        """Let a digest go; there must be something in it."""
        self._outbox = outbox
        self.digest: Digest = digest
        self.sequence: int = digest.since or 0
        self.unanswered: int = digest.unanswered
        self.id_: str = outbox.identify(digest)
        self.coalescing_id: str = self.id_

    @property
    def records(self) -> int:
        """How many records wait in it."""
        return self.digest.count

    def compose(self, finish: Finish) -> Alert:
        """Return one alert that reports what is in it."""
        return self.digest.as_alert(finish)

    def tallies(self) -> list[Tally]:
        """Return what its Coalescing-ID stands for so far."""
        return list(self.digest.tallies.values())

    def taken(self, now: float) -> None:
        """Let another digest fill up, as the caller has this one in flight."""
        self._outbox.digest.begin(now)

    def shown(self, now: float) -> None:  # noqa: ARG002 - as above
        """Count what is in it as reported by a digest."""
        self._outbox.notifications += 1
        self._outbox.digested += self.digest.count

    def requeue(self, unanswered: int) -> None:
        """Let it fill up again, with what came after it."""
        self.digest.unanswered = unanswered
        self._outbox.digest.put_back(self.digest)

    def dropped(self, reason: str, now: float, kept: Mapping[str, int] = _NOTHING) -> None:  # noqa: ARG002 - as above
        """Give up everything in it."""
        self._outbox.give_up(
            self.digest.as_alert,
            self.digest.count,
            reason,
            keys_of_digest(self.digest.id_, self.digest.tallies) if kept else (),
            kept,
        )


Entry = SingleEntry | CountUpdate | DigestEntry
"""What is sent at one time. All have the same verbs: taken, compose, and then shown, requeue or dropped."""


class Snapshot(NamedTuple):
    """All that waits, collected while the queue's lock was held. To look through it takes long, and needs no lock.

    Counts may rise meanwhile; the next snapshot has them.

    Attributes:
        singles: Alerts that were not shown yet.
        digests: Digests that were not shown yet: id and tallies.
        groups: Groups whose toast lacks repeats.
    """

    singles: list[SingleEntry]
    digests: list[tuple[str, list[tuple[Fingerprint, Tally]]]]
    groups: list[RepeatGroup]

    def kept(self) -> list[Kept]:
        """Return what a spool keeps of it."""
        found = [entry.kept() for entry in self.singles]
        for id_, tallies in self.digests:
            found += of_digest(id_, tallies)
        found += [
            Kept(
                group.id_, Kind.UPDATE, group.update_id(), group.id_, group.count, group.unreported, group.first,
                group.last, group.alert,
            )
            for group in self.groups
        ]  # fmt: skip
        return found
