"""Log records as desktop notifications, through GNTP, the Growl Notification Transport Protocol."""

from __future__ import annotations

from .gntp.constants import VERSION
from .handler import GNTPHandler
from .unhandled import UnhandledHooks, log_unhandled
from .worker import Stats

__version__ = VERSION

__all__ = ["GNTPHandler", "Stats", "UnhandledHooks", "__version__", "log_unhandled"]
