"""The Flask application shows the exception of a view."""

from __future__ import annotations

import platform

import pytest

from tests.examples.conftest import RequestOnce
from tests.support import RunningReceiver, said


@pytest.fixture(autouse=True)
def _needs_flask() -> None:
    pytest.importorskip("flask", reason="needs Flask: pip install 'flask>=3'")


def test_shows_the_exception_of_a_view(desktop: RunningReceiver, request_once: RequestOnce) -> None:
    """One real HTTP request to a view that fails is one alert with the exception and the view's name."""
    status, errors = request_once("flask_app:app", "/checkout")

    assert status == 500
    assert errors.count("Traceback") == 1, "Flask's own log on stderr stays as it was"
    assert "gntp_logging:" not in errors
    (toast,) = desktop.wait_for(1)
    assert toast.application == "shop"
    assert toast.priority == 1
    assert (toast.encryption, toast.hash_) == ("AES", "SHA256")
    lines = said(toast).split("\n")
    assert lines[0] == "KeyError: 'total'"
    assert any("/checkout" in line for line in lines)
    assert any("flask_app.py" in line and line.endswith("in checkout") for line in lines)
    assert toast.text.endswith(f"\nERROR · flask_app · {platform.node()} · GET /checkout")


def test_a_page_that_is_not_there_is_no_alert(desktop: RunningReceiver, request_once: RequestOnce) -> None:
    """A 404 is no error of the application."""
    status, errors = request_once("flask_app:app", "/nothing")

    assert (status, errors) == (404, "")
    assert desktop.toasts == []
