"""Checks of GNTPHandler's options. Pure, except that it reads the files that options name.

Every failure is an :class:`.errors.OptionError`.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import date, time
from typing import Final

from gntp_logging.alerts import icons
from gntp_logging.alerts.context import Context
from gntp_logging.alerts.levels import DEFAULT_STYLES, LevelMap, LevelStyle
from gntp_logging.alerts.redact import Redactor
from gntp_logging.alerts.templates import Template
from gntp_logging.gntp.exceptions import GNTPResourceError
from gntp_logging.gntp.models import Resource, is_web_url

from .checks import boolean, function, integer, level_number, text, to_plain_dict, unknown
from .errors import OptionError, shown

MAY_BE_TABLES: Final = frozenset({"levels", "context", "app_packages", "redact", "redact_keep"})
"""Options that take a mapping or a list, and perhaps other values too."""


def program_name(argv: list[str] | None = None) -> str:
    """Return the running program's name, the default of ``app_name``.

    Args:
        argv: The command line; None means the process's.

    Returns:
        The script's name without folder and ``.py``; the package's name for ``python -m package``; else ``python``.
    """
    path = ((sys.argv if argv is None else argv) or [""])[0]
    folder, name = os.path.split(path)
    stem = name[:-3] if name.endswith((".py", ".pyw")) else name
    if stem == "__main__":
        stem = os.path.basename(folder)
    return stem if stem.strip() and not stem.startswith("-") else "python"


def icon(option: str, value: object) -> Resource | None:
    """Read a picture: a path, its bytes, or a URL, which is passed on and never fetched.

    Raises:
        OptionError: If the value is none of these, or the file cannot be read.
    """
    if value is None or isinstance(value, Resource):
        return value
    if isinstance(value, bytes) and value:
        return Resource(data=value)
    if isinstance(value, str) and is_web_url(value):
        return Resource.from_url(value)
    allowed = "a path, an http or https URL, or a picture's bytes"
    if not isinstance(value, os.PathLike) and not (isinstance(value, str) and value.strip()):
        raise OptionError(option, allowed, value)
    try:
        return Resource.from_file(value)
    except GNTPResourceError as error:
        raise OptionError(option, allowed, value, str(error)) from error


def spool(value: object) -> str | None:
    """Read the option ``spool``: a path, or None.

    Returns:
        The absolute path: a program may change its folder later.

    Raises:
        OptionError: If the value is no path of a file.
    """
    if value is None:
        return None
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str) or not path.strip() or "\0" in path or path.endswith(os.sep):
        raise OptionError("spool", "the path of a file", value)
    return os.path.abspath(path)


def url(value: object) -> Template | None:
    """Read the option ``url``: what opens when an alert is clicked; its ``{}``-fields are filled in for each alert.

    Raises:
        OptionError: If the value is not a URL, or its fields are not valid.
    """
    if value is None:
        return None
    # Fields may hold blanks, but what stands around them may not.
    if not isinstance(value, str) or "://" not in value[1:] or not value.isprintable() or " " in _literal(value):
        raise OptionError("url", "a URL such as 'https://example.com/errors?logger={name}'", value)
    return _template("url", value)


def title(value: object) -> Template | Callable[[logging.LogRecord], object] | None:
    """Read the option ``title``: a ``{}``-format, or a function that makes the title of a record.

    Raises:
        OptionError: If the value is neither.
    """
    if value is None or callable(value):
        return value
    if not isinstance(value, str) or not value.strip():
        raise OptionError("title", "a format such as '{levelname} {name}', or a function", value)
    return _template("title", value)


def _template(option: str, value: str) -> Template:
    try:
        return Template(value)
    except Exception as error:
        allowed = "a format such as '{name}' over a record's attributes"
        reason = f"allowed is {allowed}, not {shown(value)}: {error}"
        raise OptionError(option, allowed, value, reason) from error


def _literal(value: str) -> str:
    return re.sub(r"\{[^{}]*\}", "", value)


def context(value: object) -> Context:
    """Read the option ``context``: what an alert names beside the machine, the request and the task.

    Args:
        value: A mapping of constants and context variables; or a function that returns a mapping for a record, or its
            dotted path. None adds nothing.

    Raises:
        OptionError: If the value is none of these.
    """
    if value is None:
        return Context()
    if isinstance(value, Mapping):
        values = to_plain_dict("context", value)
        for name, item in values.items():
            if not isinstance(name, str) or not name.strip():
                raise OptionError("context", "names that are strings and not blank", name)
            if isinstance(item, (date, time)):  # TOML and YAML have them
                values[name] = str(item)
            elif item is not None and not isinstance(item, (str, int, float, ContextVar)):
                raise OptionError(
                    f"context[{name!r}]", "a string, a number, a date or time, or a context variable", item
                )
        return Context(values)
    allowed = "a mapping such as {'environment': 'production'}, a function, or a dotted path to one"
    if not callable(value) and not isinstance(value, str):
        raise OptionError("context", allowed, value)
    return Context(function=function("context", value))


def packages(value: object) -> tuple[str, ...]:
    """Read the option ``app_packages``: names of packages.

    Raises:
        OptionError: If the value is no list, or an item is no name.
    """
    allowed = "a list of names of packages"
    names = _items("app_packages", value, allowed)
    for name in names:
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            raise OptionError("app_packages", allowed, name)
    return tuple(map(str, names))


def redactor(value: object, keep: object = (), max_text: int = 0) -> Redactor:
    """Read the options ``redact`` and ``redact_keep``: whether secrets are masked, what else is, and what is shown.

    Args:
        value: True, False, or a list of regular expressions.
        keep: A list of names and words that are shown.
        max_text: The option of this name, checked.

    Returns:
        The function that masks the secrets of an alert.

    Raises:
        OptionError: If a value is of another type, or a pattern is not valid.
    """
    words = [_word(word) for word in _items("redact_keep", keep, "a list of names and words")]
    if value is False:
        return Redactor(max_text=max_text, is_enabled=False)
    if value is True:
        return Redactor(keep=words, max_text=max_text)
    patterns = _items("redact", value, "true, false, or a list of regular expressions")
    return Redactor([_regular_expression(pattern) for pattern in patterns], words, max_text=max_text)


def _items(option: str, value: object, allowed: str) -> list[object]:
    if not isinstance(value, (list, tuple)):
        raise OptionError(option, allowed, value)
    # dictConfig's own lists resolve ext:// only when indexed.
    return [value[index] for index in range(len(value))]


def _word(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise OptionError("redact_keep", "a list of names and words", value)
    return value


def _regular_expression(value: object) -> re.Pattern[str]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        return value
    allowed = "a list of regular expressions"
    if not isinstance(value, str) or not value:
        raise OptionError("redact", allowed, value)
    try:
        return re.compile(value)
    except re.error as error:
        raise OptionError("redact", allowed, value, f"{value!r} is not a regular expression: {error}") from error


_STYLE_FIELDS: Final = ("event", "priority", "sticky", "icon")


def levels(value: object, *, pictures: bool = True) -> LevelMap:
    """Read the option ``levels``: changes to the styles, by level.

    A level that the defaults lack begins with the style of the next lower level.

    Args:
        value: A mapping from levels to mappings with any of event, priority, sticky and icon; None for the defaults.
        pictures: Whether levels have this package's pictures where they have none of their own.

    Returns:
        The styles by threshold.

    Raises:
        OptionError: If a level, a field or a field's value is not allowed.
    """
    styles = icons.default_styles() if pictures else dict(DEFAULT_STYLES)
    table: dict[int, object] = {}
    for level, fields in to_plain_dict("levels", {} if value is None else value).items():
        number = level_number("levels", level)
        if number in table:
            allowed = "each level once, by name or by number"
            raise OptionError("levels", allowed, level, f"{level!r} is given twice; allowed is {allowed}")
        table[number] = fields
    for number in sorted(table):
        before = LevelMap(styles).style(number)
        styles[number] = _style(f"levels[{logging.getLevelName(number)!r}]", table[number], before)
    return LevelMap(styles)


def _style(option: str, fields: object, before: LevelStyle) -> LevelStyle:
    given = to_plain_dict(option, fields)
    for field in given:
        if field not in _STYLE_FIELDS:
            raise OptionError(option, ", ".join(_STYLE_FIELDS), field, unknown(str(field), _STYLE_FIELDS))
    return LevelStyle(
        event=text(f"{option}['event']", given.get("event", before.event)),
        priority=integer(f"{option}['priority']", given.get("priority", before.priority), -2, 2),
        sticky=boolean(f"{option}['sticky']", given.get("sticky", before.sticky)),
        icon=icon(f"{option}['icon']", given["icon"]) if "icon" in given else before.icon,
    )
