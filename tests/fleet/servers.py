"""A redis-server of a test's own, and relays as processes: started, killed, started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import redis

from gntp_logging.fleet.redis_streams import RedisStreams
from gntp_logging.fleet.scripts import INCIDENT, OPEN, STREAM
from gntp_logging.receiver.registry import Toast
from tests.peers import require_program
from tests.support import PATIENCE, RunningReceiver, ScriptedServer, free_port, wait_until


class RedisServer:
    """A redis-server on a port of its own, with its data in a folder of the test's."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._program = require_program("redis-server", "redis-server")
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait()

    def wait(self) -> None:
        """Wait until it answers: it reads its file first."""
        wait_until(self._answers, 6 * PATIENCE)

    def load_again(self) -> None:
        """Kill it and start it again with so much in its file that it loads for some seconds."""
        client = self.client()
        client.eval("for i = 1, 20000 do redis.call('SET', 'filler:' .. i, i) end", 0)
        client.bgrewriteaof()
        wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], 3 * PATIENCE)
        self.kill()
        self.launch("--key-load-delay", "100", "--loading-process-events-interval-bytes", "1024")

    def launch(self, *options: str) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [
                self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder),
                "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", *self._options, *options,
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def _answers(self) -> bool:
        with contextlib.suppress(redis.exceptions.ConnectionError):
            return bool(self.client().ping())
        return False

    def client(self, password: str | None = None) -> Any:
        """Return a client; its types promise less than it does."""
        return redis.Redis(port=self.port, password=password, protocol=2)

    def freeze(self) -> None:
        """Let it answer nothing more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def published(self) -> int:
        """Return how many records wait in the stream."""
        entries = self.client().xrange(STREAM)
        return sum(int(json.loads(fields[b"d"])["count"]) for _, fields in entries)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def streams(self, timeout: float = PATIENCE) -> RedisStreams:
        """Return a connection as hosts and relays have it."""
        return RedisStreams(self.url, timeout)


@contextlib.contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[RedisServer]:
    """Run a redis-server for the length of a with block."""
    server = RedisServer(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def hand_on(sock: socket.socket, port: int, answer: Callable[[bytes, bytes], bool] = lambda *_: True) -> None:
    """Hand requests on to a broker, and its answers back.

    Args:
        answer: Told a request and its answer; returns whether the answer is handed back, or the connection is cut.
    """
    with socket.create_connection(("127.0.0.1", port)) as broker:
        broker.settimeout(PATIENCE)
        while request := sock.recv(2**20):
            broker.sendall(request)
            answered = broker.recv(2**20)
            if not answer(request, answered):
                return
            sock.sendall(answered)


class SlowProxy(ScriptedServer):
    """Hands answers of a broker back so many seconds late, until it is quick."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__(lambda sock, _: hand_on(sock, port, self._wait))
        self._seconds = seconds
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.quick = threading.Event()

    def _wait(self, _request: bytes, _answer: bytes) -> bool:
        self.quick.wait(self._seconds)
        return True

    def __exit__(self, *error: object) -> None:
        self.quick.set()
        super().__exit__(*error)


class CuttingProxy(ScriptedServer):
    """Cuts the connection instead of handing back what a script has answered, so often."""

    def __init__(self, port: int, cuts: int) -> None:
        super().__init__(lambda sock, _: hand_on(sock, port, self._cut))
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.cuts = cuts

    def _cut(self, request: bytes, answer: bytes) -> bool:
        if b"EVAL" not in request or b"NOSCRIPT" in answer or not self.cuts:
            return True
        self.cuts -= 1
        return False


class RelayProcess:
    """``gntp-logging relay`` as a process, and what it has written so far."""

    def __init__(self, config: Path, output: Path, *arguments: str) -> None:
        self._output = output
        self.config = config
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gntp_logging", "relay", "--config", str(config), *arguments],
                stdout=file,
                stderr=file,
            )

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self._output.read_text("utf-8")

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until it has written something so often."""
        try:
            wait_until(lambda: self.output.count(text) >= count or self.process.poll() is not None, 3 * PATIENCE)
        finally:
            assert self.output.count(text) >= count, f"no {text!r} in:\n{self.output}"

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def reload(self, content: str) -> None:
        """Give it another relay.toml, and have it read that."""
        self.config.write_text(content)
        self.process.send_signal(signal.SIGHUP)


StartRelay = Callable[..., RelayProcess]


def relay_toml(url: str, desktops: dict[str, int], password_file: Path | None = None, **more: object) -> str:
    """Write a relay.toml that shows everything on some desktops of this machine, which may have one password."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in {"broker": url, **more}.items()]
    for name, port in desktops.items():
        lines += [f"[desktops.{name}]", 'host = "127.0.0.1"', f"port = {port}"]
        if password_file is not None:
            lines.append(f"password_file = {json.dumps(str(password_file))}")
    return "\n".join([*lines, "[[routes]]", f"to = {json.dumps(list(desktops))}", ""])


HOST = """
import logging, sys, threading
from gntp_logging import GNTPHandler
url, machine, count, pause, key_file = sys.argv[1:]
handler = GNTPHandler(broker=url, app_name="shop", context={"machine": machine}, fleet_key_file=key_file or None)
logger = logging.getLogger("shop.db")
logger.addHandler(handler)
between = threading.Event()
for number in range(int(count)):
    logger.error("db-1 refused")
    between.wait(float(pause))
for _ in range(600):
    if handler.flush(60):
        break
    between.wait(0.1)  # Redis was away: a flush is one attempt
stats = handler.stats()
print(stats.accepted, stats.published)
"""
"""A host's program: logs one incident, so often, and says what became of it."""


def start_host(
    url: str, machine: str, count: int, pause: float = 0.0, key_file: Path | str = ""
) -> subprocess.Popen[str]:
    """Start a program that logs one incident, so often, with a pause in seconds after each record."""
    return subprocess.Popen(
        [sys.executable, "-c", HOST, url, machine, str(count), str(pause), str(key_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def ended(hosts: Sequence[subprocess.Popen[str]], seconds: float = 120.0) -> list[str]:
    """Wait for programs, and return what each has printed."""
    return [host.communicate(timeout=seconds)[0].strip() for host in hosts]


def counted(server: RedisServer) -> dict[str, int]:
    """Return what the broker has counted of all open incidents, by machine."""
    client = server.client()
    found: dict[str, int] = {}
    for member in client.zrange(OPEN, 0, -1):
        for name, value in client.hgetall(INCIDENT.encode() + member).items():
            if name[:1] == b"n":
                machine = json.loads(name[1:])[1]
                found[machine] = found.get(machine, 0) + int(value)
    return found


def wait_for_count(receiver: RunningReceiver, count: int, seconds: float = 60.0) -> list[Toast]:
    """Wait until a desktop shows a count; return its toasts up to that."""
    toasts = receiver.wait_for(1, seconds)
    while toasts[-1].headers["Data-Count"] != str(count):
        toasts = receiver.wait_for(len(toasts) + 1, seconds)
    return toasts


class LaptopProcess:
    """``gntp-logging listen --broker`` as a process, with a JSON display and a state folder of its own."""

    def __init__(self, url: str, folder: Path, *arguments: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._shown, self._said = folder / "shown.txt", folder / "said.txt"
        with self._shown.open("ab") as shown, self._said.open("ab") as said:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "gntp_logging", "listen", "--display", "json", "--broker", url, *arguments,
                ],
                stdout=shown,
                stderr=said,
                env={**os.environ, "XDG_STATE_HOME": str(folder)},
            )  # fmt: skip

    @property
    def said(self) -> str:
        """What it has written to stderr so far, and others in its folder before."""
        return self._said.read_text("utf-8")

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until it has written something so often."""
        try:
            wait_until(lambda: self.said.count(text) >= count or self.process.poll() is not None, 3 * PATIENCE)
        finally:
            assert self.said.count(text) >= count, f"no {text!r} in:\n{self.said}"

    def events(self) -> list[Any]:
        """Return what was shown so far, and by others in its folder before."""
        lines = self._shown.read_text("utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def toasts(self) -> list[Any]:
        """Return the notifications among them."""
        return [event for event in self.events() if event["event"] == "notify"]

    def wait_for_toasts(self, count: int, seconds: float = PATIENCE) -> list[Any]:
        """Return the notifications once there are so many."""
        wait_until(lambda: len(self.toasts()) >= count, seconds)
        return self.toasts()

    def wait_for_total(self, total: int, seconds: float = 60.0) -> list[Any]:
        """Wait until the newest notification stands for so many records; return all of them."""
        wait_until(lambda: bool(found := self.toasts()) and found[-1]["total"] == total, seconds)
        return self.toasts()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


StartLaptop = Callable[..., LaptopProcess]
