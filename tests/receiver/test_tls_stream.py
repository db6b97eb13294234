"""TLS of the receiver: its certificate, its stream, and the server with it, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gntp_logging.gntp.ciphers import AES
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPProtocolError, GNTPResponseError, GNTPTLSError
from gntp_logging.gntp.lib import Publisher, Subscriber
from gntp_logging.gntp.models import Event, Notification
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.gntp.wire import TLS_WANTED
from gntp_logging.receiver.budget import Budget
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.server import Receiver, Server
from gntp_logging.receiver.socket_stream import READ_SIZE
from gntp_logging.receiver.tls_stream import TLSStream, server_context
from tests.certificates import Issuer
from tests.receiver.conftest import Collector, ask, connected, error_code, notify, register
from tests.support import PATIENCE, Recorder, RunningReceiver, running_receiver, wait_until

REGISTER = RegisterRequest("app", None, [Event("event")])
NOTIFY = NotifyRequest("app", Notification("event", "title", "text"))


class Watching(Recorder):
    """A display that remembers notices as well."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[Notice] = []

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def errors(self) -> list[str]:
        """Return what requests were refused with."""
        return [str(notice.fields["description"]) for notice in self.notices if notice.event == "error"]


@pytest.fixture
def display() -> Watching:
    """What the server shows."""
    return Watching()


@pytest.fixture
def port(display: Watching, certificate: Path) -> Iterator[int]:
    """The port of a server with TLS."""
    with Receiver(Server([display], tls=server_context(certificate))) as receiver:
        yield receiver.port


@contextlib.contextmanager
def secured(port: int, issuer: Issuer) -> Iterator[ssl.SSLSocket]:
    """Connect by TLS."""
    context = ssl.create_default_context(cafile=issuer.file)
    with (
        connected(port) as sock,
        context.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False) as wrapped,
    ):
        yield wrapped


def serves(port: int, issuer: Issuer) -> bool:
    """Tell whether an honest client is served."""
    with GNTPClient("127.0.0.1", port, PATIENCE, tls=issuer.file) as client:
        return client.process_request(REGISTER) is not None


# -- The certificate -----------------------------------------------------------------------------


def test_certificate_and_key_may_be_in_two_files(certificate: Path, tmp_path: Path, issuer: Issuer) -> None:
    """Or in one, in any order."""
    key, begin, rest = certificate.read_text().partition("-----BEGIN CERTIFICATE")
    (tmp_path / "key.pem").write_text(key)
    (tmp_path / "certificate.pem").write_text(begin + rest)
    (tmp_path / "both.pem").write_text(begin + rest + key)
    for context in (
        server_context(tmp_path / "certificate.pem", tmp_path / "key.pem"),
        server_context(str(tmp_path / "both.pem")),
    ):
        with running_receiver(tls=context) as receiver:
            assert serves(receiver.port, issuer)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nothing", "not both a certificate and a key"),
        ("no key", "not both a certificate and a key"),
        ("other key", "the key is that of another certificate"),
        ("secret key", "the key has a passphrase"),
    ],
)
def test_a_certificate_that_cannot_be_used_says_why(
    issuer: Issuer, certificate: Path, tmp_path: Path, kind: str, words: str
) -> None:
    """In one sentence. Nobody is asked for a passphrase."""
    from cryptography.hazmat.primitives import serialization

    key, begin, rest = certificate.read_text().partition("-----BEGIN CERTIFICATE")
    file, key_file = tmp_path / "certificate.pem", tmp_path / "key.pem"
    file.write_text("" if kind == "nothing" else begin + rest)
    if kind == "other key":
        key_file.write_bytes(issuer.issue().read_bytes())
    if kind == "secret key":
        loaded = serialization.load_pem_private_key(key.encode(), None)
        encrypted = serialization.BestAvailableEncryption(b"hunter2")
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key_file.write_bytes(loaded.private_bytes(pem, pkcs8, encrypted))
    with pytest.raises(ValueError, match=words):
        server_context(file, key_file if key_file.exists() else None)


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_a_file_that_is_not_there_is_named(certificate: Path, tmp_path: Path, missing: str) -> None:
    """Which of the two it is."""
    nowhere = tmp_path / "nowhere.pem"
    with pytest.raises(FileNotFoundError) as caught:
        server_context(*((nowhere, certificate) if missing == "certificate" else (certificate, nowhere)))
    assert caught.value.filename == str(nowhere)


def test_a_certificate_may_be_replaced_while_connections_go_on(
    display: Watching, certificate: Path, issuer: Issuer, tmp_path: Path
) -> None:
    """Those that are open keep theirs; those that come then get the new one."""
    other = Issuer(tmp_path)
    server = Server([display], tls=server_context(certificate))
    with Receiver(server) as receiver, GNTPClient("127.0.0.1", receiver.port, PATIENCE, tls=issuer.file) as old:
        old.process_request(REGISTER)
        server.tls = server_context(other.issue())
        assert serves(receiver.port, other)
        with pytest.raises(GNTPTLSError):
            serves(receiver.port, issuer)
        old.process_request(REGISTER)
        assert old.sendings == 2


# -- The stream ----------------------------------------------------------------------------------


class Wire(asyncio.Transport):
    """Keeps what a stream writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.has_ended = False

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        self.has_ended = True

    def can_write_eof(self) -> bool:
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Peer:
    """A client of a stream, in memory: what it says is cut into pieces of given sizes."""

    def __init__(self, certificate: Path, issuer: Issuer, sizes: Sequence[int]) -> None:
        self.wire = Wire()
        self.stream = TLSStream(bytearray(READ_SIZE), server_context(certificate))
        self.stream.connection_made(self.wire)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=issuer.file)
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._sizes = itertools.cycle(sizes)

    async def exchange(self) -> None:
        """Carry what the client has to say to the stream, and back what the stream has written."""
        said = self._outgoing.read()
        while said:
            size = next(self._sizes)
            await self.say(said[:size])
            said = said[size:]
        self._incoming.write(self.wire.written)
        self.wire.written = b""

    async def say(self, data: bytes) -> None:
        """Let bytes come."""
        self.stream.get_buffer(-1)[: len(data)] = data
        self.stream.buffer_updated(len(data))
        for _ in range(3):
            await asyncio.sleep(0)

    async def shake_hands(self) -> None:
        """Make the client's part of the handshake; somebody must read from the stream meanwhile."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.exchange()
            else:
                return


async def all_of(stream: TLSStream) -> bytes:
    """Read up to the end."""
    found = b""
    while data := await stream.read():
        found += data
    return found


SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@pytest.mark.slow
@SLOW
@given(st.lists(st.binary(min_size=1, max_size=40_000), max_size=4), st.lists(st.integers(1, READ_SIZE), min_size=1))
@example([b"x" * 40_000, b"y"], [1])
def test_however_it_is_cut_what_is_said_arrives(
    certificate: Path, issuer: Issuer, messages: list[bytes], sizes: list[int]
) -> None:
    """The handshake as well; and the end that is TLS's own is the end."""

    async def run() -> tuple[bytes, bytes]:
        peer = Peer(certificate, issuer, sizes)
        reading = asyncio.ensure_future(all_of(peer.stream))
        await asyncio.sleep(0)
        await peer.shake_hands()
        for message in messages:
            peer.tls.write(message)
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.tls.unwrap()
        await peer.exchange()
        arrived = await reading
        peer.stream.write(b"answer")
        peer.stream.write_eof()
        await peer.exchange()
        assert peer.wire.has_ended
        answer = peer.tls.read(100)
        with pytest.raises(ssl.SSLZeroReturnError):  # TLS's own end
            peer.tls.read(100)
        assert await peer.stream.read() == b""
        return arrived, answer

    assert asyncio.run(run()) == (b"".join(messages), b"answer")


@SLOW
@given(st.integers(0, 2_000), st.binary(max_size=300), st.booleans())
@example(0, b"GNTP/1.0 REGISTER NONE\r\n", True)
@example(0, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", False)
@example(0, b"", True)
def test_whatever_comes_instead_of_a_handshake_is_one_of_two_errors(
    certificate: Path, issuer: Issuer, begun: int, rest: bytes, has_end: bool
) -> None:
    """Or the end. Who speaks no TLS is answered in clear; who does is never."""

    async def run() -> None:
        peer = Peer(certificate, issuer, [READ_SIZE])
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.tls.do_handshake()
        said = peer._outgoing.read()[:begun] + rest
        reading = asyncio.ensure_future(peer.stream.read())
        await asyncio.sleep(0)
        if said:
            await peer.say(said)
        if has_end or not said:
            peer.stream.eof_received()
            peer.stream.connection_lost(None)
        await asyncio.sleep(0)
        with contextlib.suppress(asyncio.TimeoutError, ConnectionError, GNTPProtocolError):
            assert await asyncio.wait_for(reading, 0.01) == b""
        peer.wire.written = b""
        peer.stream.write(b"refusal")
        assert (b"refusal" in peer.wire.written) == (said[:1] not in (b"", b"\x16"))

    asyncio.run(run())


# -- The server ----------------------------------------------------------------------------------


def test_tls_counts_as_encrypted(certificate: Path, issuer: Issuer) -> None:
    """It is what a display hears, whatever the cipher inside; and enough for a server that demands encryption."""
    context = server_context(certificate)
    with running_receiver(["secret"], tls=context, require_encryption=True) as receiver:
        for cipher in (None, AES):
            with GNTPClient(
                "localhost", receiver.port, PATIENCE, "secret", encryption=cipher, tls=issuer.file
            ) as client:
                client.process_request(REGISTER)
                client.process_request(NOTIFY)
        toasts = receiver.wait_for(2)
    assert [(toast.encryption, toast.hash_) for toast in toasts] == [("TLS", "SHA256")] * 2


def test_a_client_without_tls_is_told_so_and_the_next_is_served(port: int, display: Watching, issuer: Issuer) -> None:
    """In GNTP, whether it waits or not; in one line for each."""
    for half_close in (True, False):
        answer = ask(port, register(), half_close=half_close)
        assert error_code(answer) == 301
        assert answer.headers["Error-Description"] == TLS_WANTED
    with GNTPClient("127.0.0.1", port, PATIENCE) as client, pytest.raises(GNTPResponseError, match=TLS_WANTED):
        client.process_request(REGISTER)
    assert serves(port, issuer)
    assert display.errors() == [TLS_WANTED] * 3


def test_a_client_with_tls_at_a_server_without_is_told_so(display: Watching) -> None:
    """In one line at each end; the next client is served."""
    with Receiver(Server([display])) as receiver:
        with (
            GNTPClient("127.0.0.1", receiver.port, PATIENCE, tls=True) as client,
            pytest.raises(GNTPTLSError, match="the server speaks no TLS"),
        ):
            client.process_request(REGISTER)
        assert ask(receiver.port, register()).message_type == "-OK"
    assert display.errors() == ["this is TLS, and this server expects GNTP in clear"]


def test_a_client_that_refuses_the_certificate_is_told_of(port: int, display: Watching, issuer: Issuer) -> None:
    """The operator sees why nothing comes; the next client is served."""
    with GNTPClient("127.0.0.1", port, PATIENCE, tls=True) as client, pytest.raises(GNTPTLSError):
        client.process_request(REGISTER)
    wait_until(lambda: bool(display.errors()))
    assert serves(port, issuer)
    assert [error.partition(":")[2].partition(":")[0] for error in display.errors()] == [
        " the client does not accept this server's certificate"
    ]


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x00\x05hello", b"\x16" * 300])
def test_what_only_looks_like_tls_is_one_line(port: int, display: Watching, issuer: Issuer, sent: bytes) -> None:
    """It gets what TLS has for that, and nothing in clear; the next client is served."""
    with connected(port) as sock:
        sock.sendall(sent)
        answer = b""
        while data := sock.recv(100):
            answer += data
    assert b"GNTP" not in answer
    assert serves(port, issuer)
    (error,) = display.errors()
    assert error.startswith("TLS fails: ")


def test_a_request_that_is_cut_is_none(port: int, display: Watching, issuer: Issuer) -> None:
    """Whoever is on the way can cut a stream, and the end of a stream would end some requests."""
    assert serves(port, issuer)
    with secured(port, issuer) as sock:
        sock.sendall(notify()[:-2])
        raw = socket.socket(fileno=sock.detach())
        raw.settimeout(PATIENCE)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(1000):
            pass
        raw.close()
    assert serves(port, issuer)
    assert display.toasts == []


def test_who_half_closes_by_tls_is_answered(port: int, issuer: Issuer) -> None:
    """As who half-closes without; the answer ends as TLS does."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=issuer.file)
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with connected(port) as sock:
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))
        tls.write(register())
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        sock.sendall(outgoing.read())
        while data := sock.recv(65536):
            incoming.write(data)
    assert tls.read(1000).startswith(b"GNTP/1.0 -OK")
    with pytest.raises(ssl.SSLZeroReturnError):  # TLS's own end
        tls.read(1000)


def _hello(issuer: Issuer) -> bytes:
    """Return what a client says first."""
    out = ssl.MemoryBIO()
    tls = ssl.create_default_context(cafile=issuer.file).wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_handshake_that_does_not_go_on_ends_in_time(certificate: Path, issuer: Issuer, share: float) -> None:
    """Before it, in it, and while it waits for the client."""
    hello = _hello(issuer)
    context = server_context(certificate)
    with running_receiver(tls=context, request_timeout=0.05) as receiver, connected(receiver.port) as sock:
        sock.sendall(hello[: int(share * len(hello))])
        while data := sock.recv(65536):
            assert b"GNTP" not in data


def _open(running: RunningReceiver) -> int:
    return len(running.receiver.server._connections)


def test_who_is_in_the_handshake_has_a_place_and_gives_way(certificate: Path, issuer: Issuer) -> None:
    """From the accept on: they are counted, the oldest goes, and who has the password gets in."""
    budget = Budget(connections=100, connections_per_peer=100, silent_per_peer=3)
    hello = _hello(issuer)
    with (
        running_receiver(["secret"], budget=budget, tls=server_context(certificate)) as receiver,
        contextlib.ExitStack() as stack,
    ):
        socks = [stack.enter_context(connected(receiver.port)) for _ in range(3)]
        socks[0].sendall(hello)
        socks[1].sendall(hello[:100])
        assert socks[0].recv(1)  # the server's part
        wait_until(lambda: _open(receiver) == 3)
        for _ in range(2):
            with GNTPClient("127.0.0.1", receiver.port, PATIENCE, "secret", tls=issuer.file) as client:
                client.process_request(REGISTER)
        with contextlib.suppress(ConnectionError):
            while socks[0].recv(65536):
                pass
        wait_until(lambda: _open(receiver) <= 3)


def test_a_refused_key_is_answered_by_tls(certificate: Path, issuer: Issuer) -> None:
    """As late as without."""
    with running_receiver(["secret"], tls=server_context(certificate)) as receiver:
        for _ in range(5):
            with (
                GNTPClient("127.0.0.1", receiver.port, PATIENCE, "wrong", tls=issuer.file) as client,
                pytest.raises(GNTPResponseError, match="400"),
            ):
                client.process_request(REGISTER)


# -- A hub ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cipher", [None, AES])
def test_a_hub_hands_on_in_clear_nothing_that_came_by_tls(certificate: Path, issuer: Issuer, cipher: Any) -> None:
    """A subscription that came by TLS gets its messages without: what counts is its cipher."""
    display = Watching()
    server = Server([display], passwords=["secret"], hub=True, tls=server_context(certificate))
    with Receiver(server) as hub, Collector("secretdesk") as desk:
        options = {"encryption": cipher, "tls": issuer.file}
        with Subscriber("desk", "desk", ("localhost", hub.port), "secret", desk.port, **options) as subscriber:
            subscriber.subscribe()
        more: Any = {"host": "localhost", "port": hub.port, "password": "secret", "tls": issuer.file}
        with Publisher("app", ["event"], **more) as publisher:
            publisher.register()
            publisher.publish("event", "title", "what came by TLS")
        if cipher is None:
            wait_until(lambda: any(notice.event == "lost" for notice in display.notices))
            assert desk.requests == []
        else:
            assert len(desk.wait_for_text("what came by TLS")) == 2
            assert b"what came by TLS" not in desk.seen
