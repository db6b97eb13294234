"""The process that workers live in: its end, its children, and what it has reported to people.

Hooks of fork and exit are registered when this is imported; they hold nothing that a worker's threads wait for.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from collections.abc import Hashable
from typing import Any, Final, Protocol


class Drained(Protocol):
    """What the process does with a worker.

    Attributes:
        pid: Number of the process whose alerts it has.
        shutdown_timeout: Seconds that the end of the program may take for it.
    """

    pid: int
    shutdown_timeout: float

    def finish(self, deadline: float) -> None:
        """Deliver what waits until a deadline, in seconds of :func:`time.monotonic`, and count the rest as dropped."""

    def start_fresh(self) -> None:
        """Begin anew, in a forked child."""


class Exit:
    """The end of the process: from its begin on, alerts are delivered before the logging call returns.

    Attributes:
        begun: Whether it has.
        deadline: Until when all workers may deliver, in seconds of :func:`time.monotonic`.
        interrupted: Whether a person has ended the waiting with Ctrl-C.
    """

    begun: bool = False
    deadline: float = 0.0
    interrupted: bool = False


class _Child:
    """This process as a child of another."""

    is_forked = False
    hooked: int | None = None
    """Number of the process whose end has a hook."""


exit_: Final = Exit()
_child: Final = _Child()
_workers: Final[weakref.WeakSet[Drained]] = weakref.WeakSet()
_kept: Final[list[Drained]] = []
_failure_locks: Final[weakref.WeakValueDictionary[Hashable, Any]] = (
    weakref.WeakValueDictionary()  # plain locks have no public type
)


def add_worker(worker: Drained) -> None:
    """Let a worker deliver at the end of the process, and begin anew in its children.

    Args:
        worker: The worker; it is not kept alive.
    """
    _workers.add(worker)


def keep_until_the_end(worker: Drained) -> None:
    """Keep a worker alive that has alerts and no thread: the end of the process delivers them.

    Args:
        worker: The worker.
    """
    _kept.append(worker)


def failure_lock(server: Hashable) -> Any:  # see above
    """Return the lock that is held while people know of a server's failure.

    Handlers with the same server and the same password share it: they fail for the same reason, and one line says it.

    Args:
        server: What tells the servers apart.
    """
    return _failure_locks.setdefault(server, threading.Lock())


def _drain_at_exit() -> None:
    """Let all workers deliver what they have, side by side, within one budget for the process."""
    if exit_.begun:
        return  # a multiprocessing child of Python 3.13.0 runs both its own exit code and atexit's
    workers = [worker for worker in _workers if worker.pid == os.getpid()]
    budget = max((worker.shutdown_timeout for worker in workers), default=0.0)
    exit_.deadline = time.monotonic() + budget
    exit_.begun = True
    interruption: BaseException | None = None
    for worker in workers:
        try:
            worker.finish(exit_.deadline)
        except BaseException as error:  # noqa: BLE001 - Ctrl-C: nobody waits any more, but what waits is counted
            exit_.deadline = time.monotonic()
            exit_.interrupted = True
            interruption = error
    if interruption is not None:
        raise interruption


def drain_at_the_end_of_a_child() -> None:
    """Hook into the end of a child of multiprocessing or Celery: it is os._exit, which runs no functions of atexit.

    Done at the child's first alert, because multiprocessing forgets what was registered before its child began. Nothing
    is imported: a process that is such a child has the modules. Celery's children do not call themselves children of
    multiprocessing, and run none of its exit code: their parent ends them as soon as they say that they are done. What
    they run before is a signal of Celery's.
    """
    if _child.hooked == os.getpid():
        return
    util, process = sys.modules.get("multiprocessing.util"), sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and (_child.is_forked or process.parent_process() is not None):
        _child.hooked = os.getpid()
        util.Finalize(None, _drain_at_exit, exitpriority=0)
    celery_signals = sys.modules.get("celery.signals")
    if celery_signals is not None and _child.is_forked:
        _child.hooked = os.getpid()
        celery_signals.worker_process_shutdown.connect(_drain_at_exit_of_celery, weak=False)


def _drain_at_exit_of_celery(**_: object) -> None:
    _drain_at_exit()


def _start_fresh_in_child() -> None:
    exit_.begun = exit_.interrupted = False
    _child.is_forked = True
    _kept.clear()  # what they have is the parent's
    _failure_locks.clear()  # what the parent has printed, the child has not; and another thread may hold the lock
    for worker in list(_workers):
        worker.start_fresh()


atexit.register(_drain_at_exit)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_fresh_in_child)
