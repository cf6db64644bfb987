from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import Reminder
from repository.access import Role
from repository.care import reminding
from repository.tables import AuditEvent
from tests.moderation.records.stage import confirm, make_centre, make_series

from ..web.conftest import Service, service, start_service

__all__ = ["service", "start_service"]


def build(session: Session) -> None:
    make_series(session)
    confirm(session, make_centre(session, 3, "99901"), [60, 50, 40])


async def test_reminders_are_made_once_an_hour_at_most_and_read_at_home(service: Service) -> None:
    await service.write(build)
    await reminding.remind_if_due(service.services)  # somebody has looked within the hour: it may be this, or the round
    service.clock.advance(days=4)  # 19 May, a working day before the sample is due
    assert await reminding.remind_if_due(service.services) == 1
    assert await reminding.remind_if_due(service.services) == 0
    service.clock.advance(hours=2)
    assert await reminding.remind_if_due(service.services) == 0
    service.clock.advance(days=1)
    assert await reminding.remind_if_due(service.services) == 1

    def read(session: Session) -> tuple[list[int], list[int]]:
        days = list(session.scalars(select(Reminder.working_days).order_by(Reminder.made_at)))
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "reminder.made").order_by(AuditEvent.id))
        return days, [event.details["count"] for event in events]

    assert await service.services.database.read(read) == ([1, 0], [1, 1])
    centre = await service.browser(Role.EXAMS_OFFICER, "99901")
    assert "Reminders from the awarding body" in await (await centre.get("/")).text()
    other = await service.browser(Role.EXAMS_OFFICER, "99902")
    assert "Reminders from the awarding body" not in await (await other.get("/")).text()
