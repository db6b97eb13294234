"""The spool's file: whom it belongs to, what it refuses, what it keeps, and what fits."""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gntp_logging.delivery.spool_file as module
from gntp_logging.delivery.kept import Kept, Kind
from gntp_logging.delivery.spool_file import VERSION, Addressee, SpoolError, SpoolFile, Waiting
from gntp_logging.delivery.spool_lock import OwnerLock
from tests.support import make_alert

SHOP = Addressee("desk:23053", "shop")
OTHER = Addressee("desk:23053", "bank")


def make_kept(key: str, text: str = "text", **changes: Any) -> Kept:
    """Return what a spool keeps of one alert."""
    alert = make_alert(text, fingerprint="1|key|x")
    return Kept(key, Kind.ALERT, key, key, 1, 1, 1000.0, 1000.0, alert)._replace(**changes)


def put(file: SpoolFile, owner: str, *kept: Kept, addressee: Addressee = SHOP) -> None:
    """Write rows."""
    with file.transaction():
        for one in kept:
            file.put(owner, addressee, one, one.alert)


def take_over(file: SpoolFile, owner: str = "heir", addressee: Addressee = SHOP, before: float = 0.0) -> list[Kept]:
    """Take over what nobody has."""
    with file.transaction():
        return file.take_over(owner, addressee, before)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return where a spool may be made."""
    return str(tmp_path / "alerts.spool")


@pytest.fixture
def open_file(path: str) -> Iterator[Callable[[], SpoolFile]]:
    """Return what opens the file; all that it has opened is closed in the end."""
    opened: list[SpoolFile] = []

    def open_it() -> SpoolFile:
        opened.append(SpoolFile(path, patience=0.0))
        return opened[-1]

    yield open_it
    for file in opened:
        file.close()


def test_what_is_written_comes_back(open_file: Callable[[], SpoolFile]) -> None:
    """All of it, in another connection; pictures and odd times too."""
    alert = make_alert("a\ud800b", icon=b"\x89PNG", created=math.nan, fingerprint="1|key|x", context=(("a", "b"),))
    kept = Kept("x", Kind.UPDATE, "x-3", "x", 50, 7, math.nan, math.inf, alert)
    put(open_file(), "", kept, make_kept("y"))
    first, second = take_over(open_file())
    assert second == make_kept("y")
    assert first[:6] == kept[:6]
    assert (math.isnan(first.first), math.isnan(first.last)) == (True, True)  # what is no number is no time
    assert first.alert._replace(created=0.0) == alert._replace(created=0.0)


def test_pictures_are_kept_once_and_go_with_the_last_row(open_file: Callable[[], SpoolFile], path: str) -> None:
    """By what is in them."""
    file = open_file()
    put(file, "a", *(make_kept(key, alert=make_alert(icon=b"picture")) for key in "xyz"))
    pictures = "SELECT count(*) FROM pictures"
    with sqlite3.connect(path) as reader:
        assert reader.execute(pictures).fetchone() == (1,)
        file.remove("xy")
        assert reader.execute(pictures).fetchone() == (1,)
        file.remove("z")
        assert reader.execute(pictures).fetchone() == (0,)
    reader.close()


def test_only_the_same_addressee_takes_over(open_file: Callable[[], SpoolFile]) -> None:
    """Until a row is so old that anybody's digest takes it."""
    file = open_file()
    put(file, "", make_kept("x"), addressee=OTHER)
    assert take_over(file) == []
    assert file.waiting() == [Waiting(OTHER, 1)]
    (late,) = take_over(file, before=1000.1)
    assert (late.key, late.kind) == ("x", Kind.DIGEST)
    assert file.waiting() == [Waiting(SHOP, 1)]


def test_what_a_living_owner_has_stays_its_own(open_file: Callable[[], SpoolFile], path: str) -> None:
    """Its lock says that it lives, in the same process too; once it is freed, one heir gets the rows."""
    file, other = open_file(), open_file()
    owner = OwnerLock(path)
    put(file, owner.owner, make_kept("x"))
    assert take_over(other) == []
    owner.leave_to_parent()  # as the system does when the owner dies
    heir = OwnerLock(path)
    assert [kept.key for kept in take_over(other, heir.owner)] == ["x"]
    assert take_over(file, "third") == []
    heir.release()


def test_what_was_left_is_taken_at_once(open_file: Callable[[], SpoolFile]) -> None:
    """Its owner has ended, and lives perhaps."""
    file = open_file()
    put(file, "owner", make_kept("x"), make_kept("y"))
    with file.transaction():
        file.leave(["x"])
        file.remove(["y"])
    assert [kept.key for kept in take_over(file)] == ["x"]


def test_a_row_that_nobody_can_read_is_left_where_it_is(open_file: Callable[[], SpoolFile], path: str) -> None:
    """The others are taken."""
    file = open_file()
    put(file, "", make_kept("x"), make_kept("y"), make_kept("z"))
    with sqlite3.connect(path) as writer:
        writer.execute("UPDATE alerts SET alert = '{' WHERE key = 'x'")
        writer.execute("UPDATE alerts SET kind = 'song' WHERE key = 'y'")
    writer.close()
    assert [kept.key for kept in take_over(file)] == ["z"]
    assert [waiting.records for waiting in file.waiting()] == [3]


def test_numbers_are_counted_anew(open_file: Callable[[], SpoolFile]) -> None:
    """The alert stays the first."""
    file = open_file()
    put(file, "", make_kept("x", "first"))
    changed = make_kept("x", "second", total=9, records=8, last=1009.0, kind=Kind.UPDATE, notification_id="x-1")
    file.recount(changed)
    assert take_over(file) == [changed._replace(alert=make_kept("x", "first").alert)]


def test_orphans_are_what_nobody_takes(open_file: Callable[[], SpoolFile], path: str) -> None:
    """Those of a living owner are none, and what is young is none yet."""
    file = open_file()
    owner = OwnerLock(path)
    put(file, owner.owner, make_kept("x"), addressee=OTHER)
    put(file, "", make_kept("y"), make_kept("young", last=2000.0), addressee=OTHER)
    put(file, "", make_kept("own"))
    assert file.orphans(SHOP, 1500.0) == [Waiting(OTHER, 1)]
    owner.leave_to_parent()
    assert file.orphans(SHOP, 1500.0) == [Waiting(OTHER, 2)]


def test_the_oldest_of_the_lowest_priority_are_too_many(
    open_file: Callable[[], SpoolFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of others count, but are not touched; rows of digests stay."""
    monkeypatch.setattr(module, "MAX_ALERTS", 4)
    file = open_file()
    put(file, "other", make_kept("a"))
    put(
        file,
        "own",
        make_kept("high", alert=make_alert(priority=2), last=1.0),
        make_kept("new", last=3.0),
        make_kept("old", last=2.0),
    )
    assert file.surplus("own") == []
    put(file, "own", make_kept("digest", kind=Kind.DIGEST, last=0.0), make_kept("newest", last=4.0))
    assert file.surplus("own") == ["old", "new", "newest"]
    assert file.surplus("nobody") == []


def test_bytes_count_and_pictures_too(open_file: Callable[[], SpoolFile], monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert of a megabyte is not one of ten thousand."""
    monkeypatch.setattr(module, "MAX_BYTES", 5000)
    file = open_file()
    put(file, "own", make_kept("x", "t" * 3000))
    assert file.surplus("own") == []
    put(file, "own", make_kept("y", alert=make_alert(icon=b"p" * 3000)))
    assert file.surplus("own") != []


def test_a_later_version(open_file: Callable[[], SpoolFile], path: str) -> None:
    """Who knows what it means."""
    put(open_file(), "", make_kept("x"))
    with sqlite3.connect(path) as writer:
        writer.execute(f"PRAGMA user_version = {VERSION + 1}")
    writer.close()
    with pytest.raises(SpoolError, match=f"a later release has made it \\(version {VERSION + 1}\\)"):
        open_file()
    with sqlite3.connect(path) as reader:
        assert reader.execute("SELECT count(*) FROM alerts").fetchone() == (1,)
    reader.close()


@pytest.mark.parametrize("version", [0, VERSION])
def test_another_programs_database(version: int, open_file: Callable[[], SpoolFile], path: str) -> None:
    """Whatever version it has."""
    with sqlite3.connect(path) as writer:
        writer.execute("CREATE TABLE songs (name)")
        writer.execute(f"PRAGMA user_version = {version}")
    writer.close()
    before = Path(path).read_bytes()
    with pytest.raises(SpoolError, match="it is another program's database"):
        open_file()
    assert Path(path).read_bytes() == before


def test_what_is_no_database(open_file: Callable[[], SpoolFile], path: str) -> None:
    """A diary, perhaps."""
    Path(path).write_bytes(b"dear diary, " * 100)
    with pytest.raises(SpoolError, match="not a database"):
        open_file()
    assert Path(path).read_bytes() == b"dear diary, " * 100


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """It is not made: the name may be misspelt."""
    with pytest.raises(SpoolError, match="No such file or directory"):
        SpoolFile(str(tmp_path / "missing" / "alerts.spool"))


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_no_file(kind: str, open_file: Callable[[], SpoolFile], path: str) -> None:
    """A link may lead anywhere."""
    if kind == "link":
        os.symlink(f"{path}.target", path)
    else:
        os.mkdir(path)
    with pytest.raises(SpoolError, match="it is no regular file"):
        open_file()
    assert not os.path.exists(f"{path}.target")


def test_a_file_of_somebody_else(
    open_file: Callable[[], SpoolFile], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who could read it, and write into it."""
    open_file()
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(path).st_uid + 1)
    with pytest.raises(SpoolError, match="it belongs to another user"):
        open_file()


def test_a_disk_that_can_only_be_read(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system says it."""

    def refuse(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SpoolError, match=r"^Read-only file system$"):
        SpoolFile(path)


def test_a_lock_that_another_process_holds_for_too_long(open_file: Callable[[], SpoolFile]) -> None:
    """Nothing is written, and the next transaction is."""
    first, second = open_file(), open_file()
    with first.transaction(), pytest.raises(SpoolError, match="locked"):
        put(second, "", make_kept("x"))
    put(second, "", make_kept("x"))
    assert [kept.key for kept in take_over(second)] == ["x"]


@pytest.mark.program
def test_many_may_make_the_file_at_once(path: str) -> None:
    """Four processes, again and again: each finds it whole."""
    program = """
        import sys
        from gntp_logging.delivery.spool_file import SpoolFile
        print("ready", flush=True)
        for number in range(40):
            sys.stdin.readline()
            SpoolFile(f"{sys.argv[1]}{number}", patience=10).close()
            print(number, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), path]
    with contextlib.ExitStack() as stack:
        makers = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
            )
            for _ in range(4)
        ]
        for maker in makers:
            stack.callback(maker.kill)
        for said in ["ready", *map(str, range(40))]:
            for maker in makers if said != "ready" else ():
                assert maker.stdin is not None
                maker.stdin.write("\n")
            for maker in makers:
                assert maker.stdout is not None
                assert maker.stdout.readline() == f"{said}\n"


def test_a_transaction_that_fails_writes_nothing(open_file: Callable[[], SpoolFile]) -> None:
    """Not half of it."""
    file = open_file()

    def write_and_fail() -> None:
        with file.transaction():
            file.put("", SHOP, make_kept("x"), make_alert())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert file.waiting() == []


def test_nobody_else_may_read_the_file(open_file: Callable[[], SpoolFile], path: str) -> None:
    """Nor what SQLite puts beside it; a file that was open to others is closed to them."""
    put(open_file(), "", make_kept("x"))
    files = [path, f"{path}-wal", f"{path}-shm"]
    assert [stat.S_IMODE(os.stat(name).st_mode) for name in files] == [0o600] * 3
    os.chmod(path, 0o644)
    open_file()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
