"""What a display must do, and what it may do beside that: a protocol for each.

Texts of peers are untrusted: a display shows control characters and markup, and never obeys them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .mutes import Mute
    from .registry import Toast  # loads asyncio, which the command line does not need for the names of the displays


class Display(Protocol):
    """Something that shows toasts."""

    def show(self, toast: Toast) -> None:
        """Show a toast. Called on the receiver's thread; an exception is counted and reported, and ends nothing."""


@dataclass(frozen=True)
class Notice:
    """An event of the server other than a toast.

    Attributes:
        event: ``listening``, ``register``, ``subscribe``, ``muted`` (somebody has muted an incident), ``error`` (a
            request was refused), ``failure`` (a display could not show something) or ``lost`` (a message did not reach
            a subscriber).
        fields: What belongs to the event: texts, numbers and lists of them. Texts of peers are untrusted.
        toast: What displays show that have no form of their own for the event; None if it is not for people.
    """

    event: str
    fields: Mapping[str, object] = field(default_factory=dict)
    toast: Toast | None = None

    @property
    def trouble(self) -> str:
        """What went wrong, for people, with untrusted texts in it; empty if nothing did."""
        form = _TROUBLES.get(self.event)
        return "" if form is None else form.format_map(self.fields)


_TROUBLES: Mapping[str, str] = {
    "error": "refused: {description} (error {code}, from {peer})",
    "failure": "the display {display} fails: {reason} ({count:,} so far)",
    "lost": "not handed on to {id} at {peer}: {reason} ({count:,} so far)",
}


@runtime_checkable
class Observer(Protocol):
    """A display that gets the other events as well."""

    def notice(self, notice: Notice) -> None:
        """Handle an event. Called on the receiver's thread, like ``show``."""


@runtime_checkable
class Running(Protocol):
    """A display that must be started before the server, and closed after it."""

    def start(self) -> None:
        """Start.

        Raises:
            OSError: If something that it needs is not available; it can be started again then.
        """

    def close(self) -> None:
        """End. Closing twice is harmless."""


@runtime_checkable
class Patient(Protocol):
    """A display that accepts reactions after the default timeout."""

    @property
    def patience(self) -> float:
        """Seconds during which a reaction is accepted."""


@runtime_checkable
class Addressed(Protocol):
    """A display that people open by its URL."""

    @property
    def url(self) -> str:
        """The URL; empty before ``start``."""

    @property
    def remark(self) -> str:
        """What people should know about it; empty for nothing."""

    def address_of(self, number: int) -> str:
        """Return the URL of one toast, by its number, without any secret."""


@runtime_checkable
class Linked(Protocol):
    """A display whose toasts open on another display, which has room for them.

    Attributes:
        page: The other display; None if there is none.
    """

    page: Addressed | None


class Keeping(Protocol):
    """What keeps toasts: a history."""

    @property
    def path(self) -> str:
        """The file, which any thread may read."""

    @property
    def is_kept(self) -> bool:
        """Whether toasts are kept at the moment."""

    def close_toasts(self, numbers: Sequence[int]) -> None:
        """Remember that these toasts were closed. May be called from any thread.

        Raises:
            OSError: If too much waits already.
        """


@runtime_checkable
class Remembering(Protocol):
    """A display that shows what came before it.

    Attributes:
        history: Keeps toasts; None if no history is kept. It is set before ``start``.
    """

    history: Keeping | None


@runtime_checkable
class Muting(Protocol):
    """A display on which people mute incidents."""

    def mute_by(self, mute: Mute) -> None:
        """Mute incidents by ``mute`` from now on, from any thread, at any time."""


@runtime_checkable
class Connecting(Protocol):
    """A display that needs a service, and connects to it again with each toast until there is one.

    Attributes:
        may_be_away: Whether ``start`` goes on without the service.
    """

    may_be_away: bool


class PartError(Exception):
    """One of several parts of a display cannot show something, such as one of its targets.

    Attributes:
        source: Its name: one of a few that the display knows, not a peer's text.
    """

    def __init__(self, source: str, reason: str) -> None:
        """Name the part, and say why."""
        super().__init__(f"{source}: {reason}")
        self.source: str = source


@runtime_checkable
class Reporting(Protocol):
    """A display that learns only after ``show`` that it could not show a toast."""

    def report_failures(self, to: Callable[[Exception], None]) -> None:
        """Call ``to`` with each failure from now on, from any thread, at any time."""
