"""What a server knows of its clients: applications and their notification types. Pure.

What arrives as a request leaves as a :class:`Toast`, or as the error to answer with.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from gntp_logging.gntp.constants import ErrorCode
from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.models import Event, Resource, URLCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.gntp.wire import Envelope

from .cuts import MAX_NAME, cut, cut_headers, cut_notification, cut_registration
from .reactions import React, ignore

_NO_ENVELOPE: Final = Envelope(hash_id=None, cipher_id=None, headers={})

MAX_PICTURES: Final = 2 * 1024 * 1024
"""Bytes of the pictures of all applications together; the pictures that were used last stay."""

MAX_REGISTRATIONS: Final = 5 * 1024 * 1024
"""Bytes of the names of all applications and types together; the applications that were heard of last stay.

The largest registration has 1,024 types with names of 256 characters and URLs of 512, at four bytes each: it fits.
"""

MAX_APPLICATIONS: Final = 1000
"""Applications that are remembered; the one not heard of for the longest time is forgotten, and gets a 401."""

_EVENT_SIZE: Final = 700
"""Bytes of one notification type without its texts (measured on Python 3.10 to 3.13, and rounded up)."""

_PICTURE_SIZE: Final = 600
"""Bytes of one picture that is kept, without its own (measured likewise): some pictures are a few bytes."""


class Source(NamedTuple):
    """What one Notification-Coalescing-ID has reported of a toast, in numbers.

    Attributes:
        key: A hash of the id, its application, and whether it came with a key.
        records: Records that it stands for; the greatest number so far.
        process: A hash of the process.
        machine: A hash of its machine.
        is_relays: Whether it is a relay's, which has counted for all hosts.
        is_only: Whether nothing else has reported of the toast since it was opened.
    """

    key: bytes
    records: int
    process: int
    machine: int
    is_relays: bool
    is_only: bool


@dataclass(frozen=True)
class Toast:
    """One notification on its way to the displays. Texts are as the peer sent them, cut but untrusted.

    Attributes:
        application: Name of the application.
        name: Name of the notification type.
        title: Its title.
        text: Its body; may be empty.
        priority: From -2 to 2.
        sticky: Whether it stays until it is dismissed.
        id_: The sender's id; empty when there is none.
        coalescing_id: Toasts of one application with the same id replace each other; empty when there is none. What has
            joined another toast has that one's.
        callback_url: What opens on a click; empty when there is none.
        icon: Its own picture, else its type's, else the application's; None when there is none.
        headers: All headers, as sent, cut like the texts.
        encryption: Name of the cipher, or ``TLS``; empty for clear text.
        hash_: Name of the key's hash; empty without a key.
        peer: Address of the sender.
        arrived: When it came, in seconds since 1970.
        incident: What it has in common with reports of other processes, as its sender says; empty when there is none.
        total: Records that it stands for, with those that other processes have reported.
        source: Who has reported how many of them last; None if its sender does not count.
        is_muted: Whether its incident is muted: then it calls nobody.
        number: What the server knows it by, the same for all updates of one toast; 0 before it has one.
        react: Reports to the sender that the user clicked or closed the toast, or let it time out. May be called from
            any thread; the first call counts.
    """

    application: str
    name: str
    title: str
    text: str
    priority: int = 0
    sticky: bool = False
    id_: str = ""
    coalescing_id: str = ""
    callback_url: str = ""
    icon: str | Resource | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    encryption: str = ""
    hash_: str = ""
    peer: str = ""
    arrived: float = field(default_factory=time.time, compare=False)
    incident: str = ""
    total: int = 1
    source: Source | None = field(default=None, compare=False, repr=False)
    is_muted: bool = False
    number: int = field(default=0, compare=False)
    react: React = field(default=ignore, compare=False, repr=False)


@dataclass(frozen=True)
class Registration:
    """What an application has registered.

    Attributes:
        request: The request, with identifiers in the place of pictures; :meth:`Registry.with_pictures` puts them back.
        events: Its types by their names.
        came_by: Cipher with which it came; None for clear text.
        size: Bytes that it takes.
        fingerprint: Equal only for registrations with the same content.
    """

    request: RegisterRequest
    events: Mapping[str, Event]
    came_by: str | None
    size: int
    fingerprint: bytes


class _Pictures:
    """Pictures by identifier. Applications hold only identifiers, so that the memory for pictures is bounded."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Resource] = OrderedDict()
        self._size = 0

    def keep(self, icon: str | Resource | None) -> str | Resource | None:
        """Remember a picture's bytes, and return their identifier; return anything else as it is."""
        if not isinstance(icon, Resource) or icon.data is None:
            return icon
        id_ = icon.unique_id() or ""
        if id_ not in self._by_id:
            self._by_id[id_] = icon
            self._size += _picture_size(icon)
        self._by_id.move_to_end(id_)
        while self._size > MAX_PICTURES:
            _, oldest = self._by_id.popitem(last=False)
            self._size -= _picture_size(oldest)
        return _Kept(id_)

    def find(self, icon: str | Resource | None) -> str | Resource | None:
        """Return the picture of an identifier, None if it was forgotten; return anything else as it is."""
        return self._by_id.get(icon) if isinstance(icon, _Kept) else icon

    def use(self, icon: str | Resource | None) -> str | Resource | None:
        """Return what :meth:`find` returns, and keep the picture longer than those that are not used."""
        found = self.find(icon)
        if found is not icon and found is not None:
            self._by_id.move_to_end(str(icon))
        return found


def _picture_size(picture: Resource) -> int:
    return len(picture.data or b"") + _PICTURE_SIZE


class _Kept(str):
    """The identifier of a picture that is kept elsewhere."""

    __slots__ = ()


class Registry:
    """Applications by name."""

    def __init__(self) -> None:
        """Begin without any application."""
        self._applications: OrderedDict[str, Registration] = OrderedDict()
        self._size = 0
        self._pictures = _Pictures()

    def register(self, request: RegisterRequest, came_by: str | None = None) -> None:
        """Remember an application; what it registered before is replaced.

        Args:
            came_by: Cipher with which the request came; None for clear text.
        """
        request = cut_registration(request)
        keep, size = self._pictures.keep, _size(request)
        events = {event.name: replace(event, icon=keep(event.icon)) for event in request.events}
        request = RegisterRequest(request.app_name, keep(request.app_icon), list(events.values()))
        self._forget(request.app_name)
        self._applications[request.app_name] = Registration(request, events, came_by, size, _fingerprint(request))
        self._size += size
        while len(self._applications) > MAX_APPLICATIONS or self._size > MAX_REGISTRATIONS:
            self._forget(next(iter(self._applications)))

    def add(self, request: RegisterRequest, came_by: str | None = None) -> None:
        """Remember types of an application, beside those that it has registered.

        Args:
            came_by: Cipher with which the request came, if nothing is known of the application.
        """
        known = self._applications.get(cut(request.app_name, MAX_NAME))
        if known is None:
            self.register(request, came_by)
            return
        missing = [event for event in request.events if cut(event.name, MAX_NAME) not in known.events]
        if missing:
            before = self.with_pictures(known.request)
            self.register(replace(before, events=(*before.events, *missing)), known.came_by)

    def _forget(self, app_name: str) -> None:
        forgotten = self._applications.pop(app_name, None)
        if forgotten is not None:
            self._size -= forgotten.size

    def find(self, app_name: str) -> Registration:
        """Return the registration of an application.

        Raises:
            KeyError: If the application is not registered.
        """
        return self._applications[cut(app_name, MAX_NAME)]

    def registration(self, app_name: str) -> RegisterRequest:
        """Return what an application has registered.

        Returns:
            A request that registers the same.

        Raises:
            KeyError: If the application is not registered.
        """
        return self.with_pictures(self.find(app_name).request)

    def registered_by(self, app_name: str) -> str | None:
        """Return the cipher with which an application's registration came; None for clear text.

        Raises:
            KeyError: If the application is not registered.
        """
        return self.find(app_name).came_by

    def with_pictures(self, request: RegisterRequest) -> RegisterRequest:
        """Return the request of a :class:`Registration` with the pictures that are still there. Any thread may ask."""
        find = self._pictures.find
        events = tuple(replace(event, icon=find(event.icon)) for event in request.events)
        return RegisterRequest(request.app_name, find(request.app_icon), events)

    def toast(
        self, request: NotifyRequest, envelope: Envelope = _NO_ENVELOPE, *, peer: str = "", react: React = ignore
    ) -> Toast:
        """Make the whole toast of a notification.

        Args:
            envelope: How the request came; the default is in clear, without headers.
            peer: Address of the sender.
            react: Reports to the sender what the user did with the toast.

        Returns:
            The toast, with its own picture, its type's or its application's.

        Raises:
            GNTPProtocolError: With code 401 if the application is unknown, 402 if the type is, 404 if it is disabled.
        """
        request = cut_notification(request)
        shown = request.notification
        application = self._applications.get(request.app_name)
        if application is None:
            raise GNTPProtocolError("the application is not registered", ErrorCode.UNKNOWN_APPLICATION)
        self._applications.move_to_end(request.app_name)
        event = application.events.get(shown.name)
        if event is None:
            raise GNTPProtocolError("the notification type is not registered", ErrorCode.UNKNOWN_NOTIFICATION)
        if not event.enabled:
            raise GNTPProtocolError("the notification type is disabled", ErrorCode.NOTIFICATION_DISABLED)
        return Toast(
            application=request.app_name,
            name=shown.name,
            title=shown.title,
            text=shown.text,
            priority=shown.priority,
            sticky=shown.sticky,
            id_=shown.id_ or "",
            coalescing_id=shown.coalescing_id or "",
            callback_url=shown.callback.url if isinstance(shown.callback, URLCallback) else "",
            icon=shown.icon or self._pictures.use(event.icon) or self._pictures.use(application.request.app_icon),
            headers=cut_headers(envelope.headers),
            encryption=envelope.came_by or "",
            hash_=envelope.hash_id or "",
            peer=peer,
            react=react,
        )


def _size(request: RegisterRequest) -> int:
    """Return how many bytes a registration takes, without the bytes of pictures."""
    texts = [request.app_name, request.app_icon]
    for event in request.events:
        texts += event.name, event.display_name, event.icon
    own = sum(sys.getsizeof(text) for text in texts if isinstance(text, str))
    return own + _EVENT_SIZE * (len(request.events) + 1)


def _fingerprint(request: RegisterRequest) -> bytes:
    digest = hashlib.sha256()
    for block in request.blocks():
        digest.update(repr(block).encode("utf-8", "surrogatepass"))
    return digest.digest()
