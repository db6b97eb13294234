"""Authentication keys: a password and a salt, hashed.

"Security" in the specification: the password's UTF-8 bytes and the salt are hashed into the key, the key is hashed
once more into the key hash, and the key hash travels with the salt in the information line. The key itself is
also what the ciphers use.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .constants import encode_utf8, random_bytes

SALT_SIZE: Final = 16
"""Bytes of a fresh salt: "at least four bytes" says the specification; sixteen make repeats impossible in practice."""

_HASHES: Final = {
    "MD5": hashlib.md5,
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA384": hashlib.sha384,
    "SHA512": hashlib.sha512,
}
"""The hash functions by name. SHA384 is not in the specification; Growl for Windows reads and writes it."""


class Key:
    """Authentication key of one GNTP message.

    Attributes:
        password: The password as UTF-8 bytes.
        algorithm_id: Name of the hash algorithm, such as ``"SHA256"``.
        salt: The salt's bytes.
        key: ``HASH(password + salt)``, bytes. Cipher keys are cut from its front.
        key_hash: ``HASH(key)``, bytes. This is what the peer compares.
    """

    def __init__(self, password: str, algorithm_id: str = "SHA256", salt: bytes | None = None) -> None:
        """Derive the key.

        Args:
            password: The password that both sides know.
            algorithm_id: ``MD5``, ``SHA1``, ``SHA256`` or ``SHA512`` (and ``SHA384``, for reading other programs).
            salt: The salt; None draws a fresh one of 16 bytes.

        Raises:
            ValueError: If the algorithm is not supported.
        """
        if algorithm_id not in _HASHES:
            raise ValueError(f"hash algorithm {algorithm_id!r} is not supported; allowed: {', '.join(_HASHES)}")
        self.password: bytes = encode_utf8(password)
        self.algorithm_id = algorithm_id
        self.salt: bytes = random_bytes(SALT_SIZE) if salt is None else salt
        self.key: bytes = _digest(algorithm_id, self.password + self.salt)
        self.key_hash: bytes = _digest(algorithm_id, self.key)

    @property
    def salt_hex(self) -> bytes:
        """The salt in hexadecimal."""
        return self.salt.hex().encode("ascii")

    @property
    def key_hex(self) -> bytes:
        """The key in hexadecimal."""
        return self.key.hex().encode("ascii")

    @property
    def key_hash_hex(self) -> bytes:
        """The key hash in hexadecimal."""
        return self.key_hash.hex().encode("ascii")

    def verify_password(self, password: str) -> bool:
        """Tell whether a password gives this key, in constant time."""
        return self.verify_hash(Key(password, self.algorithm_id, self.salt).key_hash)

    def verify_hash(self, key_hash: bytes) -> bool:
        """Tell whether a key hash that a peer sent is this key's, in constant time."""
        return hmac.compare_digest(self.key_hash, key_hash)

    def __repr__(self) -> str:
        """Show the algorithm only: password, key and salt stay secret."""
        return f"<Key {self.algorithm_id}>"

    def __eq__(self, other: object) -> bool:
        """Compare algorithm, salt and key."""
        if not isinstance(other, Key):
            return NotImplemented
        same_origin = self.algorithm_id == other.algorithm_id and self.salt == other.salt
        return hmac.compare_digest(self.key, other.key) and same_origin

    def __hash__(self) -> int:
        """Hash the public parts of what :meth:`__eq__` compares."""
        return hash((self.algorithm_id, self.salt, self.key_hash))


@dataclass(frozen=True, repr=False)
class Algorithm:
    """A hash algorithm from which keys are made.

    Attributes:
        algorithm_id: Name in the information line: ``MD5``, ``SHA1``, ``SHA256`` or ``SHA512``.
        key_size: Bytes of the digest.
    """

    algorithm_id: str
    key_size: int

    def key(self, password: str, salt: bytes | None = None) -> Key:
        """Make a key with this algorithm.

        Args:
            password: The password that both sides know.
            salt: The salt; None draws a fresh one.

        Raises:
            ValueError: If the algorithm is not supported.
        """
        return Key(password, self.algorithm_id, salt)

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"Algorithm({self.algorithm_id!r}, {self.key_size})"


def _digest(algorithm_id: str, data: bytes) -> bytes:
    # MD5 and SHA1 are for old servers and protect nothing: a FIPS build must not refuse them here.
    return _HASHES[algorithm_id](data, usedforsecurity=False).digest()


MD5 = Algorithm("MD5", 16)
SHA1 = Algorithm("SHA1", 20)
SHA256 = Algorithm("SHA256", 32)
SHA384 = Algorithm("SHA384", 48)
SHA512 = Algorithm("SHA512", 64)

ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    algorithm.algorithm_id: algorithm for algorithm in (MD5, SHA1, SHA256, SHA384, SHA512)
}
"""Every hash algorithm by its name, for reading. For sending, prefer the specification's four."""
