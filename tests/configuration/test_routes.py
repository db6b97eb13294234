"""Which handlers the records of a file's loggers reach."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.configuration.logging_file import LoggingFile
from gntp_logging.configuration.routes import kept_from, leading_to, printed_nowhere

OURS = {"class": "gntp_logging.GNTPHandler"}
STREAM = {"class": "logging.StreamHandler"}


def file(loggers: dict[str, Any], **handlers: dict[str, Any]) -> LoggingFile:
    """Return a file with a handler ``x`` of this package, and others."""
    return LoggingFile("x.toml", "", {"version": 1, "handlers": {"x": OURS, **handlers}, **loggers}, is_whole=True)


@pytest.mark.parametrize(
    "loggers",
    [
        {"root": {"handlers": ["x"]}},
        {"loggers": {"": {"handlers": ["x"]}}},
        {"loggers": {"root": {"handlers": "x"}}},
        {"loggers": {"": {"handlers": ["s"]}}, "root": {"handlers": {"x": 1}}},
        {"root": {"handlers": "cfg://names"}, "names": ["x"]},
        {"root": {"handlers": ["m"]}},
    ],
)
def test_the_root_logger_has_many_names(loggers: dict[str, Any]) -> None:
    """And a handler may stand behind another, or in a list elsewhere."""
    memory = {"class": "logging.handlers.MemoryHandler", "target": "x"}
    found = file(loggers, s=STREAM, m=memory)
    assert leading_to("x", found) == printed_nowhere("x", found) == [""]


@pytest.mark.parametrize(
    ("propagate", "silent"), [(False, ["a.b"]), (0, ["a.b"]), (None, []), (1, []), ("no", [])], ids=str
)
def test_what_propagates_is_printed_above(propagate: object, silent: list[str]) -> None:
    """Whatever stands for true and false: a text is true, as for logging."""
    loggers = {"a.b": {"handlers": ["x"], "propagate": propagate}}
    found = file({"loggers": loggers, "root": {"handlers": ["s"]}}, s=STREAM)
    assert leading_to("x", found) == ["a.b"]
    assert printed_nowhere("x", found) == silent


def test_a_handlers_name_may_be_a_number() -> None:
    """As dictConfig has it."""
    found = LoggingFile("x.yaml", "", {"handlers": {1: OURS, 2: STREAM}, "root": {"handlers": [1]}}, is_whole=True)
    assert leading_to(1, found) == printed_nowhere(1, found) == [""]  # type: ignore[arg-type]  # YAML has no types
    assert leading_to(2, found) == []  # type: ignore[arg-type]


def test_handlers_that_hand_on_to_each_other_end_somewhere() -> None:
    """Two that have each other for a target print nothing, and are no loop."""
    m, n = ({"class": "logging.handlers.MemoryHandler", "target": target} for target in "nm")
    found = file({"root": {"handlers": ["m", "x"]}}, m=m, n=n)
    assert printed_nowhere("x", found) == [""]


ODD = st.recursive(
    st.sampled_from([None, True, 0, 1, "x", "m", "cfg://nowhere", "cfg://handlers.m", "ext://os.nope"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["handlers", "target", "propagate", "class"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(ODD, ODD, ODD)
def test_whatever_a_file_holds_is_followed(handler: Any, logger: Any, root: Any) -> None:
    """Its other tables are nobody's to check before dictConfig does: what cannot be followed leads nowhere."""
    found = file({"loggers": {"shop": logger, 3: logger}, "root": root}, m=handler)
    assert set(printed_nowhere("x", found)) <= set(leading_to("x", found)) <= {"", "shop", "3"}
    assert set(kept_from("x", found)) <= {"shop", "3"} - set(leading_to("x", found))


@pytest.mark.parametrize(
    ("above", "table", "is_kept"),
    [
        ({"handlers": ["x"]}, {"handlers": ["s"], "propagate": False}, True),
        ({"handlers": ["m"]}, {"handlers": ["s", "n"], "propagate": 0}, True),
        ({"handlers": ["x"]}, {"handlers": ["s"]}, False),
        ({"handlers": ["x"]}, {"handlers": ["s", "x"], "propagate": False}, False),
        ({"handlers": ["x"]}, {"handlers": ["m"], "propagate": False}, False),
        ({"handlers": ["x"]}, {"handlers": ["n"], "propagate": False}, False),
        ({"handlers": ["x"]}, {"propagate": False}, False),
        ({"handlers": ["s"]}, {"handlers": ["s"], "propagate": False}, False),
    ],
)
def test_what_does_not_propagate_does_not_reach_the_handler_above(
    above: dict[str, Any], table: dict[str, Any], is_kept: bool
) -> None:
    """Unless it has the handler itself, perhaps behind another, or is silent on purpose."""
    handlers = {"m": {"class": "logging.handlers.MemoryHandler", "target": "x"}, "n": {"class": "logging.NullHandler"}}
    found = file({"root": above, "loggers": {"django.request": table}}, s=STREAM, **handlers)
    assert kept_from("x", found) == ["django.request"] * is_kept


def test_a_logger_below_one_that_keeps_its_records_is_not_named() -> None:
    """The one is enough; and the handler may be on the way, below the root."""
    loggers = {
        "django": {"handlers": ["x"]},
        "django.request": {"handlers": ["s"], "propagate": False},
        "django.request.slow": {"handlers": ["s"], "propagate": False},
        "shop": {"handlers": ["s"], "propagate": False},
    }
    assert kept_from("x", file({"loggers": loggers}, s=STREAM)) == ["django.request"]
