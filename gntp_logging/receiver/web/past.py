"""What the page shows of the history. Each question opens the file anew, and reads one toast at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from gntp_logging.receiver.cuts import MAX_NAME
from gntp_logging.receiver.history_file import HistoryFile, KeptToast, Wanted
from gntp_logging.receiver.levels import LEVELS

from .messages import card as card_of

MAX_PART: Final = 50
"""Toasts of one answer."""

MAX_PART_BYTES: Final = 512 * 1024
"""Bytes after which an answer ends."""

_MAX_SEARCH: Final = 500
"""Characters of what is searched for."""


def wanted(query: Mapping[str, str]) -> Wanted:
    """Read what a page asks for.

    What was closed is only found by its words.

    Args:
        query: ``search``, ``application``, ``level`` (a number), and ``before`` (the end of the answer before).

    Raises:
        ValueError: If it cannot be read.
    """
    search, application = query.get("search", ""), query.get("application", "")
    least = int(query.get("level") or 0)
    if len(search) > _MAX_SEARCH or len(application) > MAX_NAME or least not in (0, *LEVELS.values()):
        raise ValueError("too long, or no level")
    changed, _, number = query.get("before", "").partition(",")
    below = (float(changed), int(number)) if changed else None
    if below is not None and not abs(below[1]) < 2**63:
        raise ValueError("no number of a toast")
    return Wanted(level=least, application=application, texts=search.split(), is_open=not search.strip(), below=below)


def part(path: str, asked: Wanted) -> dict[str, object]:
    """Return a part of the history, the last change first, and the value of ``before`` for the next part.

    Raises:
        OSError: If the history cannot be read.
    """
    toasts: list[dict[str, object]] = []
    size = 0
    following = ""
    with HistoryFile(path) as file:
        for kept in file.last(asked, MAX_PART + 1):
            if len(toasts) == MAX_PART or size > MAX_PART_BYTES:
                last = toasts[-1]
                following = f"{last['changed']!r},{last['number']}"
                break
            toasts.append(card(kept))
            size += len(json.dumps(toasts[-1], ensure_ascii=False).encode("utf-8", "replace"))
    return {"toasts": toasts, "before": following}


def open_ones(path: str, count: int) -> Iterator[KeptToast]:
    """Yield the toasts that nobody has closed, the last change first.

    Raises:
        OSError: If the history cannot be read.
    """
    with HistoryFile(path) as file:
        yield from file.last(Wanted(is_open=True), count)


def picture(path: str, id_: str, most: int) -> bytes | None:
    """Return the bytes of a picture; None if there is none with this id, or it has more than ``most`` bytes.

    Raises:
        OSError: If the history cannot be read.
    """
    with HistoryFile(path) as file:
        return file.picture(id_, most)


def card(kept: KeptToast) -> dict[str, object]:
    """Return what a page gets of a toast of the history."""
    toast = replace(kept.toast, arrived=kept.changed)
    return {**card_of(toast, kept.picture, kept.toast.arrived), "closed": kept.is_closed}
