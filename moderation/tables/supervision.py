"""Tables of who watches over moderators, and of suspicions and holds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class Team(Base):
    """A team leader's moderators in one component of a series."""

    __tablename__ = "team"
    __table_args__ = (UniqueConstraint("series_key", "component_code", "leader_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    component_code: Mapped[str] = mapped_column(String(12))
    leader_id: Mapped[str] = mapped_column(String(64))


class TeamMember(Base):
    """A moderator of a team; in one component a moderator belongs to one team."""

    __tablename__ = "team_member"
    __table_args__ = (CheckConstraint("person_id <> leader_id", name="not_own_leader"),)

    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    leader_id: Mapped[str] = mapped_column(String(64), index=True)
    team_id: Mapped[str] = mapped_column(ForeignKey("team.id"))


class PrincipalModerator(Base):
    """Who answers for the moderation of a whole component in a series."""

    __tablename__ = "principal_moderator"

    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64), primary_key=True)


class ModeratorCheck(Base):
    """A sampled check of a moderator: works of one outcome marked again, blind, and a verdict."""

    __tablename__ = "moderator_check"
    __table_args__ = (UniqueConstraint("case_id", "number"), Index(None, "outcome_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    outcome_id: Mapped[str] = mapped_column(ForeignKey("outcome.id"))
    number: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    is_principal: Mapped[bool]
    checker_id: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime]
    verdict: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(500), default="")
    decided_at: Mapped[datetime | None]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class CheckItem(Base):
    """One work of a check: the checker's own mark beside the moderator's, which it never replaces."""

    __tablename__ = "check_item"
    __table_args__ = (
        UniqueConstraint("check_id", "sample_item_id"),
        CheckConstraint("mark IS NULL OR mark >= 0", name="mark_not_negative"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    check_id: Mapped[str] = mapped_column(ForeignKey("moderator_check.id"))
    sample_item_id: Mapped[str] = mapped_column(ForeignKey("sample_item.id"))
    moderator_id: Mapped[str] = mapped_column(String(64))
    moderator_mark: Mapped[int]
    """The moderator's mark when the check was opened; shown only when every work of the check has its own mark."""
    mark: Mapped[int | None]
    comment: Mapped[str] = mapped_column(String(2000), default="")
    saved_at: Mapped[datetime | None]


class Suspicion(Base):
    """What somebody who reads works reports to the awarding body; the centre is not told."""

    __tablename__ = "suspicion"
    __table_args__ = (
        CheckConstraint("decided_by IS NULL OR decided_by <> raised_by", name="two_people"),
        Index(None, "case_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    candidate_id: Mapped[str | None] = mapped_column(ForeignKey("candidate.id"))
    statement: Mapped[str] = mapped_column(String(2000))
    raised_by: Mapped[str] = mapped_column(String(64))
    raised_at: Mapped[datetime]
    decision: Mapped[str | None] = mapped_column(String(20))
    decision_reason: Mapped[str] = mapped_column(String(500), default="")
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]


class MalpracticeHold(Base):
    """A case, or one candidate of it, held (``Q``) while malpractice is looked into; reasons are for officers only."""

    __tablename__ = "malpractice_hold"
    __table_args__ = (Index(None, "case_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    candidate_id: Mapped[str | None] = mapped_column(ForeignKey("candidate.id"))
    """``None`` holds the whole case."""
    suspicion_id: Mapped[str | None] = mapped_column(ForeignKey("suspicion.id"))
    reason: Mapped[str] = mapped_column(String(500))
    held_by: Mapped[str] = mapped_column(String(64))
    held_at: Mapped[datetime]
    release_reason: Mapped[str] = mapped_column(String(500), default="")
    released_by: Mapped[str | None] = mapped_column(String(64))
    released_at: Mapped[datetime | None]
