"""Reading blind: who moderates does not learn whose work it is, where the awarding body says so of a component.

What a moderator, a team leader or a principal moderator is shown of such a case passes ``mask`` on its way out of the act
that read it: candidate numbers become codes, names and file names go. The pages, plots, notices and the API are made from
what is left. Only uploaded work can be read blind: paper bears its names.
Source: project policy; users F15 and safety §13 (file names, metadata and names hidden from moderators).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.tables import Candidate, CentreMark, Component, ModerationCase
from repository.access import Role
from repository.audit import Context

BLIND_ROLES = frozenset({Role.MODERATOR, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR})
LETTERS, DIGITS = "BCDFGHJKLMNPQRSTVWXZ", "23456789"
"""Without vowels, so that no code is a word; without digits that are read as letters."""
PATTERN = (LETTERS, DIGITS, LETTERS, DIGITS, LETTERS, DIGITS)
NUMBER_LIMIT = len(PATTERN)
"""What stands for a candidate in a form is no longer than this: a number of four digits, or a code."""
NUMBERS = frozenset({"candidate_number"})
NUMBER_LISTS = frozenset({"candidate_numbers"})
NAMES = frozenset({"surname", "forenames", "candidate_name", "uci", "upn", "uln"})
HIDDEN = "Hidden"
T = TypeVar("T")


def code_of(candidate_id: str) -> str:
    """Return the code that stands for a candidate, such as ``B4T7K2``: always the same, and nothing leads back from it.

    Takes: the candidate's id, which is random.
    """
    value = int.from_bytes(hashlib.sha256(b"blind:" + candidate_id.encode()).digest()[:8], "big")
    characters = []
    for alphabet in PATTERN:
        value, index = divmod(value, len(alphabet))
        characters.append(alphabet[index])
    return "".join(characters)


@dataclass(frozen=True, slots=True)
class Blinding:
    """What stands for whom in one case, or in the cases of one sample."""

    centre_number: str
    codes: Mapping[tuple[str, str], str]
    """Centre number and candidate number → code."""

    def code(self, candidate_number: str, centre_number: str | None = None) -> str:
        """Return the code of a candidate; of one who is not known here, that it is hidden."""
        return self.codes.get((centre_number or self.centre_number, candidate_number), HIDDEN)

    def number(self, code: str) -> str:
        """Return the candidate number that a code stands for, for forms that come back; one of nobody stays as it is."""
        for (centre, number), known in self.codes.items():
            if known == code and centre == self.centre_number:
                return number
        return code

    def mask(self, value: T) -> T:
        """Return a value as a blind reader may see it, whatever dataclasses, lists and mappings it is made of."""
        return self._mask(value, self.centre_number)  # type: ignore[no-any-return]

    def _mask(self, value: Any, centre: str) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._mask_fields(value, centre)
        if isinstance(value, Mapping):
            return {key: self._mask_field(str(key), one, centre) for key, one in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)) and not hasattr(value, "_fields"):
            return type(value)(_numbered([self._mask(one, centre) for one in value]))
        return value

    def _mask_fields(self, value: Any, centre: str) -> Any:
        own = getattr(value, "centre_number", None) or centre
        changed = {}
        for field in dataclasses.fields(value):
            before = getattr(value, field.name)
            after = _file_words(value, 0) if field.name == "filename" else self._mask_field(field.name, before, own)
            if after is not before and field.init:
                changed[field.name] = after
        return dataclasses.replace(value, **changed) if changed else value

    def _mask_field(self, name: str, value: Any, centre: str) -> Any:
        if name in NUMBERS and isinstance(value, str) and value:
            return self.code(value, centre)
        if name in NUMBER_LISTS and isinstance(value, Iterable):
            return tuple(self.code(str(one), centre) for one in value)
        if name in NAMES and isinstance(value, str):
            return ""
        return self._mask(value, centre)


def _numbered(values: list[Any]) -> list[Any]:
    """Number the files of a list within each place."""
    counted: dict[str, int] = {}
    found = []
    for one in values:
        if dataclasses.is_dataclass(one) and not isinstance(one, type) and hasattr(one, "filename"):
            slot = str(getattr(one, "slot", ""))
            counted[slot] = counted.get(slot, 0) + 1
            one = dataclasses.replace(one, filename=_file_words(one, counted[slot]))
        found.append(one)
    return found


def _file_words(value: Any, number: int) -> str:
    """Return what a file is called when its own name is hidden: its place, and its number there if it is one of a list."""
    words = str(getattr(value, "slot", "") or "file").replace("-", " ").capitalize()
    return f"{words} {number}" if number else words


def of(session: Session, context: Context, case_id: str) -> Blinding | None:
    """Return what stands for whom for this reader in this case; None for one who may know."""
    if context.actor is None or context.actor.role not in BLIND_ROLES:
        return None
    case = session.get(ModerationCase, case_id)
    if case is None or case.submission_mode != SubmissionMode.UPLOAD:
        return None
    component = session.get(Component, (case.series_key, case.component_code))
    if component is None or not component.read_blind:
        return None
    together = [case.id]
    if case.sample_id is not None:
        together = list(session.scalars(select(ModerationCase.id).where(ModerationCase.sample_id == case.sample_id)))
    rows = session.execute(
        select(Candidate.id, Candidate.centre_number, Candidate.candidate_number)
        .join(CentreMark, CentreMark.candidate_id == Candidate.id)
        .where(CentreMark.case_id.in_(together))
        .distinct()
        .order_by(Candidate.id)
    )
    codes: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for candidate_id, centre_number, candidate_number in rows:
        code, again = code_of(candidate_id), 1
        while code in taken:
            code, again = code_of(f"{candidate_id}/{again}"), again + 1
        taken.add(code)
        codes[centre_number, candidate_number] = code
    return Blinding(case.centre_number, codes)


def mask(session: Session, context: Context, case_id: str, value: T) -> T:
    """Return what was read of a case as this reader may see it."""
    blinding = of(session, context, case_id)
    return value if blinding is None else blinding.mask(value)


def number_of(session: Session, context: Context, case_id: str, written: str) -> str:
    """Return the candidate number that a form of this reader means: a code, where the case is read blind."""
    blinding = of(session, context, case_id)
    return written if blinding is None else blinding.number(written)
