"""The hub: hands messages on to subscribers, to each from a thread of its own.

A subscriber that is slow or gone delays no other: messages that do not fit into its queue are dropped and counted, and
its thread ends with its subscription.

A message that came encrypted is handed on encrypted, or not at all:

================  ==========================  ====================  ============================
came              subscription in clear       subscription by DES   subscription by AES or 3DES
================  ==========================  ====================  ============================
in clear          handed on                   handed on             handed on
by DES            held back                   handed on             handed on
by AES or 3DES    held back                   held back             handed on
by TLS            held back                   held back             handed on
================  ==========================  ====================  ============================

A NOTIFY may be handed on while the registration of its application may not. Then a REGISTER comes before it that holds
only the application's name and the names of the types of which this subscriber has got a NOTIFY.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.constants import NOT_REGISTERED, VERSION, ErrorCode
from gntp_logging.gntp.exceptions import (
    GNTPAuthenticationError,
    GNTPError,
    GNTPProtocolError,
    GNTPResponseError,
    GNTPTimeoutError,
)
from gntp_logging.gntp.headers import is_name
from gntp_logging.gntp.models import Event, Received
from gntp_logging.gntp.origin import SOFTWARE_NAME
from gntp_logging.gntp.requests import ExtraHeaders, RegisterRequest, SubscribeRequest
from gntp_logging.gntp.wire import Envelope, Limits

from .cuts import MAX_ID
from .forward_queue import Forwardable, ForwardQueue, Shared, without_pictures
from .forward_queue import Message as Message  # noqa: PLC0414 - a documented path
from .protocols import Notice
from .registry import MAX_APPLICATIONS
from .throttle import Throttle

TTL: Final = 300
"""Seconds of a subscription: one that is renewed at its half sends a request every two and a half minutes."""

MAX_SUBSCRIBERS: Final = 50
"""Each has a thread and a queue. One more is refused."""

QUEUE_SIZE: Final = 1000
"""Messages that wait for one subscriber; more are dropped and counted."""

QUEUE_BYTES: Final = 2 * 1024 * 1024
"""Bytes of the messages that wait for one subscriber. Their pictures go first; a larger picture is not handed on."""

ALL_QUEUES_BYTES: Final = 3 * 1024 * 1024
"""Bytes of the messages that wait for all subscribers; one that waits for several counts once."""

SENDING_BYTES: Final = 2 * 1024 * 1024
"""Bytes of what is sent to all subscribers at a time, encoded and encrypted."""

ANSWER_BYTES: Final = 48 * 1024
"""Bytes of one subscriber's answer: room for the headers that it echoes."""

KNOWN_BYTES: Final = 32 * 1024
"""Bytes for the applications that one subscriber knows; an application that is forgotten is registered again."""

MAX_FAILURES: Final = 5
"""Failures in a row after which a subscription ends. A subscriber that is back subscribes again."""

MAX_HOPS: Final = 16
"""Hubs that a message may pass. One that has passed more is circling between hubs that change their names."""

FORWARD_TIMEOUT: Final = 5.0
"""Seconds of one exchange with a subscriber."""

LOSS_INTERVAL: Final = 60.0
"""Seconds between two notices of one subscriber's losses: a subscriber that is gone loses every message."""

_ANSWER_LIMITS: Final = Limits(header_block=ANSWER_BYTES, section=ANSWER_BYTES)

# DES is below the others because its key of 56 bits can be searched.
_STRENGTHS: Final[Mapping[str | None, int]] = {None: 0, "DES": 1, "AES": 2, "3DES": 2, "TLS": 2}


def may_be_handed_on(came_by: str | None, subscribed_by: str | None) -> bool:
    """Tell whether a message may go to a subscriber.

    Args:
        came_by: Cipher with which the message came to the hub, or ``TLS``; None for clear text.
        subscribed_by: Cipher with which the subscriber gets its messages; None for clear text. A SUBSCRIBE that came
            by TLS does not count: the hub connects to its subscribers without TLS.

    Returns:
        True if the message is at least as safe on its way out as it was on its way in.
    """
    # An eavesdropper who has seen one message knows a salt and a key hash that match the password: enough for a
    # SUBSCRIBE in clear without the password (docs/security.md). If all messages were handed on to it, the eavesdropper
    # would read everything that comes later. With a cipher, the eavesdropper cannot decrypt what the subscription gets.
    # A message that came in clear could be read on its way here already: it goes to every subscriber.
    return _STRENGTHS[came_by] <= _STRENGTHS[subscribed_by]


class Hub:
    """The subscribers of a server. Called from the server's event loop; no method waits.

    Attributes:
        name: The name of the server in Received headers.
    """

    def __init__(
        self,
        name: str,
        report: Callable[[Notice], None] = lambda _: None,
        with_pictures: Callable[[RegisterRequest], RegisterRequest] = lambda request: request,
    ) -> None:
        """Begin without subscribers.

        Args:
            name: Host and port of the server; no other hub may have the same.
            report: Called, in any thread, with a notice of what a subscriber did not get.
            with_pictures: Puts pictures in the place of their identifiers in a registration; called in any thread.
        """
        self.name = name
        self._report = report
        self._with_pictures = with_pictures
        self._shared = Shared(ALL_QUEUES_BYTES, SENDING_BYTES)
        self._forwarders: dict[str, Forwarder] = {}
        self._ending: list[Forwarder] = []

    def subscribe(self, request: SubscribeRequest, envelope: Envelope, host: str) -> int:
        """Add a subscription, or renew it.

        Args:
            request: Names the subscriber and its port.
            envelope: How the request came: messages are handed on with the same hash and cipher.
            host: Address of the subscriber.

        Returns:
            Seconds until the subscription ends.

        Raises:
            GNTPProtocolError: With 400 if it has no key; with 300 if there are too many subscribers, those included
                that are ending, if the id is too long, or if a subscriber at another address has it.
        """
        if envelope.password is None or envelope.hash_id is None:
            raise GNTPProtocolError("a subscription needs a key", ErrorCode.NOT_AUTHORIZED)
        if len(request.id_) > MAX_ID:
            raise GNTPProtocolError(f"Subscriber-ID is longer than {MAX_ID} characters")
        self._forget_those_who_ended()
        client = GNTPClient(
            host,
            request.port,
            FORWARD_TIMEOUT,
            envelope.password + request.id_,
            keys.ALGORITHMS[envelope.hash_id],
            ciphers.ALGORITHMS[envelope.cipher_id] if envelope.cipher_id else None,
            limits=_ANSWER_LIMITS,
        )
        known = self._forwarders.get(request.id_)
        if known is not None and not known.has_failed:
            if known.host != host:  # else a stranger who reads an id could end its subscription
                raise GNTPProtocolError("this Subscriber-ID is in use from another address")
            if known.sends_like(client):
                known.renew(TTL)
                return TTL
        if known is None and len(self._forwarders) >= MAX_SUBSCRIBERS:
            self._forget_those_who_failed()
            if len(self._forwarders) >= MAX_SUBSCRIBERS:
                raise GNTPProtocolError(f"this hub has its {MAX_SUBSCRIBERS} subscribers")
        self._ending = [each for each in self._ending if each.is_running]
        if len(self._ending) >= MAX_SUBSCRIBERS:  # else one that moves all the time could have any number of threads
            raise GNTPProtocolError("too many subscriptions are ending: try again in a few seconds")
        if known is not None:
            self._end(known)
        report = functools.partial(self._report_loss, request.id_, host)
        self._forwarders[request.id_] = Forwarder(client, TTL, report, self._shared, self._with_pictures)
        return TTL

    def knows(self, id_: str) -> bool:
        """Tell whether there is a subscriber with an id."""
        self._forget_those_who_ended()
        known = self._forwarders.get(id_)
        return known is not None and not known.has_failed

    def _report_loss(self, id_: str, peer: str, reason: str, count: int) -> None:
        self._report(Notice("lost", {"id": id_, "peer": peer, "reason": reason, "count": count}))

    def has_seen(self, request: Forwardable) -> bool:
        """Tell whether a message has passed here before: then it is neither shown nor handed on again.

        Returns:
            True if it has, and also if it has passed :data:`MAX_HOPS` hubs.
        """
        return len(request.received) >= MAX_HOPS or any(hop.by_host == self.name for hop in request.received)

    def forward(self, message: Message, peer: str) -> None:
        """Hand a message on to each subscriber whose subscription is as safe as the way on which the message came.

        Args:
            message: The message, as it came.
            peer: Address of the sender.
        """
        self._forget_those_who_ended()
        if not self._forwarders:
            return
        date = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        hop = Received(peer, self.name, date, f"{SOFTWARE_NAME}/{VERSION}")
        request = dataclasses.replace(
            message.request,
            custom_headers=_proper(message.request.custom_headers),
            app_specific_headers=_proper(message.request.app_specific_headers),
            received=(hop, *message.request.received),
        )
        handed_on = dataclasses.replace(message, request=request)
        for forwarder in self._forwarders.values():
            forwarder.take(handed_on)

    @property
    def lost(self) -> int:
        """How many messages did not reach one of the present subscribers."""
        return sum(forwarder.lost for forwarder in self._forwarders.values())

    def close(self) -> None:
        """End all subscriptions. Closing twice is harmless."""
        for forwarder in self._forwarders.values():
            forwarder.stop()
        self._forwarders.clear()

    def _forget_those_who_ended(self) -> None:
        self._forget(lambda forwarder: forwarder.has_ended())

    def _forget_those_who_failed(self) -> None:
        self._forget(lambda forwarder: forwarder.has_failed)

    def _forget(self, is_over: Callable[[Forwarder], bool]) -> None:
        for id_, forwarder in list(self._forwarders.items()):
            if is_over(forwarder):
                self._end(forwarder)
                del self._forwarders[id_]

    def _end(self, forwarder: Forwarder) -> None:
        forwarder.stop()
        self._ending.append(forwarder)


def _proper(headers: ExtraHeaders | None) -> ExtraHeaders | None:
    """Leave out headers with names that cannot be sent: peers use any bytes."""
    return None if headers is None else [(name, value) for name, value in headers if is_name(name)]


@dataclass(frozen=True)
class _Known:
    """What a subscriber knows of an application.

    Attributes:
        fingerprint: The fingerprint that the registration had at that time.
        names: Names of the types that were registered with a subscriber that may not get the registration; None if the
            subscriber has the registration.
    """

    fingerprint: bytes
    names: Sequence[str] | None = None

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return 500 + sum(map(sys.getsizeof, self.names or ()))


class Forwarder:
    """Sends to one subscriber, in a daemon thread.

    Attributes:
        lost: How many messages did not reach the subscriber.
        has_failed: Whether the subscription has ended because sending has failed several times in a row. What comes
            from then on is lost.
        host: Address of the subscriber.
    """

    def __init__(
        self,
        client: GNTPClient,
        ttl: float,
        report: Callable[[str, int], None],
        shared: Shared | None = None,
        with_pictures: Callable[[RegisterRequest], RegisterRequest] = lambda request: request,
    ) -> None:
        """Start the thread.

        Args:
            client: Sends to the subscriber.
            ttl: Seconds until the subscription ends.
            report: Called, in any thread, with the reason and the number of messages lost so far: once in
                :data:`LOSS_INTERVAL`, and at the end with the last number.
            shared: What it shares with the other forwarders of the hub; None for one that is alone.
            with_pictures: Puts pictures in the place of their identifiers in a registration.
        """
        self.lost: int = 0
        self.has_failed: bool = False
        self.host: str = client.address[0]
        self._reported = 0
        self._reason = ""
        self._losing = threading.Lock()  # guards the three above: both the server's loop and the thread count losses
        self._client = client
        encryption = client.packer_factory.encryption
        self._cipher_id = encryption.algorithm_id if encryption else None
        self._report = report
        self._throttle = Throttle(LOSS_INTERVAL)
        self._ends_at = time.monotonic() + ttl
        self._shared = shared or Shared(ALL_QUEUES_BYTES, SENDING_BYTES)
        self._with_pictures = with_pictures
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._known_size = 0
        self._waiting = ForwardQueue(self._shared, QUEUE_SIZE, QUEUE_BYTES)
        self._thread = threading.Thread(target=self._run, name="gntp-forwarder", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether its thread has not ended yet: it may still send the last message."""
        return self._thread.is_alive()

    def sends_like(self, client: GNTPClient) -> bool:
        """Tell whether another client would send to the same address, with the same password, hash and cipher."""
        return (self._client.packer_factory, self._client.address) == (client.packer_factory, client.address)

    def renew(self, ttl: float) -> None:
        """Let the subscription end ``ttl`` seconds from now."""
        self._ends_at = time.monotonic() + ttl

    def has_ended(self) -> bool:
        """Tell whether the subscription has ended."""
        return time.monotonic() >= self._ends_at

    def take(self, message: Message) -> None:
        """Send a message as soon as those before it are sent. One that this subscriber may not get counts as lost."""
        if not may_be_handed_on(message.came_by, self._cipher_id):
            subscription = f"has only {self._cipher_id}" if self._cipher_id else "is in clear"
            came = f"it came encrypted ({message.came_by})"
            self._lose(f"{came} and the subscription {subscription}: subscribe with --encryption AES")
            return
        if not self._waiting.put(message):
            self._lose(_FAILED if self.has_failed else "it takes them more slowly than they come")

    def _lose(self, reason: str, count: int = 1) -> None:
        with self._losing:
            self.lost += count
            self._reason = reason
            if self._throttle.allow() is None:
                return
            count = self._reported = self.lost
        self._report(reason, count)

    def stop(self) -> None:
        """Let the thread end after the message that it sends now; the rest is lost. Stopping twice is harmless."""
        self._drop_the_rest("its subscription has ended")
        if self.has_failed:  # its thread has ended before
            self._report_the_rest()

    def _drop_the_rest(self, reason: str) -> None:
        dropped = self._waiting.close()
        if dropped:
            self._lose(reason, dropped)

    def _report_the_rest(self) -> None:
        with self._losing:
            reason, count, reported = self._reason, self.lost, self._reported
            self._reported = count
        if count > reported:
            self._report(reason, count)

    def _run(self) -> None:
        failures = 0
        with self._client:
            while failures < MAX_FAILURES and (message := self._waiting.take()) is not None:
                try:
                    self._send(message)
                    failures = 0
                except GNTPError as error:
                    self._lose(str(error))
                    is_there = isinstance(error, GNTPResponseError) and not isinstance(error, GNTPAuthenticationError)
                    failures = 0 if is_there else failures + 1
        if failures:
            self.has_failed = True
            self._drop_the_rest(_FAILED)
            self._waiting.take()  # the last one, too
        else:
            self._report_the_rest()

    def _send(self, message: Message) -> None:
        """Send a message. First register its application, if the subscriber does not know it, or has forgotten it."""
        request = message.request
        if isinstance(request, RegisterRequest):
            self._process(request)
            self._remember(request.app_name, _Known(message.registered.fingerprint))
            return
        needed = self._needed(message, request.notification.name)
        if self._known.get(request.app_name) != needed:
            self._register(needed, message)
        try:
            self._process(request)
        except GNTPResponseError as error:
            if error.error_code not in NOT_REGISTERED:
                raise
            self._register(needed, message)
            self._process(request)

    def _process(self, request: Forwardable) -> None:
        """Send a request; without its pictures, if others take the room for sending."""
        bare = without_pictures(request)
        for each, timeout in ((request, 0.0), (bare, FORWARD_TIMEOUT)):
            with self._shared.sending(each, timeout) as fits:
                if fits:
                    self._client.process_request(each)
                    return
        raise GNTPTimeoutError("the hub has no room to send it: other subscribers are slow")

    def _needed(self, message: Message, name: str) -> _Known:
        """Return what this subscriber must know before it gets a NOTIFY."""
        fingerprint = message.registered.fingerprint
        if may_be_handed_on(message.registered_by, self._cipher_id):
            return _Known(fingerprint)
        # A REGISTER replaces the whole list, so the earlier names are sent again. The names of a registration that was
        # replaced are not: the list would grow beyond what one request may hold.
        known = self._known.get(message.registration.app_name)
        names = known.names or () if known is not None and known.fingerprint == fingerprint else ()
        return _Known(fingerprint, names if name in names else (*names, name))

    def _register(self, needed: _Known, message: Message) -> None:
        if needed.names is None:
            request = self._with_pictures(message.registration)
        else:
            # Pictures and display names came encrypted, and stay here. The names of the types are in the NOTIFYs, too.
            request = RegisterRequest(message.registration.app_name, None, [Event(name) for name in needed.names])
        self._process(dataclasses.replace(request, received=message.request.received))
        self._remember(request.app_name, needed)

    def _remember(self, app_name: str, known: _Known) -> None:
        self._forget(app_name)
        self._known[app_name] = known
        self._known_size += known.size
        while len(self._known) > MAX_APPLICATIONS or (self._known_size > KNOWN_BYTES and len(self._known) > 1):
            self._forget(next(iter(self._known)))

    def _forget(self, app_name: str) -> None:
        forgotten = self._known.pop(app_name, None)
        if forgotten is not None:
            self._known_size -= forgotten.size


_FAILED: Final = f"its subscription has ended after {MAX_FAILURES} failures in a row"
