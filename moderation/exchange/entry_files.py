"""Entry and amendment files (E, A): the candidates of one centre and the options they are entered for.

Source: JCQ formats, version 14: record 5, status to ULN in columns 3–95, twelve slots of seven from column 109.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from itertools import combinations

from moderation.entries import (
    Series,
    SubmissionMode,
    check_candidate_number,
    check_centre_number,
    check_uci,
    check_uln,
)
from moderation.exchange.basedata import Option, SeriesBasedata
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.records import (
    EdiFile,
    Field,
    Findings,
    Record,
    compose,
    file_name,
    read_date,
    read_file,
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
TRANSLITERATION: Mapping[str, str] = {
    "ß": "ss",
    "ø": "o",
    "Ø": "O",
    "æ": "ae",
    "Æ": "AE",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "‘": "'",
    "’": "'",
}
"""What accents alone do not explain; everything else loses its accents by Unicode decomposition."""


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
    edi = read_file(name, data, "EA")
    findings = Findings(name)
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
    warnings = (*edi.warnings, *findings.warnings)
    return EntryFile(
        edi.letter, name, edi.sha256, edi.size_bytes, edi.series, edi.centre_number, edi.sequence, entries, warnings
    )


def check_entries(
    entry_file: EntryFile,
    basedata: SeriesBasedata,
    *,
    confirmed_modes: Mapping[str, SubmissionMode] | None = None,
) -> list[Fault]:
    """Hold an entry file against the series it is for.

    Takes: ``confirmed_modes``, submission mode by option code where an officer has confirmed it; for the other options
    the title's proposal counts.
    Returns: the first faults: options that do not exist, disallowed pairs, and candidates of one unit entered under
    different submission modes at this centre (one unit × one centre × one series = one mode).
    Source: OCR, https://support.ocr.org.uk/hc/en-gb/articles/5826606521106
    """
    findings = Findings(entry_file.name)
    used: dict[tuple[str, ...], dict[SubmissionMode, tuple[int, Field]]] = defaultdict(dict)
    is_disallowed = _disallowed_in(basedata)
    for entry in entry_file.entries:
        known: list[tuple[str, tuple[int, Field]]] = []
        for position, code in enumerate(entry.options):
            option = basedata.option_by_code.get(code)
            line, where = entry.place_of(position)
            if option is None:
                findings.error(
                    "unknown-option", line, where, f"Option {code} does not exist in {basedata.series.title}.",
                    "Check the code against the awarding body's basedata.",
                )  # fmt: skip
                continue
            known.append((code, (line, where)))
            mode = (confirmed_modes or {}).get(code, option.proposed_mode)
            unit = _unit_of(option)
            if unit is not None and mode in _TRAVELLING:
                used[unit].setdefault(mode, (line, where))
        for (first, _), (second, (line, where)) in combinations(known, 2):
            if is_disallowed(first, second):
                findings.error(
                    "disallowed-pair", line, where, f"Options {first} and {second} may not be taken together.",
                    "Withdraw one of the two.",
                )  # fmt: skip
    for unit, modes in used.items():
        if len(modes) > 1:
            line, where = max(modes.values(), key=lambda place: place[0])
            names = " and ".join(sorted(mode.lower() for mode in modes))
            findings.error(
                "mixed_submission_mode", line, where,
                f"Candidates for {unit[0]} are entered under different ways of submission: {names}.",
                "All candidates of a unit at a centre share one way of submission. Enter all for the same option.",
            )  # fmt: skip
    return findings.errors


_TRAVELLING = frozenset({SubmissionMode.UPLOAD, SubmissionMode.POSTAL, SubmissionMode.VISIT})


def _unit_of(option: Option) -> tuple[str, ...] | None:
    """Return what options of one unit share, or ``None`` for a unit that basedata does not tell from its siblings.

    Where the syllabus of a unit option is the unit itself, the option's code continues the syllabus code (measured:
    all 515 unit options of June 2017 whose title names a mode). Units that share a syllabus may differ in mode.
    """
    if option.exam_item == "U" and not option.code.startswith(option.syllabus_code or " "):
        return None
    return option.syllabus_code, option.qualification, option.level


def _disallowed_in(basedata: SeriesBasedata) -> Callable[[str, str], bool]:
    """Return the test of two options; each pair is held against all disallowed pairs once."""

    @cache
    def is_disallowed(first: str, second: str) -> bool:
        return any(pair.matches(first, second) for pair in basedata.disallowed)

    return is_disallowed


def write_entries(
    series: Series,
    centre_number: str,
    entries: Sequence[EntryRecord],
    *,
    written_on: date,
    sequence: int = 1,
    kind: str = "E",
    postcode: str = "ZZ99 9ZZ",
) -> tuple[str, bytes]:
    """Return name and content of an entry or amendment file, which our own reader has read back.

    Raises: ``ValueError`` naming a value the format cannot carry: nothing is cut and nothing replaced.
    """
    records: list[str] = []
    check_centre_number(centre_number)
    for entry in entries:
        check_candidate_number(entry.candidate_number)
        for start in range(0, max(len(entry.options), 1), SLOTS):
            values = [
                (_F["status"], entry.status),
                (_F["centre_number"], centre_number),
                (_F["candidate_number"], entry.candidate_number),
                (_F["name"], to_ascii(f"{entry.surname}:{entry.forenames}")),
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
    name = file_name(kind, centre_number, series.awarding_body, sequence)
    try:
        read_entries(name, content)
    except FileRefused as refused:
        raise ValueError(f"the file could not be read back: {refused.faults[0]}") from refused
    return name, content


def to_ascii(text: str) -> str:
    """Return a name as the file can carry it, by a fixed table; raises ``ValueError`` for what the table lacks."""
    plain = "".join(TRANSLITERATION.get(c, c) for c in text)
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    if not plain.isascii():
        missing = next(c for c in plain if not c.isascii())
        raise ValueError(f"the character U+{ord(missing):04X} has no ASCII form in the published table")
    return plain


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
