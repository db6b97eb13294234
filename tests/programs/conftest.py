"""Real servers and workers as programs of their own, beside a receiver."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support import PATIENCE, RunningReceiver, wait_until

BOUND = 60.0
"""Seconds for one program, on a machine that does much else."""


class Program:
    """A program that runs, what it has written so far, and its end."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output
        self.pid = process.pid

    @property
    def output(self) -> str:
        """What it has written to stdout and stderr so far."""
        return self._output.read_text("utf-8", "replace")

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until it has written something so often."""
        try:
            wait_until(lambda: self.output.count(text) >= count or self._process.poll() is not None, BOUND)
        finally:
            assert self.output.count(text) >= count, f"no {text!r} in:\n{self.output}"

    def number_after(self, text: str) -> int:
        """Return the number that follows a text in what it has written."""
        self.wait_for(text)
        digits = self.output.split(text, 1)[1]
        return int(digits[: len(digits) - len(digits.lstrip("0123456789"))])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end as its administrator would, and return its exit code."""
        self._process.send_signal(number)
        return self._process.wait(BOUND)

    def kill(self) -> None:
        """End it and everything that it has started, if it runs still."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)


StartProgram = Callable[..., Program]
"""Starts ``python -m arguments...`` in a folder with the application's files."""


@pytest.fixture
def start(tmp_path: Path, receiver: RunningReceiver) -> Iterator[StartProgram]:
    """Starts programs in the test's folder, and sees to it that they end."""
    started: list[Program] = []

    def run(*arguments: str) -> Program:
        output = tmp_path / f"output-{len(started)}.txt"
        environment = {**os.environ, "GNTP_PORT": str(receiver.port), "PYTHONUNBUFFERED": "1"}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # its cache does not see changes within one second
        environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
        with output.open("wb") as file:
            process = subprocess.Popen(
                # Python warns of fork in a process with threads.
                [sys.executable, "-W", "ignore::DeprecationWarning", *arguments],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that all of its processes can be ended by one number
            )
        started.append(Program(process, output))
        return started[-1]

    yield run
    for program in started:
        program.kill()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file of the application."""

    def to(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return to


def get(port: int, path: str = "/") -> str:
    """Make one HTTP request, and return the body."""
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=BOUND)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
