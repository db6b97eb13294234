"""tracebacks: what is found of exceptions that were printed."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.tracebacks import FormattedError, as_printed, parse_traceback, structured

CHAIN = """\
cannot pay
KeyError: 'tea'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/shop/orders.py", line 7, in total
    raise LookupError("no total") from KeyError("tea")
LookupError: no total
in the basket

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop/web.py", line 12, in post
    total()
  File "/srv/shop/orders.py", line 9, in total
    raise shop.errors.PayError("no")
shop.errors.PayError: no
"""

GROUPS = """\
cannot pay
  + Exception Group Traceback (most recent call last):
  |   File "/srv/shop/web.py", line 12, in post
  |     async with TaskGroup() as group:
  | ExceptionGroup: unhandled errors (3 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/shop/orders.py", line 7, in total
    |     raise ValueError("no total")
    | ValueError: no total
    +---------------- 2 ----------------
    | ExceptionGroup: inner (2 sub-exceptions)
    +-+---------------- 1 ----------------
      | KeyError: 'tea'
      +---------------- ... ----------------
      | and 7 more exceptions
      +------------------------------------
    +---------------- 3 ----------------
    | Traceback (most recent call last):
    |   File "/srv/shop/orders.py", line 8, in pay
    |     bank()
    | OSError: no answer
    |\x20
    | During handling of the above exception, another exception occurred:
    |\x20
    | Traceback (most recent call last):
    |   File "/srv/shop/orders.py", line 9, in pay
    |     raise PayError
    | PayError
    +------------------------------------

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/shop/web.py", line 14, in post
    raise RuntimeError("not paid") from group
RuntimeError: not paid
"""


def found(text: str) -> tuple[str, FormattedError]:
    """Return what stands before a traceback, and the exception."""
    parsed = parse_traceback(text)
    assert parsed is not None
    return parsed


def test_a_chain_is_linked_from_the_last_exception_to_the_first() -> None:
    """With how they hang together, and with one that was never raised."""
    said, error = found(CHAIN)
    assert said == "cannot pay\n"
    assert (error.name, error.message, error.is_caused) == ("shop.errors.PayError", "no", False)
    assert error.frames == (("/srv/shop/web.py", 12, "post"), ("/srv/shop/orders.py", 9, "total"))
    before = error.before
    assert before is not None
    assert (before.name, before.message, before.is_caused) == ("LookupError", "no total\nin the basket", True)
    assert before.before is not None
    assert (before.before.line, before.before.before) == ("KeyError: 'tea'", None)


def test_a_groups_members_are_found_by_their_margins() -> None:
    """Groups in groups, chains in members, members that were never raised; not what says that there are more."""
    said, error = found(GROUPS)
    assert said == "cannot pay\n"
    assert (error.line, error.is_caused, error.members) == ("RuntimeError: not paid", True, ())
    group = error.before
    assert group is not None
    assert (group.line, len(group.frames)) == ("ExceptionGroup: unhandled errors (3 sub-exceptions)", 1)
    assert [member.line for member in group.members] == [
        "ValueError: no total",
        "ExceptionGroup: inner (2 sub-exceptions)",
        "PayError",
    ]
    assert [member.line for member in group.members[1].members] == ["KeyError: 'tea'"]
    assert group.members[2].message == ""
    assert group.members[2].before is not None
    assert group.members[2].before.line == "OSError: no answer"


def test_a_group_alone_is_found() -> None:
    """At the end of a text, after what was said."""
    said, error = found(GROUPS.partition("\nThe above")[0])
    assert said == "cannot pay\n"
    assert (error.name, len(error.members)) == ("ExceptionGroup", 3)


def test_a_group_that_was_never_raised_is_found_as_a_cause() -> None:
    """It has no line that begins its traceback."""
    lines = GROUPS.split("\n")
    said, error = found("\n".join([lines[0], *lines[4:]]))
    assert said == "cannot pay\n"
    assert error.before is not None
    assert (error.before.name, len(error.before.members)) == ("ExceptionGroup", 3)


def test_a_group_that_was_never_raised_is_found_alone() -> None:
    """By its margin and its first member; what was said before it, though it looks like an exception, is not in it."""
    said, error = found(
        "Error: cannot pay\n  | G: two (1 sub-exception)\n  +-+---------------- 1 ----------------\n    | E: x"
    )
    assert said == "Error: cannot pay\n"
    assert (error.line, [member.line for member in error.members]) == ("G: two (1 sub-exception)", ["E: x"])


def test_an_exception_that_is_printed_twice_is_no_cause_of_itself() -> None:
    """A renderer prints it into the message, and QueueHandler behind it."""
    printed = CHAIN[CHAIN.rindex("Traceback") :]
    _, error = found(f"cannot pay\n{printed}\n{printed}")
    assert (error.line, error.before) == ("shop.errors.PayError: no", None)


@pytest.mark.parametrize(
    "said", ['event="not paid" exception="', "event='not paid' exception='", '{"event": "not paid", "exception": "']
)
def test_the_name_under_which_a_renderer_prints_an_exception_is_no_part_of_the_message(said: str) -> None:
    """It would be torn off there."""
    before, _ = found(f"{said}{CHAIN[CHAIN.rindex('Traceback') :]}")
    assert (said.startswith(before), "paid" in before, "exception" in before) == (True, True, False)


@pytest.mark.parametrize(
    ("mark", "functions"), [("> ", ["post", "pay"]), ("  ", ["main", "post", "pay"]), (">   ", ["main", "post", "pay"])]
)
def test_a_traceback_begins_where_loguru_has_marked_it(mark: str, functions: list[str]) -> None:
    """Before that it prints who has called; what is quoted as in a mail has another mark."""
    _, error = found(
        "Traceback (most recent call last):\n\n"
        '  File "a.py", line 9, in main\n    post()\n\n'
        f'{mark}File "a.py", line 5, in post\n    pay()\n    └ <function pay>\n\n'
        '  File "a.py", line 3, in pay\n    raise KeyError\n\n'
        "KeyError"
    )
    assert [function for _, _, function in error.frames] == functions


REMOTE = f"""\
multiprocessing.pool.RemoteTraceback:\x20
\"""
{CHAIN.partition("cannot pay")[2].strip()}
\"""

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/shop/cli.py", line 3, in main
    pool.apply(post)
shop.errors.PayError: no
"""


@pytest.mark.parametrize("said", ["cannot pay\n", "cannot pay exception='", 'cannot pay, "exception": "', "> "])
def test_what_another_process_has_printed_is_of_the_same_exception(said: str) -> None:
    """Its frames are the innermost, what was before it there was before it, and nothing of it is in the message."""
    before, error = found(f"{said}{REMOTE}")
    assert before.strip() in ("cannot pay", ">")
    assert (error.line, [function for _, _, function in error.frames]) == (
        "shop.errors.PayError: no",
        ["main", "post", "total"],
    )
    assert error.before is not None
    assert (error.before.name, error.is_caused) == ("LookupError", False)


def test_what_another_process_has_printed_and_cannot_be_read_is_nothing() -> None:
    """Not even the type that carries it."""
    _, error = found(REMOTE.replace(CHAIN.partition("cannot pay")[2].strip(), "lost"))
    assert (error.line, error.before, len(error.frames)) == ("shop.errors.PayError: no", None, 1)


@pytest.mark.parametrize(
    "value", [None, 5, "text", [], [1], [{}], {"exc_type": "E"}, [{"exc_type": "E", "exc_value": "", "frames": [{}]}]]
)
def test_what_is_no_exception_that_was_taken_apart_is_none(value: object) -> None:
    """Of whatever type it is."""
    assert structured(value) is None


def test_a_group_that_was_taken_apart_and_holds_itself_is_looked_at_to_some_depth() -> None:
    """A value of a record may be anything."""
    circle: list[dict[str, object]] = [
        {"exc_type": "G", "exc_value": "two", "exc_notes": ["now"], "frames": [], "is_cause": False}
    ]
    circle[0]["exceptions"] = [circle, circle]
    error = structured(circle)
    assert error is not None
    assert (error.line, len(error.members)) == ("G: two\nnow", 2)


@pytest.mark.parametrize(
    "text", ["", "cannot pay", "| a | b |\n| 1 | 2 |", "  +-+---------------- 1 ----------------\n    | x"]
)
def test_a_text_without_a_traceback_has_none(text: str) -> None:
    """Tables are no groups."""
    assert parse_traceback(text) is None


def test_margins_deeper_than_python_prints_do_no_harm() -> None:
    """A text may claim any number of levels."""
    lines = ["  + Exception Group Traceback (most recent call last):", '  |   File "a.py", line 1, in f', "  | G: x"]
    for depth in range(1, 3000):
        lines += [f"{'  ' * depth}+-+---------------- 1 ----------------", f"{'  ' * depth}  | E: {depth}"]
    _, error = found("\n".join(lines))
    assert error.members


LINES = st.sampled_from(
    [
        "Traceback (most recent call last):", "Exception Group Traceback (most recent call last):",
        '  File "a.py", line 1, in f', "    x", "ValueError: y", "E", "", "G: x (2 sub-exceptions)", "said",
        "The above exception was the direct cause of the following exception:",
        "During handling of the above exception, another exception occurred:",
        "+-+---------------- 1 ----------------", "+---------------- 2 ----------------",
        "+------------------------------------", "pool.RemoteTraceback: ", '"""', "'''",
    ]
)  # fmt: skip


@given(st.lists(st.tuples(LINES, st.integers(0, 4), st.sampled_from(["", "| ", "+ "])), max_size=40))
def test_any_lines_can_be_looked_at(drawn: list[tuple[str, int, str]]) -> None:
    """Whatever a message holds, in whatever order and behind whatever margin."""
    text = "\n".join(textwrap.indent(f"{margin}{line}", "  " * depth) for line, depth, margin in drawn)
    parsed = parse_traceback(text)
    if parsed is not None:
        said, error = parsed
        assert text.startswith(said)
        assert error.name == error.line.partition(":")[0] != ""


@pytest.mark.parametrize("text", [CHAIN, GROUPS])
def test_line_ends_of_windows_change_nothing(text: str) -> None:
    """A child, or another machine, may have printed it."""
    assert parse_traceback(text.replace("\n", "\r\n")) == parse_traceback(text)


def test_a_margin_inside_of_an_exceptions_message_stays() -> None:
    """It belongs to what a child has printed: without it the lines of code of this process would lose theirs."""
    text = f"""cannot pay
Traceback (most recent call last):
  File "shop.py", line 3, in pay
    raise RuntimeError(printed)
RuntimeError: it has failed
{textwrap.indent(CHAIN, "    ")}"""
    assert as_printed(text) == text


def test_a_long_line_in_a_box_is_looked_at_once() -> None:
    """In quadratic time this would not come to an end."""
    line = f"{'a' * 250_000}:{'1' * 250_000}"
    text = f"╭─ Traceback (most recent call last) ─╮\n│ {line} │\n╰─╯"
    assert as_printed(text) == f"Traceback (most recent call last):\n{line}"
