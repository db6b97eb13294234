"""exceptions: one tree, with data in attributes."""

from __future__ import annotations

import pickle

import pytest

from gntp_logging.gntp import exceptions
from gntp_logging.gntp.exceptions import (
    GNTPAuthenticationError,
    GNTPConnectionError,
    GNTPError,
    GNTPProtocolError,
    GNTPResponseError,
    GNTPTimeoutError,
)


def test_there_is_one_tree() -> None:
    """Whoever catches GNTPError catches everything."""
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 10
    assert all(issubclass(kind, GNTPError) for kind in kinds)
    assert issubclass(GNTPTimeoutError, GNTPConnectionError)
    assert issubclass(GNTPAuthenticationError, GNTPResponseError)


def test_the_tree_is_drawn_in_the_docstring() -> None:
    """Every class is in the picture, below its parent."""
    tree = exceptions.__doc__ or ""
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    for kind in kinds:
        assert f"{kind.__name__} " in tree or f"{kind.__name__}\n" in tree
        parents = [parent.__name__ for parent in kind.__mro__[1:] if parent in kinds]
        assert all(tree.index(parent) < tree.index(kind.__name__) for parent in parents)


def test_a_response_error_says_code_and_description() -> None:
    """Both are attributes, and in the text."""
    error = GNTPResponseError(303, "a header is missing")
    assert (error.error_code, error.error_description) == (303, "a header is missing")
    assert str(error) == "the server answered -ERROR 303: a header is missing"
    assert str(GNTPResponseError(None)) == "the server answered -ERROR without a code: no description"


@pytest.mark.parametrize("error", [GNTPResponseError(401, "unknown"), GNTPProtocolError("malformed", 302)])
def test_errors_survive_pickling(error: GNTPError) -> None:
    """An error that crosses processes keeps its class and text."""
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_a_protocol_error_has_the_code_to_answer_with() -> None:
    """300 unless said otherwise."""
    assert GNTPProtocolError("x").error_code == 300
    assert GNTPProtocolError("x", 302).error_code == 302


def test_what_a_server_says_is_quoted_in_one_visible_line_of_bounded_length() -> None:
    """It may be meant for the terminal that it ends up on, or for nobody."""
    error = GNTPResponseError(300, "\x1b[31mRED\x1b]0;title\x07\n\r\n  forged line \x9b1m\u202e" + "x" * 4_000_000)
    said = str(error).partition(": ")[2]
    assert said.startswith("␛[31mRED␛]0;title␇ ␍ forged line \\x9b1m\\u202exxx")
    assert len(said) == 200
    assert said.endswith("x…")
    assert said.isprintable()
    assert error.error_description.startswith("\x1b[31mRED")
