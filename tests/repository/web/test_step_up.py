"""What can do great harm asks for a fresh proof, leads to it and back, and says what was not kept."""

from __future__ import annotations

import re

from repository.access import STEP_UP, Action, Role, scope_of
from repository.web.routes import ROUTES

from .conftest import Service, csrf
from .signing_in import PASSWORD, browser, make_person, signed_in
from .test_own_account import alive, post
from .test_sign_in import cookies


async def test_a_proof_holds_for_five_minutes_and_a_new_one_leads_back(real_service_on_each: Service) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    client = await signed_in(service, person)
    service.clock.advance(minutes=5)
    assert (await client.get("/exports")).status == 200
    service.clock.advance(seconds=1)
    answer = await client.get("/exports?what=all", allow_redirects=False)
    assert answer.status == 303
    confirm = answer.headers["Location"]
    assert confirm == "/confirm-it-is-you?next=/exports%3Fwhat%3Dall"
    assert await alive(client), "everything else goes on"
    before = cookies(client)["nea_session"]
    page = await (await client.get(confirm)).text()
    assert 'value="/exports?what=all"' in page
    wrong = await post(client, "/confirm-it-is-you", password="not the password at all", next="/exports")
    assert wrong.status == 422
    asked = await post(client, "/confirm-it-is-you", password=PASSWORD, next="/exports?what=all")
    assert asked.headers["Location"] == "/sign-in/code", "the second factor is shown anew as well"
    assert (await client.get("/exports", allow_redirects=False)).status == 303, "a password alone is half a proof"
    done = await post(client, "/sign-in/code", code=person.code())
    assert done.headers["Location"] == "/exports?what=all"
    assert (await client.get("/exports")).status == 200
    assert cookies(client)["nea_session"] != before
    old = await browser(service)
    old.session.cookie_jar.update_cookies({"nea_session": before}, client.make_url("/"))
    assert not await alive(old)


async def test_a_form_that_needs_a_proof_says_that_it_was_not_kept(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    client = await signed_in(real_service, person)
    token = await csrf(client)
    real_service.clock.advance(minutes=6)
    form = {"csrf_token": token, "password": PASSWORD, "new_password": "kettle sonnet badger harbour"}
    answer = await client.post("/account/password", data=form)
    assert answer.status == 403
    page = await answer.text()
    assert "was not done and not kept" in page
    assert 'href="/confirm-it-is-you?next=/account/password"' in page
    await signed_in(real_service, person)  # with the old password


async def test_the_way_back_from_a_form_is_the_nearest_page_above(real_service: Service) -> None:
    person = await make_person(real_service, Role.AB_OFFICER)
    client = await signed_in(real_service, person)
    token = await csrf(client)
    real_service.clock.advance(minutes=6)
    answer = await client.post("/holds/no-such-hold/lift-or-whatever", data={"csrf_token": token})
    assert answer.status == 404
    posts = [
        route for route in ROUTES if route.method == "POST" and route.action in STEP_UP and "/api/" not in route.path
    ]
    assert posts
    for route in posts:
        if scope_of_officer(route.action):
            answer = await client.post(re.sub(r"{\w+}", "x", route.path), data={"csrf_token": token})
            assert answer.status == 403, route.path
            assert "/confirm-it-is-you?next=/" in await answer.text(), route.path


def scope_of_officer(action: Action) -> bool:
    from repository.access import Actor

    return scope_of(Actor("p", "a", "Ada", Role.AB_OFFICER, None), action) is not None


async def test_a_program_is_told_with_a_problem(real_service: Service) -> None:
    person = await make_person(real_service, Role.AB_OFFICER)
    client = await signed_in(real_service, person)
    real_service.clock.advance(minutes=6)
    program = await real_service.anonymous()
    bearer = {"Authorization": f"Bearer {cookies(client)['nea_session']}"}
    answer = await program.get("/api/series/2026-SUMMER/retention", headers=bearer)
    assert answer.status == 403
    assert (await answer.json())["type"] == "/problems/step-up-needed"


async def test_scanned_pages_ask_where_they_are_listed_and_for_half_an_hour(real_service: Service) -> None:
    """Who sorts pages does it for an hour on end; the pictures themselves come by the ticket of that page."""
    client = await signed_in(real_service, await make_person(real_service, Role.TRACKING_CLERK))
    real_service.clock.advance(minutes=29)
    assert (await client.get("/sittings/no-such/pages")).status == 404
    real_service.clock.advance(minutes=2)
    answer = await client.get("/sittings/no-such/pages", allow_redirects=False)
    assert answer.headers["Location"] == "/confirm-it-is-you?next=/sittings/no-such/pages"


async def test_a_development_sign_in_counts_as_proved(service: Service) -> None:
    client = await service.browser(Role.EXAMS_OFFICER)
    service.clock.advance(minutes=20)
    assert (await client.get("/exports")).status == 200


async def test_somebody_else_who_signs_in_in_this_browser_gets_no_step_up_of_the_other(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    other = await make_person(real_service, Role.TEACHER)
    client = await signed_in(real_service, person)
    before = cookies(client)["nea_session"]
    token = await csrf(client)
    await client.post("/sign-in", data={"name": other.name, "password": PASSWORD, "csrf_token": token})
    await client.post("/sign-in/code", data={"code": other.code(), "csrf_token": token}, allow_redirects=False)
    assert "Local teacher" in await (await client.get("/")).text()
    old = await browser(real_service)
    old.session.cookie_jar.update_cookies({"nea_session": before}, client.make_url("/"))
    assert not await alive(old)


async def test_a_clock_set_back_proves_nothing(real_service: Service) -> None:
    client = await signed_in(real_service, await make_person(real_service, Role.EXAMS_OFFICER))
    real_service.clock.advance(minutes=-2)
    assert (await client.get("/exports", allow_redirects=False)).status == 303


def test_what_can_do_great_harm_is_in_the_table() -> None:
    assert {Action.RESULTS_RELEASE, Action.HOLD_WRITE, Action.EXPORT_READ, Action.SCRIPT_IMAGE} <= STEP_UP
    assert Action.HOME not in STEP_UP
    assert Action.ACCOUNT not in STEP_UP, "else nobody could reach the page that proves it"
