"""GNTP messages as bytes, in both directions and for both roles. No sockets, no threads.

:func:`encode` turns a request or a response into bytes. :class:`RequestReader` (a server's side) and
:class:`ResponseReader` (a client's) turn bytes, in whatever pieces they arrive, into messages::

    reader.feed(data)               # bytes from the peer, any number
    reader.feed_eof()               # the peer will send no more
    message = reader.next_message() # a message, or None: more bytes are needed

``next_message`` raises nothing but :class:`~gntp_logging.gntp.exceptions.GNTPProtocolError`, which carries the code to
answer with. After an error the reader stays failed, because it no longer knows where the next message begins.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Generic, TypeAlias, TypeVar

from . import ciphers, growl_for_linux, headers, keys
from .ciphers import Cipher
from .constants import LINE_DELIMITER, MAX_SECTION_SIZE, MESSAGE_DELIMITER, RESPONSE_ERROR, ErrorCode
from .exceptions import GNTPEncryptionError, GNTPProtocolError
from .headers import InformationLine, header_line, information_line, parse_block, pointer_line
from .keys import Key
from .models import Resource
from .requests import REQUEST_TYPES, RESPONSE_TYPES, Block, HeaderValue, Request, Response, may_point
from .source import Parser, ReceiveBuffer

END: Final = b"GNTP/1.0 END"
"""The semaphore that ends a message on a connection that is kept ("Connection: Keep-Alive")."""

_END: Final = END + MESSAGE_DELIMITER
_KEEP_ALIVE: Final = header_line("Connection", "Keep-Alive")

_CR: Final = LINE_DELIMITER[0]
_MESSAGE: Final = b"GNTP/1.0 "
_SECTION: Final = b"Identifier:"
_STICKY: Final = "Notification-Sticky"
_STICKY_LINE: Final = b"Notification-Sticky:"

# -- Encoding ------------------------------------------------------------------------------------


def encode(
    message: Request | Response,
    *,
    key: Key | None = None,
    cipher: Cipher | None = None,
    half_close: bool = True,
    keep_alive: bool = False,
    more_lines: str = "",
) -> bytes:
    """Encode one message.

    Args:
        key: Authenticates the message; None sends it without a key.
        cipher: Encrypts it; needs the key it was made from. It gets another initialization vector if servers
            would misread the ciphertext.
        half_close: Whether the sender shuts down its side after this message. If not, requests get a length at which
            growl-for-linux does not stall.
        keep_alive: Whether the message says that its connection is to be kept: the header and the semaphore END.
        more_lines: Header lines, as :mod:`.headers` makes them, for the end of the first block.

    Raises:
        GNTPEncryptionError: If there is a cipher without a key, or encryption fails.
        GNTPValidationError: If the name of a custom header is not valid.
    """
    if cipher is not None and key is None:
        raise GNTPEncryptionError("a message is encrypted with a key: give the key as well")
    blocks = message.blocks()
    end = b""
    if keep_alive:
        more_lines += _KEEP_ALIVE
        end = _END
    if message.message_type in RESPONSE_TYPES:
        return _assembled(message.message_type, *_encode_blocks(blocks, more_lines), key, cipher) + end
    for size in (0, *growl_for_linux.PADDING_SIZES):
        text, resources = _encode_blocks(growl_for_linux.padded(blocks, size), more_lines)
        if growl_for_linux.leaves_a_line_feed(text, cipher):  # true for one of the sizes at most
            continue
        encoded = _assembled(message.message_type, text, resources, key, cipher) + end
        if not growl_for_linux.misreads_the_end(encoded, half_close=half_close):
            break
    return encoded


def _encode_blocks(blocks: Iterable[Block], more_lines: str) -> tuple[bytes, list[Resource]]:
    """Return the text of the header blocks, and the pictures that it points to."""
    resources: list[Resource] = []
    texts: list[str] = []
    for block in blocks:
        lines = [
            header_line(name, value) if isinstance(value, str) else _picture_line(name, value, resources)
            for name, value in block
        ]
        if not texts:
            lines.append(more_lines)
        texts.append("".join(lines))
    return "\r\n".join(texts).encode("utf-8"), resources


def _assembled(
    message_type: str, text: bytes, resources: Iterable[Resource], key: Key | None, cipher: Cipher | None
) -> bytes:
    if cipher is not None:
        text, cipher = _encrypt_text(text, cipher)
    parts = [_information_line(message_type, key, cipher).encode(), LINE_DELIMITER, text, LINE_DELIMITER]
    if cipher is not None:
        parts.append(LINE_DELIMITER)  # plain text ends its last line itself
    for resource in resources:
        parts += _section(resource, cipher)
    return b"".join(parts)


def _picture_line(name: str, picture: Resource, resources: list[Resource]) -> str:
    """Return the line with a picture's URL, or with a pointer to the picture, which is added to ``resources``."""
    if picture.url is not None:
        return header_line(name, picture.url)
    resources.append(picture)
    return pointer_line(name, picture.unique_id() or "")


def _information_line(message_type: str, key: Key | None, cipher: Cipher | None) -> str:
    cipher_id, iv = (None, b"") if cipher is None else (cipher.algorithm_id, cipher.iv)
    if key is None:
        return information_line(message_type, cipher_id, iv)
    return information_line(message_type, cipher_id, iv, key.algorithm_id, key.key_hash, key.salt)


# One ciphertext in about 65,000 is misread; eight in a row never are.
_ENCRYPTION_ATTEMPTS: Final = 8


def _encrypt_text(text: bytes, cipher: Cipher) -> tuple[bytes, Cipher]:
    """Encrypt the header blocks, with another initialization vector if a server would misread the result.

    Servers look for the first empty line. They cut a ciphertext short if it holds an empty line, or if it ends with a
    CRLF, which forms one with the CRLF after it (Growl for Windows answers 300).
    """
    for _ in range(_ENCRYPTION_ATTEMPTS):
        encrypted = cipher.encrypt(text)
        if MESSAGE_DELIMITER not in encrypted and not encrypted.endswith(LINE_DELIMITER):
            return encrypted, cipher
        cipher = cipher.renewed()
    raise GNTPEncryptionError("no initialization vector gave a ciphertext without an empty line")


def _section(resource: Resource, cipher: Cipher | None) -> list[bytes]:
    data = resource.data or b""
    if cipher is not None:
        data = cipher.encrypt(data)
    head = f"Identifier: {resource.unique_id()}\r\nLength: {len(data)}\r\n\r\n"
    return [head.encode("ascii"), data, MESSAGE_DELIMITER]


# -- Decoding ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """What a reader accepts from a peer. Sizes are in bytes.

    Attributes:
        information_line: A SHA512 key with a salt of 128 bytes and an initialization vector need 440.
        header_block: All header blocks of one message together, or its encrypted header part: room for a traceback of a
            megabyte.
        headers: Header lines in a block; no client is known to send 40. A type's block may have an eighth of them.
        types: Notification types in one REGISTER; the largest seen in the wild are some dozens.
        lines: Lines of all header blocks together, those that continue a value included: each takes time to read.
        section: One binary section.
        sections: Binary sections in one message: each type may have a picture.
        all_sections: All binary sections of one message together.
    """

    information_line: int = 1024
    header_block: int = 4 * 1024 * 1024
    headers: int = 256
    types: int = 1024
    lines: int = 65_536
    section: int = MAX_SECTION_SIZE
    sections: int = 1100
    all_sections: int = 64 * 1024 * 1024


DEFAULT_LIMITS: Final = Limits()

_SECTION_HEAD_LIMIT: Final = 1024
"""Bytes of an Identifier and a Length line: identifiers are hashes, 128 digits at most."""

_SECTION_OVERHEAD: Final = 300
"""Bytes of memory for each section that is awaited or kept, without its data (measured, and rounded up)."""


_Message = TypeVar("_Message")


class _Reader(Generic[_Message]):
    """What both readers share: the pieces of a message, in their order on the wire.

    Attributes:
        at_end: Whether the semaphore END was read last. It comes after a message, so this is known only after
            ``next_message`` has returned None.
        awaits_section: Whether only a binary section is missing, to which a header points. Set it to False to take the
            message without the section.
        overhead: Bytes of memory that the unfinished message takes beside the bytes that were fed.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = ReceiveBuffer()
        self._incoming = self._messages()
        self._failure: GNTPProtocolError | None = None
        self._has_begun = False
        self.at_end: bool = False
        self.awaits_section: bool = False
        self.overhead: int = 0

    def feed(self, data: bytes) -> None:
        """Take any number of bytes from the peer."""
        if data and not self._has_begun:
            self._has_begun = True
            self._failure = self._refused_at_once(data[0])
        if self._failure is None:  # a failed reader keeps nothing
            self._buffer.data += data

    def _refused_at_once(self, first_byte: int) -> GNTPProtocolError | None:
        """Return the error for a first byte that shows TLS: without it, the reader would wait for a line end."""
        raise NotImplementedError

    @property
    def unread(self) -> int:
        """How many bytes were fed and not read yet. What was read of an unfinished message is not counted."""
        return len(self._buffer.data)

    def forget(self) -> None:
        """Drop the bytes that were fed and not read."""
        self._buffer.take(len(self._buffer.data))

    def feed_eof(self) -> None:
        """Note that the peer will send no more."""
        self._buffer.eof = True

    def next_message(self) -> _Message | None:
        """Return the next whole message.

        Returns:
            The message, or None when more bytes are needed, or when the stream ended between two messages.

        Raises:
            GNTPProtocolError: If the bytes are not a GNTP message, exceed a limit, or end inside a message. From then
                on every call raises it.
        """
        if self._failure is not None:
            raise self._failure
        try:
            return next(self._incoming)
        except GNTPProtocolError as failure:
            # Kept without its traceback: the traceback's frames would keep all that was read.
            self._failure = GNTPProtocolError(failure.description, failure.error_code)
            self.forget()
        raise self._failure

    def _messages(self) -> Generator[_Message | None, None, None]:
        """Yield each message, and None whenever more bytes are needed."""
        while True:
            yield from self._between_messages()
            while not self._buffer.data:
                yield None
            line = yield from self._buffer.read_until(b"\n", self._limits.information_line + 1, "the information line")
            yield (yield from self._message(self._without_cr(line)))

    def _without_cr(self, line: bytes) -> bytes:
        """Return a line without the CR before its LF; a server may leave the CR out."""
        return line.removesuffix(b"\r")

    def _message(self, first_line: bytes) -> Parser[_Message]:
        """Read the rest of a message, whose information line has been read."""
        raise NotImplementedError

    def _between_messages(self) -> Parser[None]:
        """Skip what may stand between two messages.

        This may be empty lines (gntp-send ends a REGISTER with one too many), the END semaphore, or a binary section.
        The section may repeat one that was read already (some clients send two for two headers with the same picture),
        or belong to a response.
        """
        buffer = self._buffer
        ended = self.at_end = False
        if buffer.data.startswith(_MESSAGE) and not END.startswith(buffer.data[: len(END)]):
            return  # the next message follows at once, as it nearly always does
        while True:
            if buffer.data.startswith(_END):  # in one piece, as it nearly always comes
                buffer.take(len(_END))
                ended = self.at_end = True
            elif (yield from buffer.starts_with(LINE_DELIMITER)):
                buffer.take(len(LINE_DELIMITER))
                self.at_end = ended
            elif (yield from buffer.starts_with(END)):
                yield from buffer.read_until(LINE_DELIMITER, self._limits.information_line, "the END line")
                ended = True
            elif (yield from buffer.starts_with(_SECTION)):
                yield from self._section(None, self._limits.section)
            elif buffer.data or buffer.eof:
                self.at_end &= not buffer.data
                return
            else:
                yield

    def _plain_block(self, limit: int) -> Parser[bytes]:
        """Read one header block and the empty line that ends it."""
        buffer = self._buffer
        if (not buffer.data or buffer.data[0] == _CR) and (yield from buffer.starts_with(LINE_DELIMITER)):
            return b""
        return (yield from buffer.read_until(MESSAGE_DELIMITER, limit, "a header block"))

    def _encrypted_text(self, cipher: Cipher) -> Parser[bytes]:
        """Read an encrypted header part; return its text as :meth:`_blocks` takes it, without needless empty lines."""
        text = yield from self._ciphertext(cipher)
        self._count_lines(text)
        chunks = [chunk for chunk in text.split(MESSAGE_DELIMITER) if chunk.strip(LINE_DELIMITER)]
        if len(chunks) > self._limits.types + 1:
            raise GNTPProtocolError(f"more than {self._limits.types} notification types")
        return MESSAGE_DELIMITER.join(chunks)

    def _count_lines(self, text: bytes) -> None:
        if text.count(LINE_DELIMITER) > self._limits.lines:
            raise GNTPProtocolError(f"more than {self._limits.lines} lines of headers")

    def _blocks(self, text: bytes) -> list[dict[str, str]]:
        """Parse header blocks. The first may have more headers than the blocks of the types, because these are many."""
        self._count_lines(text)
        most = self._limits.headers
        return [
            parse_block(data, most if number == 0 else most // 8)
            for number, data in enumerate(text.split(MESSAGE_DELIMITER))
        ]

    def _ciphertext(self, cipher: Cipher) -> Parser[bytes]:
        """Read and decrypt the header part. No header tells its length.

        It has a whole number of blocks. After it comes an empty line, or one line end and a binary section
        (ruby-growl), or a line end and the end of the stream. By chance its own bytes may look like such an end. Then
        the padding is wrong, and the search goes on.
        """
        buffer, searched = self._buffer, cipher.block_size
        for _ in range(_DECRYPTION_ATTEMPTS):
            at = yield from self._aligned_line_end(searched, cipher.block_size)
            try:
                text = cipher.decrypt(bytes(memoryview(buffer.data)[:at]))
            except GNTPEncryptionError:
                searched = at + 1
                continue
            buffer.take(at)
            return text
        raise GNTPProtocolError("the header part does not decrypt")

    def _aligned_line_end(self, searched: int, block_size: int) -> Parser[int]:
        """Find the next place where a ciphertext could end."""
        buffer, limit = self._buffer, self._limits.header_block
        while True:
            at = buffer.data.find(LINE_DELIMITER, searched)
            if at > limit or (at < 0 and len(buffer.data) >= limit + len(LINE_DELIMITER)):
                raise GNTPProtocolError(f"an encrypted part is longer than {limit} bytes")
            tail = bytes(buffer.data[at + 2 : at + 2 + len(_SECTION)])
            if at < 0:
                searched = max(searched, len(buffer.data) - 1)
                yield from buffer.wait_for_more()
            elif at % block_size:
                searched = at + 1
            elif tail.startswith(LINE_DELIMITER) or tail == _SECTION or (buffer.eof and not tail):
                return at
            elif LINE_DELIMITER.startswith(tail) or _SECTION.startswith(tail):
                yield from buffer.wait_for_more()
            else:
                searched = at + 1

    def _sections(self, wanted: set[str], cipher: Cipher | None, late: dict[str, str]) -> Parser[dict[str, bytes]]:
        """Read binary sections until each wanted identifier has its own.

        Args:
            late: Receives the header Notification-Sticky if it comes only now, before the sections.
        """
        if len(wanted) > self._limits.sections:
            raise GNTPProtocolError(f"more than {self._limits.sections} binary sections")
        self.overhead = len(wanted) * _SECTION_OVERHEAD
        sections: dict[str, bytes] = {}
        budget = self._limits.all_sections
        for _ in range(self._limits.sections):
            if wanted <= sections.keys() or not (yield from self._section_follows(late)):
                return sections
            identifier, data = yield from self._section(cipher, min(budget, self._limits.section))
            budget -= len(data)
            if identifier in wanted:
                sections[identifier] = data
        if wanted <= sections.keys():
            return sections
        raise GNTPProtocolError(f"more than {self._limits.sections} binary sections")

    def _sticky_block(self, late: dict[str, str]) -> Parser[None]:
        """Read Notification-Sticky, which go-gntp writes as a block of its own before the picture."""
        block = parse_block((yield from self._plain_block(self._limits.information_line)), 1)
        late.setdefault(_STICKY, block[_STICKY])

    def _section_follows(self, late: dict[str, str]) -> Parser[bool]:
        """Tell whether a binary section follows. None does if a new message begins, or the reader's owner gives it up.

        Args:
            late: Receives the header Notification-Sticky if it comes before the section.

        Raises:
            GNTPProtocolError: If something else follows.
        """
        buffer = self._buffer
        self.awaits_section = True
        try:
            while not buffer.data.startswith(_SECTION):
                if not self.awaits_section or buffer.data.startswith(_MESSAGE):
                    return False
                if buffer.data.startswith(LINE_DELIMITER):
                    buffer.take(len(LINE_DELIMITER))
                elif buffer.data.startswith(_STICKY_LINE):
                    yield from self._sticky_block(late)
                elif any(each.startswith(buffer.data) for each in (_SECTION, _STICKY_LINE, _MESSAGE, LINE_DELIMITER)):
                    yield from buffer.wait_for_more()
                else:
                    raise GNTPProtocolError("a binary section that a header points to is missing")
            return True
        finally:
            self.awaits_section = False

    def _section(self, cipher: Cipher | None, limit: int) -> Parser[tuple[str, bytes]]:
        head = yield from self._buffer.read_until(
            MESSAGE_DELIMITER, _SECTION_HEAD_LIMIT, "the head of a binary section"
        )
        values = parse_block(head, max_headers=8)
        identifier, length = headers.required(values, "Identifier"), headers.required(values, "Length")
        size = _number(length)
        if size is None or size > limit:
            raise GNTPProtocolError(f"Length of a binary section must be 0 to {limit}")
        data = yield from self._buffer.read_exact(size)
        if cipher is not None:
            data = _decrypted_section(cipher, data)
        return identifier, data


_ReadBlock: TypeAlias = "dict[str, HeaderValue]"

# By chance, a message hardly ever has two false ends. A peer that has the key can write many, and each costs a
# decryption. So there are no more than these.
_DECRYPTION_ATTEMPTS: Final = 4


def _pointer(name: str, value: str) -> str | None:
    """Return the identifier that a header points to; None for a header that holds text, even one like a pointer."""
    return headers.pointed_identifier(value) if may_point(name) else None


def _pointers(blocks: Iterable[Mapping[str, str]]) -> set[str]:
    """Return the identifiers of the binary sections that headers point to."""
    return {name for block in blocks for key, value in block.items() if (name := _pointer(key, value))}


def _resolved(block: Mapping[str, str], sections: Mapping[str, bytes]) -> _ReadBlock:
    """Replace pointers by the bytes of their sections; a header whose section is missing is left out."""
    return {
        key: value if name is None else Resource(data=sections[name])
        for key, value in block.items()
        if (name := _pointer(key, value)) is None or name in sections
    }


def _number(text: str) -> int | None:
    """Read a number that a peer sent: some ASCII digits; None for anything else that int() would take."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _decrypted_section(cipher: Cipher, data: bytes) -> bytes:
    try:
        return cipher.decrypt(data)
    except GNTPEncryptionError:
        raise GNTPProtocolError("a binary section does not decrypt") from None


def _cipher_for(line: InformationLine, key: Key) -> Cipher:
    algorithm = ciphers.ALGORITHMS.get(line.cipher_id or "")
    try:
        if algorithm is not None:
            algorithm.load()
    except GNTPEncryptionError as error:  # nothing that the peer could mend
        raise GNTPProtocolError(str(error), ErrorCode.INTERNAL_SERVER_ERROR) from error
    try:
        return Cipher(key, line.cipher_id or "", line.iv)
    except GNTPEncryptionError as error:
        raise GNTPProtocolError(str(error), ErrorCode.NOT_AUTHORIZED) from error


# -- The two readers -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Envelope:
    """How a request came: its security and its headers.

    Attributes:
        hash_id: Hash of its key; None when it had no key.
        cipher_id: Its cipher; None when it was in clear.
        headers: All headers of its first block, as sent; pictures by their pointers.
        password: The password that its key was made from; None when it had no key.
        has_tls: Whether it came by TLS.
    """

    hash_id: str | None
    cipher_id: str | None
    headers: Mapping[str, str]
    password: str | None = field(default=None, repr=False)
    has_tls: bool = False

    @property
    def came_by(self) -> str | None:
        """How it was encrypted on its way: ``TLS``, or else the name of its cipher; None for clear text."""
        return "TLS" if self.has_tls else self.cipher_id


@dataclass(frozen=True)
class Demands:
    """What a server demands of each request besides a key.

    Attributes:
        encryption: Whether it must be encrypted, with AES or 3DES: the 56 bits of DES can be searched.
        minimum_hash: Hash that its key must be as long as; None takes every hash.
    """

    encryption: bool = False
    minimum_hash: str | None = None

    def check(self, line: InformationLine) -> None:
        """Check the first line of a request.

        Raises:
            GNTPProtocolError: If the request does not meet the demands: with code 400, and what to do.
        """
        if self.encryption and line.cipher_id not in _STRONG_CIPHERS:
            came = "in clear" if line.cipher_id is None else f"with {line.cipher_id}"
            raise GNTPProtocolError(
                f"this server takes only what is encrypted with {' or '.join(_STRONG_CIPHERS)}, and this came {came}",
                ErrorCode.NOT_AUTHORIZED,
            )
        if self.minimum_hash is not None and line.hash_id is not None:
            least, given = (keys.ALGORITHMS[name].key_size for name in (self.minimum_hash, line.hash_id))
            if given < least:
                raise GNTPProtocolError(
                    f"this server takes only keys hashed with {self.minimum_hash} or a longer hash, not {line.hash_id}",
                    ErrorCode.NOT_AUTHORIZED,
                )


KEY_WANTED: Final = "a password is required"
"""What this package's server answers to what has no key, where it has a password."""

KEY_UNWANTED: Final = "this server has no password: send no key"
"""How a server without a password refuses a key."""

TLS_WANTED: Final = "this server expects TLS: connect with it"
"""How a server with TLS refuses a client without."""

TLS_HANDSHAKE: Final = 0x16
"""First byte of what a client with TLS sends."""

_TLS_ALERT: Final = 0x15
"""First byte of the answer of a server with TLS to a client without."""

_STRONG_CIPHERS: Final = ("AES", "3DES")


class RequestReader(_Reader[Request]):
    """Reads requests, as a server.

    With passwords, each request must have a key made from one of them. Without, none may have a key: it could not be
    checked, and a sender that believes itself authenticated should hear that it is not.

    Attributes:
        envelope: The envelope of the request that ``next_message`` returned last; None before the first.
        line: The information line of the request that is being read, or was read last. None until the line is accepted:
            if the server has passwords, the key must be right.
    """

    def __init__(
        self,
        passwords: Sequence[str] = (),
        limits: Limits = DEFAULT_LIMITS,
        refused: Mapping[str, str] = MappingProxyType({}),
        demands: Demands = Demands(),
        *,
        has_tls: bool = False,
    ) -> None:
        """Prepare for the first request.

        Args:
            passwords: Passwords of which a request must have one; none for a server without a password.
            limits: What is accepted from a peer.
            refused: Message types that are always refused, each with the description of the error.
            demands: What else each request must have.
            has_tls: Whether the bytes come by TLS.
        """
        super().__init__(limits)
        self._passwords = tuple(passwords)
        self._refused = refused
        self._demands = demands
        self._has_tls = has_tls
        self.envelope: Envelope | None = None
        self.line: InformationLine | None = None

    def _refused_at_once(self, first_byte: int) -> GNTPProtocolError | None:
        if first_byte != TLS_HANDSHAKE:
            return None
        return GNTPProtocolError("this is TLS, and this server expects GNTP in clear", ErrorCode.UNKNOWN_PROTOCOL)

    def _message(self, first_line: bytes) -> Parser[Request]:
        self.line = None
        line = headers.parse_information_line(first_line)
        if line.message_type not in REQUEST_TYPES:
            raise GNTPProtocolError(f"unknown request; allowed: {', '.join(REQUEST_TYPES)}")
        if line.message_type in self._refused:
            raise GNTPProtocolError(self._refused[line.message_type])
        key = self._authenticated_key(line)
        cipher = None
        if line.cipher_id is not None:
            if key is None:
                raise GNTPProtocolError("encrypted without a key", ErrorCode.NOT_AUTHORIZED)
            cipher = _cipher_for(line, key)
        self.line = line
        self._demands.check(line)
        if cipher is not None:
            text = yield from self._encrypted_text(cipher)
        else:
            text = yield from self._plain_text(line.message_type)
        late: dict[str, str] = {}
        if line.message_type == "NOTIFY" and self._buffer.data.startswith(_STICKY_LINE):
            yield from self._sticky_block(late)  # only if it came together with the rest; else the message is complete
        blocks = self._request_blocks(text, line.message_type)
        sections: dict[str, bytes] = {}
        wanted = _pointers(blocks)
        if wanted:
            # Parsed headers take up to thirty times the room of their bytes, and a peer may delay its pictures.
            blocks.clear()
            sections = yield from self._sections(wanted, cipher, late)
            blocks = self._request_blocks(text, line.message_type)
        blocks[0] = {**late, **blocks[0]}
        request = REQUEST_TYPES[line.message_type].from_blocks([_resolved(block, sections) for block in blocks])
        self.overhead = 0
        password = None if key is None else key.password.decode("utf-8")
        self.envelope = Envelope(line.hash_id, line.cipher_id, blocks[0], password, self._has_tls)
        return request

    def _without_cr(self, line: bytes) -> bytes:
        if line.endswith(b"\r"):
            return line[:-1]
        headers.parse_information_line(line)  # raises a clearer error if this is not GNTP at all
        raise GNTPProtocolError("a line ends with LF alone; in GNTP lines end with CR LF")

    def _plain_text(self, message_type: str) -> Parser[bytes]:
        """Read all header blocks; they are parsed only when the last one is there."""
        budget = self._limits.header_block
        first = yield from self._plain_block(budget)
        if message_type != "REGISTER":
            return first
        text = bytearray(first)
        budget -= len(first)
        for _ in range(self._type_count(self._blocks(first)[0])):
            data = yield from self._plain_block(budget)
            budget -= len(data)
            text += MESSAGE_DELIMITER + data
        return bytes(text)

    def _request_blocks(self, text: bytes, message_type: str) -> list[dict[str, str]]:
        blocks = self._blocks(text)
        if message_type == "NOTIFY" and len(blocks) == 2 and blocks[1].keys() == {_STICKY}:
            blocks[0].setdefault(_STICKY, blocks.pop()[_STICKY])  # see _sticky_block
        expected = 1 + (self._type_count(blocks[0]) if message_type == "REGISTER" else 0)
        if len(blocks) != expected:
            raise GNTPProtocolError(f"expected {expected} header blocks, not {len(blocks)}")
        return blocks

    def _type_count(self, block: Mapping[str, str]) -> int:
        count = _number(headers.required(block, "Notifications-Count"))
        if count is None or not 0 < count <= self._limits.types:
            raise GNTPProtocolError(f"Notifications-Count must be 1 to {self._limits.types}")
        return count

    def _authenticated_key(self, line: InformationLine) -> Key | None:
        """Return the key that the request was made with; None if the server has no password."""
        if line.hash_id is None:
            if self._passwords:
                raise GNTPProtocolError(KEY_WANTED, ErrorCode.NOT_AUTHORIZED)
            return None
        if not self._passwords:
            raise GNTPProtocolError(KEY_UNWANTED, ErrorCode.NOT_AUTHORIZED)
        try:
            candidates = [Key(password, line.hash_id, line.salt) for password in self._passwords]
        except ValueError as error:
            raise GNTPProtocolError(str(error), ErrorCode.NOT_AUTHORIZED) from error
        matching = [key for key in candidates if key.verify_hash(line.key_hash)]  # all are compared: constant time
        if not matching:
            raise GNTPProtocolError("the key does not match the password", ErrorCode.NOT_AUTHORIZED)
        return matching[0]


def begins_like_an_error(data: bytes) -> bool:
    """Tell whether a server's bytes begin with the information line of an -ERROR, well-formed or not."""
    line, end, _ = data.partition(LINE_DELIMITER)
    return bool(end) and RESPONSE_ERROR.encode() in line.upper().split(b" ")


class ResponseReader(_Reader[Response]):
    """Reads responses, as a client.

    Growl for Windows and growl-for-linux always answer in clear. By the specification, a response is encrypted like its
    request. Both are read.

    Attributes:
        key: Key of the request that is answered next, for an encrypted response.
    """

    def __init__(self, key: Key | None = None, limits: Limits = DEFAULT_LIMITS) -> None:
        """Prepare for the first response.

        Args:
            key: Key of the request, for an encrypted response.
            limits: What is accepted from a server.
        """
        super().__init__(limits)
        self.key = key

    def _refused_at_once(self, first_byte: int) -> GNTPProtocolError | None:
        return GNTPProtocolError(TLS_WANTED) if first_byte == _TLS_ALERT else None

    def _message(self, first_line: bytes) -> Parser[Response]:
        """Read the headers. A pointer stays a text: servers echo Data- headers, often without the section."""
        line = headers.parse_information_line(first_line, response=True)
        if line.message_type not in RESPONSE_TYPES:
            raise GNTPProtocolError(f"unknown response; allowed: {', '.join(sorted(RESPONSE_TYPES))}")
        if line.cipher_id is not None:
            text = yield from self._encrypted_text(_cipher_for(line, self._response_key(line)))
        else:
            text = yield from self._plain_block(self._limits.header_block)
        return Response(line.message_type, self._blocks(text)[0])

    def _response_key(self, line: InformationLine) -> Key:
        """Return the request's key, or the key made with the response's own salt."""
        if self.key is None:
            raise GNTPProtocolError("an encrypted response to a request without a key")
        if line.hash_id is None or not line.salt:
            return self.key
        try:
            key = keys.Key(self.key.password.decode("utf-8"), line.hash_id, line.salt)
        except ValueError as error:
            raise GNTPProtocolError(str(error)) from error
        if not key.verify_hash(line.key_hash):  # noise may decrypt to something that looks like headers
            raise GNTPProtocolError("the response is encrypted with another password")
        return key
