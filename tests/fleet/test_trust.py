"""Who may do what at the broker: users, keys, TLS; and no secret gets there. The users' lines are docs/fleet.md's."""

from __future__ import annotations

import json
import logging
import math
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from gntp_logging import GNTPHandler
from gntp_logging.fleet import scripts
from gntp_logging.fleet.redis_streams import RedisStreams
from gntp_logging.fleet.relay import Relay, RelaySettings
from gntp_logging.fleet.scripts import ASIDE, COUNTERS, ENDED, INCIDENT, OPEN, PRODUCER, PUBLISH, STREAM
from gntp_logging.fleet.wire import Report, encode
from tests.certificates import Issuer
from tests.documents import ROOT, blocks
from tests.fleet.servers import (
    RedisServer,
    StartLaptop,
    StartRelay,
    counted,
    ended,
    relay_toml,
    running_redis,
    start_host,
)
from tests.support import PATIENCE, RunningReceiver, free_port, make_alert, wait_until

USERS: Final = [
    line.split()
    for block in blocks(ROOT / "docs" / "fleet.md")
    for line in block.text.splitlines()
    if line.startswith("ACL SETUSER ")
]
"""What people paste."""

PASSWORDS: Final = {"gntp-host": "HOST-PASSWORD", "gntp-relay": "RELAY-PASSWORD", "gntp-laptop": "LAPTOP-PASSWORD"}
ADMIN: Final = "ADMIN-PASSWORD"
KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture
def guarded(redis_server: RedisServer) -> RedisServer:
    """A redis-server with the users of the documents, where ``default`` has a password."""
    client = redis_server.client()
    for words in USERS:
        assert client.execute_command(*words) == b"OK"
    client.close()
    return redis_server


def url_of(server: RedisServer, user: str) -> str:
    """Return the address of a server, as one of its users has it."""
    return f"redis://{user}:{PASSWORDS[user]}@127.0.0.1:{server.port}/0"


@pytest.fixture
def user(guarded: RedisServer) -> Iterator[Callable[[str], Any]]:
    """Returns a client of the guarded server, as one of its users."""
    made = []

    def client(name: str) -> Any:
        made.append(redis.Redis(port=guarded.port, username=name, password=PASSWORDS[name], protocol=2))
        return made[-1]

    yield client
    for each in made:
        each.close()


def fields_of(
    records: int = 1, text: str = "no", key: bytes | None = None, machine: str = "web-1"
) -> dict[bytes, bytes]:
    """Return the fields of an entry."""
    return encode(Report.of("shop", machine, records, make_alert(text, fingerprint=text)), key)


# -- Users ---------------------------------------------------------------------------------------


def test_there_is_a_user_for_each_role() -> None:
    """In the documents, with its password."""
    assert {words[2] for words in USERS} == PASSWORDS.keys() | {"default"}


@pytest.mark.program
def test_everybody_does_its_work_as_its_user(
    guarded: RedisServer, start_relay: StartRelay, start_laptop: StartLaptop, receiver: RunningReceiver
) -> None:
    """A real handler, relay and laptop: the count is exact on both desktops, and nobody reports a refusal."""
    relay = start_relay(url_of(guarded, "gntp-relay"), {"desk": receiver.port}, quiet=10.0)
    laptop = start_laptop(url_of(guarded, "gntp-laptop"))
    hosts = [start_host(url_of(guarded, "gntp-host"), f"web-{number}", 30) for number in range(2)]
    assert ended(hosts) == ["30 30"] * 2
    laptop.wait_for_total(60)
    wait_until(lambda: any(toast.headers["Data-Count"] == "60" for toast in receiver.toasts), 60)
    admin = guarded.client(ADMIN)
    wait_until(lambda: bool(admin.llen(ENDED)), 30)  # one of the two has ended it
    assert relay.stop() == laptop.stop() == 0
    assert len(relay.output.splitlines()) == len(laptop.said.splitlines()) == 1


@pytest.mark.program
@pytest.mark.parametrize("question", ["--check", "--status", "--aside"])
def test_a_relays_user_may_ask_how_the_broker_is_doing(
    question: str, guarded: RedisServer, tmp_path: Path, receiver: RunningReceiver
) -> None:
    """Nothing is refused."""
    config = tmp_path / "relay.toml"
    config.write_text(relay_toml(url_of(guarded, "gntp-relay"), {"desk": receiver.port}))
    guarded.client(ADMIN).xadd(STREAM, {"d": "{", "s": ""})
    asked = subprocess.run(
        [sys.executable, "-m", "gntp_logging", "relay", "--config", str(config), question],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert "permission" not in asked.stdout + asked.stderr


@pytest.mark.program
def test_a_laptop_alone_does_all_of_it_as_its_user(guarded: RedisServer, start_laptop: StartLaptop) -> None:
    """It makes the group, counts, sets aside, and ends incidents."""
    admin = guarded.client(ADMIN)
    admin.set(scripts.QUIET, 1000)
    laptop = start_laptop(url_of(guarded, "gntp-laptop"))
    admin.xadd(STREAM, {"d": "{", "s": ""})
    assert ended([start_host(url_of(guarded, "gntp-host"), "web-1", 3)]) == ["3 3"]
    wait_until(lambda: admin.llen(ASIDE) == admin.llen(ENDED) == 1, 30)
    assert sum(int(toast["headers"]["Data-Count"]) for toast in laptop.toasts()[-1:]) == 3
    assert laptop.stop() == 0
    assert len(laptop.said.splitlines()) == 1


KEYS: Final = {
    STREAM: "stream", f"{INCIDENT}0123456789abcdef:shop": "hash", OPEN: "zset", ENDED: "list", ASIDE: "list",
    COUNTERS: "hash", scripts.QUIET: "string", f"{scripts.LEASE}desk": "string", f"{scripts.FENCE}desk": "string",
    f"{scripts.REPORTED}desk": "hash", "somebody:else": "string", "session:1": "hash",
}  # fmt: skip

READING: Final = {
    "stream": [["XRANGE", "-", "+"], ["XREVRANGE", "+", "-"], ["XREAD"], ["XINFO"], ["XPENDING", "relays"]],
    "hash": [["HGETALL"]],
    "zset": [["ZRANGE", "0", "-1"]],
    "list": [["LRANGE", "0", "-1"]],
    "string": [["GET"]],
}
WRITING: Final = [
    ["DEL"],
    ["UNLINK"],
    ["SET", "x"],
    ["EXPIRE", "1"],
    ["RENAME", "x"],
    ["APPEND", "x"],
    ["RESTORE", "0", "x"],
]


def commands_on(key: str, kind: str) -> Iterator[list[str]]:
    """Yield commands that read, change or delete a key."""
    for name, *rest in [*READING[kind], *WRITING, ["DUMP"], ["TYPE"], ["EXISTS"], ["COPY", "x"], ["OBJECT"]]:
        if name == "XREAD":
            yield ["XREAD", "STREAMS", key, "0"]
        elif name in {"XINFO", "OBJECT"}:
            yield [name, "STREAM" if name == "XINFO" else "ENCODING", key]
        else:
            yield [name, key, *rest]
    if kind == "stream":
        yield ["XDEL", key, "1-1"]
        yield ["XTRIM", key, "MAXLEN", "0"]
        yield ["XGROUP", "CREATE", key, "mine", "0"]
        yield ["XREADGROUP", "GROUP", "relays", "me", "STREAMS", key, ">"]
        yield ["XAUTOCLAIM", key, "relays", "me", "0", "0"]
        yield ["XSETID", key, "9-9"]


EVERYWHERE: Final = [
    ["KEYS", "*"], ["SCAN", "0"], ["RANDOMKEY"], ["DBSIZE"], ["FLUSHALL"], ["FLUSHDB"], ["CONFIG", "GET", "*"],
    ["INFO"], ["MONITOR"], ["ACL", "LIST"], ["ACL", "WHOAMI"], ["CLIENT", "LIST"],
    ["SUBSCRIBE", "x"], ["PUBLISH", "x", "y"],
    ["SHUTDOWN"], ["DEBUG", "JMAP"], ["SCRIPT", "FLUSH"], ["FUNCTION", "LIST"], ["SAVE"], ["REPLICAOF", "NO", "ONE"],
    ["SELECT", "1"], ["SWAPDB", "0", "1"], ["MULTI"], ["WAIT", "0", "0"],
]  # fmt: skip


def is_refused(client: Any, *words: str) -> bool:
    """Tell whether a user has no right to a command, neither by itself nor in a script."""
    refused = []
    for command in (list(words), ["EVAL", "return redis.call(unpack(ARGV))", "0", *words]):
        try:
            client.execute_command(*command)
        except redis.exceptions.NoPermissionError:
            refused.append(True)
        except redis.exceptions.ResponseError as error:
            refused.append(bool(re.search("no permissions|can't access|can't run|not allowed", str(error))))
        else:
            refused.append(False)
    return all(refused)


def fill(admin: Any) -> None:
    """Make a key of each kind."""
    admin.xadd(STREAM, {"d": "x", "s": ""}, id="1-1")
    admin.xgroup_create(STREAM, "relays", "0")
    for key, kind in KEYS.items():
        if kind == "hash":
            admin.hset(key, "secret", "x")
        elif kind == "zset":
            admin.zadd(key, {"secret": 1})
        elif kind == "list":
            admin.lpush(key, "secret")
        elif kind == "string":
            admin.set(key, "secret")


def test_a_host_can_read_delete_and_touch_nothing(guarded: RedisServer, user: Callable[[str], Any]) -> None:
    """Every key that there is, of whatever kind, also inside of a script; nor ask what there is."""
    admin, host = guarded.client(ADMIN), user("gntp-host")
    fill(admin)
    before = {key: admin.dump(key) for key in KEYS}
    for key, kind in KEYS.items():
        for words in commands_on(key, kind):
            assert is_refused(host, *words), words
    for words in EVERYWHERE:
        assert is_refused(host, *words), words
    assert {key: admin.dump(key) for key in KEYS} == before


def test_a_host_can_do_what_the_publish_script_does(guarded: RedisServer, user: Callable[[str], Any]) -> None:
    """And no more: each of its commands, on the keys that it names."""
    host = user("gntp-host")
    commands = set(re.findall(r"redis\.call\('(\w+)'", PUBLISH.text))
    granted = {
        word.upper() for words in USERS for word in re.findall(r"\+(\w+)", " ".join(words)) if words[2] == "gntp-host"
    }
    assert granted == commands | {"HELLO", "EVAL", "EVALSHA"}
    assert host.eval(PUBLISH.text, 2, STREAM, f"{PRODUCER}p", 1, 10, 60, "d", "s") == b"taken"
    assert is_refused(host, "XADD", f"{PRODUCER}p", "*", "d", "x")
    assert is_refused(host, "XADD", "somebody:else", "*", "d", "x")


@pytest.mark.parametrize("name", ["gntp-relay", "gntp-laptop"])
def test_who_counts_touches_nothing_of_others(name: str, guarded: RedisServer, user: Callable[[str], Any]) -> None:
    """Nor asks what there is; and a laptop has no say in what relays show."""
    admin, client = guarded.client(ADMIN), user(name)
    fill(admin)
    foreign = ["somebody:else", "session:1"]
    if name == "gntp-laptop":
        foreign += [key for key in KEYS if re.search("lease|fence|reported", key)]
        assert is_refused(client, "GET", f"{PRODUCER}p")
    for key in foreign:
        for words in commands_on(key, KEYS[key]):
            assert is_refused(client, *words), words
    for words in EVERYWHERE:
        assert is_refused(client, *words), words


# -- The fleet's key -----------------------------------------------------------------------------


@pytest.fixture
def relay(guarded: RedisServer) -> Iterator[Relay]:
    """A relay with the fleet's key, that counts, step by step, and shows nowhere."""
    made = Relay(RelaySettings(url_of(guarded, "gntp-relay"), PATIENCE, (KEY,), 300.0, ()), print)
    yield made
    made._streams.close()


def counts(server: RedisServer) -> dict[str, int]:
    """Return what is counted of each machine."""
    admin = server.client(ADMIN)
    found: dict[str, int] = {}
    for member in admin.zrange(OPEN, 0, -1):
        for name, value in admin.hgetall(INCIDENT.encode() + member).items():
            if name[:1] == b"n":
                found[json.loads(name[1:])[1]] = int(value)
    return found


@pytest.mark.parametrize(
    ("what", "fields", "reason"),
    [
        ("no signature", fields_of(1000), b"not signed with a key of the fleet"),
        ("another key's", fields_of(1000, key=OTHER), b"not signed with a key of the fleet"),
        (
            "another entry's",
            {**fields_of(1000), b"s": fields_of(1, key=KEY)[b"s"]},
            b"not signed with a key of the fleet",
        ),
        ("none of ours", {b"anything": b"x"}, b"not signed with a key of the fleet"),
        ("signed, but no report", {b"d": b"{", b"s": b""}, b"not signed"),
    ],
)
def test_an_entry_that_a_host_adds_by_itself_is_set_aside(
    what: str, fields: dict[bytes, bytes], reason: bytes, guarded: RedisServer, user: Callable[[str], Any], relay: Relay
) -> None:
    """It may add to the stream; without the key it changes no count, whatever its user's rights are."""
    host = user("gntp-host")
    host.xadd(STREAM, fields_of(2, key=KEY))
    host.xadd(STREAM, fields)
    relay.step()
    assert counts(guarded) == {"web-1": 2}, what
    (kept,) = guarded.client(ADMIN).lrange(ASIDE, 0, -1)
    assert reason in kept


def test_who_has_the_key_is_trusted(guarded: RedisServer, user: Callable[[str], Any], relay: Relay) -> None:
    """The key tells that a host is of the fleet, not which: docs/fleet.md says so."""
    user("gntp-host").xadd(STREAM, fields_of(1_000_000, key=KEY, machine="web-99"))
    relay.step()
    assert counts(guarded) == {"web-99": 1_000_000}


def test_a_copy_of_an_entry_counts_again(guarded: RedisServer, user: Callable[[str], Any], relay: Relay) -> None:
    """Who has a copy may replay it: docs/fleet.md says who that can be. Of a batch sent again the script takes none."""
    host, fields = user("gntp-host"), fields_of(2, key=KEY)
    streams = RedisStreams(url_of(guarded, "gntp-host"), PATIENCE)
    streams.publish("p", 7, [fields], math.inf)
    streams.publish("p", 7, [fields], math.inf)
    streams.close()
    relay.step()
    assert counts(guarded) == {"web-1": 2}
    host.xadd(STREAM, fields)
    relay.step()
    assert counts(guarded) == {"web-1": 4}


def test_a_host_that_trims_the_stream_stops_nothing(
    guarded: RedisServer, user: Callable[[str], Any], relay: Relay
) -> None:
    """No right takes that option away: docs/fleet.md says so. What waited is lost; what comes then counts."""
    host = user("gntp-host")
    relay.step()
    host.xadd(STREAM, fields_of(2, key=KEY))
    host.xadd(STREAM, fields_of(4, key=KEY), maxlen=1, approximate=False)
    relay.step()
    host.xadd(STREAM, fields_of(8, key=KEY))
    relay.step()
    assert counts(guarded) == {"web-1": 4 + 8}


def test_a_host_cannot_learn_of_another_producer(guarded: RedisServer, user: Callable[[str], Any]) -> None:
    """Its number is under a random name of 64 bits, which no entry holds, and no host can list names."""
    handler = GNTPHandler(broker=url_of(guarded, "gntp-host"), app_name="shop")
    handler.handle(logging.makeLogRecord({"msg": "no", "levelno": 40, "levelname": "ERROR"}))
    assert handler.flush(PATIENCE)
    handler.close()
    admin = guarded.client(ADMIN)
    (name,) = admin.keys(f"{PRODUCER}*")
    producer = name.decode().removeprefix(PRODUCER)
    assert re.fullmatch("[0-9a-f]{16}", producer)
    ((_, fields),) = admin.xrange(STREAM)
    assert producer not in str(fields)
    assert is_refused(user("gntp-host"), "KEYS", f"{PRODUCER}*")


# -- TLS -----------------------------------------------------------------------------------------


@pytest.mark.program
def test_all_of_it_at_once(
    tmp_path: Path, start_laptop: StartLaptop, start_relay: StartRelay, receiver: RunningReceiver
) -> None:
    """TLS alone, users, and the fleet's key: hosts, a relay and a laptop as the documents set them up."""
    issuer, port = Issuer(tmp_path), free_port()
    certificate = str(issuer.issue())
    tls = ["--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", certificate]
    tls += ["--tls-ca-cert-file", str(issuer.file), "--tls-auth-clients", "no"]
    key_file = tmp_path / "fleet.keys"
    key_file.write_text("k" * 32)
    key_file.chmod(0o600)
    password_file = tmp_path / "redis.password"
    password_file.write_text(f"{PASSWORDS['gntp-laptop']}\n")
    with running_redis(tmp_path, *tls) as server:
        client = server.client()
        for words in USERS:
            client.execute_command(*words)
        admin = server.client(ADMIN)

        def url(user: str, *, with_password: bool = True) -> str:
            secret = f":{PASSWORDS[user]}" if with_password else ""
            return f"rediss://{user}{secret}@127.0.0.1:{port}/0?ssl_ca_certs={issuer.file}"

        start_relay(url("gntp-relay"), {"desk": receiver.port}, fleet_key_file=str(key_file))
        laptop = start_laptop(
            url("gntp-laptop", with_password=False), "anna", "--broker-password-file", str(password_file),
            "--fleet-key-file", str(key_file),
        )  # fmt: skip
        admin.xadd(STREAM, fields_of(1000))  # a stranger's
        assert ended([start_host(url("gntp-host"), "web-1", 20, 0.0, key_file)]) == ["20 20"]
        toasts = laptop.wait_for_total(20)
        assert receiver.wait_for(1)
        assert admin.llen(ASIDE) == 1
    assert toasts[-1]["encryption"] == "TLS"
    assert PASSWORDS["gntp-laptop"] not in laptop.said + json.dumps(toasts)


# -- Secrets -------------------------------------------------------------------------------------

SECRET: Final = "hunterXYZ2"
"""Nothing of it may get to the broker."""

LOGS_SECRETS: Final = f"""
import logging, sys
from gntp_logging import GNTPHandler
handler = GNTPHandler(broker=sys.argv[1], app_name="shop", context={{"machine": "web-1", "dsn": "db://u:{SECRET}@h/d"}})
logger = logging.getLogger("shop.db")
logger.addHandler(handler)
class LoginError(Exception):
    pass
def fail():
    password = "{SECRET}"
    raise LoginError("login failed: password={SECRET}")
logger.error("password=%s", "{SECRET}")
logger.error("connecting to postgres://shop:{SECRET}@db-1/shop")
logger.error({{"password": "{SECRET}"}})
logger.error("token refused", extra={{"gntp_title": "token={SECRET}", "gntp_url": "https://x.example/?token={SECRET}"}})
for _ in range(3):
    try:
        try:
            fail()
        except LoginError as error:
            raise ValueError("api_key={SECRET}") from error
    except ValueError:
        logger.exception("it failed, secret: {SECRET}")
logging.getLogger("shop.password={SECRET}").addHandler(handler)
logging.getLogger("shop.password={SECRET}").error("a logger of that name")
assert handler.flush(20)
print(handler.stats().published)
"""


@pytest.mark.program
def test_no_secret_gets_to_the_broker(redis_server: RedisServer, tmp_path: Path) -> None:
    """Neither on the way there, nor in its memory or its file, before and after a relay has counted."""
    client = redis_server.client()
    seen: list[str] = []
    monitoring = threading.Event()

    def watch() -> None:
        with client.monitor() as monitor:
            monitoring.set()
            for command in monitor.listen():
                seen.append(command["command"])
                if "the end" in command["command"]:
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    assert monitoring.wait(PATIENCE)
    ran = subprocess.run(
        [sys.executable, "-c", LOGS_SECRETS, redis_server.url], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.strip() == "8", ran.stderr
    assert not found_in(redis_server)
    relay = Relay(RelaySettings(redis_server.url, PATIENCE, (), 300.0, ()), print)
    relay.step()
    assert sum(counted(redis_server).values()) == 8
    assert not found_in(redis_server)
    relay._streams.end_incidents(-1)
    relay._streams.close()
    assert redis_server.client().llen(ENDED)
    assert not found_in(redis_server)
    redis_server.client().echo("the end")
    thread.join(PATIENCE)
    assert any("XADD" in command or "xadd" in command for command in seen)
    assert not [command for command in seen if SECRET in command]
    written = b"".join(file.read_bytes() for file in (tmp_path / "appendonlydir").iterdir())
    assert b"login failed" in written
    assert SECRET.encode() not in written


def found_in(server: RedisServer) -> list[bytes]:
    """Return the keys that hold the secret, or are called by it."""
    client = server.client()
    return [key for key in client.scan_iter() if SECRET.encode() in key + (client.dump(key) or b"") + read(client, key)]


def read(client: Any, key: bytes) -> bytes:
    """Return all that a key holds, as text: a dump may be compressed."""
    kind = client.type(key)
    value = {
        b"stream": lambda: client.xrange(key),
        b"hash": lambda: client.hgetall(key),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"list": lambda: client.lrange(key, 0, -1),
        b"string": lambda: client.get(key),
    }[kind]()
    return repr(value).encode()
