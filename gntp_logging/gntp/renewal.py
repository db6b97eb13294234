"""Keeps a subscription alive: a thread subscribes again before the subscription ends."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Final, Protocol

_SHARE_OF_TTL: Final = 0.5
"""A subscription is renewed after this share of its length: half of it leaves room for several more tries."""

_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 60.0
"""Seconds between two tries after failures. They double from the first value to the last."""


class _Subscriber(Protocol):
    ttl: int

    def subscribe(self) -> None: ...


def renewal_delay(ttl: float, failures: int) -> float:
    """Return how long to wait before subscribing again.

    Args:
        ttl: Seconds for which the hub has granted the subscription.
        failures: How many tries have failed since.

    Returns:
        Seconds from now: half of the subscription's length, or less after a failure.
    """
    in_time = max(1.0, ttl * _SHARE_OF_TTL)
    if not failures:
        return in_time
    return min(in_time, _LAST_RETRY, _FIRST_RETRY * 2.0 ** min(failures - 1, 10))


class Renewal:
    """Renews one subscriber's subscription in a daemon thread, until it is stopped or the subscriber is forgotten.

    Attributes:
        last_error: Why the last try failed; None when it did not.
    """

    def __init__(self, subscriber: _Subscriber, on_error: Callable[[Exception], object] | None) -> None:
        """Start the thread.

        Args:
            subscriber: The subscriber, which has subscribed already.
            on_error: Called in the thread with each failure.
        """
        self.last_error: Exception | None = None
        self._on_error = on_error
        self._pid = os.getpid()
        self._stopped = threading.Event()
        # A thread with a reference to the subscriber would keep it, and so itself, alive for ever.
        forgotten = weakref.ref(subscriber, lambda _: self._stopped.set())
        self._thread = threading.Thread(
            target=self._run, args=(forgotten, subscriber.ttl), name="gntp-renewal", daemon=True
        )
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the thread runs; in a forked child it does not."""
        return self._pid == os.getpid() and self._thread.is_alive()

    def stop(self) -> None:
        """Tell the thread to end, after a request in progress. Stopping twice is harmless."""
        self._stopped.set()

    def _run(self, reference: weakref.ref[_Subscriber], ttl: float) -> None:
        failures = 0
        while not self._stopped.wait(min(renewal_delay(ttl, failures), threading.TIMEOUT_MAX)):
            subscriber = reference()
            if subscriber is None:
                return
            try:
                subscriber.subscribe()
            except Exception as error:  # noqa: BLE001 - a client class of the caller's own may raise anything
                failures += 1
                self.last_error = error
                self._report(error)
            else:
                failures = 0
                self.last_error = None
                ttl = subscriber.ttl
            del subscriber

    def _report(self, error: Exception) -> None:
        if self._on_error is None:
            return
        try:
            self._on_error(error)
        except Exception:  # noqa: BLE001 - a failing on_error must not end the renewal
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
