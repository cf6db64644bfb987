from __future__ import annotations

import pypdfium2
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from scripts.errors import CodeRefused, ForeignCode, LabelRefused, UnreadableCover, WrongExam
from scripts.labels import PacketLabel, PageCode, ScriptCover, crc16, read_code, refusal_reason, sealed
from scripts.sheets import covers_pdf, labels_pdf

LABEL = "SL1|99999|6A26|H446/01|1/2|1|DA13"
REISSUE = "SL1|99999|6A26|H446/01|1/2|2|EA70"
COVER = "CV1|99999|1001|H446/01|1/1|D740"
PAGE = "PG1|99999|1001|H446/01|1|3/16|8294"


def test_the_published_check_value_of_the_algorithm() -> None:
    assert crc16(b"123456789") == 0x29B1


def test_the_vectors_of_the_payloads() -> None:
    label = PacketLabel("99999", "6A26", "H446/01", 1, 2)
    assert label.payload == LABEL
    assert label.reissued().payload == REISSUE
    assert ScriptCover("99999", "1001", "H446/01").payload == COVER
    assert PageCode("99999", "1001", "H446/01", 1, 3, 16).payload == PAGE


def test_codes_are_read_back() -> None:
    assert read_code(LABEL) == PacketLabel("99999", "6A26", "H446/01", 1, 2, 1)
    assert read_code(REISSUE) == PacketLabel("99999", "6A26", "H446/01", 1, 2, 2)
    assert read_code(COVER) == ScriptCover("99999", "1001", "H446/01", 1, 1)
    assert read_code(PAGE) == PageCode("99999", "1001", "H446/01", 1, 3, 16)


@pytest.mark.fault("att:I09", "att:I10")
@pytest.mark.parametrize(
    ("text", "refusal", "reason"),
    [
        ("", ForeignCode, "foreign_code"),
        ("9780141036144", ForeignCode, "foreign_code"),
        ("SL2|99999|6A26|H446/01|1/2|1|DA13", ForeignCode, "foreign_code"),
        ("CV1", ForeignCode, "foreign_code"),
        ("CV1|" + "9" * 77, ForeignCode, "foreign_code"),
        ("cv1|99999|1001|h446/01|1/1|D740", ForeignCode, "foreign_code"),
        ("CV1|99999|1001|H446/01|1/1|D740\n", ForeignCode, "foreign_code"),
        ("CV1|٩٩٩٩٩|1001|H446/01|1/1|D740", ForeignCode, "foreign_code"),
        ("CV1|99999|1002|H446/01|1/1|D740", UnreadableCover, "unreadable_cover"),
        ("SL1|99999|6A26|H446/01|1/2|3|DA13", UnreadableCover, "unreadable_cover"),
        (sealed("CV1|99999|1001|H446/01|2/1"), UnreadableCover, "unreadable_cover"),
        (sealed("CV1|99999|1001|H446/01|01/1"), UnreadableCover, "unreadable_cover"),
        (sealed("CV1|9999|1001|H446/01|1/1"), UnreadableCover, "unreadable_cover"),
        (sealed("SL1|99999|6A26|H446/01|1/2|0"), UnreadableCover, "unreadable_cover"),
        ("PG1|99999|1002|H446/01|1|3/16|8294", UnreadableCover, "unreadable_cover"),
        (sealed("PG1|99999|1001|H446/01|1|3/0"), UnreadableCover, "unreadable_cover"),
        (sealed("PG1|99999|1001|H446/01|1|17/16"), UnreadableCover, "unreadable_cover"),
        (sealed("PG1|99999|1001|H446/01|0|1/16"), UnreadableCover, "unreadable_cover"),
    ],
)
def test_what_is_not_a_good_code_is_refused_by_name(text: str, refusal: type[CodeRefused], reason: str) -> None:
    with pytest.raises(refusal) as caught:
        read_code(text)
    assert type(caught.value) is refusal
    assert refusal_reason(caught.value) == reason


@pytest.mark.fault("att:I10")
def test_a_good_code_of_another_exam_is_refused_as_such() -> None:
    with pytest.raises(WrongExam):
        read_code(LABEL, series="6A17")
    with pytest.raises(WrongExam):
        read_code(COVER, components=frozenset({"H446/02"}))
    assert read_code(LABEL, series="6A26", components=frozenset({"H446/01"}))


@given(st.integers(0, len(COVER) - 1), st.characters(codec="ascii"))
def test_one_altered_character_never_passes_as_another_code(place: int, character: str) -> None:
    altered = COVER[:place] + character + COVER[place + 1 :]
    if altered != COVER:
        with pytest.raises(CodeRefused):
            read_code(altered)


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(CodeRefused):
        read_code(text)


@pytest.mark.parametrize(
    "bad", [("9999", "6A26", "H446/01", 1, 2), ("99999", "0A26", "X", 1, 1), ("99999", "6A26", "h", 1, 1)]
)
def test_values_that_no_code_can_carry_are_refused(bad: tuple[str, str, str, int, int]) -> None:
    with pytest.raises(LabelRefused):
        PacketLabel(*bad)
    with pytest.raises(LabelRefused):
        PacketLabel("99999", "6A26", "H446/01", 3, 2)
    with pytest.raises(LabelRefused):
        PageCode("99999", "1001", "H446/01", 1, 1, 0)
    with pytest.raises(LabelRefused):
        labels_pdf([])


def codes_of(pdf: bytes, dpi: int) -> list[list[tuple[str, str]]]:
    document = pypdfium2.PdfDocument(pdf)
    pages = []
    for page in document:
        image = page.render(scale=dpi / 72, grayscale=True).to_pil()
        found = zxingcpp.read_barcodes(image, try_rotate=False, try_invert=False)
        pages.append(sorted((str(code.format), code.text) for code in found))
        page.close()
    document.close()
    return pages


@pytest.mark.parametrize("dpi", [150, 300])
def test_printed_covers_are_read_back_in_both_codes(dpi: int) -> None:
    covers = [ScriptCover("99999", f"{number}", "H446/01") for number in (1001, 1002)]
    pages = codes_of(covers_pdf(covers, series="June 2026"), dpi)
    assert [{text for _, text in page} for page in pages] == [{cover.payload} for cover in covers]
    assert [len(page) for page in pages] == [2, 2]


@pytest.mark.parametrize("dpi", [150, 300])
def test_printed_labels_are_read_back_three_to_a_page(dpi: int) -> None:
    first = PacketLabel("99999", "6A26", "H446/01", 1, 2)
    labels = [
        first,
        PacketLabel("99999", "6A26", "H446/01", 2, 2),
        first.reissued(),
        PacketLabel("99998", "6A26", "A", 1, 0),
    ]
    pages = codes_of(labels_pdf(labels), dpi)
    assert [{text for _, text in page} for page in pages] == [
        {label.payload for label in labels[:3]},
        {labels[3].payload},
    ]
    assert [len(page) for page in pages] == [6, 2]


def test_the_same_labels_give_the_same_bytes() -> None:
    labels = [PacketLabel("99999", "6A26", "H446/01", 1, 2)]
    assert labels_pdf(labels) == labels_pdf(labels)
