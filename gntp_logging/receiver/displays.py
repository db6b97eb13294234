"""What shows toasts: small objects behind one protocol, made by name.

Whatever a toast holds was sent by a stranger: a display shows control characters and markup, it never obeys them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TextIO, runtime_checkable

from .registry import Toast


class Display(Protocol):
    """Something that shows toasts."""

    def show(self, toast: Toast) -> None:
        """Show a toast. Called on the receiver's thread; what it raises is counted and harms nobody.

        A display that lets people react has an attribute ``patience``: the seconds for which they can.

        Args:
            toast: The toast.
        """


@dataclass(frozen=True)
class Notice:
    """Something that happened to the server, beside toasts.

    Attributes:
        event: ``listening``, ``register``, ``subscribe`` or ``error``.
        fields: What is to be said of it: texts, numbers and lists of them. Texts of peers are untrusted.
    """

    event: str
    fields: Mapping[str, object] = field(default_factory=dict)


@runtime_checkable
class Observer(Protocol):
    """A display that wants to know what else happens."""

    def notice(self, notice: Notice) -> None:
        """Take notice of an event. Called on the receiver's thread, like ``show``.

        Args:
            notice: The event.
        """


def _console(stream: TextIO) -> Display:
    from .console import ConsoleDisplay

    return ConsoleDisplay(stream)


def _json(stream: TextIO) -> Display:
    from .json_lines import JsonDisplay

    return JsonDisplay(stream)


def _web(_stream: TextIO) -> Display:
    try:
        from .web import WebDisplay
    except ModuleNotFoundError as error:
        raise MissingExtraError("web", error.name or "") from error
    return WebDisplay()


def _desktop(_stream: TextIO) -> Display:
    try:
        from .desktop import DesktopDisplay
    except ModuleNotFoundError as error:
        raise MissingExtraError("desktop", error.name or "") from error
    return DesktopDisplay()


class MissingExtraError(Exception):
    """A display needs packages that are not installed."""

    def __init__(self, extra: str, missing: str) -> None:
        """Say what to do.

        Args:
            extra: The extra of this package that brings them.
            missing: The package that was missed.
        """
        super().__init__(f"needs {missing}: pip install 'gntp-logging[{extra}]'")


@runtime_checkable
class Running(Protocol):
    """A display that must be started before the server, and closed after it."""

    def start(self) -> None:
        """Start.

        Raises:
            OSError: If it cannot have what it needs.
        """

    def close(self) -> None:
        """End. Closing twice is harmless."""


DISPLAYS: Final[Mapping[str, Callable[[TextIO], Display]]] = {
    "console": _console,
    "json": _json,
    "web": _web,
    "desktop": _desktop,
}
"""What makes a display, by its name; each gets the stream that the program writes to.

Raises MissingExtraError where a display's packages are not installed.
"""
