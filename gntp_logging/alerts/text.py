"""What an alert says: the exception, the message, the innermost frames; on a toast of nine lines. Pure.

The thread that logs makes a :class:`Draft`, and the worker the text of it: secrets are masked before anything is cut,
because half a secret looks like none. The thread that logs cuts only what is far beyond what will be shown.
"""

from __future__ import annotations

import copy
import functools
import logging
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from .application import Place
from .clean import clean
from .errors import Error, LiveError, count_leaves, live
from .json_messages import read_json
from .tracebacks import (
    FormattedError,
    before_traceback,
    frames_in,
    is_printed,
    never_raised,
    parse_traceback,
    structured,
)
from .values import shown, shown_items

EXTRA_KEY: Final = "gntp"
"""Attribute of a record that holds its overrides: ``extra={"gntp": {...}}``. Loguru and structlog bind it elsewhere."""

MAX_TITLE: Final = 120
"""Characters: four lines of a toast, which is still a title."""

_CUT_MARK_SIZE: Final = 32
"""Characters kept free for a line "... (+1,000,000,000 characters)"."""

_NO_MESSAGE: Final = "(empty message)"

_MAX_LEAVES: Final = 3
"""Exceptions of a group that are shown; the others are counted."""

_TOAST_LINES: Final = 9
_TOAST_WIDTH: Final = 30
"""Lines, and characters of a line, that growl-for-linux shows of a text (measured); Growl shows a little more."""

_KEPT_LINES: Final = 1
"""Lines kept free for when the first and the last of several records were logged."""

_MAX_FRAMES: Final = 5
"""Frames that are shown, however large the toast."""

_MAX_HEAD: Final = 4
"""Lines of the exception, and lines of the message, at most: the frames fill what the toast has left."""

_LEAST_RAW: Final = 16_384
_RAW_FACTOR: Final = 4
MAX_RAW_LINE: Final = 4096
"""Characters of what will be one line of at most 200: a queue may hold thousands of alerts with dozens of them."""

_SEAM: Final = 200
"""Characters at the end of a raw text that was cut, of which the last word is left out: it may be half a secret."""

Missing = tuple[int, int]
"""How many characters, and how many line ends among them, were cut off."""

_COMPLETE: Final[Missing] = (0, 0)


class Raw(NamedTuple):
    """A text whose secrets are not masked yet, cut to a size that is worth looking through."""

    text: str
    missing: Missing = _COMPLETE


def raw_size(max_text: int) -> int:
    """Return how many characters of a text are looked through: four times what is shown of it, and at least 16 KiB.

    Args:
        max_text: Characters that will be shown; 0 for no limit.
    """
    return max(_RAW_FACTOR * max_text, _LEAST_RAW) if max_text else sys.maxsize


def raw(text: str, max_text: int) -> Raw:
    """Cut a text to the size that is looked through."""
    if len(text) <= _LEAST_RAW or len(text) <= (size := raw_size(max_text)):
        return Raw(text)
    kept = text[: size - _SEAM] + text[size - _SEAM : size].rpartition(" ")[0]
    return Raw(kept, (len(text) - len(kept), text.count("\n", len(kept))))


class Frames(NamedTuple):
    """Where an error happened.

    Attributes:
        lines: ``file:line in function`` of the frames that may be shown, the innermost first.
        further: How many more frames stand further out; the application's, or all if it has none.
        libraries: How many frames of libraries there are beside the application's.
    """

    lines: tuple[str, ...] = ()
    further: int = 0
    libraries: int = 0


_MAX_LINK: Final = 60
"""Characters of a cause: two lines of a toast."""


class Causes(NamedTuple):
    """The first and the last link of an exception's chain: causes, and exceptions that were handled meanwhile.

    Attributes:
        links: ``caused by`` or ``while handling``, and the exception's line; at most two.
        between: How many links stand between them.
    """

    links: tuple[tuple[str, str], ...] = ()
    between: int = 0

    def line(self) -> str:
        """Return them in one line: ``caused by A (+1 between), caused by Z``; empty where there are none."""
        between = f" (+{self.between} between)" if self.between else ""
        return f"{between}, ".join(f"{word} {one_line(line, _MAX_LINK)}" for word, line in self.links)


class Leaves(NamedTuple):
    """What a group of exceptions holds.

    Attributes:
        lines: ``Type: message`` of the first ones.
        more: How many others there are.
    """

    lines: tuple[str, ...] = ()
    more: int = 0

    def shown(self) -> list[str]:
        """Return a line for each, and one that counts the others."""
        return [*map(one_line, self.lines), *([f"+{self.more:,} more"] if self.more else [])]


_NO_CAUSES: Final = Causes()
_NO_LEAVES: Final = Leaves()


class Draft(NamedTuple):
    """What an alert's title and text are made of beside its message, once their secrets are masked.

    Attributes:
        error: The exception's line and its notes; blank where there is none.
        leaves: What the exception holds if it is a group, or was raised from one.
        frames: Where it happened; where there are leaves, the first of them.
        causes: The exceptions before it.
        missing: How much was cut off the message.
        notes: Lines about the alert itself, which are never cut.
        headline: The message's first line where the user's formatter has made another text of it.
    """

    error: Raw = Raw("")
    leaves: Leaves = _NO_LEAVES
    frames: Frames = Frames()
    causes: Causes = _NO_CAUSES
    missing: Missing = _COMPLETE
    notes: tuple[str, ...] = ()
    headline: str = ""

    def texts(self) -> Iterator[str]:
        """Yield its texts."""
        yield self.error.text
        yield from self.leaves.lines
        yield from self.frames.lines
        yield from (line for _, line in self.causes.links)
        yield from self.notes
        yield self.headline

    def cleaned(self) -> Draft:
        """Return it with each of its texts cleaned."""
        frames = self.frames._replace(lines=tuple(map(clean, self.frames.lines)))
        return self.masked(clean)._replace(frames=frames)

    def masked(self, mask: Callable[[str], str]) -> Draft:
        """Return it with each of its texts masked. Frames are masked later, in the finished text."""
        if self is PLAIN:
            return self
        return self._replace(
            error=self.error._replace(text=mask(self.error.text)),
            leaves=self.leaves._replace(lines=tuple(map(mask, self.leaves.lines))),
            causes=self.causes._replace(links=tuple((word, mask(line)) for word, line in self.causes.links)),
            notes=tuple(map(mask, self.notes)),
            headline=mask(self.headline),
        )

    @property
    def is_put_together(self) -> bool:
        """Whether the text is more than the message."""
        return bool(self.error.text or self.frames.lines)

    def exc_type(self) -> str:
        """Return the exception's type as tracebacks print it; empty where there is no exception."""
        return self.error.text.partition("\n")[0].partition(":")[0]

    def laid_out(self, title: str, message: str, last_line: str, max_text: int) -> tuple[str, str]:
        """Make title and text; the text may be empty, because the title says everything.

        Args:
            title: The user's; empty for what happened: the exception's line, or the message's first line.
            message: What was said, or what the user's formatter has made of it.
            last_line: What will stand below; it takes room on a toast.
            max_text: Characters of the text at most, without the notes; 0 for no limit. Neither the exception nor the
                message takes more than a third of them, so that it is not the frames that are cut.
        """
        error, said = _BEHIND_TYPE.sub(r"\1 ", _stripped(self.error.text)), _stripped(message)
        said = "" if _is_word_of(said, error) or _is_celerys(said, last_line) else _without_end(said, error)
        line, _, rest = (error or self.headline or said).partition("\n")
        headline = one_line(line)
        title = one_line(title) or headline or _NO_MESSAGE
        if title == " ".join(line.split()):  # all of it: what the title had to cut, the text has whole
            if error:
                error = rest
            elif said.partition("\n")[0] == line:  # a formatter may have made another text of it
                said = said.partition("\n")[2]
        if not self.is_put_together:
            return title, "\n".join(filter(None, (cut(said.strip("\n"), max_text, self.missing), *self.notes)))
        heads = [
            shortened(Raw(text.strip("\n"), missing), max_text // 3, _MAX_HEAD)
            for text, missing in ((error, self.error.missing), (said, self.missing))
            if text
        ]
        lines = [*(head.text for head in heads), *self.leaves.shown()]
        cause = self.causes.line()
        lines += fitted(self.frames, _TOAST_LINES - _KEPT_LINES - _height(*lines, cause, last_line))
        missing = (sum(head.missing[0] for head in heads), sum(head.missing[1] for head in heads))
        text = cut("\n".join(filter(None, (*lines, cause))), max_text, missing)
        return title, "\n".join(filter(None, (text, *self.notes)))


PLAIN: Final = Draft()
"""Of a message that is complete: most alerts share it."""


def first_line(text: str) -> str:
    """Return the first line of a text that is not blank, as long as it may be before its secrets are masked."""
    return text.strip()[:MAX_RAW_LINE].partition("\n")[0]


def _stripped(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


_BEHIND_TYPE: Final = re.compile(r"\A([\w.<>]+:)\s+")
"""Line ends may stand between a type and its message; a type alone is no title."""


def _is_word_of(said: str, text: str) -> bool:
    """Tell whether a text has another one in it, and not as a part of a word."""
    padded = f" {text} "
    begin = padded.find(said)
    while begin >= 0:
        end = begin + len(said)
        if not (padded[begin - 1 : begin + 1].isalnum() or padded[end - 1 : end + 1].isalnum()):
            return True
        begin = padded.find(said, begin + 1)
    return False


def _without_end(said: str, error: str) -> str:
    """Return a message without the exception at its end, as ``"not paid: %s", error`` has it."""
    for whole in error, error.partition("\n")[0]:  # with the notes, and without
        name, _, text = whole.partition(": ")
        short = name.rpartition(".")[2]
        for form in whole, f"{short}: {text}", f"{short}({text!r})", f"{short}({text})", text:
            if form and said.endswith(f": {form}"):
                return said[: -len(form) - 2]
    return _LOGURUS.sub("", said)


_LOGURUS: Final = re.compile(
    r"An error has been caught in function '[^']*', process 'MainProcess' \(\d+\), thread 'MainThread' \(\d+\):\Z"
)
"""What ``@logger.catch`` says, which the frames say better."""

_CELERYS: Final = re.compile(r"Task (\S+)\[([\w-]+)\] raised (?:un)?expected: ")


def _is_celerys(said: str, last_line: str) -> bool:
    """Tell whether a message is Celery's about a task's exception: exception and last line have all of it."""
    found = _CELERYS.match(said)
    return found is not None and all(name in last_line for name in found.groups())


def draft_of_error(error: Error, leaves: Sequence[Error], place: Place, max_text: int) -> Draft:
    """Return what the text of a record with an exception is made of.

    Args:
        error: The exception.
        leaves: What it holds: see :func:`.errors.leaves_of`. The cause of a single leaf is shown if the group has none.
        place: Where it happened, or the first that it holds.
        max_text: Characters to which the text will be cut; 0 for no limit.
    """
    line, frames = raw(error.line, max_text), frames_to_show(place)
    if not leaves and error.before is None:  # most
        return Draft(line, frames=frames)
    shown = tuple(leaf.line[:MAX_RAW_LINE] for leaf in leaves[:_MAX_LEAVES])
    causes = _causes_of(error)
    if len(leaves) == 1 and not causes.links:  # such as a TaskGroup's, if one task has failed
        causes = _causes_of(leaves[0])
    return Draft(line, Leaves(shown, count_leaves(error) - len(shown)), frames, causes)


def _height(*texts: str) -> int:
    """Return how many lines of a toast some texts take."""
    return sum(-(-len(line) // _TOAST_WIDTH) for text in texts for line in text.split("\n"))


def error_of(record: logging.LogRecord) -> LiveError | None:
    """Return a record's exception, in whatever form the record has it, or the event that structlog has made of it."""
    found: object = record.exc_info
    if not found:
        if type(record.msg) is not dict:
            return None
        found = record.msg.get("exc_info")
    if found is True:
        found = sys.exc_info()
    if issubclass(type(found), BaseException):
        return live(cast("BaseException", found))
    if type(found) is not tuple or len(found) != 3:
        return None
    kind, value, traceback = found
    if issubclass(type(value), BaseException):  # whatever type stands beside it: Python does not look there either
        return LiveError(type(value), value, traceback)
    if issubclass(type(kind), type) and issubclass(kind, BaseException):
        return LiveError(kind, None, traceback)
    return None


def printed(record: logging.LogRecord, event: Mapping[object, object]) -> tuple[str, str]:
    """Return the exception and the stack that a record, or the event of structlog in it, has as texts."""
    exc_text: object = record.exc_text
    stack: object = record.stack_info
    for added in event, record.__dict__:
        if not exc_text and (is_printed(said := added.get("exception")) or (added is event and _is_an_error(said))):
            exc_text = said
        if not stack and _is_a_stack(said := added.get("stack")):
            stack = said
    exc_text = exc_text if type(exc_text) is str and exc_text != _NO_EXCEPTION else ""
    return exc_text, stack if type(stack) is str else ""


def _is_an_error(said: object) -> bool:
    return type(said) is str and never_raised(said) is not None


def _is_a_stack(said: object) -> bool:
    return type(said) is str and bool(frames_in(said))


_NO_EXCEPTION: Final = "NoneType: None"
"""What formatters write for ``exc_info=True`` while no exception is handled."""


def without_no_exception(text: str) -> str:
    """Return a message without the line that says that there was no exception."""
    return text.rstrip("\n").removesuffix(f"\n{_NO_EXCEPTION}")


def without_error(said: str, error: Error) -> str:
    """Return a message without the traceback in it: loguru writes the record's own there.

    Of any other exception, such as what a child of this process has printed, the line stays.
    """
    before, other = parse_traceback(said) or (before_traceback(said), error)
    is_own = other.name.rpartition(".")[2] == error.name.rpartition(".")[2]
    return before if is_own else f"{before.rstrip()}\n{other.line}"


def printed_error(
    record: logging.LogRecord, event: Mapping[object, object], said: str, exc_text: str
) -> tuple[str, FormattedError] | None:
    """Return message and exception of a record whose exception was made a text, or lists and dictionaries.

    Args:
        record: The record.
        event: The event of structlog in it, or an empty one.
        said: The message, with which the exception may be printed.
        exc_text: The exception where it stands apart.
    """
    found = parse_traceback(f"{said}\n{exc_text}" if exc_text else said)
    if found is None:
        error = never_raised(exc_text) or structured(event.get("exception") or record.__dict__.get("exception"))
        found = (said, error) if error else None
    return found


def message(record: logging.LogRecord) -> str:
    """Return the record's message; the raw template where its arguments do not fit or cannot be printed."""
    msg = record.msg
    if type(msg) is str:
        if not record.args:
            return msg
    elif issubclass(type(msg), dict):
        return text_of_event(record, cast("dict[object, object]", msg))
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001, S110 - application code runs here, and whatever it raises, the alert goes out
        pass
    try:
        return str.__str__(msg) if issubclass(type(msg), str) else str(msg)
    except Exception:  # noqa: BLE001
        return f"<a message of type {type(msg).__name__} that cannot be printed>"


def text_of_event(record: logging.LogRecord, values: dict[object, object]) -> str:
    """Return a dictionary's event, and the other values in a second line; without an event all of them."""
    said = shown(dict.get(values, "event")) or ""
    if said and "_logger" in record.__dict__:  # structlog's own, whose values are context
        return said
    others = [
        (name, value) for name, value in list(dict.items(values))  # at once: another thread may change it
        if not (said and type(name) is str and _is_shown_elsewhere(record, name, value))
    ]  # fmt: skip
    return "\n".join(filter(None, (said, shown_items(others))))


def _is_shown_elsewhere(record: logging.LogRecord, name: str, value: object) -> bool:
    if name == EXTRA_KEY:
        return type(record.msg) is dict  # else it is a text, from which nothing is overridden
    return name == "event" or is_errors_own(name, value) or is_records_own(record, name, value)


def is_errors_own(name: object, value: object) -> bool:
    """Tell whether a value of an event is an exception or a stack, which an alert shows in their own places."""
    if name == "exception":  # a list is structlog's
        return value is None or type(value) is list or is_printed(value) or _is_an_error(value)
    return name in ("exc_info", "stack_info") or (name == "stack" and (value is None or _is_a_stack(value)))


def is_records_own(record: logging.LogRecord, name: str, value: object) -> bool:
    """Tell whether a value is the record's level or logger, as structlog repeats them."""
    if type(value) is not str:
        return False
    return (name == "logger" and value == record.name) or (name == "level" and value.upper() == record.levelname)


def frames_to_show(place: Place) -> Frames:
    """Return the application's innermost frames; where it has none, the innermost of whatever there is."""
    frames, own = place
    shown = (own or frames)[-_MAX_FRAMES:]
    return Frames(
        tuple(f"{_short(path)}:{number} in {function}" for path, number, function in reversed(shown)),
        len(own or frames) - len(shown),
        len(frames) - len(own) if own else 0,
    )


def fitted(frames: Frames, room: int) -> list[str]:
    """Return the frames that a toast has room for, and a line that counts the others.

    Args:
        frames: What may be shown.
        room: Lines of a toast to fill; there is always one frame.
    """
    lines = list(frames.lines[:1])
    for number, line in enumerate(frames.lines[1:], 2):
        has_others = bool(number < len(frames.lines) or frames.further or frames.libraries)
        if _height(*_ordered([*lines, line])) + has_others > room:  # the count of the others takes a line
            break
        lines.append(line)
    others = frames.further + len(frames.lines) - len(lines)
    counts = [f"+{others} further out" if others else "", _count_of(frames.libraries) if frames.libraries else ""]
    counted = ", ".join(filter(None, counts))
    return [*_ordered(lines), *([f"({counted})"] if counted else [])]


def _ordered(lines: list[str]) -> list[str]:
    """Mark the innermost of several frames."""
    return [f"innermost: {lines[0]}", *lines[1:]] if len(lines) > 1 else lines


def _count_of(libraries: int) -> str:
    return f"+{libraries} in libraries" if libraries > 1 else "+1 in a library"


def _causes_of(error: Error) -> Causes:
    """Return the first and the last link of an exception's chain."""
    links: list[tuple[str, Error]] = []
    known = {error.key}  # a chain may be a circle
    while (before := error.before) is not None and before.key not in known:
        links.append(("caused by" if error.is_caused else "while handling", before))
        known.add(before.key)
        error = before
    ends = links[:1] + links[1:][-1:]
    return Causes(tuple((word, link.line[:MAX_RAW_LINE]) for word, link in ends), len(links) - len(ends))


@functools.lru_cache(maxsize=4096)
def _short(path: str) -> str:
    """Keep a file's name and its folder's: enough to know it, short enough for a toast."""
    return "/".join(path.replace(os.sep, "/").rsplit("/", 2)[-2:])


def formatted(record: logging.LogRecord, formatter: logging.Formatter) -> str | None:
    """Return the message as the user's formatter shapes it; None when it fails, or makes no other text of it.

    A formatter appends exception and stack, which are shown in another place: it gets the record without them.
    """
    bare = copy.copy(record)  # Formatter writes into the record that it formats
    bare.exc_info = bare.exc_text = bare.stack_info = None
    if type(bare.msg) is dict:  # structlog's
        bare.msg = cast("str", {name: value for name, value in bare.msg.items() if not is_errors_own(name, value)})
    try:
        text = formatter.format(bare)
        found = read_json(bare, text, is_formatted=True) if text[:1] == "{" else None
        return before_traceback(text_of_event(record, found[0]) if found else text)
    except Exception:  # noqa: BLE001 - see message()
        return None


def shortened(part: Raw, max_text: int, max_lines: int = 0) -> Raw:
    """Cut a text between lines where it can, else between characters, which an ellipsis marks.

    Args:
        part: The text, and what was cut off before.
        max_text: Characters at most; 0 for no limit.
        max_lines: The same for lines.
    """
    text, (characters, lines) = part
    kept = "\n".join(text.split("\n", max_lines)[:max_lines]) if max_lines else text
    mark = ""
    if max_text and len(kept) > max_text:
        kept = kept[: boundary(kept, max_text - 1)]
        whole = kept.rfind("\n")
        kept, mark = (kept[:whole], "") if whole >= max(1, len(kept) // 2) else (kept, "…")
    return Raw(kept + mark, (characters + len(text) - len(kept), lines + text.count("\n", len(kept))))


def cut(text: str, max_text: int, missing: Missing = _COMPLETE) -> str:
    """Cut a text to a readable size, and say in a line of its own how much is missing.

    Args:
        text: Any text.
        max_text: Characters at most; 0 cuts nothing.
        missing: What was cut off before.
    """
    if not missing[0] and (not max_text or len(text) <= max_text):
        return text
    if 0 < max_text < 2 * _CUT_MARK_SIZE:  # too few for a line about them
        return text if len(text) <= max_text else text[: boundary(text, max_text - 1)] + "…"
    kept, (characters, lines) = shortened(Raw(text, missing), max_text and max_text - _CUT_MARK_SIZE)
    return f"{kept}\n{_more_lines(lines) if lines else f'... (+{characters:,} characters)'}"


def _more_lines(count: int) -> str:
    return f"... (+{count:,} lines)" if count > 1 else "... (+1 line)"


def boundary(text: str, at: int) -> int:
    """Return the last place, up to a given one, where a text can be cut without taking a character apart.

    Args:
        text: Any text.
        at: Where it should be cut.

    Returns:
        A place before which there are whole characters as people see them: a letter with its accents, an emoji with
        its colour and company, a flag.
    """
    for place in range(at, max(0, at - _MAX_CLUSTER), -1):
        if place >= len(text) or not _is_joined(text, place):
            return place
    return at


_MAX_CLUSTER: Final = 32
_JOINER: Final = "\u200d"


def _is_joined(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    if (
        _JOINER in (before, after)
        or unicodedata.category(after).startswith("M")
        or "\U0001f3fb" <= after <= "\U0001f3ff"
    ):
        return True
    if not (_is_flag_half(before) and _is_flag_half(after)):
        return False
    begin = place
    while begin and _is_flag_half(text[begin - 1]):
        begin -= 1
    return (place - begin) % 2 == 1


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def joined(text: str) -> str:
    """Put a text on one line, as long as it may be before its secrets are masked."""
    return " ".join(text[:MAX_RAW_LINE].split())


def one_line(text: str, size: int = MAX_TITLE) -> str:
    """Put a text on one line, cut to a title's length, or to so many characters."""
    line = " ".join(text[: 4 * MAX_TITLE].split())
    return line if len(line) <= size else line[: boundary(line, size - 1)] + "…"
