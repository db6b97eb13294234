"""The display for a browser: its page in a real Chromium, and its doors, tried by strangers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts import icons
from gntp_logging.gntp.models import Event, Notification, Resource, SocketCallback
from gntp_logging.gntp.requests import NotifyRequest
from gntp_logging.gntp.wire import ResponseReader, encode
from gntp_logging.receiver.mutes import Muted
from gntp_logging.receiver.numbers import Numbers
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.receiver.conftest import ask, connected, register
from tests.support import wait_until

pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")

from gntp_logging.receiver import web
from gntp_logging.receiver.web import MAX_PAGES, MAX_TOASTS, WebDisplay, messages, past
from tests.receiver.chromium import Page, chromium

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\x1b[2J\u202e"


@pytest.fixture
def display() -> Iterator[WebDisplay]:
    """A display that serves."""
    made = WebDisplay()
    made.start()
    yield made
    made.close()


_NUMBERS = Numbers()


def toast(title: str = "title", text: str = "text", **more: Any) -> Toast:
    """Make a toast with a number, as a server does."""
    made = Toast(more.pop("application", "shop"), more.pop("name", "Error"), title, text, **more)
    return _NUMBERS.numbered(made)


TITLES = "[...document.querySelectorAll('article:not([hidden]) .title')].map(e => e.textContent).join('|')"


@pytest.mark.peer
def test_toasts_appear_live_move_up_and_obey_nothing(display: WebDisplay, tmp_path: Path) -> None:
    """In a real Chromium: what was there before, what comes now, a count that grows, a text that wants to be markup."""

    async def look() -> None:
        display.show(toast("before", coalescing_id="fold", priority=1, icon=icons.picture("Error")))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'before'")
            assert await page.evaluate("document.querySelector('article').dataset.level") == "40"
            await page.until("document.querySelector('img').naturalWidth === 64")
            display.show(toast(HOSTILE, HOSTILE, priority=2, sticky=True, icon="https://elsewhere.example/x.png"))
            await page.until("document.querySelectorAll('article').length === 2")
            display.show(toast("before · 100 times", coalescing_id="fold", priority=1))
            harmless = HOSTILE.replace(chr(0x202E), chr(0xFFFD))
            await page.until(f"{TITLES} === {json.dumps('before · 100 times|' + harmless)}")
            assert await page.evaluate("document.querySelectorAll('article script, article h2 img').length") == 0
            assert await page.evaluate("document.querySelectorAll('article')[1].classList.contains('sticky')")
            origin = display.url.partition("?")[0]
            assert [url for url in page.requested if not url.startswith(origin)] == []
            assert page.complaints == []

    asyncio.run(look())


@pytest.mark.peer
def test_search_and_filters_hide_what_is_not_wanted(display: WebDisplay, tmp_path: Path) -> None:
    """By words in any order, by application, by level; Escape shows all again."""

    async def look() -> None:
        display.show(toast("disk full", "on web-3", application="backup", priority=1))
        display.show(toast("order 7", "not paid", application="shop", priority=1))
        display.show(toast("slow", "query", application="shop", priority=0))
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES} === 'slow|order 7|disk full'")
            await page.press("/")
            for key in "paid ord":
                await page.press(key)
            await page.until(f"{TITLES} === 'order 7'")
            assert await page.evaluate("document.getElementById('state').textContent") == "1 of 3 alerts"
            await page.press("Escape")
            await page.until(f"{TITLES} === 'slow|order 7|disk full'")
            choose = "(id, value) => {{ const e = document.getElementById(id); e.value = value;"
            choose = choose.replace("{{", "{") + " e.dispatchEvent(new Event('input')); }"
            await page.evaluate(f"({choose})('application', 'shop')")
            await page.until(f"{TITLES} === 'slow|order 7'")
            await page.evaluate(f"({choose})('level', '40')")
            await page.until(f"{TITLES} === 'order 7'")

    asyncio.run(look())


@pytest.mark.peer
def test_click_and_close_go_back_by_keyboard_alone(tmp_path: Path) -> None:
    """The sender, on its socket, hears of what a person does in the page."""
    display = WebDisplay()
    display.start()
    heard: dict[str, str] = {}

    def send(port: int, title: str) -> None:
        shown = Notification("event", title, "text", id_=title, callback=SocketCallback("context", "type"))
        reader = ResponseReader()
        with connected(port) as sock:
            sock.settimeout(60)
            sock.sendall(encode(NotifyRequest("app", shown)))
            while "Notification-Callback-Result" not in heard.get(title, ""):
                reader.feed(sock.recv(65536))
                while (response := reader.next_message()) is not None:
                    if response.message_type == "-CALLBACK":
                        heard[title] = response.headers["Notification-Callback-Result"]
                        return

    async def look(port: int) -> None:
        async with chromium(tmp_path, display.url) as page:
            await page.until(f"{TITLES}.split('|').length === 2")
            await page.press("ArrowDown")
            first = await page.evaluate("document.activeElement.querySelector('.title').textContent")
            await page.press("Enter")
            await page.press("ArrowDown")
            second = await page.evaluate("document.activeElement.querySelector('.title').textContent")
            await page.press("Delete")
            await page.until(f"{TITLES} === {json.dumps(first)}")
            for thread in threads:
                await asyncio.to_thread(thread.join, 60)
            assert heard == {first: "CLICK", second: "CLOSE"}

    try:
        with Receiver(Server([display])) as receiver:
            assert ask(receiver.port, register(Event("event"))).message_type == "-OK"
            threads = [threading.Thread(target=send, args=(receiver.port, title)) for title in ("one", "other")]
            for thread in threads:
                thread.start()
            asyncio.run(look(receiver.port))
    finally:
        display.close()


@pytest.mark.peer
def test_a_page_finds_back_to_a_receiver_that_was_started_again(display: WebDisplay, tmp_path: Path) -> None:
    """It says that nobody answers, and forgets what is not there any more."""

    async def look(page: Page) -> None:
        await page.until(f"{TITLES} === 'one'")
        await asyncio.to_thread(display.close)
        await page.until("!document.getElementById('lost').hidden")
        again = WebDisplay(port=urlsplit(display.url).port or 0, token=display._token)
        await asyncio.to_thread(again.start)
        again.show(toast("two"))
        try:
            await page.until(f"{TITLES} === 'two'")
        finally:
            await asyncio.to_thread(again.close)

    async def run() -> None:
        display.show(toast("one"))
        async with chromium(tmp_path, display.url) as page:
            await look(page)

    asyncio.run(run())


# -- Strangers -----------------------------------------------------------------------------------


def request(display: WebDisplay, method: str, path: str, body: str = "") -> tuple[int, dict[str, str], bytes]:
    """Make a request as any program could."""
    parts = urlsplit(display.url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=10)
    try:
        connection.request(method, path, body or None)
        response = connection.getresponse()
        return (
            response.status,
            dict(response.headers),
            response.read() if "event-stream" not in str(response.headers) else b"",
        )
    finally:
        connection.close()


def token(display: WebDisplay) -> str:
    """Return the token in the address."""
    return parse_qs(urlsplit(display.url).query)["token"][0]


@pytest.mark.parametrize("path", ["/events", "/react", "/picture/x"])
@pytest.mark.parametrize("query", ["", "?token=", "?token=guess", "?token=%00"])
def test_nobody_without_the_token_sees_or_does_anything(display: WebDisplay, path: str, query: str) -> None:
    """Other users of the machine, and pages of other sites."""
    assert request(display, "POST" if path == "/react" else "GET", path + query)[0] == 403


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/events", "/nothing"])
def test_every_answer_keeps_strangers_texts_harmless(display: WebDisplay, path: str) -> None:
    """Errors too."""
    _, headers, _ = request(display, "GET", path)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"


ODD_NUMBERS = [
    '"x"', '"1"', "1.0", "1.9", "1e0", "1e999", "-1e999", "Infinity", "-Infinity", "NaN", "true", "null", "[1]", "{}",
    "9" * 5000, "9" * 40, str(2**63), "0", "-1",
]  # fmt: skip
ODD = [
    "", "[]", "null", "1", '"x"', "\x00", "{", "[" * 900, "[" * 100_000, "{" * 900, '{"a":' * 150 + "1" + "}" * 150,
    '{"numbers": [1]}', '{"reaction": "CLICK"}', '{"numbers": [], "reaction": "CLICK"}',
    '{"numbers": 1, "reaction": "CLICK"}', f'{{"numbers": {[1] * 301}, "reaction": "CLICK"}}',
    *(f'{{"numbers": [1], "reaction": {odd}}}' for odd in ('"OWNED"', '"TIMEDOUT"', '["CLICK"]', '{"CLICK": 1}')),
    '{"numbers": [1], "reaction": null}',
    *(f'{{"numbers": [1, {odd}], "reaction": "CLICK"}}' for odd in ODD_NUMBERS),
]  # fmt: skip


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_odd_reactions_are_refused(display: WebDisplay, body: str, caplog: pytest.LogCaptureFixture) -> None:
    """With what is allowed; nothing fails over them."""
    status, _, answer = request(display, "POST", f"/react?token={token(display)}", body)
    assert (status, answer, caplog.records) == (400, b"allowed is numbers, and CLICK or CLOSE", [])


def test_a_body_that_is_no_text_is_refused(display: WebDisplay, caplog: pytest.LogCaptureFixture) -> None:
    """Nor is one that says that it is packed, and is not."""
    parts = urlsplit(display.url)
    wide = '{"number": 1, "reaction": "CLICK"}'.encode("utf-16")
    for headers, body in ({}, b"\xff\xfe\xfd"), ({}, wide), ({"Content-Encoding": "gzip"}, b"no gzip"):
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=10)
        connection.request("POST", f"/react?token={token(display)}", body, headers)
        assert connection.getresponse().status == 400
        connection.close()
    assert caplog.records == []


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /react?token=TOKEN HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /react?token=TOKEN HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /react?token=TOKEN HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    ],
)
def test_what_is_no_http_writes_nothing_to_the_terminal(
    display: WebDisplay, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody who reaches the port could fill it."""
    with connected(urlsplit(display.url).port or 0) as sock:
        sock.sendall(data.replace(b"TOKEN", token(display).encode()))
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    assert not answer or answer.startswith(b"HTTP/1.0 400 ")
    display.close()  # what it does after the answer is done then
    assert caplog.records == []


def test_a_mistake_of_its_own_is_logged(
    display: WebDisplay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With its traceback."""
    monkeypatch.setattr(messages, "reaction", lambda _: 1 / 0)
    assert request(display, "POST", f"/react?token={token(display)}", "{}")[0] == 500
    assert [record.name for record in caplog.records] == ["gntp_logging.receiver.web"]


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["numbers", "reaction", "x"]), inner),
))  # fmt: skip
def test_a_reaction_is_numbers_and_a_word(value: object) -> None:
    """Anything else is one documented error."""
    try:
        numbers, reaction = messages.reaction(json.dumps(value).encode())
    except (ValueError, RecursionError):
        return
    assert isinstance(value, dict)
    assert (numbers, reaction.value) == (value["numbers"], value["reaction"])


def test_a_reaction_to_no_toast_is_404(display: WebDisplay) -> None:
    """It may be gone."""
    body = '{"numbers": [1], "reaction": "CLICK"}'
    assert request(display, "POST", f"/react?token={token(display)}", body)[0] == 404


def test_what_is_kept_is_bounded(display: WebDisplay) -> None:
    """Sticky toasts stay longest; pictures go with their toasts; texts are cut."""
    display.show(toast("sticky", sticky=True, icon=icons.picture("Critical")))
    for number in range(MAX_TOASTS + 50):
        display.show(toast(str(number), icon=icons.picture(icons.NAMES[number % 2])))
    display.show(toast("last", "x" * 100_000))
    settle(display)
    assert len(display._shown) == MAX_TOASTS
    titles = [json.loads(shown.event[6:])["toast"]["title"] for shown in display._shown.values()]
    assert titles[0] == "sticky"
    assert titles[-1] == "last"
    assert len(display._pictures) == 3
    assert all(len(shown.event) < 50_000 for shown in display._shown.values())


def settle(display: WebDisplay) -> None:
    """Wait until a display has seen what it was given."""
    done = threading.Event()
    display._loop.call(done.set)
    assert done.wait(10)


def test_what_is_kept_is_bounded_in_bytes(display: WebDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Toasts and pictures, each for itself; a picture goes with the last toast that has it."""
    png = b"\x89PNG\r\n\x1a\n"
    monkeypatch.setattr(web, "MAX_BYTES", 1000)
    for number in range(9):
        display.show(toast(str(number), "é" * 40, sticky=True))
    settle(display)
    assert len(display._shown) < 6
    assert display._size == sum(len(shown.event) for shown in display._shown.values()) <= 1000
    monkeypatch.setattr(web, "MAX_BYTES", 100_000)
    monkeypatch.setattr(web, "MAX_PICTURES", 1000)
    for number in range(4):
        display.show(toast("t", icon=Resource(png + bytes([number]) * 300), coalescing_id=f"{number % 3}"))
        settle(display)
    display.show(toast("t", icon=Resource(png + bytes(1001))))
    settle(display)
    assert [data[-1] for data in display._pictures.values()] == [1, 2, 3]
    display.show(toast("t", icon=Resource(png + b"5" * 990), coalescing_id="5"))
    settle(display)
    display.show(toast("t", icon=Resource(png + b"6" * 300), coalescing_id="5"))
    settle(display)
    assert [data[-1:] for data in display._pictures.values()] == [b"6"]


def test_pictures_on_their_way_to_the_loop_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come faster than a busy loop takes them; what came while nobody served holds no room."""
    shown, png = WebDisplay(), b"\x89PNG\r\n\x1a\n"
    given: list[Callable[[], object]] = []
    arrived: list[Toast] = []
    monkeypatch.setattr(web, "MAX_PICTURES", 1000)
    monkeypatch.setattr(shown._loop, "call", given.append)
    monkeypatch.setattr(shown, "_add", arrived.append)
    for number, size in enumerate((400, 400, 400, 1001, 100)):
        shown.show(toast(icon=Resource(png + bytes([number]) * size)))
    for function in given:
        function()
    assert [isinstance(each.icon, Resource) for each in arrived] == [True, True, False, False, True]
    assert shown._arriving == 0


def test_a_picture_that_could_hold_a_program_is_not_served(display: WebDisplay) -> None:
    """An SVG may; what no browser knows is no picture."""
    assert display._keep_picture(Resource(b"<svg onload='x'/>")) == ""
    assert display._keep_picture(Resource(b"MZ")) == ""
    assert display._keep_picture("https://elsewhere.example/x.png") == ""
    id_ = display._keep_picture(icons.picture("Error"))
    status, headers, body = request(display, "GET", f"/picture/{id_}?token={token(display)}")
    assert (status, headers["Content-Type"], body) == (200, "image/png", icons.picture("Error").data)


def test_too_many_pages_are_turned_away(display: WebDisplay) -> None:
    """One that was left open in each of a hundred windows takes no more than its share."""
    pages = []
    parts = urlsplit(display.url)
    try:
        for _ in range(MAX_PAGES):
            sock = socket.create_connection(("127.0.0.1", parts.port or 0), timeout=10)
            sock.sendall(f"GET /events?token={token(display)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert b"200" in sock.recv(100)
            pages.append(sock)
        assert request(display, "GET", f"/events?token={token(display)}")[0] == 503
    finally:
        for sock in pages:
            sock.close()


def test_a_page_that_does_not_read_leaves_and_costs_the_others_nothing(
    display: WebDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does not take is dropped; its connection ends, whether more comes or not."""
    monkeypatch.setattr(web, "_PATIENCE", 0.05)
    parts = urlsplit(display.url)
    ask_for_events = f"GET /events?token={token(display)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with socket.socket() as slow, socket.create_connection(("127.0.0.1", parts.port or 0), timeout=10) as quick:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        slow.connect(("127.0.0.1", parts.port))
        slow.sendall(ask_for_events)
        wait_until(lambda: len(display._pages) == 1)
        quick.sendall(ask_for_events)
        received = quick.makefile("rb")
        wait_until(lambda: len(display._pages) == 2)
        for number in range(1000):
            display.show(toast(f"{number}", "x" * 20_000, coalescing_id="the same"))
            while f'"title": "{number}"'.encode() not in received.readline():
                pass
            if len(display._pages) == 1:
                break
        assert len(display._pages) == 1
        display.show(toast("the last"))
        while b"the last" not in received.readline():
            pass


def test_connections_that_ask_for_nothing_give_way(display: WebDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that is open stays."""
    monkeypatch.setattr(web, "MAX_CONNECTIONS", 5)
    parts = urlsplit(display.url)
    with contextlib.ExitStack() as crowd:
        page, *idle = [
            crowd.enter_context(socket.create_connection(("127.0.0.1", parts.port or 0), timeout=10)) for _ in range(5)
        ]
        page.sendall(f"GET /events?token={token(display)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = page.makefile("rb")
        assert b"200" in received.readline()
        assert request(display, "GET", "/page.js")[0] == 200
        assert idle[0].recv(1) == b""
        display.show(toast("the last"))
        while b"the last" not in received.readline():
            pass


def test_many_connections_at_once_take_no_more_places(display: WebDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new one closes another one, also where several come in one turn of the loop."""
    monkeypatch.setattr(web, "MAX_CONNECTIONS", 5)
    taken, connection, held = [], display._connection, threading.Event()

    def counted(server: Any) -> asyncio.Protocol:
        taken.append(len(server.connections))
        return connection(server)

    monkeypatch.setattr(display, "_connection", counted)
    with contextlib.ExitStack() as crowd:
        display._loop.call(held.wait)
        for _ in range(60):
            crowd.enter_context(socket.create_connection(("127.0.0.1", urlsplit(display.url).port or 0), timeout=10))
        held.set()
        assert request(display, "GET", "/page.js")[0] == 200
    assert len(taken) == 61
    assert max(taken) <= 5 + 2 * web._ACCEPTS


def test_a_url_that_is_none_is_not_opened() -> None:
    """javascript: is a program, file: is somebody's disk."""
    assert messages.card(toast(callback_url="https://x/"), "", 0)["url"] == "https://x/"
    for url in ("javascript:alert(1)", "file:///etc/passwd", "https://x/" + "y" * messages.MAX_TITLE, ""):
        assert messages.card(toast(callback_url=url), "", 0)["url"] == ""


def test_start_says_when_the_port_is_taken_and_close_twice_is_harmless(display: WebDisplay) -> None:
    """As servers do."""
    other = WebDisplay(port=urlsplit(display.url).port or 0)
    with pytest.raises(OSError, match=r"in use|only one usage"):
        other.start()
    assert other.url == ""
    other.close()
    display.close()
    display.close()
    display.show(toast())


def test_a_start_that_failed_can_be_tried_again(display: WebDisplay) -> None:
    """When the port is free, the page is there."""
    other = WebDisplay(port=urlsplit(display.url).port or 0)
    for _ in range(2):
        with pytest.raises(OSError, match=r"in use|only one usage"):
            other.start()
    display.close()
    other.start()
    try:
        assert request(other, "GET", "/page.js")[0] == 200
    finally:
        other.close()


def test_what_went_wrong_is_told_on_the_page(display: WebDisplay) -> None:
    """Refusals, and displays that fail; what is none is not."""
    parts = urlsplit(display.url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=10)
    connection.request("GET", f"/events?token={token(display)}")
    response = connection.getresponse()
    while b'"all"' not in response.readline():
        pass
    response.readline()
    display.notice(Notice("register", {"application": "shop"}))
    display.notice(Notice("failure", {"display": "desktop", "reason": "it is gone", "count": 1}))
    line = response.readline().decode()
    connection.close()
    assert json.loads(line.removeprefix("data: ")) == {"trouble": "the display desktop fails: it is gone (1 so far)"}


def test_a_notice_that_has_a_toast_is_shown_as_one(display: WebDisplay) -> None:
    """A new subscriber, say."""
    display.notice(Notice("subscribe", {"name": "laptop"}, toast("laptop has subscribed")))
    display.notice(Notice("subscribe", {"name": "laptop"}))
    settle(display)
    (shown,) = display._shown.values()
    assert json.loads(shown.event[6:])["toast"]["title"] == "laptop has subscribed"


def test_what_turns_a_text_around_is_visible_on_the_page(display: WebDisplay) -> None:
    """A browser would obey it; the rest of a text is left to the browser."""
    display.show(toast("a\u202eb", "one\u2028two\tthree \u2066\u2069", application="sh\u200fop", name="Er\u061cror"))
    settle(display)
    (shown,) = display._shown.values()
    message = json.loads(shown.event[6:])["toast"]
    assert [message[name] for name in ("title", "text", "application", "name")] == [
        "a\ufffdb", "one\ntwo\tthree \ufffd\ufffd", "sh\ufffdop", "Er\ufffdror",
    ]  # fmt: skip


def test_reactions_reach_the_toast(display: WebDisplay) -> None:
    """Without a browser: what the page posts."""
    reactions: list[Reaction] = []
    reacted = threading.Event()

    def react(reaction: Reaction) -> None:
        reactions.append(reaction)
        reacted.set()

    shown = toast(react=react)
    display.show(shown)
    body = json.dumps({"numbers": [shown.number, 1], "reaction": "CLOSE"})
    assert request(display, "POST", f"/react?token={token(display)}", body)[0] == 200
    assert reacted.wait(10)
    assert reactions == [Reaction.CLOSED]
    assert request(display, "POST", f"/react?token={token(display)}", body)[0] == 404


# -- What comes from elsewhere -------------------------------------------------------------------


def asked(display: WebDisplay, method: str, path: str, **headers: str) -> int:
    """Return the status of a request with headers of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(display.url).port or 0, timeout=10)
    with contextlib.closing(connection):
        body = None
        if method == "POST":
            body = json.dumps({"application": "shop", "incident": "f" * 16, "until": "hour"})
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status


@pytest.mark.parametrize("path", ["/", "/page.js", "/icon.svg", "/history", "/mute"])
def test_a_name_of_elsewhere_that_leads_here_is_refused(display: WebDisplay, path: str) -> None:
    """Even with the token; a page that is served to others has other names."""
    method = "POST" if path == "/mute" else "GET"
    url = f"{path}?token={token(display)}"
    assert asked(display, method, url, Host="evil.example") == 403
    assert asked(display, method, url, Host="localhost") == 200
    open_to_others = WebDisplay(host="0.0.0.0")
    open_to_others.start()
    try:
        assert open_to_others.url.startswith("http://localhost:")
        assert asked(open_to_others, method, f"{path}?token={token(open_to_others)}", Host="desk.example") == 200
    finally:
        open_to_others.close()


def test_a_page_of_another_port_changes_nothing(display: WebDisplay) -> None:
    """It is the same site to a browser, which sends the cookie for it."""
    muted: list[Muted] = []
    display.mute_by(muted.append)
    port = urlsplit(display.url).port
    cookie = f"gntp-logging-{port}={token(display)}"
    assert asked(display, "POST", "/mute", Cookie=cookie, Origin="http://127.0.0.1:1") == 403
    assert muted == []
    assert asked(display, "POST", "/mute", Cookie=cookie, Origin=f"http://127.0.0.1:{port}") == 200
    assert [each[:2] for each in muted] == [("shop", "f" * 16)]
    assert asked(display, "POST", "/mute") == 403


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["hour", "f" * 16]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["application", "incident", "until"]), inner),
))  # fmt: skip
def test_a_mute_is_an_incident_and_a_time(value: object) -> None:
    """Anything else is one documented error."""
    try:
        muted = messages.mute(json.dumps(value).encode(), 1000.0)
    except (ValueError, RecursionError):
        return
    assert isinstance(value, dict)
    assert muted == (value["application"], value["incident"], 4600.0)


@given(st.dictionaries(st.sampled_from(["search", "application", "level", "before"]), st.text() | st.just("1,2")))
def test_what_is_asked_of_the_history_is_read_or_refused(query: dict[str, str]) -> None:
    """With one documented error."""
    with contextlib.suppress(ValueError):
        wanted = past.wanted(query)
        assert wanted.texts == query.get("search", "").split()
        assert wanted.is_open == (not wanted.texts)


@pytest.mark.parametrize(
    ("unread", "shown"),
    [("", ""), ("0", ""), ("3", ">3<"), ("10", ">9+<"), ("-1", ""), ("<script>", ""), ("9" * 9, "")],
)
def test_the_icon_has_a_number_and_nothing_else(unread: str, shown: str) -> None:
    """Whatever is asked for."""
    made = messages.icon(unread)
    assert ("<text" in made) == bool(shown)
    assert shown in made
    assert "script" not in made
