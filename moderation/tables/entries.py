"""Tables of centres, candidates and their entries."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id

_WITHDRAWN = text("withdrawn_at IS NOT NULL")


class Centre(Base):
    """A school or college; its nation decides which bank holidays count."""

    __tablename__ = "centre"

    centre_number: Mapped[str] = mapped_column(String(5), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), default="")
    nation: Mapped[str] = mapped_column(String(20), default="ENGLAND")


class Consortium(Base):
    """Centres that are moderated as one group in a component of a series."""

    __tablename__ = "consortium"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    component_code: Mapped[str] = mapped_column(String(12))
    lead_centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"))


class ConsortiumMember(Base):
    """A centre of a consortium; a centre is in one consortium per component."""

    __tablename__ = "consortium_member"
    __table_args__ = (UniqueConstraint("series_key", "component_code", "centre_number"),)

    consortium_id: Mapped[str] = mapped_column(ForeignKey("consortium.id"), primary_key=True)
    centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"), primary_key=True)
    series_key: Mapped[str] = mapped_column(String(12))
    component_code: Mapped[str] = mapped_column(String(12))


class Candidate(Base):
    """A candidate of a centre in a series."""

    __tablename__ = "candidate"
    __table_args__ = (UniqueConstraint("series_key", "centre_number", "candidate_number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"))
    candidate_number: Mapped[str] = mapped_column(String(4))
    surname: Mapped[str] = mapped_column(String(60), default="")
    forenames: Mapped[str] = mapped_column(String(60), default="")
    uci: Mapped[str] = mapped_column(String(13), default="")
    sex: Mapped[str] = mapped_column(String(1), default="")
    born_on: Mapped[date | None]
    upn: Mapped[str] = mapped_column(String(13), default="", server_default="")
    uln: Mapped[str] = mapped_column(String(10), default="", server_default="")
    status: Mapped[str] = mapped_column(String(1), default="C", server_default="C")
    """``C`` for a candidate of the centre, ``P`` for a private one."""


class Entry(Base):
    """A candidate put in for an option; the source of every candidate list."""

    __tablename__ = "entry"
    __table_args__ = (
        ForeignKeyConstraint(
            ["series_key", "option_code"],
            ["entry_option.series_key", "entry_option.option_code"],
            name="fk_entry_option",
        ),
        Index(None, "series_key", "option_code"),
        Index("ix_entry_withdrawn", "series_key", sqlite_where=_WITHDRAWN, postgresql_where=_WITHDRAWN),
    )

    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"), primary_key=True)
    option_code: Mapped[str] = mapped_column(String(6), primary_key=True)
    series_key: Mapped[str] = mapped_column(String(12))
    withdrawn_at: Mapped[datetime | None]
    flag: Mapped[str] = mapped_column(String(1), default="", server_default="")
    """The character behind the option in the entry file: what it means is not public, so it is kept and not read."""
