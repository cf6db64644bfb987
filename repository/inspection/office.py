"""Office documents: the child turns one into a PDF, which is a stranger's again and goes through inspection as any other."""

from __future__ import annotations

from collections.abc import AsyncIterator

from repository.errors import InspectionFailed
from repository.inspection import frames, words
from repository.inspection.children import CHILD, Limits
from repository.inspection.inspecting import Inspection
from repository.inspection.words import Words

MEDIA_TYPES = frozenset(
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.ms-word.document.macroenabled.12",
        "application/vnd.ms-excel.sheet.macroenabled.12",
        "application/vnd.ms-powerpoint.presentation.macroenabled.12",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
    )
)
"""Types that are shown as the pages of a PDF made of them."""

LIMITS = Limits(
    cpu_seconds=60,
    wall_seconds=150,
    address_space_bytes=2 * 1024**3,
    file_size_bytes=256 * 1024**2,
    open_files=256,
    scratch_bytes=768 * 1024**2,
    also_shown=("/etc/fonts", "/etc/libreoffice", "/var/cache/fontconfig"),
)
PDF_LIMIT_BYTES = 200 * 1024**2


class Pdf:
    """The PDF of an office document, or why there is none. It is in memory: up to ``PDF_LIMIT_BYTES``."""

    def __init__(self) -> None:
        self.content = b""
        self.why_not: Words | None = None
        self.notes: tuple[str, ...] = ()

    async def read(self) -> AsyncIterator[bytes]:
        """Give the PDF in pieces, as often as it is asked for."""
        for start in range(0, len(self.content), 256 * 1024):
            yield self.content[start : start + 256 * 1024]


async def convert(inspection: Inspection, media_type: str, content: AsyncIterator[bytes]) -> Pdf:
    """Return the PDF of an office document, which nobody has inspected yet, or the words that hold it.

    Without a sandbox nothing is converted: LibreOffice would have a network and files.
    """
    made = Pdf()
    if inspection.sandbox is None:
        made.why_not = words.of_refusal("no-sandbox")
        return made
    pieces: list[bytes] = []
    notes: list[str] = []
    asked = [*CHILD, "convert", "--kind", media_type]
    try:
        async with inspection.frames(asked, content, PDF_LIMIT_BYTES, LIMITS) as found:
            async for letter, payload in found:
                if letter == b"M":
                    pieces.append(payload)
                elif letter == b"N":
                    code, _, facts = frames.note_of(payload)
                    if code == "refused":
                        made.why_not = words.of_refusal(str(facts.get("why")))
                    elif frames.is_note(code):
                        notes.append(code)
    except InspectionFailed as error:
        cut_short = error.facts.get("cause") in {"timeout", "output"}
        made.why_not = made.why_not or words.of_refusal("office-too-large" if cut_short else "office-unreadable")
        return made
    made.content, made.notes = b"".join(pieces), tuple(dict.fromkeys(notes))
    return made
