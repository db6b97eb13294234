"""What commands write to a terminal: any text, from anybody, on any encoding, without a control character."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final, TextIO

from gntp_logging.gntp.headers import safe_value

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line. Control characters are shown, not obeyed; what the stream cannot show is a question mark.

    Args:
        line: The line, in which servers may have had a word.
        stream: Where to; None means stdout.
    """
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    indent = line[: len(line) - len(line.lstrip(" \n"))]  # which would be trimmed
    print((indent + safe_value(line)).encode(encoding, "replace").decode(encoding), file=stream, flush=True)


def warn(line: str) -> None:
    """Print one line on stderr, whatever line ends it holds."""
    say(" ".join(line.split()), sys.stderr)


@contextlib.contextmanager
def all_streams() -> Iterator[None]:
    """Give the process the standard streams that it was started without (``>&-``), leading nowhere, for a while."""
    missing = [(name, mode) for name, mode in _STREAMS if getattr(sys, name) is None]
    with contextlib.ExitStack() as opened:
        for name, mode in missing:
            setattr(sys, name, opened.enter_context(open(os.devnull, mode, encoding="utf-8")))
            opened.callback(setattr, sys, name, None)
        yield
