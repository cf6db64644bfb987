"""Who lays claim to a name in the store: the one rule by which collection and reconciliation judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from repository.care.inventory import Known, Listing, oid_of
from storage import names
from storage.backend import ObjectHead

GRACE = timedelta(hours=24)
"""Nothing younger is judged. Commits are refused an hour after their bytes were sent, so none can name what is older."""


class Claim(StrEnum):
    """What the database says of a name."""

    REFERRED = "referred"
    """A row refers to it, or may yet."""
    ORPHAN = "orphan"
    """No row refers to it and none will."""
    UNKNOWN = "unknown"
    """The database does not know the object at all, and yet it has a recovery copy: a person must look."""
    STRANGER = "stranger"
    """It is not a name of ours."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One name in the store, old enough to be judged. ``recoverable``: a recovery copy lies beside its object."""

    head: ObjectHead
    oid: str | None
    recoverable: bool
    claim: Claim


def claim(key: str, owner: Known | None, *, recoverable: bool, keys_made_before: datetime) -> Claim:
    """Say who lays claim to a name.

    Takes: ``owner``, what the database knows of the object in the name; ``keys_made_before``, by the database's clock:
    a key that is older and whose bytes never became an object belongs to an intake that broke off.
    """
    if oid_of(key) is None:
        return Claim.STRANGER
    if owner is None:
        return Claim.UNKNOWN if recoverable else Claim.ORPHAN
    if key in owner.names or owner.canary:
        return Claim.REFERRED
    if owner.shredded:
        return Claim.ORPHAN
    if owner.unfinished_intake:
        over = owner.created_at is None or owner.created_at < keys_made_before
        return Claim.ORPHAN if over else Claim.REFERRED
    # A released name belongs to its object in whatever state; what is staged belongs to it only while facts name it.
    return Claim.ORPHAN if key.startswith(names.STAGING) else Claim.REFERRED


def judge(
    listing: Listing, known: Mapping[str, Known], *, settled_before: datetime, keys_made_before: datetime
) -> list[Judged]:
    """Judge every listed name that is old enough.

    Takes: ``settled_before``, an instant by the store's clock; younger names are left out.
    """
    copies = {oid for head in listing.sidecars if (oid := oid_of(head.key))}
    judged = []
    for head in listing:
        if head.last_modified_at <= settled_before:
            oid = oid_of(head.key)
            owner = known.get(oid) if oid else None
            says = claim(head.key, owner, recoverable=oid in copies, keys_made_before=keys_made_before)
            judged.append(Judged(head, oid, oid in copies, says))
    return judged
