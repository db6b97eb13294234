"""The level of a toast, in logging's words: what its sender says, else what its priority stands for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .registry import Toast  # loads asyncio, which the command line does not need for the names of the levels

LEVELS: Final[Mapping[str, int]] = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
"""Logging's levels and their numbers, the lowest first."""

_LEVEL_OF_PRIORITY: Final = dict(zip(range(-2, 3), LEVELS.values(), strict=True))


def level(toast: Toast) -> int:
    """Return the number of a toast's level.

    A level of a program's own has the priority of the standard one below it, so that its priority is enough.
    """
    return LEVELS.get(_said(toast).upper()) or _LEVEL_OF_PRIORITY[toast.priority]


def level_name(toast: Toast) -> str:
    """Return the name of a toast's level: as its sender says, also a name of its own; untrusted text."""
    return _said(toast) or next(name for name, number in LEVELS.items() if number == level(toast))


def _said(toast: Toast) -> str:
    return next((value for name, value in toast.headers.items() if name.lower() == "data-level"), "").strip()
