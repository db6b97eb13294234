"""The command ``gntp-logging listen``: a GNTP server that shows what arrives, on a machine without a Growl."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import platform
import signal
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from gntp_logging.configuration.environment import DEFAULTS, PREFIX, environment_options, variable
from gntp_logging.gntp import keys
from gntp_logging.gntp.constants import DEFAULT_PORT, random_hex_string
from gntp_logging.gntp.network import host_and_port, is_loopback, without_brackets
from gntp_logging.options.checks import nearest
from gntp_logging.options.destination import CIPHERS
from gntp_logging.receiver.descriptors import raise_limit
from gntp_logging.receiver.displays import (
    DISPLAYS,
    Addressed,
    Connecting,
    Display,
    Linked,
    MissingExtraError,
    Notice,
    Remembering,
    Running,
)
from gntp_logging.receiver.levels import LEVELS
from gntp_logging.receiver.throttle import Throttle

from . import arguments as args
from . import pull
from .arguments import UsageError
from .terminal import warn

if TYPE_CHECKING:
    import ssl

    from gntp_logging.fleet.laptop import LaptopSettings
    from gntp_logging.gntp.lib import Subscriber
    from gntp_logging.receiver.history import History
    from gntp_logging.receiver.output import Output
    from gntp_logging.receiver.registry import Toast
    from gntp_logging.receiver.server import Server

_DEFAULT_DISPLAY: Final = "console"

_COMPLAINT_INTERVAL: Final = 60.0
"""Seconds between two lines about an output that cannot be written: a disk stays full for a while."""

PAGE_TOKEN: Final = "page-token"  # noqa: S105 - a file's name
"""The file in the state folder that keeps the page's token."""

PAGE_ADDRESS: Final = "page-address"
"""The file in the state folder that has the page's address while a service runs."""

FILES: Final = ("password_file", "apprise_config", "history", "tls_cert", "tls_key", "tls_ca", *pull.FILES)
"""Arguments that name files."""

_OF_THE_PORT: Final = (
    "password", "password_file", "encrypt_answers", "require_encryption", "minimum_hash", "hub", "subscribe_to",
    "tls_cert", "tls_key", "tls", "tls_ca",
)  # fmt: skip
"""Arguments that only concern what comes by GNTP."""

_DESCRIPTION: Final = """\
Show what GNTP clients send, on this machine: a GNTPHandler, or any other program that speaks GNTP.

  gntp-logging listen                                    boxes in this terminal, from programs on this machine
  gntp-logging listen --bind 0.0.0.0 --password-file F   from other machines as well
  gntp-logging listen --bind 0.0.0.0 --password-file F --tls-cert F --tls-key F
                                                         the same, by TLS alone
  gntp-logging listen --display web --display desktop    a page in the browser, and toasts of the desktop
  gntp-logging listen --display json | jq '.title // empty'
                                                         for scripts
  gntp-logging listen --bind 0.0.0.0 --password-file F --hub
                                                         a hub, to which desktops subscribe
  gntp-logging listen --bind 0.0.0.0 --password-file F --subscribe-to hub.example
                                                         what the hub gets
  gntp-logging listen --broker rediss://laptop@redis.example:6379/0 --broker-password-file F --fleet-key-file F
                                                         what a fleet publishes, with no port open

GNTP_PORT, GNTP_PASSWORD and GNTP_PASSWORD_FILE stand in for arguments that are not given.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "listen",
        help="run a receiver: show the alerts that arrive",
        description=_DESCRIPTION,
        epilog="Exit codes: 0 ended by Ctrl-C or SIGTERM, or its output was closed; 1 it cannot start; 2 wrong usage.",
    )
    add_arguments(parser)
    parser.set_defaults(run=listen_command)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a receiver. Each is called as what it is stored as."""
    parser.add_argument("--port", type=args.port_or_0, help=f"TCP port; 0 takes a free one (default {DEFAULT_PORT})")
    parser.add_argument(
        "--bind", default="127.0.0.1", metavar="ADDRESS", type=without_brackets,
        help="address to listen on; beyond this machine only with a password (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--password", action="append", default=[], type=args.secret,
        help="a password that clients must have; may be repeated. Other users of this machine can see it in the list of"
        " processes: GNTP_PASSWORD and --password-file are better",
    )  # fmt: skip
    parser.add_argument(
        "--password-file", action="append", default=[], metavar="FILE",
        help="a file with a password on each line; may be repeated",
    )  # fmt: skip
    kinds = "; ".join(f"{name}: {kind.summary}" for name, kind in DISPLAYS.items())
    parser.add_argument(
        "--display", action="append", default=[], choices=tuple(DISPLAYS),
        help=f"what shows the alerts; may be repeated (default {_DEFAULT_DISPLAY}). {kinds}",
    )  # fmt: skip
    keeping = parser.add_mutually_exclusive_group()
    keeping.add_argument(
        "--history", metavar="FILE", type=args.text,
        help="keep what arrives in this file, in clear, for a month (default: in the user's own folder with --display"
        " web and --display desktop, and as a service; else nothing is kept). gntp-logging history shows it",
    )  # fmt: skip
    keeping.add_argument("--no-history", action="store_true", help="keep nothing")
    parser.add_argument(
        "--web-port", type=args.port_or_0, metavar="PORT",
        help="TCP port of --display web; 0 takes a free one (default 23054, or a free one where that is taken)",
    )  # fmt: skip
    parser.add_argument(
        "--encrypt-answers", action="store_true",
        help="answer encrypted requests encrypted, as the specification says; not every client can read that",
    )  # fmt: skip
    parser.add_argument(
        "--require-encryption", action="store_true",
        help="refuse what is not encrypted with AES or 3DES and does not come by TLS; needs a password, or --tls-cert",
    )  # fmt: skip
    parser.add_argument(
        "--minimum-hash", metavar="HASH", choices=tuple(keys.ALGORITHMS),
        help=f"refuse keys made with a shorter hash: {', '.join(keys.ALGORITHMS)} (default: every hash); needs a"
        " password",
    )  # fmt: skip
    parser.add_argument(
        "--hub", action="store_true",
        help="be a hub: let others subscribe, and pass on to them what arrives; needs a password. What arrives"
        " encrypted goes only to subscriptions that are encrypted as well",
    )  # fmt: skip
    parser.add_argument(
        "--subscribe-to", metavar="HUB[:PORT]", type=args.hub,
        help="show what this hub gets as well; the first password that is given here must be the hub's",
    )  # fmt: skip
    parser.add_argument(
        "--encryption", metavar="CIPHER", choices=tuple(CIPHERS), default="AES",
        help=f"cipher of the subscription, and so of what the hub sends: {', '.join(CIPHERS)} (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--apprise-config", metavar="FILE",
        help="the targets of --display apprise: a file of Apprise's, so that their secrets are in no list of processes",
    )  # fmt: skip
    parser.add_argument(
        "--apprise-level", metavar="LEVEL", type=str.upper, choices=tuple(LEVELS), default="ERROR",
        help=f"lowest level that makes a message: {', '.join(LEVELS)} (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--as-service", action="store_true",
        help="go on without the desktop's notification service, and connect when one comes",
    )  # fmt: skip
    group = parser.add_argument_group("TLS")
    group.add_argument(
        "--tls-cert", metavar="FILE",
        help="take connections by TLS alone: the server's certificate and those up to its issuer, in PEM form; SIGHUP"
        " reads it again",
    )  # fmt: skip
    group.add_argument("--tls-key", metavar="FILE", help="the certificate's key, where it is not in the same file")
    args.add_tls(group, "subscribe by TLS, to a hub whose certificate this machine trusts")
    pull.add_arguments(parser)


def listen_command(arguments: argparse.Namespace) -> int:
    """Listen until Ctrl-C or SIGTERM, or until the reader of the output is gone.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code.

    Raises:
        UsageError: If arguments or variables cannot be used, or do not go together.
        OSError: If the port is taken, a display cannot start, or the subscription fails.
    """
    port, passwords = resolved(arguments)
    certificate = certificate_of(arguments)
    fleet = pull.settings(arguments)
    with until_stopped() as stop:
        _serve(arguments, port, passwords, certificate, fleet, stop)
    return 0


def resolved(arguments: argparse.Namespace) -> tuple[int | None, list[str]]:
    """Return the port and the passwords, which variables may give. With a broker, a port is opened only if given.

    Raises:
        UsageError: If arguments or variables cannot be used, or do not go together.
    """
    if arguments.broker is not None and arguments.port is None:
        _refuse_what_needs_a_port(arguments)
        return None, []
    environment = _environment(os.environ)
    port, passwords = _port(arguments.port, environment), _passwords(arguments, environment)
    _refuse_what_is_open_or_cannot_work(arguments, passwords)
    return port, passwords


def _serve(
    arguments: argparse.Namespace,
    port: int | None,
    passwords: Sequence[str],
    certificate: Certificate | None,
    fleet: LaptopSettings | None,
    stop: Stop,
) -> None:
    from gntp_logging.receiver.budget import DEFAULT_BUDGET  # asyncio and the rest only where they are used
    from gntp_logging.receiver.output import Output
    from gntp_logging.receiver.server import Receiver, Server

    raise_limit(DEFAULT_BUDGET.connections)
    subscriber = _subscriber(arguments, passwords)
    # The server's thread writes to no stream itself: one whose reader stands still would hold up all senders.
    output, errors = Output(sys.stdout), Output(sys.stderr)
    displays = {name: made(name, arguments, output) for name in arguments.display or [_DEFAULT_DISPLAY]}
    writing = [display for name, display in displays.items() if DISPLAYS[name].writes]
    throttle = Throttle(_COMPLAINT_INTERVAL)

    def failed(display: Display, error: Exception) -> None:
        """End where nobody reads the output any more; report what else a display cannot write to it."""
        if display not in writing:
            return
        if isinstance(error, BrokenPipeError):  # the reader is gone
            stop.set()
        elif throttle.allow() is not None:  # the display that would report it is the one that fails
            _warn(f"standard output cannot be written: {error}", errors)

    with _ended(output, errors), _keeping(arguments) as history, contextlib.ExitStack() as at_the_end:
        server = Server(
            [*displays.values(), *([history] if history else []), *([] if writing else [_Complaints(errors)])],
            host=arguments.bind,
            port=port,
            passwords=passwords,
            subscriptions=[subscriber] if subscriber else [],
            encrypt_answers=arguments.encrypt_answers,
            hub=arguments.hub,
            require_encryption=arguments.require_encryption,
            minimum_hash=arguments.minimum_hash,
            tls=None if certificate is None else certificate.context,
            numbers=history.numbers if history else None,
            incidents=history.incidents if history else None,
            muted=history.muted if history else (),
            on_failure=failed,
        )
        _link(displays.values(), history)
        at_the_end.enter_context(_started(displays, arguments))
        with _taken_port_explained(arguments.bind, port, "--port"):
            receiver = at_the_end.enter_context(Receiver(server))
        if not writing and port is not None:
            _warn(f"listening on {host_and_port(arguments.bind, receiver.port)}")
        if subscriber is not None:
            subscriber.port = receiver.port
            at_the_end.callback(subscriber.close)
            _start_renewing(subscriber)
        if certificate is not None:
            at_the_end.enter_context(_reread_on_hangup(certificate, server))
        if fleet is not None:
            at_the_end.enter_context(pull.pulling(fleet, receiver, _warn))
        stop.wait()


@contextlib.contextmanager
def _started(displays: Mapping[str, Display], arguments: argparse.Namespace) -> Iterator[None]:
    """Start the displays that have to be started, and name the address of the page, while the context lasts."""
    with contextlib.ExitStack() as at_the_end:
        for name, display in displays.items():
            if isinstance(display, Running):
                if isinstance(display, Connecting):
                    # Another display shows what comes. The user would not see that a service ends.
                    display.may_be_away = arguments.as_service or len(displays) > 1
                with _taken_port_explained(arguments.bind, arguments.web_port, "--web-port"):
                    _start(name, display)
                at_the_end.callback(display.close)
            if isinstance(display, Addressed):
                if display.remark:
                    _warn(display.remark)
                _warn(f"alerts are shown at {display.url}")
                if arguments.as_service:
                    at_the_end.enter_context(_noted(display.url))
        yield


@contextlib.contextmanager
def _ended(output: Output, errors: Output) -> Iterator[None]:
    """Give what waits for the readers of both some time at the end, and say how much of the output they never got."""
    try:
        yield
    finally:
        if missing := output.end():
            _warn(f"standard output: its reader was too slow, and {missing:,} events are missing", errors)
        errors.end()


@contextlib.contextmanager
def _keeping(arguments: argparse.Namespace) -> Iterator[History | None]:
    """Keep a history while the context lasts, and yield it; None if none is wanted."""
    is_usual = arguments.as_service or not {"web", "desktop"}.isdisjoint(arguments.display)
    if arguments.no_history or not (arguments.history or is_usual):
        yield None
        return
    from gntp_logging.receiver.history import History  # loads sqlite3
    from gntp_logging.receiver.history_file import usual_path

    history = History(arguments.history or usual_path(), _warn)
    history.start()
    try:
        yield history
    finally:
        history.close()


@contextlib.contextmanager
def _taken_port_explained(host: str, port: int | None, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise OSError(f"--bind: this machine has no address {host}") from error
        if error.errno != errno.EADDRINUSE:
            raise
        hint = f"perhaps by another 'gntp-logging listen', or by a Growl; choose another with {option}"
        raise OSError(f"{host_and_port(host, port or 0)} is taken, {hint}") from error


def _start_renewing(subscriber: Subscriber) -> None:
    from gntp_logging.gntp.exceptions import GNTPError

    try:
        subscriber.start_renewing(lambda error: _warn(f"cannot renew the subscription: {_why(error)}"))
    except GNTPError as error:
        raise OSError(f"cannot subscribe to {host_and_port(*subscriber.hub)}: {_why(error)}") from error


def _subscriber(arguments: argparse.Namespace, passwords: Sequence[str]) -> Subscriber | None:
    if arguments.subscribe_to is None:
        return None
    from gntp_logging.gntp.exceptions import GNTPValidationError
    from gntp_logging.gntp.lib import Subscriber

    name = platform.node() or "gntp-logging"
    cipher = CIPHERS[arguments.encryption]
    tls = args.trust(arguments) or False
    try:
        return Subscriber(
            f"{name}-{random_hex_string(4)}", name, arguments.subscribe_to, passwords[0], encryption=cipher, tls=tls
        )
    except GNTPValidationError as error:
        raise UsageError(f"--tls-ca: {str(error).removeprefix('tls: ')}") from error


def _why(error: Exception) -> str:
    """Return why a subscription failed: what the server said, and then what to do about it."""
    from gntp_logging.gntp.exceptions import GNTPAuthenticationError

    if isinstance(error, GNTPAuthenticationError):
        return f"{error}; the first password that is given here must be the hub's"
    return str(error)


def _options_of_page(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the arguments of the page; a token that cannot be kept in a file holds until the receiver ends."""
    from gntp_logging.receiver.page_token import kept_token
    from gntp_logging.receiver.state_folder import state_folder

    token = None
    try:
        token = kept_token(os.path.join(state_folder(), PAGE_TOKEN))
    except OSError as error:
        _warn(f"the page's address changes with the next start: {error}")
    return {"host": arguments.bind, "port": arguments.web_port, "token": token}


@contextlib.contextmanager
def _noted(address: str) -> Iterator[None]:
    """Keep the page's address, with its token, for ``gntp-logging service status`` in a file while the page is up."""
    from gntp_logging.receiver.private_file import make_private
    from gntp_logging.receiver.state_folder import state_folder

    path = os.path.join(state_folder(), PAGE_ADDRESS)
    try:
        make_private(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{address}\n")
    except OSError as error:
        _warn(f"gntp-logging service status does not know the page's address: {error}")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _link(displays: Collection[Display], history: History | None) -> None:
    """Let a click on a toast open the page, if there is one, and let the page begin with the history."""
    page = next((display for display in displays if isinstance(display, Addressed)), None)
    for display in displays:
        if isinstance(display, Linked):
            display.page = page
        if isinstance(display, Remembering):
            display.history = history


def made(name: str, arguments: argparse.Namespace, output: TextIO) -> Display:
    """Make a display.

    Args:
        output: What it writes to, if it writes.

    Raises:
        OSError: If it needs packages that are not installed, or needs stdout, and that is closed.
    """
    kind = DISPLAYS[name]
    if kind.writes and sys.__stdout__ is None:  # sys.stdout is the null device then
        raise OSError(f"--display {name} writes to standard output, and that is closed")
    options: Mapping[str, object] = {}
    if name == "apprise":
        options = {"config": arguments.apprise_config, "level": arguments.apprise_level}
    elif name == "web":
        options = _options_of_page(arguments)
    try:
        return kind(output, **options)
    except MissingExtraError as error:
        raise OSError(f"--display {name} {error}") from error


def _start(name: str, display: Running) -> None:
    try:
        display.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise
        raise OSError(f"--display {name}: {error}") from error


class _Complaints:
    """Reports failures on stderr, where no display writes to the terminal, except those that strangers can cause."""

    def __init__(self, errors: TextIO) -> None:
        self._errors = errors

    def show(self, toast: Toast) -> None:
        """Do nothing: the other displays show toasts."""

    def notice(self, notice: Notice) -> None:
        if notice.event in {"failure", "lost"}:
            _warn(notice.trouble, self._errors)


# -- The certificate -----------------------------------------------------------------------------


class Certificate:
    """The files of the server's certificate, and what was read last of them.

    Attributes:
        context: TLS with the certificate.
    """

    def __init__(self, path: str, key: str | None) -> None:
        """Read both.

        Args:
            path: The certificate's file.
            key: The key's; None if it is the same.

        Raises:
            UsageError: If one cannot be used.
        """
        self._path = path
        self._key = key
        self.context: ssl.SSLContext = self.read()

    def read(self) -> ssl.SSLContext:
        """Read both again, and return TLS with them.

        Raises:
            UsageError: If one cannot be used; the text names the argument.
        """
        from gntp_logging.receiver.tls_stream import server_context

        try:
            return server_context(self._path, self._key)
        except OSError as error:
            named = "--tls-cert" if error.filename == self._path else "--tls-key"
            raise UsageError(f"{named}: cannot read {error.filename!r:.200}: {error.strerror}") from error
        except ValueError as error:
            raise UsageError(f"--tls-cert: {error}") from error


def certificate_of(arguments: argparse.Namespace) -> Certificate | None:
    """Read the certificate that the arguments name; None if they name none.

    Raises:
        UsageError: If it cannot be used.
    """
    return None if arguments.tls_cert is None else Certificate(arguments.tls_cert, arguments.tls_key)


@contextlib.contextmanager
def _reread_on_hangup(certificate: Certificate, server: Server) -> Iterator[None]:
    """Let SIGHUP read the certificate again, for later connections. One that cannot be used changes nothing."""
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or threading.current_thread() is not threading.main_thread():  # Windows has none
        yield
        return

    def reread(*_: object) -> None:
        """Serve the certificate as it is now; if it cannot be read, go on with the one before."""
        try:
            server.tls = certificate.read()
        except UsageError as error:
            _warn(f"{error}; the certificate that was read before stays")
        else:
            _warn("the certificate was read again")

    before = signal.signal(hangup, reread)
    try:
        yield
    finally:
        signal.signal(hangup, before)


# -- Arguments and environment -------------------------------------------------------------------


def _environment(variables: Mapping[str, str]) -> Mapping[str, object]:
    """Return the options that variables set; refuse a variable that looks like a misspelt one, and ignore others."""
    known = [variable(option) for option in ("port", "password", "password_file")]
    options = {variable(option) for option in DEFAULTS}
    words = [name.removeprefix(PREFIX) for name in known]
    meant = {
        name
        for name in variables
        if name in known
        or (name.startswith(PREFIX) and name not in options and nearest(name.removeprefix(PREFIX), words))
    }
    try:
        return environment_options({name: variables[name] for name in meant})
    except ValueError as error:
        raise UsageError(str(error)) from error


def _port(given: int | None, environment: Mapping[str, object]) -> int:
    if given is not None:
        return given
    try:
        return args.port_or_0(str(environment.get("port", DEFAULT_PORT)))
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{variable('port')}: {error}") from error


def _passwords(arguments: argparse.Namespace, environment: Mapping[str, object]) -> list[str]:
    """Return the passwords that the arguments give; when they give none, those of the environment."""
    passwords, paths, option = list(arguments.password), arguments.password_file, "--password-file"
    if not passwords and not paths:
        option = variable("password_file")
        passwords, paths = (
            [str(environment[name])] if name in environment else [] for name in ("password", "password_file")
        )
    for path in paths:
        passwords += _passwords_in(path, option)
    return passwords


def _passwords_in(path: str, option: str) -> list[str]:
    try:
        with open(path, encoding="utf-8-sig") as file:  # Windows adds a byte order mark
            found = [line.rstrip("\r\n") for line in file if line.strip()]
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path with a NUL
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{option}: cannot read {path!r}: {reason}") from error
    if not found:
        raise UsageError(f"{option}: there is no password in {path!r}")
    return found


def _refuse_what_needs_a_port(arguments: argparse.Namespace) -> None:
    for option in _OF_THE_PORT:
        if getattr(arguments, option):
            raise UsageError(
                f"--{option.replace('_', '-')} is for the GNTP port, and with --broker there is none: give --port"
            )
    _refuse_half_of_apprise(arguments)


def _refuse_half_of_apprise(arguments: argparse.Namespace) -> None:
    if ("apprise" in arguments.display) != (arguments.apprise_config is not None):
        raise UsageError("--display apprise and --apprise-config FILE go together")


def _refuse_what_is_open_or_cannot_work(arguments: argparse.Namespace, passwords: Sequence[str]) -> None:
    if not passwords and not is_loopback(arguments.bind):
        hint = "give --password-file or --password, or leave --bind out"
        raise UsageError(f"--bind {arguments.bind} without a password would show what anybody sends: {hint}")
    if arguments.hub and not passwords:
        raise UsageError("--hub needs a password, which subscribers must have: give --password-file or --password")
    if arguments.tls_key and not arguments.tls_cert:
        raise UsageError("--tls-key is the key of a certificate: give --tls-cert as well")
    _refuse_half_of_apprise(arguments)
    for option, is_given in (
        ("--require-encryption", arguments.require_encryption and not arguments.tls_cert),
        ("--minimum-hash", arguments.minimum_hash),
    ):
        if is_given and not passwords:
            raise UsageError(f"{option} needs a password: give --password-file or --password")
    if arguments.subscribe_to:
        _refuse_a_hub_that_cannot_be_heard(arguments, passwords)
    elif args.trust(arguments):
        raise UsageError("--tls and --tls-ca are for --subscribe-to; to take connections by TLS, give --tls-cert")


def _refuse_a_hub_that_cannot_be_heard(arguments: argparse.Namespace, passwords: Sequence[str]) -> None:
    if arguments.tls_cert:
        raise UsageError("--subscribe-to: a hub connects without TLS to hand on what it gets: leave --tls-cert out")
    if arguments.require_encryption and arguments.encryption == "DES":
        raise UsageError("--require-encryption refuses what a hub sends with --encryption DES: choose AES or 3DES")
    if not passwords:
        raise UsageError("--subscribe-to needs the hub's password: give --password-file or --password")
    if is_loopback(arguments.bind) and not is_loopback(arguments.subscribe_to[0]):
        raise UsageError("--subscribe-to a hub on another machine needs --bind with an address that the hub can reach")


class Stop:
    """An event that a signal handler may set at any moment: threading.Event takes a lock for that, and could hang."""

    def __init__(self) -> None:
        """Begin unset."""
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """End the waiting. Setting it twice is harmless."""
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it was set before

    def wait(self) -> None:
        """Wait until it is set."""
        while not self._lock.acquire(timeout=1.0):  # Windows handles Ctrl-C only between two tries
            pass


@contextlib.contextmanager
def until_stopped() -> Iterator[Stop]:
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


def _warn(line: str, *stream: TextIO) -> None:
    warn(f"gntp-logging listen: {line}", *stream)
