"""Logging calls whose fingerprint is known: a repeat of such a call becomes a time in a list, and nothing else.

A call is known by its place: level, logger, file, function and template. The thread that logs finds it in a dictionary
and appends the time of its record; once in a while it makes an alert all the same, so that the newest text is not old.
It takes no lock. The thread that delivers opens calls, takes the times out, and forgets calls, under the queue's lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint

from .digest import Tally

MAX_CALLS: Final = 1000
"""Calls that are known at a time; each keeps one alert."""

FRESH: Final = 0.01
"""Seconds for which one text stands for all records of a call."""

_KEPT: Final = 60.0
"""Seconds by which a call that is logged may be later than one that is known."""

_ROOM: Final = 65_536
"""Times that may wait, of all calls together. Without room, a repeat becomes an alert, and the queue bounds those."""


class KnownCall:
    """A call, and the repeats that have come since the last look.

    Attributes:
        place: What it is known by: the raw fingerprint of its alerts, without their messages.
        fingerprint: Their fingerprint, normalized.
        newest: The newest of them.
        text_at: When the record was made whose text was taken last, in seconds since 1970.
        times: When the records were made of which nothing else is known.
        sequence: A sequence number lower than that of any of them.
        at: A time before the first of them was counted, in seconds of time.monotonic.
        is_over: Whether it is forgotten: a time that is added now is found only if the call is put among the late ones.
    """

    __slots__ = ("at", "fingerprint", "is_over", "newest", "place", "sequence", "text_at", "times")

    def __init__(self, place: Fingerprint, fingerprint: Fingerprint, newest: Alert, sequence: int, at: float) -> None:
        """Begin without repeats."""
        self.place: Fingerprint = place
        self.fingerprint: Fingerprint = fingerprint
        self.newest: Alert = newest
        self.text_at: float = newest.created
        self.times: list[float] = []
        self.sequence: int = sequence
        self.at: float = at
        self.is_over: bool = False

    def tally(self) -> Tally:
        """Return how many wait, and since when; there must be one."""
        times = self.times[:]
        return Tally(self.newest, len(times), min(times), max(times))


class KnownCalls:
    """The calls that one queue knows."""

    def __init__(self) -> None:
        """Begin with none."""
        self._calls: dict[Fingerprint, KnownCall] = {}
        self._room = _ROOM
        # Calls that were forgotten while a thread was counting; a dictionary, because one step adds to it.
        self._late: dict[KnownCall, None] = {}

    def count(self, place: Fingerprint, created: float) -> bool:
        """Count a repeat, on the thread that logs.

        Args:
            place: The call's.
            created: When the record was made, in seconds since 1970.

        Returns:
            Whether it is counted. Else its alert is needed: the call is unknown, its text is old, or there is no room.
        """
        call = self._calls.get(place)
        if call is None:
            return False
        # Times may go back, and nan compares with nothing.
        if not -FRESH < created - call.text_at < FRESH or len(call.times) >= self._room:
            call.text_at = created  # so that other threads make no alert as well
            return False
        call.times.append(created)
        if call.is_over:  # checked last: the other side sets it first, and then takes out the times
            self._late[call] = None
        return True

    def renew(self, place: Fingerprint, newest: Alert) -> bool:
        """Count a repeat whose alert was made, on the thread that logs.

        Returns:
            Whether it is counted. Else the call is not known, or there is no room.
        """
        call = self._calls.get(place)
        if call is None or len(call.times) >= self._room:
            return False
        call.newest = newest
        call.times.append(newest.created)
        if call.is_over:  # as in count
            self._late[call] = None
        return True

    # -- Under the queue's lock ----------------------------------------------------------------

    def get(self, place: Fingerprint) -> KnownCall | None:
        """Return a call that is known."""
        return self._calls.get(place)

    def open(self, place: Fingerprint, fingerprint: Fingerprint, newest: Alert, sequence: int, at: float) -> None:
        """Know a call from now on; of one that is known already, keep the newer alert. Without room, do nothing."""
        known = self._calls.get(place)
        if known is not None:
            known.newest = newest
            return
        if len(self._calls) >= MAX_CALLS:
            self.forget_idle()
            if len(self._calls) >= MAX_CALLS:
                return
        self._calls[place] = KnownCall(place, fingerprint, newest, sequence, at)
        self._room = _ROOM // len(self._calls)

    def forget(self, call: KnownCall) -> None:
        """Forget a call; the repeats that it has counted still wait."""
        self._calls.pop(call.place, None)
        call.is_over = True
        if call.times:
            self._late[call] = None

    def forget_idle(self) -> None:
        """Forget the calls of which no repeat waits."""
        for call in list(self._calls.values()):
            if not call.times:
                self.forget(call)

    def forget_old(self) -> None:
        """Forget the calls that were last logged long before the newest one."""
        latest = max((call.text_at for call in self._calls.values()), default=0.0)
        for call in list(self._calls.values()):
            if not call.times and not latest - call.text_at < _KEPT:
                self.forget(call)

    def all(self) -> list[KnownCall]:
        """Return the calls of which repeats may wait."""
        return [*list(self._calls.values()), *list(self._late)]

    def waiting(self) -> Iterator[KnownCall]:
        """Yield the calls of which repeats wait."""
        return (call for call in self.all() if call.times)

    def take_out(self, call: KnownCall, count: int) -> None:
        """Take out the oldest repeats of a call: they are counted elsewhere."""
        del call.times[:count]
        if call.is_over:
            self._late.pop(call, None)
            if call.times:  # checked last: a thread that counts adds the time first
                self._late[call] = None
