"""Who looked: an exams officer sees every look at the centre's work, and nobody sees another centre's."""

from __future__ import annotations

import csv
import io

from repository.access import Role
from repository.audit.keeping import log_of

from ..files import pdf
from .conftest import Client, Service
from .uploading import CENTRE, Stage

OTHER = "99002"


async def log_now(service: Service) -> None:
    """Sequence what waits, as the service does every second."""
    await log_of(service.services).sequence()


async def page(client: Client, path: str) -> str:
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def looked_at(stage: Stage) -> str:
    """Upload a file, and let the teacher open it and an officer read the marks; returns the file's id."""
    data = pdf()
    made = await stage.create(len(data), data)
    assert (await stage.document(made))["state"] == "released"
    document_id = made["Location"].rpartition("/")[2]
    assert (await stage.teacher.get(f"/documents/{document_id}/content")).status == 200
    officer = await stage.service.client(Role.AB_OFFICER)
    for _ in range(3):  # of one quarter of an hour
        assert (await officer.get(f"/api/cases/{stage.case_id}/marks")).status == 200
    await log_now(stage.service)
    return document_id


async def test_an_exams_officer_sees_who_looked_and_in_which_role(stage_on_each: Stage) -> None:
    stage = stage_on_each
    document_id = await looked_at(stage)
    browser = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    text = await page(browser, "/who-looked")
    assert "Opened a file" in text
    assert "1001_work.pdf" in text
    assert f"Test teacher {CENTRE}" in text
    assert text.count("Read the centre&#39;s marks") == 1
    assert "Awarding body officer" in text
    assert "Test ab_officer" not in text  # people of the awarding body stand there by role
    link = f"/who-looked?document={document_id}"
    assert f'href="{link}"' in await page(browser, f"/documents/{document_id}")
    only = await page(browser, link)
    assert "Opened a file" in only
    assert "Read the centre&#39;s marks" not in only
    rows = list(csv.DictReader(io.StringIO(await page(browser, "/who-looked.csv?candidate=1001"))))
    assert {row["candidate"] for row in rows if row["what"] == "Opened a file"} == {"1001"}
    assert "Nobody has looked" in await page(browser, "/who-looked?candidate=7777")
    assert "Nobody has looked" in await page(browser, "/who-looked?from=2031-01-01")
    wrong = await page(browser, "/who-looked?from=31/12/2026")
    assert 'href="#from"' in wrong
    assert "From must be a real date" in wrong


async def test_nobody_sees_who_looked_at_another_centre(stage: Stage) -> None:
    document_id = await looked_at(stage)
    other = await stage.service.browser(Role.EXAMS_OFFICER, OTHER)
    for path in ("/who-looked", f"/who-looked?document={document_id}", "/who-looked?candidate=1001", "/who-looked.csv"):
        text = await page(other, path)
        assert "1001_work.pdf" not in text
        assert f"Test teacher {CENTRE}" not in text
    for role in (Role.TEACHER, Role.MODERATOR, Role.AB_OFFICER, Role.TEAM_LEADER):
        client = await stage.service.client(role, CENTRE if role is Role.TEACHER else None)
        for path in ("/who-looked", "/who-looked.csv"):
            assert (await client.get(path)).status == 404, (role, path)
    for role in (Role.TEACHER, Role.EXAMS_OFFICER, Role.MODERATOR):
        client = await stage.service.client(role, CENTRE if role is not Role.MODERATOR else None)
        assert (await client.get("/audit")).status == 404, role


async def test_officers_read_events_as_metadata_and_that_is_an_event(stage: Stage) -> None:
    document_id = await looked_at(stage)
    officer = await stage.service.browser(Role.AB_OFFICER)
    text = await page(officer, f"/audit?document={document_id}")
    assert "document.view" in text
    assert "1001_work.pdf" not in text
    await log_now(stage.service)
    assert "audit.read" in await page(officer, "/audit?action=audit.read")
