"""checks: values that people write, and what a misspelt name may mean."""

from __future__ import annotations

import logging.config
import os

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
