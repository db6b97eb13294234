"""Which of a fleet's records a route or a laptop shows: :class:`Match`, and how people write one. Pure.

In relay.toml a match is a table; on a command line it is pieces such as ``logger=shop.*``. Every failure is an
:class:`..options.errors.OptionError`.
"""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gntp_logging.alerts.text import one_line
from gntp_logging.options import checks
from gntp_logging.options.errors import OptionError

KEYS: Final = ("app", "logger", "level", "machine")

_GLOB: Final = "a glob over the whole name such as 'shop.*', with *, ? and [...]"
_LEVEL: Final = "a level's number or name such as 40 or 'ERROR', from which on it matches"
_PIECE: Final = f"KEY=VALUE, where KEY is one of {', '.join(KEYS)}"


@dataclass(frozen=True)
class Match:
    """What records must be like. A field that is left out matches all records.

    The names are globs over the whole name, and case matters. ``shop.payments.*`` also matches the logger
    ``shop.payments`` itself.

    Attributes:
        app: The application's name.
        logger: The logger's name.
        level: The lowest level number; None for all.
        machine: The name of the machine.
    """

    app: str = "*"
    logger: str = "*"
    level: int | None = None
    machine: str = "*"

    @classmethod
    def from_table(cls, place: str, table: object) -> Match:
        """Read a table of a file.

        Args:
            place: The name of the table in errors, such as ``routes[0].match``.
            table: Some of ``KEYS``, with their values.

        Raises:
            OptionError: If it is not such a table; the error names place and key.
        """
        if not isinstance(table, Mapping):
            raise OptionError(place, f"a table with some of {', '.join(KEYS)}", table)
        for key in table:
            if key not in KEYS:
                raise OptionError(place, ", ".join(KEYS), key, checks.unknown(key, KEYS))
        return cls(
            _glob(f"{place}.app", table.get("app", "*")),
            _glob(f"{place}.logger", table.get("logger", "*")),
            _level(f"{place}.level", table["level"]) if "level" in table else None,
            _glob(f"{place}.machine", table.get("machine", "*")),
        )

    @classmethod
    def from_pieces(cls, option: str, pieces: Iterable[str]) -> Match:
        """Read pieces of a command line, such as ``logger=shop.*``; all of them must hold.

        Args:
            option: The name of the option in errors, such as ``--match``.

        Raises:
            OptionError: If one is not such a piece, or a key comes twice; the error names option and key.
        """
        table: dict[str, str] = {}
        for piece in pieces:
            key, equals, value = piece.partition("=")
            if not equals:
                raise OptionError(option, _PIECE, piece)
            if key in table:
                raise OptionError(f"{option}.{key}", "one value", value, "given twice; all that is given must hold")
            table[key] = value
        return cls.from_table(option, table)

    def __str__(self) -> str:
        """Return its conditions, as people read them."""
        asked = {"app": self.app, "logger": self.logger, "machine": self.machine}
        said = [f"{key} = {value!r}" for key, value in asked.items() if value != "*"]
        if self.level is not None:
            said.append(f"level >= {self.level}")
        return ", ".join(said) or "everything"

    def holds(self, app: str, logger: str, level: int, machine: str) -> bool:
        """Tell whether it matches records with these values."""
        return self.holds_somewhere(app, logger, level) and self.is_on(machine)

    def holds_somewhere(self, app: str, logger: str, level: int) -> bool:
        """Tell whether it matches records with these values if they come from the right machine."""
        return (
            (self.level is None or level >= self.level)
            and _is_like(app, self.app)
            and _is_logger_like(logger, self.logger)
        )

    def is_on(self, machine: str) -> bool:
        """Tell whether it matches a machine."""
        return _is_like(machine, self.machine)

    def never_holds(self) -> str:
        """Say which key no record of a handler can match, and why; an empty string if there is no such key."""
        for key, glob, names in (
            ("app", self.app, _NAME),
            ("logger", self.logger, _LOGGER),
            ("machine", self.machine, _NAME),
        ):
            if not any(names.is_name(name) for name in _examples(glob, is_logger=key == "logger")):
                return f"{key} = {glob!r:.80}: {names.rule}"
        if self.level is not None and self.level > _HIGHEST:
            return f"level = {self.level}: what is higher is published as {_HIGHEST}"
        return ""

    def seldom_holds(self) -> str:
        """Say why hardly any record matches; an empty string if there is no reason to think so."""
        if self.level is not None and self.level > logging.CRITICAL:
            return f"level = {self.level}: logging has none above CRITICAL, {logging.CRITICAL}; a program may have one"
        for key, glob in (("app", self.app), ("machine", self.machine)):
            if glob != glob.strip():
                return f"{key} = {glob!r:.80}: it begins or ends with a blank, which few names do"
        return ""


def _glob(option: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise OptionError(option, _GLOB, value)
    try:
        _is_like("", value)
    except re.error:  # older Pythons raise it for a range that is the wrong way round
        raise OptionError(option, _GLOB, value) from None
    return value


def _level(option: str, value: object) -> int:
    try:
        return checks.level_number(option, value)
    except OptionError as error:
        raise OptionError(option, _LEVEL, value, error.reason if "did you mean" in error.reason else "") from None


def _is_like(name: str, glob: str) -> bool:
    return glob == "*" or fnmatch.fnmatchcase(name, glob)


def _is_logger_like(name: str, glob: str) -> bool:
    return _is_like(name, glob) or (glob.endswith(".*") and _is_like(name, glob[:-2]))


# -- What no name can be -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Names:
    """Which names a handler publishes.

    Attributes:
        longest: Characters of the longest name.
        are_on_one_line: Whether a name is words with one blank between them.
        rule: The same rule, in the words of an error.
    """

    longest: int
    are_on_one_line: bool
    rule: str

    def is_name(self, text: str) -> bool:
        """Tell whether a text may be such a name."""
        is_on_one_line = not self.are_on_one_line or one_line(text) == text
        return is_on_one_line and 0 < len(text) <= self.longest and not re.search("[\ud800-\udfff]", text)


_NAME: Final = _Names(200, are_on_one_line=False, rule="such a name has 1 to 200 characters")
_LOGGER: Final = _Names(
    120, are_on_one_line=True, rule="such a name has 1 to 120 characters, single blanks in it, and none at its ends"
)

_HIGHEST: Final = 2**53 - 1
"""The highest level: JSON holds no greater integer for certain."""

_PART: Final = re.compile(r"(\*+)|(\?)|(\[!?\]?[^\]]*\])|(.)", re.DOTALL)
_LETTERS: Final = "xX0.-_é中 "


def _examples(glob: str, *, is_logger: bool) -> Iterable[str]:
    """Yield some names that a glob matches: at least one that :class:`_Names` allows, if there is any."""
    for one in (glob, glob[:-2]) if is_logger and glob.endswith(".*") else (glob,):
        for filling in ("x", ""):
            yield "".join(_example(part, filling) for part in _PART.finditer(one))


def _example(part: re.Match[str], filling: str) -> str:
    several, single, choice, letter = part.groups()
    if several:
        return filling
    if choice:
        # If there is none, the choice matches nothing: a lone surrogate is in no name.
        found = (letter for letter in _LETTERS + choice[1:-1] if _is_like(letter, choice))
        return next(found, "\ud800")
    return "x" if single else str(letter)
