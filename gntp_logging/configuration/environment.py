"""Options that the environment gives, and which source of an option overrides which.

On the command line an argument overrides the environment, which overrides the file, which overrides the default.
Variables are ``GNTP_`` and an option's name in capitals.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gntp_logging.handler import DISABLING_VARIABLE, GNTPHandler
from gntp_logging.options import handler_options as options
from gntp_logging.options.checks import level_number, nearest, unknown
from gntp_logging.options.errors import OptionError

DEFAULTS: Final[Mapping[str, Any]] = GNTPHandler.__init__.__kwdefaults__ or {}
"""The handler's options and their defaults."""

PREFIX: Final = "GNTP_"
"""What the environment's variables begin with; the rest is the option's name in capitals."""

_NO_OPTION: Final = "GNTP_LOGGING_"
"""What variables begin with that are switches of this package, not options."""

_SECRETS: Final = ("password", "password_env", "password_file")
"""At most one of these is allowed, so a source that gives one of them overrides all of them."""


class ConfigurationError(ValueError):
    """A configuration that cannot be used; the text names the file, the table, the key, and what is allowed."""


class RelabelledError(ConfigurationError, OptionError):
    """A variable or an argument has a value that its option does not take; ``option`` is the name that was used."""

    def __str__(self) -> str:
        """Say that a variable is one of the environment; an argument is known by its name."""
        return f"{'the environment: ' * self.option.startswith(PREFIX)}{super().__str__()}"


def from_env(**options: Any) -> GNTPHandler:
    """Make a handler from the environment: ``GNTP_HOST``, ``GNTP_PASSWORD_FILE`` and so on, a variable for each option.

    In ``dictConfig`` it takes the place of the class: ``"()": "gntp_logging.config.from_env"``. An empty variable
    counts as not set. Flags are ``true``, ``false``, ``1`` or ``0``; tables and lists are JSON.
    ``GNTP_LOGGING_DISABLED`` is no option.

    Args:
        **options: Options that hold unless the environment gives them.

    Returns:
        The handler, which no logger has yet.

    Raises:
        ConfigurationError: If a variable ``GNTP_...`` is no option, or has a value that is not allowed. The error about
            a value is an OptionError too, whose ``option`` is the variable.
        OptionError: If one of the given options is not allowed.
    """
    given = environment_options(os.environ)
    with relabel_errors({option: variable(option) for option in given}):
        return GNTPHandler(**override(options, given))


def environment_options(environment: Mapping[str, str]) -> dict[str, object]:
    """Return the options that an environment gives.

    Args:
        environment: Variables and their values.

    Returns:
        Options and values of the types that they need. Their ranges are the handler's to check.

    Raises:
        ConfigurationError: If a variable is no option, or its value cannot be read.
    """
    variables = {variable(option): option for option in DEFAULTS}
    found: dict[str, object] = {}
    for name in sorted(environment):
        if name.startswith(_NO_OPTION):
            if name != DISABLING_VARIABLE and nearest(name.removeprefix(_NO_OPTION), ["DISABLED"]):
                raise ConfigurationError(f"the environment: {name!r}: did you mean {DISABLING_VARIABLE!r}?")
            continue
        if not name.startswith(PREFIX):
            continue
        if name not in variables:
            raise ConfigurationError(f"the environment: {unknown(name, variables, 'variable', prefix=PREFIX)}")
        option, value = variables[name], environment[name]
        if option != "password":  # whose blanks may be part of it
            value = value.strip()
        if value:
            with relabel_errors({option: variable(option)}):
                found[option] = _value(DEFAULTS[option], option, value)
    return found


def variable(option: str) -> str:
    """Return the name of an option's variable."""
    return PREFIX + option.upper()


def _value(default: object, option: str, value: str) -> object:
    """Read a variable's value: of the default's type, or JSON where an option takes tables or lists.

    A value that cannot be read stays as it is: the check of the option says what is allowed.
    """
    if option in options.MAY_BE_TABLES and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            # What it holds, a secret in the context perhaps, is not kept.
            raise OptionError(option, "JSON", reason=f"allowed is JSON, and this is not JSON: {error}") from error
    if option == "level":
        return level_number(option, value)  # a number, because dictConfig takes no "40"
    if isinstance(default, bool):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if isinstance(default, (int, float)):
        with contextlib.suppress(ValueError):
            return type(default)(value)
    return value


@contextlib.contextmanager
def relabel_errors(option_names: Mapping[str, str]) -> Iterator[None]:
    """Let errors about options name the variables or arguments that gave them.

    Args:
        option_names: What to call an option, by its name.

    Raises:
        RelabelledError: For an error about one of the options; others pass.
    """
    try:
        yield
    except ConfigurationError:
        raise
    except OptionError as error:
        option = _NAMES.sub(
            lambda names: ", ".join(option_names.get(name, name) for name in names[0].split(", ")), error.option
        )
        if option == error.option:
            raise
        raise RelabelledError(option, error.allowed, error.value, error.reason) from error


_NAMES: Final = re.compile(r"^\w+(, \w+)*")
"""What :attr:`.OptionError.option` begins with: an option's name, or those of several."""


@dataclass(frozen=True)
class Overrides:
    """Options that override a file's: those of the environment and of a command's arguments.

    Attributes:
        options: Options and their values.
        option_names: What errors call them, such as ``GNTP_PORT`` or ``--port``.
    """

    options: Mapping[str, object] = field(default_factory=dict, repr=False)  # there may be a password among them
    option_names: Mapping[str, str] = field(default_factory=dict)


def override(options: Mapping[str, object], overrides: Mapping[str, object]) -> dict[str, Any]:
    """Return options, some of them overridden.

    Args:
        options: The options.
        overrides: Options that override them. One that gives a password overrides each option that does.
    """
    taken_back: Collection[str] = _SECRETS if any(name in overrides for name in _SECRETS) else ()
    return {**{name: value for name, value in options.items() if name not in taken_back}, **overrides}
