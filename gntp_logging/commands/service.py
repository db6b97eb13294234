"""The command ``gntp-logging service``: a receiver that starts with the user's session, and again when it fails.

On Linux that is a user unit of systemd. On macOS and Windows the command prints what to install by hand.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import plistlib
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gntp_logging.configuration.environment import variable
from gntp_logging.gntp.network import host_and_port
from gntp_logging.options import fleet

from . import listen, pull
from .arguments import UsageError
from .terminal import say

UNIT: Final = "gntp-logging.service"
_LABEL: Final = "gntp-logging.listen"
"""How launchd knows the agent."""

_TIMEOUT: Final = 60.0
"""Seconds for systemctl, which waits until the service has started or stopped."""

_START_TIME: Final = 10.0
"""Seconds for the page of a receiver that was started."""

_DEFAULT_DISPLAYS: Final = ("web", "desktop")

_DESCRIPTION: Final = """\
Keep a receiver running, from login on: the page in the browser, and toasts of the desktop.

  gntp-logging service install                          with --display web and --display desktop
  gntp-logging service install --bind 0.0.0.0 --password-file F
                                                        every option of listen
  gntp-logging service status
  gntp-logging service remove
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments to ``gntp-logging``."""
    parser = commands.add_parser(
        "service",
        help="keep a receiver running, from login on",
        description=_DESCRIPTION,
        epilog="Exit codes: 0 done, or the service runs; 1 it does not; 2 wrong usage.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    for name, run, words, takes_options in (
        ("install", _install, "install it, or install it again with other options; takes the options of listen", True),
        ("show", _show, "print what install would write; takes the options of listen", True),
        ("status", _status, "say whether it runs, and where its page is", False),
        ("remove", _remove, "stop it, and remove it", False),
    ):
        action = actions.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        if takes_options:
            listen.add_arguments(action)
        action.set_defaults(run=run)


# -- The actions ---------------------------------------------------------------------------------


def _install(arguments: argparse.Namespace) -> int:
    command = _command(arguments)
    if not sys.platform.startswith("linux"):
        return _by_hand(command)
    path = _unit_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(systemd_unit(command), "utf-8")
    say(f"wrote {path}")
    if not _has_user_manager():
        say(
            "No user manager of systemd answers here. Where one does, this starts the receiver, and at each login:\n"
            f"  systemctl --user daemon-reload && systemctl --user enable --now {UNIT}"
        )
        return 0
    with contextlib.suppress(OSError):  # of a receiver that was killed
        os.unlink(_address_file())
    for words in (("daemon-reload",), ("enable", UNIT), ("restart", UNIT)):
        _systemctl(*words)
    deadline = time.monotonic() + _START_TIME
    while "web" in arguments.display and not _page_address() and time.monotonic() < deadline:
        time.sleep(0.1)
    return _status(arguments)


def _show(arguments: argparse.Namespace) -> int:
    command = _command(arguments)
    if not sys.platform.startswith("linux"):
        return _by_hand(command)
    say(systemd_unit(command).rstrip("\n"))
    return 0


def _status(_arguments: argparse.Namespace) -> int:
    if not _is_installed():
        return 1
    if not _has_user_manager():
        say(f"{_unit_path()} is there, but no user manager of systemd answers here")
        return 1
    state = _systemctl("is-active", UNIT, check=False)
    say(f"{UNIT} is {state}; what it writes: journalctl --user -u {UNIT}")
    if state != "active":
        return 1
    if address := _page_address():
        say(f"its page is at {address}")
    return 0


def _address_file() -> str:
    from gntp_logging.receiver.state_folder import state_folder

    return os.path.join(state_folder(), listen.PAGE_ADDRESS)


def _page_address() -> str:
    """Return the address of the page, with its token; empty where the service has none, or not yet."""
    try:
        return Path(_address_file()).read_text("utf-8").strip()
    except OSError:
        return ""


def _remove(_arguments: argparse.Namespace) -> int:
    if not _is_installed():
        return 0
    if _has_user_manager():
        _systemctl("disable", "--now", UNIT)
    _unit_path().unlink()
    if _has_user_manager():
        _systemctl("daemon-reload")
    say(f"removed {_unit_path()}")
    return 0


def _is_installed() -> bool:
    """Tell whether there is a unit, and say so if there is none."""
    if not sys.platform.startswith("linux"):
        raise UsageError("allowed is install or show: on this system the service is installed and removed by hand")
    if _unit_path().exists():
        return True
    say(f"not installed: there is no {_unit_path()}")
    return False


def _by_hand(command: Sequence[str]) -> int:
    """Print what to install where this program installs nothing."""
    if sys.platform == "darwin":
        say(launchd_agent(command).rstrip("\n"))
        say(
            "Not tried on macOS. Save this as a file, and load it:\n"
            f"  gntp-logging service show > ~/Library/LaunchAgents/{_LABEL}.plist\n"
            f"  launchctl load ~/Library/LaunchAgents/{_LABEL}.plist",
            sys.stderr,
        )
        return 0
    say(logon_task(command))
    say("Not tried on Windows. This line, in a prompt, starts the receiver at each logon.", sys.stderr)
    return 0


# -- What is run ---------------------------------------------------------------------------------


def _command(arguments: argparse.Namespace) -> list[str]:
    """Return the command line of the receiver, each path of it absolute.

    Raises:
        UsageError: If an option cannot be used, holds a secret that others could read, or would not hold at the start
            of the service.
        OSError: If a display needs packages that are not installed.
    """
    if arguments.password:
        raise UsageError("--password would stand in a file that programs can read: give --password-file")
    password, password_file = variable("password"), variable("password_file")
    takes_passwords = arguments.broker is None or arguments.port is not None
    if takes_passwords and not arguments.password_file and password in os.environ:
        raise UsageError(f"{password} is not set when the service starts: give --password-file")
    if takes_passwords and not arguments.password_file and password_file in os.environ:
        arguments.password_file = [os.environ[password_file]]
    arguments.port, _ = listen.resolved(arguments)
    listen.certificate_of(arguments)
    if pull.settings(arguments) is not None and urlsplit(arguments.broker).password is not None:
        raise UsageError(
            "the password in --broker would stand in a file that programs can read: give --broker-password-file"
        )
    if arguments.port == 0:
        raise UsageError("--port 0 would be another port after each start: give one")
    if arguments.web_port == 0:
        raise UsageError("--web-port 0 would be another address after each start: give one, or leave it out")
    arguments.display = arguments.display or list(_DEFAULT_DISPLAYS)
    for name in arguments.display:
        listen.made(name, arguments, sys.stdout)
    arguments.as_service = True
    return [os.path.abspath(sys.executable), "-m", "gntp_logging", "listen", *_options(arguments)]


def _options(arguments: argparse.Namespace) -> list[str]:
    """Return the options of listen that are not as they are by default."""
    parser = argparse.ArgumentParser()
    listen.add_arguments(parser)
    words: list[str] = []
    for name, default in vars(parser.parse_args([])).items():
        given = getattr(arguments, name)
        if given == default:
            continue
        option = f"--{name.replace('_', '-')}"
        for value in given if isinstance(given, list) else [given]:
            words += [option]
            if isinstance(value, list):
                words += value
            elif value is not True:
                words += [_value(name, value)]
    return words


def _value(name: str, value: object) -> str:
    if name in listen.FILES:
        return os.path.abspath(str(value))
    if name == "broker":
        return fleet.with_absolute_paths(str(value))
    return host_and_port(*value) if isinstance(value, tuple) else str(value)


def systemd_unit(command: Sequence[str]) -> str:
    """Return a user unit that runs a command from login on, and again when it fails."""
    return f"""\
[Unit]
Description=gntp-logging: shows the alerts of programs
StartLimitIntervalSec=0

[Service]
ExecStart={" ".join(map(_quoted, command))}
Restart=on-failure
RestartSec=5

[Install]
WantedBy=default.target
"""


def _quoted(word: str) -> str:
    """Return a word of a command for systemd, which would otherwise replace % and $."""
    for special, harmless in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("%", "%%"), ("$", "$$")):
        word = word.replace(special, harmless)
    return f'"{word}"'


def launchd_agent(command: Sequence[str]) -> str:
    """Return a property list for launchd that runs a command from login on, and again when it fails."""
    agent = {
        "Label": _LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
    }
    return plistlib.dumps(agent).decode("utf-8")


def logon_task(command: Sequence[str]) -> str:
    """Return the line that makes a task of Windows, which runs a command at each logon."""
    run = subprocess.list2cmdline(command)
    return subprocess.list2cmdline(["schtasks", "/Create", "/SC", "ONLOGON", "/TN", "gntp-logging", "/TR", run])


# -- systemd -------------------------------------------------------------------------------------


def _unit_path() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(os.path.abspath(home), "systemd", "user", UNIT)


def _has_user_manager() -> bool:
    try:
        _systemctl("show-environment")
    except OSError:
        return False
    return True


def _systemctl(*words: str, check: bool = True) -> str:
    """Return what systemctl prints.

    Raises:
        OSError: If it is not there, fails, or does not end.
    """
    program = shutil.which("systemctl")
    if program is None:
        raise OSError("there is no systemctl")
    try:
        ran = subprocess.run(  # noqa: S603 - fixed words
            [program, "--user", *words], capture_output=True, text=True, errors="replace", timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"systemctl --user {words[0]} has not ended within {_TIMEOUT:g} s") from error
    if check and ran.returncode:
        raise OSError(f"systemctl --user {words[0]} has failed: {ran.stderr.strip() or ran.returncode}")
    return ran.stdout.strip()
