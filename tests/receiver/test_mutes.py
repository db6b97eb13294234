"""Incidents that call nobody for a while."""

from __future__ import annotations

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp.models import Event, Notification
from gntp_logging.gntp.requests import NotifyRequest
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver import mutes
from gntp_logging.receiver.mutes import Mute, Muted, Mutes, is_incident, tomorrow
from gntp_logging.receiver.protocols import Notice
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.receiver.conftest import ask, register
from tests.support import wait_until

INCIDENT = "0123456789abcdef"


@given(
    st.lists(
        st.tuples(st.sampled_from(["shop", "bank"]), st.sampled_from(["a", "b"]), st.integers(0, 20), st.integers(0, 3))
    )
)
def test_the_last_word_on_an_incident_counts(said: list[tuple[str, str, int, int]]) -> None:
    """Until its time has come; one incident says nothing of another."""
    muted, model, now = Mutes(), dict[tuple[str, str], int](), 0
    for application, incident, until, passed in said:
        now += passed
        muted.add(Muted(application, incident, until), now)
        model[application, incident] = until
        for key, end in model.items():
            assert muted.is_muted(*key, now) == (end > now)
        assert {each[:2] for each in muted.all(now)} == {key for key, end in model.items() if end > now}


def test_what_is_muted_is_bounded() -> None:
    """The one that would end first calls again."""
    muted = Mutes()
    for number in range(mutes.MAX_MUTED + 1):
        muted.add(Muted("shop", f"{number}", 1000 + (number or 9999)), 0)
    assert len(muted.all(0)) == mutes.MAX_MUTED
    assert not muted.is_muted("shop", "1", 0)
    assert muted.is_muted("shop", "0", 0)


def test_an_application_is_known_by_the_name_that_pages_show() -> None:
    """Its name may hold what turns a text around."""
    muted = Mutes()
    muted.add(Muted("sh\ufffdop", INCIDENT, 10), 0)
    assert muted.is_muted("sh\u202eop", INCIDENT, 0)


@given(st.integers(0, 4_000_000_000))
def test_tomorrow_begins_at_eight_and_is_never_today(now: int) -> None:
    """Also where clocks are changed that night."""
    before, after = time.localtime(now), time.localtime(tomorrow(now))
    assert after[3:6] == (8, 0, 0)
    assert time.localtime(tomorrow(now) - 24 * 3600 + 7200)[:3] >= before[:3]
    assert 7 * 3600 < tomorrow(now) - now < 34 * 3600


def test_an_incident_is_what_senders_write() -> None:
    """Sixteen hexadecimal digits."""
    assert is_incident(INCIDENT)
    assert not any(map(is_incident, ("", INCIDENT[1:], INCIDENT.upper(), f"{INCIDENT}\n", None, 7)))


class _Phone:
    """A display on which incidents are muted."""

    def __init__(self) -> None:
        self.mute: Mute = lambda _: None
        self.toasts: list[Toast] = []
        self.notices: list[Notice] = []
        self.has_muted = threading.Event()

    def mute_by(self, mute: Mute) -> None:
        self.mute = mute

    def show(self, toast: Toast) -> None:
        self.toasts.append(toast)

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)
        if notice.event == "muted":
            self.has_muted.set()


def test_a_server_tells_all_displays_what_is_muted() -> None:
    """By a notice, and by each toast of the incident, which still comes with its count; others call as before."""
    phone = _Phone()
    with Receiver(Server([phone])) as receiver:
        ask(receiver.port, register(Event("event")))

        def send(incident: str, count: int) -> None:
            shown = Notification("event", "title", "text", coalescing_id=incident)
            headers = f"Data-Incident: {incident}\r\nData-Count: {count}\r\n".encode()
            request = encode(NotifyRequest("app", shown)).replace(
                b"Notification-Name:", headers + b"Notification-Name:"
            )
            assert ask(receiver.port, request).message_type == "-OK"

        send(INCIDENT, 1)
        until = time.time() + 3600
        phone.mute(Muted("app", INCIDENT, until))
        assert phone.has_muted.wait(10)
        send(INCIDENT, 5)
        send("f" * 16, 1)
        wait_until(lambda: len(phone.toasts) == 3)
    assert [(toast.is_muted, toast.total) for toast in phone.toasts] == [(False, 1), (True, 5), (False, 1)]
    (fields,) = [notice.fields for notice in phone.notices if notice.event == "muted"]
    assert fields == {"application": "app", "incident": INCIDENT, "until": until}
    phone.mute(Muted("app", INCIDENT, 0))  # after the end, harmless
