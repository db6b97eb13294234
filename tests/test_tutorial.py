"""docs/tutorial.md, followed word by word: every block of it is saved, typed or compared, in the page's order."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.documents import ROOT, Block, blocks
from tests.running import Program, StartProgram, starting
from tests.support import free_port

if sys.platform == "win32":
    pytest.skip("its commands are those of a Unix shell", allow_module_level=True)

_INSTALLS: Final = "alerts/bin/pip install gntp-logging"
"""Ends the block that is not typed here: what is installed is what is tested."""


class _Reader:
    """Somebody with two terminals, who does what the page says; the port is another one, the desktop this machine."""

    def __init__(self, folder: Path, start: StartProgram, port: int) -> None:
        self._folder = folder
        self._start = start
        self._port = port
        self._receiver: Program | None = None
        programs = folder / "alerts" / "bin"
        programs.mkdir(parents=True)
        for name, module in (("python", ""), ("gntp-logging", "-m gntp_logging")):
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n', "utf-8")
            (programs / name).chmod(0o755)

    def read(self, block: Block) -> None:
        """Do what a block is for."""
        {"python": self._save, "toml": self._configure, "diff": self._change, "sh": self._type, "text": self._compare}[
            block.language
        ](block.text)

    def _save(self, text: str) -> None:
        self._write("shop.py", text.replace("GNTPHandler(", f"GNTPHandler(port={self._port}, "))

    def _configure(self, text: str) -> None:
        self._write("alerts.toml", f"{text.replace('desk.example', 'localhost')}port = {self._port}\n")

    def _change(self, text: str) -> None:
        old, new = (line[1:].replace("GNTPHandler(", f"GNTPHandler(port={self._port}, ") for line in text.splitlines())
        program = (self._folder / "shop.py").read_text("utf-8")
        assert program.count(old) == 1
        self._write("shop.py", program.replace(old, new))

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, "utf-8")

    def _type(self, text: str) -> None:
        for line in text.splitlines():
            if " listen" in line:
                self._listen(line)
                continue
            done = subprocess.run(
                ["sh", "-c", line], cwd=self._folder, env=_environment(self._port), capture_output=True,
                encoding="utf-8", timeout=60, check=False,
            )  # fmt: skip
            if line.endswith("shop.py"):
                assert "ERROR:shop.orders:No total for a basket of ['tea', 'pie']" in done.stderr
                assert done.stderr.rstrip().endswith("KeyError: 'scone'")
            else:
                assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
            if " check " in line:
                assert re.match(r" *ok +handler gntp", done.stdout.splitlines()[-1]), done.stdout

    def _listen(self, line: str) -> None:
        if self._receiver is not None:
            assert self._receiver.stop() == 0
        program, *arguments = line.split()
        assert program == "alerts/bin/gntp-logging"
        self._receiver = self._start("-m", "gntp_logging", *arguments)
        self._receiver.wait_for("Ctrl-C ends it.")

    def _compare(self, text: str) -> None:
        """Wait until the receiver has shown a text, but for the time, the machine's name and its address."""
        assert self._receiver is not None
        last_line = re.findall(r"│ (\S+ · \S+)", text)
        self._receiver.wait_for(last_line[-1] if last_line else "It works")
        shown = re.sub(r"─ \d\d:\d\d:\d\d ·", "─ 14:03:11 ·", self._receiver.output)
        for part in re.findall(r"^Listening.*|╭[^╯]*╯", _here(text), re.MULTILINE):
            assert part in shown.replace(f":{self._port}.", ":23053."), shown


def _environment(port: int) -> dict[str, str]:
    """Return an environment in which commands use another port: the page's may be taken."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith("GNTP_")}
    return {**rest, "GNTP_PORT": str(port), "PYTHONIOENCODING": "utf-8"}


def _here(text: str) -> str:
    """Put this machine's name and address in the place of the page's; the frames stay where they are."""
    text = re.sub("web-3( · production)? *│", lambda match: _padded(match, f"{platform.node()}{match[1] or ''}"), text)
    return text.replace("192.0.2.7 ─", "127.0.0.1 ─")


def _padded(match: re.Match[str], instead: str) -> str:
    return f"{instead.ljust(len(match[0]) - 1)}│"


@pytest.mark.program
@pytest.mark.slow
def test_the_tutorial_word_by_word(tmp_path: Path) -> None:
    """From the first notification to alerts that come encrypted, with a key, to an address that others reach."""
    port = free_port()
    folder = tmp_path / "shop"
    folder.mkdir()
    install, *rest = blocks(ROOT / "docs" / "tutorial.md")
    assert install.text.rstrip().endswith(_INSTALLS)
    with starting(folder, _environment(port), folder) as start:
        reader = _Reader(folder, start, port)
        for block in rest:
            reader.read(block)
