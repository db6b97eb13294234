"""Fixtures of the library's tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def nothing_is_left_open() -> Iterator[None]:
    """A socket that nobody closed is a ResourceWarning, which fails the test that left it."""
    yield
    gc.collect()
