"""All displays as one: a failure of one is counted, told to the others, and harms nobody."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from gntp_logging.receiver.display_group import FAILURE_INTERVAL, DisplayGroup
from gntp_logging.receiver.protocols import Display, Notice
from gntp_logging.receiver.registry import Toast
from tests.support import PATIENCE

TOAST = Toast("shop", "Error", "title", "text")


class WatchingDisplay:
    """Remembers toasts and notices; fails where it is told to."""

    def __init__(self, *, fails_to_show: bool = False, fails_to_notice: bool = False) -> None:
        self.fails_to_show = fails_to_show
        self.fails_to_notice = fails_to_notice
        self.toasts: list[Toast] = []
        self.notices: list[Notice] = []
        self.asked = 0

    def show(self, toast: Toast) -> None:
        """Remember it."""
        if self.fails_to_show:
            raise OSError("no\n\tsuch screen")
        self.toasts.append(toast)

    def notice(self, notice: Notice) -> None:
        """Remember it."""
        self.asked += 1
        if self.fails_to_notice:
            raise ZeroDivisionError
        self.notices.append(notice)


class Silent:
    """A display that observes nothing, and fails."""

    def show(self, toast: Toast) -> None:
        """Fail."""
        raise OSError("always")


class LateDisplay:
    """A display that finds out in a thread that it has failed."""

    patience = 60.0

    def __init__(self) -> None:
        self.report: Callable[[Exception], None] | None = None

    def report_failures(self, to: Callable[[Exception], None]) -> None:
        """Take what is to be called."""
        self.report = to

    def show(self, toast: Toast) -> None:
        """Fail, a little later."""
        assert self.report is not None
        thread = threading.Thread(target=self.report, args=(OSError("it is gone"),))
        thread.start()
        thread.join(PATIENCE)


def group(*displays: Display) -> DisplayGroup:
    """Return an group that tells nobody else."""
    return DisplayGroup(displays, lambda _display, _error: None)


def failure(display: str, reason: str, count: int = 1) -> Notice:
    """Return the notice of a failure."""
    return Notice("failure", {"display": display, "reason": reason, "count": count})


def test_the_first_failure_is_told_to_all_who_want_to_know() -> None:
    """In one line; the toast is shown by the others all the same."""
    before, broken, after = WatchingDisplay(), Silent(), WatchingDisplay()
    all_of_them = group(before, broken, after)
    for _ in range(3):
        all_of_them.show(TOAST)
    assert all_of_them.failures == 3
    for watching in (before, after):
        assert watching.toasts == [TOAST] * 3
        assert watching.notices == [failure("silent", "always")]


def test_a_failure_that_goes_on_is_told_again_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each display."""
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watching = WatchingDisplay()
    all_of_them = group(Silent(), watching)
    for _ in range(3):
        for _ in range(10):
            all_of_them.show(TOAST)
        now += FAILURE_INTERVAL
    assert [notice.fields["count"] for notice in watching.notices] == [1, 11, 21]


def test_a_display_that_fails_to_show_may_tell_so_itself() -> None:
    """It may be the only one that there is."""
    watching = WatchingDisplay(fails_to_show=True)
    group(watching).show(TOAST)
    assert watching.notices == [failure("watching", "no such screen")]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_displays_that_fail_at_everything_do_not_tell_each_other_for_ever(count: int) -> None:
    """A failure to tell of a failure is counted, and that is all."""
    displays = [WatchingDisplay(fails_to_show=True, fails_to_notice=True) for _ in range(count)]
    all_of_them = group(*displays)
    all_of_them.show(TOAST)
    all_of_them.notice(Notice("listening", {"host": "127.0.0.1", "port": 1}))
    assert all(display.asked == count + 1 for display in displays)
    assert all_of_them.failures == count + count * (count + 1)


def test_a_failure_without_words_has_its_name() -> None:
    """Such as an assertion's."""
    watching, broken = WatchingDisplay(), WatchingDisplay(fails_to_notice=True)
    group(watching, broken).notice(Notice("register", {"application": "shop"}))
    assert watching.notices[1] == failure("watching", "ZeroDivisionError")


def test_what_is_found_out_in_a_thread_is_told_in_the_loop() -> None:
    """Also of a display that shows toasts elsewhere, and when the server has stopped nothing happens."""
    late, watching = LateDisplay(), WatchingDisplay()
    all_of_them = group(late, watching)

    async def main() -> None:
        all_of_them.take_reports(lambda _: None)
        all_of_them.show(TOAST)
        assert watching.notices == []  # the loop has not had its turn
        await asyncio.sleep(0)

    asyncio.run(main())
    assert watching.notices == [failure("late", "it is gone")]
    assert all_of_them.failures == 1
    assert late.report is not None
    late.report(OSError("after the end"))
    assert all_of_them.failures == 1


def test_whoever_asked_for_it_hears_of_each_failure() -> None:
    """With the display and what it raised."""
    broken = Silent()
    heard: list[tuple[Display, str]] = []
    all_of_them = DisplayGroup([broken], lambda display, error: heard.append((display, str(error))))
    all_of_them.show(TOAST)
    all_of_them.show(TOAST)
    assert heard == [(broken, "always")] * 2


def test_the_most_patient_display_counts() -> None:
    """One without patience has none."""
    assert group(Silent(), LateDisplay()).patience == 60.0
    assert group(Silent()).patience == 0.0


class Unspeakable(Exception):
    """An error that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Wordless:
    """A display that fails with it."""

    def show(self, toast: Toast) -> None:
        """Fail."""
        raise Unspeakable


def test_neither_an_errors_text_nor_who_hears_of_it_harms_the_others() -> None:
    """Both are somebody else's code."""

    def hear(_display: Display, _error: Exception) -> None:
        raise OSError("stderr is full, too")

    watching = WatchingDisplay()
    group = DisplayGroup([Wordless(), watching], hear)
    group.show(TOAST)
    assert watching.toasts == [TOAST]
    (notice,) = watching.notices
    assert (notice.fields["display"], notice.fields["reason"]) == ("wordless", "Unspeakable")
    assert group.failures == 1
