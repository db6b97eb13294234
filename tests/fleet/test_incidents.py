"""What a desktop is shown of the broker's counts: milestones, the exact count, digests, and what another has shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.alert_json import to_json
from gntp_logging.fleet.incidents import ANNOUNCED, CAUGHT_UP, Desk, DeskSettings, Incident, Route, from_fields
from gntp_logging.fleet.match import Match
from tests.support import make_alert


def one_route(repeat_window: float, burst: int, rate: float, quiet: float) -> DeskSettings:
    """Return the settings of a desktop that is shown everything."""
    return DeskSettings((Route(Match(), repeat_window, burst, rate),), quiet)


SETTINGS = one_route(repeat_window=60.0, burst=20, rate=12.0, quiet=300.0)
KNOWN = {CAUGHT_UP: "0"}
MEMBER = "0f0f0f0f0f0f0f0f:shop"


def incident(
    count: int = 1, *, member: str = MEMBER, opening: str = "5-0", last: float = 1000.0, hosts: int = 1
) -> Incident:
    """Return what the broker says of an incident."""
    alert = make_alert("db-1 refused", fingerprint=member, context=(("machine", "web-1"),), logger="shop.db")
    return Incident(member, opening, count, hosts, 1000.0, last, alert)


def show(desk: Desk, now: float, reported: dict[str, str] | None = None) -> list[int]:
    """Show what is due, and return the counts; what is to be written goes to ``reported``."""
    shown = []
    while (entry := desk.next_entry(now)) is not None:
        if reported is not None:
            reported.update(desk.announced(entry))
        _, outgoing = desk.outgoing(entry)
        shown.append(sum(tally.count for tally in outgoing.tallies))
        written = desk.shown(entry, now)
        caught_up, forgotten = desk.caught_up()
        if reported is not None:
            reported.update({**written, **caught_up})
            for member in forgotten:
                reported.pop(member, None)
    return shown


def test_an_incident_is_one_toast_with_milestones_and_then_its_exact_count() -> None:
    """Ten thousand records in ten seconds are few notifications, all with one id."""
    desk = Desk(SETTINGS, KNOWN, 1000.0)
    shown = []
    for second in range(10):
        now = 1000.0 + second
        desk.take(incident(1 + 1111 * second, last=now), now)
        shown += show(desk, now)
    assert shown == [1, 5556]
    for second in range(10, 160):
        shown += show(desk, 1000.0 + second)
    assert shown == [1, 5556, 10000]


def test_a_notification_says_what_programs_read() -> None:
    """The count, the incident, and on how many machines; the id is the incident's and its opening's."""
    desk = Desk(SETTINGS, KNOWN, 1000.0)
    desk.take(incident(50, hosts=5), 1000.0)
    entry = desk.next_entry(1000.0)
    assert entry is not None
    app, outgoing = desk.outgoing(entry)
    assert (app, outgoing.incident, outgoing.hosts) == ("shop", "0f0f0f0f0f0f0f0f", 5)
    assert (outgoing.coalescing_id, outgoing.id_) == ("0f0f0f0f0f0f0f0f-5-0", "0f0f0f0f0f0f0f0f-5-0-50")
    assert outgoing.alert.title.endswith(", on 5 machines")
    assert dict(outgoing.alert.context) == {}  # which named one of the machines


def test_the_next_opening_is_a_toast_of_its_own() -> None:
    """Tomorrow's is not today's."""
    desk = Desk(SETTINGS, KNOWN, 1000.0)
    desk.take(incident(7), 1000.0)
    assert show(desk, 1000.0) == [7]
    desk.take(incident(2, opening="9-0", last=2000.0), 2000.0)
    entry = desk.next_entry(2000.0)
    assert entry is not None
    assert desk.outgoing(entry)[1].coalescing_id.endswith("-9-0")
    assert sum(tally.count for tally in entry.tallies()) == 2


def test_who_takes_over_sends_each_open_incident_once() -> None:
    """With the count of now: the one before may have shown, and not noted."""
    reported = dict(KNOWN)
    desk = Desk(SETTINGS, reported, 1000.0)
    desk.take(incident(7), 1000.0)
    assert show(desk, 1000.0, reported) == [7]
    after = Desk(SETTINGS, reported, 1003.0)
    after.take(incident(9, last=1003.0), 1003.0)
    assert show(after, 1003.0, reported) == [9]
    assert show(after, 1500.0, reported) == []
    assert json.loads(reported[MEMBER])["shown"] == 9


def test_who_shows_alone_does_not_show_again_what_it_has_shown() -> None:
    """After a restart: the same count is no news; a higher one is, at once, and what comes then as always."""
    reported = dict(KNOWN)
    desk = Desk(SETTINGS, reported, 1000.0, has_one_writer=True)
    desk.take(incident(7), 1000.0)
    assert show(desk, 1000.0, reported) == [7]
    same = Desk(SETTINGS, reported, 1003.0, has_one_writer=True)
    same.take(incident(7), 1003.0)
    assert show(same, 1003.0, reported) == []
    same.take(incident(20, last=1004.0), 1004.0)
    assert show(same, 1004.0, reported) == []
    assert show(same, 1010.0, reported) == [20]
    more = Desk(SETTINGS, reported, 1020.0, has_one_writer=True)
    more.take(incident(21, last=1015.0), 1020.0)
    assert show(more, 1020.0, reported) == [21]


def test_windows_go_on_where_the_holder_before_has_ended() -> None:
    """What repeats all day is reported more and more rarely, whoever reports it."""
    reported = {**KNOWN, MEMBER: json.dumps({"opening": "5-0", "shown": 7, "digested": 0, "window": 960.0})}
    desk = Desk(one_route(60.0, 20, 12.0, 100_000.0), reported, 1000.0)
    desk.take(incident(7), 1000.0)
    assert show(desk, 1000.0, reported) == [7]
    desk.take(incident(8, last=1010.0), 1010.0)
    assert show(desk, 1900.0, reported) == []
    assert show(desk, 1970.0, reported) == [8]


def test_what_hosts_could_not_publish_in_time_is_one_digest() -> None:
    """Redis was away: what is young comes singly; what old incidents have of young records does, too."""
    desk = Desk(SETTINGS, KNOWN, 5000.0)
    for number in range(3):
        desk.take(incident(10, member=f"{number}:shop", last=4000.0 + number), 5000.0)
    desk.take(incident(5, member="9:shop", last=4990.0), 5000.0)
    assert show(desk, 5000.0) == [5]
    assert show(desk, 5010.0) == [30]
    desk.take(incident(11, member="1:shop", last=5011.0), 5011.0)
    assert show(desk, 5011.0) == [11]


def test_what_the_rate_does_not_allow_is_one_digest() -> None:
    """CRITICAL alone passes; the digest has the exact counts."""
    desk = Desk(one_route(60.0, 1, 1.0, 300.0), KNOWN, 1000.0)
    for number in range(4):
        desk.take(incident(10, member=f"{number}:shop"), 1000.0)
    assert show(desk, 1000.0) == [10]
    assert show(desk, 1080.0) == [30]


def show_and_die(desk: Desk, now: float, reported: dict[str, str]) -> tuple[str, str, dict[str, int]]:
    """Show a digest as one does who is killed before it notes that; return application, id and counts."""
    entry = desk.next_entry(now)
    assert entry is not None
    reported.update(desk.announced(entry))
    app, outgoing = desk.outgoing(entry)
    return app, outgoing.coalescing_id, {str(tally.newest.fingerprint): tally.count for tally in outgoing.tallies}


def test_a_digest_that_was_not_noted_is_shown_again_under_its_id() -> None:
    """Of open incidents: they come in a digest once more, although by now each could have a toast of its own."""
    settings = one_route(60.0, 1, 1.0, 300.0)
    reported = dict(KNOWN)
    desk = Desk(settings, reported, 1000.0)
    for number in range(4):
        desk.take(incident(10, member=f"{number}:shop"), 1000.0)
    assert show(desk, 1000.0, reported) == [10]
    before = show_and_die(desk, 1080.0, reported)
    after = Desk(settings, reported, 1090.0)
    after.take(incident(11, member="1:shop"), 1090.0)
    after.take(incident(5, member="9:till"), 1090.0)
    after.take(incident(10, member="2:shop"), 1090.0)
    after.take(incident(10, member="3:shop"), 1090.0)
    entry = after.next_entry(1090.0)
    while entry is not None and entry.coalescing_id != before[1]:
        after.shown(entry, 1090.0)
        entry = after.next_entry(1090.0)
    assert entry is not None
    app, outgoing = after.outgoing(entry)
    counts = {str(tally.newest.fingerprint): tally.count for tally in outgoing.tallies}
    assert (app, before[0]) == ("shop", "shop")
    assert before[2] == {"1:shop": 10, "2:shop": 10, "3:shop": 10}
    assert counts == {"1:shop": 11, "2:shop": 10, "3:shop": 10}
    reported.update(after.shown(entry, 1090.0))
    assert reported[ANNOUNCED] == ""
    assert Desk(settings, reported, 1091.0).announced(entry)[ANNOUNCED] != ""


def test_a_digest_of_ended_incidents_is_shown_again_under_its_id() -> None:
    """With what has ended since, of whatever application; the next digest has an id of its own."""
    reported = dict(KNOWN)
    desk = Desk(SETTINGS, reported, 5000.0)
    listed = [ended(3000, 9, "5-0", MEMBER)]
    desk.take_ended(listed, 5000.0)
    before = show_and_die(desk, 5000.0, reported)
    after = Desk(SETTINGS, reported, 5010.0)
    after.take_ended([ended(4000, 7, "6-0", "1:till"), *listed], 5010.0)
    entry = after.next_entry(5010.0)
    assert entry is not None
    app, outgoing = after.outgoing(entry)
    assert (app, outgoing.coalescing_id) == before[:2]
    assert sum(tally.count for tally in outgoing.tallies) == 16
    reported.update(after.announced(entry))
    reported.update(after.shown(entry, 5010.0))
    after.take_ended([ended(6000, 7, "7-0", "1:till")], 5020.0)
    entry = after.next_entry(5080.0)
    assert entry is not None
    assert (entry.coalescing_id != before[1], after.outgoing(entry)[0]) == (True, "till")


@given(
    st.text(max_size=20)
    | st.recursive(st.none(), st.lists).map(lambda found: json.dumps({"0": {"openings": found}, "9": {"openings": {}}}))
)
def test_whatever_was_announced_a_desk_begins(text: str) -> None:
    """A relay of another release may have written it."""
    desk = Desk(SETTINGS, {**KNOWN, ANNOUNCED: text}, 1000.0)
    desk.take(incident(7), 1000.0)
    assert show(desk, 1000.0) == [7]


def test_what_came_while_nobody_counted_is_one_digest() -> None:
    """It is open, because it was counted just now, but its records are old. What goes on is shown singly."""
    reported = dict(KNOWN)
    desk = Desk(SETTINGS, reported, 9000.0)
    for number in range(3):
        desk.take(incident(10, member=f"{number}:shop"), 9000.0)
    desk.take(incident(7, member="young:shop", last=8999.0), 9000.0)
    assert show(desk, 9000.0, reported) == [7]
    desk.take(incident(11, member="0:shop", last=9001.0), 9001.0)
    assert show(desk, 9001.0, reported) == [11]
    assert show(desk, 9080.0, reported) == [20]
    desk.take_ended([ended(9400_000, 10, "5-0", "1:shop"), ended(9390_000, 10, "5-0", "2:shop")], 9400.0)
    assert show(desk, 9500.0, reported) == []


def test_of_an_incident_that_has_ended_a_digest_reports_what_was_not_shown() -> None:
    """The desktop was switched off; what it knows already is left out."""
    reported = {**KNOWN, MEMBER: json.dumps({"opening": "5-0", "shown": 7, "digested": 0, "window": 60.0})}
    desk = Desk(SETTINGS, reported, 5000.0)
    desk.take_ended(
        [ended(4000, 10, "5-0", "1:shop"), ended(3000, 9, "5-0", MEMBER), ended(2000, 3, "4-0", MEMBER)], 5000.0
    )
    assert show(desk, 5000.0, reported) == [10 + 2 + 3]
    assert reported == {CAUGHT_UP: "4000", ANNOUNCED: ""}
    again = Desk(SETTINGS, reported, 5001.0)
    again.take_ended([ended(4000, 10, "5-0", "1:shop")], 5001.0)
    assert show(again, 5001.0) == []


def test_what_is_written_of_incidents_that_are_gone_is_forgotten() -> None:
    """Also when so many have ended that the list of them has lost some."""
    reported = {**KNOWN, "1:shop": json.dumps({"opening": "5-0", "shown": 7}), MEMBER: json.dumps({"opening": "5-0"})}
    desk = Desk(SETTINGS, reported, 1000.0)
    desk.take(incident(7), 1000.0)
    assert desk.caught_up() == ({CAUGHT_UP: "0"}, ["1:shop"])
    assert desk.caught_up() == ({}, [])


def test_a_new_desktop_is_shown_nothing_of_what_has_ended_before() -> None:
    """It knows of that from now on."""
    desk = Desk(SETTINGS, {}, 5.0)
    desk.take_ended([ended(4000, 10, "5-0", MEMBER)], 5.0)
    assert desk.next_entry(5.0) is None
    assert desk.caught_up() == ({CAUGHT_UP: "5000"}, [])
    assert desk.caught_up() == ({}, [])


TWO_ROUTES = DeskSettings(
    (Route(Match(logger="shop.payments.*"), 60.0, 1, 1.0), Route(Match(machine="web-*"), 60.0, 2, 1.0)), 300.0
)


def taken(
    desk: Desk,
    places: dict[tuple[str, str, int], int],
    now: float,
    member: str = MEMBER,
    settings: DeskSettings = TWO_ROUTES,
) -> None:
    """Let a desktop know of an incident that the broker has counted so."""
    fields = stored(places, sorted({(name, level) for name, _, level in places}))
    found = from_fields(member, fields, settings.matches)
    if found is not None:
        desk.take(replace(found, last=now), now)


def test_a_desktop_of_two_routes_shows_an_incident_once() -> None:
    """With the sum of what they match, whichever matched first."""
    desk, reported = Desk(TWO_ROUTES, KNOWN, 1000.0), dict(KNOWN)
    places = {("shop.orders", "web-1", 40): 2, ("shop.orders", "db-1", 40): 4}
    taken(desk, places, 1000.0)
    assert show(desk, 1000.0, reported) == [2]
    places[("shop.payments", "db-1", 40)] = 8
    places[("shop.payments", "web-1", 40)] = 16
    taken(desk, places, 1000.0)
    assert show(desk, 1100.0, reported) == [26]
    assert json.loads(reported[MEMBER])["shown"] == 26
    after = Desk(TWO_ROUTES, reported, 1200.0)
    taken(after, places, 1200.0)
    entry = after.next_entry(1200.0)
    assert entry is not None
    assert entry.coalescing_id == "0f0f0f0f0f0f0f0f-5-0"
    assert after.next_entry(1200.0) is None


def test_each_route_has_its_own_rates_and_digests() -> None:
    """What fills one route's burst takes nothing of another's."""
    desk = Desk(TWO_ROUTES, KNOWN, 1000.0)
    for number in range(4):
        taken(desk, {("shop.orders", "web-1", 40): 10}, 1000.0, f"{number}:shop")
        taken(desk, {("shop.payments", "db-1", 40): 1}, 1000.0, f"{number}:till")
        taken(desk, {("shop.orders", "db-1", 40): 100}, 1000.0, f"{number}:left-out")
    assert sorted(show(desk, 1000.0)) == [1, 10, 10]
    assert sorted(show(desk, 1080.0)) == [3, 20]


def test_what_one_routes_rate_does_not_allow_another_may_show() -> None:
    """With its own window, and once: the digest of the first says nothing of it."""
    settings = DeskSettings((Route(Match(), 60.0, 1, 1.0), Route(Match(logger="till"), 100.0, 5, 0.0)), 300.0)
    desk, reported = Desk(settings, KNOWN, 1000.0), dict(KNOWN)
    for number, logger in enumerate(("shop", "shop", "till")):
        taken(desk, {(logger, "web-1", 40): 1}, 1000.0, f"{number}:shop", settings)
    assert show(desk, 1000.0, reported) == [1, 1]
    assert json.loads(reported["2:shop"])["window"] == 100.0
    taken(desk, {("till", "web-1", 40): 100}, 1010.0, "2:shop", settings)
    assert sorted(show(desk, 1080.0, reported)) == [1, 100]


def test_a_digest_gives_up_what_another_route_may_show() -> None:
    """When more of the incident comes, which that one matches."""
    routes = (Route(Match(machine="web-*"), 60.0, 1, 1.0), Route(Match(logger="till"), 60.0, 5, 0.0))
    settings = DeskSettings(routes, 300.0)
    desk = Desk(settings, KNOWN, 1000.0)
    places = {("shop", "web-1", 40): 1}
    for member in ("1:shop", "2:shop"):
        taken(desk, places, 1000.0, member, settings)
    taken(desk, {**places, ("till", "db-1", 40): 2}, 1001.0, "2:shop", settings)
    assert sorted(show(desk, 1001.0)) == [1, 3]
    assert show(desk, 1100.0) == []


def test_of_what_has_ended_each_route_has_a_digest() -> None:
    """What no route matches is looked at once, and in none."""
    desk = Desk(TWO_ROUTES, KNOWN, 5000.0)
    listed = [
        ended_places(4000, {("shop.orders", "web-1", 40): 10, ("shop.orders", "db-1", 40): 100}, "1:shop"),
        ended_places(3000, {("shop.payments", "db-1", 40): 1}, "2:shop"),
        ended_places(2000, {("shop.orders", "db-1", 40): 1000}, "3:shop"),
    ]
    desk.take_ended([ended_places(6000, {("shop.orders", "db-1", 40): 1}, "4:shop"), *listed], 5000.0)
    assert sorted(show(desk, 5000.0)) == [1, 10]
    assert desk.ended_until == 6000


def test_a_digest_that_was_not_noted_is_resumed_by_its_own_route() -> None:
    """Another route's digest would take its place on the desktop; also when that one comes first."""
    reported = dict(KNOWN)
    of_web = ended_places(3000, {("shop.orders", "web-1", 40): 10}, "1:shop")
    of_payments = ended_places(4000, {("shop.payments", "db-1", 40): 1}, "2:shop")
    desk = Desk(TWO_ROUTES, reported, 5000.0)
    desk.take_ended([of_web], 5000.0)
    _, id_, _ = show_and_die(desk, 5000.0, reported)
    after = Desk(TWO_ROUTES, reported, 5010.0)
    after.take_ended([of_payments, of_web], 5010.0)
    ids = []
    while (entry := after.next_entry(5010.0)) is not None:
        reported.update(after.announced(entry))
        ids.append(entry.coalescing_id)
        reported.update(after.shown(entry, 5010.0))
    assert ids[1] == id_
    assert len(set(ids)) == 2


def test_digests_of_two_routes_that_were_not_noted_keep_their_ids_through_two_kills() -> None:
    """The second one to be announced does not take the place of the first."""
    reported = dict(KNOWN)
    of_web = ended_places(3000, {("shop.orders", "web-1", 40): 10}, "1:shop")
    of_payments = ended_places(4000, {("shop.payments", "db-1", 40): 1}, "2:shop")
    first = Desk(TWO_ROUTES, reported, 5000.0)
    first.take_ended([of_payments], 5000.0)
    shown = {show_and_die(first, 5000.0, reported)[1]}
    second = Desk(TWO_ROUTES, reported, 5010.0)
    second.take_ended([of_web], 5010.0)
    shown.add(show_and_die(second, 5010.0, reported)[1])
    third = Desk(TWO_ROUTES, reported, 5020.0)
    third.take_ended([of_payments, of_web], 5020.0)
    ids = [show_and_die(third, 5020.0, reported)[1] for _ in shown]
    assert (set(ids), len(shown)) == (shown, 2)


def test_a_digest_is_resumed_by_the_route_that_has_announced_it() -> None:
    """Also for an incident that another route would report now."""
    member = "1:shop"
    announced = {"1": {"id_": "digest", "app": "shop", "openings": {member: "5-0"}}}
    desk = Desk(TWO_ROUTES, {**KNOWN, ANNOUNCED: json.dumps(announced)}, 1000.0)
    desk.take(replace(incident(7, member=member), routes=(0, 1)), 1000.0)
    entry = desk.next_entry(1000.0)
    assert entry is not None
    assert (entry.coalescing_id, entry.records) == ("digest", 7)


def ended_places(when: int, places: dict[tuple[str, str, int], int], member: str, opening: str = "5-0") -> str:
    """Return an incident that has ended, as the broker lists it."""
    fields = stored(places, sorted({(name, level) for name, _, level in places}))
    return f"{when} {json.dumps({'member': member, 'fields': fields | {'opening': opening}})}"


def ended(when: int, count: int, opening: str, member: str) -> str:
    """Return an incident of one place that has ended, as the broker lists it."""
    return ended_places(when, {("shop.db", "web-1", 40): count}, member, opening)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 2000), st.floats(0, 30), st.booleans()), max_size=30),
    st.integers(1, 4),
)
def test_the_desktop_has_every_count_before_an_incident_ends(
    steps: list[tuple[str, int, float, bool]], burst: int
) -> None:
    """Whatever comes when, by whichever of two routes, whoever takes over; and no toast's count ever falls."""
    settings = DeskSettings((Route(Match(), 60.0, burst, 2.0), Route(Match(), 60.0, 1, 1.0)), 300.0)
    routes = {"a": (0,), "b": (0, 1), "c": (0, 1), "d": (1,)}
    reported = dict(KNOWN)
    desk, now = Desk(settings, reported, 1000.0), 1000.0
    counts: dict[str, int] = {}
    last: dict[str, float] = {}
    for name, more, pause, take_over in steps:
        now += pause
        counts[name] = counts.get(name, 0) + more
        last[name] = now
        if take_over:
            desk = Desk(settings, reported, now)
            for known, count in counts.items():
                found = incident(count, member=f"{known}:shop", last=last[known])
                desk.take(replace(found, routes=routes[known]), now)
        desk.take(replace(incident(counts[name], member=f"{name}:shop", last=now), routes=routes[name]), now)
        before = {member: json.loads(text)["shown"] for member, text in reported.items() if ":" in member}
        show(desk, now, reported)
        after = {member: json.loads(text)["shown"] for member, text in reported.items() if ":" in member}
        assert all(after[member] >= shown for member, shown in before.items())
    for second in range(0, 300, 5):
        show(desk, now + second, reported)
    written = {member[0]: json.loads(text) for member, text in reported.items() if ":" in member}
    assert {name: known["shown"] + known["digested"] for name, known in written.items()} == counts


def stored(places: dict[tuple[str, str, int], int], newest: Sequence[tuple[str, int]]) -> dict[str, str]:
    """Return an incident as the broker has it.

    Args:
        newest: Logger and level of the alerts, the oldest first; each says what its logger and level are.
    """
    fields = {"opening": "5-0", "first": "1000", "last": "2000", "slots": str(len(newest))}
    fields |= {f"n{json.dumps(place)}": str(count) for place, count in places.items()}
    for number, (logger, level) in enumerate(newest):
        slot = json.dumps([logger, level])
        alert = make_alert(f"{logger} {level}", logger=logger)._replace(level=level)
        fields |= {f"i{slot}": f"{number}-0", f"a{slot}": to_json(alert)}
    return fields


def test_fields_of_several_loggers_and_machines_are_summed() -> None:
    """The newest alert is that of the newest entry; loggers may be called anything."""
    fields = stored({("n", "a", 40): 3, ("n", "b", 40): 4, ("", "b", 30): 5}, [("n", 40), ("", 30)])
    found = from_fields(MEMBER, fields)
    assert found is not None
    assert (found.count, found.hosts, found.alert.text, found.app) == (12, 2, " 30", "shop")
    assert (found.first, found.last) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("matches", "count", "hosts", "text"),
    [
        ([Match(machine="web-*")], 7, 2, "shop.orders 40"),
        ([Match(machine="db-1")], 16, 1, "shop.db 50"),
        ([Match(logger="shop.db")], 17, 2, "shop.db 50"),
        ([Match(logger="shop.db", machine="web-*")], 1, 1, "shop.db 40"),
        ([Match(level=50)], 16, 1, "shop.db 50"),
        ([Match(level=30)], 23, 3, "shop.db 50"),
        ([Match(logger="shop.db"), Match(machine="web-*")], 23, 3, "shop.db 50"),
        ([Match(level=50), Match(level=50)], 16, 1, "shop.db 50"),
        ([Match(app="shop"), Match(app="other")], 23, 3, "shop.db 50"),
    ],
)
def test_a_route_sums_what_it_matches(matches: list[Match], count: int, hosts: int, text: str) -> None:
    """By the pair of logger and machine; two routes sum once what both match. The alert is the newest of these."""
    fields = stored(
        {
            ("shop.db", "web-1", 40): 1, ("shop.orders", "web-1", 40): 2, ("shop.orders", "web-2", 40): 4,
            ("shop.db", "db-1", 50): 16,
        },
        [("shop.db", 40), ("shop.orders", 40), ("shop.db", 50)],
    )  # fmt: skip
    found = from_fields(MEMBER, fields, matches)
    assert found is not None
    assert (found.count, found.hosts, found.alert.text) == (count, hosts, text)


def test_a_toast_names_the_one_machine_that_counts() -> None:
    """The newest alert may be another's."""
    fields = stored({("shop.db", "web-1", 40): 1, ("shop.db", "db-1", 40): 2}, [])
    alert = make_alert("refused", logger="shop.db", context=(("user", "u"), ("machine", "db-1")))
    fields |= {'i["shop.db", 40]': "1-0", 'a["shop.db", 40]': to_json(alert)}
    contexts = []
    for machine in ("*", "web-*", "db-1"):
        found = from_fields(MEMBER, fields, [Match(machine=machine)])
        assert found is not None
        contexts.append(dict(found.alert.context))
    assert contexts == [
        {"user": "u", "machine": "db-1"}, {"user": "u", "machine": "web-1"}, {"user": "u", "machine": "db-1"}
    ]  # fmt: skip


@pytest.mark.parametrize("matches", [[], [Match(app="other")], [Match(level=51)], [Match(logger="shop.db.*.x")]])
def test_what_no_route_matches_is_left_out(matches: list[Match]) -> None:
    """It is no incident of that desktop's."""
    assert from_fields(MEMBER, stored({("shop.db", "web-1", 40): 1}, [("shop.db", 40)]), matches) is None


def test_what_came_beyond_the_bounds_counts_where_no_name_is_asked_for() -> None:
    """Its machine or logger is not known any more; on how many machines it was, neither."""
    fields = stored({("shop.db", "web-1", 40): 1, ("shop.db", "", 40): 2, ("", "", 40): 4}, [("shop.db", 40), ("", 40)])
    counts = []
    for match in (Match(), Match(machine="web-*"), Match(logger="shop.*"), Match(level=40)):
        found = from_fields(MEMBER, fields, [match])
        assert found is not None
        counts.append((found.count, found.hosts))
    assert counts == [(7, 1), (1, 1), (3, 1), (7, 1)]


def test_what_a_relay_before_levels_has_counted_is_read() -> None:
    """Its level is that of the newest alert of the logger."""
    fields = {
        "opening": "5-0", "first": "1000", "last": "2000", 'n["shop.db","a"]': "3", 'n["shop.db", "b", 40]': "4",
        "ishop.db": "9-0", "ashop.db": to_json(make_alert("old", logger="shop.db")._replace(level=30)),
        'i["shop.db", 40]': "10-0", 'a["shop.db", 40]': to_json(make_alert("new", logger="shop.db")),
    }  # fmt: skip
    for level, count in ((None, 7), (30, 7), (40, 4)):
        found = from_fields(MEMBER, fields, [Match(level=level)])
        assert found is not None
        assert (found.count, found.alert.text) == (count, "new")


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["a", "a.b", "b"]), st.sampled_from("xyz"), st.sampled_from([30, 40, 50])),
        st.integers(1, 2**40),
        max_size=8,
    ),
    st.lists(
        st.builds(
            Match,
            logger=st.sampled_from(["*", "a.*", "b"]),
            level=st.sampled_from([None, 40]),
            machine=st.sampled_from(["*", "[xy]", "z"]),
        ),
        max_size=3,
    ),
)
def test_no_record_is_summed_twice_or_left_out(counts: dict[tuple[str, str, int], int], matches: list[Match]) -> None:
    """Whatever the routes are, each place is in the sum or not."""
    fields = stored(counts, sorted({(logger, level) for logger, _, level in counts}))
    found = from_fields(MEMBER, fields, matches)
    expected = sum(
        count
        for (logger, machine, level), count in counts.items()
        if any(match.holds("shop", logger, level, machine) for match in matches)
    )
    assert (found.count if found else 0) == expected


@pytest.mark.parametrize("missing", ["opening", "first", 'a["", 40]', 'i["", 40]'])
def test_an_incident_that_cannot_be_read_is_left_out(missing: str) -> None:
    """A relay of a later release may have written it."""
    fields = stored({("", "b", 40): 5}, [("", 40)])
    assert from_fields(MEMBER, fields) is not None
    del fields[missing]
    assert from_fields(MEMBER, fields) is None
