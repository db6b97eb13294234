"""Mistakes in files: each is named by file, table and key, before anything is changed."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.config
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gntp_logging import GNTPHandler
from gntp_logging.config import ConfigurationError, from_env, load
from gntp_logging.configuration.environment import Overrides
from gntp_logging.configuration.logging_file import find, read
from tests.certificates import Issuer
from tests.conftest import Write

pytestmark = pytest.mark.usefixtures("no_variables", "root_as_it_was")

OURS = "version = 1\n[handlers.x]\nclass = 'gntp_logging.GNTPHandler'\n"
FACTORY = OURS.replace("class", "'()'")
OTHER = OURS.replace("gntp_logging.GNTPHandler", "logging.NullHandler")
BAD = {
    "[gntp]\nprot = 1": "[gntp] unknown key 'prot' (did you mean 'port'?); allowed: app_name, host, port,",
    "[gntp]\nPORT = 1": "did you mean 'port'?",
    "[gntp]\nport = '1'": "[gntp] port: allowed is an integer from 1 to 65535, not '1'",
    "[gntp]\nzzz = 1": "[gntp] unknown key 'zzz'; allowed: app_name, host",
    "gntp = 3": "[gntp] must be a table",
    "[gntp.levels.EROR]\nevent = 'x'": "'EROR'; did you mean 'ERROR'?",
    "[gntp.levels.ERROR]\nevnt = 'x'": "did you mean 'event'?",
    "[tool.gntp_logging]\nprot = 1": "[tool.gntp_logging] unknown key 'prot' (did you mean 'port'?)",
    "[tool.gntp-logging]\nport = 1": "unknown key 'tool.gntp-logging' (did you mean 'tool.gntp_logging'?)",
    "[gnpt]\nport = 1": "unknown key 'gnpt' (did you mean 'gntp'?)",
    "": "has no configuration; allowed is a table [gntp] or [tool.gntp_logging], or a whole logging configuration",
    "[gntp\nport = 1": "is not valid TOML: ",
    "[gntp]\n[handlers.x]\nclass = 'logging.NullHandler'": "[gntp] and [handlers] in one file",
    "version = 2": "Unsupported version: 2",
    "version = 1\nhandlers = 3": "TypeError: ",
    "version = 1\nhandlers.x = 3": "[handlers.x] TypeError: ",
    OURS + "prot = 1": "[handlers.x] unknown key 'prot' (did you mean",
    FACTORY + "prot = 1": "[handlers.x] unknown key 'prot' (did you mean",
    OURS + "port = true": "[handlers.x] port: allowed is an integer",
    "version = 1\n[handlers.x]\nclass = 'gntp_logging.GNTPHandlr'": (
        "[handlers.x] there is no 'gntp_logging.GNTPHandlr'; did you mean 'gntp_logging.GNTPHandler'?"
    ),
    OTHER + "level = 'LOUD'": "[handlers.x] Unknown level: 'LOUD'",
    "version = 1\n[root]\nhandlers = ['desktpo']\n[handlers.desktop]\nclass = 'logging.NullHandler'": (
        "[root] handlers: unknown [handlers] table 'desktpo' (did you mean 'desktop'?)"
    ),
    OURS + "formatter = 'shrt'\n[formatters.short]": "[formatters] table 'shrt' (did you mean 'short'?)",
    OURS
    + "filters = ['y']": "[handlers.x] filters: unknown [filters] table 'y'; allowed: none, there is no such table",
    "version = 1\n[loggers.a]\nfilters = ['x']": "[loggers.a] filters: unknown [filters] table 'x'",
    "version = 1\n[loggers.a]\nhandlers = [['x']]": "[loggers.a] handlers: unknown [handlers] table ['x']",
    "version = 1\n[loggers.a]\nhandlers = 'x'": "[loggers.a] handlers: allowed is a list of names, not 'x'",
    OTHER + "formatter = 'y'": "[handlers.x] Unable to set formatter 'y'",
    "version = 1\n[filters.x]\n'()' = 'gntp_logging.IgnoreFilter'\nstatuses = ['9xx']": "[filters.x] statuses",
    "version = 1\n[formatters.x]\nstyle = '?'": "[formatters.x] Style must be one of",
    "[tool.gntp_logging]\nversion = 1\n[tool.gntp_logging.root]\nlevel = 'LOUD'": "g.root] Unknown level: 'LOUD'",
}


@pytest.mark.parametrize(("text", "words"), BAD.items())
def test_a_mistake_is_named(write: Write, text: str, words: str) -> None:
    """By file, table and key, with what is allowed, and the nearest name that is."""
    path = write(text)
    with pytest.raises(ConfigurationError, match=re.escape(words)) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_the_option_stays_named_where_it_has_a_cause_of_its_own(write: Write) -> None:
    """In the table of a class of the user's own, which is made by dictConfig alone."""
    quiet = OURS.replace("gntp_logging.GNTPHandler", "tests.configuration.test_logging_file.Quiet")
    with pytest.raises(ConfigurationError, match=re.escape("[handlers.x] icon: cannot read 'nope.png'")):
        load(write(quiet + "icon = 'nope.png'"))


def test_a_file_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    """Which names it; a program may let its configuration be missing."""
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere.toml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Are a mistake in the file like any other."""
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
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
        find("x.toml", content).check()


WHOLE_MISTAKES = {
    "password_file = 'nope'": "password_file: cannot read 'nope': No such file or directory",
    "icon = 'nope.png'": "icon: cannot read 'nope.png'",
    "levels.ERROR.icon = 'nope.png'": "levels['ERROR']['icon']: cannot read 'nope.png'",
    "redact = ['(']": "redact: '(' is not a regular expression",
    "title = '{'": "title: allowed is a format",
    "on_error = 'nope.fn'": "on_error: cannot import 'nope.fn'",
    "host = 'ext://os.nope'": "host: Cannot resolve 'os.nope'",
    "context = 'broken_module.of'": "context: cannot import 'broken_module.of': not now",
    "filters = [3]": "filters: unknown [filters] table 3",
    "formatter = 3": "formatter: unknown [formatters] table 3",
    "level = 'error'": "Unknown level: 'error'",
    "queue_size = 99999999999999999999": "queue_size: allowed is an integer from 1 to 10000000",
}


@pytest.mark.parametrize(("line", "words"), WHOLE_MISTAKES.items())
def test_a_mistake_in_a_whole_configuration_names_the_key(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    """As it does in a table of its own; dictConfig's own error would hide it."""
    write("raise RuntimeError('not now')", "broken_module.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigurationError, match=re.escape(f"[handlers.x] {words}")):
        load(write(OURS + line))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 1\n[handlers.x]\nclas = 'gntp_logging.GNTPHandler'", "[handlers.x] class: is missing, such as"),
        ("version = 1\n[handlers.x]\nclass = 'shop.nope.Handler'", "[handlers.x] Cannot resolve 'shop.nope.Handler'"),
        ("[handlers.x]\nclass = 'logging.NullHandler'", "dictionary doesn't specify a version"),
        ("version = 1\n[[handlers]]\nclass = 'x'", "[handlers] must be one table: [[...]] is a bracket too many"),
        ("[gntp]\nport = 1\n[root]\nlevel = 'INFO'", "[gntp] and [root] in one file"),
        ("[gntp]\nversion = 1\n", "[gntp] unknown key 'version'"),
        ("x = " + "[" * 5000 + "]" * 5000, "is nested too deeply"),
    ],
)
def test_more_mistakes(write: Write, text: str, words: str) -> None:
    """In this package's words, or in those of logging.config with the file before them."""
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        load(write(text))


REST = "[root]\nhandlers = ['x']\n"
LOGGER = f"{REST}[loggers.a]\nhandlers = ['x']\n"


@pytest.mark.parametrize(
    "text",
    [
        OURS + REST + "propagate = true",
        OURS + REST + "propagate = 'no'",
        OURS + REST + "qualname = 'root'",
        OURS + LOGGER + "propagate = 0",
        OURS + LOGGER + "propagate = 'no'",
        OURS + LOGGER + "propogate = false",
        OURS + LOGGER + "formatter = 'plain'",
        OURS + LOGGER + "level = false",
        OURS + "level = false\n" + REST,
        OURS + "level = 0\nformatter = ''\nfilters = []\n" + REST,
        OURS + REST + "[formatters.plain]\nfmt = '%(message)s'\ncolours = true",
        OURS + REST + "[filters.all]\nlevel = 'INFO'",
        OURS + REST + "[handlers.f]\n'()' = 'logging.StreamHandler'\nlevel = 10",
        OURS + REST + "[handlers.m]\nclass = 'logging.handlers.MemoryHandler'\ncapacity = 1\ntarget = 'x'",
        OURS + REST + "[colours]\nERROR = 'red'",
        OURS + "[root]\nhandlers = 'x'",
        OURS + "[root]\nhandlers = { x = 1 }",
        OURS + "[root]\nhandlers = 'cfg://handlers'",
        "filters = 'cfg://mine'\n" + OURS + "filters = ['a']\n" + REST + "[mine.a]",
        OURS.replace("1", "1.0", 1) + REST,
        "disable_existing_loggers = 'no'\n" + OURS + REST,
        "loggers = []\nfilters = []\n" + OURS + REST,
    ],
)
def test_what_dictconfig_takes_is_loaded(write: Write, text: str) -> None:
    """Whatever it ignores of it, or takes for something else than was meant: only this package's tables are strict."""
    (handler,) = load(write(text))
    assert handler in logging.getLogger().handlers


def test_an_incremental_configuration_changes_levels_alone(write: Write) -> None:
    """It makes no handler, so that whatever else stands in its tables is not looked at."""
    (handler,) = load(write(OURS + REST))
    text = OURS + "level = 'CRITICAL'\nport = 'x'\nfilters = ['gone']\n[root]\nhandlers = ['gone']"
    assert load(write("incremental = true\n" + text)) == []
    assert handler.level == logging.CRITICAL


def test_what_comes_before_the_file_comes_before_dictconfigs_keys_too(write: Write) -> None:
    """A level that the environment gives is the handler's, whatever its table says."""
    (handler,) = read(write(OURS + "level = 'ERROR'\nformatter = 'f'\n[formatters.f]")).make_ours(
        Overrides({"level": 10})
    )
    assert handler.level == logging.DEBUG
    assert handler.formatter is not None


class TestBesideDictConfig:
    """A configuration that has none of this package's handlers is dictConfig's business alone."""

    @staticmethod
    @contextlib.contextmanager
    def new_logging() -> Iterator[None]:
        """Logging as it is in a new process; then as it was."""
        root, patch = logging.root, pytest.MonkeyPatch()
        patch.setattr(logging.Logger.manager, "loggerDict", {})
        patch.setattr(logging, "_handlers", weakref.WeakValueDictionary())  # which incremental configurations read
        patch.setattr(logging, "_handlerList", [])  # which other configurations close
        for name, value in (("handlers", []), ("filters", []), ("level", logging.WARNING), ("propagate", True)):
            patch.setattr(root, name, value)
        logging.getLogger("existing.child")
        try:
            yield
        finally:
            patch.undo()
            root.setLevel(root.level)  # empties the caches of all loggers

    @staticmethod
    def described(one: object) -> object:
        """Return what a handler is, or a filter."""
        if not isinstance(one, logging.Handler):
            return type(one), vars(one)
        formatter = one.formatter and one.formatter._fmt
        filters = [TestBesideDictConfig.described(each) for each in one.filters]
        return type(one), one.name, one.level, formatter, filters, getattr(getattr(one, "target", None), "name", None)

    @classmethod
    def outcome(cls, configure: Callable[[], object]) -> dict[str, object] | None:
        """Return what every logger is after a configuration; None if that was refused."""
        with cls.new_logging():
            try:
                configure()
            except Exception:  # noqa: BLE001 - dictConfig has many
                return None
            named = {key: one for key, one in logging.Logger.manager.loggerDict.items() if type(one) is logging.Logger}
            return {
                name: (
                    one.level, one.propagate, one.disabled,
                    [cls.described(each) for each in one.handlers], [cls.described(each) for each in one.filters],
                )
                for name, one in {**named, "": logging.root}.items()
            }  # fmt: skip

    ODD: st.SearchStrategy[object] = st.sampled_from([None, True, False, 0, 1, "no", "", [], {}])
    EMPTY = st.sampled_from(["", [], {}])
    NAMES = st.lists(st.sampled_from("aab"), max_size=2) | st.sampled_from(["a", "ab", "cfg://names", None, {"b": 1}])
    LEVEL = st.sampled_from([0, 10, False, True, None, "INFO", "NOTSET", "cfg://colour"])
    HANDLER = st.one_of(
        st.fixed_dictionaries(
            {"class": st.sampled_from(["logging.NullHandler", "logging.StreamHandler"])},
            optional={"level": LEVEL, "formatter": st.sampled_from(["a", "", None]), "filters": NAMES},
        ),
        st.fixed_dictionaries(
            {"class": st.just("logging.handlers.MemoryHandler"), "capacity": st.just(1)},
            optional={"target": st.just("a")},
        ),
        st.fixed_dictionaries({"()": st.just("logging.NullHandler"), ".": st.just({"colour": "red"})}),
    )
    LOGGER = st.fixed_dictionaries(
        {},
        optional={
            "level": LEVEL, "handlers": NAMES, "filters": NAMES, "propagate": ODD, "propogate": ODD, "formatter": ODD,
        },
    )  # fmt: skip
    LOGGERS = st.dictionaries(st.sampled_from(["", "root", "shop", "shop.a", "existing"]), LOGGER)
    CONTENT = st.fixed_dictionaries(
        {
            "version": st.sampled_from([1, 1.0, True]),
            "names": NAMES,
            "colour": LEVEL,
            "handlers": st.fixed_dictionaries({"a": HANDLER}, optional={"b": HANDLER}) | EMPTY,
            "filters": st.just({"a": {}, "b": {"name": "shop", "colour": 1}}),
            "formatters": st.fixed_dictionaries({"a": st.just({"format": "%(name)s", "colour": 1})}),
        },
        optional={
            "loggers": LOGGERS | EMPTY, "root": LOGGER | EMPTY, "extra": ODD, "disable_existing_loggers": ODD,
            "incremental": st.sampled_from([None, False, 0, True]),
        },
    )  # fmt: skip

    @given(content=CONTENT)
    def test_the_same_is_accepted_and_the_same_is_made(
        self, content: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """And what it refuses is refused with the file's name before the reason."""
        path = tmp_path_factory.mktemp("x") / "x.json"
        path.write_text(json.dumps(content), "utf-8")
        expected = self.outcome(lambda: logging.config.dictConfig(json.loads(path.read_text("utf-8"))))
        event("accepted" if expected else "refused")
        assert self.outcome(lambda: load(path)) == expected
        if expected is None:
            with self.new_logging(), pytest.raises(ConfigurationError, match=re.escape(str(path))):
                load(path)


@pytest.mark.parametrize(
    "text",
    [
        "[[gntp]]\npassword = 'hunter2'",
        "[[tool.gntp_logging]]\npassword = 'hunter2'",
        "version = 1\n[[handlers]]\npassword = 'hunter2'",
        "version = 1\n[[handlers.x]]\npassword = 'hunter2'",
        "[gntp]\nhost = 'user:hunter2@desk'",
        "[gntp]\nurl = 'ftp//user:hunter2@desk'",
        "[gntp]\npassword_env = 'hunter2'",
    ],
)
def test_no_error_shows_a_password(write: Write, text: str) -> None:
    """Errors are mailed around."""
    with pytest.raises(ConfigurationError) as caught:
        load(write(text))
    assert "hunter2" not in str(caught.value)


def test_a_mistake_changes_nothing(write: Write, tmp_path: Path) -> None:
    """What was configured before goes on: its handlers are open, its loggers as they were."""
    log = tmp_path / "app.log"
    before = logging.FileHandler(log, "w")
    before.name = "before"
    logger = logging.getLogger("test.before")
    logger.addHandler(before)
    for text in (OURS + "port = '24001'", OURS + "[root]\nhandlers = ['x', 3]\n[loggers.'test.before']\nlevel = 50"):
        with pytest.raises(ConfigurationError):
            load(write(text))
        logger.error("goes on")
    logger.removeHandler(before)
    before.close()
    assert log.read_text().splitlines() == ["goes on", "goes on"]
    assert (logger.disabled, logger.level) == (False, 0)


class TestReferences:
    """``ext://`` and ``cfg://``, in both forms of a file."""

    @pytest.mark.parametrize("form", ["[gntp]\n", OURS])
    def test_ext(self, write: Write, form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Stands for a live object, also inside tables and lists."""
        write("PASSWORD = 'sesame'\nSHOP = 'tea'\nCARD = 'card ([0-9]+)'\n", "shop_settings.py")
        monkeypatch.syspath_prepend(str(tmp_path))
        text = (
            "password = 'ext://shop_settings.PASSWORD'\ncontext = { shop = 'ext://shop_settings.SHOP' }\n"
            "redact = ['ext://shop_settings.CARD']\n"
        )
        (handler,) = load(write(form + text))
        assert handler.destination.password == "sesame"
        record = logging.LogRecord("shop", logging.ERROR, "", 0, "no tea", None, None)
        assert dict(handler.preview(record).context)["shop"] == "tea"

    def test_cfg(self, write: Write) -> None:
        """Speaks of another place in the file, which may be a table that is there for nothing else."""
        (handler,) = load(write(OURS + "port = 'cfg://my.port'\n[my]\nport = 4711"))
        assert handler.destination.port == 4711


class Quiet(GNTPHandler):
    """A handler of somebody's own, with an option of its own."""

    def __init__(self, *, quiet: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.quiet = quiet


def annotated(port: int = 1) -> GNTPHandler:
    """Make a handler, and say so."""
    return GNTPHandler(port=port)


def by_environment(**options: Any) -> GNTPHandler:
    """Make a handler from the environment, and say so."""
    return from_env(**options)


class TestWhatIsOurs:
    """Which tables describe a handler of this package."""

    @pytest.mark.parametrize(
        "line",
        [
            "class = 'tests.configuration.test_logging_file.Quiet'\nquiet = true",
            "'()' = 'tests.configuration.test_logging_file.annotated'",
            "'()' = 'gntp_logging.config.from_env'",
            "'()' = 'ext://gntp_logging.GNTPHandler'",
        ],
    )
    def test_classes_and_factories(self, write: Write, line: str) -> None:
        """Whoever makes one, it is found, and its keys are checked."""
        text = f"version = 1\n[handlers.x]\n{line}\n"
        (handler,) = load(write(text + "port = 4711"))
        assert handler.destination.port == 4711
        with pytest.raises(ConfigurationError, match=r"\[handlers\.x\] unknown key 'prot' \(did you mean 'port'"):
            load(write(text + "prot = 4711"))

    def test_the_variable_stays_named_in_a_factory_of_somebody_elses(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Which dictConfig alone calls."""
        monkeypatch.setenv("GNTP_PORT", "x")
        text = "version = 1\n[handlers.x]\n'()' = 'tests.configuration.test_logging_file.by_environment'"
        with pytest.raises(ConfigurationError, match=re.escape("[handlers.x] the environment: GNTP_PORT: allowed is")):
            load(write(text))

    def test_a_handler_of_others_stays(self, write: Write) -> None:
        """A table ``[gntp]`` replaces what another such table has added, and no handler that is only called so."""
        (whole,) = load(write(OURS.replace("handlers.x", "handlers.gntp") + "[root]\nhandlers = ['gntp']"))
        load(write("[gntp]\nport = 1"))
        load(write("[gntp]\nport = 2"))
        ports = [one.destination.port for one in logging.getLogger().handlers if isinstance(one, GNTPHandler)]
        assert ports == [whole.destination.port, 2]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", '{"gntp": {"port": 4711}}'),
        ("x.yaml", "gntp: {port: 4711}"),
        ("x.yml", "version: 1\nhandlers: {x: {class: gntp_logging.GNTPHandler, port: 4711}}"),
        ("x.toml", "\ufeff[gntp]\nport = 4711"),
        ("settings", "[gntp]\nport = 4711"),
    ],
)
def test_languages(write: Write, name: str, text: str) -> None:
    """A file is in the one that its name ends in, or TOML."""
    if "y" in name:
        pytest.importorskip("yaml", reason="needs PyYAML: pip install pyyaml")
    (handler,) = load(write(text, name))
    assert handler.destination.port == 4711


@pytest.mark.parametrize(("name", "language"), [("x.json", "JSON"), ("x.yaml", "YAML"), ("x.toml", "TOML")])
def test_a_file_in_another_language(write: Write, name: str, language: str) -> None:
    """Is named as what it was taken for."""
    if language == "YAML":
        pytest.importorskip("yaml", reason="needs PyYAML: pip install pyyaml")
    with pytest.raises(ConfigurationError, match=f"x.{language.lower()}: is not valid {language}: "):
        load(write("{[}\n\t:", name))


def test_yaml_that_is_not_installed(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what to install."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigurationError, match="needs PyYAML: pip install pyyaml"):
        load(write("gntp: {}", "x.yaml"))


class TestYAML:
    """What its files can hold, and others cannot."""

    @pytest.fixture(autouse=True)
    def _yaml(self) -> None:
        pytest.importorskip("yaml", reason="needs PyYAML: pip install pyyaml")

    @pytest.mark.parametrize("line", ["password: hunter2: secret", 'password: "hunter2', "- password: hunter2\n  x"])
    def test_a_line_that_cannot_be_read_is_not_shown(self, write: Write, line: str) -> None:
        """There may be a password in it."""
        with pytest.raises(ConfigurationError, match=r"is not valid YAML: .*\(at line \d+, column \d+\)") as caught:
            load(write(f"gntp:\n  {line}\n", "x.yaml"))
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("gntp: {1: 2}", "[gntp] unknown key 1"),
            ("gntp: {on: true}", "[gntp] unknown key True"),
            ("[1, 2]", "must be a table"),
        ],
    )
    def test_keys_that_are_no_texts(self, write: Write, text: str, words: str) -> None:
        """Are mistakes like any other."""
        with pytest.raises(ConfigurationError, match=re.escape(words)):
            load(write(text, "x.yaml"))

    def test_names_that_are_numbers(self, write: Write) -> None:
        """Are names, for dictConfig."""
        text = "version: 1\nhandlers: {1: {class: gntp_logging.GNTPHandler}}\nroot: {handlers: [1]}\n"
        (handler,) = load(write(text, "x.yaml"))
        assert logging.getLogger().handlers == [handler]
        with pytest.raises(ConfigurationError, match=re.escape("[root] handlers: unknown [handlers] table 2")):
            load(write(text.replace("[1]", "[2]"), "x.yaml"))

    def test_a_list_that_is_left_empty(self, write: Write) -> None:
        """Is none, as for dictConfig."""
        text = "version: 1\nhandlers: {x: {class: gntp_logging.GNTPHandler, filters: }}\nroot: {handlers: }\n"
        path = write(text, "x.yaml")
        assert len(load(path)) == 1

    def test_levels_may_be_numbers(self, write: Write) -> None:
        """As in Python."""
        (handler,) = load(write("gntp:\n  levels: {35: {event: Odd}}", "x.yaml"))
        record = logging.LogRecord("shop", 36, "", 0, "x", None, None)
        assert handler.preview(record).event == "Odd"


class Single(GNTPHandler):
    """A handler of which there may be one at a time."""

    alive = 0

    def __init__(self, **options: Any) -> None:
        assert not Single.alive
        Single.alive += 1
        super().__init__(**options)

    def close(self) -> None:
        """Let the next one be."""
        Single.alive = 0
        super().close()


def test_a_class_of_somebody_elses_is_called_once(write: Write) -> None:
    """It may hold what only one can have."""
    path = write(
        "version = 1\n[handlers.x]\nclass = 'tests.configuration.test_logging_file.Single'\n[root]\nhandlers = ['x']"
    )
    for _ in range(2):
        (handler,) = load(path)
        assert Single.alive == 1
    handler.close()


def test_a_mistake_in_the_environment_changes_nothing_either(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ``from_env`` makes the handler."""
    monkeypatch.setenv("GNTP_PORT", "x")
    before = logging.FileHandler(tmp_path / "app.log", "w")
    logging.getLogger().addHandler(before)
    with pytest.raises(ConfigurationError, match="the environment: GNTP_PORT: allowed is"):
        load(write("version = 1\n[handlers.x]\n'()' = 'gntp_logging.config.from_env'\n"))
    assert before.stream is not None
    assert before in logging.getLogger().handlers


def test_many_threads_may_load(write: Write) -> None:
    """One handler is there in the end."""
    path = write("[gntp]\nport = 1\n")
    threads = [threading.Thread(target=load, args=(path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in logging.getLogger().handlers if isinstance(one, GNTPHandler)]) == 1


def test_a_configuration_shows_no_password_in_its_repr(write: Write) -> None:
    """Reprs stand in tracebacks and in logs."""
    file, overrides = read(write("[gntp]\npassword = 'hunter2'")), Overrides({"password": "hunter3"})
    assert "hunter" not in repr(file) + repr(file.handlers(overrides)) + repr(overrides)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alerts.toml", "[gntp]\ntls = '{}'\n"),
        ("alerts.json", '{{"gntp": {{"tls": "{}"}}}}'),
        (
            "whole.json",
            (
                '{{"version": 1, "disable_existing_loggers": false,'
                ' "handlers": {{"x": {{"class": "gntp_logging.GNTPHandler", "tls": "{}"}}}}}}'
            ),
        ),
    ],
)
@pytest.mark.usefixtures("root_as_it_was")
def test_tls_is_an_option_like_the_others(write: Write, issuer: Issuer, name: str, text: str) -> None:
    """A file of issuers in each language; one that cannot be read is named with the file and the option."""
    (handler,) = load(write(text.format(issuer.file.as_posix()), name))
    assert handler.destination.tls == issuer.file.as_posix()
    with pytest.raises(ConfigurationError, match=rf"{name}: .*tls: cannot read 'nowhere.pem'"):
        load(write(text.format("nowhere.pem"), name))
