"""A GNTP server for benchmarks, in a process of its own: it reads where a request ends, and answers.

It serves each connection in a thread, as servers of the standard library do, and looks at nothing but the last bytes of
what arrives: END asks for the connection to be kept, an empty line without END does not.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, create_server, socket
from typing import NamedTuple

END = b"GNTP/1.0 END\r\n\r\n"
ANSWER = b"GNTP/1.0 -OK NONE\r\nResponse-Action: NOTIFY\r\n\r\n"
KEPT_ANSWER = b"GNTP/1.0 -OK NONE\r\nResponse-Action: NOTIFY\r\nConnection: Keep-Alive\r\n\r\n" + END


class Ports(NamedTuple):
    """Where the server listens.

    Attributes:
        closing: Closes after its answer, as Growl for Windows and growl-for-linux do.
        keeping: Keeps the connection where END asks for it, and answers at once.
        slow: The same, but takes 0.5 ms for each answer.
    """

    closing: int
    keeping: int
    slow: int


@contextlib.contextmanager
def loopback_server(host: str = "127.0.0.1", prefix: Sequence[str] = ()) -> Iterator[Ports]:
    """Run the server for the length of a with block.

    Args:
        host: The address that it listens on.
        prefix: A command that starts it, such as ``ip netns exec NAME``.

    Yields:
        Its ports.
    """
    command = [*prefix, sys.executable, str(Path(__file__)), host]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Ports(*map(int, process.stdout.readline().split()))
        finally:
            process.stdin.close()  # which ends the server


def serve(listener: socket, *, keeps: bool, delay: float = 0.0) -> None:
    """Take connections for ever."""
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_converse, args=[sock], kwargs={"keeps": keeps, "delay": delay}, daemon=True).start()


def _converse(sock: socket, *, keeps: bool, delay: float) -> None:
    rest = b""
    with sock, contextlib.suppress(OSError):
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        while data := sock.recv(65536):
            rest += data
            if keeps and END in rest:
                count = rest.count(END)
                rest = rest[rest.rindex(END) + len(END) :]
                if delay:
                    time.sleep(delay * count)
                sock.sendall(KEPT_ANSWER * count)
            elif rest.endswith(b"\r\n\r\n"):
                sock.sendall(ANSWER)
                return


def main() -> None:
    """Listen, print the ports, and serve until standard input ends."""
    listeners = [create_server((sys.argv[1], 0), backlog=128) for _ in Ports._fields]
    kinds: list[tuple[bool, float]] = [(False, 0.0), (True, 0.0), (True, 0.0005)]
    for listener, (keeps, delay) in zip(listeners, kinds, strict=True):
        threading.Thread(target=serve, args=[listener], kwargs={"keeps": keeps, "delay": delay}, daemon=True).start()
    print(*(listener.getsockname()[1] for listener in listeners), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
