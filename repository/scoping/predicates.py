"""Which rows of which table belong to whose reach: ``access.SIGHT`` and ``access.POLICY`` as conditions of SQL.

A condition is built over the tables themselves, under names of its own: what narrows a person's SELECTs then never
narrows what a condition reads, or a tie to a centre could make itself invisible. The facts that decide (allocations,
ties, teams, teaching, parts that somebody had in a case) are scoped nowhere, for the same reason.

The same conditions serve the ORM, with the person's facts as values, and PostgreSQL's row security, with the facts as
settings of the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    Table,
    TableClause,
    and_,
    column,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union,
)

import moderation.tables as m
import scripts.tables as s
from moderation.entries import PRACTICE_PREFIX
from moderation.messages import ThreadKind
from moderation.records.independence import holds_for, is_independent
from moderation.records.marking import MODERATE
from repository import journal_tables as j
from repository import tables as r
from repository.access import OF_CENTRES, POLICY, SIGHT, Action, Kind, Role, Scope, Sight
from repository.documents import DocumentState
from repository.sign_in.people_tables import Teaching

Condition = ColumnElement[bool]
Reach = Callable[[FromClause, Sight, "Facts"], Condition]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a condition must know of who asks: values, or expressions that PostgreSQL reads settings with."""

    person_id: Any
    assignment_id: Any
    centre_number: Any
    now: Any
    listed: Callable[[Sight], Any] | None = None
    """Where the cases in reach are listed already; PostgreSQL's row security asks functions of its own for them."""


@dataclass(frozen=True, slots=True)
class Scoped:
    """How the rows of a table are reached."""

    kind: Kind
    reach: Reach


def sights(role: Role, kind: Kind, action: Action | None, *, writes: bool) -> tuple[Sight, ...]:
    """Return how far a role sees rows of a kind while doing an action; empty means not at all.

    What results must be out for is hidden from reading only: a change may have to follow from what its author cannot read.
    """
    seen = SIGHT.get(role, {}).get(kind, ())
    asked = None if action is None else POLICY.get(action, {}).get(role)
    if asked in {Scope.ALLOCATED, Scope.TEAM, Scope.COMPONENT}:
        seen = tuple(one for one in seen if one.scope in {asked, Scope.ALL})
    return tuple(Sight(one.scope, writes=True) for one in seen) if writes else seen


def criterion(
    table: FromClause, scoped: Scoped, role: Role, action: Action | None, facts: Facts, *, writes: bool
) -> Condition:
    """Return the condition on a row of ``table`` that somebody acting so may see it."""
    seen = sights(role, scoped.kind, action, writes=writes)
    if any(one.scope is Scope.ALL and not one.published for one in seen):
        found: Condition = everywhere(table)
    else:
        found = or_(false(), *(scoped.reach(table, one, facts) for one in seen))
    extra = ONLY.get((action, scoped.kind)) if action is not None else None
    return found if extra is None or role not in extra.roles else and_(found, extra.condition(table))


def everywhere(table: FromClause) -> Condition:
    """Return what who sees everything sees: every row, but for those that name a practice centre.

    What hangs on such a row is found through it only: no list begins with a mark, a work or a file.
    """
    if "centre_number" not in table.c:
        return true()
    number = table.c.centre_number
    real = func.substr(number, 1, 1) != literal_column(f"'{PRACTICE_PREFIX}'")
    return or_(number.is_(None), real) if getattr(number, "nullable", True) else real


# Cases: everything else is reached through them


def _case(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    return and_(_reached(row, row.c.id, sight, facts), _published(row.c.series_key, sight, facts))


def _reached(case: FromClause, case_id: ColumnElement[Any], sight: Sight, facts: Facts) -> Condition:
    if sight.scope is Scope.ALL:
        return true()
    if not _is_listed(sight):
        return _in_my_centre(case, facts) if sight.scope is Scope.MY_CENTRE else _taught(case, facts)
    return case_id.in_(cases_of(sight, facts) if facts.listed is None else facts.listed(sight))


def _is_listed(sight: Sight) -> bool:
    """Say whether cases are reached from what somebody was given, which is little, and not by what the case itself says."""
    return sight.scope is not Scope.ALL and (sight.writes or sight.scope not in OF_CENTRES)


def cases_of(sight: Sight, facts: Facts) -> CompoundSelect[Any]:
    """Return the ids of the cases in reach, found from what the person was given and not by asking each case.

    Cases of a consortium are moderated as one: who moderates one sees all, and what is done to one follows for all. A
    centre reads its own only; a tie to a member keeps its work from whoever reads.
    """
    found: list[Select[Any]] = []
    for start in _STARTS[sight.scope]:
        case, tables, conditions = start(facts)
        found.append(select(case.c.id).select_from(tables).where(*conditions))
        case, tables, conditions = start(facts)
        other = _named(m.ModerationCase)
        together = and_(
            other.c.consortium_id == case.c.consortium_id,
            other.c.series_key == case.c.series_key,
            other.c.component_code == case.c.component_code,
        )
        free = (case.c.consortium_id.is_not(None), *(() if sight.writes else (_untied(other, facts),)))
        found.append(select(other.c.id).select_from(tables.join(other, together)).where(*conditions, *free))
    return union(*found)


Start = tuple[FromClause, FromClause, tuple[Condition, ...]]
"""A case under its name, what it is found from, and on which conditions."""


def _from_centre(facts: Facts) -> Start:
    case = _named(m.ModerationCase)
    return case, case, (_in_my_centre(case, facts),)


def _from_teaching(facts: Facts) -> Start:
    case = _named(m.ModerationCase)
    return case, case, (_taught(case, facts),)


def _from_allocations(facts: Facts) -> Start:
    case, given = _named(m.ModerationCase), _named(m.Allocation)
    conditions = (given.c.person_id == facts.person_id, *_open(given, facts), is_independent(facts.now, given))
    return case, given.join(case, _same_place(given, case)), conditions


def _from_team(facts: Facts) -> Start:
    case, given, member = _named(m.ModerationCase), _named(m.Allocation), _named(m.TeamMember)
    of_member = and_(
        given.c.person_id == member.c.person_id,
        given.c.series_key == member.c.series_key,
        given.c.component_code == member.c.component_code,
    )
    conditions = (
        member.c.leader_id == facts.person_id,
        given.c.act == MODERATE,
        *_open(given, facts),
        _untied(case, facts),
    )
    return case, member.join(given, of_member).join(case, _same_place(given, case)), conditions


def _from_component(facts: Facts) -> Start:
    case, principal = _named(m.ModerationCase), _named(m.PrincipalModerator)
    of_it = and_(
        case.c.series_key == principal.c.series_key,
        case.c.component_code == principal.c.component_code,
    )
    return case, principal.join(case, of_it), (principal.c.person_id == facts.person_id, _untied(case, facts))


def _from_reviews(facts: Facts) -> Start:
    case, request = _named(m.ModerationCase), _named(m.ReviewRequest)
    joined = request.join(case, case.c.id == request.c.case_id)
    return case, joined, (request.c.reviewer == facts.person_id, _untied(case, facts))


def _from_panels(facts: Facts) -> Start:
    case, request, member = _named(m.ModerationCase), _named(m.ReviewRequest), _named(m.PanelMember)
    joined = member.join(request, request.c.id == member.c.request_id).join(case, case.c.id == request.c.case_id)
    return case, joined, (member.c.person_id == facts.person_id, _untied(case, facts))


_STARTS: Mapping[Scope, tuple[Callable[[Facts], Start], ...]] = {
    Scope.MY_CENTRE: (_from_centre,),
    Scope.TAUGHT: (_from_teaching,),
    Scope.ALLOCATED: (_from_allocations,),
    Scope.TEAM: (_from_team,),
    Scope.COMPONENT: (_from_component,),
    Scope.REVIEWING: (_from_reviews, _from_panels),
}


def listed_sights() -> tuple[Sight, ...]:
    """Return the sights whose cases ``cases_of`` lists."""
    every = (Sight(scope, writes=writes) for scope in _STARTS for writes in (False, True))
    return tuple(sight for sight in every if _is_listed(sight))


def _same_place(given: FromClause, case: FromClause) -> Condition:
    return and_(
        case.c.series_key == given.c.series_key,
        case.c.component_code == given.c.component_code,
        case.c.centre_number == given.c.centre_number,
    )


def _in_my_centre(case: FromClause, facts: Facts) -> Condition:
    return cast(Condition, case.c.centre_number == facts.centre_number)


def _taught(case: FromClause, facts: Facts) -> Condition:
    return and_(_in_my_centre(case, facts), _teaches(facts, case.c.series_key, case.c.component_code))


def _teaches(facts: Facts, series_key: Any, component_code: Any) -> Condition:
    given = _named(Teaching)
    return there_is(
        given,
        given.c.assignment_id == facts.assignment_id,
        or_(given.c.series_key.is_(None), given.c.series_key == series_key),
        or_(given.c.component_code.is_(None), given.c.component_code == component_code),
    )


def _open(allocation: FromClause, facts: Facts) -> tuple[Condition, ...]:
    opens, closes = allocation.c.opens_at, allocation.c.closes_at
    return or_(opens.is_(None), opens <= facts.now), or_(closes.is_(None), closes > facts.now)


def _my_review(request: FromClause, facts: Facts) -> Condition:
    member = _named(m.PanelMember)
    on_the_panel = there_is(member, member.c.request_id == request.c.id, member.c.person_id == facts.person_id)
    return or_(request.c.reviewer == facts.person_id, on_the_panel)


def _untied(case: FromClause, facts: Facts) -> Condition:
    return ~holds_for(facts.person_id, case.c.centre_number, case.c.series_key, facts.now)


def _published(series_key: Any, sight: Sight, facts: Facts) -> Condition:
    """Results of the series are out to centres: some version's restricted day has come, and it was not withdrawn."""
    if not sight.published:
        return true()
    version = _named(m.ResultVersion)
    return there_is(version, version.c.series_key == series_key, *_is_out(version, facts))


def _is_out(version: FromClause, facts: Facts) -> tuple[Condition, ...]:
    gone = _named(m.ResultWithdrawal)
    return version.c.restricted_at <= facts.now, ~there_is(gone, gone.c.version_id == version.c.id)


# Ways to a case, or to a centre


def _through(column: str, parent: type[Any]) -> Reach:
    """Reach a row by what its column refers to."""

    def reach(row: FromClause, sight: Sight, facts: Facts) -> Condition:
        above = _named(parent)
        return row.c[column].in_(select(_key(above)).where(SCOPED[parent].reach(above, sight, facts)))

    return reach


def _either(*ways: Reach) -> Reach:
    return lambda row, sight, facts: or_(*(way(row, sight, facts) for way in ways))


def _mark(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """A candidate's mark: what a teacher changes may have to follow from all marks of the component, so it sees them."""
    return _of_case(row, sight, facts) if sight.writes else _of_group(row, sight, facts)


def _of_group(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """A candidate's mark or sampled work: of a case in reach and, to a teacher, not of a group of somebody else."""
    found = _of_case(row, sight, facts)
    if sight.scope is not Scope.TAUGHT:
        return found
    case = _named(m.ModerationCase)
    own = there_is(case, case.c.id == row.c.case_id, _in_my_groups(case, row.c.candidate_id, facts))
    return and_(found, own)


def _in_my_groups(case: FromClause, candidate_id: Any, facts: Facts) -> Condition:
    """Whom no mark puts into a group that the teacher does not teach; whose group is not known yet, is everybody's."""
    given, mark = _named(Teaching), _named(m.CentreMark)
    elsewhere = there_is(
        mark,
        mark.c.case_id == case.c.id,
        mark.c.candidate_id == candidate_id,
        mark.c.mark_set_version == case.c.mark_set_version,
        mark.c.teaching_set != given.c.teaching_set,
        mark.c.teaching_set != "",
    )
    return there_is(
        given,
        given.c.assignment_id == facts.assignment_id,
        or_(given.c.series_key.is_(None), given.c.series_key == case.c.series_key),
        or_(given.c.component_code.is_(None), given.c.component_code == case.c.component_code),
        or_(given.c.teaching_set.is_(None), ~elsewhere),
    )


def _of_sample(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """A sample: the standing one of a case in reach, or one that asked for work of such a case."""
    case, item, asked = _named(m.ModerationCase), _named(m.SampleItem), _named(m.ModerationCase)
    current = select(case.c.sample_id).where(_case(case, sight, facts), case.c.sample_id.is_not(None))
    ever = select(item.c.sample_id).where(item.c.case_id.in_(select(asked.c.id).where(_case(asked, sight, facts))))
    return or_(row.c.id.in_(current), row.c.id.in_(ever))


def _candidate(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """A candidate: of the centre, or entered for a component of a case in reach."""
    if sight.scope is Scope.MY_CENTRE and not sight.writes:
        return and_(_in_my_centre(row, facts), _published(row.c.series_key, sight, facts))
    own = _in_my_centre(row, facts) if sight.scope is Scope.MY_CENTRE else false()
    by_group = sight.scope is Scope.TAUGHT and not sight.writes
    case, of, entry = _named(m.ModerationCase), _named(m.OptionComponent), _named(m.Entry)
    same_component = and_(of.c.series_key == case.c.series_key, of.c.component_code == case.c.component_code)
    for_it = and_(entry.c.series_key == of.c.series_key, entry.c.option_code == of.c.option_code)
    entered = there_is(
        entry.join(of, for_it).join(case, same_component),
        entry.c.candidate_id == row.c.id,
        case.c.centre_number == row.c.centre_number,
        case.c.series_key == row.c.series_key,
        _in_my_groups(case, row.c.id, facts) if by_group else true(),
        _case(case, sight, facts),
        own=(entry, of, case),
    )
    return or_(own, entered)


def _at_centre(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    if sight.scope is not Scope.MY_CENTRE:
        return true() if sight.scope is Scope.ALL else false()
    return _in_my_centre(row, facts)


def _result(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    version, candidate = _named(m.ResultVersion), _named(m.Candidate)
    out = row.c.version_id.in_(select(version.c.id).where(*_is_out(version, facts)))
    mine = row.c.candidate_id.in_(
        select(candidate.c.id).where(_candidate(candidate, Sight(sight.scope, writes=sight.writes), facts))
    )
    return and_(mine, out) if sight.published else mine


def _request(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    if sight.scope is not Scope.REVIEWING:
        return _at_centre(row, sight, facts)
    return and_(_my_review(row, facts), _untied(row, facts))


def _scanned(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """A document: evidence for a case in reach. Scans of scripts are reached as scripts are."""
    evidence = _named(r.Evidence)
    return row.c.id.in_(select(evidence.c.document_id).where(SCOPED[r.Evidence].reach(evidence, sight, facts)))


def _derived(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """What is shown in place of a document: evidence for a case in reach."""
    evidence = _named(r.Evidence)
    return row.c.document_id.in_(select(evidence.c.document_id).where(SCOPED[r.Evidence].reach(evidence, sight, facts)))


OF_SCANS = (r.ScriptDocument, r.ScriptVersion, r.BundleDocument, r.CustodyEvidence)


def _scan(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """A document: the scan of a script or bundle in reach, or a picture of a step of custody."""
    links = [(_named(link), link) for link in OF_SCANS]
    ways = (select(of.c.document_id).where(SCOPED[link].reach(of, sight, facts)) for of, link in links)
    return or_(*(row.c.id.in_(way) for way in ways))


def _of_case(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """Reach a row by its case; where cases are listed, the case itself need not be looked at."""
    if _is_listed(sight) and not sight.published:
        return _reached(row, row.c.case_id, sight, facts)
    return _by_case(row, sight, facts)


_by_case = _through("case_id", m.ModerationCase)
_OF_ITEM = _through("sample_item_id", m.SampleItem)


def _thread(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """A conversation: a centre reads those that officers hold with it, whoever moderates those about the moderation."""
    kind = ThreadKind.CENTRE if sight.scope in OF_CENTRES else ThreadKind.DESK
    return and_(_of_case(row, sight, facts), row.c.kind == kind.value)


def _one_s_own(reach: Reach) -> Reach:
    """Reach a row that says what one person has seen: by that person only."""

    def own(row: FromClause, sight: Sight, facts: Facts) -> Condition:
        return and_(row.c.person_id == facts.person_id, reach(row, sight, facts))

    return own


def _evidence(row: FromClause, sight: Sight, facts: Facts) -> Condition:
    """A document's place: the case's, and, where it is one candidate's work, one whom the person sees."""
    found = _of_case(row, sight, facts)
    if sight.scope is not Scope.TAUGHT:
        return found
    return and_(found, or_(row.c.sample_item_id.is_(None), _OF_ITEM(row, sight, facts)))


SCOPED: Mapping[type[Any], Scoped] = {
    m.ModerationCase: Scoped(Kind.CASE, _case),
    m.CentreMark: Scoped(Kind.CASE, _mark),
    m.Sample: Scoped(Kind.CASE, _of_sample),
    m.SampleItem: Scoped(Kind.CASE, _of_group),
    m.WorkRequest: Scoped(Kind.CASE, _through("sample_id", m.Sample)),
    m.CaseTransition: Scoped(Kind.CASE, _of_case),
    m.MarkAmendment: Scoped(Kind.CASE, _of_case),
    m.Consignment: Scoped(Kind.CASE, _of_case),
    r.SamplePacket: Scoped(Kind.CASE, _of_case),
    m.Visit: Scoped(Kind.CASE, _of_case),
    m.Extension: Scoped(Kind.CASE, _of_case),
    m.Reopening: Scoped(Kind.CASE, _of_case),
    m.Reminder: Scoped(Kind.CASE, _of_case),
    m.SupportCall: Scoped(Kind.CASE, _of_case),
    m.CentreFeedback: Scoped(Kind.CASE, _of_case),
    m.ItemFinding: Scoped(Kind.CASE, _OF_ITEM),
    m.MissingWork: Scoped(Kind.CASE, _OF_ITEM),
    m.CandidateDeclaration: Scoped(Kind.CASE, _OF_ITEM),
    r.WorkLook: Scoped(Kind.CASE, _OF_ITEM),
    m.Candidate: Scoped(Kind.CANDIDATE, _candidate),
    m.Entry: Scoped(Kind.CANDIDATE, _through("candidate_id", m.Candidate)),
    r.Evidence: Scoped(Kind.DOCUMENT, _evidence),
    r.UploadRow: Scoped(Kind.DOCUMENT, _evidence),
    r.ReceiptRow: Scoped(Kind.RECEIPT, _either(_of_case, _through("sitting_id", s.Sitting))),
    m.ModeratorMark: Scoped(Kind.JUDGEMENT, _OF_ITEM),
    m.CriterionMark: Scoped(Kind.JUDGEMENT, _through("moderator_mark_id", m.ModeratorMark)),
    m.Outcome: Scoped(Kind.JUDGEMENT, _of_case),
    m.ModeratedMark: Scoped(Kind.JUDGEMENT, _of_case),
    m.ModeratorReport: Scoped(Kind.JUDGEMENT, _through("sample_id", m.Sample)),
    m.ReportLine: Scoped(Kind.JUDGEMENT, _through("report_id", m.ModeratorReport)),
    m.ModeratorCheck: Scoped(Kind.CHECK, _of_case),
    m.CheckItem: Scoped(Kind.CHECK, _through("check_id", m.ModeratorCheck)),
    m.Suspicion: Scoped(Kind.CONCERN, _of_case),
    m.MalpracticeHold: Scoped(Kind.CONCERN, _of_case),
    m.SafeguardingConcern: Scoped(Kind.CONCERN, _of_case),
    j.JournalEntry: Scoped(Kind.NOTE, _of_case),
    m.Thread: Scoped(Kind.TALK, _thread),
    m.Message: Scoped(Kind.TALK, _through("thread_id", m.Thread)),
    m.ThreadReading: Scoped(Kind.TALK, _one_s_own(_through("thread_id", m.Thread))),
    m.CaseLook: Scoped(Kind.TALK, _one_s_own(_of_case)),
    m.OptionResult: Scoped(Kind.RESULT, _result),
    m.ExternalMark: Scoped(Kind.RESULT, _through("candidate_id", m.Candidate)),
    m.ExternalMarkChange: Scoped(Kind.RESULT, _through("candidate_id", m.Candidate)),
    m.ReviewRequest: Scoped(Kind.REVIEW, _request),
    m.ReviewTransition: Scoped(Kind.REVIEW, _through("request_id", m.ReviewRequest)),
    m.ReviewOutcome: Scoped(Kind.REVIEW, _through("request_id", m.ReviewRequest)),
    m.ReviewMark: Scoped(Kind.REVIEW, _through("request_id", m.ReviewRequest)),
    m.ReviewConsent: Scoped(Kind.REVIEW, _through("request_id", m.ReviewRequest)),
    m.Appeal: Scoped(Kind.REVIEW, _through("request_id", m.ReviewRequest)),
    m.MissingResult: Scoped(Kind.REVIEW, _at_centre),
    s.Sitting: Scoped(Kind.SCRIPT, _at_centre),
    s.Packet: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    s.RegisterLine: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    s.RegisterChange: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    s.RegisterCorrection: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    s.LabelPrint: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    s.LabelRequest: Scoped(Kind.SCRIPT, _through("packet_id", s.Packet)),
    s.PacketEventRow: Scoped(Kind.SCRIPT, _through("packet_id", s.Packet)),
    s.PacketTrackingNumber: Scoped(Kind.SCRIPT, _through("packet_id", s.Packet)),
    s.PacketLabelRow: Scoped(Kind.SCRIPT, _through("packet_id", s.Packet)),
    s.DespatchEntryRow: Scoped(Kind.SCRIPT, _at_centre),
    s.DespatchLineRow: Scoped(Kind.SCRIPT, _through("packet_id", s.Packet)),
    s.Script: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    s.ScriptEventRow: Scoped(Kind.SCRIPT, _through("script_id", s.Script)),
    s.ScriptCase: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    s.ScriptCaseEvent: Scoped(Kind.SCRIPT, _through("script_case_id", s.ScriptCase)),
    s.DeclaredMissing: Scoped(Kind.SCRIPT, _through("script_case_id", s.ScriptCase)),
    s.ScanBundle: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    s.ScanPage: Scoped(Kind.SCRIPT, _through("bundle_id", s.ScanBundle)),
    s.PageDecision: Scoped(Kind.SCRIPT, _through("bundle_id", s.ScanBundle)),
    s.QualityCheck: Scoped(Kind.SCRIPT, _through("script_id", s.Script)),
    r.Derivative: Scoped(Kind.DOCUMENT, _derived),
    r.ScriptDocument: Scoped(Kind.SCRIPT, _through("script_id", s.Script)),
    r.ScriptVersion: Scoped(Kind.SCRIPT, _through("script_id", s.Script)),
    r.BundleDocument: Scoped(Kind.SCRIPT, _through("bundle_id", s.ScanBundle)),
    r.ScriptCopy: Scoped(Kind.SCRIPT, _through("script_id", s.Script)),
    r.ScriptDestruction: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    r.CustodyEvidence: Scoped(Kind.SCRIPT, _through("sitting_id", s.Sitting)),
    m.ImportFile: Scoped(Kind.IMPORT, _at_centre),
    m.WaitingFile: Scoped(Kind.IMPORT, _at_centre),
    m.GateRun: Scoped(Kind.GATE, _at_centre),
    m.GateHeld: Scoped(Kind.GATE, _at_centre),
    r.ReleaseProposal: Scoped(Kind.GATE, _at_centre),
    r.WithdrawalProposal: Scoped(Kind.GATE, _at_centre),
}
"""Every table whose rows belong to a centre or a candidate, but for documents, which two kinds of rows lead to."""

DOCUMENT_WAYS: tuple[Scoped, ...] = (Scoped(Kind.DOCUMENT, _scanned), Scoped(Kind.SCRIPT, _scan))
"""A document is seen by who sees the evidence that it is, or the script that it is the scan of."""

BODY_READERS = frozenset({Role.MODERATOR, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR})


@dataclass(frozen=True, slots=True)
class Only:
    """A further condition on rows of a kind while an action is done in one of these roles."""

    roles: frozenset[Role]
    condition: Callable[[FromClause], Condition]


def _is_released(row: FromClause) -> Condition:
    if row is r.DocumentRow.__table__:
        return row.c.state == DocumentState.RELEASED
    document = _named(r.DocumentRow)
    if "document_id" not in row.c:
        return true()
    return row.c.document_id.in_(select(document.c.id).where(document.c.state == DocumentState.RELEASED))


ONLY: Mapping[tuple[Action, Kind], Only] = {
    (Action.DOCUMENT_VIEW, Kind.DOCUMENT): Only(BODY_READERS, _is_released),
}


@cache
def tables() -> Mapping[type[Any], tuple[Scoped, ...]]:
    """Return every scoped class and the ways its rows are reached: any of them is enough."""
    return {entity: (scoped,) for entity, scoped in SCOPED.items()} | {r.DocumentRow: DOCUMENT_WAYS}


def condition_on(
    entity: type[Any], table: FromClause, role: Role, action: Action | None, facts: Facts, *, writes: bool
) -> Condition:
    """Return the condition on a row of a scoped class, by whichever of its ways."""
    return or_(*(criterion(table, way, role, action, facts, writes=writes) for way in tables()[entity]))


def there_is(table: FromClause, *conditions: Any, own: tuple[FromClause, ...] = ()) -> Condition:
    """Return that a row of ``table`` fulfils conditions, which may speak of any query around it."""
    query: Select[Any] = select(literal_column("1")).select_from(table).where(*conditions)
    return query.correlate_except(*(own or (table,))).exists()


def _named(entity: type[Any]) -> FromClause:
    return _bare(cast(Table, entity.__table__)).alias()


@cache
def _bare(full: Table) -> TableClause:
    """Return a table as names and types alone: putting one under another name costs a tenth of a mapped one."""
    return TableClause(full.name, *(column(one.name, one.type) for one in full.columns))


def _key(table: FromClause) -> ColumnElement[Any]:
    return cast(ColumnElement[Any], table.c.id)
