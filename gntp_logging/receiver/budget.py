"""What peers may use of a server: its bounds, the memory that is used, and how soon a wrong key is refused.

``places.py`` decides which connection gives way when there are too many.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Final

from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.wire import Limits

MAX_PEERS: Final = 1000
"""Peers whose failures are remembered; the one that failed longest ago is forgotten first."""

FREE_FAILURES: Final = 3
"""Wrong keys that are refused without a delay: people mistype."""

_FIRST_DELAY: Final = 0.1
_LAST_DELAY: Final = 3.0
"""Seconds of delay, doubling from the first to the last."""

FORGIVENESS: Final = 60.0
"""Seconds without a failure after which a peer's failures are forgotten."""


@dataclass(frozen=True)
class Budget:
    """Bounds. Sizes are bytes of requests that are not complete yet, and of answers that were not taken yet.

    Attributes:
        connections: Connections of all peers; fewer if the process may not have so many descriptors.
        tls_connections: Connections of all peers on a server with TLS, where each takes more memory.
        connections_per_peer: Connections of one address.
        silent_per_peer: Connections of one address that have shown no valid key, on a server with passwords.
        held: Bytes of all peers.
        held_per_peer: Bytes of one address; room for one request of the largest size that is read.
    """

    connections: int = 1000
    tls_connections: int = 130
    connections_per_peer: int = 750
    silent_per_peer: int = 50
    held: int = 24 * 1024 * 1024
    held_per_peer: int = 21 * 1024 * 1024


DEFAULT_BUDGET: Final = Budget()

REQUEST_LIMITS: Final = Limits(all_sections=16 * 1024 * 1024)
"""Bounds of one request: 4 MB of headers, and 16 MB of pictures."""


class Usage:
    """What peers use of a budget at the moment.

    Attributes:
        budget: The bounds.
    """

    def __init__(self, budget: Budget) -> None:
        """Begin with nothing used."""
        self.budget: Budget = budget
        self._connections: Counter[str] = Counter()
        self._all_connections = 0
        self._held: Counter[str] = Counter()
        self._all_held = 0
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def connections(self, peer: str | None = None) -> int:
        """Return how many connections a peer has, or all have."""
        return self._all_connections if peer is None else self._connections[peer]

    def connect(self, peer: str) -> bool:
        """Count a new connection.

        Args:
            peer: Address of the peer.

        Returns:
            False if there is no room for it; it is not counted then.
        """
        budget = self.budget
        if self._all_connections >= budget.connections or self._connections[peer] >= budget.connections_per_peer:
            return False
        self._all_connections += 1
        self._connections[peer] += 1
        return True

    def disconnect(self, peer: str) -> None:
        """Release a connection that has ended."""
        self._all_connections -= 1
        _lessen(self._connections, peer, 1)

    def hold(self, peer: str, size: int) -> None:
        """Count bytes of a request that is not complete, or of an answer that was not taken.

        Args:
            peer: Address of the peer.
            size: Bytes to add.

        Raises:
            GNTPProtocolError: With 300, if there is no room; the bytes are counted all the same.
        """
        self._all_held += size
        self._held[peer] += size
        if self._all_held > self.budget.held or self._held[peer] > self.budget.held_per_peer:
            raise GNTPProtocolError("too much at once: this server has no room for the request")

    def release(self, peer: str, size: int) -> None:
        """Release bytes: their request is complete, their answer was taken, or both were given up.

        Args:
            peer: Address of the peer.
            size: Bytes to subtract.
        """
        self._all_held -= size
        _lessen(self._held, peer, size)

    # -- Wrong keys ------------------------------------------------------------------------------

    def delay(self, peer: str) -> float:
        """Count a wrong key, and return how long to delay its refusal. Right keys are never delayed.

        Args:
            peer: Address of the peer.

        Returns:
            Seconds to wait before the refusal.
        """
        now = time.monotonic()
        failures, last = self._failures.pop(peer, (0, now))
        failures = 1 if now - last > FORGIVENESS else failures + 1
        self._failures[peer] = (failures, now)
        while len(self._failures) > MAX_PEERS:
            self._failures.popitem(last=False)
        if failures <= FREE_FAILURES:
            return 0.0
        return min(_LAST_DELAY, _FIRST_DELAY * 2.0 ** min(failures - FREE_FAILURES - 1, 10))


def _lessen(counter: Counter[str], peer: str, size: int) -> None:
    """Subtract, and keep no zeros: addresses come and go."""
    counter[peer] -= size
    if counter[peer] <= 0:
        del counter[peer]
