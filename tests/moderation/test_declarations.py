"""How a candidate's declaration stands: a declaration speaks of the files that were there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from moderation.declarations import DeclarationState, declaration_state

EARLY, LATE = datetime(2026, 5, 14, tzinfo=UTC), datetime(2026, 5, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("declared_at", "changed_at", "no_work", "state"),
    [
        (None, None, False, DeclarationState.MISSING),
        (None, EARLY, False, DeclarationState.MISSING),
        (LATE, EARLY, False, DeclarationState.DECLARED),
        (LATE, LATE, False, DeclarationState.DECLARED),
        (LATE, None, False, DeclarationState.DECLARED),
        (EARLY, LATE, False, DeclarationState.OVERTAKEN),
        (None, EARLY, True, DeclarationState.NOT_NEEDED),
    ],
)
def test_a_declaration_is_overtaken_by_what_came_after_it(
    declared_at: datetime | None, changed_at: datetime | None, no_work: bool, state: DeclarationState
) -> None:
    assert declaration_state(declared_at, changed_at, no_work=no_work) is state
