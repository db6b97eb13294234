"""keys: a password and a salt, hashed twice."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp import keys
from gntp_logging.gntp.keys import Key

CAPTURES = Path(__file__).parent / "captures"
ALGORITHMS = list(keys.ALGORITHMS.values())


def test_known_answer() -> None:
    """MD5(MD5(password + salt)), as gntp-send computed it."""
    key = Key("secret", "MD5", bytes.fromhex("9b5d3aaed0e90dc8"))
    assert key.key_hash_hex == b"a757ffbab359bf4f80d56f5b9e967fc6"  # sent by gntp-send 0.3.4
    assert key.salt_hex == b"9b5d3aaed0e90dc8"


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
@given(password=st.text(max_size=40), salt=st.binary(min_size=1, max_size=128))
def test_a_key_is_the_hash_of_password_and_salt(algorithm: keys.Algorithm, password: str, salt: bytes) -> None:
    """Key and key hash are computed here once more, with hashlib alone."""
    key = algorithm.key(password, salt)
    digest = getattr(hashlib, algorithm.algorithm_id.lower())
    expected = digest(password.encode("utf-8") + salt).digest()
    assert key.key == expected
    assert key.key_hash == digest(expected).digest()
    assert (key.password, key.salt, key.algorithm_id) == (password.encode("utf-8"), salt, algorithm.algorithm_id)
    assert len(key.key) == algorithm.key_size
    assert (key.key_hex, key.key_hash_hex) == (key.key.hex().encode(), key.key_hash.hex().encode())


KEYED = sorted(path for path in CAPTURES.glob("*.bin") if b":" in path.read_bytes().partition(b"\r\n")[0])


@pytest.mark.parametrize("path", KEYED, ids=lambda path: str(path.stem))
def test_the_key_hashes_of_other_programs_are_understood(path: Path) -> None:
    """What gntp, gntp-send and gntplib sent is what their password and salt give, and no other password does."""
    algorithm_id, _, rest = path.read_bytes().partition(b"\r\n")[0].split()[-1].decode().partition(":")
    sent, salt = (bytes.fromhex(part) for part in rest.split("."))
    digest = getattr(hashlib, algorithm_id.lower())
    assert digest(digest(b"secret" + salt).digest()).digest() == sent
    assert Key("secret", algorithm_id, salt).verify_hash(sent)
    assert not Key("Secret", algorithm_id, salt).verify_hash(sent)


def test_a_password_that_is_no_utf_8_gives_a_key() -> None:
    """A lone surrogate is hashed as U+FFFD."""
    assert Key("a\ud800", salt=b"salt") == Key("a\ufffd", salt=b"salt")


def test_each_key_has_a_salt_of_its_own() -> None:
    """Sixteen fresh bytes."""
    one, other = Key("secret"), Key("secret")
    assert len(one.salt) == 16
    assert one.salt != other.salt
    assert one != other


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
def test_a_password_is_verified(algorithm: keys.Algorithm) -> None:
    """The right one is, others are not."""
    key = algorithm.key("sëcret")
    assert key.verify_password("sëcret")
    assert not key.verify_password("secret")
    assert not key.verify_password("")


def test_comparisons_take_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both verify methods and == go through hmac.compare_digest."""
    calls: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        calls.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    key = Key("secret")
    assert key.verify_password("secret")
    assert key.verify_hash(key.key_hash)
    assert key == Key("secret", salt=key.salt)
    assert len(calls) == 3


def test_equal_keys_are_equal_and_hash_alike() -> None:
    """Algorithm, salt and password make a key."""
    one = Key("secret", "SHA256", b"salt")
    assert one == Key("secret", "SHA256", b"salt")
    assert hash(one) == hash(Key("secret", "SHA256", b"salt"))
    assert one != Key("other", "SHA256", b"salt")
    assert one != Key("secret", "SHA256", b"tlas")
    assert one != Key("secret", "MD5", b"salt")
    assert one != "secret"


def test_an_unknown_algorithm_is_refused() -> None:
    """The error names it and what is allowed."""
    with pytest.raises(ValueError, match="'SHA3' is not supported; allowed: MD5, SHA1, SHA256, SHA384, SHA512"):
        Key("secret", "SHA3")


def test_nothing_secret_is_shown() -> None:
    """The repr holds neither password nor key."""
    key = Key("hunter2")
    assert repr(key) == f"{key}" == "<Key SHA256>"
    assert repr(keys.SHA256) == "Algorithm('SHA256', 32)"


def test_algorithms_are_found_by_their_names() -> None:
    """Each name that the information line may have, and the one of Growl for Windows; with the size of its digest."""
    names = {"MD5": keys.MD5, "SHA1": keys.SHA1, "SHA256": keys.SHA256, "SHA384": keys.SHA384, "SHA512": keys.SHA512}
    assert names == keys.ALGORITHMS
    for name, algorithm in names.items():
        assert algorithm == keys.Algorithm(name, len(Key("secret", name).key))


def test_an_algorithm_is_a_value() -> None:
    """Equal to one with the same name and size; nobody can change what the others share."""
    assert keys.Algorithm("SHA256", 31) != keys.SHA256
    assert len({keys.SHA256, keys.Algorithm("SHA256", 32)}) == 1
    with pytest.raises(AttributeError):
        keys.SHA256.key_size = 8  # type: ignore[misc]  # which is what is tried
