"""What a value behind a secret's name is: the secret, or news such as ``expired``. Pure.

A doubtful value counts as a secret; a doubtful word counts as news.
"""

from __future__ import annotations

import re
from typing import Final

from .secret_names import Kind, kind_of

NEWS_SIZE: Final = 300
"""Characters. What is longer is hidden without a look at it, so that a look costs the same for every text."""

_STATES: Final = frozenset(
    """
    required missing expired revoked invalid disabled unset none null nil true false eof empty blank ok okay wrong
    incorrect bad failed fails fail denied declined rejected refused unknown unexpected undefined unavailable
    unauthorized unauthenticated forbidden absent present set unchanged changed updated reset created deleted removed
    added found given provided supplied masked hidden redacted filtered sensitive omitted suppressed censored protected
    n/a na nan not yes no on off enabled active inactive valid malformed corrupt corrupted mismatch mismatched short
    long weak strong optional mandatory used unused locked blocked pending ready success successful succeeded failure
    error timeout accepted granted verified unverified matched refreshed rotated renewed issued stale insufficient
    unsupported unusable duplicate exhausted exceeded leaked compromised ignored skipped cleared loaded unreadable
    must should cannot can't could does doesn't did didn't isn't wasn't has is was will too only expecting expected
    suspended deprecated unparsable undecodable unencrypted permission access minimum maximum
    """.split()
)
"""Words that say what has happened to a secret."""

_FIRST: Final = _STATES | frozenset("never contains equals exceeds lacks looks matches differs length expires".split())
"""Words with which a sentence about a secret begins."""

_TYPES: Final = frozenset(
    """
    str string bytes bytearray int integer number float bool boolean object array list dict tuple any nonetype text
    char varchar secretstr passwordfield charfield type undefinedtype basic bearer digest negotiate ntlm oauth
    oauth2 ldap kerberos plain login md5 scram peer trust
    """.split()
)
"""Types, and schemes of authorization: what a secret is made of, or sent by."""

_SMALL: Final = frozenset(
    """
    is are was were be been has have had does do did not no may must can could should shall will would the this
    that these those it its by of for from to in on at with without than least most and or but if when while because
    before after between into your you please only already too see via
    """.split()
)
"""Small words of English: several plain words with one of them are a sentence."""

_CODES: Final = _STATES | {"min", "max", "length", "common", "similar", "numeric", "format", "match", "entirely"}
"""Parts of codes such as ``min_length`` and ``password_too_common``."""

_REFERENCE: Final = re.compile(
    r"""
      \$ \{ [^{}]* \} | \$ \{ [A-Z_]+ :? [?=+-] .* | ! (?: Ref | Sub | GetAtt | ImportValue | vault )
    | \$ \( .* \)? | \$ [A-Z_][A-Z0-9_]* | \$ \d{1,3} | % [A-Z_]{2,} % | % \( \w+ \) [a-z]? | %[sr]
    | \{{1,2} \s? [A-Za-z_.]* (?: ![rsa] )? (?: : [\w.,<>^%+-]{0,10} )? \s? \}{0,2} | \{ \d \}
    | \[{1,2} [A-Z_]{3,} \]{1,2}
    | (?: self | cls | settings | config | os | environ | env | process | request | args | kwargs | options | secrets
        | data | app | ctx | var | local ) (?: \. [A-Za-z_]\w* )+ (?: [\[(] .* )?
    | ~? / (?: [\w.-]+ / )+ (?: [\w-]+ \. (?: pem | key | p12 | pfx | der | jks | json | txt ) | id_[a-z0-9]+ )
    | [A-Za-z_][\w.]* \(\) | [a-z]\w* [._] \w[\w.]* \( .*
    | os\.environ .* | (?:get)?env \( .* | \? | : \d{1,2}
    | [a-z_][\w.]* \[ (?: (?: [-:\d]{1,12} | [a-z]{1,3} | name | index | field )? \] )?
    | await | lambda | yield | your [_-] [a-z_-]+ | YOUR [A-Z_]+
    """,
    re.VERBOSE,
)
"""What stands for a secret elsewhere: variables, parameters, templates and the files of keys."""

_REPR: Final = re.compile(
    r"""
      < class \s .* | < [\w.$\s]+ \s at \s 0x[0-9a-fA-F]+ >? | < (?: function | bound | built-in | module ) \s .*
    | (?: Optional | Union | List | list | Dict | dict | Type | type | Final | Literal | Sequence | Annotated ) \[ .*
    | <\w+\[\]> | (?: str | bytes | SecretStr ) \s \| \s .* | (?: String | VARCHAR | Text | CharField | varchar ) \( .*
    """,
    re.VERBOSE,
)
_OBJECT: Final = re.compile(
    r"(?: [A-Z]\w* \{ .* | [A-Za-z]\w* (?: [.$] \w+ )+ (?: @ [0-9a-f]{1,16} | / \d{1,6} ) )", re.VERBOSE
)
"""Java's and Android's objects, which have tokens."""

_MASKED: Final = re.compile(r"[^\w\s]*|[\s*•●#█xX.·…_-]{3,}|(?:.*\*{3,}.*)")
_NUMBER: Final = re.compile(r"[-+]?\d{1,5}(?:\.\d{1,3}|/\d{1,5})?(?:ms|s|m|h|d|%)?")
_ANY_NUMBER: Final = re.compile(r"#?(?:\d+|0[xX][0-9a-fA-F]+)|S(?:-\d+){2,20}")
_CONSTANT: Final = re.compile(r"[A-Z][A-Z_]{0,30}")
_EDGES: Final = " \t\r\n.,:;!?()[]<>{}\"'`"
_CODE_PART: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_CHANGE: Final = re.compile(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])|[a-z](?=[A-Z])")
_LEAST_RANDOM: Final = 16
_RANDOM: Final = re.compile(r"[\w+/=.~%-]+")
_LETTER_AND_DIGIT: Final = re.compile(r"(?=[^a-zA-Z]*[a-zA-Z])(?=\D*\d)")
_PLAIN_OR_COUNT: Final = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*|\d{1,3}")
_COMMON: Final = re.compile(r"[\w.@:/'’#%+-]*")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+-]{4,20}Z?")
_MAX_WORDS: Final = 12


def is_reference(value: str) -> bool:
    """Tell whether a value stands for a secret that is elsewhere: a variable, a parameter, a template's field."""
    if value[:1] in (":", "@", "$") and value[1:].isidentifier():
        return kind_of(value[1:]) is not Kind.NONE  # :password, $token
    return _REFERENCE.fullmatch(value) is not None


def looks_random(value: str) -> bool:
    """Tell whether a value changes between letters and digits so often that it was not chosen by a person."""
    if _RANDOM.fullmatch(value) is None or value.startswith("/"):
        return False
    # Of a path, one of its parts must be so.
    part = max(value.split("/"), key=len)
    if len(part) < _LEAST_RANDOM or _LETTER_AND_DIGIT.match(part) is None:
        return False
    return len(_CHANGE.findall(part)) >= max(3, len(part) // 12)


def is_suspicious(word: str) -> bool:
    """Tell whether a word in the middle of prose is like a secret: letters and digits, or odd signs."""
    if len(word) < 6 or _TIME.fullmatch(word):
        return False
    return _LETTER_AND_DIGIT.match(word) is not None or _COMMON.fullmatch(word) is None


def is_sentence(text: str) -> bool:
    """Tell whether a text is plain words with a small word of English among them, or begins with a word of state."""
    words = [stripped for word in text.split()[:_MAX_WORDS] if (stripped := word.strip(_EDGES))]
    if not words or any(map(is_suspicious, words)):
        return False
    if words[0].lower() in _FIRST:
        return True
    count = next((index for index, word in enumerate(words) if not _PLAIN_OR_COUNT.fullmatch(word)), len(words))
    # Several words, one of which names a state: user ada unknown.
    small = _SMALL | _STATES if count >= 3 else _SMALL
    return count >= 2 and (words[-1].lower() in _STATES or any(word.lower() in small for word in words))


def is_state(word: str) -> bool:
    """Tell whether a word says what has become of a secret, what it is made of, or is a code of a validation."""
    bare = word.strip(_EDGES).lower()
    if not bare or bare in _STATES or bare in _TYPES:
        return True
    parts = [part.lower() for part in _CODE_PART.findall(word.strip(_EDGES))]
    if word[:1] == "<" and word[-1:] == ">" and (kind_of(bare) is not Kind.NONE or "your" in bare):
        return True  # a placeholder
    return len(parts) > 1 and "".join(parts) == bare.replace("_", "") and not _CODES.isdisjoint(parts)


def is_small(word: str) -> bool:
    """Tell whether a word cannot be a secret that follows a name or an option in prose."""
    bare = word.strip(_EDGES).lower()
    return bare in _SMALL or bare in _STATES


def is_news(value: str, kind: Kind, *, counted: bool = False, bare: bool = False) -> bool:
    """Tell whether a value of a secret's name is news instead: the one rule, which docs/security.md has in words.

    Args:
        value: The value, without its quotes.
        kind: What its name says.
        counted: Whether the name is a plural, whose number says how many there are.
        bare: Whether the name is ``token``, ``auth`` or ``sig`` and nothing quotes the value: then a word in capitals
            is news.
    """
    if len(value) > NEWS_SIZE:
        return False
    value = value.strip()
    if kind is Kind.SESSION and _ANY_NUMBER.fullmatch(value):
        return True
    if kind is Kind.WEAK and (not looks_random(value) or _ANY_NUMBER.fullmatch(value)):
        return True
    if _MASKED.fullmatch(value) or is_reference(value) or _REPR.fullmatch(value):
        return True
    if " " not in value and is_state(value):  # <unset> and [Filtered] too, but not <abc>
        return True
    if (kind in (Kind.TOKEN, Kind.AUTHORIZATION) or counted) and _NUMBER.fullmatch(value):
        return True
    if (bare and _CONSTANT.fullmatch(value)) or (kind is Kind.TOKEN and _OBJECT.fullmatch(value)):
        return True
    return " " in value and is_sentence(value)
