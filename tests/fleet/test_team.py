"""A team of laptops has every count exactly: a small one of what :mod:`.team` runs with ten laptops and fifty hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet import team

pytestmark = [pytest.mark.program, pytest.mark.slow]


def test_each_laptop_of_a_team_has_every_count(tmp_path: Path) -> None:
    """Also one that is killed meanwhile, and one that shows only some of it."""
    said = team.run_team(7, laptops=3, hosts=6, records=40, folder=tmp_path)
    assert said.startswith("3 laptops, 6 hosts: 480 records")
