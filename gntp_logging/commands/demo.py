"""The command ``gntp-logging demo``: alerts from a handler through a server to the terminal."""

from __future__ import annotations

import argparse
import contextlib
import logging
import logging.config
import queue
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TextIO

from gntp_logging.gntp.constants import DEFAULT_PORT, random_hex_string
from gntp_logging.gntp.network import host_and_port
from gntp_logging.handler import DISABLING_VARIABLE, GNTPHandler

from . import arguments as args
from .arguments import UsageError
from .terminal import say, warn

if TYPE_CHECKING:
    from gntp_logging.receiver.registry import Toast

_DEMO_LOGGER: Final = "shop.orders"
_DEMO_APPLICATION: Final = "gntp-logging demo"
_TIMEOUT: Final = 5.0
"""Seconds that the demo waits for one alert to be shown."""

_DESCRIPTION: Final = """\
Log a record of each level, an exception and a Unicode message through a GNTPHandler.

  gntp-logging demo                                   a receiver on this machine shows the alerts in the terminal
  gntp-logging demo --host desk --password secret     a real GNTP server shows them
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "demo",
        help="log a few records and show the alerts",
        description=_DESCRIPTION,
        epilog="Exit codes: 0 all alerts shown; 1 not all; 2 wrong usage.",
    )
    parser.add_argument("--host", type=args.host, help="host of a real GNTP server (default localhost)")
    parser.add_argument("--port", type=args.port, help=f"the server's port (default {DEFAULT_PORT})")
    parser.add_argument("--password", type=args.secret, help="the server's password; encrypts alerts (AES, SHA256)")
    args.add_tls(parser, "connect to that server by TLS alone; this machine must trust its certificate")
    parser.set_defaults(run=demo_command)


class _NotShownError(Exception):
    """An alert was not shown; the text says why."""


@dataclass(frozen=True)
class _Stage:
    """Where the demo's alerts go.

    Attributes:
        host: Host of the server.
        port: Port of the server.
        password: Password of the server; None when it has none.
        tls: How the handler is to connect to it: its option of this name.
        show: Logs one record, waits until its alert is shown, and returns the seconds that took.
        until: What is measured, in words.
    """

    host: str
    port: int
    password: str | None
    tls: bool | str
    show: Callable[[GNTPHandler, Callable[[], None]], float]
    until: str

    @property
    def server(self) -> str:
        """Host and port, for people."""
        return host_and_port(self.host, self.port)


def demo_command(arguments: argparse.Namespace) -> int:
    """Run ``gntp-logging demo``.

    Args:
        arguments: host, port, password, tls, tls_ca.

    Returns:
        The exit code.

    Raises:
        UsageError: If TLS is wanted without a server to connect to, or its file cannot be read.
    """
    tls = args.trust(arguments) or False
    if arguments.host is None and arguments.port is None:
        if tls:
            raise UsageError("--tls and --tls-ca are for a server: name it with --host")
        with _own_receiver(arguments.password) as stage:
            return _demo(stage)
    host = arguments.host or "localhost"
    return _demo(_Stage(host, arguments.port or DEFAULT_PORT, arguments.password, tls, _show_elsewhere, "the answer"))


def _demo(stage: _Stage) -> int:
    config = demo_config(stage.host, stage.port, stage.password, tls=stage.tls)
    try:
        logging.config.dictConfig(config)
    except ValueError as error:
        raise UsageError(f"--tls-ca: {getattr(error.__cause__, 'reason', error)}") from error
    logger = logging.getLogger(_DEMO_LOGGER)
    (handler,) = logger.handlers
    assert isinstance(handler, GNTPHandler)
    try:
        return _log_and_show(stage, logger, handler)
    finally:
        logger.removeHandler(handler)


def demo_config(
    host: str, port: int, password: str | None, *, tls: bool | str = False
) -> dict[str, Any]:  # dictConfig's own type
    """Return the demo's logging configuration: what any program would pass to :func:`logging.config.dictConfig`.

    Args:
        password: The server's password; None sends in clear, without a key.
        tls: The option ``tls``.
    """
    handler: dict[str, Any] = {"class": "gntp_logging.GNTPHandler", "app_name": _DEMO_APPLICATION}
    handler |= {"host": host, "port": port, "tls": tls}
    if password is not None:
        handler |= {"password": password, "encryption": "AES"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"desktop": handler},
        "loggers": {_DEMO_LOGGER: {"level": "DEBUG", "handlers": ["desktop"], "propagate": False}},
    }


def _log_and_show(stage: _Stage, logger: logging.Logger, handler: GNTPHandler) -> int:
    if not handler.enabled:
        warn(f"gntp-logging demo: the environment variable {DISABLING_VARIABLE} switches alerts off")
        return 1
    times: list[float] = []
    try:
        with _silent_handlers(), contextlib.closing(handler):
            for log in _DEMO_RECORDS:
                times.append(stage.show(handler, partial(log, logger)))  # noqa: PERF401 - a failure keeps the first
    except _NotShownError as error:
        shown = f"{len(times)} of {len(_DEMO_RECORDS)} alerts shown on {stage.server}"
        warn(f"gntp-logging demo: {shown}: {error}")
        return 1
    say("\n" + _summary(stage, times))
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
def _own_receiver(password: str | None) -> Iterator[_Stage]:
    """Run this package's receiver on a free port of this machine, showing alerts on stdout."""
    from gntp_logging.receiver.server import Receiver, Server  # asyncio only where it is used

    password = password or random_hex_string(8)
    display = _TimedDisplay(sys.stdout)
    with Receiver(Server([display], passwords=[password])) as receiver:
        yield _Stage("127.0.0.1", receiver.port, password, False, display.show_next, "the display")


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
    settled = handler.flush(_TIMEOUT)
    taken = time.perf_counter() - logged_at
    if not settled or sum(handler.stats().dropped.values()) > lost:
        raise _NotShownError(_reason(handler))
    return taken


def _reason(handler: GNTPHandler) -> str:
    """Say why an alert was not shown."""
    stats = handler.stats()
    return stats.last_error or ", ".join(stats.dropped) or f"no answer within {_TIMEOUT:g} s"


def _summary(stage: _Stage, times: Sequence[float]) -> str:
    """Say in one line what was sent, how, and how long each took."""
    how = "AES, key hashed with SHA256" if stage.password is not None else "in clear, without a key"
    if stage.tls:
        how = "by TLS" if stage.password is None else f"by TLS; {how}"
    return (
        f"{len(times)} alerts sent to {stage.server} by GNTP ({how}); from the logging call to {stage.until}:"
        f" {' '.join(map(_milliseconds, times))} ms, median {_milliseconds(median(times))} ms."
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def _log_exception(logger: logging.Logger) -> None:
    try:
        _charge(order=4711, amount=-3)
    except ValueError:
        logger.exception("Could not charge order %d", 4711)


def _charge(order: int, amount: int) -> None:
    if amount < 0:
        raise ValueError(f"amount of order {order} must not be negative: {amount}")


_DEMO_RECORDS: Final[Sequence[Callable[[logging.Logger], None]]] = (
    lambda logger: logger.debug("Cache miss for basket %s", "b-17"),
    lambda logger: logger.info("Order %d was placed", 4711),
    lambda logger: logger.warning("Payment took %.1f s", 7.5),
    lambda logger: logger.error("Payment provider answered %d", 503),
    lambda logger: logger.critical("Cannot reach the database; orders are refused"),
    _log_exception,
    lambda logger: logger.error("Ünïcödé: 注文を処理できません — заказ не выполнен — 🛒🔥"),
)
