"""docs/security.md: what GNTP's keys and ciphers do not give is shown here, with messages as they were seen on the way.

Each test is an attack that succeeds. None of them knows the password: it has a message that somebody else has sent.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.models import Event, Notification
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, SubscribeRequest
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver.displays import Notice
from gntp_logging.receiver.server import Receiver, Server
from tests.receiver.conftest import Collector, ask, register
from tests.support import PATIENCE, Recorder, wait_until

PASSWORD: Final = "a word"


class Desktop(Recorder):
    """What is shown, and what else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[Notice] = []

    def notice(self, notice: Notice) -> None:
        """Remember it."""
        self.notices.append(notice)


@pytest.fixture
def display() -> Desktop:
    """A display."""
    return Desktop()


@pytest.fixture
def port(display: Desktop) -> Iterator[int]:
    """The port of a receiver with a password, to which an application is registered."""
    with Receiver(Server([display], passwords=[PASSWORD], hub=True)) as receiver:
        assert ask(receiver.port, _with(_seen(), register())).message_type == "-OK"
        yield receiver.port


def _seen(text: str = "from the program") -> bytes:
    """Return a keyed message in clear, as somebody on the way sees it."""
    return encode(NotifyRequest("app", Notification("event", "title", text)), key=Key(PASSWORD, "SHA256"))


def _with(seen: bytes, other: bytes) -> bytes:
    """Put another message behind the salt and the hash of one that was seen."""
    key_and_salt = seen.partition(b"\r\n")[0].split(b" ")[3]
    line, _, rest = other.partition(b"\r\n")
    return line.rstrip() + b" " + key_and_salt + b"\r\n" + rest


def test_a_message_that_was_seen_can_be_sent_again(port: int, display: Desktop) -> None:
    """There is neither a nonce nor a time in it. Without an id, it is another notification."""
    seen = _seen()
    assert [ask(port, seen).message_type for _ in range(2)] == ["-OK", "-OK"]
    assert [toast.text for toast in display.toasts] == ["from the program"] * 2


def test_a_hash_that_was_seen_opens_the_door_for_another_content(port: int, display: Desktop) -> None:
    """It covers the password and the salt, and nothing else."""
    other = encode(NotifyRequest("app", Notification("event", "title", "from a stranger")))
    assert ask(port, other).message_type == "-ERROR"  # without a key
    assert ask(port, _with(_seen(), other)).message_type == "-OK"
    assert [toast.text for toast in display.toasts] == ["from a stranger"]


@pytest.mark.parametrize("encryption", ["AES", "3DES", "DES"])
def test_a_hash_that_was_seen_subscribes_to_what_comes_in_clear_and_to_nothing_else(
    display: Desktop, encryption: str
) -> None:
    """The key that it takes to read the rest is made from the password, which stays unknown."""
    record = logging.LogRecord("shop.db", logging.ERROR, __file__, 1, "the hidden %s", ("words",), None)
    key = Key(PASSWORD, "SHA256")
    seen = encode(NotifyRequest("app", Notification("event", "title")), key=key, cipher=Cipher(key, encryption))
    hub = Receiver(Server([display], passwords=[PASSWORD], hub=True))
    with hub, Collector(f"{PASSWORD}stranger") as stranger:
        subscription = _with(seen, encode(SubscribeRequest("stranger", "x", stranger.port)))
        assert ask(hub.port, subscription).message_type == "-OK"
        handler = GNTPHandler(
            host="127.0.0.1", port=hub.port, app_name="shop", password=PASSWORD, encryption=encryption
        )
        handler.handle(record)
        assert handler.flush(PATIENCE)
        handler.close()
        assert "the hidden words" in display.toasts[0].title
        in_clear = encode(NotifyRequest("shop", Notification("Error", "title", "in clear")), key=key)
        assert ask(hub.port, in_clear).message_type == "-OK"
        registration, alert = stranger.wait_for_text("in clear")
        wait_until(lambda: any(notice.event == "lost" for notice in display.notices))
    assert isinstance(registration, RegisterRequest)
    assert (registration.app_icon, registration.events) == (None, (Event("Error"),))
    assert isinstance(alert, NotifyRequest)
    assert b"hidden" not in stranger.seen
    assert b"Warning" not in stranger.seen  # the other types' names came encrypted


def test_a_ciphertext_can_be_changed_without_the_key(port: int, display: Desktop) -> None:
    """The initialization vector is in clear; a bit of it is a bit of the first block, here of the subscriber's id."""
    key = Key(PASSWORD, "SHA256")
    seen = encode(SubscribeRequest("web-3", "web", 23053), key=key, cipher=Cipher(key, "AES"))
    vector = bytearray.fromhex(re.split(rb"[: ]", seen)[3].decode())
    vector[len("Subscriber-ID: ")] ^= ord("w") ^ ord("b")
    changed = re.sub(rb"AES:[0-9A-Fa-f]+", b"AES:" + vector.hex().upper().encode(), seen, count=1)
    assert ask(port, changed).message_type == "-OK"
    assert [notice.fields["id"] for notice in display.notices if notice.event == "subscribe"] == ["beb-3"]


def test_a_password_of_words_can_be_guessed_from_one_message() -> None:
    """At the price of two hashes a guess, without asking the server."""
    _, hash_and_salt = _seen().partition(b"\r\n")[0].rsplit(b" ", 1)
    seen, salt = hash_and_salt.removeprefix(b"SHA256:").split(b".")

    def fits(guess: str) -> bool:
        key = hashlib.sha256(guess.encode() + bytes.fromhex(salt.decode())).digest()
        return hashlib.sha256(key).hexdigest().encode() == seen.lower()

    assert [guess for guess in ("secret", "letmein", "a word", "horse") if fits(guess)] == [PASSWORD]


@pytest.mark.parametrize("encryption", [None, "AES"])
def test_the_password_itself_is_in_no_message(encryption: str | None) -> None:
    """Neither as it is nor as it is often written."""
    key = Key(PASSWORD, "SHA256")
    message = encode(
        NotifyRequest("app", Notification("event", "title", "text")), key=key,
        cipher=Cipher(key, encryption) if encryption else None,
    )  # fmt: skip
    written = PASSWORD.encode()
    for form in (written, base64.b64encode(written), written.hex().encode(), written.hex().upper().encode()):
        assert form not in message


def test_the_page_tells_of_each() -> None:
    """This file is named there."""
    page = (Path(__file__).parents[1] / "docs" / "evidence.md").read_text("utf-8")
    assert "`tests/test_security.py`" in page
