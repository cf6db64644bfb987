"""From the scanner to scripts: bundles are taken in, pushed as a whole, and their waiting pages decided by two people."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from sqlalchemy import delete, func, select, update

from moderation.errors import RecordKept
from repository import acting, work
from repository.access import Role
from repository.audit import Context
from repository.bundles import pushing, staging, versions
from repository.bundles.staging import Announced
from repository.tables import AuditEvent, ScriptVersion
from scripts import records
from scripts.errors import BundleTooLarge
from scripts.tables import PageDecision, QualityCheck, RegisterLine, ScanBundle, ScanPage, Script, ScriptCase, Sitting
from tests.scripts import bundles

from .conftest import Client, Service, StartService, csrf
from .test_custody import load

CENTRE = "99002"
DAMAGED = b"%PDF-1.7\n%%EOF\n"


@dataclass
class Station:
    """A scanning station: two clerks, a sitting whose scripts arrived, and the candidates of it."""

    service: Service
    clerk: Client
    other: Client
    sitting: Sitting
    numbers: list[str]

    def pages(self, *numbers: str, seed: int = 0) -> list[Any]:
        """For each candidate a cover and one written page."""
        found = []
        for number in numbers:
            cover = bundles.cover(number, component=self.sitting.component_code, centre=CENTRE)
            found += [cover, bundles.written(int(number) + seed)]
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

    async def script(self, number: str) -> Script:
        (found,) = await self.all(select(Script).filter_by(sitting_id=self.sitting.id, candidate_number=number))
        return found

    async def versions(self, script: Script) -> list[tuple[int, bool, int]]:
        """Each version of a script: its number, whether it is the present one, how many pages it has."""
        query = select(ScriptVersion).filter_by(script_id=script.id).order_by(ScriptVersion.number)
        return [(one.number, one.superseded_at is None, len(one.contents)) for one in await self.all(query)]

    async def confirmed(self, bundle_id: str, page: int, **asked: str) -> dict[str, Any]:
        """One clerk proposes, who may not confirm it; the other confirms."""
        proposed = await self.clerk.post(f"/api/bundles/{bundle_id}/pages/{page}", json=asked)
        assert proposed.status == 201, await proposed.text()
        decision = await proposed.json()
        assert decision["stage"] == "proposed"
        answer = f"/api/page-decisions/{decision['id']}"
        assert (await self.clerk.post(answer, json={"agrees": True})).status == 409
        confirmed = await self.other.post(answer, json={"agrees": True})
        assert confirmed.status == 200, await confirmed.text()
        return dict(await confirmed.json())


async def opened(service: Service) -> Station:
    clerk, other = [await service.client(Role.TRACKING_CLERK) for _ in range(2)]
    found = Station(service, clerk, other, Sitting(), [])
    sittings = select(Sitting).filter_by(centre_number=CENTRE).order_by(Sitting.component_code)
    found.sitting = (await found.all(sittings))[0]
    scripts = await found.all(select(Script).filter_by(sitting_id=found.sitting.id).order_by(Script.candidate_number))
    found.numbers = [script.candidate_number for script in scripts]
    return found


@pytest.mark.fault("att:I12", "att:I13")
async def test_from_the_scanner_to_the_marker(service_on_each: Service, rehearsed_world: None) -> None:
    """One station's day, on each database: what is dear to begin is begun once."""
    station = await opened(service_on_each)
    await a_waiting_page_is_given_to_its_script(station)
    await the_same_bundle_twice_is_one(station)
    if service_on_each.services.settings.database_url.startswith("sqlite"):  # these ask nothing of a database
        await a_marked_script_scanned_again_is_a_case(station)
        await a_damaged_file_fails_alone(station)
    await a_script_scanned_again_replaces_and_is_taken_back(station)
    await what_an_enquiry_holds_no_clerk_sees(station)
    kinds = await station.all(select(PageDecision.kind).where(PageDecision.stage.in_(["done", "confirmed"])))
    assert {"assign", "replace", "rotate", "undo"} == set(kinds)
    for change in (update(PageDecision).values(reason="not_ours"), delete(PageDecision)):
        with pytest.raises(RecordKept):
            await station.service.write(lambda session, change=change: session.execute(change))


async def the_same_bundle_twice_is_one(station: Station) -> None:
    data = bundles.bundle(station.pages(*station.numbers[:2]))
    sent = await asyncio.gather(*(station.send(data, sheets=4, booklets=2, name=name) for name in ("a.pdf", "b.pdf")))
    assert sorted(status for status, _ in sent) == [200, 202]
    shown = await station.shown(sent[0][1]["id"])
    assert (shown["state"], shown["pages"], shown["queued"]) == ("pushed", 4, [])
    assert [one["candidate_number"] for one in shown["scripts"]] == station.numbers[:2]
    assert sum(shown["ended"].values()) == 4
    assert await station.send(data, sheets=4, booklets=2) == (200, {**sent[0][1], "state": "pushed", "repeat": True})


async def a_damaged_file_fails_alone(station: Station) -> None:
    damaged, sound = DAMAGED, bundles.bundle(station.pages(station.numbers[3]))
    sent = [(await station.send(data, sheets=2, booklets=1))[1]["id"] for data in (damaged, sound)]
    failed, pushed = [await station.shown(one) for one in sent]
    assert (failed["state"], failed["reason"], failed["pages"]) == ("failed", "unreadable", 0)
    assert pushed["state"] == "pushed"
    actions = await station.all(select(AuditEvent.action).where(AuditEvent.object_id == sent[0]))
    assert "bundle.failed" in actions


async def a_waiting_page_is_given_to_its_script(station: Station) -> None:
    first = station.numbers[2]
    lost = [bundles.written(77), *station.pages(first)]
    bundle_id = (await station.send(bundles.bundle(lost), sheets=3, booklets=1))[1]["id"]
    shown = await station.shown(bundle_id)
    assert [(one["page"], one["reason"]) for one in shown["queued"]] == [(0, "before_first_cover")]
    assert [one["candidate_number"] for one in shown["scripts"]] == [first]
    await station.confirmed(bundle_id, 0, decision="assign", candidate_number=first)
    after = await station.shown(bundle_id)
    assert (after["queued"], sum(after["ended"].values())) == ([], 3)
    assert await station.versions(await station.script(first)) == [(1, False, 2), (2, True, 3)]
    await looked_at_by_a_third(station, first)


async def looked_at_by_a_third(station: Station, number: str) -> None:
    """Who indexed it does not look at it; a third person does, and only then it may go to its marker."""
    (check,) = await station.all(select(QualityCheck).filter_by(version=2))
    assert check.chosen_for == "made_anew"
    script = await station.script(number)
    kept = await station.all(select(PageDecision.decided_by))
    clerk, officer = await station.service.browser(Role.TRACKING_CLERK), await station.service.browser(Role.AB_OFFICER)
    assert clerk.person_id not in kept
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
    assert (await station.script(number)).state == "quality_checked"
    # Others of its sitting are not here: an officer lets it go with that open, and nobody else does.
    form = {"csrf_token": await csrf(clerk, release), "with_cases": "yes"}
    assert (await clerk.post(release, data=form)).status in {409, 422}
    form = {"csrf_token": await csrf(officer, release), "with_cases": "yes"}
    let_go = await officer.post(release, data=form, allow_redirects=False)
    assert let_go.status == 303, await let_go.text()
    answers = [await station.clerk.post(f"/api/scripts/{script.id}/events", json=told) for _ in range(2)]
    assert [(one.status, (await one.json())["repeat"]) for one in answers] == [(201, False), (200, True)]


async def a_marked_script_scanned_again_is_a_case(station: Station) -> None:
    """Whoever marked the earlier images must be told; the replacement is not taken back by a click any more."""
    number = station.numbers[2]
    script = await station.script(number)
    bundle_id = (await station.send(bundles.bundle(station.pages(number, seed=900)), sheets=2, booklets=1))[1]["id"]
    await station.shown(bundle_id)
    decision = await station.confirmed(bundle_id, 0, decision="replace", candidate_number=number)
    await station.shown(bundle_id)
    assert await station.versions(script) == [(1, False, 2), (2, False, 3), (3, True, 2)]
    (case,) = await station.all(select(ScriptCase).filter_by(kind="rescan_after_release"))
    assert (case.script_id, case.details["marked"], case.details["version"]) == (script.id, True, 3)
    browser = await station.service.browser(Role.TRACKING_CLERK)
    form = {"csrf_token": await csrf(browser, f"/scans/{bundle_id}")}
    assert (await browser.post(f"/page-decisions/{decision['id']}/undo", data=form)).status in {409, 422}
    assert (await station.script(number)).state == "marked"
    # Settled for that version, it is told again of the next: nobody has told the marker of that one.
    now = station.service.clock()
    await station.service.write(
        lambda s: records.close_case(s, case.id, reason="rescanned", actor="officer", now=now, text="Marker told")
    )
    once_more = bundles.bundle(station.pages(number, seed=950))
    bundle_id = (await station.send(once_more, sheets=2, booklets=1))[1]["id"]
    await station.shown(bundle_id)
    await station.confirmed(bundle_id, 0, decision="replace", candidate_number=number)
    await station.shown(bundle_id)
    (case,) = await station.all(select(ScriptCase).filter_by(kind="rescan_after_release"))
    assert (case.state, case.details["version"]) == ("open", 4)


async def a_script_scanned_again_replaces_and_is_taken_back(station: Station) -> None:
    """The earlier images are kept as a version, and are the present ones again once the replacement is taken back."""
    number = station.numbers[1]
    script = await station.script(number)
    before = [page.bundle_id for page in await station.all(select(ScanPage).filter_by(script_id=script.id))]
    bundle_id = (await station.send(bundles.bundle(station.pages(number, seed=500)), sheets=2, booklets=1))[1]["id"]
    shown = await station.shown(bundle_id)
    assert {one["reason"] for one in shown["queued"]} == {"duplicate_candidate"}
    decision = await station.confirmed(bundle_id, 0, decision="replace", candidate_number=number)
    assert decision["pages"] == [0, 1]
    await station.shown(bundle_id)
    assert await station.versions(script) == [(1, False, 2), (2, True, 2)]
    browser = await station.service.browser(Role.TRACKING_CLERK)
    form = {"csrf_token": await csrf(browser, f"/scans/{bundle_id}")}
    undone = await browser.post(f"/page-decisions/{decision['id']}/undo", data=form, allow_redirects=False)
    assert undone.headers["Location"] == f"/scans/{bundle_id}"
    after = await station.shown(bundle_id)
    assert [one["page"] for one in after["queued"]] == [0, 1]
    assert sum(after["ended"].values()) == after["pages"] == 2
    assert await station.versions(script) == [(1, False, 2), (2, False, 2), (3, True, 2)]
    shows = select(ScanPage.bundle_id).where(ScanPage.script_id == script.id, ScanPage.position.is_not(None))
    assert await station.all(shows) == before


async def what_an_enquiry_holds_no_clerk_sees(station: Station) -> None:
    """Neither the pages that wait nor the script at its second look, nor a picture whose address was known before."""
    number, service = station.numbers[1], station.service
    script = await station.script(number)
    (bundle_id,) = {
        one.bundle_id
        for one in await station.all(select(ScanPage).filter_by(disposition="queued", candidate_number=number))
    }
    (check,) = await station.all(select(QualityCheck).filter_by(script_id=script.id, version=3))
    clerk, work = await service.browser(Role.TRACKING_CLERK), f"/scan-queues/{bundle_id}/0"
    addresses = []
    for path, kind in ((work, "bundles"), (f"/quality/{check.id}", "scripts")):
        answer = await clerk.get(path)
        assert answer.status == 200
        addresses += re.findall(rf'src="([^"]+/content/{kind}/[^"]+)"', await answer.text())[:1]
    assert [await load(service, one) for one in addresses] == [200, 200]

    async def hold(explained: str) -> None:
        line = update(RegisterLine).where(RegisterLine.sitting_id == station.sitting.id)
        line = line.where(RegisterLine.candidate_number == number).values(explained=explained)
        await service.write(lambda session: session.execute(line))

    turned = await station.clerk.post(f"/api/bundles/{bundle_id}/pages/0", json={"decision": "rotate", "turn": 90})
    assert turned.status == 201
    await hold("malpractice_hold")
    assert [await load(service, one) for one in addresses] == [404, 404]
    shown = await clerk.get(work)
    assert (shown.status, "An enquiry into malpractice holds this script" in await shown.text()) == (409, True)
    assert (await clerk.get(f"/quality/{check.id}")).status == 404
    listed = await (await clerk.get("/scan-queues")).text()
    assert "2 pages wait for the end of an enquiry into malpractice" in listed
    assert "No other page waits." in listed
    bundle = await (await clerk.get(f"/scans/{bundle_id}")).text()
    assert bundle.count("An enquiry into malpractice holds it") == 2
    assert work not in bundle
    for path, leads in (("/scan-queues/next", work), ("/quality", f"/quality/{check.id}")):
        form = {"csrf_token": await csrf(clerk, path.removesuffix("/next"))}
        taken = await clerk.post(path, data=form, allow_redirects=False)
        assert taken.status == 303
        assert taken.headers["Location"] != leads
    for asked in ({"decision": "rotate", "turn": 90}, {"decision": "assign", "candidate_number": number}):
        refused = await station.clerk.post(f"/api/bundles/{bundle_id}/pages/0", json=asked)
        assert (refused.status, "enquiry" in await refused.text()) == (409, True)
    (rotated,) = await station.all(select(PageDecision.id).where(PageDecision.kind == "rotate"))
    undone = await clerk.post(
        f"/page-decisions/{rotated}/undo", data={"csrf_token": await csrf(clerk, f"/scans/{bundle_id}")}
    )
    assert (undone.status, "An enquiry into malpractice holds this script" in await undone.text()) == (409, True)
    officer, release = await service.browser(Role.AB_OFFICER), f"/scripts/{script.id}/release"
    assert "An enquiry into malpractice holds it" in await (await officer.get(release)).text()
    form = {"csrf_token": await csrf(officer, release), "with_cases": "yes"}
    assert (await officer.post(release, data=form)).status in {409, 422}
    assert (await station.script(number)).state != "released"
    await hold("")
    assert "An enquiry into malpractice holds it" not in await (await officer.get(release)).text()
    assert [await load(service, one) for one in addresses] == [200, 200]
    assert (await clerk.get(work)).status == (await clerk.get(f"/quality/{check.id}")).status == 200


class Died(Exception):
    """The worker was gone in the middle of what it did."""


def dies_at(nth: int, now: datetime) -> Any:
    """Return a clock at whose nth reading the worker dies."""
    left = [nth]

    def clock() -> datetime:
        left[0] -= 1
        if left[0] == 0:
            raise Died
        return now

    return clock


@pytest.mark.fault("att:I14")
async def test_a_worker_that_dies_at_any_moment_is_followed_by_another(
    start_service: StartService, rehearsed_world: None
) -> None:
    station = await opened(await start_service(None, NEA_WORKS_ITSELF="no"))
    services, clock = station.service.services, station.service.clock
    data = bundles.bundle(station.pages(station.numbers[0]))
    bundle_id = (await station.send(data, sheets=2, booklets=1))[1]["id"]
    deaths: list[str] = []
    acting.set_service("worker")
    for nth in range(1, 40):
        job = await services.database.write(lambda s: work.claim(s, clock()))
        assert job is not None
        assert (job.kind, job.subject_id) == (staging.PUSH, bundle_id)
        try:
            await pushing.push(replace(services, clock=dies_at(nth, clock())), job)
        except Died:
            (bundle,) = await station.all(select(ScanBundle))
            deaths.append(bundle.state)
            assert await station.all(select(ScanPage)) == []  # nothing of it counts before all of it does
            assert await station.all(select(ScriptVersion)) == []
            clock.advance(seconds=work.CLAIM_SECONDS + 1)
            continue
        break
    assert {"staged", "reading", "split"} <= set(deaths)
    (bundle,) = await station.all(select(ScanBundle))
    ended = await station.all(select(ScanPage.disposition).order_by(ScanPage.page_index))
    assert (bundle.state, bundle.pages, ended) == ("pushed", 2, ["indexed"] * 2)
    script = await station.script(station.numbers[0])
    assert await station.versions(script) == [(1, True, 2)]
    pushed = select(func.count()).select_from(AuditEvent).where(AuditEvent.details["origin"].as_string() == "worker")
    assert await station.all(pushed) == [1]
    await pushing.push(services, job)  # once more: what is done stays as it is
    await versions.make(services, replace(job, subject_id=script.id))
    assert await station.versions(script) == [(1, True, 2)]


async def nothing() -> AsyncIterator[bytes]:
    raise AssertionError("no byte of it was asked for")
    yield b""


async def test_what_is_too_heavy_is_refused_or_fails_with_what_to_do(service: Service) -> None:
    clerk, token = await service.browser(Role.TRACKING_CLERK), await service.client(Role.TRACKING_CLERK)
    context = Context(None, service.clock(), "heavy")
    with pytest.raises(BundleTooLarge, match="in parts"):  # before a byte of it was taken
        await staging.take(service.services, context, Announced(staging.LIMIT_BYTES + 1), nothing())
    written = BytesIO()
    with pikepdf.new() as scan:
        for _ in range(1001):
            scan.add_blank_page()
        scan.save(written)
    other = await token.post("/api/bundles?filename=notes.pdf", data=b"no scan at all")
    assert (other.status, "neither a PDF nor a TIFF" in await other.text()) == (422, True)
    sent = await token.post("/api/bundles?filename=long.pdf", data=written.getvalue())
    await service.settle()
    text = await (await clerk.get(f"/scans/{(await sent.json())['id']}")).text()
    assert "It has more than 1,000 pages. Send it in parts" in text


async def test_a_failed_bundle_is_read_again_or_dropped_and_sent_anew(service: Service) -> None:
    token = await service.client(Role.TRACKING_CLERK)

    async def state() -> str:
        await service.settle()
        return str((await (await token.get(f"/api/bundles/{bundle_id}")).json())["state"])

    bundle_id = (await (await token.post("/api/bundles", data=DAMAGED)).json())["id"]
    assert await state() == "failed"
    clerk = await service.browser(Role.TRACKING_CLERK)
    form = {"csrf_token": await csrf(clerk, f"/scans/{bundle_id}")}
    again = await clerk.post(f"/scans/{bundle_id}/retry", data=form, allow_redirects=False)
    assert again.status == 303
    assert await state() == "failed"
    dropped = await clerk.post(f"/scans/{bundle_id}/discard", data=form, allow_redirects=False)
    assert dropped.headers["Location"] == "/scans"
    assert (await clerk.post(f"/scans/{bundle_id}/discard", data=form)).status == 422
    anew = await token.post("/api/bundles", data=DAMAGED)
    assert (anew.status, (await anew.json())["id"]) == (202, bundle_id)
    assert await state() == "failed"
