"""Piles with any mixture of faults, whose truth is known: pages are conserved, and none is given to a wrong script."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.labels import PageCode, ScriptCover
from scripts.splitting import Counts, Duplex, Expectation, PageReading, ScriptKey, split
from tests.corpus import scan_bundles
from tests.corpus.scan_bundles import CANDIDATES, SERIES, SHEETS, Pile, Sheet
from tests.corpus.scans import CENTRE, COMPONENT, Face, Side, State

EXPECTED = Expectation(SERIES, frozenset(ScriptKey(CENTRE, COMPONENT, owner) for owner in CANDIDATES))
ON_THE_TABLE = ("cover spoilt", "cover by hand", "cover forgotten", "another board's", "order", "among another's")
IN_THE_SCANNER = ("double feed", "again", "codes spoilt", "back first", "dark")


def reading_of(side: Side, index: int) -> PageReading:
    """What a scanner reads of a side, without an image."""
    chance = random.Random(side.look)
    fingerprint = "" if side.face is Face.BLANK else f"{chance.getrandbits(256):064x}"
    codes: tuple[str, ...] = ()
    spoilt = side.state is State.SPOILT
    if side.face is Face.COVER and not spoilt:
        codes = (ScriptCover(CENTRE, side.owner or "", COMPONENT).payload,)
    elif side.coded and not spoilt:
        codes = (PageCode(CENTRE, side.owner or "", COMPONENT, 1, side.page, side.of).payload,)
    elif side.face is Face.FOREIGN:
        codes = ("AQA-7517-1-0042",)
    return PageReading(
        index,
        hashlib.sha256(f"{index}".encode()).hexdigest(),
        codes,
        blank=side.face is Face.BLANK,
        mark=side.face is Face.COVER and spoilt,
        notes=("too_dark",) if side.state is State.GREY else (),
        fingerprint=fingerprint,
    )


def on_the_table(pile: Pile, fault: str, chance: random.Random) -> None:
    booklet = chance.choice(pile.booklets)
    front, back = booklet[0]
    if fault == "cover spoilt" and front.face is Face.COVER:
        booklet[0] = (replace(front, state=State.SPOILT), back)
    elif fault == "cover by hand" and front.face is Face.COVER:
        booklet[0] = (pile.side(front.owner, Face.HAND_COVER), back)
    elif fault == "cover forgotten" and front.face is Face.COVER:
        del booklet[0]
    elif fault == "another board's":
        pages = [(replace(pile.side(None, Face.ANSWER), coded=False), pile.side(None, Face.BLANK)) for _ in range(2)]
        pile.booklets.insert(
            chance.randrange(len(pile.booklets) + 1),
            [(pile.side(None, Face.FOREIGN), pile.side(None, Face.BLANK)), *pages],
        )
    elif fault == "order" and len(booklet) > 2:
        booklet[-1], booklet[-2] = booklet[-2], booklet[-1]
    elif fault == "among another's" and pile.coded and len(booklet) > 2:
        chance.choice(pile.booklets).append(booklet.pop())


def in_the_scanner(sheets: list[Sheet], fault: str, chance: random.Random) -> None:
    place = chance.randrange(len(sheets))
    front, back = sheets[place]
    if fault == "double feed":
        last = min(len(sheets), place + chance.randint(2, SHEETS + 2)) - 1
        sheets[place : last + 1] = [(front, sheets[last][1])]
    elif fault == "again":
        sheets.insert(chance.randint(place + 1, len(sheets)), (front, back))
    elif fault == "codes spoilt" and front.face is Face.ANSWER:
        sheets[place] = (replace(front, state=State.SPOILT), back)
    elif fault == "back first":
        sheets[place] = (back, front)
    elif fault == "dark" and front.face is Face.ANSWER:
        sheets[place] = (replace(front, state=State.GREY), back)


@pytest.mark.fault("att:I07", "att:I08", "att:I09", "att:I10")
@settings(max_examples=400, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    coded=st.booleans(),
    counted=st.sets(st.sampled_from(["sheets", "booklets", "booklet_pages", "sheets_fed"])),
    table=st.lists(st.sampled_from(ON_THE_TABLE), max_size=3),
    scanner=st.lists(st.sampled_from(IN_THE_SCANNER), max_size=4),
    duplex=st.sampled_from([Duplex.MERGED, Duplex.MERGED, Duplex.FRONTS_THEN_BACKS]),
)
def test_whatever_goes_wrong_no_page_is_given_to_a_wrong_script(
    seed: int, coded: bool, counted: set[str], table: list[str], scanner: list[str], duplex: Duplex
) -> None:
    chance = random.Random(seed)
    pile = Pile(chance, coded, [], set())
    pile.booklets = [pile.booklet(owner) for owner in chance.sample(CANDIDATES, 4)]
    plain = {State.GREY: State.PLAIN, State.SPOILT: State.PLAIN}
    for fault in table:
        on_the_table(pile, fault, chance)
    sheets = [sheet for booklet in pile.booklets for sheet in booklet]
    counts = {"sheets": len(sheets), "booklets": len(pile.booklets), "booklet_pages": 2 + 2 * SHEETS}
    sheets = [(_as(front, plain), _as(back, plain)) for front, back in sheets]
    for fault in scanner:
        in_the_scanner(sheets, fault, chance)
    told = {name: counts.get(name, len(sheets)) for name in counted}
    sides = [side for sheet in sheets for side in sheet]
    if duplex is Duplex.FRONTS_THEN_BACKS:
        sides = [front for front, _ in sheets] + [back for _, back in reversed(sheets)]
    readings = [reading_of(side, index) for index, side in enumerate(sides)]
    found = split(readings, replace(EXPECTED, counts=Counts(**told, duplex=duplex)))
    for script in found.scripts:
        assert {sides[index].owner for index in script.pages} == {script.key.candidate_number}
    assert found.indexed_count + len(found.queued) == len(sides)
    assert {page.proposed is None for page in found.queued if page.proposed_by is not None} <= {False}


def _as(side: Side, states: dict[State, State]) -> Side:
    if side.face is Face.COVER:
        return side if side.state is State.SPOILT else replace(side, state=State.PLAIN)
    return replace(side, state=states.get(side.state, side.state))


@given(st.integers(0, 2**32), st.booleans())
def test_a_sound_pile_needs_nobody_but_for_its_blank_sides(seed: int, coded: bool) -> None:
    bundle = scan_bundles.one(seed, coded=coded)
    readings = [reading_of(replace(side, state=State.PLAIN), index) for index, side in enumerate(bundle.pages)]
    found = split(readings, bundle.expected)
    assert {readings[page.index].blank for page in found.queued} <= {True}
    assert found.findings == ()
    assert len(found.scripts) == 4
