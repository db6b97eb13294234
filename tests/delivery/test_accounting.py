"""Accounting: whatever happens to a handler, each record that it gets is shown, folded, digested, dropped or queued."""

from __future__ import annotations

import _thread
import contextlib
import gc
import logging
import logging.config
import os
import socket
import sys
import tempfile
import threading
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gntp_logging import GNTPHandler
from gntp_logging.delivery.data_headers import COUNT
from gntp_logging.gntp.requests import NotifyRequest
from tests.delivery.test_fork import exit_code, in_child
from tests.support import PATIENCE, ScriptedServer, free_port, requests_of, send_response, wait_until

TEXTS = ["the disk is full", "no answer from the bank", "order 4711 was not paid"]
TEMPLATES = ["order %d was not paid", "mail %d came back", "%s"]


def sys_exit(*_: object) -> None:
    """End the program, as an on_error might."""
    sys.exit("an alert is lost")


class Desktop:
    """A server's function: one keeps its connections, so that requests come in pipelines; another closes each.

    Attributes:
        counts: What the newest notification of each toast said that it stands for.
    """

    def __init__(self, *, keeps: bool, stumbles: bool) -> None:
        self.counts: dict[str, int] = {}
        self._keeps = keeps
        self._stumbles = stumbles
        self._stumbled: set[str] = set()

    def __call__(self, sock: socket.socket, _number: int) -> None:
        """Answer one connection; of a server that stumbles each third alert has to be sent twice."""
        for request in requests_of(sock):
            if isinstance(request, NotifyRequest) and self._stumbles_over(request.notification.id_ or ""):
                send_response(sock, "-ERROR", keep_alive=self._keeps, Error_Code="500", Error_Description="no")
            else:
                if isinstance(request, NotifyRequest):
                    self.counts[request.notification.coalescing_id or ""] = int(
                        str(dict(request.app_specific_headers or ())[COUNT])
                    )
                send_response(sock, keep_alive=self._keeps, Response_Action=request.message_type)
            if not self._keeps:
                return

    def _stumbles_over(self, id_: str) -> bool:
        if not self._stumbles or id_ in self._stumbled or zlib.crc32(id_.encode()) % 3:
            return False
        self._stumbled.add(id_)
        return True


class HandlerMachine(RuleBasedStateMachine):
    """A handler in a process that logs, forks and configures logging, and a server that comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.server: ScriptedServer | None = None
        self.logged = 0
        self.folder = tempfile.TemporaryDirectory()
        self.is_forgotten = False
        self.idle_threads = _thread._count()

    @initialize(
        queue_size=st.sampled_from([1, 3, 10_000]),
        burst=st.sampled_from([1, 20]),
        repeat_window=st.sampled_from([0, 60]),
        on_error=st.sampled_from([None, sys_exit]),
        is_up=st.booleans(),
        keeps=st.booleans(),
        stumbles=st.booleans(),
        spools=st.booleans(),
    )
    def begin(self, *, is_up: bool, keeps: bool, stumbles: bool, spools: bool, **options: Any) -> None:
        """Make the handler, with any options, with a spool or without, and a server of any kind."""
        self.desktop = Desktop(keeps=keeps, stumbles=stumbles)
        if spools:
            options["spool"] = f"{self.folder.name}/alerts.spool"
        self.handler = GNTPHandler(
            host="127.0.0.1", port=self.port, app_name="shop", shutdown_timeout=PATIENCE, timeout=PATIENCE, **options
        )
        self.logger = logging.Logger("shop")  # noqa: LOG001 - one of its own, that no other test has
        self.logger.addHandler(self.handler)
        if is_up:
            self.server_up()

    @property
    def is_up(self) -> bool:
        """Whether the server listens."""
        return self.server is not None

    def wait_for_the_threads_end(self) -> None:
        """Wait until the worker's thread is gone, so that the next thread may get its number."""
        wait_until(lambda: _thread._count() <= self.idle_threads + self.is_up)

    @rule(texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6), level=st.sampled_from([30, 40, 50]))
    def log(self, texts: list[str], level: int) -> None:
        """Log in this thread."""
        for text in texts:
            self.logger.log(level, text)
        self.logged += len(texts)

    @rule(template=st.sampled_from(TEMPLATES), count=st.sampled_from([1, 2, 30]), level=st.sampled_from([40, 50]))
    def log_repeats(self, template: str, count: int, level: int) -> None:
        """Log a call with an argument, of whose repeats no alert is made where the template says something."""
        for number in range(count):
            self.logger.log(level, template, number)
        self.logged += count

    @rule(texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
    def log_in_a_new_thread(self, texts: list[str]) -> None:
        """Log in a thread that may have the number of one that has ended."""
        thread = threading.Thread(target=self.log, args=(texts, logging.ERROR))
        thread.start()
        thread.join()

    @rule()
    def flush(self) -> None:
        """Wait for all; with a server, all arrives, and the desktop knows the count."""
        restored = -1
        # What a child, or a close, has left in the spool comes back at any moment, also just behind a flush.
        while restored != (restored := self.handler.stats().restored):
            # The one attempt that flush waits for may have begun before the server was there.
            settled = self.handler.flush(PATIENCE) or self.handler.flush(PATIENCE)
        stats = self.handler.stats()
        if self.is_up:
            assert settled
            assert stats.queued == 0
            assert sum(self.desktop.counts.values()) == stats.shown + stats.folded + stats.digested

    @rule()
    def close(self) -> None:
        """Close the handler, which stays at its logger."""
        self.handler.close()
        assert self.handler.stats().queued == 0
        self.wait_for_the_threads_end()

    @rule()
    def configure_logging(self) -> None:
        """Let some library configure logging: the first time, that closes the handler."""
        # The worker's thread may collect garbage. For a handler among it, logging waits for the lock that dictConfig
        # holds, which waits for the worker: the time to deliver would pass.
        gc.collect()
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        if not self.is_forgotten:
            self.wait_for_the_threads_end()
        self.is_forgotten = True

    @precondition(lambda self: hasattr(os, "fork"))
    @rule(number=st.integers(0, 3))
    def fork(self, number: int) -> None:
        """Log in a child, which begins at zero and has nothing of the parent's."""

        def work() -> bool:
            for _ in range(number):
                self.logger.error("the child's %d", number)
            delivered = self.handler.flush(PATIENCE) or not self.is_up
            stats = self.handler.stats()
            self.handler.close()  # what it has just taken over from the spool arrives before it ends
            return delivered and stats.accepted - stats.restored == number

        if self.is_up:
            self.flush()  # what arrives from now on is the child's
        own = dict(self.desktop.counts)
        assert exit_code(in_child(work)) == 0
        self.desktop.counts = own

    @precondition(lambda self: not self.is_up)
    @rule()
    def server_up(self) -> None:
        """Start the server."""
        self.server = ScriptedServer(self.desktop, self.port)
        self.server.__enter__()

    @precondition(lambda self: self.is_up)
    @rule()
    def server_down(self) -> None:
        """Stop it, in the middle of whatever it does."""
        assert self.server is not None
        self.handler.flush(PATIENCE)  # what it has shown without an answer it would show twice
        self.server.__exit__()
        self.server = None

    @invariant()
    def every_record_is_counted(self) -> None:
        """As often as it was logged."""
        if hasattr(self, "handler"):
            stats = self.handler.stats()
            parts = (stats.shown, stats.folded, stats.digested, *stats.dropped.values(), stats.queued, stats.spooled)
            assert sum(parts) == stats.accepted
            assert stats.accepted - stats.restored == self.logged
            assert min(parts) >= 0

    def teardown(self) -> None:
        """End the server and the handler, also where a rule or the last flush has failed: later tests count threads."""
        with contextlib.ExitStack() as ends:
            if self.server is not None:
                ends.push(self.server)
            ends.callback(self.folder.cleanup)
            ends.callback(self.handler.close)
            if self.server is not None:
                self.flush()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_no_state_of_a_handler_leaves_a_record_uncounted() -> None:
    """In whatever order it is used."""
    run_state_machine_as_test(
        HandlerMachine,
        settings=settings(
            max_examples=80, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
