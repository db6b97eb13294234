"""What a team needs to test its own alerts: a real receiver that all handlers of the process send to.

With pytest, the fixture ``gntp_receiver`` is there as soon as this package is installed::

    def test_a_failed_payment_is_an_alert(gntp_receiver, client):
        client.post("/pay", {"amount": -3})
        assert gntp_receiver.wait_for("amount must not be negative").priority == 1

Elsewhere, ``with gntp_logging.testing.receiver() as gntp_receiver:`` does the same.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Final

from . import handler
from .receiver.registry import Toast
from .receiver.server import Receiver, Server

__all__ = ["GNTPReceiver", "Toast", "receiver"]

TIMEOUT: Final = 10.0
"""Seconds to wait for an alert: only a test that fails waits so long."""

Match = str | re.Pattern[str] | Callable[[Toast], object]
"""Which alert is meant: a text in its title or body, a pattern that is searched there, or a function that tells."""


class GNTPReceiver:
    """What has arrived at a receiver."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._toasts: list[Toast] = []
        self._arrived = threading.Condition()
        self.port = 0

    def show(self, toast: Toast) -> None:
        """Take a toast; the receiver calls this.

        Args:
            toast: The toast.
        """
        with self._arrived:
            self._toasts.append(toast)
            self._arrived.notify_all()

    @property
    def notifications(self) -> list[Toast]:
        """All that has arrived, in its order, once everything that was logged before has been delivered.

        Raises:
            AssertionError: If that takes too long.
        """
        for each in handler.all_handlers():
            if not each.flush(TIMEOUT):  # no assert: python -O would leave out the waiting
                raise AssertionError(f"{each!r} has not delivered its alerts within {TIMEOUT:g} s: {each.stats()}")
        with self._arrived:
            return list(self._toasts)

    def wait_for(self, match: Match = "", *, timeout: float = TIMEOUT) -> Toast:
        """Wait for an alert.

        Args:
            match: A text that its title or its text holds, a pattern to search in them, or a function that returns
                something true for it. Without one, any alert will do.
            timeout: Seconds to wait at most.

        Returns:
            The first that matches.

        Raises:
            AssertionError: If none has come in time; the text says what has come instead.
        """
        matches = _matcher(match)
        looked = 0

        def found() -> Toast | None:
            nonlocal looked
            while looked < len(self._toasts):
                looked += 1
                if matches(self._toasts[looked - 1]):
                    return self._toasts[looked - 1]
            return None

        with self._arrived:
            toast = self._arrived.wait_for(found, timeout)
            if toast is None:
                raise AssertionError(f"no alert with {match!r} within {timeout:g} s; {self._what_came()}")
            return toast

    def clear(self) -> None:
        """Forget what has arrived; what repeats, repeats from the beginning."""
        handler.redirect_all(("127.0.0.1", self.port))
        with self._arrived:
            self._toasts.clear()

    def _what_came(self) -> str:
        if self._toasts:
            lines = "".join(f"\n  {toast.title}: {toast.text!r:.200}" for toast in self._toasts)
            return f"{len(self._toasts)} others came:{lines}"
        if not (handlers := handler.all_handlers()):
            return "there is no GNTPHandler in this process"
        return "nothing came; " + "; ".join(f"{each!r}: {each.stats()}" for each in handlers)


def _matcher(match: Match) -> Callable[[Toast], object]:
    if callable(match):
        return match
    if isinstance(match, str):
        return lambda toast: match in toast.title or match in toast.text
    return lambda toast: match.search(toast.title) or match.search(toast.text)


@contextlib.contextmanager
def receiver() -> Iterator[GNTPReceiver]:
    """Run a receiver on a free port of this machine, to which every GNTPHandler of this process sends meanwhile.

    Handlers that are there and handlers that are made meanwhile, also where they are switched off by ``enabled=False``
    or ``GNTP_LOGGING_DISABLED=1``. They send without a password. Afterwards everything is as before; what was logged
    before is delivered where it was meant to go.

    Yields:
        What has arrived.

    Raises:
        RuntimeError: If another one runs in this process.
    """
    if not _running.acquire(blocking=False):
        raise RuntimeError("another gntp_logging.testing.receiver() runs in this process: one at a time")
    try:
        arrived = GNTPReceiver()
        with Receiver(Server([arrived])) as running:
            arrived.port = running.port
            handler.redirect_all(("127.0.0.1", running.port))
            try:
                yield arrived
            finally:
                handler.redirect_all(None)
    finally:
        _running.release()


_running: Final = threading.Lock()
