from __future__ import annotations

import pytest

from moderation.slots import DEFAULT_SLOTS, Slot, SlotScope
from repository import places
from repository.documents import MEDIA_TYPES
from repository.errors import FileTooLarge, SlotTypeRefused, SlotUnknown

SERVICE_LIMIT = 100 * places.MEBIBYTE
LOG = Slot("log", "Log book", media_types=("application/pdf", "image/jpeg"), max_bytes=2 * places.MEBIBYTE)


def test_a_slot_says_what_it_takes_in_words() -> None:
    assert places.words_of(LOG, SERVICE_LIMIT) == "pdf, jpg or jpeg, up to 2 MiB"
    assert places.words_of(Slot("a", "A", media_types=("audio/mpeg",)), SERVICE_LIMIT) == "mp3, up to 100 MiB"
    assert places.words_of(DEFAULT_SLOTS[0], SERVICE_LIMIT).startswith("PDF, Word, Excel")
    every = places.extensions_of(DEFAULT_SLOTS[0])
    assert every == tuple(extension for extensions in MEDIA_TYPES.values() for extension in extensions)
    assert places.limit_of(Slot("a", "A", max_bytes=2**40), SERVICE_LIMIT) == SERVICE_LIMIT


@pytest.mark.parametrize("name", ["log.pdf", "LOG.PDF", "a.b.jpeg", "1001_log.jpg"])
def test_the_ending_of_a_name_counts_whatever_a_browser_declares(name: str) -> None:
    places.check_name(LOG, name, "application/x-unheard-of", SERVICE_LIMIT)


@pytest.mark.parametrize(
    ("name", "declared"),
    [("log.mp3", "application/pdf"), ("log", None), ("log", "audio/mpeg"), (".pdf", None), ("pdf", ""), ("log.", None)],
)
def test_another_ending_or_none_is_refused_with_what_is_taken(name: str, declared: str | None) -> None:
    with pytest.raises(SlotTypeRefused, match=r"Log book.*pdf, jpg or jpeg, up to 2 MiB"):
        places.check_name(LOG, name, declared, SERVICE_LIMIT)


def test_without_an_ending_the_declared_type_decides_and_a_slot_without_types_takes_anything() -> None:
    places.check_name(LOG, "log", "Application/PDF; charset=binary", SERVICE_LIMIT)
    places.check_name(DEFAULT_SLOTS[0], "whatever.xyz", None, SERVICE_LIMIT)


def test_the_smaller_of_both_limits_counts() -> None:
    places.check_size(LOG, 2 * places.MEBIBYTE, SERVICE_LIMIT)
    with pytest.raises(FileTooLarge, match="Log book"):
        places.check_size(LOG, 2 * places.MEBIBYTE + 1, SERVICE_LIMIT)
    with pytest.raises(FileTooLarge, match="100 MiB accepted here"):
        places.check_size(DEFAULT_SLOTS[0], SERVICE_LIMIT + 1, SERVICE_LIMIT)


def test_an_unknown_slot_is_refused_with_those_there_are() -> None:
    assert places.find_slot((LOG,), "log", SlotScope.CANDIDATE) is LOG
    with pytest.raises(SlotUnknown, match=r"Use one of: log \(Log book\)"):
        places.find_slot((LOG,), "work", SlotScope.CANDIDATE)
    with pytest.raises(SlotUnknown, match="not asked for"):
        places.find_slot((LOG,), "log", SlotScope.COHORT)


def test_what_a_file_turns_out_to_be_is_held_against_its_slot() -> None:
    assert places.wrong_type(LOG, "application/pdf", SERVICE_LIMIT) is None
    assert places.wrong_type(DEFAULT_SLOTS[0], "video/webm", SERVICE_LIMIT) is None
    found = places.wrong_type(LOG, "audio/mpeg", SERVICE_LIMIT)
    assert found is not None
    assert "mp3" in found[0]
    assert "pdf, jpg or jpeg" in found[1]
