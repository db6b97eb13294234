"""What type checkers accept runs as well; and where the checkers are installed, they find what they must."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import free_port, running_receiver
from tests.typed import accepted

HERE = Path(__file__).parent


def test_every_option_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the constructor, as by the checkers."""
    monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1")
    for handler in accepted.handlers():
        accepted.of_the_handler(handler)
    accepted.beside_the_handler()
    accepted.wrapped()
    accepted.wrapped_wsgi().server_close()
    (tmp_path / "alerts.toml").write_text('[gntp]\napp_name = "shop"\n', "utf-8")
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        accepted.configured(tmp_path / "alerts.toml")
    finally:
        root.handlers[:] = before


@pytest.mark.parametrize("is_there", [True, False])
def test_the_library_is_used_so(is_there: bool) -> None:
    """With a server, and without one."""
    with running_receiver(["secret"]) as receiver:
        accepted.library(receiver.port if is_there else free_port())
        assert [toast.title for toast in receiver.toasts] == (["done", "done"] if is_there else [])
    with running_receiver() as receiver:
        accepted.one_request(receiver.port)


@pytest.mark.parametrize(
    "command",
    [
        ["mypy", "--strict", "--cache-dir", os.devnull, "accepted.py", "refused.py"],
        ["pyright", "-p", ".", "--pythonpath", sys.executable],
    ],
    ids=lambda command: command[0],
)
def test_a_checker_finds_what_it_must(command: list[str]) -> None:
    """Neither more nor less: a mistake that is none any more is an error too."""
    pytest.importorskip(command[0], reason=f"needs {command[0]}: pip install {command[0]}")
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=HERE, capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    assert result.returncode == 0, result.stdout
