"""A relay: counts what hosts have published, and shows on each desktop what is due there.

Any number of relays may run. Each counts the entries that it reads, and those that other relays have left. On each
desktop only one relay shows at a time; the broker decides which: see :mod:`.desktop`.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gntp_logging.alerts.alert_json import to_json
from gntp_logging.delivery.transport import SendStatus

from .desktop import Desktop, DesktopSettings, Lease, relay_name
from .redis_streams import BrokerError, Counted, Entry, RedisStreams, StreamIsGoneError
from .wire import WireError, decode

_WAIT: Final = 0.5
"""Seconds that one read waits for entries. It delays a stop, and the look for what other relays have left."""

_CLAIM_EVERY: Final = 1.0
_END_EVERY: Final = 1.0
_FORGET_EVERY: Final = 600.0
"""Seconds between looks for what other relays have left, for incidents that end, and for relays that are gone."""

_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 2.0
"""Seconds between two tries to reach the broker. The relay counts nothing meanwhile."""

_MARGIN: Final = 3600.0
"""Seconds that an incident is kept beyond its end if no relay runs that ends it."""

_LONGEST: Final = 86_400.0
"""Seconds that an incident is kept by a relay that does not know when it ends."""

_MAX_KEPT: Final = 1024
"""Bytes that are kept of an entry that was set aside."""


@dataclass(frozen=True)
class RelaySettings:
    """What a relay does: relay.toml, checked.

    Attributes:
        broker: URL of the broker.
        timeout: Seconds that one exchange with the broker may take.
        keys: The keys of the fleet. An entry that none of them has signed is set aside. Empty: none has to be signed.
        quiet: Seconds without records after which an incident ends; None leaves that to other relays.
        desktops: The desktops on which it shows.
    """

    broker: str
    timeout: float
    keys: Sequence[bytes]
    quiet: float | None
    desktops: Sequence[DesktopSettings]


class DesktopState(NamedTuple):
    """A desktop, as one relay sees it.

    Attributes:
        name: Its name in relay.toml.
        is_shown_here: Whether this relay has the lease.
        shows: How many of this relay's sends ended with each status.
    """

    name: str
    is_shown_here: bool
    shows: dict[SendStatus, int]


@dataclass
class _Task:
    """What a relay does besides counting, once in so many seconds; ``due`` is in seconds of time.monotonic."""

    run: Callable[[], object]
    every: float
    due: float = 0.0


@dataclass(frozen=True)
class _Running:
    """A desktop on which this relay shows while it has the lease, and the thread for it.

    Attributes:
        settings: The desktop's settings when it was begun; None for one of the relay's own, which stays.
        desktop: Shows on it.
        stop: Ends the thread.
        thread: Runs ``desktop``.
    """

    settings: DesktopSettings | None
    desktop: Desktop
    stop: threading.Event
    thread: threading.Thread

    @classmethod
    def begin(cls, settings: DesktopSettings | None, desktop: Desktop) -> _Running:
        stop = threading.Event()
        thread = threading.Thread(target=desktop.run, args=(stop,), daemon=True)
        thread.start()
        return cls(settings, desktop, stop, thread)

    def end(self) -> None:
        self.stop.set()
        self.desktop.wake_up()


class Relay:
    """Counts on the thread that runs it, and shows on one more thread for each desktop."""

    def __init__(
        self, settings: RelaySettings, report: Callable[[str], None], name: str = "", own: Sequence[Desktop] = ()
    ) -> None:
        """Prepare. Nothing is sent.

        Args:
            report: Takes a line for people.
            name: Its name at the broker; no two relays have the same. Empty for a new name.
            own: Desktops on which no other process shows, beside those of the settings.

        Raises:
            ValueError: If the broker's URL is not valid.
        """
        self._settings = settings
        self._report = report
        self._name = name or relay_name()
        self._streams = RedisStreams(settings.broker, settings.timeout)
        self._own = own
        self._running: list[_Running] = []
        self._ending: list[_Running] = []
        self._wanted: tuple[RelaySettings, RedisStreams] | None = None
        self._shows: dict[str, Counter[SendStatus]] = {}
        self._cursor = "0"
        self._tasks = [
            _Task(self._claim, _CLAIM_EVERY),
            _Task(self._end, _END_EVERY),
            _Task(self._forget_consumers, _FORGET_EVERY),
        ]
        self._has_read = False
        self._is_away = False

    def change(self, settings: RelaySettings) -> None:
        """Use other settings from the next step on. Any thread may call this.

        A desktop with unchanged settings goes on, if broker and timeout are the same. Every other one is stopped, and
        begun anew if the settings still name it.

        Raises:
            ValueError: If the broker's URL is not valid.
        """
        self._wanted = settings, RedisStreams(settings.broker, settings.timeout)

    @property
    def settings(self) -> RelaySettings:
        """The settings in use."""
        return self._settings

    def desktops(self) -> list[DesktopState]:
        """Return the state of each desktop. Any thread may call this."""
        return [
            DesktopState(running.settings.name, running.desktop.is_shown_here, dict(running.desktop.shows))
            for running in list(self._running)
            if running.settings is not None
        ]

    def _obey(self) -> None:
        """Apply the settings that :meth:`change` has taken."""
        wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        before = self._settings
        self._settings, streams = wanted
        is_elsewhere = (before.broker, before.timeout) != (self._settings.broker, self._settings.timeout)
        if is_elsewhere:
            self._streams.close()
            self._streams = streams
            self._cursor, self._has_read, self._is_away = "0", False, False
        for running in list(self._running):
            if running.settings is not None and (is_elsewhere or running.settings not in self._settings.desktops):
                running.end()
                self._running.remove(running)
                self._ending.append(running)
        self._ending = [running for running in self._ending if running.thread.is_alive()]
        self._begin_desktops()

    def _begin_desktops(self) -> None:
        known = [running.settings for running in self._running]
        for settings in self._settings.desktops:
            if settings not in known:
                self._running.append(_Running.begin(settings, self._desktop(settings)))

    def _desktop(self, desktop: DesktopSettings) -> Desktop:
        streams = RedisStreams(self._settings.broker, self._settings.timeout)
        lease = Lease(streams, desktop.name, self._name, time.monotonic)
        shows = self._shows.setdefault(desktop.name, Counter())  # a desktop that is begun anew counts on
        return Desktop(desktop, streams, lease, self._report, shows=shows)

    def run(self, stop: threading.Event) -> None:
        """Count and show until ``stop`` is set."""
        self._running += [_Running.begin(None, desktop) for desktop in self._own]
        self._begin_desktops()
        pause = _FIRST_RETRY
        while not stop.is_set():
            try:
                self._obey()
                self.step()
                pause = _FIRST_RETRY
            except Exception as error:  # noqa: BLE001 - only ``stop`` may end the counting
                self._away(error)
                stop.wait(pause)
                pause = min(2 * pause, _LAST_RETRY)
        for running in self._running:
            running.end()
        deadline = time.monotonic() + 2 * self._settings.timeout
        for running in [*self._running, *self._ending]:
            running.thread.join(max(0.0, deadline - time.monotonic()))
        self._streams.close()

    def _away(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            reason = str(error) if isinstance(error, BrokerError) else f"{type(error).__name__}: {error}"
            self._report(f"cannot count from {self._streams.label}: {reason}")

    def step(self) -> None:
        """Read and count once, and run the other tasks that are due.

        Raises:
            BrokerError: If Redis is away, or refuses a command.
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

    def _forget_consumers(self) -> None:
        self._streams.forget_consumers()

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
        for running in self._running:
            running.desktop.wake_up()


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
        round(report.first * 1000),
        round(report.last * 1000),
    )


def _kept(entry: Entry, reason: str) -> bytes:
    """Return what is kept of an entry that cannot be counted: its ID, the reason, and how it begins."""
    begins = b" ".join(name + b"=" + value[:_MAX_KEPT] for name, value in list(entry.fields.items())[:2])
    return (f"{entry.id_} {reason}: ".encode("ascii", "replace") + begins)[:_MAX_KEPT]
