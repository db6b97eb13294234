"""What a level looks like on the desktop: level number -> event name, priority, stickiness, picture.

Pure. A level takes the style of the highest threshold at or below its number, so that 25 is Info and 60 Critical.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gntp_logging.gntp.models import Event, Resource


@dataclass(frozen=True)
class LevelStyle:
    """How alerts of one level are shown.

    Attributes:
        event: Name of the notification type, which the user can configure on the desktop.
        priority: GNTP priority, from -2 (very low) to 2 (emergency).
        sticky: Whether the alert stays until it is dismissed.
        icon: Picture of the notification type; None uses the application's.
    """

    event: str
    priority: int
    sticky: bool = False
    icon: Resource | None = None


DEFAULT_STYLES: Final[Mapping[int, LevelStyle]] = {
    logging.DEBUG: LevelStyle("Debug", -2),
    logging.INFO: LevelStyle("Info", -1),
    logging.WARNING: LevelStyle("Warning", 0),
    logging.ERROR: LevelStyle("Error", 1),
    logging.CRITICAL: LevelStyle("Critical", 2, sticky=True),
}


class LevelMap:
    """Styles by threshold."""

    def __init__(self, styles: Mapping[int, LevelStyle] = DEFAULT_STYLES) -> None:
        """Order the thresholds.

        Args:
            styles: Styles by the level number from which they hold; at least one.
        """
        self._thresholds = sorted(styles)
        self._styles = [styles[threshold] for threshold in self._thresholds]

    def style(self, level: int) -> LevelStyle:
        """Return the style of a level.

        Args:
            level: A level number, standard or not.

        Returns:
            The style of the highest threshold at or below it; of the lowest threshold if all are above.
        """
        return self._styles[max(0, bisect_right(self._thresholds, level) - 1)]

    def events(self) -> tuple[Event, ...]:
        """Return the notification types to register, each once, from the lowest level to the highest."""
        by_name: dict[str, Event] = {}
        for style in self._styles:
            known = by_name.get(style.event)
            if known is None or known.icon is None:
                by_name[style.event] = Event(style.event, icon=style.icon)
        return tuple(by_name.values())
