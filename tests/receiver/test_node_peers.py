"""Programs for Node.js: growly, and node-notifier, which stands on it. npm fetches them, once for each run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gntp_logging.gntp.models import Resource
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.peers import npm_packages, require_program
from tests.support import Recorder

pytestmark = pytest.mark.peer

PACKAGES = ["growly@1.3.0", "node-notifier@10.0.1"]
BOUND = 60.0
"""Seconds for one program, on a machine that does much else."""

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + b"\r\n\r\nIdentifier: x\r\n\r\n"

RunScript = Callable[[str, int], "list[Any]"]
"""Runs a script with the receiver's port; returns what it has printed, line by line, as JSON."""


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages."""
    return npm_packages(tmp_path_factory.mktemp("node"), *PACKAGES)


@pytest.fixture
def run_script(packages: Path, tmp_path: Path) -> RunScript:
    """Runs scripts beside the packages."""
    (tmp_path / "picture.png").write_bytes(PICTURE)

    def run(script: str, port: int) -> list[Any]:
        path = packages / "script.js"
        path.write_text(script, encoding="utf-8")
        environment = {**os.environ, "PORT": str(port), "PICTURE": str(tmp_path / "picture.png")}
        node = require_program("node", "nodejs")
        finished = subprocess.run(
            [node, str(path)], env=environment, capture_output=True, encoding="utf-8", timeout=BOUND, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return [json.loads(line) for line in finished.stdout.splitlines()]

    return run


class Clicking(Recorder):
    """A display whose user clicks on whatever is shown."""

    def show(self, toast: Toast) -> None:
        """Remember it, and click."""
        super().show(toast)
        toast.react(Reaction.CLICKED)


GROWLY = """
const growly = require("growly"), fs = require("fs");
const print = value => console.log(JSON.stringify(value));
growly.setHost("127.0.0.1", Number(process.env.PORT));
const picture = fs.readFileSync(process.env.PICTURE);
const types = [{label: "event", dispname: "Event", icon: picture}, {label: "other"}];
growly.register("growly", process.env.PICTURE, types, error => {
  print(error ? String(error) : "registered");
  const options = {label: "event", title: "Tïtle", sticky: true, priority: 2, icon: picture};
  growly.notify("téxt\\nmore", options, (error, action) => print([error && String(error), action]));
});
"""


def test_growly(run_script: RunScript) -> None:
    """It waits for the server to close after REGISTER, and hears of the click afterwards."""
    display = Clicking()
    with Receiver(Server([display])) as receiver:
        said = run_script(GROWLY, receiver.port)
    (toast,) = display.toasts
    assert (toast.application, toast.name, toast.title, toast.text) == ("growly", "event", "Tïtle", "téxt\nmore")
    assert (toast.sticky, toast.priority, toast.icon) == (True, 2, Resource(data=PICTURE))
    assert said[0] == "registered"
    error, action = said[-1]
    assert (error, action) == (None, "click")


NODE_NOTIFIER = """
const {Growl} = require("node-notifier");
const notifier = new Growl({name: "node-notifier", host: "127.0.0.1", port: Number(process.env.PORT)});
notifier.on("click", () => console.log(JSON.stringify("clicked")));
notifier.notify(
  {title: "Tïtle", message: "téxt", icon: process.env.PICTURE, sticky: true, priority: -1, wait: true},
  (error, response) => console.log(JSON.stringify([error && String(error), response])));
"""


def test_node_notifier(run_script: RunScript) -> None:
    """With its picture, and its callback."""
    display = Clicking()
    with Receiver(Server([display])) as receiver:
        said = run_script(NODE_NOTIFIER, receiver.port)
    (toast,) = display.toasts
    assert (toast.application, toast.title, toast.text) == ("node-notifier", "Tïtle", "téxt")
    assert (toast.sticky, toast.priority, toast.icon) == (True, -1, Resource(data=PICTURE))
    assert "clicked" in said, "its event, which many wait for, comes for CLICK alone"
    assert [None, "click"] in said
