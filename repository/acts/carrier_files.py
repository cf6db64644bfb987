"""Acts on carriers' files: tried first, line by line, then taken; the same file again changes nothing.

A file is taken in parts, each a transaction: whatever breaks off, sending the file again takes what is left. Whose word the
events are is the carrier's, so that two clerks who send one file say the same.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action
from repository.acts import tracking
from repository.acts.cases import actor_of
from repository.acts.custody import TOLD_BY_CARRIER
from repository.acts.tracking import BATCH_LIMIT, Done, Sent
from repository.audit import Context
from repository.errors import FieldRefused
from repository.services import Services
from scripts import carriers
from scripts.carriers import CarrierFormat, CarrierLine
from scripts.errors import CarrierFormatsInvalid
from scripts.records import Outcome

SOURCE = "csv"
CLOCK_WORDS: Mapping[str, str] = {
    "ahead": "Its time lies ahead of our clock, so our clock counts. Check the time zone of the form.",
    "behind": "It is more than a week old, so it counts from now. Its own time is kept.",
}


class Fate(StrEnum):
    """What becomes of one line of a carrier's file."""

    TAKEN = "taken"
    KNOWN = "known"
    """The same was told before: nothing changes."""
    UNKNOWN_NUMBER = "unknown_number"
    BAD_TIME = "bad_time"
    LEFT_OUT = "left_out"
    """The form says that this code moves no packet."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PacketNamed:
    """A packet that a line is about: which, of which sitting, and how far it then is."""

    sitting_id: str
    component_code: str
    centre_number: str
    number: int
    of: int
    state: str


@dataclass(frozen=True, slots=True)
class LineDone:
    """What became of one line, or would; ``reason`` says why, and what to do, where nothing was recorded."""

    said: CarrierLine
    fate: Fate
    reason: str = ""
    packets: tuple[PacketNamed, ...] = ()


@dataclass(frozen=True, slots=True)
class FileDone:
    """What became of a carrier's file, or would: what needs a person first, then by line."""

    form: CarrierFormat
    lines: tuple[LineDone, ...]
    counts: Mapping[Fate, int]
    is_dry_run: bool


class _Tried(Exception):
    """Undoes a transaction that was only to show what it would do."""

    def __init__(self, lines: list[LineDone]) -> None:
        self.lines = lines
        super().__init__()


async def forms(services: Services) -> Mapping[str, CarrierFormat]:
    """Return the forms of carriers' files by key: those of the package, and those declared for this service.

    Raises: ``CarrierFormatsInvalid`` naming what is wrong with the declared ones.
    """
    path = services.settings.carrier_formats_path
    if path is None:
        return carriers.shipped_formats()
    return MappingProxyType({**carriers.shipped_formats(), **await asyncio.to_thread(_declared, path)})


def _declared(path: Path) -> Mapping[str, CarrierFormat]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CarrierFormatsInvalid("The file of carriers' forms cannot be read.") from error
    return carriers.read_formats(text)


def form_of(known: Mapping[str, CarrierFormat], untrusted_key: str) -> CarrierFormat:
    """Return a form by its key; raises ``FieldRefused``."""
    if untrusted_key not in known:
        raise FieldRefused("Choose whose file it is.", field="format")
    return known[untrusted_key]


async def run(
    services: Services, context: Context, form: CarrierFormat, untrusted_text: str, *, dry_run: bool
) -> FileDone:
    """Take a carrier's file, or say what taking it would do.

    Raises: ``CarrierFileRefused``.
    """
    access.require(actor_of(context), Action.TRACKING_EVENT)
    lines = await asyncio.to_thread(carriers.read_file, form, untrusted_text)
    done: list[LineDone] = []
    told: set[str] = set()
    for at in range(0, len(lines), BATCH_LIMIT):
        part = lines[at : at + BATCH_LIMIT]

        def work(session: Session, part: Sequence[CarrierLine] = part) -> list[LineDone]:
            found = _take(session, context, form, part)
            if dry_run:
                raise _Tried(found)
            return found

        try:
            some = await services.database.write(work)
        except _Tried as tried:
            # Each part was undone, so a line of this file that comes again in another part is known only here.
            some = [_told_before(one, told) for one in tried.lines]
        told |= {one.said.event_id for one in some if one.fate is Fate.TAKEN}
        done += some
    counts = Counter(one.fate for one in done)
    if not dry_run:
        await services.database.write(lambda s: _note(s, context, form, counts))
    return FileDone(form, tuple(done), {fate: counts[fate] for fate in Fate}, dry_run)


def _told_before(one: LineDone, told: set[str]) -> LineDone:
    return replace(one, fate=Fate.KNOWN) if one.fate is Fate.TAKEN and one.said.event_id in told else one


def _note(session: Session, context: Context, form: CarrierFormat, counts: Mapping[Fate, int]) -> None:
    numbers: dict[str, Any] = {str(fate): counts[fate] for fate in Fate}
    audit.record(session, context, "carrier_file.take", "carrier_file", form.key, **numbers)


def _take(session: Session, context: Context, form: CarrierFormat, lines: Sequence[CarrierLine]) -> list[LineDone]:
    """Record what lines of a file say; returns what became of each, in their order."""
    good = [line for line in lines if line.kind is not None and not line.fault]
    told_by = f"{TOLD_BY_CARRIER}{form.key}"
    results = tracking.record_many(session, context, [_sent(form, one) for one in good], source=SOURCE, told_by=told_by)
    of_line: dict[int, list[Done]] = defaultdict(list)
    for one in results:
        of_line[good[one.line].line].append(one)
    return [_done(line, of_line.get(line.line, [])) for line in lines]


def _sent(form: CarrierFormat, line: CarrierLine) -> Sent:
    return Sent(
        line.event_id,
        str(line.kind),
        tracking_number=line.number,
        occurred_at=line.at,
        place=line.place,
        details={"carrier": form.carrier, "carrier_code": line.code, "carrier_says": line.says},
    )


def _done(line: CarrierLine, results: Sequence[Done]) -> LineDone:
    if line.fault:
        return LineDone(line, Fate.BAD_TIME if line.is_bad_time else Fate.REFUSED, line.fault)
    if line.kind is None:
        return LineDone(line, Fate.LEFT_OUT)
    packets = tuple(
        PacketNamed(
            one.sitting.id,
            one.sitting.component_code,
            one.sitting.centre_number,
            one.packet.number,
            one.packet.of,
            one.packet.state,
        )
        for one in results
        if one.packet is not None and one.sitting is not None
    )
    outcomes = {one.outcome for one in results}
    wrong = next((one for one in results if one.outcome in {Outcome.CONFLICT, Outcome.REFUSED}), None)
    if wrong is not None:
        return LineDone(line, Fate.REFUSED, wrong.reason, packets)
    if Outcome.UNKNOWN_LABEL in outcomes:
        return LineDone(
            line,
            Fate.UNKNOWN_NUMBER,
            "No despatch log names this number yet. Send the file again once the centre's log has arrived, or ask the "
            "centre whose packet it is.",
        )
    if Outcome.RECORDED not in outcomes:
        return LineDone(line, Fate.KNOWN, "", packets)
    return LineDone(line, Fate.TAKEN, next((CLOCK_WORDS[one.clock] for one in results if one.clock), ""), packets)
