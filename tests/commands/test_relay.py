"""relay.toml, checked, and how the command ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from gntp_logging.commands import cli
from gntp_logging.commands.arguments import UsageError
from gntp_logging.commands.relay_file import read
from gntp_logging.fleet.incidents import DeskSettings, Route
from gntp_logging.fleet.match import Match
from tests.conftest import Write
from tests.support import running_receiver

GOOD = """
broker = "redis://127.0.0.1:1/0"
quiet = 60

[desktops.anna]
host = "127.0.0.1"
port = 24000

[desktops.bob]
host = "127.0.0.2"

[[routes]]
to = ["anna"]
repeat_window = 30
burst = 2
rate = 0

[[routes]]
to = ["bob", "anna"]
match = {logger = "shop.*", level = "ERROR"}
"""


def test_a_relay_toml_is_read(write: Write) -> None:
    """A desktop that two routes name has both, each with its own rates."""
    settings = read(str(write(GOOD, "relay.toml")))
    assert (settings.broker, settings.quiet, settings.keys, settings.timeout) == (
        "redis://127.0.0.1:1/0",
        60.0,
        (),
        5.0,
    )
    anna, bob = settings.desktops
    assert (anna.name, anna.make_transport("shop").label) == ("anna", "127.0.0.1:24000")
    everything, some = Route(Match(), 30.0, 2, 0.0), Route(Match(logger="shop.*", level=40), 60.0, 20, 12.0)
    assert anna.desk == DeskSettings((everything, some), 60.0)
    assert (bob.name, bob.make_transport("shop").label) == ("bob", "127.0.0.2:23053")
    assert bob.desk == DeskSettings((some,), 60.0)
    assert settings == read(str(write(GOOD, "relay.toml")))  # so a reload leaves all as it is


def test_the_brokers_password_may_stand_in_a_file(write: Write, tmp_path: Path) -> None:
    """Its first line; what cannot be read is named."""
    password = write("p@ss\n", "redis.password")
    content = f"broker_password_file = {str(password)!r}\n{GOOD}".replace("redis://", "redis://relay@")
    assert read(str(write(content, "relay.toml"))).broker == "redis://relay:p%40ss@127.0.0.1:1/0"
    password.unlink()
    with pytest.raises(UsageError, match="broker_password_file: cannot read"):
        read(str(tmp_path / "relay.toml"))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (('broker = "redis://127.0.0.1:1/0"', 'broker = "http://x"'), "broker: allowed is a URL"),
        (("quiet = 60", "quiet = 9"), "quiet: allowed is 10 seconds or more"),
        (("quiet = 60", "quite = 60"), "did you mean 'quiet'?"),
        (("port = 24000", "prot = 24000"), "desktops.anna: unknown key 'prot' (did you mean 'port'?)"),
        (("port = 24000", "port = 0"), "desktops.anna.port: allowed is"),
        (("port = 24000", 'password = "p"'), "desktops.anna: unknown key 'password'"),
        (('to = ["anna"]', 'to = ["carl"]'), "routes[0].to: allowed is a list of names of desktops: anna, bob"),
        (('to = ["anna"]', 'to = "anna"'), "routes[0].to: allowed is a list"),
        (('to = ["anna"]', "to = []"), "routes[0].to: allowed is a list"),
        (("repeat_window = 30", "repeat_window = 0"), "routes[0].repeat_window: allowed is"),
        (("burst = 2", "burst = 0"), "routes[0].burst: allowed is"),
        (("rate = 0", "rat = 0"), "did you mean 'rate'?"),
        (('level = "ERROR"', 'level = "EROR"'), "routes[1].match.level: allowed is a level's number or name"),
        (('level = "ERROR"', "team = 1"), "routes[1].match: unknown key 'team'; allowed: app, logger, level"),
        (('match = {logger = "shop.*", level = "ERROR"}', 'match = "x"'), "routes[1].match: allowed is a table"),
        (('logger = "shop.*"', "logger = 5"), "routes[1].match.logger: allowed is a glob"),
        (("quiet = 60", 'fleet_key_file = "nowhere"'), "fleet_key_file: cannot read 'nowhere'"),
        (("quiet = 60", "quiet = "), "relay.toml: "),
        (("[desktops.anna]\nhost", "[desktops]\nanna = 1\n[x]\nhost"), "unknown key 'x'"),
        (("[desktops.bob]\nhost", "desktops.bob = 1\nhost"), "relay.toml"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(write: Write, change: tuple[str, str], error: str) -> None:
    """The file, the place, and what is allowed."""
    assert change[0] in GOOD
    path = write(GOOD.replace(*change, 1), "relay.toml")
    with pytest.raises(UsageError) as caught:
        read(str(path))
    assert error in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('broker = "redis://x"', "one table [desktops.NAME] or more"),
        ('broker = "redis://x"\n[desktops.a]\nhost = "a"', "one table [[routes]] or more"),
    ],
)
def test_what_is_missing_is_named(write: Write, content: str, error: str) -> None:
    """A relay without desktops would count for nobody."""
    with pytest.raises(UsageError) as caught:
        read(str(write(content, "relay.toml")))
    assert error in str(caught.value)


def test_check_has_nothing_to_ask_where_a_handler_publishes(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so, and asks no GNTP server on this machine instead."""
    path = write('[gntp]\nbroker = "redis://:hunter2@127.0.0.1:1/0"\n', "shop.toml")
    assert cli.main(["check", "--config", str(path)]) == 0
    said = capsys.readouterr().out
    assert "it publishes to redis://127.0.0.1:1/0" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("more", [[], ["--quiet"]])
def test_check_asks_no_server_of_this_machine_where_the_environment_names_a_broker(
    more: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless a server is named."""
    monkeypatch.setenv("GNTP_BROKER", "redis://:hunter2@127.0.0.1:1/0")
    assert cli.main(["check", *more]) == 2
    said = capsys.readouterr().err
    assert "GNTP_BROKER: handlers publish to a broker" in said
    assert "hunter2" not in said
    with running_receiver() as receiver:
        assert cli.main(["check", "--host", "127.0.0.1", "--port", str(receiver.port), "--wait", "0", *more]) == 0


def test_a_file_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 2."""
    assert cli.main(["relay", "--config", "nowhere.toml"]) == 2
    assert "cannot read 'nowhere.toml'" in capsys.readouterr().err
