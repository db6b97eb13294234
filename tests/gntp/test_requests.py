"""requests: what stands in the header blocks."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp.exceptions import (
    GNTPAuthenticationError,
    GNTPProtocolError,
    GNTPResponseError,
    GNTPValidationError,
)
from gntp_logging.gntp.models import Event, Notification, Received, Resource, SocketCallback, URLCallback
from gntp_logging.gntp.requests import (
    NotifyRequest,
    RegisterRequest,
    Request,
    Response,
    SubscribeRequest,
    parse_response,
)
from gntp_logging.gntp.wire import RequestReader, encode

ICON = Resource(data=b"png")


def test_a_register_request_has_a_block_for_each_type() -> None:
    """In the specification's order, with counts and booleans as servers read them."""
    request = RegisterRequest(
        "app", "http://x/i.png", [Event("a"), Event("b", "B", enabled=False, icon=ICON)], [("k", 1)]
    )
    assert request.blocks() == [
        [
            ("Application-Name", "app"),
            ("Application-Icon", "http://x/i.png"),
            ("Notifications-Count", "2"),
            ("X-k", "1"),
        ],
        [("Notification-Name", "a"), ("Notification-Enabled", "True")],
        [
            ("Notification-Name", "b"),
            ("Notification-Display-Name", "B"),
            ("Notification-Enabled", "False"),
            ("Notification-Icon", ICON),
        ],
    ]


def test_a_notify_request_always_has_a_text() -> None:
    """growl-for-linux refuses one without; what is not asked for is left out."""
    assert NotifyRequest("app", Notification("a", "title")).blocks() == [
        [
            ("Application-Name", "app"),
            ("Notification-Name", "a"),
            ("Notification-Title", "title"),
            ("Notification-Text", ""),
            ("Notification-Sticky", "False"),
            ("Notification-Priority", "0"),
        ]
    ]


def test_callbacks_have_their_headers() -> None:
    """A URL is a target; a socket callback is a context with its type."""
    (block,) = NotifyRequest("app", Notification("a", "t", callback=URLCallback("http://x/"))).blocks()
    assert dict(block)["Notification-Callback-Target"] == "http://x/"
    (block,) = NotifyRequest("app", Notification("a", "t", callback=SocketCallback("c", "string"))).blocks()
    assert dict(block)["Notification-Callback-Context"] == "c"
    assert dict(block)["Notification-Callback-Context-Type"] == "string"


def test_extra_headers_get_their_prefixes_once() -> None:
    """X- and Data- may be written or left out; a name that is no string is refused."""
    request = SubscribeRequest("id", "name", 7, [("a", 1), ("X-b", 2)], [("c", True), ("Data-d", ICON)])
    (block,) = request.blocks()
    assert block[3:] == [("X-a", "1"), ("X-b", "2"), ("Data-c", "True"), ("Data-d", ICON)]
    with pytest.raises(GNTPValidationError):
        SubscribeRequest("id", "name", 7, [(5, 1)]).blocks()  # type: ignore[list-item]  # that is the test


def test_a_prefix_in_another_case_is_written_as_servers_know_it() -> None:
    """Header names are case-sensitive on Growl for Windows."""
    (block,) = SubscribeRequest("id", "name", 7, [("x-a", 1)], [("DATA-b", 2)]).blocks()
    assert block[3:] == [("X-a", "1"), ("Data-b", "2")]


@pytest.mark.parametrize("names", [("a", "a"), ("a", "X-a"), ("x-a", "X-a")])
def test_a_header_that_is_there_twice_is_refused(names: tuple[str, str]) -> None:
    """Where the request is made: Growl for Windows would answer 300."""
    with pytest.raises(GNTPValidationError, match="the header 'X-a' is there twice"):
        NotifyRequest("app", Notification("n", "t"), [(name, 1) for name in names])
    with pytest.raises(GNTPValidationError, match="the header 'Data-a' is there twice"):
        NotifyRequest("app", Notification("n", "t"), None, [("a", 1), ("data-a", 2)])


def test_requests_are_the_same_however_their_parts_are_given() -> None:
    """Lists or tuples, with or without prefixes, numbers or texts, nothing or an empty list."""
    shown = Notification("n", "t")
    assert RegisterRequest("app", None, [Event("a")], [("k", 1)], []) == RegisterRequest(
        "app", None, (Event("a"),), (("X-k", "1"),), None
    )
    assert NotifyRequest("app", shown, [], [("k", ICON)]) == NotifyRequest("app", shown, None, (("Data-k", ICON),))
    assert SubscribeRequest("id", "name", 7, [("x-k", None)]) == SubscribeRequest("id", "name", 7, (("X-k", "None"),))
    assert hash(RegisterRequest("app", None, [Event("a")])) == hash(RegisterRequest("app", None, (Event("a"),)))


def test_a_request_does_not_change_with_the_list_it_was_made_from() -> None:
    """It can be sent again, and mean the same."""
    events, custom = [Event("a")], [("k", 1)]
    request = RegisterRequest("app", None, events, custom)
    before = request.blocks()
    events.append(Event("b"))
    custom.append(("l", 2))
    assert request.blocks() == before


@pytest.mark.parametrize("missing", ["Application-Name", "Notification-Name", "Notification-Title"])
def test_a_notify_request_without_a_required_header_is_303(missing: str) -> None:
    """Absent or empty."""
    block: dict[str, str | Resource] = {
        "Application-Name": "app",
        "Notification-Name": "a",
        "Notification-Title": "title",
    }
    for value in ({}, {missing: ""}):
        given = {name: text for name, text in block.items() if name != missing} | value
        with pytest.raises(GNTPProtocolError, match=missing) as refused:
            NotifyRequest.from_blocks([given])
        assert refused.value.error_code == 303


@pytest.mark.parametrize(("text", "priority"), [("2", 2), ("-2", -2), ("3", 0), ("-3", 0), ("high", 0), ("", 0)])
def test_a_priority_out_of_range_is_normal(text: str, priority: int) -> None:
    """As on Growl for Windows."""
    block = {
        "Application-Name": "a",
        "Notification-Name": "n",
        "Notification-Title": "t",
        "Notification-Priority": text,
    }
    assert NotifyRequest.from_blocks([block]).notification.priority == priority


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_a_subscribers_port_is_a_port(port: str) -> None:
    """Without one it is the protocol's."""
    block: dict[str, str | Resource] = {"Subscriber-ID": "id", "Subscriber-Name": "name"}
    assert SubscribeRequest.from_blocks([block]).port == 23053
    with pytest.raises(GNTPProtocolError, match="Subscriber-Port"):
        SubscribeRequest.from_blocks([{**block, "Subscriber-Port": port}])


def test_a_type_without_enabled_is_disabled() -> None:
    """The specification's default."""
    request = RegisterRequest.from_blocks([{"Application-Name": "a"}, {"Notification-Name": "n"}])
    assert not request.events[0].enabled


OK = b"GNTP/1.0 -OK NONE\r\nResponse-Action: REGISTER\r\nData-Key: value\r\n\r\n"
ERROR = b"GNTP/1.0 -ERROR NONE\r\nError-Code: 303\r\nError-Description: missing\r\n\r\n"


def test_a_response_is_parsed() -> None:
    """As the reference's example does."""
    for expected in ("-OK", None):
        response = parse_response(OK, expected)
        assert response == Response("-OK", {"Response-Action": "REGISTER", "Data-Key": "value"})


def test_an_error_response_raises_with_code_and_description() -> None:
    """Whatever type is expected, but -ERROR."""
    for expected in (None, "-OK", "-CALLBACK"):
        with pytest.raises(GNTPResponseError, match="303: missing") as raised:
            parse_response(ERROR, expected)
        assert (raised.value.error_code, raised.value.error_description) == (303, "missing")
    assert parse_response(ERROR, "-ERROR").headers["Error-Code"] == "303"


def test_400_is_an_authentication_error() -> None:
    """The one code with a class of its own."""
    with pytest.raises(GNTPAuthenticationError):
        parse_response(ERROR.replace(b"303", b"400"))


def test_an_error_without_a_code_has_none() -> None:
    """Growl-for-linux sends only a description."""
    with pytest.raises(GNTPResponseError, match="without a code: Invalid data") as raised:
        parse_response(b"GNTP/1.0 -ERROR Invalid data\r\nError-Description: Invalid data\r\n\r\n")
    assert raised.value.error_code is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"", None),
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"GNTP/1.0 NOTIFY NONE\r\nA: b\r\n\r\n", None),
        (b"GNTP/1.0 -OK NONE\r\nA: b\r\n", None),
        (OK, "-CALLBACK"),
    ],
)
def test_what_is_no_such_response_is_a_protocol_error(message: bytes, expected: str | None) -> None:
    """Other protocols, requests, halves, and other types."""
    with pytest.raises(GNTPProtocolError):
        parse_response(message, expected)


# -- Forwarding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "hop"),
    [
        (
            "From laptop by hub with gntp_logging/1.0 id 7; 2026-11-23 22:00:00Z",
            Received("laptop", "hub", "2026-11-23 22:00:00Z", "gntp_logging/1.0", "7"),
        ),
        ("From a by b; 2026-11-23 22:00:00Z", Received("a", "b", "2026-11-23 22:00:00Z")),
        ("from  a  BY b  id 7 ;now", Received("a", "b", "now", id_="7")),
        ("From a", None),
        ("", None),
        ("From a by b", None),
    ],
)
def test_a_hop_is_read(value: str, hop: Received | None) -> None:
    """The parts that need not be there may be absent; what is no hop is none."""
    assert Received.parse(value) == hop


@given(parts=st.tuples(*[st.text(max_size=20)] * 5))
def test_a_hop_that_is_written_is_read(parts: tuple[str, str, str, str, str]) -> None:
    """Whatever stands in its parts."""
    hop = Received(*parts)
    assert Received.parse(str(hop)) == hop


def test_a_forwarded_request_has_a_line_for_each_hop() -> None:
    """In their order, on the wire and read back; other headers may be there once."""
    hops = (Received("b", "c", "2026-11-23 22:00:01Z", id_="2"), Received("a", "b", "2026-11-23 22:00:00Z", "Growl"))
    for request in (
        RegisterRequest("app", None, [Event("event")], received=hops),
        NotifyRequest("app", Notification("event", "title"), received=hops),
    ):
        data = encode(request)
        assert data.count(b"Received: From ") == 2
        reader = RequestReader()
        reader.feed(data)
        assert reader.next_message() == request
        reader.feed(data.replace(b"Received: From a", b"X-Growl: nonsense", 1).replace(b"From b by c", b"nonsense", 1))
        read = reader.next_message()
        assert isinstance(read, (RegisterRequest, NotifyRequest))
        assert read.received == ()


# -- What cannot be sent -------------------------------------------------------------------------


class High(enum.IntEnum):
    """A number with a name, as programs have them."""

    HIGH = 1


def notify(**changes: Any) -> NotifyRequest:
    """Return a request, some of whose notification is another."""
    return NotifyRequest("app", Notification(**{"name": "a", "title": "t", **changes}))


def register(**changes: Any) -> RegisterRequest:
    """Return a request, some of whose event is another."""
    event = Event("a")
    for name, value in changes.items():
        object.__setattr__(event, name, value)  # Event refuses some of them itself
    return RegisterRequest("app", None, [Event("first"), event])


def subscribe(**changes: Any) -> SubscribeRequest:
    """Return a request, some of which is another."""
    return dataclasses.replace(SubscribeRequest("id", "name", 24000), **changes)


def refused(request: Request) -> str:
    """Return why a request cannot be sent, which its bytes say as well."""
    with pytest.raises(GNTPValidationError) as raised:
        request.blocks()
    with pytest.raises(GNTPValidationError):
        encode(request)
    return str(raised.value)


_PLACES = [
    (lambda value: RegisterRequest(value, None, [Event("a")]), "Application-Name"),
    (lambda value: RegisterRequest("app", value, [Event("a")]), "Application-Icon"),
    (lambda value: register(name=value), "Notification-Name"),
    (lambda value: register(display_name=value), "Notification-Display-Name"),
    (lambda value: register(icon=value), "Notification-Icon"),
    (lambda value: RegisterRequest("app", None, [value]), "Notification-Name"),
    (lambda value: NotifyRequest(value, Notification("a", "t")), "Application-Name"),
    (lambda value: notify(name=value), "Notification-Name"),
    (lambda value: notify(title=value), "Notification-Title"),
    (lambda value: notify(text=value), "Notification-Text"),
    (lambda value: notify(id_=value), "Notification-ID"),
    (lambda value: notify(icon=value), "Notification-Icon"),
    (lambda value: notify(icon=Resource(data=value)), "Notification-Icon"),
    (lambda value: notify(icon=Resource(url=value)), "Notification-Icon"),
    (lambda value: notify(coalescing_id=value), "Notification-Coalescing-ID"),
    (lambda value: notify(callback=value), "Notification-Callback-Context"),
    (lambda value: notify(callback=SocketCallback(value)), "Notification-Callback-Context"),
    (lambda value: notify(callback=SocketCallback("c", value)), "Notification-Callback-Context-Type"),
    (lambda value: notify(callback=URLCallback(value)), "Notification-Callback-Target"),
    (lambda value: NotifyRequest("app", Notification("a", "t"), [("k", Resource(data=value))]), "X-k"),
    (lambda value: NotifyRequest("app", Notification("a", "t"), None, [("k", Resource(url=value))]), "Data-k"),
    (lambda value: subscribe(id_=value), "Subscriber-ID"),
    (lambda value: subscribe(name=value), "Subscriber-Name"),
    (lambda value: subscribe(port=value), "Subscriber-Port"),
]
"""Where a value of any type can be given, and the header that it would be."""

_NO_TEXTS = st.sampled_from([ValueError("boom"), 5, 1.5, True, [], ("a",), {"a": 1}, object(), print, 10**5000])


@given(st.sampled_from(_PLACES), _NO_TEXTS)
def test_a_value_that_is_no_text_is_refused_by_its_header(place: Any, value: Any) -> None:
    """An exception or a number, given for any of them; the error neither holds the value nor fails on it."""
    make, header = place
    if header == "Subscriber-Port" and value == 5 and type(value) is int:
        return
    reason = refused(make(value))
    assert reason.startswith(header)
    assert len(reason) < 120


@pytest.mark.parametrize("missing", ["title", "text", "name"])
def test_none_is_no_text(missing: str) -> None:
    """Only what may be left out may be None."""
    assert refused(notify(**{missing: None})).startswith(f"Notification-{missing.title()} must be a string, not None")
    assert "None" not in str(notify(id_=None, icon=None, coalescing_id=None, callback=None).blocks())


@pytest.mark.parametrize("picture", [b"png", bytearray(b"png"), memoryview(b"png")], ids=lambda one: type(one).__name__)
def test_a_picture_is_bytes_in_a_resource(picture: Any) -> None:
    """Of any kind, kept as they were; without the Resource they are refused, for a text as well."""
    resource = Resource(data=picture)
    if isinstance(picture, bytearray):
        picture[:] = b"---"
    assert resource == ICON
    assert dict(notify(icon=resource).blocks()[0])["Notification-Icon"] == ICON
    assert refused(notify(icon=picture)).startswith("Notification-Icon must be a URL or a Resource, not ")
    assert refused(notify(title=resource)) == "Notification-Title must be a string, not Resource"
    assert refused(notify(icon=Resource(data="png"))).startswith("Notification-Icon")  # type: ignore[arg-type]


@given(st.text("\t\n\r \u2003\u3000\xa0", max_size=4))
def test_a_blank_name_or_title_is_refused(blank: str) -> None:
    """Servers answer 303 to it: in their eyes it is not there."""
    requests: list[tuple[Request, str]] = [
        (RegisterRequest(blank, None, []), "Application-Name"),
        (NotifyRequest(blank, Notification("a", "t")), "Application-Name"),
        (notify(name=blank), "Notification-Name"),
        (notify(title=blank), "Notification-Title"),
        (subscribe(id_=blank), "Subscriber-ID"),
        (subscribe(name=blank), "Subscriber-Name"),
    ]
    for request, header in requests:
        assert refused(request) == f"{header} must not be blank"
    assert notify(text=blank).blocks()


def test_a_title_that_can_be_seen_is_not_blank() -> None:
    """Control characters get a visible form, also those that Python takes for blanks."""
    assert b"Notification-Title: \xe2\x90\x9c\r\n" in encode(notify(title="\x1c"))


@given(st.integers() | st.floats() | st.text() | st.booleans() | st.none())
def test_a_priority_is_from_minus_2_to_2(priority: Any) -> None:
    """Everything else is refused: servers would take it for normal, or answer an error."""
    if type(priority) is int and -2 <= priority <= 2:
        assert dict(notify(priority=priority).blocks()[0])["Notification-Priority"] == str(priority)
    else:
        assert refused(notify(priority=priority)) == "Notification-Priority must be an integer from -2 to 2"


def test_a_priority_may_have_a_name() -> None:
    """Its number is sent, on every Python."""
    assert dict(notify(priority=High.HIGH).blocks()[0])["Notification-Priority"] == "1"


@pytest.mark.parametrize("port", [0, -1, 65536, 2**70, "24000", 1.0, None, True])
def test_a_port_that_is_none_is_not_subscribed(port: Any) -> None:
    """The hub could not reach it."""
    assert refused(subscribe(port=port)) == "Subscriber-Port must be an integer from 1 to 65535"
