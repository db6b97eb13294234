"""The display for the desktop, with a real notification daemon on a D-Bus of its own."""

from __future__ import annotations

import functools
import gc
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gntp_logging.alerts import icons
from gntp_logging.gntp.models import Resource
from gntp_logging.receiver.mutes import HOUR, Muted, tomorrow
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from tests.receiver.dunst import Dunst
from tests.support import PATIENCE, wait_until

pytest.importorskip("desktop_notifier", reason="needs desktop-notifier: pip install 'gntp-logging[desktop]'")
if not sys.platform.startswith("linux"):
    pytest.skip("the daemon is one for Linux", allow_module_level=True)

from desktop_notifier import DesktopNotifier

from gntp_logging.receiver import desktop
from gntp_logging.receiver.desktop import DesktopDisplay, harmless

pytestmark = pytest.mark.peer


@pytest.fixture
def dunst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dunst]:
    """A daemon, to which this process would talk."""
    daemon = Dunst(tmp_path)
    try:
        daemon.start()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", daemon.address)
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def display(dunst: Dunst) -> Iterator[DesktopDisplay]:
    """A display that has found the daemon."""
    made = DesktopDisplay()
    made.start()
    yield made
    made.close()
    del made
    gc.collect()  # asyncio complains of what the library has forgotten: now, not while something else is parsed


class Told:
    """What the sender was told."""

    def __init__(self) -> None:
        self.reactions: list[Reaction] = []
        self.came = threading.Event()

    def __call__(self, reaction: Reaction) -> None:
        self.reactions.append(reaction)
        self.came.set()


def toast(title: str = "ERROR · shop", text: str = "it broke", **more: Any) -> Toast:
    """Make a toast of shop."""
    return Toast("shop", "Error", title, text, **more)


def test_a_toast_has_its_title_its_text_and_its_picture(dunst: Dunst, display: DesktopDisplay, tmp_path: Path) -> None:
    """And can be seen: a picture of the screen is not of one colour."""
    display.show(toast(text="it broke\nshop/cart.py:4 in pay", priority=2, sticky=True, icon=icons.picture("Critical")))
    wait_until(lambda: dunst.shown() == 1)
    picture = tmp_path / "screen.png"
    wait_until(lambda: _is_seen(dunst, picture))
    dunst.close()
    wait_until(lambda: len(dunst.history()) == 1)
    (shown,) = dunst.history()
    assert (shown["summary"], shown["appname"]) == ("ERROR · shop", "gntp-logging")
    assert "it broke\nshop/cart.py:4 in pay" in shown["body"]
    assert shown["timeout"] == 0
    assert icons.picture("Critical").unique_id() in shown["icon_path"]


def _is_seen(dunst: Dunst, path: Path) -> bool:
    dunst.picture(path)
    return len(path.read_bytes()) > 2000  # a black screen takes some hundred


def test_a_click_goes_back_and_opens_the_url(
    dunst: Dunst, display: DesktopDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the browser, which a web page may open and nothing else."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    for url in ("javascript:alert(1)", "https://tracker.example/7"):
        told = Told()
        display.show(toast(url, callback_url=url, react=told))
        wait_until(lambda: dunst.shown() == 1)
        dunst.click()
        assert told.came.wait(PATIENCE)
        assert told.reactions == [Reaction.CLICKED]
        dunst.close()  # this daemon leaves what was clicked for a while
        wait_until(lambda: dunst.shown() == 0)
    wait_until(lambda: opened == ["https://tracker.example/7"])


class _Page:
    """A page that toasts open on."""

    url = "http://127.0.0.1:23054/?token=secret"
    remark = ""

    def address_of(self, number: int) -> str:
        return f"http://127.0.0.1:23054/#{number}"


def test_a_click_on_a_toast_without_a_url_opens_it_on_the_page(
    dunst: Dunst, display: DesktopDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the page's token: others see what a browser is told. A toast with a URL opens that."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    display.page = _Page()
    for wanted, shown in (
        ("http://127.0.0.1:23054/#7", toast(number=7)),
        ("https://x/", toast(number=8, callback_url="https://x/")),
    ):
        display.show(shown)
        wait_until(lambda: dunst.shown() == 1)
        dunst.click()
        wait_until(lambda wanted=wanted: wanted in opened)  # type: ignore[misc]
        dunst.close()
        wait_until(lambda: dunst.shown() == 0)
    assert len(opened) == 2


def test_a_toasts_buttons_mute_its_incident(
    dunst: Dunst, display: DesktopDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For an hour, or until tomorrow; one without an incident has none. What is muted is not shown."""
    muted: list[Muted] = []
    sent: list[list[Any]] = []
    send = DesktopNotifier.send

    def sending(notifier: DesktopNotifier, **given: Any) -> Any:
        sent.append(given["buttons"])
        return send(notifier, **given)

    monkeypatch.setattr(DesktopNotifier, "send", sending)
    display.mute_by(muted.append)
    display.show(toast(incident="f" * 16))
    display.show(toast(incident="f" * 16, is_muted=True))
    display.show(toast("other"))
    wait_until(lambda: dunst.shown() == 2)
    assert [[button.title for button in buttons] for buttons in sent] == [
        ["Mute for an hour", "Mute until tomorrow"],
        [],
    ]
    before = time.time()
    for button in sent[0]:
        button.on_pressed()
    assert [each[:2] for each in muted] == [("shop", "f" * 16)] * 2
    assert before + HOUR <= muted[0].until <= time.time() + HOUR
    assert muted[1].until in (tomorrow(before), tomorrow(time.time()))


def test_a_close_goes_back(dunst: Dunst, display: DesktopDisplay) -> None:
    """To the sender of that toast."""
    one, other = Told(), Told()
    display.show(toast("one", react=one))
    wait_until(lambda: dunst.shown() == 1)
    display.show(toast("other", react=other))
    wait_until(lambda: dunst.shown() == 2)
    dunst.close()
    wait_until(lambda: one.came.is_set() or other.came.is_set())
    assert [one.reactions, other.reactions].count([Reaction.CLOSED]) == 1


def test_an_update_takes_the_place_of_its_toast(dunst: Dunst, display: DesktopDisplay) -> None:
    """And that is no close by a person."""
    told = Told()
    display.show(toast("1 time", coalescing_id="fold", react=told))
    wait_until(lambda: dunst.shown() == 1)
    display.show(toast("100 times", coalescing_id="fold"))
    wait_until(lambda: [entry["summary"] for entry in dunst.history()] == ["shop: 1 time"])
    wait_until(lambda: dunst.shown() == 1)
    assert told.reactions == []


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("<b>bold</b>", "<a href='https://evil.example'>click</a> & more"),
        ("R&D: a < b", "a < b && c > d"),
        ("&gt; &amp;lt;", "&gt; &lt;b&gt; &amp;amp; &#65; &nonsense; &"),
        ("title", "<b>not closed <i> & <img src='x'>"),
    ],
)
@pytest.mark.parametrize("markup", ["full", "strip"])
def test_what_looks_like_markup_is_shown_as_it_was_sent(
    dunst: Dunst, display: DesktopDisplay, title: str, text: str, markup: str
) -> None:
    """Whatever the daemon would make of it."""
    if markup == "full":
        dunst.configure("markup = full")
        display.close()
        display.start()
    display.show(toast(title, text))
    wait_until(lambda: dunst.shown() == 1)
    dunst.close()
    wait_until(lambda: len(dunst.history()) == 1)
    (shown,) = dunst.texts()
    assert shown.replace("\n", " ").strip() == f"shop: {title} {text}"


def test_control_characters_are_visible(dunst: Dunst, display: DesktopDisplay) -> None:
    """And overrides of the direction."""
    display.show(toast("t\x07", "\x1b[2J \u202e"))
    wait_until(lambda: dunst.shown() == 1)
    dunst.close()
    wait_until(lambda: len(dunst.history()) == 1)
    assert "\x1b" not in dunst.texts()[0]
    assert "␇" in dunst.texts()[0]
    assert "␛[2J \ufffd" in dunst.texts()[0]


def test_pictures_that_wait_are_bounded(dunst: Dunst, display: DesktopDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A toast whose picture does not fit is shown without."""
    monkeypatch.setattr(desktop, "MAX_WAITING_PICTURES", 1000)
    release = threading.Event()
    display._loop.call(lambda: release.wait(PATIENCE))
    for number in range(3):
        display.show(toast(str(number), icon=Resource(bytes([number]) * 600)))
    release.set()
    wait_until(lambda: dunst.shown() == 3)
    assert len(display._pictures) == 1
    assert display._waiting_pictures == 0


def test_what_comes_too_fast_is_counted_and_told(
    dunst: Dunst, display: DesktopDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand toasts help nobody; that there were so many does."""
    monkeypatch.setattr(desktop, "QUEUE_SIZE", 3)
    release = threading.Event()
    display._loop.call(lambda: release.wait(PATIENCE))
    for number in range(20):
        display.show(toast(str(number)))
    release.set()
    wait_until(lambda: dunst.shown() == 4)
    for _ in range(4):
        dunst.close()
    wait_until(lambda: len(dunst.history()) == 4)
    assert "gntp-logging: 17 more alerts" in {entry["summary"] for entry in dunst.history()}


def test_a_daemon_that_was_started_again_is_found(dunst: Dunst, display: DesktopDisplay) -> None:
    """What it did not take meanwhile is counted."""
    display.show(toast("before"))
    wait_until(lambda: dunst.shown() == 1)
    dunst.start_again()
    display.show(toast("after"))
    display.show(toast("and again"))
    wait_until(lambda: dunst.shown() >= 2)


def test_what_came_while_there_was_no_service_is_told_when_one_comes(
    dunst: Dunst, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a digest, also if nothing else comes; the display starts without the service, where it may."""
    monkeypatch.setattr(desktop, "_PAUSE", 0.05)
    monkeypatch.setattr(desktop, "_TIMEOUT", 0.5)
    dunst.end_daemon()
    display = DesktopDisplay()
    display.may_be_away = True
    display.start()
    try:
        for number in range(3):
            display.show(toast(str(number)))
        wait_until(lambda: display.failures == 3)
        dunst.start_daemon()
        wait_until(lambda: dunst.shown() == 1)
        dunst.close()
        wait_until(lambda: len(dunst.history()) == 1)
        assert dunst.history()[0]["summary"] == "gntp-logging: 3 more alerts"
    finally:
        display.close()


def test_a_bus_that_hangs_delays_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What starts with the session receives at once, and keeps what comes."""
    monkeypatch.setattr(desktop, "_TIMEOUT", 3600.0)
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
        display = DesktopDisplay()
        display.may_be_away = True
        starting = threading.Thread(target=display.start, daemon=True)
        starting.start()
        starting.join(PATIENCE)
        assert not starting.is_alive()
        display.close()


def test_what_the_service_does_not_take_is_reported(
    dunst: Dunst, display: DesktopDisplay, caplog: pytest.LogCaptureFixture
) -> None:
    """To whoever wants to know; the display alone would only count it."""
    reported: list[str] = []
    display.report_failures(lambda error: reported.append(str(error)))
    display.show(toast("before"))
    wait_until(lambda: dunst.shown() == 1)
    dunst.stop()
    display.show(toast("after"))  # the library only logs why it fails
    wait_until(lambda: len(reported) == 1)
    display.show(toast("and again"))
    wait_until(lambda: len(reported) == 2)
    assert display.failures == 2
    assert all(reported)
    display.close()
    caplog.clear()  # it holds a future that the library has forgotten
    gc.collect()  # now asyncio complains of that, not in another test


def test_a_start_that_failed_can_be_tried_again(dunst: Dunst, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When the service is there, toasts are shown; and a display that was closed starts again as well."""
    display = DesktopDisplay()
    with monkeypatch.context() as without:
        without.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
        for _ in range(2):
            with pytest.raises(OSError, match="no notification service can be reached"):
                display.start()
    for count in (1, 2):
        display.start()
        display.show(toast(str(count), icon=icons.picture("Error")))
        wait_until(functools.partial(_shows, dunst, count))
        display.close()


def _shows(dunst: Dunst, count: int) -> bool:
    return dunst.shown() == count


def test_without_a_service_start_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a server without a desktop, say."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    display = DesktopDisplay()
    with pytest.raises(OSError, match="no notification service can be reached"):
        display.start()
    display.close()
    display.show(toast())


def test_a_long_text_is_cut() -> None:
    """Services stop showing at nine thousand characters."""
    assert len(harmless("x" * 100_000)) == desktop.MAX_TEXT


def test_pictures_are_kept_up_to_a_bound(
    dunst: Dunst, display: DesktopDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As files, which go with the display."""
    monkeypatch.setattr(desktop, "MAX_REMEMBERED", 2)
    for name in icons.NAMES:
        display.show(toast(name, icon=icons.picture(name)))
    wait_until(lambda: dunst.shown() == len(icons.NAMES))
    folder = display._pictures_in
    assert len(list(folder.iterdir())) == 2
    display.close()
    assert not folder.exists()
