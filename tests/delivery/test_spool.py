"""A handler with a spool: what it says on stderr, what becomes of what it restores, and its counts."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gntp_logging.delivery.spool as module
from gntp_logging import GNTPHandler
from gntp_logging.delivery.spool import FORGOTTEN_AFTER
from tests.delivery.test_fork import exit_code, in_child
from tests.support import PATIENCE, free_port, running_receiver, wait_until

Attach = Callable[..., GNTPHandler]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return where a spool may be made."""
    return tmp_path / "alerts.spool"


@pytest.fixture
def attach(logger: logging.Logger, spool: Path) -> Iterator[Attach]:
    """Give the test's logger a handler with a spool, in the place of the one before."""
    made: list[GNTPHandler] = []

    def attach(port: int, **options: object) -> GNTPHandler:
        given = {"host": "127.0.0.1", "app_name": "shop", "rate": 0, "spool": spool, **options}
        made.append(GNTPHandler(port=port, **given))  # type: ignore[arg-type]  # a test's options
        logger.handlers[:] = made[-1:]
        return made[-1]

    yield attach
    for handler in made:
        handler._worker.shutdown_timeout = 0.0
        handler.close()


@pytest.fixture(autouse=True)
def _nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test is a process of its own, as far as lines on stderr go."""
    monkeypatch.setattr(module, "_named", set())


def leave(attach: Attach, logger: logging.Logger, port: int, *texts: str, **options: object) -> None:
    """Log while nobody listens, and close the handler."""
    handler = attach(port, **options)
    for text in texts:
        logger.error(text)
    handler.close()
    stats = handler.stats()
    assert (stats.accepted, stats.spooled, stats.queued, stats.dropped) == (len(texts), len(texts), 0, {})


def change(spool: Path, statement: str, *values: object) -> None:
    """Change the file as nobody should."""
    with contextlib.closing(sqlite3.connect(spool)) as connection, connection:
        connection.execute(statement, values)


@pytest.mark.slow
def test_what_a_closed_handler_has_left_it_takes_back(attach: Attach, logger: logging.Logger) -> None:
    """When it is used again; both counts hold."""
    port = free_port()
    handler = attach(port)
    logger.error("first")
    logger.error("first")
    handler.close()
    assert (handler.stats().spooled, handler.stats().accepted) == (2, 2)
    with running_receiver(port=port) as receiver:
        logger.error("second")
        assert sorted(toast.title for toast in receiver.wait_for(2)) == ["2 × first", "second"]
        assert handler.flush(PATIENCE)
        stats = handler.stats()
    assert (stats.accepted, stats.restored, stats.shown, stats.folded, stats.spooled) == (5, 2, 2, 1, 2)


@pytest.mark.slow
def test_what_waits_is_queued_even_if_a_row_keeps_it(attach: Attach, logger: logging.Logger) -> None:
    """A repeat of an alert that was not shown waits with it."""
    handler = attach(free_port())
    for _ in range(3):
        logger.error("again")
    wait_until(lambda: handler.spooled() == {(f"127.0.0.1:{handler.destination.port}", "shop"): 3})
    stats = handler.stats()
    assert (stats.accepted, stats.queued, stats.folded, stats.spooled) == (3, 3, 0, 0)


def test_late_alerts_are_one_digest(attach: Attach, logger: logging.Logger, spool: Path) -> None:
    """Its title says when they came, and its text does not; young ones are shown by themselves."""
    port = free_port()
    leave(attach, logger, port, "disk", "bank", "bank", "young")
    times = (time.time() - 20_000, time.time() - 10_000)
    change(spool, "UPDATE alerts SET first = ?, last = ? WHERE alert NOT LIKE '%young%'", *times)
    with running_receiver(port=port) as receiver:
        handler = attach(port)
        assert handler.flush(PATIENCE)
        digest, young = sorted(receiver.toasts, key=lambda toast: toast.title)
    assert young.title == "young"
    assert digest.title.startswith("while nobody was there: 3 alerts from ")
    assert " to " in digest.title
    assert digest.title.endswith(", 2 × bank, 1 × disk")
    assert "first " not in digest.text
    stats = handler.stats()
    assert (stats.restored, stats.digested, stats.shown) == (4, 3, 1)


def test_a_clock_that_jumps_costs_nothing(attach: Attach, logger: logging.Logger, spool: Path) -> None:
    """What seems to come from the future, or from no time at all, is shown."""
    port = free_port()
    leave(attach, logger, port, "future", "never")
    change(spool, "UPDATE alerts SET last = ? WHERE alert LIKE '%future%'", time.time() + 1e6)
    change(spool, "UPDATE alerts SET first = NULL, last = NULL WHERE alert LIKE '%never%'")
    with running_receiver(port=port) as receiver:
        assert attach(port).flush(PATIENCE)
        assert sorted(toast.title for toast in receiver.toasts) == ["future", "never"]


def test_what_is_for_nobody_is_named_once_and_shown_after_a_week(
    attach: Attach, logger: logging.Logger, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, when it is no longer young; then in the digest of whoever has the file."""
    port = free_port()
    leave(attach, logger, port, "for the bank", app_name="bank")
    capsys.readouterr()
    with running_receiver() as receiver:
        assert attach(receiver.port).flush(PATIENCE)
        assert capsys.readouterr().err == ""
        for _ in range(2):
            assert attach(receiver.port, spool_max_age=0).flush(PATIENCE)
        assert capsys.readouterr().err == (
            f"gntp_logging: {spool} keeps 1 alert for 127.0.0.1:{port} (bank), to which no handler sends\n"
        )
        assert receiver.toasts == []
        change(spool, "UPDATE alerts SET last = ?", time.time() - FORGOTTEN_AFTER - 10)
        assert attach(receiver.port).flush(PATIENCE)
        (toast,) = receiver.toasts
    assert toast.title == "for the bank"


@pytest.mark.slow
def test_alerts_go_on_without_a_spool_that_fails_and_it_is_used_again(
    attach: Attach,
    logger: logging.Logger,
    spool: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line when it begins, one when it ends."""
    monkeypatch.setattr(module, "RETRY_EVERY", 0.0)
    spool.write_text("dear diary", "utf-8")
    port = free_port()
    handler = attach(port)
    logger.error("it broke")
    failed = f"gntp_logging: alerts are not kept in {spool}: file is not a database\n"
    lines = ""

    def has_said(line: str) -> bool:
        nonlocal lines
        lines += capsys.readouterr().err
        return line in lines

    wait_until(lambda: has_said(failed))
    assert spool.read_text("utf-8") == "dear diary"
    spool.unlink()
    wait_until(lambda: has_said(f"gntp_logging: alerts are kept in {spool} again\n"))
    wait_until(lambda: list(handler.spooled().values()) == [1])
    assert lines.count(failed) == 1


def test_a_lock_that_cannot_be_had_is_said(
    attach: Attach,
    logger: logging.Logger,
    spool: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the alert is shown all the same."""

    def refuse(_: str) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module, "OwnerLock", refuse)
    with running_receiver() as receiver:
        handler = attach(free_port())
        logger.error("dropped")
        handler.close()
        assert handler.stats().dropped == {"not delivered in time": 1}
        assert f"not kept in {spool}: no lock is to be had beside it: No locks available\n" in capsys.readouterr().err
        attach(receiver.port)
        logger.error("shown")
        receiver.wait_for(1)


def test_a_spool_is_as_secret_as_a_notification(attach: Attach, logger: logging.Logger, spool: Path) -> None:
    """What is masked there is masked here."""
    leave(attach, logger, free_port(), "login failed: password=hunter2")
    assert b"login failed" in spool.read_bytes()
    assert b"hunter2" not in spool.read_bytes()


def test_a_handler_that_is_thrown_away_ends_its_spool(attach: Attach, logger: logging.Logger, spool: Path) -> None:
    """Its thread, its file and its lock."""
    with running_receiver() as receiver:
        before = set(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else set()
        handler = GNTPHandler(host="127.0.0.1", port=receiver.port, spool=spool)
        spool.touch()
        logger.handlers[:] = [handler]
        logger.error("it broke")
        receiver.wait_for(1)
        logger.handlers.clear()
        del handler
        wait_until(lambda: [name for name in os.listdir(spool.parent) if name != spool.name] == [])
        if before:
            wait_until(lambda: len(os.listdir("/proc/self/fd")) <= len(before))


# -- Forks ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def inside_sqlite() -> Iterator[threading.Event]:
    """Let a thread be inside SQLite, until the event is set or the block ends."""
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with module._sqlite.turn:
            inside.set()
            leave.wait(PATIENCE)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(PATIENCE)
    try:
        yield leave
    finally:
        leave.set()
        thread.join()


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
forking_warns = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


@forks
@forking_warns
def test_a_fork_waits_until_nobody_is_inside_sqlite(attach: Attach, logger: logging.Logger, spool: Path) -> None:
    """Else the child, which has SQLite's locks as they were, would wait for a thread that it does not have."""
    attach(free_port())
    with inside_sqlite() as leave:
        timer = threading.Timer(0.05, leave.set)
        timer.start()
        assert exit_code(in_child(lambda: module._sqlite.is_usable and module._sqlite.turn.acquire(timeout=0))) == 0
        timer.join()
    assert module._sqlite.turn.acquire(timeout=PATIENCE)
    module._sqlite.turn.release()


@pytest.mark.program
@forks
@forking_warns
def test_a_fork_closes_the_file(attach: Attach, logger: logging.Logger, spool: Path) -> None:
    """Else the child has none of its locks, and what it writes goes with the log that other programs remove."""
    handler = attach(free_port())

    def log(text: str) -> dict[str, int]:
        logger.error(text)
        kept = handler._worker._spool  # a child has one of its own
        assert kept is not None
        wait_until(lambda: kept._life is not None)  # a thread has the file from now on
        return kept.settle(time.monotonic() + PATIENCE)

    log("the parent's")
    (waits, ready), (goes, go) = os.pipe(), os.pipe()

    def work() -> bool:
        log("the child's")
        os.write(ready, b".")
        os.read(goes, 1)
        return len(log("later")) == 2

    child = in_child(work)
    assert os.read(waits, 1)
    log("again")
    handler.close()
    look = "import sqlite3, sys; file = sqlite3.connect(sys.argv[1]); file.execute('PRAGMA user_version'); file.close()"
    subprocess.run([sys.executable, "-c", look, spool], check=True)
    os.write(go, b".")
    assert exit_code(child) == 0
    for end in (waits, ready, goes, go):
        os.close(end)
    assert sum(waiting.records for waiting in module.waiting_in(str(spool))) == 4


@forks
@forking_warns
def test_a_child_of_a_write_without_end_goes_on_without_a_spool(
    attach: Attach, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """And says so; neither the fork nor the child's alerts wait for the disk."""
    monkeypatch.setattr(module, "FORK_WAITS", 0.01)
    with running_receiver() as receiver, inside_sqlite():
        handler = attach(receiver.port)

        def work() -> bool:
            logger.error("the child's")
            return handler.flush(PATIENCE)

        assert exit_code(in_child(work)) == 0
        receiver.wait_for(1)


def test_the_last_turn_of_a_closed_worker_starts_no_thread(attach: Attach, logger: logging.Logger) -> None:
    """It may come after the close has ended the spool's; nobody would end another."""
    with running_receiver() as receiver:
        handler = attach(receiver.port)
        logger.error("no disk")
        handler.close()
        spool = handler._worker._spool
        assert spool is not None
        spool.wake_up()
        assert spool._life is None
