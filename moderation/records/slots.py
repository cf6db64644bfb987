"""The evidence slots of components as they were entered; a component for which nothing was has the usual ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from moderation.errors import ImportRefused
from moderation.slots import DEFAULT_SLOTS, Slot, SlotScope, check_slots
from moderation.tables import Component, EvidenceSlot

_OF_COMPONENT = (
    select(EvidenceSlot)
    .where(
        EvidenceSlot.series_key == bindparam("series_key"),
        EvidenceSlot.component_code == bindparam("component_code"),
    )
    .order_by(EvidenceSlot.position)
)


def slots_for(session: Session, series_key: str, component_code: str) -> tuple[Slot, ...]:
    """Return the slots of a component of a series, in their order."""
    rows = session.scalars(_OF_COMPONENT, {"series_key": series_key, "component_code": component_code}).all()
    return tuple(_slot(row) for row in rows) or DEFAULT_SLOTS


def slots_of_series(session: Session, series_key: str) -> Mapping[str, tuple[Slot, ...]]:
    """Return the slots of every component of a series for which any were entered, by component code."""
    query = select(EvidenceSlot).where(EvidenceSlot.series_key == series_key).order_by(EvidenceSlot.position)
    found: dict[str, list[Slot]] = defaultdict(list)
    for row in session.scalars(query):
        found[row.component_code].append(_slot(row))
    return {code: tuple(slots) for code, slots in found.items()}


def set_slots(session: Session, series_key: str, slots_of: Mapping[str, Sequence[Slot]]) -> int:
    """Enter the slots of components; those of each component named are replaced as a whole.

    Returns: how many slots the components named have now.
    Raises: ``ImportRefused`` with ``faults`` (component, code, sentence) for components that are not known;
    ``SlotsInvalid``.
    """
    known = set(session.scalars(select(Component.component_code).where(Component.series_key == series_key)))
    faults = [
        (code, "unknown-component", f"Component {code} is not in the basedata of this series.")
        for code in sorted(slots_of.keys() - known)
    ]
    if faults:
        raise ImportRefused(f"{len(faults)} components are not known. Nothing was imported.", faults=faults)
    session.execute(
        delete(EvidenceSlot).where(
            EvidenceSlot.series_key == series_key, EvidenceSlot.component_code.in_(list(slots_of))
        )
    )
    for code, slots in slots_of.items():
        session.add_all(
            EvidenceSlot(
                series_key=series_key,
                component_code=code,
                slot=one.slot,
                position=position,
                title=one.title,
                hint=one.hint,
                required=one.required,
                scope=one.scope.value,
                media_types=list(one.media_types),
                max_bytes=one.max_bytes,
            )
            for position, one in enumerate(check_slots(slots), 1)
        )
    session.flush()
    return sum(map(len, slots_of.values()))


def _slot(row: EvidenceSlot) -> Slot:
    return Slot(
        row.slot, row.title, row.hint, row.required, SlotScope(row.scope), tuple(row.media_types), row.max_bytes
    )
