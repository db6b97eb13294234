"""source: bytes as they arrive, and the parsers that read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.source import Parser, ReceiveBuffer


def feed_bytewise(buffer: ReceiveBuffer, parser: Parser[bytes], data: bytes) -> bytes:
    """Give a parser each byte when it asks, then the end of the stream, and return what it read."""
    pieces = iter(data)
    while True:
        try:
            next(parser)
        except StopIteration as stop:
            return bytes(stop.value)
        piece = next(pieces, None)
        if piece is None:
            buffer.eof = True
        else:
            buffer.data.append(piece)


def test_read_exact_reads_so_many_bytes() -> None:
    """And leaves what follows."""
    buffer = ReceiveBuffer()
    buffer.data += b"abcdef"
    assert feed_bytewise(buffer, buffer.read_exact(4), b"") == b"abcd"
    assert buffer.data == b"ef"


def test_what_is_there_is_not_waited_for() -> None:
    """Neither the last byte of a number of them, nor a delimiter with nothing before it."""
    buffer = ReceiveBuffer()
    buffer.data += b"abc\r\nd\r\n"
    parsers = buffer.read_exact(3), buffer.read_until(b"\r\n", 10, "a line"), buffer.read_exact(3)
    for parser, found in zip(parsers, (b"abc", b"", b"d\r\n"), strict=True):
        with pytest.raises(StopIteration) as stop:
            next(parser)
        assert stop.value.value == found


def test_a_stream_that_ends_too_early_is_an_error() -> None:
    """For a number of bytes and for a delimiter."""
    one, other = ReceiveBuffer(), ReceiveBuffer()
    for buffer, parser in ((one, one.read_exact(4)), (other, other.read_until(b"\r\n", 10, "a line"))):
        with pytest.raises(GNTPProtocolError, match=r"^the connection ended in the middle of a message$"):
            feed_bytewise(buffer, parser, b"abc")


@pytest.mark.parametrize(("size", "fits"), [(9, True), (10, True), (11, False)])
@pytest.mark.parametrize("at_once", [True, False])
def test_read_until_reads_up_to_its_limit(size: int, fits: bool, at_once: bool) -> None:
    """The delimiter is read too; one byte more before it is an error that names what was read."""
    buffer, data = ReceiveBuffer(), b"x" * size + b"\r\n"
    if at_once:
        buffer.data += data
    parser = buffer.read_until(b"\r\n", 10, "a line")
    if fits:
        assert feed_bytewise(buffer, parser, b"" if at_once else data) == b"x" * size
        assert not buffer.data
    else:
        with pytest.raises(GNTPProtocolError, match="a line is longer than 10 bytes"):
            feed_bytewise(buffer, parser, b"" if at_once else data)


def test_read_until_gives_up_without_a_delimiter() -> None:
    """It does not wait for the end of what never ends."""
    buffer = ReceiveBuffer()
    with pytest.raises(GNTPProtocolError, match="longer than 10 bytes"):
        feed_bytewise(buffer, buffer.read_until(b"\r\n\r\n", 10, "a block"), b"x" * 1000)
    assert len(buffer.data) == 15


def test_what_was_searched_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each search begins where the last one left off, less what may be the beginning of a delimiter."""
    begins: list[int] = []

    class Spy(bytearray):
        def find(self, sub: object, start: object = 0, *_: object) -> int:
            assert isinstance(sub, bytes)
            assert isinstance(start, int)
            begins.append(start)
            return super().find(sub, start)

    buffer = ReceiveBuffer()
    monkeypatch.setattr(buffer, "data", Spy())
    parser = buffer.read_until(b"\r\n\r\n", 10_000, "a block")
    assert feed_bytewise(buffer, parser, b"x" * 1000 + b"\r\n\r\n") == b"x" * 1000
    assert all(start >= index - 4 for index, start in enumerate(begins))


def test_starts_with_reads_nothing() -> None:
    """It waits while the bytes may still be these, and no longer; the end of the stream decides."""
    for arriving, expected in [(b"END", True), (b"ENDING", True), (b"EN", False), (b"EX", False), (b"", False)]:
        buffer = ReceiveBuffer()

        def answer(buffer: ReceiveBuffer = buffer) -> Parser[bytes]:
            return b"yes" if (yield from buffer.starts_with(b"END")) else b"no"

        assert feed_bytewise(buffer, answer(), arriving) == (b"yes" if expected else b"no")
        assert arriving.startswith(bytes(buffer.data))


@given(data=st.binary(max_size=64), sizes=st.lists(st.integers(0, 20)))
def test_taking_keeps_the_order(data: bytes, sizes: list[int]) -> None:
    """What is taken and what is left are the data."""
    buffer = ReceiveBuffer()
    buffer.data += data
    taken = b"".join(buffer.take(size) for size in sizes)
    assert taken + buffer.data == data
