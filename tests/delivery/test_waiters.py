"""waiters: each caller of flush is released once, by what it waits for or by an attempt that it asked for."""

from __future__ import annotations

import threading

from gntp_logging.delivery.waiters import Waiters
from tests.support import PATIENCE


def test_those_whose_mark_is_settled_are_released_and_know_it() -> None:
    """The others go on waiting."""
    waiters = Waiters()
    early, late = waiters.add(1), waiters.add(9)
    waiters.release_settled(lambda mark: mark < 5)
    early.wait(PATIENCE)
    late.wait(0)
    assert (early.is_settled, late.is_settled) == (True, False)
    assert waiters.highest_mark(0) == 9


def test_a_failed_attempt_releases_those_that_asked_for_it_and_no_later_one() -> None:
    """Who came meanwhile asks for an attempt of their own."""
    waiters = Waiters()
    asked, came_later = waiters.add(3), waiters.add(4)
    waiters.release_all(3)
    asked.wait(PATIENCE)
    assert not asked.is_settled
    assert len(waiters) == 1
    waiters.release_all()
    came_later.wait(PATIENCE)
    assert (len(waiters), waiters.highest_mark(7)) == (0, 7)


def test_a_caller_that_leaves_is_forgotten_however_it_was_released() -> None:
    """It removes itself also when all were released already."""
    waiters = Waiters()
    waiter = waiters.add(1)
    waiters.release_all()
    waiter.release(settled=True)  # once more is harmless
    waiters.remove(waiter)
    assert len(waiters) == 0


def test_a_wait_ends_when_another_thread_releases_it() -> None:
    """And not before: without a release its time passes."""
    waiters = Waiters()
    waiter = waiters.add(1)
    done = threading.Event()

    def wait() -> None:
        waiter.wait(PATIENCE)
        done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    waiter_of_nobody = waiters.add(2)
    waiter_of_nobody.wait(-1)
    assert not waiter_of_nobody.is_settled
    assert not done.is_set()
    waiters.release_settled(lambda mark: mark == 1)
    assert done.wait(PATIENCE)
    thread.join(PATIENCE)
