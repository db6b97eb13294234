"""What programs do around their handlers: log while logging, configure twice, hold locks, capture, run loops."""

from __future__ import annotations

import _thread
import asyncio
import gc
import io
import json
import logging
import logging.config
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.delivery.dropped import LATE
from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.connections import GNTPClient
from tests.support import (
    PATIENCE,
    Attach,
    Gate,
    RunningReceiver,
    ScriptedServer,
    answer_error,
    attaching,
    free_port,
    gntp_transport,
    run_program,
    running_receiver,
    said,
    wait_until,
)


@pytest.fixture
def attach(logger: logging.Logger) -> Iterator[Attach]:
    """Give the test's logger handlers that fold nothing, so that each alert is seen."""
    with attaching(logger, repeat_window=0, rate=0) as attach:
        yield attach


# -- Logging while logging -----------------------------------------------------------------------


def test_a_del_that_logs_in_the_middle_of_emit_neither_dead_locks_nor_drops(
    attach: Attach, logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """The garbage collector runs application code anywhere, inside a logging call too."""
    handler = attach(receiver.port)

    class Dying:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            logger.error("from __del__")

    class Collecting:
        def __str__(self) -> str:
            Dying()
            gc.collect()
            return "collected"

    logger.error("%s", Collecting())
    assert handler.flush(PATIENCE)
    assert sorted(said(toast) for toast in receiver.toasts) == ["collected", "from __del__"]


def test_a_str_that_logs_neither_dead_locks_nor_drops(
    attach: Attach, logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """Both records are shown, the inner one first."""
    handler = attach(receiver.port)

    class Chatty:
        def __str__(self) -> str:
            logger.warning("inner")
            return "outer"

    logger.error("%s", Chatty())
    assert handler.flush(PATIENCE)
    assert [said(toast) for toast in receiver.toasts] == ["inner", "outer"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals of a timer")
def test_a_signal_handler_that_logs_flushes_and_reads_stats_neither_dead_locks_nor_drops(
    attach: Attach, logger: logging.Logger, receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it interrupts: in emit, in flush, in stats."""
    monkeypatch.setattr("gntp_logging.delivery.queue._LOCK_TIMEOUT", 3600.0)  # nothing depends on it
    handler = attach(receiver.port, queue_size=100_000)
    interruptions = 0

    def interrupt(_number: int, _frame: object) -> None:
        nonlocal interruptions
        interruptions += 1
        logger.error("signal %d", interruptions)
        handler.flush(0)
        handler.stats()
        if interruptions < 40:
            signal.setitimer(signal.ITIMER_REAL, 0.0005)

    before = signal.signal(signal.SIGALRM, interrupt)
    logged = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005)
        while interruptions < 40:
            logger.error("main %d", logged)
            logged += 1
            handler.flush(0)
            handler.stats()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert handler.stats().accepted == logged + interruptions
    assert handler.flush(60)
    assert len(receiver.toasts) == handler.stats().shown == logged + interruptions


def test_what_is_logged_on_the_workers_thread_is_ignored(attach: Attach, logger: logging.Logger) -> None:
    """An on_error that logs would otherwise lose alerts about lost alerts for ever."""
    handed: list[str] = []

    def on_error(alert: Any, reason: str) -> None:
        handed.append(alert.title)
        logger.error("lost: %s", alert.title)

    with ScriptedServer(answer_error(500)) as server:
        handler = attach(server.port, on_error=on_error)
        logger.error("one")
        assert handler.flush(PATIENCE)
        wait_until(lambda: handed == ["one"])
        logger.error("two")
        assert handler.flush(PATIENCE)
        wait_until(lambda: handed == ["one", "two"])
    assert handler.stats().accepted == 2


def test_what_is_queued_keeps_no_exception_frame_or_request_alive(
    attach: Attach,
) -> None:
    """While an alert waits, what the application made is freed."""
    references: list[weakref.ref[Any]] = []
    gate = Gate(said)

    class Request:
        """A framework's request."""

    class Failure(Exception):
        """Python's own exceptions take no weak references."""

    def fail(request: Request) -> None:
        local = Request()
        references.extend([weakref.ref(request), weakref.ref(local)])
        try:
            raise Failure(request)  # noqa: TRY301 - the exception must have a traceback of this frame
        except Failure as error:
            references.append(weakref.ref(error))
            record = logging.LogRecord("x", logging.ERROR, "", 1, "%s", (request,), sys.exc_info())
            record.request = request
            handler.handle(record)

    with ScriptedServer(gate) as server:
        handler = attach(server.port)
        fail(Request())
        assert gate.reached.wait(PATIENCE)
        gc.collect()
        assert [reference() for reference in references] == [None, None, None]
        assert handler.stats().queued == 1
        gate.open.set()
        assert handler.flush(PATIENCE)


# -- Configuring ---------------------------------------------------------------------------------


def test_nothing_on_the_send_path_needs_a_lock_of_logging(
    attach: Attach, logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """A dictConfig holds logging's own lock while it flushes and closes the old handlers, which wait for the worker."""
    handler = attach(receiver.port)
    logger.error("it broke")
    assert handler.lock is not None
    with logging._lock, handler.lock:  # type: ignore[attr-defined]  # what dictConfig and logging.shutdown hold
        assert handler.flush(PATIENCE)
        logger.error("again")
        handler.close()
    assert len(receiver.toasts) == 2


@pytest.mark.program
def test_a_second_dict_config_while_records_wait_and_the_server_hangs_is_bounded() -> None:
    """The old handler gets its budget; what it could not deliver is counted and told; the new one works."""
    program = """
        import json, logging.config, sys, threading, time
        import gntp_logging
        def configure(port):
            logging.config.dictConfig({
                "version": 1,
                "handlers": {"gntp": {
                    "class": "gntp_logging.GNTPHandler", "port": port, "shutdown_timeout": 0.3, "timeout": 60,
                    "on_error": "__main__.lost",
                }},
                "root": {"handlers": ["gntp"]},
            })
        def lost(alert, reason):
            logging.getLogger(f"new.{alert.text}").info("a logger is made while dictConfig holds the lock")
        stop = threading.Event()
        def chat():
            while not stop.is_set():
                logging.getLogger("chat").info("not shown, but it wants logging's lock")
                stop.wait(0.001)
        hung, works = map(int, sys.argv[1:])
        configure(hung)
        old = logging.getLogger().handlers[0]
        threading.Thread(target=chat).start()
        for number in range(3):
            logging.error("record %d", number)
        began = time.monotonic()
        configure(works)
        took = time.monotonic() - began
        logging.error("after")
        stop.set()
        print(json.dumps([took, old.stats().dropped, logging.getLogger().handlers[0].flush(10)]))
    """
    gate = Gate(said)
    with ScriptedServer(gate) as hung, running_receiver() as works:
        result = run_program(program, hung.port, works.port)
        gate.open.set()
    assert result.returncode == 0, result.stderr
    took, dropped, delivered = json.loads(result.stdout)
    assert took < 10
    assert dropped == {"not delivered in time": 3}
    assert delivered
    assert "after" in [said(toast) for toast in works.toasts]
    (line,) = result.stderr.splitlines()
    assert "no answer within 0.3 s, 3 alerts not delivered" in line


def test_a_handler_that_is_removed_while_it_sends_delivers(attach: Attach, logger: logging.Logger) -> None:
    """Taking it off its logger takes nothing back."""
    gate = Gate(said)
    with ScriptedServer(gate) as server:
        handler = attach(server.port)
        logger.error("one")
        logger.error("two")
        assert gate.reached.wait(PATIENCE)
        logger.removeHandler(handler)
        logger.error("nobody's")
        gate.open.set()
        assert handler.flush(PATIENCE)
    assert sorted(gate.shown) == ["one", "two"]  # they went side by side


def test_a_handler_that_is_thrown_away_while_it_sends_delivers_and_ends_its_thread(receiver: RunningReceiver) -> None:
    """Nobody closes it: what it has accepted is delivered, and its thread does not outlive it for ever."""
    handler = GNTPHandler(port=receiver.port)
    threads = _thread._count()
    handler.handle(logging.LogRecord("x", logging.ERROR, "", 1, "it broke", None, None))
    worker = weakref.ref(handler._worker)
    del handler
    receiver.wait_for(1)

    def is_gone() -> bool:
        gc.collect()
        return worker() is None

    wait_until(is_gone)
    wait_until(lambda: _thread._count() <= threads)


# -- Capturing, loops, other handlers ------------------------------------------------------------


def test_caplog_and_the_desktop_see_the_same(
    attach: Attach, logger: logging.Logger, receiver: RunningReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Pytest's own handler beside this one: both get every record, as it was made."""
    handler = attach(receiver.port)
    logger.propagate = True
    with caplog.at_level(logging.DEBUG):
        logger.error("order %d", 7)
    assert handler.flush(PATIENCE)
    assert caplog.messages == [said(toast) for toast in receiver.toasts] == ["order 7"]


def test_a_line_of_diagnosis_is_captured_where_it_belongs(
    attach: Attach, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes to the sys.stderr of that moment, which test runners replace; one that is closed harms nobody."""
    handler = attach(free_port())
    logger.error("it broke")
    assert not handler.flush(PATIENCE)
    assert "Connection refused" in capsys.readouterr().err


def test_a_closed_stderr_harms_nobody(attach: Attach, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test runner's capture that has ended."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    handler = attach(free_port())
    logger.error("it broke")
    assert not handler.flush(PATIENCE)
    assert handler.stats().queued == 1


def test_a_closed_stderr_does_not_make_close_fail(
    attach: Attach, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the line of diagnosis is written by the thread that closes."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    gate = Gate(said)
    with ScriptedServer(gate) as hung:
        handler = attach(hung.port, shutdown_timeout=0.0)
        logger.error("it broke")
        assert gate.reached.wait(PATIENCE)
        handler.close()
        gate.open.set()
    assert handler.stats().dropped == {LATE: 1}


def test_an_event_loop_is_not_blocked(attach: Attach, logger: logging.Logger) -> None:
    """Coroutines log while the server hangs, and come to their end: only then does it answer."""
    gate = Gate(said)

    async def work(number: int) -> None:
        for turn in range(10):
            logger.error("task %d.%d", number, turn)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(10)))

    with ScriptedServer(gate) as server:
        handler = attach(server.port, timeout=60)
        logger.error("first")
        assert gate.reached.wait(PATIENCE)
        asyncio.run(main())
        assert handler.stats().accepted == handler.stats().queued == 101
        gate.open.set()
        assert handler.flush(PATIENCE)
    assert len(gate.shown) == 101


def test_two_desktops_are_independent(attach: Attach, logger: logging.Logger, receiver: RunningReceiver) -> None:
    """A hung one delays the other by nothing, neither its alerts nor its flush nor its close."""
    gate = Gate(said)
    with ScriptedServer(gate) as hung:
        dead, alive = attach(hung.port, timeout=60), attach(receiver.port)
        for number in range(20):
            logger.error("record %d", number)
        assert gate.reached.wait(PATIENCE)
        assert alive.flush(PATIENCE)
        alive.close()
        assert [said(toast) for toast in receiver.toasts] == [f"record {number}" for number in range(20)]
        assert dead.stats().queued == 20
        gate.open.set()
        assert dead.flush(PATIENCE)


@pytest.mark.slow
def test_the_counts_add_up_at_every_moment(attach: Attach, logger: logging.Logger) -> None:
    """Read while threads log, alerts are evicted, refused and delivered; accepted is what the program has counted."""
    served = 0

    def serve(sock: Any, number: int) -> None:
        nonlocal served
        served += 1
        answer_error(500 if number % 3 else 403)(sock, number)

    begun, done = [0] * 4, [0] * 4

    def log(thread: int) -> None:
        for number in range(500):
            begun[thread] += 1
            logger.log(logging.ERROR if number % 2 else logging.INFO, "%s", f"record {number % 7}")
            done[thread] += 1

    with ScriptedServer(serve) as server:
        handler = attach(server.port, queue_size=20)
        threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        reads = 0
        while any(thread.is_alive() for thread in threads) or reads < 10:
            least = sum(done)
            stats = handler.stats()
            most = sum(begun)
            assert least <= stats.accepted <= most
            assert stats.accepted == (
                stats.shown + stats.folded + stats.digested + sum(stats.dropped.values()) + stats.queued
            )
            reads += 1
        assert handler.flush(PATIENCE)
    stats = handler.stats()
    assert (stats.accepted, stats.queued) == (2000, 0)


# -- Secrets -------------------------------------------------------------------------------------


def test_the_password_appears_nowhere(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in what the package prints, raises, hands over, represents or counts, whatever goes wrong."""
    secret = "hunter2-correct-horse"
    seen: list[str] = []

    def raises(make: Callable[[], object]) -> None:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, it is searched
            make()
        seen.extend(traceback.format_exception(raised.value))
        seen.append(repr(raised.value.args))

    def look_at(handler: GNTPHandler) -> None:
        worker = handler._worker
        client = gntp_transport(handler)._client
        seen.extend(map(repr, (handler, handler.stats(), vars(handler), vars(worker), vars(worker._transport))))
        seen.extend(map(repr, (vars(client), vars(client._channel), client.packer_factory, vars(worker._queue))))

    def lost(alert: object, reason: str) -> None:
        seen.append(f"{alert!r} {reason}")

    monkeypatch.setenv("DESKTOP_PASSWORD", secret)
    options: list[dict[str, Any]] = [
        {"password": secret},
        {"password_env": "DESKTOP_PASSWORD", "encryption": "AES"},
        {"password": secret, "key_hashing": "MD5"},
    ]
    for chosen in options:
        raises(lambda chosen=chosen: GNTPHandler(**chosen, port=0))  # type: ignore[misc]
        raises(lambda chosen=chosen: GNTPHandler(**chosen, encryption="ROT13"))  # type: ignore[misc]
        with (
            running_receiver(["another"]) as refusing,
            running_receiver([secret]) as working,
            ScriptedServer(lambda sock, _: sock.sendall(b"garbage\r\n\r\n")) as garbled,
        ):
            for port in (refusing.port, working.port, garbled.port, free_port()):
                handler = GNTPHandler(port=port, on_error=lost, shutdown_timeout=0.2, **chosen)
                logger.addHandler(handler)
                logger.error("it broke")
                handler.flush(PATIENCE)
                look_at(handler)
                logger.removeHandler(handler)
                handler.close()
                look_at(handler)
    raises(lambda: GNTPHandler(password=secret, key_hashing="MD5", encryption="AES"))
    raises(lambda: GNTPHandler(password=secret, password_file="x"))
    raises(lambda: GNTPHandler(password=[secret]))  # type: ignore[arg-type]
    raises(lambda: GNTPHandler(password_file=f"/nonexistent/{time.time()}"))
    client = GNTPClient("127.0.0.1", free_port(), 1.0, secret, keys.SHA256, ciphers.AES)
    seen.extend([repr(client), str(client), repr(vars(client))])
    captured = capsys.readouterr()
    seen.extend([captured.out, captured.err])
    assert captured.err.count("gntp_logging: cannot show alerts") >= 3
    assert not [text for text in seen if secret in text]
