"""The folder for what is kept between two runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gntp_logging.receiver.state_folder import state_folder, usual_folder


@pytest.mark.parametrize("given", ["", "/srv/state", "relative"])
def test_it_is_the_same_with_and_without_platformdirs(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra that is installed later must not lose what was kept."""
    pytest.importorskip("platformdirs", reason="needs platformdirs: pip install 'gntp-logging[web]'")
    monkeypatch.setenv("XDG_STATE_HOME", given)
    known = state_folder()
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert state_folder() == known == usual_folder(sys.platform, os.environ, str(Path.home()))


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {}, "/home/ada/.local/state/gntp-logging"),
        ("linux", {"XDG_STATE_HOME": "/state"}, "/state/gntp-logging"),
        ("linux", {"XDG_STATE_HOME": "state"}, "/home/ada/.local/state/gntp-logging"),
        ("darwin", {}, "/home/ada/Library/Application Support/gntp-logging"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/gntp-logging"),
        ("win32", {}, "/home/ada/AppData/Local/gntp-logging"),
    ],
)
def test_each_system_has_its_place(platform: str, environ: dict[str, str], folder: str) -> None:
    """Separators are those of the system that runs the test."""
    assert Path(usual_folder(platform, environ, "/home/ada")) == Path(folder)
