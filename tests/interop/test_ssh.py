"""A tunnel by a real sshd: the recipe of docs/teams.md, with other ports."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from gntp_logging import GNTPHandler
from tests.documents import ROOT
from tests.peers import require_program
from tests.running import end
from tests.support import PATIENCE, free_port, running_receiver, wait_until

pytestmark = [pytest.mark.peer, pytest.mark.program]


def test_a_server_behind_ssh_shows_its_alerts_on_the_desktop(tmp_path: Path) -> None:
    """The program sends to its own localhost."""
    programs = {
        name: require_program(name, package)
        for name, package in (("sshd", "openssh-server"), ("ssh", "openssh-client"), ("ssh-keygen", "openssh-client"))
    }
    if os.geteuid():
        pytest.skip("only root can start an sshd that lets in whoever runs the tests")
    for key in ("host", "user"):
        subprocess.run(
            [programs["ssh-keygen"], "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / key)], check=True, timeout=30
        )
    at_server, port = free_port(), free_port()
    config = tmp_path / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\n"
        f"PidFile {tmp_path}/pid\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n",
        "utf-8",
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    sshd = subprocess.Popen([programs["sshd"], "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
    tunnel = None
    try:
        wait_until(lambda: _listens(port))
        with running_receiver() as desktop:
            tunnel = subprocess.Popen(_recipe(programs["ssh"], tmp_path, port, at_server, desktop.port))
            wait_until(lambda: _listens(at_server))
            handler = GNTPHandler(port=at_server, app_name="shop", timeout=PATIENCE)
            handler.handle(logging.makeLogRecord({"msg": "through the tunnel", "levelno": 40, "levelname": "ERROR"}))
            handler.close()
            (toast,) = desktop.wait_for(1)
        assert toast.title == "through the tunnel"
    finally:
        for process in filter(None, (tunnel, sshd)):
            end(process, PATIENCE)


def _recipe(ssh: str, folder: Path, port: int, at_server: int, at_desktop: int) -> list[str]:
    """Return the page's command, with these ports, this machine as the server, and keys of its own."""
    page = (ROOT / "docs" / "teams.md").read_text("utf-8")
    (line,) = re.findall("^ssh .*$", page, re.MULTILINE)
    assert line.count("23053:localhost:23053") == 1
    _, *words, _server = shlex.split(line.replace("23053:localhost:23053", f"{at_server}:localhost:{at_desktop}"))
    how = ["-p", str(port), "-i", str(folder / "user"), "-F", "none"]
    known = ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder}/known", "-o", "LogLevel=ERROR"]
    return [ssh, *how, *known, *words, "root@127.0.0.1"]


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
        return True
    return False
