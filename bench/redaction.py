r"""What looking for secrets costs, what it finds, and how long other threads wait for it.

Run ``python bench/redaction.py``. It prints, in one run:

* the cost of a line like those of system logs, as a ratio to finding its words with ``\w+``;
* how much of the tests' corpus of secrets is hidden, and how much of its news is left;
* with ``--hard``, for texts that are made to be hard, the cost of 1 MB as a ratio to that of 64 kB, which is 16 where
  the cost grows with the length alone; and how long another thread had to wait at most while 64 kB were looked through.
"""

from __future__ import annotations

import argparse
import platform
import random
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests' corpus

from gntp_logging.alerts.redact import redact
from gntp_logging.alerts.secret_shapes import SHAPES
from tests.alerts.test_redact import PIECES, read_corpus

LINES = 10_000
TURNS = 5
KILOBYTE = 1024

TEMPLATES = (
    "worker {n}: queue orders is empty after {n} ms, next look in {n} s",
    "[{h}] accepted connection from {a}:{n}, {n} open",
    "connection to {a}:{n} closed by peer after {n} bytes in {n} ms",
    "Block {h} of size {n} stored on {a}, {n} copies",
    "kernel: eth{n}: link up, {n} Mbps, full duplex, flow control off",
    "GET /shop/items/{n}?page={n} HTTP/1.1 200 {n} {n}ms",
    "session opened for user daemon{n} by (uid={n})",
    "Failed to start unit backup-{n}.service: exit status {n}",
    "task shop.tasks.mail[{h}] succeeded in {n}.{n}s: None",
    "Removed {n} files below /var/cache/shop/{h}, {n} kept",
    "slow query ({n} ms): SELECT name, price FROM items WHERE id = {n}",
    "replica {n} lags {n} transactions behind {a}; reason: disk is busy",
    "java.net.ConnectException: Connection refused: {a}:{n} at Channel.connect(Channel.java:{n})",
    "temperature of zone {n} is {n} degrees, fan set to {n} rpm",
    "received signal {n}, {n} jobs are finished first",
    "key {h} moved from shard {n} to shard {n}",
)
"""Lines as daemons write them; made up. n is a number, h a hexadecimal one, a an address."""


def lines(count: int) -> list[str]:
    """Make so many lines, the same in each run."""
    maker = random.Random(19)

    def filled(template: str) -> str:
        text = re.sub(r"\{n\}", lambda _: str(maker.randrange(10 ** maker.randint(1, 6))), template)
        text = re.sub(r"\{h\}", lambda _: f"{maker.getrandbits(64):x}", text)
        return re.sub(r"\{a\}", lambda _: ".".join(str(maker.randrange(256)) for _ in range(4)), text)

    return [filled(maker.choice(TEMPLATES)) for _ in range(count)]


def taken(call: Callable[[str], object], texts: Sequence[str]) -> float:
    """Return the seconds of the processor that a call takes for all of some texts."""
    began = time.process_time()
    for text in texts:
        call(text)
    return time.process_time() - began


def longest_wait(call: Callable[[str], object], text: str) -> float:
    """Return the longest time, in seconds, for which another thread could not run during a call."""
    done = threading.Event()
    gaps: list[float] = []

    def tick() -> None:
        last, longest = time.perf_counter(), 0.0
        while not done.is_set():
            now = time.perf_counter()
            last, longest = now, max(longest, now - last)
        gaps.append(longest)

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        call(text)
    finally:
        done.set()
        ticking.join()
    return gaps[0]


def main() -> None:
    """Measure, and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lines", type=int, default=LINES, help="lines of a log (default %(default)s)")
    arguments.add_argument(
        "--turns", type=int, default=TURNS, help="turns, of which the best counts (default %(default)s)"
    )
    arguments.add_argument("--hard", action="store_true", help="the hard texts too: minutes")
    options = arguments.parse_args()
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}")
    texts = lines(options.lines)
    turns = [(taken(redact, texts), taken(re.compile(r"\w+").findall, texts)) for _ in range(options.turns)]
    ours, words = (min(column) for column in zip(*turns, strict=True))
    print(f"a line of a log: {ours / len(texts) * 1e6:.1f} us, {ours / words:.2f} times finding its words")
    secrets, news = read_corpus("secrets.tsv"), read_corpus("keepers.tsv")
    hidden = sum(
        not any(secret in redact(re.sub("[⟦⟧]", "", text)) for secret in re.findall("⟦(.+?)⟧", text))
        for text in secrets
    )
    kept = sum(redact(text) == text for text in news)
    print(f"secrets hidden: {hidden} of {len(secrets)}; news kept: {kept} of {len(news)}; shapes known: {len(SHAPES)}")
    if options.hard:
        _hard()


def _hard() -> None:
    print(f"{'piece, over and over':<50}{'64 kB, ms':>10}{'ratio':>8}{'wait, ms':>10}")
    for piece in (*PIECES, *(shape.literal for shape in SHAPES)):
        short, long = (piece * (size * KILOBYTE // len(piece)) for size in (64, KILOBYTE))
        first = taken(redact, [short])
        ratio, wait = taken(redact, [long]) / max(first, 1e-3), longest_wait(redact, short)
        print(f"{piece!r:<50.48}{1000 * first:10.1f}{ratio:8.1f}{1000 * wait:10.1f}", flush=True)


if __name__ == "__main__":
    main()
