"""Notification contacts: several offices of a centre, each for kinds of notice, once mail was seen to arrive."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from repository import contacts
from repository.access import Role
from repository.audit import Context
from repository.mail import contacts as mail_contacts
from repository.mail import records as mail
from repository.mail.tables import MailMessage
from repository.sign_in.paired_links import CODE_TRIES

from .conftest import Service, csrf

CENTRE = "99001"
CONTACT = {"office": "Exams office", "email": "exams@school.example"}


async def codes(service: Service) -> list[str]:
    def read(session):
        rows = session.scalars(select(MailMessage).where(MailMessage.letter == "contact-code"))
        return [row.facts["code"] for row in rows]

    return list(await service.services.database.read(read))


async def addresses(service: Service, kind: str, centre: str = CENTRE) -> tuple[str, ...]:
    def read(session):
        return contacts.contacts_for(session, centre, kind)

    return tuple(await service.services.database.read(read))


async def test_a_contact_counts_once_its_code_came_back(service_on_each: Service) -> None:
    service = service_on_each
    await service.write(lambda s: mail.set_sent_here(s, True, service.clock.now))
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    assert "Name a notification contact" in await (await officer.get("/")).text()
    form = [("csrf_token", await csrf(officer)), *CONTACT.items(), ("kinds", "receipts"), ("kinds", "deadlines")]
    assert (await officer.post("/contacts", data=form, allow_redirects=False)).status == 303
    text = await (await officer.get("/contacts")).text()
    assert "Not verified" in text
    assert await addresses(service, "receipts") == ()
    verify = re.search(r"/contacts/([\w-]+)/verify", text)
    assert verify
    token = {"csrf_token": await csrf(officer)}
    (code,) = await codes(service)
    wrong = f"{(int(code.replace(' ', '')) + 1) % 10**8:08}"
    for _ in range(CODE_TRIES):
        assert (await officer.post(verify[0], data={**token, "code": wrong})).status == 422
    assert (await officer.post(verify[0], data={**token, "code": code})).status == 422  # too many wrong ones
    again = await officer.post(f"/contacts/{verify[1]}/code", data=token, allow_redirects=False)
    assert again.status == 303
    newest = (await codes(service))[-1]
    done = await officer.post(verify[0], data={**token, "code": newest}, allow_redirects=False)
    assert done.status == 303
    assert await addresses(service, "receipts") == (CONTACT["email"],)
    assert await addresses(service, "results") == ()
    assert await addresses(service, "receipts", "99002") == ()
    assert "Name a notification contact" not in await (await officer.get("/")).text()

    def of_mail(session):
        return mail_contacts.addresses_for(session, Context(None, service.clock.now, "test"), CENTRE, "deadlines")

    assert await service.services.database.read(of_mail) == (CONTACT["email"],)
    kinds = await officer.post(
        f"/contacts/{verify[1]}/kinds", data={**token, "kinds": "results"}, allow_redirects=False
    )
    assert kinds.status == 303
    assert await addresses(service, "results") == (CONTACT["email"],)
    assert (await officer.post(f"/contacts/{verify[1]}/remove", data=token, allow_redirects=False)).status == 303
    assert await addresses(service, "results") == ()
    assert (await officer.post(f"/contacts/{verify[1]}/remove", data=token)).status == 404


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"office": ""}, "office"),
        ({"office": "x" * 101}, "office"),
        ({"office": "A\u202eB"}, "office"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b.example, c@d.example"}, "email"),
        ({"email": "a@b.example\nBcc: c@d.example"}, "email"),
        ({"kinds": ""}, "kinds"),
        ({"kinds": "gossip"}, "kinds"),
    ],
)
async def test_a_bad_contact_is_named(service: Service, form: dict[str, str], field: str) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    data = {"csrf_token": await csrf(officer), **CONTACT, "kinds": "receipts", **form}
    answer = await officer.post("/contacts", data=data)
    assert answer.status == 422
    assert f'href="#{field}"' in await answer.text()


async def test_contacts_belong_to_their_centre(service: Service) -> None:
    """Officers read them, other centres do not know them, nobody else reaches the page."""
    await service.write(lambda s: mail.set_sent_here(s, True, service.clock.now))
    exams, foreign = [await service.browser(Role.EXAMS_OFFICER, centre) for centre in (CENTRE, "99002")]
    officer = await service.browser(Role.AB_OFFICER)
    data = {"csrf_token": await csrf(exams), **CONTACT, "kinds": "receipts"}
    await exams.post("/contacts", data=data)
    assert "already" in await (await exams.post("/contacts", data={**data, "email": "EXAMS@school.example"})).text()
    found = re.search(r"/contacts/([\w-]+)/verify", await (await exams.get("/contacts")).text())
    assert found
    (code,) = await codes(service)
    token = {"csrf_token": await csrf(foreign)}
    for act in ("verify", "code", "kinds", "remove"):
        answer = await foreign.post(f"/contacts/{found[1]}/{act}", data={**token, "code": code, "kinds": "results"})
        assert answer.status == 404, act
    assert CONTACT["email"] not in await (await foreign.get(f"/contacts?centre={CENTRE}")).text()
    assert CONTACT["email"] in await (await officer.get(f"/contacts?centre={CENTRE}")).text()
    assert CONTACT["email"] not in await (await officer.get("/contacts?centre=%00")).text()
    answer = await officer.post(f"/contacts/{found[1]}/remove", data={"csrf_token": await csrf(officer)})
    assert answer.status == 404
    for role in (Role.TEACHER, Role.MODERATOR, Role.TRACKING_CLERK):
        assert (await (await service.browser(role)).get("/contacts")).status == 404
