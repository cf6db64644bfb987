from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.entries import Series
from moderation.exchange.faults import FileRefused
from moderation.exchange.slots_csv import MEGABYTE, SLOT_COLUMNS, read_slots_csv, write_slots_csv
from moderation.slots import Slot, SlotScope

SERIES = Series("01", "6A", 26)
WORDS = {"pdf": "application/pdf", "jpg": "image/jpeg", "jpeg": "image/jpeg", "mp3": "audio/mpeg"}
HEADER = ",".join(SLOT_COLUMNS)


def read(*lines: str, header: str = HEADER) -> list[tuple[str, Slot]]:
    data = "\r\n".join([header, *lines]).encode()
    return list(read_slots_csv("slots.csv", data, series=SERIES, type_words=WORDS).rows)


def test_a_component_may_ask_for_several_files() -> None:
    assert read(
        "01-6A26,X446/03,work,Project report,,yes,,pdf,",
        "6A26,X446/03,film,Film,Ten minutes at most,no,candidate,mp3 jpeg jpg,200",
        "01-6A26,X446/03,record,Assessment record,,yes,cohort,,",
    ) == [
        ("X446/03", Slot("work", "Project report", media_types=("application/pdf",))),
        (
            "X446/03",
            Slot(
                "film",
                "Film",
                "Ten minutes at most",
                required=False,
                media_types=("audio/mpeg", "image/jpeg"),
                max_bytes=200 * MEGABYTE,
            ),
        ),
        ("X446/03", Slot("record", "Assessment record", scope=SlotScope.COHORT)),
    ]
    assert read("01-6A26,X446/03,work,Work,yes", header="series,component,slot,title,required") == [
        ("X446/03", Slot("work", "Work"))
    ]


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        ("01-6B26,X446/03,work,Work,,yes,,,", "wrong-series", "series"),
        ("01-6A26,x,work,Work,,yes,,,", "code-invalid", "component"),
        ("01-6A26,X446/03,The Work,Work,,yes,,,", "code-invalid", "slot"),
        ("01-6A26,X446/03,work,,,yes,,,", "title-invalid", "title"),
        (f"01-6A26,X446/03,work,Work,{'x' * 201},yes,,,", "hint-invalid", "hint"),
        ("01-6A26,X446/03,work,Work,,perhaps,,,", "value-unknown", "required"),
        ("01-6A26,X446/03,work,Work,,yes,school,,", "value-unknown", "scope"),
        ("01-6A26,X446/03,work,Work,,yes,,exe,", "type-unknown", "types"),
        ("01-6A26,X446/03,work,Work,,yes,,,1.5", "number-fraction", "max_mb"),
        ("01-6A26,X446/03,work,Work,,yes,,,0", "number-invalid", "max_mb"),
        ("01-6A26,X446/03,work,Work,,no,,,", "slots-invalid", "slot"),
    ],
)
def test_what_is_wrong_is_located(line: str, code: str, field: str) -> None:
    with pytest.raises(FileRefused) as caught:
        read(line)
    found = [(fault.line, fault.field) for fault in caught.value.faults]
    assert (2, field) in found, (code, caught.value.faults)


def test_two_slots_of_one_name_are_refused() -> None:
    with pytest.raises(FileRefused, match="1 fault"):
        read("01-6A26,X446/03,work,Work,,yes,,,", "01-6A26,X446/03,work,Again,,no,,,")


names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
titles = st.text(st.characters(categories=["L", "N", "P"], max_codepoint=0x2FF), min_size=1, max_size=30)
slots = st.builds(
    Slot,
    names,
    titles,
    st.just("") | titles,
    st.booleans(),
    st.sampled_from(SlotScope),
    st.lists(st.sampled_from(["application/pdf", "image/jpeg", "audio/mpeg"]), unique=True).map(tuple),
    st.none() | st.integers(1, 999).map(lambda number: number * MEGABYTE),
)


@given(st.lists(slots, unique_by=lambda slot: slot.slot, max_size=5))
def test_what_is_written_is_read_back(more: list[Slot]) -> None:
    rows = [("X446/03", Slot("work0", "Work")), *(("X446/03", slot) for slot in more if slot.slot != "work0")]
    data = write_slots_csv(rows, series=SERIES, type_words=WORDS)
    assert list(read_slots_csv("slots.csv", data, series=SERIES, type_words=WORDS).rows) == rows
