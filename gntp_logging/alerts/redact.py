"""Secrets out of an alert, before it is folded, shown, printed or handed to anybody. Pure.

What is looked for has a name beside it (``password=``, ``Authorization:``, ``Cookie:``, ``--token``), a place (a URL's
user information) or a shape (keys of well-known services, JSON Web Tokens, private keys). Nothing finds a secret that
has none of these: what must not be shown should not be logged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from .alert import Alert
from .fingerprint import redacted as redacted_fingerprint

MASK: Final = "***"

_MORE_LOOKS: Final = 4
"""How often a text is looked at again when something was masked: what a mask leaves side by side may look like a
secret. Texts put together from all that is known here needed three; a bound keeps hostile ones linear."""

_NAME: Final = r"""
    (?: pass (?: word | wd | phrase | code ) | pwd | secret | token | credentials?
      | (?: api | access | private | secret | auth | signing | encryption ) [_-]? key
      | session [_-]? id | sessionid | csrf [_-]? token | client [_-]? secret )
"""
"""What secrets are called. Names in which these are part of another word, such as ``max_tokens``, are other things."""

_NAME_WORDS: Final = ("pass", "pwd", "secret", "token", "credential", "key", "session")
"""One of these is part of every such name."""

_IDENTIFIER: Final = rf"(?<![\w.-]) [\w.-]{{0,40}}? {_NAME} (?: [_-]? (?: \d+ | hash | value ) )? (?!\w)"
_NOTHING: Final = r"(?: none | null | nil | true | false | undefined | \*+ | <[^>\n]*> | \[[^\]\n]*\] ) (?! \w )"
"""Values that say that there is no secret, or that somebody has masked it."""


def _rule(pattern: str, *, flags: int = 0) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE | re.IGNORECASE | flags)


_SHAPES: Final[Sequence[tuple[str, str]]] = (
    # What is in each, in lower case, and its pattern, in which the letters' case matters.
    ("gh", r"gh[pousr]_[A-Za-z0-9]{20,}"),
    ("github_pat_", r"github_pat_\w{20,}"),
    ("glpat-", r"glpat-[\w-]{16,}"),
    ("xox", r"xox[abeoprs]-[\w-]{10,}"),
    ("akia", r"AKIA[A-Z0-9]{16}\b"),
    ("asia", r"ASIA[A-Z0-9]{16}\b"),
    ("sk-", r"sk-[\w-]{20,}"),
    ("k_live_", r"[rs]k_live_[A-Za-z0-9]{16,}"),
    ("k_test_", r"[rs]k_test_[A-Za-z0-9]{16,}"),
    ("aiza", r"AIza[\w-]{30,}"),
    ("eyj", r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    ("npm_", r"npm_[A-Za-z0-9]{30,}"),
    ("pypi-", r"pypi-[\w-]{20,}"),
    ("hooks.slack", r"hooks\.slack\.com/services/[\w/]+"),
)
"""Shapes of keys and tokens of well-known services. A new one is a line."""

_RULES: Final[Sequence[tuple[tuple[str, ...], re.Pattern[str]]]] = (
    # Each with words of which one is in every text that it can match, in lower case: most texts hold none of them.
    # The groups of a match are masked.
    (("private key",), _rule(r"-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----(.*?)(?:-----END|\Z)", flags=re.DOTALL)),
    (
        ("authorization",),
        _rule(r"\b authorization \b [\"']? \s* [:=] \s* [\"']? (?: [a-z0-9-]+ [ ]+ )? ([^\s\"',;][^\"'\n]*)"),
    ),
    (("cookie",), _rule(r"\b (?: set- )? cookie \b [\"']? \s* [:=] \s* [\"']? ([^\s\"'][^\"'\n]*)")),
    (("bearer",), _rule(r"\b bearer [ ]+ ([\w.~+/-]{8,}=*)")),
    (("://",), _rule(r"\b [a-z][a-z0-9+.-]{0,20} :// [^\s/:@\"']{0,100} : ([^\s/\"']{1,200}) @")),
    # name=value, in queries, shells and reprs
    (
        _NAME_WORDS,
        _rule(
            rf"{_IDENTIFIER} [\"']? \s? = (?!=) \s? (?! {_NOTHING} )"
            r"(?: \"([^\"\n]+)\" | '([^'\n]+)' | ([^\s\"'&,;)}\]]+) )"
        ),
    ),
    # "name": "value", in JSON and reprs; name: value, where nothing but the value follows
    (
        _NAME_WORDS,
        _rule(
            rf"{_IDENTIFIER} [\"']? \s? : \s? (?! {_NOTHING} )"
            r"(?: \"([^\"\n]+)\" | '([^'\n]+)' | ([^\s\"'&,;)}\]{(\[:]+) (?= [ ]* (?: [,;)}\]] | $ ) ) )",
            flags=re.MULTILINE,
        ),
    ),
    # --name value
    (("--",), _rule(rf"(?<!\S) --? [\w-]{{0,40}}? {_NAME} [ ]+ (?! - ) ([^\s\"']+)")),
    (tuple(word for word, _ in _SHAPES), re.compile(rf"\b({'|'.join(pattern for _, pattern in _SHAPES)})")),
)


def redact(text: str, patterns: Iterable[re.Pattern[str]] = ()) -> str:
    """Mask the secrets in a text.

    Args:
        text: Any text.
        patterns: Further ones: of a pattern with groups the groups are masked, of one without the whole match.

    Returns:
        The text with ``***`` for each secret.
    """
    masked = _masked(text, patterns)
    for _ in range(_MORE_LOOKS):
        if masked == text:
            break
        text, masked = masked, _masked(masked, ())
    return masked


def _masked(text: str, patterns: Iterable[re.Pattern[str]]) -> str:
    lowered = text.lower()
    rules = [rule for words, rule in _RULES if any(word in lowered for word in words)]
    # All look at the text as it was. After one has masked its part, another might not find its own any more.
    spans = sorted(span for rule in (*rules, *patterns) for match in rule.finditer(text) for span in _secrets(match))
    masked: list[str] = []
    end = 0
    for first, last in _merged(spans):
        masked += text[end:first], MASK
        end = last
    return "".join((*masked, text[end:]))


def _secrets(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Yield where the groups of a match are, or the match itself where its pattern has no groups.

    A group may lie outside of the match, in a look-ahead, and inside another group.
    """
    for group in range(1, match.re.groups + 1) if match.re.groups else (0,):
        first, last = match.span(group)
        if first < last:  # neither empty nor a group that took no part
            yield first, last


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans, sorted by their beginning, without those that overlap or touch: these become one."""
    begin = end = -1
    for first, last in spans:
        if first > end:
            if end > 0:
                yield begin, end
            begin = first
        end = max(end, last)
    if end > 0:
        yield begin, end


def _value(name: str, value: str, patterns: Sequence[re.Pattern[str]]) -> str:
    """Mask the secrets in the value of a name, which may be what tells that it is one."""
    masked = redact(f"{name}={value}", patterns)
    return masked[len(name) + 1 :] if masked.startswith(f"{name}=") else MASK


def redactor(patterns: Sequence[re.Pattern[str]]) -> Callable[[Alert], Alert]:
    """Return the function that takes the secrets out of an alert's title and text, its context, and its URL's values.

    Args:
        patterns: The user's own.
    """

    def without_secrets(alert: Alert) -> Alert:
        text = redact(alert.text, patterns)

        def again(said: str) -> str:  # most fingerprints hold the alert's whole text
            return text if said == alert.text else redact(said, patterns)

        redacted = alert._replace(
            title=redact(alert.title, patterns),
            text=text,
            fingerprint=redacted_fingerprint(alert.fingerprint, again),
            context=tuple((name, _value(name, value, patterns)) for name, value in alert.context),
            url_parts=tuple(
                redact(part, patterns) if index % 2 else part for index, part in enumerate(alert.url_parts)
            ),
        )
        return alert if redacted == alert else redacted

    return without_secrets
