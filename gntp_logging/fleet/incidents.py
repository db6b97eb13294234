"""What the broker knows of an incident, and what a desktop is shown of it. Pure: the clock is an argument.

The broker counts by logger, machine and level; a desktop is shown the sum. The same classes decide about a desktop's
notifications as about a handler's: :class:`..delivery.flood.Flood` and its outbox. Here they use the broker's clock.

All times are in seconds of the broker's clock, unless stated otherwise.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.alert_json import from_json
from gntp_logging.alerts.context import MACHINE
from gntp_logging.alerts.fingerprint import Fingerprint
from gntp_logging.delivery.digest import Tally
from gntp_logging.delivery.dropped import DroppedAlerts
from gntp_logging.delivery.flood import Decision, Flood, RepeatGroup
from gntp_logging.delivery.outbox import DigestEntry, Entry, Outbox, SingleEntry
from gntp_logging.delivery.transport import OutgoingAlert

from .match import Match
from .scripts import REST

CAUGHT_UP: Final = "caught-up"
"""A name among a desktop's members. Its value: the desktop knows all incidents that ended up to this time, in ms."""

ANNOUNCED: Final = "announced"
"""A name among a desktop's members. Its value: by route, the digest that is about to be shown; until that is noted."""

_SEVERAL: Final = "gntp-logging relay"
"""The application of a digest that reports incidents of several applications."""


@dataclass(frozen=True)
class Incident:
    """One incident, from its opening to its end.

    Attributes:
        member: What the broker knows it by: ``INCIDENT:APPLICATION``.
        opening: ID of its first entry. It tells today's incident from yesterday's.
        count: How many records it has.
        hosts: On how many machines they were logged.
        first: When the first record came.
        last: When the newest record came.
        alert: The newest alert.
        routes: Indexes of the matches that count some of its records.
    """

    member: str
    opening: str
    count: int
    hosts: int
    first: float
    last: float
    alert: Alert
    routes: tuple[int, ...] = (0,)

    @property
    def id_(self) -> str:
        """The Coalescing-ID of its toast."""
        return f"{self.member.partition(':')[0]}-{self.opening}"

    @property
    def app(self) -> str:
        """The application's name."""
        return self.member.partition(":")[2]

    def tally(self, known: int = 0) -> Tally:
        """Return how often its alert came, beyond the records that are known already."""
        return Tally(self.alert, self.count - known, self.first, self.last)


def from_fields(member: str, fields: Mapping[str, str], matches: Sequence[Match] = (Match(),)) -> Incident | None:
    """Read an incident, or the part of it that a desktop is shown: a sum over logger, machine and level.

    Args:
        fields: The fields of its hash in Redis, see :mod:`.scripts`.
        matches: A record counts if one of them matches, and counts once if several do.

    Returns:
        The incident, with the newest alert of the records that count. None if no record counts, or if something is
        missing: perhaps a relay of a later release has written it.
    """
    try:
        slots = {_slot(name[1:]): (_order(id_), f"a{name[1:]}") for name, id_ in fields.items() if name[:1] == "i"}
        part = _part(fields, _candidates(member.partition(":")[2], fields, slots, matches))
        if not part.count:
            return None
        alert = from_json(fields[max(slots[slot] for slot in part.slots)[1]])
        return Incident(
            member,
            fields["opening"],
            part.count,
            len(part.machines - {REST}) or 1,
            int(fields["first"]) / 1000,
            int(fields["last"]) / 1000,
            _of(part.machines, alert)._replace(fingerprint=member),
            tuple(sorted(part.routes)),
        )
    except (LookupError, TypeError, ValueError):
        return None


_Slot = tuple[str, int | None]
"""Logger and level number of the records that share one kept alert. The level is None if an earlier release counted."""


def _slot(name: str) -> _Slot:
    try:
        logger, level = json.loads(name)
        return str(logger), int(level)
    except (TypeError, ValueError):
        return name, None


def _candidates(
    app: str, fields: Mapping[str, str], slots: Mapping[_Slot, tuple[object, str]], matches: Sequence[Match]
) -> dict[_Slot, list[tuple[int, Match]]]:
    """Return, by slot, the matches that hold if the machine is right, each with its index.

    A look may return ten thousand machines, but few slots. So all that needs no machine is checked once for each slot.
    """
    candidates = {}
    for (logger, level), (_, name) in slots.items():
        number = level if level is not None else from_json(fields[name]).level
        holding = (match.holds_somewhere(app, logger, number) for match in matches)
        candidates[logger, level] = [(index, matches[index]) for index, holds in enumerate(holding) if holds]
    return candidates


@dataclass
class _Part:
    """The part of an incident that counts.

    Attributes:
        count: How many records count.
        machines: The machines on which they were logged.
        slots: The slots of their alerts.
        routes: Indexes of the matches that count some of them.
    """

    count: int
    machines: set[str]
    slots: set[_Slot]
    routes: set[int]


def _part(fields: Mapping[str, str], candidates: Mapping[_Slot, Sequence[tuple[int, Match]]]) -> _Part:
    part = _Part(0, set(), set(), set())
    names = [name for name in fields if name[:1] == "n"]
    places = json.loads(f"[{','.join(name[1:] for name in names)}]")  # parsing all at once takes half the time
    for name, (logger, machine, *rest) in zip(names, places, strict=True):
        slot = (logger, rest[0] if rest else None)
        routes = [index for index, match in candidates[slot] if match.is_on(machine)]
        if routes:
            part.count += int(fields[name])
            part.machines.add(machine)
            part.slots.add(slot)
            part.routes.update(routes)
    return part


def _of(machines: Collection[str], alert: Alert) -> Alert:
    """Let an alert name the one machine that counts. The alert itself may come from a machine that does not count."""
    if len(machines) > 1:
        return alert
    (machine,) = machines
    named = ((MACHINE, machine),) if machine != REST else ()
    if not any(name == MACHINE and value != machine for name, value in alert.context):
        return alert
    return alert._replace(context=(*named, *(pair for pair in alert.context if pair[0] != MACHINE)))


def _order(id_: str) -> tuple[int, int]:
    ms, _, number = id_.partition("-")
    return int(ms), int(number)


@dataclass(frozen=True)
class Route:
    """Which incidents a desktop is shown, and how many of them.

    Attributes:
        match: What the records of these incidents must be like.
        repeat_window: Seconds of an incident's first window.
        burst: Incidents that may be shown at once.
        rate: Incidents a minute that may be shown after a burst; 0 for no cap.
    """

    match: Match
    repeat_window: float
    burst: int
    rate: float


@dataclass(frozen=True)
class DeskSettings:
    """Which incidents a desktop is shown, and when they end.

    Attributes:
        routes: An incident is shown if one of them matches. If several match, the first whose rate allows it shows the
            incident, with its own window. If no rate allows it, the digest of the first that matches reports it.
        quiet: Seconds without records after which an incident ends.
    """

    routes: tuple[Route, ...]
    quiet: float

    @property
    def matches(self) -> tuple[Match, ...]:
        """What the routes match."""
        return tuple(route.match for route in self.routes)


@dataclass
class _Known:
    """An incident that this desk knows of.

    Attributes:
        incident: The incident, as the broker has it at the last look.
        route: Index of the route that shows it, or whose digest reports it.
        decided: For how many of its records this desk has decided what is shown.
        shown: How many the desktop shows.
        digested: How many a digest has reported.
    """

    incident: Incident
    route: int
    decided: int = 0
    shown: int = 0
    digested: int = 0


class _Announced(NamedTuple):
    """A digest that a desktop is about to be shown. The next holder of the lease shows it again under the same id.

    Attributes:
        id_: Its Coalescing-ID.
        app: The application that shows it.
        openings: The openings of its open incidents, by member. Ended ones need none: it has all that are new.
    """

    id_: str
    app: str
    openings: dict[str, str]


class Desk:
    """Decides what one desktop is shown during one lease.

    Attributes:
        ended_until: It knows all incidents that ended up to this time, in ms.
    """

    def __init__(
        self, settings: DeskSettings, reported: Mapping[str, str], now: float, *, has_one_writer: bool = False
    ) -> None:
        """Go on where the last holder of the lease has stopped.

        Args:
            reported: What the desktop shows, by member, as :meth:`shown` has returned it. Empty for a new desktop: it
                is shown no incident that has ended before.
            has_one_writer: Whether the desktop shows no more than that, because no other process shows there.
        """
        self._settings = settings
        self._has_one_writer = has_one_writer
        members = reported.keys() - {CAUGHT_UP, ANNOUNCED}
        self._reported = {member: _read(reported[member]) for member in members}
        self._announced = _read_announced(reported.get(ANNOUNCED, ""), len(settings.routes))
        self._caught_up = _number(reported.get(CAUGHT_UP, ""))
        self._known: dict[str, _Known] = {}
        self.ended_until: int = self._caught_up if CAUGHT_UP in reported else int(now * 1000)
        self._sequence = itertools.count(1)
        self._outboxes = [self._make_outbox(route) for route in settings.routes]
        self._next_route = 0  # the route of the entry that was returned last

    def _make_outbox(self, route: Route) -> Outbox:
        flood = Flood(route.repeat_window, route.burst, route.rate)
        return Outbox(flood, DroppedAlerts(None, 1, _as_it_is), lambda: next(self._sequence))

    # -- What the broker counts ----------------------------------------------------------------

    def take(self, incident: Incident, now: float) -> None:
        """Decide about the new records of an open incident."""
        known = self._known.get(incident.member)
        if known is not None and known.incident.opening != incident.opening:
            self._forget(incident.member)
            known = None
        known = known or self._begin(incident, now)
        known.incident = incident
        if incident.count > known.decided:
            self._decide(known, now)

    def _begin(self, incident: Incident, now: float) -> _Known:
        """Know an incident from now on.

        If the desktop shows it already, it is shown once more, with its present count. That is left out if the count
        is the same, and no other process can have shown a different one.
        """
        member = incident.member
        known = self._known[member] = _Known(incident, incident.routes[0])
        before = self._reported.get(member, {})
        if before.get("opening") == incident.opening:
            known.shown, known.digested = int(before.get("shown", 0)), int(before.get("digested", 0))
            known.decided = known.digested
            if known.shown:
                known.decided = incident.count
                window = float(before.get("window", self._window(known)))
                flood = self._outbox(known).flood
                group = flood.reopen(member, incident.tally(), window, now)
                if known.shown < incident.count or not self._has_one_writer:
                    self._add(known, group, now)
                elif group is not None:
                    flood.mark_reported(group, incident.count, now)
        return known

    def _outbox(self, known: _Known) -> Outbox:
        return self._outboxes[known.route]

    def _window(self, known: _Known) -> float:
        return self._settings.routes[known.route].repeat_window

    def _decide(self, known: _Known, now: float) -> None:
        incident, outbox = known.incident, self._outbox(known)
        fresh = incident.tally(known.decided)
        known.decided = incident.count
        announced = self._announced_route(incident)
        if announced is not None:
            known.route = announced
            self._resume_digest(announced, incident.member, fresh, now)
            return
        if outbox.flood.absorb(incident.member, fresh, next(self._sequence)):
            return
        # After so many seconds without a record, a relay would have ended it. None was running: the digest reports it.
        for route in incident.routes if now <= incident.last + self._settings.quiet else ():
            flood = self._outboxes[route].flood
            decision, group = flood.offer(incident.alert, incident.member, next(self._sequence), now)
            if decision is not Decision.DIGEST:
                self._withdraw(known)
                known.route = route
                if group is not None:
                    group.count, group.first, group.last = incident.count, incident.first, incident.last
                self._add(known, group, now)
                return
        outbox.digest.wait_for_more(now)
        outbox.digest.current.take_in(incident.member, fresh, next(self._sequence))

    def _announced_route(self, incident: Incident) -> int | None:
        """Return the route whose digest the desktop may show already, with this incident in it; None if none has it."""
        for route, announced in self._announced.items():
            if announced.openings.get(incident.member) == incident.opening:
                return route
        return None

    def _resume_digest(self, route: int, name: Fingerprint, tally: Tally, now: float) -> None:
        """Let a route's next digest report records soon. If one was announced, the next one takes its id."""
        digest = self._outboxes[route].digest
        if route in self._announced and not digest.current.id_:
            digest.current.id_ = self._announced[route].id_
        digest.current.take_in(name, tally, next(self._sequence))
        digest.hurry(now)

    def _add(self, known: _Known, group: RepeatGroup | None, now: float) -> None:
        incident = known.incident
        ids = (incident.id_, incident.id_)
        outbox = self._outbox(known)
        entry = SingleEntry(outbox, next(self._sequence), now, incident.alert, incident.member, group, ids)
        outbox.lanes[incident.alert.priority + 2].append(entry)

    def take_ended(self, listed: Iterable[str], now: float) -> None:
        """Let a digest report those records of ended incidents that the desktop does not know.

        Args:
            listed: The incidents that have ended, in JSON, the newest first.
        """
        newest = self.ended_until
        for ended, incident in _ended(listed, self._settings.matches):
            if ended <= self.ended_until:
                break
            newest = max(newest, ended)
            if incident is not None:
                self._take_one_ended(incident, now)
        self.ended_until = newest

    def _take_one_ended(self, incident: Incident, now: float) -> None:
        known = self._known.get(incident.member)
        if known is not None and known.incident.opening == incident.opening:
            shown = known.shown + known.digested
            self._forget(incident.member)
            self._withdraw(known)
        else:
            before = self._reported.get(incident.member, {})
            is_same = before.get("opening") == incident.opening
            shown = int(before.get("shown", 0)) + int(before.get("digested", 0)) if is_same else 0
        if incident.count > shown:
            # The opening is part of its name there: a later incident of the same member may be in the same digest.
            name = _Ended(incident.member, incident.opening)
            tally = replace(incident, alert=incident.alert._replace(fingerprint=name)).tally(shown)
            announced = self._announced_route(incident)
            self._resume_digest(incident.routes[0] if announced is None else announced, name, tally, now)

    def _withdraw(self, known: _Known) -> None:
        """Take an incident out of the next digest, because something else reports it."""
        digest = self._outbox(known).digest.current
        tally = digest.tallies.pop(known.incident.member, None)
        if tally is not None:
            digest.count -= tally.count
            if not digest.count:
                digest.since = None

    def _forget(self, member: str) -> None:
        outbox = self._outbox(self._known.pop(member))
        for group in outbox.flood.groups():
            if group.fingerprint == member:
                outbox.flood.forget(group)
        for lane in outbox.lanes:
            for entry in [entry for entry in lane if entry.fingerprint == member]:
                lane.remove(entry)

    # -- What the desktop is shown -------------------------------------------------------------

    def next_entry(self, now: float) -> Entry | None:
        """Return the entry to show now. The caller shows it and calls :meth:`shown`, or calls its ``requeue``."""
        for route, outbox in enumerate(self._outboxes):
            self._hurry(outbox.flood, now)
            entry = outbox.next_entry(0, now)
            if entry is not None:
                entry.taken(now)
                self._next_route = route
                return entry
        return None

    def _hurry(self, flood: Flood, now: float) -> None:
        """Make sure that the desktop shows the exact count before the incident ends."""
        for group in flood.groups():
            if group.displayed_count and group.unreported and now >= group.last + self._settings.quiet / 2:
                flood.hurry(group)

    def announced(self, entry: Entry) -> dict[str, str]:
        """Return what must be written before an entry is shown: for a digest, its id and its incidents.

        For every other entry this is empty, because its id follows from its incident.
        """
        if not isinstance(entry, DigestEntry):
            return {}
        members = [known for known in map(_name, self._tallies(entry)) if isinstance(known, str)]
        openings = {member: self._known[member].incident.opening for member in members if member in self._known}
        announced = _Announced(entry.id_, self._app(entry), openings)
        return {ANNOUNCED: _announcement({**self._announced, self._next_route: announced})}

    def _app(self, entry: DigestEntry) -> str:
        """Return the application that shows a digest. It stays the same when the digest is shown again."""
        announced = self._announced.get(self._next_route)
        if announced is not None and announced.id_ == entry.id_:
            return announced.app
        apps = {_member(tally).partition(":")[2] for tally in entry.tallies()}
        return apps.pop() if len(apps) == 1 else _SEVERAL

    def outgoing(self, entry: Entry) -> tuple[str, OutgoingAlert]:
        """Return the application of an entry, and the notification."""
        alert = entry.compose(_as_it_is)
        tallies = self._tallies(entry)
        member = _member(tallies[0])
        if isinstance(entry, DigestEntry):
            return self._app(entry), OutgoingAlert(
                alert._replace(fingerprint=""),
                entry.id_,
                entry.id_,
                tallies=tallies,
                incident=member.partition(":")[0] if entry.records == 1 else "",
            )
        incident = self._known[member].incident
        count = sum(tally.count for tally in tallies)
        if incident.hosts > 1:
            context = tuple(pair for pair in alert.context if pair[0] != MACHINE)
            title = f"{alert.title}, on {incident.hosts:,} machines"
            alert = alert._replace(title=title, context=context)
        return incident.app, OutgoingAlert(
            alert._replace(fingerprint=""),
            f"{incident.id_}-{count}",
            incident.id_,
            tallies=tallies,
            incident=member.partition(":")[0],
            hosts=incident.hosts,
        )

    def _tallies(self, entry: Entry) -> Sequence[Tally]:
        """Return the tallies of an entry. One without a group (only 1,000 are kept) stands for all records so far."""
        if isinstance(entry, SingleEntry) and entry.group is None:
            return [self._known[str(entry.fingerprint)].incident.tally()]
        return entry.tallies()

    def shown(self, entry: Entry, now: float) -> dict[str, str]:
        """Note that the desktop shows an entry; return what must be written about that, by member."""
        tallies = self._tallies(entry)
        entry.shown(now)
        changed: dict[str, str] = {}
        for tally in tallies:
            known = self._known.get(str(tally.newest.fingerprint))
            if known is None:  # it has ended
                continue
            if isinstance(entry, DigestEntry):
                known.digested += tally.count
            else:
                known.shown, known.digested = tally.count, 0
            changed[known.incident.member] = self._written(known)
        self._reported.update({member: _read(text) for member, text in changed.items()})
        if isinstance(entry, DigestEntry):
            self._announced.pop(self._next_route, None)
            changed[ANNOUNCED] = _announcement(self._announced)
        return changed

    def _written(self, known: _Known) -> str:
        groups = {group.fingerprint: group for group in self._outbox(known).flood.groups()}
        group = groups.get(known.incident.member)
        said = {"opening": known.incident.opening, "shown": known.shown, "digested": known.digested}
        return json.dumps({**said, "window": group.window if group else self._window(known)})

    def caught_up(self) -> tuple[dict[str, str], list[str]]:
        """Return what to write once the desktop knows the incidents that have ended, and the members to forget.

        Both are empty while a digest waits: it may report some of these incidents.
        """
        forgotten = [member for member in self._reported if member not in self._known]
        is_waiting = any(outbox.digest.current.count for outbox in self._outboxes)
        if is_waiting or (self.ended_until == self._caught_up and not forgotten):
            return {}, []
        self._caught_up = self.ended_until
        for member in forgotten:
            del self._reported[member]
        return {CAUGHT_UP: str(self._caught_up)}, forgotten


class _Ended(NamedTuple):
    """The name that an incident that has ended has in a digest."""

    member: str
    opening: str


def _name(tally: Tally) -> object:
    return tally.newest.fingerprint


def _member(tally: Tally) -> str:
    name = _name(tally)
    return name.member if isinstance(name, _Ended) else str(name)


def _ended(listed: Iterable[str], matches: Sequence[Match]) -> Iterator[tuple[int, Incident | None]]:
    for text in listed:
        ended, _, rest = text.partition(" ")
        found = json.loads(rest)
        yield int(ended), from_fields(found["member"], found["fields"], matches)


def _read(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read_announced(text: str, routes: int) -> dict[int, _Announced]:
    """Read the announced digests by route; what another file of routes, or another release, has written is left out."""
    found = {}
    for route, said in _read(text).items():
        openings = said.get("openings") if isinstance(said, dict) else None
        if isinstance(openings, dict) and 0 <= (index := _number(route)) < routes:
            found[index] = _Announced(str(said.get("id_")), str(said.get("app")), openings)
    return found


def _announcement(announced: Mapping[int, _Announced]) -> str:
    return json.dumps({route: digest._asdict() for route, digest in announced.items()}) if announced else ""


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _as_it_is(alert: Alert) -> Alert:
    return alert
