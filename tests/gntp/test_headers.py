"""headers: information lines, header lines, safe values."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gntp_logging.gntp import headers
from gntp_logging.gntp.exceptions import GNTPProtocolError, GNTPValidationError
from gntp_logging.gntp.headers import InformationLine, safe_value
from tests.gntp.messages import hostile_texts


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain", "plain"),
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\tb", "a\tb"),
        ("\x1b[31m", "␛[31m"),
        ("a\0b\x07\x7f", "a␀b␇␡"),
        ("\x9b31m", "\\x9b31m"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00\r", "😀"),
        ("  both ends \n", "both ends"),
        ("x-growl-resource://id", "•x-growl-resource://id"),
        ("  X-GROWL-Resource:id", "•X-GROWL-Resource:id"),
        ("\u200b\ufeffx-growl-resource://id", "•\u200b\ufeffx-growl-resource://id"),
        ("see x-growl-resource://id", "see x-growl-resource://id"),
        ("Grüße, 注文 🛒", "Grüße, 注文 🛒"),
        ("\x85\xa0x-growl-resource://id", "\\x85\xa0x-growl-resource://id"),
        ("\ufeff x-growl-\u017fource:", "\ufeff x-growl-\u017fource:"),
        ("\r\r\n\n\r", ""),
    ],
)
def test_a_value_is_made_safe_visibly(text: str, safe: str) -> None:
    """Line ends become line feeds, control characters their pictures, a pointer is defused; the rest stays."""
    assert safe_value(text) == safe


@given(hostile_texts | st.text())
def test_a_safe_value_is_safe(text: str) -> None:
    """No character that ends a line, moves a cursor or is no UTF-8; no pointer; and twice is once."""
    safe = safe_value(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", safe)
    assert safe == safe.strip()
    assert not re.match("[\\s\u180e\u200b-\u200f\u2060\ufeff]*x-growl-resource:", safe, re.IGNORECASE)
    assert safe_value(safe) == safe


@given(
    blanks=st.text(" \t\n\xa0\u180e\u200b\u200e\u2028\u2060\u3000\ufeff"),
    mask=st.integers(0, 2**16 - 1),
    rest=st.text(),
)
def test_no_value_begins_like_a_pointer(blanks: str, mask: int, rest: str) -> None:
    """In any mixture of cases, after anything that a server trims."""
    scheme = "".join(char.upper() if mask >> index & 1 else char for index, char in enumerate("x-growl-resource"))
    safe = safe_value(f"{blanks}{scheme}:{rest}")
    assert "•" in safe.partition(scheme)[0]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Printable ASCII that is no pointer is only trimmed."""
    assert safe_value(text).lstrip("•") == text.strip()


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä", "-a", "a\0", "a" * 257])
def test_a_header_name_that_is_none_is_refused(name: str) -> None:
    """Names cannot be made safe by changing them: they are refused."""
    with pytest.raises(GNTPValidationError, match="is no header name"):
        headers.header_line(name, "value")
    assert headers.header_line("a" * 256, "value") == "a" * 256 + ": value\r\n"


def test_a_line_has_a_space_after_the_colon() -> None:
    """Growl for Windows needs it."""
    assert headers.header_line("X-Name", "välue\r\n") == "X-Name: välue\r\n"


def test_a_block_is_read() -> None:
    """Values are trimmed, may be empty, and may hold colons and line feeds; bytes that are no UTF-8 are replaced."""
    block = headers.parse_block(b"A: 1\r\nB:\r\nC:a:b\nc \r\nD: \xff", 10)
    assert block == {"A": "1", "B": "", "C": "a:b\nc", "D": "\ufffd"}


@pytest.mark.parametrize(
    ("data", "block"),
    [
        (b"A: one\r\ntwo", {"A": "one\ntwo"}),
        (b"A: one\r\ntwo\r\nB: three\r\n  four \r\n \r\nfive", {"A": "one\ntwo", "B": "three\n  four \n \nfive"}),
        (b"A: one\r\n: two\r\n : three", {"A": "one\n: two\n : three"}),
        (b"A:\r\ntwo", {"A": "two"}),
        (b"A: one\r\nB two: three", {"A": "one", "B two": "three"}),
        (b"A: \xc3\r\n\xa4", {"A": "\ufffd\n\ufffd"}),
        (b"Received: a\r\nFrom x by y\r\nReceived: b", {"Received": "a From x by y\nb"}),
    ],
)
def test_a_line_without_name_or_colon_continues_the_value_before(data: bytes, block: dict[str, str]) -> None:
    """As clients write it that put a CRLF into a value; a line with a name is a header as ever."""
    assert headers.parse_block(data, 10) == block


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.sampled_from(["A", "B", "C"]), st.lists(st.text(st.characters(exclude_characters="\r\n:")))),
        unique_by=lambda pair: pair[0],
    )
)
def test_continued_lines_add_no_header(values: list[tuple[str, list[str]]]) -> None:
    """Whatever is in them."""
    data = "\r\n".join("\r\n".join([f"{name}: first", *lines]) for name, lines in values)
    block = headers.parse_block(data.encode("utf-8", "replace"), 3)
    assert list(block) == [name for name, _ in values]
    for name, lines in values:
        kept = [line.encode("utf-8", "replace").decode() for line in lines if line]
        assert block[name] == "\n".join(["first", *kept]).strip()


def test_many_lines_continue_a_value() -> None:
    """A header may be as long as the message."""
    block = headers.parse_block(b"A: 1" + b"\r\nmore" * 300_000, 1)
    assert block == {"A": "1" + "\nmore" * 300_000}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"no colon", "without name or colon"),
        (b": no name", "without name or colon"),
        (b"no colon\r\nA: 1", "without name or colon"),
        (b"A: 1\r\nmore\r\nA: 2", "there twice"),
        (b"Received: 1\r\n" * 3, "more than 2 Received headers"),
        (b"A: 1\r\nA: 2", "there twice"),
        (b"A: 1\r\nB: 2\r\nC: 3", "more than 2 headers"),
    ],
)
def test_a_malformed_block_is_refused(data: bytes, complaint: str) -> None:
    """With code 300."""
    with pytest.raises(GNTPProtocolError, match=complaint) as refused:
        headers.parse_block(data, 2)
    assert refused.value.error_code == 300


@pytest.mark.parametrize("block", [{}, {"Name": ""}])
def test_a_missing_or_empty_header_is_303(block: dict[str, str]) -> None:
    """An empty value means absent."""
    with pytest.raises(GNTPProtocolError, match="the header Name is missing") as refused:
        headers.required(block, "Name")
    assert refused.value.error_code == 303


@pytest.mark.parametrize(
    ("text", "value"),
    [("True", True), ("yes", True), ("TRUE", True), ("False", False), ("No", False), ("1", False), ("", False)],
)
def test_booleans_are_read_as_growl_for_windows_does(text: str, value: bool) -> None:
    """Yes and True in any case; 1 is false."""
    assert headers.parse_boolean(text) is value
    assert headers.parse_boolean(headers.format_boolean(value)) is value


def written(line: InformationLine) -> bytes:
    """Return the bytes of an information line."""
    return headers.information_line(*dataclasses.astuple(line)).encode()


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        (b"GNTP/1.0 REGISTER NONE", InformationLine("REGISTER")),
        (b"GNTP/1.0 NOTIFY NONE ", InformationLine("NOTIFY")),
        (b"gntp/1.0 notify none", InformationLine("NOTIFY")),
        (b"GNTP/1.0 NOTIFY NONE  MD5:0aFF.01", InformationLine("NOTIFY", None, b"", "MD5", b"\x0a\xff", b"\x01")),
        (
            b"GNTP/1.0 SUBSCRIBE AES:0102 SHA256:03.04",
            InformationLine("SUBSCRIBE", "AES", b"\x01\x02", "SHA256", b"\x03", b"\x04"),
        ),
    ],
)
def test_information_lines_of_every_client_are_read(line: bytes, parsed: InformationLine) -> None:
    """A trailing space, two spaces, either case."""
    assert headers.parse_information_line(line) == parsed


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", 301),
        (b"GET / HTTP/1.1", 301),
        (b"HTTP/1.0 NOTIFY NONE", 301),
        (b"\xff\xfe", 301),
        (b"GNTP/2.0 NOTIFY NONE", 302),
        (b"GNTP/1.0", 300),
        (b"GNTP/1.0 NOTIFY", 300),
        (b"GNTP/1.0 NOTIFY AES", 300),
        (b"GNTP/1.0 NOTIFY NONE MD5:00", 300),
        (b"GNTP/1.0 NOTIFY NONE MD5:000.00", 300),
        (b"GNTP/1.0 NOTIFY NONE MD5:00." + b"00" * 129, 300),
        (b"GNTP/1.0 -ERROR Invalid request", 300),
    ],
)
def test_information_lines_that_are_none_are_refused(line: bytes, code: int) -> None:
    """301 for another protocol, 302 for another version, 300 for what is malformed."""
    with pytest.raises(GNTPProtocolError) as refused:
        headers.parse_information_line(line)
    assert refused.value.error_code == code


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"XGNTP/1.0 NOTIFY NONE", "not a GNTP message: 'XGNTP/1.0 NOTIFY NONE'"),
        (b"\tGNTP/1.0 NOTIFY NONE", r"not a GNTP message: '\tGNTP/1.0 NOTIFY NONE'"),
        (b"x" * 50, f"not a GNTP message: '{'x' * 40}'"),
        (b"\xff", r"not a GNTP message: '\ufffd'"),
        (b"GNTP/2.0 NOTIFY NONE", "GNTP version 2.0 is not supported, 1.0 is"),
        (b"GNTP/1.0 NOTIFY NONEX", "a malformed information line: 'GNTP/1.0 NOTIFY NONEX'"),
        (b"GNTP/1.0 NOTIFY \tNONE", r"a malformed information line: 'GNTP/1.0 NOTIFY \tNONE'"),
        (b"GNTP/1.0 NOTIFY AES:0", "an odd number of hexadecimal digits in the information line"),
    ],
)
def test_a_refused_information_line_is_quoted(line: bytes, complaint: str) -> None:
    """As far as people need it to see what came; nothing but spaces is forgiven around it."""
    with pytest.raises(GNTPProtocolError) as refused:
        headers.parse_information_line(line)
    assert str(refused.value) == complaint


def test_an_answer_has_a_type_at_least() -> None:
    """What follows it may be anything."""
    with pytest.raises(GNTPProtocolError, match="a malformed information line"):
        headers.parse_information_line(b"GNTP/1.0", response=True)


def test_an_information_line_needs_its_type_only() -> None:
    """All else is empty, in the specification's capitals."""
    assert headers.information_line("-OK") == "GNTP/1.0 -OK NONE"
    assert headers.information_line("NOTIFY", "AES") == "GNTP/1.0 NOTIFY AES:"
    assert headers.information_line("NOTIFY", hash_id="MD5") == "GNTP/1.0 NOTIFY NONE MD5:."


def test_a_boolean_is_written_as_every_server_reads_it() -> None:
    """growl-for-linux looks at the capital, too."""
    assert [headers.format_boolean(True), headers.format_boolean(False)] == ["True", "False"]


def test_a_salt_has_a_limit() -> None:
    """128 bytes are read; recorded requests carry at most 64."""
    salt = b"s" * 128
    line = InformationLine("NOTIFY", None, b"", "SHA512", b"h" * 64, salt)
    assert headers.parse_information_line(written(line)) == line
    with pytest.raises(GNTPProtocolError, match="a salt of 129 bytes; at most 128"):
        headers.parse_information_line(written(dataclasses.replace(line, salt=salt + b"s")))


def test_growl_for_linux_errors_are_read() -> None:
    """It writes words where the encryption should stand."""
    for words in (b"", b" Invalid request", b" Invalid data", b" Invalid command"):
        line = headers.parse_information_line(b"GNTP/1.0 -ERROR" + words, response=True)
        assert line == InformationLine("-ERROR")


@given(st.binary(min_size=1, max_size=32), st.binary(min_size=1, max_size=64), st.binary(min_size=1, max_size=128))
def test_an_encoded_information_line_is_read_back(iv: bytes, key_hash: bytes, salt: bytes) -> None:
    """Whatever the lengths."""
    for line in (
        InformationLine("NOTIFY", "AES", iv, "SHA512", key_hash, salt),
        InformationLine("NOTIFY", None, b"", "MD5", key_hash, salt),
        InformationLine("NOTIFY"),
    ):
        assert headers.parse_information_line(written(line)) == line


@given(st.binary(max_size=80))
def test_any_bytes_are_an_information_line_or_a_protocol_error(data: bytes) -> None:
    """Nothing else."""
    for response in (False, True):
        for start in (b"", b"GNTP/1.0 ", b"GNTP/1.0 NOTIFY AES:"):
            try:
                line = headers.parse_information_line(start + data, response=response)
            except GNTPProtocolError as error:
                assert error.error_code in (300, 301, 302)  # noqa: PT017 - the other outcome is a line
            else:
                assert line.message_type == line.message_type.upper() != ""


@given(st.binary(max_size=200))
def test_any_bytes_are_a_block_or_a_protocol_error(data: bytes) -> None:
    """Names are never empty, values never hold CRLF, and what was read is within the limit."""
    try:
        block = headers.parse_block(data, 3)
    except GNTPProtocolError as error:
        assert error.error_code == 300  # noqa: PT017 - the other outcome is a block
    else:
        assert len(block) <= 3
        assert all(block)
        assert not any("\r\n" in value for value in block.values())


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]*", fullmatch=True), hostile_texts | st.text()))
def test_an_encoded_block_is_read_back(block: dict[str, str]) -> None:
    """Every name and safe value, in order."""
    safe = {name: safe_value(text) for name, text in block.items()}
    data = "".join(headers.header_line(name, text) for name, text in block.items()).encode()
    assert list(headers.parse_block(data, len(block)).items()) == list(safe.items())


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        ("x-growl-resource://id", "id"),
        ("X-Growl-Resource:// id ", "id"),
        ("x-growl-resource:id", None),
        ("http://x/", None),
        ("", None),
    ],
)
def test_a_pointer_names_its_section(value: str, identifier: str | None) -> None:
    """In any case of its scheme."""
    assert headers.pointed_identifier(value) == identifier
