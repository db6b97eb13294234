"""The display for a browser: a page on this machine where toasts appear live. Needs aiohttp (the extra ``web``).

The page, its style and its program are files beside this one. They are the same for everybody. The toasts come as JSON,
need the token that is part of the page's address, and are put into the page as text, never as markup. Nothing is
fetched from elsewhere: the page's policy forbids it, and a picture that is only a URL is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from gntp_logging.gntp.constants import random_hex_string
from gntp_logging.gntp.models import Resource, is_web_url
from gntp_logging.gntp.network import host_and_port
from gntp_logging.receiver.loop_thread import LoopThread
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.terminal_text import readable

MAX_TOASTS: Final = 300
"""Toasts that a page gets when it is opened. The oldest go first, sticky ones last."""

MAX_TEXT: Final = 20_000
"""Characters of a title or a text. A page shows no more, and a thousand of them may wait for a page."""

MAX_PAGES: Final = 20
"""Pages that are open at a time."""

_PENDING: Final = 1000
"""Messages that wait for a page. One that is further behind is closed, and connects again by itself."""

_HEARTBEAT: Final = 15.0
"""Seconds without a message after which a page gets a comment, so that both sides notice when the other is gone."""

_HEADERS: Final = {
    # Nothing from elsewhere, nothing inline: even a text that became markup could do nothing.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the page's address has the token in it
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FILES: Final = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_PICTURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"BM", "image/bmp"),
)


@dataclass
class _Shown:
    """A toast as the pages show it."""

    number: int
    toast: Toast
    arrived: float
    picture: str

    def message(self) -> dict[str, object]:
        """Return the toast as a message to the pages."""
        toast = self.toast
        return {
            "number": self.number,
            "application": readable(toast.application),
            "name": readable(toast.name),
            "title": readable(toast.title[:MAX_TEXT]),
            "text": readable(toast.text[:MAX_TEXT]),
            "priority": toast.priority,
            "sticky": toast.sticky,
            "url": toast.callback_url if is_web_url(toast.callback_url) else "",
            "arrived": self.arrived,
            "picture": self.picture,
            "peer": toast.peer,
            "way": toast.encryption or ("signed" if toast.hash_ else "clear"),
        }


class WebDisplay:
    """Serves the page, in a thread and an event loop of its own.

    Attributes:
        url: The page's address, with its token; empty before ``start``.
        patience: Seconds during which a reaction is reported to the sender.
    """

    patience: Final = 60.0

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None) -> None:
        """Prepare.

        Args:
            host: Address to serve on; the default is for browsers of this machine only.
            port: TCP port; 0 takes a free one.
            token: The secret that requests must have; None draws one.
        """
        self.url: str = ""
        self._host = host
        self._port = port
        self._token = random_hex_string(16) if token is None else token
        self._shown: OrderedDict[tuple[str, str], _Shown] = OrderedDict()
        self._pictures: dict[str, bytes] = {}
        self._number = 0
        self._pages: set[asyncio.Queue[str]] = set()
        self._loop = LoopThread("gntp-web", self._serving)

    # -- The receiver's side ---------------------------------------------------------------------

    def start(self) -> None:
        """Serve, and return once the page can be opened.

        Raises:
            OSError: If the address or the port is not available.
        """
        self._loop.start()

    def close(self) -> None:
        """Stop serving. Closing twice, or before the start, is harmless."""
        self._loop.stop()

    def show(self, toast: Toast) -> None:
        """Show a toast on all pages."""
        self._loop.call(lambda: self._add(toast))

    def notice(self, notice: Notice) -> None:
        """Show an event on all pages if something went wrong; other events are not for people."""
        trouble = readable(notice.trouble[:MAX_TEXT])
        if trouble:
            self._loop.call(lambda: self._broadcast({"trouble": trouble}))

    # -- In the loop -----------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        app = web.Application(middlewares=[_secured])
        for path in _FILES:
            app.router.add_get(path, _file)
        app.router.add_get("/events", self._guarded(self._events))
        app.router.add_get("/picture/{id}", self._guarded(self._picture))
        app.router.add_post("/react", self._guarded(self._react))
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
            self.url = f"http://{host_and_port(self._host, runner.addresses[0][1])}/?token={self._token}"
            yield
            for page in list(self._pages):
                _put(page, "")
        finally:
            await runner.cleanup()

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Let a handler see only requests that have the token."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            given = request.query.get("token", "").encode()
            if not hmac.compare_digest(given, self._token.encode()):
                raise web.HTTPForbidden(text="the address of this page needs its token")
            return await handler(request)

        return guarded

    def _add(self, toast: Toast) -> None:
        self._number += 1
        key = (toast.application, toast.coalescing_id or f" {self._number}")
        before = self._shown.pop(key, None)
        number = self._number if before is None else before.number
        entry = _Shown(number, toast, time.time(), self._keep_picture(toast.icon))
        self._shown[key] = entry
        while len(self._shown) > MAX_TOASTS:
            passing = (key for key, shown in self._shown.items() if not shown.toast.sticky)
            del self._shown[next(passing, next(iter(self._shown)))]
        self._broadcast({"toast": entry.message()})

    def _keep_picture(self, icon: str | Resource | None) -> str:
        """Remember a picture that browsers can show; return its identifier, or an empty string."""
        if not isinstance(icon, Resource) or icon.data is None or not _picture_type(icon.data):
            return ""
        used = {shown.picture for shown in self._shown.values()}
        self._pictures = {id_: data for id_, data in self._pictures.items() if id_ in used}
        id_ = icon.unique_id() or ""
        self._pictures[id_] = icon.data
        return id_

    def _broadcast(self, message: dict[str, object]) -> None:
        line = json.dumps(message)
        for page in list(self._pages):
            _put(page, line)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send the toasts that are shown, and then each change, as server-sent events."""
        if len(self._pages) >= MAX_PAGES:
            raise web.HTTPServiceUnavailable(text="too many pages are open")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **_HEADERS})
        await response.prepare(request)
        page: asyncio.Queue[str] = asyncio.Queue(_PENDING)
        everything = {"all": [shown.message() for shown in self._shown.values()]}
        self._pages.add(page)
        try:
            with contextlib.suppress(OSError):  # the page was closed
                await response.write(f"data: {json.dumps(everything)}\n\n".encode())
                while True:
                    try:
                        line = await asyncio.wait_for(page.get(), _HEARTBEAT)
                    except asyncio.TimeoutError:
                        await response.write(b":\n\n")
                        continue
                    if not line:
                        break
                    await response.write(f"data: {line}\n\n".encode())
        finally:
            self._pages.discard(page)
        return response

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        data = self._pictures.get(request.match_info["id"])
        if data is None:
            raise web.HTTPNotFound
        return web.Response(body=data, content_type=_picture_type(data))

    async def _react(self, request: web.Request) -> web.StreamResponse:
        """Take a reaction to a toast."""
        try:
            given = await request.json()
            number, reaction = int(given["number"]), Reaction(given["reaction"])
        except (ValueError, TypeError, KeyError):
            raise web.HTTPBadRequest(text="allowed is a number, and CLICK or CLOSE") from None
        found = next(((key, shown) for key, shown in self._shown.items() if shown.number == number), None)
        if found is None:
            raise web.HTTPNotFound(text="there is no such toast any more")
        key, shown = found
        shown.toast.react(reaction)
        if reaction is Reaction.CLOSED:
            del self._shown[key]
            self._broadcast({"closed": number})
        return web.json_response({})


def _put(page: asyncio.Queue[str], line: str) -> None:
    """Add a line to a page's queue; end the page if the queue is full."""
    if page.full():
        while not page.empty():
            page.get_nowait()
        line = ""
    page.put_nowait(line)


def _picture_type(data: bytes) -> str:
    """Return the type of a picture that browsers show and that cannot hold a program (SVG can), or an empty string."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((type_ for begin, type_ in _PICTURES if data.startswith(begin)), "")


async def _file(request: web.Request) -> web.StreamResponse:
    name, content_type = _FILES[request.path]
    path = os.path.join(os.path.dirname(__file__), name)
    data: bytes = __loader__.get_data(path)  # type: ignore[name-defined]  # every imported module has one
    return web.Response(body=data, content_type=content_type, charset="utf-8")


@web.middleware
async def _secured(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> web.StreamResponse:
    """Give every answer the headers that keep untrusted texts from being run."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        error.headers.update(_HEADERS)
        raise
    if not response.prepared:
        response.headers.update(_HEADERS)
    return response
