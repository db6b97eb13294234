"""Options that the environment gives."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.config import ConfigurationError, from_env
from gntp_logging.configuration.environment import DEFAULTS
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
            "REDACT": '["x+"]', "MAX_TEXT": "0", "REPEAT_WINDOW": "0", "BURST": "1", "RATE": "0.5",
            "FINGERPRINT": "os.path.join", "QUEUE_SIZE": "3", "MAX_AGE": "4", "SHUTDOWN_TIMEOUT": "0",
            "ON_ERROR": "builtins.print", "ENABLED": "true",
        }  # fmt: skip
        assert {name.lower() for name in values} | {"password", "password_env"} == set(DEFAULTS)
        for name, value in values.items():
            monkeypatch.setenv(f"GNTP_{name}", value)
        handler = from_env()
        given = {
            name.lower(): json.loads(value) if value[:2] in ('{"', '["') else value for name, value in values.items()
        }
        numbers: Mapping[str, object] = {
            "port": 2, "timeout": 0.5, "max_text": 0, "repeat_window": 0.0, "burst": 1, "rate": 0.5, "queue_size": 3,
            "max_age": 4.0, "shutdown_timeout": 0.0, "enabled": True,
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
            ("GNTP_PROT", "1", "'GNTP_PROT' is no variable of this package; did you mean 'GNTP_PORT'?"),
            ("GNTP_LOGGING_DISABLE", "1", "did you mean 'GNTP_LOGGING_DISABLED'?"),
            ("GNTP_PORT", "x", "GNTP_PORT: allowed is an integer from 1 to 65535, not 'x'"),
            ("GNTP_PORT", "70000", "GNTP_PORT: allowed is an integer from 1 to 65535, not 70000"),
            ("GNTP_ENABLED", "yes", "GNTP_ENABLED: allowed is true or false, not 'yes'"),
            ("GNTP_LEVELS", "{x", "GNTP_LEVELS: allowed is JSON"),
            ("GNTP_LEVELS", "x", "GNTP_LEVELS: allowed is a mapping"),
            ("GNTP_TIMEOUT", "nan", "GNTP_TIMEOUT: allowed is a number of seconds"),
            ("GNTP_ENCRYPTION", "AES", "GNTP_ENCRYPTION: "),
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

    def test_switches_are_no_options(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """``GNTP_LOGGING_DISABLED`` is the constructor's business."""
        monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1")
        assert not from_env().enabled

    def test_an_option_that_was_given_is_named_as_such(self) -> None:
        """Not every mistake is the environment's."""
        with pytest.raises(ValueError, match=r"^port: "):
            from_env(port=0)
