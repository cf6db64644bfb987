"""What a person reads of a file: one table, code → reason, remedy, and who has to act.

The child answers with codes only. Sentences stand here, so that no byte of a stranger's file ever becomes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class RemedyKind(StrEnum):
    """Who has to act on a held file."""

    REPLACE = "replace"
    """The centre: it sends another file."""
    RESCAN = "rescan"
    """Whoever runs the service: the file is inspected again once what was missing is there."""
    REVIEW = "review"
    """An officer of the awarding body: looks into it, and sends it to inspection again or has it replaced."""


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one code: why the file is held, what to do, and who does it."""

    reason: str
    remedy: str
    remedy_kind: RemedyKind = RemedyKind.REPLACE


CANNOT_OPEN = Words(
    "The file could not be opened safely.",
    "Open it on your computer, save it as a new file and upload that. If it happens again, ask the awarding body.",
)

REFUSALS: Mapping[str, Words] = {
    "empty": Words("The file is empty.", "Export the work again and upload the new file."),
    "unknown-type": Words(
        "The file is of a kind that is not known here.",
        "Save or export the work as a PDF, a JPEG, an MP3 or an MP4, and upload that.",
    ),
    "password": Words("The file is protected by a password.", "Remove the password and upload the file again."),
    "damaged": Words(
        "The file is damaged and cannot be opened.",
        "Open it on your computer, save it again and upload that.",
    ),
    "incomplete": Words(
        "The file is incomplete: its end is missing.", "Export the work again and upload the new file."
    ),
    "trailing-data": Words(
        "The file holds other data after its end.",
        "Print or export the work to a new PDF and upload that.",
    ),
    "too-large": Words(
        "The file has more pages or pixels than can be shown.",
        "Split it into several files, or save it at a lower resolution.",
    ),
    "too-heavy": Words(
        "The file takes more time or memory to open than a file may.",
        "Print or export the work to a new PDF, or split it into several files, and upload those. "
        "If it happens again, ask the awarding body.",
    ),
    "restricted": Words(
        "The PDF is locked against printing or copying, although it opens without a password.",
        "Print it to a new PDF, or save it without security, and upload that.",
    ),
    "two-readings": Words(
        "The PDF is built wrongly: two programs find different pages in it.",
        "Open it, print it to a new PDF and upload that.",
    ),
    "polyglot": Words(
        "The file is two kinds of file in one.",
        "Open it on your computer, save or print the work as a new file and upload that.",
    ),
    "archive-damaged": Words(
        "The file is damaged and cannot be unpacked.", "Open it on your computer, save it again and upload that."
    ),
    "archive-bomb": Words("The file unpacks to far more than it should.", "Save the work as a PDF and upload that."),
    "archive-names": Words("The file holds parts whose names are not safe.", "Save the work as a PDF and upload that."),
    "archive-overlap": Words(
        "The file is packed in a way that is not safe.", "Save the work as a PDF and upload that."
    ),
    "archive-links": Words("The file points to other files.", "Save the work as a PDF and upload that."),
    "text-script": Words(
        "The text file holds letters that cannot be drawn here.", "Save the text as a PDF and upload that."
    ),
    "no-text-font": Words(
        "Text files cannot be shown here at present.",
        "Save the text as a PDF and upload that, or ask the awarding body.",
        RemedyKind.RESCAN,
    ),
    "heic": Words(
        "This is a HEIC photo, as iPhones take them.",
        "On the phone or computer, export or save the photo as a JPEG and upload that.",
    ),
    "other-picture": Words(
        "This is a picture of a kind that cannot be shown here.", "Save it as a JPEG or PNG and upload that."
    ),
    "other-sound": Words(
        "This is a recording of a kind that cannot be played here.", "Save it as an MP3 or M4A file and upload that."
    ),
    "other-film": Words(
        "This is a film of a kind that cannot be played here.", "Save it as an MP4 file and upload that."
    ),
    "midi": Words("This is a MIDI file.", "Record it as an MP3 file, print the score to a PDF, and upload those."),
    "score": Words("This is a file of a music notation program.", "Print the score to a PDF and upload that."),
    "office": Words(
        "This is an office document of a kind that cannot be shown here.", "Save it as a PDF and upload that."
    ),
    "old-office": Words("This is a file of an older office program.", "Save it as a PDF and upload that."),
    "rtf": Words("This is a rich text (RTF) document.", "Save it as a PDF and upload that."),
    "apple-iwork": Words(
        "This is a Pages, Numbers or Keynote file, which opens on Apple computers only.",
        "In the program choose File, Export To, PDF, and upload the PDF.",
    ),
    "cloud-shortcut": Words(
        "This is only a link to a document on Google Drive: the work itself is not in it.",
        "Open the document, choose File, Download, PDF, and upload the PDF.",
    ),
    "shortcut": Words(
        "This is only a shortcut to a file or page: the work itself is not in it.",
        "Find the file that the shortcut opens and upload that.",
    ),
    "web-page": Words("This is a web page.", "Open it in a browser, print it to a PDF and upload that."),
    "web-archive": Words(
        "This is a saved web page or message.", "Open it on your computer, print it to a PDF and upload that."
    ),
    "email": Words("This is a saved e-mail.", "Open it, save what is attached to it, and upload that."),
    "contact": Words("This is a calendar or contact file.", "Upload the work itself."),
    "svg": Words("This is a vector drawing (SVG).", "Export it as a PDF or PNG and upload that."),
    "xml": Words("This is an XML data file.", "Print or export the work to a PDF and upload that."),
    "drawing": Words("This is a drawing program's own file.", "Export the drawing as a PDF and upload that."),
    "publisher": Words("This is a Microsoft Publisher file.", "Save it as a PDF and upload that."),
    "onenote": Words("This is a OneNote file.", "Print the pages to a PDF and upload that."),
    "xps": Words("This is an XPS document.", "Print it to a PDF and upload that."),
    "epub": Words("This is an e-book.", "Save the work as a PDF and upload that."),
    "djvu": Words("This is a DjVu document.", "Print it to a PDF and upload that."),
    "postscript": Words("This is a PostScript file.", "Save or print the work as a PDF and upload that."),
    "flash": Words(
        "This is a Flash film, which no browser plays any more.", "Record it as an MP4 film and upload that."
    ),
    "playlist": Words(
        "This is only a list of recordings: the recordings themselves are not in it.", "Upload the recordings."
    ),
    "database": Words("This is a database.", "Print its tables and reports to a PDF and upload that."),
    "font": Words("This is a font.", "Upload the work itself."),
    "zip": Words("This is a ZIP file, which holds other files.", "Unpack it and upload the files that it holds."),
    "archive": Words("This is an archive, which holds other files.", "Unpack it and upload the files that it holds."),
    "disk-image": Words("This is the image of a disk.", "Upload the files that it holds."),
    "program": Words(
        "This is a program. Programs are not taken.",
        "Record the program at work as an MP4 film, print its code to a PDF, and upload those.",
    ),
    "entities": Words(
        "The document holds definitions that could grow without end.", "Save the work as a PDF and upload that."
    ),
    "too-deep": Words("The document is nested too deeply to be read.", "Save the work as a PDF and upload that."),
    "office-disagrees": Words(
        "The document is not of the kind that it says it is.",
        "Open it on your computer, save it as a PDF and upload that.",
    ),
    "office-unreadable": Words(
        "The document could not be turned into pages.", "Open it on your computer, save it as a PDF and upload that."
    ),
    "office-too-large": Words(
        "The document took too long to turn into pages, or became too large.", "Save the work as a PDF and upload that."
    ),
    "office-missing": Words(
        "Office documents cannot be shown here: the program that turns them into pages is not installed.",
        "Save the work as a PDF and upload that, or wait until the awarding body has installed it.",
        RemedyKind.RESCAN,
    ),
    "no-sandbox": Words(
        "The file cannot be opened safely here: what shuts files in is not installed, or not allowed.",
        "Wait: the awarding body has to set it up. Nothing needs to be sent again.",
        RemedyKind.RESCAN,
    ),
    "media-missing": Words(
        "Sound and film cannot be made ready here: the program for it is not installed.",
        "Wait: the awarding body has to install it. Nothing needs to be sent again.",
        RemedyKind.RESCAN,
    ),
    "recording-locked": Words(
        "The recording is locked by a shop or a rental service.",
        "Send a recording that you made, as an MP4 or MP3 file.",
    ),
    "recording-empty": Words(
        "There is nothing to see or to hear in this recording.",
        "Play it on your computer, export it again and upload that.",
    ),
    "recording-codec": Words(
        "The recording is coded in a way that cannot be played here.",
        "Export it as an MP4 film (H.264 and AAC) or an MP3 file and upload that.",
    ),
    "recording-too-long": Words("The recording is longer than four hours.", "Cut it into parts and upload each part."),
    "recording-too-large": Words(
        "The picture of this film is larger than can be shown.", "Export it at 1080p (Full HD) and upload that."
    ),
    "recording-unreadable": Words(
        "The recording could not be played through to its end.",
        "Export it as an MP4 film or an MP3 file and upload that.",
    ),
}
"""What the child may refuse a file for."""

NOTES: Mapping[str, str] = {
    "blank": "This page seems to be blank.",
    "upside-down": "The text of this page stands upside down.",
    "sideways": "The text of this page runs sideways.",
    "javascript": "The PDF holds a script. It does not run here: only pictures of the pages are shown.",
    "launch": "The PDF asks to start a program. It does not do so here: only pictures of the pages are shown.",
    "attachments": "The PDF holds other files, which are not shown. Upload them by themselves if they belong to the work.",
    "xfa": "The PDF holds a form of a kind (XFA) that may not be shown in full. Check the pages.",
    "rich-media": "The PDF holds sound, film or 3D, which are not shown. Upload them by themselves if they belong to the work.",
    "submits-form": "The PDF holds a form that can be sent. It cannot be sent from here.",
    "imports-data": "The PDF asks to read other data. It does not do so here.",
    "other-documents": "The PDF points to other documents, which are not part of this file.",
    "opens-with-action": "The PDF does something when it is opened. It does not do so here.",
    "acts-by-itself": "The PDF does something while it is read. It does not do so here.",
    "links": "The work holds links. They cannot be followed from the pages shown.",
    "comments": "The PDF holds comments or notes that somebody added. Check that they are meant to be seen.",
    "phone-extras": "The phone added a second view or a short film to the photo. Only the photo is shown.",
    "camera-data": "The photo holds data of the camera, which are not shown.",
    "location": "The photo says where it was taken. The place is not shown.",
    "animated": "The picture moves. Only its first picture is shown.",
    "hidden-signs": "The text holds signs that are not seen or turn round what is read. They are marked.",
    "missing-signs": "The text holds signs that cannot be drawn. Boxes stand in their place.",
    "macros": "The document holds macros. They do not run here: only pictures of the pages are shown.",
    "outside-template": "The document asks for a template somewhere else. It was not fetched.",
    "outside-content": "The document shows things that lie somewhere else. They were not fetched and may be missing here.",
    "dde": "The document asks to start or to ask another program. It does not do so here.",
    "embedded-object": "The document holds other documents. Only what the page shows of them is seen: upload them by themselves "
    "if they belong to the work.",
    "recording-inside": "The document holds sound or film, not played here. Upload it by itself if it belongs to the work.",
    "strange-part": "The document holds a part of an unknown kind, which is not shown.",
    "margin-comments": "The document holds comments. They are shown in the margin or on pages of their own.",
    "tracked-changes": "The document holds tracked changes. They are shown as such: accept or reject them if they should not be.",
    "hidden-parts": "The document holds hidden text, sheets or slides, not shown. Unhide them if they belong to the work.",
    "fonts-substituted": "The document uses fonts that are not here. Lines and pages may break elsewhere: a PDF keeps them.",
    "no-sound": "The film has no sound.",
    "silent": "Nothing can be heard in this recording. Check that the microphone was on.",
    "black": "Nothing can be seen in this film: its picture is black.",
    "ends-early": "The recording ends earlier than it says. Check that all of it is there.",
    "converted": "The recording was made anew so that every browser plays it.",
}
"""What the child may note about a file or one of its pages, and a person should see; none of it holds the file."""


HOLDS: Mapping[str, Words] = {
    "store-damaged": Words(
        "What arrived in the store is not what you sent.",
        "Upload the file again. If it happens twice, tell the awarding body.",
    ),
    "differs": Words("What arrived differs from the file on your computer.", "Upload the file again."),
    "duplicate": Words(
        "The same file is already here for this candidate.", "You need do nothing; the first copy counts."
    ),
    "virus": Words(
        "The virus scanner found something harmful in this file. Nobody can open it here.",
        "Scan your computer for viruses. Make the file anew, for example by exporting the work again, and upload that.",
    ),
    "scan-limits": Words(
        "The virus scanner could not look into all of this file: it is locked, or packed too deeply.",
        "The awarding body looks into it. If time presses, save the work as a PDF without a password and upload that.",
        RemedyKind.REVIEW,
    ),
    "scan-failed": Words(
        "The file could not be scanned for viruses, because the scanner does not work at present.",
        "You need do nothing: the file is scanned again as soon as the scanner works.",
        RemedyKind.RESCAN,
    ),
    "not-finished": Words(
        "The file could not be checked, although it was tried several times.",
        "The awarding body looks into it. If time presses, save the work as a new file and upload that.",
        RemedyKind.REVIEW,
    ),
}
"""What a file may be held or rejected for that is not the child's finding."""


SCANS: Mapping[str, str] = {
    "none": "Not virus-scanned: no scanner was set up on this service when the file came.",
    "partial": "Only the beginning was scanned for viruses: the file is too large for the scanner.",
}
"""What is said of a released file that was not scanned, or not all of it."""


def of_notes(codes: Iterable[str]) -> tuple[str, ...]:
    """Return the sentences of notes; codes that are not in the table are left out."""
    return tuple(NOTES[code] for code in codes if code in NOTES)


KINDS: Mapping[str, str] = {
    "application/pdf": "a PDF",
    "image/jpeg": "a JPEG picture",
    "image/png": "a PNG picture",
    "image/gif": "a GIF picture",
    "image/webp": "a WebP picture",
    "image/tiff": "a TIFF picture",
    "image/bmp": "a BMP picture",
    "text/plain": "plain text",
    "audio/wav": "a WAV recording",
    "audio/mpeg": "an MP3 recording",
    "audio/mp4": "an M4A recording",
    "audio/ogg": "an Ogg recording",
    "audio/flac": "a FLAC recording",
    "audio/aac": "an AAC recording",
    "audio/aiff": "an AIFF recording",
    "audio/amr": "an AMR recording",
    "video/mp4": "an MP4 film",
    "video/quicktime": "a QuickTime film",
    "video/3gpp": "a 3GP film",
    "video/webm": "a WebM film",
    "video/x-matroska": "a Matroska film",
    "video/x-msvideo": "an AVI film",
    "video/x-ms-asf": "a Windows Media recording",
    "video/mpeg": "an MPEG film",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "a Word document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "an Excel workbook",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "a PowerPoint presentation",
    "application/vnd.ms-word.document.macroenabled.12": "a Word document with macros",
    "application/vnd.ms-excel.sheet.macroenabled.12": "an Excel workbook with macros",
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": "a PowerPoint presentation with macros",
    "application/vnd.oasis.opendocument.text": "an OpenDocument text",
    "application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet",
    "application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation",
}
"""What people call each media type."""


def of_refusal(code: str) -> Words:
    """Return the sentences of a refusal; a code that is not in the table means that the file cannot be opened."""
    return REFUSALS.get(code, CANNOT_OPEN)
