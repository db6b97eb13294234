"""A broker as a transport: a host publishes to Redis what it has to report, and a relay shows it."""

from __future__ import annotations

import ipaddress
import platform
import time
from collections.abc import Hashable, Iterator, Sequence

from gntp_logging.alerts.context import MACHINE
from gntp_logging.delivery.dropped import INTERNAL_ERROR
from gntp_logging.delivery.transport import OutgoingAlert, SendResult, SendStatus

from .redis_streams import BrokerError, RedisStreams
from .wire import Report, encode

_PUBLISHED = SendResult(SendStatus.SHOWN)


class Publisher:
    """Publishes batches of tallies; a :class:`..delivery.transport.Transport`.

    Attributes:
        label: The broker's address.
        timeout: Seconds that one exchange may take.
        batch_size: One, because one batch holds the tallies of many incidents.
        takes_tallies: Yes.
        failure_key: The broker's address.
    """

    def __init__(self, url: str, timeout: float, app_name: str, keys: Sequence[bytes] = ()) -> None:
        """Keep where to publish. Nothing is sent.

        Args:
            url: The broker's URL.
            app_name: The application's name.
            keys: The keys of the fleet: the first one signs. Empty if the fleet has no key.

        Raises:
            ValueError: If the URL is not that of a broker.
        """
        self._streams = RedisStreams(url, timeout)
        self.label: str = self._streams.label
        self.timeout: float = timeout
        self.batch_size: int = 1
        self.takes_tallies: bool = True
        self.failure_key: Hashable = self.label
        self._app_name = app_name
        self._key = keys[0] if keys else None

    def may_deliver_inline(self) -> bool:
        """Tell whether the broker's name needs no look-up: no deadline would bound that."""
        return self._streams.is_connected or _is_address(self._streams.host)

    def forget(self) -> None:
        """Drop the connection: after a fork it is the parent's."""
        self._streams.close()

    def close(self) -> None:
        """Close the connection; the next batch opens another."""
        self._streams.close()

    def send(self, batch: Sequence[OutgoingAlert], deadline: float) -> Iterator[SendResult]:
        """Publish batches of tallies. A batch without an answer may be sent again, and counts once.

        ``unanswered`` is 0 if this try was refused, and else 1: no number of tries is too many.

        Args:
            batch: The batches; the id of each names the producer and its number.
            deadline: When to end, in seconds of time.monotonic; infinity if only ``timeout`` counts.

        Yields:
            The result for each batch. No answer of the broker drops a batch: it is tried again.
        """
        for outgoing in batch:
            yield self._publish(outgoing, deadline)

    def _publish(self, outgoing: OutgoingAlert, deadline: float) -> SendResult:
        producer, _, number = outgoing.id_.rpartition("-")
        try:
            entries = [encode(report, self._key) for report in self._reports(outgoing)]
        except Exception as error:  # noqa: BLE001 - tried again, it would block all others for ever
            return SendResult(SendStatus.DROPPED, INTERNAL_ERROR, f"{type(error).__name__}: {error}")
        try:
            self._streams.publish(producer, int(number), entries, deadline)
        except BrokerError as error:
            return SendResult(SendStatus.RETRY, "broker", str(error), int(error.may_have_been_done))
        return _PUBLISHED

    def _reports(self, outgoing: OutgoingAlert) -> Iterator[Report]:
        for index, tally in enumerate(outgoing.tallies):
            alert = tally.newest if index else outgoing.alert  # this one also reports what was dropped
            machine = dict(alert.context).get(MACHINE) or platform.node() or "-"
            now = time.time()  # read at each try: hours may lie between two
            yield Report.of(self._app_name, machine, tally.count, alert, now - tally.first, now - tally.last)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
