"""Mistakes that type checkers must find: each line that is one says so, and a comment that is not needed is an error.

Never run. Checked with mypy, and with pyright by the configuration beside this file.
"""

from __future__ import annotations

import gntp_logging
from gntp_logging import GNTPHandler, OptionError, Publisher, SocketCallback, config
from gntp_logging.receiver.displays import Display
from gntp_logging.receiver.registry import Toast

# Options
GNTPHandler("shop")  # type: ignore[call-arg]
GNTPHandler(hots="desk.example")  # type: ignore[call-arg]
GNTPHandler(port="23053")  # type: ignore[arg-type]
GNTPHandler(levels=["ERROR"])  # type: ignore[arg-type]
GNTPHandler(levels={"ERROR": 2})  # type: ignore[dict-item]
GNTPHandler(password=b"secret")  # type: ignore[arg-type]

# Names
gntp_logging.GNTPHandlr  # type: ignore[attr-defined]
gntp_logging.gntp.Publischer  # type: ignore[attr-defined]

# What is not there
handler = GNTPHandler()
handler.stats().lost  # type: ignore[attr-defined]
handler.stats().shown = 0  # type: ignore[misc]
config.load()  # type: ignore[call-arg]
OptionError("port", "a port").option = "host"  # type: ignore[misc]

# The library
Publisher("make", "Build").register("now")  # type: ignore[arg-type]
SocketCallback(on_click="clicked")  # type: ignore[arg-type]


class Silent:
    """No display: it cannot show."""

    def display(self, toast: Toast) -> None:
        """Show nothing."""


display: Display = Silent()  # type: ignore[assignment]
