"""The display for a browser: a page on this machine where toasts appear live. Needs aiohttp (the extra ``web``).

The page, its style and its modules are files beside this one. They are the same for everybody. The toasts come as JSON,
need the page's token, and are put into the page as text, never as markup. Nothing is fetched from elsewhere: the page's
policy forbids it, and a picture that is only a URL is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import functools
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gntp_logging.gntp.constants import VERSION, random_hex_string
from gntp_logging.gntp.models import Resource
from gntp_logging.gntp.network import host_and_port
from gntp_logging.receiver.cuts import cut
from gntp_logging.receiver.descriptors import affordable_connections
from gntp_logging.receiver.loop_thread import LoopThread
from gntp_logging.receiver.mutes import Mute, Muted, Mutes
from gntp_logging.receiver.protocols import Keeping, Notice
from gntp_logging.receiver.reactions import React, Reaction, ignore
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.terminal_text import readable

from . import messages, past
from .access import Access, is_local_name
from .waiting import WaitingEvents

DEFAULT_PORT: Final = 23054
"""The page's port, unless another program has it: one beyond GNTP's."""

MAX_TOASTS: Final = 300
"""Toasts that a page gets when it is opened. The oldest go first, sticky ones last."""

MAX_BYTES: Final = 2 * 1024 * 1024
"""Bytes of these toasts, as they go to the page."""

MAX_PICTURES: Final = 1 * 1024 * 1024
"""Bytes of their pictures; the oldest go first, and a larger one is not kept."""

MAX_PAGES: Final = 20
"""Pages that are open at a time."""

MAX_CONNECTIONS: Final = 100
"""Connections to the page's server. With one more, the oldest gives way that is no page's stream of toasts."""

_ACCEPTS: Final = 4
"""Connections that are accepted in one turn of the loop, before any of them is counted; asyncio's backlog."""

_BACKLOG: Final = 128
"""Connections that the system keeps meanwhile."""

_PATIENCE: Final = 10.0
"""Seconds for a page to take what was written to it; then it is closed."""

_HEADERS: Final = {
    # Nothing from elsewhere, nothing inline: even a text that became markup could do nothing.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the page's address may have the token in it
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",  # a browser sends the cookie for pages on other ports too
}
_FILES: Final = ("page.css", "page.js", "alerts.js", "calls.js", "cards.js", "filters.js", "mute.js", "server.js")
"""What everybody may fetch beside the page."""

_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_PICTURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"BM", "image/bmp"),
)
_NO_TOKEN: Final = "This address lacks its token, or your browser has not been here before."  # noqa: S105
_WRONG_TOKEN: Final = "The token in this address is not the one of this receiver."  # noqa: S105
_WRONG_NAME: Final = "This receiver answers to names of this machine only."

_Read = TypeVar("_Read")


def _is_own_mistake(record: logging.LogRecord) -> bool:
    """Tell whether a record of aiohttp may show a mistake of this package: strangers could cause all the others."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (HttpProcessingError, web.RequestPayloadError, OSError))


_LOGGER: Final = logging.getLogger("gntp_logging.receiver.web")
_LOGGER.addFilter(_is_own_mistake)


@dataclass(frozen=True)
class _Shown:
    """A toast as the pages show it, and what a reaction to it needs. Nothing else of it is kept.

    Attributes:
        event: What a page gets.
        first: When it was opened, in seconds since 1970.
    """

    event: bytes
    is_sticky: bool
    picture: str
    first: float
    react: React


class WebDisplay:
    """Serves the page, in a thread and an event loop of its own.

    Attributes:
        url: The page's address, with its token; empty before ``start``.
        remark: What people should know about the address; empty for nothing.
        history: The page begins with its newest toasts, and shows older ones on demand. None if no history is kept.
        patience: Seconds during which a reaction is reported to the sender.
    """

    patience: Final = 60.0

    def __init__(self, *, host: str = "127.0.0.1", port: int | None = 0, token: str | None = None) -> None:
        """Prepare.

        Args:
            host: Address to serve on; the default is for browsers of this machine only.
            port: TCP port; 0 takes a free one, None takes :data:`DEFAULT_PORT`, or a free one where that is taken.
            token: The secret that requests must have; None draws one.
        """
        self.url: str = ""
        self.remark: str = ""
        self.history: Keeping | None = None
        self._host = host
        self._port = port
        self._token = random_hex_string(16) if token is None else token
        self._access = Access(self._token, 0, is_local=True)
        self._shown: OrderedDict[int, _Shown] = OrderedDict()
        self._size = 0
        self._has_older = False  # whether the history has more than the page begins with
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._mutes = Mutes()
        self._mute: Mute = lambda _: None
        self._receivers_port = 0  # until it listens
        self._arriving = 0  # bytes of the pictures that the loop has not taken yet
        self._lock = threading.Lock()  # guards their number, which the receiver's thread raises
        self._pages: dict[WaitingEvents, asyncio.BaseTransport | None] = {}
        self._reading = asyncio.Lock()  # made again in the loop
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

    def address_of(self, number: int) -> str:
        """Return the address that opens the page at a toast. It has no token: others may see what a browser is told."""
        return f"{self.url.partition('?')[0]}#{number}"

    def mute_by(self, mute: Mute) -> None:
        """Mute incidents by ``mute`` from now on."""
        self._mute = mute

    def show(self, toast: Toast) -> None:
        """Show a toast on all pages."""
        icon, size = toast.icon if _is_showable(toast.icon) else None, 0
        with self._lock:
            if isinstance(icon, Resource):
                size = len(icon.data or b"")
            if self._arriving + size > MAX_PICTURES:  # they may come faster than the loop takes them
                icon, size = None, 0
            self._arriving += size
        kept = dataclasses.replace(messages.cut_toast(toast), icon=icon)
        self._loop.call(lambda: self._arrive(kept, size))

    def notice(self, notice: Notice) -> None:
        """Show an event on all pages if it has a toast, or if something went wrong; others are not for people."""
        trouble = readable(cut(notice.trouble, messages.MAX_TITLE))
        if notice.toast is not None:
            self.show(notice.toast)
        elif notice.event == "muted":
            self._loop.call(lambda: self._add_mute(Muted(**notice.fields)))  # type: ignore[arg-type]  # as it was made
        elif notice.event == "listening":
            self._loop.call(lambda: self._learn_port(int(str(notice.fields["port"]))))
        elif trouble:
            self._loop.call(lambda: self._broadcast(messages.event({"trouble": trouble})))

    # -- In the loop -----------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        with self._lock:
            self._arriving = 0  # what came while nobody served was not taken
        app = web.Application(middlewares=[_secured, self._known_name], client_max_size=messages.MAX_BODY)
        app.router.add_get("/", self._page)
        app.router.add_get("/icon.svg", _icon)
        for name in _FILES:
            app.router.add_get(f"/{name}", functools.partial(_file, name))
        app.router.add_get("/events", self._guarded(self._events))
        app.router.add_get("/picture/{id}", self._guarded(self._picture))
        app.router.add_get("/history", self._guarded(self._past))
        app.router.add_post("/react", self._guarded(self._react))
        app.router.add_post("/mute", self._guarded(self._take_mute))
        self._reading = asyncio.Lock()
        await self._remember()
        runner = web.AppRunner(app, access_log=None, logger=_LOGGER, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            server = await self._bound(lambda: self._connection(runner.server))
            for bound in server.sockets:
                with contextlib.closing(bound.dup()) as listener:
                    listener.listen(_BACKLOG)
            try:
                port = _port(server.sockets)
                self._access = Access(self._token, port, is_local=is_local_name(self._host))
                name = "localhost" if self._host in _EVERYWHERE else self._host
                self.url = f"http://{host_and_port(name, port)}/?token={self._token}"
                yield
            finally:
                await _stop_accepting(server)
            for page in self._pages:
                page.end()
        finally:
            await runner.cleanup()

    async def _bound(self, protocol: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        """Return a server that listens. If no port was asked for, and the usual one is taken, it is on a free port."""
        create_server = functools.partial(asyncio.get_running_loop().create_server, backlog=_ACCEPTS)
        self.remark = ""
        try:
            return await create_server(protocol, self._host, DEFAULT_PORT if self._port is None else self._port)
        except OSError as error:
            if self._port is not None or error.errno != errno.EADDRINUSE:
                raise
        self.remark = f"port {DEFAULT_PORT} is taken, perhaps by another receiver: the page is at another address today"
        return await create_server(protocol, self._host, 0)

    def _connection(self, server: web.Server | None) -> asyncio.Protocol:
        """Return the protocol of a new connection; if there are too many, close an old one."""
        assert server is not None
        if len(server.connections) >= affordable_connections(MAX_CONNECTIONS):
            staying = {*self._pages.values(), None}  # what is closing already has no transport
            oldest = next((each for each in server.connections if each.transport not in staying), None)
            if oldest is not None:
                oldest.force_close()
        return server()

    # -- Who may see it --

    @web.middleware
    async def _known_name(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Refuse requests to a name that is not this machine's."""
        if not self._access.allows_host(request.host):
            return _refusal(_WRONG_NAME)
        return await handler(request)

    def _has_token(self, request: web.Request) -> bool:
        return self._access.has_token(request.query.get("token", ""), request.headers.get("Cookie", ""))

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Let a handler see only requests of the page, and of programs that have the token."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            is_own = self._access.allows_origin(request.headers.get("Origin", ""), request.host)
            if not is_own or not self._has_token(request):
                raise web.HTTPForbidden(text="this needs the page's token")
            return await handler(request)

        return guarded

    async def _page(self, request: web.Request) -> web.StreamResponse:
        """Send the page if the request has the token, and keep the token in a cookie; else say what is missing."""
        if not self._has_token(request):
            return _refusal(_WRONG_TOKEN if "token" in request.query else _NO_TOKEN)
        response = await _file("page.html", request)
        response.headers["Set-Cookie"] = self._access.set_cookie
        return response

    # -- What was shown before --

    def _has_history(self) -> bool:
        return self.history is not None and self.history.is_kept

    async def _ask_history(self, ask: Callable[[str], _Read]) -> _Read | None:
        """Ask the history in a thread, one question at a time; return its answer, or None if it cannot be read."""
        if self.history is None or not self.history.is_kept:
            return None
        async with self._reading:
            try:
                return await asyncio.to_thread(ask, self.history.path)
            except OSError:
                return None

    async def _remember(self) -> None:
        """Begin with the toasts that nobody has closed."""
        if not self._shown:
            remembered = await self._ask_history(_remembered)
            if remembered is not None:
                self._shown, self._has_older = remembered
                self._size = sum(len(shown.event) for shown in self._shown.values())

    async def _past(self, request: web.Request) -> web.StreamResponse:
        """Send a part of the history."""
        try:
            wanted = past.wanted(request.query)
        except ValueError:
            raise web.HTTPBadRequest(text="allowed are search, application, level and before") from None
        found = await self._ask_history(functools.partial(past.part, asked=wanted))
        return web.json_response({"toasts": [], "before": ""} if found is None else found)

    # -- What is shown --

    def _arrive(self, toast: Toast, size: int) -> None:
        with self._lock:
            self._arriving -= size
        self._add(toast)

    def _add(self, toast: Toast) -> None:
        before = self._remove(toast.number)
        first = toast.arrived if before is None else before.first
        picture = self._keep_picture(toast.icon)
        event = messages.event({"toast": messages.card(toast, picture, first)})
        self._shown[toast.number] = _Shown(event, toast.sticky, picture, first, toast.react)
        self._size += len(event)
        while len(self._shown) > MAX_TOASTS or self._size > MAX_BYTES:
            passing = (number for number, shown in self._shown.items() if not shown.is_sticky)
            self._remove(next(passing, next(iter(self._shown))))
            self._has_older = True
        self._forget_pictures()
        self._broadcast(event)

    def _remove(self, number: int) -> _Shown | None:
        removed = self._shown.pop(number, None)
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

    def _add_mute(self, muted: Muted) -> None:
        self._mutes.add(muted, time.time())
        self._broadcast(messages.event({"muted": muted._asdict()}))

    def _learn_port(self, port: int) -> None:
        self._receivers_port = port
        self._broadcast(self._hello())

    def _hello(self) -> bytes:
        kept = self._has_history()
        said = {"version": VERSION, "port": self._receivers_port, "history": kept, "older": kept and self._has_older}
        return messages.event(said)

    def _broadcast(self, event: bytes) -> None:
        for page in self._pages:
            page.put(event)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send the toasts that are shown, their numbers, and then each change, as server-sent events."""
        if len(self._pages) >= MAX_PAGES:
            raise web.HTTPServiceUnavailable(text="too many pages are open")
        page = WaitingEvents()
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

    async def _send(self, page: WaitingEvents, response: web.StreamResponse) -> None:
        await _write(response, self._hello())
        for muted in self._mutes.all(time.time()):
            await _write(response, messages.event({"muted": muted._asdict()}))
        # One at a time, and looked up when its turn comes: a copy of all for each page would take its room as often.
        for number in list(self._shown):
            shown = self._shown.get(number)
            if shown is not None:
                await _write(response, shown.event)
        await _write(response, messages.event({"all": list(self._shown)}))
        while not page.has_ended:
            event = await page.next_event()
            if not page.has_ended:
                await _write(response, event)

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        id_ = request.match_info["id"]
        data = self._pictures.get(id_)
        if data is None:
            data = await self._ask_history(functools.partial(past.picture, id_=id_, most=MAX_PICTURES))
        if data is None or not _picture_type(data):
            raise web.HTTPNotFound
        return web.Response(body=data, content_type=_picture_type(data))

    # -- What people do --

    async def _react(self, request: web.Request) -> web.StreamResponse:
        """Take a reaction to toasts."""
        numbers, reaction = await _read(request, messages.reaction, "numbers, and CLICK or CLOSE")
        found = {number: self._shown[number] for number in numbers if number in self._shown}
        for shown in found.values():
            shown.react(reaction)
        if not found and not self._has_history():
            raise web.HTTPNotFound(text="there is no such toast any more")
        if reaction is Reaction.CLOSED:
            self._close(numbers)
        return web.json_response({})

    def _close(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._remove(number)
        self._forget_pictures()
        self._broadcast(messages.event({"closed": numbers}))
        if self.history is not None:
            with contextlib.suppress(OSError):  # too much waits for the disk: they come back after a restart
                self.history.close_toasts(numbers)

    async def _take_mute(self, request: web.Request) -> web.StreamResponse:
        """Mute an incident; all pages learn of it by a notice of the server."""
        read = functools.partial(messages.mute, now=time.time())
        self._mute(await _read(request, read, "application, incident, and hour, tomorrow or now"))
        return web.json_response({})


def _remembered(path: str) -> tuple[OrderedDict[int, _Shown], bool]:
    """Return the toasts with which the page begins, the last change at the end, and whether the history has more."""
    found: list[tuple[int, _Shown]] = []
    size = 0
    for kept in past.open_ones(path, MAX_TOASTS + 1):
        event = messages.event({"toast": past.card(kept)})
        size += len(event)
        if len(found) == MAX_TOASTS or size > MAX_BYTES:
            return OrderedDict(found[::-1]), True
        toast = kept.toast
        found.append((toast.number, _Shown(event, toast.sticky, kept.picture, toast.arrived, ignore)))
    return OrderedDict(found[::-1]), False


_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - only compared with


async def _read(request: web.Request, read: Callable[[bytes], _Read], allowed: str) -> _Read:
    """Read the body of a request.

    Raises:
        HTTPBadRequest: If it is anything else than what is allowed.
    """
    try:
        return read(await request.read())
    except (ValueError, RecursionError, OSError, web.HTTPRequestEntityTooLarge, web.RequestPayloadError):
        raise web.HTTPBadRequest(text=f"allowed is {allowed}") from None


async def _stop_accepting(server: asyncio.Server) -> None:
    """Close a server after the connections that it has accepted are made: asyncio would leave them open."""
    with contextlib.suppress(NotImplementedError):  # Windows' loop has no readers
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        await asyncio.sleep(0)
    server.close()


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


def _data(name: str) -> bytes:
    """Return a file of this folder."""
    data: bytes = __loader__.get_data(os.path.join(os.path.dirname(__file__), name))  # type: ignore[name-defined]  # every imported module has one
    return data


async def _file(name: str, _request: web.Request) -> web.StreamResponse:
    return web.Response(body=_data(name), content_type=_TYPES[os.path.splitext(name)[1]], charset="utf-8")


def _refusal(why: str) -> web.Response:
    """Return a page that says why there are no alerts on it."""
    page = _data("refused.html").replace(b"{why}", why.encode())
    return web.Response(body=page, status=403, content_type="text/html", charset="utf-8")


async def _icon(request: web.Request) -> web.StreamResponse:
    return web.Response(text=messages.icon(request.query.get("unread", "")), content_type="image/svg+xml")


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
