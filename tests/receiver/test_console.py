"""The console's boxes."""

from __future__ import annotations

import io
import re
import time
import unicodedata
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.context import MAX_LINE, last_line
from gntp_logging.receiver.console import ConsoleDisplay, has_colours
from gntp_logging.receiver.cuts import MAX_TEXT
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.terminal_text import cells

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


class _Terminal(io.TextIOWrapper):
    """A stream with an encoding, which may claim to be a terminal."""

    def __init__(self, encoding: str, *, is_terminal: bool = False) -> None:
        self.bytes = io.BytesIO()
        self.is_terminal = is_terminal
        super().__init__(self.bytes, encoding=encoding, newline="\n")

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of eighty columns, whatever runs the tests."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


ARRIVED: Final = time.mktime((2026, 11, 28, 14, 3, 11, 0, 0, -1))


def _draw(toast: Toast, *, encoding: str = "utf-8", colour: bool = False, remark: str = "") -> str:
    stream = _Terminal(encoding)
    ConsoleDisplay(stream, colour=colour, remark=lambda _: remark).show(replace(toast, arrived=ARRIVED))
    return stream.bytes.getvalue().decode(encoding)


def _inside(box: str) -> list[str]:
    """Return the lines inside a box, without its sides."""
    return [line[2:-2].rstrip() for line in box.splitlines()[1:-1]]


def _widths(box: str) -> set[int]:
    return {cells(line) for line in _ESCAPE.sub("", box).splitlines()}


# -- The box -------------------------------------------------------------------------------------


def test_a_box_shows_what_a_person_needs() -> None:
    """Time, application, type, priority, title, text, and how it came; each at its place."""
    toast = Toast(
        "shop",
        "Error",
        "Payment failed",
        "Order 4711\n  is waiting",
        priority=1,
        sticky=True,
        encryption="AES",
        hash_="SHA256",
        peer="127.0.0.1",
    )

    assert _draw(toast, remark="1.4 ms").splitlines() == [
        "╭─ 14:03:11 · shop · Error ─────────────────────────────────── ERROR, sticky ─╮",
        "│ Payment failed                                                              │",
        "│ Order 4711                                                                  │",
        "│   is waiting                                                                │",
        "╰─ AES · SHA256 · 127.0.0.1 ───────────────────────────────────────── 1.4 ms ─╯",
    ]


def test_an_unprotected_toast_without_text() -> None:
    """What there is not is said, and takes no line."""
    assert _draw(Toast("shop", "Info", "Started", "")).splitlines() == [
        "╭─ 14:03:11 · shop · Info ────────────────────────────────────────── WARNING ─╮",
        "│ Started                                                                     │",
        "╰─ clear · no key ────────────────────────────────────────────────────────────╯",
    ]


def test_the_application_is_always_named() -> None:
    """A title that has the same word says something else with it."""
    assert _draw(Toast("shop", "Error", "no shop is open", "")).startswith("╭─ 14:03:11 · shop · Error ──")


@pytest.mark.parametrize(
    ("priority", "name"), [(-2, "DEBUG"), (-1, "INFO"), (0, "WARNING"), (1, "ERROR"), (2, "CRITICAL")]
)
def test_priorities_are_shown_as_levels(priority: int, name: str) -> None:
    """The upper edge ends with the level, in logging's words."""
    assert _draw(Toast("a", "b", "title", "", priority=priority)).splitlines()[0].endswith(f"─ {name} ─╮")


@pytest.mark.parametrize("columns", [1, 10, 16, 17, 20, 24, 30, 40, 77, 80, 200])
@pytest.mark.parametrize("colour", [True, False])
def test_a_box_is_a_rectangle_at_any_width(monkeypatch: pytest.MonkeyPatch, columns: int, colour: bool) -> None:
    """All lines are equally wide: one less than the terminal, from 16 to 100."""
    monkeypatch.setenv("COLUMNS", str(columns))
    toast = Toast(
        "an application with a long name",
        "a type with a long name",
        "A title of some words, 注文を処理できません",
        "and/a/text/that/has/no/spaces/" * 5 + "\n🛒🔥" * 20,
        priority=2,
        sticky=True,
        peer="2001:db8:1111:2222:3333:4444:5555:6666",
    )

    assert _widths(_draw(toast, colour=colour, remark="1234.5 ms")) == {max(16, min(100, columns - 1))}


def test_a_narrow_edge_keeps_its_first_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for both labels time and type of the notification stay, and the priority goes."""
    monkeypatch.setenv("COLUMNS", "31")

    box = _draw(Toast("shop", "Critical", "shop", "", priority=2, sticky=True))

    assert box.splitlines()[0] == "╭─ 14:03:11 · shop · Criti… ─╮"


def test_a_label_that_is_too_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long name leaves room for the priority, and a mark shows that it goes on."""
    monkeypatch.setenv("COLUMNS", "41")

    box = _draw(Toast("application" * 9, "Info", "title", ""))

    assert box.splitlines()[0] == "╭─ 14:03:11 · applicationa… ─ WARNING ─╮"


# -- Untrusted text ------------------------------------------------------------------------------


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x00\x1b\x9b\r\n\t\u202e\u200d\u00a0\ud800"))))
def test_no_text_reaches_the_terminal_as_a_command(text: str) -> None:
    """Whatever is sent in whichever field: no control character and no direction override is written."""
    box = _draw(Toast(text or "a", text or "n", text, text, peer=text, encryption=text, hash_=text), remark=text)

    for char in box.replace("\n", ""):
        assert unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
        assert char not in _BIDI


def test_colours_are_the_only_escapes() -> None:
    """With colours on, every escape sequence in a box is one of ours, and each line ends uncoloured."""
    box = _draw(Toast("a\x1b", "n", "\x1b[31mred", "text\x1b[0m", priority=1), colour=True)

    assert "\x1b" not in _ESCAPE.sub("", box)
    for line in box.splitlines():
        assert line.endswith("\x1b[0m")


def test_a_long_text_is_cut_at_thirty_lines() -> None:
    """What happened and the last line are shown, and how many are missing between them."""
    inside = _inside(_draw(Toast("a", "b", "title", "\n".join(f"line {number}" for number in range(100)))))

    assert len(inside) == 30
    assert inside[:2] == ["title", "line 0"]
    assert inside[27:] == ["line 26", "... (+72 lines)", "line 99"]


def test_a_long_title_is_cut_as_well() -> None:
    """There is no last line of a text to keep."""
    inside = _inside(_draw(Toast("a", "b", "\n".join(f"line {number}" for number in range(31)), "")))

    assert inside[28:] == ["line 28", "... (+2 lines)"]


def test_a_handlers_last_line_outlives_the_cut_in_the_narrowest_box(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has 160 characters at most, and the box twelve columns."""
    monkeypatch.setenv("COLUMNS", "10")
    last = last_line(("ERROR", "shop.orders"), tuple((f"name{number}", "value") for number in range(30)))

    inside = _inside(_draw(Toast("a", "b", "title", "line\n" * 100 + last)))

    assert len(last) == MAX_LINE
    assert len(inside) <= 31
    assert " ".join(inside).endswith(last.split(" · ")[-1])
    assert "ERROR ·" in " ".join(inside)


def test_a_last_line_that_leaves_no_room_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few characters may take many lines of a narrow box."""
    monkeypatch.setenv("COLUMNS", "10")

    inside = _inside(_draw(Toast("a", "b", "title", "line\n" * 100 + "注文処理 " * 32)))

    assert inside[:2] == ["title", "line"]
    assert inside[-1].startswith("... (+") or inside[-2].startswith("... (+")


def test_thirty_lines_are_shown_whole() -> None:
    """Nothing is cut from what just fits."""
    inside = _inside(_draw(Toast("a", "b", "title", "\n".join(f"line {number}" for number in range(29)))))

    assert len(inside) == 30
    assert inside[-1] == "line 28"


def test_of_the_longest_text_that_arrives_every_line_is_counted() -> None:
    """As the box would break it; a last line that is too long for it is none of its own."""
    inside = _inside(_draw(Toast("a", "b", "title", "x" * MAX_TEXT)))

    assert len(inside) == 30
    assert inside[-1] == f"... (+{-(-MAX_TEXT // 75) - 28:,} lines)"


def test_a_flood_of_marks_on_one_letter_is_cut() -> None:
    """A text that takes no columns is broken into lines as well, and they are counted."""
    box = _draw(Toast("a", "b", "title", "e" + "\u0301" * (MAX_TEXT - 1)))

    assert len(box) < 20_000
    assert _inside(box)[-1] == f"... (+{-(-MAX_TEXT // 600) - 28:,} lines)"


# -- Streams -------------------------------------------------------------------------------------


def test_a_terminal_without_box_drawing_gets_ascii() -> None:
    """Frames, dots and dashes have ASCII forms; other letters become question marks, one for each column lost."""
    toast = Toast("shop", "Error", "ERROR · shop", "Ünïcödé — 注文 “x”…", priority=1, hash_="SHA256")

    assert _draw(toast, encoding="ascii").splitlines() == [
        "+- 14:03:11 - shop - Error ------------------------------------------- ERROR -+",
        "| ERROR - shop                                                                |",
        '| ?n?c?d? - ?? "x"...                                                         |',
        "+- clear - SHA256 ------------------------------------------------------------+",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "utf-8", "utf-16", "gb2312", "shift_jis"])
def test_every_encoding_can_be_written(encoding: str) -> None:
    """No text makes a stream raise, and the box stays a rectangle of what the stream can show."""
    box = _draw(Toast("shop", "Error", "Ünïcödé 注文 заказ 🔥 \ud800", "…·─", priority=2), encoding=encoding)

    assert len(box.splitlines()) == 4
    assert _widths(box.lstrip("\ufeff")) == {79}


def test_a_stream_without_an_encoding() -> None:
    """A StringIO takes everything."""
    stream = io.StringIO()

    ConsoleDisplay(stream).show(Toast("shop", "Error", "注文", "text"))

    assert "│ 注文 " in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


# -- Colours -------------------------------------------------------------------------------------


def test_each_priority_has_its_colour() -> None:
    """The frames of the five priorities look different, and all begin with a colour."""
    frames = {_draw(Toast("a", "b", "title", "", priority=priority), colour=True)[:8] for priority in range(-2, 3)}

    assert len(frames) == 5
    assert all(frame.startswith("\x1b[") for frame in frames)


def test_the_colour_is_that_of_the_level_that_is_named() -> None:
    """A sender may say a level that its priority does not stand for."""
    said = _draw(Toast("a", "b", "title", "", headers={"Data-Level": "CRITICAL"}), colour=True)
    assert said == _draw(Toast("a", "b", "title", "", priority=2), colour=True)


def test_colours_change_nothing_else() -> None:
    """Without its escape sequences a coloured box is the plain one."""
    toast = Toast("shop", "Error", "title", "text\n" * 40, priority=2, sticky=True)

    assert _ESCAPE.sub("", _draw(toast, colour=True, remark="x")) == _draw(toast, remark="x")


@pytest.mark.parametrize(
    ("is_terminal", "environ", "coloured"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (False, {"TERM": "xterm"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_when_to_colour(is_terminal: bool, environ: dict[str, str], coloured: bool) -> None:
    """Terminals are coloured, files are not, and the user's word counts more than either."""
    assert has_colours(_Terminal("utf-8", is_terminal=is_terminal), environ) is coloured


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_display_looks_at_its_stream(is_terminal: bool) -> None:
    """Without being told, the display colours what goes to a terminal."""
    stream = _Terminal("utf-8", is_terminal=is_terminal)

    ConsoleDisplay(stream).show(Toast("shop", "Error", "title", "text"))

    assert (b"\x1b[" in stream.bytes.getvalue()) is is_terminal


# -- Updates and notices -------------------------------------------------------------------------


def shown(*toasts: Toast, is_terminal: bool = True) -> str:
    """Return what a display writes for some toasts."""
    stream = _Terminal("utf-8", is_terminal=is_terminal)
    display = ConsoleDisplay(stream, colour=False)
    for toast in toasts:
        display.show(toast)
    return stream.bytes.getvalue().decode()


FOLDED = Toast("shop", "Error", "ERROR · shop · 10 times", "it broke", coalescing_id="fold-1")
MORE = Toast("shop", "Error", "ERROR · shop · 100 times", "it broke", coalescing_id="fold-1")


def test_an_update_takes_the_place_of_the_box_above() -> None:
    """A live count: the cursor goes up by the old box's lines, and all below it is gone."""
    first, up, rest = shown(FOLDED, MORE).partition("\x1b[4F\x1b[J")
    assert up
    assert "10 times" in first
    assert len(first.splitlines()) == 4
    assert "100 times" in rest


@pytest.mark.parametrize(
    "toasts",
    [
        (FOLDED, Toast("other", "Error", "x", "y", coalescing_id="fold-1")),
        (FOLDED, Toast("shop", "Error", "x", "y", coalescing_id="fold-2")),
        (FOLDED, Toast("shop", "Error", "x", "y"), MORE),
        (Toast("shop", "Error", "x", "y"), Toast("shop", "Error", "x", "y")),
    ],
)
def test_what_is_no_update_of_the_lowest_box_is_a_box_of_its_own(toasts: tuple[Toast, ...]) -> None:
    """Nothing else is ever taken back."""
    assert "\x1b" not in shown(*toasts)


def test_a_file_keeps_every_count() -> None:
    """Only a terminal has a cursor."""
    written = shown(FOLDED, MORE, is_terminal=False)
    assert "\x1b" not in written
    assert written.count("╭") == 2


def test_a_box_that_has_scrolled_away_or_was_reflowed_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor cannot reach it, or its lines are not where they were."""
    monkeypatch.setenv("LINES", "4")
    assert "\x1b" not in shown(FOLDED, MORE)
    monkeypatch.setenv("LINES", "24")
    stream = _Terminal("utf-8", is_terminal=True)
    display = ConsoleDisplay(stream, colour=False)
    display.show(FOLDED)
    monkeypatch.setenv("COLUMNS", "60")
    display.show(MORE)
    assert "\x1b" not in stream.bytes.getvalue().decode()


def test_notices_are_lines_that_obey_nothing() -> None:
    """What a stranger calls himself, and what he sent, are shown."""
    stream = _Terminal("utf-8")
    display = ConsoleDisplay(stream, colour=False)
    display.notice(Notice("listening", {"host": "127.0.0.1", "port": 23053}))
    display.notice(Notice("subscribe", {"name": "de\x1b[2Jsk", "peer": "10.0.0.7", "ttl": 300}))
    display.notice(Notice("error", {"code": 400, "description": "no\nkey", "peer": "10.0.0.7"}))
    display.notice(Notice("register", {"application": "shop"}))
    assert stream.bytes.getvalue().decode().splitlines() == [
        "Listening on 127.0.0.1:23053. Ctrl-C ends it.",
        "de␛[2Jsk (10.0.0.7) subscribes for 300 s",
        "refused: no key (error 400, from 10.0.0.7)",
    ]


def test_a_stranger_cannot_fill_the_terminal_with_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line in five seconds says how many there were."""
    stream = _Terminal("utf-8")
    display = ConsoleDisplay(stream, colour=False)
    refusal = Notice("error", {"code": 300, "description": "no request", "peer": "10.0.0.7"})
    for _ in range(1000):
        display.notice(refusal)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 6)
    display.notice(refusal)
    lines = stream.bytes.getvalue().decode().splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(", and 999 more before")


def test_each_kind_of_trouble_has_its_turn() -> None:
    """Strangers who are refused do not hide that a display fails."""
    stream = _Terminal("utf-8")
    display = ConsoleDisplay(stream, colour=False)
    for _ in range(3):
        display.notice(Notice("error", {"code": 300, "description": "no request", "peer": "10.0.0.7"}))
        display.notice(Notice("failure", {"display": "desktop", "reason": "it is \x1bgone", "count": 1}))
        display.notice(Notice("lost", {"id": "s", "peer": "10.0.0.8", "reason": "no answer", "count": 2}))
    assert stream.bytes.getvalue().decode().splitlines() == [
        "refused: no request (error 300, from 10.0.0.7)",
        "the display desktop fails: it is ␛gone (1 so far)",
        "not handed on to s at 10.0.0.8: no answer (2 so far)",
    ]


def test_each_display_and_each_subscriber_has_its_turn() -> None:
    """One that fails does not keep the others from being told of."""
    stream = io.StringIO()
    display = ConsoleDisplay(stream)
    for name in ("web", "desktop", "web"):
        display.notice(Notice("failure", {"display": name, "reason": "gone", "count": 1}))
        display.notice(Notice("lost", {"id": name, "peer": "10.0.0.8", "reason": "gone", "count": 1}))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert "not handed on to desktop at 10.0.0.8" in lines[3]
