"""TLS of the client: whom it trusts, what it says where it does not, and that nothing ever goes out in clear."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gntp_logging.gntp.channel import PersistentConnection
from gntp_logging.gntp.connections import GNTPClient, GNTPConnection
from gntp_logging.gntp.exceptions import (
    GNTPConnectionError,
    GNTPError,
    GNTPProtocolError,
    GNTPTimeoutError,
    GNTPTLSError,
    GNTPValidationError,
)
from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback
from gntp_logging.gntp.network import READ_SIZE, Deadline, Stream, known_addresses
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Response
from gntp_logging.gntp.tls import ClientTLS, TLSSocket
from tests.certificates import Issuer, serving_tls
from tests.support import (
    PATIENCE,
    ScriptedServer,
    answer_ok,
    keep_answering,
    receive_request,
    requests_of,
    run_program,
    running_receiver,
    send_response,
)

pytestmark = pytest.mark.usefixtures("nothing_is_left_open")

REGISTER = RegisterRequest("app", None, (Event("event"),))


def notify(id_: object, text: str = "text", coalescing_id: str | None = None) -> NotifyRequest:
    """Make a notification."""
    return NotifyRequest("app", Notification("event", "title", text, id_=str(id_), coalescing_id=coalescing_id))


def client_of(port: int, issuer: Issuer, timeout: float = PATIENCE, host: str = "127.0.0.1") -> GNTPClient:
    """Make a client that trusts the tests' issuer."""
    return GNTPClient(host, port, timeout, tls=issuer.file)


# -- Whom it trusts ------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_with_a_good_certificate_is_answered(
    issuer: Issuer, certificate: Path, host: str, version: ssl.TLSVersion
) -> None:
    """Whether the certificate names it or its address; with the version that it has."""
    seen: list[str | None] = []

    def serve(sock: ssl.SSLSocket, _number: int) -> None:
        seen.append(sock.version())
        answer_ok(sock)

    with (
        serving_tls(serve, certificate, maximum_version=version) as server,
        client_of(server.port, issuer, host=host) as client,
    ):
        response = client.process_request(REGISTER)
    assert response is not None
    assert response.message_type == "-OK"
    assert seen == [{ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]]


def test_a_certificate_may_have_another_between_it_and_the_issuer(issuer: Issuer) -> None:
    """Where the server sends that one as well."""
    with serving_tls(answer_ok, issuer.issue(between=True)) as server, client_of(server.port, issuer) as client:
        assert isinstance(client.process_request(REGISTER), Response)


_FOREIGN = "from an issuer that is not trusted here"
_ANOTHER = "for another name"

Make = Callable[[Issuer, Path], Path]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda issuer, _: issuer.issue(begins=-9, ends=-2), "has expired", id="expired"),
        pytest.param(lambda issuer, _: issuer.issue(begins=2), "is not valid yet", id="not yet"),
        pytest.param(lambda issuer, _: issuer.issue("other.example"), _ANOTHER, id="another name"),
        pytest.param(lambda issuer, _: issuer.issue("192.0.2.7"), _ANOTHER, id="another address"),
        pytest.param(lambda _, folder: Issuer(folder).issue(), _FOREIGN, id="another issuer"),
        pytest.param(lambda issuer, _: issuer.issue(between=True, whole=False), _FOREIGN, id="no chain"),
    ],
)
def test_a_certificate_that_is_not_good_is_refused_in_words(
    issuer: Issuer, tmp_path: Path, make: Make, words: str
) -> None:
    """Alone and in a batch; with what to do; and the server has read nothing."""
    read: list[bytes] = []

    def serve(sock: ssl.SSLSocket, _number: int) -> None:
        read.append(sock.recv(1))

    with serving_tls(serve, make(issuer, tmp_path)) as server, client_of(server.port, issuer) as client:
        with pytest.raises(GNTPTLSError, match=words) as caught:
            client.process_request(REGISTER)
        (result,) = client.process_requests([notify(1)])
    assert isinstance(result, GNTPTLSError)
    assert words in str(result)
    assert caught.value.advice
    assert str(caught.value) == f"{caught.value.description}; {caught.value.advice}"
    assert read == []


def test_who_trusts_the_system_trusts_no_issuer_of_one_s_own(certificate: Path) -> None:
    """True is not whoever comes."""
    with (
        serving_tls(answer_ok, certificate) as server,
        GNTPClient("127.0.0.1", server.port, tls=True) as client,
        pytest.raises(GNTPTLSError, match=_FOREIGN),
    ):
        client.process_request(REGISTER)


def test_the_error_can_be_pickled() -> None:
    """As all others can."""
    error = pickle.loads(pickle.dumps(GNTPTLSError("it has expired", "renew it")))
    assert (str(error), error.description, error.advice) == ("it has expired; renew it", "it has expired", "renew it")
    assert str(GNTPTLSError("it has expired")) == "it has expired"


# -- What the client is told ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), ("not a certificate", "there is no certificate in it"), ("", "no certificate in it")],
)
def test_a_file_that_cannot_be_used_is_named_where_the_client_is_made(
    tmp_path: Path, content: str | None, words: str
) -> None:
    """Not when the first alert is sent."""
    file = tmp_path / "issuer.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(GNTPValidationError, match=f"tls: cannot read .*issuer.pem.*: .*{words}"):
        GNTPClient(tls=file)
    with pytest.raises(GNTPValidationError, match=words):
        GNTPClient(tls=str(file))


@pytest.mark.parametrize("trust", [None, 1, b"issuer.pem"])
def test_what_is_neither_a_flag_nor_a_path_is_refused(trust: object) -> None:
    """A number is no flag."""
    with pytest.raises(GNTPValidationError, match="tls must be true, false or a path"):
        GNTPClient(tls=trust)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", [".desk", "a" * 64 + ".example", "desk..example"])
def test_a_host_that_no_certificate_can_be_for_is_refused(host: str) -> None:
    """Where the client is made."""
    with pytest.raises(GNTPValidationError, match="no certificate can be for"):
        GNTPClient(host, tls=True)


def test_a_connection_class_of_the_caller_s_own_has_no_tls() -> None:
    """It would connect in clear."""
    with pytest.raises(GNTPValidationError, match="connection_class"):
        GNTPClient(connection_class=GNTPConnection, tls=True)


# -- Servers that fail ---------------------------------------------------------------------------


class Silent:
    """A server that reads what comes and answers in its own way: not with TLS."""

    def __init__(self, answer: bytes | None) -> None:
        self.read: list[bytes] = []
        self._answer = answer
        self._over = threading.Event()

    def __call__(self, sock: socket.socket, _number: int) -> None:
        self.read.append(sock.recv(65536))
        if self._answer is None:
            while sock.recv(65536):
                pass
        sock.sendall(self._answer or b"")


FAILING = [
    pytest.param(None, GNTPTimeoutError, "no TLS handshake within", 0.2, id="hangs"),
    pytest.param(b"", GNTPTLSError, "closed the connection in the TLS handshake", PATIENCE, id="closes"),
    pytest.param(
        b"GNTP/1.0 -ERROR NONE\r\nError-Code: 301\r\n\r\n", GNTPTLSError, "speaks no TLS", PATIENCE, id="is plain"
    ),
    pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", GNTPTLSError, "speaks no TLS", PATIENCE, id="is HTTP"),
    pytest.param(b"\x15\x03\x03\x00\x02\x02\x28", GNTPTLSError, "handshake fail", PATIENCE, id="refuses"),
    pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", GNTPTLSError, "no TLS 1.2 or later", PATIENCE, id="is old"),
]


@pytest.mark.parametrize(("answer", "kind", "words", "timeout"), FAILING)
def test_a_server_without_tls_is_named_and_gets_nothing(
    issuer: Issuer, answer: bytes | None, kind: type[GNTPError], words: str, timeout: float
) -> None:
    """Within the timeout; what goes out is the handshake's beginning, and is not followed by anything in clear."""
    serve = Silent(answer)
    with (
        ScriptedServer(serve) as server,
        client_of(server.port, issuer, timeout) as client,
        pytest.raises(kind, match=words),
    ):
        client.process_request(REGISTER)
    assert serve.read
    assert all(data.startswith(b"\x16") and b"GNTP" not in data for data in serve.read)


@pytest.mark.parametrize(("answer", "kind", "words", "timeout"), FAILING)
def test_so_it_is_side_by_side(
    issuer: Issuer, certificate: Path, answer: bytes | None, kind: type[GNTPError], words: str, timeout: float
) -> None:
    """A server that closes after each answer has connections of their own; from some time on they fail."""
    broken = Silent(answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(sock: socket.socket, number: int) -> None:
        if number:
            broken(sock, number)
            return
        with context.wrap_socket(sock, server_side=True) as wrapped:
            answer_ok(wrapped)

    with ScriptedServer(serve) as server, client_of(server.port, issuer) as client:
        client.process_request(REGISTER)
        results = client.process_requests([notify(number) for number in range(6)], timeout=timeout)
    assert [type(result) for result in results] == [kind] * 6
    assert words in str(results[0])
    assert broken.read
    assert all(data.startswith(b"\x16") and b"GNTP" not in data for data in broken.read)


def test_a_client_without_tls_is_told_that_the_server_has_it() -> None:
    """Another program's server as well, whose answer is an alert of TLS."""
    serve = Silent(b"\x15\x03\x01\x00\x02\x02\x46")
    with (
        ScriptedServer(serve) as server,
        GNTPClient("127.0.0.1", server.port) as client,
        pytest.raises(GNTPProtocolError, match="this server expects TLS"),
    ):
        client.process_request(REGISTER)


def test_an_answer_that_is_cut_is_none(issuer: Issuer, certificate: Path) -> None:
    """In clear the end of the stream may complete an answer; under TLS anybody on the way could make it."""

    def serve(sock: ssl.SSLSocket, _number: int) -> None:
        receive_request(sock)
        sock.sendall(b"GNTP/1.0 -OK NONE\r\nResponse-Action: REGISTER\r\n")
        socket.socket(fileno=sock.detach()).close()  # without TLS's own end

    with (
        serving_tls(serve, certificate) as server,
        client_of(server.port, issuer) as client,
        pytest.raises(GNTPConnectionError, match="the connection was cut"),
    ):
        client.process_request(REGISTER)


# -- Connections that are kept -------------------------------------------------------------------


def test_requests_share_one_session(issuer: Issuer, certificate: Path) -> None:
    """The tickets that TLS 1.3 sends after its handshake are no news of the server's."""
    with serving_tls(keep_answering, certificate, num_tickets=4) as server, client_of(server.port, issuer) as client:
        for _ in range(3):
            client.process_request(REGISTER)
        results = client.process_requests([notify(number, "x" * 20_000) for number in range(300)])
    assert {type(result) for result in results} == {Response}
    assert server.connections == 1


class Dripping:
    """Stands between a client and a server, and hands on what the server says byte by byte."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __call__(self, sock: socket.socket, _number: int) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as there:
            there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            up = threading.Thread(target=self._pump, args=(sock, there))
            up.start()
            with contextlib.suppress(OSError):
                while data := there.recv(65536):
                    for number in range(len(data)):
                        sock.sendall(data[number : number + 1])
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            up.join(PATIENCE)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_a_record_may_come_byte_by_byte(issuer: Issuer, certificate: Path) -> None:
    """What is readable and yet no whole record is neither an end nor an error: alone, in a pipeline, for a reaction."""
    reactions: list[str] = []
    reacted = threading.Event()

    def serve(sock: ssl.SSLSocket, _number: int) -> None:
        for request in requests_of(sock):
            send_response(sock, Response_Action=request.message_type, keep_alive=True)
            if isinstance(request, NotifyRequest) and isinstance(request.notification.callback, SocketCallback):
                send_response(sock, "-CALLBACK", Notification_Callback_Result="CLICK")

    def clicked(response: Response) -> None:
        reactions.append(response.headers["Notification-Callback-Result"])
        reacted.set()

    with (
        serving_tls(serve, certificate) as server,
        ScriptedServer(Dripping(server.port)) as between,
        client_of(between.port, issuer) as client,
    ):
        client.process_request(REGISTER)
        results = client.process_requests([notify(number) for number in range(5)])
        request = NotifyRequest("app", Notification("event", "title", callback=SocketCallback("c", "text")))
        client.process_request(request, socket_callback=clicked, background=True)
        assert reacted.wait(PATIENCE)
    assert {type(result) for result in results} == {Response}
    assert reactions == ["CLICK"]
    assert client.lost_callbacks == 0


def test_a_part_of_a_record_is_no_news(issuer: Issuer, certificate: Path) -> None:
    """Nor is what TLS has to say for itself: an idle connection on which it has come is used again."""
    rest = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = _context(certificate).wrap_bio(incoming, outgoing, server_side=True)
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))
        tls.write(b"news")
        data = outgoing.read()
        sock.sendall(data[:-1])
        assert rest.wait(PATIENCE)
        sock.sendall(data[-1:])
        sock.recv(65536)

    with ScriptedServer(serve) as server:
        stream = _stream(server.port, issuer)
        assert select.select([stream.sock], [], [], PATIENCE)[0]
        assert not stream.has_news()
        rest.set()
        assert stream.has_news(PATIENCE)
        assert stream.receive(Deadline.after(PATIENCE)) == b"news"
        stream.close()


def test_a_whole_record_is_read_at_once(issuer: Issuer, certificate: Path) -> None:
    """What OpenSSL kept back would be seen by no poll."""
    sizes = [1, 16_384, 16_383, 5, 40_000]

    def serve(sock: ssl.SSLSocket, _number: int) -> None:
        for size in sizes:
            sock.sendall(b"x" * size)
        sock.unwrap()

    with serving_tls(serve, certificate) as server:
        stream = _stream(server.port, issuer)
        sock = stream.sock
        assert isinstance(sock, TLSSocket)
        total = 0
        while data := stream.receive(Deadline.after(PATIENCE)):
            total += len(data)
            assert sock.pending() == 0
        stream.close()
    assert READ_SIZE >= 16_384
    assert total == sum(sizes)


def test_much_is_sent_while_the_server_answers(issuer: Issuer, certificate: Path) -> None:
    """Neither side waits for the other to read: a large picture is a write that takes several turns."""
    picture = Resource(data=os.urandom(1_500_000))
    with running_receiver(tls=_context(certificate)) as receiver, client_of(receiver.port, issuer) as client:
        request = RegisterRequest("app", picture, (Event("event"),))
        client.process_request(request)
        client.process_request(request)  # on the kept connection
        client.process_request(notify(1))
        (toast,) = receiver.wait_for(1)
    assert toast.icon == picture


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _stream(port: int, issuer: Issuer) -> Stream:
    tls = ClientTLS(issuer.file, "127.0.0.1")
    return Stream(known_addresses("127.0.0.1", port), Deadline.after(PATIENCE), tls)


def test_an_idle_connection_is_used_again_until_the_server_ends_it(issuer: Issuer, certificate: Path) -> None:
    """An end of TLS's own is seen before the next request is sent, so that it goes out once."""
    ended = threading.Event()

    def serve(sock: ssl.SSLSocket, number: int) -> None:
        request = receive_request(sock)
        send_response(sock, Response_Action=request.message_type, keep_alive=True)
        if number == 0:
            sock.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                sock.unwrap()
            ended.set()
            sock.settimeout(PATIENCE)
            sock.recv(1)

    with serving_tls(serve, certificate) as server, client_of(server.port, issuer) as client:
        client.process_request(REGISTER)
        assert ended.wait(PATIENCE)
        client.process_request(REGISTER)
    assert (server.connections, client.sendings) == (2, 2)


# -- The end -------------------------------------------------------------------------------------


@contextlib.contextmanager
def shaken(tls: ClientTLS, certificate: Path) -> Iterator[tuple[TLSSocket, ssl.SSLSocket]]:
    """Connect a client's TLS socket and a server's."""
    ours, theirs = socket.socketpair()
    made: list[TLSSocket] = []
    shaking = threading.Thread(target=lambda: made.append(tls.secure(ours, PATIENCE)), daemon=True)
    shaking.start()
    theirs.settimeout(PATIENCE)
    with _context(certificate).wrap_socket(theirs, server_side=True, suppress_ragged_eofs=False) as server:
        shaking.join(PATIENCE)
        (client,) = made
        with client:
            yield client, server


@pytest.fixture
def both_ends(issuer: Issuer, certificate: Path) -> Iterator[tuple[TLSSocket, ssl.SSLSocket]]:
    """A client's TLS socket and its server's, connected."""
    with shaken(ClientTLS(issuer.file, "localhost"), certificate) as ends:
        yield ends


@pytest.mark.parametrize("host", ["", "localhost.", "desk.example.", "::1", "::1%1"])
def test_a_host_has_the_name_that_certificates_have(issuer: Issuer, certificate: Path, host: str) -> None:
    """Nothing is this machine; the dot of the root, and the zone of an address, are in no certificate."""
    with shaken(ClientTLS(issuer.file, host), certificate) as (client, _):
        assert client.valid_until() > "2020"


def test_nothing_is_half_closed(both_ends: tuple[TLSSocket, ssl.SSLSocket]) -> None:
    """Who shuts down the sending side of a connection with TLS can send all the same, and read."""
    client, server = both_ends
    client.shutdown(socket.SHUT_WR)
    client.send(b"still here")
    assert server.recv(100) == b"still here"
    server.sendall(b"answer")
    client.settimeout(PATIENCE)
    assert client.recv(100) == b"answer"


def test_who_closes_says_so(both_ends: tuple[TLSSocket, ssl.SSLSocket]) -> None:
    """As TLS does: the server's end is no error. Closing twice is harmless."""
    client, server = both_ends
    client.close()
    client.close()
    assert server.recv(100) == b""


def test_a_socket_that_never_blocks_says_that_it_would(both_ends: tuple[TLSSocket, ssl.SSLSocket]) -> None:
    """With the error of plain sockets, in both directions; the rest of a write is taken later."""
    client, server = both_ends
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(100)
    sent, read, chunk = 0, 0, b"x" * 100_000
    with contextlib.suppress(BlockingIOError):
        while sent < 100_000_000:
            sent += client.send(chunk)
    assert 0 < sent < 100_000_000
    while read < sent:
        read += len(server.recv(65536))
    client.settimeout(PATIENCE)
    last = threading.Thread(target=lambda: server.recv(65536))
    last.start()
    assert client.send(chunk) == len(chunk)
    client.close()
    last.join(PATIENCE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_child_ends_nothing_of_the_parent_s_session(issuer: Issuer, certificate: Path) -> None:
    """Neither by the hook of fork, nor where it closes by itself: the parent's next request is on the same session."""
    ends: list[str] = []

    def serve(sock: ssl.SSLSocket, _number: int) -> None:
        keep_answering(sock)
        ends.append("as TLS does")

    with serving_tls(serve, certificate) as server, client_of(server.port, issuer) as client:
        client.process_request(REGISTER)
        connection = client._channel._connection
        assert isinstance(connection, PersistentConnection)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                closed = connection.stream.sock.fileno() == -1
                client.close()
                connection.close()
                with client_of(server.port, issuer) as own:
                    code = 0 if closed and isinstance(own.process_request(REGISTER), Response) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        client.process_request(REGISTER)
        assert server.connections == 2  # the child's own is the second
    assert ends == ["as TLS does"] * 2


# -- Side by side --------------------------------------------------------------------------------


def test_several_sessions_go_side_by_side(issuer: Issuer, certificate: Path) -> None:
    """To a server that closes after each answer, also where it is slow to shake hands: four at once."""
    together = threading.Barrier(4)
    context = _context(certificate)
    shown: list[str] = []

    def serve(sock: socket.socket, number: int) -> None:
        if number:
            together.wait(PATIENCE)  # none has begun its handshake before four are connected
        with context.wrap_socket(sock, server_side=True) as wrapped:
            request = receive_request(wrapped)
            if isinstance(request, NotifyRequest):
                shown.append(request.notification.text)
            send_response(wrapped, Response_Action=request.message_type)

    with ScriptedServer(serve) as server, client_of(server.port, issuer) as client:
        client.process_request(REGISTER)
        results = client.process_requests([notify(number, str(number) + "x" * 50_000) for number in range(8)])
    assert [type(result) for result in results] == [Response] * 8
    assert sorted(text[0] for text in shown) == list("01234567")


def test_a_lane_that_cannot_connect_says_so(issuer: Issuer, certificate: Path) -> None:
    """The system's words, and none about TLS."""
    with serving_tls(answer_ok, certificate) as server:
        client = client_of(server.port, issuer)
        client.process_request(REGISTER)
    with client:
        results = client.process_requests([notify(1), notify(2)])
    assert [type(result) for result in results] == [GNTPConnectionError] * 2
    assert "refused" in str(results[0])


@pytest.mark.program
def test_gevent_s_sockets_have_tls_too(issuer: Issuer, certificate: Path) -> None:
    """Patched before: kept, in a pipeline, and with words for what fails."""
    pytest.importorskip("gevent", reason="needs gevent: pip install gevent")
    program = """
        from gevent import monkey; monkey.patch_all()
        import sys
        from gntp_logging.gntp import Event, GNTPClient, GNTPTLSError, Notification, NotifyRequest, RegisterRequest
        register = RegisterRequest("app", None, [Event("event")])
        with GNTPClient("localhost", int(sys.argv[1]), tls=sys.argv[2]) as client:
            for _ in range(2):
                print(client.process_request(register).message_type)
            results = client.process_requests([NotifyRequest("app", Notification("event", "x" * 9000))] * 30)
            print({result.message_type for result in results})
        try:
            GNTPClient("localhost", int(sys.argv[1]), tls=True).process_request(register)
        except GNTPTLSError as error:
            print(error.description)
    """
    with running_receiver(tls=_context(certificate)) as receiver:
        result = run_program(program, receiver.port, issuer.file)
    refused = "the server's certificate is from an issuer that is not trusted here"
    assert result.stdout.splitlines() == ["-OK", "-OK", "{'-OK'}", refused], result.stderr
