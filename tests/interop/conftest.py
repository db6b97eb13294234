"""Fixtures of the tests with real desktops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.gol import PORT, Gol
from tests.interop.passthrough import PassThrough


@pytest.fixture(scope="module")
def gol(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gol]:
    """A real growl-for-linux, one for all tests of a module; it ends with them, because its ports are fixed."""
    running = Gol(tmp_path_factory.mktemp("gol"))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def pass_through(gol: Gol) -> Iterator[PassThrough]:
    """A pass-through before it, that counts what it gets."""
    with PassThrough(PORT) as running:
        yield running
