"""Containers are unpacked within limits on what really comes out, whatever their lists say."""

from __future__ import annotations

import zipfile

import pytest

from repository.inspector import archives
from repository.inspector.archives import Archive
from repository.inspector.findings import Refused
from tests.corpus.containers import lying, raw_zip, zipped


def nested(depth: int) -> bytes:
    """A container in a container, so many deep."""
    content = zipped({"a.txt": b"hello"})
    for _ in range(depth - 1):
        content = zipped({"inner.zip": content}, zipfile.ZIP_STORED)
    return content


@pytest.mark.parametrize("depth", [1, 2])
def test_containers_are_opened_two_deep(depth: int) -> None:
    assert Archive(nested(depth)).check() > 0


@pytest.mark.fault("att:C01")
@pytest.mark.parametrize("depth", [3, 10])
def test_deeper_ones_are_refused_as_is_one_that_holds_itself(depth: int) -> None:
    with pytest.raises(Refused, match="archive-bomb"):
        Archive(nested(depth)).check()


@pytest.mark.fault("att:C01")
def test_a_container_that_grows_a_thousandfold_is_refused_while_it_is_unpacked() -> None:
    data = zipped({"flat": bytes(50_000_000)})
    assert len(data) < 60_000
    with pytest.raises(Refused, match="archive-bomb"):
        Archive(data).check()


def test_a_small_entry_may_be_packed_as_tightly_as_it_likes() -> None:
    assert Archive(zipped({"blank": bytes(1_000_000)})).check() == 1_000_000


@pytest.mark.fault("att:C01")
def test_what_a_list_says_of_sizes_is_not_believed() -> None:
    with pytest.raises(Refused, match=r"archive-(bomb|damaged)"):
        Archive(lying({"flat": bytes(50_000_000)})).check()


@pytest.mark.fault("att:C01")
def test_all_that_comes_out_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit itself is five gigabytes; the rule is the same for less."""
    monkeypatch.setattr(archives, "OUTPUT_LIMIT_BYTES", 2_000_000)
    entries = {f"{number}": bytes([number]) * 900_000 for number in range(3)}
    with pytest.raises(Refused, match="archive-bomb"):
        Archive(zipped(entries)).check()
    assert Archive(zipped({"0": entries["0"], "1": entries["1"]})).check() == 1_800_000


def test_one_entry_is_read_within_the_limit_of_who_asks() -> None:
    archive = Archive(zipped({"a.xml": b"<a/>" * 100}))
    assert archive.read("a.xml", 400) == b"<a/>" * 100
    with pytest.raises(Refused, match="archive-bomb"):
        Archive(zipped({"a.xml": b"<a/>" * 100})).read("a.xml", 399)
    with pytest.raises(Refused, match="archive-damaged"):
        archive.read("missing.xml", 10)


def test_an_entry_with_a_wrong_sum_is_damaged() -> None:
    data = bytearray(zipped({"a.txt": b"hello world"}, zipfile.ZIP_STORED))
    at = data.index(b"hello")
    data[at] ^= 1
    with pytest.raises(Refused, match="archive-damaged"):
        Archive(bytes(data)).check()


@pytest.mark.fault("att:C02")
def test_entries_that_share_bytes_are_refused_before_anything_is_unpacked() -> None:
    with pytest.raises(Refused, match="archive-overlap"):
        Archive(raw_zip([(b"%d" % number, b"0" * 1000, 0) for number in range(10)], shared=True))


def test_what_a_reader_of_containers_would_take_for_one_is_found_at_the_end_of_anything() -> None:
    packed = zipped({"a.txt": b"hello"})
    assert archives.ends_as_zip(b"%PDF-1.7 anything" + packed)
    assert not archives.ends_as_zip(packed + b"more")
    assert not archives.ends_as_zip(b"PK\x05\x06")
    assert not archives.ends_as_zip(b"")
