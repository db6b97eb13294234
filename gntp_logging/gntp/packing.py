"""How a client secures its messages: each gets a salt and an initialization vector of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import ciphers, keys
from .exceptions import GNTPEncryptionError
from .keys import Key
from .origin import origin_lines
from .requests import Request
from .wire import encode


@dataclass(frozen=True)
class Packer:
    """Turns one request into bytes.

    Attributes:
        key: The message's key; None without a password.
        cipher: The message's cipher; None without encryption.
    """

    key: Key | None
    cipher: ciphers.Cipher | None

    def pack(self, request: Request, *, half_close: bool = True, keep_alive: bool = False) -> bytes:
        """Encode a request.

        Args:
            half_close: Whether the sending side is shut down after it.
            keep_alive: Whether the server is asked to keep the connection.

        Raises:
            GNTPEncryptionError: If encryption fails.
            GNTPValidationError: If the name of a custom header is not valid.
        """
        return encode(
            request,
            key=self.key,
            cipher=self.cipher,
            half_close=half_close,
            keep_alive=keep_alive,
            more_lines=origin_lines(),
        )


_IN_CLEAR = Packer(None, None)


@dataclass(frozen=True)
class PackerFactory:
    """Gives each message of one client a key and a cipher of its own.

    Attributes:
        password: The password; None sends messages without a key.
        key_hashing: Hash algorithm of the keys.
        encryption: Cipher algorithm; None sends messages in clear.
    """

    password: str | None = field(repr=False)
    key_hashing: keys.Algorithm
    encryption: ciphers.Algorithm | None

    def __post_init__(self) -> None:
        """Refuse encryption that would fail later, or be left out silently, and load what sending needs.

        Raises:
            GNTPEncryptionError: If encryption has no password, a hash that is too short, or not the library it needs.
        """
        origin_lines()  # asks the system now, and never again
        if self.encryption is None:
            return
        if self.password is None:
            raise GNTPEncryptionError("encryption needs a password: give one, or leave encryption out")
        ciphers.require_key_size(
            self.encryption.algorithm_id,
            self.encryption.key_size,
            self.key_hashing.algorithm_id,
            self.key_hashing.key_size,
        )
        self.encryption.load()

    def create(self) -> Packer:
        """Return a packer for one message: "fresh salt and initialization vector for each"."""
        if self.password is None:
            return _IN_CLEAR
        key = self.key_hashing.key(self.password)
        return Packer(key, self.encryption.cipher(key) if self.encryption else None)
