"""alert: how a record becomes an alert, whatever the record holds."""

from __future__ import annotations

import logging
import platform
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import Alert, AlertFactory
from gntp_logging.alerts.context import Context
from gntp_logging.alerts.fingerprint import RawCall, is_place_alone, normalized, raw_fingerprint, redacted
from gntp_logging.alerts.levels import LevelMap
from gntp_logging.alerts.templates import Template
from tests.support import whole


def record(
    msg: object = "it broke", *args: object, name: str = "shop.orders", level: int = logging.ERROR, **more: Any
) -> logging.LogRecord:
    """Make a record as a logger would."""
    made = logging.LogRecord(name, level, __file__, 1, msg, args or None, more.pop("exc_info", None))
    made.__dict__.update(more)
    return made


def alert(made: logging.LogRecord, formatter: logging.Formatter | None = None, max_text: int = 1000) -> Alert:
    """Make an alert of a record."""
    return AlertFactory("shop", LevelMap(), max_text).from_record(made, formatter).finished(max_text)


class Unprintable:
    """An argument whose __str__ and __repr__ raise."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def test_the_title_is_the_messages_first_line() -> None:
    """Without an exception; the text goes on behind it."""
    made = alert(record("order %d of %s\n\n  is lost", 7, "x"))
    assert (made.title, made.text) == ("order 7 of x", "  is lost")
    assert (alert(record()).title, alert(record()).text) == ("it broke", "")


def test_the_title_is_the_exceptions_own_line() -> None:
    """Whatever the message says; what else the exception says stands in the text, before the message."""
    made = alert(record("cannot charge", exc_info=failure_of("no total\nin the basket")))
    assert made.title == "ValueError: no total"
    assert made.text.split("\n")[:2] == ["in the basket", "cannot charge"]
    assert made.exc_type == "ValueError"


def test_an_exception_whose_message_begins_with_a_line_end_has_a_title() -> None:
    """Its type alone says too little."""
    made = alert(record("x", exc_info=ValueError("\n\n  no total\n  in the basket")))
    assert (made.title, made.text) == ("ValueError: no total", "  in the basket\nx")


def test_a_records_own_title_comes_before_the_options_and_that_before_what_happened() -> None:
    """The text then begins with what happened."""
    failed = record("cannot charge", exc_info=failure_of("no"))
    lines = ["ValueError: no", "cannot charge"]
    option = made(failed, title=Template("{name}"))
    assert (option.title, option.text.split("\n")[:2]) == ("shop.orders", lines)
    failed.__dict__["gntp"] = {"title": "Broken"}
    own = made(failed, title=Template("{name}"))
    assert (own.title, own.text.split("\n")[:2]) == ("Broken", lines)


def test_a_title_of_the_user_that_says_what_happened_is_not_repeated() -> None:
    """Whoever wrote it."""
    assert made(record(gntp={"title": "it  broke"})).text == ""
    assert made(title=Template("{message}")).text == ""


@pytest.mark.parametrize("size", [120, 121, 119, 600])
def test_what_the_title_had_to_cut_the_text_has_whole(size: int) -> None:
    """And nothing of a title that is whole."""
    said = "x" * size
    made = alert(record(f"{said}\nmore"))
    assert made.text == ("more" if size <= 120 else f"{said}\nmore")
    failed = alert(record("cannot charge", exc_info=failure_of("x" * size)))
    begins = "cannot charge" if failed.title.endswith("x") else f"ValueError: {said}"
    assert failed.text.split("\n")[0][:120] == begins[:120]


def test_the_last_line_begins_with_level_and_logger() -> None:
    """Whatever the logger is called, and without the application's name, which every display shows."""
    for name in ("shop.orders", "shop", "root"):
        assert alert(record(name=name)).body() == f"ERROR · {name} · {platform.node()}"


def test_arguments_that_do_not_fit_leave_the_template() -> None:
    """A message whose %-arguments do not fit arrives as its raw template."""
    assert whole(alert(record("order %d", "seven"))) == "order %d"
    assert whole(alert(record("order %d and %d", 7))) == "order %d and %d"


def test_an_argument_that_cannot_be_printed_leaves_the_template() -> None:
    """A message with an argument whose __str__ raises arrives as its raw template."""
    assert whole(alert(record("order %s", Unprintable()))) == "order %s"


def test_a_message_that_cannot_be_printed_names_its_type() -> None:
    """Even a message object whose own __str__ raises gives an alert."""
    assert "Unprintable" in whole(alert(record(Unprintable())))


def test_a_message_of_a_class_of_strings_that_cannot_be_printed_is_shown() -> None:
    """Its characters are there, whatever its own code does."""

    class Broken(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise ValueError

    assert AlertFactory("shop", LevelMap(), 1000).from_record(record(Broken("order failed"))).text == "order failed"


def test_an_empty_message_still_has_a_text() -> None:
    """growl-for-linux refuses a notification without text, so there always is one: the last line."""
    assert whole(alert(record(""))) == "(empty message)"
    assert alert(record("")).body().startswith("ERROR · shop.orders")
    assert alert(record(""))._replace(level_name="", logger="", context=()).body() == "(empty message)"
    assert whole(alert(record(" \n "))) == "(empty message)"


def failure() -> Any:
    """Return the exc_info of an error two calls deep."""

    def inner() -> None:
        raise ValueError("negative amount")

    try:
        inner()
    except ValueError:
        return sys.exc_info()


def test_an_exception_comes_first_then_the_message_then_the_innermost_frame() -> None:
    """What fails and where stands where a toast shows it."""
    lines = whole(alert(record("cannot charge", exc_info=failure()))).split("\n")
    assert lines[:2] == ["ValueError: negative amount", "cannot charge"]
    assert lines[2].startswith("innermost: alerts/test_alert.py:")
    assert lines[2].endswith(" in inner")
    assert lines[3].endswith(" in failure")


def test_library_frames_are_counted_and_the_applications_are_shown() -> None:
    """Where the application called is the mistake, not where the library gave up."""
    import json

    def parse() -> Any:
        try:
            json.loads("{")
        except ValueError:
            return sys.exc_info()

    lines = whole(alert(record("cannot read", exc_info=parse()))).split("\n")
    assert lines[0].startswith("JSONDecodeError: ") or lines[0].startswith("json.decoder.JSONDecodeError: ")
    assert lines[1] == "cannot read"
    assert re.fullmatch(r"alerts/test_alert.py:\d+ in parse", lines[2])
    assert lines[3:] == ["(+3 in libraries)"]


def test_a_message_that_only_repeats_the_exception_is_left_out() -> None:
    """logger.exception(error) says nothing new."""
    info = failure()
    lines = whole(alert(record(str(info[1]), exc_info=info))).split("\n")
    assert lines[0] == "ValueError: negative amount"
    assert " in inner" in lines[1]


def test_the_cause_stands_in_one_line() -> None:
    """What it was raised from, and while what was handled."""

    def chained() -> Any:
        try:
            try:
                try:
                    raise KeyError("total")  # noqa: TRY301 - a chain is what is tested
                except KeyError as error:
                    raise LookupError("no total\nin the basket") from error
            except LookupError:
                raise ValueError("cannot pay")  # noqa: B904 - without from, as people write it
        except ValueError:
            return sys.exc_info()

    lines = whole(alert(record("x", exc_info=chained()))).split("\n")
    assert lines[0] == "ValueError: cannot pay"
    assert lines[-1] == "while handling LookupError: no total in the basket, caused by KeyError: 'total'"


def test_raise_from_none_has_no_cause() -> None:
    """Its author has said so."""

    def suppressed() -> Any:
        try:
            try:
                raise KeyError("total")  # noqa: TRY301 - a chain is what is tested
            except KeyError:
                raise ValueError("cannot pay") from None
        except ValueError:
            return sys.exc_info()

    assert "KeyError" not in whole(alert(record("x", exc_info=suppressed())))


def test_a_circle_of_causes_ends() -> None:
    """Exceptions may be each other's cause."""
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert whole(alert(record("x", exc_info=(ValueError, one, None)))).count("caused by") == 1


def test_an_exception_that_cannot_be_printed_is_named() -> None:
    """An exception whose __str__ raises is there by its type."""

    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    error = Odd()
    assert "Odd" in whole(alert(record("x", exc_info=(Odd, error, None)))).split("\n")[0]


@pytest.mark.parametrize(
    "attributes",
    [
        {"exc_info": True},
        {"exc_info": (1, 2, 3)},
        {"exc_info": [ValueError, ValueError("no"), None]},
        {"exc_info": "yes"},
        {"levelno": "forty"},
        {"levelno": None},
        {"levelno": 10**5000},
        {"levelno": 40.5},
        {"levelname": Unprintable()},
        {"name": Unprintable()},
        {"stack_info": ["no"]},
        {"exc_text": 7},
    ],
    ids=lambda attributes: f"{next(iter(attributes))}-{type(next(iter(attributes.values()))).__name__}",
)
def test_of_a_record_of_odd_kinds_the_rest_is_said(attributes: dict[str, Any]) -> None:
    """The message, and the level and the logger as far as there are such."""
    made = alert(record("it broke", **attributes))
    assert (made.title, made.level, made.event, made.level_name) == ("it broke", 40, "Error", "ERROR")
    assert made.logger == ("" if "name" in attributes else "shop.orders")


def test_a_record_that_lacks_what_every_record_has_gives_a_plain_alert() -> None:
    """Its message arrives, at its level, and says what was wrong."""
    made = record("it broke")
    del made.created
    assert whole(alert(made)) == "it broke\n(AttributeError while the record was read)"
    assert (alert(made).level_name, alert(made).event, alert(made).priority) == ("ERROR", "Error", 1)


@pytest.mark.parametrize("info", [ValueError("no"), (ValueError, ValueError("no"), "x")], ids=["alone", "in a tuple"])
def test_an_exception_is_found_in_whatever_form(info: Any) -> None:
    """Hand-made records have it alone, or with something else than a traceback."""
    assert whole(alert(record("it broke", exc_info=info))) == "ValueError: no\nit broke"


def test_an_exception_has_its_own_type_whatever_type_stands_beside_it() -> None:
    """As Python prints it."""
    assert alert(record(exc_info=(Exception, KeyError("total"), None))).title == "KeyError: 'total'"


class Closed(Exception):
    """Refuses every attribute."""

    def __getattribute__(self, name: str) -> Any:
        raise ZeroDivisionError(name)


class Nameless(type):
    """A metaclass that refuses what names a class."""

    def __getattribute__(cls, name: str) -> Any:
        if name in ("__module__", "__name__", "__qualname__"):
            raise ZeroDivisionError(name)
        return super().__getattribute__(name)


class OfNameless(Exception, metaclass=Nameless):
    """Has no name that may be asked for."""


class Posing:
    """Refuses to say what it is."""

    @property  # type: ignore[misc]  # the point
    def __class__(self) -> type:
        raise ZeroDivisionError

    def __bool__(self) -> bool:
        raise ZeroDivisionError


class Text(str):
    """Says something else than it holds."""

    __slots__ = ()

    def __format__(self, _: str) -> str:
        return "something else"


class Formatted(Exception):
    """Returns a text of its own type."""

    def __str__(self) -> str:
        return Text("no")


@pytest.mark.parametrize(
    ("error", "line"),
    [(Closed("no"), "Closed: no"), (OfNameless("no"), "OfNameless: no"), (Formatted(), "Formatted: no")],
    ids=["attributes", "metaclass", "text"],
)
def test_of_an_exceptions_class_no_code_runs_but_what_makes_its_text(error: BaseException, line: str) -> None:
    """So none can cost its record the exception."""
    made = alert(record("it broke", exc_info=(type(error), error, None)))
    assert whole(made) == f"{__name__}.{line}\nit broke"
    assert alert(record(error)).title == f"{__name__}.{line}"


@pytest.mark.parametrize("name", ["title", "event", "icon", "sticky", "url", "key"])
def test_no_override_is_asked_what_it_is(name: str) -> None:
    """A value of a foreign type is only named."""
    assert alert(record(gntp={name: Posing()})).text.endswith("not <Posing>)")


def test_true_means_the_exception_that_is_being_handled() -> None:
    """As in a logging call."""
    try:
        raise ValueError("no")  # noqa: TRY301
    except ValueError:
        text = whole(alert(record("it broke", exc_info=True)))
    assert text.startswith("ValueError: no\nit broke\n")
    assert "test_alert.py" in text


def test_exc_info_without_an_exception_changes_nothing() -> None:
    """logger.error(..., exc_info=True) outside an except block has no exception to show."""
    assert whole(alert(record("x", exc_info=(None, None, None)))) == "x"


def test_a_deep_traceback_shows_its_innermost_frames() -> None:
    """Of three hundred frames those are shown for which a toast has room, and the others are counted."""

    def dive(depth: int) -> None:
        if depth == 0:
            raise KeyError("bottom")
        dive(depth - 1)

    try:
        dive(300)
    except KeyError:
        text = whole(alert(record("x", exc_info=sys.exc_info())))
    lines = text.split("\n")
    assert lines[:2] == ["KeyError: 'bottom'", "x"]
    assert re.fullmatch(r"innermost: alerts/test_alert.py:\d+ in dive", lines[2])
    assert lines[-1] == f"(+{302 - text.count(' in ')} further out)"
    assert toast_lines(text) <= 9
    assert text.count(" in ") >= 2


def toast_lines(text: str) -> int:
    """Return how many lines of 30 characters a text takes."""
    return sum(len(textwrap.wrap(line, 30)) for line in text.split("\n"))


def test_an_exception_of_many_lines_leaves_room_for_the_frames() -> None:
    """Of a database's long complaint the first lines are told, and how many there are."""
    complaint = "no such table\n" + "\n".join(f"SELECT {number}" for number in range(40))
    made = alert(record("x" * 5000, exc_info=failure_of(complaint)))
    lines = made.text.split("\n")
    assert made.title == "ValueError: no such table"
    assert lines[:4] == ["SELECT 0", "SELECT 1", "SELECT 2", "SELECT 3"]
    assert lines[4] == "x" * 332 + "…"
    assert lines[5].endswith(" in failure_of")
    assert lines[6:] == ["... (+36 lines)"]


def failure_of(text: str) -> Any:
    """Return the exc_info of a ValueError."""
    try:
        raise ValueError(text)  # noqa: TRY301 - a traceback is what is wanted
    except ValueError:
        return sys.exc_info()


def test_what_queue_handler_left_of_an_exception_is_shown() -> None:
    """A record that went through QueueHandler carries its traceback as text."""
    assert "Traceback of before" in whole(alert(record("x", exc_text="Traceback of before")))


def test_a_formatter_makes_the_text_and_leaves_the_record_alone() -> None:
    """The user's formatter is honoured, on a copy: it writes message, asctime and exc_text into what it formats."""
    made = record("hello %s", "you", exc_info=failure())
    before = dict(made.__dict__)
    shown = alert(made, logging.Formatter("%(asctime)s <%(message)s>"))
    assert "<hello you>" in shown.text
    assert made.__dict__ == before


def test_a_formatter_that_fails_is_replaced_by_the_default_text() -> None:
    """A format with a field that the record lacks costs the format, not the alert."""
    assert whole(alert(record("hello"), logging.Formatter("%(missing)s"))) == "hello"


def test_the_text_is_cut_and_says_so() -> None:
    """A megabyte of text becomes max_text characters that tell how many are missing."""
    text = alert(record("x" * 1_000_000), max_text=1000).text
    assert len(text) <= 1000
    assert text == "x" * 967 + "…\n... (+999,033 characters)"


def test_max_text_0_cuts_nothing() -> None:
    """0 switches the cut off."""
    assert len(alert(record("x" * 50_000), max_text=0).text) == 50_000


def wishing(**wishes: object) -> Alert:
    """Make an alert of a record with extra={"gntp": wishes}."""
    return alert(record("text", gntp=wishes))


def test_a_record_can_wish_for_everything() -> None:
    """Each key of extra={"gntp": ...} changes its part of the alert."""
    made = wishing(
        title="Deployed", event="Deploy", priority=-1, sticky=True, icon="deploy.png", url="https://x/y", key="deploys"
    )
    assert made[:8] == (logging.ERROR, "Deploy", -1, True, "Deployed", "text", "deploy.png", "https://x/y")
    assert made.fingerprint == ("deploys",)


@pytest.mark.parametrize(
    "attributes",
    [
        {"extra": {"gntp": {"title": "Deployed"}, "order": 7}},
        {"msg": {"event": "release 7", "gntp": {"title": "Deployed"}, "order": 7}, "_logger": None},
        {"msg": {"event": "release 7", "gntp": {"title": "Deployed"}, "order": 7}},
    ],
    ids=["loguru", "structlog", "dictionary"],
)
def test_overrides_that_are_bound_are_overrides_and_no_values(attributes: dict[str, Any]) -> None:
    """As ``bind(gntp={...})`` of loguru, and the keywords of structlog's calls, leave them."""
    logged = record("release 7")
    logged.__dict__.update(attributes)
    made = AlertFactory("shop", LevelMap(), 1000).from_record(logged).finished(1000)
    assert made.title == "Deployed"
    assert made.text.startswith("release 7")
    assert "gntp" not in made.body()
    assert "7" in made.body().replace("release 7", "")


def test_a_wish_of_none_is_no_wish() -> None:
    """Code that passes on what it may not have gets the default."""
    assert wishing(title=None, icon=None, priority=None)[:8] == alert(record("text"))[:8]


def test_an_icon_may_be_bytes_or_a_path() -> None:
    """Pictures of one record are bytes, or a path in any form."""
    assert wishing(icon=b"png").icon == b"png"
    assert wishing(icon=Path("a") / "b.png").icon == str(Path("a") / "b.png")


@pytest.mark.parametrize(
    ("wishes", "complaint"),
    [
        ({"priority": 3}, "priority must be an integer from -2 to 2, not 3"),
        ({"priority": True}, "priority must be an integer from -2 to 2, not True"),
        ({"sticky": "yes"}, "sticky must be True or False, not 'yes'"),
        ({"title": " "}, "title must be a string that is not blank, not ' '"),
        ({"event": 5}, "event must be a string that is not blank, not 5"),
        ({"icon": 5}, "icon must be a path, a URL or bytes, not 5"),
        ({"colour": "red"}, "'colour' is unknown; allowed: title, event, priority, sticky, icon, url, key"),
        ("loud", "must be a dict, not str"),
        ({"title": Unprintable()}, "title must be a string that is not blank, not <Unprintable>"),
    ],
)
def test_a_wish_that_cannot_be_met_is_told_in_the_alert(wishes: object, complaint: str) -> None:
    """The alert goes out as its level makes it, and its author reads what was wrong."""
    made = alert(record("text", gntp=wishes))
    assert complaint in made.text
    assert (made.title, made.event, made.priority, made.sticky) == ("text", "Error", 1, False)


@pytest.mark.slow
@given(
    st.dictionaries(
        st.text(max_size=8) | st.sampled_from(["title", "icon", "key"]),
        st.none() | st.text() | st.binary() | st.integers(),
    )
)
def test_no_wishes_can_stop_an_alert(wishes: dict[str, object]) -> None:
    """Whatever stands in extra, an alert with title and text comes out."""
    made = alert(record("text", gntp=wishes))
    assert made.title.strip()
    assert whole(made).startswith((made.title, "text"))


# -- What the user's options make of it ----------------------------------------------------------


def made(made_of: logging.LogRecord | None = None, **options: Any) -> Alert:
    """Make an alert with some options."""
    return (
        AlertFactory("shop", LevelMap(), 1000, **options).from_record(made_of or record("order %d", 7)).finished(1000)
    )


def test_a_title_is_a_format_over_record_context_and_application() -> None:
    """What a record has, what the context has, and the two names that neither has."""
    context = Context({"environment": "production", "name": "not the logger's"})
    title = Template("{levelname} {name} {environment} {app_name} {message} {funcName}{nothing}")
    assert made(title=title, context=context).title == "ERROR shop.orders production shop order 7 None"


def test_a_title_may_be_a_function() -> None:
    """Of the record; whatever it returns stands on one line."""
    assert made(title=lambda made_of: f"{made_of.name}\nis broken").title == "shop.orders is broken"


@pytest.mark.parametrize("title", [Template("{nothing}"), lambda _: " ", Template(" \n "), lambda _: None])
def test_a_title_is_never_empty(title: Any) -> None:
    """What happened stands in for it."""
    assert made(title=title).title == "order 7"


def fail(_record: object) -> str:
    """Fail as application code does."""
    raise KeyError("tenant")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"title": fail}, "(title: KeyError)"),
        ({"title": Template("{levelno:s}")}, "(title: ValueError)"),
        ({"title": lambda _record: Unprintable()}, "(title: RuntimeError)"),
        ({"fingerprint": fail}, "(fingerprint: KeyError)"),
        ({"fingerprint": lambda _record: Unprintable()}, "(fingerprint: RuntimeError)"),
        ({"url": Template("https://t/{levelno:s}")}, "(url: ValueError)"),
    ],
)
def test_what_fails_leaves_a_plain_alert_and_is_told(options: dict[str, Any], complaint: str) -> None:
    """Its author reads it where he looks; nobody else misses anything."""
    plain = made()
    got = made(**options)
    assert (got.text, got.title, got.fingerprint) == (complaint, plain.title, plain.fingerprint)


def test_a_fingerprint_makes_the_kind() -> None:
    """Whatever else differs; None leaves it at the usual one."""
    one, other = record("order %d", 7), record("customer %s is gone", "x", level=logging.WARNING)
    assert (
        made(one, fingerprint=lambda _record: 5).fingerprint == made(other, fingerprint=lambda _record: "5").fingerprint
    )
    assert made(one, fingerprint=lambda _record: None).fingerprint == made(one).fingerprint


def test_a_records_own_key_comes_before_the_fingerprint() -> None:
    """It is the nearer of the two."""
    keyed = record("x", gntp={"key": "stock"})
    assert made(keyed, fingerprint=lambda _record: "other").fingerprint == made(keyed).fingerprint


def test_a_url_is_filled_in_and_quoted() -> None:
    """From the record, whatever it holds; a record's own url is taken as it stands."""
    url = Template("https://tracker/?logger={name}&trace={trace_id}")
    assert made(record(trace_id="a b&c"), url=url).target() == "https://tracker/?logger=shop.orders&trace=a%20b%26c"
    assert made(record(), url=url).target() == "https://tracker/?logger=shop.orders&trace="
    assert made(record(gntp={"url": "https://x/{name}"}), url=url).target() == "https://x/{name}"
    assert made(url=Template("https://x/")).target() == "https://x/"
    assert made().target() is None


def test_the_context_stands_in_the_last_line() -> None:
    """Behind level and logger, also below what the user's formatter has made."""
    context = Context({"environment": "production"})
    last = f"ERROR · shop.orders · {platform.node()} · production"
    assert made(record("it broke\nbadly\n"), context=context).body() == f"badly\n{last}"
    factory = AlertFactory("shop", LevelMap(), 1000, context=context)
    formatted = factory.from_record(record("it broke"), logging.Formatter("%(message)s!"))
    assert formatted.finished(1000).body() == f"it broke!\n{last}"


def test_an_alerts_fields_stand_in_the_order_in_which_they_are_built() -> None:
    """``AlertFactory.from_record`` builds the tuple by position, which no type checker looks into."""
    assert Alert._fields == (
        "level", "event", "priority", "sticky", "title", "text", "icon", "url", "level_name", "created",
        "fingerprint", "context", "url_parts", "exc_type", "logger", "failures", "count", "draft",
    )  # fmt: skip


# -- What is known without an alert ------------------------------------------------------------------


TRACEBACK = 'Traceback (most recent call last):\n  File "/srv/shop.py", line 3, in pay\n    x()\nValueError: no'


class Printing:
    """An argument that prints what it was given."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


PIECES = st.sampled_from(
    ["", "x", *TRACEBACK.split("\n"), TRACEBACK, f"\n{TRACEBACK}", repr(TRACEBACK), "\n", "Stack (most recent"]
)
SAID = st.lists(PIECES, max_size=3).map("".join)
ARGUMENTS = st.one_of(
    SAID, SAID.map(Printing), SAID.map(ValueError), st.integers(0, 11), st.none(), st.floats(), st.just(Unprintable())
)
TEMPLATES = st.sampled_from(
    ["order %s failed: %s", "%s%cfailed%s", "%s: %s", "%s", "failed:\n%s", "failed %(a)s", "%d failed %s"]
)


@given(TEMPLATES, st.lists(st.lists(ARGUMENTS, min_size=1, max_size=3), min_size=2, max_size=2))
def test_what_is_known_by_its_place_has_the_fingerprint_of_its_place(template: str, both: list[list[Any]]) -> None:
    """Whatever the arguments are: no message is looked at that might hold a traceback."""
    factory = AlertFactory("shop", LevelMap(), 1000)
    found = []
    for arguments in both:
        made = record(template, *([{"a": arguments[0]}] if "(a)" in template else arguments), funcName="pay")
        raw = factory.from_record(made).fingerprint
        place = factory.place_of(made)
        if place is not None:
            found.append(normalized(redacted(raw, str)))
            assert place == raw_fingerprint(raw) or not is_template_alone(template)
    assert len(set(found)) <= 1 or not is_template_alone(template)


def is_template_alone(template: str) -> bool:
    """Tell whether a template makes calls known."""
    return is_place_alone(RawCall(40, "shop", "shop.py", "pay", template, ""))


@pytest.mark.parametrize(
    "odd",
    [
        {"args": None},
        {"exc_info": (ValueError, ValueError("no"), None)},
        {"exc_text": "ValueError: no"},
        {"stack_info": "Stack (most recent call last):"},
        {"gntp": {"priority": 2}},
        {"levelno": True},
        {"levelno": 40.0},
        {"created": 5},
        {"msg": Printing("order %s failed")},
        {"name": ["shop"]},
        {"pathname": None},
        {"funcName": None},
        {"args": ("a\nb",)},
        {"args": (Printing("a\nb"),)},
        {"args": (repr(TRACEBACK),)},
        {"args": (TRACEBACK.encode(),)},
        {"msg": "order %(a)s failed", "args": {"a": "b\nc"}},
    ],
)
def test_a_record_of_which_only_its_alert_tells_has_no_place(odd: dict[str, Any]) -> None:
    """It has something to say beside its arguments, or is of odd kinds."""
    factory = AlertFactory("shop", LevelMap(), 1000)
    usual = record("order %s failed", "7", funcName="pay")
    assert factory.place_of(usual) == (40, "shop.orders", __file__, "pay", "order %s failed")
    usual.__dict__.update(odd)
    assert factory.place_of(usual) is None
    usual.__dict__.clear()
    assert factory.place_of(usual) is None


def test_what_the_user_wants_to_see_of_each_record_needs_each_record() -> None:
    """A function, or a template; what is read for the text alone may be some milliseconds old."""
    assert not AlertFactory("shop", LevelMap(), 1000, context=Context({"a": 1})).needs_each_record
    for options in (
        {"url": Template("https://t/{name}")},
        {"title": Template("{name}")},
        {"title": str},
        {"fingerprint": str},
        {"context": Context(None, lambda _: {})},
    ):
        assert AlertFactory("shop", LevelMap(), 1000, **options).needs_each_record
