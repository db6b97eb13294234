"""clean: what terminals obey is taken out, what turns a text around becomes visible; and it comes before masking."""

from __future__ import annotations

import logging
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import Alert, AlertFactory
from gntp_logging.alerts.clean import clean, is_clean
from gntp_logging.alerts.fingerprint import normalized
from gntp_logging.alerts.levels import LevelMap
from gntp_logging.alerts.redact import Redactor


@pytest.mark.parametrize(
    ("logged", "read"),
    [
        ('"\x1b[35m\x1b[1mGET /x HTTP/1.1\x1b[0m" 500', '"GET /x HTTP/1.1" 500'),
        ("\x1b[38;5;196mred\x1b[m, \x1b[1;38:2::255:0:0mtoo\x1b[K", "red, too"),
        ("\x1b[?25l50 %\x1b[2J\x1b[10;3H", "50 %"),
        ("\x1b]0;a title\x07it broke", "it broke"),
        ("see \x1b]8;;http://shop.example/\x1b\\order 7\x1b]8;;\x1b\\", "see order 7"),
        ("\x1b(Bplain\x1b)0\x1b#8\x1b%G", "plain"),
        ("\x1b7a\x1b8\x1bMb\x1b=c\x1bcd", "abcd"),
        ("\x9b31mred\x9b0m \x9d0;title\x9c\x90q\x9c", "red "),
        ("no end: \x1b]0;title and news", "no end: 0;title and news"),
        ("line \x1b]one\ntwo\x07", "line one\ntwo\x07"),
        ("cut \x1b[3", "cut "),
        ("cut \x1b", "cut ␛"),
        ("â\x80\x98misread\x9d", "â\x80\\x98misread\\x9d"),
        ("one\u2028two\u2029three", "one\ntwo\nthree"),
        ("file\u202egnp.exe, \u2066isolated\u2069, \u200fmark", "file\ufffdgnp.exe, \ufffdisolated\ufffd, \ufffdmark"),
        ("می\u200cرود 👩\u200d💻 ❤\ufe0f é", "می\u200cرود 👩\u200d💻 ❤\ufe0f é"),
        ("[31m is text, and so is \\x1b[0m", "[31m is text, and so is \\x1b[0m"),
    ],
)
def test_a_text_is_left_as_people_read_it(logged: str, read: str) -> None:
    """Colours, cursors, titles, links and character sets go, in seven bits and in eight; words stay."""
    assert clean(logged) == read


_PIECES = st.sampled_from(
    [
        "\x1b",
        "\x9b",
        "\x9d",
        "\x90",
        "\x9c",
        "\x07",
        "\\",
        "[",
        "]",
        "(",
        "B",
        "0;",
        "31",
        "m",
        " ",
        "\n",
        "é",
        "\u202e",
    ]
)


@example("\x1b(\x1b[0mB\x1b\x9b31m[32m\x9dtitle\x1b[0m\x07")
@given(st.lists(_PIECES, max_size=30).map("".join) | st.text())
def test_nothing_is_left_of_a_sequence(text: str) -> None:
    """Also where what stands on both sides of one would make another; a second pass changes nothing."""
    cleaned = clean(text)
    assert is_clean(cleaned)
    assert not re.search("[\x1b\x9b\x9d\x90]", cleaned)
    assert clean(cleaned) == cleaned


def test_every_character_that_changes_directions_is_visible() -> None:
    """All that Unicode calls so."""
    embeddings = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    turning = [chr(code) for code in range(0x11000) if unicodedata.bidirectional(chr(code)) in embeddings]
    assert len(turning) == 9
    assert clean("".join([*turning, "\u200e", "\u200f", "\u061c"])) == "\ufffd" * 12


@pytest.mark.parametrize("text", ["\x1b]" * 100_000, "\x9d" * 100_000, "\x1b]" + "a" * 200_000, "\x1b" + " " * 200_000])
def test_a_hostile_text_costs_no_more_than_its_length(text: str) -> None:
    """An introduction without an end is looked at once: in quadratic time this would not come to an end."""
    assert "\x1b" not in clean(text)


# -- Alerts --------------------------------------------------------------------------------------


def shown(msg: str, *args: Any, redact: bool = True, **more: Any) -> Alert:
    """Return the alert of a record as it is shown."""
    record = logging.LogRecord("shop", logging.ERROR, __file__, 1, msg, args, more.pop("exc_info", None), "pay")
    record.__dict__.update(more)
    redactor = Redactor(max_text=1000, is_enabled=redact)
    return redactor.finished(AlertFactory("shop", LevelMap(), 1000).from_record(record))


def test_a_colour_hides_no_secret() -> None:
    """Masked is what people would read."""
    alert = shown(
        "pass\x1b[1mword\x1b[0m=\x1b[31mhun\x1b[32mter2\x1b[0m", order="ghp_abcdefghijklm\x1b[0mnopqrstuvwxyz0123"
    )
    assert (alert.title, alert.text) == ("password=***", "")
    assert dict(alert.context)["order"] == "***"


@pytest.mark.parametrize("redact", [True, False])
def test_each_text_of_an_alert_is_cleaned(redact: bool) -> None:
    """The exception, its cause, the message, the context and what the record says; with redact=False too."""
    error = ValueError("no\x1b[0m")
    error.__cause__ = KeyError("k\u202ey")
    info = (ValueError, error, None)
    alert = shown(
        "\x1b[31mpay\x1b[0m",
        exc_info=info,
        order="\x1b[1m7",
        gntp={"title": "\x1b[1mPay", "x\x1b[0m": 1},
        redact=redact,
    )
    assert alert.title == "Pay"
    assert alert.text.startswith("ValueError: no\npay\n")
    assert all(map(is_clean, (alert.text, *dict(alert.context).values())))
    assert dict(alert.context)["order"] == "7"


def test_what_holds_colours_alone_is_empty() -> None:
    """A title is never blank."""
    alert = shown("\x1b[31m\x1b[0m", gntp={"title": "\x1b[1m"})
    assert (alert.title, alert.text) == ("(empty message)", "")


def test_a_record_folds_with_its_coloured_twin() -> None:
    """The same program logs with colours in a terminal, and without them elsewhere."""
    plain, coloured = shown("order failed"), shown("\x1b[31morder\x1b[0m failed")
    assert normalized(plain.fingerprint) == normalized(coloured.fingerprint)


def test_a_clean_alert_is_the_same_object() -> None:
    """Nearly all are."""
    alert = AlertFactory("shop", LevelMap(), 1000).from_record(
        logging.LogRecord("shop", logging.ERROR, __file__, 1, "Zahlung für 7 € fehlgeschlagen", None, None)
    )
    assert alert.cleaned() is alert
