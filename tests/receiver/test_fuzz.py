"""The receiver under mutated requests, the same each time; ``python tests/receiver/fuzz.py`` does it for longer."""

from __future__ import annotations

import random

import pytest

from tests.receiver.fuzz import corpus, fuzz, mutated


@pytest.mark.slow
def test_it_stands() -> None:
    """It answers afterwards, holds nothing for anybody, and has not grown."""
    assert fuzz("1", requests=500) == []


def test_a_seed_makes_the_same_mistakes_again() -> None:
    """Keys and ciphers are drawn from it, too."""

    def thrown() -> list[bytes]:
        known = corpus(random.Random("7"), None)
        return [mutated(known[number], random.Random(f"7 {number}"), known) for number in range(len(known))]

    assert thrown() == thrown()
