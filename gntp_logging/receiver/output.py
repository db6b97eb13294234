"""What a program writes to its standard streams, without waiting for whoever reads it: a thread does that.

A pipe whose reader stands still, such as a pager, takes nothing more. A terminal does so after Ctrl-S.
"""

from __future__ import annotations

import io
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TextIO

MAX_WAITING: Final = 1024 * 1024
"""Bytes that wait for the reader. One text always fits where nothing else waits."""

_END: Final = 2.0
"""Seconds for what waits at the end."""


class SlowReaderError(OSError):
    """A text was dropped, because too much waits already."""


class Output(io.TextIOWrapper):
    """A stream to which a thread writes all that stands before a ``flush``, as one text, or nothing of it."""

    def __init__(self, stream: TextIO) -> None:
        """Begin with nothing that waits.

        Args:
            stream: Where it goes: one that encodes, such as ``sys.stdout``. What others write there does not wait
                behind what waits here.
        """
        stream.flush()
        self._queue = _Queue(stream.buffer)
        super().__init__(self._queue, encoding=stream.encoding, errors=stream.errors)

    def report_failures(self, to: Callable[[Exception], None]) -> None:
        """Call ``to``, from the thread, once for each text that could not be written."""
        self._queue.report = to

    def end(self) -> int:
        """Give what waits some time to be written; return how many texts the reader did not get, dropped ones too."""
        return self._queue.end()


class _Queue(io.BufferedIOBase):
    """The bytes of an output, and the thread that writes them.

    Attributes:
        name: What stands for it in the output's ``repr``.
        report: Called with each failure.
    """

    name: str = "output"

    def __init__(self, buffer: Any) -> None:
        self.report: Callable[[Exception], None] = lambda _: None
        # Below the buffer: at its end, Python would wait for the lock of a buffer in which a write stands still.
        self._raw = getattr(buffer, "raw", buffer)
        self._text = b""
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._is_ending = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def isatty(self) -> bool:
        """Tell whether a terminal shows it."""
        return bool(self._raw.isatty())

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Take a part of a text."""
        self._text += data
        return len(data)

    def flush(self) -> None:
        """Let the thread write the text.

        Raises:
            SlowReaderError: If it was dropped.
        """
        text, self._text = self._text, b""
        if not text:
            return
        with self._changed:
            if self._waiting and self._size + len(text) > MAX_WAITING:
                self._dropped += 1
                raise SlowReaderError(f"its reader is too slow ({self._dropped:,} dropped so far)")
            self._waiting.append(text)
            self._size += len(text)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="gntp-output", daemon=True)
                self._thread.start()

    def end(self) -> int:
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, _END)
            return self._dropped + len(self._waiting)

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_ending)
            return self._waiting[0] if self._waiting else None

    def _run(self) -> None:
        while (text := self._next()) is not None:
            try:
                self._write(text)
            except Exception as error:  # noqa: BLE001 - the reader is gone, or the disk is full: the next may fit
                self.report(error)
            with self._changed:
                self._size -= len(self._waiting.popleft())
                self._changed.notify_all()

    def _write(self, text: bytes) -> None:
        rest = memoryview(text)
        while rest:
            written = self._raw.write(rest)
            if written is None:  # another program that has the stream, too, has made it non-blocking
                select.select([], [self._raw], [])
            else:
                rest = rest[written:]
