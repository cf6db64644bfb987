"""Whose things an event is about: the centre of what was seen or changed, looked up once, when the event is logged.

Tables are asked as they are, past the policy: the sequencer acts for nobody and shows nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Select, Table, select
from sqlalchemy.orm import Session

import scripts.tables as of_scripts
from moderation import tables as of_moderation
from repository.tables import BundleDocument, CustodyEvidence, Evidence, ReceiptRow, ScriptDocument, UploadRow

_Find = tuple[Select[Any], Any]
"""The question for id and centre number, and the column that ids are held against."""


def _table(kind: type[Any]) -> Table:
    return cast(Table, kind.__table__)


_CASE = _table(of_moderation.ModerationCase)
_SITTING = _table(of_scripts.Sitting)


def _of_case(kind: type[Any], key: str = "id") -> _Find:
    table = _table(kind)
    return select(table.c[key], _CASE.c.centre_number).join(_CASE, table.c.case_id == _CASE.c.id), table.c[key]


def _of_sitting(kind: type[Any], key: str = "id") -> _Find:
    table = _table(kind)
    found = select(table.c[key], _SITTING.c.centre_number).join(_SITTING, table.c.sitting_id == _SITTING.c.id)
    return found, table.c[key]


def _itself(kind: type[Any], key: str = "id") -> _Find:
    table = _table(kind)
    return select(table.c[key], table.c.centre_number), table.c[key]


def _scanned(link: type[Any], owner: type[Any], key: str) -> _Find:
    links, owners = _table(link), _table(owner)
    joined = select(links.c.document_id, _SITTING.c.centre_number).join(owners, links.c[key] == owners.c.id)
    return joined.join(_SITTING, owners.c.sitting_id == _SITTING.c.id), links.c.document_id


_FINDS: Mapping[str, tuple[_Find, ...]] = {
    "case": (_itself(of_moderation.ModerationCase),),
    "document": (
        _of_case(Evidence, "document_id"),
        _scanned(ScriptDocument, of_scripts.Script, "script_id"),
        _scanned(BundleDocument, of_scripts.ScanBundle, "bundle_id"),
        _of_sitting(CustodyEvidence, "document_id"),
    ),
    "upload": (_itself(UploadRow, "oid"),),
    "object": (_itself(UploadRow, "oid"),),
    "sample_item": (_of_case(of_moderation.SampleItem),),
    "amendment": (_of_case(of_moderation.MarkAmendment),),
    "check": (_of_case(of_moderation.ModeratorCheck),),
    "consignment": (_of_case(of_moderation.Consignment),),
    "extension": (_of_case(of_moderation.Extension),),
    "reopening": (_of_case(of_moderation.Reopening),),
    "suspicion": (_of_case(of_moderation.Suspicion),),
    "hold": (_of_case(of_moderation.MalpracticeHold),),
    "review": (_itself(of_moderation.ReviewRequest),),
    "missing_result": (_itself(of_moderation.MissingResult),),
    "exemption": (_itself(of_moderation.SampleExemption),),
    "allocation": (_itself(of_moderation.Allocation),),
    "conflict": (_itself(of_moderation.Conflict),),
    "candidate": (_itself(of_moderation.Candidate),),
    "receipt": (_itself(ReceiptRow),),
    "sitting": (_itself(of_scripts.Sitting),),
    "packet": (_of_sitting(of_scripts.Packet),),
    "script": (_of_sitting(of_scripts.Script),),
    "bundle": (_of_sitting(of_scripts.ScanBundle),),
    "script_case": (_of_sitting(of_scripts.ScriptCase),),
    "despatch_entry": (_itself(of_scripts.DespatchEntryRow),),
    "custody_evidence": (_of_sitting(CustodyEvidence),),
}


def look_up(session: Session, rows: Sequence[Mapping[Any, Any]]) -> list[str | None]:
    """Return the centre number of each event: as the act gave it, of its object, or None for what is of no centre.

    Takes: ``rows``, events by column name. A handful of statements, however many events there are.
    """
    wanted: dict[str, set[str]] = defaultdict(set)
    asked = [_things(row) for row in rows]
    for things in asked:
        for kind, untrusted_id in things:
            wanted[kind].add(untrusted_id)
    found: dict[tuple[str, str], str] = {}
    for kind, ids in wanted.items():
        for question, key in _FINDS.get(kind, ()):
            left = [one for one in ids if (kind, one) not in found]
            for at in range(0, len(left), 500):
                answer: list[Any] = list(session.execute(question.where(key.in_(left[at : at + 500]))))
                found.update({(kind, row[0]): row[1] for row in answer if row[1]})
    return [
        _said(row) or next((found[thing] for thing in things if thing in found), None)
        for row, things in zip(rows, asked, strict=True)
    ]


def _said(row: Mapping[Any, Any]) -> str | None:
    given = row["centre_number"] or row["details"].get("centre")
    return given if isinstance(given, str) and 0 < len(given) <= 5 else None


def _things(row: Mapping[Any, Any]) -> list[tuple[str, str]]:
    if _said(row):
        return []
    things = [(row["object_kind"], row["object_id"])]
    details = row["details"]
    if isinstance(details.get("case"), str):
        things.append(("case", details["case"]))
    if isinstance(details.get("item"), str):
        things += [("sample_item", details["item"]), ("case", details["item"])]
    return [(kind, one) for kind, one in things if kind in _FINDS]
