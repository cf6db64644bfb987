"""People with real local accounts, who sign in as people do: name and password, then a code of their app."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from repository import people
from repository.access import CENTRE_ROLES, Role
from repository.audit import Context
from repository.sign_in import hashing, local, one_time_codes
from repository.tables import Assignment

from .conftest import Client

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from .conftest import Service

PASSWORD = "three hares under one moon"
_BROWSER = {
    "Accept": "text/html",
    "Sec-Fetch-Site": "same-origin",
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
}


@cache
def hashed(password: str) -> str:
    """The hash of a password at the least cost, as `tests/passwords.py` says; made once."""
    return hashing.hash_password(password, hashing.FLOOR)


@dataclass
class LocalPerson:
    """Somebody with a local account."""

    service: Service
    person_id: str
    account_id: str
    assignment_id: str
    name: str
    password: str
    secret: bytes
    recovery_codes: list[str]
    _last_step: int = field(default=-1)

    def code(self) -> str:
        """The app's code now; the next step's if this one's was used, and the clock moves on when that is too early."""
        now = int(self.service.clock.now.timestamp()) // one_time_codes.STEP_SECONDS
        step = max(now, self._last_step + 1)
        if step > now + 1:
            self.service.clock.advance(seconds=one_time_codes.STEP_SECONDS * (step - now))
        self._last_step = step
        return one_time_codes.code_of(self.secret, step)


async def make_person(
    service: Service,
    role: Role,
    centre_number: str | None = None,
    *,
    name: str = "",
    password: str = PASSWORD,
    second_factor: bool = True,
    also: Role | None = None,
) -> LocalPerson:
    """Make a person with one assignment (or `also` a second) and a local account, with an app and recovery codes."""
    if role in CENTRE_ROLES and centre_number is None:
        centre_number = "99001"
    name = name or f"{role}.{centre_number or 'body'}@example.org"
    now, box = service.clock.now, service.services.secrets_box
    context = Context(None, now, "a test")
    secret = box.fingerprint("a test's app", name)[: one_time_codes.SECRET_BYTES]
    raw = [bytes([number]) * one_time_codes.RECOVERY_BYTES for number in range(one_time_codes.RECOVERY_CODES)]

    def add(session: Session) -> LocalPerson:
        assignment = people.add_person(session, f"Local {role}", role, now, centre_number=centre_number)
        if also is not None:
            session.add(
                Assignment(person_id=assignment.person_id, role=also, centre_number=centre_number, valid_from=now)
            )
        account_id = local.add_account(session, context, assignment.person_id, name, hashed(password))
        codes: list[str] = []
        if second_factor:
            one_time_codes.enrol(session, context, account_id, secret, -1, box)
            codes = one_time_codes.make_recovery_codes(session, context, account_id, raw)
        return LocalPerson(service, assignment.person_id, account_id, assignment.id, name, password, secret, codes)

    return await service.write(add)


async def browser(service: Service) -> Client:
    """A browser in which nobody is signed in."""
    client = await service.anonymous()
    client.session.headers.update(_BROWSER)
    return client


async def signed_in(service: Service, person: LocalPerson, client: Client | None = None) -> Client:
    """A browser in which a person has signed in with name, password and, where there is an app, its code."""
    client = client or await browser(service)
    answer = await client.post(
        "/sign-in", data={"name": person.name, "password": person.password}, allow_redirects=False
    )
    assert answer.status == 303, await answer.text()
    if answer.headers["Location"] == "/sign-in/code":
        answer = await client.post("/sign-in/code", data={"code": person.code()}, allow_redirects=False)
        assert answer.status == 303, await answer.text()
    if answer.headers["Location"] == "/sign-in/role":
        form = {"role": person.assignment_id}
        answer = await client.post("/sign-in/role", data=form, allow_redirects=False)
        assert answer.status == 303, await answer.text()
    assert answer.headers["Location"] == "/", answer.headers["Location"]
    return client


async def local_browser(service: Service, role: Role, centre_number: str | None = None) -> Client:
    """A browser with somebody of a role signed in for real; `person_id` is set on it."""
    person = await make_person(service, role, centre_number)
    client = await signed_in(service, person)
    client.person_id = person.person_id
    return client
