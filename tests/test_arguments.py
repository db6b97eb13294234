"""Arguments that commands share: their types, and what comes before what."""

from __future__ import annotations

import pytest

from gntp_logging.cli import main
from tests.conftest import Write
from tests.support import running_receiver

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
