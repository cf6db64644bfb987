"""Conflicts of interest over HTTP: what is declared denies from the next request, and whoever is barred is shown why."""

from __future__ import annotations

import pytest

from moderation.records import teams
from moderation.records.samples import submit_sample
from moderation.tables import Allocation
from repository.access import Role
from tests.moderation.records.stage import COMPONENT, SERIES

from .conftest import csrf
from .uploading import CENTRE, Stage

PLACE = {"series": SERIES, "component": COMPONENT, "centre_number": CENTRE}


async def hand_in(stage: Stage) -> None:
    def work(session):
        submit_sample(session, stage.case_id, items_with_work=stage.items, actor="x", now=stage.service.clock())

    await stage.service.write(work)


@pytest.mark.fault("att:H11")
async def test_sf04_a_tie_takes_every_sight_of_the_centre_within_one_request(stage_on_each: Stage) -> None:
    stage = stage_on_each
    await hand_in(stage)
    officer = await stage.service.client(Role.AB_OFFICER)
    moderator = await stage.service.client(Role.MODERATOR)
    given = await officer.post("/api/allocations", json={**PLACE, "person_id": moderator.person_id})
    assert given.status == 201, await given.text()
    seen = [
        f"/api/cases/{stage.case_id}",
        f"/api/cases/{stage.case_id}/sample",
        f"/api/cases/{stage.case_id}/marks",
        f"/api/cases/{stage.case_id}/marking",
        f"/api/cases/{stage.case_id}/outcome",
    ]
    assert [(await moderator.get(path)).status for path in seen] == [200] * len(seen)
    assert len((await (await moderator.get("/api/worklist")).json())["cases"]) == 1

    declared = await moderator.post("/api/conflicts", json={"centre_number": CENTRE, "kind": "TAUGHT"})
    assert declared.status == 201, await declared.text()
    assert [(await moderator.get(path)).status for path in seen] == [404] * len(seen)
    assert (await (await moderator.get("/api/worklist")).json())["cases"] == []
    assert (await (await moderator.get("/api/cases")).json())["cases"] == []
    mark = await moderator.put(f"/api/sample-items/{stage.items[0]}/moderator-mark", json={"mark": 50})
    assert mark.status == 404

    again = await officer.post("/api/allocations", json={**PLACE, "person_id": moderator.person_id})
    problem = await again.json()
    assert (again.status, problem["type"]) == (409, "/problems/not-independent")
    assert problem["reasons"] == [
        {"code": "conflict", "detail": "Declared: teaches or taught there, since 15 May 2026."}
    ]


@pytest.mark.parametrize("role", [Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR])
@pytest.mark.fault("att:H11")
async def test_sf04_who_watches_over_moderators_is_denied_as_well(stage: Stage, role: Role) -> None:
    officer, moderator = await stage.service.client(Role.AB_OFFICER), await stage.service.client(Role.MODERATOR)
    watcher = await stage.service.browser(role)
    await officer.post("/api/allocations", json={**PLACE, "person_id": moderator.person_id})

    def put_above(session):
        place = {"series_key": SERIES, "component_code": COMPONENT}
        teams.set_team(session, **place, leader_id=watcher.person_id, member_ids=[moderator.person_id])
        teams.set_principal(session, **place, person_id=watcher.person_id)

    await stage.service.write(put_above)
    case = f"/api/cases/{stage.case_id}"
    assert (await watcher.get(case)).status == 200
    assert CENTRE in await (await watcher.get("/checks")).text()
    assert len((await (await watcher.get("/api/cases")).json())["cases"]) == 1
    form = {"csrf_token": await csrf(watcher), "centre_number": CENTRE, "kind": "RELATED"}
    assert (await watcher.post("/conflicts", data=form, allow_redirects=False)).status == 303
    await watcher.get("/conflicts")  # takes the notice that names the centre
    assert (await watcher.get(case)).status == 404
    assert CENTRE not in await (await watcher.get("/checks")).text()
    assert (await (await watcher.get("/api/cases")).json())["cases"] == []
    assert CENTRE not in await (await watcher.get("/")).text()


async def test_only_a_second_person_ends_it(stage: Stage) -> None:
    officer, other = await stage.service.client(Role.AB_OFFICER), await stage.service.client(Role.AB_OFFICER)
    moderator = await stage.service.client(Role.MODERATOR)
    body = {"centre_number": CENTRE, "kind": "RELATED", "person_id": moderator.person_id}
    made = (await (await officer.post("/api/conflicts", json=body)).json())["id"]
    path = f"/api/conflicts/{made}/end"
    assert (await moderator.post(path, json={"reason": "Left"})).status == 404
    refused = await officer.post(path, json={"reason": "Left"})
    assert (refused.status, (await refused.json())["type"]) == (409, "/problems/same-person")
    assert (await other.post(path, json={"reason": ""})).status == 422
    assert (await other.post(path, json={"reason": "Left"})).status == 200
    assert (await other.post(path, json={"reason": "Left"})).status == 409
    assert (await other.post("/api/conflicts/none/end", json={"reason": "Left"})).status == 404
    lines = (await (await officer.get("/api/conflicts")).json())["conflicts"]
    (line,) = [one for one in lines if one["id"] == made]
    (automatic,) = [one for one in lines if one["origin"] == "AUTOMATIC"]  # the teacher's own
    assert (await other.post(f"/api/conflicts/{automatic['id']}/end", json={"reason": "Left"})).status == 409
    assert (line["in_force"], line["end_reason"]) == (False, "Left")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"centre_number": "1", "kind": "TAUGHT"}, 422, "centre_number"),
        ({"centre_number": CENTRE, "kind": "FRIEND"}, 422, "kind"),
        ({"centre_number": CENTRE, "kind": "OTHER"}, 422, "note"),
        (
            {"centre_number": CENTRE, "kind": "RELATED", "candidate_number": "9999", "series": SERIES},
            422,
            "candidate_number",
        ),
        ({"centre_number": CENTRE, "kind": "RELATED", "note": "\x00"}, 422, "note"),
        ({"centre_number": ["x"], "kind": "RELATED"}, 422, "centre_number"),
    ],
)
async def test_a_bad_declaration_is_named(stage: Stage, body: dict[str, object], status: int, field: str) -> None:
    moderator = await stage.service.client(Role.MODERATOR)
    answer = await moderator.post("/api/conflicts", json=body)
    problem = await answer.json()
    assert (answer.status, problem["field"]) == (status, field)


async def test_nobody_declares_for_somebody_else_but_officers(stage: Stage) -> None:
    one, other = await stage.service.client(Role.MODERATOR), await stage.service.client(Role.MODERATOR)
    body = {"centre_number": CENTRE, "kind": "TAUGHT", "person_id": other.person_id}
    assert (await one.post("/api/conflicts", json=body)).status == 404
    assert (await (await other.get("/api/conflicts")).json())["conflicts"] == []
    assert (await stage.teacher.get("/api/conflicts")).status == 404


@pytest.mark.fault("att:H11")
async def test_who_cannot_be_chosen_is_shown_with_the_reason(stage: Stage) -> None:
    free = (await stage.service.client(Role.MODERATOR)).person_id
    tied = await stage.service.client(Role.MODERATOR)
    await tied.post("/api/conflicts", json={"centre_number": CENTRE, "kind": "EMPLOYED"})
    officer = await stage.service.browser(Role.AB_OFFICER)
    page = f"/cases/{stage.case_id}/allocation"
    text = await (await officer.get(page)).text()
    assert "Cannot be chosen. Declared: works or worked there" in text
    assert f'value="{tied.person_id}" disabled' in text
    assert f'value="{free}" disabled' not in text
    form = {"csrf_token": await csrf(officer), "act": "MODERATE"}
    refused = await officer.post(page, data={**form, "person_id": tied.person_id})
    assert refused.status == 422
    assert "This person cannot be chosen" in await refused.text()
    assert (await officer.post(page, data=form)).status == 422
    assert (await officer.post(page, data={**form, "act": "BRIBE", "person_id": free})).status == 422
    done = await officer.post(page, data={**form, "act": "REVIEW", "person_id": free}, allow_redirects=False)
    assert done.status == 303
    assert "To review the moderation" in await (await officer.get(page)).text()

    # The list for many at once refuses all of it, with the reason beside the choice.
    many = {"csrf_token": await csrf(officer), "series": SERIES, "cases": stage.case_id, "person_id": tied.person_id}
    refused = await officer.post("/allocations", data=many)
    assert refused.status == 422
    assert "works or worked there" in await refused.text()


async def test_who_watches_over_moderators_may_review_but_not_moderate(stage: Stage) -> None:
    officer = await stage.service.client(Role.AB_OFFICER)
    body = {**PLACE, "person_id": (await stage.service.client(Role.TEAM_LEADER)).person_id}
    assert (await officer.post("/api/allocations", json=body)).status == 422
    assert (await officer.post("/api/allocations", json={**body, "act": "REVIEW"})).status == 201


async def test_an_unknown_act_or_place_is_refused(stage: Stage) -> None:
    officer = await stage.service.client(Role.AB_OFFICER)
    moderator = (await stage.service.client(Role.MODERATOR)).person_id
    bad = await officer.post("/api/allocations", json={**PLACE, "person_id": moderator, "act": "BRIBE"})
    assert (bad.status, (await bad.json())["field"]) == (422, "act")
    elsewhere = await officer.post(
        "/api/allocations", json={**PLACE, "person_id": moderator, "centre_number": "99999", "act": "REVIEW"}
    )
    assert elsewhere.status == 404


@pytest.mark.fault("att:H11")
async def test_two_accounts_of_one_person_count_as_one(stage_on_each: Stage) -> None:
    stage = stage_on_each
    officer = await stage.service.client(Role.AB_OFFICER)
    one, other = await stage.service.client(Role.MODERATOR), await stage.service.client(Role.MODERATOR)
    ids = {"person_id": one.person_id, "other_id": other.person_id}
    await officer.post("/api/allocations", json={**PLACE, "person_id": ids["other_id"]})
    await one.post("/api/conflicts", json={"centre_number": CENTRE, "kind": "TAUGHT"})
    assert (await other.get(f"/api/cases/{stage.case_id}")).status == 200
    assert (await one.post("/api/accounts/merge", json={**ids, "reason": "x"})).status == 404
    merged = await officer.post("/api/accounts/merge", json={**ids, "reason": "Same date of birth"})
    assert (merged.status, await merged.json()) == (200, {"ended_allocations": 1})
    assert (await other.get(f"/api/cases/{stage.case_id}")).status == 404
    own = {"person_id": officer.person_id, "other_id": one.person_id, "reason": "x"}
    assert (await officer.post("/api/accounts/merge", json=own)).status == 409
    same = {"person_id": ids["person_id"], "other_id": ids["person_id"], "reason": "x"}
    assert (await officer.post("/api/accounts/merge", json=same)).status == 422
    unknown = {"person_id": ids["person_id"], "other_id": "nobody", "reason": "x"}
    assert (await officer.post("/api/accounts/merge", json=unknown)).status == 422


async def test_the_proof_of_a_series_is_read_by_officers(stage: Stage) -> None:
    officer, moderator = await stage.service.client(Role.AB_OFFICER), await stage.service.client(Role.MODERATOR)
    await officer.post("/api/allocations", json={**PLACE, "person_id": moderator.person_id})
    path = f"/api/series/{SERIES}/independence"
    assert (await moderator.get(path)).status == 404
    found = await (await officer.get(path)).json()
    assert (found["total"], found["failed"], found["proofs"][0]["verdict"]) == (1, 0, "CLEAR")
    assert (await officer.get("/api/series/none/independence")).status == 404
    browser = await stage.service.browser(Role.AB_OFFICER)
    text = await (await browser.get(f"/series/{SERIES}/independence")).text()
    assert "Proof of independence" in text
    assert "To moderate" in text


async def test_forms_of_the_register(stage: Stage) -> None:
    moderator = await stage.service.browser(Role.MODERATOR)
    text = await (await moderator.get("/conflicts")).text()
    assert "you have declared no conflict of interest" in text
    form = {"csrf_token": await csrf(moderator)}
    empty = await moderator.post("/conflicts", data=form)
    assert empty.status == 422
    assert 'href="#centre_number"' in await empty.text()
    good = {
        **form,
        "centre_number": CENTRE,
        "kind": "OTHER",
        "note": "Governor",
        "candidate_number": "1001",
        "series": SERIES,
    }
    assert (await moderator.post("/conflicts", data=good, allow_redirects=False)).status == 303
    assert "candidate 1001" in await (await moderator.get("/conflicts")).text()

    officer = await stage.service.browser(Role.AB_OFFICER)
    text = await (await officer.get("/conflicts")).text()
    made = text.partition("/conflicts/")[2].partition("/end")[0].rpartition("/conflicts/")[2][-36:]
    form = {"csrf_token": await csrf(officer)}
    bad = await officer.post(f"/conflicts/{made}/end", data=form)
    assert bad.status == 422
    assert f'href="#reason-{made}"' in await bad.text()
    done = await officer.post(
        f"/conflicts/{made}/end", data={**form, "reason": "No governor any more"}, allow_redirects=False
    )
    assert done.status == 303
    merging = {**form, "merge_person_id": moderator.person_id, "other_id": "", "merge_reason": "x"}
    wrong = await officer.post("/conflicts/accounts", data=merging)
    assert wrong.status == 422
    assert 'href="#other_id"' in await wrong.text()
    other = (await stage.service.client(Role.MODERATOR)).person_id
    done = await officer.post("/conflicts/accounts", data={**merging, "other_id": other}, allow_redirects=False)
    assert done.status == 303


async def test_the_guard_speaks_where_nobody_asked_before(stage: Stage) -> None:
    """Code that forgets the rule is refused by the database, as a fact and not as a 500."""
    officer, moderator = await stage.service.client(Role.AB_OFFICER), await stage.service.client(Role.MODERATOR)
    await moderator.post("/api/conflicts", json={"centre_number": CENTRE, "kind": "TAUGHT"})

    def forgetful(session):
        session.add(
            Allocation(
                person_id=moderator.person_id,
                series_key=SERIES,
                component_code=COMPONENT,
                centre_number=CENTRE,
                act="MODERATE",
            )
        )

    from moderation.errors import NotIndependent

    with pytest.raises(NotIndependent):
        await stage.service.write(forgetful)
    assert (await officer.get(f"/api/series/{SERIES}/independence")).status == 200
