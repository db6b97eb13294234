"""Locks of owners: who is alive."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import gntp_logging.delivery.spool_lock as module
from gntp_logging.delivery.spool_lock import OwnerLock, claim, remove_left_locks


@pytest.fixture
def spool(tmp_path: Path) -> str:
    """Return the path of a spool with signs in its name that a pattern would take for its own."""
    return str(tmp_path / "alerts[1].spool")


def test_a_living_owner_cannot_be_claimed(spool: str) -> None:
    """Not even in its own process; two owners never have one name."""
    first, second = OwnerLock(spool), OwnerLock(spool)
    assert first.owner != second.owner
    for lock in (first, second):
        with claim(spool, lock.owner) as is_dead:
            assert not is_dead
        lock.release()
    assert os.listdir(Path(spool).parent) == []


def test_a_dead_owner_is_claimed_by_one(spool: str) -> None:
    """While it is claimed, nobody else does; then its file is gone."""
    lock = OwnerLock(spool)
    lock.leave_to_parent()  # as its death does
    with claim(spool, lock.owner) as is_dead:
        assert is_dead
        with claim(spool, lock.owner) as is_dead_again:
            assert not is_dead_again
    assert os.listdir(Path(spool).parent) == []


def test_an_owner_without_a_file_is_dead(spool: str) -> None:
    """Somebody may have tidied up."""
    with claim(spool, "0123456789abcdef") as is_dead:
        assert is_dead


def test_locks_of_dead_owners_are_removed(spool: str) -> None:
    """Those of the living stay, and files of others."""
    living, dead = OwnerLock(spool), OwnerLock(spool)
    dead.leave_to_parent()
    other = Path(spool).with_name("alerts1.spool-x.lock")
    other.touch()
    remove_left_locks(spool)
    assert sorted(os.listdir(other.parent)) == sorted([other.name, f"{Path(spool).name}-{living.owner}.lock"])
    living.release()


def test_a_lock_whose_file_was_taken_for_a_dead_owners_is_no_lock(spool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its making and its locking somebody has removed it: the next name is tried."""
    real = module._lock
    removed: list[str] = []

    def lock_late(descriptor: int) -> None:
        if not removed:
            removed.extend(os.listdir(Path(spool).parent))
            os.unlink(Path(spool).parent / removed[0])
        real(descriptor)

    monkeypatch.setattr(module, "_lock", lock_late)
    lock = OwnerLock(spool)
    assert os.listdir(Path(spool).parent) == [f"{Path(spool).name}-{lock.owner}.lock"]
    assert lock.owner not in removed[0]
    lock.release()


def test_a_file_system_without_locks_is_an_error_and_leaves_nothing_open(
    spool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some network drives are."""
    opened: list[int] = []

    def refuse(descriptor: int) -> None:
        opened.append(descriptor)
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module, "_lock", refuse)
    with pytest.raises(OSError, match="No locks available"):
        OwnerLock(spool)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
