"""The display for the desktop: native toasts on Linux, macOS and Windows, by desktop-notifier (the extra ``desktop``).

The library needs an event loop of its own, in which it gets the clicks. Toasts wait for it in a bounded queue; one
toast reports the number of those that did not fit.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import html
import logging
import sys
import tempfile
import threading
import time
import webbrowser
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from desktop_notifier import Button, DesktopNotifier, Icon, Urgency

from gntp_logging.gntp.models import Resource, is_web_url

from .cuts import cut
from .loop_thread import LoopThread
from .mutes import HOUR, Mute, Muted, tomorrow
from .protocols import Addressed
from .reactions import React, Reaction
from .registry import Toast
from .terminal_text import sanitize_for_terminal

QUEUE_SIZE: Final = 50
"""Toasts that wait to be shown. People do not read more."""

MAX_TEXT: Final = 2000
"""Characters of a title or a text. Services cut earlier, and some show nothing at nine thousand."""

MAX_REMEMBERED: Final = 200
"""Toasts that an update can replace, and pictures that are kept as files."""

MAX_WAITING_PICTURES: Final = 1 * 1024 * 1024
"""Bytes of the pictures of toasts that wait; a picture that does not fit is left out."""

MAX_FILES: Final = 16 * 1024 * 1024
"""Bytes of the pictures that are kept as files."""

_TIMEOUT: Final = 10.0
"""Seconds for the desktop's service to accept a toast."""

_PAUSE: Final = 5.0
"""Seconds between two looks for a service, while toasts wait to be counted in a digest."""

_URGENCIES: Final = {-2: Urgency.Low, -1: Urgency.Low, 0: Urgency.Normal, 1: Urgency.Normal, 2: Urgency.Critical}


class DesktopDisplay:
    """Shows toasts by the desktop's own service.

    Attributes:
        patience: Seconds during which a reaction is reported to the sender; many, because services keep toasts in a
            list.
        failures: How many toasts the service has not accepted.
        may_be_away: Whether it starts without the service, and connects when one comes.
        page: Opened by a click on a toast without a URL; None if there is no page.
    """

    patience: Final = 60.0

    def __init__(self) -> None:
        """Prepare."""
        self.failures: int = 0
        self.may_be_away: bool = False
        self.page: Addressed | None = None
        self._mute: Mute = lambda _: None
        self._report: Callable[[Exception], None] = lambda _: None
        self._missed = 0
        self._notifier: Any = None  # made in the loop, and made again after a failure
        self._logged_errors = _LoggedErrors()
        self._shown: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._pictures: OrderedDict[str, int] = OrderedDict()  # their sizes
        self._pictures_in = Path()
        self._waiting_pictures = 0
        self._waiting: asyncio.Queue[Toast | None] = asyncio.Queue()  # made again in the loop
        self._loop = LoopThread("gntp-desktop", self._running)

    # -- The receiver's side ---------------------------------------------------------------------

    def start(self) -> None:
        """Find the desktop's service.

        Raises:
            OSError: If there is none.
        """
        self._loop.start()

    def close(self) -> None:
        """Show the toasts that wait, and end; toasts stay. Closing twice, or before the start, is harmless."""
        self._loop.stop()

    def report_failures(self, to: Callable[[Exception], None]) -> None:
        """Call ``to`` with each failure from now on, in the display's thread."""
        self._report = to

    def mute_by(self, mute: Mute) -> None:
        """Mute incidents by ``mute`` from now on."""
        self._mute = mute

    def show(self, toast: Toast) -> None:
        """Show a toast as soon as those before it are shown; not one whose incident is muted."""
        if not toast.is_muted:
            self._loop.call(lambda: self._put(toast))

    # -- In the loop -----------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        self._waiting = asyncio.Queue(QUEUE_SIZE + 1)
        self._waiting_pictures = 0
        try:
            if not self.may_be_away:  # else the first toast looks for it, so that the start waits for nothing
                await self._find_service()
            with tempfile.TemporaryDirectory(prefix="gntp-logging-") as folder, self._logged_errors.captured():
                self._pictures_in = Path(folder)
                showing = asyncio.create_task(self._show_all())
                yield
                self._waiting.put_nowait(None)  # one place is kept free for it
                await showing
        finally:
            self._disconnect()
            self._shown.clear()
            self._pictures.clear()

    async def _find_service(self) -> None:
        try:
            await asyncio.wait_for(self._connect(), _TIMEOUT)
        except Exception as error:  # of the service or of the library
            reason = " ".join(str(error).split()) or type(error).__name__
            raise OSError(f"no notification service can be reached: {reason}") from error

    async def _show_all(self) -> None:
        """Show what comes; while there is no service, count it, and look for one from time to time."""
        away: Exception | None = None  # why there is no service
        looked = 0.0
        while True:
            pause = None if away is None else max(0.0, looked + _PAUSE - time.monotonic())
            with contextlib.suppress(asyncio.TimeoutError):
                toast = await asyncio.wait_for(self._waiting.get(), pause)
                if toast is None:
                    return
                self._waiting_pictures -= _picture_size(toast)
                if away is None:
                    away, looked = await self._attempt(toast), time.monotonic()
                if away is not None:
                    self._missed += 1
                    self.failures += 1
                    self._report(away)
            is_due = away is None or time.monotonic() >= looked + _PAUSE
            if self._missed and self._waiting.empty() and is_due:
                missed, looked = self._missed, time.monotonic()
                away = await self._attempt(_digest(missed))
                self._missed -= 0 if away else missed

    def _put(self, toast: Toast) -> None:
        if self._waiting.qsize() >= QUEUE_SIZE:
            self._missed += 1
            return
        kept = dataclasses.replace(toast, title=cut(toast.title, MAX_TEXT), text=cut(toast.text, MAX_TEXT), headers={})
        if self._waiting_pictures + _picture_size(kept) > MAX_WAITING_PICTURES:
            kept = dataclasses.replace(kept, icon=None)
        self._waiting_pictures += _picture_size(kept)
        self._waiting.put_nowait(kept)

    async def _connect(self) -> None:
        """Find the service; the library would only do so with the first toast."""
        self._notifier = DesktopNotifier(app_name="gntp-logging", app_icon=None)
        await self._notifier.get_capabilities()

    def _disconnect(self) -> None:
        """Close the connection to the service; the library has no function for that."""
        notifier, self._notifier = self._notifier, None
        bus = getattr(getattr(notifier, "_backend", None), "bus", None)  # on Linux only
        if bus is not None:
            with contextlib.suppress(Exception):  # it may have ended already
                bus.disconnect()

    async def _attempt(self, toast: Toast) -> Exception | None:
        """Show a toast; return why the service has not taken it."""
        try:
            await asyncio.wait_for(self._send(toast), _TIMEOUT)
        except Exception as error:  # noqa: BLE001 - the service's, or the library's: the next toast connects again
            self._disconnect()
            return error
        return None

    async def _send(self, toast: Toast) -> None:
        self._logged_errors.forget()  # those of a toast that took too long: its failure was reported
        if self._notifier is None:
            await self._connect()
        key = (toast.application, toast.coalescing_id)
        if toast.coalescing_id and key in self._shown:
            with contextlib.suppress(KeyError):  # the user has closed it
                await self._notifier.clear(self._shown.pop(key))
        id_ = await self._notifier.send(
            title=harmless(_title(toast)),
            message=_body(toast.text),
            urgency=_URGENCIES[toast.priority],
            icon=self._icon(toast.icon),
            timeout=0 if toast.sticky else -1,
            # The library keeps these functions while the toast is shown, so they hold nothing else of it.
            on_clicked=functools.partial(_clicked, toast.react, self._address(toast)),
            buttons=self._buttons(toast),
            on_dismissed=functools.partial(toast.react, Reaction.CLOSED),
        )
        self._logged_errors.raise_last()
        if toast.coalescing_id:
            self._shown[key] = id_
            while len(self._shown) > MAX_REMEMBERED:
                self._shown.popitem(last=False)

    def _address(self, toast: Toast) -> str:
        """Return what a click opens: the toast's URL, else its place on the page."""
        if is_web_url(toast.callback_url):
            return toast.callback_url
        return self.page.address_of(toast.number) if self.page is not None and toast.number else ""

    def _buttons(self, toast: Toast) -> list[Button]:
        if not toast.incident:
            return []
        mute = functools.partial(self._mute_until, toast.application, toast.incident)
        return [
            Button("Mute for an hour", functools.partial(mute, lambda now: now + HOUR)),
            Button("Mute until tomorrow", functools.partial(mute, tomorrow)),
        ]

    def _mute_until(self, application: str, incident: str, end: Callable[[float], float]) -> None:
        self._mute(Muted(application, incident, end(time.time())))

    def _icon(self, icon: str | Resource | None) -> Icon | None:
        """Write a picture to a file, because services take files; a picture that is only a URL is left out."""
        if not isinstance(icon, Resource) or icon.data is None:
            return None
        name = icon.unique_id() or ""
        path = self._file(name)
        if name not in self._pictures:
            path.write_bytes(icon.data)
            self._pictures[name] = len(icon.data)
            while len(self._pictures) > MAX_REMEMBERED or sum(self._pictures.values()) > MAX_FILES:
                oldest, _ = self._pictures.popitem(last=False)
                self._file(oldest).unlink(missing_ok=True)
        return Icon(path=path)

    def _file(self, name: str) -> Path:
        return self._pictures_in / f"{name}.png"  # services look at the bytes, some at the extension first


def _digest(missed: int) -> Toast:
    """Return the toast that stands for those that were not shown."""
    title = "1 more alert" if missed == 1 else f"{missed:,} more alerts"
    return Toast("gntp-logging", "", title, "Too fast to be shown, or logged while the desktop showed nothing.")


class _LoggedErrors(logging.Handler):
    """Captures the errors that desktop-notifier logs instead of raising: why a toast could not be sent."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._error: Exception | None = None
        self._thread = 0

    @contextlib.contextmanager
    def captured(self) -> Iterator[None]:
        """Capture what is logged in this thread; other displays have threads of their own."""
        logger = logging.getLogger("desktop_notifier")
        self._thread = threading.get_ident()
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)
            self.forget()  # an error keeps all frames of its traceback

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if threading.get_ident() == self._thread and isinstance(error, Exception):
            self._error = error

    def forget(self) -> None:
        """Forget what was logged before."""
        self._error = None

    def raise_last(self) -> None:
        """Raise the last error that was logged since the last call, if there is one."""
        error, self._error = self._error, None
        if error is not None:
            raise error


def harmless(text: str) -> str:
    """Make an untrusted text safe for the desktop's service.

    Returns:
        The text, cut to :data:`MAX_TEXT` characters, with control characters and direction overrides in visible form.
    """
    return sanitize_for_terminal(cut(text, MAX_TEXT))


def _body(text: str) -> str:
    """Return a text as the service's body. On Linux that is markup; services that show no markup remove it."""
    return html.escape(harmless(text), quote=False) if sys.platform.startswith("linux") else harmless(text)


def _title(toast: Toast) -> str:
    """Return the title, with the application before it unless the title names it."""
    line = " ".join(toast.title.split()) or "(no title)"
    return line if toast.application in line else f"{toast.application}: {line}"


def _picture_size(toast: Toast) -> int:
    return len(toast.icon.data or b"") if isinstance(toast.icon, Resource) else 0


def _clicked(react: React, url: str) -> None:
    react(Reaction.CLICKED)
    if url:
        # Starting a browser may take seconds: the loop must not wait for it.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
