"""docs/architecture.md tells the truth: its drawing has every module, and its arrows are the imports."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

from tests.documents import ROOT, blocks

PACKAGE: Final = ROOT / "gntp_logging"
DRAWING, ARROWS = (block.text for block in blocks(ROOT / "docs" / "architecture.md")[:2])

pytestmark = pytest.mark.skipif(
    not PACKAGE.is_dir(), reason="the installed package is tested, without its source beside it"
)


def _modules() -> dict[str, Path]:
    """Return the modules by their names below the package; a package is its own first module."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
        found[name.removesuffix(".__init__")] = path
    return found


WINGS: Final = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


@functools.cache
def _from_imports(path: Path) -> list[ast.ImportFrom]:
    return [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]


def _imports(name: str, path: Path) -> Iterator[str]:
    """Yield what a module imports of this package, inside functions and for type checkers alone too."""
    package = ["gntp_logging", *name.split(".")]
    package = package if path.name == "__init__.py" else package[:-1]
    for node in _from_imports(path):
        above = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*above, *filter(None, [node.module])])
        if module.split(".")[0] == "gntp_logging":
            for alias in node.names:
                yield f"{module}.{alias.name}".removeprefix("gntp_logging.")


def _arrows() -> dict[str, set[str]]:
    """Return what each module of the package's own folder, and each wing, leads to."""
    modules = _modules()
    arrows: dict[str, set[str]] = {}
    for name, path in modules.items():
        here = name.split(".")[0]
        found = arrows.setdefault(here, set())
        for imported in _imports(name, path):
            there = imported.split(".")[0]
            if there in modules and there != here:
                found.add(there)
    return {here: leads_to for here, leads_to in arrows.items() if leads_to and not here.startswith("__")}


def _written(arrows: dict[str, set[str]]) -> str:
    """Write arrows as the document does: a line for each, what it leads to in the order of the alphabet."""
    width = max(map(len, arrows))
    return "".join(f"{here:<{width}} -> {', '.join(sorted(arrows[here]))}\n" for here in sorted(arrows))


def test_the_drawing_has_every_module() -> None:
    """And none that is gone."""
    modules = _modules()
    folders = {*WINGS, "receiver/web", "alerts/icons"}
    files = {path.relative_to(PACKAGE).as_posix() for path in modules.values() if path.name != "__init__.py"}
    drawn: set[str] = set()
    folder = ""
    for line in DRAWING.splitlines()[1:]:
        names = re.match(r" +((?:[\w/]+(?:\.py|/) +)+)", f"{line} ")
        assert names is not None, line
        is_inside = line.startswith("    ")
        for name in names[1].split():
            path = f"{folder}{name}" if is_inside else name
            if name.endswith("/"):
                folders.remove(path.rstrip("/"))
                folder = folder if is_inside else name
            else:
                drawn.add(path)
    assert not folders
    assert drawn == files


@pytest.mark.slow
def test_the_arrows_are_the_imports() -> None:
    """What is written is what the modules do."""
    assert _written(_arrows()) == ARROWS, f"docs/architecture.md should say:\n{_written(_arrows())}"


ALLOWED: Final = {
    "gntp": set[str](),
    "receiver": {"gntp"},
    "alerts": {"gntp"},
    "delivery": {"alerts", "gntp"},
    "options": {"alerts", "gntp"},
    "fleet": {"alerts", "delivery", "gntp", "options"},
    "configuration": {"handler", "options"},
    "commands": {"configuration", "fleet", "gntp", "handler", "options", "receiver"},
}
"""What each wing may import: what its ``__init__`` says."""


def test_each_wing_imports_only_what_it_may() -> None:
    """A new arrow between wings is a decision, and is written down here."""
    assert sorted(ALLOWED) == WINGS
    arrows = _arrows()
    assert {wing: arrows.get(wing, set()) - ALLOWED[wing] for wing in WINGS} == {wing: set() for wing in WINGS}


def test_arrows_point_down() -> None:
    """Nothing leads back to itself, by whatever way, and the library leads nowhere."""
    arrows = _arrows()
    assert list(TopologicalSorter(arrows).static_order())
    assert "gntp" not in arrows


@pytest.mark.parametrize("wing", WINGS)
def test_arrows_point_down_inside(wing: str) -> None:
    """The same for the modules of a wing; its ``__init__``, which is imported with each of them, is none."""
    inside = {name: path for name, path in _modules().items() if name.startswith(f"{wing}.")}
    graph = {
        name: {other for imported in _imports(name, path) for other in inside if f"{imported}.".startswith(f"{other}.")}
        - {other for other in inside if f"{name}.".startswith(f"{other}.")}
        for name, path in inside.items()
    }
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("wing", WINGS)
def test_each_wing_says_what_it_does_and_nothing_is_exported_there(wing: str) -> None:
    """What it may import, and which module to open first; gntp alone has public names, as the reference has them."""
    tree = ast.parse((PACKAGE / wing / "__init__.py").read_text("utf-8"))
    docstring = ast.get_docstring(tree) or ""
    assert "It may import" in docstring or "It imports nothing" in docstring
    assert re.search(r"Open `\w+` first", docstring)
    assert wing == "gntp" or len(tree.body) == 1
