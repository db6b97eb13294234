"""gunicorn with preload: the handler is made in the master, and used in workers that are forked from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import StartProgram, get
from tests.support import RunningReceiver, said, wait_until

pytest.importorskip("gunicorn", reason="needs gunicorn: pip install gunicorn")

APPLICATION = """
    import logging, os
    import gntp_logging

    logging.getLogger().addHandler(gntp_logging.GNTPHandler(port=int(os.environ["GNTP_PORT"]), repeat_window=0))
    logging.error("master %d", os.getpid())

    def application(environ, start_response):
        logging.error("worker %d %s", os.getpid(), environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
"""


def test_master_and_both_workers_deliver_their_own_alerts_once(
    start: StartProgram, write: Callable[[str, str], Path], receiver: RunningReceiver
) -> None:
    """Without a hook in gunicorn's configuration; and what is logged last is not lost when it is told to end."""
    write("shop.py", APPLICATION)
    program = start("-m", "gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:0", "shop:application")
    port = program.number_after("Listening at: http://127.0.0.1:")
    program.wait_for("Booting worker with pid", 2)
    expected = [f"master {program.pid}"]
    seen: set[str] = set()

    def both_have_answered() -> bool:
        pid = get(port, f"/{len(expected)}")
        expected.append(f"worker {pid} /{len(expected)}")
        seen.add(pid)
        return len(seen) == 2

    wait_until(both_have_answered, 30)
    expected.append(f"worker {get(port, '/last')} /last")
    assert program.stop() == 0, program.output
    receiver.wait_for(len(expected))
    assert sorted(said(toast) for toast in receiver.toasts) == sorted(expected)
    assert "gntp_logging" not in program.output  # nothing to complain about
