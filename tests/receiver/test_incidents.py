"""One incident, one toast: what processes report is added up."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gntp_logging import GNTPHandler
from gntp_logging.gntp.models import Notification
from gntp_logging.gntp.requests import NotifyRequest
from gntp_logging.gntp.wire import encode
from gntp_logging.receiver import incidents
from gntp_logging.receiver.history_file import HistoryFile
from gntp_logging.receiver.incidents import Incidents
from gntp_logging.receiver.numbers import Numbers
from gntp_logging.receiver.reactions import Reaction
from gntp_logging.receiver.registry import Toast
from gntp_logging.receiver.server import Receiver, Server
from tests.delivery.test_fork import exit_code, in_child
from tests.receiver.conftest import ask, register
from tests.support import PATIENCE, Recorder

INCIDENT = "0123456789abcdef"


def report(
    id_: str, count: int, process: str = "web-1:1", *, incident: str = INCIDENT, title: str = "", hosts: str = "",
    **more: object,
) -> Toast:  # fmt: skip
    """Return the toast of a sender that counts."""
    headers = {"Data-Count": str(count), "Data-Process": process, "Data-Incident": incident, "Data-Hosts": hosts}
    counted = f"{count:,} × no disk" if count > 1 else "no disk"
    toast = Toast(
        "shop", "Error", title or counted, "text", coalescing_id=id_,
        headers={name: value for name, value in headers.items() if value},
    )  # fmt: skip
    return replace(toast, **more)  # type: ignore[arg-type]


def shown(group: Incidents, toast: Toast, now: float = 0.0) -> Toast:
    """Return what displays get, which must be something."""
    made = group.joined(toast, now)
    assert made is not None
    return made


# -- Adding up -----------------------------------------------------------------------------------


def test_what_processes_report_is_one_toast_with_the_sum() -> None:
    """Of the greatest count of each id."""
    group = Incidents()
    assert shown(group, report("a", 1)).title == "no disk"
    second = shown(group, report("b", 1, "web-1:2"))
    assert (second.coalescing_id, second.title, second.total) == ("a", "2 × no disk, from 2 processes", 2)
    third = shown(group, report("c", 1000, "web-2:1"))
    assert third.title == "1,002 × no disk, from 3 processes on 2 machines"
    assert shown(group, report("c", 900, "web-2:1")).total == 1002  # one that was overtaken on its way
    assert shown(group, report("a", 48)).title == "1,049 × no disk, from 3 processes on 2 machines"


def test_a_sender_that_does_not_count_is_shown_as_it_is() -> None:
    """Whatever else it says; neither does a count that is none."""
    group = Incidents()
    shown(group, report("a", 1))
    for count in ("", "0", "-1", "+1", "1.0", "1" * 13, "٣", " 1", "1e3"):
        toast = report("b", 1)
        toast = replace(toast, headers={**toast.headers, "Data-Count": count})
        assert group.joined(toast, 0.0) is toast
    without_id = report("", 5)
    assert group.joined(without_id, 0.0) is without_id


@pytest.mark.parametrize("count", ["", "0", "1" * 13, "many"])
def test_an_update_whose_count_is_none_changes_no_count(count: str) -> None:
    """A known id updates its toast in any case, and no total falls; the toast stays one of its incident."""
    group = Incidents()
    shown(group, report("a", 20))
    shown(group, report("b", 30, "web-1:2"))
    update = replace(report("b", 30, text="later"), headers={"Data-Count": count} if count else {})
    joined = shown(group, update)
    assert (joined.coalescing_id, joined.total, joined.incident, joined.text) == ("a", 50, INCIDENT, "later")
    assert joined.title.startswith("50 × no disk")


def test_where_a_relay_counts_nobody_says_how_many_processes_there_are() -> None:
    """It is none of those that report, and knows of more."""
    group = Incidents()
    shown(group, report("a", 1))
    shown(group, report("relay", 100, "", hosts="4"))
    assert shown(group, report("a", 2, "web-1:2")).title == "100 × no disk"


def test_headers_are_known_in_any_case() -> None:
    """As the protocol has it."""
    group = Incidents()
    shown(group, report("a", 1))
    toast = report("b", 1, "web-1:2")
    toast = replace(toast, headers={name.lower(): value for name, value in toast.headers.items()})
    assert shown(group, toast).total == 2


@pytest.mark.parametrize(
    "other",
    [
        report("b", 1, application="bank"),
        report("b", 1, incident="fedcba9876543210"),
        report("b", 1, incident="odd"),
        report("b", 1, incident=""),
        report("b", 1, hash_="SHA256"),
    ],
)
def test_what_is_another_incident_opens_its_own_toast(other: Toast) -> None:
    """Another application, another incident, none, or another security."""
    group = Incidents()
    shown(group, report("a", 1))
    made = shown(group, other)
    assert (made.coalescing_id, made.total, made.title) == ("b", 1, "no disk")


def test_a_new_id_joins_a_toast_that_changed_in_the_last_ten_minutes() -> None:
    """A known one updates its own however late."""
    group = Incidents()
    shown(group, report("a", 1), 0.0)
    assert shown(group, report("b", 1), 600.0).coalescing_id == "a"
    assert shown(group, report("c", 1), 1200.1).coalescing_id == "c"
    assert shown(group, report("b", 5), 9999.0).total == 6


def test_what_joins_changes_count_and_text_only() -> None:
    """Neither URL nor reaction, nor sticky, and the priority only upwards; what has opened the toast may."""
    heard: list[tuple[str, Reaction]] = []
    group = Incidents()
    shown(group, report("a", 1, callback_url="https://a/", priority=1, react=lambda it: heard.append(("a", it))))
    evil = report(
        "b", 1, callback_url="https://b/", sticky=True, priority=-2, text="newer", name="Other",
        react=lambda it: heard.append(("b", it)),
    )  # fmt: skip
    made = shown(group, evil)
    assert (made.callback_url, made.sticky, made.priority, made.name, made.text) == (
        "https://a/", False, 1, "Error", "newer",
    )  # fmt: skip
    made.react(Reaction.CLICKED)
    assert heard == [("a", Reaction.CLICKED)]
    assert shown(group, report("b", 2, priority=2)).priority == 2
    own = shown(group, report("a", 2, callback_url="https://a/2", sticky=True))
    assert (own.callback_url, own.sticky) == ("https://a/2", True)


@pytest.mark.parametrize(
    ("title", "count", "made"),
    [
        ("12 × no disk", 12, "13 × no disk"),
        ("1,200 × no disk", 1200, "1,201 × no disk"),
        ("3 × no disk", 1, "2 × 3 × no disk"),
        ("3 × no disk", 12, "3 × no disk"),
        ("1200 × no disk", 1200, "1,201 × no disk"),
        ("12,00 × no disk", 1200, "12,00 × no disk"),
        ("no disk", 12, "no disk"),
    ],
)
def test_only_the_senders_own_count_is_replaced(title: str, count: int, made: str) -> None:
    """A message may begin with a number itself."""
    group = Incidents()
    shown(group, report("a", 1))
    assert shown(group, report("b", count, title=title)).title == made


def test_a_relays_count_is_the_total() -> None:
    """It has counted for all hosts; one that another relay has overtaken changes nothing."""
    group = Incidents()
    shown(group, report("a", 7))
    made = shown(group, report("r", 50, hosts="5", title="50 × no disk, on 5 machines"))
    assert (made.coalescing_id, made.total, made.title) == ("a", 50, "50 × no disk, on 5 machines")
    assert group.joined(report("r", 49, hosts="5"), 0.0) is None
    assert shown(group, report("r", 50, hosts="5")).total == 50
    assert shown(group, report("a", 8)).total == 50


def test_another_opening_of_a_relays_incident_adds_to_the_toast() -> None:
    """It counts from one, because it is soon after the first, or the broker has lost its data: no total falls."""
    group = Incidents()
    shown(group, report("r-1", 50, hosts="5"))
    assert shown(group, report("r-2", 1, hosts="1")).total == 51
    assert shown(group, report("r-2", 4, hosts="2")).total == 54
    assert shown(group, report("r-1", 60, hosts="5")).total == 64


# -- Bounds --------------------------------------------------------------------------------------


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In ids, in ids of one toast, and in bytes; what was forgotten opens a toast again."""
    monkeypatch.setattr(incidents, "MAX_IDS", 10)
    monkeypatch.setattr(incidents, "MAX_IDS_OF_A_TOAST", 4)
    monkeypatch.setattr(incidents, "MAX_KEPT", 10_000)
    group = Incidents()
    for number in range(100):
        shown(group, report(str(number), 1))
    assert len(group._by_id) <= 10
    assert shown(group, report("99", 1)).coalescing_id == "96"
    for number in range(100):
        shown(group, report(f"u{number}", 1, incident=f"{number:016x}", callback_url="https://x/" + "y" * 3000))
    assert group._size <= 10_000
    assert shown(group, report("0", 1)).coalescing_id == "0"


class IncidentsMachine(RuleBasedStateMachine):
    """Any reports at any times, with small bounds, and a history of them."""

    def __init__(self) -> None:
        super().__init__()
        self.group = Incidents()
        self.now = 0.0
        self.numbers = Numbers()
        self.folder = tempfile.TemporaryDirectory()
        self.file = HistoryFile(os.path.join(self.folder.name, "history"), writes=True)

    def teardown(self) -> None:
        """Leave nothing."""
        self.file.close()
        self.folder.cleanup()

    @rule(
        id_=st.sampled_from("abcdefgh"), count=st.integers(1, 5), incident=st.sampled_from([INCIDENT, "0" * 16, ""]),
        hosts=st.sampled_from(["", "3"]), url=st.sampled_from(["", "https://" + "y" * 400]), after=st.integers(1, 700),
    )  # fmt: skip
    def take(self, id_: str, count: int, incident: str, hosts: str, url: str, after: int) -> None:
        """Take one."""
        self.now += after
        sent = report(id_, count, incident=incident, hosts=hosts, callback_url=url, arrived=self.now)
        joined = self.group.joined(sent, self.now)
        if joined is not None:
            self.file.write([self.numbers.numbered(joined)])

    def known(self) -> dict[bytes, object]:
        """Return what is known of each id and its toast, but for who has opened it."""
        return {
            id_: (toast.total(), toast.changed, toast.url, toast.priority, toast.incident, set(toast.sources.values()))
            for id_, toast in self.group._by_id.items()
        }

    @rule(after=st.integers(0, 700))
    def restart(self, after: int) -> None:
        """All that was known is so again; perhaps more, where there is room for it."""
        before = self.known()
        self.now += after
        self.file.prune(self.now)
        self.group = Incidents(self.file.counted(self.now), self.now)
        assert before.items() <= self.known().items()

    @invariant()
    def it_adds_up(self) -> None:
        """Every id is in one toast, and the size is that of the toasts."""
        toasts = self.group._toasts.values()
        assert sorted(self.group._by_id) == sorted(id_ for toast in toasts for id_ in toast.sources)
        assert self.group._size == sum(toast.size() for toast in toasts)
        assert all(any(toast is kept for kept in toasts) for toast in self.group._by_place.values())


@pytest.mark.slow
def test_whatever_comes_it_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is kept that nothing leads to."""
    monkeypatch.setattr(incidents, "MAX_IDS", 4)
    monkeypatch.setattr(incidents, "MAX_IDS_OF_A_TOAST", 3)
    monkeypatch.setattr(incidents, "MAX_KEPT", 1500)
    run_state_machine_as_test(IncidentsMachine, settings=settings(max_examples=50, deadline=None))


# -- Through the server --------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_three_workers_and_fifty_equal_errors_are_one_toast() -> None:
    """As gunicorn forks them: fifty, from three processes."""
    recorder = Recorder()
    with Receiver(Server([recorder])) as receiver:
        handler = GNTPHandler(host="127.0.0.1", port=receiver.port, app_name="shop", timeout=PATIENCE)
        logger = logging.Logger("shop")  # noqa: LOG001 - one of its own
        logger.addHandler(handler)

        for count in (20, 20, 10):

            def work(count: int = count) -> bool:
                for number in range(count):
                    logger.error("order %d failed", number)
                return handler.flush(PATIENCE)

            assert exit_code(in_child(work)) == 0
        handler.close()
    assert len({toast.coalescing_id for toast in recorder.toasts}) == 1
    assert recorder.toasts[-1].total == 50
    assert recorder.toasts[-1].title.endswith(", from 3 processes")


def test_a_count_that_was_overtaken_is_answered_and_not_shown() -> None:
    """On no display."""
    recorder = Recorder()

    def sent(count: int) -> bytes:
        headers = [("Data-Count", str(count)), ("Data-Incident", INCIDENT), ("Data-Hosts", "3")]
        shown = Notification("Error", f"{count} × no disk", "text", coalescing_id="r")
        return encode(NotifyRequest("app", shown, app_specific_headers=headers))

    with Receiver(Server([recorder])) as receiver:
        ask(receiver.port, register("Error"))
        assert [ask(receiver.port, sent(count)).message_type for count in (50, 49, 51)] == ["-OK"] * 3
    assert [toast.total for toast in recorder.toasts] == [50, 51]
