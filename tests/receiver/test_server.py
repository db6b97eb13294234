"""The server, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gc
import logging
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPAuthenticationError, GNTPEncryptionError, GNTPProtocolError
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.lib import Subscriber
from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Response, SubscribeRequest
from gntp_logging.gntp.wire import END, RequestReader, ResponseReader, encode
from gntp_logging.receiver import connection as connection_module
from gntp_logging.receiver import server as server_module
from gntp_logging.receiver.budget import Budget, Usage
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import NO_HUB, Receiver, Server
from tests.receiver.conftest import ask, connected, error_code, notify, read_answer, register, secured
from tests.support import PATIENCE, Recorder, RunningReceiver, ScriptedServer, running_receiver, wait_until

REGISTER = RegisterRequest("app", None, [Event("event")])
NOTIFY = NotifyRequest("app", Notification("event", "title", "text"))


def _open_connections(running: RunningReceiver) -> int:
    return len(running.receiver.server._connections)


def _receiver_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "gntp-receiver"]


def _stop_in_time(receiver: Receiver) -> None:
    """Stop a receiver; fail rather than hang when it does not."""
    stopper = threading.Thread(target=receiver.stop, daemon=True)
    stopper.start()
    stopper.join(PATIENCE)
    assert not stopper.is_alive(), "stop() does not return"


# -- Answers -------------------------------------------------------------------------------------


def test_a_registered_notification_is_shown(receiver: RunningReceiver) -> None:
    """REGISTER and NOTIFY are answered with -OK, and the toast has what was sent."""
    assert ask(receiver.port, register()).headers == {"Response-Action": "REGISTER"}
    answer = ask(receiver.port, notify("Grüße\n再见", id_="id-7"))

    assert answer.message_type == "-OK"
    assert answer.headers == {"Response-Action": "NOTIFY", "Notification-ID": "id-7"}
    (toast,) = receiver.wait_for(1)
    assert (toast.application, toast.name, toast.title, toast.text) == ("app", "event", "title", "Grüße\n再见")
    assert (toast.id_, toast.encryption, toast.hash_, toast.peer) == ("id-7", "", "", "127.0.0.1")
    assert toast.headers["Notification-Title"] == "title"


def test_pictures_arrive(receiver: RunningReceiver) -> None:
    """A picture in a binary section reaches the toast byte for byte, whatever its bytes look like."""
    picture = Resource(data=b"\x89PNG\r\n\x1a\n\r\n\r\nGNTP/1.0 END\r\n\r\n\x00\xff" * 500)
    ask(receiver.port, encode(RegisterRequest("app", None, [Event("event", icon=picture)])))

    ask(receiver.port, notify())

    (toast,) = receiver.wait_for(1)
    assert toast.icon == picture


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        pytest.param(notify(app="other"), 401, id="401 unknown application"),
        pytest.param(notify(name="other"), 402, id="402 unknown type"),
        pytest.param(notify(name="off"), 404, id="404 disabled type"),
        pytest.param(
            b"GNTP/1.0 NOTIFY NONE\r\nApplication-Name: app\r\nNotification-Name: event\r\n\r\n", 303, id="303 no title"
        ),
        pytest.param(b"GNTP/1.0 REGISTER NONE\r\nApplication-Name: app\r\n\r\n", 303, id="303 no types"),
        pytest.param(b"GNTP/1.0 SHOUT NONE\r\n\r\n", 300, id="300 unknown request"),
        pytest.param(b"GNTP/1.0 NOTIFY NONE\r\nno colon\r\n\r\n", 300, id="300 malformed header"),
        pytest.param(b"GNTP/1.0 NOTIFY NONE\r\nApplication-Name: app\r\n", 300, id="300 cut short"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 301, id="301 not GNTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", 301, id="301 TLS"),
        pytest.param(b"GNTP/2.0 NOTIFY NONE\r\n\r\n", 302, id="302 another version"),
        pytest.param(
            b"GNTP/1.0 NOTIFY NONE MD5:" + b"00" * 16 + b".0011\r\n\r\n", 400, id="400 key without a password"
        ),
        pytest.param(encode(SubscribeRequest("id", "name", 23053)), 300, id="300 subscription, and it is no hub"),
    ],
)
def test_errors_have_their_codes(receiver: RunningReceiver, request_bytes: bytes, code: int) -> None:
    """Each way to be refused has the specification's code, and shows nothing."""
    ask(receiver.port, register("event", Event("off", enabled=False)))

    assert error_code(ask(receiver.port, request_bytes)) == code

    assert receiver.toasts == []


@pytest.mark.parametrize("sent", [b"", b"GNTP/1.0 NOTIFY NONE\r\nApplication-Name: app\r\n"])
def test_a_request_that_does_not_come_is_200(sent: bytes) -> None:
    """A client that stays but does not send a whole request hears so, and is let go."""
    with running_receiver(request_timeout=0.05) as receiver, connected(receiver.port) as sock:
        sock.sendall(sent)

        assert error_code(read_answer(sock)) == 200


def test_ciphers_that_cannot_be_loaded_are_500(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, once an encrypted request comes; the server starts, and everything else works."""

    def fail(_: str) -> object:
        raise GNTPEncryptionError("the archive cannot be read")

    encrypted = secured(NOTIFY, "secret", "SHA256", "AES")
    monkeypatch.setattr(ciphers, "_load", fail)
    with running_receiver(["secret"]) as receiver:
        answer = ask(receiver.port, encrypted)
        assert error_code(answer) == 500
        assert answer.headers["Error-Description"] == "the archive cannot be read"
        assert ask(receiver.port, secured(REGISTER, "secret", "SHA256", None)).message_type == "-OK"


def test_a_mistake_of_the_server_is_500(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client is answered even when the server stumbles, and asyncio's log has the traceback."""

    def stumble(*_: object, **__: object) -> Toast:
        raise ZeroDivisionError

    monkeypatch.setattr(receiver.receiver.server._registry, "toast", stumble)
    # Another test's configuration may have switched off what was there.
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", False)

    with caplog.at_level(logging.ERROR, "asyncio"):
        assert error_code(ask(receiver.port, notify())) == 500

    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


# -- Passwords -----------------------------------------------------------------------------------


@pytest.mark.parametrize("hash_id", ["MD5", "SHA1", "SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("password", ["first", "sëcond", "third"])
def test_each_password_opens_with_each_hash(password: str, hash_id: str) -> None:
    """Any of several passwords is enough, with any hash."""
    with running_receiver(["first", "sëcond", "third"]) as receiver:
        ask(receiver.port, secured(REGISTER, password, hash_id, None))
        assert ask(receiver.port, secured(NOTIFY, password, hash_id, None)).message_type == "-OK"

        (toast,) = receiver.wait_for(1)
    assert (toast.hash_, toast.encryption) == (hash_id, "")


@pytest.mark.parametrize(
    ("hash_id", "cipher_id"),
    [
        *((hash_id, cipher_id) for hash_id in ("SHA256", "SHA384", "SHA512") for cipher_id in ("AES", "3DES", "DES")),
        ("MD5", "DES"),
        ("SHA1", "DES"),
    ],
)
def test_encrypted_requests_are_read(hash_id: str, cipher_id: str) -> None:
    """Every cipher with every hash that is long enough for it, pictures included."""
    picture = Resource(data=bytes(range(256)) * 3)
    with running_receiver(["another", "secret"]) as receiver:
        request = RegisterRequest("app", picture, [Event("event")])
        assert ask(receiver.port, secured(request, "secret", hash_id, cipher_id)).message_type == "-OK"
        assert ask(receiver.port, secured(NOTIFY, "secret", hash_id, cipher_id)).message_type == "-OK"

        (toast,) = receiver.wait_for(1)
    assert (toast.hash_, toast.encryption) == (hash_id, cipher_id)
    assert (toast.title, toast.text, toast.icon) == ("title", "text", picture)


@pytest.mark.parametrize("cipher_id", [None, "AES"])
def test_a_wrong_key_is_400(cipher_id: str | None) -> None:
    """Who does not know the password is refused, encrypted or not."""
    with running_receiver(["secret"]) as receiver:
        assert error_code(ask(receiver.port, secured(REGISTER, "guess", "SHA256", cipher_id))) == 400


def test_no_key_is_400() -> None:
    """A server with a password takes nothing without a key."""
    with running_receiver(["secret"]) as receiver:
        assert error_code(ask(receiver.port, register())) == 400


@pytest.mark.parametrize("cipher_id", [None, "AES"])
def test_a_key_for_a_server_without_a_password_is_400(receiver: RunningReceiver, cipher_id: str | None) -> None:
    """A key that cannot be checked is refused: its sender believes in a protection that is not there."""
    assert error_code(ask(receiver.port, secured(REGISTER, "secret", "SHA256", cipher_id))) == 400


@pytest.mark.parametrize(
    ("demands", "taken", "refusal"),
    [
        (
            {"require_encryption": True},
            [("SHA256", "AES"), ("SHA256", "3DES")],
            "this server takes only what is encrypted with AES or 3DES, and this came ",
        ),
        (
            {"minimum_hash": "SHA256"},
            [("SHA256", None), ("SHA384", None), ("SHA512", None), ("SHA256", "AES"), ("SHA256", "3DES"),
             ("SHA256", "DES")],
            "this server takes only keys hashed with SHA256 or a longer hash, not ",
        ),
    ],
)  # fmt: skip
def test_a_server_may_demand_more(demands: dict[str, Any], taken: list[tuple[str, str | None]], refusal: str) -> None:
    """All else is 400 with a sentence, at once however often it comes: its sender knows the password."""
    ways = [(hash_id, None) for hash_id in keys.ALGORITHMS]
    ways += [("SHA256", "AES"), ("SHA256", "3DES"), ("SHA256", "DES"), ("MD5", "DES")]  # type: ignore[list-item]
    with running_receiver(["secret"], **demands) as receiver:
        for hash_id, cipher_id in ways * 2:
            answer = ask(receiver.port, secured(REGISTER, "secret", hash_id, cipher_id))
            if (hash_id, cipher_id) in taken:
                assert answer.message_type == "-OK"
            else:
                assert error_code(answer) == 400
                assert answer.headers["Error-Description"].startswith(refusal)
        assert not receiver.receiver.server._usage._failures
        assert "password" in ask(receiver.port, register()).headers["Error-Description"]


def test_a_ciphertext_that_was_changed_is_refused() -> None:
    """A right key with a header part that does not decrypt shows nothing and stops nothing."""
    with running_receiver(["secret"]) as receiver:
        whole = secured(REGISTER, "secret", "SHA256", "AES")
        head, _, rest = whole.partition(b"\r\n")
        broken = head + b"\r\n" + bytes(byte ^ 0x55 for byte in rest[:16]) + rest[16:]

        assert error_code(ask(receiver.port, broken)) in (300, 303)

        assert ask(receiver.port, whole).message_type == "-OK"


# -- Ways to send --------------------------------------------------------------------------------


@pytest.mark.parametrize("half_close", [True, False])
def test_clients_need_not_half_close(receiver: RunningReceiver, half_close: bool) -> None:
    """The answer comes when the request is complete, and the connection ends after it, either way."""
    assert ask(receiver.port, register(), half_close=half_close).message_type == "-OK"
    assert ask(receiver.port, notify(), half_close=half_close).message_type == "-OK"

    receiver.wait_for(1)


@pytest.mark.parametrize("cipher_id", [None, "AES"])
def test_a_request_may_come_byte_by_byte(cipher_id: str | None) -> None:
    """How a request is cut into segments changes nothing."""
    picture = Resource(data=b"\r\n\r\npicture\r\n\r\n")
    with running_receiver(["secret"]) as receiver:
        ask(receiver.port, secured(REGISTER, "secret", "SHA256", cipher_id))
        request = NotifyRequest("app", Notification("event", "title", "text", icon=picture))

        with connected(receiver.port) as sock:
            for byte in secured(request, "secret", "SHA256", cipher_id):
                sock.sendall(bytes([byte]))
            assert read_answer(sock).message_type == "-OK"

        (toast,) = receiver.wait_for(1)
    assert toast.icon == picture


@pytest.mark.slow
@pytest.mark.parametrize("cipher_id", [None, "AES", "DES"])
def test_a_request_may_be_cut_anywhere_and_come_late(cipher_id: str | None) -> None:
    """In two pieces, cut at every place: the second comes when the server has seen the first."""
    data = secured(NOTIFY, "secret", "SHA256", cipher_id)
    with running_receiver(["secret"]) as receiver:
        ask(receiver.port, secured(REGISTER, "secret", "SHA256", cipher_id))
        usage = receiver.receiver.server._usage
        for at in range(1, len(data)):
            with connected(receiver.port) as sock:
                sock.sendall(data[:at])
                wait_until(functools.partial(_holds, usage, at))
                sock.sendall(data[at:])
                assert read_answer(sock).message_type == "-OK"
        assert len(receiver.toasts) == len(data) - 1


def _holds(usage: Usage, size: int) -> bool:
    return usage._all_held == size


@pytest.mark.parametrize("half_close", [True, False])
def test_a_picture_that_never_comes_is_done_without(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch, half_close: bool
) -> None:
    """After a short while, or at once at the end of the stream."""
    monkeypatch.setattr(connection_module, "PICTURE_TIMEOUT", PATIENCE if half_close else 0.05)
    ask(receiver.port, register())
    data = notify("text").replace(b"Notification-Text", b"Notification-Icon: x-growl-resource://1\r\nNotification-Text")

    assert ask(receiver.port, data, half_close=half_close).message_type == "-OK"

    (toast,) = receiver.wait_for(1)
    assert (toast.text, toast.icon) == ("text", None)


def test_lines_that_end_with_lf_alone_are_refused_at_once(receiver: RunningReceiver) -> None:
    """And so is TLS; neither client has ended its side."""
    for data, code in ((register().replace(b"\r\n", b"\n"), 300), (b"\x16\x03\x01\x02", 301)):
        assert error_code(ask(receiver.port, data, half_close=False)) == code


def test_what_follows_a_request_is_read_and_dropped(receiver: RunningReceiver) -> None:
    """One request a connection: a second one is neither shown nor does it cost the first its answer."""
    assert ask(receiver.port, register() + b"\r\n" + notify()).headers["Response-Action"] == "REGISTER"

    assert receiver.toasts == []


def test_an_early_error_reaches_a_client_that_still_sends(receiver: RunningReceiver) -> None:
    """The answer is not lost to a reset, though the request was refused by its first line."""
    answer = ask(receiver.port, b"GET / HTTP/1.1\r\n" + b"x" * 8_000_000)

    assert error_code(answer) == 301


def test_a_long_answer_is_sent_whole(receiver: RunningReceiver) -> None:
    """A client that reads slowly gets all of an answer that does not fit into the socket's buffer."""
    ask(receiver.port, register())
    id_ = "x" * 3_900_000
    with _slow_reader(receiver.port) as sock:
        sock.sendall(notify(id_=id_))
        sock.shutdown(socket.SHUT_WR)
        receiver.wait_for(1)

        assert read_answer(sock).headers["Notification-ID"] == id_


def test_an_answer_that_nobody_reads_does_not_hold_its_connection(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer has so many seconds to take its answer, then the connection is cut."""
    monkeypatch.setattr(connection_module, "ANSWER_TIMEOUT", 0.05)
    ask(receiver.port, register())
    with _slow_reader(receiver.port) as sock:
        sock.sendall(notify(id_="x" * 3_900_000))
        receiver.wait_for(1)

        wait_until(lambda: _open_connections(receiver) == 0)


@contextlib.contextmanager
def _slow_reader(port: int) -> Iterator[socket.socket]:
    """Connect with the smallest buffer that the system allows."""
    with socket.socket() as sock:
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.connect(("127.0.0.1", port))
        yield sock


# -- Clients that leave, and clients that come in crowds -----------------------------------------


def test_a_client_that_leaves_at_once_harms_nobody(receiver: RunningReceiver) -> None:
    """A connection that is opened and closed gets no answer, and the next client is served."""
    with connected(receiver.port) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""

    assert ask(receiver.port, register()).message_type == "-OK"
    assert receiver.toasts == []


def test_a_client_that_resets_harms_nobody(receiver: RunningReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """A reset in the middle of a request is no error of the server's."""
    with connected(receiver.port) as sock:
        sock.sendall(b"GNTP/1.0 NOTIFY NONE\r\n")
        wait_until(lambda: _open_connections(receiver) == 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() sends RST

    wait_until(lambda: _open_connections(receiver) == 0)
    assert ask(receiver.port, register()).message_type == "-OK"
    assert caplog.records == []


@pytest.mark.parametrize("budget", [Budget(connections=8), Budget(connections_per_peer=4)])
def test_in_a_crowd_the_oldest_silent_connection_gives_way(budget: Budget) -> None:
    """It is closed for the one that comes, which is served."""
    with running_receiver(budget=budget) as receiver, contextlib.ExitStack() as crowd:
        first, *others = [crowd.enter_context(connected(receiver.port)) for _ in range(4)]
        wait_until(lambda: _open_connections(receiver) == 4)
        guests = list(receiver.receiver.server._connections)
        # A connection whose first bytes are just being looked for gives way to nobody.
        wait_until(lambda: all(guest._late or (guest._is_open and guest.stream.is_waited_for) for guest in guests))

        assert ask(receiver.port, register()).message_type == "-OK"

        assert first.recv(1) == b""
        for other in others:
            other.sendall(register())
            assert read_answer(other).message_type == "-OK"


def test_a_connection_for_which_nobody_gives_way_is_closed() -> None:
    """Those that have sent a whole request stay; when one of them leaves, there is room again."""
    with running_receiver(budget=Budget(connections=2)) as receiver, contextlib.ExitStack() as crowd:
        kept = []
        for _ in range(2):
            kept.append(crowd.enter_context(connected(receiver.port)))
            kept[-1].sendall(_keep(REGISTER))
            _answers(kept[-1], 1)

        with connected(receiver.port) as one_too_many:
            assert one_too_many.recv(1) == b""

        kept[0].close()
        wait_until(lambda: _open_connections(receiver) == 1)
        assert ask(receiver.port, register()).message_type == "-OK"


def test_many_clients_at_once_are_all_served(receiver: RunningReceiver) -> None:
    """Fifty clients whose requests come in turns, piece by piece, each get their toast."""
    ask(receiver.port, register())
    with contextlib.ExitStack() as crowd:
        clients = [crowd.enter_context(connected(receiver.port)) for _ in range(50)]
        requests = [notify(f"text {number}") for number in range(50)]
        for begin in range(0, max(map(len, requests)), 40):
            for client, request in zip(clients, requests, strict=True):
                client.sendall(request[begin : begin + 40])
        for client in clients:
            assert read_answer(client).message_type == "-OK"

    assert sorted(toast.text for toast in receiver.toasts) == sorted(f"text {number}" for number in range(50))


# -- Displays ------------------------------------------------------------------------------------


class _Broken:
    """A display that cannot show anything."""

    def show(self, toast: Toast) -> None:
        """Fail."""
        raise OSError("no such screen")


def test_a_display_that_raises_harms_nobody() -> None:
    """The other displays show the toast, the client hears -OK, and the failure is counted."""
    before, broken, after = Recorder(), _Broken(), Recorder()
    failed: list[object] = []
    server = Server([before, broken, after], on_failure=lambda display, error: failed.append((display, str(error))))
    with Receiver(server) as receiver:
        ask(receiver.port, register())
        assert ask(receiver.port, notify()).message_type == "-OK"

    assert len(before.toasts) == len(after.toasts) == 1
    assert server.display_failures == 1
    assert failed == [(broken, "no such screen")]


# -- Start and stop ------------------------------------------------------------------------------


def test_stop_returns_while_connections_are_open() -> None:
    """Idle clients, half requests and answers that nobody reads do not hold it up, and nothing is left behind."""
    recorder = Recorder()
    receiver = Receiver(Server([recorder])).start()
    with contextlib.ExitStack() as clients:
        idle = clients.enter_context(connected(receiver.port))
        half = clients.enter_context(connected(receiver.port))
        half.sendall(b"GNTP/1.0 NOTIFY NONE\r\nApplication-Name: a")
        ask(receiver.port, register())
        unread = clients.enter_context(_slow_reader(receiver.port))
        unread.sendall(notify(id_="x" * 3_900_000))
        recorder.wait_for(1)
        wait_until(lambda: len(receiver.server._connections) == 3)

        _stop_in_time(receiver)

        for sock in (idle, half):
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(1) == b""
    assert _receiver_threads() == []
    gc.collect()  # what was left open would warn now, and warnings are errors


def test_stop_cancels_again_what_has_lost_its_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below Python 3.12 wait_for swallows it when its result comes at that moment; the next would be an idle wait."""
    waiting = threading.Event()
    swallowed: list[BaseException] = []

    async def next_request(self: object, timeout: float) -> None:
        while True:
            waiting.set()
            try:
                await asyncio.sleep(PATIENCE * 10)
            except asyncio.CancelledError as error:
                swallowed.append(error)
                if len(swallowed) == 3:
                    raise

    monkeypatch.setattr(connection_module.ClientSession, "next_request", next_request)
    with Receiver(Server([])) as receiver, connected(receiver.port):
        assert waiting.wait(PATIENCE)
        receiver.stop()
    assert len(swallowed) == 3


def test_stop_while_clients_arrive() -> None:
    """Connections that are made in the moment of stopping are closed like the others."""
    receiver = Receiver(Server([])).start()
    stopping = threading.Event()

    def arrive() -> None:
        with contextlib.ExitStack() as clients, contextlib.suppress(OSError):
            for number in range(100):
                clients.enter_context(connected(receiver.port))
                if number == 20:
                    stopping.set()

    crowd = threading.Thread(target=arrive)
    crowd.start()
    assert stopping.wait(PATIENCE)
    _stop_in_time(receiver)
    crowd.join(PATIENCE)

    assert not crowd.is_alive()
    assert receiver.server._connections == set()
    gc.collect()


def test_nobody_listens_after_stop() -> None:
    """The port is free again."""
    with Receiver(Server([])) as receiver:
        port = receiver.port

    with pytest.raises(ConnectionRefusedError), connected(port):
        pass


def test_start_and_stop_twice() -> None:
    """A stopped receiver starts again on its port; stopping when it does not run is harmless; starting twice is not."""
    recorder = Recorder()
    receiver = Receiver(Server([recorder]))
    receiver.stop()
    receiver.start()
    port = receiver.port
    with pytest.raises(RuntimeError, match="runs already"):
        receiver.start()
    receiver.stop()
    receiver.stop()

    with receiver:
        assert receiver.port == port
        ask(port, register())
        ask(port, notify())
        recorder.wait_for(1)

    assert _receiver_threads() == []


def test_start_raises_when_the_port_is_taken(receiver: RunningReceiver) -> None:
    """The error is the system's, it is raised where start() was called, and no thread is left."""
    second = Receiver(Server([], port=receiver.port))
    threads = set(_receiver_threads())

    with pytest.raises(OSError, match="address already in use") as caught:
        second.start()

    assert caught.value.errno == errno.EADDRINUSE
    assert set(_receiver_threads()) == threads
    second.stop()
    receiver.receiver.stop()
    with second:  # now it is free
        assert ask(second.port, register()).message_type == "-OK"


def test_start_raises_when_the_address_is_not_ours() -> None:
    """An address that this machine does not have is an error at once."""
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        Receiver(Server([], host="192.0.2.1")).start()

    assert _receiver_threads() == []


def test_stop_tells_what_ended_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that nobody waited for is not lost."""
    server = Server([])
    receiver = Receiver(server).start()
    close = server.close

    async def fail() -> None:
        await close()
        raise ZeroDivisionError

    monkeypatch.setattr(server, "close", fail)

    with pytest.raises(ZeroDivisionError):
        receiver.stop()


def test_the_server_lives_in_any_event_loop() -> None:
    """In a loop of the caller's it leaves no task behind, and closing twice is harmless."""

    async def main() -> None:
        server = Server([])
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(register())
        assert (await reader.readline()).startswith(b"GNTP/1.0 -OK")
        _, idle = await asyncio.open_connection("127.0.0.1", server.port)

        await asyncio.wait_for(server.close(), PATIENCE)
        await server.close()

        assert asyncio.all_tasks() == {asyncio.current_task()}
        for client in (writer, idle):
            client.close()
            with contextlib.suppress(ConnectionError):
                await client.wait_closed()

    asyncio.run(main())
    gc.collect()


# -- Connections that are kept -------------------------------------------------------------------


def _keep(request: RegisterRequest | NotifyRequest) -> bytes:
    return encode(request, half_close=False, keep_alive=True)


def _answers(sock: socket.socket, count: int) -> list[Response]:
    """Read so many answers, each of which ends with END."""
    reader = ResponseReader()
    found: list[Response] = []
    sock.settimeout(PATIENCE)
    while len(found) < count or not reader.at_end:
        response = reader.next_message()
        if response is not None:
            found.append(response)
        elif len(found) < count or not reader.at_end:
            data = sock.recv(65536)
            assert data, found
            reader.feed(data)
    return found


@pytest.mark.parametrize("size", [0, 1, 7])
def test_requests_are_answered_in_order_on_one_connection(receiver: RunningReceiver, size: int) -> None:
    """Written at once, or cut anywhere."""
    ids = [str(number) for number in range(20)]
    data = _keep(REGISTER) + b"".join(
        _keep(NotifyRequest("app", Notification("event", "title", id_=id_))) for id_ in ids
    )
    with connected(receiver.port) as sock:
        for start in range(0, len(data), size or len(data)):
            sock.sendall(data[start : start + (size or len(data))])
        first, *others = _answers(sock, 21)
    assert first.headers == {"Response-Action": "REGISTER", "Connection": "Keep-Alive"}
    assert [answer.headers["Notification-ID"] for answer in others] == ids
    assert [toast.id_ for toast in receiver.toasts] == ids


def test_a_request_that_does_not_ask_for_it_ends_the_connection(receiver: RunningReceiver) -> None:
    """Its answer has no END, and what comes after it is dropped."""
    with connected(receiver.port) as sock:
        sock.sendall(_keep(REGISTER) + encode(NOTIFY) + _keep(NOTIFY))
        sock.settimeout(PATIENCE)
        received = b""
        while data := sock.recv(65536):
            received += data
    assert received.count(b"-OK") == 2
    assert received.count(END) == 1
    assert not received.endswith(END + b"\r\n\r\n")
    assert len(receiver.toasts) == 1


def test_a_refused_notification_keeps_the_connection(receiver: RunningReceiver) -> None:
    """The next request is known to begin where it ended."""
    unknown = NotifyRequest("app", Notification("unknown", "title"))
    with connected(receiver.port) as sock:
        sock.sendall(_keep(REGISTER) + _keep(unknown) + _keep(NOTIFY))
        types = [answer.message_type for answer in _answers(sock, 3)]
    assert types == ["-OK", "-ERROR", "-OK"]


def test_a_malformed_request_ends_a_kept_connection(receiver: RunningReceiver) -> None:
    """Nobody knows where the next one begins."""
    with connected(receiver.port) as sock:
        sock.sendall(_keep(REGISTER) + b"GNTP/1.0 NOTIFY NONE\r\nx\r\n\r\n" + _keep(NOTIFY))
        sock.settimeout(PATIENCE)
        received = b""
        while data := sock.recv(65536):
            received += data
    assert received.count(b"-OK") == 1
    assert b"Error-Code: 300" in received
    assert not receiver.toasts


@pytest.mark.parametrize("rest", [b"", b"GNTP/1.0 NOT"])
def test_an_idle_connection_ends_after_a_while(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    """Without a word, unless a request has begun."""
    monkeypatch.setattr(server_module, "IDLE_TIMEOUT", 0.05)
    with connected(receiver.port) as sock:
        sock.sendall(_keep(REGISTER))
        _answers(sock, 1)
        sock.sendall(rest)
        sock.settimeout(PATIENCE)
        received = b""
        while data := sock.recv(65536):
            received += data
    assert (b"Error-Code: 200" in received) == bool(rest)


def test_a_data_header_with_an_odd_name_costs_only_itself(receiver: RunningReceiver) -> None:
    """Peers send any bytes before a colon; what is no name does not go back."""
    ask(receiver.port, register())
    data = notify().replace(b"Notification-Title", b"Data-Th\x00ing: 1\r\nData-Good: 2\r\nNotification-Title")
    answer = ask(receiver.port, data)
    assert answer.message_type == "-OK"
    assert [name for name in answer.headers if name.startswith("Data-")] == ["Data-Good"]


def test_data_headers_come_back(receiver: RunningReceiver) -> None:
    """As the specification says: in -OK, never in -ERROR; a picture does not."""
    headers = [("Data-Ticket", "7"), ("Data-Note", "grün"), ("Data-Picture", Resource(data=b"png"))]
    register_request = RegisterRequest("app", None, [Event("event")], app_specific_headers=headers)
    expected = {"Data-Ticket": "7", "Data-Note": "grün"}
    with connected(receiver.port) as sock:
        sock.sendall(encode(register_request))
        assert read_answer(sock).headers == {"Response-Action": "REGISTER", **expected}
    for name, found in (("event", expected), ("unknown", {})):
        notification = NotifyRequest("app", Notification(name, "title"), app_specific_headers=headers)
        with connected(receiver.port) as sock:
            sock.sendall(encode(notification))
            echoed = {key: value for key, value in read_answer(sock).headers.items() if key.startswith("Data-")}
        assert echoed == found


@pytest.mark.parametrize("encrypt_answers", [False, True])
def test_data_headers_that_came_encrypted_do_not_come_back_in_clear(encrypt_answers: bool) -> None:
    """Nor with the reaction: who listens on the way reads the answers."""
    headers = [("Data-Request", "POST /checkout/4711")]
    shown = Notification("event", "title", callback=SocketCallback("7", "order"))
    key = Key("secret", "SHA256")

    def asked(request: RegisterRequest | NotifyRequest, answers: int) -> list[Response]:
        found: list[Response] = []
        reader = ResponseReader(key)
        with connected(receiver.port) as sock:
            sock.sendall(encode(request, key=key, cipher=Cipher(key, "AES")))
            while len(found) < answers:
                while (answer := reader.next_message()) is None:
                    reader.feed(sock.recv(65536))
                found.append(answer)
                for toast in receiver.toasts:
                    toast.react(Reaction.CLICKED)
        return found

    with running_receiver(["secret"], encrypt_answers=encrypt_answers) as receiver:
        answers = asked(RegisterRequest("app", None, [Event("event")], app_specific_headers=headers), 1)
        answers += asked(NotifyRequest("app", shown, app_specific_headers=headers), 2)
    assert [answer.message_type for answer in answers] == ["-OK", "-OK", "-CALLBACK"]
    assert [("Data-Request" in answer.headers) for answer in answers] == [encrypt_answers] * 3


# -- Subscriptions -------------------------------------------------------------------------------


def test_a_server_that_is_no_hub_says_how_it_would_be_one() -> None:
    """In a sentence that names the option, whatever passwords there are: advice about keys would lead astray."""
    for passwords in ([], ["secret"]):
        with running_receiver(passwords) as receiver:
            for key in (None, Key("secret", "SHA256"), Key("wrong", "SHA256")):
                for cipher in (None, Cipher(key, "AES") if key else None):
                    request = encode(SubscribeRequest("id", "name", 23053), key=key, cipher=cipher)
                    refused = ask(receiver.port, request)
                    assert (error_code(refused), refused.headers["Error-Description"]) == (300, NO_HUB)
    assert "--hub" in NO_HUB


def test_a_hub_without_a_password_takes_no_subscription() -> None:
    """There is nothing that a key could be made from."""
    with running_receiver(hub=True) as receiver:
        for key in (None, Key("any", "SHA256")):
            assert error_code(ask(receiver.port, encode(SubscribeRequest("id", "name", 23053), key=key))) == 400


def test_what_a_hub_forwards_to_a_subscriber_is_shown() -> None:
    """It is keyed with the hub's password and the subscriber's id; other keys, and none, are refused."""
    subscriber = Subscriber("sub-1", "laptop", "hub.example", "hub password")
    recorder = Recorder()
    with Receiver(Server([recorder], passwords=["own"], subscriptions=[subscriber])) as receiver:
        for password in ("hub passwordsub-1", "own"):
            with GNTPClient("127.0.0.1", receiver.port, PATIENCE, password, encryption=ciphers.AES) as sender:
                sender.process_request(REGISTER)
                sender.process_request(NOTIFY)
        for refused in ("hub password", "sub-1", None):
            with (
                pytest.raises(GNTPAuthenticationError),
                GNTPClient("127.0.0.1", receiver.port, PATIENCE, refused) as sender,
            ):
                sender.process_request(NOTIFY)
    assert len(recorder.toasts) == 2


# -- This program's own --------------------------------------------------------------------------

ORIGIN = "redis://redis.example:6379/0"


def counting(count: int, coalescing_id: str = "0f-1") -> NotifyRequest:
    """Return a notification as a relay sends it."""
    said = [("Data-Count", str(count)), ("Data-Incident", "0f0f0f0f0f0f0f0f"), ("Data-Hosts", "3")]
    notification = Notification("event", "title", "text", coalescing_id=coalescing_id)
    return NotifyRequest("app", notification, app_specific_headers=said)


@pytest.mark.parametrize("has_tls", [False, True])
def test_what_a_program_has_itself_is_shown_without_a_port(*, has_tls: bool) -> None:
    """The application need not be registered before; and nobody can connect."""
    with running_receiver(port=None) as receiver:
        assert receiver.port == 0
        assert not receiver.receiver.server._listeners
        receiver.receiver.take(REGISTER, counting(7), ORIGIN, has_tls=has_tls)
        (toast,) = receiver.toasts  # shown already
    assert (toast.application, toast.name, toast.title, toast.text) == ("app", "event", "title", "text")
    assert (toast.total, toast.incident, toast.coalescing_id) == (7, "0f0f0f0f0f0f0f0f", "0f-1")
    assert (toast.peer, toast.encryption, toast.hash_) == (ORIGIN, "TLS" if has_tls else "", "")
    assert toast.headers["Data-Hosts"] == "3"


@pytest.mark.parametrize("password", [None, "correct horse battery"])
def test_it_is_one_toast_with_what_a_relay_sends(password: str | None) -> None:
    """Also where a relay's has a key; the lower count of the two is shown nowhere."""
    with running_receiver([password] if password else []) as receiver:
        client = GNTPClient("127.0.0.1", receiver.port, PATIENCE, password)
        client.process_request(REGISTER)
        for count in (5, 20):
            client.process_request(counting(count))
            receiver.receiver.take(REGISTER, counting(count + 5), ORIGIN, has_tls=False)
        client.process_request(counting(21))
        client.close()
        totals = [toast.total for toast in receiver.wait_for(4)]
        assert totals == [5, 10, 20, 25]
        assert len({toast.number for toast in receiver.toasts}) == 1


def test_what_a_client_would_be_refused_is_refused() -> None:
    """A type that was switched off here; and what no header can hold is read as a client's is."""
    with running_receiver() as receiver:
        ask(receiver.port, register(Event("event", enabled=False)))
        with pytest.raises(GNTPProtocolError, match="disabled"):
            receiver.receiver.take(REGISTER, NOTIFY, ORIGIN, has_tls=False)
        odd = NotifyRequest("other", Notification("event", "a\r\nData-Count: 9", "text"))
        receiver.receiver.take(RegisterRequest("other", None, [Event("event")]), odd, ORIGIN, has_tls=False)
        client = GNTPClient("127.0.0.1", receiver.port, PATIENCE)
        client.process_request(odd)
        client.close()
        own, sent = receiver.wait_for(2)
    assert (own.title, own.total, "Data-Count" in own.headers) == (sent.title, 1, False)


def test_a_hub_hands_on_what_it_has_itself() -> None:
    """To those whose subscription is as safe as the way on which it came."""
    seen: list[str] = []

    def subscriber(sock: socket.socket, _number: int) -> None:
        reader = RequestReader(["secretme"])
        while (request := reader.next_message()) is None:
            reader.feed(sock.recv(65536))
        seen.append(request.message_type)
        sock.sendall(encode(Response("-OK", {"Response-Action": request.message_type})))

    with (
        ScriptedServer(subscriber) as listening,
        running_receiver(["secret"], hub=True) as hub,
        Subscriber("me", "laptop", ("127.0.0.1", hub.port), "secret", listening.port, timeout=PATIENCE) as me,
    ):
        me.subscribe()
        hub.receiver.take(REGISTER, NOTIFY, ORIGIN, has_tls=True)  # which the subscription, in clear, is not
        hub.receiver.take(REGISTER, counting(1), ORIGIN, has_tls=False)
        wait_until(lambda: len(seen) >= 2)
    assert seen == ["REGISTER", "NOTIFY"]


def test_a_receiver_that_does_not_run_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither before it is started nor when it has ended."""
    monkeypatch.setattr(server_module, "REQUEST_TIMEOUT", 0.01)
    receiver = Receiver(Server([Recorder()], port=None))
    with pytest.raises(OSError, match="does not answer"):
        receiver.take(REGISTER, NOTIFY, ORIGIN, has_tls=False)
    with receiver:
        pass
    with pytest.raises(OSError, match="does not answer"):
        receiver.take(REGISTER, NOTIFY, ORIGIN, has_tls=False)
    with receiver:  # it starts again
        monkeypatch.setattr(server_module, "REQUEST_TIMEOUT", PATIENCE)
        receiver.take(REGISTER, NOTIFY, ORIGIN, has_tls=False)
