"""TLS of a client: the issuers that it trusts, the socket, and its errors in words.

Importing this module loads :mod:`ssl`. So only a client that uses TLS imports it.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from contextlib import suppress
from typing import Any, Final, Literal

from .exceptions import GNTPTLSError, GNTPValidationError

Trust = bool | str | os.PathLike[str]
"""True for the issuers that the system trusts, or the path of a file with the certificates of those to trust."""

_FOREIGN: Final = (
    "the server's certificate is from an issuer that is not trusted here",
    "trust it by a file with the issuer's certificate, and let the server send all certificates up to that one",
)
_ANOTHER_NAME: Final = (
    "the server's certificate is for another name",
    "give the host by a name or an address that the certificate has",
)
_WRONG_CERTIFICATE: Final[dict[int, tuple[str, str]]] = {
    2: _FOREIGN,  # the issuer's certificate was not sent, and is not known
    9: ("the server's certificate is not valid yet", "compare the clocks of both machines"),
    10: ("the server's certificate has expired", "let the server have a new one, and compare the clocks"),
    18: _FOREIGN,  # the certificate is self-signed
    19: _FOREIGN,  # its chain ends with a self-signed certificate
    20: _FOREIGN,
    21: _FOREIGN,
    62: _ANOTHER_NAME,
    64: _ANOTHER_NAME,  # an address
}
"""What is wrong with a certificate and what to do, by OpenSSL's number (X509_V_ERR_...), which :mod:`ssl` lacks."""

_NO_TLS_ADVICE: Final = "check the port, and let the server speak TLS"

_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
"""OpenSSL's reasons, from several versions, for a first answer that is not TLS."""

_OLD_TLS: Final = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"})


class TLSSocket(ssl.SSLSocket):
    """A TLS socket that behaves like a plain one, so that its callers need not know which it is.

    It reads whole records if it is asked for 16,384 bytes or more. So OpenSSL never holds back decrypted bytes, which
    select and poll would not report.

    Attributes:
        wants_to_write: Whether an unfinished handshake waits until more can be written.
    """

    wants_to_write: bool = False
    _made_in: int = 0

    def do_handshake(self, block: bool = False) -> None:  # noqa: ARG002, FBT002 - the signature of its base
        """Make the handshake, or go on with it, as the socket's timeout says.

        Raises:
            BlockingIOError: If a socket that never blocks has to wait.
            GNTPTLSError: If it fails.
            TimeoutError: If the socket's timeout passes.
        """
        self._made_in = os.getpid()
        self.wants_to_write = False
        try:
            super().do_handshake()  # gevent's takes no argument
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            self.wants_to_write = isinstance(error, ssl.SSLWantWriteError)
            raise BlockingIOError from error
        except TimeoutError:
            raise
        except OSError as error:
            raise GNTPTLSError(*_in_words(error)) from error

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read, as a plain socket does. An end without close_notify is an error: anybody on the way can cause it."""
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error
        except ssl.SSLError as error:
            raise _broken(error) from error

    def send(self, data: Any, flags: int = 0) -> int:  # whatever has a buffer; its type is not in 3.10
        """Write, as a plain socket does. The next call must begin with what this one did not take."""
        try:
            return super().send(data, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error
        except ssl.SSLError as error:
            raise _broken(error) from error

    def valid_until(self) -> str:
        """Return the last day of the peer's certificate, as ``2027-11-28``."""
        certificate = self.getpeercert() or {}
        ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
        return time.strftime("%Y-%m-%d", time.gmtime(ends))

    def shutdown(self, how: int) -> None:
        """Do nothing: a TLS connection is never half-closed. After its last message, a client waits for the answer."""

    def close(self) -> None:
        """Send close_notify without waiting for the peer's, and close. A forked child only closes its own copy."""
        if self._made_in == os.getpid():
            self._made_in = 0
            with suppress(OSError, ValueError):  # the peer has gone, or the handshake was never complete
                self.settimeout(0)
                self.unwrap()
        super().close()


class ClientTLS:
    """How a client secures its connections to one server.

    Attributes:
        trust: The issuers that are trusted: see :data:`Trust`.
    """

    def __init__(self, trust: Trust, host: str) -> None:
        """Read the certificates, and prepare all that connecting needs.

        Args:
            trust: The issuers to trust.
            host: The server's name or address, which its certificate must have.

        Raises:
            GNTPValidationError: If the file cannot be read, or no certificate can have such a name.
        """
        self._name = _checked_name(host)
        if not isinstance(trust, (bool, str, os.PathLike)):
            raise GNTPValidationError(f"tls must be true, false or a path, not {type(trust).__name__}")
        self.trust: Literal[True] | str = True if isinstance(trust, bool) else os.fspath(trust)
        cafile = None if self.trust is True else self.trust
        try:
            self._context = ssl.create_default_context(cafile=cafile)
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL
            raise GNTPValidationError(f"tls: cannot read {cafile!r:.200}: {_why_unread(error)}") from error
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2  # whatever the system's configuration allows
        self._context.options |= ssl.OP_NO_RENEGOTIATION  # so that reading never waits for writing
        self._context.sslsocket_class = TLSSocket

    def wrap(self, sock: socket.socket) -> TLSSocket:
        """Put TLS on a connected socket, which must not be used any more. The caller makes the handshake."""
        # A stream that ends without close_notify is an error.
        wrapped = self._context.wrap_socket(
            sock, server_hostname=self._name, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
        assert isinstance(wrapped, TLSSocket)
        return wrapped

    def secure(self, sock: socket.socket, seconds: float) -> TLSSocket:
        """Put TLS on a socket that is connected, and make the handshake.

        Args:
            seconds: How long it may take.

        Raises:
            GNTPTLSError: If it fails. The connection is closed.
            TimeoutError: If it takes too long. The connection is closed.
        """
        wrapped = self.wrap(sock)
        try:
            wrapped.settimeout(seconds)
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def _checked_name(host: str) -> str:
    """Return a host as certificates name it: without the zone of an address, and without the dot of the root."""
    name = host.partition("%")[0].rstrip(".") or "localhost"
    try:
        name.encode("idna")  # as ssl does for each connection; its module is loaded now
    except UnicodeError as error:
        raise GNTPValidationError(f"tls: no certificate can be for {host!r:.100}") from error
    if name.startswith("."):
        raise GNTPValidationError(f"tls: no certificate can be for {host!r:.100}")
    return name


def _why_unread(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "there is no certificate in it"
    return getattr(error, "strerror", None) or str(error)


def _in_words(error: OSError) -> tuple[str, str]:
    """Return why a handshake has failed, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        other = f"the server's certificate is not valid: {error.verify_message}", ""
        return _WRONG_CERTIFICATE.get(error.verify_code, other)
    reason = getattr(error, "reason", None)
    if reason in _NO_TLS:
        return "the server speaks no TLS", _NO_TLS_ADVICE
    if reason in _OLD_TLS:
        return "the server speaks no TLS 1.2 or later", "let it have a newer version"
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)):
        return "the server closed the connection in the TLS handshake: it may speak no TLS", _NO_TLS_ADVICE
    return f"the TLS handshake fails: {_openssl(error)}", ""


def _openssl(error: OSError) -> str:
    """Return OpenSSL's words for a reason."""
    reason = getattr(error, "reason", None) or ""
    return reason.replace("_", " ").lower() or error.strerror or str(error)


def _broken(error: ssl.SSLError) -> ConnectionError:
    """Return the error of a connection whose TLS fails after the handshake."""
    if isinstance(error, ssl.SSLEOFError):
        return ConnectionError("the connection was cut: it did not end as TLS does")
    return ConnectionError(f"TLS fails: {_openssl(error)}")
