"""The server that a handler's alerts go to, and how they are secured on the way: ``OPTIONS``, checked together.

Every failure is an :class:`.errors.OptionError`. No error keeps or shows a value that may be a secret.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPEncryptionError, GNTPValidationError
from gntp_logging.gntp.network import host_and_port, without_brackets

from .checks import integer, seconds
from .errors import OptionError

HASHES: Final[Mapping[str, keys.Algorithm]] = {
    name: algorithm for name, algorithm in keys.ALGORITHMS.items() if algorithm is not keys.SHA384
}
"""By name: the specification's four. SHA384 is left out, which only some servers know, such as Growl for Windows."""

CIPHERS: Final = ciphers.ALGORITHMS

_A = TypeVar("_A", keys.Algorithm, ciphers.Algorithm)


@dataclass(frozen=True)
class Destination:
    """A GNTP server, and how messages to it are secured.

    Attributes:
        host: Host name or IP address.
        port: TCP port.
        timeout: Seconds that one exchange may take.
        password: The server's password; None sends without a key.
        key_hashing: Hash of the keys.
        encryption: Cipher; None sends in clear.
        tls: Whether connections have TLS. True trusts the issuers that the system trusts; a path trusts only those
            whose certificates are in the file.
    """

    host: str
    port: int
    timeout: float
    password: str | None = field(repr=False)
    key_hashing: keys.Algorithm
    encryption: ciphers.Algorithm | None
    tls: bool | str = False

    @classmethod
    def from_options(
        cls,
        *,
        host: object,
        port: object,
        timeout: object,
        password: object,
        password_env: object,
        password_file: object,
        key_hashing: object,
        encryption: object,
        tls: object,
        is_used: bool = True,
    ) -> Destination:
        """Check the handler's options of these names.

        Args:
            timeout: Seconds that one exchange may take, above 0.
            is_used: Whether anything will be sent there; if not, the password need not be found.

        Raises:
            OptionError: If one is not allowed, or the cipher cannot be combined with the other options.
        """
        destination = cls(
            check_host(host),
            integer("port", port, 1, 65535),
            seconds("timeout", timeout, positive=True),
            _password(password, password_env, password_file, is_used=is_used),
            _algorithm("key_hashing", key_hashing, keys.Algorithm, HASHES),
            None if encryption is None else _algorithm("encryption", encryption, ciphers.Algorithm, CIPHERS),
            _tls(tls),
        )
        try:
            destination.client()
        except GNTPEncryptionError as error:
            allowed = "a cipher for which there is a password, and a hash that is long enough"
            raise OptionError("encryption", allowed, encryption, str(error)) from error
        except GNTPValidationError as error:  # all else is checked above
            raise OptionError("tls", _TLS, tls, str(error).removeprefix("tls: ")) from error
        return destination

    def client(self) -> GNTPClient:
        """Return a client of the server; it connects when it has something to send.

        Raises:
            GNTPEncryptionError: If the cipher cannot be combined with the password and the hash.
            GNTPValidationError: If the file with certificates cannot be read.
        """
        return GNTPClient(
            self.host, self.port, self.timeout, self.password, self.key_hashing, self.encryption, tls=self.tls
        )

    @property
    def security_description(self) -> str:
        """How alerts are secured, in words that follow on "an alert"."""
        way = "by TLS, " if self.tls else ""
        if self.password is None:
            return f"{way}without a password"
        if self.encryption is None:
            return f"{way}with a password ({self.key_hashing.algorithm_id}){'' if self.tls else ', in clear'}"
        return f"{way}encrypted ({self.encryption.algorithm_id}, {self.key_hashing.algorithm_id})"

    def __str__(self) -> str:
        """Name the server."""
        return host_and_port(self.host, self.port)


OPTIONS: Final = (
    "host", "port", "timeout", "password", "password_env", "password_file", "key_hashing", "encryption", "tls",
)  # fmt: skip
"""The options of the handler that make a destination."""


def check_host(value: object) -> str:
    """Check the form of a host name or an address. The name is looked up when the first alert is sent.

    Args:
        value: What was given; an IPv6 address may stand in brackets.

    Returns:
        The host, without brackets.

    Raises:
        OptionError: If the value is neither.
    """
    allowed = "a host name or an IP address (the port is an option of its own)"
    if not isinstance(value, str):
        raise OptionError("host", allowed, value)
    name = without_brackets(value)
    try:
        if ":" in name:
            ipaddress.IPv6Address(name)
        elif not name.encode("idna") or not _HOST.fullmatch(name):
            raise OptionError("host", allowed, value)
    except ValueError:  # UnicodeError is a ValueError
        raise OptionError("host", allowed, value) from None
    return name


_HOST: Final = re.compile(r"[\w.-]+")


def _password(value: object, env: object, file: object, *, is_used: bool) -> str | None:
    """Find the password: given, in an environment variable, or in a file's first line.

    Args:
        value: The option ``password``.
        env: The option ``password_env``, a variable's name.
        file: The option ``password_file``, a path.

    Returns:
        The password; None when none of the three is given. If it is not used and cannot be found, a text in its place:
        the cipher is checked as if there were a password.

    Raises:
        OptionError: If more than one is given, or if there is no password in the one that is.
    """
    given = {
        name: option
        for name, option in (("password", value), ("password_env", env), ("password_file", file))
        if option is not None
    }
    if len(given) > 1:
        raise OptionError(", ".join(given), "one of them", reason=f"give one of them, not {len(given)}")
    try:
        if env is not None:
            return _from_environment(env)
        if file is not None:
            return _from_file(file)
    except OptionError:
        if is_used:
            raise
        return "not found"
    return None if value is None else _secret("password", value)


def _from_file(file: object) -> str:
    path = os.fspath(_path("password_file", file))
    return _secret("password_file", _first_line(file), f"the first line of {path!r} ")


def _from_environment(name: object) -> str:
    if isinstance(name, str) and (name in os.environ or re.fullmatch("[A-Z_][A-Z0-9_]*", name)):
        return _secret("password_env", os.environ.get(name), f"the environment variable {name!r} ")
    # Not shown: it may be the password itself, by mistake.
    allowed = "the name of an environment variable"
    raise OptionError("password_env", allowed, reason=f"allowed is {allowed}, and no variable has this name")


def _secret(option: str, value: object, where: str = "") -> str:
    if not isinstance(value, str) or not value:
        state = "is not set" if value is None else "is empty" if isinstance(value, str) else "must be a string"
        reason = f"{where}{state}; for a server without a password leave the option out"
        raise OptionError(option, "a string that is not empty", reason=reason)
    return value


def _first_line(path: object) -> str:
    try:
        with open(_path("password_file", path), encoding="utf-8-sig") as file:  # Windows adds a byte order mark
            return file.readline().rstrip("\r\n")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path with a NUL
        reason = getattr(error, "strerror", None) or error
        raise OptionError("password_file", _FILE, path, f"cannot read {path!r:.200}: {reason}") from error


_FILE: Final = "the path of a file"


def _path(option: str, value: object) -> str | os.PathLike[str]:
    if isinstance(value, os.PathLike) or (isinstance(value, str) and value.strip()):
        return value
    raise OptionError(option, _FILE, value)


def _tls(value: object) -> bool | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, os.PathLike) or (isinstance(value, str) and value.strip()):
        path: str | bytes = os.fspath(value)
        if isinstance(path, str):
            return path
    raise OptionError("tls", _TLS, value)


_TLS: Final = "true, false, or the path of a file with the certificates that are trusted"


def _algorithm(option: str, value: object, kind: type[_A], known: Mapping[str, _A]) -> _A:
    if isinstance(value, kind):
        return value
    if isinstance(value, str) and value.upper() in known:
        return known[value.upper()]
    raise OptionError(option, " or ".join(map(repr, known)), value)
