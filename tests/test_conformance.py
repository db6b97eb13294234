"""docs/conformance.md: what it says is shown by a test is shown by one that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFERENCES = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "conformance.md").read_text("utf-8"))


def test_the_table_is_long() -> None:
    """An empty table would conform to everything."""
    assert len(REFERENCES) >= 100


@pytest.mark.parametrize(("file", "name"), sorted(set(REFERENCES)))
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    """Under that name, in that file."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
