"""The GNTP library: Growl Notification Transport Protocol 1.0, client and wire. It knows nothing of logging.

Public names are imported on first use.
It imports nothing from the rest of the package. Open `wire` first for the bytes, `connections` for the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .lazy import lazy_names

if TYPE_CHECKING:
    from .ciphers import AES, DES, DES3, Cipher
    from .connections import BaseGNTPConnection, GNTPClient, GNTPConnection, generate_messages
    from .constants import (
        decode_utf8,
        encode_utf8,
        random_bytes,
        random_hex_string,
        safe_int_conversion,
        validate_priority,
    )
    from .exceptions import (
        GNTPAuthenticationError,
        GNTPConnectionError,
        GNTPEncryptionError,
        GNTPError,
        GNTPProtocolError,
        GNTPResourceError,
        GNTPResponseError,
        GNTPTimeoutError,
        GNTPTLSError,
        GNTPValidationError,
    )
    from .keys import MD5, SHA1, SHA256, SHA512, Key
    from .lib import Publisher, Subscriber, coerce_to_callback, coerce_to_events, publish, subscribe
    from .models import Event, Notification, Received, Resource, SocketCallback, URLCallback
    from .requests import NotifyRequest, RegisterRequest, Response, SubscribeRequest, parse_response

__all__ = [
    "AES",
    "DES",
    "DES3",
    "MD5",
    "SHA1",
    "SHA256",
    "SHA512",
    "BaseGNTPConnection",
    "Cipher",
    "Event",
    "GNTPAuthenticationError",
    "GNTPClient",
    "GNTPConnection",
    "GNTPConnectionError",
    "GNTPEncryptionError",
    "GNTPError",
    "GNTPProtocolError",
    "GNTPResourceError",
    "GNTPResponseError",
    "GNTPTLSError",
    "GNTPTimeoutError",
    "GNTPValidationError",
    "Key",
    "Notification",
    "NotifyRequest",
    "Publisher",
    "Received",
    "RegisterRequest",
    "Resource",
    "Response",
    "SocketCallback",
    "SubscribeRequest",
    "Subscriber",
    "URLCallback",
    "coerce_to_callback",
    "coerce_to_events",
    "decode_utf8",
    "encode_utf8",
    "generate_messages",
    "parse_response",
    "publish",
    "random_bytes",
    "random_hex_string",
    "safe_int_conversion",
    "subscribe",
    "validate_priority",
]

_HOMES: Final = {
    "AES": "ciphers",
    "BaseGNTPConnection": "connections",
    "Cipher": "ciphers",
    "DES": "ciphers",
    "DES3": "ciphers",
    "Event": "models",
    "GNTPAuthenticationError": "exceptions",
    "GNTPClient": "connections",
    "GNTPConnection": "connections",
    "GNTPConnectionError": "exceptions",
    "GNTPEncryptionError": "exceptions",
    "GNTPError": "exceptions",
    "GNTPProtocolError": "exceptions",
    "GNTPResourceError": "exceptions",
    "GNTPResponseError": "exceptions",
    "GNTPTLSError": "exceptions",
    "GNTPTimeoutError": "exceptions",
    "GNTPValidationError": "exceptions",
    "Key": "keys",
    "MD5": "keys",
    "Notification": "models",
    "NotifyRequest": "requests",
    "Publisher": "lib",
    "Received": "models",
    "RegisterRequest": "requests",
    "Resource": "models",
    "Response": "requests",
    "SHA1": "keys",
    "SHA256": "keys",
    "SHA512": "keys",
    "SocketCallback": "models",
    "SubscribeRequest": "requests",
    "Subscriber": "lib",
    "URLCallback": "models",
    "coerce_to_callback": "lib",
    "coerce_to_events": "lib",
    "decode_utf8": "constants",
    "encode_utf8": "constants",
    "generate_messages": "connections",
    "parse_response": "requests",
    "publish": "lib",
    "random_bytes": "constants",
    "random_hex_string": "constants",
    "safe_int_conversion": "constants",
    "subscribe": "lib",
    "validate_priority": "constants",
}

if not TYPE_CHECKING:  # else type checkers would accept every misspelt name, because __getattr__ might know it
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
