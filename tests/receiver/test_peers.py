"""Other people's clients show their notifications on this receiver."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from gntp_logging.gntp.models import Resource
from tests.peers import missing_peer, require_program
from tests.receiver.conftest import require_module
from tests.support import PATIENCE, run_program, running_receiver

pytestmark = pytest.mark.peer

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + b"\r\n\r\nIdentifier: x\r\n\r\n"


@pytest.mark.parametrize("hash_id", [None, "MD5", "SHA1", "SHA256", "SHA512"])
def test_gntp(hash_id: str | None) -> None:
    """PyPI's gntp, with and without a password, and with a picture's bytes."""
    notifier = require_module("gntp.notifier", "gntp==1.0.3")
    passwords = ["sëcret"] if hash_id else []
    with running_receiver(passwords) as receiver:
        growl = notifier.GrowlNotifier(
            "gntp", ["event"], hostname="127.0.0.1", port=receiver.port, password="".join(passwords) or None
        )
        growl.passwordHash = hash_id or "MD5"

        assert growl.register() is True
        shown = growl.notify(
            "event", "Tïtle", "téxt\nmore", icon=PICTURE, sticky=True, priority=2, callback="https://tracker.example/7"
        )
        assert shown is True

        (toast,) = receiver.wait_for(1)
    assert (toast.application, toast.name, toast.title, toast.text) == ("gntp", "event", "Tïtle", "téxt\nmore")
    assert (toast.sticky, toast.priority, toast.icon) == (True, 2, Resource(data=PICTURE))
    assert toast.callback_url == "https://tracker.example/7"
    assert (toast.encryption, toast.hash_) == ("", hash_id or "")


def test_gntp_with_a_crlf_in_a_value() -> None:
    """PyPI's gntp sends a value as it is: what stands on its second line is shown, and is no header."""
    notifier = require_module("gntp.notifier", "gntp==1.0.3")
    with running_receiver() as receiver:
        growl = notifier.GrowlNotifier("gntp", ["event"], hostname="127.0.0.1", port=receiver.port)
        assert growl.register() is True
        assert growl.notify("event", "Tïtle", "one\r\n  two\r\n: three") is True
        (toast,) = receiver.wait_for(1)
    assert (toast.title, toast.text) == ("Tïtle", "one\n  two\n: three")


@pytest.mark.parametrize("password", ["", "secret"])
def test_apprise(password: str) -> None:
    """It cuts a body to two lines and puts a CRLF between them; it says SUCCESS whatever the server answers."""
    # In a program of its own: its import warns.
    program = """
        import sys, apprise
        notifier = apprise.Apprise()
        assert notifier.add(sys.argv[1])
        assert notifier.notify(title="Backup failed", body="the disk is full\\nsince two hours")
        assert notifier.notify(title="Backup", body="one line")
    """
    with running_receiver([password] if password else []) as receiver:
        url = f"growl://{password}{'@' if password else ''}127.0.0.1:{receiver.port}?image=no"
        finished = run_program(program, url)
        if "No module named 'apprise'" in finished.stderr:
            missing_peer("apprise is not installed: pip install apprise")
        assert finished.returncode == 0, finished.stderr
        two, one = receiver.wait_for(2)
    assert (two.title, two.text) == ("Backup failed", "the disk is full\nsince two hours")
    assert (one.title, one.text) == ("Backup", "one line")


@pytest.mark.parametrize("cipher", [None, "AES", "DES", "DES3"])
def test_gntplib(cipher: str | None) -> None:
    """The Publisher of gntplib, with a key alone and with each of its ciphers."""
    gntplib = require_module("gntplib", "gntplib==3.0.10")
    keys = require_module("gntplib.keys", "gntplib==3.0.10")
    ciphers = require_module("gntplib.ciphers", "gntplib==3.0.10")
    with running_receiver(["sëcret"]) as receiver:
        publisher = gntplib.Publisher(
            "gntplib",
            ["event"],
            icon=gntplib.Resource(data=PICTURE),
            host="127.0.0.1",
            port=receiver.port,
            password="sëcret",
            key_hashing=keys.SHA256,
            encryption=getattr(ciphers, cipher) if cipher else None,
        )
        publisher.register()
        publisher.publish("event", "Tïtle", "téxt", id_="7", sticky=True, priority=-1)

        (toast,) = receiver.wait_for(1)
    assert (toast.application, toast.name, toast.title, toast.text) == ("gntplib", "event", "Tïtle", "téxt")
    assert (toast.id_, toast.sticky, toast.priority, toast.icon) == ("7", True, -1, Resource(data=PICTURE))
    assert (toast.encryption, toast.hash_) == ({"DES3": "3DES"}.get(cipher or "", cipher or ""), "SHA256")


def test_gntplib_in_clear() -> None:
    """The Publisher of gntplib without a password."""
    gntplib = require_module("gntplib", "gntplib==3.0.10")
    with running_receiver() as receiver:
        publisher = gntplib.Publisher("gntplib", ["event"], host="127.0.0.1", port=receiver.port)
        publisher.register()
        publisher.publish("event", "title", "text")

        (toast,) = receiver.wait_for(1)
    assert (toast.title, toast.text, toast.encryption, toast.hash_) == ("title", "text", "", "")


def _gntp_send(port: int, *arguments: str) -> None:
    program = require_program("gntp-send", "gntp-send")
    command: Sequence[str] = [program, "-s", f"127.0.0.1:{port}", "-a", "sender", "-n", "event", *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)


@pytest.mark.parametrize("password", [None, "sëcret"])
@pytest.mark.parametrize("with_picture", [False, True])
def test_gntp_send(password: str | None, with_picture: bool, tmp_path: Path) -> None:
    """Debian's gntp-send, which writes its requests in many small pieces."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(PICTURE)
    with running_receiver([password] if password else []) as receiver:
        options = ["-p", password] if password else []
        _gntp_send(receiver.port, *options, "Tïtle", "téxt", *([str(picture)] if with_picture else []))

        (toast,) = receiver.wait_for(1)
    assert (toast.application, toast.name, toast.title, toast.text) == ("sender", "event", "Tïtle", "téxt")
    assert toast.icon == (Resource(data=PICTURE) if with_picture else None)
    assert (toast.encryption, toast.hash_) == ("", "MD5" if password else "")


def test_gntp_sends_url_opens_on_a_click(tmp_path: Path) -> None:
    """Its fourth argument; it knows neither priorities nor stickiness."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(PICTURE)
    with running_receiver() as receiver:
        _gntp_send(receiver.port, "Tïtle", "téxt", str(picture), "https://tracker.example/7")
        (toast,) = receiver.wait_for(1)
    assert toast.callback_url == "https://tracker.example/7"
    assert (toast.priority, toast.sticky, toast.icon) == (0, False, Resource(data=PICTURE))


def test_gntp_send_with_a_wrong_password() -> None:
    """A peer with a wrong password is refused, and does not hang."""
    with running_receiver(["secret"]) as receiver:
        _gntp_send(receiver.port, "-p", "guess", "title", "text")

        assert receiver.toasts == []
