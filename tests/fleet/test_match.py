"""Which records a route or a laptop shows: globs, a threshold, what is left out; and how errors name what is wrong."""

from __future__ import annotations

import contextlib
import fnmatch
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.fleet.match import KEYS, Match
from gntp_logging.options.errors import OptionError

RECORD = {"app": "shop", "logger": "shop.payments.card", "level": 40, "machine": "web-7"}
NAMES = st.text("ab.*?[]-", max_size=6)


def holds(table: dict[str, object], **other: Any) -> bool:
    """Tell whether a table matches a record, or one that differs a little."""
    return Match.from_table("routes[0].match", table).holds(**{**RECORD, **other})


def test_all_keys_must_hold() -> None:
    """One that does not is enough to leave a record out."""
    table: dict[str, object] = {"app": "shop", "logger": "shop.payments.*", "level": "ERROR", "machine": "web-*"}
    assert holds(table)
    for other in ({"app": "shop2"}, {"logger": "shop.orders"}, {"level": 30}, {"machine": "db-1"}):
        assert not holds(table, **other)


def test_a_level_is_a_threshold() -> None:
    """By name or by number."""
    assert [holds({"level": "ERROR"}, level=level) for level in (39, 40, 60)] == [False, True, True]
    assert [holds({"level": 35}, level=level) for level in (34, 35)] == [False, True]
    assert [holds({"level": "35"}, level=level) for level in (34, 35)] == [False, True]


@pytest.mark.parametrize(
    ("glob", "name", "is_matched"),
    [
        ("shop.payments.*", "shop.payments", True),
        ("shop.payments.*", "shop.payments.card", True),
        ("shop.payments.*", "shop.payments.card.visa", True),
        ("shop.payments.*", "shop.paymentsx", False),
        ("shop.payments.*", "my.shop.payments.card", False),
        ("shop.payments*", "shop.paymentsx", True),
        ("*.payments.*", "shop.payments", True),
        ("*.payments.*", "payments", False),
        ("shop.payments", "shop.payments.card", False),
        ("shop.[po]*", "shop.orders", True),
        ("shop.?", "shop.ab", False),
        ("SHOP", "shop", False),
        ("*", "", True),
        (".*", "", True),
        ("shop.*", "shop\nx", False),
    ],
)
def test_a_logger_is_a_glob_that_includes_what_it_is_below(glob: str, name: str, is_matched: bool) -> None:
    """Over the whole name, with upper and lower case."""
    assert holds({"logger": glob}, logger=name) is is_matched


@pytest.mark.parametrize("key", ["app", "machine"])
def test_of_other_names_the_dot_is_a_dot(key: str) -> None:
    """What stands before it is no name of its own."""
    assert holds({key: "web.*"}, **{key: "web.1"})
    assert not holds({key: "web.*"}, **{key: "web"})


@given(st.text(min_size=1), st.text(), st.integers(), st.text())
def test_what_is_left_out_matches_all(app: str, logger: str, level: int, machine: str) -> None:
    """Whatever it is called."""
    assert Match().holds(app, logger, level, machine)
    assert Match.from_table("match", {}) == Match() == Match.from_pieces("--match", [])


@given(NAMES.filter(lambda glob: bool(glob.strip())), NAMES)
def test_globs_are_those_of_fnmatch(glob: str, name: str) -> None:
    """But for the dot and the star of loggers; or the glob is refused."""
    try:
        match = Match.from_table("match", {"app": glob, "logger": glob})
    except OptionError:
        with pytest.raises(re.error):
            fnmatch.fnmatchcase(name, glob)
        return
    expected = fnmatch.fnmatchcase(name, glob)
    assert Match(app=match.app).holds(name, "", 0, "") is expected
    below = glob.endswith(".*") and fnmatch.fnmatchcase(name, glob[:-2])
    assert Match(logger=match.logger).holds("", name, 0, "") is (expected or below)


@given(st.dictionaries(st.sampled_from(["app", "logger", "machine"]), st.from_regex(r"[a-z=*.]{1,9}", fullmatch=True)))
def test_pieces_say_what_a_table_says(table: dict[str, str]) -> None:
    """A value may have an equals sign of its own."""
    pieces = [f"{key}={value}" for key, value in table.items()]
    assert Match.from_pieces("--match", [*pieces, "level=ERROR"]) == Match.from_table("x", {**table, "level": "error"})


@pytest.mark.parametrize(
    ("table", "option", "words"),
    [
        ("shop.*", "routes[1].match", "a table with some of app, logger, level, machine"),
        ({"loger": "a"}, "routes[1].match", "did you mean 'logger'?"),
        ({"team": "a"}, "routes[1].match", "allowed: app, logger, level, machine"),
        ({"app": ""}, "routes[1].match.app", "a glob over the whole name"),
        ({"logger": " "}, "routes[1].match.logger", "a glob over the whole name"),
        ({"machine": ["a"]}, "routes[1].match.machine", "a glob over the whole name"),
        ({"level": "EROR"}, "routes[1].match.level", "did you mean 'ERROR'?"),
        ({"level": ">=ERROR"}, "routes[1].match.level", "a level's number or name"),
        ({"level": True}, "routes[1].match.level", "a level's number or name"),
        ({"level": -1}, "routes[1].match.level", "a level's number or name"),
    ],
)
def test_an_error_names_route_key_and_what_is_allowed(table: object, option: str, words: str) -> None:
    """So that nobody has to look for the place."""
    with pytest.raises(OptionError) as caught:
        Match.from_table("routes[1].match", table)
    assert caught.value.option == option
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("pieces", "option", "words"),
    [
        (["shop.*"], "--match", "KEY=VALUE, where KEY is one of app, logger, level, machine"),
        (["loger=a"], "--match", "did you mean 'logger'?"),
        (["logger="], "--match.logger", "a glob over the whole name"),
        (["level=x"], "--match.level", "a level's number or name"),
        (["app=a", "app=b"], "--match.app", "given twice"),
    ],
)
def test_an_error_names_the_piece(pieces: list[str], option: str, words: str) -> None:
    """And what is allowed."""
    with pytest.raises(OptionError) as caught:
        Match.from_pieces("--match", pieces)
    assert caught.value.option == option
    assert words in str(caught.value)


@given(st.one_of(st.none(), st.integers(), st.text(), st.dictionaries(st.text(), st.text())), st.lists(st.text()))
def test_anything_else_is_one_error(table: object, pieces: list[str]) -> None:
    """Nothing but an OptionError comes of what people write."""
    with contextlib.suppress(OptionError):
        assert isinstance(Match.from_table("match", table), Match)
    with contextlib.suppress(OptionError):
        assert isinstance(Match.from_pieces("--match", pieces), Match)


@pytest.mark.parametrize(
    ("match", "key"),
    [
        (Match(logger=" shop.*"), "logger"),
        (Match(logger="shop  orders"), "logger"),
        (Match(logger="x" * 121), "logger"),
        (Match(logger="shop\n*"), "logger"),
        (Match(app="?" * 201 + "*"), "app"),
        (Match(machine="\ud800*"), "machine"),
        (Match(app="shop[ \ud800]"), ""),
        (Match(level=2**53), "level"),
    ],
)
def test_a_match_that_can_never_hold_is_named(match: Match, key: str) -> None:
    """No handler publishes such a name."""
    assert match.never_holds().partition(" = ")[0] == key


@given(
    st.fixed_dictionaries({key: st.text("ab.*?[!]- ", min_size=1, max_size=6) for key in KEYS if key != "level"}),
    st.text("abx.- ", min_size=1, max_size=5),
)
def test_what_holds_for_a_name_is_never_called_impossible(globs: dict[str, str], name: str) -> None:
    """For names as handlers publish them."""
    try:
        match = Match.from_table("match", globs)
    except OptionError:
        return
    name = " ".join(name.split()) or "x"
    for key in globs:
        alone = Match(**{key: getattr(match, key)})
        if alone.holds(**{"app": "a", "logger": "a", "level": 0, "machine": "a", key: name}):  # type: ignore[arg-type]
            assert not alone.never_holds()


@pytest.mark.parametrize("match", [Match(level=51), Match(app="shop "), Match(machine=" web-*")])
def test_what_seldom_holds_is_named_apart(match: Match) -> None:
    """It may be meant: a program may have a level above CRITICAL."""
    assert match.seldom_holds()
    assert not match.never_holds()


@pytest.mark.parametrize("match", [Match(), Match("shop", "shop.*", 50, "web-[0-9]*"), Match(logger=".*")])
def test_nothing_is_said_of_what_may_well_hold(match: Match) -> None:
    """No false alarm."""
    assert not match.seldom_holds()
    assert not match.never_holds()
