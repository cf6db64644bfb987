"""The arithmetic that must close: entries, register, packets, receipts, scans; every gap is a case.

Absence needs the register, never silence; and what has not come yet is outstanding, not missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from scripts.tracking import PACKET_ORDER, PacketState


class RegisterState(StrEnum):
    """What the attendance register says of a candidate.

    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/
    """

    UNMARKED = "unmarked"
    PRESENT = "present"
    ABSENT = "absent"
    WITHDRAWN = "withdrawn"


class Explanation(StrEnum):
    """Why the script of a present candidate is not among the packets.

    Source: project policy (domain: scripts, section 9, equation 3).
    """

    OTHER_ROUTE = "other_route"
    SPECIAL_ARRANGEMENTS = "special_arrangements"
    REGISTER_ERROR = "register_error"
    MALPRACTICE_HOLD = "malpractice_hold"


@dataclass(frozen=True, slots=True)
class RegisterMark:
    """One line of the register: the candidate, the mark, whether added by hand, and the explanation if there is one."""

    candidate_number: str
    state: RegisterState
    added: bool = False
    explained: Explanation | None = None


@dataclass(frozen=True, slots=True)
class PacketFacts:
    """What is known of one packet: its planned candidates, how far it is, and the counts at sealing and at opening."""

    number: int
    candidate_numbers: frozenset[str]
    state: PacketState
    logged: int | None = None
    opened: int | None = None


@dataclass(frozen=True, slots=True)
class PageCounts:
    """Pages of the scanned bundles of a sitting; ``sheets`` counted by the feeder, None when a bundle had no count."""

    pages_in: int = 0
    indexed: int = 0
    blank_confirmed: int = 0
    discarded: int = 0
    queued: int = 0
    sheets: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """An equation that does not hold: where, what was expected, what was found."""

    level: str
    equation: str
    expected: int
    found: int
    subject: str = ""


@dataclass(frozen=True, slots=True)
class CaseProposal:
    """A case that a difference calls for; ``candidate_numbers`` are those it can be about, ``count`` how many it is."""

    kind: str
    subject: str
    candidate_numbers: tuple[str, ...]
    count: int
    packet_number: int | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One sitting, added up.

    ``outstanding``: scripts in packets that have neither been opened nor scanned; ``missing``: candidates marked present
    whose script should be here by now and is not (every candidate it can be, when only the count is known).
    """

    entries: int
    withdrawn: int
    added: int
    expected: int
    present: int
    absent: int
    unmarked: int
    explained: int
    logged: int
    received: int
    outstanding: int
    scanned: int
    indexed: int
    pages: PageCounts
    missing: tuple[str, ...]
    differences: tuple[Difference, ...]
    cases: tuple[CaseProposal, ...]

    @property
    def closes(self) -> bool:
        """Say whether everything is here, indexed, and every page dealt with."""
        complete = self.indexed == self.present - self.explained and self.unmarked == 0
        return complete and not self.differences and not self.cases and self.outstanding == 0 and self.pages.queued == 0


def reconcile(
    register: Iterable[RegisterMark],
    packets: Iterable[PacketFacts],
    *,
    scanned: frozenset[str] = frozenset(),
    indexed: frozenset[str] = frozenset(),
    pages: PageCounts | None = None,
) -> Reconciliation:
    """Add up one sitting and say what does not agree.

    Takes: the register; the packets; ``scanned``: candidates whose covers were seen; ``indexed``: those whose script
        stands; ``pages``: counts over the bundles.
    Returns: the figures, each failing equation, and the cases they call for.
    Source: project policy (domain: scripts, section 9); absence needs the register.
    """
    marks, bags = tuple(register), tuple(sorted(packets, key=lambda packet: packet.number))
    present = _having(marks, RegisterState.PRESENT)
    absent = _having(marks, RegisterState.ABSENT)
    explained = frozenset(mark.candidate_number for mark in marks if mark.explained) & present
    travelling = present - explained
    added = sum(mark.added for mark in marks)
    withdrawn = len(_having(marks, RegisterState.WITHDRAWN))
    begun = tuple(bag for bag in bags if bag.opened is not None or bag.candidate_numbers & scanned)
    planned = frozenset[str]().union(*(bag.candidate_numbers for bag in bags))
    received = sum(bag.opened if bag.opened is not None else len(bag.candidate_numbers & scanned) for bag in begun)
    if not bags:
        received = len(scanned & travelling)
    waiting = sum(_sent(bag, travelling) for bag in bags if bag not in begun)
    counts = pages or PageCounts()
    differences: list[Difference] = []
    cases: list[CaseProposal] = []
    moving = bool(scanned) or any(
        PACKET_ORDER.index(bag.state) >= PACKET_ORDER.index(PacketState.LOGGED) for bag in bags
    )
    unmarked = len(_having(marks, RegisterState.UNMARKED))
    if unmarked and moving:
        expected = len(present) + len(absent) + unmarked
        differences.append(Difference("sitting", "expected = present + absent", expected, expected - unmarked))
        cases.append(CaseProposal("register_incomplete", "register", _sorted(marks, RegisterState.UNMARKED), unmarked))
    logged = sum(bag.logged for bag in bags if bag.logged is not None)
    if bags and not unmarked and all(bag.logged is not None for bag in bags) and logged != len(travelling):
        differences.append(Difference("sitting", "logged = present - explained", len(travelling), logged))
        cases.append(CaseProposal("log_differs_from_register", "log", (), abs(logged - len(travelling))))
    short: list[str] = []
    for bag in begun:
        found, case = _packet(bag, travelling, scanned)
        differences += found
        cases += case
        short += [
            number for one in case if one.kind == "register_present_no_script" for number in one.candidate_numbers
        ]
    outside = travelling - planned - scanned if bags and len(begun) == len(bags) else frozenset[str]()
    if not bags and scanned:
        outside = travelling - scanned
    for number in sorted(outside):
        differences.append(Difference("script", "present = received + explained", 1, 0, number))
        cases.append(CaseProposal("register_present_no_script", f"candidate:{number}", (number,), 1))
    for number in sorted(scanned & absent):
        differences.append(Difference("script", "absent = no script", 0, 1, number))
        cases.append(CaseProposal("register_absent_script_found", f"candidate:{number}", (number,), 1))
    differences += _pages(counts)
    return Reconciliation(
        entries=len(marks) - added,
        withdrawn=withdrawn,
        added=added,
        expected=len(marks) - withdrawn,
        present=len(present),
        absent=len(absent),
        unmarked=unmarked,
        explained=len(explained),
        logged=logged,
        received=received,
        outstanding=waiting,
        scanned=len(scanned),
        indexed=len(indexed),
        pages=counts,
        missing=tuple(sorted({*short, *outside})),
        differences=tuple(differences),
        cases=tuple(cases),
    )


def _having(marks: Iterable[RegisterMark], state: RegisterState) -> frozenset[str]:
    return frozenset(mark.candidate_number for mark in marks if mark.state is state)


def _sorted(marks: Iterable[RegisterMark], state: RegisterState) -> tuple[str, ...]:
    return tuple(sorted(_having(marks, state)))


def _sent(bag: PacketFacts, travelling: frozenset[str]) -> int:
    return bag.logged if bag.logged is not None else len(bag.candidate_numbers & travelling)


def _packet(
    bag: PacketFacts, travelling: frozenset[str], scanned: frozenset[str]
) -> tuple[list[Difference], list[CaseProposal]]:
    """Compare one packet that has been opened or scanned with what was sealed in it."""
    subject = f"packet:{bag.number}"
    differences: list[Difference] = []
    cases: list[CaseProposal] = []
    inside = bag.candidate_numbers & travelling
    unseen = inside - scanned
    if bag.opened is not None and bag.opened != (sent := _sent(bag, travelling)):
        differences.append(Difference("packet", "opened = logged", sent, bag.opened, subject))
        if bag.opened > sent:
            cases.append(CaseProposal("packet_count_over", subject, (), bag.opened - sent, bag.number))
    counted = max(0, _sent(bag, travelling) - bag.opened) if bag.opened is not None else 0
    named = len(unseen) if bag.candidate_numbers & scanned else 0
    if named > counted:
        differences.append(Difference("packet", "scanned = received", len(inside), len(inside) - named, subject))
    if (count := max(counted, named)) and unseen:
        # Once scanning has begun, only those whose cover was not seen can be the ones.
        cases.append(
            CaseProposal(
                "register_present_no_script", subject, tuple(sorted(unseen)), min(count, len(unseen)), bag.number
            )
        )
    return differences, cases


def _pages(counts: PageCounts) -> list[Difference]:
    out = counts.indexed + counts.blank_confirmed + counts.discarded + counts.queued
    found = []
    if out != counts.pages_in:
        found.append(Difference("page", "pages in = pages out", counts.pages_in, out))
    if counts.sheets is not None and counts.pages_in != 2 * counts.sheets:
        found.append(Difference("page", "pages = 2 × sheets", 2 * counts.sheets, counts.pages_in))
    return found
