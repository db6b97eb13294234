"""Bytes as they arrive, and the small parsers that read them.

A parser is a generator: it yields while it needs more bytes, and returns what it has read. What was searched once is
not searched again, so that reading takes linear time however small the pieces are.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from .exceptions import GNTPProtocolError

_M = TypeVar("_M")
Parser: TypeAlias = "Generator[None, None, _M]"
"""A parser."""


class ReceiveBuffer:
    """Bytes that have arrived and were not read yet.

    Attributes:
        data: The bytes.
        eof: Whether no more will come.
    """

    def __init__(self) -> None:
        self.data: bytearray = bytearray()
        self.eof = False

    def wait_for_more(self) -> Parser[None]:
        """Wait for more bytes, once.

        Raises:
            GNTPProtocolError: If no more will come.
        """
        if self.eof:
            raise GNTPProtocolError("the connection ended in the middle of a message")
        yield

    def read_exact(self, size: int) -> Parser[bytes]:
        """Read a number of bytes.

        Args:
            size: How many.

        Returns:
            The bytes.

        Raises:
            GNTPProtocolError: If the stream ends before.
        """
        while len(self.data) < size:
            yield from self.wait_for_more()
        return self.take(size)

    def read_until(self, delimiter: bytes, limit: int, what: str) -> Parser[bytes]:
        """Read up to a delimiter, and past it.

        Args:
            delimiter: What ends the bytes.
            limit: How many bytes may stand before it.
            what: Name of what is read, for the error.

        Returns:
            The bytes before the delimiter.

        Raises:
            GNTPProtocolError: If the delimiter is not there within the limit, or the stream ends before.
        """
        searched = 0
        while (at := self.data.find(delimiter, searched)) < 0:
            if len(self.data) > limit + len(delimiter):
                break
            searched = max(0, len(self.data) - len(delimiter) + 1)
            yield from self.wait_for_more()
        if not 0 <= at <= limit:
            raise GNTPProtocolError(f"{what} is longer than {limit} bytes")
        found = self.take(at)
        self.take(len(delimiter))
        return found

    def starts_with(self, prefix: bytes) -> Parser[bool]:
        """Tell whether the next bytes are these, reading none of them.

        Args:
            prefix: The bytes looked for.

        Returns:
            True if they are there; False if others are, or the stream ends before.
        """
        while not self.data.startswith(prefix):
            if self.eof or not prefix.startswith(self.data):
                return False
            yield
        return True

    def take(self, size: int) -> bytes:
        """Remove bytes that have arrived. Deleting from the front of a bytearray moves nothing.

        Args:
            size: How many at most.

        Returns:
            The bytes.
        """
        taken = bytes(memoryview(self.data)[:size])
        del self.data[:size]
        return taken
