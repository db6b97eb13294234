"""Arguments that commands share: their types, and what comes before what."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from gntp_logging.commands import arguments
from gntp_logging.commands.cli import main
from gntp_logging.receiver.tls_stream import server_context
from tests.certificates import Issuer
from tests.conftest import Write
from tests.support import RunningReceiver, running_receiver

pytestmark = pytest.mark.usefixtures("no_variables", "no_input")


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


class TestHandlersOfOnesOwn:
    """What makes the handler gets only what it takes."""

    @pytest.fixture
    def team(self, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
        """A file with a handler that takes a team, and nothing else."""
        write(
            "import gntp_logging\nclass Team(gntp_logging.GNTPHandler):\n"
            "    def __init__(self, team, port):\n        super().__init__(port=port)\n",
            "team_alerts.py",
        )
        monkeypatch.chdir(tmp_path)
        handler = "[handlers.x]\nclass = 'team_alerts.Team'\nteam = 'red'\nport = {port}\n"
        return f"version = 1\n{handler}[root]\nhandlers = ['x']"

    def test_the_environment_is_taken_as_far_as_it_fits(
        self, team: str, write: Write, receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It speaks to other handlers as well."""
        monkeypatch.setenv("GNTP_RATE", "3")
        path = str(write(team.format(port=receiver.port)))
        assert main(["send", "50% {", "x", "--config", path]) == 0
        assert main(["check", "--config", path, "--wait", "0"]) == 0
        assert receiver.toasts[0].title == "50% {"

    def test_what_is_the_notifications_is_none_of_its_business(
        self, team: str, write: Write, receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The application's name of ``send`` goes to no constructor."""
        path = str(write(team.format(port=receiver.port)))
        assert main(["send", "t", "x", "--config", path, "--app", "make"]) == 0
        monkeypatch.setenv("GNTP_APP_NAME", "environment")
        assert main(["send", "t", "x", "--config", path]) == 0
        assert [toast.application for toast in receiver.toasts] == ["make", "environment"]

    def test_an_argument_that_it_does_not_take_is_refused(
        self, team: str, write: Write, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Rather than passed over."""
        path = str(write(team.format(port=1)))
        assert main(["check", "--config", path, "--host", "desk"]) == 2
        assert "--host: what makes this handler takes no 'host'" in capsys.readouterr().err

    def test_an_argument_comes_before_the_environment_of_from_env(
        self, write: Write, monkeypatch: pytest.MonkeyPatch, receiver: RunningReceiver
    ) -> None:
        """Which reads it itself."""
        path = str(write("version = 1\n[handlers.x]\n'()' = 'gntp_logging.config.from_env'\n[root]\nhandlers = ['x']"))
        monkeypatch.setenv("GNTP_PORT", "9")
        assert main(["send", "t", "x", "--config", path, "--port", str(receiver.port)]) == 0
        assert main(["check", "--config", path, "--port", str(receiver.port), "--wait", "0"]) == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("app_name = 5", "[gntp] app_name: allowed is a string that is not blank, not 5"),
        ("app_name = ' '", "[gntp] app_name: allowed is"),
        ("icon = '/nope.png'", "[gntp] icon: cannot read '/nope.png'"),
    ],
)
def test_a_mistake_in_a_file_is_named_as_the_files(
    write: Write, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    """By the command that needs no handler, too."""
    path = write(f"[gntp]\n{line}")
    assert main(["send", "t", "x", "--config", str(path)]) == 2
    assert f"send: {path}: {words}" in capsys.readouterr().err


def test_a_host_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Is named by its argument, once."""
    with pytest.raises(SystemExit):
        main(["send", "t", "--host", "two words"])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "argument" in line]
    assert re.search("argument -H/--host: allowed is a host name or an IP address .*, not 'two words'$", line)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("desk", ("desk", 23053)),
        ("desk:24000", ("desk", 24000)),
        ("::1", ("::1", 23053)),
        ("[::1]:24000", ("::1", 24000)),
        ("[::1]", ("::1", 23053)),
        ("fe80::1%eth0", ("fe80::1%eth0", 23053)),
        ("[fe80::1%eth0]:24000", ("fe80::1%eth0", 24000)),
    ],
)
def test_a_hub(text: str, found: tuple[str, int]) -> None:
    """A host, and perhaps a port; an IPv6 address with one stands in brackets."""
    assert arguments.hub(text) == found


@pytest.mark.parametrize("text", ["", ":24000", "desk:0", "desk:x", "desk:65536"])
def test_what_is_no_hub(text: str) -> None:
    """Says what is allowed."""
    with pytest.raises(argparse.ArgumentTypeError, match="allowed is a host, or HOST:PORT"):
        arguments.hub(text)


@pytest.mark.parametrize(
    ("value", "seconds"), [("0s", 0), ("90m", 5400), ("1h", 3600), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_an_age_is_a_number_and_a_unit(value: str, seconds: int) -> None:
    """In seconds."""
    assert arguments.age(value) == seconds


@pytest.mark.parametrize("value", ["", "h", "5", "-1h", "1.5h", "1y", "1H", "9999999999s", "²h", "٣h", "1 h"])
def test_what_is_no_age_names_what_is_one(value: str) -> None:
    """With an example."""
    with pytest.raises(argparse.ArgumentTypeError, match="allowed is a number and one of s, m, h, d and w, as in 90m"):
        arguments.age(value)


class TestTLS:
    """``--tls`` and ``--tls-ca``, for each command that names a server."""

    def test_an_argument_comes_before_the_environment_and_that_before_the_file(
        self, write: Write, monkeypatch: pytest.MonkeyPatch, issuer: Issuer, certificate: Path
    ) -> None:
        """Only the issuer's file is enough for this server, so that each step tells who was asked."""
        with running_receiver(tls=server_context(certificate)) as receiver:
            path = str(write(f"[gntp]\nhost = '127.0.0.1'\nport = {receiver.port}\ntls = '{issuer.file}'\n"))
            assert main(["send", "a", "", "--config", path]) == 0
            assert main(["send", "b", "", "--config", path, "--tls"]) == 1
            monkeypatch.setenv("GNTP_TLS", "0")
            assert main(["send", "c", "", "--config", path]) == 1
            monkeypatch.setenv("GNTP_TLS", "1")
            assert main(["send", "d", "", "--config", path]) == 1
            assert main(["send", "e", "", "--config", path, "--tls-ca", str(issuer.file)]) == 0
            monkeypatch.setenv("GNTP_TLS", str(issuer.file))
            assert main(["send", "f", "", "--config", path]) == 0
            assert [toast.title for toast in receiver.toasts] == ["a", "e", "f"]

    @pytest.mark.parametrize(
        "arguments", [["send", "t", "x"], ["check"], ["demo", "--host", "desk"], ["check", "--text", "x"]]
    )
    def test_a_file_that_cannot_be_read_is_named(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str], root_as_it_was: None
    ) -> None:
        """By its argument, with 2."""
        assert main([*arguments, "--tls-ca", "nowhere.pem"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "--tls-ca: cannot read 'nowhere.pem': No such file or directory" in line

    @pytest.mark.parametrize("command", [["send", "t"], ["check"], ["demo"], ["listen"]])
    def test_one_of_them_is_enough(self, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        """Both contradict each other."""
        with pytest.raises(SystemExit):
            main([*command, "--tls", "--tls-ca", "x"])
        assert "not allowed with" in capsys.readouterr().err

    def test_the_variable_is_named(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Where it is the variable that is wrong."""
        monkeypatch.setenv("GNTP_TLS", "nowhere.pem")
        assert main(["send", "t", "x"]) == 2
        assert "GNTP_TLS: cannot read 'nowhere.pem'" in capsys.readouterr().err
