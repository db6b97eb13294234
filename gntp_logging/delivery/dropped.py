"""Alerts that were dropped: counted by reason, reported by the next alert that is shown, passed to ``on_error``."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from gntp_logging.alerts.alert import Alert

from .digest import Finish

# Reasons, as stats(), on_error and the next alert name them. Others are errors that a server answers; on_error gets its
# words.
DISABLED: Final = "disabled on the server"
"""The only reason that is not a failure: the user has switched the notification type off."""

INTERNAL_ERROR: Final = "internal error"
INVALID: Final = "invalid"
"""No GNTP message can hold the alert."""

LATE: Final = "not delivered in time"
"""The handler was closed, or the program ended, before a server took the alert."""

NOT_AUTHORIZED: Final = "not authorized"
NO_ANSWER: Final = "no answer"
QUEUE_FULL: Final = "queue full"


UNREAD: Final = Alert(
    logging.ERROR, "", 0, sticky=False, title="Alert", text="(a record for which the stack had no room)"
)
"""Stands for what was logged so deep in a recursion that nothing could be made of it."""

Compose = Callable[[Finish], Alert]
"""Makes the alert that ``on_error`` gets: later, because it takes time."""


class DroppedAlerts:
    """The alerts that one worker has dropped in one process.

    The queue's lock guards the counts; ``hand_over`` is called without it.

    Attributes:
        by_reason: How many alerts were dropped, by reason.
    """

    def __init__(self, on_error: Callable[[Alert, str], object] | None, room: int, finish: Finish) -> None:
        """Begin with none.

        Args:
            on_error: Called with each dropped alert and the reason.
            room: Alerts that may wait for ``on_error``; of more, only the newest are passed to it. All are counted.
            finish: Masks the secrets of an alert, and then cuts it; raises nothing.
        """
        self.by_reason: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._on_error = on_error
        self._finish = finish
        self._kept: deque[tuple[Compose, str, int]] = deque(maxlen=room)
        self._explained = ("", "")
        self._handing_over = threading.Lock()

    def explain(self, reason: str, words: str) -> None:
        """Keep what the server has said with a reason: ``on_error`` gets its words, until it says something else."""
        self._explained = (reason, words)

    def add(self, compose: Compose, reason: str, count: int = 1) -> None:
        """Count an alert, and keep it for ``on_error``.

        Args:
            compose: Makes the alert.
            reason: Why the alert was dropped, in a few words.
            count: How many records the alert stands for.
        """
        self.by_reason[reason] += count
        if self._on_error is not None:
            explained, words = self._explained
            self._kept.append((compose, words if reason == explained else reason, count))

    def unreported(self) -> Counter[str]:
        """Return, by reason, how many dropped alerts still have to be reported; those of a disabled type never are."""
        unreported = self.by_reason - self._reported
        del unreported[DISABLED]
        return unreported

    def mark_reported(self, dropped: Counter[str]) -> None:
        """Record that the alert which reports these was shown.

        Args:
            dropped: What ``unreported`` returned before.
        """
        self._reported.update(dropped)

    def hand_over(self) -> None:
        """Call ``on_error`` for each dropped alert, and ignore what it raises.

        Do nothing while another call runs: ``on_error`` may log, and that alert may be dropped as well.
        """
        if self._on_error is None or not self._handing_over.acquire(blocking=False):
            return
        try:
            for _ in range(len(self._kept)):
                compose, reason, count = self._kept.popleft()
                try:
                    self._on_error(compose(self._finish)._replace(count=count), reason)
                except BaseException as error:  # a sys.exit() in it ends neither the worker nor a logging call
                    # On the main thread this is Ctrl-C, which must end an on_error that hangs, and the program.
                    if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                        raise
        finally:
            self._handing_over.release()


def with_dropped(alert: Alert, dropped: Counter[str]) -> Alert:
    """Add a last line to an alert that reports dropped alerts, if there are any.

    Args:
        dropped: Numbers by reason.
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
