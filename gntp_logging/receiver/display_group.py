"""The displays of one server: each gets every toast, and when one fails, the others report it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from .mutes import Mute
from .protocols import Display, Muting, Notice, Observer, PartError, Patient, Reporting
from .registry import Toast
from .throttle import Throttle

FAILURE_INTERVAL: Final = 60.0
"""Seconds between two notices of one display's failures: one that is broken fails with every toast."""


@dataclass
class _Member:
    """A display and its failures."""

    display: Display
    failures: int = 0
    throttles: defaultdict[str, Throttle] = field(
        default_factory=lambda: defaultdict(lambda: Throttle(FAILURE_INTERVAL))
    )
    """One for each part of the display that fails, so that one broken part does not hide another."""


class DisplayGroup:
    """All displays as one. Lives in the server's event loop.

    Attributes:
        patience: Seconds during which a display accepts a reaction; the longest counts.
    """

    def __init__(self, displays: Sequence[Display], on_failure: Callable[[Display, Exception], None]) -> None:
        """Take the displays.

        Args:
            on_failure: Called in the loop with each display that fails, and why.
        """
        self._members = [_Member(display) for display in displays]
        self._on_failure = on_failure
        self.patience: float = max((each.patience for each in displays if isinstance(each, Patient)), default=0.0)

    @property
    def failures(self) -> int:
        """How often a display could not show something."""
        return sum(member.failures for member in self._members)

    def take_reports(self, mute: Mute) -> None:
        """Let displays report, from now on, what happens in threads of their own.

        Args:
            mute: Called from any thread with an incident that somebody has muted.
        """
        loop = asyncio.get_running_loop()
        for member in self._members:
            if isinstance(member.display, Reporting):
                member.display.report_failures(functools.partial(self._reported, loop, member))
            if isinstance(member.display, Muting):
                member.display.mute_by(mute)

    def show(self, toast: Toast) -> None:
        """Show a toast on every display."""
        for member in self._members:
            self._show(member, toast)

    def _show(self, member: _Member, toast: Toast) -> None:
        try:
            member.display.show(toast)
        except Exception as error:  # noqa: BLE001 - one display must not end the others or the server
            self._failed(member, error)

    def notice(self, notice: Notice) -> None:
        """Pass an event on to the displays that observe, and its toast, if it has one, to the others."""
        for member in self._members:
            if isinstance(member.display, Observer):
                try:
                    member.display.notice(notice)
                except Exception as error:  # noqa: BLE001 - see _show
                    # A failure to report a failure is only counted: else two broken displays would report each other's
                    # for ever.
                    self._failed(member, error, is_reported=notice.event != "failure")
            elif notice.toast is not None:
                self._show(member, notice.toast)

    def _reported(self, loop: asyncio.AbstractEventLoop, member: _Member, error: Exception) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped
            loop.call_soon_threadsafe(self._failed, member, error)

    def _failed(self, member: _Member, error: Exception, *, is_reported: bool = True) -> None:
        member.failures += 1
        with contextlib.suppress(Exception):  # a failing on_failure must not cause more failures
            self._on_failure(member.display, error)
        source = error.source if isinstance(error, PartError) else ""
        if is_reported and member.throttles[source].allow() is not None:
            fields = {"display": _name(member.display), "reason": _reason(error), "count": member.failures}
            self.notice(Notice("failure", fields))


def _name(display: Display) -> str:
    """Return the name of a display for people: for those of this package, the name on the command line."""
    name = type(display).__name__
    return (name.removesuffix("Display") or name).lower()


def _reason(error: Exception) -> str:
    """Return the text of an error, even if its own ``__str__`` fails."""
    try:
        return " ".join(str(error).split()) or type(error).__name__
    except Exception:  # noqa: BLE001
        return type(error).__name__
