"""places: who has shown no key gives way to others; who has stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.receiver.budget import Budget, Usage
from gntp_logging.receiver.places import Places, group_of


class Guest:
    """A connection that remembers whether it was closed for another."""

    def __init__(self) -> None:
        self.has_given_way = False
        self.idle = True

    def is_idle(self) -> bool:
        """Tell what the test has set."""
        return self.idle

    def give_way(self) -> None:
        """Remember it."""
        assert not self.has_given_way
        self.has_given_way = True


def places(capacity: int = 100, *, is_protected: bool = True, **bounds: int) -> Places[Guest]:
    """Return places of which none is taken."""
    return Places(Usage(Budget(connections=capacity, **bounds)), is_protected=is_protected)


def test_the_oldest_silent_guest_gives_way_when_half_the_places_are_taken() -> None:
    """In the order in which they came; one that has shown a key stays."""
    room, guests = places(6), [Guest() for _ in range(5)]
    assert room.admit(guests[0], "a")
    room.has_spoken(guests[0])
    for number, guest in enumerate(guests[1:]):
        assert not room.is_crowded or number >= 2
        assert room.admit(guest, f"b{number}")
    assert [guest.has_given_way for guest in guests] == [False, True, True, False, False]
    assert len(room) == 3


def test_an_address_has_so_many_silent_guests_on_a_server_with_passwords() -> None:
    """Its own oldest gives way, whoever else is silent; without passwords there is nothing to show."""
    for is_protected in (True, False):
        room, other, guests = places(is_protected=is_protected, silent_per_peer=2), Guest(), [Guest() for _ in range(4)]
        assert room.admit(other, "other")
        assert all(room.admit(guest, "a") for guest in guests)
        assert [guest.has_given_way for guest in guests] == [is_protected, is_protected, False, False]
        assert not other.has_given_way


def test_guests_that_have_spoken_fill_their_addresses_places_and_no_more() -> None:
    """One more is turned away; another address has its own."""
    room, guests = places(connections_per_peer=2), [Guest() for _ in range(2)]
    for guest in guests:
        assert room.admit(guest, "a")
        room.has_spoken(guest)
    assert not room.admit(Guest(), "a")
    assert room.admit(Guest(), "b")
    room.leave(guests[0])
    assert room.admit(Guest(), "a")
    assert not any(guest.has_given_way for guest in guests)


def test_with_all_places_taken_by_those_who_have_spoken_nobody_gets_in() -> None:
    """There is nobody to give way."""
    room, guests = places(2), [Guest() for _ in range(2)]
    for guest in guests:
        assert room.admit(guest, "a")
        room.has_spoken(guest)
    assert not room.admit(Guest(), "b")
    room.dismiss_oldest()
    assert len(room) == 2


def test_what_has_come_is_looked_at_before_its_sender_gives_way() -> None:
    """It may be a key: the next oldest gives way; if there is none, the server has to look first."""
    room, guests = places(silent_per_peer=3, connections_per_peer=5), [Guest() for _ in range(6)]
    for number in (0, 2, 3, 4):
        guests[number].idle = False
    pressed = []
    for guest in guests[:5]:
        assert room.admit(guest, "a")
        pressed.append(room.is_pressed)
    assert [guest.has_given_way for guest in guests] == [False, True, False, False, False, False]
    assert pressed == [False, False, False, False, True]
    guests[2].idle = guests[3].idle = True
    assert room.admit(guests[5], "a")
    assert [guest.has_given_way for guest in guests] == [False, True, True, True, False, False]
    assert not room.is_pressed


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["come", "come with bytes", "speak", "leave"]), st.integers(0, 30), st.sampled_from("abc")
    )
)


@given(STEPS, st.integers(1, 12), st.booleans())
def test_whatever_happens_the_bounds_hold(steps: list[tuple[str, int, str]], capacity: int, is_protected: bool) -> None:
    """No more are in than there are places; who has spoken stays; at the end nothing is left of anybody."""
    room = places(capacity, is_protected=is_protected, connections_per_peer=6, silent_per_peer=3)
    inside: dict[Guest, str] = {}
    spoken: set[Guest] = set()
    for step, number, peer in steps:
        chosen = list(inside)[number % len(inside)] if inside else None
        if step.startswith("come"):
            guest = Guest()
            guest.idle = step == "come"
            if room.admit(guest, peer):
                inside[guest] = peer
        elif chosen is not None and step == "speak":
            room.has_spoken(chosen)
            spoken.add(chosen)
        elif chosen is not None:
            room.leave(chosen)
            room.leave(chosen)
            inside.pop(chosen)
        inside = {guest: peer for guest, peer in inside.items() if not guest.has_given_way}
        assert len(room) == len(inside) <= capacity
        assert all(list(inside.values()).count(peer) <= 6 for peer in "abc")
        idle = [peer for guest, peer in inside.items() if guest not in spoken and guest.idle]
        assert not is_protected or all(idle.count(peer) <= 3 for peer in "abc")
    assert not any(guest.has_given_way for guest in spoken)
    for guest in list(inside):
        room.leave(guest)
    assert len(room) == room._usage.connections() == len(room._silent) == len(room._silent_of) == 0
    assert not room._usage._connections


@pytest.mark.parametrize(
    ("peer", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_peer_of_ipv6_is_its_network(peer: str, group: str) -> None:
    """A machine has a whole /64 of addresses."""
    assert group_of(peer) == group
