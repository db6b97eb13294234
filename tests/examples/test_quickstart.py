"""The quickstart shows an error and an exception."""

from __future__ import annotations

import re

from tests.examples.conftest import RunExample
from tests.support import RunningReceiver, said


def test_shows_the_error_and_the_exception(desktop: RunningReceiver, run_example: RunExample) -> None:
    """Both records at ERROR arrive encrypted, the one at INFO stays in the terminal with them."""
    finished = run_example("quickstart.py")

    assert (finished.returncode, finished.stdout) == (0, "")
    assert finished.stderr.startswith("This is no error, so it stays off the desktop\nBackup took 95 minutes\n")
    error, exception = desktop.wait_for(2)
    assert len(desktop.toasts) == 2
    for toast in (error, exception):
        assert toast.application == "quickstart"
        assert toast.name == "Error"
        assert toast.priority == 1
        assert (toast.encryption, toast.hash_) == ("AES", "SHA256")
        assert "\nERROR · backup · " in f"\n{toast.text}"
    assert said(error) == "Backup took 95 minutes"
    lines = said(exception).split("\n")
    assert lines[0] == "KeyError: 'backup'"
    assert "Cannot check the backup disk" in lines
    assert any("quickstart.py" in line and line.endswith("in free_space") for line in lines)


def test_runs_without_a_server(desktop: RunningReceiver, run_example: RunExample) -> None:
    """Without a server the program ends as it would have, and one line says why there are no alerts."""
    desktop.receiver.stop()

    finished = run_example("quickstart.py")

    assert finished.returncode == 0
    (line,) = re.findall(r"^gntp_logging: .*$", finished.stderr, re.MULTILINE)
    assert str(desktop.port) in line
