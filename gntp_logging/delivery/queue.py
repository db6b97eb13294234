"""What waits for one desktop: a bounded queue, groups of repeats, a digest of what is too much, and the counts.

:meth:`AlertQueue.add` runs inside the application. It only appends to a deque, which is safe when a signal handler, a
``__del__`` or a ``__str__`` interrupts it and logs itself. Everything else holds the lock, for some instructions and
never during I/O; what runs inside the application only ever tries it. The lock is re-entrant, because a signal handler
may call flush while its thread holds it.

An alert passes three places: *incoming*, where the application puts it; *outgoing*, when :meth:`AlertQueue.take` has
decided that it is to be shown; *in flight*, while it is sent.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint, normalized, raw_fingerprint
from gntp_logging.gntp.constants import random_hex_string

from .digest import Digest, Tally
from .dropped import INTERNAL_ERROR, QUEUE_FULL, DroppedAlerts
from .flood import Decision, Flood, RepeatGroup
from .threads import is_held_here

_PRIORITIES: Final = 5
"""GNTP's priorities, -2 to 2: one lane of the queue for each."""

_LARGE: Final = 512
"""Alerts in a queue of which some more or less do not matter."""

DIGEST_DELAY: Final = 10.0
"""Seconds that a digest of too many different alerts waits for more of them."""

DIGEST_INTERVAL: Final = 60.0
"""Seconds between two digests, and after which one goes out even while other alerts wait."""


class Entry(NamedTuple):
    """An alert on its way.

    Attributes:
        sequence: Its place in the order of submission; of a digest or an update, that of the oldest alert in it.
        submitted: When, in seconds of time.monotonic.
        alert: The alert.
        unanswered: How often it was sent without an answer.
        group: The group that it is the first of, or whose count it tells.
        reported_count: The count of the group that it reports.
        is_update: Whether it only tells a count.
        digest: What the alert tells, when it stands for many.
        id_: Its Notification-ID; empty until it is taken.
        coalescing_id: Its Notification-Coalescing-ID.
    """

    sequence: int
    submitted: float
    alert: Alert
    unanswered: int = 0
    group: RepeatGroup | None = None
    reported_count: int = 1
    is_update: bool = False
    digest: Digest | None = None
    id_: str = ""
    coalescing_id: str = ""


@dataclass(frozen=True)
class Counts:
    """How many records went which way; together they are what was accepted.

    Attributes:
        shown: Acknowledged by the server, one by one.
        folded: Counted in the group of an alert that is, or will be, shown.
        digested: Told by a digest that the server acknowledged.
        dropped: Given up, by reason.
        queued: Waiting, what is being sent and what waits for a digest included.
        notifications: Notifications that the server acknowledged, updates and digests included.
    """

    shown: int
    folded: int
    digested: int
    dropped: dict[str, int]
    queued: int
    notifications: int


class AlertQueue:
    """The alerts of one worker in one process.

    Attributes:
        dropped_alerts: What was given up.
    """

    def __init__(
        self,
        size: int,
        max_age: float,
        flood: Flood,
        redact: Callable[[Alert], Alert],
        on_error: Callable[[Alert, str], object] | None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Begin empty.

        Args:
            size: Alerts that may wait.
            max_age: Seconds after which a waiting alert goes into the digest; 0 for no limit.
            flood: Folds, and caps the rate.
            redact: Takes the secrets out of an alert.
            on_error: Gets what is given up.
            note: Takes what goes wrong here, for ``last_error``.
        """
        self._size = size
        # A large queue is looked at after each 16 alerts, and makes room for them and some more at once: doing both for
        # each alert would double what it costs the thread that logs.
        self._unlooked = 15 if size >= _LARGE else 0
        self._spare = size // 128 if size >= _LARGE else 0
        self._max_age = max_age
        self._flood = flood
        self._redact = redact
        self._note = note
        self._incoming: tuple[deque[Entry], ...] = tuple(deque() for _ in range(_PRIORITIES))
        self._outgoing: tuple[deque[Entry], ...] = tuple(deque() for _ in range(_PRIORITIES))
        self._sequence = itertools.count(1)
        self._id_prefix = random_hex_string(8)
        self._lock = threading.RLock()
        self._in_flight: Entry | None = None
        self._evicted = Digest()
        self._digest = Digest()
        self._digest_due = 0.0
        self._last_digest = -DIGEST_INTERVAL
        self._shown = self._folded = self._digested = self._notifications = 0
        # What a full queue has no room for is redacted when it is handed over, not on the thread that logs.
        self.dropped_alerts: DroppedAlerts = DroppedAlerts(
            # Without what it is known by, which holds the message as it was.
            on_error
            and (lambda alert, reason: on_error(self._without_secrets(alert)._replace(fingerprint=()), reason)),
            size,
        )

    # -- Inside the application ----------------------------------------------------------------

    def add(self, alert: Alert) -> None:
        """Queue an alert; when there are too many, make room."""
        sequence = next(self._sequence)
        # Entry(...) takes twice as long.
        entry = tuple.__new__(Entry, (sequence, time.monotonic(), alert, 0, None, 1, False, None, "", ""))
        self._incoming[alert.priority + 2].append(entry)
        if not sequence & self._unlooked and self._waiting() + self._unlooked > self._size:
            self._evict()

    def mark(self) -> int:
        """Return a sequence number greater than that of every alert added so far."""
        return next(self._sequence)

    def _evict(self) -> None:
        """Make room: the oldest of the lowest priority goes first, and lives on in the count of its fingerprint.

        If the lock is taken, do nothing: its holder, or the next add(), evicts.
        """
        if is_held_here(self._lock) or not self._lock.acquire(blocking=False):
            return
        try:
            surplus = self._waiting() + self._unlooked + self._spare - self._size
            add = self._evicted.add
            while surplus > 0:
                lane = next(self._outgoing[level] or self._incoming[level] for level in self._occupied())
                for _ in range(min(surplus, len(lane))):
                    entry = lane.popleft()
                    try:
                        if entry.group is not None:
                            self._to_digest(entry)
                        elif not add(raw_fingerprint(entry.alert.fingerprint), entry.alert, entry.sequence):
                            self.dropped_alerts.add(entry.alert, QUEUE_FULL)
                    except BaseException:  # Ctrl-C: the next add() makes the room
                        lane.appendleft(entry)
                        raise
                    surplus -= 1
        finally:
            self._lock.release()

    def _waiting(self) -> int:
        return sum(map(len, self._incoming)) + sum(map(len, self._outgoing))

    def _occupied(self) -> list[int]:
        return [level for level in range(_PRIORITIES) if self._outgoing[level] or self._incoming[level]]

    # -- On its way ----------------------------------------------------------------------------

    def take(self, flushed: int = 0) -> Entry | None:
        """Take the next entry to send and mark it in flight.

        That is the oldest alert that is to be shown; then counts that are to be reported; then the digest. The digest
        also comes when it has waited long enough, and when a caller of flush waits for nothing else.

        Args:
            flushed: The highest mark that somebody waits for; 0 when nobody does.

        Returns:
            What to send; None when nothing is due.
        """
        now = time.monotonic()
        with self._lock:
            if self._in_flight is not None:  # an exception has ended its delivery halfway
                self._return(self._in_flight)
            self._take_in(now)
            lane = min((lane for lane in self._outgoing if lane), key=lambda lane: lane[0].sequence, default=None)
            if self._is_digest_next(lane[0].sequence if lane else None, flushed, now):
                self._mark_in_flight(self._digest_entry(now))
                self._begin_digest(now)
                return self._in_flight
            if lane is not None:
                entry = lane[0]
                self._in_flight = entry  # first here, then not there: a signal handler that looks now misses nothing
                lane.popleft()
                return self._mark_in_flight(self._with_ids(entry))
            group = self._flood.update_due(now, flushed)
            return None if group is None else self._mark_in_flight(self._update(group, now))

    def _mark_in_flight(self, entry: Entry) -> Entry:
        self._in_flight = entry
        return entry

    def _take_in(self, now: float) -> None:
        """Decide about everything that has come in."""
        while self._evicted.count:
            since = self._evicted.since or 0
            fingerprint, tally = self._evicted.pop()
            try:
                self._take_in_evicted(fingerprint, tally, since, now)
            except BaseException:  # Ctrl-C, where the thread that logs delivers
                self._evicted.take_in(fingerprint, tally, since)
                raise
        while lanes := [lane for lane in self._incoming if lane]:
            lane = min(lanes, key=lambda lane: lane[0].sequence)
            entry = lane.popleft()
            try:
                self._sort_out(entry, now)
            except BaseException:  # as above
                lane.appendleft(entry)
                raise
        if self._max_age:
            for lane in self._outgoing:
                while lane and self._is_too_old(lane[0], now):
                    entry = lane.popleft()
                    try:
                        self._to_digest(entry)
                    except Exception as error:  # noqa: BLE001 - as with what is evicted
                        self._give_up(entry.alert, error)
                    self._digest_due = now

    def _is_too_old(self, entry: Entry, now: float) -> bool:
        return bool(self._max_age) and now - entry.submitted > self._max_age

    def _take_in_evicted(self, fingerprint: Fingerprint, tally: Tally, sequence: int, now: float) -> None:
        """Count what a full queue had no room for: in its group, or in the digest."""
        try:
            tally.newest = self._without_secrets(tally.newest)
            if self._flood.absorb(fingerprint, tally, sequence):
                self._folded += tally.count
            else:
                self._digest.take_in(fingerprint, tally, sequence)
                self._digest_due = now
        except Exception as error:  # noqa: BLE001 - no alert keeps the others from being sent, and each is counted
            self._give_up(tally.newest, error, tally.count)

    def _give_up(self, alert: Alert, error: Exception, count: int = 1) -> None:
        self._note(f"{INTERNAL_ERROR}: {type(error).__name__}")
        self.dropped_alerts.add(alert, INTERNAL_ERROR, count)

    def _without_secrets(self, alert: Alert) -> Alert:
        try:
            return self._redact(alert)
        except Exception as error:  # noqa: BLE001 - what cannot be looked through is hidden
            # Only the error's type: its text may quote what it should have masked.
            self._note(f"secrets could not be looked for in an alert: {type(error).__name__}")
            return alert.withheld()

    def _sort_out(self, entry: Entry, now: float) -> None:
        try:
            entry = entry._replace(alert=self._without_secrets(entry.alert))
        except Exception as error:  # noqa: BLE001 - it may hold secrets, so it is not shown
            self._give_up(entry.alert, error)
            return
        group = None
        try:
            decision, group = self._flood.offer(entry.alert, normalized(entry.alert.fingerprint), entry.sequence, now)
            if decision is Decision.FOLD:
                self._folded += 1
                return
            if decision is Decision.DIGEST:
                if self._digest.since is None:
                    self._digest_due = max(now + DIGEST_DELAY, self._last_digest + DIGEST_INTERVAL)
                self._to_digest(entry)
                return
        except Exception as error:  # noqa: BLE001 - whatever fails here, the alert is shown plainly
            self._note(f"{INTERNAL_ERROR}: {type(error).__name__}")
        self._outgoing[entry.alert.priority + 2].append(entry._replace(group=group))

    def _with_ids(self, entry: Entry) -> Entry:
        """Give an alert its ids, which it keeps when it is sent again, and the count that it has reached by now."""
        group = entry.group
        id_ = entry.id_ or (random_hex_string(8) if group else f"{self._id_prefix}-{entry.sequence}")
        if group is None:
            return entry._replace(id_=id_, coalescing_id=id_)
        group.id_ = id_
        return entry._replace(id_=id_, coalescing_id=id_, alert=group.as_alert(), reported_count=group.count)

    def _update(self, group: RepeatGroup, now: float) -> Entry:
        group.updates += 1
        return Entry(
            group.since or 0,
            now,
            group.as_alert(),
            group.unanswered,
            group,
            group.count,
            is_update=True,
            id_=f"{group.id_}-{group.updates}",
            coalescing_id=group.id_,
        )

    def _is_digest_next(self, oldest: int | None, flushed: int, now: float) -> bool:
        since = self._digest.since
        if since is None:
            return False
        if since <= flushed and (oldest is None or flushed < oldest):
            return True
        if oldest is None:
            return now >= self._digest_due
        return now >= self._digest_due + DIGEST_INTERVAL

    def _digest_entry(self, now: float) -> Entry:
        digest = self._digest
        id_ = f"{self._id_prefix}-d{digest.since}"
        return Entry(
            digest.since or 0, now, digest.as_alert(), digest.unanswered, digest=digest, id_=id_, coalescing_id=id_
        )

    def _begin_digest(self, now: float) -> None:
        """Begin another digest: the one before is in flight, or given up."""
        self._digest = Digest()
        self._last_digest = now

    def _to_digest(self, entry: Entry) -> None:
        """Let a digest tell of an alert and its repeats."""
        tally = Tally(entry.alert)
        fingerprint = normalized(entry.alert.fingerprint)
        if entry.group is not None:
            self._flood.forget(entry.group)
            tally.count = entry.group.count
            tally.first, tally.last = entry.group.first, entry.group.last
            tally.newest = entry.group.alert
            self._folded -= entry.group.count - 1
        self._digest.take_in(fingerprint, tally, entry.sequence)

    def next_due(self) -> float | None:
        """Return when something that is not in the queue is due, in seconds of time.monotonic; None when nothing is."""
        with self._lock:
            due = self._flood.next_due()
            if self._digest.since is not None:
                due = min(due, self._digest_due)
            return None if due == float("inf") else due

    def put_back(self, entry: Entry, unanswered: int) -> None:
        """Return what could not be sent; unless close has counted it already.

        Args:
            entry: What was taken.
            unanswered: How often it was sent without an answer so far.
        """
        with self._lock:
            if self._in_flight is entry:
                self._return(entry._replace(unanswered=unanswered))

    def _return(self, entry: Entry) -> None:
        """Put what is in flight back where it came from, unless an interrupt came before it was taken out."""
        if entry.digest is not None:
            if self._digest is not entry.digest:
                later, self._digest = self._digest, entry.digest
                self._digest.merge(later)
            self._digest.unanswered = entry.unanswered
        elif entry.is_update:
            assert entry.group is not None
            entry.group.unanswered = entry.unanswered
            entry.group.updates -= 1  # the next one is this one, with a later count
        else:
            lane = self._outgoing[entry.alert.priority + 2]
            if not lane or lane[0].sequence != entry.sequence:
                lane.appendleft(entry)
        self._in_flight = None

    def settle(self, entry: Entry, reason: str | None = None) -> None:
        """Count an alert as shown, or as dropped for a reason; unless close has counted it already."""
        now = time.monotonic()
        with self._lock:
            if self._in_flight is not entry:
                return
            # Counted first: who is interrupted here counts it twice rather than never.
            if reason is not None:
                self._drop(entry, reason, now)
                self._in_flight = None
                return
            self._notifications += 1
            if entry.digest is not None:
                self._digested += entry.digest.count
            elif not entry.is_update:
                self._shown += 1
            self._in_flight = None
            if entry.group is not None:
                self._flood.mark_reported(entry.group, entry.reported_count, now)

    def _drop(self, entry: Entry, reason: str, now: float) -> None:
        group = entry.group
        if entry.digest is not None:
            self.dropped_alerts.add(entry.alert, reason, entry.digest.count)
        elif group is None:
            self.dropped_alerts.add(entry.alert, reason)
        elif entry.is_update:
            self._flood.mark_refused(group, now, self.mark())
        else:
            self._flood.forget(group)
            self._folded -= group.count - 1
            self.dropped_alerts.add(group.as_alert(), reason, group.count)

    def abandon(self, reason: str, mark: float = math.inf) -> int:
        """Count everything that waits as dropped, unreported repeats included; return how much that was.

        Args:
            reason: Why.
            mark: What was added after this mark goes on waiting.
        """
        now = time.monotonic()
        before = sum(self.dropped_alerts.by_reason.values())
        with self._lock:
            self._take_in(now)
            if self._in_flight is not None and self._in_flight.sequence <= mark:
                if not self._in_flight.is_update:
                    self._drop(self._in_flight, reason, now)
                self._in_flight = None
            for lane in self._outgoing:
                while lane and lane[0].sequence <= mark:
                    self._drop(lane.popleft(), reason, now)
            if self._digest.since is not None and self._digest.since <= mark:
                self._drop(self._digest_entry(now), reason, now)
                self._begin_digest(now)
            for group in self._flood.groups():
                if (
                    not group.displayed_count or (group.since or 0) > mark
                ):  # its first alert, or its newest repeat, goes on waiting
                    continue
                if group.unreported:
                    self._folded -= group.unreported
                    self.dropped_alerts.add(group.as_alert(), reason, group.unreported)
                self._flood.forget(group)
            return sum(self.dropped_alerts.by_reason.values()) - before

    # -- What there is -------------------------------------------------------------------------

    def is_settled(self, mark: int) -> bool:
        """Tell whether nothing from before a mark waits."""
        with self._lock:
            waiting = [lane[0].sequence for lane in (*self._incoming, *self._outgoing) if lane]
            if self._in_flight is not None:
                waiting.append(self._in_flight.sequence)
            rest = (self._digest.since, self._evicted.since, self._flood.oldest_unreported())
            waiting += [sequence for sequence in rest if sequence is not None]
            return all(sequence > mark for sequence in waiting)

    def has_work(self) -> bool:
        """Tell whether there is something to send; counts that the server has just refused are not."""
        with self._lock:
            if self._waiting() or self._in_flight is not None or self._digest.count or self._evicted.count:
                return True
            return any(
                group.displayed_count and group.unreported and not group.is_refused for group in self._flood.groups()
            )

    def unreported(self) -> Counter[str]:
        """Return, by reason, how many dropped alerts no alert has reported yet."""
        with self._lock:
            return self.dropped_alerts.unreported()

    def mark_reported(self, dropped: Counter[str]) -> None:
        """Take notice that an alert that tells of these was shown."""
        with self._lock:
            self.dropped_alerts.mark_reported(dropped)

    def counts(self) -> Counts:
        """Return the counts of one moment."""
        with self._lock:
            queued = self._waiting() + self._digest.count + self._evicted.count
            held = self._in_flight
            if held is not None and not held.is_update:
                queued += 1 if held.digest is None else held.digest.count
            dropped = dict(self.dropped_alerts.by_reason)
            return Counts(self._shown, self._folded, self._digested, dropped, queued, self._notifications)
