"""The part of ``gntp-logging listen`` for ``--broker``: it pulls a fleet's incidents from a Redis, and shows them."""

from __future__ import annotations

import argparse
import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from gntp_logging.configuration.environment import DEFAULTS
from gntp_logging.options import fleet
from gntp_logging.options.errors import OptionError
from gntp_logging.receiver.state_folder import state_folder

from . import arguments as args
from .arguments import UsageError

if TYPE_CHECKING:
    from gntp_logging.fleet.laptop import LaptopSettings
    from gntp_logging.receiver.server import Receiver

FILES: Final = ("broker_password_file", "fleet_key_file")
"""Arguments that name files."""

_QUIET: Final = 300.0
"""Seconds until an incident ends, where no relay has said how many."""

_END: Final = 2.0
"""Seconds that the end waits for a request to the broker that is under way."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments. Each is called as what it is stored as."""
    group = parser.add_argument_group("fleet")
    group.add_argument(
        "--broker", metavar="URL", type=args.text,
        help="show what a fleet publishes to this Redis, over an outgoing connection: redis://HOST:6379/0, or"
        " rediss://USER@HOST:6379/0?ssl_ca_certs=FILE for TLS. No GNTP port is opened then unless --port is given."
        " Needs pip install 'gntp-logging[redis]'",
    )  # fmt: skip
    group.add_argument(
        "--broker-password-file", metavar="FILE", type=args.text,
        help="a file whose first line is the password of the Redis user; in the URL, others on this machine can see it",
    )  # fmt: skip
    group.add_argument(
        "--fleet-key-file", metavar="FILE", type=args.text,
        help="the fleet's keys, one a line; what none of them has signed is set aside, and not counted",
    )  # fmt: skip
    group.add_argument(
        "--match", metavar="KEY=VALUE", action="append", nargs="+", default=[],
        help="show only what is like this: app, logger and machine are globs over the whole name, level is the lowest"
        " (logger='shop.*' level=ERROR); may be repeated, and then each shows what it matches (default: everything)",
    )  # fmt: skip


def settings(arguments: argparse.Namespace) -> LaptopSettings | None:
    """Return what is to be pulled; None without ``--broker``.

    Raises:
        UsageError: If an argument cannot be used; the text names it.
    """
    if arguments.broker is None:
        for option in ("broker_password_file", "fleet_key_file", "match"):
            if getattr(arguments, option):
                raise UsageError(f"{_argument(option)} belongs to --broker URL: give that as well")
        return None
    try:
        from gntp_logging.fleet.incidents import DeskSettings, Route
        from gntp_logging.fleet.laptop import LaptopSettings
        from gntp_logging.fleet.match import Match
    except ImportError as error:
        raise UsageError(f"--broker needs redis-py: pip install 'gntp-logging[redis]' ({error})") from error
    try:
        matches = [Match.from_pieces("--match", pieces) for pieces in arguments.match] or [Match()]
        rates = (DEFAULTS["repeat_window"], DEFAULTS["burst"], DEFAULTS["rate"])
        desk = DeskSettings(tuple(Route(match, *rates) for match in matches), _QUIET)
        broker = fleet.broker(arguments.broker)
        if arguments.broker_password_file is not None:
            broker = fleet.with_password(broker, arguments.broker_password_file)
        keys = fleet.keys(arguments.fleet_key_file)
        return LaptopSettings(broker, DEFAULTS["timeout"], keys, desk)
    except OptionError as error:
        raise UsageError(f"{_argument(error.option)}: {error.reason}") from error


def _argument(option: str) -> str:
    return option if option.startswith("--") else f"--{option.replace('_', '-')}"


@contextlib.contextmanager
def pulling(settings: LaptopSettings, receiver: Receiver, report: Callable[[str], None]) -> Iterator[None]:
    """Pull, and show on a receiver's displays, while the context lasts.

    Args:
        report: Takes a line for people.
    """
    from gntp_logging.fleet.laptop import laptop, own_ledger
    from gntp_logging.fleet.redis_streams import RedisStreams

    label, has_tls = RedisStreams(settings.broker, settings.timeout).label, settings.broker.startswith("rediss:")
    show = functools.partial(receiver.take, origin=label, has_tls=has_tls)
    stop = threading.Event()
    with own_ledger(state_folder(), label, report) as ledger:
        pulled = laptop(settings, ledger, show, report)
        # A daemon thread: a request to a Redis that hangs must not delay the end of the program.
        thread = threading.Thread(target=pulled.run, args=(stop,), name="gntp-laptop", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(_END)
