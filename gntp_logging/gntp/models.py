"""What GNTP messages are made of: events, pictures, notifications, callbacks.

All are frozen: a request can be sent again, by any thread, and is still the same.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .constants import MAX_SECTION_SIZE, RESPONSE_ERROR, ErrorCode, safe_int_conversion
from .exceptions import (
    GNTPAuthenticationError,
    GNTPResourceError,
    GNTPResponseError,
    GNTPValidationError,
)


@dataclass(frozen=True)
class Resource:
    """A picture or other binary: its bytes, or the URL where the server finds it.

    Attributes:
        data: The bytes, sent in a binary section of the message.
        url: An http or https URL, sent as the header's value; this library never fetches it.
    """

    data: bytes | None = field(default=None, repr=False)
    url: str | None = None

    def __post_init__(self) -> None:
        """Check that exactly one of the two is given, and keep bytes that stay as they are."""
        if (self.data is None) == (self.url is None):
            raise GNTPValidationError("a Resource has either data or a url, exactly one of them")
        data: object = self.data
        if isinstance(data, (bytearray, memoryview)):
            object.__setattr__(self, "data", bytes(data))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Resource:
        """Read a resource from a regular file of 16 MB at most.

        Returns:
            A resource that holds the file's bytes.

        Raises:
            GNTPResourceError: If the file cannot be read, is too large, or is a folder, a pipe or a device.
        """
        name = os.fspath(path) if isinstance(path, os.PathLike) else path
        try:
            return cls(data=_file_content(os.fspath(name)))
        except (OSError, ValueError, TypeError) as error:  # ValueError: a path with a NUL; TypeError: no path at all
            reason = getattr(error, "strerror", None) or error
            raise GNTPResourceError(f"cannot read {name!r:.200}: {reason}") from error

    @classmethod
    def from_url(cls, url: str) -> Resource:
        """Refer to a resource that the server fetches itself.

        Args:
            url: An http or https URL.

        Returns:
            A resource that holds the URL.
        """
        return cls(url=url)

    def unique_id(self) -> str | None:
        """Return the identifier of the binary section.

        "Binary data": "The unique identifier should be unique to the data"; servers cache by it, so it is made
        from the content.

        Returns:
            64 hexadecimal digits; None for a URL, which has no section.
        """
        return None if self.data is None else hashlib.sha256(self.data).hexdigest()


def _file_content(path: str | bytes) -> bytes:
    """Read a regular file: a pipe may never have a writer, and a device may never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: that alone may wait, or start a device
        raise ValueError("it is a folder, a pipe or a device, not a file")
    with open(path, "rb") as file:
        data = file.read(MAX_SECTION_SIZE + 1)  # not by st_size: it is 0 in /proc, and a log grows
    if len(data) > MAX_SECTION_SIZE:
        raise ValueError(f"it has more than {MAX_SECTION_SIZE:,} bytes, which no server takes")
    return data


def is_web_url(value: str) -> bool:
    """Tell whether a text is a URL that may be opened for an untrusted peer: http or https, and nothing else."""
    return value.lower().startswith(("http://", "https://"))


@dataclass(frozen=True)
class Event:
    """A notification type that an application registers.

    Attributes:
        name: Name that notifications refer to.
        display_name: What the server's settings show; None shows the name.
        enabled: Whether the type is shown until the user decides otherwise.
        icon: Picture of this type: a URL or a Resource.
    """

    name: str
    display_name: str | None = None
    enabled: bool = True
    icon: str | Resource | None = None

    def __post_init__(self) -> None:
        """Refuse a name that no server would accept."""
        name: object = self.name
        if not isinstance(name, str) or not name.strip():
            raise GNTPValidationError("an Event needs a name that is not blank, a string")


@dataclass(frozen=True)
class Response:
    """The answer of a server.

    Attributes:
        message_type: ``-OK``, ``-ERROR`` or ``-CALLBACK``.
        headers: Values by name.
    """

    message_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def blocks(self) -> list[list[tuple[str, str | Resource]]]:
        """Return the one header block."""
        return [list(self.headers.items())]

    def raise_for_error(self) -> None:
        """Turn an -ERROR into an exception.

        Raises:
            GNTPAuthenticationError: If the code is 400.
            GNTPResponseError: If it is any other -ERROR.
        """
        if self.message_type != RESPONSE_ERROR:
            return
        code = safe_int_conversion(self.headers.get("Error-Code", ""), default=-1)
        error_type = GNTPAuthenticationError if code == ErrorCode.NOT_AUTHORIZED else GNTPResponseError
        raise error_type(code if code >= 0 else None, self.headers.get("Error-Description", ""))


@dataclass(frozen=True)
class SocketCallback:
    """Asks the server to report, on the same connection, what the user did with the notification.

    Attributes:
        context: Any text; comes back with the report.
        context_type: Type of the context; comes back with the report.
        on_click: Called with the Response when the user clicked.
        on_close: Called with the Response when the user closed the notification.
        on_timeout: Called with the Response when the notification disappeared by itself.
    """

    context: str = "None"
    context_type: str = "None"
    on_click: Callable[[Response], object] | None = field(default=None, compare=False)
    on_close: Callable[[Response], object] | None = field(default=None, compare=False)
    on_timeout: Callable[[Response], object] | None = field(default=None, compare=False)

    def __call__(self, response: Response) -> None:
        """Dispatch a -CALLBACK response to the function for its result.

        Args:
            response: The server's -CALLBACK; both spellings of the result (CLICK and CLICKED, ...) are known.
        """
        result = response.headers.get("Notification-Callback-Result", "").upper()
        handlers = {
            "CLICK": self.on_click,
            "CLICKED": self.on_click,
            "CLOSE": self.on_close,
            "CLOSED": self.on_close,
            "TIMEOUT": self.on_timeout,
            "TIMEDOUT": self.on_timeout,
        }
        handler = handlers.get(result)
        if handler is not None:
            handler(response)


@dataclass(frozen=True)
class URLCallback:
    """Asks the server to open a URL when the user clicks the notification."""

    url: str


@dataclass(frozen=True)
class Notification:
    """One notification.

    Attributes:
        name: Name of the registered event.
        title: Title; servers refuse a blank one.
        text: Body; may hold line feeds.
        id_: Unique id; comes back in callbacks.
        sticky: Whether it stays until the user dismisses it.
        priority: From -2 (very low) to 2 (emergency).
        icon: Picture of this notification: a URL or a Resource.
        coalescing_id: Notifications with the same id replace each other on the desktop.
        callback: What happens when the user reacts.
    """

    name: str
    title: str
    text: str = ""
    id_: str | None = None
    sticky: bool = False
    priority: int = 0
    icon: str | Resource | None = None
    coalescing_id: str | None = None
    callback: SocketCallback | URLCallback | None = None


@dataclass(frozen=True)
class Received:
    """One hop of a forwarded message: "From <host> by <host> [with <software>] [id <id>]; <date>".

    Blanks and semicolons inside a part become hyphens, because they separate the parts.

    Attributes:
        from_host: The machine that sent the message to the hub.
        by_host: The hub's machine.
        software: The hub's software; None when it is not given.
        id_: The hub's id for the message; None when it is not given.
        date: When the hub got it, as ``yyyy-MM-dd HH:mm:ssZ``.
    """

    from_host: str
    by_host: str
    date: str
    software: str | None = None
    id_: str | None = None

    def __post_init__(self) -> None:
        """Give the parts the form that they have when they are read."""
        for name in ("from_host", "by_host"):
            object.__setattr__(self, name, _word(getattr(self, name)) or "-")
        for name in ("software", "id_"):
            object.__setattr__(self, name, _word(getattr(self, name) or "") or None)
        object.__setattr__(self, "date", " ".join(self.date.split()) or "-")

    def __str__(self) -> str:
        """Return the header's value."""
        parts = [f"From {self.from_host} by {self.by_host}"]
        if self.software:
            parts.append(f"with {self.software}")
        if self.id_:
            parts.append(f"id {self.id_}")
        return f"{' '.join(parts)}; {self.date}"

    @classmethod
    def parse(cls, value: str) -> Received | None:
        """Read a header's value.

        Args:
            value: The text after ``Received:``.

        Returns:
            The hop; None if the value does not describe one.
        """
        match = _HOP.fullmatch(value.strip())
        return None if match is None else cls(**match.groupdict())


_HOP = re.compile(
    r"From\s+(?P<from_host>[^\s;]+)\s+by\s+(?P<by_host>[^\s;]+)"
    r"(?:\s+with\s+(?P<software>[^\s;]+))?(?:\s+id\s+(?P<id_>[^\s;]+))?\s*;\s*(?P<date>.+)",
    re.IGNORECASE,
)


def _word(text: str) -> str:
    return re.sub(r"[\s;]+", "-", text.strip())
