"""What the user did with a toast, reported to its sender on the connection on which the toast came.

A display calls ``toast.react``, from any thread; the first call counts. The server waits for it, for a bounded time,
and then writes -CALLBACK: the reaction, or that the toast has timed out.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from gntp_logging.gntp.constants import RESPONSE_CALLBACK
from gntp_logging.gntp.requests import NotifyRequest, Response

REACTION_TIMEOUT: Final = 15.0
"""Seconds to wait for a reaction: a little longer than toasts are shown."""

STICKY_TIMEOUT: Final = 3600.0
"""Seconds to wait for the reaction to a sticky toast; the sender's connection is open as long."""

REPORT_DELAY: Final = 0.1
"""Seconds between an answer and the report of a reaction: growly and gntplib lose one that comes with the answer."""

MAX_AWAITED: Final = 500
"""Reactions that a server awaits; with one more, the oldest is reported as timed out."""

MAX_AWAITED_BYTES: Final = 1 * 1024 * 1024
"""Bytes of all that goes back with the awaited reactions. With more, the oldest is reported as timed out."""


class Reaction(enum.Enum):
    """What the user did; the values are the words that Growl for Windows writes.

    The specification has CLICKED and CLOSED as well. Growl for Windows' own client library, node-notifier and growly
    understand only CLICK and CLOSE.
    """

    CLICKED = "CLICK"
    CLOSED = "CLOSE"
    TIMED_OUT = "TIMEDOUT"


React = Callable[[Reaction], None]


def ignore(_reaction: Reaction) -> None:
    """Do nothing: the sender has not asked for a report."""


class Awaited:
    """One reaction that a sender has asked for. Lives in the server's event loop.

    Displays may keep ``react`` for as long as they like: it holds nothing of the notification.

    Attributes:
        react: Reports what the user did; the first call counts. May be called from any thread, at any time.
        size: Bytes of what goes back with the reaction.
    """

    def __init__(self, request: NotifyRequest, echoed: Mapping[str, str], patience: float) -> None:
        """Begin to wait.

        Args:
            request: The NOTIFY request that asks for the report.
            echoed: Headers that go back to its sender.
            patience: Seconds during which displays accept a reaction, if that is longer than the default.
        """
        shown = request.notification
        self._timeout = max(patience, STICKY_TIMEOUT if shown.sticky else REACTION_TIMEOUT)
        self._headers = {
            "Application-Name": request.app_name,
            "Notification-ID": shown.id_ or "",
            "Notification-Callback-Context": getattr(shown.callback, "context", ""),
            "Notification-Callback-Context-Type": getattr(shown.callback, "context_type", ""),
            **echoed,
        }
        self.size: int = sum(map(sys.getsizeof, (*self._headers, *self._headers.values())))
        loop = asyncio.get_running_loop()
        self._reaction: asyncio.Future[Reaction] = loop.create_future()
        self.react: React = functools.partial(_react, loop, self._reaction)

    async def response(self) -> Response:
        """Wait for the reaction, or until the toast has timed out.

        Returns:
            The -CALLBACK response.
        """
        try:
            reaction = await asyncio.wait_for(asyncio.shield(self._reaction), self._timeout)
        except asyncio.TimeoutError:
            reaction = Reaction.TIMED_OUT
        return self.told(reaction)

    def told(self, reaction: Reaction) -> Response:
        """Return the -CALLBACK response for a reaction."""
        result = {
            "Notification-Callback-Result": reaction.value,
            "Notification-Callback-Timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
        }
        return Response(RESPONSE_CALLBACK, {**self._headers, **result})


def _react(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Reaction], reaction: Reaction) -> None:
    try:
        loop.call_soon_threadsafe(_settle, future, reaction)
    except RuntimeError:
        pass  # the server has stopped


def _settle(future: asyncio.Future[Reaction], reaction: Reaction) -> None:
    if not future.done():
        future.set_result(reaction)


class AwaitedReactions:
    """The reactions that a server awaits, the oldest first: bounded in number and in bytes."""

    def __init__(self, most: int, most_bytes: int) -> None:
        """Begin with none."""
        self._most = most
        self._most_bytes = most_bytes
        self._awaited: OrderedDict[Awaited, None] = OrderedDict()
        self._size = 0

    def add(self, awaited: Awaited) -> None:
        """Await one more. If there are too many, the oldest time out: else senders could keep all connections."""
        self._awaited[awaited] = None
        self._size += awaited.size
        while len(self._awaited) > self._most or self._size > self._most_bytes:
            oldest = next(iter(self._awaited))
            self.discard(oldest)
            oldest.react(Reaction.TIMED_OUT)

    def discard(self, awaited: Awaited) -> None:
        """Forget one that was reported, or whose sender has left. Discarding it twice is harmless."""
        if awaited in self._awaited:
            del self._awaited[awaited]
            self._size -= awaited.size
