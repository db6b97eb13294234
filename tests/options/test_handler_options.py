"""options: every bad value is refused with the option's name and what is allowed."""

from __future__ import annotations

import inspect
import logging.config
import logging.handlers
from datetime import date, datetime, time, timezone
from logging.config import BaseConfigurator
from pathlib import Path
from typing import Any

import pytest

from gntp_logging import GNTPHandler, OptionError
from gntp_logging.gntp.models import Resource
from gntp_logging.options import handler_options as options


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("app_name", " ", "a string that is not blank"),
        ("app_name", 5, "a string that is not blank"),
        ("host", "", "a host name or an IP address"),
        ("host", "growl.example:23053", "the port is an option of its own"),
        ("host", "http://growl.example/", "a host name or an IP address"),
        ("host", "two words", "a host name or an IP address"),
        ("host", "a\r\nb", "a host name or an IP address"),
        ("host", "x" * 64, "a host name or an IP address"),
        ("host", b"localhost", "a host name or an IP address"),
        ("port", 0, "an integer from 1 to 65535"),
        ("port", 65536, "an integer from 1 to 65535"),
        ("port", "23053", "an integer from 1 to 65535"),
        ("port", True, "an integer from 1 to 65535"),
        ("timeout", 0, "a number of seconds above 0 to 1000000"),
        ("timeout", float("inf"), "a number of seconds above 0 to 1000000"),
        ("timeout", 1e300, "a number of seconds above 0 to 1000000"),
        ("timeout", "5", "a number of seconds above 0 to 1000000"),
        ("password", "", "leave the option out"),
        ("password", 5, "must be a string"),
        ("password_env", "GNTP_LOGGING_TEST_UNSET", "is not set"),
        ("password_env", "hunter2", "the name of an environment variable, and no variable has this name"),
        ("password_file", "/nonexistent/password", "cannot read"),
        ("password_file", 5, "the path of a file"),
        ("key_hashing", "SHA3", "'MD5' or 'SHA1' or 'SHA256' or 'SHA512'"),
        ("encryption", "ROT13", "'AES' or 'DES' or '3DES'"),
        ("encryption", "AES", "needs a password"),
        ("level", "LOUD", "a level's number or name"),
        ("level", -1, "a level's number or name"),
        ("levels", ["ERROR"], "a mapping"),
        ("levels", [], "a mapping"),
        ("levels", {"ERROR": {}, "40": {}}, "'40' is given twice"),
        ("levels", {"LOUD": {}}, "a level's number or name"),
        ("levels", {"ERROR": 5}, "a mapping"),
        ("levels", {"ERROR": {"colour": "red"}}, "unknown key 'colour'; allowed: event, priority, sticky, icon"),
        ("levels", {"ERROR": {"priority": 3}}, "an integer from -2 to 2"),
        ("levels", {"ERROR": {"sticky": 1}}, "true or false"),
        ("levels", {"ERROR": {"event": ""}}, "a string that is not blank"),
        ("levels", {"ERROR": {"icon": "/nonexistent/icon.png"}}, "cannot read '/nonexistent/icon.png'"),
        ("icon", "/nonexistent/icon.png", "cannot read '/nonexistent/icon.png'"),
        ("icon", "a\0b", "cannot read 'a\\x00b'"),
        ("password_file", "a\0b", "cannot read 'a\\x00b'"),
        ("icon", 5, "a path, an http or https URL, or a picture's bytes"),
        ("icon", b"", "a path, an http or https URL, or a picture's bytes"),
        ("url", "not a url", "a URL such as"),
        ("url", "https://x/?a={", "a format such as"),
        ("url", "https://x/?a={}", "has no name"),
        ("title", "", "a format such as"),
        ("title", "{", "a format such as"),
        ("title", "{0}", "has no name"),
        ("title", 5, "a function"),
        ("context", 5, "a mapping such as"),
        ("context", "no", "a dotted path"),
        ("context", "gntp_logging.nothing", "cannot import"),
        ("context", {"": 1}, "names that are strings"),
        ("context", {"a": []}, "a string, a number, a date or time, or a context variable"),
        ("fingerprint", "no", "a dotted path"),
        ("fingerprint", 5, "a function"),
        ("url", "https://x/\r\nX-Header: 1", "a URL such as"),
        ("max_text", -1, "an integer of 0 or more"),
        ("max_text", 1.5, "an integer of 0 or more"),
        ("queue_size", 0, "an integer from 1 to 10000000"),
        ("repeat_window", -1, "a number of seconds from 0"),
        ("redact", "all", "true, false, or a list of regular expressions"),
        ("redact", [5], "a list of regular expressions"),
        ("app_packages", "shop", "a list of names of packages"),
        ("app_packages", ["shop/web"], "a list of names of packages"),
        ("app_packages", [5], "a list of names of packages"),
        ("redact_keep", "sid", "a list of names and words"),
        ("redact_keep", [""], "a list of names and words"),
        ("queue_size", 10**20, "an integer from 1 to 10000000"),
        ("redact", ["("], "not a regular expression"),
        ("burst", 0, "an integer of 1 or more"),
        ("rate", "often", "a number from 0"),
        ("max_age", -1, "a number of seconds from 0 to 1000000"),
        ("max_age", float("nan"), "a number of seconds from 0 to 1000000"),
        ("shutdown_timeout", -0.1, "a number of seconds from 0 to 1000000"),
        ("enabled", "no", "true or false"),
    ],
)
def test_a_bad_value_is_refused_by_name(option: str, value: Any, allowed: str) -> None:
    """The error begins with the option and says what is allowed."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is what is tested
        GNTPHandler(**{option: value})
    assert str(refused.value).startswith(option)
    assert allowed in str(refused.value)


class Unprintable:
    """A value that can neither be shown nor compared."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]  # as Python has it for classes with an __eq__


@pytest.mark.parametrize("option", sorted(set(inspect.signature(GNTPHandler).parameters)))
def test_any_object_is_refused_by_name(option: str) -> None:
    """Whatever it is, and whatever it does when it is looked at."""
    given: dict[str, Any] = {option: Unprintable()}
    with pytest.raises(ValueError, match=f"^{option}"):
        GNTPHandler(**given)


def test_dict_config_shows_the_reason_as_the_cause() -> None:
    """A DictConfigurator hides an error in __cause__; there the option is named, in words and as data."""
    with pytest.raises(ValueError, match="handler 'gntp'") as hidden:
        logging.config.dictConfig(
            {"version": 1, "handlers": {"gntp": {"class": "gntp_logging.GNTPHandler", "port": "x"}}}
        )
    cause = hidden.value.__cause__
    assert isinstance(cause, OptionError)
    assert (cause.option, cause.value) == ("port", "x")
    assert str(cause).startswith("port: allowed is")


def test_an_icon_is_a_path_bytes_or_a_url(tmp_path: Path) -> None:
    """Files are read at once, bytes are taken, a URL is passed on."""
    file = tmp_path / "icon.png"
    file.write_bytes(b"png")
    assert options.icon("icon", file) == options.icon("icon", str(file)) == Resource(data=b"png")
    assert options.icon("icon", b"png") == Resource(data=b"png")
    assert options.icon("icon", "https://127.0.0.1/icon.png") == Resource(url="https://127.0.0.1/icon.png")
    assert options.icon("icon", None) is None


def test_levels_change_parts_of_a_style() -> None:
    """What a table leaves out stays as it was; keys are names or numbers, also in strings."""
    styles = options.levels({"ERROR": {"priority": 2}, "30": {"event": "Careful"}, 50: {"sticky": False}})
    assert (styles.style(40).event, styles.style(40).priority) == ("Error", 2)
    assert (styles.style(30).event, styles.style(30).priority) == ("Careful", 0)
    assert not styles.style(50).sticky


def test_a_level_of_the_users_own_begins_with_the_style_below() -> None:
    """A new threshold takes over what it does not name, and holds up to the next."""
    styles = options.levels({"25": {"event": "Notice"}})
    assert (styles.style(25).event, styles.style(25).priority) == ("Notice", -1)
    assert styles.style(29).event == "Notice"
    assert styles.style(24).event == "Info"
    assert styles.style(30).event == "Warning"


def test_references_inside_dict_configs_own_dicts_are_resolved() -> None:
    """The dicts of dictConfig resolve ext:// only when indexed, also inside nested tables."""
    table = BaseConfigurator({"levels": {"ERROR": {"priority": "ext://logging.handlers.SYSLOG_UDP_PORT"}}}).config[
        "levels"
    ]
    with pytest.raises(ValueError, match="not 514"):
        options.levels(table)


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/srv/shop/manage.py", "runserver"], "manage"),
        (["/usr/bin/gunicorn"], "gunicorn"),
        (["/srv/shop/__main__.py"], "shop"),
        (["-c"], "python"),
        (["-m"], "python"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_the_programs_name_is_found(argv: list[str], name: str) -> None:
    """Scripts, packages and interactive sessions each have a name."""
    assert options.program_name(argv) == name


def test_a_date_in_the_context_is_a_text() -> None:
    """TOML and YAML have dates and times."""
    values = {
        "deployed": date(2026, 11, 3),
        "at": time(4, 30),
        "built": datetime(2026, 11, 3, 4, 30, tzinfo=timezone.utc),
    }
    assert options.context(values).constants[1:] == (
        ("deployed", "2026-11-03"),
        ("at", "04:30:00"),
        ("built", "2026-11-03 04:30:00+00:00"),
    )
