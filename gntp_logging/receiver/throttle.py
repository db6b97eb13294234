"""Throttle: what happens again and again is reported once in an interval, with how often it happened meanwhile."""

from __future__ import annotations

import time


class Throttle:
    """Lets one report pass in each interval, and counts those that it holds back."""

    def __init__(self, interval: float) -> None:
        """Begin with nothing reported: the first passes.

        Args:
            interval: Seconds between two reports.
        """
        self._interval = interval
        self._passed_at: float | None = None
        self._held_back = 0

    def allow(self) -> int | None:
        """Decide about one report.

        Returns:
            How many were held back since the last one that passed; None if this one is held back as well.
        """
        now = time.monotonic()
        if self._passed_at is not None and now < self._passed_at + self._interval:
            self._held_back += 1
            return None
        held_back, self._held_back = self._held_back, 0
        self._passed_at = now
        return held_back
