"""Evidence slots: the named places for the files of a component, and what may be put into each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from moderation.errors import SlotsInvalid

WORK_SLOT: Final = "work"
COHORT_SLOT: Final = "cohort"
COMMENTARY_SLOT: Final = "commentary"
"""What the name of a slot begins with whose files say why the centre gave its marks. Source: project policy."""


class SlotScope(StrEnum):
    """Whom the files of a slot are about."""

    CANDIDATE = "CANDIDATE"
    COHORT = "COHORT"
    """The whole group, such as the centre's assessment record or its standardisation notes."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A named place for one kind of file.

    Takes: ``media_types`` that may be sent, none for whatever the service takes; ``max_bytes``, none for its own limit.
    """

    slot: str
    title: str
    hint: str = ""
    required: bool = True
    scope: SlotScope = SlotScope.CANDIDATE
    media_types: tuple[str, ...] = ()
    max_bytes: int | None = None

    def takes_type(self, media_type: str) -> bool:
        """Say whether a file of this media type may be put here."""
        return not self.media_types or media_type in self.media_types

    def takes_size(self, size_bytes: int) -> bool:
        """Say whether a file of this size may be put here."""
        return self.max_bytes is None or size_bytes <= self.max_bytes


DEFAULT_SLOTS: Final[tuple[Slot, ...]] = (
    Slot(WORK_SLOT, "Work"),
    Slot(
        COHORT_SLOT,
        "Documents about the whole group",
        "For example the centre's assessment record, task sheets or notes of internal standardisation.",
        required=False,
        scope=SlotScope.COHORT,
    ),
)
"""What a component has for which nothing was entered. Source: project policy."""


def check_slots(slots: Sequence[Slot]) -> tuple[Slot, ...]:
    """Return the slots of a component as they will be asked for.

    Raises: ``SlotsInvalid`` when two have one name, or no file of a candidate is required: every work would then count
    as received from the beginning.
    """
    names = [slot.slot for slot in slots]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SlotsInvalid(f"Two slots are called {twice[0]}.", slot=twice[0])
    if not required_slots(slots):
        raise SlotsInvalid("At least one slot of the candidate's own must be required.")
    return tuple(slots)


def required_slots(slots: Iterable[Slot], scope: SlotScope = SlotScope.CANDIDATE) -> frozenset[str]:
    """Return the names of the slots that must be filled, of each candidate or of the cohort."""
    return frozenset(slot.slot for slot in slots if slot.required and slot.scope is scope)


def slots_of(slots: Iterable[Slot], scope: SlotScope) -> tuple[Slot, ...]:
    """Return the slots of one scope, in their order."""
    return tuple(slot for slot in slots if slot.scope is scope)


def missing_slots(
    slots: Iterable[Slot], filled: Collection[str], scope: SlotScope = SlotScope.CANDIDATE
) -> tuple[Slot, ...]:
    """Return the required slots of a scope that hold nothing released yet, in their order."""
    return tuple(slot for slot in slots if slot.required and slot.scope is scope and slot.slot not in filled)
