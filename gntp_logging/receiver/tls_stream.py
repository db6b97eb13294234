"""TLS of the receiver: its certificate, and a stream that decrypts only while a reader waits for bytes.

asyncio's own TLS keeps a quarter of a megabyte for each connection, and reports none before its handshake.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from typing import Final

from gntp_logging.gntp.constants import ErrorCode
from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.wire import TLS_HANDSHAKE, TLS_WANTED

from .socket_stream import READ_SIZE, SocketStream


def server_context(certificate: str | os.PathLike[str], key: str | os.PathLike[str] | None = None) -> ssl.SSLContext:
    """Read a server's certificate and its key.

    Args:
        certificate: A file in PEM form: the server's certificate, and then those between it and its issuer.
        key: A file with the certificate's key, without a passphrase; None if it is in the same file.

    Returns:
        TLS 1.2 or later with this certificate.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If there is no certificate or no key, or one does not fit the other.
    """
    for path in (certificate, key or certificate):
        with open(path, "rb"):
            pass  # ssl does not say which of the two it cannot open
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # whatever the system's configuration allows
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # of sessions that nobody takes up again
    try:
        context.load_cert_chain(certificate, key, password=_refuse)
    except ssl.SSLError as error:
        reason = _UNUSABLE.get(error.reason, "there are not both a certificate and a key in PEM form")
        raise ValueError(f"cannot use {os.fspath(certificate)!r:.200}: {reason}") from error
    return context


_UNUSABLE: Final = {"KEY_VALUES_MISMATCH": "the key is that of another certificate"}


def _refuse() -> str:
    raise ValueError("the key has a passphrase; use a key without one")  # OpenSSL would ask for it on the terminal


class TLSStream(SocketStream):
    """A socket in an event loop with TLS on it. The first read makes the handshake, within the time for the request."""

    def __init__(self, scratch: bytearray, context: ssl.SSLContext) -> None:
        """Prepare.

        Args:
            scratch: As for :class:`.SocketStream`.
            context: The server's certificate.
        """
        super().__init__(scratch)
        self._context = context
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None  # none before the first byte, and after a failure
        self._is_clear = False  # whether the peer speaks no TLS, and is told in clear that it should
        self._failure: Exception | None = None

    async def read(self) -> bytes:
        """Return some bytes, or none if the peer has ended the stream with close_notify.

        Raises:
            GNTPProtocolError: If the peer speaks no TLS, or none that this server takes.
            OSError: If the connection is lost, or was cut.
        """
        while (data := self._decrypted()) is None:
            arrived = await super().read()
            if self._is_clear or self._failure is not None:
                return arrived  # this reader only gives the peer time to read
            if self._tls is None:
                if not arrived:
                    return b""
                self._begin(arrived[0])
            if arrived:
                self._incoming.write(arrived)
            else:
                self._incoming.write_eof()
        return data

    def _begin(self, first_byte: int) -> None:
        if first_byte != TLS_HANDSHAKE:
            self._is_clear = True
            raise GNTPProtocolError(TLS_WANTED, ErrorCode.UNKNOWN_PROTOCOL)
        self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _decrypted(self) -> bytes | None:
        """Decrypt all that has come, so that nothing of it is kept here; None if more must come before."""
        if self._tls is None:
            return None
        pieces: list[bytes] = []
        try:
            while piece := self._tls.read(READ_SIZE):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(pieces) or None
        except ssl.SSLZeroReturnError:  # the peer's own end, after ours
            pass
        except ssl.SSLError as error:
            self._tls, self._failure = None, _failure(error)
            if not pieces:
                raise self._failure from error
        finally:
            self._flush()  # a part of the handshake, or what went wrong
        return b"".join(pieces)

    def write(self, data: bytes) -> None:
        """Write as soon as the system takes it; nothing is written before the handshake, or after a failure."""
        if self._is_clear:
            super().write(data)
        elif self._tls is not None:
            with contextlib.suppress(ssl.SSLError):
                self._tls.write(data)
            self._flush()

    def write_eof(self) -> None:
        """End our side as TLS does, and then the system's."""
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLError):  # the peer has not ended its side
                self._tls.unwrap()
            self._flush()
        super().write_eof()

    def _flush(self) -> None:
        if data := self._outgoing.read():
            super().write(data)


def _failure(error: ssl.SSLError) -> Exception:
    """Return what to raise for an error of TLS."""
    if isinstance(error, ssl.SSLEOFError):
        return ConnectionResetError("the connection was cut: it did not end as TLS does")
    reason = error.reason or "no reason"
    refused = "the client does not accept this server's certificate: "
    words = refused * ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason) + reason.replace("_", " ").lower()
    return GNTPProtocolError(f"TLS fails: {words}", ErrorCode.UNKNOWN_PROTOCOL)
