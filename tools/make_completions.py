"""Makes the completions of ``gntp-logging completion``: ``python tools/make_completions.py`` writes them.

The build does so as well (hatch_build.py): they follow from the parser, and are kept nowhere else.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import shtab

from gntp_logging.commands.cli import parser
from gntp_logging.commands.completion import SHELLS

_FOLDER: Final = Path("gntp_logging", "commands", "completions")
_FILES: Final = ("FILE", "PICTURE")
"""What the help calls the values of arguments that name files."""


def script(shell: str) -> str:
    """Return what completes the command line in a shell."""
    whole = parser()
    _mark_files(whole)
    return shtab.complete(whole, shell)


def _mark_files(parser: argparse.ArgumentParser) -> None:
    """Let shells complete names of files where an argument is one."""
    for action in parser._actions:  # noqa: SLF001 - as shtab itself looks at them
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's own addition
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                _mark_files(command)


def write(root: Path) -> None:
    """Write the completions of all shells into the package.

    Args:
        root: The project's folder.
    """
    folder = root / _FOLDER
    folder.mkdir(exist_ok=True)
    for shell in SHELLS:
        (folder / f"gntp-logging.{shell}").write_text(script(shell), "utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(__file__).parents[1])
