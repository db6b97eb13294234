"""What pages get, and what they send: JSON. Pure.

Texts of peers are readable then: control characters, and those that turn a text around, have a visible form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gntp_logging.gntp.models import is_web_url
from gntp_logging.receiver.cuts import MAX_NAME, cut
from gntp_logging.receiver.levels import level
from gntp_logging.receiver.mutes import HOUR, Muted, is_incident, tomorrow
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.terminal_text import readable

MAX_TITLE: Final = 2000
MAX_TEXT: Final = 20_000
"""Characters of a title or a URL, and of a text. A page shows no more."""

MAX_NUMBERS: Final = 300
"""Toasts to which a page reacts with one request."""

MAX_BODY: Final = 8 * 1024
"""Bytes of one request of a page: numbers of sixteen digits, and a word."""

_MACHINES: Final = ("data-machine", "origin-machine-name")
"""Headers that name a sender's machine, the more trusted one first."""

_TOLD: Final = frozenset({*_MACHINES, "data-level"})
"""Headers that pages get."""


def event(message: object) -> bytes:
    """Return a message to the pages as an event of their stream."""
    return b"data: " + json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"


def card(toast: Toast, picture: str, first: float) -> dict[str, object]:
    """Return what a page gets of a toast.

    Args:
        picture: Identifier of its picture; empty for none.
        first: When it was opened, in seconds since 1970.
    """
    url = toast.callback_url
    return {
        "number": toast.number,
        "application": readable(toast.application),
        "name": readable(toast.name),
        "title": readable(cut(toast.title, MAX_TITLE)),
        "text": readable(cut(toast.text, MAX_TEXT)),
        "level": level(toast),
        "sticky": toast.sticky,
        "url": url if is_web_url(url) and len(url) <= MAX_TITLE else "",
        "first": first,
        "changed": toast.arrived,
        "total": toast.total,
        "incident": toast.incident,
        "machine": readable(_machine(toast.headers) or toast.peer),
        "picture": picture,
        "security": toast.encryption or ("signed" if toast.hash_ else ""),
    }


def cut_toast(toast: Toast) -> Toast:
    """Return a toast with only those parts that pages get."""
    headers = {name: cut(value, MAX_NAME) for name, value in toast.headers.items() if name.lower() in _TOLD}
    return replace(toast, title=cut(toast.title, MAX_TITLE), text=cut(toast.text, MAX_TEXT), headers=headers)


def _machine(headers: Mapping[str, str]) -> str:
    said = {name.lower(): value for name, value in headers.items()}
    return cut(next((said[name] for name in _MACHINES if said.get(name)), ""), MAX_NAME)


def reaction(body: bytes) -> tuple[list[int], Reaction]:
    """Read a reaction, and the numbers of its toasts.

    Raises:
        ValueError: If the body is anything else.
        RecursionError: If it is nested too deeply to be read.
    """
    given = _object(body)
    numbers = given.get("numbers")
    if not isinstance(numbers, list) or not 0 < len(numbers) <= MAX_NUMBERS:
        raise ValueError("no numbers")
    if not all(type(number) is int and 0 < number < 2**63 for number in numbers):  # True is an int to isinstance
        raise ValueError("no number of a toast")
    said = Reaction(given.get("reaction"))
    if said is Reaction.TIMED_OUT:
        raise ValueError("only the server says that a toast has timed out")
    return numbers, said


def mute(body: bytes, now: float) -> Muted:
    """Read for how long an incident is to be muted.

    Args:
        now: The time, in seconds since 1970.

    Raises:
        ValueError: If the body is anything else.
        RecursionError: If it is nested too deeply to be read.
    """
    given = _object(body)
    application, incident, until = given.get("application"), given.get("incident"), given.get("until")
    times = {"hour": now + HOUR, "tomorrow": tomorrow(now), "now": now}
    if not isinstance(application, str) or len(application) > MAX_NAME or not is_incident(incident):
        raise ValueError("no incident")
    if not isinstance(until, str) or until not in times:
        raise ValueError("no time")
    return Muted(application, str(incident), times[until])


def _object(body: bytes) -> Mapping[str, Any]:
    given = json.loads(body.decode("utf-8"))  # of bytes, it would guess the encoding
    if not isinstance(given, dict):
        raise ValueError("no object")  # noqa: TRY004 - its callers answer one error
    return given


def icon(unread: str) -> str:
    """Return the page's icon, a bell, with the number of unread alerts: SVG.

    Args:
        unread: What the page asks for; anything but a number is none.
    """
    count = int(unread) if unread.isascii() and unread.isdigit() and len(unread) < 6 else 0
    badge = "" if not count else _BADGE.format(text=count if count < 10 else "9+", size=36 if count < 10 else 28)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">{_BELL}{badge}</svg>'


_BELL: Final = (
    '<path fill="#2563eb" d="M32 4a6 6 0 0 1 6 6v1.5A19 19 0 0 1 51 30v12l6 8v3H7v-3l6-8V30a19 19 0 0 1 13-18.5V10a6 6'
    ' 0 0 1 6-6zM24 56h16a8 8 0 0 1-16 0z"/>'
)
_BADGE: Final = (
    '<circle cx="42" cy="42" r="22" fill="#b91c1c"/><text x="42" y="54" fill="#fff" font-family="sans-serif"'
    ' font-weight="700" font-size="{size}" text-anchor="middle">{text}</text>'
)
