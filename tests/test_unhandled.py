"""log_unhandled: uncaught exceptions reach logging, and the hooks that were there."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import pytest

from gntp_logging import log_unhandled
from tests.support import run_program, running_receiver


class Memory(logging.Handler):
    """Remembers records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a record."""
        self.records.append(record)


@pytest.fixture
def memory(logger: logging.Logger) -> Memory:
    """A handler of the test's logger that remembers."""
    handler = Memory()
    logger.addHandler(handler)
    return handler


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hooks that were there before, and whom they were called for."""
    calls: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, tb: calls.append(f"main {kind.__name__}"))
    monkeypatch.setattr(threading, "excepthook", lambda args: calls.append(f"thread {args.exc_type.__name__}"))
    return calls


def crash(error: BaseException) -> None:
    """Let an error end a thread."""

    def target() -> None:
        raise error

    thread = threading.Thread(target=target, name="payments")
    thread.start()
    thread.join()


def test_an_uncaught_exception_is_logged_at_critical(
    logger: logging.Logger, memory: Memory, earlier: list[str]
) -> None:
    """Type, value and traceback are the record's, and the earlier hook is called."""
    error = ValueError("x")
    with log_unhandled(logger):
        sys.excepthook(ValueError, error, None)
    (record,) = memory.records
    assert (record.levelno, record.getMessage()) == (logging.CRITICAL, "Uncaught exception")
    assert record.exc_info == (ValueError, error, None)
    assert earlier == ["main ValueError"]


def test_an_uncaught_exception_of_a_thread_names_the_thread(
    logger: logging.Logger, memory: Memory, earlier: list[str]
) -> None:
    """A real thread that dies is logged, and the earlier hook is called."""
    with log_unhandled(logger):
        crash(ValueError("x"))
    assert [record.getMessage() for record in memory.records] == ["Uncaught exception in payments"]
    assert earlier == ["thread ValueError"]


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_wanted_ends_are_not_logged(
    logger: logging.Logger, memory: Memory, earlier: list[str], error: BaseException
) -> None:
    """SystemExit and KeyboardInterrupt only go to the earlier hooks."""
    with log_unhandled(logger):
        sys.excepthook(type(error), error, None)
    assert not memory.records
    assert earlier == [f"main {type(error).__name__}"]


def test_the_earlier_hook_is_called_even_when_logging_fails(logger: logging.Logger, earlier: list[str]) -> None:
    """A handler that raises does not cost the traceback on stderr."""

    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no")

    logger.addHandler(Failing())
    with log_unhandled(logger), pytest.raises(RuntimeError):
        sys.excepthook(ValueError, ValueError("x"), None)
    assert earlier == ["main ValueError"]


def test_undo_restores_the_hooks(logger: logging.Logger, memory: Memory, earlier: list[str]) -> None:
    """Afterwards the hooks are the ones that were there, and nothing is logged."""
    before: tuple[Any, Any] = (sys.excepthook, threading.excepthook)
    hooks = log_unhandled(logger)
    assert (sys.excepthook, threading.excepthook) != before
    hooks.undo()
    hooks.undo()
    assert (sys.excepthook, threading.excepthook) == before
    crash(ValueError("x"))
    assert not memory.records


def test_undo_leaves_hooks_that_were_chained_in_front(
    logger: logging.Logger, memory: Memory, earlier: list[str]
) -> None:
    """Somebody else's later hook stays in place; ours, behind it, only hands on."""
    hooks = log_unhandled(logger)
    ours = sys.excepthook
    later: list[str] = []

    def theirs(kind: Any, value: Any, tb: Any) -> None:
        later.append("called")
        ours(kind, value, tb)

    sys.excepthook = theirs
    hooks.undo()
    sys.excepthook(ValueError, ValueError("x"), None)
    assert later == ["called"]
    assert earlier == ["main ValueError"]
    assert not memory.records


@pytest.mark.program
def test_an_uncaught_exception_of_a_program_reaches_the_desktop() -> None:
    """The error that ends a script is shown, and printed as without this package."""
    with running_receiver() as receiver:
        program = """
            import logging, sys
            import gntp_logging
            logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(sys.argv[1]), app_name="shop"))
            gntp_logging.log_unhandled()
            def charge():
                raise ValueError("negative amount")
            charge()
        """
        result = run_program(program, receiver.port)
        (toast,) = receiver.wait_for(1)
    assert result.returncode == 1
    assert result.stderr.startswith("Traceback")
    assert result.stderr.rstrip().endswith("ValueError: negative amount")
    assert (toast.name, toast.priority) == ("Critical", 2)
    assert toast.text.startswith("ValueError: negative amount\nUncaught exception\n")
    assert " in charge" in toast.text


@pytest.mark.program
def test_an_uncaught_exception_of_a_programs_thread_reaches_the_desktop() -> None:
    """A thread's death is shown under the thread's name."""
    with running_receiver() as receiver:
        program = """
            import logging, sys, threading
            import gntp_logging
            logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(sys.argv[1]), app_name="shop"))
            gntp_logging.log_unhandled()
            thread = threading.Thread(target=lambda: 1 / 0, name="payments")
            thread.start()
            thread.join()
        """
        result = run_program(program, receiver.port)
        (toast,) = receiver.wait_for(1)
    assert result.returncode == 0
    assert "Uncaught exception in payments" in toast.text
