"""Versions of a script's images: made anew whenever its pages change, the earlier ones kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import audit, objects, work
from repository.audit import Context
from repository.bundles import cutting, sealing
from repository.bundles.sealing import PDF
from repository.errors import InspectionFailed, ServiceBusy
from repository.services import Services
from repository.tables import BundleDocument, DocumentRow, ScriptDocument, ScriptVersion
from repository.work import Job
from scripts import records
from scripts.cases import CaseState
from scripts.queues import Risk, chosen_for_check
from scripts.records import ScriptEvent
from scripts.records.settling import open_again
from scripts.tables import QualityCheck, ScanPage, Script, Sitting
from scripts.tracking import ScriptState
from storage.vault import StoredObject

MAKE = "script.version"
"""The kind of work that makes a script's images anew."""
SEEN_BY_MARKER = frozenset({ScriptState.RELEASED, ScriptState.MARKED, ScriptState.RETURNED, ScriptState.ARCHIVED})
Cut = list[tuple[int, int]]
"""Pages of one bundle, each as its index and the clockwise turn that makes it upright."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A bundle that pages of a script lie in, with the pages wanted of it."""

    size_bytes: int
    stored: StoredObject
    pages: Cut


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a script's next version is made of, and under which scope it is sealed."""

    contents: list[list[Any]]
    sources: tuple[_Source, ...]
    scope: str
    candidate_number: str
    by: str


def anew(session: Session, script_ids: Sequence[str], now: datetime) -> None:
    """Have scripts' images made anew, as their pages changed."""
    for script_id in script_ids:
        work.again(session, MAKE, script_id, now)


async def make(services: Services, job: Job) -> None:
    """Make a script's images anew, if its pages are not those of its last version."""
    plan = await services.database.read(lambda s: _plan(s, job.subject_id))
    if plan is None:
        return
    if not plan.contents:
        await services.database.write(lambda s: _withdraw(s, job, services.clock()))
        return
    parts = [await _cut(services, source) for source in plan.sources]
    total = sum(map(len, parts))
    data = parts[0] if len(parts) == 1 else await services.inspection.join(parts, cutting.limits(total))
    (sealed,) = await sealing.seal_all(services, plan.scope, [(f"{plan.candidate_number}.pdf", data)])

    def keep(session: Session) -> None:
        work.fence(session, job)
        now = services.clock()
        if _contents(session, job.subject_id) != plan.contents:
            raise ServiceBusy  # somebody decided about its pages meanwhile
        document_id = sealing.keep(
            session, services, sealed, media_type=PDF, page_count=len(plan.contents), uploaded_by=plan.by, now=now
        )
        record(session, services, job.subject_id, document_id, now)

    try:
        await services.database.write(keep)
    except BaseException:
        await sealing.forget(services, [sealed])
        raise


async def _cut(services: Services, source: _Source) -> bytes:
    """Cut a script's pages out of one bundle."""
    size, indices = source.size_bytes, [index for index, _ in source.pages]
    wanted = cutting.asked([indices], dict(source.pages))
    content = objects.read(services.vault, source.stored)
    async with services.inspection.cut(wanted, content, cutting.output_limit(size), cutting.limits(size)) as output:
        return await cutting.next_file(output)


def record(session: Session, services: Services, script_id: str, document_id: str, now: datetime) -> ScriptVersion:
    """Record a script's new version: the earlier one is superseded and kept, and whoever marks it is told.

    A second person looks at it if chance or a risk says so.
    """
    before = session.scalar(
        select(ScriptVersion).where(ScriptVersion.script_id == script_id).order_by(ScriptVersion.number.desc()).limit(1)
    )
    if before is not None and before.superseded_at is None:
        before.superseded_at = now
    number = before.number + 1 if before is not None else 1
    pages = records.script_pages(session, script_id)
    version = ScriptVersion(
        script_id=script_id, number=number, document_id=document_id, contents=_as_contents(pages), made_at=now
    )
    session.add(version)
    shown = session.get(ScriptDocument, script_id)
    if shown is None:
        session.add(ScriptDocument(script_id=script_id, document_id=document_id))
    else:
        shown.document_id = document_id
    script = session.get_one(Script, script_id)
    _choose(session, services, script, version, pages, now)
    if number > 1:
        _tell(session, script, number, now)
    session.flush()
    return version


def _choose(
    session: Session,
    services: Services,
    script: Script,
    version: ScriptVersion,
    pages: Sequence[ScanPage],
    now: datetime,
) -> None:
    risk = Risk(
        by_hand=any(page.decided_by for page in pages),
        turned=any(page.rotation for page in pages),
        noted=any(set(page.notes) - {"cover", "turned"} for page in pages),
        version=version.number,
    )
    why = chosen_for_check(script.id, services.settings.script_quality_percent, risk)
    if why:
        session.add(QualityCheck(script_id=script.id, version=version.number, chosen_for=why, chosen_at=now))


def _tell(session: Session, script: Script, number: int, now: datetime) -> None:
    """Write down that there is a new version; if a marker may have seen the last one, somebody must tell the marker."""
    after_release = script.state in SEEN_BY_MARKER
    details = {"version": number, "after_release": after_release, "marked": script.state == ScriptState.MARKED}
    records.record_script_events(
        session, [ScriptEvent(script.id, "new_version", now, now, records.SERVICE, "", details, "scanning")]
    )
    audit.record(
        session, Context(None, now, "version", origin="worker"), "script.version", "script", script.id, version=number
    )
    if after_release:
        subject = f"candidate:{script.candidate_number}"
        case = records.open_case(
            session, script.sitting_id, "rescan_after_release", subject, now=now, script_id=script.id, details=details
        )
        if case.state == CaseState.CLOSED:  # told of an earlier version; of this one nobody has been told
            open_again(session, case, details, now=now)


def _withdraw(session: Session, job: Job, now: datetime) -> None:
    """Show nothing of a script that has no pages any more; its versions are kept."""
    work.fence(session, job)
    shown = session.get(ScriptDocument, job.subject_id)
    if shown is not None:
        session.delete(shown)
    for version in session.scalars(
        select(ScriptVersion).where(ScriptVersion.script_id == job.subject_id, ScriptVersion.superseded_at.is_(None))
    ):
        version.superseded_at = now


def _plan(session: Session, script_id: str) -> _Plan | None:
    """Return what the next version is made of; None when the last one shows just that."""
    script = session.get(Script, script_id)
    if script is None:
        return None
    pages = records.script_pages(session, script_id)
    contents = _as_contents(pages)
    last = session.scalar(
        select(ScriptVersion).where(ScriptVersion.script_id == script_id, ScriptVersion.superseded_at.is_(None))
    )
    if (last.contents if last is not None else []) == contents:
        return None
    sitting = session.get_one(Sitting, script.sitting_id)
    scope = objects.scope_name(sitting.centre_number, sitting.series_key, objects.SCRIPTS)
    runs: list[tuple[str, Cut]] = []
    for page in pages:
        if not runs or runs[-1][0] != page.bundle_id:
            runs.append((page.bundle_id, []))
        runs[-1][1].append((page.page_index, page.rotation))
    by = next((page.decided_by for page in reversed(pages) if page.decided_by), "")
    sources = tuple(_source(session, bundle_id, cut) for bundle_id, cut in runs)
    by = by or (records.get_bundle(session, pages[0].bundle_id).received_by if pages else "")
    return _Plan(contents, sources, scope, script.candidate_number, by)


def _source(session: Session, bundle_id: str, pages: Cut) -> _Source:
    link = session.get(BundleDocument, bundle_id)
    if link is None:
        raise InspectionFailed(cause="bundle gone")
    document = session.get_one(DocumentRow, link.document_id)
    return _Source(document.size_bytes, objects.stored_object(session, document.oid), pages)


def _contents(session: Session, script_id: str) -> list[list[Any]]:
    return _as_contents(records.script_pages(session, script_id))


def _as_contents(pages: Sequence[ScanPage]) -> list[list[Any]]:
    return [[page.bundle_id, page.page_index, page.rotation] for page in pages]


def current(session: Session, script_id: str) -> ScriptVersion | None:
    """Return the version of a script that is shown now."""
    return session.scalar(
        select(ScriptVersion).where(ScriptVersion.script_id == script_id, ScriptVersion.superseded_at.is_(None))
    )
