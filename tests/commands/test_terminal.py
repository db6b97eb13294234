"""What commands write to a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from gntp_logging.commands.terminal import all_streams, say, warn


@pytest.mark.parametrize(
    ("encoding", "line", "shown"),
    [
        ("utf-8", "  indented \x1b[2J büro", "  indented ␛[2J büro"),
        ("ascii", "büro", "b?ro"),
        ("utf-8", "lone \udc80", "lone \ufffd"),
        ("utf-8", "\ntwo\nlines", "\ntwo\nlines"),
    ],
)
def test_a_line_is_shown_as_far_as_the_stream_can(encoding: str, line: str, shown: str) -> None:
    """And obeyed by no terminal."""
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding, newline="\n")
    say(line, stream)
    assert buffer.getvalue() == f"{shown}\n".encode(encoding)


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, whatever line ends are in it."""
    warn("no\nsuch\r\nfile")
    assert capsys.readouterr() == ("", "no such file\n")


def test_missing_streams_lead_nowhere_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """And are missing again after that; those that are there stay."""
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stderr", None)
    before = sys.stdout
    with all_streams():
        assert sys.stdin.read() == ""
        warn("nobody hears it")
        assert sys.stdout is before
    assert (sys.stdin, sys.stderr) == (None, None)
