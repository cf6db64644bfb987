"""The arithmetic that must close: entries, register, packets, receipts, scans; every gap is a case.

Absence needs the register, never silence; and what has not come yet is outstanding, not missing. Six equations, at the
level where each can fail: 1 entries, 2 the register, 3 scripts, 4 packets, 5 scans, 6 pages.

Source: project policy (domain: scripts, section 9).
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
    """One line of the register: the candidate, the mark, whether added by hand, and the explanation if there is one.

    ``late``: what it says was settled after the packets were logged, by a case: an explanation of a script that the log
    counted, or a candidate found to have been present whom the log did not count.
    """

    candidate_number: str
    state: RegisterState
    added: bool = False
    explained: Explanation | None = None
    late: bool = False


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
    sides: int | None = None
    """What the scanner had to make of those sheets: two pages of each, one where it scans fronts only; None: two of each."""

    @property
    def out(self) -> int:
        """Return how many pages ended somewhere, or wait in a queue."""
        return self.indexed + self.blank_confirmed + self.discarded + self.queued


@dataclass(frozen=True, slots=True)
class Equation:
    """One of the six equations with its figures, said of the sitting or of one ``subject`` in it."""

    number: int
    level: str
    words: str
    left: int
    right: int
    subject: str = ""

    @property
    def holds(self) -> bool:
        """Say whether both sides are the same."""
        return self.left == self.right


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
class SittingFacts:
    """All that the arithmetic of one sitting rests on.

    ``scanned``: candidates whose covers were seen; ``indexed``: those whose script stands; ``declared``: those whose
    script was declared missing and has not turned up; ``manual``: those whose script is here and is handled by hand;
    ``elsewhere``: candidates present on another register of the same component, ``seen_elsewhere``: those of them whose
    script was seen there; ``miscounts``: subjects of counts that were found to be wrong (``log``, ``packet:2``);
    ``entries``: counted where entries are kept, None to go by the register.
    """

    register: tuple[RegisterMark, ...] = ()
    packets: tuple[PacketFacts, ...] = ()
    scanned: frozenset[str] = frozenset()
    indexed: frozenset[str] = frozenset()
    pages: PageCounts = PageCounts()
    declared: frozenset[str] = frozenset()
    manual: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    seen_elsewhere: frozenset[str] = frozenset()
    miscounts: frozenset[str] = frozenset()
    entries: int | None = None


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
    declared: int
    manual: int
    logged: int
    received: int
    outstanding: int
    scanned: int
    indexed: int
    pages: PageCounts
    missing: tuple[str, ...]
    equations: tuple[Equation, ...]
    differences: tuple[Difference, ...]
    cases: tuple[CaseProposal, ...]

    @property
    def closes(self) -> bool:
        """Say whether everything is here or accounted for, indexed, and every page dealt with."""
        wanted = self.present - self.explained - self.declared - self.manual
        complete = self.indexed == wanted and self.unmarked == 0
        return complete and not self.differences and not self.cases and self.outstanding == 0 and self.pages.queued == 0


def reconcile(
    register: Iterable[RegisterMark],
    packets: Iterable[PacketFacts],
    *,
    scanned: frozenset[str] = frozenset(),
    indexed: frozenset[str] = frozenset(),
    pages: PageCounts | None = None,
) -> Reconciliation:
    """Add up one sitting of which nothing further is known; as ``add_up`` does."""
    return add_up(SittingFacts(tuple(register), tuple(packets), scanned, indexed, pages or PageCounts()))


def add_up(facts: SittingFacts) -> Reconciliation:
    """Add up one sitting and say what does not agree.

    Returns: the figures, the six equations, each that fails, and the cases they call for.
    Source: project policy (domain: scripts, section 9); absence needs the register.
    """
    return _Sum(facts).result()


class _Sum:
    """The adding up of one sitting, step by step."""

    def __init__(self, facts: SittingFacts) -> None:
        self.facts = facts
        self.bags = tuple(sorted(facts.packets, key=lambda packet: packet.number))
        by_state: dict[RegisterState, set[str]] = {state: set() for state in RegisterState}
        for mark in facts.register:
            by_state[mark.state].add(mark.candidate_number)
        self.by_state = by_state
        present = by_state[RegisterState.PRESENT]
        self.explained = frozenset(m.candidate_number for m in facts.register if m.explained) & present
        late = frozenset(m.candidate_number for m in facts.register if m.late) & present
        self.late_explained, self.late_present = late & self.explained, late - self.explained
        self.travelling = frozenset(present - self.explained)
        self.declared = facts.declared & self.travelling
        self.manual = (facts.manual & self.travelling) - self.declared - facts.scanned
        # Where a script was seen, declared missing, set aside or indexed at another sitting, it is not looked for here.
        self.settled = facts.scanned | self.declared | self.manual | facts.seen_elsewhere
        self.begun = tuple(bag for bag in self.bags if bag.opened is not None or bag.candidate_numbers & facts.scanned)
        self.equations: list[Equation] = []
        self.differences: list[Difference] = []
        self.cases: list[CaseProposal] = []
        self.missing: set[str] = set()

    def result(self) -> Reconciliation:
        facts, counts = self.facts, self.facts.pages
        self._register()
        logged = self._log()
        for bag in self.begun:
            self._packet(bag)
        self._outside()
        self._unexpected()
        self._scans()
        self._pages()
        added = sum(mark.added for mark in facts.register)
        return Reconciliation(
            entries=self._entries(added),
            withdrawn=len(self.by_state[RegisterState.WITHDRAWN]),
            added=added,
            expected=self._expected(),
            present=len(self.by_state[RegisterState.PRESENT]),
            absent=len(self.by_state[RegisterState.ABSENT]),
            unmarked=len(self.by_state[RegisterState.UNMARKED]),
            explained=len(self.explained),
            declared=len(self.declared),
            manual=len(self.manual),
            logged=logged,
            received=self._received(),
            outstanding=self._outstanding(),
            scanned=len(facts.scanned),
            indexed=len(facts.indexed),
            pages=counts,
            missing=tuple(sorted(self.missing)),
            equations=tuple(sorted(self.equations, key=lambda one: one.number)),
            differences=tuple(self.differences),
            cases=tuple(self.cases),
        )

    def _entries(self, added: int) -> int:
        return len(self.facts.register) - added if self.facts.entries is None else self.facts.entries

    def _expected(self) -> int:
        return len(self.facts.register) - len(self.by_state[RegisterState.WITHDRAWN])

    def _received(self) -> int:
        if not self.bags:
            return len(self.facts.scanned & self.travelling)
        return sum(self._in(bag) for bag in self.begun)

    def _in(self, bag: PacketFacts) -> int:
        """Return how many scripts of a packet are here: as counted at opening, unless that count was found wrong."""
        if bag.opened is None or _subject(bag) in self.facts.miscounts:
            return len(bag.candidate_numbers & self.facts.scanned) + len(bag.candidate_numbers & self.manual)
        return bag.opened

    def _outstanding(self) -> int:
        return sum(self._sent(bag) for bag in self.bags if bag not in self.begun)

    def _sent(self, bag: PacketFacts) -> int:
        """Return how many scripts of a packet are still expected to come out of it."""
        accounted = len(bag.candidate_numbers & (self.late_explained | self.declared))
        extra = len(bag.candidate_numbers & self.late_present)
        if bag.logged is None:
            return len(bag.candidate_numbers & self.travelling) - len(bag.candidate_numbers & self.declared)
        return bag.logged - accounted + extra

    def _register(self) -> None:
        """Equations 1 and 2."""
        unmarked = self.by_state[RegisterState.UNMARKED]
        withdrawn, added = len(self.by_state[RegisterState.WITHDRAWN]), sum(m.added for m in self.facts.register)
        expected, entries = self._expected(), self._entries(sum(m.added for m in self.facts.register))
        self._equation(1, "sitting", "expected = entries − withdrawn + added", expected, entries - withdrawn + added)
        if expected != entries - withdrawn + added:
            right = entries - withdrawn + added
            self.differences.append(Difference("sitting", "expected = entries - withdrawn + added", right, expected))
            self.cases.append(CaseProposal("register_differs_from_entries", "entries", (), abs(expected - right)))
        marked = expected - len(unmarked)
        self._equation(2, "sitting", "expected = present + absent", expected, marked)
        moving = bool(self.facts.scanned) or any(
            PACKET_ORDER.index(bag.state) >= PACKET_ORDER.index(PacketState.LOGGED) for bag in self.bags
        )
        if unmarked and moving:
            self.differences.append(Difference("sitting", "expected = present + absent", expected, marked))
            self.cases.append(CaseProposal("register_incomplete", "register", tuple(sorted(unmarked)), len(unmarked)))
        for number in sorted(self.facts.elsewhere & (self.travelling | self.declared)):
            self.differences.append(Difference("script", "present on one register", 1, 2, number))
            self.cases.append(CaseProposal("candidate_on_two_registers", f"candidate:{number}", (number,), 1))

    def _log(self) -> int:
        """Equation 4 over the whole sitting; 3 is said with it."""
        logged = sum(bag.logged for bag in self.bags if bag.logged is not None)
        at_despatch = len(self.travelling) + len(self.late_explained) - len(self.late_present)
        present, explained = len(self.by_state[RegisterState.PRESENT]), len(self.explained)
        here = self._received() + explained + len(self.declared) + self._outstanding()
        self._equation(3, "script", "present = received + explained + declared missing + outstanding", present, here)
        all_logged = bool(self.bags) and all(bag.logged is not None for bag in self.bags)
        if not all_logged or self.by_state[RegisterState.UNMARKED]:
            return logged
        self._equation(4, "sitting", "logged = present − explained at despatch", logged, at_despatch)
        proved = "log" in self.facts.miscounts and not self.travelling - self.settled
        # Whoever was found present later may have been counted in the log or not.
        if not at_despatch <= logged <= at_despatch + len(self.late_present) and not proved:
            self.differences.append(Difference("sitting", "logged = present - explained", at_despatch, logged))
            self.cases.append(CaseProposal("log_differs_from_register", "log", (), abs(logged - at_despatch)))
        return logged

    def _packet(self, bag: PacketFacts) -> None:
        """Equations 4 and 5 of one packet that has been opened or scanned."""
        subject, sent = _subject(bag), self._sent(bag)
        inside = bag.candidate_numbers & self.travelling
        unseen = inside - self.settled
        # A count is found wrong by the scripts themselves, and by nothing less.
        trusted = subject not in self.facts.miscounts or bool(unseen)
        if bag.opened is not None:
            self._equation(4, "packet", "opened = logged", bag.opened, sent, subject)
            if bag.opened != sent and trusted:
                self.differences.append(Difference("packet", "opened = logged", sent, bag.opened, subject))
                if bag.opened > sent:
                    self.cases.append(CaseProposal("packet_count_over", subject, (), bag.opened - sent, bag.number))
        counted = max(0, sent - bag.opened) if bag.opened is not None and trusted else 0
        named = len(unseen) if bag.candidate_numbers & self.facts.scanned else 0
        if named > counted:
            self.differences.append(
                Difference("packet", "scanned = received", len(inside), len(inside) - named, subject)
            )
        if (count := max(counted, named)) and unseen:
            # Once scanning has begun, only those whose cover was not seen can be the ones.
            numbers = tuple(sorted(unseen))
            self.cases.append(
                CaseProposal("register_present_no_script", subject, numbers, min(count, len(unseen)), bag.number)
            )
            self.missing |= unseen

    def _outside(self) -> None:
        """Equation 3 for scripts that are planned in no packet."""
        planned = frozenset[str]().union(*(bag.candidate_numbers for bag in self.bags))
        outside = frozenset[str]()
        if self.bags and len(self.begun) == len(self.bags):
            outside = self.travelling - planned - self.settled
        elif not self.bags and self.facts.scanned:
            outside = self.travelling - self.settled
        for number in sorted(outside):
            self.differences.append(Difference("script", "present = received + explained", 1, 0, number))
            self.cases.append(CaseProposal("register_present_no_script", f"candidate:{number}", (number,), 1))
        self.missing |= outside

    def _unexpected(self) -> None:
        """A script of somebody who was absent, by the register."""
        for number in sorted(self.facts.scanned & self.by_state[RegisterState.ABSENT]):
            self.differences.append(Difference("script", "absent = no script", 0, 1, number))
            self.cases.append(CaseProposal("register_absent_script_found", f"candidate:{number}", (number,), 1))

    def _scans(self) -> None:
        """Equation 5; what is seen and not indexed waits in a queue, which has its own case."""
        facts = self.facts
        if facts.scanned:
            waiting = sum(self._in(bag) for bag in self.begun if not bag.candidate_numbers & facts.scanned)
            here = self._received() - len(self.manual) - waiting
            self._equation(5, "script", "scanned = received − handled by hand", len(facts.scanned), here)
        self._equation(5, "script", "indexed = scanned", len(facts.indexed), len(facts.scanned))

    def _pages(self) -> None:
        """Equation 6."""
        counts = self.facts.pages
        self._equation(6, "page", "pages in = indexed + blank + discarded + queued", counts.pages_in, counts.out)
        if counts.out != counts.pages_in:
            self.differences.append(Difference("page", "pages in = pages out", counts.pages_in, counts.out))
            self.cases.append(CaseProposal("pages_unaccounted", "pages", (), abs(counts.pages_in - counts.out)))
        if counts.sheets is not None:
            sides = 2 * counts.sheets if counts.sides is None else counts.sides
            self._equation(6, "page", "pages in = 2 × sheets fed", counts.pages_in, sides)
            if counts.pages_in != sides:
                # The bundle at which it appeared has its case already.
                self.differences.append(Difference("page", "pages = 2 × sheets", sides, counts.pages_in))

    def _equation(self, number: int, level: str, words: str, left: int, right: int, subject: str = "") -> None:
        self.equations.append(Equation(number, level, words, left, right, subject))


def _subject(bag: PacketFacts) -> str:
    return f"packet:{bag.number}"
