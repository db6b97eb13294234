"""The displays of one server: each is shown everything, and when one fails, the others show that."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from .protocols import Display, Notice, Observer, Patient, Reporting
from .registry import Toast
from .throttle import Throttle

FAILURE_INTERVAL: Final = 60.0
"""Seconds between two notices of one display's failures: one that is broken fails with every toast."""


@dataclass
class _Member:
    """A display, and what is known of its failures."""

    display: Display
    failures: int = 0
    throttle: Throttle = field(default_factory=lambda: Throttle(FAILURE_INTERVAL))


class DisplayGroup:
    """All displays as one. Lives in the server's event loop.

    Attributes:
        patience: Seconds for which a display lets people react; the longest counts.
    """

    def __init__(self, displays: Sequence[Display], on_failure: Callable[[Display, Exception], None]) -> None:
        """Take displays.

        Args:
            displays: What shows the toasts.
            on_failure: Called in the loop with each display that fails, and why.
        """
        self._members = [_Member(display) for display in displays]
        self._on_failure = on_failure
        self.patience: float = max((each.patience for each in displays if isinstance(each, Patient)), default=0.0)

    @property
    def failures(self) -> int:
        """How often a display could not show something."""
        return sum(member.failures for member in self._members)

    def take_reports(self) -> None:
        """Let displays report, from now on, what they find out in threads of their own."""
        loop = asyncio.get_running_loop()
        for member in self._members:
            if isinstance(member.display, Reporting):
                member.display.report_failures(functools.partial(self._reported, loop, member))

    def show(self, toast: Toast) -> None:
        """Show a toast on every display.

        Args:
            toast: The toast.
        """
        for member in self._members:
            try:
                member.display.show(toast)
            except Exception as error:  # noqa: BLE001 - it takes neither the others nor the server with it
                self._failed(member, error)

    def notice(self, notice: Notice) -> None:
        """Tell the displays that want to know of an event.

        Args:
            notice: The event.
        """
        for member in self._members:
            if isinstance(member.display, Observer):
                try:
                    member.display.notice(notice)
                except Exception as error:  # noqa: BLE001 - see show
                    # To report that a failure could not be reported might fail again, and so on.
                    self._failed(member, error, is_told=notice.event != "failure")

    def _reported(self, loop: asyncio.AbstractEventLoop, member: _Member, error: Exception) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped
            loop.call_soon_threadsafe(self._failed, member, error)

    def _failed(self, member: _Member, error: Exception, *, is_told: bool = True) -> None:
        member.failures += 1
        with contextlib.suppress(Exception):  # who wants to know of failures must not make more of them
            self._on_failure(member.display, error)
        if is_told and member.throttle.allow() is not None:
            fields = {"display": _name(member.display), "reason": _reason(error), "count": member.failures}
            self.notice(Notice("failure", fields))


def _name(display: Display) -> str:
    """Return what people call a display: for those of this package the name on the command line."""
    name = type(display).__name__
    return (name.removesuffix("Display") or name).lower()


def _reason(error: Exception) -> str:
    """Say why, whatever an error of somebody else's does when it is asked."""
    try:
        return " ".join(str(error).split()) or type(error).__name__
    except Exception:  # noqa: BLE001
        return type(error).__name__
