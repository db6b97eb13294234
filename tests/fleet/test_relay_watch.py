"""What ``gntp-logging relay`` says instead of counting, with a real Redis: --check, --status, --aside."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from gntp_logging.commands import cli
from gntp_logging.fleet import scripts
from gntp_logging.fleet.redis_streams import Counted
from tests.fleet.servers import RedisServer, StartRelay, ended, relay_toml, start_host
from tests.support import RunningReceiver, ScriptedServer, free_port, wait_until

pytestmark = pytest.mark.program

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command with a relay.toml."""

    def run(content: str, *arguments: str) -> int:
        path = tmp_path / "relay.toml"
        path.write_text(content)
        return cli.main(["relay", "--config", str(path), *arguments])

    return run


def lines(said: str, name: str) -> list[str]:
    """Return the lines of a table that are about something, each with single blanks."""
    return [line for line in (" ".join(line.split()) for line in said.splitlines()) if name in line]


# -- --check -------------------------------------------------------------------------------------


def test_all_is_well(
    redis_server: RedisServer, receiver: RunningReceiver, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broker, version, scripts, keys, routes and every desktop; and nothing is left in the broker."""
    keys = tmp_path / "fleet.keys"
    keys.write_text(f"{'k' * 32}\n{'l' * 32}\n")
    keys.chmod(0o600)
    content = relay_toml(redis_server.url, {"desk": receiver.port}, fleet_key_file=str(keys))
    assert run(f'{content}match = {{logger = "shop.*", level = "ERROR"}}\n', "--check") == 0
    said = capsys.readouterr().out
    assert lines(said, "fleet_key_file") == ["ok fleet_key_file 2 keys; hosts sign with one"]
    assert lines(said, "routes[0]") == ["ok routes[0].match logger = 'shop.*', level >= 40"]
    assert lines(said, "ok broker")[0].endswith(f"Redis {redis_server.client().info()['redis_version']}")
    assert lines(said, "ok scripts")
    assert lines(said, "[desktops.desk]") == [f"[desktops.desk] 127.0.0.1:{receiver.port}, without a password"]
    assert lines(said, "ok NOTIFY")
    assert "FAIL" not in said
    assert redis_server.client().keys() == []


def test_what_waits_in_the_broker_is_left_alone(redis_server: RedisServer, run: Run) -> None:
    """It looks with keys of its own."""
    streams = redis_server.streams()
    streams.make_group()
    client = redis_server.client()
    client.xadd(scripts.STREAM, {"d": "x"})
    client.zadd(scripts.OPEN, {"0f:shop": 1})
    before = {key: client.dump(key) for key in client.scan_iter()}
    assert run(relay_toml(redis_server.url, {"desk": free_port()}), "--check") == 1
    assert {key: client.dump(key) for key in client.scan_iter()} == before
    streams.close()


def test_a_desktop_that_is_not_there_is_named(
    redis_server: RedisServer, receiver: RunningReceiver, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are tried as well."""
    assert run(relay_toml(redis_server.url, {"off": free_port(), "desk": receiver.port}), "--check") == 1
    off, desk = capsys.readouterr().out.split("[desktops.off]")[1].split("[desktops.desk]")
    assert lines(off, "FAIL connect")
    assert lines(desk, "ok NOTIFY")
    assert "FAIL" not in desk


def test_a_broker_that_is_not_there_is_named(
    receiver: RunningReceiver, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The desktops are tried as well."""
    assert run(relay_toml(f"redis://:secret@127.0.0.1:{free_port()}/0", {"desk": receiver.port}), "--check") == 1
    said = capsys.readouterr().out
    assert lines(said, "FAIL broker")
    assert "-> look at broker in relay.toml" in said
    assert lines(said, "- scripts")
    assert lines(said, "ok NOTIFY")
    assert "secret" not in said


def test_an_old_redis_is_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """By its version."""

    def serve(sock: socket.socket, _number: int) -> None:
        sock.recv(4096)
        sock.sendall(b"%2\r\n$7\r\nversion\r\n$5\r\n6.2.7\r\n$5\r\nproto\r\n:3\r\n")
        sock.recv(4096)

    with ScriptedServer(serve) as server:
        assert run(relay_toml(f"redis://127.0.0.1:{server.port}", {"desk": free_port()}), "--check") == 1
    assert lines(capsys.readouterr().out, "FAIL broker")[0].endswith("version 7 or later is needed")


@pytest.mark.parametrize(
    ("trouble", "step", "reason"),
    [
        ("acl setuser default -hset", "scripts", "can't run this command"),
        ("acl setuser default -xgroup", "scripts", "no permissions to run the 'xgroup"),
        ("replicaof 127.0.0.1 1", "scripts", "read only replica"),
        ("config set maxmemory 1", "scripts", "maxmemory"),
        ("config set requirepass x", "broker", "Redis wants a password"),
    ],
)
def test_what_the_broker_does_not_do_is_named(
    trouble: str, step: str, reason: str, redis_server: RedisServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A right that its user has not, a replica, no room, a password."""
    redis_server.client().execute_command(*trouble.split())
    assert run(relay_toml(redis_server.url, {"desk": free_port()}), "--check") == 1
    (line,) = lines(capsys.readouterr().out, f"FAIL {step}")
    assert reason in line


def test_who_may_not_publish_may_be_a_relay(
    redis_server: RedisServer, receiver: RunningReceiver, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hosts alone need that right."""
    redis_server.client().execute_command("ACL", "SETUSER", "default", "-xadd")
    assert run(relay_toml(redis_server.url, {"desk": receiver.port}), "--check") == 0


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        ("k" * 32, 0o644, "others than its owner can read"),
        ("k" * 31, 0o600, "32 characters or more"),
        ("", 0o600, "32 characters or more"),
        (None, 0, "cannot read"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_named(
    content: str | None,
    mode: int,
    reason: str,
    redis_server: RedisServer,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And all else is tried as well."""
    keys = tmp_path / "fleet.keys"
    if content is not None:
        keys.write_text(content)
        os.chmod(keys, mode)
    toml = relay_toml(redis_server.url, {"desk": free_port()}, fleet_key_file=str(keys))
    assert run(toml, "--check") == 1
    said = capsys.readouterr().out
    assert reason in lines(said, "FAIL fleet_key_file")[0]
    assert lines(said, "ok scripts")


@pytest.mark.parametrize(
    ("match", "status", "reason"),
    [
        ('logger = " shop.*"', "FAIL", "none at its ends"),
        ('logger = "shop.**' + "?" * 121 + '"', "FAIL", "can never hold: logger ="),
        ('app = "' + "x" * 201 + '"', "FAIL", "can never hold: app ="),
        ('machine = "' + "x" * 201 + '"', "FAIL", "can never hold: machine ="),
        ('app = "shop "', "note", "begins or ends with a blank"),
        ("level = 51", "note", "none above CRITICAL"),
        ('level = "CRITICAL"', "ok", "level >= 50"),
        ('logger = "*"', "ok", "everything"),
    ],
)
def test_a_match_that_can_never_hold_is_named(
    match: str,
    status: str,
    reason: str,
    redis_server: RedisServer,
    receiver: RunningReceiver,
    run: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A route that another one shadows is none: all that match count."""
    content = f"{relay_toml(redis_server.url, {'desk': receiver.port})}match = {{{match}}}\n"
    both = f'{content}[[routes]]\nto = ["desk"]\n'
    assert run(both, "--check") == int(status == "FAIL")
    said = capsys.readouterr().out
    (line,) = lines(said, "routes[0].match")
    assert line.startswith(status)
    assert reason in line
    assert lines(said, "routes[1].match") == ["ok routes[1].match everything"]


def test_a_desktop_that_no_route_names_is_a_note(
    redis_server: RedisServer, receiver: RunningReceiver, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is tried."""
    content = relay_toml(redis_server.url, {"desk": receiver.port, "spare": receiver.port})
    assert run(content.replace('to = ["desk", "spare"]', 'to = ["desk"]'), "--check") == 0
    said = capsys.readouterr().out
    assert lines(said, "note desktops.spare") == ["note desktops.spare no route names it: it is shown nothing"]
    assert len(lines(said, "ok NOTIFY")) == 2


# -- --status and --aside ------------------------------------------------------------------------


def test_status_says_what_waits_what_is_open_and_who_shows(
    redis_server: RedisServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Length, lag, pending, open incidents, set aside, lease holders."""
    streams = redis_server.streams()
    streams.make_group()
    client = redis_server.client()
    seconds = client.time()[0]
    for number in range(5):
        client.xadd(scripts.STREAM, {"d": "x"}, id=f"{(seconds - 100 + number) * 1000}-1")
    one, two, *_ = streams.read("a", 0.01)
    client.xadd(scripts.STREAM, {"d": "y"})
    streams.count([Counted(one.id_, "0f:shop", 1200, '["", "m", 40]', '["", 40]', "{}")], 60)
    streams.set_aside(two.id_, b"1-1 no JSON: x")
    streams.hold("anna", "relay-7", "", 60)
    streams.close()
    content = relay_toml(redis_server.url, {"anna": free_port(), "bob": free_port()})
    assert run(content, "--status") == 0
    said = capsys.readouterr().out
    assert lines(said, "length") == ["length 4 entries wait to be counted"]
    assert 98 <= float(lines(said, "lag")[0].split()[1]) < 120
    assert lines(said, "pending") == ["pending 3 of them are in the hands of a relay"]
    assert lines(said, "open incidents") == ["open incidents 1"]
    assert lines(said, "1,200 records so far")
    assert lines(said, "set aside") == ["set aside 1 entries so far; --aside prints 1 of them"]
    assert lines(said, "lease of") == ["lease of anna relay-7", "lease of bob no relay has it"]
    assert run(content, "--status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: found[name] for name in ("length", "pending", "incidents", "counted", "set_aside", "holders")} == {
        "length": 4, "pending": 3, "incidents": 1, "counted": 1200, "set_aside": 1,
        "holders": {"anna": "relay-7", "bob": ""},
    }  # fmt: skip


def test_status_of_a_relay_that_runs(
    redis_server: RedisServer,
    start_relay: StartRelay,
    receiver: RunningReceiver,
    run: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It has the lease; all that hosts have published is counted."""
    relay = start_relay(redis_server.url, {"desk": receiver.port})
    assert ended([start_host(redis_server.url, "web-1", 50)]) == ["50 50"]
    wait_until(lambda: redis_server.client().hget(scripts.COUNTERS, "counted") == b"50")
    assert run(relay_toml(redis_server.url, {"desk": receiver.port}), "--status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["length"], found["lag"], found["counted"], found["incidents"]) == (0, 0, 50, 1)
    assert f"-{relay.process.pid}-" in found["holders"]["desk"]


def test_aside_prints_entries_and_reasons(
    redis_server: RedisServer, start_relay: StartRelay, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest first, with the time at which each came; without a control character."""
    start_relay(redis_server.url, {"desk": free_port()})
    client = redis_server.client()
    ids = [client.xadd(scripts.STREAM, {"d": text}).decode() for text in ("[\x1b[31m\r\nx", '{"v": 99}')]
    wait_until(lambda: client.llen(scripts.ASIDE) == 2)
    content = relay_toml(redis_server.url, {"desk": free_port()})
    assert run(content, "--aside") == 0
    said = capsys.readouterr().out
    first, second = said.splitlines()
    assert f'{ids[1]}  version 99; this relay knows 1: d={{"v": 99}}' in first
    assert f"{ids[0]}  no JSON: JSONDecodeError: d=[" in second
    assert "\x1b" not in said
    assert run(content, "--aside", "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["id"] for one in found] == ids[::-1]
    assert found[0]["reason"].startswith("version 99")


def test_nothing_is_set_aside(redis_server: RedisServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so; of an empty Redis the status is all nothing."""
    content = relay_toml(redis_server.url, {"desk": free_port()})
    assert run(content, "--aside") == 0
    assert capsys.readouterr().out == f"{redis_server.url}: nothing is set aside\n"
    assert run(content, "--aside", "--json") == 0
    assert capsys.readouterr().out == ""
    assert run(content, "--status") == 0
    assert lines(capsys.readouterr().out, "length") == ["length 0 entries wait to be counted"]


@pytest.mark.parametrize("asked", ["--status", "--aside"])
def test_a_broker_that_does_not_answer_is_a_failure(asked: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so, without the password; the exit code is 1."""
    address = f"127.0.0.1:{free_port()}/0"
    assert run(relay_toml(f"redis://:secret@{address}", {"desk": free_port()}), asked) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"gntp-logging relay: redis://{address}: ")
    assert "secret" not in said.err
    assert len(said.err.splitlines()) == 1
    assert not said.out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--json"], "--json goes with --status or --aside"),
        (["--check", "--json"], "--json goes with --status or --aside"),
        (["--status", "--metrics", "127.0.0.1:9464"], "--metrics is for a relay that counts"),
    ],
)
def test_what_does_not_go_together(
    arguments: list[str], error: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is wrong usage, and the error says what is allowed."""
    assert run(relay_toml("redis://127.0.0.1:1/0", {"desk": 1}), *arguments) == 2
    assert error in capsys.readouterr().err
