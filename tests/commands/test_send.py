"""The command ``gntp-logging send``, with a real receiver."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts import icons
from gntp_logging.commands import send as send_module
from gntp_logging.commands.cli import main
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from gntp_logging.receiver.tls_stream import server_context
from tests.certificates import Issuer
from tests.support import Recorder, RunningReceiver, free_port, running_receiver

pytestmark = pytest.mark.usefixtures("no_variables", "no_input")


def send(receiver: RunningReceiver, *arguments: str) -> int:
    """Run the command against a receiver."""
    return main(["send", "--port", str(receiver.port), *arguments])


def test_a_title_alone_is_shown(receiver: RunningReceiver, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is printed."""
    assert send(receiver, "Backup done") == 0
    (toast,) = receiver.toasts
    assert (toast.application, toast.name, toast.title, toast.text) == ("gntp-logging", "Message", "Backup done", "")
    assert capsys.readouterr() == ("", "")


def test_everything_can_be_said(receiver: RunningReceiver, tmp_path: Path) -> None:
    """Each argument arrives."""
    picture = tmp_path / "x.png"
    picture.write_bytes(icons.picture("Error").data or b"")
    options = ["--app", "make", "--event", "Build", "--priority", "-2", "--sticky", "--icon", str(picture)]
    assert send(receiver, "Tïtle", "two\nlines", *options, "--url", "https://x/?a={b}") == 0
    (toast,) = receiver.toasts
    assert (toast.application, toast.name, toast.title, toast.text) == ("make", "Build", "Tïtle", "two\nlines")
    assert (toast.priority, toast.sticky, toast.icon) == (-2, True, icons.picture("Error"))
    assert toast.callback_url == "https://x/?a={b}"


@pytest.mark.program
@pytest.mark.parametrize("arguments", [["title"], ["title", "-"]])
def test_the_text_may_come_from_standard_input(receiver: RunningReceiver, arguments: list[str]) -> None:
    """``make | gntp-logging send "make has ended"``; whatever bytes there are."""
    command = [sys.executable, "-m", "gntp_logging", "send", "--port", str(receiver.port), *arguments]
    subprocess.run(command, input=b"one\ntwo \xff\n", check=True, timeout=30)
    assert receiver.toasts[0].text == "one\ntwo \ufffd"


def test_a_terminal_is_not_waited_for(receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would know that it waits."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("never read"))
    assert send(receiver, "title") == 0
    assert receiver.toasts[0].text == ""


class Reacting(Recorder):
    """A display whose user does one thing."""

    def __init__(self, reaction: Reaction) -> None:
        super().__init__()
        self.reaction = reaction

    def show(self, toast: Toast) -> None:
        """Do it."""
        super().show(toast)
        toast.react(self.reaction)


@pytest.mark.parametrize("reaction", list(Reaction))
def test_what_the_user_did_is_printed(reaction: Reaction, capsys: pytest.CaptureFixture[str]) -> None:
    """In a word that a script can compare."""
    with Receiver(Server([Reacting(reaction)])) as receiver:
        code = main(["send", "--port", str(receiver.port), "Deploy?", "--wait", "20"])
    assert code == (1 if reaction is Reaction.TIMED_OUT else 0)
    words = {Reaction.CLICKED: "CLICKED", Reaction.CLOSED: "CLOSED", Reaction.TIMED_OUT: "TIMEDOUT"}
    assert capsys.readouterr().out == f"{words[reaction]}\n"


def test_no_reaction_in_time_is_1(receiver: RunningReceiver, capsys: pytest.CaptureFixture[str]) -> None:
    """With one line that says so."""
    assert send(receiver, "Deploy?", "--wait", "0.2") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gntp-logging send: ")


@pytest.mark.parametrize("how", ["argument", "environment", "file", "argument before environment"])
def test_the_password_comes_from_wherever_it_was_given(
    how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And the server's address, too."""
    (tmp_path / "password").write_text("sesame\n", encoding="utf-8")
    arguments = ["--password", "sesame"] if how.startswith("argument") else []
    if how == "file":
        arguments = ["--password-file", str(tmp_path / "password")]
        monkeypatch.setenv("GNTP_PASSWORD", "another")
    elif how == "environment":
        monkeypatch.setenv("GNTP_PASSWORD", "sesame")
    elif how == "argument before environment":
        monkeypatch.setenv("GNTP_PASSWORD", "another")
        monkeypatch.setenv("GNTP_PASSWORD_FILE", "/nonexistent")
    with running_receiver(["sesame"]) as receiver:
        monkeypatch.setenv("GNTP_HOST", "127.0.0.1")
        monkeypatch.setenv("GNTP_PORT", str(receiver.port))
        monkeypatch.setenv("GNTP_ENCRYPTION", "AES")
        assert main(["send", "title", "--key-hashing", "SHA512", *arguments]) == 0
        (toast,) = receiver.toasts
    assert (toast.encryption, toast.hash_) == ("AES", "SHA512")


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (["--encryption", "ROT13"], {}, "encryption: allowed is"),
        (["--encryption", "AES"], {}, "needs a password"),
        ([], {"GNTP_PORT": "x"}, "GNTP_PORT: allowed is an integer from 1 to 65535"),
        (["--icon", "/nonexistent.png"], {}, "--icon: cannot read"),
        (["--url", "https://x/", "--wait-callback"], {}, "give one of them"),
        ([], {"GNTP_PASSWORD": "x", "GNTP_PASSWORD_FILE": "y"}, "GNTP_PASSWORD, GNTP_PASSWORD_FILE: give one of them"),
        ([], {"GNTP_HOST": "two words"}, "the environment: GNTP_HOST: allowed is"),
        (["--key-hashing", "SHA3"], {}, "--key-hashing: allowed is"),
    ],
)
def test_wrong_usage_is_2_and_says_what_is_allowed(
    arguments: list[str],
    variables: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is sent."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["send", "title", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [" "],
        ["t", "--priority", "3"],
        ["t", "--timeout", "0"],
        ["t", "--wait", "nan"],
        ["t", "--password", "x", "--password-file", "y"],
        ["t", "--url", "no url"],
        ["t", "--host", "two words"],
        ["t", "--priority", "urgent"],
        ["t", "x", "-m", "y"],
    ],
)
def test_bad_arguments_are_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As every command's."""
    with pytest.raises(SystemExit) as ended:
        main(["send", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("gntp-logging send: ")


def test_what_is_not_shown_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    """No server; no password; one that is not the server's, which is in no line."""
    port = free_port()
    assert main(["send", "--host", "127.0.0.1", "--port", str(port), "title"]) == 1
    with running_receiver(["sesame"]) as receiver:
        assert main(["send", "--port", str(receiver.port), "title"]) == 1
        assert main(["send", "--port", str(receiver.port), "--password", "guess", "title"]) == 1
    absent, unauthorized, refused = capsys.readouterr().err.splitlines()
    assert "guess" not in absent + refused
    assert absent.endswith(f"Connection refused; no server runs here: start one with gntp-logging listen --port {port}")
    assert unauthorized.endswith("a password is required; give it: GNTP_PASSWORD or --password-file")
    assert "the key does not match the password; give the server's own password: GNTP_PASSWORD" in refused


def test_the_application_and_its_picture_may_come_from_elsewhere(
    receiver: RunningReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An argument before the environment, that before the file."""
    (tmp_path / "x.png").write_bytes(icons.picture("Error").data or b"")
    (tmp_path / "x.toml").write_text(
        f"[gntp]\napp_name = 'file'\nicon = '{(tmp_path / 'x.png').as_posix()}'\n", "utf-8"
    )
    arguments = ["t", "x", "--config", str(tmp_path / "x.toml")]
    assert send(receiver, *arguments) == 0
    monkeypatch.setenv("GNTP_APP_NAME", "environment")
    assert send(receiver, *arguments) == 0
    assert send(receiver, *arguments, "--app", "argument") == 0
    assert [toast.application for toast in receiver.toasts] == ["file", "environment", "argument"]
    assert {toast.icon for toast in receiver.toasts} == {icons.picture("Error")}


@pytest.mark.parametrize(
    ("word", "number"), [("-2", -2), ("Very Low", -2), ("moderate", -1), ("NORMAL", 0), ("high", 1), ("emergency", 2)]
)
def test_a_priority_has_a_number_and_a_name(receiver: RunningReceiver, word: str, number: int) -> None:
    """Growl's own, as growlnotify took them."""
    assert send(receiver, "t", "x", "-p", word) == 0
    assert receiver.toasts[0].priority == number


def test_growlnotifys_short_options(receiver: RunningReceiver) -> None:
    """For scripts that are older than this package."""
    assert main(["send", "t", "-m", "x", "-s", "-n", "app", "-H", "127.0.0.1", "--port", str(receiver.port)]) == 0
    (toast,) = receiver.toasts
    assert (toast.text, toast.sticky, toast.application) == ("x", True, "app")


@pytest.mark.program
@pytest.mark.parametrize("piped", [False, True])
def test_of_a_text_that_is_too_long_the_end_is_sent(receiver: RunningReceiver, piped: bool) -> None:
    """Where the error of a build stands; a line says how much is missing, there and on stderr."""
    text = "".join(f"line {number:07}\n" for number in range(9000)) + "é: the error\r\n"
    command = [sys.executable, "-m", "gntp_logging", "send", "--port", str(receiver.port), "t"]
    command += [] if piped else [text.rstrip()]
    ended = subprocess.run(
        command, input=text if piped else "", capture_output=True, encoding="utf-8", check=False, timeout=30
    )
    assert ended.returncode == 0
    (toast,) = receiver.toasts
    said, _, rest = toast.text.partition("\n")
    assert text.rstrip().endswith(rest)
    assert rest.endswith("é: the error")
    assert 65_000 < len(toast.text) <= 65_536
    assert said == f"(its first {len(text.rstrip()) - len(rest):,} characters are missing)"
    assert ended.stderr == f"gntp-logging send: the text is cut {said}\n"


@given(st.text("aé", max_size=60), st.integers(0, 3), st.integers(6, 20))
def test_the_end_of_a_file_is_the_end_of_its_text(text: str, line_ends: int, size: int) -> None:
    """However it is cut into pieces; without the line ends after it."""
    data = ("\ufeff" + text + "\r\n" * line_ends).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(send_module, "_MAX_TEXT", size)
        found, count = send_module._end_of(io.BytesIO(data))
    assert text.endswith(found)
    assert len(found) >= min(size, len(text))
    assert count == len(text)


@pytest.mark.program
def test_what_powershell_pipes(receiver: RunningReceiver) -> None:
    """Its mark and its line ends are no part of the text."""
    command = [sys.executable, "-m", "gntp_logging", "send", "--port", str(receiver.port), "t"]
    subprocess.run(command, input="\ufeffbüro\r\n".encode(), check=True, timeout=30)
    assert receiver.toasts[0].text == "büro"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda issuer: issuer.issue(begins=-9, ends=-2), "certificate has expired", id="expired"),
        pytest.param(lambda issuer: issuer.issue("other.example"), "is for another name", id="another name"),
    ],
)
def test_a_certificate_that_is_not_good_is_named(
    issuer: Issuer, make: Callable[[Issuer], Path], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do, in one line; there is no doubt that a server runs."""
    with running_receiver(tls=server_context(make(issuer))) as receiver:
        assert send(receiver, "title", "", "--tls-ca", str(issuer.file)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert "is a GNTP server running" not in line
    assert receiver.toasts == []


def test_a_reaction_comes_by_tls(issuer: Issuer, certificate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the connection of its notification."""
    with Receiver(Server([Reacting(Reaction.CLICKED)], tls=server_context(certificate))) as receiver:
        arguments = ["--host", "localhost", "--port", str(receiver.port), "--tls-ca", str(issuer.file)]
        assert main(["send", "Deploy?", "", "--wait", "20", *arguments]) == 0
    assert capsys.readouterr().out == "CLICKED\n"
