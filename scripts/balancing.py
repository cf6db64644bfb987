"""Whether a case can be closed with a reason: the equation, with the reason in it, must balance."""

from __future__ import annotations

from dataclasses import replace

from scripts.cases import DECLARES, EXPLAINS, Reason
from scripts.reconciliation import RegisterState, SittingFacts, add_up

ADDED_UP = frozenset(
    {
        "register_differs_from_entries",
        "register_incomplete",
        "log_differs_from_register",
        "packet_count_over",
        "register_present_no_script",
        "register_absent_script_found",
        "candidate_on_two_registers",
        "pages_unaccounted",
    }
)
"""Kinds of cases that the arithmetic calls for, and whose difference it can say is gone."""
OF_NAMED_SCRIPTS = frozenset({"missing", "packet_overdue", "packet_unseen", "lost"})
"""Kinds of cases that name the scripts they are about: each of them must be here or accounted for."""


def with_reason(facts: SittingFacts, kind: str, subject: str, reason: Reason, numbers: frozenset[str]) -> SittingFacts:
    """Return the facts as they will be once a case is closed for this reason.

    Takes: ``numbers``: the candidates for whom the reason is given.
    """
    if reason in DECLARES:
        return replace(facts, declared=facts.declared | numbers)
    if reason is Reason.COUNTING_ERROR:
        return replace(facts, miscounts=facts.miscounts | {subject})
    if reason not in EXPLAINS:
        return facts
    found = kind in {"register_absent_script_found", "packet_count_over"}
    marks = []
    for mark in facts.register:
        if mark.candidate_number in numbers and found and mark.state is RegisterState.ABSENT:
            mark = replace(mark, state=RegisterState.PRESENT, late=True)
        elif mark.candidate_number in numbers and not found and mark.state is RegisterState.PRESENT:
            mark = replace(mark, explained=EXPLAINS[reason], late=is_late(kind))
        marks.append(mark)
    return replace(facts, register=tuple(marks))


def is_late(kind: str) -> bool:
    """Say whether the log had counted the scripts that a case of this kind explains: all but those it left out."""
    return kind != "log_differs_from_register"


def still_open(facts: SittingFacts, kind: str, subject: str, numbers: frozenset[str]) -> str:
    """Say what of a case is still open, in a sentence; nothing when its equation balances.

    Takes: ``numbers``: every candidate that the case is about.
    """
    if kind in OF_NAMED_SCRIPTS:
        explained = {mark.candidate_number for mark in facts.register if mark.explained}
        absent = {mark.candidate_number for mark in facts.register if mark.state is not RegisterState.PRESENT}
        settled = facts.scanned | facts.declared | facts.manual | facts.seen_elsewhere | explained | absent
        return _of_scripts(numbers - settled)
    if kind not in ADDED_UP:
        return ""
    done = add_up(facts)
    for case in done.cases:
        if (case.kind, case.subject) != (kind, subject):
            continue
        if kind == "register_present_no_script":
            return _of_scripts(frozenset(case.candidate_numbers), case.count)
        failing = next((one for one in done.differences if one.subject in {subject, ""}), None)
        if failing is None:
            return "The difference is still there."
        return f"“{failing.equation}” still says {failing.expected:,} on one side and {failing.found:,} on the other."
    return ""


def _of_scripts(numbers: frozenset[str], count: int | None = None) -> str:
    if not numbers:
        return ""
    wanted = len(numbers) if count is None else count
    named = ", ".join(sorted(numbers)[:5]) + (" …" if len(numbers) > 5 else "")
    what = "1 script is" if wanted == 1 else f"{wanted} scripts are"
    among = "" if wanted == len(numbers) else "one of " if wanted == 1 else f"{wanted} of "
    return f"{what} still not accounted for: {among}{named}."
