"""Tables of mail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from repository.tables import Base, Instant, new_id


class MailMessage(Base):
    """One letter to one address. ``key`` says what it is about, so that the same is never queued twice.

    ``message_id`` is given at the first try and stays: whoever receives a message twice sees that it is one.
    """

    __tablename__ = "mail_message"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    to_address: Mapped[str] = mapped_column(String(320))
    centre_number: Mapped[str | None] = mapped_column(String(5))
    letter: Mapped[str] = mapped_column(String(40))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    receipt_ids: Mapped[list[str]] = mapped_column(JSON)
    """Receipts that go along, made into files when the message is sent."""
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(Instant)
    available_at: Mapped[datetime] = mapped_column(Instant)
    claimed_until: Mapped[datetime | None] = mapped_column(Instant)
    message_id: Mapped[str | None] = mapped_column(String(255))
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    last_reply: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        Index("ix_mail_message_state_available_at", "state", "available_at"),
        Index("ix_mail_message_to_address_created_at", "to_address", "created_at"),
        Index("ix_mail_message_centre_number_letter", "centre_number", "letter"),
    )
