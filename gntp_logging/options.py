"""Checks of GNTPHandler's options. Pure but for the files that options name, which are read here.

Every failure is a ValueError that begins with the option's name and says what is allowed. Values of secrets are never
part of a message.
"""

from __future__ import annotations

import importlib
import ipaddress
import logging
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from typing import Any, Final, TypeVar, cast

from . import icons, redact
from .alert import Alert
from .context import Context
from .gntp import ciphers, keys
from .gntp.exceptions import GNTPResourceError
from .gntp.models import Resource
from .levels import DEFAULT_STYLES, LevelMap, LevelStyle
from .templates import Template

HASHES: Final[Mapping[str, keys.Algorithm]] = {
    algorithm.algorithm_id: algorithm for algorithm in (keys.MD5, keys.SHA1, keys.SHA256, keys.SHA512)
}
CIPHERS: Final[Mapping[str, ciphers.Algorithm]] = {
    algorithm.algorithm_id: algorithm for algorithm in (ciphers.AES, ciphers.DES, ciphers.DES3)
}

MAX_SECONDS: Final = 1_000_000
"""Eleven days. Sockets and locks take no numbers without end."""

_A = TypeVar("_A", keys.Algorithm, ciphers.Algorithm)


def refusal(option: str, allowed: str, value: object) -> ValueError:
    """Return the error for a value that an option does not take."""
    try:
        shown = f"{value!r:.80}"
    except Exception:  # noqa: BLE001 - the value is the caller's, and so is its repr
        shown = f"this {type(value).__name__}"
    return ValueError(f"{option}: allowed is {allowed}, not {shown}")


def unknown(key: str, known: Collection[str], what: str = "key") -> str:
    """Say that a key is unknown, which one may be meant, and what is allowed.

    Args:
        key: The key.
        known: Those that are allowed.
        what: What it is, in words.

    Returns:
        The sentence.
    """
    meant = nearest(key, known)
    hint = f"; did you mean {meant!r}?" if meant else ";"
    return f"{key!r} is no {what}{hint} Allowed: {', '.join(known) or 'none, there is no such table'}"


def nearest(key: str, known: Collection[str]) -> str:
    """Return the allowed key that looks most like a given one; empty when none does.

    Args:
        key: The given one.
        known: Those that are allowed.

    Returns:
        The nearest, or an empty string.
    """
    import difflib  # only for who has made a mistake

    by_folded = {name.casefold().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(key.casefold().replace("-", "_"), by_folded, 1)
    return by_folded[found[0]] if found else ""


def text(option: str, value: object) -> str:
    """Check a string that must not be blank.

    Args:
        option: The option's name.
        value: What was given.

    Returns:
        The string.

    Raises:
        ValueError: If it is none, or blank.
    """
    if not isinstance(value, str) or not value.strip():
        raise refusal(option, "a string that is not blank", value)
    return value


def flag(option: str, value: object) -> bool:
    """Check a boolean.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(value, bool):
        raise refusal(option, "true or false", value)
    return value


def integer(option: str, value: object, low: int, high: int | None = None) -> int:
    """Check an integer.

    Args:
        option: The option's name.
        value: What was given.
        low: The smallest allowed value.
        high: The largest; None for no bound.

    Returns:
        The integer.

    Raises:
        ValueError: If it is none, or out of range.
    """
    allowed = f"an integer from {low} to {high}" if high is not None else f"an integer of {low} or more"
    if type(value) is not int or value < low or (high is not None and value > high):
        raise refusal(option, allowed, value)
    return value


def seconds(option: str, value: object, *, positive: bool) -> float:
    """Check a number of seconds.

    Args:
        option: The option's name.
        value: What was given.
        positive: Whether zero is refused.

    Returns:
        The seconds.

    Raises:
        ValueError: If it is no finite number, or out of range.
    """
    allowed = f"a number of seconds {'above 0' if positive else 'from 0'} to {MAX_SECONDS}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refusal(option, allowed, value)
    if not 0 <= value <= MAX_SECONDS or (positive and value == 0):  # NaN is in no range
        raise refusal(option, allowed, value)
    return float(value)


def number(option: str, value: object) -> float:
    """Check a number that is not negative.

    Args:
        option: The option's name.
        value: What was given.

    Returns:
        The number.

    Raises:
        ValueError: If it is none, or too large to mean anything.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MAX_SECONDS:
        raise refusal(option, f"a number from 0 to {MAX_SECONDS}", value)
    return float(value)


def level_number(option: str, value: object) -> int:
    """Read a level: a number, a number in a string, or a name that logging knows.

    Args:
        option: The option's name.
        value: What was given.

    Returns:
        The level's number.

    Raises:
        ValueError: If it is none of them.
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
    error = refusal(option, "a level's number or name such as 40, '40' or 'ERROR'", value)
    raise ValueError(f"{error}; did you mean {meant!r}?") if meant else error


_LEVEL_NAMES: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


# -- Trust ---------------------------------------------------------------------------------------


def password(value: object, env: object, file: object) -> str | None:
    """Find the password: given, in an environment variable, or in a file's first line.

    Args:
        value: The option ``password``.
        env: The option ``password_env``, a variable's name.
        file: The option ``password_file``, a path.

    Returns:
        The password; None when none of the three is given.

    Raises:
        ValueError: If more than one is given, or the one that is gives no password.
    """
    given = {
        name: option
        for name, option in (("password", value), ("password_env", env), ("password_file", file))
        if option is not None
    }
    if len(given) > 1:
        raise ValueError(f"{', '.join(given)}: give one of them, not {len(given)}")
    if env is not None:
        name = text("password_env", env)
        return _secret(f"password_env: the environment variable {name!r}", os.environ.get(name))
    if file is not None:
        return _secret(
            f"password_file: the first line of {os.fspath(_path('password_file', file))!r}", _first_line(file)
        )
    return None if value is None else _secret("password", value)


def _secret(what: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        state = "is not set" if value is None else "is empty" if isinstance(value, str) else "must be a string"
        raise ValueError(f"{what} {state}; for a server without a password leave the option out")
    return value


def _first_line(path: object) -> str:
    try:
        with open(_path("password_file", path), encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a path with a NUL
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"password_file: cannot read {path!r}: {reason}") from error


def _path(option: str, value: object) -> str | os.PathLike[str]:
    if isinstance(value, os.PathLike) or (isinstance(value, str) and value.strip()):
        return value
    raise refusal(option, "the path of a file", value)


def key_hashing(value: object) -> keys.Algorithm:
    """Read the option ``key_hashing``: a name or an algorithm.

    Raises:
        ValueError: If it is neither.
    """
    return _algorithm("key_hashing", value, keys.Algorithm, HASHES)


def encryption(value: object) -> ciphers.Algorithm | None:
    """Read the option ``encryption``: a name, an algorithm, or None for clear text.

    Raises:
        ValueError: If it is none of them.
    """
    return None if value is None else _algorithm("encryption", value, ciphers.Algorithm, CIPHERS)


def _algorithm(option: str, value: object, kind: type[_A], known: Mapping[str, _A]) -> _A:
    if isinstance(value, kind):
        return value
    if isinstance(value, str) and value.upper() in known:
        return known[value.upper()]
    raise refusal(option, " or ".join(map(repr, known)), value)


# -- Looks ---------------------------------------------------------------------------------------


def icon(option: str, value: object) -> Resource | None:
    """Read a picture: a path, its bytes, or a URL, which is passed on and never fetched.

    Args:
        option: The option's name.
        value: What was given.

    Returns:
        The picture; None when none was given.

    Raises:
        ValueError: If it is none of them, or the file cannot be read.
    """
    if value is None or isinstance(value, Resource):
        return value
    if isinstance(value, bytes) and value:
        return Resource(data=value)
    if isinstance(value, str) and is_web_url(value):
        return Resource.from_url(value)
    if not isinstance(value, os.PathLike) and not (isinstance(value, str) and value.strip()):
        raise refusal(option, "a path, an http or https URL, or a picture's bytes", value)
    try:
        return Resource.from_file(value)
    except GNTPResourceError as error:
        raise ValueError(f"{option}: {error}") from error


def is_web_url(value: str) -> bool:
    """Tell whether a string is a URL that a GNTP server can fetch."""
    return value.lower().startswith(("http://", "https://"))


def url(value: object) -> Template | None:
    """Read the option ``url``: what opens when an alert is clicked, with ``{}``-fields for what differs.

    Args:
        value: What was given.

    Returns:
        The URL; None when none was given.

    Raises:
        ValueError: If it is no URL.
    """
    if value is None:
        return None
    # Fields may hold blanks, but what stands around them may not.
    if not isinstance(value, str) or "://" not in value[1:] or not value.isprintable() or " " in _literal(value):
        raise refusal("url", "a URL such as 'https://example.com/errors?logger={name}'", value)
    return _template("url", value)


def title(value: object) -> Template | Callable[[logging.LogRecord], object] | None:
    """Read the option ``title``: a ``{}``-format, or a function that makes the title of a record.

    Args:
        value: What was given.

    Returns:
        The format or the function; None when none was given.

    Raises:
        ValueError: If it is neither.
    """
    if value is None or callable(value):
        return value
    if not isinstance(value, str) or not value.strip():
        raise refusal("title", "a format such as '{levelname} {name}', or a function", value)
    return _template("title", value)


def _template(option: str, value: str) -> Template:
    try:
        return Template(value)
    except Exception as error:
        allowed = "a format such as '{name}' over a record's attributes"
        raise ValueError(f"{option}: allowed is {allowed}, not {value!r:.80}: {error}") from error


def _literal(value: str) -> str:
    return re.sub(r"\{[^{}]*\}", "", value)


def context(value: object) -> Context:
    """Read the option ``context``: what alerts tell of where and when they came from.

    Args:
        value: A mapping of constants and context variables, or a function that returns one for a record, or its dotted
            path; None for nothing but what is found.

    Returns:
        What collects it.

    Raises:
        ValueError: If it is none of them.
    """
    if value is None:
        return Context()
    if isinstance(value, Mapping):
        values = _plain(value, "context")
        for name, item in values.items():
            if not isinstance(name, str) or not name.strip():
                raise refusal("context", "names that are strings and not blank", name)
            if item is not None and not isinstance(item, (str, int, float, ContextVar)):
                raise refusal(f"context[{name!r}]", "a string, a number, or a context variable", item)
        return Context(values)
    allowed = "a mapping such as {'environment': 'production'}, a function, or a dotted path to one"
    if not callable(value) and not isinstance(value, str):
        raise refusal("context", allowed, value)
    return Context(function=function("context", value))


def redactor(value: object) -> Callable[[Alert], Alert]:
    """Read the option ``redact``: whether secrets are masked, or further patterns to mask.

    Args:
        value: True, False, or a list of regular expressions.

    Returns:
        The function that takes the secrets out of an alert.

    Raises:
        ValueError: If it is neither, or a pattern is none.
    """
    if value is False:
        return lambda alert: alert
    if value is True:
        return redact.redactor([])
    if not isinstance(value, (list, tuple)):
        raise refusal("redact", "true, false, or a list of regular expressions", value)
    # dictConfig's own lists resolve ext:// only when indexed.
    return redact.redactor([_regular_expression(value[index]) for index in range(len(value))])


def _regular_expression(value: object) -> re.Pattern[str]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        return value
    if not isinstance(value, str) or not value:
        raise refusal("redact", "a list of regular expressions", value)
    try:
        return re.compile(value)
    except re.error as error:
        raise ValueError(f"redact: {value!r} is no regular expression: {error}") from error


def function(option: str, value: object) -> Callable[..., object] | None:
    """Read a function: itself, or its dotted path, which is imported here and now.

    Args:
        option: The option's name.
        value: What was given.

    Returns:
        The function; None when none was given.

    Raises:
        ValueError: If it is neither, or cannot be imported.
    """
    if value is None or callable(value):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\w+(\.\w+)+", value):
        raise refusal(option, "a function, or a dotted path to one such as 'shop.alerts.lost'", value)
    module_name, _, name = value.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{option}: cannot import {value!r}: {error}") from error
    if not callable(found):
        raise refusal(option, "a dotted path to a function", value)
    return cast("Callable[..., object]", found)


_STYLE_FIELDS: Final = ("event", "priority", "sticky", "icon")


def levels(value: object, *, pictures: bool = True) -> LevelMap:
    """Read the option ``levels``: changes to the styles, by level.

    A level that the defaults do not know begins with the style that held for it before.

    Args:
        value: A mapping from levels to mappings with any of event, priority, sticky and icon; None for the defaults.
        pictures: Whether levels have this package's pictures where they have none of their own.

    Returns:
        The styles by threshold.

    Raises:
        ValueError: If a level, a field or a field's value is not allowed.
    """
    styles = icons.with_pictures(DEFAULT_STYLES) if pictures else dict(DEFAULT_STYLES)
    table: dict[int, object] = {}
    for level, fields in _plain({} if value is None else value, "levels").items():
        number = level_number("levels", level)
        if number in table:
            raise ValueError(f"levels: {level!r} is there twice; allowed is each level once, by name or by number")
        table[number] = fields
    for number in sorted(table):
        before = LevelMap(styles).style(number)
        styles[number] = _style(f"levels[{logging.getLevelName(number)!r}]", table[number], before)
    return LevelMap(styles)


def _style(option: str, fields: object, before: LevelStyle) -> LevelStyle:
    given = _plain(fields, option)
    for field in given:
        if field not in _STYLE_FIELDS:
            raise ValueError(f"{option}: {unknown(str(field), _STYLE_FIELDS)}")
    return LevelStyle(
        event=text(f"{option}['event']", given.get("event", before.event)),
        priority=integer(f"{option}['priority']", given.get("priority", before.priority), -2, 2),
        sticky=flag(f"{option}['sticky']", given.get("sticky", before.sticky)),
        icon=icon(f"{option}['icon']", given["icon"]) if "icon" in given else before.icon,
    )


def _plain(table: object, option: str) -> dict[Any, Any]:
    """Copy a mapping into a dict, item by item: dictConfig's own dicts resolve ``ext://`` only when indexed."""
    if not isinstance(table, Mapping):
        raise refusal(option, "a mapping", table)
    return {key: table[key] for key in table}


# -- Where ---------------------------------------------------------------------------------------


def host(value: object) -> str:
    """Check a host name or address; whether it exists is found out when the first alert is sent.

    Args:
        value: What was given; an IPv6 address may stand in brackets.

    Returns:
        The host.

    Raises:
        ValueError: If no host can be called so.
    """
    allowed = "a host name or an IP address (the port is an option of its own)"
    if not isinstance(value, str):
        raise refusal("host", allowed, value)
    name = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    try:
        if ":" in name:
            ipaddress.IPv6Address(name)
        elif not name.encode("idna") or not _HOST.fullmatch(name):
            raise refusal("host", allowed, value)
    except ValueError:  # of which UnicodeError is one
        raise refusal("host", allowed, value) from None
    return name


_HOST: Final = re.compile(r"[\w.-]+")


def program_name(argv: list[str] | None = None) -> str:
    """Return the running program's name, for people who gave their application none.

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
