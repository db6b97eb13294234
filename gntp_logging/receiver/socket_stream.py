"""A socket in an event loop, read only while a reader waits for bytes: what a peer sends ahead stays with the system.

asyncio's own streams read ahead, up to half a megabyte for each connection, whether it is wanted or not.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

READ_SIZE: Final = 65536
"""Bytes that are read at a time."""


class SocketStream(asyncio.BufferedProtocol):
    """The two directions of one connection, once asyncio has connected it to a transport."""

    def __init__(self, scratch: bytearray) -> None:
        """Prepare.

        Args:
            scratch: Receives bytes, which are taken out at once; one buffer serves a whole event loop.
        """
        self._scratch = memoryview(scratch)
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._has_ended = False
        self._is_lost = False
        self._error: Exception | None = None
        self._reading: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None

    @property
    def transport(self) -> asyncio.Transport:
        """What asyncio moves the bytes with."""
        assert self._transport is not None
        return self._transport

    @property
    def is_waited_for(self) -> bool:
        """Whether a reader waits for bytes, and none have come."""
        return self._reading is not None and not self._reading.done()

    def pause(self) -> None:
        """Read nothing until bytes are wanted. Call it once the connection is made: Python 3.10 begins to read then."""
        self.transport.pause_reading()

    async def read(self) -> bytes:
        """Return some bytes, or none at the end of the stream.

        Raises:
            OSError: If the connection is lost.
        """
        while not (self._received or self._has_ended or self._is_lost):
            self._reading = asyncio.get_running_loop().create_future()
            self.transport.resume_reading()
            try:
                await self._reading
            finally:
                self._reading = None
                self.pause()
        data, self._received = self._received, b""
        if not data and self._error is not None:
            raise self._error
        return data

    async def drain(self) -> None:
        """Wait until the system has taken all that was written.

        Raises:
            OSError: If the connection is lost before.
        """
        while self.unsent and not self._is_lost:
            self._writing = asyncio.get_running_loop().create_future()
            try:
                await self._writing
            finally:
                self._writing = None
        if self._is_lost:
            raise self._error or ConnectionResetError("the connection was closed")

    def write(self, data: bytes) -> None:
        """Write as soon as the system takes it."""
        self.transport.write(data)

    def write_eof(self) -> None:
        """Shut down our side; the peer's stays open."""
        if self.transport.can_write_eof():
            self.transport.write_eof()

    @property
    def unsent(self) -> int:
        """How many bytes the system has not taken yet."""
        return self.transport.get_write_buffer_size()

    # -- What asyncio calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # resume_writing comes when everything is sent

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's interface
        """Return the room for what comes next."""
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has come, and read no more until it is wanted."""
        self._received += bytes(self._scratch[:nbytes])
        self.pause()
        _wake(self._reading)

    def eof_received(self) -> bool:
        """Note the end of the peer's side; ours stays open: clients shut down theirs and wait for the answer."""
        self._has_ended = True
        _wake(self._reading)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake those that wait for reading or writing."""
        self._is_lost = True
        self._error = exc
        _wake(self._reading)
        _wake(self._writing)

    def resume_writing(self) -> None:
        """Note that everything is sent."""
        _wake(self._writing)


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None:
        with contextlib.suppress(asyncio.InvalidStateError):
            waiting.set_result(None)
