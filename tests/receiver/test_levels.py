"""The level of a toast."""

from __future__ import annotations

import logging

import pytest

from gntp_logging.alerts.levels import DEFAULT_STYLES
from gntp_logging.receiver.levels import LEVELS, level
from gntp_logging.receiver.registry import Toast


def test_the_levels_are_loggings_own() -> None:
    """Names, numbers and order."""
    assert [(name, logging.getLevelName(number)) for name, number in LEVELS.items()] == [
        (name, name) for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    ]


@pytest.mark.parametrize(
    ("headers", "priority", "expected"),
    [
        ({"Data-Level": "ERROR"}, -2, logging.ERROR),
        ({"data-level": "error"}, -2, logging.ERROR),
        ({"Data-Level": "NOTICE"}, -1, logging.INFO),
        ({"Data-Level": "Level 45"}, 1, logging.ERROR),
        ({}, 2, logging.CRITICAL),
        ({}, 0, logging.WARNING),
        ({}, -2, logging.DEBUG),
    ],
)
def test_what_the_sender_says_counts_before_the_priority(headers: dict[str, str], priority: int, expected: int) -> None:
    """A level that logging does not have is known by its priority."""
    assert level(Toast("shop", "Error", "title", "text", priority=priority, headers=headers)) == expected


@pytest.mark.parametrize("number", DEFAULT_STYLES)
def test_priorities_are_those_of_the_handler(number: int) -> None:
    """So that what it sends to a receiver that loses the header keeps its level."""
    assert level(Toast("shop", "Error", "title", "text", priority=DEFAULT_STYLES[number].priority)) == number
