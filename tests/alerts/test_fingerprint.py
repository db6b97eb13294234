"""fingerprint: which records are of one fingerprint, and which are not."""

from __future__ import annotations

import builtins
import importlib
import json
import logging
import logging.handlers
import os
import queue
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import Alert, AlertFactory
from gntp_logging.alerts.application import Place
from gntp_logging.alerts.errors import LiveError
from gntp_logging.alerts.fingerprint import (
    RULES,
    RawCall,
    RawError,
    RawKey,
    fingerprint_call,
    fingerprint_error,
    incident,
    normalized,
    raw_fingerprint,
    redacted,
    without_texts,
)
from gntp_logging.alerts.holes import CUT, MAX_TEXT
from gntp_logging.alerts.levels import LevelMap
from gntp_logging.alerts.redact import Redactor
from gntp_logging.alerts.tracebacks import FormattedError
from tests.documents import ROOT

FACTORY = AlertFactory("shop", LevelMap(), 1000)


def record(
    msg: object, *args: object, name: str = "shop", line: int = 1, level: int = logging.ERROR, exc_info: Any = None,
    path: str = "/srv/shop/orders.py", function: str | None = "pay",
) -> logging.LogRecord:  # fmt: skip
    """Return a record as a logger makes it."""
    return logging.LogRecord(name, level, path, line, msg, args or None, exc_info, function)


def finished(made: logging.LogRecord) -> str:
    """Return a record's fingerprint, as the worker knows it."""
    return known(FACTORY.from_record(made))


def known(alert: Alert) -> str:
    """Return an alert's fingerprint after redaction."""
    fingerprint = normalized(Redactor(())(alert).fingerprint)
    assert isinstance(fingerprint, str)
    return fingerprint


def fingerprint(msg: object, *args: object, **changes: Any) -> str:
    """Return the fingerprint of a record with a message."""
    return finished(record(msg, *args, **changes))


def queued(made: logging.LogRecord) -> logging.LogRecord:
    """Send a record through QueueHandler, which formats its exception."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    logging.handlers.QueueHandler(waiting).handle(made)
    return waiting.get()


def raised(function: Callable[[], object]) -> Any:
    """Return the exc_info of what a function raises."""
    try:
        function()
    except BaseException:  # noqa: BLE001 - whatever the test wants
        return sys.exc_info()
    raise AssertionError("nothing was raised")


def broken(function: Callable[[], object]) -> str:
    """Return the fingerprint of an exception; the same from its object and from what QueueHandler leaves of it."""
    info = raised(function)
    direct = fingerprint("it broke", exc_info=info)
    assert finished(queued(record("it broke", exc_info=info))) == direct
    return direct


# -- Without an exception ------------------------------------------------------------------------


def test_a_call_is_known_by_its_template() -> None:
    """Level, logger, file, function and template; neither its arguments nor its line."""
    assert fingerprint("order %d failed", 17) == "1|call|40|shop|orders.py|pay|order * failed"
    assert fingerprint("order %d failed", 4711, line=99) == fingerprint("order %d failed", 17)


@pytest.mark.parametrize(
    ("template", "arguments"),
    [
        ("order %d failed", (17,)),
        ("%s of %d done: disk full", (3, 7)),
        ("value %r rejected", (5,)),
        ("id=%s gone", ("b7c1d9e2-5a4f-4c1d-8e2a-123456789012",)),
    ],
)
def test_what_a_queue_leaves_of_a_call_is_the_same(template: str, arguments: tuple[object, ...]) -> None:
    """It puts the arguments in, and leaves no template; so this holds where these do not count in a message."""
    made = record(template, *arguments)
    assert finished(queued(made)) == fingerprint(template, *arguments)


def test_a_template_is_known_as_a_whole() -> None:
    """Also what stands in other lines of it, on one line."""
    assert fingerprint("order %d\n  failed: %s", 17, "x") == "1|call|40|shop|orders.py|pay|order * failed: *"
    assert fingerprint("order %d\nfailed", 17) != fingerprint("order %d\nwas lost", 17)


@pytest.mark.parametrize(
    "template", ["%s", "%s: %s", "[%(level)s] %s", "%-10s %5.2f%%", "%dms %s", "%r - %s", "a=%s, %s"]
)
def test_a_template_without_a_word_is_known_by_its_message(template: str) -> None:
    """A wrapper that logs "%s" would make all of a program's errors one."""
    count = len(re.findall(r"%[^%]", template))

    def logged(text: str, number: int) -> str:
        values = [number if letter in "df" else text for letter in re.findall(r"%[\d.-]*(?:\(\w+\))?(\w)", template)]
        made = record(template, *values)
        if "(level)" in template:
            made.msg = template.replace("%(level)s", "%s")
        return finished(made)

    assert count
    assert logged("disk full", 1) == logged("disk full", 2)
    assert logged("disk full", 1) != logged("payment provider down", 1)


@pytest.mark.parametrize(
    "template", ["order %s", "%s failed", "Error: %s", "%(name)s is late", "no %s", "заказ %s", "订单%s"]
)
def test_a_template_with_a_word_says_something(template: str) -> None:
    """What is put in makes no difference."""
    arguments: list[Any] = [{"name": "a"}, {"name": "b"}] if "(" in template else ["a", "b"]
    assert fingerprint(template, arguments[0]) == fingerprint(template, arguments[1])


def test_a_message_without_arguments_is_known_by_what_does_not_vary() -> None:
    """F-strings have no template; further lines do not count."""
    assert fingerprint("order 17 of 'ann' failed\nfirst") == "1|call|40|shop|orders.py|pay|order * of * failed"
    assert fingerprint("order 4711 of 'bob' failed\nother") == fingerprint("order 17 of 'ann' failed")
    assert fingerprint("disk full") != fingerprint("disk empty")


def test_a_dictionary_is_known_by_its_event_or_by_its_keys() -> None:
    """Values vary; the order of keys says nothing."""
    assert fingerprint({"event": "order 17 failed", "order": 17}) == fingerprint({"event": "order 4 failed", "x": 1})
    assert fingerprint({"order": 17, "user": "ann"}) == fingerprint({"user": "bob", "order": 4})
    assert fingerprint({"order": 17}) != fingerprint({"basket": 17})
    assert fingerprint({"order": 17}).endswith("|order")


def test_an_object_is_known_by_its_text() -> None:
    """Whatever it is."""
    assert fingerprint(["order 17 failed"]) == fingerprint(str(["order 4 failed"]))


def test_an_exception_that_is_the_message_is_known_as_one() -> None:
    """However it is logged."""
    info = raised(checkout)
    as_exception = fingerprint("x", exc_info=info)
    assert fingerprint(info[1]) == fingerprint("%s", info[1]) == fingerprint("%r", info[1]) == as_exception
    assert fingerprint("%s", "order 17 failed") == fingerprint("order 4 failed")


def test_level_logger_file_and_function_tell() -> None:
    """The same words from elsewhere are another mistake; another line of the same function is none."""
    base = fingerprint("no")
    for changes in ({"name": "web"}, {"level": logging.CRITICAL}, {"path": "/srv/shop/web.py"}, {"function": "refund"}):
        assert fingerprint("no", **changes) != base
    assert fingerprint("no", line=99) == base


def test_what_is_no_text_is_made_one() -> None:
    """Records are made by anybody, and a fingerprint must be hashable."""
    made = logging.makeLogRecord({"msg": "it broke", "levelno": 40, "pathname": ["a"], "funcName": 7})
    assert fingerprint_call(made, 40, "shop", "it broke") == (40, "shop", "['a']", "7", "", "it broke")
    assert finished(made).endswith("|['a']|7|it broke")
    made = logging.makeLogRecord({"msg": "it broke", "levelno": 40, "pathname": "a.py", "lineno": "7"})
    assert fingerprint_call(made, 40, "shop", "it broke") == (40, "shop", "a.py", "", "", "it broke")


# -- With an exception ---------------------------------------------------------------------------


def pay(order: int = 17) -> None:
    """Fail in a function that others call."""
    raise ValueError(f"order {order} failed")


def checkout() -> None:
    """Call it."""
    pay(4711)


def refund() -> None:
    """Call it from elsewhere."""
    pay(4711)


def test_an_exception_is_known_by_type_message_and_two_functions() -> None:
    """Wherever it is logged: inner code and the framework log the same one with other words."""
    assert broken(checkout).split("|")[1:5] == ["error", "40", "ValueError", "order * failed"]
    assert re.findall(r"(\w+\.py\|\w+)", broken(checkout)) == [
        "test_fingerprint.py|pay",
        "test_fingerprint.py|checkout",
    ]
    info = raised(checkout)
    assert fingerprint("inner", name="a", exc_info=info) == fingerprint("outer %d", 7, name="b", line=2, exc_info=info)
    assert fingerprint("x", level=logging.CRITICAL, exc_info=info) != fingerprint("x", exc_info=info)


def test_who_has_called_tells() -> None:
    """A helper that raises for everybody makes as many mistakes as it has callers."""
    assert broken(checkout) != broken(refund)
    assert broken(lambda: pay(1)) == broken(lambda: pay(2))


def test_what_an_exception_says_tells() -> None:
    """Two messages of one helper are two mistakes; numbers are none."""

    def check(text: str) -> None:
        raise LookupError(text)

    assert broken(lambda: check("amount must not be -3")) == broken(lambda: check("amount must not be 0"))
    assert broken(lambda: check("amount must not be 0")) != broken(lambda: check("card number is missing"))


def chained(cause: BaseException | None, context: BaseException | None = None) -> Callable[[], None]:
    """Return a function that raises one exception from another, or while another is handled."""

    def fail() -> None:
        error = RuntimeError("task failed")
        error.__cause__, error.__context__, error.__suppress_context__ = cause, context, cause is not None
        raise error

    return fail


def test_the_cause_tells_explicit_or_not() -> None:
    """By its type and message, not by how both hang together."""
    key = broken(chained(KeyError("tea")))
    assert key.endswith("|from KeyError: *")
    assert broken(chained(None, KeyError("pie"))) == key
    assert len({key, broken(chained(OSError("no"))), broken(chained(OSError("none"))), broken(chained(None))}) == 4


def test_an_exception_that_is_its_own_cause_has_none() -> None:
    """Python prints it once, so it is the same behind a queue."""

    def fail() -> None:
        error = ValueError("no")
        error.__cause__ = error
        raise error

    made = record("x", exc_info=raised(fail))
    assert "|from " not in finished(made)
    assert finished(queued(made)) == finished(made)


def test_what_failed_in_another_process_is_its_error() -> None:
    """A pool of processes hands the traceback over as a text."""

    class _RemoteTraceback(Exception):
        def __str__(self) -> str:
            return '\n"""\nTraceback (most recent call last):\n  File "a.py", line 3, in pay\nKeyError: 17\n"""'

    made = record("x", exc_info=raised(chained(_RemoteTraceback())))
    assert finished(made).endswith("|from KeyError: *")
    assert finished(queued(made)) == finished(made)


def test_an_exception_that_is_false_is_a_cause() -> None:
    """As one that has a length is."""

    class Empty(Exception):
        def __len__(self) -> int:
            return 0

    assert fingerprint("x", exc_info=raised(chained(Empty("no")))).endswith("Empty: no")
    assert fingerprint("x", exc_info=raised(chained(None, Empty("no")))).endswith("Empty: no")


def test_a_suppressed_context_is_none() -> None:
    """As in what Python prints."""

    def fail(context: Exception) -> None:
        error = RuntimeError("task failed")
        error.__context__, error.__suppress_context__ = context, True
        raise error

    assert broken(lambda: fail(KeyError("tea"))) == broken(lambda: fail(OSError("no")))


def test_what_python_adds_to_a_message_is_left_out() -> None:
    """Suggestions, which some versions make, and where a SyntaxError is."""
    assert "|NameError|name * is not defined|" in broken(lambda: eval("prnt"))
    assert "|AttributeError|* object has no attribute *|" in broken(lambda: eval("[].appendd"))
    assert "|SyntaxError|invalid syntax|" in broken(lambda: compile("a b", "/srv/x.py", "exec"))


def test_comprehensions_and_qualified_names_are_left_out() -> None:
    """Python 3.12 has no frames of comprehensions, and 3.11 knows qualified names."""

    def fail() -> object:
        return [[int(text) for text in "a"] for _ in "b"]

    assert re.search(r"\.py\|fail\|[\w/]+\.py\|raised$", broken(fail))
    frames = [("/srv/a.py", 1, "Shop.<locals>.pay")]
    assert (
        normalized(fingerprint_error(40, FormattedError("E", "E"), (), Place(frames, frames)))
        == "1|error|40|E||a.py|pay"
    )


def test_frames_of_libraries_count_where_there_are_no_others() -> None:
    """An error entirely within the library is still at some place; the application's own come first."""

    def parse() -> object:
        return json.loads("{")

    assert re.search(r"\.py\|parse\|[\w/]+\.py\|raised$", broken(parse))
    kind, error, traceback = raised(parse)
    assert fingerprint("x", exc_info=(kind, error, traceback.tb_next.tb_next)).endswith(
        "|json/decoder.py|raw_decode|json/decoder.py|decode"
    )
    frames = [("/x/site-packages/a.py", 1, "f"), ("/x/site-packages/b.py", 2, "g"), ("/x/dist-packages/c.py", 3, "h")]
    assert fingerprint_error(40, LiveError(KeyError, None, None), (), Place(frames, ())).frames == (
        ("/x/dist-packages/c.py", "h"),
        ("/x/site-packages/b.py", "g"),
    )


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    """Its type and its message are left."""
    error = KeyError("tea")
    assert fingerprint("x", exc_info=(KeyError, error, None)) == "1|error|40|KeyError|*"
    assert fingerprint("x", exc_info=(KeyError, None, None)) == "1|error|40|KeyError|"


def test_an_exception_that_cannot_be_printed_has_a_message() -> None:
    """Python's own words for it."""

    class Hostile(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> None:
        raise Hostile

    assert "Hostile|<exception str() failed>|" in fingerprint("x", exc_info=raised(fail))


def test_a_type_that_has_moved_is_the_same_on_every_python() -> None:
    """Python 3.10 prints other modules."""
    assert (
        normalized(RawError(40, "exceptiongroup.ExceptionGroup", (), "x", ("asyncio.exceptions.TimeoutError", ""), ()))
        == normalized(RawError(40, "ExceptionGroup", (), "x", ("TimeoutError", ""), ()))
        == "1|error|40|ExceptionGroup|x|from TimeoutError: "
    )


def test_only_an_exceptions_first_line_counts() -> None:
    """Notes and what follows it vary."""

    def fail(text: str) -> None:
        raise ValueError(text)

    assert broken(lambda: fail("no\nfirst\n\nblock")) == broken(lambda: fail("no\nother"))
    assert "|no|" in broken(lambda: fail("\nno\nfirst"))
    assert "|ValueError||" in broken(lambda: fail("\n\nno"))


# -- Groups --------------------------------------------------------------------------------------

ExceptionGroup: Any = getattr(builtins, "ExceptionGroup", None)  # Python 3.10 has none
needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no groups of exceptions")


def grouped(*errors: Exception, text: str = "unhandled errors") -> Callable[[], None]:
    """Return a function that raises a group."""

    def fail() -> None:
        raise ExceptionGroup(text, errors)

    return fail


@needs_groups
def test_a_group_is_known_by_its_leaves() -> None:
    """Whatever their order and number, and in whatever groups they are."""
    one = broken(grouped(ValueError("order 17"), OSError("no")))
    assert one.endswith("|with OSError: no|with ValueError: order *")
    assert "|ExceptionGroup|unhandled errors (* sub-exception)|" in one
    assert broken(grouped(OSError("no"), ValueError("order 4"), ValueError("order 5"))) == one
    inner = ExceptionGroup("inner", [ExceptionGroup("most", [ValueError("order 1")])])
    assert broken(grouped(inner, OSError("no"))) == one
    assert broken(grouped(MemoryError(), OSError("no"))) != one
    assert broken(grouped(OSError("no"))) != one


@needs_groups
def test_a_group_counts_wherever_it_stands() -> None:
    """As the exception, as its cause, as the cause of its cause; leaves have causes, too, which do not count."""
    raised_leaf = raised(chained(KeyError("tea")))[1]
    group = ExceptionGroup("unhandled errors", [raised_leaf, OSError("no")])
    leaves = "|with OSError: no|with RuntimeError: task failed"
    assert broken(grouped(*group.exceptions)).endswith(leaves)
    assert broken(chained(group)).endswith(f"|from ExceptionGroup: unhandled errors (* sub-exception){leaves}")
    assert broken(chained(None, group)) == broken(chained(group))
    middle = raised(chained(group))[1]
    assert broken(chained(middle)).endswith(f"|from RuntimeError: task failed{leaves}")


@needs_groups
def test_a_large_group_is_looked_at_as_far_as_it_is_printed() -> None:
    """Fifteen members; what Python does not print would differ behind a queue."""
    many = [ValueError(chr(97 + number) * 3) for number in range(26)]
    assert broken(grouped(*many)).count("|with ") == 15
    raw = FACTORY.from_record(record("x", exc_info=raised(grouped(*many * 1000)))).fingerprint
    assert isinstance(raw, RawError)
    assert len(raw.leaves) == 15


@needs_groups
def test_a_group_that_branches_for_ever_ends() -> None:
    """Ten levels of fifteen members each: more leaves than anybody has time for."""
    group: Any = ValueError("no")
    for _ in range(40):
        group = ExceptionGroup("some", [group] * 15)
    assert fingerprint("x", exc_info=(type(group), group, None)).count("|with ") == 1


class Trees:
    """Groups that hypothesis draws."""

    leaves = st.builds(
        lambda kind, text: kind(text),
        st.sampled_from([ValueError, KeyError, OSError]),
        st.text("ab 1:'\n|+-", max_size=12),
    )
    groups = st.recursive(
        leaves,
        lambda inner: st.lists(inner, min_size=1, max_size=4).map(lambda errors: ExceptionGroup("some", errors)),
        max_leaves=12,
    )


@needs_groups
@given(Trees.groups, st.sampled_from(["alone", "cause", "context", "member"]))
def test_any_group_is_the_same_behind_a_queue(error: Exception, place: str) -> None:
    """Whatever its members say, wherever it stands."""

    def fail() -> None:
        raise error

    def fail_in_a_group() -> None:
        raise ExceptionGroup("outer", [error, KeyError("tea")])

    if place != "alone":
        raised(fail)
    ways = {"cause": chained(error), "context": chained(None, error), "alone": fail, "member": fail_in_a_group}
    broken(ways[place])


# -- Files ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is on sys.path, below another one that is."""
    inner = tmp_path / "releases" / "7"
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(inner), "", *sys.path])
    return inner


def test_a_file_is_named_from_the_entry_of_sys_path(folder: Path) -> None:
    """The longest that holds it: releases differ between hosts, and so do virtual environments."""
    path = os.path.join(str(folder), "shop", "orders.py")
    assert "|shop/orders.py|" in fingerprint("no", path=path)
    assert "|orders.py|" in fingerprint("no", path=str(folder.parent.parent / "orders.py"))
    assert "|orders.py|" in fingerprint("no", path="/elsewhere/shop/orders.py")
    assert "|orders.py|" in fingerprint("no", path="C:\\shop\\orders.py")
    assert "|<string>|" in fingerprint("no", path="<string>")
    assert "|json/decoder.py|" in fingerprint("no", path=json.decoder.__file__)


def test_a_working_directory_that_is_gone_does_no_harm(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty entry of sys.path stands for it."""

    def gone(_path: str) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os.path, "abspath", gone)
    assert "|shop/orders.py|" in fingerprint("no", path=str(folder / "shop" / "orders.py"))


def test_the_same_module_in_two_releases_is_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a line that was added above makes no difference."""
    made: list[str] = []
    for release, comment in (("20261124", ""), ("20261125", "# one more line\n")):
        where = tmp_path / release
        where.mkdir()
        (where / "shop_orders.py").write_text(f"{comment}def pay():\n    raise ValueError('no')\n", "utf-8")
        monkeypatch.setattr(sys, "path", [str(where), *sys.path])
        monkeypatch.delitem(sys.modules, "shop_orders", raising=False)
        importlib.invalidate_caches()
        made.append(broken(importlib.import_module("shop_orders").pay))
        monkeypatch.undo()
    assert made[0] == made[1]
    assert "|shop_orders.py|pay|" in made[0]


# -- Secrets -------------------------------------------------------------------------------------

SECRET = "password=hunterxyz"


def secret_records() -> Iterator[logging.LogRecord]:
    """Yield records that say a secret wherever a fingerprint looks."""
    yield record(f"login with {SECRET} failed")
    yield record(f"login of %s with {SECRET} failed", "ann")
    yield record("%s", f"login with {SECRET} failed")
    yield record({f"login {SECRET}": 1})
    keyed = record("x")
    keyed.gntp = {"key": f"login {SECRET}"}
    yield keyed
    yield record("x", exc_info=raised(lambda: (_ for _ in ()).throw(ValueError(f"login with {SECRET}"))))
    yield record("x", exc_info=raised(chained(ValueError(f"login with {SECRET}"))))
    if ExceptionGroup is not None:
        yield record("x", exc_info=raised(grouped(ValueError(f"login with {SECRET}"))))


@pytest.mark.parametrize("made", list(secret_records()))
def test_a_fingerprint_holds_no_secret(made: logging.LogRecord) -> None:
    """It is made of redacted text only, and what is withheld has a place only."""
    raw = FACTORY.from_record(made).fingerprint
    assert "hunterxyz" in str(raw)
    assert "hunterxyz" not in finished(made)
    assert "login" in finished(made)
    place = FACTORY.from_record(made).withheld().fingerprint
    assert "hunterxyz" not in str(place)
    assert isinstance(place, str)
    assert place.count("|") == finished(made).count("|") or "from" in finished(made) or "with" in finished(made)


def test_the_users_patterns_are_obeyed() -> None:
    """Of what they mask nothing is left that could tell records apart."""
    redact = Redactor([re.compile(r"badge \w+")])
    one, other = (
        normalized(redact(FACTORY.from_record(record(f"no entry with badge {badge}"))).fingerprint)
        for badge in ("abc", "xyz")
    )
    assert one == other


def test_a_text_is_redacted_once() -> None:
    """The message is most of the alert's text: looking through both would double the price."""
    asked: list[str] = []

    def redact(text: str) -> str:
        asked.append(text)
        return text

    redacted(RawCall(40, "shop", "a.py", "f", "order %s failed", "order 17 failed"), redact)
    redacted(RawCall(40, "shop", "a.py", "f", "%s", "order 17 failed"), redact)
    assert asked == ["order %s failed", "order 17 failed"]


# -- Raw and normalized --------------------------------------------------------------------------


def test_a_key_is_a_fingerprint() -> None:
    """What the record says itself goes before everything else."""
    made = record("a", exc_info=raised(pay))
    made.gntp = {"key": "deploys"}
    assert finished(made) == "1|key|deploys"


def test_what_is_kept_of_a_record_is_strings_and_numbers_and_short() -> None:
    """No exception, no frame, no argument; a thousand characters of what was said."""

    def parts(value: object) -> Iterator[object]:
        if isinstance(value, tuple):
            for part in value:
                yield from parts(part)
        elif value is not None:
            yield value

    long = "x" * 5000
    keyed = record("a")
    keyed.gntp = {"key": long}
    printed = f'Traceback (most recent call last):\n  File "{long}", line 1, in {long}\n{long}: {long}'
    for made in (
        record(long), record(long + "%s", 1), record("a", path=long, function=long), record(printed), keyed,
        record("a", exc_info=raised(chained(ValueError(long)))),
    ):  # fmt: skip
        found = list(parts(FACTORY.from_record(made).fingerprint))
        assert {type(part) for part in found} <= {str, int}
        assert max(len(part) for part in found if isinstance(part, str)) == MAX_TEXT
    raw = FACTORY.from_record(record(long)).fingerprint
    assert isinstance(raw, RawCall)
    assert raw.message.endswith(CUT)


def test_a_fingerprint_that_is_finished_is_left_as_it_is() -> None:
    """Whoever has it already needs not ask."""
    for fingerprint_ in ("1|key|a", ("a", 7), ()):
        assert normalized(fingerprint_) == fingerprint_
        assert raw_fingerprint(fingerprint_) == fingerprint_
        assert redacted(fingerprint_, str.upper) == fingerprint_
        assert without_texts(fingerprint_) == fingerprint_


TEXTS = st.text(max_size=40)
RAW = st.one_of(
    st.builds(RawCall, st.integers(0, 50), TEXTS, TEXTS, TEXTS, TEXTS, TEXTS),
    st.builds(
        RawError,
        st.integers(0, 50),
        TEXTS,
        st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple),
        TEXTS,
        st.none() | st.tuples(TEXTS, TEXTS),
        st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    ),
    st.builds(RawKey, TEXTS),
)


@given(RAW)
def test_any_raw_fingerprint_can_be_finished(raw: RawCall | RawError | RawKey) -> None:
    """Into a string that begins with the number of its rules, and has an incident's number."""
    done = normalized(raw)
    assert isinstance(done, str)
    assert done.startswith(f"{RULES}|")
    assert re.fullmatch(r"[0-9a-f]{16}", incident(done))


@given(st.lists(TEXTS, min_size=2, max_size=2, unique=True))
def test_keys_that_differ_differ(keys: list[str]) -> None:
    """No sign of a key can be taken for one that divides parts."""
    assert normalized(RawKey(keys[0])) != normalized(RawKey(keys[1]))


def test_parts_cannot_be_mistaken_for_one_another() -> None:
    """A logger's name may hold the sign that divides."""
    one = RawCall(40, "a|b", "", "c", "", "d")
    other = RawCall(40, "a", "", "b|c", "", "d")
    assert normalized(one) != normalized(other)


@given(RAW, TEXTS)
def test_what_is_certain_is_coarser_than_the_fingerprint(raw: RawCall | RawError | RawKey, text: str) -> None:
    """The thread that logs counts by what needs no look at what was said, and never counts finer."""
    other = raw if isinstance(raw, RawKey) else raw._replace(message=text)
    assert raw_fingerprint(other) == raw_fingerprint(raw)


def test_an_incident_is_the_same_everywhere() -> None:
    """On every host and in every release that has the same rules."""
    assert incident("1|key|deploys") == "c6c2d979b0332f89"
    assert incident("1|key|\udcff") != incident("1|key|\udcfe")


# -- The document --------------------------------------------------------------------------------


def examples() -> list[tuple[str, str, bool]]:
    """Return the examples of docs/handler.md: two messages, and whether they count as the same."""
    table = (ROOT / "docs" / "handler.md").read_text("utf-8").partition("## What counts as the same")[2]
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \| (yes|no) \|", table, re.MULTILINE)
    return [(one, other, answer == "yes") for one, other, answer in rows]


def test_the_documented_examples_are_twelve() -> None:
    """Of both sorts."""
    assert len(examples()) == 12
    assert {is_same for _, _, is_same in examples()} == {True, False}


@pytest.mark.parametrize(("one", "other", "is_same"), examples())
def test_what_counts_as_the_same_is_as_documented(one: str, other: str, is_same: bool) -> None:
    """Messages, logged without arguments at one place."""
    assert (fingerprint(one) == fingerprint(other)) is is_same
