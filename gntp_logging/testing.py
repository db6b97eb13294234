"""For tests of a program's alerts: a real receiver that all handlers of the process send to.

Installing this package gives pytest the fixture ``gntp_receiver``::

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
"""Seconds to wait for an alert; only a test that fails waits as long."""

Match = str | re.Pattern[str] | Callable[[Toast], object]
"""Selects an alert: a text in its title or body, a pattern to search there, or a function that decides."""


class GNTPReceiver:
    """The alerts that have arrived at a receiver."""

    def __init__(self) -> None:
        """Begin without alerts."""
        self._toasts: list[Toast] = []
        self._arrived = threading.Condition()
        self.port = 0

    def show(self, toast: Toast) -> None:
        """Keep a toast; the receiver calls this."""
        with self._arrived:
            self._toasts.append(toast)
            self._arrived.notify_all()

    @property
    def notifications(self) -> list[Toast]:
        """All alerts in the order of their arrival, after delivery of everything that was logged before.

        Raises:
            AssertionError: If the delivery takes longer than ``TIMEOUT``.
        """
        for each in handler.all_handlers():
            if not each.flush(TIMEOUT):  # no assert: python -O would leave out the waiting
                raise AssertionError(f"{each!r} has not delivered its alerts within {TIMEOUT:g} s: {each.stats()}")
        with self._arrived:
            return list(self._toasts)

    def wait_for(self, match: Match = "", *, timeout: float = TIMEOUT) -> Toast:
        """Wait for an alert.

        Args:
            match: A text that is in the alert's title or text, a pattern to search there, or a function that returns
                something true for the alert. The default matches any alert.
            timeout: Seconds to wait at most.

        Returns:
            The first alert that matches.

        Raises:
            AssertionError: If no alert matches in time; the text says what has arrived instead.
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
        """Forget what has arrived, and count repeats from the beginning."""
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

    Handlers send there without a password, also those that are made meanwhile, and those that ``enabled=False`` or
    ``GNTP_LOGGING_DISABLED=1`` switches off. What is logged before or afterwards goes to each handler's own server.

    Yields:
        The alerts that arrive.

    Raises:
        RuntimeError: If such a receiver runs in this process already.
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
