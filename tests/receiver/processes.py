"""Ending other people's programs."""

from __future__ import annotations

import subprocess
from typing import Any


def end(process: subprocess.Popen[Any], bound: float) -> None:
    """End a program: asked first, killed when it has not ended after so many seconds.

    Args:
        process: The program.
        bound: Seconds.
    """
    process.terminate()
    try:
        process.wait(bound)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(bound)
