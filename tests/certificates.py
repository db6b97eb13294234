"""Certificates for tests: an issuer of one's own, and what it issues; made anew for each run."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import trustme

from tests.support import ScriptedServer

HOSTS: Final = ("localhost", "127.0.0.1", "::1", "desk.example")


class Issuer:
    """Issues certificates; ``file`` holds its own, by which clients trust them."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self._folder = folder
        self._count = 0
        self.file = folder / "issuer.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def issue(self, *hosts: str, begins: int = -1, ends: int = 90, between: bool = False, whole: bool = True) -> Path:
        """Return a new file with a certificate and its key.

        Args:
            hosts: Names and addresses that the certificate is for; none for those of this machine.
            begins: Days from now.
            ends: Days from now.
            between: Whether another issuer stands between the two.
            whole: Whether the certificate of that one is in the file.
        """
        now = dt.datetime.now(dt.timezone.utc)
        authority = self._authority.create_child_ca(key_type=trustme.KeyType.ECDSA) if between else self._authority
        made = authority.issue_cert(
            *(hosts or HOSTS),
            not_before=now + dt.timedelta(begins),
            not_after=now + dt.timedelta(ends),
            key_type=trustme.KeyType.ECDSA,
        )
        self._count += 1
        file = self._folder / f"{self._count}.pem"
        certificates = made.cert_chain_pems if whole else made.cert_chain_pems[:1]
        file.write_bytes(b"".join(pem.bytes() for pem in (made.private_key_pem, *certificates)))
        return file


Serve = Callable[[ssl.SSLSocket, int], None]


@contextlib.contextmanager
def serving_tls(serve: Callable[[Any, int], None], certificate: Path, **settings: Any) -> Iterator[ScriptedServer]:
    """Run a scripted server whose function gets a socket with TLS; a client that refuses the certificate is no error.

    Args:
        serve: Treats a connection.
        certificate: The file with certificate and key.
        settings: Attributes of the server's context.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    for name, value in settings.items():
        setattr(context, name, value)

    def secured(sock: socket.socket, number: int) -> None:
        with context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False) as wrapped:
            serve(wrapped, number)

    with ScriptedServer(secured) as server:
        yield server
