"""The text grammar of GNTP: information lines, header lines, and what makes a value safe to send.

Pure functions on strings and bytes, on which requests, responses and the wire are built.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .constants import (
    LINE_DELIMITER,
    RESOURCE_SCHEME,
    VISIBLE,
    ErrorCode,
    decode_utf8,
    replace_surrogates,
)
from .exceptions import GNTPProtocolError, GNTPValidationError

# -- Values --------------------------------------------------------------------------------------

_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# Growl for Windows reads any value that begins like this as a pointer, in any case, after trimming. .NET's Trim of
# that time removes zero-width characters as well as blanks.
_POINTER: Final = re.compile("[\\s\u180e\u200b-\u200f\u2060\ufeff]*x-growl-resource:", re.IGNORECASE)
_SUSPICIOUS: Final = ("x", "X", " ")
"""First characters of printable ASCII texts that may still be unsafe values."""

_DEFUSED: Final = "\N{BULLET}"


def safe_value(text: str) -> str:
    """Make any text safe to be a header's value.

    "Headers": "Header values may not contain the CRLF sequence; line breaks are a single LF". Each change can be seen
    in the result, and a second pass changes nothing.

    Args:
        text: Untrusted text.

    Returns:
        The text with CRLF and CR as LF, other control characters except tab in visible form, lone surrogates as
        U+FFFD, blanks trimmed at both ends, and a leading ``x-growl-resource:`` defused by a character in front.
    """
    if text.isascii() and text.isprintable() and text[:1] not in _SUSPICIOUS and text[-1:] != " ":
        return text  # most values: names and numbers
    if _UNSAFE.search(text):
        text = text.replace("\r\n", "\n").replace("\r", "\n").translate(VISIBLE)
        text = replace_surrogates(text)
    text = text.strip()
    return _DEFUSED + text if _POINTER.match(text) else text


# -- Header lines --------------------------------------------------------------------------------

RECEIVED: Final = "Received"
"""The one header that a block may have several times: "one for each hop"."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,255}")


def header_line(name: str, value: str) -> str:
    """Return one header line, with its CRLF. This is the only place that makes values safe for the wire.

    Args:
        value: Untrusted text.

    Returns:
        ``Name: value``; Growl for Windows needs the space.

    Raises:
        GNTPValidationError: If the name is not a valid header name.
    """
    _check_name(name)
    return f"{name}: {safe_value(value)}\r\n"


def pointer_line(name: str, identifier: str) -> str:
    """Return the header line that points to a binary section, with its CRLF.

    Args:
        identifier: The section's identifier.

    Returns:
        ``Name: x-growl-resource://identifier``.

    Raises:
        GNTPValidationError: If the name is not a valid header name.
    """
    _check_name(name)
    return f"{name}: {RESOURCE_SCHEME}{identifier}\r\n"


def is_name(name: str) -> bool:
    """Tell whether a name is a valid header name; peers send invalid ones as well."""
    return bool(_NAME.fullmatch(name))


@functools.lru_cache(maxsize=1024)
def _check_name(name: str) -> None:
    if not is_name(name):
        raise GNTPValidationError(
            f"{name[:300]!r} is no header name; allowed: up to 256 letters, digits, '-', '_' and '.'"
        )


def parse_block(data: bytes, max_headers: int) -> dict[str, str]:
    """Decode one block of header lines.

    Args:
        data: Lines separated by CRLF, without the empty line that ends the block.
        max_headers: How many headers a block may have.

    Returns:
        Values by name, in order, trimmed. Invalid UTF-8 becomes U+FFFD: a readable alert beats a refused one.
        A line without a colon, or without a name before it, continues the value before, after a line feed.
        ``Received``, which each hub adds once more, is one value with a line for each hop.

    Raises:
        GNTPProtocolError: If the first line has no colon or no name, a header occurs twice, or there are too many.
    """
    headers: dict[str, bytearray] = {}
    value = bytearray()  # of the header before; appending to it line by line takes linear time
    hops = 0
    for line in _lines(data):
        name, colon, rest = line.partition(b":")
        key = name.decode("utf-8", "replace").strip() if colon else ""
        if not key:
            # Apprise writes a body of two lines with a CRLF between them, and gntp 1.0.3 sends that unchanged. Other
            # servers show only the first line. A line with a name stays a header, so nothing can be injected.
            if not headers:
                raise GNTPProtocolError(f"a header line without name or colon: {_excerpt(line)}")
            value += (b" " + line.strip()) if value is headers.get(RECEIVED) else (b"\n" + line)
        elif key == RECEIVED and hops:
            if hops == max_headers:
                raise GNTPProtocolError(f"more than {max_headers} {RECEIVED} headers in one block")
            hops += 1
            value = headers[key]
            value += b"\n" + rest.strip()
        else:
            if key in headers:
                raise GNTPProtocolError(f"the header {_excerpt(name)} is there twice")
            if len(headers) == max_headers:
                raise GNTPProtocolError(f"more than {max_headers} headers in one block")
            hops += key == RECEIVED
            headers[key] = value = bytearray(rest.strip() if key == RECEIVED else rest)
    return {key: value.decode("utf-8", "replace").strip() for key, value in headers.items()}


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield the lines that are not empty, one at a time: as a list, a million short ones take ten times their room."""
    begin = 0
    while begin < len(data):
        end = data.find(LINE_DELIMITER, begin)
        if end < 0:
            end = len(data)
        if end > begin:
            yield data[begin:end]
        begin = end + len(LINE_DELIMITER)


def required(headers: Mapping[str, str], name: str) -> str:
    """Return the value of a header that the message must have.

    Raises:
        GNTPProtocolError: With code 303, if it is absent or empty ("an empty value means absent").
    """
    value = headers.get(name, "")
    if not value:
        raise GNTPProtocolError(f"the header {name} is missing", ErrorCode.REQUIRED_HEADER_MISSING)
    return value


def pointed_identifier(value: str) -> str | None:
    """Return the identifier of the binary section that a value points to, or None."""
    if value[: len(RESOURCE_SCHEME)].lower() == RESOURCE_SCHEME:
        return value[len(RESOURCE_SCHEME) :].strip()
    return None


def format_boolean(value: bool, /) -> str:
    """Write a boolean: growl-for-linux knows only ``True``, and every other server knows it as well."""
    return "True" if value else "False"


def parse_boolean(value: str) -> bool:
    """Read a boolean as Growl for Windows does: Yes and True in any case, anything else is false."""
    return value.strip().lower() in ("yes", "true")


# -- The information line ------------------------------------------------------------------------

# "GNTP/<version> <messagetype> <encryptionAlgorithmID>[:<ivValue>][ <keyHashAlgorithmID>:<keyHash>.<salt>]".
# gntp-send writes one space too many, old Growl for Mac none before the key. Hexadecimal digits come in both cases.
_PROTOCOL: Final = re.compile(r"(?P<name>[A-Za-z]+)/(?P<version>\d+\.\d+)(?: +(?P<rest>.*))?")
_SECURITY: Final = re.compile(
    r"(?P<cipher>NONE|[A-Za-z0-9]+:[0-9A-Fa-f]+)"
    r"(?: +(?P<hash>[A-Za-z0-9]+):(?P<key_hash>[0-9A-Fa-f]+)\.(?P<salt>[0-9A-Fa-f]+))? *",
    re.IGNORECASE,
)
_MAX_SALT_SIZE: Final = 128
"""Bytes: recorded requests carry 8 to 64."""


@dataclass(frozen=True)
class InformationLine:
    """The first line of a message.

    Attributes:
        message_type: ``REGISTER``, ``-OK`` and so on.
        cipher_id: Name of the cipher; None for plain text.
        iv: Initialization vector of the cipher; empty for plain text.
        hash_id: Name of the key's hash; None without a key.
        key_hash: The key hash, bytes.
        salt: The salt, bytes.
    """

    message_type: str
    cipher_id: str | None = None
    iv: bytes = b""
    hash_id: str | None = None
    key_hash: bytes = b""
    salt: bytes = b""


def information_line(
    message_type: str,
    cipher_id: str | None = None,
    iv: bytes = b"",
    hash_id: str | None = None,
    key_hash: bytes = b"",
    salt: bytes = b"",
) -> str:
    """Write the first line of a message, without CRLF, from the attributes of an :class:`InformationLine`."""
    encryption = "NONE" if cipher_id is None else f"{cipher_id}:{iv.hex()}"
    if hash_id is None:
        return f"GNTP/1.0 {message_type} {encryption}"
    return f"GNTP/1.0 {message_type} {encryption} {hash_id}:{key_hash.hex()}.{salt.hex()}"


_USUAL_LINES: Final = {
    f"GNTP/1.0 {message_type} NONE".encode(): InformationLine(message_type)
    for message_type in ("-OK", "-ERROR", "-CALLBACK", "REGISTER", "NOTIFY")
}


def parse_information_line(line: bytes, *, response: bool = False) -> InformationLine:
    """Decode the first line of a message.

    Args:
        line: The line without CRLF.
        response: Whether a server sent it. Then anything may follow the type, because growl-for-linux writes
            ``GNTP/1.0 -ERROR Invalid request``.

    Raises:
        GNTPProtocolError: With code 301 if it is not GNTP, 302 if it is another version, 300 if it is malformed.
    """
    if (usual := _USUAL_LINES.get(line)) is not None:
        return usual
    try:
        match = _PROTOCOL.fullmatch(decode_utf8(line).strip(" "))
    except UnicodeDecodeError:
        match = None
    if match is None or match["name"].upper() != "GNTP":
        raise GNTPProtocolError(f"not a GNTP message: {_excerpt(line)}", ErrorCode.UNKNOWN_PROTOCOL)
    if match["version"] != "1.0":
        raise GNTPProtocolError(
            f"GNTP version {match['version']} is not supported, 1.0 is", ErrorCode.UNKNOWN_PROTOCOL_VERSION
        )
    message_type, _, rest = (match["rest"] or "").partition(" ")
    security = _SECURITY.fullmatch(rest.strip(" "))
    if security is not None:
        return _with_security(message_type.upper(), security)
    if not message_type or not response:
        raise GNTPProtocolError(f"a malformed information line: {_excerpt(line)}")
    return InformationLine(message_type.upper())


def _with_security(message_type: str, match: re.Match[str]) -> InformationLine:
    cipher_id, _, iv = match["cipher"].upper().partition(":")
    try:
        line = InformationLine(
            message_type,
            cipher_id=None if cipher_id == "NONE" else cipher_id,
            iv=bytes.fromhex(iv),
            hash_id=match["hash"] and match["hash"].upper(),
            key_hash=bytes.fromhex(match["key_hash"] or ""),
            salt=bytes.fromhex(match["salt"] or ""),
        )
    except ValueError:
        raise GNTPProtocolError("an odd number of hexadecimal digits in the information line") from None
    if len(line.salt) > _MAX_SALT_SIZE:
        raise GNTPProtocolError(f"a salt of {len(line.salt)} bytes; at most {_MAX_SALT_SIZE} are read")
    return line


def _excerpt(data: bytes) -> str:
    """Quote the beginning of something a peer sent, safe to be shown or sent back."""
    return ascii(data[:40].decode("utf-8", "replace"))
