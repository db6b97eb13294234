"""process: its end and its children, as workers see them. With real processes: test_exit.py and test_fork.py."""

from __future__ import annotations

import gc
import os
import time
import weakref

import pytest

from gntp_logging.delivery import process


class Worker:
    """Notes what the process does with it."""

    def __init__(self, shutdown_timeout: float = 1.0, pid: int | None = None) -> None:
        self.pid = os.getpid() if pid is None else pid
        self.shutdown_timeout = shutdown_timeout
        self.deadlines: list[float] = []
        self.starts = 0
        process.add_worker(self)

    def finish(self, deadline: float) -> None:
        """Note until when."""
        assert process.exit_.begun  # what it logs meanwhile is delivered at once
        self.deadlines.append(deadline)

    def start_fresh(self) -> None:
        """Note that it was told to."""
        self.starts += 1


@pytest.fixture(autouse=True)
def _no_other_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process neither ends nor has workers; afterwards it is as it was."""
    monkeypatch.setattr(process, "_workers", weakref.WeakSet())
    monkeypatch.setattr(process, "_failure_locks", weakref.WeakValueDictionary())
    monkeypatch.setattr(process.exit_, "begun", False)
    monkeypatch.setattr(process.exit_, "deadline", 0.0)
    monkeypatch.setattr(process._child, "is_forked", False)


def test_all_workers_have_one_deadline_and_it_is_the_largest_budgets() -> None:
    """However many there are, the end of the program is delayed once."""
    workers = [Worker(seconds) for seconds in (1.0, 30.0, 2.0)]
    began = time.monotonic()
    process._drain_at_exit()
    deadline = process.exit_.deadline
    assert began + 30.0 <= deadline <= time.monotonic() + 30.0
    assert [worker.deadlines for worker in workers] == [[deadline]] * 3


def test_the_end_comes_once() -> None:
    """A multiprocessing child of Python 3.13.0 runs both its own exit code and atexit's."""
    worker = Worker()
    process._drain_at_exit()
    process._drain_at_exit()
    assert len(worker.deadlines) == 1


def test_what_another_process_has_queued_is_not_delivered_here() -> None:
    """A child that was forked without Python's hooks has its parent's workers, and the parent delivers."""
    parents, own = Worker(60.0, pid=os.getppid()), Worker(1.0)
    process._drain_at_exit()
    assert (len(parents.deadlines), len(own.deadlines)) == (0, 1)
    assert process.exit_.deadline < time.monotonic() + 30.0


def test_a_child_begins_anew() -> None:
    """Forked by exit code: it has not come to its own end yet, and has told people nothing."""
    worker = Worker()
    told = process.failure_lock("desk:23053")
    process._drain_at_exit()
    process._start_fresh_in_child()
    assert worker.starts == 1
    assert not process.exit_.begun
    assert process.failure_lock("desk:23053") is not told


def test_a_complaint_is_shared_for_as_long_as_somebody_has_it() -> None:
    """Handlers of one server tell of it once, those of another too; a server that nobody uses is forgotten."""
    one, same, other = (process.failure_lock(server) for server in ("desk:1", "desk:1", "desk:2"))
    assert one is same
    assert one is not other
    del one, same
    gc.collect()
    assert list(process._failure_locks) == ["desk:2"]


def test_workers_are_not_kept_alive() -> None:
    """A handler that is thrown away is gone."""
    gone = weakref.ref(Worker())
    gc.collect()
    assert gone() is None
