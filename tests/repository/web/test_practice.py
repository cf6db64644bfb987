"""A practice centre over real HTTP: its owner does everything in it, and nobody else's lists change by a byte."""

from __future__ import annotations

import io
import re

import pytest
from aiohttp import FormData
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.records.marking import MODERATE
from moderation.tables import Allocation, ModerationCase, SampleItem
from repository.access import CENTRE_ROLES, POLICY, Role
from repository.acting import as_service
from repository.acts import practice
from repository.audit import Context
from repository.care import reminding
from repository.database import metadatas
from repository.practice.wiping import STAYS
from repository.tables import Assignment, AuditEvent, PracticeCentre
from repository.web.routes import ROUTES
from tests.moderation.records.stage import COMPONENT, SERIES

from ..files import pdf
from .conftest import Client, Service, csrf
from .test_submissions import send_all
from .uploading import CENTRE, Stage, objects_of

OWN = ("/practice", "/account", "/audit", "/sign", "/checkup", "/confirm", "/health")
"""What is of the person alone, of the log, or of the machine."""
MADE_ANEW = re.compile(
    r'nonce="[^"]*"|content="[^"]*"|value="[A-Za-z0-9_=-]{40,}"|data-csrf-token="[^"]*"|ticket=[^"&]*'
    r'|name="event_id" value="[^"]*"|"csrf_token": "[^"]*"|Reference <span.*?</span>'
)
READERS = (
    Role.AB_OFFICER,
    Role.TRACKING_CLERK,
    Role.MODERATOR,
    Role.PRINCIPAL_MODERATOR,
    Role.EXAMS_OFFICER,
    Role.TEACHER,
)


@pytest.fixture
def stage(stage_on_each: Stage) -> Stage:
    return stage_on_each


def lists(role: Role) -> list[str]:
    """Return every address that a role can read without naming one thing: pages, files and the API alike."""
    found = []
    for route in ROUTES:
        if role not in POLICY.get(route.action, {}):
            continue
        path = route.path.replace("{series_key}", SERIES).replace("{component_code}", COMPONENT.replace("/", "%2F"))
        if route.method == "GET" and "{" not in path and not path.startswith(OWN):
            found.append(path)
    return [*found, f"/outstanding?series={SERIES}", f"/cases?series={SERIES}", f"/exports?series={SERIES}"]


Seen = dict[tuple[Role, str], tuple[int, str]]


async def seen(readers: dict[Role, Client]) -> Seen:
    found: Seen = {}
    for role, client in readers.items():
        for path in lists(role):
            answer = await client.get(path, allow_redirects=False)
            body = await answer.read()
            if answer.content_type.endswith(("zip", "problem+json")):
                body = b""  # an archive has its own times, and a refusal its own number
            found[role, path] = (answer.status, MADE_ANEW.sub("", body.decode("utf-8", "replace")))
    return found


def changes(before: Seen, after: Seen) -> list[str]:
    """Return what differs, with the first words that do."""
    found = []
    for key, (status, text) in before.items():
        if after[key] != (status, text):
            lines = zip(text.splitlines(), after[key][1].splitlines(), strict=False)
            differ = next(((one, other) for one, other in lines if one != other), "more lines")
            found.append(f"{key}: {status} and {after[key][0]}: {differ}"[:600])
    return found


async def post(browser: Client, path: str, **fields: str) -> None:
    data = {"csrf_token": await csrf(browser, "/account"), **fields}
    answer = await browser.post(path, data=data, allow_redirects=False)
    assert answer.status == 303, await answer.text()


def counts(session: Session) -> dict[str, int]:
    return {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0
        for metadata in metadatas()
        for table in metadata.sorted_tables
        if table.name not in STAYS | {"care_mark", "receipt_proof"}
    }


def allocate(session: Session, person_id: str) -> None:
    of = {"series_key": SERIES, "component_code": COMPONENT, "centre_number": CENTRE}
    session.add(Allocation(person_id=person_id, act=MODERATE, **of))


def of_practice(session: Session) -> tuple[str, str, str, str]:
    """Return number, series, and the late case with one of its sampled candidates."""
    made = session.scalars(select(PracticeCentre)).one()
    case = session.scalars(
        select(ModerationCase.id).where(
            ModerationCase.centre_number == made.centre_number, ModerationCase.component_code == "PRAC/03"
        )
    ).one()
    item = session.scalars(select(SampleItem.id).where(SampleItem.case_id == case).limit(1)).one()
    return made.centre_number, made.series_key, case, item


async def upload_by_form(browser: Client, case_id: str, item_id: str) -> None:
    form = FormData()
    for name, value in {"csrf_token": await csrf(browser, "/account"), "item": item_id, "slot": "work"}.items():
        form.add_field(name, value)
    form.add_field("file", io.BytesIO(pdf(1, "practice")), filename="practice.pdf")
    answer = await browser.post(f"/cases/{case_id}/sample/files", data=form, allow_redirects=False)
    assert answer.status == 303, await answer.text()


async def test_nobody_sees_that_somebody_practises_and_nothing_is_left_of_it(stage: Stage) -> None:
    service: Service = stage.service
    await send_all(stage, log=False, record=False)
    owner = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    readers = {role: await service.browser(role, CENTRE if role in CENTRE_ROLES else None) for role in READERS}
    moderator: str = readers[Role.MODERATOR].person_id
    await service.write(lambda s: allocate(s, moderator))
    read = service.services.database.read
    before, rows, objects = await seen(readers), await read(counts), kept(service)
    assert sum(status == 200 for status, _ in before.values()) > 40
    assert not [key for key, (status, _) in before.items() if status >= 500]

    await post(owner, "/practice/begin")
    number, series_key, case_id, item_id = await read(of_practice)
    board = await (await owner.get("/readiness")).text()
    assert "Practice: nothing here counts." in board
    assert "PRAC/01" in board
    await upload_by_form(owner, case_id, item_id)
    await service.settle(60)
    await post(owner, f"/cases/{case_id}/sample/swap", item=item_id, other=await read(lambda s: other(s, item_id)))
    assert "files-moved" in await read(lambda s: kinds(s, number))
    # What is another's, from either side, is not there.
    assert (await owner.get(f"/cases/{stage.case_id}/sample")).status == 404
    for path in ("/staff", "/contacts", "/tokens", "/exports", "/imports", "/results", "/mail", "/scripts", "/reviews"):
        assert (await owner.get(path)).status == 404, path
    for reader in readers.values():
        for path in (
            f"/cases/{case_id}",
            f"/cases/{case_id}/sample",
            f"/series/{series_key}",
            f"/series/{series_key}/gate",
        ):
            assert (await reader.get(path)).status == 404, path
        assert number not in await (await reader.get("/")).text()
    with as_service("test"):
        await reminding.remind_if_due(service.services)
    assert changes(before, await seen(readers)) == []

    await post(owner, "/practice/wipe")
    assert "Practice: nothing here counts." not in await (await owner.get("/")).text()
    assert changes(before, await seen(readers)) == []
    assert await read(counts) == rows
    assert kept(service) == objects
    events = select(AuditEvent.action).where(AuditEvent.action.like("practice.%")).order_by(AuditEvent.id)
    assert list(await read(lambda s: s.scalars(events).all())) == ["practice.begin", "practice.wipe"]


async def test_it_is_wiped_by_itself_after_its_days_and_one_is_had_at_a_time(stage: Stage) -> None:
    service = stage.service
    owner = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    teacher = await service.browser(Role.TEACHER, CENTRE)
    rows = await service.services.database.read(counts)
    await post(owner, "/practice/begin")
    await post(owner, "/practice/leave")
    assert "Go to it" in await (await owner.get("/practice")).text()
    await post(owner, "/practice/begin")
    number, *_ = await service.services.database.read(of_practice)
    assert (await teacher.get("/practice")).status == 404
    context = Context(None, service.clock(), "test", origin="care")
    assert await practice.wipe_ended(service.services, context) == 0
    service.clock.advance(days=15)
    context = Context(None, service.clock(), "test", origin="care")
    assert await practice.wipe_ended(service.services, context) == 1
    assert await service.services.database.read(counts) == rows

    def ended(session: Session) -> bool:
        role = session.scalars(select(Assignment).where(Assignment.centre_number == number)).one()
        return role.valid_to == service.clock()

    assert await service.services.database.read(ended)
    assert (await owner.get("/readiness", allow_redirects=False)).status in {303, 401}


def kept(service: Service) -> list[str]:
    """Return what lies in the store, but for the published log."""
    return sorted(str(path) for path in objects_of(service.folder) if "audit" not in path.parts)


def other(session: Session, item_id: str) -> str:
    item = session.get_one(SampleItem, item_id)
    query = select(SampleItem.id).where(SampleItem.case_id == item.case_id, SampleItem.id != item_id).limit(1)
    return session.scalars(query).one()


def kinds(session: Session, number: str) -> list[str]:
    from repository.tables import ReceiptRow

    return list(session.scalars(select(ReceiptRow.kind).where(ReceiptRow.centre_number == number)))
