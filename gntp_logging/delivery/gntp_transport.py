"""A GNTP server as a transport: registers first, then notifies, and says what became of each alert."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

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
from gntp_logging.gntp.network import host_and_port
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest

from .dropped import DISABLED, INVALID, NOT_AUTHORIZED
from .transport import MAX_SENDINGS, OutgoingAlert, SendResult, SendStatus

MAX_EVENTS: Final = 200
"""Notification types at most. Records can name new ones; a name made from data must not grow the list for ever."""

MUTE: Final = 600.0
"""Seconds for which a type that the user has disabled is not sent: people change their minds in minutes."""

_DISABLED: Final = SendResult(SendStatus.DROPPED, DISABLED)


class _Attempt(NamedTuple):
    """One send of one alert.

    Attributes:
        outgoing: The alert.
        request: What goes to the server.
        unanswered: How often the alert went out, earlier sends included, without an answer that can be read: the server
            may have shown it each time.
    """

    outgoing: OutgoingAlert
    request: NotifyRequest
    unanswered: int

    def after(self, outcome: Outcome, *, is_registered_just_now: bool) -> _Attempt:
        """Return the attempt with an outcome counted.

        A sending counts if the server has just answered: to the registration, or on the same connection. Otherwise a
        tunnel may have accepted the connection while the server is away.
        """
        has_proof = outcome.is_on_proven_connection or is_registered_just_now
        counts = outcome.was_awaited and outcome.is_hopeless() and has_proof
        return self._replace(unanswered=self.unanswered + counts)


class GNTPTransport:
    """Sends alerts to one GNTP server; a :class:`.transport.Transport`.

    Attributes:
        label: The server's host and port.
        timeout: Seconds that one exchange may take.
        batch_size: One: each alert waits for the answer to the one before.
        failure_key: The server and the password.
    """

    def __init__(self, client: GNTPClient, app_name: str, app_icon: Resource | None, events: Iterable[Event]) -> None:
        """Keep what to register. Nothing is sent.

        Args:
            client: Client of the server.
            app_name: The application's name.
            app_icon: The application's picture.
            events: The notification types that levels map to.
        """
        self.label: str = host_and_port(*client.address)
        self.timeout: float = client.timeout
        self.batch_size: int = 1
        self.failure_key: Hashable = (client.address, client.packer_factory)
        self._client = client
        self._app_name = app_name
        self._app_icon = app_icon
        self._level_events = {event.name: event for event in events}
        self._events = dict(self._level_events)
        self._registered = False
        self._muted: dict[str, float] = {}  # until when, in seconds of time.monotonic

    def may_deliver_inline(self) -> bool:
        """Tell whether the server's address is known: no deadline bounds a look-up of its name."""
        return not self._client.needs_look_up

    def forget(self) -> None:
        """Register again before the next alert, and ask again for what is disabled."""
        self._registered = False
        self._muted.clear()

    def close(self) -> None:
        """Close the connection, if one is kept; the next alert opens another."""
        self._client.close()

    def send(self, batch: Sequence[OutgoingAlert], deadline: float) -> Iterator[SendResult]:
        """Send alerts, registering first where that is needed.

        Where the server keeps the connection, they are written one behind the other; where it closes, up to four go
        side by side.

        Args:
            batch: The alerts, the oldest first; one for each Coalescing-ID.
            deadline: When to end, in seconds of time.monotonic; infinity where only ``timeout`` counts.

        Yields:
            What became of each, in their order, as soon as it is known.
        """
        prepared = [self._prepare(outgoing) for outgoing in batch]
        results = self._send([attempt for attempt in prepared if isinstance(attempt, _Attempt)], deadline)
        for attempt in prepared:
            yield attempt if isinstance(attempt, SendResult) else next(results)

    def _prepare(self, outgoing: OutgoingAlert) -> _Attempt | SendResult:
        """Return what to send of an alert, or what became of one that is not sent."""
        event = outgoing.alert.event
        if time.monotonic() < self._muted.get(event, 0.0):
            return _DISABLED
        try:
            self._ensure_event(event)
            return _Attempt(outgoing, self._request(outgoing), outgoing.unanswered)
        except GNTPError as error:
            return SendResult(SendStatus.DROPPED, INVALID, str(error))

    def _send(self, attempts: Sequence[_Attempt], deadline: float) -> Iterator[SendResult]:
        """Send, and send once more what the server may take on a second try: it forgot the application, or stumbled."""
        failure = self._register(deadline) if attempts and not self._registered else None
        if failure is not None:
            yield from (self._result(attempt, Outcome(failure)) for attempt in attempts)
            return
        is_registered_just_now = self._has_just_registered
        outcomes = self._outcomes(attempts, deadline)
        first: list[tuple[_Attempt, Outcome]] = []
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            first.append((attempt.after(outcome, is_registered_just_now=is_registered_just_now), outcome))
            if not any(self._may_be_tried_again(*one) for one in first[-1:]) and len(first) == 1:
                yield self._result(*first.pop())
    def _ensure_event(self, name: str) -> None:
        """Add a notification type that a record named; registering again replaces the server's whole list."""
        if name in self._events:
            return
        if len(self._events) >= MAX_EVENTS:
            oldest = next((known for known in self._events if known not in self._level_events), None)
            self._events.pop(oldest or "", None)
        self._events[name] = Event(name)
        self._registered = False

    def _request(self, outgoing: OutgoingAlert) -> NotifyRequest:
        alert = outgoing.alert
        icon, complaint = _picture(alert.icon)
        target = alert.target()
        notification = Notification(
            name=alert.event,
            title=alert.title,
            text=alert._replace(text=alert.text + complaint).body(),
            id_=outgoing.id_,
            sticky=alert.sticky,
            priority=alert.priority,
            icon=icon,
            coalescing_id=outgoing.coalescing_id,
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
        factory = self._client.packer_factory
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
    """Return a record's own picture, and a line for its author if it cannot be read."""
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
