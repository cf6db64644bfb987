"""For what receipts are given, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ReceiptKind(StrEnum):
    """What a receipt says was done."""

    MARKS_SUBMITTED = "marks-submitted"
    SAMPLE_SUBMITTED = "sample-submitted"
    LATE_FILE = "late-file"
    """A file that was received after the sample was due, or after it had been submitted once."""
    DOCUMENT_WITHDRAWN = "document-withdrawn"
    FILES_MOVED = "files-moved"
    """Files that were put into another place: of another candidate, or of another kind."""
    SAMPLE_WITHDRAWN = "sample-withdrawn"
    """The centre asked for its submitted sample back and was given it."""
    PARCEL_DESPATCHED = "parcel-despatched"
    PACKETS_DESPATCHED = "packets-despatched"
    CUSTODY = "custody"
    """A certificate: what is known of a script, or of all scripts of a sitting, at the moment of asking."""
    SCRIPTS_DESTROYED = "scripts-destroyed"
    """A certificate: which scans or papers of a sitting were destroyed, by whom, and which were kept and why."""


TITLES: Mapping[str, str] = {
    ReceiptKind.MARKS_SUBMITTED: "Marks submitted",
    ReceiptKind.SAMPLE_SUBMITTED: "Sample submitted",
    ReceiptKind.LATE_FILE: "Late file received",
    ReceiptKind.DOCUMENT_WITHDRAWN: "File withdrawn",
    ReceiptKind.FILES_MOVED: "Files moved",
    ReceiptKind.SAMPLE_WITHDRAWN: "Sample given back",
    ReceiptKind.PARCEL_DESPATCHED: "Parcel posted",
    ReceiptKind.PACKETS_DESPATCHED: "Packets of scripts handed over",
    ReceiptKind.CUSTODY: "Certificate of custody",
    ReceiptKind.SCRIPTS_DESTROYED: "Certificate of destruction",
}
SENTENCES: Mapping[str, str] = {
    ReceiptKind.MARKS_SUBMITTED: "The marks were submitted.",
    ReceiptKind.SAMPLE_SUBMITTED: "The sample was submitted.",
    ReceiptKind.LATE_FILE: "A late file was received.",
    ReceiptKind.DOCUMENT_WITHDRAWN: "A file was withdrawn.",
    ReceiptKind.FILES_MOVED: "Files were put into another place.",
    ReceiptKind.SAMPLE_WITHDRAWN: "The submitted sample was given back to the centre.",
    ReceiptKind.PARCEL_DESPATCHED: "A parcel was recorded as posted.",
    ReceiptKind.PACKETS_DESPATCHED: "Packets of scripts were recorded as handed over.",
    ReceiptKind.CUSTODY: "A certificate of custody was made.",
    ReceiptKind.SCRIPTS_DESTROYED: "Scripts were destroyed at the end of the time for which they are kept.",
}
"""What was done, as a sentence of a letter."""


def title_of(kind: str) -> str:
    """Return the words for a kind; those of one that this version does not know are plain."""
    return TITLES.get(kind, "Receipt")
