"""How programs write a secret behind its name: with a sign, in pairs, options, markup, prose and SQL. Pure.

Each function looks at one place of a text and returns what is to be hidden there, and where to go on. None looks
more than a bounded number of characters beyond what it hides, so the cost grows only with the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from .secret_extents import (
    COLOUR,
    QUOTE,
    RUN,
    Found,
    Value,
    bracketed,
    line_end,
    pattern,
    quoted,
    value_at,
    without_closing,
)
from .secret_hiding import Name, changed, hidden, looked_at
from .secret_names import Kind, kind_of
from .secret_prose import PROSE_COLON, PROSE_VERB, dialogue, duplicate, prose
from .secret_shapes import Span
from .secret_values import NEWS_SIZE, is_news, is_sentence, is_small, is_suspicious

# -- Names -----------------------------------------------------------------------------------------

_NAME_SIGNS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_NAME_SIZE: Final = 60
_ESCAPED: Final = re.compile(
    r"(?<=%) (?:25)* [0-9A-Fa-f]{2} | (?<=\\) (?: [nrt] | u00[0-9a-f]{2} | x[0-9a-f]{2} ) | (?<=\[) [\d;]{0,12} m",
    re.VERBOSE,
)
"""What may be glued to the beginning of a name: the rest of a percent sign, of a backslash, of a terminal's colour."""

_FIRST_WORD: Final = re.compile(r"\b([A-Za-z]{3,14})[ ]\Z")


def _name_at(text: str, at: int) -> Name:
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
    return Name(begin, end, name, kind)


def named(text: str, at: int, keep: Collection[str] = ()) -> Found:
    """Look at a place where a part of a secret's name stands: what is its value, if it has one there?

    Args:
        text: Any text.
        at: A place inside a name.
        keep: Names, in lower case, that say no secret to the user.
    """
    name = _name_at(text, at)
    behind = max(name.end, at + 1)
    is_kept = name.kind is Kind.NONE or name.text.lower().lstrip("-") in keep
    if is_kept or _is_of_something_else(text, name):
        return Found((), behind)
    for form in _FORMS:
        found = form(text, name)
        if found is not None:
            return Found(found.spans, max(found.resume, behind))
    return Found((), behind)


def _is_of_something_else(text: str, name: Name) -> bool:
    """Tell whether it is the name of a variable with a default, of a file, or of what Amazon keeps."""
    before = text[max(0, name.begin - 2) : name.begin]
    if before == "${" or (before[-1:] in ("/", "\\") and "." in name.text.strip(".")):
        return True
    if not text.startswith(":", name.end):
        return False
    return _AMAZON_NAME.search(text, max(0, name.begin - 60), name.begin) is not None


_AMAZON_NAME: Final = re.compile(r"arn:aws[\w-]{0,10}:[\w:-]{1,45}:\Z")
"""The beginning of ``arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders``."""


# -- Forms -----------------------------------------------------------------------------------------

_ASSIGNED: Final = pattern(
    rf"""
    {COLOUR}{{0,3}} (?: \[? \] | %5D )? (?P<close> {QUOTE} )? {COLOUR}{{0,3}} \]? (?: \) (?= = ) )?
    (?P<blank> \s{{0,20}} ) {COLOUR}{{0,3}}
    (?P<sign> [=-]> | := | \?= | (?: [=!]==? | <- | \+= | \|\|= | \?\?= ) (?= \s? [bu]? ["'] )
                  | I?LIKE (?= \s ['"] ) | TO (?= \s ' ) | IN \s? (?= \( ['"] ) | ;s:\d{{1,6}}: (?= \\?" )
                  | = (?!=) | : (?! : | // ) | ： | %(?:25){{0,3}}3[aAdD] )
    {COLOUR}{{0,3}} (?P<gap> %20 | \+ | \s{{0,60}} )
    """
)
_USER_AND_SECRET: Final = re.compile(r"[\w.@+-]{1,60}[ ]?[/:][ ]?([^\s\"',;/]{4,200})")
_COLUMNS: Final = re.compile(r"[\"'`]?(?:\)?::\w{1,20})?(?:,\s?[\"'`]?\w{1,60}[\"'`]?){0,20}\){1,2}\s?=\s?(?=\()")
_BLOCK: Final = re.compile(r"[|>][+-]?\d?[ ]*\n((?:[ ]+\S[^\n]*(?:\n|\Z))+)")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,24})[ ]+(?=[^\s,;])")
_ONE_CREDENTIAL: Final = frozenset(("basic", "bearer", "token", "negotiate", "ntlm", "apikey", "key", "jwt", "dpop"))
_WITH_PARAMETERS: Final = frozenset(("digest", "oauth", "hawk", "signature", "aws4-hmac-sha256"))
_COOKIES: Final = re.compile(r"""(?:=\s?"[^"\n]{0,200}"|=\s?'[^'\n]{0,200}'|[^"'\n])+""")


def _assigned(text: str, name: Name) -> Found | None:
    """``name=value``, ``"name": "value"``, ``name => value``, ``name%3Dvalue``, ``Key (name)=(value)``."""
    if text[name.end : name.end + 1] in ('"', "'", "`", ",", ")", ":") and (columns := _COLUMNS.match(text, name.end)):
        return hidden(text, value_at(text, columns.end()), name)
    sign = _ASSIGNED.match(text, name.end)
    if sign is None:
        return None
    if "\n" in sign["blank"] + sign["gap"] and not sign["close"]:
        return _on_next_line(text, name)
    at = sign.end()
    if name.text == "PASS" and sign["sign"] == ":" and not sign["close"]:  # a test's result
        return None
    if not sign["close"] and text[at : at + 1] in ("|", ">") and (block := _BLOCK.match(text, at)):
        return Found((block.span(1),), block.end())
    value = value_at(text, at, sign=sign["sign"])
    if value.opening and not sign["close"] and text[name.begin - 1 : name.begin] == value.opening:
        return Found((), name.end)  # the end of what the name began, such as a prompt: 'Password: '
    value = _to_the_end(text, value, name, sign["close"])
    if name.text.lower() in ("pwd", "oldpwd") and re.match(r"~?[/\\]|[A-Za-z]:\\", text[value.begin : value.begin + 3]):
        return None
    if (found := _in_parts(text, value, name)) is not None:
        return found
    roomy = bool(sign["gap"]) or sign["sign"] == ":"
    # What is news is so for the other forms as well.
    found = hidden(text, value, name, clause=roomy) or Found((), name.end)
    return changed(text, value, found) if value.opening in ("'", '"') else found


def _in_parts(text: str, value: Value, name: Name) -> Found | None:
    """Hide the secret parts of a value that has parts: a header's credentials, a user and a password, cookies."""
    if name.kind is Kind.AUTHORIZATION or (name.kind is Kind.TOKEN and value.opening in ("", '"', "'")):
        found = _credentials(text, value, name)
        if found is not None:
            return found
    if "cred" in name.text.lower() and (pair := _USER_AND_SECRET.match(text, value.begin)):
        return Found((pair.span(1),), pair.end())
    return _cookies(text, value) if name.kind is Kind.COOKIE and not value.opening else None


_REST_OF_FIELD: Final = re.compile(r"(?:[ ][^\s,;=()\[\]{}\"']{1,60}){1,8}(?=[,;][ ]?\w{1,60}=|;|[)\]}])")
_OTHER_NAME: Final = re.compile(r"[=:,;&\n]")


def _to_the_end(text: str, value: Value, name: Name, closed: str | None) -> Value:
    """Return all of a value in whose quotes its name is too, as in ``'--password=two words'``, or in whose brackets."""
    if closed or value.opening:
        return value
    before = text[name.begin - 1 : name.begin]
    word = _WORD_BEFORE.search(text, max(0, name.begin - _NAME_SIZE), name.begin) if before in ("'", '"', "=") else None
    if word is not None:
        is_option = (word["begin"] or name.text).startswith("-")
        inside = quoted(text, value.begin, word["quote"])
        if inside.end <= value.end:
            return value
        rest = text[value.end : min(inside.end, value.end + NEWS_SIZE)]
        if " " not in rest:
            is_whole = is_option or rest[:1] in ("'", '"', "`", "<")
        else:
            is_whole = not _OTHER_NAME.search(rest) and (is_option or not is_sentence(rest))
        return Value(value.begin, inside.end, inside.end, "") if is_whole else value
    is_field = before in ("(", "[", "{", ";") or text.endswith((", ", "; "), 0, name.begin)
    more = _REST_OF_FIELD.match(text, value.end) if is_field else None
    return value if more is None or is_sentence(more[0]) else Value(value.begin, more.end(), more.end(), "")


_WORD_BEFORE: Final = re.compile(r"(?P<quote>(?<!\\)\\*[\"'])(?P<begin>(?:-[\w.=-]*=)?)\Z")
_LINES_END: Final = re.compile(r":[ ]{0,4}(?=\n)")
_NEXT_LINE: Final = re.compile(
    r"\n[ ]{1,40}(?:-[ ])?(?:[\w.-]{1,60}:[ ])?[\"']?([^\s:\"']{1,200})[\"']?[ ]{0,4}(?=\n|\Z)"
)


def _on_next_line(text: str, name: Name) -> Found | None:
    """YAML's value alone on the next line; or a list, or a mapping, on the next lines."""
    line = _LINES_END.match(text, name.end)
    spans: list[Span] = []
    end = name.end
    while line is not None:
        end = line.end()
        line = _NEXT_LINE.match(text, end)
        if line is not None and is_suspicious(line[1]) and not is_news(line[1], name.kind):
            spans.append(line.span(1))
    return Found(tuple(spans), end) if spans else None


def _credentials(text: str, value: Value, name: Name) -> Found | None:
    """``Bearer X``: the scheme is shown. Behind a scheme with parameters, the rest of the line is hidden."""
    scheme = _SCHEME.match(text, value.begin)
    if scheme is None or scheme.end() >= _end_of(text, value):
        return None
    word = scheme[1].lower()
    if is_small(word):  # expired at 10:00
        return None
    if name.kind is not Kind.AUTHORIZATION and word not in _ONE_CREDENTIAL:
        return None
    if is_sentence(text[value.begin : min(_end_of(text, value), value.begin + NEWS_SIZE // 2)]):
        return None
    end = _end_of(text, value)
    if word in _ONE_CREDENTIAL:
        if _PARAMETER.match(text, scheme.end()):  # Token token="X"
            return Found(((scheme.end(), end),), max(value.after, end))
        run = RUN.match(text, scheme.end())
        end = value.end if value.opening or run is None else without_closing(text, scheme.end(), run.end())
        if is_news(text[scheme.end() : min(end, scheme.end() + NEWS_SIZE + 1)], name.kind):
            return Found((), scheme.end())
    elif word not in _WITH_PARAMETERS and is_suspicious(scheme[1]):
        return None  # no scheme: the secret itself
    return Found(((scheme.end(), end),), max(value.after, end))


_PARAMETER: Final = re.compile(r"[A-Za-z_-]{2,20}=[\"'](?=\S)")


def _end_of(text: str, value: Value) -> int:
    return value.end if value.opening else line_end(text, value.begin)


def _cookies(text: str, value: Value) -> Found | None:
    """``Cookie: a=b; c=d`` to the end of the line, or of the string that it is in."""
    cookies = _COOKIES.match(text, value.begin)
    if cookies is None:
        return None
    line = text[value.begin : min(cookies.end(), value.begin + NEWS_SIZE // 2)]
    return None if "=" not in line or is_sentence(line) else Found((cookies.span(),), cookies.end())


_PAIR: Final = pattern(rf"{QUOTE} \s{{0,20}} , \s{{0,40}} (?= [bBuU]? {QUOTE} | [\[(] )")
_TUPLE_BEFORE: Final = pattern(rf"[\[(] \s{{0,20}} [bBuU]? {QUOTE} \Z")
_SETTER_BEFORE: Final = re.compile(r"(?i:set|put|env)\w{0,20}\([^()\[{\n]{0,60}\Z")
_PAIR_END: Final = re.compile(r"\s{0,20},?\s{0,20}[\])]")
_FIELDS: Final = frozenset(
    "email mail user username name login id first_name last_name phone address age role host port url".split()
)


def _paired(text: str, name: Name) -> Found | None:
    """``('name', 'value')``, ``[b'name', b'value']``, ``'--name', 'value'``."""
    pair = _PAIR.match(text, name.end)
    if pair is None:
        return None
    value = value_at(text, pair.end())
    if not name.text.startswith("-") and not _is_pair(text, name, value):
        return None
    if name.kind is Kind.AUTHORIZATION and (found := _credentials(text, value, name)):
        return found
    return hidden(text, value, name)


def _is_pair(text: str, name: Name, value: Value) -> bool:
    """Tell a name and its value from two names in a list of names, such as ``['password', 'email']``."""
    inner = looked_at(text, value)
    is_word = inner.isidentifier() and not is_suspicious(inner)
    is_name = inner.isidentifier() and not is_suspicious(inner.rstrip("0123456789"))  # password1, password2
    if inner in _FIELDS or (is_name and kind_of(inner) in (Kind.SECRET, Kind.TOKEN, Kind.SESSION)):
        return False
    if _SETTER_BEFORE.search(text, max(0, name.begin - 80), name.begin):
        return True
    before = _TUPLE_BEFORE.search(text, max(0, name.begin - 24), name.begin)
    if before is None or _PAIR_END.match(text, value.after) is None:
        is_header = name.kind in (Kind.AUTHORIZATION, Kind.COOKIE) or name.text.startswith(("X-", "x-"))
        return is_header and not is_word  # a list of names and values in turns
    in_list_of_pairs = text[max(0, before.start() - 3) : before.start()].strip()[-1:] in ("[", ",")
    return before[0][0] == "(" or in_list_of_pairs or not is_word


_ATTRIBUTE: Final = pattern(
    rf"""
    {QUOTE}? (?: \s{{1,4}} [\w-]{{1,20}} = "[^"\n]{{0,60}}" ){{0,3}}
    (?: , \s{{0,20}} "\w{{1,20}}" : \s? "?\w{{1,30}}"? (?= , ) ){{0,3}} \s{{0,20}} ,? \s{{0,40}}
    {QUOTE}?
    (?i: (?: parameter | rejected )? _? (?: value | val | content | text | data | default ) s? ) {QUOTE}? \s{{0,4}}
    (?: => | [:=] ) \s{{0,40}}
    """
)
_CALLED_BEFORE: Final = pattern(
    rf"""
    (?i: (?: name | key | field | id | \b k | header | variable | path | (?P<type> \b type ) ) )
    {QUOTE}? \s{{0,4}} (?: => | [:=] ) \s{{0,4}} [bu]? {QUOTE}? (?: / (?: [\w.-]{{1,40}} / ){{0,5}} )? \Z
    """
)
_ATTRIBUTE_CLOSED: Final = re.compile(r"[\"'][^<>\n]{0,100}(?<!/)>\s{0,40}")
_VALUE_BEFORE: Final = pattern(
    rf"""
    \b value {QUOTE}? \s{{0,4}} [:=] \s{{0,4}} ({QUOTE}) ((?: (?!\1) [^\n] ){{1,200}}) \1 \s{{0,4}} ,? \s{{0,40}}
    (?: [\w-]{{1,20}} = "[^"\n]{{0,60}}" \s{{1,4}} ){{0,3}}
    {QUOTE}? (?: name | key ) {QUOTE}? \s{{0,4}} [:=] \s{{0,4}} {QUOTE} \Z
    """
)


def _attribute(text: str, name: Name) -> Found | None:
    """``{'name': 'password', 'value': 'X'}`` and ``<add key="password" value="X"/>``, in either order."""
    near = text[max(0, name.begin - 8) : name.begin]
    if ":" not in near and "=" not in near and "/" not in near:  # most names: the expression would take longer
        return None
    called = _CALLED_BEFORE.search(text, max(0, name.begin - 60), name.begin)
    if called is None or (called["type"] and name.kind is not Kind.SECRET):  # parsers have tokens
        return None
    attribute = _ATTRIBUTE.match(text, name.end)
    if attribute is not None and re.match("value|val|content|text|data|default", name.text) is None:
        return hidden(text, value_at(text, attribute.end()), name)
    opening = _ATTRIBUTE_CLOSED.match(text, name.end)
    if opening is not None and (found := _content(text, opening.end(), name)):
        return found
    before = _VALUE_BEFORE.search(text, max(0, name.begin - NEWS_SIZE), name.begin)
    if before is not None and not is_news(before[2], name.kind):
        return Found((before.span(2),), name.end)
    return None


_LOCATION_BEFORE: Final = re.compile(r"[\"']loc[\"']:[ ]?[\[(][^\[\]()\n]{0,100}\Z")
_LOCATED_INPUT: Final = re.compile(r"(?:(?![\"']loc[\"']:)[^\n]){0,600}?[\"']input[\"']:[ ]?")


def _located(text: str, name: Name) -> Found | None:
    """``{'loc': ('body', 'password'), ..., 'input': 'X'}``, of Pydantic and FastAPI."""
    if text[name.end : name.end + 1] not in ("'", '"') or "loc" not in text[max(0, name.begin - 100) : name.begin]:
        return None
    if _LOCATION_BEFORE.search(text, max(0, name.begin - 100), name.begin) is None:
        return None
    said = _LOCATED_INPUT.match(text, name.end)
    return None if said is None else hidden(text, value_at(text, said.end()), name)


_ELEMENT_BEFORE: Final = re.compile(r"<(?:\w{1,20}:)?\Z")
_ELEMENT: Final = re.compile(r"(?:\s[^<>\n]{0,200})?>\s{0,40}")
_ELEMENTS_VALUE: Final = re.compile(r"\s(?:[^<>\n]{0,200}\s)?value=(?=[\"'])")
_ESCAPED_BRACKETS: Final = (("&lt;", "&gt;"), (r"\u003c", r"\u003e"))


def _element(text: str, name: Name) -> Found | None:
    """``<password>X</password>``, ``<password value="X"/>``."""
    for opening, closing in _ESCAPED_BRACKETS:
        if text.startswith(closing, name.end) and text.endswith(opening, 0, name.begin):
            end = text.find(f"{opening}/", name.end, name.end + 10 * NEWS_SIZE)
            begin = name.end + len(closing)
            is_shown = end <= begin or is_news(text[begin:end], name.kind)
            return None if is_shown else Found(((begin, end),), end)
    if text[name.begin - 1 : name.begin] not in ("<", ":"):
        return None
    if _ELEMENT_BEFORE.search(text, max(0, name.begin - 24), name.begin) is None:
        return None
    if (attribute := _ELEMENTS_VALUE.match(text, name.end)) is not None:
        return hidden(text, value_at(text, attribute.end()), name)
    element = _ELEMENT.match(text, name.end)
    return None if element is None else _content(text, element.end(), name)


_NEXT_ELEMENT: Final = re.compile(r"</\w{1,20}>\s{0,40}(?:<\w{1,20}>\s{0,40}){1,3}(?=[^<\s])")


def _next_element(text: str, name: Name) -> Found | None:
    """``<key>password</key><string>X</string>``, of property lists and XML-RPC."""
    between = _NEXT_ELEMENT.match(text, name.end) if text[name.begin - 1 : name.begin] == ">" else None
    return None if between is None else _content(text, between.end(), name)


_INNER_ELEMENT: Final = re.compile(r"(?:<\w{1,20}>\s{0,40}){1,3}(?=[^<\s])")


def _content(text: str, begin: int, name: Name) -> Found | None:
    """Hide what stands between two tags, or in an element between them that has no name of its own."""
    inner_element = _INNER_ELEMENT.match(text, begin)
    begin = begin if inner_element is None else inner_element.end()
    end = text.find("</", begin, begin + 10 * NEWS_SIZE)
    inner = text[begin:end].rstrip()
    if end < 0 or is_news(inner, name.kind):
        return None
    if inner.startswith("<") and "CDATA" not in inner[:9]:
        return None  # elements: they have names of their own
    return Found(((begin, begin + len(inner)),), end)


_FUNCTION: Final = re.compile(r"\(\s?(?=N?[\"'])N?")


def _function(text: str, name: Name) -> Found | None:
    """SQL's ``PASSWORD('X')``, and ``Token('X')``."""
    opening = _FUNCTION.match(text, name.end)
    function = name.text.rpartition(".")[2]
    if opening is None or kind_of(function) not in (Kind.SECRET, Kind.TOKEN):
        return None
    value = value_at(text, opening.end())
    if text.startswith(",", value.after):  # auth("ada", "X")
        value = bracketed(text, name.end + 1, "(")
    return hidden(text, value, name)


_INPUT: Final = re.compile(r"\n[ ]{2,8}[^\n]{1,300}?\binput_value=")


def _validated(text: str, name: Name) -> Found | None:
    """Pydantic's errors: the field on a line of its own, what was wrong with it and its value on the next."""
    said = _INPUT.match(text, name.end)
    return None if said is None else hidden(text, value_at(text, said.end()), name)


_BLANKS: Final = re.compile(r"[ \t]{1,8}(?:<<<[ ]?)?|[\"']?\n[ ]{0,20}-[ ]")
_OPTION_WORDS: Final = frozenset("option options flag argument arguments parameter value requires takes".split())
_LOGIN_BEFORE: Final = re.compile(r"\b(?:login|user|account)[ \t]+\S{1,80}\s+\Z")


def _option(text: str, name: Name) -> Found | None:
    """``--password X``, netrc's ``login u7 password X``, redis' ``requirepass X``."""
    blanks = _BLANKS.match(text, name.end)
    if blanks is None:
        return None
    is_option = name.text.startswith("-") and len(name.text) > 2
    lower = name.text.lower()
    if not is_option and lower not in ("requirepass", "masterauth", "sshpass"):
        near = text[max(0, name.begin - 100) : name.begin]
        if lower not in ("password", "passwd", "pass", "pwd") or not _LOGIN_BEFORE.search(near):
            return None
    if text.startswith("pass:", blanks.end()):  # openssl's -passin pass:X
        return None
    value = value_at(text, blanks.end())
    word = text[value.begin : min(value.end, value.begin + NEWS_SIZE)]
    if not value.opening and (word.startswith("-") or is_small(word) or word in _OPTION_WORDS):
        return None
    if is_option and word.isupper() and name.text.strip("-").replace("-", "_").upper().endswith(word):
        return None  # a usage line: --password PASSWORD
    return hidden(text, value, name, clause=False)


_COOKIE_PAIR: Final = re.compile(r"[ ][\w.-]{1,60}=")


def _cookie_object(text: str, name: Name) -> Found | None:
    """``<Cookie sid=X for shop/>``."""
    pair = _COOKIE_PAIR.match(text, name.end) if name.kind is Kind.COOKIE else None
    return None if pair is None else hidden(text, value_at(text, pair.end()), name, clause=False)


_FORMS: Final = (
    duplicate,
    dialogue,
    _assigned,
    _paired,
    _located,
    _attribute,
    _element,
    _next_element,
    _function,
    _validated,
    _option,
    _cookie_object,
    prose,
)
"""In their order: the first that finds something decides."""

BEGINS: Final = rf"""
    (?: \]? ["'`\\&%\x1b<>]                # of a quoted name; a colour; a tag
      | ,\s?value                          # the other half of a pair
      | \(\s?n?["'] | \[\]               # a function, a field of a form
      | \n[ -]                            # another line has the value
      | \]? \s{{0,20}} (?: [=:：] | -> | <- | [?+|]{{1,2}}= )  # a sign
      | (?: \)?::\w{{1,20}} )? (?: ,\s?["'`]?\w{{1,60}}["'`]? ){{0,20}} \){{1,2}}\s?=
      | [ ] (?: (?: i?like | to )[ ]["'] | in[ ]?\(["'] )  # SQL's
      | [ \t]+ (?: ["'`(\[|] | (?: [–—-] [ ] | \d [ ] )? \S{{0,200}}\d | [\w.-]{{1,60}}= )
      | {PROSE_COLON} | {PROSE_VERB}
    )
"""
"""What stands behind a name if one of the forms begins there. Most names are not followed by it, and are skipped."""
