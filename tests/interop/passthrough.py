"""A pass-through on loopback: hands bytes on in both directions, half-closes included, and keeps a copy."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass

from tests.support import PATIENCE, ScriptedServer, wait_until


@dataclass(frozen=True)
class Exchange:
    """What went over one connection."""

    request: bytes
    response: bytes

    @property
    def message_type(self) -> str:
        """The request's type, from its information line."""
        return self.request.split(b" ", 2)[1].decode("ascii")


class PassThrough(ScriptedServer):
    """Stands before a server on another port."""

    def __init__(self, port: int) -> None:
        """Take a free port.

        Args:
            port: The server's port on loopback.
        """
        super().__init__(self._pass)
        self._server_port = port
        self.exchanges: list[Exchange] = []

    def wait_for_types(self, count: int) -> list[str]:
        """Return the types of the requests, in order, once so many exchanges have ended."""
        wait_until(lambda: len(self.exchanges) >= count)
        return [exchange.message_type for exchange in self.exchanges]

    def _pass(self, client: socket.socket, _number: int) -> None:
        with socket.create_connection(("127.0.0.1", self._server_port), PATIENCE) as server:
            request, response = bytearray(), bytearray()
            back = threading.Thread(target=_copy, args=(server, client, response))
            forth = threading.Thread(target=_copy, args=(client, server, request))
            for thread in (back, forth):
                thread.start()
            for thread in (back, forth):
                thread.join()
            self.exchanges.append(Exchange(bytes(request), bytes(response)))


def _copy(source: socket.socket, target: socket.socket, copy: bytearray) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            copy += data
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
