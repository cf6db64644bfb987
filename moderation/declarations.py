"""Declarations that work is the candidate's own: whose is missing, and which one a later change has overtaken. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

DEFAULT_STATEMENT: Final = "The work is the candidates' own, and the signed declarations are kept at the centre."
"""What is declared where no awarding body entered its own words. Source: project policy, after JCQ's rule that teachers
confirm each candidate's work and the centre keeps the signed forms (OCR form CCS160 stays at the centre)."""


@dataclass(frozen=True, slots=True)
class DeclarationTerms:
    """What is declared of a component's work, and whether each candidate's needs a declaration of its own.

    Without that, one declaration when the sample is submitted is enough. Source: project policy, the default.
    """

    statement: str = DEFAULT_STATEMENT
    each_candidate: bool = False
    is_default: bool = True


class DeclarationState(StrEnum):
    """Whether a candidate's work was declared to be the candidate's own."""

    DECLARED = "DECLARED"
    MISSING = "MISSING"
    OVERTAKEN = "OVERTAKEN"
    """Files came, were replaced or moved since: it is declared again."""
    NOT_NEEDED = "NOT_NEEDED"
    """There is no work, and the reason was given."""


STATE_WORDS: Final = {
    DeclarationState.DECLARED: "Declared",
    DeclarationState.MISSING: "Not declared",
    DeclarationState.OVERTAKEN: "Declare again: files changed since",
    DeclarationState.NOT_NEEDED: "Not needed: no work",
}
UNDECLARED: Final = frozenset({DeclarationState.MISSING, DeclarationState.OVERTAKEN})


def declaration_state(declared_at: datetime | None, changed_at: datetime | None, *, no_work: bool) -> DeclarationState:
    """Return how a candidate's declaration stands.

    Takes: ``declared_at``, when it was last declared and not taken back; ``changed_at``, when a file of the work last
    came to its place.
    Source: project policy: a declaration speaks of the files that were there.
    """
    if no_work:
        return DeclarationState.NOT_NEEDED
    if declared_at is None:
        return DeclarationState.MISSING
    if changed_at is not None and changed_at > declared_at:
        return DeclarationState.OVERTAKEN
    return DeclarationState.DECLARED
