"""Metrics of a relay, scraped as Prometheus does it, and read by prometheus_client's own parser."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gntp_logging.commands import cli
from gntp_logging.fleet import scripts
from gntp_logging.fleet.metrics import serving
from gntp_logging.fleet.redis_streams import Counted
from gntp_logging.fleet.relay import Relay, RelaySettings
from tests.fleet.servers import RedisServer, StartRelay, ended, relay_toml, start_host, wait_for_count
from tests.support import PATIENCE, RunningReceiver, free_port, run_program, wait_until

pytestmark = pytest.mark.program

Metrics = Mapping[tuple[str, ...], float]
"""Values by name and the values of labels."""


def scrape(port: int) -> Metrics:
    """Return what a relay says, without the prefix that all names have."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {
        (sample.name.removeprefix("gntp_relay_"), *(sample.labels[label] for label in sorted(sample.labels))): float(
            sample.value
        )
        for sample in samples
    }


@pytest.fixture
def port() -> int:
    """A port for the metrics."""
    return free_port()


def test_a_scrape_says_what_has_become_of_a_fleets_records(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver, port: int
) -> None:
    """What hosts have published, what was counted, set aside and shown, and who has the lease."""
    desktops = {"desk": receiver.port, "off": free_port()}
    relay = start_relay(redis_server.url, desktops, "--metrics", f"127.0.0.1:{port}", quiet=10)
    assert f"serves metrics on http://127.0.0.1:{port}/metrics" in relay.output
    assert ended([start_host(redis_server.url, f"web-{number}", 100) for number in range(2)]) == ["100 100"] * 2
    redis_server.client().xadd(scripts.STREAM, {"d": "poison"})
    toasts = wait_for_count(receiver, 200)
    relay.wait_for("cannot show alerts on off")
    wait_until(lambda: scrape(port)["set_aside_entries_total",] == 1)
    found = scrape(port)
    published = int(redis_server.client().xinfo_stream(scripts.STREAM)["entries-added"])
    assert found["published_entries_total",] == published
    assert {name: found[(name,)] for name in GAUGES} == {
        "broker_up": 1, "waiting_entries": 0, "pending_entries": 0, "lag_seconds": 0, "open_incidents": 1
    }  # fmt: skip
    assert (found["counted_records_total",], found["repeated_entries_total",]) == (200, 0)
    assert found["shows_total", "desk", "shown"] == len(toasts)
    assert found["shows_total", "desk", "retry"] == 0
    assert found["shows_total", "off", "shown"] == 0
    assert found["shows_total", "off", "retry"] >= 1
    assert found["lease_held", "desk"] == 1
    assert relay.stop() == 0


GAUGES = ("broker_up", "waiting_entries", "pending_entries", "lag_seconds", "open_incidents")


def test_what_waits_is_told_with_its_age(redis_server: RedisServer, port: int) -> None:
    """By the time at which it came; what a relay has read is pending until it is counted."""
    streams = redis_server.streams()
    streams.make_group()
    client = redis_server.client()
    seconds = client.time()[0]
    for number in range(3):
        client.xadd(scripts.STREAM, {"d": "x"}, id=f"{(seconds - 100 + number) * 1000}-1")
    with serving(Relay(RelaySettings(redis_server.url, PATIENCE, (), 300.0, ()), print), ("127.0.0.1", port)):
        assert 100 <= scrape(port)["lag_seconds",] < 100 + 2 * PATIENCE
        (first, *_) = streams.read("a", 0.01)
        found = scrape(port)
        assert (found["waiting_entries",], found["pending_entries",], found["published_entries_total",]) == (3, 3, 3)
        counted = Counted(first.id_, "0f:shop", 7, '["", "m", 40]', '["", 40]', "{}")
        for _ in range(2):
            streams.count([counted], 60)
        found = scrape(port)
    assert (found["waiting_entries",], found["pending_entries",], found["open_incidents",]) == (2, 2, 1)
    assert (found["counted_records_total",], found["repeated_entries_total",]) == (7, 1)
    assert 99 <= found["lag_seconds",] < 99 + 2 * PATIENCE
    streams.close()


def test_a_redis_in_which_nothing_has_happened(redis_server: RedisServer, port: int) -> None:
    """No stream, no group: all is nothing."""
    with serving(Relay(RelaySettings(redis_server.url, PATIENCE, (), 300.0, ()), print), ("127.0.0.1", port)):
        found = scrape(port)
    assert {name: value for name, value in found.items() if value} == {("broker_up",): 1}


@pytest.mark.parametrize("trouble", ["down", "hangs"])
def test_a_scrape_answers_while_redis_does_not(
    trouble: str, redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver, port: int
) -> None:
    """With what is known: what this relay has shown; and with all of it when Redis is back."""
    start_relay(redis_server.url, {"desk": receiver.port}, "--metrics", f"127.0.0.1:{port}")
    ended([start_host(redis_server.url, "web-1", 1)])
    receiver.wait_for(1)
    (redis_server.kill if trouble == "down" else redis_server.freeze)()
    try:
        found = scrape(port)
        assert found["broker_up",] == 0
        assert found["shows_total", "desk", "shown"] == 1
        assert ("counted_records_total",) not in found
    finally:
        (redis_server.start if trouble == "down" else redis_server.thaw)()
    assert scrape(port)["counted_records_total",] == 1
    wait_until(lambda: scrape(port)["lease_held", "desk"] == 1, 3 * PATIENCE)


def test_counters_go_on_after_a_reload(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver, port: int
) -> None:
    """Of a desktop that was begun anew they do not fall; one that is gone is left out."""
    desktops = {"desk": receiver.port, "gone": free_port()}
    relay = start_relay(redis_server.url, desktops, "--metrics", f"localhost:{port}", quiet=60)
    ended([start_host(redis_server.url, "web-1", 1)])
    receiver.wait_for(1)
    relay.reload(relay_toml(redis_server.url, {"desk": receiver.port}, quiet=61))
    receiver.wait_for(2)  # who takes the lease shows what is open
    wait_until(lambda: ("lease_held", "gone") not in scrape(port))
    wait_until(lambda: scrape(port)["shows_total", "desk", "shown"] == 2)


# -- What cannot be ------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A relay.toml whose broker and desktop are not there."""
    path = tmp_path / "relay.toml"
    path.write_text(relay_toml(f"redis://127.0.0.1:{free_port()}/0", {"desk": free_port()}))
    return str(path)


@pytest.mark.parametrize("address", ["9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:9464", ":9464", "a:b"])
def test_an_address_is_a_host_and_a_port(address: str, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Else the error names the option and what is allowed."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["relay", "--config", config, "--metrics", address])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "--metrics: allowed is HOST:PORT such as 127.0.0.1:9464" in said


def test_a_port_that_is_taken_is_named(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And the relay does not begin."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert cli.main(["relay", "--config", config, "--metrics", address]) == 1
    assert f"--metrics: cannot listen on {address}: Address already in use" in capsys.readouterr().err


def test_a_host_that_is_not_here_is_named(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody can listen there."""
    assert cli.main(["relay", "--config", config, "--metrics", "192.0.2.1:9464"]) == 1
    assert "--metrics: cannot listen on 192.0.2.1:9464: " in capsys.readouterr().err


def test_without_the_library_it_says_what_to_install(config: str) -> None:
    """In one line, before anything is counted."""
    code = """
    import sys
    sys.modules["prometheus_client"] = None
    from gntp_logging.commands.cli import main
    sys.exit(main(["relay", "--config", sys.argv[1], "--metrics", "127.0.0.1:9464"]))
    """
    done = run_program(code, config)
    assert done.returncode == 2
    assert "--metrics needs prometheus_client: pip install 'gntp-logging[metrics]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_nothing_of_it_is_loaded_where_no_metrics_are_asked_for() -> None:
    """The library takes its time."""
    code = """
    import sys
    import gntp_logging.fleet.relay, gntp_logging.commands.cli
    sys.exit("prometheus_client" in sys.modules)
    """
    assert run_program(code).returncode == 0
