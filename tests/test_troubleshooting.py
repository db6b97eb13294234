"""docs/troubleshooting.md: the words by which readers find a row are those that the handler writes."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from gntp_logging import GNTPHandler
from gntp_logging.receiver.tls_stream import server_context
from tests.documents import ROOT
from tests.support import PATIENCE, ScriptedServer, free_port, running_receiver

Options = dict[str, Any]


def _refused(_stack: ExitStack) -> Options:
    return {"port": free_port()}


def _unknown(_stack: ExitStack) -> Options:
    return {"host": "nowhere.invalid"}


def _hanging(stack: ExitStack) -> Options:
    def say_nothing(sock: socket.socket, _number: int) -> None:
        while sock.recv(1000):
            pass

    return {"port": stack.enter_context(ScriptedServer(say_nothing)).port, "timeout": 0.1}


def _without_password(stack: ExitStack) -> Options:
    return {"port": stack.enter_context(running_receiver(passwords=["theirs"])).port}


def _with_another_password(stack: ExitStack) -> Options:
    return {**_without_password(stack), "password": "ours"}


def _not_gntp(stack: ExitStack) -> Options:
    return {"port": stack.enter_context(ScriptedServer(lambda sock, _: sock.sendall(b"HTTP/1.1 400 No\r\n\r\n"))).port}


def _without_tls(stack: ExitStack) -> Options:
    return {"port": stack.enter_context(running_receiver()).port, "tls": True}


CAUSES: Final[dict[str, Callable[[ExitStack], Options]]] = {
    "Connection refused": _refused,
    "cannot look up": _unknown,
    "within 5 s": _hanging,
    "it wants a password": _without_password,
    "it does not accept the password": _with_another_password,
    "the answer is not GNTP": _not_gntp,
    "the server speaks no TLS": _without_tls,
}
"""What makes a line, by the words of the page's row."""


def _rows() -> Iterator[str]:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    table = page.partition("| the line `cannot show alerts on ...` has")[2].partition("\n\n")[0]
    yield from re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)


@pytest.mark.parametrize("words", CAUSES)
def test_a_row_is_found_by_the_words_of_the_line(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, once; only the number of seconds is another one."""
    assert words in set(_rows())
    with ExitStack() as stack:
        handler = GNTPHandler(**{"app_name": "shop", "host": "127.0.0.1", **CAUSES[words](stack)})
        handler.handle(logging.LogRecord("shop", logging.ERROR, __file__, 1, "not paid", (), None))
        handler.flush(PATIENCE)
        handler.close()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "cannot show alerts on" in line]
    assert words.replace("5 s", "0.1 s") in line


def test_every_row_has_a_cause_here() -> None:
    """But for those with certificates."""
    assert set(_rows()) == {*CAUSES, "certificate", "this server expects TLS"}


def test_a_receiver_with_tls_is_found_by_the_words_of_the_line(
    certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The handler has no tls; tests/test_reliability.py has a certificate that has expired."""
    with running_receiver(tls=server_context(certificate)) as receiver:
        handler = GNTPHandler(app_name="shop", host="127.0.0.1", port=receiver.port)
        handler.handle(logging.LogRecord("shop", logging.ERROR, __file__, 1, "not paid", (), None))
        handler.flush(PATIENCE)
        handler.close()
    assert "this server expects TLS" in capsys.readouterr().err
