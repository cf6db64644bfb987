"""Terms of post-results services: which hold for a series, and how they are imported."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import TermsInvalid, UnknownSeries
from moderation.review import Service
from moderation.review_terms import ServiceTerms, choose, load_terms, packaged_terms, terms_from
from moderation.tables import SeriesRow, ServiceTermsRow


def terms_for(session: Session, series_key: str) -> Mapping[Service, ServiceTerms]:
    """Return the terms of each service of a series: imported ones first, then those of the package.

    Raises: ``UnknownSeries``.
    """
    series = session.get(SeriesRow, series_key)
    if series is None:
        raise UnknownSeries(series_key=series_key)
    rows = session.scalars(select(ServiceTermsRow).order_by(ServiceTermsRow.number.desc()))
    known = (*(terms_from(row.terms) for row in rows), *packaged_terms())
    found = {service: choose(known, series.awarding_body, series_key, service) for service in Service}
    return {service: terms for service, terms in found.items() if terms is not None}


def import_terms(session: Session, text: str, *, actor: str, now: datetime) -> int:
    """Take in a file of terms, all of it or nothing; requests made before keep the terms that they were made on.

    Returns: how many rows are new. The same terms again change nothing.
    Raises: ``TermsInvalid`` naming the row.
    """
    added = 0
    for terms in load_terms(text):
        newest = session.scalars(
            select(ServiceTermsRow)
            .where(
                ServiceTermsRow.awarding_body == terms.awarding_body,
                ServiceTermsRow.series == terms.series,
                ServiceTermsRow.service == terms.service.value,
            )
            .order_by(ServiceTermsRow.number.desc())
            .limit(1)
        ).first()
        if newest is not None and newest.terms == terms.as_json():
            continue
        if newest is not None and terms.version <= newest.terms["version"]:
            raise TermsInvalid(
                f"Service {terms.service} of {terms.awarding_body}, {terms.series}: version {terms.version} is not newer "
                f"than version {newest.terms['version']}, which is here with other terms. Give it a higher version."
            )
        session.add(
            ServiceTermsRow(
                awarding_body=terms.awarding_body,
                series=terms.series,
                service=terms.service.value,
                number=1 if newest is None else newest.number + 1,
                terms=terms.as_json(),
                imported_by=actor,
                imported_at=now,
            )
        )
        added += 1
    session.flush()
    return added
