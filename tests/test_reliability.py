"""The fault table of docs/reliability.md: what each fault does to the program, the alert and the counters."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gntp_logging import GNTPHandler, Stats
from gntp_logging.gntp import network
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request
from gntp_logging.receiver.tls_stream import server_context
from tests.certificates import Issuer
from tests.support import (
    PATIENCE,
    Attach,
    RunningReceiver,
    ScriptedServer,
    attaching,
    free_port,
    gntp_transport,
    receive_request,
    requests_of,
    running_receiver,
    said,
    send_response,
    wait_until,
)

Fault = Callable[[socket.socket], None]


@pytest.fixture
def attach(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> Iterator[Attach]:
    """Give the test's logger handlers; they fold, as handlers do."""
    with attaching(logger) as attach:
        yield attach


def reset(sock: socket.socket) -> None:
    """Make closing the socket a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def until_the_peer_leaves(sock: socket.socket) -> None:
    """Wait without an answer."""
    while sock.recv(65536):
        pass


class Faulty(ScriptedServer):
    """Fails with each connection as it is told, until it is healed; then it works.

    Attributes:
        requests: The whole requests that were read, in order.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(self._answer)
        self.requests: list[Request] = []
        self._fault = fault
        self.healed = threading.Event()

    def _answer(self, sock: socket.socket, _number: int) -> None:
        if not self.healed.is_set():
            self._fault(sock)
            return
        request = receive_request(sock)
        self.requests.append(request)
        send_response(sock, Response_Action=request.message_type)

    def texts(self) -> list[str]:
        """The texts of the notifications that were answered."""
        return [said(one.notification) for one in self.requests if isinstance(one, NotifyRequest)]


def adds_up(stats: Stats) -> bool:
    """Tell whether every accepted record is accounted for."""
    return stats.accepted == stats.shown + stats.folded + stats.digested + sum(stats.dropped.values()) + stats.queued


def before_the_answer(sock: socket.socket) -> None:
    """Read the request and never answer."""
    until_the_peer_leaves(sock)


def refuses(sock: socket.socket) -> None:
    """Close at once."""


def resets_at_once(sock: socket.socket) -> None:
    """Reset before anything was read."""
    reset(sock)


def resets_after_the_request(sock: socket.socket) -> None:
    """Read the request, then reset."""
    receive_request(sock)
    reset(sock)


def during_the_answer(sock: socket.socket) -> None:
    """Stop in the middle of the answer."""
    receive_request(sock)
    sock.sendall(b"GNTP/1.0 -OK NONE\r\nResponse-Act")
    until_the_peer_leaves(sock)


def closes_during_the_answer(sock: socket.socket) -> None:
    """Close in the middle of the answer."""
    receive_request(sock)
    sock.sendall(b"GNTP/1.0 -OK NONE\r\nResponse-Act")


def resets_during_the_answer(sock: socket.socket) -> None:
    """Reset in the middle of the answer."""
    closes_during_the_answer(sock)
    reset(sock)


def garbage(sock: socket.socket) -> None:
    """Answer something that is no GNTP."""
    receive_request(sock)
    sock.sendall(b"\x00\xff" * 50 + b"\r\n\r\n")


def another_protocol(sock: socket.socket) -> None:
    """Answer as a web server would."""
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def one_byte_at_a_time(sock: socket.socket) -> None:
    """Answer so slowly that each byte comes in time and the whole never does."""
    receive_request(sock)
    pause = threading.Event()
    for byte in b"GNTP/1.0 -OK NONE\r\nResponse-Action: NOTIFY\r\n\r\n":
        sock.sendall(bytes([byte]))
        pause.wait(0.1)


PASSING = [
    refuses,
    resets_at_once,
    resets_after_the_request,
    before_the_answer,
    during_the_answer,
    closes_during_the_answer,
    resets_during_the_answer,
    garbage,
    another_protocol,
    one_byte_at_a_time,
]


@pytest.mark.slow
@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.__name__)
def test_a_fault_that_passes_costs_a_delay(
    attach: Attach, logger: logging.Logger, capsys: pytest.CaptureFixture[str], fault: Fault
) -> None:
    """The alerts wait, counted; one line at the fault and one at its end; each is shown once."""
    with Faulty(fault) as server:
        handler = attach(server.port, timeout=0.3)
        logger.error("one")
        logger.warning("two")
        assert not handler.flush(PATIENCE)  # one attempt
        stats = handler.stats()
        assert (stats.accepted, stats.queued, stats.state) == (2, 2, "retrying")
        assert stats.last_error
        assert adds_up(stats)
        server.healed.set()
        gntp_transport(handler).timeout = PATIENCE
        assert handler.flush(PATIENCE)
        assert sorted(server.texts()) == ["one", "two"]  # they went side by side
    stats = handler.stats()
    assert (stats.shown, stats.queued, stats.state, stats.dropped) == (2, 0, "running", {})
    failure, recovery = capsys.readouterr().err.splitlines()
    assert failure.startswith(f"gntp_logging: cannot show alerts on 127.0.0.1:{server.port}: ")
    advices = (
        f"find out: gntp-logging check --host 127.0.0.1 --port {server.port}",
        f"start one: gntp-logging listen --port {server.port}",
        "; is the port right?",
    )
    assert failure.endswith(advices)
    assert recovery == f"gntp_logging: 127.0.0.1:{server.port} shows alerts again: 2 alerts waited, none lost"


def test_a_server_that_is_absent_costs_a_delay(
    attach: Attach, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody listens on the port; then somebody does."""
    port = free_port()
    handler = attach(port)
    logger.error("one")
    logger.warning("two")
    assert not handler.flush(PATIENCE)
    assert (handler.stats().queued, handler.stats().state) == (2, "retrying")
    with running_receiver(port=port) as receiver:
        assert handler.flush(PATIENCE)
        assert [said(toast) for toast in receiver.toasts] == ["one", "two"]
    failure, recovery = capsys.readouterr().err.splitlines()
    advice = f"start one: gntp-logging listen --port {port}"
    assert failure.endswith(f"Connection refused; is a GNTP server running there? {advice}")
    assert "2 alerts waited, none lost" in recovery


def test_a_server_that_hangs_after_the_answer_has_answered(attach: Attach, logger: logging.Logger) -> None:
    """It neither closes nor keeps the connection: each request has one of its own, and nothing waits for its end."""

    def answer_and_hang(sock: socket.socket, _number: int) -> None:
        send_response(sock, Response_Action=receive_request(sock).message_type)
        until_the_peer_leaves(sock)

    with ScriptedServer(answer_and_hang) as server:
        handler = attach(server.port)
        logger.error("one")
        logger.warning("two")
        assert handler.flush(PATIENCE)
        assert handler.stats().shown == 2
        assert server.connections == 3


@pytest.mark.parametrize("code", [200, 201, 300, 301, 302, 303, 407, 500, 999])
def test_an_error_is_counted_and_told(
    attach: Attach, logger: logging.Logger, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """-ERROR is never success: the alert is dropped under its code, on_error has its words, the next alert tells."""
    lost: list[tuple[str, str]] = []
    server = Refusing({"bad": code})
    with server:
        handler = attach(server.port, on_error=lambda alert, reason: lost.append((alert.title, reason)))
        logger.error("bad")
        assert handler.flush(PATIENCE)
        logger.warning("good")
        assert handler.flush(PATIENCE)
        wait_until(lambda: bool(lost))
    stats = handler.stats()
    assert (stats.accepted, stats.shown, stats.dropped) == (2, 1, {f"error {code}": 1})
    assert lost == [("bad", f"the server answered -ERROR {code}: because")]
    assert server.shown == [f"good\n(1 alert was dropped: error {code})"]
    failure, _ = capsys.readouterr().err.splitlines()
    assert f"the server answered -ERROR {code}: because" in failure


class Refusing(ScriptedServer):
    """Answers notifications with the error that their text has in a table; each time, or the first time only."""

    def __init__(self, codes: dict[str, int], *, once: bool = False) -> None:
        super().__init__(self._answer)
        self.requests: list[str] = []
        self.shown: list[str] = []
        self._codes = codes
        self._once = once

    def _answer(self, sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        text = said(request.notification) if isinstance(request, NotifyRequest) else request.message_type
        self.requests.append(text)
        code = self._codes.pop(text, None) if self._once else self._codes.get(text)
        if code is not None:
            send_response(sock, "-ERROR", Error_Code=str(code), Error_Description="because")
            return
        if isinstance(request, NotifyRequest):
            self.shown.append(text)
        send_response(sock, Response_Action=request.message_type)


@pytest.mark.parametrize("code", [401, 402])
def test_a_server_that_does_not_know_the_application_is_told_again(
    attach: Attach, logger: logging.Logger, code: int
) -> None:
    """After 401 and 402 it is registered and the same alert sent once more: nothing is lost, nobody hears of it."""
    with Refusing({"one": code}, once=True) as server:
        handler = attach(server.port)
        logger.error("one")
        assert handler.flush(PATIENCE)
        assert server.requests == ["REGISTER", "one", "REGISTER", "one"]
    assert (handler.stats().shown, handler.stats().last_error) == (1, None)


def test_a_server_that_has_seen_it_already_has_shown_it(attach: Attach, logger: logging.Logger) -> None:
    """403 counts as delivered."""
    with Refusing({"one": 403}) as server:
        handler = attach(server.port)
        logger.error("one")
        assert handler.flush(PATIENCE)
    assert (handler.stats().shown, handler.stats().dropped) == (1, {})


def test_a_type_that_the_user_has_disabled_is_left_alone(
    attach: Attach, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """404 mutes the type: one request for it, and not a word; other types are shown."""
    with Refusing({"one": 404, "two": 404}) as server:
        handler = attach(server.port)
        logger.error("one")
        assert handler.flush(PATIENCE)
        logger.error("two")
        logger.warning("three")
        assert handler.flush(PATIENCE)
        assert server.requests == ["REGISTER", "one", "three"]
    assert handler.stats().dropped == {"disabled on the server": 2}
    assert handler.stats().shown == 1
    assert capsys.readouterr().err == ""


def test_a_wrong_password_stops_the_alerts_for_minutes(
    attach: Attach, logger: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 is asked about once, with a hint; minutes later the server is looked at again."""
    with running_receiver(["right"]) as receiver:
        handler = attach(receiver.port, password="wrong")
        logger.error("one")
        logger.error("two")
        assert handler.flush(PATIENCE)
        stats = handler.stats()
        assert (stats.state, stats.dropped, stats.queued) == ("refused", {"not authorized": 2}, 0)
        (hint,) = capsys.readouterr().err.splitlines()
        assert "check that the password is the server's" in hint
        handler._worker._transport = gntp_transport(GNTPHandler(port=receiver.port, password="right"))
        later = time.monotonic() + 301
        monkeypatch.setattr("gntp_logging.delivery.worker_state.time", FakeTime(later))
        logger.warning("three")
        assert handler.flush(PATIENCE)
        (toast,) = receiver.toasts
    assert said(toast) == "three\n(2 alerts were dropped: not authorized)"
    assert handler.stats().state == "running"


class FakeTime:
    """A module time whose monotonic clock stands at a moment ahead, and goes on from there."""

    def __init__(self, start: float) -> None:
        self._ahead = start - time.monotonic()

    def monotonic(self) -> float:
        """Return the time there."""
        return time.monotonic() + self._ahead


def test_a_server_that_restarts_gets_everything(attach: Attach, logger: logging.Logger) -> None:
    """It has forgotten the application, and its port was closed for a while."""
    with running_receiver() as receiver:
        handler = attach(receiver.port)
        logger.error("before")
        assert handler.flush(PATIENCE)
    logger.error("while it is down")
    assert not handler.flush(PATIENCE)
    with running_receiver(port=receiver.port) as restarted:
        logger.warning("after")
        assert handler.flush(PATIENCE)
        assert [said(toast) for toast in restarted.toasts] == ["while it is down", "after"]
    assert (handler.stats().shown, handler.stats().dropped) == (3, {})


def test_a_server_that_restarts_unnoticed_is_registered_with_again(attach: Attach, logger: logging.Logger) -> None:
    """Between two alerts: the second is answered with 401, and shown all the same."""
    with running_receiver() as receiver:
        handler = attach(receiver.port)
        logger.error("before")
        assert handler.flush(PATIENCE)
    with running_receiver(port=receiver.port) as restarted:
        logger.error("after")
        assert handler.flush(PATIENCE)
        assert [said(toast) for toast in restarted.toasts] == ["after"]
    assert handler.stats().last_error is None


@pytest.mark.parametrize("fault", [before_the_answer, resets_after_the_request, garbage], ids=lambda f: f.__name__)
def test_an_answer_that_is_lost_makes_one_duplicate_at_most(
    attach: Attach, logger: logging.Logger, fault: Fault
) -> None:
    """The server reads the alert and its answer does not arrive: it is sent once more, under the same ids."""
    read: list[NotifyRequest] = []

    def serve(sock: socket.socket, _number: int) -> None:
        peeked = sock.recv(65536, socket.MSG_PEEK)
        if b"NOTIFY" in peeked.split(b"\r\n", 1)[0]:
            request = receive_request(Peeked(sock))  # type: ignore[arg-type]  # enough of a socket
            assert isinstance(request, NotifyRequest)
            read.append(request)
            if said(request.notification) == "lost" and len(read) == 1:
                fault(sock)
                return
        send_response(sock, Response_Action=receive_request(sock).message_type)

    with ScriptedServer(serve) as server:
        handler = attach(server.port, timeout=1.0)
        logger.error("lost")
        if not handler.flush(PATIENCE):
            assert handler.flush(PATIENCE)
    first, second = read
    assert first.notification.id_ == second.notification.id_ == second.notification.coalescing_id
    assert handler.stats().shown == 1


class Peeked:
    """Reads a socket's bytes and leaves them there."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def recv(self, size: int) -> bytes:
        """Return what waits."""
        return self._sock.recv(size, socket.MSG_PEEK)


@pytest.mark.parametrize("fault", [before_the_answer, resets_after_the_request, garbage], ids=lambda f: f.__name__)
def test_an_alert_that_is_never_answered_is_sent_twice_and_counted(
    attach: Attach, logger: logging.Logger, fault: Fault
) -> None:
    """A server that answers everything but this one alert does not get it for ever; the next alert tells."""
    poison: list[str] = []
    shown: list[str] = []

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(Peeked(sock))  # type: ignore[arg-type]  # enough of a socket
        if isinstance(request, NotifyRequest) and said(request.notification) == "poison":
            poison.append(request.notification.id_ or "")
            fault(sock)
            return
        if isinstance(request, NotifyRequest):
            shown.append(said(request.notification))
        send_response(sock, Response_Action=receive_request(sock).message_type)

    with ScriptedServer(serve) as server:
        handler = attach(server.port, timeout=1.0)
        logger.error("poison")
        while handler.stats().queued:
            handler.flush(PATIENCE)
        logger.warning("next")
        assert handler.flush(PATIENCE)
    assert len(poison) == 2
    assert len(set(poison)) == 1
    assert handler.stats().dropped == {"no answer": 1}
    assert shown == ["next\n(1 alert was dropped: no answer)"]


def test_a_name_look_up_that_hangs_holds_up_nobody_else(
    attach: Attach, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, receiver: RunningReceiver
) -> None:
    """The system bounds it by nothing: logging, flush, close and the other handler do not wait for it."""
    hangs, answer = threading.Event(), threading.Event()
    real = network.look_up

    def look_up(host: str, port: int) -> Any:
        hangs.set()
        answer.wait(PATIENCE)
        return real("127.0.0.1", port)

    monkeypatch.setattr("gntp_logging.gntp.channel.look_up", look_up)
    slow = attach(receiver.port, host="desktop.example", shutdown_timeout=0.05)
    fast = attach(receiver.port)
    logger.error("to both")
    assert hangs.wait(PATIENCE)
    assert fast.flush(PATIENCE)
    assert [said(toast) for toast in receiver.toasts] == ["to both"]
    assert not slow.flush()
    assert slow.stats().queued == 1
    slow.close()
    assert slow.stats().dropped == {"not delivered in time": 1}
    answer.set()


def test_a_name_that_nobody_knows_is_a_delay(
    attach: Attach, logger: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop without its network looks up names in vain; when the network is back it finds them."""

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with running_receiver() as receiver:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", unknown)
            handler = attach(receiver.port, host="localhost.localdomain")
            logger.error("it broke")
            assert not handler.flush(PATIENCE)
            assert "Name or service not known" in capsys.readouterr().err
        monkeypatch.setattr("gntp_logging.gntp.channel.look_up", lambda _, port: network.look_up("127.0.0.1", port))
        assert handler.flush(PATIENCE)
        assert [said(toast) for toast in receiver.toasts] == ["it broke"]


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0], ids=["back", "ahead"])
def test_a_step_of_the_clock_changes_nothing(
    attach: Attach, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    """Ages, pauses and deadlines go by the monotonic clock; only times in texts are the wall clock's."""
    port = free_port()
    handler = attach(port)
    logger.error("before the step")
    assert not handler.flush(PATIENCE)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + step)
    logger.warning("after the step")
    with running_receiver(port=port) as receiver:
        assert handler.flush(PATIENCE)
        assert [toast.title for toast in receiver.toasts] == ["before the step", "after the step"]


def test_the_program_goes_on_while_the_server_hangs(attach: Attach, logger: logging.Logger) -> None:
    """A thousand records are queued while nothing is answered: the gate opens only after the last."""
    opened = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        assert opened.wait(PATIENCE)
        send_response(sock, Response_Action=request.message_type)

    with ScriptedServer(serve) as server:
        handler = attach(server.port, timeout=PATIENCE * 6)
        for number in range(1000):
            logger.error("%s", f"record {number}")
        stats = handler.stats()
        assert (stats.accepted, stats.shown) == (1000, 0)
        assert adds_up(stats)
        opened.set()
        assert handler.flush(PATIENCE * 3)


@pytest.mark.slow
def test_after_an_outage_the_young_are_shown_and_the_rest_is_one_digest(attach: Attach, logger: logging.Logger) -> None:
    """How many, of which levels, from when to when, and the newest message."""
    port = free_port()
    handler = attach(port, max_age=0.6)
    for number in range(20):
        logger.error("no connection to shard %d", number)
    for number in range(3):
        logger.critical("disk %d full", number)
    logged = time.monotonic()
    assert not handler.flush(PATIENCE)
    wait_until(lambda: time.monotonic() > logged + 0.6)
    logger.error("young")
    with running_receiver(port=port) as receiver:
        assert handler.flush(PATIENCE)
        young, digest = receiver.toasts
    assert said(young) == "young"
    assert (digest.title, digest.priority, digest.sticky) == (
        "23 more alerts: 20 × no connection to shard 19, 3 × disk 2 full",
        2,
        True,
    )
    levels, when = said(digest).split("\n")[1:]
    assert levels == "3 CRITICAL, 20 ERROR"
    assert re.fullmatch("first .*[0-9:]{8}, last .*[0-9:]{8}", when)
    stats = handler.stats()
    assert (stats.accepted, stats.shown, stats.digested, stats.notifications) == (24, 1, 23, 2)


def test_registering_is_never_assumed(attach: Attach, logger: logging.Logger) -> None:
    """A registration that was refused or lost is made again before the next alert."""

    def refuse(sock: socket.socket) -> None:
        send_response(sock, "-ERROR", Error_Code="302")

    answers: Iterator[Fault] = iter([refuses, refuse])
    requests: list[Request] = []

    def serve(sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        requests.append(request)
        next(answers, lambda sock: send_response(sock, Response_Action=request.message_type))(sock)

    with ScriptedServer(serve) as server:
        handler = attach(server.port)
        logger.error("one")
        assert not handler.flush(PATIENCE)  # closed without an answer
        assert handler.flush(PATIENCE)  # 302
        logger.error("two")
        assert handler.flush(PATIENCE)
    assert [type(request) for request in requests] == [RegisterRequest] * 3 + [NotifyRequest]
    assert handler.stats().dropped == {"error 302": 1}


# -- Behind a tunnel -----------------------------------------------------------------------------


class Tunnel(ScriptedServer):
    """Accepts connections for a server whether it is there or not, as ``ssh -L`` does."""

    def __init__(self) -> None:
        super().__init__(self._carry)
        self.server: ScriptedServer | None = None

    def _carry(self, sock: socket.socket, _number: int) -> None:
        server = self.server
        if server is None:
            return  # accepted, and closed without a word
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as beyond:
            back = threading.Thread(target=self._pump, args=(beyond, sock))
            back.start()
            self._pump(sock, beyond)
            back.join(PATIENCE)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@pytest.mark.slow
@pytest.mark.parametrize(("keeps", "lives"), [(True, (6, 9, 7, 11, 8)), (False, (26, 29, 27, 31, 28))])
def test_behind_a_tunnel_a_server_that_is_killed_costs_no_alert(
    attach: Attach, logger: logging.Logger, keeps: bool, lives: tuple[int, ...]
) -> None:
    """Killed five times with an alert read and unanswered, and away in between: each arrives, none is dropped."""
    shown: list[str] = []
    lock = threading.Lock()

    def mortal(last: int) -> Callable[[socket.socket, int], None]:
        """Return a server's function that reads so many notifications and dies with the last."""
        read: list[str] = []

        def serve(sock: socket.socket, _number: int) -> None:
            for request in requests_of(sock):
                with lock:
                    if isinstance(request, NotifyRequest):
                        read.append(said(request.notification))
                        shown.append(read[-1])
                    if len(read) >= last:
                        tunnel.server = None
                        return
                send_response(sock, Response_Action=request.message_type, keep_alive=keeps)
                if not keeps:
                    return

        return serve

    with Tunnel() as tunnel:
        handler = attach(tunnel.port, repeat_window=0, rate=0)
        count = 2 * sum(lives)
        for number in range(count):
            logger.error("alert %d", number)
        # Never the same one twice: that could be what kills it. Side by side, one may be late by some.
        for last in (*lives, 10_000):
            assert not handler.flush(PATIENCE)  # nobody is there, or nobody is there any more
            with ScriptedServer(mortal(last)) as server:
                tunnel.server = server
                if last == 10_000:
                    assert handler.flush(PATIENCE)
                else:
                    handler.flush(PATIENCE)
                    wait_until(lambda: tunnel.server is None)
    stats = handler.stats()
    assert (stats.accepted, stats.shown, stats.dropped, stats.queued) == (count, count, {}, 0)
    assert {*shown} == {f"alert {number}" for number in range(count)}
    assert len(shown) <= count + 5 * (1 if keeps else 4)  # only what was read and unanswered is repeated


# -- TLS -----------------------------------------------------------------------------------------


def test_a_certificate_that_has_expired_costs_a_delay(
    attach: Attach, logger: logging.Logger, capsys: pytest.CaptureFixture[str], issuer: Issuer
) -> None:
    """One line says what is wrong with it and what to do; with a new one everything is shown. Nothing went in clear."""
    expired = server_context(issuer.issue(begins=-9, ends=-2))
    with running_receiver(tls=expired) as receiver:
        handler = attach(receiver.port, tls=issuer.file)
        logger.error("one")
        logger.warning("two")
        assert not handler.flush(PATIENCE)  # one attempt
        assert (handler.stats().queued, receiver.toasts) == (2, [])
        receiver.receiver.server.tls = server_context(issuer.issue())
        assert handler.flush(PATIENCE)
        assert sorted(said(toast) for toast in receiver.toasts) == ["one", "two"]
    failure, recovery = capsys.readouterr().err.splitlines()
    assert failure == (
        f"gntp_logging: cannot show alerts on 127.0.0.1:{receiver.port}: the server's certificate has expired;"
        " let the server have a new one, and compare the clocks"
    )
    assert recovery.endswith("shows alerts again: 2 alerts waited, none lost")


def test_a_server_that_stops_to_speak_tls_gets_nothing(
    attach: Attach, logger: logging.Logger, capsys: pytest.CaptureFixture[str], issuer: Issuer, certificate: Path
) -> None:
    """The alerts wait until it does again."""
    with running_receiver(tls=server_context(certificate)) as receiver:
        handler = attach(receiver.port, tls=issuer.file)
        logger.error("one")
        assert handler.flush(PATIENCE)
        port = receiver.port
    with running_receiver(port=port) as plain:
        logger.error("two")
        assert not handler.flush(PATIENCE)
        assert plain.toasts == []
    with running_receiver(port=port, tls=server_context(certificate)) as receiver:
        assert handler.flush(PATIENCE)
        assert [said(toast) for toast in receiver.toasts] == ["two"]
    assert "the server speaks no TLS" in capsys.readouterr().err.splitlines()[0]
