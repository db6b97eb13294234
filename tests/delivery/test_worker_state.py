"""worker_state: what a worker does, and when it tries again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.delivery.worker_state import State, WorkerState


def test_pauses_double_up_to_a_minute_with_jitter() -> None:
    """Many processes that have lost one server do not come back in step."""
    state = WorkerState()
    pauses = []
    for _ in range(12):
        began = time.monotonic()
        state.enter(State.RETRYING)
        pauses.append(state.retry_at - began)
    for pause, middle in zip(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60], strict=True):
        assert 0.74 * middle < pause < 1.26 * middle
    assert len({round(pause, 3) for pause in pauses[6:]}) > 1


def test_a_refused_password_stops_all_for_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then one alert asks whether somebody has mended it."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    state = WorkerState()
    state.enter(State.REFUSED)
    assert state.drops_unsent
    assert state.pause() == 0.0
    now += 299
    assert state.drops_unsent
    now += 1
    assert not state.drops_unsent


@given(st.lists(st.sampled_from(State)))
def test_only_a_failure_lets_anybody_wait(states: list[State]) -> None:
    """Whatever was before: an answer ends the back-off, and the next failure begins with the shortest."""
    state = WorkerState()
    for entered in states:
        state.enter(entered)
        assert state.current is entered
        assert (state.pause() > 0) == state.is_retrying == (entered is State.RETRYING)
        assert state.drops_unsent == (entered is State.REFUSED)
    state.enter(State.RUNNING)
    state.enter(State.RETRYING)
    assert 0.7 < state.pause() < 1.3
