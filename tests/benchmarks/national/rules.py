"""How many candidates the rules take a second, in exact integers, without any database."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from moderation.marking import Work, report_stage
from moderation.marks import is_adjustable, is_drawable
from moderation.outcome import Decision, OutcomeKind, Stage
from moderation.recomputation import disagreements, is_adjustable_order
from moderation.records.bulk import uncollected
from moderation.sampling import Drawable, Sample, first_stage, pick, profile_of

from .series import PROGRAMMES, TOLERANCES, National, component_code, maximum_of, moderated, programme_of

Cohort = list[tuple[Drawable, int | None, str]]


def cohorts(series: National) -> dict[tuple[str, str], Cohort]:
    """Return (component, centre) → candidates with mark and status, as they would be read from the database."""
    found: dict[tuple[str, str], Cohort] = defaultdict(list)
    for programme in range(PROGRAMMES):
        for part in range(3):
            code = component_code(programme, part)
            for index, row in enumerate(series.marks(code)):
                status = row.status.value if row.status else ("PRESENT" if row.mark else "ZERO_NO_WORTH")
                drawable = Drawable(
                    row.mark or 0,
                    row.centre_number,
                    row.candidate_number,
                    f"{code}-{index}",
                    row.teaching_set,
                    bool(row.flags),
                )
                found[code, row.centre_number].append((drawable, row.mark, status))
    return found


class Rules:
    """The rules of a series, one after the other; each method is one pass over all cohorts."""

    def __init__(self, series: National) -> None:
        self._cohorts = cohorts(series)
        self._seed = series.seed
        self.candidates = sum(map(len, self._cohorts.values()))
        self._samples: dict[tuple[str, str], tuple[Sample, frozenset[str]]] = {}
        self._decisions: dict[tuple[str, str], Decision] = {}
        self._adjusted: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
        self._read: dict[tuple[str, str], list[tuple[Work, Work]]] = {}

    def pick(self) -> None:
        """Draw every sample, and say which works are read first."""
        profile = profile_of(None)
        for (code, centre), cohort in self._cohorts.items():
            tolerance = TOLERANCES[sum(programme_of(code)) % 4]
            drawn = pick([row for row, mark, status in cohort if is_drawable(status, mark)], profile, tolerance)
            self._samples[code, centre] = drawn, first_stage(drawn.picks, profile.sub_sample_size)

    def prepare_marks(self) -> None:
        """Make the moderators' marks: not a rule, so not counted."""
        for (code, centre), (drawn, first) in self._samples.items():
            self._read[code, centre] = [
                (
                    Work(one.key, one.mark, moderated(code, centre, one.mark, self._seed), one.key in first),
                    Work(one.key, one.mark, None, one.key in first),
                )
                for one in drawn.picks
            ]

    def decide(self) -> None:
        """Decide every stage: statistics, order of merit, fit and the mapping of every possible mark."""
        for (code, centre), works in self._read.items():
            if not works:
                continue
            tolerance, maximum = TOLERANCES[sum(programme_of(code)) % 4], maximum_of(*programme_of(code))
            at_first = [read if read.first_stage else unread for read, unread in works]
            decision = report_stage(at_first, Stage.SUB_SAMPLE, tolerance_marks=tolerance, maximum=maximum).decision
            if decision is None:
                whole = [read for read, _ in works]
                decision = report_stage(whole, Stage.FULL_SAMPLE, tolerance_marks=tolerance, maximum=maximum).decision
            if decision is not None:
                self._decisions[code, centre] = decision

    def adjust(self) -> None:
        """Give every candidate the moderated mark."""
        for place, cohort in self._cohorts.items():
            decision = self._decisions.get(place)
            mapping = decision.mapping if decision is not None else None
            if mapping is None:
                self._adjusted[place] = [(row.key, mark or 0, mark or 0) for row, mark, _ in cohort]
                continue
            self._adjusted[place] = [
                (row.key, mark or 0, mapping[mark] if mark is not None and is_adjustable(status, mark) else mark or 0)
                for row, mark, status in cohort
            ]

    def recompute(self) -> None:
        """Compute every mark a second time; raises ``AssertionError`` when one differs."""
        for place, rows in self._adjusted.items():
            decision = self._decisions.get(place)
            if decision is None or decision.kind is not OutcomeKind.ADJUSTED:
                if any(before != after for _, before, after in rows):
                    raise AssertionError(place)
                continue
            limits = decision.limits
            if not is_adjustable_order(decision.pairs, str(limits.discordant_share), str(limits.correlation)):
                raise AssertionError(place)
            touched = [row for row in rows if row[1] > 0]
            if disagreements(touched, decision.pairs, decision.maximum):
                raise AssertionError(place)


def measure(series: National) -> tuple[int, dict[str, float]]:
    """Return how many candidates there were and the processor seconds of each rule."""
    rules = Rules(series)
    spent: dict[str, float] = {}

    def timed(name: str, work: Callable[[], None]) -> None:
        with uncollected():  # as the steps of a whole series run
            began = time.process_time()
            work()
            spent[name] = time.process_time() - began

    timed("samples picked", rules.pick)
    rules.prepare_marks()
    timed("stages decided", rules.decide)
    timed("marks adjusted", rules.adjust)
    timed("marks computed again", rules.recompute)
    return rules.candidates, spent
