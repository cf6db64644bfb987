"""What a sign-in leaves behind: an event for each step and each refusal, and a letter for each change of the way in."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import Role
from repository.mail.records import set_sent_here
from repository.mail.tables import MailMessage
from repository.sign_in import one_time_codes
from repository.sign_in.tables import Account
from repository.tables import AuditEvent

from .conftest import Service, StartService
from .signing_in import PASSWORD, browser, make_person, signed_in
from .signing_in_elsewhere import running_elsewhere
from .test_own_account import NEW, post
from .test_passkeys import STARTS, asked, window
from .test_providers import STAFF


async def test_every_step_and_refusal_of_a_sign_in_is_an_event_and_holds_no_secret(
    real_service_on_each: Service,
) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    client = await browser(service)
    await client.post("/sign-in", data={"name": "nobody@example.org", "password": PASSWORD})
    await client.post("/sign-in", data={"name": person.name, "password": NEW})
    await client.post("/sign-in", data={"name": person.name, "password": PASSWORD})
    await client.post("/sign-in/code", data={"code": "000000"})
    await signed_in(service, person, client)
    await post(client, "/sign-out")

    def events(session: Session) -> list[AuditEvent]:
        return list(session.scalars(select(AuditEvent).order_by(AuditEvent.id)))

    left = await service.services.database.read(events)
    wanted = {"sign_in.refused", "second_factor.refused", "sign_in.finished", "session.ended"}
    found = [(one.action, one.object_id) for one in left if one.action in wanted]
    assert found[:4] == [
        ("sign_in.refused", "unknown"),
        ("sign_in.refused", person.account_id),
        ("second_factor.refused", person.account_id),
        ("sign_in.finished", person.account_id),
    ]
    assert [action for action, _ in found[4:]] == ["session.ended"]
    (finished,) = (one for one in left if one.action == "sign_in.finished")
    assert finished.details["methods"] == "one_time_code password"
    assert all(one.at.utcoffset() is not None and one.request_id for one in left if one.action in wanted)
    text = " ".join(f"{one.action} {one.object_id} {one.details}" for one in left)
    for secret in (person.name, "nobody@example.org", PASSWORD, NEW):
        assert secret not in text


async def test_whoever_changes_the_way_in_is_told(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)

    def address(session: Session) -> None:
        session.get_one(Account, person.account_id).email = "ada@example.org"
        set_sent_here(session, True, real_service.clock.now)

    await real_service.write(address)
    client = await signed_in(real_service, person)
    await post(client, "/account/password", password=PASSWORD, new_password=NEW)
    await post(client, "/account/recovery-codes")
    page = await (await client.get("/account/app")).text()
    key = page.partition('Key: <span class="app-code">')[2].partition("<")[0]
    secret = base64.b32decode(key.replace(" ", ""))
    step = int(real_service.clock.now.timestamp()) // one_time_codes.STEP_SECONDS
    await post(client, "/account/app", code=one_time_codes.code_of(secret, step))
    letters = await real_service.services.database.read(lambda s: s.scalars(select(MailMessage)).all())
    assert {one.letter for one in letters} == {"security-notice"}
    said = " ".join(str(one.facts["what"]) for one in letters)
    for what in ("password of your account was changed", "New recovery codes", "authenticator app was set up"):
        assert what in said
    assert NEW not in said


async def test_a_password_does_not_grow_old(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    for _ in range(4):
        real_service.clock.advance(days=400)
        client = await signed_in(real_service, person)
        assert (await client.get("/", allow_redirects=False)).status == 200


async def test_tokens_of_a_provider_stay_with_the_service_and_are_not_kept(tmp_path: Path, migrated_file: Path) -> None:
    seen: list[str] = []
    async with running_elsewhere(tmp_path, migrated_file) as one:

        def look(answer: dict[str, Any]) -> dict[str, Any]:
            answer["access_token"] = "access-token-that-nobody-else-needs"
            seen.extend((answer["access_token"], answer["id_token"]))
            return answer

        one.school.token_answer = look
        one.school.claims = dict(STAFF)
        client = await one.browser()
        answer = await one.sign_in(client)
        assert answer.status == 303
        assert len(seen) == 2
        pages = [await (await client.get(path)).text() for path in ("/", "/account")]
        cookies = " ".join(cookie.value for cookie in client.session.cookie_jar)
        files = b"".join(path.read_bytes() for path in one.service.folder.rglob("*") if path.is_file())
        assert one.school.address.encode() in files, "what is looked through is what holds the rows"
        for token in seen:
            assert token not in cookies
            assert token.encode() not in files
            assert not [page for page in pages if token in page]
            assert token not in str(answer.headers)


async def test_questions_to_passkeys_are_256_bits_and_never_the_same(start_service: StartService) -> None:
    service = await start_service(None, **STARTS)
    client = await window(service)
    questions = [(await asked(client, "/sign-in/passkey"))["challenge"] for _ in range(20)]
    assert len(set(questions)) == 20
    for question in questions:
        assert len(base64.urlsafe_b64decode(question + "=" * (-len(question) % 4))) == 32
