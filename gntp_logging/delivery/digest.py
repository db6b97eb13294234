"""A digest: one alert that stands for many that were not shown one by one. Pure, except that it asks for the date.

It counts alerts by fingerprint, so that it stays small however many come.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint
from gntp_logging.alerts.text import boundary, one_line

DELAY: Final = 10.0
"""Seconds that a digest of too many different alerts waits for more of them."""

INTERVAL: Final = 60.0
"""Seconds between two digests, and after which one goes out even while other alerts wait."""

MAX_FINGERPRINTS: Final = 1000
"""Fingerprints that are counted apart; each keeps one alert."""

OTHER: Final = "other"
"""Begins the fingerprint of alerts that are counted by level only."""

_MAX_NAMES: Final = 3
_MAX_NAME: Final = 40
"""What a digest's title names, and characters of each."""


Finish = Callable[[Alert], Alert]
"""Masks the secrets of an alert, and then cuts it: what leaves the process is finished, what waits is not."""


class Tally:
    """How often alerts of one fingerprint came.

    Attributes:
        count: How many.
        first: When the first was logged, in seconds since 1970.
        last: When the last was logged, in seconds since 1970.
        newest: The one that was logged last.
    """

    __slots__ = ("count", "first", "last", "newest")

    def __init__(self, newest: Alert, count: int = 1, first: float | None = None, last: float | None = None) -> None:
        """Count one alert, or several.

        Args:
            first: When the first was logged; None means when the newest was.
            last: The same of the last.
        """
        self.count: int = count
        self.first: float = newest.created if first is None else first
        self.last: float = newest.created if last is None else last
        self.newest: Alert = newest

    def add(self, other: Tally) -> None:
        """Count another tally's alerts too."""
        self.count += other.count
        self.first = min(self.first, other.first)
        if other.last >= self.last:
            self.last, self.newest = other.last, other.newest


class Digest:
    """Counts of alerts, by fingerprint.

    Attributes:
        tallies: How often each fingerprint came.
        count: How many alerts in all.
        since: Sequence number of the oldest of them; None while there are none.
        unanswered: How often the digest was sent without an answer.
        id_: Its Notification-ID; empty until it gets one.
        restored: How many of the alerts were left by an earlier process.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.tallies: dict[Fingerprint, Tally] = {}
        self.count: int = 0
        self.since: int | None = None
        self.unanswered = 0
        self.id_: str = ""
        self.restored: int = 0

    def add(self, fingerprint: Fingerprint, alert: Alert, sequence: int) -> bool:
        """Count an alert.

        Args:
            sequence: The alert's place in the order of submission.

        Returns:
            False when there is no room for another fingerprint; the alert is not counted then.
        """
        tally = self.tallies.get(fingerprint)
        if tally is None:
            if len(self.tallies) >= MAX_FINGERPRINTS:
                return False
            self.tallies[fingerprint] = Tally(alert)
        else:
            created = alert.created
            tally.count += 1
            if created >= tally.last:
                tally.last, tally.newest = created, alert
            elif created < tally.first:  # made earlier, but queued later, by another thread
                tally.first = created
        self.count += 1
        if self.since is None or sequence < self.since:
            self.since = sequence
        return True

    def take_in(self, fingerprint: Fingerprint, tally: Tally, sequence: int) -> None:
        """Count alerts of one fingerprint. If there is no room for another fingerprint, count them by their level only.

        Args:
            tally: How many, when, and the newest.
            sequence: Sequence number of the oldest.
        """
        if fingerprint not in self.tallies and len(self.tallies) >= MAX_FINGERPRINTS:
            fingerprint = (OTHER, tally.newest.level)
        known = self.tallies.get(fingerprint)
        if known is None:
            self.tallies[fingerprint] = tally
        else:
            known.add(tally)
        self.count += tally.count
        if self.since is None or sequence < self.since:
            self.since = sequence

    def pop(self) -> tuple[Fingerprint, Tally]:
        """Take out the fingerprint that came first; there must be one."""
        fingerprint = next(iter(self.tallies))
        tally = self.tallies.pop(fingerprint)
        self.count -= tally.count
        if not self.count:
            self.since = None
        return fingerprint, tally

    def merge(self, other: Digest) -> None:
        """Take over another digest's counts; it is not used afterwards."""
        for fingerprint, tally in other.tallies.items():
            self.take_in(fingerprint, tally, other.since or 0)
        self.restored += other.restored

    def as_alert(self, finish: Finish) -> Alert:
        """Return one alert that reports the digest, which must not be empty: ``28 more alerts: 12 × KeyError, ...``.

        It looks like the most urgent alert of the digest. It says what came most often, exceptions by their type, how
        many there were of each level, when the first and the last was logged, and the newest. A single alert is
        returned as it is.

        Args:
            finish: Masks the secrets of an alert, and then cuts it.
        """
        tallies = list(self.tallies.values())
        if self.count == 1:
            return finish(tallies[0].newest)
        highest = max(tallies, key=lambda tally: tally.newest.level).newest
        most_urgent = max(tallies, key=lambda tally: (tally.newest.priority, tally.newest.sticky)).newest
        newest = max(tallies, key=lambda tally: tally.last).newest
        names = self._most_frequent(finish)
        said = [f"{count:,} × {name}" for name, count in names.most_common()]
        if others := self.count - names.total():
            said.append(f"{others:,} {'others' if others > 1 else 'other'}")
        times = (min(tally.first for tally in tallies), max(tally.last for tally in tallies))
        lines = [] if (headline := finish(newest).title) in names else [f"newest: {headline}"]
        if len(by_level := levels(tallies)) > 1:
            lines.append(", ".join(by_level))
        if self.restored == self.count:
            when = span(*times, form="from {} to {}")
            title = f"while nobody was there: {self.count:,} alerts {when}, {', '.join(said)}"
        else:
            title = f"{self.count:,} more alerts: {', '.join(said)}"
            lines.append(span(*times))
        shared = _shared_context(tallies)
        alert = finish(most_urgent)
        return alert._replace(
            level=highest.level,
            level_name=highest.level_name,
            title=one_line(title),
            text="\n".join(lines),
            created=newest.created,
            icon=None,
            fingerprint="",
            context=tuple(pair for pair in alert.context if pair[0] in shared),
            url_parts=(),
            exc_type="",
            logger="",
            count=self.count,
        )

    def _most_frequent(self, finish: Finish) -> Counter[str]:
        """Return how often the most frequent came, by the names that the title has for them."""
        kinds: dict[object, list[Tally]] = {}
        for fingerprint, tally in self.tallies.items():
            if fingerprint[:1] != (OTHER,):
                kinds.setdefault(tally.newest.raw_exc_type() or fingerprint, []).append(tally)
        often = sorted(kinds.values(), key=lambda tallies: -sum(tally.count for tally in tallies))[:_MAX_NAMES]
        names: Counter[str] = Counter()
        for tallies in often:
            names[_name(finish(tallies[-1].newest))] += sum(tally.count for tally in tallies)
        return names


class DigestSchedule:
    """The digest that fills up, and when it is due. Times are in seconds of time.monotonic.

    Attributes:
        current: The digest.
        due: When it goes out if nothing else waits.
    """

    def __init__(self) -> None:
        """Begin with an empty one."""
        self.current: Digest = Digest()
        self.due: float = 0.0
        self._last = -INTERVAL

    def hurry(self, now: float) -> None:
        """Send it as soon as nothing else waits: there is no reason to wait for more alerts."""
        self.due = now

    def wait_for_more(self, now: float) -> None:
        """Delay a digest that is still empty: more alerts for it will probably come."""
        if self.current.since is None:
            self.due = max(now + DELAY, self._last + INTERVAL)

    def is_next(self, oldest: int | None, flushed: int, now: float) -> bool:
        """Tell whether it goes out next: nothing else waits, it is a minute late, or a flush waits for nothing else.

        Args:
            oldest: Sequence number of the oldest alert that waits to be shown; None when none does.
            flushed: The highest mark that a caller of flush waits for; 0 when no caller waits.
            now: The time.
        """
        since = self.current.since
        if since is None:
            return False
        if since <= flushed and (oldest is None or flushed < oldest):
            return True
        return now >= (self.due if oldest is None else self.due + INTERVAL)

    def begin(self, now: float) -> None:
        """Begin another digest: the one before is being sent, or was given up."""
        self.current = Digest()
        self._last = now

    def put_back(self, digest: Digest) -> None:
        """Go on with a digest that could not be sent, and add what came after it."""
        if self.current is not digest:
            later, self.current = self.current, digest
            self.current.merge(later)


def _shared_context(tallies: list[Tally]) -> set[str]:
    """Return the names of the context that all share: the machine, the environment, perhaps the request."""
    first, *others = (tally.newest.context for tally in tallies)
    return {name for name, value in first if all((name, value) in context for context in others)}


def _name(alert: Alert) -> str:
    """Return what a digest calls an alert: the type of its exception, without the module; else what it says."""
    name = alert.exc_type.rpartition(".")[2] or alert.title
    return name if len(name) <= _MAX_NAME else name[: boundary(name, _MAX_NAME - 1)] + "…"


def levels(tallies: list[Tally]) -> list[str]:
    """Write how many alerts of each level came, the most severe first: ``3 CRITICAL``, ``20 ERROR``."""
    counts: Counter[tuple[int, str]] = Counter()
    for tally in tallies:
        counts[tally.newest.level, tally.newest.level_name] += tally.count
    return [f"{counts[level]:,} {level[1]}" for level in sorted(counts, reverse=True)]


def span(first: float, last: float, now: float | None = None, form: str = "first {}, last {}") -> str:
    """Write when something began and ended, in local time; with the days if they differ, or are not today.

    Args:
        first: Seconds since 1970.
        last: Seconds since 1970.
        now: The same; None asks the clock.
        form: Where the two times stand in the result.

    Returns:
        ``first 14:03:11, last 14:09:40``, or ``first 23 Nov 23:58:02, last 24 Nov 00:03:40``.
    """
    try:
        begin, end, today = map(time.localtime, (first, last, time.time() if now is None else now))
    except (ValueError, OverflowError, OSError):  # a record may hold any time
        return "at unknown times"
    how = clock_format(today, begin, end)
    return form.format(time.strftime(how, begin), time.strftime(how, end))


def clock_format(today: time.struct_time, *moments: time.struct_time) -> str:
    """Return the format of :func:`time.strftime` in which some moments are no more precise than a person needs."""
    if all(moment[:3] == today[:3] for moment in moments):
        return "%H:%M:%S"
    return "%d %b %H:%M:%S" if all(moment[0] == today[0] for moment in moments) else "%d %b %Y %H:%M:%S"
