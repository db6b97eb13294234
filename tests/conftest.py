"""Fixtures for every test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.support import RunningReceiver, running_receiver


@pytest.fixture
def receiver() -> Iterator[RunningReceiver]:
    """The package's receiver, without a password."""
    with running_receiver() as running:
        yield running


@pytest.fixture
def logger(request: pytest.FixtureRequest) -> Iterator[logging.Logger]:
    """A logger of the test's own; its handlers are closed at the end."""
    logger = logging.getLogger(f"test.{request.node.name}")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
