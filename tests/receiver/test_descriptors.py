"""descriptors: as many connections as the system allows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gntp_logging.receiver.descriptors import RESERVED, affordable_connections

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")


@pytest.mark.parametrize(("limit", "affordable"), [(20_000, 1000), (RESERVED + 300, 300), (64, 16)])
def test_there_are_fewer_places_where_there_are_fewer_descriptors(
    monkeypatch: pytest.MonkeyPatch, limit: int, affordable: int
) -> None:
    """But always some."""
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert affordable_connections(1000) == affordable
    assert affordable_connections(10) == 10


@pytest.mark.program
@pytest.mark.parametrize(
    ("soft", "hard", "raised"), [(300, 20_000, 1000 + RESERVED), (300, 700, 700), (1900, 2000, 1900)]
)
def test_the_limit_is_raised_as_far_as_that_is_allowed(soft: int, hard: int, raised: int) -> None:
    """And never lowered. In a program of its own: the limit is the whole process's."""
    program = (
        "import resource as r; from gntp_logging.receiver.descriptors import raise_limit;"
        f"r.setrlimit(r.RLIMIT_NOFILE, ({soft}, {hard})); raise_limit(1000); print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(run.stdout) == raised
