"""Where a value behind a secret's name ends: in quotes, in brackets, at a blank. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .secret_shapes import Span
from .secret_values import NEWS_SIZE


class Found(NamedTuple):
    """What is hidden, and where to go on looking.

    Attributes:
        spans: Where the secrets are.
        resume: The first character that is not decided about yet.
    """

    spans: tuple[Span, ...]
    resume: int


class Value(NamedTuple):
    """Where a value is, without its quotes; and where what encloses it ends.

    ``opening`` is its quote, its bracket, or nothing.
    """

    begin: int
    end: int
    after: int
    opening: str


QUOTE: Final = r"""(?:
    ""(?=[\w:=$@%*^+~-])  # CSV's
  | \\{0,15} ["'`] | %(?:25){0,3}2[27] | &quot; | &\#(?:34|39|x27|x22); | \\{1,8}u0022
)"""
COLOUR: Final = r"(?: (?: \x1b | \\+x1b | \\+033 | \\+u001b ) \[ [\d;]{0,12} m )"


def pattern(expression: str) -> re.Pattern[str]:
    """Compile an expression that is written with blanks."""
    return re.compile(expression, re.VERBOSE)


_OPENING: Final = pattern(
    rf"""
    {COLOUR}{{0,3}}
    (?: [!&] (?! Ref | Sub | GetAtt | Import ) [\w!]{{1,20}} [ ]  # YAML's tag or anchor
      | string\(\d{{1,6}}\) [ ]  # PHP's type
      | (?: \[\] | map\[\w{{1,20}}\] ) (?: \w{{1,20}} | interface[ ]\{{\}} ) (?= \{{ ) )?  # Go's
    (?: [bBuUrRfF]{{0,2}} ( ["]{{3}} | [']{{3}} | {QUOTE} ) | ( [\[(] | \{{ (?! [A-Z0-9-]{{3,14}} \}} \w ) ) )?
    """
)
RUN: Final = pattern(
    r"""
    (?: [^\s"'`&;<>,\\\x1b]
      | \\ (?! [nrt"'`\\] | x1b | u00 ) [ ]?
      | \\\\ (?= [A-Za-z0-9] ) (?! [nrtux] )
      | (?<=\w) ["'`] (?=\w)
      | < [^<>\s"']{1,80} >
      | [,&;] (?= [^\s,&;"'`\[\](){}<>\\] ) (?! [\w.%-]{1,40} \s? [=:] )
    )+
    """
)
"""A value without quotes. A comma, ``&`` or ``;`` is part of it where no other name follows; a blank behind ``\\``."""

_ENCODED_ENDS: Final = [re.compile(rf"%(?:25){{0,{times}}}(?:26|22|27|3[bB]|2[cC]|0[aAdD])") for times in range(4)]
"""What ends a value that was percent-encoded; what was encoded more often than its name is part of it."""

_BRACKET: Final = re.compile(r"""\\.|["'`\[\](){}]""", re.DOTALL)
_BRACKET_REACH: Final = 3 * NEWS_SIZE
_ANY_BRACKET: Final = re.compile(r"[\[\](){}]")
_CLOSING: Final = {"[": "]", "(": ")", "{": "}"}
_SHELLS_QUOTES: Final = ("'\"'\"'", "'\\''")
"""What a shell makes of a quote in quotes."""

_CLOSING_QUOTES: Final = 8
"""Closing quotes that are looked at for one behind which no word goes on, as in ``'it's7'``."""


def line_end(text: str, at: int) -> int:
    """Return where the line ends in which a place is."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def value_at(text: str, at: int, *, sign: str = "") -> Value:
    """Return where the value is that begins at a place; quoted, in brackets, or up to a blank.

    Args:
        text: Any text.
        at: The place.
        sign: What stands before it. Where that was percent-encoded, the value was.
    """
    opening = _OPENING.match(text, at)
    assert opening is not None  # all of it may be missing
    if opening[1]:
        return quoted(text, opening.end(), opening[1])
    if opening[2]:
        return bracketed(text, opening.end(), opening[2])
    begin = opening.end()
    run = RUN.match(text, begin)
    end = begin if run is None else run.end()
    if sign.startswith("%") and (stop := _ENCODED_ENDS[sign.count("25")].search(text, begin, end)):
        end = stop.start()
    end = without_closing(text, begin, end)
    return Value(begin, end, end, "")


def quoted(text: str, begin: int, quote: str) -> Value:
    """Find the closing quote: one that nothing escapes and behind which no word goes on, else the first on the line."""
    first, at = -1, begin
    for _ in range(_CLOSING_QUOTES):
        at = text.find(quote, at)
        if at < 0 or (len(quote) < 3 and "\n" in text[at - 1 : at] + text[begin : min(at, begin + NEWS_SIZE)]):
            break
        if text[at - 1] != "\\" or quote[0] == "\\" or text[begin:at].endswith("\\\\"):
            first = at if first < 0 else first
            inside = _quote_inside(text, begin, at, quote)
            if not inside:
                break
            at += inside
        else:
            at += len(quote)
    else:
        at = -1
    if at < 0:
        at = first
    if at < 0 or (len(quote) < 3 and text.find("\n", begin, at) >= 0):
        at = line_end(text, begin)
        return Value(begin, at, at, quote)
    return Value(begin, at, at + len(quote), quote)


def _quote_inside(text: str, begin: int, at: int, quote: str) -> int:
    """Return the size of a quote that is a part of the value which begins before it; 0 if it ends the value."""
    if quote == "'" and text.startswith(_SHELLS_QUOTES, at):
        return next(len(each) for each in _SHELLS_QUOTES if text.startswith(each, at))
    behind = text[at + len(quote) : at + len(quote) + 2]
    if behind[:1] == quote and behind[1:].isalnum() and at > begin:  # SQL's and YAML's 'it''s7'
        return 2
    return len(quote) if behind[:1].isalnum() or behind[:1] == "_" else 0


def whole(text: str, at: int, span: Span) -> Span:
    """Return a word of a command to the end of the quotes in which it is.

    Args:
        text: Any text.
        at: Where the command, or the option before the word, begins. It may be in quotes of its own.
        span: Where the word is, up to a blank.
    """
    begin, end = span
    before = text[at:begin]
    for quote in "'\"":
        first = int(text[at - 1 : at] == quote)  # it ends the quotes in which the command, or the option, is itself
        if (before.count(quote) - first) % 2:
            upto = before[: before.rfind(quote)]
            escapes = upto[len(upto.rstrip("\\")) :]
            end = quoted(text, begin, escapes + quote).end
    return begin, end


def bracketed(text: str, begin: int, bracket: str) -> Value:
    """Find the closing bracket; if none is near, the end of the line."""
    open_, quote = [_CLOSING[bracket]], ""
    for sign in _BRACKET.finditer(text, begin, begin + _BRACKET_REACH):
        character = sign[0]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'`":
            # Behind two letters it is an apostrophe; behind one it may begin bytes.
            quote = "" if character == "'" and text[sign.start() - 2 : sign.start()].isalnum() else character
        elif character in _CLOSING:
            open_.append(_CLOSING[character])
        elif character == open_[-1]:
            open_.pop()
            if not open_:
                return Value(begin, sign.start(), sign.end(), bracket)
    end = line_end(text, begin)
    return Value(begin, end, end, bracket)


def without_closing(text: str, begin: int, end: int) -> int:
    """Leave out the closing brackets that were opened before a value, and the stop at the end of a sentence."""
    open_ = 0
    for bracket in _ANY_BRACKET.finditer(text, begin, min(end, begin + NEWS_SIZE)):
        open_ += 1 if bracket[0] in _CLOSING else -1
        if open_ < 0:
            end = bracket.start()
            break
    while end > begin and text[end - 1] in ".,:!?":
        end -= 1
    return end
