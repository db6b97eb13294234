"""Log records as desktop notifications, through GNTP, the Growl Notification Transport Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .gntp.lazy import lazy_names

if TYPE_CHECKING:
    from . import config, gntp, testing
    from .alerts.alert import Alert
    from .asgi import RequestContextMiddleware
    from .delivery.stats import Stats
    from .filters import IgnoreFilter
    from .gntp import ciphers, keys
    from .gntp.lib import Publisher, Subscriber, publish, subscribe
    from .gntp.models import Event, Resource, SocketCallback
    from .gntp.requests import RegisterRequest
    from .handler import GNTPHandler
    from .options.errors import OptionError
    from .unhandled import UnhandledHooks, log_unhandled
    from .wsgi import WSGIRequestContextMiddleware

    __version__: str

__all__ = [
    "Alert",
    "Event",
    "GNTPHandler",
    "IgnoreFilter",
    "OptionError",
    "Publisher",
    "RegisterRequest",
    "RequestContextMiddleware",
    "Resource",
    "SocketCallback",
    "Stats",
    "Subscriber",
    "UnhandledHooks",
    "WSGIRequestContextMiddleware",
    "__version__",
    "ciphers",
    "config",
    "gntp",
    "keys",
    "log_unhandled",
    "publish",
    "subscribe",
    "testing",
]

_HOMES: Final = {
    "Alert": "alerts.alert",
    "Event": "gntp.models",
    "GNTPHandler": "handler",
    "IgnoreFilter": "filters",
    "OptionError": "options.errors",
    "Publisher": "gntp.lib",
    "RegisterRequest": "gntp.requests",
    "RequestContextMiddleware": "asgi",
    "Resource": "gntp.models",
    "SocketCallback": "gntp.models",
    "Stats": "delivery.stats",
    "Subscriber": "gntp.lib",
    "UnhandledHooks": "unhandled",
    "WSGIRequestContextMiddleware": "wsgi",
    "__version__": "gntp.constants:VERSION",
    "ciphers": "gntp.ciphers:",
    "config": "config:",
    "gntp": "gntp:",
    "keys": "gntp.keys:",
    "log_unhandled": "unhandled",
    "publish": "gntp.lib",
    "subscribe": "gntp.lib",
    "testing": "testing:",
}

# A module is loaded when one of its names is used: `import gntp_logging` costs some 5 ms. dictConfig finds
# gntp_logging.GNTPHandler in the same way.
if not TYPE_CHECKING:  # with a __getattr__, type checkers would accept every misspelt name
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
