"""Results as XML in the shape of an A2C message. A2C-LIKE, NOT CERTIFIED: the schemas are not public.

The shape is one that a school system reads: five data blocks (parties, their names, relationships, roles, outcomes). What
that shape does not show, a candidate's grade and indicator and the raw mark of a component, stands in outcomes of types
of this project's own. One file holds one centre.
Source: https://www.jcq.org.uk/about-a2c/a2c-specification-download for the sections; project policy for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from xml.sax.saxutils import escape

from moderation.entries import Series
from moderation.exchange.faults import FileRefused
from moderation.exchange.results_values import CandidateResult, CentreResults
from moderation.exchange.results_xml_reading import (
    ASSESSABLE,
    AWARD,
    BLOCKS,
    CANDIDATE_NUMBER,
    GRADE,
    INDICATOR,
    MARK,
    MAXIMUM,
    MAXIMUM_WEIGHTED,
    NAMESPACE,
    RAW,
    ROOT,
    STATUS,
    STATUS_OF_FLAG,
    TRANSACTION,
    UCI,
    read_results_xml,
)

LABEL = "A2C-like, not certified"
SCHEMA_VERSION, EXCHANGE_VERSION = "10.7", "2020"
_NOT_XML = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_ARRIVES_CHANGED = "\r"
"""Every XML parser reads it as a line feed, so that it would not come back."""


def write_results_xml(
    series: Series, centre: CentreResults, *, message_id: str, sent_at: datetime, issued_at: datetime
) -> tuple[str, bytes]:
    """Return name and content of a message of one centre's results, which our own reader has read back.

    Takes: ``message_id``, a UUID; ``sent_at`` and ``issued_at``, instants with their zone.
    Raises: ``ValueError`` naming a value that XML cannot carry, or results that did not come back as they were.
    """
    if sent_at.tzinfo is None or issued_at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    pieces = _pieces(series, centre, message_id, sent_at, issued_at)
    content = "\n".join(pieces).encode("utf-8") + b"\n"
    name = f"a2c.{centre.centre_number}.{series.awarding_body}.EDIResults.{message_id}.xml"
    try:
        read = read_results_xml(name, content)
    except FileRefused as refused:
        raise ValueError(f"the file could not be read back: {refused.faults[0]}") from refused
    if read.results != centre or read.unknown:
        raise ValueError("the file does not come back from our own reader as it was written")
    return name, content


def _pieces(
    series: Series, centre: CentreResults, message_id: str, sent_at: datetime, issued_at: datetime
) -> Iterator[str]:
    body, number = series.awarding_body, centre.centre_number
    learners = {_learner(centre, row): row for row in centre.rows}
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f"<!-- {LABEL}. Made in the shape of an A2C message of results; its schemas are not public. -->"
    yield f'<{ROOT} xmlns="{NAMESPACE}">'
    yield _element(
        "MsgHeader",
        _element(
            "MsgInfo",
            _text("MessageID", message_id),
            _text("TimeStamp", sent_at.isoformat(timespec="seconds")),
            _text("Sequence", str(centre.release)),
            _element("Initiator_Data", _text("Initiator_Party_Id", body)),
            _element("Receiver_Data", _text("Receiver_Party_Id", number)),
            _text("SchemaVersion", SCHEMA_VERSION),
            _text("Exchange_Name", "JCQ-A2C"),
            _text("ExchangeSpec_Version", EXCHANGE_VERSION),
        ),
        _element("TransactionInfo", _text("TransactionName", TRANSACTION)),
    )
    writers = (_parties, _names, _relationships, _roles)
    for name, writer in zip(BLOCKS, writers, strict=False):
        yield from _block(name, writer(body, number, learners))
    yield from _block(
        BLOCKS[-1], (_outcome(body, _learner(centre, row), row, series, issued_at) for row in centre.rows)
    )
    yield f"</{ROOT}>"


def _block(name: str, members: Iterator[str]) -> Iterator[str]:
    yield f"<DataBlock>{_text('DataBlockName', name)}<{name}_DS>"
    yield from members
    yield f"</{name}_DS></DataBlock>"


def _learner(centre: CentreResults, row: CandidateResult) -> str:
    """Return a learner's key in the message: the UCI, or centre and candidate number where there is none."""
    return row.uci or f"{centre.centre_number}-{row.candidate_number}"


def _parties(body: str, centre: str, learners: Mapping[str, CandidateResult]) -> Iterator[str]:
    for one in (body, centre):
        yield _element("Party", _text("Party_Id", one), _text("Party_Type", "Organisation"))
    for key, row in learners.items():
        born = _text("Date_Of_Birth", row.born_on.isoformat()) if row.born_on else ""
        yield _element("Party", _text("Party_Id", key), _text("Party_Type", "Person"), born)


def _names(_body: str, _centre: str, learners: Mapping[str, CandidateResult]) -> Iterator[str]:
    for key, row in learners.items():
        parts = [
            _element(
                "PartyName_CN",
                _text("Component_Type", kind),
                _text("Component_Sequence", str(place)),
                _text("Component_Value", value),
            )
            for place, (kind, value) in enumerate((("Given", row.forenames), ("Family", row.surname)), 1)
        ]
        full = f"{row.forenames} {row.surname}".strip()
        yield _element("PartyName", _text("Party_Id", key), _text("Full", full), *parts)


def _relationships(body: str, _centre: str, learners: Mapping[str, CandidateResult]) -> Iterator[str]:
    for key in learners:
        yield _element("PartyRelationship", _relationship(body, key))


def _relationship(body: str, learner: str) -> str:
    return _element("PartyRelationship_ID", _text("Party_Id_Originator", body), _text("Learner_Party_Id", learner))


def _roles(body: str, centre: str, learners: Mapping[str, CandidateResult]) -> Iterator[str]:
    def role(party: str, name: str, kind: str, value: str) -> str:
        return _element(
            "PartyRelationshipRole",
            _text("Party_Id", party),
            _text("Role", name),
            _text("Identifier_Type", kind),
            _text("Identifier", value),
        )

    yield role(centre, "Centre", "NCN", centre)
    yield role(body, "Awarding Organisation", "Awarding Body", body)
    for key, row in learners.items():
        yield role(key, "Learner", CANDIDATE_NUMBER, row.candidate_number)
        if row.uci:
            yield role(key, "Learner", UCI, row.uci)
        yield role(key, "Learner", "AO Assigned Learner Identifier", key)


def _outcome(body: str, learner: str, row: CandidateResult, series: Series, issued_at: datetime) -> str:
    starts = f"20{series.year:02d}-{int(series.code[0], 16):02d}-01T00:00:00Z"

    def value(code: str, kind: str, value_type: str, text: str) -> str:
        return _element(
            "QEOutcome_CN",
            _element(
                "QualificationElementOutcome_ID",
                _text("Awarding_Organisation_Party_Id", body),
                _text("AO_Qualification_Element_Id", code),
                _text("Qualification_Element_Type", kind),
                _text("QEA_Effective_Start_Date_Time", starts),
                _text("QE_Outcome_Type", "Result"),
                _text("QE_Outcome_Value_Type", value_type),
                _text("QE_Outcome_Date_Time", issued_at.isoformat(timespec="seconds")),
            ),
            _text("QE_Outcome_Value", text),
            _text("QE_Outcome_Date", issued_at.date().isoformat()),
            _text("QE_Outcome_Status_Type", "Issued"),
        )

    found = [(row.option_code, AWARD, MARK, row.total), (row.option_code, AWARD, GRADE, row.grade)]
    found.append((row.option_code, AWARD, INDICATOR, row.indicator))
    for part in row.components:
        raw = "" if part.mark is None else str(part.mark)
        found += [
            (part.component_code, ASSESSABLE, kind, text)
            for kind, text in (
                (MARK, part.weighted_mark),
                (RAW, raw),
                (STATUS, STATUS_OF_FLAG.get(part.flag, "")),
                (MAXIMUM, str(part.maximum_mark)),
                (MAXIMUM_WEIGHTED, part.weighted_maximum),
            )
        ]
    # The option has to be named, or what it is that the components belong to would be lost.
    is_named = any(text for _, kind, _, text in found if kind == AWARD)
    parts = [] if is_named else [value(row.option_code, AWARD, MARK, "")]
    parts += [value(*one) for one in found if one[3]]
    return _element("QEOutcome", _relationship(body, learner), *parts)


def _element(name: str, *inside: str) -> str:
    return f"<{name}>{''.join(inside)}</{name}>"


def _text(name: str, text: str) -> str:
    if _NOT_XML.search(text) or _ARRIVES_CHANGED in text:
        raise ValueError(f"{name} holds a character that XML cannot carry")
    return f"<{name}>{escape(text)}</{name}>"
