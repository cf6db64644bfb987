"""SF-03: every URL that names something of a centre, asked by everybody whose it is not, beside one that names nothing.

The two answers are the same in status, headers and every byte but the id that was asked for. And every route, asked by
every role that the policy does not name for it, is not there.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from uuid import uuid4

import pytest
from aiohttp import ClientResponse
from sqlalchemy import create_engine

from repository.access import POLICY, STEP_UP, Action, Role, Scope
from repository.web.routes import ROUTES, Route
from tests.repository.scoping import world
from tests.repository.scoping.world import World

from .conftest import Client, Service, StartService

OWN, OTHER = "99003", "99004"
"""Neither is in a consortium."""

THINGS: Mapping[str, tuple[str, str]] = {
    "case_id": ("moderation_case", "id"),
    "item_id": ("sample_item", "id"),
    "receipt_id": ("receipt", "id"),
    "document_id": ("evidence", "document_id"),
    "consignment_id": ("consignment", "id"),
    "extension_id": ("extension", "id"),
    "reopening_id": ("reopening", "id"),
    "amendment_id": ("mark_amendment", "id"),
    "check_id": ("moderator_check", "id"),
    "hold_id": ("malpractice_hold", "id"),
    "suspicion_id": ("suspicion", "id"),
    "concern_id": ("safeguarding_concern", "id"),
    "thread_id": ("thread", "id"),
    "request_id": ("review_request", "id"),
    "report_id": ("missing_result", "id"),
    "sitting_id": ("sitting", "id"),
    "packet_id": ("packet", "id"),
    "script_id": ("script", "id"),
    "script_case_id": ("script_case", "id"),
    "bundle_id": ("scan_bundle", "id"),
    "decision_id": ("page_decision", "id"),
    "quality_check_id": ("quality_check", "id"),
    "oid": ("upload", "oid"),
    "assignment_id": ("assignment", "id"),
    "teaching_id": ("teaching", "id"),
    "invitation_id": ("invitation", "id"),
    "contact_id": ("notification_contact", "id"),
    "entry_id": ("despatch_entry", "id"),
    "evidence_id": ("custody_evidence", "id"),
}
"""What of a centre a URL names, and where it stands."""
NOT_OF_A_CENTRE = {
    "series_key": world.SERIES[1],
    "what": "entries",
    "kind": "series",
    "number": "1",
    "page_index": "1",
    "path": "x",
    "key": "x",
    "token": "x",
    "day": "2026-05-15",
    "picture_id": "picture-0001",
}
"""What belongs to no centre; what is the body's own (an incident, a proposal) or the person's own (a passkey) likewise."""
OF_THE_BODY_OR_ONE_SELF = {
    "label_request_id", "destruction_id",
    "incident_id", "exemption_id", "conflict_id", "person_id", "proposal_id", "message_id", "passkey_id", "token_id",
    "integration_id", "account_id", "session_id", "device_id", "work_id",
}  # fmt: skip
NARROW = {Scope.MY_CENTRE, Scope.ALLOCATED, Scope.TEAM, Scope.COMPONENT, Scope.TAUGHT, Scope.OWN}
VARYING = {"date", "x-request-id", "content-security-policy"}
NONCE = re.compile(
    r'nonce="[^"]*"|(?:content|value)="[\w-]{80,}={0,2}"|"instance": *"[^"]*"'
    r"|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def names_in(path: str) -> list[str]:
    return re.findall(r"\{(\w+)(?::[^}]*)?\}", path)


def of_a_centre() -> Iterator[Route]:
    for route in ROUTES:
        if route.action is not Action.PUBLIC and any(name in THINGS for name in names_in(route.path)):
            yield route


@pytest.fixture(scope="module")
def made() -> World:
    return world.make(5)


def thing(made: World, name: str, centre: str) -> str:
    """Return the id of something of a centre, found by what it hangs on."""
    table, column = THINGS[name]
    row = next(row for row in made.rows[table] if centre_of(made, table, row) == centre)
    return str(row[column])


def centre_of(made: World, table: str, row: dict[str, object]) -> str | None:
    if row.get("centre_number"):
        return str(row["centre_number"])
    for column, above in (
        ("case_id", "moderation_case"), ("sitting_id", "sitting"), ("assignment_id", "assignment"),
        ("sample_item_id", "sample_item"), ("bundle_id", "scan_bundle"), ("script_id", "script"),
    ):  # fmt: skip
        if row.get(column):
            parent = next(one for one in made.rows[above] if one["id"] == row[column])
            return centre_of(made, above, parent)
    return None


def path_of(route: Route, things: Mapping[str, str]) -> str:
    def filled(match: re.Match[str]) -> str:
        name = match[1]
        return things.get(name) or NOT_OF_A_CENTRE.get(name) or str(uuid4())

    return re.sub(r"\{(\w+)(?::[^}]*)?\}", filled, route.path)


def methods_of(route: Route) -> tuple[str, ...]:
    if route.method == "*":
        return "HEAD", "PATCH", "DELETE"
    return ("GET", "HEAD") if route.method == "GET" else (route.method,)


@pytest.fixture
async def peopled(start_service: StartService, migrated_file: Path, tmp_path: Path, made: World) -> Service:
    """A service over a world that nobody signed in has a part in, but for one centre."""
    path = tmp_path / "world.sqlite3"
    shutil.copy(migrated_file, path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        world.put(connection, made)
    engine.dispose()
    return await start_service(f"sqlite:///{path}")


async def asked(client: Client, method: str, path: str) -> tuple[int, dict[str, str], str]:
    body = None if method in {"GET", "HEAD"} else {}
    answer: ClientResponse = await client.request(
        method,
        path,
        json=body,
        allow_redirects=False,
        # Compressed, a page's length would vary with the masks of its tokens.
        headers={"Accept-Encoding": "identity", **({"Range": "bytes=0-9"} if "content" in path else {})},
    )
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in VARYING}
    return answer.status, headers, NONCE.sub("", await answer.text(errors="replace"))


def test_every_name_in_a_url_is_somebody_s() -> None:
    """A new route with a new name says here whose things it names."""
    named = {name for route in ROUTES for name in names_in(route.path)}
    assert named <= {*THINGS, *NOT_OF_A_CENTRE, *OF_THE_BODY_OR_ONE_SELF}


@pytest.mark.fault("att:E02", "att:E03")
@pytest.mark.parametrize(
    "role", [Role.TEACHER, Role.EXAMS_OFFICER, Role.MODERATOR, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR]
)
async def test_what_is_another_s_is_not_there(peopled: Service, made: World, role: Role) -> None:
    client = await peopled.client(role, OWN if role in {Role.TEACHER, Role.EXAMS_OFFICER} else None)
    foreign = {name: thing(made, name, OTHER) for name in THINGS}
    compared = 0
    for route in of_a_centre():
        scope = POLICY.get(route.action, {}).get(role)
        if scope not in NARROW:
            continue
        # What is absent has as many letters as what is forbidden, so that the answers can be of one length.
        absent = {name: uuid4().hex[: len(value)].ljust(len(value), "0") for name, value in foreign.items()}
        for method in methods_of(route):
            told = f"{role} {method} {route.path}"
            forbidden = await asked(client, method, path_of(route, foreign))
            nothing = await asked(client, method, path_of(route, absent))
            for name, value in foreign.items():
                nothing = (nothing[0], nothing[1], nothing[2].replace(absent[name], value))
            assert forbidden == nothing, told
            assert forbidden[0] not in {200, 201, 204, 206, 303, 500}, told
            compared += 1
    assert compared > 15


@pytest.mark.fault("att:E02")
@pytest.mark.parametrize("role", list(Role))
async def test_what_the_policy_does_not_name_for_a_role_is_not_there(peopled: Service, made: World, role: Role) -> None:
    """Every route × this role, where the table has nothing: 404 whatever is asked for, and nothing is looked up."""
    client = await peopled.client(role, OWN if role in {Role.TEACHER, Role.EXAMS_OFFICER} else None)
    things = {name: thing(made, name, OWN) for name in THINGS}
    refused = 0
    for route in ROUTES:
        if route.action is Action.PUBLIC or route.method == "*" or role in POLICY[route.action]:
            continue
        status, _, body = await asked(client, route.method, path_of(route, things))
        assert status == 404, f"{role} {route.method} {route.path}: {status}"
        assert "EXAMPLE" not in body
        refused += 1
    assert refused > 40


async def test_what_is_one_s_own_is_there(peopled: Service, made: World) -> None:
    """The other side, so that the tests above cannot hold because nothing is there for anybody."""
    client = await peopled.client(Role.EXAMS_OFFICER, OWN)
    for path in (
        "/api/cases/{case_id}",
        "/api/cases/{case_id}/marks",
        "/api/documents/{document_id}",
        "/staff/{assignment_id}",
    ):
        name = names_in(path)[0]
        for centre, expected in ((OWN, {200}), (OTHER, {404})):
            answer = await client.get(path.replace(f"{{{name}}}", thing(made, name, centre)))
            assert answer.status in expected, f"{path} of {centre}: {answer.status} {await answer.text()}"


async def test_absent_and_forbidden_take_the_same_time(peopled: Service, made: World) -> None:
    """Of two ids that lead nowhere, the clock does not tell which one is somebody's."""
    client = await peopled.client(Role.EXAMS_OFFICER, OWN)
    forbidden, absent = thing(made, "case_id", OTHER), str(uuid4())
    taken: dict[str, list[float]] = {forbidden: [], absent: []}
    for _ in range(40):
        for case_id, times in taken.items():
            began = perf_counter()
            answer = await client.get(f"/api/cases/{case_id}")
            times.append(perf_counter() - began)
            assert answer.status == 404
    ratio = median(taken[forbidden]) / median(taken[absent])
    assert 0.5 < ratio < 2.0


async def test_a_list_never_counts_what_is_another_s(peopled: Service, made: World) -> None:
    client = await peopled.client(Role.EXAMS_OFFICER, OWN)
    cases = (await (await client.get("/api/cases")).json())["cases"]
    own = [row for row in made.rows["moderation_case"] if row["centre_number"] == OWN]
    assert len(cases) == len(own)
    narrowed = await client.get("/api/cases", params={"centre": OTHER})
    assert (await narrowed.json())["cases"] == []
    for role in (Role.MODERATOR, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR):
        reader = await peopled.client(role)
        assert (await (await reader.get("/api/cases")).json())["cases"] == []


def test_every_act_that_can_do_great_harm_is_in_the_policy() -> None:
    assert set(POLICY) >= STEP_UP
