"""Processes that publish batches, with one spool: in any order of answers, refusals, looks, ends and kills."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import gntp_logging.delivery.spool as spool_module
import gntp_logging.delivery.tally_outbox as outbox_module
from gntp_logging.delivery.digest import MAX_FINGERPRINTS
from gntp_logging.delivery.dropped import DroppedAlerts
from gntp_logging.delivery.flood import Flood
from gntp_logging.delivery.kept import Changes
from gntp_logging.delivery.outbox import Entry
from gntp_logging.delivery.queue import AlertQueue
from gntp_logging.delivery.spool import Spool, SpoolSettings
from gntp_logging.delivery.spool_file import Addressee, SpoolFile
from gntp_logging.delivery.tally_outbox import Batch, TallyOutbox
from tests.support import AS_IT_IS, PATIENCE, as_it_is, make_alert

PROCESSES = st.integers(0, 1)
TEXTS = st.lists(st.sampled_from("aabbcd"), max_size=4)
ANSWERS = st.sampled_from(["taken", "refused", "killed", "refused", "lost", "never sent", "interrupted"])
TRIES = st.lists(st.tuples(TEXTS, TEXTS, st.sampled_from([True, True, False]), ANSWERS), min_size=2, max_size=6)


class Killed(BaseException):
    """The process is killed while it writes."""


class Broker:
    """Counts a batch unless it knows a number of its producer that is not lower."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.counts: Counter[str] = Counter()

    def take(self, entry: Entry) -> None:
        """Count what arrives."""
        producer, _, number = entry.id_.rpartition("-")
        if int(number) > self.last.get(producer, 0):
            self.last[producer] = int(number)
            self.counts.update({str(tally.newest.fingerprint): tally.count for tally in entry.tallies()})


class Process:
    """One process: its queue, and its spool without a thread."""

    def __init__(self, path: str) -> None:
        self.lines: list[str] = []
        dropped = DroppedAlerts(None, 100, as_it_is)
        self.queue = AlertQueue(2000, 0.0, Flood(60.0, 1, 1.0), AS_IT_IS.fingerprint, dropped, make_outbox=TallyOutbox)
        self.spool = Spool(
            SpoolSettings(path, 0.0, Addressee("redis:1", "shop")),
            self.queue,
            as_it_is,
            report=self.lines.append,
            has_work=self.queue.has_work,
            on_restored=lambda: None,
        )
        self.unwritten: Counter[str] = Counter()  # what a kill may cost

    def log(self, fingerprints: Collection[str]) -> None:
        """Log alerts."""
        for fingerprint in fingerprints:
            self.queue.add(make_alert(created=time.time(), fingerprint=fingerprint))
        self.unwritten.update(fingerprints)

    def look(self) -> dict[str, int]:
        """Let the spool write all that waits."""
        self.spool._take_over_at = 0.0
        kept = self.spool.settle(time.monotonic() + PATIENCE)
        assert not self.lines
        self.unwritten.clear()
        return kept

    def next_batch(self) -> Entry | None:
        """Begin to send."""
        batch = self.queue.take(self.queue.mark())
        for entry in batch:
            entry.compose(as_it_is)
        return batch[0] if batch else None

    def leave(self, kept: dict[str, int]) -> int:
        """Leave what waits to the spool, as a handler that is closed; return how many records are dropped."""
        dropped = self.queue.abandon("late", kept=kept).dropped
        self.spool.end(time.monotonic() + PATIENCE)
        return dropped


class BatchMachine(RuleBasedStateMachine):
    """Two processes; one that ends is followed by another in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self.folder.name) / "alerts.spool")
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(mock.patch.object(outbox_module, "MAX_TALLIES", 3))
        self.stack.enter_context(mock.patch.object(spool_module, "BATCH", 3))  # one batch is written at one time
        self.broker = Broker()
        self.logged: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()  # at most
        self.dropped = self.kills = 0
        self.processes = [Process(self.path) for _ in range(2)]

    @rule(number=PROCESSES, texts=TEXTS)
    def log(self, number: int, texts: list[str]) -> None:
        """Log alerts, some of which repeat."""
        # Other fingerprints after each kill: what it has cost must not hide what counts twice.
        fingerprints = [f"1|key|{text}{self.kills}" for text in texts]
        self.processes[number].log(fingerprints)
        self.logged.update(fingerprints)

    @rule(number=PROCESSES)
    def look(self, number: int) -> None:
        """What waits is in the file; what nobody has any more is taken over."""
        self.processes[number].look()

    @rule(number=PROCESSES, tries=TRIES)
    def send(self, number: int, tries: list[tuple[list[str], list[str], bool, str]]) -> None:
        """Send batches one after the other, while alerts are logged and the spool looks; perhaps be killed."""
        process = self.processes[number]
        for before, meanwhile, looks, answer in tries:
            self.log(number, before)
            entry = process.next_batch()
            self.log(number, meanwhile)
            if looks:
                process.look()
            if entry is None:
                continue
            if answer not in ("never sent", "refused"):
                self.broker.take(entry)
            if answer == "killed":
                self.bury(number)
                return
            if answer == "taken":
                process.queue.settle(entry)
            elif answer != "interrupted":
                process.queue.put_back(entry, 0 if answer == "refused" else 1)

    @rule(number=PROCESSES)
    def interrupt(self, number: int) -> None:
        """Interrupt the taking of a batch."""
        with contextlib.suppress(KeyboardInterrupt), mock.patch.object(Batch, "taken", side_effect=KeyboardInterrupt):
            self.processes[number].next_batch()

    @rule(number=PROCESSES, writes=st.integers(0, 3))
    def kill_while_it_writes(self, number: int, writes: int) -> None:
        """End after some of the transactions of one look."""
        process = self.processes[number]
        write = process.spool._write

        def until_killed(file: SpoolFile, found: Changes, left: Collection[str], now: float) -> None:
            nonlocal writes
            writes -= 1
            if writes < 0:
                file.close()  # as the system does
                raise Killed
            write(file, found, left, now)

        process.spool._write = until_killed  # type: ignore[method-assign]
        with contextlib.suppress(Killed):
            process.look()
        self.bury(number)

    def bury(self, number: int) -> None:
        """Let another process follow one that was killed."""
        process = self.processes[number]
        self.lost.update(process.unwritten)
        self.kills += 1
        process.spool.leave_to_parent()  # frees its lock, as the end of a process does
        self.processes[number] = Process(self.path)

    @rule(number=PROCESSES, answer=st.sampled_from(["none", "refused", "taken"]), goes_on=st.booleans())
    def close(self, number: int, answer: str, goes_on: bool) -> None:
        """Leave to the spool what waits, while the last answer comes in; some processes go on."""
        process = self.processes[number]
        entry = process.next_batch()
        kept = process.look()
        if entry is not None and answer == "refused":
            process.queue.put_back(entry, 0)
        elif entry is not None and answer == "taken":
            self.broker.take(entry)
            process.queue.settle(entry)
        self.dropped += process.leave(kept)
        if not goes_on:
            self.processes[number] = Process(self.path)

    @rule(number=PROCESSES, texts=TEXTS)
    def give_up_nothing(self, number: int, texts: list[str]) -> None:
        """Log in the moment between a look at what waits and its giving up, as a flush at the end may meet it."""
        process = self.processes[number]
        if process.queue.has_work():
            return
        mark = process.queue.mark()
        self.log(number, texts)
        process.look()
        assert process.queue.abandon("", mark) == (0, 0)

    @invariant()
    def nothing_counts_twice(self) -> None:
        """In no incident."""
        assert self.broker.counts <= self.logged

    def teardown(self) -> None:
        """Let an heir publish everything: what a kill may not have cost is there."""
        for process in self.processes:
            self.dropped += process.leave(process.look())
        heir = Process(self.path)
        heir.look()
        while (entry := heir.next_batch()) is not None:
            self.broker.take(entry)
            heir.queue.settle(entry)
        heir.look()
        heir.spool.leave_to_parent()
        self.stack.close()
        self.folder.cleanup()
        self.nothing_counts_twice()
        missing = self.logged - self.broker.counts
        assert (missing - self.lost).total() <= self.dropped


@pytest.mark.slow
def test_each_record_counts_once_whatever_processes_do() -> None:
    """Only what a process had no time to write before a kill may be missing."""
    run_state_machine_as_test(
        BatchMachine,
        settings=settings(
            max_examples=600, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_what_was_counted_by_its_level_is_no_incident_of_its_own_after_a_restart(tmp_path: Path) -> None:
    """Its newest alert names another incident, which keeps its own count."""
    path = str(tmp_path / "alerts.spool")
    process, heir, broker = Process(path), Process(path), Broker()
    process.log([f"1|key|{number}" for number in range(MAX_FINGERPRINTS + 50)])
    process.look()
    process.spool.leave_to_parent()
    heir.look()
    while (entry := heir.next_batch()) is not None:
        broker.take(entry)
        heir.queue.settle(entry)
    heir.spool.leave_to_parent()
    assert broker.counts.most_common(2) == [("other|40", 50), ("1|key|0", 1)]
    assert broker.counts.total() == MAX_FINGERPRINTS + 50
