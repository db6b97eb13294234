"""Redis as the broker: one connection, and the commands of hosts and relays. The only module that imports redis.

The connection has no pool, no retries, and none of the commands that redis-py adds by itself. redis-py would try a
closed port ten times: longer than a program has to end. Every failure is a :class:`BrokerError`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from gntp_logging.gntp.constants import random_hex_string
from gntp_logging.gntp.network import host_and_port

from . import scripts
from .scripts import GROUP, Script

MAX_ENTRIES: Final = 100_000
"""Entries at which the stream takes no more. They take 100 MB, and no relay counts them."""

_FIRST_VERSION: Final = 7
"""Oldest version of Redis that works: in older ones, entries that were deleted stay pending for ever."""

_OF_A_CLUSTER: Final = (AskError, ClusterDownError, ClusterCrossSlotError)  # MOVED is an AskError, too

_REFUSED: Final = (
    *_OF_A_CLUSTER, AuthenticationError, BusyLoadingError, MasterDownError, NoPermissionError, OutOfMemoryError,
    ReadOnlyError,
)  # fmt: skip
_REFUSED_WORDS: Final = ("BUSY ", "MISCONF ", "NOREPLICAS ")
"""With these answers Redis refuses a command, or a script's first change, before anything is done."""

_IDLE: Final = 2000
"""Milliseconds after which a relay takes over entries that another has read. Each counts once, whichever counts it."""

_AT_ONCE: Final = 200
"""Entries that are read in one call."""


class BrokerError(Exception):
    """Redis cannot be reached, or does not do what is asked; the text says why.

    Attributes:
        may_have_been_done: Whether Redis may have done all the same what was asked.
    """

    may_have_been_done: bool = False


class StreamIsFullError(BrokerError):
    """The stream takes no more entries: no relay has counted for a long time."""

    def __init__(self) -> None:
        """Say how many entries wait, and ask for a relay."""
        super().__init__(f"{MAX_ENTRIES:,} entries wait to be counted; is a relay running?")


class StreamIsGoneError(BrokerError):
    """Redis has lost its data: there is no stream, or no group of relays that reads it."""


class Entry(NamedTuple):
    """An entry of the stream, as a relay reads it."""

    id_: str
    fields: Mapping[bytes, bytes]


class Counted(NamedTuple):
    """An entry, and under which names it counts.

    Attributes:
        id_: The entry's ID.
        member: The incident's member, see :mod:`.scripts`.
        records: How many records it stands for.
        place: The place where they are counted, see :mod:`.scripts`.
        slot: The slot that keeps the alert, see :mod:`.scripts`.
        alert: The newest alert, in JSON.
        first: How many ms before the entry the first record was logged.
        last: How many ms before the entry the last record was logged.
    """

    id_: str
    member: str
    records: int
    place: str
    slot: str
    alert: str
    first: int = 0
    last: int = 0


class Changes(NamedTuple):
    """What has changed since the last look.

    Attributes:
        now: The broker's clock, in ms.
        newest_end: When the last incident that ended did so, in ms; 0 if none has ended.
        quiet: Seconds without records after which relays end an incident; 0 if no relay has set them.
        incidents: Fields of the incidents, by their members.
    """

    now: int
    newest_end: int
    quiet: float
    incidents: dict[str, dict[str, str]]


class BrokerStatus(NamedTuple):
    """How the broker is doing.

    Attributes:
        published: Entries that hosts have added since the stream was made.
        length: Entries that wait to be counted.
        pending: Those among them that a relay has read.
        lag: Seconds that the oldest of them waits.
        incidents: How many incidents are open.
        kept_aside: How many entries are kept that could not be counted.
        counted: Records that were counted.
        repeated: Entries that two relays had read, and one had counted.
        set_aside: Entries that could not be counted.
        holders: By desktop, which relay shows there; an empty string if none does.
    """

    published: int
    length: int
    pending: int
    lag: float
    incidents: int
    kept_aside: int
    counted: int
    repeated: int
    set_aside: int
    holders: dict[str, str]


class RedisStreams:
    """One connection to Redis, made when it is needed. For one thread.

    Attributes:
        label: The address, without user and password.
        timeout: Seconds that one exchange may take.
    """

    def __init__(self, url: str, timeout: float) -> None:
        """Read the address. Nothing is sent.

        Args:
            url: ``redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]``, or ``rediss://`` for TLS.

        Raises:
            ValueError: If the URL has another form.
        """
        # redis-py would also send its own name, and ask for notices of maintenance. Each is one more exchange with a
        # time limit of its own, and needs rights that a host has no other use for.
        pool = ConnectionPool.from_url(
            url,
            protocol=3,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        connection: Any = pool.make_connection()  # redis-py's own types promise less than it does
        self._connection = connection
        self.label: str = (
            f"{url.partition('://')[0]}://{host_and_port(connection.host, connection.port)}/{connection.db}"
        )
        self.host: str = connection.host
        self.timeout: float = timeout

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, so that no name has to be looked up."""
        return bool(self._connection.is_connected)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._connection.disconnect()

    def _call(self, *command: str | bytes | float, deadline: float = math.inf, patience: float = 0.0) -> Any:
        """Send one command, and return the answer.

        Args:
            deadline: When to end, in seconds of time.monotonic.
            patience: Seconds that the command itself may wait in Redis, beside those of the exchange.

        Raises:
            BrokerError: If there is no answer, or it is an error. Without an answer the connection is closed.
        """
        is_sent = False
        try:
            if self._is_stale():
                self._connection.disconnect()
            self._set_timeout(min(self.timeout, deadline - time.monotonic()) + patience)
            if not self._connection.is_connected:
                self._connection.connect()
                self._check_version()
            is_sent = True
            self._connection.send_command(*command, check_health=False)
            return self._connection.read_response()
        except NoScriptError:
            raise
        except ResponseError as error:
            if str(error).startswith(("NOGROUP", "UNBLOCKED")):  # UNBLOCKED: while a read waited
                raise StreamIsGoneError(str(error)) from error
            # It may be a replica. After a new connection, the address may lead to a Redis that accepts the command.
            self._connection.disconnect()
            raise _failure(error, is_sent=is_sent) from error
        except (RedisError, OSError, ValueError) as error:  # ValueError: the connection was closed during this call
            self._connection.disconnect()  # a late answer must not be taken for that of the next command
            raise _failure(error, is_sent=is_sent) from error
        except BaseException:
            self._connection.disconnect()
            raise

    def _is_stale(self) -> bool:
        """Tell whether Redis has closed the connection since the last call: it has ended, or its ``timeout`` passed."""
        try:
            return bool(self._connection.is_connected and self._connection.can_read(0))
        except (RedisError, OSError):
            return True

    def _set_timeout(self, seconds: float) -> None:
        if seconds <= 0:
            raise BrokerError("no time is left")
        connection = self._connection
        connection.socket_timeout = connection.socket_connect_timeout = seconds
        if connection.is_connected:
            connection._sock.settimeout(seconds)  # noqa: SLF001 - read_response's own is for reading alone

    def _check_version(self) -> None:
        version = _text((self._connection.handshake_metadata or {}).get(b"version", b""))
        if version.split(".")[0].isdecimal() and int(version.split(".")[0]) < _FIRST_VERSION:
            self._connection.disconnect()
            raise BrokerError(f"this is Redis {version}; version {_FIRST_VERSION} or later is needed")

    def _run(self, script: Script, keys: Sequence[str], *args: str | bytes | float, deadline: float = math.inf) -> Any:
        """Run a script. Its text is sent only if Redis does not know the script, as after each restart."""
        try:
            return self._call("EVALSHA", script.sha, len(keys), *keys, *args, deadline=deadline)
        except NoScriptError:
            return self._call("EVAL", script.text, len(keys), *keys, *args, deadline=deadline)

    # -- Hosts ---------------------------------------------------------------------------------

    def publish(self, producer: str, number: int, entries: Sequence[Mapping[bytes, bytes]], deadline: float) -> None:
        """Add entries to the stream, all or none. A batch that was added before is not added again.

        Args:
            producer: Name of the process that publishes.
            number: The batch's number; greater than that of the producer's batch before.
            entries: Their fields, as :func:`.wire.encode` makes them.
            deadline: When to end, in seconds of time.monotonic.

        Raises:
            StreamIsFullError: If too many entries wait.
            BrokerError: If the entries were not added, or if that is not known.
        """
        values = [value for fields in entries for value in fields.values()]
        keys = (scripts.STREAM, f"{scripts.PRODUCER}{producer}")
        said = self._run(
            scripts.PUBLISH, keys, number, MAX_ENTRIES, scripts.WEEK, *values, deadline=deadline
        )  # fmt: skip
        if said == b"full":
            raise StreamIsFullError

    # -- Relays: counting ----------------------------------------------------------------------

    def make_group(self) -> bool:
        """Make the group of relays, which reads the stream from its beginning; return True if there was none."""
        return bool(self._run(scripts.MAKE_GROUP, (scripts.STREAM,), GROUP))

    def read(self, consumer: str, wait: float) -> list[Entry]:
        """Return entries that no relay has read; wait until there are some.

        Args:
            consumer: Name of this relay.
            wait: Seconds to wait at most.

        Raises:
            StreamIsGoneError: If there is no stream, or no group.
        """
        found = self._call(
            "XREADGROUP", "GROUP", GROUP, consumer, "COUNT", _AT_ONCE, "BLOCK", int(wait * 1000), "STREAMS",
            scripts.STREAM, ">", patience=wait,
        )  # fmt: skip
        if not found:
            return []
        (entries,) = found.values() if isinstance(found, dict) else [part[1] for part in found]
        return _entries(entries)

    def claim(self, consumer: str, cursor: str) -> tuple[str, list[Entry]]:
        """Take over entries that another relay has read and not counted.

        Args:
            cursor: Where the last call has ended, or ``0``.

        Returns:
            Where this call has ended, and the entries.
        """
        found = self._call("XAUTOCLAIM", scripts.STREAM, GROUP, consumer, _IDLE, cursor, "COUNT", _AT_ONCE)
        return _text(found[0]), _entries(found[1])

    def count(self, entries: Sequence[Counted], kept: float) -> int:
        """Count entries, acknowledge and delete them, in one step. Only the first call for an entry counts it.

        Args:
            kept: Seconds that an incident is kept if no relay ends it.

        Returns:
            How many records were counted.
        """
        values = [value for entry in entries for value in entry]
        keys = (scripts.STREAM, scripts.OPEN, scripts.COUNTERS)
        bounds = (scripts.MAX_PLACES, scripts.MAX_SLOTS)
        return int(self._run(scripts.COUNT, keys, GROUP, scripts.INCIDENT, int(kept), *bounds, *values))

    def set_aside(self, id_: str, kept: bytes) -> None:
        """Acknowledge and delete an entry that cannot be counted, and keep some of it."""
        keys = (scripts.STREAM, scripts.ASIDE, scripts.COUNTERS)
        self._run(scripts.SET_ASIDE, keys, GROUP, id_, kept, scripts.MAX_LISTED)

    def end_incidents(self, quiet: float | None) -> int:
        """End the incidents that had no record for some seconds; return how many have ended.

        Args:
            quiet: How many seconds; None for the number that a relay has set last.
        """
        keys = (scripts.OPEN, scripts.ENDED, scripts.QUIET)
        ms = "" if quiet is None else int(quiet * 1000)
        bounds = (scripts.MAX_LISTED, scripts.DAY, scripts.MAX_ENDED_PLACES)
        return int(self._run(scripts.END, keys, scripts.INCIDENT, ms, *bounds))

    def forget_consumers(self) -> None:
        """Forget the relays that have been gone for a day, and have left no entries."""
        self._run(scripts.FORGET_CONSUMERS, (scripts.STREAM,), GROUP, scripts.DAY * 1000)

    # -- Relays: showing -----------------------------------------------------------------------

    def hold(self, desktop: str, relay: str, lease: str, seconds: float) -> tuple[str, bool]:
        """Take the lease of a desktop, or renew it.

        Args:
            relay: Name of the relay that asks.
            lease: The lease that it holds; empty for none.
            seconds: How long the lease lasts from now on.

        Returns:
            The lease, empty if another relay has it; and whether it is a new one.
        """
        keys = (f"{scripts.LEASE}{desktop}", f"{scripts.FENCE}{desktop}")
        found = self._run(scripts.HOLD, keys, relay, lease, int(seconds * 1000))
        return (_text(found[0]), bool(found[1])) if found else ("", False)

    def release(self, desktop: str, lease: str) -> None:
        """Give a lease back."""
        self._run(scripts.RELEASE, (f"{scripts.LEASE}{desktop}",), lease)

    def changed(self, since: int) -> Changes:
        """Return the open incidents that have changed.

        Args:
            since: They changed at this time or later, in ms of the broker's clock.
        """
        keys = (scripts.OPEN, scripts.ENDED, scripts.QUIET)
        now, newest_end, quiet, *found = self._run(scripts.CHANGED, keys, scripts.INCIDENT, since)
        incidents = {_text(member): _fields(fields) for member, fields in zip(found[::2], found[1::2], strict=True)}
        incidents = {member: fields for member, fields in incidents.items() if fields}
        return Changes(int(now), int(newest_end), int(quiet) / 1000, incidents)

    def ended(self) -> list[str]:
        """Return the incidents that have ended, in JSON, the newest first."""
        return [_text(item) for item in self._call("LRANGE", scripts.ENDED, 0, -1)]

    def reported(self, desktop: str) -> dict[str, str]:
        """Return what a desktop shows, by member."""
        return _fields(self._call("HGETALL", f"{scripts.REPORTED}{desktop}"))

    def note(self, desktop: str, lease: str, shown: Mapping[str, str], forgotten: Sequence[str] = ()) -> bool:
        """Write what a desktop shows, unless another relay has the lease by now.

        Args:
            shown: What it shows, by member.
            forgotten: Members to delete.

        Returns:
            Whether it was written.
        """
        keys = (f"{scripts.LEASE}{desktop}", f"{scripts.REPORTED}{desktop}")
        values = [text for item in shown.items() for text in item]
        return bool(self._run(scripts.NOTE, keys, lease, 2 * scripts.DAY, len(shown), *values, *forgotten))

    # -- Watching ------------------------------------------------------------------------------

    def version(self) -> str:
        """Connect, and return Redis's version; empty if Redis does not say."""
        self._call("TIME")
        return _text((self._connection.handshake_metadata or {}).get(b"version", b""))

    def status(self, desktops: Sequence[str]) -> BrokerStatus:
        """Return how the broker is doing, and which relays show on some desktops. Nothing is changed."""
        leases = [f"{scripts.LEASE}{desktop}" for desktop in desktops]
        keys = (scripts.STREAM, scripts.OPEN, scripts.ASIDE, scripts.COUNTERS, *leases)
        added, length, pending, age, incidents, kept_aside, found, held = self._run(scripts.STATUS, keys, GROUP)
        counted, repeated, set_aside = (int(_fields(found).get(name, 0)) for name in ("counted", "repeated", "aside"))
        holders = (_text(lease).rpartition(":")[0] for lease in held)
        return BrokerStatus(
            int(added),
            int(length),
            int(pending),
            int(age) / 1000,
            int(incidents),
            int(kept_aside),
            counted,
            repeated,
            set_aside,
            dict(zip(desktops, holders, strict=True)),
        )

    def aside(self) -> list[bytes]:
        """Return what is kept of the entries that could not be counted, the newest first."""
        return list(self._call("LRANGE", scripts.ASIDE, 0, -1))

    def try_out(self) -> None:
        """Do all that a relay does, with keys of its own that are deleted afterwards.

        Raises:
            BrokerError: If Redis refuses: it may be full, or this user may lack a right.
        """
        names = ("stream", "open", "ended", "quiet", "aside", "counters", "lease", "fence", "reported", "incident:m")
        keys = [f"{scripts.TRIAL}{random_hex_string(4)}:{name}" for name in names]
        stream, open_, ended, quiet, aside, counters, lease, fence, reported, incident = keys
        prefix = incident.removesuffix("m")
        try:
            self._call("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
            try:
                entry = _text(self._call("XADD", stream, "*", "d", "", "s", ""))
            except BrokerError as error:
                if "xadd" not in str(error):  # only hosts need that right
                    raise
                entry = "0-1"
            self._call("XREADGROUP", "GROUP", GROUP, "trial", "COUNT", 1, "STREAMS", stream, ">")
            self._call("XAUTOCLAIM", stream, GROUP, "trial", 0, "0", "COUNT", 1)
            counted = Counted(entry, "m", 1, '["", "", 0]', '["", 0]', "")
            bounds = (scripts.MAX_PLACES, scripts.MAX_SLOTS)
            self._run(scripts.COUNT, (stream, open_, counters), GROUP, prefix, 60, *bounds, *counted)
            self._run(scripts.SET_ASIDE, (stream, aside, counters), GROUP, "0-1", "", 1)
            self._run(scripts.HOLD, (lease, fence), "trial", "", 60_000)
            self._run(scripts.CHANGED, (open_, ended, quiet), prefix, 0)
            self._run(scripts.NOTE, (lease, reported), "trial:1", 60, 1, "m", "", "n")
            self._run(scripts.RELEASE, (lease,), "trial:1")
            self._run(scripts.END, (open_, ended, quiet), prefix, -1, 1, 60, 1)
            self._run(scripts.FORGET_CONSUMERS, (stream,), GROUP, scripts.DAY * 1000)
        finally:
            self._call("DEL", *keys)


def _failure(error: Exception, *, is_sent: bool) -> BrokerError:
    failure = BrokerError(_reason(error))
    is_refused = isinstance(error, _REFUSED) or str(error).startswith(_REFUSED_WORDS)
    failure.may_have_been_done = is_sent and not is_refused
    return failure


def _reason(error: Exception) -> str:
    if isinstance(error, _OF_A_CLUSTER):
        return "this is a node of a Redis Cluster, which is not supported"
    text = str(error).partition(" script: ")[0]  # which line of our script was refused says nothing to people
    if text.startswith("HELLO must be called"):  # the rest is for authors of clients
        return "Redis wants a password, and perhaps a user: redis://USER:PASSWORD@HOST"
    return text or type(error).__name__


def _entries(found: Any) -> list[Entry]:
    entries = []
    for id_, fields in found:
        if fields is not None:  # deleted, and claimed
            entries.append(Entry(_text(id_), dict(zip(fields[::2], fields[1::2], strict=True))))
    return entries


def _fields(found: Any) -> dict[str, str]:
    pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
