"""Centres are told by mail what is asked of them and what is due: once, in one message a day, and nothing from before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.samples import sample_of
from moderation.records.work_requests import request_more_work
from moderation.tables import ModerationCase
from repository import acting
from repository.care import reminding, telling
from repository.mail import records
from repository.mail.tables import MailMessage
from repository.sign_in.people_tables import NotificationContact
from tests.moderation.records import stage
from tests.moderation.records.stage import confirm, make_centre, make_series

from ..web.conftest import Service, StartService, service, start_service

__all__ = ["service", "start_service"]
CENTRE, CONTACT = "99901", "exams@school.example"


@pytest.fixture(autouse=True)
def as_the_worker() -> Iterator[None]:
    """These tests ask and write as the service itself does."""
    with acting.as_service("test"):
        yield


@pytest.fixture
async def told(start_service: StartService, migrated_url: str) -> Service:
    """A service that sends mail, over each kind of database, and a contact; nothing has happened yet."""
    service = await start_service(migrated_url, NEA_WORKS_ITSELF="no")
    service.clock.now = stage.NOW

    def build(session: Session) -> None:
        records.set_sent_here(session, True, service.clock.now)
        make_series(session)
        for number in (CENTRE, "99902"):
            session.add(
                NotificationContact(
                    centre_number=number,
                    office="Exams office",
                    email=CONTACT if number == CENTRE else "other@school.example",
                    kinds=["deadlines", "samples", "results"],
                    code_mac=b"0" * 32,
                    added_at=service.clock.now,
                    verified_at=service.clock.now,
                )
            )

    await service.write(build)
    assert await telling.tell(service.services) == 0
    return service


async def messages(service: Service) -> list[MailMessage]:
    return list(
        await service.services.database.read(
            lambda s: s.scalars(select(MailMessage).order_by(MailMessage.created_at, MailMessage.letter)).all()
        )
    )


async def test_a_drawn_sample_is_told_once_to_its_own_centre(told: Service) -> None:
    await told.write(lambda session: confirm(session, make_centre(session, 6, CENTRE), [60, 50, 40, 30, 20, 10]))
    assert await telling.tell(told.services) == 1
    for _ in range(3):
        told.clock.advance(minutes=1)
        assert await telling.tell(told.services) == 0
    (message,) = await messages(told)
    assert (message.to_address, message.letter, message.centre_number) == (CONTACT, "sample-requested", CENTRE)
    assert message.facts["due"].startswith("Wednesday 20 May 2026")


async def test_more_work_that_is_asked_for_is_told(told: Service) -> None:
    def build(session: Session) -> str:
        case_id = make_centre(session, 30, CENTRE)
        confirm(session, case_id, list(range(60, 30, -1)))
        return case_id

    case_id = await told.write(build)
    await telling.tell(told.services)
    told.clock.advance(days=1)

    def ask(session: Session) -> None:
        case = session.get_one(ModerationCase, case_id)
        sample_of(session, case.id)
        stage.hand_in(session, case_id)
        stage.give_to_moderator(session, case_id)
        request_more_work(
            session, case_id, count=2, candidate_ids=[], reason="More is needed", actor="moderator", now=told.clock.now
        )

    await told.write(ask)
    assert await telling.tell(told.services) == 1
    assert [one.letter for one in await messages(told)] == ["sample-requested", "more-work-requested"]


@pytest.mark.fault("att:C18")
async def test_everything_that_is_due_comes_in_one_message_a_day(told: Service) -> None:
    def build(session: Session) -> None:
        confirm(session, make_centre(session, 3, CENTRE), [60, 50, 40])
        confirm(session, make_centre(session, 3, "99902"), [60, 50, 40])

    await told.write(build)
    await telling.tell(told.services)
    await reminding.remind_if_due(told.services)
    told.clock.advance(days=4)  # a working day before the sample is due
    for _ in range(30):
        await reminding.remind_if_due(told.services)
        await telling.tell(told.services)
        told.clock.advance(minutes=20)
    digests = [one for one in await messages(told) if one.letter == "reminders"]
    assert sorted(one.to_address for one in digests) == [CONTACT, "other@school.example"]
    (line,) = digests[0].facts["lines"]
    assert line.startswith("Sample of component")
    assert "due Wednesday 20 May 2026" in line
    told.clock.advance(days=1)
    await reminding.remind_if_due(told.services)
    await telling.tell(told.services)
    assert len([one for one in await messages(told) if one.letter == "reminders"]) == 4


async def test_what_happened_before_mail_was_on_is_not_told(told: Service) -> None:
    await told.write(lambda session: records.set_sent_here(session, False, told.clock.now))
    assert await telling.tell(told.services) == 0
    await told.write(lambda session: confirm(session, make_centre(session, 6, CENTRE), [60, 50, 40, 30, 20, 10]))
    told.clock.advance(days=2)
    await told.write(lambda session: records.set_sent_here(session, True, told.clock.now))
    assert await telling.tell(told.services) == 0
    told.clock.advance(minutes=1)
    assert await telling.tell(told.services) == 0
    assert await messages(told) == []
