"""growl_for_linux: which requests it would misread; that it reads them padded, tests/interop shows with the program."""

from __future__ import annotations

import pytest

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.growl_for_linux import PADDING, PADDING_SIZES, leaves_a_line_feed, misreads_the_end, padded
from gntp_logging.gntp.requests import Block


@pytest.mark.parametrize(
    ("size", "half_close", "misread"),
    [
        (3, False, False),
        (1024, False, False),
        (1025, False, True),
        (1027, False, True),
        (1028, False, False),
        (1025, True, False),
        (2049, False, True),
    ],
)
def test_a_last_piece_of_some_bytes_makes_it_wait(size: int, half_close: bool, misread: bool) -> None:
    """Unless the sender shuts down its side."""
    assert misreads_the_end(b"x" * size, half_close=half_close) == misread


def test_an_empty_line_at_the_end_of_a_piece_is_an_end() -> None:
    """Where something follows."""
    whole = b"x" * 1020 + b"\r\n\r\n"
    assert not misreads_the_end(whole, half_close=True)
    assert misreads_the_end(whole + b"more", half_close=True)


@pytest.mark.parametrize("algorithm", [ciphers.AES, ciphers.DES, ciphers.DES3])
def test_a_padding_of_one_byte_leaves_a_line_feed(algorithm: ciphers.Algorithm) -> None:
    """In any cipher; never in clear."""
    cipher = algorithm.cipher(keys.SHA256.key("secret"))
    found = [size for size in range(2 * cipher.block_size) if leaves_a_line_feed(b"x" * size, cipher)]
    assert found == [cipher.block_size - 1, 2 * cipher.block_size - 1]
    assert not leaves_a_line_feed(b"x" * (cipher.block_size - 1), None)


def test_padding_replaces_padding() -> None:
    """A forwarded request may have brought some."""
    blocks: list[Block] = [[("A", "1"), (PADDING, "..")], [("B", "2")]]
    assert padded(blocks, 0) == blocks
    assert padded(blocks, 3) == [[("A", "1"), (PADDING, "...")], [("B", "2")]]


def test_the_sizes_of_padding_differ_where_it_matters() -> None:
    """At most one of them leaves a last block that is padded by a single byte."""
    for block_size in (8, 16):
        assert len({size % block_size for size in PADDING_SIZES}) == len(PADDING_SIZES)
