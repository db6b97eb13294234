"""What secrets are called: one table of names, and the rule for the parts of a name. Pure."""

from __future__ import annotations

import enum
import functools
import re
from typing import Final


class Kind(enum.Enum):
    """What a name says of its value. Which values are news nevertheless differs: see :mod:`.secret_values`."""

    NONE = enum.auto()
    """No secret."""
    WEAK = enum.auto()
    """Perhaps a secret: a value that looks random is one."""
    SECRET = enum.auto()
    """A secret, whatever its value looks like."""
    TOKEN = enum.auto()
    """A secret, but parsers have tokens and models count them."""
    SESSION = enum.auto()
    """A secret, but many programs number their sessions."""
    AUTHORIZATION = enum.auto()
    """A scheme, and a proof of identity behind it."""
    COOKIE = enum.auto()
    """Pairs of a name and a secret."""


def _table(**words: str) -> dict[str, Kind]:
    return {word: Kind[kind.upper()] for kind, row in words.items() for word in row.split()}


_WORDS: Final = _table(
    # Parts of names that stand side by side are looked up together: sessionid is session_id and sessionId as well.
    secret="""
        pass passes passwd password passwords passphrase passphrases passcode passwort passw pwd pswd psw psk pw
        passin passout userpass dbpass requirepass masterauth bindpw rootpw keypass storepass sshpass otp totp
        srckeypass destkeypass srcstorepass deststorepass authtok
        secret secrets credential credentials cred creds
        apikey apikeys apisecret accesskey accesskeys secretkey secretkeys privatekey privatekeys accountkey accountkeys
        authkey signingkey encryptionkey decryptionkey masterkey sharedkey sharedaccesskey subscriptionkey licensekey
        storagekey functionskey hmackey fernetkey jwtkey consumerkey appkey applicationkey sessionkey recoverykey
        securitykey customerkey instrumentationkey hostkeydata keydata sshkey deploykey serverkey servicekey
        integrationkey writekey adminkey pragmakey presharedkey cipherkey aeskey cryptokey activationkey dbpw
    """,
    token="token tokens jwt csrf xsrf auth oauth authentication sig signature aspxauth",
    session="sessionid sessionids sid phpsessid jsessionid sessid aspsessionid",
    authorization="authorization",
    cookie="cookie cookies setcookie",
    weak="key keys session sessions bearer secretid assertion",
)
_ENDINGS: Final = _table(
    # A word that ends with one of these, such as dbpassword, is called like it.
    secret="password passwd passphrase passwort pwd secret apikey secretkey accesskey privatekey",
    token="token csrf",
    session="sessionid sessid",
)
_ENGLISH: Final = frozenset("bypass compass trespass surpass underpass overpass encompass boarding".split())

_WEAK_WHERE_LONGER: Final = frozenset((Kind.TOKEN, Kind.SESSION, Kind.AUTHORIZATION, Kind.COOKIE))
"""Kinds whose words begin many harmless names, such as ``token_bucket`` and ``session_engine``."""

_NEVER_BEFORE: Final = frozenset(
    """
    public publishable is has have use uses using needs need requires require allow no without
    """.split()
)
"""Parts before a secret's word that say what is not one, or whether there is one."""

_NEVER_BEFORE_TOKEN: Final = frozenset(
    """
    max min num n total prompt completion input output page next prev previous continuation pagination sync cursor
    cached reasoning remaining stop eos bos pad unk sep cls mask special start end first last unexpected expected
    generated context thinking
    """.split()
)
"""Parts before ``token`` that speak of a text's tokens, or of pages."""

_NEVER_BEFORE_KEY: Final = frozenset(
    """
    primary foreign unique cache partition sort routing row object group dedup idempotency index range hash join
    composite natural surrogate candidate translation message lookup map dict parent child order sorting shard ordering
    event s bucket storage_object config setting i18n locale hot function arrow enter shift ctrl escape tab
    """.split()
)
"""Parts before ``key`` that speak of databases, maps and keyboards."""

_SAME: Final = frozenset(
    """
    value values val hash hashed text str string plain plaintext cleartext raw data b64 base64 hex header headers param
    parameter field env old new current confirm confirmation confirmed again repeat repeated retype base prod
    production dev test live staging encrypted enc encoded primary secondary a b default input code word phrase json
    digest bytes md5 sha1 sha256 bcrypt credential key
    """.split()
)
"""Parts behind a secret's word that leave it one."""

_OTHER: Final = frozenset(
    """
    name names type types url urls uri uris at in on size count counts length len lens expires expiry expiration expire
    expired ttl lifetime age path paths file files filename dir folder id ids env_name version versions policy policies
    rule rules validator validators hasher hashers hint hints question reset resets form label placeholder prompt
    page manager management provider endpoint host port server user username backend backends class method methods
    mode scheme status state error errors message messages reason attempts attempt retries retry limit limits max min
    strength score format pattern regex algorithm alg algo kind scope scopes issuer audience bucket domain samesite
    secure httponly info metadata ref reference selector store engine timeout interval rate usage description desc title
    index idx num number position pos offset line column lineno rotation days hours minutes seconds date time timestamp
    exists py js ts c h cc cpp go java rb html css yaml yml toml txt pem crt cer md lock middleware module package
    handler callback view views model models tests app plugin serializer error_code failure success change update
    list set map table column_name event arn stdin fd encryption
    """.split()
)
"""Last parts of names that say something about a secret, not the secret."""

_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MAX_NAME: Final = 80


@functools.lru_cache(maxsize=4096)
def kind_of(name: str) -> Kind:
    """Tell what a name says of its value, whatever its style: ``DB_PASS``, ``x-api-key``, ``clientSecret``.

    Args:
        name: A name; its parts are separated by signs or by capitals.
    """
    parts = [part.lower() for part in _PART.findall(name[-_MAX_NAME:]) if not part.isdigit()]
    for end in range(len(parts), 0, -1):  # the last word that means a secret decides
        for begin in range(max(0, end - 3), end):  # and the longest one: api_key before key
            word = "".join(parts[begin:end])
            found = _WORDS.get(word) or _WORDS.get(word.removesuffix("s")) or _kind_by_ending(parts[begin:end])
            if found is not Kind.NONE:
                return _in_company(found, parts[begin:end], parts[:begin], parts[end:])
    return Kind.NONE


def _kind_by_ending(word: list[str]) -> Kind:
    if len(word) != 1 or word[0] in _ENGLISH:
        return Kind.NONE
    return next((kind for ending, kind in _ENDINGS.items() if word[0].endswith(ending)), Kind.NONE)


def _in_company(found: Kind, word: list[str], before: list[str], behind: list[str]) -> Kind:
    """Tell what a secret's word means between the other parts of its name."""
    last = behind[-1] if behind else ""
    if last in _OTHER or (last.endswith("ed") and last not in _SAME):
        return Kind.NONE
    if not _NEVER_BEFORE.isdisjoint(before):
        return Kind.NONE
    if found is Kind.TOKEN and word[0].endswith(("token", "tokens")) and not _NEVER_BEFORE_TOKEN.isdisjoint(before):
        return Kind.NONE
    if word in (["key"], ["keys"]) and before and before[-1] in _NEVER_BEFORE_KEY:
        return Kind.NONE
    if behind and found in _WEAK_WHERE_LONGER and not _SAME.issuperset(behind):
        return Kind.WEAK
    return found
