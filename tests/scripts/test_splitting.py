from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.errors import PagesNotConserved
from scripts.labels import PacketLabel, PageCode, ScriptCover
from scripts.splitting import (
    Counts,
    Duplex,
    Expectation,
    PageReading,
    ProposedBy,
    QueueReason,
    ScriptKey,
    Split,
    split,
)

CANDIDATES = frozenset(ScriptKey("99999", "H446/01", number) for number in ("1001", "1002", "1003"))
LABEL = PacketLabel("99999", "6A26", "H446/01", 1, 1)
EXPECTED = Expectation("6A26", CANDIDATES, labels=frozenset({LABEL.payload}))
COVER_WORDS = {"1001", "1002", "1003", "1234", "1001a", "1001b", "x", "exam", "centre", "two"}


def key(number: str) -> ScriptKey:
    return ScriptKey("99999", "H446/01", number)


def page(what: str, index: int) -> PageReading:
    """A page by a short word.

    A candidate number is a cover, ``1001:3`` its third page of four with a code of its own, ``2`` after that another look;
    ``w`` written, ``-`` blank, ``x`` a spoilt cover, ``dark`` and ``side`` written pages that scanned badly.
    """
    sha256 = hashlib.sha256(f"{index}".encode()).hexdigest()
    codes = {
        "label": (LABEL.payload,),
        "other": (PacketLabel("99999", "6A26", "H446/01", 7, 9).payload,),
        "foreign": ("AQA-1",),
        "exam": (ScriptCover("99999", "1001", "H446/02").payload,),
        "centre": (ScriptCover("99998", "1001", "H446/01").payload,),
        "two": (ScriptCover("99999", "1001", "H446/01").payload, ScriptCover("99999", "1002", "H446/01").payload),
        "1001b": (ScriptCover("99999", "1001", "H446/01", 2, 2).payload,),
        "1001a": (ScriptCover("99999", "1001", "H446/01", 1, 2).payload,),
    }.get(what, ())
    if what.isdigit():
        codes = (ScriptCover("99999", what, "H446/01").payload,)
    candidate, _, number = what.partition(":")
    notes: tuple[str, ...] = {"dark": ("too_dark",), "side": ("turn_unknown", "on_its_side")}.get(what, ())
    if number:
        codes = (PageCode("99999", candidate, "H446/01", 1, int(number.strip("'!")), 4).payload,)
        notes = ("too_light",) if number.endswith("!") else ()
        sha256 = sha256 if number.endswith("'") else hashlib.sha256(what.encode()).hexdigest()
    if what == "same":
        sha256 = "0" * 64
    return PageReading(index, sha256, codes, what == "-", what == "x", what == "broken", notes=notes)


def counted(words: list[str]) -> Counts:
    """What somebody counts who looks at the pile: its sheets, one side each, and its booklets."""
    repeated = max(0, words.count("same") - 1)
    booklets = len({word for word in words if word in COVER_WORDS} - {"x"}) + min(1, words.count("x"))
    return Counts(sheets=len(words) - repeated, booklets=booklets, duplex=Duplex.NONE)


def taken(words: str, expected: Expectation = EXPECTED, counts: Counts | None = None) -> Split:
    every = words.split()
    counts = counted(every) if counts is None else counts
    return split([page(word, index) for index, word in enumerate(every)], replace(expected, counts=counts))


def scripts(found: Split) -> dict[str, tuple[int, ...]]:
    return {script.key.candidate_number: script.pages for script in found.scripts}


def test_covers_begin_scripts() -> None:
    found = taken("label 1001 w w 1002 w - 1003 w")
    assert scripts(found) == {"1001": (1, 2, 3), "1002": (4, 5), "1003": (7, 8)}
    assert found.queues == {QueueReason.BLANK: (6,)}
    assert found.queued[0].proposed == key("1002")
    assert found.queued[0].proposed_by == ProposedBy.COVER
    assert found.scripts[0].label == LABEL
    assert found.scripts[0].answer_pages == 2
    assert found.indexed_count == 8


@pytest.mark.fault("att:I07", "att:I08", "att:I09", "att:I10", "att:I11")
@pytest.mark.parametrize(
    ("words", "reason", "queued"),
    [
        ("w w 1001 w", QueueReason.BEFORE_FIRST_COVER, (0, 1)),
        ("1001 w x w w 1002 w", QueueReason.UNREADABLE_COVER, (2, 3, 4)),
        ("1001 w broken w 1002 w", QueueReason.UNREADABLE_PAGE, (2, 3)),
        ("1001 w foreign w 1002 w", QueueReason.FOREIGN_CODE, (2, 3)),
        ("1001 w exam w 1002 w", QueueReason.WRONG_EXAM, (2, 3)),
        ("1001 w centre w 1002 w", QueueReason.WRONG_CENTRE_NUMBER, (2, 3)),
        ("1001 w 1234 w 1002 w", QueueReason.NOT_ON_REGISTER, (2, 3)),
        ("1001 w two w 1002 w", QueueReason.TWO_CODES, (2, 3)),
        ("1001 w other w 1002 w", QueueReason.LABEL_UNKNOWN, (2, 3)),
        ("1001 same 1002 same w", QueueReason.DUPLICATE_PAGE, (3,)),
        ("1001 w dark 1002 w", QueueReason.IMAGE_REJECTED, (2,)),
        ("1001 w side 1002 w", QueueReason.INVERTED, (2,)),
        ("1001 w 1003 1002 w", QueueReason.MISSING_PAGES, (2,)),
    ],
)
def test_what_is_not_certain_waits_for_a_person(words: str, reason: QueueReason, queued: tuple[int, ...]) -> None:
    found = taken(words)
    assert found.queues == {reason: queued}
    assert set(scripts(found)) <= {"1001", "1002"}


@pytest.mark.fault("att:I11")
def test_a_good_candidate_number_under_another_centre_is_proposed_and_no_more() -> None:
    (first, second) = taken("1002 w centre w").queued
    assert {first.proposed, second.proposed} == {key("1001")}
    assert first.proposed_by == ProposedBy.CANDIDATE_NUMBER
    assert "1001" not in scripts(taken("1002 w centre w"))


def test_a_candidate_who_turns_up_twice_is_queued_both_times() -> None:
    found = taken("1001 w 1002 w 1001 w w")
    assert scripts(found) == {"1002": (2, 3)}
    assert found.queues == {QueueReason.DUPLICATE_CANDIDATE: (0, 1, 4, 5, 6)}


@pytest.mark.fault("att:I13")
def test_a_candidate_indexed_before_is_queued() -> None:
    before = Expectation("6A26", CANDIDATES, frozenset({key("1001")}))
    assert taken("1001 w", before).queues == {QueueReason.DUPLICATE_CANDIDATE: (0, 1)}
    assert taken("1001b w", before).queues == {QueueReason.EXTRA_BOOKLET_UNMATCHED: (0, 1)}
    assert taken("1001:1 1001:2", before).queues == {QueueReason.DUPLICATE_CANDIDATE: (0, 1)}


@pytest.mark.fault("att:I10")
def test_booklets_of_one_candidate_come_together_in_their_order() -> None:
    found = taken("1001b w 1002 w 1001a w w")
    assert scripts(found)["1001"] == (4, 5, 6, 0, 1)
    assert found.findings == ()
    assert [finding.detail for finding in taken("1001b w").findings] == ["booklet 1 of 2 is not in the bundle"]


# What counts pages that have no code (decision 0027)

ONE_SIDED = {"duplex": Duplex.NONE}


@pytest.mark.parametrize(
    ("counts", "placed"),
    [
        ({}, False),
        ({"sheets_fed": 6}, False),
        ({"sheets": 6}, False),
        ({"booklets": 2}, False),
        ({"booklet_pages": 3}, False),
        ({"sheets": 6, "booklets": 2}, True),
        ({"sheets": 6, "booklet_pages": 3}, True),
        ({"booklets": 2, "booklet_pages": 3}, True),
        ({"sheets": 6, "booklets": 2, "booklet_pages": 3, "sheets_fed": 6}, True),
        ({"sheets": 6, "booklets": 2, "sheets_fed": 5}, False),
        ({"sheets": 6, "booklets": 3, "booklet_pages": 3}, False),
        ({"sheets": 7, "booklets": 2, "booklet_pages": 3}, False),
        ({"sheets": 6, "booklets": 2, "booklet_pages": 4}, False),
    ],
)
def test_two_counts_must_agree_and_none_disagree(counts: dict[str, int], placed: bool) -> None:
    found = taken("1001 w w 1002 w w", counts=Counts(**counts, duplex=Duplex.NONE))
    assert set(scripts(found)) == ({"1001", "1002"} if placed else set())
    assert {waiting.proposed for waiting in found.queued if waiting.index < 3} == (set() if placed else {key("1001")})


@pytest.mark.fault("att:I07")
@pytest.mark.parametrize("counts", [{"sheets": 7}, {"booklets": 2}, {"booklet_pages": 3}])
@pytest.mark.parametrize("second", [{"sheets": 7}, {"booklets": 2}, {"booklet_pages": 3}])
def test_a_cover_that_went_through_under_another_sheet_gives_nobody_anothers_pages(
    counts: dict[str, int], second: dict[str, int]
) -> None:
    # The pile: 1001 and two sheets, 1002 and two sheets, then 1003's single one. 1002's cover went unseen.
    found = taken("1001 w w w w", counts=Counts(**(counts | second), duplex=Duplex.NONE))
    assert scripts(found) == {}
    assert {waiting.reason for waiting in found.queued} <= {QueueReason.DOUBLE_FEED, QueueReason.UNCOUNTED}
    assert {waiting.proposed_by for waiting in found.queued} == {ProposedBy.COVER}


def test_fewer_pages_than_a_booklet_has_are_missing() -> None:
    counts = Counts(sheets=5, booklet_pages=3, duplex=Duplex.NONE)
    found = taken("1001 w w 1002 w", counts=counts)
    assert scripts(found) == {"1001": (0, 1, 2)}
    assert found.queues == {QueueReason.MISSING_PAGES: (3, 4)}


def test_an_extra_booklet_may_have_other_pages_but_then_two_other_counts_agree() -> None:
    counts = Counts(sheets=6, booklet_pages=4, booklets=2, duplex=Duplex.NONE)
    assert scripts(taken("1001a w w w 1001b w", counts=counts)) == {"1001": (0, 1, 2, 3, 4, 5)}
    found = taken("1001a w w w 1001b w", counts=replace(counts, booklets=None))
    assert scripts(found) == {"1001": (0, 1, 2, 3)}
    assert found.queues == {QueueReason.UNCOUNTED: (4, 5)}


def test_the_blank_back_of_a_counted_cover_or_label_goes_with_it() -> None:
    counts = Counts(sheets=3, booklets=1)
    found = taken("label - 1001 - w w", counts=counts)
    assert [header.index for header in found.headers] == [0, 1]
    assert (found.scripts[0].pages, found.scripts[0].answer_pages) == ((2, 3, 4, 5), 2)
    alone = taken("label - 1001 - w w", counts=replace(counts, sheets=None, booklet_pages=4))
    assert alone.queues == {QueueReason.BLANK: (1, 3)}


def test_a_page_seen_twice_does_not_make_up_for_one_that_was_not() -> None:
    counts = Counts(sheets=4, booklets=1, duplex=Duplex.NONE)
    assert scripts(taken("1001 same same w", counts=counts)) == {}


@pytest.mark.fault("att:I07")
def test_fronts_and_backs_scanned_one_after_the_other_are_brought_together() -> None:
    counts = Counts(sheets=4, booklets=2, duplex=Duplex.FRONTS_THEN_BACKS)
    found = taken("1001 w 1002 w w - w -", counts=counts)
    assert scripts(found) == {"1001": (0, 7, 1, 6), "1002": (2, 5, 3, 4)}
    assert taken("1001 w 1002 w w - w", counts=counts).queues == {QueueReason.DOUBLE_FEED: (0, 1, 2, 3, 4, 5, 6)}
    # A sheet missing in both runs shifts the backs between.
    assert scripts(taken("1001 w 1002 w w - w -", counts=replace(counts, sheets=None, booklet_pages=4))) == {}
    assert scripts(taken("1001 w 1002 w w -", counts=counts)) == {}


# Pages with codes of their own

CODED = "1001 - 1001:1 1001:2 1001:3 1001:4 1002 - 1002:1 1002:2 1002:3 1002:4"


def test_coded_pages_need_no_counting() -> None:
    found = taken(CODED, counts=Counts())
    assert scripts(found) == {"1001": (0, 2, 3, 4, 5), "1002": (6, 8, 9, 10, 11)}
    assert found.queues == {QueueReason.BLANK: (1, 7)}
    assert found.findings == ()


@pytest.mark.fault("att:I07", "att:I08", "att:I09")
@pytest.mark.parametrize(
    ("words", "placed", "queues", "findings"),
    [
        # The second cover went unseen, or cannot be read: the pages say it all the same.
        (
            "1001 - 1001:1 1001:2 1001:3 1001:4 1002:1 1002:2 1002:3 1002:4",
            {"1001": (0, 2, 3, 4, 5), "1002": (6, 7, 8, 9)},
            {QueueReason.BLANK: (1,)},
            [],
        ),
        (
            "x - 1001:1 1001:2 1001:3 1001:4",
            {"1001": (2, 3, 4, 5)},
            {QueueReason.UNREADABLE_COVER: (0,), QueueReason.BLANK: (1,)},
            [],
        ),
        # A sheet is missing.
        ("1001:1 1001:2", {"1001": (0, 1)}, {}, ["page 3, 4 of 4 of booklet 1 is not in the bundle"]),
        # Two sheets in one: the front of one, the back of the other.
        (
            "1001:1 1001:4",
            {"1001": (0, 1)},
            {},
            ["page 2, 3 of 4 of booklet 1 is not in the bundle", "pages 1 and 4 of booklet 1 came as one sheet"],
        ),
        # Scanned last sheet first, and one sheet back side up.
        (
            "1001:3 1001:4 1001:2 1001:1",
            {"1001": (3, 2, 0, 1)},
            {},
            ["the sheets of booklet 1 were scanned out of order"],
        ),
        # A sheet of another candidate inside the booklet.
        (
            "1001:1 1001:2 1002:1 1002:2 1001:3 1001:4",
            {"1001": (0, 1, 4, 5)},
            {QueueReason.PAGE_ORDER: (2, 3)},
            [],
        ),
        # Front and back of a sheet belong to two candidates.
        (
            "1001:1 1001:2 1001:3 1002:2 1002:3 1002:4",
            {"1001": (0, 1), "1002": (4, 5)},
            {QueueReason.FRONT_BACK_MISMATCH: (2, 3)},
            ["page 4 of 4 of booklet 1 is not in the bundle", "page 1 of 4 of booklet 1 is not in the bundle"],
        ),
        (
            "1001 1002:2 1002:3 1002:4 1001:1 1001:2 1001:3 1001:4",
            {"1001": (0, 4, 5, 6, 7)},
            {QueueReason.FRONT_BACK_MISMATCH: (1,), QueueReason.PAGE_ORDER: (2, 3)},
            [],
        ),
        # The same page twice: the same picture once more, or another under the same code.
        (
            "1001:1 1001:2 1001:1 1001:2 1001:3 1001:4",
            {"1001": (0, 1, 4, 5)},
            {QueueReason.DUPLICATE_PAGE: (2, 3)},
            [],
        ),
        (
            "1001:1 1001:2 1001:1' 1001:2 1001:3 1001:4",
            {"1001": (1, 4, 5)},
            {QueueReason.DUPLICATE_PAGE: (0, 2, 3)},
            [],
        ),
        # A page that cannot be marked from, and one whose code is spoilt.
        ("1001:1 1001:2 1001:3! 1001:4", {"1001": (0, 1, 3)}, {QueueReason.IMAGE_REJECTED: (2,)}, []),
        (
            "1001 - 1001:1 w 1001:3 1001:4",
            {"1001": (0, 2, 4, 5)},
            {QueueReason.BLANK: (1,), QueueReason.UNCOUNTED: (3,)},
            ["page 2 of 4 of booklet 1 is not in the bundle"],
        ),
        ("1234:1 1234:2", {}, {QueueReason.NOT_ON_REGISTER: (0, 1)}, []),
    ],
)
def test_coded_pages_show_what_went_wrong(
    words: str, placed: dict[str, tuple[int, ...]], queues: dict[QueueReason, tuple[int, ...]], findings: list[str]
) -> None:
    found = taken(words, counts=Counts())
    assert scripts(found) == placed
    assert found.queues == queues
    assert [finding.detail for finding in found.findings] == findings


def test_a_spoilt_page_among_coded_ones_is_proposed_by_where_it_lies() -> None:
    found = taken("1001:1 w 1001:3 1001:4 1001 w 1002:1 1002:2", counts=Counts())
    waiting = {one.index: (one.proposed, one.proposed_by) for one in found.queued}
    assert waiting == {1: (key("1001"), ProposedBy.POSITION), 5: (key("1001"), ProposedBy.POSITION)}


def test_pages_that_only_a_strangers_code_ends_are_nobodys() -> None:
    counts = Counts(sheets=5, booklets=2, booklet_pages=3, duplex=Duplex.NONE)
    found = taken("1001 w w 1002:1 1002:2", counts=counts)
    assert scripts(found) == {"1002": (3, 4)}
    assert found.queues == {QueueReason.UNCOUNTED: (0, 1, 2)}


def test_sides_are_compared_only_where_sheets_have_two() -> None:
    words = "1001:1 1002:2 1002:3 1002:4"
    assert taken(words, counts=Counts(duplex=Duplex.NONE)).queues == {}
    assert taken(words, counts=Counts()).queues == {QueueReason.FRONT_BACK_MISMATCH: (0, 1)}
    out_of_step = "1001 1001:1 1001:2 1001:3 1001:4 1002:1 1002:2 1002:3 1002:4"
    assert taken(out_of_step, counts=Counts()).queues == {}


WORDS = st.lists(
    st.sampled_from(
        [
            "label",
            "other",
            "foreign",
            "exam",
            "centre",
            "two",
            "1001",
            "1001a",
            "1001b",
            "1002",
            "1003",
            "1234",
            "1001:1",
            "1001:2",
            "1002:2",
            "1002:3",
            "1002:3!",
            "w",
            "w",
            "w",
            "-",
            "x",
            "same",
            "dark",
            "broken",
        ]
    ),
    max_size=40,
)


@given(WORDS, st.sampled_from(list(Duplex)))
def test_pages_in_are_pages_out_and_no_page_follows_a_doubtful_cover_into_a_script(
    words: list[str], duplex: Duplex
) -> None:
    sides = 1 if duplex is Duplex.NONE else 2
    counts = replace(counted(words), duplex=duplex, sheets=(counted(words).sheets or 0) // sides)
    found = taken(" ".join(words), counts=counts)
    assert found.indexed_count + len(found.queued) == len(words)
    if duplex is Duplex.FRONTS_THEN_BACKS:
        return
    owner: str | None = None
    place = {index: script.key.candidate_number for script in found.scripts for index in script.pages}
    for index, word in enumerate(words):
        if word in {"w", "same", "-", "dark"}:
            assert place.get(index) in {None, owner}
        else:
            owner = word[:4] if word[:4] in {"1001", "1002", "1003"} else None


def test_a_page_lost_or_doubled_is_refused() -> None:
    with pytest.raises(PagesNotConserved):
        split([page("1001", 0), page("w", 2)], EXPECTED)
    with pytest.raises(PagesNotConserved):
        Split(2, (), (), ())
