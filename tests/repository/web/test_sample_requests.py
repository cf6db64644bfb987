"""More work, all work, replacements, choices, rules and exemptions over HTTP: who may, what is refused, what is audited."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import select

from moderation.records.cases import view_case
from moderation.records.rules_import import import_rules
from moderation.records.samples import sample_of
from moderation.rule_files import FORMAT
from moderation.tables import Component, RuleAssignment, SampleItem
from repository.access import Role
from repository.tables import AuditEvent
from tests.moderation.records import stage as records
from tests.moderation.records.stage import COMPONENT, NOW, SERIES

from .conftest import Service, csrf
from .uploading import Stage, refused

CENTRE = "99901"
ASSIGN_CHOICE = {"format": FORMAT, "assignments": [{"awarding_body": "01", "profile_id": "oxfordaqa-endorsement"}]}


async def make_case(service: Service, size: int = 40, rules: dict[str, Any] | None = None) -> str:
    def build(session):
        records.make_series(session)
        if rules is not None:
            import_rules(session, "r.json", json.dumps(rules).encode(), actor="o", now=NOW)
        case_id = records.make_centre(session, size, CENTRE)
        records.confirm(session, case_id, [70 - i for i in range(size)])
        if rules is None:
            records.hand_in(session, case_id)
            records.give_to_moderator(session, case_id)
        return case_id

    return await service.write(build)


async def audited(service: Service, action: str) -> list[str]:
    query = select(AuditEvent.outcome).where(AuditEvent.action == action).order_by(AuditEvent.id)
    return list(await service.services.database.read(lambda session: list(session.scalars(query))))


async def post(client: Any, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    answer = await client.post(path, json=body)
    return answer.status, (await answer.json() if answer.content_type.endswith("json") else await answer.text())


async def test_more_and_all_work_by_program(service_on_each: Service) -> None:
    service = service_on_each
    case_id = await make_case(service)
    officer = await service.client(Role.AB_OFFICER)
    path = f"/api/cases/{case_id}/sample/requests"
    shown = await (await officer.get(path)).json()
    assert shown["profile"]["profile_id"] == "ocr-gq-current"
    assert shown["ranked_list"]["as_drawn"] is True
    assert [line["position"] for line in shown["ranked_list"]["lines"]] == list(range(1, 41))
    for body, status in (
        ({"kind": "more_work", "count": 3}, 422),
        ({"kind": "more_work", "reason": "x"}, 422),
        ({"kind": "more_work", "reason": "x", "count": "many"}, 422),
        ({"kind": "more_work", "reason": "x", "candidates": "all"}, 422),
        ({"kind": "more_work", "reason": "x", "candidates": ["nobody"]}, 422),
        ({"kind": "other", "reason": "x"}, 422),
        ({"kind": "all_work", "reason": "x", "version": 1}, 409),
    ):
        assert (await post(officer, path, body))[0] == status, body
    assert await audited(service, "sample.more") == []
    status, made = await post(officer, path, {"kind": "more_work", "count": 3, "reason": "Order unclear"})
    assert (status, len(made["items"])) == (201, 3)
    service.clock.advance(minutes=5)
    status, made = await post(officer, path, {"kind": "all_work", "reason": "No order at all"})
    assert (status, len(made["items"])) == (201, 22)
    assert (await post(officer, path, {"kind": "all_work", "reason": "again"}))[0] == 409
    assert await audited(service, "sample.more") == ["done"]
    assert await audited(service, "sample.all") == ["done"]
    shown = await (await officer.get(path)).json()
    assert [one["kind"] for one in shown["requests"]] == ["more_work", "all_work"]
    assert shown["stage"] == "ALL_WORK"


async def test_a_replacement_by_program(service: Service) -> None:
    case_id = await make_case(service)
    officer = await service.client(Role.AB_OFFICER)
    shown = await (await officer.get(f"/api/cases/{case_id}/sample/requests")).json()
    item = next(line["item_id"] for line in shown["ranked_list"]["lines"] if line["position"] == 9)
    path = f"/api/sample-items/{item}/replace"
    assert (await post(officer, path, {"reason_code": "dog", "note": "x"}))[0] == 422
    assert (await post(officer, path, {"reason_code": "lost", "note": ""}))[0] == 422
    assert (await post(officer, "/api/sample-items/none/replace", {"reason_code": "lost", "note": "x"}))[0] == 404
    status, made = await post(officer, path, {"reason_code": "unreadable", "note": "Blank pages"})
    assert status == 201
    row = await service.services.database.read(lambda session: session.get_one(SampleItem, made["item_id"]))
    assert row.position == 8
    assert (await post(officer, path, {"reason_code": "lost", "note": "x"}))[0] == 409
    assert await audited(service, "sample.replace") == ["done"]


async def test_only_officers_and_allocated_moderators_ask(service: Service) -> None:
    case_id = await make_case(service)
    stranger = await service.client(Role.MODERATOR)
    teacher = await service.client(Role.TEACHER, CENTRE)
    exams_officer = await service.client(Role.EXAMS_OFFICER, CENTRE)
    for client in (stranger, teacher, exams_officer):
        assert (await client.get(f"/api/cases/{case_id}/sample/requests")).status == 404
        assert (await client.get(f"/cases/{case_id}/sample/requests")).status == 404
        body = {"kind": "all_work", "reason": "x"}
        assert (await post(client, f"/api/cases/{case_id}/sample/requests", body))[0] == 404
        assert (await client.get("/rules")).status == 404
        assert (await client.post("/api/rules", data=b"{}")).status == 404
    view = await service.services.database.read(lambda session: view_case(session, case_id))

    def allocate(session):
        records.allocate(
            session,
            person_id=stranger.person_id,
            series_key=view.series_key,
            component_code=view.component_code,
            centre_number=view.centre_number,
        )

    await service.write(allocate)
    status, _ = await post(
        stranger, f"/api/cases/{case_id}/sample/requests", {"kind": "more_work", "count": 1, "reason": "x"}
    )
    assert status == 201


async def test_the_page_shows_where_the_sample_comes_from_and_takes_requests(service: Service) -> None:
    case_id = await make_case(service)
    officer = await service.browser(Role.AB_OFFICER)
    path = f"/cases/{case_id}/sample/requests"
    text = await (await officer.get(path)).text()
    for words in ("Source seen", "The ranked list", "Highest mark", "Unchanged since", "Nothing has been asked for"):
        assert words in text
    token = await csrf(officer, path)
    version = text.partition('name="version" value="')[2].partition('"')[0]
    form = {"csrf_token": token, "version": version}
    for where, fields, field in (
        ("more", {"act": "count", "count": "", "reason": "x"}, "#count"),
        ("more", {"act": "count", "count": "2", "reason": ""}, "#more-reason"),
        ("more", {"act": "named", "reason": ""}, "#named-reason"),
        ("more", {"act": "named", "reason": "x"}, "#ranked"),
        ("more", {"act": "named", "reason": "x", "candidates": "nobody"}, "#ranked"),
        ("all", {"reason": ""}, "#all-reason"),
        ("replace", {"item": "", "reason_code": "lost", "note": "x"}, "#item"),
        ("replace", {"item": "x", "reason_code": "", "note": "x"}, "#reason_code"),
    ):
        answer = await officer.post(f"{path}/{where}", data={**form, **fields}, allow_redirects=False)
        text = await answer.text()
        assert (answer.status, "There is a problem" in text, f'href="{field}"' in text) == (422, True, True), (
            where,
            fields,
        )
        assert f'id="{field[1:]}"' in text, field
    answer = await officer.post(
        f"{path}/more", data={**form, "act": "count", "count": "2", "reason": "Unclear"}, allow_redirects=False
    )
    assert answer.status == 303
    text = await (await officer.get(path)).text()
    assert "2 further works are asked for" in text
    assert "Unclear" in text
    # The page that was open before is out of date now.
    answer = await officer.post(f"{path}/all", data={**form, "reason": "x"}, allow_redirects=False)
    assert answer.status in {409, 422}
    assert "Somebody changed this" in await answer.text()


async def test_a_centre_chooses_where_its_profile_says_so(service: Service) -> None:
    case_id = await make_case(service, 20, ASSIGN_CHOICE)
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    moderator = await service.client(Role.MODERATOR)
    other = await service.client(Role.EXAMS_OFFICER, "99902")
    path = f"/cases/{case_id}/sample/choose"
    assert "Choose the sample" in await (await officer.get(f"/cases/{case_id}")).text()
    text = await (await officer.get(path)).text()
    for words in ("At most 15 of the 20 candidates", "At least 5 of grade Merit", "from each subject entered"):
        assert words in text
    for client in (moderator, other):
        assert (await client.get(f"/api/cases/{case_id}/sample/choice")).status == 404
    token = await csrf(officer, path)
    ids = await service.services.database.read(lambda session: records.candidate_ids(session, CENTRE))
    form = FormData([("csrf_token", token), ("version", "9999"), ("reason", "x"), ("candidates", ids[0])])
    assert (await officer.post(path, data=form, allow_redirects=False)).status in {409, 422}
    version = text.partition('name="version" value="')[2].partition('"')[0]

    def chosen(count: int, reason: str) -> FormData:
        fields = [("csrf_token", token), ("version", version), ("reason", reason)]
        return FormData([*fields, *(("candidates", one) for one in ids[:count])])

    for count, reason in ((16, "All of them"), (0, "None"), (5, "")):
        answer = await officer.post(path, data=chosen(count, reason), allow_redirects=False)
        assert answer.status == 422
        assert "There is a problem" in await answer.text()
    answer = await officer.post(path, data=chosen(12, "Every grade, both teachers"), allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, f"/cases/{case_id}")
    sample = await service.services.database.read(lambda session: sample_of(session, case_id))
    assert (len(sample.items), sample.choice_reason) == (12, "Every grade, both teachers")
    assert "No sample is waiting" in await (await officer.get(path)).text()
    assert "Choose the sample" not in await (await officer.get(f"/cases/{case_id}")).text()
    assert await audited(service, "sample.choose") == ["done"]


async def test_a_moderator_does_not_choose_for_a_centre(service: Service) -> None:
    case_id = await make_case(service, 20, ASSIGN_CHOICE)
    moderator = await service.client(Role.MODERATOR)

    def allocate(session):
        fields = {"series_key": SERIES, "component_code": COMPONENT, "centre_number": CENTRE}
        records.allocate(session, person_id=moderator.person_id, **fields)
        return records.candidate_ids(session, CENTRE)

    ids = await service.write(allocate)
    path = f"/api/cases/{case_id}/sample/choice"
    shown = await (await moderator.get(path)).json()
    assert (shown["waiting"], shown["size"]) == (True, 15)
    status, problem = await post(moderator, path, {"candidates": ids[:3], "reason": "x"})
    assert (status, problem["type"]) == (409, "/problems/not-yours-to-choose")
    officer = await service.client(Role.AB_OFFICER)
    assert (await post(officer, path, {"candidates": ids[:3], "reason": "On behalf of the centre"}))[0] == 204


async def test_rules_are_tried_then_imported(service_on_each: Service) -> None:
    service = service_on_each
    await make_case(service)
    officer = await service.client(Role.AB_OFFICER)
    rules = {"format": FORMAT, "assignments": [{"awarding_body": "01", "family": "A", "profile_id": "cxc-5"}]}
    body = json.dumps(rules).encode()

    async def assignments() -> int:
        query = select(RuleAssignment.id)
        return len(await service.services.database.read(lambda session: session.scalars(query).all()))

    answer = await officer.post("/api/rules?dry_run=1", data=body)
    assert answer.status == 200
    tried = await answer.json()
    assert [move["component"] for move in tried["moves"]] == [COMPONENT]
    assert await assignments() == 0
    assert await audited(service, "rules.import") == []
    answer = await officer.post("/api/rules", data=body)
    assert (answer.status, await answer.json()) == (201, tried)
    assert await assignments() == 1
    assert (await officer.post("/api/rules", data=body)).status == 200
    assert await audited(service, "rules.import") == ["done", "repeated"]
    answer = await officer.post("/api/rules", data=b'{"format": "nea-rules/1",\n"assignments": [{}]}')
    assert answer.status == 422
    (fault,) = (await answer.json())["faults"]
    assert (fault["line"], fault["field"]) == (2, "assignments[0]")
    shown = await (await officer.get("/api/rules")).json()
    (governed,) = [one for one in shown["governing"] if one["component"] == COMPONENT]
    assert (governed["profile_id"], governed["profile_by"]) == ("cxc-5", "awarding body 01, family A")


async def test_the_rules_page_checks_imports_and_lists_faults(service: Service) -> None:
    await make_case(service)
    officer = await service.browser(Role.AB_OFFICER)
    text = await (await officer.get("/rules")).text()
    for words in (
        "Which rule governs which component",
        "ocr-gq-current, version 1",
        "Not verified",
        "No centre is exempt",
    ):
        assert words in text
    token = await csrf(officer, "/rules")
    rules = {"format": FORMAT, "assignments": [{"awarding_body": "01", "profile_id": "common-old"}]}

    async def send(data: bytes | None, act: str) -> tuple[int, str]:
        form = FormData()
        form.add_field("csrf_token", token)
        form.add_field("act", act)
        if data is not None:
            form.add_field("file", data, filename="r.json", content_type="application/json")
        answer = await officer.post("/rules", data=form)
        return answer.status, await answer.text()

    status, text = await send(None, "check")
    assert (status, "Choose a rules file" in text) == (422, True)
    status, text = await send(b"{", "import")
    assert (status, "What is wrong" in text) == (422, True)
    status, text = await send(json.dumps(rules).encode(), "check")
    assert (status, "nothing was kept" in text, "common-old version 1" in text) == (200, True, True)
    status, text = await send(json.dumps(rules).encode(), "import")
    assert (status, "The rules were taken in" in text) == (200, True)
    status, text = await send(json.dumps(rules).encode(), "import")
    assert (status, "known already" in text) == (200, True)


async def test_exemptions_are_granted_and_ended(service: Service) -> None:
    await make_case(service)
    officer = await service.browser(Role.AB_OFFICER)
    token = await csrf(officer, "/rules")
    right = {
        "csrf_token": token,
        "awarding_body": "01",
        "centre_number": CENTRE,
        "component_code": "",
        "family": "a",
        "expires_on": "2027-08-31",
        "reason": "Accredited",
    }
    for name, value in (
        ("awarding_body", "x"),
        ("awarding_body", "1"),
        ("centre_number", "11111"),
        ("family", ""),
        ("expires_on", "soon"),
        ("expires_on", "2020-01-01"),
        ("reason", ""),
    ):
        answer = await officer.post("/rules/exemptions", data={**right, name: value}, allow_redirects=False)
        assert answer.status == 422, (name, value)
        assert "There is a problem" in await answer.text()
    answer = await officer.post("/rules/exemptions", data=right, allow_redirects=False)
    assert answer.status == 303
    text = await (await officer.get("/rules")).text()
    assert "In force" in text
    exemption = text.partition("/rules/exemptions/")[2].partition("/end")[0]
    answer = await officer.post(f"/rules/exemptions/{exemption}/end", data={"csrf_token": token}, allow_redirects=False)
    assert answer.status == 303
    assert "Ended" in await (await officer.get("/rules")).text()
    assert (await officer.post("/rules/exemptions/none/end", data={"csrf_token": token})).status == 404
    assert await audited(service, "exemption.grant") == ["done"]
    assert await audited(service, "exemption.end") == ["done"]
    program = await service.client(Role.AB_OFFICER)
    made = {key: value for key, value in right.items() if key != "csrf_token"}
    status, body = await post(program, "/api/exemptions", made)
    assert (status, body["family"]) == (201, "A")
    assert (await program.post(f"/api/exemptions/{body['id']}/end")).status == 204


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{" * 1000, b'{"format": "nea-rules/1", "profiles": [null]}'])
async def test_bad_rules_are_a_named_refusal(service: Service, body: bytes) -> None:
    officer = await service.client(Role.AB_OFFICER)
    answer = await officer.post("/api/rules", data=body)
    assert answer.status == 422
    assert (await answer.json())["faults"]
    assert await service.services.database.read(lambda session: session.scalars(select(Component.title)).all()) == []


async def test_an_officer_gives_a_component_a_profile_of_its_own(service: Service) -> None:
    await make_case(service)
    officer = await service.browser(Role.AB_OFFICER)
    path = f"/series/{SERIES}/component?code=X446%2F03"
    assert "Governing now: ocr-gq-current, version 1" in await (await officer.get(path)).text()
    form = {"csrf_token": await csrf(officer, path), "mode": "UPLOAD", "tolerance": "4"}

    async def own() -> str | None:
        return await service.services.database.read(
            lambda session: session.get_one(Component, (SERIES, COMPONENT)).sample_profile_id
        )

    for name, status, kept in (
        ("cxc-5", 303, "cxc-5"),
        ("ncfe-staged", 422, "cxc-5"),
        ("no-such-profile", 422, "cxc-5"),
        ("", 303, None),
    ):
        answer = await officer.post(path, data={**form, "sample_profile": name}, allow_redirects=False)
        assert (answer.status, await own()) == (status, kept), name


async def test_components_as_csv_may_name_a_profile_that_was_imported(service: Service) -> None:
    await make_case(service)
    officer = await service.client(Role.AB_OFFICER)
    profile = {
        "profile_id": "ours",
        "version": 1,
        "title": "Ours",
        "bands": [{"first": 1, "last": None, "size": 1}],
        "basis": "eligible",
        "sub_sample_size": 1,
        "picked_by": "system",
        "all_work_outcome": "fit",
        "source": "project policy",
        "verified": False,
    }

    async def send() -> int:
        form = FormData()
        rows = b"series,component,submission_mode,tolerance_marks,weighted_maximum,sample_profile\r\n01-6A26,X446/03,,,,ours\r\n"
        form.add_field("files", rows, filename="components.csv", content_type="text/csv")
        return (await officer.post("/api/imports/components", data=form)).status

    assert await send() == 422
    rules = {"format": FORMAT, "profiles": [profile]}
    assert (await officer.post("/api/rules", data=json.dumps(rules).encode())).status == 201
    assert await send() in {200, 201}


async def test_a_replaced_work_is_shown_and_takes_no_more_files(stage: Stage) -> None:
    officer = await stage.service.client(Role.AB_OFFICER)
    item = stage.items[0]
    status, _ = await post(officer, f"/api/sample-items/{item}/replace", {"reason_code": "lost", "note": "Flood"})
    assert status == 201
    await refused(await stage.post(), 409, "slot-closed")
    exams_officer = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    text = await (await exams_officer.get(f"/cases/{stage.case_id}/sample")).text()
    assert "Taken out of the sample (work lost); nobody is left to take the place" in text
    assert "is there after all" not in text
    answer = await exams_officer.post(
        f"/sample-items/{item}/no-work",
        data={"csrf_token": await csrf(exams_officer), "act": "found"},
        allow_redirects=False,
    )
    assert answer.status < 500
    row = await stage.service.services.database.read(lambda session: session.get_one(SampleItem, item))
    assert row.no_work_reason.startswith("Taken out")
