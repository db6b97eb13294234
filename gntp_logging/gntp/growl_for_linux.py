"""What growl-for-linux misreads, and the padding header that avoids it. Pure.

Each padding size shifts the message's length, its empty lines and its last cipher block. The first nearly always helps.
"""

from __future__ import annotations

from typing import Final

from .ciphers import Cipher
from .constants import MESSAGE_DELIMITER
from .requests import Block

PADDING: Final = "X-Padding"
PADDING_SIZES: Final = (1, 18, 35, 52)
"""Characters. The sizes differ modulo 16 and modulo 1,024, so that each misreading survives at most one of them."""

_PIECE: Final = 1024


def padded(blocks: list[Block], size: int) -> list[Block]:
    """Add a padding header to the first block; it replaces one that a forwarded request may have.

    Args:
        size: Characters of the header's value; 0 for no header.
    """
    if not size:
        return blocks
    first = [header for header in blocks[0] if header[0] != PADDING]
    return [[*first, (PADDING, "." * size)], *blocks[1:]]


def misreads_the_end(encoded: bytes, *, half_close: bool) -> bool:
    """Tell whether growl-for-linux would misread where a request ends.

    It reads pieces of 1,024 bytes. A piece that ends with an empty line is the last for it, and what follows is lost. A
    last piece of one to three bytes makes it wait 4.1 s, unless the sender shuts down its side.

    Args:
        encoded: The whole request.
        half_close: Whether the sender shuts down its side after it.
    """
    if not half_close and len(encoded) > _PIECE and 1 <= len(encoded) % _PIECE <= 3:
        return True
    ends = range(_PIECE, len(encoded), _PIECE)
    return any(encoded[end - 4 : end] == MESSAGE_DELIMITER for end in ends)


def leaves_a_line_feed(text: bytes, cipher: Cipher | None) -> bool:
    """Tell whether growl-for-linux would append a line feed to the last header's value.

    It does when the last cipher block is padded with a single byte (measured with 0.8.5): a URL then ends in a line
    feed, and a notification type whose last line is "Notification-Enabled: True" is disabled.

    Args:
        text: The header blocks, not encrypted yet.
        cipher: What will encrypt them; None for clear text.
    """
    return cipher is not None and len(text) % cipher.block_size == cipher.block_size - 1
