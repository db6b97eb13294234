"""Reactions that come later: one thread for a client watches the connections on which they will come.

A user may act after hours, or never. Waiting costs one socket; the thread ends when nothing is awaited any more.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

from .channel import PersistentConnection
from .constants import RESPONSE_CALLBACK
from .exceptions import GNTPConnectionError, GNTPError
from .network import Deadline, close_after_fork
from .requests import Response, check_type

_LONGEST_WAIT: Final = 3600.0
"""Seconds of one wait inside the system; longer ones wait again."""

_READ_TIMEOUT: Final = 1.0
"""Seconds for a read of which the system has said that it will not wait."""


@dataclass(frozen=True, eq=False)
class _Awaited:
    connection: PersistentConnection
    callback: Callable[[Response], object]
    deadline: Deadline


class CallbackWatcher:
    """Waits for -CALLBACK responses on any number of connections, in one daemon thread.

    Attributes:
        lost: How many reactions that were awaited will not come: the server closed the connection or sent something
            else, the time was over, or the watcher was closed.
    """

    def __init__(self) -> None:
        """Begin with nothing to wait for, and without a thread."""
        self.lost: int = 0
        self._start_fresh()

    def _start_fresh(self) -> None:
        """Begin again in a forked child: what was awaited is the parent's."""
        self._pid = os.getpid()
        self._lock = threading.Lock()  # guards what follows
        self._awaited: set[_Awaited] = set()
        self._ended: list[_Awaited] = []  # awaited no longer, for the thread to close
        self._wake: socket.socket | None = None  # what wakes the thread; None when there is none

    @property
    def waiting(self) -> int:
        """How many reactions are awaited."""
        return len(self._awaited)

    def watch(
        self, connection: PersistentConnection, callback: Callable[[Response], object], deadline: Deadline
    ) -> None:
        """Wait for a reaction, and hand it over in the watcher's thread.

        Args:
            connection: The connection on which the request was answered; the watcher closes it.
            callback: Called with the -CALLBACK response. What it raises is reported as a thread's exception is.
            deadline: When to stop waiting.

        Raises:
            GNTPConnectionError: If there is no thread, or no descriptor, to wait with.
        """
        if self._pid != os.getpid():
            self._start_fresh()
        with self._lock:
            self._awaited.add(_Awaited(connection, callback, deadline))
            if self._wake is not None:
                self._wake_up()
                return
            try:
                self._wake = self._start_thread()
            except (OSError, RuntimeError) as error:
                self._awaited.clear()
                raise GNTPConnectionError(f"cannot wait for the reaction: {error}") from error

    def _start_thread(self) -> socket.socket:
        """Start the thread, and return what wakes it."""
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            wake, woken = (stack.enter_context(end) for end in socket.socketpair())
            for end in (wake, woken):
                end.setblocking(False)
                close_after_fork(end)
            selector.register(woken, selectors.EVENT_READ)
            arguments = (selector, woken)
            threading.Thread(target=self._run, args=arguments, name="gntp-callbacks", daemon=True).start()
            stack.pop_all()  # from here on they are the thread's
            return wake

    def close(self) -> None:
        """Stop waiting; what was awaited is counted as lost. Closing twice is harmless."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self.lost += len(self._awaited)
            self._ended += self._awaited
            self._awaited.clear()
            self._wake_up()

    def _wake_up(self) -> None:
        """Let the thread look at what is awaited; the caller has the lock."""
        if self._wake is not None:
            with suppress(BlockingIOError):  # so many bytes wait that it will look anyway
                self._wake.send(b"\0")

    # -- The thread ----------------------------------------------------------------------------

    def _run(self, selector: selectors.BaseSelector, woken: socket.socket) -> None:
        with woken, selector:
            watched: dict[_Awaited, None] = {}
            while self._adopt(watched, selector):
                for key, _ in selector.select(_patience(watched)):
                    if key.fileobj is woken:
                        woken.recv(4096)
                    else:
                        self._read(key.data)
                self._expire(watched)

    def _adopt(self, watched: dict[_Awaited, None], selector: selectors.BaseSelector) -> bool:
        """Watch what is new, and close what is no longer awaited; return whether anything is left to watch.

        Only this thread closes what the selector knows: elsewhere its descriptor could become another connection's.
        """
        while True:
            with self._lock:
                new = self._awaited - watched.keys()
                ended, self._ended = self._ended, []
                if not self._awaited and self._wake is not None:
                    self._wake.close()
                    self._wake = None
            for awaited in ended:
                if awaited in watched:
                    del watched[awaited]
                    selector.unregister(awaited.connection.stream.sock)
                awaited.connection.close()
            for awaited in new:
                watched[awaited] = None
                selector.register(awaited.connection.stream.sock, selectors.EVENT_READ, awaited)
                self._dispatch(awaited)  # the reaction may have come together with the answer
            if not new:
                return bool(watched)

    def _read(self, awaited: _Awaited) -> None:
        """Read what has arrived for a reaction."""
        try:
            data = awaited.connection.stream.receive(Deadline.after(_READ_TIMEOUT))
        except GNTPError:
            data = b""
        if not data:
            self._settle(awaited, lost=True)
            return
        awaited.connection.reader.feed(data)
        self._dispatch(awaited)

    def _dispatch(self, awaited: _Awaited) -> None:
        """Hand the reaction over, if it is complete."""
        try:
            response = awaited.connection.reader.next_message()
            if response is None:
                return
            check_type(response, RESPONSE_CALLBACK)
        except GNTPError:
            self._settle(awaited, lost=True)
            return
        if not self._settle(awaited, lost=False):
            return
        try:
            awaited.callback(response)
        except BaseException:  # noqa: BLE001 - the others' reactions are awaited all the same
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _expire(self, watched: dict[_Awaited, None]) -> None:
        now = time.monotonic()
        for awaited in watched:
            if awaited.deadline.at <= now:
                self._settle(awaited, lost=True)

    def _settle(self, awaited: _Awaited, *, lost: bool) -> bool:
        """Await something no longer; return whether it still was."""
        with self._lock:
            if awaited not in self._awaited:
                return False
            self._awaited.remove(awaited)
            self._ended.append(awaited)
            self.lost += lost
            return True


def _patience(watched: dict[_Awaited, None]) -> float:
    """Return the seconds until the next deadline."""
    next_deadline = min(awaited.deadline.at for awaited in watched)
    return min(_LONGEST_WAIT, max(0.0, next_deadline - time.monotonic()))
