"""The command ``gntp-logging relay``: counts what a fleet publishes, and shows it on desktops; and its relay.toml."""

from __future__ import annotations

import argparse
import functools
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from gntp_logging.configuration.environment import DEFAULTS
from gntp_logging.options import checks, fleet
from gntp_logging.options.destination import OPTIONS, Destination
from gntp_logging.options.errors import OptionError

from .arguments import UsageError
from .listen import until_stopped
from .terminal import warn

if TYPE_CHECKING:
    from gntp_logging.fleet.relay import RelaySettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # installed only where it is needed

_DESCRIPTION: Final = """\
Count what the handlers of many hosts publish to a Redis, and show each incident once on each desktop.

  gntp-logging relay --config relay.toml

Any number of relays may run with one broker and the same file. Needs redis-py: pip install 'gntp-logging[redis]'
"""

_EXAMPLE: Final = """\
relay.toml:

  broker = "redis://redis.example:6379/0"
  fleet_key_file = "fleet.keys"

  [desktops.anna]
  host = "anna.example"
  password_file = "anna.password"

  [[routes]]
  to = ["anna"]

Exit codes: 0 told to stop; 2 wrong usage.
"""

_KEYS: Final = ("broker", "fleet_key_file", "timeout", "quiet", "desktops", "routes")
_ROUTE_KEYS: Final = ("to", "repeat_window", "burst", "rate")
_DESKTOP_KEYS: Final = tuple(option for option in OPTIONS if option != "password")
"""A password stands in a file or a variable: relay.toml is passed around."""

_QUIET: Final = 300.0
_SHORTEST_QUIET: Final = 10.0
"""Seconds until an incident ends: twice what a toast stays before its count changes, at least."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "relay",
        help="show a fleet's incidents on desktops",
        description=_DESCRIPTION,
        epilog=_EXAMPLE,
    )
    parser.add_argument("--config", required=True, metavar="FILE", help="relay.toml: the broker, desktops and routes")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    settings = read(arguments.config)
    from gntp_logging.fleet.relay import Relay

    stop = threading.Event()
    relay = Relay(settings, lambda line: warn(f"gntp-logging relay: {line}"))
    thread = threading.Thread(target=relay.run, args=(stop,))
    with until_stopped() as told:
        thread.start()
        try:
            told.wait()
        finally:
            stop.set()
            thread.join()
    return 0


def read(path: str) -> RelaySettings:
    """Read a relay.toml, and check it.

    Raises:
        UsageError: If it cannot be read, or a value is not allowed; the text names the place.
    """
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"--config: cannot read {path!r}: {error.strerror}") from error
    except ValueError as error:  # no TOML, or no text
        raise UsageError(f"{path}: {error}") from error
    try:
        return _settings(content)
    except OptionError as error:
        raise UsageError(f"{path}: {error}") from error
    except ImportError as error:
        raise UsageError(f"a relay needs redis-py: pip install 'gntp-logging[redis]' ({error})") from error


def _settings(content: Mapping[str, Any]) -> RelaySettings:
    from gntp_logging.fleet.desktop import DesktopSettings, gntp_transport
    from gntp_logging.fleet.incidents import DeskSettings
    from gntp_logging.fleet.relay import RelaySettings

    _check_keys("", content, _KEYS)
    quiet = checks.seconds("quiet", content.get("quiet", _QUIET), positive=True)
    if quiet < _SHORTEST_QUIET:
        raise OptionError("quiet", f"{_SHORTEST_QUIET:g} seconds or more", quiet)
    destinations = {name: _destination(name, table) for name, table in _tables(content, "desktops").items()}
    routes = content.get("routes")
    if not isinstance(routes, list) or not routes:
        raise OptionError("routes", "one table [[routes]] or more", routes)
    desks: dict[str, DeskSettings] = {}
    for number, route in enumerate(routes):
        place = f"routes[{number}]"
        desk = _desk(place, route, quiet)
        for name in _names(f"{place}.to", route.get("to"), destinations):
            desks.setdefault(name, desk)  # of two routes that name a desktop, the first says how it is shown
    return RelaySettings(
        broker=fleet.broker(content.get("broker")),
        timeout=checks.seconds("timeout", content.get("timeout", DEFAULTS["timeout"]), positive=True),
        keys=fleet.keys(content.get("fleet_key_file")),
        quiet=quiet,
        desktops=[
            DesktopSettings(name, functools.partial(gntp_transport, destinations[name].client), desk)
            for name, desk in desks.items()
        ],
    )


def _destination(name: str, table: object) -> Destination:
    place = f"desktops.{name}"
    given = _check_keys(place, table, _DESKTOP_KEYS)
    options = {option: DEFAULTS[option] for option in OPTIONS} | given
    try:
        return Destination.from_options(**options)
    except OptionError as error:
        raise OptionError(f"{place}.{error.option}", error.allowed, error.value, error.reason) from error


def _desk(place: str, route: object, quiet: float) -> Any:
    from gntp_logging.fleet.incidents import DeskSettings

    given = _check_keys(place, route, _ROUTE_KEYS)
    option = {name: given.get(name, DEFAULTS[name]) for name in _ROUTE_KEYS[1:]}
    return DeskSettings(
        repeat_window=checks.seconds(f"{place}.repeat_window", option["repeat_window"], positive=True),
        burst=checks.integer(f"{place}.burst", option["burst"], 1),
        rate=checks.number(f"{place}.rate", option["rate"]),
        quiet=quiet,
    )


def _tables(content: Mapping[str, Any], key: str) -> Mapping[str, object]:
    tables = content.get(key)
    if not isinstance(tables, dict) or not tables:
        raise OptionError(key, f"one table [{key}.NAME] or more", tables)
    return tables


def _names(option: str, value: object, known: Mapping[str, object]) -> list[str]:
    allowed = f"a list of names of desktops: {', '.join(known)}"
    if not isinstance(value, list) or not value or not all(name in known for name in value):
        raise OptionError(option, allowed, value)
    return value


def _check_keys(place: str, table: object, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise OptionError(place, "a table", table)
    for key in table:
        if key not in known:
            raise OptionError(place or "relay.toml", ", ".join(known), key, checks.unknown(key, known))
    return table
