"""Shows values that programs log: numbers, dates, paths, members of enumerations, and lists and dictionaries of them.

Pure, and it runs no code but Python's own: a value is known by its type, and read with methods of the known type that
it is derived from. A value of any other type is left out. A module that was not imported has made no values.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import functools
import itertools
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final

_MAX_ITEMS: Final = 10
"""Items of a list or a dictionary that are shown; the others are counted."""

_MAX_DEPTH: Final = 4
"""Levels of lists in lists that are shown; the items of deeper ones are counted."""

_MAX_SHOWN: Final = 100
"""Items that are shown of all levels together."""

_MAX_DIGITS: Final = 1000
"""Digits of an integer; Python refuses to print thousands of them."""

_MAX_TEXT: Final = 4096
"""Characters of a text in a list."""


def shown(value: object) -> str | None:
    """Return a value as text; None if it is of a foreign type, whose code would run."""
    text = _plain(value, type(value))
    return _Container(_MAX_ITEMS).shown(value, 0) if text is None else text


def shown_items(items: Collection[tuple[object, object]]) -> str:
    """Return names and values in one line: ``order: 4711, user: 'ann'``."""
    return _Container(_MAX_SHOWN).items(items, len(items), 0, name_of)


def described(value: object) -> str:
    """Return a value as Python writes it, one of a foreign type by the type's name."""
    return _Container(_MAX_ITEMS).item(value, 0)


def name_of(key: object) -> str:
    """Return a dictionary's key as text; what is no word is quoted."""
    text = described(key)
    return text[1:-1] if _WORD.fullmatch(text) else text


_WORD: Final = re.compile(r"'[\w.-]+'")


def _plain(value: Any, kind: type) -> str | None:
    """Return a value that holds no others as text."""
    if issubclass(kind, enum.Enum):
        return _member(value, kind)
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        return _integer(value)
    if issubclass(kind, float):
        return float.__repr__(value)
    if issubclass(kind, dt.datetime):
        return _moment(value, dt.datetime)
    if issubclass(kind, dt.time):
        return _moment(value, dt.time)
    if issubclass(kind, dt.date):
        return dt.date.isoformat(value)
    if issubclass(kind, dt.timedelta):
        return dt.timedelta.__str__(value)
    decimal: Any = getattr(sys.modules.get("decimal"), "Decimal", None)
    if decimal is not None and issubclass(kind, decimal):
        return str(decimal.__str__(value))
    # Compared by identity: a type may be the instance of one that has its own __eq__ and __hash__.
    return str(value) if any(kind is known for known in _types(tuple(map(sys.modules.get, _MODULES)))) else None


def _integer(value: int) -> str:
    if type(value) is bool:
        return str(value)
    bits = int.bit_length(value)
    return int.__repr__(value) if bits < 3 * _MAX_DIGITS else f"an integer of {bits:,} bits"


def _member(value: enum.Enum, kind: type) -> str | None:
    """Return a member of an enumeration of texts or numbers by its value, any other by its name."""
    for base in (str, int, float):
        if issubclass(kind, base) and not issubclass(kind, enum.Flag):
            return _plain(value, base)
    attributes = enum.Enum.__dict__["__dict__"].__get__(value)
    name = attributes.get("_name_")
    return name if type(name) is str else shown(attributes.get("_value_"))


def _moment(value: Any, base: Any) -> str:  # a type whose constructor takes what its attributes hold
    """Return a date with a time, or a time; without its zone where that is of a foreign type."""
    held = {name: getattr(base, name).__get__(value) for name in _OF_MOMENT if hasattr(base, name)}
    zones = (type(None), dt.timezone, getattr(sys.modules.get("zoneinfo"), "ZoneInfo", None))
    if not any(type(held["tzinfo"]) is zone for zone in zones):
        held["tzinfo"] = None
    return str(base(**held))


_OF_MOMENT: Final = ("year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold")


_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "uuid": ("UUID",),
    "pathlib": ("PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath"),
    "ipaddress": (
        "IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network", "IPv4Interface", "IPv6Interface",
    ),
}  # fmt: skip


@functools.lru_cache(maxsize=16)
def _types(modules: tuple[ModuleType | None, ...]) -> tuple[type, ...]:
    """Return the types that are printed by their own ``str``, of the modules that are imported."""
    named = zip(modules, _MODULES.values(), strict=True)
    found = (getattr(module, name, None) for module, names in named for name in names)
    return tuple(kind for kind in found if kind is not None)


def _foreign(kind: type) -> str:
    """Return a type's name; to ask the type itself would run its metaclass."""
    return f"<{type.__dict__['__name__'].__get__(kind)}>"


class _Container:
    """Prints lists and dictionaries as Python does, but of what is long or deep the first items and a count."""

    def __init__(self, max_items: int) -> None:
        self._max_items = max_items
        self._left = _MAX_SHOWN

    def shown(self, value: Any, depth: int) -> str | None:
        """Return a dictionary, or a collection such as a list, as a text; None for any other value."""
        kind = type(value)
        if issubclass(kind, dict):
            return f"{{{self.items(dict.items(value), dict.__len__(value), depth, described)}}}"
        for base, begin, end in _BRACKETS:
            if issubclass(kind, base):
                texts = (self.item(item, depth + 1) for item in base.__iter__(value))
                return f"{begin}{self._joined(texts, base.__len__(value), depth)}{end}"
        return None

    def items(
        self, items: Iterable[tuple[object, object]], size: int, depth: int, name: Callable[[object], str]
    ) -> str:
        texts = (f"{name(key)}: {self.item(value, depth + 1)}" for key, value in items)
        return self._joined(texts, size, depth)

    def item(self, value: Any, depth: int) -> str:
        """Return a value as it stands in a dictionary or a list."""
        kind = type(value)
        if value is None:
            return "None"
        if issubclass(kind, str) and not issubclass(kind, enum.Enum):
            return repr(str.__str__(value)[:_MAX_TEXT])
        text = _plain(value, kind)
        if text is None:
            text = self.shown(value, depth)
        return _foreign(kind) if text is None else text

    def _joined(self, texts: Iterator[str], size: int, depth: int) -> str:
        wanted = min(self._max_items, self._left) if depth < _MAX_DEPTH else 0
        self._left -= min(wanted, size)
        shown: list[str] = []
        with contextlib.suppress(RuntimeError):  # another thread changes it meanwhile
            shown.extend(itertools.islice(texts, wanted))
        return ", ".join([*shown, *([f"+{size - len(shown):,}"] if size > len(shown) else [])])


_BRACKETS: Final[tuple[tuple[Any, str, str], ...]] = (
    (list, "[", "]"), (tuple, "(", ")"), (set, "{", "}"), (frozenset, "{", "}"),
)  # fmt: skip
