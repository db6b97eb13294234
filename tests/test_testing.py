"""testing: how users test their own alerts, with pytest and without."""

from __future__ import annotations

import gc
import logging
import os
import re
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Mapping
from pathlib import Path

import pytest

from gntp_logging import GNTPHandler, testing
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPResponseError
from gntp_logging.gntp.requests import SubscribeRequest
from gntp_logging.testing import GNTPReceiver
from tests.support import RunningReceiver, free_port, wait_until


def attach(logger: logging.Logger, **options: object) -> GNTPHandler:
    """Give a logger a handler of some application."""
    handler = GNTPHandler(app_name="shop", **options)  # type: ignore[arg-type]  # what each test wants
    logger.addHandler(handler)
    return handler


def test_a_handler_that_is_there_sends_to_the_fixture(logger: logging.Logger) -> None:
    """Wherever it was meant to send, and with whatever password."""
    attach(logger, host="growl.invalid", password="secret", encryption="AES")
    with testing.receiver() as receiver:
        logger.error("it broke")
        toast = receiver.wait_for("broke")
    assert (toast.application, toast.name, toast.priority) == ("shop", "Error", 1)


def test_it_is_no_hub(gntp_receiver: GNTPReceiver) -> None:
    """Nobody subscribes to the alerts of a test."""
    with pytest.raises(GNTPResponseError, match="this server is no hub") as refused:
        GNTPClient("127.0.0.1", gntp_receiver.port).process_request(SubscribeRequest("id", "name", 23053))
    assert refused.value.error_code == 300


def test_a_handler_that_is_made_meanwhile_sends_there_too(logger: logging.Logger, gntp_receiver: GNTPReceiver) -> None:
    """An application that configures its logging inside the test."""
    attach(logger, host="growl.invalid")
    logger.error("it broke")
    assert [toast.title for toast in gntp_receiver.notifications] == ["it broke"]


@pytest.mark.parametrize("how", ["option", "environment"])
def test_both_switches_are_overridden_until_it_ends(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, receiver: RunningReceiver, how: str
) -> None:
    """A team that never pages anyone from CI tests its alerting all the same."""
    monkeypatch.setenv("GNTP_LOGGING_DISABLED", "1" if how == "environment" else "")
    handler = attach(logger, host="127.0.0.1", port=receiver.port, enabled=how != "option")
    logger.error("before")
    with testing.receiver() as redirected:
        logger.error("meanwhile")
        assert redirected.wait_for().title == "meanwhile"
        assert handler.enabled is False
    logger.error("after")
    assert handler.flush()
    assert handler.stats().accepted == 0
    assert receiver.toasts == []


def test_what_was_logged_before_and_after_goes_where_it_was_meant_to_go(
    logger: logging.Logger, receiver: RunningReceiver
) -> None:
    """The fixture takes only what is logged while it is there."""
    handler = attach(logger, host="127.0.0.1", port=receiver.port)
    logger.error("before")
    with testing.receiver() as redirected:
        logger.error("meanwhile")
        assert len(redirected.notifications) == 1
    logger.error("after")
    assert handler.flush()
    assert [toast.title for toast in receiver.toasts] == ["before", "after"]


def test_notifications_are_complete_without_waiting(logger: logging.Logger, gntp_receiver: GNTPReceiver) -> None:
    """That nothing was alerted to can be asserted, and so can the exact count of what repeated."""
    attach(logger)
    assert gntp_receiver.notifications == []
    for _ in range(1000):
        logger.error("it broke")
    assert gntp_receiver.notifications[-1].title == "1,000 × it broke"


def test_wait_for_takes_texts_patterns_and_functions(logger: logging.Logger, gntp_receiver: GNTPReceiver) -> None:
    """Whichever says best what is meant."""
    attach(logger)
    logger.warning("order 7")
    logger.error("customer %s", "x")
    assert gntp_receiver.wait_for("ERROR").title == "customer x"
    assert gntp_receiver.wait_for(re.compile(r"order \d")).text.startswith("WARNING")
    assert gntp_receiver.wait_for(lambda toast: toast.priority == 1).name == "Error"


def test_wait_for_waits_for_what_is_logged_later(logger: logging.Logger, gntp_receiver: GNTPReceiver) -> None:
    """Alerts of other threads."""
    import threading

    attach(logger)
    logger.error("soon")

    def react() -> None:
        gntp_receiver.wait_for("soon")
        logger.error("later")

    thread = threading.Thread(target=react)
    thread.start()
    assert gntp_receiver.wait_for("later").name == "Error"
    thread.join()


def test_a_failure_says_what_came_instead(logger: logging.Logger, gntp_receiver: GNTPReceiver) -> None:
    """Whoever reads it knows why."""
    handler = attach(logger)
    with pytest.raises(AssertionError, match=r"nothing came; .*GNTPHandler 'shop'"):
        gntp_receiver.wait_for("order", timeout=0.01)
    logger.error("customer")
    assert handler.flush()
    with pytest.raises(AssertionError, match=r"no alert with 'order' within 0.01 s; 1 others came:\n  customer:"):
        gntp_receiver.wait_for("order", timeout=0.01)


def test_clear_begins_anew(logger: logging.Logger, gntp_receiver: GNTPReceiver) -> None:
    """Repeats too: after it, the same error is a first one."""
    attach(logger)
    logger.error("it broke")
    gntp_receiver.clear()
    assert gntp_receiver.notifications == []
    logger.error("it broke")
    (toast,) = gntp_receiver.notifications
    assert "times" not in toast.title


def test_one_at_a_time(gntp_receiver: GNTPReceiver) -> None:
    """Two would take each other's alerts."""
    with pytest.raises(RuntimeError, match="one at a time"), testing.receiver():
        pass


def test_a_handler_that_is_thrown_away_meanwhile_is_gone(gntp_receiver: GNTPReceiver) -> None:
    """Redirection keeps nothing alive."""
    handler = GNTPHandler(app_name="shop")
    gone = weakref.ref(handler)
    del handler
    gc.collect()
    assert gone() is None


def test_handlers_that_live_through_many_tests_keep_nothing_of_them(logger: logging.Logger) -> None:
    """Neither their receivers' workers, nor their threads."""
    handler = attach(logger, host="growl.invalid")
    workers = []
    for _ in range(3):
        with testing.receiver() as receiver:
            logger.error("it broke")
            receiver.wait_for()
            workers.append(weakref.ref(handler._worker))

    def are_gone() -> bool:  # the last thread may be about to end
        gc.collect()
        return not any(worker() for worker in workers)

    wait_until(are_gone)


def run_pytest(folder: Path, code: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a user's test file with pytest, in a process of its own."""
    (folder / "test_shop.py").write_text(textwrap.dedent(code), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_shop.py"],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.program
def test_pytest_finds_the_fixture_by_itself(tmp_path: Path) -> None:
    """Three lines are all that a team writes; the application's own configuration is never changed."""
    finished = run_pytest(
        tmp_path,
        f"""
        import logging, gntp_logging

        logging.getLogger().addHandler(gntp_logging.GNTPHandler(app_name="shop", port={free_port()}))

        def pay(amount):
            logging.getLogger("shop").error("amount %d is negative", amount)

        def test_a_negative_amount_is_an_alert(gntp_receiver):
            pay(-3)
            assert gntp_receiver.wait_for("amount -3 is negative").priority == 1

        def test_again(gntp_receiver):
            pay(-3)
            assert len(gntp_receiver.notifications) == 1
        """,
        {"GNTP_LOGGING_DISABLED": "1"},
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "2 passed" in finished.stdout
