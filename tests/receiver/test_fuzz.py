"""The receiver under mutated requests, for two seconds; ``python tests/receiver/fuzz.py`` does it for longer."""

from __future__ import annotations

from tests.receiver.fuzz import fuzz


def test_it_stands() -> None:
    """It answers afterwards, holds nothing for anybody, and has not grown."""
    assert fuzz(2.0, "1") == []
