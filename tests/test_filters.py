"""filters: what nobody wants to be alerted to."""

from __future__ import annotations

import http
import logging
import logging.config
from typing import Any

import pytest

from gntp_logging import GNTPHandler, IgnoreFilter
from tests.support import RunningReceiver


def record(name: str = "shop", error: BaseException | None = None, **more: Any) -> logging.LogRecord:
    """Make a record."""
    info = None if error is None else (type(error), error, None)
    made = logging.LogRecord(name, logging.ERROR, "", 1, "it broke", None, info)
    made.__dict__.update(more)
    return made


@pytest.mark.parametrize(
    ("pattern", "name", "passes"),
    [
        ("django.security.DisallowedHost", "django.security.DisallowedHost", False),
        ("django.security.DisallowedHost", "django.security.DisallowedHostX", True),
        ("django.security.DisallowedHost", "django.security", True),
        ("asyncio.*", "asyncio.events", False),
        ("asyncio.*", "asyncio", True),
        ("asyncio*", "asyncio", False),
        ("a.b", "a+b", True),
    ],
)
def test_loggers_are_ignored_by_pattern(pattern: str, name: str, passes: bool) -> None:
    """A star stands for any characters; everything else for itself."""
    assert IgnoreFilter(loggers=[pattern]).filter(record(name)) is passes


@pytest.mark.parametrize(
    ("pattern", "message", "passes"),
    [
        ("it broke", "it broke", False),
        ("it", "it broke", True),
        ("WORKER TIMEOUT*", "WORKER TIMEOUT (pid:%s)", False),
        ("[a] *%s?", "[a] b %s?", False),
        ("[a] *%s?", "a b %sx", True),
        ("one*three", "one\ntwo\nthree", False),
        ("*", {"event": "no string"}, True),
        ("*", None, True),
    ],
)
def test_messages_are_ignored_by_pattern(pattern: str, message: object, passes: bool) -> None:
    """As they stand in the code, without their arguments; what is no string has none."""
    assert IgnoreFilter(messages=[pattern]).filter(record(msg=message, args=(4711,))) is passes


class OutOfStockError(LookupError):
    """An application's exception."""


@pytest.mark.parametrize(
    ("exception", "passes"),
    [
        (OutOfStockError, False),
        (LookupError, False),
        ("OutOfStockError", False),
        ("tests.test_filters.OutOfStockError", False),
        ("builtins.LookupError", False),
        ("LookupError", False),
        ("elsewhere.OutOfStockError", True),
        ("ValueError", True),
        (KeyError, True),
    ],
)
def test_exceptions_are_ignored_with_their_subclasses(exception: Any, passes: bool) -> None:
    """As types or by name."""
    OutOfStockError.__module__ = "tests.test_filters"
    assert IgnoreFilter(exceptions=[exception]).filter(record(error=OutOfStockError())) is passes


@pytest.mark.parametrize(
    ("status", "code", "passes"),
    [(404, 404, False), ("404", 404, False), ("4xx", 404, False), ("4XX", 499, False), ("4xx", 500, True),
     (404, "404", False), (404, None, True), (404, "teapot", True), (404, 403, True)],
)  # fmt: skip
def test_statuses_are_ignored(status: Any, code: Any, passes: bool) -> None:
    """As Django's records have them."""
    assert IgnoreFilter(statuses=[status]).filter(record(status_code=code)) is passes


class Odd(int):
    """A status that can be neither compared nor hashed."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __index__(self) -> int:
        raise RuntimeError


@pytest.mark.parametrize("code", [[404], {"a": 1}, "4" * 5000, "٤0x", b"404", 404.5, object()])
def test_an_odd_status_is_none(code: Any) -> None:
    """The record passes, and the logging call does not raise."""
    assert IgnoreFilter(statuses=["4xx"]).filter(record(status_code=code))


@pytest.mark.parametrize("code", [http.HTTPStatus.NOT_FOUND, Odd(404)])
def test_a_status_is_a_number_whatever_its_class(code: int) -> None:
    """None of the class's own code runs."""
    assert not IgnoreFilter(statuses=[404]).filter(record(status_code=code))


def test_a_record_without_any_of_them_passes() -> None:
    """And so does one that logging would not make."""
    ignore = IgnoreFilter(loggers=["x"], exceptions=["ValueError"], statuses=["5xx"])
    assert ignore.filter(record())
    assert ignore.filter(record(exc_info=True))
    assert ignore.filter(record(exc_info=(None, None, None)))
    assert ignore.filter(record(name=5))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loggers": "asyncio"}, "loggers: .*a list of names of loggers"),
        ({"loggers": [5]}, "loggers: "),
        ({"loggers": [""]}, "loggers: "),
        ({"exceptions": [int]}, "exceptions: "),
        ({"exceptions": ValueError}, "exceptions: "),
        ({"statuses": [99]}, "statuses: .*'4xx'"),
        ({"statuses": ["9xx"]}, "statuses: "),
        ({"statuses": [True]}, "statuses: "),
        ({"statuses": 404}, "statuses: "),
        ({"messages": "WORKER TIMEOUT"}, "messages: .*a list of messages"),
    ],
)
def test_a_bad_value_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    """With what is allowed."""
    with pytest.raises(ValueError, match=message):
        IgnoreFilter(**options)


def test_dict_config_knows_it(receiver: RunningReceiver) -> None:
    """In its filters, on a handler."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {
                "noise": {
                    "()": "gntp_logging.IgnoreFilter",
                    "loggers": ["django.security.*"],
                    "exceptions": ["ext://builtins.BrokenPipeError"],
                    "statuses": [404],
                }
            },
            "handlers": {
                "gntp": {"class": "gntp_logging.GNTPHandler", "port": receiver.port, "filters": ["noise"]},
            },
            "loggers": {"filters": {"handlers": ["gntp"], "propagate": False}},
        }
    )
    logger = logging.getLogger("filters")
    (handler,) = logger.handlers
    assert isinstance(handler, GNTPHandler)
    for made in (record("django.security.x"), record(error=BrokenPipeError()), record(status_code=404), record("shop")):
        logger.handle(made)
    assert handler.flush(10)
    assert handler.stats().accepted == 1
    logger.removeHandler(handler)
    handler.close()
