"""OptionError: what programs read, what people read, and what neither may find there."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gntp_logging
from gntp_logging import GNTPHandler, IgnoreFilter
from gntp_logging.options.errors import OptionError


@pytest.mark.parametrize(
    ("make", "option", "allowed", "value"),
    [
        (lambda: GNTPHandler(port=0), "port", "an integer from 1 to 65535", 0),
        (lambda: GNTPHandler(level="EROR"), "level", "a level's number or name such as 40, '40' or 'ERROR'", "EROR"),
        (
            lambda: GNTPHandler(levels={"ERROR": {"icon": 5}}),
            "levels['ERROR']['icon']",
            "a path, an http or https URL, or a picture's bytes",
            5,
        ),
        (
            lambda: GNTPHandler(levels={"ERROR": {"colour": "red"}}),
            "levels['ERROR']",
            "event, priority, sticky, icon",
            "colour",
        ),
        (
            lambda: GNTPHandler(on_error="no.such"),
            "on_error",
            "a function, or a dotted path to one such as 'shop.alerts.lost'",
            "no.such",
        ),
        (
            lambda: GNTPHandler(icon="/nope.png"),
            "icon",
            "a path, an http or https URL, or a picture's bytes",
            "/nope.png",
        ),
        (lambda: GNTPHandler(password_file="/nope"), "password_file", "the path of a file", "/nope"),
        (lambda: GNTPHandler(redact=["("]), "redact", "a list of regular expressions", "("),
        (lambda: GNTPHandler(title="{"), "title", "a format such as '{name}' over a record's attributes", "{"),
        (
            lambda: IgnoreFilter(statuses=["9xx"]),
            "statuses",
            "a list of HTTP statuses such as 404, '404' or '4xx'",
            "9xx",
        ),
    ],
)
def test_it_says_which_option_what_is_allowed_and_what_was_given(
    make: Any, option: str, allowed: str, value: object
) -> None:
    """As data; the text is made of them."""
    with pytest.raises(gntp_logging.OptionError) as caught:
        make()
    error = caught.value
    assert isinstance(error, ValueError)
    assert (error.option, error.allowed, error.value) == (option, allowed, value)
    assert str(error) == f"{option}: {error.reason}"


@pytest.mark.parametrize(
    "options",
    [
        {"password": ["hunter2"]},
        {"password": b"hunter2"},
        {"password": "hunter2", "password_env": "x"},
        {"password": "hunter2", "encryption": "AES", "key_hashing": "MD5"},
        {"password_env": "hunter2"},
        {"password_env": b"hunter2"},
        {"password_env": ["hunter2"]},
        {"host": "user:hunter2@desk"},
        {"host": b"user:hunter2@desk"},
        {"url": "https://user:hunter2@desk/{"},
        {"icon": ["https://user:hunter2@desk/i.png"]},
    ],
    ids=str,
)
def test_what_may_be_a_secret_is_neither_kept_nor_shown(options: dict[str, Any]) -> None:
    """Whatever was given in its place."""
    with pytest.raises(OptionError) as caught:
        GNTPHandler(**options)
    error = caught.value
    assert "hunter2" not in f"{error} {error!r} {error.args} {vars(error)}"


def test_a_password_in_a_variable_or_a_file_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor that it was empty there."""
    monkeypatch.setenv("SHOP_PASSWORD", "")
    (tmp_path / "password").write_text("\nhunter2", "utf-8")
    options: list[dict[str, Any]] = [{"password_env": "SHOP_PASSWORD"}, {"password_file": tmp_path / "password"}]
    for given_ in options:
        with pytest.raises(OptionError, match=r"is empty; for a server without a password") as caught:
            GNTPHandler(**given_)
        assert caught.value.value is None
        assert caught.value.option in given_


@given(st.text(min_size=1, alphabet=st.characters(categories=("L", "N"))))
def test_a_password_before_an_at_sign_is_not_shown(password: str) -> None:
    """Whatever it is made of, where a URL or a host was given with one."""
    error = OptionError("host", "a host name", f"user:{password}-x@desk")
    assert f"{password}-x" not in f"{error} {error.value}"
    assert "desk" in str(error)


def test_a_long_value_is_cut() -> None:
    """An error is read by people; the value is whole."""
    error = OptionError("icon", "a path", "x" * 5000)
    assert len(str(error)) < 150
    assert error.value == "x" * 5000


def test_it_can_be_copied_and_pickled() -> None:
    """It crosses processes, as errors of the standard library do."""
    error = OptionError("redact", "a list of regular expressions", "(", "'(' is not a regular expression")
    for one in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(one), vars(one)) == (OptionError, vars(error))


class Unprintable:
    """A value that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_value_that_cannot_be_shown() -> None:
    """Is called what it is, in the text and in the error's own repr."""
    error = OptionError("port", "an integer", Unprintable())
    assert str(error) == "port: allowed is an integer, not this Unprintable"
    assert repr(error) == f"OptionError({str(error)!r})"
