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
import string
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

Frame = tuple[str, int, str]
"""Path, line and function."""

SIGN: Final = "Traceback (most recent call last)"
TRACEBACK: Final = f"{SIGN}:"

_MEMBERS: Final = "+-+----------------"
"""Stands where the members of a group begin."""

_STACK: Final = "Stack (most recent call last):"
"""Begins where a record was logged, behind its message and exception."""

_FRAME: Final = re.compile(
    r'^(?:(> )|[> ]*)File "([^"\n]+)", line (\d{1,18})\d*, in ([^\n]+)$'  # int() refuses thousands of digits
    r"|^ *\[Previous line repeated (\d{1,18})\d* more times?\]$",
    re.MULTILINE,
)
_SYNTAX_ERROR: Final = re.compile(r'^ *File "([^"\n]+)", line (\d{1,18})$', re.MULTILINE)
"""Where a SyntaxError is; the code stands in the lines below."""
_FOLDERS: Final = re.compile(r".*[/\\]", re.DOTALL)
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
    """An exception as it was printed.

    Attributes:
        name: The exception's type, with its module.
        line: ``Type: message``, of a SyntaxError with its place, as ``str`` has it.
        frames: Path, line and function of each frame, the outermost first.
        before: The exception before it in the chain; None for the first.
        is_caused: Whether ``before`` is its cause, and not an exception that was being handled.
        members: What a group holds, as far as it was printed.
        unprinted: How many more it holds.
        place: Where a SyntaxError is: `` (plugin.py, line 1)``.
    """

    name: str
    line: str
    frames: tuple[Frame, ...] = ()
    before: FormattedError | None = None
    is_caused: bool = False
    members: tuple[FormattedError, ...] = ()
    unprinted: int = 0
    place: str = ""

    @property
    def message(self) -> str:
        """What the exception says, without its type and its place."""
        return self.line[len(self.name) + 1 :].removeprefix(" ").replace(self.place, "", 1)

    @property
    def key(self) -> int:
        """A number that no other exception has while both exist."""
        return id(self)


_qualname: Final = type.__dict__["__qualname__"].__get__
_module: Final = type.__dict__["__module__"].__get__


def _reader(name: str) -> Callable[[BaseException], Any]:  # the type of the result depends on the name
    getter: Callable[[BaseException], Any] = BaseException.__dict__[name].__get__
    return getter


# What Python itself keeps with an exception: no code of its class runs.
read_cause: Final = _reader("__cause__")
read_context: Final = _reader("__context__")
read_suppress_context: Final = _reader("__suppress_context__")
read_traceback: Final = _reader("__traceback__")
read_attributes: Final = _reader("__dict__")


def type_name(exc_type: type[BaseException]) -> str:
    """Return a type's name as tracebacks print it; run no code of its metaclass."""
    name: str = _qualname(exc_type)
    module = _module(exc_type)
    return name if module in ("builtins", "__main__") or type(module) is not str else f"{module}.{name}"


def frames_in(text: str) -> tuple[Frame, ...]:
    """Return the frames that were printed in a text, in their order; those of a recursion as often as they were.

    Loguru also prints the callers of the function that caught the exception. It marks that function, where the
    traceback begins: the frames before the mark are left out.
    """
    frames: list[Frame] = []
    left = _MAX_REPEATED
    for mark, path, line, function, times in _FRAME.findall(text):
        if mark:
            frames.clear()
        if path:
            frames.append((path, int(line), function))
        elif frames:
            repeated = min(int(times), left)
            left -= repeated
            frames += frames[-1:] * repeated
    return tuple(frames)


def is_printed(value: object) -> bool:
    """Tell whether a value is the text of an exception or of a stack, as structlog adds one to a record."""
    return type(value) is str and (TRACEBACK in value or value.startswith(_STACK))


def structured(value: object, depth: int = 0) -> FormattedError | None:
    """Return the exception that structlog's ``dict_tracebacks`` has taken apart; None if a value is something else.

    Args:
        value: A list with a dictionary for each exception of a chain, the last one first.
        depth: How many groups it stands in.
    """
    last: FormattedError | None = None
    is_caused = False
    try:
        for found in (_checked(one, dict) for one in _checked(value, list)[::-1]):
            name, said = (_checked(found[key], str) for key in ("exc_type", "exc_value"))
            notes = (_checked(note, str) for note in _checked(found.get("exc_notes", []), list))
            frames = tuple(
                (_checked(at["filename"], str), min(_checked(at["lineno"], int), _MAX_LINE), _checked(at["name"], str))
                for at in (_checked(frame, dict) for frame in _checked(found["frames"], list))
            )
            # A list may hold itself, and more than once.
            members = _checked(found.get("exceptions", []), list)[:_MAX_MEMBERS] if depth < _MAX_STRUCTURED else []
            errors = tuple(filter(None, (structured(member, depth + 1) for member in members)))
            line = "\n".join((f"{name}: {said}" if said else name, *notes))
            last = FormattedError(name, line, frames, last, is_caused, errors)
            is_caused = found["is_cause"] is True
    except (TypeError, KeyError):
        return None
    return last


_MAX_LINE: Final = 10**18
"""Python refuses to print numbers of thousands of digits."""
_MAX_STRUCTURED: Final = 3
_MAX_MEMBERS: Final = 15
"""Groups in groups, and members of one, that are looked at: as many members as Python prints."""

_Kind = TypeVar("_Kind")


def _checked(value: object, kind: type[_Kind]) -> _Kind:
    if type(value) is not kind:
        raise TypeError
    return value


def without_stack(text: str) -> tuple[str, str]:
    """Split a text into the message and the stack that logging prints behind it; the stack may be empty."""
    said, sign, stack = text.rpartition(_STACK)
    return (said, stack) if sign and (not said or said.endswith("\n")) else (text, "")


def before_traceback(text: str) -> str:
    """Return what was said before a traceback, or the whole text."""
    said, sign, _ = text.partition(TRACEBACK)
    return _said_before(said, _GROUP) if sign else said


def parse_traceback(text: str) -> tuple[str, FormattedError] | None:
    """Find a traceback in a text.

    Args:
        text: A message, perhaps with a traceback at its end.

    Returns:
        The message before it, and the exception; None where there is none.
    """
    text = text.replace("\r\n", "\n")  # of a child, or of another machine
    said, sign, _ = text.partition(TRACEBACK)
    if not sign:
        group = _NEVER_RAISED_GROUP.search(text) if _MEMBERS in text else None
        error = _tree(text[group.start() :].split("\n")).error() if group else None
        return (text[: group.start()], error) if group and error else None
    error = _tree(text.split("\n")).error() if _MEMBERS in text else _last_of(text, None)
    if error is None:
        return None
    return _said_before(said, _GROUP if _MEMBERS in text else _NEVER_RAISED), error


def never_raised(text: str) -> FormattedError | None:
    """Return the exception that a text is if it was printed without a traceback."""
    found = _NEVER_RAISED_MEMBER.match(text)
    return FormattedError(found[0].rstrip(":"), text) if found else None


def _said_before(text: str, oldest: re.Pattern[str]) -> str:
    """Return a message without the beginning, or the name, of the traceback behind it.

    Args:
        text: What stands before the first traceback.
        oldest: Finds the exception with which its chain begins.
    """
    begin = _REMOTE.search(text) or oldest.search(text)
    said = text[: begin.start()] if begin else text
    return _OPENED.sub("", said.rstrip(_NAME) if begin and begin.re is _REMOTE else said)


_OPENED: Final = re.compile(r"""[ ,]{0,2}"?\b(?:exception|exc_info)"?[ ]?[=:][ ]?["']\Z""")
"""``exception='`` of structlog's renderers."""


_GROUP: Final = re.compile(r"^ *(?:\|.*|\+ Exception Group )$", re.MULTILINE)
_NEVER_RAISED_GROUP: Final = re.compile(
    rf"^  \| {_TYPE}: .*\n(?:  \|.*\n){{0,20}}  {re.escape(_MEMBERS)} 1 -", re.MULTILINE
)
"""A group without a traceback, behind which none may follow. Of its message twenty lines at most, as above."""


def _last_of(text: str, before: FormattedError | None) -> FormattedError | None:
    """Return the last exception of a chain, linked to the others and to what was before the chain."""
    link, *tracebacks = text.split(TRACEBACK)
    last = before
    for number, traceback in enumerate(tracebacks):
        for found in list(_NEVER_RAISED.finditer(link))[1 if number else 0 :]:  # the first was raised in the traceback
            if is_remote(found[1]):
                continue
            caused = _says_caused(link[: found.start()])
            last = FormattedError(found[1], found[0].rstrip("\n"), before=last, is_caused=caused)
        error = _parsed(traceback)
        if error is not None and _END_OF_REMOTE.search(link):
            last = joined(error, last)
        elif error is not None:
            # Without a sentence between them both are the same exception: a renderer and QueueHandler have printed it.
            last = error._replace(before=last if _LINK.search(link) else None, is_caused=_says_caused(link))
        link = traceback
    return last


_LINK: Final = re.compile("direct cause|During handling")


def _says_caused(text: str) -> bool:
    """Tell whether the last sentence in a text that links two exceptions says "direct cause"."""
    return text.rfind("direct cause") > text.rfind("During handling")


def _parsed(text: str) -> FormattedError | None:
    end = max((frame.end() for frame in _FRAME.finditer(text)), default=0)
    # The first line that is not indented begins the exception. The lines up to a blank one belong to its message.
    begin = _NOT_INDENTED.search(text, end) if end else None
    if begin is None:
        return None
    line = up_to_a_blank_line(text[begin.start() :])
    name, frames = line.partition(":")[0], frames_in(text[:end])
    found = _SYNTAX_ERROR.search(text, end, begin.start())
    if found is None:
        return FormattedError(name, line, frames)
    place = f" ({_FOLDERS.sub('', found[1])}, line {found[2]})"
    first, sign, rest = line.partition("\n")
    return FormattedError(name, f"{first}{place}{sign}{rest}", frames, place=place)


def up_to_a_blank_line(text: str) -> str:
    """Return the beginning of a text: what follows a blank line may not belong to the exception's message."""
    return _BLANK_LINE.split(text, maxsplit=1)[0]


# -- Quotes, margins and boxes ---------------------------------------------------------------------


def as_printed(text: str) -> str:
    """Return a text with its traceback as Python prints it: out of quotes, at the end, without a margin or a box.

    Programs log what others have printed as ``repr`` or as JSON, or indented. Of several tracebacks in quotes the first
    is taken out, with its whole chain. Rich, which structlog's ConsoleRenderer uses where it is installed, draws boxes.
    """
    if SIGN not in text:
        return text
    if "╭" in text:
        text = _BOX.sub(_unboxed, text)
    begin = text.find(f"{TRACEBACK}\\")
    found = _QUOTED.search(text, max(begin - _MAX_OPENING, 0)) if begin >= 0 else None
    if found is not None:
        printed = _ESCAPE.sub(_unescaped, found[3])
        if found[1]:
            printed = printed.encode("latin-1", "replace").decode("utf-8", "replace")
        else:  # JSON writes some characters as two surrogates
            printed = printed.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if parse_traceback(printed):
            text = f"{text[: found.start()]}{text[found.end() :]}\n{printed}"
    said, sign, _ = text.partition(TRACEBACK)
    margin = said.rpartition("\n")[2]
    # Of the first one only: an exception's message may hold a traceback with a margin.
    return text.replace(f"\n{margin}", "\n") if sign and margin.isspace() else text


_QUOTED: Final = re.compile(
    rf"""
    (?: [ ,]{{0,2}} "?\b(?:exception|exc_info)"? [ ]?[=:][ ]? )?
    (\bb)? (["']) ( (?:[ ]{{2}}\+[ ]Exception[ ]Group[ ])? {re.escape(TRACEBACK)} \\[nr]
    (?: [^\\"']+ | \\. | (?!\2)["'] )* ) \2?
    """,
    re.VERBOSE | re.DOTALL,
)
"""A string, or bytes, with a traceback; it may have lost its end: what has begun to match does match."""
_MAX_OPENING: Final = 60
"""Characters, at most, by which such a string begins before its traceback."""
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "", "t": "\t"}

_BOX: Final = re.compile(r"^╭─+ Traceback \(most recent call last\) ─+╮\n((?:│.*\n)+)╰─+╯$", re.MULTILINE)
_HEADS: Final = re.compile(r"(?:^│ [^\s╭│╰❱].*\n)+", re.MULTILINE)
"""Lines in a box that name a frame: the lines of code are indented, and what is local stands in a box of its own."""
_HEAD: Final = re.compile(r"(.+):(\d{1,18}) ?in (.+)")


def _unboxed(box: re.Match[str]) -> str:
    heads = ("".join(line.strip("│ ") for line in head.split("\n")) for head in _HEADS.findall(box[1]))
    return "\n".join([TRACEBACK, *map(_as_frame, heads)])


def _as_frame(head: str) -> str:
    found = _HEAD.fullmatch(head)  # anchored: a search would begin at each character of a long line
    return f'  File "{found[1]}", line {found[2]}, in {found[3]}' if found else head


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else _ESCAPES.get(found[3], found[3])


# -- Other processes -------------------------------------------------------------------------------
#
# A pool of processes hands an exception over with a cause that holds the traceback of the very same exception there::
#
#     concurrent.futures.process._RemoteTraceback:
#     """
#     Traceback (most recent call last):                        perhaps a chain, and groups
#       File "shop.py", line 3, in pay
#     ValueError: no
#     """
#
#     The above exception was the direct cause of the following exception:
#
#     Traceback (most recent call last):
#       File "shop.py", line 7, in main                         where this process has asked for the result
#     ValueError: no

_REMOTE: Final = re.compile(r"""RemoteTraceback: ?\n["']{3}\n""")
_NAME: Final = "._<>" + string.ascii_letters + string.digits
_END_OF_REMOTE: Final = re.compile(r"""^["']{3}\n\s*The above exception was the direct cause""", re.MULTILINE)


def is_remote(name: str) -> bool:
    """Tell whether a type is the one by which a pool of processes hands over a traceback."""
    return name.rpartition(".")[2] in ("RemoteTraceback", "_RemoteTraceback")


def parse_remote(text: str) -> FormattedError | None:
    """Find the exception in the text of such a cause; None if there is none."""
    found = parse_traceback(text)
    return found and found[1]


def joined(error: FormattedError, remote: FormattedError | None) -> FormattedError:
    """Return an exception with what another process knows of it.

    Args:
        error: The exception as this process has it.
        remote: The exception as the other process has printed it; None if that cannot be read. If its type is another
            one, it is the cause: a pool that is broken names what has broken it.
    """
    if remote is None:
        return error._replace(before=None)
    if remote.name.rpartition(".")[2] != error.name.rpartition(".")[2]:  # __main__ may have another name there
        line = remote.line.removesuffix('\n"""').removesuffix("\n'''")
        return error._replace(before=remote._replace(line=line), is_caused=True)
    frames = error.frames if error.frames[-len(remote.frames) :] == remote.frames else error.frames + remote.frames
    return error._replace(
        frames=frames,
        before=remote.before,
        is_caused=remote.is_caused,
        members=remote.members,
        unprinted=remote.unprinted,
    )


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

    def error(self, depth: int = 0) -> FormattedError | None:
        """Return the last exception of the chain.

        Args:
            depth: Groups in which it stands.
        """
        last: FormattedError | None = None
        for lines, members in self.stretches:
            text = "\n".join(lines)
            if last is None and 0 < depth < _MAX_DEPTH and _MEMBERS in text:  # a group of another process
                last = _tree(lines).error(depth + 1)
            elif TRACEBACK in text:
                last = _last_of(text, last)
            elif last is None and (begin := _NEVER_RAISED_MEMBER.search(text)):
                line = up_to_a_blank_line(text[begin.start() :])
                last = FormattedError(line.partition(":")[0], line)
            if last is not None and members and not last.members:  # those of another process know their tracebacks
                errors = (member.error(depth + 1) for member in members)
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
    """Return the chain of exceptions that is printed in lines, by their margins."""
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
