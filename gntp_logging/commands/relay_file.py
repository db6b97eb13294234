"""relay.toml: the broker, desktops and routes of a relay, read and checked."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gntp_logging.configuration.environment import DEFAULTS
from gntp_logging.fleet.match import Match
from gntp_logging.options import checks, fleet
from gntp_logging.options.destination import OPTIONS, Destination
from gntp_logging.options.errors import OptionError

from .arguments import UsageError

if TYPE_CHECKING:
    from gntp_logging.fleet.incidents import Route
    from gntp_logging.fleet.relay import RelaySettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # installed only where it is needed

_KEYS: Final = ("broker", "broker_password_file", "fleet_key_file", "timeout", "quiet", "desktops", "routes")
_ROUTE_KEYS: Final = ("to", "match", "repeat_window", "burst", "rate")
_DESKTOP_KEYS: Final = tuple(option for option in OPTIONS if option != "password")
"""A password stands in a file or a variable: relay.toml is passed around."""

_QUIET: Final = 300.0
_SHORTEST_QUIET: Final = 10.0
"""Seconds until an incident ends: twice what a toast stays before its count changes, at least."""


@dataclass(frozen=True)
class RelayFile:
    """What a relay.toml says.

    Attributes:
        settings: What a relay does.
        destinations: The desktops' servers by name, also of those that no route names.
        matches: What the routes match, in the order of the file.
        key_error: Why there are no keys; None where nothing is wrong with them.
    """

    settings: RelaySettings
    destinations: Mapping[str, Destination]
    matches: Sequence[Match]
    key_error: OptionError | None


def read(path: str) -> RelaySettings:
    """Read a relay.toml, and check it.

    Raises:
        UsageError: If it cannot be read, or a value is not allowed; the text names the place.
    """
    file = examine(path)
    if file.key_error is not None:
        raise UsageError(f"{path}: {file.key_error}") from file.key_error
    return file.settings


def examine(path: str) -> RelayFile:
    """Read a relay.toml, and check all but its keys.

    Raises:
        UsageError: If it cannot be read, or another value is not allowed; the text names the place.
    """
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"--config: cannot read {path!r}: {error.strerror}") from error
    except ValueError as error:  # no TOML, or no text
        raise UsageError(f"{path}: {error}") from error
    try:
        return _examine(content)
    except OptionError as error:
        raise UsageError(f"{path}: {error}") from error
    except ImportError as error:
        raise UsageError(f"a relay needs redis-py: pip install 'gntp-logging[redis]' ({error})") from error


def _examine(content: Mapping[str, Any]) -> RelayFile:
    from gntp_logging.fleet.desktop import DesktopSettings, ToServer
    from gntp_logging.fleet.incidents import DeskSettings
    from gntp_logging.fleet.relay import RelaySettings

    _check_keys("", content, _KEYS)
    quiet = checks.seconds("quiet", content.get("quiet", _QUIET), positive=True)
    if quiet < _SHORTEST_QUIET:
        raise OptionError("quiet", f"{_SHORTEST_QUIET:g} seconds or more", quiet)
    destinations = {name: _destination(name, table) for name, table in _tables(content, "desktops").items()}
    tables = content.get("routes")
    if not isinstance(tables, list) or not tables:
        raise OptionError("routes", "one table [[routes]] or more", tables)
    matches: list[Match] = []
    routes: dict[str, list[Route]] = {}
    for number, table in enumerate(tables):
        place = f"routes[{number}]"
        route = _route(place, table)
        matches.append(route.match)
        for name in _names(f"{place}.to", table.get("to"), destinations):
            routes.setdefault(name, []).append(route)
    keys, key_error = _keys(content.get("fleet_key_file"))
    broker = fleet.broker(content.get("broker"))
    if "broker_password_file" in content:
        broker = fleet.with_password(broker, content["broker_password_file"])
    settings = RelaySettings(
        broker=broker,
        timeout=checks.seconds("timeout", content.get("timeout", DEFAULTS["timeout"]), positive=True),
        keys=keys,
        quiet=quiet,
        desktops=[
            DesktopSettings(name, ToServer(destinations[name]), DeskSettings(tuple(its_routes), quiet))
            for name, its_routes in routes.items()
        ],
    )
    return RelayFile(settings, destinations, matches, key_error)


def _keys(path: object) -> tuple[Sequence[bytes], OptionError | None]:
    try:
        return fleet.keys(path), None
    except OptionError as error:
        return (), error


def _destination(name: str, table: object) -> Destination:
    place = f"desktops.{name}"
    given = _check_keys(place, table, _DESKTOP_KEYS)
    options = {option: DEFAULTS[option] for option in OPTIONS} | given
    try:
        return Destination.from_options(**options)
    except OptionError as error:
        raise OptionError(f"{place}.{error.option}", error.allowed, error.value, error.reason) from error


def _route(place: str, table: object) -> Route:
    from gntp_logging.fleet.incidents import Route

    given = _check_keys(place, table, _ROUTE_KEYS)
    option = {name: given.get(name, DEFAULTS[name]) for name in ("repeat_window", "burst", "rate")}
    return Route(
        match=Match.from_table(f"{place}.match", given.get("match", {})),
        repeat_window=checks.seconds(f"{place}.repeat_window", option["repeat_window"], positive=True),
        burst=checks.integer(f"{place}.burst", option["burst"], 1),
        rate=checks.number(f"{place}.rate", option["rate"]),
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
