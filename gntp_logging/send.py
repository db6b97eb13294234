"""The command ``gntp-logging send``: one notification, from a shell or a script."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from . import arguments as args
from . import options
from .arguments import UsageError

if TYPE_CHECKING:
    from .gntp.requests import Response

_DESCRIPTION: Final = """\
Show one notification on a desktop, as growlnotify and gntp-send do.

  gntp-logging send "Backup done"
  gntp-logging send "Backup failed" "$(tail -3 backup.log)" --priority 2 --sticky
  make 2>&1 | tail -5 | gntp-logging send "make has ended" --app make
  gntp-logging send "Deploy release 7?" --wait-callback 60      prints CLICKED, CLOSED or TIMEDOUT
"""

_DEFAULT_WAIT: Final = 30.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments.

    Args:
        commands: The subparsers of ``gntp-logging``.
    """
    parser = commands.add_parser(
        "send",
        help="show one notification",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit codes: 0 shown; 1 not shown, or no reaction in time; 2 wrong usage.",
    )
    parser.add_argument("title", type=args.text, help="the title")
    parser.add_argument(
        "text", nargs="?", help="the text; without it, and with - , standard input if that is no terminal"
    )
    parser.add_argument(
        "--app", type=args.text, default="gntp-logging", help="the application's name (default %(default)s)"
    )
    parser.add_argument(
        "--event", type=args.text, default="Message", help="the type of notification (default %(default)s)"
    )
    parser.add_argument("--priority", type=int, choices=range(-2, 3), default=0, help="from -2 to 2 (default 0)")
    parser.add_argument("--sticky", action="store_true", help="stay until it is dismissed")
    parser.add_argument("--icon", metavar="PICTURE", help="a file, or a URL that the server fetches")
    parser.add_argument("--url", help="what opens on a click")
    parser.add_argument(
        "--wait-callback", nargs="?", type=args.seconds, const=_DEFAULT_WAIT, metavar="SECONDS",
        help=f"wait for the click or close, and print which it was (default {_DEFAULT_WAIT:g} s)",
    )  # fmt: skip
    args.add_target(parser)
    parser.set_defaults(run=send_command)


def send_command(arguments: argparse.Namespace) -> int:
    """Send it.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code: 0 when it is shown, 1 when it is not or no reaction came in time, 2 for wrong usage.
    """
    from .gntp.exceptions import GNTPError

    try:
        print(_send(arguments), end="", flush=True)
    except UsageError as error:
        print(f"gntp-logging send: {error}", file=sys.stderr)
        return 2
    except GNTPError as error:
        print(f"gntp-logging send: {error}", file=sys.stderr)
        return 1
    return 0


def _send(arguments: argparse.Namespace) -> str:
    """Send it, and return what is to be printed."""
    from .gntp.lib import Publisher
    from .gntp.models import SocketCallback

    target = args.target(arguments)
    if arguments.url is not None and arguments.wait_callback is not None:
        raise UsageError("--url and --wait-callback: give one of them, a notification has one callback")
    try:
        icon = options.icon("--icon", arguments.icon)
        url = arguments.url if options.url(arguments.url) else None
    except ValueError as error:
        raise UsageError(str(error)) from error
    told: list[str] = []

    def tell(response: Response) -> None:
        told.append(response.headers["Notification-Callback-Result"])

    callback = SocketCallback("send", "text", on_click=tell, on_close=tell, on_timeout=tell)
    with Publisher(arguments.app, [arguments.event], **target._asdict()) as publisher:
        publisher.register()
        publisher.publish(
            arguments.event,
            arguments.title,
            _text(arguments),
            sticky=arguments.sticky,
            priority=arguments.priority,
            icon=icon,
            gntp_callback=url if arguments.wait_callback is None else callback,
            callback_timeout=arguments.wait_callback,
        )
    return "".join(f"{_WORDS.get(word.upper(), word)}\n" for word in told)


_WORDS: Final = {"CLICK": "CLICKED", "CLOSE": "CLOSED", "TIMEOUT": "TIMEDOUT"}


def _text(arguments: argparse.Namespace) -> str:
    """Return the text: the argument, or what stands in standard input."""
    given: str | None = arguments.text
    if given is not None and given != "-":
        return given
    if given is None and (sys.stdin is None or sys.stdin.isatty()):
        return ""
    return sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\n")
