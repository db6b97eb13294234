"""docs/conformance.md and docs/reliability.md: what they say is shown by a test is shown by one that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.protections import PROTECTIONS, Protection, missing

ROOT = Path(__file__).parents[1]
DOCUMENTS = {
    name: re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / name).read_text("utf-8"))
    for name in ("conformance.md", "reliability.md")
}


@pytest.mark.parametrize(("name", "least"), [("conformance.md", 100), ("reliability.md", 80)])
def test_the_tables_are_long(name: str, least: int) -> None:
    """An empty table would hold."""
    assert len(DOCUMENTS[name]) >= least


@pytest.mark.parametrize(
    ("file", "name"), sorted({reference for references in DOCUMENTS.values() for reference in references})
)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    """Under that name, in that file."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.name)
def test_a_protection_that_can_be_taken_out_is_there(protection: Protection) -> None:
    """The program that takes each out would otherwise take out nothing."""
    if not (ROOT / "gntp_logging").is_dir():
        pytest.skip("the installed package is tested, without its source beside it")
    assert missing(protection) == []
