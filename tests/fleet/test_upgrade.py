"""Hosts and relays of several releases side by side, as while a fleet is upgraded; and relays that come and go."""

from __future__ import annotations

import json
import math

import pytest

from gntp_logging.fleet import scripts
from gntp_logging.fleet.wire import Report, encode
from tests.fleet.servers import RedisServer, StartRelay, counted, wait_for_count
from tests.support import RunningReceiver, make_alert, wait_until

pytestmark = pytest.mark.program

FIRST = (
    b'{"v":1,"app":"shop","machine":"web-1","count":2,"incident":"9d47fd7b0b1cc5e0","alert":{"v":1,"level":40,'
    b'"event":"Error","priority":1,"sticky":false,"title":"db-1 refused","text":"db-1 refused","icon":null,"url":null,'
    b'"level_name":"ERROR","created":0.0,"fingerprint":"","context":[["machine","web-1"]],"exc_type":"",'
    b'"logger":"shop.db","count":1}}'
)
"""What a host of the first release with a fleet publishes. It stays as it is: each later release has to count it."""


def entry(**changes: object) -> dict[bytes, bytes]:
    """Return an entry as another release would publish it."""
    said = json.loads(FIRST)
    alert = said["alert"] | dict(changes.pop("alert", {}))  # type: ignore[call-overload]  # a mapping, where it is given
    return {b"d": json.dumps({**said, **changes, "alert": alert}).encode(), b"s": b""}


def least() -> dict[bytes, bytes]:
    """Return an entry with nothing but what a reader cannot do without."""
    said = json.loads(FIRST)
    names = ("v", "level", "event", "priority", "sticky", "title", "text")
    said["alert"] = {name: said["alert"][name] for name in names} | {"logger": "shop.db"}
    return {b"d": json.dumps({**said, "machine": "web-3"}).encode(), b"s": b""}


def test_hosts_of_several_releases_are_one_toast(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """A later one may add names, and an earlier one may lack those that have a default."""
    later = entry(machine="web-2", site="north", alert={"thread": "MainThread"})
    for fields in ({b"d": FIRST, b"s": b""}, {**later, b"n": b"1"}, least()):
        redis_server.client().xadd(scripts.STREAM, fields)
    start_relay(redis_server.url, {"desk": receiver.port}, quiet=10)
    toast = wait_for_count(receiver, 6)[-1]
    assert (toast.application, toast.incident, toast.headers["Data-Hosts"]) == ("shop", "9d47fd7b0b1cc5e0", "3")
    assert not redis_server.client().exists(scripts.ASIDE)


def test_this_release_publishes_what_the_first_one_reads() -> None:
    """All that it has is there, so relays may be upgraded after the hosts, too."""
    alert = make_alert("db-1 refused", logger="shop.db", fingerprint="call|shop", context=(("machine", "web-1"),))
    said, first = json.loads(encode(Report.of("shop", "web-1", 2, alert), None)[b"d"]), json.loads(FIRST)
    assert said["v"] == first["v"]
    assert said["alert"]["v"] == first["alert"]["v"]
    assert said.keys() >= first.keys()
    assert said["alert"].keys() >= first["alert"].keys()


def test_relays_of_several_releases_share_an_incident(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """One to come may write names that this one does not know, of an incident and of a desktop."""
    streams = redis_server.streams()
    streams.publish("p", 1, [entry()], math.inf)
    first = start_relay(redis_server.url, {"desk": receiver.port}, quiet=10)
    wait_for_count(receiver, 2)
    assert first.stop() == 0
    client = redis_server.client()
    (member,) = client.zrange(scripts.OPEN, 0, -1)
    client.hset(scripts.INCIDENT.encode() + member, mapping={"x-new": "1", "version": "9"})
    client.hset(f"{scripts.REPORTED}desk", mapping={"x-new": "1", "9:shop": '{"opening": 5}'})
    streams.publish("p", 2, [entry(machine="web-2")], math.inf)
    second = start_relay(redis_server.url, {"desk": receiver.port}, quiet=10)
    assert wait_for_count(receiver, 4)[-1].headers["Data-Hosts"] == "2"
    streams.close()
    assert len(second.output.splitlines()) == 1


def test_a_relay_that_is_told_to_stop_leaves_nothing_behind(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """No entry in its hands, no lease: another goes on at once. So relays are drained, and upgraded one by one."""
    first = start_relay(redis_server.url, {"desk": receiver.port}, quiet=10)
    streams = redis_server.streams()
    streams.publish("p", 1, [entry()], math.inf)
    wait_for_count(receiver, 2)
    assert first.stop() == 0
    client = redis_server.client()
    assert client.xpending(scripts.STREAM, scripts.GROUP)["pending"] == client.xlen(scripts.STREAM) == 0
    assert not client.exists(f"{scripts.LEASE}desk")
    streams.publish("p", 2, [entry(incident="0" * 16)], math.inf)
    start_relay(redis_server.url, {"desk": receiver.port}, quiet=10)
    wait_until(lambda: {toast.incident for toast in receiver.toasts} == {"0" * 16, "9d47fd7b0b1cc5e0"})
    wait_until(lambda: counted(redis_server) == {"web-1": 4})
    streams.close()
