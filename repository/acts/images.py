"""Acts on script images: seen by tracking staff and officers only, and every look is recorded."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import access, audit, objects
from repository.access import Action, Role
from repository.acts.cases import actor_of
from repository.acts.sittings import permitted
from repository.audit import Context
from repository.errors import NotFound
from repository.tables import BundleDocument, DocumentRow, ScriptDocument
from scripts.records.enquiries import held_pages, is_script_held
from scripts.tables import ScanBundle, ScanPage, Script
from storage.vault import StoredObject


@dataclass(frozen=True, slots=True)
class Image:
    """A scanned file that may be shown now."""

    document_id: str
    page_count: int
    stored: StoredObject
    media_type: str
    size_bytes: int
    turn: int = 0
    """The clockwise turn that makes the page upright, where the file does not say it itself."""


def of_script(session: Session, context: Context, script_id: str, number: int) -> Image:
    """Permit and record one look at a page of a script, counted from 1; raises ``NotFound``."""
    script = session.get(Script, script_id)
    if script is None:
        raise NotFound
    permitted(session, context, Action.SCRIPT_IMAGE, script.sitting_id)
    if not _is_officer(context) and is_script_held(session, script_id):
        raise NotFound
    document_id = session.scalars(
        select(ScriptDocument.document_id).where(ScriptDocument.script_id == script_id)
    ).first()
    return _image(session, context, document_id, "script", script_id, number)


def of_bundle(session: Session, context: Context, bundle_id: str, number: int) -> Image:
    """Permit and record one look at a page of a bundle, counted from 1, turned as it was found or put upright.

    Raises: ``NotFound``.
    """
    bundle = session.get(ScanBundle, bundle_id)
    if bundle is None:
        raise NotFound
    if bundle.sitting_id is None:  # nobody knows yet whose it is
        access.require(actor_of(context), Action.SCRIPT_IMAGE)
    else:
        permitted(session, context, Action.SCRIPT_IMAGE, bundle.sitting_id)
    document_id = session.scalars(
        select(BundleDocument.document_id).where(BundleDocument.bundle_id == bundle_id)
    ).first()
    if not _is_officer(context) and number - 1 in held_pages(session, bundle_id):
        raise NotFound
    page = session.get(ScanPage, (bundle_id, number - 1))
    turn = page.rotation if page is not None else 0
    return _image(session, context, document_id, "bundle", bundle_id, number, turn)


def _is_officer(context: Context) -> bool:
    """Say whether it is who alone looks at what an enquiry into malpractice holds."""
    return actor_of(context).role is Role.AB_OFFICER


def _image(
    session: Session,
    context: Context,
    document_id: str | None,
    kind: str,
    subject_id: str,
    number: int,
    turn: int = 0,
) -> Image:
    if document_id is None:
        raise NotFound
    document = session.get_one(DocumentRow, document_id)
    if not 1 <= number <= (document.page_count or 0):
        raise NotFound
    audit.record(session, context, Action.SCRIPT_IMAGE, kind, subject_id)
    stored = objects.stored_object(session, document.oid)
    return Image(document.id, document.page_count or 0, stored, document.media_type or "", document.size_bytes, turn)
