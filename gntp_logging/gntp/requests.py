"""The vocabulary of GNTP: requests and responses, and their header blocks.

A request returns its header blocks (``blocks()``) and is made from them (``from_blocks()``);
:mod:`~gntp_logging.gntp.wire` makes bytes of the blocks, and blocks of bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from .constants import (
    DEFAULT_PORT,
    LINE_DELIMITER,
    MESSAGE_DELIMITER,
    RESPONSE_CALLBACK,
    RESPONSE_ERROR,
    RESPONSE_OK,
    safe_int_conversion,
)
from .exceptions import (
    GNTPProtocolError,
    GNTPValidationError,
)
from .headers import (
    RECEIVED,
    format_boolean,
    parse_block,
    parse_boolean,
    parse_information_line,
    required,
    safe_value,
)
from .models import Event, Notification, Received, Resource, SocketCallback, URLCallback
from .models import Response as Response  # noqa: PLC0414 - a documented path

HeaderValue: TypeAlias = "str | Resource"
Block: TypeAlias = "list[tuple[str, HeaderValue]]"
ExtraHeaders: TypeAlias = "Sequence[tuple[str, object]]"
ReadBlock: TypeAlias = "Mapping[str, HeaderValue]"

_MAX_RESPONSE_HEADERS = 256
"""More headers than any server sends; a response is read whole before it is parsed."""


@dataclass(frozen=True)
class RegisterRequest:
    """REGISTER: announces an application and the types of its notifications.

    Attributes:
        app_name: The application's name.
        app_icon: The application's picture: a URL or a Resource.
        events: The notification types; this list replaces the one registered before.
        custom_headers: ``X-`` headers as (name, value); the prefix may be left out.
        app_specific_headers: ``Data-`` headers as (name, value); the prefix may be left out.
        received: ``Received`` headers of the hubs that have forwarded it, the last one's first.
    """

    message_type: ClassVar[str] = "REGISTER"

    app_name: str
    app_icon: str | Resource | None
    events: Sequence[Event]
    custom_headers: ExtraHeaders | None = None
    app_specific_headers: ExtraHeaders | None = None
    received: Sequence[Received] = ()

    def __post_init__(self) -> None:
        """Give events and headers the form that they have when they are read."""
        object.__setattr__(self, "events", tuple(self.events))
        object.__setattr__(self, "received", tuple(self.received))
        _take_extra_headers(self)

    def blocks(self) -> list[Block]:
        """Return the header blocks: the application's, then one for each type.

        Raises:
            GNTPValidationError: If a value cannot be sent; the error names its header.
        """
        first: Block = [("Application-Name", self.app_name)]
        _add(first, "Application-Icon", _icon(self.app_icon))
        first.append(("Notifications-Count", str(len(self.events))))
        first += _extra_headers(self.custom_headers, self.app_specific_headers)
        first += _hops(self.received)
        return [_checked(first), *(_checked(_event_block(event)) for event in self.events)]

    @classmethod
    def from_blocks(cls, blocks: Sequence[ReadBlock]) -> RegisterRequest:
        """Make the request from what was read.

        Args:
            blocks: The application's headers, then those of each type.

        Raises:
            GNTPProtocolError: If a required header is missing (303).
        """
        first, *types = blocks
        custom, app_specific = _split_extra_headers(first)
        return cls(
            app_name=required(_texts(first), "Application-Name"),
            app_icon=first.get("Application-Icon") or None,
            events=tuple(_event_from_block(block) for block in types),
            custom_headers=custom,
            app_specific_headers=app_specific,
            received=_received(first),
        )


@dataclass(frozen=True)
class NotifyRequest:
    """NOTIFY: shows one notification.

    Attributes:
        app_name: Name of an application that was registered.
        notification: What to show.
        custom_headers: ``X-`` headers as (name, value); the prefix may be left out.
        app_specific_headers: ``Data-`` headers as (name, value); the prefix may be left out.
        received: ``Received`` headers of the hubs that have forwarded it, the last one's first.
    """

    message_type: ClassVar[str] = "NOTIFY"

    app_name: str
    notification: Notification
    custom_headers: ExtraHeaders | None = None
    app_specific_headers: ExtraHeaders | None = None
    received: Sequence[Received] = ()

    def __post_init__(self) -> None:
        """Give headers the form that they have when they are read."""
        object.__setattr__(self, "received", tuple(self.received))
        _take_extra_headers(self)

    def blocks(self) -> list[Block]:
        """Return the one header block.

        Raises:
            GNTPValidationError: If a value cannot be sent; the error names its header.
        """
        shown = self.notification
        block: Block = [("Application-Name", self.app_name), ("Notification-Name", shown.name)]
        _add(block, "Notification-ID", shown.id_)
        block.append(("Notification-Title", shown.title))
        # Always there, even empty: growl-for-linux answers -ERROR to a NOTIFY without it.
        block.append(("Notification-Text", shown.text))
        block.append(("Notification-Sticky", format_boolean(shown.sticky)))
        block.append(("Notification-Priority", _integer("Notification-Priority", shown.priority, -2, 2)))
        _add(block, "Notification-Icon", _icon(shown.icon))
        _add(block, "Notification-Coalescing-ID", shown.coalescing_id)
        if isinstance(shown.callback, URLCallback):
            block.append(("Notification-Callback-Target", shown.callback.url))
        elif isinstance(shown.callback, SocketCallback):
            block.append(("Notification-Callback-Context", shown.callback.context))
            block.append(("Notification-Callback-Context-Type", shown.callback.context_type))
        elif shown.callback is not None:
            raise GNTPValidationError(
                f"Notification-Callback-Context must come from a SocketCallback, not {type(shown.callback).__name__}"
            )
        return [_checked(block + _extra_headers(self.custom_headers, self.app_specific_headers) + _hops(self.received))]

    @classmethod
    def from_blocks(cls, blocks: Sequence[ReadBlock]) -> NotifyRequest:
        """Make the request from what was read.

        Args:
            blocks: Its one header block.

        Raises:
            GNTPProtocolError: If a required header is missing (303).
        """
        (block,) = blocks
        texts = _texts(block)
        custom, app_specific = _split_extra_headers(block)
        notification = Notification(
            name=required(texts, "Notification-Name"),
            title=required(texts, "Notification-Title"),
            text=texts.get("Notification-Text", ""),
            id_=texts.get("Notification-ID") or None,
            sticky=parse_boolean(texts.get("Notification-Sticky", "")),
            priority=_priority(texts.get("Notification-Priority", "")),
            icon=block.get("Notification-Icon") or None,
            coalescing_id=texts.get("Notification-Coalescing-ID") or None,
            callback=_callback_from_headers(texts),
        )
        return cls(required(texts, "Application-Name"), notification, custom, app_specific, _received(block))


@dataclass(frozen=True)
class SubscribeRequest:
    """SUBSCRIBE: asks a hub to forward the notifications that it receives.

    Attributes:
        id_: Unique id of the subscriber.
        name: Name that the hub shows.
        port: TCP port on which the subscriber listens.
        custom_headers: ``X-`` headers as (name, value); the prefix may be left out.
        app_specific_headers: ``Data-`` headers as (name, value); the prefix may be left out.
    """

    message_type: ClassVar[str] = "SUBSCRIBE"

    id_: str
    name: str
    port: int
    custom_headers: ExtraHeaders | None = None
    app_specific_headers: ExtraHeaders | None = None

    def __post_init__(self) -> None:
        """Give headers the form that they have when they are read."""
        _take_extra_headers(self)

    def blocks(self) -> list[Block]:
        """Return the one header block.

        Raises:
            GNTPValidationError: If a value cannot be sent; the error names its header.
        """
        block: Block = [
            ("Subscriber-ID", self.id_),
            ("Subscriber-Name", self.name),
            ("Subscriber-Port", _integer("Subscriber-Port", self.port, 1, 65535)),
        ]
        return [_checked(block + _extra_headers(self.custom_headers, self.app_specific_headers))]

    @classmethod
    def from_blocks(cls, blocks: Sequence[ReadBlock]) -> SubscribeRequest:
        """Make the request from what was read.

        Args:
            blocks: Its one header block.

        Raises:
            GNTPProtocolError: If a required header is missing (303), or the port is not valid (300).
        """
        (block,) = blocks
        texts = _texts(block)
        custom, app_specific = _split_extra_headers(block)
        port = safe_int_conversion(texts.get("Subscriber-Port") or DEFAULT_PORT)
        if not 0 < port < 65536:
            raise GNTPProtocolError("Subscriber-Port is no port; allowed: 1 to 65535")
        return cls(required(texts, "Subscriber-ID"), required(texts, "Subscriber-Name"), port, custom, app_specific)


Request: TypeAlias = "RegisterRequest | NotifyRequest | SubscribeRequest"

REQUEST_TYPES: Mapping[str, type[RegisterRequest | NotifyRequest | SubscribeRequest]] = {
    request_type.message_type: request_type for request_type in (RegisterRequest, NotifyRequest, SubscribeRequest)
}
RESPONSE_TYPES = frozenset({RESPONSE_OK, RESPONSE_ERROR, RESPONSE_CALLBACK})


def parse_response(message: bytes, expected_type: str | None = None) -> Response:
    """Parse one whole response in clear text.

    Args:
        expected_type: The type it must have; None takes any but -ERROR.

    Returns:
        The response.

    Raises:
        GNTPResponseError: If it is an -ERROR, unless that is the expected type.
        GNTPProtocolError: If the bytes are not a response, or one of another type.
    """
    head, delimiter, _ = message.partition(MESSAGE_DELIMITER)
    line, _, block = head.partition(LINE_DELIMITER)
    information = parse_information_line(line, response=True)
    if not delimiter or information.message_type not in RESPONSE_TYPES:
        raise GNTPProtocolError("not a whole GNTP response")
    response = Response(information.message_type, parse_block(block, _MAX_RESPONSE_HEADERS))
    check_type(response, expected_type)
    return response


def check_type(response: Response, expected_type: str | None) -> None:
    """Check that a response has the type that the caller expects.

    Args:
        expected_type: The type it must have; None takes any but -ERROR.

    Raises:
        GNTPResponseError: If it is an -ERROR, unless that is the expected type.
        GNTPProtocolError: If it has another type.
    """
    if response.message_type == expected_type:
        return
    response.raise_for_error()
    if expected_type is not None:
        raise GNTPProtocolError(f"expected a response of type {expected_type}, not {response.message_type}")


# -- Headers of requests -------------------------------------------------------------------------


def _add(block: Block, name: str, value: HeaderValue | None) -> None:
    if value is not None:
        block.append((name, value))


def _icon(icon: str | Resource | None) -> HeaderValue | None:
    if isinstance(icon, Resource) and icon.url is not None:
        return icon.url
    return icon


_NEEDED = frozenset({
    "Application-Name", "Notification-Name", "Notification-Title", "Subscriber-ID", "Subscriber-Name",
})  # fmt: skip
"""Headers whose blank value servers treat as missing (303)."""

_ICONS = frozenset({"Application-Icon", "Notification-Icon"})


def may_point(name: str) -> bool:
    """Tell whether a header's value may be a binary ("Binary data"): a picture, or the program's own."""
    return name in _ICONS or name.startswith(("X-", "Data-"))


def _checked(block: Block) -> Block:
    """Refuse values that no server takes."""
    for name, value in block:
        _check(name, value)
    return block


def _check(name: str, value: object) -> None:
    # Errors name the type of a value. Its repr is the caller's: it may fail, or hold a secret.
    if isinstance(value, Resource) and may_point(name):
        content: object = value.data if value.url is None else value.url
        if not isinstance(content, bytes if value.url is None else str):
            raise GNTPValidationError(f"{name} is a Resource of {type(content).__name__}; allowed are bytes, or a url")
    elif not isinstance(value, str):
        allowed = "a URL or a Resource" if name in _ICONS else "a string"
        raise GNTPValidationError(f"{name} must be {allowed}, not {type(value).__name__}")
    elif name in _NEEDED and not safe_value(value):
        raise GNTPValidationError(f"{name} must not be blank")


def _integer(name: str, value: object, low: int, high: int) -> str:
    """Return a number as a header holds it.

    Raises:
        GNTPValidationError: If it is not an integer, or out of range.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise GNTPValidationError(f"{name} must be an integer from {low} to {high}")
    return str(int(value))  # an IntEnum's own str is its name before Python 3.11


def _event_block(event: Event) -> Block:
    if not isinstance(event, Event):
        raise GNTPValidationError(f"Notification-Name must come from an Event, not {type(event).__name__}")
    block: Block = [("Notification-Name", event.name)]
    _add(block, "Notification-Display-Name", event.display_name)
    block.append(("Notification-Enabled", format_boolean(event.enabled)))
    _add(block, "Notification-Icon", _icon(event.icon))
    return block


def _event_from_block(block: ReadBlock) -> Event:
    texts = _texts(block)
    return Event(
        name=required(texts, "Notification-Name"),
        display_name=texts.get("Notification-Display-Name") or None,
        enabled=parse_boolean(texts.get("Notification-Enabled", "")),
        icon=block.get("Notification-Icon") or None,
    )


def _callback_from_headers(texts: Mapping[str, str]) -> SocketCallback | URLCallback | None:
    if target := texts.get("Notification-Callback-Target"):
        return URLCallback(target)
    if context := texts.get("Notification-Callback-Context"):
        return SocketCallback(context, texts.get("Notification-Callback-Context-Type", ""))
    return None


def _priority(text: str) -> int:
    """Read a priority as Growl for Windows does: anything outside -2 to 2 is normal."""
    priority = safe_int_conversion(text)
    return priority if -2 <= priority <= 2 else 0


def _hops(received: Iterable[Received]) -> Block:
    return [(RECEIVED, str(hop)) for hop in received]


def _received(block: ReadBlock) -> tuple[Received, ...]:
    """Return the hops; a value that describes none cannot have come from a hub, and is skipped."""
    hops = map(Received.parse, _texts(block).get(RECEIVED, "").split("\n"))
    return tuple(hop for hop in hops if hop is not None)


def _texts(block: ReadBlock) -> dict[str, str]:
    return {name: value for name, value in block.items() if isinstance(value, str)}


# -- X- and Data- headers ------------------------------------------------------------------------


def _take_extra_headers(request: RegisterRequest | NotifyRequest | SubscribeRequest) -> None:
    """Give a new request's X- and Data- headers the form that they have when they are read.

    So a request equals the one that arrives, and a header that cannot be sent is refused when the request is made.

    Raises:
        GNTPValidationError: If a name is not a string, or occurs twice.
    """
    for name, prefix in (("custom_headers", "X-"), ("app_specific_headers", "Data-")):
        headers: ExtraHeaders | None = getattr(request, name)
        if headers is not None:
            object.__setattr__(request, name, tuple(_prefixed(prefix, headers)) or None)


def _extra_headers(custom: ExtraHeaders | None, app_specific: ExtraHeaders | None) -> Block:
    if custom is None and app_specific is None:
        return []
    return [*_prefixed("X-", custom or ()), *_prefixed("Data-", app_specific or ())]


def _prefixed(prefix: str, headers: Iterable[tuple[str, object]]) -> Block:
    block: dict[str, HeaderValue] = {}
    for name, value in headers:
        if not isinstance(name, str):
            raise GNTPValidationError(f"a header's name is a string, not {name!r}")
        # Servers compare names with their case: with a prefix in another case, the header would be unknown.
        bare = name[len(prefix) :] if name.lower().startswith(prefix.lower()) else name
        if prefix + bare in block:  # Growl for Windows answers 300
            raise GNTPValidationError(f"the header {prefix + bare!r} is there twice")
        block[prefix + bare] = value if isinstance(value, Resource) else str(value)
    return list(block.items())


def _split_extra_headers(block: ReadBlock) -> tuple[tuple[tuple[str, object], ...] | None, ...]:
    """Return the X- headers and the Data- headers of a block, each None when there are none."""
    return tuple(
        tuple((name, value) for name, value in block.items() if name.startswith(prefix)) or None
        for prefix in ("X-", "Data-")
    )
