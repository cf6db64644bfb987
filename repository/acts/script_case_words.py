"""Cases of scripts in plain words: what each kind is, what its centre is asked to do, what each reason and event says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from repository.acts.scan_words import REASON_WORDS as QUEUE_WORDS
from scripts.cases import CaseEventKind, Reason
from scripts.records.searching import Where

KIND_WORDS: Mapping[str, str] = MappingProxyType(
    {
        **QUEUE_WORDS,
        "register_differs_from_entries": "The register and the entries differ",
        "register_incomplete": "The register is not complete",
        "log_differs_from_register": "The despatch log and the register differ",
        "packet_count_over": "More scripts in a packet than were sealed in it",
        "register_present_no_script": "A script is not in its packet",
        "register_absent_script_found": "A script of somebody who was marked absent",
        "candidate_on_two_registers": "A candidate is on two registers",
        "pages_unaccounted": "Pages are not accounted for",
        "missing": "A script is missing",
        "packet_overdue": "A packet has not arrived",
        "packet_unseen": "A packet arrived, and none of its scripts has been seen",
        "damaged": "A packet arrived damaged",
        "opened_in_transit": "A packet was opened on its way",
        "wrong_component": "Scripts of another component in a packet",
        "duplicate_label": "Two packets with one label, or one at two places",
        "misrouted": "A packet went to another place",
        "lost": "The carrier reports a packet lost",
        "manual_handling": "A script is handled by hand",
        "contaminated": "A script is contaminated",
        "foreign_stationery": "Answers on another board’s paper",
        "missing_pages": "Pages of a script are missing",
        "rescan_after_release": "A script was scanned again after its images were released",
        "double_feed": "More sheets were fed than pages were scanned",
    }
)
ASKS: Mapping[str, str] = MappingProxyType(
    {
        "register_incomplete": "Mark every candidate on the register as present or absent. Silence does not count as absent.",
        "log_differs_from_register": "Compare the despatch log with the register, and say which of the two is wrong.",
        "register_absent_script_found": "Say whether this candidate sat the exam: look at the seating plan; ask who invigilated.",
        "candidate_on_two_registers": "Say at which of the two sittings this candidate sat.",
        "packet_unseen": "The packet is with the awarding body, who looks for its scripts. Keep your copy of the despatch log and "
        "of the register, and write below whatever was unusual when it was packed.",
        "lost": "Keep your copy of the despatch log and the proof of posting, and say what they show.",
    }
)
ASK_TO_LOOK = (
    "Please look for it today: in the despatch log, on the register, in the room where papers are locked away, and in the "
    "exam room. Ask the person who witnessed the sealing. Then write below what you found, even if it is nothing."
)
REASON_WORDS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.LOCATED_LATE: "It was found",
        Reason.COUNTING_ERROR: "It was miscounted: every script is here",
        Reason.REGISTER_ERROR: "The register was wrong",
        Reason.OTHER_ROUTE: "It travels another way",
        Reason.SPECIAL_ARRANGEMENTS: "Special arrangements: it does not come with the packet",
        Reason.MALPRACTICE_HOLD: "It is held for an enquiry",
        Reason.ESTIMATED_MARK: "Declared missing: the candidate gets an estimated mark",
        Reason.RESULT_X: "Declared missing: no result (X) is issued",
        Reason.RESCANNED: "It was scanned again",
        Reason.PAGES_SETTLED: "Every page was dealt with",
        Reason.OTHER: "Another reason",
    }
)
EVENT_WORDS: Mapping[CaseEventKind, str] = MappingProxyType(
    {
        CaseEventKind.OPENED: "Opened",
        CaseEventKind.ASSIGNED: "Given to somebody",
        CaseEventKind.COMMENTED: "Comment",
        CaseEventKind.DUE_CHANGED: "Another day was set",
        CaseEventKind.ALARM: "Alarm",
        CaseEventKind.REPLIED: "The centre answered",
        CaseEventKind.ANSWERED: "The difference is gone",
        CaseEventKind.CLOSED: "Closed",
        CaseEventKind.REOPENED: "Opened again",
        CaseEventKind.LOCATED: "The script was found",
    }
)
WHERE_WORDS: Mapping[Where, str] = MappingProxyType(
    {
        Where.SIBLING: "Other packets of the sitting",
        Where.BY_HAND: "Scripts handled by hand",
        Where.QUEUE: "Scanned pages whose owner is not known",
        Where.SAME_BATCH: "Other centres scanned in the same batch",
    }
)
TEAM_WORDS: Mapping[str, str] = MappingProxyType(
    {"tracking_clerk": "Script tracking", "ab_officer": "Awarding body officers"}
)
ALARM_WORDS: Mapping[str, str] = MappingProxyType(
    {"red": "Red", "amber": "Amber", "unknown": "Not known", "none": "None"}
)
ALARM_COLOURS: Mapping[str, str] = MappingProxyType(
    {"red": "red", "amber": "orange", "unknown": "grey", "none": "grey"}
)
STAGE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "not_logged": "Not in the despatch log yet",
        "logged": "In the log, not collected",
        "in_transit": "On its way",
        "received": "Packet arrived, not opened",
        "opened": "Packet opened, script not seen",
    }
)


def kind_words(kind: str) -> str:
    """Return what a kind of case is."""
    return KIND_WORDS.get(kind, kind.replace("_", " ").capitalize())


def ask_words(kind: str) -> str:
    """Return what the centre is asked to do about a case of this kind."""
    return ASKS.get(kind, ASK_TO_LOOK)


def subject_words(subject: str) -> str:
    """Return what a case is about within its sitting, in words."""
    what, _, which = subject.partition(":")
    if what == "packet":
        return f"Packet {which}"
    if what == "candidate":
        return f"Candidate {which}"
    return {"register": "Register", "log": "Despatch log", "pages": "Scanned pages", "bundle": "A scan bundle"}.get(
        what, subject
    )
