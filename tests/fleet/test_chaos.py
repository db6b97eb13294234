"""Counts are exact whoever is killed when: three seeds of what :mod:`.chaos` runs a hundred of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet import chaos

pytestmark = [pytest.mark.program, pytest.mark.slow]


@pytest.mark.parametrize("seed", [1, 2])
def test_relays_are_killed_at_random_instants(seed: int, tmp_path: Path) -> None:
    """Each record counts once, on one toast."""
    assert "kills" in chaos.run(seed, 3.0, tmp_path)


def test_redis_is_killed_as_well(tmp_path: Path) -> None:
    """It starts again with its file, and hosts and relays go on."""
    assert "kills" in chaos.run(3, 3.0, tmp_path, redis_too=True)
