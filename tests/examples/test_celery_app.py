"""The Celery application shows the exception of a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import BOUND, StartProgram
from tests.support import RunningReceiver

pytest.importorskip("celery", reason="needs Celery: pip install celery")

BROKER = """
import sys
from celery_app import app, pay

# A broker of files, in the current folder: the example leaves the choice to its user.
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"},
    broker_connection_retry_on_startup=True,
)
if __name__ == "__main__":
    print("sent", pay.delay(4711).id)
"""


def test_shows_the_exception_of_a_task(desktop: RunningReceiver, start: StartProgram, tmp_path: Path) -> None:
    """A real worker, a real task: one alert with the exception, the function's name, the task's name and id."""
    (tmp_path / "queue").mkdir()
    (tmp_path / "control").mkdir()
    (tmp_path / "shop.py").write_text(BROKER, encoding="utf-8")

    sender = start("shop.py")
    sender.wait_for("sent")
    start(
        "-m", "celery", "-A", "shop", "worker", "--concurrency", "1", "--without-gossip", "--without-mingle",
        "--without-heartbeat",
    )  # fmt: skip

    (toast,) = desktop.wait_for(1, BOUND)
    assert toast.application == "shop"
    assert toast.title == "ERROR · shop · celery.app.trace"
    assert (toast.priority, toast.encryption) == (1, "AES")
    lines = toast.text.split("\n")
    assert lines[0] == "KeyError: 'total'"
    assert "Traceback" not in toast.text
    assert any("celery_app.py" in line and line.endswith("in pay") for line in lines)
    assert toast.headers["Data-Task"] == "celery_app.pay"
    task_id = sender.output.split("sent ")[1].strip()
    assert toast.headers["Data-Task-Id"] == task_id
    assert "task celery_app.pay" in lines[-1]
