"""The despatch log as it is kept on the spot: entries that a phone makes without a signal, and what each must say.

An entry says one thing that was done: a packet was sealed, packets were handed over, a collection was booked. It is never
changed: a correction is an entry of its own that names the one it corrects.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from scripts.despatch import CollectionKind, LabelKind, booking_allowed, read_tracking_number
from scripts.errors import DespatchRefused
from scripts.labels import MAX_CODE_CHARACTERS

E = TypeVar("E", bound=StrEnum)
ENTRY_ID = re.compile(r"[A-Za-z0-9-]{8,40}")
ENTRIES_AT_ONCE = 100
PACKETS_OF_ONE_COLLECTION = 200
CLOCK_TOLERANCE = timedelta(minutes=2)
SITTING_DAYS_OF_A_SCHEDULED_WEEK = 3


class EntryKind(StrEnum):
    """What an entry says was done."""

    SEALED = "sealed"
    HANDED_OVER = "handed_over"
    BOOKED = "booked"


class SignedAs(StrEnum):
    """What proves a hand-over.

    Source: project policy (domain: scripts, sections 3 and 4): the log signed by the driver, or proof of posting.
    """

    NOT = ""
    GLASS = "glass"
    """The driver signed on the phone; it counts once the picture of the signature has come."""
    PAPER = "paper"
    """The driver signed the printed log, which the centre keeps."""
    PROOF = "proof"
    """The post office gave a proof of posting for the packet."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """A packet counted, sealed before a witness, and put away.

    Raises: ``DespatchRefused`` for what no paper log could hold.
    """

    label: str
    script_count: int
    sealed_by: str
    witnessed_by: str
    storage_location: str
    register_enclosed: bool = True
    extra_booklets: int = 0
    remarks: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.script_count <= 999 or not 0 <= self.extra_booklets <= 999:
            raise DespatchRefused("A count in the log is a whole number from 0 to 999.", field="script_count")
        if not self.sealed_by or not self.witnessed_by:
            raise DespatchRefused("The log needs who sealed the packet and who witnessed it.", field="sealed_by")
        if self.sealed_by.casefold() == self.witnessed_by.casefold():
            raise DespatchRefused(
                "The witness is a different person from the one who sealed the packet.", field="witnessed_by"
            )
        if not self.storage_location:
            raise DespatchRefused("Say where the packet is kept until it is collected.", field="storage_location")


@dataclass(frozen=True, slots=True)
class HandedPacket:
    """One packet of a hand-over, with the numbers that the carrier gave it."""

    label: str
    script_count: int | None = None
    label_kind: LabelKind = LabelKind.YELLOW
    tracking_number: str = ""
    proof_of_posting: str = ""

    def __post_init__(self) -> None:
        if self.script_count is not None and not 0 <= self.script_count <= 999:
            raise DespatchRefused("A count in the log is a whole number from 0 to 999.", field="script_count")
        if self.tracking_number:
            read_tracking_number(self.tracking_number)

    def as_details(self) -> dict[str, str | int]:
        """Return the numbers as an event keeps them, with what was checked of the tracking number."""
        found: dict[str, str | int] = {"label_kind": str(self.label_kind)}
        if self.script_count is not None:
            found["script_count"] = self.script_count
        if self.proof_of_posting:
            found["proof_of_posting"] = self.proof_of_posting
        if self.tracking_number:
            number = read_tracking_number(self.tracking_number)
            found |= {"tracking_number": number.text, "tracking_number_kind": str(number.kind)}
        return found


@dataclass(frozen=True, slots=True)
class HandOver:
    """Packets handed over together: to a driver who signs, or at a post office that proves each.

    Raises: ``DespatchRefused``.
    Source: project policy (domain: scripts, sections 3 and 4).
    """

    packets: tuple[HandedPacket, ...]
    collection: CollectionKind
    signed_as: SignedAs = SignedAs.NOT
    booking_reference: str = ""
    carrier: str = ""
    driver_name: str = ""
    helpdesk_number: str = ""
    remarks: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.packets) <= PACKETS_OF_ONE_COLLECTION:
            raise DespatchRefused(
                f"One hand-over has 1 to {PACKETS_OF_ONE_COLLECTION} packets. Choose at least one.", field="packets"
            )
        if len({packet.label for packet in self.packets}) != len(self.packets):
            raise DespatchRefused("A packet is in this hand-over twice.", field="packets")
        if self.collection is CollectionKind.AD_HOC and not self.booking_reference:
            raise DespatchRefused(
                "A booked collection has a booking reference. Write it in the log.", field="booking_reference"
            )
        by_post = self.collection is CollectionKind.POST
        if by_post and self.signed_as in {SignedAs.GLASS, SignedAs.PAPER}:
            raise DespatchRefused(
                "Nobody signs for a packet that is posted: it has proof of posting.", field="signed_as"
            )
        if not by_post and self.signed_as is SignedAs.PROOF:
            raise DespatchRefused("A driver signs the log; proof of posting is the post office's.", field="signed_as")
        if self.signed_as in {SignedAs.GLASS, SignedAs.PAPER} and not self.driver_name:
            raise DespatchRefused("Write the driver’s name beside the signature.", field="driver_name")

    def is_proved(self, packet: HandedPacket) -> bool:
        """Say whether what is said proves that this packet was handed over; a signature on glass has to come first."""
        if self.collection is CollectionKind.POST:
            return bool(packet.proof_of_posting)
        return self.signed_as is SignedAs.PAPER

    def as_details(self) -> dict[str, str]:
        """Return what is said of the whole hand-over, as an event keeps it."""
        said = {
            "collection": str(self.collection),
            "signed_as": str(self.signed_as),
            "booking_reference": self.booking_reference,
            "carrier": self.carrier,
            "driver_name": self.driver_name,
            "helpdesk_number": self.helpdesk_number,
            "remarks": self.remarks,
        }
        return {key: value for key, value in said.items() if value}


@dataclass(frozen=True, slots=True)
class Booking:
    """A collection booked for another time than the daily one, with its reference.

    Source: https://www.gov.uk/government/publications/dispatch-of-exam-scripts-yellow-label-service (13 May 2025).
    """

    collection_at: datetime
    booking_reference: str
    remarks: str = ""

    def __post_init__(self) -> None:
        if not self.booking_reference:
            raise DespatchRefused("Write the reference that the booking was given.", field="booking_reference")


Act = Sealing | HandOver | Booking


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as its sender keeps it: under its own id, with the time of the device that made it."""

    id: str
    occurred_at: datetime
    act: Act
    corrects_id: str | None = None

    @property
    def kind(self) -> EntryKind:
        """Return what was done."""
        return {Sealing: EntryKind.SEALED, HandOver: EntryKind.HANDED_OVER, Booking: EntryKind.BOOKED}[type(self.act)]

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels of the packets that it is about, in their order."""
        if isinstance(self.act, Sealing):
            return (self.act.label,)
        return tuple(packet.label for packet in self.act.packets) if isinstance(self.act, HandOver) else ()

    @property
    def sha256(self) -> str:
        """Return the hash of what is said: equal for a true repeat, whatever the order of its fields was."""
        said = {"id": self.id, "at": self.occurred_at.isoformat(), "kind": self.kind, "corrects": self.corrects_id}
        text = json.dumps(said | {"act": asdict(self.act)}, sort_keys=True, default=str, ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def read_entry(untrusted: object) -> Entry:
    """Read one entry that a phone or a program sent.

    Raises: ``DespatchRefused`` naming the field.
    """
    if not isinstance(untrusted, Mapping):
        raise DespatchRefused("An entry of the log is an object.")
    fields = _Fields(untrusted)
    entry_id = fields.text("id", 40, needed=True)
    if ENTRY_ID.fullmatch(entry_id) is None:
        raise DespatchRefused("The id of an entry has 8 to 40 letters, digits and hyphens.", field="id")
    corrects = fields.text("corrects", 40) or None
    kind = fields.one_of("kind", EntryKind)
    readers = {EntryKind.SEALED: _sealing, EntryKind.HANDED_OVER: _hand_over, EntryKind.BOOKED: _booking}
    return Entry(entry_id, fields.instant("occurred_at"), readers[kind](fields), corrects)


def _sealing(fields: _Fields) -> Act:
    return Sealing(
        fields.text("label", MAX_CODE_CHARACTERS, needed=True),
        fields.count("script_count", needed=True) or 0,
        fields.text("sealed_by", 100),
        fields.text("witnessed_by", 100),
        fields.text("storage_location", 100),
        fields.flag("register_enclosed", default=True),
        fields.count("extra_booklets") or 0,
        fields.text("remarks", 200),
    )


def _hand_over(fields: _Fields) -> Act:
    rows = fields.said.get("packets")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise DespatchRefused("packets must be a list of packets with their labels.", field="packets")
    packets = tuple(
        HandedPacket(
            row.text("label", MAX_CODE_CHARACTERS, needed=True),
            row.count("script_count"),
            row.one_of("label_kind", LabelKind, default=LabelKind.YELLOW),
            row.text("tracking_number", 50),
            row.text("proof_of_posting", 40),
        )
        for row in map(_Fields, rows)
    )
    return HandOver(
        packets,
        fields.one_of("collection", CollectionKind),
        fields.one_of("signed_as", SignedAs, default=SignedAs.NOT),
        fields.text("booking_reference", 40),
        fields.text("carrier", 60),
        fields.text("driver_name", 100),
        fields.text("helpdesk_number", 40),
        fields.text("remarks", 200),
    )


def _booking(fields: _Fields) -> Act:
    return Booking(fields.instant("collection_at"), fields.text("booking_reference", 40), fields.text("remarks", 200))


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of something that was sent, read one by one and never believed."""

    said: Mapping[str, Any]

    def text(self, name: str, limit: int, *, needed: bool = False) -> str:
        value = self.said.get(name)
        value = "" if value is None else value
        if not isinstance(value, str) or len(value) > limit or not value.isprintable():
            raise DespatchRefused(f"{_words(name)} is text of at most {limit} characters.", field=name)
        if needed and not value.strip():
            raise DespatchRefused(f"{_words(name)} is missing.", field=name)
        return value.strip()

    def count(self, name: str, *, needed: bool = False) -> int | None:
        value = self.said.get(name)
        if value is None and not needed:
            return None
        if type(value) is not int:
            raise DespatchRefused(f"{_words(name)} is a whole number.", field=name)
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.said.get(name, default)
        if not isinstance(value, bool):
            raise DespatchRefused(f"{_words(name)} is true or false.", field=name)
        return value

    def one_of(self, name: str, kinds: type[E], *, default: E | None = None) -> E:
        value = self.said.get(name)
        if (value is None or value == "") and default is not None:
            return default
        try:
            return kinds(str(value))
        except ValueError as error:
            named = ", ".join(kind for kind in kinds if kind)
            raise DespatchRefused(f"{_words(name)} is one of {named}.", field=name) from error

    def instant(self, name: str) -> datetime:
        try:
            value = datetime.fromisoformat(self.text(name, 40, needed=True))
        except ValueError as error:
            raise DespatchRefused(f"{_words(name)} is a time with its zone.", field=name) from error
        if value.tzinfo is None or not 2000 <= value.year <= 2200:
            raise DespatchRefused(f"{_words(name)} is a time with its zone, of this century.", field=name)
        return value


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def check_booking(booking: Booking, booked_at: datetime) -> None:
    """Refuse a booking that the collection service does not take: less than 24 hours or more than 14 days ahead.

    Raises: ``DespatchRefused``.
    Source: https://www.gov.uk/government/publications/dispatch-of-exam-scripts-yellow-label-service (13 May 2025).
    """
    if not booking_allowed(booked_at, booking.collection_at):
        raise DespatchRefused(
            "A collection is booked at least 24 hours and at most 14 days ahead.", field="collection_at"
        )


def clock_behind(sent_at: datetime, received_at: datetime) -> timedelta:
    """Return by how much a device's clock is behind ours; nothing where the way of the message explains it."""
    behind = received_at - sent_at
    return behind if abs(behind) > CLOCK_TOLERANCE else timedelta()


def happened_at(said_at: datetime, behind: timedelta, received_at: datetime) -> datetime:
    """Return when something happened by our clock, from a device whose clock is ``behind``; never after it was told.

    Both clocks are kept: what the device said stands in the entry.
    Source: project policy (domain: scripts, sections 4 and 12).
    """
    return min(said_at + behind, received_at)


def scheduled_weeks(sittings_on: Iterable[date]) -> frozenset[date]:
    """Return the Mondays of weeks with a scheduled daily collection: sittings on three or more days of the week.

    Source: https://www.gov.uk/government/publications/dispatch-of-exam-scripts-yellow-label-service (13 May 2025): weeks
    of the May–June timetable.
    """
    days = Counter(monday(day) for day in set(sittings_on) if day.month in {5, 6})
    return frozenset(week for week, count in days.items() if count >= SITTING_DAYS_OF_A_SCHEDULED_WEEK)


def monday(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


@dataclass(frozen=True, slots=True)
class LogSheet:
    """What is printed: one row for each packet, as text for each column; a row may be shorter, and is filled by hand."""

    centre: str
    day: str
    helpdesk: str
    rows: tuple[Sequence[str], ...]
    collection: str = ""
    booking_reference: str = ""
    carrier: str = ""
    driver_name: str = ""
