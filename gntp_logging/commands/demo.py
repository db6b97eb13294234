"""The command ``gntp-logging demo``: alerts from a handler through a server to the terminal."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import logging.config
import queue
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from statistics import median
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

from gntp_logging.configuration.environment import variable
from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.constants import DEFAULT_PORT, random_hex_string
from gntp_logging.handler import DISABLING_VARIABLE, GNTPHandler
from gntp_logging.options.destination import Destination

from . import arguments as args
from .arguments import UsageError
from .terminal import say, warn

if TYPE_CHECKING:
    from gntp_logging.receiver.registry import Toast

_DEMO_LOGGER: Final = "shop"
_DEMO_APPLICATION: Final = "shop"
_TIMEOUT: Final = 5.0
"""Seconds that the demo waits for its own receiver to show one alert."""

_DESCRIPTION: Final = """\
Log what a shop might log, through a GNTPHandler: a record of each level, an exception, a message in Unicode. Then print
the lines that do the same for a program of yours.

  gntp-logging demo                       a receiver on this machine shows the alerts in the terminal
  gntp-logging demo --host desk.example   a real GNTP server shows them

With a password, alerts are encrypted (AES) where no hash and no cipher is given.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "demo",
        help="log a few records and show the alerts",
        description=_DESCRIPTION,
        epilog="Exit codes: 0 all alerts shown; 1 not all; 2 wrong usage; 130 Ctrl-C.",
    )
    args.add_server(parser)
    parser.set_defaults(run=demo_command)


class _NotShownError(Exception):
    """An alert was not shown; the text says why."""


@dataclass(frozen=True)
class _Stage:
    """Where the demo's alerts go.

    Attributes:
        destination: The server.
        show: Logs one record, waits until its alert is shown, and returns the seconds that took.
        until: The event up to which the time is measured, in words.
        own_program: The lines that a program of the user's own needs, for people to copy.
    """

    destination: Destination
    show: Callable[[GNTPHandler, Callable[[], None]], float]
    until: str
    own_program: str


def demo_command(arguments: argparse.Namespace) -> int:
    """Run ``gntp-logging demo``.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code.

    Raises:
        UsageError: If an argument, a variable or the file cannot be used, or TLS is wanted and no server is named.
    """
    overrides = args.overrides(arguments)
    given = overrides.options.keys()
    is_elsewhere = arguments.config is not None or not given.isdisjoint(("host", "port"))
    if "tls" in given and not is_elsewhere:
        raise UsageError(f"{overrides.option_names['tls']} is for a server: name it with --host")
    try:
        destination = args.handler_settings(arguments, overrides).destination()
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not is_elsewhere:
        with _own_receiver(destination) as stage:
            return _demo(stage)
    if destination.password and arguments.config is None and given.isdisjoint(("encryption", "key_hashing")):
        destination = replace(destination, encryption=ciphers.AES)
    own_program = _own_program(destination, arguments.config, overrides.options.get("password_file"))
    return _demo(_Stage(destination, _show_elsewhere, "the answer", own_program))


def _demo(stage: _Stage) -> int:
    logging.config.dictConfig(demo_config(stage.destination))
    logger = logging.getLogger(_DEMO_LOGGER)
    (handler,) = logger.handlers
    assert isinstance(handler, GNTPHandler)
    try:
        return _log_and_show(stage, handler)
    finally:
        logger.removeHandler(handler)


def demo_config(destination: Destination) -> dict[str, Any]:  # dictConfig's own type
    """Return the demo's logging configuration: what any program would pass to :func:`logging.config.dictConfig`."""
    options = {field.name: getattr(destination, field.name) for field in fields(destination)}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"desktop": {"class": "gntp_logging.GNTPHandler", "app_name": _DEMO_APPLICATION, **options}},
        "loggers": {_DEMO_LOGGER: {"level": "DEBUG", "handlers": ["desktop"], "propagate": False}},
    }


def _log_and_show(stage: _Stage, handler: GNTPHandler) -> int:
    if not handler.enabled:
        warn(f"gntp-logging demo: the environment variable {DISABLING_VARIABLE} switches alerts off")
        return 1
    times: list[float] = []
    try:
        with _silent_handlers(), contextlib.closing(handler):
            for name, log in _DEMO_RECORDS:
                times.append(stage.show(handler, partial(log, logging.getLogger(name))))  # a failure keeps these
    except _NotShownError as error:
        shown = f"{len(times)} of {len(_DEMO_RECORDS)} alerts shown on {stage.destination}"
        warn(f"gntp-logging demo: {shown}: {error}")
        return 1
    say(f"\n{_summary(stage, times)}\n\n{stage.own_program}")
    return 0


@contextlib.contextmanager
def _silent_handlers() -> Iterator[None]:
    """Keep handlers from reporting failures on stderr: the demo reports them itself, in one line."""
    before = logging.raiseExceptions
    logging.raiseExceptions = False
    try:
        yield
    finally:
        logging.raiseExceptions = before


@contextlib.contextmanager
def _own_receiver(destination: Destination) -> Iterator[_Stage]:
    """Run this package's receiver on a free port of this machine, showing alerts on stdout.

    Args:
        destination: How alerts are secured, as far as arguments and environment say.
    """
    from gntp_logging.receiver.server import Receiver, Server  # asyncio only where it is used

    password = destination.password or random_hex_string(8)
    display = _TimedDisplay(sys.stdout)
    with Receiver(Server([display], passwords=[password])) as receiver:
        here = Destination("127.0.0.1", receiver.port, _TIMEOUT, password, keys.SHA256, ciphers.AES)
        yield _Stage(here, display.show_next, "the display", _FIRST_A_RECEIVER + _lines(level="ERROR", app_name="shop"))


class _TimedDisplay:
    """Shows toasts in the terminal, each with the time since its record was logged. One toast at a time."""

    def __init__(self, stream: TextIO) -> None:
        from gntp_logging.receiver.console import ConsoleDisplay

        self._console = ConsoleDisplay(stream, remark=self._remark)
        self._outcomes: queue.SimpleQueue[float | OSError] = queue.SimpleQueue()
        self._logged_at = 0.0
        self._taken = 0.0

    def show_next(self, handler: GNTPHandler, log: Callable[[], None]) -> float:
        """Log one record, and wait until its alert is shown.

        Args:
            log: Logs the record.

        Returns:
            Seconds from the logging call to the display.

        Raises:
            OSError: If stdout cannot be written.
        """
        self._logged_at = time.perf_counter()
        log()
        try:
            outcome = self._outcomes.get(timeout=_TIMEOUT)
        except queue.Empty:
            raise _NotShownError(_reason(handler)) from None
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    def show(self, toast: Toast) -> None:
        """Show a toast, on the receiver's thread."""
        try:
            self._console.show(toast)
        except OSError as error:
            self._outcomes.put(error)
        else:
            self._outcomes.put(self._taken)

    def _remark(self, _toast: Toast) -> str:
        self._taken = time.perf_counter() - self._logged_at
        return _milliseconds(self._taken) + " ms"


def _show_elsewhere(handler: GNTPHandler, log: Callable[[], None]) -> float:
    """Log one record, and wait until a server elsewhere has acknowledged its alert."""
    lost = sum(handler.stats().dropped.values())
    logged_at = time.perf_counter()
    log()
    settled = handler.flush(handler.destination.timeout)
    taken = time.perf_counter() - logged_at
    if not settled or sum(handler.stats().dropped.values()) > lost:
        raise _NotShownError(_reason(handler))
    return taken


def _reason(handler: GNTPHandler) -> str:
    """Say why an alert was not shown."""
    stats = handler.stats()
    return stats.last_error or ", ".join(stats.dropped) or f"no answer within {handler.destination.timeout:g} s"


def _summary(stage: _Stage, times: Sequence[float]) -> str:
    """Say in one line what was sent, how, and how long each took."""
    there = stage.destination
    return (
        f"{len(times)} alerts sent to {there}, {there.security_description}; from the logging call to"
        f" {stage.until}: {' '.join(map(_milliseconds, times))} ms, median {_milliseconds(median(times))} ms."
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


# -- The lines for a program of the user's own ---------------------------------------------------


_FIRST_A_RECEIVER: Final = """\
For a program of your own, start a receiver in another terminal: gntp-logging listen
Then begin the program with these lines:

"""

_WITH_OPTIONS: Final = """\
import logging

import gntp_logging

desktop = gntp_logging.GNTPHandler({})
logging.basicConfig(level="INFO", handlers=[logging.StreamHandler(), desktop])
gntp_logging.log_unhandled()"""

_WITH_FILE: Final = """\
import gntp_logging

gntp_logging.config.load({})
gntp_logging.log_unhandled()"""


def _own_program(destination: Destination, config: str | None, password_file: object) -> str:
    """Return what a program of the user's own needs to send its alerts to the same server; never the password."""
    begin = "Begin a program of your own with these lines"
    if config is not None:
        return f"{begin}:\n\n{_WITH_FILE.format(_literal(config))}"
    options: dict[str, object] = {"level": "ERROR", "app_name": "shop", "host": destination.host}
    if destination.port != DEFAULT_PORT:
        options["port"] = destination.port
    if password_file is not None:
        options["password_file"] = password_file
    elif destination.password is not None:
        begin += f", and give it the password in its environment, as {variable('password')}"
        options["password_env"] = variable("password")
    if destination.key_hashing is not keys.SHA256:
        options["key_hashing"] = destination.key_hashing.algorithm_id
    if destination.encryption is not None:
        options["encryption"] = destination.encryption.algorithm_id
    if destination.tls:
        options["tls"] = destination.tls
    return f"{begin}:\n\n{_lines(**options)}"


def _lines(**options: object) -> str:
    return _WITH_OPTIONS.format(", ".join(f"{option}={_literal(value)}" for option, value in options.items()))


def _literal(value: object) -> str:
    """Return a value as it stands in a program, with the quotes that people use there."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


# -- What the shop logs --------------------------------------------------------------------------

_F = TypeVar("_F", bound=Callable[..., object])


def _in(path: str) -> Callable[[_F], _F]:
    """Make a function look as if it stood in a file of the shop: alerts show where a program's own code has failed."""

    def moved(function: _F) -> _F:
        assert isinstance(function, FunctionType)
        code = function.__code__
        function.__code__ = code.replace(co_filename=path, co_name=code.co_name.lstrip("_"))
        return function

    return moved


@_in("shop/orders.py")
def _checkout(logger: logging.Logger) -> None:
    try:
        _charge(order=4711, amount=-3)
    except ValueError:
        logger.exception("Could not charge order %d", 4711)


@_in("shop/payments.py")
def _charge(order: int, amount: int) -> None:
    if amount < 0:
        raise ValueError(f"amount of order {order} must not be negative: {amount}")


_DEMO_RECORDS: Final[Sequence[tuple[str, Callable[[logging.Logger], None]]]] = (
    ("shop.baskets", lambda logger: logger.debug("Cache miss for basket %s", "b-17")),
    ("shop.orders", lambda logger: logger.info("Order %d was placed", 4711)),
    ("shop.payments", lambda logger: logger.warning("Payment took %.1f s", 7.5)),
    ("shop.payments", lambda logger: logger.error("Payment provider answered %d", 503)),
    ("shop.orders", lambda logger: logger.critical("Cannot reach the database; orders are refused")),
    ("shop.orders", _checkout),
    ("shop.orders", lambda logger: logger.error("Ünïcödé: 注文を処理できません — заказ не выполнен — 🛒🔥")),
)
"""Each with the logger that it comes from."""
