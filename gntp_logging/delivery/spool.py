"""Keeps what waits in a file, so that it outlives the process; and takes over what other processes have left there.

A thread of its own has the file, so that neither a slow disk nor a server that hangs delays others. Five times a second
it compares what waits in the queue with what it has written, and writes the difference in one transaction:

===================================  ====================================================================
what waits                           what is written
===================================  ====================================================================
an alert, for half a second          a row
more repeats of it                   the row's numbers, about once a second
nothing more: answered, or dropped   the row is removed
nothing more: left to the spool      the row has no owner, and the next process takes it over
===================================  ====================================================================

While nothing waits the thread sleeps. Every ten seconds it looks for rows of processes that have died. If no thread can
be started, the end of the program, or of the handler, writes on the calling thread.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .digest import Finish
from .failure_report import alerts
from .kept import Changes, Kept, Kind, Written, changes
from .process import exit_
from .queue import AlertQueue
from .spool_file import PATIENCE, Addressee, SpoolError, SpoolFile, Waiting
from .spool_lock import OwnerLock, remove_left_locks
from .threads import is_held_here, start_thread
from .waiters import Waiter

LOOK_EVERY: Final = 0.2
"""Seconds between two looks at what waits: with WRITE_AFTER and a write, less than a second, also where much runs."""

TAKE_OVER_EVERY: Final = 10.0
"""Seconds between two looks for what others have left."""

RETRY_EVERY: Final = 60.0
"""Seconds until a file that could not be used is tried again."""

FORGOTTEN_AFTER: Final = 7 * 86_400.0
"""Seconds after which rows that their addressee has not sent go into the digest of any process with the file."""

BATCH: Final = 500
"""Alerts that are written in one transaction: other processes wait for its end."""

FORK_WAITS: Final = 1.0
"""Seconds for which a fork waits until no thread of this process is inside SQLite."""

_named: Final[set[tuple[str, Addressee]]] = set()
"""Files and addressees that this process has named on stderr already: no handler sends to them."""


class _SQLite:
    """What a fork must not meet: a thread inside SQLite, and an open file.

    A child inherits the state of SQLite. Locks that a thread held inside SQLite would stay taken for ever. With an open
    file, SQLite in the child would believe that it holds the file's locks, which only the parent has: other processes
    would remove the log to which the child writes.

    Attributes:
        turn: Held by the thread that is inside SQLite.
        files: The files that may be open; a fork closes them, and the next look opens them again.
        is_usable: False if this process was forked while a thread was inside SQLite.
    """

    def __init__(self) -> None:
        self.turn = threading.RLock()
        self.files: weakref.WeakSet[SpoolFile] = weakref.WeakSet()
        self.is_usable = True
        self._is_held = False

    def before_fork(self) -> None:
        # A signal handler may fork in the middle of its thread's look, which needs the file again: it stays open.
        self._is_held = not is_held_here(self.turn) and self.turn.acquire(timeout=FORK_WAITS)
        if self._is_held:
            for file in self.files:
                file.close()

    def in_parent(self) -> None:
        if self._is_held:
            self.turn.release()

    def in_child(self) -> None:
        self.is_usable = self.is_usable and self._is_held
        self.turn = threading.RLock()


_sqlite: Final = _SQLite()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_sqlite.before_fork, after_in_parent=_sqlite.in_parent, after_in_child=_sqlite.in_child)


@dataclass(frozen=True)
class SpoolSettings:
    """Where alerts are kept, and for whom.

    Attributes:
        path: The file's absolute path.
        max_age: Seconds after which an alert of another process is reported by a digest only.
        addressee: The server and the application that the alerts are for.
    """

    path: str
    max_age: float
    addressee: Addressee

    @classmethod
    def of(cls, path: str, max_age: float, server: str, application: str) -> SpoolSettings:
        """Return settings for the alerts of one application on one server, given as host and port."""
        return cls(path, max_age, Addressee(server.lower(), application))


class _Request(Waiter):
    """A caller that waits for a look at everything.

    Attributes:
        is_last: Whether the thread ends with it.
    """

    def __init__(self, *, is_last: bool) -> None:
        """Begin to wait."""
        super().__init__(0)
        self.is_last: bool = is_last


class Spool:
    """The spool of one worker, in one process."""

    def __init__(
        self,
        settings: SpoolSettings,
        queue: AlertQueue,
        finish: Finish,
        *,
        report: Callable[[str], None],
        has_work: Callable[[], bool],
        on_restored: Callable[[], None],
    ) -> None:
        """Prepare. No file is opened before something has waited, or has been left by others.

        Args:
            queue: What waits, and where restored alerts go on.
            finish: Masks the secrets of an alert, and then cuts it.
            report: Takes a line for people.
            has_work: Tells whether something may be waiting.
            on_restored: Called when alerts were restored.
        """
        self.settings: SpoolSettings = settings
        self._queue = queue
        self._finish = finish
        self._report = report
        self._has_work = has_work
        self._on_restored = on_restored
        self._written: Mapping[str, Written] = {}
        self._left: set[str] = set()
        self._lock: OwnerLock | None = None
        self._merges = 0
        self._retry_at = self._take_over_at = 0.0
        self._has_failed = self._has_looked = False
        self._life: object | None = None  # the thread that goes on; every other one ends
        self._turn = threading.RLock()  # held during a look
        self._requests: deque[_Request] = deque()
        self._wake = threading.Lock()  # flags, as the worker's
        self._hurry = threading.Lock()

    # -- The worker's side ---------------------------------------------------------------------

    def wake_up(self) -> None:
        """Look soon at what waits. Start the thread if there is none and something may wait."""
        if self._life is None and self._has_work():  # else the worker's last turn would start it after a close
            self._start()
        _release(self._wake)

    def first_look(self, deadline: float) -> None:
        """Restore what was left by others, or by this handler when it was closed; wait for it until a deadline."""
        if self._life is None and self._queue.has_work():
            self._start()  # before the worker's thread does: this flush waits for what a closed handler takes back
        if self._has_looked or not os.path.exists(self.settings.path):
            return
        self._start()
        self.settle(deadline)

    def settle(self, deadline: float, *, is_last: bool = False) -> dict[str, int]:
        """Write all that waits, however short, and remove what does not; wait for it until a deadline.

        Args:
            deadline: In seconds of time.monotonic.
            is_last: Whether the thread ends then, and closes the file.

        Returns:
            How many records each row keeps, by key, as far as they were written in time.
        """
        if is_held_here(self._turn):
            pass  # this thread was interrupted in the middle of a look, which goes on afterwards
        elif self._life is None:
            self._look_here(deadline, is_last=is_last)
        else:
            request = _Request(is_last=is_last)
            self._requests.append(request)
            _release(self._hurry)
            _release(self._wake)
            request.wait(deadline - time.monotonic())
        return {key: written.kept.records for key, written in self._written.items()}

    def end(self, deadline: float) -> None:
        """Settle, end the thread, and close the file; then any process may take over what was left to the spool."""
        self.settle(deadline, is_last=True)
        self._life = None  # where that took too long, the thread ends with its next look
        if self._turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
            try:
                if self._lock is not None and not self._written:
                    self._lock.release()
                    self._lock = None
            finally:
                self._turn.release()

    def leave_to_parent(self) -> None:
        """Let go of the parent's lock in a forked child: the lock must end with the parent, not with the child."""
        if self._lock is not None:
            self._lock.leave_to_parent()

    # -- The thread ----------------------------------------------------------------------------

    def _start(self) -> None:
        if self._life is not None or exit_.begun:  # at exit no thread can be counted on
            return
        self._has_looked = False
        self._take_over_at = 0.0  # a handler that was closed, and is used again, takes back what it has left
        life = self._life = object()
        try:
            start_thread(self._run, life)
        except RuntimeError:  # the worker has reported that
            self._life = None

    def _run(self, life: object) -> None:
        file: SpoolFile | None = None
        while self._life is life:
            requests = [self._requests.popleft() for _ in range(len(self._requests))]
            is_last = any(request.is_last for request in requests)
            with self._turn, _sqlite.turn:
                file = self._look(file, everything=bool(requests), is_last=is_last)
                if is_last and self._life is life:
                    self._life = None
                if self._life is not life:
                    _close(file)
            if self._life is not life:
                requests += self._requests
            for request in requests:
                request.release(settled=True)
            if self._life is life and not (self._written or self._left or self._has_work()):
                self._wake.acquire(timeout=max(0.0, self._take_over_at - time.monotonic()))
            if self._life is life and not self._requests:
                self._hurry.acquire(timeout=LOOK_EVERY)
        with _sqlite.turn:
            _close(file)

    def _look_here(self, deadline: float, *, is_last: bool) -> None:
        """Look once, on the calling thread."""
        left = deadline - time.monotonic()
        if left <= 0 or not self._turn.acquire(timeout=left):
            return
        try:
            with _sqlite.turn:
                _close(self._look(None, everything=True, is_last=is_last, patience=left))
        finally:
            self._turn.release()

    # -- One look ------------------------------------------------------------------------------

    def _look(
        self, file: SpoolFile | None, *, everything: bool, is_last: bool, patience: float = PATIENCE
    ) -> SpoolFile | None:
        """Restore what others have left, and write what has changed.

        Args:
            file: The file, if it is open.
            everything: Whether what has not waited for long is written, too.
            is_last: Whether nothing is restored, because it would not be delivered any more.
            patience: Seconds to wait for other processes.

        Returns:
            The file, if it is open afterwards.
        """
        now = time.monotonic()
        if file is not None and not file.is_open:  # a fork has closed it
            file = None
        try:
            if now >= self._take_over_at and not is_last:
                self._take_over_at = now + TAKE_OVER_EVERY
                if os.path.exists(self.settings.path):
                    file = file or self._open(patience)
                    self._take_over(file, now)
            while True:
                waiting, left = self._queue.waiting()
                self._left.update(left)
                found = changes(waiting, self._written, now, everything=everything)
                if not (any(found) or self._left) or (now < self._retry_at and not everything):
                    return file
                file = file or self._open(patience)
                if len(found.new) <= BATCH:
                    self._write(file, found, self._left, now)
                    self._left.clear()
                    break
                # Rows are removed with the last batch: an alert that a digest has taken in then has two rows for a
                # moment, rather than none.
                self._write(file, Changes([], found.new[:BATCH], []), (), now)
        except Exception as error:  # noqa: BLE001 - alerts go on without a spool
            self._fail(error)
            _close(file)
            return None
        finally:
            self._has_looked = True
        self._recover()
        return file

    def _open(self, patience: float) -> SpoolFile:
        if not _sqlite.is_usable:
            raise SpoolError("this process was forked while its parent was writing")
        file = SpoolFile(self.settings.path, patience=patience)
        _sqlite.files.add(file)
        if self._lock is None:
            try:
                self._lock = OwnerLock(self.settings.path)
                remove_left_locks(self.settings.path)
            except OSError as error:
                file.close()
                raise SpoolError(f"no lock is to be had beside it: {error.strerror or error}") from error
        return file

    def _fail(self, error: BaseException) -> None:
        self._retry_at = time.monotonic() + RETRY_EVERY
        if not self._has_failed:
            self._has_failed = True
            words = str(error) if isinstance(error, SpoolError) else f"{type(error).__name__}: {error}"
            self._report(f"alerts are not kept in {self.settings.path}: {words}")

    def _recover(self) -> None:
        self._retry_at = 0.0
        if self._has_failed:
            self._has_failed = False
            self._report(f"alerts are kept in {self.settings.path} again")

    @property
    def _owner(self) -> str:
        assert self._lock is not None
        return self._lock.owner

    # -- What others have left -----------------------------------------------------------------

    def _take_over(self, file: SpoolFile, now: float) -> None:
        with file.transaction():
            taken = file.take_over(self._owner, self.settings.addressee, time.time() - FORGOTTEN_AFTER)
        self._written = {**self._written, **{kept.key: Written(kept, now, kept.key) for kept in taken}}
        if taken:
            oldest = time.time() - self.settings.max_age  # a clock that was set back makes alerts look young
            self._queue.restore(kept._replace(kind=Kind.DIGEST) if kept.last < oldest else kept for kept in taken)
            self._on_restored()
        if not self._has_looked:
            self._name_orphans(file)

    def _name_orphans(self, file: SpoolFile) -> None:
        """Report, once in a process, what waits for a handler that may no longer exist."""
        for addressee, records in file.orphans(self.settings.addressee, time.time() - self.settings.max_age):
            key = (self.settings.path, addressee)
            if key not in _named:
                _named.add(key)
                self._report(f"{self.settings.path} keeps {alerts(records)} for {addressee}, to which no handler sends")

    # -- What waits ----------------------------------------------------------------------------

    def _write(self, file: SpoolFile, found: Changes, left: Collection[str], now: float) -> None:
        """Write what has changed, in one transaction.

        Args:
            left: Keys of rows that are left to another process, instead of being removed.
        """
        finished = [(kept, self._finish(kept.alert)) for kept in found.new]  # takes long: others must not wait for it
        written = dict(self._written)
        with file.transaction():
            for kept, alert in finished:
                file.put(self._owner, self.settings.addressee, kept, alert)
                written[kept.key] = Written(kept, now, kept.key)
            recounted = [Written(kept, now, written[kept.key].row) for kept in found.recounted]
            for one in recounted:
                written[one.kept.key] = one
                if not one.is_merged:
                    file.recount(one.kept)
            gone = [written.pop(key) for key in found.gone]
            file.leave(one.row for one in gone if not one.is_merged and one.row in left)
            file.remove(one.row for one in gone if not one.is_merged and one.row not in left)
            for row in {one.row for one in (*gone, *recounted) if one.is_merged}:
                self._recount_merged(
                    file, written, row, [one for one in gone if one.row == row and one.kept.key in left]
                )
            self._merge(file, written)
        self._written = written

    def _merge(self, file: SpoolFile, written: dict[str, Written]) -> None:
        """Where the file is full, let one row for each level stand for the oldest of the lowest priority."""
        by_level: dict[int, list[Written]] = {}
        for key in file.surplus(self._owner):
            by_level.setdefault(written[key].kept.alert.level, []).append(written[key])
        for level, members in by_level.items():
            self._merges += 1
            row = f"{self._owner}-d{level}-{self._merges}"
            newest = max(members, key=lambda member: member.kept.last).kept.alert
            # Without a fingerprint it is counted by its level only.
            alert = self._finish(newest)._replace(fingerprint="")
            file.put(self._owner, self.settings.addressee, _merged(row, members), alert)
            file.remove(member.kept.key for member in members)
            for member in members:
                written[member.kept.key] = member._replace(row=row)

    @staticmethod
    def _recount_merged(file: SpoolFile, written: dict[str, Written], row: str, left: Sequence[Written]) -> None:
        """Write a row anew that stands for many, after some of them have changed, have gone, or were left."""
        waiting = [one for one in written.values() if one.row == row]
        if left:
            # The row goes with those that were left; the next look writes the others anew.
            file.recount(_merged(row, left))
            file.leave([row])
            for one in waiting:
                del written[one.kept.key]
        elif waiting:
            file.recount(_merged(row, waiting))
        else:
            file.remove([row])


def waiting_in(path: str) -> list[Waiting]:
    """Return how many records wait in a file for each addressee.

    Raises:
        SpoolError: If the file cannot be used.
    """
    with _sqlite.turn:
        file = SpoolFile(path)
        try:
            return file.waiting()
        finally:
            file.close()


def _merged(row: str, members: Sequence[Written]) -> Kept:
    """Return what a row keeps that stands for many."""
    kept = [member.kept for member in members]
    records = sum(one.records for one in kept)
    newest = max(kept, key=lambda one: one.last)
    first = min(one.first for one in kept)
    return Kept(row, Kind.DIGEST, "", row, records, records, first, newest.last, newest.alert)


def _close(file: SpoolFile | None) -> None:
    if file is not None:
        file.close()


def _release(flag: threading.Lock) -> None:
    try:
        if flag.locked():
            flag.release()
    except RuntimeError:
        pass  # another caller has released it
