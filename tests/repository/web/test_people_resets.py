"""Resets: opened by a person above or by a recovery code, finished by the person; what was lost is gone afterwards."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from repository import contacts
from repository.access import Role
from repository.mail import records as mail
from repository.mail.tables import MailMessage
from repository.sign_in import one_time_codes
from repository.sign_in.key_tables import Passkey
from repository.sign_in.local_tables import KnownDevice, LocalPassword, OneTimeCode, RecoveryCode
from repository.sign_in.paired_links import CODE_TRIES
from repository.sign_in.people_tables import Reset
from repository.sign_in.resets import OWN_RESETS_A_DAY, RESET_HOURS
from repository.tables import Assignment
from repository.web.pages.people_links import FORGOTTEN_SECONDS

from .conftest import Client, Service, csrf
from .test_people_centre import assignment_of
from .test_people_links import Handed, stranger, with_account

CENTRE = "99001"
PASSWORD = "violet tram ladder 48"


async def fill(service: Service, account_id: str) -> list[str]:
    """Give an account every kind of second factor; returns its recovery codes."""
    now = service.clock.now

    def work(session):
        from repository.audit import Context

        session.add(OneTimeCode(account_id=account_id, sealed=b"x", enrolled_at=now, last_used_step=0))
        session.add(KnownDevice(token_sha256=b"d" * 32, account_id=account_id, created_at=now, last_used_at=now))
        session.add(
            Passkey(
                account_id=account_id,
                name="Key",
                credential_id=account_id.encode(),
                credential_data=b"x",
                counter=0,
                is_synced=False,
                transports=[],
                made_at=now,
            )
        )
        context = Context(None, now, "test")
        return one_time_codes.make_recovery_codes(session, context, account_id, [bytes([n]) * 10 for n in range(10)])

    return list(await service.write(work))


async def left(service: Service, account_id: str) -> dict[str, int]:
    """Return what an account still has."""

    def count(session):
        found = {}
        for table in (OneTimeCode, RecoveryCode, KnownDevice):
            query = select(func.count()).select_from(table).where(table.account_id == account_id)
            found[table.__tablename__] = session.scalar(query)
        live = select(func.count()).where(Passkey.account_id == account_id, Passkey.removed_at.is_(None))
        return {**found, "passkey": session.scalar(live)}

    return dict(await service.services.database.read(count))


async def open_reset(manager: Client, path: str, account_id: str) -> Handed:
    answer = await manager.post(f"{path}/reset", data={"csrf_token": await csrf(manager), "account_id": account_id})
    text = await answer.text()
    assert answer.status == 200, text
    code, link = re.search(r'govuk-panel__title">(\d{4} \d{4})<', text), re.search(r"/reset/[\w-]+", text)
    assert code, text
    assert link, text
    return Handed(link[0], code[1])


def heard_of(session) -> None:
    """Let mail be queued, and give the centre a contact for security."""
    now = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
    mail.set_sent_here(session, True, now)
    kinds, office = [contacts.NoticeKind.SECURITY], "IT office"
    made = contacts.add(
        session, CENTRE, office=office, email="security@school.example", kinds=kinds, code="12345678", now=now
    )
    assert contacts.verify(session, CENTRE, made.contact_id, "12345678", now) is None


async def told(service: Service) -> list[tuple[str, str]]:
    """Return the letters that are queued, and to whom."""

    def read(session):
        return sorted((row.letter, row.to_address) for row in session.scalars(select(MailMessage)))

    return list(await service.services.database.read(read))


async def phc(service: Service, account_id: str) -> str:
    return str(await service.services.database.read(lambda s: s.get_one(LocalPassword, account_id).phc))


async def finish(client: Client, handed: Handed) -> int:
    claimed = await client.post(handed.path, data={"code": handed.code}, allow_redirects=False)
    if claimed.status != 303:
        return claimed.status
    return (await client.post("/reset", data={"password": PASSWORD}, allow_redirects=False)).status


@pytest.mark.fault("att:E11")
async def test_a_person_above_opens_it_and_everything_old_is_gone(service_on_each: Service) -> None:
    service = service_on_each
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    teacher = await with_account(service, Role.TEACHER, CENTRE)
    account_id = teacher.account_id
    await fill(service, account_id)
    old = await phc(service, account_id)
    page = f"/staff/{await assignment_of(service, teacher)}"
    handed = await open_reset(officer, page, account_id)
    # Until it is finished nothing changes: whoever only starts resets locks nobody out.
    assert (await teacher.get("/cases")).status == 200
    assert (await left(service, account_id))["one_time_code"] == 1

    person = await stranger(service)
    assert (await person.get(handed.path)).status == 200
    bad = await person.post(handed.path, data={"code": "0000"})
    assert bad.status == 422
    await service.write(heard_of)  # from here on mail is queued, so that it can be looked at
    assert await finish(person, handed) == 303
    assert await phc(service, account_id) != old
    assert await told(service) == [
        ("centre-security-notice", "security@school.example"),
        ("security-notice", f"teacher.{teacher.person_id[:8]}@school.example"),
    ]
    assert await left(service, account_id) == {"one_time_code": 0, "recovery_code": 0, "known_device": 0, "passkey": 0}
    assert (await teacher.get("/cases", allow_redirects=False)).status == 303
    assert await finish(await stranger(service), handed) == 410


@pytest.mark.fault("att:E11")
async def test_sf08_a_mailbox_alone_resets_nothing(service_on_each: Service) -> None:
    """The link is mailed, the code is not; whoever reads all mail of the person has the link and no more."""
    service = service_on_each
    await service.write(lambda s: mail.set_sent_here(s, True, service.clock.now))
    officer = await service.browser(Role.AB_OFFICER)
    moderator = await with_account(service, Role.MODERATOR)
    account_id = moderator.account_id
    await fill(service, account_id)
    old = await phc(service, account_id)
    form = {"csrf_token": await csrf(officer), "account_id": account_id}
    shown = await (await officer.post(f"/people/{moderator.person_id}/reset", data=form)).text()
    code = re.search(r'govuk-panel__title">(\d{4} \d{4})<', shown)
    assert code
    assert "/reset/" not in shown  # whoever opens it does not get the link: the mailbox does

    def mailbox(session):
        return [(row.letter, str(row.facts)) for row in session.scalars(select(MailMessage))]

    letters = await service.services.database.read(mailbox)
    assert sorted(letter for letter, _ in letters) == ["reset", "security-notice"]
    assert all(code[1] not in text and code[1].replace(" ", "") not in text for _, text in letters)
    link = re.search(r"/reset/[\w-]+", dict(letters)["reset"])
    assert link
    thief = await stranger(service)
    assert (await thief.get(link[0])).status == 200
    assert (await thief.get("/reset")).status == 410
    assert (await thief.post("/reset", data={"password": PASSWORD})).status == 410
    wrong = f"{(int(code[1].replace(' ', '')) + 1) % 10**8:08}"
    statuses = [(await thief.post(link[0], data={"code": wrong})).status for _ in range(CODE_TRIES + 1)]
    assert statuses == [422] * (CODE_TRIES - 1) + [410, 410]
    assert await finish(thief, Handed(link[0], code[1])) == 410
    assert await phc(service, account_id) == old
    assert (await moderator.get("/worklist")).status == 200


@pytest.mark.fault("att:E11")
async def test_a_recovery_code_stands_in_for_a_person(service_on_each: Service) -> None:
    service = service_on_each
    await service.write(lambda s: mail.set_sent_here(s, True, service.clock.now))
    teacher = await with_account(service, Role.TEACHER, CENTRE)
    account_id, name = teacher.account_id, f"{Role.TEACHER}.{teacher.person_id[:8]}"
    codes = await fill(service, account_id)
    person = await stranger(service)
    texts = set()
    for sign_in_name in (name.upper(), "nobody", "", "x" * 300, "\u202e"):
        began = time.monotonic()
        answer = await person.post("/forgotten", data={"sign_in_name": sign_in_name})
        assert time.monotonic() - began >= FORGOTTEN_SECONDS
        assert answer.status == 200
        texts.add(re.sub(r'nonce="[^"]+"|\d+:\d+[ap]m', "", await answer.text()))
    assert len(texts) == 1  # who has an account is not told

    def link(session):
        rows = session.scalars(select(MailMessage).where(MailMessage.letter == "reset")).all()
        return [row.facts["path"] for row in rows]

    (path,) = await service.services.database.read(link)
    thief = await stranger(service)
    for _ in range(CODE_TRIES - 1):
        assert (await thief.post(path, data={"code": "aaaa-bbbb"})).status == 422
    assert await finish(person, Handed(path, codes[0])) == 303
    found = await left(service, account_id)
    assert (found["one_time_code"], found["passkey"], found["known_device"]) == (1, 1, 0)
    assert (await teacher.get("/cases", allow_redirects=False)).status == 303
    # The code was used up, and so many links a day are enough.
    for _ in range(OWN_RESETS_A_DAY + 2):
        await person.post("/forgotten", data={"sign_in_name": name})
    assert len(await service.services.database.read(link)) == OWN_RESETS_A_DAY
    newest = (await service.services.database.read(link))[-1]
    assert (await thief.post(newest, data={"code": codes[0]})).status in {410, 422}


async def test_what_a_person_above_opened_is_not_undone_by_a_guessed_name(service: Service) -> None:
    await service.write(lambda s: mail.set_sent_here(s, False, service.clock.now))
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    teacher = await with_account(service, Role.TEACHER, CENTRE)
    await fill(service, teacher.account_id)
    page = f"/staff/{await assignment_of(service, teacher)}"
    handed = await open_reset(officer, page, teacher.account_id)
    name = f"{Role.TEACHER}.{teacher.person_id[:8]}"
    await (await stranger(service)).post("/forgotten", data={"sign_in_name": name})
    assert await finish(await stranger(service), handed) == 303


async def test_who_may_open_a_reset_for_whom(service: Service) -> None:
    exams, officer = await service.browser(Role.EXAMS_OFFICER, CENTRE), await with_account(service, Role.AB_OFFICER)
    teacher = await with_account(service, Role.TEACHER, CENTRE)
    other_exams = await with_account(service, Role.EXAMS_OFFICER, CENTRE)

    async def status(client: Client, path: str, about: Client) -> int:
        form = {"csrf_token": await csrf(client), "account_id": about.account_id}
        return (await client.post(f"{path}/reset", data=form)).status

    page = f"/staff/{await assignment_of(service, teacher)}"
    assert await status(exams, page, teacher) == 200
    assert await status(exams, page, other_exams) == 422  # a colleague's is the awarding body's to open
    assert await status(exams, page, officer) == 404
    assert await status(officer, f"/people/{other_exams.person_id}", other_exams) == 200
    assert await status(officer, f"/people/{officer.person_id}", officer) == 422

    def promote(session):
        session.add(Assignment(person_id=teacher.person_id, role=Role.MODERATOR, valid_from=service.clock.now))

    await service.write(promote)
    assert await status(exams, page, teacher) == 422  # a school does not open the way to work of other schools
    assert await status(officer, f"/people/{teacher.person_id}", teacher) == 200


@pytest.mark.fault("att:E11")
async def test_a_reset_is_over_in_time_and_with_who_opened_it(service_on_each: Service) -> None:
    service = service_on_each
    exams = [await service.browser(Role.EXAMS_OFFICER, CENTRE) for _ in range(2)]
    teacher = await with_account(service, Role.TEACHER, CENTRE)
    account_id = teacher.account_id
    page = f"/staff/{await assignment_of(service, teacher)}"
    first = await open_reset(exams[0], page, account_id)
    second = await open_reset(exams[0], page, account_id)
    assert await finish(await stranger(service), first) == 410
    form = {"csrf_token": await csrf(exams[1])}
    await exams[1].post(f"/staff/{await assignment_of(service, exams[0])}/end", data=form)
    assert await finish(await stranger(service), second) == 410
    third = await open_reset(exams[1], page, account_id)
    service.clock.advance(hours=RESET_HOURS)
    assert await finish(await stranger(service), third) == 410

    def states(session):
        return session.scalar(select(func.count()).where(Reset.used_at.is_not(None)))

    assert await service.services.database.read(states) == 0


@pytest.mark.parametrize("password", ["", "short", "testteacher1", "x" * 5000])
async def test_a_bad_new_password_is_named_and_the_reset_stays(service: Service, password: str) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    teacher = await with_account(service, Role.TEACHER, CENTRE)
    page = f"/staff/{await assignment_of(service, teacher)}"
    handed = await open_reset(officer, page, teacher.account_id)
    person = await stranger(service)
    assert (await person.post(handed.path, data={"code": handed.code}, allow_redirects=False)).status == 303
    answer = await person.post("/reset", data={"password": password})
    assert answer.status == 422
    assert 'href="#password"' in await answer.text()
    assert (await person.post("/reset", data={"password": PASSWORD}, allow_redirects=False)).status == 303
