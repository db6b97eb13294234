"""The command ``gntp-logging send``: one notification, from a shell or a script."""

from __future__ import annotations

import argparse
import codecs
import sys
from typing import TYPE_CHECKING, BinaryIO, Final

from gntp_logging.options import checks
from gntp_logging.options import handler_options as options

from . import arguments as args
from .advice import advice_on
from .arguments import UsageError
from .terminal import say, warn

if TYPE_CHECKING:
    from gntp_logging.gntp.models import Resource
    from gntp_logging.gntp.requests import Response
    from gntp_logging.options.destination import Destination

_DESCRIPTION: Final = """\
Show one notification on a desktop, as growlnotify and gntp-send do.

  gntp-logging send "Backup done" ""
  gntp-logging send "Backup failed" "$(tail -3 backup.log)" --priority 2 --sticky
  make 2>&1 | gntp-logging send "make has ended" --app make
  gntp-logging send "Deploy release 7?" "" --wait 60   prints CLICKED, CLOSED or TIMEDOUT

Without TEXT, the text is read from standard input, up to its end: give one wherever standard input stays open, as in a
loop that reads it, or under some supervisors; an empty one ("") is enough. Of a long text only the end is sent.
"""

_EPILOG: Final = (
    "Exit codes: 0 shown, and clicked or closed if that was waited for; 1 not shown, or nobody reacted in time; 2 wrong"
    " usage; 130 Ctrl-C. The short forms are growlnotify's."
)
_DEFAULT_APP: Final = "gntp-logging"
_DEFAULT_WAIT: Final = 30.0
"""Seconds to wait for a reaction."""

_MAX_TEXT: Final = 65_536
"""Characters. No desktop shows a tenth of that, and growl-for-linux takes no more (measured)."""

_PRIORITIES: Final = {"very-low": -2, "low": -1, "moderate": -1, "normal": 0, "high": 1, "emergency": 2}
"""Growl's names; and ``low``, which people try instead of ``moderate``."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "send",
        help="show one notification",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("title", type=args.text, help="the title")
    text = parser.add_mutually_exclusive_group()
    text.add_argument("text", nargs="?", help="the text; - is standard input")
    text.add_argument("-m", "--message", metavar="TEXT", help="another way to give the text")
    parser.add_argument(
        "-n",
        "--app",
        "--name",
        type=args.text,
        dest="app_name",
        help=f"the application (default {_DEFAULT_APP})",
    )
    parser.add_argument(
        "--event", type=args.text, default="Message", help="the type of notification (default %(default)s)"
    )
    parser.add_argument(
        "-p", "--priority", type=_priority, default=0, metavar="-2..2",
        help="or very-low, moderate, normal, high, emergency (default 0, normal)",
    )  # fmt: skip
    parser.add_argument("-s", "--sticky", action="store_true", help="stay until the user dismisses it")
    parser.add_argument("--icon", "--image", metavar="PICTURE", help="a file, or a URL that the server fetches")
    parser.add_argument("--url", type=_url, dest="link", help="what opens on a click")
    parser.add_argument(
        "-w", "--wait-callback", action="store_true",
        help=f"wait for the click or close, {_DEFAULT_WAIT:g} seconds at most, and print which it was",
    )  # fmt: skip
    parser.add_argument("--wait", type=args.seconds, metavar="SECONDS", help="as --wait-callback, this long at most")
    args.add_server(parser)
    parser.set_defaults(run=send_command)


def _priority(value: str) -> int:
    number = _PRIORITIES.get(value.lower().replace(" ", "-").replace("_", "-"))
    if number is not None:
        return number
    if value in {"-2", "-1", "0", "1", "2"}:
        return int(value)
    raise argparse.ArgumentTypeError(f"allowed is -2 to 2, or {', '.join(_PRIORITIES)}, not {value!r:.40}")


def _url(value: str) -> str:
    if "://" not in value[1:] or not value.isprintable() or " " in value:
        raise argparse.ArgumentTypeError(f"allowed is a URL such as https://example.com/, not {value!r:.80}")
    return value


def send_command(arguments: argparse.Namespace) -> int:
    """Send one notification.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code: 0 when it was shown, 1 when it was not or no reaction came in time.

    Raises:
        UsageError: If an argument, a variable or the file cannot be used.
    """
    from gntp_logging.gntp.exceptions import GNTPError, GNTPTimeoutError, GNTPTLSError

    destination, app_name, icon = _settings(arguments)
    wait: float | None = arguments.wait or (_DEFAULT_WAIT if arguments.wait_callback else None)
    if arguments.link is not None and wait is not None:
        raise UsageError("--url and --wait-callback: give one of them, a notification has one callback")
    text = _text(arguments)
    try:
        reaction = _send(arguments, destination, app_name or _DEFAULT_APP, icon, text, wait)
    except GNTPError as error:
        is_known = isinstance(error, GNTPTLSError) or (isinstance(error, GNTPTimeoutError) and wait is not None)
        hint = "" if is_known else advice_on(error, destination.host, destination.port)
        warn(f"gntp-logging send: {destination}: {error}{hint and f'; {hint}'}")
        return 1
    if reaction:
        say(reaction)
    return 0 if reaction != _TIMED_OUT else 1


def _settings(arguments: argparse.Namespace) -> tuple[Destination, str | None, Resource | None]:
    """Return the server, the application's name, and the application's picture."""
    overrides = args.overrides(arguments)
    try:
        settings = args.handler_settings(arguments, overrides)
        return settings.destination(), settings.option("app_name", checks.text), settings.option("icon", options.icon)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _send(
    arguments: argparse.Namespace,
    destination: Destination,
    app_name: str,
    icon: Resource | None,
    text: str,
    wait: float | None,
) -> str:
    """Send the notification, and return the user's reaction; empty if none is waited for."""
    from gntp_logging.gntp.lib import Publisher
    from gntp_logging.gntp.models import SocketCallback

    results: list[str] = []

    def note(response: Response) -> None:
        results.append(response.headers["Notification-Callback-Result"].upper())

    callback = SocketCallback("send", "text", on_click=note, on_close=note, on_timeout=note)
    with Publisher(app_name, [arguments.event], gntp_client_class=lambda **_: destination.client()) as publisher:
        publisher.register()
        publisher.publish(
            arguments.event,
            arguments.title,
            text,
            sticky=arguments.sticky,
            priority=arguments.priority,
            icon=icon,
            gntp_callback=arguments.link if wait is None else callback,
            callback_timeout=wait,
        )
    return "".join(_WORDS.get(word, word) for word in results)


_TIMED_OUT: Final = "TIMEDOUT"
_WORDS: Final = {"CLICK": "CLICKED", "CLOSE": "CLOSED", "TIMEOUT": _TIMED_OUT}


def _text(arguments: argparse.Namespace) -> str:
    """Return the text: the argument, or what standard input holds."""
    given: str | None = arguments.text if arguments.message is None else arguments.message
    if given is None and sys.stdin.isatty():
        return ""
    if given is None or given == "-":
        return cut_text(*_end_of(sys.stdin.buffer))
    return cut_text(given, len(given))


def _end_of(file: BinaryIO) -> tuple[str, int]:
    """Return the end of a file that holds a text, and how many characters it has in all."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")  # PowerShell writes a byte order mark into a pipe
    end, count = "", 0
    while data := file.read(_MAX_TEXT):
        piece = decoder.decode(data)
        count += len(piece)
        end = (end + piece)[-2 * _MAX_TEXT :]  # more than is sent: there may be line ends after it
    last = decoder.decode(b"", final=True)
    text = (end + last).rstrip("\r\n")
    return text, count + len(last) - (len(end) + len(last) - len(text))


def cut_text(text: str, count: int) -> str:
    """Return the end of a text, with a line before it that says how much is missing, if it is too long to be sent.

    Args:
        text: The text, or at least as much of its end as is sent.
        count: How many characters the whole text has.
    """
    if count <= _MAX_TEXT:
        return text
    kept = text[len(_MISSING.format(count)) + 1 - _MAX_TEXT :]
    missing = _MISSING.format(count - len(kept))
    warn(f"gntp-logging send: the text is cut {missing}")
    return f"{missing}\n{kept}"


_MISSING: Final = "(its first {:,} characters are missing)"
