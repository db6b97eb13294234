"""What happens again and again is told once in a while, with how often it happened."""

from __future__ import annotations

import time


class Seldom:
    """Tells when something is to be told."""

    def __init__(self, interval: float) -> None:
        """Begin with nothing told.

        Args:
            interval: Seconds between two times.
        """
        self._interval = interval
        self._told_at: float | None = None
        self._kept_quiet = 0

    def happened(self) -> int | None:
        """Take notice that it happened.

        Returns:
            When it is to be told: how often it happened since the last time, without being told. Else None.
        """
        now = time.monotonic()
        if self._told_at is not None and now < self._told_at + self._interval:
            self._kept_quiet += 1
            return None
        quiet, self._kept_quiet = self._kept_quiet, 0
        self._told_at = now
        return quiet
