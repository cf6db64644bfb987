"""Signing in with a local account, as a browser does it: name and password, second factor, role, session."""

from __future__ import annotations

import asyncio
import time
from itertools import combinations

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from repository.access import Role
from repository.sign_in import hashing, one_time_codes
from repository.sign_in.local_tables import LocalPassword
from repository.sign_in.methods import Method, is_enough
from repository.sign_in.tables import Account, SignInAttempt
from repository.tables import Assignment, WebSession

from .conftest import Client, Service, StartService, csrf
from .signing_in import PASSWORD, browser, hashed, make_person, signed_in

WRONG = {"password": "not the password at all"}


def cookies(client: Client) -> dict[str, str]:
    return {one.key: one.value for one in client.session.cookie_jar}


async def test_a_person_signs_in_with_name_password_and_code(real_service_on_each: Service) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    client = await browser(service)
    assert (await client.get("/", allow_redirects=False)).headers["Location"] == "/sign-in?next=/"
    await signed_in(service, person, client)
    home = await client.get("/", allow_redirects=False)
    assert home.status == 200
    assert "Signed in as" in await home.text()


async def test_cookies_are_bound_to_this_host_and_hidden_from_scripts(start_service: StartService) -> None:
    service = await start_service(
        None, NEA_REHEARSAL="no", NEA_BASE_URL="https://nea.example", NEA_CONTENT_URL="https://files.nea.example"
    )
    person = await make_person(service, Role.EXAMS_OFFICER)
    client = await browser(service)
    headers = {"Host": "nea.example"}
    form = {"name": person.name, "password": PASSWORD}
    first = await client.post("/sign-in", data=form, headers=headers, allow_redirects=False)
    attempt = first.cookies["__Host-nea-attempt"]
    headers["Cookie"] = f"__Host-nea-attempt={attempt.value}"
    second = await client.post("/sign-in/code", data={"code": person.code()}, headers=headers, allow_redirects=False)
    made = [attempt, second.cookies["__Host-nea"], second.cookies["__Host-nea-device"]]
    for cookie in made:
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["path"] == "/"
        assert cookie["samesite"] == "Lax"
        assert not cookie["domain"]
        assert len(cookie.value) >= 43


async def test_the_page_that_was_asked_for_follows_and_nothing_outside(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    asked_and_led = {"/account": "/account", "//evil.example/": "/", "https://evil.example/": "/", "/\\evil": "/"}
    for asked, led in asked_and_led.items():
        client = await browser(real_service)
        form = {"name": person.name.upper() + " ", "password": PASSWORD, "next": asked}
        await client.post("/sign-in", data=form)
        answer = await client.post("/sign-in/code", data={"code": person.code()}, allow_redirects=False)
        assert answer.headers["Location"] == led


@pytest.mark.fault("att:E02")
async def test_wrong_name_wrong_password_and_disabled_account_look_the_same(real_service: Service) -> None:
    known = await make_person(real_service, Role.EXAMS_OFFICER)
    gone = await make_person(real_service, Role.TEACHER)

    def disable(session: Session) -> None:
        session.get_one(Account, gone.account_id).disabled_at = real_service.clock.now

    await real_service.write(disable)
    pages = []
    for name, password in (("nobody@x", PASSWORD), (known.name, WRONG["password"]), (gone.name, PASSWORD)):
        client = await browser(real_service)
        answer = await client.post("/sign-in", data={"name": name, "password": password})
        assert answer.status == 422
        pages.append((await answer.text()).replace(name, "…").partition("<main")[2].partition("</main")[0])
        assert not cookies(client)
    assert len(set(pages)) == 1
    assert "do not belong together" in pages[0]


@pytest.mark.fault("att:E02")
async def test_an_unknown_name_takes_as_long_as_a_wrong_password(real_passwords: None, real_service: Service) -> None:
    known = [await make_person(real_service, Role.TEACHER, name=f"teacher-{n}@example.org") for n in range(6)]
    dear = hashing.hash_password(PASSWORD)
    await real_service.write(lambda s: s.execute(update(LocalPassword).values(phc=dear)))
    client = await browser(real_service)
    await client.post("/sign-in", data={"name": "warm@up", **WRONG})
    times: dict[bool, list[float]] = {True: [], False: []}
    for number, person in enumerate(known):
        for is_known, name in ((True, person.name), (False, f"nobody-{number}@example.org")):
            began = time.perf_counter()
            assert (await client.post("/sign-in", data={"name": name, **WRONG})).status == 422
            times[is_known].append(time.perf_counter() - began)
    ratio = min(times[True]) / min(times[False])
    assert 0.4 < ratio < 2.5, times
    assert min(times[False]) > 0.02, "a name that nobody has costs a hash as well"


async def test_empty_fields_are_named_and_nothing_is_tried(real_service: Service) -> None:
    client = await browser(real_service)
    for form, said in (
        ({"name": "", "password": "x"}, "Enter your sign-in name."),
        ({"name": "a"}, "Enter your password."),
    ):
        answer = await client.post("/sign-in", data=form)
        assert answer.status == 422
        assert said in await answer.text()


async def test_a_code_cannot_be_used_again_and_a_recovery_code_stands_in_once(real_service_on_each: Service) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    await signed_in(service, person)
    step = person._last_step
    client = await browser(service)
    await client.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    replayed = await client.post("/sign-in/code", data={"code": one_time_codes.code_of(person.secret, step)})
    assert replayed.status == 422
    assert "was used before" in await replayed.text()
    code = {"recovery_code": person.recovery_codes[0]}
    assert (await client.post("/sign-in/code", data=code, allow_redirects=False)).headers["Location"] == "/"
    assert "9 are left" in await (await client.get("/")).text()
    other = await browser(service)
    await other.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    assert (await other.post("/sign-in/code", data=code)).status == 422


async def test_a_password_alone_opens_nothing_and_enrols_nothing_where_there_is_a_second_factor(
    real_service: Service,
) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await browser(real_service)
    await client.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    assert (await client.get("/", allow_redirects=False)).headers["Location"].startswith("/sign-in")
    assert (await client.get("/sign-in/app")).status == 404
    assert (await client.post("/sign-in/app", data={"code": "123456"})).status == 404
    role = await client.post("/sign-in/role", data={"role": person.assignment_id})
    assert role.status == 403
    resumed = await client.get("/sign-in/go-on", allow_redirects=False)
    assert resumed.headers["Location"] == "/sign-in/code"


async def test_where_a_second_factor_is_needed_it_is_enrolled_at_the_first_sign_in(
    real_service_on_each: Service,
) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.TEACHER, second_factor=False)
    client = await browser(service)
    form = {"name": person.name, "password": PASSWORD}
    answer = await client.post("/sign-in", data=form, allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in/app"
    page = await (await client.get("/sign-in/app")).text()
    assert "<svg" in page
    attempt = cookies(client)["nea_attempt"]
    secret = one_time_codes.new_secret(service.services.secrets_box, "attempt", attempt)
    assert one_time_codes.key_words(secret) in page
    wrong = await client.post("/sign-in/app", data={"code": "000000"})
    assert wrong.status == 422
    assert one_time_codes.key_words(secret) in await wrong.text(), "the same picture, so that the app goes on working"
    step = int(service.clock.now.timestamp()) // 30
    codes = await client.post("/sign-in/app", data={"code": one_time_codes.code_of(secret, step)})
    assert (await codes.text()).count('<li><span class="app-code">') == 10
    done = await client.get("/sign-in/go-on", allow_redirects=False)
    assert done.headers["Location"] == "/"
    assert (await client.get("/", allow_redirects=False)).status == 200


async def test_a_centre_may_do_without_a_second_factor_where_the_operator_says_so(start_service: StartService) -> None:
    service = await start_service(None, NEA_REHEARSAL="no", NEA_CENTRE_SECOND_FACTOR="no")
    teacher = await make_person(service, Role.TEACHER, second_factor=False)
    client = await signed_in(service, teacher)
    assert (await client.get("/", allow_redirects=False)).status == 200
    officer = await make_person(service, Role.AB_OFFICER, second_factor=False)
    form = {"name": officer.name, "password": PASSWORD}
    answer = await (await browser(service)).post("/sign-in", data=form, allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in/app"
    enrolled = await make_person(service, Role.EXAMS_OFFICER)
    form = {"name": enrolled.name, "password": PASSWORD}
    answer = await (await browser(service)).post("/sign-in", data=form, allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in/code", "who has one is always asked for it"


def test_sf_08_nothing_that_comes_by_mail_is_enough_for_any_role() -> None:
    by_mail = {Method.SET_UP}
    for role in Role:
        for centres_need_two in (True, False):
            assert not is_enough(by_mail, role, centres_need_two=centres_need_two)
            assert not is_enough((), role, centres_need_two=centres_need_two)


def test_one_factor_is_never_enough_for_the_body_nor_two_of_a_kind() -> None:
    firsts = [Method.PASSWORD, Method.PROVIDER]
    seconds = [Method.ONE_TIME_CODE, Method.RECOVERY_CODE]
    for role in (Role.AB_OFFICER, Role.MODERATOR, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR, Role.TRACKING_CLERK):
        for kind in (firsts, seconds):
            for number in (1, 2):
                for shown in combinations(kind, number):
                    assert not is_enough(shown, role, centres_need_two=False)


async def test_a_person_with_several_roles_chooses_and_nobody_elses_can_be_chosen(real_service: Service) -> None:
    person = await make_person(real_service, Role.TEACHER, also=Role.EXAMS_OFFICER)
    other = await make_person(real_service, Role.AB_OFFICER)
    client = await browser(real_service)
    await client.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    answer = await client.post("/sign-in/code", data={"code": person.code()}, allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in/role"
    page = await (await client.get("/sign-in/role")).text()
    assert "Teacher, centre 99001" in page
    assert "Exams officer, centre 99001" in page
    unchosen = await client.post("/sign-in/role", data={})
    assert unchosen.status == 422
    assert "Choose what you are here as." in await unchosen.text()
    for foreign in (other.assignment_id, "nothing"):
        assert (await client.post("/sign-in/role", data={"role": foreign})).status == 403
    answer = await client.post("/sign-in/role", data={"role": person.assignment_id}, allow_redirects=False)
    assert answer.headers["Location"] == "/"


async def test_who_has_no_role_is_told_so_and_gets_no_session(real_service: Service) -> None:
    person = await make_person(real_service, Role.TEACHER)

    def end(session: Session) -> None:
        session.get_one(Assignment, person.assignment_id).valid_to = real_service.clock.now

    await real_service.write(end)
    client = await browser(real_service)
    answer = await client.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    assert "You have no role here yet" in await answer.text()
    assert "nea_session" not in cookies(client)


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {}],
)  # fmt: skip
async def test_another_site_cannot_sign_anybody_in(real_service: Service, headers: dict[str, str]) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER, second_factor=False)
    client = await real_service.anonymous()
    form = {"name": person.name, "password": PASSWORD}
    answer = await client.post("/sign-in", data=form, headers={"Accept": "text/html", **headers}, allow_redirects=False)
    assert answer.status == 403
    assert not answer.cookies


async def test_a_form_of_ours_is_taken_from_a_browser_that_says_only_its_origin(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await real_service.anonymous()
    origin = {"Origin": f"http://127.0.0.1:{real_service.server.port}", "Accept": "text/html"}
    form = {"name": person.name, "password": PASSWORD}
    answer = await client.post("/sign-in", data=form, headers=origin, allow_redirects=False)
    assert answer.status == 303


async def test_a_session_that_was_planted_before_the_sign_in_is_worth_nothing_after_it(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await browser(real_service)
    planted = {"nea_session": "planted" * 8, "nea_attempt": "planted" * 8}
    client.session.cookie_jar.update_cookies(planted, client.make_url("/"))
    assert (await client.get("/", allow_redirects=False)).status == 303
    assert (await client.get("/sign-in/code")).status == 403
    await signed_in(real_service, person, client)
    assert cookies(client)["nea_session"] != planted["nea_session"]
    thief = await browser(real_service)
    thief.session.cookie_jar.update_cookies(planted, client.make_url("/"))
    assert (await thief.get("/", allow_redirects=False)).status == 303


async def test_a_new_token_with_every_sign_in_and_the_one_before_ends_in_that_browser(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await signed_in(real_service, person)
    before = cookies(client)["nea_session"]
    token = await csrf(client)
    form = {"name": person.name, "password": PASSWORD, "csrf_token": token}
    await client.post("/sign-in", data=form)
    await client.post("/sign-in/code", data={"code": person.code(), "csrf_token": token}, allow_redirects=False)
    after = cookies(client)["nea_session"]
    assert after != before
    old = await browser(real_service)
    old.session.cookie_jar.update_cookies({"nea_session": before}, client.make_url("/"))
    assert (await old.get("/", allow_redirects=False)).status == 303


async def test_a_sign_in_under_way_ends_after_ten_minutes_and_finishes_once(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await browser(real_service)
    await client.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    attempt = cookies(client)["nea_attempt"]
    real_service.clock.advance(seconds=601)
    late = await client.post("/sign-in/code", data={"code": person.code()})
    assert late.status == 403
    assert "Start again" in await late.text()
    await signed_in(real_service, person, client)
    thief = await browser(real_service)
    used = await real_service.services.database.read(lambda s: s.scalars(select(SignInAttempt)).all())
    assert [one.finished_at is not None for one in sorted(used, key=lambda one: one.created_at)] == [False, True]
    thief.session.cookie_jar.update_cookies({"nea_attempt": attempt}, client.make_url("/"))
    assert (await thief.get("/sign-in/go-on")).status == 403


async def test_development_sign_in_is_absent_in_earnest(real_service: Service) -> None:
    _, token = await real_service.add_person(Role.AB_OFFICER)
    client = await browser(real_service)
    assert (await client.get(f"/sign-in/{token}")).status == 404
    assert (await client.post("/sign-in", data={"token": token})).status == 404
    absent = await client.post("/api/sessions", json={"token": token})
    assert absent.status == 404
    assert (await absent.json())["type"] == "/problems/not-found"
    assert "Rehearsal" not in await (await client.get("/sign-in")).text()


async def test_a_hash_of_earlier_cost_is_made_anew_at_sign_in(real_passwords: None, real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    cheap = hashing.hash_password(PASSWORD, hashing.FLOOR)

    def put(session: Session) -> None:
        session.get_one(LocalPassword, person.account_id).phc = cheap

    await real_service.write(put)
    await signed_in(real_service, person)
    phc = await real_service.services.database.read(lambda s: s.get_one(LocalPassword, person.account_id).phc)
    assert phc != cheap
    assert not hashing.is_outdated(phc)
    await signed_in(real_service, person)


async def test_a_flood_of_sign_ins_is_turned_away_and_costs_nobody_a_try(
    real_passwords: None, real_service: Service
) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await browser(real_service)
    real_service.services.hasher._places = 2
    form = {"name": person.name, **WRONG}
    answers = await asyncio.gather(*(client.post("/sign-in", data={**form, "name": f"x{n}@y"}) for n in range(8)))
    assert {answer.status for answer in answers} == {422, 503}
    busy = next(answer for answer in answers if answer.status == 503)
    assert busy.headers["Retry-After"]
    real_service.services.hasher._places = 0
    for _ in range(12):
        assert (await client.post("/sign-in", data=form)).status == 503
    real_service.services.hasher._places = 22
    await signed_in(real_service, person)


async def test_no_secret_is_in_the_database_or_in_a_page(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await signed_in(real_service, person)
    tokens = list(cookies(client).values())
    data = b"".join(path.read_bytes() for path in real_service.folder.glob("nea.sqlite3*"))
    for secret in (PASSWORD.encode(), person.secret, *(token.encode() for token in tokens)):
        assert secret not in data
    assert hashed(PASSWORD).encode() in data, "what is looked through is what holds the rows"
    page = await (await client.get("/account")).text()
    assert not [token for token in tokens if token in page]


async def test_expired_sessions_are_swept(real_service_on_each: Service) -> None:
    service = real_service_on_each
    from repository.sign_in import entering

    person = await make_person(service, Role.MODERATOR)
    await signed_in(service, person)
    service.clock.advance(minutes=16)
    await entering.sweep(service.services)
    ended = await service.services.database.read(lambda s: s.scalars(select(WebSession.ended_at)).all())
    assert ended == [service.clock.now]
    service.clock.advance(days=31)
    await entering.sweep(service.services)
    left = await service.services.database.read(
        lambda s: (s.scalars(select(WebSession)).all(), s.scalars(select(SignInAttempt)).all())
    )
    assert left == ([], [])
