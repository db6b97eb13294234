"""Secrets in sentences, and in what programs say to servers: a word between a name and its value is no sign. Pure."""

from __future__ import annotations

import re
from typing import Final

from .secret_extents import Found, pattern, value_at
from .secret_hiding import Name, changed, hidden, looked_at
from .secret_names import Kind
from .secret_values import NEWS_SIZE, is_small, is_suspicious

PROSE_COLON: Final = r"""
    [ ] (?:
        (?: provided | given | supplied | used | sent | received | entered | rejected | is | was
          | for (?:[ ](?:user|key))? [ ] ['"]? [\w.@%/~-]{1,80} ['"]? ) [ ]?
    ){1,2} : [ ]{0,4}
    """
"""Words that may stand between a name and the colon before its value."""

PROSE_VERB: Final = r"""
      [ ] is [ ] generated [ ] for [ ] \S{1,80} : [ ]
    | [ ] (?i: for | of ) [ ] [\w'@.%-]{1,60} [ ] (?: = | (?i: to ) ) [ ] (?=['"])
    | [ ] mismatch : [ ] got [ ]
    | (?: [ ] (?: is | was | not | valid | invalid | wrong | incorrect | rejected | revoked | expired | failed ) ){1,3}
        : [ ]{1,4}
    | [ ] (?: for | of ) (?:[ ]user)? [ ] [\w.@%'-]{1,60}
      (?: [ ] (?: is | was | (?: set | reset | changed ) [ ] to ) [ ] | : [ ] )
    | [ ] (?: is | was | are | (?: set | reset | changed ) [ ] (?: to | from ) | equals | = ) [ ] :? [ ]?
    """
"""Words behind which a value without quotes counts as a secret only if it looks like one."""

_SAID_COLON: Final = pattern(PROSE_COLON)
_SAID_VERB: Final = pattern(PROSE_VERB)
_GAP: Final = re.compile(r"[ \t]{1,20}(?:[|–—-][ \t]{1,20}|\d[ ](?=\S{0,200}\d))?")
"""A table's bar, a dash; and the number of the kind, in the configuration of a router."""

_OBJECTS_NAME: Final = re.compile(r"[a-z]+(?:[-_/][a-z]+)+")
_OF_AN_OBJECT: Final = re.compile(
    r"[ ](?:in[ ]namespace|not[ ](?:found|mounted)|already[ ]exists|does[ ]not[ ]exist)\b"
)
"""What is said of Kubernetes' secrets, which have names."""

_NO_SECRET: Final = re.compile(
    r"(?:sha|md|hs|rs|es|ps|aes|rsa|ed|utf|ipv|oauth|pbkdf|argon|scrypt|base|v|http|x|p|k|s|ec)-?\d{1,5}\w{0,3}"
    r"|[\d.,:/x+-]*|.*\.[A-Za-z]{1,4}|/.*|.*=.*|.*\(.*",
    re.IGNORECASE,
)
"""Words with digits that are no secrets: algorithms, versions, times and addresses, files, calls."""

_OF_PARSERS: Final = frozenset("unexpected unknown illegal undefined expected near syntax end reserved parse".split())
"""Words before the tokens of parsers."""


def prose(text: str, name: Name) -> Found | None:
    """``password is X``, ``with token X``, ``wrong password 'X'``, ``API key provided: X``."""
    gap = _GAP.match(text, name.end)
    if gap is None:
        return None
    colon = _SAID_COLON.match(text, name.end)
    if colon is not None:
        value = value_at(text, colon.end())
        is_told = value.opening or name.kind is Kind.SECRET or _is_like_a_secret(looked_at(text, value), name)
        return hidden(text, value, name) if is_told else None
    verb = _SAID_VERB.match(text, name.end)
    value = value_at(text, gap.end() if verb is None else verb.end())
    word = looked_at(text, value)
    if not word or (not value.opening and word.isalpha()):
        return None
    words_before = text[max(0, name.begin - 30) : name.begin].lower().split()[-2:]
    if name.kind is Kind.TOKEN and not _OF_PARSERS.isdisjoint(words_before):
        return None
    if value.opening in ('"', "'", "`"):
        is_quoted_name = text[name.begin - 1 : name.begin] in ("'", '"', "`")
        is_kubernetes = name.text.lower() == "secret" and _OF_AN_OBJECT.match(text, value.after)
        may_be_object = verb is None and "pass" not in name.text.lower()
        is_object = is_quoted_name or is_kubernetes or (may_be_object and _OBJECTS_NAME.fullmatch(word))
        is_verb = name.text.lower() in ("auth", "pass")
        is_secret = not is_object and not is_verb and name.kind in (Kind.SECRET, Kind.TOKEN, Kind.SESSION)
    elif value.opening:
        words = word.split(", ")  # credentials (ada, X)
        is_pair = verb is None and len(words) <= 2 and " " not in words[-1]
        is_secret = is_pair and is_suspicious(words[-1]) and not _NO_SECRET.fullmatch(words[-1])
    else:
        is_secret = _is_like_a_secret(word.rstrip(".,;:)"), name)
    found = hidden(text, value, name, clause=False) if is_secret else None
    is_change = verb is not None and verb[0].endswith("from ")
    return changed(text, value, found) if is_change and found is not None else found


def _is_like_a_secret(word: str, name: Name) -> bool:
    """Tell whether a word that follows a name in prose is its value: it must hold a digit, and be no number."""
    if name.kind not in (Kind.SECRET, Kind.TOKEN) or name.text.lower() in ("auth", "pass"):
        return False
    if word.isdigit():
        return len(word) >= 6
    least = 5 if name.kind is Kind.SECRET else 8
    return len(word) >= least and any(map(str.isdigit, word)) and not _NO_SECRET.fullmatch(word)


_FOR_KEY: Final = re.compile(
    r"entry[ ]'([^'\n]{1,200})'[ ]for[ ]key[ ]['\"`]?(?:[\w.]{1,60}\.)?(?:\w{0,40}_)?\Z", re.IGNORECASE
)


def duplicate(text: str, name: Name) -> Found | None:
    """MySQL's ``Duplicate entry 'X' for key 'token'``."""
    if " for key " not in text[max(0, name.begin - 80) : name.begin]:
        return None
    entry = _FOR_KEY.search(text, max(0, name.begin - NEWS_SIZE), name.begin)
    return None if entry is None else Found((entry.span(1),), name.end)


_BEFORE_COMMAND: Final = re.compile(r"(?:^|[>'\":]|[>:][ ]|AUTHINFO[ ]|\\n|\b[A-Za-z]{0,6}\d+)[ ]?\Z", re.MULTILINE)
_AUTH_COMMAND: Final = re.compile(
    r"[ =](?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2|OAUTHBEARER|EXTERNAL|NTLM|SCRAM-\S{4,12})[ ]([\w+/=.-]{4,})"
)
_USER_AND_WORD: Final = re.compile(r"[ ][\w.-]{1,40}[ ](\S{0,100}\d\S{0,100})(?=['\"\s\\]|\Z)")
_QUOTED_AUTH: Final = re.compile(r"\\?\"(?:[ ]\\?\"[^\"\n]{1,80}\")?[ ]\\?\"([^\"\n]{1,200}?)\\?\"(?![ ]\")")
_OF_TESTS: Final = re.compile("test|/|::", re.IGNORECASE)


def dialogue(text: str, name: Name) -> Found | None:
    """SMTP's ``AUTH PLAIN X``, ``PASS X`` of FTP and POP3, ``AUTH X`` of redis; test runners say PASS as well."""
    if name.text == "AUTH" and (said := _QUOTED_AUTH.match(text, name.end)):
        return Found((said.span(1),), said.end())
    if name.text not in ("PASS", "AUTH") or text[name.end : name.end + 1] not in (" ", "="):
        return None
    if name.text == "AUTH" and (said := _AUTH_COMMAND.match(text, name.end)):
        return Found((said.span(1),), said.end())
    if _BEFORE_COMMAND.search(text, max(0, name.begin - len("AUTHINFO  ")), name.begin) is None:
        return None
    if name.text == "AUTH" and (said := _USER_AND_WORD.match(text, name.end)):
        return Found((said.span(1),), said.end())
    value = value_at(text, name.end + 1)
    word = looked_at(text, value)
    if _OF_TESTS.search(word) or is_small(word):
        return None
    return hidden(text, value, name, clause=False)
