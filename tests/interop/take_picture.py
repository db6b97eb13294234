"""Takes the README's picture: ``python -m tests.interop.take_picture docs/desktop.png``.

Needs growl-for-linux, xvfb, imagemagick and x11-xserver-utils.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from gntp_logging import GNTPHandler
from tests.interop.gol import Gol
from tests.support import PATIENCE, wait_until

CROP = "240x680+400+20"
BACKGROUND = "#2f5d7c"

PROGRAM = """
import types

def pay(order, amount):
    if amount < 0:
        raise ValueError(f"amount must not be negative: {amount}")

def order(logger):
    try:
        pay(4711, -3)
    except ValueError:
        request = types.SimpleNamespace(method="POST", path="/checkout/")
        logger.exception("Order %d was not paid", 4711, extra={"request": request, "status_code": 500})
"""


def main(path: Path) -> None:
    """Show alerts on a growl-for-linux, encrypted, and photograph its screen."""
    with tempfile.TemporaryDirectory() as folder:
        gol = Gol(Path(folder), "640x720x24")
        try:
            gol.start()
            subprocess.run(["xsetroot", "-display", gol.display, "-solid", BACKGROUND], check=True)
            _log_some_errors()
            pictures: list[bytes] = []
            wait_until(lambda: _stands_still(gol, path, pictures))
        finally:
            gol.stop()


def _log_some_errors() -> None:
    names: dict[str, object] = {}
    exec(compile(PROGRAM, "shop/cart.py", "exec"), names)
    # In clear: gol shows no pictures together with a password.
    handler = GNTPHandler(app_name="shop", host="127.0.0.1", context={"machine": "web-3", "environment": "production"})
    logger = logging.getLogger("pay")
    logger.propagate = False
    logger.addHandler(handler)
    logger.critical("Cannot reach the database; orders are refused")
    logger.warning("Payment took %.1f s", 7.5)
    order = names["order"]
    assert callable(order)
    order(logger)
    assert handler.flush(PATIENCE)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(PATIENCE)  # the worker waits: gol would show another count as another toast
    for _ in range(1000):
        logger.error("Payment provider answered %d", 503)
    sys.setswitchinterval(interval)
    handler.close()


def _stands_still(gol: Gol, path: Path, pictures: list[bytes]) -> bool:
    """Take one more picture, and tell whether the toasts have stopped sliding."""
    gol.picture(path, CROP)
    pictures.append(path.read_bytes())
    return len(pictures) > 30 and len(set(pictures[-10:])) == 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
