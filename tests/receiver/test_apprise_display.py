"""Messages through Apprise, to a real HTTP server."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apprise", reason="needs apprise: pip install 'gntp-logging[apprise]'")

from gntp_logging.commands import listen
from gntp_logging.commands.cli import main
from gntp_logging.receiver import apprise_display, messages
from gntp_logging.receiver.apprise_display import AppriseDisplay
from gntp_logging.receiver.console import ConsoleDisplay
from gntp_logging.receiver.json_lines import JsonDisplay
from gntp_logging.receiver.protocols import Reporting, Running
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.support import PATIENCE, free_port, wait_until

# Apprise loads all its plug-ins, whatever they import.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Target:
    """A server that gets messages as JSON, and answers as it is told to."""

    def __init__(self, port: int = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._arrived = threading.Condition()
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with target._arrived:
                    target.messages.append(message)
                    target._arrived.notify_all()
                target.may_answer.wait(PATIENCE)
                self.send_response(target.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"json://user:hunter2@127.0.0.1:{self.server.server_address[1]}/"

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Return the messages once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.messages) >= count, PATIENCE), self.messages
            return list(self.messages)


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[Target]:
    """Run a target."""
    target = Target(port)
    thread = threading.Thread(target=target.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield target
    finally:
        target.may_answer.set()
        target.server.shutdown()
        target.server.server_close()
        thread.join()


@contextlib.contextmanager
def display(tmp_path: Path, *urls: str) -> Iterator[tuple[AppriseDisplay, list[str]]]:
    """Start a display with some targets; yield it and what it reports."""
    config = tmp_path / "apprise.txt"
    config.write_text("\n".join(urls), "utf-8")
    made = AppriseDisplay(config=config)
    reported: list[str] = []
    made.report_failures(lambda error: reported.append(str(error)))
    made.start()
    try:
        yield made, reported
    finally:
        made.close()


def error(title: str = "no disk", id_: str = "") -> Toast:
    """Return a toast."""
    return Toast("shop", "Error", title, "<b>at</b> pay.py:3", priority=1, coalescing_id=id_)


def test_a_toast_becomes_a_message(tmp_path: Path) -> None:
    """Nothing of it is markup; every target gets it, and what waits at the end is sent."""
    with running() as first, running() as second:
        with display(tmp_path, first.url, second.url) as (made, reported):
            assert isinstance(made, Running)
            assert isinstance(made, Reporting)
            made.show(error())
            made.show(Toast("shop", "Info", "started", "", priority=-1))
            made.show(error("no memory"))
        for target in (first, second):
            assert [message["title"] for message in target.messages] == ["shop: no disk", "shop: no memory"]
            assert target.messages[0]["message"] == "<b>at</b> pay.py:3"
            assert target.messages[0]["type"] == "failure"
        assert reported == []


def test_a_muted_incident_sends_nothing_until_it_calls_again(tmp_path: Path) -> None:
    """A phone stays silent too; the next message has the whole count."""
    with running() as target, display(tmp_path, target.url) as (made, _):
        for count, is_muted in ((1, True), (20, True), (300, False)):
            made.show(replace(error(f"{count} × no disk", "id"), total=count, is_muted=is_muted))
        assert [message["title"] for message in target.wait_for(1)] == ["shop: 300 × no disk"]


def test_a_target_that_fails_is_reported_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without the password in its URL; the others go on; and again once it has worked meanwhile."""
    monkeypatch.setattr(apprise_display, "_FIRST_PAUSE", 0.01)
    with running() as good, running() as bad, display(tmp_path, good.url, bad.url) as (made, reported):
        bad.status = 500
        made.show(error())
        bad.wait_for(3)
        good.wait_for(1)
        bad.status = 200
        count = len(bad.wait_for(len(bad.messages) + 1))
        made.show(error("again"))
        assert bad.wait_for(count + 1)[-1]["title"].startswith("shop: ")
        assert len(reported) == 1
        assert "500" in reported[0]
        assert "hunter2" not in reported[0]
        assert "127.0.0.1" in reported[0]
    assert capfd.readouterr() == ("", "")


def test_what_waited_for_a_target_that_is_back_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone would ring fifty times; nothing is left out of the count, however long it was away."""
    monkeypatch.setattr(apprise_display, "_FIRST_PAUSE", 0.2)
    monkeypatch.setattr(messages, "MAX_MESSAGES", 1000)
    with running() as target, display(tmp_path, target.url) as (made, reported):
        target.status = 500
        target.may_answer.clear()
        for number in range(40):
            made.show(error(f"error {number}"))
        target.wait_for(1)
        target.may_answer.set()
        wait_until(lambda: len(reported) == 1)
        target.status = 200
        said = target.wait_for(2)
        assert said[1]["title"] == "40 more alerts"
        assert said[1]["message"].startswith("shop: error 0\nshop: error 1\n")
        assert said[1]["message"].endswith("\n+30 more")


def test_each_target_that_fails_is_reported(tmp_path: Path) -> None:
    """One that is broken does not hide another; the terminal shows both, JSON has a line for each."""
    stream, lines = io.StringIO(), io.StringIO()
    with running() as one, running() as two:
        one.status = two.status = 500
        config = tmp_path / "apprise.txt"
        config.write_text(f"{one.url}\n{two.url}\n", "utf-8")
        made = AppriseDisplay(config=config)
        made.start()
        with Receiver(Server([made, ConsoleDisplay(stream), JsonDisplay(lines)])) as receiver:
            made.show(error())
            ports = [f"127.0.0.1:{target.server.server_address[1]}/" for target in (one, two)]
            wait_until(lambda: all(port in lines.getvalue() for port in ports))
            receiver.stop()
        made.close()
        assert all(port in stream.getvalue() for port in ports)
        assert stream.getvalue().count("the display apprise fails") == 2


def test_a_target_that_hangs_is_reported_and_delays_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the end either, for longer than a few seconds."""
    monkeypatch.setattr(apprise_display, "TIME_LIMIT", 0.0)
    monkeypatch.setattr(apprise_display, "_CLOSE_TIME", 0.1)
    with (
        running() as good,
        running() as slow,
        display(tmp_path, f"{good.url}?rto=5", f"{slow.url}?rto=5") as (made, reported),
    ):
        slow.may_answer.clear()
        made.show(error("first"))
        slow.wait_for(1)
        made.show(error("second"))
        assert len(good.wait_for(2)) == 2
        made.close()
        assert any(line.endswith("no answer within 30 s") for line in reported)


def test_what_may_have_been_taken_is_not_sent_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time limit nobody knows; the next message says so."""
    monkeypatch.setattr(apprise_display, "TIME_LIMIT", 0.0)
    monkeypatch.setattr(apprise_display, "_FIRST_PAUSE", 0.01)
    with running() as target, display(tmp_path, f"{target.url}?rto=5") as (made, _):
        target.status = 500
        made.show(error("first"))
        target.wait_for(1)
        target.status = 200
        made.show(error("second"))
        first, second = target.wait_for(2)
        assert first["title"] == "shop: first"
        assert second["title"] == "shop: second"
        assert second["message"].endswith("(1 before this may be missing)")


@pytest.mark.parametrize("content", [None, "", "bogus\n", "foo://x\n"])
def test_a_file_without_a_target_is_an_error(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its name."""
    config = tmp_path / "apprise.txt"
    if content is not None:
        config.write_text(content, "utf-8")
    arguments = ["listen", "--port", str(free_port()), "--display", "apprise", "--apprise-config", str(config)]
    assert main(arguments) == 1
    assert "apprise.txt" in capsys.readouterr().err


def test_a_level_may_be_written_in_lower_case() -> None:
    """As for the history."""
    parser = argparse.ArgumentParser()
    listen.add_arguments(parser)
    assert parser.parse_args(["--apprise-level", "warning"]).apprise_level == "WARNING"


@pytest.mark.parametrize("arguments", [["--display", "apprise"], ["--apprise-config", "x"]])
def test_the_display_and_its_file_go_together(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One without the other is a mistake."""
    assert main(["listen", *arguments]) == 2
    assert "go together" in capsys.readouterr().err
