"""fork: each process delivers its own alerts, once, without a hook of the application's."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.receiver.tls_stream import server_context
from tests.certificates import Issuer
from tests.support import (
    PATIENCE,
    Attach,
    Gate,
    RunningReceiver,
    ScriptedServer,
    attaching,
    run_program,
    running_receiver,
    said,
    wait_until,
)

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    # Python warns of fork in a process with threads; a handler's is one.
    pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning"),
]


@pytest.fixture
def attach(logger: logging.Logger) -> Iterator[Attach]:
    """Give the test's logger handlers that fold nothing, so that each alert is seen."""
    with attaching(logger, repeat_window=0, rate=0) as attach:
        yield attach


def in_child(work: Callable[[], bool]) -> int:
    """Fork, work in the child, and return the child's process id; its exit code says whether the work was right."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return child


def exit_code(child: int) -> int:
    """Wait for a child; one that hangs is killed, and fails the test."""
    ended = status = 0

    def has_ended() -> bool:
        nonlocal ended, status
        ended, status = os.waitpid(child, os.WNOHANG)
        return bool(ended)

    try:
        wait_until(has_ended)
    finally:
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def test_what_waits_at_the_fork_is_the_parents(attach: Attach, logger: logging.Logger) -> None:
    """Forked while an alert is being sent: the parent delivers it, once; the child its own, on its own thread."""
    gate = Gate(said)
    with ScriptedServer(gate) as hung, running_receiver() as works:
        handler = attach(hung.port)
        logger.error("parent")
        logger.error("parent again")
        assert gate.reached.wait(PATIENCE)

        def work() -> bool:
            handler._worker._transport = GNTPHandler(port=works.port)._worker._transport
            logger.error("child")
            accepted = handler.stats().accepted
            return handler.flush(PATIENCE) and accepted == 1

        assert exit_code(in_child(work)) == 0
        assert [said(toast) for toast in works.toasts] == ["child"]
        gate.open.set()
        assert handler.flush(PATIENCE)
        assert sorted(gate.shown) == ["parent", "parent again"]


@pytest.mark.program
def test_a_fork_inside_emit_lets_both_deliver_once(receiver: RunningReceiver) -> None:
    """An argument's __str__ forks: parent and child go on in the middle of the same logging call.

    In a program of its own: with a handler that formats under its lock, as pytest's does, logging itself raises.
    """
    program = """
        import logging, os, sys, warnings
        import gntp_logging
        warnings.simplefilter("ignore")
        logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(sys.argv[1])))
        logging.error("before")
        parent, children = os.getpid(), []

        class Forking:
            def __str__(self):
                if not children:
                    children.append(os.fork())
                return "parent" if os.getpid() == parent else "child"

        logging.error("in the %s", Forking())
        if os.getpid() == parent:
            os.wait()
    """
    result = run_program(program, receiver.port)
    assert (result.returncode, result.stderr) == (0, "")
    assert sorted(said(toast) for toast in receiver.toasts) == ["before", "in the child", "in the parent"]


def test_a_fork_while_another_thread_is_in_flush_does_not_hang_the_child(
    attach: Attach, logger: logging.Logger
) -> None:
    """Whatever flush waits on, the child's first call does not."""
    gate = Gate(said)
    with ScriptedServer(gate) as server:
        handler = attach(server.port)
        logger.error("parent")
        assert gate.reached.wait(PATIENCE)
        flusher = threading.Thread(target=handler.flush, args=(PATIENCE,))
        flusher.start()
        wait_until(lambda: bool(handler._worker._waiters))

        def work() -> bool:
            settled = handler.flush(PATIENCE)  # nothing of the child's waits
            logger.error("child")
            handler.flush(0.01)
            return settled and handler.stats().queued == 1

        assert exit_code(in_child(work)) == 0
        gate.open.set()
        flusher.join(PATIENCE)
        assert not flusher.is_alive()


def test_a_fork_inside_flush_lets_the_childs_flush_return(attach: Attach, logger: logging.Logger) -> None:
    """A signal handler forks while the main thread waits in flush; the child comes back into that very wait."""
    gate = Gate(said)
    parent = os.getpid()
    children: list[int] = []
    with ScriptedServer(gate) as server:
        handler = attach(server.port)
        logger.error("parent")
        assert gate.reached.wait(PATIENCE)

        def fork(*_: object) -> None:
            children.append(os.fork())
            gate.open.set()

        def interrupt() -> None:
            wait_until(lambda: bool(handler._worker._waiters))
            os.kill(parent, signal.SIGUSR1)

        before = signal.signal(signal.SIGUSR1, fork)
        try:
            interrupter = threading.Thread(target=interrupt)
            interrupter.start()
            settled = handler.flush(PATIENCE * 6)
            if os.getpid() != parent:
                os._exit(0 if settled and handler.stats().accepted == 0 else 1)  # nothing of its own waits
        finally:
            signal.signal(signal.SIGUSR1, before)
            if os.getpid() != parent:
                os._exit(2)
        interrupter.join(PATIENCE)
        assert settled
        assert exit_code(children[0]) == 0
        assert gate.shown == ["parent"]


def test_a_fork_that_skips_the_hooks_is_noticed(
    attach: Attach, logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """UWSGI forks without Python's hooks: the process's number tells."""
    handler = attach(receiver.port)
    logger.error("before")
    assert handler.flush(PATIENCE)
    handler._worker.pid = -1
    logger.error("after")
    assert handler.flush(PATIENCE)
    assert handler.stats().accepted == 1
    assert [said(toast) for toast in receiver.toasts] == ["before", "after"]


def test_many_children_at_once_lose_and_double_nothing(
    attach: Attach, logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """While a thread of the parent goes on logging."""
    handler = attach(receiver.port)
    stop = threading.Event()
    written: list[str] = []

    def chat() -> None:
        while not stop.is_set() and len(written) < 500:
            logger.error("parent %d", len(written))
            written.append(f"parent {len(written)}")
            stop.wait(0.001)

    chatter = threading.Thread(target=chat)
    chatter.start()
    wait_until(lambda: len(written) > 3)

    def work(number: int) -> bool:
        for turn in range(3):
            logger.error("child %d.%d", number, turn)
        return handler.flush(PATIENCE) and handler.stats().shown == 3

    children = [in_child(lambda number=number: work(number)) for number in range(8)]  # type: ignore[misc]
    assert [exit_code(child) for child in children] == [0] * 8
    stop.set()
    chatter.join(PATIENCE)
    assert handler.flush(PATIENCE)
    expected = [*written, *(f"child {number}.{turn}" for number in range(8) for turn in range(3))]
    assert sorted(said(toast) for toast in receiver.toasts) == sorted(expected)


@pytest.mark.program
def test_a_child_that_ends_normally_delivers_its_last_error(receiver: RunningReceiver) -> None:
    """os.fork without multiprocessing: the child runs the exit code of its own."""
    program = """
        import logging, os, sys, warnings
        import gntp_logging
        warnings.simplefilter("ignore")
        logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(sys.argv[1])))
        logging.error("before")
        if os.fork() == 0:
            logging.error("child")
            sys.exit()
        os.wait()
        logging.error("parent")
    """
    result = run_program(program, receiver.port)
    assert (result.returncode, result.stderr) == (0, "")
    assert sorted(said(toast) for toast in receiver.toasts) == ["before", "child", "parent"]


def test_each_process_has_a_session_of_its_own(
    attach: Attach, logger: logging.Logger, issuer: Issuer, certificate: Path
) -> None:
    """Over TLS, whose state both would spoil: the parent's goes on after a child has used its own and ended."""
    with running_receiver(tls=server_context(certificate)) as receiver:
        handler = attach(receiver.port, tls=issuer.file)
        logger.error("before")
        assert handler.flush(PATIENCE)

        def work() -> bool:
            logger.error("child")
            return handler.flush(PATIENCE) and handler.stats().shown == 1

        assert exit_code(in_child(work)) == 0
        logger.error("after")
        assert handler.flush(PATIENCE)
        assert [said(toast) for toast in receiver.toasts] == ["before", "child", "after"]
        assert {toast.encryption for toast in receiver.toasts} == {"TLS"}
