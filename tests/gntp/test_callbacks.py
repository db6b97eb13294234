"""callbacks: reactions that are awaited in the background, by one thread for a client."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPConnectionError, GNTPProtocolError, GNTPResponseError, GNTPTimeoutError
from gntp_logging.gntp.lib import Publisher
from gntp_logging.gntp.models import SocketCallback
from gntp_logging.gntp.requests import NotifyRequest, Response
from gntp_logging.gntp.wire import encode
from tests.support import PATIENCE, ScriptedServer, answer_error, answer_ok, receive_request, send_response, wait_until

OK = encode(Response("-OK", {"Response-Action": "NOTIFY"}))


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    """No socket, and no thread."""
    yield
    gc.collect()
    wait_until(lambda: not _threads())


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name in ("gntp-callbacks", "gntp-reactions")]


class Desktop(ScriptedServer):
    """A desktop on which toasts stay until the test reacts to them, in any order."""

    def __init__(self) -> None:
        super().__init__(self._show)
        self._reactions: dict[str, str] = {}
        self._changed = threading.Condition()
        self._ended = False

    def react(self, text: str, result: str) -> None:
        """Let the user react to the toast with a text."""
        with self._changed:
            self._reactions[text] = result
            self._changed.notify_all()

    def _show(self, sock: socket.socket, _number: int) -> None:
        request = receive_request(sock)
        assert isinstance(request, NotifyRequest)
        text = request.notification.text
        send_response(sock, Response_Action="NOTIFY")
        with self._changed:
            self._changed.wait_for(lambda: text in self._reactions or self._ended, PATIENCE)
            result = self._reactions.get(text)
        if result:
            context = request.notification.callback
            assert isinstance(context, SocketCallback)
            send_response(
                sock,
                "-CALLBACK",
                Notification_Callback_Result=result,
                Notification_Callback_Context=context.context,
                Notification_Callback_Context_Type=context.context_type,
            )

    def __exit__(self, *arguments: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        super().__exit__(*arguments)


def publisher(port: int, **options: Any) -> Publisher:
    """Return a publisher for a loopback port."""
    return Publisher("app", ["event"], **{"host": "127.0.0.1", "port": port, "timeout": PATIENCE, **options})


class Seen:
    """What callbacks were called with, and in which thread."""

    def __init__(self) -> None:
        self.results: list[tuple[str, str, str]] = []
        self.threads: set[str] = set()
        self._more = threading.Semaphore(0)

    def note(self, kind: str) -> Callable[[Response], None]:
        """Return a callback."""

        def note(response: Response) -> None:
            headers = response.headers
            self.results.append(
                (kind, headers["Notification-Callback-Context"], headers["Notification-Callback-Context-Type"])
            )
            self.threads.add(threading.current_thread().name)
            self._more.release()

        return note

    def callbacks(self) -> dict[str, Any]:
        """Return one for each thing a user can do, as options of publish."""
        return {f"on_{kind}": self.note(kind) for kind in ("click", "close", "timeout")}

    def wait(self, count: int) -> None:
        """Wait for so many more."""
        for _ in range(count):
            assert self._more.acquire(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ("CLICKED", "click"),
        ("CLICK", "click"),
        ("CLOSED", "close"),
        ("CLOSE", "close"),
        ("TIMEDOUT", "timeout"),
        ("TIMEOUT", "timeout"),
    ],
)
@pytest.mark.parametrize("background", [False, True])
def test_each_reaction_reaches_its_function(result: str, kind: str, background: bool) -> None:
    """With context and type, in this thread or in the client's."""
    seen = Seen()
    with Desktop() as desktop, publisher(desktop.port) as sender:
        desktop.react("text", result)
        sender.publish(
            "event", "title", "text", background=background, context="c 1", context_type="t", **seen.callbacks()
        )
        seen.wait(1)
    assert seen.results == [(kind, "c 1", "t")]
    assert (threading.current_thread().name in seen.threads) != background


def test_one_thread_waits_for_all_reactions() -> None:
    """In whatever order they come; publish returns at once, and the thread ends with the last."""
    seen = Seen()
    with Desktop() as desktop, publisher(desktop.port) as sender:
        for number in range(30):
            sender.publish("event", "title", str(number), background=True, context=str(number), **seen.callbacks())
        assert len(_threads()) == 1
        for number in reversed(range(30)):
            desktop.react(str(number), "CLICKED")
        seen.wait(30)
        wait_until(lambda: not _threads())
        assert sorted(seen.results) == sorted(("click", str(number), "None") for number in range(30))
        desktop.react("again", "CLOSED")
        sender.publish("event", "title", "again", background=True, context="again", **seen.callbacks())
        seen.wait(1)  # a new thread was started
        assert sender.gntp_client.lost_callbacks == 0


def test_a_reaction_in_the_answers_segment_is_not_lost() -> None:
    """It may even be there before anybody waits."""
    seen = Seen()
    clicked = Response(
        "-CALLBACK",
        {
            "Notification-Callback-Result": "CLICKED",
            "Notification-Callback-Context": "c",
            "Notification-Callback-Context-Type": "t",
        },
    )

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.sendall(OK + encode(clicked))

    with ScriptedServer(serve) as server, publisher(server.port) as sender:
        sender.publish("event", "title", background=True, **seen.callbacks())
        seen.wait(1)


def test_a_reaction_may_come_byte_by_byte() -> None:
    """It is handed over when it is complete."""
    seen = Seen()
    headers = {
        "Notification-Callback-Result": "CLOSED",
        "Notification-Callback-Context": "c",
        "Notification-Callback-Context-Type": "t",
    }

    def serve(sock: socket.socket, _number: int) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        receive_request(sock)
        for byte in OK + encode(Response("-CALLBACK", headers)):
            sock.sendall(bytes([byte]))

    with ScriptedServer(serve) as server, publisher(server.port) as sender:
        sender.publish("event", "title", background=True, **seen.callbacks())
        seen.wait(1)
    assert seen.results == [("close", "c", "t")]


def test_a_wait_that_expires_is_a_timeout() -> None:
    """callback_timeout counts from the answer; on_timeout is only for the server's own report."""
    seen = Seen()
    with Desktop() as desktop:
        with pytest.raises(GNTPTimeoutError, match=r"no reaction of the user within 0\.05 s"):
            publisher(desktop.port).publish("event", "title", callback_timeout=0.05, **seen.callbacks())
        with pytest.raises(GNTPTimeoutError, match=r"within 0\.2 s"):
            publisher(desktop.port, timeout=0.2).publish("event", "title", **seen.callbacks())
    assert not seen.results


def test_a_wait_in_the_background_that_expires_is_counted() -> None:
    """Nobody is there to catch an error; the others are awaited on."""
    seen = Seen()
    with Desktop() as desktop, publisher(desktop.port) as sender:
        sender.publish("event", "title", "long", background=True, context="long", **seen.callbacks())
        sender.publish("event", "title", "short", background=True, callback_timeout=0.05, **seen.callbacks())
        wait_until(lambda: sender.gntp_client.lost_callbacks == 1)
        desktop.react("long", "CLICKED")
        seen.wait(1)
    assert seen.results == [("click", "long", "None")]


@pytest.mark.parametrize("late", [b"", b"noise\r\n\r\n", encode(Response("-ERROR", {"Error-Code": "500"})), OK])
def test_a_server_that_ends_a_wait_otherwise_is_counted(late: bytes) -> None:
    """It closes, or sends something else."""
    seen = Seen()

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.sendall(OK + late)

    with ScriptedServer(serve) as server, publisher(server.port) as sender:
        sender.publish("event", "title", background=True, **seen.callbacks())
        wait_until(lambda: sender.gntp_client.lost_callbacks == 1)
    assert not seen.results


def test_nothing_is_awaited_after_an_error() -> None:
    """It is raised by publish, also with background=True."""
    with ScriptedServer(answer_error(402)) as server, publisher(server.port) as sender:
        with pytest.raises(GNTPResponseError):
            sender.publish("event", "title", background=True, on_click=print)
        assert sender.gntp_client.lost_callbacks == 0
        assert not _threads()


@pytest.mark.parametrize("failure", [ZeroDivisionError, SystemExit, KeyboardInterrupt])
def test_a_callback_that_raises_harms_no_other(monkeypatch: pytest.MonkeyPatch, failure: type[BaseException]) -> None:
    """It is reported as the exception of a thread; the thread goes on."""
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    seen = Seen()

    def fail(_: Response) -> None:
        raise failure

    with Desktop() as desktop, publisher(desktop.port) as sender:
        sender.publish("event", "title", "bad", background=True, on_click=fail)
        sender.publish("event", "title", "good", background=True, **seen.callbacks())
        desktop.react("bad", "CLICKED")
        wait_until(lambda: len(reported) == 1)
        desktop.react("good", "CLICKED")
        seen.wait(1)
    assert reported[0].exc_type is failure


def test_a_slow_callback_delays_no_deadline() -> None:
    """It delays the callbacks after it, which are called in the order in which their reactions have arrived."""
    seen, begun, released = Seen(), threading.Event(), threading.Event()

    def wait(_: Response) -> None:
        begun.set()
        assert released.wait(PATIENCE)

    with Desktop() as desktop, publisher(desktop.port) as sender:
        client = sender.gntp_client
        sender.publish("event", "title", "slow", background=True, on_click=wait)
        desktop.react("slow", "CLICKED")
        assert begun.wait(PATIENCE)
        sender.publish("event", "title", "late", background=True, callback_timeout=0.05, **seen.callbacks())
        wait_until(lambda: client.lost_callbacks == 1)
        for text in ("first", "second"):
            sender.publish("event", "title", text, background=True, context=text, **seen.callbacks())
            desktop.react(text, "CLOSED")
            wait_until(lambda: client._watcher.waiting == 0)
        assert seen.results == []
        released.set()
        seen.wait(2)
        assert client.lost_callbacks == 1
    assert seen.results == [("close", "first", "None"), ("close", "second", "None")]


def test_a_reaction_is_handed_over_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the thread that watches: better a late deadline than a lost reaction."""
    real = threading.Thread.start

    def start(self: threading.Thread) -> None:
        if self.name == "gntp-reactions":
            raise RuntimeError("can't start new thread")
        real(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    seen = Seen()
    with Desktop() as desktop, publisher(desktop.port) as sender:
        for text in ("first", "second"):
            sender.publish("event", "title", text, background=True, context=text, **seen.callbacks())
            desktop.react(text, "CLICKED")
            seen.wait(1)
    assert seen.threads == {"gntp-callbacks"}


@pytest.mark.parametrize(
    "flood",
    [
        b"Identifier: a\r\nLength: 16000000\r\n\r\n" + b"x" * 400_000,
        b"GNTP/1.0 -CALLBACK NONE\r\nX-Header: " + b"x" * 400_000,
        b"GNTP/1.0 END\r\n\r\n" * 30_000,
    ],
    ids=["section", "header", "ends"],
)
@pytest.mark.parametrize("background", [False, True])
def test_what_a_server_may_send_instead_of_a_reaction_is_bounded(flood: bytes, background: bool) -> None:
    """Hundreds of reactions may be awaited; the connection is closed, and the reaction counted as lost."""
    closed = threading.Event()

    def serve(sock: socket.socket, _number: int) -> None:
        receive_request(sock)
        sock.sendall(OK)
        with contextlib.suppress(ConnectionError):
            sock.sendall(flood)
            sock.recv(1)
        closed.set()

    with ScriptedServer(serve) as server, publisher(server.port) as sender:
        if background:
            sender.publish("event", "title", background=True, on_click=print)
            wait_until(lambda: sender.gntp_client.lost_callbacks == 1)
        else:
            with pytest.raises(GNTPProtocolError, match="more than a response can need"):
                sender.publish("event", "title", on_click=print)
        assert closed.wait(PATIENCE)


def test_a_context_may_be_long() -> None:
    """It comes back with the reaction, in many pieces."""
    seen = Seen()
    with Desktop() as desktop, publisher(desktop.port) as sender:
        sender.publish("event", "title", "text", background=True, context="x" * 200_000, **seen.callbacks())
        desktop.react("text", "CLICKED")
        seen.wait(1)
    assert seen.results == [("click", "x" * 200_000, "None")]


def test_a_callback_may_publish_again() -> None:
    """In its thread, with the same client, and wait in the background for that too."""
    seen = Seen()
    with Desktop() as desktop, publisher(desktop.port) as sender:
        desktop.react("second", "CLOSED")
        sender.publish(
            "event",
            "title",
            "first",
            background=True,
            on_click=lambda _: sender.publish("event", "title", "second", background=True, **seen.callbacks()),
        )
        desktop.react("first", "CLICKED")
        seen.wait(1)


def test_close_stops_waiting() -> None:
    """What was awaited is counted; the connections end."""
    closed = threading.Semaphore(0)

    def serve(sock: socket.socket, _number: int) -> None:
        answer_ok(sock)
        assert sock.recv(1) == b""
        closed.release()

    with ScriptedServer(serve) as server:
        sender = publisher(server.port)
        for _ in range(3):
            sender.publish("event", "title", background=True, on_click=print)
        sender.close()
        sender.close()
        for _ in range(3):
            assert closed.acquire(timeout=PATIENCE)
        assert sender.gntp_client.lost_callbacks == 3


def test_a_forgotten_publisher_still_gets_its_reactions() -> None:
    """What was asked for in the background does not depend on who holds the client."""
    seen = Seen()
    with Desktop() as desktop:
        publisher(desktop.port).publish("event", "title", "text", background=True, **seen.callbacks())
        gc.collect()
        desktop.react("text", "CLICKED")
        seen.wait(1)


def test_a_client_with_a_reaction_to_wait_for_does_other_things() -> None:
    """The wait has a connection of its own, in the foreground too."""
    seen = Seen()
    with Desktop() as desktop, publisher(desktop.port) as sender:
        waiting = threading.Thread(target=sender.publish, args=("event", "title", "slow"), kwargs=seen.callbacks())
        waiting.start()
        wait_until(lambda: desktop.connections == 1)
        desktop.react("fast", "CLICKED")
        sender.publish("event", "title", "fast", **seen.callbacks())
        assert len(seen.results) == 1
        desktop.react("slow", "CLOSED")
        waiting.join(PATIENCE)
    assert [kind for kind, _, _ in seen.results] == ["click", "close"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_awaits_nothing() -> None:
    """The reaction is the parent's; the child may wait for its own."""
    seen = Seen()
    with Desktop() as desktop, publisher(desktop.port) as sender:
        sender.publish("event", "title", "parent", background=True, **seen.callbacks())
        pid = os.fork()
        if not pid:
            try:
                own = Seen()
                desktop_port = sender.gntp_client.address[1]
                assert desktop_port == desktop.port
                sender.publish("event", "title", "child", background=True, **own.callbacks())
                own.wait(1)
                os._exit(0 if own.results == [("click", "None", "None")] else 2)
            except BaseException:  # noqa: BLE001 - told by the exit code
                os._exit(1)
        desktop.react("child", "CLICKED")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert not seen.results
        desktop.react("parent", "CLICKED")
        seen.wait(1)


def test_a_thread_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer came, but nobody can wait for the reaction: nothing is left open."""
    real = threading.Thread.start

    def start(self: threading.Thread) -> None:
        if self.name == "gntp-callbacks":
            raise RuntimeError("can't start new thread")
        real(self)

    with Desktop() as desktop, publisher(desktop.port) as sender:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            with pytest.raises(GNTPConnectionError, match="cannot wait for the reaction: can't start new thread"):
                sender.publish("event", "title", background=True, on_click=print)
        desktop.react("text", "CLICKED")
        seen = Seen()
        sender.publish("event", "title", "text", background=True, **seen.callbacks())
        seen.wait(1)


def test_a_client_without_reactions_has_no_thread() -> None:
    """Nor a socket for one."""
    with ScriptedServer(answer_ok) as server, GNTPClient("127.0.0.1", server.port) as client:
        assert client.lost_callbacks == 0
        assert not _threads()
