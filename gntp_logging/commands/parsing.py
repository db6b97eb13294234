"""The parser of every command: how mistakes are reported, and help that fits the terminal.

It is argparse's, except for four things. The line that says what is wrong comes first, and the usage of the command
follows. For an unknown option, the error suggests a name, and no other mistake is reported before it. Help keeps
indented lines as they are, as long as they fit. A usage has the width of the terminal, however narrow that is.
"""

from __future__ import annotations

import argparse
import itertools
import re
import textwrap
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NoReturn

from gntp_logging.options.checks import nearest, unknown

_EXAMPLE: Final = re.compile(r" +((?:[^|]+ \| )?gntp-logging .*?)(?: {2,}(\S.*)| *)")
"""An example: a command of this program, and behind two spaces or more what that does."""

_FAR: Final = " " * 16
_BELOW: Final = " " * 6
"""How far the meaning of an example is indented: beside it, and below it where there is no room."""

_WORD: Final = re.compile(r'(?:[^\s"]|"[^"]*")+')
"""A word of a command, as shells see it."""


class Parser(argparse.ArgumentParser):
    """A parser of the command line, or of one command; the parsers of its commands are of this class as well."""

    def __init__(self, **options: Any) -> None:  # argparse's own options, which its add_parser passes on
        """Make a parser as argparse does, with the help of :class:`HelpFormatter`."""
        super().__init__(**{"formatter_class": HelpFormatter, **options})
        self._given: Sequence[str] = ()
        self._commands: Collection[str] = ()

    # Any, here and below: argparse's signatures are overloaded, and these methods only pass their arguments through.
    def add_subparsers(self, **options: Any) -> Any:
        """Add commands as argparse does, and remember how they are called."""
        commands = super().add_subparsers(**options)
        self._commands = commands.choices  # which fills
        return commands

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, and end the program where an argument is unknown.

        argparse would let the parser of the whole command line report it, which does not know a command's options.
        """
        self._given = args or ()
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unexpected argument {rest[0]!r}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        """End the program with exit code 2: one line that says what is wrong, and then the usage."""
        options = self._option_string_actions
        given = self._given
        if self._commands:  # what follows a command belongs to that command
            given = [*itertools.takewhile(lambda word: word.startswith("-"), given)]
        if mistyped := unknown_option(given, options):
            meant = nearest(mistyped.lstrip("-"), [name.lstrip("-") for name in options if name.startswith("--")])
            message = f"unknown option {mistyped!r}" + (f" (did you mean '--{meant}'?)" if meant else "")
        elif self._commands and len(given) < len(self._given):
            message = unknown(self._given[len(given)], self._commands, "command")
        self.exit(2, f"{self.prog}: {message}\n{self.format_usage()}")


def unknown_option(given: Sequence[str], known: Collection[str]) -> str:
    """Return the first long option that is neither a known one nor the beginning of one; empty if there is none."""
    for word in itertools.takewhile(lambda word: word != "--", given):
        name = word.partition("=")[0]
        # With a space in it, argparse takes a word for a value.
        if name.startswith("--") and " " not in word and not any(option.startswith(name) for option in known):
            return name
    return ""


class HelpFormatter(argparse.HelpFormatter):
    """Wraps paragraphs, and keeps lines that are indented: examples, and what stands in a file."""

    # Both are private. argparse's own formatters override such methods, too: it has no other way.
    def _format_usage(self, *arguments: Any) -> str:
        lines = super()._format_usage(*arguments).rstrip("\n").split("\n")
        if max(map(len, lines)) > self._width:  # argparse begins all lines below the end of the command
            lines, pieces = lines[:1], lines[1:]
            for piece in map(str.strip, pieces):
                if len(lines) > 1 and len(f"{lines[-1]} {piece}") <= self._width:
                    lines[-1] += f" {piece}"
                else:
                    lines += textwrap.wrap(
                        piece, self._width, initial_indent="  ", subsequent_indent="    ", break_long_words=False,
                        break_on_hyphens=False,
                    )  # fmt: skip
        return "\n".join([*lines, "", ""])

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _filled(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line if line else "" for line in wrapped(text, width - len(indent)))


def wrapped(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a description, none wider than it must be.

    Args:
        text: Paragraphs, empty lines, and indented lines, which are kept as they stand. Of those, an example that does
            not fit is wrapped as a shell reads it, and what it does stands below.
    """
    for is_paragraph, group in itertools.groupby(text.strip("\n").split("\n"), lambda line: line[:1].strip() != ""):
        lines = list(group)
        if is_paragraph:
            yield from _filled(" ".join(lines), width)
        elif max(map(len, lines)) <= width:
            yield from lines
        else:
            for line in lines:
                yield from _example(line, width)


def _example(line: str, width: int) -> Iterator[str]:
    if found := _EXAMPLE.fullmatch(line):
        command, meaning = found.groups()
        piece, *words = _WORD.findall(command)
        for word in words:
            if len(f"  {piece} {word} \\") > width:
                yield f"  {piece} \\"
                piece = f"  {word}"
            else:
                piece += f" {word}"
        yield f"  {piece}"
    elif line.startswith(_FAR):  # the meaning of the example above
        meaning = line
    else:
        yield line
        return
    if meaning:
        yield from _filled(meaning.strip(), width, _BELOW)


def _filled(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False,  # a command stays whole
    )  # fmt: skip
