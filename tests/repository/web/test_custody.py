"""Custody over HTTP: pictures of hand-overs where their time stands, and looks at scripts for a stated reason."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from repository.access import Role
from repository.receipts import files
from repository.tables import CustodyEvidence, DocumentRow
from scripts import records
from scripts.tables import RegisterLine, Script, ScriptCase, Sitting

from .conftest import Client, Service, csrf
from .signing_in import make_person, signed_in
from .test_before_the_exam import FIRST, done, sitting
from .test_despatch import hand_over, officer, picture, plan_of, send
from .test_script_endings import CENTRE, make_store
from .test_who_looked import log_now

__all__ = ["officer", "sitting"]


async def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    assert answer.status == status, await answer.text()
    return await answer.text()


async def load(service: Service, address: str) -> int:
    """Ask the content host as a browser does that has no pass yet; returns the status."""
    stranger, parts = await service.anonymous(), urlsplit(address.replace("&amp;", "&"))
    headers = {"Host": parts.netloc, "Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site"}
    return (await stranger.get(f"{parts.path}?{parts.query}", headers=headers)).status


async def test_pictures_of_a_hand_over_stand_with_what_they_show_for_the_own_centre_and_staff(
    service: Service,
    officer: Client,
    sitting: Sitting,
) -> None:
    labels = [one["label"] for one in (await plan_of(officer))["packets"]]
    await send(service, officer, hand_over(service, labels, "hand-0001"))
    put = "/api/despatch-log/hand-0001/evidence/"
    await done(await officer.put(f"{put}picture-1?kind=signature", data=picture()), 201)
    service.clock.advance(seconds=1)
    await done(await officer.put(f"{put}picture-2?kind=proof_of_posting&line=0", data=picture("black")), 201)
    in_packet = select(Script).where(Script.packet_id.is_not(None)).order_by(Script.candidate_number)
    script = (await service.services.database.read(lambda s: s.scalars(in_packet).all()))[0]
    page = await service.browser(Role.EXAMS_OFFICER, FIRST)
    text = await text_of(page, f"/scripts/{script.id}")
    alts = re.findall(r'<img src="[^"]+/content/custody/[^"]+" alt="([^"]+)"', text)
    assert [alt.partition(",")[0] for alt in alts] == [
        "Signature: entered in the despatch log",
        "Proof of posting: entered in the despatch log",
    ]
    assert "15 May 2026" in alts[0]
    (first, *_) = re.findall(r'href="#picture-([0-9a-f-]{36})"', text)
    assert f'id="picture-{first}"' in text
    glance = await text_of(page, f"/sittings/{sitting.id}/custody")
    alts = re.findall(r'<img src="([^"]+/content/custody/[^"]+)" alt="([^"]+)"', glance)
    assert [alt.partition(":")[0] for _, alt in alts] == ["Signature, packet 1, 2", "Proof of posting, packet 1"]
    assert await load(service, alts[0][0]) == 200
    for role in (Role.TRACKING_CLERK, Role.AB_OFFICER):
        staff = await service.browser(role)
        assert "/content/custody/" in await text_of(staff, f"/sittings/{sitting.id}/custody")
    stranger = await service.browser(Role.EXAMS_OFFICER, "99002")
    for path in (f"/scripts/{script.id}", f"/sittings/{sitting.id}/custody"):
        assert "/content/custody/" not in await text_of(stranger, path, 404)
    told = await done(await officer.get(f"/api/scripts/{script.id}/timeline"), 200)
    shown = [one for event in told["events"] for one in event["evidence"]]
    sealed = await service.services.database.read(
        lambda s: set(s.scalars(select(DocumentRow.sha256).join(CustodyEvidence)))
    )
    assert {one["sha256"] for one in shown} <= sealed
    made = await done(await officer.post(f"/api/scripts/{script.id}/certificate"), 201)
    answer = await officer.get(f"/receipts/{made['receipt']}/download")
    said = files.read(await answer.read()).content["custody"]
    named = {one["sha256"] for line in said["packets"] for event in line["events"] for one in event["evidence"]}
    assert named == {one["sha256"] for one in shown}


async def test_a_look_at_a_script_says_why_first_and_the_centre_reads_it(service: Service) -> None:
    store = await make_store(service)
    script = store.scripts[0]
    path = f"/scripts/{script.id}/pages"

    def prepare(session: Any) -> str:
        session.get_one(Script, script.id).pages = 2
        records.open_case(session, store.sitting.id, "missing", "1003", now=service.clock(), actor="x")
        return str(session.scalars(select(ScriptCase.id)).one())

    case_id = await service.write(prepare)
    for role in (Role.TRACKING_CLERK, Role.AB_OFFICER):
        client = await service.browser(role)
        assert path in await text_of(client, f"/scripts/{script.id}")
        before = await text_of(client, path)
        assert "Why do you look at this script?" in before
        assert "/content/scripts/" not in before
        for reason in ("", "curiosity", "case:somewhere-else", "case:"):
            form = {"csrf_token": await csrf(client), "reason": reason}
            refused = await client.post(path, data=form)
            assert refused.status == 422
            assert "/content/scripts/" not in await refused.text()
        for reason in ("review", f"case:{case_id}"):
            answer = await client.post(path, data={"csrf_token": await csrf(client), "reason": reason})
            text = await answer.text()
            assert answer.status == 200, text
            assert len(re.findall(r'alt="Page \d of the script"', text)) == 2
            (first, *_) = re.findall(r'src="([^"]+/content/scripts/[^"]+)"', text)
            assert await load(service, first) == 200
        form = {"csrf_token": await csrf(client), "reason": "review"}
        assert (await client.post(f"/scripts/{store.scripts[2].id}/pages", data=form)).status == 404

    def hold(session: Any) -> None:
        line = session.scalars(select(RegisterLine).filter_by(candidate_number="1001")).one()
        line.explained = "malpractice_hold"

    await service.write(hold)
    for role, reason, status in (
        (Role.TRACKING_CLERK, "malpractice", 404),
        (Role.AB_OFFICER, "review", 422),
        (Role.AB_OFFICER, "malpractice", 200),
    ):
        client = await service.browser(role)
        answer = await client.post(path, data={"csrf_token": await csrf(client), "reason": reason})
        assert answer.status == status, "what an enquiry holds is the officers' to look at, for that reason alone"
    centre = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    assert await text_of(centre, path, 404)
    assert "for a stated reason" not in await text_of(centre, f"/scripts/{script.id}")
    await log_now(service)
    looked = await text_of(centre, "/who-looked")
    assert looked.count("Looked at the pages of an exam script") == 5
    assert looked.count("An enquiry into malpractice") == 1
    assert looked.count("A review, an appeal, or access to scripts") == 2
    assert looked.count("An open case") == 2
    assert "1001" in looked


async def test_pictures_of_scripts_are_shown_only_within_an_hour_of_a_proof(real_service: Service) -> None:
    service = real_service
    store = await make_store(service)
    path = f"/scripts/{store.scripts[0].id}/pages"
    client = await signed_in(service, await make_person(service, Role.AB_OFFICER))
    form = {"csrf_token": await csrf(client), "reason": "review"}
    service.clock.advance(minutes=4)
    shown = await (await client.post(path, data=form)).text()
    (address, *_) = re.findall(r'src="([^"]+/pages/1\?[^"]+)"', shown)
    stranger, parts = await service.anonymous(), urlsplit(address.replace("&amp;", "&"))
    headers = {"Host": parts.netloc, "Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site"}
    first = await stranger.get(f"{parts.path}?{parts.query}", headers=headers)
    assert first.status == 200
    headers["Cookie"] = first.headers["Set-Cookie"].partition(";")[0]
    for _ in range(4):
        service.clock.advance(minutes=10)
        assert (await client.get("/")).status == 200
    assert (await stranger.get(parts.path, headers=headers)).status == 200
    service.clock.advance(minutes=17)
    assert (await client.get("/")).status == 200
    assert (await stranger.get(parts.path, headers=headers)).status == 404
    assert (await client.get(path, allow_redirects=False)).headers["Location"].startswith("/confirm-it-is-you")
    assert (await client.post(path, data=form)).status == 403
