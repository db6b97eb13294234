"""ciphers: AES, DES and 3DES, in CBC mode with PKCS#7 padding."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.exceptions import GNTPEncryptionError
from tests.support import run_program

CAPTURES = Path(__file__).parent / "captures"
ALGORITHMS = list(ciphers.ALGORITHMS.values())
HASHES = list(keys.ALGORITHMS.values())


def test_known_answer() -> None:
    """AES-192 in CBC mode, computed with OpenSSL's command line."""
    key = keys.Key("secret", "SHA256", b"0123456789abcdef")
    cipher = Cipher(key, "AES", bytes(range(16)))
    assert (
        cipher.encrypt(b"Application-Name: shop\r\n").hex()
        == "e091fe2bae78dde151d0ec553d149eec8208f1d1a4567f5acd46aca6d623746d"
    )


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.plain")), ids=lambda path: str(path.stem))
def test_the_ciphertexts_of_other_programs_are_decrypted(path: Path) -> None:
    """Byte for byte what was recorded beside them, and encrypted again they are what was sent."""
    line, _, rest = path.with_suffix(".bin").read_bytes().partition(b"\r\n")
    _, _, encryption, authentication = line.decode().split()
    iv = bytes.fromhex(encryption.partition(":")[2])
    key = keys.SHA256.key("secret", bytes.fromhex(authentication.partition(".")[2]))
    ciphertext = rest.partition(b"\r\n\r\n")[0]
    cipher = Cipher(key, "AES", iv)
    assert cipher.decrypt(ciphertext) == path.read_bytes()
    assert cipher.encrypt(path.read_bytes()) == ciphertext


@pytest.mark.parametrize(
    ("algorithm_id", "ciphertext"),
    [
        ("DES", "47d81c9bbcdf5b5250b871e366b8947436acb080e184dc6a8db5046d31b84325"),
        ("3DES", "1956e0783e27aee71459cb34dab7d5f933777ef325cbda3103463b4f184efa0c"),
    ],
)
def test_known_answers_of_the_older_ciphers(algorithm_id: str, ciphertext: str) -> None:
    """DES and 3DES in CBC mode, computed with OpenSSL's command line."""
    cipher = Cipher(keys.Key("secret", "SHA256", b"0123456789abcdef"), algorithm_id, bytes(range(8)))
    assert cipher.encrypt(b"Application-Name: shop\r\n").hex() == ciphertext


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
@given(plaintext=st.binary(max_size=100), password=st.text(max_size=10).filter(lambda text: text != "secret"))
def test_a_wrong_password_never_gives_the_text(algorithm: ciphers.Algorithm, plaintext: bytes, password: str) -> None:
    """It gives the encryption error, or, where the last block looks padded by chance, something else."""
    cipher = algorithm.cipher(keys.SHA256.key("secret"))
    wrong = Cipher(keys.SHA256.key(password, cipher.key.salt), algorithm.algorithm_id, cipher.iv)
    try:
        decrypted = wrong.decrypt(cipher.encrypt(plaintext))
    except GNTPEncryptionError:
        return
    assert decrypted != plaintext


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
    """Other bytes give the one error, or, rarely, something that happens to be padded; parts of a block never do."""
    cipher = algorithm.cipher(keys.SHA256.key("secret"))
    try:
        decrypted = cipher.decrypt(data)
    except GNTPEncryptionError:
        return
    assert data
    assert len(data) % cipher.block_size == 0
    assert cipher.encrypt(decrypted) == data


def test_text_instead_of_bytes_is_an_encryption_error() -> None:
    """Not pycryptodomex's own."""
    with pytest.raises(GNTPEncryptionError):
        ciphers.AES.cipher(keys.SHA256.key("x")).encrypt("text")  # type: ignore[arg-type]  # that is the test


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pycryptodomex the error says what to install."""
    monkeypatch.setitem(sys.modules, "Cryptodome.Cipher.AES", None)
    ciphers._load.cache_clear()
    with pytest.raises(GNTPEncryptionError, match="pip install pycryptodomex"):
        ciphers.AES.load()


@pytest.mark.parametrize("failure", [OSError("Cannot load native module"), ImportError("wrong ELF class")], ids=repr)
@pytest.mark.parametrize("step", ["import", "first use"])
def test_a_library_that_does_not_work_here_is_no_error_of_the_system(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, step: str
) -> None:
    """In a zip archive its compiled part cannot be loaded; the error says what, why, and what to do."""

    def fail(*_: object, **__: object) -> object:
        raise failure

    module = importlib.import_module("Cryptodome.Cipher.AES")
    if step == "import":
        monkeypatch.setattr(importlib, "import_module", fail)
    else:
        monkeypatch.setattr(module, "new", fail)
    ciphers._load.cache_clear()
    reason = f"Cryptodome.Cipher.AES cannot be loaded: {failure}; unpack the archive that holds it, or leave encryption"
    for use in (ciphers.AES.load, lambda: ciphers.AES.cipher(keys.SHA256.key("x"))):
        with pytest.raises(GNTPEncryptionError, match=re.escape(reason)):
            use()


@pytest.mark.program
def test_what_encryption_needs_is_loaded_at_once() -> None:
    """After load, encrypting imports nothing more: a background thread must not."""
    code = """
        import sys
        from gntp_logging.gntp import ciphers, keys
        assert not any(name.startswith("Cryptodome") for name in sys.modules)
        key = keys.SHA256.key("secret")
        ciphers.AES.load()
        loaded = set(sys.modules)
        cipher = ciphers.AES.cipher(key)
        assert cipher.decrypt(cipher.encrypt(b"text")) == b"text"
        print(sorted(set(sys.modules) - loaded))
    """
    assert run_program(code).stdout == "[]\n"


def test_nothing_secret_is_shown() -> None:
    """The repr holds no key."""
    assert repr(ciphers.AES.cipher(keys.SHA256.key("hunter2"))) == "<Cipher AES>"
    assert repr(ciphers.DES3) == "Algorithm('3DES', 24)"


def test_algorithms_are_values_and_are_found_by_their_names() -> None:
    """And nobody can change what the others share."""
    assert ciphers.ALGORITHMS == {"AES": ciphers.AES, "DES": ciphers.DES, "3DES": ciphers.DES3}
    assert ciphers.Algorithm("AES", 24) == ciphers.AES != ciphers.Algorithm("AES", 16)
    with pytest.raises(AttributeError):
        ciphers.AES.key_size = 8  # type: ignore[misc]  # which is what is tried
