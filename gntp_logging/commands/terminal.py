"""Output of the commands: any text, from any server, in any encoding, without control characters."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final, TextIO

from gntp_logging.receiver.terminal_text import sanitize_for_terminal

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line. Control characters and direction overrides are shown, not obeyed.

    What the stream cannot encode becomes a question mark.

    Args:
        line: The line, which may hold text of a server.
        stream: None means stdout.
    """
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    indent = line[: len(line) - len(line.lstrip(" \n"))]  # kept apart, because it would be stripped
    print((indent + sanitize_for_terminal(line)).encode(encoding, "replace").decode(encoding), file=stream, flush=True)


def warn(line: str, stream: TextIO | None = None) -> None:
    """Print one line, whatever line ends it holds.

    Args:
        stream: None means stderr.
    """
    say(" ".join(line.split()), stream or sys.stderr)


@contextlib.contextmanager
def all_streams() -> Iterator[None]:
    """Put the null device in the place of missing standard streams (``>&-``) while the context lasts."""
    missing = [(name, mode) for name, mode in _STREAMS if getattr(sys, name) is None]
    with contextlib.ExitStack() as opened:
        for name, mode in missing:
            setattr(sys, name, opened.enter_context(open(os.devnull, mode, encoding="utf-8")))
            opened.callback(setattr, sys, name, None)
        yield
