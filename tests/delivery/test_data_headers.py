"""Headers for programs, and when an alert was logged that is shown late."""

from __future__ import annotations

import logging
import math
import os
import re
import time
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging import GNTPHandler
from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.context import Context, last_line
from gntp_logging.alerts.fingerprint import fingerprint_key, incident, normalized
from gntp_logging.delivery.data_headers import context_headers, data_headers, duration, timestamp, when_logged
from gntp_logging.delivery.digest import Digest, Tally
from gntp_logging.delivery.transport import OutgoingAlert
from gntp_logging.gntp.headers import safe_value
from gntp_logging.gntp.models import Notification
from gntp_logging.gntp.requests import NotifyRequest
from gntp_logging.gntp.wire import RequestReader, encode
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.support import PATIENCE, Recorder

NOON = time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1)) + 0.25
ALERT = Alert(
    40, "Error", 1, False, "title", "text", level_name="ERROR", created=NOON,
    fingerprint=normalized(fingerprint_key("pay")), context=(("machine", "web-3"), ("order", "4711")),
    logger="shop.orders",
)  # fmt: skip


def tally(count: int = 1, *, last: float = NOON, alert: Alert = ALERT) -> Tally:
    """Return a tally of alerts, the last of which was logged then."""
    made = Tally(alert)
    made.count, made.last = count, last
    return made


def told(*tallies: Tally, alert: Alert = ALERT) -> dict[str, str]:
    """Return the headers of an alert that stands for some."""
    return dict(data_headers(OutgoingAlert(alert, "1", "1", tallies=tallies), 77))


# -- One alert -----------------------------------------------------------------------------------


def test_an_alert_says_to_programs_what_it_is() -> None:
    """Its time, its count, its level, its logger, its incident, and who logged it; then its context."""
    assert told(tally(12, last=NOON + 1)) == {
        "Data-Timestamp": timestamp(NOON + 1),
        "Data-Count": "12",
        "Data-Level": "ERROR",
        "Data-Logger": "shop.orders",
        "Data-Incident": incident(str(ALERT.fingerprint)),
        "Data-Process": "web-3:77",
        "Data-Machine": "web-3",
        "Data-Order": "4711",
    }
    assert re.fullmatch("[0-9a-f]{16}", told(tally())["Data-Incident"])


def test_without_a_machine_the_process_is_named_by_its_number() -> None:
    """The user may have left the machine out."""
    assert told(tally(), alert=ALERT._replace(context=()))["Data-Process"] == "-:77"


def test_a_digest_has_its_highest_level_and_neither_logger_nor_incident() -> None:
    """It counts what is in it."""
    digest = Digest()
    urgent = ALERT._replace(priority=2, level=30, level_name="WARNING")
    severe = ALERT._replace(priority=0, level=50, level_name="CRITICAL", created=NOON + 3)
    for number, alert in enumerate((ALERT, urgent, severe, severe)):
        digest.add(str(alert.level), alert, number)
    made = told(*digest.tallies.values(), alert=digest.as_alert(lambda alert: alert))
    assert made["Data-Count"] == "4"
    assert made["Data-Level"] == "CRITICAL"
    assert made["Data-Timestamp"] == timestamp(NOON + 3)
    assert not {"Data-Logger", "Data-Incident"} & made.keys()


# -- Through the handler -------------------------------------------------------------------------


def test_every_notification_carries_them() -> None:
    """The count of a Coalescing-ID never falls, and a secret in a logger's name is hidden here too."""
    recorder = Recorder()
    with Receiver(Server([recorder])) as receiver:
        handler = GNTPHandler(host="127.0.0.1", port=receiver.port, app_name="shop", context={"machine": "web-3"})
        logger = logging.Logger("shop.token=hunter2trustno1")  # noqa: LOG001 - one of its own
        logger.addHandler(handler)
        for number in range(3):
            logger.error("order %d failed", number)
            assert handler.flush(PATIENCE)
        handler.close()
    headers = [toast.headers for toast in recorder.toasts]
    assert [each["Data-Count"] for each in headers] == ["1", "2", "3"]
    assert {each["Data-Process"] for each in headers} == {f"web-3:{os.getpid()}"}
    assert {each["Data-Logger"] for each in headers} == {"shop.token=***"}
    assert len({each["Data-Incident"] for each in headers}) == 1
    times = [datetime.fromisoformat(each["Data-Timestamp"]) for each in headers]
    assert times == sorted(times)
    assert abs(times[-1].timestamp() - time.time()) < PATIENCE


# -- The context ---------------------------------------------------------------------------------


def test_headers_are_named_as_headers_are() -> None:
    """One for each name that has letters; the last of those that differ in signs."""
    pairs = (("task_id", "1"), ("user agent", "x"), ("Über", "y"), ("…", "z"), ("task-id", "2"))
    assert context_headers(pairs) == [("Data-Task-Id", "2"), ("Data-User-Agent", "x"), ("Data-Ber", "y")]


@pytest.mark.parametrize("name", ["count", "COUNT", "time_stamp", "timestamp", "Level", "incident", "process", "hosts"])
def test_no_value_makes_a_header_for_programs(name: str) -> None:
    """It stays in the last line; of names that only look like one of them, nothing is taken away."""
    pairs = (("machine", "web-3"), (name, "evil"))
    assert "evil" in last_line((), pairs)
    assert ("evil" in dict(context_headers(pairs)).values()) == (name == "time_stamp")
    made = told(tally(), alert=ALERT._replace(context=(*ALERT.context, (name, "evil"))))
    assert {key: made[key] for key in told(tally())} == told(tally())


@given(st.dictionaries(st.text(), st.text(), max_size=40))
def test_any_names_and_values_make_a_request_that_is_read(values: dict[str, str]) -> None:
    """Whatever users name, the alert arrives."""
    pairs = Context(function=lambda _: values).of(logging.makeLogRecord({}))
    headers = data_headers(OutgoingAlert(ALERT._replace(context=pairs), "1", "1"), 77)
    request = NotifyRequest("shop", Notification("n", "t", last_line((), pairs)), app_specific_headers=headers)
    reader = RequestReader([])
    reader.feed(encode(request))
    read = reader.next_message()
    assert isinstance(read, NotifyRequest)
    assert list(read.app_specific_headers or ()) == [(name, safe_value(value)) for name, value in headers]


# -- Times ---------------------------------------------------------------------------------------


def test_a_timestamp_has_milliseconds_and_an_offset() -> None:
    """As ISO 8601 writes them."""
    assert datetime.fromisoformat(timestamp(NOON)).timestamp() == NOON
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.250[+-]\d\d:\d\d", timestamp(NOON))


@given(st.floats())
def test_any_time_is_written_or_left_out(seconds: float) -> None:
    """A record may hold any."""
    assert timestamp(seconds) == "" or datetime.fromisoformat(timestamp(seconds)).tzinfo
    assert isinstance(when_logged([tally(last=seconds)], NOON), str)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, ""), (5, ""), (6, "logged 11:59:54, 6 s before"), (180, "logged 11:57:00, 3 min before"),
        (16 * 3600, "logged 27 Nov 20:00:00, 16 h before"),
        (400 * 86400, "logged 24 Oct 2025 12:00:00, 9600 h before"),
        (-60, ""), (math.nan, ""), (math.inf, ""), (-math.inf, ""),
    ],
)  # fmt: skip
def test_an_alert_that_is_shown_late_says_when_it_was_logged(seconds: float, said: str) -> None:
    """With the date when that is not today's; a fresh one has no clock."""
    whole = NOON - 0.25
    assert when_logged([tally(last=whole - seconds)], whole) == said


def test_repeats_and_digests_have_their_own_times() -> None:
    """Theirs say first and last."""
    late = NOON + timedelta(hours=1).total_seconds()
    assert when_logged([tally(2)], late) == when_logged([tally(), tally()], late) == ""


def test_what_waited_for_the_desktop_says_so_in_its_text() -> None:
    """Above the last line."""
    recorder = Recorder()
    with Receiver(Server([recorder])) as receiver:
        handler = GNTPHandler(host="127.0.0.1", port=receiver.port, app_name="shop", context={"machine": "web-3"})
        record = logging.makeLogRecord({"msg": "no disk", "levelno": 40, "levelname": "ERROR", "name": "shop"})
        record.created -= 180
        handler.handle(record)
        handler.close()
    (toast,) = recorder.toasts
    assert isinstance(toast, Toast)
    day = r"\d\d \w+ (\d{4} )?"  # where the test runs at midnight
    assert re.search(rf"logged ({day})?\d\d:\d\d:\d\d, 3 min before\n.*web-3", toast.text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (float("nan"), "1 s"),
        (-5, "1 s"),
        (0.0, "1 s"),
        (1.6, "2 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (7_200_000, "2000 h"),
    ],
)
def test_a_duration_is_said_in_words(seconds: float, words: str) -> None:
    """As people say it."""
    assert duration(seconds) == words
