"""No decision outlives a request: a tie, a role that ends, a window that closes act on the very next one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from moderation.independence import ConflictKind
from moderation.records import independence
from moderation.records.marking import allocate
from moderation.tables import Candidate, CentreMark, ModerationCase
from repository.access import Role
from repository.tables import Assignment
from tests.moderation.records.stage import COMPONENT, SERIES, make_centre

from .conftest import Client
from .uploading import CENTRE, STREAM, Stage

pytestmark = pytest.mark.usefixtures("stage_on_each")


async def moderating(stage: Stage) -> Client:
    """Return a moderator who was given the case of the stage."""
    client = await stage.service.client(Role.MODERATOR)

    def give(session) -> None:
        allocate(
            session,
            person_id=client.person_id,
            series_key=SERIES,
            component_code=COMPONENT,
            centre_number=CENTRE,
            act="MODERATE",
            opens_at=stage.service.clock.now,
            granted_by="person-officer",
        )

    await stage.service.write(give)
    return client


async def sights(client: Client, stage: Stage) -> dict[str, object]:
    """Return what a moderator sees of the centre on every way there is."""
    case = stage.case_id
    found: dict[str, object] = {}
    for path in (f"/api/cases/{case}", f"/api/cases/{case}/sample", f"/api/cases/{case}/marks", f"/cases/{case}"):
        found[path] = (await client.get(path)).status
    found["listed"] = len((await (await client.get("/api/cases")).json())["cases"])
    found["worklist"] = CENTRE in await (await client.get("/api/worklist")).text()
    return found


@pytest.mark.fault("att:E05")
async def test_a_tie_takes_every_sight_at_once(stage_on_each: Stage) -> None:
    """SF-04: whatever else was given."""
    stage = stage_on_each
    client = await moderating(stage)
    before = await sights(client, stage)
    assert set(before.values()) == {200, 1}

    def declare(session) -> None:
        independence.declare_conflict(
            session,
            person_id=client.person_id,
            centre_number=CENTRE,
            kind=ConflictKind.OTHER,
            note="a friend teaches there",
            declared_by=client.person_id,
            now=stage.service.clock.now,
        )

    await stage.service.write(declare)
    stage.service.clock.advance(seconds=1)
    after = await sights(client, stage)
    assert set(after.values()) == {404, 0}


@pytest.mark.fault("att:E04", "att:E09")
async def test_a_window_that_closes_and_a_role_that_ends_act_on_the_next_request(stage_on_each: Stage) -> None:
    """SF-07: half-open, to the second; an upload under way is told so as well."""
    stage = stage_on_each
    client = await moderating(stage)
    closes = stage.service.clock.now + timedelta(minutes=5)

    def close(session) -> None:
        from moderation.tables import Allocation

        for given in session.scalars(select(Allocation)):
            given.closes_at = closes

    await stage.service.write(close)
    stage.service.clock.now = closes - timedelta(seconds=1)
    assert (await client.get(f"/api/cases/{stage.case_id}")).status == 200
    stage.service.clock.now = closes
    assert (await client.get(f"/api/cases/{stage.case_id}")).status == 404

    made = await stage.create(20)
    assert (await stage.patch(made, 0, b"0123456789"))[0] == 204

    def end(session) -> None:
        for assignment in session.scalars(select(Assignment).where(Assignment.centre_number == CENTRE)):
            assignment.valid_to = stage.service.clock.now

    await stage.service.write(end)
    assert (await stage.teacher.get(f"/api/cases/{stage.case_id}")).status == 401
    answer = await stage.teacher.patch(
        made["Location"],
        headers={**STREAM, "Upload-Token": made["Upload-Token"], "Upload-Offset": "10"},
        data=b"0123456789",
    )
    assert answer.status == 404


@pytest.mark.fault("att:E03", "real:R27")
async def test_one_foreign_row_refuses_the_whole_of_many(stage_on_each: Stage) -> None:
    """Nothing of it is done, and nothing says whose the foreign one is."""
    stage = stage_on_each
    other = "99902"

    def build(session) -> tuple[str, str, str, int]:
        foreign = make_centre(session, 3, other)
        own = make_centre(session, 3, "99903")
        number = session.scalar(select(func.max(Candidate.candidate_number)).where(Candidate.centre_number == CENTRE))
        return own, foreign, number, session.scalar(select(func.count()).select_from(CentreMark))

    own, foreign, number, before = await stage.service.write(build)
    teacher = await stage.service.client(Role.TEACHER, "99903")
    rows = [{"candidate_number": "1001", "mark": 10}, {"candidate_number": "1002", "mark": 11}]
    refusals = []
    for stranger in (number, "9999"):  # a candidate of another centre only, and of no centre
        answer = await teacher.put(
            f"/api/cases/{own}/marks", json={"rows": [*rows, {"candidate_number": stranger, "mark": 12}]}
        )
        problem = await answer.json()
        refusals.append((answer.status, str(problem).replace(stranger, "").replace(problem["instance"], "")))
    assert refusals[0] == refusals[1]
    assert refusals[0][0] in {404, 409, 422}
    assert (await teacher.put(f"/api/cases/{foreign}/marks", json={"rows": rows})).status == 404

    def count(session) -> tuple[int, set[str]]:
        states = session.scalars(select(ModerationCase.state).where(ModerationCase.id.in_([own, foreign])))
        return session.scalar(select(func.count()).select_from(CentreMark)), set(states)

    assert await stage.service.write(count) == (before, {"MARKS_OPEN"})
    assert (await teacher.put(f"/api/cases/{own}/marks", json={"rows": rows})).status == 200  # the same without it
