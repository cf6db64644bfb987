"""Office documents become PDFs by the real LibreOffice in the real sandbox, whatever they ask for."""

from __future__ import annotations

import asyncio
import contextlib
import io
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from pypdf import PdfReader

from repository.documents import MEDIA_TYPES
from repository.errors import InspectionFailed
from repository.inspection import Inspection, bounds, words
from repository.inspection.children import find_sandbox
from repository.inspector import conversion
from tests.corpus import office

from ...patience import PATIENCE_SECONDS
from .answers import pieces

WORDS = "Work of a candidate"


@pytest.fixture(scope="module")
def inspection() -> Inspection:
    sandbox = find_sandbox()
    assert sandbox, "bubblewrap is not installed, so nothing can be shown of the sandbox"
    return Inspection(sandbox)


def text_of(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.parametrize(
    ("kind", "make", "said", "pages"),
    [
        (office.DOCX, partial(office.pages, 5), "the candidate describes", 5),
        (office.XLSX, office.xlsx, "Mark", 1),
        (office.PPTX, office.pptx, "Slide of a candidate", 1),
        (office.ODT, partial(office.odf, office.ODT), WORDS, 1),
        (office.ODS, partial(office.odf, office.ODS), "Mark", 1),
        (office.ODP, partial(office.odf, office.ODP), "Slide of a candidate", 1),
        (office.DOCM, partial(office.docx, "", office.VBA, macros=True), "Work", 1),
    ],
    ids=lambda value: value.rpartition(".")[2] if isinstance(value, str) else "",
)
async def test_a_document_becomes_a_pdf_with_its_pages_and_words(
    inspection: Inspection, kind: str, make: Callable[[], bytes], said: str, pages: int
) -> None:
    made = await inspection.convert(kind, pieces(make()))
    pdf = made.pdf
    assert made.notes == ()
    assert said in text_of(pdf)
    verdict = await inspection.inspect("work.pdf", pieces(pdf))
    assert (verdict.held, verdict.page_count, verdict.notes) == (False, pages, ())


@pytest.mark.parametrize(
    ("font", "noted"), [("Grotesk of a Foundry", True), ("Calibri", False), ("Liberation Serif", False)]
)
async def test_a_font_that_is_not_here_is_noted(inspection: Inspection, font: str, noted: bool) -> None:
    body = f'<w:p><w:r><w:rPr><w:rFonts w:ascii="{font}"/></w:rPr><w:t>{WORDS}</w:t></w:r></w:p>'
    made = await inspection.convert(office.DOCX, pieces(office.docx(body)))
    assert ("fonts-substituted" in made.notes) == noted


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server on this machine: its address, and what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@pytest.mark.fault("att:B08", "att:B13")
async def test_a_document_reaches_no_server(inspection: Inspection) -> None:
    """Pictures, templates, objects and sections of a server: the server is never asked, and the rest is shown."""
    async with listening() as (address, asked):
        settings = {
            "word/settings.xml": f'{office.HEAD}<w:settings xmlns:w="{office.WORD}"/>',
            "word/_rels/settings.xml.rels": office.relations(("attachedTemplate", f"{address}/t.dotm", "External")),
        }
        source = f'<text:section-source xlink:href="{address}/s.odt"/>'
        section = f'<text:section text:name="S">{source}<text:p>{WORDS}</text:p></text:section>'
        for kind, data in (
            (office.DOCX, office.picture_elsewhere(f"{address}/p.png")),
            (office.DOCX, office.docx(office.paragraph("Work with a template"), settings)),
            (office.ODT, office.odf(office.ODT, section)),
        ):
            assert "Work" in text_of((await inspection.convert(kind, pieces(data))).pdf)
        assert asked == []
        _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(b"the server does listen")
        await writer.drain()
        writer.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not asked:
                await asyncio.sleep(0.01)


@pytest.mark.fault("att:B08")
def test_a_macro_never_runs_even_where_it_could_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside the sandbox, so that it could: the macro of a document that LibreOffice opens on a trusting desk writes a file."""
    written, trusting = tmp_path / "written", tmp_path / "trusting"
    data = office.basic(f'Sub Main\nOpen "{written}" For Output As #1\nPrint #1, "ran"\nClose #1\nEnd Sub')
    assert WORDS in text_of(b"".join(piece for _, piece in conversion.pdf(data, office.ODT)))
    assert not written.exists()
    trusts = tuple((*one[:2], "0") for one in conversion._SETTINGS if one[1] == "MacroSecurityLevel")
    monkeypatch.setattr(conversion, "_SETTINGS", trusts)
    conversion._prepare_profile(trusting)
    (tmp_path / "work.odt").write_bytes(data)
    opened = [str(conversion.PROGRAM), "--headless", "--norestore", f"-env:UserInstallation={trusting.as_uri()}"]
    subprocess.run([*opened, "--version"], check=False, capture_output=True)
    subprocess.run([*opened, "--terminate_after_init"], check=False, capture_output=True)
    desk = subprocess.Popen([*opened, str(tmp_path / "work.odt")])
    try:
        until = time.monotonic() + 30
        while not written.exists() and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        desk.kill()
        desk.wait()
    assert written.exists(), "the macro cannot run at all, so this test shows nothing"


@pytest.mark.fault("att:C05", "att:C03")
async def test_a_document_that_takes_too_long_ends_at_its_limit(
    inspection: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 200_000))
    monkeypatch.setattr(bounds, "OFFICE", replace(bounds.OFFICE, cpu_seconds=3))
    begun = time.monotonic()
    with pytest.raises(InspectionFailed):
        await inspection.convert(office.XLSX, pieces(office.xlsx(cells=rows)))
    assert time.monotonic() - begun < 60


async def test_a_document_that_wants_too_much_memory_ends(
    inspection: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "OFFICE", replace(bounds.OFFICE, address_space_bytes=96 * 1024**2))
    with pytest.raises(InspectionFailed):
        await inspection.convert(office.DOCX, pieces(office.pages(5)))


async def test_what_is_no_document_says_so(inspection: Inspection) -> None:
    with pytest.raises(InspectionFailed) as failure:
        await inspection.convert(office.PPTX, pieces(office.packed({"ppt/nothing.xml": "<a/>"})))
    assert failure.value.facts["refused"] == "office-unreadable"


@pytest.mark.fault("inj:F14")
async def test_without_a_sandbox_nothing_is_converted() -> None:
    with pytest.raises(InspectionFailed) as failure:
        await Inspection(None).convert(office.DOCX, pieces(office.docx()))
    assert words.of_refusal(failure.value.facts["refused"]).remedy_kind is words.RemedyKind.RESCAN


async def test_where_libreoffice_is_missing_the_file_is_held_with_the_reason(
    inspection: Inspection, tmp_path: Path
) -> None:
    """The real child, with the folder of LibreOffice hidden from it."""
    assert inspection.sandbox is not None
    hiding = tmp_path / "bwrap"
    hiding.write_text(
        "#!/bin/sh\n"
        'for word; do shift; [ "$word" = -- ] && [ -z "$seen" ] && { set -- "$@" --tmpfs /usr/lib/libreoffice; seen=1; }; '
        'set -- "$@" "$word"; done\n'
        f'exec {inspection.sandbox} "$@"\n'
    )
    hiding.chmod(0o700)
    lacking = Inspection(str(hiding))
    assert await lacking.programs() == {"recordings", "text"}
    with pytest.raises(InspectionFailed) as failure:
        await lacking.convert(office.DOCX, pieces(office.docx()))
    assert failure.value.facts["refused"] == "office-missing"
    assert "save the work as a pdf" in words.of_refusal("office-missing").remedy.lower()


def test_every_kind_that_is_taken_has_a_name_that_people_use() -> None:
    assert set(words.KINDS) == set(MEDIA_TYPES)
    assert all(kind in MEDIA_TYPES for kind in conversion.FILTERS)


async def test_the_profile_shuts_macros_and_links_off() -> None:
    settings = {(path.rpartition("/")[2], name): value for path, name, value in conversion._SETTINGS}
    assert settings["Scripting", "DisableMacrosExecution"] == "true"
    assert settings["Update", "Link"] in {"0", "1"}
