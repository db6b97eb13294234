"""The spool's file: SQLite, shared by processes. Each row is one :class:`.kept.Kept`, and has an owner.

========  ==========================================================================
owner     which process has the row
========  ==========================================================================
a name    the process that holds the lock of this name; when it is dead, none
empty     none: its owner has ended, and has left it to the next process
========  ==========================================================================

A row that no living process has is taken over, in one transaction, by an owner that sends to the same addressee.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.alert_json import from_json, to_json

from .kept import Kept, Kind
from .spool_lock import claim

_APPLICATION_ID: Final = 0x474E5450
"""What marks the file as ours: "GNTP"."""

VERSION: Final = 1
"""The file's ``user_version``. A file of a later version is left as it is."""

MAX_ALERTS: Final = 10_000
MAX_BYTES: Final = 50_000_000
"""Bounds of the whole file: rows, and bytes of alerts and pictures."""

PATIENCE: Final = 5.0
"""Seconds to wait for another process that writes."""

_ROW_BYTES: Final = 300
"""Bytes of a row beside its alert, roughly."""

_TABLES: Final = (
    """CREATE TABLE alerts (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, server TEXT NOT NULL, application TEXT NOT NULL, kind TEXT NOT NULL,
    notification_id TEXT NOT NULL, coalescing_id TEXT NOT NULL, count INTEGER NOT NULL, records INTEGER NOT NULL,
    first REAL, last REAL, priority INTEGER NOT NULL, alert TEXT NOT NULL, picture TEXT, size INTEGER NOT NULL
)""",
    "CREATE INDEX alerts_by_owner ON alerts (owner, server, application, size)",
    "CREATE TABLE pictures (hash TEXT PRIMARY KEY, content BLOB NOT NULL)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

_COLUMNS: Final = "key, kind, notification_id, coalescing_id, count, records, first, last, alert, picture"
_WANTED: Final = "((server = ? AND application = ?) OR last < ?)"

# S608: put together of constants alone.
_INSERT: Final = (
    f"INSERT OR REPLACE INTO alerts (owner, server, application, priority, size, {_COLUMNS})"  # noqa: S608
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_OTHER_OWNERS: Final = f"SELECT DISTINCT owner FROM alerts WHERE owner != ? AND {_WANTED}"  # noqa: S608
_ROWS_OF: Final = (
    f"SELECT server, application, {_COLUMNS} FROM alerts WHERE owner = ? AND {_WANTED}"  # noqa: S608
    " ORDER BY last, key"
)


class SpoolError(OSError):
    """The file cannot be used; the text says why."""


class Addressee(NamedTuple):
    """The server and the application that alerts are for: only a handler with the same ones takes them over.

    Attributes:
        server: Its host and port.
        application: The application's name there.
    """

    server: str
    application: str

    def __str__(self) -> str:
        """Name server and application for people."""
        return f"{self.server} ({self.application})"


class Waiting(NamedTuple):
    """How many records wait for an addressee."""

    addressee: Addressee
    records: int


class SpoolFile:
    """One connection to the file, for one thread at a time.

    Attributes:
        is_open: False once it is closed.
    """

    def __init__(self, path: str, *, patience: float = PATIENCE) -> None:
        """Open the file; make it if there is none.

        Args:
            path: Where it is.
            patience: Seconds to wait for another process that writes.

        Raises:
            SpoolError: If it cannot be used. It is left as it is.
        """
        self._path = path
        self.is_open: bool = True
        with _explained():
            _make_private(path)
            self._connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(time.monotonic() + patience)
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self, deadline: float) -> None:
        while self._is_new():
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                # Another process is making the file. SQLite waits for its lock everywhere but here.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
                continue
            with self.transaction():
                if self._is_new():  # else another process was faster
                    for statement in _TABLES:
                        self._connection.execute(statement)
        version = self._number("PRAGMA user_version")
        if version > VERSION:
            raise SpoolError(f"a later release has made it (version {version})")
        self._connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost a second; a kill costs nothing

    def _is_new(self) -> bool:
        # In this order: another process may make the file between the two.
        if not self._number("SELECT count(*) FROM sqlite_master"):
            return True
        if self._number("PRAGMA application_id") != _APPLICATION_ID:
            raise SpoolError("it is another program's database")
        return False

    def close(self) -> None:
        """Close it."""
        self.is_open = False
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all that a block writes, or nothing.

        Raises:
            SpoolError: If it cannot be written.
        """
        with _explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    # -- Own rows ------------------------------------------------------------------------------

    def put(self, owner: str, addressee: Addressee, kept: Kept, alert: Alert) -> None:
        """Write a row.

        Args:
            kept: What it holds, except the alert.
            alert: The alert as it leaves the process, without its secrets.
        """
        picture = self._put_picture(alert.icon) if isinstance(alert.icon, bytes) else None
        text = to_json(alert if picture is None else alert._replace(icon=None))
        self._connection.execute(
            _INSERT,
            (
                owner, *addressee, alert.priority, len(text) + _ROW_BYTES, kept.key, kept.kind.value,
                kept.notification_id, kept.coalescing_id, kept.total, kept.records, _finite(kept.first),
                _finite(kept.last), text, picture,
            ),
        )  # fmt: skip

    def _put_picture(self, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        self._connection.execute("INSERT OR IGNORE INTO pictures VALUES (?, ?)", (name, content))
        return name

    def recount(self, kept: Kept) -> None:
        """Write the numbers of a row anew; its alert stays the one that was written first."""
        self._connection.execute(
            "UPDATE alerts SET kind = ?, notification_id = ?, coalescing_id = ?, count = ?, records = ?, first = ?,"
            " last = ? WHERE key = ?",
            (
                kept.kind.value, kept.notification_id, kept.coalescing_id, kept.total, kept.records,
                _finite(kept.first), _finite(kept.last), kept.key,
            ),
        )  # fmt: skip

    def remove(self, keys: Iterable[str]) -> None:
        """Remove rows, and the pictures that no row has any more."""
        self._connection.executemany("DELETE FROM alerts WHERE key = ?", ((key,) for key in keys))
        self._connection.execute(
            "DELETE FROM pictures WHERE hash NOT IN (SELECT picture FROM alerts WHERE picture IS NOT NULL)"
        )

    def leave(self, keys: Iterable[str]) -> None:
        """Leave rows to another process."""
        self._connection.executemany("UPDATE alerts SET owner = '' WHERE key = ?", ((key,) for key in keys))

    def surplus(self, owner: str) -> list[str]:
        """Return the keys of an owner's rows for which the file has no room.

        These are the oldest of the lowest priority, and no rows of digests.
        """
        rows, size = self._connection.execute("SELECT count(*), total(size) FROM alerts").fetchone()
        size += self._number("SELECT total(length(content)) FROM pictures")
        if rows <= MAX_ALERTS and size <= MAX_BYTES:
            return []
        found = []
        for key, own_size in self._connection.execute(
            "SELECT key, size FROM alerts WHERE owner = ? AND kind != ? ORDER BY priority, last",
            (owner, Kind.DIGEST.value),
        ):
            # Some more than needed, so that the next alert finds room.
            if rows <= MAX_ALERTS * 0.99 and size <= MAX_BYTES * 0.99:
                break
            found.append(key)
            rows, size = rows - 1, size - own_size
        return found

    # -- Rows that no living process has -------------------------------------------------------

    def take_over(self, owner: str, addressee: Addressee, forgotten_before: float) -> list[Kept]:
        """Take over rows that no living process has: those for an addressee, and those that have waited too long.

        Call it inside a transaction.

        Args:
            owner: The new owner.
            forgotten_before: Rows logged before this time, in seconds since 1970, are taken for every addressee.

        Returns:
            What was taken. A row that cannot be read is left where it is.
        """
        taken: list[Kept] = []
        values = (*addressee, forgotten_before)
        owners = self._connection.execute(_OTHER_OWNERS, (owner, *values))
        for (other,) in owners.fetchall():
            with self._claim(other) as is_dead:
                if not is_dead:
                    continue
                rows = self._connection.execute(_ROWS_OF, (other, *values)).fetchall()
                for server, application, *row in rows:
                    with contextlib.suppress(ValueError):
                        kept = self._read(row)
                        is_other = Addressee(server, application) != addressee
                        taken.append(kept._replace(kind=Kind.DIGEST) if is_other else kept)
        self._connection.executemany(
            "UPDATE alerts SET owner = ?, server = ?, application = ? WHERE key = ?",
            ((owner, *addressee, kept.key) for kept in taken),
        )
        return taken

    def orphans(self, addressee: Addressee, before: float) -> list[Waiting]:
        """Return how many records wait in rows that no living process has, for each addressee but one.

        Args:
            addressee: The one whose rows are left out.
            before: Only rows logged before this time count, in seconds since 1970.
        """
        with self.transaction():
            rows = self._connection.execute(
                "SELECT owner, server, application, sum(records) FROM alerts"
                " WHERE NOT (server = ? AND application = ?) AND last < ? GROUP BY owner, server, application",
                (*addressee, before),
            ).fetchall()
            found: Counter[Addressee] = Counter()
            for owner, server, application, records in rows:
                with self._claim(owner) as is_dead:
                    if is_dead:
                        found[Addressee(server, application)] += records
        return [Waiting(*item) for item in found.items()]

    def _claim(self, owner: str) -> contextlib.AbstractContextManager[bool]:
        return claim(self._path, owner) if owner else contextlib.nullcontext(enter_result=True)

    def _read(self, row: Sequence[object]) -> Kept:
        key, kind, notification_id, coalescing_id, count, records, first, last, text, picture = row
        alert = from_json(str(text))
        if picture is not None:
            found = self._connection.execute("SELECT content FROM pictures WHERE hash = ?", (picture,)).fetchone()
            alert = alert._replace(icon=found[0] if found else None)
        assert isinstance(count, int)
        assert isinstance(records, int)
        times = [float(at) if isinstance(at, (int, float)) else math.nan for at in (first, last)]
        return Kept(
            str(key), Kind(kind), str(notification_id), str(coalescing_id), count, records, times[0], times[1], alert
        )

    def waiting(self) -> list[Waiting]:
        """Return how many records wait for each addressee."""
        with _explained():
            rows = self._connection.execute(
                "SELECT server, application, sum(records) FROM alerts GROUP BY server, application ORDER BY 1, 2"
            )
            return [Waiting(Addressee(server, application), records) for server, application, records in rows]

    def _number(self, statement: str) -> int:
        return int(self._connection.execute(statement).fetchone()[0])


def _make_private(path: str) -> None:
    """Make the file, readable by its owner alone; refuse a file of another user.

    A file that exists is not opened: to close it again would free the locks of all its connections in this process.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise SpoolError("it is no regular file")
    if hasattr(os, "geteuid"):  # not on Windows
        if found.st_uid != os.geteuid():
            raise SpoolError("it belongs to another user")
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.chmod(path, 0o600)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn every failure into a SpoolError."""
    try:
        yield
    except SpoolError:
        raise
    except OSError as error:
        raise SpoolError(error.strerror or str(error)) from error
    except sqlite3.Error as error:
        raise SpoolError(str(error)) from error


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
