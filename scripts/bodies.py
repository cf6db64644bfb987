"""What an awarding body asks about envelopes and labels: data, with the project's defaults where a body says nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cache
from importlib import resources
from types import MappingProxyType

FORMAT = "nea-script-rules/1"
DEFAULT = "*"


@dataclass(frozen=True, slots=True)
class BodyRules:
    """How one awarding body wants scripts packed and labelled.

    Takes: ``envelope_capacity``, scripts in one envelope; ``treasury_tags``, whether allowed, None where nothing is said;
        ``register_without_scripts``, whether a register is sent when everybody was absent; ``labels_from_days_before``,
        from how many days before the exam labels may be printed, None at any time; ``emergency_from_days_before``, the
        same for asking for an emergency label; ``emergency_hours``, within which such a request is answered.
    Source: each body's own ``source``; ``verified`` says whether that source was seen.
    """

    awarding_body: str
    title: str
    envelope_capacity: int
    packaging: str
    treasury_tags: bool | None
    register_without_scripts: bool
    labels_from_days_before: int | None
    emergency_from_days_before: int | None
    emergency_hours: int
    source: str
    verified: bool

    def labels_from(self, held_on: date) -> date | None:
        """Return the first day on which labels of an exam may be printed; None for any day."""
        return _before(held_on, self.labels_from_days_before)

    def emergency_from(self, held_on: date) -> date | None:
        """Return the first day on which an emergency label of an exam may be asked for; None for any day."""
        return _before(held_on, self.emergency_from_days_before)


def _before(held_on: date, days: int | None) -> date | None:
    return None if days is None else held_on - timedelta(days=days)


def rules_of(awarding_body: str) -> BodyRules:
    """Return the rules of a body by its two characters; those of the project for a body that has none here."""
    known = packaged()
    return known.get(awarding_body, known[DEFAULT])


@cache
def packaged() -> Mapping[str, BodyRules]:
    """Return the rules that ship with the package, by awarding body; ``*`` stands for every other.

    Raises: ``ValueError`` for a file that is not complete.
    """
    read = json.loads(resources.files("scripts.data").joinpath("bodies.json").read_text("utf-8"))
    if read.get("format") != FORMAT:
        raise ValueError(f"bodies.json is not in the format {FORMAT}")
    names = [field.name for field in fields(BodyRules)]
    found = {one["awarding_body"]: BodyRules(**{name: one[name] for name in names}) for one in read["bodies"]}
    if DEFAULT not in found or any(not 1 <= one.envelope_capacity <= 999 for one in found.values()):
        raise ValueError("bodies.json must hold the rules of * and capacities from 1 to 999")
    return MappingProxyType(found)
