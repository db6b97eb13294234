"""log_unhandled: uncaught exceptions reach logging, and the hooks that were there."""

from __future__ import annotations

import _thread
import logging
import sys
import threading
from typing import Any

import pytest

from gntp_logging import log_unhandled
from gntp_logging.alerts.alert import AlertFactory
from gntp_logging.alerts.levels import LevelMap
from gntp_logging.alerts.tracebacks import type_name
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
    monkeypatch.setattr(sys, "unraisablehook", lambda args: calls.append(f"finalizer {args.exc_type.__name__}"))
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


class Basket:
    """Fails when it is thrown away."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error

    def __repr__(self) -> str:
        raise RuntimeError("it is half gone")


def test_an_exception_of_a_finalizer_is_logged(logger: logging.Logger, memory: Memory, earlier: list[str]) -> None:
    """By the finalizer's name; without asking what is half gone for its repr."""
    with log_unhandled(logger):
        Basket(ValueError("x"))
        Basket(SystemExit(1))
    (record,) = memory.records
    assert "Basket.__del__" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError
    assert earlier == ["finalizer ValueError", "finalizer SystemExit"]


def test_an_exception_of_a_raw_thread_is_logged(logger: logging.Logger, memory: Memory, earlier: list[str]) -> None:
    """Python gives it to the same hook as a finalizer's."""
    ended = threading.Event()

    def pay() -> None:
        raise ValueError("x")

    sys.unraisablehook = lambda _: ended.set()
    with log_unhandled(logger):
        _thread.start_new_thread(pay, ())
        assert ended.wait(10)
    (record,) = memory.records
    assert record.getMessage().startswith("Exception ignored in thread started by ")
    assert "<locals>.pay" in record.getMessage()
    assert "NoneType" not in record.getMessage()


def test_a_finalizer_that_fails_while_one_is_logged_is_not_logged(
    logger: logging.Logger, memory: Memory, earlier: list[str]
) -> None:
    """A handler whose own objects fail would be called without end."""

    class Wasteful(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if len(memory.records) < 5:
                Basket(KeyError("y"))

    logger.addHandler(Wasteful())
    with log_unhandled(logger):
        Basket(ValueError("x"))
        Basket(ValueError("x"))
    assert len(memory.records) == 2
    assert earlier == ["finalizer KeyError", "finalizer ValueError"] * 2


class Demanding(Exception):
    """Cannot be made without arguments."""

    def __init__(self, order: int) -> None:
        super().__init__(order)


@pytest.mark.parametrize(("exc_type", "made"), [(ValueError, "ValueError()"), (Demanding, "None")])
def test_an_exception_that_python_could_not_make_is_logged(
    logger: logging.Logger, memory: Memory, earlier: list[str], exc_type: Any, made: str
) -> None:
    """By its type, which is all there is."""
    with log_unhandled(logger):
        sys.excepthook(exc_type, None, None)  # type: ignore[arg-type]  # Python's own calls may
    (record,) = memory.records
    assert record.exc_info is not None
    assert (record.exc_info[0], repr(record.exc_info[1])) == (exc_type, made)
    alert = AlertFactory("shop", LevelMap(), 1000).from_record(record).finished(1000)
    assert alert.title == type_name(exc_type)
    assert earlier == [f"main {exc_type.__name__}"]


def test_a_second_call_logs_nothing_twice(logger: logging.Logger, memory: Memory, earlier: list[str]) -> None:
    """Also with somebody else's hook between; as long as one of them is not undone, it is logged."""
    before = sys.excepthook
    first, second = log_unhandled(logger), log_unhandled(logger)
    ours = sys.excepthook

    def theirs(*args: Any) -> None:
        ours(*args)

    sys.excepthook = theirs
    third = log_unhandled(logger)
    assert before not in (ours, sys.excepthook)

    def logged() -> int:
        memory.records.clear()
        sys.excepthook(ValueError, ValueError("x"), None)
        return len(memory.records)

    counts = [logged()]
    for hooks in (third, third, first, second):
        hooks.undo()
        counts.append(logged())
    assert counts == [1, 1, 1, 1, 0]
    assert earlier == ["main ValueError"] * 5


def test_each_logger_gets_what_was_not_caught(logger: logging.Logger, memory: Memory, earlier: list[str]) -> None:
    """Two loggers are two wishes, however often each is uttered."""
    other = logging.getLogger(f"{logger.name}.other")
    with log_unhandled(logger), log_unhandled(other), log_unhandled(logger):
        crash(ValueError("x"))
    assert [record.name for record in memory.records] == [logger.name, other.name]
    assert earlier == ["thread ValueError"]


def test_a_thousand_calls_stack_no_hooks(logger: logging.Logger, memory: Memory, earlier: list[str]) -> None:
    """An application factory may be called for each test."""
    before = sys.excepthook
    made = [log_unhandled(logger) for _ in range(2000)]
    sys.excepthook(ValueError, ValueError("x"), None)
    for hooks in made:
        hooks.undo()
    assert len(memory.records) == 1
    assert sys.excepthook is before


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
    assert toast.title == "ValueError: negative amount"
    assert toast.text.startswith("Uncaught exception\n")
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
