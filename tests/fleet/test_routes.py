"""Routes, with real handlers, a Redis, a relay and desktops: who is shown what, and how often; a relay reads again."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.fleet import scripts
from gntp_logging.fleet.wire import Report, encode
from tests.fleet.servers import RedisServer, StartRelay, wait_for_count
from tests.support import PATIENCE, RunningReceiver, make_alert, running_receiver, wait_until

pytestmark = pytest.mark.program

Log = Callable[..., None]


@pytest.fixture
def log(redis_server: RedisServer) -> Log:
    """Logs records of one incident, on some machine, and waits until they are published."""

    def log(count: int, logger: str, level: int = logging.ERROR, machine: str = "web-1", **more: str) -> None:
        context = {"machine": machine}
        handler = GNTPHandler(broker=redis_server.url, app_name=more.get("app", "shop"), context=context)
        key = {"gntp": {"key": more["key"]}} if "key" in more else {}
        for _ in range(count):
            record = logging.LogRecord(logger, level, __file__, 1, more.get("text", "refused"), None, None)
            record.__dict__.update(key)
            handler.handle(record)
        assert handler.flush(PATIENCE)
        handler.close()

    return log


@pytest.fixture
def desktops() -> Iterator[Sequence[RunningReceiver]]:
    """Three desktops."""
    with running_receiver() as one, running_receiver() as two, running_receiver() as three:
        yield one, two, three


def toml(server: RedisServer, desktops: Sequence[RunningReceiver], *routes: str, quiet: int = 60) -> str:
    """Write a relay.toml with desktops a, b and c, and some routes."""
    lines = [f'broker = "{server.url}"', f"quiet = {quiet}"]
    for name, desktop in zip("abc", desktops, strict=False):
        lines += [f"[desktops.{name}]", 'host = "127.0.0.1"', f"port = {desktop.port}"]
    return "\n".join([*lines, *(f"[[routes]]\n{route}" for route in routes), ""])


def test_all_routes_that_match_count(
    redis_server: RedisServer, start_relay: StartRelay, desktops: Sequence[RunningReceiver], log: Log
) -> None:
    """Each sums what it matches of the same incident, by logger, level and machine; not only the first that matches."""
    routes = (
        'to = ["a"]\nmatch = {app = "shop", logger = "shop.payments.*", level = "ERROR", machine = "web-*"}',
        'to = ["b"]\nmatch = {level = "ERROR"}',
        'to = ["c"]',
    )
    start_relay(redis_server.url, {}, content=toml(redis_server, desktops, *routes, quiet=10))
    for count, logger, level, machine in (
        (1, "shop.payments", logging.ERROR, "web-1"),
        (2, "shop.payments.card", logging.CRITICAL, "web-2"),
        (4, "shop.payments.card", logging.WARNING, "web-2"),
        (8, "shop.payments.card", logging.ERROR, "db-1"),
        (16, "shop.orders", logging.ERROR, "web-1"),
        (32, "shop.orders", logging.INFO, "web-1"),
    ):
        log(count, logger, level, machine, key="one incident")
    log(64, "shop.payments", app="till", text="another application")
    shown = [
        {toast.application: toast for toast in wait_for_count(desktop, count)}
        for desktop, count in zip(desktops, (3, 27, 63), strict=True)
    ]
    assert [toasts["shop"].headers["Data-Hosts"] for toasts in shown] == ["2", "3", "3"]
    assert len({toasts["shop"].coalescing_id for toasts in shown}) == 1
    assert "till" not in shown[0]
    for desktop in desktops[1:]:
        wait_for(desktop, application="till", count=64)


def wait_for(desktop: RunningReceiver, *, count: int, title: str = "", application: str = "shop") -> None:
    """Wait until a desktop shows something among others."""
    wait_until(
        lambda: any(
            toast.application == application and title in toast.title and toast.headers["Data-Count"] == str(count)
            for toast in desktop.toasts
        ),
        3 * PATIENCE,  # a lease that a Redis keeps beyond its end takes one of them
    )


def test_a_desktop_that_two_routes_name_shows_an_incident_once(
    redis_server: RedisServer, start_relay: StartRelay, desktops: Sequence[RunningReceiver], log: Log
) -> None:
    """With the sum of what either matches, and what both match once."""
    routes = ('to = ["a"]\nmatch = {logger = "shop.*"}', 'to = ["a", "b"]\nmatch = {machine = "web-*"}')
    start_relay(redis_server.url, {}, content=toml(redis_server, desktops, *routes, quiet=10))
    for count, logger, machine in ((1, "shop", "db-1"), (2, "shop", "web-1"), (4, "x", "web-1"), (8, "x", "db-1")):
        log(count, logger, machine=machine, key="one incident")
    toasts = wait_for_count(desktops[0], 7)
    assert len({toast.coalescing_id for toast in toasts}) == 1
    wait_for_count(desktops[1], 6)


def test_rate_and_burst_are_a_routes_own(
    redis_server: RedisServer, start_relay: StartRelay, desktops: Sequence[RunningReceiver], log: Log
) -> None:
    """A route that has had its burst keeps nothing of another's from the same desktop."""
    routes = (
        'to = ["a"]\nmatch = {logger = "noisy"}\nburst = 1\nrate = 1',
        'to = ["a"]\nmatch = {logger = "calm"}\nburst = 1\nrate = 1',
    )
    start_relay(redis_server.url, {}, content=toml(redis_server, desktops, *routes))
    for number in range(3):
        log(1, "noisy", text=f"{'abc'[number]} refused")
    desktops[0].wait_for(1)
    wait_until(lambda: redis_server.client().zcard(scripts.OPEN) == 3)
    log(1, "calm")
    assert [toast.title for toast in desktops[0].wait_for(2)] == ["a refused", "refused"]


def fences(server: RedisServer) -> list[int]:
    """Return how often somebody has taken the lease of each desktop."""
    return [int(server.client().get(f"{scripts.FENCE}{name}") or 0) for name in "abc"]


def test_a_relay_reads_its_file_again(
    redis_server: RedisServer, start_relay: StartRelay, desktops: Sequence[RunningReceiver], log: Log
) -> None:
    """A new desktop begins, one that is gone is let go, one that is the same goes on; nothing is counted twice."""
    to_a, to_b, to_c = ('to = ["a"]', 'to = ["b"]', 'to = ["c"]')
    relay = start_relay(redis_server.url, {}, content=toml(redis_server, desktops, to_a, to_b))
    log(3, "shop")
    for desktop in desktops[:2]:
        wait_for_count(desktop, 3)
    relay.reload(toml(redis_server, desktops, to_a, to_c))
    relay.wait_for("has read")
    wait_until(lambda: redis_server.client().exists(f"{scripts.LEASE}c") == 1)
    wait_until(lambda: redis_server.client().exists(f"{scripts.LEASE}b") == 0)
    log(1, "shop", text="another")
    for desktop in (desktops[0], desktops[2]):
        wait_for(desktop, title="another", count=1)
    assert not any(toast.title == "another" for toast in desktops[1].toasts)
    assert fences(redis_server) == [1, 1, 1]
    assert relay.stop() == 0


def test_a_key_that_was_added_is_accepted(
    redis_server: RedisServer, start_relay: StartRelay, desktops: Sequence[RunningReceiver], tmp_path: Path
) -> None:
    """Without a restart; what was signed with it before is set aside."""
    keys = tmp_path / "fleet.keys"
    keys.write_text("a" * 32)
    keys.chmod(0o600)
    content = toml(redis_server, desktops, 'to = ["a"]').replace("quiet", f'fleet_key_file = "{keys}"\nquiet')
    relay = start_relay(redis_server.url, {}, content=content)
    client = redis_server.client()
    entry = encode(Report.of("shop", "web-1", 1, make_alert(fingerprint="f")), b"b" * 32)
    client.xadd(scripts.STREAM, entry)
    wait_until(lambda: client.llen(scripts.ASIDE) == 1)
    keys.write_text(f"{'a' * 32}\n{'b' * 32}")
    relay.reload(content)
    relay.wait_for("has read")
    wait_until(lambda: _is_counted(redis_server, entry))
    wait_for(desktops[0], count=int(client.hget(scripts.COUNTERS, "counted")))


def _is_counted(server: RedisServer, entry: Mapping[bytes, bytes]) -> bool:
    """Add an entry, and tell whether it was counted: when the relay obeys, nothing announces."""
    client = server.client()
    client.xadd(scripts.STREAM, entry)
    wait_until(lambda: client.xlen(scripts.STREAM) == 0)
    return bool(client.hget(scripts.COUNTERS, "counted"))


def test_a_route_that_has_changed_shows_what_it_matches_now(
    redis_server: RedisServer, start_relay: StartRelay, desktops: Sequence[RunningReceiver], log: Log
) -> None:
    """Also of an incident that is open: its count is the sum of that."""
    content = toml(redis_server, desktops, 'to = ["a"]\nmatch = {machine = "web-1"}', quiet=10)
    relay = start_relay(redis_server.url, {}, content=content)
    for machine in ("web-1", "web-2"):
        log(2, "shop", machine=machine)
    wait_for_count(desktops[0], 2)
    relay.reload(content.replace("web-1", "web-*"))
    toasts = wait_for_count(desktops[0], 4)
    assert len({toast.coalescing_id for toast in toasts}) == 1


def test_a_bad_file_leaves_the_old_one_in_force(
    redis_server: RedisServer, start_relay: StartRelay, desktops: Sequence[RunningReceiver], log: Log
) -> None:
    """One line says what is wrong with it; the next good one is obeyed."""
    good = toml(redis_server, desktops, 'to = ["a"]')
    relay = start_relay(redis_server.url, {}, content=good)
    for number, (bad, reason) in enumerate(
        (
            (good.replace('to = ["a"]', 'to = ["z"]'), "routes[0].to: allowed is a list of names of desktops: a, b, c"),
            ("[", "relay-0.toml"),
            (good.replace("quiet = 60", 'fleet_key_file = "nowhere"'), "fleet_key_file: cannot read 'nowhere'"),
        )
    ):
        relay.reload(bad)
        relay.wait_for("goes on as before", number + 1)
        line = relay.output.splitlines()[-1]
        assert reason in line
    assert len(relay.output.splitlines()) == 4
    log(3, "shop")
    wait_for_count(desktops[0], 3)
    relay.reload(toml(redis_server, desktops, 'to = ["b"]'))
    wait_for_count(desktops[1], 3)
    assert fences(redis_server) == [1, 1, 0]


def test_a_relay_goes_to_another_broker(
    redis_server: RedisServer, start_relay: StartRelay, desktops: Sequence[RunningReceiver], log: Log
) -> None:
    """What it names is another database here."""
    content = toml(redis_server, desktops, 'to = ["a"]')
    relay = start_relay(redis_server.url, {}, content=content.replace(redis_server.url, f"{redis_server.url[:-1]}1"))
    log(3, "shop")
    relay.reload(content)
    wait_for_count(desktops[0], 3)
    assert relay.output.count("counts from") == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the moment is known by a named pipe")
def test_a_file_that_changes_while_a_relay_starts_is_read_again(
    redis_server: RedisServer, desktops: Sequence[RunningReceiver], log: Log, tmp_path: Path
) -> None:
    """SIGHUP ends nothing at that moment, and is not forgotten."""
    config = tmp_path / "relay.toml"
    os.mkfifo(config)

    def hand_over(content: str, *, then: Callable[[], object]) -> None:
        pipe: list[int] = []
        wait_until(lambda: _is_read(config, pipe), 3 * PATIENCE)
        then()
        os.write(pipe[0], content.encode())
        os.close(pipe[0])

    with subprocess.Popen(
        [sys.executable, "-m", "gntp_logging", "relay", "--config", str(config)], stderr=subprocess.PIPE
    ) as relay:
        assert relay.stderr is not None
        try:
            hand_over(toml(redis_server, desktops, 'to = ["a"]'), then=lambda: relay.send_signal(signal.SIGHUP))
            assert b"counts from" in relay.stderr.readline()
            hand_over(toml(redis_server, desktops, 'to = ["b"]'), then=lambda: None)
            assert b"has read" in relay.stderr.readline()
            log(3, "shop")
            wait_for(desktops[1], count=3)
        finally:
            relay.terminate()
    assert relay.returncode == 0


def _is_read(pipe: Path, opened: list[int]) -> bool:
    try:
        opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:  # by nobody yet
        return False
    return True


def test_a_terminal_that_is_closed_ends_nothing(
    redis_server: RedisServer, desktops: Sequence[RunningReceiver], log: Log, tmp_path: Path
) -> None:
    """Its SIGHUP has the file read again, its lines go nowhere, and what happens to the Redis is survived."""
    config = tmp_path / "relay.toml"
    config.write_text(toml(redis_server, desktops, 'to = ["a"]'))
    command = [sys.executable, "-m", "gntp_logging", "relay", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as relay:
        assert relay.stderr is not None
        try:
            assert b"counts from" in relay.stderr.readline()
            relay.stderr.close()
            relay.send_signal(signal.SIGHUP)
            redis_server.kill()
            redis_server.start()
            log(3, "shop")
            wait_for(desktops[0], count=3)
            config.write_text(toml(redis_server, desktops, 'to = ["b"]'))
            relay.send_signal(signal.SIGHUP)
            wait_for(desktops[1], count=3)
        finally:
            relay.terminate()
    assert relay.returncode == 0
