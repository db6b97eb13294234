"""text: what an alert says, cut to what can be read; tracebacks that were formatted before."""

from __future__ import annotations

import builtins
import itertools
import json
import linecache
import logging
import logging.handlers
import queue
import sys
import textwrap
import traceback
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import Alert, AlertFactory
from gntp_logging.alerts.application import Application, Place
from gntp_logging.alerts.errors import live
from gntp_logging.alerts.levels import LevelMap
from gntp_logging.alerts.redact import Redactor
from gntp_logging.alerts.text import (
    MAX_TITLE,
    Frames,
    boundary,
    cut,
    fitted,
    frames_to_show,
    one_line,
)
from gntp_logging.alerts.tracebacks import parse_traceback
from tests.support import whole


def test_a_text_of_many_lines_is_cut_between_lines() -> None:
    """And says how many more there are."""
    text = "\n".join(f"line {number}" for number in range(100))
    assert cut(text, 120).split("\n")[-2:] == ["line 11", "... (+88 lines)"]
    assert cut("x" * 100 + "\ny", 80) == "x" * 47 + "…\n... (+1 line)"
    assert cut("a\n" + "x" * 100 + "\ny\nz", 80).split("\n")[-1] == "... (+2 lines)"


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        (["site-packages/a.py", "shop/b.py"], "(+1 in a library)"),
        (["site-packages/a.py", "site-packages/b.py", "shop/c.py"], "(+2 in libraries)"),
        (["site-packages/a.py", "shop/a", "shop/b", "shop/c", "shop/d", "shop/e", "shop/f"],
         "(+1 further out, +1 in a library)"),
    ],
)  # fmt: skip
def test_frames_that_are_not_shown_are_counted(files: list[str], counts: str) -> None:
    """The application's, and those of libraries."""
    assert fitted(frames_to_show(Application().place([(f"/x/{file}", 1, "f") for file in files], "")), 30)[-1] == counts


def test_a_count_takes_no_place_from_the_last_frame() -> None:
    """Where nothing is left to count, each frame has its line; else the last line of the room is for the count."""
    lines = ("a.py:1 in f", "b.py:2 in g", "c.py:3 in h")
    assert fitted(Frames(lines), 3) == ["innermost: a.py:1 in f", "b.py:2 in g", "c.py:3 in h"]
    assert fitted(Frames(lines, further=1), 3) == ["innermost: a.py:1 in f", "b.py:2 in g", "(+2 further out)"]
    assert fitted(Frames(lines, libraries=1), 3)[-1] == "(+1 further out, +1 in a library)"
    assert fitted(Frames(lines), 2) == ["a.py:1 in f", "(+2 further out)"]


def test_frames_of_libraries_alone_are_shown() -> None:
    """They are all there is."""
    (line,) = fitted(frames_to_show(Place([("/x/site-packages/a.py", 1, "f")], ())), 30)
    assert "site-packages/a.py" in line


@pytest.mark.parametrize("character", ["e\u0301", "👍🏽", "👩\u200d👩\u200d👧", "🇩🇪", "க\u0bbf", "❤\ufe0f"], ids=ascii)
def test_a_character_is_never_taken_apart(character: str) -> None:
    """A letter keeps its accents, an emoji its colour and company, a flag its other half."""
    size = len(character)
    for at in range(size, 12 * size):
        place = boundary(character * 20, at)
        assert place % size == 0
        assert at - size < place <= at


@given(st.text(), st.integers(0, 300))
def test_a_place_to_cut_is_always_found(text: str, at: int) -> None:
    """Not behind the one that was asked for, and not far before it."""
    assert max(0, at - 32) <= boundary(text, at) <= at


@given(st.text(), st.integers(1, 300))
def test_a_cut_text_is_never_too_long(text: str, size: int) -> None:
    """Whatever the text and the size, the result fits, and a text that fits is left alone."""
    result = cut(text, size)
    assert len(result) <= size
    assert len(text) > size or result == text


@given(st.text())
def test_a_title_is_one_short_line(text: str) -> None:
    """Whatever a logger is called, the title is one line of bounded length, and never blank."""
    made = alert(broken(None, text)).title
    assert len(made.splitlines()) == 1
    assert len(made) <= MAX_TITLE
    assert made.strip()


def test_a_line_that_is_too_long_ends_with_an_ellipsis() -> None:
    """One that just fits does not."""
    assert one_line("x" * MAX_TITLE) == "x" * MAX_TITLE
    assert one_line("x" * (MAX_TITLE + 1)) == "x" * (MAX_TITLE - 1) + "…"


def test_one_line_joins_lines() -> None:
    """Line ends of every fingerprint become one blank."""
    assert one_line("a\r\nb\rc\nd\u2028e") == "a b c d e"


class Unprintable(Exception):
    """Fails when it is asked what it says."""

    def __str__(self) -> str:
        raise RuntimeError


def noted() -> Exception:
    """Return an exception with a note, where Python knows notes."""
    error = ValueError("no")
    error.__dict__["__notes__"] = ["a note"]
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"), ValueError(), ValueError("two\nlines "), KeyError("a"), OSError(2, "no"), noted(),
        NameError("no", name="prnt"), queue.Empty(), Unprintable(),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_exceptions_line_is_the_one_that_python_prints(error: BaseException) -> None:
    """With its notes, which Python 3.10 does not print by itself."""
    printed = "".join(traceback.format_exception_only(type(error), error)).strip()
    if hasattr(error, "__notes__") and not printed.endswith("a note"):
        printed += "\na note"
    assert live(error).line == printed


def chained(error: BaseException, length: int) -> Any:
    """Raise an exception in the handling of so many others, and return its exc_info."""

    def fail(left: int) -> None:
        if not left:
            raise error
        try:
            raise KeyError(left)  # noqa: TRY301 - the next one needs it as its context
        except KeyError:
            fail(left - 1)

    try:
        fail(length)
    except BaseException:  # noqa: BLE001 - whichever it was given
        return sys.exc_info()


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), noted(), SyntaxError("no", ("a.py", 1, 1, "x")), AttributeError("no", name="totl", obj=[]),
     NameError("no", name="prnt"), ImportError("no", name="shop"), Unprintable()],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_no_file_is_read_on_the_thread_that_logs(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the exception came about: linecache is neither asked nor told to check what it has."""
    asked: list[str] = []
    for name in ("checkcache", "getlines", "getline", "lazycache", "updatecache"):
        monkeypatch.setattr(linecache, name, lambda *_args, name=name: asked.append(name))
    AlertFactory("shop", LevelMap(), 1000).from_record(broken(chained(error, 3)))
    assert asked == []


def test_a_syntax_error_begins_with_its_type() -> None:
    """And says where the mistake is behind its message; Python prints the place first."""
    error = SyntaxError("'(' was never closed", ("/srv/plugin.py", 4, 5, "x = (1,"))
    assert live(error).line == "SyntaxError: '(' was never closed (plugin.py, line 4)"


def test_what_an_exception_holds_is_not_looked_through() -> None:
    """Python looks for names like the one that was missing; an attribute of a lazy object may ask a database."""

    class Lazy:
        def __dir__(self) -> list[str]:
            raise AssertionError

    assert live(AttributeError("no total", name="totl", obj=Lazy())).line.endswith(": no total")


# -- Tracebacks that were formatted before -------------------------------------------------------


def alert(record: logging.LogRecord) -> Alert:
    """Make an alert of a record."""
    return AlertFactory("shop", LevelMap(), 1000).from_record(record).finished(1000)


def broken(exc_info: Any, message: str = "cannot pay") -> logging.LogRecord:
    """Make a record with an exception."""
    return logging.LogRecord("shop", logging.ERROR, __file__, 1, message, None, exc_info)


def queued(record: logging.LogRecord) -> logging.LogRecord:
    """Send a record through QueueHandler, as programs do whose handlers run in another thread or process."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    logging.handlers.QueueHandler(waiting).handle(record)
    return waiting.get()


def failure() -> Any:
    """Return the exc_info of an exception with a cause and a message of two lines."""
    try:
        try:
            dict[str, int]()["total"]
        except KeyError as error:
            raise LookupError("no total\nin the basket") from error
    except LookupError:
        return sys.exc_info()


def test_what_queue_handler_makes_of_an_exception_is_shown_like_the_exception() -> None:
    """The same text but for what only the exception knows, and the same fingerprint, so that both fold together."""
    record = broken(failure())
    direct = alert(record)
    indirect = alert(queued(record))
    assert indirect.text == direct.text
    assert whole(indirect).split("\n")[:3] == ["LookupError: no total", "in the basket", "cannot pay"]
    assert indirect.text.endswith("caused by KeyError: 'total'")
    assert indirect.fingerprint == direct.fingerprint


def test_where_a_syntax_error_is_is_told_from_the_formatted_text() -> None:
    """Its file and its line, as of the exception itself, with the same fingerprint."""

    def compiled() -> Any:
        try:
            compile("total = (1,", "/srv/plugin.py", "exec")
        except SyntaxError:
            return sys.exc_info()

    record = broken(compiled())
    assert whole(alert(queued(record))) == whole(alert(record))
    assert alert(queued(record)).fingerprint == alert(record).fingerprint
    assert alert(record).title.endswith("(plugin.py, line 1)")


def test_an_exception_without_a_traceback_that_stands_apart_is_told() -> None:
    """As SocketHandler sends it."""
    record = broken(None)
    record.exc_text = "ValueError: no\nreally"
    assert whole(alert(record)) == "ValueError: no\nreally\ncannot pay"


@pytest.mark.parametrize("form", ["apart", "queued"])
def test_that_there_was_no_exception_is_not_said(form: str) -> None:
    """Formatters write a line about it where exception() is called outside of an except."""
    record = broken((None, None, None))
    logging.Formatter().format(record)
    assert whole(alert(record if form == "apart" else queued(record))) == "cannot pay"


@pytest.mark.parametrize(
    "logged",
    [
        lambda printed: f"cannot pay: {printed!r}",
        lambda printed: f"cannot pay: {printed.encode()!r}",
        lambda printed: f"cannot pay: {printed.encode().replace(bytes([10]), bytes([13, 10]))!r}",
        lambda printed: f"cannot pay: {json.dumps(printed)}",
        lambda printed: f"cannot pay: {json.dumps(printed, ensure_ascii=False)[:-1]}",
        lambda printed: f"cannot pay: exception={printed!r}",
        lambda printed: "cannot pay:\n" + textwrap.indent(printed, "    "),
    ],
    ids=["repr", "bytes", "crlf", "json", "without its end", "structlog", "indented"],
)
def test_a_traceback_in_quotes_is_shown_like_the_exception(logged: Callable[[str], str]) -> None:
    """What a child has printed, or what renders the values of an event in one line; the same fingerprint, too."""
    kind, _, where = failure()
    info = kind, LookupError('no "tea" 🍵 for José\'s 7 \\n'), where
    printed = "".join(traceback.format_exception(*info))
    made, wanted = alert(broken(None, logged(printed))), alert(broken(info, "cannot pay:"))
    assert whole(made) == whole(wanted)
    assert made.fingerprint == wanted.fingerprint


BOXES = """\
cannot pay
╭──── Traceback (most recent call last) ─────╮
│ /srv/shop/prices.py:3 in total             │
│                                            │
│   2 def total(basket):                     │
│ ❱ 3     return basket["total"]             │
│                                            │
│ ╭─── locals ───╮                           │
│ │ basket = {}  │                           │
│ ╰──────────────╯                           │
╰────────────────────────────────────────────╯
KeyError: 'total'

The above exception was the direct cause of the following exception:

╭──── Traceback (most recent call last) ─────╮
│ /srv/shop/.venv/lib/python3.12/site-packag │
│ es/web/base.py:88 in serve                 │
│                                            │
│ ❱ 88     return view()                     │
│                                            │
│ /srv/shop/.venv/../a_name_that_is/pay.py:7 │
│ in <lambda>                                │
╰────────────────────────────────────────────╯
LookupError: no total
"""


def test_an_exception_in_boxes_is_shown_like_any_other() -> None:
    """As Rich draws them; a path may take two lines, and so may a place."""
    assert whole(alert(broken(None, BOXES))).split("\n") == [
        "LookupError: no total", "cannot pay", "a_name_that_is/pay.py:7 in <lambda>", "(+1 in a library)",
        "caused by KeyError: 'total'",
    ]  # fmt: skip
    half = BOXES[: BOXES.index("in total")]
    assert whole(alert(broken(None, half))).startswith("cannot pay\n╭──")


def test_what_is_around_a_traceback_in_quotes_is_the_message() -> None:
    """As structlog's KeyValueRenderer and LogfmtRenderer write it."""
    printed = "".join(traceback.format_exception(*failure()))
    record = broken(None, f"event='cannot pay' exception={printed!r} order=7")
    assert whole(alert(record)).split("\n")[2] == "event='cannot pay' order=7"


@pytest.mark.parametrize(
    "text", ["Traceback (most recent call last):\\n", "'Traceback (most recent call last):\\n" * 9]
)
def test_what_only_looks_like_a_traceback_in_quotes_is_shown(text: str) -> None:
    """Without frames there is no exception."""
    assert whole(alert(broken(None, text))).startswith(text[:30])


@pytest.mark.parametrize("form", [str, repr])
def test_a_traceback_of_another_process_beside_an_exception_is_named_by_its_line(form: Callable[[str], str]) -> None:
    """What a child has printed says more than that it has failed."""
    kind, _, where = failure()
    child = "".join(traceback.format_exception(kind, kind("no tea"), where))
    record = broken((OSError, OSError("exit status 1"), where), f"backup failed: {form(child)}")
    lines = whole(alert(record)).split("\n")
    assert lines[:3] == ["OSError: exit status 1", "backup failed:", "LookupError: no tea"]


def test_a_message_is_left_out_only_if_the_exception_has_its_words() -> None:
    """A part of a word does not say the same."""
    record = broken((OSError, OSError("the async loop is closed, pay later"), None), "sync")
    assert "\nsync" in whole(alert(record))
    record = broken((OSError, OSError("cannot repay: pay later"), None), "pay")
    assert "\n" not in whole(alert(record))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("amount must not be negative"),
        KeyError("total"),
        ConnectionError("no route\nto the bank"),
        json.JSONDecodeError("no value", "{", 1),
        ValueError(),
    ],
    ids=repr,
)
def test_an_exception_at_the_end_of_a_message_is_not_said_twice(error: Exception) -> None:
    """Text, repr, or type and text, as people put it behind a colon."""
    forms = [str(error), f"{type(error).__name__}: {error}" if str(error) else "ValueError"]
    info = raised(error)
    for form in [*forms, *([] if isinstance(error, json.JSONDecodeError) else [repr(error)])]:
        if form:
            assert whole(alert(broken(info, f"not paid: {form}"))) == whole(alert(broken(info, "not paid")))


def test_what_only_ends_like_an_exception_is_no_repetition() -> None:
    """A part of a word, or a number; the notes of an exception are no part of its text."""
    assert "\nstatus 5\n" in whole(alert(broken(raised(ValueError(5)), "status 5")))
    assert "\nanswer:no\n" in whole(alert(broken(raised(ValueError("no")), "answer:no")))
    error = ValueError("no")
    error.__notes__ = ["of the bank"]  # type: ignore[attr-defined,unused-ignore]  # Python 3.10 does not know it
    assert whole(alert(broken(raised(error), "not paid: no"))).split("\n")[1:3] == ["of the bank", "not paid"]


def test_what_loguru_says_of_what_it_has_caught_is_left_out() -> None:
    """It names a function, which is among the frames, and numbers; another thread than the main one is news."""
    said = "An error has been caught in function 'pay', process 'MainProcess' (7), thread '{}' (140487061613440):"
    assert len(whole(alert(broken(raised(ValueError("no")), said.format("MainThread")))).split("\n")) == 2
    assert "thread 'bank'" in whole(alert(broken(raised(ValueError("no")), said.format("bank"))))


def test_colours_hide_no_traceback() -> None:
    """A message in colour, with the exception behind it."""
    record = broken(failure())
    coloured = queued(record)
    coloured.msg = "\x1b[31m" + coloured.msg.replace("\n", "\x1b[0m\n\x1b[31m")
    assert whole(alert(coloured)) == whole(alert(record))


def test_a_json_object_is_read_where_the_exception_stands_behind_it() -> None:
    """QueueHandler appends it to what JSONRenderer has written."""
    info = failure()
    printed = "".join(traceback.format_exception(*info)).rstrip()
    record = broken(info, json.dumps({"event": "cannot pay", "order": 1, "exception": printed}))
    assert whole(alert(queued(record))) == whole(alert(record))
    assert "\ncannot pay\norder: 1\n" in whole(alert(record))


def test_what_structlog_adds_to_a_record_is_shown_as_exception_and_stack() -> None:
    """By format_exc_info and StackInfoRenderer before render_to_log_kwargs: no values. A user's own are."""
    info = failure()
    record = broken(None)
    record.exception = "".join(traceback.format_exception(*info)).rstrip()
    assert whole(alert(record)) == whole(alert(broken(info)))
    assert dict(alert(record).context).keys() == {"machine"}
    record = broken(None)
    record.stack = 'Stack (most recent call last):\n  File "/srv/shop/pay.py", line 7, in pay\n    log()'
    assert whole(alert(record)) == "cannot pay\nshop/pay.py:7 in pay"
    assert dict(alert(record).context).keys() == {"machine"}
    record = broken(None)
    record.stack = "production"
    assert (whole(alert(record)), dict(alert(record).context)["stack"]) == ("cannot pay", "production")


@pytest.mark.parametrize("form", ["json", "attribute", "event"])
def test_an_exception_that_structlog_has_taken_apart_is_shown(form: str) -> None:
    """By dict_tracebacks: with its frames and its cause."""
    parts = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)(failure())
    said = {"event": "cannot pay", "exception": parts}
    messages: dict[str, Any] = {"json": json.dumps(said), "attribute": "cannot pay", "event": said}
    record = broken(None, messages[form])
    if form == "attribute":
        record.exception = parts
    if form == "event":
        record._logger = None
    assert whole(alert(record)) == whole(alert(broken(failure())))
    assert "exception" not in dict(alert(record).context)


def test_frames_that_only_the_message_has_are_shown() -> None:
    """Loguru's own queue keeps the exception without its traceback, and prints it into the message before."""
    info = failure()
    record = broken((info[0], info[1], None), "cannot pay\n" + "".join(traceback.format_exception(*info)))
    assert whole(alert(record)) == whole(alert(broken(info)))


def test_a_context_of_exceptions_is_told_from_the_formatted_text() -> None:
    """While handling which other."""

    def chained() -> Any:
        try:
            try:
                dict[str, int]()["total"]
            except KeyError:
                raise ValueError("no")  # noqa: B904 - without from, as people write it
        except ValueError:
            return sys.exc_info()

    record = broken(chained())
    assert whole(alert(queued(record))) == whole(alert(record))
    assert "while handling KeyError: 'total'" in whole(alert(record))


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last):",
        "Traceback (most recent call last):\nValueError: no frames",
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    x\n',
        "it broke\nTraceback (most recent call last): none",
    ],
)
def test_what_only_looks_like_a_traceback_is_left_as_it_is(text: str) -> None:
    """The message is shown."""
    assert parse_traceback(text) is None
    record = broken(None, text.ljust(80))
    assert whole(alert(record)) == text.strip()


_LINES = ['  File "a.py", line 1, in f', "    x", "ValueError: y", "", "Traceback (most recent call last):"]


@pytest.mark.slow
@given(st.lists(st.sampled_from(_LINES)))
def test_any_lines_can_be_looked_at(lines: list[str]) -> None:
    """Whatever a message holds, there is an alert."""
    assert whole(alert(broken(None, "\n".join(["x" * 80, *lines]))))


def link(*errors: BaseException) -> Any:
    """Return the exc_info of exceptions of which each was raised from the next one."""
    for error, cause in itertools.pairwise(errors):
        error.__cause__ = cause
    return raised(errors[0])


def raised(error: BaseException) -> Any:
    """Return the exc_info of an exception, raised."""
    try:
        raise error  # noqa: TRY301
    except BaseException:  # noqa: BLE001
        return sys.exc_info()


def told(exc_info: Any, message: str = "cannot pay") -> list[str]:
    """Return the lines of an alert; the same from the exception and from what QueueHandler leaves of it."""
    direct = whole(alert(broken(exc_info, message)))
    assert whole(alert(queued(broken(exc_info, message)))) == direct
    return direct.split("\n")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (2, "caused by LookupError: 1"),
        (3, "caused by LookupError: 1, caused by LookupError: 2"),
        (4, "caused by LookupError: 1 (+1 between), caused by LookupError: 3"),
        (60, "caused by LookupError: 1 (+57 between), caused by LookupError: 59"),
    ],
)
def test_a_chain_is_told_by_its_first_and_its_last_link(count: int, said: str) -> None:
    """What it was raised from, and where it all began."""
    assert told(link(*(LookupError(str(number)) for number in range(count))))[-1] == said


def test_a_long_cause_takes_two_lines_of_a_toast() -> None:
    """What follows, the last line, would have no room otherwise."""
    (cause,) = [line for line in told(link(ValueError("no"), LookupError("x" * 200))) if "caused" in line]
    assert cause == f"caused by LookupError: {'x' * 46}…"


def test_a_recursion_has_as_many_frames_as_it_was_deep() -> None:
    """Python prints three of them, and counts the others."""

    def pay(depth: int) -> None:
        if depth:
            pay(depth - 1)
        raise ValueError("no")

    try:
        pay(200)
    except ValueError:
        lines = told(sys.exc_info())
    shown = sum("in pay" in line for line in lines)
    assert lines[-1] == f"(+{202 - shown} further out)"


def test_line_numbers_that_are_no_numbers_do_no_harm() -> None:
    """Python refuses to read thousands of digits."""
    digits = "7" * 5000
    printed = f'Traceback (most recent call last):\n  File "a.py", line {digits}, in f\nValueError: no'
    assert whole(alert(broken(None, printed))) == f"ValueError: no\na.py:{digits[:18]} in f"
    repeated = printed.replace("\nValueError", f"\n  [Previous line repeated {digits} more times]\nValueError")
    assert whole(alert(broken(None, repeated))).endswith("further out)")


# -- Groups --------------------------------------------------------------------------------------

ExceptionGroup: Any = getattr(builtins, "ExceptionGroup", None)
BaseExceptionGroup: Any = getattr(builtins, "BaseExceptionGroup", None)
needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no groups of exceptions")


def refuse(text: str) -> BaseException:
    """Return an exception that was raised in this function."""
    error: BaseException = raised(ConnectionError(text))[1]
    return error


@needs_groups
def test_a_group_in_quotes_tells_what_it_holds() -> None:
    """As structlog's renderers of one line write it."""
    group = ExceptionGroup("unhandled errors", [refuse("db-1"), KeyError("tea")])
    printed = "".join(traceback.format_exception(*raised(group)))
    assert whole(alert(broken(None, f"cannot pay {printed!r}"))).split("\n")[2:4] == [
        "ConnectionError: db-1", "KeyError: 'tea'",
    ]  # fmt: skip


@needs_groups
def test_a_group_tells_what_it_holds() -> None:
    """A line for each of three, a count of the others, and where the first one happened."""
    group = ExceptionGroup("unhandled errors", [refuse("db-1"), ValueError("no")])
    *lines, frame = told(raised(group))
    assert lines == [
        "ExceptionGroup: unhandled errors (2 sub-exceptions)", "cannot pay", "ConnectionError: db-1", "ValueError: no",
    ]  # fmt: skip
    assert frame == f"alerts/test_text.py:{group.exceptions[0].__traceback__.tb_lineno} in raised"
    many = ExceptionGroup("some", [ExceptionGroup("inner", [refuse("a"), KeyError("b")]), *map(OSError, range(10_000))])
    lines = told(raised(many))
    assert lines[2:6] == ["ConnectionError: a", "KeyError: 'b'", "OSError: 0", "+9,999 more"]


@needs_groups
def test_of_one_member_alone_the_cause_is_told() -> None:
    """As of a TaskGroup of which one task has failed; of several it would not be clear whose it is."""
    member = failure()[1]
    record = broken(raised(ExceptionGroup("unhandled errors", [member])))
    assert whole(alert(record)).endswith("\ncaused by KeyError: 'total'")
    assert whole(alert(queued(record))) == whole(alert(record))
    assert "caused by" not in whole(alert(broken(raised(ExceptionGroup("two", [member, ValueError("b")])))))


@needs_groups
def test_a_group_that_was_never_raised_is_told_from_its_text() -> None:
    """QueueHandler prints it without a traceback."""
    group = ExceptionGroup("two", [ExceptionGroup("inner", [KeyError("a")]), ValueError("b")])
    record = broken((type(group), group, None))
    assert whole(alert(queued(record))) == whole(alert(record))
    assert alert(queued(record)).fingerprint == alert(record).fingerprint


@needs_groups
def test_any_kind_of_group_is_told() -> None:
    """One of BaseException, one with notes, one that was never raised."""
    group = BaseExceptionGroup("stopped", [KeyboardInterrupt(), ValueError("no")])
    group.add_note("by hand")
    assert told(raised(group))[:5] == [
        "BaseExceptionGroup: stopped (2 sub-exceptions)", "by hand", "cannot pay",
        "KeyboardInterrupt", "ValueError: no",
    ]  # fmt: skip
    assert whole(alert(broken((type(group), group, None)))).split("\n")[3:] == ["KeyboardInterrupt", "ValueError: no"]


@needs_groups
def test_a_group_as_a_cause_is_told() -> None:
    """The cause, and what it holds."""
    lines = told(link(RuntimeError("task failed"), ExceptionGroup("some", [refuse("db-1")])))
    assert lines[:3] == ["RuntimeError: task failed", "cannot pay", "ConnectionError: db-1"]
    assert lines[-1] == "caused by ExceptionGroup: some (1 sub-exception)"
    assert " in raised" in lines[3]


@needs_groups
def test_a_group_that_branches_for_ever_is_counted() -> None:
    """As deep as Python prints one."""
    group: Any = ValueError("no")
    for _ in range(40):
        group = ExceptionGroup("some", [group] * 15)
    assert f"+{15**10 - 3:,} more" in whole(alert(broken((type(group), group, None))))


@needs_groups
def test_loguru_tells_a_group() -> None:
    """Its sink gets the message with its own decorations behind it."""
    loguru = pytest.importorskip("loguru")
    records: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    sink = loguru.logger.add(Keeping(), format="{message}")
    group = raised(ExceptionGroup("some", [refuse("db-1")]))[1]
    loguru.logger.opt(exception=group).error("cannot pay")
    loguru.logger.remove(sink)
    lines = whole(alert(records[0])).split("\n")
    assert lines[:3] == ["ExceptionGroup: some (1 sub-exception)", "cannot pay", "ConnectionError: db-1"]
    records[0].exc_info = None
    assert whole(alert(records[0])).split("\n")[:3] == lines[:3]


# -- Stacks, and exceptions as messages ----------------------------------------------------------


def test_a_stack_is_shown_like_the_frames_of_an_exception() -> None:
    """The innermost first, whoever has formatted it."""
    record = broken(None)
    record.stack_info = (
        'Stack (most recent call last):\n  File "/srv/shop/web.py", line 12, in post\n    pay()\n'
        '  File "/srv/shop/orders.py", line 7, in pay\n    log.error("cannot pay", stack_info=True)'
    )
    lines = ["cannot pay", "innermost: shop/orders.py:7 in pay", "shop/web.py:12 in post"]
    assert whole(alert(record)).split("\n") == lines
    assert whole(alert(queued(record))).split("\n") == lines
    assert alert(queued(record)).fingerprint == alert(record).fingerprint
    record.exc_info = raised(ValueError("no"))
    assert whole(alert(record)).split("\n")[:2] == ["ValueError: no", "cannot pay"]
    assert whole(alert(queued(record))) == whole(alert(record))


def test_a_stack_in_a_sentence_is_none() -> None:
    """It stands at the beginning of a line."""
    text = 'no "Stack (most recent call last):\n  File "a.py", line 1, in f'.ljust(80)
    assert whole(alert(broken(None, text))) == text.strip()


@pytest.mark.parametrize(("msg", "args"), [(None, ()), ("%s", (None,)), ("%r", (None,))], ids=["alone", "%s", "%r"])
def test_an_exception_as_the_message_is_told_with_type_and_frames(msg: Any, args: Any) -> None:
    """An AssertionError says nothing, a KeyError too little."""
    for error, first in ((KeyError("customer_id"), "KeyError: 'customer_id'"), (AssertionError(), "AssertionError")):
        raised(error)
        record = broken(None)
        record.msg, record.args = msg or error, args and (error,)
        lines = whole(alert(record)).split("\n")
        assert lines[0] == first
        assert len(lines) == 2
        assert lines[1].startswith("alerts/test_text.py:")


@pytest.mark.parametrize("form", ["exc_info", "exception"])
def test_structlogs_whole_event_is_told_with_its_exception(form: str) -> None:
    """As an object, or as format_exc_info prints it; a stack, too."""
    info = failure()
    value = info[1] if form == "exc_info" else "".join(traceback.format_exception(*info))
    record = broken(None)
    record.__dict__["msg"] = {"event": "cannot pay", form: value}
    assert whole(alert(record)) == whole(alert(broken(info)))
    record.__dict__["msg"] = {"event": "cannot pay", "stack": '  File "/srv/shop/a.py", line 7, in pay\n    x'}
    assert whole(alert(record)) == "cannot pay\nshop/a.py:7 in pay"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"stack": "prod"}, "cannot pay\nstack: 'prod'"),
        ({"exception": {"code": 3}}, "cannot pay\nexception: {'code': 3}"),
        ({"exception": "no route", "order": 7}, "cannot pay\nexception: 'no route', order: 7"),
        ({"exception": None, "stack": None}, "cannot pay"),
    ],
)
def test_a_value_that_only_has_the_name_of_an_exception_or_a_stack_is_shown(values: dict[str, Any], text: str) -> None:
    """In the text of a dictionary, and in the last line of structlog's."""
    record = broken(None)
    record.__dict__["msg"] = {"event": "cannot pay"} | values
    assert whole(alert(record)) == text
    record.__dict__["_logger"] = None
    assert [name for name, _ in alert(record).context][1:] == [name for name, value in values.items() if value]


def test_structlogs_whole_event_is_told_by_its_event() -> None:
    """What wrap_for_formatter hands on to a handler without structlog's formatter."""
    record = logging.LogRecord("shop", 40, __file__, 1, "x", None, None)
    record.__dict__["msg"] = {"event": "order failed", "order": 7, "level": "error", "_record": object()}
    record.__dict__ |= {"_logger": object(), "_name": "error"}
    made = alert(record)
    assert (made.title, made.text) == ("order failed", "")
    assert dict(made.context)["order"] == "7"
    assert "level" not in dict(made.context)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"order": 4711, "event": "payment failed", "user": "ann"}, "payment failed\norder: 4711, user: 'ann'"),
        ({"event": "payment failed"}, "payment failed"),
        ({"order": 4711, "items": [1, {"a": None}]}, "order: 4711, items: [1, {'a': None}]"),
        ({"event": "no", "level": "error", "logger": "shop"}, "no"),
        ({"event": "no", "level": 7, "logger": "other"}, "no\nlevel: 7, logger: 'other'"),
        ({"event": None, "level": "error"}, "event: None, level: 'error'"),
        ({"basket": Unprintable}, "basket: <type>"),
        ({}, "(empty message)"),
    ],
)
def test_a_dictionary_as_the_message_is_shown_whole(said: dict[str, Any], text: str) -> None:
    """Its event first; level and logger are told already."""
    record = broken(None)
    record.__dict__["msg"] = said
    assert whole(alert(record)) == text
    record.__dict__["msg"] = OrderedDict(said)
    assert whole(alert(record)) == text
    assert not dict(alert(record).context).keys() & said.keys()


def test_secrets_in_a_dictionary_are_masked_by_their_names() -> None:
    """Whole, whatever they look like."""
    record = broken(None)
    record.__dict__["msg"] = {"event": "no", "password": "correct horse", "user": {"token": "a b", "name": "ann"}}
    record.__dict__["login"] = {"password": "correct horse", "name": "ann"}
    made = Redactor(max_text=1000).finished(AlertFactory("shop", LevelMap(), 1000).from_record(record))
    assert whole(made) == "no\npassword: '***', user: {'token': '***', 'name': 'ann'}"
    assert dict(made.context)["login"] == "{'password': '***', 'name': 'ann'}"


def test_loguru_writes_the_traceback_into_the_message_and_it_is_not_told_twice() -> None:
    """Its own has decorations."""
    record = broken(failure(), 'cannot pay\nTraceback (most recent call last):\n\n> File "x", line 1, in y\n')
    assert whole(alert(record)).split("\n")[:3] == ["LookupError: no total", "in the basket", "cannot pay"]
    assert "Traceback" not in whole(alert(record))


# -- The user's formatter ------------------------------------------------------------------------


def shaped(record: logging.LogRecord, formatter: logging.Formatter) -> Alert:
    """Make an alert of a record whose handler has a formatter."""
    return AlertFactory("shop", LevelMap(), 1000).from_record(record, formatter).finished(1000)


@pytest.mark.parametrize(
    "format_",
    ["[%(asctime)s] %(levelname)s in %(module)s: %(message)s", "%(asctime)s - %(name)s - %(levelname)s - %(message)s"],
    ids=["Flask's quick start", "a copied block"],
)
def test_a_formatter_shapes_the_message_only(format_: str) -> None:
    """Exception, frames and last line stay as they are, and so does the title."""
    record = broken(failure())
    plain, made = alert(record), shaped(record, logging.Formatter(format_, "%H:%M"))
    expected = logging.Formatter(format_, "%H:%M").format(broken(None))
    assert made.title == plain.title == "LookupError: no total"
    assert made.text == plain.text.replace("cannot pay", expected)
    assert made.body().rpartition("\n")[2] == plain.body().rpartition("\n")[2]
    assert shaped(queued(record), logging.Formatter(format_, "%H:%M")).title == made.title
    without = shaped(broken(None), logging.Formatter(format_, "%H:%M"))
    assert (without.title, without.text) == ("cannot pay", expected)


def test_a_stack_is_no_part_of_the_message() -> None:
    """Python's formatter appends it."""
    record = broken(None)
    record.stack_info = 'Stack (most recent call last):\n  File "/srv/shop/orders.py", line 7, in pay\n    x'
    assert shaped(record, logging.Formatter("! %(message)s")).text == "! cannot pay\nshop/orders.py:7 in pay"


def test_a_formatter_that_appends_the_exception_itself_says_it_no_second_time() -> None:
    """It need not go by the record."""
    info = failure()

    class Appending(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return "! " + record.getMessage() + "\n" + self.formatException(info)

    lines = shaped(broken(info), Appending()).text.split("\n")
    assert lines[1] == "! cannot pay"
    assert " in failure" in lines[2]


@pytest.mark.parametrize("format_", ["%(message)s", "\x1b[1m%(message)s\x1b[0m"])
def test_a_formatter_that_adds_nothing_adds_no_line(format_: str) -> None:
    """A colour is nothing to read."""
    record = broken(None)
    made = AlertFactory("shop", LevelMap(), 1000).from_record(record, logging.Formatter(format_)).cleaned()
    assert (made.finished(1000).title, made.finished(1000).text) == ("cannot pay", "")


class JSONFormatter(logging.Formatter):
    """Writes one JSON object a record, as formatters for collectors of logs do."""

    def format(self, record: logging.LogRecord) -> str:
        """Write names of the record's own, one of extra, and one of this formatter's."""
        record.message = record.getMessage()
        fields = {name: record.__dict__[name] for name in ("levelname", "name", "message", "order")}
        if record.exc_info:
            fields["exc_info"] = self.formatException(record.exc_info)
        return json.dumps({**fields, "service": "till"})


def test_a_json_formatters_object_is_read() -> None:
    """What the record has is shown in its own place; what the formatter adds, as the rest of a dictionary."""
    record = broken(failure())
    record.__dict__["order"] = 4711
    made = shaped(record, JSONFormatter())
    assert made.text.split("\n")[1:3] == ["cannot pay", "service: 'till'"]
    assert "{" not in made.text
    assert made.text.count("4711") == 0
    assert made.body().count("order 4711") == 1


# -- Messages that are JSON ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"order": 1, "event": "boom", "level": "error", "logger": "x", "timestamp": "2026-11-28"}, "boom\norder: 1"),
        ({"event": "boom"}, "boom"),
        ({"event": "boom", "exception": [{"exc_type": "ValueError"}], "tags": ["a"]}, "boom\ntags: ['a']"),
    ],
)
def test_a_json_object_with_an_event_is_shown_as_a_dictionary(said: dict[str, Any], text: str) -> None:
    """As structlog's JSONRenderer writes it: without exception, level, logger and time."""
    assert whole(alert(broken(None, json.dumps(said)))) == text


def test_an_exception_in_a_json_object_is_shown_like_any_other() -> None:
    """As format_exc_info has printed it, with the same fingerprint."""
    info = failure()
    printed = "".join(traceback.format_exception(*info)).rstrip()
    made = alert(broken(None, json.dumps({"event": "cannot pay", "exception": printed, "level": "error"})))
    assert whole(made) == whole(alert(broken(info)))
    assert made.fingerprint == alert(broken(info)).fingerprint


@pytest.mark.parametrize(
    "text",
    [
        '{"order": 1}', '{"event"', '{"event": 1} and more', '{"a": "event"}', "{}",
        '{"event": ' + "7" * 5000 + "}",
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_only_looks_like_an_event_is_left_as_it_is(text: str) -> None:
    """The message is shown."""
    assert whole(alert(broken(None, text))).startswith(text[:119])


def test_thousands_of_brackets_do_no_harm() -> None:
    """Python 3.13 reads them, other versions give up."""
    text = '{"event": ' + "[" * 5000 + "]" * 5000 + "}"
    assert whole(alert(broken(None, text))).startswith((text[:119], "[[[[[+1]]]]]"))


@pytest.mark.slow
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)
                    | st.dictionaries(st.text() | st.just("event"), inner)))  # fmt: skip
def test_any_json_is_shown(value: Any) -> None:
    """There is an alert, and an event is no JSON any more."""
    made = alert(broken(None, json.dumps({"event": "boom", "value": value})))
    assert made.title == "boom"
    assert made.text.startswith("value: ")


# -- What is said once ---------------------------------------------------------------------------

TASK_ID = "9421bfbb-a7cf-4c63-90d9-093b126dadeb"
"""Of Celery."""


def of_celery(message: str, exc_info: Any = None, **context: str) -> Alert:
    """Return the alert of a record of Celery's."""
    record = broken(exc_info, message)
    record.__dict__ |= context
    return alert(record)


def test_celerys_message_about_an_exception_is_left_out() -> None:
    """It says the exception, and what the last line says; without that it stays."""
    info = raised(KeyError("total"))
    message = f"Task shop.pay[{TASK_ID}] raised unexpected: KeyError('total')"
    made = of_celery(message, info, task="shop.pay", task_id=TASK_ID)
    assert made.text.startswith("alerts/test_text.py:")
    assert made.body().endswith(f" · task shop.pay · task_id {TASK_ID}")
    assert of_celery(message, info).text.startswith(f"Task shop.pay[{TASK_ID}] raised unexpected\n")


def test_a_task_that_a_message_names_is_not_named_again() -> None:
    """The last line has what the text has not."""
    made = of_celery(f"Task shop.pay[{TASK_ID}] retry: Retry in 3s", task="shop.pay", task_id=TASK_ID)
    assert "task" not in made.body()
    assert of_celery("odd", task="shop.pay", task_id=TASK_ID).body().endswith(f"task shop.pay · task_id {TASK_ID}")


def test_a_cut_is_marked_by_one_line_and_leaves_the_last_line() -> None:
    """Whatever was cut: the exception's lines, the message's, and what max_text has no room for."""
    record = broken(raised(ValueError("\n".join(map(str, range(50))))), "\n".join(["a message " * 9] * 50))
    for max_text in (0, 64, 100, 300, 1000):
        made = AlertFactory("shop", LevelMap(), max_text).from_record(record).finished(max_text)
        *_, mark, last = made.body().split("\n")
        assert made.title == "ValueError: 0"
        assert made.body().count("... (+") == 1
        assert mark.startswith("... (+")
        assert last.startswith("ERROR · shop · ")
        assert not max_text or len(made.text) <= max_text
