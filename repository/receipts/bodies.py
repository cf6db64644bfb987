"""The text of a receipt that is signed, put together from plain facts. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from repository.receipts.kinds import ReceiptKind
from repository.receipts.signing import canonical

FORMAT = "nea-receipt/2"
FORMATS = ("nea-receipt/1", FORMAT)
MARKS_FORMAT = "nea-receipt-marks/1"
LOCAL_ZONE = "Europe/London"


@dataclass(frozen=True, slots=True)
class Place:
    """What a receipt is about: a component at a centre in a series."""

    series: str
    series_title: str
    component: str
    component_title: str
    centre_number: str
    centre_name: str


@dataclass(frozen=True, slots=True)
class By:
    """Who did it, by the name that the service showed for them then, and as what."""

    person: str
    name: str
    role: str
    role_title: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What was not there and why; ``candidate_number`` empty for what is about the whole group."""

    candidate_number: str
    what: tuple[str, ...]
    why: str


def instant(at: datetime) -> str:
    """Return an instant as receipts write it: UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def body(
    kind: ReceiptKind,
    receipt_id: str,
    at: datetime,
    place: Place,
    by: By,
    content: Mapping[str, object],
    *,
    missing: Sequence[Missing] = (),
    public_key_hex: str,
) -> bytes:
    """Return the bytes to be signed.

    Takes: ``content``, what only this kind of receipt says.
    """
    local = at.astimezone(ZoneInfo(LOCAL_ZONE))
    return canonical(
        {
            "format": FORMAT,
            "kind": kind.value,
            "receipt": receipt_id,
            "issued_at": instant(at),
            "issued_at_local": local.isoformat(timespec="seconds"),
            "time_zone": LOCAL_ZONE,
            **asdict(place),
            "by": asdict(by),
            "missing": [asdict(one) for one in missing],
            "public_key_ed25519": public_key_hex,
            **content,
        }
    )


def marks_text(receipt_id: str, salt: str, marks: Sequence[Mapping[str, object]]) -> bytes:
    """Return the marks as the text whose hash a receipt carries.

    Takes: ``salt``, random, so that nobody can find marks by trying all; ``marks``, by candidate.
    """
    return canonical({"format": MARKS_FORMAT, "receipt": receipt_id, "salt": salt, "marks": list(marks)})


def sha256_hex(data: bytes) -> str:
    """Return a SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
