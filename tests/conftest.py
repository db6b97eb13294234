"""Fixtures for every test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from gntp_logging.gntp.channel import forget_servers
from tests.support import RunningReceiver, running_receiver


@pytest.fixture(autouse=True)
def _no_server_is_known() -> None:
    """A test's free port may have been another test's, whose server closed its connections."""
    forget_servers()


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
