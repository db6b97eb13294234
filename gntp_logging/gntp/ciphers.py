"""Encryption of GNTP messages: AES, DES and 3DES in CBC mode with PKCS#7 padding.

The ciphers are pycryptodomex's, which takes 45 ms to import: it is loaded by the first :class:`Cipher` or by
:meth:`Algorithm.load`, which long-lived clients call in their constructors.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, NamedTuple

from .constants import random_bytes
from .exceptions import GNTPEncryptionError
from .keys import Key


class _Parameters(NamedTuple):
    module: str
    key_size: int
    block_size: int


# "Encryption": AES "key length 24 bytes, block size 16, iv 16"; DES "8, 8, 8"; 3DES "24, 8, 8".
_PARAMETERS: Final = {
    "AES": _Parameters("Cryptodome.Cipher.AES", 24, 16),
    "DES": _Parameters("Cryptodome.Cipher.DES", 8, 8),
    "3DES": _Parameters("Cryptodome.Cipher.DES3", 24, 8),
}


class Cipher:
    """Encrypts and decrypts the parts of one GNTP message.

    Attributes:
        key: The :class:`~gntp_logging.gntp.keys.Key` whose first bytes are the cipher's key.
        algorithm_id: ``"AES"``, ``"DES"`` or ``"3DES"``.
        algorithm: The pycryptodomex module that does the work.
        key_size: Bytes of the cipher's key.
        iv: The initialization vector, as long as a block. Every part of one message uses the same.
    """

    def __init__(self, key: Key, algorithm_id: str = "AES", iv: bytes | None = None) -> None:
        """Bind a key to an algorithm.

        Args:
            key: Key whose hash is at least as long as the cipher's key.
            algorithm_id: ``AES``, ``DES`` or ``3DES``.
            iv: The initialization vector; None draws a fresh one.

        Raises:
            GNTPEncryptionError: If the algorithm is unknown, pycryptodomex is missing, the key is too short or
                the initialization vector has the wrong length.
        """
        self.algorithm: ModuleType
        self.algorithm, self._padding = _load(algorithm_id)
        parameters = _PARAMETERS[algorithm_id]
        require_key_size(algorithm_id, parameters.key_size, key.algorithm_id, len(key.key))
        if iv is not None and len(iv) != parameters.block_size:
            raise GNTPEncryptionError(
                f"the initialization vector of {algorithm_id} has {parameters.block_size} bytes, not {len(iv)}"
            )
        self.key = key
        self.algorithm_id = algorithm_id
        self.key_size: int = parameters.key_size
        self.block_size: int = parameters.block_size
        self.iv: bytes = random_bytes(parameters.block_size) if iv is None else iv

    @property
    def iv_hex(self) -> bytes:
        """The initialization vector in hexadecimal."""
        return self.iv.hex().encode("ascii")

    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypt one part of a message.

        Returns:
            The ciphertext, a whole number of blocks, at least one.

        Raises:
            GNTPEncryptionError: If encryption fails.
        """
        try:
            encrypted: bytes = self._new().encrypt(self._padding.pad(plaintext, self.block_size))
        except (ValueError, TypeError) as error:
            raise GNTPEncryptionError(f"cannot encrypt with {self.algorithm_id}: {error}") from error
        return encrypted

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt one part of a message.

        Args:
            ciphertext: What :meth:`encrypt` returned, on either side.

        Raises:
            GNTPEncryptionError: If the data is not a whole number of blocks, or the padding is wrong, as it is with a
                wrong key.
        """
        try:
            decrypted: bytes = self._padding.unpad(self._new().decrypt(ciphertext), self.block_size)
        except (ValueError, TypeError) as error:
            raise GNTPEncryptionError(f"cannot decrypt with {self.algorithm_id}: {error}") from error
        return decrypted

    def renewed(self) -> Cipher:
        """Return the same cipher with a fresh initialization vector."""
        return Cipher(self.key, self.algorithm_id)

    def _new(self) -> Any:  # pycryptodomex: each module's cipher object has a type of its own
        return self.algorithm.new(self.key.key[: self.key_size], self.algorithm.MODE_CBC, iv=self.iv)

    def __repr__(self) -> str:
        """Show the algorithm only."""
        return f"<Cipher {self.algorithm_id}>"

    def __bool__(self) -> bool:
        """Return True: a cipher encrypts."""
        return True


@dataclass(frozen=True, repr=False)
class Algorithm:
    """A cipher algorithm from which ciphers are made.

    Attributes:
        algorithm_id: Name in the information line: ``AES``, ``DES`` or ``3DES``.
        key_size: Bytes of key it needs; the hash must be at least as long.
    """

    algorithm_id: str
    key_size: int

    def cipher(self, key: Key) -> Cipher:
        """Make a cipher with a fresh initialization vector.

        Args:
            key: Key of the same message.

        Raises:
            GNTPEncryptionError: If the key is too short or pycryptodomex is missing.
        """
        return Cipher(key, self.algorithm_id)

    def load(self) -> None:
        """Import what encrypting and decrypting need, so that no later call imports anything.

        Raises:
            GNTPEncryptionError: If the algorithm is unknown, or pycryptodomex is missing or does not work here.
        """
        _load(self.algorithm_id)

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"Algorithm({self.algorithm_id!r}, {self.key_size})"


def require_key_size(cipher_id: str, needed: int, hash_id: str, available: int) -> None:
    """Refuse a hash that is too short for a cipher.

    "Encryption": "the hash algorithm used to generate the key must produce a key at least as long as the cipher's".

    Args:
        cipher_id: Name of the cipher.
        needed: Bytes of key the cipher needs.
        hash_id: Name of the hash.
        available: Bytes the hash gives.

    Raises:
        GNTPEncryptionError: If the hash gives fewer bytes than needed.
    """
    if available < needed:
        raise GNTPEncryptionError(
            f"{cipher_id} needs a key of {needed} bytes and {hash_id} gives {available}: use SHA256 or SHA512"
        )


@functools.cache
def _load(algorithm_id: str) -> tuple[ModuleType, ModuleType]:
    """Import the cipher's module and the padding's, and what they import themselves when they are used."""
    try:
        name, key_size, block_size = _PARAMETERS[algorithm_id]
    except KeyError:
        raise GNTPEncryptionError(
            f"encryption algorithm {algorithm_id!r} is not supported; allowed: {', '.join(_PARAMETERS)}"
        ) from None
    try:
        module, padding = importlib.import_module(name), importlib.import_module("Cryptodome.Util.Padding")
        module.new(bytes(range(key_size)), module.MODE_CBC, iv=bytes(block_size))
    except ModuleNotFoundError as error:
        raise GNTPEncryptionError("encryption needs pycryptodomex: pip install pycryptodomex") from error
    except (ImportError, OSError) as error:  # its compiled part: in a zip archive, or from another platform
        reason = f"{name} cannot be loaded: {error}"
        raise GNTPEncryptionError(f"{reason}; unpack the archive that holds it, or leave encryption out") from error
    return module, padding


AES = Algorithm("AES", 24)
DES = Algorithm("DES", 8)
DES3 = Algorithm("3DES", 24)

ALGORITHMS: Final[Mapping[str, Algorithm]] = {algorithm.algorithm_id: algorithm for algorithm in (AES, DES, DES3)}
"""Every cipher algorithm by its name."""
