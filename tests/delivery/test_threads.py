"""threads: sub-interpreters, which end the process when they end with a thread."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gntp_logging.delivery.threads import in_main_interpreter, start_thread
from tests.support import PATIENCE, RunningReceiver, run_program, said

IN_SUB_INTERPRETER = """
    import sys, textwrap
    if sys.version_info >= (3, 13):
        import _interpreters as interpreters
        new, run = lambda: interpreters.create("legacy"), interpreters.exec
    else:
        import _xxsubinterpreters as interpreters
        new, run = lambda: interpreters.create(isolated=False), interpreters.run_string
    id_ = new()
    run(id_, f"import sys; sys.path[:] = {sys.path!r}; port = {sys.argv[1]}" + textwrap.dedent('''
        import logging, gntp_logging
        logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=port))
        logging.error("from a sub-interpreter")
        logging.error("and again")
    '''))
    interpreters.destroy(id_)
    print("still here")
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.program
def test_a_sub_interpreter_delivers_without_a_thread_and_ends_in_peace(receiver: RunningReceiver) -> None:
    """A thread that outlives its sub-interpreter would end the whole process."""
    result = run_program(IN_SUB_INTERPRETER, receiver.port)
    assert [said(toast) for toast in receiver.toasts] == ["from a sub-interpreter", "and again"]
    assert result.stdout == "still here\n", result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("gntp_logging: no thread can be started")


def test_the_main_interpreter_is_known_as_such() -> None:
    """Where everything else runs, threads are started."""
    import threading

    assert in_main_interpreter()
    ran = threading.Event()
    start_thread(ran.set)
    assert ran.wait(PATIENCE)


@pytest.mark.program
def test_a_python_without_sub_interpreters_has_only_the_main_one() -> None:
    """The module is no part of every Python."""
    program = (
        "import sys; sys.modules['_xxsubinterpreters'] = None\n"
        "import gntp_logging.delivery.threads; print(gntp_logging.delivery.threads.in_main_interpreter())"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "True\n"
