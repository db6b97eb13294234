"""Repeats are folded into one toast, and the rate of toasts is capped. Pure: the clock is an argument.

The first alert of a fingerprint is shown. Its repeats raise the count of its *group*, and updates report the count. A
group has a window of time. During the window, updates come at the 10th, 100th, ... repeat; at its end one update
reports the exact count. After a window with repeats comes one of twice the length. A window without repeats ends the
group, and the next alert of its fingerprint is a first one again.

All times are in seconds of time.monotonic unless something else is said.
"""

from __future__ import annotations

import enum
import math
from typing import Final

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint, raw_fingerprint

from .digest import Finish, Tally, span
from .kept import Kept

MAX_GROUPS: Final = 1000
"""Fingerprints whose repeats are counted at a time; each keeps one alert. One more is shown without a group."""

UPDATE_INTERVAL: Final = 5.0
"""Seconds between two notifications about one group: long enough to read the one before."""

_LONGEST_WINDOW: Final = 3600.0
"""Seconds: what repeats all day is reported once an hour."""

_UNCAPPED_LEVEL: Final = 50
"""CRITICAL: what must be seen passes the cap."""


class Decision(enum.Enum):
    """What to do with an alert."""

    SHOW = "show"
    FOLD = "fold"
    """Count it in its group, whose toast shows the count."""
    DIGEST = "digest"
    """Too many different alerts came: a digest reports it."""


class RepeatGroup:
    """An alert that was shown, or will be, and its repeats.

    Attributes:
        fingerprint: The fingerprint that they share, normalized.
        alert: The newest of them.
        first_alert: The first of them.
        count: How many there are, the first one included.
        displayed_count: The count that the desktop shows; 0 until the first one is shown.
        since: Sequence number of the oldest repeat that was not reported; None when all were.
        first: When the first was logged, in seconds since 1970.
        last: When the newest was logged, in seconds since 1970.
        id_: The first one's Notification-ID and the Coalescing-ID of all of them; empty until the first is sent.
        updates_prefix: Begins the Notification-IDs of its updates.
        reported_before: How many records of the count an earlier process has reported.
        unanswered: How often the next update was sent already, without an answer.
        is_refused: Whether the server refused the newest update, and no repeat has come since.
    """

    __slots__ = (
        "_closes", "_is_late", "_is_update_in_flight", "_last_sent", "_milestone", "_repeated", "_updates", "_window",
        "alert", "count", "displayed_count", "fingerprint", "first", "first_alert", "id_", "is_refused", "last",
        "reported_before", "since", "unanswered", "updates_prefix",
    )  # fmt: skip

    def __init__(self, fingerprint: Fingerprint, alert: Alert, window: float, now: float) -> None:
        """Begin with the first alert.

        Args:
            window: Seconds that the first window lasts.
        """
        self.fingerprint: Fingerprint = fingerprint
        self.alert: Alert = alert
        self.first_alert: Alert = alert
        self.count: int = 1
        self.displayed_count: int = 0
        self.since: int | None = None
        self.first: float = alert.created
        self.last: float = alert.created
        self.id_: str = ""
        self.updates_prefix: str = ""
        self.reported_before: int = 0
        self.unanswered: int = 0
        self.is_refused: bool = False
        self._window = window
        self._closes = now + window
        self._repeated = False
        self._updates = 0
        self._is_update_in_flight = False
        self._is_late = False  # a window has ended, and its last repeats were not reported yet
        self._milestone = 10
        self._last_sent = now

    @property
    def window(self) -> float:
        """Seconds that its window lasts by now."""
        return self._window

    @property
    def unreported(self) -> int:
        """How many repeats the count on the desktop lacks, once the first one is shown."""
        return self.count - max(self.displayed_count, 1)

    def add(self, tally: Tally, sequence: int) -> None:
        """Count repeats.

        Args:
            tally: How many, when, and the newest.
            sequence: Sequence number of the oldest.
        """
        self.count += tally.count
        self.is_refused = False
        self.first = min(self.first, tally.first)
        if tally.last >= self.last:
            self.last, self.alert = tally.last, tally.newest
        if self.since is None or sequence < self.since:
            self.since = sequence
        self._repeated = True

    def due(self) -> float:
        """Return when an update, or the end of the window, is due."""
        if self._has_news():
            return min(self._closes, self._last_sent + UPDATE_INTERVAL)
        return self._closes

    def resume(self, tally: Tally, window: float, now: float) -> None:
        """Stand for what another process has counted; see :meth:`Flood.reopen`."""
        self.count, self.first, self.last = tally.count, tally.first, tally.last
        self._window = window
        self._closes = now + window

    def hurry(self) -> None:
        """Have the exact count reported as soon as the newest notification can have been read."""
        self._is_late = True

    def wants_update(self, now: float) -> bool:
        """Tell whether an update is due."""
        return self._has_news() and now >= self._last_sent + UPDATE_INTERVAL

    def may_be_updated(self, flushed: int) -> bool:
        """Tell whether repeats up to a sequence number wait for an update, and none is being sent."""
        if not self.displayed_count or self._is_update_in_flight:
            return False
        return self.since is not None and self.since <= flushed

    def _has_news(self) -> bool:
        if not self.displayed_count or self._is_update_in_flight:
            return False
        return self.unreported > 0 and (self.count > self._milestone or self._is_late)

    def update_id(self) -> str:
        """Return the Notification-ID of the update that is being sent, or else of the next one."""
        return f"{self.updates_prefix or self.id_}-{self._updates + (not self._is_update_in_flight)}"

    def begin_update(self) -> None:
        """Record that an update is being sent."""
        self._updates += 1
        self._is_update_in_flight = True

    def take_back_update(self, unanswered: int) -> None:
        """Record that an update could not be sent: the next one has its id, and a later count.

        Args:
            unanswered: How often it was sent without an answer so far.
        """
        if self._is_update_in_flight:
            self._updates -= 1
            self._is_update_in_flight = False
        self.unanswered = unanswered

    def close_window(self, now: float) -> bool:
        """Open the next window if this one is over; return False when the group ends instead."""
        if now < self._closes:
            return True
        if self.displayed_count:
            if not self._repeated and not self.unreported:
                return False
            self._is_late = self.unreported > 0
            if self._repeated:
                self._window = min(2 * self._window, _LONGEST_WINDOW)
            self._repeated = False
        self._closes = now + self._window
        return True

    def mark_reported(self, count: int, now: float) -> None:
        """Record that the desktop shows a count."""
        if not self.displayed_count:
            self._closes = now + self._window
        self.displayed_count = count
        self._wait_for(count, now)
        if not self.unreported:
            self.since = None

    def mark_refused(self, now: float, sequence: int) -> None:
        """Record that an update failed: the next one comes after more repeats, or at the end of the window.

        Args:
            sequence: The highest sequence number so far. A flush that began before does not wait for the update,
                or the update would be sent again and again. The next flush sends it once more.
        """
        self._wait_for(self.count, now)
        self.since = sequence
        self.is_refused = True

    def _wait_for(self, count: int, now: float) -> None:
        self._is_late = self._is_update_in_flight = False
        self._last_sent = now
        self._milestone = 10 ** len(str(count - 1))
        self.unanswered = 0

    def as_alert(self, finish: Finish) -> Alert:
        """Return the newest alert with the count before its title: ``100 × ValueError: no``, and when they came.

        If its text differs from the first alert's, it says so, and quotes the first title.

        Args:
            finish: Masks the secrets of an alert, and then cuts it.
        """
        alert = finish(self.alert)
        if self.count == 1:
            return alert
        first = alert if self.first_alert is self.alert else finish(self.first_alert)
        lines = [alert.text, span(self.first, self.last)]
        if first.title != alert.title:
            lines.append(f"several texts, the first: {first.title}")
        elif first.text != alert.text:
            lines.append("several texts")
        text = "\n".join(filter(None, lines))
        return alert._replace(title=f"{self.count:,} × {alert.title}", text=text, count=self.count)

    def tally(self) -> Tally:
        """Return how often the alert came, the first time included, and the newest as it was logged."""
        return Tally(self.alert, self.count, self.first, self.last)


class Flood:
    """Decides which alerts of one worker are shown, folded or digested.

    Attributes:
        folded: Repeats that the counts of groups hold, those of :meth:`waiting_repeats` included.
    """

    def __init__(self, window: float, burst: int, rate: float) -> None:
        """Begin without groups.

        Args:
            window: Seconds of a fingerprint's first window; 0 groups nothing.
            burst: Different alerts that may be shown at once.
            rate: Different alerts a minute that may be shown after a burst; 0 for no cap.
        """
        self._window = window
        self._burst = float(burst)
        self._per_second = rate / 60.0
        self._tokens = self._burst
        self._refilled: float | None = None
        self._groups: dict[Fingerprint, RepeatGroup] = {}
        self._fingerprints_by_place: dict[Fingerprint, Fingerprint] = {}
        self._next = math.inf
        self.folded: int = 0

    def offer(
        self, alert: Alert, fingerprint: Fingerprint, sequence: int, now: float
    ) -> tuple[Decision, RepeatGroup | None]:
        """Decide about an alert.

        Args:
            fingerprint: The alert's fingerprint, normalized.
            sequence: The alert's place in the order of submission.

        Returns:
            The decision, and the group that the alert is in; None for a digest, or where nothing is folded.
        """
        group = self._groups.get(fingerprint)
        if group is not None:
            self._count(group, Tally(alert), sequence)
            return Decision.FOLD, group
        if not self._may_show(alert, now):
            return Decision.DIGEST, None
        return Decision.SHOW, self._open(fingerprint, alert, now)

    def absorb(self, place: Fingerprint, tally: Tally, sequence: int) -> bool:
        """Count alerts that a full queue had no room for as repeats, if they have a group.

        Args:
            place: Their raw fingerprint.
            tally: How many, when, and the newest.
            sequence: Sequence number of the oldest.

        Returns:
            Whether they were counted.
        """
        group = self._groups.get(place) or self._groups.get(self._fingerprints_by_place.get(place, ()))
        if group is None:
            return False
        self._count(group, tally, sequence)
        return True

    def _count(self, group: RepeatGroup, tally: Tally, sequence: int) -> None:
        group.add(tally, sequence)
        self.folded += tally.count
        self._next = min(self._next, group.due())

    def _may_show(self, alert: Alert, now: float) -> bool:
        if not self._per_second or alert.level >= _UNCAPPED_LEVEL:
            return True
        if self._refilled is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._refilled) * self._per_second)
        self._refilled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _open(self, fingerprint: Fingerprint, alert: Alert, now: float) -> RepeatGroup | None:
        if not self._window:
            return None
        if len(self._groups) >= MAX_GROUPS:
            quiet = next(
                (group for group in self._groups.values() if group.displayed_count and not group.unreported), None
            )
            if quiet is None:
                return None
            self.forget(quiet)
        group = self._groups[fingerprint] = RepeatGroup(fingerprint, alert, self._window, now)
        self._fingerprints_by_place[raw_fingerprint(alert.fingerprint)] = fingerprint
        self._next = min(self._next, group.due())
        return group

    def reopen(self, fingerprint: Fingerprint, tally: Tally, window: float, now: float) -> RepeatGroup | None:
        """Go on with a group that another process has begun: as if it were shown first now, with its count so far.

        Args:
            tally: What it stands for.
            window: Seconds that its window has lasted there.

        Returns:
            The group, where things are folded and there is room.
        """
        group = self._open(fingerprint, tally.newest, now)
        if group is not None:
            group.resume(tally, window, now)
        return group

    def hurry(self, group: RepeatGroup) -> None:
        """See :meth:`RepeatGroup.hurry`."""
        group.hurry()
        self._next = min(self._next, group.due())

    def forget(self, group: RepeatGroup) -> None:
        """End a group: the next alert of its fingerprint is a first one."""
        if self._groups.get(group.fingerprint) is group:
            del self._groups[group.fingerprint]
        place = raw_fingerprint(group.alert.fingerprint)
        if self._fingerprints_by_place.get(place) == group.fingerprint:
            del self._fingerprints_by_place[place]

    def take_out(self, group: RepeatGroup) -> int:
        """End a group whose records, as far as the desktop does not show them, will be counted elsewhere.

        Returns:
            How many records the desktop does not show.
        """
        self.forget(group)
        if group.displayed_count:
            self.folded -= group.unreported
            return group.unreported
        count = group.count - group.reported_before
        self.folded -= count - 1  # the first one is not folded
        return count

    def restore(
        self, kept: Kept, fingerprint: Fingerprint, sequence: int, now: float
    ) -> tuple[Decision, RepeatGroup | None]:
        """Decide about what an earlier process has left.

        Args:
            kept: What it has left.
            fingerprint: Its fingerprint, normalized.
            sequence: Its place in the order of submission.

        Returns:
            As :meth:`offer`.
        """
        group = self._groups.get(fingerprint)
        if group is not None:
            self._count(group, kept.tally(), sequence)
            return Decision.FOLD, group
        if not self._may_show(kept.alert, now):
            return Decision.DIGEST, None
        group = self._open(fingerprint, kept.alert, now)
        if group is None:
            return (Decision.SHOW if kept.records == 1 else Decision.DIGEST), None
        group.count, group.first, group.last = kept.total, kept.first, kept.last
        group.reported_before = kept.total - kept.records
        group.updates_prefix = kept.notification_id
        self.folded += kept.records - 1
        return Decision.SHOW, group

    def waiting_repeats(self) -> int:
        """Return how many repeats wait together with an alert that was not shown yet."""
        groups = (group for group in self._groups.values() if not group.displayed_count)
        return sum(group.count - group.reported_before - 1 for group in groups)

    # -- Updates -------------------------------------------------------------------------------

    def update_due(self, now: float, flushed: int = 0) -> RepeatGroup | None:
        """Return a group whose count is to be reported now; end windows, and groups, whose time is over.

        Args:
            flushed: Repeats up to this sequence number are to be reported now, however few; 0 for none.
        """
        if flushed:
            found = next((group for group in self._groups.values() if group.may_be_updated(flushed)), None)
            if found is not None:
                return found
        if now < self._next:
            return None
        for group in list(self._groups.values()):
            if not group.close_window(now):
                self.forget(group)
            elif group.wants_update(now):
                return group
        self._reckon()
        return None

    def mark_reported(self, group: RepeatGroup, count: int, now: float) -> None:
        """Record that the desktop shows a group's count."""
        group.mark_reported(count, now)
        self._next = min(self._next, group.due())

    def mark_refused(self, group: RepeatGroup, now: float, sequence: int) -> None:
        """Record that a group's update failed: the next one reports its count; see :meth:`RepeatGroup.mark_refused`."""
        group.mark_refused(now, sequence)
        self._reckon()

    def _reckon(self) -> None:
        self._next = min((group.due() for group in self._groups.values()), default=math.inf)

    def next_due(self) -> float:
        """Return when something is due next; infinity when nothing is."""
        return self._next

    def oldest_unreported(self) -> int | None:
        """Return the sequence number of the oldest unreported repeat of a group that is on the desktop."""
        return min(
            (group.since for group in self._groups.values() if group.displayed_count and group.since is not None),
            default=None,
        )

    def groups(self) -> list[RepeatGroup]:
        """Return all groups."""
        return list(self._groups.values())
