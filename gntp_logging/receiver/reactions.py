"""What the user did with a toast, reported to its sender on the connection on which the toast came.

A display calls ``toast.react``, from any thread; the first call counts. The server waits for it, for a bounded time,
and then writes -CALLBACK: the reaction, or that the toast has timed out.
"""

from __future__ import annotations

import asyncio
import enum
import time
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
    """One reaction that a sender has asked for. Lives in the server's event loop."""

    def __init__(self, request: NotifyRequest, echoed: Mapping[str, str], patience: float) -> None:
        """Begin to wait.

        Args:
            request: The NOTIFY request that asks for the report.
            echoed: Headers that go back to its sender.
            patience: Seconds during which displays accept a reaction, if that is longer than the default.
        """
        self._request = request
        self._timeout = max(patience, STICKY_TIMEOUT if request.notification.sticky else REACTION_TIMEOUT)
        self._echoed = echoed
        self._loop = asyncio.get_running_loop()
        self._reaction: asyncio.Future[Reaction] = self._loop.create_future()

    def react(self, reaction: Reaction) -> None:
        """Report what the user did; the first call counts. May be called from any thread, at any time."""
        try:
            self._loop.call_soon_threadsafe(self._settle, reaction)
        except RuntimeError:
            pass  # the server has stopped

    def _settle(self, reaction: Reaction) -> None:
        if not self._reaction.done():
            self._reaction.set_result(reaction)

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
        shown = self._request.notification
        headers = {
            "Application-Name": self._request.app_name,
            "Notification-ID": shown.id_ or "",
            "Notification-Callback-Result": reaction.value,
            "Notification-Callback-Timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
            "Notification-Callback-Context": getattr(shown.callback, "context", ""),
            "Notification-Callback-Context-Type": getattr(shown.callback, "context_type", ""),
        }
        return Response(RESPONSE_CALLBACK, {**headers, **self._echoed})
