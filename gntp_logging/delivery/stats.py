"""What became of the records that a handler accepted, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """A snapshot of what became of the records that a handler accepted.

    At every moment accepted = shown + folded + digested + published + dropped + queued + spooled. A forked child begins
    at zero. Over all processes with one spool, the sum of accepted - restored is what was logged.

    Attributes:
        accepted: Records that were handed over, or restored.
        shown: Alerts that the server acknowledged, one by one.
        folded: Repeats that another alert's toast counts.
        digested: Alerts that a digest reported: how many, of which levels, from when to when.
        published: Alerts that a broker has taken; with one, nothing is shown, folded or digested here.
        dropped: Alerts that were given up, by reason.
        queued: Alerts that wait, the one that is being sent and those that wait for a digest included; repeats of an
            alert that was not shown yet wait with it.
        spooled: Alerts that only the spool keeps: the program, or the handler, has ended.
        restored: Alerts, of those that were accepted, that an earlier process had left in the spool.
        notifications: Notifications that the server acknowledged.
        state: ``idle`` (no thread), ``running``, ``retrying`` (the server cannot be reached) or ``refused``.
        last_error: What went wrong last; None when nothing did.
    """

    accepted: int
    shown: int
    folded: int
    digested: int
    published: int
    dropped: Mapping[str, int]
    queued: int
    spooled: int
    restored: int
    notifications: int
    state: str
    last_error: str | None
