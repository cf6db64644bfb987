"""Tables of moderation: reference data, entries, marks, samples, outcomes and results.

People appear as opaque ``person_id`` texts; the service owns them. History rows are only ever added.
"""

from moderation.tables.amendments import CentreFeedback, MarkAmendment, SupportCall
from moderation.tables.base import NAMING_CONVENTION, Base, Instant, new_id
from moderation.tables.cases import CaseTransition, CentreMark, Consignment, ModerationCase, Sample, SampleItem, Visit
from moderation.tables.declarations import CandidateDeclaration, DeclarationRule
from moderation.tables.desk import CaseLook, CriterionMark, Message, SafeguardingConcern, Thread, ThreadReading
from moderation.tables.entries import Candidate, Centre, Consortium, ConsortiumMember, Entry
from moderation.tables.exchange import ImportTurn, WaitingFile
from moderation.tables.independence import Conflict, Involvement, PersonAlias
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
from moderation.tables.reports import Criterion, ModeratorReport, ReportLine
from moderation.tables.results import (
    ExternalMark,
    GateHeld,
    GateRun,
    GradeBoundary,
    OptionResult,
    ResultVersion,
    ResultWithdrawal,
)
from moderation.tables.reviews import (
    Appeal,
    ExternalMarkChange,
    MissingResult,
    PanelMember,
    ReviewConsent,
    ReviewMark,
    ReviewOutcome,
    ReviewRequest,
    ReviewTransition,
    ServiceTermsRow,
)
from moderation.tables.rules import PolicyRow, ProfileRow, RuleAssignment, SampleExemption, WorkRequest
from moderation.tables.standardisation import (
    ModeratorApproval,
    StandardisationPlan,
    StandardisationReading,
    StandardisationWork,
)
from moderation.tables.supervision import (
    CheckItem,
    MalpracticeHold,
    ModeratorCheck,
    PrincipalModerator,
    Suspicion,
    Team,
    TeamMember,
)
from moderation.tables.tracking import (
    EvidenceSlot,
    Extension,
    Incident,
    ItemFinding,
    MissingWork,
    Reminder,
    Reopening,
)

__all__ = [
    "NAMING_CONVENTION",
    "Allocation",
    "Appeal",
    "Base",
    "Candidate",
    "CandidateDeclaration",
    "CaseLook",
    "CaseTransition",
    "Centre",
    "CentreFeedback",
    "CentreMark",
    "CheckItem",
    "Component",
    "Conflict",
    "Consignment",
    "Consortium",
    "ConsortiumMember",
    "Criterion",
    "CriterionMark",
    "DeclarationRule",
    "DisallowedPair",
    "Entry",
    "EntryOption",
    "EvidenceSlot",
    "Extension",
    "ExternalMark",
    "ExternalMarkChange",
    "GateHeld",
    "GateRun",
    "GradeBoundary",
    "ImportFile",
    "ImportTurn",
    "Incident",
    "Instant",
    "Involvement",
    "ItemFinding",
    "MalpracticeHold",
    "MarkAmendment",
    "Message",
    "MissingResult",
    "MissingWork",
    "ModeratedMark",
    "ModerationCase",
    "ModeratorApproval",
    "ModeratorCheck",
    "ModeratorMark",
    "ModeratorReport",
    "OptionComponent",
    "OptionResult",
    "Outcome",
    "PanelMember",
    "PersonAlias",
    "PolicyRow",
    "PrincipalModerator",
    "ProfileRow",
    "Reminder",
    "Reopening",
    "ReportLine",
    "ResultVersion",
    "ResultWithdrawal",
    "ReviewConsent",
    "ReviewMark",
    "ReviewOutcome",
    "ReviewRequest",
    "ReviewTransition",
    "RuleAssignment",
    "SafeguardingConcern",
    "Sample",
    "SampleExemption",
    "SampleItem",
    "SeriesRow",
    "ServiceTermsRow",
    "StandardisationPlan",
    "StandardisationReading",
    "StandardisationWork",
    "SupportCall",
    "Suspicion",
    "Syllabus",
    "Team",
    "TeamMember",
    "Thread",
    "ThreadReading",
    "Visit",
    "WaitingFile",
    "WorkRequest",
    "new_id",
]
