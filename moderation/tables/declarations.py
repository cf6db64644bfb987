"""Tables of declarations: what is declared of a component's work, and what was declared of each candidate's."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class DeclarationRule(Base):
    """The words of a body's declaration, and whether each candidate's work needs one; an empty component means any."""

    __tablename__ = "declaration_rule"

    awarding_body: Mapped[str] = mapped_column(String(2), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    statement: Mapped[str] = mapped_column(String(1000))
    each_candidate: Mapped[bool]
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(64))


class CandidateDeclaration(Base):
    """Somebody's declaration that a candidate's work is the candidate's own; rows are only added, the newest counts."""

    __tablename__ = "candidate_declaration"
    __table_args__ = (UniqueConstraint("sample_item_id", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sample_item_id: Mapped[str] = mapped_column(ForeignKey("sample_item.id"))
    number: Mapped[int]
    statement: Mapped[str] = mapped_column(String(1000))
    declared_by: Mapped[str] = mapped_column(String(64))
    declared_as: Mapped[str] = mapped_column(String(32))
    """The role in which it was declared."""
    declared_at: Mapped[datetime]
    taken_back_by: Mapped[str | None] = mapped_column(String(64))
    taken_back_at: Mapped[datetime | None]
