"""The receiver under mutated requests, the same each time; ``python tests/receiver/fuzz.py`` does it for longer."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gntp_logging.gntp.keys import Key
from gntp_logging.gntp.requests import Response
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver.connection import ClientSession
from tests.receiver.fuzz import REQUESTS, corpus, fuzz, may_be_shown, mutated


@pytest.mark.slow
def test_it_does_right() -> None:
    """It shows what it may and nothing else, answers as it should, and has not grown."""
    assert fuzz("1", requests=400) == []


@pytest.mark.slow
def test_a_way_past_the_password_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a judge that shares nothing with the server: it notices when every key is taken for right."""
    monkeypatch.setattr(Key, "verify_hash", lambda *_: True)
    assert any("was shown without a valid key" in problem for problem in fuzz("1", requests=150))


@pytest.mark.slow
def test_an_answer_that_is_missing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it would have been a refusal."""
    send = ClientSession.send

    async def silently(self: ClientSession, response: Response, **more: Any) -> None:
        if response.message_type != "-ERROR":
            await send(self, response, **more)

    monkeypatch.setattr(ClientSession, "send", silently)
    assert any("no answer" in problem for problem in fuzz("1", requests=100))


def test_the_judge_knows_a_valid_key() -> None:
    """In every hash, whatever stands before it; and a NOTIFY without a key is for servers without a password."""
    for hash_id in ("MD5", "SHA1", "SHA256", "SHA384", "SHA512"):
        for password, is_valid in (("secret", True), ("wrong", False)):
            data = b"x" + encode(REQUESTS[1], key=Key(password, hash_id))
            assert may_be_shown(data, "secret") == is_valid
            assert not may_be_shown(data, None)
    assert may_be_shown(encode(REQUESTS[1]), None)
    assert not may_be_shown(encode(REQUESTS[1]), "secret")
    assert not may_be_shown(encode(REQUESTS[0], key=Key("secret", "SHA256")), "secret")


def test_a_seed_makes_the_same_mistakes_again() -> None:
    """Keys and ciphers are drawn from it, too."""

    def thrown() -> list[bytes]:
        known = corpus(random.Random("7"), None)
        return [mutated(known[number], random.Random(f"7 {number}"), known) for number in range(len(known))]

    assert thrown() == thrown()
