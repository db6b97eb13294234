"""Options that the environment gives."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from gntp_logging import GNTPHandler, OptionError
from gntp_logging.config import ConfigurationError, from_env
from gntp_logging.configuration.environment import DEFAULTS, relabel_errors
from tests.conftest import Write
from tests.states import state

pytestmark = pytest.mark.usefixtures("no_variables")


class TestTheEnvironment:
    """``from_env``."""

    def test_each_option_can_be_given(self, monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
        """By its name in capitals, with values of its type."""
        values = {
            "APP_NAME": "shop", "HOST": "desk", "PORT": "2", "TIMEOUT": "0.5", "PASSWORD_FILE": str(write("secret")),
            "KEY_HASHING": "sha512", "ENCRYPTION": "AES", "LEVEL": "40", "LEVELS": '{"ERROR": {"event": "Fire"}}',
            "ICON": "https://x/i.png", "TITLE": "{name}", "URL": "https://x/{name}", "CONTEXT": '{"a": 1}',
            "APP_PACKAGES": '["shop"]',
            "REDACT": '["x+"]', "REDACT_KEEP": '["sid"]', "MAX_TEXT": "0", "REPEAT_WINDOW": "0", "BURST": "1",
            "RATE": "0.5", "TLS": "1",
            "FINGERPRINT": "os.path.join", "QUEUE_SIZE": "3", "MAX_AGE": "4", "SHUTDOWN_TIMEOUT": "0",
            "SPOOL": "kept.db", "SPOOL_MAX_AGE": "5", "ON_ERROR": "builtins.print", "ENABLED": "true",
        }  # fmt: skip
        others = {"password", "password_env", "broker", "fleet_key_file"}  # one of these and the server, not both
        assert {name.lower() for name in values} | others == set(DEFAULTS)
        for name, value in values.items():
            monkeypatch.setenv(f"GNTP_{name}", value)
        handler = from_env()
        given = {
            name.lower(): json.loads(value) if value[:2] in ('{"', '["') else value for name, value in values.items()
        }
        numbers: Mapping[str, object] = {
            "port": 2, "timeout": 0.5, "max_text": 0, "repeat_window": 0.0, "burst": 1, "rate": 0.5, "queue_size": 3,
            "max_age": 4.0, "shutdown_timeout": 0.0, "spool_max_age": 5.0, "enabled": True, "tls": True,
        }  # fmt: skip
        expected: dict[str, Any] = {**given, **numbers}
        assert state(handler) == state(GNTPHandler(**expected))

    def test_is_not_attached(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who calls it knows where the handler belongs."""
        monkeypatch.setenv("GNTP_APP_NAME", "shop")
        assert from_env() not in logging.getLogger().handlers

    def test_comes_before_what_is_given(self, monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
        """A password takes back the other ways to give one; an empty variable is none."""
        monkeypatch.setenv("GNTP_APP_NAME", "from outside")
        monkeypatch.setenv("GNTP_PASSWORD_FILE", str(write("secret")))
        monkeypatch.setenv("GNTP_HOST", "")
        handler = from_env(app_name="shop", password="other", host="desk")
        assert handler.app_name == "from outside"
        assert "desk" in repr(handler)

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("GNTP_PROT", "1", "unknown variable 'GNTP_PROT' (did you mean 'GNTP_PORT'?)"),
            ("GNTP_LOGGING_DISABLE", "1", "did you mean 'GNTP_LOGGING_DISABLED'?"),
            ("GNTP_PORT", "x", "GNTP_PORT: allowed is an integer from 1 to 65535, not 'x'"),
            ("GNTP_PORT", "70000", "GNTP_PORT: allowed is an integer from 1 to 65535, not 70000"),
            ("GNTP_ENABLED", "yes", "GNTP_ENABLED: allowed is true or false, not 'yes'"),
            ("GNTP_LEVELS", "{x", "GNTP_LEVELS: allowed is JSON"),
            ("GNTP_LEVELS", "x", "GNTP_LEVELS: allowed is a mapping"),
            ("GNTP_TIMEOUT", "nan", "GNTP_TIMEOUT: allowed is a number of seconds"),
            ("GNTP_ENCRYPTION", "AES", "GNTP_ENCRYPTION: "),
            ("GNTP_TLS", "yes", "GNTP_TLS: cannot read 'yes': No such file or directory"),
            ("GNTP_REDACT", "[1]", "GNTP_REDACT: allowed is a list of regular expressions"),
        ],
    )
    def test_a_mistake_names_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
    ) -> None:
        """And what is allowed."""
        monkeypatch.setenv(name, value)
        with pytest.raises(ConfigurationError, match=re.escape(words)) as caught:
            from_env()
        assert str(caught.value).startswith("the environment: ")

    def test_a_mistake_is_data_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The variable stands for the option, and the option's own error is the cause."""
        monkeypatch.setenv("GNTP_LEVELS", '{"ERROR": {"priority": 3}}')
        with pytest.raises(OptionError) as caught:
            from_env()
        error = caught.value
        assert isinstance(error, ConfigurationError)
        assert (error.option, error.value) == ("GNTP_LEVELS['ERROR']['priority']", 3)
        assert error.allowed == "an integer from -2 to 2"
        assert isinstance(error.__cause__, OptionError)
        assert error.__cause__.option == "levels['ERROR']['priority']"

    def test_json_that_cannot_be_read_is_not_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """There may be a secret in it."""
        monkeypatch.setenv("GNTP_CONTEXT", '{"token": "hunter2"')
        with pytest.raises(OptionError) as caught:
            from_env()
        assert (caught.value.option, caught.value.value) == ("GNTP_CONTEXT", None)
        assert "hunter2" not in f"{caught.value} {caught.value.args}"

    def test_two_variables_that_cannot_stand_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Are both named."""
        monkeypatch.setenv("GNTP_PASSWORD", "hunter2")
        monkeypatch.setenv("GNTP_PASSWORD_ENV", "X")
        words = "the environment: GNTP_PASSWORD, GNTP_PASSWORD_ENV: give one of them, not 2"
        with pytest.raises(ConfigurationError, match=f"^{words}$"):
            from_env()

    def test_switches_are_no_options(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """``GNTP_LOGGING_DISABLED`` is the constructor's business."""
        monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1")
        assert not from_env().enabled

    def test_an_option_that_was_given_is_named_as_such(self) -> None:
        """Not every mistake is the environment's."""
        with pytest.raises(ValueError, match=r"^port: "):
            from_env(port=0)


class TestRelabelling:
    """Errors about an option say where it was given; other errors are none of its business."""

    OPTION_NAMES: Final = {"level": "GNTP_LEVEL", "rate": "GNTP_RATE", "port": "--port", "context": "GNTP_CONTEXT"}

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("invalid level in rate limiter: y"),
            ValueError("port: must be even"),
            OptionError("team", "red or blue", "level"),
            ConfigurationError("port: of a file"),
        ],
        ids=repr,
    )
    def test_other_errors_pass_as_they_are(self, error: ValueError) -> None:
        """A handler subclass has options and words of its own."""
        with pytest.raises(ValueError) as caught, relabel_errors(self.OPTION_NAMES):  # noqa: PT011 - any that is this one
            raise error
        assert caught.value is error

    @pytest.mark.parametrize(
        ("option", "text"),
        [
            ("level", "the environment: GNTP_LEVEL: allowed is a, not 'b'"),
            ("port", "--port: allowed is a, not 'b'"),
            ("context['x, port']", "the environment: GNTP_CONTEXT['x, port']: allowed is a, not 'b'"),
        ],
    )
    def test_the_option_alone_is_relabelled(self, option: str, text: str) -> None:
        """Not what stands inside it in quotation marks."""
        with pytest.raises(ConfigurationError) as caught, relabel_errors(self.OPTION_NAMES):
            raise OptionError(option, "a", "b")
        assert str(caught.value) == text
