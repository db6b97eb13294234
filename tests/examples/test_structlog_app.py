"""The program with structlog in front shows an event and an exception."""

from __future__ import annotations

import re

import pytest

from tests.examples.conftest import RunExample
from tests.support import RunningReceiver

pytest.importorskip("structlog", reason="needs structlog: pip install structlog")


def test_shows_the_event_and_the_exception(desktop: RunningReceiver, run_example: RunExample) -> None:
    """With what was bound to the event, and to the context."""
    finished = run_example("structlog_app.py")

    assert (finished.returncode, finished.stdout) == (0, "")
    assert "gntp_logging:" not in finished.stderr
    assert re.search(r"order was not paid +order=4711 request_id=a-1\n", finished.stderr), finished.stderr
    event, exception = desktop.wait_for(2)
    assert event.title == "order was not paid"
    assert event.text.startswith("ERROR · shop.orders · ")
    assert (event.headers["Data-Order"], event.headers["Data-Request-Id"]) == ("4711", "a-1")
    assert event.text.split("\n")[-1].endswith("order 4711 · request_id a-1")
    lines = exception.text.split("\n")
    assert (exception.title, lines[0]) == ("KeyError: 'total'", "cannot add up the basket")
    assert "structlog_app.py" in lines[1]
    assert exception.headers["Data-Order"] == "4712"
