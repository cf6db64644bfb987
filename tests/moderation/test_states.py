"""The state diagrams in infra/docs/states.md say what the code does: every move, every state, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from moderation.submission import MARKS_EDITABLE, RELEASED, TRANSITIONS, CaseEvent, CaseState

TEXT = (Path(__file__).parents[2] / "infra" / "docs" / "states.md").read_text("utf-8")
ARROW = re.compile(r"([A-Z_]+) --([A-Z_]+)--> (?=([A-Z_]+))")
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (.+) \|$", re.MULTILINE)


def table_of_moves() -> str:
    """Every move, by state and event in the order in which the code names them."""
    rows = [
        f"| `{state}` | `{event}` | `{TRANSITIONS[state, event]}` |"
        for state in CaseState
        for event in CaseEvent
        if (state, event) in TRANSITIONS
    ]
    return "\n".join(rows)


def test_the_table_holds_every_move_and_no_other() -> None:
    assert table_of_moves() in TEXT
    rows = ROW.findall(TEXT)
    assert len(rows) == len(TRANSITIONS)


def test_every_arrow_of_a_diagram_is_a_move() -> None:
    arrows = ARROW.findall(TEXT)
    assert len(arrows) >= 40
    for before, event, after in arrows:
        if event == CaseEvent.RELEASE_HOLD:
            continue
        assert TRANSITIONS[CaseState(before), CaseEvent(event)] == CaseState(after), (before, event, after)


def test_every_state_and_event_is_in_a_diagram() -> None:
    drawn = "\n".join(block for block in re.findall(r"```\n(.*?)```", TEXT, re.DOTALL))
    words = set(re.findall(r"[A-Z][A-Z_]+", drawn))
    assert set(map(str, CaseState)) <= words
    assert set(map(str, CaseEvent)) <= words


def test_what_the_page_says_about_groups_of_states_is_so() -> None:
    held = {state for (state, event), _ in TRANSITIONS.items() if event is CaseEvent.HOLD}
    assert held == set(CaseState) - RELEASED - {CaseState.MALPRACTICE_HOLD}
    saved = {state for (state, event), _ in TRANSITIONS.items() if event is CaseEvent.SAVE_MARKS}
    assert saved == MARKS_EDITABLE
