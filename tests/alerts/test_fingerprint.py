"""fingerprint: which records are of one fingerprint, and which are not."""

from __future__ import annotations

import json
import logging
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import AlertFactory
from gntp_logging.alerts.fingerprint import (
    Fingerprint,
    fingerprint_call,
    fingerprint_exception,
    fingerprint_formatted,
    is_application,
    masked,
    normalized,
    raw_fingerprint,
)
from gntp_logging.alerts.levels import LevelMap

FACTORY = AlertFactory("shop", LevelMap(), 1000)


def fingerprint(
    msg: object, *args: object, name: str = "shop", line: int = 1, level: int = logging.ERROR, exc_info: Any = None
) -> Fingerprint:
    """Return the normalized fingerprint of a record."""
    record = logging.LogRecord(name, level, "/shop/orders.py", line, msg, args or None, exc_info)
    return normalized(FACTORY.from_record(record).fingerprint)


def test_arguments_make_no_other_kind() -> None:
    """The template and its place tell, not what was filled in."""
    assert fingerprint("order %d failed", 1) == fingerprint("order %d failed", 2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 17 failed", "order 4711 failed"),
        (f"request {uuid.UUID(int=1)} failed", f"request {uuid.UUID(int=2**127)} failed"),
        ("at 0x7f3a10", "at 0xdeadbeef"),
        ("commit 3f2a9c1 broke", "commit 77ab01c9 broke"),
        ("no such user 'ann'", "no such user 'bob'"),
        ('no such user "ann"', 'no such user "bob"'),
        ("timeout\nfirst trace", "timeout\nanother trace"),
    ],
)
def test_what_varies_in_a_ready_message_is_masked(one: str, other: str) -> None:
    """f-strings have no template: numbers, hexadecimal, UUIDs, quoted strings and further lines do not count."""
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("disk full", "disk empty"),
        ("facade broke", "decade broke"),  # letters that happen to be hexadecimal digits are words
        ("don't stop", "don't start, it can't go"),  # apostrophes are no quotes
    ],
)
def test_what_differs_in_words_is_another_kind(one: str, other: str) -> None:
    """Masks do not eat words."""
    assert fingerprint(one) != fingerprint(other)


def test_place_logger_and_level_make_another_kind() -> None:
    """The same words from elsewhere are another mistake."""
    base = fingerprint("no")
    assert fingerprint("no", line=2) != base
    assert fingerprint("no", name="other") != base
    assert fingerprint("no", level=logging.CRITICAL) != base


def fail(kind_of: type[Exception]) -> Any:
    """Return the exc_info of an exception that this file's code has raised."""
    try:
        raise kind_of("x")  # noqa: TRY301 - the exception must have a traceback of this frame
    except Exception:  # noqa: BLE001 - whatever was asked for
        return sys.exc_info()


def test_an_exception_is_one_kind_whoever_logs_it() -> None:
    """Inner code and the framework log the same exception with other words, at other places."""
    assert fingerprint("inner", name="a", line=1, exc_info=fail(ValueError)) == fingerprint(
        "outer %d", 7, name="b", line=2, exc_info=fail(ValueError)
    )
    assert fingerprint("x", exc_info=fail(ValueError)) != fingerprint("x", exc_info=fail(KeyError))


def test_the_innermost_frame_of_the_application_counts() -> None:
    """Frames of the standard library are skipped: where it was called is the mistake."""

    def parse() -> Any:
        try:
            json.loads("{")
        except ValueError:
            return sys.exc_info()

    assert fingerprint("x", exc_info=parse())[-1] == "parse"


def test_without_a_frame_of_the_application_the_innermost_counts() -> None:
    """An error entirely within the library is still of some fingerprint."""
    with pytest.raises(ValueError, match="Expecting") as raised:
        json.loads("{")
    info = (raised.type, raised.value, raised.tb.tb_next)
    assert fingerprint("x", exc_info=info)[-1] == "raw_decode"


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        ("/home/ann/shop/orders.py", True),
        ("C:\\shop\\orders.py", True),
        ("<string>", True),
        (json.__file__, False),
        ("<frozen importlib._bootstrap>", False),
        ("/x/lib/python3.11/site-packages/django/core/handlers/base.py", False),
        ("/usr/lib/python3/dist-packages/apt/cache.py", False),
        ("C:\\Python\\Lib\\site-packages\\flask\\app.py", False),
        (str(Path(__file__)), True),
    ],
)
def test_the_applications_files_are_known(path: str, is_own: bool) -> None:
    """Not the standard library, not what was installed, not what is frozen."""
    assert is_application(path) is is_own


def test_a_key_is_a_kind() -> None:
    """What the record says itself goes before everything else."""
    record = logging.LogRecord("shop", logging.ERROR, "", 1, "a", None, None)
    record.gntp = {"key": "deploys"}
    assert normalized(FACTORY.from_record(record).fingerprint) == ("key", "deploys")


@given(st.text())
def test_masking_is_bounded_and_settles(message: str) -> None:
    """Whatever the message: one short line, which masking again does not change."""
    template = masked(message)
    assert "\n" not in template
    assert masked(template) == template


@given(st.text())
def test_what_is_at_hand_is_part_of_the_kind(message: str) -> None:
    """The thread that logs counts by place, which is coarser than the fingerprint, never finer."""
    raw = FACTORY.from_record(logging.LogRecord("shop", 40, "/x.py", 1, message, None, None)).fingerprint
    assert normalized(raw)[: len(raw_fingerprint(raw))] == raw_fingerprint(raw)


def test_a_message_is_masked_in_its_first_line() -> None:
    """Blank lines before it are none."""
    message = "\n order 17 of 'ann' failed at 0xdeadbeef, 3f2b8c1e-0000-4000-8000-00000000000a\nmore 1\nmore 2"
    assert masked(message) == "order <n> of '…' failed at <hex>, <uuid>"


def test_a_kind_that_is_settled_is_at_hand_as_a_whole() -> None:
    """Nothing of it is a message."""
    assert raw_fingerprint(("key", "a", "b")) == ("key", "a", "b")


def test_a_place_that_is_none_is_a_place() -> None:
    """Records are made by anybody, and a fingerprint must be hashable."""
    record = logging.makeLogRecord({"msg": "it broke", "levelno": 40, "pathname": ["a"], "lineno": 7})
    assert fingerprint_call(record, "shop", "it broke") == ("raw", 40, "shop", "['a']", -1, "it broke")
    record = logging.makeLogRecord({"msg": "%s broke", "args": ("it",), "levelno": 40, "pathname": "a", "lineno": "7"})
    assert fingerprint_call(record, "shop", "it broke") == (40, "shop", "a", -1, "%s broke")


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    """Its type is its fingerprint."""
    assert fingerprint_exception(40, KeyError, None) == (40, "builtins", "KeyError", "", "")


def test_an_exception_of_libraries_alone_has_the_innermost_place() -> None:
    """Of one that was formatted, too; its module is told apart from its name."""
    frames = [("/x/site-packages/a.py", 1, "f"), ("/x/site-packages/b.py", 2, "g")]
    assert fingerprint_formatted(40, "a.b.Error", frames) == (40, "a.b", "Error", "/x/site-packages/b.py", "g")


def test_this_package_is_no_application() -> None:
    """Wherever it is installed: its middleware stands in every traceback of an ASGI application."""
    from gntp_logging import asgi

    assert not is_application(asgi.__file__)
    assert is_application(__file__)
