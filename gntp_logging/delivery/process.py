"""The process of the workers: its end, its forked children, and which failures it has reported.

The hooks of fork and exit are registered when this is imported; they hold no lock that a worker's threads wait for.
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
    """A worker, as the process sees it.

    Attributes:
        pid: Number of the process whose alerts the worker has.
        shutdown_timeout: Seconds by which the worker may delay the end of the program.
    """

    pid: int
    shutdown_timeout: float

    def finish(self, deadline: float) -> None:
        """Deliver what waits until a deadline, in seconds of :func:`time.monotonic`, and count the rest as dropped."""

    def start_fresh(self) -> None:
        """Begin anew, in a forked child."""


class Exit:
    """The end of the process. Once it has begun, alerts are delivered before the logging call returns.

    A new thread is of no use by then: Python 3.12 refuses to start one, and other versions may end it before it has
    delivered. A worker's own thread goes on; a worker without one delivers on the calling thread.

    Attributes:
        begun: Whether the end has begun.
        deadline: Until when all workers may deliver, in seconds of :func:`time.monotonic`.
        interrupted: Whether a person has ended the waiting with Ctrl-C.
    """

    begun: bool = False
    deadline: float = 0.0
    interrupted: bool = False


class _Child:
    """What this process knows about itself as a child of another one."""

    is_forked = False
    hooked: int | None = None
    """Number of the process whose end has a hook; a forked child inherits the number."""


exit_: Final = Exit()
_child: Final = _Child()
_workers: Final[weakref.WeakSet[Drained]] = weakref.WeakSet()
_kept: Final[list[Drained]] = []
_failure_locks: Final[weakref.WeakValueDictionary[Hashable, Any]] = (
    weakref.WeakValueDictionary()  # plain locks have no public type
)


def add_worker(worker: Drained) -> None:
    """Let a worker deliver at the end of the process, and begin anew in its children. It is not kept alive."""
    _workers.add(worker)


def keep_until_the_end(worker: Drained) -> None:
    """Keep a worker alive that has alerts and no thread: the end of the process delivers them."""
    _kept.append(worker)


def failure_lock(server: Hashable) -> Any:  # plain locks have no public type
    """Return the lock that is held from the report of a server's failure until its recovery.

    Handlers with the same server and the same password share it: they fail for the same reason, and one line says it.

    Args:
        server: A value that is equal for the handlers that share the lock.
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
        except BaseException as error:  # noqa: BLE001 - Ctrl-C: the other workers only count what waits
            exit_.deadline = time.monotonic()
            exit_.interrupted = True
            interruption = error
    if interruption is not None:
        raise interruption


def drain_at_the_end_of_a_child() -> None:
    """Hook into the end of a child of multiprocessing or Celery, whose os._exit runs no functions of atexit.

    Called at the child's first alert, because multiprocessing forgets what was registered before its child began.
    Nothing is imported: such a child has loaded the modules.

    A Celery child is no child of multiprocessing, and runs none of its exit code: the parent ends the child as soon as
    it reports that it is done. Before that report it sends a signal of Celery's, and that is the hook.
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
    _kept.clear()  # their alerts are the parent's
    _failure_locks.clear()  # what the parent has printed, the child has not; and another thread may hold the lock
    for worker in list(_workers):
        worker.start_fresh()


atexit.register(_drain_at_exit)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_fresh_in_child)
