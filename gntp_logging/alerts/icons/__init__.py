"""Pictures of the levels, drawn by ``tools/draw_icons.py``: what the desktop shows beside an alert."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from typing import Final

from gntp_logging.alerts.levels import DEFAULT_STYLES, LevelStyle
from gntp_logging.gntp.models import Resource

NAMES: Final = ("Debug", "Info", "Warning", "Error", "Critical")
"""Events of the standard levels, each with a picture of its name in lower case."""


@functools.cache
def picture(name: str) -> Resource:
    """Return a level's picture, a PNG of 64 by 64 pixels.

    Args:
        name: One of ``NAMES``.
    """
    path = os.path.join(os.path.dirname(__file__), f"{name.lower()}.png")
    # The module's loader also reads from a zip archive.
    data: bytes = __loader__.get_data(path)  # type: ignore[name-defined]  # every imported module has one
    return Resource(data=data)


def default_styles() -> dict[int, LevelStyle]:
    """Return the standard levels' styles with their pictures."""
    return {
        level: replace(style, icon=picture(style.event)) if style.event in NAMES else style
        for level, style in DEFAULT_STYLES.items()
    }
