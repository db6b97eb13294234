"""docs/alerts.md: its records make the toasts that it shows."""

from __future__ import annotations

import sys

import pytest

from tests.documents import ROOT
from tools.draw_alerts import EXAMPLES, Example, shown


@pytest.mark.parametrize(
    "example", [example for _, examples in EXAMPLES for example in examples], ids=lambda example: example.heading
)
def test_a_record_makes_the_toast_that_the_page_shows(example: Example) -> None:
    """Word for word, but for the time of day."""
    if sys.version_info < (3, 11) and ("ExceptionGroup" in example.code or "add_note" in example.code):
        pytest.skip("Python 3.10 has neither groups of exceptions nor notes")
    assert shown(example) in (ROOT / "docs" / "alerts.md").read_text("utf-8")


def test_the_page_shows_each_record_once_and_no_other() -> None:
    """Under its heading, in the program's order."""
    page = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    headings = [line.removeprefix("### ") for line in page.splitlines() if line.startswith("### ")]
    assert headings == [example.heading for _, examples in EXAMPLES for example in examples]
    assert len(headings) >= 30
