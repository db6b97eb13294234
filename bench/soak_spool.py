"""Programs with one spool log at random while they, and their server, are killed at random; then records are counted.

``python bench/soak.py --spool`` runs it. Over all processes:

* what was logged more than a second before its process was killed is seen on the server, whatever was killed;
* what is seen several times has one Coalescing-ID: a desktop shows it once;
* a program that ends by itself has lost nothing: accepted - restored is what it has logged, and nothing is dropped;
* in the end the spool is empty.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

GUARANTEE: Final = 1.0
"""Seconds before a kill: what was logged earlier must be seen."""

PROGRAMS: Final = 3

_ROOT: Final = str(Path(__file__).parents[1])

_PROGRAM: Final = """
import json, logging, random, sys, time
from gntp_logging import GNTPHandler
port, spool, name, seconds, log = int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]), sys.argv[5]
handler = GNTPHandler(host="127.0.0.1", port=port, app_name="soak", spool=spool, timeout=0.5, repeat_window=0, rate=0,
                      max_age=0, spool_max_age=1e6)
logger = logging.getLogger("soak")
logger.addHandler(handler)
logging.raiseExceptions = False
choose = random.Random(name)
stop = time.monotonic() + seconds
number = 0
with open(log, "w", buffering=1) as file:
    while time.monotonic() < stop:
        for _ in range(choose.choice([1, 1, 1, 5, 40])):
            logger.error("alert <%s-%d> of the soak", name, number)
            file.write(f"{number} {time.monotonic()}\\n")
            number += 1
        time.sleep(choose.choice([0.0, 0.01, 0.05, 0.3]))
    if "flush" in sys.argv:
        until = time.monotonic() + 60
        while not handler.flush(5) and time.monotonic() < until:
            pass
    handler.close()
    file.write("stats " + json.dumps(vars(handler.stats())) + "\\n")
"""


@dataclass
class Process:
    """One program, and what is known of it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    killed_at: float | None = None

    def records(self) -> dict[int, float]:
        """Return what it has logged, and when."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        pairs = [line.split() for line in lines if line[:1].isdigit()]
        return {int(pair[0]): float(pair[1]) for pair in pairs if len(pair) == 2 and "." in pair[1]}

    def stats(self) -> dict[str, int | dict[str, int]] | None:
        """Return what it has counted; None if it did not come to that."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        found = [line.removeprefix("stats ") for line in lines if line.startswith("stats ")]
        return json.loads(found[0]) if found else None


@dataclass
class Soak:
    """The folder, the port, and everything that runs."""

    folder: Path
    port: int
    choose: random.Random
    server: subprocess.Popen[bytes] | None = None
    running: list[Process] = field(default_factory=list)
    ended: list[Process] = field(default_factory=list)

    @property
    def spool(self) -> Path:
        """Where all programs keep their alerts."""
        return self.folder / "alerts.spool"

    def start_server(self) -> None:
        """Start a receiver that writes down what it shows before it answers."""
        command = [sys.executable, "-m", "gntp_logging", "listen", "--port", str(self.port), "--display", "json"]
        with open(self.folder / "seen.jsonl", "ab") as seen:
            self.server = subprocess.Popen(command, stdout=seen, stderr=subprocess.DEVNULL, cwd=_ROOT)

    def kill_server(self) -> None:
        """Kill it, if it runs."""
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None

    def start_program(self, seconds: float, *words: str) -> Process:
        """Start a program that logs for a while."""
        name = f"p{len(self.running) + len(self.ended)}"
        log = self.folder / f"{name}.log"
        arguments = [str(self.port), str(self.spool), name, str(seconds), str(log), *words]
        process = Process(name, subprocess.Popen([sys.executable, "-c", _PROGRAM, *arguments], cwd=_ROOT), log)
        self.running.append(process)
        return process

    def collect(self) -> None:
        """Note which programs have ended."""
        for process in [process for process in self.running if process.process.poll() is not None]:
            self.running.remove(process)
            self.ended.append(process)

    def kill(self, process: Process) -> None:
        """Kill a program, as ``kill -9`` does."""
        process.killed_at = time.monotonic()
        process.process.kill()
        process.process.wait()

    def seen(self) -> dict[str, set[str]]:
        """Return the Coalescing-IDs under which each record was seen."""
        found: dict[str, set[str]] = defaultdict(set)
        for line in (self.folder / "seen.jsonl").read_text().splitlines():
            with contextlib.suppress(ValueError):  # a line that a kill has cut
                toast = json.loads(line)
                if "text" in toast:  # else it is no toast
                    record = f"{toast['title']} {toast['text']}".partition("<")[2].partition(">")[0]
                    found[record].add(toast["headers"]["Notification-Coalescing-ID"])
        return found


def soak(seconds: float, seed: str) -> int:
    """Kill at random, compare in the end; return 1 if something does not add up."""
    with tempfile.TemporaryDirectory() as folder, _soak(Path(folder), seed) as it:
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            it.collect()
            while len(it.running) < PROGRAMS:
                it.start_program(it.choose.uniform(0.5, 6.0))
            time.sleep(it.choose.uniform(0.0, 1.0))
            what = it.choose.random()
            if what < 0.4:
                it.kill(it.choose.choice(it.running))
            elif what < 0.6:
                it.kill_server()
            elif it.server is None:
                it.start_server()
        for process in it.running:
            process.process.wait()
        it.collect()
        it.kill_server()
        it.start_server()
        it.start_program(0.0, "flush").process.wait()
        it.collect()
        problems = _problems(it)
        for problem in problems:
            print(f"DOES NOT ADD UP: {problem}")
        print("everything adds up" if not problems else f"{len(problems)} problems")
        return 1 if problems else 0


@contextlib.contextmanager
def _soak(folder: Path, seed: str) -> Iterator[Soak]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    it = Soak(folder, port, random.Random(seed))
    try:
        it.start_server()
        yield it
    finally:
        it.kill_server()
        for process in it.running:
            process.process.kill()
            process.process.wait()


def _problems(it: Soak) -> list[str]:
    """Compare what was logged with what was seen."""
    problems = []
    seen = it.seen()
    lost: list[float] = []
    logged = 0
    for process in it.ended:
        records = process.records()
        logged += len(records)
        missing = {number: at for number, at in records.items() if f"{process.name}-{number}" not in seen}
        if process.killed_at is None:
            problems += [f"{process.name} has ended by itself, and {len(missing)} were not seen"] if missing else []
            problems += _problem_of_counts(process, len(records))
        else:
            ages = [process.killed_at - at for at in missing.values()]
            lost += ages
            if old := [age for age in ages if age > GUARANTEE]:
                problems.append(f"{process.name} lost {len(old)}, logged up to {max(old):.2f} s before its kill")
    twice = [record for record, ids in seen.items() if len(ids) > 1]
    if twice:
        problems.append(f"seen under several Coalescing-IDs: {twice[:5]}")
    with contextlib.closing(sqlite3.connect(it.spool)) as reader:
        if left := reader.execute("SELECT count(*) FROM alerts").fetchone()[0]:
            problems.append(f"{left} rows are left")
    locks = [name for name in os.listdir(it.folder) if name.endswith(".lock")]
    problems += [f"locks are left: {locks}"] if locks else []
    kills = sum(process.killed_at is not None for process in it.ended)
    oldest = f", the oldest {max(lost):.2f} s before its kill" if lost else ""
    print(f"{len(it.ended)} programs, {kills} of them killed, logged {logged:,}; lost {len(lost)}{oldest}")
    return problems


def _problem_of_counts(process: Process, logged: int) -> list[str]:
    stats = process.stats()
    if stats is None:
        return [f"{process.name} said nothing"]
    parts = [stats[name] for name in ("shown", "folded", "digested", "queued", "spooled")]
    dropped = stats["dropped"]
    assert isinstance(dropped, dict)
    total = sum(part for part in parts if isinstance(part, int)) + sum(dropped.values())
    accepted, restored = stats["accepted"], stats["restored"]
    assert isinstance(accepted, int)
    assert isinstance(restored, int)
    if accepted - restored != logged or total != accepted or dropped or stats["queued"]:
        return [f"{process.name} logged {logged}: {stats}"]
    return []
