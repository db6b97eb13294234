"""The command ``gntp-logging check``: handlers of files, and the table."""

from __future__ import annotations

import email.message
import io
import logging
import re
import socket
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.commands.check import _WIDE, _lines, _spooled
from gntp_logging.commands.cli import main
from gntp_logging.commands.probe import CheckResult, Status
from tests.commands.test_probe import check
from tests.support import (
    RunningReceiver,
    ScriptedServer,
    free_port,
    running_receiver,
)

Configure = Callable[..., "tuple[int, dict[str, str], str]"]
"""Runs the command with a configuration of one handler."""

pytestmark = pytest.mark.usefixtures("no_variables", "root_as_it_was")


def test_with_a_file_it_sends_through_the_files_handler(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Its level, its looks, its formatter; nothing else that the file configures is made."""
    log = tmp_path / "shop.log"
    path = tmp_path / "shop.toml"
    with running_receiver() as receiver:
        path.write_text(
            f"version = 1\n[formatters.short]\nformat = 'short %(message)s'\n"
            f"[handlers.desktop]\nclass = 'gntp_logging.GNTPHandler'\nport = {receiver.port}\napp_name = 'shop'\n"
            f"formatter = 'short'\nlevel = 'CRITICAL'\n"
            f"[handlers.file]\nclass = 'logging.FileHandler'\nfilename = '{log}'\n"
            f"[root]\nhandlers = ['desktop', 'file']\n",
            "utf-8",
        )
        code, steps = check(capsys, "--config", str(path), "--wait", "0")
        toast = receiver.toasts[-1]
    assert (code, steps["handler desktop"]) == (0, "ok")
    assert (toast.application, toast.name) == ("shop", "Critical")
    assert toast.text.startswith("short This went through")
    assert not log.exists()


def test_a_failure_names_the_document_that_has_every_cause(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its last line, by the address in the package's metadata; what goes well has no such line."""
    known = email.message.Message()
    known["Project-URL"] = "No alert appears?, https://docs.example/troubleshooting.md"
    monkeypatch.setattr("importlib.metadata.metadata", lambda _: known)
    assert main(["check", "--port", str(free_port()), "--wait", "0"]) == 1
    assert capsys.readouterr().out.endswith("Every cause, and what to do: https://docs.example/troubleshooting.md\n")
    with running_receiver() as receiver:
        assert main(["check", "--port", str(receiver.port), "--wait", "0"]) == 0
    assert "docs.example" not in capsys.readouterr().out


def test_a_failure_names_no_document_where_the_package_is_not_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a zipapp, which has no metadata."""

    def refuse(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.metadata", refuse)
    assert main(["check", "--port", str(free_port()), "--wait", "0"]) == 1
    assert "://" not in capsys.readouterr().out


def test_a_handler_that_is_switched_off(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No alert will come, so the check fails."""
    monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1")
    with running_receiver() as receiver:
        (tmp_path / "x.toml").write_text(f"[gntp]\nport = {receiver.port}\n", "utf-8")
        code, steps = check(capsys, "--config", str(tmp_path / "x.toml"), "--wait", "0")
    assert (code, steps["handler gntp"]) == (1, "FAIL")


def test_with_a_text_it_shows_what_an_alert_would_show(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the options of the file's handler, or the defaults; nothing is sent, so that no server is needed."""
    text = "login of ada failed: password=hunter2, card 4711"
    assert main(["check", "--port", str(free_port()), "--text", text]) == 0
    assert capsys.readouterr().out == "login of ada failed: password=***, card 4711\n"
    (tmp_path / "x.toml").write_text("[gntp]\nredact = ['card ([0-9]+)']\nredact_keep = ['password']\n", "utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["check", "--config", str(tmp_path / "x.toml"), "--text", "-"]) == 0
    assert capsys.readouterr().out == "login of ada failed: password=hunter2, card ***\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--encryption", "AES"], "encryption: encryption needs a password"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    """In one line, with exit code 2."""
    assert main(["check", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.fixture
def configured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> Configure:
    """Runs the command with a file that has a handler ``d``; returns code, steps, and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(lines: str, rest: str = "[root]\nhandlers = ['d']\n") -> tuple[int, dict[str, str], str]:
        handler = "class = 'gntp_logging.GNTPHandler'\n" if "class =" not in lines and "'()'" not in lines else ""
        text = f"version = 1\n[handlers.d]\n{handler}port = PORT\n{lines}\n{rest}"
        (tmp_path / "x.toml").write_text(text.replace("PORT", str(receiver.port)), "utf-8")
        code = main(["check", "--config", "x.toml", "--wait", "0"])
        output = capsys.readouterr().out
        found = re.findall(r"^  (ok|FAIL|note|-) +(.+?)(?: {2,}|$)", output, re.MULTILINE)
        return code, {name: status for status, name in found}, output

    return run


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("formatter = 'f'\n[formatters.f]\nformat = '%(nope)s'", "its formatter fails: "),
        ("title = '{name:%d}'", "its title fails: ValueError"),
        ("fingerprint = 'json.dumps'", "its fingerprint fails: TypeError"),
        ("context = 'json.dumps'", "its context fails: TypeError while it was made"),
        ("enabled = false", "it is switched off"),
    ],
)
def test_a_part_of_the_handler_that_fails(configured: Configure, lines: str, words: str) -> None:
    """Alerts go out without it, which is no reason to call the configuration right."""
    code, steps, output = configured(lines)
    assert (code, steps["handler d"]) == (1, "FAIL")
    assert words in output


@pytest.mark.parametrize(
    "lines",
    [
        'title = \'{name}\'\nformatter = \'f\'\n[formatters.f]\nformat = """%(message)s\n(title: KeyError)"""',
        "context = { context = 'slow while it was made' }",
    ],
)
def test_words_of_an_alert_are_no_failure(configured: Configure, lines: str) -> None:
    """A formatter, a record or a context may say what a failure would."""
    code, steps, output = configured(lines)
    assert (code, steps["handler d"]) == (0, "ok"), output


ANOTHER_OF_OURS = "[handlers.e]\nclass = 'gntp_logging.GNTPHandler'\nport = PORT\n"
OTHERS = "[handlers.terminal]\nclass = 'logging.StreamHandler'\n[handlers.nothing]\nclass = 'logging.NullHandler'\n"
CLOSED = "[loggers.shop]\npropagate = false\n"


@pytest.mark.parametrize(
    ("rest", "table"),
    [
        ("[root]\nhandlers = ['d']\n", "root"),
        (f"{OTHERS}[root]\nhandlers = ['d', 'nothing']\n", "root"),
        (f"{ANOTHER_OF_OURS}[root]\nhandlers = ['d', 'e']\n", "root"),
        ("[my]\nhandlers = ['d']\n[root]\nhandlers = 'cfg://my.handlers'\n", "root"),
        ("[loggers.shop]\nhandlers = ['d']\n", "loggers.shop"),
        (
            f"{OTHERS}[root]\nhandlers = ['terminal']\n{CLOSED}[loggers.'shop.a.b']\nhandlers = ['d']\n",
            "loggers.shop.a.b",
        ),
    ],
)
def test_a_handler_that_takes_warnings_and_errors_from_stderr(configured: Configure, rest: str, table: str) -> None:
    """Because the records of its logger reach no other one: worth knowing, and no failure."""
    code, steps, output = configured("", rest)
    assert (code, steps["stderr"], steps["handler d"]) == (0, "note", "ok")
    assert f"no longer appear there: [{table}] has no other handler\n" in output
    assert f"name it: [{table}] handlers = ['terminal', 'd']\n" in output


@pytest.mark.parametrize(
    "rest",
    [
        "[root]\nhandlers = ['d', 'terminal']\n",
        "[root]\nhandlers = ['terminal']\n[loggers.'shop.a.b']\nhandlers = ['d']\n",
        "[loggers.shop]\nhandlers = ['terminal']\npropagate = false\n[loggers.'shop.a']\nhandlers = ['d']\n",
    ],
)
def test_a_handler_beside_another_takes_nothing(configured: Configure, rest: str) -> None:
    """Nor does one below it."""
    code, steps, _ = configured("", OTHERS + rest)
    assert (code, steps["handler d"]) == (0, "ok")
    assert "stderr" not in steps


def test_it_is_told_when_the_desktop_is_off(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """When an error would be nowhere at all. A table alone gets a handler that prints, as soon as it is loaded."""
    handlers = list(logging.getLogger().handlers)
    table = f"class = 'gntp_logging.GNTPHandler'\nport = {free_port()}\n"
    (tmp_path / "x.toml").write_text(f"version = 1\n[handlers.d]\n{table}[root]\nhandlers = ['d']\n", "utf-8")
    code, steps = check(capsys, "--config", str(tmp_path / "x.toml"), "--wait", "0")
    assert (code, steps["connect"], steps["stderr"], steps["handler d"]) == (1, "FAIL", "note", "-")
    (tmp_path / "x.toml").write_text(f"[gntp]\nport = {free_port()}\n", "utf-8")
    assert "stderr" not in check(capsys, "--config", str(tmp_path / "x.toml"), "--wait", "0")[1]
    assert logging.getLogger().handlers == handlers


def test_a_filter_that_keeps_the_alert_off(configured: Configure) -> None:
    """May be meant. One that lets through what its logger says is passed by a record of that logger."""
    code, steps, output = configured("filters = ['o']", "[filters.o]\nname = 'other'\n[root]\nhandlers = ['d']\n")
    assert (code, steps["handler d"]) == (0, "note")
    assert "a filter of the handler keeps off" in output
    code, steps, _ = configured("filters = ['o']", "[filters.o]\nname = 'shop'\n[loggers.shop]\nhandlers = ['d']\n")
    assert (code, steps["handler d"]) == (0, "ok")


def test_a_handler_that_no_logger_has(configured: Configure) -> None:
    """It works, and gets nothing."""
    code, steps, output = configured("", "")
    assert code == 1
    assert "no logger has it" in output
    spoken_of = "[my]\nhandlers = ['d']\n[root]\nhandlers = 'cfg://my.handlers'\n"
    code, steps, _ = configured("", spoken_of)
    assert (code, steps["handler d"]) == (0, "ok")
    assert "no logger has it" in configured("", spoken_of.replace("['d']", "[]"))[2]
    behind = "[handlers.m]\nclass = 'logging.handlers.MemoryHandler'\ncapacity = 1\ntarget = 'd'\n"
    code, steps, _ = configured("", f"{behind}[root]\nhandlers = ['m']\n")
    assert (code, steps["handler d"]) == (0, "ok")


@pytest.mark.parametrize(
    "line", ["class = 'shop_alerts.Mine'", "'()' = 'shop_alerts.make'", "'()' = 'gntp_logging.config.from_env'"]
)
def test_a_handler_of_ones_own(configured: Configure, tmp_path: Path, line: str) -> None:
    """A subclass, or what a factory makes, is walked to as well."""
    (tmp_path / "shop_alerts.py").write_text(
        "import gntp_logging\nclass Mine(gntp_logging.GNTPHandler): pass\n"
        "def make(port: int) -> Mine: return Mine(port=port)\n",
        "utf-8",
    )
    code, steps, _ = configured(line)
    assert (code, steps["REGISTER"], steps["handler d"]) == (0, "ok", "ok")


def test_a_mistake_that_a_class_of_ones_own_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is named by file and table, once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strict_alerts.py").write_text(
        "import gntp_logging\nclass Strict(gntp_logging.GNTPHandler):\n"
        "    def __init__(self, **options): raise ValueError('not today')\n",
        "utf-8",
    )
    (tmp_path / "x.toml").write_text("version = 1\n[handlers.d]\nclass = 'strict_alerts.Strict'\n", "utf-8")
    assert main(["check", "--config", "x.toml"]) == 2
    assert capsys.readouterr().err == "gntp-logging check: x.toml: [handlers.d] not today\n"


def test_references_are_followed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk uses what the handler uses."""
    (tmp_path / "secrets_of_shop.py").write_text("PASSWORD = 'sesame'\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with running_receiver(["sesame"]) as receiver:
        text = f"[gntp]\nport = {receiver.port}\npassword = 'ext://secrets_of_shop.PASSWORD'\nencryption = 'AES'\n"
        (tmp_path / "x.toml").write_text(text, "utf-8")
        code, steps = check(capsys, "--config", "x.toml", "--wait", "0")
        assert main(["send", "t", "x", "--config", "x.toml"]) == 0
    assert (code, steps["password"], steps["cipher AES"]) == (0, "ok", "ok")


def test_what_the_environment_says_is_told(
    configured: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable that was forgotten explains much; a bad one is not taken for a mistake in the file."""
    monkeypatch.setenv("GNTP_LEVEL", "40")
    assert configured("")[0] == 0
    assert main(["check", "--config", "x.toml", "--wait", "0"]) == 0
    assert "(set by the environment: GNTP_LEVEL)" in capsys.readouterr().out
    monkeypatch.setenv("GNTP_REPEAT_WINDOW", "-1")
    assert main(["check", "--config", "x.toml"]) == 2
    assert "the environment: GNTP_REPEAT_WINDOW: allowed is" in capsys.readouterr().err


def test_it_fits_the_terminal() -> None:
    """Answer and advice are wrapped beside the names of the steps."""
    step = CheckResult("REGISTER", Status.FAILED, "the server answered -ERROR 400: " + "no " * 20, 0.0123, "ask " * 20)
    lines = _lines(step, 60)
    assert max(map(len, lines)) <= 60
    assert lines[0].startswith("  FAIL  REGISTER              12.3 ms  the server")
    assert all(line.startswith(" " * 39) for line in lines[1:])
    assert len(_lines(step, _WIDE)) == 2


def test_in_a_narrow_terminal_the_answer_stands_below() -> None:
    """Beside the step there is no room for words."""
    step = CheckResult("REGISTER", Status.FAILED, "the server answered -ERROR 400", 0.0123, "ask for the password")
    lines = _lines(step, 40)
    assert lines[0] == "  FAIL  REGISTER              12.3 ms"
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert max(map(len, lines)) <= 40
    assert [line.split() for line in lines[1:]] == [
        ["the", "server", "answered", "-ERROR", "400"],
        ["->", "ask", "for", "the", "password"],
    ]


def test_what_a_spool_keeps_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """For whom, and whether a handler of the file sends there; what is for its own handler is shown then."""
    spool = tmp_path / "alerts.spool"
    own, other = free_port(), free_port()
    for port, name in ((own, "shop"), (other, "bank")):
        handler = GNTPHandler(host="127.0.0.1", port=port, app_name=name, spool=spool)
        handler.handle(logging.makeLogRecord({"msg": f"for the {name}", "levelno": logging.ERROR}))
        handler.close()
    shop = GNTPHandler(host="127.0.0.1", port=own, app_name="shop", spool=spool)
    assert {(step.status, step.answer) for step in _spooled(shop, [shop])} == {
        (Status.OK, f"{spool} keeps 1 alert for shop on 127.0.0.1:{own}"),
        (Status.NOTE, f"{spool} keeps 1 alert for bank on 127.0.0.1:{other}"),
    }
    with running_receiver(port=own) as receiver:
        lines = f"host = '127.0.0.1'\nport = {receiver.port}\napp_name = 'shop'\nspool = '{spool}'\n"
        (tmp_path / "x.toml").write_text(f"[gntp]\n{lines}", "utf-8")
        assert main(["check", "--config", str(tmp_path / "x.toml"), "--wait", "0"]) == 0
        assert "for the shop" in {toast.title for toast in receiver.toasts}
    output = " ".join(capsys.readouterr().out.split())
    assert f"note spool {spool} keeps 1 alert for bank on 127.0.0.1:{other} -> no handler of this file" in output
    assert re.search(r"ok handler gntp [\d.]+ ms its alert was shown", output)


def test_a_spool_that_cannot_be_used_is_a_failure(configured: Configure, tmp_path: Path) -> None:
    """Alerts get through all the same."""
    (tmp_path / "diary").write_text("dear diary", "utf-8")
    code, steps, output = configured(f"spool = '{tmp_path / 'diary'}'\n")
    assert (code, steps["spool"], steps["handler d"]) == (1, "FAIL", "ok")
    assert "file is not a database" in output


def test_loggers_that_do_not_propagate_are_named(configured: Configure) -> None:
    """As in a file that was made after Django's own documentation: the view's errors are no alerts."""
    request = "[loggers.'django.request']\nhandlers = ['s']\npropagate = false\n"
    stream = "[handlers.s]\nclass = 'logging.StreamHandler'\n"
    code, steps, output = configured("", f"{stream}{request}[root]\nhandlers = ['d', 's']\n")
    assert (code, steps["django.request"], steps["handler d"]) == (0, "note", "ok")
    assert "nothing that is logged there is an alert: [loggers.django.request] has propagate = false" in output


def _say_hello(sock: socket.socket, _number: int) -> None:
    sock.sendall(b"SSH-2.0\r\n")


class TestQuiet:
    """For a monitor: nothing is printed, and nothing shown."""

    def test_a_server_that_takes_alerts(self, capsys: pytest.CaptureFixture[str]) -> None:
        """With its password; it has nothing to show."""
        with running_receiver(["sesame"]) as receiver:
            arguments = ["--port", str(receiver.port), "--password", "sesame"]
            assert main(["check", "--quiet", *arguments]) == 0
            assert receiver.toasts == []
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize("what", ["another password", "no server", "no GNTP server"])
    def test_what_takes_none(self, what: str, capsys: pytest.CaptureFixture[str]) -> None:
        """The exit code alone says so."""
        with running_receiver(["sesame"]) as receiver, ScriptedServer(_say_hello) as ssh:
            port = {"another password": receiver.port, "no server": free_port(), "no GNTP server": ssh.port}[what]
            assert main(["check", "--quiet", "--port", str(port), "--password", "guess"]) == 1
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize("trouble", [None, "enabled = false\npassword = 'sesame'", "password = 'guess'"])
    def test_each_handler_of_a_file(
        self, trouble: str | None, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """One without alerts is enough."""
        with running_receiver(["sesame"]) as receiver:
            one = f"class = 'gntp_logging.GNTPHandler'\nport = {receiver.port}\n"
            other = trouble or "password = 'sesame'"
            handlers = f"[handlers.a]\n{one}password = 'sesame'\n[handlers.b]\n{one}{other}\n"
            (tmp_path / "x.toml").write_text(f"version = 1\n{handlers}", "utf-8")
            assert main(["check", "--quiet", "--config", str(tmp_path / "x.toml")]) == int(trouble is not None)
        assert capsys.readouterr() == ("", "")

    def test_a_broker_is_no_server(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """A monitor learns that it has asked for too much, rather than that all is well."""
        pytest.importorskip("redis", reason="needs redis: pip install redis")
        (tmp_path / "x.toml").write_text("[gntp]\nbroker = 'redis://127.0.0.1:1/0'\n", "utf-8")
        assert main(["check", "--quiet", "--config", str(tmp_path / "x.toml")]) == 2
        assert "--quiet asks a GNTP server" in capsys.readouterr().err
