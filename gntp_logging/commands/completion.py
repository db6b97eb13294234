"""The command ``gntp-logging completion``: prints the script by which a shell completes commands, options and files."""

from __future__ import annotations

import argparse
import sys
from importlib import resources
from typing import Final

SHELLS: Final = ("bash", "zsh", "fish")

_DESCRIPTION: Final = """\
Print a script that lets a shell complete the commands, their options and files.

bash, in ~/.bashrc:

  eval "$(gntp-logging completion bash)"

zsh, in ~/.zshrc, behind compinit:

  eval "$(gntp-logging completion zsh)"

fish, once:

  gntp-logging completion fish > ~/.config/fish/completions/gntp-logging.fish
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "completion",
        help="let the shell complete commands and options",
        description=_DESCRIPTION,
        epilog="Exit codes: 0 printed; 1 this installation has no such script; 2 wrong usage.",
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    parser.set_defaults(run=completion_command)


def completion_command(arguments: argparse.Namespace) -> int:
    """Print the script of a shell, which was made when the package was built.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code.

    Raises:
        OSError: If there is no script, because the package is run from its source without an installation.
    """
    script = resources.files(__package__) / "completions" / f"gntp-logging.{arguments.shell}"
    try:
        sys.stdout.write(script.read_text("utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError("scripts are made by an installation: pip install .") from error
    return 0
