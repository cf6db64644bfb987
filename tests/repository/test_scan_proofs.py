"""What a page that waits is shown with: its codes in words, where the proposal comes from, the counts that did not agree."""

from __future__ import annotations

import pytest

from repository.acts.scan_proofs import seen
from repository.acts.scan_words import NOTE_WORDS, PROPOSED_WORDS, REASON_WORDS
from scripts.labels import PacketLabel, PageCode, ScriptCover
from scripts.readings import PAGE_NOTES
from scripts.splitting import ProposedBy, QueueReason
from scripts.tables import ScanBundle, ScanPage


def page(reason: str = "foreign_code", codes: tuple[str, ...] = (), proposed_by: str = "") -> ScanPage:
    return ScanPage(reason=reason, codes=list(codes), proposed_by=proposed_by)


def test_each_kind_of_code_says_what_it_is() -> None:
    codes = (
        PacketLabel("99999", "6A26", "H446/01", 1, 2).payload,
        ScriptCover("99999", "1001", "H446/01", 2, 3).payload,
        PageCode("99999", "1001", "H446/01", 1, 3, 16).payload,
        "AQA-7517-1-0042",
    )
    shown = seen(page(codes=codes), ScanBundle(pages=4)).codes
    assert [(one.kind, one.candidate_number, one.number, one.of) for one in shown] == [
        ("packet", "", 1, 2),
        ("cover", "1001", 2, 3),
        ("page", "1001", 3, 16),
        ("other", "", 0, 0),
    ]
    assert shown[3].text == "AQA-7517-1-0042"


@pytest.mark.parametrize(("reason", "is_counted"), [("uncounted", True), ("double_feed", True), ("blank", False)])
def test_counts_are_shown_where_they_are_the_reason(reason: str, is_counted: bool) -> None:
    bundle = ScanBundle(pages=9, sheets=5, sheets_checked=None, booklets=2, booklet_pages=None, duplex="merged")
    counts = seen(page(reason), bundle).counts
    assert (counts is not None) is is_counted
    if counts is not None:
        assert (counts.pages, counts.sheets_fed, counts.sheets, counts.booklets, counts.sides) == (9, 5, None, 2, 2)


def test_nothing_is_without_words() -> None:
    assert set(PROPOSED_WORDS) == set(map(str, ProposedBy))
    assert set(NOTE_WORDS) == set(map(str, PAGE_NOTES))
    assert set(REASON_WORDS) == set(map(str, QueueReason))
    assert seen(page(proposed_by="cover"), ScanBundle(pages=1)).proposed_by == PROPOSED_WORDS["cover"]
