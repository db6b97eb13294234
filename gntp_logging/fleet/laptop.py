"""A laptop: pulls from the broker over connections of its own, counts as a relay does, and shows in its own process.

It needs no relay, and nothing has to reach it. No other process shows here, so there is no lease. What was shown is
written into a file of this installation. After sleep, or on the next day, the file tells what is still to be shown.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gntp_logging.alerts import icons
from gntp_logging.alerts.levels import LevelMap
from gntp_logging.delivery.dropped import INTERNAL_ERROR, INVALID
from gntp_logging.delivery.gntp_transport import notify_request
from gntp_logging.delivery.spool_lock import claim
from gntp_logging.delivery.transport import OutgoingAlert, SendResult, SendStatus
from gntp_logging.gntp.constants import random_hex_string
from gntp_logging.gntp.exceptions import GNTPError
from gntp_logging.gntp.models import Event
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest

from .desktop import Desktop, DesktopSettings
from .incidents import DeskSettings
from .redis_streams import RedisStreams
from .relay import Relay, RelaySettings

Show = Callable[[RegisterRequest, NotifyRequest], None]
"""Shows a notification, and returns when it is shown. Raises GNTPError if the notification is not wanted, and OSError
if it should be tried again."""

_HERE: Final = "this machine"
"""The laptop's name in lines for people."""

_LOOK: Final = 0.2
"""Seconds between two looks: the broker may be far away, and the laptop on its battery. What the laptop has counted
itself is shown at once."""

_INSTALLATION: Final = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class LaptopSettings:
    """What a laptop pulls, and what it shows of that.

    Attributes:
        broker: URL of the broker from which it pulls.
        timeout: Seconds that one exchange with the broker may take.
        keys: The keys of the fleet, as for a relay.
        desk: Which incidents it shows, and when they end.
    """

    broker: str
    timeout: float
    keys: Sequence[bytes]
    desk: DeskSettings


def laptop(settings: LaptopSettings, ledger: OwnLedger, show: Show, report: Callable[[str], None]) -> Relay:
    """Return a relay that counts, and shows on this machine. Nothing is sent yet.

    Args:
        report: Takes a line for people.

    Raises:
        ValueError: If the broker's URL is not valid.
    """
    streams = RedisStreams(settings.broker, settings.timeout)
    here = DesktopSettings(_HERE, functools.partial(OwnTransport, show), settings.desk)
    name = f"laptop-{ledger.installation}-{random_hex_string(4)}"
    counting = RelaySettings(settings.broker, settings.timeout, settings.keys, None, ())
    return Relay(counting, report, name, [Desktop(here, streams, ledger, report, look_every=_LOOK)])


# -- What was shown ------------------------------------------------------------------------------


@contextlib.contextmanager
def own_ledger(folder: str, broker: str, report: Callable[[str], None]) -> Iterator[OwnLedger]:
    """Yield the ledger that this installation has for a broker.

    If another process has it, or no file can be made, the ledger is kept in memory, and ends with this process.

    Args:
        folder: The folder of its file; made if it is missing.
        broker: The broker's address, without user and password.
        report: Takes a line for people.
    """
    name = hashlib.sha256(broker.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    path = os.path.join(folder, f"shown-{name}.json")
    with contextlib.ExitStack() as held:
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            is_own = held.enter_context(claim(path, "pulling"))
        except OSError as error:
            report(f"what is shown is not remembered: {error}")
            is_own = False
        else:
            if not is_own:
                report(f"what is shown is not remembered: another gntp-logging listen pulls from {broker}")
        yield OwnLedger(path if is_own else None, report)


class OwnLedger:
    """A ledger that only this process reads and writes; see :class:`.desktop.Ledger`.

    Attributes:
        installation: Id of this installation; another one under the same machine's name has another id.
    """

    has_one_writer: Final = True

    def __init__(self, path: str | None, report: Callable[[str], None]) -> None:
        """Read what was written before.

        Args:
            path: The file; None keeps it in memory.
            report: Takes a line for people.
        """
        self._path = path
        self._report = report
        self._is_held = False
        self._has_failed = False
        installation, self._written = _read(path) if path else ("", {})
        self.installation: str = installation or random_hex_string(8)

    def hold(self) -> bool:
        """Return whether the ledger must be read: at the beginning, and after a failure."""
        is_new = not self._is_held
        self._is_held = True
        return is_new

    def is_held(self) -> bool:
        """Tell whether :meth:`hold` was called, and nothing has failed since."""
        return self._is_held

    def deadline(self) -> float:
        """Return infinity while the right is held: it does not expire."""
        return math.inf if self._is_held else 0.0

    def lose(self) -> None:
        """Let the next :meth:`hold` have the ledger read again."""
        self._is_held = False

    def give_back(self) -> None:
        """Let the next :meth:`hold` have the ledger read again."""
        self._is_held = False

    def reported(self) -> dict[str, str]:
        """Return what the ledger holds, by member."""
        return dict(self._written)

    def note(self, shown: Mapping[str, str], forgotten: Sequence[str]) -> bool:
        """Write what is shown; return True. If the file cannot be written, report that once, and go on in memory."""
        self._written.update(shown)
        for member in forgotten:
            self._written.pop(member, None)
        if self._path is not None:
            try:
                _write(self._path, self.installation, self._written)
            except OSError as error:
                if not self._has_failed:
                    self._report(f"what is shown is not remembered: {error}")
                self._has_failed = True
        return True


def _read(path: str) -> tuple[str, dict[str, str]]:
    """Return the installation's id and what was shown; both empty if the file is missing, or cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        installation, shown = found["installation"], found["shown"]
        if not _INSTALLATION.fullmatch(installation) or not all(type(text) is str for text in shown.values()):
            return "", {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", {}
    return installation, shown


def _write(path: str, installation: str, shown: Mapping[str, str]) -> None:
    """Write a file that is whole at every moment, and that only its owner can read."""
    new = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump({"installation": installation, "shown": shown}, file)
    os.replace(new, path)


# -- Showing -------------------------------------------------------------------------------------


class OwnTransport:
    """Shows alerts in this process; a :class:`..delivery.transport.Transport`.

    Attributes:
        label: This machine.
        timeout: Infinite: nothing is sent.
        batch_size: One.
        takes_tallies: No.
        failure_key: This machine.
    """

    def __init__(self, show: Show, app_name: str) -> None:
        """Keep the function that shows, and the application's name."""
        self.label: str = _HERE
        self.timeout: float = math.inf
        self.batch_size: int = 1
        self.takes_tallies: bool = False
        self.failure_key: Hashable = _HERE
        self._show = show
        self._app_name = app_name
        self._events = {event.name: event for event in LevelMap(icons.default_styles()).events()}

    def may_deliver_inline(self) -> bool:
        """Return True: no name has to be looked up."""
        return True

    def forget(self) -> None:
        """Do nothing: there is no answer to forget."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def send(self, batch: Sequence[OutgoingAlert], deadline: float) -> Iterator[SendResult]:
        """Show alerts.

        Args:
            batch: The alerts, the oldest first.
            deadline: Ignored: showing takes no time.

        Yields:
            What became of each.
        """
        del deadline
        for outgoing in batch:
            yield self._shown(outgoing)

    def _shown(self, outgoing: OutgoingAlert) -> SendResult:
        event = self._events.get(outgoing.alert.event) or Event(outgoing.alert.event)
        try:
            self._show(RegisterRequest(self._app_name, None, [event]), notify_request(self._app_name, outgoing))
        except GNTPError as error:
            return SendResult(SendStatus.DROPPED, INVALID, str(error))
        except OSError as error:
            return SendResult(SendStatus.RETRY, "receiver", str(error))
        except Exception as error:  # noqa: BLE001 - one alert must not keep the others from being shown
            return SendResult(SendStatus.DROPPED, INTERNAL_ERROR, f"{type(error).__name__}: {error}")
        return SendResult(SendStatus.SHOWN)
