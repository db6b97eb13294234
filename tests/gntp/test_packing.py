"""packing and origin: what every message of a client carries."""

from __future__ import annotations

import platform

import pytest

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.constants import VERSION
from gntp_logging.gntp.exceptions import GNTPEncryptionError
from gntp_logging.gntp.models import Notification
from gntp_logging.gntp.packing import PackerFactory
from gntp_logging.gntp.requests import NotifyRequest
from gntp_logging.gntp.wire import RequestReader

NOTIFY = NotifyRequest("app", Notification("event", "title", "text"))


@pytest.mark.parametrize("password", [None, "secret"])
@pytest.mark.parametrize("encryption", [None, ciphers.AES])
def test_each_message_has_salt_and_vector_of_its_own(
    password: str | None, encryption: ciphers.Algorithm | None
) -> None:
    """And is read back with the password alone."""
    if encryption and password is None:
        with pytest.raises(GNTPEncryptionError, match="needs a password"):
            PackerFactory(password, keys.SHA256, encryption)
        return
    factory = PackerFactory(password, keys.SHA256, encryption)
    one, other = factory.create(), factory.create()
    if password:
        assert one.key is not None
        assert other.key is not None
        assert one.key.salt != other.key.salt
    if encryption:
        assert one.cipher is not None
        assert other.cipher is not None
        assert one.cipher.iv != other.cipher.iv
    for packer in (one, other):
        reader = RequestReader([password] if password else [])
        reader.feed(packer.pack(NOTIFY))
        request = reader.next_message()
        assert isinstance(request, NotifyRequest)
        assert request.notification == NOTIFY.notification


def test_the_origin_is_told() -> None:
    """This machine, its system, and this software, in the headers that the specification names."""
    reader = RequestReader()
    reader.feed(PackerFactory(None, keys.SHA256, None).create().pack(NOTIFY))
    reader.next_message()
    assert reader.envelope is not None
    origin = {name: value for name, value in reader.envelope.headers.items() if name.startswith("Origin-")}
    assert origin == {
        "Origin-Machine-Name": platform.node(),
        "Origin-Software-Name": "gntp_logging",
        "Origin-Software-Version": VERSION,
        "Origin-Platform-Name": platform.system(),
        "Origin-Platform-Version": platform.release(),
    }


def test_a_password_is_not_shown() -> None:
    """Not by the factory, nor by what it makes."""
    factory = PackerFactory("hunter2", keys.SHA256, ciphers.AES)
    assert "hunter2" not in repr(factory) + repr(factory.create())
