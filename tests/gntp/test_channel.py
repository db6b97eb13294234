"""channel: connections that are kept where the server keeps them, and everything that can happen to a kept one."""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest

from gntp_logging.gntp import channel as channel_module
from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.channel import Channel, is_known_to_close
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import (
    GNTPConnectionError,
    GNTPEncryptionError,
    GNTPError,
    GNTPProtocolError,
    GNTPResponseError,
    GNTPTimeoutError,
    GNTPValidationError,
)
from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback
from gntp_logging.gntp.network import Deadline
from gntp_logging.gntp.packing import PackerFactory
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, Response
from gntp_logging.gntp.wire import encode
from tests.support import (
    PATIENCE,
    ScriptedServer,
    answer_ok,
    free_port,
    keep_answering,
    receive_request,
    requests_of,
    run_program,
    running_receiver,
    send_response,
    wait_until,
)

REGISTER = RegisterRequest("app", None, [Event("event")])
END = b"GNTP/1.0 END\r\n\r\n"
Serve = Callable[[socket.socket, int], None]
TRUST: list[dict[str, Any]] = [
    {},
    {"password": "secret"},
    {"password": "secret", "encryption": ciphers.AES},
    {"password": "secret", "encryption": ciphers.DES3, "key_hashing": keys.SHA512},
]


pytestmark = pytest.mark.usefixtures("nothing_is_left_open")


def notify(text: object = "text") -> NotifyRequest:
    """Return a notification with a text, which it also has for an id."""
    return NotifyRequest("app", Notification("event", "title", str(text), id_=str(text)))


def client(port: int, **options: Any) -> GNTPClient:
    """Make a client for a loopback port."""
    return GNTPClient(**{"host": "127.0.0.1", "port": port, "timeout": PATIENCE, **options})


def ids(answers: list[Response | GNTPError]) -> list[str | type[GNTPError]]:
    """Return what tells answers apart: the id of an -OK, the class of an error."""
    return [answer.headers["Notification-ID"] if isinstance(answer, Response) else type(answer) for answer in answers]


def answer_id(sock: socket.socket, request: Request, *, keep_alive: bool = True) -> None:
    """Answer -OK with the notification's id."""
    id_ = request.notification.id_ if isinstance(request, NotifyRequest) else None
    send_response(sock, Response_Action=request.message_type, Notification_ID=id_ or "", keep_alive=keep_alive)


# -- Finding out ---------------------------------------------------------------------------------


@pytest.mark.parametrize("trust", TRUST, ids=str)
def test_a_server_that_keeps_the_connection_gets_one(trust: dict[str, Any]) -> None:
    """The package's own receiver, in clear, keyed and encrypted; each message has a salt of its own."""
    with running_receiver(["secret"] if trust else []) as receiver, client(receiver.port, **trust) as sender:
        sender.process_request(REGISTER)
        assert sender._channel._connection is not None
        sock = sender._channel._connection.stream.sock
        for number in range(3):
            sender.process_request(notify(number))
        assert sender._channel._connection.stream.sock is sock
        assert [toast.text for toast in receiver.toasts] == ["0", "1", "2"]
    assert sock.fileno() == -1


def test_a_server_that_closes_is_remembered() -> None:
    """Keep-Alive is asked for once; from then on each request has a connection, and ends with a half-close."""
    received: list[bytes] = []

    def serve(sock: socket.socket, number: int) -> None:
        data = b""
        while piece := sock.recv(65536):
            data += piece
            if not number:  # the first time the client waits for the answer before it ends
                break
        received.append(data)
        send_response(sock)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        for _ in range(3):
            sender.process_request(notify())
        assert is_known_to_close(("127.0.0.1", server.port))
        assert server.connections == 3
        client(server.port).process_request(notify())  # also another client knows
    assert [(b"Keep-Alive" in data, data.endswith(END)) for data in received] == [(True, True)] + [(False, False)] * 3


def test_a_server_that_resets_after_its_answer_is_one_that_closes() -> None:
    """One that closes without having read END does."""

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        send_response(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with ScriptedServer(serve) as server, client(server.port) as sender:
        sender.process_request(notify())
        assert is_known_to_close(("127.0.0.1", server.port))


def test_a_server_that_closes_is_asked_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one may have been started on its port."""
    keeps = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        (keep_answering if keeps.is_set() else answer_ok)(sock)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        sender.process_request(notify())
        keeps.set()
        sender.process_request(notify())
        assert sender._channel._connection is None
        monkeypatch.setattr(channel_module, "CLOSING_TIMEOUT", 0.0)
        sender.process_request(notify())
        assert sender._channel._connection is not None


def test_a_server_that_does_neither_is_not_waited_for_long() -> None:
    """It has 50 ms; the connection is not used again, and the server is asked again next time."""
    released = threading.Event()
    headers: list[str | None] = []

    def serve(sock: socket.socket, _number: int) -> None:
        data = sock.recv(65536)
        headers.append("Keep-Alive" if b"Keep-Alive" in data else None)
        send_response(sock)
        released.wait(PATIENCE)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        for _ in range(2):
            sender.process_request(notify())
        assert server.connections == 2
        assert not is_known_to_close(("127.0.0.1", server.port))
        released.set()
    assert headers == ["Keep-Alive", "Keep-Alive"]


@pytest.mark.parametrize("pieces", [[END], [END[:5], END[5:]], [END[:-2], END[-2:]], [END[:1], END[1:]]])
def test_end_may_come_in_pieces_after_the_answer(pieces: list[bytes]) -> None:
    """Whatever its cuts, the next request goes over the same connection."""

    def serve(sock: socket.socket, _number: int) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests_of(sock):
            answer_id(sock, request, keep_alive=False)
            for piece in pieces:
                sock.sendall(piece)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        for _ in range(3):
            sender.process_request(notify())
        assert server.connections == 1


@pytest.mark.parametrize("more", [b"GNTP/1.0 ENDE\r\n\r\n", b"noise\r\n\r\n", encode(Response("-OK", {}))])
def test_what_is_not_end_keeps_no_connection(more: bytes) -> None:
    """The answer counts; a connection on which something else comes is not used again."""

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.sendall(encode(Response("-OK", {"Response-Action": "NOTIFY"})) + more)
        sock.recv(1)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        for _ in range(2):
            assert sender.process_request(notify()) == Response("-OK", {"Response-Action": "NOTIFY"})
        assert server.connections == 2


def test_no_connection_is_kept_after_an_error() -> None:
    """The client closes, also where the server would go on."""

    def serve(sock: socket.socket, number: int) -> None:
        for request in requests_of(sock):
            if number:
                answer_id(sock, request)
            else:
                send_response(sock, "-ERROR", Error_Code="401", keep_alive=True)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        with pytest.raises(GNTPResponseError):
            sender.process_request(notify())
        sender.process_request(notify())
        assert server.connections == 2


# -- A kept connection that ends -----------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
def test_a_kept_connection_that_the_server_has_closed_is_replaced(reset: bool) -> None:
    """What can be read on an idle connection is its end: the request goes over a new one, once."""
    closed = threading.Event()
    texts: list[str] = []

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        assert isinstance(request, NotifyRequest)
        texts.append(request.notification.text)
        answer_id(sock, request)
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        closed.set()

    with ScriptedServer(serve) as server, client(server.port) as sender:
        for number in range(3):
            sender.process_request(notify(number))
            assert closed.wait(PATIENCE)
            closed.clear()
    assert texts == ["0", "1", "2"]


@pytest.mark.parametrize("reset", [False, True])
def test_a_kept_connection_that_ends_before_the_answer_is_replaced_once(reset: bool) -> None:
    """The server closes it in the moment in which it is used: nobody has answered, so the request is sent again."""
    seen: list[tuple[int, str]] = []

    def serve(sock: socket.socket, number: int) -> None:
        for index, request in enumerate(requests_of(sock)):
            assert isinstance(request, NotifyRequest)
            seen.append((number, request.notification.text))
            if index == 1:  # the second on each connection
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        sender.process_request(notify("a"))
        answer = sender.process_request(notify("b"))
        assert answer is not None
        assert answer.headers["Notification-ID"] == "b"
    assert seen == [(0, "a"), (0, "b"), (1, "b")]


def test_a_kept_connection_that_ends_in_the_middle_of_an_answer_is_an_error() -> None:
    """The server had the request: it is not sent again behind the caller's back."""
    seen: list[str] = []

    def serve(sock: socket.socket, _number: int) -> None:
        for index, request in enumerate(requests_of(sock)):
            assert isinstance(request, NotifyRequest)
            seen.append(request.notification.text)
            if index:
                sock.sendall(b"GNTP/1.0 -OK NO")
                return
            answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        sender.process_request(notify("a"))
        with pytest.raises(GNTPConnectionError, match="without a complete answer"):
            sender.process_request(notify("b"))
        assert sender.process_request(notify("c")) is not None
    assert seen == ["a", "b", "c"]


def test_a_half_open_connection_ends_at_the_deadline() -> None:
    """A server that vanished without a word answers nothing; the request after that has a new connection."""
    released = threading.Event()

    def serve(sock: socket.socket, number: int) -> None:
        for index, request in enumerate(requests_of(sock)):
            if index and not number:
                released.wait(PATIENCE)
                return
            answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port, timeout=0.3) as sender:
        sender.process_request(notify())
        with pytest.raises(GNTPTimeoutError):
            sender.process_request(notify())
        released.set()
        assert sender.process_request(notify(), timeout=PATIENCE) is not None
        assert server.connections == 2


def test_a_connection_that_was_idle_for_long_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall may have forgotten it: only the deadline would tell."""
    with ScriptedServer(keep_answering) as server, client(server.port) as sender:
        sender.process_request(notify())
        monkeypatch.setattr(channel_module, "IDLE_TIMEOUT", 0.0)
        sender.process_request(notify())
        assert server.connections == 2


def test_a_new_connection_that_ends_without_an_answer_is_an_error_at_once() -> None:
    """Only what was kept is replaced: a server that closes every connection is not asked for ever."""

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        with pytest.raises(GNTPConnectionError, match="without a complete answer"):
            sender.process_request(notify())
        assert server.connections == 1


# -- Several requests ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("trust", TRUST, ids=str)
def test_several_requests_are_answered_in_order(trust: dict[str, Any]) -> None:
    """By a server that keeps the connection, in clear, keyed and encrypted."""
    with running_receiver(["secret"] if trust else []) as receiver, client(receiver.port, **trust) as sender:
        answers = sender.process_requests([REGISTER, *map(notify, range(1000))])
        assert isinstance(answers[0], Response)
        assert ids(answers[1:]) == [str(number) for number in range(1000)]
        assert [toast.text for toast in receiver.toasts] == [str(number) for number in range(1000)]


def test_several_requests_are_on_their_way_at_once() -> None:
    """On a kept connection nobody waits for an answer before writing the next request."""

    def serve(sock: socket.socket, _number: int) -> None:
        requests = requests_of(sock)
        answer_id(sock, next(requests))
        for batch in [[next(requests) for _ in range(50)], [next(requests) for _ in range(49)]]:
            for request in batch:
                answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        assert ids(sender.process_requests(map(notify, range(100)))) == [str(number) for number in range(100)]
        assert server.connections == 1


def test_a_server_that_closes_gets_one_connection_for_each() -> None:
    """An error among them costs the others nothing."""

    def serve(sock: socket.socket, number: int) -> None:
        request = receive_request(sock)
        if number == 2:
            send_response(sock, "-ERROR", Error_Code="402", Error_Description="no")
        else:
            answer_id(sock, request, keep_alive=False)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        assert ids(sender.process_requests(map(notify, range(5)))) == ["0", "1", GNTPResponseError, "3", "4"]
        assert server.connections == 5


def test_an_error_in_a_pipeline_is_matched_with_its_request() -> None:
    """The package's receiver goes on after an error that is no malformed request; the client then closes."""
    with running_receiver() as receiver, client(receiver.port) as sender:
        sender.process_request(REGISTER)
        unknown = NotifyRequest("app", Notification("unknown", "title", id_="2"))
        answers = sender.process_requests([notify(1), unknown, notify(3)])
        assert ids(answers) == ["1", GNTPResponseError, "3"]
        assert isinstance(answers[1], GNTPResponseError)
        assert answers[1].error_code == 402
        assert sender._channel._connection is None


@pytest.mark.parametrize("code", [None, "401"])
def test_what_was_unanswered_when_the_connection_broke_is_reported(code: str | None) -> None:
    """Also when the last answer before that was an -ERROR. Sending exactly those again shows each once."""
    shown: list[str] = []

    def serve(sock: socket.socket, number: int) -> None:
        for index, request in enumerate(requests_of(sock)):
            assert isinstance(request, NotifyRequest)
            if index == 5 and not number:
                if code:
                    send_response(sock, "-ERROR", Error_Code=code)
                return
            shown.append(request.notification.text)
            answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        requests = list(map(notify, range(10)))
        answers = sender.process_requests(requests)
        expected: list[str | type[GNTPError]] = ["0", "1", "2", "3", "4"]
        expected += [GNTPResponseError if code else GNTPConnectionError, *[GNTPConnectionError] * 4]
        assert ids(answers) == expected
        unanswered = [
            request
            for request, answer in zip(requests, answers, strict=True)
            if isinstance(answer, GNTPConnectionError)
        ]
        assert all(isinstance(answer, Response) for answer in sender.process_requests(unanswered))
    assert sorted(shown) == [str(number) for number in range(10) if not (code and number == 5)]


def test_answers_are_read_though_writing_fails() -> None:
    """A server that resets while requests are still being written has answered some."""

    def serve(sock: socket.socket, _number: int) -> None:
        for index, request in enumerate(requests_of(sock)):
            answer_id(sock, request)
            if index == 3:
                return  # with unread requests, so that the client gets a reset

    big = [NotifyRequest("app", Notification("event", "t", "x" * 200_000, id_=str(number))) for number in range(50)]
    with ScriptedServer(serve) as server, client(server.port) as sender:
        answers = ids(sender.process_requests(big))
    assert answers[0] == "0"  # a reset may overtake the others
    assert answers[4:] == [GNTPConnectionError] * 46
    assert all(answer in (str(index), GNTPConnectionError) for index, answer in enumerate(answers))


def test_neither_side_waits_for_the_other_to_read() -> None:
    """Requests and answers that fill both sockets' buffers: the client reads while it writes."""

    def serve(sock: socket.socket, _number: int) -> None:
        for request in requests_of(sock):
            assert isinstance(request, NotifyRequest)
            send_response(sock, Notification_ID=request.notification.id_ or "", keep_alive=True)

    long_ids = [NotifyRequest("app", Notification("event", "t", id_=f"{number}" * 100_000)) for number in range(100)]
    with ScriptedServer(serve) as server, client(server.port) as sender:
        answers = sender.process_requests(long_ids)
    assert all(isinstance(answer, Response) for answer in answers)


def test_a_server_that_stops_answering_ends_a_pipeline_at_the_deadline() -> None:
    """Counted from the last answer; what was answered counts."""
    released = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        for index, request in enumerate(requests_of(sock)):
            if index == 3:
                released.wait(PATIENCE)
                return
            answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        answers = sender.process_requests(map(notify, range(6)), timeout=0.3)
        released.set()
    assert ids(answers) == ["0", "1", "2", GNTPTimeoutError, GNTPTimeoutError, GNTPTimeoutError]


def test_garbage_in_a_pipeline_is_a_protocol_error() -> None:
    """What was answered before counts."""

    def serve(sock: socket.socket, _number: int) -> None:
        for index, request in enumerate(requests_of(sock)):
            if index == 2:
                sock.sendall(b"noise\r\n\r\n" * 10)
                return
            answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        answers = ids(sender.process_requests(map(notify, range(4))))
    assert answers == ["0", "1", GNTPProtocolError, GNTPProtocolError]


@pytest.mark.parametrize("serve", [None, lambda sock, _number: sock.sendall(b"HTTP/1.1 400 No\r\n\r\n")])
def test_a_hopeless_server_is_tried_once(serve: Serve | None) -> None:
    """One that nobody runs, or that is something else, costs one attempt, not one for each request."""
    if serve is None:
        answers = client(free_port()).process_requests(map(notify, range(1000)))
        assert ids(answers) == [GNTPConnectionError] * 1000
        return
    with ScriptedServer(serve) as server:
        answers = client(server.port).process_requests(map(notify, range(1000)))
        assert ids(answers) == [GNTPProtocolError] * 1000
        assert server.connections == 1


def test_a_request_that_cannot_be_encoded_fails_alone() -> None:
    """On a kept connection and on a new one."""
    unnamed = NotifyRequest("app", Notification("event", "t"), custom_headers=[("no name", "x")])
    untitled = NotifyRequest("app", Notification("event", ValueError("boom")))  # type: ignore[arg-type]
    with ScriptedServer(keep_answering) as server, client(server.port) as sender:
        for bad in (unnamed, untitled, unnamed, untitled):
            answers = sender.process_requests([bad, REGISTER, bad, REGISTER, bad])
            kinds = [type(answer) for answer in answers]
            assert kinds == [GNTPValidationError, Response, GNTPValidationError, Response, GNTPValidationError]
            assert ("'X-no name'" if bad is unnamed else "Notification-Title") in str(answers[0]) == str(answers[4])


def test_a_socket_callback_in_a_batch_is_refused() -> None:
    """Nobody could wait for it; its neighbours are sent."""
    asking = NotifyRequest("app", Notification("event", "t", callback=SocketCallback()))
    with ScriptedServer(keep_answering) as server, client(server.port) as sender:
        answers = sender.process_requests([REGISTER, asking, REGISTER])
    assert [type(answer) for answer in answers] == [Response, GNTPValidationError, Response]


def test_no_requests_need_no_connection() -> None:
    """An empty list is answered by an empty list."""
    assert client(free_port()).process_requests([]) == []


def test_answers_may_be_encrypted_each_with_its_own_key() -> None:
    """The specification's way: like the request, whose salt need not be repeated."""

    def serve(sock: socket.socket, _number: int) -> None:
        for request in requests_of(sock, ["secret"]):
            assert isinstance(request, NotifyRequest)
            key = keys.SHA256.key("secret")
            response = Response("-OK", {"Notification-ID": request.notification.id_ or ""})
            sock.sendall(encode(response, key=key, cipher=ciphers.AES.cipher(key), keep_alive=True))

    trust: dict[str, Any] = {"password": "secret", "encryption": ciphers.AES}
    with ScriptedServer(serve) as server, client(server.port, **trust) as sender:
        assert ids(sender.process_requests(map(notify, range(20)))) == [str(number) for number in range(20)]


# -- Sharing, closing, forgetting ----------------------------------------------------------------


def test_threads_share_a_client() -> None:
    """One exchange at a time, over one connection; each thread gets its own answers."""
    wrong: list[object] = []

    def serve(sock: socket.socket, _number: int) -> None:
        for request in requests_of(sock):
            answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:

        def work(thread: int) -> None:
            for number in range(50):
                answer = sender.process_request(notify(f"{thread}-{number}"))
                if answer is None or answer.headers["Notification-ID"] != f"{thread}-{number}":
                    wrong.append(answer)

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert server.connections == 1
    assert not wrong


def test_a_thread_that_waits_for_its_turn_has_a_deadline() -> None:
    """Another thread's exchange does not stretch it."""
    begun, released = threading.Event(), threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        begun.set()
        assert released.wait(PATIENCE)
        answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        other = threading.Thread(target=sender.process_request, args=(notify(),))
        other.start()
        assert begun.wait(PATIENCE)
        with pytest.raises(GNTPTimeoutError, match=r"not sent: the connection was busy for 0\.05 s"):
            sender.process_request(notify(), timeout=0.05)
        with pytest.raises(GNTPTimeoutError, match="not sent: the connection was busy"):
            sender.process_requests([notify()], timeout=0.05)
        released.set()
        other.join(PATIENCE)
        assert (sender.sendings, server.connections) == (1, 1)


def test_a_callback_may_use_the_client_again() -> None:
    """It is called when the exchange is over: nothing is locked."""
    answers: list[Response | None] = []
    with ScriptedServer(keep_answering) as server, client(server.port) as sender:
        sender.process_request(notify(), lambda _: answers.append(sender.process_request(notify())))
    assert len(answers) == 1


def test_a_closed_client_opens_another_connection() -> None:
    """Closing twice is harmless, before the first request too."""
    with ScriptedServer(keep_answering) as server:
        sender = client(server.port)
        sender.close()
        for _ in range(2):
            sender.process_request(notify())
            sender.close()
            sender.close()
            assert sender._channel._connection is None
        assert server.connections == 2


def test_close_does_not_wait_for_an_exchange() -> None:
    """Whose connection is then not kept."""
    begun, released = threading.Event(), threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        begun.set()
        assert released.wait(PATIENCE)
        answer_id(sock, request)
        sock.recv(1)

    with ScriptedServer(serve) as server:
        sender = client(server.port)
        other = threading.Thread(target=sender.process_request, args=(notify(),))
        other.start()
        assert begun.wait(PATIENCE)
        sender.close()
        released.set()
        other.join(PATIENCE)
        assert sender._channel._connection is None


@pytest.mark.slow
def test_a_forgotten_client_closes_its_connection() -> None:
    """Also one in a cycle; nothing is warned of."""
    closed = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        keep_answering(sock)
        closed.set()

    for in_a_cycle in (False, True):
        with ScriptedServer(serve) as server:
            sender: Any = client(server.port)
            if in_a_cycle:
                sender.itself = sender
            sender.process_request(notify())
            closed.clear()
            del sender
            gc.collect()
            assert closed.wait(PATIENCE)


@pytest.mark.program
def test_a_client_that_lives_to_the_end_of_the_program_warns_of_nothing() -> None:
    """Its socket is closed at exit."""
    code = """
        import sys, warnings
        warnings.simplefilter("error")
        from gntp_logging.gntp import GNTPClient, Notification, NotifyRequest
        client = GNTPClient("127.0.0.1", int(sys.argv[1]))
        client.itself = client
        client.process_request(NotifyRequest("app", Notification("event", "title")))
        assert client._channel._connection is not None
    """
    with ScriptedServer(keep_answering) as server:
        program = run_program(code, server.port)
    assert (program.returncode, program.stdout, program.stderr) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("hooks", [True, False])
def test_a_forked_child_drops_the_connection_unsent(monkeypatch: pytest.MonkeyPatch, hooks: bool) -> None:
    """It opens its own; the parent's goes on, and ends when the parent closes it. Also where the hooks do not run."""
    seen: list[tuple[int, str]] = []

    def serve(sock: socket.socket, number: int) -> None:
        for request in requests_of(sock):
            assert isinstance(request, NotifyRequest)
            seen.append((number, request.notification.text))
            answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        sender.process_request(notify("before"))
        connection = sender._channel._connection
        assert connection is not None
        if not hooks:  # uWSGI
            monkeypatch.setattr("gntp_logging.gntp.network._open", set())
        pid = os.fork()
        if not pid:
            try:
                inherited = connection.stream.sock.fileno()
                sender.process_request(notify("child"), timeout=PATIENCE)
                os._exit(0 if (inherited == -1) == hooks else 2)
            except BaseException:  # noqa: BLE001 - told by the exit code
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        sender.process_request(notify("after"))
        assert sender._channel._connection is connection
    assert seen == [(0, "before"), (1, "child"), (0, "after")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_that_is_forked_during_an_exchange_is_not_locked_out() -> None:
    """Another thread of the parent has the channel at that moment."""
    begun, released = threading.Event(), threading.Event()

    def serve(sock: socket.socket, number: int) -> None:
        request = receive_request(sock)
        if not number:
            begun.set()
            assert released.wait(PATIENCE)
        answer_id(sock, request)

    with ScriptedServer(serve) as server, client(server.port) as sender:
        other = threading.Thread(target=sender.process_request, args=(notify(),))
        other.start()
        assert begun.wait(PATIENCE)
        pid = os.fork()
        if not pid:
            signal.alarm(int(PATIENCE))
            try:
                sender.process_request(notify("child"))
                os._exit(0)
            except BaseException:  # noqa: BLE001 - told by the exit code
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        released.set()
        other.join(PATIENCE)


def test_a_channel_connects_only_when_it_must() -> None:
    """Making one looks nothing up."""
    channel = Channel(("growl.example", 23053), PackerFactory(None, keys.SHA256, None))
    assert channel.addresses == []
    channel.close()


def test_what_cannot_be_encrypted_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent, and the connection, which was opened meanwhile, is closed."""
    factory = PackerFactory("secret", keys.SHA256, ciphers.AES)

    def encrypt(self: ciphers.Cipher, plaintext: bytes) -> bytes:
        raise GNTPEncryptionError("no")

    received: list[bytes] = []
    with ScriptedServer(lambda sock, _number: received.append(sock.recv(1))) as server:
        channel = Channel(("127.0.0.1", server.port), factory)
        monkeypatch.setattr(ciphers.Cipher, "encrypt", encrypt)
        with pytest.raises(GNTPEncryptionError):
            channel.exchange(notify(), Deadline.after(PATIENCE))
        wait_until(lambda: received == [b""])


def test_a_picture_goes_over_a_kept_connection() -> None:
    """Its bytes may look like END."""
    picture = Resource(data=END * 100)
    with running_receiver() as receiver, client(receiver.port) as sender:
        sender.process_request(REGISTER)
        for _ in range(3):
            sender.process_request(NotifyRequest("app", Notification("event", "t", icon=picture)))
        assert [toast.icon for toast in receiver.toasts] == [picture] * 3
        assert sender._channel._connection is not None
