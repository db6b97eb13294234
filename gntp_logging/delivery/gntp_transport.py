"""A GNTP server as a transport: registers first, then notifies, and says what became of each alert."""

from __future__ import annotations

import os
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from gntp_logging.gntp.batches import Outcome
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.constants import DEFAULT_PORT, NOT_REGISTERED, ErrorCode
from gntp_logging.gntp.exceptions import (
    GNTPAuthenticationError,
    GNTPConnectionError,
    GNTPError,
    GNTPProtocolError,
    GNTPResourceError,
    GNTPResponseError,
    GNTPTLSError,
)
from gntp_logging.gntp.models import Event, Notification, Resource, URLCallback, is_web_url
from gntp_logging.gntp.network import host_and_port, is_absent_here
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest

from .data_headers import data_headers, when_logged
from .dropped import DISABLED, INTERNAL_ERROR, INVALID, NOT_AUTHORIZED
from .transport import MAX_SENDINGS, OutgoingAlert, SendResult, SendStatus

MAX_EVENTS: Final = 200
"""Notification types at most. Records can name new ones; a name made from data must not grow the list for ever."""

MUTE: Final = 600.0
"""Seconds for which a type that the user has disabled is not sent: people may enable it again within minutes."""

_STUMBLES: Final = frozenset(
    {
        None,  # growl-for-linux has no codes
        ErrorCode.TIMED_OUT,
        ErrorCode.NETWORK_FAILURE,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.REQUIRED_HEADER_MISSING,
        ErrorCode.INTERNAL_SERVER_ERROR,
    }
)
"""Error codes after which the same request, on a new connection, may be taken: it can have arrived garbled."""

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


class GNTPTransport:
    """Sends alerts to one GNTP server; a :class:`.transport.Transport`.

    Attributes:
        label: The server's host and port.
        timeout: Seconds that one exchange may take.
        batch_size: As many as a pipeline has on its way.
        takes_tallies: No.
        failure_key: The server, how it is secured, and the password.
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
        self.batch_size: int = 256
        self.takes_tallies: bool = False
        self.failure_key: Hashable = (client.address, client.packer_factory, client.tls and client.tls.trust)
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
        """Return the attempt to send an alert; for an alert that is not sent, its result."""
        event = outgoing.alert.event
        if time.monotonic() < self._muted.get(event, 0.0):
            return _DISABLED
        try:
            self._ensure_event(event)
            return _Attempt(outgoing, notify_request(self._app_name, outgoing), outgoing.unanswered)
        except GNTPError as error:
            return SendResult(SendStatus.DROPPED, INVALID, str(error))
        except Exception as error:  # noqa: BLE001 - one alert never keeps the others from being sent
            return SendResult(SendStatus.DROPPED, INTERNAL_ERROR, f"{type(error).__name__}: {error}")

    def _send(self, attempts: Sequence[_Attempt], deadline: float) -> Iterator[SendResult]:
        """Send attempts, and once more those that the server may take on a second try."""
        first = self._round(attempts, deadline)
        for attempt, outcome in first:
            if self._deserves_a_second_try(attempt, outcome):
                # All that is on its way comes to its end before anything is sent once more.
                yield from self._second_round([(attempt, outcome), *first], deadline)
            else:
                yield self._result(attempt, outcome)

    def _second_round(self, first: Sequence[tuple[_Attempt, Outcome]], deadline: float) -> Iterator[SendResult]:
        again = [attempt for attempt, outcome in first if self._deserves_a_second_try(attempt, outcome)]
        self._client.close()  # a server that stumbled may do so again on the same connection
        if any(self._must_register(outcome) for _, outcome in first):
            self._registered = False
        second = self._round(again, deadline)
        for attempt, outcome in first:
            if self._deserves_a_second_try(attempt, outcome):
                yield self._result(*next(second))
            else:
                yield self._result(attempt, outcome)

    def _deserves_a_second_try(self, attempt: _Attempt, outcome: Outcome) -> bool:
        """Tell whether the server's answer may have another reason than this alert."""
        if isinstance(outcome.answer, GNTPProtocolError):
            return attempt.unanswered < MAX_SENDINGS
        if not isinstance(outcome.answer, GNTPResponseError) or isinstance(outcome.answer, GNTPAuthenticationError):
            return False
        return outcome.answer.error_code in _STUMBLES | NOT_REGISTERED

    @staticmethod
    def _must_register(outcome: Outcome) -> bool:
        answer = outcome.answer
        if isinstance(answer, GNTPResponseError):
            return answer.error_code in NOT_REGISTERED
        return outcome.is_hopeless()

    def _round(self, attempts: Sequence[_Attempt], deadline: float) -> Iterator[tuple[_Attempt, Outcome]]:
        """Register if that is needed, send every attempt once, and yield what came of it."""
        is_registered_just_now = not self._registered
        while attempts and not self._registered:
            try:
                self._register(deadline)
            except GNTPError as error:
                # Where the server has refused the registration, it may take the next one.
                is_refused = isinstance(error, GNTPResponseError) and not isinstance(error, GNTPAuthenticationError)
                count = 1 if is_refused else len(attempts)
                yield from ((attempt, Outcome(error)) for attempt in attempts[:count])
                attempts = attempts[count:]
        outcomes = self._client.outcomes([attempt.request for attempt in attempts], until=deadline)
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            if outcome.is_hopeless():
                self._registered = False
            # A sending counts if the server has just answered: to the registration, or on the same connection.
            # Otherwise a tunnel may have accepted the connection while the server is away.
            has_proof = outcome.is_on_proven_connection or is_registered_just_now
            counts = outcome.was_awaited and outcome.is_hopeless() and has_proof
            yield attempt._replace(unanswered=attempt.unanswered + counts), outcome

    def _result(self, attempt: _Attempt, outcome: Outcome) -> SendResult:
        """Say what an outcome means for its alert."""
        answer = outcome.answer
        if isinstance(answer, GNTPAuthenticationError):
            return SendResult(SendStatus.REFUSED, NOT_AUTHORIZED, self._describe_refusal(answer))
        if isinstance(answer, GNTPResponseError):
            return self._result_of_answer(answer, attempt.outgoing.alert.event)
        if isinstance(answer, GNTPTLSError):
            return SendResult(SendStatus.RETRY, "TLS", str(answer), attempt.unanswered)
        if isinstance(answer, GNTPConnectionError):
            host, port = self._client.address
            is_absent = is_absent_here(answer, host)
            advice = "start one: gntp-logging listen" if is_absent else f"find out: gntp-logging check --host {host}"
            advice += "" if port == DEFAULT_PORT else f" --port {port}"
            hint = f"{answer}; is a GNTP server running there? {advice}"
            return SendResult(SendStatus.RETRY, "network", hint, attempt.unanswered)
        if isinstance(answer, GNTPProtocolError):
            hint = f"the answer is not GNTP ({answer}); is the port right?"
            return SendResult(SendStatus.RETRY, "protocol", hint, attempt.unanswered)
        if isinstance(answer, GNTPError):
            return SendResult(SendStatus.DROPPED, INVALID, str(answer))
        return SendResult(SendStatus.SHOWN)

    def _register(self, deadline: float) -> None:
        self._registered = False
        request = RegisterRequest(self._app_name, self._app_icon, tuple(self._events.values()))
        seconds = min(self.timeout, round(deadline - time.monotonic(), 3))  # which errors quote
        try:
            self._client.process_request(request, timeout=seconds)
        except GNTPResponseError as error:
            if error.error_code != ErrorCode.ALREADY_PROCESSED:  # which would be taken for the alert's answer
                raise
        self._registered = True

    def _ensure_event(self, name: str) -> None:
        """Add a notification type that a record named; registering again replaces the server's whole list."""
        if name in self._events:
            return
        if len(self._events) >= MAX_EVENTS:
            oldest = next((known for known in self._events if known not in self._level_events), None)
            self._events.pop(oldest or "", None)
        self._events[name] = Event(name)
        self._registered = False

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


def notify_request(app_name: str, outgoing: OutgoingAlert) -> NotifyRequest:
    """Return an alert as a request."""
    alert = outgoing.alert
    icon, complaint = _picture(alert.icon)
    lines = [alert.text, when_logged(outgoing.tallies, time.time()), complaint]
    target = alert.target()
    notification = Notification(
        name=alert.event,
        title=alert.title,
        text=alert._replace(text="\n".join(filter(None, lines))).body(),
        id_=outgoing.id_,
        sticky=alert.sticky,
        priority=alert.priority,
        icon=icon,
        coalescing_id=outgoing.coalescing_id,
        callback=URLCallback(target) if target else None,
    )
    return NotifyRequest(app_name, notification, app_specific_headers=data_headers(outgoing, os.getpid()))


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
        return None, f"(icon: {error})"
