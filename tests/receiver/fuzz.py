"""Throw mutated requests at a receiver, and see that it does right: ``python tests/receiver/fuzz.py``. No test itself.

Requests are cut, joined, doubled, and changed byte by byte, and sent in pieces of any size, from several addresses,
with and without a password, in clear and encrypted, with pictures of real size: ours, and with ``--requests FOLDER``
recorded ones of other people's clients. Every display shows what comes. A judge of its own, made of hashlib and a
regular expression, says which input carries a valid key: nothing else may ever be shown. Answers must have a code that
fits, after every 200 inputs an honest client must see its text within a second, and the process may not grow. Answers
of a hostile server are thrown at the client in the same way.

``--seconds`` bounds it, and ``--seed`` makes the same mistakes again. A test counts requests instead of seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import io
import json
import logging
import random
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # where the repository is not installed

from gntp_logging.gntp.ciphers import Cipher
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPError, GNTPProtocolError
from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.models import Event, Notification, Resource, Response, SocketCallback
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, Request, SubscribeRequest
from gntp_logging.gntp.wire import ResponseReader, encode
from gntp_logging.receiver import budget, connection
from gntp_logging.receiver import server as server_module
from gntp_logging.receiver.console import ConsoleDisplay
from gntp_logging.receiver.json_lines import JsonDisplay
from gntp_logging.receiver.protocols import Display, Running
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.support import ScriptedServer, wait_until

PASSWORD = "secret"
PICTURE = Resource(bytes(range(256)) * 8)
REAL_PICTURE = Resource(b"\x89PNG\r\n\x1a\n" + random.Random("picture").randbytes(400_000))
REQUESTS: list[Request] = [
    RegisterRequest("app", PICTURE, [Event("event", "Event", icon=PICTURE), Event("other", enabled=False)]),
    NotifyRequest("app", Notification("event", "title", "text\nmore", id_="1", icon=PICTURE, coalescing_id="c")),
    NotifyRequest("app", Notification("event", "tïtle", "x" * 2000, callback=SocketCallback("context", "type"))),
    NotifyRequest(
        "app", Notification("event", "title"), [("X-Thing", "1")], [("Data-Thing", "2"), ("Data-It", PICTURE)]
    ),
    NotifyRequest("app", Notification("event", "picture", "of real size", icon=REAL_PICTURE)),
    SubscribeRequest("sub-1", "desk", 9),
]
RESPONSES = [
    Response("-OK", {"Response-Action": "NOTIFY", "Notification-ID": "1", "Data-Thing": "2"}),
    Response("-ERROR", {"Error-Code": "400", "Error-Description": "no"}),
    Response("-CALLBACK", {"Notification-ID": "1", "Notification-Callback-Result": "CLICK"}),
]
PIECES = [
    b"\r\n",
    b"\r\n\r\n",
    b"GNTP/1.0 NOTIFY NONE\r\n",
    b"GNTP/1.0 END\r\n\r\n",
    b"Notifications-Count: 999999999\r\n",
    b"Notification-Sticky: True\r\n\r\n",
    b"Length: 99999999999\r\n",
    b"Identifier: x\r\n",
    b"x-growl-resource://x",
    b"\x00",
    b"\x16\x03\x01",
    b"\xff\xfe",
    b":",
    b"\n",
]
GROWTH = 100_000_000
"""Bytes by which the process may grow."""

ADDRESSES = 8
"""Addresses from which requests come, each from a thread of its own."""

HONEST_EVERY = 200
"""Inputs between two honest exchanges."""

CODES = {200, 300, 301, 302, 303, 400, 401, 402, 404}
"""What a receiver may answer to a mistake of a client; 500 is a mistake of its own."""


# -- The judge -----------------------------------------------------------------------------------

_LINE = re.compile(rb"GNTP/1\.0 +(\w+)[^\r\n]*?(?: +(\w+):([0-9a-f]+)\.([0-9a-f]+) *)?(?=[\r\n]|$)", re.IGNORECASE)


def may_be_shown(data: bytes, password: str | None) -> bool:
    """Tell whether bytes hold a NOTIFY that a server may show, or a SUBSCRIBE, which is shown as well.

    That is one with a valid key, or, on a server without a password, one without a key. This is a judge of its own: it
    shares nothing with what it judges.
    """
    return any(
        match[1].upper() in (b"NOTIFY", b"SUBSCRIBE") and _is_authentic(match, password)
        for match in _LINE.finditer(data)
    )


def _is_authentic(match: re.Match[bytes], password: str | None) -> bool:
    if password is None:
        return match[2] is None
    try:
        algorithm = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha384": hashlib.sha384,
                     "sha512": hashlib.sha512}[(match[2] or b"").decode().lower()]  # fmt: skip
        key_hash, salt = bytes.fromhex(match[3].decode()), bytes.fromhex(match[4].decode())
    except (KeyError, ValueError):
        return False
    return algorithm(algorithm(password.encode() + salt).digest()).digest() == key_hash


# -- The displays --------------------------------------------------------------------------------


class Shown:
    """A display that counts what is shown for each address, remembers texts, and lets toasts be closed."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.honest: set[str] = set()
        self._arrived = threading.Condition()

    def show(self, toast: Toast) -> None:
        """Count a toast."""
        with self._arrived:
            self.counts[toast.peer] += 1
            if toast.application == "honest":
                self.honest.add(toast.text)
            self._arrived.notify_all()
        toast.react(Reaction.CLOSED)

    def waits_for(self, text: str) -> bool:
        """Tell whether a text is shown within a second."""
        with self._arrived:
            return self._arrived.wait_for(lambda: text in self.honest, 1.0)


class Lines(io.StringIO):
    """A stream that checks each line, and keeps none."""

    def __init__(self, is_right: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_right = is_right

    def write(self, text: str) -> int:
        """Check what is written."""
        for line in text.split("\n"):
            if line and not self._is_right(line):
                raise AssertionError(f"an unsafe line: {ascii(line)[:200]}")
        return len(text)


def _is_json(line: str) -> bool:
    json.loads(line)
    return line.isascii() and line.isprintable()


def _is_visible(line: str) -> bool:
    return all(char.isprintable() or char in "\u200c\u200d" for char in line)


def displays() -> list[Display]:
    """Return one display of each sort, as far as their packages are installed."""
    made: list[Display] = [ConsoleDisplay(Lines(_is_visible), colour=False), JsonDisplay(Lines(_is_json))]
    with contextlib.suppress(ModuleNotFoundError):
        from gntp_logging.receiver.web import WebDisplay

        made.append(WebDisplay())
    with contextlib.suppress(ModuleNotFoundError):
        made.append(_without_a_desktop())
    return made


def _without_a_desktop() -> Display:
    from gntp_logging.receiver.desktop import DesktopDisplay

    class Notifier:
        async def send(self, **given: Any) -> str:
            texts = given["title"].replace("\n", ""), given["message"].replace("\n", "")
            if not all(map(_is_visible, texts)):
                raise AssertionError(f"an unsafe toast: {ascii(texts)[:200]}")
            given["on_dismissed"]()
            return "id"

        async def clear(self, id_: str) -> None:
            pass

    class WithoutDesktop(DesktopDisplay):
        async def _connect(self) -> None:
            self._notifier = Notifier()

    return WithoutDesktop()


class _Mistakes(logging.Handler):
    """What the event loop has to say of exceptions that nobody has caught."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember it."""
        self.told.append(record.getMessage())


# -- The inputs ----------------------------------------------------------------------------------


def corpus(choose: random.Random, folder: Path | None) -> list[bytes]:
    """Return whole requests: in clear, keyed, and encrypted in each way; and those that a folder has."""
    found = [] if folder is None else [path.read_bytes() for path in sorted(folder.glob("*.bin"))]
    for request in REQUESTS:
        found.append(encode(request))
        found.append(encode(request, keep_alive=True) * 3)
        for hash_id in ("MD5", "SHA256", "SHA512"):
            key = Key(PASSWORD, hash_id, choose.randbytes(16))
            found.append(encode(request, key=key))
            sizes = {"DES": 8} if hash_id == "MD5" else {"AES": 16, "3DES": 8, "DES": 8}
            found += [
                encode(request, key=key, cipher=Cipher(key, cipher_id, choose.randbytes(size)))
                for cipher_id, size in sizes.items()
            ]
    return found


def mutated(data: bytes, choose: random.Random, others: list[bytes]) -> bytes:
    """Return a request with some mistakes in it."""
    changed = bytearray(data)
    for _ in range(choose.choice([0, 1, 1, 2, 5])):
        at = choose.randrange(min(len(changed), choose.choice([100, 10**9])) + 1)
        kind = choose.randrange(6)
        if kind == 0 and changed:
            changed[at % len(changed)] ^= 1 << choose.randrange(8)
        elif kind == 1:
            del changed[at : at + choose.choice([1, 2, 30, 500])]
        elif kind == 2:
            changed[at:at] = choose.choice(PIECES)
        elif kind == 3:
            changed[at:at] = changed[at : at + choose.choice([1, 20, 300])]
        elif kind == 4:
            changed[at:] = choose.choice(others)[choose.randrange(50) :]
        else:
            changed[at:at] = bytes(choose.randrange(256) for _ in range(choose.randrange(20)))
    return bytes(changed)


def throw(port: int, address: str, data: bytes, choose: random.Random) -> bytes:
    """Send bytes in pieces, and return all that is answered."""
    answers = b""
    with socket.socket() as sock, contextlib.suppress(OSError):
        sock.settimeout(20)
        sock.bind((address, 0))
        sock.connect(("127.0.0.1", port))
        with contextlib.suppress(OSError):  # it may close early, and its answer is there all the same
            while data:
                size = choose.choice([1, 7, 100, 1024, len(data)]) if len(data) < 10_000 else len(data) // 3
                sock.sendall(data[:size])
                data = data[size:]
            if choose.random() < 0.9:
                sock.shutdown(socket.SHUT_WR)
        while received := sock.recv(65536):
            answers += received
    return answers


def leave(port: int, address: str, data: bytes, choose: random.Random) -> None:
    """Send bytes, and leave without an answer, in one way or another."""
    with socket.socket() as sock, contextlib.suppress(OSError):
        sock.settimeout(5)
        sock.bind((address, 0))
        sock.connect(("127.0.0.1", port))
        sock.sendall(data)
        if choose.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)
        sock.settimeout(0.001)
        sock.recv(choose.choice([1, 4096]))


# -- The trial -----------------------------------------------------------------------------------


class Trial:
    """Two servers, one with a password, and what is wrong with them."""

    def __init__(self, seed: str, folder: Path | None) -> None:
        self.problems: list[str] = []
        self.thrown = 0
        self._seed = seed
        self._known = corpus(random.Random(seed), folder)
        self._shown = {password: Shown() for password in (PASSWORD, None)}
        self._displays = {password: [shown, *displays()] for password, shown in self._shown.items()}
        self._servers = {
            password: Server(shown, passwords=[password] if password else [], request_timeout=1.0, hub=True)
            for password, shown in self._displays.items()
        }
        self._number = threading.Lock()
        self._is_over = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the servers; see at the end that they are as they were."""
        with contextlib.ExitStack() as ends:
            for each in (display for group in self._displays.values() for display in group):
                if isinstance(each, Running):
                    each.start()
                    ends.callback(each.close)
            for server in self._servers.values():
                ends.enter_context(Receiver(server))
            yield
            for password, server in self._servers.items():
                self._check_honest(password, "last")
                self.problems += _left_over(server)

    def run(self, seconds: float, requests: int) -> None:
        """Throw from all addresses until the time is over, or so many are thrown."""
        threads = [threading.Thread(target=self._throw_from, args=(number, requests)) for number in range(ADDRESSES)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, min(deadline - time.monotonic(), 10**6)))
        self._is_over.set()
        for thread in threads:
            thread.join()

    def _next(self, requests: int) -> int | None:
        with self._number:
            if self.thrown >= requests or self._is_over.is_set() or len(self.problems) > 20:
                return None
            self.thrown += 1
            return self.thrown

    def _throw_from(self, place: int, requests: int) -> None:
        try:
            while (number := self._next(requests)) is not None:
                choose = random.Random(f"{self._seed} {number}")
                password = choose.choice([PASSWORD, None])
                data = mutated(choose.choice(self._known), choose, self._known)
                self._throw_one(number, place, password, data, choose)
                if number % HONEST_EVERY == 0:
                    for each in self._servers:
                        self._check_honest(each, f"{number}")
                if number % 5 == 0:
                    self._check_client(number, choose)
        except Exception as error:  # noqa: BLE001 - told with all else
            self.problems.append(f"the program itself has failed: {error!r}")

    def _throw_one(self, number: int, place: int, password: str | None, data: bytes, choose: random.Random) -> None:
        port, shown = self._servers[password].port, self._shown[password]
        if choose.random() < 0.1:  # what it shows comes later: from an address of its own
            if may_be_shown(data, password):
                leave(port, "127.0.0.99", data, choose)
                return
            leave(port, f"127.0.1.{1 + place}", data, choose)
        address = f"127.0.0.{10 + place}"
        before = shown.counts[address]
        answers = throw(port, address, data, choose)
        is_allowed = may_be_shown(data, password)
        if not is_allowed and (shown.counts[address] > before or shown.counts[f"127.0.1.{1 + place}"]):
            self.problems.append(f"input {number} was shown without a valid key: {data[:300]!r}")
        wrong = [
            *_wrong_answers(answers, is_allowed),
            *([] if answers or not _wants_an_answer(data) else ["no answer"]),
        ]
        self.problems += [f"input {number}: {each}: {data[:300]!r}" for each in wrong]

    def _check_honest(self, password: str | None, when: str) -> None:
        """See that an honest client's text is shown, exactly, within a second."""
        text = f"honest {when} & <b>&gt; é\nsecond line"
        try:
            with GNTPClient("127.0.0.1", self._servers[password].port, 5.0, password) as client:
                client.process_request(RegisterRequest("honest", None, [Event("event")]))
                client.process_request(NotifyRequest("honest", Notification("event", "title", text)))
        except GNTPError as error:
            self.problems.append(f"an honest client was refused: {error}")
        if not self._shown[password].waits_for(text):
            self.problems.append(f"an honest text was not shown within a second after input {when}")

    def _check_client(self, number: int, choose: random.Random) -> None:
        """See that a client reads any answer in time, or raises one of its own errors."""
        known = [encode(response, keep_alive=keep) for response in RESPONSES for keep in (False, True)]
        answer = mutated(choose.choice(known), choose, known)

        def serve(sock: socket.socket, _number: int) -> None:
            sock.recv(65536)
            sock.sendall(answer)

        began = time.monotonic()
        with ScriptedServer(serve) as server, GNTPClient("127.0.0.1", server.port, 2.0) as client:
            try:
                response = client.process_request(REQUESTS[1])
            except GNTPError:
                response = None
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                self.problems.append(f"input {number}: the client raised {error!r} for {answer[:300]!r}")
                return
        if response is not None and b"-OK" not in answer.upper():
            self.problems.append(f"input {number}: the client took {answer[:300]!r} for -OK")
        if time.monotonic() - began > 10:
            self.problems.append(f"input {number}: the client took too long for {answer[:300]!r}")


def _wants_an_answer(data: bytes) -> bool:
    """Tell whether bytes begin like a request: whatever follows, its sender has to hear something."""
    return data.startswith(b"GNTP/1.0 ") and not data.startswith(b"GNTP/1.0 END")


def _wrong_answers(data: bytes, is_allowed: bool) -> Iterator[str]:
    """Yield what is wrong with all that was answered."""
    reader = ResponseReader()
    reader.feed(data)
    reader.feed_eof()
    try:
        while (response := reader.next_message()) is not None:
            if response.message_type == "-ERROR":
                if int(response.headers["Error-Code"]) not in CODES or not response.headers["Error-Description"]:
                    yield f"the answer {dict(response.headers)}"
            elif response.message_type == "-CALLBACK" and not is_allowed:
                yield "a reaction to nothing"
            elif response.headers.get("Response-Action") == "NOTIFY" and not is_allowed:
                yield "-OK for a NOTIFY without a valid key"
    except (GNTPProtocolError, KeyError, ValueError) as error:
        yield f"an unreadable answer ({error!r})"


def fuzz(
    seed: str, *, seconds: float = float("inf"), requests: int = sys.maxsize, folder: Path | None = None
) -> list[str]:
    """Throw until the time is over, or so many requests are thrown; return what was wrong."""
    mistakes = _Mistakes()
    trial = Trial(seed, folder)
    gc.collect()  # of what others have left asyncio would tell meanwhile
    logging.getLogger("asyncio").addHandler(mistakes)
    before, began = _memory(), time.monotonic()
    try:
        with _impatience(), trial.running():
            trial.run(seconds, requests)
            grown = _memory() - before
    finally:
        logging.getLogger("asyncio").removeHandler(mistakes)
    problems = trial.problems + mistakes.told
    if grown > GROWTH:
        problems.append(f"grown by {grown:,} bytes")
    passed = time.monotonic() - began
    found = "; ".join(problems) or "it does right"
    print(f"{trial.thrown:,} requests in {passed:.1f} s, grown by {grown:,} bytes, seed {seed}: {found}")
    return problems


@contextlib.contextmanager
def _impatience() -> Iterator[None]:
    """Let the servers wait for nothing that does not come: a trial of thousands has no time for that."""
    short = {(budget, "_FIRST_DELAY"): 0.0, (connection, "PICTURE_TIMEOUT"): 0.1, (server_module, "IDLE_TIMEOUT"): 0.15}
    before = {(module, name): getattr(module, name) for module, name in short}
    try:
        for (module, name), value in short.items():
            setattr(module, name, value)
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)


def _memory() -> int:
    """Return the memory of this process in bytes; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096
    except OSError:
        return 0


def _left_over(server: Server) -> Iterator[str]:
    """Yield what is wrong with a server after all that."""
    usage, places = server._usage, server._places
    with contextlib.suppress(AssertionError):  # told below, with what is held
        wait_until(lambda: not (len(places) or usage._all_held), 30)
    if len(places) or usage._all_held:
        yield f"still held: {len(places)} connections, {usage._all_held} bytes"
    if server.display_failures:
        yield f"{server.display_failures} failures of a display"


def main() -> int:
    """Run it; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default %(default)s)")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="makes the same mistakes again")
    parser.add_argument(
        "--requests", type=Path, metavar="FOLDER", help="files *.bin with recorded requests to mutate too"
    )
    arguments = parser.parse_args()
    return 1 if fuzz(arguments.seed, seconds=arguments.seconds, folder=arguments.requests) else 0


if __name__ == "__main__":
    raise SystemExit(main())
