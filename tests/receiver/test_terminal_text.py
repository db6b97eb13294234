"""Texts of strangers: visible, of a known width, in lines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.receiver.terminal_text import cells, sanitize_for_terminal, wrap


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("\x1b[2Jgone", "␛[2Jgone"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x9b2J", "\\x9b2J"),
        ("nul\x00", "nul␀"),
        ("a\x08b\x7f", "a␈b␡"),
        ("file\u202egnp.exe", "file\ufffdgnp.exe"),
        ("hidden\u200btext\ufeff.", "hidden\ufffdtext\ufffd."),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("para\u2029graph, li\u2028ne", "para\ngraph, li\nne"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("tab\tstop", "tab stop"),
        ("montant\u00a0: 5\u202f€", "montant : 5 €"),
        ("全角\u3000空白", "全角  空白"),
        ("می\u200cرود", "می\u200cرود"),
        ("👩\u200d💻 ❤\ufe0f", "👩\u200d💻 ❤\ufe0f"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(sent: str, shown: str) -> None:
    """Escape sequences, direction overrides and invisible characters become visible; text stays text."""
    assert sanitize_for_terminal(sent) == shown


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("é", 1),
        ("e\u0301", 1),
        ("注文", 4),
        ("ｶﾞ", 2),
        ("\uff21", 2),
        ("한국어", 6),
        ("\u1112\u1161\u11ab", 2),
        ("🛒", 2),
        ("👩\u200d💻", 4),
        ("สวัสดี", 4),
        ("न्य", 2),
        ("1\u20e3", 1),
        ("заказ", 5),
        ("─│╭", 3),
    ],
)
def test_width_in_a_terminal(text: str, columns: int) -> None:
    """Wide characters take two columns, marks and joiners none."""
    assert cells(text) == columns


_WORDS = st.text(alphabet=st.sampled_from("ab \n注e\u0301🛒\u200d-"), max_size=200)


@given(_WORDS, st.integers(2, 30))
def test_no_line_is_too_wide(text: str, width: int) -> None:
    """Whatever the text, each line fits."""
    assert all(cells(line) <= width for line in wrap(text, width))


@given(_WORDS, st.integers(2, 30))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    """The characters of all words are there, in their order, and no line ends with a space."""
    lines = list(wrap(text, width))

    assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")
    assert all(line == line.rstrip(" ") for line in lines)


@given(st.lists(st.text(alphabet="abcé注", min_size=1, max_size=5), max_size=40), st.integers(10, 30))
def test_words_that_fit_are_never_broken(words: list[str], width: int) -> None:
    """Joined with spaces the lines are the text again, and each line is as full as it can be."""
    lines = list(wrap(" ".join(words), width))

    assert " ".join(lines) == " ".join(words)
    for line, following in pairwise(lines):
        assert cells(line) + 1 + cells(following.split(" ")[0]) > width


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("    ", [""]),
        ("a\n\nb", ["a", "", "b"]),
        ("1234567890", ["1234567890"]),
        ("12345678901", ["1234567890", "1"]),
        ("  indented text", ["  indented", "text"]),
        ("    indentation", ["    indent", "ation"]),
        ("1234567890 next", ["1234567890", "next"]),
        ("words     apart", ["words", "apart"]),
        ("注文を処理できません", ["注文を処理", "できません"]),
        ("a注文を処理", ["a注文を処", "理"]),
    ],
)
def test_lines_of_ten_columns(text: str, lines: list[str]) -> None:
    """Lines break between words, inside words that are too long, and keep the indentation."""
    assert list(wrap(text, 10)) == lines
