"""A headless Chromium for tests, driven by its DevTools protocol: what a person would see and do."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.peers import require_program
from tests.running import end

BOUND = 60.0
"""Seconds to start, and for one thing on the page, on a machine that does much else."""


class Page:
    """One page."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.requested: list[str] = []
        """URLs that the page has asked for."""
        self.complaints: list[str] = []
        """What the page's console has said: errors, refusals of its policy."""

    async def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol, and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=BOUND)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, message: Any) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        elif message.get("method") == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true in the page; return its value."""
        deadline = asyncio.get_running_loop().time() + BOUND
        # What it asks for may not be there before the page has loaded.
        patient = f"(() => {{ try {{ return {expression}; }} catch {{ return null; }} }})()"
        while not (value := await self.evaluate(patient)):
            assert asyncio.get_running_loop().time() < deadline, (
                f"{expression} stays {value!r}; the page: {await self.evaluate('document.body.innerText')}"
            )
            await asyncio.sleep(0.02)
        return value

    async def press(self, key: str) -> None:
        """Press a key and let it go."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def emulate(self, scheme: str, width: int = 900, height: int = 700, scale: int = 1) -> None:
        """Show the page in light or dark colours, without movement, in a window of this size.

        Args:
            scale: Pixels of a picture for each pixel of the page, along each side.
        """
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        await self.call("Emulation.setEmulatedMedia", features=features)
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **metrics)

    async def press_on(self, selector: str) -> None:
        """Click on the first thing that a selector finds, as a mouse does."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.evaluate(f"{found}.scrollIntoView({{block: 'center'}})")
        place = await self.evaluate(
            f"(box => ({{x: box.x + box.width / 2, y: box.y + box.height / 2}}))({found}.getBoundingClientRect())"
        )
        for type_ in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=type_, button="left", clickCount=1, **place)

    async def picture(self, path: Path) -> None:
        """Save a picture of the page."""
        taken = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(taken["data"]))


@contextlib.asynccontextmanager
async def chromium(folder: Path, url: str, *options: str, size: str = "900,700") -> AsyncIterator[Page]:
    """Open a page in a Chromium of its own.

    Args:
        folder: Where its profile goes.
        url: What it opens.
        options: More options of its command line.
        size: Width and height of its window.

    Yields:
        The page.
    """
    program = require_program("chromium", "chromium")
    profile = folder / "chromium"
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it is started once, and nothing else happens meanwhile
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--remote-debugging-port=0", f"--window-size={size}", f"--user-data-dir={profile}", *options,
                "about:blank",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        port = await _port_of(profile / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                (target, *_) = [each for each in await response.json() if each["type"] == "page"]
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Page", "Runtime", "Network", "Log"):
                    await page.call(f"{domain}.enable")
                await page.call("Page.navigate", url=url)
                yield page
    finally:
        end(process, BOUND)


async def _port_of(path: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait for the file in which Chromium says where it listens."""
    deadline = asyncio.get_running_loop().time() + BOUND
    while True:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(path.read_text("utf-8").splitlines()[0])
        assert process.poll() is None, "Chromium has ended"
        assert asyncio.get_running_loop().time() < deadline, "Chromium does not start"
        await asyncio.sleep(0.05)
