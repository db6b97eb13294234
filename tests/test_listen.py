"""The command ``gntp-logging listen``, as a program of its own, with real clients."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.cli import main
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPAuthenticationError
from gntp_logging.gntp.models import Event, Notification, Resource, URLCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, SubscribeRequest
from gntp_logging.listen import Stop, is_loopback
from tests.support import PATIENCE, free_port

TIMEOUT = 30.0


class Listening:
    """The command, running with a JSON display."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-W", "error", "-m", "gntp_logging", "listen", "--port", "0", "--display", "json"]
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        self.port = self.next()["port"]

    def next(self) -> Any:
        """Return the next event."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=TIMEOUT)
        return json.loads(line)

    def next_of(self, event: str) -> Any:
        """Return the next event of a kind."""
        while (found := self.next())["event"] != event:
            pass
        return found

    def client(self, password: str | None = None) -> GNTPClient:
        """Return a client of it."""
        return GNTPClient("127.0.0.1", self.port, PATIENCE, password)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; return its exit code and what it has written to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, errors


@pytest.fixture
def listening() -> Iterator[Listening]:
    """The command without a password."""
    running = Listening()
    yield running
    running.process.kill()
    running.process.communicate()


REGISTER = RegisterRequest("shop", Resource(b"icon"), [Event("Error", "Errors", icon="https://x/y.png"), Event("Info")])


def test_json_has_each_event_on_a_line(listening: Listening) -> None:
    """Every field is there, whatever the sender has left out."""
    shown = Notification(
        "Error", "title", "text\nmore \x1b[2J", id_="1", sticky=True, priority=2, icon=Resource(b"picture"),
        coalescing_id="c", callback=URLCallback("https://x/"),
    )  # fmt: skip
    with listening.client() as client:
        client.process_request(REGISTER)
        client.process_request(NotifyRequest("shop", shown, app_specific_headers=[("Data-Order", "7")]))
        client.process_request(NotifyRequest("shop", Notification("Info", "plain")))
    registered = listening.next()
    assert registered["event"] == "register"
    assert registered["icon"]["bytes"] == 4
    assert registered["notifications"] == [
        {"name": "Error", "display_name": "Errors", "enabled": True, "icon": {"url": "https://x/y.png"}},
        {"name": "Info", "display_name": "", "enabled": True, "icon": None},
    ]
    full, plain = listening.next(), listening.next()
    headers = full.pop("headers")
    assert headers["Data-Order"] == "7"
    assert full == {
        "event": "notify", "application": "shop", "name": "Error", "title": "title", "text": "text\nmore ␛[2J",
        "priority": 2, "sticky": True, "id": "1", "coalescing_id": "c", "callback_url": "https://x/",
        "icon": {"bytes": 7, "sha256": Resource(b"picture").unique_id()}, "encryption": "", "hash": "",
        "peer": "127.0.0.1",
    }  # fmt: skip
    assert plain["icon"]["bytes"] == 4
    assert (plain["text"], plain["id"], plain["coalescing_id"], plain["callback_url"]) == ("", "", "", "")
    assert (plain["priority"], plain["sticky"]) == (0, False)


def test_refusals_and_subscriptions_are_events_too(tmp_path: Path) -> None:
    """And passwords come from wherever they were given."""
    (tmp_path / "passwords").write_text("one\n\ntwo\r\n", encoding="utf-8")
    listening = Listening("--password", "three", "--password-file", str(tmp_path / "passwords"))
    try:
        for password in ("one", "two", "three"):
            with listening.client(password) as client:
                client.process_request(REGISTER)
            assert listening.next()["hash"] == "SHA256"
        with listening.client("four") as client, pytest.raises(GNTPAuthenticationError):
            client.process_request(REGISTER)
        refused = listening.next()
        assert (refused["event"], refused["code"], refused["peer"]) == ("error", 400, "127.0.0.1")
        assert "four" not in str(refused)
        with listening.client("one") as client:
            client.process_request(SubscribeRequest("sub-1", "desk", free_port()))
        subscribed = listening.next()
        assert (subscribed["event"], subscribed["id"], subscribed["name"]) == ("subscribe", "sub-1", "desk")
        assert subscribed["ttl"] > 0
    finally:
        assert listening.end() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_to(listening: Listening, number: int) -> None:
    """Without a traceback, and with 0: that is how it ends."""
    assert listening.end(number) == (0, "")


def test_it_ends_when_nobody_reads_any_more(listening: Listening) -> None:
    """``gntp-logging listen --display json | head -1``."""
    assert listening.process.stdout is not None
    listening.process.stdout.close()
    with listening.client() as client:
        client.process_request(REGISTER)
    assert listening.process.wait(TIMEOUT) == 0


def test_a_handler_finds_it_and_its_alert_is_a_box(tmp_path: Path) -> None:
    """The way of a person who tries it: one terminal listens, in the other a program fails."""
    port = free_port()
    output = tmp_path / "output"
    with output.open("wb") as file:
        command = [sys.executable, "-m", "gntp_logging", "listen", "--port", str(port)]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", "NO_COLOR": "1"}
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        from tests.support import wait_until

        wait_until(lambda: f"Listening on 127.0.0.1:{port}. Ctrl-C ends it." in output.read_text("utf-8"))
        handler = GNTPHandler(app_name="shop", port=port, host="127.0.0.1")
        import logging

        handler.handle(logging.LogRecord("shop", logging.ERROR, __file__, 1, "order %d", (7,), None))
        assert handler.flush(PATIENCE)
        handler.close()
        wait_until(lambda: "│ order 7" in output.read_text("utf-8"))
    finally:
        process.terminate()
        process.wait(TIMEOUT)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bind", "0.0.0.0"], "without a password would show what anybody sends: give --password-file"),
        (["--bind", "::"], "without a password"),
        (["--bind", "desk.example"], "without a password"),
        (["--subscribe-to", "hub"], "--subscribe-to needs the hub's password"),
        (["--subscribe-to", "hub", "--password", "x"], "needs --bind with an address that the hub can reach"),
        (["--password-file", "/dev/null"], "there is no password in it"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With 2, and what to do."""
    assert main(["listen", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize(
    "arguments",
    [["--port", "x"], ["--port", "65536"], ["--display", "smoke"], ["--subscribe-to", "a:b"], ["--password", ""]],
)
def test_bad_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As every command does."""
    with pytest.raises(SystemExit) as ended:
        main(["listen", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_file_that_is_not_there_and_a_port_that_is_taken_are_one_line(
    listening: Listening, capsys: pytest.CaptureFixture[str]
) -> None:
    """With 1."""
    assert main(["listen", "--password-file", "/nonexistent"]) == 1
    assert main(["listen", "--port", str(listening.port)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "/nonexistent" in lines[0]
    assert str(listening.port) in lines[1]


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("desk", False)],
)
def test_loopback_is_what_only_this_machine_reaches(address: str, loopback: bool) -> None:
    """A name may stand for anything."""
    assert is_loopback(address) is loopback


def test_stop_may_be_set_again_and_from_a_signal_handler() -> None:
    """Whatever that interrupts."""
    stop = Stop()
    stop.set()
    stop.set()
    stop.wait()


def test_it_joins_a_hub_and_shows_what_the_hub_gets() -> None:
    """Subscribed with the first password, renewed, and ended with the program."""
    hub = Listening("--password", "secret")
    member = Listening("--password", "secret", "--subscribe-to", f"127.0.0.1:{hub.port}")
    try:
        subscribed = hub.next_of("subscribe")
        assert subscribed["port"] == member.port
        with hub.client("secret") as client:
            client.process_request(REGISTER)
            client.process_request(NotifyRequest("shop", Notification("Info", "through the hub")))
        assert member.next_of("notify")["title"] == "through the hub"
    finally:
        ends = member.end(), hub.end()
    assert ends == ((0, ""), (0, ""))


def test_a_hub_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With 1, and nothing keeps listening."""
    port = free_port()
    assert main(["listen", "--port", "0", "--password", "x", "--subscribe-to", f"127.0.0.1:{port}"]) == 1
    assert f"cannot subscribe to 127.0.0.1:{port}" in capsys.readouterr().err


def test_the_documents_table_names_every_argument(capsys: pytest.CaptureFixture[str]) -> None:
    """And none that is not there."""
    with pytest.raises(SystemExit):
        main(["listen", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    table = Path(__file__).parents[1].joinpath("docs", "receiver.md").read_text("utf-8").split("## In the terminal")[0]
    cells = " ".join(re.findall(r"^\| (`--.*?) \|", table, re.MULTILINE))
    rows = set(re.findall(r"--[a-z-]+", cells))
    assert rows == known


def test_several_displays_show_the_same() -> None:
    """JSON for a script, and a page for a person, whose address is said."""
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    listening = Listening("--display", "web")
    try:
        with listening.client() as client:
            client.process_request(REGISTER)
            client.process_request(NotifyRequest("shop", Notification("Info", "to both")))
        assert listening.next_of("notify")["title"] == "to both"
        assert listening.process.stderr is not None
        url = listening.process.stderr.readline().split()[-1]
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=10)
        connection.request("GET", f"/events?{parts.query}")
        assert "to both" in connection.getresponse().readline().decode()
        connection.close()
    finally:
        assert listening.end() == (0, "")


@pytest.mark.parametrize(("display", "module"), [("web", "aiohttp"), ("desktop", "desktop_notifier")])
def test_a_display_whose_packages_are_missing_says_what_to_install(
    display: str, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line."""
    for name in [name for name in sys.modules if name.startswith(f"gntp_logging.receiver.{display}")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["listen", "--port", "0", "--display", display]) == 1
    assert capsys.readouterr().err.strip().endswith(f"pip install 'gntp-logging[{display}]'")


def test_a_desktop_without_a_service_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With 1."""
    pytest.importorskip("desktop_notifier", reason="needs desktop-notifier: pip install 'gntp-logging[desktop]'")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    assert main(["listen", "--port", "0", "--display", "desktop"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no notification service can be reached" in line
