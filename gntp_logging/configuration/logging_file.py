"""A file that configures logging: read, checked as far as it is about this package, and applied.

:mod:`logging.config` checks the rest. The mistakes that are looked for here it would ignore, or find only after it has
removed the earlier configuration.
"""

from __future__ import annotations

import json
import logging
import logging.config
import os
import re
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gntp_logging.handler import GNTPHandler
from gntp_logging.options.checks import nearest, unknown
from gntp_logging.options.errors import OptionError

from .environment import DEFAULTS, ConfigurationError, Overrides, from_env
from .handler_settings import Factory, HandlerSettings, factory_of, in_words, taken_by

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # installed only where it is needed


_ATTACHED: Final = "gntp"
"""Name of the handler that a file's table describes."""

_KEPT: Final = (".", "level", "formatter", "filters")
"""Keys of a handler's table that dictConfig keeps for itself."""

_NO_OPTIONS: Final = ("class", "()", *_KEPT)

Table = dict[str, Any]
"""A table of a file: keys are the file's, values whatever it holds."""


@dataclass(frozen=True)
class LoggingFile:
    """A configuration that was read from a file, not applied yet.

    Attributes:
        path: The file.
        table: Name of the table that is meant, with dots; empty for the whole file.
        content: That table.
        is_whole: Whether it is a configuration for dictConfig, rather than the options of one handler.
    """

    path: str
    table: str
    content: Table = field(repr=False)  # there may be a password in it
    is_whole: bool

    def apply(self) -> list[GNTPHandler]:
        """Configure logging so, and return this package's handlers that were made.

        Raises:
            ConfigurationError: If a value is not allowed.
        """
        if not self.is_whole:
            (handler,) = self.make_ours(Overrides())
            _attach(handler)
            return [handler]
        self._tried_out(Overrides())
        return self._configure(self.content)

    def make_ours(self, overrides: Overrides) -> list[GNTPHandler]:
        """Make this package's handlers, with their filters and formatters; no logger gets them.

        Args:
            overrides: Options that come before the file's own, in each handler that takes them.

        Raises:
            ConfigurationError: If a value is not allowed.
        """
        settings = self._tried_out(overrides)
        if not self.is_whole:
            handler = settings[_ATTACHED].make()
            handler.name = _ATTACHED
            return [handler]
        tables: Table = {}
        for key, table, _ in self.ours():
            kept = [name for name in _KEPT if name in table and name not in settings[key].options]
            tables[key] = {"()": settings[key].make, **{name: table[name] for name in kept}}
        rest = {key: value for key, value in self.content.items() if key not in ("root", "loggers")}
        return self._configure({**rest, "handlers": tables})

    def _tried_out(self, overrides: Overrides) -> dict[str, HandlerSettings]:
        """Make handlers and throw them away, so that a mistake is found before anything is changed."""
        settings = self.handlers(overrides)
        for one in settings.values():
            if one.factory in (GNTPHandler, from_env):  # another may do more than make a handler
                one.make().close()
        return settings

    def handlers(self, overrides: Overrides) -> dict[str, HandlerSettings]:
        """Return what this package's handlers are made of, by their keys.

        Raises:
            ConfigurationError: If a reference leads nowhere, or an argument names what a factory does not take.
        """
        found = {}
        for key, table, factory in self.ours():
            # As dictConfig does it: its dicts follow references when they are indexed, the inner ones too.
            converting = logging.config.BaseConfigurator(self.content).convert(table)
            options = {}
            for option in table:
                if self.is_whole and option in _NO_OPTIONS:
                    continue
                try:
                    options[option] = converting[option]
                except Exception as error:
                    raise self._error(f"{option}: {error}", "handlers", key) from error
            found[key] = HandlerSettings.merge(options, overrides, factory, self._place("handlers", key))
        return found

    def name(self, *names: str) -> str:
        """Return the whole name of a table of the configuration; that of the only one, if it is not whole."""
        return ".".join(filter(None, [self.table, *map(str, names if self.is_whole else ())]))

    def tables(self, kind: str) -> Iterator[tuple[str, Table]]:
        """Yield the tables of a kind, such as ``loggers``, with their keys. dictConfig judges what is no table."""
        tables = self.content.get(kind)
        for key, table in tables.items() if isinstance(tables, dict) else ():
            if isinstance(table, dict):
                yield key, table

    def ours(self) -> Iterator[tuple[str, Table, Factory]]:
        """Yield key, table and factory of this package's handlers."""
        if not self.is_whole:
            yield _ATTACHED, self.content, GNTPHandler
        elif not self.content.get("incremental"):  # which makes no handlers
            for key, table in self.tables("handlers"):
                if factory := factory_of(table):
                    yield key, table, factory

    def _configure(self, content: Table) -> list[GNTPHandler]:
        # As dictConfig does it, but its handlers can be found afterwards, even those that no logger has.
        configurator = logging.config.dictConfigClass(content)
        try:
            configurator.configure()
        except Exception as error:
            where = re.fullmatch(r"Unable to configure (handler|filter|formatter|logger) '(.*)'", str(error))
            names = (f"{where[1]}s", where[2]) if where else ("root",) * ("root logger" in str(error))
            reason = in_words(_cause(error)).removeprefix(self._place(*names))
            raise self._error(reason, *names) from error
        made = dict(configurator.config.get("handlers") or {})
        return [made[key] for key in sorted(key for key, one in made.items() if isinstance(one, GNTPHandler))]

    def _place(self, *names: str) -> str:
        table = self.name(*names)
        return f"{self.path}: " + f"[{table}] " * bool(table)

    def _error(self, reason: str, *names: str) -> ConfigurationError:
        return ConfigurationError(self._place(*names) + reason)

    def check(self) -> None:
        """Check this package's tables, and the names by which they and the loggers refer to other tables.

        Raises:
            ConfigurationError: If a key is unknown, or what it names is not there.
        """
        if not self.is_whole:
            self._check_keys(self.content, DEFAULTS)
            return
        handlers = self.content.get("handlers")
        if isinstance(handlers, list) and handlers:  # dictConfig shows what stands in it, a password perhaps
            raise self._error(_no_table(handlers), "handlers")
        if self.content.get("incremental"):  # which has levels only
            return
        for key, table in self.tables("handlers"):
            factory, named = factory_of(table), table.get("()", table.get("class"))
            if factory is not None:
                self._check_keys(table, (*_NO_OPTIONS, *taken_by(factory, table)), "handlers", key)
                self._check_names(table, {"formatter": "formatters", "filters": "filters"}, "handlers", key)
            elif isinstance(named, str) and named.removeprefix("ext://").startswith("gntp_logging."):
                raise self._error(f"there is no {named!r}; did you mean 'gntp_logging.GNTPHandler'?", "handlers", key)
            elif named is None:  # which dictConfig calls an AttributeError of NoneType
                raise self._error("class: is missing, such as 'gntp_logging.GNTPHandler'", "handlers", key)
        for key, table in self.tables("loggers"):
            self._check_names(table, _OF_LOGGERS, "loggers", key)
        if isinstance(root := self.content.get("root"), dict):
            self._check_names(root, _OF_LOGGERS, "root")

    def _check_keys(self, table: Table, known: Collection[str], *place: str) -> None:
        for key in table:
            if key not in known:
                raise self._error(unknown(key, known), *place)

    def _check_names(self, table: Table, kinds: Mapping[str, str], *place: str) -> None:
        """Check that what a table names exists. dictConfig itself resolves references such as ``cfg://``."""
        for key, kind in kinds.items():
            value, there = table.get(key), self.content.get(kind) or {}
            if not value or not isinstance(there, dict) or str(value).startswith(("ext://", "cfg://")):
                continue
            names = [value] if key == "formatter" else value
            is_list = isinstance(names, (list, dict))
            for name in names if is_list else str(names):  # dictConfig takes a text for a list of letters
                if name not in [*there]:  # a list, because not everything has a hash
                    reason = unknown(name, [*map(str, there)], f"[{kind}] table")
                    reason = reason if is_list else f"allowed is a list of names, not {value!r:.60}"
                    raise self._error(f"{key}: {reason}", *place)


_OF_LOGGERS: Final = {"handlers": "handlers", "filters": "filters"}
"""Keys by which a logger's table refers to others, and the kinds of these tables."""


def _cause(error: Exception) -> BaseException:
    """Return the most telling error of a chain: one of this package, or else the innermost that has a sentence."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    ours = [one for one in chain if isinstance(one, (ConfigurationError, OptionError))]
    inner = [one for one in chain[1:] if isinstance(one, ValueError)]
    return (ours or inner[::-1] or chain[::-1])[0]


_attached: weakref.WeakSet[GNTPHandler] = weakref.WeakSet()
"""Handlers that tables of files describe, which the next :func:`load` of one replaces."""


_attaching: Final = threading.Lock()


def _attach(handler: GNTPHandler) -> None:
    """Replace the handler of an earlier call. What is logged meanwhile goes to one of them, or to both."""
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
    """Add a handler that prints what :data:`logging.lastResort` has printed until the root had a handler.

    Nothing is added if the program has a handler of its own, or no stderr, or has switched ``lastResort`` off.
    """
    printing = logging.lastResort
    if printing is None or sys.stderr is None:
        return
    if all(isinstance(one, (GNTPHandler, logging.NullHandler)) for one in root.handlers):
        terminal = logging.StreamHandler()
        terminal.setLevel(printing.level)
        terminal.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(terminal)


def read(path: str | os.PathLike[str]) -> LoggingFile:
    """Read a file, and check it; see :func:`load`.

    Raises:
        ConfigurationError: If it is no file that :func:`load` takes.
        OSError: If it cannot be read.
    """
    name = os.fspath(path)
    with open(name, "rb") as file:
        data = file.read()
    language, parse = _PARSERS.get(os.path.splitext(name)[1].lower(), ("TOML", tomllib.loads))
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
    """Find the table that is meant in a file's content; it is not checked yet.

    Raises:
        ConfigurationError: If there is none.
    """
    tools = content.get("tool")
    if isinstance(tools, dict) and "gntp_logging" in tools:
        return _part(path, "tool.gntp_logging", tools["gntp_logging"], may_be_whole=True)
    described = [name for name in ("handlers", "loggers", "root", "formatters") if name in content]
    if "gntp" in content:
        if described:
            reason = f"[gntp] and [{described[0]}] in one file; allowed is one of them, [handlers] has all of logging"
            raise ConfigurationError(f"{path}: {reason}")
        return _part(path, "gntp", content["gntp"], may_be_whole=False)
    if "version" in content or described:
        return LoggingFile(path, "", content, is_whole=True)
    known = ("tool.gntp_logging",) if isinstance(tools, dict) else ("gntp", "version", "handlers", "loggers", "root")
    there = [f"tool.{name}" for name in tools] if isinstance(tools, dict) else [str(name) for name in content]
    hint = next((f"; {unknown(key, known)}" for key in there if nearest(key, known)), "")
    allowed = "a table [gntp] or [tool.gntp_logging], or a whole logging configuration with version = 1"
    raise ConfigurationError(f"{path}: has no configuration; allowed is {allowed}{hint}")


def _part(path: str, table: str, content: object, *, may_be_whole: bool) -> LoggingFile:
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: [{table}] {_no_table(content)}")
    return LoggingFile(path, table, content, may_be_whole and "version" in content)


def _no_table(value: object) -> str:
    """Say that a value is no table, without showing the value: there may be a password in it."""
    is_list_of_tables = isinstance(value, list) and value and isinstance(value[0], dict)
    return "must be one table: [[...]] is a bracket too many" if is_list_of_tables else "must be a table"
