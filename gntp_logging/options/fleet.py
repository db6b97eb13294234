"""The options of a fleet: its broker, and files of passwords, keys and certificates. Pure, except that it reads these.

Every failure is an :class:`.errors.OptionError`. No error keeps or shows a value that may be a secret.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit, urlunsplit

from .destination import OPTIONS
from .errors import OptionError

MIN_KEY: Final = 32
"""Characters of a key: what can be guessed signs nothing."""

_URL: Final = "a URL such as redis://HOST:6379/0, or rediss:// for TLS"
_FILE: Final = f"the path of a file with a key a line, of {MIN_KEY} characters or more, that only its owner can read"
_FIRST_LINE: Final = "the path of a file whose first line is the password"
_SCHEMES: Final = ("redis://", "rediss://")

_PARAMETERS: Final = frozenset({"ssl_ca_certs"})
"""What may follow a ``?`` where there is TLS: the file with the certificates that are trusted."""

_EXCLUDED: Final = tuple(option for option in OPTIONS if option != "timeout")
"""The options that name a GNTP server, or secure the way to it."""


def broker(value: object) -> str:
    """Check the address of a broker.

    Raises:
        OptionError: If the value is not the address of a broker.
    """
    if isinstance(value, str):
        try:
            parts = urlsplit(value)
            host = unquote(parts.hostname or "")
            # urlsplit mends what redis-py does not: blanks before the scheme, its upper case, line breaks.
            is_written_out = value.startswith(_SCHEMES) and value.isprintable()
            is_address = is_written_out and host.isprintable() and host.split() == [host] and parts.port != 0
            is_database = parts.path[1:].isdecimal() or parts.path in ("", "/")
            files = parse_qs(parts.query)
            allowed = _PARAMETERS if parts.scheme == "rediss" else frozenset[str]()
            if is_address and is_database and files.keys() <= allowed and not parts.fragment:
                _check_readable(files.get("ssl_ca_certs", ()), value)
                return value
        except OptionError:
            raise
        except ValueError:  # no port, no IPv6 address
            pass
    raise OptionError("broker", _URL, value)


def _check_readable(paths: Iterable[str], url: str) -> None:
    for path in paths:
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise OptionError("broker", _URL, url, f"cannot read {path!r:.200}: {error.strerror}") from error


def with_password(url: str, path: object) -> str:
    """Return the address of a broker with the password from the first line of a file.

    Args:
        url: The address, which :func:`broker` has checked.
        path: The file.

    Raises:
        OptionError: If the file has no password, or the address has one already.
    """
    if not isinstance(path, str) or not path.strip():
        raise OptionError("broker_password_file", _FIRST_LINE, path)
    parts = urlsplit(url)
    if parts.password is not None:
        reason = "there is a password in the broker's URL already: take it out there"
        raise OptionError("broker_password_file", _FIRST_LINE, path, reason)
    try:
        with open(path, encoding="utf-8-sig") as file:
            password = file.readline().rstrip("\r\n")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path with a NUL
        reason = f"cannot read {path!r:.200}: {getattr(error, 'strerror', None) or error}"
        raise OptionError("broker_password_file", _FIRST_LINE, path, reason) from error
    if not password:
        reason = f"the first line of {path!r:.200} is empty"
        raise OptionError("broker_password_file", _FIRST_LINE, path, reason)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}"))


def with_absolute_paths(url: str) -> str:
    """Return the address of a broker with an absolute path of its file, so that it holds in every folder."""
    parts = urlsplit(url)
    paths = {name: os.path.abspath(values[-1]) for name, values in parse_qs(parts.query).items()}
    return urlunsplit(parts._replace(query=urlencode(paths, safe="/")))


def excludes(given: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    """Check that a handler with a broker names no GNTP server as well: the relays know the desktops.

    Args:
        given: The handler's options.
        defaults: Their defaults, which name no server.

    Raises:
        OptionError: If it does; the error names the broker and the first such option.
    """
    for option in _EXCLUDED:
        if given[option] != defaults[option]:
            allowed = "one of them: where there is a broker, relays know the servers"
            raise OptionError(f"broker, {option}", allowed, reason=f"allowed is {allowed}")


def keys(path: object) -> tuple[bytes, ...]:
    """Read the keys of a fleet; the first one signs.

    Args:
        path: The file; None for a fleet without keys.

    Raises:
        OptionError: If it cannot be read, others can read it too, or it has no key.
    """
    if path is None:
        return ()
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise OptionError("fleet_key_file", _FILE, path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                reason = f"others than its owner can read {os.fspath(path)!r:.200}: chmod 600"
                raise OptionError("fleet_key_file", _FILE, path, reason)
            found = tuple(line.strip().encode() for line in file if line.strip())
    except UnicodeDecodeError as error:
        reason = f"cannot read {os.fspath(path)!r:.200}: it is no text"
        raise OptionError("fleet_key_file", _FILE, path, reason) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = f"cannot read {os.fspath(path)!r:.200}: {getattr(error, 'strerror', None) or error}"
        raise OptionError("fleet_key_file", _FILE, path, reason) from error
    if not found or any(len(key.decode()) < MIN_KEY for key in found):
        reason = f"{os.fspath(path)!r:.200} must hold keys of {MIN_KEY} characters or more, one a line"
        raise OptionError("fleet_key_file", _FILE, path, reason)
    return found
