"""The program with loguru in front shows a message and an exception."""

from __future__ import annotations

import pytest

from tests.examples.conftest import RunExample
from tests.support import RunningReceiver

pytest.importorskip("loguru", reason="needs loguru: pip install loguru")


def test_shows_the_message_and_the_exception(desktop: RunningReceiver, run_example: RunExample) -> None:
    """With what was bound, and without loguru's own traceback."""
    finished = run_example("loguru_app.py")

    assert finished.returncode == 0, finished.stderr
    assert "gntp_logging:" not in finished.stderr
    message, exception = desktop.wait_for(2)
    assert message.title == "Order 4711 was not paid"
    assert message.text.startswith("ERROR · __main__ · ")
    assert message.headers["Data-Order"] == "4711"
    lines = exception.text.split("\n")
    assert exception.title == "KeyError: 'total'"
    assert any("loguru_app.py" in line and line.endswith("in add_up") for line in lines)
    assert "Traceback" not in exception.text
