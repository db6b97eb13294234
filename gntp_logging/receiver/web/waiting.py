"""What waits for one page, bounded in bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

PENDING: Final = 512 * 1024
"""Bytes that wait for a page, the same for all. One that is further behind is closed, and connects again by itself."""

_HEARTBEAT: Final = 15.0
"""Seconds without a message after which a page gets a comment, so that both sides notice when the other is gone."""


class WaitingEvents:
    """The events that one page has not taken yet. Lives in the display's loop."""

    def __init__(self) -> None:
        """Begin with none."""
        self.has_ended: bool = False
        self._events: deque[bytes] = deque()
        self._size = 0
        self._changed = asyncio.Event()

    def put(self, event: bytes) -> None:
        """Add an event; end the page if too much waits already."""
        self._events.append(event)
        self._size += len(event)
        self._changed.set()
        if self._size > PENDING:
            self.end()

    def end(self) -> None:
        """Let the page be closed."""
        self._events.clear()
        self.has_ended = True
        self._changed.set()

    async def next_event(self) -> bytes:
        """Wait for the next event; without one, return a comment after a while."""
        if not self._events and not self.has_ended:
            self._changed.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _HEARTBEAT)
        if not self._events:
            return b":\n\n"
        event = self._events.popleft()
        self._size -= len(event)
        return event
