"""One's own account: where one is signed in, as what, and what a change of password or factor ends."""

from __future__ import annotations

import base64

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import Role
from repository.sign_in import one_time_codes
from repository.sign_in.tables import Account
from repository.tables import Assignment, AuditEvent, WebSession

from .conftest import Client, Service, StartService, csrf
from .signing_in import PASSWORD, browser, make_person, signed_in
from .test_bad_input import STREAM, half_sent
from .test_sign_in import cookies
from .uploading import Stage

NEW = "kettle sonnet badger harbour"


async def alive(client: Client) -> bool:
    return (await client.get("/", allow_redirects=False)).status == 200


async def post(client: Client, path: str, **form: str):
    form["csrf_token"] = await csrf(client)
    return await client.post(path, data=form, allow_redirects=False)


async def test_sessions_are_listed_in_words_and_ended_one_by_one_or_all_others(real_service_on_each: Service) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    stranger = await signed_in(service, await make_person(service, Role.TEACHER))
    clients = [await signed_in(service, person) for _ in range(3)]
    page = await (await clients[0].get("/account")).text()
    assert page.count("Firefox on Windows") >= 3
    assert page.count("this one") == 1
    ids = [part.partition('"')[0] for part in page.split('name="session" value="')[1:]]
    assert len(ids) == 2
    assert (await post(stranger, "/account/sessions/end", session=ids[0])).status == 303
    assert [await alive(one) for one in clients] == [True] * 3, "only one's own can be ended"
    assert (await post(clients[0], "/account/sessions/end", session=ids[0])).status == 303
    assert sorted([await alive(one) for one in clients[1:]]) == [False, True]
    assert (await post(clients[0], "/account/sessions/end", session="not an id")).status == 303
    assert (await post(clients[0], "/account/sessions/end-others")).status == 303
    assert [await alive(one) for one in clients] == [True, False, False]
    assert await alive(stranger)
    assert "signed in nowhere else" in await (await clients[0].get("/account")).text()


async def test_sf_07_signing_out_ends_it_at_once(real_service_on_each: Service) -> None:
    service = real_service_on_each
    client = await signed_in(service, await make_person(service, Role.EXAMS_OFFICER))
    token = cookies(client)["nea_session"]
    await post(client, "/sign-out")
    assert "nea_session" not in cookies(client)
    thief = await browser(service)
    thief.session.cookie_jar.update_cookies({"nea_session": token}, client.make_url("/"))
    assert not await alive(thief)


@pytest.mark.fault("att:E09")
async def test_sf_07_a_disabled_account_and_an_ended_role_end_it_at_the_next_request(
    real_service_on_each: Service,
) -> None:
    service = real_service_on_each
    for what in ("account", "role"):
        person = await make_person(service, Role.EXAMS_OFFICER, name=f"{what}@example.org")
        client = await signed_in(service, person)
        bearer = {"Authorization": f"Bearer {cookies(client)['nea_session']}"}
        program = await service.anonymous()
        assert (await program.get("/api/me", headers=bearer)).status == 200

        def end(
            session: Session, what: str = what, account: str = person.account_id, role: str = person.assignment_id
        ) -> None:
            if what == "account":
                session.get_one(Account, account).disabled_at = service.clock.now
            else:
                session.get_one(Assignment, role).valid_to = service.clock.now

        await service.write(end)
        assert not await alive(client)
        assert (await program.get("/api/me", headers=bearer)).status == 401


@pytest.mark.fault("att:D14", "att:E09")
async def test_sf_07_an_upload_stops_when_all_accounts_of_its_sender_are_disabled(stage_on_each: Stage) -> None:
    stage = stage_on_each
    made = await half_sent(stage)
    person_id = stage.teacher.person_id

    def account(session: Session, disabled: bool) -> None:
        one = session.scalars(select(Account).where(Account.person_id == person_id)).first()
        if one is None:
            one = Account(person_id=person_id, issuer="local", subject="t@x", created_at=stage.service.clock.now)
            session.add(one)
        one.disabled_at = stage.service.clock.now if disabled else None

    send = {**STREAM, "Upload-Offset": "4"}
    await stage.service.write(lambda s: account(s, True))
    assert (await stage.ask("PATCH", made, b"efgh", **send)).status == 404
    assert (await stage.ask("HEAD", made)).status == 404
    await stage.service.write(lambda s: account(s, False))
    assert (await stage.ask("PATCH", made, b"efgh", **send)).status == 204


async def test_a_new_password_ends_all_other_sign_ins_and_gives_this_one_a_new_token(
    real_service_on_each: Service,
) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    here, there = await signed_in(service, person), await signed_in(service, person)
    before = cookies(here)["nea_session"]
    answer = await post(here, "/account/password", password=PASSWORD, new_password=NEW)
    assert answer.status == 303
    assert await alive(here)
    assert not await alive(there)
    assert cookies(here)["nea_session"] != before
    old = await browser(service)
    old.session.cookie_jar.update_cookies({"nea_session": before}, here.make_url("/"))
    assert not await alive(old)
    form = {"name": person.name, "password": PASSWORD}
    assert (await (await browser(service)).post("/sign-in", data=form)).status == 422
    person.password = NEW
    await signed_in(service, person)


async def test_a_new_password_needs_the_old_one_and_is_held_against_the_rules(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await signed_in(real_service, person)
    for old, new, said in (
        ("not the old one at all", NEW, "not your password now"),
        (PASSWORD, PASSWORD, "the one you have now"),
        (PASSWORD, "Password123!", "tried first"),
        (PASSWORD, "short", "at least 8"),
        (PASSWORD, "local-99001-officer", "made of your name"),
        (PASSWORD, "k" + NEW * 5, "128"),
    ):
        answer = await post(client, "/account/password", password=old, new_password=new)
        assert answer.status == 422
        text = await answer.text()
        assert said in text
        assert NEW not in text
    assert await alive(client)


async def test_another_app_takes_the_place_of_the_old_one_and_ends_other_sign_ins(
    real_service_on_each: Service,
) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    here, there = await signed_in(service, person), await signed_in(service, person)
    key = (await (await here.get("/account/app")).text()).partition('Key: <span class="app-code">')[2].partition("<")[0]
    secret = base64.b32decode(key.replace(" ", ""))
    step = int(service.clock.now.timestamp()) // 30
    answer = await post(here, "/account/app", code=one_time_codes.code_of(secret, step))
    assert answer.status == 200
    assert await alive(here)
    assert not await alive(there)
    client = await browser(service)
    await client.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    assert (await client.post("/sign-in/code", data={"code": person.code()})).status == 422, "the old app is over"
    old = {"recovery_code": person.recovery_codes[0]}
    assert (await client.post("/sign-in/code", data=old)).status == 422, "and so are its recovery codes"
    person.secret = secret
    service.clock.advance(seconds=60)
    await signed_in(service, person)
    again = (
        (await (await here.get("/account/app")).text()).partition('Key: <span class="app-code">')[2].partition("<")[0]
    )
    assert again != key, "a secret that was enrolled is not offered again"


async def test_new_recovery_codes_replace_the_old_ones(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await signed_in(real_service, person)
    assert "old ones stop working" in await (await client.get("/account/recovery-codes")).text()
    answer = await post(client, "/account/recovery-codes")
    codes = [part.partition("<")[0] for part in (await answer.text()).split('<li><span class="app-code">')[1:]]
    assert len(codes) == 10
    other = await browser(real_service)
    await other.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    assert (await other.post("/sign-in/code", data={"recovery_code": person.recovery_codes[1]})).status == 422
    assert (await other.post("/sign-in/code", data={"recovery_code": codes[1]}, allow_redirects=False)).status == 303


@pytest.mark.fault("att:E12")
async def test_a_role_is_switched_under_a_new_token_and_the_switch_is_recorded(real_service_on_each: Service) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.TEACHER, also=Role.EXAMS_OFFICER)
    stranger = await make_person(service, Role.AB_OFFICER)
    client = await signed_in(service, person)
    before = cookies(client)["nea_session"]

    def assignments(session: Session) -> dict[str, str]:
        rows = session.scalars(select(Assignment).where(Assignment.person_id == person.person_id))
        return {row.role: row.id for row in rows}

    own = await service.services.database.read(assignments)
    assert (await post(client, "/account/role", role=stranger.assignment_id)).status == 403
    assert (await post(client, "/account/role", role=own[Role.EXAMS_OFFICER])).headers["Location"] == "/"
    assert "Exams officer" in await (await client.get("/")).text()
    assert cookies(client)["nea_session"] != before

    def recorded(session: Session) -> list[tuple[str | None, str]]:
        rows = session.scalars(select(AuditEvent).where(AuditEvent.action == "role.switched"))
        return [(row.person_id, row.object_id) for row in rows]

    events = await service.services.database.read(recorded)
    assert events == [(person.person_id, own[Role.EXAMS_OFFICER])]


async def test_a_switch_of_role_does_not_lengthen_a_sign_in(real_service: Service) -> None:
    person = await make_person(real_service, Role.TEACHER, also=Role.EXAMS_OFFICER)
    client = await signed_in(real_service, person)
    for number in range(20):
        real_service.clock.advance(minutes=29)
        assert await alive(client), number
    rows = await real_service.services.database.read(
        lambda s: {
            row.role: row.id for row in s.scalars(select(Assignment).where(Assignment.person_id == person.person_id))
        }
    )
    await post(client, "/account/role", role=rows[Role.EXAMS_OFFICER])
    assert await alive(client)
    real_service.clock.advance(minutes=20)
    assert not await alive(client)


@pytest.mark.parametrize(
    ("role", "idle", "limit"),
    [(Role.TEACHER, 30, 600), (Role.EXAMS_OFFICER, 30, 600), (Role.AB_OFFICER, 30, 600), (Role.MODERATOR, 15, 480),
     (Role.TEAM_LEADER, 15, 480), (Role.PRINCIPAL_MODERATOR, 15, 480)],
)  # fmt: skip
async def test_a_sign_in_ends_without_use_and_in_any_case(
    real_service: Service, role: Role, idle: int, limit: int
) -> None:
    person = await make_person(real_service, role)
    client = await signed_in(real_service, person)
    real_service.clock.advance(minutes=idle - 1)
    assert await alive(client)
    real_service.clock.advance(minutes=idle)
    assert not await alive(client)
    client = await signed_in(real_service, person)
    began = real_service.clock.now
    while (real_service.clock.now - began).total_seconds() < (limit - idle) * 60:
        real_service.clock.advance(minutes=idle - 1)
        assert await alive(client)
    real_service.clock.now = began
    real_service.clock.advance(minutes=limit)
    assert not await alive(client)


async def test_the_operator_may_set_other_limits(start_service: StartService) -> None:
    limits = {"NEA_SESSION_IDLE_MINUTES": "5", "NEA_MODERATOR_SESSION_IDLE_MINUTES": "2"}
    service = await start_service(None, NEA_REHEARSAL="no", **limits)
    teacher = await signed_in(service, await make_person(service, Role.TEACHER))
    moderator = await signed_in(service, await make_person(service, Role.MODERATOR))
    service.clock.advance(minutes=3)
    assert await alive(teacher)
    assert not await alive(moderator)


async def test_a_development_sign_in_has_an_account_page_and_nothing_to_change(service: Service) -> None:
    client = await service.browser(Role.EXAMS_OFFICER)
    assert "development sign-in" in await (await client.get("/account")).text()
    for path in ("/account/password", "/account/app", "/account/recovery-codes"):
        assert (await client.get(path)).status == 404
    ended = await service.services.database.read(lambda s: s.scalars(select(WebSession.ended_at)).all())
    assert ended == [None]
