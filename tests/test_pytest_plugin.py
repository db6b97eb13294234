"""pytest_plugin: no test alerts people, and what it costs; the fixture that it gives is in test_testing.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import RunningReceiver, run_program, said

pytestmark = pytest.mark.program

CONFTEST = """
import logging, gntp_logging
handler = gntp_logging.GNTPHandler(port={port}, shutdown_timeout=30)
logging.getLogger().addHandler(handler)
"""
TEST = """
import logging, os, subprocess, sys

def test_what_fails_on_purpose():
    logging.error("a test said it")
    program = "import logging, gntp_logging; logging.root.addHandler(gntp_logging.GNTPHandler(port={port}))"
    subprocess.run([sys.executable, "-c", program + "; logging.error('its program said it')"], check=True)
"""


def _run(folder: Path, port: int, disabled: str | None) -> None:
    (folder / "conftest.py").write_text(CONFTEST.format(port=port), "utf-8")
    (folder / "test_shop.py").write_text(TEST.format(port=port), "utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "GNTP_LOGGING_DISABLED"}
    environment |= {} if disabled is None else {"GNTP_LOGGING_DISABLED": disabled}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr


def test_a_test_run_alerts_nobody(tmp_path: Path, receiver: RunningReceiver) -> None:
    """Neither by a handler that conftest.py has made, nor by a program that a test has started."""
    _run(tmp_path, receiver.port, None)
    assert receiver.toasts == []


def test_zero_lets_the_alerts_of_a_test_run_out(tmp_path: Path, receiver: RunningReceiver) -> None:
    """For who wants to see them."""
    _run(tmp_path, receiver.port, "0")
    assert sorted(map(said, receiver.wait_for(2))) == ["a test said it", "its program said it"]


def test_the_environment_is_what_it_was() -> None:
    """After a run within a program that goes on."""
    code = """
    import os, sys, pytest
    del os.environ["GNTP_LOGGING_DISABLED"]
    pytest.main(["-q", "-p", "no:cacheprovider", "--collect-only", "--version"])
    pytest.main(["-q", "-p", "no:cacheprovider", os.devnull])
    print("GNTP_LOGGING_DISABLED" in os.environ)
    """
    assert run_program(code).stdout.endswith("False\n")


def test_the_plugin_costs_a_test_run_nothing() -> None:
    """It is loaded in every run where this package is installed: no receiver, no event loop."""
    code = "import sys, gntp_logging.pytest_plugin; print({'asyncio', 'gntp_logging.receiver'} & set(sys.modules))"
    finished = run_program(code)
    assert finished.stdout.strip() == "set()", finished.stderr
