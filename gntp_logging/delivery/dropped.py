"""Alerts that were given up: counted by reason, reported by the next one that gets through, handed to ``on_error``."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from gntp_logging.alerts.alert import Alert

# Reasons, as stats(), on_error and the next alert tell them. What a server answers is a reason too.
DISABLED: Final = "disabled on the server"
"""The one that is no failure: the user has switched the notification type off."""

INTERNAL_ERROR: Final = "internal error"
INVALID: Final = "invalid"
"""No GNTP message can hold it."""

LATE: Final = "not delivered in time"
"""The handler was closed, or the program ended, before a server took it."""

NOT_AUTHORIZED: Final = "not authorized"
NO_ANSWER: Final = "no answer"
QUEUE_FULL: Final = "queue full"


class DroppedAlerts:
    """What one worker has given up, in one process.

    The queue's lock guards the counts; ``hand_over`` is called without it.

    Attributes:
        by_reason: How many alerts were given up, by reason.
    """

    def __init__(self, on_error: Callable[[Alert, str], object] | None, room: int) -> None:
        """Begin with none.

        Args:
            on_error: Gets each alert that is given up, and the reason; None when nobody wants them.
            room: Alerts that are kept for it at most; then the oldest go, counted already.
        """
        self.by_reason: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._on_error = on_error
        self._kept: deque[tuple[Alert, str]] = deque(maxlen=room)
        self._handing_over = threading.Lock()

    def add(self, alert: Alert, reason: str, count: int = 1) -> None:
        """Count an alert, and keep it for ``on_error``.

        Args:
            alert: The alert.
            reason: Why it was given up, in a few words.
            count: How many it stands for.
        """
        self.by_reason[reason] += count
        if self._on_error is not None:
            self._kept.append((alert, reason))

    def unreported(self) -> Counter[str]:
        """Return, by reason, how many no alert has reported yet, but for what the user has switched off."""
        unreported = self.by_reason - self._reported
        del unreported[DISABLED]
        return unreported

    def mark_reported(self, dropped: Counter[str]) -> None:
        """Take notice that an alert that tells of these was shown.

        Args:
            dropped: What ``unreported`` returned before.
        """
        self._reported.update(dropped)

    def hand_over(self) -> None:
        """Call ``on_error`` for what was given up so far, whatever it raises; not for what it logs itself meanwhile."""
        if self._on_error is None or not self._handing_over.acquire(blocking=False):
            return
        try:
            for _ in range(len(self._kept)):
                alert, reason = self._kept.popleft()
                try:
                    self._on_error(alert, reason)
                except BaseException as error:  # sys.exit() in it ends neither the worker nor a logging call
                    # On the main thread that is a person, who wants to end an on_error that hangs, and the program.
                    if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                        raise
        finally:
            self._handing_over.release()


def with_dropped(alert: Alert, dropped: Counter[str]) -> Alert:
    """Let an alert tell, in its last line, what did not get through before it.

    Args:
        alert: The alert.
        dropped: Numbers by reason.

    Returns:
        The alert, or the same when there are none.
    """
    count = sum(dropped.values())
    if not count:
        return alert
    if len(dropped) == 1:
        reasons = next(iter(dropped))
    else:
        reasons = ", ".join(f"{number} {reason}" for reason, number in dropped.items())
    line = f"({'1 alert was' if count == 1 else f'{count} alerts were'} dropped: {reasons})"
    return alert._replace(text=f"{alert.text}\n{line}")
