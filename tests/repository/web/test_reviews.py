"""After results over HTTP: service 3 from request to new results, what is refused, who sees what."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from sqlalchemy import select

from moderation import guards
from moderation.checking import Verdict
from moderation.errors import RecordKept
from moderation.records.checks import decide_check, open_check, record_check_mark
from moderation.records.moderator_marks import marks_of_item
from moderation.records.outcomes import confirm_outcome
from moderation.records.results import release_results
from moderation.results import embargo_from
from moderation.tables import Outcome, SampleItem
from repository.access import Role
from repository.receipts import canonical
from repository.receipts.kinds import ReceiptKind
from repository.tables import (
    AuditInbox,
    DataKeyRow,
    DocumentRow,
    Evidence,
    LegalHold,
    ReceiptRow,
    ScopeKeyRow,
    StoredObjectRow,
    new_id,
)
from tests.moderation.records import stage
from tests.moderation.records.stage import CENTRE_B, COMPONENT, MODERATOR_B, PAPER, SERIES

from .conftest import Client, Service, csrf

OUT = embargo_from(date(2026, 8, 19)).restricted_at
CENTRE, OTHER = "99901", "99902"
WHOLE = f"{SERIES}|{COMPONENT}"


@dataclass
class Released:
    """A centre whose marks were adjusted, with results out."""

    service: Service
    case_id: str
    exams: Client
    officer: Client
    second: Client
    reviewer: Client

    async def state(self, request_id: str) -> dict[str, Any]:
        return dict(await (await self.officer.get(f"/api/reviews/{request_id}")).json())

    async def started(self, **body: object) -> str:
        answer = await self.exams.post("/api/reviews", json=body)
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def done(answer: ClientResponse) -> dict[str, Any]:
    """The answer is a success."""
    assert answer.status in {200, 201}, await answer.text()
    return dict(await answer.json())


async def refused(answer: ClientResponse, status: int) -> dict[str, Any]:
    """The answer is this refusal, with a sentence."""
    assert answer.status == status, await answer.text()
    problem = dict(await answer.json())
    assert len(problem["detail"]) > 10
    return problem


def keep(session: Any, item: SampleItem, case_id: str, person_id: str, now: datetime) -> dict[str, object]:
    """Write a released document of a sampled work as the service keeps it; returns its line of a receipt."""
    oid, digest = new_id(), hashlib.sha256(item.id.encode()).hexdigest()
    scope = session.scalars(select(ScopeKeyRow.sk_id)).first()
    if scope is None:
        session.add(ScopeKeyRow(sk_id="scope", scope="99901/s/work", kid="k", blob=b"wrap", created_at=now))
        session.flush()
        scope = "scope"
    session.add(
        DataKeyRow(oid=oid, sk_id=scope, suite="s", total_bytes=5, blob=b"wrap", commitment=b"c" * 32, created_at=now)
    )
    session.flush()
    session.add(StoredObjectRow(oid=oid, layout="object"))
    session.flush()
    document = DocumentRow(
        id=new_id(),
        oid=oid,
        filename="work.pdf",
        size_bytes=5,
        media_type="application/pdf",
        sha256=digest,
        state="released",
        uploaded_by=person_id,
        received_at=now,
    )
    session.add(document)
    session.flush()
    session.add(
        Evidence(
            id=new_id(),
            document_id=document.id,
            case_id=case_id,
            sample_item_id=item.id,
            slot="work",
            attached_at=now,
        )
    )
    session.flush()
    return {"candidate_number": item.position, "files": [{"document": document.id, "sha256": digest}]}


@pytest.fixture
async def released(service_on_each: Service) -> Released:
    """Results of an adjusted centre, out since the day before, with its sealed sample."""
    service = service_on_each
    signer = service.services.signer
    person_id, _ = await service.add_person(Role.TEACHER, CENTRE)

    def build(session):
        stage.make_series(session)
        case_id = stage.make_centre(session, len(CENTRE_B))
        stage.confirm(session, case_id, CENTRE_B)
        lines = [
            keep(session, item, case_id, person_id, stage.NOW)
            for item in session.scalars(select(SampleItem).where(SampleItem.case_id == case_id))
        ]
        stage.hand_in(session, case_id)
        body = canonical({"kind": ReceiptKind.SAMPLE_SUBMITTED, "candidates": lines})
        session.add(
            ReceiptRow(
                id=new_id(),
                centre_number=CENTRE,
                case_id=case_id,
                kind=ReceiptKind.SAMPLE_SUBMITTED,
                body=body,
                signature=signer.sign(body),
                issued_at=stage.NOW,
            )
        )
        stage.give_to_moderator(session, case_id)
        stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
        check = open_check(session, case_id, checker="leader", is_principal=False, now=stage.NOW)
        for work in check.works:
            mark = marks_of_item(session, work.item_id)[-1].mark
            record_check_mark(session, check.check_id, work.item_id, mark=mark, checker="leader", now=stage.NOW)
        decide_check(session, check.check_id, verdict=Verdict.AGREED, reason="", checker="leader", now=stage.NOW)
        confirm_outcome(session, case_id, officer="officer", now=stage.NOW)
        release_results(
            session, SERIES, first="one", second="two", embargo=embargo_from(date(2026, 8, 19)), now=stage.NOW
        )
        return case_id

    case_id = await service.write(build)
    service.clock.now = OUT + timedelta(days=1)
    exams = await service.client(Role.EXAMS_OFFICER, CENTRE)
    officer, second = await service.client(Role.AB_OFFICER), await service.client(Role.AB_OFFICER)
    return Released(service, case_id, exams, officer, second, await service.client(Role.MODERATOR))


async def test_a_review_of_moderation_from_request_to_new_results(released: Released) -> None:
    one = released
    found = await done(await one.exams.get("/api/reviews", params={"component": WHOLE}))
    offers = {offer["service"]: offer for offer in found["offers"]}
    assert offers["3"]["refusal"] is None
    assert offers["1"]["refusal"]["code"] == "CANDIDATE_NEEDED"
    request_id = await one.started(service="3", component=WHOLE, is_kept=True)
    path = f"/api/reviews/{request_id}"
    # A draft is the centre's own: nobody else sees it.
    await refused(await one.officer.get(path), 404)
    await done(await one.exams.post(f"{path}/submit", json={}))
    await done(await one.officer.post(f"{path}/decide", json={"step": "ACKNOWLEDGE"}))
    reviewer_id = one.reviewer.person_id
    curious, _ = await one.service.add_person(Role.MODERATOR)

    def peeped(session):
        document = session.scalars(select(Evidence.document_id)).first()
        session.add(
            AuditInbox(
                at=stage.NOW,
                request_id="r",
                person_id=curious,
                action="document.view",
                object_kind="document",
                object_id=document,
                outcome="done",
                details={},
            )
        )

    await one.service.write(peeped)
    problem = await refused(await one.officer.post(f"{path}/begin", json={"people": [curious]}), 409)
    assert "opened work" in problem["detail"]
    begun = await done(await one.officer.post(f"{path}/begin", json={"people": [reviewer_id]}))
    assert (begun["state"], begun["clock_trigger"], begun["due_at"]) == (
        "IN_REVIEW",
        "begun",
        "2026-09-24T22:59:59+00:00",
    )
    desk = await done(await one.reviewer.get(f"{path}/desk"))
    assert desk["left"] == len([item for item in desk["items"] if item["moderator_mark"] is not None])
    for item in desk["items"]:
        body = {"mark": item["centre_mark"], "number": 0}
        await refused(await one.reviewer.put(f"{path}/marks/{item['id']}", json=body), 422)
        body |= {"comment": "Band 4."}
        await done(await one.reviewer.put(f"{path}/marks/{item['id']}", json=body))
    assert (await done(await one.reviewer.get(f"{path}/desk")))["found"] == "CENTRE_MARKS_REINSTATED"
    form = {
        "csrf_token": "",
        "rationale": "Band 4 was read as band 3.",
        "reason_code": "Moderation: misapplied criteria",
    }
    browser = one.reviewer
    answer = await browser.post(f"/reviews/{request_id}/desk/outcome", data=form, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    # The centre sees nothing of it before it is confirmed.
    assert (await done(await one.exams.get(path)))["finding"] is None
    await done(await one.officer.post(f"{path}/confirm", json={}))
    shown = await done(await one.exams.get(path))
    assert shown["finding"]["finding"] == "CENTRE_MARKS_REINSTATED"
    origins = await one.service.services.database.read(
        lambda s: [(row.number, row.origin, row.kind) for row in s.scalars(select(Outcome).order_by(Outcome.number))]
    )
    assert origins[-1] == (2, "REVIEW", "ACCEPTED")
    embargo = {"restricted_at": OUT.isoformat(), "candidates_at": (OUT + timedelta(hours=32)).isoformat()}
    body = embargo | {"reason_code": "REVIEW", "reason": "review of moderation"}
    await done(await one.officer.post(f"/api/series/{SERIES}/results/propose", json=body))
    released_now = await done(await one.second.post(f"/api/series/{SERIES}/results/release", json={}))
    assert released_now["version"] == 2
    await done(await one.officer.post(f"{path}/invoice", json={}))
    closed = await done(await one.officer.post(f"{path}/decide", json={"step": "CLOSE"}))
    assert closed["state"] == "CLOSED"
    # The review is proven like any allocation; a tie that the reviewer declares later takes the desk away.
    proof = await done(await one.officer.get(f"/api/series/{SERIES}/independence"))
    reviewed = [line for line in proof["proofs"] if line["subject"] == "reviewed"]
    assert (proof["failed"], {line["person_id"] for line in reviewed}) == (0, {reviewer_id})
    await done(await one.reviewer.get(f"{path}/desk"))
    await done(await one.reviewer.post("/api/conflicts", json={"centre_number": CENTRE, "kind": "RELATED"}))
    await refused(await one.reviewer.get(f"{path}/desk"), 404)


async def test_a_sample_that_changed_has_no_review(released: Released) -> None:
    one = released
    request_id = await one.started(service="3", component=WHOLE, is_kept=True)

    def withdraw(session):
        session.scalars(select(Evidence)).first().withdrawn_at = stage.NOW

    await one.service.write(withdraw)
    problem = await refused(await one.exams.post(f"/api/reviews/{request_id}/submit", json={}), 409)
    assert problem["reason"] == "SAMPLE_CHANGED"


async def test_a_manifest_with_another_signature_has_no_review(released: Released) -> None:
    one = released

    def forge(session):
        row = session.scalars(select(ReceiptRow)).one()
        row.body = row.body.replace(b"sample-submitted", b"sample-submitteD")

    with pytest.raises(RecordKept):
        await one.service.write(forge)

    def forge_behind_the_guards(session):
        guards.drop(session.connection())
        forge(session)

    await one.service.write(forge_behind_the_guards)
    body = {"service": "3", "component": WHOLE, "is_kept": True}
    problem = await refused(await one.exams.post("/api/reviews", json=body), 409)
    assert problem["reason"] == "SAMPLE_CHANGED"


async def test_nothing_before_results_and_nothing_for_others(released: Released) -> None:
    one = released
    body = {"service": "3", "component": WHOLE, "is_kept": True}
    teacher = await one.service.client(Role.TEACHER, CENTRE)
    neighbour = await one.service.client(Role.EXAMS_OFFICER, OTHER)
    request_id = await one.started(**body)
    for client in (teacher, one.reviewer, await one.service.client(Role.TRACKING_CLERK)):
        for path in ("/api/reviews", f"/api/reviews/{request_id}"):
            assert (await client.get(path)).status == 404
        assert (await client.post("/api/reviews", json=body)).status == 404
    assert (await neighbour.get(f"/api/reviews/{request_id}")).status == 404
    assert (await neighbour.post(f"/api/reviews/{request_id}/submit", json={})).status == 404
    assert (await done(await neighbour.get("/api/reviews")))["reviews"] == []
    assert (await one.officer.post("/api/reviews", json=body)).status == 404
    one.service.clock.now = OUT - timedelta(seconds=1)
    early = await one.service.client(Role.EXAMS_OFFICER, CENTRE)
    await refused(await early.post("/api/reviews", json=body), 403)
    report = {"component": WHOLE, "candidate_number": "1001", "kind": "TWO_UCIS", "details": "x"}
    await refused(await early.post("/api/missing-results", json=report), 403)
    await refused(await early.get("/api/reviews", params={"component": WHOLE}), 422)  # on no list before results


async def test_bad_input_changes_nothing(released: Released) -> None:
    one = released
    for body, status in (
        ({}, 422),
        ({"service": "9", "component": WHOLE}, 422),
        ({"service": "3", "component": "nothing"}, 422),
        ({"service": "3", "component": WHOLE, "is_kept": "yes"}, 422),
        ({"service": "3", "component": WHOLE, "is_kept": False}, 409),
        ({"service": "3", "component": WHOLE, "is_kept": True, "candidate_number": "1001"}, 409),
        ({"service": "2", "component": f"{SERIES}|{PAPER}"}, 409),
        ({"service": "2", "component": f"{SERIES}|{PAPER}", "candidate_number": "9999"}, 422),
        ({"service": "2", "component": f"{SERIES}|{PAPER}", "candidate_number": "1\x00"}, 422),
        ({"service": ["3"], "component": WHOLE}, 422),
    ):
        await refused(await one.exams.post("/api/reviews", json=body), status)
    await refused(await one.exams.post("/api/reviews", data=b"{"), 400)
    assert (await done(await one.exams.get("/api/reviews")))["reviews"] == []
    request_id = await one.started(service="2", component=f"{SERIES}|{PAPER}", candidate_number="1001")
    path = f"/api/reviews/{request_id}"
    for day in ("", "soon", "2026-02-30", "2026-08-18", "2026-08-22", "9999-12-31"):
        await refused(await one.exams.post(f"{path}/consent", json={"given_on": day}), 422)
    await refused(await one.exams.post(f"{path}/submit", json={}), 409)
    await refused(await one.exams.post(f"{path}/consent", json={"given_on": "2026-08-20", "version": 7}), 409)
    await done(await one.exams.post(f"{path}/consent", json={"given_on": "2026-08-20"}))
    await refused(await one.exams.post(f"{path}/withdraw", json={"reason": " "}), 422)
    await done(await one.exams.post(f"{path}/submit", json={}))
    await refused(await one.officer.post(f"{path}/decide", json={"step": "CONFIRM_OUTCOME"}), 422)
    await refused(await one.officer.post(f"{path}/decide", json={"step": "REFUSE"}), 422)
    await done(await one.officer.post(f"{path}/decide", json={"step": "ACKNOWLEDGE"}))
    await refused(await one.officer.post(f"{path}/begin", json={"people": ["stranger"]}), 422)
    await refused(await one.officer.post(f"{path}/begin", json={"people": "all"}), 422)
    await done(await one.officer.post(f"{path}/begin", json={}))
    right = {"finding": "MARK_CHANGED", "reason_code": "Totalling", "rationale": "x", "mark_after": 90}
    for wrong in (
        {"finding": "UPHELD"},
        {"reason_code": "Bad luck"},
        {"rationale": ""},
        {"mark_after": -1},
        {"mark_after": "many"},
        {"mark_after": 141},
        {"reason_code": ""},
    ):
        await refused(await one.officer.post(f"{path}/outcome", json=right | wrong), 422)
    await refused(await one.officer.post(f"{path}/confirm", json={}), 404)
    await done(await one.officer.post(f"{path}/outcome", json=right))
    await refused(await one.officer.post(f"{path}/confirm", json={}), 409)
    await done(await one.second.post(f"{path}/confirm", json={}))
    await refused(await one.officer.post(f"{path}/invoice", json={}), 409)
    for name in ("x", "../x", "1'--"):
        assert (await one.officer.get(f"/api/reviews/{name}")).status == 404


async def test_an_appeal_is_heard_by_uninvolved_people(released: Released) -> None:
    one = released
    request_id = await one.started(service="1", component=f"{SERIES}|{PAPER}", candidate_number="1001")
    path = f"/api/reviews/{request_id}"
    plea = {"grounds": "Marking error", "statement": "Page 3 was not counted.", "acts_for_head": True}
    await refused(await one.exams.post(f"{path}/appeal", json=plea), 409)
    await done(await one.exams.post(f"{path}/consent", json={"given_on": "2026-08-20"}))
    await done(await one.exams.post(f"{path}/submit", json={}))
    await done(await one.officer.post(f"{path}/decide", json={"step": "ACKNOWLEDGE"}))
    await done(await one.officer.post(f"{path}/begin", json={}))
    body = {"finding": "NO_CHANGE", "rationale": "All parts are counted."}
    await done(await one.officer.post(f"{path}/outcome", json=body))
    await done(await one.second.post(f"{path}/confirm", json={}))
    digest = hashlib.sha256(b"page 3").hexdigest()
    for wrong in ({"acts_for_head": False}, {"statement": ""}, {"grounds": "None"}, {"evidence": "abc page3.pdf"}):
        await refused(await one.exams.post(f"{path}/appeal", json=plea | wrong), 422)
    made = await done(await one.exams.post(f"{path}/appeal", json=plea | {"evidence": f"{digest} page3.pdf"}))
    appeal = f"/api/reviews/{made['id']}"
    await done(await one.exams.post(f"{appeal}/submit", json={}))
    await done(await one.officer.post(f"{appeal}/decide", json={"step": "ACKNOWLEDGE"}))
    for person, status in ((one.officer, 422), (one.second, 409)):
        involved = {"people": [person.person_id]}
        await refused(await one.officer.post(f"{appeal}/begin", json=involved), status)
    await refused(await one.officer.post(f"{appeal}/begin", json={"people": []}), 422)
    fresh = {"people": [one.reviewer.person_id]}
    await done(await one.officer.post(f"{appeal}/begin", json=fresh))
    body = {"finding": "APPEAL_DISMISSED", "rationale": "The page is counted."}
    # Who decided on the review decides nothing about the appeal: the database refuses it.
    await refused(await one.officer.post(f"{appeal}/outcome", json=body), 409)
    third, fourth = await one.service.client(Role.AB_OFFICER), await one.service.client(Role.AB_OFFICER)
    await done(await third.post(f"{appeal}/outcome", json=body))
    await done(await fourth.post(f"{appeal}/confirm", json={}))
    one.service.clock.advance(days=15)
    later = await one.service.client(Role.EXAMS_OFFICER, CENTRE)
    assert (await refused(await later.post(f"{appeal}/appeal", json=plea), 409))["reason"] == "WINDOW_CLOSED"


async def test_missing_results_are_free_and_answered(released: Released) -> None:
    one = released
    body = {"component": WHOLE, "candidate_number": "1001", "kind": "MARK_NOT_RECEIVED", "details": "Sent in May."}
    for wrong in ({"candidate_number": "9999"}, {"kind": "LOST"}, {"details": ""}):
        await refused(await one.exams.post("/api/missing-results", json=body | wrong), 422)
    await refused(await one.exams.post("/api/missing-results", json=body | {"component": f"{SERIES}|none"}), 409)
    made = await done(await one.exams.post("/api/missing-results", json=body))
    await refused(await one.exams.post("/api/missing-results", json=body), 409)
    path = f"/api/missing-results/{made['id']}/answer"
    assert (await one.exams.post(path, json={"answer": "x"})).status == 404
    answered = await done(await one.officer.post(path, json={"answer": "The mark is in.", "version": 1}))
    assert answered["state"] == "ANSWERED"
    await refused(await one.officer.post(path, json={"answer": "Again."}), 409)
    seen = await done(await one.exams.get("/api/reviews"))
    assert seen["missing_results"][0]["answer"] == "The mark is in."


async def test_retention_follows_what_happened_and_a_hold_wins(released: Released) -> None:
    one = released
    path = f"/api/series/{SERIES}/retention"
    (line,) = (await done(await one.officer.get(path)))["cases"]
    assert (line["is_due"], line["kept_by"]) == (False, ["the window for reviews"])
    assert line["kept_until"] == "2026-10-21T22:59:59+00:00"
    await one.started(service="3", component=WHOLE, is_kept=True)
    request_id = await one.started(service="1", component=WHOLE, candidate_number="1001")
    await done(await one.exams.post(f"/api/reviews/{request_id}/consent", json={"given_on": "2026-08-20"}))
    await done(await one.exams.post(f"/api/reviews/{request_id}/submit", json={}))
    (line,) = (await done(await one.officer.get(path)))["cases"]
    assert (line["kept_until"], line["kept_by"]) == (None, ["a review"])
    await done(await one.exams.post(f"/api/reviews/{request_id}/withdraw", json={"reason": "found it"}))
    one.service.clock.now = datetime(2026, 10, 22, 9, 0, tzinfo=UTC)
    one.officer = await one.service.client(Role.AB_OFFICER)
    (line,) = (await done(await one.officer.get(path)))["cases"]
    assert line["is_due"] is True
    exams = await one.service.client(Role.EXAMS_OFFICER, CENTRE)
    assert (await exams.get(path)).status == 404


async def test_disposal_needs_its_time_two_officers_and_no_hold(released: Released) -> None:
    one = released
    path, form = f"/retention/{one.case_id}", {"series": SERIES}
    listed = f"/api/series/{SERIES}/retention"

    async def ask(client: Any, step: str) -> int:
        answer = await client.post(path, data=form | {"step": step}, allow_redirects=False)
        return int(answer.status)

    assert await ask(one.officer, "begin") == 409  # its time is not over
    one.service.clock.now = datetime(2026, 10, 22, 9, 0, tzinfo=UTC)
    first, second = await one.service.client(Role.AB_OFFICER), await one.service.client(Role.AB_OFFICER)
    person_id: str = first.person_id

    def hold(session):
        oid = session.scalars(select(DocumentRow.oid)).first()
        session.add(LegalHold(oid=oid, reason="court", placed_by=person_id, placed_at=stage.NOW))

    await one.service.write(hold)
    (line,) = (await done(await first.get(listed)))["cases"]
    assert (line["is_due"], line["kept_by"]) == (False, ["a legal hold"])
    assert await ask(first, "begin") == 409

    def lift(session):
        held = session.scalars(select(LegalHold)).one()
        held.lifted_by, held.lifted_at = person_id, stage.NOW

    await one.service.write(lift)
    assert await ask(first, "propose") == 409  # the case is not closed yet
    assert await ask(first, "begin") == 303
    assert await ask(first, "confirm") == 409  # nothing is proposed
    assert await ask(first, "propose") == 303
    assert await ask(first, "confirm") == 409  # the same officer
    (line,) = (await done(await first.get(listed)))["cases"]
    assert (line["state"], line["files"]) == ("RETENTION", 15)
    assert await ask(second, "confirm") == 303
    (line,) = (await done(await first.get(listed)))["cases"]
    assert (line["state"], line["files"], line["is_due"]) == ("DISPOSED", 0, False)
    left = await one.service.services.database.read(
        lambda s: [row for row in s.scalars(select(DataKeyRow)) if row.shredded_at is None or row.blob]
    )
    assert left == []


async def test_terms_are_imported_and_bad_ones_refused(released: Released) -> None:
    one = released
    row = {
        "awarding_body": "01",
        "series": "*",
        "service": "3",
        "version": 1,
        "fee_pence": 12000,
        "consent": "none",
        "consent_wording": "",
        "clock_days": 40,
        "clock_trigger": "submitted",
        "window_days": 32,
        "source": "example",
        "verified": False,
    }
    for wrong in (
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"terms": []}',
        json.dumps({"terms": [row, row]}).encode(),
        *(
            json.dumps({"terms": [row | change]}).encode()
            for change in (
                {"fee_pence": -1},
                {"fee_pence": 1.5},
                {"clock_days": 9999},
                {"service": "7"},
                {"verified": "no"},
                {"window_days": True},
                {"closes_on": "2026-09-24"},
                {"more": 1},
            )
        ),
    ):
        await refused(await one.officer.post("/api/reviews/terms", data=wrong), 422)
    good = json.dumps({"terms": [row]}).encode()
    assert (await done(await one.officer.post("/api/reviews/terms", data=good)))["rows"] == 1
    assert (await done(await one.officer.post("/api/reviews/terms", data=good)))["rows"] == 0
    assert (await one.exams.post("/api/reviews/terms", data=good)).status == 404
    offers = (await done(await one.exams.get("/api/reviews", params={"component": WHOLE})))["offers"]
    assert [offer["fee_pence"] for offer in offers if offer["service"] == "3"] == [12000]


async def test_the_return_has_the_public_columns_only(released: Released) -> None:
    answer = await released.officer.get(f"/series/{SERIES}/reviews.csv")
    assert answer.status == 200
    head = (await answer.read()).decode("utf-8-sig").splitlines()[0]
    assert head == (
        "Series,Reporting date,Awarding organisation,Centre,Request id,UCI,QAN,Title,Specification code,Level"
    )


async def test_pages_say_why_and_keep_what_was_typed(released: Released) -> None:
    one = released
    browser = await one.service.browser(Role.EXAMS_OFFICER, CENTRE)
    text = await (await browser.get("/reviews", params={"component": WHOLE})).text()
    assert "Not set: ask the awarding body" in text
    assert "Choose the candidate" in text
    token = await csrf(browser)
    form = {"csrf_token": token, "component": WHOLE, "candidate": "", "service": "3"}
    answer = await browser.post("/reviews", data=form)
    assert answer.status == 422
    assert "secure storage" in await answer.text()
    answer = await browser.post("/reviews", data=form | {"is_kept": "yes"})
    assert answer.status == 200
    text = await answer.text()
    assert "Not sent yet" in text
    assert "35 calendar days from the day the reviewer had the sample" in text
    home = await (await browser.get("/")).text()
    assert "Send or withdraw" in home
