"""Spools of several processes on one file, in any order of logging, looking, answers, ends and crashes."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import gntp_logging.delivery.spool as spool_module
import gntp_logging.delivery.spool_file as file_module
from gntp_logging.delivery.dropped import DroppedAlerts
from gntp_logging.delivery.flood import Flood
from gntp_logging.delivery.queue import AlertQueue
from gntp_logging.delivery.spool import Spool, SpoolSettings
from gntp_logging.delivery.spool_file import Addressee
from tests.support import AS_IT_IS, PATIENCE, as_it_is, make_alert

PROCESSES = st.integers(0, 2)
ADDRESSEES = (Addressee("desk:1", "shop"), Addressee("desk:1", "shop"), Addressee("desk:2", "shop"))
"""The first two take over from each other."""


class Process:
    """One process: its queue, and its spool without a thread."""

    def __init__(self, path: str, max_age: float, addressee: Addressee, window: float) -> None:
        self.lines: list[str] = []
        dropped = DroppedAlerts(None, 100, as_it_is)
        self.queue = AlertQueue(100, 300, Flood(window, 3, 60.0), AS_IT_IS.fingerprint, dropped)
        self.spool = Spool(
            SpoolSettings(path, max_age, addressee),
            self.queue,
            as_it_is,
            report=self.lines.append,
            has_work=self.queue.has_work,
            on_restored=lambda: None,
        )

    def look(self) -> None:
        """Let the spool write all that waits."""
        self.spool._take_over_at = 0.0
        self.spool.settle(time.monotonic() + PATIENCE)

    def waiting(self) -> int:
        """Return how many records wait for a notification."""
        self.queue._sort(time.monotonic())
        return sum(kept.records for kept in self.queue._outbox.snapshot(self.queue._in_flight).kept())

    @property
    def owner(self) -> str:
        """Return the name of its rows' owner; none has an empty name."""
        return "-" if self.spool._lock is None else self.spool._lock.owner

    def close(self) -> None:
        """Free its lock, as the end of a process does."""
        self.spool.leave_to_parent()


class SpoolMachine(RuleBasedStateMachine):
    """Three processes; one that ends or crashes is followed by another in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self.folder.name) / "alerts.spool")
        self.stack = contextlib.ExitStack()
        self.logged = self.balance = self.left = self.restored = 0

    @initialize(
        max_age=st.sampled_from([0.0, 3600.0]), window=st.sampled_from([0.0, 60.0]), room=st.sampled_from([4, 10_000])
    )
    def begin(self, max_age: float, window: float, room: int) -> None:
        """Start the processes, with a file that is full soon, or never."""
        self.stack.enter_context(mock.patch.object(file_module, "MAX_ALERTS", room))
        self.stack.enter_context(mock.patch.object(spool_module, "BATCH", 3))
        self.options = (max_age, window)
        self.processes = [self.new_process(number) for number in range(3)]

    def new_process(self, number: int) -> Process:
        """Start a process."""
        max_age, window = self.options
        return Process(self.path, max_age, ADDRESSEES[number], window)

    def rows(self) -> Counter[str]:
        """Return how many records each owner has in the file."""
        if not Path(self.path).exists():
            return Counter()
        with contextlib.closing(sqlite3.connect(self.path)) as reader:
            found = reader.execute("SELECT owner, sum(records) FROM alerts GROUP BY owner").fetchall()
            return Counter(dict(found))

    @rule(
        number=PROCESSES,
        texts=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=8),
        level=st.sampled_from([30, 40, 50]),
    )
    def log(self, number: int, texts: list[str], level: int) -> None:
        """Log alerts, some of which repeat."""
        for text in texts:
            fingerprint = f"1|key|{text}{level}"
            self.processes[number].queue.add(make_alert(text, level, created=time.time(), fingerprint=fingerprint))
        self.logged += len(texts)

    @rule(number=PROCESSES)
    def look(self, number: int) -> None:
        """What waits is in the file, to the record; whatever was taken over before goes on waiting."""
        process = self.processes[number]
        process.look()
        assert not [line for line in process.lines if "not kept" in line]
        assert self.rows()[process.owner] == process.waiting()

    @rule(
        number=PROCESSES,
        limit=st.integers(1, 4),
        outcomes=st.lists(st.sampled_from(["shown", "dropped", "back"]), min_size=4, max_size=4),
        flushes=st.booleans(),
    )
    def send(self, number: int, limit: int, outcomes: list[str], flushes: bool) -> None:
        """Send a batch, of which some are shown, some are dropped, and some are put back."""
        queue = self.processes[number].queue
        batch = queue.take(queue.mark() if flushes else 0, limit)
        back = []
        for entry, outcome in zip(batch, outcomes, strict=False):
            if outcome == "back":
                back.append(entry)
            else:
                queue.settle(entry, None if outcome == "shown" else "error 301")
        for entry in reversed(back):
            queue.put_back(entry, 0)

    @rule(number=PROCESSES, limit=st.integers(1, 4))
    def begin_to_send(self, number: int, limit: int) -> None:
        """Send a batch whose answers never come."""
        self.processes[number].queue.take(0, limit)

    @rule(number=PROCESSES, looks=st.booleans())
    def crash(self, number: int, looks: bool) -> None:
        """End without a word: what was in the file goes on, and nothing else."""
        process = self.processes[number]
        if looks:
            self.look(number)
        self.count_out(process, left=self.rows()[process.owner])
        process.close()
        self.processes[number] = self.new_process(number)

    @rule(number=PROCESSES)
    def end(self, number: int) -> None:
        """End as a program does whose desktop is off: nothing is lost."""
        process = self.processes[number]
        kept = process.spool.settle(time.monotonic() + PATIENCE)
        dropped, spooled = process.queue.abandon("late", kept=kept)
        process.spool.end(time.monotonic() + PATIENCE)
        assert dropped == 0
        assert process.owner == "-"
        self.count_out(process, left=spooled)
        self.processes[number] = self.new_process(number)

    def count_out(self, process: Process, left: int) -> None:
        """Remember what a process was told, what it has been left, and what it leaves."""
        counts = process.queue.counts()
        parts = counts.shown + counts.folded + counts.digested + sum(counts.dropped.values())
        self.balance += parts + counts.queued + counts.spooled - counts.restored
        self.restored += counts.restored
        self.left += left

    @invariant()
    def everything_is_counted(self) -> None:
        """Accepted - restored of all is what was logged; what was left is restored once, or still there."""
        if not hasattr(self, "processes"):
            return
        counts = [process.queue.counts() for process in self.processes]
        accepted = sum(
            one.shown + one.folded + one.digested + sum(one.dropped.values()) + one.queued + one.spooled
            for one in counts
        )
        restored = sum(one.restored for one in counts)
        assert self.balance + accepted - restored == self.logged
        assert min(part for one in counts for part in (one.folded, one.queued, one.spooled)) >= 0
        rows = self.rows()
        there = rows.total() - sum(rows[process.owner] for process in self.processes)
        assert self.left == self.restored + restored + there

    def teardown(self) -> None:
        """Let the last ones end; their heirs show everything."""
        if hasattr(self, "processes"):
            for number in range(3):
                self.end(number)
            for process in (self.processes[0], self.processes[2]):
                process.look()
                while batch := process.queue.take(process.queue.mark(), 100):
                    for entry in batch:
                        process.queue.settle(entry)
                process.look()
            assert self.rows().total() == 0
            self.everything_is_counted()
            for process in self.processes:
                process.close()
        self.stack.close()
        self.folder.cleanup()


@pytest.mark.slow
def test_whatever_processes_do_what_was_left_is_restored_once() -> None:
    """And no record goes uncounted in any of them."""
    run_state_machine_as_test(
        SpoolMachine,
        settings=settings(
            max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
