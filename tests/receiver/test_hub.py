"""The hub, with real subscribers on real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.exceptions import GNTPAuthenticationError, GNTPProtocolError, GNTPResponseError
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.lib import Publisher, Subscriber
from gntp_logging.gntp.models import Event, Notification, Received, Resource
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, SubscribeRequest
from gntp_logging.gntp.wire import Envelope, encode
from gntp_logging.receiver import hub as hub_module
from gntp_logging.receiver.hub import Hub, Message, may_be_handed_on
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.registry import Registry
from gntp_logging.receiver.server import Receiver, Server
from tests.receiver.conftest import Collector, ask, error_code, read_answer
from tests.support import PATIENCE, Recorder, ScriptedServer, free_port, send_response, wait_until

KEYED = Envelope("SHA256", None, {}, "secret")


class Desk:
    """A running hub with a password, and what it has shown."""

    def __init__(self, receiver: Receiver, recorder: Watching) -> None:
        self.receiver = receiver
        self.recorder = recorder
        self.port = receiver.port

    @property
    def hub(self) -> Hub:
        """Its hub."""
        return self.receiver.server._hub

    def texts(self, count: int) -> list[str]:
        """Return the texts it has shown, once there are so many."""
        return [toast.text for toast in self.recorder.wait_for(count)]


class Watching(Recorder):
    """A display that remembers what else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[Notice] = []

    def notice(self, notice: Notice) -> None:
        """Remember it."""
        self.notices.append(notice)

    def lost(self) -> list[Notice]:
        """Return the notices of what was lost."""
        return [notice for notice in self.notices if notice.event == "lost"]


@contextlib.contextmanager
def desk(*subscriptions: Subscriber, port: int = 0) -> Iterator[Desk]:
    """Run a hub that belongs to subscriptions."""
    recorder = Watching()
    server = Server([recorder], passwords=["secret"], subscriptions=subscriptions, port=port, hub=True)
    with Receiver(server) as receiver:
        yield Desk(receiver, recorder)


@pytest.fixture
def hub() -> Iterator[Desk]:
    """A hub."""
    with desk() as running:
        yield running


def member(hub: Desk, port: int, id_: str = "sub-1", password: str = "secret", **options: Any) -> Subscriber:
    """Return a subscriber of the hub whose receiver is at a port."""
    return Subscriber(id_, "laptop", ("127.0.0.1", hub.port), password, port, timeout=PATIENCE, **options)


@contextlib.contextmanager
def subscribed(hub: Desk, id_: str = "sub-1", **options: Any) -> Iterator[Desk]:
    """Run a receiver that has subscribed to the hub."""
    subscriber = member(hub, free_port(), id_, **options)
    with desk(subscriber, port=subscriber.port) as running, subscriber:
        subscriber.subscribe()
        assert subscriber.ttl == hub_module.TTL
        yield running


def publisher(port: int, *events: str | Event, app: str = "app", **options: Any) -> Publisher:
    """Return a publisher for a receiver's port."""
    server: dict[str, Any] = {"host": "127.0.0.1", "port": port, "password": "secret", "timeout": PATIENCE}
    return Publisher(app, events or ["event"], **server, **options)


def test_what_arrives_is_handed_on(hub: Desk) -> None:
    """To each subscriber, with everything that it had, and a line that says whence."""
    icon = Resource(data=b"png")
    with subscribed(hub) as one, subscribed(hub, "sub-2") as other:
        with publisher(hub.port, icon=icon, custom_headers=[("Key", "value")]) as sender:
            sender.register()
            sender.publish("event", "title", "text", priority=1, sticky=True, id_="7")
        for running in (hub, one, other):
            (toast,) = running.recorder.wait_for(1)
            assert (toast.title, toast.text, toast.priority, toast.sticky, toast.id_) == ("title", "text", 1, True, "7")
            assert toast.icon == icon
            assert toast.headers["X-Key"] == "value"
        hop = Received.parse(one.recorder.toasts[0].headers["Received"])
    assert hop is not None
    assert (hop.from_host, hop.by_host) == ("127.0.0.1", hub.hub.name)
    assert hub.hub.lost == 0


def test_a_header_with_an_odd_name_costs_only_itself(hub: Desk) -> None:
    """Peers send any bytes before a colon; what cannot be sent on stays here."""
    with subscribed(hub) as one:
        with publisher(hub.port) as sender:
            sender.register()
        shown = NotifyRequest("app", Notification("event", "title"), app_specific_headers=[("Data-Good", "1")])
        data = encode(shown, key=Key("secret", "SHA256")).replace(b"Data-Good", b"Data-Od\x00d: 2\r\nData-Good")
        assert ask(hub.port, data).message_type == "-OK"
        (toast,) = one.recorder.wait_for(1)
    assert [name for name in toast.headers if name.startswith("Data-")] == ["Data-Good"]
    assert hub.hub.lost == 0


@pytest.mark.parametrize(
    ("hashing", "encryption"),
    [(keys.MD5, None), (keys.SHA512, None), (keys.SHA256, ciphers.AES), (keys.MD5, ciphers.DES)],
)
def test_it_is_secured_as_the_subscription_was(
    hub: Desk, hashing: keys.Algorithm, encryption: ciphers.Algorithm | None
) -> None:
    """With the same hash and the same cipher."""
    with subscribed(hub, key_hashing=hashing, encryption=encryption) as one, publisher(hub.port) as sender:
        sender.register()
        sender.publish("event", "title", "text")
        (toast,) = one.recorder.wait_for(1)
    assert (toast.hash_, toast.encryption) == (hashing.algorithm_id, encryption.algorithm_id if encryption else "")


# -- What came encrypted -------------------------------------------------------------------------

CIPHERS: tuple[ciphers.Algorithm | None, ...] = (None, ciphers.DES, ciphers.AES, ciphers.DES3)


def name_of(cipher: ciphers.Algorithm | None) -> str | None:
    """Return a cipher's name; None for clear text."""
    return cipher.algorithm_id if cipher else None


@contextlib.contextmanager
def collecting(hub: Desk, cipher: ciphers.Algorithm | None = None, id_: str = "collector") -> Iterator[Collector]:
    """Run a subscriber of the hub that keeps every byte that it gets."""
    with Collector(f"secret{id_}") as collector, member(hub, collector.port, id_, encryption=cipher) as subscriber:
        subscriber.subscribe()
        yield collector


def registered(collector: Collector) -> list[list[str]]:
    """Return the names of the types in each REGISTER that a subscriber has got."""
    found = [request for request in collector.requests if isinstance(request, RegisterRequest)]
    assert all(request.app_icon is None for request in found)
    assert all(event.icon is event.display_name is None for request in found for event in request.events)
    return [[event.name for event in request.events] for request in found]


def test_a_message_leaves_the_hub_as_safe_as_it_came() -> None:
    """AES and 3DES are worth the same, DES less; what came in clear goes everywhere. Every cipher has its place."""
    assert {cipher.algorithm_id for cipher in CIPHERS if cipher} == set(ciphers.ALGORITHMS)
    allowed = {
        came: [to for to in map(name_of, CIPHERS) if may_be_handed_on(came, to)] for came in map(name_of, CIPHERS)
    }
    assert allowed == {
        None: [None, "DES", "AES", "3DES"],
        "DES": ["DES", "AES", "3DES"],
        "AES": ["AES", "3DES"],
        "3DES": ["AES", "3DES"],
    }
    assert [to for to in map(name_of, CIPHERS) if may_be_handed_on("TLS", to)] == ["AES", "3DES"]


@pytest.mark.parametrize("subscribed_by", CIPHERS, ids=name_of)
@pytest.mark.parametrize("came_by", CIPHERS, ids=name_of)
def test_what_came_encrypted_is_handed_on_encrypted_or_not_at_all(
    hub: Desk, came_by: ciphers.Algorithm | None, subscribed_by: ciphers.Algorithm | None
) -> None:
    """Its registration too: then a clear alert that follows has one that holds its own name alone."""
    allowed = may_be_handed_on(name_of(came_by), name_of(subscribed_by))
    events = Event("event"), Event("hidden type", "hidden display name", icon=Resource(data=b"hidden picture"))
    more: dict[str, Any] = {"custom_headers": [("Hidden", "hidden header")], "icon": Resource(data=b"hidden icon")}
    with collecting(hub, subscribed_by) as collector, publisher(hub.port) as in_clear:
        with publisher(hub.port, *events, encryption=came_by, **more) as sender:
            sender.register()
            sender.publish("event", "hidden title", "hidden")
        in_clear.publish("event", "title", "seen by all")
        requests = collector.wait_for_text("seen by all")
    assert hub.hub.lost == (0 if allowed else 2)
    texts = [request.notification.text for request in requests if isinstance(request, NotifyRequest)]
    assert texts == (["hidden", "seen by all"] if allowed else ["seen by all"])
    if not allowed:
        assert registered(collector) == [["event"]]
    if came_by is not None:
        assert b"hidden" not in collector.seen


@pytest.mark.parametrize(
    ("came_by", "subscribed_by", "reason"),
    [
        (ciphers.AES, None, "it came encrypted (AES) and the subscription is in clear"),
        (ciphers.DES, None, "it came encrypted (DES) and the subscription is in clear"),
        (ciphers.DES3, ciphers.DES, "it came encrypted (3DES) and the subscription has only DES"),
    ],
)
def test_what_is_held_back_is_told_at_the_hub(
    hub: Desk, came_by: ciphers.Algorithm, subscribed_by: ciphers.Algorithm | None, reason: str
) -> None:
    """With what to do; once, and with the number at the end."""
    with collecting(hub, subscribed_by) as collector, publisher(hub.port, encryption=came_by) as sender:
        sender.register()
        for _ in range(4):
            sender.publish("event", "title", "text")
        assert not collector.connections
        wait_until(lambda: bool(hub.recorder.lost()))
        hub.hub.close()
        wait_until(lambda: len(hub.recorder.lost()) == 2)
    expected = {"id": "collector", "peer": "127.0.0.1", "reason": f"{reason}: subscribe with --encryption AES"}
    assert [notice.fields for notice in hub.recorder.lost()] == [{**expected, "count": 1}, {**expected, "count": 5}]


def test_losses_of_both_kinds_are_counted_together(hub: Desk) -> None:
    """Some are held back in the server's loop, others fail in the subscriber's thread."""
    with member(hub, free_port(), "dead") as subscriber, publisher(hub.port) as in_clear:
        subscriber.subscribe()
        with publisher(hub.port, encryption=ciphers.AES) as sender:
            sender.register()
            for _ in range(10):
                sender.publish("event", "title", "held back")
                in_clear.publish("event", "title", "not taken")
        wait_until(lambda: hub.hub.lost == 21)


def test_names_of_types_are_told_in_clear_as_far_as_clear_alerts_have_told_them(hub: Desk) -> None:
    """To each subscriber what it has got itself; registering again replaces the list, so names of before come again."""
    sender, in_clear = publisher(hub.port, "one", "two", "hidden", encryption=ciphers.AES), publisher(hub.port)
    with sender, in_clear, collecting(hub) as first:
        sender.register()
        for type_ in ("one", "two", "one"):
            sender.publish("hidden", "title", "hidden")
            in_clear.publish(type_, "title", f"told of {type_}")
        with collecting(hub, id_="later") as later:
            in_clear.publish("two", "title", "last")
            sender.register()  # the same again
            in_clear.publish("one", "title", "after it")
            for collector in (first, later):
                collector.wait_for_text("after it")
    assert registered(first) == [["one"], ["one", "two"]]
    assert registered(later) == [["two"], ["two", "one"]]
    assert b"hidden" not in first.seen + later.seen


def test_what_was_registered_in_clear_first_is_not_told_with_what_came_encrypted(hub: Desk) -> None:
    """The second registration takes the first one's place, at the hub and in what is told of it."""
    with collecting(hub) as collector, publisher(hub.port, "one", "two") as in_clear:
        in_clear.register()
        with publisher(hub.port, "one", "two", "hidden", encryption=ciphers.AES) as sender:
            sender.register()
        in_clear.publish("two", "title", "told of two")
        collector.wait_for_text("told of two")
    assert registered(collector) == [["one", "two"], ["two"]]
    assert b"hidden" not in collector.seen


def test_the_same_registration_that_comes_again_encrypted_is_not_told_in_clear_again(hub: Desk) -> None:
    """Whoever comes later has not seen the first."""
    with collecting(hub) as collector, publisher(hub.port, "one", "two") as in_clear:
        in_clear.register()
        with publisher(hub.port, "one", "two", encryption=ciphers.AES) as sender:
            sender.register()
        in_clear.publish("two", "title", "told of two")
        collector.wait_for_text("told of two")
    assert registered(collector) == [["one", "two"], ["two"]]


def test_what_is_registered_in_clear_afterwards_is_told_whole(hub: Desk) -> None:
    """It came in clear."""
    with collecting(hub) as collector, publisher(hub.port, "one", "two") as in_clear:
        with publisher(hub.port, "one", "two", encryption=ciphers.AES) as sender:
            sender.register()
            in_clear.publish("two", "title", "told of two")
            in_clear.register()
            in_clear.publish("one", "title", "told of both")
            sender.publish("one", "title", "hidden")
        collector.wait_for_text("told of both")
    assert registered(collector) == [["two"], ["one", "two"]]
    assert b"hidden" not in collector.seen


def test_names_of_a_registration_that_was_replaced_are_not_told_again(hub: Desk) -> None:
    """Else they would grow, with one registration after the other, beyond what a request may hold."""
    with collecting(hub) as collector, publisher(hub.port) as in_clear:
        for number in range(3):
            with publisher(hub.port, f"type {number}", encryption=ciphers.AES) as sender:
                sender.register()
            in_clear.publish(f"type {number}", "title", f"text {number}")
        collector.wait_for_text("text 2")
    assert registered(collector) == [["type 0"], ["type 1"], ["type 2"]]


def test_a_subscriber_that_has_forgotten_what_it_may_know_is_told_the_same(hub: Desk) -> None:
    """It answers 401; the registration that came encrypted is not what it gets then, either."""
    subscriber = member(hub, free_port())
    with publisher(hub.port, "one", "two", "hidden", encryption=ciphers.AES) as sender, publisher(hub.port) as in_clear:
        sender.register()
        for text in ("one", "two"):
            with desk(subscriber, port=subscriber.port) as running:  # the second time it is a new one, on the same port
                subscriber.subscribe()
                in_clear.publish("one", "title", text)
                in_clear.publish("two", "title", text)
                assert running.texts(2) == [text, text]
                notices = [notice.fields for notice in running.recorder.notices if notice.event == "register"]
            names = [event.name for event in notices[-1]["notifications"]]  # type: ignore[attr-defined]  # a list
            assert names == ["one", "two"]


def test_what_subscribers_know_is_forgotten_where_it_is_too_much(hub: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application of which a subscriber was told first is registered once more."""
    monkeypatch.setattr(hub_module, "MAX_APPLICATIONS", 2)
    with collecting(hub) as collector:
        for app in ("a", "b", "c"):
            with publisher(hub.port, app=app) as sender:
                sender.register()
        for app in ("c", "a"):
            with publisher(hub.port, app=app) as sender:
                sender.publish("event", "title", app)
        requests = collector.wait_for_text("a")
    assert [request.app_name for request in requests if isinstance(request, RegisterRequest)] == ["a", "b", "c", "a"]


def test_hubs_in_a_row_keep_what_came_encrypted(hub: Desk) -> None:
    """How it came to the second is how it leaves the second."""
    first = member(hub, free_port(), "first", encryption=ciphers.AES)
    with desk(first, port=first.port) as middle, first:
        first.subscribe()
        with collecting(middle) as in_clear, collecting(middle, ciphers.AES, "safe") as safe:
            with publisher(hub.port, encryption=ciphers.AES) as sender, publisher(hub.port) as open_sender:
                sender.register()
                sender.publish("event", "title", "hidden")
                open_sender.publish("event", "title", "came in clear")
            safe.wait_for_text("came in clear")
            middle.texts(2)
            assert middle.hub.lost == 3  # the way to it was encrypted, whatever it was before
            assert not in_clear.connections
            with publisher(middle.port) as sender:
                sender.publish("event", "title", "to the second")
            in_clear.wait_for_text("to the second")
    assert registered(in_clear) == [["event"]]
    assert b"hidden" not in in_clear.seen


# -- Who comes and goes --------------------------------------------------------------------------


def test_an_application_from_before_the_subscription_is_registered(hub: Desk) -> None:
    """When its first notification comes; and again when the subscriber has forgotten it."""
    subscriber = member(hub, free_port())
    with publisher(hub.port) as sender:
        sender.register()
        for text in ("one", "two"):
            with desk(subscriber, port=subscriber.port) as running:  # the second time it is a new one, on the same port
                subscriber.subscribe()
                sender.publish("event", "title", text)
                assert running.texts(1) == [text]


def test_a_renewal_is_no_second_subscription(hub: Desk) -> None:
    """Nothing is handed on twice."""
    subscriber = member(hub, free_port())
    with desk(subscriber, port=subscriber.port) as running, publisher(hub.port) as sender:
        for _ in range(3):
            subscriber.subscribe()
        sender.register()
        for text in ("one", "two"):
            sender.publish("event", "title", text)
        assert running.texts(2) == ["one", "two"]
    subscriber.close()


def test_a_subscriber_that_moves_is_followed(hub: Desk) -> None:
    """The same id from another port takes the place of the first."""
    with subscribed(hub) as first, subscribed(hub) as second, publisher(hub.port) as sender:
        sender.register()
        sender.publish("event", "title", "text")
        assert second.texts(1) == ["text"]
        assert not first.recorder.toasts


def test_an_id_in_use_from_another_address_is_refused(hub: Desk) -> None:
    """Who reads an id on its way, and knows a key hash, ends nobody's subscription; when it has ended, it is free."""
    request, elsewhere = SubscribeRequest("sub-1", "stranger", free_port()), "127.0.0.9"
    with subscribed(hub) as one, publisher(hub.port) as sender:
        with socket.socket() as sock:
            sock.settimeout(PATIENCE)
            sock.bind((elsewhere, 0))
            sock.connect(("127.0.0.1", hub.port))
            sock.sendall(encode(request, key=Key("secret", "SHA256")))
            refused = read_answer(sock)
        assert error_code(refused) == 300
        assert refused.headers["Error-Description"] == "this Subscriber-ID is in use from another address"
        sender.register()
        sender.publish("event", "title", "text")
        assert one.texts(1) == ["text"]
    hub.hub._forwarders["sub-1"].renew(-1)
    assert hub.hub.subscribe(request, KEYED, elsewhere) == hub_module.TTL


def test_an_id_that_is_too_long_is_refused(hub: Desk) -> None:
    """It would be kept, and shown with everything that is lost."""
    with pytest.raises(GNTPResponseError, match="longer than"), member(hub, 1, "x" * 513) as subscriber:
        subscriber.subscribe()


class Silent(Recorder):
    """A display that shows toasts and knows nothing of other events."""


def test_a_new_subscriber_is_shown_on_every_display() -> None:
    """Those that observe are told with each renewal, as before; the others get one toast."""
    watching, silent = Watching(), Silent()
    with Receiver(Server([watching, silent], passwords=["secret"], hub=True)) as receiver:
        running = Desk(receiver, watching)
        for cipher in (None, ciphers.AES):
            with member(running, 1, f"id {cipher}", encryption=cipher) as subscriber:
                subscriber.subscribe()
                subscriber.subscribe()
    assert [toast.title for toast in silent.toasts] == ["laptop has subscribed"] * 2
    assert [("in clear" in toast.text, "AES" in toast.text) for toast in silent.toasts] == [
        (True, False),
        (False, True),
    ]
    assert all("127.0.0.1" in toast.text for toast in silent.toasts)
    notices = [notice for notice in watching.notices if notice.event == "subscribe"]
    assert [notice.toast is not None for notice in notices] == [True, False, True, False]
    assert not watching.toasts


def test_a_subscription_ends_after_some_failures_in_a_row(hub: Desk) -> None:
    """What comes then is lost and counted; who is there again subscribes again, from wherever it is."""
    with member(hub, free_port(), "dead") as subscriber, publisher(hub.port) as sender:
        subscriber.subscribe()
        sender.register()
        for number in range(hub_module.MAX_FAILURES + 3):
            sender.publish("event", "title", str(number))
        wait_until(lambda: not hub.hub.knows("dead"))
        wait_until(lambda: hub.hub.lost == hub_module.MAX_FAILURES + 4)
    wait_until(lambda: not any(thread.name == "gntp-forwarder" for thread in threading.enumerate()))
    assert hub.hub._shared.room.size == 0
    with subscribed(hub, "dead") as again, publisher(hub.port) as sender:
        sender.publish("event", "title", "text")
        assert again.texts(1) == ["text"]


def test_an_error_that_a_subscriber_answers_ends_no_subscription(hub: Desk) -> None:
    """It is there, and refuses what its user has switched off, say."""

    def refuse(sock: socket.socket, _number: int) -> None:
        sock.recv(65536)
        send_response(sock, "-ERROR", Error_Code="404", Error_Description="switched off")

    with ScriptedServer(refuse) as server, member(hub, server.port) as subscriber:
        subscriber.subscribe()
        with publisher(hub.port) as sender:
            sender.register()
            for number in range(3 * hub_module.MAX_FAILURES):
                sender.publish("event", "title", str(number))
        wait_until(lambda: hub.hub.lost == 3 * hub_module.MAX_FAILURES + 1)
        assert hub.hub.knows("sub-1")


def test_a_dead_subscriber_costs_the_others_nothing(hub: Desk) -> None:
    """Nor the sender: one refuses, one hangs, the third gets everything at once."""
    released = threading.Event()

    def hang(_sock: socket.socket, _number: int) -> None:
        released.wait(PATIENCE)

    with ScriptedServer(hang) as hung:
        for port, id_ in ((free_port(), "dead"), (hung.port, "hung")):
            with member(hub, port, id_) as subscriber:
                subscriber.subscribe()
        with subscribed(hub, "alive") as alive, publisher(hub.port) as sender:
            sender.register()
            for number in range(20):
                sender.publish("event", "title", str(number))
            assert alive.texts(20) == [str(number) for number in range(20)]
            wait_until(lambda: hub.hub.lost >= 21)  # what the dead one did not get
        released.set()


def test_a_queue_that_is_full_drops_and_counts(hub: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscriber that hangs does not fill the memory."""
    monkeypatch.setattr(hub_module, "QUEUE_SIZE", 3)
    begun, released = threading.Event(), threading.Event()

    def hang(_sock: socket.socket, _number: int) -> None:
        begun.set()
        released.wait(PATIENCE)

    with ScriptedServer(hang) as hung, member(hub, hung.port) as subscriber, publisher(hub.port) as sender:
        subscriber.subscribe()
        sender.register()
        assert begun.wait(PATIENCE)
        for number in range(10):
            sender.publish("event", "title", str(number))
        assert hub.hub.lost == 7
        released.set()


def test_what_a_subscriber_does_not_get_is_told() -> None:
    """At once, to the displays that want to know; not with each message, but with the number at the end."""
    watching = Watching()
    with Receiver(Server([watching], passwords=["secret"], hub=True)) as receiver:
        running = Desk(receiver, watching)
        with member(running, free_port(), "dead") as subscriber, publisher(running.port) as sender:
            subscriber.subscribe()
            sender.register()
            for number in range(5):
                sender.publish("event", "title", str(number))
            wait_until(lambda: running.hub.lost == 6)
            running.hub.close()
        wait_until(lambda: len(watching.lost()) == 2)
    notice, last = watching.lost()
    assert last.fields["count"] == 6
    assert (notice.fields["id"], notice.fields["peer"], notice.fields["count"]) == ("dead", "127.0.0.1", 1)
    assert "refused" in str(notice.fields["reason"]).lower()


def test_a_subscription_ends(hub: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a renewal; its thread ends too."""
    monkeypatch.setattr(hub_module, "TTL", 0)
    subscriber = member(hub, free_port())
    with desk(subscriber, port=subscriber.port) as running, subscriber, publisher(hub.port) as sender:
        subscriber.subscribe()
        assert subscriber.ttl == 60  # the client's own default: a subscription of no time is none
        sender.register()
        sender.publish("event", "title", "text")
        assert hub.texts(1) == ["text"]
        assert not running.recorder.toasts
    wait_until(lambda: not any(thread.name == "gntp-forwarder" for thread in threading.enumerate()))


def test_hubs_that_subscribe_to_each_other_show_each_message_once() -> None:
    """The circle is cut where a message has passed before."""
    ports = free_port(), free_port()
    members = [
        Subscriber(f"sub-{own}", "hub", ("127.0.0.1", other), "secret", own) for own, other in (ports, ports[::-1])
    ]
    with desk(members[0], port=ports[0]) as one, desk(members[1], port=ports[1]) as other:
        for subscriber in members:
            subscriber.subscribe()
        with publisher(one.port) as sender:
            sender.register()
            for text in ("a", "b", "c"):
                sender.publish("event", "title", text)
        assert other.texts(3) == ["a", "b", "c"]
        assert one.texts(3) == ["a", "b", "c"]
        for subscriber in members:
            subscriber.close()


def test_a_message_that_has_passed_too_many_hubs_goes_no_further() -> None:
    """Hubs that change their names could hand it round for ever."""
    hub = Hub("here:23053")
    hops = [Received("a", f"hub-{number}", "now") for number in range(hub_module.MAX_HOPS)]
    request = NotifyRequest("app", Notification("event", "title"), received=hops[1:])
    assert not hub.has_seen(request)
    assert hub.has_seen(NotifyRequest("app", Notification("event", "title"), received=hops))
    assert hub.has_seen(RegisterRequest("app", None, [Event("e")], received=[Received("a", "here:23053", "now")]))


def test_a_subscription_needs_a_key(hub: Desk) -> None:
    """And the right one."""
    with pytest.raises(GNTPAuthenticationError), member(hub, 1, password="wrong") as subscriber:
        subscriber.subscribe()
    with pytest.raises(GNTPProtocolError, match="needs a key"):
        Hub("here").subscribe(SubscribeRequest("id", "name", 1), Envelope(None, None, {}), "127.0.0.1")


def test_a_hub_has_room_for_so_many(hub: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused; one that renews is not."""
    monkeypatch.setattr(hub_module, "MAX_SUBSCRIBERS", 2)
    for id_ in ("one", "two", "one"):
        with member(hub, 1, id_) as subscriber:
            subscriber.subscribe()
    with pytest.raises(GNTPResponseError, match="has its 2 subscribers"), member(hub, 1, "three") as subscriber:
        subscriber.subscribe()


def test_subscriptions_that_are_ending_are_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that moves while a message is on its way leaves a thread behind each time; when that has ended, it may."""
    monkeypatch.setattr(hub_module, "MAX_SUBSCRIBERS", 2)
    registry, released = Registry(), threading.Event()
    registry.register(RegisterRequest("app", None, [Event("event")]))
    request = NotifyRequest("app", Notification("event", "title"))
    hub = Hub("hub")

    def say_nothing(_sock: socket.socket, _number: int) -> None:
        released.wait()

    with ScriptedServer(say_nothing) as one, ScriptedServer(say_nothing) as other:
        try:
            for number in range(3):
                moved = (one, other)[number % 2]
                hub.subscribe(SubscribeRequest("id", "silent", moved.port), KEYED, "127.0.0.1")
                hub.forward(Message(request, None, registry.find("app")), "127.0.0.1")
                wait_until(lambda: one.connections + other.connections == number + 1)  # noqa: B023
            again = SubscribeRequest("id", "silent", other.port)
            with pytest.raises(GNTPProtocolError, match="too many subscriptions are ending"):
                hub.subscribe(again, KEYED, "127.0.0.1")
        finally:
            released.set()
        wait_until(lambda: not any(each.is_running for each in hub._ending))
        assert hub.subscribe(again, KEYED, "127.0.0.1") == hub_module.TTL
    hub.close()


def test_a_password_is_not_shown() -> None:
    """An envelope knows it."""
    assert "secret" not in repr(KEYED)
