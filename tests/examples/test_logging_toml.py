"""The TOML file configures a handler that works."""

from __future__ import annotations

from pathlib import Path

from tests.examples.conftest import RunExample, copy_of_logging_toml
from tests.support import RunningReceiver, said


def test_shows_a_warning(desktop: RunningReceiver, run_example: RunExample, tmp_path: Path) -> None:
    """The file as it is, but for the port, shows the program's warning encrypted."""
    finished = run_example("logging_toml.py", str(copy_of_logging_toml(tmp_path, desktop.port)))

    assert (finished.returncode, finished.stdout) == (0, "")
    assert finished.stderr.splitlines()[0] == "Only 4 % of the backup disk is free"
    (toast,) = desktop.wait_for(1)
    assert desktop.toasts == [toast], "the other one is of a logger that the file's filter ignores"
    assert toast.application == "backup"
    assert toast.name == "Warning"
    assert toast.text.startswith("WARNING · disk · ")
    assert said(toast) == "Only 4 % of the backup disk is free"
    assert toast.priority == 0
    assert (toast.encryption, toast.hash_) == ("AES", "SHA256")


def test_a_missing_password_names_the_variable(environment: dict[str, str], run_example: RunExample) -> None:
    """Without the variable that the file names the program does not start, and says which one is missing."""
    del environment["GNTP_PASSWORD"]

    finished = run_example("logging_toml.py")

    assert finished.returncode == 1
    assert "password_env: the environment variable 'GNTP_PASSWORD' is not set" in finished.stderr
