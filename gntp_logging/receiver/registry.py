"""What a server knows of its clients: applications and their notification types. Pure.

What arrives as a request leaves as a :class:`Toast`, or as the error to answer with.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gntp_logging.gntp.constants import ErrorCode
from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.models import Event, Resource, URLCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest

MAX_APPLICATIONS: Final = 1000
"""Applications remembered; the one not heard of for the longest time is forgotten, and told so by a 401."""


@dataclass(frozen=True)
class Toast:
    """One notification on its way to the displays. Texts are as the peer sent them: untrusted.

    Attributes:
        application: Name of the application.
        name: Name of the notification type.
        title: Its title.
        text: Its body; may be empty.
        priority: From -2 to 2.
        sticky: Whether it stays until it is dismissed.
        id_: The sender's id; empty when there is none.
        coalescing_id: Toasts of one application with the same id replace each other; empty when there is none.
        callback_url: What opens on a click; empty when there is none.
        icon: Its own picture, else its type's, else the application's; None when there is none.
        headers: All headers, as sent.
        encryption: Name of the cipher; empty for clear text.
        hash_: Name of the key's hash; empty without a key.
        peer: Address of the sender.
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


@dataclass(frozen=True)
class _Application:
    icon: str | Resource | None
    events: Mapping[str, Event]


class Registry:
    """Applications by name."""

    def __init__(self) -> None:
        """Begin without any application."""
        self._applications: OrderedDict[str, _Application] = OrderedDict()

    def register(self, request: RegisterRequest) -> None:
        """Remember an application; what it registered before is replaced.

        Args:
            request: The REGISTER request.
        """
        events = {event.name: event for event in request.events}
        self._applications[request.app_name] = _Application(request.app_icon, events)
        self._applications.move_to_end(request.app_name)
        while len(self._applications) > MAX_APPLICATIONS:
            self._applications.popitem(last=False)

    def registration(self, app_name: str) -> RegisterRequest:
        """Return what an application has registered.

        Args:
            app_name: Name of an application that was registered.

        Returns:
            A request that registers the same.

        Raises:
            KeyError: If it was not.
        """
        application = self._applications[app_name]
        return RegisterRequest(app_name, application.icon, tuple(application.events.values()))

    def toast(self, request: NotifyRequest) -> Toast:
        """Make a toast of a notification.

        Args:
            request: The NOTIFY request.

        Returns:
            The toast, without what only the connection knows.

        Raises:
            GNTPProtocolError: With code 401 if the application is unknown, 402 if the type is, 404 if it is disabled.
        """
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
            icon=shown.icon or event.icon or application.icon,
        )
