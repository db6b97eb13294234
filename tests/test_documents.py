"""The documents: links lead somewhere, and what is said to be shown by a test is shown by one that exists."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from tests.documents import PAGES, ROOT, anchors, links, prose
from tests.protections import PROTECTIONS, Protection, missing

DOCUMENTS = {
    name: re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / name).read_text("utf-8"))
    for name in ("conformance.md", "evidence.md")
}


_LONGEST_LINE: Final = 100


@pytest.mark.parametrize(("name", "least"), [("conformance.md", 100), ("evidence.md", 100)])
def test_the_tables_are_long(name: str, least: int) -> None:
    """An empty table would hold."""
    assert len(DOCUMENTS[name]) >= least


@pytest.mark.parametrize(
    ("file", "name"), sorted({reference for references in DOCUMENTS.values() for reference in references})
)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    """Under that name, in that file."""
    assert name in _functions(file)


@functools.cache
def _functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_there_is_a_page_for_each_framework() -> None:
    """An empty folder would hold; so would one that nobody finds."""
    names = {page.stem for page in (ROOT / "docs" / "frameworks").glob("*.md")}
    assert names == {
        "celery",
        "django",
        "fastapi",
        "flask",
        "gunicorn",
        "loguru",
        "plain",
        "scripts",
        "structlog",
        "uvicorn",
    }
    readme = (ROOT / "README.md").read_text("utf-8")
    assert set(re.findall(r"docs/frameworks/(\w+)\.md", readme)) == names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """In the checkout, where people read the pages before they are built. What lies elsewhere is not asked for."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        if re.match(r"https?://", link):
            assert urlsplit(link).hostname, link
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: no such file"
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_every_page_is_in_the_contents() -> None:
    """A page that no list names is found by nobody."""
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    listed = set(re.findall(r"^[\w/-]+$", index, re.MULTILINE))
    there = {page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert listed == there - {"index"}


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.name)
def test_a_protection_that_can_be_taken_out_is_there(protection: Protection) -> None:
    """The program that takes each out would otherwise take out nothing."""
    if not (ROOT / "gntp_logging").is_dir():
        pytest.skip("the installed package is tested, without its source beside it")
    assert missing(protection) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_of_prose_are_short(page: Path) -> None:
    """So that a change of one sentence can be read as one; a row of a table is one line, whatever is in it."""
    lines = [line for line in prose(page).splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > _LONGEST_LINE] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_can_be_read_without_a_dictionary_of_ours(page: Path) -> None:
    """Words that the documents once used in a sense of their own stay out: people *report*, and *are shown*."""
    private = r"\b(?:tells? of|(?:is|are|was|were|be) told|told (?:again|so)|tells so|the rooms|in peace)\b"
    assert page.name == "CHANGELOG.md" or not re.findall(private, prose(page))


def test_the_drawing_uses_the_words_of_its_page() -> None:
    """Each box has a name that architecture.md has, so that one word is used for one thing."""
    drawing = (ROOT / "docs" / "way-of-a-record.svg").read_text("utf-8")
    names = re.findall(r'class="name"[^>]*>([^<]+)<', drawing)
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert len(names) >= 12
    assert [name for text in names for name in text.split(", ") if name not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_test_names_stand_on_the_pages_for_developers(page: Path) -> None:
    """Users of the package look for what it does; which test shows it stands in evidence.md and conformance.md."""
    named = re.findall(r"`tests/[\w/]+\.py(?:::\w+)?`", page.read_text("utf-8"))
    assert not named or page.name in {"evidence.md", "conformance.md", "CONTRIBUTING.md", "CHANGELOG.md"}
