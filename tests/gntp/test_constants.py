"""constants: the protocol's numbers and the helpers around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp import constants


def test_the_numbers_are_the_protocols() -> None:
    """Port, delimiters and priorities are those of the specification."""
    assert constants.DEFAULT_PORT == 23053
    assert (constants.LINE_DELIMITER, constants.MESSAGE_DELIMITER) == (b"\r\n", b"\r\n\r\n")
    assert [
        constants.PRIORITY_VERY_LOW,
        constants.PRIORITY_LOW,
        constants.PRIORITY_NORMAL,
        constants.PRIORITY_HIGH,
        constants.PRIORITY_EMERGENCY,
    ] == [-2, -1, 0, 1, 2]
    assert (constants.RESPONSE_OK, constants.RESPONSE_ERROR, constants.RESPONSE_CALLBACK) == (
        "-OK",
        "-ERROR",
        "-CALLBACK",
    )


def test_random_bytes_have_their_length_and_differ() -> None:
    """Two draws of sixteen bytes are never the same."""
    assert len(constants.random_bytes(16)) == 16
    assert constants.random_bytes(16) != constants.random_bytes(16)
    assert constants.random_bytes(0) == b""
    assert len(constants.random_hex_string(8)) == 16


@pytest.mark.parametrize("draw", [constants.random_bytes, constants.random_hex_string])
def test_a_negative_number_of_bytes_is_refused(draw: object) -> None:
    """There are no minus one bytes."""
    assert callable(draw)
    with pytest.raises(ValueError, match="num_bytes must be 0 or more, not -1"):
        draw(-1)


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_encoded(text: str) -> None:
    """Lone surrogates become U+FFFD, a pair its character, everything else itself."""
    decoded = constants.decode_utf8(constants.encode_utf8(text))
    clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert decoded == clean


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    """decode_utf8 raises, as the reference says."""
    with pytest.raises(UnicodeDecodeError):
        constants.decode_utf8(b"\xff")


@pytest.mark.parametrize(
    ("value", "default", "result"),
    [("42", 0, 42), ("invalid", -1, -1), (None, 7, 7), (3.9, 0, 3), (float("inf"), 5, 5), (" 8 ", 0, 8), ([], 2, 2)],
)
def test_numbers_are_read_or_replaced(value: object, default: int, result: int) -> None:
    """Whatever int() does not take gives the default."""
    assert constants.safe_int_conversion(value, default) == result


@given(st.integers())
def test_priorities_are_clamped(priority: int) -> None:
    """The nearest of -2 to 2."""
    clamped = constants.validate_priority(priority)
    assert clamped == min(range(-2, 3), key=lambda allowed: abs(allowed - priority))


def test_error_codes_are_those_that_servers_send() -> None:
    """The specification's, and two that are only in use."""
    assert {code.value: code.name for code in constants.ErrorCode} == {
        200: "TIMED_OUT",
        201: "NETWORK_FAILURE",
        300: "INVALID_REQUEST",
        301: "UNKNOWN_PROTOCOL",
        302: "UNKNOWN_PROTOCOL_VERSION",
        303: "REQUIRED_HEADER_MISSING",
        400: "NOT_AUTHORIZED",
        401: "UNKNOWN_APPLICATION",
        402: "UNKNOWN_NOTIFICATION",
        403: "ALREADY_PROCESSED",
        404: "NOTIFICATION_DISABLED",
        500: "INTERNAL_SERVER_ERROR",
    }
    assert {401, 402} == constants.NOT_REGISTERED
