"""An outcome confirmed as people do it: a team leader's check where the policy asks for one, then an officer."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.checking import Verdict
from moderation.records.cases import case_of, group_of
from moderation.records.checks import decide_check, open_check, record_check_mark
from moderation.records.outcomes import confirm_outcome
from moderation.records.second_people import check_is_due
from moderation.tables import Outcome
from tests.moderation.records.stage import NOW, OFFICER

CHECKER = "person-team-leader"


def confirm(session: Session, case_id: str, officer: str = OFFICER) -> None:
    members = group_of(session, case_of(session, case_id))
    outcome = session.scalars(select(Outcome).where(Outcome.case_id == case_id, Outcome.superseded_at.is_(None))).one()
    if check_is_due(session, members, outcome):
        check = open_check(session, case_id, checker=CHECKER, is_principal=False, now=NOW)
        for work in check.works:
            record_check_mark(session, check.check_id, work.item_id, mark=1, checker=CHECKER, now=NOW)
        decide_check(session, check.check_id, verdict=Verdict.AGREED, reason="", checker=CHECKER, now=NOW)
    confirm_outcome(session, case_id, officer=officer, now=NOW)


def lock(session: Session, case_id: str) -> None:
    confirm(session, case_id)
