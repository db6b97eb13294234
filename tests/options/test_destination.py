"""Where alerts go: the options that say it, checked as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gntp_logging import GNTPHandler, OptionError
from gntp_logging.configuration.environment import DEFAULTS
from gntp_logging.gntp import ciphers, keys
from gntp_logging.options.destination import OPTIONS, Destination
from tests.certificates import Issuer


def destination(**options: object) -> Destination:
    """Return the destination of a handler with these options."""
    return Destination.from_options(**{option: DEFAULTS[option] for option in OPTIONS} | options)


def test_it_names_the_server_and_keeps_the_secret() -> None:
    """In words for people, and in its repr."""
    found = destination(host="::1", password="hunter2", encryption="AES")
    assert (str(found), found.security_description) == ("[::1]:23053", "encrypted (AES, SHA256)")
    assert "hunter2" not in repr(found)
    assert destination(password="x").security_description == "with a password (SHA256), in clear"
    assert destination().security_description == "without a password"


def test_a_password_in_a_host_is_not_shown() -> None:
    """Where somebody gives a URL's user information."""
    with pytest.raises(ValueError, match="host: allowed is") as refused:
        destination(host="user:hunter2@desk")
    assert "hunter2" not in str(refused.value)


def test_a_file_that_windows_has_marked(tmp_path: Path) -> None:
    """The mark at its beginning is no part of the password."""
    (tmp_path / "password").write_text("secret", "utf-8-sig")
    assert destination(password_file=tmp_path / "password").password == "secret"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("[fe80::1%2]", "fe80::1%2"),
        ("127.0.0.1", "127.0.0.1"),
        ("growl.example.", "growl.example."),
        ("höst", "höst"),
    ],
)
def test_hosts_are_names_and_addresses(given: str, host: str) -> None:
    """Brackets around an IPv6 address are taken off."""
    assert destination(host=given).host == host


@pytest.mark.parametrize("cipher", ["AES", "3DES"])
@pytest.mark.parametrize("hashing", ["MD5", "SHA1"])
def test_a_hash_too_short_for_the_cipher_is_refused(cipher: str, hashing: str) -> None:
    """Encryption that is impossible is an error at construction, never plain text."""
    with pytest.raises(ValueError, match=f"encryption: {cipher} needs a key of 24 bytes and {hashing} gives"):
        GNTPHandler(password="secret", key_hashing=hashing, encryption=cipher)


def test_only_one_source_of_the_password_is_allowed() -> None:
    """Two of the three are refused by name, and the password is not in the message."""
    with pytest.raises(ValueError, match="password, password_env: give one of them, not 2") as refused:
        GNTPHandler(password="hunter2", password_env="GNTP_PASSWORD")
    assert "hunter2" not in str(refused.value)


def test_a_password_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """password_env names a variable; an empty one is refused."""
    monkeypatch.setenv("GNTP_LOGGING_TEST", "secret")
    assert destination(password_env="GNTP_LOGGING_TEST").password == "secret"
    monkeypatch.setenv("GNTP_LOGGING_TEST", "")
    with pytest.raises(ValueError, match="password_env: the environment variable 'GNTP_LOGGING_TEST' is empty"):
        destination(password_env="GNTP_LOGGING_TEST")


def test_a_password_comes_from_a_files_first_line(tmp_path: Path) -> None:
    """password_file gives its first line without the line end, blanks kept."""
    file = tmp_path / "password"
    file.write_bytes(b" sec ret \r\nsecond line\n")
    assert destination(password_file=file).password == " sec ret "
    assert destination(password_file=str(file)).password == " sec ret "


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_password_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty first line, or bytes that are no text, are an error that names the file."""
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"password_file: .*password'"):
        destination(password_file=file)


def test_algorithms_may_be_given_as_such_or_by_name_in_any_case() -> None:
    """Live objects and strings are both taken."""
    assert destination(key_hashing="sha512").key_hashing is keys.SHA512
    assert destination(key_hashing=keys.MD5).key_hashing is keys.MD5
    assert destination(encryption="3des", password="x").encryption is ciphers.DES3
    assert destination(encryption=ciphers.AES, password="x").encryption is ciphers.AES
    assert destination().encryption is None


def test_tls_is_a_flag_or_a_file(issuer: Issuer) -> None:
    """A path stays a text; the words say that alerts go by TLS, and nothing of clear text."""
    assert [destination(tls=tls).tls for tls in (False, True, str(issuer.file), issuer.file)] == [
        False, True, str(issuer.file), str(issuer.file),
    ]  # fmt: skip
    assert destination(tls=True).security_description == "by TLS, without a password"
    assert destination(tls=True, password="x").security_description == "by TLS, with a password (SHA256)"
    found = destination(tls=True, password="x", encryption="AES")
    assert found.security_description == "by TLS, encrypted (AES, SHA256)"


@pytest.mark.parametrize("given", [None, 0, 1, "", "  ", b"issuer.pem", ["issuer.pem"]])
def test_what_is_neither_is_refused(given: object) -> None:
    """The error names the option and what is allowed."""
    with pytest.raises(OptionError, match="tls: allowed is true, false, or the path of a file") as refused:
        destination(tls=given)
    assert (refused.value.option, refused.value.value) == ("tls", given)


def test_a_file_of_issuers_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Where the handler is made."""
    with pytest.raises(OptionError, match=r"^tls: cannot read .*nowhere.pem.*: No such file") as refused:
        GNTPHandler(tls=tmp_path / "nowhere.pem")
    assert refused.value.allowed.startswith("true, false, or the path")
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(OptionError, match="there is no certificate in it"):
        GNTPHandler(tls=str(tmp_path / "empty.pem"))
