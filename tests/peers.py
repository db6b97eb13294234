"""Other people's programs: found, or skipped with a reason; required in CI."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

REQUIRE_PEERS = "GNTP_LOGGING_REQUIRE_PEERS"
"""Environment variable: with 1, a peer program that is not installed fails its tests instead of skipping them."""


def require_program(program: str, package: str) -> str:
    """Return a program's path; skip the test, or fail it in CI, when it is not installed.

    Args:
        program: The program's name.
        package: The Debian package that has it.

    Returns:
        The program's path.
    """
    path = shutil.which(program)
    if path is None:
        missing_peer(f"{program} is not installed: apt-get install {package}")
    return path


def missing_peer(reason: str) -> NoReturn:
    """Skip the test, or fail it where peers are required."""
    if os.environ.get(REQUIRE_PEERS) == "1":
        pytest.fail(reason)
    pytest.skip(reason)
