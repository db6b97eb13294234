"""Files for their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gntp_logging.receiver.private_file import check_private, make_private

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs owners and modes")


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_a_new_file_and_its_folder_are_the_owners_alone(tmp_path: Path, mask: int) -> None:
    """Whatever the process allows by default."""
    before = os.umask(mask)
    try:
        make_private(str(tmp_path / "folder" / "file"))
    finally:
        os.umask(before)
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "folder" / "file").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_kept_and_closed_for_others(tmp_path: Path) -> None:
    """It may have been made by hand."""
    path = tmp_path / "file"
    path.write_bytes(b"kept")
    path.chmod(0o644)
    make_private(str(path))
    assert path.read_bytes() == b"kept"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_is_refused(tmp_path: Path) -> None:
    """It may lead to anything; what it leads to stays as it is."""
    (tmp_path / "target").write_bytes(b"kept")
    (tmp_path / "target").chmod(0o644)
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(OSError, match="is no regular file"):
        make_private(str(tmp_path / "link"))
    assert (tmp_path / "target").stat().st_mode & 0o777 == 0o644


def test_the_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner could read what is written."""
    path = str(tmp_path / "file")
    make_private(path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(OSError, match="file belongs to another user"):
        check_private(path)


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for that of the system."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "stat", lambda _: os.stat_result((0o40755, 0, 0, 0, 54321, 0, 0, 0, 0, 0)))
    with pytest.raises(OSError, match=r"the folder .* belongs to another user"):
        make_private(str(tmp_path / "file"))


def test_a_folder_where_everybody_writes_is_refused(tmp_path: Path) -> None:
    """Others could put their own files in the place of those that SQLite makes."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o1777)
    with pytest.raises(OSError, match="everybody may write"):
        make_private(str(tmp_path / "open" / "file"))
    assert list((tmp_path / "open").iterdir()) == []
