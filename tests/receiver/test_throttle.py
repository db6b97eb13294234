"""What happens often is told throttle."""

from __future__ import annotations

import time

import pytest

from gntp_logging.receiver.throttle import Throttle


def test_it_is_told_at_once_and_then_after_each_interval_with_what_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is only left out."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    throttle = Throttle(5.0)
    assert [throttle.allow() for _ in range(3)] == [0, None, None]
    now += 5.0
    assert [throttle.allow() for _ in range(2)] == [2, None]
    now += 60.0
    assert throttle.allow() == 1
    now += 60.0
    assert throttle.allow() == 0
