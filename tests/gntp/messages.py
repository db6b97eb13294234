"""Strategies that make messages, keys and ways to cut bytes into pieces."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.headers import safe_value
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.models import Event, Notification, Received, Resource, SocketCallback, URLCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, Response, SubscribeRequest

PASSWORD = "secret"

hostile_texts = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(
    [
        "a\r\nNotification-Priority: 2",
        "\r\n\r\nGNTP/1.0 NOTIFY NONE\r\n\r\n",
        "x-growl-resource://0123",
        "\u200b X-Growl-Resource://0123",
        "\x1b[2J\x9b2J\0",
        "\ud800 \udfff",
        "GNTP/1.0 END",
        "Identifier: 1",
    ]
)
"""Texts of every kind, and those that have broken other programs."""

pictures = (
    st.none() | st.binary(max_size=100).map(lambda data: Resource(data=data)) | st.just("http://127.0.0.1:9/i.png")
)


def bare(name: str) -> str:
    """Return a header's name without its prefix: two that differ only in it would be one header twice."""
    return name.lower().removeprefix("x-").removeprefix("data-")


def requests_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Request]:
    """Return requests of every type, whose texts come from a strategy."""
    names = texts.filter(lambda text: bool(text.strip()))
    header_names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True) | st.sampled_from(
        ["X-given", "x-lower", "Data-given", "DATA-upper"]
    )
    header_values = texts | st.binary(max_size=40).map(lambda data: Resource(data=data))
    headers = st.none() | st.lists(
        st.tuples(header_names, header_values), max_size=3, unique_by=lambda header: bare(header[0])
    )
    events = st.lists(st.builds(Event, names, st.none() | names, st.booleans(), pictures), min_size=1, max_size=4)
    notifications = st.builds(
        Notification,
        names,
        names,
        texts,
        st.none() | names,
        st.booleans(),
        st.integers(-2, 2),
        pictures,
        st.none() | names,
        st.none() | st.builds(URLCallback, names) | st.builds(SocketCallback, names, names),
    )
    hops = st.lists(st.builds(Received, texts, texts, texts, texts, texts), max_size=3)
    return (
        st.builds(RegisterRequest, names, pictures, events, headers, headers, hops)
        | st.builds(NotifyRequest, names, notifications, headers, headers, hops)
        | st.builds(SubscribeRequest, names, names, st.integers(1, 65535), headers, headers)
    )


requests = requests_of(hostile_texts)
safe_requests = requests_of(hostile_texts.map(safe_value))

responses = st.builds(
    Response,
    st.sampled_from(["-OK", "-ERROR", "-CALLBACK"]),
    st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).filter(lambda name: name != "Connection"),
        hostile_texts,
        max_size=6,
    ),
)


@st.composite
def securities(draw: st.DrawFn) -> tuple[Key | None, Cipher | None]:
    """Draw a key, and a cipher that it is long enough for; or neither."""
    algorithm = draw(st.none() | st.sampled_from(list(keys.ALGORITHMS.values())))
    if algorithm is None:
        return None, None
    key = algorithm.key(PASSWORD)
    fitting = [one for one in ciphers.ALGORITHMS.values() if one.key_size <= algorithm.key_size]
    chosen = draw(st.none() | st.sampled_from(fitting))
    return key, chosen.cipher(key) if chosen else None


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Cut bytes into pieces of one size."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
