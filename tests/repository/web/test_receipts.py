"""Each submission gives a receipt that proves itself, on the page, as files, and by mail to those who should have it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.tables import Consignment, ModerationCase
from repository.access import Role
from repository.audit import Context
from repository.mail.queueing import State
from repository.mail.tables import MailMessage
from repository.receipts import canonical, files, issuing, proving
from repository.receipts.bodies import By
from repository.receipts.checking import Verdict, examine, listed_of
from repository.receipts.kinds import ReceiptKind
from repository.sign_in.people_tables import NotificationContact
from repository.sign_in.tables import Account
from repository.tables import ReceiptRow, new_id
from tests.moderation.records.stage import make_centre

from ...patience import PATIENCE_SECONDS
from ...servers.mail import MailServer, running_mail_server
from ...worlds import MADE
from ..files import pdf
from .conftest import Client, Service, StartService
from .uploading import CENTRE, Stage, make_stage

CONTACT, OWN = "exams@school.example", "officer@school.example"


@dataclass
class Posted:
    """A stage whose service sends mail to a real server, with an exams officer and a contact of the centre."""

    stage: Stage
    officer: Client
    post: MailServer

    @property
    def service(self) -> Service:
        return self.stage.service

    async def receipts(self, kind: ReceiptKind) -> list[ReceiptRow]:
        def read(session):
            query = select(ReceiptRow).where(ReceiptRow.kind == kind).order_by(ReceiptRow.issued_at, ReceiptRow.id)
            return list(session.scalars(query))

        found: list[ReceiptRow] = await self.service.services.database.read(read)
        return found

    async def proven(self, receipt_id: str, client: Client | None = None) -> files.ReceiptFile:
        """The file of a receipt, downloaded when its proof is made; everything in it is proven."""
        await proving.prove_waiting(self.service.services)
        answer = await (client or self.officer).get(f"/receipts/{receipt_id}/download")
        assert answer.status == 200
        assert answer.headers["Content-Disposition"] == f'attachment; filename="receipt-{receipt_id}.json"'
        file = files.read(await answer.read())
        findings = examine(file, self.service.services.signer.public_key_hex)
        assert {one.check for one in findings} >= {"key", "signature", "text", "log"}
        assert {one.verdict for one in findings if one.check != "marks"} == {Verdict.GOOD}, findings
        return file

    async def mailed(self, to: str, count: int, **later: float) -> list[EmailMessage]:
        """The messages that an address got, once there are so many."""
        self.service.clock.advance(**(later or {"seconds": 6}))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.post.to(to)) < count:
                await asyncio.sleep(0.05)
                self.service.clock.advance(seconds=1)
        return self.post.to(to)


@pytest.fixture
async def posted(start_service: StartService, migrated_url: str) -> AsyncIterator[Posted]:
    with running_mail_server() as server:
        service = await start_service(
            migrated_url,
            NEA_MAIL_HOST="127.0.0.1",
            NEA_MAIL_PORT=str(server.port),
            NEA_MAIL_TLS="none",
            NEA_MAIL_FROM="nea@board.example",
        )
        stage = await make_stage(service)
        officer = await service.client(Role.EXAMS_OFFICER, CENTRE)
        person_id = officer.person_id

        def add(session):
            now = service.clock.now
            session.add(
                Account(id=new_id(), person_id=person_id, issuer="local", subject="o", email=OWN, created_at=now)
            )
            session.add(
                NotificationContact(
                    centre_number=CENTRE,
                    office="Exams office",
                    email=CONTACT,
                    kinds=["receipts", "deadlines", "samples"],
                    code_mac=b"0" * 32,
                    added_at=now,
                    verified_at=now,
                )
            )

        await service.write(add)
        yield Posted(stage, officer, server)


async def send_all(posted: Posted, **headers: str) -> dict[str, bytes]:
    sent: dict[str, bytes] = {}
    for number in range(len(posted.stage.items)):
        name, data = f"{1001 + number}_work.pdf", pdf(1, f"Work {number}")
        await posted.stage.create(len(data), data, item=number, filename=name, **headers)
        sent[name] = data
    await posted.service.settle(60)
    return sent


def attachments(message: EmailMessage) -> dict[str, bytes]:
    return {str(one.get_filename()): one.get_payload(decode=True) for one in message.iter_attachments()}


async def test_a_submitted_sample_is_receipted_on_the_page_as_files_and_by_mail(posted: Posted) -> None:
    sent = await send_all(posted)
    answer = await posted.officer.post(f"/api/cases/{posted.stage.case_id}/sample/submit")
    receipt_id = (await answer.json())["receipt_id"]
    file = await posted.proven(receipt_id)
    said = file.content
    assert {one.name: one.sha256 for one in listed_of(said)} == {
        name: hashlib.sha256(data).hexdigest() for name, data in sent.items()
    }
    line = said["candidates"][0]["files"][0]
    assert (line["slot"], line["received_in_time"], line["declared_in_time"]) == ("work", True, True)
    assert said["by"]["name"] == f"Test exams_officer {CENTRE}"
    assert said["by"]["role_title"] == "Exams officer"
    assert (said["issued_at"], said["issued_at_local"]) == ("2026-05-15T10:00:00+00:00", "2026-05-15T11:00:00+01:00")
    assert said["missing"] == []

    page = await (await posted.officer.get(f"/receipts/{receipt_id}")).text()
    assert "Signed and in the audit log" in page
    assert hashlib.sha256(sent["1001_work.pdf"]).hexdigest() in page
    paper = await posted.officer.get(f"/receipts/{receipt_id}/receipt.pdf")
    assert (await paper.read()).startswith(b"%PDF-")
    for path in (f"/cases/{posted.stage.case_id}/receipts", "/receipts"):
        assert f"/receipts/{receipt_id}" in await (await posted.officer.get(path)).text()

    for address in (CONTACT, OWN):
        (message,) = await posted.mailed(address, 1)
        found = attachments(message)
        assert set(found) == {f"receipt-{receipt_id}.pdf", f"receipt-{receipt_id}.json"}
        assert files.read(found[f"receipt-{receipt_id}.json"]) == file
        assert found[f"receipt-{receipt_id}.pdf"].startswith(b"%PDF-")
        body = message.get_body(("plain",))
        assert body is not None
        assert receipt_id in body.get_content()
        for secret in ("Test exams_officer", "work.pdf", "1001"):
            assert secret not in body.get_content()
            assert secret not in message["Subject"]
    assert [len(posted.post.to(address)) for address in (CONTACT, OWN)] == [1, 1]


async def test_submitted_marks_are_receipted_and_mail_never_carries_them(posted: Posted) -> None:
    case = await _marks_case(posted)
    sheet = await (await posted.officer.get(f"/api/cases/{case}/marks")).json()
    numbers = [line["candidate_number"] for line in sheet["rows"]]
    rows = [{"candidate_number": n, "mark": 20 + i} for i, n in enumerate(numbers[:-1])]
    rows.append({"candidate_number": numbers[-1], "mark": None, "status": "ABSENT"})
    saved = await posted.officer.put(f"/api/cases/{case}/marks", json={"rows": rows})
    assert saved.status == 200, await saved.text()
    assert (await posted.officer.post(f"/api/cases/{case}/marks/check", json={})).status == 200
    total = sum(row["mark"] or 0 for row in rows)
    done = await posted.officer.post(f"/api/cases/{case}/marks/submit", json={"control_total": total})
    assert done.status == 200, await done.text()
    (row,) = await posted.receipts(ReceiptKind.MARKS_SUBMITTED)
    file = await posted.proven(row.id)
    assert file.marks_text is not None
    marks = json.loads(file.marks_text)["marks"]
    assert {one["candidate_number"]: one["mark"] for one in marks} == {
        one["candidate_number"]: one["mark"] for one in rows
    }
    assert file.content["marks"]["control_total"] == total
    assert [(one["candidate_number"], one["why"]) for one in file.content["missing"]] == [(numbers[-1], "Absent")]
    assert "marks" in {one.check for one in examine(file, None) if one.verdict is Verdict.GOOD}
    teacher = await posted.proven(row.id, posted.stage.teacher)
    assert teacher.marks_text is None
    (message,) = await posted.mailed(CONTACT, 1)
    mailed = files.read(attachments(message)[f"receipt-{row.id}.json"])
    assert mailed.marks_text is None
    assert mailed.signed_text == file.signed_text


async def _marks_case(posted: Posted) -> str:
    """A case of the centre whose marks are not entered yet."""

    def build(session):
        return make_centre(session, 3, "99905")

    case_id: str = await posted.service.write(build)
    posted.stage.teacher = await posted.service.client(Role.TEACHER, "99905")
    posted.officer = await posted.service.client(Role.EXAMS_OFFICER, "99905")

    def contact(session):
        now = posted.service.clock.now
        session.add(
            NotificationContact(
                centre_number="99905",
                office="Office",
                email=CONTACT,
                kinds=["receipts"],
                code_mac=b"0" * 32,
                added_at=now,
                verified_at=now,
            )
        )

    await posted.service.write(contact)
    return case_id


@pytest.mark.fault("att:D15")
async def test_late_files_have_receipts_with_when_they_were_declared_and_when_they_came(posted: Posted) -> None:
    early, late = pdf(1, "Declared in time"), pdf(1, "Declared late")
    made = await posted.stage.create(len(early), early[:50], filename="1001_work.pdf")
    posted.service.clock.advance(days=10)
    posted.stage.teacher = await posted.service.client(Role.TEACHER, CENTRE)
    posted.officer = await posted.service.client(Role.EXAMS_OFFICER, CENTRE)
    assert (await posted.stage.patch(made, 50, early[50:]))[0] == 204
    await posted.stage.create(len(late), late, item=1, filename="1002_work.pdf")
    await posted.service.settle(60)
    rows = await posted.receipts(ReceiptKind.LATE_FILE)
    found = {}
    for row in rows:
        said = (await posted.proven(row.id)).content
        (candidate,) = said["candidates"]
        (line,) = candidate["files"]
        found[line["name"]] = (line["declared_in_time"], line["received_in_time"], said["arrived"], said["by"]["role"])
        assert line["sha256"] in {hashlib.sha256(one).hexdigest() for one in (early, late)}
    assert found == {
        "1001_work.pdf": (True, False, "after the sample was due", "teacher"),
        "1002_work.pdf": (False, False, "after the sample was due", "teacher"),
    }
    (message,) = await posted.mailed(CONTACT, 1, minutes=11)
    assert set(attachments(message)) == {f"receipt-{row.id}.{kind}" for row in rows for kind in ("pdf", "json")}


async def test_receipts_of_two_transactions_at_once_go_in_one_message(posted: Posted) -> None:
    """A worker releases several files at a time; whoever comes second waits until the first message can be seen."""
    service = posted.service
    begun: list[None] = []

    def withdrawn(session: Session) -> None:
        case = session.get_one(ModerationCase, posted.stage.case_id)
        what = issuing.about(
            session,
            series_key=case.series_key,
            component_code=case.component_code,
            centre_number=case.centre_number,
            case_id=case.id,
        )
        by = By("somebody", "Officer", "exams_officer", "Exams officer")
        context = Context(None, service.clock.now, "test")
        signer = service.services.signer
        issuing.issue(session, context, signer, ReceiptKind.DOCUMENT_WITHDRAWN, what, by, {"candidates": []})
        begun.append(None)
        if len(begun) == 1 and session.get_bind().dialect.name == "postgresql":
            session.execute(select(func.pg_sleep(1)))

    await asyncio.gather(service.write(withdrawn), service.write(withdrawn))
    rows = await posted.receipts(ReceiptKind.DOCUMENT_WITHDRAWN)
    query = select(MailMessage.receipt_ids).where(MailMessage.to_address == CONTACT, MailMessage.letter == "receipts")
    (ids,) = await service.services.database.read(lambda session: session.scalars(query).all())
    assert set(ids) == {row.id for row in rows}
    assert len(rows) == 2


async def test_a_file_in_time_has_no_receipt_of_its_own_and_a_withdrawn_one_has(posted: Posted) -> None:
    await send_all(posted)
    assert await posted.receipts(ReceiptKind.LATE_FILE) == []
    found = await (await posted.officer.get(f"/api/cases/{posted.stage.case_id}/sample")).json()
    document = found["items"][0]["documents"][0]
    for _ in range(2):
        await posted.officer.delete(f"/api/documents/{document['id']}")
    (row,) = await posted.receipts(ReceiptKind.DOCUMENT_WITHDRAWN)
    said = (await posted.proven(row.id)).content
    assert said["candidates"][0]["files"][0]["sha256"] == document["sha256"]
    assert said["state_before"] == "released"


async def test_a_sample_given_back_is_receipted_and_so_is_what_comes_after(posted: Posted) -> None:
    await send_all(posted)
    case = f"/api/cases/{posted.stage.case_id}"
    first = (await (await posted.officer.post(f"{case}/sample/submit")).json())["receipt_id"]
    asked = (await (await posted.officer.post(f"{case}/reopenings", json={"reason": "Wrong file"})).json())["id"]
    board = await posted.service.client(Role.AB_OFFICER)
    assert (await board.post(f"/api/reopenings/{asked}/decide", json={"grant": True})).status == 200
    (back,) = await posted.receipts(ReceiptKind.SAMPLE_WITHDRAWN)
    assert (await posted.proven(back.id)).content["takes_back"] == first
    posted.service.clock.advance(minutes=1)
    data = pdf(1, "The right work")
    await posted.stage.create(len(data), data, filename="1001_right.pdf")
    await posted.service.settle(60)
    (late,) = await posted.receipts(ReceiptKind.LATE_FILE)
    assert (await posted.proven(late.id)).content["arrived"] == "after the sample was given back"
    posted.service.clock.advance(minutes=1)
    again = (await (await posted.officer.post(f"{case}/sample/submit")).json())["receipt_id"]
    assert (await posted.proven(again)).content["replaces"] == first
    assert (await posted.proven(first)).content["replaces"] is None


async def test_a_posted_parcel_is_receipted_with_whose_work_is_not_in_it(posted: Posted) -> None:
    def by_post(session):
        session.get_one(ModerationCase, posted.stage.case_id).submission_mode = "POSTAL"

    await posted.service.write(by_post)
    sealed = {"sealed_by": "EO", "witnessed_by": "T"}
    contents = {"proof_of_posting_number": "PP 1234 5678", **sealed, "items": posted.stage.items[:2]}
    answer = await posted.officer.post(f"/api/cases/{posted.stage.case_id}/consignments", json=contents)
    assert answer.status == 201, await answer.text()
    (row,) = await posted.receipts(ReceiptKind.PARCEL_DESPATCHED)
    said = (await posted.proven(row.id)).content
    assert said["proof_of_posting_number"] == "PP 1234 5678"
    assert len(said["candidates"]) == 2
    assert {one["why"] for one in said["missing"]} == {"Not in this parcel"}
    sent = await posted.service.services.database.read(lambda s: s.scalars(select(Consignment.id)).one())
    assert said["consignment"] == sent


async def test_receipts_of_others_are_not_there(posted: Posted) -> None:
    await send_all(posted)
    answer = await posted.officer.post(f"/api/cases/{posted.stage.case_id}/sample/submit")
    receipt_id = (await answer.json())["receipt_id"]
    other = await posted.service.client(Role.EXAMS_OFFICER, "99902")
    for path in (
        f"/receipts/{receipt_id}",
        f"/receipts/{receipt_id}/download",
        f"/receipts/{receipt_id}/receipt.pdf",
        f"/api/receipts/{receipt_id}",
        f"/cases/{posted.stage.case_id}/receipts",
    ):
        assert (await other.get(path)).status == 404, path
    assert receipt_id not in await (await other.get(f"/receipts?centre={CENTRE}")).text()
    board = await posted.service.client(Role.AB_OFFICER)
    assert receipt_id in await (await board.get(f"/receipts?centre={CENTRE}")).text()
    assert (await board.get("/receipts?centre=x")).status == 422


async def test_everybody_may_read_the_keys_and_fetch_the_checking_page(posted: Posted) -> None:
    anybody = await posted.service.anonymous()
    keys = await (await anybody.get("/receipt-keys")).text()
    assert posted.service.services.signer.public_key_hex in keys
    page = await anybody.get("/verify-receipt")
    assert page.status == 200
    kept = await anybody.get("/verify-receipt/download")
    assert kept.headers["Content-Disposition"].startswith("attachment")
    assert await kept.read() == await page.read()
    assert "sha256-" in page.headers["Content-Security-Policy"]


async def test_mail_that_is_refused_is_shown_to_the_centre_and_can_be_sent_again(posted: Posted) -> None:
    posted.post.to_recipient[CONTACT] = ["550 5.1.1 No such mailbox"]
    await send_all(posted)
    await posted.officer.post(f"/api/cases/{posted.stage.case_id}/sample/submit")
    await posted.mailed(OWN, 1)

    def refused(session):
        return session.scalars(select(MailMessage).where(MailMessage.state == State.REFUSED)).first()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while (row := await posted.service.services.database.read(refused)) is None:
            await asyncio.sleep(0.05)
            posted.service.clock.advance(seconds=1)
    page = await (await posted.officer.get("/mail")).text()
    assert "550 5.1.1 No such mailbox" in page
    assert CONTACT in page
    other = await posted.service.client(Role.EXAMS_OFFICER, "99902")
    assert CONTACT not in await (await other.get("/mail")).text()
    assert (await other.post(f"/mail/{row.id}/again", data={})).status == 404
    assert (await posted.officer.post(f"/mail/{row.id}/again", data={}, allow_redirects=False)).status == 303
    await posted.mailed(CONTACT, 1)


async def test_packets_of_scripts_that_are_handed_over_are_receipted_once(
    service_on_each: Service, rehearsed_world: None
) -> None:
    service = service_on_each
    centre, another, *_ = MADE["rehearsed_world"].centre_numbers
    officer = await service.client(Role.EXAMS_OFFICER, centre)
    sittings = await (await officer.get("/api/sittings")).json()
    sitting = (sittings["sittings"] if isinstance(sittings, dict) else sittings)[0]["id"]
    found = await (await officer.get(f"/api/sittings/{sitting}")).json()
    numbers = [line["candidate_number"] for line in found["register"]]
    lines = [{"candidate_number": one, "state": "absent" if one == numbers[0] else "present"} for one in numbers]
    answer = await officer.put(f"/api/sittings/{sitting}/register", json={"lines": lines})
    assert answer.status < 300, await answer.text()
    answer = await officer.post(f"/api/sittings/{sitting}/packets", json={})
    assert answer.status < 300, await answer.text()
    packets = (await answer.json())["packets"]
    assert len(packets) == 1
    body = {
        "collection": "scheduled",
        "sealed_by": "A. Officer",
        "witnessed_by": "B. Invigilator",
        "packets": [
            {"event_id": f"event-{number}", "label": one["label"], "script_count": len(numbers) - 1}
            for number, one in enumerate(packets)
        ],
    }
    for _ in range(2):
        answer = await officer.post(f"/api/sittings/{sitting}/despatch", json=body)
        assert answer.status == 204, await answer.text()

    def read(session):
        return session.scalars(select(ReceiptRow).where(ReceiptRow.kind == ReceiptKind.PACKETS_DESPATCHED)).all()

    (row,) = await service.services.database.read(read)
    await proving.prove_waiting(service.services)
    file = files.read(await (await officer.get(f"/receipts/{row.id}/download")).read())
    assert {one.verdict for one in examine(file, service.services.signer.public_key_hex)} == {Verdict.GOOD}
    said = file.content
    assert [one["label"] for one in said["packets"]] == [one["label"] for one in packets]
    assert [(one["candidate_number"], one["why"]) for one in said["missing"]] == [(numbers[0], "Absent")]
    page = await (await officer.get(f"/receipts/{row.id}")).text()
    assert packets[0]["label"] in page
    assert row.id in await (await officer.get("/receipts")).text()
    other = await service.client(Role.EXAMS_OFFICER, another)
    assert (await other.get(f"/receipts/{row.id}")).status == 404
    assert (await (await service.client(Role.TEACHER, centre)).get(f"/receipts/{row.id}")).status == 404


async def test_receipts_of_the_first_format_stay_readable(posted: Posted) -> None:
    signer, case_id = posted.service.services.signer, posted.stage.case_id
    line = {"document": "d", "slot": "work", "name": "1001_work.pdf", "media_type": "application/pdf", "size_bytes": 10}
    line |= {"sha256": "0" * 64, "sha256_declared_by_sender": True, "declared_at": None}
    body = canonical(
        {
            "format": "nea-receipt/1",
            "kind": "sample-submitted",
            "receipt": "old",
            "issued_at": "2025-05-15T10:00:00+00:00",
            "series": "01-6A25",
            "component": "7552/C",
            "centre_number": CENTRE,
            "sample": "s",
            "due_at": "2025-05-20T10:00:00+00:00",
            "submitted_by_person": "p",
            "submitted_as": "exams_officer",
            "candidates": [
                {
                    "candidate_number": "1001",
                    "position": 1,
                    "no_work_reason": "",
                    "files": [line | {"received_at": "2025-05-15T09:00:00+00:00"}],
                },
                {"candidate_number": "1002", "position": 2, "no_work_reason": "Absent", "files": []},
            ],
            "cohort_files": [],
            "replaces": None,
            "public_key_ed25519": signer.public_key_hex,
        }
    )
    row = {"id": "old", "centre_number": CENTRE, "case_id": case_id, "kind": "sample-submitted"}
    issued_at = posted.service.clock.now

    def add(session):
        session.add(ReceiptRow(**row, body=body, signature=signer.sign(body), issued_at=issued_at))

    await posted.service.write(add)
    page = await (await posted.officer.get("/receipts/old")).text()
    assert "1001_work.pdf" in page
    assert "Absent" in page
    assert "Proof from the log follows" not in page
    assert (await (await posted.officer.get("/receipts/old/receipt.pdf")).read()).startswith(b"%PDF-")
    assert "/receipts/old" in await (await posted.officer.get("/receipts")).text()
    file = files.read(await (await posted.officer.get("/receipts/old/download")).read())
    assert {one.verdict for one in examine(file, signer.public_key_hex)} == {Verdict.GOOD}
