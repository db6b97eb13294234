"""The history as a display: what is shown is also kept, by a thread of its own.

No toast waits for the disk. If the disk fails, the receiver shows toasts as before.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

from gntp_logging.gntp.models import Resource

from .forward_queue import Room
from .history_file import Change, Closing, DamagedError, HistoryError, HistoryFile, set_aside
from .incidents import Incidents
from .mutes import Muted
from .numbers import Numbers
from .protocols import Notice
from .registry import Toast

MAX_WAITING: Final = 1024 * 1024
"""Bytes of toasts that wait for the disk."""

_OVERHEAD: Final = 1300
"""Bytes of a toast without its texts and its picture (measured, and rounded up)."""

_BATCH: Final = 100
"""Toasts that are written together."""

_GATHERING: Final = 0.1
"""Seconds to wait for more to write together."""

_PRUNE_EVERY: Final = 100
"""Toasts after which the file is brought back into its bounds."""

_PRUNE_INTERVAL: Final = 600.0
"""Seconds after which the file is brought back into its bounds even if fewer come: toasts also grow old meanwhile."""

_END: Final = 10.0
"""Seconds for what waits at the end: a disk may hang."""


class _Waiting(NamedTuple):
    """What waits to be written, and the bytes of its objects."""

    change: Change
    parts: Mapping[int, int]


class History:
    """Keeps toasts that have numbers.

    Attributes:
        numbers: Gives each toast its number; known after ``start``.
        incidents: Goes on with the toasts that count; known after ``start``.
        muted: The incidents that were muted before; known after ``start``.
        path: The file.
    """

    def __init__(self, path: str, say: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            path: The file; it is made if it is not there.
            say: Called, from any thread, with a line for people if no history is kept, or a damaged one was set
                aside.
        """
        self.numbers: Numbers = Numbers()
        self.incidents: Incidents = Incidents()
        self.muted: Sequence[Muted] = ()
        self.path: str = path
        self._say = say
        self._report: Callable[[Exception], None] = lambda _: None
        self._file: HistoryFile | None = None
        self._thread: threading.Thread | None = None
        self._waiting: deque[_Waiting] = deque()
        self._room = Room(MAX_WAITING)
        self._changed = threading.Condition()
        self._is_closing = False
        self._unpruned = 0

    def start(self) -> None:
        """Open the file, and read what is known of the toasts in it. If that fails, say so, and keep none."""
        self._file = self._opened()
        if self._file is None:
            return
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="gntp-history", daemon=True)
        self._thread.start()

    @property
    def is_kept(self) -> bool:
        """Whether toasts are kept at the moment."""
        return self._file is not None

    def close(self) -> None:
        """Write what waits, and end. Closing twice, or before the start, is harmless."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        thread.join(_END)
        if thread.is_alive():
            self._say(f"the disk takes too long; alerts that may be missing from the history: {len(self._waiting):,}")

    def report_failures(self, to: Callable[[Exception], None]) -> None:
        """Call ``to`` once for each toast that could not be written, from the history's thread."""
        self._report = to

    def show(self, toast: Toast) -> None:
        """Take a toast, to be written soon.

        Raises:
            HistoryError: If too many wait already; this one is not kept.
        """
        if self._file is None:
            return
        waiting = _Waiting(toast, _parts(toast))
        with self._changed:
            if not self._room.fits(waiting):
                bare = replace(toast, icon=None)
                waiting = _Waiting(bare, _parts(bare))
            self._put(waiting)

    def notice(self, notice: Notice) -> None:
        """Keep the toast of an event, if it has one, and remember what was muted.

        Raises:
            HistoryError: If too much waits already.
        """
        if notice.toast is not None:
            self.show(notice.toast)
        elif notice.event == "muted":
            self._remember(Muted(**notice.fields))  # type: ignore[arg-type]  # as it was made

    def close_toasts(self, numbers: Sequence[int]) -> None:
        """Remember that these toasts were closed. May be called from any thread.

        Raises:
            HistoryError: If too much waits already.
        """
        self._remember(Closing(tuple(numbers)))

    def _remember(self, change: Closing | Muted) -> None:
        if self._file is not None:
            size = 40 * len(change.numbers) if isinstance(change, Closing) else sys.getsizeof(change.application)
            with self._changed:
                self._put(_Waiting(change, {id(change): _OVERHEAD + size}))

    def _put(self, waiting: _Waiting) -> None:
        if not self._room.fits(waiting):
            raise HistoryError("alerts come faster than they can be written to the history")
        self._room.add(waiting)
        self._waiting.append(waiting)
        if len(self._waiting) in (1, _BATCH):  # else the thread is awake
            self._changed.notify_all()

    # -- In the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while self._file is not None and (batch := self._next_batch()) is not None:
            self._write(batch)
            with self._changed:
                for _ in batch:
                    self._room.remove(self._waiting.popleft())
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _next_batch(self) -> list[Change] | None:
        """Wait for toasts; return none after a while without any, and None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing, _PRUNE_INTERVAL)
            if self._waiting:
                self._changed.wait_for(lambda: len(self._waiting) >= _BATCH or self._is_closing, _GATHERING)
            elif self._is_closing:
                return None
            return [waiting.change for waiting in islice(self._waiting, _BATCH)]

    def _write(self, batch: Sequence[Change]) -> None:
        try:
            self._store(batch)
        except DamagedError as error:
            self._begin_again(error, batch)
        except Exception as error:  # noqa: BLE001 - a full disk, or a reader that takes too long: the next may fit
            for _ in batch:
                self._report(error)

    def _store(self, batch: Sequence[Change]) -> None:
        assert self._file is not None
        if not self._file.is_in_place():
            self._file.close()
            self._file = HistoryFile(self.path, writes=True)
            self._say("the history was removed, and a new one begins")
        self._file.write(batch)
        self._unpruned += len(batch)
        if not batch or self._unpruned >= _PRUNE_EVERY:
            self._unpruned = 0
            self._file.prune(time.time())

    # -- The file --------------------------------------------------------------------------------

    def _opened(self) -> HistoryFile | None:
        """Open the file; set a damaged one aside first. Return None if no file can be opened."""
        try:
            try:
                return self._known(HistoryFile(self.path, writes=True))
            except DamagedError as error:
                return self._new(error)
        except OSError as error:
            self._say(f"no history is kept: {error}")
            return None

    def _known(self, file: HistoryFile) -> HistoryFile:
        """Go on with the numbers of a file, and return it."""
        try:
            file.prune(time.time())
            self.numbers = Numbers(file.last_number(), file.known())
            self.incidents = Incidents(file.counted(time.time()), time.monotonic())
            self.muted = file.muted(time.time())
        except OSError:
            file.close()
            raise
        return file

    def _new(self, error: DamagedError) -> HistoryFile:
        self._say(f"the history is damaged ({error}): it is now {set_aside(self.path)}, and a new one begins")
        return HistoryFile(self.path, writes=True)

    def _begin_again(self, error: DamagedError, batch: Sequence[Change]) -> None:
        """Set a file aside that was damaged while it was open, and write to a new one; if that fails, keep none."""
        assert self._file is not None
        self._file.close()
        try:
            self._file = self._new(error)
            self._store(batch)
        except OSError as failure:
            self._say(f"no history is kept: {failure}")
            self._file.close()
            self._file = None


def _parts(toast: Toast) -> dict[int, int]:
    """Return the bytes of each object that a toast keeps in memory, by the object's id."""
    texts = [toast.application, toast.name, toast.title, toast.text, toast.coalescing_id, toast.callback_url, toast.id_]
    texts += [*toast.headers, *toast.headers.values()]
    parts = {id(text): sys.getsizeof(text) for text in texts}
    if isinstance(toast.icon, Resource) and toast.icon.data is not None:
        parts[id(toast.icon.data)] = len(toast.icon.data)
    return {**parts, id(toast): _OVERHEAD}
