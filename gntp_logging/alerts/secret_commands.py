"""Secrets without a name: in command lines, dialogues and statements. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .secret_extents import Found, bracketed, line_end, value_at, whole
from .secret_names import Kind, kind_of
from .secret_values import NEWS_SIZE, is_news, is_state

_SCHEME: Final = re.compile(r"(?i:(bearer|basic|negotiate|ntlm))(?::?[ ]+|%20|\+)[\"']?([\w.~+/-]{8,}=*)")
_MIXED: Final = re.compile(r"(?=.*[a-z])(?=.*[A-Z])|.*=\Z")
_ABOUT_SCHEMES: Final = frozenset(
    "authentication authorization certificate certificates credentials challenge format required scheme tokens".split()
)


def scheme(text: str, at: int) -> Found:
    """``Bearer X`` and ``Basic X`` anywhere, unless what follows is a word of prose."""
    match = _SCHEME.match(text, at)
    if match is None:
        return Found((), at + len("ntlm"))
    word = match[2]
    is_random = any(map(str.isdigit, word))
    is_mixed = len(word) >= 12 and not word.istitle() and _MIXED.match(word) is not None
    is_bearers = len(word) >= 12 and match[1] == "Bearer" and word.lower() not in _ABOUT_SCHEMES and not is_state(word)
    if is_random or is_mixed or is_bearers:
        return Found((match.span(2),), match.end())
    return Found((), match.end(1))


# -- Command lines ---------------------------------------------------------------------------------


class _Option(NamedTuple):
    """An option that holds a secret of some programs.

    Attributes:
        written: The option.
        programs: Expressions of the programs' names.
        value: An expression of what follows it; the last of its groups is hidden.
        behind: What must stand between the program and the option.
    """

    written: str
    programs: tuple[str, ...]
    value: str
    behind: str = ""


_BETWEEN: Final = r"[\s'\",\\]{1,10}"
"""What stands between the words of a command, in a line or in a list of arguments."""

_WORD: Final = r"((?:[^\s'\",]|,(?=[^\s'\"])){1,200})"
_NEXT: Final = rf"{_BETWEEN}(?!-)([^\s'\"]+)"
_USER_AND_WORD: Final = r"[\s'\",=\\]{0,10}[^\s:,%'\"]{0,80}(?:['\"]?:['\"]?|[,%]['\"]?)([^\s'\"]+)"
_MAYBE_USER_AND_WORD: Final = rf"{_BETWEEN}(?:[\w.@]{{1,40}}:['\"]?)?([^\s'\"]+)"
_GLUED: Final = r"(?![,\])\[])(?:((?:[^\s'\",\])]|,(?=[^\s'\"]))+)|'([^'\s,\]][^'\n]*)'|\"([^\"\s,\]][^\"\n]*)\")"
_NEXT_OR_GLUED: Final = rf"(?:{_BETWEEN}(?!-)|(?=[A-Za-z0-9]))([^\s'\"]+)"

_OPTIONS: Final = (
    _Option("-u", ("curl", "lftp", "svn", "wget"), _USER_AND_WORD),
    _Option("-E", ("curl",), _USER_AND_WORD),
    _Option("--cert", ("curl",), _USER_AND_WORD),
    _Option("-U", ("curl", "smbclient", "rpcclient", "net"), _USER_AND_WORD),
    _Option("--user", ("curl", "smbclient"), _USER_AND_WORD),
    _Option("--proxy-user", ("curl",), _USER_AND_WORD),
    _Option("--auth", ("https?", "xhs?"), _USER_AND_WORD),
    _Option("-a", ("redis-cli",), _NEXT),
    _Option("-a", ("https?", "xhs?"), _MAYBE_USER_AND_WORD),
    _Option("-w", (r"ldap\w+",), _NEXT_OR_GLUED),
    _Option("-s", ("ldappasswd",), _NEXT),
    _Option("-c", (r"snmp\w+",), _NEXT),
    _Option("-A", (r"snmp\w+",), _NEXT),
    _Option("-X", (r"snmp\w+",), _NEXT),
    _Option("-hmac", ("openssl",), _NEXT),
    _Option("--body", ("gh",), _NEXT, behind="secret"),
    _Option("-k", ("openssl",), _NEXT),
    _Option("-P", ("sqlcmd", "bcp", "isql", "tsql"), _NEXT_OR_GLUED),
    _Option("-P", ("ssh-keygen",), _NEXT),
    _Option("-N", ("ssh-keygen",), _NEXT),
    _Option("-pw", ("plink", "pscp", "psftp", r"putty(?:\.exe)?"), _NEXT),
    _Option("-P", ("unzip", "zip", "ipmitool", r"mosquitto_\w+"), _NEXT),
    _Option("-p", (r"mysql\w*", r"mariadb\S*", r"7z\w*", "sshpass", "rar", "unrar"), _GLUED),
    _Option("-p", ("docker", "podman", "nerdctl", "helm", "oc", "az"), _NEXT, behind="login"),
    _Option("-p", ("sshpass", "buildah", "skopeo", r"mongo\w*", "cqlsh", "influx", "rabbitmqadmin", "rdesktop"), _NEXT),
    _Option("-p", ("twine", "poetry", "beeline", "cypher-shell", "psexec", r"ncftp\w*", "racadm", "steghide"), _NEXT),
    _Option("-p", ("security",), _NEXT, behind="keychain"),
    _Option("-w", ("security",), _NEXT, behind="password"),
    _Option("--value", ("aws",), _NEXT, behind="SecureString"),
    _Option("--value", ("az",), _NEXT, behind="secret set"),
    _Option("-p", ("plink", "pscp", "psftp", "hdbsql", "clickhouse-client", "useradd", "usermod"), _NEXT),
)
OPTIONS: Final = tuple({option.written.lower() for option in _OPTIONS})
"""Short options, and long ones with a user before the secret, in lower case."""

_REACH: Final = 200
"""Characters before an option in which its program stands."""


def _programs(options: list[_Option]) -> re.Pattern[str]:
    names = "|".join(name for option in options for name in option.programs)
    return re.compile(rf"(?:^|[\s'\"/(\[`;|&:])({names})(?=[\s'\",\]\\])", re.MULTILINE)


_BY_OPTION: Final = {
    written: [option for option in _OPTIONS if option.written == written]
    for written in {option.written for option in _OPTIONS}
}
_PROGRAMS_OF: Final = {written: _programs(options) for written, options in _BY_OPTION.items()}


def short_option(text: str, at: int, mark: str) -> Found:
    """``curl -u ada:X``, ``mysql -pX``, ``docker login -p X``: the program before an option says what it means.

    Args:
        text: Any text.
        at: Where an option begins.
        mark: The option in lower case, of :data:`OPTIONS`.
    """
    behind = at + len(mark)
    written = text[at:behind]
    if written not in _BY_OPTION or text[at - 1 : at] == "-":
        return Found((), behind)
    begin = max(text.rfind("\n", max(0, at - _REACH), at) + 1, at - _REACH, 0)
    program = _PROGRAMS_OF[written].search(text, begin, at)
    if program is None:
        return Found((), behind)
    for option in _BY_OPTION[written]:
        if option.behind not in text[program.end() : at]:
            continue
        if any(re.fullmatch(name, program[1]) for name in option.programs):
            value = re.compile(option.value).match(text, behind)
            if value is not None:
                span = whole(text, at, value.span(value.lastindex or 0))
                return Found((span,), max(value.end(), span[1]))
    return Found((), behind)


_COMMANDS: Final = {
    # The last group is hidden.
    "vault": re.compile(
        rf"vault{_BETWEEN}(?:login|operator{_BETWEEN}unseal|unseal){_BETWEEN}(?:-\S{{1,40}}{_BETWEEN})?(?!-)((?:[^\s'\",]|,(?=[^\s'\"])){{8,}})"
    ),
    "rabbitmqctl": re.compile(
        rf"rabbitmqctl{_BETWEEN}(?:add_user|change_password|authenticate_user){2 * (_BETWEEN + _WORD)}"
    ),
    "htpasswd": re.compile(rf"htpasswd{_BETWEEN}-\w*b\w*{2 * (_BETWEEN + _WORD)}(?:{_BETWEEN}{_WORD})?"),
    "poetry": re.compile(
        rf"poetry{_BETWEEN}config{_BETWEEN}(?:pypi-token\.\S{{1,40}}|http-basic\.\S{{1,40}}{_BETWEEN}{_WORD}){_BETWEEN}{_WORD}"
    ),
    "cargo": re.compile(rf"cargo{_BETWEEN}login{_BETWEEN}(?!-){_WORD}"),
    "net use": re.compile(
        r"(?i:net[ ]use(?:[ ]\w:|[ ]\*)?[ ]\\+\S{1,100}(?:[ ]/user:\S{1,60})?[ ])(?![/*])([^\s'\"]{1,200})"
    ),
    "net user": re.compile(r"(?i:net[ ]user[ ][\w.-]{1,40}[ ])(?![/*])([^\s'\"]{1,200})(?=[ ]/|\s*\Z)"),
    "runas": re.compile(r"(?i:runas)[^\n]{0,100}?/p:['\"]?([^\s'\"]+)"),
    "schtasks": re.compile(r"(?i:schtasks)[^\n]{0,200}?/rp[ ]['\"]?([^\s'\"]+)"),
    "echo": re.compile(
        r"echo[ ](?:-n[ ])?['\"]?([^'\"|$\n]{1,200}?)['\"]?[ ]?\|[ ]?(?:sudo[ ]-S|(?:sudo[ ])?chpasswd|kinit|cryptsetup"
        r"|(?:docker|podman|helm|oc|gh|az)[ ][^\n|]{0,80}login|gpg2?[ ][^\n|]{0,80}--passphrase-fd)\b"
    ),
    "authenticate": re.compile(r"AUTHENTICATE[ ](?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|EXTERNAL)[ ]([\w+/=.-]{4,})"),
    "expdp": re.compile(r"expdp[ \\'\"]{1,3}[\w.$#]{1,60}/([^\s@\"']{1,100})"),
    "impdp": re.compile(r"impdp[ \\'\"]{1,3}[\w.$#]{1,60}/([^\s@\"']{1,100})"),
    "rman": re.compile(r"rman[ ]target[ \\'\"]{1,3}[\w.$#]{1,60}/([^\s@\"']{1,100})"),
    "wpa_passphrase": re.compile(rf"wpa_passphrase{2 * (_BETWEEN + _WORD)}"),
    "convertto-securestring": re.compile(
        rf"ConvertTo-SecureString{_BETWEEN}(?:-(?:AsPlainText|Force|String){_BETWEEN}){{0,3}}(?![-$]){_WORD}"
    ),
    "chpasswd": re.compile(r"chpasswd\s<<<\s['\"]?[\w.-]{1,40}:([^\s'\"]+)"),
    "xfreerdp": re.compile(r"xfreerdp[^\n]{0,100}?/p:['\"]?([^\s'\"]+)"),
    "jdbc:oracle": re.compile(r"jdbc:oracle:\w{2,8}:[\w.$#]{1,60}/\"?([^\s@\"']{1,100})\"?@"),
    "requirepass": re.compile(rf"requirepass\s{{1,6}}{_WORD}"),
    "masterauth": re.compile(rf"masterauth\s{{1,6}}{_WORD}"),
    "machine": re.compile(r"machine\s+\S{1,200}\s+login\s+\S{1,80}\s+password\s+(\S{1,200})"),
    "sqlplus": re.compile(r"sqlplus(?:\s-\w)*\s[\w.$#]{1,60}/\"?([^\s@\"']{1,100})\"?@"),
}
COMMANDS: Final = tuple(_COMMANDS)
"""Commands that take a secret without an option."""


def command(text: str, at: int, program: str) -> Found:
    """``vault login X``, ``rabbitmqctl add_user ada X``, ``jdbc:oracle:thin:scott/X@db``, a line of netrc."""
    said = _COMMANDS[program].match(text, at)
    if said is None:
        return Found((), at + len(program))
    span = whole(text, at, said.span(said.lastindex or 0))
    return Found((span,), max(said.end(), span[1]))


# -- Dialogues and statements ----------------------------------------------------------------------


_USER_SLASH: Final = re.compile(
    r"(?:login|logged[ ]in|authenticated|auth|basic)(?:[ ](?:as|with|auth|failed|failed[ ]for))?:?[ ]"
    r"[\w.@+-]{1,60}[ ]?[/:][ ]?([^\s'\"/:,;]{8,200})(?=[\s'\",;]|\Z)",
    re.IGNORECASE,
)


def user_and_secret(text: str, at: int) -> Found:
    """``login ada/X failed``, ``auth ada:X``: what looks like a secret behind a user's name."""
    said = _USER_SLASH.match(text, at)
    if said is None or not _MIXED_WITH_DIGIT.match(said[1]):
        return Found((), at + 1)
    return Found((said.span(1),), said.end())


_MIXED_WITH_DIGIT: Final = re.compile(r"(?=\D*\d)(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?!.*\.[a-z]{1,4}\Z)")


_LOGIN: Final = re.compile(r"LOGIN[ ]\"?[\w.@-]{1,80}\"?[ ](?:\"([^\"\n]{1,200})|([^\s\"']{1,200}))")
_TAG_BEFORE: Final = re.compile(r"\b[A-Za-z]{0,6}\d+[ ]\Z")


def login(text: str, at: int) -> Found:
    """IMAP's ``a1 LOGIN ada X``."""
    said = _LOGIN.match(text, at)
    if said is None or _TAG_BEFORE.search(text, max(0, at - 16), at) is None:
        return user_and_secret(text, at)
    return Found((said.span(said.lastindex or 0),), said.end())


_IDENTIFIED: Final = re.compile(
    r"identified\s+(?:with\s+\S{1,40}\s+)?(?:by|as)\s+(?:(?:password|values)\s+)?", re.IGNORECASE
)


def identified(text: str, at: int) -> Found:
    """SQL's ``IDENTIFIED BY 'X'``."""
    said = _IDENTIFIED.match(text, at)
    if said is None:
        return Found((), at + 10)
    value = value_at(text, said.end())
    is_prose = not value.opening and text[at].islower()  # identified by its number
    if (
        is_prose
        or value.begin >= value.end
        or is_news(text[value.begin : min(value.end, value.begin + NEWS_SIZE)], Kind.SECRET)
    ):
        return Found((), said.end())
    replaced = _REPLACED.match(text, value.after)
    if replaced is not None:
        old = value_at(text, replaced.end())
        return Found(((value.begin, value.end), (old.begin, old.end)), old.after)
    return Found(((value.begin, value.end),), value.after)


_REPLACED: Final = re.compile(r"\s+replace\s+", re.IGNORECASE)


_ROWS: Final = {
    # What stands before the values of a statement, and what stands before that.
    "values": re.compile(r"\s{0,4}(?=[(\[{])"),
    "parameters:": re.compile(r"\s{0,4}(?:(?=[(\[{])|(?=\$1\s=))"),
    "args=": re.compile(r"(?=[(\[{])"),
    "params": re.compile(r"\s?[=:]\s?(?=[(\[{])"),
    "binds": re.compile(r"\s?[=:]?\s?(?=[(\[{])"),
    "generated in ": re.compile(r"[\d.]{1,12}s\]\s(?=[(\[{])"),  # SQLAlchemy's echo
    "cached since ": re.compile(r"[\d.]{1,12}s[ ]ago\]\s(?=[(\[{])"),
    "row contains": re.compile(r"\s(?=[(\[{])"),
    "key value is": re.compile(r"\s(?=[(\[{])"),
}
ROWS: Final = tuple(_ROWS)
"""What stands before the values of a statement, in lower case."""

_OF_A_STATEMENT: Final = ("insert", "update", "select", "delete", "merge", "replace", "constraint", "index", "column")
"""A statement, or what a database says of one, holds one of these; a call with ``args=(...)`` does not."""

_STATEMENT_REACH: Final = 1000
_COLUMN: Final = re.compile(r"[A-Za-z_]\w{1,60}")
_STRONG: Final = (Kind.SECRET, Kind.TOKEN, Kind.SESSION, Kind.AUTHORIZATION, Kind.COOKIE)
_MAPPING: Final = re.compile(r"[\[{ ]*['\"]\w+['\"]: ")
_PLACEHOLDERS: Final = re.compile(
    r"(?:[\s,()]|%s|%\(\w+\)s|\?|[$:@]\w+|DEFAULT|NULL|now\(\)|-?\d{1,5}\b)*", re.IGNORECASE
)


def rows(text: str, at: int, mark: str) -> Found:
    """The values of a statement that names a column which is called like a secret.

    Args:
        text: Any text.
        at: Where what stands before the values begins.
        mark: What that is, of :data:`ROWS`.
    """
    begin = _ROWS[mark].match(text, at + len(mark))
    if begin is None:
        return Found((), at + len(mark))
    statement = text[max(0, at - _STATEMENT_REACH) : at + NEWS_SIZE]
    lowered = statement.lower()
    is_statement = any(word in lowered for word in _OF_A_STATEMENT)
    if not is_statement or all(kind_of(column) not in _STRONG for column in _COLUMN.findall(statement)):
        return Found((), begin.end())
    at = begin.end()
    if text.startswith("$1", at):  # PostgreSQL's list goes to the end of the line
        end = line_end(text, at)
        return Found(((at + len("$1 = "), end),), end)
    spans = []
    while text[at : at + 1] in ("(", "[", "{"):
        value = bracketed(text, at + 1, text[at])
        if not _is_row_news(text[value.begin : min(value.end, value.begin + 10 * NEWS_SIZE)]):
            spans.append((value.begin, value.end))
        at = max(value.after, at + 1)
        at += len(", ") if text.startswith(", (", at) else text.startswith(",(", at)
    return Found(tuple(spans), at)


def _is_row_news(row: str) -> bool:
    """Tell whether a row holds placeholders and numbers only, or is a mapping, whose names tell by themselves."""
    return row == "***" or _PLACEHOLDERS.fullmatch(row) is not None or _MAPPING.match(row) is not None
