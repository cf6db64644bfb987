"""Which language a page is in: the person's, the browser's, the first accepted; and how it says times and sizes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from repository.access import Role
from repository.tables import AuditEvent, Person
from repository.web.languages import ENGLISH, WELSH, Language, accepted, choose, translations
from repository.web.languages.wording import Wording
from repository.web.pages import templates

from ..conftest import Service, csrf
from ..signing_in import browser, make_person, signed_in

AT = datetime(2026, 5, 20, 22, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "codes"),
    [
        ("", []),
        ("cy", ["cy"]),
        ("cy-GB,en;q=0.5", ["cy", "en"]),
        ("en;q=0.4, cy;q=0.8, fr", ["fr", "cy", "en"]),
        ("cy;q=0", []),
        ("cy;q=much, en", ["en"]),
        (";;;,,;q=1" * 100, []),
    ],
)
def test_a_header_is_read_best_language_first(header: str, codes: list[str]) -> None:
    assert [code for code in accepted(header) if code] == codes


@pytest.mark.parametrize(
    ("persons", "cookies", "header", "language"),
    [
        ("cy", "en", "en", WELSH),
        (None, "cy", "en", WELSH),
        (None, "xx", "cy", WELSH),
        (None, None, "fr, cy;q=0.2", WELSH),
        (None, None, "fr", ENGLISH),
        ("xx", None, "", ENGLISH),
    ],
)
def test_the_person_comes_before_the_browser_and_the_browser_before_its_header(
    persons: str | None, cookies: str | None, header: str, language: Language
) -> None:
    assert choose(persons, cookies, header) is language


def test_a_page_whose_texts_wait_for_a_translator_is_spoken_as_english() -> None:
    assert templates(WELSH).globals["spoken_in"]("sign_in.html") == "cy"
    assert templates(WELSH).globals["spoken_in"]("scans/queues.html") == "en-GB"
    assert templates(ENGLISH).globals["spoken_in"]("scans/queues.html") == "en-GB"


def test_times_and_sizes_are_said_in_each_language() -> None:
    english, welsh = Wording(ENGLISH), Wording(WELSH)
    assert english.instant(AT) == "Wednesday 20 May 2026, 11:59pm"
    assert english.moment(AT) == "11:59pm on 20 May 2026"
    assert english.day(date(2026, 5, 1), weekday=True) == "Friday 1 May 2026"
    assert welsh.instant(AT) == "Dydd Mercher 20 Mai 2026, 11:59pm"
    assert welsh.moment(AT) == "11:59pm, 20 Mai 2026"
    assert welsh.day(date(2026, 5, 1)) == "1 Mai 2026"
    assert (english.size(999), welsh.size(999)) == ("999 bytes", "999 beit")
    assert [english.size(size) for size in (None, 1500, 1_200_000, 3_000_000_000)] == ["", "2 kB", "1.2 MB", "3.00 GB"]


def test_what_a_catalog_does_not_know_is_said_in_english() -> None:
    words = translations(WELSH)
    assert words.gettext("Sign in") == "Mewngofnodi"
    assert words.gettext("Nobody has translated this") == "Nobody has translated this"


async def test_a_browser_keeps_its_language_before_anybody_signs_in(service: Service) -> None:
    client = await browser(service)
    page = await (await client.get("/sign-in", headers={"Accept-Language": "cy"})).text()
    assert '<html lang="cy"' in page
    assert "Mewngofnodi" in page
    page = await (await client.get("/sign-in")).text()
    assert '<html lang="en-GB"' in page
    answer = await client.post(
        "/language", data={"language": "cy", "next": "/sign-in?next=/cases"}, allow_redirects=False
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=/cases")
    assert "Mewngofnodi" in await (await client.get("/sign-in")).text()
    for wrong in ({"language": "xx"}, {"language": ""}, {}):
        assert (await client.post("/language", data=wrong)).status == 422
    away = await client.post("/language", data={"language": "en", "next": "//elsewhere.example"}, allow_redirects=False)
    assert away.headers["Location"] == "/"


async def test_a_person_keeps_a_language_on_every_device(service_on_each: Service) -> None:
    service = service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    client, elsewhere = await signed_in(service, person), await signed_in(service, person)
    form = {"language": "cy", "next": "/account", "csrf_token": await csrf(client)}
    assert (await client.post("/language", data=form, allow_redirects=False)).status == 303
    page = await (await elsewhere.get("/account")).text()
    assert '<html lang="cy"' in page
    assert "Swyddog arholiadau" in page
    assert "Eich cyfrif" in page

    kept = await service.services.database.read(lambda session: session.scalars(select(Person.language)).all())
    assert list(kept).count("cy") == 1
    events = await service.services.database.read(
        lambda session: session.scalars(select(AuditEvent).where(AuditEvent.action == "person.language")).all()
    )
    assert len(events) == 1
