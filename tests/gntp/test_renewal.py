"""renewal: a subscription that does not end."""

from __future__ import annotations

import gc
import os
import socket
import threading
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp import renewal as renewal_module
from gntp_logging.gntp.exceptions import GNTPConnectionError
from gntp_logging.gntp.lib import Subscriber
from gntp_logging.gntp.renewal import renewal_delay
from gntp_logging.gntp.requests import Response
from gntp_logging.gntp.wire import encode
from tests.support import PATIENCE, ScriptedServer, free_port, receive_request, wait_until


def hub(answer: Callable[[int], Response], seen: threading.Semaphore) -> ScriptedServer:
    """Return a hub that answers its n-th SUBSCRIBE as a function says, and tells of each."""

    def serve(sock: socket.socket, number: int) -> None:
        assert receive_request(sock, ["secret"]).message_type == "SUBSCRIBE"
        sock.sendall(encode(answer(number)))
        seen.release()

    return ScriptedServer(serve)


def granted(_number: int = 0) -> Response:
    """Grant two seconds, the half of which is the shortest pause."""
    return Response("-OK", {"Response-Action": "SUBSCRIBE", "Subscription-TTL": "2"})


def subscriber(port: int) -> Subscriber:
    """Return a subscriber of a hub on loopback."""
    return Subscriber("sub-1", "laptop", ("127.0.0.1", port), "secret", timeout=PATIENCE)


@pytest.fixture
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal_module, "renewal_delay", lambda _ttl, _failures: 0.01)


@given(ttl=st.floats(0, 1e9), failures=st.integers(0, 10_000))
def test_a_subscription_is_renewed_before_it_ends(ttl: float, failures: int) -> None:
    """At half its length, or sooner after a failure; never in a busy loop."""
    delay = renewal_delay(ttl, failures)
    assert delay >= 1.0
    assert delay <= max(1.0, ttl / 2)
    assert not failures or delay <= 60


@pytest.mark.usefixtures("_without_pauses")
def test_a_subscription_is_renewed_until_it_is_stopped() -> None:
    """Again and again; closing ends the thread."""
    seen = threading.Semaphore(0)
    with hub(granted, seen) as server, subscriber(server.port) as joined:
        joined.start_renewing()
        joined.start_renewing()
        assert joined.ttl == 2
        for _ in range(4):
            assert seen.acquire(timeout=PATIENCE)
        assert joined.is_renewing
        joined.stop_renewing()
        joined.stop_renewing()
        assert joined._renewal is None
    wait_until(lambda: not any(thread.name == "gntp-renewal" for thread in threading.enumerate()))


@pytest.mark.usefixtures("_without_pauses")
@pytest.mark.parametrize("listener_fails", [False, True])
def test_a_failure_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch, listener_fails: bool) -> None:
    """The hub refuses twice, then grants: the error is known while it stands; a listener that raises ends nothing."""
    seen = threading.Semaphore(0)
    errors: list[Exception] = []
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)

    def listen(error: Exception) -> None:
        errors.append(error)
        if listener_fails:
            raise RuntimeError

    refused = Response("-ERROR", {"Error-Code": "500", "Error-Description": "busy"})
    with hub(lambda number: refused if number in (1, 2) else granted(), seen) as server:
        joined = subscriber(server.port)
        joined.start_renewing(listen)
        renewal = joined._renewal
        assert renewal is not None
        for _ in range(5):
            assert seen.acquire(timeout=PATIENCE)
        wait_until(lambda: renewal.last_error is None)
        joined.close()
    assert [str(error) for error in errors] == ["the server answered -ERROR 500: busy"] * 2
    assert len(reported) == (2 if listener_fails else 0)


def test_a_first_subscription_that_fails_is_raised() -> None:
    """And nothing is renewed."""
    joined = subscriber(free_port())
    with pytest.raises(GNTPConnectionError):
        joined.start_renewing()
    assert not joined.is_renewing


def test_a_forgotten_subscriber_is_not_renewed() -> None:
    """The thread does not keep it."""
    seen = threading.Semaphore(0)
    with hub(granted, seen) as server:
        joined = subscriber(server.port)
        joined.start_renewing()
        renewal, forgotten = joined._renewal, weakref.ref(joined)
        assert renewal is not None
        del joined
        gc.collect()
        assert forgotten() is None
        wait_until(lambda: not renewal.is_running)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_renews_nothing() -> None:
    """The subscription is the parent's."""
    with hub(granted, threading.Semaphore(0)) as server, subscriber(server.port) as joined:
        joined.start_renewing()
        pid = os.fork()
        if not pid:
            os._exit(1 if joined.is_renewing else 0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert joined.is_renewing
