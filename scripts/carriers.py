"""Carriers' files: in which form each carrier writes what happened to packets, and what a line of such a file says.

The forms are data: which columns, which codes for which of our kinds of event, which time zone. No carrier publishes the form
of its files, so whoever runs the service declares those that it gets beside the project's defaults.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from io import StringIO
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scripts.despatch import read_tracking_number
from scripts.errors import CarrierFileRefused, CarrierFormatsInvalid, TrackingNumberRefused
from scripts.states import EventKind

FORMAT = "nea-carrier-formats/1"
KINDS = frozenset(
    {
        EventKind.COLLECTED,
        EventKind.IN_TRANSIT,
        EventKind.DAMAGED,
        EventKind.OPENED_IN_TRANSIT,
        EventKind.MISROUTED,
        EventKind.LOST,
    }
)
"""What a carrier's code may mean. Never ``received``: a packet has arrived when its label was scanned where it belongs.

Source: project policy (domain: scripts, sections 7 and 13: scripts were lost after they had been logged as arrived).
"""
NEEDED, EITHER, MAY = ("number", "code"), ("at", "date"), ("time", "place", "says")
SIZE_LIMIT_BYTES = 1024 * 1024
LINES_LIMIT = 10_000
CELL_LIMIT = 500
PLACE_LIMIT = 100
NUMBER_SHOWN = 40
_TRIAL = datetime(2026, 6, 12, 14, 30)  # noqa: DTZ001 — patterns are tried with it, nothing is dated
YEARS = range(2000, 2100)
_NAMES = UUID("0f6c0a53-6f0e-4a39-9d53-5e1a7f1c2b90")
"""The name space of ids that are made from what a line says."""
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_TOO_LARGE = "The file is larger than 1 MiB. Split it between two lines and send the parts."
_SAVE = "Save the file again as CSV in that encoding, or choose the form of this carrier."


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a carrier's code means: one of our kinds of event, or ``kind`` None for a line that moves no packet."""

    kind: EventKind | None
    says: str


@dataclass(frozen=True, slots=True)
class CarrierFormat:
    """The form of one carrier's files.

    Takes: ``columns``, field → the names that its column may have: ``number`` and ``code``, then ``at`` or ``date`` and
        ``time``, and perhaps ``place`` and ``says``; ``times``: ``iso`` or patterns of ``strptime``, tried in this order;
        ``zone``, of times that do not say theirs; ``events``: the carrier's code in small letters → what it means.
    Source: each form's own ``source``; ``verified`` says whether that source was seen.
    """

    key: str
    title: str
    carrier: str
    source: str
    verified: bool
    encoding: str
    delimiter: str
    zone: str
    times: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    events: Mapping[str, Meaning]

    @property
    def example_times(self) -> str:
        """Return one time as this form writes it, in each of its ways."""
        return " or ".join(
            _TRIAL.isoformat(timespec="minutes") if one == "iso" else _TRIAL.strftime(one) for one in self.times
        )


@dataclass(frozen=True, slots=True)
class CarrierLine:
    """One line of a carrier's file: which line, what it says, and what cannot be right about it.

    ``event_id`` follows from what the line says, so that the same line in any file is the same event. ``fault``: a
    sentence with what to do, empty where the line can be taken; ``is_bad_time``: it is the time that is wrong. ``kind``
    None and no fault: the code moves no packet.
    """

    line: int
    number: str
    code: str
    says: str = ""
    kind: EventKind | None = None
    at: datetime | None = None
    place: str = ""
    event_id: str = ""
    fault: str = ""
    is_bad_time: bool = False


# Forms


@cache
def shipped_formats() -> Mapping[str, CarrierFormat]:
    """Return the forms that ship with the package, the default first."""
    return read_formats(resources.files("scripts.data").joinpath("carrier_formats.json").read_text("utf-8"))


def read_formats(untrusted_text: str) -> Mapping[str, CarrierFormat]:
    """Return forms by their key, from a declared file of them.

    Raises: ``CarrierFormatsInvalid`` naming the form and what is wrong with it.
    """
    try:
        read = json.loads(untrusted_text)
        if not isinstance(read, dict) or read.get("format") != FORMAT or not isinstance(read.get("formats"), list):
            raise CarrierFormatsInvalid(f"The file of carriers' forms is not one: it must say “format”: “{FORMAT}”.")
    except ValueError as error:
        raise CarrierFormatsInvalid(f"The file of carriers' forms is not JSON: {error}.") from error
    found: dict[str, CarrierFormat] = {}
    for number, one in enumerate(read["formats"], 1):
        key = one.get("key") if isinstance(one, dict) else None
        if not isinstance(key, str) or _KEY.fullmatch(key) is None or key in found:
            raise CarrierFormatsInvalid(
                f"Form {number}: “key” must be a name of its own of small letters, digits and hyphens."
            )
        found[key] = _format(key, one)
    return MappingProxyType(found)


def _format(key: str, one: Mapping[str, Any]) -> CarrierFormat:
    def refuse(what: str) -> CarrierFormatsInvalid:
        return CarrierFormatsInvalid(f"Form “{key}” of a carrier: {what}")

    def text(name: str, default: str | None = None) -> str:
        value = one.get(name, default)
        if not isinstance(value, str) or not 1 <= len(value) <= 200:
            raise refuse(f"“{name}” must be a text of 1 to 200 characters.")
        return value

    columns, events, times = one.get("columns"), one.get("events"), one.get("times", ["iso"])
    if not isinstance(columns, dict) or set(columns) - {*NEEDED, *EITHER, *MAY} or not _are_names(columns.values()):
        fields = ", ".join((*NEEDED, *EITHER, *MAY))
        raise refuse(f"“columns” gives lists of names for {fields}, and for nothing else.")
    if any(name not in columns for name in NEEDED) or ("at" in columns) == ("date" in columns):
        raise refuse("“columns” needs number and code, and either at, or date (and time).")
    if not _are_names([times]) or any(_trial(pattern) is None for pattern in times):
        raise refuse("“times” is a list of iso and patterns such as %d/%m/%Y %H:%M.")
    if not isinstance(events, dict) or not events or not all(isinstance(item, dict) for item in events.values()):
        raise refuse("“events” gives for each code its “kind” and what it “says”.")
    meanings: dict[str, Meaning] = {}
    for code, item in events.items():
        kind, says = item.get("kind"), item.get("says")
        if kind not in {"", *KINDS} or not isinstance(says, str) or not 1 <= len(says) <= 100:
            raise refuse(
                f"code “{code}”: the kind is one of {', '.join(sorted(KINDS))} or empty, and it says something."
            )
        meanings[_plain(code)] = Meaning(EventKind(kind) if kind else None, says)
    delimiter, verified = one.get("delimiter", ","), one.get("verified", False)
    if delimiter not in {",", ";", "\t", "|"} or not isinstance(verified, bool):
        raise refuse("“delimiter” is a comma, semicolon, tab or bar, and “verified” true or false.")
    if one.get("encoding", "utf-8") not in {"utf-8", "cp1252"}:
        raise refuse("“encoding” is utf-8 or cp1252.")
    try:
        ZoneInfo(text("zone", "Europe/London"))
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise refuse("“zone” is no time zone such as Europe/London.") from error
    return CarrierFormat(
        key,
        text("title"),
        text("carrier")[:40],
        text("source"),
        verified,
        text("encoding", "utf-8"),
        delimiter,
        text("zone", "Europe/London"),
        tuple(times),
        MappingProxyType({name: tuple(names) for name, names in columns.items()}),
        MappingProxyType(meanings),
    )


def _are_names(lists: Any) -> bool:
    return all(isinstance(one, list) and one and all(isinstance(name, str) and name for name in one) for one in lists)


def _trial(pattern: str) -> datetime | None:
    try:
        return _TRIAL if pattern == "iso" else datetime.strptime(_TRIAL.strftime(pattern), pattern)  # noqa: DTZ007
    except ValueError:
        return None


# Files


def decode(form: CarrierFormat, untrusted_data: bytes) -> str:
    """Return the text of a carrier's file.

    Raises: ``CarrierFileRefused`` for a file that is too large, or not in the form's encoding, naming the line.
    """
    if len(untrusted_data) > SIZE_LIMIT_BYTES:
        raise CarrierFileRefused(_TOO_LARGE)
    if b"\0" in untrusted_data:  # of UTF-16, every other byte is one
        line = untrusted_data.count(b"\n", 0, untrusted_data.index(b"\0")) + 1
        raise CarrierFileRefused(f"Line {line}: the file is no text in {form.encoding}. {_SAVE}", line=line)
    try:
        return untrusted_data.removeprefix(b"\xef\xbb\xbf").decode(form.encoding)
    except UnicodeDecodeError as error:
        line = untrusted_data.count(b"\n", 0, error.start) + 1
        raise CarrierFileRefused(f"Line {line}: a character is not {form.encoding}. {_SAVE}", line=line) from error


def read_file(form: CarrierFormat, untrusted_text: str) -> tuple[CarrierLine, ...]:
    """Return what each line of a carrier's file says; a line that cannot be right never hides the others.

    Raises: ``CarrierFileRefused`` where lines cannot be told apart or columns are missing, naming the line and what to do.
    """
    if len(untrusted_text) > SIZE_LIMIT_BYTES:
        raise CarrierFileRefused(_TOO_LARGE)
    records = _records(form, untrusted_text)
    first = next(records, None)
    if first is None:
        raise CarrierFileRefused("The file is empty. Choose the file that the carrier sent.")
    at, width = _columns(form, *first), len(first[1])
    found: list[CarrierLine] = []
    for line, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        if len(found) == LINES_LIMIT:
            raise CarrierFileRefused(
                f"Line {line}: the file has over {LINES_LIMIT:,} lines. Split it and send the parts."
            )
        found.append(_line(form, line, cells, at, width))
    if not found:
        raise CarrierFileRefused("The file has a header and no line below it. Nothing was changed.")
    return tuple(found)


def _records(form: CarrierFormat, text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=form.delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise CarrierFileRefused(
            f"Line {line}: the line is not quoted correctly. Have the carrier's file sent again, unchanged.", line=line
        ) from error


def _columns(form: CarrierFormat, line: int, header: Sequence[str]) -> Mapping[str, int]:
    """Return where each field of the form stands; what a file has beside them is not read."""
    there: dict[str, int] = {}
    for place, name in enumerate(header):
        there.setdefault(_plain(name), place)
    found: dict[str, int] = {}
    for field, names in form.columns.items():
        where = [there[_plain(name)] for name in names if _plain(name) in there]
        if where:
            found[field] = where[0]
        elif field not in MAY:
            called = " or ".join(f"“{name}”" for name in names)
            raise CarrierFileRefused(
                f"Line {line}: no column is called {called}. Choose the form of this carrier, or have it declared.",
                line=line,
            )
    return found


def _line(form: CarrierFormat, line: int, cells: Sequence[str], at: Mapping[str, int], width: int) -> CarrierLine:
    if len(cells) != width:
        words = f"The line has {len(cells)} cells where the header has {width}. Look at its commas and quotation marks."
        return CarrierLine(line, "", "", fault=words)
    said = {field: cells[place].strip()[:CELL_LIMIT] for field, place in at.items()}
    number, code = said["number"], said["code"]
    made = CarrierLine(line, number[:NUMBER_SHOWN], code[:NUMBER_SHOWN], place=_printable(said.get("place", "")))
    try:
        number = read_tracking_number(number).text
    except TrackingNumberRefused as error:
        return replace(made, fault=error.detail)
    meaning = form.events.get(_plain(code))
    if meaning is None:
        words = "The form does not know this code. Have it declared for this carrier, then send the file again."
        return replace(made, number=number, fault=words if code else "The line has no code that says what happened.")
    made = replace(made, number=number, kind=meaning.kind, says=_printable(said.get("says", "")) or meaning.says)
    if meaning.kind is None:
        return made
    happened_at, fault = _instant(form, said)
    if happened_at is None:
        return replace(made, fault=fault, is_bad_time=True)
    place = made.place or form.carrier
    content = "\n".join(
        (form.key, form.carrier, number, code, str(made.kind), happened_at.isoformat(), place, made.says)
    )
    return replace(made, at=happened_at, place=place, event_id=str(uuid5(_NAMES, content)))


def _instant(form: CarrierFormat, said: Mapping[str, str]) -> tuple[datetime | None, str]:
    """Return when something happened, or why that cannot be known. Of an hour that comes twice, the first is meant."""
    text = said.get("at") or f"{said.get('date', '')} {said.get('time', '')}".strip()
    for pattern in form.times:
        try:
            moment = (
                datetime.fromisoformat(text) if pattern == "iso" else datetime.strptime(text, pattern)  # noqa: DTZ007
            )
        except ValueError:
            continue
        if moment.year not in YEARS:
            return None, f"The year is not from {YEARS.start} to {YEARS.stop - 1}. Ask the carrier for the right time."
        if moment.tzinfo is not None:
            return moment.astimezone(UTC), ""
        zone = ZoneInfo(form.zone)
        instant = moment.replace(tzinfo=zone).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) != moment:
            return (
                None,
                f"This time never was in {form.zone}: the clocks went forward. Ask the carrier for the right one.",
            )
        return instant, ""
    if not text:
        return None, "The line does not say when. Ask the carrier for the time."
    return (
        None,
        f"The time is not written as the form says, such as {form.example_times}. Choose the form of this carrier.",
    )


def _plain(text: str) -> str:
    return re.sub(r"[\s_\-]+", " ", text).strip().casefold()


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:PLACE_LIMIT].strip()
