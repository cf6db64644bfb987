"""A marks file held against the entries of its centres: every fault with its line, before any mark is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moderation.exchange.lines import Field, Findings
from moderation.exchange.marks_records import GRADE, MARK, STATUS_OF_FLAG, CentreMarks, MarkRecord
from moderation.marks import MarkStatus

ON_SCREEN = frozenset(
    {
        MarkStatus.LOST,
        MarkStatus.ZERO_UNAUTHENTICATED,
        MarkStatus.PENDING_Q,
        MarkStatus.SPECIAL_CONSIDERATION,
    }
)
"""What is keyed on screen with its reason, and that no file may overwrite."""
_NUMBER, _UCI, _COMPONENT = Field("candidate", 9, 12), Field("uci", 13, 25), Field("component", 26, 37)
_OPTION, _FLAG, _MARK = Field("option", 38, 43), Field("flag", 44, 44), Field("mark", 45, 48)


@dataclass(frozen=True, slots=True)
class Entered:
    """A candidate entered for a component, with what is keyed for it now."""

    candidate_id: str
    option_code: str
    uci: str = ""
    status: MarkStatus | None = None
    mark: int | None = None


@dataclass(frozen=True, slots=True)
class CasePlace:
    """A component at the centre: who is entered, the maximum mark, and whether its marks may still change."""

    case_id: str
    component_code: str
    maximum_mark: int
    is_editable: bool
    entered: Mapping[str, Entered]


@dataclass(frozen=True, slots=True)
class CentrePlaces:
    """What marks of a centre are held against; ``carried`` and ``others`` are candidates with no mark to give here."""

    cases: Mapping[str, CasePlace]
    carried: Mapping[str, frozenset[str]]
    """Component code → candidates whose mark is carried forward."""
    others: frozenset[str]
    """Candidates of the centre, whatever they are entered for."""


@dataclass(frozen=True, slots=True)
class MarkToSave:
    """A mark that the file gives; ``teaching_set`` blank leaves what is known."""

    candidate_id: str
    mark: int | None
    status: MarkStatus | None
    teaching_set: str


def marks_to_save(centre: CentreMarks, places: CentrePlaces, findings: Findings) -> dict[str, list[MarkToSave]]:
    """Return what is to be saved, by case, and note every fault.

    A candidate who is entered and missing from the file is accepted, with a warning: the mark set stays incomplete. What
    was keyed on screen and cannot travel stays when the file says the same mark, and is a fault when it says another.
    Source: project policy on marks files; the table of inputs and results in its decision.
    """
    found: dict[str, list[MarkToSave]] = {}
    given: dict[str, set[str]] = {}
    for row in centre.rows:
        case = places.cases.get(row.component_code)
        if case is None:
            findings.error(
                "wrong-route", row.line, _COMPONENT, f"No marks of {row.component_code} are asked of this centre.",
                "Check the component, or amend the entries.",
            )  # fmt: skip
            continue
        if not case.is_editable:
            findings.error(
                "marks-submitted", row.line, _COMPONENT, f"The marks of {row.component_code} were submitted.",
                "Ask for them to be reopened.",
            )  # fmt: skip
            continue
        given.setdefault(row.component_code, set()).add(row.candidate_number)
        before = findings.total
        entered = _entered(row, case, places, findings)
        if entered is not None:
            _check_mark(row, case, entered, findings)
        if entered is None or findings.total > before or _stays(row, entered):
            continue
        found.setdefault(case.case_id, []).append(
            MarkToSave(entered.candidate_id, row.mark, STATUS_OF_FLAG.get(row.flag), row.teaching_set)
        )
    for code, numbers in given.items():
        missing = places.cases[code].entered.keys() - numbers
        if missing:
            findings.warn(
                "missing", None, None, f"{len(missing)} entered candidates of {code} at {centre.centre_number} are not in "
                "the file.", "Their marks stay to be entered before the marks can be submitted.",
            )  # fmt: skip
    return found


def _entered(row: MarkRecord, case: CasePlace, places: CentrePlaces, findings: Findings) -> Entered | None:
    entered = case.entered.get(row.candidate_number)
    if entered is None:
        code, message = "unknown-candidate", f"No candidate with this number is entered for {row.component_code}."
        if row.candidate_number in places.carried.get(row.component_code, ()):
            code, message = "carried-forward", "The candidate's mark is carried forward from an earlier series."
        elif row.candidate_number in places.others:
            code, message = "wrong-route", f"The candidate is entered at this centre, but not for {row.component_code}."
        findings.error(code, row.line, _NUMBER, message, "Remove the record, or amend the entry.")
        return None
    if row.option_code != entered.option_code:
        findings.error(
            "wrong-route", row.line, _OPTION, f"The candidate is entered for option {entered.option_code}.",
            "Correct the option, or amend the entry.",
        )  # fmt: skip
    if row.uci and entered.uci and row.uci != entered.uci:
        findings.error(
            "uci-differs", row.line, _UCI, "The UCI is not that of the candidate of this number.",
            "Check that the number is the right one, or leave the UCI blank.",
        )  # fmt: skip
    return entered


def _check_mark(row: MarkRecord, case: CasePlace, entered: Entered, findings: Findings) -> None:
    if row.flag == GRADE:
        findings.error(
            "grade", row.line, _FLAG, "Moderation takes marks; a grade is not kept here.", "Give a mark instead."
        )
    if row.mark is not None and row.mark > case.maximum_mark:
        findings.error(
            "mark-too-high", row.line, _MARK, f"The mark is above {case.maximum_mark}, the maximum.", "Correct it."
        )
    if entered.status in ON_SCREEN and not _stays(row, entered):
        findings.error(
            "kept-on-screen", row.line, _FLAG, "Something was keyed on screen for the candidate that no file can say.",
            "Change it on screen, or leave the candidate out of the file.",
        )  # fmt: skip


def _stays(row: MarkRecord, entered: Entered) -> bool:
    """Say whether the file says nothing new of what was keyed on screen."""
    return entered.status in ON_SCREEN and row.flag == MARK and row.mark == entered.mark
