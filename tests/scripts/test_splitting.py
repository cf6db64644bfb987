from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.errors import BundleUnreadable, PagesNotConserved
from scripts.labels import PacketLabel, ScriptCover
from scripts.splitting import (
    Expectation,
    PageReading,
    QueueReason,
    ScriptKey,
    Split,
    readings_from_json,
    readings_to_json,
    split,
)

CANDIDATES = frozenset(ScriptKey("99999", "H446/01", number) for number in ("1001", "1002", "1003"))
LABEL = PacketLabel("99999", "6A26", "H446/01", 1, 1)
EXPECTED = Expectation("6A26", CANDIDATES, labels=frozenset({LABEL.payload}))


def page(what: str, index: int) -> PageReading:
    """A page by a short word: a candidate number is a cover; ``w`` written, ``-`` blank, ``x`` a spoilt cover."""
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
    if what == "same":
        sha256 = "0" * 64
    return PageReading(index, sha256, codes, blank=what == "-", mark=what == "x", unreadable=what == "broken")


def taken(words: str, expected: Expectation = EXPECTED) -> Split:
    return split([page(word, index) for index, word in enumerate(words.split())], expected)


def scripts(found: Split) -> dict[str, tuple[int, ...]]:
    return {script.key.candidate_number: script.pages for script in found.scripts}


def test_covers_begin_scripts() -> None:
    found = taken("label 1001 w w 1002 w - 1003 w")
    assert scripts(found) == {"1001": (1, 2, 3), "1002": (4, 5), "1003": (7, 8)}
    assert found.queues == {QueueReason.BLANK: (6,)}
    assert found.queued[0].proposed == ScriptKey("99999", "H446/01", "1002")
    assert found.scripts[0].label == LABEL
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
    ],
)
def test_what_is_not_certain_waits_for_a_person(words: str, reason: QueueReason, queued: tuple[int, ...]) -> None:
    found = taken(words)
    assert found.queues == {reason: queued}
    assert set(scripts(found)) <= {"1001", "1002"}


def test_a_candidate_who_turns_up_twice_is_queued_both_times() -> None:
    found = taken("1001 w 1002 w 1001 w w")
    assert scripts(found) == {"1002": (2, 3)}
    assert found.queues == {QueueReason.DUPLICATE_CANDIDATE: (0, 1, 4, 5, 6)}


@pytest.mark.fault("att:I13")
def test_a_candidate_indexed_before_is_queued() -> None:
    before = Expectation("6A26", CANDIDATES, frozenset({ScriptKey("99999", "H446/01", "1001")}))
    assert taken("1001 w", before).queues == {QueueReason.DUPLICATE_CANDIDATE: (0, 1)}
    assert taken("1001b w", before).queues == {QueueReason.EXTRA_BOOKLET_UNMATCHED: (0, 1)}


def test_booklets_of_one_candidate_come_together_in_their_order() -> None:
    found = taken("1001b w 1002 w 1001a w w")
    assert scripts(found)["1001"] == (4, 5, 6, 0, 1)
    assert found.findings == ()
    assert [finding.detail for finding in taken("1001b w").findings] == ["booklet 1 of 2 is not in the bundle"]
    assert [finding.kind for finding in taken("1001 1002 w").findings] == ["missing_pages"]


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
            "w",
            "w",
            "w",
            "-",
            "x",
            "same",
            "broken",
        ]
    ),
    max_size=40,
)


@given(WORDS)
def test_pages_in_are_pages_out_and_no_page_follows_a_doubtful_cover_into_a_script(words: list[str]) -> None:
    found = taken(" ".join(words))
    assert found.indexed_count + len(found.queued) == len(words)
    owner: str | None = None
    place = {index: script.key.candidate_number for script in found.scripts for index in script.pages}
    for index, word in enumerate(words):
        if word in {"w", "same", "-"}:
            assert place.get(index) in {None, owner}
        else:
            owner = word[:4] if word[:4] in {"1001", "1002", "1003"} else None


def test_a_page_lost_or_doubled_is_refused() -> None:
    with pytest.raises(PagesNotConserved):
        split([page("1001", 0), page("w", 2)], EXPECTED)
    with pytest.raises(PagesNotConserved):
        Split(2, (), (), ())


def test_the_description_of_a_bundle_goes_through_json_unharmed() -> None:
    readings = tuple(page(word, index) for index, word in enumerate(["label", "1001", "w", "-", "x", "broken", "two"]))
    assert readings_from_json(readings_to_json(readings)) == readings


@pytest.mark.parametrize(
    "change",
    [
        {"index": 1},
        {"sha256": "x"},
        {"codes": "CV1"},
        {"codes": ["9" * 82]},
        {"codes": [1]},
        {"blank": 1},
        {"width_px": "1"},
        {"codes": ["A"] * 9},
    ],
)
def test_a_description_that_is_not_one_is_refused(change: dict[str, Any]) -> None:
    document = json.loads(readings_to_json([page("1001", 0)]))
    document["pages"][0] |= change
    with pytest.raises(BundleUnreadable):
        readings_from_json(json.dumps(document))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version":1,"pages":[]}',
        '{"version":2,"pages":[{}]}',
        "[" * 100_000,
        '{"version":1,"pages":[7]}',
    ],
)
def test_no_description_at_all_is_refused(text: str) -> None:
    with pytest.raises(BundleUnreadable):
        readings_from_json(text)
