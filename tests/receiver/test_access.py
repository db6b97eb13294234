"""Who may see the page, and the file that keeps its token."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.receiver.page_token import kept_token

pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")

from gntp_logging.receiver.web.access import Access

TOKEN = "0123456789abcdef" * 2
ACCESS = Access(TOKEN, 23054, is_local=True)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:23054", "127.0.0.1:1", "127.8.9.1", "[::1]:23054", "desk.localhost", "LOCALHOST."]
)
def test_names_of_this_machine_are_known(host: str) -> None:
    """With a port and without one."""
    assert ACCESS.allows_host(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "notlocalhost", "10.0.0.7:23054", "[::2]", "[", "1", "a@b"]
)
def test_other_names_are_refused(host: str) -> None:
    """A name of elsewhere that leads here is somebody's trick; it is none where the page is served to others."""
    assert not ACCESS.allows_host(host)
    assert Access(TOKEN, 23054, is_local=False).allows_host(host)


@given(st.text(), st.text())
def test_only_the_token_opens(given_token: str, cookies: str) -> None:
    """Whatever else is in address and cookies."""
    assert not ACCESS.has_token(given_token, cookies)
    assert ACCESS.has_token(TOKEN, cookies)
    assert ACCESS.has_token(given_token, f"{cookies}; gntp-logging-23054={TOKEN}; {cookies}")
    assert not ACCESS.has_token(given_token, f"gntp-logging-1={TOKEN}")


def test_only_the_page_itself_changes_something() -> None:
    """A page on another port of this machine has the cookie, too; a program has no origin."""
    host = "localhost:23054"
    assert ACCESS.allows_origin("", host)
    assert ACCESS.allows_origin("http://localhost:23054", host)
    for origin in ("http://localhost:8000", "https://localhost:23054", "null", "http://evil.example"):
        assert not ACCESS.allows_origin(origin, host)


def test_the_cookie_is_out_of_programs_reach() -> None:
    """And is sent from this page alone."""
    assert ACCESS.set_cookie.startswith(f"gntp-logging-23054={TOKEN}; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(ACCESS.set_cookie.split("; "))


def test_a_token_is_made_once_and_stays(tmp_path: Path) -> None:
    """In a file of its owner's alone, in a folder that is made; nothing else is left."""
    path = tmp_path / "state" / "page-token"
    token = kept_token(str(path))
    assert kept_token(str(path)) == token
    assert len(token) == 32
    assert list(path.parent.iterdir()) == [path]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_token_that_others_could_read_or_write_is_made_anew(tmp_path: Path, mode: int) -> None:
    """It is no secret any more."""
    path = tmp_path / "page-token"
    token = kept_token(str(path))
    path.chmod(mode)
    assert kept_token(str(path)) != token
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "short", "g" * 32, TOKEN * 2, "é" * 32])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: str) -> None:
    """With what to do."""
    path = tmp_path / "page-token"
    path.write_text(content, "utf-8")
    with pytest.raises(OSError, match=r"there is no token in .*: remove it"):
        kept_token(str(path))
