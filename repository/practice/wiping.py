"""Wipes a practice centre: every row that names it or hangs on it, and every object of its files. Events stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, or_, select
from sqlalchemy.orm import Session

from moderation.entries import Series, is_practice
from moderation.tables import Candidate, DeclarationRule, ModerationCase, Sample, SampleItem
from repository.database import metadatas
from repository.tables import (
    AUDIT_TABLES,
    DataKeyRow,
    Evidence,
    ObjectPart,
    ReceiptRow,
    ScopeKeyRow,
    UploadRow,
    Work,
)
from storage import names

STAYS = AUDIT_TABLES | {"practice_centre", "assignment", "web_session", "sign_in_link", "sign_in_attempt"}
"""What is not wiped: the log, that there was a practice centre and who acted in it, and how people sign in."""


def wipe(session: Session, centre_number: str, series_key: str) -> list[str]:
    """Delete everything of a practice centre, in the caller's transaction.

    Returns: the names in the store that nothing refers to any more; they are to be deleted once this is committed.
    Raises: ``ValueError`` for a number or series that is not one of practice: nothing was deleted.
    """
    if not (is_practice(centre_number) and is_practice(series_key)):
        raise ValueError("only a practice centre can be wiped")
    leads = _leads(session, centre_number, series_key)
    oids = leads["oid"]
    keys = _chunked(session, ObjectPart.key, ObjectPart.oid, oids)
    keys += [key for key in _chunked(session, UploadRow.tail_key, UploadRow.oid, oids) if key]
    keys += [name(oid) for oid in oids for name in (names.document, names.sidecar)]
    body = Series.from_key(series_key).awarding_body
    session.execute(delete(DeclarationRule).where(DeclarationRule.awarding_body == body))
    session.execute(delete(Work).where(Work.subject_id.in_(leads["document_id"])))
    session.flush()
    session.expunge_all()
    for metadata in reversed(metadatas()):
        for table in reversed(metadata.sorted_tables):
            if table.name not in STAYS and (conditions := _conditions(table, leads)):
                session.execute(delete(table).where(or_(*conditions)))
    return keys


def _leads(session: Session, centre_number: str, series_key: str) -> Mapping[str, list[str]]:
    """Return by what a row is one of the practice centre: column → the values that only such a row has."""
    cases = session.scalars(select(ModerationCase.id).where(ModerationCase.centre_number == centre_number)).all()
    scopes = session.scalars(select(ScopeKeyRow.sk_id).where(ScopeKeyRow.scope.like(f"{centre_number}/%"))).all()
    documents = session.scalars(select(Evidence.document_id).where(Evidence.case_id.in_(cases))).all()
    return {
        "centre_number": [centre_number],
        "series_key": [series_key],
        "key": [series_key],
        "case_id": list(cases),
        "sample_id": list(session.scalars(select(Sample.id).where(Sample.series_key == series_key))),
        "sample_item_id": list(session.scalars(select(SampleItem.id).where(SampleItem.case_id.in_(cases)))),
        "candidate_id": list(session.scalars(select(Candidate.id).where(Candidate.centre_number == centre_number))),
        "document_id": list(documents),
        "receipt_id": list(session.scalars(select(ReceiptRow.id).where(ReceiptRow.centre_number == centre_number))),
        "oid": list(session.scalars(select(DataKeyRow.oid).where(DataKeyRow.sk_id.in_(scopes)))),
        "sk_id": list(scopes),
    }


def _conditions(table: Table, leads: Mapping[str, list[str]]) -> list[ColumnElement[bool]]:
    return [
        table.c[name].in_(values)
        for name, values in leads.items()
        if values and name in table.c and (name != "key" or table.name == "series")
    ]


def _chunked(session: Session, wanted: Any, column: Any, values: Iterable[str]) -> list[str]:
    found: list[str] = []
    held = list(values)
    for start in range(0, len(held), 500):
        found += session.scalars(select(wanted).where(column.in_(held[start : start + 500])))
    return found
