"""Exceptions that were printed before a handler saw their record, read back: what QueueHandler and others leave.

A chain of exceptions is printed with the oldest first. What an exception group holds stands below it, behind a margin
that grows by two blanks with each level::

      + Exception Group Traceback (most recent call last):      a group, and its lines
      |   File "shop.py", line 7, in main
      | ExceptionGroup: unhandled errors (2 sub-exceptions)
      +-+---------------- 1 ----------------                    its first member
        | Traceback (most recent call last):                    which is a chain itself
        |   File "shop.py", line 3, in pay
        | ValueError: no
        +---------------- 2 ----------------
        | KeyError: 'tea'                                       one that was never raised
        +------------------------------------

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

Frame = tuple[str, int, str]
"""Path, line and function."""

TRACEBACK: Final = "Traceback (most recent call last):"

_MEMBERS: Final = "+-+----------------"
"""Stands where the members of a group begin."""

_STACK: Final = "Stack (most recent call last):"
"""Begins where a record was logged, behind its message and exception."""

_FRAME: Final = re.compile(
    r'^[> ]*File "([^"\n]+)", line (\d{1,18})\d*, in ([^\n]+)$'  # int() refuses thousands of digits
    r"|^ *\[Previous line repeated (\d{1,18})\d* more times?\]$",
    re.MULTILINE,
)
_MAX_REPEATED: Final = 100_000
"""Frames of a recursion that are counted; a text may claim any number."""
_NOT_INDENTED: Final = re.compile(r"^\S", re.MULTILINE)
_BLANK_LINE: Final = re.compile(r"\n[^\S\n]*(?:\n|\Z)")
_MARGIN: Final = re.compile(r"( *)(?:\||\+(?= Exc)) ?(.*)")
_MEMBER: Final = re.compile(r"( *)\+(-\+)?-{4,} (?:\d+|\.\.\.) -{4,}$")
_END: Final = re.compile(r" *\+-{4,}$")
_TYPE: Final = r"(?:[\w<>]+\.)*[A-Z]\w*"
_NEVER_RAISED: Final = re.compile(
    rf"""
    ^ ({_TYPE}) (?: :.* (?: \n(?! {_TYPE} (?: : | $ ) ).+ ){{0,20}} )?
    \n\n (?= The[ ]above[ ]exception[ ]was | During[ ]handling[ ]of[ ]the[ ]above )
    """,
    re.MULTILINE | re.VERBOSE,
)
"""An exception without a traceback from which another was raised. Of its message twenty lines at most, so that a text
is not looked through again from each of its lines."""
_NEVER_RAISED_MEMBER: Final = re.compile(rf"^{_TYPE}(?::|$)", re.MULTILINE)


class FormattedError(NamedTuple):
    """What is left of an exception.

    Attributes:
        name: The exception's type, with its module.
        line: ``Type: message``.
        frames: Path, line and function of each frame, the outermost first.
        before: What was raised before it; None when nothing was.
        is_caused: Whether it was raised from what was before, and not while that was handled.
        members: What a group holds, as far as it was printed.
        unprinted: How many more it holds.
    """

    name: str
    line: str
    frames: tuple[Frame, ...] = ()
    before: FormattedError | None = None
    is_caused: bool = False
    members: tuple[FormattedError, ...] = ()
    unprinted: int = 0

    @property
    def message(self) -> str:
        """What the exception says, without its type."""
        return self.line[len(self.name) + 1 :].removeprefix(" ")


def type_name(exc_type: type[BaseException]) -> str:
    """Return a type's name as tracebacks print it."""
    module = exc_type.__module__
    return exc_type.__qualname__ if module in ("builtins", "__main__") else f"{module}.{exc_type.__qualname__}"


def frames_in(text: str) -> tuple[Frame, ...]:
    """Return the frames that were printed in a text, in their order; those of a recursion as often as they were."""
    frames: list[Frame] = []
    left = _MAX_REPEATED
    for path, line, function, times in _FRAME.findall(text):
        if path:
            frames.append((path, int(line), function))
        elif frames:
            repeated = min(int(times), left)
            left -= repeated
            frames += frames[-1:] * repeated
    return tuple(frames)


def without_stack(text: str) -> tuple[str, str]:
    """Split a text into what was said and where: the stack that logging prints behind it, empty where there is none."""
    said, sign, stack = text.rpartition(_STACK)
    return (said, stack) if sign and (not said or said.endswith("\n")) else (text, "")


def before_traceback(text: str) -> str:
    """Return what was said before a traceback, or the whole text."""
    said, sign, _ = text.partition(TRACEBACK)
    begin = _GROUP.search(said) if sign else None
    return said[: begin.start()] if begin else said


def parse_traceback(text: str) -> tuple[str, FormattedError] | None:
    """Find a traceback in a text.

    Args:
        text: A message, perhaps with a traceback at its end.

    Returns:
        The message before it, and the exception; None where there is none.
    """
    said, sign, _ = text.partition(TRACEBACK)
    if not sign:
        return None
    error = _tree(text.split("\n")).error() if _MEMBERS in text else _last_of(text, None)
    if error is None:
        return None
    begin = _GROUP.search(said) if _MEMBERS in text else _NEVER_RAISED.search(said)
    return (said[: begin.start()] if begin else said), error


_GROUP: Final = re.compile(r"^ *(?:\|.*|\+ Exception Group )$", re.MULTILINE)


def _last_of(text: str, before: FormattedError | None) -> FormattedError | None:
    """Return the last exception of a chain, linked to the others and to what was before the chain."""
    link, *tracebacks = text.split(TRACEBACK)
    last = before
    for number, traceback in enumerate(tracebacks):
        for found in list(_NEVER_RAISED.finditer(link))[1 if number else 0 :]:  # the first was raised in the traceback
            caused = _says_caused(link[: found.start()])
            last = FormattedError(found[1], found[0].rstrip("\n"), before=last, is_caused=caused)
        error = _parsed(traceback)
        if error is not None:
            last = error._replace(before=last, is_caused=_says_caused(link))
        link = traceback
    return last


def _says_caused(text: str) -> bool:
    """Tell which of two sentences stands between an exception, behind a text, and the one before."""
    return text.rfind("direct cause") > text.rfind("During handling")


def _parsed(text: str) -> FormattedError | None:
    end = max((frame.end() for frame in _FRAME.finditer(text)), default=0)
    # The first line that is not indented is the exception's; what follows it, up to an empty line, is its message's.
    begin = _NOT_INDENTED.search(text, end) if end else None
    if begin is None:
        return None
    line = up_to_a_blank_line(text[begin.start() :])
    return FormattedError(line.partition(":")[0], line, frames_in(text[:end]))


def up_to_a_blank_line(text: str) -> str:
    """Return the beginning of a text; behind a blank line there may be something else than the exception's message."""
    return _BLANK_LINE.split(text, maxsplit=1)[0]


# -- Groups ----------------------------------------------------------------------------------------


class _Node:
    """A chain of exceptions of which some are groups: stretches of text, each with the members that follow it."""

    def __init__(self) -> None:
        self.stretches: list[tuple[list[str], list[_Node]]] = [([], [])]

    def add_line(self, line: str) -> None:
        if self.stretches[-1][1]:  # the line goes on with the chain after a group
            self.stretches.append(([], []))
        self.stretches[-1][0].append(line)

    def add_member(self) -> _Node:
        member = _Node()
        self.stretches[-1][1].append(member)
        return member

    def error(self) -> FormattedError | None:
        """Return the last exception of the chain."""
        last: FormattedError | None = None
        for lines, members in self.stretches:
            text = "\n".join(lines)
            if TRACEBACK in text:
                last = _last_of(text, last)
            elif last is None and (begin := _NEVER_RAISED_MEMBER.search(text)):
                line = up_to_a_blank_line(text[begin.start() :])
                last = FormattedError(line.partition(":")[0], line)
            if last is not None and members:
                errors = (member.error() for member in members)
                found = _UNPRINTED.search("\n".join(members[-1].stretches[0][0]))
                last = last._replace(
                    members=tuple(error for error in errors if error is not None),
                    unprinted=int(found[1]) if found else 0,
                )
        return last


_UNPRINTED: Final = re.compile(r"^and (\d{1,18})\d* more exceptions?$", re.MULTILINE)

_MAX_DEPTH: Final = 10
"""Levels of groups that Python prints; a text that was not printed by it may claim more."""


def _tree(lines: Iterable[str]) -> _Node:
    """Return the chain that lines tell of, by their margins."""
    root = _Node()
    path = [root]  # to the member whose lines are being read, by depth
    for line in lines:
        if found := _MEMBER.match(line):
            depth = min(len(found[1]) // 2 - (0 if found[2] else 1), len(path), _MAX_DEPTH)
            del path[max(depth, 1) :]
            path.append(path[-1].add_member())
        elif found := _MARGIN.match(line):
            depth = min(max(len(found[1]) // 2 - 1, 0), len(path) - 1)
            path[depth].add_line(found[2])
        elif not _END.match(line):
            root.add_line(line)
    return root
