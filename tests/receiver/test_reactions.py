"""Reactions: what the user did is told to the sender, on its connection."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.models import Event, Notification, SocketCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Response
from gntp_logging.gntp.wire import ResponseReader, encode
from gntp_logging.receiver import connection, reactions, server
from gntp_logging.receiver.cuts import MAX_TEXT, cut
from gntp_logging.receiver.reactions import Awaited, Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.receiver.conftest import ask, connected, register, require_module
from tests.support import PATIENCE, RunningReceiver, running_receiver, wait_until


class Clicker:
    """A display whose user does one thing, on a thread of its own."""

    def __init__(self, reaction: Reaction) -> None:
        self.reaction = reaction

    def show(self, toast: Toast) -> None:
        """Do it, twice: only the first counts."""

        def act() -> None:
            toast.react(self.reaction)
            toast.react(Reaction.TIMED_OUT)

        threading.Thread(target=act).start()


def notify(text: str = "text", *, sticky: bool = False, id_: str = "n-1") -> NotifyRequest:
    """Return a notification whose sender wants to be told."""
    shown = Notification("event", "title", text, id_=id_, sticky=sticky, callback=SocketCallback("order 7", "order"))
    return NotifyRequest("app", shown, app_specific_headers=[("Data-Shard", "3")])


def test_names_of_what_is_told_take_room() -> None:
    """A peer chooses them."""

    async def awaited() -> Awaited:
        return Awaited(notify(), {f"Data-{number}-" + "n" * 200: "1" for number in range(100)}, 0)

    assert asyncio.run(awaited()).size > 100 * 200


def read(reader: ResponseReader, sock: object) -> Response:
    """Read one answer."""
    while (response := reader.next_message()) is None:
        data = sock.recv(65536)  # type: ignore[attr-defined]  # a socket
        assert data, "the connection was closed"
        reader.feed(data)
    return response


@pytest.fixture(params=list(Reaction))
def clicked(request: pytest.FixtureRequest) -> Iterator[tuple[Receiver, Reaction]]:
    """A receiver whose user does one thing."""
    with Receiver(Server([Clicker(request.param)])) as running:
        yield running, request.param


def test_reactions_are_told_in_the_words_that_every_client_knows() -> None:
    """Growl for Windows' library, node-notifier and growly know no CLICKED and no CLOSED."""
    assert [reaction.value for reaction in Reaction] == ["CLICK", "CLOSE", "TIMEDOUT"]


@pytest.mark.slow
@pytest.mark.parametrize("keep_alive", [False, True])
def test_the_sender_is_told_on_its_connection(clicked: tuple[Receiver, Reaction], keep_alive: bool) -> None:
    """With the context, the id and the headers it gave; after the answer, whenever the user acts."""
    running, reaction = clicked
    assert ask(running.port, register()).message_type == "-OK"
    reader = ResponseReader()
    with connected(running.port) as sock:
        sock.sendall(encode(notify(), keep_alive=keep_alive))
        assert read(reader, sock).message_type == "-OK"
        told = read(reader, sock)
        if keep_alive:
            sock.sendall(encode(notify("again", id_="n-2"), keep_alive=True))
            assert {read(reader, sock).message_type, read(reader, sock).message_type} == {"-OK", "-CALLBACK"}
    assert told.message_type == "-CALLBACK"
    assert told.headers["Notification-Callback-Result"] == reaction.value
    assert told.headers["Notification-ID"] == "n-1"
    assert told.headers["Application-Name"] == "app"
    assert told.headers["Notification-Callback-Context"] == "order 7"
    assert told.headers["Notification-Callback-Context-Type"] == "order"
    assert told.headers["Notification-Callback-Timestamp"]
    assert told.headers["Data-Shard"] == "3"


def test_a_context_that_is_too_long_comes_back_cut(clicked: tuple[Receiver, Reaction]) -> None:
    """As texts are: what many senders wait with takes room meanwhile."""
    running, _ = clicked
    ask(running.port, register())
    shown = Notification("event", "title", callback=SocketCallback("é" * 70_000, "order"))
    reader = ResponseReader()
    with connected(running.port) as sock:
        sock.sendall(encode(NotifyRequest("app", shown)))
        assert read(reader, sock).message_type == "-OK"
        told = read(reader, sock)
    assert told.headers["Notification-Callback-Context"] == cut("é" * 70_000, MAX_TEXT)


def test_our_own_client_hears_of_it(clicked: tuple[Receiver, Reaction]) -> None:
    """Its callback is called by the reaction's name, encrypted or not."""
    running, reaction = clicked
    heard: list[str] = []
    callback = SocketCallback(
        "order 7",
        "order",
        on_click=lambda response: heard.append("CLICK"),
        on_close=lambda response: heard.append("CLOSE"),
        on_timeout=lambda response: heard.append("TIMEDOUT"),
    )
    with GNTPClient("127.0.0.1", running.port, PATIENCE) as client:
        client.process_request(RegisterRequest("app", None, [Event("event")]))
        shown = Notification("event", "title", "text", callback=callback)
        client.process_request(NotifyRequest("app", shown), socket_callback=callback)
    assert heard == [reaction.value]


@pytest.mark.peer
def test_gntplib_hears_of_it(clicked: tuple[Receiver, Reaction]) -> None:
    """The client of the reference, its callback and all."""
    gntplib = require_module("gntplib", "gntplib==3.0.10")
    running, reaction = clicked
    heard: list[str] = []
    publisher = gntplib.Publisher("app", ["event"], host="127.0.0.1", port=running.port)
    publisher.register()
    publisher.publish(
        "event", "title", "text",
        gntp_callback=gntplib.SocketCallback(
            "order 7", "order",
            on_click=lambda _: heard.append("CLICK"),
            on_close=lambda _: heard.append("CLOSE"),
            on_timeout=lambda _: heard.append("TIMEDOUT"),
        ),
    )  # fmt: skip
    assert heard == [reaction.value]


def test_a_toast_that_nobody_touches_has_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A display that cannot tell keeps no sender waiting; a sticky toast waits longer."""
    monkeypatch.setattr(reactions, "REACTION_TIMEOUT", 0.05)
    with running_receiver() as receiver, connected(receiver.port) as sock, connected(receiver.port) as patient:
        assert ask(receiver.port, register()).message_type == "-OK"
        stays, goes = ResponseReader(), ResponseReader()
        patient.sendall(encode(notify(sticky=True)))
        assert read(stays, patient).message_type == "-OK"
        sock.sendall(encode(notify()))
        assert read(goes, sock).message_type == "-OK"
        assert read(goes, sock).headers["Notification-Callback-Result"] == "TIMEDOUT"
        assert sock.recv(1) == b""
        (sticky, _) = receiver.wait_for(2)
        sticky.react(Reaction.CLOSED)
        assert read(stays, patient).headers["Notification-Callback-Result"] == "CLOSE"


def test_with_too_many_that_wait_the_oldest_has_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who have left without a word cannot take all connections."""
    monkeypatch.setattr(server, "MAX_AWAITED", 1)
    with running_receiver() as receiver, connected(receiver.port) as one, connected(receiver.port) as other:
        assert ask(receiver.port, register()).message_type == "-OK"
        reader = ResponseReader()
        one.sendall(encode(notify(sticky=True)))
        assert read(reader, one).message_type == "-OK"
        other.sendall(encode(notify(sticky=True)))
        assert read(reader, one).headers["Notification-Callback-Result"] == "TIMEDOUT"


def test_a_notification_that_is_refused_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger who names no registered application ends nobody's waiting."""
    monkeypatch.setattr(server, "MAX_AWAITED", 1)
    with running_receiver() as receiver, connected(receiver.port) as sock:
        assert ask(receiver.port, register()).message_type == "-OK"
        reader = ResponseReader()
        sock.sendall(encode(notify(sticky=True)))
        assert read(reader, sock).message_type == "-OK"
        refused = NotifyRequest("unknown", Notification("event", "title", callback=SocketCallback("context")))
        assert ask(receiver.port, encode(refused)).message_type == "-ERROR"
        (toast,) = receiver.wait_for(1)
        toast.react(Reaction.CLICKED)
        assert read(reader, sock).headers["Notification-Callback-Result"] == "CLICK"


def test_a_sender_that_has_left_harms_nobody(receiver: RunningReceiver) -> None:
    """Neither when the user acts later, nor when the server stops before."""
    assert ask(receiver.port, register()).message_type == "-OK"
    with connected(receiver.port) as sock:
        sock.sendall(encode(notify(sticky=True)))
        (toast,) = receiver.wait_for(1)
    toast.react(Reaction.CLICKED)
    with connected(receiver.port) as sock:
        sock.sendall(encode(notify(sticky=True)))
        receiver.wait_for(2)
        receiver.receiver.stop()
    toast.react(Reaction.CLICKED)


def test_a_url_is_opened_by_the_display_and_not_reported(receiver: RunningReceiver) -> None:
    """A notification without a socket callback has nobody to tell."""
    request = NotifyRequest("app", Notification("event", "title", "text"))
    assert ask(receiver.port, register()).message_type == "-OK"
    assert ask(receiver.port, encode(request)).message_type == "-OK"
    (toast,) = receiver.wait_for(1)
    toast.react(Reaction.CLICKED)


def test_a_connection_whose_sender_is_gone_ends(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is looked at from time to time. A sender that has shut down its own side alone is still there."""
    monkeypatch.setattr(connection, "_LIVENESS_INTERVAL", 0.02)
    assert ask(receiver.port, register()).message_type == "-OK"
    places = receiver.receiver.server._places
    with connected(receiver.port) as stays, connected(receiver.port) as goes:
        for sock in (stays, goes):
            sock.sendall(encode(notify(sticky=True)))
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(4) == b"GNTP"
        goes.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() sends a reset
        goes.close()
        wait_until(lambda: len(places) == 1)
        wait_until(lambda: len(receiver.receiver.server._awaited._awaited) == 1)
        for toast in receiver.wait_for(2):
            toast.react(Reaction.CLICKED)
        answered = b""
        while data := stays.recv(65536):
            answered += data
    assert b"Notification-Callback-Result: CLICK\r\n" in answered
    gc.collect()  # asyncio would tell now of a task that has failed
    assert caplog.records == []


def test_what_is_told_with_reactions_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest has timed out; and a toast that somebody keeps holds nothing of it."""
    monkeypatch.setattr(server, "MAX_AWAITED_BYTES", 3000)
    with running_receiver() as receiver, connected(receiver.port) as one, connected(receiver.port) as other:
        assert ask(receiver.port, register()).message_type == "-OK"
        reader = ResponseReader()
        for sock in (one, other):
            callback = SocketCallback("x" * 2000, "type")
            shown = Notification("event", "title", "text", sticky=True, callback=callback)
            sock.sendall(encode(NotifyRequest("app", shown)))
            receiver.wait_for(1 if sock is one else 2)
        assert read(reader, one).message_type == "-OK"
        assert read(reader, one).headers["Notification-Callback-Result"] == "TIMEDOUT"
        assert len(receiver.receiver.server._awaited._awaited) == 1
        (toast, _) = receiver.toasts
        kept = [each for each in gc.get_referents(toast.react) if isinstance(each, str) and len(each) > 1000]
        assert kept == []
