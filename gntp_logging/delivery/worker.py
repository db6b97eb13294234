"""The way from the application's threads to the desktop: a background thread, and waiting for it.

:meth:`Worker.submit` does little, because it runs inside the application: it appends to the queue and releases a lock
that serves as a wake-up flag. Both are safe when a signal handler, a ``__del__`` or a ``__str__`` interrupts them and
logs itself. Conditions, events and ``queue.Queue`` are not.

What it does at a time is its :class:`.worker_state.State`.

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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from gntp_logging.alerts.alert import Alert
from gntp_logging.alerts.fingerprint import Fingerprint
from gntp_logging.alerts.redact import Redactor

from .dropped import INTERNAL_ERROR, INVALID, LATE, NO_ANSWER, NOT_AUTHORIZED, DroppedAlerts, with_dropped
from .failure_report import FailureReport, alerts
from .flood import Flood
from .outbox import Entry, Outbox
from .process import add_worker, drain_at_the_end_of_a_child, exit_, keep_until_the_end
from .queue import AlertQueue
from .stats import Stats
from .tally_outbox import TallyOutbox
from .threads import WorkerThread, is_held_here, start_thread
from .transport import MAX_SENDINGS, OutgoingAlert, SendResult, SendStatus, Transport
from .waiters import Waiters
from .worker_state import State, WorkerState

if TYPE_CHECKING:
    from .spool import Spool  # which imports sqlite3

_SHORTEST_PAUSE: Final = 0.01
"""Seconds: what is due comes a little late rather than keeping the thread busy until it is."""

_LOOK: Final = 0.005
"""Seconds between two looks for more while alerts come: to wake the thread for each would slow logging calls down."""

_SOON: Final = 1.0
"""Seconds after a flush in which a close belongs to it: logging.shutdown calls one right after the other."""

_SPOOLING: Final = 0.25
"""Seconds at the end that belong to the spool; of a short ``shutdown_timeout`` it is a quarter."""

_INTERRUPTED: Final = "interrupted, "

_noticing_fork: Final = threading.RLock()
"""Held while a worker begins anew in a child of a fork without hooks; re-entrant, as a signal handler may log then."""


class _Flush(NamedTuple):
    """A flush that ran out of time: a close that comes right after it gets no time of its own."""

    deadline: float
    ended: float


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
    """Delivers alerts in the background.

    Attributes:
        shutdown_timeout: Seconds that flush, close and the end of the program may take.
        unread: See :class:`.queue.AlertQueue`.
        pid: Number of the process whose alerts it has.
    """

    def __init__(
        self,
        transport: Transport,
        settings: DeliverySettings,
        *,
        redactor: Redactor,
        report: Callable[[str], None],
        on_error: Callable[[Alert, str], object] | None = None,
        make_spool: Callable[..., Spool] | None = None,
    ) -> None:
        """Prepare. No thread is started before the first alert.

        Args:
            transport: Where alerts go.
            settings: How they are delivered.
            redactor: Takes the secrets out of alerts, and cuts them.
            report: Takes a line of diagnosis for people.
            on_error: Called with each alert that is given up, and why. It runs on the worker's thread; what is left
                when the worker is closed is passed to it on the closing thread.
            make_spool: Makes the spool, with all arguments of :class:`.spool.Spool` but its settings; None keeps
                nothing beyond the end of the process.
        """
        self._transport = transport
        self._settings = settings
        self._redactor = redactor
        self.shutdown_timeout: float = settings.shutdown_timeout
        self._write_line = report
        self._on_error = on_error
        self._waiters = Waiters()
        self._make_spool = make_spool
        self._spool: Spool | None = None
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
            self._redactor.fingerprint,
            DroppedAlerts(self._on_error, chosen.queue_size, self._finish),
            self._last_error.append,
            TallyOutbox if self._transport.takes_tallies else Outbox,
        )
        self.unread: list[None] = self._queue.unread
        self._make_locks()
        self._starting = threading.RLock()
        transport = self._transport
        self._reports = FailureReport(transport.label, transport.failure_key, self._write_line)
        self._waiters.release_all()  # forked inside flush, by a signal handler: what it waited for is the parent's
        self._waiters = Waiters()
        self._state = WorkerState()
        self._thread: WorkerThread | None = None  # the one that will find what is submitted now
        self._closed_thread: WorkerThread | None = None  # the one before, which may still be in its last exchange
        self._is_retired = False
        self._thread_ids: set[int] = set()  # more than one while an older thread ends its last exchange
        self._answered_at = 0.0
        self._unfinished_flush: _Flush | None = None
        self._has_reported_no_thread = False
        if self._spool is not None:
            self._spool.leave_to_parent()
        if self._make_spool is not None:
            self._spool = self._make_spool(
                self._queue,
                self._finish,
                report=self._reports.line,
                has_work=self._may_have_work,
                on_restored=self._deliver_restored,
            )
        transport.forget()
        self.pid: int = os.getpid()  # last: other threads of this process wait for it

    def _make_locks(self) -> None:
        """Make what threads wait on; again if gevent has replaced locks since the handler was made."""
        self._kind_of_lock = threading.Lock
        # A lock that serves as a flag: conditions, events and queue.Queue dead-lock when a signal handler or a __del__
        # that interrupts them logs.
        self._wake = threading.Lock()
        self._turn = threading.RLock()  # its holder never takes it twice, but has to be known

    # -- The application's side ----------------------------------------------------------------

    def count(self, place: Fingerprint, created: float, process: object = None) -> bool:
        """Take a repeat of which no alert is needed, as :meth:`submit` takes an alert.

        Args:
            place: Where it was logged: its raw fingerprint.
            created: When, in seconds since 1970.
            process: The number of the process that made the record, if it says so.

        Returns:
            Whether it was taken. If not, submit its alert.
        """
        # The record has its process's number already. To ask the system for it costs more than all that is done here.
        is_own = type(process) is int and process == self.pid
        if not (is_own or os.getpid() == self.pid) or _thread.get_ident() in self._thread_ids:
            return False
        if not self._queue.known_calls.count(place, created):
            return False
        thread = self._thread
        if thread is None or not thread.is_awake or exit_.begun or self._unfinished_flush is not None:
            try:
                self._attend()
            except RecursionError:
                pass  # as in submit
        return True

    def submit(self, alert: Alert, place: Fingerprint | None = None) -> None:
        """Take an alert: it will be delivered, or counted. No I/O and no waiting, unless the interpreter exits.

        Args:
            place: The raw fingerprint by which repeats from the same place are counted; None if each needs an alert.
        """
        self._notice_fork()
        self._queue.add(alert, place)
        try:
            self._attend()
        except RecursionError:
            pass  # it was taken; the next caller has it delivered

    def _attend(self) -> None:
        """Make sure that a thread delivers what was just taken."""
        self._unfinished_flush = None
        thread = self._thread
        if thread is not None and thread.is_awake and not exit_.begun:
            return
        if thread is None:
            self._start_thread()
        if not self._state.is_retrying:  # else the thread would wake for each record, and must not try yet
            self._wake_up()
        if exit_.begun:
            # The call returns after delivery, by the thread that runs already or else here: see process.Exit.
            if not self._flush_until(self._before(exit_.deadline)):
                self._give_up(self._why_given_up(self._before(exit_.deadline)), exit_.deadline)
        elif self._thread is None and not self._is_being_started() and not self._pause():
            # No thread may start here (a sub-interpreter, uWSGI): the thread that logs delivers, within
            # shutdown_timeout. It backs off as a worker's thread does: a dead server is not tried for each record.
            self._deliver_inline(time.monotonic() + self.shutdown_timeout)

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
        # logging.shutdown calls flush and then close: the time that this call has spent is missing in that one.
        ran_out = not settled and timeout is None
        self._unfinished_flush = _Flush(deadline, time.monotonic()) if ran_out else None
        return settled

    def close(self) -> None:
        """Deliver what waits within ``shutdown_timeout``, count the rest as dropped, and stop the thread.

        What other threads submit meanwhile waits as well. A worker that gets an alert afterwards starts again.
        """
        self._notice_fork()
        now = time.monotonic()
        flush = self._unfinished_flush
        if exit_.begun:
            deadline = exit_.deadline
        elif flush is not None and now < flush.ended + _SOON:
            deadline = flush.deadline
        else:
            deadline = now + self.shutdown_timeout
        try:
            self.finish(deadline)
        finally:
            thread = self._thread
            if thread is not None:
                thread.close()
                self._forget(thread)
            self._wake_up()
            self._transport.close()
            if self._queue.has_work():  # submitted after the last look, by a thread that saw this one still running
                self._start_thread()

    def retire(self) -> None:
        """Let the thread deliver what waits, and then end, because no more can come. Return without waiting."""
        self._notice_fork()
        self._is_retired = True
        if self._thread is None and self._queue.has_work():
            self._start_thread()
            if self._thread is None:
                keep_until_the_end(self)
        self._wake_up()

    def stats(self) -> Stats:
        """Return a snapshot of the counts."""
        self._notice_fork()
        counts = self._queue.counts()
        settled = counts.shown + counts.folded + counts.digested + counts.published + sum(counts.dropped.values())
        last_error = list(self._last_error)
        return Stats(
            accepted=settled + counts.queued + counts.spooled,
            shown=counts.shown,
            folded=counts.folded,
            digested=counts.digested,
            published=counts.published,
            dropped=counts.dropped,
            queued=counts.queued,
            spooled=counts.spooled,
            restored=counts.restored,
            notifications=counts.notifications,
            state=self._state.current.value,
            last_error=last_error[0] if last_error else None,
        )

    @property
    def label(self) -> str:
        """Name of the place where the alerts go, for people."""
        return self._transport.label

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

    def _wake_up(self) -> None:
        try:
            if self._wake.locked():
                self._wake.release()
        except RuntimeError:
            pass  # another caller has released it

    def _start_thread(self) -> None:
        """Start the thread, unless it runs or another thread is starting it."""
        starting = self._starting
        # No thread starts at exit: Python 3.12 refuses, and other versions may cut it off before it has delivered.
        if exit_.begun or is_held_here(starting) or not starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                drain_at_the_end_of_a_child()
                if self._kind_of_lock is not threading.Lock:
                    self._make_locks()
                self._start_or_take_on()
        except RuntimeError as error:
            if not self._has_reported_no_thread:
                self._has_reported_no_thread = True
                self._reports.line(f"no thread can be started ({error}): alerts are sent by the thread that logs")
        finally:
            starting.release()

    def _start_or_take_on(self) -> None:
        closed = self._closed_thread
        is_there = closed is not None and closed.take_on_again()
        # Before the start: the thread may have ended, or close may have been called, when the start returns.
        thread = self._thread = closed if closed is not None and is_there else WorkerThread()
        if self._state.current is State.IDLE:
            self._enter(State.RUNNING)
        try:
            if is_there:
                self._wake_up()
            else:
                start_thread(self._run, thread)
        except BaseException:
            thread.ends()  # before it began
            self._forget(thread)
            raise

    def _is_being_started(self) -> bool:
        if is_held_here(self._starting):
            return True
        if not self._starting.acquire(blocking=False):
            return True
        self._starting.release()
        return False

    def _forget(self, thread: WorkerThread) -> None:
        """Let the next alert start a thread, unless one was started after this one."""
        if self._thread is thread:
            self._thread, self._closed_thread = None, thread
            if self._state.current is State.RUNNING:
                self._enter(State.IDLE)

    def _run(self, thread: WorkerThread) -> None:
        # Nothing below may import: a fork in the middle of an import leaves the child with half a module.
        ident = _thread.get_ident()
        self._thread_ids.add(ident)
        thread.is_awake = True
        try:
            while thread.goes_on() or not thread.ends():
                pause = self._work(thread)
                if self._is_retired and not (self._state.is_retrying and self._queue.has_work()):
                    return
                self._rest(thread, pause)
        finally:
            thread.is_awake = False
            thread.ends()
            if self._is_retired and self._spool is not None:
                self._spool.end(time.monotonic() + self.shutdown_timeout)
            self._waiters.release_settled(self._queue.is_settled)
            self._queue.dropped_alerts.hand_over()
            # The system gives the number of a thread that has ended to the next one, whose records are not this one's.
            self._thread_ids.discard(ident)
            self._forget(thread)
            if self._thread is None:
                self._transport.close()  # close may have come before this thread put its connection back
            self._wake_up()  # what woke this thread may have been meant for its successor

    def _rest(self, thread: WorkerThread, pause: float) -> None:
        """Let the thread wait for work: while alerts come it looks for more by itself, afterwards it has to be woken.

        Args:
            pause: What :meth:`_work` has returned.
        """
        queue = self._queue
        if queue.has_sorted and not self._state.is_retrying:
            queue.has_sorted = False
            self._wake.acquire(timeout=_LOOK if pause < 0 else min(pause, _LOOK))
            return
        queue.rest()
        thread.is_awake = False
        if self._state.is_retrying or not queue.has_come_in():  # checked last, as a logging call checks last too
            self._wake.acquire(timeout=pause)
        thread.is_awake = True

    def _work(self, thread: WorkerThread) -> float:
        """Deliver what can be delivered now, whatever fails.

        Returns:
            Seconds until the next try, or until a count or a digest is due; -1 when only a new alert brings work.
        """
        try:
            while thread.goes_on():
                if self._spool is not None:
                    self._spool.wake_up()
                self._queue.dropped_alerts.hand_over()
                pause = self._pause()
                if pause > 0:
                    return pause
                with self._turn:
                    delivered = thread.goes_on() and self._deliver_next()
                self._waiters.release_settled(self._queue.is_settled)
                if not delivered:
                    return self._pause() or self._until_due()
        except BaseException as error:  # noqa: BLE001 - nothing ends the thread: what waits would wait for ever
            self._fail(error)
            return self._pause()
        return -1

    def _fail(self, error: BaseException) -> None:
        """Back off after an error that should not have happened."""
        self._note(f"{INTERNAL_ERROR}: {type(error).__name__}: {error}")
        self._enter(State.RETRYING)

    def _note(self, error: str) -> None:
        self._last_error.append(error)
        self._reports.failure(error)

    def _enter(self, state: State, mark: float = math.inf) -> None:
        """Change the state, and which callers of flush still wait.

        Args:
            state: The new one.
            mark: The queue's mark when the attempt began that led here.
        """
        self._state.enter(state)
        if state is State.RETRYING:
            self._waiters.release_all(mark)  # they asked for one attempt; later callers ask for another

    def _until_due(self) -> float:
        due = self._queue.next_due()
        return -1 if due is None else max(_SHORTEST_PAUSE, due - time.monotonic())

    def _pause(self) -> float:
        """Return the seconds until the server is tried again; 0 while a caller waits in flush."""
        return 0.0 if self._waiters else self._state.pause()

    def _deliver_next(self, flushed: int = 0, deadline: float = math.inf) -> bool:
        """Deliver one batch; the caller holds ``_turn``.

        Args:
            flushed: The mark of a flush that this is for; those of waiting threads count in any case.
            deadline: When to end, in seconds of time.monotonic.

        Returns:
            False when nothing waited, or the server cannot be reached.
        """
        mark = self._queue.mark()
        flushed = self._waiters.highest_mark(mark if self._is_retired else flushed)
        batch = self._queue.take(flushed, self._transport.batch_size)
        if not batch:
            return False
        if self._state.drops_unsent:
            for entry in batch:
                self._queue.settle(entry, NOT_AUTHORIZED)
            return True
        results = self._send(batch, deadline)
        settled: list[tuple[Entry, SendResult]] = []
        for entry in batch:
            try:
                result = next(results)
            except BaseException as error:
                if not isinstance(error, Exception) and not self.is_current_thread():
                    raise  # Ctrl-C, while this thread delivers itself: the next to deliver finds the rest in flight
                # This alert may be the cause. The alerts behind it stay in flight, for the next try.
                words = f"{type(error).__name__}: {error}"
                self._settle(entry, SendResult(SendStatus.DROPPED, INTERNAL_ERROR, words))
                break
            self._settle(entry, result)
            if self._waiters and entry is not batch[-1]:  # after the last one the state changes first
                self._waiters.release_settled(self._queue.is_settled)
            settled.append((entry, result))
        for entry, result in reversed(settled):  # the newest first, for the old order
            if result.status is SendStatus.RETRY:
                self._queue.put_back(entry, result.unanswered)
        return self._enter_after({result.status for _, result in settled}, mark)

    def _send(self, batch: Sequence[Entry], deadline: float) -> Iterator[SendResult]:
        """Send a batch; its first alert reports what was dropped before."""
        unreported = self._queue.unreported()
        outgoing = [
            OutgoingAlert(
                entry.compose(self._finish), entry.id_, entry.coalescing_id, entry.unanswered, entry.tallies()
            )
            for entry in batch
        ]
        outgoing[0] = replace(outgoing[0], alert=with_dropped(outgoing[0].alert, unreported))
        for index, result in enumerate(self._transport.send(outgoing, deadline)):
            if index == 0 and result.status is SendStatus.SHOWN:
                self._queue.mark_reported(unreported)
            yield result

    def _finish(self, alert: Alert) -> Alert:
        """Return an alert as it leaves the process; what cannot be looked through for secrets is withheld."""
        try:
            return self._redactor.finished(alert)
        except Exception as error:  # noqa: BLE001 - what cannot be looked through is hidden
            # Only the error's type: its text may quote what it should have masked.
            self._last_error.append(f"secrets could not be looked for in an alert: {type(error).__name__}")
            return alert.withheld()

    def _settle(self, entry: Entry, result: SendResult) -> None:
        """Count what became of an entry, as soon as that is known; one that is worth another try stays in flight."""
        if result.hint:
            self._note(result.hint)
        if result.status is not SendStatus.RETRY:
            self._answered_at = time.monotonic()
            if result.status is not SendStatus.SHOWN:
                is_servers = result.reason not in (INVALID, INTERNAL_ERROR)
                self._queue.settle(entry, result.reason, result.hint if is_servers else "")
                return
            self._queue.settle(entry)
            self._reports.success(self._waited_and_lost)
        elif result.unanswered >= MAX_SENDINGS:
            self._queue.settle(entry, NO_ANSWER)

    def _enter_after(self, statuses: set[SendStatus], mark: int) -> bool:
        """Change the state as the results of a send say; return False to stop and back off."""
        if SendStatus.RETRY in statuses:
            self._enter(State.RETRYING, mark)
            return False
        if SendStatus.REFUSED in statuses:
            self._enter(State.REFUSED)
        else:
            self._enter(State.IDLE if self._thread is None else State.RUNNING)
        return True

    def _waited_and_lost(self) -> tuple[int, int]:
        counts = self._queue.counts()
        return counts.queued + 1, sum(counts.dropped.values())  # includes the alert that was just shown

    # -- Waiting -------------------------------------------------------------------------------

    def _flush_until(self, deadline: float) -> bool:
        self._notice_fork()
        if self._spool is not None:
            self._spool.first_look(deadline)
        mark = self._queue.mark()
        if self._queue.is_settled(mark):
            return True
        # A signal handler that interrupts the thread's start waits for no thread either.
        if self._thread is None or self.is_current_thread() or is_held_here(self._starting):
            self._deliver_inline(deadline, mark)
            return self._queue.is_settled(mark)
        waiter = self._waiters.add(mark)
        try:
            self._wake_up()
            waiter.wait(deadline - time.monotonic())
        finally:
            self._waiters.remove(waiter)
        return waiter.is_settled or self._queue.is_settled(mark)

    def _deliver_inline(self, deadline: float, flushed: int = 0) -> None:
        """Deliver on the calling thread, where no other exists or can be started."""
        if not self._transport.may_deliver_inline() or sys.is_finalizing() or self._is_interrupted():
            return
        left = deadline - time.monotonic()
        turn = self._turn  # a signal handler may fork meanwhile, and the child has another
        if left <= 0:
            return
        try:
            if not turn.acquire(timeout=left):
                return
            while time.monotonic() < deadline:
                if not self._deliver_next(flushed, deadline):
                    return
        except Exception as error:  # noqa: BLE001 - a logging call raises nothing
            self._fail(error)
        finally:
            if is_held_here(turn):
                turn.release()
            self._waiters.release_settled(self._queue.is_settled)
            self._queue.dropped_alerts.hand_over()

    def _is_interrupted(self) -> bool:
        """Tell whether the caller interrupts its own thread's delivery, which will find new alerts when it goes on."""
        return is_held_here(self._turn)

    def finish(self, deadline: float) -> None:
        """Deliver what waits, and what other threads submit meanwhile; count, and report, what is left.

        Args:
            deadline: When to give up, in seconds of :func:`time.monotonic`.
        """
        restored = -1
        while restored != (restored := self._queue.counts().restored):
            try:
                self._finish_until(self._before(deadline), deadline)
            finally:
                if self._spool is not None:
                    # Its thread may have restored something after the last look at the queue: then the loop repeats.
                    self._spool.end(deadline)

    def _finish_until(self, flushed: float, deadline: float) -> None:
        """Deliver until the time ``flushed``; count and spool what is left by ``deadline``."""
        try:
            # The first try that fails ends the loop: a server that is away must not delay the end of the program.
            while self._flush_until(flushed):
                mark = self._queue.mark()
                if not self._queue.has_work():
                    self._give_up("", None, mark)  # gives up counts that the server has refused
                    return
                if time.monotonic() >= flushed:
                    break
            # The thread may be in its next try already. It gets the time to end it: what it shows is not lost.
            if not self._is_interrupted() and self._turn.acquire(timeout=max(0.0, flushed - time.monotonic())):
                self._turn.release()
        except BaseException:  # Ctrl-C
            self._give_up(_INTERRUPTED, deadline)
            raise
        self._give_up(self._why_given_up(flushed), deadline)

    def _before(self, deadline: float) -> float:
        """Return until when alerts may be delivered, so that the rest can be spooled before the deadline."""
        return deadline if self._spool is None else deadline - min(_SPOOLING, self.shutdown_timeout / 4)

    def _give_up(self, why: str, deadline: float | None, mark: float = math.inf) -> None:
        """Leave what waits to the spool, and count the rest as dropped.

        Args:
            why: Begins the line that reports it.
            deadline: Until when the spool may write; None leaves nothing to it.
            mark: What was added after this mark goes on waiting.
        """
        if self._is_interrupted():
            return
        kept = {} if self._spool is None or deadline is None else self._spool.settle(deadline)
        lost, spooled = self._queue.abandon(LATE, mark, kept)
        self._waiters.release_settled(self._queue.is_settled)  # of other threads
        words = [f"{alerts(lost)} not delivered"] if lost else []
        if self._spool is not None and spooled:
            words.append(f"{alerts(spooled)} kept in {self._spool.settings.path}")
        if words and not self._reports.failure(why + ", ".join(words)) and spooled:
            self._reports.line(f"for {self.label}: {words[-1]}")  # the failure was reported before
        self._queue.dropped_alerts.hand_over()

    def _may_have_work(self) -> bool:
        """Tell whether something may wait: while the server is away, alerts come without waking the thread."""
        return self._state.is_retrying or self._queue.has_work()

    def _deliver_restored(self) -> None:
        if self._thread is None:
            self._start_thread()
        self._wake_up()

    def _why_given_up(self, deadline: float) -> str:
        """Return the reason why alerts are given up now; empty if an error was reported before."""
        if exit_.interrupted:
            return _INTERRUPTED
        if time.monotonic() >= deadline:
            has_answered = self._answered_at > deadline - self.shutdown_timeout
            budget = f"{self.shutdown_timeout:g} s"
            return f"{budget} were not enough, " if has_answered else f"no answer within {budget}, "
        if sys.is_finalizing():
            return "the program has ended, "
        return "" if self._transport.may_deliver_inline() else "its address was not looked up before, "
