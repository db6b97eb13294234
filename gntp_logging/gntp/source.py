"""Bytes as they arrive, and the small parsers that read them.

A parser is a generator: it yields while it needs more bytes, and returns what it has read. Bytes that were searched are
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
        data: The bytes, the oldest first.
        eof: Whether the stream has ended.
    """

    def __init__(self) -> None:
        self.data: bytearray = bytearray()
        self.eof = False

    def wait_for_more(self) -> Parser[None]:
        """Yield once, so that more bytes can arrive.

        Raises:
            GNTPProtocolError: If the stream has ended.
        """
        if self.eof:
            raise GNTPProtocolError("the connection ended in the middle of a message")
        yield

    def read_exact(self, size: int) -> Parser[bytes]:
        """Read exactly ``size`` bytes.

        Raises:
            GNTPProtocolError: If the stream ends before.
        """
        while len(self.data) < size:
            yield from self.wait_for_more()
        return self.take(size)

    def read_until(self, delimiter: bytes, limit: int, what: str) -> Parser[bytes]:
        """Read up to a delimiter, and past it.

        Args:
            delimiter: Ends what is read.
            limit: How many bytes may stand before the delimiter.
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
        """Tell whether the next bytes are ``prefix``, without reading them; they are not if the stream ends before."""
        while not self.data.startswith(prefix):
            if self.eof or not prefix.startswith(self.data):
                return False
            yield
        return True

    def take(self, size: int) -> bytes:
        """Remove up to ``size`` bytes, and return them."""
        taken = bytes(memoryview(self.data)[:size])
        del self.data[:size]  # from the front of a bytearray this moves nothing
        return taken
