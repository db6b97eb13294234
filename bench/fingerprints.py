"""The cost of finding what varies in a message, as a ratio to drain3, and how both group the tests' own corpus.

Run ``python bench/fingerprints.py``, after ``pip install 'gntp-logging[bench]'``: without drain3 there is no ratio.
Both get the same messages in the same process, in turns; each prints the median of its turns. drain3 learns from what
it has seen, so it begins anew with each turn. ``python bench/fingerprints.py /var/log/syslog`` takes the messages from
files, one a line.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from gntp_logging.alerts.holes import with_holes
from tests.alerts.test_holes import PAIRS

TURNS = 7
COPIES = 20
"""How often the corpus is taken, with other numbers each time, so that drain3 has something to learn."""

Grouping = Callable[[Sequence[str]], Sequence[object]]
"""Returns the group of each message."""


def main() -> None:
    """Measure, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("files", nargs="*", type=Path, help="messages, one a line (default: the tests' corpus)")
    arguments.add_argument("--turns", type=int, default=TURNS, help="turns (default %(default)s)")
    options = arguments.parse_args()
    messages = [line for file in options.files for line in file.read_text("utf-8", "replace").splitlines()] or _corpus()
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}")
    print(f"{options.turns} turns of {len(messages):,} messages; microseconds of a message, median of the turns")
    ways: dict[str, Grouping] = {"holes": lambda texts: [with_holes(text) for text in texts]}
    if drain := _drain3():
        ways["drain3"] = drain
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.turns):
        for name, grouped in ways.items():
            taken[name].append(_seconds(grouped, messages) / len(messages) * 1e6)
    for name, grouped in ways.items():
        ratio = f"{median(taken[name]) / median(taken['drain3']):8.2f}" if drain else ""
        print(f"{name:10}{median(taken[name]):10.2f}{ratio}{len(set(grouped(messages))):10,} groups")
    right = sum((with_holes(pair.one) == with_holes(pair.other)) is pair.is_same for pair in PAIRS)
    print(f"pairs of the corpus that holes tells right: {right} of {len(PAIRS)}")


def _corpus() -> list[str]:
    texts = [text for pair in PAIRS for text in (pair.one, pair.other)]
    digits = [
        str.maketrans("0123456789", "".join(str((digit * 7 + turn) % 10) for digit in range(10)))
        for turn in range(COPIES)
    ]
    return [text.translate(table) for table in digits for text in texts]


def _drain3() -> Grouping | None:
    """Return drain3's grouping, with its defaults; None where it is not installed."""
    try:
        drain3 = importlib.import_module("drain3")
    except ImportError:
        return None
    logging.getLogger("drain3").setLevel(logging.ERROR)  # it warns that there is no file of settings

    def grouped(texts: Sequence[str]) -> list[object]:
        miner = drain3.TemplateMiner()
        return [miner.add_log_message(text)["cluster_id"] for text in texts]

    return grouped


def _seconds(grouped: Grouping, messages: Sequence[str]) -> float:
    began = time.process_time()
    grouped(messages)
    return time.process_time() - began


if __name__ == "__main__":
    main()
