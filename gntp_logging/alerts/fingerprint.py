"""By what an alert's repeats are known: the same mistake at the same place, whatever numbers its text holds. Pure.

A fingerprint is a tuple of strings and numbers. The thread that logs collects only what costs no time; the rest is done
by :func:`normalized`, on the worker's side.
"""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Final

Fingerprint = tuple[str | int, ...]

MAX_TEMPLATE: Final = 200
"""Characters of a message that can tell fingerprints apart."""

_RAW: Final = "raw"
"""Marks, as the first part, a fingerprint whose last part is a message as it was logged."""

_STANDARD_LIBRARY: Final = (
    os.path.dirname(os.__file__) + os.sep,
    os.path.dirname(os.path.realpath(os.__file__)) + os.sep,
)
_OWN: Final = os.path.dirname(os.path.dirname(__file__)) + os.sep
"""This package, which is no application wherever it is installed."""
_INSTALLED: Final = re.compile(r"[/\\](?:site|dist)-packages[/\\]")


def fingerprint_call(record: logging.LogRecord, logger: str, message: str) -> Fingerprint:
    """Return the fingerprint of a record without an exception: level, logger, place and template.

    Args:
        record: The record.
        logger: The logger's name.
        message: The record's message.

    Returns:
        The fingerprint. It is to be normalized where the message had no arguments: what varies stands in the message.
    """
    template = record.msg
    path, line = record.pathname, record.lineno
    if type(path) is not str or type(line) is not int:  # records are made by anybody; a fingerprint must be hashable
        path, line = str(path), -1
    if record.args and type(template) is str:
        return (record.levelno, logger, path, line, template[:MAX_TEMPLATE])
    return (_RAW, record.levelno, logger, path, line, message[:MAX_TEMPLATE])


def fingerprint_exception(level: int, exception: type[BaseException], traceback: TracebackType | None) -> Fingerprint:
    """Return the fingerprint of a record with an exception: level, its type and the innermost frame of the application.

    Without the logger, so that what inner code logs and the framework logs again is one fingerprint.

    Args:
        level: The record's level number.
        exception: The exception's type.
        traceback: The exception's traceback.

    Returns:
        The fingerprint.
    """
    file = function = ""
    in_application = False
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if is_application(code.co_filename) or not in_application:
            file, function = code.co_filename, code.co_name
            in_application = is_application(file)
        traceback = traceback.tb_next
    return (level, exception.__module__, exception.__qualname__, file, function)


def fingerprint_formatted(level: int, name: str, frames: Sequence[tuple[str, int, str]]) -> Fingerprint:
    """Return the fingerprint of a record whose exception was formatted before: the same as of the exception itself.

    Args:
        level: The record's level number.
        name: The exception's type, with its module where it has one.
        frames: Path, line and function of each frame, the outermost first; at least one.

    Returns:
        The fingerprint.
    """
    module, _, qualname = name.rpartition(".")
    file, _, function = next((frame for frame in reversed(frames) if is_application(frame[0])), frames[-1])
    return (level, module or "builtins", qualname, file, function)


def fingerprint_key(key: str) -> Fingerprint:
    """Return the fingerprint that a user's own key makes."""
    return ("key", key)


@functools.lru_cache(maxsize=4096)
def is_application(path: str) -> bool:
    """Tell whether a file is the application's: outside the standard library and what was installed."""
    return not (path.startswith(("<frozen ", _OWN, *_STANDARD_LIBRARY)) or _INSTALLED.search(path))


# -- On the worker's side ------------------------------------------------------------------------


_VARIABLE: Final = re.compile(
    r"""
    (?P<quoted> "[^"\n]*" | (?<!\w)'[^'\n]*'(?!\w) )
    | (?P<uuid> \b [0-9a-f]{8} (?: -? [0-9a-f]{4} ){3} -? [0-9a-f]{12} \b )
    | (?P<hex> \b 0x[0-9a-f]+ \b | \b (?= [a-f]*[0-9] ) (?= [0-9]*[a-f] ) [0-9a-f]{6,} \b )
    | (?P<number> \d+ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MASKS: Final = {"quoted": "'…'", "uuid": "<uuid>", "hex": "<hex>", "number": "<n>"}


def normalized(fingerprint: Fingerprint) -> Fingerprint:
    """Finish a fingerprint: mask what varies in a message that was logged without arguments.

    Args:
        fingerprint: What one of the functions above has returned.

    Returns:
        The fingerprint by which alerts are counted together.
    """
    if not fingerprint or fingerprint[0] != _RAW:
        return fingerprint
    return (*fingerprint[1:-1], masked(str(fingerprint[-1])))


def raw_fingerprint(fingerprint: Fingerprint) -> Fingerprint:
    """Return what is certain of a fingerprint without spending time on its message: for the thread that logs."""
    return fingerprint[1:-1] if fingerprint and fingerprint[0] == _RAW else fingerprint


def masked(message: str) -> str:
    """Return a message's first line without what varies: quoted strings, UUIDs, hexadecimal and other numbers."""
    line = message.lstrip().split("\n", 1)[0][:MAX_TEMPLATE]
    return _VARIABLE.sub(lambda match: _MASKS[match.lastgroup or "number"], line)
