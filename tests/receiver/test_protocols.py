"""Notices: what went wrong, in words."""

from __future__ import annotations

import pytest

from gntp_logging.receiver.protocols import Notice


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        (
            Notice("error", {"code": 400, "description": "no {key}", "peer": "10.0.0.7"}),
            "refused: no {key} (error 400, from 10.0.0.7)",
        ),
        (
            Notice("failure", {"display": "desktop", "reason": "it is gone", "count": 1200}),
            "the display desktop fails: it is gone (1,200 so far)",
        ),
        (
            Notice("lost", {"id": "s", "peer": "10.0.0.7", "reason": "no answer", "count": 1}),
            "not handed on to s at 10.0.0.7: no answer (1 so far)",
        ),
        (Notice("listening", {"host": "127.0.0.1", "port": 1}), ""),
        (Notice("register", {"application": "shop"}), ""),
        (Notice("subscribe", {"id": "s"}), ""),
        (Notice("something new"), ""),
    ],
)
def test_troubles_have_words(notice: Notice, words: str) -> None:
    """What is none has not."""
    assert notice.trouble == words
