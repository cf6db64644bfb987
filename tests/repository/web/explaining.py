"""A centre whose marks were moderated, and what a page or a PDF of it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from io import BytesIO

from pypdf import PdfReader
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moderation.records import reports
from moderation.records.marking import allocate
from moderation.records.reports import Draft
from moderation.records.results import release_results
from moderation.reports import Line, Section, Verdict
from moderation.results import embargo_from
from moderation.rules import Disclosure
from moderation.tables import Component, PolicyRow, RuleAssignment
from repository.tables import AuditEvent
from tests.moderation.records import locking, stage
from tests.moderation.records.stage import COMPONENT, MODERATOR, NOW, SERIES

from .conftest import Client, Service

OPENS_AT = datetime(2026, 8, 11, 23, 1, tzinfo=UTC)
MAXIMUM = 9999
FAR = (9000, 8100, 7200, 6300, 5400, 4500, 3600, 2700, 1800, 900)
"""Centre marks so far apart that no number of a page is another one's by chance."""
NOISE = (41, -37, 53, -29, 47, -43, 31, -59, 23, -61)
ADJUSTING = tuple(mark * 9 // 10 + noise for mark, noise in zip(FAR, NOISE, strict=True))
ACCEPTING = tuple(mark - (3 if noise > 0 else -2) for mark, noise in zip(FAR, NOISE, strict=True))
SECTIONS = {section: f"What was seen: {section.value}." for section in Section}


def moderated(session: Session, moderator_marks: Sequence[int], level: Disclosure, *, reported: bool = True) -> str:
    """Make a case with an outcome and a report that is handed in."""
    stage.make_series(session)
    session.execute(update(Component).where(Component.component_code == COMPONENT).values(maximum_mark=MAXIMUM))
    set_level(session, level)
    case_id = stage.make_centre(session, len(FAR))
    stage.confirm(session, case_id, FAR)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, dict(zip(FAR, moderator_marks, strict=True)))
    if reported:
        report(session, case_id)
    return case_id


def report(session: Session, case_id: str) -> None:
    lines = [
        Line(work.item_id, "", Verdict.GENEROUS, f"Seen at {work.centre_number}.")
        for work in reports.works_read(session, case_id)
    ]
    reports.save_report(session, case_id, Draft(SECTIONS, lines), moderator=MODERATOR, now=NOW, expected_number=0)
    reports.submit_report(session, case_id, moderator=MODERATOR, now=NOW, expected_number=1)


def set_level(session: Session, level: Disclosure) -> None:
    content = {
        "policy_id": f"shows-{level}",
        "version": 1,
        "title": f"Shows {level}",
        "discordant_share": "1/20",
        "correlation": "9/10",
        "team_leader_check": "never",
        "disclosure": str(level),
        "sample_working_days": 3,
        "reminder_working_days": [1],
        "source": "test",
        "verified": False,
    }
    by = {"imported_at": NOW, "imported_by": "test"}
    session.add(PolicyRow(policy_id=content["policy_id"], version=1, content=content, **by))
    assigned = {"assigned_at": NOW, "assigned_by": "test"}
    session.add(RuleAssignment(awarding_body="01", policy_id=content["policy_id"], policy_version=1, **assigned))
    session.flush()


def issue(session: Session, case_id: str) -> None:
    locking.confirm(session, case_id)
    release_results(session, SERIES, first="one", second="two", embargo=embargo_from(date(2026, 8, 12)), now=NOW)


def let_moderate(session: Session, person_id: str, centre_number: str = "99901") -> None:
    allocate(session, person_id=person_id, series_key=SERIES, component_code=COMPONENT, centre_number=centre_number)


async def page_text(client: Client, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers={"Accept": "text/html"})
    text = await answer.text()
    assert answer.status == status, text[:3000]
    return text


async def pdf_of(client: Client, case_id: str, query: str = "") -> PdfReader:
    answer = await client.get(f"/cases/{case_id}/explanation.pdf{query}")
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "application/pdf"
    return PdfReader(BytesIO(await answer.read()))


def text_of(pdf: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in pdf.pages)


CHANCE = re.compile(
    r"""nonce="[^"]*"|name="csrf[_-]token" (?:value|content)="[^"]*"|/static/[^"]*|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"""
)
"""Nonces, tokens, names of built files and identifiers: their digits say nothing."""


def numbers_in(text: str) -> set[int]:
    """Every whole number that a text shows, those in formulas and attributes included; what is drawn by chance is not."""
    said = CHANCE.sub("", text)
    return {int(found) for found in re.findall(r"\d{1,9}", said)}


async def events(service: Service, action: str) -> list[tuple[str | None, str]]:
    def read(session: Session) -> list[tuple[str | None, str]]:
        rows = session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id))
        return [(row.person_id, row.outcome) for row in rows]

    return await service.services.database.read(read)
