"""Acts on copies of scripts: given to a centre that asked for access to them, and to nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.review_requests import entitled_scripts
from moderation.tables import Candidate
from repository import access, audit, objects
from repository.access import Action
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import NotFound
from repository.tables import DocumentRow, Person, ScriptCopy, ScriptVersion
from scripts.records.enquiries import is_held
from scripts.tables import Script, Sitting
from storage.vault import StoredObject


@dataclass(frozen=True, slots=True)
class Entitled:
    """A script that a centre may have a copy of: under which request, and whether there is a scan to copy."""

    script: Script
    sitting: Sitting
    request_id: str
    has_scan: bool


@dataclass(frozen=True, slots=True)
class Given:
    """A copy that was given: of which script, to whom, when."""

    copy: ScriptCopy
    script: Script
    sitting: Sitting
    name: str


@dataclass(frozen=True, slots=True)
class ToCopy:
    """What a copy is made of, and what stands on every page of it."""

    script: Script
    sitting: Sitting
    request_id: str
    document_id: str
    page_count: int
    stored: StoredObject
    words: str


def entitled(session: Session, context: Context) -> tuple[Entitled, ...]:
    """Return the scripts that the person's centre asked access to and may have, by component and candidate.

    What an enquiry into malpractice holds is not among them until it has ended.
    Source: JCQ post-results services: access to scripts; who may have which is the review request's to say.
    """
    actor = actor_of(context)
    access.require(actor, Action.SCRIPT_COPY, centre_number=actor.centre_number)
    centre = actor.centre_number or ""
    query = select(Sitting.series_key).where(Sitting.centre_number == centre, Sitting.purpose == "scripts").distinct()
    found: list[Entitled] = []
    for series_key in session.scalars(query):
        found += _of_series(session, series_key, centre)
    return tuple(sorted(found, key=lambda one: (one.sitting.component_code, one.script.candidate_number)))


def _of_series(session: Session, series_key: str, centre_number: str) -> list[Entitled]:
    may = entitled_scripts(session, series_key, centre_number)
    if not may:
        return []
    rows = session.execute(
        select(Script, Sitting, Candidate.id, ScriptVersion.id)
        .join(Sitting, Sitting.id == Script.sitting_id)
        .join(
            Candidate,
            (Candidate.series_key == Sitting.series_key)
            & (Candidate.centre_number == Sitting.centre_number)
            & (Candidate.candidate_number == Script.candidate_number),
        )
        .outerjoin(ScriptVersion, (ScriptVersion.script_id == Script.id) & ScriptVersion.superseded_at.is_(None))
        .where(Sitting.series_key == series_key, Sitting.centre_number == centre_number, Sitting.purpose == "scripts")
        .where(~is_held(Script.sitting_id, Script.candidate_number))
    )
    return [
        Entitled(script, sitting, may[candidate_id, sitting.component_code], version_id is not None)
        for script, sitting, candidate_id, version_id in rows
        if (candidate_id, sitting.component_code) in may
    ]


def to_copy(session: Session, context: Context, script_id: str) -> ToCopy:
    """Permit one copy of a script to the person's own centre.

    Raises: ``NotFound`` without an entitlement, for a script of another centre, or without a scan; ``DocumentDestroyed``.
    """
    found = next((one for one in entitled(session, context) if one.script.id == script_id and one.has_scan), None)
    if found is None:
        raise NotFound("There is no script here that your centre may have a copy of.")
    version = session.scalars(
        select(ScriptVersion).where(ScriptVersion.script_id == script_id, ScriptVersion.superseded_at.is_(None))
    ).one()
    document = session.get_one(DocumentRow, version.document_id)
    return ToCopy(
        found.script,
        found.sitting,
        found.request_id,
        document.id,
        document.page_count or 0,
        objects.stored_object(session, document.oid),
        words_on(found.sitting, actor_of(context).person_id, context.now),
    )


def words_on(sitting: Sitting, person_id: str, now: datetime) -> str:
    """Return what stands on every page of a copy: for which centre, to whom by the first of their id, and when."""
    return f"Copy for centre {sitting.centre_number}  {person_id[:8]}  {now:%Y-%m-%d %H:%M} UTC"


def give(session: Session, context: Context, what: ToCopy, sha256: str, pages: int) -> str:
    """Record a copy that is handed out in this moment; returns its id.

    Raises: ``NotFound`` when the entitlement ended, or another scan is shown, while the copy was made.
    """
    again = to_copy(session, context, what.script.id)
    if again.document_id != what.document_id:
        raise NotFound("The script was scanned again in this moment. Ask for the copy once more.")
    copy = ScriptCopy(
        script_id=what.script.id,
        request_id=what.request_id,
        document_id=what.document_id,
        given_to=actor_of(context).person_id,
        given_at=context.now,
        pages=pages,
        sha256=sha256,
    )
    session.add(copy)
    session.flush()
    audit.record(session, context, Action.SCRIPT_COPY, "script", what.script.id, copy_id=copy.id, pages=pages)
    return copy.id


def given(session: Session, context: Context, *, limit: int = 500) -> Sequence[Given]:
    """Return the copies that were given, the newest first: a centre's own, or all."""
    actor = actor_of(context)
    access.require(actor, Action.SCRIPT_COPIES_READ, centre_number=actor.centre_number)
    query = (
        select(ScriptCopy, Script, Sitting, Person.display_name)
        .join(Script, Script.id == ScriptCopy.script_id)
        .join(Sitting, Sitting.id == Script.sitting_id)
        .join(Person, Person.id == ScriptCopy.given_to)
        .order_by(ScriptCopy.given_at.desc(), ScriptCopy.id)
        .limit(limit)
    )
    if actor.role in access.CENTRE_ROLES:
        query = query.where(Sitting.centre_number == actor.centre_number)
    return [Given(*row) for row in session.execute(query)]
