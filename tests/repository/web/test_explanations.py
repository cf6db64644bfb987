"""The explained outcome over HTTP: not before its time, nothing undisclosed, each centre its own; page and PDF alike."""

from __future__ import annotations

from datetime import timedelta

import pytest

from moderation.records.explanations import explanation_for_centre
from moderation.rules import Disclosure
from repository.access import Role
from tests.moderation.records import stage
from tests.moderation.records.stage import CENTRE_B, MODERATOR_B

from .conftest import Service
from .explaining import (
    ACCEPTING,
    ADJUSTING,
    FAR,
    OPENS_AT,
    events,
    issue,
    let_moderate,
    moderated,
    numbers_in,
    page_text,
    pdf_of,
    report,
    set_level,
    text_of,
)

D = Disclosure
CENTRE = "99901"


async def test_a_centre_is_told_when_and_its_early_look_is_recorded(service_on_each: Service) -> None:
    service = service_on_each
    case_id = await service.write(lambda s: moderated(s, ADJUSTING, D.DIFFERENCES))
    teacher = await service.client(Role.TEACHER, CENTRE)
    path = f"/cases/{case_id}/explanation"
    text = await page_text(teacher, path, 403)
    assert "not open yet" in text
    assert "adjust" not in text.lower()
    assert await events(service, "explanation.read") == [(teacher.person_id, "refused")]
    await service.write(lambda s: issue(s, case_id))
    service.clock.now = OPENS_AT - timedelta(minutes=1)
    teacher = await service.client(Role.TEACHER, CENTRE)
    for now, status in ((OPENS_AT - timedelta(seconds=1), 403), (OPENS_AT, 200)):  # 00:00:59 and 00:01:00 in London
        service.clock.now = now
        text = await page_text(teacher, path, status)
        answer = await teacher.get(f"{path}.pdf")
        assert answer.status == status
        assert ("from Wednesday 12 August 2026, 12:01am, UK time" in text) is (status == 403)
        assert ("Your marks were adjusted" in text) is (status == 200)
    me = teacher.person_id
    assert (await events(service, "explanation.read"))[1:] == [(me, "refused")] * 2 + [(me, "done")] * 2


async def test_a_look_at_the_component_leads_there_only_when_it_is_open(service: Service) -> None:
    case_id = await service.write(lambda s: moderated(s, ADJUSTING, D.DIFFERENCES))
    await service.write(lambda s: issue(s, case_id))
    service.clock.now = OPENS_AT - timedelta(seconds=1)
    officer = await service.client(Role.EXAMS_OFFICER, CENTRE)
    link = f"/cases/{case_id}/explanation"
    assert link not in await page_text(officer, f"/cases/{case_id}")
    service.clock.now = OPENS_AT
    assert link in await page_text(officer, f"/cases/{case_id}")


@pytest.mark.parametrize("moderator_marks", [ADJUSTING, ACCEPTING], ids=["adjusted", "accepted"])
@pytest.mark.parametrize("level", D)
async def test_no_moderator_mark_is_shown_below_its_level(
    service: Service, level: Disclosure, moderator_marks: tuple[int, ...]
) -> None:
    case_id = await service.write(lambda s: moderated(s, moderator_marks, level))
    await service.write(lambda s: issue(s, case_id))
    service.clock.now = OPENS_AT
    shown = await service.write(lambda s: explanation_for_centre(s, case_id, now=OPENS_AT))
    own = {mark.moderated_mark for mark in shown.explanation.marks} | set(FAR)
    secret = set(moderator_marks) - own
    assert len(secret) == len(moderator_marks)
    teacher = await service.client(Role.TEACHER, CENTRE)
    page = await page_text(teacher, f"/cases/{case_id}/explanation")
    paper = text_of(await pdf_of(teacher, case_id))
    for text in (page, paper):
        assert own <= numbers_in(text)
        assert bool(secret & numbers_in(text)) is (level is D.DIFFERENCES)
    is_adjusted = moderator_marks is ADJUSTING
    assert ("step by step" in page) is (is_adjusted and level is not D.OUTCOME)
    assert ("<svg xmlns" in page and "differences-title" in page) is (level is D.DIFFERENCES)
    for text in (page, paper):
        assert ("is not shown to centres" in " ".join(text.split())) is (level is not D.DIFFERENCES)


async def test_another_centre_sees_nothing(service: Service) -> None:
    case_id = await service.write(lambda s: moderated(s, ADJUSTING, D.DIFFERENCES))
    await service.write(lambda s: issue(s, case_id))
    service.clock.now = OPENS_AT
    for role in (Role.TEACHER, Role.EXAMS_OFFICER):
        stranger = await service.client(role, "99902")
        for path in ("explanation", "explanation.pdf"):
            assert (await stranger.get(f"/cases/{case_id}/{path}")).status == 404
    clerk = await service.client(Role.TRACKING_CLERK)
    assert (await clerk.get(f"/cases/{case_id}/explanation")).status == 404
    anybody = await service.client(Role.MODERATOR)
    assert (await anybody.get(f"/cases/{case_id}/explanation")).status == 404


async def test_officer_and_moderator_see_a_preview(service: Service) -> None:
    case_id = await service.write(lambda s: moderated(s, ADJUSTING, D.OUTCOME))
    officer, moderator = await service.client(Role.AB_OFFICER), await service.client(Role.MODERATOR)
    await service.write(lambda s: let_moderate(s, moderator.person_id))
    path = f"/cases/{case_id}/explanation"
    for client in (officer, moderator):
        text = await page_text(client, path)
        assert "Preview" in text
        assert "What was seen: accuracy." in text
        assert "differences-title" not in text
    assert "differences-title" in await page_text(officer, f"{path}?level=differences")
    assert "differences-title" not in await page_text(moderator, f"{path}?level=differences")
    await page_text(officer, f"{path}?level=everything", 422)
    assert "Preview" in text_of(await pdf_of(officer, case_id, "?level=arithmetic"))
    empty = await service.write(lambda s: stage.make_centre(s, 2, "99907"))
    await page_text(officer, f"/cases/{empty}/explanation", 404)


async def test_a_centre_of_a_consortium_sees_its_own_only(service: Service) -> None:
    def build(session):
        stage.make_series(session)
        set_level(session, D.DIFFERENCES)
        ids = stage.make_consortium(session, ["99901", "99902"], [8, 7])
        for case_id, marks in zip(ids, (CENTRE_B[:8], CENTRE_B[8:]), strict=True):
            stage.confirm(session, case_id, marks)
        for case_id in ids:
            stage.hand_in(session, case_id)
            stage.give_to_moderator(session, case_id)
        stage.moderate(session, ids[0], dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
        report(session, ids[0])
        issue(session, ids[0])
        return ids

    ids = await service.write(build)
    service.clock.now = OPENS_AT
    for case_id, own, other in zip(ids, ("99901", "99902"), ("99902", "99901"), strict=True):
        teacher = await service.client(Role.TEACHER, own)
        text = await page_text(teacher, f"/cases/{case_id}/explanation")
        paper = text_of(await pdf_of(teacher, case_id))
        for shown in (text, paper):
            assert f"Seen at {own}." in shown.replace("\n", " ")
            assert other not in shown
        assert f"{15 - (8 if own == '99901' else 7)} works of other centres" in text


async def test_the_pdf_has_title_language_and_the_words_of_the_page(service: Service) -> None:
    case_id = await service.write(lambda s: moderated(s, ADJUSTING, D.DIFFERENCES))
    await service.write(lambda s: issue(s, case_id))
    service.clock.now = OPENS_AT
    teacher = await service.client(Role.TEACHER, CENTRE)
    pdf = await pdf_of(teacher, case_id)
    assert pdf.metadata is not None
    assert pdf.metadata.title == "How the marks were moderated: X446/03, centre 99901"
    assert pdf.trailer["/Root"]["/Lang"] == "en-GB"
    text = " ".join(text_of(pdf).split())
    for words in (
        "What happened",
        "so the whole sample was read",
        "What you can do now",
        "How each mark was made",
        "rounded once, half up",
        "moderation-policy/1",
        "this project’s own",
        "Accuracy of the marking",
        "What was seen: accuracy.",
        "Page 1",
    ):
        assert words in text, words
    again = await pdf_of(teacher, case_id)
    assert text_of(again) == text_of(pdf)


async def test_an_order_that_fails_is_shown_without_marks(service: Service) -> None:
    turned = tuple(reversed(ADJUSTING))
    case_id = await service.write(lambda s: moderated(s, turned, D.DIFFERENCES))
    officer = await service.client(Role.AB_OFFICER)
    page = await page_text(officer, f"/cases/{case_id}/explanation")
    paper = " ".join(text_of(await pdf_of(officer, case_id)).split())
    for text in (page, paper):
        assert "Your order of candidates does not hold" in text
        assert "No mark from this outcome" in text
        assert "every candidate is marked again" in text
    assert "step by step" not in page
    assert "Ask for a review" not in page


async def test_nobody_to_sample_is_explained_too(service: Service) -> None:
    def build(session):
        stage.make_series(session)
        set_level(session, D.DIFFERENCES)
        case_id = stage.make_centre(session, 2)
        stage.confirm(session, case_id, [0, 0])
        issue(session, case_id)
        return case_id

    case_id = await service.write(build)
    service.clock.now = OPENS_AT
    teacher = await service.client(Role.TEACHER, CENTRE)
    page = await page_text(teacher, f"/cases/{case_id}/explanation")
    paper = " ".join(text_of(await pdf_of(teacher, case_id)).split())
    for text in (page, paper):
        assert "No work was read" in text
        assert "None of your works was read." in text
        assert "Your marks stand" in text
