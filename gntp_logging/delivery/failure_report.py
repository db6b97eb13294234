"""The lines on stderr about a place that alerts cannot reach: one when that begins, and one when it ends."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from .process import failure_lock


class FailureReport:
    """The lines of one worker, in one process."""

    def __init__(self, label: str, failure_key: Hashable, write_line: Callable[[str], None]) -> None:
        """Begin without a failure.

        Args:
            label: Names the place for people.
            failure_key: Workers with an equal one report a failure once for all of them.
            write_line: Takes a line for people.
        """
        self._label = label
        self._write_line = write_line
        self._failure_is_known = failure_lock(failure_key)

    def failure(self, reason: str) -> bool:
        """Report a failure, once until the next recovery; return whether that was now."""
        is_news: bool = self._failure_is_known.acquire(blocking=False)
        if is_news:
            self.line(f"cannot show alerts on {self._label}: {reason}")
        return is_news

    def success(self, counts: Callable[[], tuple[int, int]]) -> None:
        """Report that alerts are shown again, if a failure was reported before.

        Args:
            counts: Returns how many alerts have waited, and how many are lost.
        """
        if not self._failure_is_known.locked():
            return
        try:
            self._failure_is_known.release()
        except RuntimeError:
            return  # another worker has reported it already
        waited, lost = counts()
        self.line(f"{self._label} shows alerts again: {alerts(waited)} waited, {alerts(lost) if lost else 'none'} lost")

    def line(self, line: str) -> None:
        """Write a line."""
        try:
            self._write_line(line)
        except Exception:  # noqa: BLE001 - sys.stderr can be anything that a program has put there
            return


def alerts(count: int) -> str:
    """Return a number of alerts in words, such as ``1 alert`` or ``2,000 alerts``."""
    return "1 alert" if count == 1 else f"{count:,} alerts"
