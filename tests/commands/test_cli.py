"""The command ``gntp-logging`` as a whole: usage, exit codes, streams."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from gntp_logging import __version__
from gntp_logging.commands.cli import main, parser
from tests.support import free_port, run_program, running_receiver


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "", "1.5", "9" * 5000])
def test_a_port_out_of_range_names_what_is_allowed(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage is exit code 2 and a message that helps, of bearable length."""
    with pytest.raises(SystemExit) as caught:
        main(["demo", f"--port={port}"])

    assert caught.value.code == 2
    errors = capsys.readouterr().err
    assert "argument --port: allowed is 1 to 65535" in errors
    assert len(errors) < 500


@pytest.mark.parametrize(
    ("option", "words"), [("--host", "allowed is a host name"), ("--password", "must not be empty")]
)
def test_blank_values_are_refused(option: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty variable in a script is told apart from an option that was left out."""
    with pytest.raises(SystemExit) as caught:
        main(["demo", f"{option}="])

    assert caught.value.code == 2
    assert re.search(f"argument .*{option}: {words}", capsys.readouterr().err)


def test_no_command_says_what_to_do_first(capsys: pytest.CaptureFixture[str]) -> None:
    """In five lines, each command of which works; it is wrong usage all the same."""
    assert main([]) == 2
    output, errors = capsys.readouterr()
    first, *lines = errors.splitlines()
    assert (output, len(lines)) == ("", 4)
    assert "desktop" in first
    for line in lines:
        for words in re.findall(r"gntp-logging ((?:\S+ ?)+)", line):
            assert words.strip() == "--help" or callable(parser().parse_args(words.split()).run)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is the package's."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])

    assert caught.value.code == 0
    assert capsys.readouterr().out == f"gntp-logging {__version__}\n"


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the command without a traceback, with the shell's exit code for it."""

    def interrupt(_target: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("gntp_logging.commands.demo._demo", interrupt)

    assert main(["demo", "--port", "1"]) == 130


@pytest.mark.parametrize("command", ["demo", "send", "listen", "check", "completion"])
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By examples that the command itself would take."""
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.count(f"gntp-logging {command}") >= 3


@pytest.mark.program
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["completion", "bash"], ["--version"]])
def test_a_reader_that_leaves_is_no_failure(arguments: list[str], unbuffered: str) -> None:
    """``| head`` has seen enough; there is no complaint, not even of the interpreter's at its end."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "gntp_logging", *arguments]
        variables = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=variables, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


INTERRUPT = """
import os, signal, sys

def interrupt(event, arguments):
    global left
    if event == awaited and first in ("", arguments[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGINT)

awaited, first, left, *program = sys.argv[1:]
left = int(left)
sys.addaudithook(interrupt)
"""
"""Sends the program Ctrl-C when Python does something for the nth time: it imports a module, opens a file, ..."""

RUN = """
import runpy
sys.argv = program
runpy.run_module("gntp_logging", run_name="__main__", alter_sys=True)
"""


SEND = ("send", "t", "x", "--icon", sys.executable)


@pytest.mark.program
@pytest.mark.parametrize(
    ("command", "event", "argument", "number"),
    [
        (SEND, "import", "argparse", 1),
        (SEND, "import", "gntp_logging.commands.cli", 1),
        (SEND, "import", "gntp_logging.commands.send", 1),
        (SEND, "import", "gntp_logging.gntp.lib", 1),
        (SEND, "import", "gettext", 1),
        (SEND, "open", sys.executable, 1),
        (SEND, "socket.connect", "", 1),
        (("check",), "socket.connect", "", 3),
        (("demo",), "socket.connect", "", 1),
    ],
)
def test_an_interrupt_is_quiet_at_any_moment(command: Sequence[str], event: str, argument: str, number: int) -> None:
    """While modules are imported, arguments are parsed, a server is connected to: exit code 130, and no complaint."""
    with running_receiver() as receiver:
        server = ("--port", receiver.port)
        result = run_program(f"{INTERRUPT}{RUN}", event, argument, number, "gntp-logging", *command, *server)
    assert (result.returncode, result.stderr) == (130, "")


@pytest.mark.program
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
@pytest.mark.parametrize(
    "command", [("relay", "--config", "missing.toml"), ("listen", "--tls-cert=missing.pem", "--port", "0")]
)
def test_a_hangup_does_not_end_what_would_read_a_file_again(command: Sequence[str]) -> None:
    """However early it comes: while modules are imported, the signal has no handler yet."""
    result = run_program(f"{INTERRUPT.replace('SIGINT', 'SIGHUP')}{RUN}", "import", "argparse", 1, "x", *command)
    assert (result.returncode, "missing." in result.stderr) == (2, True)


@pytest.mark.program
def test_an_interrupt_of_the_demos_own_receiver_is_quiet() -> None:
    """Its threads come to their end."""
    result = run_program(f"{INTERRUPT}{RUN}", "socket.bind", "", 1, "gntp-logging", "demo")
    assert (result.returncode, result.stderr) == (130, "")


@pytest.mark.program
def test_an_interrupt_at_the_end_is_quiet() -> None:
    """What Python does after the command, such as its exit functions, prints no traceback."""
    at_exit = "import atexit; atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT) or input())\n"
    result = run_program(f"{INTERRUPT}{at_exit}{RUN}", "", "", 1, "gntp-logging", "check", "--text", "x")
    assert (result.returncode, result.stderr) == (130, "")


@pytest.mark.program
def test_a_program_that_is_to_ignore_interrupts_does() -> None:
    """A shell starts what ends in ``&`` so."""
    ignore = "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    arguments = ("import", "argparse", 1, "gntp-logging", "check", "--text", "x")
    result = run_program(f"{INTERRUPT}{ignore}{RUN}", *arguments)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.program
@pytest.mark.parametrize(
    "arguments", [["send", "t", "-"], ["check", "--wait", "0"], ["demo", "--host", "127.0.0.1"], ["send", "t", "x"]]
)
def test_streams_that_are_closed(arguments: list[str]) -> None:
    """As under a daemon: the work is done, and the exit code tells of it."""
    with running_receiver() as receiver:
        command = [sys.executable, "-m", "gntp_logging", *arguments, "--port", str(receiver.port)]
        close = "import os, sys; [os.close(fd) for fd in (0, 1, 2)]; os.execv(sys.argv[1], sys.argv[1:])"
        variables = {name: value for name, value in os.environ.items() if not name.startswith("GNTP_")}
        ended = subprocess.run([sys.executable, "-c", close, *command], check=False, timeout=60, env=variables)
        assert receiver.toasts
    assert ended.returncode == 0


def test_what_a_server_says_is_shown_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither escape sequences nor line ends reach the terminal."""
    from tests.support import ScriptedServer, answer_error

    with ScriptedServer(answer_error(500, "\x1b[2J\x9b31m\ngone")) as server:
        assert main(["send", "t", "x", "--port", str(server.port)]) == 1
        assert main(["check", "--port", str(server.port), "--wait", "0"]) == 1
    output, errors = capsys.readouterr()
    assert len(errors.splitlines()) == 1
    assert not {"\x1b", "\x9b"} & set(output + errors)


def test_a_failure_names_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    """It may have come from the environment or a file."""
    port = free_port()
    assert main(["send", "t", "x", "--port", str(port)]) == 1
    assert capsys.readouterr().err.startswith(f"gntp-logging send: localhost:{port}: ")
