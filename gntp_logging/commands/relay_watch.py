"""The options of ``gntp-logging relay`` that only print: what works, how the broker is doing, what was set aside."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .check import print_all
from .probe import CheckResult, Status, probe
from .terminal import say

if TYPE_CHECKING:
    from gntp_logging.fleet.redis_streams import RedisStreams
    from gntp_logging.fleet.relay import RelaySettings

    from .relay_file import RelayFile


# -- --check -------------------------------------------------------------------------------------


def check(file: RelayFile) -> int:
    """Try all that a relay.toml names, and print each result as it comes; return the exit code."""
    say("relay.toml")
    failed = print_all(_own_steps(file))
    streams = _connection(file.settings)
    say(streams.label)
    failed |= print_all(_broker_steps(streams))
    streams.close()
    for name, destination in file.destinations.items():
        say(f"[desktops.{name}] {destination}, {destination.security_description}")
        failed |= print_all(probe(destination, 0))
    return int(failed)


def _own_steps(file: RelayFile) -> Iterator[CheckResult]:
    """Look at the keys, and at what the routes match and name."""
    keys = len(file.settings.keys)
    if file.key_error is not None:
        yield CheckResult("fleet_key_file", Status.FAILED, file.key_error.reason)
    elif keys:
        yield CheckResult("fleet_key_file", Status.OK, "1 key" if keys == 1 else f"{keys} keys; hosts sign with one")
    else:
        answer = "none: everything that is added to the stream counts"
        yield CheckResult("fleet_key_file", Status.NOTE, answer, None, "name one, on hosts and relays, to change that")
    for number, match in enumerate(file.matches):
        name = f"routes[{number}].match"
        if never := match.never_holds():
            yield CheckResult(name, Status.FAILED, f"can never hold: {never}", None, "this route shows nothing")
        elif seldom := match.seldom_holds():
            yield CheckResult(name, Status.NOTE, seldom)
        else:
            yield CheckResult(name, Status.OK, str(match))
    shown = {desktop.name for desktop in file.settings.desktops}
    for name in sorted(file.destinations.keys() - shown):
        yield CheckResult(f"desktops.{name}", Status.NOTE, "no route names it: it is shown nothing")


def _broker_steps(streams: RedisStreams) -> Iterator[CheckResult]:
    from gntp_logging.fleet.redis_streams import BrokerError

    try:
        began = perf_counter()
        version = streams.version()
        yield CheckResult("broker", Status.OK, f"Redis {version}", perf_counter() - began)
    except BrokerError as error:
        yield CheckResult("broker", Status.FAILED, str(error), None, "look at broker in relay.toml, and at that Redis")
        yield CheckResult("scripts", Status.LEFT_OUT, "the broker is needed for that")
        return
    try:
        began = perf_counter()
        streams.try_out()
        yield CheckResult("scripts", Status.OK, "they run, and may change what they need", perf_counter() - began)
    except BrokerError as error:
        advice = "a relay's Redis user needs the rights in docs/fleet.md, and Redis room to write"
        yield CheckResult("scripts", Status.FAILED, str(error), None, advice)


# -- --status and --aside ------------------------------------------------------------------------


def status(settings: RelaySettings, *, as_json: bool) -> int:
    """Print how the broker is doing, and which relay shows on which desktop; return the exit code.

    Raises:
        OSError: If the broker does not answer.
    """
    from gntp_logging.fleet.redis_streams import BrokerError

    streams = _connection(settings)
    try:
        found = streams.status([desktop.name for desktop in settings.desktops])
    except BrokerError as error:
        raise OSError(f"{streams.label}: {error}") from error
    finally:
        streams.close()
    if as_json:
        _write({"broker": streams.label, **found._asdict()})
        return 0
    say(streams.label)
    for name, text in (
        ("length", f"{found.length:,} entries wait to be counted"),
        ("lag", f"{found.lag:.1f} s that the oldest of them waits"),
        ("pending", f"{found.pending:,} of them are in the hands of a relay"),
        ("published", f"{found.published:,} entries so far"),
        ("counted", f"{found.counted:,} records so far; {found.repeated:,} entries were read twice, and counted once"),
        ("open incidents", f"{found.incidents:,}"),
        ("set aside", f"{found.set_aside:,} entries so far; --aside prints {found.kept_aside:,} of them"),
        *((f"lease of {name}", holder or "no relay has it") for name, holder in found.holders.items()),
    ):
        say(f"  {name:<20} {text}")
    return 0


def aside(settings: RelaySettings, *, as_json: bool) -> int:
    """Print the entries that could not be counted, with the reasons, the newest first; return the exit code.

    Raises:
        OSError: If the broker does not answer.
    """
    from gntp_logging.fleet.redis_streams import BrokerError

    streams = _connection(settings)
    try:
        kept = streams.aside()
    except BrokerError as error:
        raise OSError(f"{streams.label}: {error}") from error
    finally:
        streams.close()
    for text in (item.decode("utf-8", "replace") for item in kept):
        id_, _, reason = text.partition(" ")
        if as_json:
            _write({"id": id_, "time": _time(id_), "reason": reason})
        else:
            said = " ".join(reason.split())  # one line, whatever the entry holds
            say(f"{_time(id_)}  {id_}  {said}")
    if not kept and not as_json:
        say(f"{streams.label}: nothing is set aside")
    return 0


def _connection(settings: RelaySettings) -> RedisStreams:
    from gntp_logging.fleet.redis_streams import RedisStreams

    return RedisStreams(settings.broker, settings.timeout)


def _time(id_: str) -> str:
    """Return when an entry came, by the broker's clock."""
    ms = id_.partition("-")[0]
    seconds = int(ms) // 1000 if ms.isdecimal() and len(ms) < 15 else 0
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _write(found: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(found)}\n")
