"""No page or answer of a case that is read blind says whose work it is."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from moderation.records.checks import open_check
from moderation.records.marking import allocate, record_moderator_mark, stage_of
from moderation.records.samples import sample_of
from moderation.records.teams import set_principal, set_team
from moderation.tables import Candidate, Component
from repository.access import POLICY, Action, Role, Scope
from repository.blinding import BLIND_ROLES
from repository.web.routes import ROUTES
from tests.moderation.records.stage import COMPONENT, SERIES, hand_in

from ..files import pdf
from .conftest import Client
from .uploading import CENTRE, Stage

NAMES = ("ZYXWIDGET", "QUOKKAFORENAME")
FILE_NAME = "7001_zyxwidget_quokka.pdf"
SECRETS = re.compile(r"(?<![-\w])70\d\d(?![-\w])|zyxwidget|quokka", re.IGNORECASE)


async def blind_case(stage: Stage) -> tuple[dict[str, Client], dict[str, str]]:
    """A blind case whose works are read and checked, with everybody who looks at it, and what URLs name."""
    service = stage.service

    def name(session: Session) -> None:
        for index, row in enumerate(session.query(Candidate).order_by(Candidate.candidate_number)):
            row.candidate_number, row.surname, row.forenames = f"{7001 + index}", NAMES[0], NAMES[1]
        session.execute(update(Component).where(Component.component_code == COMPONENT).values(read_blind=True))

    await service.write(name)
    data = pdf()
    made = await stage.create(len(data), data, filename=FILE_NAME)
    assert (await stage.document(made))["state"] == "released"
    people = {role.value: await service.client(role) for role in BLIND_ROLES}
    ids = {role: client.person_id for role, client in people.items()}

    def mark(session: Session) -> dict[str, str]:
        hand_in(session, stage.case_id)
        place = {"series_key": SERIES, "component_code": COMPONENT}
        allocate(session, person_id=ids["moderator"], centre_number=CENTRE, **place)
        set_team(session, leader_id=ids["team_leader"], member_ids=[ids["moderator"]], **place)
        set_principal(session, person_id=ids["principal_moderator"], **place)
        given = {item.item_id: item.centre_mark - 6 for item in sample_of(session, stage.case_id).items}
        while unread := stage_of(session, stage.case_id).unread:
            for item_id in unread:
                record_moderator_mark(
                    session, item_id, mark=given[item_id], moderator=ids["moderator"], now=service.clock.now
                )
        check = open_check(
            session, stage.case_id, checker=ids["team_leader"], is_principal=False, now=service.clock.now
        )
        return {"check_id": check.check_id}

    things = await service.write(mark)
    things |= {
        "case_id": stage.case_id,
        "item_id": stage.items[0],
        "document_id": made["Location"].rpartition("/")[2],
        "series_key": SERIES,
    }
    return people, things


def reading_routes(role: Role) -> list[str]:
    """Every URL of the application that this role may read."""
    found = []
    for route in ROUTES:
        scope = POLICY.get(route.action, {}).get(role)
        public = route.action is Action.PUBLIC
        if route.method == "GET" and not public and scope is not None and scope is not Scope.ALL:
            found.append(route.path)
    return found


@pytest.mark.fault("att:H12")
async def test_no_page_or_answer_of_a_blind_case_says_whose_work_it_is(stage: Stage) -> None:
    people, things = await blind_case(stage)
    told: list[str] = []
    read = 0
    for role, client in people.items():
        for path in reading_routes(Role(role)):
            names = set(re.findall(r"\{(\w+)(?::[^}]*)?\}", path))
            if names <= set(things) and not path.startswith("/content/"):
                path = re.sub(r"\{(\w+)(?::[^}]*)?\}", lambda match: things[match[1]], path)
                answer = await client.get(path, allow_redirects=False)
                text = await answer.text(errors="replace") + str(answer.headers)
                assert answer.status < 500, f"{role} {path}: {text[:500]}"
                read += answer.status == 200
                told += [
                    f"{role} {path}: …{text[max(0, m.start() - 80) : m.end() + 40]}…" for m in SECRETS.finditer(text)
                ]
    assert read > 20
    assert not told, "\n".join(told[:20])


async def test_the_same_pages_do_say_it_where_the_component_is_not_read_blind(stage: Stage) -> None:
    """What the test above looks for is there to be found."""
    people, things = await blind_case(stage)

    def open_eyes(session: Session) -> None:
        session.execute(update(Component).values(read_blind=False))

    await stage.service.write(open_eyes)
    for path in (f"/marking/{things['case_id']}", f"/api/cases/{things['case_id']}/marks"):
        assert SECRETS.search(await (await people["moderator"].get(path)).text()), path


@pytest.mark.fault("att:H12")
async def test_a_moderator_reports_by_code_and_an_officer_reads_the_number(stage: Stage) -> None:
    people, things = await blind_case(stage)
    page = await (await people["moderator"].get(f"/cases/{things['case_id']}/suspicion")).text()
    codes = re.findall(r'value="([B-Z][2-9][B-Z][2-9][B-Z][2-9])"', page)
    assert len(set(codes)) == 6
    body = {"candidate_number": codes[0], "statement": "The same text twice."}
    answer = await people["moderator"].post(f"/api/cases/{things['case_id']}/suspicions", json=body)
    assert answer.status == 201, await answer.text()
    assert not SECRETS.search(await answer.text())
    officer = await stage.service.client(Role.AB_OFFICER)
    assert re.search(r"\b70\d\d\b", await (await officer.get(f"/api/cases/{things['case_id']}/holds")).text())
