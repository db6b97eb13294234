"""Threads and forked children log at random against a server that fails at random, and is killed and started again.

Run ``python bench/soak.py``; it takes a minute (``--seconds``). For the parent and each child:

* what ``stats()`` says was accepted is what the program has logged;
* accepted = shown + folded + digested + dropped + queued, and nothing is queued at the end;
* the sum of the last ``Data-Count`` of all toasts is what was accepted, without what was dropped or is queued. The same
  holds for what is counted as shown or folded, and for digests. If an answer has not arrived, the alert may or may not
  be counted: one of two numbers must be right;
* the server has read no alert more often than the rules for a second try allow.

At the end there are no more threads and file descriptors than before, and not much more memory. The exit code is 1 if
any of this does not hold.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the repository is not installed

from bench import soak_spool
from gntp_logging import GNTPHandler, Stats
from gntp_logging.delivery import digest

LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
THREADS = 4
TEMPLATES = [f"thread %d says %d of kind {chr(65 + kind)}" for kind in range(26)]
KILL_AFTER = 3.0
"""Seconds for which the server lives."""
GROWTH = 1.25
"""Memory at the end over memory after a quarter of the time, at most."""


class Chaos:
    """The server's process.

    Attributes:
        port: Where it listens.
        kills: How often it was killed.
    """

    def __init__(self, seed: str, journal: Path) -> None:
        """Start it.

        Args:
            seed: Makes its failures others.
            journal: Where it keeps what it has seen.
        """
        self._seed = seed
        self._journal = journal
        self.port: int = 0
        self.kills: int = 0
        self._start()

    def _start(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("chaos_server.py")), f"{self._seed}-{self.kills}"]
        command += [str(self._journal), str(self.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._read())

    def kill(self) -> None:
        """Kill it in the middle of whatever it does, and start it again."""
        self.kills += 1
        self._process.kill()
        self.close()
        self._start()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def tell(self, what: str) -> None:
        """Tell it something."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()

    def report(self) -> Any:  # what JSON holds
        """Return what it has seen."""
        self.tell("report")
        return json.loads(self._read())

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(10)


def main() -> int:
    """Soak, and print what was found; return 1 if something does not add up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to log (default %(default)s)")
    parser.add_argument("--fold", action="store_true", help="with groups of 5 s and a capped rate; else neither")
    parser.add_argument("--seed", default="1", help="makes the server's failures others (default %(default)s)")
    parser.add_argument("--spool", action="store_true", help="programs with a spool, which are killed: soak_spool.py")
    options = parser.parse_args()
    if options.spool:
        return soak_spool.soak(options.seconds, options.seed)
    logging.raiseExceptions = False  # the server's failures are expected
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(options.seed, Path(folder, "journal"))
        try:
            return soak(chaos, options.seconds, options.seed, fold=options.fold)
        finally:
            chaos.close()


def soak(chaos: Chaos, seconds: float, seed: str, *, fold: bool) -> int:
    """Log, and compare; return 1 if something does not add up."""
    digest.INTERVAL = 2.0  # type: ignore[misc]  # so that there are many digests
    flood: dict[str, Any] = {"repeat_window": 5.0, "rate": 60.0} if fold else {"repeat_window": 0, "rate": 0}
    handler = GNTPHandler(port=chaos.port, app_name="soak", timeout=0.5, max_age=3.0, queue_size=300, **flood)
    logger = logging.getLogger("soak")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)

    logged = [0] * THREADS
    stop = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_log, args=(logger, f"{seed}-{number}", stop, logged, number))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    reports, early = _fork_until(stop, handler, logger, random.Random(seed), seconds, chaos)
    for thread in threads:
        thread.join()
    chaos.tell("calm")
    until = time.monotonic() + 30
    while not handler.flush(5) and time.monotonic() < until:
        pass  # each is one attempt
    handler.close()  # what waits is sent now, or dropped
    reports.append((os.getpid(), sum(logged), handler.stats()))
    problems = _differences(chaos.report(), reports)
    logger.removeHandler(handler)
    problems += _growth(early)
    total: Counter[str] = Counter()
    for _, _, stats in reports:
        total.update({"accepted": stats.accepted, "shown": stats.shown, "folded": stats.folded})
        total.update({"digested": stats.digested, "notifications": stats.notifications, "queued": stats.queued})
        total.update({f"dropped: {reason}": count for reason, count in stats.dropped.items()})
    print(f"{seconds:g} s, {THREADS} threads, {len(reports) - 1} children, {chaos.kills} kills: {dict(total)}")
    for problem in problems:
        print(f"DOES NOT ADD UP: {problem}")
    print("everything adds up" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


def _log(logger: logging.Logger, seed: str, stop: float, logged: list[int], number: int) -> None:
    """Log at random, now in bursts, now slowly, until the end."""
    choose = random.Random(seed)
    while time.monotonic() < stop:
        for _ in range(choose.choice([1, 1, 1, 5, 50, 400])):
            logger.log(choose.choice(LEVELS), TEMPLATES[choose.randrange(len(TEMPLATES))], number, logged[number])
            logged[number] += 1
        time.sleep(choose.choice([0.0, 0.01, 0.05, 0.2]))


def _fork_until(
    stop: float, handler: GNTPHandler, logger: logging.Logger, choose: random.Random, seconds: float, chaos: Chaos
) -> tuple[list[tuple[int, int, Stats]], dict[str, int]]:
    """Fork children that log, and kill the server; return their counts, and what was in use after a quarter of it."""
    kill_at = time.monotonic() + KILL_AFTER
    reports: list[tuple[int, int, Stats]] = []
    early: dict[str, int] = {}
    quarter = stop - 0.75 * seconds
    while time.monotonic() < stop:
        if not early and time.monotonic() > quarter:
            early = _in_use()
        if time.monotonic() > kill_at:
            chaos.kill()
            kill_at = time.monotonic() + KILL_AFTER
        reports.append(_child(handler, logger, choose.randrange(1, 40)))
        time.sleep(choose.uniform(0.0, 0.3))
    return reports, early


def _child(handler: GNTPHandler, logger: logging.Logger, count: int) -> tuple[int, int, Stats]:
    """Fork while the threads log; let the child log, and return its process id, what it has logged, and its counts."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            for number in range(count):
                logger.error("child %d says %d", os.getpid(), number)
            until = time.monotonic() + 20
            while not handler.flush(2) and time.monotonic() < until:
                pass  # each is one attempt
            handler.close()
            with os.fdopen(writer, "w") as pipe:
                json.dump(vars(handler.stats()), pipe)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise RuntimeError(f"a child ended with {code}")
    return child, count, Stats(**json.loads(said))


def _differences(seen: Any, reports: list[tuple[int, int, Stats]]) -> list[str]:
    """Compare what the processes say with what they did, and with what the server has seen."""
    problems = []
    for pid, logged, stats in reports:
        settled = stats.shown + stats.folded + stats.digested + sum(stats.dropped.values())
        if stats.accepted != logged or stats.accepted != settled + stats.queued or stats.queued:
            problems.append(f"process {pid} logged {logged}: {stats}")
    unanswered = sum(stats.dropped.get("no answer", 0) for _, _, stats in reports)  # and shown, perhaps
    certain, possible = _told(seen["shown"]), _told({**seen["shown"], **seen["perhaps"]})
    said = {
        "shown": sum(stats.shown for _, _, stats in reports),
        "shown or folded": sum(stats.shown + stats.folded for _, _, stats in reports),
        "digested": sum(stats.digested for _, _, stats in reports),
        "accepted, and neither dropped nor queued": sum(
            stats.accepted - sum(stats.dropped.values()) - stats.queued for _, _, stats in reports
        ),
    }
    for what, count in said.items():
        if not certain[what] - unanswered <= count <= possible[what]:
            problems.append(
                f"{count} are said to be {what}, the server has counted {certain[what]} to {possible[what]}"
            )
    # Two sendings without an answer that count, one on a connection where nothing was answered, one after a stumble.
    often = {id_: count for id_, count in seen["read"].items() if count > 4}
    if often:
        problems.append(f"sent too often: {often}")
    return problems


def _told(counts: dict[str, int]) -> Counter[str]:
    """Return the sums of the last counts of a server's toasts, by Coalescing-ID."""
    told: Counter[str] = Counter()
    for id_, count in counts.items():
        if "-d" in id_:
            told["digested"] += count
        else:
            told["shown"] += 1
            told["shown or folded"] += count
    told["accepted, and neither dropped nor queued"] = told["shown or folded"] + told["digested"]
    return told


def _in_use() -> dict[str, int]:
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "memory": pages * resource.getpagesize(),
    }


def _growth(early: dict[str, int]) -> list[str]:
    """Compare what is in use with what was."""
    late = _in_use()
    print(f"after a quarter of the time: {early}; after the end: {late}")
    problems = [f"more {kind} than before" for kind in ("threads", "descriptors") if late[kind] > early[kind]]
    if late["memory"] > GROWTH * early["memory"]:
        problems.append("more memory than before")
    return problems


if __name__ == "__main__":
    raise SystemExit(main())
