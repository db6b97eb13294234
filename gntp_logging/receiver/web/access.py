"""Who may see the page: a request needs the page's token, and must name this machine. Pure.

The token comes with the address once. From then on it is in a cookie, which programs of the page cannot read and which
other sites cannot make a browser send.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_YEAR: Final = 365 * 24 * 3600
"""Seconds for which a browser keeps the cookie; each visit renews it."""


@dataclass(frozen=True)
class Access:
    """What a request must have.

    Attributes:
        token: The secret.
        port: The page's port. Cookies know no ports: it is part of the cookie's name.
        is_local: Whether requests must name this machine by a local name. Any other name that leads here may be an
            attack by DNS.
    """

    token: str
    port: int
    is_local: bool

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"gntp-logging-{self.port}"

    @property
    def set_cookie(self) -> str:
        """The header that gives the token to a browser."""
        return f"{self.cookie}={self.token}; Max-Age={_YEAR}; Path=/; HttpOnly; SameSite=Strict"

    def allows_host(self, host: str) -> bool:
        """Tell whether a request may have this Host."""
        return not self.is_local or is_local_name(_name_of(host))

    def allows_origin(self, origin: str, host: str) -> bool:
        """Tell whether a program of this origin may change something: the page's own, or none in a browser.

        A page on another port of this machine is the same *site* to a browser, which sends the cookie for it.
        """
        return origin in ("", f"http://{host}")

    def has_token(self, given: str, cookies: str) -> bool:
        """Tell whether a request has the token, in its address or in its cookies.

        Args:
            given: What the address has; empty for nothing.
            cookies: The header Cookie.
        """
        return any(map(self._is_token, [given, *_cookies(cookies, self.cookie)]))

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


def is_local_name(name: str) -> bool:
    """Tell whether a host's name or address always means this machine itself."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """Return the name in a Host header; empty if there is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _cookies(header: str, name: str) -> list[str]:
    """Return the values of all cookies of this name, whatever else other programs of this machine have set."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value for found, _, value in pairs if found == name]
