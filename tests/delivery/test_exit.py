"""The end of programs: the last error is delivered, and an absent server delays nothing."""

from __future__ import annotations

import multiprocessing
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.support import free_port, run_program, running_receiver, said

pytestmark = pytest.mark.program

LOG_ONE_ERROR = """
    import logging, sys
    import gntp_logging
    logging.getLogger().addHandler(
        gntp_logging.GNTPHandler(host="127.0.0.1", port=int(sys.argv[1]), app_name="shop", **eval(sys.argv[2]))
    )
    logging.getLogger("orders").error("it broke")
"""
PROGRAM = textwrap.dedent(LOG_ONE_ERROR)


@pytest.mark.parametrize("options", [{}, {"password": "secret", "encryption": "AES"}])
def test_a_script_that_logs_one_error_and_ends_has_delivered_it(options: dict[str, str]) -> None:
    """And nothing is printed."""
    with running_receiver([options["password"]] if options else []) as receiver:
        result = run_program(LOG_ONE_ERROR, receiver.port, options)
        toasts = receiver.toasts
    assert [said(toast) for toast in toasts] == ["it broke"]
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("ending", ["sys.exit(3)", "raise ValueError('end')", "1 / 0"])
def test_however_a_script_ends_its_last_error_is_delivered(ending: str) -> None:
    """sys.exit and uncaught exceptions run exit code as a normal end does."""
    with running_receiver() as receiver:
        run_program(f"{LOG_ONE_ERROR}\n    {ending}\n", receiver.port, {})
        assert [said(toast) for toast in receiver.toasts] == ["it broke"]


def test_exit_code_that_logs_is_delivered() -> None:
    """Functions of atexit log before and after this package's own; on every version both arrive."""
    program = """
        import atexit, logging, sys
        atexit.register(lambda: logging.getLogger("orders").error("registered first, runs last"))
        import gntp_logging
        logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(sys.argv[1])))
        atexit.register(lambda: logging.getLogger("orders").error("registered last, runs first"))
        logging.getLogger("orders").error("in the program")
    """
    with running_receiver() as receiver:
        result = run_program(program, receiver.port)
        assert [said(toast) for toast in receiver.toasts] == [
            "in the program",
            "registered last, runs first",
            "registered first, runs last",
        ]
    assert result.stderr == ""


def test_the_first_record_at_exit_is_delivered_too() -> None:
    """A handler that was never used has no thread, and at exit none is started: the logging call itself delivers."""
    program = """
        import atexit, logging, sys

        def log():
            logging.getLogger("orders").error("the only one")
            print(handler.stats().shown)

        atexit.register(log)
        import gntp_logging
        handler = gntp_logging.GNTPHandler(port=int(sys.argv[1]))
        logging.getLogger().addHandler(handler)
    """
    with running_receiver() as receiver:
        result = run_program(program, receiver.port)
        assert [said(toast) for toast in receiver.toasts] == ["the only one"]
    assert (result.stdout, result.stderr) == ("1\n", "")


def test_a_repeat_at_exit_is_delivered() -> None:
    """Though no alert is made of it, nothing of it waits when the logging call returns."""
    program = """
        import atexit, logging, sys

        def log():
            for number in range(5):
                logging.getLogger("orders").error("order %d was not paid", number)
                waits.append(handler.stats().queued)

        def log_and_tell():
            waits.clear()
            log()
            print(waits)

        atexit.register(log_and_tell)
        import gntp_logging
        waits = []
        handler = gntp_logging.GNTPHandler(port=int(sys.argv[1]))
        logging.getLogger().addHandler(handler)
        log()
        handler.flush(10)
    """
    with running_receiver() as receiver:
        result = run_program(program, receiver.port)
        assert receiver.toasts[-1].title.startswith("10 × order ")
    assert (result.stdout, result.stderr) == ("[0, 0, 0, 0, 0]\n", "")


def test_a_handler_that_dict_config_has_replaced_is_drained() -> None:
    """After a second dictConfig the old handler is in none of logging's lists."""
    program = """
        import logging.config, sys
        config = {"version": 1, "handlers": {"gntp": {"class": "gntp_logging.GNTPHandler", "port": int(sys.argv[1])}},
                  "root": {"handlers": ["gntp"]}}
        logging.config.dictConfig(config)
        (old,) = logging.getLogger().handlers
        logging.config.dictConfig(config)
        logging.error("through the new one")
        logging.getLogger().handlers[0].flush(10)
        old.handle(logging.LogRecord("orders", logging.ERROR, "", 1, "through the old one", None, None))
    """
    with running_receiver() as receiver:
        result = run_program(program, receiver.port)
        assert {said(toast) for toast in receiver.toasts} == {"through the old one", "through the new one"}
    assert result.stderr == ""


def test_without_a_server_one_line_says_so_and_the_exit_is_not_delayed() -> None:
    """The program runs on as if nothing were attached."""
    port = free_port()
    began = time.monotonic()
    result = run_program(f"{LOG_ONE_ERROR}\n    print('done')\n", port, {"shutdown_timeout": 60})
    assert time.monotonic() - began < 30  # the first refused connection ends the waiting
    assert (result.returncode, result.stdout) == (0, "done\n")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"gntp_logging: cannot show alerts on 127.0.0.1:{port}: Connection refused")


def test_a_server_that_never_answers_costs_the_exit_its_budget_and_one_line() -> None:
    """The budget ends before the first failure: the line comes at exit, with host and reason."""
    with socket.create_server(("127.0.0.1", 0)) as listener:  # connects, and nobody ever accepts
        port = listener.getsockname()[1]
        began = time.monotonic()
        result = run_program(LOG_ONE_ERROR, port, {"shutdown_timeout": 0.5, "timeout": 60})
        assert time.monotonic() - began < 20
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    where = f"cannot show alerts on 127.0.0.1:{port}"
    assert line == f"gntp_logging: {where}: no answer within 0.5 s, 1 alert not delivered"


def test_a_server_that_stopped_answering_is_told_once() -> None:
    """The line comes at the first failure; the exit adds none."""
    program = f"{LOG_ONE_ERROR}\n    logging.getLogger().handlers[0].flush(10)\n    logging.error('again')\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = run_program(program, port, {"shutdown_timeout": 0.2, "timeout": 0.1})
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"gntp_logging: cannot show alerts on 127.0.0.1:{port}: no complete answer within 0.1 s")


def test_a_wrong_password_is_one_line_that_says_what_to_check() -> None:
    """However many records there were."""
    program = f"{LOG_ONE_ERROR}\n    logging.error('again')\n    logging.error('and again')\n"
    with running_receiver(["right"]) as receiver:
        result = run_program(program, receiver.port, {"password": "wrong", "encryption": "AES"})
        assert not receiver.toasts
    (line,) = result.stderr.splitlines()
    assert "does not accept the password" in line
    assert "check that the password is the server's, and that the server takes SHA256 and AES" in line


def test_the_line_respects_logging_raise_exceptions() -> None:
    """Logging's own switch for diagnostics silences this package as well."""
    result = run_program(f"import logging\nlogging.raiseExceptions = False\n{PROGRAM}", free_port(), {})
    assert result.stderr == ""


def test_a_program_without_stderr_runs_on() -> None:
    """Pythonw has none."""
    program = f"import sys\nsys.stderr = None\n{PROGRAM}\nprint('done')"
    assert run_program(program, free_port(), {}).stdout == "done\n"


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_multiprocessing_childs_last_error_is_delivered(method: str, tmp_path: Path) -> None:
    """Its end is os._exit, which runs no function of atexit; each process delivers its own alerts once."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
            import logging, multiprocessing, sys
            import gntp_logging
            logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(sys.argv[1]), app_name="shop"))

            def work(number):
                logging.error("child %d", number)

            if __name__ == "__main__":
                logging.error("parent")
                context = multiprocessing.get_context(sys.argv[2])
                children = [context.Process(target=work, args=(number,)) for number in range(2)]
                for child in children:
                    child.start()
                for child in children:
                    child.join()
        """),
        encoding="utf-8",
    )
    with running_receiver() as receiver:
        result = subprocess.run(
            # Python warns of fork in a process with threads; the worker's is one.
            [sys.executable, "-W", "ignore::DeprecationWarning", program, str(receiver.port), method],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert sorted(said(toast) for toast in receiver.toasts) == ["child 0", "child 1", "parent"]
    assert result.stderr == ""


def test_two_dead_servers_share_one_budget() -> None:
    """Handlers are drained side by side: two hung servers delay the exit no longer than one."""
    program = """
        import logging, sys, time, atexit
        began = []
        atexit.register(lambda: print(time.monotonic() - began[0]))
        import gntp_logging
        for port in sys.argv[1:]:
            logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(port), shutdown_timeout=1, timeout=60))
        logging.error("it broke")
        began.append(time.monotonic())
    """
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        result = run_program(program, one.getsockname()[1], other.getsockname()[1])
    assert 0.9 < float(result.stdout) < 1.9
    assert len(result.stderr.splitlines()) == 2


def test_what_other_threads_log_at_the_end_is_delivered() -> None:
    """A daemon thread goes on while the program ends; nothing that it logs is given up while there is time."""
    program = """
        import atexit, logging, sys, threading
        atexit.register(lambda: print(handler.stats().dropped, done.wait(20)))
        import gntp_logging
        handler = gntp_logging.GNTPHandler(port=int(sys.argv[1]), repeat_window=0, rate=0, shutdown_timeout=20)
        logging.getLogger().addHandler(handler)
        begun, done = threading.Event(), threading.Event()

        def work():
            for number in range(300):
                logging.error("%d", number)
                begun.set()
            done.set()

        threading.Thread(target=work, daemon=True).start()
        begun.wait(20)
    """
    with running_receiver() as receiver:
        result = run_program(program, receiver.port)
        assert len(receiver.toasts) == 300
    assert (result.stdout, result.stderr) == ("{} True\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C there")
def test_ctrl_c_ends_the_waiting_and_every_handler_tells() -> None:
    """Nobody waits for the second server after Ctrl-C at the first, but what both have is counted and told."""
    program = """
        import atexit, logging, os, signal, sys, threading, time
        import gntp_logging
        from gntp_logging.delivery.process import exit_
        for port in sys.argv[1:]:
            logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(port), shutdown_timeout=20, timeout=60))
        workers = [handler._worker for handler in logging.getLogger().handlers]

        ending = threading.Event()

        def interrupt():
            ending.wait()
            while not any(worker._waiters for worker in workers):
                time.sleep(0.001)
            while not exit_.interrupted:  # Python sees a signal just before a wait for a lock only after that wait
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)

        threading.Thread(target=interrupt, daemon=True).start()
        atexit.register(ending.set)
        logging.error("it broke")
    """
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        began = time.monotonic()
        result = run_program(program, one.getsockname()[1], other.getsockname()[1])
        assert time.monotonic() - began < 15
    lines = [line for line in result.stderr.splitlines() if line.startswith("gntp_logging: ")]
    assert len(lines) == 2
    assert all(line.endswith(": interrupted, 1 alert not delivered") for line in lines)


def test_a_record_of_the_last_moment_is_reported_with_a_true_reason() -> None:
    """An object's __del__ logs while the interpreter goes: nothing can be delivered, and no time has passed."""
    program = """
        import logging, sys
        import gntp_logging
        logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(sys.argv[1]), app_name="shop"))

        class Late:
            def __del__(self, error=logging.error):
                error("too late")

        sys.modules["late"] = Late()
    """
    with running_receiver() as receiver:
        result = run_program(program, receiver.port)
        shown = [said(toast) for toast in receiver.toasts]
    assert "no answer within" not in result.stderr
    if not shown:  # else it was not too late
        assert result.stderr.endswith(": the program has ended, 1 alert not delivered\n")


def test_sigterm_turned_into_system_exit_delivers() -> None:
    """The two lines that docs/handler.md gives for SIGTERM."""
    program = (
        f"{LOG_ONE_ERROR}"
        """
    import os, signal
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    logging.error("about to be killed")
    os.kill(os.getpid(), signal.SIGTERM)
"""
    )
    with running_receiver() as receiver:
        result = run_program(program, receiver.port, {})
        assert [said(toast) for toast in receiver.toasts] == ["it broke", "about to be killed"]
    assert result.returncode == 143
