"""docs/architecture.md tells the truth: its drawing has every room, and its arrows are the imports."""

from __future__ import annotations

import ast
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


def _rooms() -> dict[str, Path]:
    """Return the modules by their names below the package; a package is its own first module."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
        found[name.removesuffix(".__init__")] = path
    return found


def _imports(name: str, path: Path) -> Iterator[str]:
    """Yield what a module imports of this package when it runs, inside functions too."""
    tree = ast.parse(path.read_text("utf-8"))
    ignored = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    package = ["gntp_logging", *name.split(".")]
    package = package if path.name == "__init__.py" else package[:-1]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or id(node) in ignored:
            continue
        above = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*above, *filter(None, [node.module])])
        if module.split(".")[0] == "gntp_logging":
            for alias in node.names:
                yield f"{module}.{alias.name}".removeprefix("gntp_logging.")


def _arrows() -> dict[str, set[str]]:
    """Return which rooms each room leads to; the library and the receiver are one room each."""
    rooms = _rooms()
    arrows: dict[str, set[str]] = {}
    for name, path in rooms.items():
        here = name.split(".")[0]
        found = arrows.setdefault(here, set())
        for imported in _imports(name, path):
            there = imported.split(".")[0]
            if there in rooms and there != here:
                found.add(there)
    return {room: leads_to for room, leads_to in arrows.items() if leads_to and not room.startswith("__")}


def _written(arrows: dict[str, set[str]]) -> str:
    """Write arrows as the document does: a line for each room, those below it in their alphabet."""
    width = max(map(len, arrows))
    return "".join(f"{room:<{width}} -> {', '.join(sorted(arrows[room]))}\n" for room in sorted(arrows))


def test_the_drawing_has_every_room() -> None:
    """And none that is gone."""
    rooms = _rooms()
    folders = {"gntp", "receiver", "receiver/web", "icons"}
    files = {path.relative_to(PACKAGE).as_posix() for path in rooms.values() if path.name != "__init__.py"}
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


def test_the_arrows_are_the_imports() -> None:
    """What is written is what the modules do."""
    assert _written(_arrows()) == ARROWS, f"docs/architecture.md should say:\n{_written(_arrows())}"


def test_arrows_point_down() -> None:
    """No room leads back to itself, by whatever way, and the library leads nowhere."""
    arrows = _arrows()
    assert list(TopologicalSorter(arrows).static_order())
    assert "gntp" not in arrows


@pytest.mark.parametrize("room", ["gntp", "receiver"])
def test_arrows_point_down_inside(room: str) -> None:
    """The same for the modules of the library and of the receiver."""
    inside = {name: path for name, path in _rooms().items() if name.startswith(f"{room}.")}
    graph = {
        name: {other for imported in _imports(name, path) for other in inside if imported.startswith(f"{other}.")}
        - {name}
        for name, path in inside.items()
    }
    assert list(TopologicalSorter(graph).static_order())
