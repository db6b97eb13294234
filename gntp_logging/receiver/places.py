"""Which connections a server accepts, and which give way when there are too many. Pure.

A guest is *silent* until it has shown a valid key; on a server without passwords, until it has sent a whole request.
Silent guests give way, so a client with the password gets in, however many others hold connections open.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

from .budget import Usage


class Guest(Protocol):
    """One connection."""

    def is_idle(self) -> bool:
        """Tell whether its first bytes were looked at, held no key, and the server waits for more."""

    def give_way(self) -> None:
        """Close at once: another has taken the place."""


_Guest = TypeVar("_Guest", bound=Guest)


class Places(Generic[_Guest]):
    """The places of a server. A guest has one from its accept on, before TLS or a first byte.

    Attributes:
        is_pressed: Whether no guest could give way to the last one, because the first bytes of all must still be looked
            at. The next guest should wait until that is done.
    """

    def __init__(self, usage: Usage, *, is_protected: bool) -> None:
        """Begin with all places free.

        Args:
            usage: Counts the connections, and has the bounds.
            is_protected: Whether guests have a key to show.
        """
        self._usage = usage
        self._is_protected = is_protected
        self._groups: dict[_Guest, str] = {}
        self._silent: OrderedDict[_Guest, None] = OrderedDict()
        self._silent_of: dict[str, OrderedDict[_Guest, None]] = {}
        self.is_pressed: bool = False

    def __len__(self) -> int:
        """Return how many places are taken."""
        return len(self._groups)

    @property
    def is_crowded(self) -> bool:
        """Whether half the places are taken."""
        return 2 * len(self._groups) >= self._usage.budget.connections

    def are_many_silent(self, peer: str) -> bool:
        """Tell whether silent guests are so many, of an address or of all, that each should cost little."""
        return self.is_crowded or 5 * len(self._silent_of.get(group_of(peer), ())) >= self._usage.budget.silent_per_peer

    def admit(self, guest: _Guest, peer: str) -> bool:
        """Give a new guest a place; if there are too many guests, a silent one gives way.

        Args:
            peer: Address of the guest.

        Returns:
            False if there is no place, even so.
        """
        group = group_of(peer)
        own, budget = self._silent_of.get(group, OrderedDict()), self._usage.budget
        most = budget.silent_per_peer if self._is_protected else budget.connections
        self.is_pressed = False
        while (
            own
            and not self.is_pressed
            and (len(own) >= most or self._usage.connections(group) >= budget.connections_per_peer)
        ):
            self.is_pressed = not self._dismiss_one_of(own)
        if self.is_crowded and not self.is_pressed:
            self.is_pressed = not self._dismiss_one_of(self._silent)
        if not self._usage.connect(group):
            return False
        self._groups[guest] = group
        self._silent[guest] = None
        self._silent_of.setdefault(group, OrderedDict())[guest] = None
        return True

    def dismiss_oldest(self) -> None:
        """Let the guest that has been silent for the longest time give way, if one is silent."""
        self._dismiss_one_of(self._silent)

    def has_spoken(self, guest: _Guest) -> None:
        """Note that a guest has shown a valid key: from now on it does not give way."""
        group = self._groups.get(guest)
        if group is not None and self._silent.pop(guest, _NONE) is not _NONE:
            self._silent_of[group].pop(guest)
            if not self._silent_of[group]:
                del self._silent_of[group]

    def leave(self, guest: _Guest) -> None:
        """Free the place of a guest. Leaving twice is harmless."""
        self.has_spoken(guest)
        group = self._groups.pop(guest, None)
        if group is not None:
            self._usage.disconnect(group)

    def _dismiss_one_of(self, guests: OrderedDict[_Guest, None]) -> bool:
        """Let the oldest idle guest give way; return whether there was one."""
        guest = next((guest for guest in guests if guest.is_idle()), None)
        if guest is None:
            return False
        self.leave(guest)
        guest.give_way()
        return True


_NONE = object()


@functools.lru_cache(maxsize=1024)
def group_of(peer: str) -> str:
    """Return the network that counts as one peer: for IPv6 the /64, because one machine may have all its addresses."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if address.version == 4:
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
