"""Guards of checks, reviews and appeals: who looks again had no part before, and is noted as having one now."""

from __future__ import annotations

from collections.abc import Sequence

from moderation.guards.independence import Conditions, case_of_item, involved, note, same, tied, tied_to_case
from moderation.guards.trigger import Guard, Refusal, Row

_APPEALS = "('APPEAL-1', 'APPEAL-2')"
_REQUEST = "SELECT {} FROM review_request rq WHERE rq.id = {}.request_id"


def _request(row: Row, wanted: str) -> str:
    return "(" + _REQUEST.format(wanted, row.new) + ")"


def _whole(row: Row) -> str:
    """What a request is about: a case; where marking is looked at, the request that began it."""
    return _request(row, "COALESCE(rq.case_id, rq.about_id, rq.id)")


def _own_act(row: Row) -> str:
    return _request(row, f"CASE WHEN rq.service IN {_APPEALS} THEN 'APPEALED' ELSE 'REVIEWED' END")


def _checker(row: Row) -> Conditions:
    n = row.new
    return (
        (Refusal.CONFLICT, tied_to_case(f"{n}.checker_id", f"{n}.case_id", f"{n}.opened_at")),
        (Refusal.SAME_PERSON, involved(f"{n}.checker_id", f"{n}.case_id", "= 'MODERATED'")),
    )


def _note_check(row: Row) -> Sequence[str]:
    n = row.new
    what = (f"{n}.checker_id", "'CHECKED'", f"{n}.case_id", "'CASE'", f"{n}.opened_at")
    return (note(row, f"{n}.case_id", *what, "FROM added n" if n == "n" else ""),)


def _review_marked(row: Row) -> Conditions:
    n = row.new
    case = case_of_item(f"{n}.sample_item_id")
    return (
        (Refusal.CONFLICT, tied_to_case(f"{n}.marked_by", case, f"{n}.marked_at")),
        (Refusal.INVOLVED, involved(f"{n}.marked_by", case, f"<> {_own_act(row)}")),
    )


def _note_review_mark(row: Row) -> Sequence[str]:
    n = row.new
    source = f"FROM {row.beside('sample_item i')} WHERE i.id = {n}.sample_item_id"
    what = (f"{n}.marked_by", _own_act(row), f"{n}.sample_item_id", "'SAMPLE_ITEM'", f"{n}.marked_at")
    return (note(row, "i.case_id", *what, source),)


def _review_proposed(row: Row) -> Conditions:
    n = row.new
    centre, series = _request(row, "rq.centre_number"), _request(row, "rq.series_key")
    # A review of moderation is judged by its proposer; what a panel found may be written down by an officer.
    judged = f"({_request(row, 'rq.service')} = '3' OR v.act IN ('MODERATED', 'CHECKED', 'REVIEWED'))"
    had_part = involved(f"{n}.proposed_by", _whole(row), f"<> {_own_act(row)} AND {judged}")
    return (
        (Refusal.CONFLICT, tied(f"{n}.proposed_by", centre, series, f"{n}.proposed_at")),
        (Refusal.INVOLVED, had_part),
    )


def _review_confirmed(row: Row) -> Conditions:
    n, o = row.new, row.old
    now_confirmed = f"{n}.confirmed_by IS NOT NULL AND {row.sql.differs(f'{n}.confirmed_by', f'{o}.confirmed_by')}"
    centre, series = _request(row, "rq.centre_number"), _request(row, "rq.series_key")
    own = same(f"{n}.confirmed_by", f"{n}.proposed_by")
    read = involved(f"{n}.confirmed_by", _whole(row), "IN ('MODERATED', 'CHECKED')")
    tie = tied(f"{n}.confirmed_by", centre, series, f"{n}.confirmed_at")
    return (
        (Refusal.SAME_PERSON, f"{now_confirmed} AND {own}"),
        (Refusal.INVOLVED, f"{now_confirmed} AND {read}"),
        (Refusal.CONFLICT, f"{now_confirmed} AND {tie}"),
    )


def _note_review(row: Row) -> Sequence[str]:
    """The proposer had a part; an appeal is decided by its panel, and its proposer wrote that down."""
    n, whole = row.new, _whole(row)
    kind = _request(row, "CASE WHEN rq.case_id IS NULL THEN 'SCRIPT' ELSE 'CASE' END")
    alone = "FROM added n" if n == "n" else ""
    act = _request(row, f"CASE WHEN rq.service IN {_APPEALS} THEN 'PROPOSED' ELSE 'REVIEWED' END")
    proposer = note(row, whole, f"{n}.proposed_by", act, whole, kind, f"{n}.proposed_at", alone)
    source = f"FROM {row.beside('panel_member pm')} WHERE pm.request_id = {n}.request_id"
    return (proposer, note(row, whole, "pm.person_id", "'APPEALED'", whole, kind, f"{n}.proposed_at", source))


def _note_review_confirmed(row: Row) -> Sequence[str]:
    n, whole = row.new, _whole(row)
    kind = _request(row, "CASE WHEN rq.case_id IS NULL THEN 'SCRIPT' ELSE 'CASE' END")
    only = f"WHERE {n}.confirmed_by IS NOT NULL"
    return (note(row, whole, f"{n}.confirmed_by", "'CONFIRMED'", whole, kind, f"{n}.confirmed_at", only),)


def _on_panel(row: Row) -> Conditions:
    n = row.new
    centre, series = _request(row, "rq.centre_number"), _request(row, "rq.series_key")
    had_part = involved(f"{n}.person_id", _whole(row), "<> 'APPEALED'")
    return (
        (Refusal.CONFLICT, tied(f"{n}.person_id", centre, series, f"{n}.appointed_at")),
        (Refusal.INVOLVED, had_part),
    )


GUARDS: tuple[Guard, ...] = (
    Guard("check_opened", "moderator_check", "INSERT", _checker, _note_check),
    Guard("review_marked", "review_mark", "INSERT", _review_marked, _note_review_mark),
    Guard("review_found", "review_outcome", "INSERT", _review_proposed, _note_review),
    Guard("review_confirmed", "review_outcome", "UPDATE OF confirmed_by", _review_confirmed, _note_review_confirmed),
    Guard("panel_appointed", "panel_member", "INSERT", _on_panel),
)
