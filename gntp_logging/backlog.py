"""What waits for one desktop: a bounded queue, a digest of what does not fit or is no news any more, and the counts.

:meth:`Backlog.add` runs inside the application. It only appends to a deque, which is safe when a signal handler, a
``__del__`` or a ``__str__`` interrupts it and logs itself. Everything else holds the ledger, for some instructions and
never during I/O; what runs inside the application only ever tries it. It is re-entrant, because a signal handler may
call flush while its thread holds it.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from . import fingerprint
from .alert import Alert
from .digest import Digest, Tally
from .losses import Losses

_PRIORITIES: Final = 5
"""GNTP's priorities, -2 to 2: one lane of the queue for each."""

_LARGE: Final = 512
"""Alerts in a queue of which some more or less do not matter."""

DIGEST_INTERVAL: Final = 60.0
"""Seconds after which a digest goes out even while other alerts wait."""


class Entry(NamedTuple):
    """An alert on its way.

    Attributes:
        sequence: Its place in the order of submission; of a digest, that of the oldest alert in it.
        submitted: When, in seconds of time.monotonic.
        alert: The alert.
        digest: What the alert tells, when it stands for many.
        unanswered: How often it was sent without an answer.
    """

    sequence: int
    submitted: float
    alert: Alert
    digest: Digest | None = None
    unanswered: int = 0

    @property
    def weight(self) -> int:
        """How many accepted records this stands for."""
        return 1 if self.digest is None else self.digest.count


@dataclass(frozen=True)
class Counts:
    """How many records went which way; together they are what was accepted.

    Attributes:
        shown: Acknowledged by the server, one by one.
        digested: Told by a digest that the server acknowledged.
        dropped: Given up, by reason.
        queued: Waiting, what is being sent and what waits for a digest included.
        notifications: Notifications that the server acknowledged, digests included.
    """

    shown: int
    digested: int
    dropped: dict[str, int]
    queued: int
    notifications: int


class _Ledger:
    """A lock that tells its holder apart from code that has interrupted the holder, on the same thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        self._lock.release()

    def try_to_enter(self) -> bool:
        """Enter, without waiting, and only if nobody is in: neither another thread nor what this one interrupts."""
        if not self._lock.acquire(blocking=False):
            return False
        if self._depth:
            self._lock.release()
            return False
        self._depth += 1
        return True


class Backlog:
    """The alerts of one worker in one process.

    Attributes:
        losses: What was given up.
    """

    def __init__(self, size: int, max_age: float, on_error: Callable[[Alert, str], object] | None) -> None:
        """Begin empty.

        Args:
            size: Alerts that may wait.
            max_age: Seconds after which a waiting alert goes into the digest; 0 for no limit.
            on_error: Gets what is given up.
        """
        self._size = size
        # A large queue is looked at after each 16 alerts, and makes room for them and some more at once: doing both for
        # each alert would double what it costs the thread that logs.
        self._unlooked = 15 if size >= _LARGE else 0
        self._spare = size // 128 if size >= _LARGE else 0
        self._max_age = max_age
        self._lanes: tuple[deque[Entry], ...] = tuple(deque() for _ in range(_PRIORITIES))
        self._sequence = itertools.count(1)
        self._ledger = _Ledger()
        self._in_hand: Entry | None = None
        self._digest = Digest()
        self._digest_due = 0.0
        self._shown = self._digested = self._notifications = 0
        self.losses = Losses(on_error, size)

    # -- Inside the application ----------------------------------------------------------------

    def add(self, alert: Alert) -> None:
        """Queue an alert; when there are too many, make room."""
        sequence = next(self._sequence)
        entry = tuple.__new__(Entry, (sequence, time.monotonic(), alert, None, 0))  # Entry(...) takes twice as long
        self._lanes[alert.priority + 2].append(entry)
        if not sequence & self._unlooked and self._waiting() + self._unlooked > self._size:
            self._evict()

    def mark(self) -> int:
        """Return a number between those of what was added before and of what will be added."""
        return next(self._sequence)

    def _evict(self) -> None:
        """Make room: the oldest of the lowest priority goes first, and lives on in the count of its kind.

        Whoever cannot have the ledger leaves it at that: the one who has it, or the next alert, makes the room.
        """
        if not self._ledger.try_to_enter():
            return
        try:
            surplus = self._waiting() + self._unlooked + self._spare - self._size
            self._begin_digest()
            add, at_hand = self._digest.add, fingerprint.at_hand
            while surplus > 0:
                lane = next(lane for lane in self._lanes if lane)
                for _ in range(min(surplus, len(lane))):
                    sequence, _, alert, *_ = lane.popleft()
                    if not add(at_hand(alert.kind), alert, sequence):
                        self.losses.add(alert, "queue full")
                    surplus -= 1
        finally:
            self._ledger.__exit__()

    def _waiting(self) -> int:
        return sum(map(len, self._lanes))

    # -- On its way ----------------------------------------------------------------------------

    def take(self, flushed: int = 0) -> Entry | None:
        """Move what is to be sent next from the queue into the hand.

        That is the oldest alert. The digest comes when nothing else waits, when it has waited long enough, and when
        somebody in flush waits for nothing but the digest.

        Args:
            flushed: The highest mark that somebody waits for; 0 when nobody does.

        Returns:
            What to send; None when nothing waits.
        """
        now = time.monotonic()
        with self._ledger:
            self._age_out(now)
            lanes = [lane for lane in self._lanes if lane]
            lane = min(lanes, key=lambda lane: lane[0].sequence, default=None)
            if self._is_digest_next(lane[0].sequence if lane else None, flushed, now):
                return self._take_digest(now)
            if lane is None:
                return None
            self._in_hand = lane[0]  # first here, then not there: a signal handler that looks now misses nothing
            return lane.popleft()

    def _age_out(self, now: float) -> None:
        if not self._max_age:
            return
        for lane in self._lanes:
            while lane and now - lane[0].submitted > self._max_age:
                entry = lane.popleft()
                self._begin_digest()
                if not self._digest.add(fingerprint.settled(entry.alert.kind), entry.alert, entry.sequence):
                    self.losses.add(entry.alert, "too old")

    def _is_digest_next(self, oldest: int | None, flushed: int, now: float) -> bool:
        since = self._digest.since
        if since is None:
            return False
        return oldest is None or now >= self._digest_due or since <= flushed < oldest

    def _take_digest(self, now: float) -> Entry:
        digest, self._digest = self._digest, Digest()
        self._in_hand = entry = Entry(digest.since or 0, now, digest.as_alert(), digest, digest.unanswered)
        return entry

    def _begin_digest(self) -> None:
        if self._digest.since is None:
            self._digest_due = time.monotonic() + DIGEST_INTERVAL

    def put_back(self, entry: Entry, unanswered: int) -> None:
        """Return what could not be sent to the head of the queue; unless close has counted it already.

        Args:
            entry: What was taken.
            unanswered: How often it was sent without an answer so far.
        """
        with self._ledger:
            if self._in_hand is not entry:
                return
            if entry.digest is None:
                self._lanes[entry.alert.priority + 2].appendleft(entry._replace(unanswered=unanswered))
            else:
                entry.digest.unanswered = unanswered
                later, self._digest = self._digest, entry.digest
                self._drop_tallies(self._digest.merge(later), "queue full")
            self._in_hand = None

    def settle(self, entry: Entry, reason: str | None = None) -> None:
        """Count an alert as shown, or as dropped for a reason; unless close has counted it already."""
        with self._ledger:
            if self._in_hand is not entry:
                return
            self._in_hand = None
            if reason is not None:
                self.losses.add(entry.alert, reason, entry.weight)
                return
            self._notifications += 1
            if entry.digest is None:
                self._shown += 1
            else:
                self._digested += entry.digest.count

    def abandon(self, reason: str) -> int:
        """Count everything that waits as dropped, and return how much that was."""
        with self._ledger:
            left = [] if self._in_hand is None else [self._in_hand]
            self._in_hand = None
            for lane in self._lanes:
                while lane:
                    left.append(lane.popleft())
            if self._digest.count:
                left.append(self._take_digest(0.0))
                self._in_hand = None
            for entry in left:
                self.losses.add(entry.alert, reason, entry.weight)
            return sum(entry.weight for entry in left)

    def _drop_tallies(self, tallies: list[Tally], reason: str) -> None:
        for tally in tallies:
            self.losses.add(tally.newest, reason, tally.count)

    # -- What there is -------------------------------------------------------------------------

    def is_settled(self, mark: int) -> bool:
        """Tell whether nothing from before a mark waits."""
        with self._ledger:
            heads = [lane[0].sequence for lane in self._lanes if lane]
            if self._in_hand is not None:
                heads.append(self._in_hand.sequence)
            if self._digest.since is not None:
                heads.append(self._digest.since)
            return all(sequence > mark for sequence in heads)

    def untold(self) -> Counter[str]:
        """Return the losses that no alert has told of yet."""
        with self._ledger:
            return self.losses.untold()

    def were_told(self, losses: Counter[str]) -> None:
        """Take notice that an alert with these losses was shown."""
        with self._ledger:
            self.losses.were_told(losses)

    def counts(self) -> Counts:
        """Return the counts of one moment."""
        with self._ledger:
            queued = self._waiting() + self._digest.count + (self._in_hand.weight if self._in_hand else 0)
            return Counts(self._shown, self._digested, dict(self.losses.by_reason), queued, self._notifications)
