"""wire: objects <-> bytes, whole and in pieces, and what is not taken from a peer."""

from __future__ import annotations

import dataclasses
import hmac
import importlib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gntp_logging.gntp import ciphers, keys, wire
from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.exceptions import GNTPEncryptionError, GNTPProtocolError, GNTPValidationError
from gntp_logging.gntp.headers import information_line, safe_value
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.models import Event, Notification, Received, Resource, SocketCallback, URLCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, Response, SubscribeRequest
from gntp_logging.gntp.wire import Limits, RequestReader, ResponseReader, begins_like_an_error, encode
from tests.gntp.messages import PASSWORD, pieces, requests, responses, safe_requests, securities

CAPTURES = Path(__file__).parent / "captures"


def read_all(
    data: bytes, size: int = 0, passwords: tuple[str, ...] = (), limits: Limits | None = None
) -> list[Request]:
    """Read every request that bytes hold, fed in pieces of a size (0 for whole), to the end of the stream."""
    reader = RequestReader(passwords, limits or Limits())
    found: list[Request] = []
    for piece in pieces(data, size or max(1, len(data))):
        reader.feed(piece)
        while (request := reader.next_message()) is not None:
            found.append(request)
    reader.feed_eof()
    while (request := reader.next_message()) is not None:
        found.append(request)
    return found


# -- Recorded requests of other programs ---------------------------------------------------------


class Capture(NamedTuple):
    """What a recorded request must decode to."""

    application: str
    detail: object  # events of a REGISTER, (title, text) of a NOTIFY, port of a SUBSCRIBE
    pictures: int = 0


ALPHA_BETA = ["alpha", "beta"]
PLAIN = ("Title", "Text")


def recorded() -> list[str]:
    """Return the names of the recordings."""
    return sorted(path.stem for path in CAPTURES.glob("*.bin"))


def described(request: Request) -> Capture:
    """Describe a request as the table of recordings does."""
    if isinstance(request, RegisterRequest):
        icons = [request.app_icon, *(event.icon for event in request.events)]
        found = [icon for icon in icons if isinstance(icon, Resource)]
        return Capture(request.app_name, [event.name for event in request.events], len(found))
    if isinstance(request, NotifyRequest):
        shown = request.notification
        return Capture(request.app_name, (shown.title, shown.text), int(isinstance(shown.icon, Resource)))
    return Capture(request.name, request.port)


EXPECTED = {
    "gntp-full-NOTIFY": Capture("gntp cap", PLAIN),
    "gntp-icon-NOTIFY": Capture("gntp cap", PLAIN, 1),
    "gntp-icon-REGISTER": Capture("gntp cap", ALPHA_BETA, 1),
    "gntp-md5-NOTIFY": Capture("gntp cap", ("Title MD5", "Text")),
    "gntp-md5-REGISTER": Capture("gntp cap", ALPHA_BETA),
    "gntp-plain-NOTIFY": Capture("gntp cap", PLAIN),
    "gntp-plain-REGISTER": Capture("gntp cap", ALPHA_BETA),
    "gntp-send-crlftext-NOTIFY": Capture("gntp-send cap", ("Title", "one\ntwo\nthree\x00\x00")),
    "gntp-send-crlftext-REGISTER": Capture("gntp-send cap", ["alpha"]),
    "gntp-send-default-NOTIFY": Capture("gntp-send", PLAIN),
    "gntp-send-default-REGISTER": Capture("gntp-send", ["gntp-send notify"]),
    "gntp-send-empty-NOTIFY": Capture("gntp-send cap", ("Title", "")),
    "gntp-send-empty-REGISTER": Capture("gntp-send cap", ["alpha"]),
    "gntp-send-icon-NOTIFY": Capture("gntp-send cap", PLAIN, 1),
    "gntp-send-icon-REGISTER": Capture("gntp-send cap", ["alpha"], 2),
    "gntp-send-md5-NOTIFY": Capture("gntp-send cap", PLAIN),
    "gntp-send-md5-REGISTER": Capture("gntp-send cap", ["alpha"]),
    "gntp-send-md5-icon-NOTIFY": Capture("gntp-send cap", PLAIN, 1),
    "gntp-send-md5-icon-REGISTER": Capture("gntp-send cap", ["alpha"], 2),
    "gntp-send-plain-NOTIFY": Capture("gntp-send cap", PLAIN),
    "gntp-send-plain-REGISTER": Capture("gntp-send cap", ["alpha"]),
    "gntp-send-urlicon-NOTIFY": Capture("gntp-send cap", PLAIN),
    "gntp-send-urlicon-REGISTER": Capture("gntp-send cap", ["alpha"]),
    "gntp-sha1-NOTIFY": Capture("gntp cap", ("Title SHA1", "Text")),
    "gntp-sha1-REGISTER": Capture("gntp cap", ALPHA_BETA),
    "gntp-sha256-NOTIFY": Capture("gntp cap", ("Title SHA256", "Text")),
    "gntp-sha256-REGISTER": Capture("gntp cap", ALPHA_BETA),
    "gntp-sha256-icon-NOTIFY": Capture("gntp cap", PLAIN, 1),
    "gntp-sha256-icon-REGISTER": Capture("gntp cap", ALPHA_BETA, 1),
    "gntp-subscribe-md5-SUBSCRIBE": Capture("sub name", 23999),
    "gntp-urlicon-NOTIFY": Capture("gntp cap", PLAIN),
    "gntp-urlicon-REGISTER": Capture("gntp cap", ALPHA_BETA),
    "gntplib-aes-sha256-NOTIFY": Capture("gntplib cap", ("Title AES SHA256", "Text of AES SHA256")),
    "gntplib-aes-sha256-REGISTER": Capture("gntplib cap", ALPHA_BETA),
    "gntplib-aes-sha256-icon-NOTIFY": Capture("gntplib cap", PLAIN, 1),
    "gntplib-aes-sha256-icon-REGISTER": Capture("gntplib cap", ["alpha"], 2),
    "gntplib-full-NOTIFY": Capture("gntplib cap", PLAIN),
    "gntplib-icon-NOTIFY": Capture("gntplib cap", PLAIN, 1),
    "gntplib-icon-REGISTER": Capture("gntplib cap", ALPHA_BETA, 2),
    "gntplib-md5-NOTIFY": Capture("gntplib cap", ("Title MD5", "Text")),
    "gntplib-md5-REGISTER": Capture("gntplib cap", ALPHA_BETA),
    "gntplib-plain-NOTIFY": Capture("gntplib cap", PLAIN),
    "gntplib-plain-REGISTER": Capture("gntplib cap", ALPHA_BETA),
    "gntplib-sha1-NOTIFY": Capture("gntplib cap", ("Title SHA1", "Text")),
    "gntplib-sha1-REGISTER": Capture("gntplib cap", ALPHA_BETA),
    "gntplib-sha256-NOTIFY": Capture("gntplib cap", ("Title SHA256", "Text")),
    "gntplib-sha256-REGISTER": Capture("gntplib cap", ALPHA_BETA),
    "gntplib-sha256-icon-NOTIFY": Capture("gntplib cap", PLAIN, 1),
    "gntplib-sha256-icon-REGISTER": Capture("gntplib cap", ALPHA_BETA, 1),
    "gntplib-socketcallback-NOTIFY": Capture("gntplib cap", PLAIN),
    "gntplib-subscribe-sha256-SUBSCRIBE": Capture("sub name", 23999),
}


def test_every_recording_is_in_the_table() -> None:
    """Nothing was recorded in vain."""
    assert recorded() == sorted(EXPECTED)


def passwords_of(data: bytes) -> tuple[str, ...]:
    """Return the password of a recording, if it has a key."""
    return ("other", PASSWORD) if b":" in data.partition(b"\r\n")[0] else ()


@pytest.mark.parametrize("name", recorded())
def test_a_recording_is_read_whole_byte_by_byte_and_with_what_follows(name: str) -> None:
    """The same request, however it arrives."""
    data = (CAPTURES / f"{name}.bin").read_bytes()
    passwords = passwords_of(data)
    (whole,) = read_all(data, passwords=passwords)
    assert described(whole) == EXPECTED[name]
    assert read_all(data, 1, passwords) == [whole]
    assert read_all(data * 3, 7, passwords) == [whole] * 3
    assert read_all(data + b"\r\n", 0, passwords) == [whole]


@pytest.mark.parametrize("name", recorded())
def test_a_recordings_envelope_says_how_it_came(name: str) -> None:
    """Type, hash and cipher are those of the file's name."""
    data = (CAPTURES / f"{name}.bin").read_bytes()
    reader = RequestReader(passwords_of(data))
    reader.feed(data)
    request = reader.next_message()
    assert request is not None
    assert reader.envelope is not None
    parts = name.split("-")
    assert request.message_type == parts[-1]
    assert reader.envelope.cipher_id == ("AES" if "aes" in parts else None)
    expected = [part.upper() for part in parts if part in ("md5", "sha1", "sha256")]
    assert reader.envelope.hash_id == (expected[0] if expected else None)


@pytest.mark.parametrize("size", [0, 1, 1000])
@pytest.mark.parametrize("keyed", [False, True])
def test_all_recordings_are_read_from_one_stream(size: int, keyed: bool) -> None:
    """Whatever program's request follows another's: none takes a byte of its neighbour."""
    recordings = {name: (CAPTURES / f"{name}.bin").read_bytes() for name in recorded()}
    chosen = [name for name, data in recordings.items() if bool(passwords_of(data)) is keyed]
    stream = b"".join(recordings[name] for name in chosen)
    found = read_all(stream, size, (PASSWORD,) if keyed else ())
    assert [described(request) for request in found] == [EXPECTED[name] for name in chosen]


@pytest.mark.parametrize("name", recorded())
def test_a_recording_that_is_cut_off_is_never_a_request(name: str) -> None:
    """Wherever the stream ends before its last line: an error, or, before its first byte, nothing."""
    data = (CAPTURES / f"{name}.bin").read_bytes()
    passwords = passwords_of(data)
    end = len(data.rstrip(b"\r\n"))
    assert read_all(b"", passwords=passwords) == []
    for at in range(1, end, 7):
        with pytest.raises(GNTPProtocolError):
            read_all(data[:at], passwords=passwords)


@pytest.mark.parametrize("name", [name for name in recorded() if passwords_of((CAPTURES / f"{name}.bin").read_bytes())])
def test_a_recording_with_another_password_is_refused(name: str) -> None:
    """Key hashes are checked, with code 400."""
    data = (CAPTURES / f"{name}.bin").read_bytes()
    with pytest.raises(GNTPProtocolError) as refused:
        read_all(data, passwords=("wrong",))
    assert refused.value.error_code == 400


@pytest.mark.parametrize("name", sorted(path.stem for path in CAPTURES.glob("*.plain")))
def test_a_recordings_ciphertext_is_what_was_recorded(name: str) -> None:
    """The headers of an encrypted recording are those of its decrypted part."""
    data = (CAPTURES / f"{name}.bin").read_bytes()
    plain = (CAPTURES / f"{name}.plain").read_bytes()
    reader = RequestReader([PASSWORD])
    reader.feed(data)
    assert reader.next_message() is not None
    assert reader.envelope is not None
    assert (reader.envelope.cipher_id, reader.envelope.hash_id) == ("AES", "SHA256")
    for header, value in reader.envelope.headers.items():
        assert f"{header}: {value}\r\n".encode() in plain


@pytest.mark.parametrize(
    "name", ["gntplib-icon-REGISTER", "gntplib-aes-sha256-icon-REGISTER", "gntp-sha256-icon-NOTIFY"]
)
def test_pictures_of_recordings_are_read_whole(name: str) -> None:
    """Byte for byte the files that were sent."""
    sent = {path.read_bytes() for path in CAPTURES.glob("*.png")}
    data = (CAPTURES / f"{name}.bin").read_bytes()
    (request,) = read_all(data, 3, passwords_of(data))
    icons = [request.notification.icon] if isinstance(request, NotifyRequest) else []
    if isinstance(request, RegisterRequest):
        icons = [request.app_icon, *(event.icon for event in request.events)]
    read = [icon.data for icon in icons if isinstance(icon, Resource)]
    assert len(read) == EXPECTED[name].pictures > 0
    assert sent.issuperset(read)


# -- Round trips ---------------------------------------------------------------------------------


def made_safe(value: Any) -> Any:
    """Return a message, or a part of one, as it must arrive."""
    if isinstance(value, str):
        return safe_value(value)
    if isinstance(value, (list, tuple)):
        return tuple(made_safe(item) for item in value)
    if isinstance(value, Received):
        return Received.parse(safe_value(str(value)))
    if isinstance(value, Resource) or not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    changes = {field.name: made_safe(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return dataclasses.replace(value, **changes)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    request=safe_requests,
    security=securities(),
    size=st.sampled_from([0, 1, 2, 3, 17, 1024]),
    keep_alive=st.booleans(),
)
def test_safe_messages_arrive_as_they_are(
    request: Request, security: tuple[Key | None, Cipher | None], size: int, keep_alive: bool
) -> None:
    """Every type, key, cipher and chunking: decoded, a message equals the one that was encoded."""
    key, cipher = security
    data = encode(request, key=key, cipher=cipher, keep_alive=keep_alive)
    assert [without_padding(one) for one in read_all(data, size, (PASSWORD,) if key else ())] == [request]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    request=requests,
    security=securities(),
    size=st.sampled_from([0, 1, 2, 3, 17, 1024]),
    half_close=st.booleans(),
    keep_alive=st.booleans(),
)
def test_what_is_encoded_is_decoded(
    request: Request, security: tuple[Key | None, Cipher | None], size: int, half_close: bool, keep_alive: bool
) -> None:
    """Every type, key, cipher and chunking: the message arrives, its values made safe, and nothing else."""
    key, cipher = security
    data = encode(request, key=key, cipher=cipher, half_close=half_close, keep_alive=keep_alive)
    passwords = (PASSWORD,) if key else ()
    found = read_all(data + data, size, passwords)
    assert [without_padding(one) for one in found] == [made_safe(request)] * 2


def without_padding(request: Request) -> Request:
    """Leave out the header that keeps growl-for-linux from misreading a request."""
    headers = [header for header in request.custom_headers or () if header[0] != "X-Padding"]
    return dataclasses.replace(request, custom_headers=tuple(headers) or None)


@settings(deadline=None)
@given(response=responses, security=securities(), size=st.sampled_from([0, 1, 5]), keep_alive=st.booleans())
def test_responses_are_decoded(
    response: Response, security: tuple[Key | None, Cipher | None], size: int, keep_alive: bool
) -> None:
    """In clear and encrypted; END after one is noticed."""
    key, cipher = security
    data = encode(response, key=key, cipher=cipher, keep_alive=keep_alive)
    reader = ResponseReader(key)
    found = []
    for piece in pieces(data, size or len(data)):
        reader.feed(piece)
        while (one := reader.next_message()) is not None:
            found.append(one)
    headers = {name: safe_value(text) for name, text in response.headers.items()}
    if keep_alive:
        headers["Connection"] = "Keep-Alive"
    assert found == [Response(response.message_type, headers)]
    assert reader.at_end == keep_alive


def test_a_key_and_a_vector_are_fresh_for_each_message() -> None:
    """Through the client's packer: nothing of two messages is the same but their beginning."""
    from gntp_logging.gntp.packing import PackerFactory

    factory = PackerFactory(PASSWORD, keys.SHA256, ciphers.AES)
    request = NotifyRequest("app", Notification("n", "t"))
    one, other = (factory.create().pack(request) for _ in range(2))
    assert one.split()[:2] == other.split()[:2]
    assert not {*one.split()[2:4]} & {*other.split()[2:4]}


# -- What is encoded -----------------------------------------------------------------------------


def test_a_request_looks_as_the_specification_says() -> None:
    """One blank line between blocks, sections after them, a blank line at the end."""
    icon = Resource(data=b"png")
    data = encode(RegisterRequest("app", icon, [Event("a"), Event("b", icon=icon)]))
    pointer = f"x-growl-resource://{icon.unique_id()}".encode()
    section = f"Identifier: {icon.unique_id()}\r\nLength: 3\r\n\r\npng\r\n\r\n".encode()
    assert data == (
        b"GNTP/1.0 REGISTER NONE\r\nApplication-Name: app\r\nApplication-Icon: " + pointer + b"\r\n"
        b"Notifications-Count: 2\r\n\r\n"
        b"Notification-Name: a\r\nNotification-Enabled: True\r\n\r\n"
        b"Notification-Name: b\r\nNotification-Enabled: True\r\nNotification-Icon: "
        + pointer
        + b"\r\n\r\n"
        + section
        + section
    )


@settings(deadline=None)
@given(request=requests)
def test_no_header_can_be_injected(request: Request) -> None:
    """Every line of every block is a header that the request has; after them come its pictures, and nothing else."""
    _, _, rest = encode(request).partition(b"\r\n")
    for block in request.blocks():
        head, _, rest = rest.partition(b"\r\n\r\n")
        names = [line.partition(b": ")[0].decode() for line in head.split(b"\r\n")]
        assert [name for name in names if name != "X-Padding"] == [name for name, _ in block]
    values = [value for block in request.blocks() for _, value in block]
    pictures = [value for value in values if isinstance(value, Resource)]
    assert rest == b"".join(
        f"Identifier: {picture.unique_id()}\r\nLength: {len(picture.data or b'')}\r\n\r\n".encode()
        + (picture.data or b"")
        + b"\r\n\r\n"
        for picture in pictures
    )


INJECTION = "a\r\nNotification-Priority: 2\r\n\r\nGNTP/1.0 NOTIFY NONE\r\n\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        NotifyRequest(INJECTION, Notification("n", "t")),
        NotifyRequest("app", Notification(INJECTION, "t")),
        NotifyRequest("app", Notification("n", INJECTION)),
        NotifyRequest("app", Notification("n", "t", INJECTION)),
        NotifyRequest("app", Notification("n", "t", id_=INJECTION, coalescing_id=INJECTION, icon=INJECTION)),
        NotifyRequest("app", Notification("n", "t", icon=Resource(url=INJECTION), callback=URLCallback(INJECTION))),
        NotifyRequest("app", Notification("n", "t", callback=SocketCallback(INJECTION, INJECTION))),
        NotifyRequest("app", Notification("n", "t"), [("k", INJECTION)], [("k", INJECTION)]),
        NotifyRequest("app", Notification("n", "t"), [("k", Resource(url=INJECTION))]),
        RegisterRequest(INJECTION, INJECTION, [Event(INJECTION, INJECTION, icon=INJECTION)]),
        SubscribeRequest(INJECTION, INJECTION, 7),
    ],
)
def test_a_line_end_injects_nothing_anywhere(request_: Request) -> None:
    """It becomes a line feed: there is one request, and its priority is its own."""
    (found,) = read_all(encode(request_))
    assert type(found) is type(request_)
    if isinstance(found, NotifyRequest):
        assert found.notification.priority == 0
    assert b"\r\nNotification-Priority: 2" not in encode(request_)


def test_a_pointer_in_a_text_is_defused_on_the_wire() -> None:
    """Growl for Windows would wait for its section for ever."""
    pointer = "X-Growl-Resource://0123"
    data = encode(NotifyRequest(pointer, Notification(pointer, pointer, pointer), [("k", pointer)]))
    assert data.lower().count(b": x-growl-resource:") == 0
    assert data.count(b"X-Growl-Resource:") == 5


def test_a_custom_headers_name_cannot_inject() -> None:
    """Names are refused, not mended."""
    with pytest.raises(GNTPValidationError):
        encode(NotifyRequest("app", Notification("n", "t"), [("X-a: 1\r\nX-b", "2")]))


def test_a_cipher_needs_its_key() -> None:
    """Encryption asked for but impossible is an error, never plain text."""
    with pytest.raises(GNTPEncryptionError):
        encode(NotifyRequest("app", Notification("n", "t")), cipher=ciphers.AES.cipher(keys.SHA256.key("x")))


@pytest.mark.parametrize("unlucky", [b"x" * 5 + b"\r\n\r\n" + b"x" * 7, b"x" * 14 + b"\r\n"])
def test_a_ciphertext_that_would_be_misread_is_drawn_again(monkeypatch: pytest.MonkeyPatch, unlucky: bytes) -> None:
    """One that holds an empty line, or ends with a line end, is not sent; the next vector's is."""
    key = keys.SHA256.key(PASSWORD)
    first = ciphers.AES.cipher(key)
    real = Cipher.encrypt
    monkeypatch.setattr(Cipher, "encrypt", lambda self, text: unlucky if self is first else real(self, text))
    request = NotifyRequest("app", Notification("n", "t"))
    data = encode(request, key=key, cipher=first)
    assert first.iv_hex not in data
    assert [without_padding(one) for one in read_all(data, passwords=(PASSWORD,))] == [request]


def test_a_cipher_that_never_gets_lucky_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a message that the server cuts short, or a loop."""
    monkeypatch.setattr(Cipher, "encrypt", lambda self, text: b"\r\n\r\n")
    key = keys.SHA256.key(PASSWORD)
    with pytest.raises(GNTPEncryptionError):
        encode(NotifyRequest("app", Notification("n", "t")), key=key, cipher=ciphers.AES.cipher(key))


def sized(text_size: int, *, half_close: bool = True, picture: bool = False) -> bytes:
    """Encode a NOTIFY with a text of so many characters."""
    icon = Resource(data=b"y" * 20) if picture else None
    return encode(NotifyRequest("app", Notification("n", "t", "x" * text_size, icon=icon)), half_close=half_close)


@pytest.mark.parametrize("pieces_before", [1, 2, 3])
@pytest.mark.parametrize("rest", range(6))
def test_a_short_last_piece_is_padded_away(pieces_before: int, rest: int) -> None:
    """Where the sending side stays open, a last piece of 1 to 3 bytes, and only that, gets a header more."""
    text_size = 1024 * pieces_before + rest - len(sized(0))
    data = sized(text_size)
    assert len(data) == 1024 * pieces_before + rest
    assert b"X-Padding" not in data
    stays_open = sized(text_size, half_close=False)
    assert (b"X-Padding" in stays_open) is (rest in (1, 2, 3))
    assert len(stays_open) % 1024 not in (1, 2, 3)


@pytest.mark.parametrize("half_close", [True, False])
@pytest.mark.parametrize("end", [1024, 2048])
def test_a_header_block_that_ends_a_piece_is_padded_away(end: int, half_close: bool) -> None:
    """growl-for-linux would take it for the whole request, and lose the picture; one byte more or less is well."""
    head = sized(0, picture=True).index(b"\r\n\r\n") + 4
    for off in (-1, 0, 1):
        data = sized(end - head + off, half_close=half_close, picture=True)
        assert (b"X-Padding" in data) is (off == 0)
        assert data[end - 4 : end] != b"\r\n\r\n"
        (request,) = read_all(data)
        assert isinstance(request, NotifyRequest)
        assert request.notification.icon == Resource(data=b"y" * 20)


def test_a_request_of_exactly_one_piece_is_left_alone() -> None:
    """Its end is the end of a piece."""
    data = sized(1024 - len(sized(0)), half_close=False)
    assert (len(data), b"X-Padding" in data) == (1024, False)


@pytest.mark.parametrize("cipher_algorithm", [None, ciphers.AES, ciphers.DES, ciphers.DES3])
def test_no_keyed_request_stalls(cipher_algorithm: ciphers.Algorithm | None) -> None:
    """With a key, with each cipher, at every length around a piece's end."""
    for size in range(400, 1000, 3):
        key = keys.SHA256.key(PASSWORD)
        cipher = cipher_algorithm.cipher(key) if cipher_algorithm else None
        request = NotifyRequest("app", Notification("n", "t", "x" * size))
        data = encode(request, key=key, cipher=cipher, half_close=False)
        assert len(data) < 1024 or len(data) % 1024 not in (1, 2, 3)
        assert [without_padding(one) for one in read_all(data, passwords=(PASSWORD,))] == [request]


def test_a_request_that_brings_padding_is_padded_once() -> None:
    """One that is forwarded may have it already: the header twice would be error 300."""
    padded = 0
    for size in range(700, 900):
        request = NotifyRequest("app", Notification("n", "t", "x" * size), [("X-Padding", "..")])
        data = encode(request, half_close=False)
        assert data.count(b"X-Padding") == 1
        assert len(data) % 1024 not in (1, 2, 3)
        (found,) = read_all(data)
        padded += found.custom_headers != request.custom_headers
    assert padded


@pytest.mark.parametrize("half_close", [True, False])
def test_no_request_has_a_length_that_growl_for_linux_misreads(half_close: bool) -> None:
    """No piece of 1,024 bytes ends with an empty line inside; without a half-close no last piece has 1 to 3 bytes."""
    padded = 0
    for size in range(650, 900):
        request = NotifyRequest("app", Notification("n", "t", "x" * size, icon=Resource(data=b"y" * 20)))
        data = encode(request, half_close=half_close)
        padded += b"X-Padding" in data
        assert data[1020:1024] != b"\r\n\r\n" or len(data) == 1024
        assert half_close or len(data) % 1024 not in (1, 2, 3)
        assert [without_padding(one) for one in read_all(data)] == [request]
    assert padded


@pytest.mark.parametrize("more", range(16))
def test_no_encrypted_request_is_padded_by_one_byte(more: int) -> None:
    """Growl-for-linux would append a line feed to its last value."""
    key = keys.SHA256.key(PASSWORD)
    cipher = ciphers.AES.cipher(key)
    data = encode(NotifyRequest("app", Notification("n", "t", "x" * more)), key=key, cipher=cipher)
    text = cipher.decrypt(data.partition(b"\r\n")[2][:-4])
    assert len(text) % 16 != 15


# -- Other people's layouts ----------------------------------------------------------------------


def encrypted(text: bytes, sections: bytes = b"", end: bytes = b"\r\n\r\n") -> tuple[bytes, Cipher]:
    """Return an encrypted NOTIFY with a text of the caller's, and its cipher."""
    key = keys.SHA256.key(PASSWORD)
    cipher = ciphers.AES.cipher(key)
    line = wire._information_line("NOTIFY", key, cipher).encode()
    return line + b"\r\n" + cipher.encrypt(text) + end + sections, cipher


NOTIFY = b"Application-Name: app\r\nNotification-Name: n\r\nNotification-Title: t\r\n"


def test_one_line_end_between_ciphertext_and_section_is_read() -> None:
    """As ruby-growl sends it."""
    key = keys.SHA256.key(PASSWORD)
    cipher = ciphers.AES.cipher(key)
    picture = cipher.encrypt(b"png")
    data = b"\r\n".join(
        [
            wire._information_line("NOTIFY", key, cipher).encode(),
            cipher.encrypt(NOTIFY + b"Notification-Icon: x-growl-resource://1\r\n"),
            b"Identifier: 1",
            b"Length: %d" % len(picture),
            b"",
            picture,
            b"",
            b"",
        ]
    )
    for size in (0, 1):
        (request,) = read_all(data, size, (PASSWORD,))
        assert isinstance(request, NotifyRequest)
        assert request.notification.icon == Resource(data=b"png")


def test_one_line_end_after_the_ciphertext_and_the_end_of_the_stream_are_enough() -> None:
    """Where nothing else follows, nothing else is waited for."""
    data, _ = encrypted(NOTIFY, end=b"\r\n")
    assert len(read_all(data, 0, (PASSWORD,))) == len(read_all(data, 1, (PASSWORD,))) == 1


def chosen_ciphertext(key: Key, text: bytes, number: int, block: bytes) -> tuple[bytes, bytes]:
    """Return an initialization vector with which one block of a text's ciphertext is a chosen one, and the ciphertext.

    The blocks before it, and at last the vector, follow from it backwards.
    """
    single = importlib.import_module("Cryptodome.Cipher.AES")
    decrypt = single.new(key.key[:24], single.MODE_ECB).decrypt
    plain = [*pieces(text + bytes([16 - len(text) % 16]) * (16 - len(text) % 16), 16)]
    before = block
    for index in range(number, -1, -1):
        before = bytes(a ^ b for a, b in zip(decrypt(before), plain[index], strict=True))
    return before, Cipher(key, "AES", before).encrypt(text)


@pytest.mark.parametrize("size", [0, 1, 16])
@pytest.mark.parametrize(
    ("number", "block"),
    [
        (0, b"\r\n\r\n" + b"x" * 12),
        (1, b"\r\n\r\n" + b"x" * 12),
        (3, b"\r\nIdentifier: 12"),
        (3, b"\r\n" * 8),
        (2, b"xxxxxxxxxxxxxx\r\n"),
        (-1, b"xxxxxxxxxxxxxx\r\n"),
        (-1, b"xxxxxxxxxxxx\r\n\r\n"),
        (-1, b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"),
    ],
)
def test_a_ciphertext_that_looks_as_if_it_ended_is_read(number: int, block: bytes, size: int) -> None:
    """Other programs do not draw again: what the padding does not confirm is no end, even at a whole block."""
    key = keys.SHA256.key(PASSWORD)
    text = NOTIFY + b"Notification-Text: " + b"x" * 60 + b"\r\n"
    iv, ciphertext = chosen_ciphertext(key, text, number % (len(text) // 16 + 1), block)
    assert block in ciphertext
    line = wire._information_line("NOTIFY", key, Cipher(key, "AES", iv)).encode()
    data = line + b"\r\n" + ciphertext + b"\r\n\r\n"
    (first, second) = read_all(data * 2, size, (PASSWORD,))
    assert isinstance(first, NotifyRequest)
    assert first == second
    assert first.notification.text == "x" * 60


@pytest.mark.parametrize("end", [b"\r\n", b"\r\n\r\n"])
def test_an_encrypted_request_and_its_picture_are_read_in_both_layouts(end: bytes) -> None:
    """One line end (ruby-growl) or an empty line (gntplib) between ciphertext and section, in every chunking."""
    key = keys.SHA256.key(PASSWORD)
    cipher = ciphers.DES3.cipher(key)
    picture = cipher.encrypt(b"png")
    section = b"Identifier: 1\r\nLength: %d\r\n\r\n" % len(picture) + picture + b"\r\n\r\n"
    line = wire._information_line("NOTIFY", key, cipher).encode()
    data = line + b"\r\n" + cipher.encrypt(NOTIFY + b"X-Picture: x-growl-resource://1\r\n") + end + section
    for size in range(len(data)):
        (request, other) = read_all(data + data, size, (PASSWORD,))
        assert request == other
        assert request.custom_headers == (("X-Picture", Resource(data=b"png")),)


def test_a_repeated_section_is_passed_over() -> None:
    """Clients that share a picture send one section or one for each header; both are one request."""
    section = b"Identifier: 1\r\nLength: 3\r\n\r\npng\r\n\r\n"
    block = NOTIFY + b"Notification-Icon: x-growl-resource://1\r\nX-Picture: x-growl-resource://1\r\n\r\n"
    request = b"GNTP/1.0 NOTIFY NONE\r\n" + block + section
    for size in (0, 1):
        assert len(read_all(request, size)) == 1
        assert len(read_all((request + section) * 2, size)) == 2


def test_the_end_semaphore_is_passed_over() -> None:
    """Between messages, after the last, and where no Keep-Alive was asked for."""
    request = b"GNTP/1.0 NOTIFY NONE\r\n" + NOTIFY + b"Connection: Keep-Alive\r\n\r\n"
    for size in (0, 1):
        assert len(read_all((request + b"GNTP/1.0 END\r\n\r\n") * 3, size)) == 3


def test_a_text_that_looks_like_a_pointer_is_a_text() -> None:
    """Only pictures, X- and Data- headers point: nothing is waited for."""
    data = b"GNTP/1.0 NOTIFY NONE\r\n" + NOTIFY + b"Notification-Text: x-growl-resource://1\r\n\r\n"
    (request,) = read_all(data)
    assert isinstance(request, NotifyRequest)
    assert request.notification.text == "x-growl-resource://1"


@pytest.mark.parametrize(
    ("data", "is_one"),
    [
        (b"GNTP/1.0 -ERROR NONE\r\n", True), (b"GNTP/1.0 -ERROR Invalid request\r\nError", True),
        (b"GNTP/1.0 -ERROR NONE", False), (b"GNTP/1.0 -OK NONE\r\nX: -ERROR \r\n", False),
        (b"\r\n", False), (b"", False),
    ],
)  # fmt: skip
def test_an_error_is_known_by_its_first_line(data: bytes, is_one: bool) -> None:
    """Once that line is whole."""
    assert begins_like_an_error(data) is is_one


@given(responses, securities(), st.integers(0, 400))
def test_the_first_line_says_what_the_whole_answer_is(
    response: Response, security: tuple[Key | None, Cipher | None], size: int
) -> None:
    """However it is secured, and wherever it is cut behind the line."""
    key, cipher = security
    data = encode(response, key=key, cipher=cipher)
    line = data.index(b"\r\n") + 2
    assert begins_like_an_error(data[: line + size]) is (response.message_type == "-ERROR")


def test_growl_for_linux_answers_are_read() -> None:
    """No code, and words where the encryption should stand; two answers in one segment are two."""
    reader = ResponseReader()
    reader.feed(b"GNTP/1.0 -OK NONE\r\nResponse-Action: NOTIFY\r\n\r\n")
    reader.feed(
        b"GNTP/1.0 -ERROR Invalid request\r\nError-Description: Invalid request\r\n\r\nGNTP/1.0 -OK NONE\r\n\r\n"
    )
    assert reader.next_message() == Response("-OK", {"Response-Action": "NOTIFY"})
    assert reader.next_message() == Response("-ERROR", {"Error-Description": "Invalid request"})
    assert reader.next_message() == Response("-OK", {})
    assert reader.next_message() is None


def test_a_pointer_in_a_response_is_not_waited_for() -> None:
    """Servers echo Data- headers without their sections; a section that does come is passed over."""
    echo = b"GNTP/1.0 -OK NONE\r\nData-Icon: x-growl-resource://1\r\n\r\n"
    section = b"Identifier: 1\r\nLength: 4\r\n\r\n\r\n\r\n\r\n\r\n"
    expected = Response("-OK", {"Data-Icon": "x-growl-resource://1"})
    for size in (1, 1000):
        for data in (echo + echo, echo + section + echo):
            reader = ResponseReader()
            found = []
            for piece in pieces(data, size):
                reader.feed(piece)
                while (response := reader.next_message()) is not None:
                    found.append(response)
            assert found == [expected, expected]


def test_an_encrypted_response_to_a_request_without_a_key_is_refused() -> None:
    """There is nothing to decrypt it with; nor is there with another password."""
    key = keys.SHA256.key(PASSWORD)
    data = encode(Response("-OK", {"A": "b" * 100}), key=key, cipher=ciphers.AES.cipher(key))
    reader = ResponseReader()
    reader.feed(data)
    with pytest.raises(GNTPProtocolError, match="without a key"):
        reader.next_message()
    reader = ResponseReader(keys.SHA256.key("wrong"))
    reader.feed(data)
    with pytest.raises(GNTPProtocolError, match="another password"):
        reader.next_message()


def test_a_response_with_a_salt_of_its_own_is_decrypted() -> None:
    """The password is known, so that any salt will do."""
    theirs = keys.SHA512.key(PASSWORD)
    data = encode(Response("-OK", {"A": "b"}), key=theirs, cipher=ciphers.AES.cipher(theirs))
    reader = ResponseReader(keys.SHA256.key(PASSWORD))
    reader.feed(data)
    assert reader.next_message() == Response("-OK", {"A": "b"})


# -- Refusals ------------------------------------------------------------------------------------


def refusal(data: bytes, passwords: tuple[str, ...] = (), limits: Limits | None = None) -> tuple[int, str]:
    """Return code and description of a request's refusal; the reader stays failed."""
    reader = RequestReader(passwords, limits or Limits())
    reader.feed(data)
    reader.feed_eof()
    with pytest.raises(GNTPProtocolError) as refused:
        reader.next_message()
    reader.feed(b"GNTP/1.0 NOTIFY NONE\r\n" + NOTIFY + b"\r\n")
    with pytest.raises(GNTPProtocolError) as again:
        reader.next_message()
    assert str(again.value) == str(refused.value)
    assert not reader._buffer.data  # what comes after is not kept
    return refused.value.error_code, str(refused.value)


CLEAR = b"GNTP/1.0 NOTIFY NONE\r\n" + NOTIFY + b"\r\n"
REGISTER = b"GNTP/1.0 REGISTER NONE\r\nApplication-Name: a\r\n"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n", 301),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 301),
        (b"GNTP/1.1 NOTIFY NONE\r\n\r\n", 302),
        (b"GNTP/1.0 DANCE NONE\r\n\r\n", 300),
        (b"GNTP/1.0 NOTIFY NONE\r\n\r\n", 303),
        (b"GNTP/1.0 NOTIFY NONE\r\nApplication-Name: a\r\n\r\n", 303),
        (REGISTER + b"\r\n", 303),
        (REGISTER + b"Notifications-Count: 0\r\n\r\n", 300),
        (REGISTER + b"Notifications-Count: -1\r\n\r\n", 300),
        (REGISTER + b"Notifications-Count: \xb2\r\n\r\n", 300),
        (REGISTER + b"Notifications-Count: 99999\r\n\r\n", 300),
        (REGISTER + b"Notifications-Count: 2\r\n\r\nNotification-Name: a\r\n\r\n", 300),
        (REGISTER + b"Notifications-Count: 1\r\n\r\nNotification-Enabled: True\r\n\r\n", 303),
        (CLEAR[:-3], 300),
        (b"GNTP/1.0", 300),
        (b"GNTP/1.0 NOTIFY NONE\r\n" + NOTIFY + b"Notification-Icon: x-growl-resource://1\r\n\r\n", 300),
        (b"GNTP/1.0 NOTIFY AES:00\r\n\r\n", 400),
        (b"GNTP/1.0 NOTIFY NONE MD5:00.00\r\n\r\n", 400),
    ],
)
def test_a_malformed_request_is_refused_with_its_code(data: bytes, code: int) -> None:
    """And the reader stays failed."""
    assert refusal(data)[0] == code


@pytest.mark.parametrize("length", [b"-1", b"x", b"", b"1e3", b"99999999999", b"\xd9\xa3"])
def test_a_sections_length_is_never_trusted(length: bytes) -> None:
    """A number from 0 to the limit, or an error."""
    head = b"GNTP/1.0 NOTIFY NONE\r\n" + NOTIFY + b"Notification-Icon: x-growl-resource://1\r\n\r\n"
    code, _ = refusal(head + b"Identifier: 1\r\nLength: " + length + b"\r\n\r\npng\r\n\r\n")
    assert code in (300, 303)


def test_a_request_without_a_key_is_refused_where_there_is_a_password() -> None:
    """And a key where there is none."""
    assert refusal(CLEAR, (PASSWORD,)) == (400, "a password is required")
    key = keys.SHA256.key(PASSWORD)
    assert refusal(encode(NotifyRequest("app", Notification("n", "t")), key=key))[0] == 400


def test_every_password_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither how much of a key hash is right nor which password it is can be told from the time."""
    compared: list[bytes] = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    data = encode(NotifyRequest("app", Notification("n", "t")), key=keys.SHA256.key("first"))
    assert len(read_all(data, passwords=("first", "second", "third"))) == 1
    assert len(compared) == 3


@pytest.mark.parametrize("cut", [0, 1, 31])
def test_a_part_of_a_key_hash_is_not_enough(cut: int) -> None:
    """Nor is one digit that differs."""
    key = keys.SHA256.key(PASSWORD)
    right = key.key_hash_hex.decode()
    last = "0" if right[-1] != "0" else "1"
    for sent in (right[:-1] + last, right[: 2 * cut] or "00"):
        line = f"GNTP/1.0 NOTIFY NONE SHA256:{sent}.{key.salt.hex()}\r\n"
        assert refusal(line.encode() + NOTIFY + b"\r\n", (PASSWORD,))[0] == 400


def test_one_of_several_passwords_is_enough() -> None:
    """The reader tries each."""
    data = encode(NotifyRequest("app", Notification("n", "t")), key=keys.SHA1.key("second"))
    assert len(read_all(data, passwords=("first", "second"))) == 1


def test_unknown_hashes_and_ciphers_are_refused() -> None:
    """With 400: not authorized."""
    assert refusal(b"GNTP/1.0 NOTIFY NONE SHA3:00.00\r\n\r\n", (PASSWORD,))[0] == 400
    key = keys.SHA256.key(PASSWORD)
    line = f"GNTP/1.0 NOTIFY ROT13:00 SHA256:{key.key_hash.hex()}.{key.salt.hex()}\r\n\r\n"
    assert refusal(line.encode(), (PASSWORD,))[0] == 400
    md5 = keys.MD5.key(PASSWORD)
    short = f"GNTP/1.0 NOTIFY AES:{'00' * 16} MD5:{md5.key_hash.hex()}.{md5.salt.hex()}\r\n\r\n"
    assert refusal(short.encode(), (PASSWORD,))[0] == 400


def test_sha384_is_read() -> None:
    """Growl for Windows knows it."""
    key = Key(PASSWORD, "SHA384")
    data = encode(NotifyRequest("app", Notification("n", "t")), key=key, cipher=Cipher(key, "AES"))
    assert len(read_all(data, passwords=(PASSWORD,))) == 1


def test_a_ciphertext_that_does_not_decrypt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when a peer that has the key sends ends without number: few of them are tried."""
    key = keys.SHA256.key(PASSWORD, salt=bytes(16))  # with another salt, noise can have a valid padding
    cipher = Cipher(key, "AES", iv=bytes(16))
    line = wire._information_line("NOTIFY", key, cipher).encode()
    tried: list[int] = []
    real = Cipher.decrypt

    def decrypt(self: Cipher, ciphertext: bytes) -> bytes:
        tried.append(len(ciphertext))
        return real(self, ciphertext)

    monkeypatch.setattr(Cipher, "decrypt", decrypt)
    code, text = refusal(line + b"\r\n" + (b"x" * 16 + b"\r\n\r\n" + b"x" * 12) * 2000, (PASSWORD,))
    assert (code, text) == (300, "the header part does not decrypt")
    assert 0 < len(tried) <= 4


@pytest.mark.parametrize(
    ("limits", "data", "fits"),
    [
        (Limits(information_line=20), CLEAR, True),
        (Limits(information_line=19), CLEAR, False),
        (Limits(header_block=len(NOTIFY) - 2), CLEAR, True),
        (Limits(header_block=len(NOTIFY) - 3), CLEAR, False),
        (Limits(headers=3), CLEAR, True),
        (Limits(headers=2), CLEAR, False),
        (Limits(types=2), encode(RegisterRequest("a", None, [Event("x"), Event("y")])), True),
        (Limits(types=1), encode(RegisterRequest("a", None, [Event("x"), Event("y")])), False),
        (Limits(lines=3), CLEAR.replace(b" t\r\n", b" t\r\nmore\r\n"), True),
        (Limits(lines=2), CLEAR.replace(b" t\r\n", b" t\r\nmore\r\n"), False),
        (Limits(section=3), encode(RegisterRequest("a", Resource(data=b"png"), [Event("x")])), True),
        (Limits(section=2), encode(RegisterRequest("a", Resource(data=b"png"), [Event("x")])), False),
        (Limits(sections=1), encode(RegisterRequest("a", Resource(data=b"png"), [Event("x")])), True),
        (Limits(sections=0), encode(RegisterRequest("a", Resource(data=b"png"), [Event("x")])), False),
        (
            Limits(all_sections=5),
            encode(RegisterRequest("a", Resource(data=b"png"), [Event("x", icon=Resource(data=b"gi"))])),
            True,
        ),
        (
            Limits(all_sections=4),
            encode(RegisterRequest("a", Resource(data=b"png"), [Event("x", icon=Resource(data=b"gi"))])),
            False,
        ),
    ],
)
def test_each_limit_holds(limits: Limits, data: bytes, fits: bool) -> None:
    """At the limit a request is read, above it is refused."""
    for size in (0, 1):
        if fits:
            assert len(read_all(data, size, limits=limits)) == 1
        else:
            with pytest.raises(GNTPProtocolError):
                read_all(data, size, limits=limits)


def test_what_missing_pictures_take_is_reported() -> None:
    """As long as they are missing; more of them than there may be are not waited for."""
    blocks = b"".join(b"\r\nNotification-Name: %d\r\nX-It: x-growl-resource://%d\r\n" % (n, n) for n in range(9))
    data = REGISTER + b"Notifications-Count: 9\r\n" + blocks + b"\r\n"
    sections = [b"Identifier: %d\r\nLength: 1\r\n\r\nx\r\n\r\n" % number for number in range(9)]
    reader = RequestReader()
    for piece, is_waiting in ((data[:-2], False), (data[-2:], True), (b"".join(sections[:8]), True)):
        reader.feed(piece)
        assert reader.next_message() is None
        assert (reader.overhead >= 9 * 200) == is_waiting
    reader.feed(sections[8])
    assert reader.next_message() is not None
    assert reader.overhead == 0
    assert refusal(data, limits=Limits(sections=8)) == (300, "more than 8 binary sections")


def test_a_failure_keeps_nothing_of_what_was_read() -> None:
    """Its traceback would: a server holds failures while it answers them."""
    reader = RequestReader()
    reader.feed(CLEAR.replace(b"Notification-Title: t", b"X-Title: t"))
    with pytest.raises(GNTPProtocolError, match="Notification-Title is missing") as failure:
        reader.next_message()
    assert [frame.name for frame in failure.traceback][1:] == ["next_message"]
    assert failure.value.__context__ is None


@pytest.mark.parametrize("size", [0, 1, 7])
def test_an_encrypted_part_has_the_same_limit_in_every_chunking(size: int) -> None:
    """At it the part is read, above it refused."""
    data, _ = encrypted(NOTIFY + b"Notification-Text: " + b"x" * 500 + b"\r\n")
    ciphertext = len(data.partition(b"\r\n")[2]) - 4
    assert len(read_all(data, size, (PASSWORD,), Limits(header_block=ciphertext))) == 1
    with pytest.raises(GNTPProtocolError, match=f"longer than {ciphertext - 1} bytes"):
        read_all(data, size, (PASSWORD,), Limits(header_block=ciphertext - 1))


@pytest.mark.parametrize("size", [0, 1])
def test_the_blocks_of_one_request_share_a_limit(size: int) -> None:
    """A thousand types are no thousand times the memory."""
    data = encode(RegisterRequest("app", None, [Event("x" * 1000) for _ in range(10)]))
    total = len(data.partition(b"\r\n")[2]) - 4 * 11  # each of eleven blocks without the empty line that ends it
    assert len(read_all(data, size, limits=Limits(header_block=total))) == 1
    with pytest.raises(GNTPProtocolError, match="a header block is longer"):
        read_all(data, size, limits=Limits(header_block=total - 1))


def test_an_encrypted_register_has_a_limit_of_types() -> None:
    """As one in clear."""
    key = keys.SHA256.key(PASSWORD)
    data = encode(RegisterRequest("a", None, [Event("x"), Event("y")]), key=key, cipher=ciphers.AES.cipher(key))
    assert len(read_all(data, 0, (PASSWORD,), Limits(types=2))) == 1
    with pytest.raises(GNTPProtocolError, match="more than 1 notification types"):
        read_all(data, 0, (PASSWORD,), Limits(types=1))


@pytest.mark.parametrize("size", [0, 1])
def test_the_head_of_a_section_has_a_limit(size: int) -> None:
    """An identifier is a hash."""
    name = b"i" * 900
    head = b"GNTP/1.0 NOTIFY NONE\r\n" + NOTIFY + b"Notification-Icon: x-growl-resource://"
    for extra, fits in ((0, True), (200, False)):
        identifier = name + b"i" * extra
        data = head + identifier + b"\r\n\r\nIdentifier: " + identifier + b"\r\nLength: 3\r\n\r\npng\r\n\r\n"
        if fits:
            assert len(read_all(data, size)) == 1
        else:
            with pytest.raises(GNTPProtocolError, match="the head of a binary section is longer"):
                read_all(data, size)


def test_bytes_without_end_are_not_kept() -> None:
    """A reader that says no has let go of what came."""
    data, _ = encrypted(NOTIFY)
    line = data.partition(b"\r\n")[0]
    reader = RequestReader([PASSWORD], Limits(header_block=1000))
    reader.feed(line + b"\r\n" + b"x" * 1002)
    with pytest.raises(GNTPProtocolError, match="longer than 1000 bytes"):
        reader.next_message()
    assert not reader._buffer.data


# -- Any bytes at all ----------------------------------------------------------------------------


def outcome(reader: RequestReader | ResponseReader, data: bytes, size: int) -> None:
    """Feed bytes; whatever they are, messages, None and the documented error are all that may come."""
    try:
        for piece in pieces(data, size):
            reader.feed(piece)
            while reader.next_message() is not None:
                pass
        reader.feed_eof()
        while reader.next_message() is not None:
            pass
    except GNTPProtocolError:
        with pytest.raises(GNTPProtocolError):
            reader.next_message()


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300), size=st.integers(1, 50))
def test_random_bytes_give_the_documented_outcomes(data: bytes, size: int) -> None:
    """For both readers, with and without a beginning that looks right."""
    for start in (b"", b"GNTP/1.0 NOTIFY NONE\r\n", b"GNTP/1.0 -OK NONE\r\n"):
        outcome(RequestReader(), start + data, size)
        outcome(ResponseReader(), start + data, size)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(recorded()),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4)), min_size=1, max_size=4),
    size=st.sampled_from([1, 16, 4096]),
)
def test_mutated_recordings_give_the_documented_outcomes(
    name: str, changes: list[tuple[float, bytes]], size: int
) -> None:
    """Bytes of real requests replaced, inserted and left out."""
    data = (CAPTURES / f"{name}.bin").read_bytes()
    passwords = passwords_of(data)
    for where, replacement in changes:
        at = int(where * len(data))
        data = data[:at] + replacement + data[at + len(replacement) // 2 :]
    outcome(RequestReader(passwords), data, size)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    message=requests | responses,
    security=securities(),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4)), min_size=1, max_size=4),
    size=st.sampled_from([1, 16, 4096]),
)
def test_mutated_messages_give_the_documented_outcomes(
    message: Request | Response,
    security: tuple[Key | None, Cipher | None],
    changes: list[tuple[float, bytes]],
    size: int,
) -> None:
    """Of our own, keyed and encrypted, for both readers."""
    key, cipher = security
    data = encode(message, key=key, cipher=cipher)
    for where, replacement in changes:
        at = int(where * len(data))
        data = data[:at] + replacement + data[at + len(replacement) // 2 :]
    outcome(RequestReader((PASSWORD,) if key else ()), data, size)
    outcome(ResponseReader(key), data, size)


@settings(deadline=None)
@given(text=st.binary(max_size=200), sections=st.binary(max_size=60), size=st.sampled_from([1, 4096]))
def test_any_encrypted_text_gives_the_documented_outcomes(text: bytes, sections: bytes, size: int) -> None:
    """A peer that has the key may still send anything."""
    for start in (b"", NOTIFY, NOTIFY + b"X-A: x-growl-resource://1\r\n"):
        data, _ = encrypted(start + text, sections)
        outcome(RequestReader([PASSWORD]), data, size)


class Counting(bytearray):
    """A buffer that counts how many bytes its searches look at."""

    looked_at = 0

    def find(self, what: Any, start: Any = 0, end: Any = None) -> int:
        """Search as a bytearray does, and count."""
        found = super().find(what, start)
        type(self).looked_at += (found if found >= 0 else len(self)) - start
        return found


@pytest.mark.slow
@pytest.mark.parametrize("encryption", [None, ciphers.AES, ciphers.DES])
@pytest.mark.parametrize("size", [1, 1000, 65536])
def test_a_large_message_is_searched_once(
    size: int, encryption: ciphers.Algorithm | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the pieces, each byte of text and picture is looked at about once: no quadratic time."""
    monkeypatch.setattr(Counting, "looked_at", 0)
    request = NotifyRequest("app", Notification("n", "t", "x" * 50_000, icon=Resource(data=b"\r\n" * 100_000)))
    key = keys.SHA256.key(PASSWORD) if encryption else None
    cipher = encryption.cipher(key) if encryption and key else None
    data = encode(request, key=key, cipher=cipher)
    reader = RequestReader([PASSWORD] if key else [])
    reader._buffer.data = Counting()
    found = None
    for piece in pieces(data, size):
        reader.feed(piece)
        found = found or reader.next_message()
    assert found is not None
    assert 50_000 < Counting.looked_at < 4 * len(data)


# -- What some clients write ---------------------------------------------------------------------

GO = b"GNTP/1.0 NOTIFY NONE\r\n" + NOTIFY
GO_FLAG = b"\r\nNotification-Sticky: True\r\n\r\n"
GO_PICTURE = b"Notification-Icon: x-growl-resource://1\r\n"
GO_SECTION = b"Identifier: 1\r\nLength: 3\r\n\r\npng\r\n\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_flag_after_an_empty_line_counts(size: int) -> None:
    """go-gntp writes it as a block of its own before the picture; after the picture nothing is left."""
    data, reader = GO + GO_PICTURE + GO_FLAG + GO_SECTION, RequestReader()
    found = []
    for begin in range(0, len(data), size):
        reader.feed(data[begin : begin + size])
        if (request := reader.next_message()) is not None:
            found.append(request)
    (request,) = found
    assert isinstance(request, NotifyRequest)
    assert (request.notification.sticky, request.notification.icon) == (True, Resource(b"png"))
    assert reader.next_message() is None
    assert reader.unread == 0


def test_such_a_flag_counts_without_a_picture_and_encrypted() -> None:
    """Where it comes together with the rest. Another block, or another flag than the first, changes nothing."""
    reader = RequestReader(["secret"])
    key = Key("secret", "SHA256")
    cipher = Cipher(key, "AES")
    line = information_line("NOTIFY", "AES", cipher.iv, "SHA256", key.key_hash, key.salt).encode() + b"\r\n"
    encrypted = line + cipher.encrypt(NOTIFY + GO_FLAG) + b"\r\n\r\n"
    for data, taken in ((GO + GO_FLAG, RequestReader()), (encrypted, reader)):
        taken.feed(data)
        request = taken.next_message()
        assert isinstance(request, NotifyRequest)
        assert request.notification.sticky
        assert taken.next_message() is None
    clear = RequestReader()
    clear.feed(GO + b"Notification-Sticky: False\r\n" + GO_FLAG)
    request = clear.next_message()
    assert isinstance(request, NotifyRequest)
    assert not request.notification.sticky
    other = RequestReader()
    other.feed(GO + b"\r\nNotification-Priority: 2\r\n\r\n")
    request = other.next_message()
    assert isinstance(request, NotifyRequest)
    assert request.notification.priority == 0
    with pytest.raises(GNTPProtocolError, match="not a GNTP message"):
        other.next_message()


def test_a_picture_that_does_not_come_can_be_done_without() -> None:
    """Its owner says so, or the message's end; a picture that has begun is waited for."""
    for rest, gives_up in ((b"", True), (b"\r\n", True), (b"GNTP/1.0 END\r\n\r\n", False)):
        reader = RequestReader()
        reader.feed(GO + GO_PICTURE + b"\r\n" + rest)
        if gives_up:
            assert reader.next_message() is None
            assert reader.awaits_section
            reader.awaits_section = False
        request = reader.next_message()
        assert isinstance(request, NotifyRequest)
        assert request.notification.icon is None
    begun = RequestReader()
    begun.feed(GO + GO_PICTURE + b"\r\n" + GO_SECTION[:20])
    assert begun.next_message() is None
    assert not begun.awaits_section


def test_a_picture_may_begin_like_tls() -> None:
    """Only the first byte of a connection tells."""
    picture = Resource(b"\x16\x03\x01" * 100)
    data = encode(NotifyRequest("app", Notification("event", "title", icon=picture)))
    reader = RequestReader()
    at = data.index(picture.data or b"")
    for piece in (data[:at], data[at:], b"", data[:at], data[at:]):
        reader.feed(piece)
        request = reader.next_message()
        if piece == data[at:]:
            assert isinstance(request, NotifyRequest)
            assert request.notification.icon == picture


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"\x16", 301, "this is TLS"),
        (b"GNTP/1.0 NOTIFY NONE\n", 300, "a line ends with LF alone; in GNTP lines end with CR LF"),
        (b"GNTP/1.0 NOTIFY NONE\nApplication-Name: x\n\n", 300, "a line ends with LF alone"),
        (b"GNTP/2.0 NOTIFY NONE\n", 302, "version 2.0 is not supported"),
        (b"GET / HTTP/1.1\n", 301, "not a GNTP message"),
        (b"\x16\x03\x01\x02\x00\x01\x00", 301, "this is TLS, and this server expects GNTP in clear"),
    ],
)
def test_what_can_never_be_a_request_is_refused_at_once(data: bytes, code: int, reason: str) -> None:
    """A person who types it, and a client that waits, hear why."""
    reader = RequestReader()
    reader.feed(data)
    with pytest.raises(GNTPProtocolError, match=reason) as refused:
        reader.next_message()
    assert refused.value.error_code == code
    assert reader.unread == 0
