"""The table of displays: each can be made, and naming them costs nothing."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from gntp_logging.receiver import displays
from gntp_logging.receiver.displays import (
    DISPLAYS,
    Addressed,
    Kind,
    MissingExtraError,
    Observer,
    Patient,
    Reporting,
    Running,
)
from gntp_logging.receiver.registry import Toast
from tests.receiver.conftest import require_module
from tests.support import run_program

ABILITIES: tuple[type, ...] = (Observer, Running, Patient, Addressed, Reporting)
PACKAGES = {"web": "aiohttp", "desktop": "desktop_notifier", "apprise": "apprise"}
OPTIONS = {"apprise": {"config": "targets.txt"}}


@pytest.mark.program
def test_naming_them_loads_none_of_them() -> None:
    """The command line does so each time, whatever the command: neither asyncio nor a display's packages."""
    program = """
        import sys
        import gntp_logging.receiver.displays
        print(*{"asyncio", "aiohttp", "desktop_notifier", "Cryptodome", "gntp_logging.gntp.wire"} & set(sys.modules))
    """
    assert run_program(program).stdout.split() == []


@pytest.mark.peer
@pytest.mark.parametrize("name", DISPLAYS)
def test_each_can_be_made(name: str) -> None:
    """It shows toasts, says in a few words what it is, and is called as its class is."""
    kind = DISPLAYS[name]
    if kind.extra:
        require_module(PACKAGES[kind.extra], f"gntp-logging[{kind.extra}]")
    stream = io.StringIO()
    display = kind(stream, **OPTIONS.get(name, {}))
    assert callable(display.show)
    assert type(display).__name__.lower() == f"{name}display"
    assert kind.summary
    if kind.writes:
        display.show(Toast("shop", "Error", "title", "text"))
        assert "title" in stream.getvalue()


@pytest.mark.peer
@pytest.mark.parametrize(
    ("name", "abilities"),
    [
        ("console", {Observer, Reporting}),
        ("json", {Observer, Reporting}),
        ("web", {Observer, Running, Patient, Addressed}),
        ("desktop", {Running, Patient, Reporting}),
        ("apprise", {Running, Reporting}),
    ],
)
def test_each_does_what_it_can(name: str, abilities: set[type]) -> None:
    """The protocols that it has beside Display."""
    kind = DISPLAYS[name]
    if kind.extra:
        require_module(PACKAGES[kind.extra], f"gntp-logging[{kind.extra}]")
    display = kind(io.StringIO(), **OPTIONS.get(name, {}))
    assert {one for one in ABILITIES if isinstance(display, one)} == abilities


@pytest.mark.parametrize(("name", "module"), PACKAGES.items())
def test_packages_that_are_missing_are_named(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    for loaded in [loaded for loaded in sys.modules if loaded.startswith(f"gntp_logging.receiver.{name}")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"needs {module}.*: pip install 'gntp-logging\[{name}\]'"):
        DISPLAYS[name](io.StringIO())


def test_a_module_that_is_missing_without_an_extra_is_a_mistake() -> None:
    """Of whoever wrote the table."""
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        Kind("none", "nowhere.Nothing")(io.StringIO())


def test_the_protocols_can_be_had_from_here() -> None:
    """Programs import them from this module."""
    for name in ("Display", "Notice", "Observer", "Running", "MissingExtraError", "DISPLAYS"):
        assert name in displays.__all__
        assert hasattr(displays, name)


def test_each_is_in_the_documents() -> None:
    """In the list of the command's arguments, and in the reference."""
    docs = Path(__file__).parents[2] / "docs"
    row = next(
        line for line in (docs / "receiver.md").read_text("utf-8").splitlines() if line.startswith("| `--display`")
    )
    reference = (docs / "reference" / "receiver.md").read_text("utf-8")
    for name, kind in DISPLAYS.items():
        assert f"`{name}`" in row
        assert f"gntp_logging.receiver.{kind.place.partition('.')[0]}\n" in reference
