"""Secrets in front of a URL's host, and private keys. Pure."""

from __future__ import annotations

import re
from typing import Final

from .secret_extents import Found
from .secret_names import Kind
from .secret_values import is_news, is_suspicious, looks_random

_AUTHORITY: Final = re.compile(r"(?:[^\s\"'<>`/?#]|(?<=\w)'(?=\w)){0,500}")
_LAX: Final = re.compile(r"(?:[^\s\"'<>`]|(?<=\w)'(?=\w)){0,500}")
_LATER_AT: Final = re.compile(r"[/?#][^\s\"'<>`=]{0,500}(?<!/)@")
"""An ``@`` behind what looks like a host; not one that begins a name, as in ``/@scope``, nor one of a query."""
_QUOTED_SCHEME: Final = re.compile(r"([\"'])[A-Za-z][\w+.-]{0,30}\Z")
_UP_TO: Final = {quote: re.compile(rf"[^\n{quote}]{{0,500}}") for quote in "\"'"}
_PORT: Final = re.compile(r"(?:\d{1,5}|port)(?:[/?#\s]|\Z)")


def user_information(text: str, at: int) -> Found:
    """The password, or the token, of a URL whose ``://`` stands at a place."""
    begin, end = at + 3, _user_end(text, at)
    user, _, password = text[begin:end].partition(":")
    place = begin
    if password:
        # What has no password has its token as the user.
        is_token = looks_random(user) or password == "x-oauth-basic"  # noqa: S105 - a word of GitHub's
        place += 0 if is_token else len(user) + 1
        is_shown = is_reference(password)
    else:
        # A token alone; ada@ is a user.
        is_shown = "%40" in user or not (looks_random(user) or (len(user) >= 20 and is_suspicious(user)))
    return Found(() if is_shown else ((place, end),), end)


def _user_end(text: str, at: int) -> int:
    """Return where the ``@`` behind the user of a URL is; the URL's beginning if it names no user."""
    begin = at + 3
    strict = _AUTHORITY.match(text, begin)
    assert strict is not None  # all of it may be missing
    user, sign, host = strict[0].rpartition("@")
    port = host.partition(":")[2]
    if sign and (":" in user or not port or _PORT.match(port)):
        later = None
        # Without a dot and a port this may be no host, but the middle of a password: ada:p@ss/word@db.
        if ":" in user and not {".", ":"} & {*host} and host != "localhost" and "git+" not in text[max(0, at - 9) : at]:
            next_url = text.find("://", strict.end())
            later = _LATER_AT.match(text, strict.end(), len(text) if next_url < 0 else next_url)
        return begin + len(user) if later is None else later.end() - 1
    # A password may have any sign: ada@example.com:a/b@host. In quotes it may have blanks.
    quote = _QUOTED_SCHEME.search(text, max(0, at - 32), at)
    lax = (_LAX if quote is None else _UP_TO[quote[1]]).match(text, begin)
    assert lax is not None
    inner = lax[0].partition("://")[0]
    name, _, rest = inner.partition(":")
    end = inner.rfind("@")
    if end > len(name) and not re.search(r"[/?#\[]", name) and not _PORT.match(rest):
        return begin + end
    return begin + len(user)


_SIGNS_BEFORE_USER: Final = re.compile(r"[\s\"'`]")


def user_before(text: str, at: int) -> Found:
    """The password in front of a place, as in ``ada:X@tcp(db:3306)/shop``, of Go's drivers."""
    head = _SIGNS_BEFORE_USER.split(text[max(0, at - 300) : at])[-1]
    _, colon, password = head.partition(":")
    return Found(((at - len(password), at),) if colon and password and not is_reference(password) else (), at + 1)


_NETWORK_LOCATION: Final = re.compile(r"netloc=b?(['\"])[^:@'\"\s]{0,100}:([^'\"\s]{1,200})@")


def network_location(text: str, at: int) -> Found:
    """``netloc='ada:X@host'``, of a URL that Python has split."""
    said = _NETWORK_LOCATION.match(text, at)
    return Found((), at + 6) if said is None or is_reference(said[2]) else Found((said.span(2),), said.end())


_ENCODED_USER: Final = re.compile(r"%3A%2F%2F[^%\s&]{0,80}%3A([^\s&\"']{1,200}?)%40", re.IGNORECASE)


def encoded_user_information(text: str, at: int) -> Found:
    """The password of a URL that is part of another one."""
    said = _ENCODED_USER.match(text, at)
    return Found((), at + 9) if said is None else Found((said.span(1),), said.end())


def is_reference(password: str) -> bool:
    """Tell whether a URL's password is masked, or a variable."""
    return is_news(password, Kind.SECRET) and not password.isalpha()


_BASE64_LINE: Final = re.compile(r"(?:\\[nr]|\\\\[nr]|[\s\"'+,\\>|#])*([A-Za-z0-9+/=]{16,})")
_KEY_BEGIN: Final = re.compile(r"-----BEGIN[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----")
_KEY_HEADER: Final = re.compile(r"(?:\\[nr]|\s)*(?:Proc-Type|DEK-Info|Version|Comment|Hash):[^\n\\]{0,100}")


def private_key(text: str, at: int) -> Found:
    """The base64 lines of a private key; what speaks of one is news."""
    begin = _KEY_BEGIN.match(text, at)
    if begin is None:
        return Found((), at + 10)
    place = begin.end()
    while (header := _KEY_HEADER.match(text, place)) is not None:
        place = header.end()
    first = last = -1
    while (line := _BASE64_LINE.match(text, place)) is not None:
        first = line.start(1) if first < 0 else first
        place = last = line.end()
    if first < 0:
        return Found((), begin.end())
    tail = re.compile(r"(?:\\[nr]|\s)*([A-Za-z0-9+/=]{1,15})(?=\s|\\|-----|\Z)").match(text, last)
    return Found(((first, tail.end() if tail is not None else last),), last)
