"""Takes the pictures of the documents from the real thing: ``python -m tools.take_pictures`` writes ``docs/*.png``.

``python -m tools.take_pictures page-light page-dark`` takes only these. Each picture shows alerts of a program that
runs, on a display that runs: a terminal, a browser, a notification service, growl-for-linux. In each is written what it
was made from, and a test compares that with what it would be made from now: a picture that is out of date fails.

Needs Chromium, dunst, dbus, growl-for-linux, xvfb and imagemagick; aiohttp and desktop-notifier.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import html
import io
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
from unittest import mock

from gntp_logging import testing
from gntp_logging.receiver import web
from gntp_logging.receiver.console import ConsoleDisplay
from gntp_logging.receiver.desktop import DesktopDisplay
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.interop.gol import PORT, Gol
from tests.receiver.chromium import chromium
from tests.receiver.dunst import Dunst
from tests.support import wait_until
from tools import draw_alerts

ROOT: Final = Path(__file__).parents[1]

WIDTH: Final = 800
"""Pixels that a page of a document gives to a picture. Chromium makes two for each of them."""

FONT_SIZE: Final = 12
"""Of the smallest text of the first picture, in pixels at its width on a page."""

SHOP: Final = """\
import logging
import os
import types

import gntp_logging

logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level="INFO")
context = {"machine": "web-3", "environment": "production"}
level = os.environ["SHOP_ALERTS"]
desktop = gntp_logging.GNTPHandler(
    level=level, app_name="shop", host="127.0.0.1", port=int(os.environ["SHOP_PORT"]), context=context
)
logging.getLogger().addHandler(desktop)
logger = logging.getLogger("shop.orders")


def pay(amount):
    if amount < 0:
        raise ValueError(f"amount must not be negative: {amount}")


def checkout():
    pay(-3)


logger.info("The shop is open")
if level == "WARNING":
    logger.warning("Payment took %.1f s", 7.5)
    logger.critical("Cannot reach the database; orders are refused")
    desktop.flush(10)
try:
    checkout()
except ValueError:
    request = types.SimpleNamespace(method="POST", path="/checkout/")
    logger.exception("Order %d was not paid", 4711, extra={"request": request})
desktop.flush(10)
for _ in range(int(os.environ["SHOP_REPEATS"])):
    logger.error("Payment provider answered %d", 503)
"""
"""A program whose alerts the pictures show: ``orders.py`` of a shop."""

GALLERY: Final = ("An exception", "A cause", "A group of exceptions", "A secret", "Repeats", "A digest")
"""Alerts of docs/alerts.md that its picture shows."""

_TIME: Final = "04:25:10"
"""Every time of day, so that a hash of what is seen is the same tomorrow."""

_KEYWORD: Final = b"Made from"


# -- What a picture is made from -------------------------------------------------------------------


def stamp(name: str) -> str:
    """Return what a picture would be made from now: a hash of what can be seen on it, times and places aside."""
    return hashlib.sha256("\n".join(_seen(name)).encode()).hexdigest()[:16]


def stamp_of(picture: bytes) -> str:
    """Return what is written in a picture; empty where nothing is."""
    found = re.search(rb"tEXt%s\0([0-9a-f]{16})" % _KEYWORD, picture)
    return found[1].decode() if found else ""


def size_of(picture: bytes) -> tuple[int, int]:
    """Return width and height of a PNG picture."""
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


def _stamped(picture: bytes, text: str) -> bytes:
    """Return a PNG picture with a text in it, behind its header of 33 bytes."""
    chunk = b"tEXt" + _KEYWORD + b"\0" + text.encode()
    return (
        picture[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + picture[33:]
    )


def _seen(name: str) -> Iterator[str]:
    """Yield the texts that a picture shows, and the files that say how it looks."""
    level, repeats = _ALERTS.get(name, ("WARNING", 1000))
    shown = gallery() if name == "gallery" else alerts(level, repeats)
    yield from (f"{toast.title}\n{toast.text}\n{toast.priority} {toast.sticky}" for toast in shown)
    if name == "terminal":
        yield _boxes(shown)
    if name in {"page-light", "page-dark", "gallery"}:
        page = Path(web.__file__).parent
        yield from ((page / file).read_text("utf-8") for file in ("page.html", "page.css", "cards.js"))


_ALERTS: Final[Mapping[str, tuple[str, int]]] = {
    "first-look": ("ERROR", 1000),
    "growl-for-linux": ("WARNING", 0),  # which shows a greater count as one more toast
}
"""Of pictures that do not show everything: the level of the shop's handler, and how often it logs the last error."""


def alerts(level: str = "WARNING", repeats: int = 1000) -> list[Toast]:
    """Return the alerts of the shop, the last state of each, with one time for all."""
    with testing.receiver() as receiver:
        _run_shop(receiver.port, level, repeats)
        last = {toast.coalescing_id: toast for toast in receiver.notifications}
    return [_at_one_time(toast) for toast in last.values()]


def gallery() -> list[Toast]:
    """Return the alerts of the gallery's picture."""
    examples = {example.heading: example for _, each in draw_alerts.EXAMPLES for example in each}
    return [_at_one_time(draw_alerts.toast(examples[heading])) for heading in GALLERY]


def _at_one_time(toast: Toast) -> Toast:
    return dataclasses.replace(toast, text=re.sub(r"\d\d:\d\d:\d\d", _TIME, toast.text))


def _run_shop(port: int, level: str = "WARNING", repeats: int = 1000) -> str:
    """Run the shop, and return what it has written to its terminal."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "shop" / "orders.py"
        program.parent.mkdir()
        program.write_text(SHOP, "utf-8")
        rest = {name: value for name, value in os.environ.items() if not name.startswith("GNTP_")}
        variables = {**rest, "SHOP_PORT": str(port), "SHOP_ALERTS": level, "SHOP_REPEATS": str(repeats)}
        command = [sys.executable, str(program)]
        ran = subprocess.run(command, env=variables, capture_output=True, encoding="utf-8", timeout=60, check=True)
        return ran.stderr.replace(folder, "/srv")


# -- Displays --------------------------------------------------------------------------------------


def _boxes(toasts: list[Toast]) -> str:
    """Return what the receiver's terminal shows of toasts, with its colours."""
    stream = io.StringIO()
    display = ConsoleDisplay(stream, colour=True, time_format=_TIME)
    with mock.patch.dict(os.environ, {"COLUMNS": "101", "LINES": "50"}):  # of the window that is drawn
        for toast in toasts:
            display.show(toast)
    return stream.getvalue()


def _on_the_desktop(level: str, configuration: str, screen: str) -> tuple[bytes, str]:
    """Return the screen of a dunst that shows the alerts, and what the program has written meanwhile."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        dunst = Dunst(Path(folder), screen)
        stack.callback(dunst.stop)
        dunst.start()
        dunst.configure(configuration)
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = dunst.address
        display = DesktopDisplay()
        display.start()
        stack.callback(display.close)
        with Receiver(Server([display])) as receiver:
            written = _run_shop(receiver.port, level)
            return _at_rest(dunst.picture, Path(folder) / "screen.png", 5), written


def _cut_out(screen: bytes, border: int = 12) -> bytes:
    """Return what is on a screen, with a ground in colour in the place of the black one, and so many pixels around."""
    ground = ("-fill", _GROUND, "-draw", "color 0,0 floodfill", "-trim", "+repage")
    return _converted(screen, *ground, "-bordercolor", _GROUND, "-border", str(border))


def _at_rest(take: Callable[[Path], None], path: Path, times: int) -> bytes:
    """Return a picture once so many in a row are the same."""
    taken: list[bytes] = []

    def is_at_rest() -> bool:
        take(path)
        taken.append(path.read_bytes())
        return len(taken) > 2 * times and len(set(taken[-times:])) == 1

    wait_until(is_at_rest, 30)
    return taken[-1]


def _photographed(url: str, height: int, scheme: str = "light", until: str = "true") -> bytes:
    """Return a picture of a page in Chromium, once something is true in the page."""

    async def take() -> bytes:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Chromium's children end after it
            async with chromium(Path(folder), url, "--hide-scrollbars", size=f"{WIDTH},{height}") as page:
                await page.emulate(scheme, WIDTH, height, scale=2)
                await page.until(until)
                await page.until("[...document.images].every(picture => picture.hidden || picture.complete)")
                await page.picture(Path(folder) / "page.png")
                return (Path(folder) / "page.png").read_bytes()

    return asyncio.run(take())


@contextlib.contextmanager
def _page() -> Iterator[web.WebDisplay]:
    """Serve the receiver's page."""
    display = web.WebDisplay()
    display.start()
    try:
        yield display
    finally:
        display.close()


# -- A terminal in HTML: what a program has written, in the colours that it has asked for --------------

_GROUND: Final = "#28445e"
"""The desktop behind windows and toasts."""

_STYLES: Final[Mapping[str, str]] = {
    "1": "font-weight: bold",
    "2": "opacity: .7",
    "31": "color: #ff8a80",
    "33": "color: #ffd166",
    "35": "color: #e0a3ff",
    "36": "color: #80deea",
}
"""What the codes look like that the terminal display writes."""

_WINDOW: Final = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 16px; background: {ground}; display: flex; gap: 14px; align-items: flex-start }}
pre {{ margin: 0; padding: 10px; flex: 1; overflow: hidden; border-top: 16px solid #39414d; border-radius: 6px;
  background: #14181f; color: #e6e9ee; font: {size}px/1.4 "DejaVu Sans Mono", monospace }}
img {{ display: block; zoom: .5 }}
</style><pre>{lines}</pre>{beside}"""


def _window(written: str, height: int, beside: str = "") -> bytes:
    """Return a picture of a terminal on a desktop, and of what is beside it."""
    lines = re.sub(r"(?:\x1b\[[1-9][\d;]*m)+", _span, html.escape(written, quote=False)).replace("\x1b[0m", "</span>")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "window.html"
        page.write_text(_WINDOW.format(ground=_GROUND, size=FONT_SIZE, lines=lines, beside=beside), "utf-8")
        return _photographed(page.as_uri(), height)


def _span(codes: re.Match[str]) -> str:
    return f'<span style="{"; ".join(_STYLES[code] for code in re.findall(r"[1-9]+", codes[0]))}">'


# -- The pictures ----------------------------------------------------------------------------------


def _first_look() -> bytes:
    """A program in a terminal, and beside it its toasts on the desktop."""
    screen, written = _on_the_desktop("ERROR", _TOASTS.format(font=18, width=556), "1000x800x24")
    toasts = base64.b64encode(_cut_out(screen, 0)).decode()
    lines = "\n".join(["$ python shop/orders.py", *written.splitlines()[:19]])
    return _window(lines, 330, f'<img src="data:image/png;base64,{toasts}">')


def _terminal() -> bytes:
    """The boxes of ``gntp-logging listen``."""
    return _window(f"$ gntp-logging listen\n{_boxes(alerts())}", 440)


def _toasts() -> bytes:
    """The toasts of a notification service."""
    screen, _ = _on_the_desktop("WARNING", _TOASTS.format(font=11, width=420), "640x960x24")
    return _cut_out(screen)


def _page_in(scheme: str) -> bytes:
    """The receiver's page."""
    with _page() as page, Receiver(Server([page])) as receiver:
        _run_shop(receiver.port)
        return _photographed(page.url, 616, scheme, "document.querySelectorAll('article').length === 4")


def _gallery() -> bytes:
    """Some of the alerts of docs/alerts.md on the receiver's page."""
    with _page() as page:
        for toast in reversed(gallery()):
            page.show(toast)
        until = f"document.querySelectorAll('article').length === {len(GALLERY)}"
        return _photographed(page.url, 1108, "light", until)


def _growl_for_linux() -> bytes:
    """The toasts of growl-for-linux."""
    with tempfile.TemporaryDirectory() as folder:
        gol = Gol(Path(folder), "640x720x24")
        try:
            gol.start()
            _run_shop(PORT, *_ALERTS["growl-for-linux"])
            return _cut_out(_at_rest(gol.picture, Path(folder) / "screen.png", 10))
        finally:
            gol.stop()


_TOASTS: Final = """\
font = DejaVu Sans {font}
width = {width}
height = 600
offset = 8x8
gap_size = 8
frame_width = 1
separator_height = 2
corner_radius = 6
padding = 10
horizontal_padding = 12
show_indicators = no
show_age_threshold = -1
min_icon_size = 48
max_icon_size = 64
[urgency_low]
background = "#f5f6f8"
foreground = "#1b2330"
frame_color = "#c9ced6"
[urgency_normal]
background = "#f5f6f8"
foreground = "#1b2330"
frame_color = "#c9ced6"
[urgency_critical]
background = "#fdf1f1"
foreground = "#1b2330"
frame_color = "#c62828"
"""
"""How dunst looks here: large enough to be read in a document."""

PICTURES: Final[Mapping[str, Callable[[], bytes]]] = {
    "first-look": _first_look,
    "terminal": _terminal,
    "toasts": _toasts,
    "page-light": lambda: _page_in("light"),
    "page-dark": lambda: _page_in("dark"),
    "gallery": _gallery,
    "growl-for-linux": _growl_for_linux,
}
"""What takes each picture; it is ``docs/NAME.png``."""


def _converted(picture: bytes, *how: str) -> bytes:
    """Return a PNG picture as imagemagick changes it."""
    command = ["convert", "png:-", *how, "-strip", "png:-"]
    return subprocess.run(command, input=picture, stdout=subprocess.PIPE, check=True).stdout


def main(names: list[str]) -> None:
    """Take the pictures of these names, or all."""
    for name in names or PICTURES:
        small = _converted(
            PICTURES[name](), "+dither", "-colors", "255"
        )  # with one byte for a pixel it is a third as large
        (ROOT / "docs" / f"{name}.png").write_bytes(_stamped(small, stamp(name)))


if __name__ == "__main__":
    main(sys.argv[1:])
