"""From the scanner to scripts: bundles are taken in, pushed as a whole, and their waiting pages decided by two people."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import delete, select, update

from moderation.errors import RecordKept
from repository import rehearsing
from repository.access import Role
from repository.tables import AuditEvent, ScriptVersion
from scripts.tables import PageDecision, QualityCheck, ScanBundle, Script, Sitting
from tests.scripts import bundles

from .conftest import Service, csrf

CENTRE = "99002"


@dataclass
class Station:
    """A scanning station: a clerk, a sitting whose scripts arrived, and the first two candidates of it."""

    service: Service
    clerk: TestClient  # type: ignore[type-arg]
    sitting: Sitting
    numbers: list[str]

    def pages(self, *numbers: str) -> list[Any]:
        """For each candidate a cover and one written page."""
        found = []
        for number in numbers:
            cover = bundles.cover(number, component=self.sitting.component_code, centre=CENTRE)
            found += [cover, bundles.written(int(number))]
        return found

    async def send(self, data: bytes, *, sheets: int, booklets: int, name: str = "b.pdf") -> tuple[int, dict[str, Any]]:
        counted = f"sheets={sheets}&sheets_checked={sheets}&booklets={booklets}&booklet_pages=2&duplex=none"
        path = f"/api/bundles?sitting={self.sitting.id}&filename={name}&{counted}"
        answer = await self.clerk.post(path, data=data, headers={"Content-Type": "application/pdf"})
        return answer.status, await answer.json()

    async def shown(self, bundle_id: str) -> dict[str, Any]:
        await self.service.settle()
        return dict(await (await self.clerk.get(f"/api/bundles/{bundle_id}")).json())

    async def all(self, query: Any) -> list[Any]:
        return list(await self.service.services.database.read(lambda s: s.scalars(query).all()))


@pytest.fixture
async def station(service_on_each: Service) -> Station:
    now = service_on_each.clock()
    await service_on_each.write(lambda session: rehearsing.seed(session, now))
    clerk = await service_on_each.client(Role.TRACKING_CLERK)
    found = Station(service_on_each, clerk, Sitting(), [])
    found.sitting = (await found.all(select(Sitting).filter_by(centre_number=CENTRE)))[0]
    scripts = await found.all(select(Script).filter_by(sitting_id=found.sitting.id).order_by(Script.candidate_number))
    found.numbers = [script.candidate_number for script in scripts][:2]
    return found


async def test_a_bundle_becomes_scripts_and_is_the_same_bundle_when_it_comes_again(station: Station) -> None:
    data = bundles.bundle(station.pages(*station.numbers))
    sent = await asyncio.gather(*(station.send(data, sheets=4, booklets=2, name=name) for name in ("a.pdf", "b.pdf")))
    assert sorted(status for status, _ in sent) == [200, 202]
    shown = await station.shown(sent[0][1]["id"])
    assert (shown["state"], shown["pages"], shown["queued"]) == ("pushed", 4, [])
    assert [one["candidate_number"] for one in shown["scripts"]] == station.numbers
    assert sum(shown["ended"].values()) == 4
    assert {version.number for version in await station.all(select(ScriptVersion))} == {1}
    assert await station.send(data, sheets=4, booklets=2) == (200, {**sent[0][1], "state": "pushed", "repeat": True})


async def test_a_damaged_file_fails_alone_and_is_no_page_of_anything(station: Station) -> None:
    damaged, sound = b"%PDF-1.7\n%%EOF\n", bundles.bundle(station.pages(station.numbers[0]))
    sent = [(await station.send(data, sheets=2, booklets=1))[1]["id"] for data in (damaged, sound)]
    failed, pushed = [await station.shown(one) for one in sent]
    assert (failed["state"], failed["reason"], failed["pages"]) == ("failed", "unreadable", 0)
    assert pushed["state"] == "pushed"
    actions = await station.all(select(AuditEvent.action).where(AuditEvent.object_id == sent[0]))
    assert "bundle.failed" in actions


async def test_a_page_that_waits_is_given_to_its_script_by_two_people_and_makes_a_new_version(station: Station) -> None:
    first = station.numbers[0]
    lost = [bundles.written(77), *station.pages(first)]
    bundle_id = (await station.send(bundles.bundle(lost), sheets=3, booklets=1))[1]["id"]
    shown = await station.shown(bundle_id)
    assert [(one["page"], one["reason"]) for one in shown["queued"]] == [(0, "before_first_cover")]
    assert [one["candidate_number"] for one in shown["scripts"]] == [first]
    asked = {"decision": "assign", "candidate_number": first}
    proposed = await station.clerk.post(f"/api/bundles/{bundle_id}/pages/0", json=asked)
    assert proposed.status == 201, await proposed.text()
    decision = await proposed.json()
    assert decision["stage"] == "proposed"
    answer = f"/api/page-decisions/{decision['id']}"
    assert (await station.clerk.post(answer, json={"agrees": True})).status == 409
    other = await station.service.client(Role.TRACKING_CLERK)
    confirmed = await other.post(answer, json={"agrees": True})
    assert confirmed.status == 200, await confirmed.text()
    after = await station.shown(bundle_id)
    assert (after["queued"], sum(after["ended"].values())) == ([], 3)
    versions = await station.all(select(ScriptVersion).order_by(ScriptVersion.number))
    assert [(one.number, one.superseded_at is None, len(one.contents)) for one in versions] == [
        (1, False, 2),
        (2, True, 3),
    ]
    stages = await station.all(select(PageDecision.stage).order_by(PageDecision.decided_at, PageDecision.stage.desc()))
    assert sorted(stages) == ["confirmed", "proposed"]
    assert len(await station.all(select(ScanBundle))) == 1
    await looked_at_by_a_third(station, first)
    for change in (update(PageDecision).values(reason="not_ours"), delete(PageDecision)):
        with pytest.raises(RecordKept):
            await station.service.write(lambda session, change=change: session.execute(change))


async def looked_at_by_a_third(station: Station, number: str) -> None:
    """Who indexed it does not look at it; a third person does, and only then it may go to its marker."""
    (check,) = await station.all(select(QualityCheck).filter_by(version=2))
    assert check.chosen_for == "made_anew"
    (script,) = await station.all(select(Script).filter_by(sitting_id=station.sitting.id, candidate_number=number))
    kept = await station.all(select(PageDecision.decided_by))
    clerk, officer = await station.service.browser(Role.TRACKING_CLERK), await station.service.browser(Role.AB_OFFICER)
    assert clerk.person_id not in kept  # type: ignore[attr-defined]
    told = {"event_id": "m-1", "kind": "marked"}
    assert (await station.clerk.post(f"/api/scripts/{script.id}/events", json=told)).status == 409
    release = f"/scripts/{script.id}/release"
    assert "A second person has still to look at it" in await (await officer.get(release)).text()
    taken = await clerk.post("/quality", data={"csrf_token": await csrf(clerk, "/quality")}, allow_redirects=False)
    assert taken.headers["Location"] == f"/quality/{check.id}"
    text = await (await clerk.get(f"/quality/{check.id}")).text()
    assert "Its images were made anew" in text
    form = {"csrf_token": await csrf(clerk, f"/quality/{check.id}")}
    bad = await clerk.post(f"/quality/{check.id}", data={**form, "outcome": "failed"})
    assert (bad.status, "Choose what is wrong with the script" in await bad.text()) == (422, True)
    await clerk.post(f"/quality/{check.id}", data={**form, "outcome": "passed"})
    (script,) = await station.all(select(Script).filter_by(id=script.id))
    assert script.state == "quality_checked"
    # Others of its sitting are not here: an officer lets it go with that open, and nobody else does.
    form = {"csrf_token": await csrf(clerk, release), "with_cases": "yes"}
    assert (await clerk.post(release, data=form)).status in {409, 422}
    form = {"csrf_token": await csrf(officer, release), "with_cases": "yes"}
    let_go = await officer.post(release, data=form, allow_redirects=False)
    assert let_go.status == 303, await let_go.text()
    answers = [await station.clerk.post(f"/api/scripts/{script.id}/events", json=told) for _ in range(2)]
    assert [(one.status, (await one.json())["repeat"]) for one in answers] == [(201, False), (200, True)]
