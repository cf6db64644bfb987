"""Exemptions: centres that need not send a sample until a day, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.errors import ExemptionRefused, ReasonMissing, UnknownExemption
from moderation.tables import Centre, ModerationCase, SampleExemption
from moderation.working_days import LONDON


@dataclass(frozen=True, slots=True)
class ExemptionView:
    """An exemption as pages show it."""

    exemption_id: str
    awarding_body: str
    centre_number: str
    family: str
    component_code: str
    expires_on: date
    reason: str
    granted_at: datetime
    granted_by: str
    ended_at: datetime | None

    def is_in_force(self, on: date) -> bool:
        """Say whether it counts on a day; on its last day it still does."""
        return self.ended_at is None and on <= self.expires_on


def grant_exemption(
    session: Session,
    *,
    awarding_body: str,
    centre_number: str,
    family: str = "",
    component_code: str = "",
    expires_on: date,
    reason: str,
    officer: str,
    now: datetime,
) -> ExemptionView:
    """Let a centre send no sample of a component, or of a family of qualifications, until a day.

    Raises: ``ExemptionRefused`` naming the field; ``ReasonMissing``.
    Source: OCR's accredited centres sent no sample for the rest of the year and the next two,
    http://www.ocr.org.uk/administration/assessment/index.aspx; the expiry is data.
    """
    if not reason.strip():
        raise ReasonMissing("Say why the centre need not send a sample.", field="reason")
    if not family and not component_code:
        raise ExemptionRefused("Name a component, or a family of qualifications.", field="component_code")
    if expires_on < now.astimezone(LONDON).date():
        raise ExemptionRefused("The last day of the exemption is over already.", field="expires_on")
    if session.get(Centre, centre_number) is None:
        raise ExemptionRefused(f"There is no centre {centre_number}.", field="centre_number")
    row = SampleExemption(
        awarding_body=awarding_body,
        centre_number=centre_number,
        family=family,
        component_code=component_code,
        expires_on=expires_on,
        reason=reason.strip()[:500],
        granted_at=now,
        granted_by=officer,
    )
    session.add(row)
    session.flush()
    return _view(row)


def end_exemption(session: Session, exemption_id: str, *, officer: str, now: datetime) -> None:
    """End an exemption at once; a second time changes nothing. Cases that needed no sample stay as they are.

    Raises: ``UnknownExemption``.
    """
    row = session.get(SampleExemption, exemption_id)
    if row is None:
        raise UnknownExemption(exemption_id=exemption_id)
    if row.ended_at is None:
        row.ended_at, row.ended_by = now, officer
        session.flush()


def listed_exemptions(session: Session) -> list[ExemptionView]:
    """Return every exemption, those that end last first."""
    rows = session.scalars(
        select(SampleExemption).order_by(SampleExemption.expires_on.desc(), SampleExemption.centre_number)
    )
    return [_view(row) for row in rows]


def exemption_of(session: Session, case: ModerationCase, now: datetime) -> ExemptionView | None:
    """Return the exemption that is in force for a case, or ``None``."""
    series = Series.from_key(case.series_key)
    rows = session.scalars(
        select(SampleExemption)
        .where(
            SampleExemption.centre_number == case.centre_number,
            SampleExemption.awarding_body == series.awarding_body,
            SampleExemption.ended_at.is_(None),
            SampleExemption.expires_on >= now.astimezone(LONDON).date(),
            or_(SampleExemption.component_code == "", SampleExemption.component_code == case.component_code),
            or_(SampleExemption.family == "", SampleExemption.family == series.code[1]),
        )
        .order_by(SampleExemption.expires_on.desc(), SampleExemption.id)
    )
    row = rows.first()
    return None if row is None else _view(row)


def all_exempt(session: Session, members: Sequence[ModerationCase], now: datetime) -> str:
    """Return why none of the cases needs a sample, or nothing: a consortium is exempt when every member is.

    Source: project policy: a consortium is moderated as one group.
    """
    found = [exemption_of(session, member, now) for member in members]
    reasons = [one.reason for one in found if one is not None]
    return f"No sample required: {reasons[0]}"[:500] if len(reasons) == len(members) else ""


def _view(row: SampleExemption) -> ExemptionView:
    return ExemptionView(
        row.id,
        row.awarding_body,
        row.centre_number,
        row.family,
        row.component_code,
        row.expires_on,
        row.reason,
        row.granted_at,
        row.granted_by,
        row.ended_at,
    )
