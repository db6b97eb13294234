"""Alerts of this package on a real desktop: growl-for-linux."""

from __future__ import annotations

import logging
import logging.config
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.gntp import ciphers
from gntp_logging.gntp.channel import is_known_to_close
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.lib import Publisher
from gntp_logging.gntp.models import Event, Notification
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Response
from tests.interop.gol import PASSWORD, PORT, Gol
from tests.interop.passthrough import PassThrough
from tests.peers import require_program
from tests.support import wait_until, without_last_line

URL = "https://127.0.0.1/errors?logger=orders&id=7"


@contextmanager
def configured(**options: Any) -> Iterator[GNTPHandler]:
    """Configure the root logger through dictConfig, and put it back at the end."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers[:] = []
    handler = {"class": "gntp_logging.GNTPHandler", "host": "127.0.0.1", "port": PORT, **options}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"desktop": handler},
            "root": {"handlers": ["desktop"], "level": "DEBUG"},
        }
    )
    (made,) = root.handlers
    assert isinstance(made, GNTPHandler)
    try:
        yield made
    finally:
        made.close()
        root.handlers[:], root.level = before


TRUST = {
    "plain": {},
    "SHA256 key": {"password": PASSWORD},
    "AES and SHA256": {"password": PASSWORD, "encryption": "AES"},
}


def test_the_desktop_shows_the_toast(gol: Gol, tmp_path: Path) -> None:
    """After an alert the screen has the grey of toasts: what the database holds was shown as well.

    This test comes first: once many toasts have come and gone, gol puts the next one where the screen has ended. About
    one in twelve of gol's processes does so from its start (0.8.5: a window of two pixels below the screen, whatever is
    sent); such a one is started again.
    """
    converter = require_program("convert", "imagemagick")

    def shows_the_toasts_grey() -> bool:
        gol.picture(tmp_path / "screen.png")
        command = [converter, str(tmp_path / "screen.png"), "-unique-colors", "txt:-"]
        colours = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
        return b"#D3D3D3" in colours.upper()

    for _ in range(5):
        with configured() as handler:
            logging.getLogger("orders").error("look at me")
            assert handler.flush(10)
        try:
            wait_until(shows_the_toasts_grey, timeout=4.0)  # it fades in
        except AssertionError:
            gol.stop()
            gol.start()
        else:
            return
    pytest.fail("five growl-for-linux showed no toast")


@pytest.mark.parametrize("trust", TRUST.values(), ids=TRUST)
def test_an_error_arrives_on_the_desktop(gol: Gol, trust: dict[str, str], request: pytest.FixtureRequest) -> None:
    """Through dictConfig and logging.getLogger().error; title, text and URL are read back from gol's database."""
    app_name = f"shop {request.node.callspec.id}"
    text = f"Zahlung fehlgeschlagen: 注文 🛒 ({request.node.callspec.id})\nzweite Zeile"
    with configured(app_name=app_name, url=URL, **trust) as handler:
        logging.getLogger().error("%s", text)
        assert handler.flush(10)
        assert handler.stats().shown == 1
    shown = gol.notification(text)
    assert shown.url == URL
    assert gol.events(app_name) == {"Debug", "Info", "Warning", "Error", "Critical"}


@pytest.mark.parametrize("trust", TRUST.values(), ids=TRUST)
def test_the_first_emit_registers_and_the_second_does_not(
    gol: Gol, pass_through: PassThrough, trust: dict[str, str]
) -> None:
    """Counted on the wire, between the handler and the desktop."""
    with configured(port=pass_through.port, **trust) as handler:
        logging.getLogger("orders").error("one")
        assert handler.flush(10)
        assert pass_through.wait_for_types(2) == ["REGISTER", "NOTIFY"]
        logging.getLogger("orders").error("two")
        assert handler.flush(10)
        assert pass_through.wait_for_types(3) == ["REGISTER", "NOTIFY", "NOTIFY"]
    assert all(b" -OK " in exchange.response for exchange in pass_through.exchanges)


def test_nothing_secret_is_on_the_wire(gol: Gol, pass_through: PassThrough) -> None:
    """An encrypted alert shows neither its text nor the password to who listens."""
    with configured(port=pass_through.port, password=PASSWORD, encryption="AES", app_name="undercover") as handler:
        logging.getLogger("orders").error("a secret text")
        assert handler.flush(10)
    pass_through.wait_for_types(2)
    wire = b"".join(exchange.request for exchange in pass_through.exchanges)
    for clear in (b"a secret text", b"undercover", PASSWORD.encode(), b"Notification-Title"):
        assert clear not in wire
    assert gol.notification("a secret text").text.startswith("ERROR · orders · ")


@pytest.mark.parametrize("size", [900, 1000, 1024, 2048, 30_000])
def test_long_texts_arrive_whole(gol: Gol, size: int) -> None:
    """The server reads pieces of 1,024 bytes; every length gets through."""
    text = f"{size}:".ljust(size, "x")
    with configured(max_text=0) as handler:
        logging.getLogger("orders").error("%s", text)
        assert handler.flush(10)
    assert gol.notification(text).text.startswith(f"{text}\n")


def test_every_length_around_the_servers_pieces_arrives(gol: Gol, pass_through: PassThrough) -> None:
    """Also where a request's length modulo 1,024 would make the server wait or stop early."""
    with configured(port=pass_through.port, max_text=0, repeat_window=0, rate=0) as handler:
        logging.getLogger("orders").error("%s", "around")
        assert handler.flush(10)
        pass_through.wait_for_types(2)
        # Some headers name this machine. Titles will have 122 bytes, and texts one line more.
        rest = len(pass_through.exchanges[1].request) - len("around") + 122 + len("\n")
        for size in range(2048 - rest - 8, 2048 - rest + 8):
            logging.getLogger("orders").error("%s", f"around {size}:".ljust(size, "y"))
        assert handler.flush(30)
        assert handler.stats().shown == 17
    pass_through.wait_for_types(18)
    lengths = {len(exchange.request) % 1024 for exchange in pass_through.exchanges if exchange.message_type == "NOTIFY"}
    assert {1, 2, 3} <= lengths, sorted(lengths)
    assert len([row for row in gol.notifications() if row.text.startswith("around ")]) == 16


@pytest.mark.parametrize("more", range(16))
def test_every_length_of_an_encrypted_alert_arrives_whole(gol: Gol, more: int) -> None:
    """However the last cipher block is padded, no type is disabled and no line feed is added to a URL."""
    app_name = "padded".ljust(6 + more, "-")
    with configured(app_name=app_name, url=URL, password=PASSWORD, encryption="AES") as handler:
        logging.getLogger("orders").error("padded, %d more", more)
        assert handler.flush(10)
    assert gol.events(app_name) == {"Debug", "Info", "Warning", "Error", "Critical"}
    assert gol.notification(f"padded, {more} more").url == URL


def test_pictures_do_not_cost_the_alert(gol: Gol) -> None:
    """The server cannot read pictures together with a password; the alert itself arrives."""
    picture = bytes(range(256)) * 20
    for name, trust in TRUST.items():
        with configured(icon=picture, levels={"ERROR": {"icon": picture}}, **trust) as handler:
            logging.getLogger("orders").error("with a picture, %s", name)
            assert handler.flush(10)
            assert handler.stats().shown == 1
        assert gol.notification(f"with a picture, {name}").title


def test_a_hostile_message_arrives_as_one_notification(gol: Gol) -> None:
    """No header is injected, no second notification appears."""
    before = len(gol.notifications())
    with configured() as handler:
        logging.getLogger("orders").error("a\r\n\r\nGNTP/1.0 NOTIFY NONE\r\nNotification-Callback-Target: http://x/")
        assert handler.flush(10)
    (shown,) = gol.notifications()[before:]
    assert shown.title == "a"
    assert without_last_line(shown.text) == "GNTP/1.0 NOTIFY NONE\nNotification-Callback-Target: http://x/"
    assert shown.url == ""


def test_a_wrong_password_is_told(gol: Gol, capsys: pytest.CaptureFixture[str]) -> None:
    """The server answers an encrypted alert with an error without a code; the one line says what it may be."""
    with configured(password="wrong", encryption="AES") as handler:
        logging.getLogger("orders").error("never shown")
        assert handler.flush(10)
        assert handler.stats().shown == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "it may not accept the password" in line


# -- The library, without logging ----------------------------------------------------------------


def test_a_client_finds_out_that_it_closes(gol: Gol, pass_through: PassThrough) -> None:
    """The first request asks for Keep-Alive, those after it do not; each is shown, in a connection of its own."""
    with GNTPClient("127.0.0.1", pass_through.port) as client:
        client.process_request(RegisterRequest("library", None, [Event("event")]))
        assert is_known_to_close(("127.0.0.1", pass_through.port))
        for number in range(3):
            client.process_request(NotifyRequest("library", Notification("event", "title", f"library {number}")))
    pass_through.wait_for_types(4)
    asked = [b"Connection: Keep-Alive" in exchange.request for exchange in pass_through.exchanges]
    assert asked == [True, False, False, False]
    for number in range(3):
        assert gol.notification(f"library {number}").title == "title"


@pytest.mark.parametrize("trust", TRUST)
def test_several_requests_of_a_client_are_all_shown(gol: Gol, trust: str) -> None:
    """In clear, keyed and encrypted, each in a connection of its own."""
    secured: dict[str, Any] = {}
    if trust != "plain":
        secured = {"password": PASSWORD, "encryption": ciphers.AES if trust.startswith("AES") else None}
    shown = [NotifyRequest("batch", Notification("event", "title", f"batch {trust} {number}")) for number in range(5)]
    with GNTPClient("127.0.0.1", PORT, **secured) as client:
        answers = client.process_requests([RegisterRequest("batch", None, [Event("event")]), *shown])
    assert [type(answer) for answer in answers] == [Response] * 6
    assert {row.text for row in gol.notifications()} >= {request.notification.text for request in shown}


def test_a_publisher_shows_its_notification(gol: Gol) -> None:
    """With a link for the click."""
    with Publisher("publisher", ["event"], port=PORT) as publisher:
        publisher.register()
        publisher.publish("event", "title", "published", gntp_callback=URL)
    assert gol.notification("published").url == URL
