"""What is to be sent: alerts, counts of repeats, a digest. Each kind of entry knows what follows from its fate.

The queue's lock guards everything here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint
from gntp_logging.gntp.constants import random_hex_string

from .digest import Digest, DigestSchedule, Finish, Tally
from .dropped import DroppedAlerts
from .flood import Flood, RepeatGroup

PRIORITIES: Final = 5
"""GNTP's priorities, -2 to 2: one lane for each."""


class Outbox:
    """What was decided about, and the counts of what became of it.

    Attributes:
        lanes: Alerts that are to be shown, by priority, the oldest first.
        flood: The groups of repeats.
        digest: The digest that fills up.
        dropped_alerts: What was given up.
        shown: Alerts that the server acknowledged, one by one.
        digested: Alerts that a digest reported.
        notifications: Notifications that the server acknowledged.
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
        self.shown = self.digested = self.notifications = 0
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
        while place and lane[place - 1].sequence > sequence:  # of repeats only a number is known that came before them
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
            flushed: The highest mark that a caller of flush waits for; 0 when nobody does.
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

    def abandon(self, reason: str, mark: float, now: float) -> None:
        """Count everything that waits as dropped, unreported repeats included.

        Args:
            reason: Why.
            mark: What was added after this mark goes on waiting.
            now: The time.
        """
        for lane in self.lanes:
            while lane and lane[0].sequence <= mark:
                lane.popleft().dropped(reason, now)
        digest = self.digest.current
        if digest.since is not None and digest.since <= mark:
            DigestEntry(self, digest).dropped(reason, now)
            self.digest.begin(now)
        for group in self.flood.groups():
            if not group.displayed_count or (group.since or 0) > mark:
                continue  # its first alert, or its newest repeat, goes on waiting
            count = self.flood.take_out(group)
            if count:
                self.dropped_alerts.add(group.as_alert, reason, count)

    def oldest(self) -> list[int]:
        """Return sequence numbers among which that of the oldest alert is that waits here."""
        marks = [lane[0].sequence for lane in self.lanes if lane]
        return [*marks, *(mark for mark in (self.digest.current.since, self.flood.oldest_unreported()) if mark)]

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
        id_: Its Notification-ID; empty until it is prepared.
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
    ) -> None:
        """Keep what :meth:`Outbox.add` was given."""
        self._outbox = outbox
        self._lane = outbox.lanes[alert.priority + 2]
        self._reported = Tally(alert)
        self.sequence: int = sequence
        self.submitted: float = submitted
        self.alert: Alert = alert
        self.fingerprint: Fingerprint = fingerprint
        self.group: RepeatGroup | None = group
        self.unanswered: int = 0
        self.id_: str = ""
        self.coalescing_id: str = ""

    def prepare(self) -> None:
        """Give it its ids, which it keeps when it is sent again, and the count that it has reached by now."""
        group = self.group
        if group is None:
            self.id_ = self.coalescing_id = f"{self._outbox.id_prefix}-{self.sequence}"
            return
        # Random: an id made of the fingerprint would let two processes overwrite each other's counts.
        self.id_ = self.coalescing_id = group.id_ = self.id_ or random_hex_string(8)
        # Repeats that came while the first waited are part of its count: after an outage one toast says all.
        self._reported = group.tally()

    def compose(self, finish: Finish) -> Alert:
        """Return the alert that is sent; takes its time, and needs no lock."""
        return finish(self.alert) if self.group is None else self.group.as_alert(finish)

    def tally(self) -> Tally:
        """Return how often the alert came so far."""
        return self._reported if self.group is None else self.group.tally()

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

    def dropped(self, reason: str, now: float) -> None:  # noqa: ARG002 - as above
        """Give it up, and its repeats with it."""
        if self.group is None:
            self._outbox.dropped_alerts.add(self.compose, reason)
        else:
            self._outbox.dropped_alerts.add(self.compose, reason, self._outbox.flood.take_out(self.group))


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
        self.id_: str = group.next_update_id()
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

    def dropped(self, reason: str, now: float) -> None:  # noqa: ARG002 - as above
        """Leave the count to the next update. Its repeats stay unreported, but no caller of flush waits for them.

        Otherwise a flush would have an update that the server does not take sent again and again.
        """
        self._outbox.flood.mark_refused(self._group, now, self._outbox.newest())


class DigestEntry:
    """A digest on its way.

    Attributes:
        sequence: Place of the oldest alert in it.
        unanswered: How often it was sent without an answer.
        id_: Its Notification-ID.
        coalescing_id: The same.
    """

    def __init__(self, outbox: Outbox, digest: Digest) -> None:
        """Let a digest go; there must be something in it."""
        self._outbox = outbox
        self._digest = digest
        self.sequence: int = digest.since or 0
        self.unanswered: int = digest.unanswered
        self.id_: str = f"{outbox.id_prefix}-d{digest.since}"
        self.coalescing_id: str = self.id_

    @property
    def records(self) -> int:
        """How many records wait in it."""
        return self._digest.count

    def compose(self, finish: Finish) -> Alert:
        """Return one alert that reports what is in it."""
        return self._digest.as_alert(finish)

    def tallies(self) -> list[Tally]:
        """Return what its Coalescing-ID stands for so far."""
        return list(self._digest.tallies.values())

    def taken(self, now: float) -> None:
        """Let another digest fill up, as the caller has this one in flight."""
        self._outbox.digest.begin(now)

    def shown(self, now: float) -> None:  # noqa: ARG002 - as above
        """Count what is in it as reported by a digest."""
        self._outbox.notifications += 1
        self._outbox.digested += self._digest.count

    def requeue(self, unanswered: int) -> None:
        """Let it fill up again, with what came after it."""
        self._digest.unanswered = unanswered
        self._outbox.digest.put_back(self._digest)

    def dropped(self, reason: str, now: float) -> None:  # noqa: ARG002 - as above
        """Give up everything in it."""
        self._outbox.dropped_alerts.add(self.compose, reason, self._digest.count)


Entry = SingleEntry | CountUpdate | DigestEntry
"""What is sent at one time. All have the same verbs: taken, compose, and then shown, requeue or dropped."""
