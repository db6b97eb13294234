"""The walk of ``gntp-logging check``, to real receivers and to servers that fail."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from gntp_logging.commands.cli import main
from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.wire import RequestReader
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from gntp_logging.receiver.tls_stream import server_context
from tests.certificates import Issuer
from tests.conftest import Write
from tests.support import (
    Recorder,
    RunningReceiver,
    ScriptedServer,
    answer_error,
    answer_ok,
    free_port,
    running_receiver,
    send_response,
)

Configure = Callable[..., "tuple[int, dict[str, str], str]"]
"""Runs the command with a configuration of one handler."""

pytestmark = pytest.mark.usefixtures("no_variables", "root_as_it_was")


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    """Run the command; return the exit code and the verdict of each step."""
    code = main(["check", *arguments])
    lines = re.findall(r"^  (ok|FAIL|note|-) +(.+?)(?: {2,}|$)", capsys.readouterr().out, re.MULTILINE)
    return code, {name: verdict for verdict, name in lines}


class Clicking(Recorder):
    """A display whose user clicks."""

    def show(self, toast: Toast) -> None:
        """Click."""
        super().show(toast)
        toast.react(Reaction.CLICKED)


def test_a_server_that_takes_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """Each step, up to the click."""
    with Receiver(Server([Clicking()], passwords=["secret"])) as receiver:
        arguments = ["--port", str(receiver.port), "--password", "secret", "--encryption", "AES"]
        code, steps = check(capsys, *arguments)
    assert code == 0
    assert {name for name, verdict in steps.items() if verdict == "note"} == {"no password", "wrong password"}
    expected = {"name look-up", "connect", "REGISTER", "NOTIFY", "password", "Keep-Alive", "callback"}
    expected |= {f"hash {name}" for name in ("MD5", "SHA1", "SHA256", "SHA512")}
    expected |= {f"cipher {name}" for name in ("AES", "DES", "3DES")}
    assert {name for name, verdict in steps.items() if verdict == "ok"} == expected


@pytest.mark.parametrize(
    ("given", "advice"),
    [([], "give it: GNTP_PASSWORD"), (["--password", "guess"], "give the server's own password: GNTP_PASSWORD")],
)
def test_no_password_and_a_wrong_one(given: list[str], advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It fails there, and says what to do."""
    with running_receiver(["secret"]) as receiver:
        code = main(["check", "--port", str(receiver.port), "--wait", "0", *given])
    output = capsys.readouterr().out
    assert code == 1
    assert "FAIL  REGISTER" in output
    assert f"-> {advice} or --password-file" in output


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    """What could only fail too is not tried."""
    code, steps = check(capsys, "--port", str(free_port()))
    assert (code, steps) == (1, {"name look-up": "ok", "connect": "FAIL"})


def test_a_server_that_closes(capsys: pytest.CaptureFixture[str]) -> None:
    """That is no failure."""
    with ScriptedServer(answer_ok) as server:
        code, steps = check(capsys, "--port", str(server.port), "--wait", "0")
    assert code == 0
    assert steps["Keep-Alive"] == "note"


@pytest.mark.slow
def test_a_wrong_password_is_not_guessed_at(capsys: pytest.CaptureFixture[str]) -> None:
    """Servers slow down who guesses, so what cannot succeed is not tried; whoever lets everybody in is told."""
    with running_receiver(["secret"]) as receiver:
        code, steps = check(capsys, "--port", str(receiver.port), "--password", "guess", "--encryption", "AES")
    assert code == 1
    assert (steps["REGISTER"], steps["NOTIFY"], steps["password"]) == ("FAIL", "-", "FAIL")
    assert {steps[f"cipher {name}"] for name in ("AES", "DES", "3DES")} == {"-"}
    assert "wrong password" not in steps


def accept_anything(sock: socket.socket, _number: int) -> None:
    """Answer -OK to whatever comes, and look at no key, as growl-for-linux does."""
    sock.recv(65536)
    send_response(sock, Response_Action="REGISTER")


def test_a_server_that_checks_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that means nothing is not called ok."""
    with ScriptedServer(accept_anything) as server:
        code, steps = check(capsys, "--port", str(server.port), "--password", "x", "--wait", "0")
    assert code == 0
    assert (steps["REGISTER"], steps["NOTIFY"]) == ("ok", "ok")
    assert {steps[name] for name in ("password", "hash SHA256", "hash MD5", "cipher AES")} == {"note"}


def answer_notify(sock: socket.socket, _number: int) -> None:
    """Answer -OK to a NOTIFY, whatever comes, as osd-notification does."""
    sock.recv(65536)
    send_response(sock, Response_Action="NOTIFY")


@pytest.mark.parametrize("serve", [accept_anything, answer_notify])
@pytest.mark.parametrize("is_encrypted", [True, False])
def test_a_server_that_cannot_have_read_what_it_accepts(
    capsys: pytest.CaptureFixture[str], serve: Callable[[socket.socket, int], None], is_encrypted: bool
) -> None:
    """Alerts do not get through as configured where that is encrypted; elsewhere it is worth knowing."""
    arguments = ["--password", "x", "--wait", "0", *(["--encryption", "AES"] if is_encrypted else [])]
    with ScriptedServer(serve) as server:
        code = main(["check", "--port", str(server.port), *arguments])
    output = capsys.readouterr().out
    assert code == (1 if is_encrypted else 0)
    verdict = "FAIL" if is_encrypted else "note"
    assert re.search(f"{verdict} +wrong password .*cannot have been read: cannot tell what is shown", output)
    named = re.findall("ok +(?:REGISTER|NOTIFY) .*it names another request: NOTIFY", output)
    assert len(named) == (1 if serve is answer_notify else 0)
    assert "the desktop to see what it shows" in output or not (named or is_encrypted)


def lets_in_without_a_password(sock: socket.socket, _number: int) -> None:
    """Take what has no key, and refuse a wrong key, as Growl for Windows does with programs of its machine."""
    data = sock.recv(65536)
    if b"NONE\r\n" in data:
        send_response(sock, Response_Action="REGISTER")
    else:
        send_response(sock, "-ERROR", Error_Code="400", Error_Description="Invalid key hash")


def _checks_in_clear_alone(sock: socket.socket, _number: int) -> None:
    """Check keys of what comes in clear, and say -OK to all that is encrypted."""
    data = sock.recv(65536)
    line = data.partition(b"\r\n")[0]
    reader = RequestReader(["right"])
    reader.feed(data)
    try:
        is_right = reader.next_message() is not None
    except GNTPProtocolError:
        is_right = False
    if is_right or (data and b" NONE" not in line):
        send_response(sock, Response_Action=line.split()[1].decode())
    elif data:
        send_response(sock, "-ERROR", Error_Code="400", Error_Description="Invalid key hash")


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_a_server_that_checks_only_what_is_in_clear(capsys: pytest.CaptureFixture[str], is_encrypted: bool) -> None:
    """Nothing is said of it that is not so; in clear the password counts, and ciphers mean nothing."""
    arguments = ["--password", "right", "--wait", "0", *(["--encryption", "AES"] if is_encrypted else [])]
    with ScriptedServer(_checks_in_clear_alone) as server:
        code = main(["check", "--port", str(server.port), *arguments])
    output = capsys.readouterr().out
    assert code == (1 if is_encrypted else 0)
    assert "refused in clear, but accepted encrypted, which cannot have been read" in output
    assert ("does not check the passwords of what is encrypted" in output) == is_encrypted
    assert bool(re.search("ok +password .*accepted", output)) != is_encrypted
    assert bool(re.search("ok +hash MD5 ", output)) != is_encrypted
    assert re.search("note +cipher 3DES .*which means nothing", output)


def test_an_advice_is_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    """And one that needs no other beside it."""

    def serve(sock: socket.socket, _number: int) -> None:
        sock.recv(65536)
        send_response(sock, Response_Action="FISH")

    with ScriptedServer(serve) as server:
        assert main(["check", "--port", str(server.port), "--wait", "0", "--password", "x"]) == 0
    output = capsys.readouterr().out
    assert len(re.findall("it names another request: FISH", output)) > 2
    assert len(re.findall("->", output)) == 1


@pytest.mark.parametrize("encryption", [[], ["--encryption", "AES"]])
def test_a_wrong_password_where_none_is_needed(capsys: pytest.CaptureFixture[str], encryption: list[str]) -> None:
    """The server has one all the same: the advice is to give that, and there is no other."""
    with ScriptedServer(lets_in_without_a_password) as server:
        code = main(["check", "--port", str(server.port), "--password", "x", "--wait", "0", *encryption])
    output = capsys.readouterr().out
    assert code == 1
    assert re.search("FAIL +password .*another password than the server's; without one it lets programs in", output)
    (advice,) = re.findall("-> (.*)", output)
    assert advice.startswith("give the server's own password")
    assert "leave" not in output


def test_a_password_for_a_server_that_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    """It says so itself, and so the advice is another one."""
    with running_receiver() as receiver:
        code = main(["check", "--port", str(receiver.port), "--password", "x", "--wait", "0"])
    output = capsys.readouterr().out
    assert code == 1
    assert re.search("FAIL +password .*the server has none", output)
    assert re.findall("-> (.*)", output) == ["leave the password out, or set one at the server"]


def hang(sock: socket.socket, _number: int) -> None:
    """Never answer."""
    while sock.recv(65536):
        pass
    sock.recv(1)


def speak_http(sock: socket.socket, _number: int) -> None:
    """Answer in another protocol."""
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("serve", "advice"),
    [(hang, "what listens there may be no GNTP server"), (speak_http, "does not answer in GNTP: check the port")],
)
def test_what_speaks_no_gntp_ends_the_walk(
    capsys: pytest.CaptureFixture[str], serve: Callable[[socket.socket, int], None], advice: str, tmp_path: Path
) -> None:
    """After one line with what to do, rather than after a time-out for each step."""
    with ScriptedServer(serve) as server:
        path = tmp_path / "x.toml"
        path.write_text(f"[gntp]\nport = {server.port}\ntimeout = 0.3\n", "utf-8")
        code = main(["check", "--config", str(path)])
    lines = [line for line in capsys.readouterr().out.splitlines() if re.match(" {2}[^(]", line)]
    assert code == 1
    assert len(lines) == 5, lines
    assert lines[2].startswith("  FAIL  REGISTER")
    assert advice in lines[3]
    assert "its server cannot be reached, see above" in lines[4]


def test_a_name_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    """The advice is about names, not about servers."""
    assert main(["check", "--host", "nobody.invalid", "--timeout", "20"]) == 1
    output = capsys.readouterr().out
    assert "FAIL  name look-up" in output
    assert "-> check how the name is spelt, or give an address" in output


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (401, "the server has forgotten at once what was registered"),
        (303, "the server does not understand this request: please report it"),
        (404, "enable this notification in the server's settings"),
        (500, "the server itself has failed"),
        (999, "the server understood and refused"),
    ],
)
def test_the_advice_fits_the_code(capsys: pytest.CaptureFixture[str], code: int, advice: str) -> None:
    """Somebody whose site is on fire does what it says."""
    with ScriptedServer(answer_error(code)) as server:
        assert main(["check", "--port", str(server.port), "--wait", "0"]) == 1
    assert f"-> {advice}" in capsys.readouterr().out


def test_a_server_with_tls(issuer: Issuer, certificate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every step goes by TLS, and one of its own tells the version and the certificate's end."""
    with Receiver(Server([Clicking()], passwords=["secret"], tls=server_context(certificate))) as receiver:
        arguments = ["--host", "localhost", "--port", str(receiver.port), "--password", "secret"]
        assert main(["check", *arguments, "--tls-ca", str(issuer.file)]) == 0
    output = capsys.readouterr().out
    assert f"localhost, port {receiver.port}, by TLS, with a password (SHA256)" in output
    assert re.search(r"ok    TLS +[\d.]+ ms  TLSv1\.[23], with a certificate until 20\d\d-\d\d-\d\d\n", output)
    assert re.search(r"ok    Keep-Alive ", output)
    assert re.search(r"ok    callback ", output)
    assert "FAIL" not in output


@pytest.mark.parametrize(
    ("make", "words", "advice"),
    [
        pytest.param(
            lambda issuer, _: issuer.issue(begins=-9, ends=-2), "has expired", "let the server have a new one",
            id="expired",
        ),
        pytest.param(
            lambda issuer, _: issuer.issue("other.example"), "is for another name", "give the host by a name",
            id="another name",
        ),
        pytest.param(
            lambda _, folder: Issuer(folder).issue(), "from an issuer that is not trusted here", "trust it by a file",
            id="another issuer",
        ),
    ],
)  # fmt: skip
def test_a_certificate_that_is_not_good(
    issuer: Issuer,
    tmp_path: Path,
    make: Callable[[Issuer, Path], Path],
    words: str,
    advice: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Fails at the step TLS, with its reason and what to do; nothing else is tried."""
    with running_receiver(tls=server_context(make(issuer, tmp_path))) as receiver:
        arguments = ["--host", "localhost", "--port", str(receiver.port), "--tls-ca", str(issuer.file)]
        assert main(["check", *arguments, "--wait", "0"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (at,) = [number for number, line in enumerate(lines) if "FAIL" in line]
    assert " TLS " in lines[at]
    assert words in lines[at]
    assert f"-> {advice}" in lines[at + 1]
    assert not [line for line in lines[at + 2 :] if line.startswith(" ")]  # as steps do


def test_a_server_without_tls(receiver: RunningReceiver, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so, and what to do."""
    assert main(["check", "--port", str(receiver.port), "--tls", "--wait", "0"]) == 1
    output = capsys.readouterr().out
    assert re.search(
        r"FAIL  TLS .* the server speaks no TLS\n.*-> check the port, and let the server speak TLS", output
    )
    assert "REGISTER" not in output


@pytest.mark.slow
def test_a_server_that_hangs_in_the_handshake(capsys: pytest.CaptureFixture[str]) -> None:
    """As some do that wait for a line of GNTP."""

    def serve(sock: socket.socket, _number: int) -> None:
        while sock.recv(65536):
            pass

    with ScriptedServer(serve) as server:
        assert main(["check", "--port", str(server.port), "--tls", "--wait", "0", "--timeout", "1"]) == 1
    output = capsys.readouterr().out
    assert re.search(r"FAIL  TLS .* no TLS handshake within 1 s\n.*may speak no TLS: try without --tls", output)


def test_a_server_that_wants_tls(certificate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And is asked in clear: the advice names the arguments."""
    with running_receiver(tls=server_context(certificate)) as receiver:
        assert main(["check", "--port", str(receiver.port), "--wait", "0"]) == 1
    output = capsys.readouterr().out
    assert "this server expects TLS" in output
    assert "-> give --tls or --tls-ca FILE" in output


def test_a_file_with_tls_is_checked_through_its_handler(issuer: Issuer, certificate: Path, write: Write) -> None:
    """The last alert goes by TLS as well."""
    with running_receiver(tls=server_context(certificate)) as receiver:
        path = write(f"[gntp]\nhost = 'localhost'\nport = {receiver.port}\ntls = '{issuer.file}'\n")
        assert main(["check", "--config", str(path), "--wait", "0"]) == 0
        assert {toast.encryption for toast in receiver.toasts} == {"TLS"}
