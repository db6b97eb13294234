"""Version 1.0.0 at this version's receiver, and this version at a receiver of 1.0.0: nobody updates all at once.

The wheel in tests/data is what was released, and was built from commit c37bc66::

    git archive c37bc66 | tar -x -C FOLDER
    pip wheel --no-deps FOLDER
"""

from __future__ import annotations

import json
import logging
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gntp_logging.commands.cli import main
from gntp_logging.gntp import ciphers
from gntp_logging.gntp.lib import Subscriber
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.running import Program, StartProgram, starting
from tests.support import PATIENCE, Attach, Recorder, attaching, free_port, running_receiver, wait_until

pytestmark = [pytest.mark.program, pytest.mark.usefixtures("no_variables", "no_input")]

WHEEL = Path(__file__).parent / "data" / "gntp_logging-1.0.0-py3-none-any.whl"

WAYS = [[], ["--password", "sëcret"], ["--password", "sëcret", "--encryption", "AES"]]
"""How messages are secured."""

PROGRAM = """
import logging, sys
import gntp_logging
assert gntp_logging.__version__ == "1.0.0"
port, password, encryption = int(sys.argv[1]), *(value or None for value in sys.argv[2:])
handler = gntp_logging.GNTPHandler(
    host="127.0.0.1", port=port, password=password, encryption=encryption, app_name="old shop"
)
logger = logging.getLogger("shop")
logger.addHandler(handler)
for number in range(3):
    logger.error("it broke: %s", number)
logger.critical("it burns", exc_info=ValueError("grün"))
assert handler.flush(30)
print("shown", handler.stats().shown)
"""


@pytest.fixture
def old(tmp_path: Path) -> Iterator[StartProgram]:
    """Starts Python with version 1.0.0 of this package."""
    folder = tmp_path / "1.0.0"
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(folder)
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with starting(tmp_path, environment, folder) as start:
        yield start


def ended(program: Program) -> int:
    """Wait for a program, and return its exit code."""
    return program._process.wait(60)


def old_receiver(start: StartProgram, *arguments: str) -> tuple[Program, int]:
    """Start a receiver of 1.0.0; return it and its port."""
    program = start("-m", "gntp_logging", "listen", "--port", "0", "--display", "json", *arguments)
    return program, program.number_after('"port": ')


def titles(program: Program) -> list[str]:
    """Return the titles that an old receiver has shown."""
    lines = [json.loads(line) for line in program.output.splitlines() if line.endswith("}")]
    return [line["title"] for line in lines if line["event"] == "notify"]


@pytest.mark.parametrize("way", WAYS)
def test_an_old_handler_and_old_commands_at_this_receiver(old: StartProgram, way: list[str]) -> None:
    """All alerts arrive, and ``check`` finds nothing wrong."""
    with running_receiver(way[1:2]) as receiver:
        where = ["--port", str(receiver.port), *way]
        handler = old("program.py", str(receiver.port), "".join(way[1:2]), "".join(way[3:4]))
        assert ended(handler) == 0, handler.output
        assert "shown " in handler.output
        texts = [toast.text for toast in receiver.toasts]
        assert any("ValueError: grün" in text for text in texts), texts
        send = old("-m", "gntp_logging", "send", "old title", "old text", *where)
        assert ended(send) == 0, send.output
        assert (receiver.toasts[-1].title, receiver.toasts[-1].text) == ("old title", "old text")
        check = old("-m", "gntp_logging", "check", "--host", "127.0.0.1", "--wait", "0", *where)
        assert ended(check) == 0, check.output
    assert {toast.encryption for toast in receiver.toasts if toast.application != "gntp-logging check"} == {
        "".join(way[3:4])
    }


class Clicking(Recorder):
    """A display whose user clicks."""

    def show(self, toast: Toast) -> None:
        """Click."""
        super().show(toast)
        toast.react(Reaction.CLICKED)


def test_a_click_reaches_an_old_sender(old: StartProgram) -> None:
    """The word for it has changed meanwhile, and it knows both."""
    with Receiver(Server([Clicking()])) as receiver:
        send = old("-m", "gntp_logging", "send", "title", "text", "--wait", "20", "--port", str(receiver.port))
        assert ended(send) == 0, send.output
    assert send.output == "CLICKED\n"


@pytest.mark.parametrize("encryption", [[], ["--encryption", "AES"]])
def test_an_old_subscriber_at_this_hub(old: StartProgram, encryption: list[str]) -> None:
    """It gets what it may get."""
    with running_receiver(["secret"], hub=True) as hub:
        where = ["--subscribe-to", f"127.0.0.1:{hub.port}", "--password", "secret", *encryption]
        desk, _ = old_receiver(old, *where)
        wait_until(lambda: bool(hub.receiver.server._hub._forwarders))
        port, password = str(hub.port), ["--password", "secret"]
        assert main(["send", "in clear", "x", "--port", port, *password]) == 0
        assert main(["send", "encrypted", "x", "--port", port, *password, "--encryption", "AES"]) == 0
        assert main(["send", "last", "x", "--port", port, *password]) == 0
        desk.wait_for('"title": "last"')
    assert titles(desk) == (["in clear", "encrypted", "last"] if encryption else ["in clear", "last"])


@pytest.mark.parametrize("way", WAYS)
def test_this_handler_and_these_commands_at_an_old_receiver(
    old: StartProgram, way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """All alerts arrive, and ``check`` finds nothing wrong."""
    receiver, port = old_receiver(old, *way[:2])
    options: dict[str, Any] = dict(zip(("password", "encryption"), way[1::2], strict=False))
    logger = logging.getLogger("test.mixed")
    logger.propagate = False
    with attaching(logger, **options) as attach:
        _log_all(logger, attach, port)
    receiver.wait_for("it burns")
    assert main(["send", "new title", "x" * 70_000, "--port", str(port), *way]) == 0
    receiver.wait_for('"title": "new title"')
    code = main(["check", "--host", "127.0.0.1", "--port", str(port), "--wait", "0", *way])
    assert code == 0, capsys.readouterr().out


def _log_all(logger: logging.Logger, attach: Attach, port: int) -> None:
    handler = attach(port)
    logger.error("it broke")
    logger.critical("it burns", exc_info=ValueError("grün"))
    assert handler.flush(PATIENCE)
    stats = handler.stats()
    assert (stats.shown, stats.dropped) == (2, {})


def test_this_subscriber_at_an_old_hub(old: StartProgram) -> None:
    """Encrypted, as ``listen --subscribe-to`` subscribes now."""
    _, hub_port = old_receiver(old, "--password", "secret")
    subscriber = Subscriber(
        "new", "laptop", ("127.0.0.1", hub_port), "secret", free_port(), encryption=ciphers.AES, timeout=PATIENCE
    )
    with running_receiver(["secret"], port=subscriber.port, subscriptions=[subscriber]) as desk, subscriber:
        subscriber.subscribe()
        for way in WAYS[1:]:
            where = ["--port", str(hub_port), "--password", "secret", *way[2:]]
            assert main(["send", "title", "".join(way[3:]) or "clear", *where]) == 0
        assert [toast.text for toast in desk.wait_for(2)] == ["clear", "AES"]
    assert {toast.encryption for toast in desk.toasts} == {"AES"}
