"""Which toasts become messages."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.receiver.messages import (
    MAX_KNOWN,
    MAX_MESSAGES,
    MAX_NAMED,
    MAX_TEXT,
    MAX_TITLE,
    MessageSchedule,
    merged,
)
from gntp_logging.receiver.registry import Toast


def error(id_: str = "", total: int = 1, *, level: str = "ERROR", title: str = "no disk") -> Toast:
    """Return the toast of an incident."""
    toast = Toast("shop", "Error", title, "text", coalescing_id=id_, headers={"Data-Level": level})
    return replace(toast, total=total)


def test_an_incident_is_one_message_and_one_when_its_count_has_grown_tenfold() -> None:
    """However often it is updated; another incident is another message."""
    schedule = MessageSchedule("ERROR")
    counts = [1, 2, 9, 10, 11, 99, 100, 50]
    assert [schedule.offer(error("a", count), 0.0) is not None for count in counts] == [
        True, False, False, True, False, False, True, False,
    ]  # fmt: skip
    made = schedule.offer(error("b"), 0.0)
    assert made is not None
    assert (made.title, made.text, made.level) == ("shop: no disk", "text", 40)


def test_what_is_less_severe_makes_none() -> None:
    """As the sender says; a sender that says nothing has its priority."""
    schedule = MessageSchedule("WARNING")
    assert schedule.offer(error("a", level="INFO"), 0.0) is None
    assert schedule.offer(error("b", level="WARNING"), 0.0) is not None
    assert schedule.offer(Toast("shop", "Info", "title", "text", priority=-1), 0.0) is None
    assert schedule.offer(Toast("shop", "Info", "title", "text", priority=2), 0.0) is not None


def test_there_are_six_a_minute_and_the_rest_is_one_digest() -> None:
    """Which is one of the next six, and names the first that waited."""
    schedule = MessageSchedule("ERROR")
    sent = [schedule.offer(error(str(number), title=f"error {number}"), float(number)) for number in range(25)]
    assert [message is not None for message in sent] == [True] * 6 + [False] * 19
    assert schedule.due() == 60.0
    assert schedule.digest(59.9) is None
    digest = schedule.digest(60.0)
    assert digest is not None
    assert digest.title == "19 more alerts"
    assert digest.text.split("\n") == [*(f"shop: error {number}" for number in range(6, 16)), "+9 more"]
    assert schedule.due() is None
    assert schedule.digest(1000.0) is None
    assert schedule.offer(error("next"), 61.0) is not None


def test_nothing_overtakes_what_waits() -> None:
    """What comes while a digest waits goes into it."""
    schedule = MessageSchedule("ERROR")
    for number in range(7):
        schedule.offer(error(str(number)), 0.0)
    assert schedule.offer(error("late"), 100.0) is None
    digest = schedule.digest(100.0)
    assert digest is not None
    assert digest.title == "2 more alerts"


def test_a_message_is_no_longer_than_a_phone_shows() -> None:
    """Nor is more remembered than needs to be."""
    schedule = MessageSchedule("ERROR")
    made = schedule.offer(replace(error(title="t" * 10_000), text="x" * 100_000), 0.0)
    assert made is not None
    assert (len(made.title), len(made.text)) == (MAX_TITLE, MAX_TEXT)
    for number in range(MAX_KNOWN + 10):
        schedule.offer(error(str(number)), 0.0)
    assert len(schedule._reported) == MAX_KNOWN
    assert len(schedule._named) == MAX_NAMED


def test_messages_that_wait_for_a_target_become_one() -> None:
    """Each toast is counted once, also those that a digest stands for; the most severe level counts."""
    schedule = MessageSchedule("INFO")
    sent = [schedule.offer(error(title=f"error {number}", level="INFO"), 0.0) for number in range(20)]
    sent += [schedule.digest(60.0), schedule.offer(error(title="last"), 60.0)]
    made = merged([message for message in sent if message is not None])
    assert (made.title, made.level, made.toasts) == ("21 more alerts", 40, 21)
    assert made.text.split("\n") == [*(f"shop: error {number}" for number in range(10)), "+11 more"]
    assert merged([made, made]).title == "42 more alerts"


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans())))
def test_no_minute_has_more_than_six(events: list[tuple[int, bool]]) -> None:
    """Whenever toasts come, and whenever the digest is asked for; and each is in some message."""
    schedule = MessageSchedule("ERROR")
    now, sent, told, offered = 0.0, [], 0, 0
    for after, is_toast in events:
        now += after
        digest = schedule.digest(now)
        if digest is not None:
            sent.append(now)
            told += int(digest.title.split()[0])
        if is_toast:
            offered += 1
            if schedule.offer(error(), now) is not None:
                sent.append(now)
                told += 1
    assert all(later - sooner >= 60 for sooner, later in zip(sent, sent[MAX_MESSAGES:], strict=False))
    assert told + schedule._waiting == offered
