"""Tables of independence: who may not judge what, who had a part in what, and which accounts are one person.

Rows are only added; the database's guards (``moderation.guards``) see to it. An allocation is refused on what stands here.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class Conflict(Base):
    """A tie of a person to a centre, or to one candidate there: a deny that wins over whatever the person was given.

    A declared one holds until a second person ends it with a reason. An automatic one is written by the database when
    the person is given a role at the centre, and holds until three years after that role.
    """

    __tablename__ = "conflict"
    __table_args__ = (
        CheckConstraint("kind IN ('EMPLOYED', 'TAUGHT', 'RELATED', 'OTHER')", name="kind_known"),
        CheckConstraint("origin IN ('DECLARED', 'AUTOMATIC')", name="origin_known"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_whole"),
        CheckConstraint("ended_by IS NULL OR ended_by <> person_id", name="not_own_end"),
        CheckConstraint("ended_by IS NULL OR ended_by <> declared_by", name="two_people"),
        CheckConstraint("ended_by IS NULL OR end_reason <> ''", name="end_has_reason"),
        Index(None, "centre_number"),
        Index(None, "person_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(String(64))
    centre_number: Mapped[str] = mapped_column(String(5))
    """No reference: somebody may work at a centre before its entries, or anything else of it, arrive."""
    candidate_id: Mapped[str | None] = mapped_column(ForeignKey("candidate.id"))
    series_key: Mapped[str | None] = mapped_column(String(12))
    """Set with a candidate, who belongs to one series; the tie then holds in that series alone."""
    kind: Mapped[str] = mapped_column(String(10))
    origin: Mapped[str] = mapped_column(String(10), default="DECLARED")
    note: Mapped[str] = mapped_column(String(500), default="")
    source_id: Mapped[str | None] = mapped_column(String(36))
    """The role at the centre that an automatic conflict comes from."""
    declared_by: Mapped[str] = mapped_column(String(64))
    declared_at: Mapped[datetime]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(64))
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(String(500), default="")


class Involvement(Base):
    """A person had a part in judging a work: written by the database in the statement of the mark or decision itself.

    ``work_id`` is the smallest thing judged: a sample item, else the case, or a script. There are as many rows as marks,
    so they refer without a checked reference; each is made from a row that has one.
    """

    __tablename__ = "involvement"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012

    case_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """The case that the work is part of; of a script, the script."""
    person_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    act: Mapped[str] = mapped_column(String(10), primary_key=True)
    work_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    work_kind: Mapped[str] = mapped_column(String(12))
    done_at: Mapped[datetime]
    """When first; the same person may change a mark again."""


class PersonAlias(Base):
    """Two accounts that are one human. Every pair of a human's accounts stands here, in both orders, for good."""

    __tablename__ = "person_alias"
    __table_args__ = (
        CheckConstraint("person_id <> other_id", name="two_accounts"),
        CheckConstraint("merged_by <> person_id AND merged_by <> other_id", name="merged_by_another"),
    )

    person_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    other_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    merged_by: Mapped[str] = mapped_column(String(64))
    merged_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(500))
