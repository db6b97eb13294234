"""An alert as JSON, for what keeps it or carries it to another machine. Pure.

Version 1 is one object. ``v`` is the version; the other names are those of :class:`.alert.Alert`, except:

* ``fingerprint`` is the normalized one, a string; empty in a digest;
* ``url`` is what opens on a click, its values filled in; there are no parts of it;
* ``icon`` is a string for a path or a URL, and an object with ``base64`` for a picture's bytes;
* ``created`` is null where it is no finite number.

A reader ignores names that it does not know, so that a later release may add some, and takes what has a default when
its name is missing. Another version is an error.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .alert import Alert
from .fingerprint import normalized

VERSION: Final = 1

_LARGEST: Final = 2**53 - 1
"""The greatest integer that every reader of JSON takes unchanged; a greater level becomes this one."""


def to_json(alert: Alert) -> str:
    """Return an alert as JSON.

    Args:
        alert: The alert as it is sent: finished, without its secrets.

    Returns:
        One line of ASCII.
    """
    fields = alert._asdict()
    del fields["url_parts"], fields["draft"], fields["failures"]
    fields["url"] = alert.target()
    fields["level"] = _bounded(alert.level)
    fields["created"] = alert.created if math.isfinite(alert.created) else None
    fields["fingerprint"] = (alert.fingerprint and normalized(alert.fingerprint)) or ""
    if isinstance(alert.icon, bytes):
        fields["icon"] = {"base64": base64.b64encode(alert.icon).decode("ascii")}
    return json.dumps({"v": VERSION, **fields}, separators=(",", ":"))


def from_json(text: str | bytes) -> Alert:
    """Return the alert that JSON describes.

    Args:
        text: What :func:`to_json` of this release or another has returned, or anything at all.

    Returns:
        The alert.

    Raises:
        ValueError: If the text is no alert of version 1. The message names the field, and what is allowed.
    """
    try:
        found = json.loads(text)
    except RecursionError:  # nested a thousand times deep
        raise ValueError("an alert must be a JSON object, not one nested so deeply") from None
    except ValueError as error:  # includes UnicodeDecodeError
        raise ValueError(f"an alert must be a JSON object: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"an alert must be a JSON object, not {type(found).__name__}")  # noqa: TRY004 - a value's type
    if found.get("v") != VERSION or isinstance(found["v"], bool):
        raise ValueError(f"v must be {VERSION}, not {found.get('v')!r:.40}")
    values: dict[str, Any] = {}
    for name, field in _FIELDS.items():
        if name in found:
            try:
                values[name] = field.read(found[name])
            except (TypeError, ValueError):
                raise ValueError(f"{name} must be {field.allowed}, not {found[name]!r:.40}") from None
        elif name not in Alert._field_defaults:
            raise ValueError(f"{name} is missing; it must be {field.allowed}")
    return Alert(**values)


def _bounded(number: int) -> int:
    return max(-_LARGEST, min(number, _LARGEST))


# -- What each field may be ------------------------------------------------------------------------


class _Field(NamedTuple):
    allowed: str
    read: Callable[[object], object]  # raises TypeError or ValueError for what is not allowed


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return _bounded(value)


def _count(value: object) -> int:
    count = _integer(value)
    if count < 1:
        raise ValueError
    return count


def _priority(value: object) -> int:
    priority = _integer(value)
    if not -2 <= priority <= 2:
        raise ValueError
    return priority


def _seconds(value: object) -> float:
    if value is None:
        return math.nan
    if type(value) not in (int, float):
        raise TypeError
    assert isinstance(value, (int, float))
    return float(value) if abs(value) <= _LARGEST else math.nan


def _picture(value: object) -> str | bytes | None:
    if isinstance(value, Mapping):
        return base64.b64decode(_text(value.get("base64")), validate=True)
    return _text_or_none(value)


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple((_text(name), _text(text)) for name, text in value)


_TEXT: Final = _Field("a string", _text)
_FLAG: Final = _Field("true or false", _flag)
_FIELDS: Final[Mapping[str, _Field]] = {
    "level": _Field("an integer", _integer),
    "event": _TEXT,
    "priority": _Field("an integer from -2 to 2", _priority),
    "sticky": _FLAG,
    "title": _TEXT,
    "text": _TEXT,
    "icon": _Field("a string, null, or an object with base64", _picture),
    "url": _Field("a string or null", _text_or_none),
    "level_name": _TEXT,
    "created": _Field("seconds since 1970, or null", _seconds),
    "fingerprint": _TEXT,
    "context": _Field("a list of pairs of strings", _pairs),
    "exc_type": _TEXT,
    "logger": _TEXT,
    "count": _Field("an integer of 1 or more", _count),
}
