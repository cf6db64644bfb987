"""The first start: a link that works once, within the hour, from this machine, while fewer than two officers can sign in."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.access import Role
from repository.audit import Context
from repository.errors import SetUpOver
from repository.sign_in import one_time_codes, set_up, set_up_lines
from repository.sign_in.tables import Account
from repository.tables import Assignment

from .conftest import Service, StartService
from .signing_in import browser, make_person
from .test_sign_in import cookies

FORM = {"display_name": "Ada Example", "name": "ada@example.org", "password": "kettle sonnet badger"}


async def link(service: Service, token: str = "first") -> str:
    context = Context(None, service.clock.now, "a test")
    await service.write(lambda s: set_up.make_link(s, context, token))
    return f"/set-up/{token}"


async def officers(service: Service) -> int:
    count = select(func.count()).select_from(Assignment).where(Assignment.role == Role.AB_OFFICER)
    return await service.services.database.read(lambda s: s.scalar(count) or 0)


async def test_the_link_makes_the_first_officer_with_a_second_factor(real_service_on_each: Service) -> None:
    service = real_service_on_each
    path = await link(service)
    client = await browser(service)
    assert (await client.get(path)).status == 200
    answer = await client.post(path, data=FORM, allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in/app", "a password alone opens nothing"
    assert (await client.get("/", allow_redirects=False)).status == 303
    secret = one_time_codes.new_secret(service.services.secrets_box, "attempt", cookies(client)["nea_attempt"])
    code = one_time_codes.code_of(secret, int(service.clock.now.timestamp()) // 30)
    assert (await client.post("/sign-in/app", data={"code": code})).status == 200
    assert (await client.get("/sign-in/go-on", allow_redirects=False)).headers["Location"] == "/"
    assert "Awarding body officer" in await (await client.get("/")).text()
    assert await officers(service) == 1
    again = await (await browser(service)).post(path, data=FORM)
    assert again.status == 410
    assert await set_up_lines.new_link(service.services) == "", (
        "the second officer's link is printed when it is asked for"
    )
    await make_person(service, Role.AB_OFFICER, name="second@example.org")
    with pytest.raises(SetUpOver, match="can sign in"):
        await link(service, "third")


async def test_two_who_use_the_link_at_once_make_one_officer(real_service_on_each: Service) -> None:
    service = real_service_on_each
    path = await link(service)
    clients = [await browser(service) for _ in range(2)]
    forms = [{**FORM, "name": f"ada-{number}@example.org"} for number in range(2)]
    answers = await asyncio.gather(
        *(one.post(path, data=form, allow_redirects=False) for one, form in zip(clients, forms, strict=True))
    )
    assert sorted(answer.status for answer in answers) == [303, 410]
    assert await officers(service) == 1


async def test_a_link_ends_after_an_hour_and_with_the_next_one(real_service: Service) -> None:
    first = await link(real_service, "first")
    second = await link(real_service, "second")
    client = await browser(real_service)
    assert (await client.get(first)).status == 410
    assert (await client.get("/set-up/guessed")).status == 410
    assert (await client.get(second)).status == 200
    real_service.clock.advance(minutes=60)
    page = await client.get(second)
    assert page.status == 410
    assert "nea set-up" in await page.text()
    assert (await client.post(second, data=FORM)).status == 410
    assert await officers(real_service) == 0


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_through_a_proxy_there_is_no_set_up(real_service: Service, header: str) -> None:
    path = await link(real_service)
    client = await browser(real_service)
    assert (await client.get(path, headers={header: "192.0.2.1"})).status == 404
    assert (await client.post(path, data=FORM, headers={header: "192.0.2.1"})).status == 404
    assert await officers(real_service) == 0


async def test_what_is_wrong_is_said_at_its_field_and_the_link_still_works(real_service: Service) -> None:
    path = await link(real_service)
    client = await browser(real_service)
    for change, said in (
        ({"display_name": " "}, "Enter your name."),
        ({"name": "a b"}, "no spaces"),
        ({"name": ""}, "no spaces"),
        ({"password": "Password123!"}, "tried first"),
        ({"password": "ada example 1"}, "made of your name"),
        ({"password": "short"}, "at least 8"),
    ):
        answer = await client.post(path, data=FORM | change)
        assert answer.status == 422
        assert said in await answer.text()
    assert await officers(real_service) == 0
    assert (await client.post(path, data=FORM, allow_redirects=False)).status == 303


async def test_another_site_cannot_send_the_form(real_service: Service) -> None:
    path = await link(real_service)
    client = await browser(real_service)
    answer = await client.post(path, data=FORM, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
    assert await officers(real_service) == 0


async def test_when_no_officer_can_sign_in_any_more_the_server_can_make_one_again(real_service: Service) -> None:
    person = await make_person(real_service, Role.AB_OFFICER)
    assert await set_up_lines.new_link(real_service.services) == ""

    def disable(session: Session) -> None:
        session.get_one(Account, person.account_id).disabled_at = real_service.clock.now

    await real_service.write(disable)
    assert await set_up_lines.new_link(real_service.services)


async def test_under_https_it_works_at_the_machines_own_address_and_signs_nobody_in_there(
    start_service: StartService,
) -> None:
    names = {"NEA_BASE_URL": "https://nea.example", "NEA_CONTENT_URL": "https://files.nea.example"}
    service = await start_service(None, NEA_REHEARSAL="no", **names)
    path = await link(service)
    client = await browser(service)
    assert (await client.get(path)).status == 200
    assert (await client.get("/static/icon.svg")).status == 200
    assert (await client.get("/sign-in")).status == 421
    for host in ("nea.example", "files.nea.example", "evil.example", "127.0.0.1.evil.example"):
        answer = await client.get(path, headers={"Host": host})
        assert answer.status in {404, 421}, host
    answer = await client.post(path, data=FORM)
    assert answer.status == 200
    assert 'href="https://nea.example/sign-in"' in await answer.text()
    assert not answer.cookies
    assert await officers(service) == 1


async def test_in_a_rehearsal_there_is_no_set_up(service: Service) -> None:
    path = await link(service)
    assert (await (await browser(service)).get(path)).status == 404


@pytest.mark.parametrize(
    ("address", "shown"),
    [("http://0.0.0.0:8080", "http://127.0.0.1:8080"), ("http://[::]:8080", "http://[::1]:8080"),
     ("http://127.0.0.1:18080", "http://127.0.0.1:18080"), ("http://localhost:8080", "http://localhost:8080")],
)  # fmt: skip
def test_the_printed_link_is_one_of_this_machine(address: str, shown: str) -> None:
    assert f"  {shown}/set-up/token" in set_up_lines.words(address, "token")
