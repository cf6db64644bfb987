from __future__ import annotations

import hashlib
import io
import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import GeometryRefused, LengthMismatch, ObjectTampered
from storage.streaming import SDR1, Geometry, Opener, open_sealed, part_aad, seal, tail_aad

from .conftest import OID, OTHER_OID, SMALL, KeepOpen

KEY = bytes(range(32))
BORDERS = sorted(
    {
        length
        for border in (0, 72, 72 + 112, 72 + 2 * 112, SMALL.part_plain_bytes)
        for length in (border - 1, border, border + 1)
        if 0 <= length <= SMALL.part_plain_bytes
    }
)


def sealed_unit(plaintext: bytes, aad: bytes, *, key: bytes = KEY, random=os.urandom, geometry: Geometry = SMALL):
    into = memoryview(bytearray(geometry.sealed_bytes(len(plaintext))))
    header = seal(key, aad, plaintext, into, random, geometry)
    return header, bytes(into)


def opened(sealed: bytes, aad: bytes, header: bytes, plain_bytes: int, *, key: bytes = KEY, geometry=SMALL) -> bytes:
    return b"".join(open_sealed(key, aad, header, sealed, plain_bytes, geometry))


def test_check_values(vectors):
    assert SDR1.part_plain_bytes == 8_386_520
    for total, parts, stored in vectors["sizes"]:
        assert (SDR1.parts(total), SDR1.stored_bytes(total)) == (parts, stored)


def test_the_largest_object_has_ten_thousand_parts():
    assert SDR1.parts(83_865_200_000) == 10_000
    with pytest.raises(GeometryRefused):
        SDR1.parts(83_865_200_001)


@given(st.integers(0, 83_865_200_000))
def test_parts_add_up(total):
    count = SDR1.parts(total)
    lengths = [SDR1.part_length(total, i) for i in ({0, count // 2, count - 1})]
    assert all(0 <= length <= SDR1.part_plain_bytes for length in lengths)
    assert (count - 1) * SDR1.part_plain_bytes + SDR1.part_length(total, count - 1) == total
    if total:
        assert SDR1.part_length(total, count - 1) > 0


@given(st.integers(0, SMALL.part_plain_bytes))
def test_segments_cover_a_part_without_gap(length):
    sealed = SMALL.sealed_bytes(length)
    spans = [SMALL.segment_span(s, sealed) for s in range(SMALL.segments(length))]
    assert spans[0][0] == 40
    assert spans[-1][1] == sealed
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    for offset in range(length):
        segment = SMALL.segment_of(offset)
        start, stop = spans[segment]
        assert SMALL.segment_plain_start(segment) <= offset < SMALL.segment_plain_start(segment) + stop - start - 16


@pytest.mark.fault("att:F12")
def test_the_segment_counter_does_not_wrap():
    limit_bytes = SDR1.first_segment_plain_bytes + (2**32 - 1) * SDR1.segment_plain_bytes
    assert SDR1.segments(limit_bytes) == 2**32
    with pytest.raises(GeometryRefused):
        SDR1.segments(limit_bytes + 1)


@pytest.mark.parametrize("sizes", [(512, 56), (500, 128), (0, 128), (-512, 128)])
def test_sizes_that_are_no_geometry_are_refused(sizes):
    with pytest.raises(GeometryRefused):
        Geometry(*sizes)


def test_known_answers(vectors, tink):
    random = {32: bytes.fromhex(vectors["salt"]), 7: bytes.fromhex(vectors["nonce_prefix"])}
    key = bytes.fromhex(vectors["stream_key"])
    for vector in vectors["streams"]:
        plaintext = bytes.fromhex(vector["plaintext_byte"]) * vector["total"]
        aad = part_aad(vectors["oid"], vector["total"], 0)
        header, sealed = sealed_unit(plaintext, aad, key=key, random=random.__getitem__, geometry=SDR1)
        assert len(sealed) == vector["sealed_bytes"]
        assert hashlib.sha256(sealed).hexdigest() == vector["sha256"]
        assert header == b"\x28" + random[32] + random[7] == sealed[:40]
        assert tink(key).new_decrypting_stream(io.BytesIO(sealed), aad).read() == plaintext


@pytest.mark.parametrize("length", BORDERS)
def test_st06_stock_tink_and_we_open_each_other(length, tink):
    plaintext = os.urandom(length)
    aad = part_aad(OID, length, 0)
    header, sealed = sealed_unit(plaintext, aad)
    assert tink(KEY, 128).new_decrypting_stream(io.BytesIO(sealed), aad).read() == plaintext
    sink = KeepOpen()
    with tink(KEY, 128).new_encrypting_stream(sink, aad) as stream:
        stream.write(plaintext)
    theirs = sink.getvalue()
    assert len(theirs) == len(sealed)
    assert opened(theirs, aad, theirs[:40], length) == plaintext
    assert opened(sealed, aad, header, length) == plaintext


@pytest.mark.parametrize("length", [SDR1.part_plain_bytes - 1, SDR1.part_plain_bytes])
def test_st06_at_full_size(length, tink):
    plaintext = os.urandom(1024) * (length // 1024) + b"x" * (length % 1024)
    aad = part_aad(OID, length, 0)
    header, sealed = sealed_unit(plaintext, aad, geometry=SDR1)
    assert tink(KEY).new_decrypting_stream(io.BytesIO(sealed), aad).read() == plaintext
    assert opened(sealed, aad, header, length, geometry=SDR1) == plaintext


@pytest.mark.fault("att:F03", "att:F04")
def test_st07_every_flipped_byte_is_refused_before_its_segment():
    plaintext = os.urandom(SMALL.part_plain_bytes)
    aad = part_aad(OID, len(plaintext), 0)
    header, sealed = sealed_unit(plaintext, aad)
    for position in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[position] ^= 1 << (position % 8)
        given_out = []
        with pytest.raises(ObjectTampered) as caught:
            given_out.extend(open_sealed(KEY, aad, header, bytes(flipped), len(plaintext), SMALL))
        assert caught.value.facts["diagnosis"] == ("E3" if position < 40 else "E5")
        whole = b"".join(given_out)
        assert whole == plaintext[: len(whole)]
        assert len(given_out) == (0 if position < 40 else position // 128)


@pytest.mark.fault("att:F03", "att:F04")
def test_st07_a_flipped_remembered_header_is_refused():
    aad = part_aad(OID, 5, 0)
    header, sealed = sealed_unit(b"hello", aad)
    for position in range(40):
        flipped = bytearray(header)
        flipped[position] ^= 1
        both = bytes(flipped) + sealed[40:]
        with pytest.raises(ObjectTampered):
            opened(both, aad, bytes(flipped), 5)


@pytest.mark.fault("att:F03", "att:F04")
def test_st07_segments_moved_dropped_doubled_or_added_are_refused():
    plaintext = os.urandom(SMALL.part_plain_bytes)
    aad = part_aad(OID, len(plaintext), 0)
    header, sealed = sealed_unit(plaintext, aad)
    blocks = [sealed[i : i + 128] for i in range(0, 512, 128)]
    altered = [
        b"".join([blocks[0], blocks[2], blocks[1], blocks[3]]),
        b"".join([blocks[0], blocks[1], blocks[1], blocks[3]]),
        b"".join(blocks[:3]),
        b"".join(blocks) + blocks[3],
        b"".join(blocks) + b"\0",
        *(sealed[:cut] for cut in (0, 1, 39, 40, 41, 127, 128, 129, 383, 384, 511)),
    ]
    for bad in altered:
        with pytest.raises(ObjectTampered):
            opened(bad, aad, header, len(plaintext))


@pytest.mark.fault("att:F03")
def test_st07_a_truncated_part_does_not_pass_as_a_shorter_one():
    plaintext = os.urandom(SMALL.part_plain_bytes)
    header, sealed = sealed_unit(plaintext, part_aad(OID, len(plaintext), 0))
    for segments in (1, 2, 3):
        shorter = SMALL.segment_plain_start(segments)
        for total in (shorter, len(plaintext)):
            with pytest.raises(ObjectTampered):
                opened(sealed[: segments * 128], part_aad(OID, total, 0), header, shorter)


@pytest.mark.fault("att:F01")
@pytest.mark.parametrize(
    "aad",
    [
        part_aad(OTHER_OID, 600, 1),
        part_aad(OID, 601, 1),
        part_aad(OID, 600, 0),
        tail_aad(OID, 1, 600),
        b"",
    ],
)
def test_st08_a_part_of_another_object_length_or_place_never_opens(aad):
    header, sealed = sealed_unit(b"x" * 100, part_aad(OID, 600, 1))
    with pytest.raises(ObjectTampered) as caught:
        opened(sealed, aad, header, 100)
    assert caught.value.facts["diagnosis"] == "E5"


def test_no_two_units_share_a_header():
    aad = part_aad(OID, 1, 0)
    headers = {sealed_unit(b"A", aad)[0] for _ in range(200)}
    assert len(headers) == 200


def test_a_buffer_of_another_size_is_refused():
    with pytest.raises(LengthMismatch):
        seal(KEY, b"", b"abc", memoryview(bytearray(10)), os.urandom, SMALL)


def test_a_broken_source_of_random_bytes_is_refused():
    with pytest.raises(LengthMismatch):
        sealed_unit(b"abc", b"", random=lambda _: b"")


def test_a_segment_outside_the_part_is_refused():
    header, sealed = sealed_unit(b"abc", b"")
    opener = Opener(KEY, b"", header, 3, SMALL)
    with pytest.raises(GeometryRefused):
        opener.open_segment(1, sealed[40:])
