"""The custody line of a script: from packing to the archive, what is known of each step, of what, and what is due next.

Nothing is green by assumption. A step is known of the script only by an event of that script; what happened to its packet
is shown as known of the packet, because nobody saw then that the script was inside. What nobody recorded is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from types import MappingProxyType

from scripts.clocks import DEFAULT_CLOCKS, Calendar
from scripts.states import PacketState

WITHDRAWN = "withdrawn"
_NOON = time(12, tzinfo=UTC)


class About(StrEnum):
    """What an event was seen to happen to."""

    SCRIPT = "script"
    PACKET = "packet"


class Step(StrEnum):
    """The hand-overs of a script, in order.

    Source: project policy (domain: scripts, section 12).
    """

    PACKED = "packed"
    COLLECTED = "collected"
    DELIVERED = "delivered"
    OPENED = "opened"
    SCANNED = "scanned"
    INDEXED = "indexed"
    QUALITY_CHECKED = "quality_checked"
    MARKED = "marked"
    ARCHIVED = "archived"


STEPS: tuple[Step, ...] = tuple(Step)
OF_PACKET: Mapping[str, Step] = MappingProxyType(
    {
        "packed": Step.PACKED,
        "logged": Step.PACKED,
        "collected": Step.COLLECTED,
        "received": Step.DELIVERED,
        "opened": Step.OPENED,
    }
)
OF_SCRIPT: Mapping[str, Step] = MappingProxyType(
    {
        "in_packet": Step.PACKED,
        "received": Step.OPENED,
        "scanned": Step.SCANNED,
        "rescanned": Step.SCANNED,
        "indexed": Step.INDEXED,
        "indexed_by_hand": Step.INDEXED,
        "quality_checked": Step.QUALITY_CHECKED,
        "marked": Step.MARKED,
        "archived": Step.ARCHIVED,
        "returned": Step.ARCHIVED,
        "destroyed": Step.ARCHIVED,
    }
)
"""Which event is which step; other events are in the history and are no step."""
BY_THE_LOG = frozenset({"in_packet"})
"""Events of a script that the log of its packet only says: they prove nothing about the script."""
IMPLIED: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {"indexed": (Step.SCANNED,), "indexed_by_hand": (Step.SCANNED,)}
)
"""A script whose pages are indexed was scanned: the pages themselves show it."""


class Standing(StrEnum):
    """What is known of one step of one script.

    ``script``: seen of the script itself. ``packet``: seen of its packet only. ``waiting``: it is next, and its time is
    not over, or none is set. ``late``: its time is over, and still within the days of grace. ``overdue``: it should long
    have happened. ``unknown``: nobody recorded it, and what came after it, or the register, does not say. ``ahead``:
    something else comes first. ``none``: a step that this script does not take.
    """

    SCRIPT = "script"
    PACKET = "packet"
    WAITING = "waiting"
    LATE = "late"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"
    AHEAD = "ahead"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Clock:
    """When a step is due: so many working days after ``since`` happened, and red so many days after it happened."""

    since: Step | None
    working_days: int
    red_after: int


_OF_PACKETS = DEFAULT_CLOCKS.days
POLICY: Mapping[Step, Clock] = MappingProxyType(
    {
        Step.PACKED: Clock(None, *_OF_PACKETS[PacketState.PACKED]),
        Step.COLLECTED: Clock(None, *_OF_PACKETS[PacketState.COLLECTED]),
        Step.DELIVERED: Clock(Step.COLLECTED, *_OF_PACKETS[PacketState.RECEIVED]),
        Step.OPENED: Clock(Step.DELIVERED, *_OF_PACKETS[PacketState.OPENED]),
        Step.SCANNED: Clock(Step.OPENED, *_OF_PACKETS[PacketState.RECONCILED]),
        Step.INDEXED: Clock(Step.SCANNED, 1, 2),
        Step.QUALITY_CHECKED: Clock(Step.INDEXED, 2, 5),
    }
)
"""When each step is due: after the day of the examination, or after the step named. The steps of packets have the clocks
of packets; a sitting is added up one working day after opening, and only what is scanned can be added up. Marking and
archiving have no clock here, because the marking period is the awarding body's.

Source: project policy (domain: scripts, sections 7, 9 and 12); indexing and the quality check are defaults of ours.
"""


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One thing that was recorded about a script or its packet, with both clocks.

    ``actor`` is who, as the record names them; pages show the role. ``chain_sha256``: its link in the chain of its packet.
    """

    id: str
    about: About
    kind: str
    occurred_at: datetime
    received_at: datetime
    actor: str
    place: str
    source: str = ""
    corrects_id: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    chain_sha256: str = ""

    @property
    def clocks_differ(self) -> bool:
        """Return whether we learnt of it a minute or more away from when it is said to have happened."""
        return abs((self.received_at - self.occurred_at).total_seconds()) >= 60

    @property
    def count(self) -> int | None:
        """Return how many scripts or pages were counted, where somebody counted."""
        for name in ("script_count", "pages"):
            found = self.details.get(name)
            if isinstance(found, int) and not isinstance(found, bool):
                return found
            if name == "pages" and isinstance(found, list | tuple):
                return len(found)
        return None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """An event in the history; ``struck_by`` is the later event that took it back or corrected it."""

    event: CustodyEvent
    struck_by: CustodyEvent | None = None


@dataclass(frozen=True, slots=True)
class StepMark:
    """What is known of one step: how it stands, the event that says so, and when it is due where it is next."""

    step: Step
    standing: Standing
    event: CustodyEvent | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """What is known of a script beside its events.

    ``register``: the candidate's mark on the register; ``explained``: why the script does not travel with the packets.
    """

    script_id: str
    candidate_number: str
    state: str
    pages: int
    held_on: date
    register: str = ""
    explained: str = ""
    packet_id: str | None = None
    packet_number: int | None = None
    packets: int | None = None
    sides: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()

    @property
    def is_expected(self) -> bool:
        """Return whether there should be a script: the candidate is not absent or withdrawn, or one was seen all the same."""
        return self.register not in {"absent", "withdrawn"} or self.pages > 0


@dataclass(frozen=True, slots=True)
class CustodyLine:
    """The custody of one script: its steps, and its whole history in order of our receipt."""

    script: ScriptFacts
    marks: tuple[StepMark, ...]
    history: tuple[HistoryLine, ...]
    ended: CustodyEvent | None = None
    """The event by which the script was given back or destroyed, if it was."""

    @property
    def last(self) -> StepMark | None:
        """Return the furthest step that anything is known of."""
        known = [mark for mark in self.marks if mark.standing in {Standing.SCRIPT, Standing.PACKET}]
        return known[-1] if known else None

    @property
    def next(self) -> StepMark | None:
        """Return the step that is awaited now; None when nothing is."""
        last = self.last
        place = STEPS.index(last.step) + 1 if last is not None else 0
        return next((mark for mark in self.marks[place:] if mark.standing not in {Standing.NONE, Standing.AHEAD}), None)

    @property
    def alarm(self) -> Standing:
        """Return the worst that is true of the line: overdue, late, unknown, or how its last step stands."""
        if not self.script.is_expected:
            return Standing.NONE
        awaited = self.next
        if awaited is not None:
            return awaited.standing
        return self.last.standing if self.last is not None else Standing.UNKNOWN

    @property
    def unknown(self) -> tuple[Step, ...]:
        """Return the steps that must have happened, or should have by now, and that nobody recorded of the script itself."""
        return tuple(
            mark.step
            for mark in self.marks
            if mark.standing in {Standing.UNKNOWN, Standing.PACKET, Standing.LATE, Standing.OVERDUE}
        )


def custody_line(
    script: ScriptFacts,
    events: Iterable[CustodyEvent],
    *,
    now: datetime,
    calendar: Calendar,
    policy: Mapping[Step, Clock] = POLICY,
) -> CustodyLine:
    """Return the custody line of a script from the events of the script and of its packet, in whatever order they came.

    Takes: ``calendar``, working days; ``policy``, the clocks.
    Returns: the line. An event that was taken back or corrected counts for no step and stays in the history, struck.
    Source: project policy (domain: scripts, section 12): red when overdue, grey when unknown, never green by assumption.
    """
    ordered = sorted(events, key=_receipt_order)
    struck = _struck(ordered)
    history = tuple(HistoryLine(event, struck.get(event.id)) for event in ordered)
    standing = [line.event for line in history if line.struck_by is None and line.event.kind != WITHDRAWN]
    if not script.is_expected:
        return CustodyLine(script, tuple(StepMark(step, Standing.NONE) for step in STEPS), history)
    known = _known(standing)
    last = max((STEPS.index(step) for step in known), default=-1)
    # A script that does not travel with the packets passes none of their steps.
    passed = frozenset(STEPS[: STEPS.index(Step.SCANNED)]) - known.keys() if script.explained else frozenset()
    awaited = next((place for place, step in enumerate(STEPS) if place > last and step not in passed), None)
    marks = []
    for place, step in enumerate(STEPS):
        if step in known:
            marks.append(known[step])
        elif step in passed:
            marks.append(StepMark(step, Standing.NONE))
        elif place == awaited:
            marks.append(_awaited(step, script, known, now, calendar, policy))
        else:
            marks.append(StepMark(step, Standing.UNKNOWN if place < last else Standing.AHEAD))
    ended = next((event for event in reversed(standing) if event.kind in {"returned", "destroyed"}), None)
    return CustodyLine(script, tuple(marks), history, ended)


def _receipt_order(event: CustodyEvent) -> tuple[object, ...]:
    # Our clock first, theirs kept; the journey's order only so that one receipt time still gives one order.
    step = OF_PACKET.get(event.kind) if event.about is About.PACKET else OF_SCRIPT.get(event.kind)
    rank = STEPS.index(step) if step is not None else -1
    return (event.received_at, rank, event.occurred_at, str(event.about), event.id)


def _struck(ordered: list[CustodyEvent]) -> dict[str, CustodyEvent]:
    """Return event id → what took it back or corrected it; what is taken back itself strikes nothing."""
    found: dict[str, CustodyEvent] = {}
    for event in reversed(ordered):
        if event.corrects_id is not None and event.id not in found:
            found[event.corrects_id] = event
    return found


def _known(standing: list[CustodyEvent]) -> dict[Step, StepMark]:
    """Return the steps that something is known of: of the script where any event is the script's own."""
    found: dict[Step, StepMark] = {}
    for event in standing:
        of_packet = event.about is About.PACKET
        step = OF_PACKET.get(event.kind) if of_packet else OF_SCRIPT.get(event.kind)
        if step is None:
            continue
        seen = Standing.PACKET if of_packet or event.kind in BY_THE_LOG else Standing.SCRIPT
        for each in (step, *(() if of_packet else IMPLIED.get(event.kind, ()))):
            before = found.get(each)
            firmer = before is not None and before.standing is Standing.PACKET and seen is Standing.SCRIPT
            # The end is the last that happened: out of the archive a script is given back or destroyed.
            further = before is not None and each is Step.ARCHIVED
            if before is None or firmer or further:
                found[each] = StepMark(each, seen, event)
    return found


def _awaited(
    step: Step,
    script: ScriptFacts,
    known: Mapping[Step, StepMark],
    now: datetime,
    calendar: Calendar,
    policy: Mapping[Step, Clock],
) -> StepMark:
    if not known and script.register == "unmarked":
        return StepMark(step, Standing.UNKNOWN)  # whether there is a script, only the register can say
    clock = policy.get(step)
    if clock is None or script.explained:
        return StepMark(step, Standing.WAITING)
    since = _since(clock, script, known)
    if since is None:
        return StepMark(step, Standing.UNKNOWN)
    due_at, red_at = calendar(since, clock.working_days), calendar(since, clock.red_after)
    standing = Standing.OVERDUE if now > red_at else Standing.LATE if now > due_at else Standing.WAITING
    return StepMark(step, standing, None, due_at)


def _since(clock: Clock, script: ScriptFacts, known: Mapping[Step, StepMark]) -> datetime | None:
    if clock.since is None:
        return datetime.combine(script.held_on, _NOON)
    mark = known.get(clock.since)
    if mark is None or mark.event is None:
        return None
    return min(mark.event.occurred_at, mark.event.received_at)  # a device whose clock runs ahead puts nothing off


def tally(lines: Iterable[CustodyLine]) -> Mapping[Standing, int]:
    """Return how many lines stand how: the counts that come before identities."""
    found = dict.fromkeys(Standing, 0)
    for line in lines:
        found[line.alarm] += 1
    return found


def reached(lines: Iterable[CustodyLine]) -> Mapping[Step, Mapping[Standing, int]]:
    """Return, of each step, of how many scripts it is known how: of the script, of the packet, late, unknown."""
    found: dict[Step, dict[Standing, int]] = {step: dict.fromkeys(Standing, 0) for step in STEPS}
    for line in lines:
        for mark in line.marks:
            found[mark.step][mark.standing] += 1
    return found
