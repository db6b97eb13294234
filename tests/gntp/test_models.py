"""models: events, pictures, notifications, callbacks."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from gntp_logging.gntp.constants import MAX_SECTION_SIZE
from gntp_logging.gntp.exceptions import GNTPResourceError, GNTPValidationError
from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback, URLCallback, is_web_url
from gntp_logging.gntp.requests import Response


def test_a_resource_is_read_from_a_file(tmp_path: Path) -> None:
    """The file's bytes, by a path of either kind."""
    file = tmp_path / "icon.png"
    file.write_bytes(b"png")
    assert Resource.from_file(file) == Resource.from_file(str(file)) == Resource(data=b"png")


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    """Never a resource that holds the path."""
    with pytest.raises(GNTPResourceError, match=r"cannot read '.*missing\.png': No such file"):
        Resource.from_file(tmp_path / "missing.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link to a pipe"])
def test_only_a_regular_file_is_read(tmp_path: Path, kind: str) -> None:
    """A pipe without a writer would be waited for, and a device may never end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    paths = {"pipe": pipe, "folder": tmp_path, "device": Path("/dev/zero"), "link to a pipe": tmp_path / "link"}
    with pytest.raises(GNTPResourceError, match=r"cannot read '.*': it is a folder, a pipe or a device, not a file"):
        Resource.from_file(paths[kind])


def test_a_file_is_read_up_to_what_a_section_may_have(tmp_path: Path) -> None:
    """One byte more is refused, and no gigabyte is read to find that out."""
    file = tmp_path / "large"
    for size, is_read in ((MAX_SECTION_SIZE, True), (MAX_SECTION_SIZE + 1, False), (1 << 40, False)):
        with file.open("wb") as sparse:
            sparse.truncate(size)
        if is_read:
            assert len(Resource.from_file(file).data or b"") == size
        else:
            with pytest.raises(GNTPResourceError, match=r"cannot read '.*large': it has more than 16,777,216 bytes"):
                Resource.from_file(file)


@pytest.mark.parametrize("path", ["a\0b", 7, None, ["icon.png"], "", "x" * 5000], ids=repr)
def test_what_is_no_path_is_an_error_that_shows_it(path: Any) -> None:
    """A number is not taken for a file that is open already; a long one is cut."""
    with pytest.raises(GNTPResourceError, match=f"cannot read {re.escape(repr(path)[:200])}"):
        Resource.from_file(path)


def test_a_url_is_passed_on() -> None:
    """It is not fetched, and has no section."""
    resource = Resource.from_url("http://127.0.0.1:9/icon.png")
    assert (resource.url, resource.data, resource.unique_id()) == ("http://127.0.0.1:9/icon.png", None, None)


def test_the_identifier_is_made_from_the_content() -> None:
    """The same bytes have the same identifier, others another: servers cache by it."""
    assert Resource(data=b"a").unique_id() == Resource(data=b"a").unique_id()
    assert Resource(data=b"a").unique_id() != Resource(data=b"b").unique_id()


def test_a_resource_is_data_or_a_url() -> None:
    """Both or neither is refused."""
    with pytest.raises(GNTPValidationError):
        Resource()
    with pytest.raises(GNTPValidationError):
        Resource(data=b"a", url="http://x/")


def test_a_resources_repr_does_not_show_its_bytes() -> None:
    """A picture in a debugger is a line, not a page."""
    assert len(repr(Resource(data=b"x" * 10_000))) < 60


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("http://127.0.0.1:9/icon.png", True), ("HTTPS://x", True), ("javascript:alert(1)", False), ("", False),
        ("file:///etc/passwd", False), (" https://x", False), ("https:/x", False), ("icon.png", False),
    ],
)  # fmt: skip
def test_only_http_and_https_are_urls_of_the_web(value: str, is_one: bool) -> None:
    """Everything else could be a program, or somebody's disk."""
    assert is_web_url(value) is is_one


def test_an_event_needs_a_name() -> None:
    """A blank one is refused; the rest has defaults."""
    with pytest.raises(GNTPValidationError, match="name that is not blank"):
        Event("  ")
    assert (Event("a").display_name, Event("a").enabled, Event("a").icon) == (None, True, None)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("CLICK", "click"),
        ("CLICKED", "click"),
        ("clicked", "click"),
        ("CLOSE", "close"),
        ("CLOSED", "close"),
        ("TIMEOUT", "timeout"),
        ("TIMEDOUT", "timeout"),
        ("DANCED", None),
    ],
)
def test_a_socket_callback_calls_the_function_for_the_result(result: str, expected: str | None) -> None:
    """Both spellings of each result, in any case; an unknown one calls nobody."""
    called: list[str] = []
    callback = SocketCallback(
        on_click=lambda response: called.append("click"),
        on_close=lambda response: called.append("close"),
        on_timeout=lambda response: called.append("timeout"),
    )
    callback(Response("-CALLBACK", {"Notification-Callback-Result": result}))
    assert called == ([expected] if expected else [])


def test_a_socket_callback_without_functions_does_nothing() -> None:
    """Nobody has to care for every result."""
    SocketCallback()(Response("-CALLBACK", {"Notification-Callback-Result": "CLICK"}))
    assert (SocketCallback().context, SocketCallback().context_type) == ("None", "None")


def test_a_notification_has_the_references_defaults() -> None:
    """Name and title are enough."""
    assert Notification("name", "title") == Notification(
        "name", "title", text="", id_=None, sticky=False, priority=0, icon=None, coalescing_id=None, callback=None
    )
    assert URLCallback("http://x/").url == "http://x/"
