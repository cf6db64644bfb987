"""Invitations: the link and the code together, once, for one account; and what nobody gets in with."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from moderation.errors import RecordKept
from moderation.tables import PersonAlias
from repository import people
from repository.access import Role
from repository.audit import Context
from repository.sign_in import local
from repository.sign_in.invitations import INVITATION_DAYS
from repository.sign_in.paired_links import CODE_TRIES
from repository.sign_in.people_tables import Invitation
from repository.sign_in.tables import Account
from repository.tables import Assignment, AuditEvent, WebSession

from .conftest import Client, Service, csrf
from .signing_in_elsewhere import Elsewhere, running_elsewhere

CENTRE = "99001"
PASSWORD = "violet tram ladder 48"
WHOM = {"name": "Ada Example", "email": "ada@school.example"}


@dataclass
class Handed:
    """What an inviter was shown."""

    path: str
    code: str


async def invite(officer: Client, role: Role = Role.TEACHER, base: str = "/staff", **more: str) -> Handed:
    form = {"csrf_token": await csrf(officer), "role": role, **WHOM, **more}
    answer = await officer.post(f"{base}/invitations", data=form)
    text = await answer.text()
    assert answer.status == 200, text
    found = re.search(r'govuk-panel__title">(\d{4} \d{4})<', text)
    link = re.search(r"/invitation/[\w-]+", text)
    assert found, text
    assert link, text
    return Handed(link[0], found[1])


async def stranger(service: Service) -> Client:
    client = await service.anonymous()
    client.session.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
    return client


async def with_account(service: Service, role: Role, centre_number: str | None = None) -> Client:
    """Return the browser of somebody who is signed in with an account of this service."""
    person_id, _ = await service.add_person(role, centre_number)

    def sign_in(session):
        assignment = session.scalars(select(Assignment).where(Assignment.person_id == person_id)).one()
        context = Context(None, service.clock.now, "test")
        name = f"{role}.{person_id[:8]}"
        account_id = local.add_account(session, context, person_id, name, "$none", email=f"{name}@school.example")
        token = people.open_session(session, context, assignment.id, account_id=account_id, methods=["passkey"])
        return token, account_id

    token, account_id = await service.write(sign_in)
    client = await stranger(service)
    client.session.cookie_jar.update_cookies({"nea_session": token}, response_url=client.make_url("/"))
    client.person_id, client.account_id = person_id, account_id
    return client


async def accept(client: Client, handed: Handed, name: str = "ada") -> int:
    claimed = await client.post(handed.path, data={"code": handed.code}, allow_redirects=False)
    if claimed.status != 303:
        return claimed.status
    assert claimed.headers["Location"] == "/invitation"
    form = {"sign_in_name": name, "password": PASSWORD}
    return (await client.post("/invitation", data=form, allow_redirects=False)).status


async def roles(service: Service, role: Role) -> int:
    count = select(func.count()).select_from(Assignment).where(Assignment.role == role)
    return await service.services.database.read(lambda s: s.scalar(count) or 0)


async def sessions(service: Service) -> int:
    count = select(func.count()).select_from(WebSession)
    return await service.services.database.read(lambda s: s.scalar(count) or 0)


@pytest.mark.fault("att:E10")
async def test_link_and_code_together_give_the_role_once(service_on_each: Service) -> None:
    service = service_on_each
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    handed = await invite(officer)
    assert await roles(service, Role.TEACHER) == 0
    person = await stranger(service)
    shown = await (await person.get(handed.path)).text()
    assert "Teacher of centre 99001" in shown
    assert handed.code not in shown
    before = await sessions(service)
    assert await accept(person, handed) == 303
    assert await roles(service, Role.TEACHER) == 1
    assert await sessions(service) == before  # a second factor comes first

    def look(session):
        row = session.scalars(select(Invitation)).one()
        account = session.scalars(select(Account)).one()
        given = session.scalars(select(Assignment).where(Assignment.role == Role.TEACHER)).one()
        return row.account_id == account.id, account.email, given.centre_number, given.granted_by, row.made_by

    bound, email, centre, granted_by, made_by = await service.services.database.read(look)
    assert (bound, email, centre, granted_by) == (True, WHOM["email"], CENTRE, made_by)

    # Used again: by the same browser, by another, with the right code.
    other = await stranger(service)
    assert await accept(person, handed, "again") == 410
    assert await accept(other, handed, "again") == 410
    assert (await other.get(handed.path)).status == 410
    assert await roles(service, Role.TEACHER) == 1


@pytest.mark.fault("att:E10")
async def test_a_forwarded_link_opens_nothing_without_the_code(service_on_each: Service) -> None:
    service = service_on_each
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    handed = await invite(officer)
    thief = await stranger(service)
    assert (await thief.get("/invitation")).status == 410
    assert (await thief.post("/invitation", data={"sign_in_name": "thief", "password": PASSWORD})).status == 410
    wrong = f"{(int(handed.code.replace(' ', '')) + 1) % 10**8:08}"
    for left in range(CODE_TRIES - 1, 0, -1):
        answer = await thief.post(handed.path, data={"code": wrong})
        assert answer.status == 422
        assert ("one more try" if left == 1 else f"{left} more tries") in await answer.text()
    assert (await thief.post(handed.path, data={"code": wrong})).status == 410
    # The guesser has locked the link, and nobody gets in by it: the inviter sees that, and makes another.
    assert await accept(thief, handed) == 410
    assert "Wrong code too often" in await (await officer.get("/staff")).text()
    assert await roles(service, Role.TEACHER) == 0

    def refused(session):
        rows = session.scalars(select(AuditEvent).where(AuditEvent.action == "invitation.claimed"))
        return [row.outcome for row in rows]

    assert await service.services.database.read(refused) == ["refused"] * CODE_TRIES
    assert await accept(await stranger(service), await invite(officer)) == 303


@pytest.mark.fault("att:E10")
async def test_what_was_no_code_costs_no_try(service: Service) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    handed = await invite(officer)
    person = await stranger(service)
    for bad in ("", "1234", "abcdefgh", "12345678 9", "１２３４５６７８", "1234\x005678", "9" * 39):
        answer = await person.post(handed.path, data={"code": bad})
        assert answer.status == 422, bad
        assert 'href="#code"' in await answer.text()
    assert await accept(person, handed) == 303


@pytest.mark.fault("att:E10")
async def test_an_old_and_a_revoked_invitation_open_nothing(service_on_each: Service) -> None:
    service = service_on_each
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    first = await invite(officer)
    person = await stranger(service)
    assert (await person.post(first.path, data={"code": first.code}, allow_redirects=False)).status == 303
    text = await (await officer.get("/staff")).text()
    revoke = re.search(r"/staff/invitations/[\w-]+/revoke", text)
    assert revoke
    form = {"csrf_token": await csrf(officer)}
    assert (await officer.post(revoke[0], data=form, allow_redirects=False)).status == 303
    # Revoked between the code and the password.
    assert (await person.post("/invitation", data={"sign_in_name": "ada", "password": PASSWORD})).status == 410
    assert (await officer.post(revoke[0], data=form, allow_redirects=False)).status == 410

    second = await invite(officer)
    third = await invite(officer)
    assert await accept(await stranger(service), second) == 410  # a newer one to the same address took its place
    service.clock.advance(days=INVITATION_DAYS)
    assert (await (await stranger(service)).get(third.path)).status == 410
    assert await accept(await stranger(service), third) == 410
    assert await roles(service, Role.TEACHER) == 0


@pytest.mark.fault("att:E10")
async def test_invitations_fall_with_whoever_made_them(service_on_each: Service) -> None:
    service = service_on_each
    hijacked, other = [await service.browser(Role.EXAMS_OFFICER, CENTRE) for _ in range(2)]
    handed = await invite(hijacked, Role.EXAMS_OFFICER)
    text = await (await other.get("/staff")).text()

    def assignment(session):
        return session.scalars(select(Assignment.id).where(Assignment.person_id == hijacked.person_id)).one()

    assignment_id = await service.services.database.read(assignment)
    assert assignment_id in text
    ended = await other.post(
        f"/staff/{assignment_id}/end", data={"csrf_token": await csrf(other)}, allow_redirects=False
    )
    assert ended.status == 303
    assert await accept(await stranger(service), handed) == 410
    assert await roles(service, Role.EXAMS_OFFICER) == 2


async def test_an_exams_officer_gives_roles_of_the_own_centre_only(service: Service) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    token = await csrf(officer)
    for role in (Role.MODERATOR, Role.AB_OFFICER, "nobody", ""):
        answer = await officer.post("/staff/invitations", data={"csrf_token": token, "role": role, **WHOM})
        assert answer.status == 422, role
        assert 'href="#role"' in await answer.text()
    handed = await invite(officer, Role.TEACHER, centre_number="99002")
    assert "centre 99001" in await (await (await stranger(service)).get(handed.path)).text()
    other = await service.browser(Role.EXAMS_OFFICER, "99002")
    text = await (await officer.get("/staff")).text()
    revoke = re.search(r"/staff/invitations/[\w-]+/revoke", text)
    assert revoke
    assert "Ada Example" not in await (await other.get("/staff")).text()
    assert (await other.post(revoke[0], data={"csrf_token": await csrf(other)})).status == 404


async def test_whoever_is_signed_in_accepts_under_the_same_account(service_on_each: Service) -> None:
    """A person with an account comes to a role at a second centre by the account they have."""
    service = service_on_each
    officer = await service.browser(Role.EXAMS_OFFICER, "99002")
    handed = await invite(officer)
    person = await with_account(service, Role.TEACHER, CENTRE)
    token = {"csrf_token": await csrf(person)}
    claimed = await person.post(handed.path, data={"code": handed.code, **token}, allow_redirects=False)
    assert claimed.status == 303
    assert "Accept as Test teacher" in await (await person.get("/invitation")).text()
    done = await person.post("/invitation/accept-signed-in", data=token, allow_redirects=False)
    assert done.status == 303

    def centres(session):
        of_person = select(Assignment.centre_number).where(Assignment.person_id == person.person_id)
        return set(session.scalars(of_person))

    assert await service.services.database.read(centres) == {CENTRE, "99002"}
    assert (await person.post("/invitation/accept-signed-in", data=token)).status == 410


async def test_nobody_accepts_what_they_made_themselves(service_on_each: Service) -> None:
    """SF-18 begins here: an inviter's own account, or another account known to be theirs, is refused."""
    service = service_on_each
    officer = await with_account(service, Role.EXAMS_OFFICER, CENTRE)
    handed = await invite(officer)
    token = {"csrf_token": await csrf(officer)}
    await officer.post(handed.path, data={"code": handed.code, **token}, allow_redirects=False)
    refused = await officer.post("/invitation/accept-signed-in", data=token)
    assert refused.status == 409
    assert "Nobody gives, changes or ends a role of their own" in await refused.text()

    second = await with_account(service, Role.MODERATOR)

    def merge(session):
        pair = {"person_id": officer.person_id, "other_id": second.person_id}
        session.add(PersonAlias(**pair, merged_by="x", merged_at=service.clock.now, reason="the same human"))

    await service.write(merge)
    token = {"csrf_token": await csrf(second)}
    await second.post(handed.path, data={"code": handed.code, **token}, allow_redirects=False)
    assert (await second.post("/invitation/accept-signed-in", data=token)).status == 409
    assert await roles(service, Role.TEACHER) == 0


async def test_a_development_sign_in_has_no_account_to_accept_with(service: Service) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    handed = await invite(officer)
    token = {"csrf_token": await csrf(officer)}
    await officer.post(handed.path, data={"code": handed.code, **token}, allow_redirects=False)
    assert "accept-signed-in" not in await (await officer.get("/invitation")).text()
    assert (await officer.post("/invitation/accept-signed-in", data=token)).status == 404


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"sign_in_name": "", "password": PASSWORD}, "sign_in_name"),
        ({"sign_in_name": "a b", "password": PASSWORD}, "sign_in_name"),
        ({"sign_in_name": "x" * 400, "password": PASSWORD}, "sign_in_name"),
        ({"sign_in_name": "ada", "password": ""}, "password"),
        ({"sign_in_name": "ada", "password": "short"}, "password"),
        ({"sign_in_name": "ada", "password": "adaexample1"}, "password"),
        ({"sign_in_name": "ada", "password": "x" * 5000}, "password"),
    ],
)
async def test_a_bad_account_is_named_and_the_invitation_stays(
    service: Service, form: dict[str, str], field: str
) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    handed = await invite(officer)
    person = await stranger(service)
    assert (await person.post(handed.path, data={"code": handed.code}, allow_redirects=False)).status == 303
    answer = await person.post("/invitation", data=form)
    assert answer.status == 422
    assert f'href="#{field}"' in await answer.text()
    assert await roles(service, Role.TEACHER) == 0
    good = {"sign_in_name": "ada", "password": PASSWORD}
    assert (await person.post("/invitation", data=good, allow_redirects=False)).status == 303


async def test_two_people_cannot_have_one_sign_in_name(service: Service) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    assert await accept(await stranger(service), await invite(officer)) == 303
    handed = await invite(officer, email="bert@school.example")
    person = await stranger(service)
    assert (await person.post(handed.path, data={"code": handed.code}, allow_redirects=False)).status == 303
    answer = await person.post("/invitation", data={"sign_in_name": "ADA", "password": PASSWORD})
    assert answer.status == 422
    assert 'href="#sign_in_name"' in await answer.text()


@pytest.fixture
async def elsewhere_on_each(tmp_path: Path, migrated_url: str) -> AsyncIterator[Elsewhere]:
    async with running_elsewhere(tmp_path, migrated_url) as made:
        yield made


@pytest.mark.fault("att:E10")
async def test_an_account_of_an_identity_provider_accepts_by_its_subject(elsewhere_on_each: Elsewhere) -> None:
    """The link and code are right, the account is whoever the provider vouches for: (``iss``, ``sub``), no address."""
    one = elsewhere_on_each
    officer = await with_account(one.service, Role.EXAMS_OFFICER, CENTRE)
    handed = await invite(officer)
    one.school.claims = {"school": "123456", "email": "somebody.else@school.example", "amr": ["pwd", "mfa"]}
    browser = await one.browser()
    browser.session.headers.update({"Sec-Fetch-Site": "same-origin"})
    assert (await browser.post(handed.path, data={"code": handed.code}, allow_redirects=False)).status == 303
    page = await (await browser.get("/invitation")).text()
    assert "/sign-in/provider/school?next=/invitation" in page
    came = await one.come_back(browser, await one.begin(browser, next_path="/invitation"))
    assert (came.status, came.headers["Location"]) == (303, "/")
    assert ("teacher", CENTRE) in await one.roles()
    assert (one.school.address, "subject-1") in await one.accounts()
    assert (await browser.get("/cases")).status == 200
    assert not await one.waiting()

    # The same invitation for another account of the provider, and for nobody's browser.
    thief = await one.browser()
    thief.session.headers.update({"Sec-Fetch-Site": "same-origin"})
    assert (await thief.post(handed.path, data={"code": handed.code})).status == 410
    one.school.claims = {"school": "123456", "sub": "subject-2", "amr": ["pwd", "mfa"]}
    await one.come_back(thief, await one.begin(thief, next_path="/invitation"))
    assert (await one.roles()).count(("teacher", CENTRE)) == 1


async def test_two_acceptances_at_once_make_one_account(service_on_each: Service) -> None:
    service = service_on_each
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    handed = await invite(officer)
    person = await stranger(service)
    assert (await person.post(handed.path, data={"code": handed.code}, allow_redirects=False)).status == 303
    answers = await asyncio.gather(
        *(
            person.post("/invitation", data={"sign_in_name": name, "password": PASSWORD}, allow_redirects=False)
            for name in ("ada.one", "ada.two")
        )
    )
    assert sorted(one.status for one in answers) == [303, 410]
    assert await roles(service, Role.TEACHER) == 1
    count = select(func.count()).select_from(Account)
    assert await service.services.database.read(lambda s: s.scalar(count)) == 1


async def test_the_database_uses_a_link_once_and_for_what_it_was_made(service_on_each: Service) -> None:
    """Code that forgets the rule is refused by the database itself."""
    service = service_on_each
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    await accept(await stranger(service), await invite(officer))

    def changed(**values: object):
        def work(session):
            row = session.scalars(select(Invitation)).one()
            for name, value in values.items():
                setattr(row, name, value)

        return work

    for values in (
        {"used_at": None},
        {"account_id": None},
        {"role": "ab_officer"},
        {"centre_number": "99002"},
        {"token_sha256": b"x" * 32},
        {"expires_at": service.clock.now},
        {"made_by": "x"},
    ):
        with pytest.raises(RecordKept):
            await service.write(changed(**values))
