"""How much of a request is kept: names, texts and headers are cut once, before they are remembered, shown or handed on.

Pure. A second cut changes nothing, so that a name is the same wherever it is compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gntp_logging.gntp.models import Event, Resource, SocketCallback, URLCallback
from gntp_logging.gntp.requests import ExtraHeaders, NotifyRequest, RegisterRequest, Request

MAX_NAME: Final = 256
"""Characters of the name of an application, a type or a header."""

MAX_ID: Final = 512
"""Characters of an id, and of the URL of a picture."""

MAX_LINK: Final = 8192
"""Characters of the URL that a click opens; dashboards make long ones."""

MAX_TEXT: Final = 65_536
"""Characters of a title, a text or another header's value: as many as ``gntp-logging send`` sends."""

MAX_HEADERS: Final = 262_144
"""Characters of the values of all headers of one request together."""


def cut(text: str, size: int) -> str:
    """Return a text; one of more than ``size`` characters is cut to that length, and ends with an ellipsis."""
    return text if len(text) <= size else text[: size - 1] + "…"


def cut_request(request: Request) -> Request:
    """Return a request with its names, texts and headers cut, and without URLs that are too long."""
    if isinstance(request, RegisterRequest):
        return cut_registration(request)
    return cut_notification(request) if isinstance(request, NotifyRequest) else request


def cut_registration(request: RegisterRequest) -> RegisterRequest:
    """Return a registration with its names and headers cut, and without URLs of pictures that are too long."""
    return replace(
        request,
        app_name=cut(request.app_name, MAX_NAME),
        app_icon=_icon(request.app_icon),
        events=tuple(map(_cut_event, request.events)),
        custom_headers=_cut_extra(request.custom_headers),
        app_specific_headers=_cut_extra(request.app_specific_headers),
    )


def cut_notification(request: NotifyRequest) -> NotifyRequest:
    """Return a notification with its names, texts and headers cut, and without URLs that are too long."""
    shown = request.notification
    return replace(
        request,
        app_name=cut(request.app_name, MAX_NAME),
        notification=replace(
            shown,
            name=cut(shown.name, MAX_NAME),
            title=cut(shown.title, MAX_TEXT),
            text=cut(shown.text, MAX_TEXT),
            id_=shown.id_ and cut(shown.id_, MAX_ID),
            icon=_icon(shown.icon),
            coalescing_id=shown.coalescing_id and _cut_coalescing_id(shown.coalescing_id),
            callback=_callback(shown.callback),
        ),
        custom_headers=_cut_extra(request.custom_headers),
        app_specific_headers=_cut_extra(request.app_specific_headers),
    )


def cut_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request, each cut to :data:`MAX_TEXT`, all together to :data:`MAX_HEADERS`."""
    room = MAX_HEADERS
    kept = {}
    for name, value in headers.items():
        shorter = kept[cut(name, MAX_NAME)] = cut(value, max(1, min(MAX_TEXT, room)))
        room -= len(shorter)
    return kept


def _cut_extra(headers: ExtraHeaders | None) -> ExtraHeaders | None:
    """Cut X- or Data- headers as :func:`cut_headers` does; pictures among them stay whole."""
    if headers is None:
        return None
    texts = cut_headers({name: value for name, value in headers if isinstance(value, str)})
    kept: dict[str, object] = {}
    for name, value in headers:
        shorter = cut(name, MAX_NAME)
        kept[shorter] = texts[shorter] if isinstance(value, str) else value
    return tuple(kept.items())


def _cut_coalescing_id(id_: str) -> str:
    """Return an id; one that is too long is cut, and ends with its hash: else one toast could replace another."""
    if len(id_) <= MAX_ID:
        return id_
    end = hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return cut(id_, MAX_ID - len(end)) + end


def _cut_event(event: Event) -> Event:
    display_name = event.display_name and cut(event.display_name, MAX_NAME)
    return Event(cut(event.name, MAX_NAME), display_name, event.enabled, _icon(event.icon))


def _icon(icon: str | Resource | None) -> str | Resource | None:
    url = icon.url if isinstance(icon, Resource) else icon
    return icon if url is None or len(url) <= MAX_ID else None


def _callback(callback: SocketCallback | URLCallback | None) -> SocketCallback | URLCallback | None:
    if isinstance(callback, URLCallback):
        return callback if len(callback.url) <= MAX_LINK else None
    if callback is None:
        return None
    return replace(callback, context=cut(callback.context, MAX_TEXT), context_type=cut(callback.context_type, MAX_ID))
