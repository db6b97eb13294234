"""Mistakes in files: each is named by file, table and key, before anything is changed."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging import GNTPHandler
from gntp_logging.config import ConfigurationError, load
from gntp_logging.configuration.logging_file import find, read
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
    "gntp = 3": "[gntp] must be a table of keys and values, not a number",
    "[gntp.levels.EROR]\nevent = 'x'": "'EROR'; did you mean 'ERROR'?",
    "[gntp.levels.ERROR]\nevnt = 'x'": "did you mean 'event'?",
    "[tool.gntp_logging]\nprot = 1": "[tool.gntp_logging] unknown key 'prot' (did you mean 'port'?)",
    "[tool.gntp-logging]\nport = 1": "unknown key 'tool.gntp-logging' (did you mean 'tool.gntp_logging'?)",
    "[gnpt]\nport = 1": "unknown key 'gnpt' (did you mean 'gntp'?)",
    "": "has no configuration; allowed is a table [gntp] or [tool.gntp_logging], or a whole logging configuration",
    "[gntp\nport = 1": "is not valid TOML: ",
    "version = 1\n[hanlders.x]\nclass = 'logging.NullHandler'": "unknown key 'hanlders' (did you mean 'handlers'?)",
    "[gntp]\n[handlers.x]\nclass = 'logging.NullHandler'": "[gntp] and [handlers] in one file",
    "version = 2": "version: allowed is 1, not 2",
    "version = 1\nhandlers = 3": "[handlers] must be a table of keys and values, not a number",
    "version = 1\nhandlers.x = 3": "[handlers.x] must be a table of keys and values, not a number",
    OURS + "prot = 1": "[handlers.x] unknown key 'prot' (did you mean",
    FACTORY + "prot = 1": "[handlers.x] unknown key 'prot' (did you mean",
    OURS + "port = true": "[handlers.x] port: allowed is an integer",
    "version = 1\n[handlers.x]\nclass = 'gntp_logging.GNTPHandlr'": (
        "[handlers.x] class: there is no 'gntp_logging.GNTPHandlr'; did you mean 'gntp_logging.GNTPHandler'?"
    ),
    OTHER + "level = 'LOUD'": "[handlers.x] level: allowed is a level's number",
    "version = 1\n[root]\nhandlers = ['desktpo']\n[handlers.desktop]\nclass = 'logging.NullHandler'": (
        "[root] handlers: unknown [handlers] table 'desktpo' (did you mean 'desktop'?)"
    ),
    "version = 1\n[loggers.a]\nhandler = ['x']": "[loggers.a] unknown key 'handler' (did you mean 'handlers'?)",
    "version = 1\n[loggers.a]\nhandlers = 'x'": "[loggers.a] handlers: allowed is a list of names, not 'x'",
    OTHER + "formatter = 'y'": "[handlers.x] formatter: unknown [formatters] table 'y'",
    "version = 1\n[filters.x]\n'()' = 'gntp_logging.IgnoreFilter'\nstatuses = ['9xx']": "[filters.x] statuses",
    "version = 1\n[formatters.x]\nfromat = 'y'": "[formatters.x] unknown key 'fromat' (did you mean 'format'?)",
    "[tool.gntp_logging]\nversion = 1\n[tool.gntp_logging.root]\nlevel = 'LOUD'": "[tool.gntp_logging.root] level: ",
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
    "filters = [3]": "filters: allowed is a name, not a number",
    "formatter = 3": "formatter: allowed is a name, not a number",
    "level = 'error'": "level: allowed is a level's number, or a name that logging knows, such as 'ERROR'",
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
        ("version = 1\n[handlers.x]\nclas = 'gntp_logging.GNTPHandler'", "class: is missing, such as class ="),
        ("version = 1\n[handlers.x]\nclass = 3", "class: allowed is a dotted path, not a number"),
        ("[handlers.x]\nclass = 'logging.NullHandler'", "version: is missing; a configuration with [handlers]"),
        ("version = true\n[root]\n", "version: allowed is 1, not a boolean"),
        (
            "version = 1\ndisable_existing_loggers = 'no'",
            "disable_existing_loggers: allowed is true or false, not 'no'",
        ),
        ("version = 1\n[loggers.a]\npropagate = 'no'", "propagate: allowed is true or false, not 'no'"),
        ("version = 1\n[root]\npropagate = true", "[root] unknown key 'propagate'"),
        ("[gntp]\nport = 1\n[root]\nlevel = 'INFO'", "[gntp] and [root] in one file"),
        ("[gntp]\nversion = 1\n", "[gntp] unknown key 'version'"),
        ("version = 1\n[handlers.x]\nclass = 'logging.NullHandler'\n[my]\nport = 1", "unknown key 'my'"),
        ("x = " + "[" * 5000 + "]" * 5000, "is nested too deeply"),
    ],
)
def test_more_mistakes(write: Write, text: str, words: str) -> None:
    """Which dictConfig takes for something else, or does not see."""
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        load(write(text))


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
            ("version: 1\nhandlers: {1: {class: gntp_logging.GNTPHandler}}", "[handlers] 1: a name must be a text"),
            ("gntp: {1: 2}", "[gntp] unknown key 1"),
            ("gntp: {on: true}", "[gntp] unknown key True"),
            ("[1, 2]", "must be a table of keys and values, not a list"),
        ],
    )
    def test_keys_that_are_no_texts(self, write: Write, text: str, words: str) -> None:
        """Are mistakes like any other."""
        with pytest.raises(ConfigurationError, match=re.escape(words)):
            load(write(text, "x.yaml"))

    def test_a_list_that_is_left_empty(self, write: Write) -> None:
        """Is none, as for dictConfig."""
        text = "version: 1\nhandlers: {x: {class: gntp_logging.GNTPHandler, filters: }}\nroot: {handlers: }\n"
        path = write(text, "x.yaml")
        assert read(path).attached_to("x") == []
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
    file = read(write("[gntp]\npassword = 'hunter2'")).with_options({"password": "hunter3"}, {"password": "--password"})
    assert "hunter" not in repr(file) + repr(file.handlers())
