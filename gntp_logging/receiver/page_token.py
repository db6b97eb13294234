"""The page's token, which a file keeps, so that the page's address stays."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from typing import Final

from .private_file import check_private, is_open_to_others, make_private

_TOKEN: Final = re.compile("[0-9a-f]{32}")


def kept_token(path: str) -> str:
    """Return the token that a file keeps; make the file, for its owner alone, if there is none.

    A token that others could read or write is no secret: a new one replaces it.

    Raises:
        OSError: If it cannot be read or made, is not the user's own, or has no token in it.
    """
    if not os.path.lexists(path):
        _make(path)
    was_open = is_open_to_others(path)
    check_private(path)
    with open(path, encoding="ascii", errors="replace") as file:
        token = file.read(100).strip()
    if not _TOKEN.fullmatch(token):
        raise OSError(f"there is no token in {path}: remove it, and a new one is made")
    if was_open:
        os.unlink(path)
        return kept_token(path)
    return token


def _make(path: str) -> None:
    """Write a new token to a file that is never half written; one that another receiver wrote meanwhile stays."""
    own = f"{path}.{os.getpid()}"
    make_private(own)
    try:
        with open(own, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(16)}\n")
        with contextlib.suppress(FileExistsError):
            os.link(own, path)
    finally:
        os.unlink(own)
