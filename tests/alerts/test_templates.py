"""templates: ``{}``-formats over what a record has, whatever it has."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.alerts.templates import Template, link


def test_names_are_filled_in_with_formats_and_conversions() -> None:
    """As str.format does it."""
    template = Template("{name}: {count:03d} {{x}} {text!r} {count:{width}}")
    assert template.fill({"name": "a", "count": 7, "text": "b", "width": 4}) == "a: 007 {x} 'b'    7"


@pytest.mark.parametrize("text", ["{missing}", "{missing.of.it[0]}", "{missing:>10}", "{missing!s}", "{missing!r}"])
def test_what_is_not_there_is_empty(text: str) -> None:
    """A title may name what only some records have."""
    assert Template(f"<{text}>").fill({}) == "<>"


@pytest.mark.parametrize("text", ["{}", "{0}", "{", "}", "{a", "{a!x}", "{a!}", "{:d}"])
def test_what_is_no_format_is_refused(text: str) -> None:
    """When it is written down, not when the first error happens."""
    with pytest.raises(ValueError):  # noqa: PT011 - str.format's own words, or ours
        Template(text)


def test_values_of_a_link_are_quoted_and_its_text_is_not() -> None:
    """A value can neither add a parameter nor leave the path."""
    template = Template("https://t/{{a}}/{name}?q={text}&x=1")
    parts = template.parts({"name": "a/../b", "text": "50% & more é\n"})
    assert link(parts) == "https://t/{a}/a%2F..%2Fb?q=50%25%20%26%20more%20%C3%A9%0A&x=1"


@given(st.text(), st.text())
def test_any_value_stays_what_it_is(one: str, two: str) -> None:
    """Every character, lone surrogates aside, comes back out of the link."""
    parts = Template("https://t/?a={a}&b={b}").parts({"a": one, "b": two})
    query = link(parts).partition("?")[2]
    assert [unquote(pair.partition("=")[2]) for pair in query.split("&")] == [one, two]


def test_a_lone_surrogate_is_quoted_too() -> None:
    """Log texts hold them."""
    assert link(("https://t/", "a\ud800b", "")) == "https://t/a%3Fb"
