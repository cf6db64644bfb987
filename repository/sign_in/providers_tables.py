"""Tables of signing in at identity providers. No token, code or secret of theirs is kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from repository.tables import Base, Instant, new_id


class ProviderMessage(Base):
    """A message of a provider that was taken once, by its hash, so that it is never taken again: an answer, a logout."""

    __tablename__ = "provider_message"
    message_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(Instant, index=True)


class ProviderSession(Base):
    """Which account signed in under which sign-in of its provider (``sid``), so that the provider can end it."""

    __tablename__ = "provider_session"
    sid_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """Of the issuer and its ``sid`` together."""
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(Instant, index=True)


class IdentityRequest(Base):
    """Somebody whom a provider vouched for and who has no role yet: waits until an officer grants one, or refuses."""

    __tablename__ = "identity_request"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    centre_number: Mapped[str | None] = mapped_column(String(5), index=True)
    """None where the claims name no centre: an officer of the awarding body decides."""
    roles: Mapped[list[str]] = mapped_column(JSON)
    """What the claims speak for; may be none."""
    asked_at: Mapped[datetime] = mapped_column(Instant)
    decision: Mapped[str | None] = mapped_column(String(16))
    """``granted`` or ``refused``; None while it waits."""
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(64))
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignment.id"))
    __table_args__ = (
        CheckConstraint(
            "(decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by IS NULL)", name="decided"
        ),
        CheckConstraint("decision IS NULL OR decision IN ('granted', 'refused')", name="decision"),
        CheckConstraint(
            "(assignment_id IS NOT NULL) = (decision IS NOT NULL AND decision = 'granted')", name="granted"
        ),
    )
