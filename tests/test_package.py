"""The package as a whole: public names, what importing it loads, and the README's promises."""

from __future__ import annotations

import inspect
import json
import re
from importlib import metadata
from pathlib import Path

import pytest

import gntp_logging
from tests.support import run_program

ROOT = Path(__file__).parent.parent


@pytest.mark.program
def test_importing_the_package_loads_nothing_heavy() -> None:
    """A program that only attaches the handler pays for no cipher, no event loop, no HTTP."""
    program = """
        import json, sys
        import gntp_logging
        gntp_logging.GNTPHandler(app_name="shop")
        print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
    """
    result = run_program(program)
    loaded = set(json.loads(result.stdout))
    assert not loaded & {"Cryptodome", "asyncio", "http", "ssl", "tomllib", "tomli", "multiprocessing"}
    assert "gntp_logging" in loaded


@pytest.mark.program
def test_the_protocol_library_stands_alone() -> None:
    """The library gntp imports nothing from above, and nothing of logging."""
    program = """
        import sys
        import gntp_logging
        for name in [name for name in sys.modules if name.startswith("gntp_logging")]:
            del sys.modules[name]
        for name in ("logging", "gntp_logging.handler", "gntp_logging.delivery.worker", "gntp_logging.alerts.alert"):
            sys.modules[name] = None
        package = type(sys)("gntp_logging")
        package.__path__ = gntp_logging.__path__
        sys.modules["gntp_logging"] = package
        import gntp_logging.gntp.connections, gntp_logging.gntp.wire
        print("alone")
    """
    result = run_program(program)
    assert result.stdout == "alone\n", result.stderr


def test_the_version_is_the_one_that_is_installed() -> None:
    """One place says which version this is."""
    assert gntp_logging.__version__ == metadata.version("gntp-logging")


def test_the_changes_begin_with_what_is_new() -> None:
    """With this version, or with what is not released; in both, sorted by what readers look for."""
    _, newest, *_ = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    assert newest.split()[0] in {"[Unreleased]", gntp_logging.__version__}
    parts = re.findall(r"^### (.+)", newest, re.MULTILINE)
    assert parts
    assert parts == [part for part in ("Upgrade", "Added", "Changed", "Fixed", "Security") if part in parts]


def _requirements() -> dict[str, str]:
    """Return what the installed package needs, with the extra that needs it; empty for all."""
    found = {}
    for line in metadata.requires("gntp-logging") or ():
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"](\w+)", line)
        assert name is not None
        if name[0] != "gntp-logging":
            found[name[0]] = extra[1] if extra else ""
    return found


def test_plain_use_pulls_little() -> None:
    """The ciphers; and on Python 3.10 what reads TOML."""
    assert {name for name, extra in _requirements().items() if not extra} == {"pycryptodomex", "tomli"}
    marker = next(line.partition(";")[2] for line in metadata.requires("gntp-logging") or () if "tomli" in line)
    assert marker.replace('"', "'").strip() == "python_version < '3.11'"


def test_what_others_have_written_is_named() -> None:
    """Each package that users get, with its licence; both files are part of what is installed."""
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text("utf-8")
    for name, extra in _requirements().items():
        if extra in ("", "web", "desktop"):
            row = next((line for line in notices.splitlines() if re.match(rf"\|.*\b{re.escape(name)} \|", line)), "")
            assert re.search(r"BSD|MIT|Apache", row), name
    installed = {str(file).rpartition("/")[2] for file in metadata.files("gntp-logging") or ()}
    assert {"LICENSE", "THIRD_PARTY_NOTICES.md"} <= installed


@pytest.mark.parametrize("ending", ["gntp-logging demo", "pytest"])
def test_the_readme_has_each_command_on_a_line_of_its_own(ending: str) -> None:
    """CI runs these lines as they stand."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len([line for line in lines if line.startswith("python3 -m venv .venv && ") and line.endswith(ending)]) == 1


@pytest.mark.program
def test_the_readmes_configuration_is_a_dozen_lines_that_work() -> None:
    """The dictConfig block runs as it stands, without a server; the error is printed."""
    block = re.search(r"```python\n(import logging.config\n.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block is not None
    assert len(block[1].strip().splitlines()) <= 12
    result = run_program(f"import os; os.environ['GNTP_LOGGING_DISABLED'] = '1'\n{block[1]}")
    assert (result.returncode, result.stderr) == (0, "Order 4711 was not paid\n")


def test_the_documents_name_every_option_once() -> None:
    """The tables of options are whole, and name none that is not there."""
    page = (ROOT / "docs" / "handler.md").read_text("utf-8")
    tables = page.partition("## Options\n")[2].partition("\n## ")[0]
    options = inspect.signature(gntp_logging.GNTPHandler).parameters
    assert sorted(re.findall(r"^\| `(\w+)`", tables, re.MULTILINE)) == sorted(options)


def test_the_readme_is_read_to_its_end() -> None:
    """Because it is short: what is not needed in the first five minutes stands in docs/."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 95
