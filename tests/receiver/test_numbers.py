"""The numbers of toasts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp.models import Event, Notification
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver import numbers
from gntp_logging.receiver.numbers import Numbers, known_by
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.receiver.conftest import ask
from tests.support import Recorder


def toast(coalescing_id: str = "", application: str = "shop", hash_: str = "") -> Toast:
    """Return a toast without a number."""
    return Toast(application, "Error", "title", "text", coalescing_id=coalescing_id, hash_=hash_)


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from(["shop", "bank"]), st.sampled_from(["", "MD5"]))
    )
)
def test_an_update_has_the_number_of_its_toast_and_nothing_else_has(keys: list[tuple[str, str, str]]) -> None:
    """Application, security and id make a toast; without an id each one is new."""
    giving = Numbers()
    given_to: dict[tuple[str, str, str], int] = {}
    seen: list[int] = []
    for key in keys:
        number = giving.numbered(toast(*key)).number
        if key[0] and key in given_to:
            assert number == given_to[key]
        else:
            assert number > max(seen, default=0)
        given_to[key] = number
        seen.append(number)


def test_numbers_begin_beyond_those_of_a_history_and_of_runs_without_one() -> None:
    """Also where the clock went back."""
    begun = int(time.time() * 1000)
    assert Numbers().numbered(toast()).number >= begun
    assert Numbers(begun + 10**9).numbered(toast()).number == begun + 10**9 + 1


def test_what_a_history_knows_goes_on() -> None:
    """Its number stays; other toasts get new ones."""
    giving = Numbers(7, [(known_by("shop", is_keyed=True, coalescing_id="a"), 5)])
    assert giving.numbered(toast("a", hash_="SHA256")).number == 5
    assert giving.numbered(toast("a")).number > 7


def test_the_toast_that_changed_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known is bounded."""
    monkeypatch.setattr(numbers, "MAX_KNOWN", 2)
    giving = Numbers()
    first, second = (giving.numbered(toast(id_)).number for id_ in "ab")
    assert giving.numbered(toast("a")).number == first
    giving.numbered(toast("c"))
    assert giving.numbered(toast("a")).number == first
    assert giving.numbered(toast("b")).number != second


def test_a_server_numbers_what_it_shows() -> None:
    """Before any display sees it."""
    recorder = Recorder()
    with Receiver(Server([recorder], numbers=Numbers(10**15))) as receiver:
        ask(receiver.port, encode(RegisterRequest("shop", None, [Event("Error")])))
        for id_ in ("a", "b", "a"):
            ask(receiver.port, encode(NotifyRequest("shop", Notification("Error", "title", "text", coalescing_id=id_))))
        shown = recorder.wait_for(3)
    assert [toast.number - 10**15 for toast in shown] == [1, 2, 1]
