"""A GNTP server that fails at random, in a process of its own; a journal keeps what it has acknowledged.

``python bench/chaos_server.py SEED JOURNAL [PORT]`` prints its port. A line on stdin tells it what to do: ``calm`` ends
the failures, ``report`` prints what it has seen, as one line of JSON. The end of stdin ends it. It may be killed: one
that is started with the same journal goes on.

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
        shown: The last ``Data-Count`` that was acknowledged under each Coalescing-ID.
        perhaps: The same, with those whose acknowledgement may not have arrived.
        read: How often a notification was read that may have been shown, by id.
    """

    def __init__(self, seed: str, journal: Path, port: int = 0) -> None:
        """Listen.

        Args:
            seed: Makes the failures the same again.
            journal: File with what the server has seen before it was killed.
            port: Where to listen; 0 for a free port.
        """
        self.calm = False
        self.shown: dict[str, int] = {}
        self.perhaps: dict[str, int] = {}
        self.read: dict[str, int] = {}
        self._choose = random.Random(seed)
        self._lock = threading.Lock()
        for line in journal.read_text("utf-8").splitlines() if journal.exists() else ():
            with contextlib.suppress(ValueError):  # the last line of one that was killed
                self._remember(*json.loads(line))
        self._journal = journal.open("a", encoding="utf-8")
        self._journal.write("\n")
        self.listener = socket.create_server(("127.0.0.1", port), backlog=100)

    def _remember(self, what: str, id_: str, count: int) -> None:
        """Count a notification as ``read``, or a toast as ``perhaps`` or ``shown``."""
        if what == "read":
            self.read[id_] = self.read.get(id_, 0) + count
        else:
            counts = self.shown if what == "shown" else self.perhaps
            counts[id_] = count

    def _note(self, what: str, id_: str | None, count: int) -> None:
        with self._lock:
            self._remember(what, id_ or "", count)
            self._journal.write(json.dumps([what, id_ or "", count]) + "\n")
            self._journal.flush()

    def serve(self) -> None:
        """Take connections for ever, with short breaks."""
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
        if not isinstance(request, NotifyRequest):
            return self._send(sock, request, fault, keeps=keeps)
        note = request.notification
        count = int(str(dict(request.app_specific_headers or ())["Data-Count"]))
        if fault == "403" or not fault.isdigit():
            self._note("read", note.id_, 1)
        is_acknowledged = fault in ("answer", "403", "drip")
        if is_acknowledged or fault == "cut":
            self._note("perhaps", note.coalescing_id, count)
        goes_on = self._send(sock, request, fault, keeps=keeps)
        if is_acknowledged:
            self._note("shown", note.coalescing_id, count)
        return goes_on

    @staticmethod
    def _send(sock: socket.socket, request: Request, fault: str, *, keeps: bool) -> bool:
        """Send an answer, or what a fault makes of it; return whether the connection goes on."""
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
    server = ChaosServer(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
    threading.Thread(target=server.serve, daemon=True).start()
    print(server.listener.getsockname()[1], flush=True)
    for line in sys.stdin:
        if line.strip() == "calm":
            server.calm = True
        elif line.strip() == "report":
            print(json.dumps({"shown": server.shown, "perhaps": server.perhaps, "read": server.read}), flush=True)


if __name__ == "__main__":
    main()
