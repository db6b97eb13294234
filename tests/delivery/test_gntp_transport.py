"""gntp_transport: what each answer of a server means for an alert."""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from gntp_logging.alerts.alert import Alert
from gntp_logging.delivery import gntp_transport
from gntp_logging.delivery.gntp_transport import MAX_EVENTS, MUTE, GNTPTransport
from gntp_logging.delivery.transport import OutgoingAlert, SendResult, SendStatus
from gntp_logging.gntp import ciphers
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.models import Event, Resource
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request
from tests.certificates import Issuer, serving_tls
from tests.support import (
    ScriptedServer,
    answer_error,
    free_port,
    make_alert,
    receive_request,
    requests_of,
    send_response,
)

ALERT = make_alert()


class OneByOne(GNTPTransport):
    """Sends one alert at a time, and takes seconds instead of a deadline."""

    def send_one(self, alert: Alert, id_: str, seconds: float = math.inf) -> SendResult:
        """Send an alert, and return what became of it."""
        (result,) = self.send([OutgoingAlert(alert, id_, id_)], time.monotonic() + seconds)
        return result


def delivery(port: int, **options: object) -> OneByOne:
    """Make a transport to a loopback port."""
    client = GNTPClient("127.0.0.1", port, timeout=5.0, **options)  # type: ignore[arg-type]  # a test's own options
    return OneByOne(client, "shop", Resource(data=b"shop"), [Event("Error", icon=Resource(data=b"error"))])


class Journal:
    """A server's function that notes each request and answers as a test says."""

    def __init__(self, answer: Callable[[Request, int], int | None]) -> None:
        self.requests: list[Request] = []
        self._answer = answer

    def __call__(self, sock: socket.socket, number: int) -> None:
        request = receive_request(sock)
        self.requests.append(request)
        code = self._answer(request, number)
        if code is None:
            send_response(sock, Response_Action=request.message_type)
        else:
            send_response(sock, "-ERROR", Error_Code=str(code), Error_Description="no")

    @property
    def types(self) -> str:
        """The first letters of the requests' types, in order."""
        return "".join(request.message_type[0] for request in self.requests)


def test_an_alert_is_registered_for_and_shown() -> None:
    """The first alert registers application, types and pictures; the second does not."""
    journal = Journal(lambda request, number: None)
    with ScriptedServer(journal) as server:
        sender = delivery(server.port)
        assert sender.send_one(ALERT, "id-1") == SendResult(SendStatus.SHOWN)
        assert sender.send_one(ALERT, "id-2") == SendResult(SendStatus.SHOWN)
    register, notify, _ = journal.requests
    assert register == RegisterRequest("shop", Resource(data=b"shop"), (Event("Error", icon=Resource(data=b"error")),))
    assert isinstance(notify, NotifyRequest)
    assert notify.notification.id_ == "id-1"
    assert journal.types == "RNN"


@pytest.mark.parametrize("code", [401, 402])
def test_a_server_that_has_forgotten_is_registered_with_again(code: int) -> None:
    """After 401 or 402 the application is registered and the same alert sent once more."""
    journal = Journal(lambda request, number: code if number == 2 else None)
    with ScriptedServer(journal) as server:
        sender = delivery(server.port)
        sender.send_one(ALERT, "id-1")
        assert sender.send_one(ALERT, "id-2").status is SendStatus.SHOWN
    assert journal.types == "RNNRN"
    assert [r.notification.id_ for r in journal.requests if isinstance(r, NotifyRequest)] == ["id-1", "id-2", "id-2"]


def test_a_server_that_never_remembers_ends_the_tries() -> None:
    """401 after registering again is an answer like any other: no loop."""
    journal = Journal(lambda request, number: 401 if isinstance(request, NotifyRequest) else None)
    with ScriptedServer(journal) as server:
        result = delivery(server.port).send_one(ALERT, "id")
    assert (result.status, result.reason) == (SendStatus.DROPPED, "error 401")
    assert journal.types == "RNRN"


def test_a_new_event_is_added_to_the_whole_list() -> None:
    """Registering again replaces the server's list, so that it names every type."""
    journal = Journal(lambda request, number: None)
    with ScriptedServer(journal) as server:
        sender = delivery(server.port)
        sender.send_one(ALERT, "1")
        sender.send_one(ALERT._replace(event="Deploy"), "2")
        sender.send_one(ALERT._replace(event="Deploy"), "3")
    assert journal.types == "RNRNN"
    register = journal.requests[2]
    assert isinstance(register, RegisterRequest)
    assert [event.name for event in register.events] == ["Error", "Deploy"]


def test_events_made_from_data_do_not_grow_for_ever() -> None:
    """Beyond the bound the oldest type that a record named is left out; those of levels stay."""
    sender = delivery(free_port())
    for number in range(MAX_EVENTS + 50):
        sender._ensure_event(f"order {number}")
    assert len(sender._events) == MAX_EVENTS
    assert "Error" in sender._events
    assert f"order {MAX_EVENTS + 49}" in sender._events


def test_already_processed_counts_as_shown() -> None:
    """403 says that the server has the notification."""
    journal = Journal(lambda request, number: 403 if isinstance(request, NotifyRequest) else None)
    with ScriptedServer(journal) as server:
        assert delivery(server.port).send_one(ALERT, "id").status is SendStatus.SHOWN


def test_a_registration_that_is_already_processed_is_one_and_the_alert_is_still_sent() -> None:
    """Its 403 is not the alert's."""
    journal = Journal(lambda request, number: 403 if isinstance(request, RegisterRequest) else None)
    with ScriptedServer(journal) as server:
        assert delivery(server.port).send_one(ALERT, "id").status is SendStatus.SHOWN
    assert journal.types == "RN"


def test_a_disabled_type_is_no_failure() -> None:
    """404 says that the user wants no such alerts: nothing to tell anybody."""
    with ScriptedServer(Journal(lambda request, number: 404 if isinstance(request, NotifyRequest) else None)) as server:
        result = delivery(server.port).send_one(ALERT, "id")
    assert result == SendResult(SendStatus.DROPPED, "disabled on the server")


def test_a_disabled_type_is_muted_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent for ten minutes; other types are; then the server is asked again."""
    enabled: list[bool] = []
    journal = Journal(
        lambda request, number: (
            404 if isinstance(request, NotifyRequest) and request.notification.name == "Error" and not enabled else None
        )
    )
    with ScriptedServer(journal) as server:
        sender = delivery(server.port)
        for _ in range(3):
            assert sender.send_one(ALERT, "id") == SendResult(SendStatus.DROPPED, "disabled on the server")
        assert journal.types == "RN"
        assert sender.send_one(ALERT._replace(event="Other"), "id").status is SendStatus.SHOWN
        enabled.append(True)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + MUTE - 1)
        assert sender.send_one(ALERT, "id").status is SendStatus.DROPPED
        monkeypatch.setattr(time, "monotonic", lambda: now + MUTE + 1)
        assert sender.send_one(ALERT, "id").status is SendStatus.SHOWN


def test_a_forked_child_asks_again_for_what_is_disabled() -> None:
    """As it registers again."""
    journal = Journal(lambda request, number: 404 if isinstance(request, NotifyRequest) else None)
    with ScriptedServer(journal) as server:
        sender = delivery(server.port)
        sender.send_one(ALERT, "id")
        sender.forget()
        sender.send_one(ALERT, "id")
    assert journal.types == "RNRN"


def test_a_garbled_answer_is_asked_for_once_more() -> None:
    """On a fresh connection, with the same id; a second one is told."""
    garbled = {1, 4, 6}
    ids: list[str | None] = []

    def serve(sock: socket.socket, number: int) -> None:
        request = receive_request(sock)
        if isinstance(request, NotifyRequest):
            ids.append(request.notification.id_)
        if number in garbled:
            sock.sendall(b"GNTP/1.0 -OK NONE\r\nno colon\r\n\r\n")
        else:
            send_response(sock, Response_Action=request.message_type)

    with ScriptedServer(serve) as server:
        sender = delivery(server.port)
        assert sender.send_one(ALERT, "one") == SendResult(SendStatus.SHOWN)
        assert sender.send_one(ALERT, "two").status is SendStatus.RETRY
    assert ids == ["one", "one", "two", "two"]


def test_a_wrong_password_is_refused_with_what_to_check() -> None:
    """400 to a keyed request says so, and names hash and cipher."""

    def serve(sock: socket.socket, _number: int) -> None:
        sock.recv(65536)
        send_response(sock, "-ERROR", Error_Code="400", Error_Description="bad key")

    with ScriptedServer(serve) as server:
        result = delivery(server.port, password="secret", encryption=ciphers.AES).send_one(ALERT, "id")
    assert result.status is SendStatus.REFUSED
    for part in ("does not accept the password", "400", "bad key", "check that the password", "SHA256 and AES"):
        assert part in result.hint
    assert "secret" not in result.hint


def test_a_missing_password_is_refused_with_what_to_do() -> None:
    """400 to a request without a key asks for one."""
    with ScriptedServer(answer_error(400)) as server:
        result = delivery(server.port).send_one(ALERT, "id")
    assert result.status is SendStatus.REFUSED
    assert "wants a password" in result.hint


@pytest.mark.parametrize("code", [300, 303, 500])
def test_another_error_drops_the_alert_with_the_servers_words(code: int) -> None:
    """The server's code is the reason, its description is in the hint."""
    with ScriptedServer(answer_error(code, "a description")) as server:
        result = delivery(server.port).send_one(ALERT, "id")
    assert (result.status, result.reason) == (SendStatus.DROPPED, f"error {code}")
    assert "a description" in result.hint


def test_a_failed_registration_is_tried_again() -> None:
    """Registration is a state: one that failed is never assumed."""
    journal = Journal(lambda request, number: 302 if number == 0 else None)
    with ScriptedServer(journal) as server:
        sender = delivery(server.port)
        assert sender.send_one(ALERT, "1").status is SendStatus.DROPPED
        assert sender.send_one(ALERT, "2").status is SendStatus.SHOWN
    assert journal.types == "RRN"


def test_nobody_listening_is_worth_another_try() -> None:
    """A refused connection keeps the alert."""
    result = delivery(free_port()).send_one(ALERT, "id")
    assert (result.status, result.reason) == (SendStatus.RETRY, "network")
    assert "refused" in result.hint


def test_the_advice_names_the_port_where_it_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies the command starts the server where the handler looks for it."""
    port = free_port()
    assert delivery(port).send_one(ALERT, "1").hint.endswith(f"gntp-logging listen --port {port}")
    monkeypatch.setattr(gntp_transport, "DEFAULT_PORT", port)
    assert delivery(port).send_one(ALERT, "1").hint.endswith("gntp-logging listen")


def test_a_server_that_never_answers_is_worth_another_try() -> None:
    """The exchange ends at its deadline."""
    with socket.create_server(("127.0.0.1", 0)) as hung:
        result = delivery(hung.getsockname()[1]).send_one(ALERT, "id", 0.05)
    assert (result.status, result.reason) == (SendStatus.RETRY, "network")
    assert re.search(r"within 0\.0[45]\d* s", result.hint)  # what was left when it began


def test_a_server_of_another_protocol_is_named_as_such() -> None:
    """An HTTP server on the port gives a hint about the port."""

    def serve(sock: socket.socket, _number: int) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with ScriptedServer(serve) as server:
        result = delivery(server.port).send_one(ALERT, "id")
    assert (result.status, result.reason) == (SendStatus.RETRY, "protocol")
    assert "is the port right?" in result.hint


@pytest.mark.parametrize("code", [None, 200, 201, 300, 303, 500])
def test_a_stumble_costs_a_second_try_on_a_new_connection(code: int | None) -> None:
    """A server that says the same again means it."""
    texts: list[str] = []
    connections: list[int] = []

    def serve(sock: socket.socket, number: int) -> None:
        for request in requests_of(sock):
            if isinstance(request, NotifyRequest):
                texts.append(request.notification.title)
                connections.append(number)
                if request.notification.title == "never" or texts.count("once") == 1:
                    headers: dict[str, Any] = {} if code is None else {"Error_Code": str(code)}
                    send_response(sock, "-ERROR", Error_Description="no", **headers)
                    return
            send_response(sock, Response_Action=request.message_type, keep_alive=True)

    with ScriptedServer(serve) as server:
        sender = delivery(server.port)
        assert sender.send_one(ALERT._replace(title="once"), "1") == SendResult(SendStatus.SHOWN)
        refused = sender.send_one(ALERT._replace(title="never"), "2")
    assert (refused.status, refused.reason) == (SendStatus.DROPPED, f"error {code or 'without a code'}")
    assert texts == ["once", "once", "never", "never"]
    assert len(set(connections)) >= 3


@pytest.mark.parametrize("code", [301, 302, 407, 999])
def test_a_refusal_is_final(code: int) -> None:
    """It is asked for once."""
    journal = Journal(lambda request, number: code if isinstance(request, NotifyRequest) else None)
    with ScriptedServer(journal) as server:
        result = delivery(server.port).send_one(ALERT, "id")
    assert (result.status, result.reason) == (SendStatus.DROPPED, f"error {code}")
    assert journal.types == "RN"


def test_a_batch_gets_its_second_tries_and_keeps_its_order() -> None:
    """Of four, one stumbles, and one is of a type that the server has forgotten."""
    first_time = {"b", "c"}

    def answer(request: Request, number: int) -> int | None:
        if isinstance(request, NotifyRequest) and request.notification.title in first_time:
            first_time.discard(request.notification.title)
            return {"b": 500, "c": 402}[request.notification.title]
        return None

    journal = Journal(answer)
    with ScriptedServer(journal) as server:
        sender = delivery(server.port)
        batch = [OutgoingAlert(ALERT._replace(title=title), title, title) for title in "abcd"]
        results = list(sender.send(batch, math.inf))
    assert [result.status for result in results] == [SendStatus.SHOWN] * 4
    assert journal.types[:5].count("N") == 4
    assert journal.types[5:] == "RNN"


def test_a_registration_that_is_refused_costs_the_first_of_a_batch_only() -> None:
    """The next one asks again."""
    journal = Journal(lambda request, number: 302 if number < 2 else None)
    with ScriptedServer(journal) as server:
        batch = [OutgoingAlert(ALERT, id_, id_) for id_ in ("1", "2", "3")]
        results = list(delivery(server.port).send(batch, math.inf))
    assert [result.status for result in results] == [SendStatus.DROPPED, SendStatus.DROPPED, SendStatus.SHOWN]
    assert journal.types == "RRRN"


def test_a_certificate_that_is_not_good_is_worth_another_try(issuer: Issuer) -> None:
    """It may be renewed; the hint names what is wrong, and asks for no server, which is there."""
    with serving_tls(lambda *_: None, issuer.issue(begins=-9, ends=-2)) as server:
        transport = delivery(server.port, tls=issuer.file)
        result = transport.send_one(ALERT, "1")
        transport.close()
    assert (result.status, result.reason, result.unanswered) == (SendStatus.RETRY, "TLS", 0)
    assert result.hint.startswith("the server's certificate has expired; ")
    assert "is a GNTP server running" not in result.hint


def test_whom_it_trusts_is_part_of_why_it_fails(issuer: Issuer) -> None:
    """One line on stderr serves the handlers that fail for one reason, and no others."""
    keys = [delivery(4711, **options).failure_key for options in ({}, {"tls": True}, {"tls": issuer.file})]
    assert len(set(keys)) == 3
    assert delivery(4711, tls=issuer.file).failure_key == keys[2]
