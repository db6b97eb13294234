"""The display for phones and chats: messages to whatever Apprise knows (the extra ``apprise``).

One thread decides what is sent. Each target has a thread of its own that sends, so one that hangs delays no other.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import apprise

from .levels import LEVELS
from .messages import MAX_MESSAGES, Message, MessageSchedule, merged
from .protocols import PartError
from .registry import Toast

MAX_WAITING: Final = 50
"""Toasts that wait for a decision. With more, the oldest are left out."""

TIME_LIMIT: Final = 30.0
"""Seconds for a target to take a message. After that the message counts as sent: it may have arrived, and a second copy
would be worse than none."""

_NO_ANSWER: Final = f"no answer within {TIME_LIMIT:g} s"

_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 300.0
"""Seconds before a target that has failed is tried again; each pause is twice as long as the one before."""

_CLOSE_TIME: Final = 5.0
"""Seconds at the end in which the messages that wait are sent."""


class AppriseDisplay:
    """Sends messages through Apprise."""

    def __init__(self, *, config: str | os.PathLike[str], level: str = "ERROR") -> None:
        """Prepare.

        Args:
            config: A file of Apprise's, with the URLs of the targets.
            level: Name of the lowest level that makes a message.
        """
        self._config = os.fspath(config)
        self._schedule = MessageSchedule(level)
        self._report: Callable[[Exception], None] = lambda _: None
        self._targets: list[_Target] = []
        self._toasts: deque[Toast] = deque(maxlen=MAX_WAITING)
        self._changed = threading.Condition()
        self._is_closed = True
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Read the file, and begin.

        Raises:
            OSError: If the file cannot be read, or names no target.
        """
        with open(self._config, "rb"):  # raises if it cannot be read; Apprise only logs that
            pass
        found = apprise.Apprise()
        config = apprise.AppriseConfig()
        with _captured() as said:
            config.add(self._config)
            found.add(config)
        if not len(found):
            raise OSError(f"{self._config} names no target of Apprise" + (f": {said[-1]}" if said else ""))
        self._targets = [_Target(server, self._failed) for server in found]
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="gntp-apprise", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send what waits, for a few seconds at most, and end. Closing twice, or before the start, is harmless."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        until = time.monotonic() + _CLOSE_TIME
        if self._thread is not None:
            self._thread.join(_CLOSE_TIME)
        for target in self._targets:
            target.close(until)
        self._thread, self._targets = None, []

    def report_failures(self, to: Callable[[Exception], None]) -> None:
        """Call ``to`` with each failure from now on, in a thread of the display's."""
        self._report = to

    def show(self, toast: Toast) -> None:
        """Take a toast, unless its incident is muted."""
        if toast.is_muted:
            return
        with self._changed:
            self._toasts.append(toast)
            self._changed.notify()

    def _failed(self, error: Exception) -> None:
        self._report(error)  # looked up now: report_failures may be called later

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._toasts and not self._is_closed:
                    due = self._schedule.due()
                    self._changed.wait(None if due is None else max(0.0, due - time.monotonic()))
                toasts = [self._toasts.popleft() for _ in range(len(self._toasts))]
                if not toasts and self._is_closed:
                    return
            now = time.monotonic()
            messages = [self._schedule.digest(now), *(self._schedule.offer(toast, now) for toast in toasts)]
            for target in self._targets:
                target.put([message for message in messages if message is not None])


class _Target:
    """One target, and the messages that wait for it."""

    def __init__(self, server: Any, report: Callable[[Exception], None]) -> None:
        """Begin its thread.

        Args:
            server: Apprise's object for it.
            report: Called once when it begins to fail, with the reason.
        """
        self._server = server
        if server.socket_read_timeout == apprise.URLBase.socket_read_timeout:  # the file sets none
            server.socket_read_timeout = TIME_LIMIT
        self._unsure = 0
        self._name = str(server.url(privacy=True)).partition("?")[0]
        self._report = report
        self._waiting: list[Message] = []  # the first may be on its way
        self._changed = threading.Condition()
        self._is_closed = False
        self._began: float | None = None
        self._has_failed = False
        self._thread = threading.Thread(target=self._run, name="gntp-apprise-target", daemon=True)
        self._thread.start()

    def put(self, messages: list[Message]) -> None:
        """Send messages as soon as those before them are sent."""
        with self._changed:
            self._waiting.extend(messages)
            if len(self._waiting) > MAX_MESSAGES:  # it hangs, or is slow
                self._waiting[1:] = [merged(self._waiting[1:])]
            self._changed.notify()
            is_late = self._began is not None and time.monotonic() - self._began > TIME_LIMIT
        if is_late:
            self._fail(_NO_ANSWER)

    def close(self, until: float) -> None:
        """End once all is sent, or at ``until``, by time.monotonic. A send that hangs then ends with the program."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    return
                if self._has_failed and len(self._waiting) > 1:  # else a target that is back would get them all at once
                    self._waiting = [merged(self._waiting)]
                message = self._waiting[0]
                self._began = time.monotonic()
            reason = self._send(message)
            with self._changed:
                is_late, self._began = time.monotonic() - self._began >= TIME_LIMIT, None
                if (reason is None or is_late) and self._waiting and self._waiting[0] is message:
                    del self._waiting[0]
            if reason is None:
                self._has_failed, self._unsure, pause = False, 0, _FIRST_PAUSE
                continue
            self._unsure += message.toasts if is_late else 0
            self._fail(_NO_ANSWER if is_late else reason)
            with self._changed:
                if self._changed.wait_for(lambda: self._is_closed, pause):
                    return
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _send(self, message: Message) -> str | None:
        """Send a message; return why the target has not taken it."""
        lines = [message.text, f"({self._unsure:,} before this may be missing)" if self._unsure else ""]
        with _captured() as said:
            try:
                is_taken = self._server.notify(
                    title=message.title,
                    body="\n".join(filter(None, lines)) or message.title,
                    notify_type=_type_of(message),
                    body_format=apprise.NotifyFormat.TEXT,  # the text is no markup
                )
            except Exception as error:  # noqa: BLE001 - a hundred plug-ins may raise anything
                return f"{type(error).__name__}: {error}"
        return None if is_taken else " ".join(said[-1:]) or "it has not taken a message"

    def _fail(self, reason: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._report(PartError(self._name, reason))


def _type_of(message: Message) -> Any:
    if message.level >= LEVELS["ERROR"]:
        return apprise.NotifyType.FAILURE
    return apprise.NotifyType.WARNING if message.level >= LEVELS["WARNING"] else apprise.NotifyType.INFO


class _captured(logging.Handler):  # noqa: N801 - used as a function
    """Collects what Apprise logs in this thread instead of raising it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._lines.append(record.getMessage())

    def __enter__(self) -> list[str]:
        logging.getLogger("apprise").addHandler(self)
        return self._lines

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)
