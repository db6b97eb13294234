"""The history on disk: an SQLite file in which one row is one toast as people know it.

An update changes the row of its number. The file is bounded: the toasts that changed longest ago go first. One process
writes toasts; any number may read, and delete.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

from gntp_logging.gntp.constants import replace_surrogates
from gntp_logging.gntp.models import Resource

from .incidents import MAX_IDS, MAX_IDS_OF_A_TOAST, Earlier
from .levels import level
from .mutes import Muted
from .numbers import MAX_KNOWN, known_by
from .private_file import check_private, make_private
from .registry import Source, Toast
from .state_folder import state_folder

MAX_AGE: Final = 30 * 86_400.0
"""Seconds since its last change after which a toast is forgotten."""

MAX_ALERTS: Final = 100_000
"""Toasts that are kept."""

MAX_BYTES: Final = 190_000_000
"""Bytes in use in the file, pictures included; with the log beside it, it takes 200 MB."""

CACHE: Final = 512
"""Kilobytes of the file that SQLite keeps in memory."""

INDEX_BYTES: Final = 512 * 1024
"""Bytes of the index that wait in memory for their place in the file."""

MAX_OCCURRENCES: Final = 200_000
"""Occurrences of one or two letters up to which the index is asked. What occurs more often is soon found without it."""

WINDOW: Final = 2000
"""Toasts that the page's search looks at before it asks the index."""

_LOG_BYTES: Final = 4 * 1024 * 1024
"""Bytes to which the log beside the file is cut after it was longer."""

_BUSY: Final = 10.0
"""Seconds to wait for another process that deletes."""

_VERSION: Final = 2
_APPLICATION: Final = 0x474E5450
"""What stands in the file's head: the letters GNTP. A file of another program is left alone."""


def _words(row: str) -> str:
    """Return what the index holds of a row, as an expression of SQL.

    It ends with two line feeds, so that each letter of a text begins a trigram, the last one too.

    Args:
        row: What stands before the names of columns.
    """
    return f"{row}application || char(10) || {row}title || char(10) || {row}text || char(10) || char(10)"


_SMALLEST: Final = 512
"""Bytes of an SQLite file; what has fewer would be taken for an empty one, and overwritten."""

_SCHEMA: Final = f"""
CREATE TABLE pictures (id TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE alerts (
    number INTEGER PRIMARY KEY,
    application TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    priority INTEGER NOT NULL, sticky INTEGER NOT NULL, id TEXT NOT NULL, coalescing_id TEXT NOT NULL,
    callback_url TEXT NOT NULL, icon_url TEXT NOT NULL, picture TEXT REFERENCES pictures, headers TEXT NOT NULL,
    encryption TEXT NOT NULL, hash TEXT NOT NULL, peer TEXT NOT NULL, arrived REAL NOT NULL, changed REAL NOT NULL,
    incident TEXT NOT NULL, total INTEGER NOT NULL, level INTEGER NOT NULL,
    closed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE mutes (
    application TEXT NOT NULL, incident TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (application, incident)
) WITHOUT ROWID;
CREATE INDEX by_change ON alerts (changed, number, level, closed);
CREATE INDEX by_picture ON alerts (picture) WHERE picture IS NOT NULL;
CREATE TRIGGER picture_of_deleted AFTER DELETE ON alerts WHEN old.picture IS NOT NULL BEGIN
    DELETE FROM pictures WHERE id = old.picture AND NOT EXISTS (SELECT 1 FROM alerts WHERE picture = old.picture);
END;
CREATE TRIGGER picture_of_changed AFTER UPDATE OF picture ON alerts WHEN old.picture IS NOT new.picture BEGIN
    DELETE FROM pictures WHERE id = old.picture AND NOT EXISTS (SELECT 1 FROM alerts WHERE picture = old.picture);
END;
CREATE VIEW said AS SELECT number, {_words("")} AS words FROM alerts;
PRAGMA application_id = {_APPLICATION};
"""

# What a file of version 1 lacks: who has reported of a toast, so that it goes on after a restart.
_SOURCES: Final = """
CREATE TABLE sources (
    id BLOB PRIMARY KEY, number INTEGER NOT NULL, records INTEGER NOT NULL, process INTEGER NOT NULL,
    machine INTEGER NOT NULL, is_relays INTEGER NOT NULL, is_only INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_number ON sources (number);
CREATE TRIGGER sources_of_deleted AFTER DELETE ON alerts BEGIN DELETE FROM sources WHERE number = old.number; END;
PRAGMA user_version = 2;
"""
_LAST_SOURCES: Final = (
    "FROM alerts INDEXED BY by_change CROSS JOIN sources USING (number) ORDER BY changed DESC, number DESC"
    f" LIMIT {MAX_IDS + MAX_IDS_OF_A_TOAST}"
)
"""More than a receiver knows at a time: the toast at the end may lack some, but it is one that the receiver forgets."""

# Every three characters of a text, so that a search finds what stands inside of words, as it does without an index.
# "detail=none" leaves out where they stand, which would take twice as much room again. SQLite looks into the texts
# instead.
_INDEX: Final = """
CREATE VIRTUAL TABLE indexed USING fts5 (words, content=said, content_rowid=number, tokenize=trigram, detail=none);
"""
_OLD: Final = f"INSERT INTO indexed (indexed, rowid, words) VALUES ('delete', old.number, {_words('old.')});"
_NEW: Final = f"INSERT INTO indexed (rowid, words) VALUES (new.number, {_words('new.')});"
_INDEX_TRIGGERS: Final = f"""
CREATE TRIGGER index_of_new AFTER INSERT ON alerts BEGIN {_NEW} END;
CREATE TRIGGER index_of_deleted AFTER DELETE ON alerts BEGIN {_OLD} END;
CREATE TRIGGER index_of_changed AFTER UPDATE OF application, title, text ON alerts BEGIN {_OLD} {_NEW} END;
"""

_COLUMNS: Final = (
    "number", "application", "name", "title", "text", "priority", "sticky", "id", "coalescing_id", "callback_url",
    "icon_url", "picture", "headers", "encryption", "hash", "peer", "arrived", "changed", "incident", "total", "level",
)  # fmt: skip
_KEPT: Final = {"number", "arrived"}
"""What an update leaves as it was."""

_WRITE: Final = (
    f"INSERT INTO alerts ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + name for name in _COLUMNS)})"
    f" ON CONFLICT (number) DO UPDATE SET {', '.join(f'{n} = excluded.{n}' for n in _COLUMNS if n not in _KEPT)},"
    " closed = 0"  # what was closed and comes again is something new to see
)
_DELETE_MUTES: Final = (
    "DELETE FROM mutes WHERE (application, incident) NOT IN"
    " (SELECT application, incident FROM alerts WHERE incident != '')"
)
"""A mute holds the name of an application, which must be forgotten with its last alert of the incident."""

_IN_COLUMNS: Final[Mapping[str, str]] = {"Notification-Title": "title", "Notification-Text": "text"}
"""Headers that are stored as null if a column holds the same text: they are the longest."""

_CHUNK: Final = 200
"""Rows that are read at a time: between two chunks the file is free, also while a pager stands still."""


class HistoryError(OSError):
    """The history cannot be used; the text says why."""


class DamagedError(HistoryError):
    """The file is no SQLite file, or not a whole one."""


@dataclass(frozen=True)
class Wanted:
    """Which toasts are looked for: those for which all of this is true.

    Attributes:
        since: They changed at this time or later, in seconds since 1970; None for any time.
        before: They changed before this time.
        level: Their level is this one or a higher one.
        application: They are this application's, however it is capitalized; empty for all applications.
        texts: Each of these stands somewhere in application, title or text. Case does not matter for ASCII letters.
        is_open: Nobody has closed them since.
        below: They stand below this place in the order of changes; None for any place.
    """

    since: float | None = None
    before: float | None = None
    level: int = 0
    application: str = ""
    texts: Sequence[str] = ()
    is_open: bool = False
    below: tuple[float, int] | None = None


@dataclass(frozen=True)
class KeptToast:
    """A toast of the history.

    Attributes:
        toast: As its last update showed it; ``arrived`` is when the first one came.
        changed: When the last one came, in seconds since 1970.
        is_closed: Whether somebody has closed it since.
        picture: Identifier of its picture; empty for none.
    """

    toast: Toast
    changed: float
    is_closed: bool = False
    picture: str = field(default="", compare=False)


@dataclass(frozen=True)
class Closing:
    """Toasts that were closed: they are kept, and do not come back to the page."""

    numbers: Sequence[int]


def usual_path() -> str:
    """Return the path of the history if no other is given."""
    return os.path.join(state_folder(), "history.sqlite3")


def set_aside(path: str) -> str:
    """Rename a damaged history, so that a new one can begin; one that was set aside before is lost.

    Returns:
        Its new path.

    Raises:
        OSError: If it cannot be renamed.
    """
    aside = aside_path(path)
    for suffix in _SUFFIXES:  # its log has what is not in it yet, and would spoil the new one
        with contextlib.suppress(FileNotFoundError):
            os.replace(path + suffix, aside + suffix)
    return aside


def aside_path(path: str) -> str:
    """Return where a damaged history is set aside."""
    return f"{path}.damaged"


_SUFFIXES: Final = ("", "-wal", "-shm")
"""What SQLite appends to the names of the files that belong together."""


class _Condition(NamedTuple):
    """A condition in SQL, or another part of a statement, and the values of its question marks."""

    sql: str
    values: Sequence[object]


_ALL_TOASTS: Final = _Condition("alerts INDEXED BY by_change", ())
"""With the index, because SQLite reads all texts without it if it expects many results."""

Change = Toast | Closing | Muted
"""What a history keeps."""


class HistoryFile:
    """A history that is open. For one thread at a time."""

    def __init__(self, path: str, *, writes: bool = False) -> None:
        """Open it.

        Args:
            writes: Whether to make it if it is not there, and to keep every other process from writing toasts.

        Raises:
            DamagedError: If it is damaged.
            OSError: If it cannot be used for another reason, or is not there.
        """
        self.path: str = path
        self._lock: sqlite3.Connection | None = None
        with contextlib.ExitStack() as on_failure, _explained(path):
            if writes:
                make_private(path)
                self._lock = _locked(path)
                on_failure.callback(self._lock.close)
            elif os.path.lexists(path):
                check_private(path)
            else:
                raise HistoryError(f"there is no history in {path}: gntp-logging listen --display web keeps one")
            if 0 < os.path.getsize(path) < _SMALLEST:
                raise DamagedError(f"{path}: file is not a database")
            # Any thread, one at a time: the one that opens it is not always the one that writes.
            self._db = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
            on_failure.callback(self._db.close)
            self._prepare(writes=writes)
            self._inode = os.stat(path).st_ino
            on_failure.pop_all()

    def is_in_place(self) -> bool:
        """Tell whether the file is still the one at its path: SQLite goes on with one that somebody has removed."""
        try:
            return os.stat(self.path).st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Close it, and let another process write. Closing twice is harmless."""
        with contextlib.suppress(sqlite3.Error):  # what was written is written
            self._db.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> HistoryFile:  # noqa: PYI034 - typing.Self is not in 3.10
        """Do nothing: it is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _prepare(self, *, writes: bool) -> None:
        db = self._db
        version, application = self._number("PRAGMA user_version"), self._number("PRAGMA application_id")
        is_empty = not self._number("SELECT count(*) FROM sqlite_master")
        if application != _APPLICATION and not is_empty:
            raise HistoryError(f"{self.path} belongs to another program")
        if version > _VERSION:
            raise HistoryError(f"{self.path} was written by a newer version of this program")
        db.execute(f"PRAGMA cache_size = -{CACHE}")
        db.execute("PRAGMA secure_delete = ON")
        if not writes:
            if is_empty:
                raise HistoryError(f"{self.path} is empty")
            return
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # after a power failure only the last rows may be missing
        db.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        if version < _VERSION:
            with self._transaction():
                _run(db, (_SCHEMA if is_empty else "") + _SOURCES)
        if not self._is_indexed():
            # An SQLite without FTS5, or before 3.34: a search reads all texts.
            with contextlib.suppress(sqlite3.OperationalError), self._transaction():
                _run(db, _INDEX)
                _run(db, _INDEX_TRIGGERS)
                db.execute("INSERT INTO indexed (indexed) VALUES ('rebuild')")
        if self._is_indexed():  # an SQLite without FTS5 fails here
            db.execute("INSERT INTO indexed (indexed, rank) VALUES ('hashsize', ?)", (INDEX_BYTES,))

    # -- Toasts ----------------------------------------------------------------------------------

    def last_number(self) -> int:
        """Return the highest number of a toast; 0 if there is none."""
        with _explained(self.path):
            return self._number("SELECT coalesce(max(number), 0) FROM alerts")

    def known(self) -> list[tuple[int, int]]:
        """Return the hashes and the numbers of the toasts that changed last; the last one at the end."""
        with _explained(self.path):
            rows = self._db.execute(
                "SELECT application, hash != '', coalescing_id, number FROM alerts WHERE coalescing_id != ''"
                " ORDER BY changed DESC, number DESC LIMIT ?",
                (MAX_KNOWN,),
            ).fetchall()
        known: dict[int, int] = {}
        for application, is_keyed, coalescing_id, number in rows:
            known.setdefault(known_by(application, is_keyed=bool(is_keyed), coalescing_id=coalescing_id), number)
        return list(known.items())[::-1]

    def counted(self, now: float) -> list[Earlier]:
        """Return the toasts that count and changed last, without texts and pictures; the last one at the end.

        Args:
            now: The time, in seconds since 1970.
        """
        columns = "application, name, callback_url, sticky, priority, hash, coalescing_id, incident, changed"
        source = "sources.id, records, process, machine, is_relays, is_only"
        with _explained(self.path):
            rows = self._db.execute(f"SELECT number, {columns}, {source} {_LAST_SOURCES}").fetchall()
        return [_earlier(list(of_one), now) for _, of_one in groupby(reversed(rows), itemgetter(0))]

    def muted(self, now: float) -> list[Muted]:
        """Return the incidents that are muted.

        Args:
            now: The time, in seconds since 1970.
        """
        with _explained(self.path):
            rows = self._db.execute("SELECT application, incident, until FROM mutes WHERE until > ?", (now,)).fetchall()
        return [Muted(*row) for row in rows]

    def write(self, changes: Iterable[Change]) -> None:
        """Write toasts, and what was closed or muted, all of it or nothing.

        Raises:
            HistoryError: If nothing was written.
        """
        with _explained(self.path), self._transaction():
            for change in changes:
                if isinstance(change, Closing):
                    closed = [(number,) for number in change.numbers]
                    self._db.executemany("UPDATE alerts SET closed = 1 WHERE number = ?", closed)
                elif isinstance(change, Muted):
                    row = (_storable(change.application), change.incident, change.until)
                    self._db.execute(
                        "INSERT OR REPLACE INTO mutes (application, incident, until) VALUES (?, ?, ?)", row
                    )
                else:
                    self._write_toast(change)

    def _write_toast(self, toast: Toast) -> None:
        if isinstance(toast.icon, Resource) and toast.icon.data is not None:
            row = (toast.icon.unique_id(), toast.icon.data)
            self._db.execute("INSERT OR IGNORE INTO pictures (id, data) VALUES (?, ?)", row)
        self._db.execute(_WRITE, _row(toast))
        if toast.source is not None:
            if toast.source.is_only:  # its number may be that of a toast that was forgotten
                self._db.execute("DELETE FROM sources WHERE number = ?", (toast.number,))
            key, *values = toast.source
            self._db.execute(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?, ?)", (key, toast.number, *values)
            )

    def prune(self, now: float) -> None:
        """Forget toasts until the file keeps its bounds.

        Args:
            now: The time, in seconds since 1970.
        """
        with _explained(self.path):
            with self._transaction():
                self._db.execute("DELETE FROM mutes WHERE until <= ?", (now,))
                self._db.execute("DELETE FROM alerts WHERE changed < ?", (now - MAX_AGE,))
                self._delete_oldest(self._count() - MAX_ALERTS)
                if self._number("SELECT count(*) FROM sources") > MAX_IDS + MAX_IDS_OF_A_TOAST:
                    self._db.execute(f"DELETE FROM sources WHERE id NOT IN (SELECT sources.id {_LAST_SOURCES})")
            while self.size() > MAX_BYTES and (count := self._count()):
                # A tenth, so that this is rare. The index keeps what is deleted until it is optimized.
                with self._transaction():
                    self._delete_oldest(max(1, count // 10))
                    self._optimize()

    def _delete_oldest(self, count: int) -> None:
        if count > 0:
            self._db.execute(
                "DELETE FROM alerts WHERE number IN (SELECT number FROM alerts ORDER BY changed, number LIMIT ?)",
                (count,),
            )

    def size(self) -> int:
        """Return how many bytes of the file are in use."""
        pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        return pages * self._number("PRAGMA page_size")

    def _count(self) -> int:
        return self._number("SELECT count(*) FROM alerts")

    def find(self, wanted: Wanted) -> Iterator[KeptToast]:
        """Yield toasts, the one that changed longest ago first. Between two of them the file may change.

        Raises:
            HistoryError: If it cannot be read.
        """
        likely, exact = self._conditions(wanted)
        numbers = iter(self._numbers(likely, "changed, number"))
        while chunk := list(islice(numbers, _CHUNK)):
            yield from self._read(chunk, exact)

    def last(self, wanted: Wanted, count: int) -> Iterator[KeptToast]:
        """Yield toasts without the bytes of their pictures, the one that changed last first.

        Args:
            count: How many at most.

        Raises:
            HistoryError: If they cannot be read.
        """
        # One at a time: each may have a text of 65,536 characters, and as many headers.
        for number in self._last_numbers(wanted, count):
            yield from self._read([number], _all(()), with_pictures=False)

    def _last_numbers(self, wanted: Wanted, count: int) -> list[int]:
        order = f"changed DESC, number DESC LIMIT {count:d}"
        if wanted.texts:  # what is there often is among the last ones: the index would name all
            where, exact = self._conditions(wanted, by_index=False)
            last = f"SELECT number FROM alerts WHERE {where.sql} ORDER BY changed DESC, number DESC LIMIT {WINDOW}"
            among = _Condition(f"({last}) CROSS JOIN alerts USING (number)", where.values)
            found = self._numbers(exact, order, among)
            if len(found) == count:
                return found
        return self._numbers(_all(self._conditions(wanted)), order)

    def _numbers(self, where: _Condition, order: str, among: _Condition = _ALL_TOASTS) -> list[int]:
        """Return the numbers of the toasts that meet a condition.

        Args:
            order: What stands behind ORDER BY.
            among: What stands behind FROM.
        """
        statement = f"SELECT number FROM {among.sql} WHERE {where.sql} ORDER BY {order}"
        with _explained(self.path):
            rows = self._db.execute(statement, [*among.values, *where.values]).fetchall()
        return [number for (number,) in rows]

    def picture(self, id_: str, most: int) -> bytes | None:
        """Return the bytes of a picture; None if there is none with this id, or it has more than ``most`` bytes.

        Raises:
            HistoryError: If it cannot be read.
        """
        with _explained(self.path):
            statement = "SELECT data FROM pictures WHERE id = ? AND length(data) <= ?"
            row = self._db.execute(statement, (id_, most)).fetchone()
        return None if row is None else bytes(row[0])

    def _read(self, numbers: Sequence[int], exact: _Condition, *, with_pictures: bool = True) -> list[KeptToast]:
        """Return the toasts of these numbers, in this order, that are still there and meet a condition."""
        columns = ", ".join(f"alerts.{name}" for name in (*_COLUMNS, "closed"))
        join = "LEFT JOIN pictures ON pictures.id = picture" if with_pictures else ""
        with _explained(self.path):
            rows = self._db.execute(
                f"SELECT {columns}, {'data' if with_pictures else 'NULL'} FROM alerts {join}"
                f" WHERE number IN ({', '.join('?' * len(numbers))}) AND {exact.sql}",
                [*numbers, *exact.values],
            ).fetchall()
        found = {row[0]: _kept(dict(zip((*_COLUMNS, "closed", "data"), row, strict=True))) for row in rows}
        return [found[number] for number in numbers if number in found]

    def delete(self, wanted: Wanted) -> int:
        """Delete toasts, so that their texts are in no file afterwards: neither in the log nor in free places.

        Returns:
            How many were deleted.

        Raises:
            HistoryError: If that failed, or if their texts may still be there: because another process reads for long,
                or in a damaged history that was set aside. That one is removed only if everything is deleted.
        """
        where = _all(self._conditions(wanted))
        with _explained(self.path):
            with self._transaction():
                deleted = self._db.execute(f"DELETE FROM alerts WHERE {where.sql}", where.values).rowcount
                self._db.execute(_DELETE_MUTES)
                self._optimize()
            self._db.execute("VACUUM")
            is_read, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_read:
            raise HistoryError("it is deleted, but another program reads the history: try again to remove all traces")
        aside = aside_path(self.path)
        if wanted == Wanted():
            for suffix in _SUFFIXES:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(aside + suffix)
        elif os.path.exists(aside):
            raise HistoryError(
                f"it is deleted, but may still be in a damaged history that was set aside: remove {aside}"
            )
        return deleted

    def _conditions(self, wanted: Wanted, *, by_index: bool = True) -> tuple[_Condition, _Condition]:
        """Return two conditions that must both be met: one that can be checked without the texts, and the rest.

        Args:
            by_index: Whether to ask the index where the texts are.
        """
        conditions: list[_Condition] = []
        if wanted.since is not None:
            conditions.append(_Condition("changed >= ?", [wanted.since]))
        if wanted.before is not None:
            conditions.append(_Condition("changed < ?", [wanted.before]))
        if wanted.level:
            conditions.append(_Condition("level >= ?", [wanted.level]))
        if wanted.is_open:
            conditions.append(_Condition("NOT closed", []))
        if wanted.below is not None:
            conditions.append(_Condition("(changed, number) < (?, ?)", wanted.below))
        # For SQLite a pattern ends with a NUL.
        texts = [_storable(text).replace("\0", "") for text in wanted.texts]
        with _explained(self.path):
            if by_index and self._is_indexed():
                conditions += self._by_index(texts)
        if wanted.application:
            conditions.append(_Condition("application LIKE ? ESCAPE '\\'", [_escaped(_storable(wanted.application))]))
        return _all(conditions), _all(map(_stands_in, texts))

    def _by_index(self, texts: Iterable[str]) -> Iterator[_Condition]:
        """Yield conditions from the index: true where the texts are, and perhaps elsewhere too."""
        # The plus keeps SQLite from looking up one number after the other: it goes through all changes in their order,
        # and ends as soon as it has enough.
        trigrams = {text[begin : begin + 3] for text in texts for begin in _begins(len(text))}
        if trigrams:
            match = " ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in sorted(trigrams))
            yield _Condition("+number IN (SELECT rowid FROM indexed WHERE indexed MATCH ?)", [match])
        short = {text.lower() for text in texts if len(text) in (1, 2) and _is_as_indexed(text)}
        if short:
            self._db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.places USING fts5vocab (main, indexed, instance)")
        for text in sorted(short):
            places = _Condition("SELECT doc FROM places WHERE term BETWEEN ? AND ?", [text, f"{text}{_LAST * 2}"])
            counted = f"SELECT count(*) FROM ({places.sql} LIMIT {MAX_OCCURRENCES + 1})"
            (count,) = self._db.execute(counted, places.values).fetchone()
            if count <= MAX_OCCURRENCES:
                yield _Condition(f"+number IN ({places.sql})", places.values)

    # -- SQLite ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # some failures end the transaction by themselves
                self._db.execute("ROLLBACK")
            raise

    def _is_indexed(self) -> bool:
        return bool(self._number("SELECT count(*) FROM sqlite_master WHERE name = 'indexed'"))

    def _optimize(self) -> None:
        """Remove from the index what was deleted; until then it is marked as deleted there."""
        if self._is_indexed():
            self._db.execute("INSERT INTO indexed (indexed) VALUES ('optimize')")

    def _number(self, statement: str) -> int:
        (number,) = self._db.execute(statement).fetchone()
        return int(number)


def _run(db: sqlite3.Connection, statements: str) -> None:
    """Run statements inside a transaction, which executescript would end."""
    statement = ""
    for line in statements.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


# -- The file ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn SQLite's errors about a file into a HistoryError."""
    try:
        yield
    except sqlite3.Error as error:
        # Before Python 3.11 an error has no code: a file that is no database, or a damaged one, is of this class alone.
        is_damaged = type(error) is sqlite3.DatabaseError or "vtable constructor failed" in str(error)
        raise (DamagedError if is_damaged else HistoryError)(f"{path}: {error}") from error


def _locked(path: str) -> sqlite3.Connection:
    """Take the lock of the file's writer; it ends with the process.

    It is SQLite's own, on a file beside the history: the same code for every system.
    """
    lock = f"{path}.lock"
    make_private(lock)
    connection = sqlite3.connect(lock, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = OFF")  # nothing is ever written to it
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" in str(error):
            raise HistoryError(f"another receiver writes to {path}") from error
        raise
    return connection


# -- Rows ----------------------------------------------------------------------------------------


def _row(toast: Toast) -> dict[str, object]:
    """Return a toast as a row."""
    icon = toast.icon
    fields: dict[str, Any] = {
        "number": toast.number,
        "application": _storable(toast.application),
        "name": _storable(toast.name),
        "title": _storable(toast.title),
        "text": _storable(toast.text),
        "priority": toast.priority,
        "sticky": toast.sticky,
        "id": _storable(toast.id_),
        "coalescing_id": _storable(toast.coalescing_id),
        "callback_url": _storable(toast.callback_url),
        "icon_url": _storable((icon.url if isinstance(icon, Resource) else icon) or ""),
        "picture": icon.unique_id() if isinstance(icon, Resource) else None,
        "encryption": toast.encryption,
        "hash": toast.hash_,
        "peer": toast.peer,
        "arrived": toast.arrived,
        "changed": toast.arrived,
        "incident": toast.incident,
        "total": toast.total,
        "level": level(toast),
    }
    headers = {
        name: None if value == fields.get(_IN_COLUMNS.get(name, "")) else value for name, value in toast.headers.items()
    }
    return {**fields, "headers": json.dumps(headers)}


def _kept(row: Mapping[str, Any]) -> KeptToast:
    """Return the toast of a row."""
    headers = json.loads(row["headers"])
    toast = Toast(
        application=row["application"],
        name=row["name"],
        title=row["title"],
        text=row["text"],
        priority=row["priority"],
        sticky=bool(row["sticky"]),
        id_=row["id"],
        coalescing_id=row["coalescing_id"],
        callback_url=row["callback_url"],
        icon=row["icon_url"] or (None if row["data"] is None else Resource(row["data"])),
        headers={name: row[_IN_COLUMNS[name]] if value is None else value for name, value in headers.items()},
        encryption=row["encryption"],
        hash_=row["hash"],
        peer=row["peer"],
        arrived=row["arrived"],
        incident=row["incident"],
        total=row["total"],
        number=row["number"],
    )
    return KeptToast(toast, row["changed"], bool(row["closed"]), row["picture"] or "")


def _earlier(rows: Sequence[Sequence[Any]], now: float) -> Earlier:
    """Return a toast that counts, from the rows of its sources."""
    _, application, name, url, is_sticky, priority, hash_, coalescing_id, incident, changed, *_ = rows[0]
    toast = Toast(
        application=application,
        name=name,
        title="",
        text="",
        priority=priority,
        sticky=bool(is_sticky),
        id_="",
        coalescing_id=coalescing_id,
        callback_url=url,
        hash_=hash_,
        incident=incident,
    )
    return Earlier(toast, max(0.0, now - changed), [Source._make(row[10:]) for row in rows])


def _storable(text: str) -> str:
    """Return a text as SQLite takes it: it refuses lone surrogates."""
    return text if text.isascii() else replace_surrogates(text)


# -- Conditions ----------------------------------------------------------------------------------


def _all(conditions: Iterable[_Condition]) -> _Condition:
    """Return the condition that all of these are met."""
    found = list(conditions)
    sql = " AND ".join(condition.sql for condition in found) or "true"
    return _Condition(sql, [value for condition in found for value in condition.values])


def _stands_in(text: str) -> _Condition:
    """Return the condition that a text stands in title, text or application."""
    like = "LIKE ? ESCAPE '\\'"
    return _Condition(f"(title {like} OR text {like} OR application {like})", [f"%{_escaped(text)}%"] * 3)


def _begins(length: int) -> Iterable[int]:
    """Return where trigrams begin that cover each character of a text: more of them tell little, and take as long."""
    return {*range(0, length - 2, 3), length - 3} if length > 2 else ()


_LAST: Final = "\U0010ffff"
"""The character behind all others."""


def _is_as_indexed(text: str) -> bool:
    """Tell whether the index has the same lower case of a text as Python: SQLite has rules of its own beyond ASCII."""
    return text.isascii() or (text.isprintable() and text.lower() == text.upper())


def _escaped(text: str) -> str:
    """Return a pattern of SQL that only this text matches."""
    return re.sub(r"([\\%_])", r"\\\1", text)
