"""Constants of the Growl Notification Transport Protocol and small helpers around them.

Numbers cite the section of the GNTP 1.0 specification they come from, or say who measured them.
"""

from __future__ import annotations

import enum
import os
from typing import Final

VERSION: Final = "2.0.0"
"""Version of this package; sent as ``Origin-Software-Version``."""

# -- Network defaults ---------------------------------------------------------------------------

DEFAULT_PORT = 23053
"""TCP port of a GNTP server ("Protocol overview": port 23053, registered with IANA)."""

DEFAULT_TIMEOUT = 10.0
"""Seconds that one whole exchange (connect, send, receive) may take."""

DEFAULT_TTL = 60
"""Seconds a subscription lives when the hub names no ``Subscription-TTL``."""

# -- Message limits -----------------------------------------------------------------------------

MAX_MESSAGE_SIZE = 4096
"""Bytes in one response that :func:`~gntp_logging.gntp.connections.generate_messages` accepts."""

MAX_LINE_SIZE = 1024
"""Bytes in one header line of a response; a longer line is not worth reading."""

MAX_SECTION_SIZE: Final = 16 * 1024 * 1024
"""Bytes in one binary section that a server can be expected to take: no toast shows a larger picture."""

# -- Delimiters ---------------------------------------------------------------------------------

LINE_DELIMITER = b"\r\n"
MESSAGE_DELIMITER = b"\r\n\r\n"

# -- Priorities ("Notification-Priority": "valid values are between -2 and 2, inclusive") --------

PRIORITY_VERY_LOW = -2
PRIORITY_LOW = -1
PRIORITY_NORMAL = 0
PRIORITY_HIGH = 1
PRIORITY_EMERGENCY = 2

# -- Message types ------------------------------------------------------------------------------

RESPONSE_OK = "-OK"
RESPONSE_ERROR = "-ERROR"
RESPONSE_CALLBACK = "-CALLBACK"

RESOURCE_SCHEME: Final = "x-growl-resource://"
"""Prefix of a header value that points to a binary section ("Binary data")."""


class ErrorCode(enum.IntEnum):
    """The codes of an -ERROR response ("Error codes").

    403 and 404 are not in the specification's text but are sent by real servers.
    """

    TIMED_OUT = 200
    NETWORK_FAILURE = 201
    INVALID_REQUEST = 300
    UNKNOWN_PROTOCOL = 301
    UNKNOWN_PROTOCOL_VERSION = 302
    REQUIRED_HEADER_MISSING = 303
    NOT_AUTHORIZED = 400
    UNKNOWN_APPLICATION = 401
    UNKNOWN_NOTIFICATION = 402
    ALREADY_PROCESSED = 403
    NOTIFICATION_DISABLED = 404
    INTERNAL_SERVER_ERROR = 500


NOT_REGISTERED: Final = frozenset({ErrorCode.UNKNOWN_APPLICATION, ErrorCode.UNKNOWN_NOTIFICATION})
"""Error codes of a server that does not know, or has forgotten, the application or type: register, and notify again."""


def random_bytes(num_bytes: int) -> bytes:
    """Generate cryptographically secure random bytes.

    They come from the operating system's generator, which :mod:`secrets` uses as well. Importing :mod:`secrets` would
    cost as much as the rest of this package.

    Raises:
        ValueError: If ``num_bytes`` is negative.
    """
    if num_bytes < 0:
        raise ValueError(f"num_bytes must be 0 or more, not {num_bytes}")
    return os.urandom(num_bytes)


def random_hex_string(num_bytes: int) -> str:
    """Generate a random hex string.

    Args:
        num_bytes: How many random bytes to draw; the string is twice as long.

    Returns:
        Lower-case hexadecimal digits.

    Raises:
        ValueError: If ``num_bytes`` is negative.
    """
    return random_bytes(num_bytes).hex()


def encode_utf8(text: str) -> bytes:
    """Encode text as UTF-8 without ever failing.

    Args:
        text: Any string. Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return replace_surrogates(text).encode("utf-8")


def decode_utf8(data: bytes) -> str:
    """Decode UTF-8 bytes.

    Raises:
        UnicodeDecodeError: If ``data`` is not valid UTF-8.
    """
    return data.decode("utf-8")


VISIBLE: Final = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: "␡",
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
}
"""Control characters and their visible forms, for str.translate.

C0 and DEL have control pictures. C1 has none, so it gets a backslash escape (U+009B alone begins a terminal's escape
sequence). Line feed and tab stay as they are.
"""

READABLE: Final = {
    **dict.fromkeys((0x2028, 0x2029), "\n"),
    **dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd"),
}
"""Unicode's line ends, and the characters that change the direction of a text, for str.translate.

A text with such a character looks like another text. GNTP carries them: only what is shown to people is made readable.
"""


def replace_surrogates(text: str) -> str:
    """Replace each lone surrogate by U+FFFD; a surrogate pair becomes the character it stands for."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def safe_int_conversion(value: object, default: int = 0) -> int:
    """Convert a value to an integer, or fall back.

    Args:
        value: Anything ``int()`` may or may not take.
        default: What to return when it does not.

    Returns:
        The integer, or ``default``.
    """
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]  # the point is to try anything
    except (TypeError, ValueError, OverflowError):
        return default


def validate_priority(priority: int) -> int:
    """Clamp a priority into the range that GNTP knows.

    Returns:
        The nearest integer from -2 to 2.
    """
    return max(PRIORITY_VERY_LOW, min(PRIORITY_EMERGENCY, int(priority)))
