"""What is hidden of a value whose name says secret; what says no secret, such as ``password=None``, is shown. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .secret_extents import QUOTE, Found, Value, bracketed, pattern, value_at
from .secret_names import Kind, kind_of
from .secret_values import NEWS_SIZE, is_news, is_sentence, is_state, is_suspicious


class Name(NamedTuple):
    """A name in a text: where it is, and what it says."""

    begin: int
    end: int
    text: str
    kind: Kind

    @property
    def is_counted(self) -> bool:
        """Whether it is a plural: ``tokens`` may be how many there are."""
        name = self.text.lower().rstrip("0123456789")
        return name.endswith("s") and not name.endswith("_pass")


_STRING: Final = pattern(rf"({QUOTE}) (.{{0,{NEWS_SIZE}}}?) \1")
_NOTHING_IN_BRACKETS: Final = re.compile(r"(?:[\s,:(){}\[\]]|[-+]?\d{1,5}\b|None|null|True|False|true|false)*")


def _is_bracket_news(inner: str, kind: Kind) -> bool:
    """Tell whether all that stands in brackets is news: the errors of a form, a type, a schema."""
    if len(inner) > 2 * NEWS_SIZE:
        return False
    if _NOTHING_IN_BRACKETS.fullmatch(_KEY_OF_MAPPING.sub("", inner)) or _is_code(inner):
        return True
    if _SCHEMA.search(inner) and not _VALUES_KEY.search(inner):
        return True
    strings = [match[2] for match in _STRING.finditer(inner)]
    if strings:  # of a dictionary, values; words beside the strings are an object's repr
        return all(is_news(each, kind) or is_sentence(each) for each in strings)
    return _NOTHING_IN_BRACKETS.fullmatch(inner) is not None or is_news(inner, kind) or is_state(inner)


_SCHEMA: Final = re.compile(r"[\"']type[\"']:\s?[\"'](?:string|object|array|number|integer|boolean)[\"']")
_VALUES_KEY: Final = re.compile(r"[\"'](?:value|default|example|const|enum|data|input)s?[\"']:")
_KEY_OF_MAPPING: Final = re.compile(r"[\"']\w{1,40}[\"']:")
_NAMES_IN_CODE: Final = re.compile(r"[A-Za-z_.]{1,60}(?:,[ ][A-Za-z_.]{1,60}){1,5}")


def _is_code(inner: str) -> bool:
    """Tell whether this is a list of variables, one of them called like a secret, as in ``auth=(user, password)``."""
    return _NAMES_IN_CODE.fullmatch(inner) is not None and any(
        kind_of(each) is not Kind.NONE for each in inner.split(", ")
    )


_CALL: Final = re.compile(
    r"(?:[a-z_]\w{0,40}\.){0,6}(?:_?[A-Z]\w{0,60}|frozenset|set|deque|array|bytearray|memoryview|tuple|list"
    r"|crypt|md5|sha1|sha2|sha256|sha512|encrypt|pwdencrypt|hashbytes|make_password|generate_password_hash)\("
)
"""The repr of an object, whose strings may be the secret; a function that hashes it."""

_VARIABLE: Final = re.compile(r"[a-z]{2,12}(?:_[a-z]{2,12})?(?:\([a-z_]{0,20}\))?$", re.MULTILINE)
"""A variable, or a call, in the code of a parser: ``token = nextchar``. A token of a service is no plain word."""

_CALL_IN_CODE: Final = re.compile(r"[a-z_][\w.]{0,60}\((?=[\"'])")

_MORE_WORDS: Final = re.compile(r"(?:[ ]+[A-Za-z]+){1,8}(?=[ ]*(?:$|[\n,;)\]}\"']))")
"""The rest of a passphrase."""

_CLAUSE_END: Final = re.compile(r"[\n\"|;]|[ ](?:#|//)")


def hidden(text: str, value: Value, name: Name, *, clause: bool = True) -> Found | None:
    """Hide a value, unless it is news.

    Args:
        text: The text.
        value: Where the value is.
        name: Its name.
        clause: Whether what follows a value without quotes may make it a sentence, or a passphrase.

    Returns:
        What is hidden; None where nothing is.
    """
    inner = looked_at(text, value)
    if not inner or inner.startswith(("-----BEGIN", "***")):
        return None
    if not value.opening:
        return _hidden_bare(text, value, name, inner, clause=clause)
    if value.opening in "[({":
        is_shown = _is_bracket_news(inner, name.kind) or _is_field(inner, value, name)
    else:
        is_shown = is_news(inner, name.kind, counted=name.is_counted)
    return None if is_shown else Found(((value.begin, value.end),), value.after)


def _hidden_bare(text: str, value: Value, name: Name, inner: str, *, clause: bool) -> Found | None:
    """Hide a value without quotes and brackets, as :func:`hidden` does; ``inner`` is what it begins with."""
    call = _CALL.match(text, value.begin)
    if call is not None:  # SecretStr('...')
        arguments = bracketed(text, call.end(), "(")
        shown = looked_at(text, arguments)
        has_secret = _STRING.search(shown) or is_suspicious(shown.partition("=")[2])
        return hidden(text, arguments, name) if has_secret else None
    if (call := _CALL_IN_CODE.match(text, value.begin)) is not None:  # input('Password: ')
        arguments = bracketed(text, call.end(), "(")
        has_secret = any(map(is_suspicious, re.findall(r"\w+", looked_at(text, arguments)[:NEWS_SIZE])))
        return Found(((arguments.begin, arguments.end),), arguments.after) if has_secret else None
    if name.text == "token" and text[name.end : value.begin] == " = " and _VARIABLE.match(inner):
        return None
    if text[value.end : value.end + 2] == ' "' and kind_of(inner) is not Kind.NONE:
        return None  # volume "creds" : secret "creds" not found
    before, variable, rest = name.text.lower().rpartition(inner.lower())
    if variable and not rest and before[-1:] in ("", ".", "_"):
        return None  # a variable: password=password, self._token = token
    if is_news(inner, name.kind, counted=name.is_counted, bare=name.text in ("token", "auth", "sig")):
        return None
    if clause and is_sentence(_CLAUSE_END.split(text[value.begin : value.begin + NEWS_SIZE // 2], maxsplit=1)[0]):
        return None
    if clause and inner.isalpha() and name.kind is Kind.SECRET and (more := _MORE_WORDS.match(text, value.end)):
        return Found(((value.begin, more.end()),), more.end())
    return Found(((value.begin, value.end),), value.after)


def looked_at(text: str, value: Value) -> str:
    """Return what stands in a value: all of it where that is short, else more than news may have."""
    return text[value.begin : min(value.end, value.begin + 3 * NEWS_SIZE)]


def _is_field(inner: str, value: Value, name: Name) -> bool:
    """Tell whether braces hold a template's field, such as ``{token}``; ODBC writes a password so."""
    return value.opening == "{" and name.text.lower() != "pwd" and _FIELD.fullmatch(inner) is not None


_FIELD: Final = re.compile(r"\{?[ ]?[A-Za-z_.]{1,60}(?:![rsa])?(?:[ ]?\|[ ]?[a-z_]{1,20}){0,3}[ ]?\}?")


_CHANGE: Final = re.compile(r"[ ](?:to|->|=>)[ ](?=\S)")


def changed(text: str, old: Value, found: Found) -> Found:
    """Hide what a value was changed to, as well."""
    change = _CHANGE.match(text, old.after)
    if change is None:
        return found
    new = value_at(text, change.end())
    if not new.opening and not is_suspicious(looked_at(text, new)):
        return found
    return Found((*found.spans, (new.begin, new.end)), max(new.after, found.resume))
