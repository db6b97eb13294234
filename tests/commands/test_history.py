"""The command ``gntp-logging history``: what it shows of a history, and how it forgets."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gntp_logging.commands.cli import main
from gntp_logging.gntp.models import Event, Notification, Resource
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.receiver.history_file import HistoryFile, Wanted, usual_path
from gntp_logging.receiver.json_lines import JsonDisplay
from gntp_logging.receiver.registry import Toast
from tests.commands.test_listen import Listening
from tests.support import wait_until

pytestmark = pytest.mark.usefixtures("no_variables")

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A history of four alerts, from ten days ago to now."""
    path = str(tmp_path / "history")
    with HistoryFile(path, writes=True) as file:
        for number, (application, title, priority, age) in enumerate(
            (
                ("shop", "an old one", 2, 10 * DAY),
                ("bank", "KeyError: 'rate'", 1, 2 * HOUR),
                ("shop", "order 4711", -1, HOUR / 2),
                ("shop", "ValueError: order 4711", 1, 0.0),
            )
        ):
            shown = Toast(application, "type", title, "text", priority=priority, icon=Resource(b"icon"))
            file.write([replace(shown, number + 1, time.time() - age)])
    return path


def replace(toast: Toast, number: int, arrived: float) -> Toast:
    """Return a toast with a number and a time."""
    return Toast(**{**vars(toast), "number": number, "arrived": arrived})


def shown(path: str, *arguments: str, capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """Return what the command shows, as JSON."""
    assert main(["history", "--history", path, "--json", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "titles"),
    [
        ([], ["an old one", "KeyError: 'rate'", "order 4711", "ValueError: order 4711"]),
        (["--since", "1h"], ["order 4711", "ValueError: order 4711"]),
        (["--before", "60m"], ["an old one", "KeyError: 'rate'"]),
        (["--since", "1w", "--before", "1h"], ["KeyError: 'rate'"]),
        (["--level", "error"], ["an old one", "KeyError: 'rate'", "ValueError: order 4711"]),
        (["--level", "CRITICAL"], ["an old one"]),
        (["--application", "Bank"], ["KeyError: 'rate'"]),
        (["--search", "order 47"], ["order 4711", "ValueError: order 4711"]),
        (["--search", "order", "--search", "error", "--application", "shop"], ["ValueError: order 4711"]),
        (["--search", "nothing like it"], []),
    ],
)
def test_options_narrow_what_is_shown(
    path: str, arguments: list[str], titles: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Together too; the one that changed last at the end."""
    assert [alert["title"] for alert in shown(path, *arguments, capsys=capsys)] == titles


def test_json_has_the_fields_of_a_receiver(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And the time of the last change."""
    with HistoryFile(path, writes=True) as file:
        (kept, *_) = file.find(Wanted())
        file.write([replace(kept.toast, 1, kept.changed + 60)])
    display = io.StringIO()
    JsonDisplay(display).show(kept.toast)
    (alert,) = shown(path, "--search", "an old", capsys=capsys)
    changed = alert.pop("changed")
    assert alert == json.loads(display.getvalue())
    assert changed > alert["time"]


def test_boxes_are_those_of_the_terminal(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the date, and until when it went on."""
    with HistoryFile(path, writes=True) as file:
        (kept, *_) = file.find(Wanted())
        file.write([replace(kept.toast, 1, kept.changed + DAY)])
    assert main(["history", "--history", path]) == 0
    boxes = capsys.readouterr().out
    for title in ("an old one", "KeyError: 'rate'", "order 4711", "ValueError: order 4711"):
        assert f"│ {title} " in boxes
    first, last = (
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) for seconds in (kept.changed, kept.changed + DAY)
    )
    assert f" {first} · shop" in boxes
    assert f" until {last} " in boxes


def test_no_control_character_reaches_the_terminal(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Strangers have sent the texts."""
    evil = "\x1b]0;title\x07\x1b[2J\u202e\x9b31m"
    with HistoryFile(path, writes=True) as file:
        file.write([Toast(evil, evil, evil, evil, peer=evil, number=9)])
    for arguments in ([], ["--json"]):
        assert main(["history", "--history", path, *arguments]) == 0
        said = capsys.readouterr().out
        assert "title" in said
        assert not set("\x1b\x07\u202e\x9b") & set(said)


def test_updates_of_one_alert_do_not_take_each_others_place(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal a receiver's lowest box is written over; a history has only last ones."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with HistoryFile(path, writes=True) as file:
        file.write([Toast("shop", "type", f"run {n}", "", coalescing_id="same", number=n) for n in (8, 9)])
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["history", "--history", path, "--search", "run"]) == 0
    assert "run 8" in terminal.getvalue()
    assert "\x1b[J" not in terminal.getvalue()


def test_nothing_found_is_no_failure(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said beside the output."""
    assert main(["history", "--history", path, "--search", "nowhere"]) == 0
    assert capsys.readouterr() == ("", "gntp-logging history: no alert is found\n")


@pytest.mark.parametrize(
    ("arguments", "left", "said"),
    [
        ([], [], "4 alerts are deleted\n"),
        (["--before", "1d"], [2, 3, 4], "1 alert is deleted\n"),
        (["--search", "4711"], [1, 2], "2 alerts are deleted\n"),
        (["--application", "nobody"], [1, 2, 3, 4], "0 alerts are deleted\n"),
    ],
)
def test_what_would_be_shown_is_deleted(
    path: str, arguments: list[str], left: list[int], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the rest stays."""
    assert main(["history", "--history", path, "--delete", *arguments]) == 0
    assert capsys.readouterr() == (said, "")
    with HistoryFile(path) as file:
        assert [kept.toast.number for kept in file.find(Wanted())] == left


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "argument --since: allowed is a number and one of s, m, h, d and w, as in 90m"),
        (["--before", "5"], "argument --before: allowed is"),
        (["--level", "loud"], "argument --level: invalid choice: 'LOUD' (choose from "),
        (["--search", " "], "argument --search: must not be blank"),
        (["--delete", "--json"], "--delete shows no alerts: leave --json out"),
        (["--since", "1h", "--before", "60m"], "nothing is older than --before and younger than --since"),
    ],
)
def test_wrong_usage_names_the_option(
    path: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With 2, and what is allowed; nothing is deleted."""
    try:
        code: object = main(["history", "--history", path, *arguments])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert said in capsys.readouterr().err
    with HistoryFile(path) as file:
        assert len(list(file.find(Wanted()))) == 4


@pytest.mark.parametrize("arguments", [[], ["--delete"]])
def test_a_history_that_cannot_be_read_is_one_line(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With 1: it is not there, or damaged; a reader sets nothing aside."""
    path = tmp_path / "history"
    for said in ("there is no history in", "file is not a database"):
        assert main(["history", "--history", str(path), *arguments]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("gntp-logging history: ")
        assert said in line
        path.write_bytes(b"no database" * 100)
    assert os.listdir(tmp_path) == ["history"]


@pytest.mark.program
def test_it_ends_quietly_when_nobody_reads_any_more(tmp_path: Path) -> None:
    """``gntp-logging history | head -1``."""
    path = str(tmp_path / "history")
    with HistoryFile(path, writes=True) as file:
        file.write(Toast("shop", "type", "title", "x" * 1000, number=number) for number in range(1, 2000))
    command = [sys.executable, "-m", "gntp_logging", "history", "--history", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.program
def test_a_receiver_and_the_command_share_a_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is shown can be found at once, and forgotten, while the receiver goes on."""
    path = str(tmp_path / "history")
    listening = Listening("--history", path)
    try:
        with listening.client() as client:
            client.process_request(RegisterRequest("shop", None, [Event("Error")]))
            client.process_request(NotifyRequest("shop", Notification("Error", "hunter2", "first")))
            wait_until(lambda: len(shown(path, "--search", "hunter", capsys=capsys)) == 1)
            assert listening.next_of("notify") == {
                name: value for name, value in shown(path, capsys=capsys)[0].items() if name != "changed"
            }
            assert main(["history", "--history", path, "--delete", "--search", "hunter2"]) == 0
            assert [each.name for each in tmp_path.iterdir() if b"hunter2" in each.read_bytes()] == []
            client.process_request(NotifyRequest("shop", Notification("Error", "another", "second")))
            capsys.readouterr()
            wait_until(lambda: [each["title"] for each in shown(path, capsys=capsys)] == ["another"])
    finally:
        assert listening.end() == (0, "")


@pytest.mark.program
def test_a_second_receiver_shows_and_keeps_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so; the first one's history is whole."""
    path = str(tmp_path / "history")
    first, second = Listening("--history", path), Listening("--history", path)
    try:
        for listening, title in ((first, "one"), (second, "two")):
            with listening.client() as client:
                client.process_request(RegisterRequest("shop", None, [Event("Error")]))
                client.process_request(NotifyRequest("shop", Notification("Error", title)))
            assert listening.next_of("notify")["title"] == title
    finally:
        ends = second.end(), first.end()
    assert ends == (
        (0, f"gntp-logging listen: no history is kept: another receiver writes to {path}\n"),
        (0, ""),
    )
    assert [alert["title"] for alert in shown(path, capsys=capsys)] == ["one"]


@pytest.mark.program
@pytest.mark.parametrize(
    ("arguments", "is_kept"),
    [
        ([], False),
        (["--display", "web"], True),
        (["--display", "web", "--no-history"], False),
        (["--as-service"], True),
    ],
)
def test_a_history_is_kept_where_people_look_later(
    arguments: list[str], is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their own folder; for scripts and in the terminal none is, unless they ask."""
    if "web" in arguments:
        pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    listening = Listening(*arguments)
    code, _ = listening.end()
    assert code == 0
    assert Path(usual_path()).exists() is is_kept
    assert list(tmp_path.rglob("*.sqlite3")) == ([Path(usual_path())] if is_kept else [])


def test_one_may_not_want_and_refuse_a_history(capsys: pytest.CaptureFixture[str]) -> None:
    """The two options are named."""
    with pytest.raises(SystemExit):
        main(["listen", "--history", "x", "--no-history"])
    assert "--no-history: not allowed with argument --history" in capsys.readouterr().err


@pytest.mark.program
def test_sqlite_is_loaded_only_where_a_history_is_wanted() -> None:
    """The command line names the options of all commands."""
    code = "import sys, gntp_logging.commands.cli as c; c.parser(); print({'sqlite3', 'asyncio'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "set()\n"
    listening = Listening()
    try:
        maps = Path(f"/proc/{listening.process.pid}/maps")
        if maps.exists():
            assert "sqlite3" not in maps.read_text("utf-8")
    finally:
        listening.end()
