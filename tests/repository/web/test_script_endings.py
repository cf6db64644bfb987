"""After marking: copies for a centre that asked, and the destruction of scans and paper by two people."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, update

from moderation.review_terms import retention_margin_days
from moderation.tables import Candidate, Centre, Component, GateRun, ResultVersion, ReviewRequest, SeriesRow
from repository.access import Actor, Role
from repository.acts import script_endings
from repository.audit import Context
from repository.bundles import sealing, versions
from repository.keys import holds
from repository.receipts import checking, files
from repository.tables import DataKeyRow, DocumentRow, ScriptCopy, ScriptDestruction, ScriptRetentionRule, ScriptVersion
from scripts import records
from scripts.tables import RegisterLine, Script, ScriptCase, Sitting
from tests.scripts import bundles

from .conftest import Client, Service, csrf
from .uploading import objects_of

CENTRE, PAPER, KEY = "99001", "H446/01", "01-6A26"
YEAR_DAYS = 400
WITNESSED = {
    "destroyed_by": "A Shredder",
    "witnessed_by": "B Witness",
    "method": "shredded",
    "destroyed_on": "2027-01-04",
}


@dataclass
class Store:
    """A sitting of three candidates: two scripts were scanned, one never was."""

    service: Service
    sitting: Sitting
    scripts: list[Script]
    oids: list[str]

    async def all(self, query: Any) -> list[Any]:
        return list(await self.service.services.database.read(lambda s: s.scalars(query).all()))

    async def results(self) -> None:
        """Release results now."""
        now = self.service.clock()

        def release(session: Any) -> None:
            run = GateRun(series_key=KEY, number=1, ran_at=now, ran_by="one", is_clear=True, digest="0" * 64,
                          results_total=0, blocks=[], reconciliations=[])  # fmt: skip
            session.add(run)
            session.flush()
            session.add(
                ResultVersion(series_key=KEY, number=1, gate_run_id=run.id, digest=run.digest, reason_code="FIRST_ISSUE",
                              released_by_first="one", released_by_second="two", created_at=now, restricted_at=now,
                              candidates_at=now, public_at=now)
            )  # fmt: skip

        await self.service.write(release)

    async def propose(self, officer: Client, what: str = "scans") -> int:
        form = {"series": KEY, "what": what, "csrf_token": await csrf(officer)}
        return (await officer.post(f"/sittings/{self.sitting.id}/destruction", data=form, allow_redirects=False)).status

    async def decide(self, officer: Client, **form: str) -> int:
        (row,) = await self.all(select(ScriptDestruction).filter_by(what=form.pop("what", "scans"), withdrawn_at=None))
        form |= {"series": KEY, "csrf_token": await csrf(officer)}
        answer = await officer.post(f"/script-destructions/{row.id}", data=form, allow_redirects=False)
        return answer.status

    async def left(self) -> list[str]:
        query = select(DataKeyRow.oid).where(DataKeyRow.oid.in_(self.oids), DataKeyRow.shredded_at.is_(None))
        return await self.all(query)

    def objects(self) -> int:
        """How many files the store holds of scripts."""
        return len(objects_of(self.service.folder))

    async def certificate(self, officer: Client, what: str = "scans") -> files.ReceiptFile:
        (row,) = await self.all(select(ScriptDestruction).filter_by(what=what))
        answer = await officer.get(f"/receipts/{row.receipt_id}/download")
        assert answer.status == 200
        return files.read(await answer.read())


@pytest.fixture
async def store(service: Service) -> Store:
    return await make_store(service)


async def make_store(service: Service) -> Store:
    now = service.clock()

    def make(session: Any) -> None:
        session.add(SeriesRow(key=KEY, awarding_body="01", code="6A", year=26, title="June 2026"))
        session.flush()
        session.add_all(
            [
                Centre(centre_number=CENTRE, name="First"),
                Centre(centre_number="99002", name="Second"),
                Component(series_key=KEY, component_code=PAPER, title="Computer systems", maximum_mark=140,
                          timetabled=True, timetable_on=now.date(), timetable_session="P"),
            ]
        )  # fmt: skip
        session.flush()
        for number in ("1001", "1002", "1003"):
            session.add(Candidate(series_key=KEY, centre_number=CENTRE, candidate_number=number, surname="S",
                                  forenames="A"))  # fmt: skip
        sitting = Sitting(series_key=KEY, component_code=PAPER, centre_number=CENTRE, held_on=now.date(),
                          session_of_day="PM", opened_at=now)  # fmt: skip
        session.add(sitting)
        session.flush()
        for number in ("1001", "1002", "1003"):
            session.add(RegisterLine(sitting_id=sitting.id, candidate_number=number, state="present"))
            session.add(Script(sitting_id=sitting.id, candidate_number=number, state="indexed"))

    await service.write(make)
    find = select(Script).order_by(Script.candidate_number)
    scripts = await service.services.database.read(lambda s: list(s.scalars(find)))
    sitting = await service.services.database.read(lambda s: s.scalars(select(Sitting)).one())
    pdfs = [(f"{one.candidate_number}.pdf", bundles.bundle([bundles.written(1), bundles.blank()], 60, 100))
            for one in scripts[:2]]  # fmt: skip
    clerk, _ = await service.add_person(Role.TRACKING_CLERK)
    sealed = await sealing.seal_all(service.services, f"sitting:{sitting.id}", pdfs)

    def keep(session: Any) -> list[str]:
        oids = []
        for script, one in zip(scripts, sealed, strict=False):
            oids.append(sealing.keep(session, service.services, one, media_type=sealing.PDF, page_count=2,
                                     uploaded_by=clerk, now=now))  # fmt: skip
            versions.record(session, service.services, script.id, oids[-1], now)
        return oids

    return Store(service, sitting, scripts, await service.write(keep))


async def test_nothing_goes_before_its_time_and_two_people_destroy_scans_with_a_certificate(store: Store) -> None:
    early = await store.service.browser(Role.AB_OFFICER)
    assert (await early.get("/script-retention")).status == 200
    assert await store.propose(early) == 409
    await store.results()
    store.service.clock.advance(days=20)
    inside = await store.service.browser(Role.AB_OFFICER)
    assert await store.propose(inside) == 409
    store.service.clock.advance(days=YEAR_DAYS)
    first, second = [await store.service.browser(Role.AB_OFFICER) for _ in range(2)]

    def open_case(session: Any) -> None:
        records.open_case(session, store.sitting.id, "not_scanned", "1003", now=store.service.clock(), actor="x")

    await store.service.write(open_case)
    assert await store.propose(first) == 409
    await store.service.write(lambda s: setattr(s.scalars(select(ScriptCase)).one(), "state", "closed"))
    assert await store.propose(first) == 303
    assert await store.propose(second) == 409
    assert await store.decide(first) == 409
    assert len(await store.left()) == 2
    assert store.objects() > 0
    assert await store.decide(second) == 303
    assert (await store.left(), store.objects()) == ([], 0)
    assert {one.state for one in await store.all(select(Script).where(Script.candidate_number < "1003"))} == {
        "destroyed"
    }
    found = await store.certificate(second)
    said = found.content["destruction"]
    assert said["counts"] == {"scripts": 3, "destroyed": 2, "kept": 0, "nothing": 1}
    verdicts = {one.check: one.verdict for one in checking.examine(found, None)}
    assert verdicts["destruction"] is checking.Verdict.GOOD
    assert "scans destroyed" in await (await first.get(f"/script-retention?series={KEY}")).text()
    assert await store.propose(first) == 409


async def test_a_script_under_a_hold_is_kept_and_named_and_what_was_cut_off_is_carried_on(store: Store) -> None:
    await store.results()
    store.service.clock.advance(days=YEAR_DAYS)
    first, second = [await store.service.browser(Role.AB_OFFICER) for _ in range(2)]
    by, other = [
        Context(Actor(one.person_id, "", "Officer", Role.AB_OFFICER, None), store.service.clock(), "test")
        for one in (first, second)
    ]
    await store.service.write(lambda s: holds.place(s, by, holds.OBJECT, store.oids[0], "appeal"))
    assert await store.propose(first) == 303
    (row,) = await store.all(select(ScriptDestruction))
    # The keys are gone, and then the process ends before the objects are deleted.
    await store.service.write(lambda s: script_endings.confirm(s, other, row.id))
    assert await store.left() == [store.oids[0]]
    before = store.objects()
    for _ in range(2):
        assert await store.decide(second) == 303
    assert 0 < store.objects() < before
    said = (await store.certificate(second)).content["destruction"]
    assert said["counts"] == {"scripts": 3, "destroyed": 1, "kept": 1, "nothing": 1}
    assert {"candidate_number": "1001", "what": "kept", "why": "Under a legal hold"} in said["scripts"]


async def test_paper_goes_before_a_witness(store: Store) -> None:
    await store.results()
    store.service.clock.advance(days=YEAR_DAYS)
    first, second = [await store.service.browser(Role.AB_OFFICER) for _ in range(2)]
    assert await store.propose(first, "paper") == 303
    assert await store.decide(second, what="paper") == 409
    alone = WITNESSED | {"witnessed_by": WITNESSED["destroyed_by"].upper()}
    assert await store.decide(second, what="paper", **alone) == 409
    assert await store.decide(second, what="paper", **WITNESSED) == 303
    said = (await store.certificate(second, "paper")).content["destruction"]
    assert ["Before the witness", "B Witness"] in said["how"]
    assert len(await store.left()) == 2


async def test_a_copy_is_for_the_centre_whose_request_was_granted_and_every_copy_is_recorded(store: Store) -> None:
    officer = await store.service.browser(Role.EXAMS_OFFICER, CENTRE)
    other = await store.service.browser(Role.EXAMS_OFFICER, "99002")
    path, first = f"/script-copies/{store.scripts[0].id}", {"csrf_token": await csrf(officer)}
    assert (await officer.post(path, data=first)).status == 404

    await grant_access(store)
    assert "1001" in await (await officer.get("/script-copies")).text()
    assert (await other.post(path, data={"csrf_token": await csrf(other)})).status == 404
    assert (await officer.post(f"/script-copies/{store.scripts[1].id}", data=first)).status == 404

    async def explain(explained: str) -> None:
        line = update(RegisterLine).where(RegisterLine.candidate_number == "1001").values(explained=explained)
        await store.service.write(lambda session: session.execute(line))

    await explain("malpractice_hold")
    assert (await officer.post(path, data=first)).status == 404
    await explain("")
    answer = await officer.post(path, data=first)
    assert answer.status == 200, await answer.text()
    pdf = await answer.read()
    assert pdf.startswith(b"%PDF")
    (copy,) = await store.all(select(ScriptCopy))
    (version,) = await store.all(select(ScriptVersion).filter_by(script_id=store.scripts[0].id))
    assert (copy.pages, copy.document_id, copy.given_to) == (2, version.document_id, officer.person_id)
    (source,) = await store.all(select(DocumentRow).filter_by(id=version.document_id))
    assert copy.sha256 != source.sha256

    def destroy(session: Any) -> None:
        row = session.scalars(select(DataKeyRow).filter_by(oid=version.document_id)).one()
        row.shredded_at, row.wrap = store.service.clock(), None

    await store.service.write(destroy)
    assert (await officer.post(path, data=first)).status in {404, 410}
    assert len(await store.all(select(ScriptCopy))) == 1


async def grant_access(store: Store, candidate_number: str = "1001") -> None:
    """Let the outcome of the centre's request for access to a script be there."""

    def grant(session: Any) -> None:
        candidate = session.scalars(select(Candidate).filter_by(candidate_number=candidate_number)).one()
        request = ReviewRequest(
            series_key=KEY, centre_number=CENTRE, component_code=PAPER, service="ATS", candidate_id=candidate.id,
            subject=candidate.id, state="DRAFT", consent="permission", terms={}, result_version_number=1,
            created_by="x", created_at=store.service.clock(),
        )  # fmt: skip
        session.add(request)
        session.flush()
        for state in ("CONSENTED", "SUBMITTED", "ACKNOWLEDGED", "IN_REVIEW", "OUTCOME"):
            request.state = state
            session.flush()

    await store.service.write(grant)


async def test_programs_list_copies_and_fetch_those_that_the_centre_may_have(store: Store) -> None:
    officer = await store.service.client(Role.EXAMS_OFFICER, CENTRE)
    other = await store.service.client(Role.EXAMS_OFFICER, "99002")
    body = await store.service.client(Role.AB_OFFICER)
    path = f"/api/script-copies/{store.scripts[0].id}"
    assert (await officer.post(path)).status == 404
    await grant_access(store)
    (may,) = (await (await officer.get("/api/script-copies")).json())["entitled"]
    assert (may["script"], may["candidate_number"], may["has_scan"]) == (store.scripts[0].id, "1001", True)
    answer = await officer.post(path)
    assert (answer.status, answer.content_type) == (200, "application/pdf")
    sha256 = hashlib.sha256(await answer.read()).hexdigest()
    for client in (officer, body):
        (given,) = (await (await client.get("/api/script-copies")).json())["given"]
        assert (given["sha256"], given["pages"], given["given_to"]) == (sha256, 2, officer.person_id)
    assert (await (await other.get("/api/script-copies")).json()) == {"entitled": [], "given": []}
    assert (await other.post(path)).status == (await body.post(path)).status == 404


async def test_programs_read_until_when_scripts_are_kept_and_the_certificates(store: Store) -> None:
    await store.results()
    store.service.clock.advance(days=YEAR_DAYS)
    body = await store.service.client(Role.AB_OFFICER)
    address = f"/api/series/{KEY}/script-retention"
    (line,) = (await (await body.get(address)).json())["sittings"]
    assert (line["sitting"], line["scripts"], line["scans"]["destruction"]) == (store.sitting.id, 3, None)
    assert line["scans"]["kept_until"] < store.service.clock().isoformat()
    first, second = [await store.service.browser(Role.AB_OFFICER) for _ in range(2)]
    assert await store.propose(first) == 303
    (line,) = (await (await body.get(address)).json())["sittings"]
    assert (line["scans"]["destruction"]["state"], line["paper"]["destruction"]) == ("proposed", None)
    assert await store.decide(second) == 303
    (line,) = (await (await body.get(address)).json())["sittings"]
    assert line["scans"]["destruction"]["state"] == "finished"
    listed = f"/api/sittings/{store.sitting.id}/custody/certificates"
    officer = await store.service.client(Role.EXAMS_OFFICER, CENTRE)
    for client in (body, officer):
        (one,) = (await (await client.get(listed)).json())["certificates"]
        assert (one["receipt"], one["kind"]) == (line["scans"]["destruction"]["certificate"], "scripts-destroyed")
    other = await store.service.client(Role.EXAMS_OFFICER, "99002")
    assert (await other.get(listed)).status == (await officer.get(address)).status == 404


async def test_the_most_exact_rule_says_for_how_many_days_more_scripts_are_kept(store: Store) -> None:
    await store.results()
    store.service.clock.advance(days=YEAR_DAYS)
    body = await store.service.client(Role.AB_OFFICER)
    officer = await store.service.browser(Role.AB_OFFICER)

    async def margins() -> tuple[int, int]:
        (line,) = (await (await body.get(f"/api/series/{KEY}/script-retention")).json())["sittings"]
        return line["scans"]["margin_days"], line["paper"]["margin_days"]

    async def rule(status: int = 303, **changes: str) -> str:
        form = {"series": KEY, "awarding_body": "*", "what": "scans", "margin_days": "40", "source": "Circular 7"}
        form |= {"csrf_token": await csrf(officer), **changes}
        store.service.clock.advance(seconds=1)
        answer = await officer.post("/script-retention/rules", data=form, allow_redirects=False)
        text = await answer.text()
        assert answer.status == status, text
        return text

    shipped = retention_margin_days()
    assert await margins() == (shipped, shipped)
    assert await store.propose(officer) == 303
    await store.decide(officer, step="withdraw")
    await rule(margin_days="41")
    assert await margins() == (41, shipped)
    await rule(component=PAPER, margin_days="90")
    await rule(awarding_body="01", margin_days="60")
    await rule(awarding_body="02", component=PAPER, margin_days="1")
    assert await margins() == (90, shipped)
    await rule(awarding_body="01", component=PAPER, margin_days="70")
    await rule(awarding_body="01", component=PAPER, margin_days="3000")
    await rule(what="paper", margin_days="0")
    assert await margins() == (3000, 0)
    assert await store.propose(officer) == 409, "the longer margin keeps what was due before"
    assert await store.propose(officer, "paper") == 303
    for changes, words in (
        ({"margin_days": "3651"}, "Enter the days as a whole number from 0 to 3,650."),
        ({"margin_days": "soon"}, "Enter the days as a whole number from 0 to 3,650."),
        ({"what": "all"}, "Choose scans or paper."),
        ({"awarding_body": "0"}, "Enter the awarding body as two characters"),
        ({"source": ""}, "Enter source."),
    ):
        refused = await rule(422, **changes)
        assert words in refused
        assert f'href="#{next(iter(changes))}"' in refused
        assert 'value="Circular 7"' in refused or "source" in changes, "what was typed is still there"
    assert await margins() == (3000, 0)
    assert len(await store.all(select(ScriptRetentionRule))) == 7
