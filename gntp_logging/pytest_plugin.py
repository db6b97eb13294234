"""The pytest fixture ``gntp_receiver``. pytest imports this module in every run, so it imports nothing slow itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import GNTPReceiver


@pytest.fixture
def gntp_receiver() -> Iterator[GNTPReceiver]:
    """A real GNTP receiver on a free port, to which every GNTPHandler of this process sends until the test ends."""
    from . import testing

    with testing.receiver() as receiver:
        yield receiver
