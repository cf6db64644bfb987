"""The despatch log and the numbers carriers give: what a centre can prove it handed over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from scripts.errors import DespatchRefused, TrackingNumberRefused

S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
BOOKING_LEAD = (timedelta(hours=24), timedelta(days=14))


class LabelKind(StrEnum):
    """Which service a label belongs to.

    Source: https://www.gov.uk/government/publications/dispatch-of-exam-scripts-yellow-label-service.
    """

    YELLOW = "yellow"
    WHITE = "white"
    EMERGENCY = "emergency"


class CollectionKind(StrEnum):
    """How packets leave the centre."""

    SCHEDULED = "scheduled"
    AD_HOC = "ad_hoc"
    POST = "post"
    COURIER = "courier"


class NumberKind(StrEnum):
    """Whose pattern a tracking number follows; ``unchecked`` means that nothing is known about it."""

    S10 = "s10"
    PARCELFORCE = "parcelforce"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class TrackingNumber:
    """A carrier's number, normalised; ``warning`` is empty only when a check digit agreed.

    A valid number is not proof of the right number: S10 lets about 1.8 % of single-digit slips pass.
    """

    text: str
    kind: NumberKind
    warning: str = ""


def s10_check_digit(serial: str) -> int:
    """The check digit of an eight-digit UPU S10 serial number.

    Raises: ``TrackingNumberRefused`` when the serial is not eight digits.
    Source: UPU standard S10: weights 8 6 4 2 3 5 9 7; 11 − (sum mod 11); 10 becomes 0 and 11 becomes 5.
    """
    if re.fullmatch(r"[0-9]{8}", serial) is None:
        raise TrackingNumberRefused("The serial number of a tracking number is eight digits.")
    digit = 11 - sum(int(figure) * weight for figure, weight in zip(serial, S10_WEIGHTS, strict=True)) % 11
    return {10: 0, 11: 5}.get(digit, digit)


def read_tracking_number(untrusted_text: str) -> TrackingNumber:
    """Read a tracking number as typed or scanned: upper case, spaces and hyphens removed.

    Returns: kind ``s10`` (check digit agreed), ``parcelforce`` (pattern only, with a warning) or ``unchecked``.
    Raises: ``TrackingNumberRefused``: empty, over 35 characters, characters no carrier uses, or an S10 number whose
        check digit disagrees.
    Source: UPU S10; Parcelforce pattern and the rest project policy (domain: scripts, section 6).
    """
    text = re.sub(r"[\s\-]+", "", untrusted_text[:200]).upper()
    if not text or len(text) > 35 or re.fullmatch(r"[A-Z0-9/.]+", text) is None:
        raise TrackingNumberRefused("A tracking number has 1 to 35 letters and digits.")
    if re.fullmatch(r"[A-Z]{2}[0-9]{9}[A-Z]{2}", text):
        if s10_check_digit(text[2:10]) != int(text[10]):
            raise TrackingNumberRefused("The check digit of the tracking number does not agree. Look at it again.")
        return TrackingNumber(text, NumberKind.S10)
    if re.fullmatch(r"PB[A-Z0-9]{9}([A-Z0-9]{3})?", text):
        return TrackingNumber(text, NumberKind.PARCELFORCE, "checked by pattern only")
    return TrackingNumber(text, NumberKind.UNCHECKED, "not a known pattern; nothing was checked")


def booking_allowed(now: datetime, collection_at: datetime) -> bool:
    """Say whether an ad-hoc collection may be booked: at least 24 hours and at most 14 days ahead.

    Source: https://www.gov.uk/government/publications/dispatch-of-exam-scripts-yellow-label-service (13 May 2025).
    """
    return BOOKING_LEAD[0] <= collection_at - now <= BOOKING_LEAD[1]


def require_label_kind(kind: LabelKind, *, externally_marked: bool) -> None:
    """Refuse the free yellow-label service for internally marked work on its way to a moderator.

    Raises: ``DespatchRefused``.
    Source: https://www.gov.uk/government/publications/dispatch-of-exam-scripts-yellow-label-service.
    """
    if kind is not LabelKind.WHITE and not externally_marked:
        raise DespatchRefused("The yellow-label service is for unmarked work only. Post it with proof of posting.")


@dataclass(frozen=True, slots=True)
class DespatchLine:
    """One line of the despatch log: one packet, sealed, counted, witnessed and handed over.

    Takes: ``script_count`` 0 or more; ``sealed_by`` and ``witnessed_by``: roles or initials of two different people;
        ``tracking_number`` as the carrier printed it; ``proof_of_posting`` when the packet goes by post.
    Raises: ``DespatchRefused`` for a line that no paper log could hold, ``TrackingNumberRefused``.
    Source: the fields of the boards' paper logs; project policy (domain: scripts, section 4).
    """

    label: str
    script_count: int
    collection: CollectionKind
    sealed_by: str
    witnessed_by: str
    register_enclosed: bool = True
    extra_booklets: int = 0
    label_kind: LabelKind = LabelKind.YELLOW
    booking_reference: str = ""
    carrier: str = ""
    driver_name: str = ""
    tracking_number: str = ""
    proof_of_posting: str = ""
    storage_location: str = ""
    remarks: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.script_count <= 999 or not 0 <= self.extra_booklets <= 999:
            raise DespatchRefused("A count in the log is a whole number from 0 to 999.", count=self.script_count)
        if not self.sealed_by.strip() or not self.witnessed_by.strip():
            raise DespatchRefused("The log needs who sealed the packet and who witnessed it.")
        if self.sealed_by.strip().casefold() == self.witnessed_by.strip().casefold():
            raise DespatchRefused("The witness is a different person from the one who sealed the packet.")
        if self.collection is CollectionKind.AD_HOC and not self.booking_reference.strip():
            raise DespatchRefused("An ad-hoc collection has a booking reference. Write it in the log.")
        if self.collection is CollectionKind.POST and not self.proof_of_posting.strip():
            raise DespatchRefused("A packet sent by post needs its proof-of-posting number.")
        if self.tracking_number:
            read_tracking_number(self.tracking_number)
        if any(len(value) > 200 for value in asdict(self).values() if isinstance(value, str)):
            raise DespatchRefused("An entry of the log has at most 200 characters.")

    def as_details(self) -> dict[str, str | int | bool]:
        """Return the line as the plain values an event keeps; the tracking number normalised."""
        values: dict[str, str | int | bool] = {
            key: str(value) if isinstance(value, StrEnum) else value
            for key, value in asdict(self).items()
            if value != "" and key != "label"
        }
        if self.tracking_number:
            number = read_tracking_number(self.tracking_number)
            values |= {"tracking_number": number.text, "tracking_number_kind": str(number.kind)}
        return values


def log_difference(lines: Iterable[DespatchLine], *, present: int, explained: int) -> int:
    """Return how many scripts the log holds beyond those the register says must travel; 0 when they agree.

    Source: project policy (domain: scripts, section 9, equation 4).
    """
    return sum(line.script_count for line in lines) - (present - explained)
