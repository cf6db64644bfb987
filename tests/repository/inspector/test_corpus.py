"""Every file of the corpus goes through the real child in its sandbox, and ends in what is written beside it."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from repository.documents import MEDIA_TYPES
from repository.errors import InspectionFailed
from repository.inspection import Inspection, Limits, verdicts, words
from repository.inspection.children import find_sandbox
from tests.corpus import Case, cases
from tests.corpus.pdfs import ACTIVE, SPELLINGS

from .answers import derived, inspected

CASES = cases()
INSPECTING = Limits(cpu_seconds=20, wall_seconds=120)
SHORT = Limits(cpu_seconds=2, wall_seconds=120, address_space_bytes=1024**3)
"""For files that come to the child's limit, the sooner the lower it is."""
DRAWN_HERE = ("application/pdf", "image/", "text/")


@pytest.fixture(scope="module")
def inspection() -> Inspection:
    sandbox = find_sandbox()
    assert sandbox, "bubblewrap is not installed, so nothing can be shown of the sandbox"
    return Inspection(sandbox)


def test_the_corpus_is_large_and_its_codes_have_words() -> None:
    assert len(CASES) >= 250
    for case in CASES:
        assert case.expected.refused is None or case.expected.refused in words.REFUSALS, case.name
        assert set(case.expected.notes) <= set(words.NOTES), case.name
        assert case.expected.kind is None or case.expected.kind in MEDIA_TYPES, case.name


@pytest.mark.fault(
    "att:A06", "att:B01", "att:B02", "att:B03", "att:B06", "att:B07", "att:B09", "att:B10", "att:B11", "att:B14",
    "att:B16", "att:B17", "att:B20", "att:C01", "att:C02", "att:C03", "att:C04", "att:C05",
)  # fmt: skip
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_file_ends_in_its_expected_outcome(inspection: Inspection, case: Case) -> None:
    expected, data = case.expected, case.make()
    if expected.limit:
        with pytest.raises(InspectionFailed) as ended:
            await inspected(inspection, data, SHORT)
        assert ended.value.facts["refused"] == "too-heavy"
        return
    answer = await inspected(inspection, data, INSPECTING)
    found = (answer["kind"], answer["refused"], frozenset(answer["notes"]), answer["pages"])
    assert found == (expected.kind, expected.refused, expected.notes, expected.pages)
    verdict = verdicts.checked(case.filename, answer)
    assert verdict.held == (expected.refused is not None or expected.other_name)
    if verdict.held:
        assert verdict.reason
        if case.name.endswith(("-named-pdf", "-named-jpg", "-named-txt", "-named-docx")):
            assert f".{case.filename.rpartition('.')[2]}" in verdict.reason, "what the name claims is named"
        assert verdict.remedy
    elif expected.kind and expected.kind.startswith(DRAWN_HERE):
        await _check_drawing(inspection, case, data)


async def _check_drawing(inspection: Inspection, case: Case, data: bytes) -> None:
    if not case.expected.draws:
        with pytest.raises(InspectionFailed) as ended:
            await derived(inspection, data, case.expected.kind or "", SHORT)
        assert ended.value.facts["refused"] == "too-heavy"
        return
    found = await derived(inspection, data, case.expected.kind or "", INSPECTING)
    letters = "".join(letter for letter, _ in found)
    assert letters.endswith("Z")
    assert letters.count("P") == min(case.expected.pages or 0, 2) == letters.count("T")
    for letter, payload in found:
        if letter == "P":
            width, height, _ = payload
            assert 1 <= width <= 401
            assert 1 <= height <= 1601
        elif letter == "T":
            for x, y, wide, high, text in payload["words"]:
                assert min(x, y, wide, high) >= 0
                assert max(x + wide, y + high) <= 1001
                assert text
                assert not set(text) & set("\u202e\u2066\u200b\x00\x1b")
        elif letter == "N":
            assert payload["code"] in words.NOTES


@pytest.mark.fault("att:B09", "att:B18", "att:B19")
@pytest.mark.parametrize("name", ACTIVE)
async def test_what_is_made_of_an_active_file_is_clean(inspection: Inspection, name: str) -> None:
    """Only pixels leave the child; the picture made of them is looked through like any stranger's."""
    spelling = list(SPELLINGS)[sorted(ACTIVE).index(name) % len(SPELLINGS)]
    data = SPELLINGS["plain" if spelling == "hybrid" else spelling](ACTIVE[name][0])
    found = await derived(inspection, data, "application/pdf", INSPECTING)
    width, height, pixels = next(payload for letter, payload in found if letter == "P")
    target = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(target, "JPEG")
    answer = await inspected(inspection, target.getvalue(), INSPECTING)
    assert (answer["kind"], answer["refused"], answer["notes"]) == ("image/jpeg", None, [])
