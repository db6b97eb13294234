"""dropped: what was given up is counted, reported and handed over."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert import Alert
from gntp_logging.delivery.digest import Finish
from gntp_logging.delivery.dropped import DroppedAlerts, with_dropped
from tests.support import as_it_is, make_alert


def plainly(alert: Alert) -> Callable[[Finish], Alert]:
    """Compose an alert of itself."""
    return lambda finish: finish(alert)


@pytest.mark.parametrize(
    ("dropped", "line"),
    [
        ({}, ""),
        ({"queue full": 1}, "\n(1 alert was dropped: queue full)"),
        ({"queue full": 14}, "\n(14 alerts were dropped: queue full)"),
        ({"queue full": 1, "too old": 2}, "\n(3 alerts were dropped: 1 queue full, 2 too old)"),
    ],
)
def test_losses_are_told_in_words(dropped: dict[str, int], line: str) -> None:
    """In the last line; none say nothing."""
    assert with_dropped(make_alert(), Counter(dropped)).text == "text" + line


@given(reasons=st.lists(st.sampled_from(["queue full", "too old", "disabled on the server"])), shown=st.data())
def test_each_loss_is_told_once(reasons: list[str], shown: st.DataObject) -> None:
    """However the alerts that tell of them come between; what the user has switched off is never reported."""
    dropped, reported = DroppedAlerts(None, 10, as_it_is), Counter[str]()
    for reason in reasons:
        dropped.add(plainly(make_alert()), reason)
        if shown.draw(st.booleans()):
            unreported = dropped.unreported()
            dropped.mark_reported(unreported)
            reported += unreported
    reported += dropped.unreported()
    assert reported == Counter(reason for reason in reasons if reason != "disabled on the server")
    assert dropped.by_reason == Counter(reasons)


def test_the_words_of_a_server_stand_for_the_reason_that_they_explain() -> None:
    """As they are when the alert is dropped; the counts have the reason."""
    got: list[str] = []
    dropped = DroppedAlerts(lambda _, reason: got.append(reason), 10, as_it_is)
    for words in "no such type", "no such application":
        dropped.explain("error 402", words)
        dropped.add(plainly(make_alert()), "error 402")
        dropped.add(plainly(make_alert()), "queue full")
    dropped.hand_over()
    assert got == ["no such type", "queue full", "no such application", "queue full"]
    assert dropped.by_reason == {"error 402": 2, "queue full": 2}


def test_each_loss_is_handed_over_once() -> None:
    """With its reason, in order; the function may raise."""
    got: list[tuple[str, str]] = []

    def on_error(one: Alert, reason: str) -> None:
        got.append((one.text, reason))
        raise ValueError(reason)

    dropped = DroppedAlerts(on_error, 10, as_it_is)
    dropped.add(plainly(make_alert("a")), "queue full")
    dropped.add(plainly(make_alert("b")), "too old")
    for _ in range(2):
        dropped.hand_over()
    assert got == [("a", "queue full"), ("b", "too old")]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, ValueError])
def test_whatever_on_error_raises_is_ignored(error: type[BaseException]) -> None:
    """On a worker's thread, and but for Ctrl-C where the application logs; all are handed over."""
    got: list[str] = []

    def on_error(one: Alert, _reason: str) -> None:
        got.append(one.text)
        raise error

    dropped = DroppedAlerts(on_error, 10, as_it_is)
    for text in "abc":
        dropped.add(plainly(make_alert(text)), "queue full")
    thread = threading.Thread(target=dropped.hand_over)
    thread.start()
    thread.join()
    assert got == ["a", "b", "c"]
    if error is not KeyboardInterrupt:
        dropped.add(plainly(make_alert("d")), "queue full")
        dropped.hand_over()
        assert got == ["a", "b", "c", "d"]


def test_ctrl_c_ends_an_on_error_that_hangs() -> None:
    """It is raised, once: the next one, which would hang as well, gets its alert with the next loss."""
    got: list[str] = []

    def on_error(one: Alert, _reason: str) -> None:
        got.append(one.text)
        if one.text == "a":
            signal.raise_signal(signal.SIGINT)

    dropped = DroppedAlerts(on_error, 10, as_it_is)
    dropped.add(plainly(make_alert("a")), "queue full")
    dropped.add(plainly(make_alert("b")), "queue full")
    with pytest.raises(KeyboardInterrupt):
        dropped.hand_over()
    assert got == ["a"]
    dropped.hand_over()
    assert got == ["a", "b"]


def test_what_the_function_loses_itself_waits_for_the_next_time() -> None:
    """A function that logs, and whose alerts are lost too, does not run for ever."""
    got: list[str] = []

    def on_error(one: Alert, _reason: str) -> None:
        got.append(one.text)
        dropped.add(plainly(make_alert(one.text + "!")), "queue full")
        dropped.hand_over()

    dropped = DroppedAlerts(on_error, 10, as_it_is)
    dropped.add(plainly(make_alert("a")), "queue full")
    dropped.hand_over()
    assert got == ["a"]
    dropped.hand_over()
    assert got == ["a", "a!"]


def test_there_is_room_for_so_many() -> None:
    """The oldest go: they were counted."""
    got: list[str] = []
    dropped = DroppedAlerts(lambda one, _reason: got.append(one.text), 2, as_it_is)
    for text in "abc":
        dropped.add(plainly(make_alert(text)), "queue full")
    dropped.hand_over()
    assert got == ["b", "c"]
    assert dropped.by_reason == {"queue full": 3}
