"""One view of exceptions, live or printed: what they say, where they happened, what came before them, what they hold.

A pool of processes returns an exception with a special cause, which only holds the traceback of the other process as
text. The frames in that text are the innermost frames of the exception. The chain in that text is the chain of the
exception. Pure.
"""

from __future__ import annotations

import builtins
import itertools
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final

from .tracebacks import (
    TRACEBACK,
    FormattedError,
    Frame,
    as_printed,
    is_remote,
    joined,
    parse_remote,
    parse_traceback,
    read_attributes,
    read_cause,
    read_context,
    read_suppress_context,
    read_traceback,
    type_name,
    up_to_a_blank_line,
)

_MAX_LINKS: Final = 9
"""Links of a chain of exceptions in which a group is looked for."""

_MAX_MEMBERS: Final = 15
"""Members of a group, and leaves in all, that are looked at; Python prints as many of each group."""

_MAX_DEPTH: Final = 10
"""Levels of groups that are looked into; Python prints as many."""


class LiveError:
    """An exception with the attributes of :class:`.tracebacks.FormattedError`, each read when it is first used."""

    __slots__ = ("_before", "_cause", "_is_caused", "_kind", "_members", "_remote", "_traceback", "_value", "name")

    unprinted: Final = 0

    def __init__(self, kind: type[BaseException], value: BaseException | None, traceback: TracebackType | None) -> None:
        """Keep what ``sys.exc_info`` says; nothing that outlives a logging call may keep the result.

        Args:
            kind: The exception's type.
            value: The exception; None where there is only a type.
            traceback: Where it was raised, which loguru does not leave with the exception.
        """
        self._kind, self._value, self._traceback = kind, value, traceback
        self.name: Final = type_name(kind)
        cause: BaseException | None = None if value is None else read_cause(value)
        self._is_caused = cause is not None
        if cause is None and value is not None and not read_suppress_context(value):
            cause = read_context(value)
        self._cause = None if cause is value else cause  # its own cause is printed once
        # What was read already.
        self._remote: FormattedError | None = None
        self._before: Error | None = None
        self._members: Sequence[Error] | None = None

    @property
    def key(self) -> int:
        """A number that no other exception has while both exist."""
        return id(self._value)

    @property
    def line(self) -> str:
        """``Type: message``, and its notes.

        As Python prints it, except that a SyntaxError has its place behind its message. Python's own function is not
        used: it reads the source of the whole chain, and searches attributes of the application's objects for a name to
        suggest.
        """
        if self._value is None:
            return self.name
        said, notes = _said_by(self._value), read_attributes(self._value).get("__notes__")
        line = f"{self.name}: {said}" if said else self.name
        if type(notes) in (list, tuple):
            line = "\n".join((line, *(note for note in notes if type(note) is str)))
        return line.strip()

    @property
    def message(self) -> str:
        """What the exception says, but only as much as can be read back from a printed traceback."""
        value = self._value
        if value is None:
            return ""
        # What str() adds to a SyntaxError, its file and line, tracebacks print elsewhere.
        said = _said_by(_SYNTAX_ERRORS.__get__(value) if issubclass(type(value), SyntaxError) else value)
        return up_to_a_blank_line(said) if "\n" in said else said

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Path, line and function of each frame, the outermost first."""
        remote = self._told_elsewhere() if self._is_caused else None
        return remote.frames if remote else frames_of(self._traceback)

    @property
    def before(self) -> Error | None:
        """The exception before it in the chain: its cause, or the one that was handled when it was raised."""
        if self._before is None and self._cause is not None:
            remote = self._told_elsewhere()
            self._before = remote.before if remote else live(self._cause)
        return self._before

    @property
    def is_caused(self) -> bool:
        """Whether ``before`` is its cause, and not an exception that was being handled."""
        remote = self._told_elsewhere()
        return remote.is_caused if remote else self._is_caused

    @property
    def members(self) -> Sequence[Error]:
        """What a group holds."""
        if self._members is None:
            # On Python 3.10 they come from a package, which a program that has such a group has imported.
            group: Any = _GROUP or getattr(sys.modules.get("exceptiongroup"), "BaseExceptionGroup", None)
            if group is None or not issubclass(self._kind, group) or self._value is None:
                self._members = ()
            else:
                remote = self._told_elsewhere()
                held: tuple[BaseException, ...] = group.__dict__["exceptions"].__get__(self._value)
                self._members = (remote and remote.members) or tuple(map(live, held))
        return self._members

    def _told_elsewhere(self) -> FormattedError | None:
        """Return the exception as another process has printed it; None if it was raised in this process, as most."""
        cause = self._cause
        if self._remote is None and self._is_caused and cause is not None and is_remote(type_name(type(cause))):
            here = FormattedError(self.name, "", frames_of(self._traceback))
            self._remote = joined(here, parse_remote(_text_of(cause)))
        return self._remote


_GROUP: Final = getattr(builtins, "BaseExceptionGroup", None)
_SYNTAX_ERRORS: Final = SyntaxError.__dict__["msg"]

Error = LiveError | FormattedError


def live(value: BaseException) -> LiveError:
    """Return an exception with its own traceback."""
    return LiveError(type(value), value, read_traceback(value))


def frames_of(traceback: TracebackType | None) -> tuple[Frame, ...]:
    """Return a traceback's frames, the outermost first."""
    frames: list[Frame] = []
    try:
        while traceback is not None:
            code = traceback.tb_frame.f_code
            frames.append((code.co_filename, traceback.tb_lineno, code.co_name))
            traceback = traceback.tb_next
    except Exception:  # noqa: BLE001 - Celery's looks like a traceback, but others have anything there
        return ()
    return tuple(frames)


def _text_of(said: object) -> str:
    try:
        return str.__str__(str(said))  # plain characters, also of a subclass of str
    except Exception:  # noqa: BLE001 - exceptions with hostile attributes exist
        return "<exception str() failed>"


def _said_by(value: object) -> str:
    """Return what an exception says; of a traceback that another process has printed into it, the last line."""
    said = _text_of(value)
    found = parse_traceback(as_printed(said)) if TRACEBACK in said else None
    return f"{found[0].rstrip()}\n{found[1].line}".strip() if found else said


def leaves_of(error: Error) -> tuple[Error, ...]:
    """Return what the first group in a chain of exceptions holds, and the groups in it: fifteen at most."""
    if error.before is None and not error.members:  # most
        return ()

    def leaves(error: Error, depth: int) -> Iterator[Error]:
        held = () if depth == _MAX_DEPTH else error.members[:_MAX_MEMBERS]
        if not held:
            yield error
        for member in held:
            yield from leaves(member, depth + 1)

    group = _first_group(error)
    return () if group is None else tuple(itertools.islice(leaves(group, 0), _MAX_MEMBERS))


def count_leaves(error: Error) -> int:
    """Return how many exceptions the first group in a chain holds, without a limit.

    A group that was printed counts as many as its text says. A group below the levels that Python prints counts as one.
    """
    known: dict[tuple[int, int], int] = {}  # a group may hold another one many times

    def count(error: Error, depth: int) -> int:
        """Return how many exceptions one holds that stands so deep in the group."""
        held = () if depth == _MAX_DEPTH else error.members
        if not held:
            return 1
        key = error.key, depth
        if key not in known:
            known[key] = sum(count(member, depth + 1) for member in held) + error.unprinted
        return known[key]

    group = _first_group(error)
    return 0 if group is None else count(group, 0)


def _first_group(error: Error) -> Error | None:
    link: Error | None = error
    for _ in range(_MAX_LINKS):
        if link is None or link.members:
            return link
        link = link.before
    return None
