"""ciphers: AES, DES and 3DES, in CBC mode with PKCS#7 padding."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.exceptions import GNTPEncryptionError

ALGORITHMS = [ciphers.AES, ciphers.DES, ciphers.DES3]
HASHES = [keys.MD5, keys.SHA1, keys.SHA256, keys.SHA512]


def test_known_answer() -> None:
    """AES-192 in CBC mode, computed with OpenSSL's command line."""
    key = keys.Key("secret", "SHA256", b"0123456789abcdef")
    cipher = Cipher(key, "AES", bytes(range(16)))
    assert (
        cipher.encrypt(b"Application-Name: shop\r\n").hex()
        == "e091fe2bae78dde151d0ec553d149eec8208f1d1a4567f5acd46aca6d623746d"
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
@given(plaintext=st.binary(max_size=200))
def test_what_was_encrypted_is_decrypted(algorithm: ciphers.Algorithm, plaintext: bytes) -> None:
    """For every length; the ciphertext is a whole number of blocks, and longer than the text."""
    cipher = algorithm.cipher(keys.SHA512.key("secret"))
    encrypted = cipher.encrypt(plaintext)
    assert len(encrypted) % cipher.block_size == 0
    assert len(plaintext) < len(encrypted) <= len(plaintext) + cipher.block_size
    assert cipher.decrypt(encrypted) == plaintext
    again = Cipher(cipher.key, algorithm.algorithm_id, cipher.iv)
    assert again.decrypt(encrypted) == plaintext


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
def test_each_cipher_has_an_initialization_vector_of_its_own(algorithm: ciphers.Algorithm) -> None:
    """As long as a block, fresh, and fresh again when renewed."""
    key = keys.SHA256.key("secret")
    one, other = algorithm.cipher(key), algorithm.cipher(key)
    assert one.iv != other.iv
    assert one.renewed().iv != one.iv
    assert len(one.iv) == one.block_size
    assert one.iv_hex == one.iv.hex().encode()
    assert bool(one)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
@pytest.mark.parametrize("hashing", HASHES, ids=repr)
def test_a_hash_that_is_too_short_is_refused(algorithm: ciphers.Algorithm, hashing: keys.Algorithm) -> None:
    """AES and 3DES need 24 bytes of key, which MD5 and SHA1 do not give."""
    key = hashing.key("secret")
    if hashing.key_size >= algorithm.key_size:
        assert algorithm.cipher(key).key_size == algorithm.key_size
    else:
        with pytest.raises(GNTPEncryptionError, match=f"{algorithm.algorithm_id} needs a key of 24 bytes"):
            algorithm.cipher(key)


def test_an_unknown_algorithm_is_refused() -> None:
    """The error names it and what is allowed."""
    with pytest.raises(GNTPEncryptionError, match="'ROT13' is not supported; allowed: AES, DES, 3DES"):
        Cipher(keys.SHA256.key("x"), "ROT13")


def test_an_initialization_vector_of_another_length_is_refused() -> None:
    """It is as long as a block."""
    with pytest.raises(GNTPEncryptionError, match="initialization vector of AES has 16 bytes, not 8"):
        Cipher(keys.SHA256.key("x"), "AES", b"12345678")


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
@given(data=st.binary(max_size=100))
def test_what_does_not_decrypt_is_an_encryption_error(algorithm: ciphers.Algorithm, data: bytes) -> None:
    """Other bytes give the one error, or, rarely, something that happens to be padded."""
    cipher = algorithm.cipher(keys.SHA256.key("secret"))
    try:
        cipher.decrypt(data)
    except GNTPEncryptionError:
        pass


def test_text_instead_of_bytes_is_an_encryption_error() -> None:
    """Not pycryptodomex's own."""
    with pytest.raises(GNTPEncryptionError):
        ciphers.AES.cipher(keys.SHA256.key("x")).encrypt("text")  # type: ignore[arg-type]  # that is the test


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pycryptodomex the error says what to install."""
    monkeypatch.setitem(sys.modules, "Cryptodome.Cipher.AES", None)
    with pytest.raises(GNTPEncryptionError, match="pip install pycryptodomex"):
        ciphers.AES.load()


def test_nothing_secret_is_shown() -> None:
    """The repr holds no key."""
    assert repr(ciphers.AES.cipher(keys.SHA256.key("hunter2"))) == "<Cipher AES>"
    assert repr(ciphers.DES3) == "Algorithm('3DES', 24)"
