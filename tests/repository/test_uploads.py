import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.errors import ChecksumUnknown, RequestMalformed
from repository.uploads import (
    candidate_prefix,
    read_checksum,
    read_declared_sha256,
    read_filename,
    read_metadata,
    read_whole_number,
)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
        st.text(max_size=40).filter(lambda text: "\x00" not in text),
        max_size=6,
    )
)
def test_metadata_round_trip(pairs: dict[str, str]) -> None:
    header = ",".join(f"{key} {encoded(value)}" if value else key for key, value in pairs.items())
    assert read_metadata(header) == pairs


@pytest.mark.fault("att:D13")
@pytest.mark.parametrize(
    "header",
    [
        "a Zg==,a Zg==",
        "a not*base64",
        "a ä",
        "a \udcff",
        "a Zg",
        "a /w==",
        "a AA==",
        "a Zg== extra",
        "a  Zg==",
        " , ",
        ",a Zg==",
        "ä Zg==",
        "a\tZg==",
        "x" * 9000,
    ],
    ids=[
        "repeated",
        "not base64",
        "not ASCII",
        "not even UTF-8 on the line",
        "not padded",
        "not UTF-8",
        "NUL",
        "three words",
        "two spaces",
        "empty pair",
        "empty first pair",
        "key",
        "tabulator",
        "too long",
    ],
)
def test_malformed_metadata_is_refused(header: str) -> None:
    with pytest.raises(RequestMalformed):
        read_metadata(header)


@pytest.mark.fault("att:D01")
@pytest.mark.parametrize(
    "text", [None, "", "-1", "1.5", "1e3", "٣", "9223372036854775808", "99999999999999999999", "0x10"]
)
def test_a_length_that_is_no_whole_number_is_refused(text: str | None) -> None:
    with pytest.raises(RequestMalformed, match="Upload-Length"):
        read_whole_number(text, "Upload-Length")


def test_the_largest_length_is_read() -> None:
    assert read_whole_number("9223372036854775807", "Upload-Length") == 2**63 - 1


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_checksums_match_their_own_bytes_only(algorithm: str) -> None:
    digest = base64.b64encode(hashlib.new(algorithm, b"work").digest()).decode()
    checksum = read_checksum(f"{algorithm} {digest}")
    assert checksum is not None
    assert checksum.matches(b"work")
    assert not checksum.matches(b"worl")


@pytest.mark.fault("att:D07")
def test_checksum_headers_out_of_form_are_refused() -> None:
    with pytest.raises(ChecksumUnknown):
        read_checksum("md5 1B2M2Y8AsgTpgAmY7PhCfg==")
    with pytest.raises(RequestMalformed):
        read_checksum("sha256 !!!")
    with pytest.raises(RequestMalformed):
        read_checksum("sha256 Zg==")


@pytest.mark.fault("att:A05")
def test_nul_in_a_name_is_refused() -> None:
    with pytest.raises(RequestMalformed, match="NUL"):
        read_filename("a\x00.pdf")


@pytest.mark.fault("att:A09", "att:A01", "att:A11")
def test_names_are_text_only() -> None:
    assert read_filename("../../etc/passwd") == "../../etc/passwd"
    assert "\u202e" not in read_filename("work\u202egpj.exe")
    assert read_filename("e\u0301.pdf") == "\u00e9.pdf"


@pytest.mark.fault("att:A12")
def test_a_name_over_the_limit_is_refused_with_the_limit() -> None:
    assert read_filename("a" * 251 + ".pdf")
    with pytest.raises(RequestMalformed, match="255"):
        read_filename("a" * 252 + ".pdf")


@pytest.mark.fault("att:A10")
def test_candidate_numbers_are_four_ascii_digits() -> None:
    assert candidate_prefix("1234_coversheet.pdf") == "1234"
    assert candidate_prefix("12345.pdf") is None
    assert candidate_prefix("١٢٣٤.pdf") is None
    assert candidate_prefix("work.pdf") is None


def test_declared_hashes() -> None:
    assert read_declared_sha256(None) is None
    assert read_declared_sha256("AB" * 32) == "ab" * 32
    with pytest.raises(RequestMalformed):
        read_declared_sha256("ab")
