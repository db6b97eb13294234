"""Notifications over a line with 50 ms of round trip: what waiting for answers costs, and what pipelining saves.

Run ``python bench/latency.py`` with gntp 1.0.3 and gntplib 3.0.10 installed (both are in the extra ``test``). The aims:
200 notifications in less than a second on a kept connection, by the client and by the handler; 200 alerts of the
handler in less than three seconds on a server that closes after each answer, where connecting takes no round trip.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the other benchmarks

from bench.distance import Place, distant_server
from bench.throughput import (
    PASSWORD,
    Send,
    bare_closing,
    bare_kept,
    with_client,
    with_gntp,
    with_gntplib,
    with_pipeline,
)
from gntp_logging import GNTPHandler

NOTIFICATIONS = 200
ONE_AT_A_TIME = 20
"""Notifications of a sender that waits for each answer. Fewer are enough: each takes the same time, at least 50 ms."""


AIMS = {"pipelined: GNTPClient": 1.0, "kept: GNTPHandler": 1.0, "closing: GNTPHandler": 3.0}
"""Seconds for :data:`NOTIFICATIONS`."""


def with_handler(port: int, *, host: str, encrypted: bool) -> Send:
    """Different alerts, logged at once, until the server has acknowledged each."""
    secured: dict[str, Any] = {"password": PASSWORD, "encryption": "AES"} if encrypted else {}

    def send(count: int) -> None:
        handler = GNTPHandler(app_name="shop", host=host, port=port, repeat_window=0, rate=0, **secured)
        logger = logging.getLogger(f"shop.{port}.{encrypted}")
        logger.addHandler(handler)
        for number in range(count):
            logger.error("order %d was not paid", number)
        assert handler.flush(60)
        assert handler.stats().shown == count
        handler.close()

    return send


def senders(place: Place, *, encrypted: bool) -> dict[str, tuple[Send, int]]:
    """Return the senders, and how many notifications each sends."""
    contenders: dict[str, tuple[Callable[..., Send], int, int]] = {
        "closing: bare loop": (bare_closing, place.ports.closing, ONE_AT_A_TIME),
        "closing: gntp": (with_gntp, place.ports.closing, ONE_AT_A_TIME),
        "closing: gntplib": (with_gntplib, place.ports.closing, ONE_AT_A_TIME),
        "closing: GNTPClient": (with_client, place.ports.closing, ONE_AT_A_TIME),
        "kept: bare loop": (bare_kept, place.ports.keeping, ONE_AT_A_TIME),
        "kept: GNTPClient": (with_client, place.ports.keeping, ONE_AT_A_TIME),
        "pipelined: GNTPClient": (with_pipeline, place.ports.keeping, NOTIFICATIONS),
        "kept: GNTPHandler": (with_handler, place.ports.keeping, NOTIFICATIONS),
        "closing: GNTPHandler": (with_handler, place.ports.closing, NOTIFICATIONS),
    }
    return {
        name: (make(port, host=place.host, encrypted=encrypted), count)
        for name, (make, port, count) in contenders.items()
    }


def main() -> None:
    """Measure, and print tables."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("gntp", "gntplib", "gntp-logging"))
    print(f"Python {platform.python_version()} on {platform.machine()} {platform.system()}; {versions}")
    with distant_server() as place:
        print(f"50 ms of round trip, made by {place.how}")
        for encrypted in (False, True):
            print(f"\n{'AES (gntp: SHA256 key only)' if encrypted else 'plain'}")
            print(f"{'':28}{'sent':>6}{'seconds':>9}{'ms each':>9}{'ratio':>8}")
            base = 0.0
            for name, (send, count) in senders(place, encrypted=encrypted).items():
                began = time.perf_counter()
                send(count)
                seconds = time.perf_counter() - began
                base = base or seconds / count
                aim = AIMS.get(name)
                verdict = "" if aim is None else f"  aim {aim:g} s: {'reached' if seconds < aim else 'missed'}"
                each = seconds / count
                print(f"{name:28}{count:6}{seconds:9.3f}{each * 1000:9.2f}{each / base:8.2f}{verdict}")


if __name__ == "__main__":
    main()
