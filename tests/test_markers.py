"""Each test that starts a program, or needs somebody else's, has the marker that leaves it out of the quick run."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import MARKED_FOLDERS

TESTS: Final = Path(__file__).parent
SEEDS: Final = {
    "peer": frozenset({"require_program", "missing_peer", "require_module"}),
    "program": frozenset({"run_program", "subprocess"}),  # or peer, which is a program as well
}
"""For each marker the names that a test needs it for, whether it uses them itself or through a helper."""


def _used(node: ast.AST) -> set[str]:
    """Return the names that a definition uses; a fixture is used by a parameter's name, or by a text in usefixtures."""
    fields = ("id", "arg", "value")  # of a name, a parameter, a text
    used = {getattr(each, field, None) for each in ast.walk(node) for field in fields}
    return {name for name in used if isinstance(name, str)}


def _users(tree: ast.Module, names: Iterable[str]) -> set[str]:
    """Return what a module defines that uses one of these names, at once or through another definition."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    definitions = {node.name: _used(node) for node in tree.body if isinstance(node, kinds)}
    users: set[str] = set()
    while more := {name for name, used in definitions.items() if used & {*names, *users}} - users:
        users |= more
    return users


def _imported(tree: ast.Module) -> set[str]:
    """Return the names that a module has from the tests' helpers, and the modules that it imports whole."""
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    helpers = [
        node for node in tree.body if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests")
    ]
    return imported | {alias.name for node in helpers for alias in node.names}


def _marks(tree: ast.Module, test: str) -> set[str]:
    """Return the markers of a test, its module's among them."""
    marks: list[ast.AST] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks.append(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name == test:
            marks += node.decorator_list
    return {each.attr for mark in marks for each in ast.walk(mark) if isinstance(each, ast.Attribute)}


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    """All modules of the tests."""
    return {path.relative_to(TESTS): ast.parse(path.read_text("utf-8")) for path in sorted(TESTS.rglob("*.py"))}


@pytest.mark.slow
@pytest.mark.parametrize("marker", SEEDS)
def test_a_test_that_a_quick_run_leaves_out_is_marked(marker: str, trees: dict[Path, ast.Module]) -> None:
    """Else the quick run would start programs, or skip tests where they are missing."""
    names = set(SEEDS[marker])
    for path, tree in trees.items():
        if not path.name.startswith(("test_", "conftest")):
            names |= _users(tree, names)
    forgotten = [
        f"{path}::{test}"
        for path, tree in trees.items()
        if path.name.startswith("test_") and MARKED_FOLDERS.get(path.parts[0]) not in ("peer", marker)
        for test in sorted(_users(tree, names & _imported(tree)))
        if test.startswith("test_") and not _marks(tree, test) & {"peer", marker}
    ]
    assert forgotten == []
