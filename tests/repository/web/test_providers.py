"""Signing in at identity providers, and what a provider that lies gets: nothing, and a record of it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update

from moderation.errors import RecordKept
from repository.access import Actor, Role
from repository.audit import Context
from repository.sign_in import providers_records as records
from repository.sign_in.providers import LONG_AGO
from repository.sign_in.providers_tables import IdentityRequest
from repository.sign_in.tables import Account
from repository.tables import Assignment, AuditEvent, WebSession
from repository.web import provider_client
from tests.servers.lying_provider import CLIENT_ID, KINDS, LyingProvider, by_hand, signing_key

from .signing_in_elsewhere import Elsewhere, asked_of, running_elsewhere

STAFF = {"school": "123456", "groups": ["staff"], "amr": ["pwd", "mfa"]}


@pytest.fixture
async def elsewhere(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Elsewhere]:
    async with running_elsewhere(tmp_path, migrated_file) as made:
        yield made


@pytest.fixture
async def elsewhere_on_each(tmp_path: Path, migrated_url: str) -> AsyncIterator[Elsewhere]:
    async with running_elsewhere(tmp_path, migrated_url) as made:
        yield made


def forged(claims: dict[str, Any], header: dict[str, Any], key: bytes) -> str:
    """A token with an HMAC, as whoever knows a public key can make one."""
    unsigned = by_hand(header, claims).rpartition(".")[0]
    import base64

    mac = hmac.new(key, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


# What is right


async def test_somebody_with_a_role_by_claims_comes_in(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    one.school.claims = STAFF
    browser = await one.browser()
    location = await one.begin(browser, next_path="/cases")
    asked = asked_of(location)
    assert asked["scope"] == "openid profile"
    assert asked["redirect_uri"].endswith("/sign-in/provider/school/answer")
    assert asked["acr_values"] == "urn:example:two-factors"
    answer = await one.come_back(browser, location)
    assert (answer.status, answer.headers["Location"]) == (303, "/cases")
    assert (await browser.get("/")).status == 200
    assert await one.roles() == [("teacher", "99001")]
    assert await one.accounts() == [(one.school.address, "subject-1")]
    row = await one.service.services.database.read(lambda s: s.scalars(select(WebSession)).one())
    assert row.methods == ["provider_multi_factor"]
    assert row.account_id is not None


async def test_the_cookie_of_a_sign_in_under_way_is_bound_and_short(elsewhere: Elsewhere) -> None:
    browser = await elsewhere.browser()
    answer = await browser.get("/sign-in/provider/school", allow_redirects=False)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("nea_provider=")
    for word in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"):
        assert word in cookie
    asked = asked_of(answer.headers["Location"])
    assert asked["state"] not in cookie
    assert asked["nonce"] not in cookie
    assert await elsewhere.count(AuditEvent) == 0  # beginning costs no write, whoever begins how often


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
async def test_each_signature_by_a_public_key_is_taken(elsewhere: Elsewhere, algorithm: str) -> None:
    elsewhere.school.algorithm = algorithm
    elsewhere.school.claims = STAFF
    assert (await elsewhere.sign_in()).status == 303


async def test_a_first_sign_in_without_rules_gives_no_role(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    one.school.claims = {"school": "123456", "groups": ["exams"], "amr": ["mfa"]}
    for _ in range(2):
        answer = await one.sign_in()
        text = await answer.text()
        assert answer.status == 200
        assert "You have no role here yet" in text
        assert "The exams officer of centre 99001 can" in text
        assert "Robin Rehearsal" in text
    assert await one.nobody_came_in()
    assert await one.roles() == []
    assert await one.waiting() == [("99001", ["exams_officer"], None)]


async def test_an_officer_grants_what_somebody_waits_for(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    one.school.claims = {"school": "123456", "amr": ["mfa"]}
    await one.sign_in()
    officer = await _officer(one, Role.EXAMS_OFFICER, "99001")
    stranger = await _officer(one, Role.EXAMS_OFFICER, "99002")
    context = Context(officer, one.service.clock.now, "test")
    (request,) = await one.service.write(lambda s: records.waiting(s, context.now, centre_number="99001"))
    assert (request.name, request.issuer, request.centre_number) == ("Robin Rehearsal", one.school.address, "99001")
    assert await one.service.write(lambda s: records.waiting(s, context.now, centre_number="99002")) == []
    from repository.errors import NotFound

    for actor, role in ((stranger, Role.TEACHER), (officer, Role.MODERATOR), (officer, Role.AB_OFFICER)):
        with pytest.raises(NotFound):
            await one.service.write(lambda s, a=actor, r=role: records.grant(s, context, a, request.request_id, r))
    await one.service.write(lambda s: records.grant(s, context, officer, request.request_id, Role.TEACHER))
    assert await one.service.write(lambda s: records.waiting(s, context.now)) == []
    with pytest.raises(NotFound):
        await one.service.write(lambda s: records.grant(s, context, officer, request.request_id, Role.TEACHER))
    answer = await one.sign_in()
    assert answer.status == 303
    assert ("teacher", "99001") in await one.roles()
    assert len(await one.waiting()) == 1


async def test_who_was_refused_does_not_come_back_into_the_list(elsewhere: Elsewhere) -> None:
    elsewhere.school.claims = {"school": "123456"}
    await elsewhere.sign_in()
    officer = await _officer(elsewhere, Role.EXAMS_OFFICER, "99001")
    context = Context(officer, elsewhere.service.clock.now, "test")
    (request,) = await elsewhere.service.write(lambda s: records.waiting(s, context.now))
    await elsewhere.service.write(lambda s: records.refuse(s, context, officer, request.request_id))
    text = await (await elsewhere.sign_in()).text()
    assert "They decided to give you no role" in text
    assert "list of people who wait" not in text
    assert await elsewhere.waiting() == [("99001", [], "refused")]
    assert await elsewhere.service.write(lambda s: records.waiting(s, context.now)) == []


async def test_who_waits_is_offered_what_the_claims_say_now(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    one.school.claims = {"school": ["123456", "654321"]}
    await one.sign_in()
    one.school.claims = {"school": ["123456", "654321"], "groups": ["exams"], "amr": ["mfa"]}
    text = await (await one.sign_in()).text()
    assert "centre 99001, or of centre 99002" in text
    assert await one.waiting() == [("99001", ["exams_officer"], None), ("99002", ["exams_officer"], None)]
    now = one.service.clock.now
    with pytest.raises(RecordKept):
        await one.service.write(lambda s: s.execute(update(IdentityRequest).values(centre_number="99003")))
    decide = update(IdentityRequest).values(decision="refused", decided_at=now, decided_by="somebody")
    await one.service.write(lambda s: s.execute(decide))
    with pytest.raises(RecordKept):
        await one.service.write(lambda s: s.execute(update(IdentityRequest).values(decided_by="somebody else")))


async def test_claims_never_bring_back_what_an_officer_ended(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    one.school.claims = STAFF
    assert (await one.sign_in()).status == 303
    officer = await _officer(one, Role.EXAMS_OFFICER, "99001")
    now = one.service.clock.now
    end = update(Assignment).where(Assignment.role == "teacher").values(valid_to=now, ended_by=officer.person_id)
    await one.service.write(lambda s: s.execute(end))
    one.service.clock.advance(minutes=5)
    answer = await one.sign_in()
    assert answer.status == 200
    assert "You have no role here yet" in await answer.text()
    assert ("teacher", "99001") not in await one.roles()


async def test_what_claims_gave_ends_with_them_and_comes_back_with_them(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    one.school.claims = STAFF
    await one.sign_in()
    one.school.claims = STAFF | {"groups": []}
    assert (await one.sign_in()).status == 200
    assert await one.roles() == []
    one.service.clock.advance(minutes=1)
    one.school.claims = STAFF
    assert (await one.sign_in()).status == 303
    assert await one.roles() == [("teacher", "99001")]
    assert len(await one.events("role.given_by_claims")) == 2
    assert len(await one.events("role.ended_by_claims")) == 1


async def test_a_role_of_the_awarding_body_needs_two_factors(elsewhere: Elsewhere) -> None:
    elsewhere.school.claims = {"groups": ["moderators"], "amr": ["pwd"]}
    assert (await elsewhere.sign_in()).status == 200
    assert await elsewhere.roles() == []
    assert await elsewhere.nobody_came_in()
    elsewhere.school.claims = {"groups": ["moderators"], "acr": "urn:example:two-factors"}
    assert (await elsewhere.sign_in()).status == 303
    assert await elsewhere.roles() == [("moderator", None)]
    # One factor only, later: the role stays, and this sign-in is led to a second factor.
    elsewhere.school.claims = {"groups": ["moderators"], "amr": ["pwd"]}
    answer = await elsewhere.sign_in()
    assert answer.status == 303
    assert answer.headers["Location"] != "/"
    assert await elsewhere.roles() == [("moderator", None)]
    assert await elsewhere.count(WebSession) == 1


async def test_others_are_refused_before_anything_is_kept_of_them(tmp_path: Path, migrated_file: Path) -> None:
    async with running_elsewhere(tmp_path, migrated_file, {"others": "refuse"}) as one:
        one.school.claims = {"school": "123456", "groups": ["pupils"]}
        answer = await one.sign_in()
        assert answer.status == 403
        assert "Accounts of this kind are not used here" in await answer.text()
        assert await one.accounts() == []
        assert await one.events("sign_in.refused") != []


async def test_many_at_once_of_one_new_person_make_one_account(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    one.school.claims = STAFF
    answers = await asyncio.gather(*(one.sign_in() for _ in range(6)))
    assert {answer.status for answer in answers} <= {303, 503}
    assert 303 in {answer.status for answer in answers}
    assert await one.accounts() == [(one.school.address, "subject-1")]
    assert await one.roles() == [("teacher", "99001")]


# Lies in the ID token


def _no_signature(claims: dict[str, Any]) -> str:
    return by_hand({"alg": "none", "typ": "JWT"}, claims)


def _hmac_with_public_key(claims: dict[str, Any]) -> str:
    public = signing_key("RSA", "key-1").as_pem(private=False)
    return forged(claims, {"alg": "HS256", "kid": "key-1"}, public)


def _hmac_with_secret(claims: dict[str, Any]) -> str:
    from tests.servers.lying_provider import SECRET

    return forged(claims, {"alg": "HS256"}, SECRET.encode())


TOKEN_LIES: dict[str, tuple[Callable[[LyingProvider], None], str]] = {
    "alg none": (lambda p: setattr(p, "forge", _no_signature), "algorithm"),
    "alg none, no header else": (lambda p: setattr(p, "forge", lambda c: by_hand({"alg": "none"}, c)), "algorithm"),
    "HS256 with the public key": (lambda p: setattr(p, "forge", _hmac_with_public_key), "algorithm"),
    "HS256 with the client's secret": (lambda p: setattr(p, "forge", _hmac_with_secret), "algorithm"),
    "RS512": (lambda p: setattr(p, "algorithm", "RS512"), "algorithm"),
    "alg is a list": (lambda p: setattr(p, "forge", lambda c: by_hand({"alg": ["RS256"], "kid": "key-1"}, c)), "*"),
    "header is a list": (lambda p: setattr(p, "forge", lambda c: by_hand(["alg"], c)), "*"),
    "claims are a list": (lambda p: setattr(p, "forge", lambda c: p.sign_bytes(b"[1]")), "*"),
    "no token at all": (lambda p: setattr(p, "forge", lambda c: "…"), "*"),
    "nested deep": (
        lambda p: setattr(p, "forge", lambda c: by_hand({"alg": "RS256", "kid": "key-1"}, c)[:-1] + "!"),
        "*",
    ),
    "signature cut off": (lambda p: setattr(p, "forge", lambda c: p.sign(c)[:-8]), "bad_signature"),
    "claims altered after signing": (lambda p: setattr(p, "forge", lambda c: _altered(p, c)), "bad_signature"),
    "swapped keys": (
        lambda p: setattr(p, "forge", lambda c: p.sign(c, key=signing_key("RSA", "stranger"))),
        "bad_signature",
    ),
    "wrong kid": (lambda p: setattr(p, "kid", "key-2"), "unknown_key"),
    "key in the header": (lambda p: setattr(p, "forge", lambda c: _own_key(p, c)), "unknown_key"),
    "crit": (lambda p: p.header.update({"crit": ["b64"], "b64": True}), "*"),
    "typ of another token": (lambda p: p.header.update({"typ": "at+jwt"}), "typ"),
    "wrong iss": (lambda p: p.claims.update(iss="https://elsewhere.example"), "iss"),
    "iss with a slash more": (lambda p: p.claims.update(iss=p.address + "/"), "iss"),
    "no iss": (lambda p: p.claims.update(iss=None), "iss"),
    "iss is a list": (lambda p: p.claims.update(iss=[p.address]), "iss"),
    "wrong aud": (lambda p: p.claims.update(aud="somebody-else"), "aud"),
    "no aud": (lambda p: p.claims.update(aud=None), "aud"),
    "empty aud": (lambda p: p.claims.update(aud=[]), "aud"),
    "extra aud without azp": (lambda p: p.claims.update(aud=[CLIENT_ID, "somebody-else"]), "aud"),
    "extra aud with azp": (lambda p: p.claims.update(aud=[CLIENT_ID, "somebody-else"], azp=CLIENT_ID), "aud"),
    "azp of another client": (lambda p: p.claims.update(azp="somebody-else"), "azp"),
    "expired": (lambda p: p.claims.update(exp=int(p.clock().timestamp()) - 61), "exp"),
    "no exp": (lambda p: p.claims.update(exp=None), "exp"),
    "exp is text": (lambda p: p.claims.update(exp="tomorrow"), "exp"),
    "exp is NaN": (lambda p: p.claims.update(exp=float("nan")), "exp"),
    "future iat": (lambda p: p.claims.update(iat=int(p.clock().timestamp()) + 61), "iat"),
    "old iat": (lambda p: p.claims.update(iat=int(p.clock().timestamp()) - 661), "iat"),
    "no iat": (lambda p: p.claims.update(iat=None), "iat"),
    "not yet": (lambda p: p.claims.update(nbf=int(p.clock().timestamp()) + 61), "nbf"),
    "missing nonce": (lambda p: p.claims.update(nonce=None), "nonce"),
    "wrong nonce": (lambda p: p.claims.update(nonce="x" * 43), "nonce"),
    "nonce in a list": (lambda p: setattr(p, "forge", lambda c: p.sign(c | {"nonce": [c["nonce"]]})), "nonce"),
    "no sub": (lambda p: p.claims.update(sub=None), "sub"),
    "empty sub": (lambda p: p.claims.update(sub=" "), "sub"),
    "sub is a number": (lambda p: p.claims.update(sub=1), "sub"),
    "long sub": (lambda p: p.claims.update(sub="s" * 256), "sub"),
    "sub with NUL": (lambda p: p.claims.update(sub="a\x00b"), "sub"),
    "sub of other letters": (lambda p: p.claims.update(sub="sübject"), "sub"),
    "logout token as ID token": (lambda p: setattr(p, "forge", lambda c: p.logout_token()), "*"),
}


def _altered(provider: LyingProvider, claims: dict[str, Any]) -> str:
    header, _, signature = provider.sign(claims).split(".")
    return ".".join((header, by_hand({}, claims | {"sub": "somebody-else"}).split(".")[1], signature))


def _own_key(provider: LyingProvider, claims: dict[str, Any]) -> str:
    provider.algorithm = "ES256"
    own = signing_key("EC", "own")
    provider.header = {"jwk": own.as_dict(private=False), "kid": "own"}
    return provider.sign(claims, key=own)


@pytest.mark.parametrize("lie", TOKEN_LIES)
async def test_a_token_that_lies_signs_nobody_in(elsewhere: Elsewhere, lie: str) -> None:
    tell, check = TOKEN_LIES[lie]
    elsewhere.school.claims = dict(STAFF)
    tell(elsewhere.school)
    answer = await elsewhere.sign_in()
    text = await answer.text()
    assert answer.status == 403, text
    assert "could not be trusted" in text
    assert "Go to the sign-in page" in text
    assert await elsewhere.nobody_came_in()
    assert await elsewhere.accounts() == []
    ((outcome, details),) = await elsewhere.events("sign_in.refused")
    assert outcome == "refused"
    assert details["reason"] == "provider-answer-refused"
    assert check in ("*", details["check"]), details
    words = re.sub(r"<[^>]*>", " ", text.partition("<main")[2].partition("Reference")[0])
    assert details["check"] not in words  # whoever sent the answer is not told which check caught it


# Lies around the token

ANSWER_LIES: dict[str, Callable[[LyingProvider], None]] = {
    "token endpoint redirects": lambda p: p.answers.update({"/token": lambda: _redirect(p)}),
    "keys redirect": lambda p: p.answers.update({"/keys": lambda: _redirect(p)}),
    "huge keys": lambda p: p.answers.update({"/keys": lambda: web.Response(text='{"keys":[' + " " * 300_000 + "]}")}),
    "compressed keys": lambda p: p.answers.update({"/keys": lambda: _compressed()}),
    "keys are not JSON": lambda p: p.answers.update({"/keys": lambda: web.Response(text="<html>")}),
    "keys are a list": lambda p: p.answers.update({"/keys": lambda: web.json_response([])}),
    "keys deep": lambda p: p.answers.update({"/keys": lambda: web.Response(text="[" * 100_000)}),
    "no keys": lambda p: setattr(p, "keys", []),
    "only odd keys": lambda p: setattr(p, "keys", ODD_KEYS),
    "token endpoint fails": lambda p: p.answers.update({"/token": lambda: web.Response(status=500)}),
    "token is not JSON": lambda p: p.answers.update({"/token": lambda: web.Response(text="access_token=1")}),
    "client refused": lambda p: p.answers.update(
        {"/token": lambda: web.json_response({"error": "invalid_client"}, status=401)}
    ),
    "no id token": lambda p: setattr(p, "token_answer", lambda a: {"access_token": "x"}),
    "id token is a list": lambda p: setattr(p, "token_answer", lambda a: a | {"id_token": ["x"]}),
    "huge token": lambda p: setattr(p, "token_answer", lambda a: a | {"id_token": "x" * 200_000}),
}
ODD_KEYS = [
    {"kty": "oct", "k": "c2VjcmV0", "kid": "key-1"},
    {"kty": "RSA", "kid": "key-1", "n": "AQAB" * 64, "e": "AQAB"},
    {"kty": "RSA", "kid": "key-1", "n": "A" * 20_000, "e": "AQAB"},
    {"kty": "RSA", "kid": "key-1"},
    {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": "key-1"},
    {"kty": "OKP", "crv": "X25519", "x": "AA", "kid": "key-1"},
    {"kty": ["RSA"], "kid": "key-1"},
    {"kty": "RSA", "use": "enc", "kid": "key-1"},
    "key-1",
    None,
]


def _redirect(provider: LyingProvider) -> web.Response:
    return web.Response(status=307, headers={"Location": f"{provider.address}/.well-known/openid-configuration"})


def _compressed() -> web.Response:
    import gzip

    return web.Response(body=gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("lie", ANSWER_LIES)
async def test_a_provider_that_does_not_answer_as_it_should_signs_nobody_in(elsewhere: Elsewhere, lie: str) -> None:
    elsewhere.school.claims = dict(STAFF)
    ANSWER_LIES[lie](elsewhere.school)
    answer = await elsewhere.sign_in()
    assert answer.status in {403, 424}, await answer.text()
    assert "You are not signed in" in await answer.text()
    assert await elsewhere.nobody_came_in()
    assert len(await elsewhere.events("sign_in.refused")) == 1


DISCOVERY_LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://elsewhere.example"},
    "no issuer": {"issuer": None},
    "plain http elsewhere": {"token_endpoint": "http://elsewhere.example/token"},
    "a file": {"jwks_uri": "file:///etc/passwd"},
    "a name and password": {"token_endpoint": "https://user:secret@elsewhere.example/"},
    "no endpoint": {"authorization_endpoint": None},
    "endpoint is a list": {"jwks_uri": ["https://elsewhere.example"]},
    "a bad port": {"jwks_uri": "https://elsewhere.example:x/"},
}


@pytest.mark.parametrize("lie", DISCOVERY_LIES)
async def test_a_provider_that_says_to_be_another_is_not_asked(elsewhere: Elsewhere, lie: str) -> None:
    elsewhere.school.metadata = DISCOVERY_LIES[lie]
    browser = await elsewhere.browser()
    answer = await browser.get("/sign-in/provider/school", allow_redirects=False)
    assert answer.status == 403, await answer.text()
    assert "Set-Cookie" not in answer.headers
    assert len(await elsewhere.events("sign_in.refused")) == 1
    assert elsewhere.school.asked == ["/.well-known/openid-configuration"]


async def test_a_provider_that_is_down_is_said_to_be(elsewhere: Elsewhere) -> None:
    elsewhere.school.answers["/.well-known/openid-configuration"] = lambda: web.Response(status=503)
    browser = await elsewhere.browser()
    answers = await asyncio.gather(*(browser.get("/sign-in/provider/school", allow_redirects=False) for _ in range(8)))
    for answer in answers:
        assert answer.status == 424
        assert "did not answer as it should" in await answer.text()
    elsewhere.school.answers.clear()
    await elsewhere.begin(browser)


async def test_a_slow_provider_is_not_waited_for(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_client, "PATIENCE_SECONDS", 0.2)
    browser = await elsewhere.browser()
    location = await elsewhere.begin(browser)
    elsewhere.school.delays["/token"] = 2.0
    answer = await elsewhere.come_back(browser, location)
    assert answer.status == 424
    assert await elsewhere.nobody_came_in()


async def test_a_provider_is_found_whatever_key_it_changes_to_but_is_not_asked_all_the_time(
    elsewhere: Elsewhere,
) -> None:
    school = elsewhere.school
    school.claims = dict(STAFF)
    assert (await elsewhere.sign_in()).status == 303
    assert school.asked.count("/keys") == 1
    # A key that came later is found, once a minute has gone by.
    newer = signing_key("RSA", "key-2")
    school.keys = [dict(newer.as_dict(private=False))]
    school.kid, school.forge = "key-2", lambda claims: school.sign(claims, key=newer)
    elsewhere.service.clock.advance(seconds=61)
    assert (await elsewhere.sign_in()).status == 303
    assert school.asked.count("/keys") == 2
    school.kid = "made-up"
    for _ in range(5):
        assert (await elsewhere.sign_in()).status == 403
    assert school.asked.count("/keys") == 2
    # And a key that was taken back does not outlive the hour.
    elsewhere.service.clock.advance(seconds=3600)
    school.kid, school.keys = "key-2", [dict(signing_key("RSA", "key-1").as_dict(private=False))]
    assert (await elsewhere.sign_in()).status == 403


# Answers that do not belong


@pytest.mark.fault("att:D12")
async def test_an_answer_belongs_to_the_browser_that_asked(elsewhere: Elsewhere) -> None:
    """A state of another browser: whoever is lured to an answer of somebody else's sign-in does not come in as them."""
    elsewhere.school.claims = dict(STAFF)
    attacker, victim = await elsewhere.browser(), await elsewhere.browser()
    location = await elsewhere.begin(attacker)
    bare = await elsewhere.come_back(victim, location)
    assert bare.status == 403
    assert "took too long or was finished already" in await bare.text()
    await elsewhere.begin(victim)
    crossed = await elsewhere.come_back(victim, location)
    assert crossed.status == 403
    assert "another browser or window" in await crossed.text()
    assert await elsewhere.nobody_came_in()
    assert elsewhere.school.asked.count("/token") == 0
    assert len(await elsewhere.events("sign_in.refused")) == 2


async def test_a_wrong_state_is_refused(elsewhere: Elsewhere) -> None:
    for state in ("", "x" * 43, "…", None):
        browser = await elsewhere.browser()
        answer = await elsewhere.come_back(browser, await elsewhere.begin(browser), state=state)
        assert answer.status == 403
    assert await elsewhere.nobody_came_in()
    assert len(await elsewhere.events("sign_in.refused")) == 4


async def test_a_code_is_taken_once(elsewhere: Elsewhere) -> None:
    """Neither the same answer again, nor another answer to the same question, whatever the browser's cookie says."""
    elsewhere.school.claims = dict(STAFF)
    browser = await elsewhere.browser()
    location = await elsewhere.begin(browser)
    (cookie,) = [one for one in browser.session.cookie_jar if one.key == "nea_provider"]
    code, asked = elsewhere.school.code_for(location)
    path = "/sign-in/provider/school/answer"
    query = {"code": code, "state": asked["state"], "iss": elsewhere.school.address}
    assert (await browser.get(path, params=query, allow_redirects=False)).status == 303
    sessions = await elsewhere.count(WebSession)
    assert "nea_provider" not in {one.key for one in browser.session.cookie_jar}
    again = await browser.get(path, params=query, allow_redirects=False)
    assert again.status == 403
    kept = {"Cookie": f"nea_provider={cookie.value}"}
    for other in (code, elsewhere.school.code_for(location)[0]):
        replayed = await browser.get(path, params=query | {"code": other}, headers=kept, allow_redirects=False)
        assert replayed.status == 403
        assert "finished already" in await replayed.text()
    assert await elsewhere.count(WebSession) == sessions
    assert elsewhere.school.asked.count("/token") == 1


async def test_a_code_that_the_provider_does_not_know_is_over(elsewhere: Elsewhere) -> None:
    answer = await elsewhere.sign_in(code="replayed")
    assert answer.status == 403
    assert "took too long or was finished already" in await answer.text()


async def test_an_answer_comes_in_ten_minutes_or_not_at_all(elsewhere: Elsewhere) -> None:
    elsewhere.school.claims = dict(STAFF)
    browser = await elsewhere.browser()
    location = await elsewhere.begin(browser)
    elsewhere.service.clock.advance(seconds=601)
    answer = await elsewhere.come_back(browser, location)
    assert answer.status == 403
    assert await elsewhere.nobody_came_in()


async def test_a_cookie_that_was_made_up_or_altered_is_no_cookie(elsewhere: Elsewhere) -> None:
    browser = await elsewhere.browser()
    location = await elsewhere.begin(browser)
    (cookie,) = [one for one in browser.session.cookie_jar if one.key == "nea_provider"]
    code, asked = elsewhere.school.code_for(location)
    query = {"code": code, "state": asked["state"], "iss": elsewhere.school.address}
    flipped = ("A" if cookie.value[20] != "A" else "B").join((cookie.value[:20], cookie.value[21:]))
    for value in ("x", "é", flipped, cookie.value[:-4], "A" * 5000, json.dumps(["school"])):
        fresh = await elsewhere.browser()
        answer = await fresh.get(
            "/sign-in/provider/school/answer",
            params=query,
            headers={"Cookie": f"nea_provider={value}"},
            allow_redirects=False,
        )
        assert answer.status == 403
    assert await elsewhere.nobody_came_in()


async def test_a_mix_up_of_two_issuers_is_seen(elsewhere: Elsewhere) -> None:
    """The attacker runs `other` and sends the browser on to `school`; the code of `school` must not reach `other`."""
    one = elsewhere
    one.school.claims = dict(STAFF)
    browser = await one.browser()
    location = await one.begin(browser, "other")
    # School's answer at the address of the attacker's provider: it says who it is of.
    mixed = await one.come_back(browser, location, liar=one.school, key="other")
    assert mixed.status == 403
    assert one.other.asked.count("/token") == 0
    # School's answer at its own address: this browser asked another.
    location = await one.begin(browser, "other")
    mixed = await one.come_back(browser, location, liar=one.school, key="school")
    assert mixed.status == 403
    # And without saying who it is of, although the provider says that it does.
    location = await one.begin(browser)
    silent = await one.come_back(browser, location, iss=None)
    assert silent.status == 403
    assert one.school.asked.count("/token") == 0
    assert await one.nobody_came_in()
    checks = [details["check"] for _, details in await one.events("sign_in.refused")]
    assert checks == ["mix_up", "mix_up", "no_issuer"]


async def test_parameters_that_stand_twice_are_refused(elsewhere: Elsewhere) -> None:
    browser = await elsewhere.browser()
    code, asked = elsewhere.school.code_for(await elsewhere.begin(browser))
    answer = await browser.get(
        f"/sign-in/provider/school/answer?code={code}&code=x&state={asked['state']}", allow_redirects=False
    )
    assert answer.status == 403
    assert await elsewhere.nobody_came_in()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "was stopped at the identity provider"),
        ("temporarily_unavailable", "did not sign you in"),
        ("<script>", "did not sign you in"),
    ],
)
async def test_no_as_an_answer_is_said_in_plain_words(elsewhere: Elsewhere, error: str, words: str) -> None:
    browser = await elsewhere.browser()
    location = await elsewhere.begin(browser)
    answer = await elsewhere.come_back(
        browser, location, code=None, error=error, error_description="<script>alert(1)</script>"
    )
    text = await answer.text()
    assert answer.status == 403
    assert words in text
    assert "alert(1)" not in text
    assert len(await elsewhere.events("sign_in.refused")) == 1


async def test_an_unknown_provider_is_not_there(elsewhere: Elsewhere) -> None:
    browser = await elsewhere.browser()
    for path in ("/sign-in/provider/nobody", "/sign-in/provider/nobody/answer?code=x&state=y"):
        assert (await browser.get(path, allow_redirects=False)).status == 404
    assert (await browser.post("/sign-in/provider/nobody/logout", data={"logout_token": "x"})).status == 404


@pytest.mark.parametrize(
    "path", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "/" * 2000]
)
async def test_after_the_sign_in_nobody_is_sent_elsewhere(elsewhere: Elsewhere, path: str) -> None:
    elsewhere.school.claims = dict(STAFF)
    browser = await elsewhere.browser()
    answer = await elsewhere.come_back(browser, await elsewhere.begin(browser, next_path=path))
    assert answer.headers["Location"] == "/"


# Who it is


async def test_who_it_is_is_issuer_and_subject_and_never_an_address_of_mail(elsewhere: Elsewhere) -> None:
    one = elsewhere
    one.school.claims = STAFF | {"email": "robin@school.example", "email_verified": True}
    assert (await one.sign_in()).status == 303
    # The same address of mail: another subject there, and another issuer with the same subject.
    one.school.subject = "subject-2"
    one.school.claims = {"school": "123456", "email": "robin@school.example", "email_verified": True}
    assert (await one.sign_in()).status == 200
    browser = await one.browser()
    one.other.claims = {"email": "robin@school.example", "email_verified": True}
    answer = await one.come_back(browser, await one.begin(browser, "other"), liar=one.other, key="other")
    assert answer.status == 200
    assert len(await one.accounts()) == 3
    assert await one.roles() == [("teacher", "99001")]
    assert await one.count(WebSession) == 1


async def test_a_subject_is_the_same_letter_by_letter_only(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    one.school.claims = STAFF
    await one.sign_in()
    one.school.claims = {"school": "123456"}
    one.school.subject = "SUBJECT-1"
    assert (await one.sign_in()).status == 200
    assert len(await one.accounts()) == 2


async def test_a_closed_account_stays_out_and_is_told_so(elsewhere: Elsewhere) -> None:
    elsewhere.school.claims = STAFF
    await elsewhere.sign_in()
    now = elsewhere.service.clock.now
    await elsewhere.service.write(lambda s: s.execute(update(Account).values(disabled_at=now)))
    before = await elsewhere.count(WebSession)
    answer = await elsewhere.sign_in()
    assert answer.status == 403
    assert "has been closed here" in await answer.text()
    assert await elsewhere.count(WebSession) == before


# Logout by the provider


async def _signed_in(one: Elsewhere, sid: str | None = "sid-1") -> Any:
    one.school.claims = STAFF | {"sid": sid}
    browser = await one.browser()
    assert (await one.sign_in(browser)).status == 303
    assert (await browser.get("/", allow_redirects=False)).status == 200
    return browser


async def _log_out(one: Elsewhere, token: str) -> int:
    stranger = await one.service.anonymous()
    answer = await stranger.post("/sign-in/provider/school/logout", data={"logout_token": token})
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status


@pytest.mark.parametrize(
    "how", [{"sid": "sid-1", "sub": None}, {"sid": None}, {"sid": "sid-1"}], ids=["sid", "sub", "both"]
)
async def test_a_logout_at_the_provider_ends_the_sessions_here(
    elsewhere_on_each: Elsewhere, how: dict[str, Any]
) -> None:
    one = elsewhere_on_each
    browser = await _signed_in(one)
    one.school.subject = "subject-2"
    colleague = await _signed_in(one, "sid-2")
    one.school.subject = "subject-1"
    assert await _log_out(one, one.school.logout_token(**how)) == 200
    assert (await browser.get("/", allow_redirects=False)).headers["Location"].startswith("/sign-in")
    assert (await colleague.get("/", allow_redirects=False)).status == 200
    assert len(await one.events("session.ended_by_provider")) == 1


async def test_a_logout_ends_a_sign_in_under_way_as_well(elsewhere: Elsewhere) -> None:
    elsewhere.school.claims = {"school": "123456", "groups": ["staff"], "amr": ["pwd"], "sid": "sid-1"}
    browser = await elsewhere.browser()
    answer = await elsewhere.sign_in(browser)
    assert answer.status == 303
    assert await _log_out(elsewhere, elsewhere.school.logout_token()) == 200
    assert (await browser.get(answer.headers["Location"], allow_redirects=False)).status in {303, 403}
    assert await elsewhere.count(WebSession) == 0


async def test_a_logout_of_somebody_unknown_is_no_news(elsewhere: Elsewhere) -> None:
    browser = await _signed_in(elsewhere)
    assert await _log_out(elsewhere, elsewhere.school.logout_token(sub="nobody", sid="nothing")) == 200
    assert (await browser.get("/", allow_redirects=False)).status == 200


LOGOUT_LIES: dict[str, Callable[[LyingProvider], str]] = {
    "swapped keys": lambda p: p.logout_token(key=signing_key("RSA", "stranger")),
    "wrong iss": lambda p: p.logout_token(iss="https://elsewhere.example"),
    "wrong aud": lambda p: p.logout_token(aud="somebody-else"),
    "an ID token": lambda p: p.sign(p.id_claims("x" * 43)),
    "a nonce": lambda p: p.logout_token(nonce="x"),
    "no events": lambda p: p.logout_token(events=None),
    "another event": lambda p: p.logout_token(events={"https://elsewhere.example": {}}),
    "event is a list": lambda p: p.logout_token(events=["http://schemas.openid.net/event/backchannel-logout"]),
    "no jti": lambda p: p.logout_token(jti=None),
    "empty jti": lambda p: p.logout_token(jti=""),
    "nobody named": lambda p: p.logout_token(sub=None),
    "old": lambda p: p.logout_token(iat=int(p.clock().timestamp()) - 661, exp=None),
    "expired": lambda p: p.logout_token(exp=int(p.clock().timestamp()) - 61),
    "from the future": lambda p: p.logout_token(iat=int(p.clock().timestamp()) + 61),
    "no iat": lambda p: p.logout_token(iat=None),
    "typ of another token": lambda p: p.logout_token(typ="at+jwt"),
    "typ of any token": lambda p: p.logout_token(typ="JWT"),
    "alg none": lambda p: by_hand({"alg": "none"}, {"iss": p.address, "sub": "subject-1", "aud": CLIENT_ID}),
    "empty": lambda p: "",
    "no token": lambda p: "x.y.z",
}


@pytest.mark.parametrize("lie", LOGOUT_LIES)
async def test_a_logout_that_lies_logs_nobody_out(elsewhere: Elsewhere, lie: str) -> None:
    browser = await _signed_in(elsewhere)
    assert await _log_out(elsewhere, LOGOUT_LIES[lie](elsewhere.school)) == 400
    assert (await browser.get("/", allow_redirects=False)).status == 200
    assert [outcome for outcome, _ in await elsewhere.events("sign_out.refused")] == ["refused"]


async def test_a_logout_is_taken_once(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    await _signed_in(one)
    token = one.school.logout_token()
    assert await _log_out(one, token) == 200
    browser = await _signed_in(one)
    assert await _log_out(one, token) == 400
    assert (await browser.get("/", allow_redirects=False)).status == 200
    ((_, details),) = await one.events("sign_out.refused")
    assert details["check"] == "repeated"


async def test_a_logout_of_one_provider_is_nothing_to_accounts_of_another(elsewhere: Elsewhere) -> None:
    browser = await _signed_in(elsewhere)
    elsewhere.other.subject = elsewhere.school.subject
    stranger = await elsewhere.service.anonymous()
    token = elsewhere.other.logout_token(sid="sid-1")
    answer = await stranger.post("/sign-in/provider/other/logout", data={"logout_token": token})
    assert answer.status == 200
    assert (await browser.get("/", allow_redirects=False)).status == 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"logout_token=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
        (b'{"logout_token": "x"}', "application/json"),
        (b"logout_token=\xff", "application/x-www-form-urlencoded"),
        (b"&".join([b"a=b"] * 50), "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_logout_that_is_no_form_is_refused(elsewhere: Elsewhere, body: bytes, kind: str) -> None:
    stranger = await elsewhere.service.anonymous()
    answer = await stranger.post("/sign-in/provider/school/logout", data=body, headers={"Content-Type": kind})
    assert answer.status in {400, 413}


async def _officer(one: Elsewhere, role: Role, centre: str | None) -> Actor:
    from repository import people

    assignment = await one.service.write(
        lambda s: people.add_person(s, f"Officer {centre}", role, one.service.clock.now, centre_number=centre)
    )
    return Actor(assignment.person_id, assignment.id, "Officer", role, centre)


def test_kinds_of_keys_cover_the_algorithms() -> None:
    from repository.sign_in.providers_tokens import ALGORITHMS

    assert set(KINDS) >= ALGORITHMS


# When it was shown


async def _proved_at(one: Elsewhere) -> Any:
    query = select(WebSession.proved_at).where(WebSession.ended_at.is_(None))
    return await one.service.services.database.read(lambda s: s.scalars(query).one())


async def test_a_proof_is_as_old_as_the_provider_says(elsewhere: Elsewhere) -> None:
    """A provider that knows somebody lets them through without a question: that proves nothing about who sits there now."""
    now = elsewhere.service.clock.now
    hour_ago = int(now.timestamp()) - 3600
    for said, wanted in (
        (hour_ago, now.timestamp() - 3600),
        (None, LONG_AGO.timestamp()),
        (1e300, LONG_AGO.timestamp()),
    ):
        elsewhere.school.claims = STAFF | {"auth_time": said}
        browser = await elsewhere.browser()
        assert (await elsewhere.sign_in(browser)).status == 303
        assert (await _proved_at(elsewhere)).timestamp() == wanted
        await elsewhere.service.write(lambda s: s.execute(update(WebSession).values(ended_at=now)))


async def test_a_step_up_asks_anew_and_believes_nothing_less(elsewhere: Elsewhere) -> None:
    one = elsewhere
    browser = await _signed_in(one)
    one.service.clock.advance(minutes=20)
    location = await one.begin(browser, next_path="/account")
    asked = asked_of(location)
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    one.school.claims["auth_time"] = int(one.service.clock.now.timestamp()) - 1200
    refused = await one.come_back(browser, location)
    assert refused.status == 403
    assert (await browser.get("/", allow_redirects=False)).status == 200
    one.school.claims["auth_time"] = int(one.service.clock.now.timestamp())
    answer = await one.come_back(browser, await one.begin(browser, next_path="/account"))
    assert (answer.status, answer.headers["Location"]) == (303, "/account")
    assert await _proved_at(one) == one.service.clock.now


async def test_the_sign_in_page_has_a_button_for_each_provider(elsewhere: Elsewhere) -> None:
    browser = await elsewhere.browser()
    text = await (await browser.get("/sign-in", params={"next": "/cases"})).text()
    assert 'href="/sign-in/provider/school?next=%2Fcases"' in text
    assert "Sign in with Other sign-in" in text


async def test_a_flood_of_wrong_answers_is_counted_and_not_written_one_by_one(elsewhere: Elsewhere) -> None:
    browser = await elsewhere.browser()
    for _ in range(30):
        answer = await browser.get("/sign-in/provider/school/answer?code=x&state=y", allow_redirects=False)
        assert answer.status == 403
    assert len(await elsewhere.events("sign_in.refused")) == 20
    assert elsewhere.school.asked == []


async def test_a_provider_is_asked_by_few_at_once(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Further ones are told at once: people who wait must not pile up behind a provider that hangs."""
    monkeypatch.setattr(provider_client, "AT_ONCE_LIMIT", 2)
    elsewhere.school.claims = dict(STAFF)
    browsers = [await elsewhere.browser() for _ in range(6)]
    locations = [await elsewhere.begin(one) for one in browsers]
    elsewhere.school.delays["/token"] = 0.5
    answers = await asyncio.gather(
        *(elsewhere.come_back(one, location) for one, location in zip(browsers, locations, strict=True))
    )
    statuses = sorted(answer.status for answer in answers)
    assert statuses.count(303) == 2
    assert statuses.count(424) == 4


def test_over_https_the_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    from repository.settings import from_environ
    from repository.web.pages.providers import cookie_name

    environ = {"NEA_DATA_DIR": str(tmp_path), "NEA_BASE_URL": "https://nea.example.org"}
    environ["NEA_CONTENT_URL"] = "https://files.nea.example.org"
    assert cookie_name(from_environ(environ)) == "__Host-nea-provider"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_nobody_is_signed_in_by_a_link_of_another_site(elsewhere: Elsewhere, site: str) -> None:
    browser = await elsewhere.browser()
    answer = await browser.get("/sign-in/provider/school", headers={"Sec-Fetch-Site": site}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    assert "Set-Cookie" not in answer.headers
    assert elsewhere.school.asked == []


async def test_of_one_answer_many_times_at_once_one_is_taken(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    one.school.claims = dict(STAFF)
    browser = await one.browser()
    location = await one.begin(browser)
    (cookie,) = [kept for kept in browser.session.cookie_jar if kept.key == "nea_provider"]
    code, asked = one.school.code_for(location)
    query = {"code": code, "state": asked["state"], "iss": one.school.address}
    others = [await one.browser() for _ in range(5)]
    answers = await asyncio.gather(
        *(
            other.get(
                "/sign-in/provider/school/answer",
                params=query,
                headers={"Cookie": f"nea_provider={cookie.value}"},
                allow_redirects=False,
            )
            for other in others
        )
    )
    assert sorted(answer.status for answer in answers) == [303, 403, 403, 403, 403]
    assert one.school.asked.count("/token") == 1
    assert await one.count(WebSession) == 1


async def test_whoever_gives_roles_is_told_that_somebody_waits(elsewhere: Elsewhere) -> None:
    from repository.acts import tasks_of_waiting

    async def told(actor: Actor) -> list[tuple[str, str | None]]:
        context = Context(actor, elsewhere.service.clock.now, "test")
        tasks = await elsewhere.service.write(lambda s: tasks_of_waiting.tasks(s, context))
        return [(task.title, task.href) for task in tasks]

    officer = await _officer(elsewhere, Role.EXAMS_OFFICER, "99001")
    other = await _officer(elsewhere, Role.EXAMS_OFFICER, "99002")
    body = await _officer(elsewhere, Role.AB_OFFICER, None)
    teacher = await _officer(elsewhere, Role.TEACHER, "99001")
    assert await told(officer) == await told(body) == []
    elsewhere.school.claims = {"school": "123456"}
    await elsewhere.sign_in()
    assert await told(officer) == [("Decide on a person who waits for a role", "/staff")]
    assert await told(other) == await told(teacher) == await told(body) == []
    for subject in ("subject-2", "subject-3"):
        elsewhere.school.claims = {}
        elsewhere.school.subject = subject
        await elsewhere.sign_in()
    assert await told(body) == [("Decide on 2 people who wait for a role", "/people")]
