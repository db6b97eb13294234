"""network: deadlines, addresses, and streams that turn the system's errors into ours."""

from __future__ import annotations

import contextlib
import math
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from gntp_logging.gntp import network
from gntp_logging.gntp.exceptions import GNTPConnectionError, GNTPTimeoutError
from gntp_logging.gntp.network import Address, Deadline, Stream, host_and_port, known_addresses, look_up
from tests.support import PATIENCE, free_port

pytestmark = pytest.mark.usefixtures("nothing_is_left_open")


@pytest.fixture
def pair() -> Iterator[tuple[Stream, socket.socket]]:
    """A stream, and the server's end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = Stream(known_addresses("127.0.0.1", listener.getsockname()[1]), Deadline.after(PATIENCE))
        theirs, _ = listener.accept()
    with theirs:
        yield stream, theirs
    stream.close()


def soon() -> Deadline:
    """Return a deadline that only a failing test reaches."""
    return Deadline.after(PATIENCE)


# -- Deadlines and addresses ---------------------------------------------------------------------


def test_a_deadline_that_has_passed_is_a_timeout() -> None:
    """Asked for what is left, it raises, and says what did not come."""
    assert 0 < Deadline.after(60).remaining() <= 60
    with pytest.raises(GNTPTimeoutError, match="no complete answer within 0 s"):
        Deadline.after(0).remaining()
    with pytest.raises(GNTPTimeoutError, match="no reaction within 0 s"):
        Deadline.after(0, "reaction").remaining()


def test_a_deadline_may_be_endless() -> None:
    """Infinity is left for ever, and no system call chokes on it."""
    assert Deadline.after(math.inf).remaining() == math.inf


@pytest.mark.parametrize(("host", "said"), [("desk", "desk:7"), ("127.0.0.1", "127.0.0.1:7"), ("::1", "[::1]:7")])
def test_people_can_tell_host_and_port_apart(host: str, said: str) -> None:
    """An IPv6 address has brackets, as in URLs."""
    assert host_and_port(host, 7) == said


def test_known_addresses_need_no_look_up() -> None:
    """IPv4 comes first for localhost: growl-for-linux listens there only."""
    four, six = Address(socket.AF_INET, ("127.0.0.1", 7)), Address(socket.AF_INET6, ("::1", 7))
    assert known_addresses("localhost", 7) == known_addresses("LOCALHOST", 7) == known_addresses("", 7) == [four, six]
    assert known_addresses("127.0.0.1", 7) == [four]
    assert known_addresses("::1", 7) == [six]
    assert known_addresses("growl.example", 7) == []


def test_a_name_without_addresses_is_a_connection_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name, and the system's words."""

    def getaddrinfo(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(GNTPConnectionError, match=r"cannot look up 'growl\.example': Name or service not known"):
        look_up("growl.example", 7)


def test_addresses_are_tried_in_their_order() -> None:
    """One that refuses costs nothing; when all do, the first one's words are told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        good, bad = (known_addresses("127.0.0.1", port)[0] for port in (listener.getsockname()[1], free_port()))
        stream = Stream([bad, good], soon())
        assert stream.sock.getpeername() == good.sockaddr
        stream.close()
        with pytest.raises(GNTPConnectionError, match="refused"):
            Stream([bad, bad], soon())
    with pytest.raises(GNTPConnectionError, match="no address"):
        Stream([], soon())


# -- Streams -------------------------------------------------------------------------------------


def test_what_is_sent_arrives_with_its_end(pair: tuple[Stream, socket.socket]) -> None:
    """The half-close is an end for the peer, and answers still come."""
    stream, theirs = pair
    stream.send(b"request", soon(), half_close=True)
    assert (theirs.recv(100), theirs.recv(100)) == (b"request", b"")
    theirs.sendall(b"answer")
    assert stream.has_news(PATIENCE)
    assert stream.receive(soon()) == b"answer"
    theirs.close()
    assert stream.receive(soon()) == b""


def test_a_failed_write_is_remembered_not_raised(pair: tuple[Stream, socket.socket]) -> None:
    """Reading tells more: an answer, or the end."""
    stream, theirs = pair
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    assert stream.has_news(PATIENCE)
    with pytest.raises(GNTPConnectionError):
        stream.receive(soon())
    stream.send(b"request", soon(), half_close=False)
    assert stream.send_failed


def test_waiting_ends_at_the_deadline(pair: tuple[Stream, socket.socket]) -> None:
    """For reading, for writing, and for both at once."""
    stream, _ = pair
    assert not stream.has_news()
    with pytest.raises(GNTPTimeoutError):
        stream.receive(Deadline.after(0.01))
    with pytest.raises(GNTPTimeoutError):
        stream.transfer(bytearray(), Deadline.after(0.01))
    with pytest.raises(GNTPTimeoutError):
        stream.send(b"x" * 50_000_000, Deadline.after(0.05), half_close=False)


def test_an_endless_wait_waits_again(pair: tuple[Stream, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own limit of one wait is not the end of the budget."""
    stream, theirs = pair
    monkeypatch.setattr(network, "_LONGEST_WAIT", 0.01)
    timer = threading.Timer(0.05, theirs.sendall, [b"late"])
    timer.start()
    assert stream.receive(Deadline.after(math.inf)) == b"late"
    timer.join()
    timer = threading.Timer(0.05, theirs.sendall, [b"late"])
    timer.start()
    read = None
    while read is None:
        read = stream.transfer(bytearray(), Deadline.after(math.inf))
    assert read == b"late"
    timer.join()


@pytest.mark.parametrize("with_poll", [True, False])
def test_transfer_writes_and_reads_as_both_become_possible(
    pair: tuple[Stream, socket.socket], monkeypatch: pytest.MonkeyPatch, with_poll: bool
) -> None:
    """Also where the system has no poll."""
    if not with_poll:
        monkeypatch.delattr(select, "poll", raising=False)
    stream, theirs = pair
    outgoing = bytearray(b"request")
    assert stream.transfer(outgoing, soon()) is None
    assert not outgoing
    assert theirs.recv(100) == b"request"
    theirs.sendall(b"answer")
    assert stream.has_news(PATIENCE)
    assert stream.transfer(outgoing, soon()) == b"answer"
    theirs.close()
    assert stream.transfer(outgoing, soon()) == b""


def test_transfer_reads_on_when_writing_fails(pair: tuple[Stream, socket.socket]) -> None:
    """What the peer wrote before it reset is there, then the end."""
    stream, theirs = pair
    theirs.sendall(b"answer")
    theirs.shutdown(socket.SHUT_RDWR)
    theirs.close()
    read: list[bytes] = []
    with contextlib.suppress(GNTPConnectionError):  # the system tells the end in one way or the other
        while not read or read[-1]:
            data = stream.transfer(bytearray(b"request"), soon())
            if data is not None:
                read.append(data)
    assert read[0] == b"answer"
    stream.close()
    stream.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_closes_its_copy(pair: tuple[Stream, socket.socket]) -> None:
    """So that the peer sees the parent's end."""
    stream, theirs = pair
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(writing)
        os.read(reading, 1)  # lives until the parent has seen it
        os._exit(0 if stream.sock.fileno() == -1 else 1)
    os.close(reading)
    stream.close()
    theirs.settimeout(PATIENCE)
    assert theirs.recv(1) == b""
    os.close(writing)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_each_address_gets_its_share_of_the_time() -> None:
    """One that swallows connections does not take the whole budget."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_server(("127.0.0.1", 0)) as good:
        queued = [socket.socket() for _ in range(3)]
        for sock in queued:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        addresses = [known_addresses("127.0.0.1", server.getsockname()[1])[0] for server in (full, good)]
        Stream(addresses, Deadline.after(0.4)).close()  # in time, or it would have raised
        for sock in queued:
            sock.close()
