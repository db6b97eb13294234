"""The command ``gntp-logging``."""

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
from statistics import median
from typing import Any, Final

from .gntp.constants import DEFAULT_PORT, VERSION, random_hex_string
from .handler import GNTPHandler

_DEMO_LOGGER: Final = "shop.orders"
_DEMO_APPLICATION: Final = "gntp-logging demo"
_TIMEOUT: Final = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments; None means the process's.

    Returns:
        The exit code: 0 when all went well, 1 when not, 2 for wrong usage.
    """
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gntp-logging", description="Log records as desktop notifications, through GNTP."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="log a few records and show the alerts",
        description=(
            "Log a record of each level, an exception and a Unicode message through a GNTPHandler. Without --host, a"
            " receiver on this machine shows the alerts in the terminal; with it, they go to a GNTP server."
        ),
    )
    demo.add_argument("--host", help="host of a real GNTP server")
    demo.add_argument("--port", type=_port, help=f"its port (default {DEFAULT_PORT})")
    demo.add_argument("--password", help="its password; with one, alerts are encrypted (AES, SHA256)")
    demo.set_defaults(run=demo_command)
    return parser


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"allowed is 1 to 65535, not {text!r}")
    return int(text)


# -- demo ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Target:
    """Where the demo's alerts go.

    Attributes:
        host: Host of the server.
        port: Its port.
        password: Its password; None when it has none.
        wait: Waits until the alert that was logged last is shown; None when it was not.
        until: What is measured, in words.
    """

    host: str
    port: int
    password: str | None
    wait: Callable[[GNTPHandler], float | None]
    until: str


def demo_command(arguments: argparse.Namespace) -> int:
    """Run ``gntp-logging demo``.

    Args:
        arguments: host, port, password.

    Returns:
        The exit code.
    """
    if arguments.host is None and arguments.port is None:
        with _own_receiver(arguments.password) as target:
            return _demo(target)
    host = arguments.host or "localhost"
    return _demo(_Target(host, arguments.port or DEFAULT_PORT, arguments.password, _wait_for_answer, "the answer"))


@contextlib.contextmanager
def _own_receiver(password: str | None) -> Iterator[_Target]:
    """Run this package's receiver on a free port of this machine, showing alerts on stdout."""
    from .receiver.displays import ConsoleDisplay  # asyncio only where it is used
    from .receiver.registry import Toast
    from .receiver.server import Receiver, Server

    shown: queue.SimpleQueue[float] = queue.SimpleQueue()

    class Tap:
        """Tells the demo when a toast has been drawn."""

        def show(self, _toast: Toast) -> None:
            shown.put(time.perf_counter())

    def wait(_handler: GNTPHandler) -> float | None:
        try:
            return shown.get(timeout=_TIMEOUT)
        except queue.Empty:
            return None

    password = password or random_hex_string(8)
    with Receiver(Server([ConsoleDisplay(sys.stdout), Tap()], passwords=[password])) as receiver:
        yield _Target("127.0.0.1", receiver.port, password, wait, "the display")


def _wait_for_answer(handler: GNTPHandler) -> float | None:
    """Wait until a server elsewhere has acknowledged everything."""
    before = handler.stats().dropped
    settled = handler.flush(_TIMEOUT)
    return time.perf_counter() if settled and handler.stats().dropped == before else None


def _demo(target: _Target) -> int:
    logging.config.dictConfig(demo_config(target.host, target.port, target.password))
    logger = logging.getLogger(_DEMO_LOGGER)
    (handler,) = logger.handlers
    assert isinstance(handler, GNTPHandler)
    times: list[float | None] = []
    try:
        for log in _DEMO_RECORDS:
            began = time.perf_counter()
            log(logger)
            shown = target.wait(handler)
            times.append(None if shown is None else (shown - began) * 1000)
            if shown is None:
                break
    finally:
        logger.removeHandler(handler)
        handler.close()
    print(_summary(target, times))
    return 0 if None not in times else 1


def demo_config(host: str, port: int, password: str | None) -> dict[str, Any]:  # dictConfig's own type
    """Return the demo's logging configuration: what a program of its own would hand to dictConfig.

    Args:
        host: Host of the server.
        port: Its port.
        password: Its password; None sends in clear, without a key.

    Returns:
        A configuration for :func:`logging.config.dictConfig`.
    """
    handler = {"class": "gntp_logging.GNTPHandler", "app_name": _DEMO_APPLICATION, "host": host, "port": port}
    if password is not None:
        handler |= {"password": password, "encryption": "AES"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"gntp": handler},
        "loggers": {_DEMO_LOGGER: {"level": "DEBUG", "handlers": ["gntp"], "propagate": False}},
    }


def _summary(target: _Target, times: Sequence[float | None]) -> str:
    """Say in one line what was sent, how, and how long each took."""
    how = "AES, key hashed with SHA256" if target.password is not None else "in clear, without a key"
    taken = [duration for duration in times if duration is not None]
    where = f"{target.host}:{target.port}"
    if len(taken) < len(times):
        return f"Stopped after {len(taken)} of {len(_DEMO_RECORDS)} alerts to {where} ({how}): one was not shown."
    each = " ".join(f"{duration:.1f}" for duration in taken)
    return (
        f"{len(taken)} alerts sent to {where} by GNTP ({how}); from the logging call to {target.until}:"
        f" {each} ms, median {median(taken):.1f} ms."
    )


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
