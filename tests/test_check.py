"""The command ``gntp-logging check``, with real receivers and servers that fail."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gntp_logging import config
from gntp_logging.cli import main
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.support import Recorder, ScriptedServer, answer_ok, free_port, running_receiver


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variables of whoever runs the tests; logging as it was before."""
    for name in config.DEFAULTS:
        monkeypatch.delenv(f"GNTP_{name.upper()}", raising=False)
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    root.handlers[:] = before


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    """Run the command; return the exit code and the verdict of each step."""
    code = main(["check", *arguments])
    lines = re.findall(r"^  (ok|FAIL|note|-) +(.+?)(?: {2,}|$)", capsys.readouterr().out, re.MULTILINE)
    return code, {name: verdict for verdict, name in lines}


class Clicking(Recorder):
    """A display whose user clicks."""

    def show(self, toast: Toast) -> None:
        """Click."""
        super().show(toast)
        toast.react(Reaction.CLICKED)


def test_a_server_that_takes_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """Each step, up to the click."""
    with Receiver(Server([Clicking()], passwords=["secret"])) as receiver:
        arguments = ["--port", str(receiver.port), "--password", "secret", "--encryption", "AES"]
        code, steps = check(capsys, *arguments)
    assert code == 0
    assert {name for name, verdict in steps.items() if verdict == "note"} == {"no password", "wrong password"}
    expected = {"name look-up", "connect", "REGISTER", "NOTIFY", "password", "Keep-Alive", "callback"}
    expected |= {f"hash {name}" for name in ("MD5", "SHA1", "SHA256", "SHA512")}
    expected |= {f"cipher {name}" for name in ("AES", "DES", "3DES")}
    assert {name for name, verdict in steps.items() if verdict == "ok"} == expected


def test_a_wrong_password(capsys: pytest.CaptureFixture[str]) -> None:
    """It fails there, and says what to do."""
    with running_receiver(["secret"]) as receiver:
        code = main(["check", "--port", str(receiver.port), "--wait-callback", "0"])
    output = capsys.readouterr().out
    assert code == 1
    assert "FAIL  REGISTER" in output
    assert "-> give the server's own password: GNTP_PASSWORD or --password-file" in output


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    """What could only fail too is not tried."""
    code, steps = check(capsys, "--port", str(free_port()))
    assert (code, steps) == (1, {"name look-up": "ok", "connect": "FAIL"})


def test_a_server_that_closes(capsys: pytest.CaptureFixture[str]) -> None:
    """That is no failure."""
    with ScriptedServer(answer_ok) as server:
        code, steps = check(capsys, "--port", str(server.port), "--wait-callback", "0")
    assert code == 0
    assert steps["Keep-Alive"] == "note"


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
        code, steps = check(capsys, "--config", str(path), "--wait-callback", "0")
        toast = receiver.toasts[-1]
    assert (code, steps["handler desktop"]) == (0, "ok")
    assert (toast.application, toast.name) == ("shop", "Critical")
    assert toast.text.startswith("short This went through")
    assert not log.exists()


def test_a_handler_that_is_switched_off(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No alert will come, so the check fails."""
    monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1")
    with running_receiver() as receiver:
        (tmp_path / "x.toml").write_text(f"[gntp]\nport = {receiver.port}\n", "utf-8")
        code, steps = check(capsys, "--config", str(tmp_path / "x.toml"), "--wait-callback", "0")
    assert (code, steps["handler gntp"]) == (1, "FAIL")


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
