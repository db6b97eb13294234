"""Incidents that call nobody for a while: they are counted, kept and listed as before. The clock is an argument."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from .terminal_text import readable

MAX_MUTED: Final = 200
"""Incidents that are muted at a time; with one more, the one that would end first calls again."""

MORNING: Final = 8
"""Hour at which *tomorrow* begins: midnight would call at night what was muted in the evening."""

HOUR: Final = 3600.0

_INCIDENT: Final = re.compile("[0-9a-f]{16}")


class Muted(NamedTuple):
    """What is muted: an incident of an application, until a time in seconds since 1970."""

    application: str
    incident: str
    until: float


Mute = Callable[[Muted], None]
"""Mutes an incident; a time that has passed unmutes it. May be called from any thread."""


class Mutes:
    """The incidents that are muted."""

    def __init__(self) -> None:
        """Begin with none."""
        self._until: dict[tuple[str, str], float] = {}

    def add(self, muted: Muted, now: float) -> None:
        """Mute an incident until its time; that replaces an earlier time.

        Args:
            now: The time, in seconds since 1970; an earlier end unmutes the incident.
        """
        self._forget_ended(now)
        key = _key(muted.application, muted.incident)
        self._until.pop(key, None)
        if muted.until > now:
            self._until[key] = muted.until
        while len(self._until) > MAX_MUTED:
            del self._until[min(self._until, key=self._until.__getitem__)]

    def is_muted(self, application: str, incident: str, now: float) -> bool:
        """Tell whether an incident calls nobody at the moment."""
        return self._until.get(_key(application, incident), now) > now

    def all(self, now: float) -> list[Muted]:
        """Return what is muted at the moment."""
        self._forget_ended(now)
        return [Muted(*key, until) for key, until in self._until.items()]

    def _forget_ended(self, now: float) -> None:
        for key in [key for key, until in self._until.items() if until <= now]:
            del self._until[key]


def _key(application: str, incident: str) -> tuple[str, str]:
    return readable(application), incident  # the page sends the name as it was shown


def is_incident(text: object) -> bool:
    """Tell whether a text names an incident, as senders write it."""
    return isinstance(text, str) and _INCIDENT.fullmatch(text) is not None


def tomorrow(now: float) -> float:
    """Return when tomorrow begins, for people: at eight in the morning, local time."""
    year, month, day = time.localtime(now)[:3]
    return time.mktime((year, month, day + 1, MORNING, 0, 0, 0, 0, -1))
