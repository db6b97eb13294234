"""secret_names: what a name says of its value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.redact import redact
from gntp_logging.alerts.secret_names import _WORDS, Kind, kind_of

NAMES = {
    Kind.SECRET: "password DB_PASS smtpPass passwd pwd passphrase MYSQL_PWD password2 password_confirmation"
    " passwordHash SECRET_KEY_BASE clientSecret client-key-data X-Api-Key apikey api_key_2 AccountKey dbpassword rootpw"
    " spring.datasource.password Ocp-Apim-Subscription-Key APIKey credentials",
    Kind.TOKEN: "token access_token refreshToken csrfmiddlewaretoken X-Amz-Security-Token authtoken auth sig tokens",
    Kind.SESSION: "sessionid session_id PHPSESSID sid",
    Kind.AUTHORIZATION: "Authorization HTTP_AUTHORIZATION proxy-authorization authorization_header",
    Kind.COOKIE: "Cookie Set-Cookie HTTP_COOKIE cookies",
    Kind.WEAK: "key stripe_key session token_thing secret_id",
    Kind.NONE: "user passenger author tokenizer keyboard compass bypass secretary secret_name token_type reset_url"
    " password_changed_at token_expires_in max_tokens next_page_token primary_key publicToken key_path auth.py use_auth"
    " token_bucket password_min_length session_cookie_age AWS_ACCESS_KEY_ID",
}


@pytest.mark.parametrize(("kind", "names"), NAMES.items(), ids=lambda each: each.name if isinstance(each, Kind) else "")
def test_the_parts_of_a_name_decide(kind: Kind, names: str) -> None:
    """In any style; what stands before and behind a secret's word counts."""
    assert {name: kind_of(name) for name in names.split()} == dict.fromkeys(names.split(), kind)


@given(st.text(st.characters(codec="ascii"), max_size=200))
def test_every_text_may_be_a_name(name: str) -> None:
    """One that is long, or no name at all."""
    assert kind_of(name) in Kind


@pytest.mark.parametrize("word", sorted(_WORDS))
def test_every_word_of_the_table_is_looked_for(word: str) -> None:
    """One that holds no mark by which texts are sorted out would never be found."""
    secret = "aB3dE6gH9jK2mN5pQ8"
    assert redact(f'{{"{word}": "{secret}", "n": 1}}') == f'{{"{word}": "***", "n": 1}}'
    assert redact(f"{word.upper()}={secret}\nn=1") == f"{word.upper()}=***\nn=1"
