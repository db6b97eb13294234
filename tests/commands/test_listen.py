"""The command ``gntp-logging listen``, as a program of its own, with real clients."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.commands import listen
from gntp_logging.commands.cli import main
from gntp_logging.commands.listen import Stop
from gntp_logging.gntp.ciphers import AES
from gntp_logging.gntp.connections import GNTPClient
from gntp_logging.gntp.exceptions import GNTPAuthenticationError, GNTPTLSError
from gntp_logging.gntp.models import Event, Notification
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest, SubscribeRequest
from gntp_logging.gntp.tls import ClientTLS
from gntp_logging.receiver.displays import DISPLAYS, Kind
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.tls_stream import server_context
from tests.certificates import Issuer
from tests.support import (
    PATIENCE,
    ScriptedServer,
    free_port,
    receive_request,
    running_receiver,
    send_response,
    wait_until,
)

pytestmark = pytest.mark.usefixtures("no_variables")

TIMEOUT = 30.0


class Listening:
    """The command, running with a JSON display."""

    def __init__(self, *arguments: str, port: str | None = "0") -> None:
        command = [sys.executable, "-W", "error", "-m", "gntp_logging", "listen", "--display", "json"]
        command += [] if port is None else ["--port", port]
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        self.port = self.next()["port"]

    def next(self) -> Any:
        """Return the next event."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=TIMEOUT)
        return json.loads(line)

    def next_of(self, event: str) -> Any:
        """Return the next event of a kind."""
        while (found := self.next())["event"] != event:
            pass
        return found

    def client(self, password: str | None = None) -> GNTPClient:
        """Return a client of it."""
        return GNTPClient("127.0.0.1", self.port, PATIENCE, password)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; return its exit code and what it has written to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, errors


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.fixture
def listening() -> Iterator[Listening]:
    """The command without a password."""
    running = Listening()
    yield running
    running.process.kill()
    running.process.communicate()


REGISTER = RegisterRequest("shop", None, [Event("Error"), Event("Info")])


@pytest.mark.program
def test_each_event_comes_at_once(listening: Listening) -> None:
    """A script that reads has it before the next one comes."""
    with listening.client() as client:
        client.process_request(REGISTER)
        assert listening.next()["event"] == "register"
        client.process_request(NotifyRequest("shop", Notification("Info", "plain")))
        assert listening.next()["title"] == "plain"


@pytest.mark.program
def test_refusals_and_subscriptions_are_events_too(tmp_path: Path) -> None:
    """And passwords come from wherever they were given."""
    (tmp_path / "passwords").write_text("one\n\ntwo\r\n", encoding="utf-8")
    listening = Listening("--hub", "--password", "three", "--password-file", str(tmp_path / "passwords"))
    try:
        for password in ("one", "two", "three"):
            with listening.client(password) as client:
                client.process_request(REGISTER)
            assert listening.next()["hash"] == "SHA256"
        with listening.client("four") as client, pytest.raises(GNTPAuthenticationError):
            client.process_request(REGISTER)
        refused = listening.next()
        assert (refused["event"], refused["code"], refused["peer"]) == ("error", 400, "127.0.0.1")
        assert "four" not in str(refused)
        with listening.client("one") as client:
            client.process_request(SubscribeRequest("sub-1", "desk", free_port()))
        subscribed = listening.next()
        assert (subscribed["event"], subscribed["id"], subscribed["name"]) == ("subscribe", "sub-1", "desk")
        assert subscribed["ttl"] > 0
    finally:
        assert listening.end() == (0, "")


@pytest.mark.program
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_to(listening: Listening, number: int) -> None:
    """Without a traceback, and with 0: that is how it ends."""
    assert listening.end(number) == (0, "")


@pytest.mark.program
def test_it_ends_when_nobody_reads_any_more(listening: Listening) -> None:
    """``gntp-logging listen --display json | head -1``."""
    assert listening.process.stdout is not None
    listening.process.stdout.close()
    with listening.client() as client:
        client.process_request(REGISTER)
    assert listening.process.wait(TIMEOUT) == 0


@pytest.mark.program
@pytest.mark.parametrize("are_errors_read", [True, False])
def test_a_reader_that_stands_still_keeps_no_sender_waiting(are_errors_read: bool) -> None:
    """``listen --display json | less``, also with ``2>&1``. What was dropped is counted, and it ends as ever."""
    port = free_port()
    command = [sys.executable, "-m", "gntp_logging", "listen", "--port", str(port), "--display", "json"]
    errors = subprocess.PIPE if are_errors_read else subprocess.STDOUT
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
        wait_until(lambda: _is_open(port))
        with GNTPClient("127.0.0.1", port, PATIENCE) as client:
            client.process_request(REGISTER)
            for number in range(100):
                client.process_request(NotifyRequest("shop", Notification("Info", f"{number}", "x" * 50_000)))
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 0
        if process.stderr is not None:
            first, last = process.stderr.read().decode().splitlines()
            assert first.endswith("standard output cannot be written: its reader is too slow (1 dropped so far)")
            assert re.search("standard output: .* too slow, and (9.|10.) events are missing$", last)


@pytest.mark.program
def test_a_handler_finds_it_and_its_alert_is_a_box(tmp_path: Path) -> None:
    """The way of a person who tries it: one terminal listens, in the other a program fails."""
    port = free_port()
    output = tmp_path / "output"
    with output.open("wb") as file:
        command = [sys.executable, "-m", "gntp_logging", "listen", "--port", str(port)]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", "NO_COLOR": "1"}
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        wait_until(lambda: f"Listening on 127.0.0.1:{port}. Ctrl-C ends it." in output.read_text("utf-8"))
        handler = GNTPHandler(app_name="shop", port=port, host="127.0.0.1")
        handler.handle(logging.LogRecord("shop", logging.ERROR, __file__, 1, "order %d", (7,), None))
        assert handler.flush(PATIENCE)
        handler.close()
        wait_until(lambda: "│ order 7" in output.read_text("utf-8"))
    finally:
        process.terminate()
        process.wait(TIMEOUT)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bind", "0.0.0.0"], "without a password would show what anybody sends: give --password-file"),
        (["--bind", "::"], "without a password"),
        (["--bind", "desk.example"], "without a password"),
        (["--hub"], "--hub needs a password, which subscribers must have: give --password-file or --password"),
        (["--require-encryption"], "--require-encryption needs a password: give --password-file or --password"),
        (["--minimum-hash", "SHA256"], "--minimum-hash needs a password: give --password-file or --password"),
        (
            ["--password", "x", "--require-encryption", "--subscribe-to", "localhost", "--encryption", "DES"],
            "--require-encryption refuses what a hub sends with --encryption DES: choose AES or 3DES",
        ),
        (["--tls-key", "x"], "--tls-key is the key of a certificate: give --tls-cert as well"),
        (["--tls"], "--tls and --tls-ca are for --subscribe-to; to take connections by TLS, give --tls-cert"),
        (["--tls-ca", "x"], "--tls and --tls-ca are for --subscribe-to"),
        (["--tls-cert", "/nonexistent"], "--tls-cert: cannot read '/nonexistent': No such file or directory"),
        (["--tls-cert", "/dev/null", "--tls-key", "/nonexistent"], "--tls-key: cannot read '/nonexistent': No such"),
        (["--tls-cert", "/dev/null"], "--tls-cert: cannot use '/dev/null': there are not both a certificate and a key"),
        (
            ["--tls-cert", "/dev/null", "--password", "x", "--subscribe-to", "localhost"],
            "--subscribe-to: a hub connects without TLS to hand on what it gets: leave --tls-cert out",
        ),
        (
            ["--password", "x", "--subscribe-to", "localhost", "--tls-ca", "/nonexistent"],
            "--tls-ca: cannot read '/nonexistent': No such file or directory",
        ),
        (["--subscribe-to", "hub"], "--subscribe-to needs the hub's password"),
        (["--subscribe-to", "hub", "--password", "x"], "needs --bind with an address that the hub can reach"),
        (["--password-file", "/dev/null"], "--password-file: there is no password in '/dev/null'"),
        (["--password-file", "/nonexistent"], "--password-file: cannot read '/nonexistent': No such file or directory"),
        (["--password-file", "/no\x1b[2J"], "cannot read '/no\\x1b[2J'"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With 2, and what to do."""
    assert main(["listen", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize(
    "arguments",
    [["--port", "x"], ["--port", "65536"], ["--display", "smoke"], ["--subscribe-to", "a:b"], ["--password", ""]],
)
def test_bad_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As every command does."""
    with pytest.raises(SystemExit) as ended:
        main(["listen", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.program
def test_a_port_that_is_taken_is_one_line(listening: Listening, capsys: pytest.CaptureFixture[str]) -> None:
    """With 1."""
    assert main(["listen", "--port", str(listening.port)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(listening.port) in line


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With 2, as by every command."""
    (tmp_path / "passwords").write_bytes(b"\xff\xfe")
    assert main(["listen", "--password-file", str(tmp_path / "passwords")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--password-file: cannot read" in line


# -- The environment -----------------------------------------------------------------------------


def opens(listening: Listening, password: str) -> bool:
    """Tell whether a password opens the door."""
    try:
        with listening.client(password) as client:
            client.process_request(REGISTER)
    except GNTPAuthenticationError:
        return False
    return True


@pytest.mark.program
def test_the_environment_gives_passwords_and_the_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no such argument."""
    file = tmp_path / "passwords"
    file.write_text("\ufeffone\ntwo\n", encoding="utf-8")
    monkeypatch.setenv("GNTP_PASSWORD", "three")
    monkeypatch.setenv("GNTP_PASSWORD_FILE", str(file))
    monkeypatch.setenv("GNTP_PORT", str(free_port()))
    listening = Listening(port=None)
    try:
        assert str(listening.port) == os.environ["GNTP_PORT"]
        assert [opens(listening, password) for password in ("one", "two", "three", "four")] == [True] * 3 + [False]
    finally:
        listening.end()


@pytest.mark.program
@pytest.mark.parametrize("argument", ["--password", "--password-file"])
def test_an_argument_comes_before_the_environment(
    argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is given takes back all that the environment says of passwords."""
    file = tmp_path / "passwords"
    file.write_text("given", encoding="utf-8")
    monkeypatch.setenv("GNTP_PASSWORD", "from the environment")
    monkeypatch.setenv("GNTP_PASSWORD_FILE", "/nonexistent")
    monkeypatch.setenv("GNTP_PORT", "1")
    listening = Listening(argument, "given" if argument == "--password" else str(file))
    try:
        assert [opens(listening, password) for password in ("given", "from the environment")] == [True, False]
    finally:
        listening.end()


@pytest.mark.program
def test_other_variables_are_not_for_this_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are other programs' that begin alike."""
    monkeypatch.setenv("GNTP_LEVEL", "bogus")
    monkeypatch.setenv("GNTP_SEND_SERVER", "x")
    Listening().end()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("GNTP_PASSWORD_FILE", "/nonexistent", "GNTP_PASSWORD_FILE: cannot read '/nonexistent': No such file"),
        ("GNTP_PORT", "70000", "GNTP_PORT: allowed is 0 to 65535, not '70000'"),
        ("GNTP_PASWORD", "x", "did you mean 'GNTP_PASSWORD'?"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(
    variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With 2, and its name."""
    monkeypatch.setenv(variable, value)
    assert main(["listen"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.program
@pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 here")
def test_the_bind_address_may_stand_in_brackets() -> None:
    """As the command itself writes it, and as a client may be given it."""
    listening = Listening("--bind", "[::1]")
    with GNTPClient("[::1]", listening.port, PATIENCE) as client:
        client.process_request(RegisterRequest("app", None, [Event("event")]))
    assert listening.next_of("register")["application"] == "app"
    assert listening.end()[0] == 0


@pytest.mark.program
def test_a_password_of_the_environment_opens_the_bind_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a password like another."""
    monkeypatch.setenv("GNTP_PASSWORD", "secret")
    listening = Listening("--bind", "0.0.0.0")
    assert listening.end() == (0, "")


# -- Streams -------------------------------------------------------------------------------------


def without_stdout(display: str) -> subprocess.Popen[str]:
    """Start the command as a shell does with ``>&-``."""
    command = f"exec {sys.executable} -W error -m gntp_logging listen --port 0 --web-port 0 --display {display} >&-"
    return subprocess.Popen(["sh", "-c", command], stderr=subprocess.PIPE, encoding="utf-8")


@pytest.mark.program
@pytest.mark.skipif(sys.platform == "win32", reason="a shell's closed streams")
@pytest.mark.parametrize("display", ["console", "json"])
def test_a_display_without_the_stream_that_it_writes_to_is_one_line(display: str) -> None:
    """Rather than a server that shows nothing."""
    with without_stdout(display) as process:
        _, errors = process.communicate(timeout=TIMEOUT)
    words = f"gntp-logging listen: --display {display} writes to standard output, and that is closed"
    assert (process.returncode, errors.splitlines()) == (1, [words])


@pytest.mark.program
@pytest.mark.skipif(sys.platform == "win32", reason="a shell's closed streams")
def test_a_display_that_needs_no_stream_runs_without() -> None:
    """It says on stderr where it is seen, and where it listens."""
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    with without_stdout("web") as process:
        assert process.stderr is not None
        assert "alerts are shown at http://127.0.0.1:" in process.stderr.readline()
        assert "listening on 127.0.0.1:" in process.stderr.readline()
        process.terminate()
        assert process.wait(TIMEOUT) == 0
        assert process.stderr.read() == ""


def test_what_hubs_say_cannot_write_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """It is shown, not obeyed."""

    def refuse(sock: socket.socket, _number: int) -> None:
        sock.recv(65536)
        sock.sendall(b"GNTP/1.0 -ERROR NONE\r\nError-Code: 300\r\nError-Description: \x1b[2Jgone\r\n\r\n")

    with ScriptedServer(refuse) as hub:
        assert main(["listen", "--port", "0", "--password", "x", "--subscribe-to", f"127.0.0.1:{hub.port}"]) == 1
    error = capsys.readouterr().err
    assert "␛[2Jgone" in error
    assert "\x1b" not in error


# -- Troubles ------------------------------------------------------------------------------------


class _Failing:
    """A display that can show nothing."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def show(self, toast: Toast) -> None:
        """Fail."""
        raise self.error


def test_a_display_that_fails_is_told_of_on_stderr_where_no_other_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its user would wait for toasts that never come."""
    kind = Kind("fails", "nowhere.Nothing")
    monkeypatch.setattr(Kind, "__call__", lambda *_: _Failing(BrokenPipeError("the \x1bservice is gone")))
    monkeypatch.setitem(DISPLAYS, "failing", kind)
    port = free_port()
    stop = Stop()
    monkeypatch.setattr(listen, "Stop", lambda: stop)
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(main(["listen", "--port", str(port), "--display", "failing"]))
    )
    thread.start()
    try:
        wait_until(lambda: _is_open(port))
        with GNTPClient("127.0.0.1", port, PATIENCE) as client:
            client.process_request(REGISTER)
            for _ in range(3):
                client.process_request(NotifyRequest("shop", Notification("Info", "plain")))
    finally:
        stop.set()
        thread.join(TIMEOUT)
    assert codes == [0]
    place, line = capsys.readouterr().err.splitlines()
    assert place == f"gntp-logging listen: listening on 127.0.0.1:{port}"
    assert line == "gntp-logging listen: the display _failing fails: the ␛service is gone (1 so far)"


@pytest.mark.program
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_output_that_cannot_be_written_is_told_of_on_stderr() -> None:
    """Once in a while; the server goes on, for the sake of other displays."""
    port = free_port()
    command = [sys.executable, "-m", "gntp_logging", "listen", "--port", str(port), "--display", "json"]
    with (
        open("/dev/full", "w") as full,
        subprocess.Popen(command, stdout=full, stderr=subprocess.PIPE, encoding="utf-8") as process,
    ):
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("gntp-logging listen: standard output cannot be written: [Errno 28]")
        wait_until(lambda: _is_open(port))
        with GNTPClient("127.0.0.1", port, PATIENCE) as client:
            client.process_request(REGISTER)
        process.terminate()
        rest = process.stderr.read()
        process.wait(TIMEOUT)
    assert "gntp-logging listen" not in rest


def _is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_stop_may_be_set_again_and_from_a_signal_handler() -> None:
    """Whatever that interrupts."""
    stop = Stop()
    stop.set()
    stop.set()
    stop.wait()


@pytest.mark.program
def test_it_joins_a_hub_and_shows_what_the_hub_gets() -> None:
    """Subscribed with the first password, renewed, and ended with the program."""
    hub = Listening("--hub", "--password", "secret")
    member = Listening("--password", "secret", "--subscribe-to", f"127.0.0.1:{hub.port}")
    try:
        subscribed = hub.next_of("subscribe")
        assert subscribed["port"] == member.port
        with hub.client("secret") as client:
            client.process_request(REGISTER)
            client.process_request(NotifyRequest("shop", Notification("Info", "through the hub")))
        assert member.next_of("notify")["title"] == "through the hub"
    finally:
        ends = member.end(), hub.end()
    assert ends == ((0, ""), (0, ""))


FIRST_PASSWORD = "the first password that is given here must be the hub's"


@pytest.mark.program
@pytest.mark.parametrize(
    ("server", "password", "said"),
    [
        ([], "secret", "-ERROR 300: this server is no hub: start it with gntp-logging listen --hub"),
        (
            ["--password", "secret"],
            "wrong",
            "-ERROR 300: this server is no hub: start it with gntp-logging listen --hub",
        ),
        (
            ["--password", "secret", "--hub"],
            "wrong",
            f"-ERROR 400: the key does not match the password; {FIRST_PASSWORD}",
        ),
    ],
)
def test_what_the_server_says_comes_before_advice(
    server: list[str], password: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server knows why; this command guesses."""
    other = Listening(*server)
    try:
        where = f"127.0.0.1:{other.port}"
        assert main(["listen", "--port", "0", "--password", password, "--subscribe-to", where]) == 1
        assert capsys.readouterr().err == (
            f"gntp-logging listen: cannot subscribe to {where}: the server answered {said}\n"
        )
        assert other.next()["event"] == "error"
    finally:
        assert other.end() == (0, "")


@pytest.mark.slow
def test_what_the_server_says_to_a_renewal_is_shown_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A hub may be started again without being one."""
    shown: list[str] = []

    def grant_once(sock: socket.socket, number: int) -> None:
        request = receive_request(sock, ["x"])
        if number:
            send_response(sock, "-ERROR", Error_Code="300", Error_Description="no hub any more")
        else:
            send_response(sock, Response_Action=request.message_type, Subscription_TTL="1")

    def is_shown() -> bool:
        shown.append(capsys.readouterr().err)
        return "cannot renew the subscription: the server answered -ERROR 300: no hub any more\n" in "".join(shown)

    stop = Stop()
    with pytest.MonkeyPatch.context() as patch, ScriptedServer(grant_once) as hub:
        patch.setattr(listen, "Stop", lambda: stop)
        arguments = ["listen", "--port", "0", "--password", "x", "--subscribe-to", f"127.0.0.1:{hub.port}"]
        thread = threading.Thread(target=main, args=[arguments])
        thread.start()
        try:
            wait_until(is_shown)
        finally:
            stop.set()
            thread.join(TIMEOUT)


@pytest.mark.program
def test_the_environments_password_makes_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a password like another."""
    monkeypatch.setenv("GNTP_PASSWORD", "secret")
    hub = Listening("--hub")
    try:
        with hub.client("secret") as client:
            client.process_request(SubscribeRequest("sub-1", "desk", free_port()))
        assert hub.next()["event"] == "subscribe"
    finally:
        assert hub.end() == (0, "")


@pytest.mark.program
def test_an_encrypted_alert_reaches_a_subscription_that_is_as_safe_alone() -> None:
    """The hub tells of the other one, and what to do."""
    hub = Listening("--hub", "--password", "secret")
    where = f"127.0.0.1:{hub.port}"
    weak = Listening("--password", "secret", "--subscribe-to", where, "--encryption", "DES")
    safe = Listening("--password", "secret", "--subscribe-to", where)
    try:
        for _ in range(2):
            hub.next_of("subscribe")
        with GNTPClient("127.0.0.1", hub.port, PATIENCE, "secret", encryption=AES) as client:
            client.process_request(REGISTER)
            client.process_request(NotifyRequest("shop", Notification("Info", "hidden")))
        assert safe.next_of("notify")["title"] == "hidden"
        with hub.client("secret") as client:
            client.process_request(NotifyRequest("shop", Notification("Info", "came in clear")))
        assert [event["name"] for event in weak.next()["notifications"]] == ["Info"]
        assert weak.next()["title"] == "came in clear"
        assert "subscribe with --encryption AES" in hub.next_of("lost")["reason"]
    finally:
        ends = [each.end() for each in (weak, safe, hub)]
    assert ends == [(0, "")] * 3


def test_a_hub_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With 1, and nothing keeps listening."""
    port = free_port()
    assert main(["listen", "--port", "0", "--password", "x", "--subscribe-to", f"127.0.0.1:{port}"]) == 1
    assert f"cannot subscribe to 127.0.0.1:{port}" in capsys.readouterr().err


def test_the_documents_table_names_every_argument(capsys: pytest.CaptureFixture[str]) -> None:
    """And none that is not there."""
    with pytest.raises(SystemExit):
        main(["listen", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    table = (
        Path(__file__).parents[2].joinpath("docs", "receiver.md").read_text("utf-8").partition("## All arguments")[2]
    )
    cells = " ".join(re.findall(r"^\| (`--.*?) \|", table, re.MULTILINE))
    rows = set(re.findall(r"--[a-z-]+", cells))
    assert rows == known


@pytest.mark.program
def test_several_displays_show_the_same() -> None:
    """JSON for a script, and a page for a person, whose address is said."""
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    listening = Listening("--display", "web", "--web-port", "0")
    try:
        with listening.client() as client:
            client.process_request(REGISTER)
            client.process_request(NotifyRequest("shop", Notification("Info", "to both")))
        assert listening.next_of("notify")["title"] == "to both"
        assert listening.process.stderr is not None
        url = listening.process.stderr.readline().split()[-1]
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=10)
        connection.request("GET", f"/events?{parts.query}")
        response = connection.getresponse()
        while "to both" not in response.readline().decode():
            pass
        connection.close()
    finally:
        assert listening.end() == (0, "")


def serving_the_page(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Listen with a page until it says where that is; return the exit code, and what is on stderr."""
    stop = threading.Event()

    def said(line: str) -> None:
        print(line, file=sys.stderr)
        if "alerts are shown at" in line:
            stop.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listen, "Stop", lambda: stop)
        patch.setattr(listen, "warn", said)
        status = main(["listen", "--port", "0", "--display", "web", *arguments])
    return status, capsys.readouterr().err


def test_the_page_keeps_its_port_and_its_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From one start to the next; the file of the token is its owner's alone."""
    web = pytest.importorskip("gntp_logging.receiver.web", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(web, "DEFAULT_PORT", free_port())
    (first, said), (second, again) = serving_the_page(capsys), serving_the_page(capsys)
    assert (first, second) == (0, 0)
    assert said.splitlines()[0] == again.splitlines()[0]
    assert f"http://127.0.0.1:{web.DEFAULT_PORT}/?token=" in said
    (path,) = (tmp_path / "gntp-logging").glob("page-token*")
    assert said.rstrip().partition("token=")[2].splitlines()[0] == path.read_text("ascii").strip()
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_an_address_of_another_machine_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """It may be this machine's as soon as the network is there: that is no wrong usage, and a service tries again."""
    assert main(["listen", "--bind", "192.0.2.7", "--port", "0", "--password", "x"]) == 1
    assert capsys.readouterr().err == "gntp-logging listen: --bind: this machine has no address 192.0.2.7\n"


def test_where_the_pages_port_is_taken_a_line_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a free one then; a port that somebody has asked for is an error instead."""
    web = pytest.importorskip("gntp_logging.receiver.web", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(web, "DEFAULT_PORT", port)
        status, said = serving_the_page(capsys)
        assert status == 0
        assert f"port {port} is taken" in said
        assert f":{port}/" not in said
        status, said = serving_the_page(capsys, "--web-port", str(port))
        assert status == 1
        (line,) = said.splitlines()
        assert f"127.0.0.1:{port} is taken" in line
        assert "--web-port" in line


def test_a_token_that_cannot_be_kept_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The page is served all the same."""
    pytest.importorskip("aiohttp", reason="needs aiohttp: pip install 'gntp-logging[web]'")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "gntp-logging").mkdir(0o700)
    (tmp_path / "gntp-logging" / "page-token").write_text("no token", "ascii")
    status, said = serving_the_page(capsys, "--web-port", "0", "--no-history")
    assert status == 0
    assert "the page's address changes with the next start: there is no token in" in said


@pytest.mark.parametrize(("display", "module"), [("web", "aiohttp"), ("desktop", "desktop_notifier")])
def test_a_display_whose_packages_are_missing_says_what_to_install(
    display: str, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line."""
    for name in [name for name in sys.modules if name.startswith(f"gntp_logging.receiver.{display}")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["listen", "--port", "0", "--display", display]) == 1
    assert capsys.readouterr().err.strip().endswith(f"pip install 'gntp-logging[{display}]'")


def test_a_desktop_without_a_service_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With 1."""
    pytest.importorskip("desktop_notifier", reason="needs desktop-notifier: pip install 'gntp-logging[desktop]'")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    assert main(["listen", "--port", "0", "--display", "desktop"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gntp-logging listen: --display desktop: no notification service can be reached")


@pytest.mark.program
@pytest.mark.parametrize(("encryption", "cipher"), [([], "AES"), (["--encryption", "3DES"], "3DES")])
def test_a_subscription_is_encrypted(encryption: list[str], cipher: str) -> None:
    """And so is what the hub hands on."""
    hub = Listening("--hub", "--password", "secret")
    desk = Listening("--password", "secret", "--subscribe-to", f"127.0.0.1:{hub.port}", *encryption)
    try:
        assert hub.next_of("subscribe")["encryption"] == cipher
        with hub.client("secret") as client:
            client.process_request(REGISTER)
            client.process_request(NotifyRequest("shop", Notification("Info", "plain")))
        assert desk.next_of("notify")["encryption"] == cipher
    finally:
        desk.end()
        hub.end()


# -- TLS -----------------------------------------------------------------------------------------


@pytest.mark.program
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_the_certificate_is_read_again_on_sighup(issuer: Issuer, tmp_path: Path) -> None:
    """One that cannot be used leaves the old one in force. Each time is one line on stderr."""
    file = tmp_path / "desk.pem"
    file.write_bytes(issuer.issue("desk.example").read_bytes())
    listening = Listening("--tls-cert", str(file), "--require-encryption")
    stderr = listening.process.stderr
    assert stderr is not None

    def is_for(host: str) -> bool:
        with GNTPClient("127.0.0.1", listening.port, PATIENCE, tls=issuer.file) as client:
            client._channel._tls = ClientTLS(issuer.file, host)
            try:
                return client.process_request(REGISTER) is not None
            except GNTPTLSError:
                return False

    try:
        assert [is_for("desk.example"), is_for("lab.example")] == [True, False]
        file.write_text("half a certificate")
        listening.process.send_signal(signal.SIGHUP)
        line = stderr.readline()
        assert line.startswith(f"gntp-logging listen: --tls-cert: cannot use '{file}': ")
        assert line.endswith("; the certificate that was read before stays\n")
        assert is_for("desk.example")
        file.write_bytes(issuer.issue("lab.example").read_bytes())
        listening.process.send_signal(signal.SIGHUP)
        assert stderr.readline() == "gntp-logging listen: the certificate was read again\n"
        assert [is_for("desk.example"), is_for("lab.example")] == [False, True]
        file.unlink()
        listening.process.send_signal(signal.SIGHUP)
        assert "--tls-cert: cannot read" in stderr.readline()
        assert is_for("lab.example")
    finally:
        assert listening.end() == (0, "")


@pytest.mark.program
def test_a_desktop_subscribes_to_a_hub_by_tls(issuer: Issuer, certificate: Path) -> None:
    """What the hub then hands on is encrypted with the subscription's cipher."""
    hub = Listening("--password", "secret", "--hub", "--tls-cert", str(certificate))
    desk = Listening(
        "--password", "secret", "--subscribe-to", f"127.0.0.1:{hub.port}", "--tls-ca", str(issuer.file)
    )  # fmt: skip
    try:
        subscribed = hub.next_of("subscribe")
        assert (subscribed["encryption"], subscribed["ttl"] > 0) == ("TLS", True)
        with GNTPClient("127.0.0.1", hub.port, PATIENCE, "secret", tls=issuer.file) as client:
            client.process_request(REGISTER)
            client.process_request(NotifyRequest("shop", Notification("Info", "by TLS")))
        assert hub.next_of("notify")["encryption"] == "TLS"
        shown = desk.next_of("notify")
        assert (shown["title"], shown["encryption"]) == ("by TLS", "AES")
    finally:
        assert desk.end() == (0, "")
        assert hub.end() == (0, "")


@pytest.mark.parametrize("arguments", [[], ["--tls"]])
def test_a_hub_that_cannot_be_subscribed_to_by_tls_is_named(
    arguments: list[str], certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reason: it wants TLS, or its issuer is not trusted here."""
    with running_receiver(["x"], hub=True, tls=server_context(certificate)) as hub:
        where = f"localhost:{hub.port}"
        assert main(["listen", "--port", "0", "--password", "x", "--subscribe-to", where, *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"cannot subscribe to {where}: " in line
    assert ("from an issuer that is not trusted here" if arguments else "this server expects TLS") in line
