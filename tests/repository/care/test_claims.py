"""The one rule by which names are judged, over every standing an object can have (ST-19)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from repository.care.claims import Claim, claim, judge
from repository.care.inventory import Known, Listing
from repository.uploads import UploadState
from storage.backend import ObjectHead

NOW = datetime(2026, 6, 1, tzinfo=UTC)
oids = st.uuids(version=4).map(str)
HEX = "0123456789abcdef"
ages = st.integers(0, 100).map(lambda hours: NOW - timedelta(hours=hours))


@st.composite
def keys_of(draw: st.DrawFn, oid: str) -> str:
    random = draw(st.text(HEX, min_size=32, max_size=32))
    index = draw(st.integers(0, 9_999))
    return draw(
        st.sampled_from(
            [f"q/{oid}/{index}.{random}", f"q/{oid}/tail.{random}", f"d/{oid}", f"d/{oid}/{index}", f"k/{oid}.json"]
        )
    )


@st.composite
def objects(draw: st.DrawFn, oid: str) -> Known:
    referred = draw(st.lists(keys_of(oid), max_size=3))
    return Known(
        oid,
        draw(st.sampled_from([None, "staged", "whole", "parts"])),
        draw(st.sampled_from([None, *map(str, UploadState)])),
        draw(st.sampled_from([None, None, None, "missing", "altered"])),
        draw(st.booleans()),
        draw(st.none() | ages),
        dict.fromkeys(referred, 1),
    )


@given(st.data(), oids, st.booleans())
def test_what_a_row_refers_to_is_never_an_orphan(data: st.DataObject, oid: str, recoverable: bool) -> None:
    owner = data.draw(st.none() | objects(oid))
    key = data.draw(keys_of(oid))
    says = claim(key, owner, recoverable=recoverable, keys_made_before=NOW - timedelta(hours=24))
    if owner is None:
        assert says is (Claim.UNKNOWN if recoverable else Claim.ORPHAN)
        return
    if key in owner.names:
        assert says is Claim.REFERRED
    standing = owner.layout is not None or owner.upload is not None
    if standing and not owner.shredded and key[0] in "dk":
        assert says is Claim.REFERRED  # a released name belongs to its object in whatever state
    young = owner.created_at is not None and owner.created_at >= NOW - timedelta(hours=24)
    if not standing and not owner.shredded and young:
        assert says is Claim.REFERRED  # an intake that may still finish
    if owner.shredded and key not in owner.names and not owner.canary:
        assert says is Claim.ORPHAN


@given(st.data(), st.lists(oids, unique=True, max_size=4), ages)
def test_only_settled_names_are_judged_each_once(
    data: st.DataObject, some: list[str], settled_before: datetime
) -> None:
    heads = [
        ObjectHead(key, 1, data.draw(ages))
        for oid in some
        for key in data.draw(st.lists(keys_of(oid), unique=True, max_size=3))
    ]
    by_area = [tuple(head for head in heads if head.key.startswith(area)) for area in ("q/", "d/", "k/")]
    known = {oid: data.draw(objects(oid)) for oid in some[::2]}
    judged = judge(Listing(*by_area), known, settled_before=settled_before, keys_made_before=NOW)
    assert sorted(one.head.key for one in judged) == sorted(
        head.key for head in heads if head.last_modified_at <= settled_before
    )
    copies = {head.key for head in heads if head.key.startswith("k/")}
    for one in judged:
        assert one.recoverable == (f"k/{one.oid}.json" in copies)  # a copy counts however young it is
        assert one.oid in some


@given(st.text("qdk/abc0-._", min_size=1, max_size=60), oids)
def test_names_that_are_not_ours_are_strangers(text: str, oid: str) -> None:
    not_ours = {text, f"q/{oid}", f"d/{UUID(oid).hex}", f"{text}/{oid}", f"d/{oid}.json", f"k/{oid}", f"d/{oid}/0/x"}
    for key in not_ours - {f"d/{oid}"}:
        assert claim(key, None, recoverable=False, keys_made_before=NOW) is Claim.STRANGER
