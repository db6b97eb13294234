"""What happens often is told seldom."""

from __future__ import annotations

import time

import pytest

from gntp_logging.receiver.seldom import Seldom


def test_it_is_told_at_once_and_then_after_each_interval_with_what_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is only left out."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    seldom = Seldom(5.0)
    assert [seldom.happened() for _ in range(3)] == [0, None, None]
    now += 5.0
    assert [seldom.happened() for _ in range(2)] == [2, None]
    now += 60.0
    assert seldom.happened() == 1
    now += 60.0
    assert seldom.happened() == 0
