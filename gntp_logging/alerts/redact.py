"""Masks the secrets of an alert, before it is folded, shown, printed or passed to ``on_error``. Pure.

A secret is found by a name beside it (``secret_names``), in one of the forms in which programs print names and values
(``secret_forms``), or by its own shape (``secret_shapes``). A secret that has neither is not found: do not log it.

Most texts hold no secrets, so two searches over the text in lower case come first. Only the places that they find are
looked at. A search covers one piece of a long text at a time, so that other threads can run in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from . import secret_commands as commands
from . import secret_urls as urls
from .alert import Alert
from .fingerprint import Fingerprint, normalized
from .fingerprint import redacted as redacted_fingerprint
from .secret_extents import Found
from .secret_forms import BEGINS, named
from .secret_names import Kind, kind_of
from .secret_shapes import BY_GLUED_MARK, BY_MARK, COMPILED_TAILS, Span, shaped, tailed
from .secret_values import is_news

MASK: Final = "***"

_MORE_LOOKS: Final = 4
"""How often a text is looked at again when something was masked: what a mask leaves side by side may look like a
secret. Of texts put together from all that is known here one in ten thousand needed a second look; a bound keeps
hostile ones linear."""

_PIECE: Final = 16_384
"""Characters of a long text that one search goes over."""

_OVERLAP: Final = 512
"""Characters of the next piece that are searched too: longer than any mark together with what must follow it."""


# -- Where to look ---------------------------------------------------------------------------------


_Look = Callable[[str, int, str, Collection[str]], Found]
"""Looks at a mark: the text, where the mark stands, the mark, and the names that the user keeps."""


def _look_at_name(text: str, at: int, _mark: str, keep: Collection[str]) -> Found:
    return named(text, at, keep)


def _look_at_option(text: str, at: int, mark: str, keep: Collection[str]) -> Found:
    return named(text, at + len(mark), keep)


def _look_at_dialogue(text: str, at: int, mark: str, keep: Collection[str]) -> Found:
    return named(text, at, keep) if text.startswith(mark.upper(), at) else commands.user_and_secret(text, at)


def _look_at_scheme(text: str, at: int, _mark: str, keep: Collection[str]) -> Found:
    found = commands.scheme(text, at)
    found = found if found.spans else commands.user_and_secret(text, at)
    return found if found.spans else named(text, at, keep)


def _look_at_shape(text: str, at: int, mark: str, _keep: Collection[str]) -> Found:
    span = shaped(text, at, BY_MARK[mark])
    return Found((), at + 1) if span is None else Found((span,), span[1])


def _look_at_glued(text: str, at: int, mark: str, _keep: Collection[str]) -> Found:
    span = shaped(text, at, BY_GLUED_MARK[mark])
    return Found((), at + 1) if span is None else Found((span,), span[1])


_STEMS: Final[dict[str, _Look]] = {
    # A part of every name of the table, and marks inside of tokens: anywhere in a text.
    **dict.fromkeys(
        ("pass", "pw", "psw", "psk", "secret", "token", "cred", "key", "auth", "cookie", "sess", "srf"), _look_at_name
    ),
    "bearer": _look_at_scheme,
    "%3a%2f%2f": lambda text, at, _mark, _keep: urls.encoded_user_information(text, at),
    **dict.fromkeys(BY_GLUED_MARK, _look_at_glued),
}
_BEGINNINGS: Final[dict[str, _Look]] = {
    # What tokens begin with, and names that are too short to be looked for inside of words.
    **dict.fromkeys(("sid", "sig", "signature", "assertion", "jwt", "otp", "totp"), _look_at_name),
    **dict.fromkeys(("basic", "negotiate", "ntlm"), _look_at_scheme),
    **dict.fromkeys(("--", "-pass", "-secret", "-token", "-key", "-storepass", "-keypass"), _look_at_option),
    **dict.fromkeys(("pass", "auth"), _look_at_dialogue),
    **dict.fromkeys(commands.OPTIONS, lambda text, at, mark, _keep: commands.short_option(text, at, mark)),
    **dict.fromkeys(commands.COMMANDS, lambda text, at, mark, _keep: commands.command(text, at, mark)),
    **dict.fromkeys(commands.ROWS, lambda text, at, mark, _keep: commands.rows(text, at, mark)),
    "authenticated": lambda text, at, _mark, _keep: commands.user_and_secret(text, at),
    "logged in": lambda text, at, _mark, _keep: commands.user_and_secret(text, at),
    "login": lambda text, at, _mark, _keep: commands.login(text, at),
    "netloc": lambda text, at, _mark, _keep: urls.network_location(text, at),
    "identified": lambda text, at, _mark, _keep: commands.identified(text, at),
    **dict.fromkeys(BY_MARK, _look_at_shape),
}


def _trie(words: Iterable[tuple[str, str]]) -> str:
    """Return a regular expression of words, each with what must follow it, that reads no letter twice."""
    # Any: a tree has no type of its own.
    tree: dict[str, Any] = {}
    for word, behind in words:
        node = tree
        for letter in word:
            node = node.setdefault(letter, {})
        node[""] = behind
    return _written(tree)


def _written(node: dict[str, Any]) -> str:
    branches = [re.escape(letter) + _written(child) for letter, child in sorted(node.items()) if letter]
    if "" in node:
        branches.append(node[""])  # last: the longest word counts
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _behind(mark: str) -> str:
    """Return what follows a mark that is short, so that not every word of a text is looked at."""
    if _BEGINNINGS[mark] is _look_at_shape:
        return rf"(?=[\w.:+/~$=%\\-]{{{max(0, 11 - len(mark))}}})"
    if mark in commands.COMMANDS:
        return r"(?![\w=])"
    if _BEGINNINGS[mark] is _look_at_dialogue:
        return r"(?=[ =]\S)"
    return r"(?![a-z])" if _BEGINNINGS[mark] is _look_at_name else ""


def _behind_stem(stem: str) -> str:
    return rf"(?=[a-z0-9_.-]{{0,60}}(?![a-z0-9_]){BEGINS})" if _STEMS[stem] is _look_at_name else ""


_STEM: Final = re.compile(_trie((stem, _behind_stem(stem)) for stem in _STEMS), re.VERBOSE)
_MARK: Final = _trie((mark, _behind(mark)) for mark in _BEGINNINGS)
_BEGINNING: Final = re.compile(rf"[^a-z0-9_](?P<mark>{_MARK})")
_ESCAPED_BEGINNING: Final = re.compile(
    # A letter before a mark may belong to an escape: %3Dghp_, \nghp_, a terminal's colour.
    rf"[^a-z0-9_](?:(?<=%)(?:25)*[0-9a-f]{{2}}|(?<=\\)(?:[nrt]|u00[0-9a-f]{{2}}|x[0-9a-f]{{2}})|(?<=\[)[\d;]{{0,9}}m)?"
    rf"(?P<mark>{_MARK})"
)


def _lowered(text: str) -> str:
    """Return a text in lower case, of the same length: this letter alone would become two."""
    return text.lower() if text.isascii() else text.replace("İ", "i").lower()


def _beginning_for(text: str) -> re.Pattern[str]:
    """Return what finds beginnings. A letter before one may be an escape's; looking for that takes twice as long."""
    return _ESCAPED_BEGINNING if "%" in text or "\\" in text or "\x1b" in text else _BEGINNING


# One by one: a loop over them would cost more than they do.
_DOT_TAIL, _COLON_TAIL, _DASH_TAIL, _BAR_TAIL = (tail.search for tail, _ in COMPILED_TAILS)


def _is_clean(text: str) -> bool:
    """Tell whether there is nothing to look at. Most lines of logs cost no more than this function."""
    lowered = _lowered(" " + text)
    return not (
        _STEM.search(lowered)
        or _beginning_for(text).search(lowered)
        or "@" in text
        or "-----BEGIN" in text
        or _DOT_TAIL(text)
        or _COLON_TAIL(text)
        or _DASH_TAIL(text)
        or _BAR_TAIL(text)
    )


def _found(text: str, keep: Collection[str]) -> list[Span]:
    """Return where secrets are, in no order."""
    spans: list[Span] = []
    beginning = _beginning_for(text)
    stem_at = beginning_at = 0
    for start in range(0, len(text), _PIECE):
        end = start + _PIECE
        # One character before the piece: what a beginning stands behind.
        lowered = _lowered(text[start - 1 : end + _OVERLAP] if start else " " + text[: end + _OVERLAP])
        offset = start - 1
        stem = _STEM.search(lowered, max(stem_at - offset, 1))
        while stem is not None and (at := stem.start() + offset) < end:
            found = _STEMS[stem[0]](text, at, stem[0], keep)
            spans += found.spans
            # A name that hides nothing may itself hold the mark of a token.
            stem_at = max(found.resume, at + 1) if found.spans else at + len(stem[0])
            stem = _STEM.search(lowered, stem_at - offset)
        mark = beginning.search(lowered, max(beginning_at - 1 - offset, 0))
        while mark is not None and (at := mark.start("mark") + offset) <= end:
            found = _BEGINNINGS[mark["mark"]](text, at, mark["mark"], keep)
            spans += found.spans
            beginning_at = max(found.resume, at + 1)
            mark = beginning.search(lowered, beginning_at - 1 - offset)
        for tail, before in COMPILED_TAILS:
            for match in tail.finditer(text, max(0, start - _OVERLAP), end + _OVERLAP):
                span = tailed(text, match, before)
                spans += () if span is None else (span,)
    if "@" in text:
        spans += _each(text, "://", lambda at: urls.user_information(text, at))
        spans += _each(text, "@tcp(", lambda at: urls.user_before(text, at))
        spans += _each(text, "@unix(", lambda at: urls.user_before(text, at))
    if "-----BEGIN" in text:
        spans += _each(text, "-----BEGIN", lambda at: urls.private_key(text, at))
    return [span for span in spans if text[slice(*span)] not in keep] if keep else spans


def _each(text: str, mark: str, look: Callable[[int], Found]) -> Iterator[Span]:
    at = text.find(mark)
    while at >= 0:
        found = look(at)
        yield from found.spans
        at = text.find(mark, max(found.resume, at + 1))


# -- Texts -----------------------------------------------------------------------------------------


def redact(text: str, patterns: Iterable[re.Pattern[str]] = (), keep: Iterable[str] = ()) -> str:
    """Mask the secrets in a text.

    Args:
        text: Any text.
        patterns: What else is masked: the groups of a pattern that has groups, else its whole match.
        keep: Names whose values are shown, in upper or lower case, and words that are shown.

    Returns:
        The text with ``***`` for each secret.
    """
    if not patterns and len(text) <= _PIECE and _is_clean(text):
        return text
    return _redact(text, patterns, _kept(keep) if keep else ())


def _kept(keep: Iterable[str]) -> frozenset[str]:
    words = frozenset(keep)
    return words | {word.lower() for word in words}


def _redact(text: str, patterns: Iterable[re.Pattern[str]], keep: Collection[str]) -> str:
    masked = _masked(text, patterns, keep)
    for _ in range(_MORE_LOOKS):
        if masked == text:
            break
        text, masked = masked, _masked(masked, (), keep)
    return masked


def _masked(text: str, patterns: Iterable[re.Pattern[str]], keep: Collection[str]) -> str:
    # All patterns look at the original text. In a text that one of them has masked, another might find less.
    spans = _found(text, keep)
    spans += (span for pattern in patterns for match in pattern.finditer(text) for span in _secrets(match))
    if not spans:
        return text
    masked: list[str] = []
    end = 0
    for first, last in _merged(sorted(spans)):
        masked += text[end:first], MASK
        end = last
    return "".join((*masked, text[end:]))


def _secrets(match: re.Match[str]) -> Iterator[Span]:
    """Yield where the groups of a match are, or the match itself where its pattern has no groups.

    A group may lie outside of the match, in a look-ahead, and inside another group.
    """
    for group in range(1, match.re.groups + 1) if match.re.groups else (0,):
        first, last = match.span(group)
        if first < last:  # neither empty nor a group that took no part
            yield first, last


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
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


# -- Alerts ----------------------------------------------------------------------------------------


def _value(name: str, value: str, patterns: Sequence[re.Pattern[str]], keep: Collection[str]) -> str:
    """Mask the value of a name: all of it if the name is that of a secret, else the secrets in it."""
    kind = kind_of(name)
    if kind is not Kind.NONE and not {name.lower(), value} & set(keep) and not is_news(value, kind):
        return MASK
    masked = redact(value, patterns, keep)
    pair = f"{name}={masked}"
    if not patterns and _is_clean(pair):
        return masked
    # The user's patterns may know a value by its name.
    by_name = _masked(pair, patterns, (*keep, name.lower(), masked))
    return by_name[len(name) + 1 :] if by_name.startswith(f"{name}=") else MASK


class Redactor:
    """Masks the secrets in what leaves the process, as the options of one handler say."""

    def __init__(
        self,
        patterns: Sequence[re.Pattern[str]] = (),
        keep: Iterable[str] = (),
        *,
        max_text: int = 0,
        is_enabled: bool = True,
    ) -> None:
        """Keep the options.

        Args:
            patterns: The user's own.
            keep: As for :func:`redact`.
            max_text: Characters of an alert's text at most; 0 for no limit.
            is_enabled: False masks nothing.
        """
        self._patterns = patterns
        self._kept = _kept(keep)
        self._max_text = max_text
        self._is_enabled = is_enabled

    def text(self, text: str) -> str:
        """Return a text with ``***`` for each secret."""
        return redact(text, self._patterns, self._kept) if self._is_enabled else text

    def __call__(self, alert: Alert) -> Alert:
        """Mask the secrets of an alert: in its title, text, logger, fingerprint and context, and its URL's values."""
        if not self._is_enabled:
            return alert
        text = self.text(alert.text)

        def again(said: str) -> str:  # most fingerprints hold the alert's whole text
            return text if said == alert.text else self.text(said)

        redacted = alert._replace(
            title=self.text(alert.title),
            text=text,
            logger=self.text(alert.logger),
            fingerprint=redacted_fingerprint(alert.fingerprint, again),
            context=tuple((name, _value(name, value, self._patterns, self._kept)) for name, value in alert.context),
            url_parts=tuple(self.text(part) if index % 2 else part for index, part in enumerate(alert.url_parts)),
            draft=alert.draft and alert.draft.masked(self.text),
        )
        return alert if redacted == alert else redacted

    def finished(self, alert: Alert) -> Alert:
        """Return an alert as it leaves the process: clean, masked, and only then cut; its fingerprint normalized."""
        shown = self(alert.cleaned())
        if shown.draft is not None:
            is_put_together = shown.draft.is_put_together
            shown = shown.finished(self._max_text)
            if is_put_together:
                shown = self(shown)  # once more: the frames, and what stands side by side only now
        return shown._replace(fingerprint=normalized(shown.fingerprint))

    def fingerprint(self, raw: Fingerprint) -> Fingerprint:
        """Return the normalized fingerprint, without secrets; one that is normalized is returned as it is."""
        return normalized(redacted_fingerprint(raw, self.text))
