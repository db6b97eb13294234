"""Which handlers the records of a file's loggers reach. The root logger's name is empty here."""

from __future__ import annotations

import contextlib
import logging.config
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .logging_file import LoggingFile, Table


def leading_to(handler: str, file: LoggingFile) -> list[str]:
    """Return the loggers that have a handler, or another one that passes its records on to it."""
    if not file.is_whole:
        return [""]
    return [name for name, table in _loggers(file).items() if handler in _reached(_names(table, file), file)]


def printed_nowhere(handler: str, file: LoggingFile) -> list[str]:
    """Return the loggers whose records reach a handler, but no handler that prints."""
    if not file.is_whole:
        return []  # applying it keeps one that prints
    silent = _nulls(file) | {key for key, _, _ in file.ours()}
    return [name for name in leading_to(handler, file) if _reached_from(name, file) <= silent]


def kept_from(handler: str, file: LoggingFile) -> list[str]:
    """Return the loggers that keep their records from a handler above them, and print or store them elsewhere."""
    if not file.is_whole:
        return []
    nulls = _nulls(file)
    return [
        name
        for name, table in _loggers(file).items()
        if name
        and not _propagates(table)
        and handler not in (own := _reached(_names(table, file), file))
        and own - nulls
        and handler in _reached_from(name.rpartition(".")[0], file)
    ]


def _nulls(file: LoggingFile) -> set[str]:
    return {key for key, table in file.tables("handlers") if table.get("class") == "logging.NullHandler"}


def _loggers(file: LoggingFile) -> dict[str, Table]:
    loggers = {"" if name == "root" else str(name): table for name, table in file.tables("loggers")}
    root = file.content.get("root")
    return {**loggers, "": root} if root and isinstance(root, dict) else loggers


def _reached_from(logger: str, file: LoggingFile) -> set[str]:
    """Return the handlers at which a logger's records end."""
    ways = _on_the_way(logger, _loggers(file))
    return _reached((key for table in ways for key in _names(table, file)), file)


def _propagates(table: Table) -> bool:
    return table.get("propagate") is None or bool(table["propagate"])


def _on_the_way(logger: str, loggers: Mapping[str, Table]) -> Iterator[Table]:
    """Yield the tables of the loggers that get a logger's records, as :meth:`logging.Logger.callHandlers` does."""
    while True:
        table = loggers.get(logger, {})
        yield table
        if not logger or not _propagates(table):
            return
        logger = logger.rpartition(".")[0]


def _reached(handlers: Iterable[str], file: LoggingFile) -> set[str]:
    """Return the handlers that records reach at last: MemoryHandler and QueueHandler pass them on."""
    tables, seen, pending = dict(file.tables("handlers")), dict[str, list[str]](), [*handlers]
    while pending:
        key = pending.pop()
        if key not in seen:
            seen[key] = _names(tables.get(key, {}), file)
            pending += seen[key]
    return {key for key, handed_on_to in seen.items() if not handed_on_to}


def _names(table: Table, file: LoggingFile) -> list[Any]:
    """Return the handlers that a logger's or a handler's table names, perhaps by a reference; also by number."""
    value = table.get("handlers", [table.get("target")])
    with contextlib.suppress(Exception):  # dictConfig says what leads nowhere
        value = logging.config.BaseConfigurator(file.content).convert(value)
    return [one for one in value if isinstance(one, (str, int))] if isinstance(value, (list, dict, str)) else []
