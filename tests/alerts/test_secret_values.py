"""secret_values: which value of a secret's name is news."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.secret_names import Kind
from gntp_logging.alerts.secret_values import NEWS_SIZE, is_news, looks_random

NEWS = [
    "", "***", "xxxx", "none", "Required", "<unset>", "[Filtered]", "(hidden)", "password_too_short", "minLength",
    "must not be blank", "This field is required.", "expired at 10:30", "$TOKEN", "${TOKEN:-x}", "$(cat token)",
    "%(token)s", "{token}", "{{ token }}", ":password", "%s", "Optional[str]", "<class 'str'>", "str",
    "<Token object at 0x7f12>", "settings.TOKEN", "self.token", "get_token()", "os.environ['TOKEN']", "<your-token>",
]  # fmt: skip
SECRETS = [
    "hunter2", "swordfish", "three green kettles", "a, b", "it's 7", "none-of-it-7", "true.blue", "[abc]", "<abc>",
    "{a: 'b'}", "@home7", ":)secret", "123456", "$2b$12$abcdefg", "the code is x7y8z9", "x", "x" * (NEWS_SIZE + 1),
]  # fmt: skip


@pytest.mark.parametrize("value", NEWS)
@pytest.mark.parametrize("kind", [Kind.SECRET, Kind.TOKEN, Kind.SESSION])
def test_news(kind: Kind, value: str) -> None:
    """Words of state, sentences, references, types, and what is masked already."""
    assert is_news(value, kind)


@pytest.mark.parametrize("value", SECRETS)
def test_in_doubt_a_value_is_secret(value: str) -> None:
    """However it looks."""
    assert not is_news(value, Kind.SECRET)


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("4711", {Kind.TOKEN, Kind.SESSION, Kind.AUTHORIZATION, Kind.WEAK}),
        ("471147", {Kind.SESSION, Kind.WEAK}),
        ("0x7f12", {Kind.SESSION, Kind.WEAK}),
        ("app.Proxy@1a2b", {Kind.TOKEN, Kind.WEAK}),
        ("orders", {Kind.WEAK}),
        ("aB3dE6gH9jK2mN5pQ8", set()),
    ],
)
def test_what_is_news_depends_on_the_name(value: str, kinds: set[Kind]) -> None:
    """Tokens are counted, sessions numbered, and a weak name hides only what looks random."""
    assert {kind for kind in Kind if kind is not Kind.NONE and is_news(value, kind)} == kinds


def test_plurals_are_counted_and_parsers_write_words_in_capitals() -> None:
    """``passwords: 3`` and ``token=NAME`` tell no secret."""
    assert is_news("3", Kind.SECRET, counted=True)
    assert not is_news("3", Kind.SECRET)
    assert is_news("NAME", Kind.TOKEN, bare=True)
    assert not is_news("NAME", Kind.TOKEN)


@pytest.mark.parametrize(
    ("value", "random"),
    [
        ("550e8400-e29b-41d4-a716-446655440000", True),
        ("0f1e2d3c4b5a69788796a5b4c3d2e1f0", True),
        ("a1B2", False),
        ("orders-2026-11-28-backup", False),
        ("/srv/app2/data3/file4/b5", False),
        ("averylongwordwithoutanydigit", False),
        ("12345678901234567890", False),
    ],
)
def test_what_nobody_has_chosen_looks_random(value: str, random: bool) -> None:
    """Letters and digits in turns, sixteen and more; no dates, paths and words."""
    assert looks_random(value) is random


@given(st.text(), st.sampled_from(Kind))
def test_every_value_is_judged(value: str, kind: Kind) -> None:
    """Blanks around it change nothing."""
    assert is_news(value, kind) is is_news(f" {value}\n", kind) or len(value) >= NEWS_SIZE - 2
