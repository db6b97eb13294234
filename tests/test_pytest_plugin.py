"""pytest_plugin: what it costs; that pytest finds it, and what it gives, is in test_testing.py."""

from __future__ import annotations

import pytest

from tests.support import run_program

pytestmark = pytest.mark.program


def test_the_fixture_costs_a_test_run_without_it_nothing() -> None:
    """The plugin is loaded in every run where this package is installed: no receiver, no event loop."""
    code = "import sys, gntp_logging.pytest_plugin; print({'asyncio', 'gntp_logging.receiver'} & set(sys.modules))"
    finished = run_program(code)
    assert finished.stdout.strip() == "set()", finished.stderr
