"""Tables of moderation: reference data, entries, marks, samples, outcomes and results.

People appear as opaque ``person_id`` texts; the service owns them. History rows are only ever added.
"""

from moderation.tables.base import NAMING_CONVENTION, Base, Instant, new_id
from moderation.tables.cases import CaseTransition, CentreMark, Consignment, ModerationCase, Sample, SampleItem, Visit
from moderation.tables.entries import Candidate, Centre, Consortium, ConsortiumMember, Entry
from moderation.tables.marking import Allocation, ModeratedMark, ModeratorMark, Outcome
from moderation.tables.reference import (
    Component,
    DisallowedPair,
    EntryOption,
    ImportFile,
    OptionComponent,
    SeriesRow,
    Syllabus,
)
from moderation.tables.results import ExternalMark, GradeBoundary, OptionResult, ResultVersion

__all__ = [
    "NAMING_CONVENTION",
    "Allocation",
    "Base",
    "Candidate",
    "CaseTransition",
    "Centre",
    "CentreMark",
    "Component",
    "Consignment",
    "Consortium",
    "ConsortiumMember",
    "DisallowedPair",
    "Entry",
    "EntryOption",
    "ExternalMark",
    "GradeBoundary",
    "ImportFile",
    "Instant",
    "ModeratedMark",
    "ModerationCase",
    "ModeratorMark",
    "OptionComponent",
    "OptionResult",
    "Outcome",
    "ResultVersion",
    "Sample",
    "SampleItem",
    "SeriesRow",
    "Syllabus",
    "Visit",
    "new_id",
]
