"""What waits for one desktop: a bounded queue, and the counts of what became of the alerts that went through it.

:meth:`AlertQueue.add` runs inside the application. It only appends to a deque, which is safe when a signal handler, a
``__del__`` or a ``__str__`` interrupts it and logs itself. Everything else holds the lock, for some instructions and
never during I/O. Code that runs inside the application only tries to take the lock. It is re-entrant, because a signal
handler may call flush while its thread holds it.

An alert passes three places: *incoming*, where the application puts it; the *outbox*, once it is decided whether it is
shown, counted or digested; *in flight*, while it is sent. Most repeats never become an alert: see :mod:`.known_calls`.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint, is_place_alone, raw_fingerprint

from .digest import Digest, Finish, Tally
from .dropped import INTERNAL_ERROR, QUEUE_FULL, UNREAD, DroppedAlerts
from .flood import Decision, Flood
from .kept import Kept
from .known_calls import KnownCall, KnownCalls
from .outbox import PRIORITIES, Entry, Outbox, SingleEntry
from .threads import is_held_here

_LOCK_TIMEOUT: Final = 0.5
"""Seconds for which the application's side waits for the lock, which is held for microseconds.

The collector of garbage may run on the thread that holds it, and with it a callback of logging's that waits for
logging's lock. A caller inside dictConfig has that lock, and must not wait for this one.
"""

_LARGE: Final = 512
"""Alerts. A queue of this size may exceed its limit by a few."""


class Submitted(NamedTuple):
    """An alert as the application has handed it over.

    Attributes:
        sequence: Its place in the order of submission.
        at: When, in seconds of time.monotonic.
        alert: The alert, its secrets included.
        place: The raw fingerprint by which repeats from the same place are known; None if each needs its own alert.
    """

    sequence: int
    at: float
    alert: Alert
    place: Fingerprint | None

    @property
    def records(self) -> int:
        """How many records it stands for."""
        return 1

    def counted(self) -> tuple[Fingerprint, Tally, int]:
        """Return it as a digest takes it in."""
        return raw_fingerprint(self.alert.fingerprint), Tally(self.alert), self.sequence


class _Evicted(NamedTuple):
    """What a full queue had no room for: how often alerts came from one place."""

    sequence: int
    fingerprint: Fingerprint
    tally: Tally

    @property
    def alert(self) -> Alert:
        return self.tally.newest

    @property
    def records(self) -> int:
        return self.tally.count

    def counted(self) -> tuple[Fingerprint, Tally, int]:
        return self.fingerprint, self.tally, self.sequence


class _Repeats(NamedTuple):
    """A call of which repeats wait, as it is put into the order of logging."""

    since: float
    sequence: int  # no two are equal, so that calls are never compared
    call: KnownCall


def _plain(alert: Alert) -> Callable[[Finish], Alert]:
    """Return what composes an alert without a group."""
    return lambda finish: finish(alert)


_Waiting = TypeVar("_Waiting", Submitted, SingleEntry)


@dataclass(frozen=True)
class Counts:
    """How many records went which way; together they are what was accepted.

    Attributes:
        shown: Acknowledged by the server, one by one.
        folded: Counted in the group of an alert that is, or will be, shown.
        digested: Reported by a digest that the server acknowledged.
        published: Taken by a broker.
        dropped: Given up, by reason.
        queued: Waiting, what is being sent and what waits for a digest included.
        spooled: Kept by the spool alone.
        restored: Of all these, what an earlier process had left in the spool.
        notifications: Notifications that the server acknowledged, updates and digests included.
    """

    shown: int
    folded: int
    digested: int
    published: int
    dropped: dict[str, int]
    queued: int
    spooled: int
    restored: int
    notifications: int


class Abandoned(NamedTuple):
    """What became of what was given up.

    Attributes:
        dropped: Records that are lost.
        spooled: Records that the spool keeps.
    """

    dropped: int
    spooled: int


class AlertQueue:
    """The alerts of one worker in one process.

    Attributes:
        dropped_alerts: What was given up.
        known_calls: Counts repeats without an alert.
        unread: One item for each record for which the stack had no room, added by the thread that logged it.
        has_sorted: Whether sorting has found something that had come in; its reader sets it back to False.
    """

    def __init__(
        self,
        size: int,
        max_age: float,
        flood: Flood,
        identify: Callable[[Fingerprint], Fingerprint],
        dropped_alerts: DroppedAlerts,
        note: Callable[[str], None] = lambda _: None,
        make_outbox: Callable[[Flood, DroppedAlerts, Callable[[], int]], Outbox] = Outbox,
    ) -> None:
        """Begin empty.

        Args:
            size: Alerts that may wait.
            max_age: Seconds after which a waiting alert goes into the digest; 0 for no limit.
            flood: Folds, and caps the rate.
            identify: Turns a raw fingerprint into the normalized one by which alerts fold; takes long.
            dropped_alerts: Takes what is given up.
            note: Takes a description of what goes wrong here, for ``last_error``.
            make_outbox: Makes the outbox, which decides what is sent.
        """
        self._size = size
        # A large queue is looked at after each 16 alerts, and makes room for them and some more at once: doing both for
        # each alert would double what it costs the thread that logs.
        self._unlooked = 15 if size >= _LARGE else 0
        self._spare = size // 128 if size >= _LARGE else 0
        self._max_age = max_age
        self._identify = identify
        self._note = note
        self._incoming: tuple[deque[Submitted], ...] = tuple(deque() for _ in range(PRIORITIES))
        self._sequence = itertools.count(1)
        self._lock = threading.RLock()
        self._in_flight: list[Entry] = []
        self._evicted = Digest()
        self._sorter = threading.RLock()
        self._sorting: Submitted | _Evicted | None = None  # what is identified now, without the lock
        self.dropped_alerts: DroppedAlerts = dropped_alerts
        self.known_calls: KnownCalls = KnownCalls()
        self.unread: list[None] = []
        self.has_sorted: bool = False
        self._outbox = make_outbox(flood, self.dropped_alerts, self.mark)

    # -- Inside the application ----------------------------------------------------------------

    def add(self, alert: Alert, place: Fingerprint | None = None) -> None:
        """Queue an alert; when there are too many, make room.

        Args:
            place: See :class:`Submitted`.
        """
        if place is not None and self.known_calls.renew(place, alert):
            return
        sequence = next(self._sequence)
        # Submitted(...) takes twice as long.
        entry = tuple.__new__(Submitted, (sequence, time.monotonic(), alert, place))
        self._incoming[alert.priority + 2].append(entry)
        if not sequence & self._unlooked and self._waiting() + self._unlooked > self._size:
            try:
                self._evict()
            except RecursionError:
                pass  # the alert is in; the next add() evicts

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
            for outgoing, incoming in zip(self._outbox.lanes, self._incoming, strict=True):
                surplus -= self._evict_from(outgoing, surplus)
                surplus -= self._evict_from(incoming, surplus)
        finally:
            self._lock.release()

    def _evict_from(self, lane: deque[_Waiting], count: int) -> int:
        count = max(0, min(count, len(lane)))
        for _ in range(count):
            entry = lane.popleft()
            try:
                self._evict_one(entry)
            except BaseException:  # Ctrl-C: the next add() makes the room
                lane.appendleft(entry)
                raise
        return count

    def _evict_one(self, entry: Submitted | SingleEntry) -> None:
        if isinstance(entry, SingleEntry) and entry.group is not None:
            self._outbox.to_digest(entry)
        # Counted by the place where it was logged: to normalize its fingerprint would double the cost of the call.
        elif not self._evicted.add(raw_fingerprint(entry.alert.fingerprint), entry.alert, entry.sequence):
            self.dropped_alerts.add(_plain(entry.alert), QUEUE_FULL)

    def _waiting(self) -> int:
        return sum(map(len, self._incoming)) + sum(map(len, self._outbox.lanes))

    # -- On its way ----------------------------------------------------------------------------

    def take(self, flushed: int = 0, limit: int = 1) -> list[Entry]:
        """Take the next entries to send and mark them as in flight.

        These are the oldest alerts that are to be shown; then counts that are to be reported; then the digest. The
        digest also comes when it has waited long enough, and when a caller of flush waits for nothing else.

        Args:
            flushed: The highest mark that a caller of flush waits for; 0 when no caller waits.
            limit: How many at most.

        Returns:
            What to send; nothing when nothing is due.
        """
        now = time.monotonic()
        with self._lock:
            self._count_unread()
            while self._in_flight:  # an exception has ended their delivery halfway
                self._in_flight[-1].requeue(self._in_flight[-1].unanswered)
                self._in_flight.pop()
        self._sort(now)
        with self._lock:
            self._set_aside_what_is_old(now)
            while len(self._in_flight) < limit:
                entry = self._outbox.next_entry(flushed, now)
                if entry is None:
                    break
                # It is added here before it leaves the outbox: a signal handler that looks now misses nothing.
                self._in_flight.append(entry)
                entry.taken(now)
            return list(self._in_flight)

    def _sort(self, now: float) -> None:
        """Decide about all that has come in."""
        with self._sorter:
            repeats = self._repeats(now)
            while self._sort_next(now, repeats):
                self.has_sorted = True
            while repeats:
                self._sort_repeats(repeats.pop().call, now)

    def _sort_next(self, now: float, repeats: list[_Repeats]) -> bool:
        """Decide about one alert that has come in, or a tally that a full queue has made; return whether there was one.

        Repeats that came before it are decided about first.

        The lock is not held while the alert is identified: that takes longer than anything else here, and stats, flush
        and close wait for the lock. Only one thread at a time sorts: the one that delivers, or the spool's.
        """
        with self._lock:
            entry = self._sorting or self._next_to_sort()
            if entry is None:
                return False
        alert = entry.alert
        while repeats and repeats[-1].since < alert.created:
            self._sort_repeats(repeats.pop().call, now)
        place = fingerprint = raw_fingerprint(alert.fingerprint)
        try:
            known = self.known_calls.get(place)
            fingerprint = known.fingerprint if known else self._identify(alert.fingerprint)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the alert is shown, or withheld
            self._note(f"{INTERNAL_ERROR}: {type(error).__name__}")
        with self._lock:
            if self._sorting is entry:  # else it was given up meanwhile
                self._decide(entry, alert, fingerprint, now)
                self._sorting = None
        return True

    def _next_to_sort(self) -> Submitted | _Evicted | None:
        if self._evicted.count:
            since = self._evicted.since or 0
            self._sorting = _Evicted(since, *self._evicted.pop())
        elif lanes := [lane for lane in self._incoming if lane]:
            lane = min(lanes, key=lambda lane: lane[0].sequence)
            self._sorting = lane[0]  # before it leaves the lane, as in take
            lane.popleft()
        return self._sorting

    def _decide(self, entry: Submitted | _Evicted, alert: Alert, fingerprint: Fingerprint, now: float) -> None:
        """Fold an alert, add it to the digest, or let it wait to be shown."""
        outbox = self._outbox
        if isinstance(entry, _Evicted):
            try:
                if not outbox.flood.absorb(entry.fingerprint, entry.tally, entry.sequence):
                    # Counted with other alerts of its fingerprint, so that the digest names a mistake once.
                    outbox.digest.current.take_in(fingerprint, entry.tally, entry.sequence)
                    outbox.digest.hurry(now)
            except Exception as error:  # noqa: BLE001 - no alert keeps the others from being sent, and each is counted
                self._give_up(alert, error, entry.records)
            return
        group = None
        try:
            decision, group = outbox.flood.offer(alert, fingerprint, entry.sequence, now)
            # Without a group, each alert is shown with its own text: its call must not be counted without alerts.
            is_counted = group is not None or decision is Decision.DIGEST
            if entry.place is not None and is_counted and is_place_alone(alert.fingerprint):
                self.known_calls.open(entry.place, fingerprint, alert, self.mark(), now)
            if decision is Decision.FOLD:
                return
            if decision is Decision.DIGEST:
                outbox.digest.wait_for_more(now)
                outbox.digest.current.take_in(fingerprint, Tally(alert), entry.sequence)
                return
        except Exception as error:  # noqa: BLE001 - whatever fails here, the alert is shown plainly
            self._note(f"{INTERNAL_ERROR}: {type(error).__name__}")
        outbox.add(entry.sequence, entry.at, alert, fingerprint, group)

    def _repeats(self, now: float) -> list[_Repeats]:
        """Return the calls of which repeats wait; the call with the earliest repeat is the last one."""
        found = []
        for call in self.known_calls.all():
            sequence = self.mark()  # taken before the look: what is counted later has a greater number
            since = call.times[:1]
            if since:
                found.append(_Repeats(since[0], sequence, call))
            else:
                call.sequence, call.at = sequence, now
        return sorted(found, reverse=True)

    def _sort_repeats(self, call: KnownCall, now: float) -> None:
        """Decide about the repeats of a call that were counted without an alert."""
        self.has_sorted = True
        with self._lock:
            sequence = self.mark()  # as above
            if call.times:  # else they were given up meanwhile
                self._decide_repeats(call, now)
            call.sequence, call.at = sequence, now

    def _decide_repeats(self, call: KnownCall, now: float) -> None:
        """Fold repeats, or add them to the digest; if the first of them is to be shown, the others are its repeats."""
        outbox, fingerprint, sequence = self._outbox, call.fingerprint, call.sequence
        tally = call.tally()
        count, newest = tally.count, tally.newest  # read once: a thread may replace it in the call
        try:
            if not outbox.flood.absorb(fingerprint, tally, sequence):
                decision, group = outbox.flood.offer(newest, fingerprint, sequence, now)
                if decision is Decision.SHOW:
                    outbox.add(sequence, call.at, newest, fingerprint, group)
                    tally.count -= 1
                    if group is None:  # no room for a group: the next alerts of this call are shown one by one
                        self.known_calls.forget(call)
                    elif tally.count and outbox.flood.absorb(fingerprint, tally, sequence):
                        tally.count = 0
                if tally.count:
                    # Too many different alerts came; or repeats without a group, which have no texts to be shown.
                    outbox.digest.wait_for_more(now)
                    outbox.digest.current.take_in(fingerprint, tally, sequence)
        except Exception as error:  # noqa: BLE001 - no alert keeps the others from being sent, and each is counted
            self._give_up(newest, error, tally.count)
        self.known_calls.take_out(call, count)

    def rest(self) -> None:
        """Forget the calls that are not logged any more; called when nothing comes."""
        with self._lock:
            self.known_calls.forget_old()

    def _set_aside_what_is_old(self, now: float) -> None:
        """Let the digest report what has waited for too long."""
        for lane in self._outbox.lanes if self._max_age else ():
            while lane and now - lane[0].submitted > self._max_age:
                late = lane.popleft()
                try:
                    self._outbox.to_digest(late)
                except Exception as error:  # noqa: BLE001 - as above
                    self._give_up(late.alert, error)
                self._outbox.digest.hurry(now)

    def _give_up(self, alert: Alert, error: Exception, count: int = 1) -> None:
        self._note(f"{INTERNAL_ERROR}: {type(error).__name__}")
        self.dropped_alerts.add(_plain(alert), INTERNAL_ERROR, count)

    def _count_unread(self) -> None:
        """Count the records of which no alert could be made."""
        if count := len(self.unread):
            self.dropped_alerts.add(lambda _: UNREAD, INTERNAL_ERROR, count)
            del self.unread[:count]

    def next_due(self) -> float | None:
        """Return when something that is not in the queue is due, in seconds of time.monotonic; None when nothing is."""
        with self._lock:
            due = self._outbox.next_due()
            return None if due == math.inf else due

    def put_back(self, entry: Entry, unanswered: int) -> None:
        """Return what could not be sent; unless close has counted it already.

        Args:
            entry: What was taken; of several the newest comes first.
            unanswered: How often it was sent without an answer so far.
        """
        with self._lock:
            if entry in self._in_flight:
                entry.requeue(unanswered)
                self._in_flight.remove(entry)

    def settle(self, entry: Entry, reason: str | None = None, words: str = "") -> None:
        """Count an alert as shown, or as dropped for a reason; unless close has counted it already.

        Args:
            entry: The alert.
            reason: Why it is dropped; None if it is shown.
            words: What the server has said with the reason.
        """
        now = time.monotonic()
        with self._lock:
            if entry in self._in_flight:
                # Counted first: one that is interrupted here is counted twice rather than never.
                if reason is None:
                    entry.shown(now)
                else:
                    if words:
                        self.dropped_alerts.explain(reason, words)
                    entry.dropped(reason, now)
                self._in_flight.remove(entry)

    def waiting(self) -> tuple[list[Kept], list[str]]:
        """Return what a spool keeps of all that waits, and the keys of what has been left to it since the last call."""
        self._sort(time.monotonic())
        with self._lock:
            left, self._outbox.left = self._outbox.left, []
            snapshot = self._outbox.snapshot(self._in_flight)
        return snapshot.kept(), left

    def restore(self, kept: Iterable[Kept]) -> None:
        """Go on with what an earlier process has left in the spool."""
        now = time.monotonic()
        with self._lock:
            for one in kept:
                self._outbox.restore(one, self.mark(), now)

    def abandon(self, reason: str, mark: float = math.inf, kept: Mapping[str, int] | None = None) -> Abandoned:
        """Give up everything that waits, unreported repeats included; return what became of it.

        Args:
            reason: Why.
            mark: What was added after this mark goes on waiting.
            kept: How many records each row of a spool keeps, by key: they are left to it. The rest is dropped.
        """
        kept = kept or {}
        now = time.monotonic()
        before = sum(self.dropped_alerts.by_reason.values())
        spooled_before = self._outbox.spooled
        with self._soon() as is_held:
            if not is_held:
                return Abandoned(0, 0)  # what waits goes on waiting
            self._give_up_what_has_come_in(reason, mark)
            for entry in [entry for entry in self._in_flight if entry.sequence <= mark]:
                if entry.records:
                    entry.dropped(reason, now, kept)
                else:
                    entry.requeue(entry.unanswered)  # its repeats are in its group, which is given up below
                self._in_flight.remove(entry)
            self._outbox.abandon(reason, mark, now, kept)
            return Abandoned(
                sum(self.dropped_alerts.by_reason.values()) - before, self._outbox.spooled - spooled_before
            )

    def _give_up_what_has_come_in(self, reason: str, mark: float) -> None:
        """Drop what is not sorted yet, counted by the place where it was logged: to identify it would take too long."""
        tallies = Digest()
        if self._sorting is not None and self._sorting.sequence <= mark:
            tallies.take_in(*self._sorting.counted())
            self._sorting = None
        for lane in self._incoming:
            while lane and lane[0].sequence <= mark:
                tallies.take_in(*lane[0].counted())
                lane.popleft()
        while self._evicted.since is not None and self._evicted.since <= mark:
            since = self._evicted.since
            tallies.take_in(*self._evicted.pop(), since)
        # A caller that gives a mark has seen before that no repeats of known calls waited.
        for call in self.known_calls.waiting() if mark == math.inf else ():
            tally = call.tally()
            count = tally.count
            tallies.take_in(call.place, tally, call.sequence)
            self.known_calls.take_out(call, count)
        for tally in tallies.tallies.values():
            self.dropped_alerts.add(_plain(tally.newest), reason, tally.count)

    # -- What there is -------------------------------------------------------------------------

    def is_settled(self, mark: int) -> bool:
        """Tell whether nothing from before a mark waits."""
        with self._soon() as is_held:
            if not is_held:
                return False
            waiting = [lane[0].sequence for lane in self._incoming if lane]
            waiting += [entry.sequence for entry in self._in_flight]
            if self._sorting is not None:
                waiting.append(self._sorting.sequence)
            if self._evicted.since is not None:
                waiting.append(self._evicted.since)
            waiting += [call.sequence for call in self.known_calls.waiting()]
            return all(sequence > mark for sequence in (*waiting, *self._outbox.oldest()))

    def has_work(self) -> bool:
        """Tell whether there is something to send; counts that the server has just refused are not."""
        with self._soon() as is_held:
            if not is_held:
                return True
            in_work = self._waiting() or self._in_flight or self._sorting or self._evicted.count
            return bool(in_work or any(self.known_calls.waiting()) or self._outbox.has_news())

    def has_come_in(self) -> bool:
        """Tell whether something waits to be sorted."""
        return any(self._incoming) or any(self.known_calls.waiting()) or bool(self._evicted.count)

    def unreported(self) -> Counter[str]:
        """Return, by reason, how many dropped alerts no alert has reported yet."""
        with self._lock:
            return self.dropped_alerts.unreported()

    def mark_reported(self, dropped: Counter[str]) -> None:
        """Record that the alert which reports these was shown."""
        with self._lock:
            self.dropped_alerts.mark_reported(dropped)

    def counts(self) -> Counts:
        """Return all counts, of the same moment."""
        with self._soon():  # without the lock they may differ by a moment
            self._count_unread()
            outbox = self._outbox
            repeats = outbox.flood.waiting_repeats()
            queued = self._waiting() + outbox.records() + self._evicted.count + repeats
            queued += sum(len(call.times) for call in self.known_calls.all())
            return Counts(
                shown=outbox.shown,
                folded=outbox.flood.folded - repeats,
                digested=outbox.digested,
                published=outbox.published,
                dropped=dict(self.dropped_alerts.by_reason),
                queued=queued + sum(entry.records for entry in (*self._in_flight, self._sorting) if entry is not None),
                spooled=outbox.spooled,
                restored=outbox.restored,
                notifications=outbox.notifications,
            )

    @contextlib.contextmanager
    def _soon(self) -> Iterator[bool]:
        """Hold the lock if it can be taken soon; yield whether it is held."""
        is_held = self._lock.acquire(timeout=_LOCK_TIMEOUT)
        try:
            yield is_held
        finally:
            if is_held:
                self._lock.release()
