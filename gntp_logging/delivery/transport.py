"""What the worker knows of the place where alerts go: a transport, which may be a GNTP server or something else.

The worker calls a transport from one thread at a time. A transport raises nothing, logs nothing and warns of nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from gntp_logging.alerts.alert import Alert

from .digest import Tally

MAX_SENDINGS: Final = 2
"""How often an alert is sent while no answer to it comes, though the server answers. It may be shown each time."""


@dataclass(frozen=True)
class OutgoingAlert:
    """One alert as a transport gets it.

    Attributes:
        alert: The alert, without its secrets.
        id_: Its Notification-ID. It is the same at every try, so that a desktop that got it twice shows it once.
        coalescing_id: The id of the toast that it updates, or its own.
        unanswered: How often it was sent without an answer before.
        tallies: What the coalescing id stands for so far: one tally, or in a digest one for each fingerprint.
        incident: What the records have in common, where a relay has counted; else the alert's fingerprint says.
        hosts: On how many machines they were logged, where a relay has counted; else 0.
    """

    alert: Alert
    id_: str
    coalescing_id: str
    unanswered: int = 0
    tallies: Sequence[Tally] = ()
    incident: str = ""
    hosts: int = 0


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


class Transport(Protocol):
    """Where alerts go.

    Attributes:
        label: Names the place for people, such as ``localhost:23053``.
        timeout: Seconds that one exchange may take.
        batch_size: How many alerts it takes at one time.
        takes_tallies: Whether it counts by itself: it gets batches of tallies, and counts one that comes twice once.
        failure_key: Equal for transports that fail for the same reason; one line on stderr serves them all.
    """

    @property
    def label(self) -> str: ...  # noqa: D102 - see above
    @property
    def timeout(self) -> float: ...  # noqa: D102
    @property
    def batch_size(self) -> int: ...  # noqa: D102
    @property
    def takes_tallies(self) -> bool: ...  # noqa: D102
    @property
    def failure_key(self) -> Hashable: ...  # noqa: D102

    def may_deliver_inline(self) -> bool:
        """Tell whether a send would keep to its deadline now; it may not while a name has to be looked up."""

    def forget(self) -> None:
        """Forget what the place has answered so far: this is another process, or its user wants a fresh start."""

    def send(self, batch: Sequence[OutgoingAlert], deadline: float) -> Iterable[SendResult]:
        """Send alerts.

        Args:
            batch: The alerts, the oldest first; no two have one Coalescing-ID.
            deadline: When to end, in seconds of time.monotonic; infinity where only ``timeout`` counts.

        Returns:
            What became of each, in their order; as soon as it is known, where the result is an iterator.
        """

    def close(self) -> None:
        """Close what is kept open; the next send opens it again."""
