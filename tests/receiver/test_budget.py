"""budget: the memory that peers may take, each and all together; wrong keys cost only those who have them."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.models import Event, Resource
from gntp_logging.gntp.requests import RegisterRequest
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver import budget as budget_module
from gntp_logging.receiver.budget import Budget, Usage
from gntp_logging.receiver.descriptors import affordable_connections
from tests.receiver.conftest import ask, connected, error_code, read_answer, register, secured
from tests.support import PATIENCE, running_receiver, wait_until

REGISTER = RegisterRequest("app", None, [Event("event")])


def test_one_peer_cannot_take_all_connections() -> None:
    """There is one left for another."""
    usage = Usage(Budget(connections=3, connections_per_peer=2))
    assert [usage.connect("a") for _ in range(3)] == [True, True, False]
    assert [usage.connect("b"), usage.connect("c")] == [True, False]
    usage.disconnect("a")
    assert usage.connect("c")
    assert (usage.connections(), usage.connections("a"), usage.connections("d")) == (3, 1, 0)


def test_one_peer_cannot_take_all_memory() -> None:
    """Nor can all together take more than there is."""
    usage = Usage(Budget(held=100, held_per_peer=60))
    usage.hold("a", 60)
    with pytest.raises(GNTPProtocolError, match=r"^too much at once: this server has no room for the request$"):
        usage.hold("a", 1)
    usage.release("a", 61)
    usage.hold("a", 50)
    with pytest.raises(GNTPProtocolError, match="no room"):
        usage.hold("b", 51)
    usage.release("b", 51)
    usage.hold("b", 50)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 50)), max_size=60))
def test_what_is_given_back_can_be_taken_again(steps: list[tuple[str, int]]) -> None:
    """And nothing is left of peers that have gone."""
    usage = Usage(Budget(held=10**9, held_per_peer=10**9))
    for peer, size in steps:
        assert usage.connect(peer)
        usage.hold(peer, size)
    for peer, size in reversed(steps):
        usage.release(peer, size)
        usage.disconnect(peer)
    assert (usage.connections(), usage._all_held) == (0, 0)
    assert not usage._connections
    assert not usage._held


def test_an_unfinished_request_holds_room_only_while_it_lasts() -> None:
    """Others are refused meanwhile, with 300; afterwards they are served."""
    body = encode(RegisterRequest("app", Resource(b"x" * 30_000), [Event("event")]))
    with running_receiver(budget=Budget(held=40_000, held_per_peer=40_000)) as receiver:
        with connected(receiver.port) as slow:
            slow.sendall(body[:25_000])
            usage = receiver.receiver.server._usage
            wait_until(lambda: usage._all_held >= 25_000)
            assert error_code(ask(receiver.port, body)) == 300
        wait_until(lambda: usage._all_held == 0)
        assert ask(receiver.port, body).message_type == "-OK"


def test_wrong_keys_are_refused_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first few; and after a while without one, at once again."""
    usage = Usage(Budget())
    delays = [usage.delay("a") for _ in range(12)]
    assert delays[:3] == [0.0, 0.0, 0.0]
    assert delays[3:6] == [0.1, 0.2, 0.4]
    assert delays[-1] == 3.0
    assert usage.delay("b") == 0.0
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert [usage.delay("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.1]


@pytest.mark.slow
@pytest.mark.program
@pytest.mark.skipif(affordable_connections(2600) < 2600, reason="needs 3,000 descriptors: ulimit -n 3000")
def test_a_crowd_without_keys_keeps_nobody_out() -> None:
    """2,400 connections from two addresses, opened again when they are closed, and clients of three addresses."""
    with running_receiver(["secret"]) as receiver, crowd(receiver.port, 2400):
        for number in range(20):
            with socket.socket() as sock:
                sock.settimeout(PATIENCE)
                sock.bind((f"127.0.0.{1 + number % 3}", 0))
                sock.connect(("127.0.0.1", receiver.port))
                sock.sendall(secured(REGISTER, "secret", "SHA256", None))
                assert read_answer(sock).message_type == "-OK"
        assert len(receiver.receiver.server._places) < 150


@contextlib.contextmanager
def crowd(port: int, count: int) -> Iterator[None]:
    """Run a program that holds so many connections from two addresses, and says nothing on them."""
    program = subprocess.Popen([sys.executable, "-c", CROWD, str(port), str(count)], stdout=subprocess.PIPE)
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == b"all are there\n"
        yield
    finally:
        program.kill()
        program.communicate()


CROWD = """
import selectors, socket, sys
port, count = map(int, sys.argv[1:])
watched = selectors.DefaultSelector()

def come(address):
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((address, 0))
    sock.connect_ex(("127.0.0.1", port))
    watched.register(sock, selectors.EVENT_READ, address)

for number in range(count):
    come(f"127.0.0.{1 + number % 2}")
print("all are there", flush=True)
while True:
    for key, _ in watched.select():
        watched.unregister(key.fileobj)
        key.fileobj.close()
        come(key.data)
"""


def test_peers_that_fail_are_remembered_up_to_a_bound() -> None:
    """Addresses are cheap."""
    usage = Usage(Budget())
    for number in range(3000):
        usage.delay(str(number))
    assert list(usage._failures) == [str(number) for number in range(3000 - budget_module.MAX_PEERS, 3000)]


def test_a_right_key_is_served_while_wrong_ones_of_the_same_peer_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forgotten script with an old password does not lock its machine out."""
    monkeypatch.setattr(budget_module, "_FIRST_DELAY", 30.0)
    monkeypatch.setattr(budget_module, "_LAST_DELAY", 30.0)
    wrong, right = secured(REGISTER, "wrong", "SHA256", None), secured(REGISTER, "right", "SHA256", None)
    with running_receiver(["right"]) as receiver:
        for _ in range(3):
            assert error_code(ask(receiver.port, wrong)) == 400
        with connected(receiver.port) as guessing:
            guessing.sendall(wrong)
            wait_until(lambda: receiver.receiver.server._usage._failures["127.0.0.1"][0] == 4)
            assert ask(receiver.port, right).message_type == "-OK"
            guessing.shutdown(socket.SHUT_RDWR)


def test_refusals_that_wait_are_sent_when_others_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind one address may be many people who mistype: each hears 400, at the latest when there is no place left."""
    monkeypatch.setattr(budget_module, "_FIRST_DELAY", 30.0)
    monkeypatch.setattr(budget_module, "_LAST_DELAY", 30.0)
    wrong, right = secured(REGISTER, "wrong", "SHA256", None), secured(REGISTER, "right", "SHA256", None)
    with running_receiver(["right"], budget=Budget(silent_per_peer=12)) as receiver, contextlib.ExitStack() as waiting:
        for _ in range(3):
            assert error_code(ask(receiver.port, wrong)) == 400
        guesses = []
        for _ in range(60):
            guesses.append(waiting.enter_context(connected(receiver.port)))
            guesses[-1].sendall(wrong)
        for guess in guesses[:30]:
            assert error_code(read_answer(guess)) == 400
        assert ask(receiver.port, right).message_type == "-OK"


def test_a_refusal_that_was_delayed_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late, but 400."""
    monkeypatch.setattr(budget_module, "_FIRST_DELAY", 0.01)
    wrong = secured(REGISTER, "wrong", "SHA256", None)
    with running_receiver(["right"]) as receiver:
        assert [error_code(ask(receiver.port, wrong)) for _ in range(6)] == [400] * 6


def test_pictures_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go; their toasts come without, and whoever registers again has them again."""
    from gntp_logging.receiver import registry
    from tests.receiver.conftest import notify

    monkeypatch.setattr(registry, "MAX_PICTURES", 1000 + registry._PICTURE_SIZE)
    one, other = Resource(b"1" * 600), Resource(b"2" * 600)
    with running_receiver() as receiver:
        assert ask(receiver.port, register(Event("event", icon=one), app="one")).message_type == "-OK"
        assert ask(receiver.port, register(Event("event", icon=other), app="other")).message_type == "-OK"
        ask(receiver.port, notify(app="one"))
        ask(receiver.port, notify(app="other"))
        ask(receiver.port, register(Event("event", icon=one), app="one"))
        ask(receiver.port, notify(app="one"))
        assert [toast.icon for toast in receiver.wait_for(3)] == [None, other, one]


@pytest.mark.parametrize("cipher_id", ["AES", "3DES", "DES"])
def test_answers_are_encrypted_when_that_is_wanted(cipher_id: str) -> None:
    """Our client reads both; so that it is known to have been encrypted, the bytes are looked at."""
    from gntp_logging.gntp import ciphers, keys
    from gntp_logging.gntp.connections import GNTPClient

    algorithms = {"AES": ciphers.AES, "3DES": ciphers.DES3, "DES": ciphers.DES}
    with running_receiver(["secret"], encrypt_answers=True) as receiver:
        with connected(receiver.port) as sock:
            sock.sendall(secured(REGISTER, "secret", "SHA256", cipher_id))
            answer = sock.recv(65536)
            assert answer.startswith(b"GNTP/1.0 -OK " + cipher_id.encode())
            assert b"Response-Action" not in answer
        with connected(receiver.port) as sock:
            sock.sendall(secured(REGISTER, "secret", "SHA256", None))
            assert read_answer(sock).headers["Response-Action"] == "REGISTER"
        with GNTPClient("127.0.0.1", receiver.port, 10, "secret", keys.SHA256, algorithms[cipher_id]) as client:
            response = client.process_request(REGISTER)
            assert response is not None
            assert response.headers["Response-Action"] == "REGISTER"
