"""What changed between two submissions of the same marks or the same sample. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ChangeKind(StrEnum):
    """What happened to a file between two submissions."""

    ADDED = "ADDED"
    WITHDRAWN = "WITHDRAWN"
    REPLACED = "REPLACED"


@dataclass(frozen=True, slots=True)
class MarkFact:
    """A candidate's mark as it was submitted; ``status`` says why there is none."""

    candidate_number: str
    status: str
    mark: int | None


@dataclass(frozen=True, slots=True)
class MarkChange:
    """A mark that differs; None where the candidate had no line at all."""

    candidate_number: str
    before: MarkFact | None
    after: MarkFact | None


@dataclass(frozen=True, slots=True)
class FileFact:
    """A file as it was submitted; no candidate number for a document about the whole group."""

    document_id: str
    candidate_number: str
    slot: str
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that was added, withdrawn, or replaced by another in the same place."""

    kind: ChangeKind
    candidate_number: str
    slot: str
    before: FileFact | None
    after: FileFact | None


def mark_changes(before: Sequence[MarkFact], after: Sequence[MarkFact]) -> tuple[MarkChange, ...]:
    """Return the marks that differ between two submissions, by candidate number."""
    old = {fact.candidate_number: fact for fact in before}
    new = {fact.candidate_number: fact for fact in after}
    return tuple(
        MarkChange(number, old.get(number), new.get(number))
        for number in sorted(old.keys() | new.keys())
        if old.get(number) != new.get(number)
    )


def file_changes(before: Sequence[FileFact], after: Sequence[FileFact]) -> tuple[FileChange, ...]:
    """Return the files that differ between two submissions, by candidate number and slot.

    In one place a file that went and one that came are a replacement, in the order in which they were received.
    """
    kept = {fact.document_id for fact in before} & {fact.document_id for fact in after}
    gone: dict[tuple[str, str], list[FileFact]] = defaultdict(list)
    come: dict[tuple[str, str], list[FileFact]] = defaultdict(list)
    for facts, places in ((before, gone), (after, come)):
        for fact in facts:
            if fact.document_id not in kept:
                places[fact.candidate_number, fact.slot].append(fact)
    changes: list[FileChange] = []
    for place in sorted(gone.keys() | come.keys()):
        old, new = gone[place], come[place]
        both = min(len(old), len(new))
        changes += [
            FileChange(ChangeKind.REPLACED, *place, one, other)
            for one, other in zip(old[:both], new[:both], strict=True)
        ]
        changes += [FileChange(ChangeKind.WITHDRAWN, *place, one, None) for one in old[both:]]
        changes += [FileChange(ChangeKind.ADDED, *place, None, one) for one in new[both:]]
    return tuple(changes)
