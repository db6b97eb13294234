"""One GNTP server as alerts see it: registers first, then notifies, and says what became of each alert.

Owned by the worker, which calls it from one thread at a time. Nothing here logs or warns.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeVar

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.context import headers
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.constants import NOT_REGISTERED, ErrorCode
from gntp_logging.gntp.exceptions import (
    GNTPAuthenticationError,
    GNTPConnectionError,
    GNTPError,
    GNTPProtocolError,
    GNTPResourceError,
    GNTPResponseError,
)
from gntp_logging.gntp.models import Event, Notification, Resource, URLCallback, is_web_url
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest

from .dropped import DISABLED, INVALID, NOT_AUTHORIZED

MAX_EVENTS: Final = 200
"""Notification types at most. Records can name new ones; a name made from data must not grow the list for ever."""

MAX_SENDINGS: Final = 2
"""How often an alert is sent to a server that answers everything but that: it may be shown each time."""

MUTE: Final = 600.0
"""Seconds for which a type that the user has disabled is not sent: people change their minds in minutes."""

_R = TypeVar("_R", RegisterRequest, NotifyRequest)


class SendStatus(enum.Enum):
    """What became of an alert."""

    SHOWN = "shown"
    RETRY = "retry"
    """The server could not be reached: the alert is worth another try."""
    REFUSED = "refused"
    """The server does not want any alert as it stands: a wrong password."""
    DROPPED = "dropped"
    """The server does not want this alert."""


class SendResult(NamedTuple):
    """What became of an alert, and why.

    Attributes:
        status: What became of the alert.
        reason: Why, in a few words; the key under which dropped alerts are counted.
        hint: What a person should look at; empty when there is nothing to say.
        unanswered: How often the alert was sent, in all its tries, without an answer that can be read: the server may
            have shown it.
    """

    status: SendStatus
    reason: str = ""
    hint: str = ""
    unanswered: int = 0


_DISABLED: Final = SendResult(SendStatus.DROPPED, DISABLED)


class Transport:
    """Sends alerts to one server.

    Attributes:
        client: The client; its address names the server.
    """

    def __init__(self, client: GNTPClient, app_name: str, app_icon: Resource | None, events: Iterable[Event]) -> None:
        """Keep what to register. Nothing is sent.

        Args:
            client: Client of the server.
            app_name: The application's name.
            app_icon: The application's picture.
            events: The notification types that levels map to.
        """
        self.client = client
        self._app_name = app_name
        self._app_icon = app_icon
        self._level_events = {event.name: event for event in events}
        self._events = dict(self._level_events)
        self._registered = False
        self._unanswered = 0
        self._muted: dict[str, float] = {}  # until when, in seconds of time.monotonic

    def forget_registration(self) -> None:
        """Register again before the next alert, and ask again for what is disabled."""
        self._registered = False
        self._muted.clear()

    def close(self) -> None:
        """Close the connection, if one is kept; the next alert opens another."""
        self.client.close()

    def send(
        self, alert: Alert, ids: tuple[str, str], timeout: float | None = None, *, unanswered: int = 0
    ) -> SendResult:
        """Send one alert, registering first where that is needed.

        After a failure that is worth another try the application is registered first: a server that cannot answer that
        is not sent the alert, which it might show without an answer, again and again.

        Args:
            alert: The alert.
            ids: Its Notification-ID and Notification-Coalescing-ID. They are the same at every try, so that a desktop
                that got it twice shows it once.
            timeout: Seconds for each exchange; None means the client's.
            unanswered: How often it was sent without an answer before.

        Returns:
            What became of it. Nothing is raised.
        """
        if time.monotonic() < self._muted.get(alert.event, 0.0):
            return _DISABLED
        self._unanswered = unanswered
        try:
            self._ensure_event(alert.event)
            self._notify(self._request(alert, ids), timeout)
        except GNTPAuthenticationError as error:
            return SendResult(SendStatus.REFUSED, NOT_AUTHORIZED, self._describe_refusal(error))
        except GNTPResponseError as error:
            return self._result_of_answer(error, alert.event)
        except GNTPConnectionError as error:
            return self._worth_another_try("network", f"{error}; is a GNTP server running there?")
        except GNTPProtocolError as error:
            return self._worth_another_try("protocol", f"the answer is not GNTP ({error}); is the port right?")
        except GNTPError as error:
            return SendResult(SendStatus.DROPPED, INVALID, str(error))
        return SendResult(SendStatus.SHOWN)

    def _worth_another_try(self, reason: str, hint: str) -> SendResult:
        self._registered = False
        return SendResult(SendStatus.RETRY, reason, hint, self._unanswered)

    def _notify(self, request: NotifyRequest, timeout: float | None) -> None:
        """Send a notification to a server that may have forgotten the application, or never known it."""
        if not self._registered:
            self._register(timeout)
        try:
            self._exchange(request, timeout, self._process_notification)
        except GNTPResponseError as error:
            if error.error_code not in NOT_REGISTERED:
                raise
            self._register(timeout)
            self._exchange(request, timeout, self._process_notification)

    def _register(self, timeout: float | None) -> None:
        self._registered = False
        request = RegisterRequest(self._app_name, self._app_icon, tuple(self._events.values()))
        try:
            self._exchange(request, timeout, lambda same, seconds: self.client.process_request(same, timeout=seconds))
        except GNTPResponseError as error:
            if error.error_code != ErrorCode.ALREADY_PROCESSED:  # which would be taken for the alert's answer
                raise
        self._registered = True

    def _exchange(self, request: _R, timeout: float | None, process: Callable[[_R, float], object]) -> None:
        """Send a request; if the answer is garbled, once more, on a fresh connection, in what is left of the time."""
        seconds = self.client.timeout if timeout is None else timeout
        began = time.monotonic()
        try:
            process(request, seconds)
        except GNTPProtocolError:
            self.client.close()
            left = seconds - (time.monotonic() - began)
            if left <= 0 or self._unanswered >= MAX_SENDINGS:
                raise
            process(request, left)

    def _process_notification(self, request: NotifyRequest, seconds: float) -> None:
        """Send a notification, and count how often the server may have read it without an answer."""
        if self._unanswered:
            self.client.close()  # on a kept connection that ends the client would send it once more by itself
        before = self.client.sendings
        try:
            self.client.process_request(request, timeout=seconds)
        except GNTPResponseError:
            self._unanswered += self.client.sendings - before - 1
            raise
        except (GNTPConnectionError, GNTPProtocolError):
            self._unanswered += self.client.sendings - before
            raise

    def _ensure_event(self, name: str) -> None:
        """Add a notification type that a record named; registering again replaces the server's whole list."""
        if name in self._events:
            return
        if len(self._events) >= MAX_EVENTS:
            oldest = next((known for known in self._events if known not in self._level_events), None)
            self._events.pop(oldest or "", None)
        self._events[name] = Event(name)
        self._registered = False

    def _request(self, alert: Alert, ids: tuple[str, str]) -> NotifyRequest:
        icon, complaint = _picture(alert.icon)
        target = alert.target()
        notification = Notification(
            name=alert.event,
            title=alert.title,
            text=alert._replace(text=alert.text + complaint).body(),
            id_=ids[0],
            sticky=alert.sticky,
            priority=alert.priority,
            icon=icon,
            coalescing_id=ids[1],
            callback=URLCallback(target) if target else None,
        )
        return NotifyRequest(self._app_name, notification, app_specific_headers=headers(alert.context) or None)

    def _result_of_answer(self, error: GNTPResponseError, event: str) -> SendResult:
        if error.error_code == ErrorCode.ALREADY_PROCESSED:
            return SendResult(SendStatus.SHOWN)
        if error.error_code == ErrorCode.NOTIFICATION_DISABLED:
            if len(self._muted) >= MAX_EVENTS:
                self._muted.clear()
            self._muted[event] = time.monotonic() + MUTE
            return _DISABLED
        self._registered = False
        code = "without a code" if error.error_code is None else error.error_code
        return SendResult(SendStatus.DROPPED, f"error {code}", self._describe_refusal(error))

    def _describe_refusal(self, error: GNTPResponseError) -> str:
        """Say what the server answered, and what to check."""
        factory = self.client.packer_factory
        refused = isinstance(error, GNTPAuthenticationError)
        if factory.password is None:
            return f"it wants a password: {error}; give the handler one" if refused else str(error)
        if not refused and error.error_code is not None:
            return str(error)
        # growl-for-linux has no codes: a wrong password, and a hash it does not know, are errors like any other.
        verb = "does not" if refused else "may not"
        how = " and ".join(part.algorithm_id for part in (factory.key_hashing, factory.encryption) if part)
        check = f"check that the password is the server's, and that the server takes {how}"
        return f"it {verb} accept the password: {error}; {check}"


def _picture(icon: str | bytes | None) -> tuple[str | Resource | None, str]:
    """Return a record's own picture, and what to tell its author when it cannot be read."""
    if icon is None:
        return None, ""
    if isinstance(icon, bytes):
        return Resource(data=icon), ""
    if is_web_url(icon):
        return icon, ""
    try:
        return Resource.from_file(icon), ""
    except GNTPResourceError as error:
        return None, f"\n(icon: {error})"
