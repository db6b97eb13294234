"""Configuration from TOML files and from the environment.

Source: the schema of dictConfig in the documentation of :mod:`logging.config`, whose own errors do not say which key of
which table is wrong, and which ignores keys that it does not know.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.config
import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .handler import GNTPHandler, all_handlers
from .options import nearest, unknown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # installed only where it is needed

__all__ = ["ConfigurationError", "from_env", "load"]

DEFAULTS: Final[Mapping[str, Any]] = GNTPHandler.__init__.__kwdefaults__ or {}
"""The handler's options and their defaults."""

PREFIX: Final = "GNTP_"
"""What the environment's variables begin with; the rest is the option's name in capitals."""

_NO_OPTION: Final = "GNTP_LOGGING_"
"""What variables begin with that are switches of this package, not options."""

_SECRETS: Final = frozenset({"password", "password_env", "password_file"})
"""Of these one at most is allowed, so who gives one takes back the others."""

_ATTACHED: Final = "gntp"
"""Name of the handler that a file's table describes, by which the next :func:`load` finds it."""

Table = dict[str, Any]
"""A table of TOML: keys are the file's, values whatever it holds."""


class ConfigurationError(ValueError):
    """A configuration that cannot be used; the text names the file, the table, the key, and what is allowed."""


def load(path: str | os.PathLike[str]) -> list[GNTPHandler]:
    """Configure logging as a TOML file says.

    The file is one of three:

    * a whole configuration, in the schema of :func:`logging.config.dictConfig`, which replaces what was configured;
    * any file with a table ``[gntp]``: the options of one handler, which the root logger gets beside those that it has.
      A handler that an earlier call has added so is replaced. Levels of loggers stay as they are;
    * a ``pyproject.toml`` with a table ``[tool.gntp_logging]``, which holds either.

    The environment is not read, but for the variable that ``password_env`` names, and for ``GNTP_LOGGING_DISABLED``.
    Relative paths in the file start from the program's working directory.

    Args:
        path: The file.

    Returns:
        The handlers that it has made.

    Raises:
        ConfigurationError: If the file holds none of them, or a key or a value that is not allowed.
        OSError: If it cannot be read.
    """
    return read(path).apply()


def from_env(**options: Any) -> GNTPHandler:
    """Make a handler from the environment: ``GNTP_HOST``, ``GNTP_PASSWORD_FILE`` and so on, a variable for each option.

    In ``dictConfig`` it stands for the class: ``"()": "gntp_logging.config.from_env"``. An empty variable is none.
    Flags are ``true``, ``false``, ``1`` or ``0``; tables and lists are JSON. ``GNTP_LOGGING_DISABLED`` is no option.

    Args:
        **options: What holds where the environment says nothing.

    Returns:
        The handler, which no logger has yet.

    Raises:
        ConfigurationError: If there is a variable ``GNTP_...`` that is no option, or a value that is not allowed.
        ValueError: If one of the given options is not allowed.
    """
    given = environment_options(os.environ)
    with naming_variables(given):
        return GNTPHandler(**override(options, given))


# -- Files ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LoggingFile:
    """A configuration that was read from a file, not applied yet.

    Attributes:
        path: The file.
        table: Name of the table that is meant, with dots; empty for the whole file.
        content: That table.
    """

    path: str
    table: str
    content: Table

    @property
    def is_whole(self) -> bool:
        """Whether it is a configuration for dictConfig, rather than the options of one handler."""
        return "version" in self.content

    def handlers(self) -> dict[str, Table]:
        """Return the tables of this package's handlers, by name."""
        if not self.is_whole:
            return {self.table: self.content}
        return {
            self._name("handlers", name): table
            for name, table in self.content.get("handlers", {}).items()
            if _is_ours(table)
        }

    def with_options(self, options: Mapping[str, object]) -> LoggingFile:
        """Return the configuration with other options for each of this package's handlers."""
        if not self.is_whole:
            return LoggingFile(self.path, self.table, override(self.content, options))
        handlers = {
            name: override(table, options) if _is_ours(table) else table
            for name, table in self.content.get("handlers", {}).items()
        }
        return LoggingFile(self.path, self.table, {**self.content, "handlers": handlers})

    def handlers_alone(self) -> LoggingFile:
        """Return a configuration of this package's handlers, their filters and formatters, and nothing else."""
        if not self.is_whole:
            return self
        handlers = {name: table for name, table in self.content.get("handlers", {}).items() if _is_ours(table)}
        kept: Table = {
            name: self.content[name] for name in ("version", "formatters", "filters") if name in self.content
        }
        # A handler that no logger has would be forgotten at once.
        loggers = {"gntp_logging": {"handlers": list(handlers)}}
        return LoggingFile(self.path, self.table, {**kept, "handlers": handlers, "loggers": loggers})

    def apply(self) -> list[GNTPHandler]:
        """Configure logging so.

        Returns:
            The handlers that were made.

        Raises:
            ConfigurationError: If a value is not allowed.
        """
        if not self.is_whole:
            return [self._attach()]
        before = all_handlers()
        try:
            logging.config.dictConfig(self.content)
        except ValueError as error:
            raise self._explained(error) from error
        made = [handler for handler in all_handlers() if handler not in before]
        return sorted(made, key=lambda handler: handler.name or "")

    def _attach(self) -> GNTPHandler:
        try:
            handler = GNTPHandler(**self.content)
        except ValueError as error:
            raise self.error(self.table, str(error)) from error
        root = logging.getLogger()
        for attached in [one for one in root.handlers if one.name == _ATTACHED and isinstance(one, GNTPHandler)]:
            root.removeHandler(attached)
            attached.close()
        handler.name = _ATTACHED
        root.addHandler(handler)
        return handler

    def error(self, table: str, reason: str) -> ConfigurationError:
        """Return an error that names the file and a table."""
        return ConfigurationError(f"{self.path}: [{table}] {reason}" if table else f"{self.path}: {reason}")

    def _name(self, *names: str) -> str:
        return ".".join(filter(None, [self.table, *names]))

    def _explained(self, error: ValueError) -> ConfigurationError:
        """Say with the file's words where dictConfig has failed, and with those of the cause why."""
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = str(cause) if isinstance(cause, ValueError) else f"{type(cause).__name__}: {cause}"
        where = re.fullmatch(r"Unable to configure (handler|filter|formatter|logger) '(.*)'", str(error))
        if where is not None:
            return self.error(self._name(f"{where[1]}s", where[2]), reason)
        return self.error(self._name("root") if "root logger" in str(error) else self.table, reason)

    # What dictConfig ignores, or refuses in words that do not help.

    def check(self) -> None:
        """Check keys and the names by which tables speak of each other.

        Raises:
            ConfigurationError: If a key is unknown, or what it names is not there.
        """
        if not self.is_whole:
            self._check_keys(self.table, self.content, DEFAULTS)
            return
        content = self.content
        self._check_keys(self.table, content, _CONFIGURATION)
        for name, known in _TABLES.items():
            for entry, table in self._tables(name):
                if not _is_ours(table) if name == "handlers" else "()" in table:
                    allowed: Collection[str] = table.keys()  # a class or a factory of others has its own options
                else:
                    allowed = known
                self._check_keys(entry, table, allowed)
                self._check_names(entry, table)
        root = self._table("root", content.get("root", {}))
        self._check_keys(self._name("root"), root, _TABLES["loggers"])
        self._check_names(self._name("root"), root)

    def _tables(self, name: str) -> Iterator[tuple[str, Table]]:
        for entry, table in self._table(name, self.content.get(name, {})).items():
            yield self._name(name, entry), self._table(f"{name}.{entry}", table)

    def _table(self, name: str, value: object) -> Table:
        if not isinstance(value, dict):
            raise self.error(self._name(name), f"must be a table, not {value!r:.60}")
        return value

    def _check_keys(self, name: str, table: Table, known: Collection[str]) -> None:
        for key in table:
            if key not in known:
                raise self.error(name, unknown(key, known))

    def _check_names(self, name: str, table: Table) -> None:
        if "level" in table and not _is_level(table["level"]):
            allowed = "a level's number, or a name that logging knows, such as 'ERROR'"
            raise self.error(name, f"level: allowed is {allowed}, not {table['level']!r:.60}")
        if self.content.get("incremental") is True:
            return
        for key, kind in (("handlers", "handlers"), ("filters", "filters"), ("formatter", "formatters")):
            value = table.get(key, [])
            named = value if key != "formatter" else [value] if value else []
            if not isinstance(named, list):
                raise self.error(name, f"{key}: allowed is a list of names, not {value!r:.60}")
            there = self._table(kind, self.content.get(kind, {}))
            for one in named:
                if isinstance(one, str) and one not in there and not one.startswith(("ext://", "cfg://")):
                    raise self.error(name, f"{key}: {unknown(one, there, f'name of a table [{kind}.…]')}")


_CONFIGURATION: Final = (
    "version", "formatters", "filters", "handlers", "loggers", "root", "incremental", "disable_existing_loggers",
)  # fmt: skip

_TABLES: Final[Mapping[str, Collection[str]]] = {
    "formatters": ("()", "format", "datefmt", "style", "validate", "class", "defaults"),
    "filters": ("()", "name"),
    "handlers": ("class", "()", ".", "formatter", "filters", *DEFAULTS),
    "loggers": ("level", "handlers", "filters", "propagate"),
}
"""The keys of a table that dictConfig reads; those of a handler are this package's."""


def read(path: str | os.PathLike[str]) -> LoggingFile:
    """Read a TOML file, and check its keys; see :func:`load`.

    Args:
        path: The file.

    Returns:
        What stands in it.

    Raises:
        ConfigurationError: If it is none of what :func:`load` takes.
        OSError: If it cannot be read.
    """
    name = os.fspath(path)
    with open(name, "rb") as file:
        data = file.read()
    try:
        content: Table = tomllib.loads(data.decode("utf-8"))
    except ValueError as error:  # of which TOMLDecodeError is one, and UnicodeDecodeError
        raise ConfigurationError(f"{name}: is no TOML: {error}") from error
    found = _find(name, content)
    found.check()
    return found


def _find(path: str, content: Table) -> LoggingFile:
    whole = LoggingFile(path, "", content)
    tools = content.get("tool")
    if isinstance(tools, dict) and "gntp_logging" in tools:
        return _options(whole, "tool.gntp_logging", tools["gntp_logging"])
    if "gntp" in content:
        if "handlers" in content:
            raise whole.error(
                "gntp", "and [handlers] in one file; allowed is one of them, [handlers] has all of logging"
            )
        return _options(whole, "gntp", content["gntp"])
    if "version" in content and not isinstance(tools, dict):
        return whole
    known = ("tool.gntp_logging",) if isinstance(tools, dict) else ("gntp", *_CONFIGURATION)
    there = [f"tool.{name}" for name in tools] if isinstance(tools, dict) else list(content)
    typing_error = next((unknown(key, known) for key in there if nearest(key, known)), "")
    allowed = "a table [gntp] or [tool.gntp_logging], or a whole logging configuration with version = 1"
    raise ConfigurationError(
        f"{path}: has no configuration; allowed is {allowed}{typing_error and '; ' + typing_error}"
    )


def _options(file: LoggingFile, table: str, content: object) -> LoggingFile:
    if not isinstance(content, dict):
        raise file.error(table, f"must be a table of the handler's options, not {content!r:.60}")
    return LoggingFile(file.path, table, content)


def _is_ours(table: object) -> bool:
    """Tell whether a handler's table makes a handler of this package, by its class or a factory."""
    named = isinstance(table, dict) and (table.get("()") or table.get("class"))
    if not isinstance(named, str):
        return False
    try:
        return logging.config.BaseConfigurator({}).resolve(named.removeprefix("ext://")) is GNTPHandler
    except (ValueError, ImportError):
        return False  # dictConfig says it better


def _is_level(value: object) -> bool:
    """Tell whether dictConfig takes a value for a level. The handler, when it is made without it, takes more."""
    if isinstance(value, str):
        return value.startswith(("ext://", "cfg://")) or isinstance(logging.getLevelName(value), int)
    return type(value) is int


# -- The environment -----------------------------------------------------------------------------


def environment_options(environment: Mapping[str, str]) -> dict[str, object]:
    """Return the options that an environment gives.

    Args:
        environment: Variables and their values.

    Returns:
        Options and values of the types that they need. Their ranges are the handler's to check.

    Raises:
        ConfigurationError: If a variable is no option, or its value cannot be read.
    """
    variables = {PREFIX + name.upper(): name for name in DEFAULTS}
    found: dict[str, object] = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable.startswith(_NO_OPTION):
            continue
        if variable not in variables:
            raise ConfigurationError(f"the environment: {unknown(variable, variables, 'variable of this package')}")
        if environment[variable]:
            option = variables[variable]
            try:
                found[option] = _value(DEFAULTS[option], option, environment[variable])
            except ValueError as error:
                raise ConfigurationError(f"the environment: {variable}: {error}") from error
    return found


def _value(default: object, option: str, value: str) -> object:
    """Read a variable's value: of the default's type, or JSON where an option takes tables or lists.

    What cannot be read stays as it is: who checks the option knows what is allowed.
    """
    if option in {"levels", "context", "redact"} and value.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"allowed is JSON, and this is none: {error}") from error
    if isinstance(default, bool):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if isinstance(default, (int, float)) and option != "level":
        with contextlib.suppress(ValueError):
            return type(default)(value)
    return value


@contextlib.contextmanager
def naming_variables(given: Collection[str]) -> Iterator[None]:
    """Let errors about options that stand in the environment name the variable.

    Args:
        given: The options that do.

    Yields:
        Nothing.

    Raises:
        ConfigurationError: For such an error; others pass.
    """
    try:
        yield
    except ValueError as error:
        option = re.match(r"\w*", str(error))
        if option is None or option[0] not in given:
            raise
        raise ConfigurationError(f"the environment: {PREFIX}{option[0].upper()}{str(error)[option.end() :]}") from error


def override(options: Mapping[str, object], stronger: Mapping[str, object]) -> dict[str, Any]:
    """Return options with others that come before them.

    Args:
        options: Options.
        stronger: Those that come before them; one that gives a password takes back all that the first say of it.

    Returns:
        All of them.
    """
    taken_back: Collection[str] = _SECRETS if _SECRETS & stronger.keys() else ()
    return {**{name: value for name, value in options.items() if name not in taken_back}, **stronger}
