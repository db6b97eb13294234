"""The command ``gntp-logging history``: shows what a receiver has kept, or forgets it."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import sys
import time
from typing import TYPE_CHECKING, Final

from gntp_logging.receiver.levels import LEVELS

from . import arguments as args
from .arguments import UsageError
from .terminal import say, warn

if TYPE_CHECKING:
    from gntp_logging.receiver.history_file import HistoryFile, KeptToast, Wanted
    from gntp_logging.receiver.registry import Toast

_TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"

_DESCRIPTION: Final = """\
Show the alerts that a receiver has kept, the one that changed last at the end.

  gntp-logging history --since 1h
  gntp-logging history --level ERROR --application shop
  gntp-logging history --search KeyError --json | jq .title
  gntp-logging history --delete --before 30d             forget what did not change for a month
  gntp-logging history --delete --search hunter2         forget what says this
  gntp-logging history --delete                          forget everything

A receiver keeps them with --display web, with --display desktop, as a service, and with --history FILE.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "history",
        help="show or forget what a receiver has kept",
        description=_DESCRIPTION,
        epilog="Exit codes: 0 done, also where nothing is found; 1 the history cannot be read; 2 wrong usage.",
    )
    parser.add_argument("--history", metavar="FILE", type=args.text, help="the file (default: the user's own)")
    parser.add_argument(
        "--since", metavar="AGE", type=args.age,
        help="those that changed within this time: a number and s, m, h, d or w, as in 90m",
    )  # fmt: skip
    parser.add_argument("--before", metavar="AGE", type=args.age, help="those that did not change within this time")
    parser.add_argument(
        "--level", type=str.upper, choices=tuple(LEVELS), help="those of this level, and of the levels above it"
    )
    parser.add_argument("--application", metavar="NAME", type=args.text, help="those of this application")
    parser.add_argument(
        "--search", metavar="TEXT", action="append", default=[], type=args.text,
        help="those that have this anywhere in application, title or text; may be repeated: each must be there",
    )  # fmt: skip
    parser.add_argument(
        "--json", action="store_true",
        help="one JSON object a line, as from listen --display json, with the time of the last change as well",
    )  # fmt: skip
    parser.add_argument(
        "--delete", action="store_true", help="delete them: their texts are in no file of the history afterwards"
    )
    parser.set_defaults(run=history_command)


def history_command(arguments: argparse.Namespace) -> int:
    """Show or delete alerts.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code.

    Raises:
        UsageError: If arguments do not go together.
        OSError: If the history cannot be read or changed.
    """
    if arguments.delete and arguments.json:
        raise UsageError("--delete shows no alerts: leave --json out")
    if arguments.since is not None and arguments.before is not None and arguments.since <= arguments.before:
        raise UsageError("nothing is older than --before and younger than --since: allowed is a longer --since")
    from gntp_logging.receiver.history_file import HistoryFile, usual_path  # loads asyncio and sqlite3

    wanted = _wanted(arguments, time.time())
    with contextlib.closing(HistoryFile(arguments.history or usual_path())) as history:
        if arguments.delete:
            _delete(history, wanted)
        else:
            _show(history, wanted, as_json=arguments.json)
    return 0


def _wanted(arguments: argparse.Namespace, now: float) -> Wanted:
    from gntp_logging.receiver.history_file import Wanted

    return Wanted(
        since=None if arguments.since is None else now - arguments.since,
        before=None if arguments.before is None else now - arguments.before,
        level=LEVELS.get(arguments.level, 0),
        application=arguments.application or "",
        texts=arguments.search,
    )


def _show(history: HistoryFile, wanted: Wanted, *, as_json: bool) -> None:
    count = 0
    for kept in history.find(wanted):
        count += 1
        if as_json:
            _write_json(kept)
        else:
            _write_box(kept)
    if not count:
        warn("gntp-logging history: no alert is found")


def _write_json(kept: KeptToast) -> None:
    from gntp_logging.receiver.json_lines import iso_time, notify_fields

    line = json.dumps({**notify_fields(kept.toast), "changed": iso_time(kept.changed)})
    sys.stdout.write(f"{line}\n")


def _write_box(kept: KeptToast) -> None:
    from gntp_logging.receiver.console import ConsoleDisplay

    # A new display for each box: one display would replace a box by the next one with the same id.
    remark = functools.partial(_last_change, kept.changed)
    ConsoleDisplay(sys.stdout, remark=remark, time_format=_TIME_FORMAT).show(kept.toast)


def _last_change(changed: float, toast: Toast) -> str:
    return time.strftime(f"until {_TIME_FORMAT}", time.localtime(changed)) if changed - toast.arrived >= 1 else ""


def _delete(history: HistoryFile, wanted: Wanted) -> None:
    deleted = history.delete(wanted)
    say("1 alert is deleted" if deleted == 1 else f"{deleted:,} alerts are deleted")
