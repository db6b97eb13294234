"""A thousand odd strings in every field, over every display: nothing reaches a line, a page or a terminal unescaped."""

from __future__ import annotations

import asyncio
import io
import json
import random
import sys
from typing import Any

import pytest

from gntp_logging.commands.terminal import say, warn
from gntp_logging.receiver.console import ConsoleDisplay
from gntp_logging.receiver.json_lines import JsonDisplay
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.terminal_text import readable

PIECES = [
    *map(chr, range(0x21)),
    *map(chr, range(0x7F, 0xA1)),
    "\r\n", "\n\n", "\r\n\r\n", "data: x\n\n", "event: x\n", "id: 1\n", ":\n",
    "\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\x1b]8;;https://evil.example\x1b\\", "\x1b[6n", "\x08\x08", "\x1bc",
    "\u202e", "\u2066", "\u200f", "\u200b", "\u2028", "\u2029", "\ufeff", "\ufffe", "\U000e0041", "\u0300" * 30,
    "<script>", "</script>", "<img src=x onerror=alert(1)>", "&lt;", "&", "'", '"', "<!--", "]]>", "javascript:x",
    "{", "}", "{0}", "{reason}", "%s", "%(x)s", "\\", "\\n", "\\u0000", "`", "$(x)", "${x}",
    "x" * 300, "é", "汉字", "😀", "مرحبا", "\u00a0", "\u3000", "word", "-", "--help", "=", "|",
]  # fmt: skip


def odd(seed: int) -> str:
    """Return an odd string; never a lone surrogate, which UTF-8 from a peer cannot hold."""
    choose = random.Random(seed)
    return "".join(choose.choice(PIECES) for _ in range(choose.randrange(1, 9)))


ODD = [odd(seed) for seed in range(1000)]


def toast(text: str) -> Toast:
    """Return a toast that has a string in each of its texts."""
    return Toast(
        text, text, text, text, 2, True, text, text, text, text, {text: text}, encryption=text, hash_=text, peer=text
    )


def notices(text: str) -> list[Notice]:
    """Return a notice of each sort that has a string in each of its texts."""
    return [
        Notice("listening", {"host": text, "port": 1}),
        Notice("register", {"application": text, "icon": text, "notifications": [], "headers": {text: text}}),
        Notice("subscribe", {"id": text, "name": text, "port": 1, "ttl": 300, "peer": text}, toast(text)),
        Notice("error", {"code": 300, "description": text, "peer": text}),
        Notice("failure", {"display": text, "reason": text, "count": 1}),
        Notice("lost", {"id": text, "peer": text, "reason": text, "count": 1}),
    ]  # fmt: skip


def is_harmless(text: str) -> bool:
    """Tell whether a terminal would obey nothing of a text: visible characters, and what scripts need to join."""
    return all(char.isprintable() or char in "\u200c\u200d" for char in text)


def test_the_terminal_obeys_nothing() -> None:
    """Every line of the console display is made of visible characters."""
    written = io.StringIO()
    display = ConsoleDisplay(written, colour=False)
    for text in ODD:
        display.show(toast(text))
        for notice in notices(text):
            display.notice(notice)
    lines = written.getvalue().split("\n")
    assert len(lines) > 5000
    assert [line for line in lines if not is_harmless(line)] == []


def test_what_commands_write_obeys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """What a server has answered stands in their lines; an error is one line."""
    for text in ODD:
        warn(f"gntp-logging send: {text}")
    errors = capsys.readouterr().err.split("\n")
    assert len(errors) == len(ODD) + 1
    for text in ODD:
        say(text)
    written = capsys.readouterr().out.split("\n") + errors
    assert [line for line in written if not is_harmless(line)] == []


def test_each_event_is_one_line_of_json() -> None:
    """In ASCII, from which the strings come back as they were."""
    written = io.StringIO()
    display = JsonDisplay(written)
    for text in ODD:
        display.show(toast(text))
        for notice in notices(text):
            display.notice(notice)
    lines = written.getvalue().split("\n")
    assert len(lines) == 7 * len(ODD) + 1
    assert all(line.isascii() and line.isprintable() for line in lines)
    shown = [event for event in map(json.loads, lines[:-1]) if event["event"] == "notify"]
    assert [event["title"] for event in shown] == ODD
    assert [event["headers"] for event in shown] == [{text: text} for text in ODD]


def test_the_page_gets_one_event_for_each() -> None:
    """Nothing in a string ends it or begins another; the page's program puts the strings into text nodes."""
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    from gntp_logging.receiver.web import messages

    for text in ODD:
        event = messages.event({"toast": messages.card(toast(text), "", 0)})
        assert event.startswith(b"data: ")
        assert event.endswith(b"\n\n")
        line = event[6:-2]
        assert b"\n" not in line
        assert b"\r" not in line
        message = json.loads(line)["toast"]
        assert {message["title"], message["text"], message["application"]} == {readable(text)}
        assert message["url"] == ""


def test_the_desktop_gets_visible_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """And on Linux no markup: neither elements, nor entities of strangers."""
    pytest.importorskip("desktop_notifier", reason="needs desktop-notifier: pip install 'gntp-logging[desktop]'")
    from gntp_logging.receiver.desktop import DesktopDisplay, harmless

    monkeypatch.setattr(sys, "platform", "linux")
    sent: list[dict[str, Any]] = []

    class Notifier:
        async def send(self, **given: Any) -> str:
            sent.append(given)
            return "id"

        async def clear(self, _id: str) -> None:
            pass

    display = DesktopDisplay()
    display._notifier = Notifier()

    async def show_all() -> None:
        for text in ODD:
            await display._send(toast(text))

    asyncio.run(show_all())
    assert len(sent) == len(ODD)
    for text, given in zip(ODD, sent, strict=True):
        assert is_harmless(given["title"].replace("\n", ""))
        assert is_harmless(given["message"].replace("\n", ""))
        assert "<" not in given["message"]
        assert given["message"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == harmless(text)
