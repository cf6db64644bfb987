"""What inspection found of a file: the child's answer, believed in nothing until it is checked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from repository.documents import MEDIA_TYPES
from repository.errors import InspectionFailed
from repository.inspection import words
from repository.inspection.words import RemedyKind, Words

PAGE_LIMIT = 2_000
NOTES_LIMIT = 64
FACTS_LIMIT = 64
CODE_LIMIT_CHARACTERS = 40
ENDINGS = frozenset(ending for endings in MEDIA_TYPES.values() for ending in endings)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What inspection found. ``reason``, ``remedy`` and ``remedy_kind`` are set when the document must be held.

    ``notes`` are codes of ``words.NOTES``; ``facts`` small numbers, such as how long a recording is.
    """

    media_type: str | None
    page_count: int | None
    reason: str | None = None
    remedy: str | None = None
    remedy_kind: RemedyKind | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Return whether a person has to act before the document can be shown."""
        return self.reason is not None


def held(why: Words, media_type: str | None = None, page_count: int | None = None) -> Verdict:
    """Return the verdict on a file that is held with these words."""
    return Verdict(media_type, page_count, why.reason, why.remedy, why.remedy_kind)


def checked(filename: str, untrusted: object) -> Verdict:
    """Return what the child's answer means for a file of this name.

    Raises: ``InspectionFailed`` for an answer of the wrong shape.
    """
    if not isinstance(untrusted, dict):
        raise InspectionFailed
    kind, refused, pages = untrusted.get("kind"), untrusted.get("refused"), untrusted.get("pages")
    if kind is not None and kind not in MEDIA_TYPES:
        raise InspectionFailed
    extension = filename.rpartition(".")[2].lower() if "." in filename else ""
    if refused is not None:
        return held(_with_claim(words.of_refusal(str(refused)), extension, kind), kind)
    if kind is None or not (pages is None or (isinstance(pages, int) and 0 < pages <= PAGE_LIMIT)):
        raise InspectionFailed
    if extension not in MEDIA_TYPES[kind]:
        claimed = f".{extension}" if extension else "no extension"
        return held(
            Words(
                f"The name says {claimed}, but the content is {words.KINDS.get(kind, kind)}.",
                f"Save the work as a real {claimed} file, or rename it to end in .{MEDIA_TYPES[kind][0]}, "
                "and upload it again.",
            ),
            kind,
            pages,
        )
    return Verdict(
        kind, pages, notes=_checked_notes(untrusted.get("notes")), facts=_checked_facts(untrusted.get("facts"))
    )


def _with_claim(why: Words, extension: str, kind: str | None) -> Words:
    """Name what the name claims beside what was found, where that is of a kind that no name here stands for."""
    names_a_kind = kind is None and why.reason.startswith("This is ")
    if names_a_kind and extension in ENDINGS:
        return replace(why, reason=f"The name says .{extension}, but the content is something else. {why.reason}")
    return why


def _checked_notes(untrusted: object) -> tuple[str, ...]:
    if untrusted is None:
        return ()
    if not isinstance(untrusted, list) or len(untrusted) > NOTES_LIMIT:
        raise InspectionFailed
    return tuple(dict.fromkeys(code for code in untrusted if isinstance(code, str) and code in words.NOTES))


def _checked_facts(untrusted: object) -> dict[str, float]:
    if untrusted is None:
        return {}
    if not isinstance(untrusted, dict) or len(untrusted) > FACTS_LIMIT:
        raise InspectionFailed
    return {
        name: value
        for name, value in untrusted.items()
        if len(name) <= CODE_LIMIT_CHARACTERS and type(value) in (int, float) and 0 <= value < 1e12
    }
