"""What Redis does in one step, with a real one."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gntp_logging.fleet import redis_streams, scripts
from gntp_logging.fleet.redis_streams import (
    BrokerError,
    Counted,
    RedisStreams,
    StreamIsFullError,
    StreamIsGoneError,
)
from tests.fleet.servers import RedisServer, hand_on, running_redis
from tests.support import PATIENCE, ScriptedServer, free_port

ENTRY: Mapping[bytes, bytes] = {b"d": b"data", b"s": b""}


@pytest.fixture
def streams(redis_server: RedisServer) -> Iterator[RedisStreams]:
    """A connection of a relay, whose group is there."""
    streams = redis_server.streams()
    streams.make_group()
    yield streams
    streams.close()


def publish(streams: RedisStreams, number: int, count: int = 1, producer: str = "p") -> None:
    """Publish a batch of some entries."""
    streams.publish(producer, number, [ENTRY] * count, math.inf)


def counted(
    id_: str, records: int = 1, machine: str = "web-1", alert: str = "{}", *, logger: str = "shop.db", level: int = 40
) -> Counted:
    """Return an entry that counts."""
    place, slot = json.dumps([logger, machine, level]), json.dumps([logger, level])
    return Counted(id_, "0f:shop", records, place, slot, alert)


def places(fields: Mapping[str, str]) -> dict[tuple[object, ...], int]:
    """Return what an incident's records are counted by."""
    return {tuple(json.loads(name[1:])): int(value) for name, value in fields.items() if name[:1] == "n"}


def test_a_batch_that_was_added_is_not_added_again(streams: RedisStreams, redis_server: RedisServer) -> None:
    """Nor one with a lower number; that of another producer is."""
    for number in (1, 1, 2, 1, 2):
        publish(streams, number, 2)
    publish(streams, 1, 2, "q")
    assert redis_server.client().xlen(scripts.STREAM) == 6


def test_a_host_that_may_not_keep_its_number_adds_nothing(redis_server: RedisServer) -> None:
    """Else each try would count again."""
    client = redis_server.client()
    client.execute_command("ACL", "SETUSER", "host", "on", ">secret", "~*", "+@all", "-set")
    streams = RedisStreams(redis_server.url.replace("://", "://host:secret@"), PATIENCE)
    for _ in range(3):
        with pytest.raises(BrokerError):
            publish(streams, 1)
    assert client.xlen(scripts.STREAM) == 0
    streams.close()


def test_the_number_of_a_producer_lives_a_week(streams: RedisStreams, redis_server: RedisServer) -> None:
    """No longer, or hosts that are gone would stay for ever."""
    publish(streams, 1)
    assert 0 < redis_server.client().ttl(f"{scripts.PRODUCER}p") <= 7 * 86_400


def test_a_full_stream_takes_nothing(
    streams: RedisStreams, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And counts on: the same batch is taken when there is room again."""
    monkeypatch.setattr(redis_streams, "MAX_ENTRIES", 2)
    publish(streams, 1, 2)
    with pytest.raises(StreamIsFullError):
        publish(streams, 2)
    for entry in streams.read("a", 0.01):
        streams.count([counted(entry.id_)], 60)
    publish(streams, 2)
    assert redis_server.client().xlen(scripts.STREAM) == 1


def test_an_entry_counts_once(streams: RedisStreams, redis_server: RedisServer) -> None:
    """Whoever else counts it too."""
    publish(streams, 1, 3)
    entries = [counted(entry.id_, 5) for entry in streams.read("a", 0.01)]
    assert streams.count(entries[:2], 60) == 10
    assert streams.count(entries, 60) == 5
    assert streams.count(entries, 60) == 0
    client = redis_server.client()
    assert places(streams.changed(0).incidents["0f:shop"]) == {("shop.db", "web-1", 40): 15}
    assert client.hget(scripts.COUNTERS, "counted") == b"15"
    assert client.hget(scripts.COUNTERS, "repeated") == b"5"
    assert client.xlen(scripts.STREAM) == 0
    assert client.xpending(scripts.STREAM, scripts.GROUP)["pending"] == 0


def test_what_another_has_read_and_not_counted_is_taken_over(
    streams: RedisStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces, from where the last call has ended."""
    monkeypatch.setattr(redis_streams, "_IDLE", 0)
    monkeypatch.setattr(redis_streams, "_AT_ONCE", 2)
    publish(streams, 1, 3)
    read = [entry.id_ for _ in range(2) for entry in streams.read("dead", 0.01)]
    cursor, first = streams.claim("alive", "0")
    end, rest = streams.claim("alive", cursor)
    assert [entry.id_ for entry in (*first, *rest)] == read
    assert (len(first), end) == (2, "0-0")


def test_the_newest_alert_is_that_of_the_newest_entry(streams: RedisStreams) -> None:
    """In whatever order they are counted; hosts' clocks have no say."""
    publish(streams, 1, 3)
    first, second, third = (entry.id_ for entry in streams.read("a", 0.01))
    streams.count([counted(second, alert="second")], 60)
    streams.count([counted(third, alert="third"), counted(first, alert="first")], 60)
    (fields,) = streams.changed(0).incidents.values()
    assert (fields['a["shop.db", 40]'], fields['i["shop.db", 40]'], fields["opening"]) == ("third", third, second)
    assert fields["first"] == first.partition("-")[0]
    assert fields["last"] == third.partition("-")[0]


def test_every_key_of_an_incident_goes_by_itself(streams: RedisStreams, redis_server: RedisServer) -> None:
    """Also when no relay runs that ends it."""
    publish(streams, 1)
    streams.count([counted(entry.id_) for entry in streams.read("a", 0.01)], 60)
    client = redis_server.client()
    for key in (scripts.OPEN, f"{scripts.INCIDENT}0f:shop"):
        assert 0 < client.ttl(key) <= 60


def test_an_incident_ends_and_its_count_is_listed(streams: RedisStreams, redis_server: RedisServer) -> None:
    """Its keys go; the next record opens another."""
    publish(streams, 1, 2)
    one, two = streams.read("a", 0.01)
    streams.count([counted(one.id_, 2**40, "web-1"), counted(two.id_, 3, "web-2")], 60)
    assert streams.end_incidents(60) == 0
    assert streams.end_incidents(-1) == 1
    (ended,) = streams.ended()
    assert places(json.loads(ended.partition(" ")[2])["fields"]) == {
        ("shop.db", "web-1", 40): 2**40,
        ("shop.db", "web-2", 40): 3,
    }
    assert one.id_ in ended
    assert not streams.changed(0).incidents
    assert streams.changed(0).newest_end == int(ended.partition(" ")[0])
    client = redis_server.client()
    assert not client.exists(f"{scripts.INCIDENT}0f:shop")
    assert 0 < client.ttl(scripts.ENDED) <= 86_400
    publish(streams, 2)
    (three,) = streams.read("a", 0.01)
    streams.count([counted(three.id_)], 60)
    assert streams.changed(0).incidents["0f:shop"]["opening"] == three.id_


def test_the_places_of_an_incident_have_a_bound(streams: RedisStreams, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes beyond is counted without its machine; nothing is counted twice, or not at all."""
    monkeypatch.setattr(scripts, "MAX_PLACES", 8)  # fields in all
    publish(streams, 1, 20)
    for number, entry in enumerate(streams.read("a", 0.01)):
        streams.count([counted(entry.id_, machine=f"web-{number % 10}")], 60)
    found = places(streams.changed(0).incidents["0f:shop"])
    assert found == {**{("shop.db", f"web-{number}", 40): 2 for number in range(2)}, ("shop.db", "", 40): 16}


def test_the_alerts_of_an_incident_have_a_bound(streams: RedisStreams, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes beyond is counted without its logger, by one of six levels, and has an alert in common."""
    monkeypatch.setattr(scripts, "MAX_SLOTS", 2)
    publish(streams, 1, 6)
    kinds = [("a", 40), ("b", 43), ("c", 43), ("d", 44), ("a", 40), ("e", 2**53 - 1)]
    for (logger, level), entry in zip(kinds, streams.read("a", 0.01), strict=True):
        streams.count([counted(entry.id_, alert=f"of {logger}", logger=logger, level=level)], 60)
    fields = streams.changed(0).incidents["0f:shop"]
    assert places(fields) == {
        ("a", "web-1", 40): 2, ("b", "web-1", 43): 1, ("", "web-1", 40): 2, ("", "web-1", 50): 1,
    }  # fmt: skip
    assert {name: text for name, text in fields.items() if name[:1] == "a"} == {
        'a["a", 40]': "of a", 'a["b", 43]': "of b", 'a["",40]': "of d", 'a["",50]': "of e",
    }  # fmt: skip


def test_what_a_relay_before_levels_counts_has_the_same_bounds(
    streams: RedisStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its places have no level, its slots are loggers; while both releases run, nothing is lost."""
    monkeypatch.setattr(scripts, "MAX_SLOTS", 1)
    monkeypatch.setattr(scripts, "MAX_ENDED_PLACES", 1)
    publish(streams, 1, 3)
    one, two, three = streams.read("a", 0.01)
    streams.count([counted(one.id_)], 60)
    for entry, machine in ((two, "web-2"), (three, "web-3")):
        streams.count([Counted(entry.id_, "0f:shop", 1, json.dumps(["shop.db", machine]), "shop.db", "{}")], 60)
    assert places(streams.changed(0).incidents["0f:shop"]) == {
        ("shop.db", "web-1", 40): 1, ("", "web-2", 0): 1, ("", "web-3", 0): 1,
    }  # fmt: skip
    streams.end_incidents(-1)
    found = places(json.loads(streams.ended()[0].partition(" ")[2])["fields"])
    assert sum(found.values()) == 3


def test_of_an_incident_that_has_ended_the_places_have_a_bound(
    streams: RedisStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of them would grow with the fleet; the sum stays exact."""
    monkeypatch.setattr(scripts, "MAX_ENDED_PLACES", 3)
    publish(streams, 1, 9)
    for number, entry in enumerate(streams.read("a", 0.01)):
        streams.count([counted(entry.id_, 2, machine=f"web-{number}")], 60)
    streams.end_incidents(-1)
    found = places(json.loads(streams.ended()[0].partition(" ")[2])["fields"])
    assert (len(found), sum(found.values()), found["shop.db", "", 40]) == (4, 18, 12)


def test_no_two_ends_have_one_time(streams: RedisStreams, redis_server: RedisServer) -> None:
    """Also when Redis's clock steps back: by the time a desktop knows what is new to it."""
    redis_server.client().lpush(scripts.ENDED, "99999999999999 {}")
    publish(streams, 1)
    streams.count([counted(entry.id_) for entry in streams.read("a", 0.01)], 60)
    streams.end_incidents(-1)
    assert streams.changed(0).newest_end == 100_000_000_000_000


def test_the_list_of_ended_incidents_has_a_bound(streams: RedisStreams, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stay."""
    monkeypatch.setattr(scripts, "MAX_LISTED", 2)
    for number in range(1, 4):
        publish(streams, number)
        (entry,) = streams.read("a", 0.01)
        streams.count([counted(entry.id_)._replace(member=f"{number}:shop")], 60)
        assert streams.end_incidents(-1) == 1
    assert ['"3:shop"' in text for text in streams.ended()] == [True, False]
    assert '"2:shop"' in streams.ended()[1]


def test_what_is_set_aside_has_a_bound_too(
    streams: RedisStreams, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is counted once."""
    monkeypatch.setattr(scripts, "MAX_LISTED", 2)
    publish(streams, 1, 3)
    for number, entry in enumerate(streams.read("a", 0.01)):
        for _ in range(2):
            streams.set_aside(entry.id_, b"%d" % number)
    client = redis_server.client()
    assert client.lrange(scripts.ASIDE, 0, -1) == [b"2", b"1"]
    assert client.hget(scripts.COUNTERS, "aside") == b"3"
    assert client.xlen(scripts.STREAM) == 0


def test_a_lease_is_renewed_by_its_holder_alone(streams: RedisStreams) -> None:
    """And has a number of its own each time that it is taken."""
    lease, is_new = streams.hold("desk", "a", "", 60)
    assert is_new
    assert streams.hold("desk", "a", lease, 60) == (lease, False)
    assert streams.hold("desk", "b", "", 60) == ("", False)
    assert streams.hold("desk", "a", "", 60) == ("", False)  # who does not know its lease has none
    streams.release("desk", "another")
    assert streams.hold("desk", "b", "", 60) == ("", False)
    streams.release("desk", lease)
    assert streams.hold("desk", "b", lease, 60) == ("b:2", True)


def test_only_the_holder_writes(streams: RedisStreams) -> None:
    """Who was stopped for longer than its lease has nothing to say."""
    lease, _ = streams.hold("desk", "a", "", 60)
    assert streams.note("desk", lease, {"x": "1", "y": "2"})
    assert streams.note("desk", lease, {"x": "3"}, ["y", "z"])
    streams.release("desk", lease)
    other, _ = streams.hold("desk", "b", "", 60)
    assert not streams.note("desk", lease, {"x": "4"})
    assert streams.reported("desk") == {"x": "3"}
    assert streams.note("desk", other, {"x": "5"})


def test_consumers_with_entries_in_hand_are_kept(
    streams: RedisStreams, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With them the entries would be lost."""
    monkeypatch.setattr(scripts, "DAY", -1)
    publish(streams, 1)
    streams.read("holds", 0.01)
    streams.read("idle", 0.01)
    streams.forget_consumers()
    names = [consumer["name"] for consumer in redis_server.client().xinfo_consumers(scripts.STREAM, scripts.GROUP)]
    assert names == [b"holds"]


def test_a_redis_without_its_data_says_so(streams: RedisStreams, redis_server: RedisServer) -> None:
    """And the group can be made again; what was published since is read."""
    redis_server.client().flushall()
    publish(streams, 1)
    with pytest.raises(StreamIsGoneError):
        streams.read("a", 0.01)
    with pytest.raises(StreamIsGoneError):
        streams.claim("a", "0")
    assert streams.make_group()
    assert not streams.make_group()
    assert len(streams.read("a", 0.01)) == 1


def test_an_old_redis_is_refused() -> None:
    """Before 7, entries that were deleted stay pending for ever."""

    def serve(sock: socket.socket, _number: int) -> None:
        sock.recv(4096)
        sock.sendall(b"%2\r\n$7\r\nversion\r\n$5\r\n6.2.7\r\n$5\r\nproto\r\n:3\r\n")
        sock.recv(4096)

    with ScriptedServer(serve) as server:
        streams = RedisStreams(f"redis://127.0.0.1:{server.port}/0", 5)
        with pytest.raises(BrokerError, match=r"this is Redis 6\.2\.7; version 7 or later is needed"):
            publish(streams, 1)
        streams.close()


def test_a_connection_that_redis_has_closed_is_made_anew(streams: RedisStreams, redis_server: RedisServer) -> None:
    """It closes idle ones, where its ``timeout`` says so: nothing is reported, and nothing waits."""
    publish(streams, 1)
    redis_server.client().client_kill_filter(skipme=True, _type="normal")
    publish(streams, 2)
    assert redis_server.client().xlen(scripts.STREAM) == 2


def test_a_cluster_is_refused(tmp_path: Path) -> None:
    """In words: what Redis says is a number and an address."""
    with running_redis(tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        streams = server.streams()
        with pytest.raises(BrokerError, match="this is a node of a Redis Cluster, which is not supported"):
            publish(streams, 1)
        streams.close()


@pytest.mark.parametrize(
    ("error", "said"),
    [("READONLY You can't write against a read only replica.", "read only"), ("MOVED 1 10.0.0.1:6379", "Cluster")],
)
def test_an_address_that_leads_elsewhere_is_asked_again(redis_server: RedisServer, error: str, said: str) -> None:
    """After a fail-over: the connection to the old master, a replica by now, would last for ever."""

    def serve(sock: socket.socket, number: int) -> None:
        if number:
            hand_on(sock, redis_server.port)
            return
        sock.recv(4096)
        sock.sendall(b"%2\r\n$7\r\nversion\r\n$5\r\n7.0.1\r\n$5\r\nproto\r\n:3\r\n")
        while sock.recv(4096):
            sock.sendall(f"-{error}\r\n".encode())

    with ScriptedServer(serve) as server:
        streams = RedisStreams(f"redis://127.0.0.1:{server.port}/0", 5)
        with pytest.raises(BrokerError, match=said):
            publish(streams, 1)
        publish(streams, 1)
        streams.close()
    assert redis_server.client().xlen(scripts.STREAM) == 1


def test_a_call_ends_with_its_deadline() -> None:
    """A broker that hangs costs no more time than there is."""
    with ScriptedServer(lambda sock, _: sock.recv(1) and sock.recv(4096) and sock.recv(1)) as server:  # type: ignore[arg-type]  # what it returns is not looked at
        streams = RedisStreams(f"redis://127.0.0.1:{server.port}/0", 0.05)
        with pytest.raises(BrokerError, match=r"[Tt]imeout"):
            publish(streams, 1)
        with pytest.raises(BrokerError, match="no time is left"):
            streams.publish("p", 1, [ENTRY], 0.0)
        streams.close()


def test_the_label_shows_no_password() -> None:
    """Lines on stderr name the broker."""
    assert RedisStreams("rediss://u:secret@db.example:7000/2", 1).label == "rediss://db.example:7000/2"


def test_who_says_no_quiet_takes_that_of_the_relays(streams: RedisStreams, redis_server: RedisServer) -> None:
    """The one that was said last; before, five minutes."""

    def count() -> None:
        publish(streams, next(_numbers), 1, "quiet")
        (entry,) = streams.read("a", 0.01)
        streams.count([counted(entry.id_)], 60)

    count()
    assert streams.end_incidents(None) == 0
    assert streams.changed(0).quiet == 0
    assert streams.end_incidents(0.001) in {0, 1}
    assert streams.changed(0).quiet == 0.001
    count()
    redis_server.client().set(scripts.QUIET, -1000)
    assert streams.end_incidents(None) == 1
    assert streams.end_incidents(3600.0) == 0
    count()
    assert streams.end_incidents(None) == 0
    assert streams.changed(0).quiet == 3600.0
    assert redis_server.client().get(scripts.QUIET) == b"3600000"


_numbers = iter(range(1, 10**6))
