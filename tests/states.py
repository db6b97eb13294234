"""What a handler was configured with, for comparison."""

from __future__ import annotations

import functools
import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from gntp_logging import GNTPHandler

_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")


def state(handler: GNTPHandler) -> str:
    """Return all that a handler was configured with, for comparison."""
    own = {name: value for name, value in vars(handler).items() if name not in ("_own_worker", "lock")}
    return "\n".join(_described("handler", own, set()))


def _described(name: str, value: object, seen: set[int]) -> Iterator[str]:
    """Walk through what a handler is made of: this package's objects by their attributes, all else by its text."""
    if isinstance(value, functools.partial):
        value = {"function": value.func, "args": value.args, **value.keywords}
    if isinstance(value, (dict, list, tuple, deque)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _described(f"{name}.{key}", item, seen)
    elif (
        name.endswith("id_prefix")
        or id(value) in seen
        or (callable(value) and not type(value).__module__.startswith("gntp_logging"))
    ):
        yield f"{name}: {type(value).__name__}"
    elif type(value).__module__.startswith(("gntp_logging", "logging")):
        seen.add(id(value))
        slots = [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())]
        attributes = {slot: getattr(value, slot, None) for slot in slots} | getattr(value, "__dict__", {})
        yield f"{name}: {type(value).__name__}"
        yield from _described(name, attributes, seen)
    else:
        yield f"{name}: {_ADDRESS.sub('', repr(value))}"
