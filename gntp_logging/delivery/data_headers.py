"""What programs read from a notification: its ``Data-`` headers, and when it was logged. Pure: clocks are arguments."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gntp_logging.alerts.context import MACHINE, Pairs
from gntp_logging.alerts.fingerprint import incident

from .digest import Tally, clock_format
from .transport import OutgoingAlert

TIMESTAMP: Final = "Data-Timestamp"
COUNT: Final = "Data-Count"
LEVEL: Final = "Data-Level"
LOGGER: Final = "Data-Logger"
INCIDENT: Final = "Data-Incident"
PROCESS: Final = "Data-Process"
HOSTS: Final = "Data-Hosts"

_RESERVED: Final = frozenset(name.lower() for name in (TIMESTAMP, COUNT, LEVEL, LOGGER, INCIDENT, PROCESS, HOSTS))
"""Headers that no value of a context or of ``extra`` can set, because programs trust them."""


LATE: Final = 5.0
"""Seconds after which an alert says when it was logged."""


def data_headers(outgoing: OutgoingAlert, pid: int) -> list[tuple[str, str]]:
    """Return the headers for programs, and then those of the context.

    Args:
        outgoing: The alert. One that stands for alerts of several fingerprints has neither logger nor incident.
        pid: Number of this process.
    """
    alert, tallies = outgoing.alert, outgoing.tallies
    said = {
        TIMESTAMP: timestamp(max((tally.last for tally in tallies), default=alert.created)),
        COUNT: str(sum(tally.count for tally in tallies) or 1),
        LEVEL: alert.level_name,
        LOGGER: alert.logger,
        INCIDENT: outgoing.incident or (incident(str(alert.fingerprint)) if alert.fingerprint else ""),
        PROCESS: f"{dict(alert.context).get(MACHINE, '-')}:{pid}",
        HOSTS: str(outgoing.hosts or ""),
    }
    return [*((name, value) for name, value in said.items() if value), *context_headers(alert.context)]


def context_headers(pairs: Pairs) -> list[tuple[str, str]]:
    """Return a context as headers: ``Data-Task-Id`` for ``task_id``.

    A name without an ASCII letter or digit gets no header, nor does one that would make a header for programs. Of names
    that differ in case or punctuation only, the last counts.
    """
    named: dict[str, tuple[str, str]] = {}
    for name, value in pairs:
        words = re.findall("[A-Za-z0-9]+", name)
        header = "Data-" + "-".join(word[:1].upper() + word[1:] for word in words)
        if words and header.lower() not in _RESERVED:
            named[header.lower()] = (header, value)
    return list(named.values())


def timestamp(seconds: float) -> str:
    """Write a time in ISO 8601, with milliseconds and the offset of local time.

    Args:
        seconds: Since 1970.

    Returns:
        ``2026-11-28T04:25:10.123+00:00``; empty for a time that no calendar has, which a record may hold.
    """
    try:
        return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""


def when_logged(tallies: Sequence[Tally], now: float) -> str:
    """Say when an alert was logged that is shown late.

    Args:
        tallies: What the alert stands for. Several have their times in the text.
        now: Seconds since 1970.

    Returns:
        ``logged 04:18:36, 3 min before``, with the date when it is not today; empty for an alert that is shown at once.
    """
    if len(tallies) != 1 or tallies[0].count != 1 or not now - tallies[0].last > LATE:
        return ""
    try:
        logged, today = time.localtime(tallies[0].last), time.localtime(now)
    except (ValueError, OverflowError, OSError):
        return ""
    how = clock_format(today, logged)
    return f"logged {time.strftime(how, logged)}, {duration(now - tallies[0].last)} before"


def duration(seconds: float) -> str:
    """Write a number of seconds for people: ``12 s``, ``3 min``, ``2 h``; ``1 s`` for less than one."""
    if not seconds >= 1:
        return "1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
