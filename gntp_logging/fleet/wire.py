"""What a host publishes, as bytes: one incident's records since its last acknowledgement. Pure.

An entry of the stream has two fields: ``d``, JSON of ASCII, and ``s``, the HMAC-SHA256 of those bytes with a key of the
fleet, in hexadecimal digits; empty if the fleet has no key. Version 1 of the JSON is one object::

    {"v": 1, "app": "shop", "machine": "web-7", "count": 812, "first": 2.5, "last": 0.01, "incident": "0f3c...",
     "alert": {...}}

``first`` and ``last`` are how many seconds ago the first and the last of them were logged, when the entry was sent:
seconds that have passed are the same by all clocks. ``alert`` is what :mod:`..alerts.alert_json` writes, the newest of
them, without picture and fingerprint. A reader ignores names that it does not know, so that a later release may add
some. Another version is an error.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.alert_json import from_json, to_json
from gntp_logging.alerts.fingerprint import incident

VERSION: Final = 1

MAX_SIZE: Final = 16 * 1024
"""Bytes of one entry's JSON. A publisher cuts what is longer, a reader sets it aside."""

DATA: Final = b"d"
SIGNATURE: Final = b"s"
"""The names of the fields."""

_MAX_NAME: Final = 200
"""Characters of an application's and of a machine's name."""

_MAX_COUNT: Final = 10**9
"""Records in one report. With this bound, no sum exceeds what Redis can count."""

_LONGEST_AGO: Final = 7 * 86_400.0
"""Seconds: older records count as a week old, because a host's clock may have jumped."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_INCIDENT: Final = re.compile("[0-9a-f]{16}")


class WireError(ValueError):
    """An entry that cannot be counted; the text says why, and quotes nothing of it."""


@dataclass(frozen=True)
class Report:
    """What one host reports of one incident.

    Attributes:
        app: The application's name.
        machine: The host.
        count: Records since its last report.
        first: How many seconds ago the first of them was logged.
        last: How many seconds ago the last of them was.
        incident: The incident's name: :func:`..alerts.fingerprint.incident` of the records' fingerprint.
        alert: The newest of them.
    """

    app: str
    machine: str
    count: int
    first: float
    last: float
    incident: str
    alert: Alert

    @classmethod
    def of(cls, app: str, machine: str, count: int, alert: Alert, first: float = 0.0, last: float = 0.0) -> Report:
        """Make a report of an alert that is finished, and has a normalized fingerprint."""
        app, machine = (name[:_MAX_NAME].encode("utf-8", "replace").decode("utf-8") for name in (app, machine))
        last = _ago(last)
        return cls(app, machine, count, max(_ago(first), last), last, incident(str(alert.fingerprint)), alert)


def encode(report: Report, key: bytes | None) -> dict[bytes, bytes]:
    """Return the fields of the entry that carries a report.

    Args:
        key: Signs it; None leaves it unsigned.
    """
    data = _data(replace(report, alert=report.alert._replace(icon=None, fingerprint="")))
    if len(data) > MAX_SIZE:
        data = _data(_shortened(report))
    return {DATA: data, SIGNATURE: _signature(data, key) if key else b""}


def _shortened(report: Report) -> Report:
    """Return a report whose alert is cut so that it fits, even if each character takes two escapes of six bytes."""
    alert = report.alert
    return replace(
        report,
        app=report.app[:50],
        machine=report.machine[:50],
        alert=alert._replace(
            title=alert.title[:200],
            text=alert.text[:600],
            event=alert.event[:50],
            level_name=alert.level_name[:30],
            fingerprint="",
            logger=alert.logger[:100],
            context=(),
            url=None,
            url_parts=(),
            icon=None,
        ),
    )


def _data(report: Report) -> bytes:
    fields = {
        "v": VERSION,
        "app": report.app,
        "machine": report.machine,
        "count": report.count,
        "first": report.first,
        "last": report.last,
        "incident": report.incident,
        "alert": json.loads(to_json(report.alert)),
    }
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _signature(data: bytes, key: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).hexdigest().encode("ascii")


def decode(fields: Mapping[bytes, bytes], keys: Sequence[bytes]) -> Report:
    """Return the report that an entry carries. Anybody may have added the entry.

    Args:
        fields: The entry's fields.
        keys: The keys of the fleet; without any, the signature is not checked.

    Raises:
        WireError: If the entry carries no report, or one that none of the keys has signed.
    """
    # Size first, then signature, then JSON: nothing large is read, and nothing unsigned is parsed.
    size = sum(len(name) + len(value) for name, value in fields.items())
    if size > MAX_SIZE + 1024:
        raise WireError(f"an entry of {size:,} bytes; allowed are {MAX_SIZE:,}")
    data = fields.get(DATA, b"")
    if keys and not _is_signed(data, fields.get(SIGNATURE, b""), keys):
        raise WireError("not signed with a key of the fleet")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireError(f"no JSON: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise WireError("no JSON object")
    version = found.get("v")
    if type(version) is not int or version != VERSION:  # True == 1
        raise WireError(f"version {version!r:.20}; this relay knows {VERSION}")
    return _report(found)


def _is_signed(data: bytes, signature: bytes, keys: Iterable[bytes]) -> bool:
    return any(hmac.compare_digest(_signature(data, key), signature) for key in keys)


def _report(found: dict[str, Any]) -> Report:
    app, machine = (_name(found, field) for field in ("app", "machine"))
    count = found.get("count")
    if type(count) is not int or not 0 < count <= _MAX_COUNT:
        raise WireError("count must be an integer above 0")
    known = found.get("incident")
    if type(known) is not str or not _INCIDENT.fullmatch(known):
        raise WireError("incident must be 16 hexadecimal digits")
    try:
        alert = from_json(json.dumps(found.get("alert")))
    except (ValueError, RecursionError) as error:
        raise WireError(f"alert: {str(error)[:40]}") from None
    if not (alert.event.strip() and alert.title.strip()):  # no GNTP server takes it
        raise WireError("alert: event and title must not be blank")
    logger = alert.logger.encode("utf-8", "replace").decode("utf-8")  # JSON may hold a lone surrogate
    first, last = (_seconds(found, field) for field in ("first", "last"))
    return Report(app, machine, count, max(first, last), last, known, alert._replace(logger=logger))


def _seconds(found: Mapping[str, object], field: str) -> float:
    seconds = found.get(field, 0.0)
    if type(seconds) not in (int, float):
        raise WireError(f"{field} must be a number of seconds")
    assert isinstance(seconds, (int, float))
    return _ago(seconds)


def _ago(seconds: float) -> float:
    """Bound seconds to what can have passed: clocks step back, and records may hold any time."""
    return round(max(0.0, min(float(seconds), _LONGEST_AGO)), 3) if abs(seconds) < math.inf else 0.0


def _name(found: Mapping[str, object], field: str) -> str:
    name = found.get(field)
    if type(name) is not str or not name.strip() or len(name) > _MAX_NAME or _SURROGATE.search(name):
        raise WireError(f"{field} must be a string of 1 to {_MAX_NAME} characters that is not blank")
    return name
