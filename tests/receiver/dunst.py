"""dunst, a real notification daemon, on a D-Bus and an X server of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tests.peers import require_program
from tests.running import end
from tests.support import PATIENCE, wait_until

BUS = """\
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
"""A bus that starts no daemon by itself: the machine's own bus would start another dunst beside the one of the test."""


class Dunst:
    """A running dunst, and what it shows."""

    def __init__(self, folder: Path, screen: str = "640x480x24") -> None:
        """Look for the programs.

        Args:
            folder: Where its configuration goes.
            screen: Size and depth of the X server's screen.
        """
        self._programs = {
            name: require_program(name, package)
            for name, package in (("Xvfb", "xvfb"), ("dbus-daemon", "dbus"), ("dunst", "dunst"), ("dunstctl", "dunst"))
        }
        self._folder = folder
        self._screen = screen
        self._processes: list[subprocess.Popen[str]] = []
        self.display = ""
        self.address = ""

    def start(self) -> None:
        """Start the X server, the bus and dunst; return once it takes notifications."""
        self.display = ":" + self._start("Xvfb", "-displayfd", "1", "-screen", "0", self._screen, "-nolisten", "tcp")
        (self._folder / "bus.conf").write_text(BUS, "utf-8")
        self.address = self._start(
            "dbus-daemon", f"--config-file={self._folder / 'bus.conf'}", "--nofork", "--print-address=1"
        )
        (self._folder / "dunstrc").write_text("[global]\nmonitor = 0\nwidth = 320\nnotification_limit = 20\n", "utf-8")
        self.start_daemon()

    def start_daemon(self) -> None:
        """Start the daemon, and wait until it answers."""
        self._launch("dunst", "-config", str(self._folder / "dunstrc"))
        wait_until(lambda: self._control("is-paused").returncode == 0, 30)

    def start_again(self) -> None:
        """End the daemon alone, and start it again."""
        self.end_daemon()
        self.start_daemon()

    def end_daemon(self) -> None:
        """End the daemon alone."""
        self._end_last()

    def configure(self, lines: str) -> None:
        """Start the daemon again with more lines of its configuration."""
        with (self._folder / "dunstrc").open("a", encoding="utf-8") as file:
            file.write(f"{lines}\n")
        self.start_again()

    def stop(self) -> None:
        """End all three."""
        while self._processes:
            self._end_last()

    def _end_last(self) -> None:
        process = self._processes.pop()
        end(process, PATIENCE)
        if process.stdout is not None:
            process.stdout.close()

    def shown(self) -> int:
        """Return how many notifications it shows."""
        return int(self._control("count", "displayed").stdout)

    def click(self) -> None:
        """Click on the newest notification."""
        assert self._control("action", "0").returncode == 0

    def close(self) -> None:
        """Close the newest notification."""
        assert self._control("close").returncode == 0

    def history(self) -> list[dict[str, Any]]:
        """Return what it has shown and shows no more, the newest first: summary, body, urgency, icon_path, ..."""
        found = json.loads(self._control("history").stdout)["data"][0]
        return [{name: field["data"] for name, field in entry.items()} for entry in found]

    def texts(self) -> list[str]:
        """Return what could be read on them, the newest first: summary and body, as the markup says."""
        return ["".join(ET.fromstring(f"<p>{entry['message']}</p>").itertext()) for entry in self.history()]

    def picture(self, path: Path) -> None:
        """Save a picture of its screen."""
        importer = require_program("import", "imagemagick")
        command = [importer, "-display", self.display, "-window", "root", "+repage", "-strip", str(path)]
        subprocess.run(command, check=True, timeout=PATIENCE)

    def _control(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self._programs["dunstctl"], *arguments]
        return subprocess.run(
            command, env=self._environment(), capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False
        )

    def _start(self, name: str, *arguments: str) -> str:
        """Start a program, and return the first line that it writes."""
        process = self._launch(name, *arguments)
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line, f"{name} has ended"
        return line

    def _launch(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [self._programs[name], *arguments],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        self._processes.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "XDG_CONFIG_HOME": str(self._folder),
            "DISPLAY": self.display,
            "DBUS_SESSION_BUS_ADDRESS": self.address,
            "LANG": "C.UTF-8",
        }
