"""pytest's part of this package: no test alerts people, and the fixture ``gntp_receiver``.

pytest imports this module in every run, so it imports nothing slow itself.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from .testing import GNTPReceiver

_DISABLING_VARIABLE: Final = "GNTP_LOGGING_DISABLED"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Hold back the alerts of the run, and of the programs that it starts, unless the variable says otherwise.

    So early, because handlers are made early: conftest.py imports the program, and pytest-django its settings.
    """
    if _DISABLING_VARIABLE not in os.environ:
        os.environ[_DISABLING_VARIABLE] = "1"
        early_config.add_cleanup(_let_go)
    return (yield)


def _let_go() -> None:
    os.environ.pop(_DISABLING_VARIABLE, None)


@pytest.fixture
def gntp_receiver() -> Iterator[GNTPReceiver]:
    """A real GNTP receiver on a free port, to which every GNTPHandler of this process sends until the test ends."""
    from . import testing

    with testing.receiver() as receiver:
        yield receiver
