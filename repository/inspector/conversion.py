"""Office documents become PDFs by LibreOffice, in the sandbox in which this child itself runs.

LibreOffice gets a profile of its own for each document, in the private folder that vanishes with the child: nothing of one
document is there for the next, and no setting of the machine is used. Macros never run, links are never followed, Java
and extensions are off; that there is no network, no home and no other file is the sandbox's doing.
"""

from __future__ import annotations

import subprocess  # nosec B404 - a fixed program with our own arguments
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from . import fonts
from .archives import Archive
from .findings import Refused
from .frames import Frame

PROGRAM = Path("/usr/lib/libreoffice/program/soffice.bin")
WANTS_A_SECOND_START = 81
"""What LibreOffice answers when it has made a new profile and wants to be started again."""
STARTS = 3
CANNOT_START = frozenset((126, 127))
"""What a program answers when it, or a library that it needs, is not there."""
SECONDS = 90
PIECE_BYTES = 1024 * 1024
XML_LIMIT_BYTES = 128 * 1024 * 1024
PDF_LIMIT_BYTES = 200 * 1024 * 1024


class Filters(NamedTuple):
    """By which filters LibreOffice reads and writes a kind: never guessed from what the file says it is."""

    ending: str
    reads: str
    writes: str


_WRITER, _CALC, _IMPRESS = "writer_pdf_Export", "calc_pdf_Export", "impress_pdf_Export"
_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
FILTERS: dict[str, Filters] = {
    _OOXML + "wordprocessingml.document": Filters("docx", "MS Word 2007 XML", _WRITER),
    "application/vnd.ms-word.document.macroenabled.12": Filters("docm", "MS Word 2007 XML VBA", _WRITER),
    _OOXML + "spreadsheetml.sheet": Filters("xlsx", "Calc MS Excel 2007 XML", _CALC),
    "application/vnd.ms-excel.sheet.macroenabled.12": Filters("xlsm", "Calc MS Excel 2007 VBA XML", _CALC),
    _OOXML + "presentationml.presentation": Filters("pptx", "Impress MS PowerPoint 2007 XML", _IMPRESS),
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": Filters(
        "pptm", "Impress MS PowerPoint 2007 XML VBA", _IMPRESS
    ),
    _ODF + "text": Filters("odt", "writer8", _WRITER),
    _ODF + "spreadsheet": Filters("ods", "calc8", _CALC),
    _ODF + "presentation": Filters("odp", "impress8", _IMPRESS),
}

_SETTINGS = (
    ("org.openoffice.Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("org.openoffice.Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("org.openoffice.Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("org.openoffice.Office.Common/Security/Scripting", "CheckDocumentEvents", "true"),
    ("org.openoffice.Office.Writer/Content/Update", "Link", "0"),  # 0 is never
    ("org.openoffice.Office.Writer/Content/Update", "Field", "false"),
    ("org.openoffice.Office.Calc/Content/Update", "Link", "1"),  # 1 is never
    ("org.openoffice.Office.Java/VirtualMachine", "Enable", "false"),
    ("org.openoffice.Office.Common/Misc", "UseOpenCL", "false"),
    ("org.openoffice.Office.Common/Misc", "FirstRun", "false"),
    ("org.openoffice.Setup/Office", "ooSetupInstCompleted", "true"),
)


def pdf(data: bytes, kind: str) -> Iterator[Frame]:
    """Give the bytes of a PDF of an office document, in pieces.

    Raises: ``Refused`` when LibreOffice cannot read it, or takes more time or room than a document may.
    """
    filters = FILTERS[kind]
    with tempfile.TemporaryDirectory(prefix="office-") as name:
        room = Path(name)
        source = room / f"work.{filters.ending}"
        source.write_bytes(data)
        _prepare_profile(room / "profile")
        _run(room, source, filters, notes=_has_speakers_notes(data))
        target = room / "out" / "work.pdf"
        if not target.is_file() or target.stat().st_size == 0:
            raise Refused("office-unreadable")
        if target.stat().st_size > PDF_LIMIT_BYTES:
            raise Refused("office-too-large")
        if fonts.substituted(data, kind):
            yield b"N", b'{"code": "fonts-substituted"}'
        with target.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield b"M", piece


def _has_speakers_notes(data: bytes) -> bool:
    """Return whether a presentation has notes: then each slide gets a page with its own."""
    names = Archive(data).names()
    if "content.xml" in names:
        return b"presentation:notes" in Archive(data).read("content.xml", XML_LIMIT_BYTES)
    return any(name.startswith("ppt/notesSlides/") for name in names)


def _prepare_profile(profile: Path) -> None:
    items = "".join(
        f'<item oor:path="/{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
        for path, name, value in _SETTINGS
    )
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<oor:items xmlns:oor="http://openoffice.org/2001/registry" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"{items}</oor:items>\n",
        encoding="utf-8",
    )


def _run(room: Path, source: Path, filters: Filters, *, notes: bool) -> None:
    # Comments of a teacher in the margin, and what a speaker would say, are part of the work.
    options = (
        '{"ExportNotesInMargin":{"type":"boolean","value":"true"},'
        f'"ExportNotesPages":{{"type":"boolean","value":"{str(notes).lower()}"}},'
        '"ExportNotes":{"type":"boolean","value":"false"},'
        '"ExportFormFields":{"type":"boolean","value":"false"},'
        '"ReduceImageResolution":{"type":"boolean","value":"true"},'
        '"MaxImageResolution":{"type":"long","value":"150"}}'
    )
    command = [
        str(PROGRAM), "--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck", "--nofirststartwizard",
        f"-env:UserInstallation={(room / 'profile').as_uri()}",
        f"--infilter={filters.reads}", "--convert-to", f"pdf:{filters.writes}:{options}",
        "--outdir", str(room / "out"), str(source),
    ]  # fmt: skip
    environment = _environment(room)
    for _ in range(STARTS):
        status = _status(command, environment)
        if status != WANTS_A_SECOND_START:
            break
    if status in CANNOT_START:
        raise Refused("office-missing")
    if status != 0:
        raise Refused("office-unreadable")


def _status(command: list[str], environment: dict[str, str]) -> int:
    try:
        return subprocess.run(  # noqa: S603  # nosec B603
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired as error:
        raise Refused("office-too-large") from error
    except (FileNotFoundError, PermissionError) as error:
        raise Refused("office-missing") from error


def works() -> bool:
    """Return whether LibreOffice is here and can be started."""
    with tempfile.TemporaryDirectory(prefix="office-") as name:
        profile = (Path(name) / "profile").as_uri()
        try:
            return (
                _status(
                    [str(PROGRAM), "--headless", f"-env:UserInstallation={profile}", "--version"],
                    _environment(Path(name)),
                )
                == 0
            )
        except Refused:
            return False


def _environment(room: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(room), "SAL_USE_VCLPLUGIN": "svp"}
