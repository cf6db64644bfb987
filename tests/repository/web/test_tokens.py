"""Tokens of school systems: what they open, what they never open, and how soon they stop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import event, select, update

from repository.access import Action, Role
from repository.mail.records import set_sent_here
from repository.mail.tables import MailMessage
from repository.sign_in import token_format
from repository.sign_in.key_tables import ApiToken, Integration
from repository.sign_in.tables import Account
from repository.sign_in.token_format import GRANTS, Grant
from repository.tables import Assignment, AuditEvent
from repository.web.routes import ROUTES

from .conftest import Client, Service, StartService, csrf
from .signing_in import make_person, signed_in
from .uploading import CENTRE, Stage, make_stage

TOKEN = re.compile(r"sdr_test_[0-9a-z]{12}_[0-9A-Za-z]{43}_[0-9a-f]{8}")
EVERY = tuple(Grant)


async def made(
    officer: Client, granted: Iterable[Grant] = EVERY, *, at: str = "/tokens", status: int = 200, **more: str
) -> str:
    """Make a token on the page; returns it, or the page that refused."""
    fields = [("csrf_token", await csrf(officer)), *(("grants", str(one)) for one in granted)]
    asked = {"name": "Exams office", "days": "365", "network": "", **more}
    answer = await officer.post(at, data=[*fields, *asked.items()], allow_redirects=False)
    text = await answer.text()
    assert answer.status == status, text
    if status != 200:
        return text
    (found,) = set(TOKEN.findall(text))
    return str(found)


async def system(service: Service, token: str) -> Client:
    """A school's system: a program that sends a token."""
    client = await service.anonymous()
    client.session.headers["Authorization"] = f"Bearer {token}"
    return client


def token_id(token: str) -> str:
    return token.split("_")[2]


async def post(officer: Client, path: str) -> int:
    answer = await officer.post(path, data={"csrf_token": await csrf(officer)}, allow_redirects=False)
    return answer.status


async def rows(service: Service, of: Any) -> list[Any]:
    return await service.services.database.read(lambda s: list(s.scalars(select(of))))


async def test_a_token_is_shown_once_and_kept_as_a_hash(service_on_each: Service) -> None:
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    token = await made(officer, [Grant.ENTRIES])
    page = await (await officer.get("/tokens")).text()
    assert token not in page
    assert token_id(token) in page
    assert "Exams office" in page
    (row,) = await rows(service_on_each, ApiToken)
    assert row.id == token_id(token)
    assert all(token.split("_")[3] not in str(value) for value in vars(row).values())


async def test_every_route_is_closed_to_tokens_but_the_listed_actions(stage_on_each: Stage) -> None:
    stage = stage_on_each
    officer = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    client = await system(stage.service, await made(officer))
    allowed = frozenset[Action]().union(*GRANTS.values())
    named = {"case_id": stage.case_id, "item_id": stage.items[0]}
    opened = set()
    for route in ROUTES:
        path = re.sub(r"\{(\w+)[^}]*\}", lambda match: named.get(match[1], "nothing"), route.path)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD") if route.method == "*" else (route.method,):
            headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
            answer = await client.request(method, path, headers=headers, allow_redirects=False)
            assert not answer.cookies, path
            if answer.status not in {403, 404}:
                opened.add((route.action, route.path.split("/")[1]))
                assert answer.status < 500, (path, await answer.text())
    assert {action for action, _ in opened} - {Action.PUBLIC} <= allowed
    assert {top for _, top in opened} == {"api", "uploads"}
    assert {path for action, path in opened if action is Action.PUBLIC} <= {"uploads"}  # OPTIONS, which tells nothing
    assert {Action.SERIES_READ, Action.CASE_READ, Action.MARKS_READ, Action.SAMPLE_READ} < {one for one, _ in opened}


@pytest.mark.parametrize("grant", EVERY)
async def test_each_grant_opens_its_own_actions_only(stage: Stage, grant: Grant) -> None:
    officer = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    client = await system(stage.service, await made(officer, [grant]))
    asked = {
        Action.ENTRIES_IMPORT: ("GET", "/api/imports/waiting"),
        Action.MARKS_IMPORT: ("POST", "/api/imports/marks"),
        Action.CASE_READ: ("GET", f"/api/cases/{stage.case_id}"),
        Action.MARKS_READ: ("GET", f"/api/cases/{stage.case_id}/marks"),
        Action.SAMPLE_READ: ("GET", f"/api/cases/{stage.case_id}/sample"),
        Action.UPLOAD_CREATE: ("POST", "/uploads"),
        Action.SERIES_READ: ("GET", "/api/series"),
    }
    for action, (method, path) in asked.items():
        answer = await client.request(method, path)
        assert (answer.status == 404) is (action not in GRANTS[grant]), (grant, path, answer.status)


async def test_a_system_sends_work_and_reads_how_it_stands_but_never_what_is_in_it(service_on_each: Service) -> None:
    stage = await make_stage(service_on_each)
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    stage.teacher = await system(service_on_each, await made(officer, [Grant.UPLOADS]))
    upload = await stage.create(10, b"12345")
    assert await stage.patch(upload, 5, b"67890") == (204, "10")
    document = await stage.document(upload)
    assert document["size_bytes"] == 10
    for path in ("", "/content", "/pages/1"):
        assert (await stage.teacher.get(f"/documents/{document['id']}{path}")).status == 404
    assert (await stage.teacher.delete(f"/api/documents/{document['id']}")).status == 404
    person = (await rows(service_on_each, Integration))[0].person_id
    events = [one for one in await rows(service_on_each, AuditEvent) if one.object_kind == "upload"]
    assert events
    assert {one.person_id for one in events} == {person}


@pytest.mark.fault("att:D14", "att:E09")
async def test_sf_07_a_revoked_token_stops_at_once_and_so_does_what_it_was_sending(service_on_each: Service) -> None:
    stage = await make_stage(service_on_each)
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    token, kept = await made(officer), ""
    stage.teacher = await system(service_on_each, token)
    upload = await stage.create(10, b"12345")
    (integration,) = await rows(service_on_each, Integration)
    kept = await made(officer, at=f"/integrations/{integration.id}/tokens")
    assert await post(officer, f"/tokens/{token_id(token)}/revoke") == 303
    assert (await stage.teacher.get("/api/series")).status == 401
    stage.teacher = await service_on_each.anonymous()
    assert (await stage.patch(upload, 5, b"67890"))[0] == 404
    stage.teacher = await system(service_on_each, kept)
    assert (await stage.patch(upload, 5, b"67890"))[0] == 404
    assert (await stage.teacher.get("/api/series")).status == 200
    assert await post(officer, f"/tokens/{token_id(token)}/revoke") == 404


async def test_sf_07_a_token_that_is_over_is_refused_to_the_second(service_on_each: Service) -> None:
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    client = await system(service_on_each, await made(officer, days="2"))
    service_on_each.clock.advance(days=2, seconds=-1)
    assert (await client.get("/api/series")).status == 200
    service_on_each.clock.advance(seconds=1)
    assert (await client.get("/api/series")).status == 401


async def test_two_tokens_of_a_system_hold_at_a_time_and_no_third(service_on_each: Service) -> None:
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    first = await made(officer)
    (integration,) = await rows(service_on_each, Integration)
    again = f"/integrations/{integration.id}/tokens"
    second = await made(officer, at=again)
    for token in (first, second):
        assert (await (await system(service_on_each, token)).get("/api/series")).status == 200
    assert "Two tokens of this system hold already" in await made(officer, at=again, status=422)
    assert await post(officer, f"/tokens/{token_id(first)}/revoke") == 303
    await made(officer, at=again)
    assert len(await rows(service_on_each, ApiToken)) == 3


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"name": ""}, "Enter what your centre calls the system"),
        ({"days": "401"}, "days must be from 1 to 400"),
        ({"days": "0"}, "days must be from 1 to 400"),
        ({"network": "school"}, "Enter a network such as 192.0.2.0/24"),
        ({"network": "192.0.2.7/24"}, "Enter a network such as 192.0.2.0/24"),
        ({"grants": "results"}, "Choose what the system may do"),
    ],
)
async def test_what_is_asked_wrongly_is_said_at_its_field(service: Service, asked: dict[str, str], words: str) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    text = await made(officer, () if "grants" in asked else EVERY, status=422, **asked)
    assert words in text
    assert f'href="#{next(iter(asked))}"' in text
    assert await rows(service, ApiToken) == []
    assert await rows(service, Integration) == []


async def test_a_name_stands_once_in_a_centre(service: Service) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    await made(officer)
    assert "has a system of that name" in await made(officer, status=422, name="exams OFFICE")
    await made(await service.browser(Role.EXAMS_OFFICER, "99002"))


async def test_tokens_are_the_own_centres_business(service_on_each: Service) -> None:
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    token = await made(officer)
    (integration,) = await rows(service_on_each, Integration)
    other = await service_on_each.browser(Role.EXAMS_OFFICER, "99002")
    assert token_id(token) not in await (await other.get("/tokens")).text()
    assert await post(other, f"/tokens/{token_id(token)}/revoke") == 404
    fields = {"csrf_token": await csrf(other), "grants": "entries", "days": "1"}
    assert (await other.post(f"/integrations/{integration.id}/tokens", data=fields)).status == 404
    body = await service_on_each.browser(Role.AB_OFFICER)
    assert token_id(token) in await (await body.get("/tokens")).text()
    assert await post(body, f"/tokens/{token_id(token)}/revoke") == 404
    for role in (Role.TEACHER, Role.MODERATOR, Role.TRACKING_CLERK):
        other = await service_on_each.browser(role, CENTRE if role is Role.TEACHER else None)
        assert (await other.get("/tokens")).status == 404
    assert (await (await system(service_on_each, token)).get("/api/series")).status == 200


async def test_a_token_reads_its_own_centre_only(stage: Stage) -> None:
    officer = await stage.service.browser(Role.EXAMS_OFFICER, "99002")
    client = await system(stage.service, await made(officer))
    assert (await client.get(f"/api/cases/{stage.case_id}")).status == 404
    assert (await client.get(f"/api/cases/{stage.case_id}/marks")).status == 404
    assert await (await client.get("/api/cases")).json() == {"cases": []}
    stage.teacher = client
    assert (await stage.post()).status == 404


@pytest.mark.fault("att:E02")
async def test_a_refusal_does_not_tell_whether_the_token_exists(service_on_each: Service) -> None:
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    token = await made(officer)
    over = await made(officer, name="Old", days="1")
    elsewhere = await made(officer, name="Far", network="192.0.2.0/24")
    service_on_each.clock.advance(days=1)
    wrong_secret = token_format.write("A" * 43, "B" * 43, live=False).text.replace("000000000000", token_id(token))
    body = wrong_secret.rpartition("_")[0]
    wrong_secret = f"{body}_{token_format._check(body)}"
    unknown = token_format.write("A" * 43, "B" * 43, live=False).text
    said = []
    for text in (wrong_secret, unknown, over, elsewhere):
        answer = await (await system(service_on_each, text)).get("/api/series")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        problem = await answer.json()
        said.append((answer.status, {name: value for name, value in problem.items() if name != "instance"}))
    assert said[0][0] == 401
    assert all(one == said[0] for one in said)
    assert (await (await system(service_on_each, token)).get("/api/series")).status == 200


async def test_a_token_mistyped_is_said_so_and_nothing_is_looked_up(service: Service) -> None:
    token = await made(await service.browser(Role.EXAMS_OFFICER, CENTRE))
    statements: list[str] = []
    engine = service.services.database.sync_engine

    def note(*heard: Any) -> None:
        statements.append(heard[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        for text in (
            token[:-1],
            token[:-1].swapcase().replace("SDR", "sdr"),
            token.replace("test", "live"),
            "sdr_",
            token + "\u00e9",
        ):
            client = await service.anonymous()
            answer = await client.get("/api/series", headers={"Authorization": f"Bearer {text}"})
            assert answer.status == 401
            assert (await answer.json())["type"] == "/problems/token-mistyped"
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert not [one for one in statements if "api_token" in one]


async def test_last_use_and_the_last_refusal_are_shown_and_refusals_recorded(service_on_each: Service) -> None:
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    used, refused = await made(officer), await made(officer, name="Far", network="192.0.2.0/24")
    assert "Never" in await (await officer.get("/tokens")).text()
    for token in (used, used, refused, refused):
        await (await system(service_on_each, token)).get("/api/series")
    shown = {row.id: row for row in await rows(service_on_each, ApiToken)}
    assert shown[token_id(used)].last_used_at == service_on_each.clock.now
    assert shown[token_id(refused)].last_used_at is None
    assert shown[token_id(refused)].last_refused_at == service_on_each.clock.now
    assert "last refused at" in await (await officer.get("/tokens")).text()
    events = [one for one in await rows(service_on_each, AuditEvent) if one.action == "token.refused"]
    assert [(one.object_id, one.details["reason"]) for one in events] == [(token_id(refused), "network")]


async def test_a_token_beside_a_cookie_is_the_token_alone(service: Service) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    token = await made(officer, [Grant.ENTRIES])
    answer = await officer.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 404
    assert (await officer.get("/tokens", headers={"Authorization": f"Bearer {token}"})).status == 404
    assert (await officer.get("/tokens")).status == 200


async def test_what_a_token_did_stands_in_the_log_under_its_id(service_on_each: Service) -> None:
    stage = await make_stage(service_on_each)
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    token = await made(officer, [Grant.UPLOADS])
    stage.teacher = await system(service_on_each, token)
    await stage.create(10, b"12345")
    events = {one.action: one.details for one in await rows(service_on_each, AuditEvent)}
    assert events[Action.UPLOAD_CREATE]["token"] == token_id(token)
    assert "token" not in events["token.made"]


async def test_a_token_whose_role_was_ended_is_refused(service_on_each: Service) -> None:
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    client = await system(service_on_each, await made(officer))
    (row,) = await rows(service_on_each, ApiToken)
    now = service_on_each.clock.now
    await service_on_each.write(
        lambda s: s.execute(update(Assignment).where(Assignment.id == row.assignment_id).values(valid_to=now))
    )
    assert (await client.get("/api/series")).status == 401


async def test_a_system_is_no_member_of_staff(service: Service) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    await made(officer, name="Exams machine")
    assert "Exams machine" in await (await officer.get("/tokens")).text()
    staff = await officer.get("/staff")
    assert staff.status == 200
    assert "Exams machine" not in await staff.text()


async def test_behind_a_trusted_proxy_the_network_is_that_of_the_system(start_service: StartService) -> None:
    service = await start_service(None, NEA_TRUSTED_PROXIES="127.0.0.1/32")
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    client = await system(service, await made(officer, network="192.0.2.0/24"))
    statuses = [
        (await client.get("/api/series", headers={} if said is None else {"X-Forwarded-For": said})).status
        for said in (None, "192.0.2.9", "203.0.113.9", "192.0.2.9, 203.0.113.9")
    ]
    assert statuses == [401, 200, 401, 401]


async def test_making_a_token_asks_for_a_fresh_proof(real_service: Service) -> None:
    officer = await signed_in(real_service, await make_person(real_service, Role.EXAMS_OFFICER, CENTRE))
    real_service.clock.advance(minutes=6)
    fields = {"csrf_token": await csrf(officer), "name": "Office", "grants": "entries", "days": "9", "network": ""}
    answer = await officer.post("/tokens", data=fields, allow_redirects=False)
    assert answer.status == 403
    assert "First confirm that it is you" in await answer.text()
    assert await rows(real_service, ApiToken) == []


async def test_a_real_service_writes_live_tokens_and_takes_no_others(real_service: Service) -> None:
    officer = await signed_in(real_service, await make_person(real_service, Role.EXAMS_OFFICER, CENTRE))
    fields = {"csrf_token": await csrf(officer), "name": "Office", "grants": "status", "days": "9", "network": ""}
    text = await (await officer.post("/tokens", data=fields)).text()
    (token,) = set(re.findall(r"sdr_live_[0-9a-z]{12}_[0-9A-Za-z]{43}_[0-9a-f]{8}", text))
    assert (await (await system(real_service, token)).get("/api/series")).status == 200
    rehearsed = token_format.write("A" * 43, "B" * 43, live=False).text
    assert (await (await system(real_service, rehearsed)).get("/api/series")).status == 401


async def test_the_centre_hears_of_a_new_token_by_mail(service_on_each: Service) -> None:
    first = await make_person(service_on_each, Role.EXAMS_OFFICER, CENTRE)
    with_address = update(Account).where(Account.id == first.account_id).values(email="head@example.org")
    now = service_on_each.clock.now
    await service_on_each.write(lambda s: (s.execute(with_address), set_sent_here(s, True, now)))
    token = await made(await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE))
    (letter,) = await rows(service_on_each, MailMessage)
    assert (letter.letter, letter.to_address) == ("centre-security-notice", "head@example.org")
    assert "A token was made" in letter.facts["what"]
    assert token.split("_")[3] not in str(letter.facts)


async def test_two_tokens_made_at_once_are_no_third_that_holds(service_on_each: Service) -> None:
    officer = await service_on_each.browser(Role.EXAMS_OFFICER, CENTRE)
    await made(officer)
    (integration,) = await rows(service_on_each, Integration)
    fields = {"csrf_token": await csrf(officer), "grants": "status", "days": "9", "network": ""}
    path = f"/integrations/{integration.id}/tokens"
    answers = await asyncio.gather(*(officer.post(path, data=fields) for _ in range(3)))
    assert sorted(one.status for one in answers) == [200, 422, 422]
    assert len(await rows(service_on_each, ApiToken)) == 2


async def test_a_token_that_ends_soon_says_so_and_officers_narrow_the_list_by_centre(service: Service) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    await made(officer, name="Office one", days="31")
    assert "Ends soon" not in await (await officer.get("/tokens")).text()
    await made(await service.browser(Role.EXAMS_OFFICER, "99002"), name="Office two", days="30")
    body = await service.browser(Role.AB_OFFICER)
    page = await (await body.get("/tokens")).text()
    assert page.count("Ends soon") == 1
    assert "Office one" in page
    page = await (await body.get("/tokens?centre=99002")).text()
    assert ("Office one" in page, "Office two" in page) == (False, True)
    assert "This centre has no system" in await (await body.get("/tokens?centre=nowhere")).text()
    assert "Office two" not in await (await officer.get("/tokens?centre=99002")).text()
