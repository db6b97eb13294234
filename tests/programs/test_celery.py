"""Celery's prefork pool: children of billiard, which are recycled, and ended by their parent before any exit code."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import BOUND, StartProgram
from tests.support import RunningReceiver, said

pytest.importorskip("celery", reason="needs Celery: pip install celery")

APPLICATION = """
    import faulthandler, logging, os, signal
    from celery import Celery
    import gntp_logging

    faulthandler.register(signal.SIGUSR1)  # where it stands, when it does
    logger = logging.getLogger("shop")
    # A busy machine may take longer than two seconds for a child's last alerts.
    handler = gntp_logging.GNTPHandler(port=int(os.environ["GNTP_PORT"]), repeat_window=0, shutdown_timeout=30)
    logger.addHandler(handler)
    here = os.path.dirname(os.path.abspath(__file__))
    app = Celery("shop", broker="filesystem://")
    app.conf.update(
        broker_transport_options={
            "data_folder_in": here + "/queue", "data_folder_out": here + "/queue", "control_folder": here + "/control"
        },
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
    )
    logger.error("imported by %d", os.getpid())

    @app.task
    def pay(order):
        logger.error("order %d in %d", order, os.getpid())
        with open(here + "/ran", "a") as file:
            file.write("order %d in %d\\n" % (order, os.getpid()))

    if __name__ == "__main__":
        for order in range(6):
            pay.delay(order)
"""


def test_each_child_delivers_its_own_alerts_once(
    start: StartProgram, write: Callable[[str, str], Path], receiver: RunningReceiver, tmp_path: Path
) -> None:
    """Two at a time, each child for two tasks only: its end is as good as that of any process."""
    (tmp_path / "queue").mkdir()
    (tmp_path / "control").mkdir()
    (tmp_path / "ran").touch()
    write("shop.py", APPLICATION)
    sender = start("shop.py")
    receiver.wait_for(1, BOUND)
    worker = start(
        "-m", "celery", "-A", "shop", "worker", "--pool", "prefork", "--concurrency", "2", "--max-tasks-per-child", "2",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    )  # fmt: skip
    try:
        toasts = receiver.wait_for(8, BOUND)
    except AssertionError as error:
        ran = (tmp_path / "ran").read_text("utf-8")  # a task that Celery has lost is no alert that we have lost
        alive = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text("ascii")
        for pid in [worker.pid, *map(int, alive.split())]:
            os.kill(pid, signal.SIGUSR1)
        worker.stop()  # and with that its output is whole
        raise AssertionError(f"{[said(toast) for toast in receiver.toasts]}\nran:\n{ran}\n{worker.output}") from error
    worker.stop()
    texts = [said(toast) for toast in receiver.toasts]
    assert len(texts) == len(toasts) == 8, texts
    assert texts[0] == f"imported by {sender.pid}"
    assert f"imported by {worker.pid}" in texts
    orders = [text.split(" in ") for text in texts if text.startswith("order")]
    assert sorted(order for order, _ in orders) == [f"order {number}" for number in range(6)]
    children = {child for _, child in orders}
    assert str(worker.pid) not in children
    assert len(children) >= 2, orders
    assert "gntp_logging:" not in worker.output
