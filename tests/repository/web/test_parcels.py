"""Parcels over real HTTP: opened work by work by the moderator, read by the centre, sent again; and work that is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from moderation.records.postal import despatch_consignment
from moderation.records.samples import sample_of
from moderation.tables import Allocation
from repository.access import Role
from tests.moderation.records.stage import COMPONENT, SERIES, confirm, make_centre, make_series

from .conftest import Service, csrf

CENTRE = "99901"
Browser = TestClient[Any, Any]


@dataclass
class Posted:
    """A posted sample of three, on its way, with its exams officer and its moderator."""

    service: Service
    case_id: str
    items: list[str]
    parcel_id: str
    officer: Browser
    moderator: Browser


@pytest.fixture
async def posted(service: Service) -> Posted:
    moderator = await service.browser(Role.MODERATOR)
    person: str = moderator.person_id  # type: ignore[attr-defined]

    def build(session):  # type: ignore[no-untyped-def]
        make_series(session, "POSTAL")
        case_id = make_centre(session, 3, CENTRE, mode="POSTAL")
        confirm(session, case_id, [60, 50, 40])
        items = [item.item_id for item in sample_of(session, case_id).items]
        session.add(
            Allocation(
                person_id=person, series_key=SERIES, component_code=COMPONENT, centre_number=CENTRE, act="moderate"
            )
        )
        parcel = despatch_consignment(
            session, case_id, proof_of_posting_number="P1", contents=items, actor="officer", now=service.clock()
        )
        return case_id, items, parcel.consignment_id

    case_id, items, parcel_id = await service.write(build)
    return Posted(service, case_id, items, parcel_id, await service.browser(Role.EXAMS_OFFICER, CENTRE), moderator)


async def test_a_parcel_is_opened_on_the_desk_and_what_is_wrong_is_sent_again(posted: Posted) -> None:
    one, two, three = posted.items
    desk = f"/marking/{posted.case_id}"
    found = {f"finding-{one}": "RECEIVED", f"finding-{two}": "MISLABELLED", f"finding-{three}": "MISSING"}
    form = {"csrf_token": await csrf(posted.moderator, desk), **found}
    receive = f"/consignments/{posted.parcel_id}/receive"
    answer = await posted.moderator.post(receive, data=form)
    assert (answer.status, "needs a note" in await answer.text()) == (422, True)
    answer = await posted.moderator.post(receive, data={**form, f"finding-{one}": "EATEN"})
    assert answer.status == 422
    answer = await posted.moderator.post(receive, data={"csrf_token": form["csrf_token"], f"finding-{one}": "RECEIVED"})
    assert (answer.status, "every work on the contents list" in await answer.text()) == (422, True)
    answer = await posted.moderator.post(receive, data={**form, f"note-{two}": "Two labels"}, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    answer = await posted.moderator.post(receive, data={**form, f"note-{two}": "Two labels"})
    assert answer.status == 409

    path = f"/cases/{posted.case_id}/post"
    text = await (await posted.officer.get(path)).text()
    assert "Mislabelled: cannot tell whose it is. Two labels" in text
    assert f'value="{two}"' in text
    assert f'value="{one}"' not in text  # what is here is not asked for again
    assert "Answer the moderator" in await (await posted.officer.get("/")).text()
    again = {"csrf_token": await csrf(posted.officer, path), "items": [two, three], "proof_of_posting_number": "P2"}
    assert (await posted.officer.post(path, data=again, allow_redirects=False)).status == 303
    assert "In the post" in await (await posted.officer.get(path)).text()
    assert "Parcel P2" in await (await posted.moderator.get(desk)).text()


async def test_a_parcel_that_does_not_arrive_is_overdue_for_both_sides(posted: Posted) -> None:
    posted.service.clock.now += timedelta(days=10)
    officer = await posted.service.browser(Role.EXAMS_OFFICER, CENTRE)
    text = await (await officer.get(f"/cases/{posted.case_id}/post")).text()
    assert "overdue" in text
    body = await posted.service.browser(Role.AB_OFFICER)
    text = await (await body.get("/outstanding")).text()
    assert '<dt class="app-figures__label">parcels overdue</dt><dd class="app-figures__value">1</dd>' in text


async def test_missing_work_is_explained_on_the_page_of_the_sample(posted: Posted) -> None:
    path = f"/cases/{posted.case_id}/sample"
    one = posted.items[0]
    form = {"csrf_token": await csrf(posted.officer, path)}
    refused = await posted.officer.post(f"/sample-items/{one}/no-work", data=form)
    text = await refused.text()
    assert (refused.status, "There is a problem" in text, f'href="#code-{one}"' in text) == (422, True, True)
    refused = await posted.officer.post(f"/sample-items/{one}/no-work", data={**form, "code": "LOST"})
    assert (refused.status, "Say how the work was lost" in await refused.text()) == (422, True)
    lost = {**form, "code": "LOST", "loss": "IN_POST", "note": "Claim 7"}
    answer = await posted.officer.post(f"/sample-items/{one}/no-work", data=lost, allow_redirects=False)
    assert answer.status == 303
    text = await (await posted.officer.get(path)).text()
    assert "Lost through no fault of the candidate: in the post. Claim 7" in text
    back = await posted.officer.post(
        f"/sample-items/{one}/no-work", data={**form, "act": "found"}, allow_redirects=False
    )
    assert back.status == 303
    assert "Claim 7" not in await (await posted.officer.get(path)).text()
    stranger = await posted.service.browser(Role.EXAMS_OFFICER, "99902")
    theirs = {**lost, "csrf_token": await csrf(stranger)}
    assert (await stranger.post(f"/sample-items/{one}/no-work", data=theirs)).status == 404
