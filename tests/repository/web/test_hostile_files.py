"""A small spread of the corpus through the whole service: from the first byte to the state that a teacher reads."""

from __future__ import annotations

import pytest

from repository.access import Role
from tests.corpus import Case, cases

from .conftest import Client
from .uploading import CENTRE, Stage

SPREAD = (
    "pdf-sound", "pdf-javascript-escaped", "pdf-attachment-object-stream", "pdf-launch-encrypted", "pdf-before-a-zip",
    "pdf-named-jpg", "pdf-first-half", "pdf-zeros-inside", "pdf-flate-bomb", "pdf-2001-pages",
    "picture-turned-6", "picture-png-50000", "picture-webp-named-jpg", "picture-tiff-5-pages", "picture-gif-before-more",
    "zip-plain", "zip-slip", "docx-list-bomb", "pages", "text-welsh", "text-arabic", "text-turned-round",
    "web-page", "svg-script", "gdoc-stub", "heic-named-jpg", "windows-program-turned-name", "file-of-zeros",
)  # fmt: skip


@pytest.mark.fault("att:A06", "att:B01", "att:B02", "att:B09", "att:B10", "att:B11", "att:B16", "att:C04", "att:C05")
async def test_each_ends_in_its_state_and_nothing_answers_with_an_error_of_ours(stage: Stage) -> None:
    named = {case.name: case for case in cases()}
    officer = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    places = len(stage.items)
    for first in range(0, len(SPREAD), places):  # the next file in a place replaces what stood there
        made = {}
        for item, name in enumerate(SPREAD[first : first + places]):
            data = named[name].make()
            made[name] = await stage.create(len(data), data, item=item, filename=named[name].filename)
        await stage.service.settle(120)
        for name in made:
            await _check(stage, officer, named[name], made[name])


async def _check(stage: Stage, officer: Client, case: Case, made: dict[str, str]) -> None:
    expected = case.expected
    document = await stage.document(made)
    assert document["state"] == ("held" if expected.held else "released"), (case.name, document)
    assert bool(document["reason"]) == expected.held, (case.name, document)
    assert bool(document["remedy"]) == expected.held, (case.name, document)
    shown = await officer.get(f"/documents/{made['Location'].rpartition('/')[2]}")
    assert shown.status == (409 if expected.held else 200), (case.name, shown.status)
    assert "\u202e" not in await shown.text()
