"""Passkeys in a real browser, with an authenticator that the browser itself plays."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect
from sqlalchemy.orm import Session

from repository import acting, people
from repository.access import Role
from repository.audit import Context
from repository.database import Database
from repository.sign_in import hashing, local

from .conftest import Visit, Visitor
from .serving import Running, environment, running

pytestmark = pytest.mark.journey

PASSWORD = "seven lanterns over a quiet mill"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
REFUSED = re.compile(r"the server responded with a status of 403")


@pytest.fixture(scope="module")
def service(rehearsal_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service under the one name at which a browser offers passkeys without https."""
    folder = tmp_path_factory.mktemp("passkeys")
    shutil.copytree(rehearsal_folder, folder / "data")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://localhost:{port}"
    more = {"NEA_PORT": str(port), "NEA_BASE_URL": address, "NEA_CENTRE_SECOND_FACTOR": "no"}
    with running(environment(folder / "data", more), folder / "log") as started:
        assert started.address == address
        yield started


@pytest.fixture
def somebody(service: Running) -> Callable[[str], str]:
    """Makes an exams officer with a local account; returns the sign-in name."""

    def make(name: str) -> str:
        async def work() -> None:
            database = Database(f"sqlite:///{service.log.parent / 'data' / 'nea.sqlite3'}")
            phc = hashing.hash_password(PASSWORD)

            def add(session: Session) -> None:
                now = datetime.now(UTC)
                held = people.add_person(session, f"Rehearsal {name}", Role.EXAMS_OFFICER, now, centre_number="99001")
                local.add_account(session, Context(None, now, "a journey"), held.person_id, name, phc)

            with acting.as_service("a journey"):
                await database.write(add)
            await database.close()

        with ThreadPoolExecutor(1) as threads:  # the browser's loop runs in this one
            threads.submit(asyncio.run, work()).result()
        return name

    return make


@dataclass
class Device:
    """What the browser plays: a device that keeps passkeys."""

    cdp: CDPSession
    authenticator_id: str

    def ask(self, method: str, **more: Any) -> dict[str, Any]:
        return dict(self.cdp.send(f"WebAuthn.{method}", {"authenticatorId": self.authenticator_id, **more}))

    def credential(self) -> dict[str, Any]:
        (found,) = self.ask("getCredentials")["credentials"]
        return dict(found)


def device_of(window: Visitor) -> Device:
    cdp = window.context.new_cdp_session(window.page)
    cdp.send("WebAuthn.enable")
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return Device(cdp, made["authenticatorId"])


def sign_in(window: Visitor, name: str) -> None:
    page = window.open("/sign-in")
    page.get_by_label("Sign-in name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue with name and password").click()


def sign_out(window: Visitor) -> None:
    window.page.get_by_role("button", name="Sign out").click()
    window.look("Sign in")


def enrol(window: Visitor, name: str) -> None:
    page = window.open("/account")
    page.get_by_role("link", name="Manage passkeys").click()
    window.look("Your passkeys")
    page.get_by_role("button", name="Add a passkey").click()
    window.look("Add a passkey")
    page.get_by_label("Name of the device").fill(name)
    page.get_by_role("button", name="Add passkey").click()
    window.look("Your passkeys")
    expect(page.get_by_role("rowheader", name=name)).to_be_visible()


def by_passkey(window: Visitor) -> None:
    window.open("/sign-in").get_by_role("button", name="Sign in with a passkey").click()


def forgive(window: Visitor) -> None:
    """The browser reports each refused form; that is what was to be seen."""
    window.complaints[:] = [words for words in window.complaints if not REFUSED.search(words)]


def test_a_person_makes_a_passkey_and_signs_in_steps_and_confirms_with_it(
    visit: Visit, somebody: Callable[[str], str]
) -> None:
    name = somebody("erin.passkey")
    window = visit()
    device_of(window)
    sign_in(window, name)
    window.look("what is due")
    enrol(window, "Work laptop")
    sign_out(window)

    by_passkey(window)
    window.look("what is due")
    sign_out(window)

    sign_in(window, name)
    window.look("Second step")
    window.page.get_by_role("button", name="Use your passkey").click()
    window.look("what is due")

    window.open("/confirm-it-is-you?next=/account/passkeys/add")
    window.page.get_by_role("button", name="Use your passkey").click()
    window.look("Add a passkey")


def test_a_device_has_one_passkey_of_the_service_and_a_removed_one_opens_nothing(
    visit: Visit, somebody: Callable[[str], str]
) -> None:
    window = visit()
    device_of(window)
    sign_in(window, somebody("rhys.passkey"))
    enrol(window, "Blue key")
    page = window.open("/account/passkeys/add")
    page.get_by_label("Name of the device").fill("Once more")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("status")).to_contain_text("This device already has a passkey")

    page = window.open("/account/passkeys")
    page.get_by_role("link", name="Remove Blue key").click()
    window.look("Remove a passkey")
    page.get_by_role("button", name="Remove passkey").click()
    window.look("Your passkeys")
    expect(page.get_by_text("You have no passkey yet.")).to_be_visible()
    sign_out(window)
    by_passkey(window)
    window.look("The passkey was not taken")
    expect(page.get_by_text("not known here, or was removed")).to_be_visible()
    forgive(window)


def test_a_copied_passkey_is_noticed_by_its_count(visit: Visit, somebody: Callable[[str], str]) -> None:
    window = visit()
    device = device_of(window)
    sign_in(window, somebody("noor.passkey"))
    enrol(window, "Phone")
    copy = device.credential()
    sign_out(window)
    by_passkey(window)
    window.look("what is due")
    sign_out(window)
    assert device.credential()["signCount"] > copy["signCount"]
    device.ask("clearCredentials")
    device.ask("addCredential", credential=copy | {"signCount": 0})
    by_passkey(window)
    window.look("The passkey was not taken")
    expect(window.page.get_by_text("may have been copied")).to_be_visible()
    forgive(window)


def test_a_device_that_cannot_tell_who_holds_it_and_one_without_a_passkey_are_told_so(
    visit: Visit, somebody: Callable[[str], str]
) -> None:
    window = visit()
    device = device_of(window)
    sign_in(window, somebody("ana.passkey"))
    enrol(window, "Tablet")
    sign_out(window)
    device.ask("setUserVerified", isUserVerified=False)
    by_passkey(window)
    status = window.page.get_by_role("status")
    expect(status).to_contain_text("No passkey was used")
    device.ask("setUserVerified", isUserVerified=True)
    device.ask("clearCredentials")
    by_passkey(window)
    expect(status).to_contain_text("No passkey was used")


def test_without_passkeys_in_the_browser_the_other_ways_stand_alone(visit: Visit) -> None:
    window = visit(width=320, height=640)
    window.context.add_init_script("delete globalThis.PublicKeyCredential;")
    page = window.open("/sign-in")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
    expect(page.get_by_role("button", name="Continue with name and password")).to_be_visible()
