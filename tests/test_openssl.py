"""TLS against OpenSSL's own programs: ``s_server``, ``s_client``, and the certificate of docs/teams.md."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPTLSError
from gntp_logging.gntp.models import Event
from gntp_logging.gntp.requests import RegisterRequest, Response
from gntp_logging.gntp.tls import ClientTLS
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver.tls_stream import server_context
from tests.certificates import Issuer
from tests.documents import ROOT, blocks
from tests.peers import require_program
from tests.running import end
from tests.support import PATIENCE, free_port, running_receiver

pytestmark = pytest.mark.peer

REGISTER: Final = RegisterRequest("app", None, (Event("event"),))


@pytest.fixture
def openssl() -> str:
    """The program."""
    return require_program("openssl", "openssl")


class SServer:
    """``openssl s_server``, which writes what comes to its output and sends what is written to its input."""

    def __init__(self, openssl: str, certificate: Path, *arguments: str) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [openssl, "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", str(certificate), "-key",
             str(certificate), "-cert_chain", str(certificate), "-quiet", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        pause = threading.Event()
        for _ in range(1000):
            assert self.process.poll() is None
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            pause.wait(0.01)
        pytest.fail("s_server does not listen")

    def answer(self) -> threading.Thread:
        """Begin to wait for a request, and to answer it."""

        def run() -> None:
            assert self.process.stdout is not None
            assert self.process.stdin is not None
            while line := self.process.stdout.readline():
                if line.startswith(b"Notification-Name:"):
                    self.process.stdin.write(encode(Response("-OK", {"Response-Action": "REGISTER"})))
                    self.process.stdin.flush()

        thread = threading.Thread(target=run)
        thread.start()
        return thread


@contextmanager
def s_server(openssl: str, certificate: Path, *arguments: str) -> Iterator[SServer]:
    """Run ``openssl s_server`` for the length of a with block."""
    running = SServer(openssl, certificate, *arguments)
    answering = running.answer()
    try:
        yield running
    finally:
        end(running.process)
        answering.join(PATIENCE)
        for pipe in (running.process.stdin, running.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("between", [False, True])
def test_s_server_is_answered(openssl: str, issuer: Issuer, version: str, between: bool) -> None:
    """With either version; with the issuer's certificate or with one between."""
    with (
        s_server(openssl, issuer.issue(between=between), version) as server,
        GNTPClient("127.0.0.1", server.port, PATIENCE, tls=issuer.file) as client,
    ):
        response = client.process_request(REGISTER)
    assert isinstance(response, Response)
    assert response.headers["Response-Action"] == "REGISTER"


Make = Callable[[Issuer, Path], Path]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda issuer, _: issuer.issue(begins=-9, ends=-2), "has expired", id="expired"),
        pytest.param(lambda issuer, _: issuer.issue("other.example"), "is for another name", id="another name"),
        pytest.param(lambda _, folder: Issuer(folder).issue(), "from an issuer that is not trusted", id="issuer"),
        pytest.param(
            lambda issuer, _: issuer.issue(between=True, whole=False), "from an issuer that is not trusted", id="chain"
        ),
    ],
)
def test_s_server_with_a_certificate_that_is_not_good(
    openssl: str, issuer: Issuer, tmp_path: Path, make: Make, words: str
) -> None:
    """Is refused in the same words as any server."""
    with (
        s_server(openssl, make(issuer, tmp_path)) as server,
        GNTPClient("127.0.0.1", server.port, PATIENCE, tls=issuer.file) as client,
        pytest.raises(GNTPTLSError, match=words),
    ):
        client.process_request(REGISTER)


def test_s_server_of_an_older_version(openssl: str, issuer: Issuer, certificate: Path) -> None:
    """Is refused as well."""
    with (
        s_server(openssl, certificate, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0") as server,
        GNTPClient("127.0.0.1", server.port, PATIENCE, tls=issuer.file) as client,
        pytest.raises(GNTPTLSError, match=r"no TLS 1\.2 or later"),
    ):
        client.process_request(REGISTER)


def s_client(openssl: str, port: int, *arguments: str, said: bytes) -> subprocess.CompletedProcess[bytes]:
    """Say something to a server by ``openssl s_client``."""
    command = [openssl, "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", *arguments]
    return subprocess.run(command, input=said, capture_output=True, timeout=30, check=False)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client_is_served(openssl: str, issuer: Issuer, version: str) -> None:
    """With the chain that the file holds; it checks the certificate itself."""
    trust = ["-CAfile", str(issuer.file), "-verify_return_error", "-verify_hostname", "desk.example", version]
    with running_receiver(tls=server_context(issuer.issue(between=True))) as receiver:
        result = s_client(openssl, receiver.port, *trust, said=encode(REGISTER))
    assert result.stdout.startswith(b"GNTP/1.0 -OK"), result.stderr


def test_s_client_of_an_older_version_is_refused(openssl: str, certificate: Path, issuer: Issuer) -> None:
    """With an alert; the next client is served."""
    with running_receiver(tls=server_context(certificate)) as receiver:
        result = s_client(
            openssl, receiver.port, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", said=encode(REGISTER)
        )  # fmt: skip
        assert b"GNTP" not in result.stdout
        assert b"alert protocol version" in result.stderr
        with GNTPClient("127.0.0.1", receiver.port, PATIENCE, tls=issuer.file) as client:
            assert isinstance(client.process_request(REGISTER), Response)


def test_the_recipe_makes_a_certificate_that_works(openssl: str, tmp_path: Path) -> None:
    """The page's own lines; for the name and for the address, and for no other."""
    lines = [
        line
        for block in blocks(ROOT / "docs" / "teams.md")
        for line in block.text.splitlines()
        if line.startswith("openssl ")
    ]
    assert len(lines) == 3
    for line in lines:
        made = subprocess.run(
            line.replace("openssl", openssl, 1), shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
    names = re.findall(r"(?:DNS|IP):([\w.]+)", lines[1])
    assert len(names) == 2
    with running_receiver(tls=server_context(tmp_path / "hub.pem", tmp_path / "hub.key")) as receiver:
        for name in [*names, "other.example"]:
            with GNTPClient("127.0.0.1", receiver.port, PATIENCE, tls=tmp_path / "team.pem") as client:
                client._channel._tls = ClientTLS(tmp_path / "team.pem", name)
                if name in names:
                    assert isinstance(client.process_request(REGISTER), Response)
                else:
                    with pytest.raises(GNTPTLSError, match="for another name"):
                        client.process_request(REGISTER)
