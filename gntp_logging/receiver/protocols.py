"""What a display is: one thing that it must do, and what else it may do, each a protocol of its own.

Whatever a toast holds was sent by a stranger: a display shows control characters and markup, it never obeys them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .registry import Toast  # loads asyncio, and the command line only wants to know which displays there are


class Display(Protocol):
    """Something that shows toasts."""

    def show(self, toast: Toast) -> None:
        """Show a toast. Called on the receiver's thread; what it raises is counted and reported, and harms nobody.

        Args:
            toast: The toast.
        """


@dataclass(frozen=True)
class Notice:
    """Something that happened to the server, beside toasts.

    Attributes:
        event: ``listening``, ``register``, ``subscribe``, ``error`` (a request was refused), ``failure`` (a display
            could not show something) or ``lost`` (a message did not reach a subscriber).
        fields: What is to be said of it: texts, numbers and lists of them. Texts of peers are untrusted.
    """

    event: str
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def trouble(self) -> str:
        """What went wrong, for people, with untrusted texts in it; empty for what is no trouble."""
        form = _TROUBLES.get(self.event)
        return "" if form is None else form.format_map(self.fields)


_TROUBLES: Mapping[str, str] = {
    "error": "refused: {description} (error {code}, from {peer})",
    "failure": "the display {display} fails: {reason} ({count:,} so far)",
    "lost": "not handed on to {id} at {peer}: {reason} ({count:,} so far)",
}


@runtime_checkable
class Observer(Protocol):
    """A display that wants to know what else happens."""

    def notice(self, notice: Notice) -> None:
        """Take notice of an event. Called on the receiver's thread, like ``show``.

        Args:
            notice: The event.
        """


@runtime_checkable
class Running(Protocol):
    """A display that must be started before the server, and closed after it."""

    def start(self) -> None:
        """Start.

        Raises:
            OSError: If it cannot have what it needs; it can be started again then.
        """

    def close(self) -> None:
        """End. Closing twice is harmless."""


@runtime_checkable
class Patient(Protocol):
    """A display that lets people react to a toast for longer than toasts are usually shown."""

    @property
    def patience(self) -> float:
        """Seconds for which they can."""


@runtime_checkable
class Addressed(Protocol):
    """A display that people open somewhere else."""

    @property
    def url(self) -> str:
        """Where; empty before ``start``."""


@runtime_checkable
class Reporting(Protocol):
    """A display that finds out only later that it could not show a toast."""

    def report_failures(self, to: Callable[[Exception], None]) -> None:
        """Take what is to be called with each failure. It may be called from any thread, at any time.

        Args:
            to: The function.
        """
