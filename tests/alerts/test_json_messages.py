"""json_messages: what structlog, loguru and JSON formatters have written is told, and other programs' JSON is left."""

from __future__ import annotations

import json
import logging
import logging.handlers
import queue
import sys
from collections.abc import Callable
from typing import Any

import loguru
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import AlertFactory
from gntp_logging.alerts.fingerprint import normalized
from gntp_logging.alerts.json_messages import read_json
from gntp_logging.alerts.levels import LevelMap
from tests.support import whole

FACTORY = AlertFactory("shop", LevelMap(), 1000)


def told(made: logging.LogRecord, formatter: logging.Formatter | None = None) -> tuple[str, str]:
    """Return the text and the fingerprint of a record's alert."""
    alert = FACTORY.from_record(made, formatter)
    fingerprint = normalized(alert.fingerprint)
    assert isinstance(fingerprint, str)
    return whole(alert.finished(1000)), fingerprint


def record(message: str, exc_info: Any = None, **extra: object) -> logging.LogRecord:
    """Return a record of the logger shop.pay at level ERROR."""
    made = logging.LogRecord("shop.pay", logging.ERROR, __file__, 1, message, None, exc_info)
    made.__dict__.update(extra)
    return made


def queued(made: logging.LogRecord, formatter: logging.Formatter | None = None) -> logging.LogRecord:
    """Send a record through QueueHandler, which shapes its message and formats its exception."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(waiting)
    handler.setFormatter(formatter)
    handler.handle(made)
    return waiting.get()


def failure() -> Any:
    """Return the exc_info of an exception with a cause."""
    try:
        try:
            dict[str, int]()["total"]
        except KeyError as error:
            raise LookupError("no total") from error
    except LookupError:
        return sys.exc_info()


# -- loguru --------------------------------------------------------------------------------------


def logged(log: Callable[[], None], **options: Any) -> logging.LogRecord:
    """Return the record that loguru hands to a handler."""
    records: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    sink = loguru.logger.add(Keeping(), format="{level} - {message}", **options)
    log()
    loguru.logger.complete()
    loguru.logger.remove(sink)
    return records[0]


def fail() -> None:
    """Log an exception with loguru."""
    loguru.logger.opt(exception=failure()[1]).error("cannot pay {}", 7)


def warn() -> None:
    """Log a message with loguru that looks like what it looks for itself."""
    loguru.logger.bind(order=7).error('{{"text": "cannot pay"}}, "record": {{"elapsed": {{"repr": {}', 7)


@pytest.mark.parametrize("form", ["live", "queued", "shaped"])
@pytest.mark.parametrize("log", [fail, warn])
@pytest.mark.parametrize("enqueue", [False, True])
def test_what_loguru_serializes_is_told_as_without(log: Callable[[], None], form: str, enqueue: bool) -> None:
    """With the same text and fingerprint, also behind loguru's queue, which prints who has called, too."""
    plain, serialized = logged(log), logged(log, serialize=True, enqueue=enqueue)
    assert serialized.getMessage().startswith('{"text": ')
    formatter = logging.Formatter("%(message)s") if form == "shaped" else None
    if form == "queued":
        plain, serialized = queued(plain), queued(serialized)
    assert told(serialized, formatter) == told(plain, formatter)


def test_a_text_of_any_length_that_loguru_serializes_is_told() -> None:
    """What it says of the record behind it is not even read."""
    made = logged(lambda: loguru.logger.bind(basket="x" * 40_000).error("y" * 40_000), serialize=True)
    assert told(made)[0].startswith("ERROR - yyy")


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "cannot pay"}',
        '{"text": "cannot pay", "record": {}}',
        '{"text": "cannot pay", "record": {"elapsed": 7}}',
        '{"text": 7, "record": {"elapsed": {"repr": "0:00:01", "seconds": 1}}}',
        '{"text": "cannot pay, "record": {"elapsed": {"repr": ',
        '{"text": ',
    ],
)
def test_other_programs_texts_and_records_are_left_as_they_are(text: str) -> None:
    """They need not be loguru's."""
    assert told(record(text))[0] == text.strip()


# -- Formatters ----------------------------------------------------------------------------------


class JSONFormatter(logging.Formatter):
    """Writes some of a record as one JSON object, as formatters for collectors of logs do."""

    def __init__(self, **names: str) -> None:
        """Keep by which names what is written.

        Args:
            names: The record's attributes, or ``exc_info``, by their names in JSON.
        """
        super().__init__()
        self._names = names

    def format(self, record: logging.LogRecord) -> str:
        """Write the message and what else was asked for."""
        values = {**record.__dict__, "lower": record.levelname.lower(), "asctime": self.formatTime(record)}
        values["exc_info"] = self.formatException(record.exc_info) if record.exc_info else None
        fields = {name: values[attribute] for name, attribute in self._names.items() if values.get(attribute)}
        return json.dumps({"message": record.getMessage(), **fields})


FORMATTERS = {
    "python-json-logger": JSONFormatter(exc_info="exc_info", order="order"),
    "its format with more": JSONFormatter(
        asctime="asctime", levelname="levelname", name="name", order="order", lineno="lineno", exc_info="exc_info"
    ),
    "a formatter of one's own": JSONFormatter(level="lower", logger="name", time="asctime", exception="exc_info"),
    "of a cloud": JSONFormatter(severity="levelname", timestamp="asctime", stack_trace="exc_info"),
}


@pytest.mark.parametrize("formatter", FORMATTERS.values(), ids=FORMATTERS)
@pytest.mark.parametrize("is_error", [False, True])
def test_what_a_json_formatter_writes_behind_a_queue_is_told_as_without(
    formatter: logging.Formatter, is_error: bool
) -> None:
    """With the same text and fingerprint: what it repeats of the record is shown in its own place."""
    made = record("cannot pay", failure() if is_error else None, order=7)
    assert told(queued(made, formatter)) == told(made)


def test_what_a_json_formatter_adds_is_told() -> None:
    """In the text, like the other values of a dictionary."""
    said = {"message": "cannot pay", "level": "ERROR", "service": "till", "name": "Ann"}
    assert told(record(json.dumps(said)))[0] == "cannot pay\nservice: 'till', name: 'Ann'"


def test_the_elastic_common_schema_is_read() -> None:
    """It tells frames and exception apart, and of the record in dictionaries."""
    frames = '  File "/srv/shop/orders.py", line 7, in total\n    return totals[key]\n'
    said: dict[str, Any] = {
        "@timestamp": "2026-11-28T21:47:43.535Z",
        "log.level": "error",
        "message": "cannot pay",
        "ecs.version": "1.6.0",
        "log": {"logger": "shop.pay", "original": "cannot pay"},
        "process": {"pid": 7},
        "order": 7,
        "error": {"type": "KeyError", "message": "'total'", "stack_trace": frames},
    }
    text, fingerprint = told(record(json.dumps(said), order=7))
    assert text == "KeyError: 'total'\ncannot pay\nshop/orders.py:7 in total"
    assert fingerprint.startswith("1|error|40|KeyError|*|orders.py|total")
    del said["error"]
    assert told(record(json.dumps(said), order=7))[0] == "cannot pay"
    said |= {"error": {"type": "KeyError", "message": None}}
    assert told(record(json.dumps(said), order=7))[0] == "cannot pay"


def test_a_stack_in_json_is_shown() -> None:
    """As of a record that has one."""
    stack = 'Stack (most recent call last):\n  File "/srv/shop/pay.py", line 7, in pay\n    log()'
    said = {"message": "cannot pay", "levelname": "ERROR", "stack_info": stack}
    assert told(record(json.dumps(said)))[0] == "cannot pay\nshop/pay.py:7 in pay"
    del said["levelname"]
    assert told(record(json.dumps(said)))[0] == "cannot pay\nshop/pay.py:7 in pay"


@pytest.mark.parametrize(
    "text",
    [
        '{"message": "cannot pay", "order": 8}',
        '{"message": "cannot pay", "level": "info"}',
        '{"message": "cannot pay", "user": "shop.pay"}',
        '{"message": "cannot pay", "order": 7.0, "items": true}',
        '{"message": 7, "level": "ERROR"}',
        '{"msg": "cannot pay", "level": "ERROR"}',
        '{"message": "cannot pay", "level": "ERROR"} and more',
        '["message", "ERROR"]',
        '{"message": "cannot pay", "level": "ERROR"',
    ],
)
def test_other_programs_messages_are_left_as_they_are(text: str) -> None:
    """What does not repeat the record may be anybody's: all of it is shown."""
    assert told(record(text, order=7, items=1))[0] == text


def test_a_name_that_a_record_has_is_no_reason_to_leave_out_its_event() -> None:
    """``extra`` may have an event of its own."""

    class Rendering(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return json.dumps({"event": f"! {record.getMessage()}", "service": "till"})

    assert told(record("cannot pay", event=7), Rendering())[0] == "cannot pay\n! cannot pay\nservice: 'till'"


NAMES = st.sampled_from(["message", "event", "text", "record", "level", "exc_info", "error", "ecs", "stack_info", "a"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("Traceback (most recent call last):"),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=8,
)


@pytest.mark.slow
@given(st.dictionaries(NAMES, VALUES), st.booleans())
def test_any_object_can_be_read(said: dict[str, Any], is_formatted: bool) -> None:
    """What it says stands in the event, or it is left as it is."""
    made = record(json.dumps(said))
    found = read_json(made, made.msg, is_formatted=is_formatted)
    if found is not None:
        assert found[0]["event"] == said.get("event", said.get("message"))
    assert whole(FACTORY.from_record(made).finished(1000))
