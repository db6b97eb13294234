"""Whether the owner of rows in a spool is alive: it holds a lock that the system frees when its process dies.

Each owner has a lock file beside the spool. No clock is asked, and no sign of life is needed.
"""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from collections.abc import Iterator

from gntp_logging.gntp.constants import random_hex_string

if sys.platform == "win32":  # untried there
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # Not fcntl.lockf: its locks end when the process closes any descriptor of the file, and do not keep two
        # owners in one process apart.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class OwnerLock:
    """The lock of one owner.

    Attributes:
        owner: Name of the owner; random.
    """

    def __init__(self, spool: str) -> None:
        """Take the lock.

        Args:
            spool: Path of the spool.

        Raises:
            OSError: If no file can be made there, or the file system has no locks.
        """
        self.owner: str = ""
        while not self.owner:
            name = random_hex_string(8)
            self._path = _path(spool, name)
            self._descriptor = _open(self._path)
            try:
                _lock(self._descriptor)
                # Before it was locked, another process may have taken the owner for dead, and removed the file.
                if os.path.exists(self._path):
                    self.owner = name
            finally:
                if not self.owner:
                    self.leave_to_parent()

    def release(self) -> None:
        """Free the lock, and remove its file."""
        _remove(self._path)
        self.leave_to_parent()

    def leave_to_parent(self) -> None:
        """Close the file. If a forked child does so, the parent keeps the lock, until it dies."""
        os.close(self._descriptor)


@contextlib.contextmanager
def claim(spool: str, owner: str) -> Iterator[bool]:
    """Hold the lock of an owner that is dead.

    Yields:
        Whether it is dead, and no other process has claimed it.
    """
    path = _path(spool, owner)
    descriptor = _open(path)
    try:
        try:
            _lock(descriptor)
        except OSError:
            yield False
            return
        yield True
        _remove(path)
    finally:
        os.close(descriptor)


def remove_left_locks(spool: str) -> None:
    """Remove the lock files of dead owners that have left no rows."""
    start = len(_path(spool, "")) - len(".lock")
    for path in glob.glob(_path(glob.escape(spool), "*")):
        with contextlib.suppress(OSError), claim(spool, path[start : -len(".lock")]):
            pass


def _path(spool: str, owner: str) -> str:
    return f"{spool}-{owner}.lock"


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):  # Windows removes no open file
        os.unlink(path)
