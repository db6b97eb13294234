"""A fleet on one machine: counts, and what they cost, with a real redis-server and relays that are killed at random.

Run ``python bench/fleet.py``; it takes some minutes, and needs redis-server. Four questions, all in one run:

* fifty hosts log one incident a thousand times each, two relays are killed at random: is it one toast, with the exact
  count and the number of machines, in few notifications?
* how long is it from a logging call to the toast while nothing else happens, and how long without a fleet?
* how much does Redis grow when a million equal records are logged?
* how many calls a second can the producers of one incident make in all, and how many with a handler that does nothing?
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the repository is not installed

from gntp_logging import GNTPHandler
from gntp_logging.fleet.scripts import FENCE
from tests.fleet.chaos import Killer
from tests.fleet.servers import (
    RedisServer,
    RelayProcess,
    counted,
    ended,
    relay_toml,
    running_redis,
    start_host,
    wait_for_count,
)
from tests.support import RunningReceiver, running_receiver, wait_until

HOSTS: Final = 50
RECORDS: Final = 1000
AT_ONCE: Final = 5
"""Hosts that run at one time: fifty would measure how Python starts."""

PAUSE: Final = 0.002
QUIET: Final = 30.0
ALERTS: Final = 60
FLOOD: Final = 1_000_000
PRODUCERS: Final = 4

_PRODUCER: Final = """
import logging, logging.handlers, queue, sys
from gntp_logging import GNTPHandler
url, machine, calls = sys.argv[1:]
if url:
    handler = GNTPHandler(broker=url, app_name="shop", context={"machine": machine})
else:
    handler = logging.handlers.QueueHandler(queue.SimpleQueue())
    logging.handlers.QueueListener(handler.queue, logging.NullHandler()).start()
logger = logging.getLogger("shop.db")
logger.addHandler(handler)
logger.propagate = False
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(calls)):
    logger.error("db-1 refused %d times", number)
while url and not handler.flush(60):
    pass
print("done", flush=True)
"""
"""Says that it is ready, waits for a line, logs, and says that all is published; without a URL, that all is logged."""


class Budget:
    """What is printed: a number, its budget, and whether it holds."""

    def __init__(self) -> None:
        """Begin with nothing that failed."""
        self.failed: int = 0

    def say(self, what: str, found: float, budget: str, *, holds: bool, unit: str = "") -> None:
        """Print one line."""
        self.failed += not holds
        print(f"{what:58}{found:>14,.6g} {unit:8}{budget:>16}  {'holds' if holds else 'DOES NOT HOLD'}", flush=True)


def main() -> int:
    """Measure, and print a table; return 1 if a budget does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the kills (default %(default)s)")
    parser.add_argument("--records", type=int, default=RECORDS, help="of each host (default %(default)s)")
    parser.add_argument("--flood", type=int, default=FLOOD, help="equal records (default %(default)s)")
    options = parser.parse_args()
    budget = Budget()
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}")
    measures: list[Callable[[Path], None]] = [
        lambda folder: one_incident(budget, folder, options.records, options.seed),
        lambda folder: latency(budget, folder),
        lambda folder: growth(budget, folder, options.flood),
        lambda folder: rate(budget, folder, options.flood),
    ]
    for measure in measures:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder))
    return 1 if budget.failed else 0


def one_incident(budget: Budget, folder: Path, records: int, seed: int) -> None:
    """Fifty hosts, one incident, relays that are killed."""
    with running_redis(folder) as server, running_receiver() as receiver:
        config = folder / "relay.toml"
        config.write_text(relay_toml(server.url, {"desk": receiver.port}, quiet=QUIET))
        killer = Killer(seed, server, config, redis_too=False)
        try:
            killer.start()
            for first in range(0, HOSTS, AT_ONCE):
                names = [f"web-{number}" for number in range(first, first + AT_ONCE)]
                said = ended([start_host(server.url, name, records, PAUSE) for name in names])
                assert said == [f"{records} {records}"] * AT_ONCE, said
            last = time.monotonic()
            killer.end()
            toasts = wait_for_count(receiver, HOSTS * records, 2 * QUIET)
            late = time.monotonic() - last
        finally:
            killer.end()
            for relay in killer.relays:
                relay.kill()
        leases = int(server.client().get(f"{FENCE}desk"))
        exact = sum(count == records for count in counted(server).values())
    headers = toasts[-1].headers
    print(f"{HOSTS} hosts x {records:,} of one incident, {killer.kills} kills of two relays, {leases} leases")
    ids = len({toast.coalescing_id for toast in toasts})
    budget.say("toasts", ids, "1", holds=ids == 1)
    total, hosts = int(headers["Data-Count"]), int(headers["Data-Hosts"])
    budget.say("records", total, f"{HOSTS * records:,}", holds=total == HOSTS * records)
    budget.say("machines", hosts, f"{HOSTS}", holds=hosts == HOSTS)
    budget.say("machines whose own count is exact", exact, f"{HOSTS}", holds=exact == HOSTS)
    budget.say("notifications", len(toasts), f"<= 12 + {leases}", holds=len(toasts) <= 12 + leases)
    budget.say("from the last record to the exact count", late, f"<= {QUIET:g}", unit="s", holds=late <= QUIET)


def latency(budget: Budget, folder: Path) -> None:
    """From a logging call to the toast, a new incident each time, with and without a fleet, in turns."""
    with running_fleet(folder, burst=10_000) as (server, receiver), running_receiver() as near:
        through = GNTPHandler(broker=server.url, app_name="shop")
        direct = GNTPHandler(port=near.port, app_name="shop", burst=10_000)
        choose = random.Random(1)
        found: dict[str, list[float]] = {"fleet": [], "direct": []}
        for number in range(ALERTS + 1):
            for name, handler, shows in (("fleet", through, receiver), ("direct", direct, near)):
                time.sleep(choose.uniform(0.1, 0.2))  # nothing else happens
                began = time.perf_counter()
                handler.handle(_record(number))
                shows.wait_for(number + 1, 30)
                found[name].append(time.perf_counter() - began)
        for handler in (through, direct):
            handler.close()
    fleet, direct_ = (statistics.median(times[1:]) * 1000 for times in found.values())  # the first has to connect
    print(f"{ALERTS} alerts, each alone")
    budget.say("from call to toast, median", fleet, "< 50", unit="ms", holds=fleet < 50)
    print(f"{'the same without a fleet':58}{direct_:>14,.6g} ms       ratio {fleet / direct_:10.1f}")


def _record(number: int) -> logging.LogRecord:
    word = f"{number:03}".translate(str.maketrans("0123456789", "abcdefghij"))  # each an incident of its own
    return logging.LogRecord("shop.db", logging.ERROR, "db.py", 1, f"{word} refused", None, None)


def growth(budget: Budget, folder: Path, calls: int) -> None:
    """A million equal records of one host."""
    with running_fleet(folder) as (server, receiver):
        client = server.client()

        def used() -> int:
            return int(client.info("memory")["used_memory"])

        before, most, stop = used(), 0, threading.Event()

        def watch() -> None:
            nonlocal most
            while not stop.wait(0.02):
                most = max(most, used())

        watcher = threading.Thread(target=watch)
        watcher.start()
        seconds = produce(server.url, 1, calls)
        wait_until(lambda: sum(counted(server).values()) == calls, 60)
        stop.set()
        watcher.join()
        after = used()
        notifications = len(receiver.toasts)
    print(f"{calls:,} equal records of one host in {seconds:.1f} s, {notifications} notifications so far")
    budget.say("Redis has grown by", (after - before) / 1e6, "< 5", unit="MB", holds=after - before < 5e6)
    print(f"{'meanwhile, at most, with connections':58}{(most - before) / 1e6:>14,.6g} MB")


def rate(budget: Budget, folder: Path, calls: int) -> None:
    """Calls a second of four producers, until all is published; and of four whose handler does nothing."""
    each = calls // PRODUCERS
    with running_fleet(folder) as (server, _):
        published = each * PRODUCERS / produce(server.url, PRODUCERS, each)
        wait_until(lambda: sum(counted(server).values()) == each * PRODUCERS, 60)
    bare = each * PRODUCERS / produce("", PRODUCERS, each)
    print(f"{PRODUCERS} producers, {each:,} calls each")
    budget.say("calls a second in all, published", published, ">= 20,000", holds=published >= 20_000)
    print(f"{'with QueueListener(NullHandler) instead':58}{bare:>14,.6g}          ratio {published / bare:10.2f}")


def produce(url: str, count: int, calls: int) -> float:
    """Let producers log at one time; return the seconds until the last is done."""
    pipe = subprocess.PIPE
    producers = [
        subprocess.Popen(
            [sys.executable, "-c", _PRODUCER, url, f"web-{number}", str(calls)], stdin=pipe, stdout=pipe, text=True
        )
        for number in range(count)
    ]
    answers: list[Callable[[], str]] = [producer.stdout.readline for producer in producers if producer.stdout]
    assert [answer() for answer in answers] == ["ready\n"] * count
    began = time.perf_counter()
    for producer in producers:
        assert producer.stdin is not None
        producer.stdin.write("\n")
        producer.stdin.flush()
    assert [answer() for answer in answers] == ["done\n"] * count
    seconds = time.perf_counter() - began
    for producer in producers:
        producer.communicate()
    return seconds


@contextlib.contextmanager
def running_fleet(folder: Path, **route: float) -> Iterator[tuple[RedisServer, RunningReceiver]]:
    """Run a Redis, a relay and a desktop for the length of a with block."""
    with running_redis(folder) as server, running_receiver() as receiver:
        config = folder / "relay.toml"
        options = "".join(f"{name} = {value}\n" for name, value in route.items())
        config.write_text(relay_toml(server.url, {"desk": receiver.port}) + options)
        relay = RelayProcess(config, folder / "relay.txt")
        try:
            relay.wait_for("counts from")
            yield server, receiver
        finally:
            relay.kill()


if __name__ == "__main__":
    sys.exit(main())
