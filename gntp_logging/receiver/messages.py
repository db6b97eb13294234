"""Which toasts become messages to phones and chats, which people read one by one. Pure: the clock is an argument.

An incident is one message, and one more when its count has grown tenfold. There are at most six messages a minute; what
comes beyond that waits for a digest.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from .cuts import cut
from .levels import LEVELS, level
from .registry import Toast

MAX_MESSAGES: Final = 6
PERIOD: Final = 60.0
"""Messages at most in so many seconds, digests included."""

GROWTH: Final = 10
"""An incident makes another message when its count has grown by this factor."""

MAX_KNOWN: Final = 2000
"""Incidents whose count is remembered. With more, the one not heard of for the longest time is forgotten; when it comes
again, it makes a message again."""

MAX_NAMED: Final = 10
"""Toasts that a digest names; the others are counted."""

MAX_TITLE: Final = 200
MAX_TEXT: Final = 2000
"""Characters of a message: chats and phones take little more."""


class Message(NamedTuple):
    """What a person gets.

    Attributes:
        title: The application, and what happened.
        text: The rest; may be empty.
        level: The number of its level.
        toasts: How many it stands for.
        names: Titles of some of them; empty for one toast.
    """

    title: str
    text: str
    level: int
    toasts: int = 1
    names: tuple[str, ...] = ()


def merged(messages: Sequence[Message]) -> Message:
    """Return one message that stands for several that a target could not take."""
    names = itertools.chain.from_iterable(message.names or (message.title,) for message in messages)
    return _digest(names, sum(message.toasts for message in messages), max(message.level for message in messages))


def _digest(names: Iterable[str], count: int, level_: int) -> Message:
    named = tuple(itertools.islice(names, MAX_NAMED))
    more = count - len(named)
    lines = [*named, *([f"+{more:,} more"] if more else [])]
    return Message(f"{count:,} more alerts", "\n".join(lines), level_, count, named)


class MessageSchedule:
    """Decides what is sent, and when."""

    def __init__(self, least: str) -> None:
        """Begin with nothing sent.

        Args:
            least: Name of the lowest level that makes a message.
        """
        self._least = LEVELS[least]
        self._reported: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._sent: deque[float] = deque(maxlen=MAX_MESSAGES)
        self._named: list[str] = []
        self._waiting = 0
        self._level = 0

    def offer(self, toast: Toast, now: float) -> Message | None:
        """Return the message that a toast makes now, if it makes one.

        Args:
            now: The time, in seconds of time.monotonic.
        """
        severity = level(toast)
        if severity < self._least or not self._is_news(toast):
            return None
        title = cut(f"{toast.application}: {toast.title}", MAX_TITLE)
        if not self._waiting and self._has_room(now):
            self._sent.append(now)
            return Message(title, cut(toast.text, MAX_TEXT), severity)
        self._waiting += 1
        self._level = max(self._level, severity)
        if len(self._named) < MAX_NAMED:
            self._named.append(title)
        return None

    def _is_news(self, toast: Toast) -> bool:
        """Tell whether the incident is new, or has grown enough for another message."""
        if not toast.coalescing_id:
            return True
        key = (toast.application, toast.coalescing_id)
        if key in self._reported and toast.total < GROWTH * self._reported[key]:
            self._reported.move_to_end(key)
            return False
        self._reported[key] = toast.total
        self._reported.move_to_end(key)
        if len(self._reported) > MAX_KNOWN:
            self._reported.popitem(last=False)
        return True

    def _has_room(self, now: float) -> bool:
        return len(self._sent) < MAX_MESSAGES or now - self._sent[0] >= PERIOD

    def due(self) -> float | None:
        """Return when the digest may be sent, in seconds of time.monotonic; None while it is empty."""
        return self._sent[0] + PERIOD if self._waiting else None

    def digest(self, now: float) -> Message | None:
        """Return what has waited as one message; None if nothing waits, or if it is too early."""
        if not self._waiting or not self._has_room(now):
            return None
        message = _digest(self._named, self._waiting, self._level)
        self._named, self._waiting, self._level = [], 0, 0
        self._sent.append(now)
        return message
