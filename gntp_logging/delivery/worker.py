"""The way from the application's threads to the desktop: a background thread, and waiting for it.

What may happen in :meth:`Worker.submit` is little, because it runs inside the application: it appends to the queue
and releases a lock that serves as a wake-up flag. Both are safe when a signal handler, a ``__del__`` or a ``__str__``
interrupts them and logs itself, which conditions, events and ``queue.Queue`` are not.

Locks, and what they guard, beside the queue's own:

* ``_turn``: the delivery. Held during one exchange, by whichever thread has one to make.
* ``_starting``: the start of the thread. Only ever tried.
"""

from __future__ import annotations

import _thread
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gntp_logging.alerts.alert import Alert
from gntp_logging.gntp.network import host_and_port

from .dropped import INTERNAL_ERROR, LATE, NO_ANSWER, NOT_AUTHORIZED, with_dropped
from .flood import Flood
from .process import (
    add_worker,
    drain_at_the_end_of_a_child,
    exit_,
    failure_lock,
    keep_until_the_end,
)
from .queue import AlertQueue, Entry
from .threads import is_held_here, start_thread
from .transport import MAX_SENDINGS, SendResult, SendStatus, Transport

_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 60.0
"""Seconds between two tries to reach a server: doubling from the first to the last."""

_SHORTEST_PAUSE: Final = 0.01
"""Seconds: what is due comes a little late rather than keeping the thread busy until it is."""

_SOON: Final = 1.0
"""Seconds after a flush in which a close belongs to it: logging.shutdown calls one right after the other."""

_RETRY_AFTER_REFUSAL: Final = 300.0
"""Seconds until a server that refused the password is asked again: people fix passwords in minutes."""


_INTERRUPTED: Final = "interrupted, "

_noticing_fork: Final = threading.RLock()
"""Held while a worker begins anew in a child of a fork without hooks; re-entrant, as a signal handler may log then."""


class _Waiter:
    """A caller of flush. Its lock is released when all entries before its mark are settled, or none can be."""

    def __init__(self, mark: int) -> None:
        self.mark = mark
        self.settled = False
        self.lock = threading.Lock()
        self.lock.acquire()

    def release(self, *, settled: bool) -> None:
        self.settled = settled
        try:
            self.lock.release()
        except RuntimeError:
            pass  # released before


@dataclass(frozen=True)
class Stats:
    """A snapshot of what became of the records that a handler accepted.

    At every moment accepted = shown + folded + digested + dropped + queued. A forked child begins at zero.

    Attributes:
        accepted: Records that were handed over.
        shown: Alerts that the server acknowledged, one by one.
        folded: Repeats that another alert's toast counts.
        digested: Alerts that a digest reported: how many, of which levels, from when to when.
        dropped: Alerts that were given up, by reason.
        queued: Alerts that wait, the one that is being sent and those that wait for a digest included.
        notifications: Notifications that the server acknowledged.
        state: ``idle`` (no thread), ``running``, ``retrying`` (the server cannot be reached) or ``refused``.
        last_error: What went wrong last; None when nothing did.
    """

    accepted: int
    shown: int
    folded: int
    digested: int
    dropped: Mapping[str, int]
    queued: int
    notifications: int
    state: str
    last_error: str | None


@dataclass(frozen=True)
class DeliverySettings:
    """How alerts are delivered: the handler's options of these names, checked.

    Attributes:
        queue_size: Alerts that may wait.
        max_age: Seconds after which a waiting alert is reported by a digest only; 0 for no limit.
        shutdown_timeout: Seconds that flush, close and the end of the program may take.
        repeat_window: Seconds of a group's first window; 0 folds nothing.
        burst: Different alerts that may be shown at once.
        rate: Different alerts a minute that may be shown after a burst; 0 for no cap.
    """

    queue_size: int
    max_age: float
    shutdown_timeout: float
    repeat_window: float
    burst: int
    rate: float


class Worker:
    """Delivers alerts in the background, one after another."""

    def __init__(
        self,
        transport: Transport,
        settings: DeliverySettings,
        *,
        redact: Callable[[Alert], Alert],
        report: Callable[[str], None],
        on_error: Callable[[Alert, str], object] | None = None,
    ) -> None:
        """Prepare. No thread is started before the first alert.

        Args:
            transport: Where alerts go.
            settings: How they are delivered.
            redact: Takes the secrets out of an alert.
            report: Takes a line of diagnosis for people.
            on_error: Called with each alert that is given up, and why; on the worker's thread, but for what is left
                when the worker is closed.
        """
        self._transport = transport
        self._settings = settings
        self._redact = redact
        self.shutdown_timeout: float = settings.shutdown_timeout
        self._write_line = report
        self._on_error = on_error
        self.start_fresh()
        add_worker(self)

    def start_fresh(self) -> None:
        """Set everything that belongs to one process: at construction, and in a forked child.

        Whatever was queued, held or under way at the fork is the parent's, and is delivered there.
        """
        self._last_error: deque[str] = deque(maxlen=1)
        chosen = self._settings
        self._queue = AlertQueue(
            chosen.queue_size,
            chosen.max_age,
            Flood(chosen.repeat_window, chosen.burst, chosen.rate),
            self._redact,
            self._on_error,
            self._last_error.append,
        )
        self._make_locks()
        self._starting = threading.RLock()
        client = self._transport.client
        self._failure_is_known = failure_lock((client.address, client.packer_factory))
        inherited, self._waiters = getattr(self, "_waiters", ()), deque[_Waiter]()
        for waiter in inherited:  # forked inside flush, by a signal handler: what it waited for is not delivered here
            waiter.release(settled=False)
        self._generation = 0
        self._started: int | None = None  # the generation that has a thread
        self._is_retired = False
        self._is_backing_off = False
        self._thread_ids: set[int] = set()  # more than one while an older thread ends its last exchange
        self._failures = 0
        self._retry_at = 0.0
        self._refused = False
        self._answered_at = 0.0
        self._spent_until = 0.0
        self._flushed_at = 0.0
        self._has_reported_no_thread = False
        self._transport.forget_registration()
        self.pid: int = os.getpid()  # last: other threads of this process wait for it

    def _make_locks(self) -> None:
        """Make what threads wait on, of the kind that there is now: gevent replaces it."""
        self._kind_of_lock = threading.Lock
        self._wake = threading.Lock()
        self._turn = threading.RLock()  # its holder never takes it twice, but has to be known

    # -- The application's side ----------------------------------------------------------------

    def submit(self, alert: Alert) -> None:
        """Take an alert: it will be delivered, or counted. No I/O and no waiting, except while the interpreter exits.

        Args:
            alert: The alert.
        """
        self._notice_fork()
        self._spent_until = 0.0
        self._queue.add(alert)
        if not self._is_running:
            self._start_thread()
        if not self._is_backing_off:  # else the thread would wake for each record, to find that it must not try yet
            self._wake_up()
        if exit_.begun:
            if not self._flush_until(exit_.deadline):
                self._give_up(self._why_given_up(exit_.deadline))
        elif not self._is_running and not self._is_being_started() and not self._pause():
            self._deliver_inline(time.monotonic() + self.shutdown_timeout)  # threads are refused here

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything submitted before is delivered or counted.

        While the server cannot be reached, one attempt is made now.

        Args:
            timeout: Seconds to wait at most; None means ``shutdown_timeout``.

        Returns:
            Whether everything is settled.
        """
        budget = self.shutdown_timeout if timeout is None else timeout
        deadline = time.monotonic() + budget
        settled = self._flush_until(deadline)
        # logging.shutdown calls flush and then close: what this call has spent, that one has not.
        self._spent_until = 0.0 if settled or timeout is not None else deadline
        self._flushed_at = time.monotonic()
        return settled

    def close(self) -> None:
        """Deliver what waits within ``shutdown_timeout``, count the rest as dropped, and stop the thread.

        What other threads submit meanwhile waits as well. A worker that gets an alert afterwards starts again.
        """
        self._notice_fork()
        now = time.monotonic()
        spent = self._spent_until if now < self._flushed_at + _SOON else 0.0
        try:
            self.finish(exit_.deadline if exit_.begun else spent or now + self.shutdown_timeout)
        finally:
            self._generation += 1
            self._wake_up()
            self._transport.close()
            if self._queue.has_work():  # submitted after the last look, by a thread that took this one for running
                self._start_thread()

    def retire(self) -> None:
        """Deliver what waits, and then end the thread: nobody can hand over more. Waits for no delivery."""
        self._notice_fork()
        self._is_retired = True
        if not self._is_running and self._queue.has_work():
            self._start_thread()
            if not self._is_running:
                keep_until_the_end(self)
        self._wake_up()

    def stats(self) -> Stats:
        """Return a snapshot of the counts."""
        self._notice_fork()
        counts = self._queue.counts()
        settled = counts.shown + counts.folded + counts.digested + sum(counts.dropped.values())
        state = "refused" if self._refused else "retrying" if self._failures else None
        last_error = list(self._last_error)
        return Stats(
            accepted=settled + counts.queued,
            shown=counts.shown,
            folded=counts.folded,
            digested=counts.digested,
            dropped=counts.dropped,
            queued=counts.queued,
            notifications=counts.notifications,
            state=state or ("running" if self._is_running else "idle"),
            last_error=last_error[0] if last_error else None,
        )

    def is_current_thread(self) -> bool:
        """Tell whether the caller runs on the worker's thread."""
        # A fork without hooks leaves the parent's number, which a thread of the child may have got.
        return _thread.get_ident() in self._thread_ids and self.pid == os.getpid()

    def _notice_fork(self) -> None:
        """Begin anew in a child of a fork without hooks, such as uWSGI's."""
        if self.pid != os.getpid():
            with _noticing_fork:  # its threads may log their first alerts at once
                if self.pid != os.getpid():
                    self.start_fresh()

    # -- The thread ----------------------------------------------------------------------------

    @property
    def _is_running(self) -> bool:
        """Whether there is a thread that will find what is submitted now."""
        return self._started == self._generation

    def _wake_up(self) -> None:
        try:
            if self._wake.locked():
                self._wake.release()
        except RuntimeError:
            pass  # somebody else was faster

    def _start_thread(self) -> None:
        """Start the thread, unless it runs or somebody is starting it."""
        starting = self._starting
        if exit_.begun or is_held_here(starting) or not starting.acquire(blocking=False):
            return
        try:
            if not self._is_running:
                drain_at_the_end_of_a_child()
                if self._kind_of_lock is not threading.Lock:
                    self._make_locks()
                # Before the start: the thread may have ended, or close may have been called, when the start returns.
                generation = self._started = self._generation
                try:
                    start_thread(self._run, generation)
                except BaseException:
                    self._started = None
                    raise
        except RuntimeError as error:
            if not self._has_reported_no_thread:
                self._has_reported_no_thread = True
                self._report(f"no thread can be started ({error}): alerts are sent by the thread that logs")
        finally:
            starting.release()

    def _is_being_started(self) -> bool:
        if is_held_here(self._starting):
            return True
        if not self._starting.acquire(blocking=False):
            return True
        self._starting.release()
        return False

    def _run(self, generation: int) -> None:
        ident = _thread.get_ident()
        self._thread_ids.add(ident)
        try:
            while generation == self._generation:
                pause = self._work(generation)
                if self._is_retired and not (self._failures and self._queue.has_work()):
                    return
                self._is_backing_off = self._pause() > 0
                self._wake.acquire(timeout=pause)
                self._is_backing_off = False
        finally:
            self._release_waiters()
            self._queue.dropped_alerts.hand_over()
            # The system gives the number of a thread that has ended to the next one, whose records are not this one's.
            self._thread_ids.discard(ident)
            if self._started == generation:
                self._started = None
            self._wake_up()  # what woke this thread may have been meant for its successor

    def _work(self, generation: int) -> float:
        """Deliver what can be delivered now, whatever happens.

        Returns:
            Seconds until the next try, or until a count or a digest is due; -1 when only a new alert brings work.
        """
        try:
            while generation == self._generation:
                self._queue.dropped_alerts.hand_over()
                pause = self._pause()
                if pause > 0:
                    return pause
                with self._turn:
                    delivered = generation == self._generation and self._deliver_next()
                self._release_waiters()
                if not delivered:
                    return self._pause() or self._until_due()
        except BaseException as error:  # noqa: BLE001 - nothing ends the thread: what waits would wait for ever
            self._fail(error)
            return self._pause()
        return -1

    def _fail(self, error: BaseException) -> None:
        """Try again later, after what should not have happened."""
        self._note(f"{INTERNAL_ERROR}: {type(error).__name__}: {error}")
        self._back_off()

    def _note(self, error: str) -> None:
        self._last_error.append(error)
        self._report_failure(error)

    def _until_due(self) -> float:
        due = self._queue.next_due()
        return -1 if due is None else max(_SHORTEST_PAUSE, due - time.monotonic())

    def _pause(self) -> float:
        """Return the seconds until the server is tried again; none while somebody waits in flush."""
        if not self._failures or self._waiters:
            return 0.0
        return max(0.0, self._retry_at - time.monotonic())

    def _deliver_next(self, flushed: int = 0, timeout: float | None = None) -> bool:
        """Deliver one alert; the caller has the turn.

        Args:
            flushed: The mark of a flush that this is for; those of waiting threads count in any case.
            timeout: Seconds for each exchange; None means the client's.

        Returns:
            False when nothing waited, or the server cannot be reached.
        """
        if self._is_retired:
            flushed = self._queue.mark()
        entry = self._queue.take(max((waiter.mark for waiter in list(self._waiters)), default=flushed))
        if entry is None:
            return False
        if self._refused and time.monotonic() < self._retry_at:
            self._queue.settle(entry, NOT_AUTHORIZED)
            return True
        unreported = self._queue.unreported()
        try:
            alert = with_dropped(entry.alert, unreported)
            ids = (entry.id_, entry.coalescing_id)
            result = self._transport.send(alert, ids, timeout, unanswered=entry.unanswered)
        except BaseException as error:
            if not isinstance(error, Exception) and not self.is_current_thread():
                raise  # Ctrl-C, while this thread delivers itself: the next to deliver finds the alert in flight
            result = SendResult(SendStatus.DROPPED, INTERNAL_ERROR, f"{type(error).__name__}: {error}")
        if result.status is SendStatus.SHOWN:
            self._queue.mark_reported(unreported)
        return self._account(entry, result)

    def _account(self, entry: Entry, result: SendResult) -> bool:
        """Apply the result of a send; return False to stop and back off."""
        if result.hint:
            self._note(result.hint)
        if result.status is SendStatus.RETRY:
            if result.unanswered >= MAX_SENDINGS:
                self._queue.settle(entry, NO_ANSWER)
            else:
                self._queue.put_back(entry, result.unanswered)
            self._back_off()
            return False
        self._answered_at = time.monotonic()
        self._refused = result.status is SendStatus.REFUSED
        self._retry_at = time.monotonic() + _RETRY_AFTER_REFUSAL if self._refused else 0.0
        self._failures = 0
        self._queue.settle(entry, None if result.status is SendStatus.SHOWN else result.reason)
        if result.status is SendStatus.SHOWN and self._failure_is_known.locked():
            self._report_recovery()
        return True

    def _back_off(self) -> None:
        """Set the next try, and let nobody wait for this one: those in flush asked for one attempt."""
        self._failures += 1
        base = min(_LAST_RETRY, _FIRST_RETRY * 2.0 ** min(self._failures - 1, 10))
        jitter = 0.75 + 0.5 * os.urandom(1)[0] / 255  # many processes that lost one server do not return in step
        self._retry_at = time.monotonic() + base * jitter
        while self._waiters:
            self._waiters.popleft().release(settled=False)

    def _release_waiters(self) -> None:
        for waiter in list(self._waiters):
            if self._queue.is_settled(waiter.mark):
                waiter.release(settled=True)

    # -- Waiting -------------------------------------------------------------------------------

    def _flush_until(self, deadline: float) -> bool:
        self._notice_fork()
        mark = self._queue.mark()
        if self._queue.is_settled(mark):
            return True
        # A signal handler that interrupts the thread's start waits for no thread either.
        if not self._is_running or self.is_current_thread() or is_held_here(self._starting):
            self._deliver_inline(deadline, mark)
            return self._queue.is_settled(mark)
        waiter = _Waiter(mark)
        self._waiters.append(waiter)
        try:
            self._wake_up()
            waiter.lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
        finally:
            try:
                self._waiters.remove(waiter)
            except ValueError:
                pass  # the thread took it
        return waiter.settled or self._queue.is_settled(mark)

    def _deliver_inline(self, deadline: float, flushed: int = 0) -> None:
        """Deliver on the calling thread, where no other exists or can be started.

        A look-up of the host's name would be bounded by nothing, so it is not made here.
        """
        if self._transport.client.needs_look_up or sys.is_finalizing() or self._is_interrupted():
            return
        left = deadline - time.monotonic()
        turn = self._turn  # a signal handler may fork meanwhile, and the child has another
        if left <= 0:
            return
        try:
            if not turn.acquire(timeout=left):
                return
            while (left := deadline - time.monotonic()) > 0:
                if not self._deliver_next(flushed, min(left, self._transport.client.timeout)):
                    return
        except Exception as error:  # noqa: BLE001 - a logging call raises nothing
            self._fail(error)
        finally:
            if is_held_here(turn):
                turn.release()
            self._release_waiters()
            self._queue.dropped_alerts.hand_over()

    def _is_interrupted(self) -> bool:
        """Tell whether the caller has interrupted, on the same thread, a delivery, which will find what is new."""
        return is_held_here(self._turn)

    def finish(self, deadline: float) -> None:
        """Deliver what waits, and what other threads submit meanwhile; count, and report, what is left.

        Args:
            deadline: When to give up, in seconds of :func:`time.monotonic`.
        """
        try:
            # The first try that fails ends it: a server that is away delays nobody's end.
            while self._flush_until(deadline):
                mark = self._queue.mark()
                if not self._queue.has_work():
                    self._give_up("", mark)  # counts that the server has refused; what comes later is not given up
                    return
                if time.monotonic() >= deadline:
                    break
        except BaseException:  # Ctrl-C
            self._give_up(_INTERRUPTED)
            raise
        self._give_up(self._why_given_up(deadline))

    def _give_up(self, why: str, mark: float = math.inf) -> None:
        if self._is_interrupted():
            return
        lost = self._queue.abandon(LATE, mark)
        self._release_waiters()  # of other threads
        if lost:
            self._report_failure(f"{why}{_alerts(lost)} not delivered")
        self._queue.dropped_alerts.hand_over()

    def _why_given_up(self, deadline: float) -> str:
        """Return how the alerts that are given up now are explained; empty when an error was reported before."""
        if exit_.interrupted:
            return _INTERRUPTED
        if time.monotonic() >= deadline:
            has_answered = self._answered_at > deadline - self.shutdown_timeout
            budget = f"{self.shutdown_timeout:g} s"
            return f"{budget} were not enough, " if has_answered else f"no answer within {budget}, "
        if sys.is_finalizing():
            return "the program has ended, "
        return "its address was not looked up before, " if self._transport.client.needs_look_up else ""

    # -- Diagnosis -----------------------------------------------------------------------------

    @property
    def server(self) -> str:
        """Host and port of the server, for people."""
        return host_and_port(*self._transport.client.address)

    def _report_failure(self, reason: str) -> None:
        """Report a failure, once until the next success; for all handlers of one server together."""
        if self._failure_is_known.acquire(blocking=False):
            self._report(f"cannot show alerts on {self.server}: {reason}")

    def _report_recovery(self) -> None:
        try:
            self._failure_is_known.release()
        except RuntimeError:
            return  # another handler of this server was faster
        counts = self._queue.counts()
        waited, lost = counts.queued + 1, sum(counts.dropped.values())  # the one that has just been shown waited too
        self._report(
            f"{self.server} shows alerts again: {_alerts(waited)} waited, {_alerts(lost) if lost else 'none'} lost"
        )

    def _report(self, line: str) -> None:
        try:
            self._write_line(line)
        except Exception:  # noqa: BLE001 - sys.stderr can be anything that a program has put there
            pass


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count:,} alerts"
