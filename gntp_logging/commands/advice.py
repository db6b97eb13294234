"""What a person should do about an error that an exchange with a server has ended with."""

from __future__ import annotations

from typing import Final

from gntp_logging.gntp.constants import DEFAULT_PORT, ErrorCode
from gntp_logging.gntp.exceptions import (
    GNTPConnectionError,
    GNTPEncryptionError,
    GNTPError,
    GNTPProtocolError,
    GNTPResponseError,
    GNTPTimeoutError,
    GNTPTLSError,
)
from gntp_logging.gntp.network import is_absent_here
from gntp_logging.gntp.wire import KEY_UNWANTED, KEY_WANTED, TLS_WANTED


def advice_on(error: GNTPError, host: str, port: int) -> str:
    """Return what to do; empty if nothing is known to help.

    Args:
        host: The server's host, as the user gave it.
        port: Its port.
    """
    if isinstance(error, GNTPResponseError):
        if KEY_WANTED in error.error_description:
            return "give it: GNTP_PASSWORD or --password-file"
        if KEY_UNWANTED in error.error_description:
            return "leave the password out, or set one at the server"
        if TLS_WANTED in error.error_description:
            return "give --tls or --tls-ca FILE, and the handler the option tls"
        return _BY_CODE.get(error.error_code or 0, _OTHER_REFUSAL)
    if isinstance(error, GNTPTLSError):
        return error.advice
    if is_absent_here(error, host):
        option = "" if port == DEFAULT_PORT else f" --port {port}"
        return f"no server runs here: start one with gntp-logging listen{option}"
    return next((advice for kind, advice in _BY_TYPE.items() if isinstance(error, kind)), "")


_OTHER_REFUSAL: Final = (
    "the server understood and refused: its own log may say why; try without a password and without encryption"
)
_MISUNDERSTOOD: Final = (
    "the server does not understand this request: please report it, with the server's name and version"
)
_FORGOTTEN: Final = "the server has forgotten at once what was registered: look at its settings and its log"
_BY_CODE: Final[dict[int, str]] = {
    ErrorCode.NOT_AUTHORIZED: (
        "give the server's own password: GNTP_PASSWORD or --password-file; some servers know only MD5 and no cipher"
    ),
    ErrorCode.UNKNOWN_APPLICATION: _FORGOTTEN,
    ErrorCode.UNKNOWN_NOTIFICATION: _FORGOTTEN,
    ErrorCode.NOTIFICATION_DISABLED: "enable this notification in the server's settings",
    ErrorCode.INVALID_REQUEST: _MISUNDERSTOOD,
    ErrorCode.UNKNOWN_PROTOCOL: _MISUNDERSTOOD,
    ErrorCode.UNKNOWN_PROTOCOL_VERSION: _MISUNDERSTOOD,
    ErrorCode.REQUIRED_HEADER_MISSING: _MISUNDERSTOOD,
    ErrorCode.INTERNAL_SERVER_ERROR: "the server itself has failed: its own log says more; restart it",
}
_BY_TYPE: Final[dict[type[GNTPError], str]] = {
    GNTPTimeoutError: "check host, port and firewalls; what listens there may be no GNTP server",
    GNTPConnectionError: (
        "check host and port; start a server there (such as gntp-logging listen) that other machines can connect to"
    ),
    GNTPProtocolError: "what listens there does not answer in GNTP: check the port",
    GNTPEncryptionError: "the server may have another password, or encrypt in another way: try without encryption",
}
"""By type of error; the first that fits."""
