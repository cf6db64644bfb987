"""Everybody of the journey arrives as people do: the first officers by set-up links, all others by invitations.

Nothing is put into the database by hand: names, passwords and codes go through the pages, and the clients that the rest
of the journey uses are the signed-in sessions that come of it.
"""

from __future__ import annotations

import base64
import html
import re
import secrets
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import ClientSession, ClientTimeout, CookieJar

from repository.access import Role
from repository.demo import serving
from repository.demo.client import Answer, Client, Unexpected
from repository.settings import Settings
from repository.sign_in import one_time_codes

TIMEOUT_SECONDS = 120
BODY = (
    ("reviewer", Role.MODERATOR),
    ("moderator", Role.MODERATOR),
    ("team leader", Role.TEAM_LEADER),
    ("principal", Role.PRINCIPAL_MODERATOR),
    ("clerk", Role.TRACKING_CLERK),
    ("second clerk", Role.TRACKING_CLERK),
)
SECOND_FACTOR_KEY = re.compile(r"Key: <span[^>]*>([A-Z2-7 ]+)</span>")
SPOKEN_CODE = re.compile(r'govuk-panel__title">\s*([^<]+?)\s*</h2>')
LINK = re.compile(r"/invitation/[A-Za-z0-9_-]+")
MEMBER = re.compile(r"/staff/[0-9a-f-]{36}")
WHOLE_CENTRE = "*"
NOTHING_YET = "this teacher sees nothing of the centre"
PROPOSAL = re.compile(r"/people/proposals/[0-9a-f-]+/confirm")
SET_UP_LINK = re.compile(r"/set-up/[A-Za-z0-9_-]+")
TOKEN = re.compile(r'name="csrf-token" content="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody who is signed in: the client of their session, and who they are to the service."""

    client: Client
    person_id: str


class Arrivals:
    """The sessions of everybody who arrived; leaving the block closes them."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings, self._address = settings, address
        self._sessions: list[ClientSession] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions:
            await session.close()

    async def officer(self, name: str) -> Arrived:
        """Make one of the first two officers, by a link that ``nea set-up`` prints."""
        browser = self._browser()
        path = await self._set_up_link()
        form = {"display_name": f"Demo {name}", "name": _address_of(name), "password": _password()}
        await browser.send(path, form)
        return await self._enrolled(browser)

    async def guest(
        self,
        host: Arrived,
        page: str,
        name: str,
        role: Role,
        centre_number: str | None = None,
        *,
        second: Arrived | None = None,
    ) -> Arrived:
        """Have somebody invited on a page of people by whoever may, and accept it with the link and the told code.

        Takes: ``second``, the officer who confirms a role that two give.
        """
        words = f"{name} {centre_number or ''}".strip()
        asked = {
            "role": role.value,
            "centre_number": centre_number or "",
            "name": f"Demo {words}",
            "email": _address_of(words),
        }
        answer = await host.client.send(f"{page}/invitations", asked)
        if answer.status == 303 and second is not None:
            proposal = PROPOSAL.search(await second.client.page(page))
            if proposal is None:
                raise Unexpected("GET", page, answer)
            answer = await second.client.send(proposal[0], {})
        code, link = SPOKEN_CODE.search(answer.body.decode()), LINK.search(answer.body.decode())
        if code is None or link is None:
            raise Unexpected("POST", f"{page}/invitations", answer)
        browser = self._browser()
        await browser.send(link[0], {"code": html.unescape(code[1])})
        await browser.send("/invitation", {"sign_in_name": _address_of(words), "password": _password()})
        return await self._enrolled(browser)

    async def teach_whole_centre(self, host: Arrived) -> None:
        """Let every teacher who sees nothing yet teach the whole centre, as its exams officer does."""
        for path in sorted(set(MEMBER.findall(await host.client.page("/staff")))):
            if NOTHING_YET in await host.client.page(path):
                await host.client.send(f"{path}/teaching", {"component": WHOLE_CENTRE, "teaching_set": ""})

    async def _enrolled(self, browser: Client) -> Arrived:
        """Set up the authenticator app that everybody needs, and open the session."""
        page = await browser.page("/sign-in/app")
        key = SECOND_FACTOR_KEY.search(page)
        if key is None:
            raise Unexpected("GET", "/sign-in/app", Answer(200, {}, page.encode()))
        secret = base64.b32decode(key[1].replace(" ", ""))
        step = int(time.time()) // one_time_codes.STEP_SECONDS
        await browser.send("/sign-in/app", {"code": one_time_codes.code_of(secret, step)})
        await browser.ask("GET", "/sign-in/go-on")
        token = TOKEN.search(await browser.page("/"))
        if token is None or not token[1]:
            raise Unexpected("GET", "/", Answer(200, {}, b"nobody is signed in"))
        browser.hold(token[1])
        return Arrived(browser, (await browser.get("/api/me"))["person_id"])

    def _browser(self) -> Client:
        jar = CookieJar(unsafe=True)  # the address is a number
        session = ClientSession(timeout=ClientTimeout(total=TIMEOUT_SECONDS), cookie_jar=jar)
        self._sessions.append(session)
        return Client(session, self._address, {"Sec-Fetch-Site": "same-origin"})

    async def _set_up_link(self) -> str:
        _, said = await serving.command(self._settings, "set-up")
        found = SET_UP_LINK.search(said)
        if found is None:
            raise serving.ServerFailed(f"No set-up link was printed.\n{said}")
        return found[0]


def _password() -> str:
    return secrets.token_urlsafe(18)


def _address_of(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", ".", words.lower()) + "@demo.invalid"
