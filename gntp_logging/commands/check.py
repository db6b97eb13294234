"""The command ``gntp-logging check``: what a server takes, step by step, and what to do where it does not."""

from __future__ import annotations

import argparse
import copy
import logging
import shutil
import sys
import textwrap
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Final

from gntp_logging.configuration.environment import PREFIX

from . import arguments as args
from .arguments import UsageError
from .probe import APPLICATION, CheckResult, Status, probe
from .terminal import say

if TYPE_CHECKING:
    from gntp_logging.configuration.logging_file import LoggingFile
    from gntp_logging.handler import GNTPHandler
    from gntp_logging.options.destination import Destination

_DESCRIPTION: Final = """\
Walk through what alerts need of a GNTP server, and say what to do where it fails.

  gntp-logging check                                  the server on this machine
  gntp-logging check --host desk --password-file key  another one, with a password
  gntp-logging check --config pyproject.toml          the one of a configuration, through its own handler
  gntp-logging check --text "password=hunter2"        what an alert would show of a text; nothing is sent

Notifications called "gntp-logging check" appear on the desktop: a click on the last one completes the walk.

ok: it works. FAIL: alerts do not get through. note: worth knowing, nothing to mend. -: left out.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments.

    Args:
        commands: The subparsers of ``gntp-logging``.
    """
    parser = commands.add_parser(
        "check",
        help="see what a server takes, and what to do where it does not",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit codes: 0 alerts get through as configured; 1 they do not; 2 wrong usage; 130 Ctrl-C.",
    )
    parser.add_argument(
        "--wait", type=_seconds_or_0, default=10.0, metavar="SECONDS",
        help="how long to wait for a click on the last notification; 0 leaves it out (default 10)",
    )  # fmt: skip
    parser.add_argument(
        "--text", help="print a text as an alert would show it, its secrets masked, and send nothing; - reads it"
    )
    args.add_server(parser)
    parser.set_defaults(run=check_command)


def _seconds_or_0(value: str) -> float:
    return 0.0 if value in ("0", "0.0") else args.seconds(value)


def check_command(arguments: argparse.Namespace) -> int:
    """Walk, and print the table as it grows.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code: 0 when alerts get through, 1 when not.

    Raises:
        UsageError: If an argument, a variable or the file cannot be used.
    """
    file = args.configuration(arguments)
    if arguments.text is not None:
        return _show(sys.stdin.read() if arguments.text == "-" else arguments.text, file)
    if arguments.config is None:
        return int(_print_all(_steps_alone(file, arguments.wait)))
    try:
        handlers = file.apply(ours_alone=True)
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    if not handlers:
        raise UsageError(
            f"{arguments.config}: has no handler with class = 'gntp_logging.GNTPHandler', a subclass of it, or a"
            " factory that is annotated to return one"
        )
    failed = False
    for handler in handlers:
        failed |= _print_all(_steps_with(handler, file, arguments.wait))
        handler.close()
    return int(failed)


def _show(text: str, file: LoggingFile) -> int:
    """Print what the handlers of a configuration leave of a text."""
    record = logging.LogRecord(APPLICATION, logging.ERROR, __file__, 0, text, None, None)
    try:
        for table in file.handlers():
            say(table.make().preview(record).text)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return 0


def _steps_alone(file: LoggingFile, wait: float) -> Iterator[CheckResult]:
    try:
        destination = file.handlers()[0].destination()
    except ValueError as error:
        raise UsageError(str(error)) from error
    _print_server(destination, file, wait)
    yield from probe(destination, wait)


def _steps_with(handler: GNTPHandler, file: LoggingFile, wait: float) -> Iterator[CheckResult]:
    """Walk to the server of a handler, and then through the handler itself."""
    _print_server(handler.destination, file, wait, handler.name or "")
    last = None
    for last in probe(handler.destination, wait):
        yield last
    yield from _printed_nowhere(handler.name or "", file)
    if last is not None and last.name in _NEEDED and last.status is Status.FAILED:
        yield CheckResult(f"handler {handler.name}", Status.LEFT_OUT, "its server cannot be reached, see above")
        return
    loggers = file.attached_to(handler.name or "")
    if not loggers and not file.is_fed_by_another(handler.name or ""):
        advice = f"name it in the file: [root] handlers = [{handler.name!r}]"
        yield CheckResult(
            f"handler {handler.name}", Status.FAILED, "no logger has it, so it gets nothing", None, advice
        )
    yield through(handler, next(filter(None, loggers), APPLICATION))


def _printed_nowhere(handler: str, file: LoggingFile) -> Iterator[CheckResult]:
    """Tell of loggers whose warnings and errors stderr has lost to a handler."""
    for logger in file.printed_nowhere(handler):
        table = file.name("loggers", logger) if logger else file.name("root")
        answer = f"the program's warnings and errors no longer appear there: [{table}] has no other handler"
        terminal = f"[{file.name('handlers', 'terminal')}] class = 'logging.StreamHandler'"
        advice = f"add {terminal}, and name it: [{table}] handlers = ['terminal', {handler!r}]"
        yield CheckResult("stderr", Status.NOTE, answer, None, advice)


_NEEDED: Final = ("name look-up", "connect", "REGISTER")
"""Steps that the check may end with, because nothing works without them."""


# -- The table -----------------------------------------------------------------------------------


def _print_server(destination: Destination, file: LoggingFile, wait: float, handler: str = "") -> None:
    name = f"[{file.name('handlers', handler) if file.is_whole else file.table}] " if handler else ""
    say(f"{name}{destination.host}, port {destination.port}, {destination.security_description}")
    variables = [name for name in file.option_names.values() if name.startswith(PREFIX)]
    if variables:
        say(f"  (the environment has a say: {', '.join(variables)})")
    if wait:
        say(f"  (at the end it waits up to {wait:g} s for a click on the last notification; --wait 0 leaves that out)")


def _print_all(steps: Iterator[CheckResult]) -> bool:
    """Print lines of the table as they come.

    Returns:
        Whether a step has failed.
    """
    failed = False
    for step in steps:
        for line in _lines(step, shutil.get_terminal_size((_WIDE, 0)).columns if sys.stdout.isatty() else _WIDE):
            say(line)
        failed |= step.status is Status.FAILED
    return failed


_WIDE: Final = 10_000
"""Columns where nobody counts them, so that scripts find each answer on one line."""


def _lines(step: CheckResult, columns: int) -> list[str]:
    """Return what is printed for a step, in as many columns."""
    taken = "" if step.seconds is None else f"{step.seconds * 1000:.1f} ms"
    head = f"  {step.status.value:<4}  {step.name:<18} {taken:>10}  "
    room = max(columns - len(head), 20)
    answer = textwrap.wrap(" ".join(step.answer.split()), room) or [""]
    advice = textwrap.wrap(f"-> {step.advice}", room, subsequent_indent="   ") if step.advice else []
    return [line.rstrip() for line in (head + answer[0], *(" " * len(head) + line for line in (*answer[1:], *advice)))]


# -- The handler of a configuration file ---------------------------------------------------------


def through(handler: GNTPHandler, logger: str = APPLICATION) -> CheckResult:
    """Send one record through a handler, and make a line of what becomes of it.

    Args:
        handler: A handler that nothing else uses.
        logger: Name of the logger that the record comes from.

    Returns:
        The line.
    """
    name = f"handler {handler.name or ''}".strip()
    if not handler.enabled:
        advice = "look for enabled = false, and for the environment variable GNTP_LOGGING_DISABLED"
        return CheckResult(name, Status.FAILED, "it is switched off", None, advice)
    level = max(handler.level, logging.ERROR)
    text = "This went through the handler of your configuration."
    record = logging.LogRecord(logger, level, __file__, 0, text, None, None)
    began = perf_counter()
    reports, logging.raiseExceptions = logging.raiseExceptions, False  # the line says it
    try:
        if not handler.handle(record):
            words = f"a filter of the handler keeps off an error of the logger {logger!r}"
            return CheckResult(name, Status.NOTE, words, None, "nothing, if that is meant; else look at its filters")
        settled = handler.flush(_PATIENCE)
    finally:
        logging.raiseExceptions = reports
    taken = perf_counter() - began
    stats = handler.stats()
    trouble = _trouble(handler, record)
    if stats.shown and not trouble:
        return CheckResult(name, Status.OK, "its alert was shown", taken)
    if stats.shown:
        return CheckResult(
            name, Status.FAILED, f"its alert was shown, but {trouble}", taken, "mend that part of the file"
        )
    reason = stats.last_error or ", ".join(stats.dropped)
    reason = reason or ("it was folded" if settled else f"not delivered within {_PATIENCE:g} s")
    return CheckResult(name, Status.FAILED, reason, taken, "the lines above show which step fails")


_PATIENCE: Final = 15.0
"""Seconds that an alert may take through a handler, whose own timeout may be shorter."""


def _trouble(handler: GNTPHandler, record: logging.LogRecord) -> str:
    """Say which of the user's own parts fails on a record; alerts go out without it."""
    if handler.formatter is not None:
        try:
            handler.formatter.format(copy.copy(record))
        except Exception as error:  # noqa: BLE001 - the user's own
            return f"its formatter fails: {type(error).__name__}: {error}"
    return next((f"its {part} fails: {words}" for part, words in handler.failures(record).items()), "")
