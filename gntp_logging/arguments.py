"""What the commands' arguments have in common: their types, and the server that they name.

An argument comes before the environment variable ``GNTP_`` and its name in capitals, and that before the default.
"""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple

from . import options
from .gntp import ciphers, keys
from .gntp.constants import DEFAULT_PORT


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


# -- The server ----------------------------------------------------------------------------------


class Target(NamedTuple):
    """A server, and how it is talked to.

    Attributes:
        host: Its host.
        port: Its port.
        password: Its password; None sends without a key.
        key_hashing: Hash of the keys.
        encryption: Cipher; None sends in clear.
    """

    host: str
    port: int
    password: str | None
    key_hashing: keys.Algorithm
    encryption: ciphers.Algorithm | None


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a server.

    Args:
        parser: The command's parser.
    """
    group = parser.add_argument_group(
        "server", "each also from the environment: GNTP_HOST, GNTP_PORT, GNTP_PASSWORD, ..."
    )
    group.add_argument("--host", type=text, help="host of the GNTP server (default localhost)")
    group.add_argument("--port", type=port, help=f"its port (default {DEFAULT_PORT})")
    group.add_argument(
        "--password", type=secret,
        help="its password; other users of this machine can see it in the list of processes: GNTP_PASSWORD and"
        " --password-file are better",
    )  # fmt: skip
    group.add_argument("--password-file", metavar="FILE", help="a file whose first line is the password")
    group.add_argument("--key-hashing", metavar="HASH", help="MD5, SHA1, SHA256 or SHA512 (default SHA256)")
    group.add_argument("--encryption", metavar="CIPHER", help="AES, 3DES or DES; needs a password (default: in clear)")


def target(arguments: argparse.Namespace) -> Target:
    """Return the server that arguments and environment name.

    Args:
        arguments: What :func:`add_target` has added.

    Returns:
        The server.

    Raises:
        UsageError: If a value is not allowed; the text names it.
    """
    number: int | None = arguments.port
    if number is None and (variable := os.environ.get("GNTP_PORT")):
        try:
            number = port(variable)
        except argparse.ArgumentTypeError as error:
            raise UsageError(f"GNTP_PORT: {error}") from error
    word, file = _given(arguments, "password"), _given(arguments, "password_file")
    if arguments.password is not None and arguments.password_file is None:
        file = None  # an argument comes before a variable, of the other name too
    elif arguments.password_file is not None and arguments.password is None:
        word = None
    try:
        return Target(
            options.host(_given(arguments, "host") or "localhost"),
            DEFAULT_PORT if number is None else number,
            options.password(word, None, file),
            options.key_hashing(_given(arguments, "key_hashing") or "SHA256"),
            options.encryption(_given(arguments, "encryption")),
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _given(arguments: argparse.Namespace, name: str) -> str | None:
    """Return an argument, else its variable; a variable that is empty is none."""
    value: str | None = getattr(arguments, name)
    return os.environ.get(f"GNTP_{name.upper()}") or None if value is None else value
