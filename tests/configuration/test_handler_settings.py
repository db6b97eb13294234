"""What one handler is made of: what file, environment and arguments say together."""

from __future__ import annotations

from typing import Any

import pytest

from gntp_logging import GNTPHandler, config
from gntp_logging.configuration.environment import ConfigurationError, Overrides
from gntp_logging.configuration.handler_settings import HandlerSettings, factory_of, taken_by
from gntp_logging.options import checks

PLACE = "x.toml: [gntp] "


class Team(GNTPHandler):
    """A handler of somebody's own."""

    def __init__(self, *, port: int, team: str) -> None:
        super().__init__(port=port, app_name=team)


def annotated(**options: Any) -> Team:
    """Make one, and say so."""
    return Team(**options)


def silent(**options: Any):  # type: ignore[no-untyped-def]  # noqa: ANN201 - which is the point
    """Make one, and do not say so."""
    return Team(**options)


Alias = Team


def test_what_comes_before_the_file() -> None:
    """Comes before it option by option; one that gives a password takes the file's way to it back."""
    overrides = Overrides({"port": 2, "password": "new"}, {"port": "--port", "password": "GNTP_PASSWORD"})
    settings = HandlerSettings.merge({"host": "desk", "port": 1, "password_env": "NOPE"}, overrides, GNTPHandler, PLACE)
    destination = settings.destination()
    assert (destination.host, destination.port, destination.password) == ("desk", 2, "new")


def test_errors_name_what_was_given_where_it_was_given() -> None:
    """A file's option by file and table, an argument by itself."""
    wrong = Overrides({"port": 0}, {"port": "--port"})
    with pytest.raises(ConfigurationError, match=r"^--port: allowed is an integer from 1"):
        HandlerSettings.merge({}, wrong, GNTPHandler, PLACE).make()
    with pytest.raises(ConfigurationError, match=r"^x\.toml: \[gntp\] port: allowed is"):
        HandlerSettings.merge({"port": 0}, Overrides(), GNTPHandler, PLACE).make()


def test_a_factory_gets_what_it_takes() -> None:
    """Other options are there for who asks; an argument that names a server is not passed over."""
    options = {"port": 1, "team": "shop"}
    settings = HandlerSettings.merge(options, Overrides({"app_name": "make", "port": 2}), Team, PLACE)
    assert settings.options == {"port": 2, "team": "shop"}
    assert settings.option("app_name", checks.text) == "make"
    assert settings.option("icon", checks.text) is None
    with pytest.raises(ConfigurationError, match="--host: what makes this handler takes no 'host'"):
        HandlerSettings.merge(options, Overrides({"host": "desk"}, {"host": "--host"}), Team, PLACE)


def test_a_function_gets_no_option_that_the_file_does_not_give() -> None:
    """Nobody knows what it would do with it."""
    settings = HandlerSettings.merge({"port": 1}, Overrides({"port": 2}), annotated, PLACE)
    assert settings.options == {"port": 1}


@pytest.mark.parametrize("factory", ["gntp_logging.GNTPHandler", "gntp_logging.handler.GNTPHandler", "Team", "Alias"])
@pytest.mark.parametrize("key", ["class", "()"])
def test_a_class_is_ours_by_any_of_its_names(factory: str, key: str) -> None:
    """Whatever the file calls it, and with ``ext://`` before it."""
    name = factory if "." in factory else f"{__name__}.{factory}"
    found = factory_of({key: name})
    assert isinstance(found, type)
    assert issubclass(found, GNTPHandler)
    assert factory_of({key: f"ext://{name}"}) is found


@pytest.mark.parametrize(
    "named", ["logging.NullHandler", f"{__name__}.silent", f"{__name__}.nope", "nowhere.at.all", "", 3, None, ["x"]]
)
def test_what_is_not_known_to_be_ours_is_dictconfigs(named: object) -> None:
    """It makes it, or says why it cannot."""
    assert factory_of({"class": named}) is None


def test_what_factories_take() -> None:
    """A class its own options; what hands on any keyword all of the handler's; a function what it is given, too."""
    assert list(taken_by(Team)) == ["port", "team"]
    assert {"port", "app_name"} <= set(taken_by(config.from_env, ["prot"]))
    assert "prot" not in taken_by(config.from_env, ["prot"])
    assert "prot" in taken_by(annotated, ["prot"])
