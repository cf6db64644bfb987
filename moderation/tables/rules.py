"""Tables of the rules that officers imported, of exemptions, and of works asked for after the first request."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id

_CURRENT = text("superseded_at IS NULL")


class ProfileRow(Base):
    """One version of a sample profile, as it was imported; never changed."""

    __tablename__ = "sample_profile"

    profile_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]
    imported_at: Mapped[datetime]
    imported_by: Mapped[str] = mapped_column(String(64))


class PolicyRow(Base):
    """One version of a moderation policy, as it was imported; never changed."""

    __tablename__ = "moderation_policy"

    policy_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]
    imported_at: Mapped[datetime]
    imported_by: Mapped[str] = mapped_column(String(64))


class RuleAssignment(Base):
    """Which profile and policy govern a body, family, series or component; an empty key field stands for anything.

    A later one with the same key supersedes it.
    """

    __tablename__ = "rule_assignment"
    __table_args__ = (
        Index(
            "uq_rule_assignment_current",
            "awarding_body",
            "family",
            "series",
            "component_code",
            unique=True,
            sqlite_where=_CURRENT,
            postgresql_where=_CURRENT,
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    awarding_body: Mapped[str] = mapped_column(String(2))
    family: Mapped[str] = mapped_column(String(1), default="")
    series: Mapped[str] = mapped_column(String(4), default="")
    component_code: Mapped[str] = mapped_column(String(12), default="")
    profile_id: Mapped[str | None] = mapped_column(String(40))
    profile_version: Mapped[int | None]
    policy_id: Mapped[str | None] = mapped_column(String(40))
    policy_version: Mapped[int | None]
    assigned_at: Mapped[datetime]
    assigned_by: Mapped[str] = mapped_column(String(64))
    superseded_at: Mapped[datetime | None]


class SampleExemption(Base):
    """A centre that need not send a sample of a component, or of a family of qualifications, until a day."""

    __tablename__ = "sample_exemption"
    __table_args__ = (
        CheckConstraint("component_code <> '' OR family <> ''", name="names_component_or_family"),
        Index(None, "centre_number"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    awarding_body: Mapped[str] = mapped_column(String(2))
    centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"))
    family: Mapped[str] = mapped_column(String(1), default="")
    component_code: Mapped[str] = mapped_column(String(12), default="")
    expires_on: Mapped[date]
    reason: Mapped[str] = mapped_column(String(500))
    granted_at: Mapped[datetime]
    granted_by: Mapped[str] = mapped_column(String(64))
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(64))


class WorkRequest(Base):
    """Works asked for after the first request: more of them, all of them, or one in place of another."""

    __tablename__ = "work_request"
    __table_args__ = (Index(None, "sample_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sample_id: Mapped[str] = mapped_column(ForeignKey("sample.id"))
    kind: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(500))
    requested_at: Mapped[datetime]
    requested_by: Mapped[str] = mapped_column(String(64))
    due_at: Mapped[datetime]
    previous_due_at: Mapped[datetime]
    """When the sample was due before this request."""
