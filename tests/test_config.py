"""Configuration from files and from the environment: what is made, what is refused in which words, what comes first."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import logging.config
import re
import sys
import textwrap
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging import GNTPHandler, IgnoreFilter, config
from gntp_logging.cli import main
from gntp_logging.config import ConfigurationError, from_env, load
from tests.support import RunningReceiver, running_receiver, said

Write = Callable[..., Path]
STATE = re.compile(r" at 0x[0-9a-f]+")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variables of whoever runs the tests; logging as it was before."""
    for name in config.DEFAULTS:
        monkeypatch.delenv(f"GNTP_{name.upper()}", raising=False)
    monkeypatch.setattr(sys, "stdin", None)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()
    root.handlers[:] = before


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file and returns its path."""

    def to(text: str, name: str = "shop.toml") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return to


WHOLE = """
    version = 1
    disable_existing_loggers = false

    [formatters.short]
    format = "%%(message)s"

    [filters.noise]
    "()" = "gntp_logging.IgnoreFilter"
    loggers = ["asyncio.*"]

    [handlers.desktop]
    class = "gntp_logging.GNTPHandler"
    level = "ERROR"
    formatter = "short"
    filters = ["noise"]
    app_name = "shop"
    port = %d
    rate = 0
    context = { environment = "production", folder = "ext://os.sep" }
    levels = { ERROR = { event = "Fire", priority = 2 }, "35" = { sticky = true } }

    [handlers.quiet]
    class = "logging.NullHandler"

    [loggers.shop]
    handlers = ["desktop", "quiet"]
    propagate = false

    [root]
    level = "INFO"
"""


class TestAWholeConfiguration:
    """A file in dictConfig's schema."""

    def test_is_applied(self, write: Write, receiver: RunningReceiver) -> None:
        """And its alerts arrive; the handlers that were made are returned."""
        (handler,) = load(write(WHOLE % receiver.port))
        assert (handler.name, handler.level, handler.app_name) == ("desktop", logging.ERROR, "shop")
        logging.getLogger("shop").error("no stock")
        logging.getLogger("asyncio.x").error("not of this logger")
        assert handler.flush(10)
        (toast,) = receiver.toasts
        assert (toast.text, toast.name, toast.priority) == ("no stock", "Fire", 2)

    def test_in_pyproject(self, write: Write, receiver: RunningReceiver) -> None:
        """The same, under another table; the file's other tables are other people's."""
        text = textwrap.dedent(WHOLE % receiver.port)
        text = re.sub(r"^\[([fhlr].*)\]$", r"[tool.gntp_logging.\1]", text, flags=re.MULTILINE)
        text = '[project]\nname = "x"\nversion = "1"\n[tool.ruff]\nx = 1\n[tool.gntp_logging]' + text
        (handler,) = load(write(text, "pyproject.toml"))
        assert handler.name == "desktop"

    def test_the_same_in_three_languages(self, write: Write) -> None:
        """TOML, YAML and JSON give the same handler."""
        yaml = pytest.importorskip("yaml", reason="needs PyYAML: pip install pyyaml")
        path = write(WHOLE % 23053)
        content = config.read(path).content
        texts = {"toml": path.read_text("utf-8"), "yaml": yaml.safe_dump(content), "json": json.dumps(content)}
        states = {}
        for name, text in texts.items():
            if name == "toml":
                load(write(text))
            else:
                logging.config.dictConfig({"yaml": yaml.safe_load, "json": json.loads}[name](text))
            handler = logging.getLogger("shop").handlers[0]
            assert isinstance(handler, GNTPHandler)
            states[name] = state(handler)
        assert states["toml"] == states["yaml"] == states["json"]
        assert "production" in states["toml"]


def state(handler: GNTPHandler) -> str:
    """Return all that a handler was configured with, for comparison."""
    own = {name: value for name, value in vars(handler).items() if name not in ("_own_worker", "lock")}
    return "\n".join(_described("handler", own, set()))


def _described(name: str, value: object, seen: set[int]) -> Iterator[str]:
    """Walk through what a handler is made of: this package's objects by their attributes, all else by its text."""
    if isinstance(value, functools.partial):
        value = {"function": value.func, "args": value.args, **value.keywords}
    if isinstance(value, (dict, list, tuple, deque)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _described(f"{name}.{key}", item, seen)
    elif (
        name.endswith("_id_prefix")
        or id(value) in seen
        or (callable(value) and not type(value).__module__.startswith("gntp_logging"))
    ):
        yield f"{name}: {type(value).__name__}"
    elif type(value).__module__.startswith(("gntp_logging", "logging")):
        seen.add(id(value))
        slots = [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())]
        attributes = {slot: getattr(value, slot, None) for slot in slots} | getattr(value, "__dict__", {})
        yield f"{name}: {type(value).__name__}"
        yield from _described(name, attributes, seen)
    else:
        yield f"{name}: {STATE.sub('', repr(value))}"


class TestTheHandlerAlone:
    """A table ``[gntp]``."""

    def test_is_added_to_the_root_logger(self, write: Write, receiver: RunningReceiver) -> None:
        """Beside what is there, whose level stays."""
        root = logging.getLogger()
        before, level = list(root.handlers), root.level
        text = f'[database]\nurl = "x"\n[gntp]\napp_name = "shop"\nport = {receiver.port}\nlevel = "error"\n'
        (handler,) = load(write(text))
        assert root.handlers == [*before, handler]
        assert (root.level, handler.level) == (level, logging.ERROR)
        logging.getLogger("any").error("no stock")
        assert handler.flush(10)
        assert said(receiver.toasts[0]) == "no stock"

    def test_a_second_call_replaces_what_the_first_has_added(self, write: Write) -> None:
        """A program that reloads its configuration has one handler; one that cannot has the one before."""
        path = write("[gntp]\nport = 1\n")
        (first,) = load(path)
        write("[gntp]\nport = 2\n")
        (second,) = load(path)
        ours = [handler for handler in logging.getLogger().handlers if isinstance(handler, GNTPHandler)]
        assert ours == [second]
        assert first is not second
        write("[gntp]\nport = 'x'\n")
        with pytest.raises(ConfigurationError):
            load(path)
        assert second in logging.getLogger().handlers

    def test_in_pyproject(self, write: Write) -> None:
        """Under another table."""
        (handler,) = load(write("[tool.gntp_logging]\napp_name = 'shop'\n", "pyproject.toml"))
        assert handler.app_name == "shop"

    def test_the_environment_is_not_read(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a file says is what holds."""
        monkeypatch.setenv("GNTP_APP_NAME", "other")
        monkeypatch.setenv("GNTP_NONSENSE", "other")
        (handler,) = load(write("[gntp]\nhost = 'desk'\n"))
        assert handler.app_name != "other"


OURS = "version = 1\n[handlers.x]\nclass = 'gntp_logging.GNTPHandler'\n"
FACTORY = OURS.replace("class", "'()'")
OTHER = OURS.replace("gntp_logging.GNTPHandler", "logging.NullHandler")
BAD = {
    "[gntp]\nprot = 1": "[gntp] 'prot' is no key; did you mean 'port'? Allowed: app_name, host, port,",
    "[gntp]\nPORT = 1": "did you mean 'port'?",
    "[gntp]\nport = '1'": "[gntp] port: allowed is an integer from 1 to 65535, not '1'",
    "[gntp]\nzzz = 1": "[gntp] 'zzz' is no key; Allowed: app_name, host",
    "gntp = 3": "[gntp] must be a table of the handler's options, not 3",
    "[gntp.levels.EROR]\nevent = 'x'": "'EROR'; did you mean 'ERROR'?",
    "[gntp.levels.ERROR]\nevnt = 'x'": "did you mean 'event'?",
    "[tool.gntp_logging]\nprot = 1": "[tool.gntp_logging] 'prot' is no key; did you mean 'port'?",
    "[tool.gntp-logging]\nport = 1": "'tool.gntp-logging' is no key; did you mean 'tool.gntp_logging'?",
    "[gnpt]\nport = 1": "'gnpt' is no key; did you mean 'gntp'?",
    "": "has no configuration; allowed is a table [gntp] or [tool.gntp_logging], or a whole logging configuration",
    "[gntp\nport = 1": "is no TOML: ",
    "version = 1\n[hanlders.x]\nclass = 'logging.NullHandler'": "'hanlders' is no key; did you mean 'handlers'?",
    "[gntp]\n[handlers.x]\nclass = 'logging.NullHandler'": "[gntp] and [handlers] in one file",
    "version = 2": "Unsupported version: 2",
    "version = 1\nhandlers = 3": "[handlers] must be a table, not 3",
    "version = 1\nhandlers.x = 3": "[handlers.x] must be a table, not 3",
    OURS + "prot = 1": "[handlers.x] 'prot' is no key; did you mean",
    FACTORY + "prot = 1": "[handlers.x] 'prot' is no key; did you mean",
    OURS + "port = true": "[handlers.x] port: allowed is an integer",
    "version = 1\n[handlers.x]\nclass = 'gntp_logging.GNTPHandlr'": "[handlers.x] ",
    OTHER + "level = 'LOUD'": "[handlers.x] level: allowed is a level's number",
    "version = 1\n[root]\nhandlers = ['desktpo']\n[handlers.desktop]\nclass = 'logging.NullHandler'": (
        "[root] handlers: 'desktpo' is no name of a table [handlers.…]; did you mean 'desktop'?"
    ),
    "version = 1\n[loggers.a]\nhandler = ['x']": "[loggers.a] 'handler' is no key; did you mean 'handlers'?",
    "version = 1\n[loggers.a]\nhandlers = 'x'": "[loggers.a] handlers: allowed is a list of names, not 'x'",
    OTHER + "formatter = 'y'": "[handlers.x] formatter: 'y' is no name of",
    "version = 1\n[filters.x]\n'()' = 'gntp_logging.IgnoreFilter'\nstatuses = ['9xx']": "[filters.x] statuses",
    "version = 1\n[formatters.x]\nfromat = 'y'": "[formatters.x] 'fromat' is no key; did you mean 'format'?",
    "[tool.gntp_logging]\nversion = 1\n[tool.gntp_logging.root]\nlevel = 'LOUD'": "[tool.gntp_logging.root] level: ",
}


@pytest.mark.parametrize(("text", "words"), BAD.items())
def test_a_mistake_is_named(write: Write, text: str, words: str) -> None:
    """By file, table and key, with what is allowed, and the nearest name that is."""
    path = write(text)
    with pytest.raises(ConfigurationError, match=re.escape(words)) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    """Which names it; a program may let its configuration be missing."""
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere.toml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Are a mistake in the file like any other."""
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is no TOML"):
        load(path)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["class", "()", "level", "handlers", "port", "levels", "ERROR", "event"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(st.sampled_from(["handlers", "filters", "formatters", "loggers", "root", "gntp"]), ANYTHING)
def test_whatever_a_file_holds_its_check_ends_in_one_error(table: str, value: object) -> None:
    """Keys and names are checked without anything else than the package's own error."""
    content: dict[str, Any] = {table: value} if table == "gntp" else {"version": 1, table: value}
    with contextlib.suppress(ConfigurationError):
        config._find("x.toml", content).check()


class TestDictConfig:
    """The ways of the standard library, without this package's help."""

    @pytest.mark.parametrize(
        "handler",
        [
            {"class": "gntp_logging.GNTPHandler"},
            {"()": "gntp_logging.GNTPHandler"},
            {"()": "ext://gntp_logging.GNTPHandler"},
            {"()": GNTPHandler},
            {"()": "gntp_logging.config.from_env"},
        ],
        ids=str,
    )
    def test_class_and_factories(self, handler: dict[str, Any], receiver: RunningReceiver) -> None:
        """Each makes the handler; what stands beside them are its options."""
        nested = {"ERROR": {"priority": "ext://token.NAME", "event": "Fire"}}
        handler = {**handler, "app_name": "shop", "port": receiver.port, "levels": nested}
        handler["context"] = {"machine": None, "separator": "ext://os.sep"}
        logging.config.dictConfig(
            {"version": 1, "disable_existing_loggers": False, "handlers": {"desktop": handler},
             "loggers": {"shop": {"handlers": ["desktop"]}}}
        )  # fmt: skip
        logger = logging.getLogger("shop")
        logger.error("no stock")
        (made,) = logger.handlers
        assert isinstance(made, GNTPHandler)
        assert made.flush(10)
        (toast,) = receiver.toasts
        assert (toast.name, toast.priority) == ("Fire", 1)
        assert toast.text == "no stock\nseparator /"

    def test_file_config(self, write: Write, receiver: RunningReceiver) -> None:
        """The older way, which gunicorn and uvicorn take as well."""
        path = write(
            f"""
            [loggers]
            keys=root,shop
            [handlers]
            keys=desktop
            [formatters]
            keys=
            [logger_root]
            handlers=
            [logger_shop]
            qualname=shop
            handlers=desktop
            [handler_desktop]
            class=gntp_logging.GNTPHandler
            level=ERROR
            kwargs={{"app_name": "shop", "port": {receiver.port}, "levels": {{"ERROR": {{"sticky": True}}}}}}
            """,
            "logging.ini",
        )
        logging.config.fileConfig(path, disable_existing_loggers=False)
        (handler,) = logging.getLogger("shop").handlers
        assert isinstance(handler, GNTPHandler)
        logging.getLogger("shop").error("no stock")
        assert handler.flush(10)
        (toast,) = receiver.toasts
        assert (said(toast), toast.sticky) == ("no stock", True)

    def test_filters(self) -> None:
        """A filter of this package stands in a file too."""
        noise = {"()": "gntp_logging.IgnoreFilter", "loggers": ["a"]}
        handler = {"class": "gntp_logging.GNTPHandler", "filters": ["noise"]}
        logging.config.dictConfig(
            {"version": 1, "disable_existing_loggers": False, "filters": {"noise": noise},
             "handlers": {"desktop": handler}, "loggers": {"shop": {"handlers": ["desktop"]}}}
        )  # fmt: skip
        (handler_made,) = logging.getLogger("shop").handlers
        assert isinstance(handler_made.filters[0], IgnoreFilter)


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
        assert {name.lower() for name in values} | {"password", "password_env"} == set(config.DEFAULTS)
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


class TestWhatComesFirst:
    """On the command line: argument, environment, file, default."""

    def test_each_before_the_next(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        """The port tells who was asked."""
        with running_receiver() as file, running_receiver() as environment, running_receiver() as argument:
            path = str(write(f"[gntp]\nport = {file.port}\n"))
            assert main(["send", "a", "--config", path]) == 0
            monkeypatch.setenv("GNTP_PORT", str(environment.port))
            assert main(["send", "b", "--config", path]) == 0
            assert main(["send", "c", "--config", path, "--port", str(argument.port)]) == 0
            titles = [[toast.title for toast in receiver.toasts] for receiver in (file, environment, argument)]
        assert titles == [["a"], ["b"], ["c"]]

    def test_a_password_before_another(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        """In whatever way each is given."""
        with running_receiver(["right"]) as receiver:
            path = str(write(f"[gntp]\nport = {receiver.port}\npassword_env = 'UNSET'\n"))
            monkeypatch.setenv("GNTP_PASSWORD", "right")
            assert main(["send", "a", "--config", path]) == 0
            monkeypatch.setenv("GNTP_PASSWORD", "wrong")
            assert main(["send", "b", "--config", path, "--password-file", str(write("right\n", "secret"))]) == 0

    def test_a_file_with_two_handlers_is_refused(self, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
        """It does not say where to send."""
        two = "version = 1\n" + "".join(f"[handlers.{x}]\nclass = 'gntp_logging.GNTPHandler'\n" for x in "ab")
        assert main(["send", "a", "--config", str(write(two))]) == 2
        assert "this has handlers.a, handlers.b" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["[gntp]\nprot = 1", None])
    def test_a_file_that_cannot_be_used_is_wrong_usage(
        self, write: Write, capsys: pytest.CaptureFixture[str], text: str | None
    ) -> None:
        """In one line."""
        path = write(text) if text else "nowhere.toml"
        assert main(["send", "a", "--config", str(path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert str(path) in line
