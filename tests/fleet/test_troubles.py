"""A fleet is never the reason for an outage: whatever the broker does, programs log on, and nothing is miscounted."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.delivery.digest import Tally
from gntp_logging.delivery.transport import OutgoingAlert, SendStatus
from gntp_logging.fleet import redis_streams, scripts
from gntp_logging.fleet.incidents import from_fields
from gntp_logging.fleet.publisher import Publisher
from gntp_logging.fleet.redis_streams import BrokerError
from gntp_logging.fleet.relay import Relay, RelaySettings
from gntp_logging.fleet.wire import Report, encode
from tests.delivery.test_spool_processes import wait_for_rows
from tests.fleet.servers import CuttingProxy, RedisServer, SlowProxy, StartRelay, counted, running_redis, wait_for_count
from tests.support import (
    PATIENCE,
    Gate,
    RunningReceiver,
    ScriptedServer,
    free_port,
    make_alert,
    run_program,
    wait_until,
)

MakeHandler = Callable[..., GNTPHandler]


@pytest.fixture
def publish_to(logger: logging.Logger) -> Iterator[MakeHandler]:
    """Gives the test's logger a handler that publishes."""
    made: list[GNTPHandler] = []

    def make(url: str, **options: object) -> GNTPHandler:
        chosen = {"timeout": 0.5, "shutdown_timeout": 0.5, "app_name": "shop", **options}
        made.append(GNTPHandler(broker=url, **chosen))  # type: ignore[arg-type]  # each has its own type
        logger.handlers[:] = made
        return made[-1]

    yield make
    for handler in made:
        handler._worker.shutdown_timeout = 0.0
        handler.close()


class Trouble(NamedTuple):
    """What happens to a broker, and how it ends."""

    begin: Callable[[RedisServer], object]
    end: Callable[[RedisServer], object]


TROUBLES = {
    "down": Trouble(RedisServer.kill, RedisServer.start),
    "is loading": Trouble(RedisServer.load_again, RedisServer.wait),
    "hangs": Trouble(RedisServer.freeze, RedisServer.thaw),
    "out of memory": Trouble(
        lambda server: server.client().config_set("maxmemory", 1),
        lambda server: server.client().config_set("maxmemory", 0),
    ),
    "a read-only replica": Trouble(
        lambda server: server.client().replicaof("127.0.0.1", free_port()),
        lambda server: server.client().replicaof("NO", "ONE"),
    ),
    "wants a password": Trouble(
        lambda server: [
            server.client().config_set("requirepass", "x"),
            server.client("x").client_kill_filter(skipme=True, _type="normal"),
        ],
        lambda server: server.client("x").config_set("requirepass", ""),
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_broker_in_trouble(
    name: str,
    redis_server: RedisServer,
    publish_to: MakeHandler,
    logger: logging.Logger,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line says so; what is logged meanwhile waits, and each record counts once when it is over."""
    handler = publish_to(redis_server.url)
    logger.error("before")
    assert handler.flush(PATIENCE)
    TROUBLES[name].begin(redis_server)
    for _ in range(3):
        logger.error("meanwhile")
    for _ in range(3):
        assert not handler.flush(0.2)
    stats = handler.stats()
    assert (stats.accepted, stats.published, stats.queued, stats.state) == (4, 1, 3, "retrying")
    assert not stats.dropped
    TROUBLES[name].end(redis_server)
    logger.error("after")
    wait_until(lambda: handler.flush(1.0))
    assert handler.stats().published == redis_server.published() == 5
    lines = capsys.readouterr().err.splitlines()
    assert ["cannot show" in line or "shows alerts again" in line for line in lines] == [True, True], lines


SAYS = {
    "a node of a cluster": b"-MOVED 3999 10.0.0.1:6379\r\n",
    "version 6": b"%2\r\n$7\r\nversion\r\n$5\r\n6.2.7\r\n$5\r\nproto\r\n:3\r\n",
    "no Redis at all": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", SAYS)
def test_what_answers_is_of_no_use(
    name: str, publish_to: MakeHandler, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program logs on, what is logged waits, and one line says what is wrong."""

    def serve(sock: socket.socket, _number: int) -> None:
        sock.recv(4096)
        sock.sendall(SAYS[name])

    with ScriptedServer(serve) as server:
        handler = publish_to(f"redis://127.0.0.1:{server.port}/0")
        for _ in range(3):
            logger.error("no")
            handler.flush(0.2)
    stats = handler.stats()
    assert (stats.queued, stats.dropped) == (3, {})
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_full_stream(
    redis_server: RedisServer,
    publish_to: MakeHandler,
    logger: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What no relay counts is kept by the hosts, as one number for each incident."""
    monkeypatch.setattr(redis_streams, "MAX_ENTRIES", 1)
    handler = publish_to(redis_server.url)
    logger.error("no")
    assert handler.flush(PATIENCE)
    for _ in range(1000):
        logger.error("no")
    assert not handler.flush(0.2)
    assert "is a relay running?" in capsys.readouterr().err
    redis_server.client().xtrim(scripts.STREAM, 0)
    monkeypatch.setattr(redis_streams, "MAX_ENTRIES", 10)
    wait_until(lambda: handler.flush(1.0))
    assert handler.stats().published == 1001
    assert redis_server.client().xlen(scripts.STREAM) <= 2


@pytest.mark.parametrize("name", ["down", "out of memory", "a read-only replica", "wants a password", "full"])
def test_what_a_broker_has_refused_is_one_number(
    name: str,
    redis_server: RedisServer,
    publish_to: MakeHandler,
    logger: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With what has come since, however often it was refused."""
    full = Trouble(
        lambda _: monkeypatch.setattr(redis_streams, "MAX_ENTRIES", 1), lambda _: monkeypatch.undo()
    )  # fmt: skip
    trouble = TROUBLES.get(name, full)
    handler = publish_to(redis_server.url)
    logger.error("no")
    assert handler.flush(PATIENCE)
    trouble.begin(redis_server)
    for _ in range(3):
        logger.error("no")
        assert not handler.flush(0.2)
    trouble.end(redis_server)
    logger.error("no")
    wait_until(lambda: handler.flush(1.0))
    entries = redis_server.client().xrange(scripts.STREAM)
    assert [json.loads(fields[b"d"])["count"] for _, fields in entries] == [1, 4]


def test_a_connection_that_is_closed_while_it_is_read(redis_server: RedisServer) -> None:
    """By a close of the handler, on another thread: a failure as others are."""
    streams = redis_server.streams()
    streams.publish("p", 1, [GOOD], math.inf)
    redis_server.freeze()
    failures: list[BaseException] = []

    def publish() -> None:
        try:
            streams.publish("p", 2, [GOOD], math.inf)
        except Exception as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    thread = threading.Thread(target=publish)
    thread.start()
    wait_until(lambda: _waits_for_an_answer(thread))
    streams.close()
    redis_server.thaw()
    thread.join(PATIENCE)
    (failure,) = failures
    assert isinstance(failure, BrokerError)
    assert failure.may_have_been_done


def _waits_for_an_answer(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and frame.f_code.co_name != "read_response":
        frame = frame.f_back
    return frame is not None


def test_an_answer_that_is_lost_counts_nothing_twice(
    redis_server: RedisServer, publish_to: MakeHandler, logger: logging.Logger
) -> None:
    """The batch was added, and the host does not know: it is sent again, and ignored."""
    with CuttingProxy(redis_server.port, 3) as proxy:
        handler = publish_to(proxy.url)
        for _ in range(5):
            logger.error("no")
            handler.flush(0.2)
        wait_until(lambda: handler.flush(1.0))
        assert proxy.cuts == 0
        assert handler.stats().published == redis_server.published() == 5


def test_a_broker_that_answers_later_than_anybody_waits(
    redis_server: RedisServer, publish_to: MakeHandler, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes each batch, and nobody knows: the batch is sent again and again, and counts once."""
    with SlowProxy(redis_server.port, PATIENCE) as proxy:
        handler = publish_to(proxy.url, timeout=0.2)
        for _ in range(4):
            logger.error("no")
            assert not handler.flush(0.3)
        assert handler.stats().queued == 4
        assert len(capsys.readouterr().err.splitlines()) == 1
        proxy.quick.set()
        wait_until(lambda: handler.flush(1.0))
        assert handler.stats().published == redis_server.published() == 4


def test_a_broker_that_answers_late_but_in_time(
    redis_server: RedisServer, publish_to: MakeHandler, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is reported; what is logged meanwhile is one number."""
    with SlowProxy(redis_server.port, 0.1) as proxy:
        handler = publish_to(proxy.url, timeout=PATIENCE, shutdown_timeout=PATIENCE)
        for _ in range(1000):
            logger.error("no")
        assert handler.flush(PATIENCE)
    assert handler.stats().published == redis_server.published() == 1000
    assert redis_server.client().xlen(scripts.STREAM) < 100
    assert capsys.readouterr().err == ""


def test_a_wrong_password_is_reported_and_not_shown(
    tmp_path: Path, publish_to: MakeHandler, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is logged waits until somebody mends it."""
    with running_redis(tmp_path) as server:
        server.client().config_set("requirepass", "right")
        handler = publish_to(server.url.replace("redis://", "redis://:hunter2@"))
        for _ in range(3):
            logger.error("no")
            handler.flush(0.2)
        assert handler.stats().queued == 3
        (line,) = capsys.readouterr().err.splitlines()
        assert "invalid username-password pair" in line
        assert "hunter2" not in line
        server.client("right").config_set("requirepass", "hunter2")
        wait_until(lambda: handler.flush(1.0))
        assert handler.stats().published == 3


def test_a_connection_that_was_idle_for_too_long(
    redis_server: RedisServer, publish_to: MakeHandler, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Redis closes it, where its ``timeout`` says so: the next alert goes at once, and nothing is reported."""
    handler = publish_to(redis_server.url)
    for _ in range(2):
        logger.error("no")
        assert handler.flush(PATIENCE)
        redis_server.client().client_kill_filter(skipme=True, _type="normal")
    assert capsys.readouterr().err == ""


def test_what_a_killed_host_has_not_published_its_next_run_does(redis_server: RedisServer, tmp_path: Path) -> None:
    """With a spool. Of the batch that was on its way nobody knows: it counts once."""
    code = """
        import logging, sys
        from gntp_logging import GNTPHandler
        handler = GNTPHandler(broker=sys.argv[1], spool=sys.argv[2], app_name="shop", timeout=600)
        logging.getLogger().addHandler(handler)
        for line in sys.stdin:
            for _ in range(int(line)):
                logging.error("no")
            print(handler.flush(5 if line == "100\\n" else 0.1), flush=True)
    """
    spool = tmp_path / "shop.spool"
    command = [sys.executable, "-c", textwrap.dedent(code), redis_server.url, str(spool)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        said = []
        for records in (100, 50, 7):
            host.stdin.write(f"{records}\n")
            host.stdin.flush()
            said.append(host.stdout.readline())
            redis_server.freeze()
        wait_for_rows(spool, 57)
        host.kill()
    redis_server.thaw()
    assert said == ["True\n", "False\n", "False\n"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as after:
        said = list(after.communicate("1\n", PATIENCE))
    assert redis_server.published() == 158


def test_what_was_published_just_before_a_crash_counts_once(redis_server: RedisServer, tmp_path: Path) -> None:
    """Though the spool had no time to hear of it, and the next run sends it again."""
    code = """
        import logging, os, sys
        from gntp_logging import GNTPHandler
        handler = GNTPHandler(broker=sys.argv[1], spool=sys.argv[2], app_name="shop", timeout=0.2)
        logging.getLogger().addHandler(handler)
        for line in sys.stdin:
            logging.error("no")
            logging.error("neither")
            if handler.flush(0.1) and line.strip() == "last":
                os.kill(os.getpid(), 9)
            print(flush=True)
    """
    spool = tmp_path / "shop.spool"
    command = [sys.executable, "-c", textwrap.dedent(code), redis_server.url, str(spool)]
    redis_server.freeze()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        for _ in range(5):
            host.stdin.write("more\n")
            host.stdin.flush()
            host.stdout.readline()
        wait_for_rows(spool, 10)
        redis_server.thaw()
        logged, said = 10, "\n"
        while said:  # nothing when it has ended
            host.stdin.write("last\n")
            host.stdin.flush()
            said = host.stdout.readline()
            logged += 2
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as after:
        after.communicate("more\nmore\nmore\n", PATIENCE)
    assert redis_server.published() == logged + 6


def test_a_host_that_is_killed_has_published_what_it_knows_to_be(redis_server: RedisServer) -> None:
    """All of that counts, and nothing twice."""
    code = """
        import logging, sys
        from gntp_logging import GNTPHandler
        handler = GNTPHandler(broker=sys.argv[1], app_name="shop")
        logging.getLogger().addHandler(handler)
        while True:
            logging.error("no")
            print(handler.stats().published, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), redis_server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as host:
        assert host.stdout is not None
        said = [0]
        while said[-1] < 1000:
            said.append(int(host.stdout.readline()))
        host.kill()
        said += [int(line) for line in host.stdout]
    assert said[-1] <= redis_server.published() <= len(said)


def test_a_program_ends_in_time_while_the_broker_hangs(redis_server: RedisServer) -> None:
    """However long one exchange may take."""
    code = """
        import logging, sys
        from gntp_logging import GNTPHandler
        logging.getLogger().addHandler(GNTPHandler(broker=sys.argv[1], timeout=600, shutdown_timeout=0.5))
        for _ in range(3):
            logging.error("no")
        print("logged on")
    """
    redis_server.freeze()
    program = run_program(code, redis_server.url)
    redis_server.thaw()
    assert (program.returncode, program.stdout) == (0, "logged on\n")
    assert "3 alerts not delivered" in program.stderr


def test_a_spool_keeps_what_could_not_be_published(redis_server: RedisServer, tmp_path: Path) -> None:
    """A batch that is taken when the program has ended, and what came after it: each record counts once."""
    code = """
        import logging, sys
        from gntp_logging import GNTPHandler
        url, spool, count = sys.argv[1:]
        handler = GNTPHandler(broker=url, spool=spool, app_name="shop", timeout=0.2, shutdown_timeout=2)
        logging.getLogger().addHandler(handler)
        for number in range(int(count)):
            logging.error("no")
            handler.flush(0.1)
        handler.flush(5)
        handler.close()
        stats = handler.stats()
        print(stats.accepted, stats.published, stats.spooled, stats.restored)
    """
    spool = tmp_path / "shop.spool"
    redis_server.freeze()
    assert run_program(code, redis_server.url, spool, 3).stdout == "3 0 3 0\n"
    redis_server.thaw()
    assert run_program(code, redis_server.url, spool, 1).stdout == "4 4 0 3\n"
    assert redis_server.published() == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_fork_is_a_producer_of_its_own(
    redis_server: RedisServer, publish_to: MakeHandler, logger: logging.Logger
) -> None:
    """Numbers of its batches do not collide with its parent's, nor do answers."""
    handler = publish_to(redis_server.url, shutdown_timeout=PATIENCE)
    logger.error("parent")
    assert handler.flush(PATIENCE)
    child = os.fork()
    if not child:
        logger.error("child")
        os._exit(0 if handler.flush(PATIENCE) and handler.stats().published == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    logger.error("parent")
    assert handler.flush(PATIENCE)
    assert redis_server.published() == 3
    assert len(redis_server.client().keys(f"{scripts.PRODUCER}*")) == 2


# -- Relays --------------------------------------------------------------------------------------------


@pytest.fixture
def relay(redis_server: RedisServer) -> Iterator[Relay]:
    """A relay that counts, step by step, and shows nowhere."""
    made = Relay(RelaySettings(redis_server.url, PATIENCE, (), 300.0, ()), print)
    yield made
    made._streams.close()


GOOD = encode(Report.of("shop", "web-1", 2, make_alert("no", fingerprint="no")), None)

POISON: dict[str, dict[bytes, bytes]] = {
    "bad JSON": {b"d": b"{", b"s": b""},
    "no UTF-8": {b"d": b"\xff\xfe", b"s": b"\xff"},
    "version 99": {b"d": b'{"v":99}', b"s": b""},
    "1 MiB": {b"d": b"x" * 2**20, b"s": b""},
    "nested": {b"d": b"[" * 16_000, b"s": b""},
    "missing fields": {b"d": b'{"v":1}', b"s": b""},
    "other fields": {b"x": b"y"},
    "a count of zero": {b"d": GOOD[b"d"].replace(b'"count":2', b'"count":0'), b"s": b""},
    "no name": {b"d": GOOD[b"d"].replace(b'"app":"shop"', b'"app":" "'), b"s": b""},
    "no title": {b"d": GOOD[b"d"].replace(b'"title":"title"', b'"title":""'), b"s": b""},
    "no event": {b"d": GOOD[b"d"].replace(b'"event":"Error"', b'"event":" "'), b"s": b""},
    "a count beyond all": {b"d": GOOD[b"d"].replace(b'"count":2', b'"count":99999999999999999999'), b"s": b""},
}


@pytest.mark.parametrize("name", POISON)
def test_poison_is_set_aside(name: str, redis_server: RedisServer, relay: Relay) -> None:
    """And what stands around it is counted, in the same step."""
    client = redis_server.client()
    for fields in (GOOD, POISON[name], GOOD):
        client.xadd(scripts.STREAM, fields)
    relay.step()
    assert counted(redis_server) == {"web-1": 4}
    (kept,) = client.lrange(scripts.ASIDE, 0, -1)
    assert len(kept) <= 1024
    assert client.hgetall(scripts.COUNTERS) == {b"counted": b"4", b"aside": b"1"}
    assert client.xlen(scripts.STREAM) == client.xpending(scripts.STREAM, scripts.GROUP)["pending"] == 0


@pytest.mark.parametrize("proxy_of", [lambda port: CuttingProxy(port, 5), lambda port: SlowProxy(port, PATIENCE)])
def test_a_relay_whose_answers_are_lost_counts_each_entry_once(
    proxy_of: Callable[[int], CuttingProxy | SlowProxy], redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has counted, or handed out, and the relay does not know."""
    monkeypatch.setattr(redis_streams, "_IDLE", 0)
    streams = redis_server.streams()
    failures = 0
    with proxy_of(redis_server.port) as proxy:
        relay = Relay(RelaySettings(proxy.url, 0.3, (), 300.0, ()), print)
        for number in range(1, 5):
            streams.publish("p", number, [GOOD], math.inf)
            try:
                relay.step()
            except BrokerError:
                failures += 1
        if isinstance(proxy, SlowProxy):
            proxy.quick.set()
        while counted(redis_server) != {"web-1": 8} or redis_server.client().xlen(scripts.STREAM):
            with contextlib.suppress(BrokerError):
                relay.step()
            relay._tasks[0].due = 0.0  # it looks at once for what was left
        relay._streams.close()
    streams.close()
    assert failures
    assert redis_server.client().hget(scripts.COUNTERS, "counted") == b"8"


ODD: dict[str, object] = {
    "title": "a\r\n-OK b",
    "text": "\x00\x01\udc80",
    "level": 2**60,
    "event": "x\r\nData-Count: 7",
    "context": [["", ""], ["a\r\nb", "c\r\n"]],
    "url": "\r\n",
    "logger": "l\x00\ud800",
    "created": 1e300,
    "icon": {"base64": "AAAA"},
    "level_name": "",
    "app": "a\r\nb: c",
    "machine": "m\r\n",
    "count": 10**9,
}


@pytest.mark.program
def test_whatever_may_be_counted_can_be_shown(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """Or one entry would keep a desktop from all others."""
    entries = []
    for number, (name, value) in enumerate(ODD.items()):
        said = json.loads(GOOD[b"d"])
        (said if name in ("app", "machine", "count") else said["alert"])[name] = value
        entries.append({b"d": json.dumps({**said, "incident": f"{number:016x}"}).encode(), b"s": b""})
    relay = start_relay(redis_server.url, {"desk": receiver.port})
    streams = redis_server.streams()
    streams.publish("p", 1, entries, math.inf)
    assert {toast.incident for toast in receiver.wait_for(len(ODD))} == {f"{n:016x}" for n in range(len(ODD))}
    streams.close()
    assert len(relay.output.splitlines()) == 1
    assert redis_server.client().hgetall(scripts.COUNTERS).keys() == {b"counted"}


def test_what_is_not_signed_is_set_aside(redis_server: RedisServer) -> None:
    """Where the fleet has a key."""
    key = b"k" * 32
    relay = Relay(RelaySettings(redis_server.url, PATIENCE, (key,), 300.0, ()), print)
    client = redis_server.client()
    client.xadd(scripts.STREAM, GOOD)
    client.xadd(scripts.STREAM, encode(Report.of("shop", "web-2", 3, make_alert()), key))
    relay.step()
    relay._streams.close()
    assert counted(redis_server) == {"web-2": 3}
    assert b"not signed" in client.lindex(scripts.ASIDE, 0)


def test_a_key_is_changed_without_loss(redis_server: RedisServer) -> None:
    """Step by step, as the documents say; a batch that was on its way meanwhile counts once, signed anew."""
    old, new = b"o" * 32, b"n" * 32
    hosts_and_relays = [(old, (old,)), (old, (old, new)), (new, (old, new)), (new, (new, old)), (new, (new,))]
    streams = redis_server.streams()
    for number, (signs, accepted) in enumerate(hosts_and_relays, 1):
        relay = Relay(RelaySettings(redis_server.url, PATIENCE, accepted, 300.0, ()), print)
        report = Report.of("shop", "web-1", 10**number, make_alert("no", fingerprint="no"))
        streams.publish("p", number, [encode(report, signs)], math.inf)
        streams.publish("p", number, [encode(report, new)], math.inf)  # its answer was lost
        relay.step()
        relay._streams.close()
    streams.close()
    assert counted(redis_server) == {"web-1": 111_110}
    assert not redis_server.client().exists(scripts.ASIDE)


def test_clocks_of_hosts_change_no_order(redis_server: RedisServer, relay: Relay) -> None:
    """An hour fast, an hour slow: what counts is when an entry came."""
    for number, created in enumerate((3600.0, -3600.0, 0.0)):
        alert = make_alert(f"text {number}", fingerprint="no", created=1e9 + created)
        redis_server.streams().publish(f"p{number}", 1, [encode(Report.of("shop", "m", 1, alert), None)], math.inf)
    relay.step()
    ((member, fields),) = relay._streams.changed(0).incidents.items()
    incident = from_fields(member, fields)
    assert incident is not None
    assert (incident.alert.text, incident.count) == ("text 2", 3)
    assert incident.last - incident.first < PATIENCE


def test_times_are_those_of_the_records_after_an_outage(redis_server: RedisServer, relay: Relay) -> None:
    """By the broker's clock, however wrong the host's is: what travels is how long ago it was."""
    before = time.time()
    publisher = Publisher(redis_server.url, PATIENCE, "shop")
    tally = Tally(make_alert("no", fingerprint="no"), 9, before - 7200, before - 3600)
    (result,) = publisher.send([OutgoingAlert(tally.newest, "p-1", "p-1", tallies=[tally])], math.inf)
    publisher.close()
    assert result.status is SendStatus.SHOWN
    relay.step()
    changes = relay._streams.changed(0)
    ((member, fields),) = changes.incidents.items()
    incident = from_fields(member, fields)
    assert incident is not None
    assert incident.count == 9
    assert 0 <= changes.now / 1000 - 7200 - incident.first + 1 < PATIENCE
    assert incident.last - incident.first == pytest.approx(3600, abs=0.1)


def test_nothing_ends_the_counting(
    redis_server: RedisServer, relay: Relay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even a mistake of ours: one line says so."""
    step, calls = relay.step, iter([True, True])

    def failing() -> None:
        if next(calls, False):
            raise ZeroDivisionError("no")
        step()

    monkeypatch.setattr(relay, "step", failing)
    redis_server.client().xadd(scripts.STREAM, GOOD)
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: counted(redis_server) == {"web-1": 2})
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert capsys.readouterr().out.count("ZeroDivisionError: no") == 1


@pytest.mark.program
def test_a_redis_that_loses_its_data(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """Counts begin anew, with one line; a desktop's does not fall: this is another opening of the incident."""
    relay = start_relay(redis_server.url, {"desk": receiver.port})
    streams = redis_server.streams()
    streams.publish("p", 1, [GOOD], math.inf)
    (before,) = receiver.wait_for(1)
    redis_server.client().flushall()
    streams.publish("p", 1, [GOOD, GOOD], math.inf)
    after = wait_for_count(receiver, 4)[-1]
    streams.close()
    assert (before.total, after.total) == (2, 2 + 4)
    relay.wait_for("has lost its data: counts begin anew")
    assert relay.output.count("has lost its data") == 1


@pytest.mark.program
def test_a_relay_waits_for_its_broker(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """One line when it is away, one when it is back; and SIGTERM ends it meanwhile."""
    redis_server.kill()
    relay = start_relay(redis_server.url, {"desk": receiver.port}, wait=False)
    relay.wait_for("cannot count from")
    redis_server.start()
    redis_server.streams().publish("p", 1, [GOOD], math.inf)
    assert receiver.wait_for(1)
    relay.wait_for(": counts from")
    redis_server.kill()
    wait_until(lambda: relay.output.count("cannot count from") == 2)
    assert relay.stop() == 0
    assert len(relay.output.splitlines()) == 3


@pytest.mark.program
@pytest.mark.slow
@pytest.mark.parametrize("name", ["down", "is loading", "hangs", "a read-only replica", "wants a password"])
def test_a_relay_whose_broker_is_in_trouble(
    name: str, redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """One line says so, one that it is over, and it goes on with the counts that there were."""
    relay = start_relay(redis_server.url, {"desk": receiver.port}, timeout=0.5)
    streams = redis_server.streams()
    streams.publish("p", 1, [GOOD], math.inf)
    wait_for_count(receiver, 2)
    TROUBLES[name].begin(redis_server)
    relay.wait_for("cannot count from")
    TROUBLES[name].end(redis_server)
    wait_until(lambda: relay.output.count(": counts from") == 2, 3 * PATIENCE)
    other = encode(Report.of("shop", "web-1", 1, make_alert("other", fingerprint="other")), None)
    streams.publish("p", 2, [GOOD, other], math.inf)
    wait_until(lambda: any(toast.text.startswith("other") for toast in receiver.toasts), 3 * PATIENCE)
    wait_until(lambda: counted(redis_server) == {"web-1": 5})
    streams.close()
    assert len(relay.output.splitlines()) == 3


@pytest.mark.program
def test_a_redis_that_is_full_is_counted_empty(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """Hosts are refused, relays are not: it is the entries that fill it, and nobody else takes them out."""
    streams = redis_server.streams()
    streams.publish("p", 1, [GOOD, POISON["bad JSON"]], math.inf)
    redis_server.client().config_set("maxmemory", 1)
    relay = start_relay(redis_server.url, {"desk": receiver.port})
    assert receiver.wait_for(1)
    with pytest.raises(BrokerError, match="maxmemory"):
        streams.publish("p", 2, [GOOD], math.inf)
    streams.close()
    assert redis_server.client().xlen(scripts.STREAM) == 0
    assert len(relay.output.splitlines()) == 1


@pytest.mark.program
def test_a_desktop_that_hangs_delays_no_other(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """Each has a thread and a connection of its own."""
    gate = Gate()
    with ScriptedServer(gate) as hanging:
        start_relay(redis_server.url, {"hangs": hanging.port, "desk": receiver.port})
        streams = redis_server.streams()
        streams.publish("p", 1, [GOOD], math.inf)
        assert gate.reached.wait(PATIENCE)
        assert receiver.wait_for(1)
        streams.publish("p", 2, [encode(Report.of("shop", "web-1", 1, make_alert("other")), None)], math.inf)
        assert len(receiver.wait_for(2)) == 2
        streams.close()
        assert not gate.open.is_set()
        gate.open.set()


@pytest.mark.program
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing can be stopped here")
def test_a_holder_of_the_lease_is_stopped_for_longer_than_it_lasts(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """Another goes on; when the first wakes up, no count falls, and nothing is written in the other's place."""
    first = start_relay(redis_server.url, {"desk": receiver.port})
    streams = redis_server.streams()
    streams.publish("p", 1, [GOOD], math.inf)
    assert receiver.wait_for(1)
    first.process.send_signal(signal.SIGSTOP)
    start_relay(redis_server.url, {"desk": receiver.port})
    streams.publish("p", 2, [GOOD], math.inf)
    wait_for_count(receiver, 4)
    first.process.send_signal(signal.SIGCONT)
    many = encode(Report.of("shop", "web-1", 96, make_alert("no", fingerprint="no")), None)
    streams.publish("p", 3, [many], math.inf)
    toasts = wait_for_count(receiver, 100)
    streams.close()
    assert [toast.headers["Data-Count"] for toast in toasts] == ["2", "4", "100"]
    assert redis_server.client().get(f"{scripts.FENCE}desk") == b"2"
