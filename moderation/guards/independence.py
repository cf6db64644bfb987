"""Guards of independence: nobody judges where they have a tie or had a part; who had a part is noted by itself.

Source: project policy. One board settled over 3,926 reviews of marking by people who had marked part of the same script,
https://www.wired-gov.net/wg/news.nsf/articles/ofqual+to+fine+wjec+after+1500+gcse+students+received+wrong+results+31072025110500?open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moderation.guards.trigger import Guard, Refusal, Row

REVIEWING = "('REVIEW', 'APPEAL')"
"""Allocations for which somebody must not have had any part before."""
_READS = "('MODERATED', 'CHECKED')"

Conditions = Sequence[tuple[Refusal, str]]


def same(one: str, other: str) -> str:
    """Two accounts are one person."""
    return (
        f"({one} = {other} OR EXISTS (SELECT 1 FROM person_alias pa "
        f"WHERE pa.person_id = {one} AND pa.other_id = {other}))"
    )


def everybody(person: str) -> str:
    """All accounts of a person."""
    return f"(SELECT {person} UNION SELECT pa.other_id FROM person_alias pa WHERE pa.person_id = {person})"


def of_any_account(person: str, holds: Callable[[str], str]) -> str:
    """Something holds of the person under one of their accounts; looked up by account, so that most rows cost two looks."""
    return (
        f"({holds(person)} OR EXISTS (SELECT 1 FROM person_alias pa WHERE pa.person_id = {person} "
        f"AND {holds('pa.other_id')}))"
    )


def tied(person: str, centre: str, series: str, start: str, until: str | None = None) -> str:
    """The person has a tie to the centre that holds at an instant, or at any time from ``start`` until ``until``."""
    begun = f"c.valid_from <= {start}" if until is None else f"c.valid_from < {until}"
    return of_any_account(
        person,
        lambda account: (
            f"EXISTS (SELECT 1 FROM conflict c WHERE c.person_id = {account} AND c.centre_number = {centre} "
            f"AND (c.series_key IS NULL OR c.series_key = {series}) AND {begun} "
            f"AND (c.valid_to IS NULL OR c.valid_to > {start}) AND (c.ended_at IS NULL OR c.ended_at > {start}))"
        ),
    )


def tied_to_case(person: str, case: str, instant: str) -> str:
    """The person has a tie to the centre of a case at an instant."""
    return of_any_account(
        person,
        lambda account: (
            f"EXISTS (SELECT 1 FROM conflict c WHERE c.person_id = {account} AND c.valid_from <= {instant} "
            f"AND (c.valid_to IS NULL OR c.valid_to > {instant}) AND (c.ended_at IS NULL OR c.ended_at > {instant}) "
            f"AND EXISTS (SELECT 1 FROM moderation_case tc WHERE tc.id = {case} "
            "AND tc.centre_number = c.centre_number AND (c.series_key IS NULL OR c.series_key = tc.series_key)))"
        ),
    )


def involved(person: str, case: str, acts: str) -> str:
    """The person had a part in the case, or in one moderated with it; ``acts`` narrows which, e.g. ``<> 'REVIEWED'``."""
    alone = of_any_account(
        person,
        lambda account: (
            f"EXISTS (SELECT 1 FROM involvement v WHERE v.case_id = {case} AND v.person_id = {account} AND v.act {acts})"
        ),
    )
    together = of_any_account(
        person,
        lambda account: (
            "EXISTS (SELECT 1 FROM moderation_case m JOIN involvement v ON v.case_id = m.id "
            "WHERE m.series_key = k.series_key AND m.component_code = k.component_code "
            f"AND m.consortium_id = k.consortium_id AND v.person_id = {account} AND v.act {acts})"
        ),
    )
    return (
        f"({alone} OR EXISTS (SELECT 1 FROM moderation_case k "
        f"WHERE k.id = {case} AND k.consortium_id IS NOT NULL AND {together}))"
    )


def case_at(series: str, component: str, centre: str) -> str:
    """The case of a component at a centre."""
    return (
        f"(SELECT ac.id FROM moderation_case ac WHERE ac.series_key = {series} "
        f"AND ac.component_code = {component} AND ac.centre_number = {centre})"
    )


def case_of_item(item: str) -> str:
    """The case of a sampled work."""
    return f"(SELECT ic.case_id FROM sample_item ic WHERE ic.id = {item})"


# Allocations


def _window(row: Row) -> tuple[str, str]:
    start = f"COALESCE({row.new}.opens_at, {row.new}.granted_at, {row.sql.now})"
    return start, f"COALESCE({row.new}.closes_at, {row.sql.never})"


def _allocated_case(at: str) -> str:
    return case_at(f"{at}.series_key", f"{at}.component_code", f"{at}.centre_number")


def _given(row: Row) -> Conditions:
    n = row.new
    start, until = _window(row)
    had_part = involved(f"{n}.person_id", _allocated_case(n), "<> ''")
    return (
        (
            Refusal.CONFLICT,
            f"{start} < {until} AND {tied(f'{n}.person_id', f'{n}.centre_number', f'{n}.series_key', start, until)}",
        ),
        (Refusal.INVOLVED, f"{n}.act IN {REVIEWING} AND {start} < {until} AND {had_part}"),
    )


def _changed(row: Row) -> Conditions:
    """An allocation may always be narrowed; pointed elsewhere, widened or given anew it is looked at again."""
    n, o = row.new, row.old
    start, until = _window(row)
    elsewhere = " OR ".join(
        row.sql.differs(f"{n}.{name}", f"{o}.{name}")
        for name in ("person_id", "series_key", "component_code", "centre_number", "act")
    )
    anew = row.sql.differs(f"{n}.granted_at", f"{o}.granted_at")
    wider = (
        f"({n}.closes_at IS NULL AND {o}.closes_at IS NOT NULL) OR {n}.closes_at > {o}.closes_at "
        f"OR ({n}.opens_at IS NULL AND {o}.opens_at IS NOT NULL) OR {n}.opens_at < {o}.opens_at"
    )
    lapsed = f"{o}.closes_at <= COALESCE({n}.granted_at, {row.sql.now})"
    own = f"CASE {n}.act WHEN 'REVIEW' THEN 'REVIEWED' ELSE 'APPEALED' END"
    case, person = _allocated_case(n), f"{n}.person_id"
    looked_at = f"({elsewhere} OR {anew} OR {wider}) AND {start} < {until}"
    return (
        (
            Refusal.CONFLICT,
            f"({looked_at}) AND {tied(person, f'{n}.centre_number', f'{n}.series_key', start, until)}",
        ),
        (
            Refusal.INVOLVED,
            # While a review is under way its own reviewer may be given more time.
            f"{n}.act IN {REVIEWING} AND ({looked_at}) AND ({involved(person, case, f'<> {own}')} "
            f"OR (({elsewhere} OR {lapsed}) AND {involved(person, case, f'= {own}')}))",
        ),
    )


# Marks and decisions


def note(row: Row, case: str, person: str, act: str, work: str, kind: str, instant: str, source: str) -> str:
    """Note a part that somebody had; a part noted before stays as it was."""
    columns = "case_id, person_id, act, work_id, work_kind, done_at"
    chosen = f"SELECT {case}, {person}, {act}, {work}, {kind}, {instant} {source}"
    if row.sql.is_sqlite:
        return f"INSERT OR IGNORE INTO involvement ({columns}) {chosen}"
    return f"INSERT INTO involvement ({columns}) {chosen} ON CONFLICT DO NOTHING"


def _alone(row: Row) -> str:
    """The FROM clause of a statement about the row alone."""
    return "FROM added n" if row.new == "n" else ""


def _marked(row: Row) -> Conditions:
    n = row.new
    return ((Refusal.CONFLICT, tied_to_case(f"{n}.marked_by", case_of_item(f"{n}.sample_item_id"), f"{n}.marked_at")),)


def _note_mark(row: Row) -> Sequence[str]:
    n = row.new
    source = f"FROM {row.beside('sample_item i')} WHERE i.id = {n}.sample_item_id"
    what = (f"{n}.marked_by", "'MODERATED'", f"{n}.sample_item_id", "'SAMPLE_ITEM'", f"{n}.marked_at")
    return (note(row, "i.case_id", *what, source),)


def _proposed(row: Row) -> Conditions:
    n = row.new
    by, case = f"{n}.proposed_by", f"{n}.case_id"
    reviewing = f"{n}.origin IN {REVIEWING} AND {involved(by, case, f'IN {_READS}')}"
    return (
        (Refusal.CONFLICT, f"{by} <> 'system' AND {tied_to_case(by, case, f'{n}.proposed_at')}"),
        (Refusal.INVOLVED, reviewing),
        *((code, f"{n}.confirmed_by IS NOT NULL AND {condition}") for code, condition in _confirmer(row)),
    )


def _confirmed(row: Row) -> Conditions:
    n, o = row.new, row.old
    now_confirmed = f"{n}.confirmed_by IS NOT NULL AND {row.sql.differs(f'{n}.confirmed_by', f'{o}.confirmed_by')}"
    return tuple((code, f"{now_confirmed} AND {condition}") for code, condition in _confirmer(row))


def _confirmer(row: Row) -> Conditions:
    n = row.new
    by, case = f"{n}.confirmed_by", f"{n}.case_id"
    had_read = involved(by, case, "= 'MODERATED'")
    return (
        (Refusal.SAME_PERSON, f"({same(by, f'{n}.proposed_by')} OR {had_read})"),
        (Refusal.CONFLICT, tied_to_case(by, case, f"{n}.confirmed_at")),
    )


def _note_proposal(row: Row) -> Sequence[str]:
    n = row.new
    act = f"CASE {n}.origin WHEN 'REVIEW' THEN 'REVIEWED' WHEN 'APPEAL' THEN 'APPEALED' ELSE 'PROPOSED' END"
    what = (f"{n}.proposed_by", act, f"{n}.case_id", "'CASE'", f"{n}.proposed_at")
    proposal = note(row, f"{n}.case_id", *what, f"{_alone(row)} WHERE {n}.proposed_by <> 'system'")
    return (proposal, *_note_confirmation(row))


def _note_confirmation(row: Row) -> Sequence[str]:
    n = row.new
    what = (f"{n}.confirmed_by", "'CONFIRMED'", f"{n}.case_id", "'CASE'", f"{n}.confirmed_at")
    return (note(row, f"{n}.case_id", *what, f"{_alone(row)} WHERE {n}.confirmed_by IS NOT NULL"),)


# Conflicts and accounts of one person


def _declared(row: Row) -> Conditions:
    return ((Refusal.HISTORY, f"{row.new}.ended_by IS NOT NULL"),)


def _close_for_conflict(row: Row) -> Sequence[str]:
    """A conflict that comes to be known ends what is open, from then on."""
    n = row.new
    end = row.sql.later_of(f"{n}.declared_at", f"{n}.valid_from")
    return (
        f"UPDATE allocation SET closes_at = {end} WHERE person_id IN {everybody(f'{n}.person_id')} "
        f"AND centre_number = {n}.centre_number AND ({n}.series_key IS NULL OR series_key = {n}.series_key) "
        f"AND (closes_at IS NULL OR closes_at > {end}) AND ({n}.valid_to IS NULL OR {n}.valid_to > {end})",
    )


def _ended(row: Row) -> Conditions:
    """A declared conflict is ended once, by a second person; an automatic one ends by itself."""
    n, o = row.new, row.old
    ending = row.sql.differs(f"{n}.ended_by", f"{o}.ended_by")
    moved = row.sql.differs(f"{n}.valid_to", f"{o}.valid_to")
    own = f"({same(f'{n}.ended_by', f'{n}.person_id')} OR {same(f'{n}.ended_by', f'{n}.declared_by')})"
    return (
        (Refusal.AUTOMATIC_CONFLICT, f"{o}.origin = 'AUTOMATIC' AND {ending}"),
        (Refusal.HISTORY, f"{o}.origin <> 'AUTOMATIC' AND {moved}"),
        (Refusal.HISTORY, f"{ending} AND {n}.ended_at < {o}.declared_at"),
        (Refusal.SAME_PERSON, f"{ending} AND {own}"),
    )


def _one_human(row: Row) -> Sequence[str]:
    """Every pair of a human's accounts stands in both orders; what was open and now fails is closed."""
    n = row.new
    insert = "INSERT INTO person_alias (person_id, other_id, merged_by, merged_at, reason) "
    pairs = tuple(
        f"{insert}SELECT x.id, y.id, {n}.merged_by, {n}.merged_at, {n}.reason "
        f"FROM (SELECT {one} AS id UNION SELECT e.other_id FROM person_alias e WHERE e.person_id = {one}) x, "
        f"(SELECT {other} AS id UNION SELECT e.other_id FROM person_alias e WHERE e.person_id = {other}) y "
        "WHERE x.id <> y.id ON CONFLICT DO NOTHING"
        for one, other in (
            (f"{n}.person_id", f"{n}.other_id"),
            (f"{n}.other_id", f"{n}.person_id"),
        )
    )
    case = _allocated_case("allocation")
    at = f"{n}.merged_at"
    tie = tied("allocation.person_id", "allocation.centre_number", "allocation.series_key", at)
    had_part = involved("allocation.person_id", case, "NOT IN ('REVIEWED', 'APPEALED')")
    close = (
        f"UPDATE allocation SET closes_at = {at} WHERE person_id IN {everybody(f'{n}.person_id')} "
        f"AND (closes_at IS NULL OR closes_at > {at}) AND ({tie} OR (act IN {REVIEWING} AND {had_part}))"
    )
    return (*pairs, close)


GUARDS: tuple[Guard, ...] = (
    Guard("allocation_given", "allocation", "INSERT", _given),
    Guard("allocation_changed", "allocation", "UPDATE", _changed),
    Guard("mark_given", "moderator_mark", "INSERT", _marked, _note_mark),
    Guard("outcome_found", "outcome", "INSERT", _proposed, _note_proposal),
    Guard("outcome_confirmed", "outcome", "UPDATE OF confirmed_by", _confirmed, _note_confirmation),
    Guard("conflict_declared", "conflict", "INSERT", _declared),
    Guard("conflict_closes", "conflict", "INSERT", notes=_close_for_conflict, by_row=True),
    Guard("conflict_ended", "conflict", "UPDATE", _ended),
    Guard("alias_whole", "person_alias", "INSERT", notes=_one_human, by_row=True),
)
