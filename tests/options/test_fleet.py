"""A handler's broker and key file, checked."""

from __future__ import annotations

import logging
import logging.config
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from redis.connection import ConnectionPool

from gntp_logging import GNTPHandler, OptionError
from gntp_logging.config import ConfigurationError, from_env, load
from gntp_logging.fleet.publisher import Publisher
from gntp_logging.options import fleet
from tests.conftest import Write

URL = "redis://127.0.0.1:1/0"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with two keys, which only its owner can read."""
    path = tmp_path / "fleet.keys"
    path.write_text(f"{'a' * 32}\n\n{'b' * 40}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis.example",
        "redis://redis.example:6379/0",
        "rediss://user:secret@redis.example/2",
        "redis://[::1]:7000",
        f"rediss://redis.example?ssl_ca_certs={__file__}",
    ],
)
def test_a_broker_is_a_url(url: str) -> None:
    """Of a Redis, with or without TLS."""
    assert fleet.broker(url) == url


@pytest.mark.parametrize(
    "value",
    ["", "redis.example", "http://redis.example", "redis://", "redis://x:99999", "redis://x:no", "redis://x/zero",
     "redis://x?socket_timeout=9", "redis://x#y", "unix:///run/redis", 6379, None, b"redis://x", "redis://[::1",
     " redis://x", "REDIS://x",
     "redis://x:0", "redis://x y", "redis://x\ny", "redis://x%0Ay", "redis://x\ud800", "redis://x /0",
     f"redis://x?ssl_ca_certs={__file__}"],
)  # fmt: skip
def test_anything_else_is_refused(value: object) -> None:
    """With an error that names the option."""
    with pytest.raises(OptionError) as caught:
        fleet.broker(value)
    assert caught.value.option == "broker"


def test_a_certificates_file_that_cannot_be_read_is_named() -> None:
    """At once, rather than by a line at each try to connect."""
    with pytest.raises(OptionError, match="broker: cannot read '/nonexistent': No such file") as caught:
        fleet.broker("rediss://user:hunter2@redis.example?ssl_ca_certs=/nonexistent")
    assert "hunter2" not in f"{caught.value} {caught.value.value!r}"


def test_an_error_shows_no_password() -> None:
    """Neither its text nor its value."""
    with pytest.raises(OptionError) as caught:
        fleet.broker("redis://user:hunter2@x:no")
    assert "hunter2" not in f"{caught.value} {caught.value.value!r}"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("host", "desk"), ("port", 1), ("password", "p"), ("password_env", "PATH"), ("password_file", "nowhere"),
        ("key_hashing", "MD5"), ("encryption", "AES"), ("tls", True), ("tls", "nowhere.pem"),
    ],
)  # fmt: skip
def test_a_broker_excludes_a_server(option: str, value: object) -> None:
    """The error names both."""
    with pytest.raises(OptionError, match=f"^broker, {option}: "):
        GNTPHandler(broker=URL, **{option: value})  # type: ignore[arg-type]  # each has its own type


def test_what_relays_decide_is_no_error() -> None:
    """One configuration may serve both."""
    handler = GNTPHandler(broker=URL, repeat_window=0, burst=1, rate=0, timeout=1, shutdown_timeout=0)
    assert isinstance(handler._worker._transport, Publisher)
    assert "redis://127.0.0.1:1/0" in repr(handler)
    handler.close()


@pytest.mark.usefixtures("no_variables")
def test_the_environment_may_name_the_broker(monkeypatch: pytest.MonkeyPatch, keys: Path) -> None:
    """And the file with the keys; an error names the variables."""
    monkeypatch.setenv("GNTP_BROKER", URL)
    monkeypatch.setenv("GNTP_FLEET_KEY_FILE", str(keys))
    handler = from_env(shutdown_timeout=0)
    transport = handler._worker._transport
    assert isinstance(transport, Publisher)
    assert transport._key == b"a" * 32
    handler.close()
    monkeypatch.setenv("GNTP_HOST", "desk")
    with pytest.raises(OptionError, match="GNTP_BROKER, GNTP_HOST"):
        from_env()


@pytest.mark.usefixtures("no_variables")
def test_a_file_may_name_the_broker(write: Write, keys: Path) -> None:
    """And dictConfig, with the same words; an error names the file and both options."""
    path = write(f'[gntp]\nbroker = "{URL}"\nfleet_key_file = "{keys.as_posix()}"\n', "shop.toml")
    (from_file,) = load(path)
    names = {"class": "gntp_logging.GNTPHandler", "broker": URL, "fleet_key_file": str(keys)}
    root = logging.getLogger()
    logging.config.dictConfig(
        {"version": 1, "incremental": False, "disable_existing_loggers": False, "handlers": {"alerts": names},
         "loggers": {"fleet": {"handlers": ["alerts"]}}}
    )  # fmt: skip
    (from_dict,) = logging.getLogger("fleet").handlers
    for handler in (from_file, from_dict):
        assert isinstance(handler, GNTPHandler)
        transport = handler._worker._transport
        assert isinstance(transport, Publisher)
        assert (transport.label, transport._key) == (f"{URL}", b"a" * 32)
        handler.close()
    logging.getLogger("fleet").handlers.clear()
    root.removeHandler(from_file)
    with pytest.raises(ConfigurationError, match=r"shop.toml: \[gntp\] broker, tls: "):
        load(write(f'[gntp]\nbroker = "{URL}"\ntls = true\n', "shop.toml"))


def test_keys_are_read(keys: Path) -> None:
    """One a line; no file means none."""
    assert fleet.keys(keys) == (b"a" * 32, b"b" * 40)
    assert fleet.keys(None) == ()


@pytest.mark.parametrize("content", [b"", b"\n\n", b"short\n", b"a" * 32 + b"\nshort\n", b"\xff" * 32])
def test_a_file_without_good_keys_is_refused(keys: Path, content: bytes) -> None:
    """The error shows none of them."""
    keys.write_bytes(content)
    with pytest.raises(OptionError) as caught:
        fleet.keys(keys)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize("value", ["", 5, b"x"])
def test_a_key_file_is_a_path(value: object) -> None:
    """Not the key."""
    with pytest.raises(OptionError, match="fleet_key_file"):
        fleet.keys(value)


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such bits")
def test_a_key_file_without_a_possible_name_is_refused() -> None:
    """As one that is not there."""
    with pytest.raises(OptionError, match="fleet_key_file: cannot read"):
        fleet.keys("a\0b")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_or_write_is_refused(keys: Path, mode: int) -> None:
    """Whoever has the key can publish."""
    keys.chmod(mode)
    with pytest.raises(OptionError, match="chmod 600"):
        fleet.keys(keys)


def test_a_key_file_needs_a_broker(keys: Path) -> None:
    """What it would sign goes nowhere."""
    with pytest.raises(OptionError, match="there is no broker"):
        GNTPHandler(fleet_key_file=keys)


_WITHOUT_REDIS = """
import sys
import gntp_logging
assert not any(name.split(".")[0] == "redis" for name in sys.modules), "redis is imported by the package"
gntp_logging.GNTPHandler()
assert not any(name.split(".")[0] == "redis" for name in sys.modules), "redis is imported by a handler without a broker"
sys.modules["redis"] = None
try:
    gntp_logging.GNTPHandler(broker="redis://x")
except gntp_logging.OptionError as error:
    print(error)
"""


@pytest.mark.program
def test_redis_is_imported_where_there_is_a_broker_only() -> None:
    """Who has not installed it is told how."""
    program = subprocess.run([sys.executable, "-c", _WITHOUT_REDIS], capture_output=True, text=True, check=True)
    assert "pip install 'gntp-logging[redis]'" in program.stdout


# -- What commands need --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://redis.example:6379/0", "redis://:{}@redis.example:6379/0"),
        (f"rediss://a@b/1?ssl_ca_certs={__file__}", f"rediss://a:{{}}@b/1?ssl_ca_certs={__file__}"),
        ("redis://an%40na@[::1]:7000", "redis://an%40na:{}@[::1]:7000"),
    ],
)
def test_a_password_comes_from_a_files_first_line(url: str, expected: str, tmp_path: Path) -> None:
    """Whatever is in it; and redis-py reads it as it was written."""
    (tmp_path / "password").write_bytes("\ufeffp@ss/w:rd ü%\r\nnot this".encode())
    found = fleet.with_password(url, str(tmp_path / "password"))
    assert found == expected.format("p%40ss%2Fw%3Ard%20%C3%BC%25")
    assert fleet.broker(found) == found
    pool: Any = ConnectionPool
    assert pool.from_url(found).connection_kwargs["password"] == "p@ss/w:rd ü%"


@pytest.mark.parametrize(
    ("url", "content", "words"),
    [
        ("redis://x", None, "cannot read"),
        ("redis://x", b"\xff", "cannot read"),
        ("redis://x", b"\nsecond", "the first line of"),
        ("redis://:hunter2@x", b"hunter3", "there is a password in the broker's URL already"),
    ],
)
def test_a_file_without_a_password_is_refused(url: str, content: bytes | None, words: str, tmp_path: Path) -> None:
    """The error names the option, and no password."""
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OptionError, match=words) as caught:
        fleet.with_password(url, str(path))
    assert caught.value.option == "broker_password_file"
    assert "hunter" not in str(caught.value)
    for value in (None, 7, " "):
        with pytest.raises(OptionError, match="broker_password_file: allowed is the path of a file"):
            fleet.with_password(url, value)


def test_a_files_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a service, which starts elsewhere; the rest of the address stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b&c.pem").write_text("")
    found = fleet.with_absolute_paths("rediss://anna@x:1/2?ssl_ca_certs=a%20b%26c.pem")
    assert found == f"rediss://anna@x:1/2?ssl_ca_certs={tmp_path}/a+b%26c.pem"
    assert fleet.broker(found) == found
    assert fleet.with_absolute_paths(found) == found
    assert fleet.with_absolute_paths("redis://x:1/2") == "redis://x:1/2"
