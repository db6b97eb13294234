"""What a program writes without waiting for its reader: whole texts in their order, or none of a text."""

from __future__ import annotations

import io
import os
import queue
import threading
from collections.abc import Iterator
from typing import BinaryIO, TextIO

import pytest

from gntp_logging.receiver import output as output_module
from gntp_logging.receiver.json_lines import JsonDisplay
from gntp_logging.receiver.output import MAX_WAITING, Output, SlowReaderError
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.support import PATIENCE, wait_until


class Pipe:
    """A pipe with nobody who reads, until the test does."""

    def __init__(self, encoding: str = "utf-8") -> None:
        reading, writing = os.pipe()
        self.reader: BinaryIO = os.fdopen(reading, "rb")
        self.writer: TextIO = os.fdopen(writing, "w", encoding=encoding)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe that is closed at the end."""
    before = set(threading.enumerate())
    made = Pipe()
    yield made
    made.reader.close()  # a thread that stands still goes on, and fails
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    made.writer.close()  # at last: a thread that still writes could meet the pipe of the next test under its number


def fill(output: Output) -> int:
    """Write numbered lines until one is dropped; return how many were taken."""
    for number in range(MAX_WAITING):
        try:
            output.write(f"{number:01000d}\n")
            output.flush()
        except SlowReaderError:
            return number
    raise AssertionError("it waits for ever")


def test_what_stands_before_a_flush_is_one_text(pipe: Pipe) -> None:
    """Also if it was written in parts, in any encoding."""
    output = Output(pipe.writer)
    output.write("a")
    output.write("é\n")
    output.flush()
    output.flush()
    assert output.end() == 0
    assert os.read(pipe.reader.fileno(), 100) == f"aé{os.linesep}".encode()


def test_a_reader_that_stands_still_holds_nobody_up(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has no room for is dropped and counted; what it reads later is whole and in order."""
    output = Output(pipe.writer)
    taken = fill(output)
    lines = [pipe.reader.readline() for _ in range(taken)]
    assert lines == [f"{number:01000d}{os.linesep}".encode() for number in range(taken)]
    output.write("next\n")
    output.flush()
    assert pipe.reader.readline().strip() == b"next"
    monkeypatch.setattr(output_module, "_END", PATIENCE)
    assert output.end() == 1


def test_at_the_end_nobody_waits_for_a_reader_that_stands_still(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not taken is counted with what was dropped."""
    monkeypatch.setattr(output_module, "_END", 0.01)
    output = Output(pipe.writer)
    taken = fill(output)
    assert 1 + taken - (1 << 17) // 1000 < output.end() <= 1 + taken


def test_one_text_always_fits(pipe: Pipe) -> None:
    """Else it would never be shown, however fast the reader is."""
    output = Output(pipe.writer)
    output.write("x" * (MAX_WAITING + 1))
    output.flush()
    assert pipe.reader.read(MAX_WAITING + 1) == b"x" * (MAX_WAITING + 1)
    assert output.end() == 0


def test_a_text_is_whole_where_the_stream_does_not_block(pipe: Pipe) -> None:
    """Another program that has the same terminal may have made it so: half a line would spoil the next one."""
    os.set_blocking(pipe.writer.fileno(), False)
    output = Output(pipe.writer)
    failures: list[Exception] = []
    output.report_failures(failures.append)
    output.write("x" * (1 << 18))  # more than a pipe holds
    output.flush()
    os.set_blocking(pipe.reader.fileno(), False)
    got: list[bytes] = []

    def is_whole() -> bool:
        got.append(pipe.reader.read() or b"")
        return sum(map(len, got)) == 1 << 18

    wait_until(lambda: is_whole() or bool(failures))
    assert not failures
    assert output.end() == 0


def test_each_failure_is_reported(pipe: Pipe) -> None:
    """By the thread: who has written the text has gone on."""
    failures: queue.Queue[Exception] = queue.Queue()
    output = Output(pipe.writer)
    output.report_failures(failures.put)
    pipe.reader.close()
    for _ in range(2):
        output.write("text")
        output.flush()
        assert isinstance(failures.get(timeout=PATIENCE), BrokenPipeError)
    assert output.end() == 0


def test_a_display_reports_them_as_its_own() -> None:
    """The other displays hear of it, as they do of those that fail at once."""

    class _Observing:
        def __init__(self) -> None:
            self.notices: list[Notice] = []

        def show(self, _toast: Toast) -> None:
            """Do nothing."""

        def notice(self, notice: Notice) -> None:
            """Keep it."""
            self.notices.append(notice)

    class _Full(io.BytesIO):
        def write(self, _data: object, /) -> int:
            raise OSError(28, "No space left on device")

    observing = _Observing()
    output = Output(io.TextIOWrapper(_Full()))
    with Receiver(Server([JsonDisplay(output), observing])) as receiver:
        wait_until(lambda: any(notice.event == "failure" for notice in observing.notices))
        assert receiver.server.display_failures >= 1
    assert "json fails: [Errno 28]" in next(n.trouble for n in observing.notices if n.trouble)
