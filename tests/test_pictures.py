"""The documents' pictures: they show what the package does now, are small, and say in words what is seen."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.documents import PAGES, ROOT
from tools.take_pictures import FONT_SIZE, PICTURES, WIDTH, size_of, stamp, stamp_of

MOST_BYTES: Final = 300_000
"""Of a picture: it is loaded before anything of its page can be read."""

LEAST_WORDS: Final = 12
"""Of a description that says what is seen, and not only what kind of picture it is."""


def _file(name: str) -> Path:
    return ROOT / "docs" / f"{name}.png"


@pytest.mark.program
@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_what_the_package_does_now(name: str) -> None:
    """It holds a hash of what it was made from; ``python -m tools.take_pictures NAME`` takes it again."""
    if name == "gallery" and sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no groups of exceptions")
    assert stamp_of(_file(name).read_bytes()) == stamp(name), f"python -m tools.take_pictures {name}"


def test_every_picture_is_taken_by_the_program() -> None:
    """None is left of what nobody can take again; each is a PNG that is not too large."""
    assert {path.stem for path in (ROOT / "docs").rglob("*.png")} == set(PICTURES)
    for name in PICTURES:
        picture = _file(name).read_bytes()
        assert picture.startswith(b"\x89PNG"), name
        assert len(picture) < MOST_BYTES, name


def test_the_first_picture_can_be_read_at_the_width_of_a_page() -> None:
    """It has two pixels for each of the page's, and no text in it is smaller than a page's small print."""
    width, height = size_of(_file("first-look").read_bytes())
    assert width == 2 * WIDTH == 1600
    assert height < width / 2
    assert FONT_SIZE >= 12


def test_every_picture_is_described() -> None:
    """In words that say what is seen, each time that a page shows it; and each is shown."""
    shown = [found for page in PAGES for found in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text("utf-8"))]
    for words, picture in shown:
        assert len(words.split()) >= LEAST_WORDS, picture
    assert {Path(picture).stem for _, picture in shown if picture.endswith(".png")} == set(PICTURES)
