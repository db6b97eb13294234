"""Files that only their owner may read, in folders in which no other user may write."""

from __future__ import annotations

import os
import stat


def make_private(path: str) -> None:
    """Make an empty file for its owner alone, and its folder if need be. A file that is there is checked.

    Raises:
        OSError: If it cannot be made, or if others could read it, or could put another file in its place.
    """
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, 0o700, exist_ok=True)
    _check_folder(folder)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        check_private(path)


def check_private(path: str) -> None:
    """Refuse what is not the user's own file, and close it for others.

    It is not opened for that: closing it again would end the locks that SQLite has on it in this process.

    Raises:
        OSError: If it is not there, no regular file, or another user's.
    """
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path} is no regular file")
    if not hasattr(os, "geteuid"):  # Windows: what is in the user's folder is the user's
        return
    if found.st_uid != os.geteuid():
        raise OSError(f"{path} belongs to another user")
    if is_open_to_others(path):
        os.chmod(path, 0o600)


def is_open_to_others(path: str) -> bool:
    """Tell whether a file is a regular one, and its mode lets others read or change it; never on Windows."""
    mode = os.lstat(path).st_mode
    return hasattr(os, "geteuid") and stat.S_ISREG(mode) and bool(mode & 0o077)


def _check_folder(path: str) -> None:
    if not hasattr(os, "geteuid"):
        return
    found = os.stat(path)
    if found.st_uid not in (os.geteuid(), 0):
        raise OSError(f"the folder {path} belongs to another user")
    if found.st_mode & stat.S_IWOTH:
        raise OSError(f"everybody may write to the folder {path}")
