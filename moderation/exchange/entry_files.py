"""Entry and amendment files (E, A): the candidates of one centre and the options they are entered for.

Source: JCQ formats, version 14: record 5, status to ULN in columns 3–95, twelve slots of seven from column 109.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from moderation.entries import (
    Series,
    check_candidate_number,
    check_centre_number,
    check_uci,
    check_uln,
    check_upn,
)
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.names import NAME_LIMIT_CHARACTERS, NameTooLong, file_form, shortened, to_ascii
from moderation.exchange.records import (
    EdiFile,
    Field,
    Findings,
    Record,
    compose,
    file_name,
    read_date,
    read_frame,
    write_date,
    write_file,
)

SLOTS = 12
_F = {
    name: Field(name.replace("_", " "), first, last)
    for name, first, last in (
        ("status", 3, 3), ("centre_number", 4, 8), ("candidate_number", 9, 12), ("name", 13, 52), ("sex", 53, 53),
        ("born_on", 54, 59), ("uci", 60, 72), ("upn", 73, 85), ("uln", 86, 95),
    )
}  # fmt: skip
_SLOTS = tuple(Field(f"option {k}", 109 + 7 * (k - 1), 114 + 7 * (k - 1)) for k in range(1, SLOTS + 1))
_FLAGS = tuple(Field(f"flag of {slot.name}", slot.last + 1, slot.last + 1) for slot in _SLOTS)
RECORDS_LIMIT = 5
"""The most records of one candidate: nobody sits 60 options, and what is compared pair by pair needs a bound."""


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """One candidate with all options; ``line`` is where the file named the candidate first.

    ``flags`` are the characters that stand behind the options, one for each, or none where all are blank: what they
    mean is not public, so they are kept and not read. ``places`` are line and slot (from 0) of each option.
    """

    candidate_number: str
    surname: str
    forenames: str
    uci: str
    options: tuple[str, ...]
    sex: str = ""
    born_on: date | None = None
    upn: str = ""
    uln: str = ""
    status: str = "C"
    line: int = field(default=0, compare=False)
    flags: tuple[str, ...] = ()
    places: tuple[tuple[int, int], ...] = field(default=(), compare=False)

    def place_of(self, option: int) -> tuple[int, Field]:
        """Return line and field of an option, by its position from 0."""
        line, slot = self.places[option] if self.places else (self.line, min(option, SLOTS - 1))
        return line, _SLOTS[slot]


@dataclass(frozen=True, slots=True)
class EntryFile:
    """A whole entry (``E``) or amendment (``A``) file of one centre."""

    kind: str
    name: str
    sha256: str
    size_bytes: int
    series: Series
    centre_number: str
    sequence: int
    entries: tuple[EntryRecord, ...]
    warnings: tuple[Fault, ...]


def read_entries(name: str, data: bytes) -> EntryFile:
    """Read an entry or amendment file; continuation records of a candidate are joined.

    Raises: ``FileRefused`` with every fault, each with its line, columns and field. No text of a fault names a person.
    """
    findings = Findings(name)
    edi = read_frame(name, data, "EA", findings)
    if edi is None:
        findings.refuse_if_any()
        raise AssertionError("a file without a frame has a fault")
    order: list[str] = []
    joined: dict[str, EntryRecord] = {}
    records: dict[str, int] = defaultdict(int)
    previous = ""
    for record in edi.records:
        read = _read_record(record, edi, findings)
        if read is None:
            continue
        number = read.candidate_number
        known = joined.get(number)
        records[number] += 1
        if known is None:
            order.append(number)
            joined[number] = read
        elif number == previous and _identity(known) == _identity(read):
            if records[number] <= RECORDS_LIMIT:
                joined[number] = _joined(known, read)
            else:
                findings.error(
                    "too-many-options", record.line, _SLOTS[0],
                    f"The candidate has more than {RECORDS_LIMIT} records of {SLOTS} options.", "Check the entries.",
                )  # fmt: skip
        else:
            findings.error(
                "duplicate-candidate", record.line, _F["candidate_number"],
                f"The candidate number stands on line {known.line} too, and this is no record that continues it.",
                "Each candidate of a centre has one number.",
            )  # fmt: skip
        previous = number
    for number in order:
        _check_options(joined[number], findings)
    findings.refuse_if_any()
    entries = tuple(joined[number] for number in order)
    return EntryFile(
        edi.letter,
        name,
        edi.sha256,
        edi.size_bytes,
        edi.series,
        edi.centre_number,
        edi.sequence,
        entries,
        tuple(findings.warnings),
    )


def write_entries(
    series: Series,
    centre_number: str,
    entries: Sequence[EntryRecord],
    *,
    written_on: date,
    sequence: int = 1,
    kind: str = "E",
    postcode: str = "ZZ99 9ZZ",
    confirmed_names: Mapping[str, str] | None = None,
) -> tuple[str, bytes]:
    """Return name and content of an entry or amendment file, which our own reader has read back.

    Takes: ``confirmed_names``, by candidate number the shorter field ``SURNAME:Forenames`` that a person confirmed.
    Raises: ``ValueError`` naming a value the format cannot carry: nothing is cut and nothing replaced;
    ``NameTooLong`` with the shortening that is proposed.
    """
    records: list[str] = []
    check_centre_number(centre_number)
    for entry in entries:
        check_candidate_number(entry.candidate_number)
        if entry.status not in {"C", "P"} or entry.sex not in {"", "M", "F"}:
            raise ValueError(f"status or sex of candidate {entry.candidate_number} is not one that the file knows")
        if entry.upn:
            check_upn(entry.upn)
        name = (confirmed_names or {}).get(entry.candidate_number) or file_form(entry.surname, entry.forenames)
        if len(name) > NAME_LIMIT_CHARACTERS:
            raise NameTooLong(entry.candidate_number, len(name), shortened(name))
        for start in range(0, max(len(entry.options), 1), SLOTS):
            values = [
                (_F["status"], entry.status),
                (_F["centre_number"], centre_number),
                (_F["candidate_number"], entry.candidate_number),
                (_F["name"], to_ascii(name)),
                (_F["sex"], entry.sex),
                (_F["born_on"], write_date(entry.born_on)),
                (_F["uci"], entry.uci),
                (_F["upn"], entry.upn),
                (_F["uln"], entry.uln),
                *zip(_SLOTS, entry.options[start : start + SLOTS], strict=False),
                *zip(_FLAGS, entry.flags[start : start + SLOTS], strict=False),
            ]
            records.append(compose(kind, values))
    content = write_file(
        kind,
        series,
        sender=centre_number,
        sequence=sequence,
        records=records,
        written_on=written_on,
        postcode=postcode,
        centres=1,
    )
    file = file_name(kind, centre_number, series.awarding_body, sequence)
    try:
        read_entries(file, content)
    except FileRefused as refused:
        raise ValueError(f"the file could not be read back: {refused.faults[0]}") from refused
    return file, content


def _read_record(record: Record, edi: EdiFile, findings: Findings) -> EntryRecord | None:
    text = {name: place.of(record.text) for name, place in _F.items()}
    before = findings.total
    if text["status"] not in {"C", "P"}:
        findings.error("status", record.line, _F["status"], "The status is not C or P.", "Check the field.")
    if text["centre_number"] != edi.centre_number:
        findings.error(
            "other-centre", record.line, _F["centre_number"], "The centre number differs from the file's.",
            "A file holds the entries of one centre.",
        )  # fmt: skip
    number = text["candidate_number"]
    try:
        check_candidate_number(number)
    except ValueError as error:
        findings.error("candidate-number", record.line, _F["candidate_number"], f"Here, {error}.", "Check the field.")
    surname, colon, forenames = text["name"].partition(":")
    if not surname:
        findings.error("name", record.line, _F["name"], "The name is missing.", "Names are SURNAME:Forenames.")
    elif not colon:
        findings.warn("name", record.line, _F["name"], "The name has no colon; all of it is read as the surname.", "")
    for name, check in (("uci", check_uci), ("uln", check_uln)):
        if text[name]:
            try:
                check(text[name])
            except ValueError as error:
                findings.error(
                    name, record.line, _F[name], f"Of the {name.upper()}, {error}.", "Check it was typed right."
                )
    if text["sex"] not in {"", "M", "F"}:
        findings.warn("sex", record.line, _F["sex"], "The field is neither M nor F; it is kept as it is.", "")
    if text["upn"]:
        try:
            check_upn(text["upn"])
        except ValueError as error:
            findings.warn("upn", record.line, _F["upn"], f"Of the UPN, {error}.", "Check it was typed right.")
    born_on = None
    try:
        born_on = read_date(text["born_on"], pivot=edi.series.year)
    except ValueError:
        findings.error(
            "not-a-date", record.line, _F["born_on"], "The birth date is not a date DDMMYY.", "Check the field."
        )
    if findings.total > before:
        return None
    taken = [(slot, place.of(record.text)) for slot, place in enumerate(_SLOTS)]
    taken = [(slot, code) for slot, code in taken if code]
    flags = tuple(_FLAGS[slot].of(record.text) for slot, _ in taken)
    return EntryRecord(
        number,
        surname,
        forenames,
        text["uci"].upper(),
        tuple(code for _, code in taken),
        text["sex"],
        born_on,
        text["upn"],
        text["uln"],
        text["status"],
        record.line,
        flags if any(flags) else (),
        tuple((record.line, slot) for slot, _ in taken),
    )


def _identity(entry: EntryRecord) -> tuple[str, str, str]:
    return entry.surname, entry.forenames, entry.uci


def _joined(first: EntryRecord, more: EntryRecord) -> EntryRecord:
    flags = tuple(flag for one in (first, more) for flag in (one.flags or ("",) * len(one.options)))
    return replace(
        first,
        options=first.options + more.options,
        flags=flags if any(flags) else (),
        places=first.places + more.places,
    )


def _check_options(entry: EntryRecord, findings: Findings) -> None:
    if not entry.options:
        findings.warn("no-options", entry.line, _SLOTS[0], "The candidate is entered for nothing.", "")
    seen: set[str] = set()
    for position, code in enumerate(entry.options):
        if code in seen:
            findings.error(
                "duplicate-option", *entry.place_of(position), f"Option {code} is entered twice.",
                "Remove one of the two.",
            )  # fmt: skip
        seen.add(code)
