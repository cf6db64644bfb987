"""Confirms an outcome the way policy asks, for tests that begin after it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from moderation.records.outcomes import confirm_outcome
from tests.moderation.records.stage import NOW, OFFICER


def lock(session: Session, case_id: str) -> None:
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
