"""A server that fails at random: answers belong to their requests, and nothing is sent twice without need."""

from __future__ import annotations

import random
import socket
import struct

import pytest

from gntp_logging.gntp.channel import forget_servers
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import (
    GNTPConnectionError,
    GNTPError,
    GNTPProtocolError,
    GNTPResponseError,
    GNTPTimeoutError,
)
from gntp_logging.gntp.models import Notification
from gntp_logging.gntp.requests import NotifyRequest, Response
from gntp_logging.gntp.wire import encode
from tests.support import PATIENCE, ScriptedServer, requests_of

pytestmark = pytest.mark.usefixtures("nothing_is_left_open")


class ChaoticServer(ScriptedServer):
    """Keeps connections or closes them, answers in pieces, refuses, leaves, resets and talks nonsense, as a seed says.

    Attributes:
        seen: The id of each request that it has read, in order.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(self._serve)
        self.seen: list[str] = []
        self._seed = seed

    def _serve(self, sock: socket.socket, number: int) -> None:
        choose = random.Random(f"{self._seed}-{number}")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        kind = choose.choice(["keeps", "keeps", "keeps", "closes", "forgets END"])
        for request in requests_of(sock):
            assert isinstance(request, NotifyRequest)
            id_ = request.notification.id_ or ""
            self.seen.append(id_)
            what = choose.choices(["answer", "refuse", "leave", "reset", "cut", "garbage"], [90, 3, 3, 2, 1, 1])[0]
            if what == "leave":
                return
            if what == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            answer = encode(Response("-OK", {"Notification-ID": id_}), keep_alive=kind == "keeps")
            if what == "refuse":
                error = {"Error-Code": "402", "Error-Description": id_}
                answer = encode(Response("-ERROR", error), keep_alive=choose.random() < 0.5)
            elif what == "cut":
                sock.sendall(answer[: choose.randrange(5, 30)])
                return
            elif what == "garbage":
                answer = b"garbage\r\n\r\n"
            while answer:
                size = choose.choice([1, 5, 20, len(answer)])
                sock.sendall(answer[:size])
                answer = answer[size:]
            if kind == "closes":
                return


def request(id_: str, size: int = 10) -> NotifyRequest:
    """Return a notification with an id."""
    return NotifyRequest("app", Notification("event", "title", "x" * size, id_))


def belongs(answer: Response | GNTPError, id_: str) -> bool:
    """Tell whether an answer is this request's own, or says that there is none; a deadline is never needed."""
    if isinstance(answer, Response):
        return answer.headers["Notification-ID"] == id_
    if isinstance(answer, GNTPResponseError):
        return answer.error_description == id_
    return isinstance(answer, (GNTPConnectionError, GNTPProtocolError)) and not isinstance(answer, GNTPTimeoutError)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(25))
def test_answers_belong_to_their_requests(seed: int) -> None:
    """In batches and one by one; a batch sends nothing twice, a single request at most once more."""
    choose = random.Random(seed)
    ids = map(str, range(10_000))
    forget_servers()
    with ChaoticServer(seed) as server, GNTPClient("127.0.0.1", server.port, PATIENCE) as client:
        for _ in range(6):
            batch = [next(ids) for _ in range(choose.randrange(1, 40))]
            size = choose.choice([1, 1000, 30_000])
            answers = client.process_requests([request(id_, size) for id_ in batch])
            assert [belongs(answer, id_) for answer, id_ in zip(answers, batch, strict=True)] == [True] * len(batch)
            assert all(server.seen.count(id_) <= 1 for id_ in batch)

            single = next(ids)
            answer: Response | GNTPError | None
            try:
                answer = client.process_request(request(single))
            except GNTPError as error:
                answer = error
            assert answer is not None
            assert belongs(answer, single)
            assert server.seen.count(single) <= 2
