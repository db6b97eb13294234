"""Other people's programs: found, or skipped with a reason; required in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
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


def npm_packages(folder: Path, *packages: str) -> Path:
    """Let npm fetch packages into a folder, and return it; skip the test, or fail it in CI, when npm cannot.

    Args:
        packages: Their names, each with its version.
    """
    npm = require_program("npm", "npm")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    try:
        finished = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=120, check=False)
    except subprocess.TimeoutExpired:
        missing_peer(f"npm could not fetch {', '.join(packages)} within two minutes")
    if finished.returncode:
        missing_peer(f"npm could not fetch {', '.join(packages)}: {finished.stderr[-500:]}")
    return folder
