"""The service's own guards: a role at a centre is a conflict by itself, two people are two humans here as well, and
nobody gives a role to themself.

Source: project policy: automatic conflicts reach three years back; nobody declares or forgets them, the database writes
them when a role is given.
"""

from __future__ import annotations

from collections.abc import Sequence

from moderation import guards as of_moderation
from moderation.guards.history import Kept, guards_of_history, guards_of_two_people, of_practice
from moderation.guards.independence import same
from moderation.guards.trigger import Guard, Refusal, Row
from repository.access import CENTRE_ROLES, ROLES_OF_TWO, Role
from repository.audit import guards as of_audit
from repository.journal_tables import JournalEntry
from repository.sign_in.people_tables import Invitation, Reset, RoleProposal
from repository.sign_in.providers_tables import IdentityRequest
from repository.tables import (
    CustodyEvidence,
    ReceiptProof,
    ReceiptRow,
    ScriptCopy,
    ScriptDestruction,
    ScriptRetentionRule,
)
from scripts.tables import (
    DeclaredMissing,
    DespatchEntryRow,
    DespatchLineRow,
    LabelPrint,
    PacketEventRow,
    PageDecision,
    RegisterChange,
    RegisterCorrection,
    ScriptCaseEvent,
    ScriptEventRow,
)

TIE_YEARS = 3
"""So long after a role at a centre its holder stays tied to it."""

_ROLES = "(" + ", ".join(f"'{role}'" for role in sorted(CENTRE_ROLES)) + ")"
_TWO = "(" + ", ".join(f"'{role}'" for role in sorted(ROLES_OF_TWO)) + ")"


def _is_tie(row: Row) -> str:
    real = f"NOT ({of_practice(f'{row.new}.centre_number')})"  # a practice centre ties nobody to anything
    return f"{row.new}.role IN {_ROLES} AND {row.new}.centre_number IS NOT NULL AND {real}"


def _ends(row: Row, at: str) -> str:
    """When a tie ends: a role that never held, because it ended before it began, ties nobody."""
    after = row.sql.years_after(f"{at}.valid_to", TIE_YEARS)
    return f"CASE WHEN {at}.valid_to <= {at}.valid_from THEN {at}.valid_from ELSE {after} END"


def _tie(row: Row) -> Sequence[str]:
    n = row.new
    other = "lower(hex(randomblob(16)))" if row.sql.is_sqlite else "CAST(gen_random_uuid() AS text)"
    known = f"c.source_id = {n}.id AND c.person_id = {n}.person_id AND c.centre_number = {n}.centre_number"
    identity = f"CASE WHEN EXISTS (SELECT 1 FROM conflict c WHERE c.id = {n}.id) THEN {other} ELSE {n}.id END"
    return (
        "INSERT INTO conflict (id, person_id, centre_number, kind, origin, note, source_id, declared_by, declared_at, "
        f"valid_from, valid_to, end_reason) SELECT {identity}, {n}.person_id, {n}.centre_number, 'EMPLOYED', 'AUTOMATIC', "
        f"'Has, or had, a role at this centre', {n}.id, 'system', {row.sql.now}, {n}.valid_from, {_ends(row, n)}, '' "
        f"WHERE {_is_tie(row)} AND NOT EXISTS (SELECT 1 FROM conflict c WHERE {known})",
    )


def _follow(row: Row) -> Sequence[str]:
    n = row.new
    return (
        *_tie(row),
        f"UPDATE conflict SET valid_to = {_ends(row, n)} WHERE source_id = {n}.id AND origin = 'AUTOMATIC' "
        f"AND person_id = {n}.person_id AND centre_number = {n}.centre_number",
    )


def _as_assigned(row: Row) -> Sequence[tuple[Refusal, str]]:
    """The end of an automatic conflict is what its role says, and nothing else."""
    n, o = row.new, row.old
    differs = row.sql.differs(f"{n}.valid_to", f"({_ends(row, 'a')})")
    told = f"EXISTS (SELECT 1 FROM assignment a WHERE a.id = {n}.source_id AND NOT ({differs}))"
    moved = row.sql.differs(f"{n}.valid_to", f"{o}.valid_to")
    return ((Refusal.AUTOMATIC_CONFLICT, f"{o}.origin = 'AUTOMATIC' AND {moved} AND NOT {told}"),)


# Who gives roles


def _granted(row: Row) -> Sequence[tuple[Refusal, str]]:
    """Nobody gives a role to themself; a role that sees everything is given by two. The first start names nobody."""
    n = row.new
    own = " OR ".join(
        f"({n}.{name} IS NOT NULL AND {same(f'{n}.{name}', f'{n}.person_id')})"
        for name in ("granted_by", "confirmed_by", "ended_by")
    )
    alone = f"{n}.role IN {_TWO} AND {n}.granted_by IS NOT NULL AND {n}.confirmed_by IS NULL"
    return ((Refusal.OWN_ROLE, own), (Refusal.SAME_PERSON, alone))


def _moved(row: Row) -> Sequence[tuple[Refusal, str]]:
    """A role is ended and another given; it never becomes another role, or somebody else's."""
    moved = (
        row.sql.differs(f"{row.new}.{name}", f"{row.old}.{name}") for name in ("person_id", "role", "centre_number")
    )
    return ((Refusal.HISTORY, " OR ".join(moved)),)


def _last_officer(row: Row) -> Sequence[tuple[Refusal, str]]:
    n = row.new
    others = (
        f"EXISTS (SELECT 1 FROM assignment a WHERE a.role = '{Role.AB_OFFICER}' AND NOT {same(f'{n}.person_id', 'a.person_id')} "
        f"AND a.valid_from <= {n}.valid_to AND (a.valid_to IS NULL OR a.valid_to > {n}.valid_to))"
    )
    return ((Refusal.LAST_OFFICER, f"{n}.role = '{Role.AB_OFFICER}' AND {n}.valid_to IS NOT NULL AND NOT {others}"),)


def _proposed(row: Row) -> Sequence[tuple[Refusal, str]]:
    n = row.new
    own = " OR ".join(
        f"({n}.{name} IS NOT NULL AND {same(f'{n}.{name}', f'{n}.person_id')})"
        for name in ("proposed_by", "confirmed_by")
    )
    return ((Refusal.OWN_ROLE, f"{n}.person_id IS NOT NULL AND ({own})"),)


_GIVERS = "granted_by, confirmed_by, ended_by"
_LINK_MAY_CHANGE = ("failed_codes", "claim_sha256", "claim_expires_at")
_DECIDED_ONCE = ("decision", "decided_at", "decided_by", "assignment_id")
_LINK_ONCE = ("used_at", "revoked_at", "revoked_by")


def _links() -> tuple[Guard, ...]:
    """What was proposed, and what a link grants and to whom, stays as it was; a link is used once."""
    invitation, reset, proposal = (one.metadata.tables[one.__tablename__] for one in (Invitation, Reset, RoleProposal))
    asked = IdentityRequest.metadata.tables[IdentityRequest.__tablename__]
    ended = Kept(once=("confirmed_by", "confirmed_at", "withdrawn_by", "withdrawn_at"))
    return (
        guards_of_history(invitation, Kept(once=(*_LINK_ONCE, "account_id"), freely=_LINK_MAY_CHANGE))[0],
        guards_of_history(reset, Kept(once=_LINK_ONCE, freely=_LINK_MAY_CHANGE))[0],
        *guards_of_history(proposal, ended),
        guards_of_history(asked, Kept(once=_DECIDED_ONCE, freely=("roles",)))[0],
    )


def _receipts() -> tuple[Guard, ...]:
    """A receipt stays as it was signed; its proof is added once. Those of practice go with their centre."""
    receipt, proof = (one.metadata.tables[one.__tablename__] for one in (ReceiptRow, ReceiptProof))
    of_receipt = (
        "EXISTS (SELECT 1 FROM receipt pr WHERE pr.id = {row}.receipt_id AND " + of_practice("pr.centre_number") + ")"
    )
    proved = Kept(once=("proof", "log_key", "proved_at"), practice=of_receipt)
    signed = Kept(practice=of_practice("{row}.centre_number"))
    return (*guards_of_history(receipt, signed), *guards_of_history(proof, proved))


def _custody() -> tuple[Guard, ...]:
    """What happened to packets and scripts, what a despatch log says of it, and what people decided about pages is only
    ever added to; what was wrong is withdrawn by another event, corrected by another entry, or undone by another decision.
    """
    kinds = (PacketEventRow, ScriptEventRow, DespatchEntryRow, DespatchLineRow, CustodyEvidence, PageDecision)
    rows = (one.metadata.tables[one.__tablename__] for one in kinds)
    return tuple(guard for table in rows for guard in guards_of_history(table, Kept()))


def _after_marking() -> tuple[Guard, ...]:
    """A copy that was given, a rule that held and a destruction that was decided stay as they were."""
    copy, rule, ended = (
        one.metadata.tables[one.__tablename__] for one in (ScriptCopy, ScriptRetentionRule, ScriptDestruction)
    )
    once = ("confirmed_by", "confirmed_at", "destroyed_by", "witnessed_by", "method", "boxes", "destroyed_on")
    decided = Kept(once=(*once, "decided", "withdrawn_at", "finished_at", "receipt_id"))
    return (*guards_of_history(copy, Kept()), *guards_of_history(rule, Kept()), *guards_of_history(ended, decided))


def _script_cases() -> tuple[Guard, ...]:
    """What was said and decided about a script stays; that a missing one turned up, or is looked for again, is noted once."""
    event, missing = (one.metadata.tables[one.__tablename__] for one in (ScriptCaseEvent, DeclaredMissing))
    return (*guards_of_history(event, Kept()), *guards_of_history(missing, Kept(once=("located_at", "withdrawn_at"))))


def _registers() -> tuple[Guard, ...]:
    """Every change of a register and every printing of a label stays; a correction is decided once."""
    change, printed, correction = (
        one.metadata.tables[one.__tablename__] for one in (RegisterChange, LabelPrint, RegisterCorrection)
    )
    decided = Kept(once=("decision", "decided_by", "decided_at"), freely=("second_name",))
    return (
        *guards_of_history(change, Kept()),
        *guards_of_history(printed, Kept()),
        *guards_of_history(correction, decided),
    )


TWO_PEOPLE = (
    ("shred_proposal", "proposed_by", "confirmed_by"),
    ("script_destruction", "proposed_by", "confirmed_by"),
    ("role_proposal", "proposed_by", "confirmed_by"),
    ("assignment", "granted_by", "confirmed_by"),
    ("register_correction", "asked_by", "decided_by"),
)
"""Table, and the two columns that must name two different humans."""


def all_guards() -> tuple[Guard, ...]:
    """Return every guard of the database, those of moderation first."""
    return (
        *of_moderation.all_guards(),
        Guard("role_ties", "assignment", "INSERT", notes=_tie, by_row=True),
        Guard("role_ties_still", "assignment", "UPDATE", notes=_follow),
        Guard("conflict_as_assigned", "conflict", "UPDATE OF valid_to", _as_assigned),
        Guard("role_given", "assignment", "INSERT", _granted),
        Guard("role_given_still", "assignment", f"UPDATE OF {_GIVERS}", _granted),
        Guard("role_stays", "assignment", "UPDATE OF person_id, role, centre_number", _moved),
        Guard("last_officer", "assignment", "UPDATE OF valid_to", _last_officer),
        Guard("role_proposed", "role_proposal", "INSERT", _proposed),
        Guard("role_proposed_still", "role_proposal", "UPDATE OF confirmed_by", _proposed),
        *_links(),
        *_receipts(),
        *_registers(),
        *_custody(),
        *_script_cases(),
        *_after_marking(),
        *guards_of_history(JournalEntry.metadata.tables[JournalEntry.__tablename__], Kept()),
        *of_audit.GUARDS,
        *guards_of_two_people(TWO_PEOPLE),
    )
