"""The display for scripts: what stands in its lines."""

from __future__ import annotations

import io
import json
import time
from datetime import datetime
from typing import Any

import pytest

from gntp_logging.gntp.models import Event, Notification, Resource, URLCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver.json_lines import JsonDisplay
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.receiver.conftest import ask, notify
from tests.support import PATIENCE


class Stream(io.StringIO):
    """A stream, and how often it was flushed."""

    flushed = 0

    def flush(self) -> None:
        """Count."""
        self.flushed += 1


def events(stream: io.StringIO) -> list[Any]:
    """Return what a display has written."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_field_is_there_whatever_the_sender_has_left_out() -> None:
    """Texts as they were sent, pictures counted and hashed."""
    stream = io.StringIO()
    register = RegisterRequest(
        "shop", Resource(b"icon"), [Event("Error", "Errors", icon="https://x/y.png"), Event("Info")]
    )
    shown = Notification(
        "Error", "title", "text\nmore \x1b[2J", id_="1", sticky=True, priority=2, icon=Resource(b"picture"),
        coalescing_id="c", callback=URLCallback("https://x/"),
    )  # fmt: skip
    with Receiver(Server([JsonDisplay(stream)])) as receiver:
        ask(receiver.port, encode(register))
        ask(receiver.port, encode(NotifyRequest("shop", shown, app_specific_headers=[("Data-Order", "7")])))
        ask(receiver.port, notify("", app="shop", name="Info"))
    listening, registered, full, plain = events(stream)
    assert listening == {"event": "listening", "host": "127.0.0.1", "port": receiver.port}
    assert registered["event"] == "register"
    assert registered["icon"]["bytes"] == 4
    assert registered["notifications"] == [
        {"name": "Error", "display_name": "Errors", "enabled": True, "icon": {"url": "https://x/y.png"}},
        {"name": "Info", "display_name": "", "enabled": True, "icon": None},
    ]
    headers = full.pop("headers")
    assert abs(datetime.fromisoformat(full.pop("time")).timestamp() - time.time()) < PATIENCE
    assert headers["Data-Order"] == "7"
    assert full == {
        "event": "notify", "application": "shop", "name": "Error", "title": "title", "text": "text\nmore ␛[2J",
        "priority": 2, "sticky": True, "id": "1", "coalescing_id": "c", "callback_url": "https://x/",
        "icon": {"bytes": 7, "sha256": Resource(b"picture").unique_id()}, "encryption": "", "hash": "",
        "peer": "127.0.0.1", "incident": "", "total": 1,
    }  # fmt: skip
    assert plain["icon"]["bytes"] == 4
    assert (plain["text"], plain["id"], plain["coalescing_id"], plain["callback_url"]) == ("", "", "", "")
    assert (plain["priority"], plain["sticky"]) == (0, False)


@pytest.mark.parametrize(
    "notice",
    [
        Notice("error", {"code": 400, "description": "no key", "peer": "10.0.0.7"}),
        Notice("subscribe", {"id": "s", "name": "desk", "port": 1, "ttl": 300, "peer": "10.0.0.7"}),
        Notice("failure", {"display": "desktop", "reason": "it is gone", "count": 1}),
        Notice("lost", {"id": "s", "peer": "10.0.0.7", "reason": "refused", "count": 3}),
    ],
    ids=lambda notice: str(notice.event),
)
def test_what_else_happens_has_its_fields(notice: Notice) -> None:
    """As they are."""
    stream = io.StringIO()
    JsonDisplay(stream).notice(notice)
    assert events(stream) == [{"event": notice.event, **notice.fields}]


def test_a_line_is_ascii_and_comes_at_once() -> None:
    """Whatever a stranger sends, no terminal obeys it; whoever reads does not wait for the next."""
    stream = Stream()
    JsonDisplay(stream).show(Toast("shop", "Error", "注文 \x1b[2J \u202e\ud800", "a\nb\u2028c"))
    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert stream.flushed == 1


def test_a_mistake_of_this_packages_is_no_line() -> None:
    """What has no form in JSON raises, and nothing is half written."""
    stream = io.StringIO()
    with pytest.raises(TypeError, match="object has no form in JSON"):
        JsonDisplay(stream).notice(Notice("error", {"code": object()}))
    assert stream.getvalue() == ""
