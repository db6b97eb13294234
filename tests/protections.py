"""Take out each protection of docs/reliability.md, and the receiver's, one at a time, and see that a test notices.

This is no test itself.
``python tests/protections.py`` copies the repository to a temporary folder for each, changes the copy, and runs the
tests that are named here; a run that fails or hangs has noticed. ``python tests/protections.py fork gevent`` takes only
those whose names hold one of the words. A test checks that what is to be taken out is still there.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = "gntp_logging"
BOUND: Final = 90.0
"""Seconds after which a run counts as one that hangs."""


class Change(NamedTuple):
    """A statement or an expression, and what takes its place.

    Attributes:
        file: Where it is, in the package.
        where: The function or class that holds it, by its qualified name; empty for the whole module.
        code: The code, which is there exactly once; of a statement that holds others its first line, as ``if x:``.
        instead: The code that takes its place; ``pass`` takes a statement out.
    """

    file: str
    where: str
    code: str
    instead: str

    def places(self, tree: ast.Module) -> list[tuple[ast.AST, str, int | None]]:
        """Return where a module has the code: the nodes above it, their fields, its places in fields that are lists.

        What is compared is what Python makes of both, so that neither format nor comments nor other code matter.
        """
        wanted = _first_line(ast.parse(f"{self.code} pass" if self.code.endswith(":") else self.code))
        return [
            (parent, field, place)
            for parent in ast.walk(_definition(tree, self.where))
            if not isinstance(parent, ast.Expr)  # which says what its only child says
            for field, value in ast.iter_fields(parent)
            for place, node in (enumerate(value) if isinstance(value, list) else [(None, value)])
            if isinstance(node, (ast.expr, ast.stmt)) and _first_line(node) == wanted
        ]

    def made_in(self, source: str) -> str:
        """Return a module's source with the change made, and without comments."""
        tree = ast.parse(source)
        ((parent, field, place),) = self.places(tree)
        new: list[Any] = ast.parse(self.instead).body
        old = getattr(parent, field) if place is None else getattr(parent, field)[place]
        if isinstance(old, ast.expr):
            new = [statement.value for statement in new]
        if place is None:
            (new_node,) = new
            setattr(parent, field, new_node)
        else:
            getattr(parent, field)[place : place + 1] = new
        return ast.unparse(ast.fix_missing_locations(tree))


def _first_line(node: ast.AST) -> str:
    return ast.unparse(node).partition("\n")[0]


def _definition(tree: ast.Module, name: str) -> ast.AST:
    """Return a function or a class, by its qualified name; the module itself for an empty one."""
    found: ast.AST = tree
    for part in filter(None, name.split(".")):
        named = (node for node in ast.iter_child_nodes(found) if getattr(node, "name", None) == part)
        found = next(named, ast.Module([], []))  # which holds nothing
    return found


class Protection(NamedTuple):
    """A protection, and how it is taken out.

    Attributes:
        name: What it prevents.
        changes: What takes it out.
        tests: What must notice, as arguments for pytest.
        runs: How often the tests are run at most: more than once where it is a matter of luck.
    """

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
    runs: int = 1


def _one(name: str, file: str, where: str, code: str, instead: str, *tests: str, runs: int = 1) -> Protection:
    return Protection(name, (Change(file, where, code, instead),), tests, runs)


PROTECTIONS: Final = (
    _one(
        "fleet: the holder of a lease that is over sends",
        "fleet/desktop.py",
        "Desktop.step",
        "self._ledger.is_held()",
        "True",
        "tests/fleet/test_desktop.py::test_a_holder_whose_lease_is_over_sends_nothing",
    ),
    _one(
        "fleet: a send lasts longer than the lease",
        "fleet/desktop.py",
        "Desktop._show",
        "self._ledger.deadline()",
        "float('inf')",
        "tests/fleet/test_desktop.py::test_a_send_gets_no_longer_than_the_lease_lasts",
    ),
    _one(
        "fleet: a digest has another id when it is shown again",
        "fleet/desktop.py",
        "Desktop._announce",
        "not announced",
        "True",
        "tests/fleet/test_desktop.py::test_a_relay_that_is_killed_before_it_notes_a_digest",
    ),
    _one(
        "fleet: a Redis that is full is never counted empty",
        "fleet/scripts.py",
        "_script",
        "f'#!lua flags=allow-oom{text}'",
        "text",
        "tests/fleet/test_troubles.py::test_a_redis_that_is_full_is_counted_empty",
    ),
    _one(
        "fleet: a connection that Redis has closed is used",
        "fleet/redis_streams.py",
        "RedisStreams._call",
        "self._is_stale()",
        "False",
        "tests/fleet/test_redis_streams.py::test_a_connection_that_redis_has_closed_is_made_anew",
    ),
    _one(
        "fleet: a laptop shows again what it has shown",
        "fleet/incidents.py",
        "Desk._begin",
        "known.shown < incident.count or not self._has_one_writer",
        "True",
        "tests/fleet/test_incidents.py::test_who_shows_alone_does_not_show_again_what_it_has_shown",
    ),
    _one(
        "fleet: each incident of last night is a toast",
        "fleet/incidents.py",
        "Desk._decide",
        "now <= incident.last + self._settings.quiet",
        "True",
        "tests/fleet/test_incidents.py::test_what_came_while_nobody_counted_is_one_digest",
    ),
    _one(
        "fleet: a laptop opens a port",
        "commands/listen.py",
        "resolved",
        "arguments.broker is not None and arguments.port is None",
        "False",
        "tests/commands/test_pull.py::test_variables_open_no_port",
    ),
    _one(
        "receiver: what its program has itself is not read as a client's is",
        "receiver/server.py",
        "_read",
        "reader.next_message()",
        "(reader.next_message(), request)[1]",
        "tests/receiver/test_server.py::test_what_a_client_would_be_refused_is_refused",
    ),
    _one(
        "fleet: what is not signed is counted",
        "fleet/wire.py",
        "decode",
        "if keys and (not _is_signed(data, fields.get(SIGNATURE, b''), keys)):",
        "pass",
        "tests/fleet/test_wire.py::test_what_was_changed_is_refused",
    ),
    _one(
        "fleet: a batch without an answer changes",
        "delivery/tally_outbox.py",
        "Batch.requeue",
        "unanswered or self._is_fixed or not self._tally_outbox.fill_up(self)",
        "not self._tally_outbox.fill_up(self)",
        "tests/delivery/test_tally_outbox.py::test_a_batch_without_an_answer_is_sent_again_unchanged",
    ),
    _one(
        "fleet: what came after a refused batch takes the number of that batch",
        "delivery/tally_outbox.py",
        "TallyOutbox.fill_up",
        "1 if current.count else -1",
        "-1",
        "tests/delivery/test_tally_outbox.py::test_what_came_while_a_batch_was_refused_gets_a_number_above_all_before",
    ),
    _one(
        "fleet: poison stops a relay",
        "fleet/wire.py",
        "decode",
        "(ValueError, RecursionError)",
        "KeyError",
        "tests/fleet/test_troubles.py::test_poison_is_set_aside",
    ),
    Protection(
        "fork: state of the parent in the child",
        (
            Change("delivery/process.py", "_start_fresh_in_child", "for worker in list(_workers):", "pass"),
            Change("delivery/worker.py", "Worker._notice_fork", "self.start_fresh()", "pass"),
        ),
        ("tests/delivery/test_fork.py::test_what_waits_at_the_fork_is_the_parents",),
    ),
    _one(
        "fork: hooks are skipped",
        "delivery/worker.py",
        "Worker._notice_fork",
        "self.start_fresh()",
        "pass",
        "tests/delivery/test_fork.py::test_a_fork_that_skips_the_hooks_is_noticed",
    ),
    _one(
        "fork: inside flush",
        "delivery/worker.py",
        "Worker.start_fresh",
        "self._waiters.release_all()",
        "pass",
        "tests/delivery/test_fork.py::test_a_fork_inside_flush_lets_the_childs_flush_return",
    ),
    Protection(
        "fork: no thread in the child",
        (
            Change(
                "delivery/worker.py",
                "Worker.start_fresh",
                "self._thread: WorkerThread | None = None",
                'self._thread = getattr(self, "_thread", None)',
            ),
        ),
        (
            "tests/programs/test_gunicorn.py",
            "tests/delivery/test_fork.py::test_what_waits_at_the_fork_is_the_parents",
        ),
    ),
    _one(
        "fork: a child of multiprocessing ends without exit code",
        "delivery/process.py",
        "drain_at_the_end_of_a_child",
        "util.Finalize(None, _drain_at_exit, exitpriority=0)",
        "pass",
        "tests/delivery/test_exit.py::test_a_multiprocessing_childs_last_error_is_delivered",
        runs=5,
    ),
    _one(
        "fork: Celery ends its children",
        "delivery/process.py",
        "drain_at_the_end_of_a_child",
        "celery_signals.worker_process_shutdown.connect(_drain_at_exit_of_celery, weak=False)",
        "pass",
        "tests/programs/test_celery.py",
        runs=8,
    ),
    _one(
        "constructor: starts a thread",
        "handler.py",
        "GNTPHandler.__init__",
        "super().__init__(level_number)",
        "super().__init__(level_number); self._worker._start_thread()",
        "tests/test_handler.py::test_the_constructor_does_no_network_and_starts_no_thread",
    ),
    _one(
        "one worker for each handler",
        "delivery/worker.py",
        "Worker._make_locks",
        "self._turn = threading.RLock()",
        'Worker.turn = self._turn = getattr(Worker, "turn", threading.RLock())',
        "tests/delivery/test_worker.py::test_a_worker_delivers_only_to_its_own_server",
    ),
    _one(
        "exit: one budget for all handlers",
        "delivery/process.py",
        "_drain_at_exit",
        "worker.finish(exit_.deadline)",
        "worker.finish(time.monotonic() + worker.shutdown_timeout)",
        "tests/delivery/test_exit.py::test_two_dead_servers_share_one_budget",
    ),
    _one(
        "exit: a refused connection ends the waiting",
        "delivery/waiters.py",
        "Waiters.release_all",
        "waiter.release(settled=False)",
        "pass",
        "tests/delivery/test_exit.py::test_without_a_server_one_line_says_so_and_the_exit_is_not_delayed",
    ),
    Protection(
        "exit: records are delivered inline",
        (
            Change("delivery/worker.py", "Worker._attend", "if exit_.begun:", "if False: pass"),
            Change("delivery/worker.py", "Worker._start_thread", "exit_.begun", "False"),
        ),
        (
            "tests/delivery/test_exit.py::test_exit_code_that_logs_is_delivered",
            "tests/delivery/test_exit.py::test_the_first_record_at_exit_is_delivered_too",
        ),
    ),
    _one(
        "exit: a handler that is in no list of logging's",
        "delivery/process.py",
        "",
        "atexit.register(_drain_at_exit)",
        "pass",
        "tests/delivery/test_exit.py::test_a_handler_that_dict_config_has_replaced_is_drained",
        runs=3,
    ),
    _one(
        "dictConfig: the send path uses logging",
        "delivery/worker.py",
        "Worker._send",
        "unreported = self._queue.unreported()",
        'import logging; logging.getLogger(f"{time.monotonic()}"); unreported = self._queue.unreported()',
        "tests/test_program.py::test_nothing_on_the_send_path_needs_a_lock_of_logging",
    ),
    Protection(
        "re-entrance: the queue has a lock",
        (
            Change(
                "delivery/queue.py",
                "AlertQueue.add",
                "sequence = next(self._sequence)",
                "with self._plain: sequence = next(self._sequence); alert = str(alert) and alert",
            ),
            Change(
                "delivery/queue.py",
                "AlertQueue.__init__",
                "self._lock = threading.RLock()",
                "self._lock = threading.RLock(); self._plain = threading.Lock()",
            ),
        ),
        (
            "tests/test_program.py::test_a_signal_handler_that_logs_flushes_and_reads_stats_neither_dead_locks_nor_drops",
        ),
        runs=5,
    ),
    _one(
        "re-entrance: flush in a signal handler",
        "delivery/queue.py",
        "AlertQueue.__init__",
        "self._lock = threading.RLock()",
        "self._lock = threading.Lock()",
        "tests/test_program.py::test_a_signal_handler_that_logs_flushes_and_reads_stats_neither_dead_locks_nor_drops",
        runs=5,
    ),
    _one(
        "spool: a fork waits for those inside SQLite",
        "delivery/spool.py",
        "_SQLite.before_fork",
        "self.turn.acquire(timeout=FORK_WAITS)",
        "self.turn.acquire(timeout=0)",
        "tests/delivery/test_spool.py::test_a_fork_waits_until_nobody_is_inside_sqlite",
    ),
    _one(
        "spool: a fork closes the file",
        "delivery/spool.py",
        "_SQLite.before_fork",
        "file.close()",
        "pass",
        "tests/delivery/test_spool.py::test_a_fork_closes_the_file",
    ),
    _one(
        "spool: two processes make the file",
        "delivery/spool_file.py",
        "SpoolFile._prepare",
        '"locked" not in str(error)',
        "True",
        "tests/delivery/test_spool_file.py::test_many_may_make_the_file_at_once",
    ),
    _one(
        "spool: an owner that lives",
        "delivery/spool_lock.py",
        "claim",
        "yield False",
        "yield True",
        "tests/delivery/test_spool_file.py::test_what_a_living_owner_has_stays_its_own",
    ),
    _one(
        "spool: the parent's lock in a child",
        "delivery/worker.py",
        "Worker.start_fresh",
        "self._spool.leave_to_parent()",
        "pass",
        "tests/delivery/test_spool_processes.py::test_a_forked_child_neither_uses_nor_keeps_what_is_the_parents",
    ),
    _one(
        "spool: what was left is no more removed",
        "delivery/spool.py",
        "Spool._write",
        "one.row not in left",
        "True",
        "tests/delivery/test_spool_processes.py::test_a_script_whose_desktop_is_off_is_seen_in_the_morning",
    ),
    _one(
        "filters outside the handler's lock",
        "handler.py",
        "GNTPHandler.handle",
        "passed: Any = self.filter(record)",
        "with self.lock: passed = self.filter(record)",
        "tests/test_handler.py::test_a_filter_runs_outside_the_handlers_lock",
    ),
    _one(
        "filters that replace the record",
        "handler.py",
        "GNTPHandler.handle",
        "passed if passed is not True and isinstance(passed, logging.LogRecord) else record",
        "record",
        "tests/test_handler.py::test_a_filter_can_refuse_or_replace_a_record",
    ),
    _one(
        "counts: one record of several loggers",
        "handler.py",
        "GNTPHandler.handle",
        "self._handed_over.records.is_new(record)",
        "True",
        "tests/test_handler.py::test_a_record_that_several_loggers_hand_over_counts_once",
    ),
    _one(
        "filters: an odd status",
        "filters.py",
        "_status_of",
        "issubclass(type(status), int)",
        "True",
        "tests/test_filters.py::test_an_odd_status_is_none",
    ),
    _one(
        "filters: a message that is no string",
        "filters.py",
        "IgnoreFilter.filter",
        "isinstance(message, str)",
        "True",
        "tests/test_filters.py::test_messages_are_ignored_by_pattern",
    ),
    _one(
        "pytest: a test run alerts nobody",
        "pytest_plugin.py",
        "pytest_load_initial_conftests",
        "_DISABLING_VARIABLE not in os.environ",
        "False",
        "tests/test_pytest_plugin.py::test_a_test_run_alerts_nobody",
    ),
    _one(
        "switched off: no password is needed",
        "options/destination.py",
        "_password",
        "is_used",
        "True",
        "tests/test_handler.py::test_a_disabled_handler_needs_no_password",
    ),
    _one(
        "commands: Ctrl-C while modules are imported",
        "__main__.py",
        "main",
        "signal.getsignal(signal.SIGINT) is not signal.default_int_handler",
        "True",
        "tests/commands/test_cli.py::test_an_interrupt_is_quiet_at_any_moment",
    ),
    _one(
        "commands: SIGHUP while modules are imported",
        "__main__.py",
        "main",
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)",
        "pass",
        "tests/commands/test_cli.py::test_a_hangup_does_not_end_what_would_read_a_file_again",
    ),
    _one(
        "commands: | head is no failure",
        "commands/cli.py",
        "_readers_that_leave",
        "_discard_output()",
        "pass",
        "tests/commands/test_cli.py::test_a_reader_that_leaves_is_no_failure",
    ),
    _one(
        "check --quiet: a handler that is switched off",
        "commands/check.py",
        "_is_alive",
        "handler.enabled and is_alive(handler.destination)",
        "is_alive(handler.destination)",
        "tests/commands/test_check.py::TestQuiet",
    ),
    _one(
        "own records: by namespace",
        "handler.py",
        "GNTPHandler.emit",
        "_is_own(record.name)",
        "False",
        "tests/test_handler.py::test_records_of_the_own_namespace_are_ignored",
    ),
    _one(
        "own records: by thread",
        "handler.py",
        "GNTPHandler.emit",
        "worker.is_current_thread()",
        "False",
        "tests/test_program.py::test_what_is_logged_on_the_workers_thread_is_ignored",
    ),
    _one(
        "own records: a number that is given again",
        "delivery/worker.py",
        "Worker._run",
        "self._thread_ids.discard(ident)",
        "pass",
        "tests/delivery/test_worker.py::test_a_thread_with_the_number_of_one_that_has_ended_is_heard",
        "tests/delivery/test_accounting.py",
    ),
    _one(
        "close: what is submitted meanwhile",
        "delivery/worker.py",
        "Worker._finish_until",
        "time.monotonic() >= flushed",
        "True",
        "tests/delivery/test_worker.py::test_close_delivers_what_other_threads_submit_meanwhile",
    ),
    _one(
        "close: what is submitted at its very end",
        "delivery/worker.py",
        "Worker.close",
        "self._queue.has_work()",
        "False",
        "tests/delivery/test_worker.py::test_what_is_submitted_at_the_very_end_of_close_is_delivered",
    ),
    _one(
        "thread: an on_error that ends programs",
        "delivery/dropped.py",
        "DroppedAlerts.hand_over",
        "BaseException",
        "Exception",
        "tests/delivery/test_dropped.py::test_whatever_on_error_raises_is_ignored",
    ),
    _one(
        "thread: an error in taking an alert",
        "delivery/worker.py",
        "Worker._work",
        "BaseException",
        "()",
        "tests/delivery/test_worker.py::test_what_fails_in_taking_an_alert_does_not_end_the_thread",
    ),
    _one(
        "thread: an alert whose delivery was cut off",
        "delivery/queue.py",
        "AlertQueue.take",
        "self._in_flight[-1].requeue(self._in_flight[-1].unanswered)",
        "pass",
        "tests/delivery/test_worker.py::test_an_alert_that_fails_halfway_out_of_the_queue_is_not_lost",
        "tests/delivery/test_worker.py::test_without_threads_a_delivery_that_is_interrupted_loses_nothing",
    ),
    _one(
        "secrets: of an alert that cannot be looked through",
        "delivery/worker.py",
        "Worker._finish",
        "alert.withheld()",
        "alert",
        "tests/delivery/test_worker.py::test_an_alert_that_cannot_be_looked_through_is_withheld",
    ),
    _one(
        "secrets: groups inside groups",
        "alerts/redact.py",
        "_merged",
        "max(end, last)",
        "last",
        "tests/alerts/test_redact.py::test_of_groups_that_overlap_the_union_is_masked",
    ),
    _one(
        "secrets: what is long is hidden without a look",
        "alerts/secret_values.py",
        "is_news",
        "len(value) > NEWS_SIZE",
        "False",
        "tests/alerts/test_secret_values.py::test_in_doubt_a_value_is_secret",
    ),
    _one(
        "secrets: masked again when a mask leaves something",
        "alerts/redact.py",
        "_redact",
        "masked == text",
        "True",
        "tests/alerts/test_redact.py::test_redacting_again_changes_nothing",
    ),
    _one(
        "queue: bounded",
        "delivery/queue.py",
        "AlertQueue.add",
        "self._evict()",
        "pass",
        "tests/delivery/test_worker.py::test_a_full_queue_gives_up_the_oldest_of_the_lowest_priority",
    ),
    _one(
        "queue: the lowest priority goes first",
        "delivery/queue.py",
        "AlertQueue._evict",
        "zip(self._outbox.lanes, self._incoming, strict=True)",
        "reversed(list(zip(self._outbox.lanes, self._incoming, strict=True)))",
        "tests/delivery/test_worker.py::test_a_full_queue_gives_up_the_oldest_of_the_lowest_priority",
    ),
    _one(
        "queue: emit does not wait",
        "delivery/worker.py",
        "Worker.submit",
        "self._queue.add(alert, place)",
        "self._queue.add(alert, place); self._turn.acquire(); self._turn.release()",
        "tests/test_program.py::test_an_event_loop_is_not_blocked",
    ),
    _one(
        "repeats: a call is forgotten while it is counted",
        "delivery/known_calls.py",
        "KnownCalls.count",
        "if call.is_over:",
        "if False: pass",
        "tests/delivery/test_known_calls.py::test_a_call_that_is_forgotten_while_it_is_counted_loses_nothing",
    ),
    _one(
        "repeats: bounded",
        "delivery/known_calls.py",
        "KnownCalls.count",
        "len(call.times) >= self._room",
        "False",
        "tests/delivery/test_known_calls.py::test_times_that_wait_are_bounded",
    ),
    _one(
        "repeats: the text is fresh",
        "delivery/known_calls.py",
        "KnownCalls.count",
        "not -FRESH < created - call.text_at < FRESH",
        "False",
        "tests/delivery/test_known_calls.py::test_a_text_that_is_not_fresh_is_replaced",
    ),
    _one(
        "repeats: a message that may hold a traceback",
        "alerts/alert.py",
        "AlertFactory.place_of",
        "if '\\n' in value or '\\\\' in value:",
        "if False: pass",
        "tests/alerts/test_alert.py::test_a_record_of_which_only_its_alert_tells_has_no_place",
    ),
    _one(
        "repeats: overrides are one record's",
        "alerts/alert.py",
        "AlertFactory.place_of",
        "getattr(record, EXTRA_KEY, None) is not None",
        "False",
        "tests/alerts/test_alert.py::test_a_record_of_which_only_its_alert_tells_has_no_place",
    ),
    _one(
        "repeats: a template that says nothing",
        "delivery/queue.py",
        "AlertQueue._decide",
        "is_place_alone(alert.fingerprint)",
        "True",
        "tests/delivery/test_known_calls.py::test_what_has_a_text_of_its_own_is_not_counted_by_its_time",
    ),
    _one(
        "repeats: the user's functions see each record",
        "handler.py",
        "GNTPHandler.__init__",
        "not self._alerts.needs_each_record",
        "True",
        "tests/test_handler.py::test_where_each_record_is_needed_each_becomes_an_alert",
    ),
    _one(
        "repeats: flush waits for them",
        "delivery/queue.py",
        "AlertQueue.is_settled",
        "waiting += [call.sequence for call in self.known_calls.waiting()]",
        "pass",
        "tests/delivery/test_known_calls.py::test_a_repeat_is_queued_and_then_folded",
    ),
    _one(
        "repeats: given up at the end",
        "delivery/queue.py",
        "AlertQueue._give_up_what_has_come_in",
        "self.known_calls.waiting() if mark == math.inf else ()",
        "()",
        "tests/delivery/test_known_calls.py::test_what_is_given_up_is_handed_over_with_its_count",
    ),
    _one(
        "repeats: in the order of logging",
        "delivery/queue.py",
        "AlertQueue._sort_next",
        "while repeats and repeats[-1].since < alert.created:",
        "while False: pass",
        "tests/delivery/test_known_calls.py::test_what_came_first_is_decided_about_first",
    ),
    _one(
        "repeats: in another process",
        "delivery/worker.py",
        "Worker.count",
        "not (is_own or os.getpid() == self.pid)",
        "False",
        "tests/delivery/test_worker.py::test_a_repeat_is_counted_by_no_thread_of_the_workers_and_in_no_other_process",
    ),
    _one(
        "repeats: after close",
        "delivery/worker.py",
        "Worker.count",
        "thread is None",
        "False",
        "tests/delivery/test_worker.py::test_a_repeat_after_close_starts_the_thread_again",
    ),
    _one(
        "repeats: at exit",
        "delivery/worker.py",
        "Worker.count",
        "exit_.begun",
        "False",
        "tests/delivery/test_exit.py::test_a_repeat_at_exit_is_delivered",
    ),
    _one(
        "waking: no thread falls asleep on an alert",
        "delivery/worker.py",
        "Worker._rest",
        "not queue.has_come_in()",
        "True",
        "tests/delivery/test_worker.py::test_what_comes_while_the_thread_falls_asleep_is_delivered",
    ),
    _one(
        "waking: at rest the thread sleeps",
        "delivery/worker.py",
        "Worker._rest",
        "queue.has_sorted = False",
        "pass",
        "tests/delivery/test_worker.py::test_while_alerts_come_the_thread_looks_and_at_rest_it_sleeps",
    ),
    _one(
        "waking: not for each alert",
        "delivery/worker.py",
        "Worker._attend",
        "thread is not None and thread.is_awake and not exit_.begun",
        "False",
        "tests/delivery/test_worker.py::test_a_thread_that_is_awake_is_not_woken",
    ),
    Protection(
        "the edge of the stack",
        (
            Change("handler.py", "GNTPHandler.handle", "unread += (None,)", "pass"),
            Change("handler.py", "GNTPHandler.emit", "unread += (None,)", "pass"),
        ),
        ("tests/test_handler.py::test_at_the_edge_of_the_stack_every_record_counts",),
    ),
    _one(
        "queue: strings and numbers only",
        "alerts/alert.py",
        "AlertFactory._text_and_fingerprint",
        "fingerprints.fingerprint_error(level, error, leaves, place)",
        "fingerprints.fingerprint_error(level, error, leaves, place)._replace(name=record)",
        "tests/test_program.py::test_what_is_queued_keeps_no_exception_frame_or_request_alive",
    ),
    _one(
        "record: not changed",
        "alerts/text.py",
        "formatted",
        "copy.copy(record)",
        "record",
        "tests/alerts/test_alert.py::test_a_formatter_makes_the_text_and_leaves_the_record_alone",
    ),
    _one(
        "record: arguments that fail",
        "alerts/text.py",
        "message",
        "msg = record.msg",
        "msg = record.getMessage()",
        "tests/test_handler.py::test_message_arguments_that_fail_do_not_cost_the_alert",
    ),
    _one(
        "gevent: locks of another kind",
        "delivery/worker.py",
        "Worker._start_thread",
        "self._kind_of_lock is not threading.Lock",
        "False",
        "tests/programs/test_gevent.py",
    ),
    _one(
        "options: errors name the option",
        "options/checks.py",
        "boolean",
        'OptionError(option, "true or false", value)',
        'OptionError("", "true or false", value)',
        "tests/options/test_handler_options.py::test_a_bad_value_is_refused_by_name",
    ),
    _one(
        "diagnosis: one line for each outage",
        "delivery/failure_report.py",
        "FailureReport.failure",
        "self._failure_is_known.acquire(blocking=False)",
        "self._failure_is_known.acquire(blocking=False) or True",
        "tests/delivery/test_worker.py::test_handlers_of_one_server_complain_once_together",
        "tests/delivery/test_exit.py::test_a_wrong_password_is_one_line_that_says_what_to_check",
    ),
    _one(
        "diagnosis: logging.raiseExceptions",
        "handler.py",
        "_report",
        "not logging.raiseExceptions",
        "False",
        "tests/delivery/test_exit.py::test_the_line_respects_logging_raise_exceptions",
    ),
    _one(
        "diagnosis: sys.stderr of any kind",
        "delivery/failure_report.py",
        "FailureReport.line",
        "Exception",
        "()",
        "tests/test_program.py::test_a_closed_stderr_harms_nobody",
        "tests/test_program.py::test_a_closed_stderr_does_not_make_close_fail",
    ),
    _one(
        "outage: a digest of what is too old",
        "delivery/queue.py",
        "AlertQueue._set_aside_what_is_old",
        "now - lane[0].submitted > self._max_age",
        "False",
        "tests/test_reliability.py::test_after_an_outage_the_young_are_shown_and_the_rest_is_one_digest",
    ),
    _one(
        "outage: no attempt for each record",
        "delivery/worker.py",
        "Worker._attend",
        "not self._state.is_retrying",
        "True",
        "tests/delivery/test_worker.py::test_no_attempt_is_made_for_each_record_while_the_server_is_down",
    ),
    _one(
        "outage: the server is tried again",
        "delivery/worker_state.py",
        "WorkerState.pause",
        "self.retry_at - time.monotonic()",
        "0.0",
        "tests/delivery/test_worker.py::test_a_server_that_comes_back_is_found_without_any_call",
    ),
    _one(
        "answers: 401 and 402 register again",
        "delivery/gntp_transport.py",
        "GNTPTransport._deserves_a_second_try",
        "_STUMBLES | NOT_REGISTERED",
        "_STUMBLES",
        "tests/test_reliability.py::test_a_server_that_does_not_know_the_application_is_told_again",
    ),
    _one(
        "answers: 403 is shown",
        "delivery/gntp_transport.py",
        "GNTPTransport._result_of_answer",
        "error.error_code == ErrorCode.ALREADY_PROCESSED",
        "False",
        "tests/test_reliability.py::test_a_server_that_has_seen_it_already_has_shown_it",
    ),
    _one(
        "answers: 404 mutes",
        "delivery/gntp_transport.py",
        "GNTPTransport._result_of_answer",
        "self._muted[event] = time.monotonic() + MUTE",
        "pass",
        "tests/test_reliability.py::test_a_type_that_the_user_has_disabled_is_left_alone",
    ),
    _one(
        "answers: 400 stops",
        "delivery/worker.py",
        "Worker._deliver_next",
        "self._state.drops_unsent",
        "False",
        "tests/delivery/test_worker.py::test_a_wrong_password_stops_the_tries",
    ),
    _one(
        "answers: 400 is looked at again",
        "delivery/worker_state.py",
        "WorkerState.drops_unsent",
        "time.monotonic() < self.retry_at",
        "True",
        "tests/test_reliability.py::test_a_wrong_password_stops_the_alerts_for_minutes",
    ),
    _one(
        "answers: an error is no success",
        "delivery/gntp_transport.py",
        "GNTPTransport._result_of_answer",
        'SendResult(SendStatus.DROPPED, f"error {code}", self._describe_refusal(error))',
        "SendResult(SendStatus.SHOWN)",
        "tests/test_reliability.py::test_an_error_is_counted_and_told",
    ),
    Protection(
        "answers: registration is never assumed",
        (
            Change(
                "delivery/gntp_transport.py",
                "GNTPTransport._register",
                "self._registered = False",
                "self._registered = True",
            ),
            Change("delivery/gntp_transport.py", "GNTPTransport._round", "self._registered = False", "pass"),
            Change("delivery/gntp_transport.py", "GNTPTransport._result_of_answer", "self._registered = False", "pass"),
        ),
        ("tests/test_reliability.py::test_registering_is_never_assumed",),
    ),
    _one(
        "answers: a garbled one is asked for once more",
        "delivery/gntp_transport.py",
        "GNTPTransport._deserves_a_second_try",
        "attempt.unanswered < MAX_SENDINGS",
        "False",
        "tests/delivery/test_gntp_transport.py::test_a_garbled_answer_is_asked_for_once_more",
    ),
    _one(
        "answers: one duplicate at most",
        "delivery/worker.py",
        "Worker._settle",
        "result.unanswered >= MAX_SENDINGS",
        "False",
        "tests/test_reliability.py::test_an_alert_that_is_never_answered_is_sent_twice_and_counted",
    ),
    _one(
        "answers: the same ids for the duplicate",
        "delivery/worker.py",
        "Worker._send",
        "OutgoingAlert(entry.compose(self._finish), entry.id_, entry.coalescing_id, entry.unanswered, entry.tallies())",
        "OutgoingAlert(entry.compose(self._finish), *[str(self._queue.mark())] * 2, entry.unanswered)",
        "tests/test_reliability.py::test_an_answer_that_is_lost_makes_one_duplicate_at_most",
    ),
    _one(
        "answers: an end in the middle is an error",
        "gntp/channel.py",
        "PersistentConnection.receive",
        "if not data:",
        "pass",
        "tests/gntp/test_channel.py::test_a_new_connection_that_ends_without_an_answer_is_an_error_at_once",
        "tests/test_reliability.py::test_a_fault_that_passes_costs_a_delay",
    ),
    _one(
        "answers: one deadline for the whole exchange",
        "gntp/channel.py",
        "PersistentConnection.receive",
        "self.stream.receive(deadline)",
        "self.stream.receive(Deadline.after(0.3))",
        "tests/test_reliability.py::test_a_fault_that_passes_costs_a_delay",
    ),
    _one(
        "password: in a repr",
        "gntp/packing.py",
        "PackerFactory",
        "password: str | None = field(repr=False)",
        "password: str | None = field()",
        "tests/test_program.py::test_the_password_appears_nowhere",
    ),
    _one(
        "password: in an error",
        "options/destination.py",
        "_secret",
        'f"{where}{state}; for a server without a password leave the option out"',
        'f"{where}{value} {state}"',
        "tests/test_program.py::test_the_password_appears_nowhere",
    ),
    _one(
        "hub: what came encrypted leaves encrypted",
        "receiver/hub.py",
        "may_be_handed_on",
        "_STRENGTHS[came_by] <= _STRENGTHS[subscribed_by]",
        "True",
        "tests/test_security.py::test_a_hash_that_was_seen_subscribes_to_what_comes_in_clear_and_to_nothing_else",
    ),
    _one(
        "hub: TLS counts as encrypted",
        "gntp/wire.py",
        "Envelope.came_by",
        '"TLS" if self.has_tls else self.cipher_id',
        "self.cipher_id",
        "tests/receiver/test_tls_stream.py::test_a_hub_hands_on_in_clear_nothing_that_came_by_tls",
    ),
    _one(
        "tls: a handshake that fails is never followed by clear text",
        "gntp/tls.py",
        "ClientTLS.secure",
        "wrapped.close()",
        "return sock",
        "tests/gntp/test_tls.py::test_a_server_without_tls_is_named_and_gets_nothing",
    ),
    _one(
        "tls: the certificate is for the host",
        "gntp/tls.py",
        "ClientTLS.__init__",
        "self._context.sslsocket_class = TLSSocket",
        "self._context.sslsocket_class, self._context.check_hostname = TLSSocket, False",
        "tests/gntp/test_tls.py::test_a_certificate_that_is_not_good_is_refused_in_words",
    ),
    _one(
        "tls: a connection that was cut has not ended",
        "gntp/tls.py",
        "ClientTLS.wrap",
        "wrapped = self._context.wrap_socket("
        "sock, server_hostname=self._name, do_handshake_on_connect=False, suppress_ragged_eofs=False)",
        "wrapped = self._context.wrap_socket(sock, server_hostname=self._name, do_handshake_on_connect=False)",
        "tests/gntp/test_tls.py::test_an_answer_that_is_cut_is_none",
    ),
    _one(
        "tls: a forked child ends nothing of its parent's",
        "gntp/tls.py",
        "TLSSocket.close",
        "self._made_in == os.getpid()",
        "self._made_in",
        "tests/gntp/test_tls.py::test_a_forked_child_ends_nothing_of_the_parent_s_session",
    ),
    _one(
        "tls: nothing is half-closed",
        "gntp/tls.py",
        "TLSSocket",
        "def shutdown(self, how: int) -> None:",
        "pass",
        "tests/gntp/test_tls.py::test_nothing_is_half_closed",
    ),
    _one(
        "tls: what is readable may be TLS's own",
        "gntp/network.py",
        "Stream.has_news",
        "not self._has_tls or self._take_news()",
        "True",
        "tests/gntp/test_tls.py::test_a_part_of_a_record_is_no_news",
    ),
    _one(
        "hub: a registration that came encrypted is not told in clear",
        "receiver/hub.py",
        "Forwarder._needed",
        "may_be_handed_on(message.registered_by, self._cipher_id)",
        "True",
        "tests/test_security.py::test_a_hash_that_was_seen_subscribes_to_what_comes_in_clear_and_to_nothing_else",
        "tests/receiver/test_hub.py::test_names_of_types_are_told_in_clear_as_far_as_clear_alerts_have_told_them",
    ),
    _one(
        "hub: DES is weaker",
        "receiver/hub.py",
        "",
        '{None: 0, "DES": 1, "AES": 2, "3DES": 2, "TLS": 2}',
        '{None: 0, "DES": 2, "AES": 2, "3DES": 2, "TLS": 2}',
        "tests/receiver/test_hub.py::test_a_message_leaves_the_hub_as_safe_as_it_came",
    ),
    _one(
        "hub: only where it was asked for",
        "receiver/server.py",
        "Server.__init__",
        "{} if hub else {SubscribeRequest.message_type: NO_HUB}",
        "{}",
        "tests/receiver/test_server.py::test_a_server_that_is_no_hub_says_how_it_would_be_one",
        "tests/test_testing.py::test_it_is_no_hub",
    ),
    _one(
        "hub: an id belongs to an address",
        "receiver/hub.py",
        "Hub.subscribe",
        "known.host != host",
        "False",
        "tests/receiver/test_hub.py::test_an_id_in_use_from_another_address_is_refused",
    ),
    _one(
        "history: what is deleted leaves the log",
        "receiver/history_file.py",
        "HistoryFile.delete",
        "is_read, _, _ = self._db.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()",
        "is_read = False",
        "tests/receiver/test_history_file.py::test_what_is_deleted_is_in_no_file",
    ),
    _one(
        "history: what is deleted leaves the index",
        "receiver/history_file.py",
        "HistoryFile.delete",
        "self._optimize()",
        "pass",
        "tests/receiver/test_history_file.py::test_the_index_forgets_too",
    ),
    _one(
        "history: what is forgotten is overwritten",
        "receiver/history_file.py",
        "HistoryFile._prepare",
        "db.execute('PRAGMA secure_delete = ON')",
        "db.execute('PRAGMA secure_delete = OFF')",
        "tests/receiver/test_history_file.py::test_pruned_texts_are_overwritten",
    ),
    _one(
        "history: only its owner can read it",
        "receiver/private_file.py",
        "check_private",
        "os.chmod(path, 0o600)",
        "pass",
        "tests/receiver/test_private_file.py::test_a_file_that_is_there_is_kept_and_closed_for_others",
    ),
    _one(
        "history: one receiver writes",
        "receiver/history_file.py",
        "_locked",
        "connection.execute('BEGIN EXCLUSIVE')",
        "pass",
        "tests/receiver/test_history_file.py::test_one_receiver_writes_and_others_read",
    ),
    _one(
        "receiver: what it demands",
        "gntp/wire.py",
        "RequestReader._message",
        "self._demands.check(line)",
        "pass",
        "tests/receiver/test_server.py::test_a_server_may_demand_more",
    ),
    _one(
        "receiver: silent connections give way",
        "receiver/places.py",
        "Places.admit",
        "len(own) >= most",
        "False",
        "tests/receiver/test_places.py::test_an_address_has_so_many_silent_guests_on_a_server_with_passwords",
    ),
    _one(
        "receiver: a refusal that waits is sent",
        "receiver/connection.py",
        "ClientSession.give_way",
        "self.stream.write(self._refusal)",
        "pass",
        "tests/receiver/test_budget.py::test_refusals_that_wait_are_sent_when_others_come",
    ),
    Protection(
        "receiver: nothing is read that nobody waits for",
        (
            Change("receiver/socket_stream.py", "SocketStream.buffer_updated", "self.pause()", "pass"),
            Change("receiver/socket_stream.py", "SocketStream.read", "self.pause()", "pass"),
        ),
        ("tests/receiver/test_memory.py::test_what_is_sent_ahead_stays_with_the_system",),
    ),
    _one(
        "receiver: what waits for pictures is bytes",
        "gntp/wire.py",
        "RequestReader._message",
        "blocks.clear()",
        "pass",
        "tests/receiver/test_memory.py::test_many_short_headers_are_bounded_while_they_wait[1024]",
    ),
    _one(
        "receiver: a failure keeps nothing of what was read",
        "gntp/wire.py",
        "_Reader.next_message",
        "GNTPProtocolError(failure.description, failure.error_code)",
        "failure",
        "tests/gntp/test_wire.py::test_a_failure_keeps_nothing_of_what_was_read",
    ),
    _one(
        "receiver: the smallest picture takes room",
        "receiver/registry.py",
        "_picture_size",
        "len(picture.data or b'') + _PICTURE_SIZE",
        "len(picture.data or b'')",
        "tests/receiver/test_registry.py::test_pictures_are_kept_up_to_their_bound",
    ),
    _one(
        "receiver: contexts are cut before they wait",
        "receiver/server.py",
        "Server._answer",
        "cut_request(request)",
        "request",
        "tests/receiver/test_reactions.py::test_a_context_that_is_too_long_comes_back_cut",
    ),
    _one(
        "hub: answers are bounded",
        "receiver/hub.py",
        "",
        "Limits(header_block=ANSWER_BYTES, section=ANSWER_BYTES)",
        "Limits()",
        "tests/receiver/test_memory.py::test_answers_of_subscribers_are_bounded",
    ),
    _one(
        "hub: subscriptions that are ending are so many",
        "receiver/hub.py",
        "Hub.subscribe",
        "len(self._ending) >= MAX_SUBSCRIBERS",
        "False",
        "tests/receiver/test_hub.py::test_subscriptions_that_are_ending_are_so_many",
    ),
    _one(
        "page: what closes gives no place twice",
        "receiver/web/__init__.py",
        "WebDisplay._connection",
        "{*self._pages.values(), None}",
        "set(self._pages.values())",
        "tests/receiver/test_web.py::test_many_connections_at_once_take_no_more_places",
    ),
    _one(
        "page: strangers write nothing to the terminal",
        "receiver/web/__init__.py",
        "",
        "_LOGGER.addFilter(_is_own_mistake)",
        "pass",
        "tests/receiver/test_web.py::test_what_is_no_http_writes_nothing_to_the_terminal",
    ),
    _one(
        "receiver: the request is forgotten before what takes an hour",
        "receiver/server.py",
        "Server._exchange",
        "connection.forget_request()",
        "pass",
        "tests/receiver/test_memory.py::test_requests_that_were_answered_are_not_kept",
    ),
    _one(
        "hostile text: one place makes it safe",
        "gntp/headers.py",
        "header_line",
        "safe_value(value)",
        "value",
        "tests/test_handler.py::test_a_hostile_message_arrives_safe",
    ),
    _one(
        "title: one line",
        "alerts/text.py",
        "Draft.laid_out",
        "headline = one_line(line)",
        "headline = line",
        "tests/alerts/test_text.py::test_a_title_is_one_short_line",
    ),
    _one(
        "title: what it had to cut the text has whole",
        "alerts/text.py",
        "Draft.laid_out",
        'title == " ".join(line.split())',
        "True",
        "tests/alerts/test_alert.py::test_what_the_title_had_to_cut_the_text_has_whole",
    ),
    _one(
        "title: cut after it is masked",
        "alerts/redact.py",
        "Redactor.finished",
        "self(alert.cleaned())",
        "self(alert.cleaned().finished(self._max_text))",
        "tests/alerts/test_redact.py::test_a_secret_is_masked_before_a_title_is_cut",
    ),
    _one(
        "formatter: it gets no stack",
        "alerts/text.py",
        "formatted",
        "bare.exc_info = bare.exc_text = bare.stack_info = None",
        "pass",
        "tests/alerts/test_text.py::test_a_stack_is_no_part_of_the_message",
    ),
    _one(
        "formatter: a traceback of its own",
        "alerts/text.py",
        "formatted",
        "before_traceback(text_of_event(record, found[0]) if found else text)",
        "text_of_event(record, found[0]) if found else text",
        "tests/alerts/test_text.py::test_a_formatter_that_appends_the_exception_itself_says_it_no_second_time",
    ),
    _one(
        "terminal: the last line of a text that is cut",
        "receiver/console.py",
        "ConsoleDisplay._lines",
        'yield from ((line, "") for line in last)',
        "pass",
        "tests/receiver/test_console.py::test_a_long_text_is_cut_at_thirty_lines",
    ),
    _one(
        "terminal: marks without columns",
        "receiver/terminal_text.py",
        "fitting",
        "index - begin >= _MOST_IN_A_COLUMN * max(width, 1)",
        "False",
        "tests/receiver/test_console.py::test_a_flood_of_marks_on_one_letter_is_cut",
    ),
    _one(
        "text: clean before it is masked",
        "alerts/redact.py",
        "Redactor.finished",
        "alert.cleaned()",
        "alert",
        "tests/alerts/test_clean.py::test_a_colour_hides_no_secret",
        "tests/alerts/test_clean.py::test_each_text_of_an_alert_is_cleaned",
    ),
    _one(
        "page: only under names of this machine",
        "receiver/web/access.py",
        "Access.allows_host",
        "not self.is_local or is_local_name(_name_of(host))",
        "True",
        "tests/receiver/test_web.py::test_a_name_of_elsewhere_that_leads_here_is_refused",
        "tests/receiver/test_access.py::test_other_names_are_refused",
    ),
    _one(
        "page: no other page changes anything",
        "receiver/web/access.py",
        "Access.allows_origin",
        'origin in ("", f"http://{host}")',
        "True",
        "tests/receiver/test_web.py::test_a_page_of_another_port_changes_nothing",
    ),
    _one(
        "history: what was closed stays closed",
        "receiver/history_file.py",
        "HistoryFile._conditions",
        "wanted.is_open",
        "False",
        "tests/receiver/test_history_file.py::test_what_was_closed_is_kept_and_comes_back_with_an_update",
    ),
    _one(
        "history: an incident goes on after a restart",
        "receiver/history_file.py",
        "HistoryFile._write_toast",
        "toast.source is not None",
        "False",
        "tests/receiver/test_history.py::test_after_a_receiver_is_killed_an_incident_goes_on_in_its_toast",
    ),
    _one(
        "history: what is muted stays so after a restart",
        "receiver/history.py",
        "History.notice",
        'notice.event == "muted"',
        "False",
        "tests/receiver/test_history.py::test_what_is_muted_stays_so_after_a_restart",
    ),
    _one(
        "history: a mute goes with its last alert",
        "receiver/history_file.py",
        "HistoryFile.delete",
        "self._db.execute(_DELETE_MUTES)",
        "None",
        "tests/receiver/test_history_file.py::test_a_mute_is_deleted_with_its_incidents_last_alert",
    ),
    _one(
        "apprise: a muted incident is silent",
        "receiver/apprise_display.py",
        "AppriseDisplay.show",
        "toast.is_muted",
        "False",
        "tests/receiver/test_apprise_display.py::test_a_muted_incident_sends_nothing_until_it_calls_again",
    ),
    _one(
        "apprise: a target that is back rings once",
        "receiver/apprise_display.py",
        "_Target._run",
        "self._has_failed and len(self._waiting) > 1",
        "False",
        "tests/receiver/test_apprise_display.py::test_what_waited_for_a_target_that_is_back_is_one_message",
    ),
    _one(
        "displays: each target that fails is reported",
        "receiver/display_group.py",
        "DisplayGroup._failed",
        "isinstance(error, PartError)",
        "False",
        "tests/receiver/test_apprise_display.py::test_each_target_that_fails_is_reported",
    ),
    _one(
        "desktop: a service waits for no bus",
        "receiver/desktop.py",
        "DesktopDisplay._running",
        "not self.may_be_away",
        "True",
        "tests/receiver/test_desktop.py::test_a_bus_that_hangs_delays_no_start",
    ),
    _one(
        "page: a token that others could read",
        "receiver/page_token.py",
        "kept_token",
        "is_open_to_others(path)",
        "False",
        "tests/receiver/test_access.py::test_a_token_that_others_could_read_or_write_is_made_anew",
    ),
    _one(
        "incidents: a total does not fall",
        "receiver/incidents.py",
        "_report",
        "not records and known is None",
        "not records",
        "tests/receiver/test_incidents.py::test_an_update_whose_count_is_none_changes_no_count",
    ),
    _one(
        "page: directions are visible",
        "receiver/web/messages.py",
        "card",
        "readable(cut(toast.text, MAX_TEXT))",
        "cut(toast.text, MAX_TEXT)",
        "tests/receiver/test_web.py::test_what_turns_a_text_around_is_visible_on_the_page",
    ),
    _one(
        "context: a function that fails",
        "alerts/context.py",
        "Context._of_user",
        "Exception",
        "()",
        "tests/alerts/test_context.py::test_a_function_that_fails_is_told_and_costs_nothing",
    ),
    _one(
        "context: the user stays lazy",
        "alerts/context.py",
        "_of_django",
        'user.__dict__.get("_wrapped", user)',
        "user",
        "tests/alerts/test_context.py::test_a_user_who_has_been_loaded_is_told_by_id",
    ),
    _one(
        "context: Django's request, by its signals",
        "handler.py",
        "GNTPHandler.__init__",
        "follow_django()",
        "pass",
        "tests/alerts/test_serving.py::test_a_record_inside_of_a_django_view_names_its_request",
    ),
    _one(
        "context: Django's request under ASGI",
        "alerts/serving.py",
        "_asgi_context",
        "None if sync is None else sync.SyncToAsync.thread_sensitive_context.get(None)",
        "None",
        "tests/alerts/test_serving.py::test_a_record_inside_of_a_django_view_names_its_request",
    ),
    _one(
        "context: a request that Django cannot announce",
        "alerts/serving.py",
        "_started",
        "Exception",
        "()",
        "tests/alerts/test_serving.py::test_an_odd_request_is_none",
    ),
    _one(
        "context: a request ends with its answer",
        "wsgi.py",
        "_Body.close",
        "served.set(None)",
        "pass",
        "tests/test_wsgi.py::test_the_request_is_told_while_its_answer_is_made",
    ),
    _one(
        "context: objects stay unread",
        "alerts/values.py",
        "_plain",
        "any(kind is known for known in _types(tuple(map(sys.modules.get, _MODULES))))",
        "True",
        "tests/alerts/test_context.py::test_what_extra_adds_is_told_as_far_as_it_is_plain",
    ),
    _one(
        "context: redacted by name",
        "alerts/redact.py",
        "_value",
        "kind_of(name)",
        'kind_of("")',
        "tests/alerts/test_redact.py::test_context_and_values_of_the_url_are_redacted",
    ),
    _one(
        "fingerprint: without secrets",
        "alerts/redact.py",
        "Redactor.__call__",
        "redacted_fingerprint(alert.fingerprint, again)",
        "alert.fingerprint",
        "tests/alerts/test_fingerprint.py::test_a_fingerprint_holds_no_secret",
    ),
    _one(
        "fingerprint: withheld with the alert",
        "alerts/alert.py",
        "Alert.withheld",
        "fingerprints.without_texts(self.fingerprint)",
        "self.fingerprint",
        "tests/alerts/test_fingerprint.py::test_a_fingerprint_holds_no_secret",
    ),
    _one(
        "fingerprint: bounded on the thread that logs",
        "alerts/fingerprint.py",
        "_cut",
        "len(text) <= MAX_TEXT",
        "True",
        "tests/alerts/test_fingerprint.py::test_what_is_kept_of_a_record_is_strings_and_numbers_and_short",
    ),
    _one(
        "fingerprint: fails without harm",
        "alerts/alert.py",
        "AlertFactory._with_templates",
        "self._fingerprint is not None",
        "self._fingerprint is not None and [self._fingerprint(record)]",
        "tests/alerts/test_alert.py::test_what_fails_leaves_a_plain_alert_and_is_told",
    ),
    _one(
        "url: values are quoted",
        "alerts/templates.py",
        "link",
        'quote(part, safe="", errors="replace")',
        "part",
        "tests/alerts/test_templates.py::test_values_of_a_link_are_quoted_and_its_text_is_not",
    ),
    _one(
        "text: thousands of exceptions of other processes",
        "alerts/errors.py",
        "LiveError.members",
        "group is None or not issubclass(self._kind, group) or self._value is None",
        "not self._told_elsewhere()",
        "tests/alerts/test_errors.py::test_only_what_is_asked_for_is_read",
    ),
    _one(
        "json: other programs' messages",
        "alerts/json_messages.py",
        "_of_formatter",
        "rest.keys() != others.keys()",
        "True",
        "tests/alerts/test_json_messages.py::test_other_programs_messages_are_left_as_they_are",
    ),
    _one(
        "json: other programs' texts",
        "alerts/json_messages.py",
        "read_json",
        "text.startswith(_OF_LOGURU, end)",
        "True",
        "tests/alerts/test_json_messages.py::test_other_programs_texts_and_records_are_left_as_they_are",
    ),
    _one(
        "text: characters stay whole",
        "alerts/text.py",
        "boundary",
        "place >= len(text) or not _is_joined(text, place)",
        "True",
        "tests/alerts/test_text.py::test_a_character_is_never_taken_apart",
    ),
    _one(
        "imports: none on the worker's thread",
        "gntp/packing.py",
        "PackerFactory.__post_init__",
        "self.encryption.load()",
        "pass",
        "tests/test_handler.py::test_nothing_is_imported_on_the_workers_thread",
    ),
    _one(
        "uncaught exceptions: the main program's",
        "unhandled.py",
        "_installed",
        "setattr(place, name, hook)",
        "pass",
        "tests/test_unhandled.py::test_an_uncaught_exception_of_a_program_reaches_the_desktop",
    ),
    _one(
        "uncaught exceptions: once for a logger",
        "unhandled.py",
        "_Hook.__call__",
        "any((by is self.logger and value is uncaught.value for by, value in before))",
        "False",
        "tests/test_unhandled.py::test_a_second_call_logs_nothing_twice",
    ),
    _one(
        "uncaught exceptions: none of the logging itself",
        "unhandled.py",
        "_log",
        "_logged.is_logging = True",
        "pass",
        "tests/test_unhandled.py::test_a_finalizer_that_fails_while_one_is_logged_is_not_logged",
    ),
    _one(
        "threads: sub-interpreters",
        "delivery/threads.py",
        "start_thread",
        "not in_main_interpreter()",
        "False",
        "tests/delivery/test_threads.py::test_a_sub_interpreter_delivers_without_a_thread_and_ends_in_peace",
    ),
    _one(
        "threads: refused",
        "delivery/worker.py",
        "Worker._attend",
        "self._deliver_inline(time.monotonic() + self.shutdown_timeout)",
        "pass",
        "tests/delivery/test_worker.py::test_where_threads_are_refused_alerts_are_delivered_at_once",
    ),
    _one(
        "threads: refused, and a dead server",
        "delivery/worker.py",
        "Worker._attend",
        "not self._pause()",
        "True",
        "tests/delivery/test_worker.py::test_without_threads_a_dead_server_is_not_asked_for_each_record",
    ),
    _one(
        "threads: of a handler that was thrown away",
        "handler.py",
        "GNTPHandler.__init__",
        "weakref.finalize(self, self._worker.retire).atexit = False",
        "pass",
        "tests/test_program.py::test_a_handler_that_is_thrown_away_while_it_sends_delivers_and_ends_its_thread",
    ),
    _one(
        "counts: they add up",
        "delivery/queue.py",
        "AlertQueue.take",
        "self._in_flight.append(entry)",
        "pass",
        "tests/test_program.py::test_the_counts_add_up_at_every_moment",
    ),
)


@functools.cache
def _tree(file: str) -> ast.Module:
    return ast.parse((ROOT / PACKAGE / file).read_text("utf-8"))


def missing(protection: Protection) -> list[Change]:
    """Return the changes whose code is not there exactly once."""
    return [change for change in protection.changes if len(change.places(_tree(change.file))) != 1]


def is_noticed(protection: Protection) -> bool:
    """Take a protection out of a copy, and tell whether its tests fail or hang."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        for name in ("gntp_logging", "tests", "examples", "docs", "README.md", "pyproject.toml"):
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                copy.mkdir(exist_ok=True)
                shutil.copy(source, copy / name)
        for change in protection.changes:
            path = copy / PACKAGE / change.file
            path.write_text(change.made_in(path.read_text("utf-8")), encoding="utf-8")
        return any(_fails(copy, protection.tests) for _ in range(protection.runs))


def _fails(folder: Path, tests: tuple[str, ...]) -> bool:
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that what hangs can be ended with its children
    )
    try:
        code = process.wait(BOUND)
    except subprocess.TimeoutExpired:
        return True
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if code > 1 and code != 2:
        raise RuntimeError(f"pytest ended with {code}: {' '.join(tests)}")
    return code != 0


def main() -> int:
    """Try the protections; return how many nobody misses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="try only protections whose names hold one of these")
    words = parser.parse_args().words
    unnoticed = 0
    for protection in PROTECTIONS:
        if words and not any(word in protection.name for word in words):
            continue
        began = time.monotonic()
        noticed = is_noticed(protection)
        unnoticed += not noticed
        print(
            f"{'noticed' if noticed else 'MISSED ':8} {time.monotonic() - began:5.1f} s  {protection.name}", flush=True
        )
    return unnoticed


if __name__ == "__main__":
    raise SystemExit(main())
