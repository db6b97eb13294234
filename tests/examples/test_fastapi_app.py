"""The FastAPI application, served by uvicorn, shows the exception of a path operation."""

from __future__ import annotations

import platform

import pytest

from tests.running import StartProgram, get
from tests.support import RunningReceiver

pytest.importorskip("fastapi", reason="needs FastAPI: pip install fastapi")
pytest.importorskip("uvicorn", reason="needs uvicorn: pip install uvicorn")


def test_shows_the_exception_of_a_path_operation(desktop: RunningReceiver, start: StartProgram) -> None:
    """One real HTTP request that fails is one alert with the exception, the function's name and the request."""
    server = start("-m", "uvicorn", "fastapi_app:app", "--port", "0")
    port = server.number_after("Uvicorn running on http://127.0.0.1:")

    assert get(port, "/checkout?token=secret") == "Internal Server Error"

    (toast,) = desktop.wait_for(1)
    assert toast.application == "shop"
    assert toast.title == "KeyError: 'total'"
    assert (toast.priority, toast.encryption, toast.hash_) == (1, "AES", "SHA256")
    lines = toast.text.split("\n")
    assert any("fastapi_app.py" in line and line.endswith("in checkout") for line in lines)
    assert lines[-1] == f"ERROR · uvicorn.error · {platform.node()} · GET /checkout"
    assert (toast.headers["Data-Method"], toast.headers["Data-Path"]) == ("GET", "/checkout")
    assert "secret" not in str(toast)


def test_a_page_that_is_not_there_is_no_alert(desktop: RunningReceiver, start: StartProgram) -> None:
    """Neither does its request stay behind for the next one."""
    server = start("-m", "uvicorn", "fastapi_app:app", "--port", "0")
    port = server.number_after("Uvicorn running on http://127.0.0.1:")

    assert "Not Found" in get(port, "/nothing")
    get(port, "/checkout")

    (toast,) = desktop.wait_for(1)
    assert toast.headers["Data-Path"] == "/checkout"
