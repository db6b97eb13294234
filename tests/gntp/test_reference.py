"""The API reference's examples, as a reader would type them, against real servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import RunningReceiver, running_receiver


@pytest.fixture
def keyed() -> Iterator[RunningReceiver]:
    """The package's receiver with the password "secret"."""
    with running_receiver(["secret"]) as running:
        yield running


@pytest.fixture
def hub() -> Iterator[RunningReceiver]:
    """A hub that grants subscriptions: the package's receiver, with a password."""
    with running_receiver(["secret"], hub=True) as running:
        yield running


def test_quick_publish(receiver: RunningReceiver) -> None:
    """Register and notify in one call."""
    from gntp_logging import publish

    publish("MyApp", "Alert", "Warning", "System overheating", port=receiver.port)
    assert [(toast.application, toast.title) for toast in receiver.toasts] == [("MyApp", "Warning")]


def test_quick_subscribe(hub: RunningReceiver) -> None:
    """The subscription's length is returned."""
    from gntp_logging import subscribe

    ttl = subscribe("sub-123", "MySubscriber", ("127.0.0.1", hub.port), "secret")
    assert ttl == 300


def test_publisher(receiver: RunningReceiver) -> None:
    """An application with one event."""
    from gntp_logging import Event, Publisher

    events = [Event("update", "Update Available")]
    publisher = Publisher("MyApp", events, port=receiver.port)
    publisher.register()
    publisher.publish("update", "New Version", "v2.0 released")
    publisher.publish("update", "New Version", "Version 2.0 is available", priority=1, sticky=True)
    first, second = receiver.toasts
    assert (first.text, first.priority, first.sticky) == ("v2.0 released", 0, False)
    assert (second.text, second.priority, second.sticky) == ("Version 2.0 is available", 1, True)


def test_publisher_with_an_icon(receiver: RunningReceiver, tmp_path: Path) -> None:
    """A picture from a file."""
    from gntp_logging import Event, Publisher, Resource

    (tmp_path / "icon.png").write_bytes(b"png")
    events = [Event("update", "Update Available")]
    icon = Resource.from_file(tmp_path / "icon.png")
    pub = Publisher("MyApp", events, icon=icon, port=receiver.port)
    pub.register()
    pub.publish("update", "New Version")
    assert receiver.toasts[0].icon == icon


def test_subscriber(hub: RunningReceiver) -> None:
    """The length is stored."""
    from gntp_logging import Subscriber

    subscriber = Subscriber(id_="unique-id", name="MySubscriber", hub=("127.0.0.1", hub.port), password="secret")
    subscriber.subscribe()
    assert f"TTL: {subscriber.ttl} seconds" == "TTL: 300 seconds"


def test_keys() -> None:
    """Keys and their hashes."""
    from gntp_logging.gntp.keys import SHA256, Key

    key = SHA256.key("my-password")
    assert len(key.key_hash_hex) == 64
    key = Key("secret", "SHA256")
    assert key.verify_password("secret") is True
    assert key.verify_password("wrong") is False


def test_ciphers() -> None:
    """What was encrypted is decrypted."""
    from gntp_logging import ciphers, keys
    from gntp_logging.gntp.ciphers import AES, Cipher

    key = keys.SHA256.key("mypassword")
    cipher = ciphers.AES.cipher(key)
    encrypted = cipher.encrypt(b"secret data")
    assert AES is ciphers.AES
    assert cipher.decrypt(encrypted) == b"secret data"
    assert Cipher(key, "AES", cipher.iv).decrypt(encrypted) == b"secret data"


def test_client(keyed: RunningReceiver) -> None:
    """A request of one's own, encrypted."""
    from gntp_logging import Event, RegisterRequest, ciphers, keys
    from gntp_logging.gntp.connections import GNTPClient

    client = GNTPClient(
        host="localhost", port=keyed.port, password="secret", key_hashing=keys.SHA256, encryption=ciphers.AES
    )
    request = RegisterRequest("MyApp", None, [Event("test")])
    client.process_request(request)


def test_generate_messages(receiver: RunningReceiver) -> None:
    """A response read from a socket of one's own."""
    from gntp_logging import Event, RegisterRequest
    from gntp_logging.gntp.connections import generate_messages
    from gntp_logging.gntp.wire import encode

    request_message = encode(RegisterRequest("MyApp", None, [Event("test")]))
    with socket.create_connection(("127.0.0.1", receiver.port)) as sock:
        sock.send(request_message)
        for message in generate_messages(sock):
            assert message.startswith(b"GNTP/1.0 -OK NONE\r\n")
            break


def test_parse_response() -> None:
    """The headers of an answer."""
    from gntp_logging.gntp.requests import parse_response

    message = b"GNTP/1.0 -OK NONE\r\nResponse-Action: REGISTER\r\n\r\n"
    response = parse_response(message, expected_type="-OK")
    assert response.headers == {"Response-Action": "REGISTER"}


def test_constants() -> None:
    """The small helpers."""
    from gntp_logging.gntp.constants import (
        decode_utf8,
        encode_utf8,
        random_bytes,
        random_hex_string,
        safe_int_conversion,
        validate_priority,
    )

    assert len(random_bytes(16)) == 16
    assert len(random_hex_string(8)) == 16
    assert encode_utf8("Hello") == b"Hello"
    assert decode_utf8(b"Hello") == "Hello"
    assert safe_int_conversion("42") == 42
    assert safe_int_conversion("invalid", default=-1) == -1
    assert [validate_priority(priority) for priority in (10, 5, -5)] == [2, 2, -2]


def test_coercion() -> None:
    """Events and callbacks of what stands for them."""
    from gntp_logging import Event, Resource, SocketCallback
    from gntp_logging.gntp.lib import coerce_to_callback, coerce_to_events
    from gntp_logging.gntp.models import URLCallback
    from gntp_logging.gntp.requests import Response

    icon = Resource(data=b"png")
    events = coerce_to_events(["simple_event", ("named_event", False), Event("full_event", icon=icon)])
    assert [(event.name, event.enabled) for event in events] == [
        ("simple_event", True),
        ("named_event", False),
        ("full_event", True),
    ]

    def handle_click(_response: Response) -> None: ...

    def handle_close(_response: Response) -> None: ...

    assert coerce_to_callback("https://example.com/notify") == URLCallback("https://example.com/notify")
    callback = coerce_to_callback(on_click=handle_click, on_close=handle_close)
    assert isinstance(callback, SocketCallback)
    assert (callback.on_click, callback.on_close) == (handle_click, handle_close)
