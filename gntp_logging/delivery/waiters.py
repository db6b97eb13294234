"""Callers of flush, each with a lock of its own that the worker releases.

They share no condition: a signal handler that interrupts a caller, and waits itself, would dead-lock on it.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable


class Waiter:
    """A caller of flush.

    Attributes:
        mark: Everything that was submitted before it has to be settled.
        is_settled: Whether it was, when the wait ended.
    """

    def __init__(self, mark: int) -> None:
        """Begin to wait."""
        self.mark: int = mark
        self.is_settled: bool = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self, seconds: float) -> None:
        """Wait until every alert up to the mark is delivered or dropped, until none can be, or for so many seconds."""
        self._lock.acquire(timeout=max(0.0, seconds))

    def release(self, *, settled: bool) -> None:
        """End the wait; once more is harmless."""
        self.is_settled = settled
        try:
            self._lock.release()
        except RuntimeError:
            pass  # released before


class Waiters:
    """The callers of flush of one worker."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiters: deque[Waiter] = deque()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._waiters)

    def add(self, mark: int) -> Waiter:
        """Let a caller wait; it removes itself afterwards."""
        waiter = Waiter(mark)
        self._waiters.append(waiter)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """Forget a caller, unless it was released with all others."""
        try:
            self._waiters.remove(waiter)
        except ValueError:
            pass

    def highest_mark(self, default: int) -> int:
        """Return the highest mark that a caller waits for."""
        return max((waiter.mark for waiter in list(self._waiters)), default=default)

    def release_settled(self, is_settled: Callable[[int], bool]) -> None:
        """End the waits of callers whose alerts are all settled.

        Args:
            is_settled: Tells whether everything up to a mark is delivered or dropped.
        """
        for waiter in list(self._waiters):
            if is_settled(waiter.mark):
                waiter.release(settled=True)

    def release_all(self, mark: float = math.inf) -> None:
        """End the waits of all callers up to a mark, though their alerts are not delivered."""
        for waiter in [waiter for waiter in list(self._waiters) if waiter.mark <= mark]:
            self.remove(waiter)
            waiter.release(settled=False)
