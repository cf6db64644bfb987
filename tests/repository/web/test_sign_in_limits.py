"""Guessing is slowed; nobody is kept out by what others do (SF-09, real:R29)."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import Role
from repository.mail.records import set_sent_here
from repository.mail.tables import MailMessage
from repository.sign_in import throttle
from repository.sign_in.local_tables import Failures
from repository.sign_in.tables import Account

from .conftest import Client, Service
from .signing_in import PASSWORD, LocalPerson, browser, make_person, signed_in

WRONG = "not the password at all"


async def attempt(client: Client, name: str, password: str) -> int:
    return (await client.post("/sign-in", data={"name": name, "password": password}, allow_redirects=False)).status


async def guess_until_locked(service: Service, name: str) -> None:
    guesser = await browser(service)
    wait = 0
    while wait < 800:
        answer = await guesser.post("/sign-in", data={"name": name, "password": WRONG})
        assert answer.status in {422, 429}
        wait = int(answer.headers.get("Retry-After", "0"))
        service.clock.advance(seconds=wait if wait < 800 else 0)


async def test_the_fifth_wrong_password_makes_wait_and_the_tenth_a_quarter_of_an_hour(
    real_service_on_each: Service,
) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    client = await browser(service)
    assert [await attempt(client, person.name, WRONG) for _ in range(5)] == [422] * 5
    answer = await client.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "1"
    assert "Wait a second" in await answer.text()
    service.clock.advance(seconds=1)
    assert await attempt(client, person.name, PASSWORD) == 303
    await guess_until_locked(service, person.name)
    locked = await client.post("/sign-in", data={"name": person.name, "password": WRONG})
    assert locked.status == 429
    assert "15 minutes" in await locked.text()


async def test_sf_09_a_right_password_is_kept_out_a_quarter_of_an_hour_at_most(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    await guess_until_locked(real_service, person.name)
    stranger = await browser(real_service)
    assert await attempt(stranger, person.name, PASSWORD) == 429
    real_service.clock.advance(seconds=899)
    assert await attempt(stranger, person.name, PASSWORD) == 429, "tries during the wait neither end nor lengthen it"
    real_service.clock.advance(seconds=1)
    assert await attempt(stranger, person.name, PASSWORD) == 303


async def test_sf_09_a_known_device_is_let_in_whatever_others_guess_elsewhere(real_service_on_each: Service) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    own = await signed_in(service, person)
    own.session.cookie_jar.clear(lambda cookie: cookie.key == "nea_session")
    await guess_until_locked(service, person.name)
    assert await attempt(await browser(service), person.name, PASSWORD) == 429
    await signed_in(service, person, own)


async def test_a_known_device_has_its_own_count_and_is_known_for_its_own_people_only(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    other = await make_person(real_service, Role.TEACHER)
    own = await signed_in(real_service, person)
    own.session.cookie_jar.clear(lambda cookie: cookie.key == "nea_session")
    statuses = [await attempt(own, person.name, WRONG) for _ in range(6)]
    assert statuses == [422] * 5 + [429], "a stolen device cookie guesses no faster"
    assert await attempt(await browser(real_service), person.name, PASSWORD) == 303
    await guess_until_locked(real_service, other.name)
    assert await attempt(own, other.name, PASSWORD) == 429, "the device of one person is not known to another's account"


async def test_whose_name_is_guessed_at_is_told_once_a_day(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)

    def address(session: Session) -> None:
        session.get_one(Account, person.account_id).email = "ada@example.org"
        set_sent_here(session, True, real_service.clock.now)

    await real_service.write(address)
    for _ in range(2):
        await guess_until_locked(real_service, person.name)
        real_service.clock.advance(seconds=900)
    letters = await real_service.services.database.read(lambda s: s.scalars(select(MailMessage)).all())
    assert [one.letter for one in letters] == ["security-notice"]
    assert "Wrong passwords were tried" in str(letters[0].facts["what"])


async def test_names_that_nobody_has_are_slowed_in_the_same_words(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    pages = []
    for name in (person.name, "nobody@example.org"):
        await guess_until_locked(real_service, name)
        answer = await (await browser(real_service)).post("/sign-in", data={"name": name, "password": PASSWORD})
        main = (await answer.text()).partition("<main")[2].partition("</main")[0]
        pages.append((answer.status, answer.headers["Retry-After"], main.replace(name, "…")))
    assert pages[0] == pages[1]


@pytest.mark.fault("real:R29")
async def test_sf_09_a_whole_school_behind_one_address_signs_in_while_somebody_guesses_there(
    real_service: Service,
) -> None:
    """Only the answers to wrong passwords come later; a right one is neither refused nor delayed."""
    service = real_service
    people = [await make_person(service, Role.TEACHER, name=f"teacher-{n}@example.org") for n in range(3)]
    address = service.services.secrets_box.fingerprint("address", "127.0.0.1")

    def guessed(session: Session) -> None:
        session.add(Failures(key=address, count=throttle.ADDRESS_FREE + 8, last_at=service.clock.now))

    await service.write(guessed)
    began = time.perf_counter()
    assert await attempt(await browser(service), "nobody@example.org", WRONG) == 422
    assert time.perf_counter() - began >= 2.25
    for person in people:
        await signed_in(service, person)
    count = await service.services.database.read(lambda s: s.get_one(Failures, address).count)
    assert count == throttle.ADDRESS_FREE + 9, "right passwords neither add to the count nor take from it"


async def with_password(service: Service, person: LocalPerson) -> Client:
    client = await browser(service)
    assert await attempt(client, person.name, PASSWORD) == 303
    return client


async def test_codes_are_slowed_per_account_over_all_browsers(real_service_on_each: Service) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    clients = [await with_password(service, person), await with_password(service, person)]
    statuses = []
    for number in range(6):
        form = {"code": "000000"} if number % 3 else {"recovery_code": "aaaa-bbbb-cccc-dddd"}
        statuses.append((await clients[number % 2].post("/sign-in/code", data=form)).status)
    assert statuses == [422] * 5 + [429]
    right = await clients[0].post("/sign-in/code", data={"code": person.code()})
    assert right.status == 429
    service.clock.advance(seconds=60)
    right = await clients[0].post("/sign-in/code", data={"code": person.code()}, allow_redirects=False)
    assert right.headers["Location"] == "/"


async def test_a_reset_clock_keeps_nobody_out_for_good(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    await guess_until_locked(real_service, person.name)
    real_service.clock.advance(days=-3)
    client = await browser(real_service)
    assert await attempt(client, person.name, PASSWORD) == 429
    real_service.clock.advance(days=3, minutes=15)
    assert await attempt(client, person.name, PASSWORD) == 303
