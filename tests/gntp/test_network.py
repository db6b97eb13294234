"""network: deadlines, addresses, and streams that turn the system's errors into ours."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import os
import select
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp import network
from gntp_logging.gntp.exceptions import GNTPConnectionError, GNTPTimeoutError, GNTPValidationError
from gntp_logging.gntp.network import (
    Address,
    Deadline,
    Stream,
    checked_address,
    checked_seconds,
    host_and_port,
    known_addresses,
    look_up,
    without_brackets,
)
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


@pytest.mark.skipif(not socket.has_ipv6 or not hasattr(socket, "if_nameindex"), reason="no IPv6 here")
def test_a_link_local_address_keeps_its_interface() -> None:
    """The system looks its number up, and nothing else: without it there is no way to connect."""
    index, name = socket.if_nameindex()[0]
    scoped = [Address(socket.AF_INET6, ("fe80::1", 7, 0, index))]
    assert known_addresses(f"fe80::1%{index}", 7) == scoped
    if os.name == "posix":
        assert known_addresses(f"fe80::1%{name}", 7) == scoped
    assert known_addresses("fe80::1%no such interface", 7) == known_addresses("growl%example", 7) == []


@given(st.ip_addresses(), st.sampled_from(["", "%1", "%eth0"]), st.integers(1, 65535))
def test_any_address_may_stand_in_brackets(
    number: ipaddress.IPv4Address | ipaddress.IPv6Address, scope: str, port: int
) -> None:
    """As errors write it, and as it stands in URLs."""
    host = f"{number}{scope if number.version == 6 else ''}"
    assert checked_address(host, port) == checked_address(f"[{host}]", port) == (host, port)
    written = host_and_port(host, port)
    assert without_brackets(written.rpartition(":")[0]) == host


@pytest.mark.parametrize("host", ["growl.example", "", "[", "]", "[::1", "::1]", "[::1]:23053"])
def test_what_has_no_brackets_stays_as_it_is(host: str) -> None:
    """Half of them, or a port behind them, is somebody's mistake, which the look-up reports."""
    assert without_brackets(host) == host


@given(st.integers() | st.floats() | st.booleans() | st.none() | st.text())
def test_a_port_is_a_number_from_1_to_65535(port: object) -> None:
    """Everything else is refused where it is given."""
    if type(port) is int and 0 < port < 65536:
        assert checked_address("host", port) == ("host", port)
    else:
        with pytest.raises(GNTPValidationError, match="port must be an integer from 1 to 65535"):
            checked_address("host", port)


@pytest.mark.parametrize("host", [None, 7, b"localhost", ("localhost", 7)], ids=repr)
def test_a_host_is_a_string(host: object) -> None:
    """Another type is named."""
    with pytest.raises(GNTPValidationError, match=f"host must be a string, not {type(host).__name__}"):
        checked_address(host, 7)


@given(st.integers() | st.floats() | st.booleans() | st.none() | st.text() | st.just(10**400) | st.just(-(10**400)))
def test_seconds_are_a_number(value: Any) -> None:
    """For a client's timeout one that ends, and more than none at all."""
    is_number = type(value) in (int, float) and (abs(value) <= sys.float_info.max or value in (math.inf, -math.inf))
    for positive in (False, True):
        if is_number and (not positive or 0 < value <= sys.float_info.max):
            assert checked_seconds("timeout", value, positive=positive) == float(value)
        elif not is_number or positive:
            with pytest.raises(GNTPValidationError, match="timeout must be a number of seconds"):
                checked_seconds("timeout", value, positive=positive)


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


def test_what_arrives_while_sending_is_kept(pair: tuple[Stream, socket.socket]) -> None:
    """The peer may say what it wants before it reads; all of the message is written, and then read what was said."""
    stream, theirs = pair
    message = b"x" * 20_000_000
    received = bytearray()

    def talk_and_listen() -> None:
        theirs.sendall(b"early ")
        while len(received) < len(message):
            received.extend(theirs.recv(1_000_000))
        theirs.sendall(b"late")
        theirs.shutdown(socket.SHUT_WR)

    peer = threading.Thread(target=talk_and_listen)
    peer.start()
    assert stream.has_news(PATIENCE)
    stream.send(message, soon(), half_close=True)
    peer.join(PATIENCE)
    assert (bytes(received), stream.send_failed) == (message, False)
    assert b"".join(iter(lambda: stream.receive(soon()), b"")) == b"early late"


@pytest.mark.parametrize("said", [b"enough", b"x" * 3_000_000], ids=["enough", "too much"])
def test_a_peer_that_does_not_listen_ends_the_sending(pair: tuple[Stream, socket.socket], said: bytes) -> None:
    """By what it says, or by talking without an end: that would fill the memory."""
    stream, theirs = pair
    peer = threading.Thread(target=theirs.sendall, args=(said,))
    peer.start()
    stream.send(b"x" * 50_000_000, soon(), half_close=True, enough=lambda arrived: arrived == b"enough")
    assert stream.send_failed
    read = 0
    while read < len(said):
        read += len(stream.receive(soon()))
    peer.join(PATIENCE)


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


class Addresses:
    """Addresses that refuse, accept, or are silent until another one wakes them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self.tried: list[str] = []
        self._addresses = [Address(socket.AF_INET, (name, 7)) for name in names]
        self._ends: dict[str, tuple[socket.socket, socket.socket]] = {}
        monkeypatch.setattr(network, "_begin_connecting", self._begin_connecting)

    def _begin_connecting(self, address: Address, seconds: float) -> tuple[socket.socket, bool]:
        name = address.sockaddr[0]
        self.tried.append(name)
        if name == "wakes the silent":
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._ends["silent"][1].recv(65536)
        if name.startswith(("refuses", "wakes")):
            raise ConnectionRefusedError(111, f"{name} refused")
        self._ends[name] = socket.socketpair()
        for end in self._ends[name]:
            end.setblocking(False)
        if name.startswith("silent"):  # what is not connected yet cannot be written, and the other way round
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._ends[name][0].send(b"x" * 65536)
        sock = self._ends[name][0]
        return sock, name.startswith("accepts at once") or (seconds > 0 and bool(network._decided([sock], seconds)))

    def connect(self, timeout: float) -> str:
        """Connect; return the name of the address that accepted, the only one that is still open."""
        try:
            sock = network._connect(self._addresses, Deadline.after(timeout, "connection"))
            (name,) = (name for name, ends in self._ends.items() if ends[0].fileno() != -1)
            assert self._ends[name][0] is sock
            return name
        finally:
            for ends in self._ends.values():
                for end in ends:
                    end.close()


def test_a_silent_address_takes_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the next one is tried."""
    addresses = Addresses(monkeypatch, "silent", "refuses", "silent as well", "accepts", "never tried")
    assert addresses.connect(0.2) == "accepts"
    assert addresses.tried == ["silent", "refuses", "silent as well", "accepts"]


@pytest.mark.parametrize("with_poll", [True, False])
def test_a_slow_address_has_the_time_that_others_leave(monkeypatch: pytest.MonkeyPatch, with_poll: bool) -> None:
    """Its own share, a hundredth, is over when it accepts; also where the system has no poll."""
    if not with_poll:
        monkeypatch.delattr(select, "poll", raising=False)
    addresses = Addresses(monkeypatch, "silent", *["refuses"] * 98, "wakes the silent")
    assert addresses.connect(PATIENCE) == "silent"
    assert len(addresses.tried) == 100


@given(st.lists(st.sampled_from(["refuses", "silent", "accepts", "accepts at once"]), max_size=5))
def test_one_address_that_accepts_is_enough(kinds: list[str]) -> None:
    """Without one, the first refusal is reported, and a silent one is waited for until the time is used up."""
    with pytest.MonkeyPatch.context() as patch:
        addresses = Addresses(patch, *(f"{kind} {number}" for number, kind in enumerate(kinds, 1)))
        decided = network._decided
        patch.setattr(network, "_decided", lambda sockets, seconds: decided(sockets, min(seconds, 0.001)))
        accepting = [f"{kind} {number}" for number, kind in enumerate(kinds, 1) if kind.startswith("accepts")]
        if accepting:
            assert addresses.connect(PATIENCE) == accepting[0]
        elif "silent" in kinds:
            with pytest.raises(GNTPTimeoutError, match=r"no connection within 0\.01 s"):
                addresses.connect(0.01)
        else:
            with pytest.raises(OSError, match="refuses 1 refused" if kinds else "the name has no address"):
                addresses.connect(PATIENCE)


@pytest.mark.slow
def test_a_connection_that_is_not_accepted_is_what_did_not_come() -> None:
    """The error says so: nobody has waited for an answer yet."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_server(("127.0.0.1", 0)) as good:
        queued = [socket.socket() for _ in range(3)]
        for sock in queued:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        silent, accepting = (known_addresses("127.0.0.1", server.getsockname()[1])[0] for server in (full, good))
        Stream([silent, accepting], Deadline.after(0.4)).close()  # in time, or it would have raised
        refusing = known_addresses("127.0.0.1", free_port())[0]
        with pytest.raises(GNTPTimeoutError, match=r"no connection within 0\.2 s"):
            Stream([silent, refusing], Deadline.after(0.2))
        for sock in queued:
            sock.close()


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("desk", False),
        ("LocalHost", True),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(address: str, loopback: bool) -> None:
    """A name may stand for anything."""
    assert network.is_loopback(address) is loopback
