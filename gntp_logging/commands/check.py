"""The command ``gntp-logging check``: probes a server step by step, and says what to do where a step fails."""

from __future__ import annotations

import argparse
import copy
import logging
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Final

from gntp_logging.configuration import routes
from gntp_logging.configuration.environment import PREFIX, Overrides
from gntp_logging.configuration.handler_settings import HandlerSettings

from . import arguments as args
from .arguments import UsageError
from .probe import APPLICATION, CheckResult, Status, is_alive, probe
from .terminal import say

if TYPE_CHECKING:
    from gntp_logging.configuration.logging_file import LoggingFile
    from gntp_logging.handler import GNTPHandler
    from gntp_logging.options.destination import Destination

_DESCRIPTION: Final = """\
Try, step by step, what alerts need of a GNTP server, and say what to do where a step fails.

  gntp-logging check                                  the server on this machine
  gntp-logging check --host desk --password-file key  another one, with a password
  gntp-logging check --config pyproject.toml          the server of a configuration, through its own handler
  gntp-logging check --text "password=hunter2"        what an alert would show of a text; nothing is sent
  gntp-logging check --quiet                          for a monitor: nothing is shown or printed, 0 if it works

Notifications called "gntp-logging check" appear on the desktop: a click on the last one completes the check.

ok: it works. FAIL: alerts do not get through. note: worth knowing, nothing to repair. -: left out.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "check",
        help="see what works with a server, and what to do where something does not",
        description=_DESCRIPTION,
        epilog="Exit codes: 0 alerts get through as configured; 1 they do not; 2 wrong usage; 130 Ctrl-C.",
    )
    parser.add_argument(
        "--wait", type=_seconds_or_0, default=10.0, metavar="SECONDS",
        help="how long to wait for a click on the last notification; 0 leaves it out (default 10)",
    )  # fmt: skip
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument(
        "--quiet", action="store_true",
        help="only find out whether the server takes alerts: show no notification, print nothing, exit with 0 or 1",
    )  # fmt: skip
    one_of.add_argument(
        "--text", help="print a text as an alert would show it, its secrets masked, and send nothing; - reads stdin"
    )
    args.add_server(parser)
    parser.set_defaults(run=check_command)


def _seconds_or_0(value: str) -> float:
    return 0.0 if value in ("0", "0.0") else args.seconds(value)


def check_command(arguments: argparse.Namespace) -> int:
    """Probe, and print each result as it comes.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code: 0 when alerts get through, 1 when not.

    Raises:
        UsageError: If an argument, a variable or the file cannot be used.
    """
    overrides = args.overrides(arguments)
    if arguments.text is not None:
        return _show(sys.stdin.read() if arguments.text == "-" else arguments.text, arguments.config, overrides)
    if arguments.config is None:
        if "broker" in overrides.options and arguments.host is None:
            name = overrides.option_names["broker"]
            raise UsageError(f"{name}: handlers publish to a broker, for relays; to ask a GNTP server, name it: --host")
        destination = _destination(overrides)
        if arguments.quiet:
            return int(not is_alive(destination))
        _print_server("", destination, overrides, arguments.wait)
        return _ended(failed=print_all(probe(destination, arguments.wait)))
    file = args.config_file(arguments.config)
    handlers = _handlers(file, overrides)
    if arguments.quiet:
        return int(not all(map(_is_alive, handlers)))
    failed = False
    for handler in handlers:
        failed |= print_all(_steps_with(handler, handlers, file, overrides, arguments.wait))
        handler.close()
    return _ended(failed=failed)


def _ended(*, failed: bool) -> int:
    """Return the exit code; after a failure, name the document that has every cause."""
    page = _page("No alert appears?") if failed else ""
    if page:
        say(f"Every cause, and what to do: {page}")
    return int(failed)


def _page(label: str) -> str:
    """Return an address from the metadata of the installed package; empty if it has no metadata, as in a zipapp."""
    from importlib import metadata

    try:
        lines = metadata.metadata("gntp-logging").get_all("Project-URL") or ()
    except metadata.PackageNotFoundError:
        return ""
    return next((line.removeprefix(f"{label}, ") for line in lines if line.startswith(f"{label}, ")), "")


def _show(text: str, config: str | None, overrides: Overrides) -> int:
    """Print a text as the handlers of a configuration would show it."""
    record = logging.LogRecord(APPLICATION, logging.ERROR, __file__, 0, text, None, None)
    settings = [HandlerSettings(overrides.options, overrides)]
    try:
        if config is not None:
            settings = list(args.config_file(config).handlers(overrides).values())
        for one in settings:
            alert = one.make().preview(record)
            say("\n".join(filter(None, (alert.title, alert.text))))
    except ValueError as error:
        raise UsageError(str(error)) from error
    return 0


def _destination(overrides: Overrides) -> Destination:
    try:
        return HandlerSettings(overrides.options, overrides).destination()
    except ValueError as error:
        raise UsageError(str(error)) from error


def _handlers(file: LoggingFile, overrides: Overrides) -> Sequence[GNTPHandler]:
    """Make the handlers of this package that a file describes."""
    try:
        handlers = file.make_ours(overrides)
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    if not handlers:
        raise UsageError(
            f"{file.path}: has no handler with class = 'gntp_logging.GNTPHandler', a subclass of it, or a"
            " factory that is annotated to return one"
        )
    return handlers


def _is_alive(handler: GNTPHandler) -> bool:
    """Tell whether the server of a handler takes its alerts."""
    if handler.broker is not None:
        raise UsageError(f"--quiet asks a GNTP server, and the handler {handler.name} publishes to {handler.broker}")
    return handler.enabled and is_alive(handler.destination)


def _steps_with(
    handler: GNTPHandler, handlers: Sequence[GNTPHandler], file: LoggingFile, overrides: Overrides, wait: float
) -> Iterator[CheckResult]:
    """Probe the server of a handler, and then send through the handler itself."""
    name = handler.name or ""
    if handler.broker is not None:
        said = f"it publishes to {handler.broker}, for relays: there is no GNTP server to ask"
        yield CheckResult(f"handler {name}", Status.LEFT_OUT, said)
        return
    _print_server(f"[{file.name('handlers', name)}] ", handler.destination, overrides, wait)
    last = None
    for last in probe(handler.destination, wait):
        yield last
    yield from _printed_nowhere(name, file)
    yield from _kept_from(name, file)
    yield from _spooled(handler, handlers)
    if last is not None and last.name in _NEEDED and last.status is Status.FAILED:
        yield CheckResult(f"handler {name}", Status.LEFT_OUT, "its server cannot be reached, see above")
        return
    loggers = routes.leading_to(name, file)
    if not loggers:
        advice = f"name it in the file: [root] handlers = [{name!r}]"
        yield CheckResult(f"handler {name}", Status.FAILED, "no logger has it, so it gets nothing", None, advice)
    yield through(handler, next(filter(None, loggers), APPLICATION))


def _printed_nowhere(handler: str, file: LoggingFile) -> Iterator[CheckResult]:
    """Report the loggers whose warnings and errors no longer reach stderr, because they have this handler alone."""
    for logger in routes.printed_nowhere(handler, file):
        table = file.name("loggers", logger) if logger else file.name("root")
        answer = f"the program's warnings and errors no longer appear there: [{table}] has no other handler"
        terminal = f"[{file.name('handlers', 'terminal')}] class = 'logging.StreamHandler'"
        advice = f"add {terminal}, and name it: [{table}] handlers = ['terminal', {handler!r}]"
        yield CheckResult("stderr", Status.NOTE, answer, None, advice)


def _kept_from(handler: str, file: LoggingFile) -> Iterator[CheckResult]:
    """Report the loggers whose records never come to this handler, because they do not propagate."""
    for logger in routes.kept_from(handler, file):
        table = file.name("loggers", logger)
        answer = f"nothing that is logged there is an alert: [{table}] has propagate = false and another handler"
        advice = f"add it, unless that is meant: [{table}] handlers = [..., {handler!r}]"
        yield CheckResult(logger, Status.NOTE, answer, None, advice)


def _spooled(handler: GNTPHandler, handlers: Sequence[GNTPHandler]) -> Iterator[CheckResult]:
    """Report what the handler's spool keeps, and for whom."""
    if handler.spool is None:
        return
    try:
        spooled = handler.spooled()
    except OSError as error:
        advice = "until then alerts are shown as if there were no spool"
        yield CheckResult("spool", Status.FAILED, f"{handler.spool}: {error}", None, advice)
        return
    known = {(str(one.destination).lower(), one.app_name) for one in handlers}
    for (server, application), count in spooled.items():
        answer = (
            f"{handler.spool} keeps {'1 alert' if count == 1 else f'{count:,} alerts'} for {application} on {server}"
        )
        if (server, application) in known:
            yield CheckResult("spool", Status.OK, answer)
        else:
            advice = "no handler of this file sends there; after a week a digest of any handler reports them"
            yield CheckResult("spool", Status.NOTE, answer, None, advice)
    if not spooled:
        yield CheckResult("spool", Status.OK, f"{handler.spool} keeps nothing")


_NEEDED: Final = ("name look-up", "connect", "REGISTER")
"""Steps whose failure may end the check, because nothing works without them."""


# -- The table -----------------------------------------------------------------------------------


def _print_server(table: str, destination: Destination, overrides: Overrides, wait: float) -> None:
    say(f"{table}{destination.host}, port {destination.port}, {destination.security_description}")
    variables = [name for name in overrides.option_names.values() if name.startswith(PREFIX)]
    if variables:
        say(f"  (set by the environment: {', '.join(variables)})")
    if wait:
        say(f"  (at the end it waits up to {wait:g} s for a click on the last notification; --wait 0 leaves that out)")


def print_all(steps: Iterator[CheckResult]) -> bool:
    """Print results as they come.

    Returns:
        Whether a step has failed.
    """
    failed, advices = False, {""}
    for step in steps:
        if step.advice in advices:  # said before
            step = replace(step, advice="")  # noqa: PLW2901
        advices.add(step.advice)
        for line in _lines(step, shutil.get_terminal_size((_WIDE, 0)).columns if sys.stdout.isatty() else _WIDE):
            say(line)
        failed |= step.status is Status.FAILED
    return failed


_WIDE: Final = 10_000
"""Columns where there is no terminal, so that scripts find each answer on one line."""


def _lines(step: CheckResult, columns: int) -> list[str]:
    """Return the printed lines of a step, none wider than a number of columns."""
    taken = "" if step.seconds is None else f"{step.seconds * 1000:.1f} ms"
    head = f"  {step.status.value:<4}  {step.name:<18} {taken:>10}  "
    is_beside = columns - len(head) >= _ROOM
    indent = " " * (len(head) if is_beside else 8)
    room = max(columns - len(indent), 20)
    below = textwrap.wrap(" ".join(step.answer.split()), room)
    below += textwrap.wrap(f"-> {step.advice}", room, subsequent_indent="   ") if step.advice else []
    beside = below.pop(0) if is_beside and below else ""
    return [(head + beside).rstrip(), *(indent + line for line in below)]


_ROOM: Final = 20
"""Columns that an answer needs beside its step; where there are fewer, it stands below."""


# -- The handler of a configuration file ---------------------------------------------------------


def through(handler: GNTPHandler, logger: str = APPLICATION) -> CheckResult:
    """Send one record through a handler, and return what becomes of it.

    Args:
        handler: A handler that nothing else uses.
        logger: Name of the logger that the record comes from.
    """
    name = f"handler {handler.name or ''}".strip()
    if not handler.enabled:
        advice = "look for enabled = false, and for the environment variable GNTP_LOGGING_DISABLED"
        return CheckResult(name, Status.FAILED, "it is switched off", None, advice)
    level = max(handler.level, logging.ERROR)
    text = "This went through the handler of your configuration."
    record = logging.LogRecord(logger, level, __file__, 0, text, None, None)
    reports, logging.raiseExceptions = logging.raiseExceptions, False  # the result reports failures
    try:
        handler.flush(_PATIENCE)  # what its spool kept
        shown_before = handler.stats().shown
        began = perf_counter()
        if not handler.handle(record):
            words = f"a filter of the handler keeps off an error of the logger {logger!r}"
            return CheckResult(name, Status.NOTE, words, None, "nothing, if that is meant; else look at its filters")
        settled = handler.flush(_PATIENCE)
    finally:
        logging.raiseExceptions = reports
    taken = perf_counter() - began
    stats = handler.stats()
    trouble = _trouble(handler, record)
    is_shown = stats.shown > shown_before
    if is_shown and not trouble:
        return CheckResult(name, Status.OK, "its alert was shown", taken)
    if is_shown:
        return CheckResult(
            name, Status.FAILED, f"its alert was shown, but {trouble}", taken, "mend that part of the file"
        )
    reason = stats.last_error or ", ".join(stats.dropped)
    reason = reason or ("it was folded" if settled else f"not delivered within {_PATIENCE:g} s")
    return CheckResult(name, Status.FAILED, reason, taken, "the lines above show which step fails")


_PATIENCE: Final = 15.0
"""Seconds that an alert may take through a handler, whose own timeout may be shorter."""


def _trouble(handler: GNTPHandler, record: logging.LogRecord) -> str:
    """Say which part that the user wrote fails on a record; alerts go out without it."""
    if handler.formatter is not None:
        try:
            handler.formatter.format(copy.copy(record))
        except Exception as error:  # noqa: BLE001 - the user's own
            return f"its formatter fails: {type(error).__name__}: {error}"
    return next((f"its {part} fails: {words}" for part, words in handler.preview(record).failures), "")
