"""connections: one exchange within one deadline, and every way a server can fail."""

from __future__ import annotations

import functools
import math
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.connections import BaseGNTPConnection, GNTPClient, GNTPConnection, generate_messages
from gntp_logging.gntp.exceptions import (
    GNTPAuthenticationError,
    GNTPConnectionError,
    GNTPEncryptionError,
    GNTPError,
    GNTPProtocolError,
    GNTPResponseError,
    GNTPTimeoutError,
    GNTPValidationError,
)
from gntp_logging.gntp.lib import Publisher, Subscriber
from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Response
from gntp_logging.gntp.wire import encode
from tests.support import (
    PATIENCE,
    ScriptedServer,
    answer_error,
    answer_ok,
    free_port,
    receive_request,
    run_program,
    running_receiver,
    send_response,
    wait_until,
)

REGISTER = RegisterRequest("app", None, [Event("event")])
NOTIFY = NotifyRequest("app", Notification("event", "title", "text"))
OK = b"GNTP/1.0 -OK NONE\r\nResponse-Action: NOTIFY\r\n\r\n"
Serve = Callable[[socket.socket, int], None]


pytestmark = pytest.mark.usefixtures("nothing_is_left_open")


def client(port: int, **options: Any) -> GNTPClient:
    """Make a client for a loopback port."""
    return GNTPClient(**{"host": "127.0.0.1", "port": port, "timeout": PATIENCE, **options})


def sends(data: bytes) -> Serve:
    """Return a server's function that reads the request, sends bytes, and closes."""

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.sendall(data)

    return serve


# -- Exchanges that work -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trust",
    [
        {},
        {"password": "secret"},
        {"password": "secret", "key_hashing": keys.MD5},
        {"password": "secret", "encryption": ciphers.AES},
        {"password": "secret", "key_hashing": keys.SHA512, "encryption": ciphers.DES3},
    ],
)
def test_a_request_is_answered(trust: dict[str, Any]) -> None:
    """In clear, keyed and encrypted, by the package's own server; the answer is returned and handed to the callback."""
    answers: list[Response] = []
    with running_receiver(["secret"] if trust else []) as receiver:
        sender = client(receiver.port, **trust)
        answer = sender.process_request(REGISTER)
        assert answer == Response("-OK", {"Response-Action": "REGISTER", "Connection": "Keep-Alive"})
        sender.process_request(NOTIFY, answers.append)
        assert [toast.text for toast in receiver.toasts] == ["text"]
    assert answers == [Response("-OK", {"Response-Action": "NOTIFY", "Connection": "Keep-Alive"})]


def test_an_encrypted_answer_is_read() -> None:
    """The specification says that responses are encrypted like the request."""

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock, ["secret"])
        key = keys.SHA256.key("secret")
        sock.sendall(encode(Response("-OK", {"Data-Key": "value"}), key=key, cipher=ciphers.AES.cipher(key)))

    with ScriptedServer(serve) as server:
        answer = client(server.port, password="secret", encryption=ciphers.AES).process_request(NOTIFY)
    assert answer == Response("-OK", {"Data-Key": "value"})


def test_the_sending_side_is_shut_down_once_the_server_is_known_to_close() -> None:
    """growl-for-linux would wait 4 s for more at some lengths: the server sees the end before it answers."""
    ends: list[bytes] = []

    def serve(sock: socket.socket, number: int) -> None:
        receive_request(sock)
        if number:
            ends.append(sock.recv(1))
        sock.sendall(OK)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        for _ in range(3):
            sender.process_request(NOTIFY)
    assert ends == [b"", b""]


def test_the_request_is_written_in_one_piece() -> None:
    """A request in pieces is cut by growl-for-linux at its blank lines."""
    written: list[int] = []
    real = socket.socket.send

    class Recording(socket.socket):
        def send(self, data: Any, *flags: int) -> int:
            written.append(len(data))
            return real(self, data, *flags)

    with ScriptedServer(answer_ok) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", Recording)
        sender = client(server.port)
        sender.process_request(REGISTER)
    packed = sender.packer_factory.create().pack(REGISTER, half_close=False, keep_alive=True)
    assert written == [len(packed)]


def test_the_users_reaction_reaches_the_callback() -> None:
    """A -CALLBACK in the -OK's segment is not lost, and the sending side stays open for it."""
    reactions: list[Response] = []

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        sock.setblocking(True)
        clicked = encode(Response("-CALLBACK", {"Notification-Callback-Result": "CLICKED"}))
        sock.sendall(OK + clicked)

    callback = SocketCallback("context", "string", on_click=reactions.append)
    notify = NotifyRequest("app", Notification("event", "title", callback=callback))
    with ScriptedServer(serve) as server:
        client(server.port).process_request(notify, socket_callback=callback)
    assert [reaction.headers["Notification-Callback-Result"] for reaction in reactions] == ["CLICKED"]


@pytest.mark.parametrize("failure", [None, "400"])
def test_an_early_answer_before_a_reset_is_read(failure: str | None) -> None:
    """A server that answers and closes with most of the request unread resets; also an -OK comes so.

    Growl for Windows answers -OK without reading the sections when it has every picture in its cache.
    """

    def serve(sock: socket.socket, _number: int) -> None:
        sock.recv(100)
        if failure:
            send_response(sock, "-ERROR", Error_Code=failure, Error_Description="no")
        else:
            send_response(sock, Response_Action="REGISTER")
        # Closed with unread bytes, the socket sends a reset instead of an end.

    request = RegisterRequest("app", Resource(data=b"x" * 8_000_000), [Event("event")])
    with ScriptedServer(serve) as server:
        if failure:
            with pytest.raises(GNTPAuthenticationError):
                client(server.port).process_request(request)
        else:
            answer = client(server.port).process_request(request)
            assert answer == Response("-OK", {"Response-Action": "REGISTER"})


BIG = NotifyRequest("app", Notification("event", "title", icon=Resource(data=b"x" * 15_000_000)))
"""More than sockets hold: a server that does not read it stops the client."""


class EarlyAnswer:
    """A server that answers a request of which it has read little; then it keeps the connection, or reads on."""

    def __init__(self, answer: bytes, *, small_requests: int = 0, reads_on: bool = False) -> None:
        self.received: list[NotifyRequest] = []
        self.released = threading.Event()
        self._answer = answer
        self._small_requests = small_requests
        self._reads_on = reads_on

    def __call__(self, sock: socket.socket, _number: int) -> None:
        for _ in range(self._small_requests):
            receive_request(sock)
            send_response(sock, keep_alive=True)
        peeked = sock.recv(100, socket.MSG_PEEK)
        assert peeked
        sock.sendall(self._answer)
        if self._reads_on:
            request = receive_request(sock)
            assert isinstance(request, NotifyRequest)
            self.received.append(request)
        self.released.wait(PATIENCE)


REFUSED = encode(Response("-ERROR", {"Error-Code": "300", "Error-Description": "too big"}))


@pytest.mark.parametrize("small_requests", [0, 1])
@pytest.mark.parametrize("answer", [REFUSED, b"GNTP/1.0 -ERROR Invalid request\r\nError-Description: too big\r\n\r\n"])
def test_an_early_error_of_a_server_that_stops_reading_is_read(answer: bytes, small_requests: int) -> None:
    """It keeps the connection, so that nothing ends the sending: on a new connection and on one that was kept."""
    serve = EarlyAnswer(answer, small_requests=small_requests)
    with ScriptedServer(serve) as server, client(server.port) as sender:
        for _ in range(small_requests):
            sender.process_request(NOTIFY)
        with pytest.raises(GNTPResponseError, match="too big"):
            sender.process_request(BIG)
        assert server.connections == 1
        serve.released.set()


def test_an_early_error_is_read_by_whoever_sends() -> None:
    """Several requests, one that asks for a reaction, and a connection that the caller holds."""
    serve = EarlyAnswer(REFUSED)
    with ScriptedServer(serve) as server, client(server.port) as sender:
        (answer,) = sender.process_requests([BIG])
        assert isinstance(answer, GNTPResponseError)
        with pytest.raises(GNTPResponseError, match="too big"):
            sender.process_request(BIG, socket_callback=SocketCallback(), background=True)
        connection = GNTPConnection(("127.0.0.1", server.port), PATIENCE)
        connection.write_message(encode(BIG))
        with pytest.raises(GNTPResponseError, match="too big"):
            connection.read_message(connection.on_ok_message)
        serve.released.set()


def test_an_early_ok_does_not_cut_the_request_short() -> None:
    """The server may want the rest: a picture, which it reads after it has answered."""
    serve = EarlyAnswer(OK, reads_on=True)
    with ScriptedServer(serve) as server, client(server.port) as sender:
        assert sender.process_request(BIG) == Response("-OK", {"Response-Action": "NOTIFY"})
        wait_until(lambda: serve.received == [BIG])
        serve.released.set()


def test_an_early_ok_counts_though_the_rest_is_never_read() -> None:
    """The server has said what it will do. After half a request, nothing can follow on the connection."""
    serve = EarlyAnswer(encode(Response("-OK", {"Response-Action": "NOTIFY"}), keep_alive=True))
    with ScriptedServer(serve) as server, client(server.port, timeout=0.3) as sender:
        answer = sender.process_request(BIG)
        assert answer is not None
        assert answer.headers["Response-Action"] == "NOTIFY"
        assert sender._channel._connection is None
        serve.released.set()


def test_a_reset_without_an_answer_while_sending_is_a_connection_error() -> None:
    """And at once, not at the deadline."""

    def serve(sock: socket.socket, _number: int) -> None:
        sock.recv(100)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    request = RegisterRequest("app", Resource(data=b"x" * 8_000_000), [Event("event")])
    with ScriptedServer(serve) as server, pytest.raises(GNTPConnectionError) as raised:
        client(server.port).process_request(request)
    assert not isinstance(raised.value, GNTPTimeoutError)


def test_growl_for_linux_answers_are_understood() -> None:
    """-OK with one header; -ERROR with words in place of NONE and without a code."""
    with ScriptedServer(sends(b"GNTP/1.0 -OK NONE\r\nResponse-Action: NOTIFY\r\n\r\n")) as server:
        assert client(server.port).process_request(NOTIFY) == Response("-OK", {"Response-Action": "NOTIFY"})
    invalid = b"GNTP/1.0 -ERROR Invalid request\r\nError-Description: Invalid request\r\n\r\n"
    with ScriptedServer(sends(invalid)) as server, pytest.raises(GNTPResponseError) as raised:
        client(server.port).process_request(NOTIFY)
    assert (raised.value.error_code, raised.value.error_description) == (None, "Invalid request")


def test_a_server_that_echoes_a_pointer_is_not_waited_for() -> None:
    """The Data- header comes back; its picture does not."""
    answer = OK[:-2] + b"Data-Icon: x-growl-resource://1\r\n\r\n"
    released = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.sendall(answer)
        released.wait(PATIENCE)

    with ScriptedServer(serve) as server:
        response = client(server.port).process_request(NOTIFY)
        released.set()
    assert response is not None
    assert response.headers["Data-Icon"] == "x-growl-resource://1"


def test_an_early_answer_is_read_though_the_request_cannot_be_sent() -> None:
    """A server that refuses and resets while a large request is still being written has said why."""

    def serve(sock: socket.socket, _number: int) -> None:
        sock.recv(100)
        send_response(sock, "-ERROR", Error_Code="400", Error_Description="no")
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):  # closing now would reset the connection
            pass

    picture = Resource(data=b"x" * 4_000_000)
    with ScriptedServer(serve) as server, pytest.raises(GNTPAuthenticationError):
        client(server.port).process_request(RegisterRequest("app", picture, [Event("event")]))


# -- Exchanges that fail -------------------------------------------------------------------------


def test_an_error_is_raised_with_code_and_description() -> None:
    """And 400 has a class of its own."""
    with ScriptedServer(answer_error(303, "a header is missing")) as server:
        with pytest.raises(GNTPResponseError, match="303: a header is missing") as raised:
            client(server.port).process_request(NOTIFY)
        assert raised.value.error_code == 303
    with ScriptedServer(answer_error(400)) as server, pytest.raises(GNTPAuthenticationError):
        client(server.port).process_request(NOTIFY)


def test_an_error_calls_no_callback() -> None:
    """-ERROR is never success, and no reaction is awaited after it."""
    answers: list[Response] = []
    reaction = SocketCallback(on_click=answers.append, on_close=answers.append, on_timeout=answers.append)
    with ScriptedServer(answer_error(401)) as server, pytest.raises(GNTPResponseError):
        client(server.port).process_request(NOTIFY, answers.append, socket_callback=reaction)
    assert not answers


@pytest.mark.parametrize("code", [200, 201, 300, 301, 302, 303, 401, 402, 403, 404, 500, 999])
def test_every_code_is_handed_on(code: int) -> None:
    """Also one that nobody knows; only 400 is about the password."""
    with ScriptedServer(answer_error(code, "words")) as server, pytest.raises(GNTPResponseError) as raised:
        client(server.port).process_request(NOTIFY)
    assert (type(raised.value), raised.value.error_code) == (GNTPResponseError, code)
    assert raised.value.error_description == "words"


def test_a_wrong_password_is_an_authentication_error() -> None:
    """Refused by the package's own server; so are no password, and one that was not asked for."""
    for passwords, own in ((["secret"], "wrong"), (["secret"], None), ([], "secret")):
        with running_receiver(passwords) as receiver, pytest.raises(GNTPAuthenticationError) as raised:
            client(receiver.port, password=own).process_request(REGISTER)
        assert raised.value.error_code == 400


def test_a_reaction_that_never_comes_ends_at_the_deadline() -> None:
    """The answer came in time; the socket is closed all the same."""
    answers: list[Response] = []
    ended = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        answer_ok(sock)
        ended.wait(PATIENCE)

    with ScriptedServer(serve) as server:
        with pytest.raises(GNTPTimeoutError):
            client(server.port, timeout=0.2).process_request(NOTIFY, answers.append, socket_callback=SocketCallback())
        ended.set()
    assert [answer.message_type for answer in answers] == ["-OK"]


def test_a_server_that_closes_instead_of_a_reaction_is_a_connection_error() -> None:
    """At once."""
    with ScriptedServer(answer_ok) as server, pytest.raises(GNTPConnectionError, match="without a complete answer"):
        client(server.port).process_request(NOTIFY, socket_callback=SocketCallback())


def test_an_error_instead_of_a_reaction_is_raised() -> None:
    """With its code."""
    late = encode(Response("-ERROR", {"Error-Code": "500", "Error-Description": "late"}))
    with ScriptedServer(sends(OK + late)) as server, pytest.raises(GNTPResponseError) as raised:
        client(server.port).process_request(NOTIFY, socket_callback=SocketCallback())
    assert raised.value.error_code == 500


def test_nobody_listening_is_a_connection_error() -> None:
    """With the system's words."""
    with pytest.raises(GNTPConnectionError, match="refused"):
        client(free_port()).process_request(NOTIFY)


@pytest.mark.parametrize("answer", [b"", b"GNTP/1.0 -OK", OK[:-1], OK[:-2]])
def test_a_server_that_closes_too_early_is_a_connection_error_at_once(answer: bytes) -> None:
    """Before, and in the middle of its answer."""
    with ScriptedServer(sends(answer)) as server, pytest.raises(GNTPConnectionError, match="without a complete answer"):
        client(server.port).process_request(NOTIFY)


def test_a_reset_is_a_connection_error_at_once() -> None:
    """Typed, and with the system's words."""

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with ScriptedServer(serve) as server, pytest.raises(GNTPConnectionError, match=r"(reset|without a complete)"):
        client(server.port).process_request(NOTIFY)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 5000, encode(NOTIFY), b"GNTP/1.0 -OK NONE\r\nx\r\n\r\n"]
)
def test_garbage_is_a_protocol_error_at_once(answer: bytes) -> None:
    """Another protocol, noise, a request, a malformed answer."""
    with ScriptedServer(sends(answer)) as server, pytest.raises(GNTPProtocolError):
        client(server.port).process_request(NOTIFY)


def test_a_callback_instead_of_an_answer_is_a_protocol_error() -> None:
    """The answer comes first."""
    answer = encode(Response("-CALLBACK", {"Notification-Callback-Result": "CLICK"}))
    with ScriptedServer(sends(answer)) as server, pytest.raises(GNTPProtocolError, match=r"expected .* -OK"):
        client(server.port).process_request(NOTIFY)


def test_a_server_that_never_answers_ends_at_the_deadline() -> None:
    """Whether it reads the request and is silent, or nobody accepts the connection."""
    ended = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        ended.wait(PATIENCE)

    with ScriptedServer(serve) as server:
        with pytest.raises(GNTPTimeoutError, match=r"no complete answer within 0\.3 s"):
            client(server.port, timeout=0.3).process_request(NOTIFY)
        ended.set()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = client(listener.getsockname()[1], timeout=0.05)
        with pytest.raises(GNTPTimeoutError, match=r"no complete answer within 0\.05 s"):
            sender.process_request(NOTIFY)


def test_one_deadline_holds_for_the_whole_exchange() -> None:
    """A server that sends a byte now and then does not stretch it."""
    ended = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.sendall(b"GNTP/1.0 -OK NONE\r\n")
        while not ended.wait(0.02):
            sock.sendall(b"X")

    with ScriptedServer(serve) as server:
        began = time.monotonic()
        with pytest.raises(GNTPTimeoutError):
            client(server.port, timeout=0.2).process_request(NOTIFY)
        assert time.monotonic() - began < 5
        ended.set()


def test_the_deadline_holds_while_sending() -> None:
    """A server that does not read a large request does not hold the client."""
    ended = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        ended.wait(PATIENCE)

    request = RegisterRequest("app", Resource(data=b"x" * 15_000_000), [Event("event")])
    with ScriptedServer(serve) as server:
        with pytest.raises(GNTPTimeoutError):
            client(server.port, timeout=0.3).process_request(request)
        ended.set()


def test_an_answer_in_single_bytes_is_read() -> None:
    """Each of them in a segment of its own."""

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in OK:
            sock.sendall(bytes([byte]))

    with ScriptedServer(serve) as server:
        assert client(server.port).process_request(NOTIFY) == Response("-OK", {"Response-Action": "NOTIFY"})


def test_one_requests_deadline_can_be_shorter() -> None:
    """timeout= of process_request wins over the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(GNTPTimeoutError, match=r"within 0\.05 s"):
        client(listener.getsockname()[1]).process_request(NOTIFY, timeout=0.05)


def test_an_answer_without_end_is_refused() -> None:
    """Neither memory nor time are the server's to take."""
    endless = b"GNTP/1.0 -OK NONE\r\n" + b"X-Header: " + b"x" * 5_000_000
    with ScriptedServer(sends(endless)) as server, pytest.raises(GNTPProtocolError, match="longer than"):
        client(server.port).process_request(NOTIFY)


def test_an_exception_of_the_callback_reaches_the_caller() -> None:
    """And the socket is closed."""

    def fail(_response: Response) -> None:
        raise LookupError("the caller's own")

    with ScriptedServer(answer_ok) as server, pytest.raises(LookupError):
        client(server.port).process_request(NOTIFY, fail)


# -- Construction --------------------------------------------------------------------------------


def test_the_constructor_does_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a socket nor a look-up."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the constructor touched the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    made = GNTPClient("growl.example", password="secret", encryption=ciphers.AES)
    assert (made.address, made.timeout) == (("growl.example", 23053), 10.0)


@pytest.mark.program
def test_the_constructor_imports_what_encryption_needs() -> None:
    """So that the first request, perhaps in a background thread, imports nothing; only when there is encryption."""
    code = """
        import sys
        from gntp_logging.gntp import ciphers
        from gntp_logging.gntp.connections import GNTPClient
        from gntp_logging.gntp.models import Notification
        from gntp_logging.gntp.requests import NotifyRequest
        GNTPClient(password="secret")
        assert not any(name.startswith("Cryptodome") for name in sys.modules)
        client = GNTPClient(password="secret", encryption=ciphers.AES)
        loaded = set(sys.modules)
        client.packer_factory.create().pack(NotifyRequest("app", Notification("n", "t")))
        print(sorted(set(sys.modules) - loaded))
    """
    program = run_program(code)
    assert (program.stdout, program.stderr) == ("[]\n", "")


def test_encryption_without_a_password_is_refused() -> None:
    """Never sent in clear."""
    with pytest.raises(GNTPEncryptionError, match="needs a password"):
        GNTPClient(encryption=ciphers.AES)


@pytest.mark.parametrize("encryption", [ciphers.AES, ciphers.DES3])
@pytest.mark.parametrize("key_hashing", [keys.MD5, keys.SHA1])
def test_a_hash_too_short_for_the_cipher_is_refused(encryption: ciphers.Algorithm, key_hashing: keys.Algorithm) -> None:
    """At construction; it is a GNTPError, as the reference says."""
    with pytest.raises(GNTPError, match="needs a key of 24 bytes"):
        GNTPClient(password="secret", key_hashing=key_hashing, encryption=encryption)


@pytest.mark.parametrize("encryption", [ciphers.AES, ciphers.DES, ciphers.DES3], ids=repr)
@pytest.mark.parametrize("key_hashing", [keys.MD5, keys.SHA1, keys.SHA256, keys.SHA512], ids=repr)
def test_every_other_combination_is_made_and_understood(
    encryption: ciphers.Algorithm, key_hashing: keys.Algorithm
) -> None:
    """DES goes with every hash, the others with SHA256 and SHA512."""
    if key_hashing.key_size < encryption.key_size:
        with pytest.raises(GNTPEncryptionError):
            GNTPClient(password="secret", key_hashing=key_hashing, encryption=encryption)
        return
    with running_receiver(["secret"]) as receiver:
        sender = client(receiver.port, password="secret", key_hashing=key_hashing, encryption=encryption)
        sender.process_request(REGISTER)
        sender.process_request(NOTIFY)
        assert [toast.text for toast in receiver.toasts] == ["text"]


def test_two_requests_share_neither_salt_nor_vector() -> None:
    """What one client sends twice looks different each time."""
    lines: list[bytes] = []

    def serve(sock: socket.socket, _number: int) -> None:
        lines.append(sock.recv(65536).partition(b"\r\n")[0])
        sock.sendall(OK)

    with ScriptedServer(serve) as server:
        sender = client(server.port, password="secret", encryption=ciphers.AES)
        for _ in range(2):
            sender.process_request(NOTIFY)
    one, other = (line.split() for line in lines)
    assert one[:2] == other[:2] == [b"GNTP/1.0", b"NOTIFY"]
    assert one[2] != other[2]
    assert one[3].partition(b".")[2] != other[3].partition(b".")[2]


def test_nothing_secret_is_shown() -> None:
    """Neither by the client nor by what it holds."""
    made = GNTPClient(password="hunter2", encryption=ciphers.AES)
    assert repr(made) == "<GNTPClient localhost:23053>"
    assert repr(GNTPClient("::1")) == "<GNTPClient [::1]:23053>"
    assert "hunter2" not in repr(made.packer_factory) + repr(made.packer_factory.create()) + repr(vars(made))


# -- Addresses -----------------------------------------------------------------------------------


def test_localhost_is_ipv4_first_and_needs_no_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """growl-for-linux listens on IPv4 only."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("localhost was looked up"))
    with ScriptedServer(answer_ok) as server:
        sender = client(server.port, host="localhost")
        assert not sender.needs_look_up
        sender.process_request(NOTIFY)
        assert server.connections == 1


def without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have no IPv6: making such a socket fails."""
    real = socket.socket

    def make(family: int = -1, *arguments: Any, **options: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, *arguments, **options)

    monkeypatch.setattr(socket, "socket", make)


def test_a_machine_without_ipv6_says_why_localhost_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """That nobody listens on 127.0.0.1, not that the second address cannot be."""
    port = free_port()
    without_ipv6(monkeypatch)
    with pytest.raises(GNTPConnectionError, match="refused"):
        client(port, host="localhost").process_request(NOTIFY)


def test_a_machine_without_ipv6_reaches_a_name_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next address is tried."""
    with ScriptedServer(answer_ok) as server:
        found = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", server.port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        without_ipv6(monkeypatch)
        client(server.port, host="growl.example").process_request(NOTIFY)
        assert server.connections == 1


_NO_OPTIONS: list[tuple[dict[str, Any], str]] = [
    *(
        ({"port": port}, "port must be an integer from 1 to 65535")
        for port in (0, -1, 65536, 2**70, "23053", None, 1.5)
    ),
    *(
        ({"timeout": timeout}, "timeout must be a number of seconds, finite and above 0")
        for timeout in (0, -1, math.nan, math.inf, -math.inf, "2", None, True, 10**400)
    ),
    *(({"host": host}, "host must be a string") for host in (None, 7, b"localhost")),
]


@pytest.mark.parametrize(("options", "reason"), _NO_OPTIONS, ids=str)
def test_what_a_client_cannot_use_is_refused_where_it_is_made(options: dict[str, Any], reason: str) -> None:
    """Not by the first request; by each class that connects."""
    for make in (GNTPClient, functools.partial(Publisher, "app", ["event"])):
        with pytest.raises(GNTPValidationError, match=reason):
            make(**options)
    given = {"host": "127.0.0.1", "port": 7, "timeout": 1.0, **options}
    with pytest.raises(GNTPValidationError, match=reason):
        GNTPConnection((given["host"], given["port"]), given["timeout"])


@pytest.mark.parametrize("name", ["timeout", "callback_timeout"])
@pytest.mark.parametrize("value", [math.nan, "2", True], ids=repr)
def test_seconds_that_are_no_number_are_refused_by_the_call(name: str, value: Any) -> None:
    """Before anything is sent; a background thread would spin on them."""
    with client(free_port()) as sender, pytest.raises(GNTPValidationError, match=f"^{name} must be a number of sec"):
        sender.process_request(NOTIFY, socket_callback=SocketCallback(), **{name: value})
    if name == "timeout":
        with client(free_port()) as sender, pytest.raises(GNTPValidationError):
            sender.process_requests([NOTIFY], timeout=value)


def test_time_that_is_used_up_is_a_timeout() -> None:
    """A caller that counts down may come to nothing, or less."""
    with client(free_port()) as sender:
        for seconds in (0, -1.5):
            with pytest.raises(GNTPTimeoutError):
                sender.process_request(NOTIFY, timeout=seconds)


@pytest.mark.parametrize("host", ["[127.0.0.1]", "[::1]", "[::1%1]"])
def test_a_host_may_stand_in_brackets(host: str) -> None:
    """As in URLs, and as errors write it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host[1:-1], 0), family=family)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener:
        port = listener.getsockname()[1]
        GNTPConnection((host, port), PATIENCE).close()
        with client(port, host=host) as sender:
            assert sender.address == (host[1:-1], port)
            assert not sender.needs_look_up
        assert Subscriber("id", "name", (host, port), "secret").hub == (host[1:-1], port)


@pytest.mark.parametrize("host", ["growl..example", "x" * 70, "gro\ud800wl", ".growl"])
def test_a_name_that_none_can_be_is_a_connection_error(host: str) -> None:
    """It is refused before anybody is asked."""
    with pytest.raises(GNTPConnectionError, match="cannot look up"):
        client(7, host=host).process_request(NOTIFY)


def test_a_name_without_addresses_is_a_connection_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As some resolvers answer."""
    looks_up(monkeypatch)
    with pytest.raises(GNTPConnectionError, match="no address"):
        client(7, host="growl.example").process_request(NOTIFY)


def looks_up(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let every name have these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_each_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first refuses, the second answers."""
    with ScriptedServer(answer_ok) as server:
        looks_up(monkeypatch, ("127.0.0.1", free_port()), ("127.0.0.1", server.port))
        sender = client(server.port, host="growl.example")
        assert sender.needs_look_up
        assert sender.process_request(NOTIFY) == Response("-OK", {"Response-Action": "NOTIFY"})


def test_the_first_addresss_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """When none answers."""
    looks_up(monkeypatch, ("127.0.0.1", free_port()), ("127.0.0.1", free_port()))
    with pytest.raises(GNTPConnectionError, match="refused"):
        client(7, host="growl.example").process_request(NOTIFY)


def test_an_address_that_swallows_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its share of the deadline."""
    real = socket.socket.connect
    swallowing = free_port()

    def connect(self: socket.socket, address: Any) -> None:
        if address[1] == swallowing:
            raise TimeoutError("timed out")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    with ScriptedServer(answer_ok) as server:
        looks_up(monkeypatch, ("127.0.0.1", swallowing), ("127.0.0.1", server.port))
        client(7, host="growl.example").process_request(NOTIFY)


def test_a_name_that_does_not_exist_is_a_connection_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(GNTPConnectionError, match=r"cannot look up 'growl\.example': Name or service not known"):
        client(7, host="growl.example").process_request(NOTIFY)


def test_ipv6_is_spoken() -> None:
    """Where the machine has it."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                answer_ok(sock)

        thread = threading.Thread(target=serve)
        thread.start()
        client(port, host="::1").process_request(NOTIFY)
        thread.join(PATIENCE)


# -- The reference's connections -----------------------------------------------------------------


def test_a_connection_is_used_as_the_reference_says() -> None:
    """Connect, write, read, close."""
    answers: list[Response] = []
    with ScriptedServer(answer_ok) as server:
        connection = GNTPConnection(("127.0.0.1", server.port), PATIENCE, final_callback=answers.append)
        assert connection.sock.getpeername() == ("127.0.0.1", server.port)
        connection.write_message(encode(NOTIFY))
        connection.read_message(connection.on_ok_message)
        connection.close()
        connection.close()
    assert answers == [Response("-OK", {"Response-Action": "NOTIFY"})]


def test_a_connection_waits_for_the_reaction() -> None:
    """With a socket callback, on_ok_message reads on."""
    reactions: list[str] = []
    callback = SocketCallback(on_close=lambda response: reactions.append("closed"))
    closed = encode(Response("-CALLBACK", {"Notification-Callback-Result": "CLOSED"}))
    with ScriptedServer(sends(OK + closed)) as server:
        connection = GNTPConnection(("127.0.0.1", server.port), PATIENCE, socket_callback=callback)
        connection.write_message(encode(NOTIFY))
        connection.read_message(connection.on_ok_message)
    assert reactions == ["closed"]


def test_a_connection_that_is_refused_is_a_connection_error() -> None:
    """In the constructor, which connects."""
    with pytest.raises(GNTPConnectionError, match="refused"):
        GNTPConnection(("127.0.0.1", free_port()), PATIENCE)


def test_a_connection_that_ends_without_an_answer_is_a_connection_error() -> None:
    """Nothing is handed over."""
    with ScriptedServer(sends(b"")) as server:
        connection = GNTPConnection(("127.0.0.1", server.port), PATIENCE)
        connection.write_message(encode(NOTIFY))
        with pytest.raises(GNTPConnectionError, match="without a complete answer"):
            connection.read_message(connection.on_ok_message)
        connection.close()


@pytest.mark.parametrize("callback", [None, SocketCallback()])
def test_a_connection_shuts_down_its_sending_side_unless_a_reaction_is_awaited(callback: SocketCallback | None) -> None:
    """As the client's own exchange does."""
    ends: list[bytes | None] = []
    written = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        assert written.wait(PATIENCE)
        sock.settimeout(0 if callback else PATIENCE)  # with a callback there is nothing to come, and no end
        try:
            ends.append(sock.recv(1))
        except BlockingIOError:
            ends.append(None)

    with ScriptedServer(serve) as server:
        connection = GNTPConnection(("127.0.0.1", server.port), PATIENCE, socket_callback=callback)
        connection.write_message(encode(NOTIFY))
        written.set()
        with pytest.raises(GNTPConnectionError):
            connection.read_message(connection.on_ok_message)
        connection.close()
    assert ends == [None if callback else b""]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (encode(Response("-ERROR", {"Error-Code": "401"})), GNTPResponseError),
        (encode(Response("-ERROR", {"Error-Code": "400"})), GNTPAuthenticationError),
        (encode(Response("-CALLBACK", {})), GNTPProtocolError),
        (b"HTTP/1.1 200 OK\r\n\r\n", GNTPProtocolError),
        (b"x" * 5000, GNTPError),
    ],
)
def test_a_connection_raises_what_its_answer_means(answer: bytes, error: type[GNTPError]) -> None:
    """The final callback is not called, and the socket is closed."""
    answers: list[Response] = []
    with ScriptedServer(sends(answer)) as server:
        connection = GNTPConnection(("127.0.0.1", server.port), PATIENCE, final_callback=answers.append)
        connection.write_message(encode(NOTIFY))
        with pytest.raises(error):
            connection.read_message(connection.on_ok_message)
        connection.close()
        assert connection.sock.fileno() == -1
    assert not answers


def test_a_connection_has_one_deadline() -> None:
    """From connecting to the reaction."""
    ended = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.sendall(b"GNTP/1.0 -OK")
        ended.wait(PATIENCE)

    with ScriptedServer(serve) as server:
        connection = GNTPConnection(("127.0.0.1", server.port), 0.2)
        connection.write_message(encode(NOTIFY))
        with pytest.raises(GNTPTimeoutError):
            connection.read_message(connection.on_ok_message)
        connection.close()
        ended.set()


class OwnConnection(GNTPConnection):
    """A connection class of a caller's."""

    made: list[tuple[str, int]]

    def __init__(self, address: tuple[str, int], timeout: float, **callbacks: Any) -> None:
        self.made.append(address)
        super().__init__(address, timeout, **callbacks)


def test_a_connection_class_of_the_callers_gets_one_exchange_per_connection() -> None:
    """It is made with the address and the callbacks."""
    OwnConnection.made = []
    answers: list[Response] = []
    with ScriptedServer(answer_ok) as server:
        sender = client(server.port, connection_class=OwnConnection)
        assert sender.process_request(REGISTER) == Response("-OK", {"Response-Action": "REGISTER"})
        sender.process_request(NOTIFY, answers.append)
        assert sender.process_requests([NOTIFY, REGISTER]) == [
            Response("-OK", {"Response-Action": "NOTIFY"}),
            Response("-OK", {"Response-Action": "REGISTER"}),
        ]
        assert OwnConnection.made == [("127.0.0.1", server.port)] * 4
    assert [answer.message_type for answer in answers] == ["-OK"]


def test_a_connection_class_of_the_callers_that_fails_fails_its_own_request_only() -> None:
    """In a batch each error stands in its request's place; also a class that reports no answer."""

    class Silent(OwnConnection):
        def read_message(self, callback: Callable[[bytes], None]) -> None:
            """Report nothing."""

    with ScriptedServer(lambda sock, number: (answer_error(401), answer_ok)[number](sock, number)) as server:
        refused, shown = client(server.port, connection_class=OwnConnection).process_requests([NOTIFY, NOTIFY])
    assert isinstance(refused, GNTPResponseError)
    assert isinstance(shown, Response)
    with ScriptedServer(answer_ok) as server:
        (unknown,) = client(server.port, connection_class=Silent).process_requests([NOTIFY])
    assert isinstance(unknown, GNTPConnectionError)


@pytest.mark.parametrize("option", [{"background": True}, {"callback_timeout": 1.0}])
def test_a_connection_class_of_the_callers_is_not_asked_for_what_it_does_not_have(option: dict[str, Any]) -> None:
    """What cannot be done is refused."""
    sender = client(free_port(), connection_class=OwnConnection)
    with pytest.raises(GNTPValidationError, match=f"no {next(iter(option))}"):
        sender.process_request(NOTIFY, socket_callback=SocketCallback(), **option)


@pytest.mark.parametrize("call", ["write_message", "read_message", "close"])
def test_the_base_connection_leaves_its_methods_to_others(call: str) -> None:
    """Subclasses must implement them."""
    arguments = [] if call == "close" else [b""]
    with pytest.raises(NotImplementedError):
        getattr(BaseGNTPConnection(), call)(*arguments)


def split(*writes: bytes, buffer_size: int = 1024) -> Iterator[bytes]:
    """Return what generate_messages makes of writes to a socket that is then closed."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            for data in writes:
                theirs.sendall(data)
        yield from generate_messages(ours, buffer_size)


@pytest.mark.parametrize("buffer_size", [1, 7, 1024])
def test_messages_are_split_at_their_empty_lines(buffer_size: int) -> None:
    """Several in one segment, one in many."""
    assert list(split(OK + OK, OK[:9], OK[9:], buffer_size=buffer_size)) == [OK] * 3


@pytest.mark.parametrize("buffer_size", [1, 1000, 65536])
def test_a_message_that_is_too_long_is_refused(buffer_size: int) -> None:
    """Above 4,096 bytes, as the reference says, however much is read at once; with and without its end."""
    assert [len(message) for message in split(b"x" * 4092 + b"\r\n\r\n", buffer_size=buffer_size)] == [4096]
    for tail in (b"\r\n\r\n", b"x" * 1000):
        with pytest.raises(GNTPError, match="longer than 4096 bytes"):
            list(split(b"x" * 4093 + tail, buffer_size=buffer_size))


def test_a_reset_between_messages_is_a_connection_error() -> None:
    """Not the system's own error."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as ours:
        theirs, _ = listener.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        ours.settimeout(PATIENCE)
        with pytest.raises(GNTPConnectionError, match="reset"):
            next(generate_messages(ours))


def test_a_message_that_is_cut_off_is_a_connection_error() -> None:
    """What came whole before it is there."""
    messages = split(OK + b"GNTP/1.0")
    assert next(messages) == OK
    with pytest.raises(GNTPConnectionError, match="in the middle of a message"):
        next(messages)


def test_a_socket_that_times_out_is_a_timeout() -> None:
    """The socket's own timeout holds."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.01)
        with pytest.raises(GNTPTimeoutError):
            next(generate_messages(ours))
