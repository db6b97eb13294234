"""docs/comparison.md: rows, columns and the version of which it speaks; ``nox -s compare`` measures the cells."""

from __future__ import annotations

import re

import pytest

import gntp_logging
from tests.documents import ROOT

pytest.importorskip("packaging", reason="needs packaging: pip install packaging")
from tools.compare import ROWS
from tools.compare_peers import PEERS


def _page() -> list[list[str]]:
    """Return the cells of the page's table, by row."""
    block = (ROOT / "docs" / "comparison.md").read_text("utf-8").partition("<!-- the table begins -->")[2]
    rows = [line for line in block.partition("<!-- the table ends -->")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_page_has_each_row_and_each_column() -> None:
    """In the program's order; each row says below the table what it does."""
    heads, _, *rows = _page()
    assert heads[1:] == [peer.name for peer in PEERS]
    assert [row[0] for row in rows] == [row.question for row in ROWS]
    assert all(len(row) == len(heads) and all(row) for row in rows)
    page = (ROOT / "docs" / "comparison.md").read_text("utf-8")
    assert re.findall(r"^\* \*\*(.+):\*\*", page.partition("## How each row is measured")[2], re.MULTILINE) == [
        row.question for row in ROWS
    ]


def test_the_page_names_this_version() -> None:
    """Of which it speaks."""
    page = (ROOT / "docs" / "comparison.md").read_text("utf-8")
    assert f"gntp_logging {gntp_logging.__version__}, " in page
