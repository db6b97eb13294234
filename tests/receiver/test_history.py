"""The history as a display: what is shown is kept, and nothing that fails there is a failure of the receiver."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gntp_logging.gntp.models import Event, Notification, Resource
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver import history as history_module
from gntp_logging.receiver import history_file
from gntp_logging.receiver.displays import Display, Notice, Observer, Reporting, Running
from gntp_logging.receiver.history import History
from gntp_logging.receiver.history_file import DamagedError, HistoryError, HistoryFile, KeptToast, Wanted, aside_path
from gntp_logging.receiver.mutes import Muted
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.receiver.conftest import ask, register
from tests.receiver.test_history_file import toast
from tests.support import PATIENCE, Recorder, wait_until


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A place for a history."""
    return str(tmp_path / "history")


class Kept:
    """A history that is open, and what it has said."""

    def __init__(self, path: str) -> None:
        self.lines: list[str] = []
        self.failures: list[Exception] = []
        self.history = History(path, self.lines.append)
        self.history.report_failures(self.failures.append)
        self.history.start()


@pytest.fixture
def kept(path: str) -> Iterator[Kept]:
    """A history that is open."""
    made = Kept(path)
    yield made
    made.history.close()


def found(path: str) -> list[KeptToast]:
    """Return what a history holds."""
    with HistoryFile(path) as file:
        return list(file.find(Wanted()))


def numbers(path: str) -> list[int]:
    """Return the numbers of what a history holds."""
    return [each.toast.number for each in found(path)]


class Observing(Recorder):
    """A display that remembers its toasts and all other events."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[Notice] = []

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)


class Gate:
    """Lets the history's thread write only when a test says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        write = HistoryFile.write

        def wait(file: HistoryFile, toasts: Iterable[Toast]) -> None:
            self.entered.set()
            assert self.open.wait(PATIENCE)
            write(file, toasts)

        patch.setattr(HistoryFile, "write", wait)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate that is closed, and open at the end of the test."""
    made = Gate(monkeypatch)
    yield made
    made.open.set()


def test_it_is_a_display_that_runs_and_reports(path: str) -> None:
    """And that hears what is muted; it needs nothing else of a server."""
    history: Display = History(path, print)
    assert isinstance(history, Running)
    assert isinstance(history, Reporting)
    assert isinstance(history, Observer)


def test_what_a_server_shows_is_kept(path: str) -> None:
    """With its number; an update in the row of its toast, after a restart too."""
    for text in ("first", "second"):
        recorder, kept = Recorder(), Kept(path)
        with Receiver(Server([recorder, kept.history], numbers=kept.history.numbers)) as receiver:
            ask(receiver.port, encode(RegisterRequest("shop", None, [Event("Error", icon=Resource(b"\x89PNG"))])))
            for title, id_ in (("always new", None), ("the same", "id")):
                shown = Notification("Error", title, text, coalescing_id=id_)
                ask(receiver.port, encode(NotifyRequest("shop", shown)))
            recorder.wait_for(2)
        kept.history.close()
        assert kept.lines == []
    rows = found(path)
    assert [(row.toast.title, row.toast.text) for row in rows] == [
        ("always new", "first"), ("always new", "second"), ("the same", "second"),
    ]  # fmt: skip
    assert rows[2].toast.number < rows[1].toast.number == recorder.toasts[0].number
    assert rows[2].changed > rows[2].toast.arrived
    assert [row.toast.icon.data for row in rows if isinstance(row.toast.icon, Resource)] == [b"\x89PNG"] * 3


def test_what_is_muted_stays_so_after_a_restart(path: str) -> None:
    """Every display hears of it, and each toast says so; what calls again does so too."""
    hour = time.time() + 3600
    for mutes, muted in (([("a" * 16, hour), ("b" * 16, hour)], "ab"), ([("a" * 16, 0.0)], "b"), ([], "b")):
        recorder, kept = Observing(), Kept(path)
        server = Server([recorder, kept.history], numbers=kept.history.numbers, muted=kept.history.muted)
        with Receiver(server) as receiver:
            for incident, until in mutes:
                server._mute_from_thread(Muted("shop", incident, until))
            ask(receiver.port, encode(RegisterRequest("shop", None, [Event("Error")])))
            for letter in "ab":
                headers = {"Data-Count": "1", "Data-Incident": letter * 16}
                shown = Notification("Error", letter, coalescing_id=f"{muted}{letter}")
                ask(receiver.port, encode(NotifyRequest("shop", shown, app_specific_headers=tuple(headers.items()))))
            recorder.wait_for(2)
        kept.history.close()
        assert "".join(toast.title[-1] for toast in recorder.toasts if toast.is_muted) == muted
    assert recorder.notices[0].event == "listening"  # what scripts wait for
    said = [notice.fields for notice in recorder.notices if notice.event == "muted"]
    assert said == [{"application": "shop", "incident": "b" * 16, "until": hour}]


def test_an_event_that_is_shown_is_kept(kept: Kept, path: str) -> None:
    """Such as a new subscriber; other events are nothing to keep."""
    kept.history.notice(Notice("subscribe", toast=toast(7)))
    kept.history.notice(Notice("listening", {"port": 1}))
    wait_until(lambda: numbers(path) == [7])


def test_it_writes_without_being_closed(kept: Kept, path: str) -> None:
    """A process may be killed."""
    kept.history.show(toast(1))
    wait_until(lambda: numbers(path) == [1])


def test_no_toast_waits_for_the_disk(kept: Kept, gate: Gate, path: str) -> None:
    """What came meanwhile is written when the disk has time again."""
    kept.history.show(toast(1))
    assert gate.entered.wait(PATIENCE)
    for number in range(2, 200):
        kept.history.show(toast(number))
    gate.open.set()
    kept.history.close()
    assert numbers(path) == list(range(1, 200))


@pytest.mark.slow
def test_what_waits_is_bounded_and_pictures_go_first(
    kept: Kept, gate: Gate, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit is a failure; when there is room again, toasts and pictures are kept again."""
    kept.history.show(toast(1))
    assert gate.entered.wait(PATIENCE)
    picture = Resource(bytes(600_000))
    for number in range(2, 102):  # the same picture takes its room once
        kept.history.show(toast(number, icon=picture))
    kept.history.show(toast(102, icon=Resource(bytes(600_001))))
    for number in range(103, 106):
        kept.history.show(toast(number, "é" * 60_000))
    lost = 106
    with contextlib.suppress(HistoryError):
        for lost in range(106, 150):
            kept.history.show(toast(lost, f"{lost}" * 20_000))
    with pytest.raises(HistoryError, match="faster than they can be written"):
        kept.history.show(toast(150, f"{lost}" * 20_000))
    gate.open.set()
    wait_until(lambda: lost - 1 in numbers(path))
    wait_until(lambda: kept.history._room.size == 0)
    kept.history.show(toast(200, icon=Resource(bytes(600_001))))
    kept.history.close()
    rows = {row.toast.number: row.toast for row in found(path)}
    assert sorted(rows) == [*range(1, lost), 200]
    with_picture = {number for number, shown in rows.items() if shown.icon is not None}
    assert with_picture == {*range(2, 102), 200}


def test_a_failure_of_the_disk_counts_each_toast(kept: Kept, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next ones are tried again."""

    def fail(*_: object) -> None:
        raise HistoryError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(HistoryFile, "write", fail)
        kept.history.show(toast(1))
        kept.history.show(toast(2))
        wait_until(lambda: len(kept.failures) == 2)
    kept.history.show(toast(3))
    wait_until(lambda: numbers(path) == [3])
    assert kept.lines == []


def test_a_failure_reaches_the_other_displays(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the history, in the words of SQLite; the sender hears nothing of it."""

    class Observing(Recorder):
        def __init__(self) -> None:
            super().__init__()
            self.failed = threading.Event()
            self.said = ""

        def notice(self, notice: Notice) -> None:
            if notice.event == "failure":
                self.said = notice.trouble
                self.failed.set()

    observer, kept = Observing(), Kept(path)
    assert kept.history._file is not None
    kept.history._file._db.execute("PRAGMA query_only = ON")
    with Receiver(Server([observer, kept.history], numbers=kept.history.numbers)) as receiver:
        ask(receiver.port, encode(RegisterRequest("shop", None, [Event("Error")])))
        answer = ask(receiver.port, encode(NotifyRequest("shop", Notification("Error", "title", "text"))))
        assert answer.message_type == "-OK"
        assert observer.failed.wait(PATIENCE)
    kept.history.close()
    assert observer.said == f"the display history fails: {path}: attempt to write a readonly database (1 so far)"


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + bytes(10_000)])
def test_a_damaged_file_is_set_aside_with_one_line(path: str, content: bytes) -> None:
    """A new one begins at once."""
    Path(path).write_bytes(content)
    kept = Kept(path)
    kept.history.show(toast(1))
    kept.history.close()
    (line,) = kept.lines
    assert line.startswith("the history is damaged (")
    assert line.endswith(f"it is now {aside_path(path)}, and a new one begins")
    assert Path(aside_path(path)).read_bytes() == content
    assert numbers(path) == [1]
    assert kept.failures == []


def test_a_file_that_is_damaged_later_is_set_aside_too(kept: Kept, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to be written is in the new one."""
    kept.history.show(toast(1))
    wait_until(lambda: numbers(path) == [1])
    write = HistoryFile.write
    old = kept.history._file

    def write_or_fail(file: HistoryFile, toasts: Iterable[Toast]) -> None:
        if file is old:
            raise DamagedError("malformed")
        write(file, toasts)

    monkeypatch.setattr(HistoryFile, "write", write_or_fail)
    kept.history.show(toast(2))
    kept.history.close()
    assert numbers(path) == [2]
    assert numbers(aside_path(path)) == [1]
    assert len(kept.lines) == 1
    assert kept.failures == []


def test_a_file_that_somebody_removes_is_made_again(kept: Kept, path: str) -> None:
    """With its log; SQLite would go on writing where nobody finds it."""
    kept.history.show(toast(1))
    wait_until(lambda: numbers(path) == [1])
    for file in Path(path).parent.iterdir():
        file.unlink()
    kept.history.show(toast(2))
    kept.history.close()
    assert numbers(path) == [2]
    assert kept.lines == ["the history was removed, and a new one begins"]
    assert kept.failures == []


def test_a_new_one_that_is_damaged_at_once_is_the_last(kept: Kept, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may be at its end."""

    def fail(*_: object) -> None:
        raise DamagedError("malformed")

    monkeypatch.setattr(HistoryFile, "write", fail)
    kept.history.show(toast(1))
    wait_until(lambda: kept.history._file is None)
    assert len(kept.lines) == 2
    assert kept.lines[1] == "no history is kept: malformed"


def test_where_no_new_one_can_begin_either_no_more_is_kept(
    kept: Kept, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a line for each; showing goes on."""

    def fail(*_: object) -> None:
        raise DamagedError("malformed")

    def refuse(_: str) -> str:
        raise PermissionError("the folder is read-only")

    monkeypatch.setattr(HistoryFile, "write", fail)
    monkeypatch.setattr(history_module, "set_aside", refuse)
    kept.history.show(toast(1))
    wait_until(lambda: kept.history._file is None)
    kept.history.show(toast(2))
    assert kept.lines == ["no history is kept: the folder is read-only"]


def _newer(path: str) -> None:
    HistoryFile(path, writes=True).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def _folder(path: str) -> None:
    os.mkdir(path)


def _link(path: str) -> None:
    os.symlink("elsewhere", path)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [(_newer, "newer version"), (_folder, "is no regular file"), (_link, "is no regular file")],
)
def test_what_cannot_be_used_is_one_line(path: str, prepare: object, said: str) -> None:
    """Toasts are shown as before, and numbered."""
    prepare(path)  # type: ignore[operator]
    kept = Kept(path)
    kept.history.show(kept.history.numbers.numbered(toast(0)))
    kept.history.close()
    (line,) = kept.lines
    assert line.startswith("no history is kept: ")
    assert said in line
    assert kept.failures == []


def test_a_file_that_another_receiver_writes_to_is_one_line(kept: Kept, path: str) -> None:
    """The other one goes on."""
    second = Kept(path)
    second.history.show(toast(7))
    second.history.close()
    assert second.lines == [f"no history is kept: another receiver writes to {path}"]
    kept.history.show(toast(1))
    kept.history.close()
    assert numbers(path) == [1]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_where_nothing_can_be_written_is_one_line(tmp_path: Path) -> None:
    """It was mounted read-only, say."""
    (tmp_path / "closed").mkdir(mode=0o500)
    kept = Kept(str(tmp_path / "closed" / "history"))
    assert [line.startswith("no history is kept: ") for line in kept.lines] == [True]


def test_what_is_too_old_goes_also_while_nothing_comes(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And at the start."""
    with HistoryFile(path, writes=True) as file:
        file.write([toast(1, arrived=0.0)])
    kept = Kept(path)
    assert numbers(path) == []
    kept.history.close()
    monkeypatch.setattr(history_module, "_PRUNE_INTERVAL", 0.01)
    again = Kept(path)
    again.history.show(toast(2, arrived=0.0))
    wait_until(lambda: again.history._room.size == 0 and numbers(path) == [])
    again.history.close()


def test_the_number_of_alerts_is_bounded_while_they_come(
    kept: Kept, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a hundred."""
    monkeypatch.setattr(history_file, "MAX_ALERTS", 50)
    for number in range(1, 301):
        kept.history.show(toast(number))
    kept.history.close()
    assert len(numbers(path)) < 150
    assert numbers(path)[-1] == 300


def test_a_disk_that_hangs_at_the_end_is_left_alone(kept: Kept, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds, with the number of what is missing."""
    monkeypatch.setattr(history_module, "_END", 0.01)
    kept.history.show(toast(1))
    assert gate.entered.wait(PATIENCE)
    thread = kept.history._thread
    kept.history.close()
    assert kept.lines == ["the disk takes too long; alerts that may be missing from the history: 1"]
    gate.open.set()
    assert thread is not None
    thread.join(PATIENCE)


WRITING = """
import itertools, sys, time
from gntp_logging.receiver.history import History
from gntp_logging.receiver.history_file import HistoryError
from gntp_logging.receiver.mutes import Muted
from gntp_logging.receiver.registry import Toast
history = History(sys.argv[1], print)
history.start()
print("begun", flush=True)
for number in itertools.count(1):
    while True:
        try:
            history.show(Toast("shop", "Error", "title", f"text {number}" * 100, number=number, arrived=time.time()))
            break
        except HistoryError:
            pass
"""


@pytest.mark.slow
@pytest.mark.program
@pytest.mark.parametrize("least", [1, 150, 400])
def test_a_receiver_that_is_killed_leaves_a_whole_history(path: str, least: int) -> None:
    """Everything up to some toast, and nothing half; the next receiver goes on with it."""
    with subprocess.Popen([sys.executable, "-c", WRITING, path], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            wait_until(lambda: len(numbers(path)) >= least)
        finally:
            process.kill()
    kept = Kept(path)
    assert kept.lines == []
    left = len(numbers(path))
    assert left >= least
    assert numbers(path) == list(range(1, left + 1))
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.execute("INSERT INTO indexed (indexed, rank) VALUES ('integrity-check', 1)")
    db.close()
    kept.history.show(toast(left + 1))
    kept.history.close()
    assert len(numbers(path)) == left + 1


@pytest.mark.slow
@pytest.mark.program
def test_after_a_receiver_is_killed_an_incident_goes_on_in_its_toast(path: str) -> None:
    """For all processes that have reported of it, with their counts; for a new one, too."""

    def sent(port: int, id_: str, count: int) -> None:
        headers = [("Data-Count", str(count)), ("Data-Incident", "0123456789abcdef"), ("Data-Process", f"web-1:{id_}")]
        shown = Notification("Error", f"{count} × no disk", "text", coalescing_id=id_)
        assert ask(port, encode(NotifyRequest("app", shown, app_specific_headers=headers))).message_type == "-OK"

    @contextlib.contextmanager
    def listening() -> Iterator[tuple[int, Callable[[], dict[str, Any]]]]:
        command = [
            sys.executable,
            "-m",
            "gntp_logging",
            "listen",
            "--port",
            "0",
            "--display",
            "json",
            "--history",
            path,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            events = map(json.loads, process.stdout)
            port = next(events)["port"]
            assert ask(port, register("Error")).message_type == "-OK"
            try:
                yield port, lambda: next(event for event in events if event["event"] == "notify")
            finally:
                process.kill()

    with listening() as (port, _):
        for id_ in ("a", "b"):
            sent(port, id_, 20)
        wait_until(lambda: [kept.toast.total for kept in found(path)] == [40])
    (before,) = found(path)
    with listening() as (port, shown):
        for id_, count, total in (("b", 25, 45), ("a", 21, 46), ("c", 10, 56)):
            sent(port, id_, count)
            event = shown()
            assert (event["coalescing_id"], event["total"]) == ("a", total)
            assert event["title"].endswith("from 3 processes" if id_ == "c" else "from 2 processes")
        wait_until(lambda: [kept.toast.total for kept in found(path)] == [56])
    assert [kept.toast.number for kept in found(path)] == [before.toast.number]
