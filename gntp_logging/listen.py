"""The command ``gntp-logging listen``: a GNTP server that shows what arrives, on a machine without a Growl."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import platform
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from . import arguments as args
from .arguments import UsageError
from .gntp.constants import DEFAULT_PORT, random_hex_string

if TYPE_CHECKING:
    from .gntp.lib import Subscriber
    from .receiver.displays import Display, Notice
    from .receiver.registry import Toast

_DISPLAY_NAMES: Final = ("console", "json", "web", "desktop")

_DESCRIPTION: Final = """\
Show what GNTP clients send, on this machine: a GNTPHandler, or any other program that speaks GNTP.

  gntp-logging listen                                    boxes in this terminal, from programs on this machine
  gntp-logging listen --bind 0.0.0.0 --password-file F   from other machines as well
  gntp-logging listen --display web                      a page in the browser
  gntp-logging listen --display desktop                  toasts of the desktop
  gntp-logging listen --display json | jq .title         one JSON object a line, for scripts
  gntp-logging listen --bind 0.0.0.0 --password-file F --subscribe-to hub.example
                                                         what the hub gets
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments.

    Args:
        commands: The subparsers of ``gntp-logging``.
    """
    parser = commands.add_parser(
        "listen",
        help="show what arrives, on a machine without a Growl",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=args.port_or_0, default=DEFAULT_PORT, help="TCP port; 0 takes a free one (default %(default)s)"
    )
    parser.add_argument(
        "--bind", default="127.0.0.1", metavar="ADDRESS",
        help="address to listen on; beyond this machine only with a password (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--password", action="append", default=[], type=args.secret,
        help="a password that clients must have; may be repeated. Other users of this machine can see it in the list of"
        " processes: --password-file is better",
    )  # fmt: skip
    parser.add_argument(
        "--password-file", action="append", default=[], metavar="FILE",
        help="a file with a password on each line; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--display", action="append", default=[], choices=_DISPLAY_NAMES,
        help="what shows the alerts; may be repeated (default console)",
    )  # fmt: skip
    parser.add_argument(
        "--encrypt-answers", action="store_true",
        help="answer encrypted requests encrypted, as the specification says; not every client can read that",
    )  # fmt: skip
    parser.add_argument(
        "--subscribe-to", metavar="HUB[:PORT]", type=args.host_and_port,
        help="show what this hub gets as well; the hub's password is the first that is given here",
    )  # fmt: skip
    parser.set_defaults(run=listen_command)


def listen_command(arguments: argparse.Namespace) -> int:
    """Listen until Ctrl-C, SIGTERM, or the end of who reads the output.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code: 0, or 2 for arguments that do not go together.

    Raises:
        OSError: If the port is taken, or a file cannot be read.
    """
    try:
        passwords = _passwords(arguments)
    except UsageError as error:
        print(f"gntp-logging listen: {error}", file=sys.stderr)
        return 2
    with _until_told_to_stop() as stop:
        _serve(arguments, passwords, stop)
    return 0


def _serve(arguments: argparse.Namespace, passwords: Sequence[str], stop: Stop) -> None:
    from .gntp.exceptions import GNTPError  # asyncio and the rest only where they are used
    from .receiver.displays import Running
    from .receiver.server import Receiver, Server

    subscriber = _subscriber(arguments, passwords)
    displays = [_made(name) for name in dict.fromkeys(arguments.display or ["console"])]
    server = Server(
        [_UntilClosed(display, stop) for display in displays],
        host=arguments.bind,
        port=arguments.port,
        passwords=passwords,
        subscriptions=[subscriber] if subscriber else [],
        encrypt_answers=arguments.encrypt_answers,
    )
    with contextlib.ExitStack() as at_the_end:
        for display in displays:
            if isinstance(display, Running):
                display.start()
                at_the_end.callback(display.close)
            if url := getattr(display, "url", ""):
                _warn(f"alerts are shown at {url}")
        receiver = at_the_end.enter_context(Receiver(server))
        if subscriber is not None:
            subscriber.port = receiver.port
            at_the_end.callback(subscriber.close)
            try:
                subscriber.start_renewing(lambda error: _warn(f"cannot renew the subscription: {error}"))
            except GNTPError as error:
                host, port = subscriber.hub
                raise OSError(f"cannot subscribe to {host}:{port}: {error}") from error
        stop.wait()


def _subscriber(arguments: argparse.Namespace, passwords: Sequence[str]) -> Subscriber | None:
    if arguments.subscribe_to is None:
        return None
    from .gntp.lib import Subscriber

    name = platform.node() or "gntp-logging"
    return Subscriber(f"{name}-{random_hex_string(4)}", name, arguments.subscribe_to, passwords[0])


def _made(name: str) -> Display:
    from .receiver.displays import DISPLAYS, MissingExtraError

    try:
        return DISPLAYS[name](sys.stdout)
    except MissingExtraError as error:
        raise OSError(f"--display {name} {error}") from error


class _UntilClosed:
    """A display that ends the program when nobody reads what it writes."""

    def __init__(self, display: Display, closed: Stop) -> None:
        self._display = display
        self._closed = closed
        self.patience: float = getattr(display, "patience", 0.0)

    def show(self, toast: Toast) -> None:
        with self._watching():
            self._display.show(toast)

    def notice(self, notice: Notice) -> None:
        from .receiver.displays import Observer

        if isinstance(self._display, Observer):
            with self._watching():
                self._display.notice(notice)

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._closed.set()
            raise


def _passwords(arguments: argparse.Namespace) -> list[str]:
    passwords = list(arguments.password)
    for path in arguments.password_file:
        try:
            with open(path, encoding="utf-8") as file:
                found = [line.rstrip("\r\n") for line in file if line.strip()]
        except UnicodeDecodeError:
            raise UsageError(f"--password-file {path}: it is no text in UTF-8") from None
        if not found:
            raise UsageError(f"--password-file {path}: there is no password in it")
        passwords += found
    if not passwords and not is_loopback(arguments.bind):
        hint = "give --password-file or --password, or leave --bind out"
        raise UsageError(f"--bind {arguments.bind} without a password would show what anybody sends: {hint}")
    if arguments.subscribe_to and not passwords:
        raise UsageError("--subscribe-to needs the hub's password: give --password-file or --password")
    if arguments.subscribe_to and is_loopback(arguments.bind) and not is_loopback(arguments.subscribe_to[0]):
        raise UsageError("--subscribe-to a hub on another machine needs --bind with an address that the hub can reach")
    return passwords


def is_loopback(address: str) -> bool:
    """Tell whether only programs of this machine can reach an address.

    Args:
        address: A host name or an IP address.

    Returns:
        True for localhost and loopback addresses; False for every other name, whatever it may stand for.
    """
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class Stop:
    """An event that a signal handler may set whatever it interrupts, which threading's cannot."""

    def __init__(self) -> None:
        """Begin unset."""
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """End the waiting. Setting it twice is harmless."""
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it is set

    def wait(self) -> None:
        """Wait until it is set."""
        while not self._lock.acquire(timeout=1.0):  # Windows lets Ctrl-C through only between two tries
            pass


@contextlib.contextmanager
def _until_told_to_stop() -> Iterator[Stop]:
    """Yield an event that SIGINT and SIGTERM set, where this is the main thread."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _warn(line: str, stream: TextIO | None = None) -> None:
    print(f"gntp-logging listen: {' '.join(line.split())}", file=stream or sys.stderr, flush=True)
