"""Steps 5 and 6 of the journey: work is uploaded, or posted, or seen on a visit; read back; submitted; receipted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from moderation.entries import SubmissionMode
from repository.demo import files
from repository.demo.client import Client
from repository.demo.files import WorkFile
from repository.demo.stage import Case, Stage
from repository.documents import IN_INSPECTION, DocumentState
from repository.receipts import verify

AT_A_TIME = 4
PIECES = 3
RELEASE_SECONDS = 90
POLL_SECONDS = 0.25
AS_MEDIA, AS_PICTURE = {"Sec-Fetch-Dest": "audio"}, {"Sec-Fetch-Dest": "image"}
LARGE_SECONDS = 50
"""Length of the one long recording, in which the line breaks: some 9 MB, more than one part of the store."""


async def upload_samples(stage: Stage, cases: list[Case], *, first_round: bool) -> None:
    """Upload work for every sampled candidate, see it released, and submit the samples."""
    cases = [case for case in cases if case.mode is SubmissionMode.UPLOAD]
    if first_round and cases:
        await _refusals(stage, cases[0])
    gate = asyncio.Semaphore(AT_A_TIME)
    jobs = []
    for index, case in enumerate(cases):
        for place, (item_id, number) in enumerate(case.items.items()):
            large = first_round and index == 0 and place == 0
            work = _work(stage, case, number, large=large)
            jobs.append(_send(stage, case, item_id, number, work, gate, broken=large))
    sent = await asyncio.gather(*jobs)
    resumed = [one.resumed_at_bytes for one in sent if one.resumed_at_bytes is not None]
    total = sum(len(work.content) for case in cases for sends in case.sent.values() for _, work in sends)
    stage.report.check(
        "files went up by tus in several pieces",
        all(one.requests > PIECES for one in sent),
        f"{len(sent)} files, {total:,} bytes, {sum(one.requests for one in sent)} requests",
    )
    if first_round:
        stage.report.check(
            "a broken line was resumed where HEAD said",
            len(resumed) == 1 and resumed[0] > 0,
            f"from byte {resumed[0]:,}" if resumed else "",
        )
    for case in cases:
        await _wait_until_complete(stage, case)


async def _send(
    stage: Stage, case: Case, item_id: str, number: str, work: WorkFile, gate: asyncio.Semaphore, *, broken: bool
) -> Any:
    async with gate:
        done = await stage.teacher(case.place[0]).upload(item_id, work, pieces=PIECES, broken=broken)
    case.sent.setdefault(number, []).append((done.document_id, work))
    stage.probes.append(work.probe)
    return done


def _work(stage: Stage, case: Case, number: str, *, large: bool) -> WorkFile:
    if large and stage.film is None:  # no program here that plays recordings
        return files.bmp(number, stage.marker, stage.random)
    if large:
        return files.wav(number, stage.marker, stage.random, seconds=LARGE_SECONDS, large=True)
    stage.uploaded += 1
    return files.work_of(number, case.place[1], stage.uploaded, stage.marker, stage.film, stage.random)


async def _refusals(stage: Stage, case: Case) -> None:
    """Try what must not be possible."""
    report, work = stage.report, files.pdf("9999", "Not asked for", stage.marker, 2, stage.random)
    teacher = stage.teacher(case.place[0])
    outside = await teacher.start_upload("00000000-0000-4000-8000-000000000000", work)
    report.check("a file for a candidate outside the sample is refused", outside.status == 404, outside.status)
    others = [one for one in stage.cases.values() if one.place[0] != case.place[0] and one.items]
    if others:
        answer = await teacher.start_upload(next(iter(others[0].items)), work)
        report.check("a file for another centre's candidate is refused", answer.status == 404, answer.status)
    posted = [one for one in stage.cases.values() if one.mode is SubmissionMode.POSTAL and one.items]
    if posted:
        answer = await stage.teacher(posted[0].place[0]).start_upload(next(iter(posted[0].items)), work)
        report.check("a file for work that is posted is refused", answer.status == 409, answer.detail[:80])
    early = await stage.exams_officer(case.place[0]).ask("POST", f"/api/cases/{case.case_id}/sample/submit", body={})
    report.check("an incomplete sample cannot be submitted", early.status == 409, early.detail[:80])


async def _wait_until_complete(stage: Stage, case: Case) -> None:
    """Wait until every file was looked at; only a released one counts as received."""
    officer = stage.exams_officer(case.place[0])
    path = f"/api/cases/{case.case_id}/sample"
    states: list[str] = []
    bad: list[str] = []
    async with asyncio.timeout(RELEASE_SECONDS):
        while True:
            sample = await officer.get(path)
            mine = [one for one in sample["items"] if one["case_id"] == case.case_id]
            states = [document["state"] for one in mine for document in one["documents"]]
            bad = [state for state in states if state != DocumentState.RELEASED and state not in IN_INSPECTION]
            if bad or all(state == "released" for state in states):
                break
            await asyncio.sleep(POLL_SECONDS)
    sums = {d["sha256"] for one in mine for d in one["documents"]}
    expected = {work.sha256 for sends in case.sent.values() for _, work in sends}
    stage.report.check(
        f"{case.label}: every file was inspected and released, with the SHA-256 that its sender declared",
        not bad and sums == expected and all(one["complete"] for one in mine),
        f"{len(states)} files" + (f"; not accepted: {bad}" if bad else ""),
    )


async def submit_samples(stage: Stage, cases: list[Case]) -> None:
    """Submit uploaded samples and verify each receipt without the server."""
    for case in [one for one in cases if one.mode is SubmissionMode.UPLOAD]:
        officer = stage.exams_officer(case.place[0])
        made = await officer.post(f"/api/cases/{case.case_id}/sample/submit")
        receipt = await officer.get(f"/api/receipts/{made['receipt_id']}")
        stage.receipts.append((officer, made["receipt_id"], receipt["public_key"]))
        text, signature = receipt["signed_text"].encode("ascii"), bytes.fromhex(receipt["signature"])
        changed = text.replace(case.place[0].encode(), b"99999", 1)
        listed = {file["sha256"] for one in receipt["body"]["candidates"] for file in one["files"]}
        sent = {work.sha256 for sends in case.sent.values() for _, work in sends}
        stage.report.check(
            f"{case.label}: the receipt lists every file, verifies offline with its public key, and not when altered",
            verify(text, signature, receipt["public_key"])
            and not verify(changed, signature, receipt["public_key"])
            and sent <= listed,
            f"{len(listed)} files, key {receipt['public_key'][:16]}…",
        )
        number, item_id = next((number, item) for item, number in case.items.items())
        late = await stage.teacher(case.place[0]).start_upload(item_id, _work(stage, case, number, large=False))
        if case is cases[0]:
            stage.report.check("a submitted sample takes no more files", late.status == 409, late.detail[:80])


async def read_back(stage: Stage, cases: list[Case]) -> None:
    """Look at files as the moderator, who gets what was made in their place and never the files; read them as the centre."""
    shown = played = compared = given = 0
    kinds: set[str] = set()
    wrong: list[str] = []
    recording: str | None = None
    for case in [one for one in cases if one.mode is SubmissionMode.UPLOAD]:
        for document_id, work in [one for sends in case.sent.values() for one in sends]:
            if work.media_type in kinds and len(work.content) < 1_000_000:
                continue
            kinds.add(work.media_type)
            given += (await stage.moderator.ask("GET", f"/documents/{document_id}/content")).ok
            where = await stage.moderator.get(f"/api/documents/{document_id}/addresses")
            if work.media_type.startswith(("audio/", "video/")):
                recording = f"{where['base']}/recording?ticket={where['ticket']}"
                played += await _plays(stage.moderator, recording)
            else:
                shown += await _shows(stage.moderator, f"{where['base']}/pages/1?ticket={where['ticket']}")
            teacher = stage.teacher(case.place[0])
            if not teacher.is_browser:
                got = await _by_ranges(teacher, f"/documents/{document_id}/content", len(work.content))
                compared += len(got)
                if got != work.content:
                    wrong.append(work.filename)
    check = stage.report.check
    check("the moderator is given no file as it was sent", kinds and not given, f"{len(kinds)} types of file")
    check("work is shown as pictures of its pages, made here", shown, f"{shown} works")
    if stage.film is not None:
        check("recordings are played by ranges of what was made of them here", played, f"{played} recordings")
    if not stage.teacher(cases[0].place[0]).is_browser:
        check(
            "the centre reads by ranges exactly the bytes that it sent",
            compared and not wrong,
            f"{compared:,} bytes" + (f"; differing: {wrong}" if wrong else ""),
        )
    if recording is not None:
        beyond = await stage.moderator.ask("GET", recording, headers={"Range": "bytes=999999999999-", **AS_MEDIA})
        check("a range beyond the end is refused", beyond.status == 416, beyond.status)
    first = next(one for case in cases for sends in case.sent.values() for one, _ in sends)
    officer = await stage.officer.ask("GET", f"/documents/{first}/content")
    check("an awarding body officer is not shown candidates' work", officer.status == 404, officer.status)


async def _shows(client: Client, address: str) -> bool:
    """Say whether a picture comes from an address."""
    answer = await client.ask("GET", address, headers=AS_PICTURE)
    return answer.status == 200 and answer.body.startswith(b"\xff\xd8\xff")


async def _plays(client: Client, address: str) -> bool:
    """Say whether an address gives a recording that browsers play, and the same by ranges as in one piece."""
    whole = await client.ask("GET", address, headers=AS_MEDIA)
    pieces = await _by_ranges(client, address, len(whole.body))
    return whole.status == 200 and whole.body[4:8] == b"ftyp" and pieces == whole.body


async def _by_ranges(client: Client, address: str, size: int) -> bytes:
    got = bytearray()
    step = max(1, -(-size // 3))
    while len(got) < size:
        last = min(size, len(got) + step) - 1
        answer = await client.ask("GET", address, headers={"Range": f"bytes={len(got)}-{last}", **AS_MEDIA})
        if answer.status != 206 or not answer.body:
            break
        got += answer.body
    return bytes(got)


async def post_samples(stage: Stage) -> None:
    """Post what travels on paper, receive it; book and hold visits."""
    for case in stage.cases.values():
        officer = stage.exams_officer(case.place[0])
        if case.mode is SubmissionMode.POSTAL:
            items = list(case.items)
            posted = {"proof_of_posting_number": "PP 0099 0001", "sealed_by": "EO", "witnessed_by": "T"}
            sent = await officer.post(f"/api/cases/{case.case_id}/consignments", {**posted, "items": items})
            await stage.moderator.post(
                f"/api/consignments/{sent['id']}/receive", {"received": items, "discrepancy": ""}
            )
            (parcel,) = (await officer.get(f"/api/cases/{case.case_id}/consignments"))["consignments"]
            state = (await officer.get(f"/api/cases/{case.case_id}"))["state"]
            stage.report.check(
                f"{case.label}: a parcel with proof of posting was despatched and received complete",
                set(parcel["received_contents"]) == set(items) and state == "RECEIVED",
                f"{len(items)} works, {parcel['proof_of_posting_number']}",
            )
        elif case.mode is SubmissionMode.VISIT:
            day = (datetime.now(UTC) + timedelta(days=7)).date()
            await officer.post(f"/api/cases/{case.case_id}/visit", {"visit_on": day.isoformat()})
            await stage.moderator.post(f"/api/cases/{case.case_id}/visit/held")
            state = (await officer.get(f"/api/cases/{case.case_id}"))["state"]
            stage.report.check(f"{case.label}: a visit was booked and held", state == "RECEIVED", f"{day:%d %B %Y}")
