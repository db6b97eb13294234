"""One incident is one toast, also when several processes report it. Pure: the clock is an argument.

A sender that counts says with each notification how many records its Notification-Coalescing-ID stands for
(``Data-Count``), and what they have in common (``Data-Incident``). A toast's total is the sum over its ids. What comes
from senders that do not count passes as it is.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from .reactions import React
from .registry import Source, Toast

JOINING_TIME: Final = 600.0
"""Seconds after its last change for which a toast takes in what other processes report of its incident."""

MAX_IDS: Final = 2000
"""Ids that are known, of all toasts together: some 1 MB."""

MAX_IDS_OF_A_TOAST: Final = 1000
"""Ids of one toast: with one more, another toast is opened."""

MAX_KEPT: Final = 1 * 1024 * 1024
"""Bytes of URLs and names that toasts keep, of all together."""

_COUNT: Final = re.compile("[0-9]{1,12}")
_INCIDENT: Final = re.compile("[0-9a-f]{16}")
_COUNTED: Final = re.compile(r"([0-9][0-9,]*) × ")
"""How a title begins that has a count."""


class _Report(NamedTuple):
    """The counts and names that a notification has for programs, in its Data- headers.

    Attributes:
        records: Records that its id stands for.
        incident: What they have in common; empty for a digest.
        process: The process that sends it: machine and number.
        is_relays: Whether it comes from a relay, which has counted for all hosts.
    """

    records: int
    incident: str
    process: str
    is_relays: bool


@dataclass
class _Shown:
    """A toast that counts.

    Attributes:
        opener: The id that has opened it: only its notifications change more than count and text.
        coalescing_id: What displays know the toast by.
        name: Name of its type.
        url: What a click opens.
        sticky: Whether it stays.
        priority: The highest so far.
        react: Reports to the sender that has opened it.
        changed: When it changed last, in seconds of time.monotonic.
        sources: What its ids have reported.
        place: The key under which a new id finds it; None for a digest, which nothing joins.
        incident: What its reports have in common; empty for a digest.
    """

    opener: bytes
    coalescing_id: str
    name: str
    url: str
    sticky: bool
    priority: int
    react: React
    changed: float
    place: bytes | None
    incident: str
    sources: dict[bytes, Source] = field(default_factory=dict)

    def total(self) -> int:
        """Return how many records it stands for. If relays count, their count includes that of each process."""
        sources = self.sources.values()
        relayed = [source.records for source in sources if source.is_relays]
        return sum(relayed) if relayed else sum(source.records for source in sources)

    def size(self) -> int:
        """Return how many bytes its texts take."""
        return sum(map(sys.getsizeof, (self.coalescing_id, self.name, self.url)))


class Earlier(NamedTuple):
    """A toast of an earlier run.

    Attributes:
        toast: As it was shown last.
        age: Seconds since then.
        sources: Who has reported of it.
    """

    toast: Toast
    age: float
    sources: Sequence[Source]


class Incidents:
    """The toasts that count, the one that changed last at the end. Bounded: the oldest are forgotten."""

    def __init__(self, earlier: Iterable[Earlier] = (), now: float = 0.0) -> None:
        """Begin.

        Args:
            earlier: Toasts of an earlier run, the one that changed last at the end.
            now: The time, in seconds of time.monotonic.
        """
        self._toasts: OrderedDict[bytes, _Shown] = OrderedDict()  # by their openers
        self._by_id: dict[bytes, _Shown] = {}
        self._by_place: dict[bytes, _Shown] = {}
        self._size = 0
        for toast, age, sources in earlier:
            opener = _id(toast)
            if opener in self._toasts:  # it was forgotten, and opened another one
                self._forget(opener)
            shown = self._open(opener, _place(toast, toast.incident), toast.incident, toast, now - age)
            for source in sources:
                self._count(shown, source)
            self._forget_oldest()

    def joined(self, toast: Toast, now: float) -> Toast | None:
        """Return the toast to show for one that has come.

        An id that is known updates its toast. A new id joins the toast of its application, incident and security, if
        that changed in the last ten minutes; else it opens one.

        Args:
            now: The time, in seconds of time.monotonic.

        Returns:
            The toast, with the incident's count. The same toast if its sender does not count. None for the count of a
            relay that another relay has overtaken.
        """
        if not toast.coalescing_id:
            return toast
        id_ = _id(toast)
        shown = self._by_id.get(id_)
        known = shown.sources.get(id_) if shown is not None else None
        report = _report(toast.headers, known)
        if report is None:
            return toast
        place = _place(toast, report.incident)
        if report.is_relays and known is not None and report.records < known.records:
            return None
        if shown is None and place is not None:
            shown = self._joinable(place, now)
        if shown is None:
            shown = self._open(id_, place, report.incident, toast, now)
        self._take(shown, id_, toast, report, now)
        return _as_shown(shown, toast, report)

    def _joinable(self, place: bytes, now: float) -> _Shown | None:
        shown = self._by_place.get(place)
        if shown is None or now - shown.changed > JOINING_TIME or len(shown.sources) >= MAX_IDS_OF_A_TOAST:
            return None
        return shown

    def _open(self, id_: bytes, place: bytes | None, incident: str, toast: Toast, now: float) -> _Shown:
        shown = _Shown(
            id_, toast.coalescing_id, toast.name, toast.callback_url, toast.sticky, toast.priority, toast.react, now,
            place, incident,
        )  # fmt: skip
        self._toasts[id_] = shown
        self._size += shown.size()
        if place is not None:
            self._by_place[place] = shown
        return shown

    def _take(self, shown: _Shown, id_: bytes, toast: Toast, report: _Report, now: float) -> None:
        """Count what an id has reported."""
        known = shown.sources.get(id_)
        records = max(report.records, known.records if known else 0)
        machine = report.process.rpartition(":")[0]
        is_only = not shown.sources.keys() - {id_}
        source = Source(id_, records, _hash(report.process), _hash(machine), report.is_relays, is_only)
        self._count(shown, source)
        shown.changed = now
        self._toasts.move_to_end(shown.opener)
        if id_ == shown.opener:
            self._size -= shown.size()
            shown.name, shown.url, shown.react = toast.name, toast.callback_url, toast.react
            shown.sticky, shown.priority = toast.sticky, toast.priority
            self._size += shown.size()
        shown.priority = max(shown.priority, toast.priority)
        self._forget_oldest()

    def _count(self, shown: _Shown, source: Source) -> None:
        shown.sources[source.key] = source
        self._by_id[source.key] = shown

    def _forget_oldest(self) -> None:
        """Forget toasts until the others keep the bounds."""
        while (len(self._by_id) > MAX_IDS or self._size > MAX_KEPT) and len(self._toasts) > 1:
            self._forget(next(iter(self._toasts)))

    def _forget(self, opener: bytes) -> None:
        forgotten = self._toasts.pop(opener)
        self._size -= forgotten.size()
        for id_ in forgotten.sources:
            del self._by_id[id_]
        if forgotten.place is not None and self._by_place.get(forgotten.place) is forgotten:
            del self._by_place[forgotten.place]


def _report(headers: Mapping[str, str], known: Source | None) -> _Report | None:
    """Read what a sender reports in its Data- headers; None if it does not count.

    Args:
        known: What its id has reported before; used if the headers hold no valid count.
    """
    said = {name.lower(): value for name, value in headers.items()}
    count, incident = said.get("data-count", ""), said.get("data-incident", "")
    records = int(count) if _COUNT.fullmatch(count) else 0
    if not records and known is None:
        return None
    incident = incident if _INCIDENT.fullmatch(incident) else ""
    is_relays = "data-hosts" in said
    if known is not None and not records:
        records, is_relays = known.records, known.is_relays
    return _Report(records, incident, said.get("data-process", ""), is_relays)


def _as_shown(shown: _Shown, toast: Toast, report: _Report) -> Toast:
    """Return a toast with the count of its incident, and, if it has joined one, with what that one keeps."""
    total = shown.total()
    return replace(
        toast,
        title=_counted(toast.title, report.records, total) + _origin(shown),
        name=shown.name,
        priority=shown.priority,
        sticky=shown.sticky,
        coalescing_id=shown.coalescing_id,
        callback_url=shown.url,
        react=shown.react,
        incident=shown.incident,
        total=total,
        source=shown.sources[_id(toast)],
    )


def _counted(title: str, count: int, total: int) -> str:
    """Put the total into a title, in the place of the sender's own count."""
    if total == count:
        return title
    if count == 1:
        return f"{total:,} × {title}"
    found = _COUNTED.match(title)
    if found is None or found[1] not in (f"{count:,}", str(count)):
        return title
    return f"{total:,} × {title[found.end() :]}"


def _origin(shown: _Shown) -> str:
    """Say from how many processes and machines a toast's reports came, if there are several, and if that is known."""
    if any(source.is_relays for source in shown.sources.values()):
        return ""
    processes = len({source.process for source in shown.sources.values()})
    machines = len({source.machine for source in shown.sources.values()})
    if processes < 2:
        return ""
    return f", from {processes:,} processes" + (f" on {machines:,} machines" if machines > 1 else "")


def _id(toast: Toast) -> bytes:
    """Return what an id is known by: a stranger without the key cannot report of a toast that came with one."""
    return _digest(str(bool(toast.hash_)), toast.application, toast.coalescing_id)


def _place(toast: Toast, incident: str) -> bytes | None:
    return _digest(str(bool(toast.hash_)), toast.application, incident) if incident else None


def _hash(text: str) -> int:
    """Return a number that stands for a text, the same in each run: a history keeps it."""
    return int.from_bytes(_digest(text)[:8], "big", signed=True)


def _digest(*parts: str) -> bytes:
    """Return a short hash of some texts."""
    joined = "\0".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).digest()[:16]
