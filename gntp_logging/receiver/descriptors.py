"""How many connections a process may hold open before the system refuses it files and sockets."""

from __future__ import annotations

import sys
from typing import Final

if sys.platform != "win32":  # which has no such limit
    import resource

RESERVED: Final = 200
"""Descriptors for all else: subscribers, pages, displays, files, and what the program around the server has open."""

_LEAST: Final = 16
"""Connections if the limit is smaller than what is reserved: some must be served."""


def affordable_connections(wanted: int) -> int:
    """Return how many connections fit into the process's limit of descriptors: at most as many as are wanted."""
    if sys.platform == "win32":
        return wanted
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(_LEAST, soft - RESERVED))


def raise_limit(connections: int) -> None:
    """Raise the process's limit so that so many connections fit, as far as the system allows; never lower it.

    For programs that are a receiver and nothing else: with descriptors above 1,023, ``select`` no longer works.
    """
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            pass  # macOS allows less than it reports: then there are fewer connections
