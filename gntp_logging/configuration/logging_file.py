"""A file that configures logging: read, checked key by key, and applied.

Source: the schema of dictConfig in the documentation of :mod:`logging.config`, whose own errors do not say which key of
which table is wrong, and which ignores keys that it does not know.
"""

from __future__ import annotations

import inspect
import json
import logging
import logging.config
import os
import re
import sys
import threading
import typing
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from gntp_logging.handler import GNTPHandler
from gntp_logging.options.checks import nearest, unknown
from gntp_logging.options.destination import OPTIONS, Destination
from gntp_logging.options.errors import OptionError

from .environment import DEFAULTS, ConfigurationError, from_env, override, relabel_errors

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # installed only where it is needed


_ATTACHED: Final = "gntp"
"""Name of the handler that a file's table describes."""

Table = dict[str, Any]
"""A table of a file: keys are the file's, values whatever it holds."""

_T = TypeVar("_T")

Factory = Callable[..., GNTPHandler]
"""What makes a handler of this package: the class, a subclass, or a function."""


@dataclass(frozen=True)
class LoggingFile:
    """A configuration that was read from a file, not applied yet.

    Attributes:
        path: The file.
        table: Name of the table that is meant, with dots; empty for the whole file.
        content: That table.
        is_whole: Whether it is a configuration for dictConfig, rather than the options of one handler.
        overrides: Options that come before those of this package's handlers.
        option_names: What errors call those options, such as ``--port``.
    """

    path: str
    table: str
    content: Table = field(repr=False)  # there may be a password in it, and in these
    is_whole: bool
    overrides: Mapping[str, object] = field(default_factory=dict, repr=False)
    option_names: Mapping[str, str] = field(default_factory=dict)

    def with_options(self, overrides: Mapping[str, object], option_names: Mapping[str, str]) -> LoggingFile:
        """Return the configuration with options that come before the file's own, in each of this package's handlers.

        Each gets those that it takes; of a factory of the user's own nobody knows.

        Args:
            overrides: Options and values.
            option_names: What errors call them.
        """
        return replace(self, overrides=overrides, option_names=option_names)

    def handlers(self) -> list[HandlerTable]:
        """Return the tables of this package's handlers."""
        if not self.is_whole:
            return [HandlerTable(self, _ATTACHED, self.table, self.content, GNTPHandler)]
        found = []
        for key, table in self._handler_tables().items():
            factory = _factory(table)
            if factory is not None:
                found.append(HandlerTable(self, key, self.name("handlers", key), table, factory))
        return found

    def _handler_tables(self) -> Table:
        tables: Table = self.content.get("handlers", {})
        return tables

    def attached_to(self, handler: str) -> list[str]:
        """Return the names of the loggers that have a handler; the root logger's is empty.

        Args:
            handler: The key of its table.
        """
        if not self.is_whole:
            return [""]
        return [name for name, table in self._logger_tables().items() if handler in _handlers_of(table)]

    def printed_nowhere(self, handler: str) -> list[str]:
        """Return the names of the loggers that have a handler, and whose records reach no handler but this package's.

        A table ``[gntp]`` has none: :meth:`apply` sees to it.

        Args:
            handler: The key of its table.
        """
        if not self.is_whole:
            return []
        tables = self._handler_tables()
        ours, silent = {handler}, {table.key for table in self.handlers()}
        silent |= {key for key, table in tables.items() if table.get("class") == "logging.NullHandler"}
        for _ in tables:  # one may hand on to another that hands on, so often at most
            ours |= {key for key, table in tables.items() if not ours.isdisjoint(_handed_on_to(table))}
            silent |= {key for key, table in tables.items() if (to := _handed_on_to(table)) and silent.issuperset(to)}
        return [
            name
            for name, table in self._logger_tables().items()
            if not ours.isdisjoint(_handlers_of(table)) and silent.issuperset(self._on_the_way(name))
        ]

    def _on_the_way(self, logger: str) -> Iterator[str]:
        """Yield the handlers that get a logger's records, in the order of :meth:`logging.Logger.callHandlers`."""
        tables = self._logger_tables()
        while True:
            table = tables.get(logger, {})
            yield from _handlers_of(table)
            if not logger or table.get("propagate") is False:
                return
            logger = logger.rpartition(".")[0]

    def _logger_tables(self) -> Table:
        converting = logging.config.BaseConfigurator(self.content).config  # a list may be spoken of by cfg://
        tables = {name: converting["loggers"][name] for name in self.content.get("loggers", {})}
        if "root" in self.content:
            tables[""] = converting["root"]
        return tables

    def is_fed_by_another(self, handler: str) -> bool:
        """Tell whether another handler hands its records on to a handler, as MemoryHandler and QueueHandler do.

        Args:
            handler: The key of its table.
        """
        return any(
            handler in _handed_on_to(table) for table in (self._handler_tables().values() if self.is_whole else [])
        )

    def apply(self, *, ours_alone: bool = False) -> list[GNTPHandler]:
        """Configure logging so.

        Args:
            ours_alone: Make this package's handlers, their filters and formatters, and nothing else.

        Returns:
            The handlers that were made.

        Raises:
            ConfigurationError: If a value is not allowed.
        """
        tables = self.handlers()
        for table in tables:
            table.try_out()
        if not self.is_whole:
            handler = tables[0].make()
            handler.name = _ATTACHED
            if not ours_alone:
                _attach(handler)
            return [handler]
        # As dictConfig does it, but what it has made can be asked for: a handler that no logger has is kept nowhere.
        configurator = logging.config.dictConfigClass(
            self._ours(tables) if ours_alone else self._with_overrides(tables)
        )
        try:
            configurator.configure()
        except ValueError as error:
            raise self._explained(error) from error
        made = dict(configurator.config.get("handlers", {}))
        return [made[key] for key in sorted(made) if isinstance(made[key], GNTPHandler)]

    def _with_overrides(self, tables: Collection[HandlerTable]) -> Table:
        changed = {table.key: table.with_overrides() for table in tables}
        return {**self.content, "handlers": {**self._handler_tables(), **changed}}

    def _ours(self, tables: Collection[HandlerTable]) -> Table:
        others = {name for name in self._handler_tables() if name not in {table.key for table in tables}}
        whole = self._with_overrides(tables)
        handlers = {key: table for key, table in whole["handlers"].items() if key not in others}
        kept = {name: value for name, value in whole.items() if name not in ("root", "loggers")}
        return {**kept, "handlers": handlers}

    def error(self, table: str, reason: str) -> ConfigurationError:
        """Return an error that names the file and a table, as far as there are any."""
        where = f"{self.path}: " * bool(self.path) + f"[{table}] " * bool(table)
        return ConfigurationError(where + reason)

    def name(self, *names: str) -> str:
        """Return the whole name of a table."""
        return ".".join(filter(None, [self.table, *map(str, names)]))

    def _explained(self, error: ValueError) -> ConfigurationError:
        """Say with the file's words where dictConfig has failed, and with those of the cause why."""
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, (ConfigurationError, OptionError)):
            cause = cause.__cause__
        reason = str(cause) if isinstance(cause, ValueError) else f"{type(cause).__name__}: {cause}"
        where = re.fullmatch(r"Unable to configure (handler|filter|formatter|logger) '(.*)'", str(error))
        if where is not None:
            return self.error(self.name(f"{where[1]}s", where[2]), reason)
        return self.error(self.name("root") if "root logger" in str(error) else self.table, reason)

    # What dictConfig ignores, or refuses in words that do not help.

    def check(self) -> None:
        """Check keys, and the names by which tables speak of each other.

        Raises:
            ConfigurationError: If a key is unknown, or what it names is not there.
        """
        if not self.is_whole:
            self._check_keys(self.table, self.content, DEFAULTS)
            return
        content = self.content
        self._check_keys(self.table, content, (*_CONFIGURATION, *_spoken_of(content)))
        self._check_types(self.table, content, {"version": (int, "1"), **_BOOLEANS})
        if content["version"] != 1:
            raise self.error(self.table, f"version: allowed is 1, not {content['version']!r}")
        for name, known in _TABLES.items():
            for entry, table in self._tables(name):
                if name == "handlers":
                    self._check_handler(entry, table)
                else:  # a factory of others has its own options
                    self._check_keys(entry, table, table.keys() if "()" in table else known)
                self._check_names(entry, table)
        root = self._table("root", content.get("root", {}))
        self._check_keys(self.name("root"), root, _ROOT)
        self._check_names(self.name("root"), root)

    def _tables(self, kind: str) -> Iterator[tuple[str, Table]]:
        for entry, table in self._table(kind, self.content.get(kind, {})).items():
            if not isinstance(entry, str):
                raise self.error(self.name(kind), f"{entry!r:.40}: a name must be a text; put it in quotation marks")
            yield self.name(kind, entry), self._table(f"{kind}.{entry}", table)

    def _table(self, name: str, value: object) -> Table:
        if not isinstance(value, dict):
            raise self.error(self.name(name), _no_table(value))
        return value

    def _check_keys(self, name: str, table: Table, known: Collection[str]) -> None:
        for key in table:
            if key not in known:
                raise self.error(name, unknown(key, known))

    def _check_types(self, name: str, table: Table, kinds: Mapping[str, tuple[type, str]]) -> None:
        for key, (kind, allowed) in kinds.items():
            if key in table and type(table[key]) is not kind:
                raise self.error(name, f"{key}: allowed is {allowed}, not {_shown(table[key])}")

    def _check_handler(self, name: str, table: Table) -> None:
        if "()" not in table and "class" not in table:
            meant = next((key for key in table if nearest(key, ["class"])), None)
            hint = f"; {meant!r} may be meant to be it" if meant else ""
            raise self.error(name, f"class: is missing, such as class = 'gntp_logging.GNTPHandler'{hint}")
        for key in ("()", "class"):
            if not isinstance(table.get(key, ""), str):
                raise self.error(name, f"{key}: allowed is a dotted path, not {_shown(table[key])}")
            if _OURS.match(table.get(key, "")) and _factory(table) is None:
                raise self.error(name, f"{key}: there is no {table[key]!r}; did you mean 'gntp_logging.GNTPHandler'?")
        factory = _factory(table)
        if factory is not None:
            self._check_keys(name, table, (*_OF_DICT_CONFIG, *_takes(factory, table)))

    def _check_names(self, name: str, table: Table) -> None:
        self._check_types(name, table, _BOOLEANS)
        if "level" in table and not _is_level(table["level"]):
            allowed = "a level's number, or a name that logging knows, such as 'ERROR'"
            raise self.error(name, f"level: allowed is {allowed}, not {_shown(table['level'])}")
        if self.content.get("incremental") is True:
            return
        for key, kind in (("handlers", "handlers"), ("filters", "filters"), ("formatter", "formatters")):
            value = table.get(key, [])
            named = value if key != "formatter" else [value] if value else []
            if named is None or (isinstance(named, str) and named.startswith(_REFERENCES)):
                continue
            if not isinstance(named, list):
                raise self.error(name, f"{key}: allowed is a list of names, not {_shown(value)}")
            there = self._table(kind, self.content.get(kind, {}))
            for one in named:
                if not isinstance(one, str):
                    raise self.error(name, f"{key}: allowed is a name, not {_shown(one)}")
                if one not in there and not one.startswith(_REFERENCES):
                    raise self.error(name, f"{key}: {unknown(one, there, f'[{kind}] table')}")


@dataclass(frozen=True)
class HandlerTable:
    """A table that describes one of this package's handlers.

    Attributes:
        file: Where it stands.
        key: Its key among the handlers; the handler's name.
        name: Its whole name, with dots.
        content: What stands in it.
        factory: What makes the handler.
    """

    file: LoggingFile
    key: str
    name: str
    content: Table = field(repr=False)
    factory: Factory

    @property
    def overrides(self) -> Mapping[str, object]:
        """The options that come before the table's own, as far as what makes the handler takes them.

        Raises:
            ConfigurationError: If an argument names a server, and it does not take that.
        """
        taken = _takes(self.factory, self.content) if isinstance(self.factory, type) or self._is_from_env else ()
        for option, called in self.file.option_names.items():
            if option in OPTIONS and option not in taken and called.startswith("--"):
                raise self.file.error(self.name, f"{called}: what makes this handler takes no {option!r}")
        return {option: value for option, value in self.file.overrides.items() if option in taken}

    @property
    def _is_from_env(self) -> bool:
        return self.factory is from_env

    def with_overrides(self) -> Table:
        """Return the table with the options that come before its own."""
        changed = override(self.content, self.overrides)
        if self._is_from_env and self.file.option_names:  # it would put the environment before an argument again
            changed["()"] = "gntp_logging.GNTPHandler"
        return changed

    def options(self) -> Table:
        """Return the handler's options, with what ``ext://`` and ``cfg://`` stand for.

        Raises:
            ConfigurationError: If one of those cannot be had.
        """
        # As dictConfig does it: its dicts resolve when they are indexed, the inner ones too.
        converting = logging.config.BaseConfigurator(self.file.content).config
        table = converting["handlers"][self.key] if self.file.is_whole else converting
        found = {}
        for option in table:
            try:
                found[option] = table[option]
            except Exception as error:
                raise self.file.error(self.name, f"{option}: {error}") from error
        others = _OF_DICT_CONFIG if self.file.is_whole else ()
        ours = {option: value for option, value in found.items() if option not in others}
        return override(ours, self.overrides)

    def make(self) -> GNTPHandler:
        """Make the handler, without its filters and its formatter.

        Raises:
            ConfigurationError: If a value is not allowed.
        """
        # What the environment says is in there, if options have other names, and an argument comes before it.
        factory = GNTPHandler if self._is_from_env and self.file.option_names else self.factory
        return self._made(factory, self.options())

    def destination(self) -> Destination:
        """Return where the handler sends to; for that, a handler of this package's own class is not made.

        Raises:
            ConfigurationError: If a value is not allowed.
        """
        if self.factory is not GNTPHandler:
            return self.make().destination
        given = {**DEFAULTS, **self.options()}
        return self._made(Destination.from_options, {option: given[option] for option in OPTIONS})

    def _made(self, make: Callable[..., _T], options: Table) -> _T:
        try:
            with relabel_errors(self.file.option_names):
                return make(**options)
        except ConfigurationError:
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise self.file.error(self.name, reason) from error

    def option(self, name: str, check: Callable[[str, object], _T]) -> _T | None:
        """Return an option, checked, whether what makes the handler takes it or not: for what is not the handler's.

        Args:
            name: The option.
            check: Checks its value; gets its name, too.

        Returns:
            The value; None where there is none.

        Raises:
            ConfigurationError: If the value is not allowed.
        """
        value = {**self.options(), **self.file.overrides}.get(name)
        return None if value is None else self._made(lambda: check(name, value), {})

    def try_out(self) -> None:
        """Make the handler and throw it away, so that a mistake is found before anything is changed.

        What is not of this package is not called twice: it may do more than make a handler.

        Raises:
            ConfigurationError: If a value is not allowed.
        """
        if self.factory is GNTPHandler or self._is_from_env:
            self.make().close()


_OURS: Final = re.compile(r"(ext://)?gntp_logging\.")

_attached: weakref.WeakSet[GNTPHandler] = weakref.WeakSet()
"""Handlers that tables of files describe, which the next :func:`load` of one replaces."""


_attaching: Final = threading.Lock()


def _attach(handler: GNTPHandler) -> None:
    """Put a handler in the place of the one before; what is logged meanwhile goes to one of them, or to both."""
    root = logging.getLogger()
    with _attaching:
        _keep_printing(root)
        before = [one for one in root.handlers if one in _attached]
        _attached.add(handler)
        root.addHandler(handler)
        for attached in before:
            root.removeHandler(attached)
    for attached in before:
        attached.close()


def _keep_printing(root: logging.Logger) -> None:
    """Add a handler that prints what :data:`logging.lastResort` has printed: any handler on the root ends that.

    A program that has a handler of its own, or no stderr, or has switched ``lastResort`` off, gets none.
    """
    printing = logging.lastResort
    if printing is None or sys.stderr is None:
        return
    if all(isinstance(one, (GNTPHandler, logging.NullHandler)) for one in root.handlers):
        terminal = logging.StreamHandler()
        terminal.setLevel(printing.level)
        terminal.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(terminal)


_CONFIGURATION: Final = (
    "version", "formatters", "filters", "handlers", "loggers", "root", "incremental", "disable_existing_loggers",
)  # fmt: skip

_OF_DICT_CONFIG: Final = ("class", "()", ".", "level", "formatter", "filters")
"""Keys of a handler's table that are no options, or that dictConfig keeps for itself."""

_ROOT: Final = ("level", "handlers", "filters")

_TABLES: Final[Mapping[str, Collection[str]]] = {
    "formatters": ("()", "format", "datefmt", "style", "validate", "class", "defaults"),
    "filters": ("()", "name"),
    "handlers": (),  # those of this package's are checked, others have their own
    "loggers": (*_ROOT, "propagate"),
}
"""The keys of a table that dictConfig reads."""

_BOOLEANS: Final[Mapping[str, tuple[type, str]]] = dict.fromkeys(
    ("propagate", "incremental", "disable_existing_loggers"), (bool, "true or false")
)
_REFERENCES: Final = ("ext://", "cfg://")


def read(path: str | os.PathLike[str]) -> LoggingFile:
    """Read a file, and check its keys; see :func:`load`.

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
    language, parse = _PARSERS.get(os.path.splitext(name)[1].lower(), ("TOML", _toml))
    try:
        content = parse(data.decode("utf-8-sig"))  # Windows marks it
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{name}: needs PyYAML: pip install pyyaml") from error
    except RecursionError as error:
        raise ConfigurationError(f"{name}: is nested too deeply") from error
    except Exception as error:  # noqa: BLE001 - each parser has errors of its own
        raise ConfigurationError(f"{name}: is not valid {language}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{name}: {_no_table(content)}")
    found = find(name, content)
    found.check()
    return found


def _toml(text: str) -> object:
    return tomllib.loads(text)


def _yaml(text: str) -> object:
    import yaml

    try:
        content: object = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:  # whose text shows the line, and a password that may stand there
        mark = error.problem_mark
        where = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValueError(f"{error.problem}{where}") from None
    return content


_PARSERS: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    ".json": ("JSON", json.loads),
    ".yaml": ("YAML", _yaml),
    ".yml": ("YAML", _yaml),
}
"""How files are read that are no TOML, by the ending of their names."""


def find(path: str, content: Table) -> LoggingFile:
    """Find the configuration in a file's content.

    Args:
        path: The file.
        content: What stands in it.

    Returns:
        The table that is meant, not checked yet.

    Raises:
        ConfigurationError: If there is none.
    """
    whole = LoggingFile(path, "", content, is_whole=True)
    tools = content.get("tool")
    if isinstance(tools, dict) and "gntp_logging" in tools:
        return _part(whole, "tool.gntp_logging", tools["gntp_logging"], may_be_whole=True)
    described = [name for name in ("handlers", "loggers", "root", "formatters") if name in content]
    if "gntp" in content:
        if described:
            reason = f"and [{described[0]}] in one file; allowed is one of them, [handlers] has all of logging"
            raise whole.error("gntp", reason)
        return _part(whole, "gntp", content["gntp"], may_be_whole=False)
    if "version" in content and (described or type(content["version"]) is int):
        return whole
    if described:
        raise whole.error("", f"version: is missing; a configuration with [{described[0]}] begins with version = 1")
    known = ("tool.gntp_logging",) if isinstance(tools, dict) else ("gntp", *_CONFIGURATION)
    there = [f"tool.{name}" for name in tools] if isinstance(tools, dict) else [str(name) for name in content]
    typing_error = next((unknown(key, known) for key in there if nearest(key, known)), "")
    allowed = "a table [gntp] or [tool.gntp_logging], or a whole logging configuration with version = 1"
    raise ConfigurationError(
        f"{path}: has no configuration; allowed is {allowed}{typing_error and '; ' + typing_error}"
    )


def _part(file: LoggingFile, table: str, content: object, *, may_be_whole: bool) -> LoggingFile:
    if not isinstance(content, dict):
        raise file.error(table, _no_table(content))
    return LoggingFile(file.path, table, content, may_be_whole and "version" in content)


def _no_table(value: object) -> str:
    """Say that a value is none of what it must be."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "must be one table, not a list of them: [[...]] is a bracket too many"
    return f"must be a table of keys and values, not {_shown(value)}"


def _shown(value: object) -> str:
    """Say what stands in the place of something else; what is in a table, a password perhaps, is not shown."""
    return next((words for kind, words in _KINDS.items() if isinstance(value, kind)), f"{value!r:.60}")


_KINDS: Final = {dict: "a table", list: "a list", bool: "a boolean", int: "a number", float: "a number"}


def _factory(table: object) -> Factory | None:
    """Return what makes a handler of this package: its class, a subclass, or a function that is annotated so."""
    named = isinstance(table, dict) and (table.get("()") or table.get("class"))
    if not isinstance(named, str):
        return None
    try:
        found = logging.config.BaseConfigurator({}).resolve(named.removeprefix("ext://"))
        made = found if isinstance(found, type) else typing.get_type_hints(found).get("return")
        is_ours = isinstance(made, type) and issubclass(made, GNTPHandler)
    except Exception:  # noqa: BLE001 - an application's module may raise anything; dictConfig says it better
        return None
    return found if is_ours else None


def _takes(factory: Factory, table: Table) -> Collection[str]:
    """Return the keys that a factory takes."""
    parameters = inspect.signature(factory).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    if len(names) == len(parameters):
        return names
    # What it hands on are options, if it is a class; a function may do anything with them.
    return (*names, *DEFAULTS, *(() if isinstance(factory, type) or factory is from_env else table))


def _spoken_of(content: Table) -> list[str]:
    """Return the keys of tables that are there to be spoken of by ``cfg://``."""
    return re.findall(r"cfg://(\w+)", repr(content))


def _handlers_of(table: Table) -> list[str]:
    """Return the keys of the handlers that a logger's table names; YAML may leave the list empty."""
    return table.get("handlers") or []


def _handed_on_to(table: Table) -> list[str]:
    """Return the keys of the handlers to which a handler hands its records on, as MemoryHandler and QueueHandler do."""
    return [table["target"]] if "target" in table else table.get("handlers") or []


def _is_level(value: object) -> bool:
    """Tell whether dictConfig takes a value for a level. The handler, when it is made without it, takes more."""
    if isinstance(value, str):
        return value.startswith(_REFERENCES) or isinstance(logging.getLevelName(value), int)
    return type(value) is int
