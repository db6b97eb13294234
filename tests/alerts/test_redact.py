"""redact: what is masked, what is left alone, and that no text takes long."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gntp_logging.alerts import redact as module
from gntp_logging.alerts.alert import AlertFactory
from gntp_logging.alerts.levels import LevelMap
from gntp_logging.alerts.redact import Redactor, redact
from gntp_logging.alerts.secret_shapes import COMPILED_TAILS, GLUED, SHAPES, TAILS, Shape, Tail
from tests.support import make_alert

CORPORA = Path(__file__).parent / "corpora"

SECRETS = [
    # what is logged, and what is left of it
    ("password=hunter2", "password=***"),
    ("login failed: user=ann password=hunter2, retrying", "login failed: user=ann password=***, retrying"),
    ("PASSWORD = 'hunter 2'", "PASSWORD = '***'"),
    ("passwd=hunter2 pwd=hunter3", "passwd=*** pwd=***"),
    ("{'user': 'ann', 'password': 'hunter2'}", "{'user': 'ann', 'password': '***'}"),
    ('{"api_key": "abc123", "n": 1}', '{"api_key": "***", "n": 1}'),
    ("{'password': ['hunter2'], 'n': 1}", "{'password': [***], 'n': 1}"),
    ("{'password': b'hunter2'}", "{'password': b'***'}"),
    ("{'login': {'password': {'value': 'hunter2'}}}", "{'login': {'password': {***}}}"),
    ("Config(host='x', password='hunter2', port=5)", "Config(host='x', password='***', port=5)"),
    ("password='it\\'s' n=1", "password='***' n=1"),
    ("password='it's7' n=1", "password='***' n=1"),
    ("password='hunter 2\nnext line", "password='***\nnext line"),
    ("password=['hunter', '2\nnext line", "password=[***\nnext line"),
    ("auth=('ann', 'hunter2') n=1", "auth=(***) n=1"),
    ("auth=HTTPBasicAuth('ann', 'hunter2')", "auth=HTTPBasicAuth(***)"),
    ("GET /reset?token=abcdef1&user=ann", "GET /reset?token=***&user=ann"),
    ("next=%2Fcb%3Ftoken%3Dabcdef1%26n%3D1", "next=%2Fcb%3Ftoken%3D***%26n%3D1"),
    ("https://x/y?access_token=abc1#z", "https://x/y?access_token=***"),
    ("postgres://ann:hunter2@db/shop", "postgres://ann:***@db/shop"),
    ("postgres://ann:hun/ter2@db/shop", "postgres://ann:***@db/shop"),
    ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
    ("amqp://u:p@ss@host//", "amqp://u:***@host//"),
    ("postgres://u:p@s-s/w0rd@db:5432/x", "postgres://u:***@db:5432/x"),
    ("mysql://u:p@ss#w0rd@db/x", "mysql://u:***@db/x"),
    ("redis://:p@ss?w0rd@cache:6379/0", "redis://:***@cache:6379/0"),
    ("http://u:hunter2@localhost/ann@example.com", "http://u:***@localhost/ann@example.com"),
    ("http://u:hunter2@x.example/ann@example.com", "http://u:***@x.example/ann@example.com"),
    ("http://u:hunter2@host:80/ann@example.com", "http://u:***@host:80/ann@example.com"),
    ("smtp://u:hunter2@mail?from=ann@example.com", "smtp://u:***@mail?from=ann@example.com"),
    ("https://u:hunter2@host/@scope/package", "https://u:***@host/@scope/package"),
    ("git+https://u:hunter2@host/o/r.git@main", "git+https://u:***@host/o/r.git@main"),
    ("http://u:hunter2@one/a,http://v:hunter3@two/b", "http://u:***@one/a,http://v:***@two/b"),
    ("smtp://ann@example.com:hunter2@mail", "smtp://ann@example.com:***@mail"),
    ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer ***"),
    ("'Authorization': 'Token abc123'", "'Authorization': 'Token ***'"),
    ("Authorization: abc123", "Authorization: ***"),
    ('Authorization: Digest username="ann", response="x"', "Authorization: Digest ***"),
    ("[(b'authorization', b'Basic YW5uOmh1bnRlcjI=')]", "[(b'authorization', b'Basic ***')]"),
    ("sent with Bearer abcdefghijkl to x", "sent with Bearer *** to x"),
    ("Cookie: a=b; session=c", "Cookie: ***"),
    ("Set-Cookie: a=b; HttpOnly\nServer: x", "Set-Cookie: ***\nServer: x"),
    ("mysql -u ann --password hunter2 shop", "mysql -u ann --password *** shop"),
    ("['mysql', '-phunter2', 'shop']", "['mysql', '-p***', 'shop']"),
    ("curl -u ann:hunter2 https://x", "curl -u ann:*** https://x"),
    ("run --api-token=abc1 --verbose", "run --api-token=*** --verbose"),
    (r'{\"password\": \"hunter2\"}', r'{\"password\": \"***\"}'),
    ("<password>hunter2</password>", "<password>***</password>"),
    ("password: three green kettles", "password: ***"),
    ("{'name': 'password', 'value': 'hunter2'}", "{'name': 'password', 'value': '***'}"),
    ("['run', '--password=two words', 'x']", "['run', '--password=***', 'x']"),
    ("connect('password=hunter2 host=db')", "connect('password=*** host=db')"),
    ("zip -P 'two words' a.zip", "zip -P '***' a.zip"),
    ("zip -P 'two words\nnext line", "zip -P '***\nnext line"),
    ("password=two\\ words n=1", "password=*** n=1"),
    ("password='it''s' n=1", "password='***' n=1"),
    ('"{""password"": ""two words"", ""n"": 1}"', '"{""password"": ""***"", ""n"": 1}"'),
    ("keys:\ntokens:\n  a: abc123\n  b: 'def456'\nn: abc123", "keys:\ntokens:\n  a: ***\n  b: '***'\nn: abc123"),
    ("ann:hunter2@tcp(db:3306)/shop", "ann:***@tcp(db:3306)/shop"),
    ("SplitResult(scheme='https', netloc='ann:hunter2@h')", "SplitResult(scheme='https', netloc='ann:***@h')"),
    ("password changed from 'a b' to 'c d' by ann", "password changed from '***' to '***' by ann"),
    ("Key (n, api_key)=(1, abc1) exists", "Key (n, api_key)=(***) exists"),
    ("INSERT INTO t (n, token) VALUES (1, 'abc'), (2, 'def')", "INSERT INTO t (n, token) VALUES (***), (***)"),
    ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc-def back", "got *** back"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEabcdefghijklmnop\nMIIE\n-----END PRIVATE KEY-----\nnext",
     "-----BEGIN PRIVATE KEY-----\n***\n-----END PRIVATE KEY-----\nnext"),
    ("{'key': '-----BEGIN PRIVATE KEY-----\\nMIIEabcdefghijklmnop\\n-----END'}",
     "{'key': '-----BEGIN PRIVATE KEY-----\\n***\\n-----END'}"),
]  # fmt: skip

INNOCENT = [
    "no connection to shard 7",
    "SyntaxError: Unexpected token: }",
    "password: must be at least 8 characters",
    "ValueError: password is too short",
    "max_tokens=4096 tokens: 512",
    "secretary=Ann passwords_checked=3",
    "keyboard=qwerty monkey=1 key=orders primary_key=5",
    "KeyError: 'total'",
    "password=None token=null secret=False",
    "if token == expected",
    "GET https://example.com/a:b@c/d",
    "https://ann@host/a:b@c",
    "mail to ann@example.com at 10:30",
    "session started, session=7",
    "Authorization failed for ann",
    "bearer of bad news",
    "sk-learn 1.5 with sk-model",
    "public key: abc",
]


def read_corpus(name: str) -> list[str]:
    """Read the texts of a file of ``corpora``, without their reasons."""
    rows = [row for row in (CORPORA / name).read_text("utf-8").splitlines() if not row.startswith("#")]
    assert all(row.count("\t") == 1 and row.partition("\t")[2] for row in rows), "a text without a reason"
    escapes = {"\\n": "\n", "\\t": "\t", "\\e": "\x1b", "\\\\": "\\"}
    return [re.sub(r"\\[nte\\]", lambda escape: escapes[escape[0]], row.partition("\t")[0]) for row in rows]


def test_of_the_corpus_of_secrets_none_is_seen() -> None:
    """Nothing of what is marked in a text is left of it."""
    texts = read_corpus("secrets.tsv")
    assert len(texts) >= 400
    seen = []
    for text in texts:
        left = redact(re.sub("[⟦⟧]", "", text))
        seen += [text] if any(secret in left for secret in re.findall("⟦(.+?)⟧", text)) else []
    assert not seen


def test_of_the_corpus_of_news_none_changes() -> None:
    """What looks like a secret, and is what somebody wants to know."""
    texts = read_corpus("keepers.tsv")
    assert len(texts) >= 200
    assert not [(text, redact(text)) for text in texts if redact(text) != text]


@pytest.mark.parametrize(("text", "redacted"), SECRETS, ids=[text[:40] for text, _ in SECRETS])
def test_a_secret_is_masked_and_the_rest_is_left(text: str, redacted: str) -> None:
    """Alone, and in the middle of a longer text."""
    assert redact(text) == redacted
    assert redact(f"before\n{text}\nafter") == f"before\n{redacted}\nafter"


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_is_left_alone(text: str) -> None:
    """What only looks like a secret's name is no secret."""
    assert redact(text) == text
    assert redact(f"{text}\n{text}") == f"{text}\n{text}"


TWICE = "<SimpleCookie: sid='a1b2c3'> INSERT INTO `users` (`id`, `password`) VALUES (1, 'd4e5f6') bearer_token=g7h8i9j0"
"""What its first masks leave looks like one secret more."""


@example(TWICE)
@given(st.text() | st.lists(st.sampled_from([text for text, _ in SECRETS] + INNOCENT)).map(" ".join))
def test_redacting_again_changes_nothing(text: str) -> None:
    """An alert may come by more than once."""
    once = redact(text)
    assert redact(once) == once


@given(
    st.lists(st.sampled_from([*"=: '\"[](){}\\\n,;&%<>/@.-", "password", "token", "a1", "İ", "3D", "://"])).map("".join)
)
def test_what_is_not_masked_stays_as_it_is(text: str) -> None:
    """Whatever signs stand beside each other, nothing is raised, and no letter is lost but for what is masked."""
    parts = redact(text).split("***")
    assert re.fullmatch(".*".join(map(re.escape, parts)), text, re.DOTALL)


def test_the_users_patterns_are_masked_too() -> None:
    """Their groups, or all of them."""
    patterns = [re.compile(r"card (\d+)"), re.compile(r"IBAN \w+")]
    assert redact("card 4111 and IBAN DE12", patterns) == "card *** and ***"


def test_what_is_kept_is_shown() -> None:
    """A name in any case of its letters, and a word, exactly; the rest is masked as before."""
    text = "Api_Token=abc1 password=changeme secret=changeme2 sent ghp_abcdefghijklmnopqrstuvwxyz0123"
    masked = "Api_Token=*** password=*** secret=*** sent ***"
    assert redact(text) == masked
    assert redact(text, keep=["api_token"]) == masked.replace("Api_Token=***", "Api_Token=abc1")
    assert redact("run --api_token abc1 --secret b", keep=["api_token"]) == "run --api_token abc1 --secret ***"
    assert redact(text, keep=["changeme"]) == masked.replace("password=***", "password=changeme")
    kept = redact(text, keep=["ghp_abcdefghijklmnopqrstuvwxyz0123"])
    assert kept == masked.replace("sent ***", "sent ghp_abcdefghijklmnopqrstuvwxyz0123")


@pytest.mark.parametrize("secret", ["password='hunter 2'", "ghp_abcdefghijklmnopqrstuvwxyz0123", "http://u:hunter2@h"])
def test_no_secret_escapes_at_the_border_of_a_piece(secret: str) -> None:
    """A long text is worked through in pieces, wherever a secret stands in it."""
    for before in range(module._PIECE - len(secret) - 2, module._PIECE + 3):
        text = f"{' ' * before}{secret}{' ' * 200}"
        left = redact(text)
        assert not re.search("hunter|ghp", left), before
        assert left.replace("*", "").strip() in ("", "password=''", "http://u:@h")


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
        ([], "Cookie: a=b; PASSWORD = 'hunter 2'", "Cookie: ***"),
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


# -- Shapes ----------------------------------------------------------------------------------------


def test_a_hundred_shapes_are_known() -> None:
    """Each once, and with the place where its format is written down."""
    assert len(SHAPES) >= 100
    assert len({(shape.literal, shape.before, shape.rest) for shape in SHAPES}) == len(SHAPES)
    assert all(shape.source for shape in SHAPES)
    assert all(shape.source for shape in GLUED)
    assert all(tail.source for tail in TAILS)


@pytest.mark.parametrize("shape", [*SHAPES, *GLUED, *TAILS], ids=lambda shape: shape[0][:20])
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_shape_of_a_token_is_looked_for(shape: Shape | Tail, data: st.DataObject) -> None:
    """Bare, in a path, in a query, in quotes; in a string that was printed."""
    literal = re.escape(shape.literal) if isinstance(shape, Shape) else ""
    behind = "" if "(?<!" in shape.before else shape.before
    tokens = st.from_regex(re.compile(behind + literal + shape.rest, re.ASCII), fullmatch=True)
    if isinstance(shape, Shape) and shape.has_digit:
        tokens = tokens.filter(lambda token: any(map(str.isdigit, token[len(shape.literal) :])))
    token = data.draw(tokens)
    secret = token.partition("/")[2] if literal.endswith("/") else token
    for form in ("sent {} to x", "https://x.example/v1/{}/send", "https://x.example/?v={} ", "'{}'", "a\\n{}\\nb"):
        assert secret not in redact(form.format(token))


# -- Alerts ----------------------------------------------------------------------------------------


def test_title_and_text_of_an_alert_are_redacted() -> None:
    """One without secrets is left as it is."""
    clean = make_alert()
    assert Redactor([])(clean) is clean
    dirty = clean._replace(title="token=abc", text="password=x")
    assert Redactor([])(dirty)[4:6] == ("token=***", "password=***")


def test_a_pattern_of_the_users_looks_at_every_part_of_an_alert() -> None:
    """At title, text, context and the URL's values; what hides a name with its value leaves nothing to be shown."""
    alert = make_alert("pin 12", title="pin 34", context=(("user", "pin 56"), ("pin", "78")))
    alert = alert._replace(url_parts=("https://pin 1/", "pin 2", "/pin 3/", "pin 4", "/pin 5"))
    redacted = Redactor([re.compile(r"pin \d+"), re.compile(r"pin=\d+")])(alert)
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
    masked = Redactor([])(alert)
    assert masked.context == (("machine", "web-3"), ("api_key", "***"), ("note", "sent ***"))
    assert masked.target() == "https://t/?token=mine&q=password%3D%2A%2A%2A"


@pytest.mark.parametrize("value", ["three green kettles", "a,b", "it's 7", "true.blue", "[abc]", "<abc>", "{a: 'b c'}"])
def test_a_name_hides_the_whole_value_of_a_context(value: str) -> None:
    """With its blanks, commas, quotes and brackets."""
    alert = make_alert(context=(("user_password", value), ("password_type", value)))
    assert Redactor([])(alert).context == (("user_password", "***"), ("password_type", value))
    assert Redactor([], ["user_password"])(alert) is alert


def test_what_is_news_of_a_context_is_shown() -> None:
    """A word of state and a number of tokens say something, and a stranger learns nothing."""
    context = (("token", "expired"), ("total_tokens", "4711"), ("session_id", "42"))
    assert Redactor([])(make_alert(context=context)).context == context


def finished(message: str, max_text: int = 1000, **attributes: object) -> str:
    """Return all that is shown of a record."""
    made = AlertFactory("shop", LevelMap(), max_text).from_record(record(message, **attributes))
    alert = Redactor(max_text=max_text).finished(made)
    return "\n".join((alert.title, alert.body(), *(value for _, value in alert.context)))


def record(message: str, **attributes: object) -> logging.LogRecord:
    """Make a record."""
    made = logging.LogRecord("shop", logging.ERROR, "/x.py", 1, message, None, None)
    made.__dict__.update(attributes)
    return made


SECRET = '{"password": "' + "hunter2" * 20 + '"}'


@pytest.mark.parametrize("place", [*range(900, 1000, 9), 200, 330])
def test_a_secret_is_masked_before_a_text_is_cut(place: int) -> None:
    """Wherever the cut is: in its name, before its value, in its value."""
    text = finished("x" * place + SECRET + " the end" * 200)
    assert "hunter" not in text
    assert "x" * 200 in text


@pytest.mark.parametrize("place", range(60, 125, 9))
def test_a_secret_is_masked_before_a_title_is_cut(place: int) -> None:
    """Half of it would look like none; with an exception, too."""
    said = "x" * place + " ghp_" + "a1" * 18
    assert "ghp_" not in finished(said)
    assert "ghp_" not in finished("cannot pay", exc_info=ValueError(said))
    assert "ghp_" not in finished("cannot pay", gntp={"title": said})


def fail() -> None:
    """Raise an exception that comes from another one; both tell a secret."""
    raise ValueError("x" * 300 + SECRET) from OSError("y" * 80 + SECRET)


def test_a_secret_is_masked_before_heads_causes_and_values_are_cut() -> None:
    """An exception's text, the one it came from, and what extra adds."""
    try:
        fail()
    except ValueError:
        text = finished("z" * 310 + SECRET, exc_info=sys.exc_info(), blob="b" * 170 + SECRET, order=4711)
    assert "hunter" not in text
    assert "caused by OSError: yyy" in text
    assert "test_redact.py" in text
    assert "4711" in text


def test_half_a_secret_at_the_end_of_what_is_looked_through_is_not_shown() -> None:
    """Masking may leave so little of a huge text that its end is seen."""
    token = "ghp_" + "a1" * 18
    text = finished("password='" + "p" * 16_300 + "' " + "x" * (16_384 - 16_313 - 12) + token + " y" * 9000)
    assert text.startswith("password='***'\n")
    assert "ghp_" not in text
    assert "(+18," in text


# -- Time ------------------------------------------------------------------------------------------


PIECES = [
    "password", "token=", "a.", "://", "://a@b", "Cookie:", "--token ", "eyJ", "x_", "password:<", "-eyJaaaaaaaa",
    "password='a'b", "password='", "password=[", "password={", "{'password': {", "password='\\", "key: a ",
    "'key': ", "token is ", "password for ada ", "http://a:b@", "-----BEGIN PRIVATE KEY-----", "values ((",
    "token [parameters: (", "%25", "token%3D", r'password\"', "<password>", "'name': 'password', ", "curl -u a:",
    "mysql -p", "Bearer abcdefgh ", "xoxb-", "live_", "1234567:", ".aaaaaa." + "a" * 27, "['password',",
    "('password', ", "Key (token, a, b, c", "entry 'a' for key 'token", "cookie: a=b; ", "password=a,b", "İ", "key-",
    "'--password=a ", "netloc='a:", "a:@tcp(", "token:\n a: b\n", "zip -P 'a ",
]  # fmt: skip


@pytest.mark.program
@pytest.mark.slow
def test_the_cost_grows_with_the_length_alone() -> None:
    """256 kB may take thirty times as long as 32 kB, not sixty-four times; the best of three tries counts.

    In a process of its own with a limit of minutes: a rule that looks to the end of the text from each place would take
    hours.
    """
    program = f"""
        import time
        from gntp_logging.alerts.redact import redact

        def taken(piece, size):
            text = piece * (size // len(piece))
            began = time.process_time()
            redact(text)
            return time.process_time() - began

        for piece in {PIECES!r}:
            for attempt in range(3):
                short = max(taken(piece, 32_768), 0.01)
                if taken(piece, 8 * 32_768) < 30 * short:
                    break
            else:
                raise SystemExit(f"{{piece!r}}")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_search_goes_over_more_than_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other threads wait as long as one search takes: each of those over a text sees a piece of it at most."""
    sizes: list[int] = []

    class Watched:
        def __init__(self, pattern: re.Pattern[str]) -> None:
            self._pattern = pattern

        def search(self, text: str, at: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
            sizes.append(min(len(text), end) - at)
            return self._pattern.search(text, at, end)

        def finditer(self, text: str, at: int = 0, end: int = sys.maxsize) -> Iterator[re.Match[str]]:
            sizes.append(min(len(text), end) - at)
            return self._pattern.finditer(text, at, end)

    for name in ("_STEM", "_BEGINNING", "_ESCAPED_BEGINNING"):
        monkeypatch.setattr(module, name, Watched(getattr(module, name)))
    tails = [(Watched(tail), before) for tail, before in COMPILED_TAILS]
    monkeypatch.setattr(module, "COMPILED_TAILS", tails)
    assert redact("x" * 1_000_000 + " password=hunter2") == "x" * 1_000_000 + " password=***"
    assert len(sizes) > 60
    assert max(sizes) <= module._PIECE + 2 * module._OVERLAP
