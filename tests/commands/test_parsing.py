"""What mistakes on the command line get as an answer, and how help fits the terminal."""

from __future__ import annotations

import itertools
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.commands.cli import main, parser
from gntp_logging.commands.parsing import unknown_option, wrapped
from tests.documents import ROOT


@pytest.mark.parametrize(
    ("given", "line", "usage"),
    [
        ("sned x", "gntp-logging: unknown command 'sned' (did you mean 'send'?); allowed: demo,", ""),
        ("--versoin", "gntp-logging: unknown option '--versoin' (did you mean '--version'?)", ""),
        ("--qqq send x", "gntp-logging: unknown option '--qqq'", ""),
        ("listen --disply web", "gntp-logging listen: unknown option '--disply' (did you mean '--display'?)", "listen"),
        ("send --prioritty=1", "gntp-logging send: unknown option '--prioritty' (did you mean '--priority'?)", "send"),
        ("relay --confg x", "gntp-logging relay: unknown option '--confg' (did you mean '--config'?)", "relay"),
        ("check x", "gntp-logging check: unexpected argument 'x'", "check"),
        ("send", "gntp-logging send: the following arguments are required: title", "send"),
        ("send --sticky", "gntp-logging send: the following arguments are required: title", "send"),
        ("service instal", "gntp-logging service: unknown command 'instal' (did you mean 'install'?)", "service"),
        ("service install --disply web", "gntp-logging service install: unknown option '--disply'", "service install"),
    ],
)
def test_a_mistake_is_one_line_and_the_usage(
    given: str, line: str, usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line first, and the usage of the command that was meant, not of the whole program."""
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(given))
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert first.startswith(line)
    assert second.startswith(f"usage: gntp-logging {usage} ".replace("  ", " "))


def test_what_follows_two_dashes_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    """It is what is to be shown; the server is another matter."""
    with pytest.raises(SystemExit):
        main(["send", "--port=x", "--", "--titel"])
    assert "argument --port" in capsys.readouterr().err.splitlines()[0]


_NAMES = st.lists(st.from_regex(r"--[a-z]{1,6}", fullmatch=True), min_size=1, max_size=5)


@given(_NAMES, st.lists(st.from_regex(r"(--)?[a-z=]{0,7}", fullmatch=True), max_size=6))
def test_an_unknown_option_is_the_first_that_none_begins_with(known: list[str], given: list[str]) -> None:
    """Abbreviations are known; words, and what follows two dashes, are no options."""
    found = unknown_option(given, known)
    given = given[: given.index("--")] if "--" in given else given
    names = [word.split("=")[0] for word in given if word.startswith("--")]
    strange = [name for name in names if all(option[: len(name)] != name for option in known)]
    assert found == (strange[0] if strange else "")


HELP = """\
Show what arrives, as a server of the Growl Notification Transport Protocol does.

  gntp-logging listen                                boxes in the terminal
  gntp-logging send "Backup is done, at last" "" --priority 2 --sticky
                                                     it stays until somebody dismisses it

  [desktops.anna]
  host = "anna.example"

Without --bind it listens to this machine alone.
"""


def test_help_that_fits_is_kept_as_it_stands() -> None:
    """Line by line."""
    assert "\n".join(wrapped(HELP, 100)) + "\n" == HELP


@pytest.mark.parametrize("width", [20, 30, 40, 60, 78])
def test_help_fits_the_terminal(width: int) -> None:
    """Nothing is lost; a wrapped command is still one, and no text within its quotes is."""
    lines = list(wrapped(HELP, width))
    longest = max(map(len, re.findall(r'"[^"]*"|\S+', HELP)))
    assert max(map(len, lines)) <= max(width, longest + len("    \\ "))
    shown = "\n".join(lines).replace("\\\n", " ")
    assert re.findall(r'"[^"]*"|\S+', shown) == re.findall(r'"[^"]*"|\S+', HELP)
    (command,) = [line for line in shown.splitlines() if "Backup" in line]
    assert shlex.split(command) == [
        "gntp-logging", "send", "Backup is done, at last", "", "--priority", "2", "--sticky",
    ]  # fmt: skip
    assert '  host = "anna.example"' in lines


def test_no_hyphen_ends_a_line_of_a_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What people copy, as ``pip install 'gntp-logging[redis]'``, stays in one piece."""
    lines = []
    for command, columns in itertools.product(COMMANDS, ("60", "80", "100")):
        monkeypatch.setenv("COLUMNS", columns)
        with pytest.raises(SystemExit):
            main([*command.split(), "--help"])
        lines += capsys.readouterr().out.splitlines()
    assert lines
    assert not [line for line in lines if re.search(r"\w-$", line)]


COMMANDS = ("", "demo", "send", "listen", "history", "service", "service install", "relay", "check", "completion")


@pytest.mark.parametrize("columns", ["60", "80", "200"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_help_is_wider_than_the_terminal(
    command: str, columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usage and all below it."""
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= int(columns)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_usage_fits_a_narrow_terminal(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With all that a wide one shows, in the same order."""
    usages = []
    for columns in ("40", "1000"):
        monkeypatch.setenv("COLUMNS", columns)
        with pytest.raises(SystemExit):
            main([*command.split(), "--help"])
        usage, empty, _ = capsys.readouterr().out.partition("\n\n")
        assert empty
        assert max(map(len, usage.splitlines())) <= int(columns)
        usages.append(usage.split())
    assert usages[0] == usages[1]


def test_no_example_waits_for_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As cron or a supervisor may leave it open for ever: each has a text, or a program that writes it."""
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["send", "--help"])
    texts = capsys.readouterr().out + (ROOT / "docs" / "commands.md").read_text("utf-8")
    example = re.compile(r"^ *((?:[^`\n]+ \| )?)gntp-logging (send .+?)(?: {3}.*)?$", re.MULTILINE)
    examples = example.findall(texts)
    assert len(examples) >= 8
    for piped, words in examples:
        arguments = parser().parse_args(shlex.split(words.split(" #")[0]))
        assert piped or (arguments.text, arguments.message) != (None, None), words
