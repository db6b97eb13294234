"""Where a message comes from: the Origin- headers."""

from __future__ import annotations

import functools
import platform

from .constants import VERSION
from .headers import header_line

SOFTWARE_NAME = "gntp_logging"


@functools.lru_cache(maxsize=1)
def origin_lines() -> str:
    """Describe this machine and this software.

    "Common headers": "Origin-Machine-Name: The machine name/host name of the sending computer", and so on.

    Returns:
        The header lines of what is known.
    """
    headers = (
        ("Origin-Machine-Name", platform.node()),
        ("Origin-Software-Name", SOFTWARE_NAME),
        ("Origin-Software-Version", VERSION),
        ("Origin-Platform-Name", platform.system()),
        ("Origin-Platform-Version", platform.release()),
    )
    return "".join(header_line(name, value) for name, value in headers if value)
