"""redact: what is masked, and what is left alone."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gntp_logging.alerts.redact import _NAME, _SHAPES, redact, redactor
from tests.support import make_alert

SECRETS = [
    # what is logged, and what is left of it
    ("password=hunter2", "password=***"),
    ("login failed: user=ann password=hunter2, retrying", "login failed: user=ann password=***, retrying"),
    ("PASSWORD = 'hunter 2'", "PASSWORD = '***'"),
    ("db_password=hunter2", "db_password=***"),
    ("DB_PASSWORD: hunter2", "DB_PASSWORD: ***"),
    ("passwd=hunter2 pwd=hunter3", "passwd=*** pwd=***"),
    ("{'user': 'ann', 'password': 'hunter2'}", "{'user': 'ann', 'password': '***'}"),
    ('{"api_key": "abc123", "n": 1}', '{"api_key": "***", "n": 1}'),
    ('{"clientSecret":"abc123"}', '{"clientSecret":"***"}'),
    ("Config(host='x', password='hunter2', port=5)", "Config(host='x', password='***', port=5)"),
    ("GET /reset?token=abcdef&user=ann", "GET /reset?token=***&user=ann"),
    ("https://x/y?access_token=abc#z", "https://x/y?access_token=***"),
    ("api-key=abc apikey=def API_KEY=ghi", "api-key=*** apikey=*** API_KEY=***"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", "AWS_SECRET_ACCESS_KEY=***"),
    ("secret: s3cr3t", "secret: ***"),
    ("sessionid=abc123; path=/", "sessionid=***; path=/"),
    ("postgres://ann:hunter2@db/shop", "postgres://ann:***@db/shop"),
    ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
    ("amqp://u:p@ss@host//", "amqp://u:***@host//"),
    ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer ***"),
    ("authorization: Basic YW5uOmh1bnRlcjI=", "authorization: Basic ***"),
    ("'Authorization': 'Token abc123'", "'Authorization': 'Token ***'"),
    ("Authorization: abc123", "Authorization: ***"),
    ('Authorization: Digest username="ann"', 'Authorization: Digest ***"ann"'),
    ("sent with Bearer abcdefghijkl to x", "sent with Bearer *** to x"),
    ("Cookie: a=b; session=c", "Cookie: ***"),
    ("Set-Cookie: a=b; HttpOnly\nServer: x", "Set-Cookie: ***\nServer: x"),
    ("{'Cookie': 'a=b', 'Host': 'x'}", "{'Cookie': '***', 'Host': 'x'}"),
    ("mysql -u ann --password hunter2 shop", "mysql -u ann --password *** shop"),
    ("run --api-token abc --verbose", "run --api-token *** --verbose"),
    ("run --api-token=abc --verbose", "run --api-token=*** --verbose"),
    ("push with ghp_abcdefghijklmnopqrstuvwxyz0123456789 failed", "push with *** failed"),
    ("AKIAIOSFODNN7EXAMPLE is not allowed", "*** is not allowed"),
    ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc-def back", "got *** back"),
    ("xoxb-1234567890-abcdefghij", "***"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----",
    ),
    ("-----BEGIN PRIVATE KEY-----\nMIIE cut here", "-----BEGIN PRIVATE KEY-----***"),
]  # fmt: skip

INNOCENT = [
    "no connection to shard 7",
    "SyntaxError: Unexpected token: }",
    "unexpected token ':' at line 5",
    "JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    "password: must be at least 8 characters",
    "ValueError: password is too short",
    "the password was changed",
    "max_tokens=4096 tokens: 512",
    "secretary=Ann passwords_checked=3",
    "tokenizer=bert",
    "keyboard=qwerty monkey=1 key=orders primary_key=5",
    "KeyError: 'total'",
    "password=None token=null secret=False",
    "password=*** token=<hidden> secret=[Filtered]",
    "if token == expected",
    "GET https://example.com/a:b@c/d",
    "mail to ann@example.com at 10:30",
    "http://localhost:8000/checkout/",
    "session started, session=7",
    "cookies are disabled",
    "Authorization failed for ann",
    "bearer of bad news",
    "sk-learn 1.5 with sk-model",
    "orders.py:12 in pay",
    "asian food, akiara",
    "public key: abc",
]


@pytest.mark.parametrize(("text", "redacted"), SECRETS, ids=[text[:40] for text, _ in SECRETS])
def test_a_secret_is_masked_and_the_rest_is_left(text: str, redacted: str) -> None:
    """Alone, and in the middle of a longer text."""
    assert redact(text) == redacted
    assert redact(f"before\n{text}\nafter").startswith("before\n")
    if "BEGIN" not in text:
        assert redact(f"before\n{text}\nafter") == f"before\n{redacted}\nafter"


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_is_left_alone(text: str) -> None:
    """What only looks like a secret's name is no secret."""
    assert redact(text) == text
    assert redact(f"{text}\n{text}") == f"{text}\n{text}"


@given(st.text() | st.lists(st.sampled_from([text for text, _ in SECRETS] + INNOCENT)).map(" ".join))
def test_redacting_again_changes_nothing(text: str) -> None:
    """An alert may come by more than once."""
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    "piece", ["password", "token=", "a.", "-", "://", "secret:", "Cookie:", "--token ", "eyJ", "'", "x_"]
)
def test_no_text_takes_long(piece: str) -> None:
    """Patterns that look back and forth would take minutes for this; the bound is ten thousand times what it takes."""
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 20


def test_the_users_patterns_are_masked_too() -> None:
    """Their groups, or all of them."""
    patterns = [re.compile(r"card (\d+)"), re.compile(r"IBAN \w+")]
    assert redact("card 4111 and IBAN DE12", patterns) == "card *** and ***"


@pytest.mark.parametrize(
    ("pattern", "text", "redacted"),
    [
        (r"pin ((\d)\d+)", "the pin 1234567 was wrong", "the pin *** was wrong"),
        (r"(?:id) (([A-Z])\w+) end", "id X9secretvalue end", "id *** end"),
        (r"card (([0-9]{4})-[0-9]+) exp", "card 1234-5678 exp", "card *** exp"),
        (r"card ([0-9]+(-[0-9]{4})) exp", "card 1234-5678 exp", "card *** exp"),
        (r"(((a)b)c)(d)", "abcd", "***"),
        (r"key (a(b)c) end", "key abc end", "key *** end"),
        (r"(?P<all>k(?P<inner>\d+))!", "k123!", "***!"),
        (r"(a)-(b)", "a-b", "***-***"),
        (r"pin (?=(\d+))", "pin 1234", "pin ***"),
        (r"(?<=pin=(\d{4}))!", "pin=1234!", "pin=***!"),
        (r"(?=(\d{4}))\d", "a 123456 b", "a *** b"),
        (r"pin (\d*)", "pin , pin 12", "pin , pin ***"),
        (r"no(pe)?|pin (\d+)", "no pin 12", "no pin ***"),
        (r"\d*", "a 12 b", "a *** b"),
    ],
)
def test_of_groups_that_overlap_the_union_is_masked(pattern: str, text: str, redacted: str) -> None:
    """Wherever they are: inside each other, side by side, before or after the match."""
    assert redact(text, [re.compile(pattern)]) == redacted


@pytest.mark.parametrize(
    ("patterns", "text", "redacted"),
    [
        ([r"user (\w+) token=\w+"], "user ann token=abc", "user *** token=***"),
        ([r"a(bc)", r"ab(cd)"], "abcd", "a***"),
        ([r"password"], "password=hunter2", "***=***"),
        ([], "Cookie: a=b; PASSWORD = 'hunter 2'", "Cookie: ***'***'"),
    ],
)
def test_no_pattern_hides_anothers_secret_from_it(patterns: list[str], text: str, redacted: str) -> None:
    """Each looks at the text as it was, not at what another has left."""
    assert redact(text, [re.compile(pattern) for pattern in patterns]) == redacted


@given(
    st.lists(
        st.recursive(
            st.sampled_from(["a", "b", r"\d", "[ab]+", "b?"]),
            lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({''.join(parts)})"),
            max_leaves=6,
        ),
        min_size=1,
        max_size=3,
    ),
    st.text("ab12", max_size=12),
)
def test_exactly_the_characters_of_groups_are_masked(patterns: list[str], text: str) -> None:
    """Whatever the groups are: what is left are the characters in none of them, in order."""
    compiled = [re.compile(pattern) for pattern in patterns]
    hidden: set[int] = set()
    for pattern in compiled:
        for match in pattern.finditer(text):
            for group in range(1, pattern.groups + 1) if pattern.groups else [0]:
                hidden.update(range(*match.span(group)))
    expected = "".join("*" if index in hidden else character for index, character in enumerate(text))
    assert redact(text, compiled) == re.sub(r"\*+", "***", expected)


def test_title_and_text_of_an_alert_are_redacted() -> None:
    """One without secrets is left as it is."""
    clean = make_alert()
    assert redactor([])(clean) is clean
    dirty = clean._replace(title="token=abc", text="password=x")
    assert redactor([])(dirty)[4:6] == ("token=***", "password=***")


def test_a_pattern_of_the_users_looks_at_every_part_of_an_alert() -> None:
    """At title, text, context and the URL's values; what hides a name with its value leaves nothing to be shown."""
    alert = make_alert("pin 12", title="pin 34", context=(("user", "pin 56"), ("pin", "78")))
    alert = alert._replace(url_parts=("https://pin 1/", "pin 2", "/pin 3/", "pin 4", "/pin 5"))
    redacted = redactor([re.compile(r"pin \d+"), re.compile(r"pin=\d+")])(alert)
    assert (redacted.title, redacted.text) == ("***", "***")
    assert redacted.context == (("user", "***"), ("pin", "***"))
    assert redacted.url_parts == ("https://pin 1/", "***", "/pin 3/", "***", "/pin 5")


def test_context_and_values_of_the_url_are_redacted() -> None:
    """By what they hold, and by what they are called; what the user wrote into the URL is left alone."""
    token = "ghp_" + "a" * 36
    alert = make_alert(
        context=(("machine", "web-3"), ("api_key", "hunter2"), ("note", f"sent {token}")),
        url_parts=("https://t/?token=mine&q=", f"password={token}", ""),
    )
    masked = redactor([])(alert)
    assert masked.context == (("machine", "web-3"), ("api_key", "***"), ("note", "sent ***"))
    assert masked.target() == "https://t/?token=mine&q=password%3D%2A%2A%2A"


@pytest.mark.slow
@settings(max_examples=1000)  # the rarest of its alternatives is one in a hundred
@given(st.from_regex(re.compile(_NAME, re.VERBOSE | re.IGNORECASE | re.ASCII), fullmatch=True))
def test_every_name_of_a_secret_is_looked_for(name: str) -> None:
    """One that holds none of the words by which texts are sorted out would never be found."""
    assert redact(f"{name}=hunter2") == f"{name}=***"
    assert redact(f'"{name}": "hunter2"') == f'"{name}": "***"'


@pytest.mark.slow
@pytest.mark.parametrize(("word", "pattern"), _SHAPES)
@given(data=st.data())
def test_every_shape_of_a_token_is_looked_for(word: str, pattern: str, data: st.DataObject) -> None:
    """With the word by which texts are sorted out."""
    token = data.draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True))
    assert word in token.lower()
    assert redact(f"sent {token} to x") == "sent *** to x"
