"""Tables of exchange: whose turn it is to import, and files that came before the one they follow."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class ImportTurn(Base):
    """The turn to import one kind of file for one centre: its row is locked for as long as an import lasts.

    The lease ends with the transaction that took it, whatever becomes of its holder, so that none is left behind.
    ``centre_number`` is blank for files that belong to no centre.
    """

    __tablename__ = "import_turn"

    series_key: Mapped[str] = mapped_column(String(12), primary_key=True)
    centre_number: Mapped[str] = mapped_column(String(5), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    turns: Mapped[int] = mapped_column(default=1, server_default="1")
    taken_at: Mapped[datetime]
    taken_by: Mapped[str] = mapped_column(String(64))


class WaitingFile(Base):
    """An amendment file whose sequence number leaves a gap: it waits for the one before it, and is gone once taken in."""

    __tablename__ = "waiting_file"
    __table_args__ = (UniqueConstraint("series_key", "centre_number", "kind", "sequence"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    centre_number: Mapped[str] = mapped_column(String(5))
    kind: Mapped[str] = mapped_column(String(20))
    sequence: Mapped[int]
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    arrived_at: Mapped[datetime]
    arrived_by: Mapped[str] = mapped_column(String(64))
