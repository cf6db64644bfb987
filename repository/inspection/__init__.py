"""Runs the inspector child on a document and believes nothing it says until it is checked here.

``words`` has every sentence that a person reads of a file; ``children`` runs a child in its bounds; ``verdicts`` checks
what it answers.
"""

from repository.inspection.children import BUNDLE_LIMITS, DOCUMENT_LIMITS, Limits, find_sandbox
from repository.inspection.inspecting import Frames, Inspection, choose
from repository.inspection.verdicts import Verdict
from repository.inspection.words import RemedyKind

__all__ = [
    "BUNDLE_LIMITS",
    "DOCUMENT_LIMITS",
    "Frames",
    "Inspection",
    "Limits",
    "RemedyKind",
    "Verdict",
    "choose",
    "find_sandbox",
]
