"""A relay: counts what hosts have published, and shows on each desktop what there is to show there.

Any number of relays may run. Each counts what it reads, and what others have left; one shows on a desktop, and which
one that is, the broker says: see :mod:`.desktop`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gntp_logging.alerts.alert_json import to_json

from .desktop import Desktop, DesktopSettings, Lease, relay_name
from .redis_streams import BrokerError, Counted, Entry, RedisStreams, StreamIsGoneError
from .wire import WireError, decode

_WAIT: Final = 0.5
"""Seconds that one read waits for entries: so long it takes to stop, and until what others left is looked for."""

_CLAIM_EVERY: Final = 1.0
_END_EVERY: Final = 1.0
_FORGET_EVERY: Final = 600.0
"""Seconds between looks for what other relays have left, for incidents that end, and for relays that are gone."""

_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 2.0
"""Seconds between two tries to reach the broker: a relay does nothing else meanwhile."""

_MARGIN: Final = 3600.0
"""Seconds that an incident is kept beyond its end, when no relay runs that ends it."""

_LONGEST: Final = 86_400.0
"""Seconds that an incident is kept by who does not know when it ends."""

_MAX_KEPT: Final = 1024
"""Bytes that are kept of an entry that was set aside."""


@dataclass(frozen=True)
class RelaySettings:
    """What a relay does: relay.toml, checked.

    Attributes:
        broker: Where it reads.
        timeout: Seconds that one exchange with the broker may take.
        keys: The keys of the fleet; an entry that none of them has signed is set aside. None asks for no signature.
        quiet: Seconds without records after which an incident ends; None leaves that to other relays.
        desktops: Where it shows.
    """

    broker: str
    timeout: float
    keys: Sequence[bytes]
    quiet: float | None
    desktops: Sequence[DesktopSettings]


@dataclass
class _Task:
    """What is done besides counting, each so many seconds; due at a time of time.monotonic."""

    run: Callable[[], object]
    every: float
    due: float = 0.0


class Relay:
    """Counts, on the thread that runs it, and shows, on a thread for each desktop."""

    def __init__(
        self, settings: RelaySettings, report: Callable[[str], None], name: str = "", own: Sequence[Desktop] = ()
    ) -> None:
        """Prepare. Nothing is sent.

        Args:
            report: Takes a line for people.
            name: What the broker knows it by; no two relays have one. Empty for a new one.
            own: Desktops that nobody else shows on, beside those of the settings.

        Raises:
            ValueError: If the broker's address is none.
        """
        self._settings = settings
        self._report = report
        self._name = name or relay_name()
        self._streams = RedisStreams(settings.broker, settings.timeout)
        self._desktops = [*map(self._desktop, settings.desktops), *own]
        self._cursor = "0"
        self._tasks = [
            _Task(self._claim, _CLAIM_EVERY),
            _Task(self._end, _END_EVERY),
            _Task(self._streams.forget_consumers, _FORGET_EVERY),
        ]
        self._has_read = False
        self._is_away = False

    def _desktop(self, desktop: DesktopSettings) -> Desktop:
        streams = RedisStreams(self._settings.broker, self._settings.timeout)
        return Desktop(desktop, streams, Lease(streams, desktop.name, self._name, time.monotonic), self._report)

    def run(self, stop: threading.Event) -> None:
        """Count and show until it is told to stop."""
        threads = [threading.Thread(target=desktop.run, args=(stop,), daemon=True) for desktop in self._desktops]
        for thread in threads:
            thread.start()
        pause = _FIRST_RETRY
        while not stop.is_set():
            try:
                self.step()
                pause = _FIRST_RETRY
            except Exception as error:  # noqa: BLE001 - nothing ends the counting but being told to stop
                self._away(error)
                stop.wait(pause)
                pause = min(2 * pause, _LAST_RETRY)
        for desktop in self._desktops:
            desktop.wake_up()
        deadline = time.monotonic() + 2 * self._settings.timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._streams.close()

    def _away(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            reason = str(error) if isinstance(error, BrokerError) else f"{type(error).__name__}: {error}"
            self._report(f"cannot count from {self._streams.label}: {reason}")

    def step(self) -> None:
        """Read, count, and do what is due besides.

        Raises:
            BrokerError: If Redis is away, or does not do what it is asked.
        """
        try:
            if not self._has_read:
                self._streams.make_group()
            self._count(self._streams.read(self._name, _WAIT))
            self._do_what_is_due()
        except StreamIsGoneError:
            self._begin_anew()
        if not self._has_read or self._is_away:
            self._has_read, self._is_away = True, False
            self._report(f"counts from {self._streams.label}")

    def _begin_anew(self) -> None:
        self._cursor = "0"
        if self._streams.make_group():
            self._report(f"{self._streams.label} has lost its data: counts begin anew")

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        for task in self._tasks:
            if now >= task.due:
                task.due = now + task.every
                task.run()

    def _claim(self) -> None:
        self._cursor, entries = self._streams.claim(self._name, self._cursor)
        self._count(entries)

    def _end(self) -> None:
        if self._streams.end_incidents(self._settings.quiet):
            self._wake_up()

    def _count(self, entries: Sequence[Entry]) -> None:
        """Count entries; what cannot be counted is set aside."""
        quiet = self._settings.quiet
        counted = []
        for entry in entries:
            try:
                counted.append(_counted(entry, self._settings.keys))
            except WireError as error:
                self._streams.set_aside(entry.id_, _kept(entry, str(error)))
        if counted and self._streams.count(counted, _LONGEST if quiet is None else quiet + _MARGIN):
            self._wake_up()

    def _wake_up(self) -> None:
        for desktop in self._desktops:
            desktop.wake_up()


def _counted(entry: Entry, keys: Sequence[bytes]) -> Counted:
    report = decode(entry.fields, keys)
    logger, level = report.alert.logger, report.alert.level
    return Counted(
        entry.id_,
        f"{report.incident}:{report.app}",
        report.count,
        json.dumps([logger, report.machine, level]),
        json.dumps([logger, level]),
        to_json(report.alert),
    )


def _kept(entry: Entry, reason: str) -> bytes:
    """Return what is kept of an entry that cannot be counted: its ID, the reason, and how it begins."""
    begins = b" ".join(name + b"=" + value[:_MAX_KEPT] for name, value in list(entry.fields.items())[:2])
    return (f"{entry.id_} {reason}: ".encode("ascii", "replace") + begins)[:_MAX_KEPT]
