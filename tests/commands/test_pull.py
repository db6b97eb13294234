"""What ``listen --broker`` is told: arguments, and what they do not allow. What it does then, tests/fleet shows."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from gntp_logging.commands import listen, pull
from gntp_logging.commands.arguments import UsageError
from gntp_logging.commands.cli import main
from gntp_logging.fleet.match import Match

BROKER = ["--broker", "redis://127.0.0.1:1/0"]


def parsed(*words: str) -> argparse.Namespace:
    """Return the arguments of listen."""
    parser = argparse.ArgumentParser()
    listen.add_arguments(parser)
    return parser.parse_args(words)


def test_without_a_broker_nothing_is_pulled() -> None:
    """And redis-py is not loaded."""
    assert pull.settings(parsed()) is None


def test_what_is_given_is_what_is_pulled(tmp_path: Path) -> None:
    """The password from its file, keys from theirs, and a match for each argument."""
    (tmp_path / "password").write_text("p@ss")
    (tmp_path / "keys").write_text("k" * 32)
    (tmp_path / "keys").chmod(0o600)
    given = pull.settings(
        parsed(
            "--broker", "rediss://anna@redis.example:6380/0", "--broker-password-file", str(tmp_path / "password"),
            "--fleet-key-file", str(tmp_path / "keys"), "--match", "logger=shop.*", "level=ERROR", "--match", "app=x",
        )
    )  # fmt: skip
    assert given is not None
    assert (given.broker, given.keys) == ("rediss://anna:p%40ss@redis.example:6380/0", (b"k" * 32,))
    assert [route.match for route in given.desk.routes] == [Match(logger="shop.*", level=40), Match(app="x")]
    (everything,) = (pull.settings(parsed(*BROKER)) or given).desk.routes
    assert everything.match == Match()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--match", "app=x"], "--match belongs to --broker URL"),
        (["--fleet-key-file", "x"], "--fleet-key-file belongs to --broker URL"),
        (["--broker-password-file", "x"], "--broker-password-file belongs to --broker URL"),
        (["--broker", "http://x"], "--broker: allowed is a URL such as redis://HOST:6379/0"),
        ([*BROKER, "--fleet-key-file", "/nonexistent"], "--fleet-key-file: cannot read '/nonexistent'"),
        ([*BROKER, "--broker-password-file", "/dev/null"], "--broker-password-file: the first line of '/dev/null'"),
        ([*BROKER, "--match", "shop"], "--match: allowed is KEY=VALUE"),
        ([*BROKER, "--match", "apps=shop"], "--match: "),
        ([*BROKER, "--match", "level=LOUD"], "--match.level: "),
        ([*BROKER, "--hub"], "--hub is for the GNTP port, and with --broker there is none: give --port"),
        ([*BROKER, "--password", "hunter2"], "--password is for the GNTP port"),
        ([*BROKER, "--tls-cert", "x.pem"], "--tls-cert is for the GNTP port"),
        ([*BROKER, "--subscribe-to", "hub"], "--subscribe-to is for the GNTP port"),
        ([*BROKER, "--display", "apprise"], "--display apprise and --apprise-config FILE go together"),
        ([*BROKER, "--port", "0", "--hub"], "--hub needs a password"),
    ],
)
def test_what_cannot_be_used_is_named(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], no_variables: None
) -> None:
    """With 2, in one line that repeats no password."""
    del no_variables
    assert main(["listen", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert "hunter2" not in line


def test_a_password_in_the_url_is_shown_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the URL is wrong."""
    assert main(["listen", "--broker", "redis://anna:hunter2@x:no"]) == 2
    assert "hunter2" not in capsys.readouterr().err


def test_variables_open_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are for handlers as well; with ``--port`` they count as ever."""
    monkeypatch.setenv("GNTP_PORT", "4711")
    monkeypatch.setenv("GNTP_PASSWORD", "secret")
    assert listen.resolved(parsed(*BROKER)) == (None, [])
    assert listen.resolved(parsed(*BROKER, "--port", "0")) == (0, ["secret"])


def test_a_page_may_be_reached_from_elsewhere_where_no_port_is_open() -> None:
    """Nobody can send anything there, so no password is needed."""
    assert listen.resolved(parsed(*BROKER, "--display", "web", "--bind", "0.0.0.0")) == (None, [])


def test_redis_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(__import__("sys").modules, "redis.connection", None)
    for name in ("redis_streams", "laptop", "relay", "desktop"):
        monkeypatch.delitem(__import__("sys").modules, f"gntp_logging.fleet.{name}", raising=False)
    with pytest.raises(UsageError, match=r"--broker needs redis-py: pip install 'gntp-logging\[redis\]'"):
        pull.settings(parsed(*BROKER))
