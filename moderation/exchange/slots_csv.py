"""The evidence slots of components as CSV, a format of this project: a component's rows are all the slots it has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from moderation.entries import Series
from moderation.errors import SlotsInvalid
from moderation.exchange.csv_text import Findings, Row, read_table, whole_number, write_table
from moderation.exchange.reference_csv import ReferenceFile
from moderation.slots import Slot, SlotScope, check_slots

SLOT_COLUMNS = ("series", "component", "slot", "title", "hint", "required", "scope", "types", "max_mb")
MEGABYTE = 1024 * 1024
_COMPONENT = re.compile(r"[A-Z0-9][A-Z0-9/_.*-]{0,11}")
_SLOT = re.compile(r"[a-z][a-z0-9-]{0,62}")


def read_slots_csv(
    name: str, data: bytes, *, series: Series, type_words: Mapping[str, str]
) -> ReferenceFile[tuple[str, Slot]]:
    """Return the slots of components, each with its component code, in the order of the file.

    Takes: ``type_words``, what may stand in ``types`` (such as ``pdf``) → the media type meant. A blank ``types`` takes
    whatever the service takes, a blank ``max_mb`` what it takes at most, a blank ``scope`` is the candidate's own.
    Raises: ``FileRefused`` with every fault.
    """
    findings = Findings(name)
    table = read_table(data, findings, columns=SLOT_COLUMNS, optional={"hint", "scope", "types", "max_mb"})
    rows: list[tuple[str, Slot]] = []
    first_lines: dict[str, int] = {}
    for row in table.rows:
        if row["series"].strip() not in {series.key, series.label}:
            message = "The row is of another series."
            findings.error("wrong-series", row.line, "series", message, f"Expected {series.key}.")
        code = _matching(row, "component", _COMPONENT, findings, "Enter the code as the basedata has it.")
        slot = _matching(row, "slot", _SLOT, findings, "Enter a short name in small letters, such as log-book.")
        one = _slot(row, slot or "", type_words, findings)
        if code is not None and slot is not None and one is not None:
            first_lines.setdefault(code, row.line)
            rows.append((code, one))
    for code, line in first_lines.items():
        try:
            check_slots([one for of, one in rows if of == code])
        except SlotsInvalid as invalid:
            findings.error("slots-invalid", line, "slot", f"Of component {code}: {invalid.detail}", "Put it right.")
    findings.refuse_if_any()
    return ReferenceFile(tuple(rows), findings.warnings)


def write_slots_csv(
    rows: Iterable[tuple[str, Slot]], *, series: Series, type_words: Mapping[str, str], bom: bool = True
) -> bytes:
    """Return slots as a file that ``read_slots_csv`` reads back; sizes are written in whole megabytes."""
    words: dict[str, str] = {}
    for word, media_type in type_words.items():
        words.setdefault(media_type, word)
    lines: list[Mapping[str, str | int | None]] = [
        {
            "series": series.key,
            "component": code,
            "slot": one.slot,
            "title": one.title,
            "hint": one.hint,
            "required": "yes" if one.required else "no",
            "scope": one.scope.value.lower(),
            "types": " ".join(words[media_type] for media_type in one.media_types),
            "max_mb": None if one.max_bytes is None else one.max_bytes // MEGABYTE,
        }
        for code, one in rows
    ]
    return write_table(SLOT_COLUMNS, lines, numeric={"max_mb"}, bom=bom)


def _slot(row: Row, slot: str, type_words: Mapping[str, str], findings: Findings) -> Slot | None:
    before = findings.total
    title, hint = row["title"].strip(), row["hint"].strip()
    if not 1 <= len(title) <= 80:
        message = "The title is blank or has over 80 characters."
        findings.error("title-invalid", row.line, "title", message, "Enter what a teacher calls this file.")
    if len(hint) > 200:
        findings.error("hint-invalid", row.line, "hint", "The hint has over 200 characters.", "Shorten it.")
    required = row["required"].strip().lower()
    if required not in {"yes", "no"}:
        findings.error("value-unknown", row.line, "required", "The value is neither yes nor no.", "Enter yes or no.")
    scope = row["scope"].strip().upper() or SlotScope.CANDIDATE.value
    if scope not in {one.value for one in SlotScope}:
        message = "The value is neither candidate nor cohort."
        findings.error("value-unknown", row.line, "scope", message, "Enter candidate or cohort.")
    types: list[str] = []
    for word in row["types"].lower().replace(",", " ").split():
        if word not in type_words:
            message, remedy = "A type is not one that is taken here.", f"Use any of: {' '.join(type_words)}."
            findings.error("type-unknown", row.line, "types", message, remedy)
        elif type_words[word] not in types:
            types.append(type_words[word])
    largest = whole_number(row, "max_mb", findings) if row["max_mb"].strip() else None
    if largest == 0:
        findings.error("number-invalid", row.line, "max_mb", "The size is 0.", "Enter the megabytes, or nothing.")
    if findings.total > before:
        return None
    max_bytes = None if largest is None else largest * MEGABYTE
    return Slot(slot, title, hint, required == "yes", SlotScope(scope), tuple(types), max_bytes)


def _matching(row: Row, column: str, pattern: re.Pattern[str], findings: Findings, remedy: str) -> str | None:
    text = row[column].strip()
    if pattern.fullmatch(text):
        return text
    findings.error("code-invalid", row.line, column, f"The cell is not a {column} name.", remedy)
    return None
