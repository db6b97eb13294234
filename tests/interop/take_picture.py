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
from tests.interop.gol import PASSWORD, Gol
from tests.support import wait_until

CROP = "420x340+220+140"
BACKGROUND = "#2f5d7c"

PROGRAM = """
def pay(order, amount):
    if amount < 0:
        raise ValueError(f"amount must not be negative: {amount}")

def order(logger):
    try:
        pay(4711, -3)
    except ValueError:
        logger.exception("Order %d was not paid", 4711)
"""


def main(path: Path) -> None:
    """Show alerts on a growl-for-linux, encrypted, and photograph its screen."""
    with tempfile.TemporaryDirectory() as folder:
        gol = Gol(Path(folder))
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
    handler = GNTPHandler(app_name="shop", host="127.0.0.1", password=PASSWORD, encryption="AES")
    logger = logging.getLogger("pay")
    logger.propagate = False
    logger.addHandler(handler)
    logger.critical("Cannot reach the database; orders are refused")
    logger.warning("Payment took %.1f s", 7.5)
    order = names["order"]
    assert callable(order)
    order(logger)
    handler.close()


def _stands_still(gol: Gol, path: Path, pictures: list[bytes]) -> bool:
    """Take one more picture, and tell whether the toasts have stopped sliding."""
    gol.picture(path, CROP)
    pictures.append(path.read_bytes())
    return len(pictures) > 20 and len(set(pictures[-10:])) == 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
