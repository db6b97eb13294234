"""Kills at random instants, from outside; counts must be exact all the same.

A sixth host is killed as well: of it everything counts that was published, and nothing twice.

``python -m tests.fleet.chaos --seeds 100 --seconds 15`` runs many, each with a Redis, two relays and five hosts.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from gntp_logging.fleet.scripts import STREAM
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
from tests.support import running_receiver, wait_until

HOSTS = 5
PAUSE = 0.01
"""Seconds between two records of a host."""


class Killer(threading.Thread):
    """Kills relays, and the Redis now and then, at random instants, and starts them again."""

    def __init__(self, seed: int, server: RedisServer, config: Path, *, redis_too: bool) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._server = server
        self._config = config
        self._redis_too = redis_too
        self._ended = threading.Event()
        self.relays = [self._start(0), self._start(1)]
        self.kills = 0

    def _start(self, number: int) -> RelayProcess:
        return RelayProcess(self._config, self._config.with_suffix(f".{number}.txt"))

    def run(self) -> None:
        """Kill until it is stopped."""
        while not self._ended.wait(self._random.uniform(0.3, 1.5)):
            if self._redis_too and self._random.random() < 0.25:
                self._server.kill()
                self._server.start()
            else:
                number = self._random.randrange(2)
                if self._random.random() < 0.5:  # on a busy machine all others end before they count
                    self._wait_until_it_counts(self.relays[number])
                self.relays[number].kill()
                self.relays[number] = self._start(number)
            self.kills += 1

    def _wait_until_it_counts(self, relay: RelayProcess) -> None:
        while "counts from" not in relay.output and not self._ended.wait(0.01):
            pass

    def wait(self, seconds: float) -> None:
        """Let it kill for some seconds."""
        self._ended.wait(seconds)

    def end(self) -> None:
        """Kill no more."""
        self._ended.set()
        self.join()


def _waiting(server: RedisServer) -> int:
    return int(server.client().xlen(STREAM))


def run(seed: int, seconds: float, folder: Path, *, redis_too: bool = False, quiet: float = 30.0) -> str:
    """Let five hosts log one incident while relays are killed; check every count.

    Returns:
        What happened, in a line.
    """
    with running_redis(folder) as server, running_receiver() as receiver:
        config = folder / "relay.toml"
        config.write_text(relay_toml(server.url, {"desk": receiver.port}, quiet=quiet))
        killer = Killer(seed, server, config, redis_too=redis_too)
        try:
            records = int(seconds / PAUSE)
            hosts = [start_host(server.url, f"web-{number}", records, PAUSE) for number in range(HOSTS)]
            victim = start_host(server.url, "victim", records, PAUSE)
            killer.start()
            killer.wait(random.Random(seed).uniform(1.0, seconds))
            victim.kill()
            said = ended(hosts, seconds + 120)
            killer.end()
            assert said == [f"{records} {records}"] * HOSTS
            victim.communicate()
            expected = {f"web-{number}": records for number in range(HOSTS)}
            wait_until(lambda: expected.items() <= counted(server).items() and not _waiting(server), 30)
            of_victim = counted(server).get("victim", 0)
            assert of_victim <= records
            toasts = wait_for_count(receiver, HOSTS * records + of_victim)
        finally:
            killer.end()
            for relay in killer.relays:
                relay.kill()
        client = server.client()
        assert not _waiting(server)
        assert len({toast.coalescing_id for toast in toasts}) == 1
        assert toasts[-1].headers["Data-Hosts"] == str(HOSTS + (of_victim > 0))
        leases = int(client.get("{gntp-logging}:fence:desk"))
        counts = [int(toast.headers["Data-Count"]) for toast in toasts]
        assert counts == sorted(counts)
        assert len(toasts) <= 12 + leases
    return f"{HOSTS * records} records, {killer.kills} kills, {len(toasts)} notifications, {leases} leases"


def main() -> int:
    """Run seeds one after the other; the first that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--redis", action="store_true", help="kill the Redis as well")
    arguments = parser.parse_args()
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            said = run(seed, arguments.seconds, Path(folder), redis_too=arguments.redis)
        print(f"seed {seed}: {said}, {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
