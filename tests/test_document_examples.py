"""What documents tell people to type does what they say: each block of code runs, or is read by what reads it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from gntp_logging.commands import relay_file
from gntp_logging.commands.cli import parser
from gntp_logging.config import ConfigurationError
from gntp_logging.configuration.logging_file import read
from gntp_logging.options import fleet
from tests.documents import PAGES, ROOT, Block, blocks
from tests.peers import require_program
from tests.running import starting
from tests.support import free_port, run_program

BLOCKS: Final = [block for page in PAGES for block in blocks(page)]

_CONFIGURES: Final = "import logging.config\nlogging.config.dictConfig(LOGGING)\n"
_WRAPPED: Final[dict[tuple[str, str], Callable[[str], str]]] = {
    ("docs/handler.md", 'logger.info("release 7"'): lambda code: (
        f"import logging; logger = logging.getLogger()\n{code}"
    ),
    ("docs/handler.md", '"filters"'): lambda code: f"LOGGING = {{'version': 1, {code}}}\n{_CONFIGURES}",
    ("docs/frameworks/django.md", "import os"): lambda code: f"DEBUG = True\n{code}{_CONFIGURES}",
    ("docs/frameworks/gunicorn.md", "# gunicorn.conf.py"): lambda code: (
        f"from gunicorn.glogging import CONFIG_DEFAULTS\n{code}\nLOGGING = CONFIG_DEFAULTS | logconfig_dict\n"
        f"{_CONFIGURES}"
    ),
}
"""What stands around code that is a part of a program, by page and the code's beginning."""

_ASSERT_PRINTED: Final = """
import logging, gntp_logging
for logger in [logging.root, *map(logging.getLogger, sorted(logging.root.manager.loggerDict))]:
    if any(isinstance(handler, gntp_logging.GNTPHandler) for handler in logger.handlers):
        way = [logger]
        while way[-1].propagate and way[-1].parent:
            way.append(way[-1].parent)
        kinds = {type(handler) for one in way for handler in one.handlers}
        assert kinds - {gntp_logging.GNTPHandler, logging.NullHandler}, f"{logger} is printed nowhere"
"""
"""Ends a program in which warnings and errors of a logger reach this package's handler, and no other one."""

_TESTED_BELOW: Final = {
    ("docs/handler.md", "def test_"),
    ("docs/tutorial.md", "import logging\n\nimport gntp_logging"),
    ("docs/fleet.md", "import logging"),
    ("docs/fleet.md", "broker ="),
    ("docs/fleet.md", "[[routes]]"),
}


_GALLERY: Final = "docs/alerts.md"
"""Its code are parts of programs, which another test runs."""


def _name(block: Block) -> str:
    return f"{block.page}:{block.line}"


def _of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def _begins(block: Block, key: tuple[str, str]) -> bool:
    return block.page == key[0] and block.text.startswith(key[1])


def _is_tested_below(block: Block) -> bool:
    return any(_begins(block, key) for key in _TESTED_BELOW)


def test_every_block_has_a_language_that_is_checked() -> None:
    """Or none, or that of a text that programs print."""
    checked = {"python", "toml", "json", "ini", "sh", "diff"}
    assert {block.language for block in BLOCKS} <= checked | {"", "text", "{toctree}", "{eval-rst}", "{include}"}
    for key in [*_WRAPPED, *_TESTED_BELOW]:
        assert [block for block in BLOCKS if _begins(block, key)], key


@pytest.mark.program
@pytest.mark.parametrize(
    "block",
    [block for block in _of("python") if not _is_tested_below(block) and block.page != _GALLERY],
    ids=_name,
)
def test_a_program_runs_as_it_stands(block: Block) -> None:
    """With the handler switched off, and nowhere alone; what it does when it is on is what other tests are about."""
    page = Path(block.page)
    if page.parent.name == "frameworks" and page.stem not in ("scripts", "plain"):
        pytest.importorskip(page.stem, reason=f"needs {page.stem}: pip install {page.stem}")
    wrap = next((wrap for key, wrap in _WRAPPED.items() if _begins(block, key)), str)
    prelude = "import os; os.environ |= {'GNTP_LOGGING_DISABLED': '1', 'GNTP_PASSWORD': 'secret'}\n"
    result = run_program(f"{prelude}{wrap(block.text)}\n{_ASSERT_PRINTED}print('done')")
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


@pytest.mark.program
@pytest.mark.parametrize("block", [block for block in _of("toml") if not _is_tested_below(block)], ids=_name)
def test_a_toml_file_is_one_that_load_takes(block: Block, tmp_path: Path) -> None:
    """Every key and value, with the files that it names; its handler is nowhere alone."""
    (tmp_path / "eye.png").write_bytes(b"a picture")
    for name in ("password", "alerts.key"):
        (tmp_path / name).write_text("secret\n", "utf-8")
    text = block.text.replace("/run/secrets/gntp", (tmp_path / "password").as_posix())
    (tmp_path / "alerts.toml").write_text(text, "utf-8")
    program = f"import sys; from gntp_logging import config; print(*config.load(sys.argv[1]))\n{_ASSERT_PRINTED}"
    result = subprocess.run(
        [sys.executable, "-c", program, "alerts.toml"], cwd=tmp_path, capture_output=True, encoding="utf-8",
        timeout=30, check=False,
    )  # fmt: skip
    assert result.stdout.startswith("<GNTPHandler 'shop' to "), result.stderr
    assert result.returncode == 0, result.stderr


@pytest.mark.program
@pytest.mark.parametrize("block", _of("json"), ids=_name)
def test_a_json_file_is_one_that_dictconfig_takes(block: Block) -> None:
    """In a process of its own: it replaces what was configured. The handler is nowhere alone."""
    pytest.importorskip("uvicorn", reason="needs uvicorn, whose configuration it is: pip install uvicorn")
    json.loads(block.text)
    program = "import json, logging.config, sys; logging.config.dictConfig(json.loads(sys.argv[1]))"
    result = run_program(f"{program}\n{_ASSERT_PRINTED}", block.text)
    assert result.returncode == 0, result.stderr


@pytest.mark.program
@pytest.mark.parametrize("block", _of("ini"), ids=_name)
def test_sections_are_ones_that_fileconfig_takes(block: Block, tmp_path: Path) -> None:
    """Beside those that every such file must have; the handler is nowhere alone."""
    sections = ",".join(re.findall(r"^\[handler_(\w+)\]$", block.text, re.MULTILINE))
    rest = f"[loggers]\nkeys=root\n[handlers]\nkeys={sections}\n[formatters]\nkeys=\n"
    (tmp_path / "logging.ini").write_text(rest + block.text, "utf-8")
    program = "import logging.config, sys; logging.config.fileConfig(sys.argv[1]); print(*logging.getLogger().handlers)"
    result = run_program(f"{program}\n{_ASSERT_PRINTED}", tmp_path / "logging.ini")
    assert "<GNTPHandler 'shop' to " in result.stdout, result.stderr
    assert result.returncode == 0, result.stderr


def test_no_configuration_switches_off_what_was_there() -> None:
    """As dictConfig does unless it is told not to: readers paste these into programs that log."""
    whole = [block for block in BLOCKS if re.search(r"""["']?version["']?\s*[:=]\s*1""", block.text)]
    assert len(whole) >= 8
    for block in whole:
        assert "disable_existing_loggers" in block.text, _name(block)


_COMMANDS: Final = [
    (_name(block), words)
    for block in _of("sh")
    for line in block.text.replace("\\\n", " ").splitlines()
    for words in re.findall(r"(?:^|\| |&& )(?:\S+/)?gntp-logging (.*?)(?: [|>] .*)?$", line.partition(" #")[0].rstrip())
]


def test_there_are_commands() -> None:
    """None would be fine with the next test."""
    assert len(_COMMANDS) >= 20
    known = {"demo", "send", "listen", "history", "service", "relay", "check", "completion"}
    assert {words.split()[0] for _, words in _COMMANDS} == known


@pytest.mark.parametrize(("where", "words"), _COMMANDS)
def test_a_commands_arguments_are_taken(where: str, words: str) -> None:
    """The parser would end the test with 2."""
    assert callable(parser().parse_args(shlex.split(words)).run), where


def test_scripts_that_are_named_exist() -> None:
    """``python bench/emit.py`` and its like."""
    named = {name for page in PAGES for name in re.findall(r"\bpython ([\w/]+\.py)\b", page.read_text("utf-8"))}
    assert len(named - {"shop.py"}) >= 6
    for name in named - {"shop.py"}:  # which readers write
        assert (ROOT / name).is_file(), name


@pytest.mark.program
def test_the_documented_test_of_an_alert_passes(tmp_path: Path) -> None:
    """With a function that logs, under pytest, with nothing but the installed fixture."""
    (block,) = [block for block in BLOCKS if _begins(block, ("docs/handler.md", "def test_"))]
    pay = (
        "import logging, gntp_logging\n"
        "logging.getLogger().addHandler(gntp_logging.GNTPHandler(enabled=False))\n"
        "def pay(amount):\n    logging.getLogger('shop').error('amount must not be negative')\n"
    )
    (tmp_path / "test_shop.py").write_text(f"{pay}{block.text}", "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert "1 passed" in result.stdout, result.stdout


def test_the_documented_error_is_the_one_that_comes(tmp_path: Path) -> None:
    """Up to the dots."""
    (shown,) = [block.text.strip() for block in _of("text") if block.page == "docs/configuration.md"]
    (tmp_path / "alerts.toml").write_text('[gntp]\npasword = "x"\n', "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path / "alerts.toml")
    assert str(caught.value).replace(str(tmp_path) + os.sep, "").startswith(shown.removesuffix("..."))


def _python(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GNTP_")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=variables, capture_output=True, encoding="utf-8", timeout=60,
        check=False,
    )  # fmt: skip


# -- A fleet -------------------------------------------------------------------------------------


def test_the_routes_of_the_document_are_routes(tmp_path: Path) -> None:
    """With a broker, and desktops of those names."""
    _, routes = [block.text for block in _of("toml") if block.page == "docs/fleet.md"]
    desktops = "".join(f"[desktops.{name}]\nhost = '127.0.0.1'\n" for name in ("anna", "bob"))
    path = tmp_path / "relay.toml"
    path.write_text(f"broker = 'redis://127.0.0.1'\n{desktops}{routes}", "utf-8")
    anna, bob = relay_file.read(str(path)).desktops
    assert (len(anna.desk.routes), len(bob.desk.routes)) == (2, 1)


@pytest.mark.peer
def test_the_fleets_five_minutes_show_what_appears(tmp_path: Path) -> None:
    """Word for word: what is typed in four terminals, and two files, but for the ports, the time and the place."""
    install, listen, relay, hosts, *more = [block.text for block in _of("sh") if block.page == "docs/fleet.md"]
    (make_key,) = [text for text in more if "secrets" in text]
    (config, _), (program,) = ([b.text for b in _of(kind) if b.page == "docs/fleet.md"] for kind in ("toml", "python"))
    _, shown, *_ = [block.text for block in _of("text") if block.page == "docs/fleet.md"]
    require_program("redis-server", "redis-server")
    port = str(free_port())
    (server,) = [line for line in install.splitlines() if line.startswith("redis-server")]
    with (
        subprocess.Popen(shlex.split(server.replace("6379", port)), cwd=tmp_path, stdout=subprocess.DEVNULL) as redis,
        starting(tmp_path, {**os.environ, "PYTHONIOENCODING": "utf-8"}, tmp_path) as start,
    ):
        try:
            desktop = start(*_typed(listen), "--port", "0")
            desktop_port = desktop.number_after("Listening on 127.0.0.1:")
            server_port = f'host = "localhost"\nport = {desktop_port}'
            (tmp_path / "relay.toml").write_text(
                config.replace("6379", port).replace('host = "localhost"', server_port)
            )
            start(*_typed(relay)).wait_for(f"counts from redis://localhost:{port}/0")
            (tmp_path / "shop.py").write_text(program.replace("6379", port))
            for line in hosts.splitlines():
                assert _python(_typed(line), tmp_path).returncode == 0
            desktop.wait_for("150 ×")
        finally:
            redis.kill()
    assert re.sub(r"\d\d:\d\d:\d\d", "14:03:11", shown.strip()) in re.sub(r"\d\d:\d\d:\d\d", "14:03:11", desktop.output)
    subprocess.run(["sh", "-c", make_key], cwd=tmp_path, check=True)
    assert fleet.keys(tmp_path / "fleet.keys")


def _typed(line: str) -> list[str]:
    """Return what follows ``python`` where the program of an environment is typed."""
    program, *arguments = shlex.split(line)
    return {"alerts/bin/gntp-logging": ["-m", "gntp_logging"], "alerts/bin/python": []}[program] + arguments
