"""Which specifications of a series a rehearsal uses: one with upload, postal and carried-forward options, one visit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from moderation.entries import SubmissionMode, propose_mode
from moderation.exchange.basedata import BoardComponent, Option, SeriesBasedata

ASSUMED_MAXIMUM = 100
"""Maximum of a paper for which the basedata has 000, as awarding bodies leave it for written papers."""


@dataclass(frozen=True, slots=True)
class Part:
    """A component of a chosen option; ``maximum_mark`` is assumed where the basedata has none."""

    component_code: str
    maximum_mark: int
    moderated: bool
    carried_forward: bool

    @property
    def weighted_maximum(self) -> Fraction:
        """Return the weight; a rehearsal weights every mark once."""
        return Fraction(self.maximum_mark)

    @property
    def tolerance_marks(self) -> int:
        """Return 6 % of the maximum rounded down, at least one mark: a value as an officer might enter it."""
        return max(1, self.maximum_mark * 6 // 100)


@dataclass(frozen=True, slots=True)
class Route:
    """A chosen entry option with its submission mode and components."""

    option_code: str
    syllabus_code: str
    mode: SubmissionMode
    parts: tuple[Part, ...]

    @property
    def moderated(self) -> tuple[Part, ...]:
        """Return the components moderated from work of this series."""
        return tuple(part for part in self.parts if part.moderated)

    @property
    def written(self) -> frozenset[str]:
        """Return the codes of the components marked elsewhere."""
        return frozenset(part.component_code for part in self.parts if not part.moderated and not part.carried_forward)


@dataclass(frozen=True, slots=True)
class Choice:
    """The options a rehearsal enters candidates for; every one but ``upload`` may be lacking in a series."""

    upload: Route
    postal: Route | None
    carried_forward: Route | None
    visit: Route | None

    @property
    def routes(self) -> tuple[Route, ...]:
        """Return all of them."""
        return tuple(one for one in (self.upload, self.postal, self.carried_forward, self.visit) if one is not None)


def choose(basedata: SeriesBasedata) -> Choice:
    """Return the options to rehearse with, the same for the same basedata.

    Raises: ``ValueError`` when no option of the series is for upload.
    """
    routes = _routes(basedata)
    by_syllabus: dict[str, list[Route]] = defaultdict(list)
    for route in routes:
        by_syllabus[route.syllabus_code].append(route)
    best: tuple[tuple[int, ...], str] | None = None
    chosen: Choice | None = None
    for route in routes:
        if route.mode is not SubmissionMode.UPLOAD:
            continue
        siblings = by_syllabus[route.syllabus_code]
        postal = _sibling(route, siblings, SubmissionMode.POSTAL)
        carried = _sibling(route, siblings, SubmissionMode.CARRIED_FORWARD)
        small = any(part.maximum_mark < 20 for part in route.moderated)
        merit = (int(small), -min(2, len(route.written)), -int(postal is not None), -int(carried is not None))
        rank = ((*merit, len(route.moderated)), route.option_code)
        if best is None or rank < best:
            best, chosen = rank, Choice(route, postal, carried, None)
    if chosen is None:
        raise ValueError("no option of this series is for upload")
    visits = [
        route
        for route in routes
        if route.mode is SubmissionMode.VISIT and not _disallowed(basedata, route.option_code, chosen)
    ]
    visit = min(visits, key=lambda route: (not route.written, route.option_code), default=None)
    return Choice(chosen.upload, chosen.postal, chosen.carried_forward, visit)


def _routes(basedata: SeriesBasedata) -> list[Route]:
    components = {component.code: component for component in basedata.components}
    links: dict[str, list[BoardComponent]] = defaultdict(list)
    for link in basedata.links:
        if link.component_code in components:
            links[link.option_code].append(components[link.component_code])
    routes = []
    for option in sorted(basedata.options, key=lambda option: option.code):
        linked = sorted(links[option.code], key=lambda component: component.code)
        mode = _mode(option, linked)
        if mode is None:
            continue
        parts = tuple(_part(component, mode) for component in linked)
        route = Route(option.code, option.syllabus_code, mode, parts)
        if mode is SubmissionMode.CARRIED_FORWARD or route.moderated:
            routes.append(route)
    return routes


def _mode(option: Option, linked: Sequence[BoardComponent]) -> SubmissionMode | None:
    """Return the mode of an option: that of its moderated components where they agree, else that of its title."""
    named = {propose_mode(component.title) for component in linked if component.teacher_marks == "Y"} - {None}
    own = propose_mode(option.title)
    if len(named) > 1 or (named and own is not None and named != {own}):
        return None
    return own or next(iter(named), None)


def _part(component: BoardComponent, mode: SubmissionMode) -> Part:
    # On a carried-forward option only the papers sat this year have a day or a window of their own.
    carried = mode is SubmissionMode.CARRIED_FORWARD and component.timetabled not in {"T", "C"}
    return Part(
        component.code,
        component.maximum_mark or ASSUMED_MAXIMUM,
        component.teacher_marks == "Y" and not carried,
        carried,
    )


def _sibling(route: Route, siblings: Sequence[Route], mode: SubmissionMode) -> Route | None:
    found = [one for one in siblings if one.mode is mode and one.written == route.written]
    return min(found, key=lambda one: one.option_code, default=None)


def _disallowed(basedata: SeriesBasedata, code: str, chosen: Choice) -> bool:
    others = [route.option_code for route in chosen.routes]
    return any(pair.matches(code, other) for pair in basedata.disallowed for other in others)


def parts_of(routes: Sequence[Route]) -> Mapping[str, tuple[Part, Route]]:
    """Return every component of the routes once, with the first route that has it."""
    return {part.component_code: (part, route) for route in reversed(routes) for part in route.parts}
