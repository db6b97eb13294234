"""The number of each toast as people know it: an update has that of the toast whose place it takes.

A number is never given twice, also not after a restart: a page that stayed open would close another alert by it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from .registry import Toast

MAX_KNOWN: Final = 2000
"""Toasts with a Coalescing-ID whose numbers are known, by hashes: some 300 kB."""


def known_by(application: str, *, is_keyed: bool, coalescing_id: str) -> int:
    """Return the hash by which a toast's number is known.

    It depends on whether the toast came with a key, so that a stranger without the key cannot replace a toast.
    """
    return hash((application, is_keyed, coalescing_id))


class Numbers:
    """Gives numbers. The toasts that changed last are known; an update of another one counts as a new toast."""

    def __init__(self, last: int = 0, known: Iterable[tuple[int, int]] = ()) -> None:
        """Begin beyond all numbers that were given before.

        Args:
            last: The last number that a history knows.
            known: The hashes of a history's toasts, and their numbers; the one that changed last at the end.
        """
        # Milliseconds since 1970: greater than all numbers that were given before, even if no history remembers them,
        # or it forgot the last ones; unless a thousand toasts a second have come ever since.
        self._next = max(last + 1, int(time.time() * 1000))
        self._known: OrderedDict[int, int] = OrderedDict(known)

    def numbered(self, toast: Toast) -> Toast:
        """Return a toast with its number."""
        if not toast.coalescing_id:
            return replace(toast, number=self._new())
        key = known_by(toast.application, is_keyed=bool(toast.hash_), coalescing_id=toast.coalescing_id)
        number = self._known.pop(key, None) or self._new()
        self._known[key] = number
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return replace(toast, number=number)

    def _new(self) -> int:
        number = self._next
        self._next += 1
        return number
