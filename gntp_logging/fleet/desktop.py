"""One desktop, as one relay sees it: a thread takes the lease, and shows what is due while it holds the lease.

========  ===================================================  ====================================================
state     what it means                                        what ends it
========  ===================================================  ====================================================
waiting   another relay has the lease, or Redis is away        this relay takes the lease
holding   this relay shows; before each send it checks its     the lease is lost, Redis is away, or the desktop does
          own clock, and gives the exchange no longer than     not answer: then the lease is given back, because
          the lease lasts                                      another relay may reach the desktop
========  ===================================================  ====================================================

The ledger and the desktop may differ by one notification: it is shown first, and noted then. The next holder of the
lease shows it again with the same Coalescing-ID. That of an incident is always the same; that of a digest was
announced before.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from gntp_logging.alerts import icons
from gntp_logging.alerts.levels import LevelMap
from gntp_logging.delivery.dropped import DISABLED
from gntp_logging.delivery.gntp_transport import GNTPTransport
from gntp_logging.delivery.outbox import Entry
from gntp_logging.delivery.transport import SendResult, SendStatus, Transport
from gntp_logging.options.destination import Destination

from .incidents import CAUGHT_UP, Desk, DeskSettings, from_fields
from .redis_streams import BrokerError, RedisStreams

LEASE: Final = 10.0
"""Seconds for which one relay alone shows on a desktop. If it dies, another takes over when they have passed."""

LOOK: Final = 0.02
"""Seconds between two looks for changes. The looks take three per cent of a core; people do not notice the delay."""

_PER_FIELD: Final = 1e-4
"""Seconds until the next look, for each field that the last one returned. To read a field takes a tenth of that, also
in Redis."""

_MARGIN: Final = 0.5
"""Seconds before the end of a lease in which it is not used any more: clocks run a little apart."""

_MAX_APPS: Final = 64
"""Applications for which a connection and a registration are kept."""

_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 30.0
"""Seconds until a desktop that has not answered is tried again. They double from the first value to the last."""

_SLACK: Final = 1000
"""Milliseconds by which looks overlap: the broker's clock may step back."""


@dataclass(frozen=True)
class DesktopSettings:
    """A desktop, how alerts get there, and what it is shown.

    Attributes:
        name: Its name in relay.toml and in lines for people. All relays mean the same desktop by one name.
        make_transport: Makes the transport for the alerts of one application.
        desk: Which incidents it is shown, and when they end.
    """

    name: str
    make_transport: Callable[[str], Transport]
    desk: DeskSettings


class Ledger(Protocol):
    """What a desktop shows, in writing, and the right to show and to write.

    It raises nothing but :class:`.redis_streams.BrokerError`.

    Attributes:
        has_one_writer: Whether the ledger is complete, because no other process shows on this desktop.
    """

    @property
    def has_one_writer(self) -> bool: ...  # noqa: D102 - see above

    def hold(self) -> bool:
        """Take the right, or keep it; return True if it was taken just now: the ledger must then be read."""

    def is_held(self) -> bool:
        """Tell whether the right may be used now."""

    def deadline(self) -> float:
        """Return until when the right may be used, in seconds of time.monotonic; 0 without it."""

    def lose(self) -> None:
        """Forget that the right is held."""

    def give_back(self) -> None:
        """Leave the right to others."""

    def reported(self) -> dict[str, str]:
        """Return what the ledger holds, by member."""

    def note(self, shown: Mapping[str, str], forgotten: Sequence[str]) -> bool:
        """Write what is shown, by member, and delete the forgotten members; return whether that was allowed."""


class Lease:
    """The ledger that relays share. Redis keeps it, and gives the right to one relay at a time, for some seconds."""

    has_one_writer: Final = False

    def __init__(self, streams: RedisStreams, desktop: str, relay: str, clock: Callable[[], float]) -> None:
        """Begin without the lease.

        Args:
            relay: Name of the relay; no two relays have the same.
            clock: time.monotonic, or a test's.
        """
        self._streams = streams
        self._desktop = desktop
        self._relay = relay
        self._clock = clock
        self._until = 0.0
        self.text: str = ""

    def hold(self) -> bool:
        """Take the lease, or renew it when a third of its time is over; return whether it is a new one.

        Raises:
            BrokerError: If Redis is away.
        """
        now = self._clock()  # read before Redis is asked, because the answer may take time
        if self.text and now < self._until - LEASE * 2 / 3:
            return False
        text, is_new = self._streams.hold(self._desktop, self._relay, self.text, LEASE)
        self.text = text
        self._until = now + LEASE
        return is_new

    def deadline(self) -> float:
        """Return until when the lease may be used, in seconds of the clock; 0 without one."""
        return self._until - _MARGIN if self.text else 0.0

    def is_held(self) -> bool:
        """Tell whether the lease may be used now."""
        return self._clock() < self.deadline()

    def lose(self) -> None:
        """Forget the lease: another relay has it, or it is not known which one."""
        self.text = ""

    def give_back(self) -> None:
        """Let another relay take the lease."""
        text = self.text
        self.text = ""
        if text:
            self._streams.release(self._desktop, text)

    def reported(self) -> dict[str, str]:
        """Return what the desktop shows, by member, whichever relay has shown it."""
        return self._streams.reported(self._desktop)

    def note(self, shown: Mapping[str, str], forgotten: Sequence[str]) -> bool:
        """Write what the desktop shows; return False if another relay has the lease by now."""
        return self._streams.note(self._desktop, self.text, shown, forgotten)


class Desktop:
    """Shows on one desktop while it holds the lease. All of it runs on one thread, except :meth:`wake_up`.

    Attributes:
        shows: How many sends ended with each status.
    """

    def __init__(
        self,
        settings: DesktopSettings,
        streams: RedisStreams,
        ledger: Ledger,
        report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        look_every: float = LOOK,
        shows: Counter[SendStatus] | None = None,
    ) -> None:
        """Prepare. Nothing is sent.

        Args:
            streams: A connection of its own.
            report: Takes a line for people.
            look_every: Seconds between two looks for what other relays have counted.
            shows: The counter to go on with; None for a new one.
        """
        self._settings = settings
        self._streams = streams
        self._report = report
        self._clock = clock
        self._look_every = look_every
        self._ledger = ledger
        self._desk: Desk | None = None
        self._since = 0
        self._offset = 0.0  # seconds by which the broker's clock is ahead of this process's
        self._transports: OrderedDict[str, Transport] = OrderedDict()
        self._failures = 0
        self._refuses = False
        self._news = threading.Event()
        self.shows: Counter[SendStatus] = Counter() if shows is None else shows

    @property
    def is_shown_here(self) -> bool:
        """Whether this process alone shows on the desktop. Any thread may ask."""
        return self._ledger.is_held()

    def wake_up(self) -> None:
        """Look at once, because this relay has just counted something."""
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Show until ``stop`` is set; no failure ends it."""
        while not stop.is_set():
            try:
                pause = self.step()
            except BrokerError:  # the relay, which counts, reports it
                self._let_go()
                pause = _FIRST_RETRY
            except Exception as error:  # noqa: BLE001 - no failure may end the only thread that shows here
                self._report(f"{self._settings.name}: internal error: {type(error).__name__}: {error}")
                self._let_go()
                pause = _FIRST_RETRY
            if pause > self._look_every:
                stop.wait(pause)
            else:
                self._news.wait(pause)
            self._news.clear()
        try:
            self._ledger.give_back()
        except BrokerError:
            pass  # the lease ends by itself
        for transport in self._transports.values():
            transport.close()
        self._streams.close()

    def _let_go(self) -> None:
        self._ledger.lose()
        self._desk = None

    def step(self) -> float:
        """Take or renew the lease, look, and show what is due; return the seconds until the next look.

        Raises:
            BrokerError: If Redis is away.
        """
        is_new = self._ledger.hold()
        if not self._ledger.deadline():
            self._desk = None
        elif is_new or self._desk is None:
            self._begin()
        desk = self._desk
        if desk is None:
            return LEASE / 4
        fields = self._look(desk)
        pause = min(max(self._look_every, fields * _PER_FIELD), LEASE / 4)
        while self._ledger.is_held():
            entry = desk.next_entry(self._now())
            if entry is None:
                self._note({})
                return pause
            if not self._announce(desk, entry):
                entry.requeue(0)
                return 0.0
            if not self._show(desk, entry):
                self._ledger.give_back()
                self._desk = None
                return min(_LAST_RETRY, _FIRST_RETRY * 2.0 ** min(self._failures - 1, 10))
        return 0.0

    def _begin(self) -> None:
        reported = self._ledger.reported()
        said = self._streams.changed(_NEVER)
        self._offset = said.now / 1000 - self._clock()
        settings = replace(self._settings.desk, quiet=said.quiet or self._settings.desk.quiet)
        self._desk = Desk(settings, reported, said.now / 1000, has_one_writer=self._ledger.has_one_writer)
        self._since = 0
        if CAUGHT_UP not in reported:  # makes the desktop known, even while it cannot be reached
            self._note({})

    def _now(self) -> float:
        return self._clock() + self._offset

    def _look(self, desk: Desk) -> int:
        """Take in the incidents that have changed since the last look; return how many fields they have."""
        changes = self._streams.changed(self._since)
        self._offset = changes.now / 1000 - self._clock()
        if changes.newest_end > desk.ended_until:
            desk.take_ended(self._streams.ended(), self._now())
        for member, fields in changes.incidents.items():
            incident = from_fields(member, fields, self._settings.desk.matches)
            if incident is not None:
                desk.take(incident, self._now())
        self._since = max(0, changes.now - _SLACK)
        return sum(map(len, changes.incidents.values()))

    def _announce(self, desk: Desk, entry: Entry) -> bool:
        """Write what the next holder needs if this relay is killed after it shows an entry and before it notes that.

        Returns:
            Whether the entry may be shown now.
        """
        announced = desk.announced(entry)
        if not announced:
            return True
        if not self._ledger.note(announced, ()):
            self._let_go()
        return self._ledger.is_held()  # the lease may have ended while this was written

    def _show(self, desk: Desk, entry: Entry) -> bool:
        """Show an entry, and note that it is shown; return whether the desktop can be reached."""
        app, outgoing = desk.outgoing(entry)
        (result,) = self._transport(app).send([outgoing], self._ledger.deadline())
        self.shows[result.status] += 1
        if result.status in (SendStatus.RETRY, SendStatus.REFUSED):
            entry.requeue(0)
            self._failed(result)
            return False
        if self._failures:
            self._report(f"{self._settings.name} shows alerts again")
        self._failures = 0
        self._settled(result)
        self._note(desk.shown(entry, self._now()))
        return True

    def _settled(self, result: SendResult) -> None:
        """Report that the desktop refuses alerts, once until it shows one. A type that is disabled is no refusal."""
        is_refused = result.status is SendStatus.DROPPED and result.reason != DISABLED
        if is_refused and not self._refuses:
            self._report(f"{self._settings.name} does not take an alert: {result.hint or result.reason}")
        self._refuses = is_refused

    def _failed(self, result: SendResult) -> None:
        self._failures += 1
        if self._failures == 1:
            self._report(f"cannot show alerts on {self._settings.name}: {result.hint or result.reason}")

    def _note(self, shown: dict[str, str]) -> None:
        assert self._desk is not None
        caught_up, forgotten = self._desk.caught_up()
        if not shown and not caught_up:
            return
        if not self._ledger.note({**shown, **caught_up}, forgotten):
            self._let_go()

    def _transport(self, app: str) -> Transport:
        transport = self._transports.pop(app, None)
        if transport is None:
            transport = self._settings.make_transport(app)
            if len(self._transports) >= _MAX_APPS:
                self._transports.popitem(last=False)[1].close()
        self._transports[app] = transport
        return transport


_NEVER: Final = 2**62
"""A time in ms that never comes: asked for what has changed since then, the broker names no incident."""


@dataclass(frozen=True)
class ToServer:
    """Makes transports to one GNTP server. Two with the same server are equal, so that its desktop simply goes on."""

    destination: Destination

    def __call__(self, app: str) -> GNTPTransport:
        """Make the transport for one application, with the levels' own pictures."""
        return GNTPTransport(self.destination.client(), app, None, LevelMap(icons.default_styles()).events())


def relay_name() -> str:
    """Return a name for this relay that no other has."""
    return f"{os.uname().nodename if hasattr(os, 'uname') else 'relay'}-{os.getpid()}-{os.urandom(4).hex()}"
