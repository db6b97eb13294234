"""What the commands' arguments have in common: their types, and the server that they name.

An argument overrides the environment variable (``GNTP_`` and the argument's name in capitals), the variable overrides a
configuration file, and the file overrides the default.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final

from gntp_logging.configuration.environment import Overrides, environment_options, override, variable
from gntp_logging.configuration.handler_settings import HandlerSettings
from gntp_logging.configuration.logging_file import LoggingFile, read
from gntp_logging.gntp.constants import DEFAULT_PORT
from gntp_logging.gntp.network import without_brackets
from gntp_logging.options import destination
from gntp_logging.options.errors import OptionError


class UsageError(Exception):
    """An argument or a variable cannot be used; the text says which one, and what is allowed."""


def port(value: str) -> int:
    """Read a port of a server to send to.

    Raises:
        argparse.ArgumentTypeError: If the value is not a port.
    """
    return _port(value, 1)


def port_or_0(value: str) -> int:
    """Read a port to listen on; 0 means a free one.

    Raises:
        argparse.ArgumentTypeError: If the value is not a port.
    """
    return _port(value, 0)


def _port(value: str, low: int) -> int:
    if not (value.isdecimal() and len(value) <= 5 and low <= int(value) <= 65535):
        raise argparse.ArgumentTypeError(f"allowed is {low} to 65535, not {value!r:.40}")
    return int(value)


def host(value: str) -> str:
    """Read the host of a server to send to.

    Raises:
        argparse.ArgumentTypeError: If the value is neither a host name nor an IP address.
    """
    try:
        return destination.check_host(value)
    except OptionError as error:
        raise argparse.ArgumentTypeError(error.reason) from error


def text(value: str) -> str:
    """Read a text that must not be blank.

    Raises:
        argparse.ArgumentTypeError: If the value is blank.
    """
    if not value.strip():
        raise argparse.ArgumentTypeError("must not be blank")
    return value


def secret(value: str) -> str:
    """Read a password.

    Raises:
        argparse.ArgumentTypeError: If the value is empty.
    """
    if not value:
        raise argparse.ArgumentTypeError("must not be empty")
    return value


def hub(value: str) -> tuple[str, int]:
    """Read ``HOST`` or ``HOST:PORT``; an IPv6 address with a port stands in brackets.

    Raises:
        argparse.ArgumentTypeError: If the value is neither.
    """
    host, colon, number = value.rpartition(":")
    if not colon or (host.count(":") and not host.endswith("]")):  # an IPv6 address without a port
        host, number = value, str(DEFAULT_PORT)
    host = without_brackets(host)
    if not host.strip() or not (number.isdecimal() and 1 <= int(number) <= 65535):
        raise argparse.ArgumentTypeError(f"allowed is a host, or HOST:PORT, not {value!r:.60}")
    return host, int(number)


def listening(value: str) -> tuple[str, int]:
    """Read ``HOST:PORT``, to listen on; an IPv6 address stands in brackets.

    Raises:
        argparse.ArgumentTypeError: If the value is anything else.
    """
    host, _, number = value.rpartition(":")
    is_host = bool(host.strip()) and (":" not in host or (host.startswith("[") and host.endswith("]")))
    if not is_host or not (number.isdecimal() and len(number) <= 5 and 1 <= int(number) <= 65535):
        raise argparse.ArgumentTypeError(f"allowed is HOST:PORT such as 127.0.0.1:9464, not {value!r:.60}")
    return without_brackets(host), int(number)


def seconds(value: str) -> float:
    """Read a number of seconds, a day at most.

    Raises:
        argparse.ArgumentTypeError: If the value is not such a number.
    """
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number <= _LONGEST:
        raise argparse.ArgumentTypeError(f"allowed is a number of seconds up to {_LONGEST:g}, not {value!r:.40}")
    return number


_LONGEST: Final = 86_400.0
"""Seconds of a day."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def age(value: str) -> int:
    """Read how long ago something was, in seconds: a whole number and a unit.

    Raises:
        argparse.ArgumentTypeError: If the value is anything else.
    """
    number, unit = value[:-1], value[-1:]
    if not (number.isascii() and number.isdecimal() and len(number) <= 9 and unit in _UNITS):
        raise argparse.ArgumentTypeError(
            f"allowed is a number and one of s, m, h, d and w, as in 90m, not {value!r:.40}"
        )
    return int(number) * _UNITS[unit]


# -- The server ----------------------------------------------------------------------------------


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a server and secure the messages to it; each is an option of the handler."""
    group = parser.add_argument_group(
        "server",
        "An argument overrides the environment (GNTP_HOST, GNTP_PORT, GNTP_PASSWORD, ...), which overrides the file.",
    )
    group.add_argument(
        "--config", metavar="FILE",
        help="a file with a logging configuration, a table [gntp], or [tool.gntp_logging] (pyproject.toml); TOML, or"
        " what the suffix says: .json, .yaml",
    )  # fmt: skip
    group.add_argument("-H", "--host", type=host, help="host of the GNTP server (default localhost)")
    group.add_argument("--port", type=port, help=f"the server's port (default {DEFAULT_PORT})")
    group.add_argument("--timeout", type=seconds, metavar="SECONDS", help="time limit of one exchange (default 5)")
    one_of = group.add_mutually_exclusive_group()
    one_of.add_argument(
        "-P", "--password", type=secret,
        help="the server's password; other users of this machine can see it in the list of processes: GNTP_PASSWORD and"
        " --password-file are better",
    )  # fmt: skip
    one_of.add_argument("--password-file", metavar="FILE", help="a file whose first line is the password")
    hashes, ciphers = (" or ".join(names) for names in (destination.HASHES, destination.CIPHERS))
    group.add_argument("--key-hashing", metavar="HASH", help=f"{hashes} (default SHA256)")
    group.add_argument("--encryption", metavar="CIPHER", help=f"{ciphers}; needs a password (default: in clear)")
    add_tls(group, "connect by TLS alone, to a server whose certificate this machine trusts")


def add_tls(group: argparse._ActionsContainer, meaning: str) -> None:
    """Add the two arguments that say whether to connect by TLS, and which certificates to trust.

    Args:
        meaning: What ``--tls`` does.
    """
    one_of = group.add_mutually_exclusive_group()
    one_of.add_argument("--tls", action="store_const", const=True, help=meaning)
    one_of.add_argument(
        "--tls-ca", metavar="FILE", type=text, help="the same, trusting those alone whose certificates are in FILE"
    )


def trust(arguments: argparse.Namespace) -> bool | str | None:
    """Return the value of the option ``tls`` that the arguments of :func:`add_tls` give; None without them."""
    found: bool | str | None = arguments.tls_ca or arguments.tls
    return found


_OPTIONS: Final = (*destination.OPTIONS, "app_name", "icon")
"""The options of the handler that arguments set. Not ``title``: that of ``send`` is the notification's."""


def overrides(arguments: argparse.Namespace) -> Overrides:
    """Return the options of arguments and environment, which override a file's.

    Args:
        arguments: Those that :func:`add_server` adds, and ``app_name`` and ``icon`` if they are there.

    Raises:
        UsageError: If a variable cannot be used.
    """
    given = {**vars(arguments), "tls": trust(arguments)}
    named = {name: value for name, value in given.items() if name in _OPTIONS and value is not None}
    try:
        from_environment = environment_options(os.environ)
    except ValueError as error:
        raise UsageError(str(error)) from error
    option_names = {option: variable(option) for option in from_environment}
    option_names |= {option: f"--{option.replace('_', '-')}" for option in named}
    if arguments.tls_ca is not None:
        option_names["tls"] = "--tls-ca"
    return Overrides(override(from_environment, named), option_names)


def handler_settings(arguments: argparse.Namespace, overrides: Overrides) -> HandlerSettings:
    """Return the settings of the one handler in the file of ``--config``, with the options that override it.

    Raises:
        UsageError: If the file has no handler, or several.
        ConfigurationError: If the handler does not take an option that an argument gives.
    """
    if arguments.config is None:
        return HandlerSettings(overrides.options, overrides)
    file = config_file(arguments.config)
    handlers = file.handlers(overrides)
    if len(handlers) != 1:
        found = ", ".join(file.name("handlers", key) for key in handlers) or "none"
        raise UsageError(f"{arguments.config}: allowed is a file with one handler of this package, this has {found}")
    (settings,) = handlers.values()
    return settings


def config_file(path: str) -> LoggingFile:
    """Read the file that ``--config`` names.

    Raises:
        UsageError: If it cannot be read, or is no configuration of logging.
    """
    sys.path.append(os.getcwd())  # the file may name functions of the program, as it would find them
    try:
        return read(path)
    except OSError as error:
        raise UsageError(f"--config: cannot read {path!r}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(str(error)) from error
