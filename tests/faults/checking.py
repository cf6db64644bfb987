"""Holds what a service left behind against what it had promised."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from repository.care.marks import CLOCK_BLOB, RUNS_BLOB
from repository.documents import DocumentState
from repository.uploads import UploadState

from .life import Plan
from .trace import Record, check_acknowledgements, check_headers, records

Found = Mapping[str, Any]


def check_standing(plan: Plan, found: Found, lives: int) -> None:
    """Hold what a new life found against the promises of those before it.

    Nothing committed is missing from the store, no finished upload is short, and what is called received is whole.
    Takes: ``lives``, how many lives had made promises when this was found.
    What was acknowledged is read back at the end, as the client sends only what follows the offset it is told.
    """
    committed = {upload["oid"]: upload["offset"] for upload in found["uploads"]}
    for upload in found["uploads"]:
        assert upload["state"] != UploadState.COMPLETE or upload["offset"] == upload["total"], upload
    for answer in _acknowledged(plan, lives):
        assert committed[answer["oid"]] >= answer["offset"], f"ST-02: acknowledged {answer}, now {committed}"
    missing = set(found["referenced"]) - set(found["names"])
    assert not missing, f"committed, and not in the store: {missing}"
    for document in found["documents"]:
        if document["state"] == DocumentState.RELEASED and document["oid"] not in found["destroyed"]:
            assert document["sha256"] == document["read_back"] == hashlib.sha256(plan.data).hexdigest()


def check_end(plan: Plan, found: Found) -> None:
    """Hold the end against ST-01 to ST-04: the file is exact, there once, received once, and nothing unknown is left."""
    check_headers(plan.trace)
    check_acknowledgements(plan.trace)
    check_standing(plan, found, len(list(records(plan.trace, "life"))))
    statuses = Counter(reply["status"] for reply in records(plan.trace, "reply"))
    assert not [status for status in statuses if status == 500], statuses
    made = [created["location"].rpartition("/")[2] for created in records(plan.trace, "created")]
    assert len(made) == 1
    check = CHECKS.get(plan.scenario, _check_released)
    check(plan, found, made[0])
    left = set(found["names"]) - set(found["referenced"]) - {RUNS_BLOB, CLOCK_BLOB}
    assert not left, f"ST-03: {left}"


def check_raced(found: Found) -> None:
    """Hold what is left of an upload that was ended while it was being finished: one outcome, and nothing is missing."""
    (upload,) = found["uploads"]
    assert upload["state"] == UploadState.TERMINATED
    assert all(document["state"] == DocumentState.WITHDRAWN for document in found["documents"])
    missing = set(found["referenced"]) - set(found["names"])
    assert not missing, f"committed, and not in the store: {missing}"
    left = set(found["names"]) - set(found["referenced"]) - {RUNS_BLOB, CLOCK_BLOB}
    if found["documents"]:  # what was released belongs to the withdrawn document until it is destroyed
        left = {name for name in left if name.startswith("q/")}
    assert not left, f"ST-03: {left}"
    assert all(work["done"] for work in found["work"]), found["work"]


def _acknowledged(plan: Plan, lives: int) -> Iterator[Record]:
    begun = 0
    for record in records(plan.trace):
        begun += record.kind == "life"
        if record.kind == "acknowledged" and begun <= lives:
            yield record


def _events(found: Found, oid: str) -> dict[str, int]:
    return {action: count for subject, action, count in found["events"] if subject == oid}


def _check_released(plan: Plan, found: Found, oid: str) -> None:
    sha256 = hashlib.sha256(plan.data).hexdigest()
    documents = {document["oid"]: document for document in found["documents"]}
    (released,) = [document for document in documents.values() if document["state"] == DocumentState.RELEASED]
    assert (released["sha256"], released["size"], released["read_back"]) == (sha256, plan.size, sha256)
    # An empty file arrives with its creation. If that answer was lost, the client's second try is the same document.
    twins = [document for document in documents.values() if document is not released]
    assert all((twin["state"], twin["size"]) == (DocumentState.WITHDRAWN, 0) for twin in twins)
    assert oid in documents
    events = _events(found, released["oid"])
    for event in ("document.arrived", "document.typed", "document.released"):
        assert events[event] == 1, f"ST-04: {events}"
    assert sorted(work["subject"] for work in found["work"]) == sorted(documents)
    assert all((work["kind"], work["done"], work["error"]) == ("verify", True, None) for work in found["work"])
    assert not found["stale_sidecars"]


def _check_withdrawn(plan: Plan, found: Found, oid: str) -> None:
    (document,) = [document for document in found["documents"] if document["oid"] == oid]
    assert document["state"] == DocumentState.WITHDRAWN
    events = _events(found, oid)
    assert (events["document.arrived"], events["document.withdrawn"]) == (1, 1), events


def _check_ended(plan: Plan, found: Found, oid: str) -> None:
    (upload,) = [upload for upload in found["uploads"] if upload["oid"] == oid]
    assert upload["state"] == (UploadState.TERMINATED if plan.scenario == "terminate" else UploadState.EXPIRED)
    assert not [document for document in found["documents"] if document["oid"] == oid]
    assert not [name for name in found["referenced"] if oid in name]
    assert _events(found, oid)[f"upload.{upload['state']}"] == 1


def _check_destroyed(plan: Plan, found: Found, oid: str) -> None:
    """ST-22: no name of the object is left, and no wrap of its key."""
    assert found["destroyed"] == [oid]
    assert not [name for name in found["names"] if oid in name]
    events = _events(found, oid)
    assert (events["shred.proposed"], events["shred.started"], events["shred.finished"]) == (1, 1, 1), events


def _check_rotated(plan: Plan, found: Found, oid: str) -> None:
    """ST-21: the object opens under the key that stands, and no older wrap is left."""
    _check_released(plan, found, oid)
    standing = found["scope_keys"][found["data_keys"][oid]]
    assert standing == {"lives": True, "stands": True, "kid": found["current_kid"]}
    assert [key for key in found["scope_keys"].values() if key["lives"]] == [standing]
    assert len(found["scope_keys"]) > 1


CHECKS = {
    "withdraw": _check_withdrawn,
    "terminate": _check_ended,
    "expire": _check_ended,
    "shred": _check_destroyed,
    "rotate": _check_rotated,
}
