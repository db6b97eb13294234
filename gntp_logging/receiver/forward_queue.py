"""The messages that wait for a hub's subscribers, bounded in bytes.

If the room is short, pictures that wait are dropped first; if that is not enough, the new message is dropped. A message
that waits for several subscribers is one object, and counts once.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias

from gntp_logging.gntp.models import Resource
from gntp_logging.gntp.requests import ExtraHeaders, NotifyRequest, RegisterRequest

from .registry import Registration

Forwardable: TypeAlias = "RegisterRequest | NotifyRequest"

_OVERHEAD: Final = 3000
"""Bytes of a message without its texts and pictures (measured, and rounded up)."""


@dataclass(frozen=True)
class Message:
    """A message on its way through the hub.

    Attributes:
        request: The message as it came.
        came_by: Cipher with which it came; None for clear text.
        registered: The registration of its application, for subscribers that do not know it yet.
    """

    request: Forwardable
    came_by: str | None
    registered: Registration

    @property
    def registration(self) -> RegisterRequest:
        """What its application has registered, with identifiers in the place of pictures."""
        return self.registered.request

    @property
    def registered_by(self) -> str | None:
        """Cipher with which the registration came; None for clear text."""
        return self.registered.came_by

    @functools.cached_property
    def without_pictures(self) -> Message:
        """The same message without pictures; itself, if it has none."""
        request = without_pictures(self.request)
        return self if request is self.request else replace(self, request=request)

    @functools.cached_property
    def parts(self) -> dict[int, int]:
        """Bytes of each object that it keeps in memory, by the object's id."""
        sizes = {id(self.request): _OVERHEAD + text_size(self.request), id(self.registered): self.registered.size}
        return {**sizes, **{id(picture): len(picture.data or b"") for picture in pictures(self.request)}}


def _values(request: Forwardable) -> Iterator[object]:
    return (value for block in request.blocks() for _, value in block)


def pictures(request: Forwardable) -> Iterator[Resource]:
    """Yield the pictures of a request that are bytes."""
    return (value for value in _values(request) if isinstance(value, Resource) and value.data is not None)


def text_size(request: Forwardable) -> int:
    """Return how many bytes the texts of a request take."""
    texts = (text for block in request.blocks() for header in block for text in header if isinstance(text, str))
    return sum(map(sys.getsizeof, texts))


def without_pictures(request: Forwardable) -> Forwardable:
    """Return a request without its pictures; itself, if it has none."""
    if next(pictures(request), None) is None:
        return request
    custom, app_specific = _texts(request.custom_headers), _texts(request.app_specific_headers)
    if isinstance(request, NotifyRequest):
        shown = replace(request.notification, icon=_bare(request.notification.icon))
        return replace(request, notification=shown, custom_headers=custom, app_specific_headers=app_specific)
    return replace(
        request,
        app_icon=_bare(request.app_icon),
        events=[replace(event, icon=_bare(event.icon)) for event in request.events],
        custom_headers=custom,
        app_specific_headers=app_specific,
    )


def _bare(icon: str | Resource | None) -> str | Resource | None:
    return None if isinstance(icon, Resource) and icon.data is not None else icon


def _texts(headers: ExtraHeaders | None) -> ExtraHeaders | None:
    return headers and [(name, value) for name, value in headers if not isinstance(value, Resource)]


class Sized(Protocol):
    """Something that takes room."""

    @property
    def parts(self) -> Mapping[int, int]:
        """Bytes of each object that it keeps in memory, by the object's id."""


class Room:
    """Room for messages, in bytes. An object that is in several of them, or is added again, counts once."""

    def __init__(self, limit: int) -> None:
        """Begin with nothing in it."""
        self.size: int = 0
        self._limit = limit
        self._uses: dict[int, int] = {}

    def fits(self, message: Sized) -> bool:
        """Tell whether there is room for a message."""
        return self.size + sum(size for id_, size in message.parts.items() if id_ not in self._uses) <= self._limit

    def add(self, message: Sized) -> None:
        """Count a message, which must be kept until it is removed."""
        for id_, size in message.parts.items():
            if id_ not in self._uses:
                self.size += size
            self._uses[id_] = self._uses.get(id_, 0) + 1

    def remove(self, message: Sized) -> None:
        """Count a message no longer."""
        for id_, size in message.parts.items():
            self._uses[id_] -= 1
            if not self._uses[id_]:
                del self._uses[id_]
                self.size -= size


class Shared:
    """What the queues of one hub share: a lock, the room for all, and the room for what is sent now."""

    def __init__(self, limit: int, sending: int) -> None:
        """Begin without queues.

        Args:
            limit: Bytes of all messages that wait.
            sending: Bytes of all messages while they are sent: each is then kept once more, encoded and encrypted.
        """
        self.lock: threading.RLock = threading.RLock()
        self.room: Room = Room(limit)
        self.queues: list[ForwardQueue] = []
        self._sending_limit = sending
        self._sending = 0
        self._sent = threading.Condition()

    def by_size(self) -> list[ForwardQueue]:
        """Return the queues, the largest first."""
        return sorted(self.queues, key=lambda queue: queue.size, reverse=True)

    @contextmanager
    def sending(self, request: Forwardable, timeout: float) -> Iterator[bool]:
        """Take room for a request while it is sent. A single request always fits, however large it is.

        Args:
            timeout: Seconds to wait for the room.

        Yields:
            Whether there is room.
        """
        size = 2 * (text_size(request) + sum(len(picture.data or b"") for picture in pictures(request)))
        with self._sent:
            fits = self._sent.wait_for(
                lambda: not self._sending or self._sending + size <= self._sending_limit, timeout
            )
            self._sending += size if fits else 0
        try:
            yield fits
        finally:
            with self._sent:
                self._sending -= size if fits else 0
                self._sent.notify_all()


class ForwardQueue:
    """The messages that wait for one subscriber, and the one that is sent to it. Any thread may call it."""

    def __init__(self, shared: Shared, most: int, most_bytes: int) -> None:
        """Begin empty.

        Args:
            most: How many messages may wait.
            most_bytes: How many bytes they and the one that is sent may have.
        """
        self._shared = shared
        self._most = most
        self._own = Room(most_bytes)
        self._waiting: deque[Message] = deque()
        self._sent_now: Message | None = None
        self._is_closed = False
        self._changed = threading.Condition(shared.lock)
        with shared.lock:
            shared.queues.append(self)

    def put(self, message: Message) -> bool:
        """Add a message. If the room is short, pictures that wait are dropped, the oldest first.

        Returns:
            False if there is no room for it, even so.
        """
        with self._changed:
            if self._is_closed or len(self._waiting) >= self._most:
                return False
            while not self._fits(message) and self.drop_picture():
                pass
            if not self._fits(message):
                message = message.without_pictures
            while not self._fits(message) and any(queue.drop_picture() for queue in self._shared.by_size()):
                pass
            if not self._fits(message):
                return False
            self._add(message)
            self._waiting.append(message)
            self._changed.notify()
            return True

    def take(self) -> Message | None:
        """Wait for the next message, which counts until the one after it is taken.

        Returns:
            The message; None once the queue is closed.
        """
        with self._changed:
            self._done()
            while not (self._waiting or self._is_closed):
                self._changed.wait()
            if self._is_closed:
                return None
            self._sent_now = self._waiting.popleft()
            return self._sent_now

    @property
    def size(self) -> int:
        """Bytes of what waits and of what is sent."""
        return self._own.size

    def drop_picture(self) -> bool:
        """Drop the pictures of the oldest message that waits with some; return whether there was one."""
        for place, message in enumerate(self._waiting):
            bare = message.without_pictures
            if bare is not message:
                self._remove([message])
                self._add(bare)
                self._waiting[place] = bare
                return True
        return False

    def close(self) -> int:
        """Drop the messages that wait, and wake the thread that waits for one. Closing twice is harmless.

        Returns:
            How many messages were dropped.
        """
        with self._changed:
            dropped = len(self._waiting)
            self._is_closed = True
            self._remove(self._waiting)
            self._waiting.clear()
            if self in self._shared.queues:
                self._shared.queues.remove(self)
            self._changed.notify()
            return dropped

    def _done(self) -> None:
        if self._sent_now is not None:
            self._remove([self._sent_now])
            self._sent_now = None

    def _fits(self, message: Message) -> bool:
        return self._own.fits(message) and self._shared.room.fits(message)

    def _add(self, message: Message) -> None:
        for room in (self._own, self._shared.room):
            room.add(message)

    def _remove(self, messages: Iterable[Message]) -> None:
        for message in messages:
            for room in (self._own, self._shared.room):
                room.remove(message)
