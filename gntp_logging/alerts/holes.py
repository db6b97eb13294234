"""What varies in a message becomes a hole, so that repeats of one mistake have one text. Pure.

A line goes through the steps of :func:`holes_made`, in their order. A step that costs time runs only if the line has a
character that the step looks for: most messages pay for the tokens alone. Every pattern is linear: it begins at a
character at which it cannot begin twice, and repeats nothing that can be divided in two ways.

What tells mistakes apart stays, although it holds digits: codes behind the word that announces them, the names of
:data:`_NAMES`, and classes.
"""

from __future__ import annotations

import functools
import re
import sys
from typing import Final

HOLE: Final = "*"
"""Stands for whatever varies. One sign for all sorts: what is a number here is a name there."""

CUT: Final = "…"
"""Ends a text whose rest is missing."""

MAX_TEXT: Final = 1000
"""Characters of a message that are looked at."""

MAX_RESULT: Final = 300
"""Characters of the result. It is cut after the holes were made, because what fills them differs in length."""


def with_holes(text: str) -> str:
    """Return a message's first line with holes for what varies in it.

    Args:
        text: The message, without its secrets. Where it ends in :data:`CUT`, its last token is not complete.

    Returns:
        At most :data:`MAX_RESULT` characters.
    """
    return _result(text.lstrip().partition("\n")[0][:MAX_TEXT])


@functools.lru_cache(maxsize=128)  # what fails in a loop says the same again
def _result(line: str) -> str:
    return holes_made(line)[:MAX_RESULT].rstrip()


def holes_made(line: str) -> str:
    """Return a line, however long, with holes for what varies in it."""
    words = line.split()
    line = " ".join(words)
    is_cut = line.endswith(CUT)
    if "\x1b" in line:
        line = _COLOUR.sub("", line)
    if "{" in line:
        line = _without_bodies(line, is_cut=is_cut)
    line = _without_quotes(line, is_cut=is_cut)
    if is_cut and line.endswith(CUT):
        line = line[: line.rfind(" ") + 1]
    if "://" in line:
        line = _URL.sub(HOLE, line)
    if "=" in line:
        if "?" in line:
            line = _QUERY.sub("", line)
        line = _VALUE.sub(_value, line)
    if "user " in line or "failures for " in line:
        line = _USER.sub(HOLE, line)
    if "..." in line:
        line = _DOTS.sub(" .. ", line)
    if ":\\" in line:
        line = _DRIVE.sub("", line)
    if _COLONS.search(line):
        line = _HEX_GROUPS.sub(HOLE, line)
    line = _TOKEN.sub(_token_or_code if _may_announce(line.lower()) else _token, line)
    if "[" in line:
        line = _BRACKETS.sub("[*]", line)
    if not _DATE_WORDS.isdisjoint(words):
        line = _DATE.sub(HOLE, line)
    if HOLE not in line:
        return line
    if " <*" in line:
        line = line.replace(" <*", " *")  # less than a second
    if "*,)" in line:
        line = line.replace("*,)", "*)")  # a tuple of one
    if ":*" in line:
        line = _PEER.sub(f" {HOLE}", line)
    line = _RUN.sub(HOLE, line)
    if " from *" in line:
        line = _FROM.sub(HOLE, line)
    return _PLURAL.sub(_singular, line)


_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")

# -- What has a beginning and an end ---------------------------------------------------------------


_BRACE: Final = re.compile(r'"[^"]*"|[{}]')
"""A brace, or a whole string, whose braces do not count."""


def _without_bodies(line: str, *, is_cut: bool) -> str:
    """Return a line with a hole for each outermost pair of braces: JSON, a dictionary, an object as Java prints it."""
    bodies: list[tuple[int, int]] = []
    opened: list[int] = []
    for brace in _BRACE.finditer(line):
        if brace[0] == "{":
            opened.append(brace.start())
        elif brace[0] == "}" and opened:
            begin = opened.pop()
            while bodies and bodies[-1][0] > begin:
                bodies.pop()
            bodies.append((begin, brace.end()))
    if is_cut and opened:  # the body goes on behind the cut
        bodies = [body for body in bodies if body[0] < opened[0]]
        bodies.append((opened[0], len(line)))
    parts: list[str] = []
    end = 0
    for begin, next_end in bodies:
        parts += line[end:begin], HOLE
        end = next_end
    return "".join((*parts, line[end:]))


# No sign that opens a string can also stand inside one, so that a string that never ends is looked through once.
_DOUBLE: Final = r'"(?<!\\")[^"\\]*(?:\\.[^"\\]*)*'
# A quote behind a letter opens nothing, except in b'bytes'. Between two letters it is an apostrophe and closes nothing.
_SINGLE: Final = r"'(?:(?<![\w\\]')|(?<=\b[bru]'))[^'\\]*(?:(?:\\.|'(?<=\w')(?<!\b[bru]')(?=\w))[^'\\]*)*"
_DOUBLE_QUOTED: Final = re.compile(rf'{_DOUBLE}"')
_SINGLE_QUOTED: Final = re.compile(rf"{_SINGLE}'(?!\w)")
_OTHER_QUOTED: Final = re.compile("`[^`']*[`']|[“„”][^“„”]*[“”]|«[^«»]*»|»[^«»]*«|[‘‚][^’‘‚]*[’‘]|「[^「」]*」")
_CUT_QUOTED: Final = re.compile(rf"(?:{_DOUBLE}|{_SINGLE})(?<={CUT})\Z")
_REQUEST: Final = re.compile(r"""["'](?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE) """)
_REMOTE_USER: Final = re.compile(r"(?<= - )\S+(?= \[[^\[\]]*\] \")")
"""The user that an access log names."""

_DRIVERS_ERROR: Final = re.compile(r"(?:\A|(?<=\) ))\(([0-9]{3,4}), (?=b?[\"'])")
"""``(2006, "server has gone away")``: so drivers of databases, and of mail, print an error; its text is in quotes."""

_RESPONSE: Final = re.compile(r"""["'](HTTP/[0-9.]+ )?([1-5][0-9][0-9]) [A-Z]""")


def _without_quotes(line: str, *, is_cut: bool) -> str:
    if line.startswith("("):
        line = _DRIVERS_ERROR.sub(r"(errno \1, ", line)
    if '"' in line:
        if '] "' in line:
            line = _REMOTE_USER.sub(HOLE, line)
        line = _DOUBLE_QUOTED.sub(_quoted, line)
    if "'" in line:
        line = _SINGLE_QUOTED.sub(_quoted, line)
    if "`" in line or not line.isascii():
        line = _OTHER_QUOTED.sub(HOLE, line)
    return _CUT_QUOTED.sub(HOLE, line) if is_cut else line


def _quoted(match: re.Match[str]) -> str:
    """Return a hole. A response keeps its status, a request its method and the sign that announces a status.

    A reason, as in ``reason="too late"``, stays without its quotes.
    """
    text = match[0]
    if match.string[match.start() - 1 : match.start()] == "=" and _is_telling(match.string, match.start() - 1):
        return text[1:-1]
    if request := _REQUEST.match(text):
        return f'{request[0]}{HOLE}"'
    if response := _RESPONSE.match(text):
        return f"{'HTTP ' if response[1] else ''}{response[2]} {HOLE}"
    return HOLE


_URL: Final = re.compile(r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]*://[^\s,;)\]>]*(?<![.:])")

# -- What a word announces -------------------------------------------------------------------------

_IN_VALUE: Final = r"[^\s,;()\[\]{}<>&|=]"
_VALUE: Final = re.compile(rf"=(?<![=!<>]=)(?![=>~])(?: ?{_IN_VALUE}+(?!{_IN_VALUE}|=))?")
_TELLING_NAMES: Final = (
    "reason", "error", "state", "status", "type", "method", "errno", "winerror", "signal", "exception",
    " code", "_code", "-code", ".code", "tuscode", "rorcode", "errcode", "xitcode", "urncode", "retcode", "nsecode",
    "pgcode", " rc", " msg", " message", " event", " err", " level",
)  # fmt: skip
"""Names whose values tell one mistake from another. A longer name may end with one of them, as ``errorCode`` does.
``code`` stands here with what must precede it, because there are keycodes and zipcodes."""

_LONGEST_NAME: Final = 10


def _is_telling(line: str, end: int) -> bool:
    """Tell whether the name that ends at a place is one of :data:`_TELLING_NAMES`."""
    return f" {line[max(0, end - _LONGEST_NAME) : end]}".rstrip().lower().endswith(_TELLING_NAMES)


def _value(match: re.Match[str]) -> str:
    return match[0] if _is_telling(match.string, match.start()) else f"={HOLE}"


_QUERY: Final = re.compile(r"(?<=[\w/])\?[\w.%~-]+=[^\s,;)\]>\"']*")
"""The query of a URL, which the next URL may be without."""

_USER: Final = re.compile(
    r"""
    (?: (?<=\bfor[ ]user[ ]) | (?<=\bby[ ]user[ ]) | (?<=\b(?:invalid|unknown|illegal)[ ]user[ ])
      | (?<=failures[ ]for[ ]) )
    [^\s,;:]+
    """,
    re.IGNORECASE | re.VERBOSE,
)

# -- Tokens ----------------------------------------------------------------------------------------

_DOTS: Final = re.compile(r" ?\.{3,} ?")
"""Leaders of a column: they stand between words, and are no part of one."""

# ASCII alone: it takes half the time, and in 订单17失败, which has no blanks, the words stay.
_LETTER: Final = r"a-zA-Z_\-~%+#$&"
_SIGN: Final = rf"{_LETTER}0-9./\\@"
_POSSESSIVE: Final = "+" if sys.version_info >= (3, 11) else ""
"""Keeps all letters that were matched: no match needs fewer, and without this sign each is tried once more."""

_TOKEN: Final = re.compile(
    rf"""
    (?<![{_SIGN}])
    (?: [{_LETTER}]*{_POSSESSIVE} [0-9/@\\.] (?<! \.(?![{_SIGN}]) ) [{_SIGN}]* (?<![.\-])
      | (?: [a-fA-F]{{8,}} | tmp[a-z_]{{8}} ) (?! [{_LETTER}0-9/\\@] | \.[{_SIGN}] ) )
    """,
    re.VERBOSE,
)
"""What holds a digit, a sign of a path or of an address, or a dot inside; hexadecimal letters alone; the name of a
temporary file. No character is looked at more than three times."""

_COLONS: Final = re.compile(r":[0-9a-fA-F]{0,4}:")
_HEX_GROUPS: Final = re.compile(
    r"(?<![\w:])(?:(?=[a-fA-F:]*[0-9])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}|(?:[a-fA-F]{2}:){5}[a-fA-F]{2})(?![\w:])"
)
"""An address, MAC's or IPv6's, or a time: between colons a part without a digit would look like a word. Of what has no
digit, six pairs of letters are MAC's."""

_DRIVE: Final = re.compile(r"\b[A-Za-z]:(?=\\)")

_SPELLED_WITH_DIGITS: Final = """
    s3 ec2 k8s ipv4 ipv6 utf8 utf-8 utf16 utf-16 latin1 cp1252 base32 base64 md5 sha1 sha-1 sha256 sha-256 sha512 argon2
    pbkdf2 hs256 rs256 aes128 aes256 ed25519 crc32 x509 x.509 oauth2 saml2 2fa u2f http2 http3 socks4 socks5 pop3 imap4
    int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 x86 x64 x86_64 amd64 arm64 i386 win32
    win64 python2 python3 psycopg2 urllib3 boto3 jinja2 log4j neo4j db2 ext4 mp3 mp4 h264 bz2 lz4 i18n l10n b2b p2p e2e
    web3
"""
_NAMES: Final = frozenset(
    form
    for name in _SPELLED_WITH_DIGITS.split()
    for form in (name, name.upper(), name.capitalize(), name.replace("ip", "IP"))
)
"""Words that hold digits."""

_SHORTEST_NAME: Final = 3
"""Letters of the last part of a dotted name; what is shorter is a country, or a file."""

_REGIONS: Final = ("/", "Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Etc/", "Europe/", "Pacific/")
"""What a path, or the name of a time zone, begins with."""

_ENDS_OF_HOSTS: Final = """
    com org net edu gov mil int info biz name pro dev app cloud site online tech store arpa
    example test invalid local localhost localdomain internal intranet lan home corp private
"""
_ENDS_OF_FILES: Final = """
    avi bak bash bat bin bmp cer cfg cmd conf cpp crt csv dat dll doc docx egg env exe gif hpp html htm img ini ipynb
    iso jar java jks jpeg jpg json jsonl jsx lock log mov npy npz old parquet pdf pem php pickle pid pkl png ppt pptx
    proto pyc pyd pyi pyx rst scss sock sql sqlite svg swp sys tar tgz tiff tmp toml tsv tsx txt war wav webp whl xls
    xlsx xml yaml yml zip zsh zst
"""
_OUTER_DOMAINS: Final = frozenset(_ENDS_OF_HOSTS.split())
_BACKWARDS: Final = frozenset(("com", "org", "net", "edu", "gov", "io"))
"""What names of hosts begin with that are written backwards, as Java and Apple do."""

_FILES: Final = frozenset(_ENDS_OF_FILES.split())
"""How the names of files end; what is of two letters needs no list."""

_CLASSES: Final = ("Error", "Exception", "Warning")
"""How the names of classes end that stay, with their modules."""


def _token(match: re.Match[str]) -> str:
    token = match[0]
    if "/" in token:  # and/or, I/O
        is_telling = token.replace("/", "", 1).isalpha() and not token.startswith(_REGIONS)
    else:
        is_telling = token in _NAMES or (token[-1].isalpha() and _is_name(token))
    return token if is_telling else HOLE


def _is_name(token: str) -> bool:
    """Tell whether a token is a dotted name of a program: a class, a module, an event; not a host, nor a file."""
    if token.endswith(_CLASSES):
        return "@" not in token
    first, _, rest = token.partition(".")
    last = rest.rpartition(".")[2]
    if len(last) < _SHORTEST_NAME or token.isupper() or not token.replace(".", "").replace("_", "").isalpha():
        return False
    return first not in _BACKWARDS and last not in _OUTER_DOMAINS and last not in _FILES


def _token_or_code(match: re.Match[str]) -> str:
    number, slash, word = match[0].lstrip("-").partition("/")
    if slash and not (word.isalpha() and word.isupper()):  # 9/KILL
        return _token(match)
    if len(number) <= _MAX_CODE and number.isalnum() and _is_code(number, match.string, match.start()):
        return match[0]
    return _token(match)


_MAX_CODE: Final = 5
"""Digits of a code: those of Windows and of SQLSTATE have as many, ids have more."""

_STATUS: Final = re.compile(r"[1-5][0-9][0-9]")
_ANNOUNCED: Final = {
    **dict.fromkeys(["errno", "winerror", "signal", "exit"], re.compile("[0-9]+")),
    **dict.fromkeys(["exitcode", "returncode", "retcode", "rc"], re.compile("[0-9]+")),
    "code": re.compile("[0-9]{1,4}"),
    "status": re.compile("[0-9]{1,3}"),
    **dict.fromkeys(["statuscode", "status_code", "errorcode", "error_code", "exit_code"], re.compile("[0-9]{1,4}")),
    **dict.fromkeys(["sqlstate", "pgcode"], re.compile("[0-9A-Z]{5}")),
    **dict.fromkeys(
        ["error", "returned", "response", "http", "http/1.0", "http/1.1", "http/2", "http/2.0", f'{HOLE}"'], _STATUS
    ),
}
"""What a code looks like, by the word before it. The last word ends a request line."""


_LONGEST_ANNOUNCED: Final = 16
"""Characters before a number that are looked at."""


def _may_announce(lowered: str) -> bool:
    """Tell whether a line may hold a word behind which a code stands: a loop would take three times as long."""
    return (
        "err" in lowered
        or "stat" in lowered
        or "code" in lowered
        or "exit" in lowered
        or "signal" in lowered
        or "http" in lowered
        or "return" in lowered
        or "response" in lowered
        or "rc " in lowered
        or "rc:" in lowered
        or '*"' in lowered
        or ("=" in lowered and any(name in lowered for name in ("rc", "type", "reason", "method")))
    )


def _is_code(number: str, line: str, begin: int) -> bool:
    """Tell by the word before a number whether it is a code."""
    before = line[max(0, begin - _LONGEST_ANNOUNCED) : begin].rstrip(" :=#([<").lower()
    if line[begin - 1 : begin] == "=" and f" {before}".endswith(_TELLING_NAMES):
        return True
    word = before[before.rfind(" ") + 1 :].lstrip("([<")
    looks = _ANNOUNCED.get(word)
    if looks is not None and looks.fullmatch(number):
        return True
    if word.endswith("error"):
        return _STATUS.fullmatch(number) is not None or line[begin - 1] == "(" or before.endswith("os error")
    return before.endswith("exited with")


# -- What belongs to a hole ------------------------------------------------------------------------

_WHOLE_DAYS: Final = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_DAYS: Final = f"Mon|Tue|Wed|Thu|Fri|Sat|Sun|{_WHOLE_DAYS}"
_WHOLE_MONTHS: Final = "January|February|April|June|July|August|September|October|November|December"
_MONTHS: Final = f"Jan|Feb|Mar|March|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|{_WHOLE_MONTHS}"
_DATE_WORDS: Final = frozenset(
    f"{before}{word}{behind}"
    for word in f"{_DAYS}|{_MONTHS}".split("|")
    for before in ("", "(")
    for behind in ("", ",", ".")
)
_DATE: Final = re.compile(rf"\b(?:(?:{_DAYS})[,.]? )?(?:(?:{_MONTHS})[,.]? )?\*|\b(?:{_WHOLE_DAYS}|{_WHOLE_MONTHS})\b")
"""Days and months, the short ones beside a number; March and May, which are words, only there."""

_UNIT: Final = rf"""
    (?:[ ]? (?=[A-Zabdhkmnpsuwyµ]) (?:
        [kKMGTP]i?[Bb](?:/s|ps)? | [kMG]bit(?:/s)? | bytes? | B | [kMG]?Hz
      | ns | us | µs | ms | s | secs? | m | mins? | h | hrs? | d | (?:nano|micro|milli)?seconds?
      | minutes? | hours? | days? | weeks? | months? | years?
      | [AaPp]\.?[Mm] | UTC | GMT | CES?T | [ECMP][SD]T | BST | MSK | IST | JST | {_MONTHS}
    ) \b )*
"""
_RUN: Final = re.compile(
    rf"""
    \* (?=[ ]*[A-Zabdhkmnopsuwyµ*(,;:|/.+=-])  # what a unit, a sign between holes, "and" and "or" begin with
    {_UNIT} (?: [ ,;:|/.+=-]* (?:and[ ]|or[ ])? (?: \* | \( (?:\*{_UNIT})? \) ) {_UNIT} )*
    """,
    re.VERBOSE,
)
"""Holes side by side: a list of any length, an amount in two units, a name and its address in brackets."""

_FROM: Final = re.compile(r"(?<=\bfor )\S+(?= from \*)")
"""The user that has come from an address."""

_BRACKETS: Final = re.compile(r"\[[^\[\],]*,[^\[\]]*\]|\[\]")
"""A list, even an empty one. A single word in brackets, such as the name of a thread, does not count as a list."""

_PEER: Final = re.compile(r" (?:(?<= to )|(?<= at )|(?<= host ))[A-Za-z][\w-]*:\*")
"""A host that is named in letters, known by the port behind it."""

_PLURAL: Final = re.compile(r"\* (?:[a-z-]+ ){0,2}?(?=([a-z][a-z-]{3,}))\1(?<=[a-rt-z]s)(?![\w-])")
"""What is counted: one file, two files. The word is found ahead and taken whole, so that none of it is tried twice."""


def _singular(match: re.Match[str]) -> str:
    if match[0].endswith("ies"):
        return f"{match[0][:-3]}y"
    return match[0][:-2] if match[0].endswith("sses") else match[0][:-1]
