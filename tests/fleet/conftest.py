"""Fixtures of the fleet's tests: a redis-server of the test's own, and relays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.servers import (
    LaptopProcess,
    RedisServer,
    RelayProcess,
    StartLaptop,
    StartRelay,
    relay_toml,
    running_redis,
)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A redis-server that keeps its data when it is killed."""
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def start_relay(tmp_path: Path) -> Iterator[StartRelay]:
    """Starts a relay that shows on some desktops, or does what a relay.toml says, and waits until it counts."""
    started: list[RelayProcess] = []

    def start(
        url: str, desktops: dict[str, int], *arguments: str, wait: bool = True, content: str | None = None, **more: Any
    ) -> RelayProcess:
        config = tmp_path / f"relay-{len(started)}.toml"
        config.write_text(relay_toml(url, desktops, **more) if content is None else content)
        relay = RelayProcess(config, tmp_path / f"relay-{len(started)}.txt", *arguments)
        started.append(relay)
        if wait:
            relay.wait_for("counts from")
        return relay

    yield start
    for relay in started:
        relay.kill()


@pytest.fixture
def start_laptop(tmp_path: Path) -> Iterator[StartLaptop]:
    """Starts a laptop of some name, and waits until it counts; one that was started before goes on in its folder."""
    started: list[LaptopProcess] = []

    def start(url: str, name: str = "anna", *arguments: str, wait: bool = True) -> LaptopProcess:
        laptop = LaptopProcess(url, tmp_path / name, *arguments)
        started.append(laptop)
        if wait:
            before = sum(other.folder == laptop.folder for other in started)
            laptop.wait_for("counts from", before)
        return laptop

    yield start
    for laptop in started:
        laptop.kill()
