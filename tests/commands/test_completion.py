"""Completion: each shell itself completes what somebody has begun to type."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from gntp_logging.commands import completion
from gntp_logging.commands.cli import main
from gntp_logging.commands.completion import SHELLS
from tests.peers import require_program
from tools.make_completions import script

TYPED = {
    "gntp-logging se": {"send", "service"},
    "gntp-logging completion f": {"fish"},
    "gntp-logging send --stic": {"--sticky"},
    "gntp-logging listen --display j": {"json"},
    "gntp-logging service inst": {"install"},
    "gntp-logging check --config alerts.t": {"alerts.toml"},
}
"""What is typed, and what a shell makes of its last word."""

BASH = r"""
eval "$("$1" -m gntp_logging completion bash)"
read -ra COMP_WORDS <<< "$2"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE=$2 COMP_POINT=${#2}
function=$(complete -p gntp-logging | sed 's/.*-F \([^ ]*\).*/\1/')
"$function" gntp-logging "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""
FISH = '$argv[1] -m gntp_logging completion fish | source; complete -C "$argv[2]"'
ZSH = r"""
zmodload zsh/zpty
zpty shell "zsh -f -i"
zpty -w shell 'PS1= PS2=; autoload -Uz compinit; compinit -u -d '$PWD/dump
zpty -w shell 'eval "$('$1' -m gntp_logging completion zsh)"'
zpty -w shell "bindkey '^I' complete-word; print READY-\$((1 + 1))"
zpty -r -m shell output '*READY-2*'
zpty -w -n shell "$2"$'\t'
zpty -r -m shell output "*$3*"
"""
"""Types into a shell behind a terminal, and waits until it shows what follows."""


@pytest.mark.program
@pytest.mark.peer
@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(typed: str, shell: str, tmp_path: Path) -> None:
    """Commands, options, what an option allows, and files; the script is the one that was made by the build."""
    (tmp_path / "alerts.toml").touch()
    options = ["-f", "-c", ZSH, "zsh"] if shell == "zsh" else ["-c", BASH, "bash"] if shell == "bash" else ["-c", FISH]
    expected = sorted(TYPED[typed])
    command = [require_program(shell, shell), *options, sys.executable, typed, "*".join(expected)]
    variables = {**os.environ, "TERM": "dumb", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    result = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, encoding="utf-8", timeout=30, check=False
    )
    assert result.returncode == 0, result.stderr
    if shell != "zsh":
        assert [line.split("\t")[0] for line in result.stdout.splitlines()] == expected


def test_the_scripts_are_those_of_this_parser() -> None:
    """An option that was added is completed as soon as the package is installed anew."""
    for shell in SHELLS:
        made = resources.files("gntp_logging.commands") / "completions" / f"gntp-logging.{shell}"
        is_current = made.is_file() and made.read_text("utf-8") == script(shell)
        assert is_current, "made for another parser, or not at all: pip install -e . makes them"


def test_a_source_that_was_not_installed_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The build makes the scripts."""
    monkeypatch.setattr(completion, "__package__", "tests")
    assert main(["completion", "bash"]) == 1
    assert capsys.readouterr().err == "gntp-logging completion: scripts are made by an installation: pip install .\n"


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """By name, with those that are known."""
    with pytest.raises(SystemExit) as ended:
        main(["completion", "tcsh"])
    assert ended.value.code == 2
    (line, *_) = capsys.readouterr().err.splitlines()
    assert re.search("'tcsh'.*bash.*zsh.*fish", line)
