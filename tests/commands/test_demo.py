"""The command ``gntp-logging demo``, in process and as a program of its own."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from gntp_logging.commands.cli import main
from gntp_logging.configuration.environment import DEFAULTS, variable
from gntp_logging.receiver.tls_stream import server_context
from tests.certificates import Issuer
from tests.support import (
    RunningReceiver,
    ScriptedServer,
    answer_error,
    free_port,
    run_program,
    running_receiver,
    said,
)

TIMEOUT = 60.0
EVENTS = ["Debug", "Info", "Warning", "Error", "Critical", "Error", "Error"]
EXCEPTION = "ValueError: amount of order 4711 must not be negative: -3"
UNICODE = "Ünïcödé: 注文を処理できません — заказ не выполнен — 🛒🔥"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of eighty columns without colours, and alerts switched on, whatever runs the tests."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("GNTP_LOGGING_DISABLED", raising=False)
    for option in DEFAULTS:
        monkeypatch.delenv(variable(option), raising=False)


def _run(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with warnings as errors."""
    variables = {**os.environ, "PYTHONIOENCODING": "utf-8", **(environment or {})}
    command = [sys.executable, "-W", "error", "-m", "gntp_logging", *arguments]
    return subprocess.run(command, env=variables, capture_output=True, encoding="utf-8", timeout=TIMEOUT, check=False)


def _boxes(output: str) -> list[list[str]]:
    """Return the lines of each box."""
    boxes: list[list[str]] = []
    for line in output.splitlines():
        if line.startswith(("╭", "+-")) and (not boxes or boxes[-1][-1].startswith(("╰", "+-"))):
            boxes.append([])
        if boxes and line.startswith(("╭", "│", "╰", "+", "|")):
            boxes[-1].append(line)
    return boxes


def _check_demo(output: str) -> None:
    """Seven boxes in order, each with its time, and the summary."""
    boxes = _boxes(output)
    assert len(boxes) == len(EVENTS)
    for box, event in zip(boxes, EVENTS, strict=True):
        assert re.match(rf"╭─ \d\d:\d\d:\d\d · shop · {event} ─", box[0])
        assert f"│ {event.upper()} · shop." in box[-2]
        assert re.fullmatch(r"╰─ AES · SHA256 · 127\.0\.0\.1 ─+ \d+\.\d ms ─╯", box[-1])
    assert "CRITICAL, sticky" in boxes[4][0]
    assert EXCEPTION in boxes[5][1]
    assert any(re.search(r"innermost: shop/payments.py:\d+ in charge ", line) for line in boxes[5])
    assert any(re.search(r"│ shop/orders.py:\d+ in checkout ", line) for line in boxes[5])
    assert "gntp_logging" not in "".join(line for box in boxes for line in box)
    assert any(UNICODE in line for line in boxes[6])

    (summary,) = re.findall(r"^\d+ alerts sent .*$", output, re.MULTILINE)
    times = [box[-1].split()[-3] for box in boxes]
    assert summary.startswith("7 alerts sent to 127.0.0.1:")
    assert ", encrypted (AES, SHA256); " in summary
    assert "shop/" not in (own := output.partition(summary)[2])
    assert "gntp_logging.GNTPHandler(" in own
    assert f"to the display: {' '.join(times)} ms, median " in summary


# -- demo with its own receiver ------------------------------------------------------------------


def test_demo_shows_seven_alerts(capsys: pytest.CaptureFixture[str]) -> None:
    """In process: every level, the exception and the Unicode text, encrypted, with the time each took."""
    assert main(["demo"]) == 0

    output, errors = capsys.readouterr()
    _check_demo(output)
    assert errors == ""


@pytest.mark.program
def test_demo_as_a_program() -> None:
    """The same from the command line, with nothing on stderr."""
    finished = _run("demo")

    assert (finished.returncode, finished.stderr) == (0, "")
    _check_demo(finished.stdout)


def test_demo_takes_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    """A password without a host is the one of the demo's own receiver, and is never printed."""
    assert main(["demo", "--password", "sësame"]) == 0

    output, _ = capsys.readouterr()
    _check_demo(output)
    assert "sësame" not in output


def test_demo_leaves_no_trace(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """Loggers, their handlers and levels, and the threads of the process are what they were."""

    def state() -> object:
        root = logging.getLogger()
        return (
            list(root.handlers),
            root.level,
            sorted(logging.Logger.manager.loggerDict),
            logging.raiseExceptions,
            [thread for thread in threading.enumerate() if thread.name == "gntp-receiver"],
        )

    main(["demo"])  # what is imported for the first time may get itself a logger
    before = state()

    main(["demo"])

    assert state() == before
    assert caplog.records == []


@pytest.mark.program
def test_demo_in_ascii() -> None:
    """A stdout that knows ASCII only gets frames that it can show, and every word that it can."""
    finished = _run("demo", environment={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})

    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.isascii()
    assert finished.stdout.count("\n+- AES - SHA256 - 127.0.0.1 ") == 7
    assert EXCEPTION in finished.stdout
    assert "| ERROR - shop.orders - " in finished.stdout


@pytest.mark.program
def test_demo_in_the_c_locale() -> None:
    """LANG=C alone changes nothing for the worse."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    environment |= {"LANG": "C", "LC_ALL": "C"}
    command = [sys.executable, "-m", "gntp_logging", "demo"]
    finished = subprocess.run(command, env=environment, capture_output=True, timeout=TIMEOUT, check=False)

    assert (finished.returncode, finished.stderr) == (0, b"")
    assert EXCEPTION.encode() in finished.stdout
    assert b"7 alerts sent to" in finished.stdout


@pytest.mark.program
def test_demo_in_colours() -> None:
    """FORCE_COLOR colours the boxes of a pipe too, by priority."""
    finished = _run("demo", environment={"NO_COLOR": "", "FORCE_COLOR": "1"})

    colours = re.findall(r"^(\x1b\[[0-9;]+m)╭", finished.stdout, re.MULTILINE)
    assert len(colours) == 7
    assert len(set(colours)) == 5
    _check_demo(re.sub(r"\x1b\[[0-9;]*m", "", finished.stdout))


@pytest.mark.program
def test_demo_into_a_pipe_that_nobody_reads() -> None:
    """``| head -1`` has seen enough: that is no failure, and there is no complaint of the interpreter's."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        finished = subprocess.run(
            [sys.executable, "-m", "gntp_logging", "demo"],
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT,
            check=False,
        )
    finally:
        os.close(writer)

    assert (finished.returncode, finished.stderr) == (0, b"")


@pytest.mark.program
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_demo_onto_a_full_disk() -> None:
    """A stdout that cannot be written is one line on stderr."""
    with open("/dev/full", "wb") as full:
        finished = subprocess.run(
            [sys.executable, "-m", "gntp_logging", "demo"],
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
        )

    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert "No space left on device" in line


def test_demo_says_when_alerts_are_switched_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kill switch for test runs also holds for the demo, which names it instead of waiting."""
    monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1")

    assert main(["demo"]) == 1

    assert capsys.readouterr().err.count("GNTP_LOGGING_DISABLED") == 1


# -- demo against a server -----------------------------------------------------------------------


def test_demo_to_a_server_with_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    """Alerts arrive encrypted, and stdout has the summary and the lines for one's own program alone."""
    with running_receiver(["sësame"]) as receiver:
        assert main(["demo", "--host", "127.0.0.1", "--port", str(receiver.port), "--password", "sësame"]) == 0
        toasts = receiver.wait_for(7)

    assert [toast.name for toast in toasts] == EVENTS
    assert {(toast.encryption, toast.hash_) for toast in toasts} == {("AES", "SHA256")}
    assert [toast.priority for toast in toasts] == [-2, -1, 0, 1, 2, 1, 1]
    assert said(toasts[5]).startswith(EXCEPTION)
    assert said(toasts[6]) == UNICODE
    output, errors = capsys.readouterr()
    first, summary, *_ = output.splitlines()
    assert first == ""
    assert summary.startswith(f"7 alerts sent to 127.0.0.1:{receiver.port}, encrypted (AES, SHA256); ")
    assert re.search(r"to the answer: (\d+\.\d ){7}ms, median \d+\.\d ms\.$", summary)
    assert "sësame" not in output
    assert errors == ""


def test_demo_to_a_server_without_a_password(receiver: RunningReceiver, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --host it is localhost; without --password alerts go in clear, and the summary says so."""
    assert main(["demo", "--port", str(receiver.port)]) == 0

    toasts = receiver.wait_for(7)
    assert {(toast.encryption, toast.hash_) for toast in toasts} == {("", "")}
    assert "7 alerts sent to localhost:" in (output := capsys.readouterr().out)
    assert ", without a password; " in output


@pytest.mark.parametrize(("password", "words"), [("guess", "does not accept the password"), (None, "wants a password")])
def test_demo_with_a_wrong_password(password: str | None, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says that the password is the reason; the password itself is not in it."""
    options = ["--password", password] if password else []
    with running_receiver(["sësame"]) as receiver:
        assert main(["demo", "--host", "127.0.0.1", "--port", str(receiver.port), *options]) == 1

    output, errors = capsys.readouterr()
    (line,) = errors.splitlines()
    assert words in line
    assert f"0 of 7 alerts shown on 127.0.0.1:{receiver.port}" in line
    assert "guess" not in line
    assert output == ""


@pytest.mark.program
def test_demo_where_nobody_listens() -> None:
    """One line says that there is no server."""
    port = free_port()

    finished = _run("demo", "--host", "127.0.0.1", "--port", str(port))

    assert (finished.returncode, finished.stdout) == (1, "")
    (line,) = finished.stderr.splitlines()
    assert f"127.0.0.1:{port}: " in line
    assert "refused" in line
    assert line.endswith(f"is a GNTP server running there? start one: gntp-logging listen --port {port}")


def test_demo_to_a_server_that_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """An alert that the server dropped is not counted as shown."""
    with ScriptedServer(answer_error(404, "disabled")) as server:
        assert main(["demo", "--host", "127.0.0.1", "--port", str(server.port)]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert "0 of 7 alerts shown" in line
    assert "disabled" in line


def test_diagnosis_is_silent_only_during_the_demo() -> None:
    """The switch that keeps handlers from reporting twice is put back when the demo fails, too."""
    assert main(["demo", "--host", "127.0.0.1", "--port", str(free_port())]) == 1

    assert logging.raiseExceptions is True


def test_tls_is_for_a_server_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The demo's own receiver has no certificate."""
    for arguments in (["--tls"], ["--tls-ca", "issuer.pem"]):
        assert main(["demo", *arguments]) == 2
        assert "name it with --host" in capsys.readouterr().err


def test_a_server_with_tls_shows_the_demo(
    issuer: Issuer, certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary says how the alerts went."""
    with running_receiver(["secret"], tls=server_context(certificate)) as receiver:
        where = ["--host", "localhost", "--port", str(receiver.port), "--password", "secret"]
        assert main(["demo", *where, "--tls-ca", str(issuer.file)]) == 0
        assert {toast.encryption for toast in receiver.toasts} == {"TLS"}
        assert ", by TLS, encrypted (AES, SHA256); " in capsys.readouterr().out
        assert main(["demo", *where, "--tls"]) == 1
    assert "from an issuer that is not trusted here" in capsys.readouterr().err


# -- The server's arguments, and the lines for a program of one's own ----------------------------


def _own_program(output: str) -> str:
    """Return what the demo tells people to copy."""
    return output[output.index("import logging\n" if "import logging\n" in output else "import gntp_logging\n") :]


@pytest.mark.program
@pytest.mark.parametrize("how", ["argument", "environment", "file", "password file", "TLS", "another hash"])
def test_the_lines_work_as_they_stand(
    how: str, tmp_path: Path, issuer: Issuer, certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However the server was named, a program that begins with them alerts the same people. No password is there."""
    (tmp_path / "key").write_text("sësame\n", "utf-8")
    tls = server_context(certificate) if how == "TLS" else None
    with running_receiver(["sësame"], tls=tls) as receiver, pytest.MonkeyPatch.context() as patch:
        table = f"[gntp]\nport = {receiver.port}\npassword_file = '{(tmp_path / 'key').as_posix()}'\n"
        (tmp_path / "alerts.toml").write_text(table, "utf-8")
        where = ["-H", "localhost", "--port", str(receiver.port)]
        secret = ["-P", "sësame"]
        if how == "environment":
            patch.setenv("GNTP_PORT", str(receiver.port))
            patch.setenv("GNTP_PASSWORD", "sësame")
        arguments = {
            "argument": [*where, *secret],
            "environment": [],
            "file": ["--config", str(tmp_path / "alerts.toml")],
            "password file": [*where, "--password-file", str(tmp_path / "key")],
            "TLS": [*where, *secret, "--tls-ca", str(issuer.file)],
            "another hash": [*where, *secret, "--key-hashing", "SHA512", "--encryption", "3DES"],
        }[how]
        assert main(["demo", *arguments]) == 0
        output = capsys.readouterr().out
        assert "sësame" not in output
        shown = receiver.wait_for(7)[-1]
        patch.setenv("GNTP_PASSWORD", "sësame")
        result = run_program(f"{_own_program(output)}\nimport logging\nlogging.error('mine')\n1 / 0\n")
        assert "ERROR:root:mine" in result.stderr or how == "file"
        assert "ZeroDivisionError" in result.stderr
        mine, unhandled = receiver.wait_for(9)[7:]
    assert (mine.title, unhandled.title) == ("mine", "ZeroDivisionError: division by zero")
    assert (mine.encryption, mine.hash_) == (shown.encryption, shown.hash_)


@pytest.mark.program
def test_the_lines_of_the_demo_itself_are_for_a_receiver_that_is_started_first() -> None:
    """It names the command; what it prints then is a program, for the standard port."""
    finished = _run("demo")
    before, _, _ = finished.stdout.rpartition("import logging\n")
    assert before.splitlines()[-3].endswith("in another terminal: gntp-logging listen")
    result = run_program(f"{_own_program(finished.stdout)}\nprint(desktop)")
    assert result.stdout == "<GNTPHandler 'shop' to localhost:23053 (ERROR)>\n", result.stderr


def test_the_server_of_the_environment_is_the_one(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for send and check."""
    monkeypatch.setenv("GNTP_HOST", "127.0.0.1")
    monkeypatch.setenv("GNTP_PORT", str(receiver.port))
    assert main(["demo"]) == 0
    assert len(receiver.wait_for(7)) == 7
    monkeypatch.setenv("GNTP_PORT", "x")
    assert main(["demo"]) == 2
    assert "GNTP_PORT: allowed is an integer from 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["demo"], ["send", "t", "x"], ["check", "--quiet"]])
def test_all_take_the_same_server(command: list[str], issuer: Issuer, certificate: Path, tmp_path: Path) -> None:
    """Each in its short form where there is one."""
    (tmp_path / "key").write_text("sesame\n", "utf-8")
    with running_receiver(["sesame"], tls=server_context(certificate)) as receiver:
        where = ["-H", "localhost", "--port", str(receiver.port), "--tls-ca", str(issuer.file), "--timeout", "20"]
        assert main([*command, *where, "-P", "sesame"]) == 0
        assert main([*command, *where, "--password-file", str(tmp_path / "key")]) == 0
        assert main([*command, *where, "-P", "guess"]) == 1
        assert main([*command, *where[:4], "--tls", "-P", "sesame"]) == 1
