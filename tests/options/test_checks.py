"""checks: values that people write, and what a misspelt name may mean."""

from __future__ import annotations

import logging.config
import os
import re
from collections.abc import Callable

import pytest

from gntp_logging.options import checks


def test_a_function_is_itself_or_a_dotted_path() -> None:
    """Imported when the handler is made: the worker's thread imports nothing."""
    assert checks.function("on_error", None) is None
    assert checks.function("on_error", print) is print
    assert checks.function("on_error", "os.path.join") is os.path.join


@pytest.mark.parametrize(
    "value", ["", "print", "no.such.module", "os.path.nothing", "os.sep", "os path", 7, ["os.getpid"]], ids=repr
)
def test_what_is_no_function_is_refused(value: object) -> None:
    """The error names the option."""
    with pytest.raises(ValueError, match=r"^on_error: "):
        checks.function("on_error", value)


@pytest.mark.parametrize(
    ("key", "known", "meant"),
    [
        ("prot", ["port", "host"], "port"),
        ("PORT", ["port"], "port"),
        ("max-age", ["max_age"], "max_age"),
        ("A-b", ["a_b"], "a_b"),
        ("a_b", ["A-b"], "A-b"),
        ("formatter", ["rate", "port"], ""),
        ("", ["port"], ""),
    ],
)
def test_what_is_near(key: str, known: list[str], meant: str) -> None:
    """A slip of the fingers is; a word that only shares letters is not."""
    assert checks.nearest(key, known) == meant


def test_an_unknown_key_is_told_with_all_that_are_known() -> None:
    """And with the one that may be meant."""
    assert checks.unknown("prot", ["port"]) == "unknown key 'prot' (did you mean 'port'?); allowed: port"
    assert checks.unknown("x", []) == "unknown key 'x'; allowed: none, there is no such table"


def test_a_table_of_dict_configs_own_is_copied_with_what_it_stands_for() -> None:
    """Its values resolve only when they are indexed."""
    converting = logging.config.BaseConfigurator({"table": {"name": "ext://logging.WARNING"}}).config
    assert checks.to_plain_dict("table", converting["table"]) == {"name": logging.WARNING}


class _Unprintable:
    """Its repr fails."""

    def __repr__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("check", "value", "error"),
    [
        (checks.text, "  ", "a string that is not blank, not '  '"),
        (checks.boolean, 1, "true or false, not 1"),
        (checks.number, -1, "a number from 0 to 1000000, not -1"),
        (checks.level_number, -1, "a level's number or name such as 40, '40' or 'ERROR', not -1"),
        (
            checks.level_number,
            "EROR",
            "a level's number or name such as 40, '40' or 'ERROR', not 'EROR'; did you mean 'ERROR'?",
        ),
        (
            checks.function,
            7,
            "a function, or a dotted path to one such as 'shop.alerts.lost', not 7",
        ),
        (checks.function, "os.sep", "a dotted path to a function, not 'os.sep'"),
        (checks.to_plain_dict, 7, "a mapping, not 7"),
        (checks.boolean, "user:secret@desk", "true or false, not 'user:***@desk'"),
        (checks.boolean, _Unprintable(), "true or false, not this _Unprintable"),
    ],
)
def test_a_refusal_says_what_is_allowed_and_what_was_given(
    check: Callable[[str, object], object], value: object, error: str
) -> None:
    """In one sentence, word for word."""
    with pytest.raises(ValueError, match=f"^option: allowed is {re.escape(error)}$"):
        check("option", value)


def test_the_ends_of_a_range_are_in_it() -> None:
    """All but a zero where a number must be positive."""
    assert checks.integer("option", 2, 2, 3) == 2
    assert checks.integer("option", 3, 2, 3) == 3
    assert checks.number("option", 0) == 0.0
    assert checks.number("option", checks.MAX_NUMBER) == checks.MAX_NUMBER
    assert checks.number("option", 0.5, positive=True) == 0.5
