"""errors: exceptions that another process has raised are told like those of this one, live and printed."""

from __future__ import annotations

import builtins
import concurrent.futures.process
import json
import logging
import logging.handlers
import multiprocessing.pool
import pickle
import queue
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import AlertFactory
from gntp_logging.alerts.errors import LiveError, frames_of, live
from gntp_logging.alerts.fingerprint import RawError, normalized
from gntp_logging.alerts.levels import LevelMap
from tests.support import whole

ExceptionGroup: Any = getattr(builtins, "ExceptionGroup", None)
needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no groups of exceptions")

CARRIERS: tuple[Any, ...] = (
    concurrent.futures.process._ExceptionWithTraceback,
    multiprocessing.pool.ExceptionWithTraceback,  # type: ignore[attr-defined]
)
"""How pools pickle an exception."""


def raised(function: Callable[[], object]) -> BaseException:
    """Return what a function raises."""
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - whatever the test wants
        return error
    raise AssertionError("nothing was raised")


def raising(error: BaseException) -> Callable[[], None]:
    """Return a function that raises an exception."""

    def fail() -> None:
        raise error

    return fail


def handed_over(error: BaseException, carrier: Any = CARRIERS[0]) -> BaseException:
    """Return an exception as a pool hands it over, raised where its result was asked for."""
    carried: BaseException = pickle.loads(pickle.dumps(carrier(error, error.__traceback__)))
    return raised(raising(carried))


def record(error: BaseException | None, message: str = "cannot pay") -> logging.LogRecord:
    """Return a record with an exception."""
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("shop", logging.ERROR, __file__, 1, message, None, info)


def queued(made: logging.LogRecord) -> logging.LogRecord:
    """Send a record through QueueHandler, which formats its exception."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    logging.handlers.QueueHandler(waiting).handle(made)
    return waiting.get()


def told(made: logging.LogRecord) -> tuple[str, str]:
    """Return the text and the fingerprint of a record's alert."""
    alert = AlertFactory("shop", LevelMap(), 1000).from_record(made)
    fingerprint = normalized(alert.fingerprint)
    assert isinstance(fingerprint, str)
    return whole(alert.finished(1000)), fingerprint


def charge(order: int = 17) -> None:
    """Fail as the application does in another process."""
    raise ValueError(f"order {order} failed")


def convert() -> None:
    """Fail in another way in another process."""
    try:
        charge()
    except ValueError as error:
        raise LookupError("no rate\nfor today") from error


def never_raised() -> None:
    """Fail because of an exception that nobody has raised."""
    raise LookupError("no rate") from KeyError("EUR")


def in_two() -> None:
    """Fail twice in another process."""
    raise ExceptionGroup("two orders", [raised(charge), raised(convert)])


def in_a_pool_of_its_own() -> None:
    """Fail in a process of another process."""
    raise handed_over(raised(convert))


def wrapped() -> None:
    """Fail here because of what has failed there."""
    raise RuntimeError("not paid") from handed_over(raised(convert))


def broken_pool() -> None:
    """Fail as a pool that is broken: its cause tells of another exception."""
    cause: Any = handed_over(raised(charge)).__cause__
    cause.tb = f"\n'''\n{''.join(traceback.format_exception(raised(convert)))}'''"
    raise RuntimeError("the pool is broken") from cause


@pytest.mark.parametrize("carrier", CARRIERS, ids=["concurrent.futures", "multiprocessing"])
def test_the_frames_of_another_process_are_the_innermost(carrier: Any) -> None:
    """They come first, and are in the fingerprint; the cause that carries them is never named."""
    error = handed_over(raised(convert), carrier)
    text, fingerprint = told(record(error))
    lines = text.split("\n")
    assert lines[:3] == ["LookupError: no rate", "for today", "cannot pay"]
    assert re.fullmatch(r"alerts/test_errors\.py:\d+ in convert", lines[3])
    assert lines[-1] == "caused by ValueError: order 17 failed"
    assert "test_errors.py|convert|" in fingerprint
    assert told(record(handed_over(raised(never_raised), carrier)))[1] != fingerprint


FAILURES = {
    "alone": lambda: raise_handed_over(charge),
    "with a cause": lambda: raise_handed_over(convert),
    "with a cause that was never raised": lambda: raise_handed_over(never_raised),
    "of a pool in a pool": lambda: raise_handed_over(in_a_pool_of_its_own),
    "as a cause": wrapped,
    "of a pool that is broken": broken_pool,
}
GROUPS = {
    "a group": lambda: raise_handed_over(in_two),
    "a group as a cause": lambda: raise_from(handed_over(raised(in_two))),
    "in a group": raising(ExceptionGroup("tasks", [handed_over(raised(convert))])) if ExceptionGroup else None,
    "a group in a group": raising(ExceptionGroup("tasks", [handed_over(raised(in_two))])) if ExceptionGroup else None,
}


def raise_handed_over(function: Callable[[], object]) -> None:
    """Raise what a function raises in another process."""
    raise handed_over(raised(function))


def raise_from(cause: BaseException) -> None:
    """Raise an exception from another one."""
    raise RuntimeError("not paid") from cause


@pytest.mark.parametrize(
    "failure",
    [*FAILURES.values(), *(pytest.param(failure, marks=needs_groups) for failure in GROUPS.values())],
    ids=[*FAILURES, *GROUPS],
)
@pytest.mark.parametrize("carrier", ["live", "queued", "structlog's text", "in the message"])
def test_what_another_process_has_printed_is_told_in_any_form(failure: Callable[[], None], carrier: str) -> None:
    """With the same text and the same fingerprint; no quotes, and no name of the cause that carries it."""
    error = raised(failure)
    printed = "".join(traceback.format_exception(error)).rstrip()
    forms = {
        "live": record(error),
        "queued": queued(record(error)),
        "structlog's text": record(None, json.dumps({"event": "cannot pay", "exception": printed})),
        "in the message": record(None, f"cannot pay\n{printed}"),
    }
    text, fingerprint = told(forms[carrier])
    assert (text, fingerprint) == told(record(error))
    assert "cannot pay" in text
    assert '"""' not in text
    assert "RemoteTraceback" not in text + fingerprint


def test_the_same_frames_stand_once() -> None:
    """Celery hands over an exception with a traceback that looks like the one there."""
    error = raised(convert)
    carried = handed_over(error)
    carried.__traceback__ = None
    there = LiveError(type(carried), carried, None).frames
    assert [function for _, _, function in there] == ["raised", "convert"]
    again = raised(convert)
    again.__cause__ = carried.__cause__
    assert LiveError(type(again), again, again.__traceback__).frames == there


@given(st.text() | st.text("ab\"'\n: |+-"), st.booleans())
def test_whatever_the_other_process_says_there_is_an_alert(text: str, is_printed: bool) -> None:
    """Of what cannot be read the exception that carries it is told, and no cause."""
    error = handed_over(ValueError("no"))
    assert error.__cause__ is not None
    error.__cause__.tb = f'\n"""\n{text}"""'  # type: ignore[attr-defined]
    made = record(error)
    said, fingerprint = told(queued(made) if is_printed else made)
    assert said.startswith("ValueError: no\n")
    assert "RemoteTraceback" not in said + fingerprint


def test_a_text_that_cannot_be_made_does_no_harm() -> None:
    """The class of the cause may be anybody's."""

    class RemoteTraceback(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    error = raised(charge)
    error.__cause__ = RemoteTraceback()
    assert told(record(error))[0].split("\n")[0] == "ValueError: order 17 failed"
    assert live(error).before is None


def caused(error: BaseException, cause: BaseException) -> BaseException:
    """Return an exception that was raised from another one."""
    error.__cause__ = cause
    return raised(raising(error))


def extended(inner: st.SearchStrategy[BaseException]) -> st.SearchStrategy[BaseException]:
    """Draw exceptions of exceptions: handed over by a pool, raised from another one, in a group."""
    drawn = [inner.map(lambda error: handed_over(raised(raising(error)))), st.builds(caused, PLAIN, inner)]
    if ExceptionGroup:
        drawn.append(st.lists(inner, min_size=1, max_size=3).map(lambda held: ExceptionGroup("some", held)))
    return st.one_of(drawn)


PLAIN: st.SearchStrategy[BaseException] = st.builds(
    lambda kind, text: kind(text), st.sampled_from([ValueError, KeyError, OSError]), st.text("ab 1:|+-", max_size=9)
)


@pytest.mark.slow
@given(st.recursive(PLAIN, extended, max_leaves=6))
def test_any_chain_is_the_same_behind_a_queue(error: BaseException) -> None:
    """However pools, causes and groups stand in one another."""
    made = record(raised(raising(error)))
    assert told(queued(made))[1] == told(made)[1]


@pytest.mark.parametrize("form", [str, lambda printed: repr(printed.encode())])
def test_a_traceback_in_an_exceptions_text_is_named_by_its_last_line(form: Callable[[str], str]) -> None:
    """What a child has printed, as ``raise RuntimeError(stderr)`` has it."""
    printed = "".join(traceback.format_exception(child := raised(lambda: int("seven"))))
    assert live(raised(raising(RuntimeError(form(printed))))).line == f"RuntimeError: ValueError: {child}"
    error = raised(raising(RuntimeError(f"cannot sync:\n{form(printed)}")))
    assert live(error).line == f"RuntimeError: cannot sync:\nValueError: {child}"


def test_only_what_is_asked_for_is_read() -> None:
    """A group of thousands of exceptions of other processes is counted, and not read."""
    asked: list[None] = []

    class RemoteTraceback(Exception):
        def __str__(self) -> str:
            asked.append(None)
            return ""

    error = ValueError("no")
    error.__cause__ = RemoteTraceback()
    assert (live(error).line, live(error).members, asked) == ("ValueError: no", (), [])
    found = live(error)
    assert (found.before, found.frames, len(asked)) == (None, (), 1)


def test_what_looks_like_a_traceback_and_is_none_has_no_frames() -> None:
    """Anything may stand in a record."""
    odd: Any = "x"
    assert frames_of(odd) == ()
    assert isinstance(AlertFactory("shop", LevelMap(), 9).from_record(record(raised(charge))).fingerprint, RawError)
