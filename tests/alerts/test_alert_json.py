"""alert_json: an alert survives the way through JSON, and what is no alert is refused by name."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.alert_json import VERSION, from_json, to_json
from gntp_logging.alerts.fingerprint import RawKey
from tests.support import make_alert

TEXTS = st.text(st.characters(), max_size=20)  # lone surrogates included: they are in file names

ALERTS = st.builds(
    Alert,
    level=st.integers(-(2**53) + 1, 2**53 - 1),
    event=TEXTS,
    priority=st.integers(-2, 2),
    sticky=st.booleans(),
    title=TEXTS,
    text=TEXTS,
    icon=st.none() | TEXTS | st.binary(max_size=20),
    url=st.none() | TEXTS,
    level_name=TEXTS,
    created=st.floats(-1e12, 1e12),
    fingerprint=TEXTS,
    context=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    url_parts=st.just(()),
    failures=st.just(()),
    draft=st.none(),
    exc_type=TEXTS,
    logger=TEXTS,
    count=st.integers(1, 2**53 - 1),
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # as below
@given(ALERTS)
def test_an_alert_comes_back_as_it_was(alert: Alert) -> None:
    """Field by field, in one line of ASCII."""
    text = to_json(alert)
    assert text.isascii()
    assert "\n" not in text
    assert from_json(text) == alert
    assert from_json(text.encode()) == alert


def test_every_field_has_its_name_in_the_object() -> None:
    """A field that is added later is not forgotten here. A sent alert has no draft; what failed is for previews."""
    names = {*Alert._fields, "v"} - {"url_parts", "draft", "failures"}
    assert json.loads(to_json(make_alert())).keys() == names


def test_the_form_is_the_one_that_other_releases_read() -> None:
    """Version 1, as it is written down."""
    alert = make_alert(
        "no stock", level=40, level_name="ERROR", icon=b"\x89P", created=12.5, fingerprint=RawKey("deploys"),
        context=(("machine", "web-3"),), url_parts=("https://t/", "a b"), logger="shop",
    )  # fmt: skip
    assert json.loads(to_json(alert)) == {
        "v": 1,
        "level": 40,
        "event": "Error",
        "priority": 1,
        "sticky": False,
        "title": "title",
        "text": "no stock",
        "icon": {"base64": "iVA="},
        "url": "https://t/a%20b",
        "level_name": "ERROR",
        "created": 12.5,
        "fingerprint": "1|key|deploys",
        "context": [["machine", "web-3"]],
        "exc_type": "",
        "logger": "shop",
        "count": 1,
    }


def test_a_later_release_may_add_fields_and_an_earlier_one_may_lack_them() -> None:
    """What is unknown is ignored, and what has a default may be missing."""
    least = {"v": VERSION, "level": 40, "event": "e", "priority": 0, "sticky": False, "title": "t", "text": "x"}
    assert from_json(json.dumps({**least, "colour": "red"})) == Alert(40, "e", 0, False, "t", "x")


@pytest.mark.parametrize(("created", "level"), [(math.nan, 1), (math.inf, -1), (-math.inf, 0)])
def test_numbers_that_no_json_holds_are_bounded(created: float, level: int) -> None:
    """Records are made by anybody, with any time and level."""
    back = from_json(to_json(make_alert()._replace(created=created, level=level * 10**5000)))
    assert math.isnan(back.created)
    assert abs(back.level) < 2**53


FORM = json.loads(to_json(make_alert()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v": 2}, "v must be 1, not 2"),
        ({"v": True}, "v must be 1, not True"),
        ({"v": "1"}, "v must be 1, not '1'"),
        ({"level": 1.5}, "level must be an integer, not 1.5"),
        ({"level": True}, "level must be an integer, not True"),
        ({"priority": 3}, "priority must be an integer from -2 to 2, not 3"),
        ({"sticky": 1}, "sticky must be true or false, not 1"),
        ({"title": None}, "title must be a string, not None"),
        ({"icon": 5}, "icon must be a string, null, or an object with base64, not 5"),
        ({"icon": {"base64": "%%"}}, "icon must be a string, null, or an object with base64, not {'base64': '%%'}"),
        ({"icon": {}}, "icon must be a string, null, or an object with base64, not {}"),
        ({"url": []}, "url must be a string or null, not []"),
        ({"created": "now"}, "created must be seconds since 1970, or null, not 'now'"),
        ({"created": False}, "created must be seconds since 1970, or null, not False"),
        ({"fingerprint": []}, "fingerprint must be a string, not []"),
        ({"context": [["a"]]}, "context must be a list of pairs of strings, not [['a']]"),
        ({"context": [["a", 1]]}, "context must be a list of pairs of strings, not [['a', 1]]"),
        ({"context": {}}, "context must be a list of pairs of strings, not {}"),
    ],
)
def test_what_a_field_may_not_be_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    """With what is allowed."""
    with pytest.raises(ValueError, match=" must be ") as raised:
        from_json(json.dumps({**FORM, **changes}))
    assert str(raised.value) == message


@pytest.mark.parametrize("name", ["level", "event", "priority", "sticky", "title", "text"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    """Those without a default."""
    with pytest.raises(ValueError, match=f"^{name} is missing; it must be "):
        from_json(json.dumps({key: value for key, value in FORM.items() if key != name}))


@pytest.mark.parametrize("text", ["", "[1]", "null", '"x"', "{", b"\xff", "[" * 100_000, '{"v": 1', "NaN", "{}"])
def test_what_is_no_alert_at_all_is_refused(text: str | bytes) -> None:
    """Whatever a broker or a file holds."""
    with pytest.raises(ValueError, match=r"^(an alert must be a JSON object|v must be 1)"):
        from_json(text)


@given(
    st.dictionaries(
        st.sampled_from([*FORM, "x"]), st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.text())
    )
)
def test_anything_is_an_alert_or_a_value_error(changes: dict[str, Any]) -> None:
    """No other error comes out."""
    try:
        alert = from_json(json.dumps({**FORM, **changes}))
    except ValueError:
        return
    assert from_json(to_json(alert)) == alert or math.isnan(alert.created)
