"""Who a conversation is for, whom it can be passed on to, and what is new to whom."""

from __future__ import annotations

from moderation.messages import Party, ThreadKind, Written, is_for, may_pass_to, unread

EVERYBODY = frozenset(Party)
P = Party


def test_a_moderator_passes_upwards_and_never_to_the_centre() -> None:
    assert may_pass_to(ThreadKind.DESK, P.MODERATOR, EVERYBODY) == (
        P.TEAM_LEADER,
        P.PRINCIPAL_MODERATOR,
        P.AB_OFFICER,
    )
    for writer in (P.MODERATOR, P.TEAM_LEADER, P.PRINCIPAL_MODERATOR, P.AB_OFFICER):
        assert P.EXAMS_OFFICER not in may_pass_to(ThreadKind.DESK, writer, EVERYBODY)


def test_nobody_is_passed_to_who_is_not_there() -> None:
    assert may_pass_to(ThreadKind.DESK, P.MODERATOR, {P.MODERATOR, P.AB_OFFICER}) == (P.AB_OFFICER,)
    assert may_pass_to(ThreadKind.DESK, P.AB_OFFICER, {P.MODERATOR, P.AB_OFFICER}) == (P.MODERATOR,)


def test_officers_and_the_centre_write_to_each_other() -> None:
    assert may_pass_to(ThreadKind.CENTRE, P.AB_OFFICER, EVERYBODY) == (P.EXAMS_OFFICER,)
    assert may_pass_to(ThreadKind.CENTRE, P.EXAMS_OFFICER, EVERYBODY) == (P.AB_OFFICER,)


def test_it_is_for_whom_it_was_addressed_to_and_for_who_wrote() -> None:
    said = [
        Written(1, "moderator-1", P.TEAM_LEADER),
        Written(2, "leader-1", ""),
        Written(3, "leader-1", P.PRINCIPAL_MODERATOR),
    ]
    assert is_for(said, "leader-2", P.TEAM_LEADER)
    assert is_for(said, "moderator-1", P.MODERATOR)
    assert not is_for(said, "moderator-2", P.MODERATOR)
    assert not is_for(said[:2], "principal-1", P.PRINCIPAL_MODERATOR)
    assert unread(said, "moderator-1", P.MODERATOR, 1) == 2
    assert unread(said, "principal-1", P.PRINCIPAL_MODERATOR, 0) == 3
    assert unread(said, "officer-1", P.AB_OFFICER, 0) == 0
