"""What the commands' arguments have in common: their types, and the server that they name.

An argument comes before the environment variable ``GNTP_`` and its name in capitals, that before a configuration file,
and that before the default.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from . import config, options
from .gntp import ciphers, keys
from .gntp.constants import DEFAULT_PORT
from .gntp.exceptions import GNTPEncryptionError
from .gntp.packing import PackerFactory


class UsageError(Exception):
    """Arguments, or variables, that cannot be used; the text says which, and what is allowed."""


def port(value: str) -> int:
    """Read a port of a server to talk to.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    return _port(value, 1)


def port_or_0(value: str) -> int:
    """Read a port to listen on; 0 means a free one.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    return _port(value, 0)


def _port(value: str, low: int) -> int:
    if not (value.isdecimal() and len(value) <= 5 and low <= int(value) <= 65535):
        raise argparse.ArgumentTypeError(f"allowed is {low} to 65535, not {value!r:.40}")
    return int(value)


def text(value: str) -> str:
    """Read a text that must not be blank.

    Raises:
        argparse.ArgumentTypeError: If it is.
    """
    if not value.strip():
        raise argparse.ArgumentTypeError("must not be blank")
    return value


def secret(value: str) -> str:
    """Read a password.

    Raises:
        argparse.ArgumentTypeError: If it is empty.
    """
    if not value:
        raise argparse.ArgumentTypeError("must not be empty")
    return value


def host_and_port(value: str) -> tuple[str, int]:
    """Read ``HOST`` or ``HOST:PORT``; an IPv6 address with a port stands in brackets.

    Raises:
        argparse.ArgumentTypeError: If it is neither.
    """
    host, colon, number = value.rpartition(":")
    if not colon or (host.count(":") and not host.endswith("]")):  # an IPv6 address without a port
        host, number = value, str(DEFAULT_PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host.strip() or not (number.isdecimal() and 1 <= int(number) <= 65535):
        raise argparse.ArgumentTypeError(f"allowed is a host, or HOST:PORT, not {value!r:.60}")
    return host, int(number)


def seconds(value: str) -> float:
    """Read a number of seconds, a day at most.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number <= _LONGEST:
        raise argparse.ArgumentTypeError(f"allowed is a number of seconds up to {_LONGEST:g}, not {value!r:.40}")
    return number


_LONGEST: Final = 86_400.0


# -- The server ----------------------------------------------------------------------------------


class Target(NamedTuple):
    """A server, and how it is talked to.

    Attributes:
        host: Its host.
        port: Its port.
        timeout: Seconds that one exchange may take.
        password: Its password; None sends without a key.
        key_hashing: Hash of the keys.
        encryption: Cipher; None sends in clear.
    """

    host: str
    port: int
    timeout: float
    password: str | None
    key_hashing: keys.Algorithm
    encryption: ciphers.Algorithm | None


_TARGET: Final = ("host", "port", "timeout", "password", "password_file", "key_hashing", "encryption")
"""The arguments that :func:`add_target` adds beside the file; each is an option of the handler."""


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a server.

    Args:
        parser: The command's parser.
    """
    group = parser.add_argument_group(
        "server",
        "An argument comes before the environment (GNTP_HOST, GNTP_PORT, GNTP_PASSWORD, ...), that before the file.",
    )
    group.add_argument(
        "--config", metavar="FILE",
        help="a TOML file with a logging configuration, a table [gntp], or [tool.gntp_logging] (pyproject.toml)",
    )  # fmt: skip
    group.add_argument("--host", type=text, help="host of the GNTP server (default localhost)")
    group.add_argument("--port", type=port, help=f"its port (default {DEFAULT_PORT})")
    group.add_argument("--timeout", type=seconds, metavar="SECONDS", help="for one exchange (default 5)")
    group.add_argument(
        "--password", type=secret,
        help="its password; other users of this machine can see it in the list of processes: GNTP_PASSWORD and"
        " --password-file are better",
    )  # fmt: skip
    group.add_argument("--password-file", metavar="FILE", help="a file whose first line is the password")
    group.add_argument("--key-hashing", metavar="HASH", help="MD5, SHA1, SHA256 or SHA512 (default SHA256)")
    group.add_argument("--encryption", metavar="CIPHER", help="AES, 3DES or DES; needs a password (default: in clear)")


def given(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the options that arguments and environment give; the first come before the second.

    Args:
        arguments: What :func:`add_target` has added.

    Returns:
        Options of the handler.

    Raises:
        config.ConfigurationError: If a variable cannot be used.
    """
    named = {name: getattr(arguments, name) for name in _TARGET if getattr(arguments, name) is not None}
    return config.override(config.environment_options(os.environ), named)


def target(arguments: argparse.Namespace) -> Target:
    """Return the one server that arguments, environment and file name.

    Args:
        arguments: What :func:`add_target` has added.

    Returns:
        The server.

    Raises:
        UsageError: If a value is not allowed, or the file describes several handlers; the text says which.
    """
    found = targets(arguments)
    if len(found) > 1:
        described = ", ".join(found)
        raise UsageError(
            f"{arguments.config}: allowed is a file with one handler of this package, this has {described}"
        )
    (only,) = found.values()
    return only


def targets(arguments: argparse.Namespace) -> dict[str, Target]:
    """Return the servers that arguments, environment and file name.

    Args:
        arguments: What :func:`add_target` has added.

    Returns:
        A server for each handler that the file describes, by the name of its table; without a file one, without a name.

    Raises:
        UsageError: If a value is not allowed, or the file describes no handler; the text says which.
    """
    try:
        stronger = given(arguments)
        handlers = {"": {}} if arguments.config is None else config.read(arguments.config).handlers()
        if not handlers:
            raise UsageError(f"{arguments.config}: has no handler with class = 'gntp_logging.GNTPHandler'")
        with config.naming_variables([name for name in stronger if getattr(arguments, name, None) is None]):
            return {name: _target(config.override(options, stronger)) for name, options in handlers.items()}
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


def _target(given: Mapping[str, Any]) -> Target:  # options of the handler, each checked here
    chosen = {**config.DEFAULTS, **given}
    target = Target(
        options.host(chosen["host"]),
        options.integer("port", chosen["port"], 1, 65535),
        options.seconds("timeout", chosen["timeout"], positive=True),
        options.password(chosen["password"], chosen["password_env"], chosen["password_file"]),
        options.key_hashing(chosen["key_hashing"]),
        options.encryption(chosen["encryption"]),
    )
    try:
        PackerFactory(*target[3:])
    except GNTPEncryptionError as error:
        raise ValueError(f"encryption: {error}") from error
    return target
