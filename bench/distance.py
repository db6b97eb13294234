"""A server at a distance: 50 ms of round trip between it and the benchmark.

Where the machine allows it (root on Linux, with the kernel's netem), the server runs in a network namespace of its own
behind a delayed virtual cable, and connecting takes its round trip like everything else. Elsewhere a proxy in a process
of its own hands every byte on 25 ms later; connecting to it takes no time.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.loopback import Ports, loopback_server

ONE_WAY = 0.025
"""Seconds."""


class Place(NamedTuple):
    """Where the server is.

    Attributes:
        how: How the distance is made, for the report.
        host: Its address.
        ports: Its ports.
    """

    how: str
    host: str
    ports: Ports


@contextlib.contextmanager
def distant_server() -> Iterator[Place]:
    """Run the benchmarks' server at a distance for the length of a with block."""
    with contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(_behind_netem())
        except (OSError, subprocess.CalledProcessError):
            place = stack.enter_context(_behind_a_proxy())
        yield place


# -- A delayed cable -----------------------------------------------------------------------------


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True, timeout=10)


@contextlib.contextmanager
def _behind_netem() -> Iterator[Place]:
    name = f"gntp{os.getpid()}"
    here, there = "10.231.0.1", "10.231.0.2"
    _run(f"ip netns add {name}")  # fails without root, or without ip
    try:
        _run(f"ip link add {name}a type veth peer name {name}b netns {name}")
        for inside, device, address in (("", f"{name}a", here), (f"-n {name}", f"{name}b", there)):
            _run(f"ip {inside} addr add {address}/30 dev {device}")
            _run(f"ip {inside} link set {device} up")
            _run(f"tc {inside} qdisc add dev {device} root netem delay {ONE_WAY * 1000:g}ms")
        with loopback_server(there, ["ip", "netns", "exec", name]) as ports:
            yield Place("a network namespace and netem", there, ports)
    finally:
        _run(f"ip netns del {name}")  # and its cable with it


# -- A proxy -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _behind_a_proxy() -> Iterator[Place]:
    with loopback_server() as ports, contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(_proxy(port)) for port in ports]
        yield Place("a delaying proxy", "127.0.0.1", Ports(*proxies))


@contextlib.contextmanager
def _proxy(port: int) -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, str(Path(__file__)), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()  # which ends the proxy


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes, each piece 25 ms after it came; at last its end."""
    waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                waiting.put((time.monotonic() + ONE_WAY, data))
        waiting.put((time.monotonic() + ONE_WAY, b""))

    threading.Thread(target=read, daemon=True).start()
    with contextlib.suppress(OSError):
        while True:
            due, data = waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)


def _serve(client: socket.socket, port: int) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=_hand_on, args=(server, client), daemon=True)
        back.start()
        _hand_on(client, server)
        back.join()


def main() -> None:
    """Be the proxy before the port in the first argument, until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, int(sys.argv[1])), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
