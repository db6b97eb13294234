"""Metrics of a relay for Prometheus: the broker's numbers, and this relay's own. Imports prometheus_client.

All numbers are read when Prometheus scrapes, over a connection of the scrape's own, so that counting is not disturbed.
While the broker is away, a scrape takes a few seconds, and lacks only the broker's numbers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gntp_logging.delivery.transport import SendStatus
from gntp_logging.gntp.network import host_and_port

from .redis_streams import BrokerError, BrokerStatus, RedisStreams
from .relay import Relay

_PATIENCE: Final = 1.0
"""Seconds that a scrape waits for each answer of the broker: Prometheus gives up on the scrape after ten."""

_PREFIX: Final = "gntp_relay"


@contextlib.contextmanager
def serving(relay: Relay, address: tuple[str, int]) -> Iterator[str]:
    """Serve a relay's metrics inside a ``with``; yield the address, as people write it.

    Raises:
        OSError: If the address cannot be listened on.
    """
    registry = CollectorRegistry()
    registry.register(_RelayCollector(relay))
    host, port = address
    server, thread = start_http_server(port, host, registry)
    try:
        yield host_and_port(host, port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _RelayCollector(Collector):
    """Reads the metrics at each scrape."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def describe(self) -> list[Metric]:
        """Return nothing: registering must not need the broker."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the broker's metrics, if it answers, and those of this relay."""
        settings = self._relay.settings
        streams = RedisStreams(settings.broker, min(settings.timeout, _PATIENCE))
        try:
            found = streams.status(())
        except BrokerError:
            found = None
        finally:
            streams.close()
        yield _gauge("broker_up", "Whether the broker answers.", found is not None)
        if found is not None:
            yield from _of_broker(found)
        shows = CounterMetricFamily(
            f"{_PREFIX}_shows", "This relay's attempts to show a notification, by result.", labels=("desktop", "result")
        )
        leases = GaugeMetricFamily(f"{_PREFIX}_lease_held", "Whether this relay has the lease.", labels=("desktop",))
        for desktop in self._relay.desktops():
            leases.add_metric((desktop.name,), desktop.is_shown_here)
            for status in SendStatus:
                shows.add_metric((desktop.name, status.value), desktop.shows.get(status, 0))
        yield shows
        yield leases


def _of_broker(found: BrokerStatus) -> Iterator[Metric]:
    """Yield the metrics that every relay reports alike."""
    yield _counter("published_entries", "Entries that hosts have added to the stream.", found.published)
    yield _counter("counted_records", "Records that relays have counted.", found.counted)
    yield _counter("repeated_entries", "Entries that two relays had read; they count once.", found.repeated)
    yield _counter("set_aside_entries", "Entries that could not be counted.", found.set_aside)
    yield _gauge("waiting_entries", "Entries that wait to be counted.", found.length)
    yield _gauge("pending_entries", "Entries that a relay has read and not counted yet.", found.pending)
    yield _gauge("lag_seconds", "Seconds that the oldest entry has waited to be counted.", found.lag)
    yield _gauge("open_incidents", "Incidents that have not ended.", found.incidents)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"{_PREFIX}_{name}", meaning, value=value)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", meaning, value=float(value))
