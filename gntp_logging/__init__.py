"""Log records as desktop notifications, through GNTP, the Growl Notification Transport Protocol."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .handler import GNTPHandler
    from .unhandled import UnhandledHooks, log_unhandled
    from .worker import Stats

    __version__: str

__all__ = ["GNTPHandler", "Stats", "UnhandledHooks", "__version__", "log_unhandled"]

# Where each public name lives, and what it is called there. Loaded when it is first asked for: a program that imports
# the package for its command line or its protocol library pays for nothing else.
_HOMES: Final = {
    "GNTPHandler": ("handler", "GNTPHandler"),
    "Stats": ("worker", "Stats"),
    "UnhandledHooks": ("unhandled", "UnhandledHooks"),
    "__version__": ("gntp.constants", "VERSION"),
    "log_unhandled": ("unhandled", "log_unhandled"),
}


def __getattr__(name: str) -> object:
    """Load a public name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value  # the next access finds it without this function
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
