"""How secrets are written: behind a name, in pairs, options, prose, SQL and URLs. Pure.

Each function looks at one place of a text and returns what is to be hidden there, and where to go on. None looks
further than it hides, but for a bounded number of characters: so the cost grows with the length of a text alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from .secret_names import Kind, kind_of
from .secret_shapes import Span
from .secret_values import NEWS_SIZE, is_news, is_sentence, is_small, is_state, is_suspicious, looks_random


class Found(NamedTuple):
    """What is hidden, and where to go on looking.

    Attributes:
        spans: Where the secrets are.
        resume: The first character that nobody has decided about.
        has_name: Whether a secret's name stands there, perhaps a column's.
    """

    spans: tuple[Span, ...]
    resume: int
    has_name: bool = False


Keep = Collection[str]
"""Names, in lower case, and words that the user wants to see."""

# -- Names -----------------------------------------------------------------------------------------


class _Name(NamedTuple):
    begin: int
    end: int
    text: str
    kind: Kind

    @property
    def is_counted(self) -> bool:
        """Whether it is a plural: ``tokens`` may be how many there are."""
        return self.text.lower().endswith(("s", "pass")) and not self.text.lower().endswith("_pass")


_NAME_SIGNS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_NAME_SIZE: Final = 60
_ESCAPED: Final = re.compile(
    r"(?<=%) (?:25)* [0-9A-Fa-f]{2} | (?<=\\) (?: [nrt] | u00[0-9a-f]{2} | x[0-9a-f]{2} ) | (?<=\[) [\d;]{0,12} m",
    re.VERBOSE,
)
"""What may be glued to the beginning of a name: the rest of a percent sign, of a backslash, of a terminal's colour."""

_FIRST_WORD: Final = re.compile(r"\b([A-Za-z]{3,14})[ ]\Z")


def _name_at(text: str, at: int) -> _Name:
    """Return the name of which a part stands at a place."""
    head = text[max(0, at - _NAME_SIZE) : at]
    begin = at - len(head) + len(head.rstrip(_NAME_SIGNS))
    tail = text[at : at + _NAME_SIZE]
    end = at + len(tail) - len(tail.lstrip(_NAME_SIGNS))
    escaped = _ESCAPED.match(text, begin)
    if escaped is not None and escaped.end() <= at:
        begin = escaped.end()
    name = text[begin:end]
    end -= len(name) - len(name.rstrip(".-"))
    name = text[begin:end]
    kind = kind_of(name)
    if kind is Kind.WEAK and name.lower() in ("key", "keys"):
        first = _FIRST_WORD.search(text, max(0, begin - 16), begin)
        if first is not None:  # API key, primary key
            kind = kind_of(f"{first[1]}_{name}")
    return _Name(begin, end, name, kind)


_IN_PROSE: Final = re.compile(
    r"[ ](?!(?:is|was|are|set|equals|provided|given|supplied|used|sent|received|entered|rejected|for)\b)"
    r"[a-z]+(?=[ ,.;)]|\Z)"
)
"""A word behind a name with which no form begins: most names stand in news, and are left here."""


def named(text: str, at: int, keep: Keep = ()) -> Found:
    """Look at a place where a part of a secret's name stands: what is its value, if it has one there?

    Args:
        text: Any text.
        at: A place inside a name.
        keep: What is to be seen.
    """
    name = _name_at(text, at)
    if name.kind is Kind.NONE or name.text.lower() in keep:
        return Found((), max(name.end, at + 1))
    if text[name.begin - 1 : name.begin] in ("/", "\\") and "." in name.text.strip("."):
        return Found((), max(name.end, at + 1))  # a file
    if name.kind is not Kind.SECRET and name.text[0] != "-" and _IN_PROSE.match(text, name.end):
        return Found((), max(name.end, at + 1), has_name=True)
    for form in _FORMS:
        found = form(text, name, keep)
        if found is not None:
            return Found(found.spans, max(found.resume, name.end, at + 1), has_name=True)
    return Found((), max(name.end, at + 1), has_name=True)


# -- Values ----------------------------------------------------------------------------------------


class _Value(NamedTuple):
    """Where a value is, without its quotes; and where what encloses it ends.

    ``opening`` is its quote, its bracket, or nothing.
    """

    begin: int
    end: int
    after: int
    opening: str


_QUOTE: Final = r"""(?: \\{0,15} ["'`] | %(?:25){0,3}2[27] | &quot; | &\#(?:34|39|x27|x22); | \\{1,8}u0022 )"""
_COLOUR: Final = r"(?: (?: \x1b | \\+x1b | \\+033 | \\+u001b ) \[ [\d;]{0,12} m )"


def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE)


_OPENING: Final = _pattern(
    rf"""{_COLOUR}{{0,3}} (?: ![\w!]{{1,20}}[ ] )? (?: [bBuUrRfF]{{0,2}} ("""
    + r"""\"{3}|\'{3}|"""
    + rf"""{_QUOTE}) | ([\[({{]) )?"""
)
_RUN: Final = _pattern(
    r"""
    (?: [^\s"'`&;<>,\\\x1b]
      | \\ (?! [nrt"'`\\] | x1b | u00 )
      | (?<=\w) ' (?=\w)
      | < [^<>\s"']{1,80} >
      | [,&;] (?= [^\s,&;"'`\[\](){}<>\\] ) (?! [\w.%-]{1,40} \s? [=:] )
    )+
    """
)
"""A value without quotes. A comma, ``&`` or ``;`` is part of it where no other name follows."""

_ENCODED_END: Final = re.compile(r"%(?:25)*(?:26|20|22|27|3[bB]|2[cC]|0[aAdD])")
_BRACKET: Final = re.compile(r"""\\.|["'`\[\](){}]""", re.DOTALL)
_ANY_BRACKET: Final = re.compile(r"[\[\](){}]")
_CLOSING: Final = {"[": "]", "(": ")", "{": "}"}
_MORE_WORDS: Final = re.compile(r"(?:[ ]+[A-Za-z]+){1,8}(?=[ ]*(?:$|[\n,;)\]}]))")
_BEFORE_QUOTE_ENDS: Final = 8
"""Closing quotes that are looked at for one behind which no word goes on, as in ``'it's7'``."""


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _value_at(text: str, at: int, *, encoded: bool = False) -> _Value:
    """Return where the value is that begins at a place; quoted, in brackets, or up to a blank."""
    opening = _OPENING.match(text, at)
    assert opening is not None  # all of it may be missing
    if opening[1]:
        return _quoted(text, opening.end(), opening[1])
    if opening[2]:
        return _bracketed(text, opening.end(), opening[2])
    begin = opening.end()
    run = _RUN.match(text, begin)
    end = begin if run is None else run.end()
    if encoded and (stop := _ENCODED_END.search(text, begin, end)):
        end = stop.start()
    end = _without_closing(text, begin, end)
    return _Value(begin, end, end, "")


def _quoted(text: str, begin: int, quote: str) -> _Value:
    """Find the closing quote: one that nothing escapes and behind which no word goes on, else the first on the line."""
    first, at = -1, begin
    for _ in range(_BEFORE_QUOTE_ENDS):
        at = text.find(quote, at)
        if at < 0 or (len(quote) < 3 and "\n" in text[at - 1 : at] + text[begin : min(at, begin + NEWS_SIZE)]):
            break
        if text[at - 1] != "\\" or quote[0] == "\\" or text[begin:at].endswith("\\\\"):
            first = at if first < 0 else first
            behind = text[at + len(quote) : at + len(quote) + 1]
            if not (behind.isalnum() or behind == "_"):
                break
        at += len(quote)
    else:
        at = -1
    if at < 0:
        at = first
    if at < 0 or (len(quote) < 3 and text.find("\n", begin, at) >= 0):
        at = _line_end(text, begin)
        return _Value(begin, at, at, quote)
    return _Value(begin, at, at + len(quote), quote)


def _bracketed(text: str, begin: int, bracket: str) -> _Value:
    """Find the closing bracket; where there is none nearby, the end of the line."""
    open_, quote = [_CLOSING[bracket]], ""
    for sign in _BRACKET.finditer(text, begin, begin + 10 * NEWS_SIZE):
        character = sign[0]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'`":
            quote = character
        elif character in _CLOSING:
            open_.append(_CLOSING[character])
        elif character == open_[-1]:
            open_.pop()
            if not open_:
                return _Value(begin, sign.start(), sign.end(), bracket)
    end = _line_end(text, begin)
    return _Value(begin, end, end, bracket)


def _without_closing(text: str, begin: int, end: int) -> int:
    """Leave out the closing brackets that were opened before a value, and the stop at the end of a sentence."""
    open_ = 0
    for bracket in _ANY_BRACKET.finditer(text, begin, min(end, begin + NEWS_SIZE)):
        open_ += 1 if bracket[0] in _CLOSING else -1
        if open_ < 0:
            end = bracket.start()
            break
    while end > begin and text[end - 1] in ".,:!?":
        end -= 1
    return end


_STRING: Final = _pattern(rf"({_QUOTE}) (.{{0,{NEWS_SIZE}}}?) \1")
_NOTHING_IN_BRACKETS: Final = re.compile(r"(?:[\s,:(){}\[\]]|[-+]?\d{1,5}\b|None|null|True|False|true|false)*")


def _is_bracket_news(inner: str, kind: Kind) -> bool:
    """Tell whether all that stands in brackets is news: the errors of a form, a type, a schema."""
    if len(inner) > 2 * NEWS_SIZE:
        return False
    strings = [match[2] for match in _STRING.finditer(inner)]
    if strings:  # of a dictionary, values; words beside the strings are an object's repr
        return all(is_news(each, kind) or is_sentence(each) for each in strings)
    return _NOTHING_IN_BRACKETS.fullmatch(inner) is not None or is_news(inner, kind) or is_state(inner)


_CALL: Final = re.compile(r"(?:[a-z_]\w{0,40}\.){0,6}_?[A-Z]\w{0,60}\(")
"""The repr of an object, whose strings may be the secret."""


def arguments_of(text: str, value: _Value) -> str:
    """Return what stands in an object's repr, as far as it is looked at."""
    return text[value.begin : min(value.end, value.begin + NEWS_SIZE)].partition("=")[2]


def _hidden(text: str, value: _Value, name: _Name, keep: Keep, *, clause: bool = True) -> Found | None:
    """Hide a value, unless it is news.

    Args:
        text: The text.
        value: Where the value is.
        name: Its name.
        keep: What is to be seen.
        clause: Whether what follows a value without quotes may make it a sentence.

    Returns:
        What is hidden; None where nothing is.
    """
    if value.begin >= value.end:
        return None
    inner = text[value.begin : min(value.end, value.begin + 3 * NEWS_SIZE)]
    if inner in keep or inner.startswith(("-----BEGIN", "***")):
        return None
    if not value.opening and inner.lower() in (name.text.lower(), re.split("[._]", name.text.lower())[-1]):
        return None  # a variable: password=password, self._token = token
    if value.opening and value.opening in "[({":
        if _is_bracket_news(inner, name.kind) or (
            value.opening == "{" and name.text.lower() != "pwd" and inner.strip("{} ").replace(".", "").isalpha()
        ):
            return None
        return Found(((value.begin, value.end),), value.after)
    if not value.opening and (call := _CALL.match(text, value.begin)):  # SecretStr('...')
        arguments = _bracketed(text, call.end(), "(")
        strings = _STRING.search(text, arguments.begin, min(arguments.end, arguments.begin + NEWS_SIZE))
        return _hidden(text, arguments, name, keep) if strings or is_suspicious(arguments_of(text, arguments)) else None
    bare = not value.opening and name.text == "token"
    if is_news(inner, name.kind, counted=name.is_counted, bare=bare):
        return None
    if not value.opening:
        if clause:
            if is_sentence(re.split(r"[\n\"|]", text[value.begin : value.begin + NEWS_SIZE // 2], maxsplit=1)[0]):
                return None
            if inner.isalpha() and name.kind is Kind.SECRET and (more := _MORE_WORDS.match(text, value.end)):
                return Found(((value.begin, more.end()),), more.end())  # a passphrase
    return Found(((value.begin, value.end),), value.after)


# -- Forms -----------------------------------------------------------------------------------------


_ASSIGNED: Final = _pattern(
    rf"""
    {_COLOUR}{{0,3}} (?: \[? \] | %5D )? (?P<close> {_QUOTE} )? {_COLOUR}{{0,3}} \]? (?: \) (?= = ) )? (?P<blank> \s{{0,20}} ) {_COLOUR}{{0,3}}
    (?P<sign> [=-]> | := | [=!]==? (?= \s? [bu]? ["'] ) | = (?!=) | : (?! : | // ) | %(?:25){{0,3}}3[aAdD] )
    {_COLOUR}{{0,3}} (?P<gap> %20 | \+ | \s{{0,60}} )
    """
)
_COLUMNS: Final = re.compile(r"[\"'`]?(?:,\s?[\"'`]?\w{1,60}[\"'`]?){0,20}\)=(?=\()")
_BLOCK: Final = re.compile(r"[|>][+-]?\d?[ ]*\n((?:[ ]+\S[^\n]*(?:\n|\Z))+)")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,24})[ ]+(?=[^\s,;])")
_ONE_CREDENTIAL: Final = frozenset(("basic", "bearer", "token", "negotiate", "ntlm", "apikey", "key", "jwt", "dpop"))
_COOKIES: Final = re.compile(r"""(?:=\s?"[^"\n]{0,200}"|=\s?'[^'\n]{0,200}'|[^"'\n])+""")


def _assigned(text: str, name: _Name, keep: Keep) -> Found | None:
    """``name=value``, ``"name": "value"``, ``name => value``, ``name%3Dvalue``, ``Key (name)=(value)``."""
    columns = _COLUMNS.match(text, name.end)
    if columns is not None:
        return _hidden(text, _value_at(text, columns.end()), name, keep)
    sign = _ASSIGNED.match(text, name.end)
    if sign is None or ("\n" in sign["blank"] + sign["gap"] and not sign["close"]):
        return None
    at = sign.end()
    if name.text == "PASS" and sign["sign"] == ":" and not sign["close"]:  # a test's result
        return None
    if not sign["close"] and (block := _BLOCK.match(text, at)):
        return Found((block.span(1),), block.end())
    value = _value_at(text, at, encoded=sign["sign"].startswith("%"))
    if name.text.lower() in ("pwd", "oldpwd") and re.match(r"~?[/\\]|[A-Za-z]:\\", text[value.begin : value.begin + 3]):
        return None
    if name.kind is Kind.AUTHORIZATION or (name.kind is Kind.TOKEN and value.opening in ("", '"', "'")):
        found = _credentials(text, value, name, keep)
        if found is not None:
            return found
    if name.kind is Kind.COOKIE and not value.opening and (found := _cookies(text, value, name)):
        return found
    roomy = bool(sign["gap"]) or sign["sign"] == ":"
    return _hidden(text, value, name, keep, clause=roomy)


def _credentials(text: str, value: _Value, name: _Name, keep: Keep) -> Found | None:
    """``Bearer X``: the scheme is shown. What a scheme with parameters is followed by goes to the end of the line."""
    scheme = _SCHEME.match(text, value.begin)
    if scheme is None or scheme.end() >= _end_of(text, value) or scheme[1] in keep:
        return None
    word = scheme[1].lower()
    if name.kind is not Kind.AUTHORIZATION and word not in _ONE_CREDENTIAL:
        return None
    if is_sentence(text[value.begin : min(_end_of(text, value), value.begin + NEWS_SIZE // 2)]):
        return None
    end = _end_of(text, value)
    if word in _ONE_CREDENTIAL:
        run = _RUN.match(text, scheme.end())
        end = value.end if value.opening or run is None else _without_closing(text, scheme.end(), run.end())
        if is_news(text[scheme.end() : min(end, scheme.end() + NEWS_SIZE + 1)], name.kind):
            return None
    elif not value.opening and "=" not in text[scheme.end() : scheme.end() + 40] and is_suspicious(scheme[1]):
        return None  # no scheme: the secret itself
    return Found(((scheme.end(), end),), max(value.after, end))


def _end_of(text: str, value: _Value) -> int:
    return value.end if value.opening else _line_end(text, value.begin)


def _cookies(text: str, value: _Value, name: _Name) -> Found | None:
    """``Cookie: a=b; c=d`` to the end of the line, or of the string that it is in."""
    cookies = _COOKIES.match(text, value.begin)
    if cookies is None:
        return None
    line = text[value.begin : min(cookies.end(), value.begin + NEWS_SIZE // 2)]
    return None if "=" not in line or is_sentence(line) else Found((cookies.span(),), cookies.end())


_PAIR: Final = _pattern(rf"{_QUOTE} \s{{0,20}} , \s{{0,40}} (?= [bBuU]? {_QUOTE} | [\[(] )")
_TUPLE_BEFORE: Final = _pattern(rf"[\[(] \s{{0,20}} [bBuU]? {_QUOTE} \Z")
_PAIR_END: Final = re.compile(r"\s{0,20},?\s{0,20}[\])]")
_FIELDS: Final = frozenset(
    "email mail user username name login id first_name last_name phone address age role host port url".split()
)


def _paired(text: str, name: _Name, keep: Keep) -> Found | None:
    """``('name', 'value')``, ``[b'name', b'value']``, ``'--name', 'value'``."""
    pair = _PAIR.match(text, name.end)
    if pair is None:
        return None
    value = _value_at(text, pair.end())  # of brackets, little: the next name is soon there
    inner = text[value.begin : min(value.end, value.begin + NEWS_SIZE)]
    if not name.text.startswith("-"):
        before = _TUPLE_BEFORE.search(text, max(0, name.begin - 24), name.begin)
        is_whole = before is not None and _PAIR_END.match(text, value.after) is not None
        in_list = before is None or (
            before[0][0] == "[" and text[max(0, before.start() - 3) : before.start()].strip()[-1:] not in ("[", ",")
        )
        if not is_whole and not (name.kind in (Kind.AUTHORIZATION, Kind.COOKIE) or name.text.startswith(("X-", "x-"))):
            return None
        if inner in _FIELDS or kind_of(inner) in (Kind.SECRET, Kind.TOKEN, Kind.SESSION) and inner.isidentifier():
            return None
        if in_list and inner.isidentifier() and not is_suspicious(inner):
            return None
    if name.kind is Kind.AUTHORIZATION and (found := _credentials(text, value, name, keep)):
        return found
    return _hidden(text, value, name, keep)


_ATTRIBUTE: Final = _pattern(
    rf"""
    {_QUOTE}? (?: \s{{1,4}} [\w-]{{1,20}} = "[^"\n]{{0,60}}" ){{0,3}} \s{{0,20}} ,? \s{{0,40}}
    {_QUOTE}? (?i: (?: value | val | content | text | data | default ) s? ) {_QUOTE}? \s{{0,4}} (?: => | [:=] ) \s{{0,40}}
    """
)
_CALLED_BEFORE: Final = _pattern(
    rf"(?i: \b (?: name | key | field | id | k | header | variable ) ) {_QUOTE}? \s{{0,4}} (?:=>|[:=]) \s{{0,4}} [bu]?{_QUOTE}?\Z"
)
_ATTRIBUTE_CLOSED: Final = re.compile(r"[\"'][^<>\n]{0,100}(?<!/)>\s{0,40}")
_VALUE_BEFORE: Final = _pattern(
    rf"""
    \b value {_QUOTE}? \s{{0,4}} [:=] \s{{0,4}} ({_QUOTE}) ((?: (?!\1) [^\n] ){{1,200}}) \1 \s{{0,4}} ,? \s{{0,40}}
    {_QUOTE}? (?: name | key ) {_QUOTE}? \s{{0,4}} [:=] \s{{0,4}} {_QUOTE} \Z
    """
)


def _attribute(text: str, name: _Name, keep: Keep) -> Found | None:
    """``{'name': 'password', 'value': 'X'}`` and ``<add key="password" value="X"/>``, in either order."""
    near = text[max(0, name.begin - 8) : name.begin]
    if (":" not in near and "=" not in near) or _CALLED_BEFORE.search(
        text, max(0, name.begin - 40), name.begin
    ) is None:
        return None
    attribute = _ATTRIBUTE.match(text, name.end)
    if attribute is not None and re.match("value|val|content|text|data|default", name.text) is None:
        return _hidden(text, _value_at(text, attribute.end()), name, keep)
    opening = _ATTRIBUTE_CLOSED.match(text, name.end)
    if opening is not None:
        return _content(text, opening.end(), name, keep)
    before = _VALUE_BEFORE.search(text, max(0, name.begin - NEWS_SIZE), name.begin)
    if before is not None and not is_news(before[2], name.kind) and before[2] not in keep:
        return Found((before.span(2),), name.end)
    return None


_ELEMENT_BEFORE: Final = re.compile(r"<(?:\w{1,20}:)?\Z")
_ELEMENT: Final = re.compile(r"(?:\s[^<>\n]{0,200})?>\s{0,40}")


def _element(text: str, name: _Name, keep: Keep) -> Found | None:
    """``<password>X</password>``."""
    if text[name.begin - 1 : name.begin] not in ("<", ":"):
        return None
    if _ELEMENT_BEFORE.search(text, max(0, name.begin - 24), name.begin) is None:
        return None
    opening = _ELEMENT.match(text, name.end)
    return None if opening is None else _content(text, opening.end(), name, keep)


def _content(text: str, begin: int, name: _Name, keep: Keep) -> Found | None:
    """Hide what stands between two tags."""
    end = text.find("</", begin, begin + 20 * NEWS_SIZE)
    inner = text[begin:end].rstrip()
    if end < 0 or inner in keep or is_news(inner, name.kind):
        return None
    if inner.startswith("<") and "CDATA" not in inner[:9]:
        return None  # elements: they have names of their own
    return Found(((begin, begin + len(inner)),), end)


_FUNCTION: Final = re.compile(r"\(\s?(?=N?[\"'])N?")


def _function(text: str, name: _Name, keep: Keep) -> Found | None:
    """SQL's ``PASSWORD('X')``, and ``Token('X')``."""
    opening = _FUNCTION.match(text, name.end)
    if opening is None or name.kind not in (Kind.SECRET, Kind.TOKEN):
        return None
    return _hidden(text, _value_at(text, opening.end()), name, keep)


_INPUT: Final = re.compile(r"\n[ ]{2,8}[^\n]{1,300}?\binput_value=")


def _validated(text: str, name: _Name, keep: Keep) -> Found | None:
    """Pydantic's errors: the field on a line of its own, what was wrong with it and its value on the next."""
    said = _INPUT.match(text, name.end)
    return None if said is None else _hidden(text, _value_at(text, said.end()), name, keep)


_BLANKS: Final = re.compile(r"[ \t]{1,8}|[\"']?\n[ ]{0,20}-[ ]")
_OPTION_WORDS: Final = frozenset("option options flag argument arguments parameter value requires takes".split())
_LOGIN_BEFORE: Final = re.compile(r"\b(?:login|user|account)[ \t]+\S{1,80}\s+\Z")


def _option(text: str, name: _Name, keep: Keep) -> Found | None:
    """``--password X``, netrc's ``login u7 password X``, redis' ``requirepass X``."""
    blanks = _BLANKS.match(text, name.end)
    if blanks is None:
        return None
    is_option = name.text.startswith("-") and (len(name.text) > 2)
    lower = name.text.lower()
    if not is_option and lower not in ("requirepass", "masterauth", "sshpass"):
        near = text[max(0, name.begin - 100) : name.begin]
        if lower not in ("password", "passwd", "pass", "pwd") or not _LOGIN_BEFORE.search(near):
            return None
    value = _value_at(text, blanks.end())
    word = text[value.begin : min(value.end, value.begin + NEWS_SIZE)]
    if not value.opening and (word.startswith("-") or is_small(word) or word in _OPTION_WORDS):
        return None
    return _hidden(text, value, name, keep, clause=False)


_PROSE_COLON: Final = re.compile(
    r"[ ](?:(?:provided|given|supplied|used|sent|received|entered|rejected|for(?:[ ]user)?[ ]['\"]?[\w.@%-]{1,60}['\"]?)"
    r"[ ]?){1,2}:[ ]{0,4}"
)
_PROSE_STATE: Final = re.compile(
    r"(?:[ ](?:is|was|not|valid|invalid|wrong|incorrect|rejected|revoked|expired|failed)){1,3}:[ ]{1,4}"
    r"|[ ](?:for|of)(?:[ ]user)?[ ][\w.@%'-]{1,60}(?:[ ](?:is|was)[ ]|:[ ])"
)
_PROSE_IS: Final = re.compile(r"[ ](?:is|was|are|set[ ]to|equals|=)[ ]:?[ ]?")
_GAP: Final = re.compile(r"[ \t]{1,20}(?:\|[ \t]{1,20})?|=")
_OBJECTS_NAME: Final = re.compile(r"[a-z]+(?:[-_][a-z]+)+")
_COOKIE_PAIR: Final = re.compile(r"[ ][\w.-]{1,60}=")
_ALGORITHM: Final = re.compile(
    r"(?:sha|md|hs|rs|es|ps|aes|rsa|ed|utf|ipv|oauth|pbkdf|argon|scrypt|base|v|http|x|p|k|s|ec)-?\d{1,5}\w{0,3}"
    r"|[\d.,:/x+-]*|.*\.[A-Za-z]{1,4}|/.*|.*=.*|.*\(.*",
    re.IGNORECASE,
)
"""Words with digits that are no secrets: algorithms, versions, times and addresses, files, calls."""
_OF_PARSERS: Final = frozenset("unexpected unknown illegal undefined expected near syntax end reserved parse".split())
"""Words before the tokens of parsers."""

_FOR_KEY: Final = re.compile(
    r"entry[ ]'([^'\n]{1,200})'[ ]for[ ]key[ ]['\"`]?(?:[\w.]{1,60}\.)?(?:\w{0,40}_)?\Z", re.IGNORECASE
)
_DIALOGUE_BEFORE: Final = re.compile(r"(?:^|[>'\":]|[>:][ ]|\\n|\b[A-Za-z]{0,6}\d+)[ ]?\Z", re.MULTILINE)
_DIALOGUE_AUTH: Final = re.compile(
    r"[ =](?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2|OAUTHBEARER|EXTERNAL|NTLM|SCRAM-\S{4,12})[ ]([\w+/=.-]{4,})"
)


def _prose(text: str, name: _Name, keep: Keep) -> Found | None:
    """``password is X``, ``with token X``, ``wrong password 'X'``, ``API key provided: X``."""
    if " for key " in text[max(0, name.begin - 80) : name.begin]:  # Duplicate entry 'X' for key 'token'
        key = _FOR_KEY.search(text, max(0, name.begin - NEWS_SIZE), name.begin)
        return None if key is None else Found((key.span(1),), name.end)
    blanks = _GAP.match(text, name.end)
    if blanks is None:
        return None
    if name.text == "AUTH" and (said := _DIALOGUE_AUTH.match(text, name.end)):
        return Found((said.span(1),), said.end())
    if name.kind is Kind.COOKIE and (pair := _COOKIE_PAIR.match(text, name.end)):  # <Cookie sid=X for shop/>
        return _hidden(text, _value_at(text, pair.end()), name, keep, clause=False)
    if name.text in ("PASS", "AUTH") and _DIALOGUE_BEFORE.search(text, max(0, name.begin - 8), name.begin):
        value = _value_at(text, name.end + 1)
        word = text[value.begin : min(value.end, value.begin + NEWS_SIZE)]
        if not re.search("(?i)test|/|::", word) and not is_small(word):
            return _hidden(text, value, name, keep, clause=False)
    colon = _PROSE_COLON.match(text, name.end)
    if colon is not None:
        return _hidden(text, _value_at(text, colon.end()), name, keep)
    verb = _PROSE_STATE.match(text, name.end) or _PROSE_IS.match(text, name.end)
    value = _value_at(text, blanks.end() if verb is None else verb.end())
    word = text[value.begin : min(value.end, value.begin + NEWS_SIZE + 1)]
    if not word or (not value.opening and word.isalpha()):
        return None
    if not _OF_PARSERS.isdisjoint(text[max(0, name.begin - 30) : name.begin].lower().split()[-2:]):
        return None
    if value.opening in ('"', "'", "`"):
        quoted_name = text[name.begin - 1 : name.begin] in ("'", '"', "`")
        if quoted_name or name.kind in (Kind.WEAK, Kind.AUTHORIZATION, Kind.COOKIE) or _OBJECTS_NAME.fullmatch(word):
            return None
        return _hidden(text, value, name, keep)
    if value.opening in ("(", "[") and verb is None and is_suspicious(word) and not _ALGORITHM.fullmatch(word):
        return _hidden(text, value, name, keep)
    if (
        value.opening
        or name.kind in (Kind.AUTHORIZATION, Kind.COOKIE)
        or name.text.lower() in ("auth", "pass", "timeout")
    ):
        return None
    if name.kind is Kind.SESSION:
        return None
    bare = word.rstrip(".,;:)")
    if bare.isdigit():
        long = len(bare) >= 6 and name.kind in (Kind.SECRET, Kind.TOKEN)
        return Found(((value.begin, value.begin + len(bare)),), value.after) if long and bare not in keep else None
    if not re.search(r"\d", bare) or _ALGORITHM.fullmatch(bare) or len(bare) < (5 if name.kind is Kind.SECRET else 8):
        return None
    return _hidden(text, value, name, keep, clause=False)


_FORMS: Final = (_assigned, _paired, _attribute, _element, _function, _validated, _option, _prose)


# -- Without a name --------------------------------------------------------------------------------


_SCHEME_WORD: Final = re.compile(r"(?i:(bearer|basic|negotiate|ntlm|digest))(?::?[ ]+|%20|\+)[\"']?([\w.~+/-]{8,}=*)")
_MIXED: Final = re.compile(r"(?=.*[a-z])(?=.*[A-Z])|.*=\Z")


def scheme(text: str, at: int) -> Found:
    """``Bearer X`` and ``Basic X`` anywhere: unless what follows is a word of prose."""
    match = _SCHEME_WORD.match(text, at)
    if match is None:
        return Found((), at + 4)
    word = match[2]
    is_secret = any(map(str.isdigit, word)) or (not word.isalpha() and len(word) > 20)
    is_secret = is_secret or (_MIXED.match(word) is not None and not word.istitle() and len(word) >= 12)
    is_secret = is_secret or (match[1] == "Bearer" and len(word) >= 12 and not is_prose(text, match.end(), word))
    if not is_secret:
        return Found((), match.end(1))
    return Found((match.span(2),), match.end())


_ABOUT_BEARERS: Final = frozenset(
    "authentication authorization token tokens certificate certificates credentials scheme challenge format".split()
)


def is_prose(text: str, end: int, word: str) -> bool:
    """Tell whether a plain word behind ``Bearer`` speaks of bearers."""
    return word.lower() in _ABOUT_BEARERS or is_state(word)


_PAIR_OF: Final = r"[\s'\",=]{0,6} [^\s:,%'\"]{0,80} [:,%] ([^\s'\"]+)"
_NEXT: Final = r"[\s'\",]{1,6} (?! - ) (?: [\w.@]{1,40} : )? ([^\s'\"]+)"
_PROGRAMS: Final[dict[str, tuple[str, str]]] = {
    # By option: the programs, and what their value looks like; its group is hidden.
    "-u": (r"curl | lftp | svn | wget", _PAIR_OF),
    "-U": (r"curl | smbclient | rpcclient | net", _PAIR_OF),
    "--user": (r"curl | smbclient", _PAIR_OF),
    "--proxy-user": (r"curl", _PAIR_OF),
    "--auth": (r"https?", _PAIR_OF),
    "-a": (r"redis-cli | https?", _NEXT),
    "-w": (r"ldap\w+", _NEXT),
    "-k": (r"openssl", _NEXT),
    "-P": (r"sqlcmd | bcp | isql | tsql | unzip | zip | ipmitool | mosquitto_\w+", _NEXT),
    "-p": (
        r"sshpass | docker | podman | buildah | skopeo | nerdctl | helm | oc | az | mongo\w* | cqlsh | influx"
        r" | rabbitmqadmin | rdesktop | plink | pscp | psftp | hdbsql | clickhouse-client | useradd | usermod",
        _NEXT,
    ),
    "-p ": (r"mysql\w* | mariadb\S* | 7z\w* | sshpass", r"(?! [,\])] ) (?: ([^\s'\",\])]+) | ' ([^'\s,\]][^'\n]*) ' )"),
}
_PROGRAM_REACH: Final = 200


def _program(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[\s'\"/(\[`;|&:])({re.sub(r'[ ]', '', names)})(?=[\s'\",\]])", re.MULTILINE)


_OPTION_OF: Final = {option: (_program(names), _pattern(value)) for option, (names, value) in _PROGRAMS.items()}
OPTIONS: Final = tuple({option.strip().lower() for option in _OPTION_OF})
"""Options that hold secrets of some programs, in lower case."""


def short_option(text: str, at: int, option: str) -> Found:
    """``curl -u ada:X``, ``mysql -pX``, ``docker login -p X``: the program before an option tells what it means."""
    behind = at + len(option)
    if text[at - 1 : at] == "-":  # --password
        return Found((), behind)
    line = text.rfind("\n", max(0, at - _PROGRAM_REACH), at) + 1 or max(0, at - _PROGRAM_REACH)
    written = text[at:behind]
    for key in (written, f"{written} "):  # with a blank: the value is glued to it
        if key not in _OPTION_OF:
            continue
        programs, pattern = _OPTION_OF[key]
        program = programs.search(text, line, at)
        value = None if program is None else pattern.match(text, behind)
        if program is None or value is None:
            continue
        if program[1] in ("docker", "podman", "helm", "az", "oc") and "login" not in text[program.end() : at]:
            continue
        group = value.lastindex or 1
        return Found((value.span(group),), value.end())
    return Found((), behind)


_BETWEEN: Final = r"[\s'\",]{1,6}"
_COMMANDS: Final = {
    mark: re.compile(pattern)
    for mark, pattern in {
        "vault": rf"vault{_BETWEEN}login{_BETWEEN}(?:-\S{{1,40}}{_BETWEEN})?([^\s'\",-][^\s'\",]{{7,}})",
        "rabbitmqctl": rf"rabbitmqctl{_BETWEEN}(?:add_user|change_password){_BETWEEN}[^\s'\",]{{1,80}}{_BETWEEN}([^\s'\",]+)",
        "htpasswd": rf"htpasswd{_BETWEEN}-\w*b\w*{_BETWEEN}[^\s'\",]{{1,80}}{_BETWEEN}[^\s'\",]{{1,80}}{_BETWEEN}([^\s'\",]+)",
        "chpasswd": r"chpasswd\s<<<\s['\"]?[\w.-]{1,40}:([^\s'\"]+)",
        "xfreerdp": r"xfreerdp[^\n]{0,100}?/p:([^\s'\"]+)",
    }.items()
}
COMMANDS: Final = tuple(_COMMANDS)
"""Programs to which a secret is given without an option of its own."""


def command(text: str, at: int, program: str) -> Found:
    """``vault login X``, ``rabbitmqctl add_user ada X``."""
    said = _COMMANDS[program].match(text, at)
    return Found((), at + len(program)) if said is None else Found((said.span(1),), said.end())


_LOGIN: Final = re.compile(r"LOGIN[ ]\"?[\w.@-]{1,80}\"?[ ]\"?([^\s\"']{1,200})")
_TAG_BEFORE: Final = re.compile(r"\b[A-Za-z]{0,6}\d+[ ]\Z")


def login(text: str, at: int) -> Found:
    """IMAP's ``a1 LOGIN ada X``."""
    said = _LOGIN.match(text, at)
    if said is None or _TAG_BEFORE.search(text, max(0, at - 16), at) is None:
        return Found((), at + 5)
    return Found((said.span(1),), said.end())


_IDENTIFIED: Final = re.compile(r"identified\s+(?:with\s+\S{1,40}\s+)?(?:by|as)\s+(?:password\s+)?", re.IGNORECASE)


def identified(text: str, at: int) -> Found:
    """SQL's ``IDENTIFIED BY 'X'``."""
    said = _IDENTIFIED.match(text, at)
    if said is None:
        return Found((), at + 10)
    value = _value_at(text, said.end())
    if value.begin >= value.end or is_news(text[value.begin : min(value.end, value.begin + NEWS_SIZE)], Kind.SECRET):
        return Found((), said.end())
    return Found(((value.begin, value.end),), value.after)


# -- Statements ------------------------------------------------------------------------------------


_ROWS: Final = re.compile(
    r"(?:[Vv]alues\s{0,4}|VALUES\s{0,4}|\[parameters:\s{0,4}|args=|params=|row contains\s|key value is\s)(?=[(\[{])"
    r"|parameters:\s(?=\$1\s=)"
)
_PIECE: Final = 16_384
_MAPPING: Final = re.compile(r"[\[{ ]*['\"]\w+['\"]: ")
_PLACEHOLDERS: Final = re.compile(
    r"(?:[\s,()]|%s|%\(\w+\)s|\?|[$:@]\w+|DEFAULT|NULL|now\(\)|-?\d{1,5}\b)*", re.IGNORECASE
)


def rows(text: str) -> Iterator[Span]:
    """Yield the values of statements, which may be those of a column that is called like a secret."""
    at = 0
    for start in range(0, len(text), _PIECE):
        at = max(at, start)
        while (found := _ROWS.search(text, at, start + _PIECE + 40)) is not None:
            at = found.end()
            if text.startswith("$1", at):  # PostgreSQL's list goes to the end of the line
                end = _line_end(text, at)
                yield at + 5, end
                at = end
            while text[at : at + 1] in ("(", "[", "{"):
                value = _bracketed(text, at + 1, text[at])
                if not _is_row_news(text[value.begin : min(value.end, value.begin + 10 * NEWS_SIZE)]):
                    yield value.begin, value.end
                at = max(value.after, at + 1)
                at += len(", ") if text.startswith(", (", at) else text.startswith(",(", at)


def _is_row_news(row: str) -> bool:
    """Tell whether a row holds placeholders and numbers only, or is a mapping, whose names tell by themselves."""
    return row == "***" or _PLACEHOLDERS.fullmatch(row) is not None or _MAPPING.match(row) is not None


# -- URLs and keys ---------------------------------------------------------------------------------


_AUTHORITY: Final = re.compile(r"[^\s\"'<>`/?#]{0,500}")
_LAX: Final = re.compile(r"[^\s\"'<>`]{0,500}")
_PORT: Final = re.compile(r"\d{1,5}(?:[/?#]|\Z)")


def user_information(text: str, at: int, keep: Keep = ()) -> Found:
    """The password, or the token, of a URL whose ``://`` stands at a place."""
    begin = at + 3
    strict = _AUTHORITY.match(text, begin)
    assert strict is not None
    end = strict[0].rfind("@")
    if end < 0:
        lax = _LAX.match(text, begin)
        assert lax is not None
        inner = lax[0].partition("://")[0]
        user, colon, rest = inner.partition(":")
        end = inner.rfind("@")
        if end < 0 or not colon or re.search("[/?#]", user) or _PORT.match(rest) or "[" in user:
            return Found((), begin)
    inner = text[begin : begin + end]
    user, colon, password = inner.partition(":")
    if colon and password:
        place = begin + len(user) + 1
        if is_reference(password) or password in keep:
            return Found((), begin + end)
        return Found(((place, begin + end),), begin + end)
    # A token alone; ada@ is a user.
    if user not in keep and "%40" not in user and (looks_random(user) or (len(user) >= 20 and is_suspicious(user))):
        return Found(((begin, begin + end),), begin + end)
    return Found((), begin + end)


_ENCODED_USER: Final = re.compile(r"%3A%2F%2F[^%\s&]{0,80}%3A([^\s&\"']{1,200}?)%40", re.IGNORECASE)


def encoded_user_information(text: str, at: int) -> Found:
    """The password of a URL that is part of another one."""
    said = _ENCODED_USER.match(text, at)
    return Found((), at + 9) if said is None else Found((said.span(1),), said.end())


def is_reference(password: str) -> bool:
    """Tell whether a URL's password is masked, or a variable."""
    return is_news(password, Kind.SECRET) and not password.isalpha()


_BASE64_LINE: Final = re.compile(r"(?:\\[nr]|\\\\[nr]|[\s\"'+,\\])*([A-Za-z0-9+/=]{16,})")
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


_JDBC: Final = re.compile(r"(?:jdbc:oracle:\w{2,8}:|sqlplus(?:\s-\w)*\s)[\w.$#]{1,60}/([^\s@\"']{1,100})@")


def oracle(text: str, at: int) -> Found:
    """``jdbc:oracle:thin:scott/X@db`` and ``sqlplus scott/X@db``."""
    said = _JDBC.match(text, at)
    return Found((), at + 4) if said is None else Found((said.span(1),), said.end())
