"""A laptop: it needs no relay and no port, it shows what a relay would, and remembers by itself what it has shown."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.delivery.digest import Tally
from gntp_logging.delivery.transport import OutgoingAlert, SendStatus
from gntp_logging.fleet.incidents import DeskSettings, Route
from gntp_logging.fleet.laptop import LaptopSettings, OwnLedger, OwnTransport, laptop, own_ledger
from gntp_logging.fleet.match import Match
from gntp_logging.fleet.scripts import GROUP, QUIET, STREAM
from gntp_logging.fleet.wire import Report, encode
from gntp_logging.gntp.exceptions import GNTPProtocolError
from gntp_logging.gntp.requests import NotifyRequest, RegisterRequest
from gntp_logging.receiver.history_file import HistoryFile, Wanted
from tests.fleet.servers import LaptopProcess, RedisServer, StartLaptop, StartRelay, counted, ended, start_host
from tests.support import PATIENCE, free_port, make_alert, wait_until

_numbers = iter(range(1, 10**6))


def publish(server: RedisServer, records: int = 1, text: str = "db-1 refused", **more: Any) -> None:
    """Publish what one host has to report."""
    alert = make_alert("", title=text, fingerprint=text, logger=more.get("logger", "shop.db"))
    alert = alert._replace(level=more.get("level", alert.level))
    report = Report.of("shop", more.get("machine", "web-1"), records, alert)
    streams = server.streams()
    streams.publish("p", next(_numbers), [encode(report, None)], math.inf)
    streams.close()


# -- What was shown ------------------------------------------------------------------------------


def test_what_was_shown_is_known_to_the_next_process(tmp_path: Path) -> None:
    """From the same folder; the installation stays the same, and only its owner reads the file."""
    said: list[str] = []
    with own_ledger(str(tmp_path / "new"), "redis://r/0", said.append) as first:
        assert first.hold()
        assert not first.hold()
        assert first.note({"a": "1", "b": "2"}, ())
        first.note({}, ("b", "never there"))
    with own_ledger(str(tmp_path / "new"), "redis://r/0", said.append) as second:
        assert second.reported() == {"a": "1"}
        assert second.installation == first.installation
    assert not said
    (file,) = (tmp_path / "new").iterdir()
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_broker_and_another_folder_are_another_ledger(tmp_path: Path) -> None:
    """Whatever the machine is called: two installations have two ids."""
    with own_ledger(str(tmp_path / "one"), "redis://r/0", print) as one:
        one.note({"a": "1"}, ())
    with own_ledger(str(tmp_path / "one"), "redis://r/1", print) as other_broker:
        assert other_broker.reported() == {}
    with own_ledger(str(tmp_path / "two"), "redis://r/0", print) as other_folder:
        assert other_folder.reported() == {}
        assert other_folder.installation != one.installation


def test_a_second_process_remembers_for_itself(tmp_path: Path) -> None:
    """It changes nothing of the first one's, and a line says so."""
    said: list[str] = []
    with own_ledger(str(tmp_path), "redis://r/0", said.append) as first:
        first.note({"a": "1"}, ())
        with own_ledger(str(tmp_path), "redis://r/0", said.append) as second:
            second.note({"b": "2"}, ())
            assert second.reported() == {"b": "2"}
    assert said == ["what is shown is not remembered: another gntp-logging listen pulls from redis://r/0"]
    with own_ledger(str(tmp_path), "redis://r/0", said.append) as third:
        assert third.reported() == {"a": "1"}


@given(
    st.binary(max_size=60)
    | st.builds(lambda value: json.dumps(value).encode(), st.dictionaries(st.text(max_size=3), st.text(max_size=3)))
    | st.sampled_from([b'{"installation": "0123456789abcdef", "shown": {"a": 1}}', b"[" * 20_000])
)
def test_a_file_that_says_nothing_begins_anew(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever has happened to it; and it is written again."""
    path = tmp_path_factory.getbasetemp() / "shown.json"
    path.write_bytes(content)
    ledger = OwnLedger(str(path), print)
    assert ledger.reported() == {}
    ledger.note({"a": "1"}, ())
    assert OwnLedger(str(path), print).reported() == {"a": "1"}


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """What was shown is known as long as the process runs."""
    said: list[str] = []
    ledger = OwnLedger(str(tmp_path / "not there" / "shown.json"), said.append)
    assert ledger.note({"a": "1"}, ())
    assert ledger.note({"b": "2"}, ())
    assert ledger.reported() == {"a": "1", "b": "2"}
    assert len(said) == 1
    assert "what is shown is not remembered" in said[0]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "file").write_text("")
    said: list[str] = []
    with own_ledger(str(tmp_path / "file" / "folder"), "redis://r/0", said.append) as ledger:
        ledger.note({"a": "1"}, ())
        assert ledger.reported() == {"a": "1"}
    assert len(said) == 1


def test_after_a_failure_it_is_read_again(tmp_path: Path) -> None:
    """Its deadline is infinite while it is held."""
    ledger = OwnLedger(str(tmp_path / "shown.json"), print)
    assert (ledger.is_held(), ledger.deadline()) == (False, 0.0)
    for let_go in (ledger.lose, ledger.give_back):
        assert ledger.hold()
        assert (ledger.is_held(), ledger.deadline()) == (True, math.inf)
        let_go()
        assert (ledger.is_held(), ledger.deadline()) == (False, 0.0)


# -- Showing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, SendStatus.SHOWN),
        (GNTPProtocolError("the notification type is disabled", 403), SendStatus.DROPPED),
        (OSError("the receiver does not answer"), SendStatus.RETRY),
        (ZeroDivisionError("no"), SendStatus.DROPPED),
    ],
)
def test_what_becomes_of_an_alert(error: Exception | None, status: SendStatus) -> None:
    """It is shown, not wanted, or to be shown later; a mistake of ours costs one alert."""
    shown: list[tuple[RegisterRequest, NotifyRequest]] = []

    def show(registration: RegisterRequest, request: NotifyRequest) -> None:
        shown.append((registration, request))
        if error is not None:
            raise error

    alert = make_alert("text", event="Payment", logger="shop")
    outgoing = OutgoingAlert(alert, "id", "coalescing", tallies=[Tally(alert, 7)], incident="0" * 16, hosts=3)
    (result,) = OwnTransport(show, "shop").send([outgoing], math.inf)
    assert result.status is status
    ((registration, request),) = shown
    assert [event.name for event in registration.events] == ["Payment"]
    assert request.notification.coalescing_id == "coalescing"
    headers = dict(request.app_specific_headers or ())
    assert (headers["Data-Count"], headers["Data-Hosts"], headers["Data-Incident"]) == ("7", "3", "0" * 16)


# -- As a program --------------------------------------------------------------------------------


@pytest.mark.program
def test_it_needs_no_relay(redis_server: RedisServer, start_laptop: StartLaptop, tmp_path: Path) -> None:
    """Three hosts, one incident: one toast, as a relay would have sent it, and the history has it."""
    laptop = start_laptop(redis_server.url, "anna", "--history", str(tmp_path / "history"))
    hosts = [start_host(redis_server.url, f"web-{number}", 40) for number in range(3)]
    assert ended(hosts) == ["40 40"] * 3
    toasts = laptop.wait_for_total(120)
    assert len({toast["coalescing_id"] for toast in toasts}) == 1
    newest = toasts[-1]
    assert newest["application"] == "shop"
    assert newest["title"] == "120 × db-1 refused, on 3 machines"
    assert newest["headers"]["Data-Count"] == "120"
    assert newest["headers"]["Data-Hosts"] == "3"
    assert newest["incident"] == newest["headers"]["Data-Incident"]
    assert counted(redis_server) == {"web-0": 40, "web-1": 40, "web-2": 40}
    assert laptop.stop() == 0
    assert laptop.said == f"gntp-logging listen: counts from {redis_server.url}\n"
    history = HistoryFile(str(tmp_path / "history"))
    assert [kept.toast.total for kept in history.find(Wanted())] == [120]
    history.close()


@pytest.mark.program
def test_it_shows_what_it_asks_for(redis_server: RedisServer, start_laptop: StartLaptop) -> None:
    """The sum of what one of its matches holds for; what none holds for it counts for the others."""
    redis_server.client().set(QUIET, 10_000)
    both = ("--match", "logger=shop.*", "level=ERROR", "machine=web-*", "--match", "app=shop", "level=CRITICAL")
    picky = start_laptop(redis_server.url, "anna", *both)
    curious = start_laptop(redis_server.url, "bob")
    publish(redis_server, 1, machine="db-1")
    publish(redis_server, 2, machine="web-1")
    publish(redis_server, 4, machine="web-2", logger="shop")
    publish(redis_server, 8, machine="web-1", logger="shopping")
    publish(redis_server, 16, machine="web-1", level=30)
    publish(redis_server, 32, "another", machine="db-1", logger="x", level=50)
    publish(redis_server, 64, "the last", machine="web-1")
    wait_until(lambda: {toast["total"] for toast in picky.toasts()} >= {6, 32, 64}, 60)
    wait_until(lambda: {toast["total"] for toast in curious.toasts()} >= {31, 32, 64}, 60)
    assert max(toast["total"] for toast in picky.toasts() if "refused" in toast["title"]) == 6
    (shown,) = {toast["headers"]["Data-Hosts"] for toast in picky.toasts() if toast["total"] == 6}
    assert shown == "2"


def listens_on(pid: int) -> set[int]:
    """Return the TCP ports on which a process listens."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        link = os.readlink(descriptor)
        if link.startswith("socket:["):
            sockets.add(link[len("socket:[") : -1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in sockets:
                found.add(int(words[1].rpartition(":")[2], 16))
    return found


@pytest.mark.program
@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="asks Linux for the ports of a process")
def test_no_port_is_opened_unless_one_is_asked_for(
    redis_server: RedisServer, start_laptop: StartLaptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GNTP_PORT alone asks for none: it is for handlers too."""
    port = free_port()
    monkeypatch.setenv("GNTP_PORT", str(free_port()))
    assert listens_on(start_laptop(redis_server.url, "anna").process.pid) == set()
    assert listens_on(start_laptop(redis_server.url, "bob", "--port", str(port)).process.pid) == {port}


@pytest.mark.program
def test_what_was_shown_is_not_shown_again(redis_server: RedisServer, start_laptop: StartLaptop) -> None:
    """After a restart, also after kill -9: only what has come since, under the number that it had."""
    first = start_laptop(redis_server.url)
    publish(redis_server, 3)
    publish(redis_server, 5, "other")
    before = first.wait_for_toasts(2)
    wait_until(lambda: len(json.loads(ledger_of(first.folder).read_text())["shown"]) == 3)
    first.kill()
    second = start_laptop(redis_server.url)
    publish(redis_server, 1, "third")
    publish(redis_server, 9)
    toasts = second.wait_for_toasts(4)
    assert [toast["total"] for toast in toasts[2:]] == [1, 12]
    (known,) = [toast for toast in before if toast["total"] == 3]
    assert toasts[3]["coalescing_id"] == known["coalescing_id"]


def ledger_of(folder: Path) -> Path:
    """Return the file of what was shown."""
    (file,) = folder.glob("gntp-logging/shown-*.json")
    return file


@pytest.mark.program
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing can be stopped here")
def test_after_sleep_what_has_ended_comes_as_one_digest(
    redis_server: RedisServer, start_laptop: StartLaptop, start_relay: StartRelay
) -> None:
    """What is open still comes singly; and what it knew before is left out of the count."""
    bed = start_laptop(redis_server.url)
    publish(redis_server, 2, "before")
    bed.wait_for_toasts(1)
    start_laptop(redis_server.url, "bob")  # who stays awake, and counts
    bed.process.send_signal(signal.SIGSTOP)
    publish(redis_server, 3, "before")
    publish(redis_server, 100, "meanwhile")
    publish(redis_server, 10, "meanwhile too")
    wait_until(lambda: counted(redis_server) == {"web-1": 115}, 30)
    streams = redis_server.streams()
    assert streams.end_incidents(-1) == 3
    publish(redis_server, 1, "young")
    wait_until(lambda: counted(redis_server) == {"web-1": 1}, 30)
    bed.process.send_signal(signal.SIGCONT)
    toasts = bed.wait_for_toasts(3, 30)[1:]
    assert sorted(toast["total"] for toast in toasts) == [1, 113]
    publish(redis_server, 1, "last")
    assert len(bed.wait_for_toasts(4)) == 4
    streams.close()


@pytest.mark.program
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing can be stopped here")
def test_while_all_sleep_what_is_old_by_then_comes_as_one_digest(
    redis_server: RedisServer, start_laptop: StartLaptop
) -> None:
    """Nobody has counted it, so it has not ended; but nobody wants three toasts about last night."""
    client = redis_server.client()
    client.set(QUIET, 1000)
    laptop = start_laptop(redis_server.url)
    publish(redis_server, 2, "in the evening")
    laptop.wait_for_toasts(1)
    laptop.process.send_signal(signal.SIGSTOP)
    for number in range(3):
        publish(redis_server, 10, f"last night, {'abc'[number]}")
    last = int(client.xinfo_stream(STREAM)["last-generated-id"].partition(b"-")[0])
    wait_until(lambda: client.time()[0] * 1000 > last + 2000)
    publish(redis_server, 1, "in the morning")
    laptop.process.send_signal(signal.SIGCONT)
    toasts = laptop.wait_for_toasts(3, 30)[1:]
    assert sorted(toast["total"] for toast in toasts) == [1, 30]


@pytest.mark.program
@pytest.mark.parametrize("has_password", [False, True])
def test_a_relay_shows_the_same_toast(
    redis_server: RedisServer, start_laptop: StartLaptop, start_relay: StartRelay, tmp_path: Path, *, has_password: bool
) -> None:
    """Who pulls, and gets it by GNTP too, sees it once: the same Coalescing-ID, and the count of all."""
    port = free_port()
    options = ["--port", str(port)]
    password_file = tmp_path / "password" if has_password else None
    if password_file is not None:
        password_file.write_text("correct horse battery")
        options += ["--password-file", str(password_file)]
    laptop = start_laptop(redis_server.url, "anna", *options)
    start_relay(redis_server.url, {"anna": port}, password_file=password_file)
    publish(redis_server, 7)  # all at once: a count that the other way has overtaken would be shown by no display
    wait_until(lambda: shown_by(laptop) == {"pull", "relay"}, 30)
    assert len({toast["coalescing_id"] for toast in laptop.toasts()}) == 1
    assert {toast["total"] for toast in laptop.toasts()} == {7}


def shown_by(laptop: LaptopProcess) -> set[str]:
    """Return by what ways toasts have come so far."""
    return {"pull" if toast["peer"].startswith("redis") else "relay" for toast in laptop.toasts()}


@pytest.mark.program
def test_it_waits_for_its_broker(redis_server: RedisServer, start_laptop: StartLaptop) -> None:
    """One line when it is away, one when it is back; GNTP goes on meanwhile, and Ctrl-C ends it."""
    from gntp_logging import GNTPHandler

    redis_server.kill()
    port = free_port()
    laptop = start_laptop(redis_server.url, "anna", "--port", str(port), wait=False)
    laptop.wait_for("cannot count from")
    handler = GNTPHandler(host="127.0.0.1", port=port, app_name="local")
    handler.handle(logging.makeLogRecord({"msg": "no", "levelno": 40, "levelname": "ERROR"}))
    assert handler.flush(PATIENCE)
    handler.close()
    assert laptop.wait_for_toasts(1)[0]["application"] == "local"
    redis_server.start()
    publish(redis_server, 3)
    assert laptop.wait_for_toasts(2, 30)[1]["total"] == 3
    laptop.wait_for(": counts from")
    redis_server.client().flushall()
    laptop.wait_for("has lost its data: counts begin anew")
    publish(redis_server, 2)
    assert laptop.wait_for_toasts(3)[2]["headers"]["Data-Count"] == "2"
    redis_server.kill()
    laptop.wait_for("cannot count from", 2)
    assert laptop.stop(signal.SIGINT) == 0
    assert len(laptop.said.splitlines()) == 4, laptop.said


@pytest.mark.program
def test_a_wrong_password_is_one_line(start_laptop: StartLaptop, tmp_path: Path) -> None:
    """It tries again, as for any other trouble."""
    from tests.fleet.servers import running_redis

    with running_redis(tmp_path) as server:
        client = server.client()
        client.config_set("requirepass", "right")
        (tmp_path / "password").write_text("wrong\n")
        wrong = start_laptop(server.url, "anna", "--broker-password-file", str(tmp_path / "password"), wait=False)
        wrong.wait_for("cannot count from")
        assert "wrong" not in wrong.said.partition("cannot count")[2].replace("WRONGPASS", "")
        client.config_set("requirepass", "wrong")
        wrong.wait_for(": counts from")
        assert len(wrong.said.splitlines()) == 2


@pytest.mark.program
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing can be stopped here")
def test_it_ends_in_time_while_its_broker_hangs(redis_server: RedisServer, start_laptop: StartLaptop) -> None:
    """What is asked just then is not waited for."""
    laptop = start_laptop(redis_server.url)
    redis_server.freeze()
    try:
        assert laptop.stop(signal.SIGINT) == 0
    finally:
        redis_server.thaw()


def test_it_reads_under_a_name_of_its_own(redis_server: RedisServer, tmp_path: Path) -> None:
    """In the group of the relays, who take over what it leaves: no two installations have one name."""
    desk = DeskSettings((Route(Match(), 60.0, 20, 12.0),), 300.0)
    settings = LaptopSettings(redis_server.url, PATIENCE, (), desk)
    names = set()
    for name in ("anna", "bob"):
        with own_ledger(str(tmp_path / name), "r", print) as ledger:
            made = laptop(settings, ledger, lambda *_: None, print)
            names.add(made._name)
            publish(redis_server)
            made.step()
            made._streams.close()
    consumers = {found["name"].decode() for found in redis_server.client().xinfo_consumers(STREAM, GROUP)}
    assert consumers == names
    assert len(names) == 2
