"""Configuration by files and by dictConfig: what is made of it."""

from __future__ import annotations

import json
import logging
import logging.config
import re
import sys
import textwrap
from collections.abc import Callable
from typing import Any, Final

import pytest

from gntp_logging import GNTPHandler, IgnoreFilter
from gntp_logging.config import ConfigurationError, load
from gntp_logging.configuration.logging_file import read
from tests.conftest import Write
from tests.documents import ROOT
from tests.states import state
from tests.support import RunningReceiver, run_program, said

pytestmark = pytest.mark.usefixtures("no_variables", "root_as_it_was")

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
        assert (toast.title, toast.name, toast.priority) == ("no stock", "Fire", 2)

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
        content = read(path).content
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


class TestTheTerminal:
    """What a program without a handler prints by itself, it prints beside a table's handler too."""

    TABLE = "[gntp]\nlevel = 'CRITICAL'\n"

    @staticmethod
    def without_pytests(*handlers: logging.Handler) -> logging.Logger:
        """Give the root logger these handlers alone."""
        root = logging.getLogger()
        root.handlers[:] = handlers
        return root

    @staticmethod
    def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
        """Log at three levels, and return the lines on stderr."""
        logger = logging.getLogger("test.terminal")
        logger.info("as usual")
        logger.warning("stock is low")
        logger.error("no stock")
        return capsys.readouterr().err.splitlines()

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("x.toml", TABLE),
            ("x.toml", "[gntp]\nenabled = false\n"),
            ("pyproject.toml", TABLE.replace("gntp", "tool.gntp_logging")),
            ("x.json", '{"gntp": {"level": "CRITICAL"}}'),
        ],
    )
    def test_warnings_and_errors_are_printed(
        self, write: Write, capsys: pytest.CaptureFixture[str], name: str, text: str
    ) -> None:
        """With time, level and logger; each once, however often the file is loaded."""
        root = self.without_pytests()
        root.setLevel("INFO")
        for _ in range(2):
            load(write(text, name))
        warning, error = self.printed(capsys)
        assert re.fullmatch(r"\d{4}-\d\d-\d\d [\d:,]+ WARNING test\.terminal: stock is low", warning)
        assert error.endswith(" ERROR test.terminal: no stock")
        assert root.level == logging.INFO

    def test_with_every_handler_switched_off(
        self, write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The environment takes the alerts away, and nothing else."""
        monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1")
        self.without_pytests()
        load(write(self.TABLE))
        assert len(self.printed(capsys)) == 2

    @pytest.mark.parametrize("make", [lambda: GNTPHandler(enabled=False), logging.NullHandler])
    def test_a_handler_that_prints_nothing_is_none(
        self, write: Write, capsys: pytest.CaptureFixture[str], make: Callable[[], logging.Handler]
    ) -> None:
        """One of this package, or of the standard library for libraries."""
        self.without_pytests(make())
        load(write(self.TABLE))
        assert len(self.printed(capsys)) == 2

    def test_a_program_with_a_handler_of_its_own_gets_none(self, write: Write) -> None:
        """Whatever it is."""
        own = logging.StreamHandler()
        root = self.without_pytests(own)
        assert root.handlers == [own, *load(write(self.TABLE))]

    @pytest.mark.parametrize("missing", [(sys, "stderr"), (logging, "lastResort")], ids=["stderr", "lastResort"])
    def test_where_nothing_is_printed_nothing_will_be(
        self, write: Write, monkeypatch: pytest.MonkeyPatch, missing: tuple[object, str]
    ) -> None:
        """A program without stderr, as under pythonw, or one that has switched off what logging prints."""
        root = self.without_pytests()
        monkeypatch.setattr(*missing, None)
        handlers = load(write(self.TABLE))
        assert root.handlers == handlers

    def test_the_level_is_the_one_from_which_logging_prints(
        self, write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A program may have changed it."""
        assert logging.lastResort is not None
        monkeypatch.setattr(logging.lastResort, "level", logging.ERROR)
        self.without_pytests()
        load(write(self.TABLE))
        (line,) = self.printed(capsys)
        assert line.endswith("no stock")

    def test_a_whole_configuration_says_itself_what_it_wants(self, write: Write) -> None:
        """It gets nothing that it has not named."""
        root = self.without_pytests()
        load(write("version = 1\n[handlers.x]\nclass = 'gntp_logging.GNTPHandler'\n[root]\nhandlers = ['x']\n"))
        assert [type(handler) for handler in root.handlers] == [GNTPHandler]


@pytest.mark.slow
class TestWhatAPersonSees:
    """The last line of a program that ends with a mistake in its configuration."""

    SENTENCE: Final = "port: allowed is an integer from 1 to 65535, not 'x'"

    @pytest.mark.parametrize("maker", ["gntp_logging.GNTPHandler", "tests.configuration.test_logging_file.Quiet"])
    def test_load_ends_with_the_sentence(self, write: Write, maker: str) -> None:
        """Whether this package finds the mistake, or dictConfig, which makes classes of others."""
        path = write(f"version = 1\n[handlers.desktop]\nclass = '{maker}'\nport = 'x'\n")
        result = run_program("import sys, gntp_logging.config\ngntp_logging.config.load(sys.argv[1])", path)
        last = result.stderr.splitlines()[-1]
        assert last.endswith(f"ConfigurationError: {path}: [handlers.desktop] {self.SENTENCE}")

    @pytest.mark.parametrize("maker", ["class", "()"])
    def test_what_the_document_shows_ends_with_it_too(self, maker: str) -> None:
        """After dictConfig's own words, which name the handler."""
        page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
        code = re.search(r"```python\n([^`]*SystemExit[^`]*)```", page)
        assert code is not None
        wrong = code[1].replace("23053", "'x'").replace('"class"', f'"{maker}"')
        assert run_program(wrong).stderr == f"Unable to configure handler 'desktop': {self.SENTENCE}\n"
        assert f"`Unable to configure handler 'desktop': {self.SENTENCE}`" in page


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
        assert (toast.title, toast.text) == ("no stock", "ERROR · shop · separator /")

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
