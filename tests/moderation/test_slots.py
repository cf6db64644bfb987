from __future__ import annotations

import pytest

from moderation.errors import SlotsInvalid
from moderation.slots import DEFAULT_SLOTS, Slot, SlotScope, check_slots, missing_slots, required_slots, slots_of

LOG = Slot("log", "Log book", required=False, media_types=("application/pdf",), max_bytes=10)
RECORD = Slot("record", "Assessment record", scope=SlotScope.COHORT)
WORK = Slot("work", "Work")


def test_a_component_without_slots_asks_for_the_work_and_takes_documents_about_the_group() -> None:
    assert required_slots(DEFAULT_SLOTS) == {"work"}
    assert required_slots(DEFAULT_SLOTS, SlotScope.COHORT) == frozenset()
    assert [slot.scope for slot in DEFAULT_SLOTS] == [SlotScope.CANDIDATE, SlotScope.COHORT]
    assert DEFAULT_SLOTS[0].takes_type("video/webm")
    assert DEFAULT_SLOTS[0].takes_size(2**40)


def test_what_is_missing_is_what_is_required_and_empty() -> None:
    slots = (WORK, LOG, RECORD)
    assert missing_slots(slots, {"log"}) == (WORK,)
    assert missing_slots(slots, {"work"}) == ()
    assert missing_slots(slots, {"work"}, SlotScope.COHORT) == (RECORD,)
    assert slots_of(slots, SlotScope.COHORT) == (RECORD,)
    assert (LOG.takes_type("application/pdf"), LOG.takes_type("image/png")) == (True, False)
    assert (LOG.takes_size(10), LOG.takes_size(11)) == (True, False)


@pytest.mark.parametrize("slots", [(), (LOG,), (RECORD,), (LOG, RECORD), (WORK, WORK)])
def test_slots_that_would_ask_for_nothing_or_for_two_things_at_once_are_refused(slots: tuple[Slot, ...]) -> None:
    with pytest.raises(SlotsInvalid):
        check_slots(slots)
    assert check_slots((WORK, LOG, RECORD)) == (WORK, LOG, RECORD)
