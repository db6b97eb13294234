"""lib: publish and subscribe, as functions and as objects."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp import ciphers
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPError, GNTPResponseError, GNTPValidationError
from gntp_logging.gntp.lib import Publisher, Subscriber, coerce_to_callback, coerce_to_events, publish, subscribe
from gntp_logging.gntp.models import Event, Resource, SocketCallback, URLCallback
from gntp_logging.gntp.requests import Response, SubscribeRequest
from gntp_logging.gntp.wire import encode
from tests.support import (
    PATIENCE,
    RunningReceiver,
    ScriptedServer,
    free_port,
    receive_request,
    running_receiver,
    send_response,
)


def test_publish_registers_and_shows(receiver: RunningReceiver) -> None:
    """One call, two requests."""
    publish("MyApp", "Alert", "Warning", "System overheating", host="127.0.0.1", port=receiver.port)
    (toast,) = receiver.toasts
    assert (toast.application, toast.name, toast.title, toast.text) == (
        "MyApp",
        "Alert",
        "Warning",
        "System overheating",
    )


def test_a_publisher_shows_notifications_with_all_they_can_have() -> None:
    """Encrypted, with headers and pictures of its own."""
    with running_receiver(["secret"]) as receiver:
        publisher = Publisher(
            "MyApp",
            ["plain", ("off", False), Event("update", "Update Available", icon=Resource(data=b"event"))],
            icon=Resource(data=b"app"),
            custom_headers=[("X-Custom", "yes")],
            app_specific_headers=[("Thing", 7)],
            host="127.0.0.1",
            port=receiver.port,
            password="secret",
            encryption=ciphers.AES,
        )
        answers: list[Response] = []
        publisher.register(answers.append)
        publisher.publish(
            "update",
            "New Version",
            "Version 2.0 is available",
            id_="1",
            sticky=True,
            priority=1,
            icon=Resource(data=b"own"),
            coalescing_id="updates",
            callback=answers.append,
            gntp_callback="https://127.0.0.1/changes",
        )
        publisher.publish("plain", "Title")
        update, plain = receiver.toasts
    assert (update.title, update.text, update.sticky, update.priority) == (
        "New Version",
        "Version 2.0 is available",
        True,
        1,
    )
    assert (update.id_, update.coalescing_id, update.callback_url) == ("1", "updates", "https://127.0.0.1/changes")
    assert (update.icon, plain.icon) == (Resource(data=b"own"), Resource(data=b"app"))
    assert (update.headers["X-Custom"], update.headers["Data-Thing"]) == ("yes", "7")
    assert [answer.headers["Response-Action"] for answer in answers] == ["REGISTER", "NOTIFY"]


def test_publish_leaves_it_to_the_server_whether_the_application_is_known(receiver: RunningReceiver) -> None:
    """Without register the server answers 401, with another event 402, with a disabled one 404."""
    publisher = Publisher("MyApp", ["a", ("off", False)], host="127.0.0.1", port=receiver.port)
    for register, name, code in ((False, "a", 401), (True, "b", 402), (False, "off", 404)):
        if register:
            publisher.register()
        with pytest.raises(GNTPResponseError) as raised:
            publisher.publish(name, "title")
        assert raised.value.error_code == code
    assert not receiver.toasts


def test_a_publisher_waits_for_the_users_reaction() -> None:
    """Given as options or as a SocketCallback."""
    clicks: list[str] = []

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        clicked = Response(
            "-CALLBACK", {"Notification-Callback-Result": "CLICKED", "Notification-Callback-Context": "c"}
        )
        sock.sendall(encode(Response("-OK", {})) + encode(clicked))

    def on_click(response: Response) -> None:
        clicks.append(response.headers["Notification-Callback-Context"])

    with ScriptedServer(serve) as server:
        publisher = Publisher("MyApp", ["a"], host="127.0.0.1", port=server.port)
        publisher.publish("a", "title", on_click=on_click, context="c")
        publisher.publish("a", "title", gntp_callback=SocketCallback("c", "string", on_click=on_click))
    assert clicks == ["c", "c"]


def test_a_publisher_needs_events() -> None:
    """None, or something that is none, is refused before anything is sent."""
    with pytest.raises(GNTPValidationError, match="at least one event"):
        Publisher("MyApp", [])
    with pytest.raises(GNTPValidationError, match=r"not \('a', True, 3\)"):
        coerce_to_events([("a", True, 3)])  # type: ignore[list-item]  # that is the test


@pytest.mark.parametrize("definition", ["Error", Event("Error")], ids=repr)
def test_a_single_name_is_one_event(definition: str | Event) -> None:
    """Not one for each of its letters."""
    assert Publisher("MyApp", definition).events == coerce_to_events(definition) == [Event("Error")]


@given(st.text(max_size=3), st.text(" \t\n", max_size=2), st.text(" \t\n", max_size=2))
def test_an_event_is_there_once(name: str, before: str, after: str) -> None:
    """By its name as servers see it; a blank one is none."""
    if not name.strip():
        with pytest.raises(GNTPValidationError, match="not blank"):
            coerce_to_events([before + name + after])
        return
    for twice in (f"{before}{name}{after}", (name, False), Event(name, "another name")):
        with pytest.raises(GNTPValidationError, match="is there twice"):
            Publisher("MyApp", [name, "other event", twice])
    assert len(Publisher("MyApp", [name, name + "2"]).events) == 2


@pytest.mark.parametrize("definitions", [5, None, b"Error", [5], [["a", True]], [("a",)], [(5, True)]], ids=repr)
def test_what_stands_for_no_event_is_refused(definitions: Any) -> None:
    """With what is allowed."""
    with pytest.raises(GNTPValidationError, match="an event is a name"):
        Publisher("MyApp", definitions)


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"name": " "}, "Application-Name"), ({"name": 5}, "Application-Name"), ({"icon": b"png"}, "Application-Icon"),
        ({"event_defs": [Event("a", 5)]}, "Notification-Display-Name"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_publisher_that_could_never_register_is_refused(options: dict[str, Any], header: str) -> None:
    """Where it is made, with the name of the header."""
    with pytest.raises(GNTPValidationError, match=f"^{header}"):
        Publisher(**{"name": "MyApp", "event_defs": ["a"], **options})


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"text": ValueError("boom")}, "Notification-Text"), ({"title": 5}, "Notification-Title"),
        ({"title": "\n"}, "Notification-Title"), ({"icon": b"png"}, "Notification-Icon"),
        ({"priority": 99}, "Notification-Priority"), ({"priority": "high"}, "Notification-Priority"),
        ({"gntp_callback": print}, "Notification-Callback-Context"), ({"context": 5}, "Notification-Callback-Context"),
    ],
)  # fmt: skip
def test_what_cannot_be_published_is_refused_without_a_server(options: dict[str, Any], header: str) -> None:
    """A mistake of the program is none of the network's."""
    publisher = Publisher("MyApp", ["a"], host="127.0.0.1", port=free_port())
    with pytest.raises(GNTPValidationError, match=f"^{header}"):
        publisher.publish("a", **{"title": "title", **options})


def hub(ttl: str | None, requests: list[Any]) -> ScriptedServer:
    """Return a hub that grants subscriptions."""

    def serve(sock: socket.socket, _number: int) -> None:
        requests.append(receive_request(sock, ["secret"]))
        headers = {"Subscription-TTL": ttl} if ttl else {}
        sock.sendall(encode(Response("-OK", {"Response-Action": "SUBSCRIBE", **headers})))

    return ScriptedServer(serve)


def test_subscribe_returns_the_subscriptions_length() -> None:
    """As the hub said, keyed with its password."""
    requests: list[Any] = []
    with hub("300", requests) as server:
        assert subscribe("sub-123", "MySubscriber", ("127.0.0.1", server.port), "secret", port=24000) == 300
    assert requests == [SubscribeRequest("sub-123", "MySubscriber", 24000)]


@pytest.mark.parametrize(("ttl", "stored"), [("300", 300), (None, 60), ("soon", 60), ("-5", 60)])
def test_a_subscriber_stores_the_length(ttl: str | None, stored: int) -> None:
    """One that makes no sense is the protocol's default; a callback is called after it is set."""
    with hub(ttl, []) as server:
        subscriber = Subscriber("id", "name", ("127.0.0.1", server.port), "secret")
        assert subscriber.ttl == 0
        seen: list[int] = []
        subscriber.subscribe(lambda response: seen.append(subscriber.ttl))
    assert (subscriber.ttl, seen) == (stored, [stored])


@pytest.mark.parametrize("code", [300, 400])
def test_a_subscriber_tells_what_the_server_said(code: int) -> None:
    """Its sentence, and nothing that would stand in its place."""

    def refuse(sock: socket.socket, _number: int) -> None:
        receive_request(sock, ["secret"])
        send_response(sock, "-ERROR", Error_Code=str(code), Error_Description="start me with --hub")

    with ScriptedServer(refuse) as server:
        subscriber = Subscriber("id", "name", ("127.0.0.1", server.port), "secret", timeout=PATIENCE)
        with subscriber, pytest.raises(GNTPResponseError) as refused:
            subscriber.start_renewing()
    assert not subscriber.is_renewing
    assert str(refused.value) == f"the server answered -ERROR {code}: start me with --hub"


def test_a_hub_may_be_named_by_its_host_alone() -> None:
    """Its port is then the protocol's."""
    subscriber = Subscriber("id", "name", "hub.example", "secret")
    assert subscriber.hub == ("hub.example", 23053)
    assert subscriber.gntp_client.address == ("hub.example", 23053)


def test_a_client_class_of_the_callers_is_used() -> None:
    """With the client's options."""

    class Own(GNTPClient):
        pass

    publisher = Publisher("MyApp", ["a"], gntp_client_class=Own, host="growl.example", timeout=3.0)
    assert type(publisher.gntp_client) is Own
    assert publisher.gntp_client.timeout == 3.0


def test_events_are_made_of_what_stands_for_them() -> None:
    """Names, pairs, events."""
    full = Event("full_event", icon="http://127.0.0.1/i.png")
    assert coerce_to_events(["simple", ("named", False), full]) == [
        Event("simple"),
        Event("named", enabled=False),
        full,
    ]


def test_callbacks_are_made_of_what_stands_for_them() -> None:
    """A URL, a SocketCallback, its options, nothing; never two of them."""
    callback = SocketCallback("context")
    assert coerce_to_callback("https://127.0.0.1/") == URLCallback("https://127.0.0.1/")
    assert coerce_to_callback(callback) is callback
    assert coerce_to_callback(context="context", on_click=print) == callback
    assert coerce_to_callback() is None
    with pytest.raises(GNTPError, match="give gntp_callback or on_click, not both"):
        coerce_to_callback(callback, on_click=print)


def test_nothing_secret_is_shown() -> None:
    """Names and addresses, no password."""
    assert repr(Publisher("MyApp", ["a"], password="hunter2")) == "<Publisher 'MyApp' ['a']>"
    assert repr(Subscriber("id", "name", "hub.example", "hunter2")) == "<Subscriber 'name' of hub.example:23053>"
    assert repr(Subscriber("id", "name", "::1", "hunter2")) == "<Subscriber 'name' of [::1]:23053>"
