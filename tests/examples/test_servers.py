"""The log configurations for gunicorn and uvicorn show what an application lets through."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES
from tests.running import StartProgram, get
from tests.support import RunningReceiver

WSGI = """
def application(environ, start_response):
    return {"apples": 3}[environ["PATH_INFO"]]
"""
ASGI = """
async def application(scope, receive, send):
    assert scope["type"] == "http"
    {"apples": 3}[scope["path"]]
"""


def test_gunicorn(desktop: RunningReceiver, start: StartProgram, tmp_path: Path) -> None:
    """Its own log still goes to the terminal."""
    pytest.importorskip("gunicorn", reason="needs gunicorn: pip install gunicorn")
    (tmp_path / "shop.py").write_text(WSGI, "utf-8")
    configuration = str(EXAMPLES / "gunicorn.conf.py")
    server = start("-m", "gunicorn", "--config", configuration, "--bind", "127.0.0.1:0", "shop:application")
    get(server.number_after("Listening at: http://127.0.0.1:"), "/checkout")
    (toast,) = desktop.wait_for(1)
    assert toast.title == "KeyError: '/checkout'"
    assert toast.text.startswith("Error handling request ")
    assert "\nERROR · gunicorn.error · " in toast.text
    assert "/shop.py:3 in application" in toast.text
    assert "KeyError" in server.output


def test_uvicorn(desktop: RunningReceiver, start: StartProgram, tmp_path: Path) -> None:
    """Its own log still goes to the terminal."""
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install uvicorn")
    (tmp_path / "shop.py").write_text(ASGI, "utf-8")
    server = start(
        "-m", "uvicorn", "shop:application", "--app-dir", str(tmp_path), "--lifespan", "off", "--port", "0",
        "--log-config", str(EXAMPLES / "uvicorn_log.json"),
    )  # fmt: skip
    get(server.number_after("Uvicorn running on http://127.0.0.1:"), "/checkout")
    (toast,) = desktop.wait_for(1)
    assert toast.title == "KeyError: '/checkout'"
    assert toast.text.startswith("Exception in ASGI application\n")
    assert "\nERROR · uvicorn.error · " in toast.text
    assert "KeyError" in server.output
