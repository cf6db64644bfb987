"""Closing cases of scripts: only with a reason that balances; and what happens when a missing script turns up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scripts.balancing import ADDED_UP, OF_NAMED_SCRIPTS, is_late, still_open, with_reason
from scripts.cases import DECLARES, EXPLAINS, CaseEventKind, CaseState, Level, Reason, policy_of
from scripts.errors import CaseRefused
from scripts.missing import Alarm
from scripts.ofqual import DEFAULT_CAUSE, DEFAULT_STAGE
from scripts.places import Disposition
from scripts.reconciliation import RegisterState, SittingFacts
from scripts.records.cases import SERVICE, answer, get_case, note, require_words
from scripts.records.facts import SEEN, facts_of, portions
from scripts.records.script_events import record_script_event
from scripts.tables import DeclaredMissing, RegisterLine, ScanBundle, ScanPage, Script, ScriptCase, ScriptCaseEvent

NAMES_SCRIPTS = DECLARES | frozenset(EXPLAINS)
"""Reasons that are given for named scripts."""


def close_case(
    session: Session,
    case_id: str,
    *,
    reason: str,
    actor: str,
    now: datetime,
    numbers: Collection[str] = (),
    text: str = "",
    sheets: int | None = None,
    stage_lost: str = DEFAULT_STAGE,
    cause: str = DEFAULT_CAUSE,
) -> ScriptCase:
    """Close a case with a reason with which its equation balances.

    Takes: ``numbers``: the candidates for whom the reason is given, where it names scripts; ``text``: why; ``sheets``:
        counted by hand, where the feeder miscounted; ``stage_lost`` and ``cause`` of a script declared missing.
    Raises: ``CaseUnknown``; ``CaseRefused`` for a reason that is not one of this kind, a case already closed, or a reason
        that does not balance it, saying what is still open. Nothing is changed then.
    Source: project policy (domain: scripts, section 9).
    """
    case = get_case(session, case_id)
    wanted = _require_reason(case, reason)
    named = _require_numbers(case, wanted, frozenset(numbers), sheets)
    if (wanted is Reason.OTHER or wanted in EXPLAINS) and not text.strip():
        raise CaseRefused("Write down why: the reason alone does not say it.")
    session.flush()
    facts = facts_of(session, [case.sitting_id])[case.sitting_id]
    after = with_reason(facts, case.kind, case.subject, wanted, named)
    left = still_open(after, case.kind, case.subject, _candidates(case) | named) or _pages_left(session, case, sheets)
    if left:
        raise CaseRefused(f"This reason does not balance it. {left}", state=case.state)
    if wanted in EXPLAINS:
        _explain(session, case, wanted, named, actor=actor, now=now, text=text)
    if wanted in DECLARES:
        _declare(session, case, wanted, named, actor=actor, now=now, stage_lost=stage_lost, cause=cause)
    if sheets is not None:
        _recount(session, case, sheets)
    details = {"reason": str(wanted), "candidates": sorted(named)} | ({} if sheets is None else {"sheets": sheets})
    case.state, case.reason, case.closed_by, case.closed_at = str(CaseState.CLOSED), str(wanted), actor, now
    case.alarm = str(Alarm.NONE)
    note(session, case, CaseEventKind.CLOSED, actor=actor, now=now, text=text, details=details)
    return case


def reopen(session: Session, case_id: str, *, text: str, actor: str, now: datetime) -> ScriptCase:
    """Open a closed case again, for a reason; its earlier reason stays in the history.

    What was decided about its scripts no longer holds: they are looked for again, and results wait for them.
    Raises: ``CaseUnknown``; ``CaseRefused`` for a case that is not closed, or nothing said.
    """
    case = get_case(session, case_id)
    if case.state != CaseState.CLOSED:
        raise CaseRefused("Only a closed case can be opened again.", state=case.state)
    require_words(text)
    reason = Reason(case.reason)
    if reason in DECLARES:
        _withdraw(session, case, actor=actor, now=now)
    if reason in EXPLAINS:
        _unexplain(session, case, reason, actor=actor, now=now)
    case.state, case.reason, case.closed_by, case.closed_at = str(CaseState.OPEN), "", None, None
    note(session, case, CaseEventKind.REOPENED, actor=actor, now=now, text=text, details={"reason": str(reason)})
    session.flush()
    return case


def is_gone(facts: SittingFacts, kind: str, subject: str, details: Mapping[str, Any]) -> bool:
    """Say whether the difference of a case that the arithmetic knows of is there no longer."""
    if kind in OF_NAMED_SCRIPTS:
        numbers = frozenset(map(str, details.get("candidates") or ()))
        return bool(numbers) and not still_open(facts, kind, subject, numbers)
    return kind in ADDED_UP


def open_again(session: Session, case: ScriptCase, details: Mapping[str, object], *, now: datetime) -> None:
    """Open a closed case whose difference is there again; its earlier reason stays in the history."""
    before = {"reason": case.reason}
    case.state, case.reason, case.closed_by, case.closed_at = str(CaseState.OPEN), "", None, None
    case.details = dict(details)
    note(session, case, CaseEventKind.REOPENED, actor=SERVICE, now=now, details=before)


def locate(session: Session, sitting_ids: Sequence[str] | None = None, *, now: datetime) -> list[DeclaredMissing]:
    """Note which scripts that were declared missing have turned up; the history of their cases is kept.

    Takes: ``sitting_ids``, None for all. A case of which every script was found is closed as located late.
    Returns: the declarations that are no longer true, each once.
    """
    query = (
        select(DeclaredMissing)
        .join(Script, Script.id == DeclaredMissing.script_id)
        .where(DeclaredMissing.stands(), Script.state.in_([str(state) for state in SEEN]))
    )
    found: list[DeclaredMissing] = []
    for some in portions(sitting_ids) if sitting_ids is not None else [None]:
        found += session.scalars(query if some is None else query.where(Script.sitting_id.in_(some)))
    for one in found:
        one.located_at = now
        case = get_case(session, one.script_case_id)
        details = {"script_id": one.script_id, "outcome": one.outcome}
        note(session, case, CaseEventKind.LOCATED, actor=SERVICE, now=now, to_centre=True, details=details)
        record_script_event(session, one.script_id, "located_late", actor=SERVICE, now=now, details={"case": case.id})
        left = session.scalar(
            select(func.count()).where(DeclaredMissing.script_case_id == case.id, DeclaredMissing.stands())
        )
        if not left:
            earlier = {"reason": str(Reason.LOCATED_LATE), "before": case.reason}
            case.state, case.reason = str(CaseState.CLOSED), str(Reason.LOCATED_LATE)
            case.closed_by, case.closed_at, case.alarm = SERVICE, now, str(Alarm.NONE)
            note(session, case, CaseEventKind.CLOSED, actor=SERVICE, now=now, details=earlier)
    session.flush()
    return found


def answer_gone(session: Session, standing: Sequence[ScriptCase], *, now: datetime) -> int:
    """Note which of these open cases have no difference any longer; returns how many."""
    gone = []
    by_sitting: dict[str, list[ScriptCase]] = {}
    for case in standing:
        by_sitting.setdefault(case.sitting_id, []).append(case)
    for some in portions(sorted(by_sitting)):
        for sitting_id, facts in facts_of(session, some).items():
            gone += [
                case
                for case in by_sitting[sitting_id]
                if case.kind in OF_NAMED_SCRIPTS and is_gone(facts, case.kind, case.subject, case.details)
            ]
    answer(session, gone, now=now)
    return len(gone)


def _require_reason(case: ScriptCase, reason: str) -> Reason:
    allowed = sorted(str(one) for one in policy_of(case.kind).reasons)
    if case.state == CaseState.CLOSED:
        raise CaseRefused("The case is closed. Open it again first.", state=case.state)
    if reason not in allowed:
        raise CaseRefused(reasons=allowed, state=case.state)
    return Reason(reason)


def _candidates(case: ScriptCase) -> frozenset[str]:
    return frozenset(map(str, (case.details or {}).get("candidates") or ()))


def _require_numbers(case: ScriptCase, reason: Reason, numbers: frozenset[str], sheets: int | None) -> frozenset[str]:
    if reason not in NAMES_SCRIPTS:
        if reason is Reason.COUNTING_ERROR and case.kind == "double_feed" and sheets is None:
            raise CaseRefused("Count the sheets by hand and enter how many there are.")
        return frozenset()
    about = _candidates(case)
    if about and not numbers <= about:
        raise CaseRefused("A candidate that you chose is not one whom this case is about.")
    if numbers:
        return numbers
    if about and len(about) == int((case.details or {}).get("count") or len(about)):
        return about
    raise CaseRefused("Choose the candidates for whom this holds.")


def _pages_left(session: Session, case: ScriptCase, sheets: int | None) -> str:
    """Say what of a case about scanned pages is still open."""
    if policy_of(case.kind).level is not Level.PAGE or not case.subject.startswith("bundle:"):
        return ""
    bundle_id = case.subject.removeprefix("bundle:")
    bundle = session.get(ScanBundle, bundle_id)
    if sheets is not None and bundle is not None and bundle.pages != 2 * sheets:
        return f"{bundle.pages} pages were scanned, and {sheets} sheets have {2 * sheets}."
    waiting = session.scalar(
        select(func.count()).where(
            ScanPage.bundle_id == bundle_id,
            ScanPage.disposition == str(Disposition.QUEUED),
            (ScanPage.reason == case.kind) | (case.kind == "double_feed"),
        )
    )
    if not waiting:
        return ""
    return f"{waiting} page still waits for a person." if waiting == 1 else f"{waiting} pages still wait for a person."


def _explain(
    session: Session, case: ScriptCase, reason: Reason, numbers: frozenset[str], *, actor: str, now: datetime, text: str
) -> None:
    lines = session.scalars(
        select(RegisterLine).where(
            RegisterLine.sitting_id == case.sitting_id, RegisterLine.candidate_number.in_(sorted(numbers))
        )
    )
    scripts = _scripts(session, case, numbers)
    for line in lines:
        was = line.state
        if case.kind in {"register_absent_script_found", "packet_count_over"}:
            line.state, line.late = str(RegisterState.PRESENT), True
        else:
            line.explained, line.late = str(EXPLAINS[reason]), is_late(case.kind)
        line.marked_by, line.marked_at = actor, now
        details = {"case": case.id, "explanation": str(EXPLAINS[reason]), "was": was, "why": text.strip()[:500]}
        script = scripts.get(line.candidate_number)
        if script is not None:
            record_script_event(session, script.id, "explained", actor=actor, now=now, details=details)
    session.flush()


def _declare(
    session: Session,
    case: ScriptCase,
    reason: Reason,
    numbers: frozenset[str],
    *,
    actor: str,
    now: datetime,
    stage_lost: str,
    cause: str,
) -> None:
    for script in _scripts(session, case, numbers).values():
        session.add(
            DeclaredMissing(
                script_case_id=case.id,
                script_id=script.id,
                outcome=str(reason),
                stage_lost=stage_lost,
                cause=cause,
                declared_at=now,
                declared_by=actor,
            )
        )
        details = {"case": case.id, "outcome": str(reason)}
        record_script_event(session, script.id, "declared_missing", actor=actor, now=now, details=details)
    session.flush()


def _withdraw(session: Session, case: ScriptCase, *, actor: str, now: datetime) -> None:
    standing = select(DeclaredMissing).where(DeclaredMissing.script_case_id == case.id, DeclaredMissing.stands())
    for declared in session.scalars(standing):
        declared.withdrawn_at = now
        details = {"case": case.id, "outcome": declared.outcome}
        record_script_event(session, declared.script_id, "declaration_withdrawn", actor=actor, now=now, details=details)


def _unexplain(session: Session, case: ScriptCase, reason: Reason, *, actor: str, now: datetime) -> None:
    """Take back an explanation; a register that two people corrected meanwhile says something else, and stays."""
    closed = session.scalars(
        select(ScriptCaseEvent)
        .where(ScriptCaseEvent.script_case_id == case.id, ScriptCaseEvent.kind == str(CaseEventKind.CLOSED))
        .order_by(ScriptCaseEvent.number.desc())
    ).first()
    numbers = frozenset(map(str, (closed.details or {}).get("candidates") or ())) if closed is not None else frozenset()
    lines = session.scalars(
        select(RegisterLine).where(
            RegisterLine.sitting_id == case.sitting_id,
            RegisterLine.candidate_number.in_(sorted(numbers)),
            RegisterLine.explained == str(EXPLAINS[reason]),
        )
    )
    scripts = _scripts(session, case, numbers)
    for line in lines:
        line.explained, line.late, line.marked_by, line.marked_at = "", False, actor, now
        details = {"case": case.id, "explanation": str(EXPLAINS[reason])}
        script = scripts.get(line.candidate_number)
        if script is not None:
            record_script_event(session, script.id, "explanation_withdrawn", actor=actor, now=now, details=details)


def _scripts(session: Session, case: ScriptCase, numbers: frozenset[str]) -> dict[str, Script]:
    query = select(Script).where(Script.sitting_id == case.sitting_id, Script.candidate_number.in_(sorted(numbers)))
    return {script.candidate_number: script for script in session.scalars(query)}


def _recount(session: Session, case: ScriptCase, sheets: int) -> None:
    bundle = session.get(ScanBundle, case.subject.removeprefix("bundle:"))
    if bundle is not None:
        bundle.sheets_checked = sheets
