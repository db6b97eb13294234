"""Fixtures for every test."""

from __future__ import annotations

import gc
import logging
import os
import sys
import textwrap
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from gntp_logging.configuration.environment import DEFAULTS
from gntp_logging.gntp.channel import forget_servers
from tests.certificates import Issuer
from tests.support import RunningReceiver, running_receiver

# The package's plugin holds back the alerts of a test run, which these tests are about.
os.environ["GNTP_LOGGING_DISABLED"] = "0"

# How long an example takes, and how long it takes to be made, says how busy the machine is.
settings.register_profile("all", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("all"), max_examples=30)
settings.load_profile("all")

Write = Callable[..., Path]

MARKED_FOLDERS: Final = {
    "examples": "program",
    "interop": "peer",
    "programs": "program",
    "typed": "program",
    "fleet": "peer",
}
"""Folders all of whose tests have one marker."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of some folders their marker."""
    for item in items:
        folder, *rest = item.path.relative_to(Path(__file__).parent).parts
        if rest and folder in MARKED_FOLDERS:
            item.add_marker(MARKED_FOLDERS[folder])


def pytest_collection_finish() -> None:
    """Let no collection of garbage look at what lives until the end, such as all tests: many tests collect."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a report be encoded: pytest-xdist sends it to another process, and some tests log lone surrogates."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(autouse=True)
def _loggers_are_enabled() -> None:
    """A test that configures logging may have disabled those that were there."""
    for known in list(logging.root.manager.loggerDict.values()):
        if isinstance(known, logging.Logger):
            known.disabled = False


@pytest.fixture(autouse=True)
def _no_server_is_known() -> None:
    """A test's free port may have been another test's, whose server closed its connections."""
    forget_servers()


@pytest.fixture(autouse=True, scope="session")
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A receiver of the tests keeps no history in the home of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No options in the environment of whoever runs the tests."""
    for name in DEFAULTS:
        monkeypatch.delenv(f"GNTP_{name.upper()}", raising=False)


@pytest.fixture
def no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is closed, as under many supervisors."""
    monkeypatch.setattr(sys, "stdin", None)


@pytest.fixture
def root_as_it_was() -> Iterator[None]:
    """The root logger has the handlers and the level that it had; what it got is closed."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()
    root.handlers[:] = before


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file and returns its path."""

    def to(text: str, name: str = "shop.toml") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return to


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


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """An issuer of certificates, whom nobody trusts who has not its file."""
    return Issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="session")
def certificate(issuer: Issuer) -> Path:
    """A good certificate for this machine, with its key."""
    return issuer.issue()
