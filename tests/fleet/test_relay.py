"""A relay, with real processes: hosts that log, a Redis, relays, and desktops that show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.servers import RedisServer, StartRelay, ended, start_host, wait_for_count
from tests.support import RunningReceiver

pytestmark = pytest.mark.program


def test_five_hosts_log_one_incident_and_the_desktop_has_one_toast(
    redis_server: RedisServer, start_relay: StartRelay, receiver: RunningReceiver, tmp_path: Path
) -> None:
    """With the exact count, and the number of machines."""
    keys = tmp_path / "fleet.keys"
    keys.write_text("k" * 32 + "\n")
    keys.chmod(0o600)
    start_relay(redis_server.url, {"desk": receiver.port}, fleet_key_file=str(keys), quiet=10)
    hosts = [start_host(redis_server.url, f"web-{number}", 100, key_file=keys) for number in range(5)]
    assert ended(hosts) == ["100 100"] * 5
    toasts = wait_for_count(receiver, 500)
    assert len({toast.coalescing_id for toast in toasts}) == 1
    assert toasts[-1].headers["Data-Hosts"] == "5"
    assert toasts[-1].title.endswith("on 5 machines")
    assert "500" in toasts[-1].title
    assert toasts[-1].application == "shop"
