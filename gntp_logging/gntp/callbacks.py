"""Reactions awaited in the background: one thread for each client watches the connections on which they arrive.

A user may react hours later, or never. Each awaited reaction costs one socket. The thread ends with the last of them.
A second thread calls the functions for what has arrived, one after the other, and ends when there is nothing to call: a
slow function holds up other functions, but no deadline.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections import deque
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
"""Seconds of one wait in a system call; a longer one waits again."""

_READ_TIMEOUT: Final = 1.0
"""Seconds for a read that should not block, because the selector has reported the socket as readable."""

MAX_REACTION_SIZE: Final = 262_144
"""Bytes that may arrive while a reaction is awaited. A -CALLBACK has a few hundred bytes and the context."""


@dataclass(eq=False)
class _Awaited:
    connection: PersistentConnection
    callback: Callable[[Response], object]
    deadline: Deadline
    received: int = 0  # bytes, since it is awaited


class CallbackWatcher:
    """Waits for -CALLBACK responses on any number of connections, in one daemon thread.

    Attributes:
        lost: How many awaited reactions will never arrive: the server closed the connection or sent something else, or
            too much; the deadline passed; or the watcher was closed.
    """

    def __init__(self) -> None:
        """Start with nothing awaited and without a thread."""
        self.lost: int = 0
        self._start_fresh()

    def _start_fresh(self) -> None:
        """Reset everything. A forked child does so as well, because the awaited reactions are the parent's."""
        self._pid = os.getpid()
        self._lock = threading.Lock()  # guards what follows
        self._awaited: set[_Awaited] = set()
        self._ended: list[_Awaited] = []  # no longer awaited; the thread closes their connections
        self._wake: socket.socket | None = None  # wakes the thread when written to; None when no thread runs
        self._due: deque[tuple[Callable[[Response], object], Response]] = deque()  # callbacks that are to be called
        self._is_calling = False  # whether a thread calls them

    @property
    def waiting(self) -> int:
        """How many reactions are awaited."""
        return len(self._awaited)

    def watch(
        self, connection: PersistentConnection, callback: Callable[[Response], object], deadline: Deadline
    ) -> None:
        """Wait for a reaction, and pass it to the callback in a thread of the watcher's.

        Args:
            connection: The connection on which the request was answered; the watcher closes it.
            callback: Called with the -CALLBACK response. Its exceptions go to :func:`threading.excepthook`.
            deadline: Ends the wait; an infinite one never does.

        Raises:
            GNTPConnectionError: If no thread can be started, or no socket opened.
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
        """Start the thread; return the socket that wakes it."""
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            wake, woken = (stack.enter_context(end) for end in socket.socketpair())
            for end in (wake, woken):
                end.setblocking(False)
                close_after_fork(end)
            selector.register(woken, selectors.EVENT_READ)
            arguments = (selector, woken)
            threading.Thread(target=self._run, args=arguments, name="gntp-callbacks", daemon=True).start()
            stack.pop_all()  # the thread owns them from here on
            return wake

    def close(self) -> None:
        """Stop waiting. Reactions that have not arrived count as lost. Closing twice is harmless."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self.lost += len(self._awaited)
            self._ended += self._awaited
            self._awaited.clear()
            self._wake_up()

    def _wake_up(self) -> None:
        """Make the thread look at what is awaited. The caller holds the lock."""
        if self._wake is not None:
            with suppress(BlockingIOError):  # full of wake-ups that the thread has not read: it will look anyway
                self._wake.send(b"\0")

    # -- The thread that watches ---------------------------------------------------------------

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
        """Watch new connections and close those no longer awaited; return whether any are left to watch.

        Only this thread closes a connection that the selector knows. If another thread did, a new connection could get
        the same descriptor while the selector still watches it.
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
            data = awaited.connection.stream.transfer(bytearray(), Deadline.after(_READ_TIMEOUT))
        except GNTPError:
            data = b""
        if data is None:
            return
        awaited.received += len(data)
        if not data or awaited.received > MAX_REACTION_SIZE:
            self._settle(awaited, lost=True)
            return
        awaited.connection.reader.feed(data)
        self._dispatch(awaited)

    def _dispatch(self, awaited: _Awaited) -> None:
        """Pass the reaction to its callback, if it is complete."""
        try:
            response = awaited.connection.reader.next_message()
            if response is None:
                return
            check_type(response, RESPONSE_CALLBACK)
        except GNTPError:
            self._settle(awaited, lost=True)
            return
        if self._settle(awaited, lost=False):
            self._call(awaited.callback, response)

    def _expire(self, watched: dict[_Awaited, None]) -> None:
        now = time.monotonic()
        for awaited in watched:
            if awaited.deadline.at <= now:
                self._settle(awaited, lost=True)

    def _settle(self, awaited: _Awaited, *, lost: bool) -> bool:
        """Stop awaiting a reaction; return False if it was not awaited any more."""
        with self._lock:
            if awaited not in self._awaited:
                return False
            self._awaited.remove(awaited)
            self._ended.append(awaited)
            self.lost += lost
            return True

    # -- The thread that calls -----------------------------------------------------------------

    def _call(self, callback: Callable[[Response], object], response: Response) -> None:
        """Call a callback in another thread, after those that are due already."""
        with self._lock:
            self._due.append((callback, response))
            if self._is_calling:
                return
            self._is_calling = True
        try:
            threading.Thread(target=self._call_due, name="gntp-reactions", daemon=True).start()
        except RuntimeError:  # no more threads: a deadline may pass late, but no reaction is lost
            self._call_due()

    def _call_due(self) -> None:
        while True:
            with self._lock:
                if not self._due:
                    self._is_calling = False
                    return
                callback, response = self._due.popleft()
            try:
                callback(response)
            except BaseException:  # noqa: BLE001 - one callback must not end the thread that calls the others
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


def _patience(watched: dict[_Awaited, None]) -> float:
    """Return the seconds until the next deadline."""
    next_deadline = min(awaited.deadline.at for awaited in watched)
    return min(_LONGEST_WAIT, max(0.0, next_deadline - time.monotonic()))
