"""A team: laptops that pull, hosts that log two incidents each, and no relay. Each laptop has every count exactly.

Every second laptop shows one of the two incidents. Meanwhile laptops are killed, and started again with their files.

``python -m tests.fleet.team --laptops 10 --hosts 50 --records 200`` runs a whole team.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gntp_logging.fleet.scripts import QUIET, STREAM
from tests.fleet.servers import LaptopProcess, RedisServer, running_redis
from tests.support import wait_until

AT_ONCE: Final = 10
"""Hosts that run at one time: each takes 35 MB."""

QUIET_MS: Final = 20_000

HOST: Final = """
import logging, sys
from gntp_logging import GNTPHandler
url, machine, count = sys.argv[1:]
handler = GNTPHandler(broker=url, app_name="shop", context={"machine": machine})
logging.getLogger("shop").addHandler(handler)
for number in range(int(count)):
    logging.getLogger("shop.db").error("db-1 refused")
    logging.getLogger("shop.payments.card").error("card declined")
assert handler.flush(60)
print(handler.stats().published)
"""


class Team:
    """Laptops by number: those with an even one show everything, the others one of the two incidents."""

    def __init__(self, server: RedisServer, folder: Path, laptops: int) -> None:
        self._url = server.url
        self._folder = folder
        self.laptops = [self._start(number) for number in range(laptops)]

    def _start(self, number: int) -> LaptopProcess:
        match = ["--match", "logger=shop.payments.*"] if number % 2 else []
        return LaptopProcess(self._url, self._folder / f"laptop-{number}", *match)

    def kill(self, number: int) -> None:
        """Kill a laptop, and start it again."""
        self.laptops[number].kill()
        self.laptops[number] = self._start(number)

    def stop(self) -> None:
        """Kill all of them."""
        for laptop in self.laptops:
            laptop.kill()

    def counts(self) -> list[int]:
        """Return how many records each laptop shows: the newest total of each of its toasts."""
        return [
            sum({toast["coalescing_id"]: toast["total"] for toast in laptop.toasts()}.values())
            for laptop in self.laptops
        ]


def _hosts(url: str, numbers: Sequence[int], records: int) -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen(
            [sys.executable, "-c", HOST, url, f"web-{number}", str(records)], stdout=subprocess.PIPE, text=True
        )
        for number in numbers
    ]


def run_team(seed: int, laptops: int, hosts: int, records: int, folder: Path, kills: int = 2) -> str:
    """Let a team watch hosts; check what each laptop shows.

    Args:
        records: Of each incident, from each host.
        kills: How often a laptop is killed while hosts log.

    Returns:
        What happened, in a line.
    """
    chance = random.Random(seed)
    with running_redis(folder) as server:
        client = server.client()
        client.set(QUIET, QUIET_MS)
        team = Team(server, folder, laptops)
        try:
            for laptop in team.laptops:
                laptop.wait_for("counts from")
            when = sorted(chance.randrange(0, hosts) for _ in range(kills))
            for first in range(0, hosts, AT_ONCE):
                numbers = range(first, min(first + AT_ONCE, hosts))
                running = _hosts(server.url, numbers, records)
                for number in when:
                    if number in numbers:
                        team.kill(chance.randrange(laptops))
                said = [host.communicate(timeout=120)[0].strip() for host in running]
                assert said == [str(2 * records)] * len(numbers), said
            each = hosts * records
            expected = [each if number % 2 else 2 * each for number in range(laptops)]
            wait_until(lambda: team.counts() == expected, 3 * QUIET_MS / 1000)
            shown = [len(laptop.toasts()) for laptop in team.laptops]
            assert not client.xlen(STREAM)
        finally:
            team.stop()
    return f"{laptops} laptops, {hosts} hosts: {expected[0]} records, {max(shown)} notifications at most, {kills} kills"


def main() -> int:
    """Run one team."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laptops", type=int, default=10)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        said = run_team(
            arguments.seed, arguments.laptops, arguments.hosts, arguments.records, Path(folder), arguments.kills
        )
    print(f"{said}, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
