"""Real servers and workers as programs of their own, beside a receiver."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import StartProgram, starting
from tests.support import RunningReceiver


@pytest.fixture
def start(tmp_path: Path, receiver: RunningReceiver) -> Iterator[StartProgram]:
    """Starts programs in the test's folder, and sees to it that they end."""
    with starting(tmp_path, {**os.environ, "GNTP_PORT": str(receiver.port)}, tmp_path) as start:
        yield start


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file of the application."""

    def to(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return to
