"""What a worker does, and when it tries again a server that has failed.

A worker is in one :class:`State`. Nothing but :meth:`WorkerState.enter` changes it:

========  ==================================================  =====================================================
state     what it means                                       it becomes
========  ==================================================  =====================================================
IDLE      no thread; the next alert starts one                RUNNING when the thread is started
RUNNING   a thread delivers, or waits for alerts              IDLE when the thread ends: closed, or retired and done
RETRYING  the server cannot be reached; only a flush tries    RUNNING or IDLE when it answers
          before ``retry_at``
REFUSED   the server does not take the password; alerts are   RUNNING or IDLE when it takes one
          dropped unsent until ``retry_at``
========  ==================================================  =====================================================

Every state becomes RETRYING when a send fails, and REFUSED when the server refuses the password. Both survive the end
of the thread, and hold as well where no thread can be started and the thread that logs delivers.
"""

from __future__ import annotations

import enum
import os
import time
from typing import Final

_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 60.0
"""Seconds between two tries to reach a server: doubling from the first to the last."""

_RETRY_AFTER_REFUSAL: Final = 300.0
"""Seconds until a server that refused the password is asked again: people fix passwords in minutes."""


class State(enum.Enum):
    """What a worker does; the module's docstring has the transitions."""

    IDLE = "idle"
    RUNNING = "running"
    RETRYING = "retrying"
    REFUSED = "refused"


class WorkerState:
    """The state of one worker.

    Attributes:
        current: What it does.
        retry_at: When the server is tried again, in seconds of time.monotonic; 0 if it has not failed.
    """

    def __init__(self) -> None:
        """Begin without a thread."""
        self.current: State = State.IDLE
        self.retry_at: float = 0.0
        self._failures = 0

    def enter(self, state: State) -> None:
        """Change the state, and decide when the server is tried again: each failure doubles the pause, to a minute."""
        self.current = state
        if state is State.RETRYING:
            self._failures += 1
            base = min(_LAST_RETRY, _FIRST_RETRY * 2.0 ** min(self._failures - 1, 10))
            jitter = 0.75 + 0.5 * os.urandom(1)[0] / 255  # processes that lost one server do not all return at once
            self.retry_at = time.monotonic() + base * jitter
            return
        self._failures = 0
        self.retry_at = time.monotonic() + _RETRY_AFTER_REFUSAL if state is State.REFUSED else 0.0

    @property
    def is_retrying(self) -> bool:
        """Whether the server cannot be reached."""
        return self.current is State.RETRYING

    @property
    def drops_unsent(self) -> bool:
        """Whether alerts are dropped unsent: the server has refused the password a short while ago."""
        return self.current is State.REFUSED and time.monotonic() < self.retry_at

    def pause(self) -> float:
        """Return the seconds until the server is tried again; 0 if it can be reached."""
        return max(0.0, self.retry_at - time.monotonic()) if self.is_retrying else 0.0
