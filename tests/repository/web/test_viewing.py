"""Who looked, and when: ranges and pages of one viewing share one event, and nobody's looking goes without one."""

from __future__ import annotations

from sqlalchemy import select

from repository.access import Role
from repository.tables import Assignment, AuditEvent

from ..files import pdf
from .uploading import CENTRE, Stage


async def test_the_ranges_of_one_viewing_share_one_event(stage_on_each: Stage) -> None:
    stage = stage_on_each
    data = pdf()
    made = await stage.create(len(data), data)
    document = await stage.document(made)
    assert document["state"] == "released", document
    content = f"/documents/{made['Location'].rpartition('/')[2]}/content"

    def events(session):
        query = select(AuditEvent.person_id).where(AuditEvent.action == "document.view").order_by(AuditEvent.id)
        return list(session.scalars(query))

    async def seen() -> list[str]:
        return list(await stage.service.services.database.read(events))

    for first in range(0, len(data), 500):
        answer = await stage.teacher.get(content, headers={"Range": f"bytes={first}-{first + 499}"})
        assert answer.status == 206
        assert await answer.read() == data[first : first + 500]
    assert len(await seen()) == 1

    other = await stage.service.client(Role.EXAMS_OFFICER, CENTRE)
    assert await (await other.get(content)).read() == data
    assert len(set(await seen())) == 2  # another person's looking is another event

    stage.service.clock.advance(minutes=16)
    assert (await stage.teacher.get(content)).status == 200
    assert len(await seen()) == 3

    # What was permitted a moment ago is asked again: an event that stands is no pass.
    def end(session):
        row = session.scalars(select(Assignment).where(Assignment.person_id == stage.teacher.person_id)).one()
        row.valid_to = stage.service.clock()

    await stage.service.write(end)
    assert (await stage.teacher.get(content)).status in {401, 404}
    assert len(await seen()) == 3
