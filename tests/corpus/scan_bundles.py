"""Piles of exam scripts and what goes wrong with them on the way through the scanner, with the truth of every page."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from scripts.splitting import Counts, Expectation, ScriptKey
from tests.corpus.scans import CENTRE, COMPONENT, SKEWS, SOUND_STATES, Face, Side, State

Sheet = tuple[Side, Side]
CANDIDATES = tuple(f"{number}" for number in range(1001, 1041))
SERIES = "6A26"
SHEETS = 3
"""Answer sheets of a booklet, beside its cover sheet."""


@dataclass(frozen=True, slots=True)
class ScanBundle:
    """A bundle: what went wrong with it (empty: nothing), its pages as they come, and what may be in it.

    ``touched``: the pages that the fault concerns.
    """

    fault: str
    coded: bool
    pages: tuple[Side, ...]
    touched: frozenset[int]
    expected: Expectation


@dataclass(slots=True)
class Pile:
    """Sheets on the table, before they are scanned; ``touched`` holds the sheets that a fault concerns."""

    chance: random.Random
    coded: bool
    booklets: list[list[Sheet]]
    touched: set[int]

    def side(self, owner: str | None, face: Face, page: int = 0) -> Side:
        """A side as it comes from a candidate, in one of the states of sound pages."""
        state = State.HOLES if face is Face.BLANK and self.chance.random() < 0.5 else self.chance.choice(SOUND_STATES)
        if face in (Face.COVER, Face.BLANK) and state is State.PALE:
            state = State.PLAIN
        coded = self.coded and face is Face.ANSWER
        return Side(
            owner, face, page, 2 * SHEETS, coded, state, self.chance.choice(SKEWS), self.chance.randrange(1 << 30)
        )

    def booklet(self, owner: str, face: Face = Face.COVER) -> list[Sheet]:
        """A cover sheet and its answer sheets; the last side is sometimes left blank."""
        sheets = [(self.side(owner, face), self.side(owner, Face.BLANK))]
        for number in range(SHEETS):
            front = self.side(owner, Face.ANSWER, 2 * number + 1)
            blank = not self.coded and number == SHEETS - 1 and self.chance.random() < 0.4
            back = self.side(owner, Face.BLANK if blank else Face.ANSWER, 2 * number + 2)
            sheets.append((front, back))
        return sheets


Fault = Callable[[Pile], tuple[list[Sheet], set[int]]]
"""Takes the pile through a scanner; gives the sheets as it saw them, and which of them the fault concerns."""


def _sheets(pile: Pile) -> list[Sheet]:
    return [sheet for booklet in pile.booklets for sheet in booklet]


def _sound(pile: Pile) -> tuple[list[Sheet], set[int]]:
    return _sheets(pile), set()


def _spoilt_cover(pile: Pile) -> tuple[list[Sheet], set[int]]:
    place = pile.chance.randrange(len(pile.booklets))
    front, back = pile.booklets[place][0]
    pile.booklets[place][0] = (replace(front, state=State.SPOILT), back)
    start = sum(len(booklet) for booklet in pile.booklets[:place])
    return _sheets(pile), set(range(start, start + len(pile.booklets[place])))


def _hand_cover(pile: Pile) -> tuple[list[Sheet], set[int]]:
    place = pile.chance.randrange(len(pile.booklets))
    _, back = pile.booklets[place][0]
    owner = pile.booklets[place][1][0].owner
    pile.booklets[place][0] = (pile.side(owner, Face.HAND_COVER), back)
    start = sum(len(booklet) for booklet in pile.booklets[:place])
    return _sheets(pile), set(range(start, start + len(pile.booklets[place])))


def _no_cover(pile: Pile) -> tuple[list[Sheet], set[int]]:
    place = pile.chance.randrange(1, len(pile.booklets))
    del pile.booklets[place][0]
    start = sum(len(booklet) for booklet in pile.booklets[:place])
    return _sheets(pile), set(range(start, start + len(pile.booklets[place])))


def _spoilt_codes(pile: Pile) -> tuple[list[Sheet], set[int]]:
    sheets = _sheets(pile)
    answers = [n for n, (front, _) in enumerate(sheets) if front.face is Face.ANSWER]
    chosen = set(pile.chance.sample(answers, 2))
    for place in chosen:
        front, back = sheets[place]
        sheets[place] = (replace(front, state=State.SPOILT), replace(back, state=State.ONE_CODE_SPOILT))
    return sheets, chosen


def _double_feed(pile: Pile) -> tuple[list[Sheet], set[int]]:
    sheets = _sheets(pile)
    place, many = pile.chance.randrange(len(sheets) - 2), pile.chance.choice((2, 2, 2, 3))
    sheets[place : place + many] = [(sheets[place][0], sheets[place + many - 1][1])]
    return sheets, {place}


def _cover_under_another(pile: Pile) -> tuple[list[Sheet], set[int]]:
    sheets = _sheets(pile)
    covers = [n for n, (front, _) in enumerate(sheets) if front.face is Face.COVER and n]
    place = pile.chance.choice(covers)
    sheets[place - 1 : place + 1] = [(sheets[place - 1][0], sheets[place][1])]
    return sheets, {place - 1, *range(place, place + SHEETS)}


def _missing(pile: Pile) -> tuple[list[Sheet], set[int]]:
    sheets = _sheets(pile)
    place = pile.chance.choice([n for n, (front, _) in enumerate(sheets) if front.face is Face.ANSWER])
    del sheets[place]
    return sheets, set()


def _twice(pile: Pile) -> tuple[list[Sheet], set[int]]:
    sheets = _sheets(pile)
    place = pile.chance.randrange(len(sheets))
    again = pile.chance.choice((place + 1, min(len(sheets), place + 3)))
    front, back = sheets[place]
    sheets.insert(again, (replace(front, state=State.PLAIN), replace(back, state=State.PLAIN)))
    return sheets, {again}


def _out_of_order(pile: Pile) -> tuple[list[Sheet], set[int]]:
    booklet = pile.chance.choice(pile.booklets)
    booklet[1], booklet[-1] = booklet[-1], booklet[1]
    return _sheets(pile), set()


def _back_first(pile: Pile) -> tuple[list[Sheet], set[int]]:
    sheets = _sheets(pile)
    places = [n for n, (front, _) in enumerate(sheets) if front.face is Face.ANSWER]
    chosen = set(pile.chance.sample(places, 2))
    for place in chosen:
        sheets[place] = (sheets[place][1], sheets[place][0])
    return sheets, chosen


def _stray(pile: Pile) -> tuple[list[Sheet], set[int]]:
    """A sheet of one candidate got among those of another before codes were cut from spines; only codes can tell."""
    first, second = pile.chance.sample(pile.booklets, 2)
    sheet = first.pop()
    second.insert(2, sheet)
    sheets = _sheets(pile)
    return sheets, {sheets.index(sheet)}


def _foreign(pile: Pile) -> tuple[list[Sheet], set[int]]:
    place = pile.chance.randrange(len(pile.booklets))
    cover = (pile.side(None, Face.FOREIGN), pile.side(None, Face.BLANK))
    rest = [(replace(pile.side(None, Face.ANSWER, 1), coded=False),) * 2 for _ in range(2)]
    pile.booklets.insert(place, [cover, *rest])
    start = sum(len(booklet) for booklet in pile.booklets[:place])
    return _sheets(pile), set(range(start, start + 3))


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "cover spoilt": _spoilt_cover,
        "cover by hand": _hand_cover,
        "cover forgotten": _no_cover,
        "cover under another sheet": _cover_under_another,
        "page codes spoilt": _spoilt_codes,
        "double feed": _double_feed,
        "sheet missing": _missing,
        "sheet scanned twice": _twice,
        "sheets out of order": _out_of_order,
        "sheet back side first": _back_first,
        "sheet among another's": _stray,
        "another board's booklet": _foreign,
    }
)
CODED_ONLY = frozenset({"page codes spoilt", "sheet among another's"})
"""Where pages have no codes, nothing can tell these: the first is no fault, the second is the pile's own truth."""
COUNTED = (("sheets", "booklets"), ("sheets", "booklet_pages"), ("booklets", "booklet_pages"))


def one(seed: int, *, fault: str = "", coded: bool | None = None, candidates: int = 4) -> ScanBundle:
    """A bundle of four candidates' scripts.

    Takes: ``fault``: one of ``FAULTS``, or empty; ``coded``: whether answer pages bear codes, by chance when not said.
    """
    chance = random.Random(seed)
    coded = chance.random() < 0.5 if coded is None else coded
    pile = Pile(chance, coded, [], set())
    pile.booklets = [pile.booklet(owner) for owner in chance.sample(CANDIDATES, candidates)]
    counted = chance.choice(COUNTED)
    scanned, touched = (FAULTS[fault] if fault else _sound)(pile)
    # The pile is counted as it lies on the table: after what people did to it, before what the scanner did.
    counts = {
        "sheets": sum(len(booklet) for booklet in pile.booklets),
        "booklets": len(pile.booklets),
        "booklet_pages": 2 + 2 * SHEETS,
    }
    told = Counts() if coded else Counts(**{name: counts[name] for name in counted})
    expected = Expectation(SERIES, frozenset(ScriptKey(CENTRE, COMPONENT, owner) for owner in CANDIDATES), counts=told)
    pages = tuple(side for sheet in scanned for side in sheet)
    touched_pages = frozenset(page for sheet in touched for page in (2 * sheet, 2 * sheet + 1))
    return ScanBundle(fault, coded, pages, touched_pages, expected)


def many(pages: int, *, seed: int = 1, faulty: float = 0.4) -> Iterator[ScanBundle]:
    """Bundles of at least so many pages together; ``faulty`` of them have one fault, each in turn."""
    chance, given, turn = random.Random(seed), 0, 0
    names = list(FAULTS)
    while given < pages:
        fault = ""
        if chance.random() < faulty:
            fault, turn = names[turn % len(names)], turn + 1
        bundle = one(chance.randrange(1 << 40), fault=fault, coded=True if fault in CODED_ONLY else None)
        given += len(bundle.pages)
        yield bundle
