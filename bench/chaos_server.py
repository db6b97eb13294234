"""A GNTP server that fails at random, in a process of its own; it remembers what it has acknowledged.

``python bench/chaos_server.py SEED`` prints its port. A line on stdin tells it what to do: ``calm`` ends the failures,
``report`` prints what it has seen, as one line of JSON. The end of stdin ends it.

It never answers 400 or 404: after those a handler is silent for minutes, by design.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the repository is not installed

from gntp_logging.gntp.exceptions import GNTPError
from gntp_logging.gntp.requests import NotifyRequest, Request, Response
from gntp_logging.gntp.wire import RequestReader, encode

FAULTS = {
    "answer": 80,
    "leave": 4,
    "reset": 4,
    "cut": 3,
    "garbage": 3,
    "hang": 2,
    "drip": 1,
    "200": 1,
    "303": 1,
    "401": 2,
    "402": 2,
    "403": 1,
    "500": 1,
}


class ChaosServer:
    """The server.

    Attributes:
        shown: Title and text of each notification that was acknowledged last under an id.
        perhaps: The same of those whose acknowledgement was cut off, which may still be read as one.
        read: How often a notification was read that may have been shown, by id.
    """

    def __init__(self, seed: str) -> None:
        """Listen on a free port.

        Args:
            seed: Makes the failures the same again.
        """
        self.calm = False
        self.shown: dict[str, tuple[str, str]] = {}
        self.perhaps: dict[str, tuple[str, str]] = {}
        self.read: dict[str, int] = {}
        self._choose = random.Random(seed)
        self._lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def serve(self) -> None:
        """Take connections for ever, but for short holidays."""
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self._converse, args=(sock,), daemon=True).start()

    def _converse(self, sock: socket.socket) -> None:
        with self._lock:
            keeps = self._choose.random() < 0.5
        reader = RequestReader()
        with sock, contextlib.suppress(OSError, GNTPError):
            sock.settimeout(30)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                while (request := reader.next_message()) is None:
                    data = sock.recv(65536)
                    if not data:
                        return
                    reader.feed(data)
                if not self._answer(sock, request, keeps=keeps):
                    return

    def _answer(self, sock: socket.socket, request: Request, *, keeps: bool) -> bool:
        """Answer one request, or fail; return whether the connection goes on."""
        with self._lock:
            fault = "answer" if self.calm else self._choose.choices(list(FAULTS), list(FAULTS.values()))[0]
            if isinstance(request, NotifyRequest):
                note = request.notification
                if fault == "403" or not fault.isdigit():
                    self.read[note.id_ or ""] = self.read.get(note.id_ or "", 0) + 1
                if fault in ("answer", "403", "drip"):
                    self.shown[note.id_ or ""] = (note.title, note.text)
                elif fault == "cut":
                    self.perhaps[note.id_ or ""] = (note.title, note.text)
        headers = {"Response-Action": request.message_type}
        good = encode(Response("-OK", headers), keep_alive=keeps)
        if fault == "answer":
            sock.sendall(good)
            return keeps
        if fault == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "cut":
            sock.sendall(good[: len(good) // 2])
        elif fault == "garbage":
            sock.sendall(b"\x00garbage\xff\r\n\r\n")
        elif fault == "hang":
            time.sleep(2)
        elif fault == "drip":
            for position in range(0, len(good), 4):
                sock.sendall(good[position : position + 4])
                time.sleep(0.001)
        elif fault.isdigit():
            error = {"Error-Code": fault, "Error-Description": "by chance"}
            sock.sendall(encode(Response("-ERROR", error), keep_alive=False))
        return False


def main() -> None:
    """Serve until stdin ends."""
    server = ChaosServer(sys.argv[1])
    threading.Thread(target=server.serve, daemon=True).start()
    print(server.listener.getsockname()[1], flush=True)
    for line in sys.stdin:
        if line.strip() == "calm":
            server.calm = True
        elif line.strip() == "report":
            print(json.dumps({"shown": server.shown, "perhaps": server.perhaps, "read": server.read}), flush=True)


if __name__ == "__main__":
    main()
