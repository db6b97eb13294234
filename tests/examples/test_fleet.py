"""The files of a fleet: each is read by what would read it, as far as that is here."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gntp_logging.commands.cli import parser
from gntp_logging.commands.relay_file import read
from tests.documents import ROOT
from tests.fleet.servers import running_redis
from tests.peers import require_program

FILES = ROOT / "examples" / "fleet"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(FILES / "compose.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which a relay runs: the example's files, with keys and passwords."""
    found = tmp_path / "etc"
    shutil.copytree(FILES, found)
    for name, content in (("fleet.keys", "k" * 32), ("anna.password", "p"), ("bob.password", "q")):
        (found / name).write_text(f"{content}\n")
        (found / name).chmod(0o600)
    monkeypatch.chdir(found)
    return found


@pytest.mark.usefixtures("folder")
def test_the_relays_file_is_one_that_a_relay_takes() -> None:
    """Every key and value, with the files that it names."""
    settings = read("relay.toml")
    assert [desktop.name for desktop in settings.desktops] == ["anna", "bob"]
    assert settings.keys == (b"k" * 32,)


def test_the_compose_file_fits_the_schema() -> None:
    """Nobody has tried it with Docker: its first line says so."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run([*command, FILES / "compose.yaml"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert "untried" in (FILES / "compose.yaml").read_text().partition("services:")[0]


@pytest.mark.peer
def test_its_redis_takes_its_options(tmp_path: Path) -> None:
    """A real one, but for the number of clients, for which this machine may have too few files."""
    program, *options = COMPOSE["services"]["redis"]["command"]
    assert program == "redis-server"
    with running_redis(tmp_path, *options) as server:
        said = server.client().config_get("maxmemory*")
        assert (said["maxmemory"], said["maxmemory-policy"]) == ("1073741824", "noeviction")


def test_its_relay_is_a_command() -> None:
    """With the file that stands beside it."""
    program, *arguments = COMPOSE["services"]["relay"]["command"]
    assert program == "gntp-logging"
    assert (FILES / parser().parse_args(arguments).config).is_file()


@pytest.mark.peer
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    """With a program and a user that are there: systemd looks for both."""
    verify = require_program("systemd-analyze", "systemd")
    unit = (FILES / "gntp-logging-relay.service").read_text()
    program = "/opt/gntp-logging/bin/gntp-logging"
    assert program in unit
    path = tmp_path / "gntp-logging-relay.service"
    path.write_text(unit.replace(program, sys.executable).replace("User=gntp-logging", "User=root"))
    result = subprocess.run([verify, "verify", str(path)], capture_output=True, text=True, check=False)
    assert (result.returncode, [line for line in result.stderr.splitlines() if path.name in line]) == (0, [])


def test_the_units_command_is_one() -> None:
    """With the file that stands beside it, in the folder in which it runs."""
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as its own documentation says
    unit.read(FILES / "gntp-logging-relay.service")
    _, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert (FILES / parser().parse_args(arguments).config).is_file()
