"""holes: what varies in a message, and what tells mistakes apart."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gntp_logging.alerts.holes import CUT, HOLE, MAX_RESULT, MAX_TEXT, holes_made, with_holes


class Pair(NamedTuple):
    """Two messages of one place.

    Attributes:
        reason: Why they are the same mistake, or are not.
        one: A message.
        other: Another one.
        is_same: Whether a person would call them the same mistake.
    """

    reason: str
    one: str
    other: str
    is_same: bool


def pairs() -> list[Pair]:
    """Return the pairs of the corpus."""
    found: list[Pair] = []
    reason = ""
    for line in (Path(__file__).parent / "corpora" / "pairs.txt").read_text("utf-8").splitlines():
        for sign in (" ⇔ ", " ≠ "):
            one, here, other = line.partition(sign)
            if reason and here:
                found.append(Pair(reason, one, other, sign == " ⇔ "))
        if line.startswith("# "):
            reason = line[2:]
    return found


PAIRS = pairs()


def test_the_corpus_is_large_and_has_both_sorts() -> None:
    """Of each sort many: a function that always says yes, or always no, does not pass."""
    assert len(PAIRS) >= 300
    assert len({(pair.one, pair.other) for pair in PAIRS}) == len(PAIRS)
    assert min(sum(pair.is_same for pair in PAIRS), sum(not pair.is_same for pair in PAIRS)) >= 100


def test_pairs_fold_or_not_as_people_would_say() -> None:
    """Those that are wrong are shown."""
    wrong = [pair for pair in PAIRS if (with_holes(pair.one) == with_holes(pair.other)) is not pair.is_same]
    assert not wrong, "\n".join(
        f"{'same' if pair.is_same else 'different'}: {with_holes(pair.one)!r} and {with_holes(pair.other)!r}"
        for pair in wrong
    )


@pytest.mark.parametrize(
    ("message", "holes"),
    [
        ("\n order 17 of 'ann' failed\nmore 1\nmore 2", "order * of * failed"),
        ("GET https://shop.example/a returned 404 in 7 ms", "GET * returned 404 in *"),
        ('10.0.0.7 "GET /a HTTP/1.1" 404 12', '* "GET *" 404 *'),
        ("[Errno 13] Permission denied: '/a'", "[Errno 13] Permission denied: *"),
        ("user=ann id=7 reason=timeout", "user=* id=* reason=timeout"),
        ("lost [1, 2] and 7 rows, 8 columns", "lost [*] and * row, * column"),
        ("it failed", "it failed"),
        ("", ""),
    ],
)
def test_a_message_with_holes_is_still_read(message: str, holes: str) -> None:
    """The first line that is not blank; words stay where they stood."""
    assert with_holes(message) == holes


WORDS = st.lists(
    st.text("ghijklmnopqrtuvwxyz", min_size=2, max_size=8).filter(lambda word: word not in ("not", "or")),
    min_size=1,
    max_size=12,
)
VALUES = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.uuids().map(str),
    st.ip_addresses().map(str).filter(lambda text: any(map(str.isdigit, text))),
    st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,9})?@[a-z]{1,9}\.example", fullmatch=True),
    st.text("abcdef", min_size=8, max_size=40),
    st.from_regex(r"[a-z]{1,4}-[0-9]{1,9}", fullmatch=True),
    # No two dots in a row: three end a text that was cut.
    st.from_regex(r"/[a-z]{1,9}/[a-z]{1,9}(\.[a-z]{1,4}){0,2}", fullmatch=True),
    st.text("abc xyz,.:=", max_size=30).map(lambda text: f'"{text}"'),
)


@given(WORDS, WORDS, VALUES, VALUES)
def test_any_value_between_any_words_is_a_hole(before: list[str], after: list[str], one: str, other: str) -> None:
    """Numbers, ids, addresses, paths and quoted strings: what it is makes no difference, and the words stay."""
    lines = [with_holes(" ".join((*before, value, *after))) for value in (one, other)]
    assert lines[0] == lines[1]
    assert lines[0].split(HOLE)[0].split() == before


@given(WORDS)
def test_words_alone_are_left_as_they_are(words: list[str]) -> None:
    """No rule eats a word."""
    assert with_holes(" ".join(words)) == " ".join(words)[:MAX_RESULT].rstrip()


UNITS = (
    "KB", "MiB/s", "Gbps", "kbit/s", "bytes", "B", "kHz", "Hz", "ns", "us", "µs", "ms", "s", "sec", "m", "min", "h",
    "hr", "d", "nanoseconds", "seconds", "minutes", "hours", "days", "weeks", "months", "years", "AM", "pm", "p.m",
    "UTC", "GMT", "CEST", "EST", "MST", "PDT", "BST", "MSK", "IST", "JST", "Apr", "Dec", "Feb", "Jan", "Nov", "Oct",
    "Sep",
)  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("blank", ["", " "])
def test_an_amount_and_its_unit_are_one_hole(unit: str, blank: str) -> None:
    """A unit may be glued to its number, and an amount may have two."""
    assert with_holes(f"waited 7{blank}{unit}, then left") == f"waited {HOLE}, then left"
    assert with_holes(f"waited 7{blank}{unit} 8{blank}{unit}, then left") == f"waited {HOLE}, then left"


@pytest.mark.parametrize(
    "between",
    [" ", ", ", ",", "; ", ": ", ":", " | ", "|", "/", " / ", " + ", "=", " - ", ".", " and ", " or ", ", and "],
)
def test_holes_side_by_side_are_one(between: str) -> None:
    """Whatever stands between the parts of a list, or of an address."""
    assert with_holes(f"lost '7'{between}'8' again") == f"lost {HOLE} again"


@pytest.mark.parametrize(
    ("text", "holes"),
    [
        ("lost '7' ('8') again", "lost * again"),
        ("lost 7 () again", "lost * again"),
        ("went to db:5432, back", "went to *, back"),
        ("stood at db:5432, still", "stood at *, still"),
        ("the host db:5432 is gone", "the host * is gone"),
        ("behind db:5432, gone", "behind db:*, gone"),
        ("7 files", "* file"),
        ("7 more open files", "* more open file"),
        ("7 of all open files", "* of all open files"),
        ("7 processes, 8 entries", "* process, * entry"),
        ("7 address", "* address"),
    ],
)
def test_what_belongs_to_a_hole(text: str, holes: str) -> None:
    """A name in brackets, a host in front of its port, and the ending of what is counted."""
    assert with_holes(text) == holes


@given(st.text())
def test_any_text_becomes_one_short_line(text: str) -> None:
    """Whatever a message holds."""
    line = with_holes(text)
    assert "\n" not in line
    assert len(line) <= MAX_RESULT


@given(st.text("ab 17'\"{}[]().,:;=*/@-<>", max_size=60))
def test_no_digit_is_left_where_nothing_announces_a_code(text: str) -> None:
    """Signs of every sort do not protect it."""
    assert not any(character.isdigit() for character in with_holes(text))


ANNOUNCING = (
    "errno", "WinError", "signal", "exit", "exitcode", "returncode", "retcode", "rc=", "exit code", "exit status",
    "exited with", "error code", "status", "error", "returned", "HTTP", "HTTP/1.1", "http/2", '"PUT /a" ', "reason=",
    "type=", "state=", "method=", "errno=", "status_code=", "[errno", "SQLSTATE=", "pgcode", "pgcode=",
)  # fmt: skip


@pytest.mark.parametrize("word", ANNOUNCING)
def test_a_number_behind_its_word_tells(word: str) -> None:
    """Every word that announces a code is found by the quick look at the line."""
    codes = ("42P01", "HY000") if word in {"SQLSTATE=", "pgcode", "pgcode="} else ("404", "500")
    lines = [with_holes(f"it ended, {word}{'' if word.endswith('=') else ' '}{code} at 17") for code in codes]
    assert [code in line for code, line in zip(codes, lines, strict=True)] == [True, True]
    assert not any("17" in line for line in lines)


@given(st.text("abcdefghijkl ", min_size=1, max_size=40), st.integers(0, 40))
def test_where_a_message_was_cut_makes_no_difference_to_its_last_value(text: str, end: int) -> None:
    """Half an id may be a word, and a quotation mark that is missing would show what it should hide."""
    whole = "no such user "
    assert with_holes(f"{whole}3f2a9c1d{CUT}") == with_holes(f"{whole}abcdefgh{CUT}") == whole.rstrip()
    assert with_holes(f"{whole}'{text[:end]}{CUT}") == with_holes(f'{whole}"{text}{CUT}') == f"{whole}{HOLE}"
    assert with_holes(f'{whole}{{"a": {{}}, "b": {{"{text}": 1{CUT}') == f"{whole}{HOLE}"


def test_a_long_value_does_not_push_the_rest_out() -> None:
    """The result is cut, and not the message: what is behind a long path tells mistakes apart."""
    one, other = (f"cannot read /{'a' * length}/b: denied" for length in (3, 900))
    assert with_holes(one) == with_holes(other) == f"cannot read {HOLE}: denied"
    assert with_holes("x " * MAX_TEXT) == ("x " * MAX_RESULT)[:MAX_RESULT].rstrip()


PIECES = (
    "'", "b'", "b'b ", " 'a", "'a'b", '"', "`", "“", "„", "«", "»", "‘", "‚", "「", "{", "}", "{a", "{}", "{{}", "a.",
    "a.a", "a:", "f:", "::", "1:", "*", "* ", "*,", "* aas ", " for a from ", "for user ", "=", "a=", "a= ", "[", "[a,",
    ",", "(", "()", "* (", "-", "1-", "/", "\\", "@", "://", "a://", "..", ".", "1 s ", "* and ", "Jan ", "Mon, ", CUT,
    "~", "deadbee", "A", "é", "17", "9 kB", "status ", "error 404 ", '"GET ', "HTTP/1.1 ", "\t",
)  # fmt: skip
"""What rules begin with, and what they wait for."""


@contextlib.contextmanager
def bounded_work() -> Iterator[None]:
    """Fail what takes thirty seconds of this process's own time, whatever else the machine does meanwhile."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError("a rule looks at the same text again and again")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 30)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts no process's time for signals")
def test_the_work_grows_with_the_length_alone() -> None:
    """Pieces repeated to 250,000 characters: each takes a tenth of a second, and minutes where a rule is quadratic."""
    for piece in PIECES:
        with bounded_work():
            holes_made(piece * (250_000 // len(piece)))
            holes_made(piece * (250_000 // len(piece)) + "x'\"}* =17")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts no process's time for signals")
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), st.sampled_from(PIECES))
@settings(deadline=None, max_examples=60)
def test_no_mixture_of_pieces_is_dear(pieces: list[str], end: str) -> None:
    """As above, drawn."""
    unit = "".join(pieces)
    with bounded_work():
        holes_made(unit * (250_000 // len(unit)) + end)
