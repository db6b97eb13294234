"""Programs that tests start: servers, workers, examples; each ends with the test that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.support import PATIENCE, wait_until

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
        """What it has written so far."""
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


@contextlib.contextmanager
def starting(
    folder: Path, environment: Mapping[str, str], path: Path, *, stdout: bool = True
) -> Iterator[StartProgram]:
    """Start programs, and see to it that they end.

    Args:
        folder: Where their output goes, and where they run.
        environment: Their environment variables.
        path: Where their modules are.
        stdout: Whether their output is what they write to stdout as well, or to stderr alone.

    Yields:
        What starts one: ``python arguments...``.
    """
    started: list[Program] = []

    def run(*arguments: str) -> Program:
        output = folder / f"output-{len(started)}.txt"
        variables = {**environment, "PYTHONUNBUFFERED": "1"}
        variables["PYTHONDONTWRITEBYTECODE"] = "1"  # its cache does not see changes within one second
        variables["PYTHONPATH"] = os.pathsep.join([str(path), *filter(None, [os.environ.get("PYTHONPATH")])])
        with output.open("wb") as file:
            process = subprocess.Popen(
                # Python warns of fork in a process with threads.
                [sys.executable, "-W", "ignore::DeprecationWarning", *arguments],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=file if stdout else subprocess.DEVNULL,
                stderr=file,
                start_new_session=True,  # so that all of its processes can be ended by one number
            )
        started.append(Program(process, output))
        return started[-1]

    try:
        yield run
    finally:
        for program in started:
            program.kill()


def end(process: subprocess.Popen[Any], bound: float = PATIENCE) -> None:
    """End a program: asked first, killed when it has not ended after so many seconds."""
    process.terminate()
    try:
        process.wait(bound)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(bound)


def request(port: int, path: str = "/") -> tuple[int, str]:
    """Make one HTTP request, and return status and body."""
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=BOUND)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def get(port: int, path: str = "/") -> str:
    """Make one HTTP request, and return the body."""
    return request(port, path)[1]
