"""The fingerprint, by which repeats are known: the same mistake at the same place, on every host and Python. Pure.

The thread that logs collects strings and numbers that cost no time: a *raw* fingerprint, one of three classes. The rest
is done on the worker's side, in two steps: :func:`redacted` takes the secrets out, and :func:`normalized` makes the one
string by which alerts fold. It begins with the number of its rules, and its parts are::

    1|call|40|shop.orders|shop/orders.py|pay|order * failed             level, logger, file, function, template,
                                                                        or the message where that says nothing
    1|error|40|ValueError|amount *|shop/orders.py|pay|shop/web.py|post  type, message, the two innermost functions,
    1|error|40|...|from KeyError: *|with OSError: *                     the exception before it, what its group holds
    1|key|deploys                                                       what the record, or the user's function, says

A file is named from the entry of ``sys.path`` on which it was found: folders above it differ between hosts.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import logging
import os
import re
import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Final, NamedTuple, cast

from .application import Place
from .errors import Error
from .holes import CUT, MAX_RESULT, MAX_TEXT, with_holes
from .tracebacks import FormattedError
from .values import described, shown

RULES: Final = 1
"""Number of the rules by which fingerprints are made, those of :mod:`.holes` included. A change of a rule adds one."""

_MAX_KEYS: Final = 50
"""How many keys of a dictionary are in its fingerprint."""

_COUNTED_FRAMES: Final = 2
"""How many functions are in an exception's fingerprint: the one that raised it, and its caller."""

Said = tuple[str, str]
"""An exception's type and message."""


class RawCall(NamedTuple):
    """The raw fingerprint of a record without an exception.

    Attributes:
        level: The record's level number.
        logger: The logger's name.
        path: The file, as Python names it.
        function: The function.
        template: The message before its arguments were put in; empty where there were none.
        message: The message.
    """

    level: int
    logger: str
    path: str
    function: str
    template: str
    message: str


class RawError(NamedTuple):
    """The raw fingerprint of a record with an exception.

    It leaves the logger out, because inner and outer code may both log the same exception.

    Attributes:
        level: The record's level number.
        name: The exception's type, with its module.
        frames: Path and function of the innermost frames, the innermost first.
        message: What the exception says.
        cause: The exception before it in the chain: its cause, or the one that was handled when it was raised.
        leaves: What it holds, if it is a group; else what the first group in its chain holds.
    """

    level: int
    name: str
    frames: tuple[tuple[str, str], ...]
    message: str
    cause: Said | None
    leaves: tuple[Said, ...]


class RawKey(NamedTuple):
    """The key that a record gives as its fingerprint, or that the user's function returns for it."""

    key: str


Fingerprint = str | tuple[Hashable, ...]
"""A raw fingerprint, the part of one that :func:`raw_fingerprint` returns, or a normalized one."""


# -- On the thread that logs -----------------------------------------------------------------------


def fingerprint_call(record: logging.LogRecord, level: int, logger: str, message: str) -> RawCall:
    """Return the raw fingerprint of a record without an exception.

    Args:
        record: The record.
        level: Its level number.
        logger: The logger's name.
        message: The record's message.
    """
    template, path, function = record.msg, record.pathname, record.funcName
    if type(path) is not str or type(function) is not str:  # any code may make records, and this must be hashable
        path, function = shown(path) or "", shown(function) or ""
    if not record.args or type(template) is not str:
        if issubclass(type(template), dict) and "event" not in (
            keys := dict.keys(cast("dict[object, object]", template))
        ):
            message = " ".join(sorted(shown(key) or described(key) for key in itertools.islice(keys, _MAX_KEYS)))
        template = ""
    if len(message) + len(template) + len(path) + len(function) > MAX_TEXT:
        message, template, path, function = _cut(message), _cut(template), _cut(path), _cut(function)
    return _new_tuple(RawCall, (level, logger, path, function, template, message))  # RawCall(...) takes longer


def fingerprint_error(level: int, error: Error, leaves: Sequence[Error], place: Place) -> RawError:
    """Return the raw fingerprint of a record with an exception: the same of one that was printed before.

    Args:
        level: The record's level number.
        error: The exception.
        leaves: What it holds: see :func:`.errors.leaves_of`.
        place: Where it happened.
    """
    frames = _innermost(place)
    if isinstance(error, FormattedError):  # a text may claim anything
        frames = tuple((_cut(path), _cut(function)) for path, function in frames)
    name, said = _said(error)
    before = error.before
    fields = (level, name, frames, said, before and _said(before), tuple(map(_said, leaves)))
    return _new_tuple(RawError, fields)


def _said(error: Error) -> Said:
    return _cut(error.name), _cut(error.message)


def fingerprint_key(key: str) -> RawKey:
    """Return the raw fingerprint that a user's own key makes."""
    return RawKey(_cut(key))


def raw_fingerprint(fingerprint: Fingerprint) -> Fingerprint:
    """Return the part of a fingerprint that does not depend on messages: the thread that logs can compare it fast.

    It is coarser: several fingerprints may have the same part.
    """
    if isinstance(fingerprint, RawCall):
        return fingerprint[:5]
    return fingerprint[:3] if isinstance(fingerprint, RawError) else fingerprint


def is_place_alone(fingerprint: Fingerprint) -> bool:
    """Tell whether all one-line messages of a place have one fingerprint: their template has words of its own."""
    if not isinstance(fingerprint, RawCall) or "\n" in fingerprint.template or not _has_words(fingerprint.template):
        return False
    return not any(conversion.endswith("c") for conversion in _CONVERSION.findall(fingerprint.template))  # a line end


def without_texts(fingerprint: Fingerprint) -> Fingerprint:
    """Return a raw fingerprint without its texts, which may hold secrets; what is left is its place."""
    if isinstance(fingerprint, RawCall):
        return fingerprint._replace(template="", message="")
    if isinstance(fingerprint, RawError):
        return fingerprint._replace(message="", cause=None, leaves=())
    return RawKey("") if isinstance(fingerprint, RawKey) else fingerprint


_new_tuple: Final = tuple.__new__


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + CUT


_COMPREHENSIONS: Final = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"))
"""Frames that are no functions of the user's; Python 3.12 no longer makes most of them."""


def _innermost(place: Place) -> tuple[tuple[str, str], ...]:
    """Return path and function of the application's innermost frames; without any, of the innermost of all frames."""
    own: list[tuple[str, str]] = []
    for path, _, function in reversed(place.own):
        if function not in _COMPREHENSIONS:
            own.append((path, function))
            if len(own) == _COUNTED_FRAMES:
                break
    return tuple(own or ((path, function) for path, _, function in place.frames[: -_COUNTED_FRAMES - 1 : -1]))


# -- On the worker's side --------------------------------------------------------------------------


def redacted(fingerprint: Fingerprint, redact: Callable[[str], str]) -> Fingerprint:
    """Return a raw fingerprint without secrets.

    Args:
        fingerprint: The fingerprint; one that is not raw is returned as it is.
        redact: Masks the secrets in a text.
    """
    if isinstance(fingerprint, RawCall):
        if _has_words(fingerprint.template):  # the message is not looked at
            return fingerprint._replace(template=redact(fingerprint.template), message="")
        return fingerprint._replace(message=redact(fingerprint.message))
    if isinstance(fingerprint, RawError):
        return fingerprint._replace(
            message=redact(fingerprint.message),
            cause=fingerprint.cause and (fingerprint.cause[0], redact(fingerprint.cause[1])),
            leaves=tuple((name, redact(message)) for name, message in fingerprint.leaves),
        )
    return RawKey(redact(fingerprint.key)) if isinstance(fingerprint, RawKey) else fingerprint


def normalized(fingerprint: Fingerprint) -> Fingerprint:
    """Finish a fingerprint: two records fold when the results are equal.

    Args:
        fingerprint: A raw one without secrets; one that is not raw is returned as it is.

    Returns:
        A string of one line.
    """
    if isinstance(fingerprint, RawCall):
        level, logger, path, function, template, message = fingerprint
        said = _of_template(template) if _has_words(template) else with_holes(message)
        return _joined("call", str(level), logger, _file(path), _plain(function), said)
    if isinstance(fingerprint, RawError):
        places = [part for path, function in fingerprint.frames for part in (_file(path), _plain(function))]
        others = [f"from {_line(fingerprint.cause)}"] if fingerprint.cause else []
        others += sorted({f"with {_line(leaf)}" for leaf in fingerprint.leaves})
        said = _holes_of_error(fingerprint.message)
        name = _MOVED.get(fingerprint.name, fingerprint.name)
        return _joined("error", str(fingerprint.level), name, said, *places, *others)
    return _joined("key", fingerprint.key) if isinstance(fingerprint, RawKey) else fingerprint


def incident(fingerprint: str) -> str:
    """Return the incident, by which a fingerprint is known outside of the program: 16 hex digits of its SHA-256."""
    return hashlib.sha256(fingerprint.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _joined(*parts: str) -> str:
    escaped = (part.replace("\\", r"\\").replace("|", r"\|") for part in parts)
    return "|".join((str(RULES), *escaped))


def _line(said: Said) -> str:
    return f"{_MOVED.get(said[0], said[0])}: {_holes_of_error(said[1])}"


_MOVED: Final = {
    "asyncio.exceptions.TimeoutError": "TimeoutError",
    "concurrent.futures._base.TimeoutError": "TimeoutError",
    "exceptiongroup.BaseExceptionGroup": "BaseExceptionGroup",
    "exceptiongroup.ExceptionGroup": "ExceptionGroup",
}
"""Types that are Python's own from 3.11 on, by their name in 3.10."""


_SUGGESTION: Final = re.compile(r"\. (?:Did|Or did) you .*")
"""What some versions of Python add to the message of a NameError and its like when they print it."""


def _holes_of_error(message: str) -> str:
    return with_holes(_SUGGESTION.sub("", message))


def _plain(function: str) -> str:
    return function[function.rfind(".") + 1 :]


_CONVERSION: Final = re.compile(r"%(?:\([^()]*\))?[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?[a-zA-Z%]")
_WORD: Final = re.compile(r"(?<!\w)[^\W\d_]{2}")


@functools.lru_cache(maxsize=1024)
def _of_template(template: str) -> str:
    """Return a template with a hole for each argument, as the message has it that QueueHandler leaves of the call."""
    holes = _CONVERSION.sub(lambda found: "%" if found[0] == "%%" else "*", template)
    return " ".join(holes.split())[:MAX_RESULT]


@functools.lru_cache(maxsize=1024)
def _has_words(template: str) -> bool:
    """Tell whether a template says something of its own; ``%s: %s`` and ``%dms`` do not."""
    return _WORD.search(_CONVERSION.sub("0", template)) is not None


def _file(path: str) -> str:
    """Return a file as its path below the longest entry of ``sys.path`` that holds it, else its name."""
    return _file_below(path, tuple(sys.path))


@functools.lru_cache(maxsize=4096)
def _file_below(path: str, entries: tuple[str, ...]) -> str:
    folders = (_absolute(entry).rstrip(os.sep) + os.sep for entry in entries)
    longest = max((len(folder) for folder in folders if path.startswith(folder)), default=0)
    below = path[longest:].replace("\\", "/")
    return below if longest or path.startswith("<") else below.rpartition("/")[2]


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except OSError:  # the working directory is gone
        return path
