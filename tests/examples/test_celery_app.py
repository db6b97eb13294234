"""The Celery application shows the exception of a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.conftest import CELERY_WORKER, write_celery_application
from tests.running import BOUND, StartProgram
from tests.support import RunningReceiver

pytest.importorskip("celery", reason="needs Celery: pip install celery")


def test_shows_the_exception_of_a_task(desktop: RunningReceiver, start: StartProgram, tmp_path: Path) -> None:
    """A real worker, a real task: one alert with the exception, the function's name, the task's name and id."""
    write_celery_application(tmp_path)
    sender = start("shop.py")
    sender.wait_for("sent")
    start(*CELERY_WORKER)

    (toast,) = desktop.wait_for(1, BOUND)
    assert toast.application == "shop"
    assert toast.title == "KeyError: 'total'"
    assert (toast.priority, toast.encryption) == (1, "AES")
    lines = toast.text.split("\n")
    assert lines[-1].startswith("ERROR · celery.app.trace · ")
    assert toast.text.count(toast.headers["Data-Task-Id"]) == 1, "Celery's message has it as well"
    assert "Traceback" not in toast.text
    assert any("celery_app.py" in line and line.endswith("in pay") for line in lines)
    assert toast.headers["Data-Task"] == "celery_app.pay"
    task_id = sender.output.split("sent ")[1].strip()
    assert toast.headers["Data-Task-Id"] == task_id
    assert "task celery_app.pay" in lines[-1]
