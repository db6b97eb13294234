"""The page of the web display, in a real Chromium: what a person sees, and how it calls them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gntp_logging.alerts import icons
from gntp_logging.receiver.mutes import Muted
from gntp_logging.receiver.numbers import Numbers
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from tests.peers import npm_packages
from tests.support import wait_until

pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")

from gntp_logging.receiver.history import History
from gntp_logging.receiver.web import WebDisplay, past
from tests.receiver.chromium import Page, chromium

pytestmark = pytest.mark.peer

AXE = "axe-core@4.14.1"
TITLES = "[...document.querySelectorAll('article:not([hidden]) .title')].map(e => e.textContent).join('|')"
STATE = "document.getElementById('state').textContent"
NOTHING = "(e => e.hidden ? '' : e.textContent)(document.getElementById('nothing'))"
AWAY = "document.hasFocus = () => false"
BACK = "delete document.hasFocus; document.hasFocus = () => true; window.dispatchEvent(new Event('focus'))"
INCIDENT = "0123456789abcdef"

_NUMBERS = Numbers()


def toast(title: str = "title", text: str = "text", **more: Any) -> Toast:
    """Return a toast with a number, as a server makes it."""
    return _NUMBERS.numbered(Toast(more.pop("application", "shop"), more.pop("name", "Error"), title, text, **more))


@pytest.fixture
def display() -> Iterator[WebDisplay]:
    """A display that serves."""
    made = WebDisplay()
    made.start()
    yield made
    made.close()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """A history that is kept."""
    kept = History(str(tmp_path / "state" / "history.sqlite3"), print)
    kept.start()
    yield kept
    kept.close()


@contextlib.contextmanager
def remembering(history: History) -> Iterator[WebDisplay]:
    """Serve a page that has a history."""
    display = WebDisplay()
    display.history = history
    display.start()
    try:
        yield display
    finally:
        display.close()


def choose(id_: str, value: str) -> str:
    """Return a program that chooses a value as a person does."""
    return (
        f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('input')); }})"
        f"(document.getElementById({json.dumps(id_)}))"
    )


def press_button(selector: str, title: str = "") -> str:
    """Return a program that presses a button, on the card with a title if one is given."""
    if not title:
        return f"document.querySelector({json.dumps(selector)}).click()"
    return (
        "[...document.querySelectorAll('article')].find(e => e.querySelector('.title').textContent === "
        f"{json.dumps(title)}).querySelector({json.dumps(selector)}).click()"
    )


# -- Who may see it ------------------------------------------------------------------------------


def test_the_token_leaves_the_address_and_the_browser_keeps_it(display: WebDisplay, tmp_path: Path) -> None:
    """The page cannot read the cookie; without the token in the address, the next visit works."""

    async def look() -> None:
        display.show(toast("one"))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'one'")
            bare = display.url.partition("?")[0]
            assert await page.evaluate("location.href") == bare
            assert await page.evaluate("document.cookie") == ""
            cookies = (await page.call("Network.getCookies"))["cookies"]
            (kept,) = [(each["httpOnly"], each["sameSite"], each["name"]) for each in cookies]
            assert kept == (True, "Strict", f"gntp-logging-{urlsplit(bare).port}")
            await page.call("Page.navigate", url=bare)
            await page.until(f"{TITLES} === 'one'")

    asyncio.run(look())


@pytest.mark.parametrize(
    ("query", "words"), [("", "lacks its token"), ("?token=guess", "not the one of this receiver")]
)
def test_a_token_that_lacks_or_is_wrong_is_said(display: WebDisplay, tmp_path: Path, query: str, words: str) -> None:
    """On a page for people, with what to do; no alert is on it."""

    async def look() -> None:
        display.show(toast("hidden"))
        async with chromium(tmp_path, display.url.partition("?")[0] + query) as page:
            await page.until(f"document.body.innerText.includes({json.dumps(words)})")
            said = await page.evaluate("document.body.innerText")
            assert "gntp-logging listen prints it" in said
            assert "hidden" not in said

    asyncio.run(look())


def test_a_page_whose_token_is_no_longer_right_says_so(display: WebDisplay, tmp_path: Path) -> None:
    """The receiver was started again, with another one."""

    async def look() -> None:
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{NOTHING}.startsWith('No alerts yet')")
            await asyncio.to_thread(display.close)
            again = WebDisplay(port=urlsplit(display.url).port or 0)
            await asyncio.to_thread(again.start)
            try:
                await page.until("document.getElementById('lost').textContent.includes('another token')")
            finally:
                await asyncio.to_thread(again.close)

    asyncio.run(look())


# -- Cards ---------------------------------------------------------------------------------------


def test_a_card_has_what_a_person_needs(display: WebDisplay, tmp_path: Path) -> None:
    """Title, frames in a block of their own, the date, where it comes from, how often, and a link."""

    async def look() -> None:
        long = "\n".join(f"line {number}" for number in range(40))
        yesterday = time.time() - 86_400
        headers = {"Data-Level": "CRITICAL", "Data-Machine": "web-3", "Origin-Machine-Name": "vm"}
        text, url = "not paid\nshop/cart.py:6 in pay\nweb-3", "https://logs.example/?q=1"
        display.show(toast("1,000 × lost", text, total=1000, headers=headers, arrived=yesterday, callback_url=url))
        display.show(toast("long", long))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'long|1,000 × lost'")
            card = "document.querySelectorAll('article')[1]"
            assert await page.evaluate(f"{card}.querySelector('.level').textContent") == "CRITICAL"
            assert await page.evaluate(f"{card}.querySelector('.code').textContent") == "shop/cart.py:6 in pay"
            font = "getComputedStyle({}.querySelector('pre{}')).fontFamily".format
            assert "monospace" in await page.evaluate(font(card, ".code"))
            assert "monospace" not in await page.evaluate(font(card, ":not(.code)"))
            about = await page.evaluate(f"{card}.querySelector('.about').textContent")
            day = await page.evaluate(
                f"new Date({yesterday * 1000}).toLocaleDateString(undefined, {{day: 'numeric', month: 'short'}})"
            )
            assert day in about
            assert "· shop ·" in about
            assert "· web-3 · 1,000 times" in about
            assert await page.evaluate(f"{card}.querySelector('.open').href") == "https://logs.example/?q=1"
            assert await page.evaluate("document.querySelector('.open').hidden")
            assert await page.evaluate("document.querySelector('.expand').textContent") == "Show all 40 lines"
            cut = await page.evaluate("document.querySelector('.text').clientHeight")
            await page.press_on(".expand")
            await page.until(f"document.querySelector('.text').clientHeight > {cut}")
            assert await page.evaluate("document.querySelector('.expand').getAttribute('aria-expanded')") == "true"

    asyncio.run(look())


def test_copy_takes_the_whole_alert(display: WebDisplay, tmp_path: Path) -> None:
    """With its level, its place and its time; where the browser lends no clipboard, too."""

    async def look() -> None:
        display.show(toast("title", "text\nmore", priority=1, callback_url="https://logs.example/"))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'title'")
            await page.evaluate("navigator.clipboard.writeText = async text => { window.copied = text; }")
            await page.press_on(".copy")
            copied = await page.until("window.copied")
            assert copied.startswith("title\ntext\nmore\nERROR · shop · ")
            assert copied.endswith("\nhttps://logs.example/")
            await page.evaluate(
                "navigator.clipboard.writeText = async () => { throw new Error('no'); };"
                "document.addEventListener('copy', () => { window.selected = String(document.activeElement.value); });"
            )
            await page.press_on(".copy")
            assert await page.until("window.selected") == copied
            await page.until("document.querySelector('.copy').textContent === 'Copied'")

    asyncio.run(look())


def test_what_changes_moves_up_and_keeps_the_focus(display: WebDisplay, tmp_path: Path) -> None:
    """A person who is on a card stays on it."""

    async def look() -> None:
        display.show(toast("first", coalescing_id="first"))
        display.show(toast("second"))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'second|first'")
            await page.evaluate("document.querySelectorAll('article')[1].focus()")
            display.show(toast("first, twice", coalescing_id="first"))
            await page.until(f"{TITLES} === 'first, twice|second'")
            assert await page.evaluate("document.activeElement.querySelector('.title').textContent") == "first, twice"

    asyncio.run(look())


# -- Filters, and what is said where nothing is --------------------------------------------------


def test_levels_are_loggings_from_one_up(display: WebDisplay, tmp_path: Path) -> None:
    """Whatever has come, in their order; the words of the sender count."""

    async def look() -> None:
        for level, priority in (("DEBUG", -2), ("INFO", -1), ("WARNING", 0), ("ERROR", 0), ("CRITICAL", 2)):
            display.show(toast(level, priority=priority, headers={"Data-Level": level}))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'CRITICAL|ERROR|WARNING|INFO|DEBUG'")
            options = "[...document.getElementById('level').options].map(e => e.textContent).join('|')"
            assert await page.evaluate(options) == (
                "All levels|INFO and above|WARNING and above|ERROR and above|CRITICAL"
            )
            await page.evaluate(choose("level", "30"))
            await page.until(f"{TITLES} === 'CRITICAL|ERROR|WARNING'")
            await page.press("Escape")
            await page.until(f"{TITLES} === 'CRITICAL|ERROR|WARNING|INFO|DEBUG'")

    asyncio.run(look())


def test_where_nothing_is_the_page_says_why(display: WebDisplay, tmp_path: Path) -> None:
    """Nothing yet, with a command to try; nothing matches; everything is closed."""

    async def look() -> None:
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{NOTHING}.startsWith('No alerts yet.') && !{NOTHING}.includes('demo')")
            display.notice(Notice("listening", {"host": "127.0.0.1", "port": 4711}))
            await page.until(f"{NOTHING}.endsWith('gntp-logging demo --host localhost --port 4711')")
            assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
            display.show(toast("one"))
            await page.until(f"{NOTHING} === '' && {STATE} === '1 alert'")
            await page.evaluate(choose("search", "two"))
            await page.until(f"{NOTHING} === 'Nothing matches. Esc shows all alerts. Show all'")
            await page.press_on("#nothing button")
            await page.until(f"{NOTHING} === '' && {STATE} === '1 alert'")
            await page.evaluate(press_button(".close"))
            await page.until(f"{NOTHING} === 'All alerts are closed. New ones appear here.'")

    asyncio.run(look())


def test_what_went_wrong_says_when_and_can_be_closed(display: WebDisplay, tmp_path: Path) -> None:
    """A page stays open for weeks: what failed once is no news for ever, and what fails next is."""
    trouble = "(e => e.hidden ? '' : e.textContent)(document.getElementById('trouble'))"

    async def look() -> None:
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{NOTHING} !== ''")
            for count in (1, 2):
                display.notice(Notice("failure", {"display": "history", "reason": "no room", "count": count}))
                await page.until(
                    f"/^\\s*\\d.*: the display history fails: no room \\({count} so far\\)/.test({trouble})"
                )
                await page.press_on("#trouble button")
                await page.until(f"{trouble} === ''")

    asyncio.run(look())


def test_close_all_spares_what_is_sticky_and_can_be_undone(display: WebDisplay, tmp_path: Path) -> None:
    """Senders learn of it when nobody wants it back: at the latest when the page goes."""
    told: list[tuple[str, Reaction]] = []

    def telling(title: str, **more: Any) -> Toast:
        return toast(title, react=lambda reaction: told.append((title, reaction)), **more)

    async def look() -> None:
        display.show(telling("plain"))
        display.show(telling("sticky", sticky=True))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'sticky|plain'")
            await page.press_on("#close-all")
            await page.until(f"{TITLES} === 'sticky'")
            assert await page.evaluate("document.getElementById('undo').innerText") == "Closed 1 alert. Undo"
            await page.press_on("#undo button")
            await page.until(f"{TITLES} === 'sticky|plain' && document.getElementById('undo').hidden")
            await page.press_on("#close-all")
            await page.until(f"{TITLES} === 'sticky'")
            assert told == []
            await page.call("Page.navigate", url="about:blank")
            await asyncio.to_thread(wait_until, lambda: told == [("plain", Reaction.CLOSED)])

    asyncio.run(look())


def test_what_was_closed_is_gone_after_ten_seconds(display: WebDisplay, tmp_path: Path) -> None:
    """The page's own clock says so; here it is moved."""
    told: list[Reaction] = []

    async def look() -> None:
        display.show(toast("plain", react=told.append))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'plain'")
            await page.evaluate(
                "window.setTimeout = (function_, time) => { window.timed = [function_, time]; return 1; };"
                + press_button("#close-all")
            )
            assert await page.evaluate("window.timed[1]") == 10_000
            assert told == []
            await page.evaluate("window.timed[0]()")
            await asyncio.to_thread(wait_until, lambda: told == [Reaction.CLOSED])

    asyncio.run(look())


# -- How it calls people -------------------------------------------------------------------------

RECORD_NOTIFICATIONS = """
window.shown = [];
window.Notification = class {
  static permission = 'default';
  static requestPermission = async () => (Notification.permission = 'granted');
  constructor(title, options) { window.shown.push([title, options.body, options.tag]); window.last = this; }
  close() {}
};
"""


def test_the_page_calls_who_looks_elsewhere(display: WebDisplay, tmp_path: Path) -> None:
    """Unread alerts are in title and icon, and each is a notification once somebody has asked for them."""

    async def look() -> None:
        display.show(toast("before"))
        async with chromium(tmp_path, "about:blank") as page:
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=RECORD_NOTIFICATIONS)
            await page.call("Page.navigate", url=display.url)
            await page.until(f"{TITLES} === 'before'")
            assert await page.evaluate("document.title") == "Alerts"
            await page.press_on("#calls")
            await page.until("document.getElementById('calls').getAttribute('aria-pressed') === 'true'")
            await page.evaluate(AWAY)
            new = toast("new", "what happened", coalescing_id="new")
            display.show(new)
            display.show(toast("other"))
            await page.until("document.title === '(2) Alerts'")
            icon = "document.getElementById('icon').getAttribute('href')"
            assert await page.evaluate(icon) == "/icon.svg?unread=2"
            assert await page.evaluate("window.shown[0]") == ["new", "what happened", str(new.number)]
            await page.evaluate("window.last.onclick()")
            await page.until("document.activeElement.querySelector('.title').textContent === 'other'")
            await page.evaluate(BACK)
            await page.until("document.title === 'Alerts'")
            assert await page.evaluate(icon) == "/icon.svg"
            display.show(toast("seen"))
            await page.until(f"{TITLES}.startsWith('seen|')")
            assert await page.evaluate("document.title") == "Alerts"
            assert await page.evaluate("window.shown.length") == 2

    asyncio.run(look())


def test_without_a_secure_context_the_button_is_off_and_says_why(tmp_path: Path) -> None:
    """A page by another name than this machine's; a permission alone does not tell."""
    display = WebDisplay(host="0.0.0.0")
    display.start()

    async def look() -> None:
        url = display.url.replace("localhost", "alerts.example")
        async with chromium(tmp_path, url, "--host-resolver-rules=MAP alerts.example 127.0.0.1") as page:
            await page.until("document.getElementById('calls')?.disabled")
            why = await page.evaluate("document.getElementById('calls-why').innerText")
            port = urlsplit(display.url).port
            assert f"ssh -L {port}:localhost:{port} alerts.example" in why

    try:
        asyncio.run(look())
    finally:
        display.close()


def test_a_permission_that_was_refused_is_said_where_to_change(display: WebDisplay, tmp_path: Path) -> None:
    """A page cannot ask again."""

    async def look() -> None:
        async with chromium(tmp_path, "about:blank") as page:
            refusing = RECORD_NOTIFICATIONS.replace("'granted'", "'denied'")
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=refusing)
            await page.call("Page.navigate", url=display.url)
            await page.until(f"{NOTHING}.startsWith('No alerts yet')")
            await page.press_on("#calls")
            await page.until("document.getElementById('calls').disabled")
            assert "settings for this site" in await page.evaluate("document.getElementById('calls-why').innerText")

    asyncio.run(look())


def test_an_incident_that_is_muted_calls_nobody_and_is_counted(display: WebDisplay, tmp_path: Path) -> None:
    """From the dialogue; it says until when, and calls again when somebody wants it."""
    muted: list[Muted] = []

    def mute(wanted: Muted) -> None:
        muted.append(wanted)
        display.notice(Notice("muted", wanted._asdict()))

    async def look() -> None:
        display.mute_by(mute)
        display.show(toast("failing", coalescing_id="a", incident=INCIDENT))
        display.show(toast("other"))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'other|failing'")
            assert await page.evaluate("document.querySelector('.mute').hidden")
            began = time.time()
            await page.evaluate(press_button(".mute", "failing"))
            await page.until("document.getElementById('mute').open")
            await page.press_on("#mute button[value=hour]")
            button = "document.querySelectorAll('.mute')[1].textContent"
            await page.until(f"{button}.startsWith('Muted until ')")
            assert [each[:2] for each in muted] == [("shop", INCIDENT)]
            assert began + 3600 <= muted[0].until <= time.time() + 3600
            await page.evaluate(AWAY)
            display.show(toast("9 × failing", coalescing_id="a", incident=INCIDENT, total=9))
            await page.until(f"{TITLES} === 'other|9 × failing'")
            assert await page.evaluate("document.title") == "Alerts"
            await page.evaluate(press_button(".mute", "9 × failing"))
            await page.until(f"{button} === 'Mute'")
            display.show(toast("10 × failing", coalescing_id="a", incident=INCIDENT, total=10))
            await page.until(f"{TITLES} === '10 × failing|other' && document.title === '(1) Alerts'")

    asyncio.run(look())


# -- The history ---------------------------------------------------------------------------------


def kept(history: History, *toasts: Toast) -> None:
    """Let a history keep toasts, and wait until they are written."""
    for each in toasts:
        history.show(each)
    wait_until(lambda: not history._waiting)


def test_the_page_begins_with_the_history_but_for_what_was_closed(history: History, tmp_path: Path) -> None:
    """Also after a restart; a page that stayed open knows each toast by the same number."""

    async def look() -> None:
        begun = time.time() - 1000
        made = [history.numbers.numbered(Toast("shop", "Error", title, "text", arrived=begun + index))
                for index, title in enumerate(("oldest", "closed", "last"))]  # fmt: skip
        await asyncio.to_thread(kept, history, *made)
        with remembering(history) as display:
            async with chromium(tmp_path, display.url) as page:
                await page.until(f"{TITLES} === 'last|closed|oldest'")
                await page.evaluate(press_button(".close", "closed"))
                await page.until(f"{TITLES} === 'last|oldest'")  # at once: before the receiver knows
                await asyncio.to_thread(wait_until, lambda: len(list(past.open_ones(history.path, 10))) == 2)
                await asyncio.to_thread(display.close)
                await page.until("!document.getElementById('lost').hidden")
                again = WebDisplay(port=urlsplit(display.url).port or 0, token=display._token)
                again.history = history
                await asyncio.to_thread(again.start)
                try:
                    again.show(history.numbers.numbered(Toast("shop", "Error", "new", "text")))
                    await page.until(f"document.getElementById('lost').hidden && {TITLES} === 'new|last|oldest'")
                    numbers = "[...document.querySelectorAll('article')].map(e => Number(e.dataset.number))"
                    assert (await page.evaluate(numbers))[1:] == [made[2].number, made[0].number]
                finally:
                    await asyncio.to_thread(again.close)

    asyncio.run(look())


def test_older_alerts_come_by_parts_and_a_search_finds_all(history: History, tmp_path: Path) -> None:
    """More than the page begins with; what was closed is found by its words, and says so."""

    async def look() -> None:
        begun = time.time() - 5000
        texts = {5: "needle"}
        made = [
            history.numbers.numbered(
                Toast("shop", "Error", f"alert {index}", texts.get(index, "text"), arrived=begun + index)
            )
            for index in range(380)
        ]
        await asyncio.to_thread(kept, history, *made)
        history.close_toasts([made[5].number])
        await asyncio.to_thread(wait_until, lambda: not history._waiting)
        count = "document.querySelectorAll('article:not([hidden])').length"
        with remembering(history) as display:
            async with chromium(tmp_path, display.url) as page:
                await page.until(f"{count} === 300")
                await page.press_on("#older")
                await page.until(f"{count} === 349")
                assert await page.evaluate(f"{TITLES}.endsWith('alert 32|alert 31')")
                await page.evaluate(choose("search", "needle"))
                await page.until(f"{TITLES} === 'alert 5'")
                assert "closed" in await page.evaluate("[...document.querySelectorAll('.about')].at(-1).textContent")
                await page.press("Escape")
                await page.until(f"{count} === 349 && !document.getElementById('older').hidden")
                await page.press_on("#older")
                await page.until(f"{TITLES}.endsWith('|alert 1|alert 0')")
                await page.until("document.getElementById('older').hidden")
                assert not await page.evaluate(f"{TITLES}.split('|').includes('alert 5')")

    asyncio.run(look())


def test_where_the_page_has_all_alerts_nothing_promises_older_ones(history: History, tmp_path: Path) -> None:
    """A button that shows nothing is none; a search goes on by parts, and ends."""

    async def look() -> None:
        made = [history.numbers.numbered(Toast("shop", "Error", f"alert {index}", "text")) for index in range(120)]
        await asyncio.to_thread(kept, history, *made)
        history.close_toasts([toast.number for toast in made[:60]])  # the page begins with the others
        await asyncio.to_thread(wait_until, lambda: not history._waiting)
        count = f"{TITLES}.split('|').length"
        older = "document.getElementById('older').hidden"
        with remembering(history) as display:
            async with chromium(tmp_path, display.url) as page:
                await page.until(f"{count} === 60")
                assert await page.evaluate(older)
                await page.evaluate(choose("search", "alert"))
                await page.until(f"{count} === 100 && !{older}")
                await page.press_on("#older")
                await page.until(f"{count} === 120 && {older}")
                await page.evaluate(choose("search", "nowhere"))
                await page.until(f"{NOTHING}.startsWith('Nothing matches.')")
                await page.press("Escape")
                await page.until(f"{count} === 60 && {older}")

    asyncio.run(look())


# -- For every eye and ear -----------------------------------------------------------------------


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program of axe-core, which looks for what keeps people out."""
    folder = npm_packages(tmp_path_factory.mktemp("axe"), AXE)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


CONTRASTS = """
(() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const linear = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = channels(colour).slice(0, 3).map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      const [, , , alpha = 1] = channels(colour);
      if (alpha === 1) return colour;
    }
    return getComputedStyle(document.documentElement).backgroundColor;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility() || element.closest('option')) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
    found.push([text.slice(0, 30), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
})()
"""


def show_all_sorts(display: WebDisplay) -> None:
    """Show an alert of each level, one of them sticky, linked, muted, long and with frames."""
    code = 'Traceback (most recent call last):\n  File "/srv/shop/cart.py", line 12, in pay\n' * 9
    for priority, name in zip(range(-2, 3), ("Debug", "Info", "Warning", "Error", "Critical"), strict=True):
        display.show(toast(f"{name} of the shop", "shop/cart.py:6 in pay\nweb-3", priority=priority, name=name,
                           icon=icons.picture(name), sticky=priority == 2, incident=INCIDENT))  # fmt: skip
    display.show(toast("muted", code, incident="f" * 16, callback_url="https://logs.example/", total=3))
    display.notice(Notice("muted", Muted("shop", "f" * 16, time.time() + 3600)._asdict()))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1000])
def test_everybody_can_read_and_use_it(display: WebDisplay, axe: str, tmp_path: Path, scheme: str, width: int) -> None:
    """In each state axe-core finds nothing, every text stands out, and nothing needs to be moved sideways."""

    async def check(page: Page, where: str) -> None:
        found = json.loads(
            await page.evaluate(
                "axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))"
            )
        )
        assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == [], where
        contrasts = await page.evaluate(CONTRASTS)
        assert len(contrasts) > 3
        assert [each for each in contrasts if each[1] < 4.5] == [], where
        assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
            where
        )

    async def look() -> None:
        async with chromium(tmp_path, display.url) as page:
            await page.emulate(scheme, width, 800)
            await page.until(f"{NOTHING}.startsWith('No alerts yet')")
            await page.evaluate(axe + "; 0")
            await check(page, "without alerts")
            show_all_sorts(display)
            await page.until("document.querySelectorAll('article').length === 6 && !!document.querySelector('.muted')")
            display.notice(Notice("failure", {"display": "desktop", "reason": "it is gone", "count": 1}))
            await page.until("!document.getElementById('trouble').hidden")
            await check(page, "with alerts")
            await page.evaluate(press_button("article:not(.muted) .mute"))
            await page.until("document.getElementById('mute').open")
            await check(page, "with the dialogue")
            await page.press_on("#mute button[value='']")
            await page.press_on("#close-all")
            await page.until("!document.getElementById('undo').hidden")
            await check(page, "with what can be undone")

    asyncio.run(look())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_why_there_is_nothing(display: WebDisplay, axe: str, tmp_path: Path, scheme: str) -> None:
    """The page for who has no token."""

    async def look() -> None:
        async with chromium(tmp_path, display.url.partition("?")[0]) as page:
            await page.emulate(scheme, 360, 800)
            await page.until("!!document.querySelector('.refused')")
            await page.evaluate(axe + "; 0")
            run = "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(each => each.id).join())"
            assert await page.evaluate(run) == ""
            assert [each for each in await page.evaluate(CONTRASTS) if each[1] < 4.5] == []

    asyncio.run(look())
