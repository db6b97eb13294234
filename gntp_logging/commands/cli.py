"""The command ``gntp-logging``: which command is meant, and how each one's failures end."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from gntp_logging.gntp.constants import VERSION

from . import check, completion, demo, history, listen, relay, send, service
from .arguments import UsageError
from .parsing import Parser
from .terminal import all_streams, say, warn

_PROGRAM: Final = "gntp-logging"
_COMMANDS: Final = (demo, send, listen, history, service, relay, check, completion)
"""Modules with a function ``add_parser``; the function that it sets as ``run`` returns the exit code."""

_INTERRUPTED: Final = 130
"""What shells report for a program that Ctrl-C ended: 128 and the signal's number."""

_FIRST_STEPS: Final = """\
gntp-logging shows what Python programs log as alerts on a desktop. Begin with one of these:
  gntp-logging demo       see what alerts look like, here in the terminal
  gntp-logging listen     show alerts of programs; try it from another terminal: gntp-logging send Hello world
  gntp-logging check      find out why no alert appears
  gntp-logging --help     all commands"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments; None means those of the process.

    Returns:
        The exit code: 0 when all went well, 1 when not, 2 for wrong usage.
    """
    given = sys.argv[1:] if argv is None else argv
    with all_streams(), _readers_that_leave():
        if not given:
            say(_FIRST_STEPS, sys.stderr)
            return 2
        try:
            arguments = parser().parse_args(given)
        except BrokenPipeError:  # help was piped to a closed reader, and this version of argparse reports that
            return 0
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except UsageError as error:
        warn(f"{_PROGRAM} {arguments.command}: {error}")
        return 2
    except BrokenPipeError:  # the reader of our output has seen enough: "gntp-logging demo | head -1"
        _discard_output()
        return 0
    except OSError as error:
        _discard_output()
        warn(f"{_PROGRAM} {arguments.command}: {error}")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; it stores the command's function in ``run`` of the namespace."""
    whole = Parser(
        prog=_PROGRAM,
        description="Log records as desktop notifications, through GNTP.",
        epilog="Begin with 'gntp-logging demo'. 'gntp-logging COMMAND --help' explains a command, with examples.",
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
    for command in _COMMANDS:
        command.add_parser(commands)
    return whole


@contextlib.contextmanager
def _readers_that_leave() -> Iterator[None]:
    """Keep Python from reporting, at its end, output that it could not write: ``--help`` may be piped to ``head``."""
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()


def _discard_output() -> None:
    """Redirect a broken stdout to nowhere: at exit, Python would report that it cannot write what is buffered."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)
