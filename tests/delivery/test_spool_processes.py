"""Spools across real processes: their ends, kills and forks; whatever happens, each alert is seen once."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gntp_logging.receiver.registry import Toast
from tests.support import (
    PATIENCE,
    Gate,
    ScriptedServer,
    free_port,
    run_program,
    running_receiver,
    wait_until,
)

pytestmark = pytest.mark.program

SCRIPT = """
    import logging, sys
    import gntp_logging
    handler = gntp_logging.GNTPHandler(
        host="127.0.0.1", port=int(sys.argv[1]), app_name="shop", spool=sys.argv[2], rate=0, **eval(sys.argv[3])
    )
    logging.getLogger().addHandler(handler)
    for text in sys.argv[4:]:
        logging.getLogger("orders").error(text)
"""
"""A cron job: logs its arguments, and ends."""

SERVICE = f"""{SCRIPT}
    for line in sys.stdin:
        exec(line)
        print(flush=True)
"""
"""The same, and then it does what it is told, until it is killed."""


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return where a spool may be made."""
    return tmp_path / "alerts.spool"


class Service:
    """A program that goes on until it is killed."""

    def __init__(self, port: int, spool: Path, *texts: str, options: str = "{}") -> None:
        arguments = [str(port), str(spool), options, *texts]
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SERVICE), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def do(self, line: str) -> str:
        """Let it do something; return what it has written meanwhile."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self) -> str:
        """Kill it as ``kill -9`` does, and return its stderr."""
        self.process.kill()
        return self.process.communicate(timeout=PATIENCE)[1]


@contextlib.contextmanager
def service(port: int, spool: Path, *texts: str, options: str = "{}") -> Iterator[Service]:
    """Run a service; it is killed in the end."""
    found = Service(port, spool, *texts, options=options)
    try:
        yield found
    finally:
        found.kill()


def rows(spool: Path) -> Counter[str]:
    """Return how many records the spool keeps, by application."""
    if not spool.exists():
        return Counter()
    with contextlib.closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("SELECT application, sum(records) FROM alerts GROUP BY 1").fetchall()
        except sqlite3.OperationalError:  # it is being made
            return Counter()
    return Counter(dict(found))


def wait_for_rows(spool: Path, count: int) -> None:
    """Wait until the spool keeps so many records."""
    wait_until(lambda: rows(spool).total() == count)


def titles(toasts: list[Toast]) -> list[str]:
    """Return the titles of toasts, in the order of the alphabet."""
    return sorted(toast.title for toast in toasts)


def test_a_script_whose_desktop_is_off_is_seen_in_the_morning(spool: Path) -> None:
    """It ends in time, says where its alerts are kept, and its next run shows them, once."""
    port = free_port()
    result = run_program(SCRIPT, port, spool, {}, "it broke", "it broke", "that too")
    failure, kept = result.stderr.splitlines()
    assert failure.startswith(f"gntp_logging: cannot show alerts on 127.0.0.1:{port}: Connection refused")
    assert kept == f"gntp_logging: for 127.0.0.1:{port}: 3 alerts kept in {spool}"
    assert result.returncode == 0
    with running_receiver(port=port) as receiver:
        again = run_program(SCRIPT, port, spool, {}, "the next night")
        assert titles(receiver.toasts) == ["2 × it broke", "that too", "the next night"]
        assert again.stderr == ""
        run_program(SCRIPT, port, spool, {})
        assert len(receiver.toasts) == 3
    assert os.listdir(spool.parent) == [spool.name]


def test_a_run_that_logs_nothing_shows_what_the_last_one_has_left(spool: Path) -> None:
    """At its end; and one that never needs the spool makes none."""
    port = free_port()
    run_program(SCRIPT, port, spool, {})
    assert not spool.exists()
    run_program(SCRIPT, port, spool, {}, "it broke")
    with running_receiver(port=port) as receiver:
        run_program(SCRIPT, port, spool, {})
        assert titles(receiver.toasts) == ["it broke"]


def test_the_line_at_the_end_speaks_of_no_loss(spool: Path) -> None:
    """With a server that never answers it is the first line, and the only one."""
    with ScriptedServer(gate := Gate()) as server:
        result = run_program(SCRIPT, server.port, spool, {"shutdown_timeout": 0.8}, "it broke")
        gate.open.set()
    assert result.stderr.splitlines() == [
        f"gntp_logging: cannot show alerts on 127.0.0.1:{server.port}: no answer within 0.8 s, 1 alert kept in {spool}"
    ]


def test_what_was_kept_survives_a_kill_while_an_exchange_hangs(spool: Path) -> None:
    """Also what was logged after the exchange began, and its repeats."""
    with (
        ScriptedServer(gate := Gate()) as server,
        service(server.port, spool, "first", options="{'timeout': 60}") as first,
    ):
        assert gate.reached.wait(PATIENCE)
        first.do("for _ in range(40): logging.getLogger('orders').error('later')")
        wait_for_rows(spool, 41)
        first.kill()
        gate.open.set()
        port = server.port
    with running_receiver(port=port) as receiver:
        run_program(SCRIPT, port, spool, {})
        assert titles(receiver.toasts) == ["40 × later", "first"]


def test_repeats_that_an_open_toast_does_not_count_yet_survive_a_kill(spool: Path) -> None:
    """The next run raises the count of the same toast."""
    with running_receiver() as receiver:
        with service(receiver.port, spool, "again") as first:
            receiver.wait_for(1)
            first.do("for _ in range(4): logging.getLogger('orders').error('again')")
            wait_for_rows(spool, 4)
        run_program(SCRIPT, receiver.port, spool, {})
        shown, counted = receiver.toasts
    assert counted.title == "5 × again"
    assert counted.coalescing_id == shown.coalescing_id


def test_what_was_answered_is_removed(spool: Path) -> None:
    """A kill later on makes nobody show it twice."""
    port = free_port()
    with service(port, spool, "it broke") as first:
        wait_for_rows(spool, 1)
        with running_receiver(port=port) as receiver:
            assert first.do("print(handler.flush(10), end='')") == "True"
            wait_for_rows(spool, 0)
            first.kill()
            run_program(SCRIPT, port, spool, {})
            assert titles(receiver.toasts) == ["it broke"]


def test_two_processes_with_one_file_show_each_alert_once(spool: Path) -> None:
    """Both are killed, and both start again at the same time."""
    port = free_port()
    with service(port, spool, "one", "two") as first, service(port, spool, "three") as second:
        wait_for_rows(spool, 3)
        assert first.do("print(handler.stats().restored, end='')") == "0"  # the owners live
        first.kill()
        second.kill()
    with (
        running_receiver(port=port) as receiver,
        service(port, spool, "four") as first,
        service(port, spool, "five") as second,
    ):
        receiver.wait_for(5)
        for each in (first, second):
            each.do("handler.flush(10)")
        wait_for_rows(spool, 0)
        assert titles(receiver.toasts) == ["five", "four", "one", "three", "two"]


def test_a_living_process_takes_over_what_a_dead_one_has_left(spool: Path) -> None:
    """Within seconds; the counts of both add up to what was logged."""
    faster = "import gntp_logging.delivery.spool as s; s.TAKE_OVER_EVERY = 0.05; handler.flush(0)"
    port = free_port()
    with service(port, spool, "one") as living:
        living.do(faster)
        with service(port, spool, "two", "two", "three") as dead:
            wait_for_rows(spool, 4)
            dead.kill()
        counts = "s = handler.stats(); print(s.accepted, s.restored, s.queued, end='')"
        wait_until(lambda: living.do(counts) == "4 3 4")
        with running_receiver(port=port) as receiver:
            living.do("handler.flush(10)")
            assert titles(receiver.toasts) == ["2 × two", "one", "three"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_neither_uses_nor_keeps_what_is_the_parents(spool: Path) -> None:
    """The child lives on after the parent was killed: the parent's alerts are taken over, and each is shown once."""
    port = free_port()
    with service(port, spool, "parent") as parent:
        wait_for_rows(spool, 1)
        # The child tries again and again: a server that comes is found at once.
        child = int(
            parent.do(
                "import os, signal, time, gc; child = os.fork();"
                " child or (logging.getLogger('orders').error('child'), gc.collect(),"
                " all(time.sleep(0.05) is None and not handler.flush(1) for _ in iter(int, 1)), signal.pause());"
                " print(child, end='')"
            )
        )
        try:
            wait_for_rows(spool, 2)
            parent.process.kill()
            parent.process.wait(PATIENCE)
            with running_receiver(port=port) as receiver:
                run_program(SCRIPT, port, spool, {})
                assert "parent" in titles(receiver.toasts)
                receiver.wait_for(2)
                wait_for_rows(spool, 0)
                assert titles(receiver.toasts) == ["child", "parent"]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_end_of_a_forked_child_leaves_the_parents_file_alone(spool: Path) -> None:
    """It runs exit code; the parent goes on writing, and what it wrote is there."""
    port = free_port()
    with service(port, spool, "before") as parent:
        wait_for_rows(spool, 1)
        child = (
            "import os; child = os.fork(); child or (logging.getLogger('orders').error('child'), sys.exit());"
            " os.waitpid(child, 0)"
        )
        parent.do(child)
        parent.do("logging.getLogger('orders').error('after')")
        wait_for_rows(spool, 3)
        parent.kill()
    with running_receiver(port=port) as receiver:
        run_program(SCRIPT, port, spool, {})
        assert titles(receiver.toasts) == ["after", "before", "child"]


def test_without_sqlite_alerts_go_on(spool: Path) -> None:
    """One line says so."""
    program = "import sys; sys.modules['sqlite3'] = None\n" + textwrap.dedent(SCRIPT)
    with running_receiver() as receiver:
        result = run_program(program, receiver.port, spool, {}, "it broke")
        assert titles(receiver.toasts) == ["it broke"]
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"gntp_logging: alerts are not kept in {spool}: this Python has no SQLite")


def test_sqlite_is_imported_for_a_spool_only(spool: Path) -> None:
    """Everybody else does not wait for it."""
    program = f"{SCRIPT}\n    print('sqlite3' in sys.modules)"
    assert run_program(program, free_port(), spool, {"enabled": False}).stdout == "False\n"
    assert run_program(program, free_port(), spool, {}).stdout == "True\n"


@pytest.mark.skipif(shutil.which("mount") is None or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts")
def test_a_disk_that_is_full_costs_the_spool_and_no_alert(tmp_path: Path) -> None:
    """A file system of 64 kB: one line, and the alerts go on when the server is back."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    port = free_port()
    try:
        alerts = [f"{letter} {'x' * 900}" for letter in "abcdefghijklmnopqrst"]
        with service(port, disk / "alerts.spool", *alerts) as full:
            said_once = f"gntp_logging: alerts are not kept in {disk / 'alerts.spool'}: "
            with running_receiver(port=port) as receiver:
                full.do("handler.flush(10)")
                receiver.wait_for(20)
            full.do("logging.getLogger('orders').error('later'); handler.close()")
            assert full.kill().count(said_once) == 1
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
