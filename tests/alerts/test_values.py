"""values: what is shown of what programs log; no code is run but Python's own."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import http
import ipaddress
import pathlib
import uuid
import zoneinfo
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts import values
from gntp_logging.alerts.values import described, name_of, shown, shown_items


class Paid(enum.Enum):
    """Neither text nor number."""

    YES = object()


class State(str, enum.Enum):
    """Texts."""

    OPEN = "open"


class Rights(enum.Flag):
    """Bits."""

    READ = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"), (7, "7"), (-0.5, "-0.5"), (True, "True"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"), (decimal.Decimal("3.50"), "3.50"),
        (dt.date(2026, 11, 28), "2026-11-28"), (dt.time(4, 18), "04:18:00"), (dt.timedelta(hours=1), "1:00:00"),
        (dt.datetime(2026, 11, 28, 4, tzinfo=dt.timezone.utc), "2026-11-28 04:00:00+00:00"),
        (Paid.YES, "YES"), (State.OPEN, "open"), (http.HTTPStatus.NOT_FOUND, "404"), (Rights.READ, "READ"),
        (pathlib.PurePosixPath("/srv/shop"), "/srv/shop"), (pathlib.PureWindowsPath("C:/shop"), "C:\\shop"),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"), (ipaddress.ip_network("fe80::/10"), "fe80::/10"),
        ([1, "a", None], "[1, 'a', None]"), ((1,), "(1)"), ({7}, "{7}"), ({}, "{}"), ([], "[]"),
        ({"a": {"b": [decimal.Decimal(1)]}, 2: State.OPEN}, "{'a': {'b': [1]}, 2: open}"),
        (OrderedDict(a=1), "{'a': 1}"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_is_shown_by_its_type(value: object, text: str) -> None:
    """Much as Python prints it."""
    assert shown(value) == text


def test_of_what_is_long_the_first_items_are_shown_and_the_others_counted() -> None:
    """Whatever the form; all together are bounded, too."""
    assert shown(list(range(12))) == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, +2]"
    assert shown(dict.fromkeys(range(11), 0)) == "{0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0, 8: 0, 9: 0, +1}"
    assert (shown(list(range(10_000))) or "").endswith(" 9, +9,990]")
    assert len(shown([[list(range(10))] * 10] * 10) or "") < 2000
    assert shown_items([(number, 0) for number in range(200)]).endswith("99: 0, +100")


def test_of_what_is_deep_or_circular_the_first_levels_are_shown() -> None:
    """Never nothing."""
    circle: list[Any] = [1]
    circle.append(circle)
    assert shown(circle) == "[1, [1, [1, [1, [+2]]]]]"
    deep: Any = {}
    for _ in range(5000):
        deep = {"a": deep}
    assert shown(deep) == "{'a': {'a': {'a': {'a': {+1}}}}}"


def test_an_integer_that_python_refuses_to_print_is_described() -> None:
    """By its size."""
    assert shown(10**5000) == "an integer of 16,610 bits"


def test_items_are_named() -> None:
    """What is no word is quoted, as values are: so that masking finds both."""
    assert (
        shown_items([("order", 4711), ("user", "ann"), ("a b", 1), (7, 2)])
        == "order: 4711, user: 'ann', 'a b': 1, 7: 2"
    )
    assert (name_of("a-b.c"), name_of("it's")) == ("a-b.c", '"it\'s"')


class Trap(type):
    """A type whose own methods must not run."""

    def refuse(cls, *_: object) -> Any:
        raise AssertionError("foreign code ran")

    __hash__ = __eq__ = __repr__ = __str__ = __instancecheck__ = __subclasscheck__ = refuse


def refuse(self: object, *_: object) -> Any:
    """Fail, as a method that must not be called."""
    raise AssertionError("foreign code ran")


METHODS: dict[str, Any] = dict.fromkeys(
    ("__str__", "__repr__", "__format__", "__len__", "__iter__", "__getitem__", "__int__", "__index__", "__float__",
     "__bool__", "__eq__", "__hash__", "items", "keys", "get", "isoformat", "utcoffset", "__fspath__", "__dir__",
     "tzinfo", "year", "hour", "toordinal", "replace"),
    refuse,
) | {"__class__": property(refuse)}  # fmt: skip


@pytest.mark.parametrize("metaclass", [type, Trap])
@pytest.mark.parametrize(
    ("base", "arguments", "text"),
    [
        (object, (), None), (uuid.UUID, ("0" * 32,), None), (bytes, (b"x",), None),
        (decimal.Decimal, ("3.50",), "3.50"), (dt.date, (2026, 1, 1), "2026-01-01"), (dt.time, (4, 18), "04:18:00"),
        (dt.datetime, (2026, 1, 1), "2026-01-01 00:00:00"), (dt.timedelta, (1,), "1 day, 0:00:00"),
        (str, ("x",), "x"), (int, (7,), "7"), (float, (0.5,), "0.5"),
        (list, ([1],), "[1]"), (tuple, ([1],), "(1)"), (dict, ({"a": 1},), "{'a': 1}"),
    ],
    ids=lambda value: getattr(value, "__name__", "x"),
)  # fmt: skip
def test_no_method_of_a_derived_type_runs(
    base: type, arguments: tuple[object, ...], text: str | None, metaclass: type
) -> None:
    """What Python's own types hold is shown by their methods, and anything else not at all."""
    kind = metaclass("Foreign", (base,), dict(METHODS))
    value = kind.__call__(*arguments) if metaclass is type else type.__call__(kind, *arguments)
    assert shown(value) == text
    assert described([value]) == f"[{'<Foreign>' if text is None else repr(text) if base is str else text}]"
    assert described({"a": value}).startswith("{'a': ")


def test_a_foreign_time_zone_is_not_asked() -> None:
    """Python's own are."""

    class Zone(dt.tzinfo):
        utcoffset = tzname = dst = refuse

    moment = dt.datetime(2026, 11, 28, 4, tzinfo=dt.timezone.utc)
    assert shown(moment.replace(tzinfo=Zone())) == "2026-11-28 04:00:00"
    assert shown(moment.replace(tzinfo=zoneinfo.ZoneInfo("UTC"))) == "2026-11-28 04:00:00+00:00"
    derived = type("Derived", (dt.datetime,), {"toordinal": refuse})(2026, 11, 28, tzinfo=zoneinfo.ZoneInfo("UTC"))
    assert shown(derived) == "2026-11-28 00:00:00+00:00"


def test_a_dictionary_that_changes_meanwhile_is_shown_as_far_as_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may add to it."""
    changing: dict[object, object] = {"a": 1, "b": 2}
    plain = values._plain

    def change(value: Any, kind: type) -> str | None:
        changing[len(changing)] = 0
        return plain(value, kind)

    monkeypatch.setattr(values, "_plain", change)
    assert shown(changing) == "{'a': 1, +2}"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.decimals() | st.uuids()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5) | st.integers(), inner), max_leaves=60
)


@given(VALUES)
def test_any_value_is_shown_in_bounds(value: Any) -> None:
    """None alone is no value."""
    text = shown(value)
    assert (text is None) is (value is None)
    assert len(text or "") < 20_000
    assert described([value]).startswith("[")
