"""Passkeys: made, used, removed; and every way in which an answer can be wrong, each refused in its own words."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientResponse
from sqlalchemy import func, select, update

from repository.access import Role
from repository.mail.records import set_sent_here
from repository.mail.tables import MailMessage
from repository.sign_in.ceremonies import REFUSAL_WORDS, Refusal
from repository.sign_in.key_tables import Passkey, PasskeyChallenge
from repository.sign_in.local_tables import OneTimeCode
from repository.sign_in.tables import Account
from repository.tables import AuditEvent

from .authenticator import FLAG, ORIGIN, Authenticator
from .conftest import Client, Service, StartService, csrf
from .signing_in import LocalPerson, browser, make_person, signed_in

STARTS = {"NEA_REHEARSAL": "no", "NEA_BASE_URL": ORIGIN}


@pytest.fixture
async def service(start_service: StartService) -> Service:
    """The service in earnest, at an address that allows passkeys."""
    return await start_service(None, **STARTS)


@pytest.fixture
async def service_on_each(start_service: StartService, migrated_url: str) -> Service:
    return await start_service(migrated_url, **STARTS)


async def window(service: Service) -> Client:
    client = await browser(service)
    client.session.headers["Host"] = "localhost:18300"
    return client


async def arrived(service: Service, person: LocalPerson) -> Client:
    return await signed_in(service, person, await window(service))


async def asked(client: Client, action: str) -> dict[str, Any]:
    """Ask for the question of an action, as the page's script does."""
    answer = await client.post(f"{action}/begin", headers={"X-CSRF-Token": await token_of(client)})
    assert answer.status == 200, await answer.text()
    return dict((await answer.json())["publicKey"])


async def token_of(client: Client) -> str:
    return await csrf(client, "/sign-in")


async def sent(client: Client, action: str, credential: str, **more: str) -> ClientResponse:
    fields = {"csrf_token": await token_of(client), "credential": credential, **more}
    return await client.post(action, data=fields, allow_redirects=False)


async def enrolled(client: Client, device: Authenticator | None = None, name: str = "Laptop") -> Authenticator:
    device = device or Authenticator()
    made = device.make(await asked(client, "/account/passkeys/add"))
    answer = await sent(client, "/account/passkeys/add", made, name=name)
    assert answer.status == 303, await answer.text()
    return device


async def sign_in(client: Client, device: Authenticator, **lies: Any) -> ClientResponse:
    return await sent(client, "/sign-in/passkey", device.answer(await asked(client, "/sign-in/passkey"), **lies))


async def refused(answer: ClientResponse, refusal: Refusal) -> None:
    text = await answer.text()
    assert answer.status == 403, text
    assert REFUSAL_WORDS[refusal].replace("’", "&#8217;")[:30] in text.replace("’", "&#8217;"), text
    assert "nea_session" not in answer.cookies


async def reasons(service: Service) -> list[str]:
    found = select(AuditEvent.details).where(AuditEvent.action == "passkey.refused").order_by(AuditEvent.id)
    return [one["reason"] for one in await service.services.database.read(lambda s: list(s.scalars(found)))]


async def is_signed_in(client: Client) -> bool:
    return (await client.get("/account", allow_redirects=False)).status == 200


async def test_a_passkey_is_made_named_listed_and_signs_in_without_a_name(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    mine = await arrived(service_on_each, person)
    device = await enrolled(mine, name="Blue key <b>")
    page = await (await mine.get("/account/passkeys")).text()
    assert "Blue key &lt;b&gt;" in page
    other = await window(service_on_each)
    options = await asked(other, "/sign-in/passkey")
    assert "allowCredentials" not in options
    assert options["userVerification"] == "required"
    assert options["rpId"] == "localhost"
    answer = await sent(other, "/sign-in/passkey", device.answer(options), next="/account")
    assert (answer.status, answer.headers["Location"]) == (303, "/account")
    assert await is_signed_in(other)
    (row,) = await service_on_each.services.database.read(lambda s: list(s.scalars(select(Passkey))))
    assert (row.counter, row.transports, row.last_used_at) == (2, ["internal"], service_on_each.clock.now)


async def test_what_a_device_is_asked_to_make_can_be_found_and_verifies(service: Service) -> None:
    person = await make_person(service, Role.MODERATOR)
    mine = await arrived(service, person)
    await enrolled(mine)
    options = await asked(mine, "/account/passkeys/add")
    chosen = options["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert options["attestation"] == "none"
    assert len(options["excludeCredentials"]) == 1
    assert person.name == options["user"]["name"]
    assert "Local" not in json.dumps(options["user"])  # a device shows the sign-in name, and learns no other


@pytest.mark.parametrize(
    ("lies", "refusal"),
    [
        ({"origin": "http://localhost:18301"}, Refusal.WRONG_ADDRESS),
        ({"origin": "https://localhost.example"}, Refusal.WRONG_ADDRESS),
        ({"cross_origin": True}, Refusal.WRONG_ADDRESS),
        ({"host": "example.org"}, Refusal.WRONG_SITE),
        ({"challenge": b"x" * 32}, Refusal.WRONG_CHALLENGE),
        ({"user_handle": b"somebody else"}, Refusal.OTHER_ACCOUNT),
        ({"counter": 1}, Refusal.COUNTER),
        ({"counter": 0}, Refusal.COUNTER),
    ],
)
async def test_a_wrong_answer_is_refused_in_its_own_words_and_recorded(
    service: Service, lies: dict[str, Any], refusal: Refusal
) -> None:
    device = await enrolled(await arrived(service, await make_person(service, Role.MODERATOR)))
    client = await window(service)
    await refused(await sign_in(client, device, **lies), refusal)
    assert not await is_signed_in(client)
    assert await reasons(service) == [refusal]
    assert (await sign_in(client, device)).status == 303  # the genuine one goes on working


@pytest.mark.parametrize("flags", [FLAG.UP, FLAG.UV, 0])
async def test_a_device_that_did_not_check_the_person_is_refused(service: Service, flags: int) -> None:
    mine = await arrived(service, await make_person(service, Role.MODERATOR))
    device = await enrolled(mine)
    device.flags = flags
    await refused(await sign_in(await window(service), device), Refusal.NOT_VERIFIED)
    careless = Authenticator(flags=flags)
    made = careless.make(await asked(mine, "/account/passkeys/add"))
    await refused(await sent(mine, "/account/passkeys/add", made, name="Careless"), Refusal.NOT_VERIFIED)


async def test_another_key_under_a_known_id_is_refused(service: Service) -> None:
    device = await enrolled(await arrived(service, await make_person(service, Role.MODERATOR)))
    thief = Authenticator(credential_id=device.credential_id, user_handle=device.user_handle, counter=10)
    await refused(await sign_in(await window(service), thief), Refusal.WRONG_SIGNATURE)
    await refused(await sign_in(await window(service), Authenticator()), Refusal.UNKNOWN)


async def test_a_challenge_counts_once_in_one_browser_for_one_purpose_and_not_for_long(
    service_on_each: Service,
) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    mine = await arrived(service_on_each, person)
    device = await enrolled(mine)
    client, other = await window(service_on_each), await window(service_on_each)
    answer = device.answer(await asked(client, "/sign-in/passkey"))
    await refused(await sent(other, "/sign-in/passkey", answer), Refusal.TOO_LATE)  # stolen on its way
    assert (await sent(client, "/sign-in/passkey", answer)).status == 303
    client.session.cookie_jar.clear_domain("127.0.0.1")
    await refused(await sent(client, "/sign-in/passkey", answer), Refusal.TOO_LATE)  # replayed
    answer = device.answer(await asked(mine, "/confirm-it-is-you/passkey"))
    stranger = await window(service_on_each)
    stranger.session.cookie_jar.update_cookies({"nea_passkey": cookie(mine, "nea_passkey")}, stranger.make_url("/"))
    await refused(await sent(stranger, "/sign-in/passkey", answer), Refusal.TOO_LATE)  # asked for another purpose
    answer = device.answer(await asked(stranger, "/sign-in/passkey"))
    service_on_each.clock.advance(seconds=300)
    await refused(await sent(stranger, "/sign-in/passkey", answer), Refusal.TOO_LATE)
    await asked(stranger, "/sign-in/passkey")
    left = await service_on_each.services.database.read(
        lambda s: s.scalar(select(func.count()).select_from(PasskeyChallenge))
    )
    assert left == 1  # what is too old is swept away


def cookie(client: Client, name: str) -> str:
    return next(one.value for one in client.session.cookie_jar if one.key == name)


async def test_a_refused_answer_uses_the_challenge_up(service: Service) -> None:
    device = await enrolled(await arrived(service, await make_person(service, Role.MODERATOR)))
    client = await window(service)
    options = await asked(client, "/sign-in/passkey")
    await refused(await sent(client, "/sign-in/passkey", "{}"), Refusal.UNREADABLE)
    await refused(await sent(client, "/sign-in/passkey", device.answer(options)), Refusal.TOO_LATE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"id": 1}',
        '{"rawId": "AA", "response": {}}',
        "[" * 10_000,
        '{"rawId":"AA","id":"AA","type":"public-key","response":{"clientDataJSON":"AA","authenticatorData":"AA","signature":"AA"}}',
    ],
)
async def test_what_is_no_answer_is_refused(service: Service, text: str) -> None:
    mine = await arrived(service, await make_person(service, Role.MODERATOR))
    client = await window(service)
    await asked(client, "/sign-in/passkey")
    await refused(await sent(client, "/sign-in/passkey", text), Refusal.UNREADABLE)
    await asked(mine, "/account/passkeys/add")
    answer = await sent(mine, "/account/passkeys/add", text or "{}", name="Laptop")
    await refused(answer, Refusal.UNREADABLE)


async def test_a_passkey_is_the_second_step_after_a_password(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    device = await enrolled(await arrived(service_on_each, person))
    client = await window(service_on_each)
    answer = await client.post(
        "/sign-in", data={"name": person.name, "password": person.password}, allow_redirects=False
    )
    assert answer.headers["Location"] == "/sign-in/code"
    assert "/sign-in/code/passkey" in await (await client.get("/sign-in/code")).text()
    options = await asked(client, "/sign-in/code/passkey")
    assert [one["id"] for one in options["allowCredentials"]] == [json.loads(device.answer(options))["id"]]
    assert (await sent(client, "/sign-in/code/passkey", device.answer(options))).status == 303
    assert await is_signed_in(client)


async def test_another_accounts_passkey_is_no_second_step(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    await enrolled(await arrived(service_on_each, person))
    thief = await make_person(service_on_each, Role.MODERATOR, name="thief@example.org")
    device = await enrolled(await arrived(service_on_each, thief))
    client = await window(service_on_each)
    await client.post("/sign-in", data={"name": person.name, "password": person.password}, allow_redirects=False)
    answer = device.answer(await asked(client, "/sign-in/code/passkey"))
    await refused(await sent(client, "/sign-in/code/passkey", answer), Refusal.OTHER_ACCOUNT)
    assert not await is_signed_in(client)


async def test_a_passkey_confirms_that_it_is_still_you(service_on_each: Service) -> None:
    mine = await arrived(service_on_each, await make_person(service_on_each, Role.MODERATOR))
    device = await enrolled(mine)
    service_on_each.clock.advance(minutes=6)
    answer = await mine.get("/account/passkeys/add", allow_redirects=False)
    assert answer.headers["Location"].startswith("/confirm-it-is-you")
    assert "Use your passkey" in await (await mine.get("/confirm-it-is-you")).text()
    before = cookie(mine, "nea_session")
    options = await asked(mine, "/confirm-it-is-you/passkey")
    answer = await sent(mine, "/confirm-it-is-you/passkey", device.answer(options), next="/account/passkeys/add")
    assert answer.headers["Location"] == "/account/passkeys/add"
    assert cookie(mine, "nea_session") != before
    assert (await mine.get("/account/passkeys/add", allow_redirects=False)).status == 200


async def test_making_and_removing_ask_for_a_fresh_proof_and_end_other_sign_ins(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    mine, elsewhere = await arrived(service_on_each, person), await arrived(service_on_each, person)
    await enrolled(mine)
    assert not await is_signed_in(elsewhere)
    (row,) = await service_on_each.services.database.read(lambda s: list(s.scalars(select(Passkey))))
    device = await enrolled(elsewhere := await arrived(service_on_each, person), name="Key")
    assert not await is_signed_in(mine)
    service_on_each.clock.advance(minutes=6)
    for path in ("/account/passkeys/add/begin", "/account/passkeys/add", f"/account/passkeys/{row.id}/remove"):
        answer = await elsewhere.post(path, data={"csrf_token": await csrf(elsewhere)}, allow_redirects=False)
        assert answer.status == 403, path
    assert (await sign_in(await window(service_on_each), device)).status == 303


@pytest.mark.fault("att:E09")
async def test_sf_07_a_removed_passkey_signs_in_to_nothing(service_on_each: Service) -> None:
    mine = await arrived(service_on_each, await make_person(service_on_each, Role.MODERATOR))
    device = await enrolled(mine)
    (row,) = await service_on_each.services.database.read(lambda s: list(s.scalars(select(Passkey))))
    client = await window(service_on_each)
    options = await asked(client, "/sign-in/passkey")
    answer = await mine.post(
        f"/account/passkeys/{row.id}/remove", data={"csrf_token": await csrf(mine)}, allow_redirects=False
    )
    assert answer.status == 303
    await refused(await sent(client, "/sign-in/passkey", device.answer(options)), Refusal.UNKNOWN)
    assert "You have no passkey yet" in await (await mine.get("/account/passkeys")).text()
    assert (await mine.get(f"/account/passkeys/{row.id}/remove")).status == 404


async def test_the_last_second_factor_stays_where_one_is_needed(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    mine = await arrived(service_on_each, person)
    await enrolled(mine)
    (row,) = await service_on_each.services.database.read(lambda s: list(s.scalars(select(Passkey))))
    await service_on_each.write(lambda s: s.delete(s.get_one(OneTimeCode, person.account_id)))
    remove = f"/account/passkeys/{row.id}/remove"
    answer = await mine.post(remove, data={"csrf_token": await csrf(mine)}, allow_redirects=False)
    assert answer.status == 422
    assert "your only second step" in await answer.text()
    await enrolled(mine, name="Spare")
    answer = await mine.post(remove, data={"csrf_token": await csrf(mine)}, allow_redirects=False)
    assert answer.status == 303


async def test_another_persons_passkey_cannot_be_removed(service_on_each: Service) -> None:
    await enrolled(await arrived(service_on_each, await make_person(service_on_each, Role.MODERATOR)))
    (row,) = await service_on_each.services.database.read(lambda s: list(s.scalars(select(Passkey))))
    other = await arrived(service_on_each, await make_person(service_on_each, Role.AB_OFFICER))
    path = f"/account/passkeys/{row.id}/remove"
    assert (await other.get(path)).status == 404
    assert (await other.post(path, data={"csrf_token": await csrf(other)})).status == 404


@pytest.mark.fault("att:E09")
async def test_sf_07_a_closed_account_is_told_so_and_stays_out(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    device = await enrolled(await arrived(service_on_each, person))
    now = service_on_each.clock.now
    closed = update(Account).where(Account.id == person.account_id).values(disabled_at=now)
    await service_on_each.write(lambda s: s.execute(closed))
    client = await window(service_on_each)
    await refused(await sign_in(client, device), Refusal.DISABLED)
    assert not await is_signed_in(client)


async def test_sf_09_failed_sign_ins_of_others_never_keep_out_a_passkey(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    device = await enrolled(await arrived(service_on_each, person))
    attacker = await window(service_on_each)
    statuses = []
    for _ in range(12):
        form = {"name": person.name, "password": "a wrong guess of a stranger"}
        statuses.append((await attacker.post("/sign-in", data=form, allow_redirects=False)).status)
    assert statuses[0] == 422
    assert statuses[-1] == 429
    client = await window(service_on_each)
    assert (await sign_in(client, device)).status == 303
    assert await is_signed_in(client)


async def test_a_passkey_that_a_cloud_keeps_counts_nothing_and_is_taken(service: Service) -> None:
    device = Authenticator(counts=False, flags=FLAG.UP | FLAG.UV | FLAG.BE | FLAG.BS)
    mine = await arrived(service, await make_person(service, Role.MODERATOR))
    await enrolled(mine, device)
    assert "Several of your devices" in await (await mine.get("/account/passkeys")).text()
    for _ in range(2):
        assert (await sign_in(await window(service), device)).status == 303


async def test_one_device_is_no_passkey_of_two_accounts(service: Service) -> None:
    device = await enrolled(await arrived(service, await make_person(service, Role.MODERATOR)))
    other = await arrived(service, await make_person(service, Role.AB_OFFICER))
    made = Authenticator(credential_id=device.credential_id).make(await asked(other, "/account/passkeys/add"))
    await refused(await sent(other, "/account/passkeys/add", made, name="Copy"), Refusal.KNOWN_ALREADY)


async def test_a_passkey_of_an_unusual_algorithm_is_refused(service: Service) -> None:
    from fido2.cose import CoseKey

    mine = await arrived(service, await make_person(service, Role.MODERATOR))
    for algorithm in (-65535, -999):
        key = CoseKey.for_alg(algorithm)({1: 3, 3: algorithm, -1: b"n", -2: b"e"})
        made = Authenticator().make(await asked(mine, "/account/passkeys/add"), public_key=key)
        await refused(await sent(mine, "/account/passkeys/add", made, name="Odd"), Refusal.WRONG_ALGORITHM)


@pytest.mark.parametrize("name", ["", "a\x07b"])
async def test_a_passkey_has_a_name(service: Service, name: str) -> None:
    mine = await arrived(service, await make_person(service, Role.MODERATOR))
    made = Authenticator().make(await asked(mine, "/account/passkeys/add"))
    answer = await sent(mine, "/account/passkeys/add", made, name=name)
    assert answer.status == 422
    assert "Enter a name by which you know the device again" in await answer.text()


async def test_an_address_of_numbers_offers_no_passkeys_and_says_so(real_service: Service) -> None:
    client = await signed_in(real_service, await make_person(real_service, Role.MODERATOR))
    assert "passkeys.js" not in await (await client.get("/sign-in")).text()
    assert "Passkeys cannot be added here" in await (await client.get("/account/passkeys")).text()
    answer = await client.post("/sign-in/passkey/begin", headers={"X-CSRF-Token": await csrf(client)})
    assert answer.status == 409


async def test_a_form_of_another_site_starts_nothing(service: Service) -> None:
    client = await window(service)
    headers = {"Sec-Fetch-Site": "cross-site"}
    for path in ("/sign-in/passkey/begin", "/sign-in/passkey"):
        assert (await client.post(path, headers=headers)).status == 403


async def test_its_owner_is_told_of_every_change_and_of_a_copy_once(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    now = service_on_each.clock.now
    with_address = update(Account).where(Account.id == person.account_id).values(email="erin@example.org")
    await service_on_each.write(lambda s: (s.execute(with_address), set_sent_here(s, True, now)))
    mine = await arrived(service_on_each, person)
    device = await enrolled(mine)
    for _ in range(3):
        await refused(await sign_in(await window(service_on_each), device, counter=1), Refusal.COUNTER)
    (row,) = await service_on_each.services.database.read(lambda s: list(s.scalars(select(Passkey))))
    remove = f"/account/passkeys/{row.id}/remove"
    await mine.post(remove, data={"csrf_token": await csrf(mine)}, allow_redirects=False)
    found = select(MailMessage).where(MailMessage.letter == "security-notice").order_by(MailMessage.created_at)
    letters = await service_on_each.services.database.read(lambda s: list(s.scalars(found)))
    said = sorted(str(one.facts["what"]).partition(".")[0] for one in letters if "asskey" in str(one.facts["what"]))
    assert said == [
        "A passkey of yours may have been copied",
        "A passkey was added to your account",
        "A passkey was removed from your account",
    ]
    assert {one.to_address for one in letters} == {"erin@example.org"}


async def test_one_answer_sent_many_times_at_once_signs_in_once(service_on_each: Service) -> None:
    device = await enrolled(await arrived(service_on_each, await make_person(service_on_each, Role.MODERATOR)))
    client = await window(service_on_each)
    answer = device.answer(await asked(client, "/sign-in/passkey"))
    fields = {"credential": answer, "csrf_token": ""}
    answers = await asyncio.gather(
        *(client.post("/sign-in/passkey", data=fields, allow_redirects=False) for _ in range(4))
    )
    assert sorted(one.status for one in answers) == [303, 403, 403, 403]


async def test_a_first_sign_in_may_make_a_passkey_its_second_factor(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR, second_factor=False)
    client = await window(service_on_each)
    form = {"name": person.name, "password": person.password}
    answer = await client.post("/sign-in", data=form, allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in/app"
    assert "/sign-in/app/passkey" in await (await client.get("/sign-in/app")).text()
    assert (await client.get("/sign-in/app/passkey")).status == 200
    device = Authenticator()
    made = device.make(await asked(client, "/sign-in/app/passkey"))
    assert (await sent(client, "/sign-in/app/passkey", made, name="Laptop")).status == 303
    assert await is_signed_in(client)
    assert (await sign_in(await window(service_on_each), device)).status == 303


async def test_a_password_alone_adds_no_passkey_to_an_account_with_a_second_factor(service_on_each: Service) -> None:
    person = await make_person(service_on_each, Role.MODERATOR)
    client = await window(service_on_each)
    form = {"name": person.name, "password": person.password}
    await client.post("/sign-in", data=form, allow_redirects=False)
    assert (await client.get("/sign-in/app/passkey")).status == 404
    for path in ("/sign-in/app/passkey", "/sign-in/app/passkey/begin"):
        assert (await client.post(path, data={"name": "Thief"}, allow_redirects=False)).status == 404
