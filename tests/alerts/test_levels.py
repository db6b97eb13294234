"""levels: level number -> event name, priority, stickiness."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.levels import DEFAULT_STYLES, LevelMap, LevelStyle
from gntp_logging.gntp.models import Resource


@pytest.mark.parametrize(
    ("level", "event", "priority", "sticky"),
    [
        (logging.DEBUG, "Debug", -2, False),
        (logging.INFO, "Info", -1, False),
        (logging.WARNING, "Warning", 0, False),
        (logging.ERROR, "Error", 1, False),
        (logging.CRITICAL, "Critical", 2, True),
        (25, "Info", -1, False),
        (1, "Debug", -2, False),
        (-5, "Debug", -2, False),
        (1000, "Critical", 2, True),
    ],
)
def test_a_level_takes_the_style_of_the_threshold_at_or_below_it(
    level: int, event: str, priority: int, sticky: bool
) -> None:
    """The standard levels have their styles, 25 is Info, and anything below DEBUG is Debug."""
    style = LevelMap().style(level)
    assert (style.event, style.priority, style.sticky) == (event, priority, sticky)


@given(st.integers(-100, 200), st.integers(-100, 200))
def test_a_higher_level_is_never_less_urgent(one: int, other: int) -> None:
    """Priorities grow with levels."""
    low, high = sorted((one, other))
    styles = LevelMap()
    assert styles.style(low).priority <= styles.style(high).priority


def test_events_name_each_type_once() -> None:
    """Two levels with one event register it once, with the picture that one of them has."""
    icon = Resource(data=b"picture")
    with_it, without = LevelStyle("Note", 0, icon=icon), LevelStyle("Note", -1)
    for lower, higher in ((without, with_it), (with_it, without)):
        events = LevelMap({10: lower, 20: higher, 30: LevelStyle("Alarm", 1)}).events()
        assert [event.name for event in events] == ["Note", "Alarm"]
        assert events[0].icon == icon


def test_events_are_enabled() -> None:
    """A type that is not enabled at registration is never shown, so all are."""
    assert all(event.enabled for event in LevelMap().events())
    assert len(LevelMap().events()) == len(DEFAULT_STYLES)
