"""Texts as people read them: without a terminal's escape sequences, directions visible, line ends as such. Pure.

An alert is cleaned first of all, before its secrets are masked: a colour in the middle of a secret must not hide it.
"""

from __future__ import annotations

import re
from typing import Final

from gntp_logging.gntp.constants import READABLE, VISIBLE

_FIRST: Final = re.compile("[\x1b\x90\x98\x9b\x9d-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""A character that has to be cleaned, or the first one of a sequence that has to be."""

_SEQUENCE: Final = re.compile(
    r"""
    (?: \x1b[PX\]^_] | [\x90\x98\x9d-\x9f] ) [^\x00-\x1f\x7f-\x9f]* (?: \x07 | \x1b\\ | \x9c )  # titles, links
    | (?: \x1b\[ | \x9b ) [0-?]* [\ -/]* [@-~]?   # colours, and where the cursor goes
    | \x1b [\ -/]* [0-~]                          # character sets, and the rest
    """,
    re.VERBOSE,
)

_FORMS: Final = {**READABLE, **{ord(first): VISIBLE[ord(first)] for first in "\x1b\x90\x98\x9d\x9e\x9f"}}
"""Signs that begin an incomplete sequence become visible. If they stayed, what the first pass leaves might form a new
sequence, which a second pass would remove."""


def is_clean(text: str) -> bool:
    """Tell whether a text has nothing to clean: for nearly all texts that costs less than a function's call."""
    return "\x1b" not in text if text.isascii() else _FIRST.search(text) is None


def clean(text: str) -> str:
    """Return a text without escape sequences, with U+2028 and U+2029 as line feeds and directions as U+FFFD.

    A second pass changes nothing.
    """
    return text if is_clean(text) else _SEQUENCE.sub("", text).translate(_FORMS)
