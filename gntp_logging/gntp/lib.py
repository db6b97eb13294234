"""The short way to use the library: publish and subscribe, as functions and as objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from .connections import GNTPClient
from .constants import DEFAULT_PORT, DEFAULT_TTL, safe_int_conversion
from .exceptions import GNTPError, GNTPValidationError
from .headers import safe_value
from .models import Event, Notification, Resource, SocketCallback, URLCallback
from .network import checked_address, host_and_port
from .renewal import Renewal
from .requests import ExtraHeaders, NotifyRequest, RegisterRequest, Request, Response, SubscribeRequest

EventDefinition: TypeAlias = "str | tuple[str, bool] | Event"
Callback: TypeAlias = "Callable[[Response], object]"
_App = TypeVar("_App", bound="BaseApp")


def publish(app_name: str, event_name: str, title: str, text: str = "", **kwargs: Any) -> None:  # the client's own
    """Register an application with one event, and show one notification.

    Args:
        **kwargs: Options of :class:`~gntp_logging.gntp.connections.GNTPClient`, such as host and password.

    Raises:
        GNTPError: If the server cannot be reached or refuses.
    """
    with Publisher(app_name, [event_name], **kwargs) as publisher:
        publisher.register()
        publisher.publish(event_name, title, text)


def subscribe(
    id_: str,
    name: str,
    hub: str | tuple[str, int],
    password: str,
    port: int = DEFAULT_PORT,
    **kwargs: Any,  # the client's own
) -> int:
    """Ask a hub to forward the notifications that it receives.

    Args:
        id_: Unique id of the subscriber.
        name: Name that the hub shows.
        hub: The hub's host, or host and port.
        password: The hub's password.
        port: TCP port on which the subscriber listens.
        **kwargs: Options of :class:`~gntp_logging.gntp.connections.GNTPClient`.

    Returns:
        Seconds until the subscription ends.

    Raises:
        GNTPError: If the hub cannot be reached or refuses.
    """
    with Subscriber(id_, name, hub, password, port, **kwargs) as subscriber:
        subscriber.subscribe()
        return subscriber.ttl


class BaseApp:
    """What publishers and subscribers share: extra headers and a client.

    Attributes:
        custom_headers: ``X-`` headers of each request.
        app_specific_headers: ``Data-`` headers of each request.
        gntp_client: The client that sends the requests.
    """

    def __init__(
        self,
        custom_headers: ExtraHeaders | None = None,
        app_specific_headers: ExtraHeaders | None = None,
        gntp_client_class: Callable[..., GNTPClient] | None = None,
        **kwargs: Any,  # what the client class takes
    ) -> None:
        """Make the client. Nothing is sent.

        Args:
            custom_headers: ``X-`` headers as (name, value).
            app_specific_headers: ``Data-`` headers as (name, value).
            gntp_client_class: Makes the client; None means GNTPClient.
            **kwargs: The client's options.
        """
        self.custom_headers = custom_headers
        self.app_specific_headers = app_specific_headers
        self.gntp_client: GNTPClient = (gntp_client_class or GNTPClient)(**kwargs)

    def close(self) -> None:
        """Close the client. Closing twice is harmless; a later request opens another connection."""
        close = getattr(self.gntp_client, "close", None)  # a client class of the caller's own may have none
        if close is not None:
            close()

    def _send(self, request: Request, callback: Callback | None, **kwargs: Any) -> None:
        self.gntp_client.process_request(request, callback, **kwargs)

    def __enter__(self: _App) -> _App:  # noqa: PYI019 - typing.Self is not in 3.10
        """Return the object."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


class Publisher(BaseApp):
    """Registers an application, and sends its notifications.

    Attributes:
        name: Name of the application.
        icon: The application's picture: a URL or a Resource.
        events: The application's events.
    """

    def __init__(
        self,
        name: str,
        event_defs: str | Event | Iterable[EventDefinition],
        icon: str | Resource | None = None,
        custom_headers: ExtraHeaders | None = None,
        app_specific_headers: ExtraHeaders | None = None,
        gntp_client_class: Callable[..., GNTPClient] | None = None,
        **kwargs: Any,  # see BaseApp
    ) -> None:
        """Name the application and its events. Nothing is sent.

        Args:
            name: Name of the application.
            event_defs: The events. Each is a name, a pair of name and whether it is enabled, or an Event. A single name
                or Event needs no list.
            icon: The application's picture: a URL or a Resource.
            custom_headers: ``X-`` headers as (name, value).
            app_specific_headers: ``Data-`` headers as (name, value).
            gntp_client_class: Makes the client; None means GNTPClient.
            **kwargs: The client's options, such as host and password.

        Raises:
            GNTPValidationError: If there are no events, or one twice, or if name, icon or a header cannot be sent.
        """
        self.name = name
        self.icon = icon
        self.events: list[Event] = coerce_to_events(event_defs)
        if not self.events:
            raise GNTPValidationError("a Publisher needs at least one event")
        super().__init__(custom_headers, app_specific_headers, gntp_client_class, **kwargs)
        self._registration().blocks()  # refuses here what register would refuse later

    def register(self, callback: Callback | None = None) -> None:
        """Register the application and its events with the server.

        Args:
            callback: Called with the server's -OK.

        Raises:
            GNTPError: If the server cannot be reached or refuses.
        """
        self._send(self._registration(), callback)

    def _registration(self) -> RegisterRequest:
        return RegisterRequest(self.name, self.icon, self.events, self.custom_headers, self.app_specific_headers)

    def publish(
        self,
        name: str,
        title: str,
        text: str = "",
        id_: str | None = None,
        sticky: bool = False,  # noqa: FBT002 - the reference's order
        priority: int = 0,
        icon: str | Resource | None = None,
        coalescing_id: str | None = None,
        callback: Callback | None = None,
        gntp_callback: str | SocketCallback | None = None,
        *,
        callback_timeout: float | None = None,
        background: bool = False,
        **socket_callback_options: Any,  # SocketCallback's own
    ) -> None:
        """Show one notification. The server refuses it unless the application is registered.

        With a socket callback, this method waits for the user's reaction, and calls the callback before it returns.
        With ``background=True`` it returns after the server's -OK, and a thread of the client waits for the reaction,
        for hours if need be. Callbacks are called one after the other in another thread, so a slow one delays the next,
        but no deadline. A reaction of more than 256 KB is refused.

        Args:
            name: Name of a registered event.
            id_: Unique id of the notification.
            sticky: Whether it stays until it is dismissed.
            priority: From -2 to 2.
            icon: Picture of this notification: a URL or a Resource.
            coalescing_id: Notifications with the same id replace each other.
            callback: Called with the server's -OK.
            gntp_callback: A URL to open, or a SocketCallback to call, when the user reacts.
            callback_timeout: Seconds to wait for the reaction; None means the client's timeout, or no limit in the
                background.
            background: Whether the reaction is awaited in a thread.
            **socket_callback_options: Options of a SocketCallback, in place of ``gntp_callback``.

        Raises:
            GNTPError: If the server cannot be reached or refuses.
            GNTPValidationError: If a value cannot be sent: a title that is blank or no string, a priority out of range.
            GNTPTimeoutError: Also if a reaction is awaited and does not arrive in time. ``on_timeout`` is for the
                server's own report that the notification disappeared.
        """
        reaction = coerce_to_callback(gntp_callback, **socket_callback_options)
        notification = Notification(name, title, text, id_, sticky, priority, icon, coalescing_id, reaction)
        request = NotifyRequest(self.name, notification, self.custom_headers, self.app_specific_headers)
        if not isinstance(reaction, SocketCallback):
            self._send(request, callback)
            return
        options: dict[str, Any] = {"socket_callback": reaction}  # a client or connection class may know no others
        if callback_timeout is not None:
            options["callback_timeout"] = callback_timeout
        if background:
            options["background"] = True
        self._send(request, callback, **options)

    def __repr__(self) -> str:
        """Name the application and its events."""
        return f"<Publisher {self.name!r} {[event.name for event in self.events]}>"


class Subscriber(BaseApp):
    """Subscribes to the notifications that a hub receives.

    Attributes:
        id_: Unique id of the subscriber.
        name: Name that the hub shows.
        hub: Host and port of the hub.
        password: The hub's password.
        port: TCP port on which the subscriber listens.
        ttl: Seconds until the subscription ends, by the hub's last answer; 0 before the first.
    """

    def __init__(
        self,
        id_: str,
        name: str,
        hub: str | tuple[str, int],
        password: str,
        port: int = DEFAULT_PORT,
        custom_headers: ExtraHeaders | None = None,
        app_specific_headers: ExtraHeaders | None = None,
        gntp_client_class: Callable[..., GNTPClient] | None = None,
        **kwargs: Any,  # see BaseApp
    ) -> None:
        """Name the subscriber and the hub. Nothing is sent.

        Args:
            id_: Unique id of the subscriber.
            name: Name that the hub shows.
            hub: The hub's host, or host and port.
            password: The hub's password.
            port: TCP port on which the subscriber listens.
            custom_headers: ``X-`` headers as (name, value).
            app_specific_headers: ``Data-`` headers as (name, value).
            gntp_client_class: Makes the client; None means GNTPClient.
            **kwargs: The client's options.

        Raises:
            GNTPValidationError: If the hub's address or the port cannot be used, or id, name or a header not be sent.
        """
        self.id_ = id_
        self.name = name
        self.hub: tuple[str, int] = checked_address(*((hub, DEFAULT_PORT) if isinstance(hub, str) else hub))
        self.password = password
        self.port = port
        self.ttl: int = 0
        self._renewal: Renewal | None = None
        host, hub_port = self.hub
        options = {"host": host, "port": hub_port, "password": password, **kwargs}
        super().__init__(custom_headers, app_specific_headers, gntp_client_class, **options)
        self._subscription().blocks()  # refuses here what subscribe would refuse later

    def subscribe(self, callback: Callback | None = None) -> None:
        """Subscribe, or renew the subscription; sets ``ttl``.

        Args:
            callback: Called with the hub's -OK, after ``ttl`` is set.

        Raises:
            GNTPError: If the hub cannot be reached or refuses.
        """

        def answered(response: Response) -> None:
            self.store_ttl(response)
            if callback is not None:
                callback(response)

        self._send(self._subscription(), answered)

    def _subscription(self) -> SubscribeRequest:
        return SubscribeRequest(self.id_, self.name, self.port, self.custom_headers, self.app_specific_headers)

    def start_renewing(self, on_error: Callable[[Exception], object] | None = None) -> None:
        """Subscribe, and from then on renew the subscription in a thread before it ends.

        The thread tries again when the hub cannot be reached. It ends with :meth:`stop_renewing` or :meth:`close`, with
        the last reference to this object, and with the program. Starting twice is harmless.

        Args:
            on_error: Called in the thread with each failure to renew.

        Raises:
            GNTPError: If this first subscription fails; then no thread is started.
        """
        if self.is_renewing:
            return
        self.subscribe()
        self._renewal = Renewal(self, on_error)

    def stop_renewing(self) -> None:
        """Let the subscription end by itself. Stopping twice is harmless."""
        renewal, self._renewal = self._renewal, None
        if renewal is not None:
            renewal.stop()

    @property
    def is_renewing(self) -> bool:
        """Whether the subscription is being renewed."""
        return self._renewal is not None and self._renewal.is_running

    def close(self) -> None:
        """Stop renewing, and close the client. Closing twice is harmless."""
        self.stop_renewing()
        super().close()

    def store_ttl(self, response: Response) -> None:
        """Take the subscription's length from the hub's answer.

        Args:
            response: The -OK to a SUBSCRIBE; one without a usable ``Subscription-TTL`` means 60 seconds.
        """
        ttl = safe_int_conversion(response.headers.get("Subscription-TTL"))
        self.ttl = ttl if ttl > 0 else DEFAULT_TTL

    def __repr__(self) -> str:
        """Name the subscriber and the hub; the password stays secret."""
        return f"<Subscriber {self.name!r} of {host_and_port(*self.hub)}>"


def coerce_to_events(items: str | Event | Iterable[EventDefinition]) -> list[Event]:
    """Convert definitions of events to Events.

    Args:
        items: Names, pairs of a name and whether it is enabled, or Events; or a single name or Event. A name alone is
            enabled.

    Raises:
        GNTPValidationError: If an item is none of them, or two have the same name.
    """
    if isinstance(items, (str, Event)) or not isinstance(items, Iterable):
        items = [items]
    events = [_coerce_to_event(item) for item in items]
    names: set[str] = set()
    for event in events:
        name = safe_value(event.name)  # as servers see it: without blanks at its ends
        if name in names:
            raise GNTPValidationError(f"the event {name!r:.80} is there twice")
        names.add(name)
    return events


def _coerce_to_event(item: object) -> Event:
    if isinstance(item, Event):
        return item
    if isinstance(item, str):
        return Event(item)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        return Event(item[0], enabled=bool(item[1]))
    raise GNTPValidationError(f"an event is a name, (name, enabled) or an Event, not {item!r:.80}")


def coerce_to_callback(
    gntp_callback: str | SocketCallback | None = None, **socket_callback_options: Any
) -> URLCallback | SocketCallback | None:
    """Return the callback that the arguments describe.

    Args:
        gntp_callback: A URL, or a SocketCallback.
        **socket_callback_options: Options of a SocketCallback, in place of ``gntp_callback``.

    Returns:
        The callback; None without arguments.

    Raises:
        GNTPError: If both a callback and options are given.
    """
    if gntp_callback is not None and socket_callback_options:
        raise GNTPError(f"give gntp_callback or {', '.join(socket_callback_options)}, not both")
    if isinstance(gntp_callback, str):
        return URLCallback(gntp_callback)
    if gntp_callback is None and socket_callback_options:
        return SocketCallback(**socket_callback_options)
    return gntp_callback
