"""The command ``gntp-logging check``: what a server takes, step by step, and what to do where it does not."""

from __future__ import annotations

import argparse
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from . import arguments as args
from . import config, options
from .arguments import Target, UsageError
from .gntp import ciphers, keys
from .gntp.channel import Connection
from .gntp.connections import GNTPClient
from .gntp.constants import ErrorCode, random_hex_string
from .gntp.exceptions import (
    GNTPAuthenticationError,
    GNTPConnectionError,
    GNTPEncryptionError,
    GNTPError,
    GNTPProtocolError,
    GNTPResponseError,
    GNTPTimeoutError,
)
from .gntp.models import Event, Notification, SocketCallback
from .gntp.network import Address, Deadline, Stream, known_addresses, look_up
from .gntp.packing import PackerFactory
from .gntp.requests import NotifyRequest, RegisterRequest, Request

if TYPE_CHECKING:
    from .handler import GNTPHandler

_DESCRIPTION: Final = """\
Walk through what alerts need of a GNTP server, and say what to do where it fails.

  gntp-logging check                                  the server on this machine
  gntp-logging check --host desk --password-file key  another one, with a password
  gntp-logging check --config pyproject.toml          the one of a configuration, through its own handler

Notifications called "gntp-logging check" appear on the desktop: a click on the last one completes the walk.
"""

_APPLICATION: Final = "gntp-logging check"
_EVENT: Final = "Check"


class Verdict(Enum):
    """What became of a step."""

    OK = "ok"
    FAILED = "FAIL"
    NOTE = "note"
    """Something that this server does not do, and that is not needed."""
    LEFT_OUT = "-"


@dataclass(frozen=True)
class Step:
    """One line of the table.

    Attributes:
        name: What was tried.
        verdict: What became of it.
        answer: What the server, or the system, answered.
        seconds: How long that took; None when it was not tried.
        advice: What to do about it; empty when there is nothing to do.
    """

    name: str
    verdict: Verdict
    answer: str
    seconds: float | None = None
    advice: str = ""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments.

    Args:
        commands: The subparsers of ``gntp-logging``.
    """
    parser = commands.add_parser(
        "check",
        help="see what a server takes, and what to do where it does not",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit codes: 0 alerts get through as configured; 1 they do not; 2 wrong usage.",
    )
    parser.add_argument(
        "--wait-callback", type=_seconds_or_0, default=10.0, metavar="SECONDS",
        help="how long to wait for a click on the last notification; 0 leaves it out (default 10)",
    )  # fmt: skip
    args.add_target(parser)
    parser.set_defaults(run=check_command)


def _seconds_or_0(value: str) -> float:
    return 0.0 if value in ("0", "0.0") else args.seconds(value)


def check_command(arguments: argparse.Namespace) -> int:
    """Walk, and print the table as it grows.

    Args:
        arguments: What :func:`add_parser` has added.

    Returns:
        The exit code: 0 when alerts get through, 1 when not, 2 for wrong usage.
    """
    if arguments.config is not None:
        sys.path.insert(0, os.getcwd())  # the file may name functions of the program, as it would find them
    try:
        targets = args.targets(arguments)
        handlers = _handlers(arguments)
    except UsageError as error:
        print(f"gntp-logging check: {error}", file=sys.stderr)
        return 2
    failed = False
    for name, target in targets.items():
        print(f"{f'[{name}] ' if name else ''}{target.host}, port {target.port}, {_manner(target)}", flush=True)
        for step in walk(target, arguments.wait_callback):
            failed |= _print(step)
    for handler in handlers:
        failed |= _print(through(handler))
        handler.close()
    return int(failed)


def _handlers(arguments: argparse.Namespace) -> list[GNTPHandler]:
    """Make the handlers that the file describes, with what comes before the file; nothing else of it is made."""
    if arguments.config is None:
        return []
    stronger = args.given(arguments)
    try:
        return config.read(arguments.config).with_options(stronger).handlers_alone().apply()
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


def _manner(target: Target) -> str:
    if target.password is None:
        return "without a password"
    if target.encryption is None:
        return f"with a password ({target.key_hashing.algorithm_id}), in clear"
    return f"encrypted ({target.encryption.algorithm_id}, {target.key_hashing.algorithm_id})"


def _print(step: Step) -> bool:
    """Print a line of the table.

    Returns:
        Whether the step has failed.
    """
    taken = "" if step.seconds is None else f"{step.seconds * 1000:.1f} ms"
    lines = [f"  {step.verdict.value:<4}  {step.name:<18} {taken:>10}  {' '.join(step.answer.split())}".rstrip()]
    if step.advice:
        lines.append(f"        {'':<18} {'':>10}  -> {step.advice}")
    encoding = sys.stdout.encoding or "utf-8"
    print("\n".join(lines).encode(encoding, "replace").decode(encoding), flush=True)
    return step.verdict is Verdict.FAILED


# -- The walk ------------------------------------------------------------------------------------


def walk(target: Target, wait: float) -> Iterator[Step]:
    """Try one thing after another.

    Args:
        target: The server, and how it is to be talked to.
        wait: Seconds to wait for the user's reaction; 0 leaves that out.

    Yields:
        What became of each. After a step that nothing can do without there are no others.
    """
    addresses: list[Address] = []
    step = _try("name look-up", lambda: _look_up(target, addresses))
    yield step
    if step.verdict is Verdict.FAILED:
        return
    step = _try("connect", lambda: _connect(target, addresses))
    yield step
    if step.verdict is Verdict.FAILED:
        return
    client = _client(target)
    with_them = _try("REGISTER", lambda: _register(client, target))
    yield with_them
    yield _try("NOTIFY", lambda: _notify(client, target))
    yield from _passwords(target, with_them)
    yield from _algorithms(target)
    yield _try("Keep-Alive", lambda: _keep_alive(target, addresses), otherwise=Verdict.NOTE)
    if wait and with_them.verdict is Verdict.OK:
        yield _try("callback", lambda: _callback(target, wait), otherwise=Verdict.NOTE)
    else:
        yield Step("callback", Verdict.LEFT_OUT, "left out")


_Answer = tuple[Verdict, str, str]
"""Verdict, answer, advice."""


def _try(name: str, attempt: Callable[[], str | _Answer], otherwise: Verdict = Verdict.FAILED) -> Step:
    """Try one thing, and make a line of what becomes of it."""
    began = time.perf_counter()
    advice = ""
    try:
        found = attempt()
        verdict, answer, advice = (Verdict.OK, found, "") if isinstance(found, str) else found
    except GNTPError as error:
        verdict, answer, advice = otherwise, str(error), _advice(error)
    return Step(name, verdict, answer, time.perf_counter() - began, advice)


def _advice(error: GNTPError) -> str:
    """Say what to do about an error."""
    if isinstance(error, GNTPAuthenticationError):
        return (
            "give the server's own password: GNTP_PASSWORD or --password-file; some servers know only MD5 and no cipher"
        )
    if isinstance(error, GNTPTimeoutError):
        return "check host, port and firewalls; what listens there may be no GNTP server"
    if isinstance(error, GNTPConnectionError):
        return (
            "check host and port; start a server there (gntp-logging listen is one), and let it listen to the network"
        )
    if isinstance(error, GNTPProtocolError):
        return "what listens there does not answer in GNTP: check the port"
    if isinstance(error, GNTPEncryptionError):
        return "the server may have another password, or encrypt in another way: try without encryption"
    if isinstance(error, GNTPResponseError) and error.error_code == ErrorCode.NOTIFICATION_DISABLED:
        return f"enable the notification {_EVENT!r} of {_APPLICATION!r} in the server's settings"
    if isinstance(error, GNTPResponseError):
        return "the server refused: check the password, the hash and the cipher first; its own log may say more"
    return ""


def _client(target: Target, **changes: Any) -> GNTPClient:  # fields of the target
    return GNTPClient(*target._replace(**changes))


def _look_up(target: Target, found: list[Address]) -> str | _Answer:
    """Look the name up, in a thread of its own: the system has no bound for it."""
    found += known_addresses(target.host, target.port)
    if found:
        return "no look-up is needed"
    outcome: queue.SimpleQueue[list[Address] | GNTPConnectionError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            outcome.put(look_up(target.host, target.port))
        except GNTPConnectionError as error:
            outcome.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = outcome.get(timeout=target.timeout)
    except queue.Empty:
        return Verdict.FAILED, f"no answer within {target.timeout:g} s", "check the name servers, or give an address"
    if isinstance(answer, GNTPConnectionError):
        raise answer
    found += answer
    return ", ".join(sorted({str(address.sockaddr[0]) for address in answer}))


def _connect(target: Target, addresses: list[Address]) -> str:
    stream = Stream(addresses, Deadline.after(target.timeout))
    try:
        return str(stream.sock.getpeername()[0])
    finally:
        stream.close()


def _registration() -> RegisterRequest:
    return RegisterRequest(_APPLICATION, None, (Event(_EVENT),))


def _notification(text: str, callback: SocketCallback | None = None) -> NotifyRequest:
    shown = Notification(_EVENT, _APPLICATION, text, id_=random_hex_string(8), callback=callback)
    return NotifyRequest(_APPLICATION, shown)


def _send(client: GNTPClient, request: Request, target: Target) -> str:
    try:
        response = client.process_request(request, timeout=target.timeout)
    finally:
        client.close()
    return f"{response.message_type} {response.headers.get('Response-Action', '')}".strip() if response else "-OK"


def _register(client: GNTPClient, target: Target) -> str:
    return _send(client, _registration(), target)


def _notify(client: GNTPClient, target: Target) -> str:
    return _send(client, _notification(f"An alert {_manner(target)}."), target)


def _passwords(target: Target, with_them: Step) -> Iterator[Step]:
    """Try what else the server takes for a password."""
    if target.password is None:
        yield Step("password", Verdict.LEFT_OUT, "none was given")
        return
    accepted = with_them.verdict is Verdict.OK
    words = "accepted" if accepted else "not accepted"
    yield Step("password", with_them.verdict, words, None, "" if accepted else _ON_REFUSAL)
    bare = _client(target, password=None, encryption=None)
    step = _try("no password", lambda: _register(bare, target), otherwise=Verdict.NOTE)
    open_to_all = "accepted too: the server lets everybody in, at least from here"
    yield Step(
        step.name, Verdict.NOTE, open_to_all if step.verdict is Verdict.OK else f"refused: {step.answer}", step.seconds
    )
    other = _client(target, password=target.password + random_hex_string(4), encryption=None)
    step = _try("wrong password", lambda: _register(other, target), otherwise=Verdict.NOTE)
    unchecked = "accepted too: the server does not check passwords of those who come from here"
    yield Step(
        step.name, Verdict.NOTE, unchecked if step.verdict is Verdict.OK else f"refused: {step.answer}", step.seconds
    )


_ON_REFUSAL: Final = "compare it with the server's; hash and cipher must be known to the server too, see below"


def _algorithms(target: Target) -> Iterator[Step]:
    """Try each hash in clear, and each cipher with a hash that is long enough for it."""
    tried: list[tuple[str, keys.Algorithm, ciphers.Algorithm | None]] = []
    tried += [(f"hash {name}", algorithm, None) for name, algorithm in options.HASHES.items()]
    long_enough = target.key_hashing if target.key_hashing in (keys.SHA256, keys.SHA512) else keys.SHA256
    tried += [(f"cipher {name}", long_enough, algorithm) for name, algorithm in options.CIPHERS.items()]
    for name, key_hashing, cipher in tried:
        if target.password is None:
            yield Step(name, Verdict.LEFT_OUT, "needs a password")
            continue
        configured = key_hashing is target.key_hashing if cipher is None else cipher is target.encryption
        client = _client(target, key_hashing=key_hashing, encryption=cipher)
        failure = Verdict.FAILED if configured else Verdict.NOTE
        step = _try(name, lambda client=client: _register(client, target), otherwise=failure)  # type: ignore[misc]
        advice = step.advice if configured else ""
        yield Step(name, step.verdict, step.answer, step.seconds, advice)


def _keep_alive(target: Target, addresses: list[Address]) -> _Answer:
    deadline = Deadline.after(target.timeout)
    factory = PackerFactory(target.password, target.key_hashing, target.encryption)
    packer = factory.create()
    connection = Connection(Stream(addresses, deadline))
    try:
        data = packer.pack(_registration(), half_close=False, keep_alive=True)
        response = connection.exchange(data, packer.key, deadline)
        if response.message_type != "-OK":
            return Verdict.NOTE, f"not found out: {response.message_type}", ""
        kept = connection.is_kept()
    finally:
        connection.close()
    if kept:
        return Verdict.OK, "the connection is kept", ""
    words = "the server closes" if kept is False else "the server neither closes nor keeps"
    return Verdict.NOTE, f"{words}: each alert has a connection of its own, which is slower and works as well", ""


def _callback(target: Target, wait: float) -> _Answer:
    told: list[str] = []
    callback = SocketCallback(
        "check", "text",
        on_click=lambda _: told.append("clicked"),
        on_close=lambda _: told.append("closed"),
        on_timeout=lambda _: told.append("timed out on the screen"),
    )  # fmt: skip
    client = _client(target)
    try:
        request = _notification("Click me: that completes the walk.", callback)
        client.process_request(request, socket_callback=callback, callback_timeout=wait)
    except GNTPTimeoutError:
        advice = "click on the notification next time; only --wait-callback of send needs this"
        return Verdict.NOTE, f"nothing came within {wait:g} s", advice
    finally:
        client.close()
    return Verdict.OK, f"the server tells: {', '.join(told)}", ""


# -- The handler of a configuration file ---------------------------------------------------------


def through(handler: GNTPHandler) -> Step:
    """Log one record through a handler, and make a line of what becomes of it.

    Args:
        handler: A handler that nothing else uses.

    Returns:
        The line.
    """
    name = f"handler {handler.name or ''}".strip()
    if not handler.enabled:
        advice = "look for enabled = false, and for the environment variable GNTP_LOGGING_DISABLED"
        return Step(name, Verdict.FAILED, "it is switched off", None, advice)
    level = max(handler.level, logging.ERROR)
    text = "This went through the handler of your configuration."
    record = logging.LogRecord(_APPLICATION, level, __file__, 0, text, None, None)
    began = time.perf_counter()
    reports, logging.raiseExceptions = logging.raiseExceptions, False  # the line says it
    try:
        if not handler.handle(record):
            return Step(
                name, Verdict.FAILED, "a filter of the handler keeps the record off", None, "look at its filters"
            )
        settled = handler.flush(_PATIENCE)
    finally:
        logging.raiseExceptions = reports
    stats = handler.stats()
    taken = time.perf_counter() - began
    if stats.shown:
        return Step(name, Verdict.OK, "its alert was shown", taken)
    reason = stats.last_error or ", ".join(stats.dropped)
    reason = reason or ("it was folded" if settled else f"not delivered within {_PATIENCE:g} s")
    return Step(name, Verdict.FAILED, reason, taken, "the lines above show which step fails")


_PATIENCE: Final = 15.0
"""Seconds that an alert may take through a handler, whose own timeout may be shorter."""
