"""The display for a browser: a page on this machine where toasts appear live. Needs aiohttp (the extra ``web``).

The page, its style and its program are files beside this one. They are the same for everybody. The toasts come as JSON,
need the token that is part of the page's address, and are put into the page as text, never as markup. Nothing is
fetched from elsewhere: the page's policy forbids it, and a picture that is only a URL is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hmac
import json
import logging
import os
import threading
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gntp_logging.gntp.constants import random_hex_string
from gntp_logging.gntp.models import Resource, is_web_url
from gntp_logging.gntp.network import host_and_port
from gntp_logging.receiver.cuts import cut
from gntp_logging.receiver.descriptors import affordable_connections
from gntp_logging.receiver.loop_thread import LoopThread
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.reactions import React, Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.terminal_text import readable

MAX_TOASTS: Final = 300
"""Toasts that a page gets when it is opened. The oldest go first, sticky ones last."""

MAX_BYTES: Final = 2 * 1024 * 1024
"""Bytes of these toasts, as they go to the page."""

MAX_PICTURES: Final = 2 * 1024 * 1024
"""Bytes of their pictures; the oldest go first, and a larger one is not kept."""

MAX_TITLE: Final = 2000
MAX_TEXT: Final = 20_000
"""Characters of a title or a URL, and of a text. A page shows no more."""

MAX_PAGES: Final = 20
"""Pages that are open at a time."""

MAX_CONNECTIONS: Final = 100
"""Connections to the page's server. With one more, the oldest gives way that is no page's stream of toasts."""

_ACCEPTS: Final = 4
"""Connections that are accepted in one turn of the loop, before any of them is counted; asyncio's backlog."""

_BACKLOG: Final = 128
"""Connections that the system keeps meanwhile."""

_PENDING: Final = 512 * 1024
"""Bytes that wait for a page, the same for all. One that is further behind is closed, and connects again by itself."""

_PATIENCE: Final = 10.0
"""Seconds for a page to take what was written to it; then it is closed likewise."""

_MAX_REACTION: Final = 1024
"""Bytes of a reaction: a number and a word."""

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


def _is_own_mistake(record: logging.LogRecord) -> bool:
    """Tell whether what aiohttp logs may be a mistake of this package: strangers could fill the terminal otherwise."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (HttpProcessingError, web.RequestPayloadError, OSError))


_LOGGER: Final = logging.getLogger("gntp_logging.receiver.web")
_LOGGER.addFilter(_is_own_mistake)


@dataclass(frozen=True)
class _Shown:
    """A toast as the pages show it, and what is needed when somebody reacts to it: nothing else of it is kept.

    Attributes:
        event: What a page gets.
    """

    number: int
    event: bytes
    is_sticky: bool
    picture: str
    react: React


def _event(message: object) -> bytes:
    """Return a message to the pages as an event of their stream."""
    return b"data: " + json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"


def _message(number: int, toast: Toast, picture: str) -> dict[str, object]:
    """Return what a page is told of a toast."""
    url = toast.callback_url
    return {
        "number": number,
        "application": readable(toast.application),
        "name": readable(toast.name),
        "title": readable(cut(toast.title, MAX_TITLE)),
        "text": readable(cut(toast.text, MAX_TEXT)),
        "priority": toast.priority,
        "sticky": toast.sticky,
        "url": url if is_web_url(url) and len(url) <= MAX_TITLE else "",
        "arrived": toast.arrived,
        "picture": picture,
        "peer": toast.peer,
        "way": toast.encryption or ("signed" if toast.hash_ else "clear"),
    }


class _Page:
    """What waits for one page."""

    def __init__(self) -> None:
        self.has_ended: bool = False
        self._events: deque[bytes] = deque()
        self._size = 0
        self._changed = asyncio.Event()

    def put(self, event: bytes) -> None:
        """Add an event; end the page if too much waits already."""
        self._events.append(event)
        self._size += len(event)
        self._changed.set()
        if self._size > _PENDING:
            self.end()

    def end(self) -> None:
        """Let the page be closed."""
        self._events.clear()
        self.has_ended = True
        self._changed.set()

    async def next_event(self) -> bytes:
        """Wait for the next event; without one, return a comment after a while."""
        if not self._events and not self.has_ended:
            self._changed.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _HEARTBEAT)
        if not self._events:
            return b":\n\n"
        event = self._events.popleft()
        self._size -= len(event)
        return event


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
        self._size = 0
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._number = 0
        self._arriving = 0  # bytes of the pictures that the loop has not taken yet
        self._lock = threading.Lock()  # guards their number, which the receiver's thread raises
        self._pages: dict[_Page, asyncio.BaseTransport | None] = {}
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
        icon, size = toast.icon if _is_showable(toast.icon) else None, 0
        with self._lock:
            if isinstance(icon, Resource):
                size = len(icon.data or b"")
            if self._arriving + size > MAX_PICTURES:  # they may come faster than the loop takes them
                icon, size = None, 0
            self._arriving += size
        title, text = cut(toast.title, MAX_TITLE), cut(toast.text, MAX_TEXT)
        kept = dataclasses.replace(toast, title=title, text=text, icon=icon, headers={})
        self._loop.call(lambda: self._arrive(kept, size))

    def notice(self, notice: Notice) -> None:
        """Show an event on all pages if it has a toast, or if something went wrong; others are not for people."""
        trouble = readable(cut(notice.trouble, MAX_TITLE))
        if notice.toast is not None:
            self.show(notice.toast)
        elif trouble:
            self._loop.call(lambda: self._broadcast(_event({"trouble": trouble})))

    # -- In the loop -----------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        with self._lock:
            self._arriving = 0  # what came while nobody served was not taken
        app = web.Application(middlewares=[_secured], client_max_size=_MAX_REACTION)
        for path in _FILES:
            app.router.add_get(path, _file)
        app.router.add_get("/events", self._guarded(self._events))
        app.router.add_get("/picture/{id}", self._guarded(self._picture))
        app.router.add_post("/react", self._guarded(self._react))
        runner = web.AppRunner(app, access_log=None, logger=_LOGGER, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: self._connection(runner.server), self._host, self._port, backlog=_ACCEPTS
            )
            for bound in server.sockets:
                with contextlib.closing(bound.dup()) as listener:
                    listener.listen(_BACKLOG)
            try:
                self.url = f"http://{host_and_port(self._host, _port(server.sockets))}/?token={self._token}"
                yield
            finally:
                server.close()
            for page in self._pages:
                page.end()
        finally:
            await runner.cleanup()

    def _connection(self, server: web.Server | None) -> asyncio.Protocol:
        """Return the protocol of a new connection; where there are too many, close an old one."""
        assert server is not None
        if len(server.connections) >= affordable_connections(MAX_CONNECTIONS):
            staying = {*self._pages.values(), None}  # what is closing already has no transport
            oldest = next((each for each in server.connections if each.transport not in staying), None)
            if oldest is not None:
                oldest.force_close()
        return server()

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

    def _arrive(self, toast: Toast, size: int) -> None:
        with self._lock:
            self._arriving -= size
        self._add(toast)

    def _add(self, toast: Toast) -> None:
        self._number += 1
        key = (toast.application, toast.coalescing_id or f" {self._number}")
        before = self._remove(key)
        number = self._number if before is None else before.number
        picture = self._keep_picture(toast.icon)
        event = _event({"toast": _message(number, toast, picture)})
        self._shown[key] = _Shown(number, event, toast.sticky, picture, toast.react)
        self._size += len(event)
        while len(self._shown) > MAX_TOASTS or self._size > MAX_BYTES:
            passing = (key for key, shown in self._shown.items() if not shown.is_sticky)
            self._remove(next(passing, next(iter(self._shown))))
        self._forget_pictures()
        self._broadcast(event)

    def _remove(self, key: tuple[str, str]) -> _Shown | None:
        removed = self._shown.pop(key, None)
        if removed is not None:
            self._size -= len(removed.event)
        return removed

    def _keep_picture(self, icon: str | Resource | None) -> str:
        """Remember a picture that browsers can show; return its identifier, or an empty string."""
        if not isinstance(icon, Resource) or icon.data is None or not _is_showable(icon):
            return ""
        id_ = icon.unique_id() or ""
        self._pictures[id_] = icon.data
        self._pictures.move_to_end(id_)
        while sum(map(len, self._pictures.values())) > MAX_PICTURES:
            self._pictures.popitem(last=False)
        return id_ if id_ in self._pictures else ""

    def _forget_pictures(self) -> None:
        """Forget the pictures of toasts that are not shown any more."""
        for id_ in self._pictures.keys() - {shown.picture for shown in self._shown.values()}:
            del self._pictures[id_]

    def _broadcast(self, event: bytes) -> None:
        for page in self._pages:
            page.put(event)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send the toasts that are shown, their numbers, and then each change, as server-sent events."""
        if len(self._pages) >= MAX_PAGES:
            raise web.HTTPServiceUnavailable(text="too many pages are open")
        page = _Page()
        self._pages[page] = request.transport
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **_HEADERS})
        try:
            with contextlib.suppress(OSError, asyncio.TimeoutError):  # the page was closed, or does not read
                await response.prepare(request)
                await self._send(page, response)
        finally:
            del self._pages[page]
            if request.transport is not None:
                request.transport.abort()  # with what it has not read
        return response

    async def _send(self, page: _Page, response: web.StreamResponse) -> None:
        # One at a time, and looked up when its turn comes: a copy of all for each page would take its room as often.
        for key in list(self._shown):
            shown = self._shown.get(key)
            if shown is not None:
                await _write(response, shown.event)
        await _write(response, _event({"all": [shown.number for shown in self._shown.values()]}))
        while not page.has_ended:
            event = await page.next_event()
            if not page.has_ended:
                await _write(response, event)

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        data = self._pictures.get(request.match_info["id"])
        if data is None:
            raise web.HTTPNotFound
        return web.Response(body=data, content_type=_picture_type(data))

    async def _react(self, request: web.Request) -> web.StreamResponse:
        """Take a reaction to a toast."""
        try:
            number, reaction = _reaction(await request.read())
        except (ValueError, RecursionError, OSError, web.HTTPRequestEntityTooLarge, web.RequestPayloadError):
            raise web.HTTPBadRequest(text="allowed is a number, and CLICK or CLOSE") from None
        found = next(((key, shown) for key, shown in self._shown.items() if shown.number == number), None)
        if found is None:
            raise web.HTTPNotFound(text="there is no such toast any more")
        key, shown = found
        shown.react(reaction)
        if reaction is Reaction.CLOSED:
            self._remove(key)
            self._forget_pictures()
            self._broadcast(_event({"closed": number}))
        return web.json_response({})


def _reaction(body: bytes) -> tuple[int, Reaction]:
    """Read a reaction, and the number of its toast.

    Raises:
        ValueError: If the body is anything else.
        RecursionError: If it is nested too deeply to be read.
    """
    given = json.loads(body.decode("utf-8"))  # of bytes, it would guess the encoding
    if not isinstance(given, dict) or type(given.get("number")) is not int:  # True is an int to isinstance
        raise ValueError("no number")
    reaction = Reaction(given.get("reaction"))
    if reaction is Reaction.TIMED_OUT:
        raise ValueError("nobody does that")
    return given["number"], reaction


async def _write(response: web.StreamResponse, event: bytes) -> None:
    await asyncio.wait_for(response.write(event), _PATIENCE)


def _port(sockets: Iterable[Any]) -> int:
    """Return the port of a server's first socket."""
    port: int = next(iter(sockets)).getsockname()[1]
    return port


def _is_showable(icon: str | Resource | None) -> bool:
    return isinstance(icon, Resource) and icon.data is not None and bool(_picture_type(icon.data))


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
