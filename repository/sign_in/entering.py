"""The steps of a sign-in with a local account, and the step that every other sign-in shares with it: the second factor.

What takes long (a hash) happens between two transactions, so no lock is held meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from repository import audit
from repository.access import CENTRE_ROLES, Role
from repository.audit import Context
from repository.errors import CodeWrong, ServiceBusy, SignInFailed
from repository.services import Services
from repository.sign_in import attempts, factors, hashing, local, one_time_codes, passwords, sessions, throttle
from repository.sign_in.local import Credential
from repository.sign_in.methods import Method, is_multi_factor
from repository.sign_in.telling import tell

NAME_LIMIT = 320
BUSY_PAUSE_SECONDS = 0.5
"""So long whoever comes while no password can be checked waits to be told so."""


class Step(StrEnum):
    """What a sign-in under way needs next."""

    SECOND_FACTOR = "second_factor"
    ENROL = "enrol"
    """A second factor is needed, and the account has none yet."""
    CHOOSE_ROLE = "choose_role"
    NO_ROLE = "no_role"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Next:
    """The next step, and, once the sign-in can be finished, under which assignment."""

    step: Step
    assignment_id: str = ""


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser brings: where it comes from, and the cookie of a browser that signed in before."""

    address: str | None
    device_token: str


async def with_password(
    services: Services, context: Context, name: str, password: str, browser: Browser, next_path: str
) -> str:
    """Begin a sign-in with a name and a password; returns the attempt's token.

    Raises: ``SignInFailed`` for a wrong pair, in the same words and after the same work whether or not the name is
    anybody's; ``TooManyTries`` while the name has to wait; ``ServiceBusy`` when too many sign in at this moment.
    """
    name = name.strip().casefold()[:NAME_LIMIT]
    credential = await check_password(services, context, name, password, browser)

    def begin(session: Session) -> str:
        return attempts.start(session, context, credential.account_id, [Method.PASSWORD], next_path)

    return await services.database.write(begin)


async def check_password(
    services: Services, context: Context, name: str, password: str, browser: Browser
) -> Credential:
    """Hold a password against a name's account, counted and slowed; raises as ``with_password`` does."""
    box, now = services.secrets_box, context.now
    address = box.fingerprint("address", throttle.network_of(browser.address))
    if not browser.device_token and not services.hasher.has_room(address):
        # Before the database is asked, and not at once: a flood that is answered quickly takes the time of uploads.
        await asyncio.sleep(BUSY_PAUSE_SECONDS)
        raise ServiceBusy(hashing.BUSY)

    def begin(session: Session) -> tuple[Credential | None, bytes, int, bool, bool]:
        found = local.find(session, name)
        is_known = found is not None and local.is_known_device(session, browser.device_token, found.account_id, now)
        key = box.fingerprint("device", name, browser.device_token) if is_known else box.fingerprint("name", name)
        is_crowd = throttle.is_crowd(session, address, now)
        return found, key, throttle.begin(session, key, now), is_known, is_crowd

    found, key, failures, is_known, is_crowd = await services.database.write(begin)
    try:
        phc = found.phc if found else None
        places = hashing.CROWD_PLACES if is_crowd else hashing.ADDRESS_PLACES
        right = await services.hasher.check(
            password[: passwords.LONGEST + 1], phc, address=None if is_known else address, places=places
        )
    except ServiceBusy:
        await services.database.write(lambda s: throttle.give_back(s, key, now))
        await asyncio.sleep(BUSY_PAUSE_SECONDS)
        raise
    if found is None or not right:
        await _refuse(services, context, found, browser, failures)
        raise SignInFailed
    renewed = await _renewed_hash(services, found, password)

    def accept(session: Session) -> None:
        throttle.forget(session, key)
        if renewed:
            local.keep_hash(session, found.account_id, found.phc, renewed)

    await services.database.write(accept)
    return found


async def _refuse(
    services: Services, context: Context, found: Credential | None, browser: Browser, failures: int
) -> None:
    """Note a wrong password, and tell whose it is when the name has to wait.

    The more there were from the same address, the later comes the answer.
    """
    address = services.secrets_box.fingerprint("address", throttle.network_of(browser.address))

    def refuse(session: Session) -> int:
        whose = found.account_id if found is not None else "unknown"
        audit.record(session, context, "sign_in.refused", "account", whose, outcome="refused")
        if found is not None and failures == throttle.LOCK_AT:
            what = "Wrong passwords were tried with your sign-in name, so it has to wait for 15 minutes. Browsers in which you "
            what += "signed in before are not affected."
            tell(session, context, found.person_id, what, once=f"tries:{found.account_id}:{context.now:%Y-%m-%d}")
        return throttle.count_address(session, address, context.now)

    await asyncio.sleep(throttle.slowing_seconds(await services.database.write(refuse)))


async def _renewed_hash(services: Services, found: Credential, password: str) -> str:
    """Return the password hashed at today's cost if what is kept is cheaper, or nothing: also when too many wait."""
    if not hashing.is_outdated(found.phc, services.hasher.cost):
        return ""
    try:
        return await services.hasher.hash(password)
    except ServiceBusy:
        return ""


def next_step(
    session: Session, token: str, context: Context, *, centres_need_two: bool, same_person: tuple[str, str] | None
) -> Next:
    """Return what a sign-in under way needs next.

    Takes: ``same_person``, the person and assignment of whoever is signed in in this browser already: to them it is a
    step-up, which goes on in the same role.
    Raises: ``AttemptOver``.
    """
    standing = attempts.standing(session, token, context.now)
    choices = attempts.choices(session, standing.person_id, context.now)
    if not choices:
        return Next(Step.NO_ROLE)
    if not is_multi_factor(standing.methods):
        if factors.enrolled(session, standing.account_id):
            return Next(Step.SECOND_FACTOR)
        if centres_need_two or any(Role(one.role) not in CENTRE_ROLES for one in choices):
            return Next(Step.ENROL)
    if same_person is not None and same_person[0] == standing.person_id:
        same = [one.id for one in choices if one.id == same_person[1]]
        if same:
            return Next(Step.OPEN, same[0])
    return Next(Step.CHOOSE_ROLE) if len(choices) > 1 else Next(Step.OPEN, choices[0].id)


async def show_code(
    services: Services, context: Context, token: str, code: str, browser: Browser, *, recovery: bool
) -> None:
    """Add a second factor to a sign-in under way: a code of the app, or a recovery code.

    Raises: ``CodeWrong``; ``TooManyTries``; ``AttemptOver``.
    """
    box = services.secrets_box

    def begin(session: Session) -> tuple[str, bytes]:
        account_id = attempts.standing(session, token, context.now).account_id
        is_known = local.is_known_device(session, browser.device_token, account_id, context.now)
        key = box.fingerprint("code", account_id, browser.device_token if is_known else "")
        throttle.begin(session, key, context.now)
        return account_id, key

    account_id, key = await services.database.write(begin)

    def judge(session: Session) -> bool:
        method = Method.RECOVERY_CODE if recovery else Method.ONE_TIME_CODE
        if recovery:
            right = one_time_codes.use_recovery_code(session, context, account_id, code)
        else:
            right = one_time_codes.use(session, account_id, code, context.now, box)
        if right:
            throttle.forget(session, key)
            attempts.add(session, context, token, method)
        else:
            audit.record(session, context, "second_factor.refused", "account", account_id, outcome="refused")
        return right

    if not await services.database.write(judge):
        raise CodeWrong("That recovery code is not right, or was used before." if recovery else "")


async def sweep(services: Services) -> None:
    """End the sessions that have run out, and delete counts and attempts that nobody needs any more."""
    now, limits = services.clock(), services.settings.session_limits
    await services.database.write(lambda session: sessions.sweep(session, now, limits))
