"""The file ``ULINKS10.X13`` of one awarding body: unit links without the framework, 12 characters a record.

Source: measured on one genuine set of basedata: award (6) and unit (6), no header and no trailer. Which option a unit
belongs to is in the O and L files too, so nothing of it is kept: the file is checked and named in a warning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moderation.exchange.faults import Fault
from moderation.exchange.lines import Field, Findings, split_lines

RECORD_LENGTH = 12
_NAME = re.compile(r"ULINKS[0-9]{2}\.X[0-9]{2}", re.IGNORECASE)
_AWARD, _UNIT = Field("award", 1, 6), Field("unit", 7, 12)


@dataclass(frozen=True, slots=True)
class UnitLinks:
    """The links of a file, (award, unit) each, and its warnings."""

    links: tuple[tuple[str, str], ...]
    warnings: tuple[Fault, ...]


def is_unit_links(name: str, data: bytes) -> bool:
    """Say whether a file is one of unit links: it has the name, and does not begin as a file header does."""
    return _NAME.fullmatch(re.split(r"[/\\]", name)[-1]) is not None and data[1:2] != b"1"


def read_unit_links(name: str, data: bytes) -> UnitLinks:
    """Read a file of unit links; raises ``FileRefused`` with every fault located."""
    findings = Findings(name)
    links = []
    for number, line in enumerate(split_lines(data, findings), 1):
        award, unit = _AWARD.of(line), _UNIT.of(line)
        if len(line) > RECORD_LENGTH or not award or not unit:
            findings.error(
                "unit-link", number, _AWARD, "The record is not an award and a unit of six characters each.",
                "Check that this is the right file.",
            )  # fmt: skip
        links.append((award, unit))
    findings.refuse_if_any()
    findings.warn(
        "unit-links", None, None, f"The file holds {len(links)} unit links without headers; nothing of it is kept.",
        "The O and L files say the same.",
    )  # fmt: skip
    return UnitLinks(tuple(links), tuple(findings.warnings))
