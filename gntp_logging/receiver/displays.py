"""The displays by name. A new one is a module, and a line in the table below.

Importing this module loads none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, TextIO

from .protocols import (
    Addressed,
    Connecting,
    Display,
    Linked,
    Muting,
    Notice,
    Observer,
    Patient,
    Remembering,
    Reporting,
    Running,
)

__all__ = [
    "DISPLAYS",
    "Addressed",
    "Connecting",
    "Display",
    "Kind",
    "Linked",
    "MissingExtraError",
    "Muting",
    "Notice",
    "Observer",
    "Patient",
    "Remembering",
    "Reporting",
    "Running",
]


class MissingExtraError(Exception):
    """A display needs packages that are not installed."""

    def __init__(self, extra: str, missing: str) -> None:
        """Name the command that installs what is missing.

        Args:
            extra: The extra of this package that brings them.
            missing: The package that could not be imported.
        """
        super().__init__(f"needs {missing}: pip install 'gntp-logging[{extra}]'")


@dataclass(frozen=True)
class Kind:
    """One of the displays: what it is, and how to make it.

    Attributes:
        summary: What it is, in a few words.
        place: Its module in this package and its class.
        writes: Whether it writes to the stream; then its constructor takes the stream, else only options.
        extra: The extra of this package that brings what it needs; empty when it needs nothing.
    """

    summary: str
    place: str
    writes: bool = False
    extra: str = ""

    def __call__(self, stream: TextIO, **options: object) -> Display:
        """Make the display.

        Args:
            stream: What the program writes to.
            options: What its constructor takes beside that.

        Returns:
            The display; one that is :class:`Running` must still be started.

        Raises:
            MissingExtraError: If its packages are not installed.
        """
        module, _, name = self.place.rpartition(".")
        try:
            made: Any = getattr(import_module(f".{module}", __package__), name)  # a test sees that each is a Display
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            raise MissingExtraError(self.extra, error.name or "") from error
        display: Display = made(stream, **options) if self.writes else made(**options)
        return display


DISPLAYS: Final[Mapping[str, Kind]] = {
    "console": Kind("boxes in this terminal", "console.ConsoleDisplay", writes=True),
    "json": Kind("one JSON object a line, for scripts", "json_lines.JsonDisplay", writes=True),
    "web": Kind("a page in the browser", "web.WebDisplay", extra="web"),
    "desktop": Kind("toasts of the desktop", "desktop.DesktopDisplay", extra="desktop"),
    "apprise": Kind("messages to phones and chats", "apprise_display.AppriseDisplay", extra="apprise"),
}
"""Makes each display, by its name."""
