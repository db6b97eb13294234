"""growl-for-linux (gol) for tests: the real program, with a private home, on an X server of its own.

Its ports are fixed (23053/tcp, 9887/udp), so one runs at a time, of all test runs on this machine. It keeps what it has
shown in an SQLite database, which is where tests read it back.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.peers import require_program
from tests.running import end
from tests.support import PATIENCE, wait_until

PORT = 23053
PASSWORD = "secret"
_START_TIMEOUT = 30.0
_TURN_TIMEOUT = 300.0
"""Seconds for the tests of another run, which take some twenty."""

_TOAST_TIMEOUT_MS = 20_000


@dataclass(frozen=True)
class GolNotification:
    """A row of gol's table of notifications."""

    title: str
    text: str
    icon: str
    url: str

    def texts(self) -> tuple[str, ...]:
        """Return what it says: its text, that without the last line of handlers, and this below its title."""
        above, _, _ = self.text.rpartition("\n")
        return self.text, above, f"{self.title}\n{above}".rstrip("\n")


class Gol:
    """A running growl-for-linux. Takes alerts in clear and with the password "secret"."""

    def __init__(self, folder: Path, screen: str = "640x480x24") -> None:
        """Look for the programs.

        Args:
            folder: Where its home is made.
            screen: Size and depth of the X server's screen.
        """
        self._gol = require_program("gol", "growl-for-linux")
        self._xvfb = require_program("Xvfb", "xvfb")
        self._folder = folder
        self._screen = screen
        self._processes: list[subprocess.Popen[bytes]] = []
        self._turn: IO[bytes] | None = None
        self.display = ""

    @property
    def database(self) -> Path:
        """The SQLite database that gol writes."""
        return self._folder / "config" / "gol" / "config.db"

    def start(self) -> Gol:
        """Start the X server and gol, and return once it takes connections. What it has shown before, it still has.

        Raises:
            RuntimeError: If its port is taken, or it ends at once.
        """
        self._wait_for_other_runs()
        with contextlib.closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                raise RuntimeError(f"port {PORT} is taken: is another GNTP server running?")
        if not self.database.exists():
            self._configure()
        self.display = self._start_x()
        with (self._folder / "gol.log").open("wb") as log:
            gol = subprocess.Popen([self._gol], env=self._environment(), stdout=log, stderr=log)
        self._processes.append(gol)
        wait_until(lambda: _accepts(PORT) or gol.poll() is not None, _START_TIMEOUT)
        if gol.poll() is not None:
            raise RuntimeError(f"gol ended at once: {(self._folder / 'gol.log').read_text('utf-8', 'replace')}")
        return self

    def stop(self) -> None:
        """End gol, then its X server."""
        while self._processes:
            end(self._processes.pop())
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    def notifications(self) -> list[GolNotification]:
        """Return what it has shown; each row is there before its request is answered."""
        rows = self._query("SELECT title, text, icon, url FROM notification")
        return [GolNotification(*map(str, row)) for row in rows]

    def notification(self, text: str) -> GolNotification:
        """Return the one notification that says a text: with its title, or in its text where a title has no room."""
        (found,) = [row for row in self.notifications() if text in row.texts()]
        return found

    def events(self, application: str) -> set[str]:
        """Return the names of the notification types that an application has registered, and that are enabled."""
        rows = self._query("SELECT name FROM application WHERE app_name = ? AND enable = 1", application)
        return {str(name) for (name,) in rows}

    def picture(self, path: Path, crop: str = "") -> None:
        """Save a picture of its screen.

        Args:
            path: The PNG file to write.
            crop: Part of the screen, as ``WIDTHxHEIGHT+X+Y``; empty for all.
        """
        importer = require_program("import", "imagemagick")
        geometry = ["-crop", crop] if crop else []
        command = [importer, "-display", self.display, "-window", "root", *geometry, "+repage", "-strip", str(path)]
        subprocess.run(command, check=True, timeout=PATIENCE)

    def _wait_for_other_runs(self) -> None:
        """Wait until no other test run has a growl-for-linux, and keep others waiting until this one stops."""
        import fcntl  # not on Windows, where there is no such program

        self._turn = (Path(tempfile.gettempdir()) / "gntp-logging-tests-gol.lock").open("wb")

        def is_ours() -> bool:
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        turn = self._turn
        wait_until(is_ours, _TURN_TIMEOUT)

    def _configure(self) -> None:
        self.database.parent.mkdir(parents=True)
        with contextlib.closing(sqlite3.connect(self.database)) as database, database:
            database.execute("CREATE TABLE config(key text primary key, value text)")
            database.executemany(
                "INSERT INTO config VALUES (?, ?)",
                [
                    ("password", PASSWORD),
                    ("require_password_for_local_apps", "0"),
                    ("default_timeout", str(_TOAST_TIMEOUT_MS)),
                    ("default_display", "Fog"),
                ],
            )

    def _start_x(self) -> str:
        """Start the X server, and return the display that it has chosen."""
        reading, writing = os.pipe()
        with open(reading, "rb") as answer:
            command = [self._xvfb, "-displayfd", str(writing), "-screen", "0", self._screen, "-nolisten", "tcp"]
            try:
                self._processes.append(
                    subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                )
            finally:
                os.close(writing)
            number = answer.readline().strip()  # nothing when it ends without a display
        if not number.isdigit():
            self.stop()
            raise RuntimeError("Xvfb did not start")
        return f":{number.decode()}"

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "XDG_CONFIG_HOME": str(self._folder / "config"),
            "XDG_CACHE_HOME": str(self._folder / "cache"),
            "XDG_DATA_HOME": str(self._folder / "data"),
            "DISPLAY": self.display,
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "LANG": "C.UTF-8",
        }

    def _query(self, statement: str, *values: str) -> list[tuple[object, ...]]:
        """Read from its database, which it may be writing at the moment."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
                    return database.execute(statement, values).fetchall()
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise


def _accepts(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
