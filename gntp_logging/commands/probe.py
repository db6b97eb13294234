"""The steps of ``gntp-logging check``: one question after another to a server, and advice where one fails."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from gntp_logging.gntp import ciphers, keys
from gntp_logging.gntp.channel import PersistentConnection
from gntp_logging.gntp.constants import random_hex_string
from gntp_logging.gntp.exceptions import (
    GNTPAuthenticationError,
    GNTPConnectionError,
    GNTPError,
    GNTPResponseError,
    GNTPTimeoutError,
    GNTPTLSError,
)
from gntp_logging.gntp.models import Event, Notification, SocketCallback
from gntp_logging.gntp.network import Address, Deadline, Stream, known_addresses, look_up
from gntp_logging.gntp.packing import PackerFactory
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request
from gntp_logging.gntp.wire import KEY_UNWANTED
from gntp_logging.options.destination import CIPHERS, HASHES, Destination

from .advice import advice_on

APPLICATION: Final = "gntp-logging check"
_EVENT: Final = "Check"


class Status(Enum):
    """What became of a step."""

    OK = "ok"
    FAILED = "FAIL"
    NOTE = "note"
    """Something that this server does not do, and that is not needed."""
    LEFT_OUT = "-"


@dataclass(frozen=True)
class CheckResult:
    """One line of the table.

    Attributes:
        name: What was tried.
        status: What became of it.
        answer: What the server, or the system, answered.
        seconds: How many seconds that took; None when it was not tried.
        advice: What a person should do; empty when there is nothing to do.
        error: The exception that ended it, if one did.
    """

    name: str
    status: Status
    answer: str
    seconds: float | None = None
    advice: str = ""
    error: GNTPError | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the step worked."""
        return self.status is Status.OK

    @property
    def is_refused(self) -> bool:
        """Whether the server refused the key."""
        return isinstance(self.error, GNTPAuthenticationError)


def probe(destination: Destination, wait: float) -> Iterator[CheckResult]:
    """Try one step after another.

    Args:
        destination: The server, and how messages to it are secured.
        wait: Seconds to wait for the user's reaction; 0 leaves that out.

    Yields:
        The result of each step. It ends early when a step fails that all others need.
    """
    addresses: list[Address] = []
    registered: CheckResult | None = None
    for registered in _needed(destination, addresses):
        yield registered
    assert registered is not None
    if not registered.is_ok and not isinstance(registered.error, GNTPResponseError):
        return  # a server that does not answer in GNTP would fail at each other step too
    if registered.is_ok:
        yield _try("NOTIFY", lambda: _notify(destination))
    else:
        yield CheckResult("NOTIFY", Status.LEFT_OUT, "REGISTER was refused")
    passwords = _passwords(destination, registered)
    yield from passwords
    is_checked = passwords[0].status is not Status.NOTE
    is_read = is_checked and not any(_UNREAD in result.answer for result in passwords)
    yield from _algorithms(destination, registered, is_checked=is_checked, is_read=is_read)
    if not registered.is_ok:
        yield from (CheckResult(name, Status.LEFT_OUT, "REGISTER was refused") for name in ("Keep-Alive", "callback"))
        return
    yield _try("Keep-Alive", lambda: _keep_alive(destination, addresses), otherwise=Status.NOTE, advice="")
    yield _callback(destination, wait) if wait else CheckResult("callback", Status.LEFT_OUT, "left out")


def is_alive(destination: Destination) -> bool:
    """Tell whether a server takes alerts, as far as that can be found out without showing any."""
    return all(step.is_ok for step in _needed(destination, []))


def _needed(destination: Destination, addresses: list[Address]) -> Iterator[CheckResult]:
    """Try the steps that all others need: up to the registration, or to the first that fails."""
    for step in _first_steps(destination, addresses):
        yield step
        if not step.is_ok:
            return
    registered = _try("REGISTER", lambda: _register(destination))
    if type(registered.error) is GNTPConnectionError:  # though connecting has worked
        registered = replace(registered, advice=_SOMETHING_ELSE)
    yield registered


def _first_steps(destination: Destination, addresses: list[Address]) -> Iterator[CheckResult]:
    """Try what comes before the first message."""
    yield _try("name look-up", lambda: _look_up(destination, addresses), advice=_NO_SUCH_NAME)
    yield _try("connect", lambda: _connect(destination, addresses), server=(destination.host, destination.port))
    if destination.tls:
        secured = _try("TLS", lambda: _secure(destination, addresses))
        is_silent = isinstance(secured.error, GNTPTimeoutError)
        yield replace(secured, advice=_SILENT) if is_silent else secured


_Answer = tuple[Status, str, str]
"""Status, answer, advice."""


def _try(
    name: str,
    attempt: Callable[[], str | _Answer],
    otherwise: Status = Status.FAILED,
    advice: str | None = None,
    server: tuple[str, int] = ("", 0),
) -> CheckResult:
    """Try one step, and return its result.

    Args:
        server: Its host and port, where the step finds out whether a server runs there.
    """
    began = time.perf_counter()
    try:
        found = attempt()
    except GNTPError as error:
        taken = time.perf_counter() - began
        words = error.description if isinstance(error, GNTPTLSError) else str(error)
        found_advice = advice_on(error, *server) if advice is None else advice
        return CheckResult(name, otherwise, words, taken, found_advice, error)
    status, answer, hint = (Status.OK, found, "") if isinstance(found, str) else found
    return CheckResult(name, status, answer, time.perf_counter() - began, hint)


_SILENT: Final = "what listens there may speak no TLS: try without --tls"
_SOMETHING_ELSE: Final = "what listens there closes without an answer: it may be no GNTP server, or want encryption"
_NO_SUCH_NAME: Final = "check how the name is spelt, or give an address"
_NO_NAME_SERVER: Final = "check the name servers, or give an address"


# -- The steps -----------------------------------------------------------------------------------


def _look_up(destination: Destination, found: list[Address]) -> str | _Answer:
    """Look the name up, in a thread of its own: the system sets no time limit."""
    found += known_addresses(destination.host, destination.port)
    if found:
        return "no look-up is needed"
    outcome: queue.SimpleQueue[list[Address] | GNTPConnectionError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            outcome.put(look_up(destination.host, destination.port))
        except GNTPConnectionError as error:
            outcome.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = outcome.get(timeout=destination.timeout)
    except queue.Empty:
        return (
            Status.FAILED,
            f"no answer within {destination.timeout:g} s",
            _NO_NAME_SERVER,
        )
    if isinstance(answer, GNTPConnectionError):
        raise answer
    found += answer
    return ", ".join(sorted({str(address.sockaddr[0]) for address in answer}))


def _connect(destination: Destination, addresses: list[Address]) -> str:
    stream = Stream(addresses, Deadline.after(destination.timeout))
    try:
        return str(stream.sock.getpeername()[0])
    finally:
        stream.close()


def _secure(destination: Destination, addresses: list[Address]) -> str:
    """Make the handshake of TLS, and return its version and until when the certificate is valid."""
    from gntp_logging.gntp.tls import TLSSocket  # ssl only where it is asked for

    stream = Stream(addresses, Deadline.after(destination.timeout), destination.client().tls)
    try:
        assert isinstance(stream.sock, TLSSocket)
        return f"{stream.sock.version()}, with a certificate until {stream.sock.valid_until()}"
    finally:
        stream.close()


def _registration() -> RegisterRequest:
    return RegisterRequest(APPLICATION, None, (Event(_EVENT),))


def _notification(text: str, callback: SocketCallback | None = None) -> NotifyRequest:
    shown = Notification(_EVENT, APPLICATION, text, id_=random_hex_string(8), callback=callback)
    return NotifyRequest(APPLICATION, shown)


def _exchange(destination: Destination, request: Request) -> _Answer:
    with destination.client() as client:
        response = client.process_request(request)
    action = response.headers.get("Response-Action", "") if response else ""
    if action.upper() in ("", request.message_type):
        return Status.OK, f"-OK {action}".strip(), ""
    return Status.OK, f"-OK, but it names another request: {action}", _ANSWERED_UNREAD


_ANSWERED_UNREAD: Final = "the server does not look at what it answers: look at the desktop to see what it shows"


def _register(destination: Destination) -> _Answer:
    return _exchange(destination, _registration())


def _notify(destination: Destination) -> _Answer:
    return _exchange(destination, _notification(f"An alert {destination.security_description}."))


def _passwords(destination: Destination, registered: CheckResult) -> Sequence[CheckResult]:
    """Find out whether the password is accepted, and whether the server would refuse a wrong one."""
    if destination.password is None:
        return [CheckResult("password", Status.LEFT_OUT, "none was given")]
    bare = _try("no password", lambda: _register(replace(destination, password=None, encryption=None)))
    accepted = (
        "accepted too: the server lets everybody in" if registered.is_ok else "accepted: the server asks for none"
    )
    others: list[CheckResult] = [_foreign(bare, f"{accepted}, at least from here")]
    if not registered.is_ok:
        if not registered.is_refused:
            first = CheckResult("password", Status.LEFT_OUT, "not found out: REGISTER failed otherwise")
        elif KEY_UNWANTED in str(registered.error):
            first = CheckResult("password", Status.FAILED, "the server has none")
        else:
            lets_in = "; without one it lets programs in from here, in clear" if bare.is_ok else ""
            first = CheckResult("password", Status.FAILED, f"another password than the server's{lets_in}")
        return [first, *others]
    guess = replace(destination, password=destination.password + random_hex_string(4), encryption=None)
    wrong = _try("wrong password", lambda: _register(guess))
    cipher = destination.encryption or ciphers.AES
    unreadable = replace(guess, key_hashing=_long_enough(destination, cipher), encryption=cipher)
    if not _try("", lambda: _register(unreadable)).is_ok:
        others.append(_foreign(wrong, "accepted too"))
        is_any_accepted = wrong.is_ok
    else:
        status = Status.NOTE if destination.encryption is None else Status.FAILED
        answer = "accepted, and encrypted too" if wrong.is_ok else "refused in clear, but accepted encrypted"
        advice = "" if destination.encryption is None else _ANSWERED_UNREAD
        others.append(CheckResult("wrong password", status, answer + _UNREAD, wrong.seconds, advice))
        is_any_accepted = wrong.is_ok or destination.encryption is not None
    if not is_any_accepted:
        return [CheckResult("password", Status.OK, "accepted"), *others]
    unchecked = "passwords that come from this machine" if wrong.is_ok else "the passwords of what is encrypted"
    answer = f"accepted, as any other is: this server does not check {unchecked}"
    advice = "" if others[-1].advice or registered.advice else _UNCHECKED
    return [CheckResult("password", Status.NOTE, answer, None, advice), *others]


_UNREAD: Final = ", which cannot have been read: cannot tell what is shown"
_UNCHECKED: Final = "nothing here can tell whether it is right: compare it with the server's settings"


def _foreign(step: CheckResult, words: str) -> CheckResult:
    """Return the result of a step without the right password: a note, whatever the server answers."""
    answer = words if step.is_ok else f"{'refused' if step.is_refused else 'not found out'}: {step.answer}"
    return CheckResult(step.name, Status.NOTE, answer, step.seconds)


def _algorithms(
    destination: Destination, registered: CheckResult, *, is_checked: bool, is_read: bool
) -> Iterator[CheckResult]:
    """Try each hash in clear, and each cipher with a hash that is long enough for it.

    Ciphers are left out if no key was accepted before: some servers, this package's for one, answer each wrong key more
    slowly than the one before.
    """
    if destination.password is None:
        for name in (*(f"hash {name}" for name in HASHES), *(f"cipher {name}" for name in CIPHERS)):
            yield CheckResult(name, Status.LEFT_OUT, "needs a password")
        return
    any_accepted = registered.is_ok
    for name, hash_ in HASHES.items():
        variant = replace(destination, key_hashing=hash_, encryption=None)
        step = registered if variant == destination else _try("", lambda variant=variant: _register(variant))  # type: ignore[misc]
        any_accepted |= step.is_ok
        yield _of_algorithm(f"hash {name}", step, hash_ == destination.key_hashing, is_checked=is_checked)
    for name, cipher in CIPHERS.items():
        if not any_accepted:
            yield CheckResult(f"cipher {name}", Status.LEFT_OUT, "no key is accepted")
            continue
        variant = replace(destination, key_hashing=_long_enough(destination, cipher), encryption=cipher)
        step = registered if variant == destination else _try("", lambda variant=variant: _register(variant))  # type: ignore[misc]
        yield _of_algorithm(f"cipher {name}", step, cipher == destination.encryption, is_checked=is_read)


def _long_enough(destination: Destination, cipher: ciphers.Algorithm) -> keys.Algorithm:
    return destination.key_hashing if destination.key_hashing.key_size >= cipher.key_size else keys.SHA256


def _of_algorithm(name: str, step: CheckResult, is_configured: bool, *, is_checked: bool) -> CheckResult:
    """Return the result for one hash or cipher; one that is not configured may fail."""
    if step.is_ok and not is_checked:
        return replace(
            step, name=name, status=Status.NOTE, answer=f"{step.answer}, which means nothing, see password", advice=""
        )
    status = step.status if step.is_ok or is_configured else Status.NOTE
    return replace(step, name=name, status=status, advice="")  # REGISTER has the advice


def _keep_alive(destination: Destination, addresses: list[Address]) -> _Answer:
    deadline = Deadline.after(destination.timeout)
    packer = PackerFactory(destination.password, destination.key_hashing, destination.encryption).create()
    connection = PersistentConnection(Stream(addresses, deadline, destination.client().tls))
    try:
        data = packer.pack(_registration(), half_close=False, keep_alive=True)
        response = connection.exchange(data, packer.key, deadline)
        if response.message_type != "-OK":
            return Status.NOTE, f"not found out: {response.message_type}", ""
        kept = connection.is_kept()
    finally:
        connection.close()
    if kept:
        return Status.OK, "the connection is kept", ""
    words = "the server closes" if kept is False else "the server neither closes nor keeps"
    return Status.NOTE, f"{words}: each alert has a connection of its own, which is slower and works as well", ""


def _callback(destination: Destination, wait: float) -> CheckResult:
    step = _try("callback", lambda: _reaction(destination, wait), otherwise=Status.NOTE)
    if isinstance(step.error, GNTPTimeoutError):
        advice = "click on the notification next time; only send --wait-callback needs this"
        return replace(step, answer=f"nothing came within {wait:g} s", advice=advice)
    if step.error is not None:
        words = "this server does not report clicks; alerts do not need that"
        return replace(step, answer=f"{words} ({step.answer})", advice="")
    return step


def _reaction(destination: Destination, wait: float) -> str:
    results: list[str] = []
    callback = SocketCallback(
        "check", "text",
        on_click=lambda _: results.append("clicked"),
        on_close=lambda _: results.append("closed"),
        on_timeout=lambda _: results.append("timed out on the screen"),
    )  # fmt: skip
    with destination.client() as client:
        request = _notification("Click me: that completes the check.", callback)
        client.process_request(request, socket_callback=callback, callback_timeout=wait)
    return f"the server reports: {', '.join(results)}"
