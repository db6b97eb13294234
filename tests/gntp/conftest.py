"""Fixtures of the library's tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def nothing_is_left_open() -> Iterator[None]:
    """A socket that nobody closed is a ResourceWarning, which fails the test that left it."""
    gc.freeze()  # what was there before is not looked through, which would take a tenth of a second each time
    yield
    gc.collect()
    gc.unfreeze()
