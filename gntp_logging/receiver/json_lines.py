"""The display for scripts: each event is one JSON object on a line of its own.

Every object has ``event``. All other texts are strings, ``""`` if there is nothing; bytes are counted and hashed, never
written. A ``time`` is when it arrived: ISO 8601, with milliseconds and the offset of local time.

* ``listening``: ``host``, ``port``.
* ``notify``: ``application``, ``name`` (the type), ``title``, ``text``, ``priority`` (-2 to 2), ``sticky``, ``id``,
  ``coalescing_id``, ``callback_url``, ``icon`` (``{"bytes": n, "sha256": hex}``, ``{"url": text}`` or null),
  ``headers`` (all of them, as sent), ``encryption`` (AES, 3DES, DES or TLS), ``hash`` (MD5, SHA1, SHA256,
  SHA384 or SHA512), ``peer``, ``time``, ``incident`` (``Data-Incident``), ``total`` (records that the toast stands
  for, with those that other processes have reported).
* ``register``: ``application``, ``icon``, ``notifications`` (a list, each with ``name``, ``display_name``, ``enabled``
  and ``icon``), ``headers``, ``encryption``, ``hash``, ``peer``.
* ``subscribe``: ``id``, ``name``, ``port``, ``ttl`` (seconds), ``encryption``, ``hash``, ``peer``.
* ``muted``: ``application``, ``incident``, ``until`` (seconds since 1970; a time that has passed ends it).
* ``error``: ``code``, ``description``, ``peer``: a request that was refused.
* ``failure``: ``display``, ``reason``, ``count``: how often a display could not show something, until now.
* ``lost``: ``id``, ``peer``, ``reason``, ``count``: how many messages did not reach a subscriber, until now.

Each display, or each target of Apprise, has one ``failure``, and each subscriber one ``lost``, in a minute at most.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TextIO

from gntp_logging.gntp.models import Event, Resource

from .output import Output
from .protocols import Notice
from .registry import Toast


def notify_fields(toast: Toast) -> dict[str, object]:
    """Return a toast as the event ``notify``."""
    return {
        "event": "notify",
        "application": toast.application,
        "name": toast.name,
        "title": toast.title,
        "text": toast.text,
        "priority": toast.priority,
        "sticky": toast.sticky,
        "id": toast.id_,
        "coalescing_id": toast.coalescing_id,
        "callback_url": toast.callback_url,
        "icon": _icon(toast.icon),
        "headers": toast.headers,
        "encryption": toast.encryption,
        "hash": toast.hash_,
        "peer": toast.peer,
        "time": iso_time(toast.arrived),
        "incident": toast.incident,
        "total": toast.total,
    }


def iso_time(seconds: float) -> str:
    """Write a time, in seconds since 1970, in ISO 8601 with milliseconds and the offset of local time."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")


class JsonDisplay:
    """Writes each event as a line of JSON, in ASCII, and flushes it at once."""

    def __init__(self, stream: TextIO) -> None:
        """Keep the stream to write to."""
        self._stream = stream

    def report_failures(self, to: Callable[[Exception], None]) -> None:
        """Call ``to`` with each failure, if a thread writes to the stream."""
        if isinstance(self._stream, Output):
            self._stream.report_failures(to)

    def show(self, toast: Toast) -> None:
        """Write a toast."""
        self._write(notify_fields(toast))

    def notice(self, notice: Notice) -> None:
        """Write an event."""
        fields = dict(notice.fields)
        if "icon" in fields:
            fields["icon"] = _icon(fields["icon"])
        self._write({"event": notice.event, **fields})

    def _write(self, fields: Mapping[str, object]) -> None:
        self._stream.write(json.dumps(fields, default=_plain) + "\n")
        self._stream.flush()


def _plain(value: object) -> object:
    """Convert a value for which JSON has no form."""
    if isinstance(value, Event):
        name, icon = value.name, _icon(value.icon)
        return {"name": name, "display_name": value.display_name or "", "enabled": value.enabled, "icon": icon}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _icon(icon: object) -> dict[str, object] | None:
    """Describe a picture."""
    if isinstance(icon, Resource) and icon.data is not None:
        return {"bytes": len(icon.data), "sha256": icon.unique_id()}
    url = icon.url if isinstance(icon, Resource) else icon
    return {"url": url} if url else None
