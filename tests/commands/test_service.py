"""The service: a real user manager of systemd runs the receiver."""

from __future__ import annotations

import argparse
import os
import plistlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.commands import listen
from gntp_logging.commands.cli import main
from gntp_logging.commands.service import UNIT, _quoted, launchd_agent, logon_task
from tests.certificates import Issuer
from tests.peers import require_program
from tests.support import free_port

MANAGER = """
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR"
dbus-daemon --session --address="$DBUS_SESSION_BUS_ADDRESS" --nofork --nopidfile 2> /dev/null &
bus=$!
/lib/systemd/systemd --user --log-target=null &
manager=$!
trap 'kill -TERM "$manager"; wait "$manager" || true; kill "$bus"' EXIT
until systemctl --user show > /dev/null 2>&1; do :; done  # it may not be on the bus yet
systemctl --user is-system-running --wait > /dev/null || true
"$@"
"""
"""Runs a command beside a user manager of its own, which believes that systemd has started the machine."""


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No unit of whoever runs the tests is touched, and none of its variables counts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("GNTP_PORT", "GNTP_PASSWORD", "GNTP_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return where the unit is written."""
    return tmp_path / "config" / "systemd" / "user" / UNIT


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd is of Linux")


def words_of(text: str) -> list[str]:
    """Return the command of a unit, as systemd reads it."""
    (line,) = re.findall("^ExecStart=(.*)$", text, re.MULTILINE)
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]


# -- What is written -----------------------------------------------------------------------------


@linux
@pytest.mark.program
def test_show_prints_what_install_writes(
    unit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every path of it absolute, the password in its file, and each option as it was given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")  # no systemctl
    Path("pass word").write_text("hunter2-and-more", "utf-8")
    options = ["--display", "json", "--bind", "0.0.0.0", "--password-file", "pass word", "--subscribe-to", "hub:99"]
    assert main(["service", "show", *options, "--hub", "--minimum-hash", "SHA256"]) == 0
    shown = capsys.readouterr().out
    assert main(["service", "install", *options, "--hub", "--minimum-hash", "SHA256"]) == 0
    assert unit.read_text("utf-8") == shown
    assert "hunter2" not in shown
    command = words_of(shown)
    assert os.path.isabs(command[0])
    assert command[1:4] == ["-m", "gntp_logging", "listen"]
    assert dict(zip(command[4::2], command[5::2], strict=False))["--password-file"] == str(tmp_path / "pass word")
    said = capsys.readouterr().out
    assert str(unit) in said
    assert f"systemctl --user enable --now {UNIT}" in said
    given = subprocess.run([*command, "--help"], capture_output=True, check=False, timeout=60)
    assert given.returncode == 0


@linux
def test_the_files_of_tls_are_absolute_and_read_before(
    certificate: Path,
    issuer: Issuer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A certificate that cannot be used is refused now, rather than at each start."""
    monkeypatch.chdir(tmp_path)
    Path("desk.pem").write_bytes(certificate.read_bytes())
    Path("team.pem").write_bytes(issuer.file.read_bytes())
    Path("password").write_text("hunter2-and-more", "utf-8")
    assert main(["service", "show", "--display", "json", "--tls-cert", "desk.pem", "--tls-key", "desk.pem"]) == 0
    command = words_of(capsys.readouterr().out)
    assert command[command.index("--tls-cert") :][:4] == [
        "--tls-cert",
        str(tmp_path / "desk.pem"),
        "--tls-key",
        str(tmp_path / "desk.pem"),
    ]
    more = ["--display", "json", "--password-file", "password", "--subscribe-to", "localhost"]
    for option, *rest in (["--tls"], ["--tls-ca", "team.pem"]):
        assert main(["service", "show", *more, option, *rest]) == 0
        command = words_of(capsys.readouterr().out)
        assert command[command.index(option) + 1 :][: len(rest)] == [str(tmp_path / file) for file in rest]
    assert main(["service", "install", "--display", "json", "--tls-cert", "team.pem"]) == 2
    assert "--tls-cert: cannot use" in capsys.readouterr().err


@linux
def test_a_laptops_options_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every path from the root, that of the URL too, each match as it was given, and no port; listen takes them."""
    monkeypatch.chdir(tmp_path)
    for name in ("GNTP_PASSWORD", "GNTP_PASSWORD_FILE", "GNTP_PORT"):  # of the port that there is not
        monkeypatch.setenv(name, "1")
    Path("keys").write_text("k" * 32, "utf-8")
    Path("keys").chmod(0o600)
    Path("team.pem").write_text("", "utf-8")
    Path("password").write_text("hunter2-and-more", "utf-8")
    matches = ["--match", "logger=shop.*", "level=ERROR", "--match", "app=billing"]
    options = ["--broker", "rediss://anna@redis.example:6380/0?ssl_ca_certs=team.pem", *matches]
    files = ["--broker-password-file", "password", "--fleet-key-file", "keys"]
    assert main(["service", "show", "--display", "json", *options, *files]) == 0
    shown = capsys.readouterr().out
    assert "hunter2" not in shown
    command = words_of(shown)
    given = listen_arguments(command[4:])
    assert given.port is None
    assert given.broker == f"rediss://anna@redis.example:6380/0?ssl_ca_certs={tmp_path}/team.pem"
    assert given.match == [["logger=shop.*", "level=ERROR"], ["app=billing"]]
    assert (given.broker_password_file, given.fleet_key_file) == (str(tmp_path / "password"), str(tmp_path / "keys"))
    assert given.as_service


def listen_arguments(words: list[str]) -> argparse.Namespace:
    """Return what listen reads."""
    parser = argparse.ArgumentParser()
    listen.add_arguments(parser)
    return parser.parse_args(words)


@linux
def test_variables_are_kept_as_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service does not have the variables of the terminal that it was installed from."""
    (tmp_path / "password").write_text("hunter2-and-more", "utf-8")
    monkeypatch.setenv("GNTP_PORT", "4711")
    monkeypatch.setenv("GNTP_PASSWORD_FILE", str(tmp_path / "password"))
    assert main(["service", "show", "--display", "json"]) == 0
    command = words_of(capsys.readouterr().out)
    assert command[4:] == [
        "--port", "4711", "--password-file", str(tmp_path / "password"), "--display", "json", "--as-service",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "variables", "said"),
    [
        (["--password", "hunter2"], {}, "--password-file"),
        ([], {"GNTP_PASSWORD": "hunter2"}, "GNTP_PASSWORD is not set when the service starts"),
        (["--port", "0"], {}, "--port 0"),
        (["--web-port", "0"], {}, "--web-port 0"),
        (["--hub"], {}, "--hub needs a password"),
        (["--broker", "redis://:hunter2@x"], {}, "--broker-password-file"),
        (["--broker", "http://x"], {}, "--broker: allowed is"),
        (["--broker", "redis://x", "--fleet-key-file", "is-not-there"], {}, "--fleet-key-file: cannot read"),
        (["--password-file", "is-not-there"], {}, "cannot read"),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_is_written(
    unit: Path, options: list[str], variables: dict[str, str], said: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """By name; a password is not repeated."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["service", "install", "--display", "json", *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "hunter2" not in error
    assert not unit.exists()


@linux
def test_without_a_service_there_is_nothing_to_do(unit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status says so with its exit code, too."""
    assert main(["service", "status"]) == 1
    assert main(["service", "remove"]) == 0
    assert capsys.readouterr().out.count(str(unit)) == 2


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1))
def test_a_word_of_a_command_stays_what_it_is(word: str) -> None:
    """Neither specifiers nor variables of systemd are replaced in it, and it stays on its line."""
    quoted = _quoted(word)
    assert "\n" not in quoted
    escaped = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), quoted[1:-1])
    assert escaped.replace("%%", "%").replace("$$", "$") == word


def test_other_systems_get_something_to_install_by_hand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which is said to be untried there; status and remove say how it is."""
    command = ["/usr/bin/python3", "-m", "gntp_logging", "a b"]
    assert plistlib.loads(launchd_agent(command).encode())["ProgramArguments"] == command
    assert '"' in logon_task(command)
    for platform, sign in (("darwin", "<plist"), ("win32", "schtasks /Create")):
        monkeypatch.setattr(sys, "platform", platform)
        for action in ("show", "install"):
            assert main(["service", action, "--display", "json"]) == 0
            captured = capsys.readouterr()
            assert sign in captured.out
            assert "Not tried on" in captured.err
        assert main(["service", "status"]) == 2


# -- With a real user manager --------------------------------------------------------------------


@linux
@pytest.mark.peer
@pytest.mark.program
def test_a_user_manager_runs_it(tmp_path: Path) -> None:
    """From install on, again after it was killed, until remove; without any notification service.

    The status has the page's address, which opens it.
    """
    for program, package in (
        ("systemctl", "systemd"),
        ("curl", "curl"),
        ("dbus-daemon", "dbus"),
        ("unshare", "util-linux"),
    ):
        require_program(program, package)
    if os.geteuid():
        pytest.skip("only root can start a user manager of its own")
    port, page_port = free_port(), free_port()
    gntp_logging = f"{shlex.quote(sys.executable)} -m gntp_logging"
    steps = tmp_path / "steps"
    steps.write_text(
        f"""
        set -eu
        sent() {{ {gntp_logging} send Hello --port {port}; }}
        {gntp_logging} service install --display desktop --display web --port {port} --web-port {page_port}
        until {gntp_logging} service status > status && grep -q '^its page is at ' status; do :; done
        cat status
        [ "$(curl -s -o page -w %{{http_code}} "$(sed -n 's/^its page is at //p' status)")" = 200 ]
        until sent; do :; done
        before=$(systemctl --user show -p MainPID --value {UNIT})
        systemctl --user kill --signal=KILL {UNIT}
        until [ "$(systemctl --user show -p MainPID --value {UNIT})" != "$before" ] && sent; do :; done
        echo "came back"
        {gntp_logging} service remove
        sent || echo "is gone"
        {gntp_logging} service status || echo "is removed"
        """,
        "utf-8",
    )
    runtime = tmp_path / "runtime"
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(runtime),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
    }
    command = ["unshare", "--mount", "sh", "-c", MANAGER, "manager", "sh", str(steps)]
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    output = ran.stdout + ran.stderr
    assert ran.returncode == 0, output
    for words in ("is active", "came back", "is gone", "is removed"):
        assert words in ran.stdout, output
