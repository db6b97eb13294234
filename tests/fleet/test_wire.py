"""What hosts publish: JSON with a signature, read by who trusts nobody."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import Alert
from gntp_logging.fleet.wire import DATA, MAX_SIZE, SIGNATURE, Report, WireError, decode, encode
from tests.support import make_alert

KEY, OTHER = b"k" * 32, b"o" * 32
REPORT = Report.of("shop", "web-1", 3, make_alert("db-1 refused", logger="shop.db", fingerprint="call|shop"))

texts = st.text(max_size=40)
alerts = st.builds(
    make_alert,
    text=texts,
    title=texts.map("t{}".format),
    fingerprint=texts,
    created=st.floats(0, 2**40),
    context=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
)


@given(alerts, st.integers(1, 10**9), st.text(max_size=250).map("n{}".format), st.sampled_from([None, KEY]))
def test_what_is_written_is_read(alert: Alert, count: int, name: str, key: bytes | None) -> None:
    """But for the fingerprint, of which a hash is left."""
    report = Report.of(name, name, count, alert)
    read = decode(encode(report, key), [key] if key else [])
    assert read.alert == alert._replace(fingerprint="")
    assert (read.app, read.machine, read.count, read.incident) == (
        report.app,
        report.machine,
        report.count,
        report.incident,
    )


@given(st.dictionaries(st.sampled_from([DATA, SIGNATURE, b"x"]), st.binary(max_size=200)))
def test_anything_is_refused(fields: dict[bytes, bytes]) -> None:
    """With the one error that a relay expects."""
    with pytest.raises(WireError):
        decode(fields, [])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["v", "app", "machine", "count", "first", "last", "incident", "alert"]), json_values)
def test_a_field_of_any_other_type_is_refused_or_harmless(name: str, value: object) -> None:
    """What is read of it has the types that a relay counts on."""
    fields = json.loads(encode(REPORT, None)[DATA])
    fields[name] = value
    try:
        read = decode({DATA: json.dumps(fields).encode()}, [])
    except WireError:
        return
    assert (type(read.app), type(read.machine), type(read.count)) == (str, str, int)
    assert 0.0 <= read.last <= read.first <= 604_800.0
    assert read.count > 0
    f"{read.app}{read.machine}{read.incident}{read.alert.logger}".encode()


@pytest.mark.parametrize("name", ["v", "app", "machine", "count", "incident", "alert"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    """Or the version, which is looked at first."""
    fields = json.loads(encode(REPORT, None)[DATA])
    del fields[name]
    with pytest.raises(WireError, match="version" if name == "v" else name):
        decode({DATA: json.dumps(fields).encode()}, [])


@pytest.mark.parametrize(
    ("first", "last", "read"),
    [
        (2.5, 0.25, (2.5, 0.25)),
        (1.0, 2.0, (2.0, 2.0)),
        (-5.0, -3600.0, (0.0, 0.0)),
        (1e9, 1e9, (604_800.0, 604_800.0)),
        (math.nan, math.inf, (0.0, 0.0)),
    ],
)
def test_how_long_ago_it_was_travels(first: float, last: float, read: tuple[float, float]) -> None:
    """Within what can be, whatever a host's clock has done; on both ways, for anybody may have written it."""
    report = Report.of("shop", "web-1", 1, make_alert(), first, last)
    fields = json.loads(encode(REPORT, None)[DATA]) | {"first": first, "last": last}
    for sent in (encode(report, None), {DATA: json.dumps(fields).encode()}):
        found = decode(sent, [])
        assert (found.first, found.last) == read


@pytest.mark.parametrize("version", [True, 99, "1", 1.0, None])
def test_only_version_1_is_read(version: object) -> None:
    """True is 1 for Python, and no version."""
    fields = json.loads(encode(REPORT, None)[DATA])
    with pytest.raises(WireError, match="version"):
        decode({DATA: json.dumps({**fields, "v": version}).encode()}, [])


def test_names_that_are_not_known_are_ignored() -> None:
    """A later release may add some."""
    fields = json.loads(encode(REPORT, None)[DATA])
    assert decode({DATA: json.dumps({**fields, "new": [1]}).encode(), b"n": b"1"}, []).count == 3


def test_what_is_nested_deeply_is_refused() -> None:
    """Python's parser raises RecursionError for it."""
    with pytest.raises(WireError, match="no JSON"):
        decode({DATA: b"[" * 16_000}, [])


def test_what_is_too_large_is_not_looked_at() -> None:
    """Not even for its signature."""
    with pytest.raises(WireError, match="bytes"):
        decode({DATA: b"x" * 2**20}, [KEY])


def test_each_key_of_the_fleet_is_accepted() -> None:
    """So that a key can be changed without loss."""
    fields = encode(REPORT, KEY)
    assert decode(fields, [OTHER, KEY]).count == 3
    with pytest.raises(WireError, match="not signed"):
        decode(fields, [OTHER])


@pytest.mark.parametrize("signature", [b"", b"0" * 64, b"\xff" * 64])
def test_what_is_not_signed_is_refused(signature: bytes) -> None:
    """However it looks."""
    with pytest.raises(WireError, match="not signed"):
        decode({**encode(REPORT, KEY), SIGNATURE: signature}, [KEY])


def test_what_was_changed_is_refused() -> None:
    """By one byte."""
    fields = encode(REPORT, KEY)
    with pytest.raises(WireError, match="not signed"):
        decode({**fields, DATA: fields[DATA].replace(b'"count":3', b'"count":4')}, [KEY])


@pytest.mark.parametrize("character", ["x", "\U0001f600", "\x01"])
def test_a_long_alert_is_cut(character: str) -> None:
    """It fits, however its characters are escaped."""
    long = character * 100_000
    alert = make_alert(long, title=long, event=long, level_name=long, logger=long, fingerprint=long, url=long)
    fields = encode(Report.of(long, long, 1, alert._replace(context=((long, long),), icon=b"x" * 100_000)), KEY)
    assert len(fields[DATA]) <= MAX_SIZE
    assert decode(fields, [KEY]).alert.text == character * 600


def test_a_picture_does_not_travel() -> None:
    """A relay has the levels' own."""
    report = Report.of("shop", "web-1", 1, make_alert(icon=b"png"))
    assert decode(encode(report, None), []).alert.icon is None


def test_half_a_character_is_replaced() -> None:
    """JSON may hold it, Redis may not."""
    report = Report.of("a\ud800", "m\ud800", 1, make_alert(logger="l\ud800"))
    read = decode(encode(report, None), [])
    assert (read.app, read.machine, read.alert.logger) == ("a?", "m?", "l?")
