"""Takes the pictures of docs/receiver.md: ``python -m tests.receiver.take_pictures docs``.

Needs Chromium and aiohttp for those of the page; dunst, xvfb, dbus, imagemagick and desktop-notifier for the toasts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from gntp_logging import GNTPHandler
from gntp_logging.receiver.desktop import DesktopDisplay
from gntp_logging.receiver.server import Receiver, Server
from gntp_logging.receiver.web import WebDisplay
from tests.receiver.chromium import chromium
from tests.receiver.dunst import Dunst
from tests.support import PATIENCE, wait_until

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


def main(folder: Path) -> None:
    """Take all of them."""
    _photograph_toasts(folder / "toasts.png")
    _photograph_pages(folder)


def _photograph_toasts(path: Path) -> None:
    """Show some alerts on a desktop, and photograph its screen."""
    with tempfile.TemporaryDirectory() as folder:
        dunst = Dunst(Path(folder))
        try:
            dunst.start()
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = dunst.address
            display = DesktopDisplay()
            display.start()
            with Receiver(Server([display])) as receiver:
                _log_some_errors(receiver.port)
                pictures: list[bytes] = []
                wait_until(lambda: _stands_still(dunst, path, pictures))
            display.close()
        finally:
            dunst.stop()
    subprocess.run(["mogrify", "-trim", str(path)], check=True)


def _stands_still(dunst: Dunst, path: Path, pictures: list[bytes]) -> bool:
    dunst.picture(path)
    pictures.append(path.read_bytes())
    return len(pictures) > 10 and len(set(pictures[-5:])) == 1


def _photograph_pages(folder: Path) -> None:
    """Show some alerts, and photograph the page in light and in dark."""
    display = WebDisplay()
    display.start()
    try:
        with Receiver(Server([display])) as receiver:
            _log_some_errors(receiver.port)
            for scheme in ("light", "dark"):
                asyncio.run(_photograph(display.url, scheme, folder / f"web-{scheme}.png"))
    finally:
        display.close()


def _log_some_errors(port: int) -> None:
    names: dict[str, object] = {}
    exec(compile(PROGRAM, "shop/cart.py", "exec"), names)
    context = {"machine": "web-3", "environment": "production"}
    handler = GNTPHandler(app_name="shop", host="127.0.0.1", port=port, context=context)
    logger = logging.getLogger("shop.orders")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    logger.warning("Payment took %.1f s", 7.5)
    logger.critical("Cannot reach the database; orders are refused")
    order = names["order"]
    assert callable(order)
    order(logger)
    for _ in range(1000):
        logger.error("Payment provider answered %d", 503)
    assert handler.flush(PATIENCE)
    handler.close()
    logger.removeHandler(handler)


async def _photograph(url: str, scheme: str, path: Path) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Chromium's children end after it
        async with chromium(Path(folder), url, size="820,760") as page:
            await page.emulate(scheme, 820, 760)
            await page.until("document.querySelectorAll('article').length === 4")
            await page.until("[...document.images].every(picture => picture.hidden || picture.complete)")
            await page.picture(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
