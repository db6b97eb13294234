"""Checks of values that people write in configurations: types, ranges, and what a misspelt name may mean. Pure.

Every failure is an :class:`.errors.OptionError`.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, cast

from .errors import OptionError, shown

MAX_NUMBER: Final = 1_000_000
"""Eleven days, in seconds. Timeouts of sockets and locks cannot be arbitrarily long."""


def unknown(key: object, known: Collection[str], what: str = "key", *, prefix: str = "") -> str:
    """Say that a key is unknown, which one may be meant, and what is allowed.

    Args:
        what: What the error calls the key.
        prefix: What all of them begin with; it is left out of the comparison, because it makes all keys alike.
    """
    meant = nearest(str(key).removeprefix(prefix), [name.removeprefix(prefix) for name in known])
    hint = f" (did you mean {prefix + meant!r}?)" if meant else ""
    return f"unknown {what} {key!r}{hint}; allowed: {', '.join(known) or 'none, there is no such table'}"


def nearest(key: str, known: Collection[str]) -> str:
    """Return the allowed key that looks most like a given one; an empty string if none does."""
    import difflib  # needed only after a mistake

    by_folded = {name.casefold().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(key.casefold().replace("-", "_"), by_folded, 1, _NEAR)
    return by_folded[found[0]] if found else ""


_NEAR: Final = 0.7
"""Similarity from which a name is suggested; at difflib's own 0.6, ``rate`` would suggest ``formatter``."""


def text(option: str, value: object) -> str:
    """Check a string that must not be blank.

    Raises:
        OptionError: If the value is not a string, or blank.
    """
    if not isinstance(value, str) or not value.strip():
        raise OptionError(option, "a string that is not blank", value)
    return value


def boolean(option: str, value: object) -> bool:
    """Check a boolean.

    Raises:
        OptionError: If the value is not a boolean.
    """
    if not isinstance(value, bool):
        raise OptionError(option, "true or false", value)
    return value


def integer(option: str, value: object, low: int, high: int | None = None) -> int:
    """Check an integer.

    Args:
        low: The smallest allowed value.
        high: The largest allowed value; None for no bound.

    Raises:
        OptionError: If the value is not an integer, or out of range.
    """
    allowed = f"an integer from {low} to {high}" if high is not None else f"an integer of {low} or more"
    if type(value) is not int or value < low or (high is not None and value > high):
        raise OptionError(option, allowed, value)
    return value


def seconds(option: str, value: object, *, positive: bool) -> float:
    """Check a number of seconds; see :func:`number`.

    Raises:
        OptionError: If the value is not a number, or out of range.
    """
    return number(option, value, "a number of seconds", positive=positive)


def number(option: str, value: object, what: str = "a number", *, positive: bool = False) -> float:
    """Check a number that is not negative.

    Args:
        what: What the error says is allowed.
        positive: Whether zero is refused.

    Raises:
        OptionError: If the value is not a number, or out of range.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not 0 <= value <= MAX_NUMBER  # NaN is in no range
        or (positive and value == 0)
    ):
        raise OptionError(option, f"{what} {'above 0' if positive else 'from 0'} to {MAX_NUMBER}", value)
    return float(value)


def level_number(option: str, value: object) -> int:
    """Return the number of a level: a number, a number in a string, or a name that logging knows.

    Raises:
        OptionError: If the value is none of these.
    """
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str):
        if value.isdecimal():
            return int(value)
        number = logging.getLevelName(value.upper())
        if isinstance(number, int):
            return number
    meant = nearest(value, _LEVEL_NAMES) if isinstance(value, str) else ""
    allowed = "a level's number or name such as 40, '40' or 'ERROR'"
    reason = f"allowed is {allowed}, not {shown(value)}; did you mean {meant!r}?" if meant else ""
    raise OptionError(option, allowed, value, reason)


_LEVEL_NAMES: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def function(option: str, value: object) -> Callable[..., object] | None:
    """Return a function that is given itself, or as a dotted path, which is imported at once. None stays None.

    Raises:
        OptionError: If the value is neither, or cannot be imported.
    """
    if value is None or callable(value):
        return value
    allowed = "a function, or a dotted path to one such as 'shop.alerts.lost'"
    if not isinstance(value, str) or not re.fullmatch(r"\w+(\.\w+)+", value):
        raise OptionError(option, allowed, value)
    module_name, _, name = value.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except Exception as error:  # an application's module may raise anything, Django's AppRegistryNotReady for one
        raise OptionError(option, allowed, value, f"cannot import {value!r}: {error}") from error
    if not callable(found):
        raise OptionError(option, "a dotted path to a function", value)
    return cast("Callable[..., object]", found)


def to_plain_dict(option: str, table: object) -> dict[Any, Any]:
    """Copy a mapping into a dict, item by item: dictConfig's own dicts resolve ``ext://`` only when indexed.

    Raises:
        OptionError: If the value is not a mapping.
    """
    if not isinstance(table, Mapping):
        raise OptionError(option, "a mapping", table)
    return {key: table[key] for key in table}
